/* Data files: any bytes are read as labelled texts or refused. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"

static const unsigned char *fuzz_seed(int i, size_t *n) {
    static const char *const files[] = { "a\tthe first text\nb\tthe second\ttext\n", "label,text\r\na,\"quoted \"\"text\"\"\"\r\nb,x\r\n", "{\"label\":\"a\",\"text\":\"one\"}\n{\"label\":1,\"sentence1\":\"two\",\"sentence2\":\"three\"}\n",
        "[{\"label\":\"a\",\"text\":\"one\"},{\"label\":\"b\",\"text\":\"two\"}]", "\xef\xbb\xbf" "0\tx\n1\ty\n", "0.5\tx\n" };
    if (i >= (int)(sizeof files / sizeof *files)) return NULL;
    *n = strlen(files[i]);
    return (const unsigned char *)files[i];
}

static void fuzz_one(const unsigned char *data, size_t n) {
    static ldr_tokenizer *t;
    static unsigned turn;
    static const char *const names[] = { "x.tsv", "x.csv", "x.json", "x" };
    ldr__reader r;
    ldr_error err;
    int f;
    memset(&err, 0, sizeof err);
    memset(&r, 0, sizeof r);
    if (!t) t = ldr_tokenizer_load_memory("[UNK]\n[CLS]\n[SEP]\na\n##b\n", 26, NULL, NULL);
    r.tokenizer = t;
    r.desc.max_len = 16;
    r.desc.head = ++turn & 1 ? LDR_HEAD_CLASSIFY : LDR_HEAD_REGRESS;
    r.d = ldr_dataset_create(&r.desc, NULL);
    r.data = (const char *)data;
    r.size = n;
    if (ldr__reader_bytes(&r, names[turn / 2 % 4], &err) && !err.message[0]) abort();
    for (f = 0; f < LDR__FIELDS; f++) ldr__free(NULL, r.field[f], r.capacity[f]);
    ldr_dataset_free(r.d);
}
