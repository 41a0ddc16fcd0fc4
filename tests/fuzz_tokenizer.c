/* Tokenizer files: any bytes load or are refused, and what loads encodes and decodes. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_files.h"

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static const char *const small[] = {
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##ly\n\xe4\xb8\xad\n",
    "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"},{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAEAAIAA\"}]},"
    "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"prepend_scheme\":\"first\",\"split\":true},\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"<unk>\",0],[\"\xe2\x96\x81\",-2],[\"a\",-1.5],[\"ab\",-3]]},"
    "\"decoder\":{\"type\":\"Metaspace\"}}",
    "{\"added_tokens\":[{\"id\":4,\"content\":\"<m>\",\"lstrip\":true,\"special\":true}],\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s)|[^\\\\r\\\\p{L}]?\\\\p{L}+|\\\\s+(?!\\\\S)\"},\"behavior\":\"Isolated\",\"invert\":false},"
    "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"b\",1],\"cls\":[\"a\",0]},\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1}]},"
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"a\",\"fuse_unk\":true,\"byte_fallback\":true,\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"abb\":3},\"merges\":[\"a b\",[\"ab\",\"b\"]]}}",
  };
  static const char model[] = "\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02\x0a\x0c\x0a\x03<s>\x18\x03\x15\x00\x00\x00\x00\x0a\x0a\x0a\x03\xe2\x96\x81\x15\x00\x00\x80\xbf\x0a\x08\x0a\x01" "a\x15\x00\x00\x80\xbf\x12\x05\x18\x02\x98\x02\x01";
  static char *lines[32];
  static size_t sizes[32];
  static int count = -1;
  static file_bytes gguf[4];
  if (i < 4 && !gguf[i].p) {
    static const char bytes[] = "<s>|</s>|a|b|c|ab|abc|1|\xc4\xa0|x", sp[] = "<s>|</s>|<unk>|\xe2\x96\x81|a|b|ab|\xe2\x96\x81" "ab|<0x78>";
    gguf[i] = i == 0 ? gguf_tokenizer("gpt2", "llama-bpe", bytes, "3311111111", NULL, "a b|ab c") : i == 1 ? gguf_tokenizer("llama", NULL, sp, "332111116", "000543210", NULL) :
          i == 2 ? gguf_tokenizer("t5", NULL, sp, "332111116", "000543210", NULL) : gguf_tokenizer("bert", NULL, "[CLS]|[SEP]|[UNK]|\xe2\x96\x81" "a|b", "33311", NULL, NULL);
  }
  if (i >= 4 && i < 8) {
    *n = gguf[i - 4].n;
    return gguf[i - 4].p;
  }
  if (i < 4) {
    *n = i == 3 ? sizeof model - 1 : strlen(small[i]);
    return (const unsigned char *)(i == 3 ? model : small[i]);
  }
  if (count < 0) {
    FILE *f = fopen("golden/tokenizers.jsonl", "rb");
    static char text[1 << 20];
    size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;
    char *s = text, *end;
    count = 0;
    if (f) fclose(f);
    text[size] = 0;
    for (; (end = strchr(s, '\n')) != NULL && count < 32; s = end + 1) {
      char *file = strstr(s, "\"file\":"), *cases = strstr(s, ",\"cases\":");
      if (!file || !cases || file > end || cases > end) continue;
      lines[count] = file + 7;
      sizes[count++] = (size_t)(cases - file - 7);
    }
  }
  if (i - 8 >= count) return NULL;
  *n = sizes[i - 8];
  return (const unsigned char *)lines[i - 8];
}

static void fuzz_one(const unsigned char *data, size_t n) {
  static const char sample[] = "  The ladder's <m> ab [SEP] 128\r\n \xe4\xbd\xa0\xe5\xa5\xbd\xcc\x81\xcc\xa3 \xf0\x9f\xa6\x99\xff caf\xc3\xa9 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbb";
  ldr_tokenizer_desc d;
  ldr_encoding e;
  ldr_text out;
  ldr_tokenizer *t;
  memset(&d, 0, sizeof d);
  memset(&e, 0, sizeof e);
  memset(&out, 0, sizeof out);
  d.merges = "a b\n";
  d.merges_size = 4;
  t = ldr_tokenizer_load_memory(data, n, &d, NULL);
  if (!t) return;
  if (!ldr_tokenizer_encode(t, &e, sample, sizeof sample - 1, sample, 20, (int32_t)(n % 40), n & 1, NULL)) ldr_tokenizer_decode(t, &out, e.ids, e.count, n & 2, NULL);
  ldr_encoding_free(&e);
  ldr_text_free(&out);
  ldr_tokenizer_free(t);
}
