/* Texts: any bytes go through tokenizers of every kind, with offsets inside the text, and back. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static const char *const texts[] = { "Hello, world! it's  <mask> DON'T\r\n\t", "\xe4\xbd\xa0\xe5\xa5\xbd 123 caf\xc3\xa9 e\xcc\x81\xcc\xa3", "\xed\x95\x9c\xea\xb8\x80 \xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
    "\xf0\x9f\x98\x80\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac\xef\xb8\x8f", "\xef\xb7\xba \xc2\xa0\xe3\x80\x80 \xff\xfe\xed\xa0\x80", "<s></s>[CLS][SEP] the thing things", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" };
  if (i >= (int)(sizeof texts / sizeof *texts)) return NULL;
  *n = strlen(texts[i]);
  return (const unsigned char *)texts[i];
}

static ldr_tokenizer *fuzz_tokenizers[16];
static int fuzz_count;

static void fuzz_load(void) {
  static char text[1 << 20];
  FILE *f = fopen("golden/tokenizers.jsonl", "rb");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  char *s = text, *end;
  text[n] = 0;
  if (f) fclose(f);
  for (; (end = strchr(s, '\n')) != NULL && fuzz_count < 16; s = end + 1) {
    char *file = strstr(s, "\"file\":"), *cases = strstr(s, ",\"cases\":");
    if (file && cases && file < end && cases < end) fuzz_tokenizers[fuzz_count] = ldr_tokenizer_load_memory(file + 7, (size_t)(cases - file - 7), NULL, NULL);
    fuzz_count += fuzz_tokenizers[fuzz_count] != NULL;
  }
}

static void fuzz_one(const unsigned char *data, size_t n) {
  static ldr_encoding e;
  static ldr_text out;
  static unsigned turn;
  const ldr_tokenizer *t;
  ldr_status status;
  int32_t i;
  size_t half = n / 2;
  if (!fuzz_count) fuzz_load();
  if (!fuzz_count) return;
  t = fuzz_tokenizers[turn++ % (unsigned)fuzz_count];
  status = ldr_tokenizer_encode(t, &e, (const char *)data, n, turn & 16 ? (const char *)data + half : NULL, turn & 16 ? n - half : 0, turn & 32 ? 8 : 0, 1, NULL);
  if (status && status != LDR_LIMIT && status != LDR_VOCAB) abort();
  for (i = 0; i < e.count; i++)
    if (e.ids[i] < 0 || e.ids[i] >= ldr_tokenizer_size(t) || e.begin[i] < 0 || e.begin[i] > e.end[i] || (size_t)e.end[i] > n || !ldr_encoding_piece(t, &e, i, NULL)) abort();
  if (ldr_tokenizer_decode(t, &out, e.ids, e.count, 0, NULL)) abort();
}
