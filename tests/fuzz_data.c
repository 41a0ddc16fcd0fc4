/* Data files: any bytes are read as labelled texts or refused. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static const char *const files[] = { "a\tthe first text\nb\tthe second\ttext\n", "label,text\r\na,\"quoted \"\"text\"\"\"\r\nb,x\r\n", "{\"label\":\"a\",\"text\":\"one\"}\n{\"label\":1,\"sentence1\":\"two\",\"sentence2\":\"three\"}\n",
    "[{\"label\":\"a\",\"text\":\"one\"},{\"label\":\"b\",\"text\":\"two\"}]", "\xef\xbb\xbf" "0\tx\n1\ty\n", "0.5\tx\n", "text;label\n\"a;b\";c\n", "\xff\xfe" "a" };
  if (i >= (int)(sizeof files / sizeof *files)) return NULL;
  *n = strlen(files[i]);
  return (const unsigned char *)files[i];
}

static void fuzz_one(const unsigned char *data, size_t n) {
  static ldr_tokenizer *t;
  static unsigned turn;
  static const char words[] = "[UNK]\n[CLS]\n[SEP]\na\n##b\n";
  static const char *const names[] = { "x.tsv", "x.csv", "x.json", "x" };
  static const char *const columns[] = { NULL, NULL, NULL, NULL, "text,label", "-,label,text,text2", NULL, "label,label" };
  static const char *const encodings[] = { NULL, NULL, NULL, NULL, "windows-1252", "utf-16le", "utf-16be", "utf-16" };
  ldr__reader r;
  ldr__source s;
  ldr_status status;
  ldr_error err;
  memset(&err, 0, sizeof err);
  memset(&r, 0, sizeof r);
  if (!t) t = ldr_tokenizer_load_memory(words, sizeof words - 1, NULL, NULL);
  r.tokenizer = t;
  r.desc.max_len = 16;
  r.desc.head = ++turn & 1 ? LDR_HEAD_CLASSIFY : LDR_HEAD_REGRESS;
  r.d = ldr_dataset_create(&r.desc, NULL);
  memset(&s, 0, sizeof s);
  s.data = data;
  s.size = n;
  r.unlabelled = turn / 8 % 4 == 3;
  r.desc.columns = columns[turn / 8 % 8];
  r.desc.encoding = encodings[turn / 64 % 8];
  status = ldr__reader_decode(&r, &s, &err);
  if (!status) status = ldr__reader_bytes(&r, names[turn / 2 % 4], &err);
  if (status && !err.message[0]) abort();
  ldr__source_close(&s);
  ldr__reader_free(&r);
  ldr_dataset_free(r.d);
}
