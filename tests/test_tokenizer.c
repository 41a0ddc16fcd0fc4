/* Tokenizers of every kind against the original libraries' answers, Unicode's tables and hostile files. */

#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/padding.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_files.h"

static const char tiny[] =
  "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##ly\nfriend\ncafe\n!\n,\n##s\na\nb\n##b\n##c\n"
  "\xe4\xb8\xad\n\xe6\x96\x87\n[\n]\nmask\n\xc3\xa9\n##e\ne\ni\n##\xcc\x87\n\xf0\x9f\x98\x80\n";
enum { PAD, UNK, CLS, SEP, MASK, HELLO, WORLD, LY, FRIEND, CAFE, BANG, COMMA, S, A, B, B_, C_, ZHONG, WEN, OPEN, CLOSE, MASKWORD, E_ACUTE, E_, E, I, DOT_, SMILE, TINY };

static ldr_tokenizer *load_text(const char *text, const ldr_tokenizer_desc *desc) {
  ldr_error err;
  ldr_tokenizer *t;
  memset(&err, 0, sizeof err);
  t = ldr_tokenizer_load_memory(text, strlen(text), desc, &err);
  CHECK_STR(err.message, "");
  CHECK(t != NULL);
  return t;
}

static ldr_tokenizer *load_with(const char *text, ldr_choice lower, ldr_choice strip, ldr_choice cjk) {
  ldr_tokenizer_desc d;
  memset(&d, 0, sizeof d);
  d.lower_case = lower;
  d.strip_accents = strip;
  d.cjk_spacing = cjk;
  return load_text(text, &d);
}

static ldr_tokenizer *load_file(const char *path) {
  ldr_error err;
  ldr_tokenizer *t;
  memset(&err, 0, sizeof err);
  t = ldr_tokenizer_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  CHECK(t != NULL);
  return t;
}

/* Numbers separated by anything else; *end receives where the line stops. */
static int read_ids(int32_t *ids, int cap, const char *s, const char **end) {
  int n = 0;
  while (*s && *s != '\n') {
    if (*s >= '0' && *s <= '9') {
      char *next;
      long v = strtol(s, &next, 10);
      if (n < cap) ids[n++] = (int32_t)v;
      s = next;
    } else s++;
  }
  if (end) *end = *s ? s + 1 : s;
  return n;
}

static int same_ids(const ldr_encoding *e, const int32_t *want, int count) {
  return e->count == count && (count == 0 || memcmp(e->ids, want, (size_t)count * sizeof *want) == 0);
}

/* Encodes one text without special tokens and compares with ids given as text. */
static int encodes(const ldr_tokenizer *t, const char *text, size_t size, const char *ids, int32_t special) {
  static int32_t want[4096];
  ldr_encoding e;
  int n = read_ids(want, 4096, ids, NULL), ok;
  memset(&e, 0, sizeof e);
  ok = !ldr_tokenizer_encode(t, &e, text, size, NULL, 0, 0, special, NULL) && same_ids(&e, want, n);
  ldr_encoding_free(&e);
  return ok;
}

#define CHECK_IDS(t, text, ...)                                                                       \
  do {                                                                                              \
    static const int32_t want_[] = { __VA_ARGS__, 0 };                                            \
    ldr_encoding e_;                                                                              \
    memset(&e_, 0, sizeof e_);                                                                    \
    CHECK_INT(ldr_tokenizer_encode((t), &e_, (text), sizeof(text) - 1, NULL, 0, 0, 0, NULL), 0);  \
    CHECK(same_ids(&e_, want_, (int)(sizeof want_ / sizeof *want_) - 1));                         \
    ldr_encoding_free(&e_);                                                                       \
  } while (0)

/* ---- behaviour, from a vocabulary in memory -------------------------------------------- */

TEST(vocabulary) {
  ldr_tokenizer *t = load_text(tiny, NULL);
  CHECK_INT(ldr_tokenizer_size(t), TINY);
  CHECK_STR(ldr_tokenizer_piece(t, HELLO), "hello");
  CHECK_STR(ldr_tokenizer_piece(t, SMILE), "\xf0\x9f\x98\x80");
  CHECK(ldr_tokenizer_piece(t, -1) == NULL && ldr_tokenizer_piece(t, TINY) == NULL);
  CHECK_INT(ldr_tokenizer_find(t, "##ly"), LY);
  CHECK_INT(ldr_tokenizer_find(t, "ly"), -1);
  CHECK_INT(ldr_tokenizer_find(t, ""), -1);
  ldr_tokenizer_free(t);
  ldr_tokenizer_free(NULL);
  CHECK_INT(ldr_tokenizer_size(NULL), 0);
}

TEST(vocabulary_lines) {
  ldr_tokenizer *t = load_text("[UNK]\r\na\r\nb\n\na\rlast", NULL);   /* CR LF, LF, empty, twice, CR, no end */
  CHECK_INT(ldr_tokenizer_size(t), 6);
  CHECK_STR(ldr_tokenizer_piece(t, 1), "a");
  CHECK_STR(ldr_tokenizer_piece(t, 3), "");
  CHECK_STR(ldr_tokenizer_piece(t, 5), "last");
  CHECK_INT(ldr_tokenizer_find(t, "a"), 4);                            /* the last of two, as HF's dict */
  CHECK_IDS(t, "a b last", 4, 2, 5);
  ldr_tokenizer_free(t);
}

TEST(words_and_pieces) {
  ldr_tokenizer *t = load_text(tiny, NULL);
  CHECK_IDS(t, "Hello, WORLD!", HELLO, COMMA, WORLD, BANG);
  CHECK_IDS(t, "friendly friends friendlys", FRIEND, LY, FRIEND, S, FRIEND, LY, S);
  CHECK_IDS(t, "friendx hello", UNK, HELLO);
  CHECK_IDS(t, "CAF\xc3\x89 cafe\xcc\x81", CAFE, CAFE);
  CHECK_IDS(t, "hello\xe4\xb8\xad\xe6\x96\x87world", HELLO, ZHONG, WEN, WORLD);
  CHECK_IDS(t, "he\xc2\xadllo a\xff" "bc hel\x01lo", HELLO, A, B_, C_, HELLO);
  CHECK_IDS(t, "\xc4\xb0", I);                                         /* U+0130, without its dot */
  CHECK_IDS(t, " \t\r\n\xe3\x80\x80hello\xc2\xa0world\xe2\x80\xa8" "a", HELLO, WORLD, A);
  ldr_tokenizer_free(t);
  t = load_with(tiny, LDR_ON, LDR_OFF, LDR_OFF);
  CHECK_IDS(t, "\xc3\x89 \xc4\xb0 \xe4\xb8\xad\xe6\x96\x87", E_ACUTE, I, DOT_, UNK);
  ldr_tokenizer_free(t);
  t = load_with(tiny, LDR_OFF, LDR_AUTO, LDR_AUTO);
  CHECK_IDS(t, "Hello hello \xc3\xa9 \xe4\xb8\xad\xe6\x96\x87", UNK, HELLO, E_ACUTE, ZHONG, WEN);
  ldr_tokenizer_free(t);
  t = load_with(tiny, LDR_OFF, LDR_ON, LDR_AUTO);
  CHECK_IDS(t, "caf\xc3\xa9 Hello", CAFE, UNK);
  ldr_tokenizer_free(t);
}

TEST(special_tokens_in_text) {
  ldr_tokenizer *t = load_text(tiny, NULL);
  CHECK_IDS(t, "a[MASK]b", A, MASK, B);
  CHECK_IDS(t, "[CLS][SEP][PAD][UNK]", CLS, SEP, PAD, UNK);
  CHECK_IDS(t, "[mask] [[MASK]] [MASK", OPEN, MASKWORD, CLOSE, OPEN, MASK, CLOSE, OPEN, MASKWORD);
  ldr_tokenizer_free(t);
}

TEST(long_words) {
  char text[512];
  int i;
  ldr_tokenizer *t = load_text("[UNK]\na\n##a\n", NULL);
  ldr_encoding e;
  memset(&e, 0, sizeof e);
  memset(text, 'a', sizeof text);
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, 100, NULL, 0, 0, 0, NULL), 0);
  CHECK_INT(e.count, 100);
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, 101, NULL, 0, 0, 0, NULL), 0);
  CHECK_INT(e.count, 1);
  CHECK_INT(e.ids[0], 0);
  CHECK_INT(e.end[0], 101);
  for (i = 0; i < 100; i++) memcpy(text + 2 * i, "\xc3\xa1", 2);      /* 100 characters are counted, not bytes */
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, 200, NULL, 0, 0, 0, NULL), 0);
  CHECK_INT(e.count, 100);
  for (i = 0; i < 100; i++) memcpy(text + 3 * i, "a\xcc\x81", 3);     /* a mark that falls off is none */
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, 300, NULL, 0, 0, 0, NULL), 0);
  CHECK_INT(e.count, 100);
  CHECK_INT(e.end[99], 298);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

TEST(added_tokens_and_segments) {
  static const int32_t ids[] = { CLS, HELLO, SEP, WORLD, BANG, SEP }, segments[] = { 0, 0, 0, 1, 1, 1 }, texts[] = { -1, 0, -1, 1, 1, -1 };
  ldr_tokenizer *t = load_text(tiny, NULL);
  ldr_encoding e;
  int i;
  memset(&e, 0, sizeof e);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "hello", 5, " world!", 7, 0, 1, NULL), 0);
  CHECK(same_ids(&e, ids, 6));
  for (i = 0; i < e.count; i++) {
    CHECK_INT(e.segments[i], segments[i]);
    CHECK_INT(e.text[i], texts[i]);
  }
  CHECK_INT(e.begin[3], 1);
  CHECK_INT(e.end[3], 6);
  CHECK_INT(e.end[5], 0);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "hello", 5, "", 0, 0, 1, NULL), 0);      /* an empty second text is one */
  CHECK_INT(e.count, 4);
  CHECK_INT(e.segments[3], 1);
  CHECK_INT(ldr_tokenizer_encode(t, &e, NULL, 0, NULL, 0, 0, 1, NULL), 0);
  CHECK_INT(e.count, 2);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "", 0, NULL, 0, 0, 0, NULL), 0);
  CHECK_INT(e.count, 0);
  ldr_encoding_free(&e);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

TEST(wrong_calls) {
  ldr_tokenizer *t = load_text("[UNK]\na\n", NULL);
  ldr_tokenizer_desc d;
  ldr_encoding e;
  ldr_error err;
  memset(&e, 0, sizeof e);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_tokenizer_encode(NULL, &e, "a", 1, NULL, 0, 0, 0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_tokenizer_encode(t, NULL, "a", 1, NULL, 0, 0, 0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_tokenizer_encode(t, &e, NULL, 1, NULL, 0, 0, 0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "a", 1, NULL, 0, -1, 0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "a", 1, NULL, 0, 1, 1, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "a", 1, NULL, 0, 0, 1, &err), LDR_VOCAB);     /* no [CLS] */
  CHECK_INT(err.status, LDR_VOCAB);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "a", 1, NULL, 0, 0, 0, &err), 0);
  if (sizeof(size_t) > 4) CHECK_INT(ldr_tokenizer_encode(t, &e, "a", (size_t)INT32_MAX + 1, NULL, 0, 0, 0, NULL), LDR_LIMIT);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  memset(&d, 0, sizeof d);
  d.alloc.alloc_fn = ldr_test_heap_alloc;
  CHECK(ldr_tokenizer_load_memory(tiny, sizeof tiny - 1, &d, NULL) == NULL);
  CHECK(ldr_tokenizer_load_memory(NULL, 5, NULL, NULL) == NULL);
  CHECK(ldr_tokenizer_load(NULL, NULL, NULL) == NULL);
  CHECK(ldr_tokenizer_load("", NULL, NULL) == NULL);
}

/* ---- offsets --------------------------------------------------------------------------- */

/* Each token's bytes of the text, joined by '|'. */
static void check_spans(const ldr_tokenizer *t, const char *text, const char *want) {
  char got[512];
  size_t used = 0;
  int i;
  ldr_encoding e;
  memset(&e, 0, sizeof e);
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, strlen(text), NULL, 0, 0, 0, NULL), 0);
  for (i = 0; i < e.count; i++) {
    size_t n = (size_t)(e.end[i] - e.begin[i]);
    if (i) got[used++] = '|';
    memcpy(got + used, text + e.begin[i], n);
    used += n;
  }
  got[used] = 0;
  CHECK_STR(got, want);
  ldr_encoding_free(&e);
}

TEST(offsets) {
  ldr_tokenizer *t = load_text(tiny, NULL);
  check_spans(t, "  Hello,world! ", "Hello|,|world|!");
  check_spans(t, "friendlys x", "friend|ly|s|x");
  check_spans(t, "Caf\xc3\x89!", "Caf\xc3\x89|!");                                     /* composed          */
  check_spans(t, "cafe\xcc\x81\xcc\xa3 !\xcc\xb8 a", "cafe|!|a");                         /* marks that fall off count for nothing */
  check_spans(t, "\xcc\x81 a\xcc\x81" "bc", "a|b|c");
  check_spans(t, "a\xe4\xb8\xad\xe6\x96\x87" "b", "a|\xe4\xb8\xad|\xe6\x96\x87|b");
  check_spans(t, "a \xf0\x9f\x98\x80\xef\xb8\x8f b", "a|\xf0\x9f\x98\x80|b"); /* emoji and selector */
  check_spans(t, "[MASK]a[MASK]", "[MASK]|a|[MASK]");
  check_spans(t, "he\xc2\xadllo", "he\xc2\xadllo");                                     /* a soft hyphen inside */
  check_spans(t, "a\xe2\x89\xa0", "a|\xe2\x89\xa0");                                    /* not-equal is '=' and a mark */
  check_spans(t, "\xed\x95\x9c", "\xed\x95\x9c");                                       /* Hangul: jamo of one syllable */
  ldr_tokenizer_free(t);
}

/* ---- truncation ------------------------------------------------------------------------ */

TEST(truncation) {
  static char a[64], b[64];
  ldr_test_rng rng;
  ldr_tokenizer *t = load_text(tiny, NULL);
  ldr_encoding e;
  int round, i;
  memset(&e, 0, sizeof e);
  rng.state = 7;
  for (i = 0; i < 32; i++) {
    memcpy(a + 2 * i, "! ", 2);
    memcpy(b + 2 * i, ", ", 2);
  }
  for (round = 0; round < 5000; round++) {
    int n1 = (int)ldr_test_below(&rng, 33), n2 = (int)ldr_test_below(&rng, 34) - 1, max_len = (int)ldr_test_below(&rng, 70);
    int special = (int)ldr_test_below(&rng, 2), added = special ? (n2 < 0 ? 2 : 3) : 0, k1 = n1, k2 = n2 < 0 ? 0 : n2, at = special, ok = 1;
    if (max_len && max_len < added) continue;
    if (max_len && k1 + k2 + added > max_len) {                     /* the Rust library's rule */
      int room = max_len - added, small = k1 < k2 ? k1 : k2, large = small > room ? small : small > room - small ? small : room - small;
      if (small + large > room) {
        small = room / 2;
        large = room - small;
      }
      if (n2 < 0) k1 = room;
      else {
        k2 = k1 > k2 ? small : large;
        k1 = room - k2 < k1 ? room - k2 : k1;
      }
    }
    CHECK_INT(ldr_tokenizer_encode(t, &e, a, (size_t)n1 * 2, n2 < 0 ? NULL : b, n2 < 0 ? 0 : (size_t)n2 * 2, max_len, special, NULL), 0);
    CHECK_INT(e.count, k1 + k2 + added);
    if (e.count != k1 + k2 + added) break;
    for (i = 0; i < k1; i++, at++) ok = ok && e.ids[at] == BANG && e.begin[at] == 2 * i && e.text[at] == 0 && e.segments[at] == 0;
    at += special;
    for (i = 0; i < k2; i++, at++) ok = ok && e.ids[at] == COMMA && e.begin[at] == 2 * i && e.text[at] == 1 && e.segments[at] == 1;
    CHECK(ok);
    if (special) CHECK(e.ids[0] == CLS && e.ids[k1 + 1] == SEP && e.ids[e.count - 1] == SEP && e.text[k1 + 1] == -1);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

/* ---- tokenizer.json -------------------------------------------------------------------- */

#define VOCAB "\"vocab\":{\"[UNK]\":1,\"a\":0,\"++b\":2,\"\\u00e9\":3,\"A\":4,\"\xe4\xb8\xad\xe6\x96\x87\":5}"

#define BERT_PARTS "\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"

TEST(json_options) {
  ldr_tokenizer *t = load_text(" {" BERT_PARTS "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"++\",\"max_input_chars_per_word\":3," VOCAB "}}", NULL);
  CHECK_INT(ldr_tokenizer_size(t), 6);
  CHECK_STR(ldr_tokenizer_piece(t, 3), "\xc3\xa9");
  CHECK_IDS(t, "abb Abbb a", 0, 2, 2, 1, 0);
  ldr_tokenizer_free(t);
  t = load_text("{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false,\"strip_accents\":null,\"handle_chinese_chars\":false,\"clean_text\":true},"
                "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"added_tokens\":[{\"id\":1,\"content\":\"[UNK]\"}],\"model\":{\"type\":\"WordPiece\"," VOCAB "}}", NULL);
  CHECK_IDS(t, "A a \xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 a\x01[UNK]", 4, 0, 3, 5, 0, 1);
  ldr_tokenizer_free(t);
  t = load_text("{\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"normalizer\":null,\"model\":{\"type\":\"WordPiece\"," VOCAB "}}", NULL);
  CHECK_IDS(t, "A a\x0b" "a \xc3\xa9 a\x01", 4, 0, 0, 3, 1);
  ldr_tokenizer_free(t);
  t = load_text("{\"model\":{" VOCAB ",\"max_input_chars_per_word\":9}}", NULL);       /* no type, no splitter */
  CHECK_IDS(t, "a b", 1);
  ldr_tokenizer_free(t);
  t = load_text("{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0,\"a\":7}},\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"special\":true}]}", NULL);
  CHECK_INT(ldr_tokenizer_size(t), 8);                                                    /* ids may have gaps    */
  CHECK_INT(ldr_tokenizer_find(t, "<x>"), 3);
  CHECK_STR(ldr_tokenizer_piece(t, 5), "");
  CHECK_IDS(t, "a<x>b", 7, 3, 0);
  ldr_tokenizer_free(t);
}

#define MODEL(inside) "{\"model\":{\"type\":\"WordPiece\"," inside "}}"
#define PARTS(inside) "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0}}," inside "}"

TEST(hostile_files) {
  static const struct { const char *text; ldr_status status; int64_t offset; } cases[] = {
    { "", LDR_VOCAB, 0 },
    { "\n\n", LDR_VOCAB, -1 },
    { "a\nb\n", LDR_VOCAB, -1 },
    { "[UNK]\na\xff\n", LDR_VOCAB, 7 },
    { "[UNK]\n\xed\xa0\x80\n", LDR_VOCAB, 6 },
    { "{\"a\":", LDR_JSON, -2 },
    { "{}", LDR_MISSING, 0 },
    { "{\"model\":[]}", LDR_MISSING, 0 },
    { "{\"model\":{\"vocab\":{}}}", LDR_VOCAB, -1 },
    { "{\"model\":{}}", LDR_UNSUPPORTED, 9 },
    { "{\"model\":{\"type\":\"BPE\"}}", LDR_VOCAB, 9 },
    { "{\"model\":{\"type\":\"Bpe\"}}", LDR_UNSUPPORTED, 18 },
    { "{\"model\":{\"type\":7}}", LDR_UNSUPPORTED, 17 },
    { "{\"[UNK]\":0}", LDR_MISSING, 0 },
    { MODEL("\"x\":1"), LDR_VOCAB, 9 },
    { MODEL("\"vocab\":[1]"), LDR_VOCAB, 37 },
    { MODEL("\"vocab\":{}"), LDR_VOCAB, -1 },
    { MODEL("\"vocab\":{\"a\":0}"), LDR_VOCAB, -1 },
    { MODEL("\"vocab\":{\"[UNK]\":999999}"), LDR_VOCAB, 46 },
    { MODEL("\"vocab\":{\"[UNK]\":-1}"), LDR_VOCAB, 46 },
    { MODEL("\"vocab\":{\"[UNK]\":0.5}"), LDR_VOCAB, 46 },
    { MODEL("\"vocab\":{\"[UNK]\":\"0\"}"), LDR_VOCAB, 47 },
    { MODEL("\"vocab\":{\"[UNK]\":99999999999999999999}"), LDR_VOCAB, 46 },
    { MODEL("\"vocab\":{\"[UNK]\":0,\"a\":0}"), LDR_VOCAB, 52 },
    { MODEL("\"vocab\":{\"[UNK]\":0,\"a\\u0000b\":1}"), LDR_VOCAB, 49 },
    { MODEL("\"unk_token\":\"<u>\",\"vocab\":{\"[UNK]\":0}"), LDR_VOCAB, -1 },
    { MODEL("\"unk_token\":5,\"vocab\":{\"[UNK]\":0}"), LDR_FORMAT, 41 },
    { MODEL("\"max_input_chars_per_word\":1e9,\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 56 },
    { MODEL("\"max_input_chars_per_word\":101,\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 56 },
    { MODEL("\"max_input_chars_per_word\":0,\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 56 },
    { PARTS("\"normalizer\":{\"type\":\"NFX\"}"), LDR_UNSUPPORTED, 72 },
    { PARTS("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a(\"},\"content\":\"\"}"), LDR_UNSUPPORTED, 101 },
    { PARTS("\"normalizer\":{\"type\":\"Replace\",\"pattern\":7,\"content\":\"\"}"), LDR_UNSUPPORTED, 91 },
    { PARTS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}"), LDR_FORMAT, 109 },
    { PARTS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAEAAIAA\"}"), LDR_OK, -3 },
    { PARTS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAH///8A\"}"), LDR_OK, -3 },
    { PARTS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAABAAAB\"}"), LDR_FORMAT, 109 },
    { PARTS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAFAAAA\"}"), LDR_FORMAT, 109 },
    { PARTS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"!!!!\"}"), LDR_FORMAT, 109 },
    { PARTS("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[[]]}"), LDR_FORMAT, 97 },
    { PARTS("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Gone\"}"), LDR_UNSUPPORTED, 119 },
    { PARTS("\"pre_tokenizer\":{\"type\":\"Jieba\"}"), LDR_UNSUPPORTED, 75 },
    { PARTS("\"decoder\":{\"type\":\"X\"}"), LDR_UNSUPPORTED, 69 },
    { PARTS("\"post_processor\":{\"type\":\"X\"}"), LDR_UNSUPPORTED, 76 },
    { PARTS("\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",0],\"sep\":[\"b\",9]}"), LDR_FORMAT, 112 },
    { PARTS("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}"), LDR_UNSUPPORTED, 67 },
    { PARTS("\"added_tokens\":[{\"content\":7}]"), LDR_FORMAT, 66 },
    { PARTS("\"added_tokens\":[{\"content\":\"x\",\"id\":0}]"), LDR_VOCAB, 66 },
    { PARTS("\"added_tokens\":[{\"content\":\"x\",\"id\":2000000000}]"), LDR_OK, -3 },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",\"0\"]]}}", LDR_VOCAB, 36 },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",1e999]]}}", LDR_VOCAB, 41 },
    { "{\"model\":{\"type\":\"Unigram\",\"unk_id\":5,\"vocab\":[[\"a\",0]]}}", LDR_FORMAT, 36 },
    { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", LDR_VOCAB, 56 },
    { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a c\"]}}", LDR_VOCAB, 56 },
    { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b c\"]}}", LDR_VOCAB, 56 },
    { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[[1,2]]}}", LDR_VOCAB, 55 },
    { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":{}}}", LDR_VOCAB, 54 },
    { "\x0a\x03\x0a\x01" "a", LDR_FORMAT, 5 },
    { "\x0a\x03\x0a\x01" "a\x0a\x7f", LDR_FORMAT, 5 },
    { "\x0a\x03\x0a\x01" "a\x0a\x03\x0a\x01" "b\x0a\x03\x0a\x01\xff", LDR_VOCAB, 12 },
    { "\x0a\x03\x0a\x01" "a\x0a\x03\x0a\x01" "b\x0a\x08\x0a\x01" "c\x15\xff\xff\xff\x7f", LDR_VOCAB, 12 },
    { "\x0a\x03\x0a\x01" "a\x0a\x03\x0a\x01" "b\x0a\x03\x0a\x01" "c\x12\x02\x18\x03", LDR_UNSUPPORTED, -1 },
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    ldr_error err;
    ldr_tokenizer_desc d;
    ldr_test_heap heap;
    ldr_tokenizer *t;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    d.alloc = ldr_test_alloc(&heap, 0);
    t = ldr_tokenizer_load_memory(cases[i].text, strlen(cases[i].text), &d, &err);
    if (err.status != cases[i].status || (cases[i].offset >= 0 && err.offset != (uint64_t)cases[i].offset)) printf("  case %d: %s: %s\n", (int)i, ldr_status_name(err.status), err.message);
    CHECK((t == NULL) == (cases[i].status != LDR_OK));
    CHECK_STR(ldr_status_name(err.status), ldr_status_name(cases[i].status));
    if (t) {
      ldr_tokenizer_free(t);
      CHECK_INT(heap.live, 0);
      continue;
    }
    if (cases[i].offset == -1) CHECK(err.offset == LDR_NO_OFFSET);
    if (cases[i].offset >= 0) CHECK_INT(err.offset, cases[i].offset);
    CHECK(err.message[0] != 0);
    CHECK_INT(heap.live, 0);
    CHECK_INT(heap.bad, 0);
    ldr_tokenizer_free(t);
  }
}

/* Every prefix and every single-byte change of a good file: an error or a tokenizer, never harm. */
TEST(damaged_json) {
  static const char good[] = "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\"," VOCAB "}}";
  char text[sizeof good];
  static const char bytes[] = "\"{}[]:,0\\u\xff";
  size_t i, k;
  for (i = 0; i < sizeof good; i++) ldr_tokenizer_free(ldr_tokenizer_load_memory(good, i, NULL, NULL));
  for (i = 0; i < sizeof good - 1; i++)
    for (k = 0; k < sizeof bytes; k++) {
      memcpy(text, good, sizeof good);
      text[i] = bytes[k];
      ldr_tokenizer_free(ldr_tokenizer_load_memory(text, sizeof good - 1, NULL, NULL));
    }
  CHECK(1);
}

/* ---- memory and files ------------------------------------------------------------------ */

static void check_out_of_memory(const void *vocab, size_t size) {
  long n;
  for (n = 1; n < 1000; n++) {
    ldr_test_heap heap;
    ldr_tokenizer_desc d;
    ldr_error err;
    ldr_tokenizer *t;
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.alloc = ldr_test_alloc(&heap, n);
    t = ldr_tokenizer_load_memory(vocab, size, &d, &err);
    CHECK_INT(heap.bad, 0);
    if (t) {
      ldr_tokenizer_free(t);
      CHECK_INT(heap.live, 0);
      break;
    }
    CHECK_INT(err.status, LDR_MEMORY);
    CHECK_INT(heap.live, 0);
  }
  CHECK(n > 1 && n < 1000);
}

TEST(out_of_memory) {
  static const char json[] = "{\"model\":{\"type\":\"WordPiece\"," VOCAB "}}";
  static char text[2000];
  long n;
  ldr_tokenizer *t;
  check_out_of_memory(tiny, sizeof tiny - 1);
  check_out_of_memory(json, sizeof json - 1);
  memset(text, '!', sizeof text);
  t = load_text(tiny, NULL);
  for (n = 1; n < 100; n++) {
    ldr_test_heap heap;
    ldr_encoding e;
    ldr_error err;
    ldr_status status;
    memset(&e, 0, sizeof e);
    memset(&err, 0, sizeof err);
    e.alloc = ldr_test_alloc(&heap, n);
    status = ldr_tokenizer_encode(t, &e, text, sizeof text, "a", 1, 0, 1, &err);
    CHECK_INT(err.status, status);
    CHECK_INT(e.count, status ? 0 : 2004);
    ldr_encoding_free(&e);
    CHECK_INT(heap.live, 0);
    CHECK_INT(heap.bad, 0);
    if (!status) break;
    CHECK_INT(status, LDR_MEMORY);
  }
  CHECK(n > 3 && n < 100);
  ldr_tokenizer_free(t);
}

TEST(files) {
  static const char path[] = "test_tokenizer.tmp";
  ldr_error err;
  ldr_tokenizer_desc d;
  ldr_test_heap heap;
  ldr_tokenizer *t;
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  d.alloc = ldr_test_alloc(&heap, 0);
  if (!ldr_test_write(path, tiny, sizeof tiny - 1)) SKIP("the current directory cannot be written");
  t = ldr_tokenizer_load(path, &d, &err);
  CHECK_STR(err.message, "");
  CHECK_INT(ldr_tokenizer_size(t), TINY);
  ldr_tokenizer_free(t);
  CHECK(ldr_test_write(path, "a\xff", 2));
  CHECK(ldr_tokenizer_load(path, &d, &err) == NULL);
  CHECK_INT(err.status, LDR_VOCAB);
  CHECK_INT(err.offset, 1);
  CHECK(strstr(err.message, path) != NULL);
  remove(path);
  memset(&err, 0, sizeof err);
  CHECK(ldr_tokenizer_load(path, &d, &err) == NULL);
  CHECK_INT(err.status, LDR_IO);
  CHECK_INT(heap.live, 0);
  CHECK_INT(heap.bad, 0);
}

TEST(model_directories) {
  char path[1024];
  ldr_error err;
  ldr_tokenizer *t;
  NEED_DATA(path, "models/bert-fixtures/ner_bert");
  t = load_file(path);
  CHECK_INT(t ? t->parts[LDR__NORMALIZERS].steps[0].flags[3] : -1, 1);
  ldr_tokenizer_free(t);
  NEED_DATA(path, "models/bert-fixtures/random");
  t = load_file(path);
  CHECK_INT(t ? t->parts[LDR__NORMALIZERS].steps[0].flags[3] + t->parts[LDR__NORMALIZERS].steps[0].flags[2] + t->parts[LDR__NORMALIZERS].steps[0].flags[1] : -1, 0);
  ldr_tokenizer_free(t);
  NEED_DATA(path, "models/bert-fixtures/bert-tiny-hf-fixture");
  t = load_file(path);
  CHECK_INT(ldr_tokenizer_size(t), 256);
  ldr_tokenizer_free(t);
  memset(&err, 0, sizeof err);
  NEED_DATA(path, "models/bert-fixtures/japanese-test");
  CHECK(ldr_tokenizer_load(path, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_UNSUPPORTED);
  CHECK(strstr(err.message, "mecab") != NULL);
  memset(&err, 0, sizeof err);
  NEED_DATA(path, "tokenizers");
  CHECK(ldr_tokenizer_load(path, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_MISSING);
}

/* ---- outside answers ------------------------------------------------------------------- */

/* Goes through a JSON array of texts and one of id lists side by side. */
static int32_t count_right(const ldr_tokenizer *t, const ldr_json *texts, int32_t text, const ldr_json *lists, int32_t list, const char *text_key, int32_t *total) {
  static char buffer[1 << 16];
  static int32_t want[1 << 14];
  ldr_encoding e;
  int32_t right = 0;
  memset(&e, 0, sizeof e);
  for (*total = 0; text >= 0 && list >= 0; ++*total) {
    int32_t node = text_key ? ldr_json_get(texts, text, text_key) : text, id = ldr_json_node_at(lists, list)->first, n = 0;
    ptrdiff_t length = ldr_json_string(buffer, sizeof buffer, texts, node);
    for (; id >= 0; id = ldr_json_node_at(lists, id)->next) want[n++] = (int32_t)ldr_json_number(lists, id, -1);
    if (!ldr_tokenizer_encode(t, &e, buffer, (size_t)length, NULL, 0, 0, 0, NULL) && same_ids(&e, want, n)) right++;
    text = ldr_json_node_at(texts, text)->next;
    list = ldr_json_node_at(lists, list)->next;
  }
  ldr_encoding_free(&e);
  return right;
}

static ldr_json *read_json(const char *relative, char **text) {
  char path[1024];
  size_t size = 0;
  *text = ldr_test_data_path(path, sizeof path, relative) ? ldr_test_read(path, &size) : NULL;
  return *text ? ldr_json_parse(*text, size, NULL, NULL) : NULL;
}

TEST(squad_questions) {
  char path[1024], *a = NULL, *b = NULL;
  ldr_json *questions = read_json("tokenizers/bert-uncased/question_tokens.json", &a), *ids = read_json("tokenizers/bert-uncased/tokenized_questions.json", &b);
  ldr_tokenizer *t;
  int32_t total = 0, node, wrong = 0;
  ldr_encoding e;
  memset(&e, 0, sizeof e);
  NEED_DATA(path, "tokenizers/bert-uncased/vocab.txt");
  t = load_file(path);
  CHECK(questions && ids);
  if (questions && ids && t) {
    CHECK_INT(count_right(t, questions, ldr_json_node_at(questions, 0)->first, ids, ldr_json_node_at(ids, 0)->first, "original", &total), 5285);
    CHECK_INT(total, 5285);
    for (node = ldr_json_node_at(questions, 0)->first; node >= 0; node = ldr_json_node_at(questions, node)->next) {   /* the pieces, as texts */
      char text[4096];
      int32_t piece = ldr_json_node_at(questions, ldr_json_get(questions, node, "wordpiece"))->first, i;
      ptrdiff_t n = ldr_json_string(text, sizeof text, questions, ldr_json_get(questions, node, "original"));
      CHECK_INT(ldr_tokenizer_encode(t, &e, text, (size_t)n, NULL, 0, 0, 0, NULL), 0);
      for (i = 0; i < e.count && ldr_json_equals(questions, piece, ldr_tokenizer_piece(t, e.ids[i])); i++) piece = ldr_json_node_at(questions, piece)->next;
      wrong += i != e.count || piece >= 0;
    }
    CHECK_INT(wrong, 0);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  ldr_json_free(questions);
  ldr_json_free(ids);
  free(a);
  free(b);
}

TEST(llama_cpp_vectors) {
  static const char split[] = "\n__ggml_vocab_test__\n";
  char path[1024], *cases, *answers, *at, *next;
  const char *line;
  size_t size, size2;
  int total = 0, right = 0;
  ldr_tokenizer *t;
  NEED_DATA(path, "tokenizers/llama.cpp-vocab/ggml-vocab-bert-bge.gguf.inp");
  cases = ldr_test_read(path, &size);
  NEED_DATA(path, "tokenizers/llama.cpp-vocab/ggml-vocab-bert-bge.gguf.out");
  answers = ldr_test_read(path, &size2);
  NEED_DATA(path, "tokenizers/bert-uncased/vocab.txt");
  t = load_file(path);
  for (at = cases, line = answers; at && t; at = next) {
    char *end = strstr(at, split);
    const char *after = strchr(line, '\n');
    next = end ? end + sizeof split - 1 : NULL;
    total++;
    if (encodes(t, at, end ? (size_t)(end - at) : strlen(at), line, 0)) right++;
    else printf("  case %d: %.*s\n", total, (int)(after ? after - line : 0), line);
    line = after ? after + 1 : "";
  }
  CHECK_INT(total, 47);
  CHECK_INT(right, 47);
  ldr_tokenizer_free(t);
  free(cases);
  free(answers);
}

TEST(bert_base_uncased_cases) {
  char path[1024], *text, *text2;
  static char input[1 << 16];
  ldr_json *j = read_json("tokenizers/tokenizer_tests.json", &text), *k = read_json("tokenizers/bert_uncased_encoded.json", &text2);
  ldr_tokenizer *t;
  int32_t node, total = 0, right = 0;
  NEED_DATA(path, "tokenizers/bert-uncased/vocab.txt");
  t = load_file(path);
  CHECK(j && k);
  for (node = j ? ldr_json_node_at(j, ldr_json_get(j, 0, "bert-base-uncased"))->first : -1; node >= 0; node = ldr_json_node_at(j, node)->next) {
    int32_t encoded = ldr_json_get(j, node, "encoded"), input_node = ldr_json_get(j, node, "input");
    const ldr_json_node *ids = ldr_json_node_at(j, ldr_json_get(j, encoded, "input_ids"));
    ptrdiff_t n = ldr_json_string(input, sizeof input, j, input_node);
    char list[1 << 12];
    size_t length = ids ? ids->end - ids->begin : 0;
    if (!ids || length >= sizeof list || n < 0) continue;
    memcpy(list, text + ids->begin, length);
    list[length] = 0;
    total++;
    if (encodes(t, input, (size_t)n, list, 1)) right++;
    else printf("  %s: %s\n", input, list);
  }
  CHECK(total > 10);
  CHECK_INT(right, total);
  if (k) {
    const ldr_json_node *ids = ldr_json_node_at(k, ldr_json_get(k, 0, "ids"));
    ptrdiff_t n = ldr_json_string(input, sizeof input, k, ldr_json_get(k, 0, "text"));
    if (!ids) ids = ldr_json_node_at(k, ldr_json_get(k, 0, "token_ids"));
    CHECK(ids && n > 0);
    if (ids && n > 0) {
      text2[ids->end] = 0;
      CHECK(encodes(t, input, (size_t)n, text2 + ids->begin, 0) || encodes(t, input, (size_t)n, text2 + ids->begin, 1));
    }
  }
  ldr_tokenizer_free(t);
  ldr_json_free(j);
  ldr_json_free(k);
  free(text);
  free(text2);
}

TEST(zh_mini) {
  char path[1024], key[32];
  ldr_weights *w;
  ldr_tokenizer *t;
  ldr_encoding e;
  int i;
  memset(&e, 0, sizeof e);
  NEED_DATA(path, "models/zh-mini/golden.safetensors");
  w = ldr_weights_open(path, NULL, NULL);
  NEED_DATA(path, "models/zh-mini");
  t = load_file(path);
  CHECK(w != NULL);
  for (i = 0; i < 5 && w && t; i++) {
    const ldr_tensor *ids;
    const char *text;
    sprintf(key, "case%d.ids", i);
    ids = ldr_weights_find(w, key);
    sprintf(key, "case%d.text", i);
    text = ldr_weights_meta(w, key);
    CHECK(ids && text);
    if (!ids || !text) break;
    CHECK_INT(ldr_tokenizer_encode(t, &e, text, strlen(text), NULL, 0, 0, 1, NULL), 0);
    CHECK_INT((uint64_t)e.count * 4, ids->bytes);
    CHECK(ids->bytes == (uint64_t)e.count * 4 && memcmp(e.ids, ids->data, (size_t)ids->bytes) == 0);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  ldr_weights_close(w);
}

/* ---- Unicode --------------------------------------------------------------------------- */

static const char *read_hex(const char *s, uint32_t *out) {
  char *end;
  *out = (uint32_t)strtoul(s, &end, 16);
  return end;
}

/* Undoes \{HEX}; returns the length. */
static size_t unescape(char *dst, const char *s, size_t n) {
  size_t used = 0, i = 0;
  while (i < n) {
    uint32_t c;
    if (s[i] == '\\' && s[i + 1] == '{') {
      i = (size_t)(read_hex(s + i + 2, &c) - s) + 1;
      used += ldr__utf8_put(dst + used, c);
    } else dst[used++] = s[i++];
  }
  return used;
}

static uint32_t golden_number(char **at, const char *section) {
  size_t n = strlen(section);
  uint32_t count = 0;
  CHECK(strncmp(*at, section, n) == 0);
  count = (uint32_t)strtoul(*at + n, at, 10);
  ++*at;
  return count;
}

TEST(golden_strings) {
  static const char modes[] = "ucls";
  ldr_tokenizer *t[4];
  char path[256], *text, *at, *vocab;
  size_t size;
  uint32_t count, i, wrong = 0;
  if (!ldr_test_golden_path(path, sizeof path, "wordpiece.txt")) SKIP("no golden/wordpiece.txt (run from the tests folder)");
  text = at = ldr_test_read(path, &size);
  count = golden_number(&at, "vocab ");
  vocab = at;
  for (i = 0; i < count; i++) at = strchr(at, '\n') + 1;
  at[-1] = 0;
  for (i = 0; i < 4; i++) t[i] = load_with(vocab, i == 0 || i == 2 ? LDR_ON : LDR_OFF, i == 0 || i == 3 ? LDR_ON : LDR_OFF, LDR_AUTO);
  count = golden_number(&at, "cases ");
  CHECK(count >= 2000);
  for (i = 0; i < count; i++, at = strchr(at, '\n') + 1) {
    char *tab = strchr(at + 2, '\t'), plain[1024];
    size_t n = unescape(plain, at + 2, (size_t)(tab - at - 2));
    if (encodes(t[strchr(modes, *at) - modes], plain, n, tab, 0)) continue;
    if (wrong++ < 5) printf("  %.*s\n", (int)(strchr(at, '\n') - at), at);
  }
  CHECK_INT(wrong, 0);
  for (i = 0; i < 4; i++) ldr_tokenizer_free(t[i]);
  free(text);
}

/* What a tokenizer's normalisers make of a text. */
static size_t normalized(const ldr_tokenizer *t, ldr_encoding *e, char *out, const char *text, size_t size) {
  ldr__cutting c;
  ldr__view v;
  if (!e->work) CHECK_INT(ldr_tokenizer_encode(t, e, "a", 1, NULL, 0, 0, 0, NULL), 0);
  memset(&c, 0, sizeof c);
  c.t = t;
  c.out = e;
  c.w = (ldr__work *)e->work;
  c.steps = 1 << 30;
  ldr__normalize(&c, (const unsigned char *)text, 0, (int32_t)size, &v);
  CHECK_INT(c.status, 0);
  if (v.size) memcpy(out, v.text, (size_t)v.size);
  return (size_t)v.size;
}

static ldr_tokenizer *load_normalizer(const char *parts) {
  static char text[4096];
  sprintf(text, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0}},%s}", parts);
  return load_text(text, NULL);
}

/* A column of NormalizationTest.txt. */
static size_t read_column(char *out, const char **s) {
  size_t n = 0;
  for (;;) {
    uint32_t c;
    while (**s == ' ') ++*s;
    if (**s == ';') break;
    *s = read_hex(*s, &c);
    n += ldr__utf8_put(out + n, c);
  }
  ++*s;
  return n;
}

/* The library's normal forms are those of Unicode 12; the file is of 14 and has some lines more. */
TEST(normalization_test) {
  static const char *const forms[4] = { "NFC", "NFD", "NFKC", "NFKD" };
  static const int as[4][5] = { { 1, 1, 1, 3, 3 }, { 2, 2, 2, 4, 4 }, { 3, 3, 3, 3, 3 }, { 4, 4, 4, 4, 4 } };
  char path[1024], parts[64], *text, *line;
  size_t size;
  int lines = 0, wrong = 0, f, i;
  ldr_tokenizer *t[4];
  ldr_encoding e;
  memset(&e, 0, sizeof e);
  NEED_DATA(path, "conformance/unicode/NormalizationTest.txt");
  text = ldr_test_read(path, &size);
  for (f = 0; f < 4; f++) {
    sprintf(parts, "\"normalizer\":{\"type\":\"%s\"}", forms[f]);
    t[f] = load_normalizer(parts);
  }
  for (line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    char column[5][512], got[1024];
    size_t n[5];
    const char *s = line;
    int good = 1;
    if (*line == '#' || *line == '@' || *line == '\n' || *line == '\r') continue;
    for (i = 0; i < 5; i++) n[i] = read_column(column[i], &s);
    lines++;
    for (f = 0; f < 4; f++)
      for (i = 0; i < 5; i++) {
        size_t used = normalized(t[f], &e, got, column[i], n[i]);
        good = good && used == n[as[f][i]] && memcmp(got, column[as[f][i]], used) == 0;
      }
    wrong += !good;
  }
  CHECK(lines > 18000);
  if (wrong >= 800) printf("  %d of %d lines\n", wrong, lines);
  CHECK(wrong < 800);
  ldr_encoding_free(&e);
  for (f = 0; f < 4; f++) ldr_tokenizer_free(t[f]);
  free(text);
}

/* ---- small tokenizers of every kind, committed ------------------------------------------ */

static int32_t read_list(int32_t *out, int32_t cap, const ldr_json *j, int32_t node) {
  const ldr_json_node *a = ldr_json_node_at(j, node);
  int32_t n = 0, k;
  if (!a || a->type != LDR_JSON_ARRAY) return -1;
  for (k = a->first; k >= 0 && n < cap; k = ldr_json_node_at(j, k)->next) out[n++] = (int32_t)ldr_json_number(j, k, -1);
  return n;
}

static size_t read_base64(unsigned char *out, const char *s, size_t n) {
  size_t i, used = 0;
  uint32_t v = 0, bits = 0;
  for (i = 0; i < n && s[i] != '='; i++) {
    const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    v = (v << 6 | (uint32_t)(strchr(all, s[i]) - all)) & 0xffffff;
    bits += 6;
    if (bits >= 8) out[used++] = (unsigned char)(v >> (bits -= 8));
  }
  return used;
}

enum { WRONG_IDS = 1, WRONG_OFFSETS = 2, WRONG_TOKENS = 4, WRONG_SPECIAL = 8, WRONG_DECODED = 16, WRONG_PAIR = 32, WRONG_CUT = 64 };
static char case_text[1 << 17], case_pair[1 << 17], case_want[1 << 17];
static int32_t case_list[1 << 16];

static int same_list(const ldr_encoding *e, const int32_t *got, const ldr_json *j, int32_t node) {
  int32_t n = read_list(case_list, 1 << 16, j, node);
  return n == e->count && (n == 0 || memcmp(got, case_list, (size_t)n * sizeof *got) == 0);
}

/* The keys of ours and of the vectors in the data folder: both are tried, absent ones say nothing. */
static int32_t either(const ldr_json *j, const char *a, const char *b) {
  int32_t node = ldr_json_get(j, 0, a);
  return node >= 0 ? node : ldr_json_get(j, 0, b);
}

static int check_tokens(const ldr_tokenizer *t, const ldr_encoding *e, const ldr_json *j, int32_t list) {
  int32_t k = ldr_json_node_at(j, list)->first, i = 0;
  for (; k >= 0; k = ldr_json_node_at(j, k)->next, i++) {
    size_t bytes = 0;
    const char *piece = ldr_encoding_piece(t, e, i, &bytes);
    ptrdiff_t n = ldr_json_string(case_want, sizeof case_want, j, k);
    if (!piece || n != (ptrdiff_t)bytes || memcmp(piece, case_want, bytes) != 0) return 0;
  }
  return i == e->count;
}

static int check_offsets(const ldr_encoding *e, const ldr_json *j, int32_t list) {
  int32_t k = ldr_json_node_at(j, list)->first, i = 0, pair[2];
  for (; k >= 0; k = ldr_json_node_at(j, k)->next, i++)
    if (read_list(pair, 2, j, k) != 2 || i >= e->count || pair[0] != e->begin[i] || pair[1] != e->end[i]) return 0;
  return i == e->count;
}

static int check_decoded(const ldr_tokenizer *t, ldr_text *out, const ldr_json *j, size_t text_size, int32_t node, int skip) {
  int32_t n = read_list(case_list, 1 << 16, j, ldr_json_get(j, 0, "ids"));
  ptrdiff_t want = (ptrdiff_t)text_size;
  if (ldr_tokenizer_decode(t, out, case_list, n, skip, NULL)) return 0;
  if (ldr_json_node_at(j, node)->type == LDR_JSON_TRUE) return out->size == text_size && memcmp(out->data, case_text, text_size) == 0;
  want = ldr_json_string(case_want, sizeof case_want, j, node);
  return want == (ptrdiff_t)out->size && memcmp(out->data, case_want, out->size) == 0;
}

/* The pair, whole and cut; a text instead of ids says that the original refuses. */
static int check_pair(const ldr_tokenizer *t, ldr_encoding *e, const ldr_json *j, size_t n, int32_t list, int32_t max_len, ldr_truncate truncate) {
  ldr_encode_desc d;
  ptrdiff_t n2 = ldr_json_string(case_pair, sizeof case_pair, j, ldr_json_get(j, 0, "pair"));
  ldr_status status;
  memset(&d, 0, sizeof d);
  d.max_len = max_len;
  d.truncate = truncate;
  if (list < 0) return 1;
  status = ldr_tokenizer_encode_with(t, e, case_text, n, case_pair, (size_t)n2, &d, NULL);
  if (ldr_json_node_at(j, list)->type == LDR_JSON_STRING) return status == LDR_DATA;
  return !status && same_list(e, e->ids, j, list);
}

/* What is in e, filled up to 20 tokens with the first of these: ids, types, and which are none of the text's. */
static int check_padded(const ldr_tokenizer *t, ldr_encoding *e, const ldr_json *j, const char *what) {
  static const char *const names[] = { "[PAD]", "<pad>", "<|endoftext|>", "</s>" };
  char key[64];
  int32_t list, k, node;
  filling p;
  sprintf(key, "%s_padded20", what);
  list = ldr_json_get(j, 0, key);
  if (list < 0) return 1;
  memset(&p, 0, sizeof p);
  p.on = 1;
  p.length = 20;
  for (k = 0, p.id = -1; k < 4 && p.id < 0; k++) p.id = ldr_tokenizer_find(t, names[k]);
  if (fill_up(&p, e, 0, NULL) || !same_list(e, e->ids, j, list)) return 0;
  sprintf(key, "%s_type", what);
  node = ldr_json_get(j, 0, key);
  if (node >= 0 && !same_list(e, e->segments, j, node)) return 0;
  sprintf(key, "%s_mask", what);
  node = ldr_json_get(j, 0, key);
  for (k = 0; k < e->count; k++) e->text[k] = e->text[k] > -2;
  return node < 0 || same_list(e, e->text, j, node);
}

/* One case, in the form of ours or of the data folder: what is wrong. */
static int check_case(const ldr_tokenizer *t, ldr_encoding *e, ldr_text *out, const ldr_json *j) {
  size_t n = (size_t)ldr_json_string(case_text, sizeof case_text, j, ldr_json_get(j, 0, "text"));
  int32_t ids = ldr_json_get(j, 0, "ids"), node = either(j, "byte_offsets", "offsets");
  int wrong = 0;
  if (ldr_tokenizer_encode(t, e, case_text, n, NULL, 0, 0, 0, NULL) || !same_list(e, e->ids, j, ids)) wrong |= WRONG_IDS;
  if (node >= 0 && !check_offsets(e, j, node)) wrong |= WRONG_OFFSETS;
  if (ldr_json_get(j, 0, "tokens") >= 0 && !check_tokens(t, e, j, ldr_json_get(j, 0, "tokens"))) wrong |= WRONG_TOKENS;
  if (ldr_json_get(j, 0, "tokens") >= 0) {
    node = either(j, "special", "ids_special");
    if (ldr_tokenizer_encode(t, e, case_text, n, NULL, 0, 0, 1, NULL) || !same_list(e, e->ids, j, node >= 0 ? node : ids)) wrong |= WRONG_SPECIAL;
  }
  node = ldr_json_get(j, 0, "decoded");
  if (node >= 0 && !check_decoded(t, out, j, n, node, 0)) wrong |= WRONG_DECODED;
  if (ldr_json_get(j, 0, "byte_offsets") >= 0 || ldr_json_get(j, 0, "ids_special") >= 0) {
    node = either(j, "decoded_skip", "decoded");
    if (node >= 0 && !check_decoded(t, out, j, n, node, 1)) wrong |= WRONG_DECODED;
  }
  if (ldr_json_get(j, 0, "pair") < 0) return wrong;
  if (!check_pair(t, e, j, n, ldr_json_get(j, 0, "pair_ids"), 0, LDR_TRUNCATE_LONGEST_FIRST)) wrong |= WRONG_PAIR;
  node = ldr_json_get(j, 0, "pair_type_ids");
  if (node >= 0 && !same_list(e, e->segments, j, node)) wrong |= WRONG_PAIR;
  if (!check_pair(t, e, j, n, ldr_json_get(j, 0, "cut"), 8, LDR_TRUNCATE_LONGEST_FIRST)) wrong |= WRONG_CUT;
  if (!check_pair(t, e, j, n, ldr_json_get(j, 0, "pair16_longest_first"), 16, LDR_TRUNCATE_LONGEST_FIRST)) wrong |= WRONG_CUT;
  else if (!check_padded(t, e, j, "pair16_longest_first")) wrong |= WRONG_CUT;
  if (!check_pair(t, e, j, n, ldr_json_get(j, 0, "pair16_only_first"), 16, LDR_TRUNCATE_ONLY_FIRST)) wrong |= WRONG_CUT;
  else if (!check_padded(t, e, j, "pair16_only_first")) wrong |= WRONG_CUT;
  return wrong;
}

/* The tokenizer of a line of tokenizers.jsonl. */
static ldr_tokenizer *load_line(const char *line, const ldr_json *j, const ldr_tokenizer_desc *d, ldr_error *err) {
  const ldr_json_node *file = ldr_json_node_at(j, ldr_json_get(j, 0, "file"));
  static unsigned char model[1 << 16];
  if (file) return ldr_tokenizer_load_memory(line + file->begin, file->end - file->begin, d, err);
  file = ldr_json_node_at(j, ldr_json_get(j, 0, "model"));
  return ldr_tokenizer_load_memory(model, read_base64(model, line + file->begin, file->end - file->begin), d, err);
}

static void check_line(const char *line, const ldr_json *j) {
  ldr_error err;
  ldr_encoding e;
  ldr_text out;
  ldr_tokenizer *t;
  int32_t k;
  char name[64];
  memset(&err, 0, sizeof err);
  memset(&e, 0, sizeof e);
  memset(&out, 0, sizeof out);
  ldr_json_string(name, sizeof name, j, ldr_json_get(j, 0, "name"));
  t = load_line(line, j, NULL, &err);
  CHECK_STR(err.message, "");
  for (k = t ? ldr_json_node_at(j, ldr_json_get(j, 0, "cases"))->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
    const ldr_json_node *c = ldr_json_node_at(j, k);
    ldr_json *one = ldr_json_parse(line + c->begin, c->end - c->begin, NULL, NULL);
    int wrong = check_case(t, &e, &out, one);
    if (wrong) printf("  %s: %d: %.200s\n", name, wrong, line + c->begin);
    CHECK_INT(wrong, 0);
    ldr_json_free(one);
  }
  ldr_text_free(&out);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

/* Blocks of 4096 characters: what a normaliser makes of each, or into how many texts it is split. */
static uint32_t block_hash(const ldr_tokenizer *t, ldr_encoding *e, uint32_t first, int split) {
  uint32_t h = 2166136261u, c;
  char in[8], out[128];
  for (c = first; c < first + 4096; c++) {
    size_t n, i;
    if (c >= 0xd800 && c <= 0xdfff) continue;
    in[0] = split == 2 ? 1 : 'a';
    n = 1 + ldr__utf8_put(in + 1, c);
    in[n++] = split == 2 ? 1 : 'b';
    if (split) {
      CHECK_INT(ldr_tokenizer_encode(t, e, in, n, NULL, 0, 0, 0, NULL), 0);
      out[0] = (char)e->count;
      n = 1;
    } else n = normalized(t, e, out, in, n);
    for (i = 0; i < n; i++) h = (h ^ (unsigned char)out[i]) * 16777619u;
    h = h * 16777619u;
  }
  return h;
}

static void check_blocks(const ldr_json *j) {
  int32_t k = ldr_json_node_at(j, ldr_json_get(j, 0, "blocks"))->first, list, b;
  for (; k >= 0; k = ldr_json_node_at(j, list)->next) {
    char name[64], parts[256];
    ldr_encoding e;
    ldr_tokenizer *t;
    uint32_t i = 0;
    int split;
    memset(&e, 0, sizeof e);
    ldr_json_string(name, sizeof name, j, k);
    list = ldr_json_node_at(j, k)->next;
    split = name[0] == '\\' ? 2 : strcmp(name, "Whitespace") == 0 || strcmp(name, "Punctuation") == 0 || strcmp(name, "Digits") == 0;
    if (split == 2) sprintf(parts, "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\%s\"},\"behavior\":\"Isolated\"}", name);
    else if (split) sprintf(parts, "\"pre_tokenizer\":{\"type\":\"%s\",\"individual_digits\":true}", name);
    else sprintf(parts, "\"normalizer\":{\"type\":\"%s\"}", name);
    t = load_normalizer(parts);
    for (b = ldr_json_node_at(j, list)->first; b >= 0 && t; b = ldr_json_node_at(j, b)->next, i += 4096) {
      uint32_t want = (uint32_t)ldr_json_number(j, b, 0), got = block_hash(t, &e, i, split);
      if (got != want) printf("  %s: characters from U+%X on\n", name, (unsigned)i);
      CHECK(got == want);
    }
    ldr_encoding_free(&e);
    ldr_tokenizer_free(t);
  }
}

static char *next_line(char *line) {
  char *end = strchr(line, '\n');
  if (!end) return line + strlen(line);
  *end = 0;
  return end + 1;
}

TEST(golden_tokenizers) {
  char path[256], *text, *line, *next;
  size_t size;
  int lines = 0;
  if (!ldr_test_golden_path(path, sizeof path, "tokenizers.jsonl")) SKIP("no golden/tokenizers.jsonl (run from the tests folder)");
  text = ldr_test_read(path, &size);
  for (line = text; *line; line = next, lines++) {
    ldr_json *j;
    next = next_line(line);
    j = ldr_json_parse(line, strlen(line), NULL, NULL);
    CHECK(j != NULL);
    if (j && ldr_json_get(j, 0, "blocks") >= 0) check_blocks(j);
    else if (j) check_line(line, j);
    ldr_json_free(j);
  }
  CHECK(lines >= 13);
  free(text);
}

/* ---- ByT5, which has no vocabulary ---- */

static int has_ids(const ldr_encoding *e, const ldr_json *j, int32_t list) {
  int32_t k = ldr_json_node_at(j, list)->first, i;
  for (i = 0; i < e->count && k >= 0 && (int32_t)ldr_json_number(j, k, -1) == e->ids[i]; i++) k = ldr_json_node_at(j, k)->next;
  return i == e->count && k < 0;
}

/* Is this what the ids in `list` stand for? */
static int decodes_to(const ldr_tokenizer *t, const ldr_json *j, int32_t list, int32_t wanted, int skip) {
  char want[512];
  int32_t ids[128], n = 0, k, same;
  ptrdiff_t bytes = ldr_json_string(want, sizeof want, j, wanted);
  ldr_text out;
  memset(&out, 0, sizeof out);
  for (k = ldr_json_node_at(j, list)->first; k >= 0; k = ldr_json_node_at(j, k)->next) ids[n++] = (int32_t)ldr_json_number(j, k, -1);
  CHECK_INT(ldr_tokenizer_decode(t, &out, ids, n, skip, NULL), LDR_OK);
  same = bytes >= 0 && out.size == (size_t)bytes && memcmp(out.data, want, out.size) == 0;
  ldr_text_free(&out);
  return same;
}

static void check_byt5(const ldr_tokenizer *t, const ldr_json *j) {
  char text[512], pair[64];
  ldr_encoding e;
  int32_t k;
  memset(&e, 0, sizeof e);
  CHECK_INT(ldr_tokenizer_size(t), (int32_t)ldr_json_number(j, ldr_json_get(j, 0, "size"), -1));
  for (k = ldr_json_node_at(j, ldr_json_get(j, 0, "cases"))->first; k >= 0; k = ldr_json_node_at(j, k)->next) {
    int32_t ids = ldr_json_get(j, k, "ids");
    size_t n = (size_t)ldr_json_string(text, sizeof text, j, ldr_json_get(j, k, "text"));
    int good[4];
    CHECK_INT(ldr_tokenizer_encode(t, &e, text, n, NULL, 0, 0, 1, NULL), LDR_OK);
    good[0] = has_ids(&e, j, ids);
    CHECK_INT(ldr_tokenizer_encode(t, &e, text, n, NULL, 0, 0, 0, NULL), LDR_OK);
    good[1] = has_ids(&e, j, ldr_json_get(j, k, "plain"));
    good[2] = decodes_to(t, j, ids, ldr_json_get(j, k, "shown"), 0);
    good[3] = decodes_to(t, j, ids, ldr_json_get(j, k, "skipped"), 1);
    if (!good[0] || !good[1] || !good[2] || !good[3]) printf("  \"%s\": %d %d %d %d\n", text, good[0], good[1], good[2], good[3]);
    CHECK(good[0] && good[1] && good[2] && good[3]);
  }
  for (k = ldr_json_node_at(j, ldr_json_get(j, 0, "pairs"))->first; k >= 0; k = ldr_json_node_at(j, k)->next) {
    size_t n = (size_t)ldr_json_string(text, sizeof text, j, ldr_json_get(j, k, "text"));
    ptrdiff_t m = ldr_json_string(pair, sizeof pair, j, ldr_json_get(j, k, "pair"));
    CHECK_INT(ldr_tokenizer_encode(t, &e, text, n, m < 0 ? NULL : pair, m < 0 ? 0 : (size_t)m, (int32_t)ldr_json_number(j, ldr_json_get(j, k, "most"), -1), 1, NULL), LDR_OK);
    if (!has_ids(&e, j, ldr_json_get(j, k, "ids"))) printf("  \"%s\" and \"%s\"\n", text, m < 0 ? "" : pair);
    CHECK(has_ids(&e, j, ldr_json_get(j, k, "ids")));
  }
  for (k = ldr_json_node_at(j, ldr_json_get(j, 0, "decodes"))->first; k >= 0; k = ldr_json_node_at(j, k)->next)
    CHECK(decodes_to(t, j, ldr_json_get(j, k, "ids"), ldr_json_get(j, k, "text"), 0));
  /* what is no UTF-8 counts as U+FFFD, as Python's errors="replace" reads it */
  CHECK_INT(ldr_tokenizer_encode(t, &e, "a\xff\xc3", 3, NULL, 0, 0, 1, NULL), LDR_OK);
  CHECK(e.count == 8 && e.ids[0] == 'a' + 3 && e.ids[1] == 0xef + 3 && e.ids[6] == 0xbd + 3 && e.ids[7] == 1);
  ldr_encoding_free(&e);
}

/* As transformers' ByT5Tokenizer, from a directory that holds nothing but a tokenizer_config.json, and from its bytes alone. */
TEST(byt5_needs_no_vocabulary) {
  char path[256], *text, *line, *next;
  size_t size;
  int lines = 0;
  if (!ldr_test_golden_path(path, sizeof path, "byt5.jsonl")) SKIP("no golden/byt5.jsonl (run from the tests folder)");
  text = ldr_test_read(path, &size);
  ldr__mkdir("byt5.tmp");
  for (line = text; *line; line = next) {
    ldr_json *j;
    const ldr_json_node *file;
    next = next_line(line);
    j = ldr_json_parse(line, strlen(line), NULL, NULL);
    file = ldr_json_node_at(j, ldr_json_get(j, 0, "file"));
    if (file) {
      ldr_error err;
      ldr_tokenizer *t;
      FILE *f = fopen("byt5.tmp/tokenizer_config.json", "wb");
      memset(&err, 0, sizeof err);
      CHECK(f && fwrite(line + file->begin, 1, file->end - file->begin, f) == file->end - file->begin && fclose(f) == 0);
      t = ldr_tokenizer_load("byt5.tmp", NULL, &err);
      CHECK_STR(err.message, "");
      if (t) check_byt5(t, j);
      ldr_tokenizer_free(t);
      t = ldr_tokenizer_load_memory(line + file->begin, file->end - file->begin, NULL, &err);
      CHECK_STR(err.message, "");
      if (t) check_byt5(t, j);
      ldr_tokenizer_free(t);
      lines++;
    }
    ldr_json_free(j);
  }
  CHECK_INT(lines, 6);
  remove("byt5.tmp/tokenizer_config.json");
  remove("byt5.tmp");
  free(text);
}

/* Other classes have a vocabulary, and what a ByT5 cannot be is said. */
TEST(what_is_no_byt5_is_refused) {
  static const struct { const char *file; ldr_status status; const char *said; } rows[] = {
    { "{\"tokenizer_class\":\"T5Tokenizer\"}", LDR_MISSING, "no tokenizer is there" }, { "{\"tokenizer_class\":\"ByT5\"}", LDR_MISSING, "nor ByT5's tokenizer_config.json" },
    { "{\"tokenizer_class\":7}", LDR_MISSING, "no tokenizer is there" }, { "{", LDR_MISSING, "no tokenizer is there" }, { "[]", LDR_MISSING, "no tokenizer is there" },
    { "{\"tokenizer_class\":\"ByT5Tokenizer\",\"extra_ids\":-1}", LDR_FORMAT, "\"extra_ids\" is not a number from 0" },
    { "{\"tokenizer_class\":\"ByT5Tokenizer\",\"extra_ids\":1e9}", LDR_FORMAT, "\"extra_ids\" is not a number from 0" },
    { "{\"tokenizer_class\":\"ByT5Tokenizer\",\"eos_token\":\"<eos>\"}", LDR_VOCAB, "belongs to another piece" },
    { "{\"tokenizer_class\":\"ByT5Tokenizer\",\"pad_token\":{\"content\":\"<pad>\",\"lstrip\":3}}", LDR_FORMAT, "true or false" },
    { "{\"tokenizer_class\":\"ByT5Tokenizer\",\"added_tokens_decoder\":{\"5\":{\"content\":\"<x>\"}}}", LDR_VOCAB, "belongs to another piece" } };
  size_t i;
  ldr__mkdir("byt5.tmp");
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ldr_error err;
    FILE *f = fopen("byt5.tmp/tokenizer_config.json", "wb");
    memset(&err, 0, sizeof err);
    CHECK(f && fputs(rows[i].file, f) >= 0 && fclose(f) == 0);
    CHECK(ldr_tokenizer_load("byt5.tmp", NULL, &err) == NULL);
    if (err.status != rows[i].status || !strstr(err.message, rows[i].said)) printf("  %s\n  %d %s\n", rows[i].file, (int)err.status, err.message);
    CHECK(err.status == rows[i].status && strstr(err.message, rows[i].said));
  }
  remove("byt5.tmp/tokenizer_config.json");
  remove("byt5.tmp");
}

/* No allocation of it may fail unseen. */
TEST(byt5_out_of_memory) {
  static const char file[] = "{\"tokenizer_class\":\"ByT5Tokenizer\",\"extra_ids\":3,\"added_tokens_decoder\":{\"262\":{\"content\":\"<x>\"}}}";
  long n;
  for (n = 1; n < 300; n++) {
    ldr_test_heap h;
    ldr_tokenizer_desc d;
    ldr_error err;
    ldr_tokenizer *t;
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.alloc = ldr_test_alloc(&h, n);
    t = ldr_tokenizer_load_memory(file, sizeof file - 1, &d, &err);
    if (t) CHECK_INT(ldr_tokenizer_size(t), 263);
    else CHECK_INT(err.status, LDR_MEMORY);
    ldr_tokenizer_free(t);
    CHECK_INT(h.live, 0);
    if (t) break;
  }
  CHECK(n > 5 && n < 300);
}

/* Every allocation of every kind of tokenizer fails once. */
TEST(golden_out_of_memory) {
  char path[256], *text, *line, *next;
  size_t size;
  if (!ldr_test_golden_path(path, sizeof path, "tokenizers.jsonl")) SKIP("no golden/tokenizers.jsonl (run from the tests folder)");
  text = ldr_test_read(path, &size);
  for (line = text; *line; line = next) {
    ldr_json *j;
    long n;
    next = next_line(line);
    j = ldr_json_parse(line, strlen(line), NULL, NULL);
    for (n = 1; ldr_json_get(j, 0, "cases") >= 0 && n < 1000; n++) {
      ldr_test_heap heap, heap2;
      ldr_tokenizer_desc d;
      ldr_encoding e;
      ldr_text out;
      ldr_error err;
      ldr_tokenizer *t;
      ldr_status status = LDR_OK;
      memset(&d, 0, sizeof d);
      memset(&err, 0, sizeof err);
      memset(&e, 0, sizeof e);
      memset(&out, 0, sizeof out);
      d.alloc = ldr_test_alloc(&heap, n);
      t = load_line(line, j, &d, &err);
      if (t) {
        static const char sample[] = "The ladder\xcc\xa3\xcc\x81 reads 128 \xe4\xbd\xa0\xe5\xa5\xbd <mask> \xf0\x9f\xa6\x99 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        e.alloc = ldr_test_alloc(&heap2, n);
        status = ldr_tokenizer_encode(t, &e, sample, sizeof sample - 1, sample, 9, 0, 1, &err);
        if (!status) {
          ldr_encoding_free(&e);
          out.alloc = ldr_test_alloc(&heap2, n);
          case_list[0] = case_list[1] = 5;
          status = ldr_tokenizer_decode(t, &out, case_list, 2, 0, &err);
        }
        ldr_encoding_free(&e);
        ldr_text_free(&out);
        CHECK_INT(heap2.live, 0);
        CHECK_INT(heap2.bad, 0);
      }
      ldr_tokenizer_free(t);
      CHECK_INT(heap.live, 0);
      CHECK_INT(heap.bad, 0);
      if (t && !status) break;
      CHECK_INT(err.status, LDR_MEMORY);
    }
    CHECK(n < 1000);
    ldr_json_free(j);
  }
  free(text);
}

/* ---- outside answers to every kind ------------------------------------------------------- */

/* tokenizers/llama2/tokenizer.json has blanks where U+00A0 was, in 4 pieces and 3 merges: puts them right. */
static char *mend_llama(char *text, size_t *size) {
  static const char *const from[] = { "\"  \": 8655", "\"    \": 17891", "\"\xe2\x96\x81 \": 20246", "\" \": 30081", "\"   \"", "\"     \"", "\"\xe2\x96\x81  \"" };
  static const char *const to[] = { "\"\xc2\xa0\xc2\xa0\": 8655", "\"\xc2\xa0\xc2\xa0\xc2\xa0\xc2\xa0\": 17891", "\"\xe2\x96\x81\xc2\xa0\": 20246", "\"\xc2\xa0\": 30081",
                    "\"\xc2\xa0 \xc2\xa0\"", "\"\xc2\xa0\xc2\xa0 \xc2\xa0\xc2\xa0\"", "\"\xe2\x96\x81 \xc2\xa0\"" };
  char *out = (char *)malloc(*size + 256);
  int i;
  memcpy(out, text, *size + 1);
  free(text);
  for (i = 0; i < 7; i++) {
    char *at = strstr(out, from[i]);
    size_t a = strlen(from[i]), b = strlen(to[i]);
    CHECK(at != NULL);
    if (!at) continue;
    memmove(at + b, at + a, strlen(at + a) + 1);
    memcpy(at, to[i], b);
  }
  *size = strlen(out);
  return out;
}

static void check_vectors(const char *name, const char *file, int *sets) {
  char path[1024], relative[256], *text, *line, *next;
  size_t size;
  int lines = 0, wrong = 0, bad;
  ldr_error err;
  ldr_encoding e;
  ldr_text out;
  ldr_tokenizer *t;
  memset(&err, 0, sizeof err);
  memset(&e, 0, sizeof e);
  memset(&out, 0, sizeof out);
  sprintf(relative, "tokenizers/%s", file);
  if (!ldr_test_data_path(path, sizeof path, relative)) return;
  if (strcmp(name, "llama2") == 0) {
    text = ldr_test_read(path, &size);
    text = mend_llama(text, &size);
    t = ldr_tokenizer_load_memory(text, size, NULL, &err);
    free(text);
  } else t = ldr_tokenizer_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  sprintf(relative, "tokenizers/hf/%s/vectors.jsonl", name);
  if (t && ldr_test_data_path(path, sizeof path, relative)) {
    text = ldr_test_read(path, &size);
    for (line = text; *line; line = next, lines++) {
      ldr_json *j;
      next = next_line(line);
      j = ldr_json_parse(line, strlen(line), NULL, NULL);
      bad = j ? check_case(t, &e, &out, j) : 128;
      if (bad && wrong++ < 3) printf("  %s: %d: %.200s\n", name, bad, line);
      ldr_json_free(j);
    }
    free(text);
    CHECK_INT(wrong, 0);
    CHECK_INT(lines, 185);
    ++*sets;
  }
  ldr_text_free(&out);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

TEST(hugging_face_vectors) {
  static const char *const own[] = { "added-tokens", "bpe-clip", "bpe-openai-gpt", "bytebpe-deepseek", "bytebpe-gpt2", "bytebpe-gpt4o", "bytebpe-llama3", "bytebpe-qwen2", "bytebpe-roberta",
    "bytebpe-starcoder", "mixed-sequence", "spbpe-gemma", "spbpe-llama", "spbpe-mistral", "split-behaviours", "spm-albert", "spm-hf-bpe", "spm-test", "unigram-albert", "unigram-bytefallback",
    "unigram-t5", "unigram-xlmr", "wordlevel", "wordpiece-cased", "wordpiece-nozh", "wordpiece-uncased" };
  static const char *const others[][2] = { { "gpt2", "gpt2" }, { "roberta-base", "roberta-base/tokenizer.json" }, { "roberta-base", "roberta-base/vocab.json" }, { "llama2", "llama2/tokenizer.json" },
    { "t5-small", "t5-small/tokenizer.json" }, { "bert-uncased", "bert-uncased/vocab.txt" }, { "chinese-bert", "chinese-bert/vocab.txt" },
    { "gpt2", "llama.cpp-vocab/ggml-vocab-gpt-2.gguf" }, { "bert-uncased", "llama.cpp-vocab/ggml-vocab-bert-bge.gguf" } };
  char file[128];
  size_t i;
  int sets = 0;
  for (i = 0; i < sizeof own / sizeof *own; i++) {
    sprintf(file, "hf/%s/tokenizer.json", own[i]);
    check_vectors(own[i], file, &sets);
  }
  for (i = 0; i < sizeof others / sizeof *others; i++) check_vectors(others[i][0], others[i][1], &sets);
  if (!sets) SKIP("no tokenizers/hf (set LADDER_DATA to the data folder)");
  CHECK_INT(sets, 35);
}

TEST(sentencepiece_vectors) {
  static const char *const models[][2] = { { "spm/albert-base.spiece.model", "spm_albert-base.spiece" }, { "spm/hf_test_sentencepiece_bpe.model", "spm_hf_test_sentencepiece_bpe" },
    { "spm/test_ja_model.model", "spm_test_ja_model" }, { "spm/test_model.model", "spm_test_model" }, { "llama2/tokenizer.model", "llama2_tokenizer" } };
  char path[1024], relative[256];
  size_t i, size;
  int found = 0;
  for (i = 0; i < sizeof models / sizeof *models; i++) {
    char *input, *answers, *line, *answer, *next, *next_answer;
    ldr_tokenizer *t;
    int lines = 0, wrong = 0;
    sprintf(relative, "tokenizers/%s", models[i][0]);
    if (!ldr_test_data_path(path, sizeof path, relative)) continue;
    found++;
    t = load_file(path);
    CHECK(ldr_test_data_path(path, sizeof path, "tokenizers/spm/vectors/input.txt"));
    input = ldr_test_read(path, &size);
    sprintf(relative, "tokenizers/spm/vectors/%s.ids", models[i][1]);
    CHECK(ldr_test_data_path(path, sizeof path, relative));
    answers = ldr_test_read(path, &size);
    for (line = input, answer = answers; t && *line; line = next, answer = next_answer, lines++) {
      next = next_line(line);
      next_answer = next_line(answer);
      if (!encodes(t, line, strlen(line), answer, 0) && wrong++ < 3) printf("  %s: %.100s\n", models[i][0], line);
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(lines, 940);
    ldr_tokenizer_free(t);
    free(input);
    free(answers);
  }
  if (!found) SKIP("no tokenizers/spm (set LADDER_DATA to the data folder)");
}

/* ---- regular expressions ---------------------------------------------------------------- */

/* The texts into which a pattern cuts `text`, joined by '|'. */
static void check_regex(const char *pattern, const char *text, const char *want) {
  char parts[1024], got[512];
  ldr_encoding e;
  ldr_tokenizer *t;
  size_t used = 0;
  int i;
  memset(&e, 0, sizeof e);
  sprintf(parts, "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Isolated\"}", pattern);
  t = load_normalizer(parts);
  if (!t) return;
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, strlen(text), NULL, 0, 0, 0, NULL), 0);
  for (i = 0; i < e.count; i++) {
    if (i) got[used++] = '|';
    memcpy(got + used, text + e.begin[i], (size_t)(e.end[i] - e.begin[i]));
    used += (size_t)(e.end[i] - e.begin[i]);
  }
  got[used] = 0;
  CHECK_STR(got, want);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

/* The file's own padding, as `tokenize` honours it. */
TEST(padding) {
  static const struct { const char *padding; int32_t longest, count, first; } cases[] = {
    { "{\"strategy\":\"BatchLongest\",\"pad_id\":1,\"pad_type_id\":2,\"pad_token\":\"p\"}", 5, 5, 0 },
    { "{\"strategy\":\"BatchLongest\",\"pad_id\":1,\"pad_to_multiple_of\":4,\"direction\":\"Left\"}", 5, 8, 6 },
    { "{\"strategy\":{\"Fixed\":3},\"pad_id\":1,\"pad_to_multiple_of\":null}", 9, 3, 0 },
    { "{\"strategy\":{\"Fixed\":1},\"pad_id\":1}", 1, 2, 0 }, { "null", 7, 2, 0 } };
  static const char *const wrong[] = { "{\"padding\":{\"strategy\":\"Shortest\"}}", "{\"padding\":{\"strategy\":{\"Fixed\":0}}}",
    "{\"padding\":{\"pad_id\":-1}}", "{\"padding\":{\"pad_token\":1}}", "{\"truncation\":{\"max_length\":0}}" };
  char file[512];
  size_t i;
  filling f;
  ldr_error err;
  ldr_json *j;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    ldr_tokenizer *t;
    ldr_encoding e;
    int32_t k;
    memset(&e, 0, sizeof e);
    memset(&f, 0, sizeof f);
    memset(&err, 0, sizeof err);
    sprintf(file, "{\"padding\":%s,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"u\",\"vocab\":{\"u\":0,\"a\":2}}}", cases[i].padding);
    t = load_text(file, NULL);
    CHECK_INT(ldr_tokenizer_encode(t, &e, "a b", 3, NULL, 0, 0, 1, NULL), LDR_OK);
    j = ldr_json_parse(file, strlen(file), NULL, NULL);
    CHECK_INT(filling_parse(&f, j, &err), LDR_OK);
    CHECK_INT(fill_up(&f, &e, cases[i].longest, NULL), LDR_OK);
    ldr_json_free(j);
    CHECK_INT(e.count, cases[i].count);
    for (k = 0; k < e.count; k++) {
      int32_t at = k - cases[i].first;
      CHECK_INT(e.ids[k], at == 0 ? 2 : at == 1 ? 0 : 1);
      CHECK_INT(e.text[k], at == 0 || at == 1 ? 0 : -2);
      if (i == 0) CHECK_INT(e.segments[k], k < 2 ? 0 : 2);
    }
    ldr_encoding_free(&e);
    ldr_tokenizer_free(t);
  }
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    memset(&err, 0, sizeof err);
    j = ldr_json_parse(wrong[i], strlen(wrong[i]), NULL, NULL);
    CHECK(filling_parse(&f, j, &err) != LDR_OK && err.message[0]);
    ldr_json_free(j);
  }
}

/* Unknown characters without an unknown token are left out, and what stood around them may be joined: in long words as
   in short ones, which are cut in another way. */
TEST(joined_across_unknown) {
  static const char file[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}";
  ldr_tokenizer *t = load_text(file, NULL);
  char text[301];
  int n, k;
  ldr_encoding e;
  memset(&e, 0, sizeof e);
  for (n = 1; n <= 100; n++) {
    memcpy(text + 3 * (n - 1), "a?b", 3);
    CHECK_INT(ldr_tokenizer_encode(t, &e, text, (size_t)(3 * n), NULL, 0, 0, 0, NULL), LDR_OK);
    CHECK_INT(e.count, n);
    for (k = 0; k < e.count; k++) CHECK_INT(e.ids[k], 2);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

/* ---- tokenizers in GGUF files ------------------------------------------------------------- */

/* llama.cpp's answers, with special tokens. Where they are not what the model was trained with (its own library's, of
   `original`), ours are the latter: `differ` texts with Hangul, Devanagari, U+2028 and words of more than 100 letters. */
static void check_gguf(const char *name, const char *answers, const char *original, int differ) {
  char path[1024], relative[128], *text[2], *line[2];
  size_t size;
  int lines = 0, wrong = 0, others = 0;
  ldr_encoding e;
  ldr_tokenizer *t;
  memset(&e, 0, sizeof e);
  sprintf(relative, "tokenizers/llama.cpp-vocab/ggml-vocab-%s.gguf", name);
  if (!ldr_test_data_path(path, sizeof path, relative)) return;
  t = load_file(path);
  sprintf(relative, "tokenizers/hf/%s/vectors.jsonl", answers);
  line[0] = text[0] = ldr_test_data_path(path, sizeof path, relative) ? ldr_test_read(path, &size) : NULL;
  sprintf(relative, "tokenizers/hf/%s/vectors.jsonl", original);
  line[1] = text[1] = ldr_test_data_path(path, sizeof path, relative) ? ldr_test_read(path, &size) : NULL;
  for (; t && line[0] && line[1] && *line[0]; lines++) {
    char *next[2];
    ldr_json *j[2];
    int k, special[2];
    size_t n;
    for (k = 0; k < 2; k++) {
      next[k] = next_line(line[k]);
      j[k] = ldr_json_parse(line[k], strlen(line[k]), NULL, NULL);
      special[k] = either(j[k], "ids_special", "ids");
    }
    n = (size_t)ldr_json_string(case_text, sizeof case_text, j[0], ldr_json_get(j[0], 0, "text"));
    if (ldr_tokenizer_encode(t, &e, case_text, n, NULL, 0, 0, 1, NULL)) wrong++;
    else if (n && !same_list(&e, e.ids, j[0], special[0])) {
      others++;
      wrong += !same_list(&e, e.ids, j[1], special[1]);
    }
    for (k = 0; k < 2; k++) {
      ldr_json_free(j[k]);
      line[k] = next[k];
    }
  }
  CHECK_INT(lines, 185);
  CHECK_INT(wrong, 0);
  CHECK_INT(others, differ);
  free(text[0]);
  free(text[1]);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
}

TEST(gguf_vectors) {
  char path[1024];
  NEED_DATA(path, "tokenizers/llama.cpp-vocab/ggml-vocab-gpt-2.gguf");
  check_gguf("gpt-2", "llamacpp-gpt-2", "gpt2", 0);
  check_gguf("llama-spm", "llamacpp-llama-spm", "llama2", 0);
  check_gguf("bert-bge", "llamacpp-bert-bge", "bert-uncased", 10);
}

static ldr_status gguf_status(file_bytes f, const char *names) {
  ldr_error err;
  ldr_tokenizer *t;
  memset(&err, 0, sizeof err);
  t = ldr_tokenizer_load_memory(f.p, f.n, NULL, &err);
  if (t || !strstr(err.message, names)) printf("  %s: %s\n", names, t ? "loaded" : err.message);
  CHECK(!t && strstr(err.message, names));
  ldr_tokenizer_free(t);
  free(f.p);
  return err.status;
}

static int gguf_encodes(file_bytes f, const char *text, const char *ids, int special) {
  ldr_tokenizer *t = ldr_tokenizer_load_memory(f.p, f.n, NULL, NULL);
  int ok = t && encodes(t, text, strlen(text), ids, special);
  ldr_tokenizer_free(t);
  free(f.p);
  return ok;
}

TEST(gguf_tokenizers) {
  static const char bytes[] = "<s>|</s>|a|b|c|ab|abc|1|\xc4\xa0|x", sp[] = "<s>|</s>|<unk>|\xe2\x96\x81|a|b|ab|\xe2\x96\x81" "ab|<0x78>";
  file_bytes f;
  size_t i;
  CHECK(gguf_encodes(gguf_tokenizer("gpt2", "gpt-2", bytes, "3311111111", NULL, "a b|ab c"), "abc ab11</s>", "6 8 5 7 7 1", 1));
  CHECK(gguf_encodes(gguf_tokenizer("gpt2", "llama-bpe", bytes, "3311111111", NULL, "a b"), "abc ab", "0 6 8 5", 1));  /* whole words, bos */
  CHECK(gguf_encodes(gguf_tokenizer("gpt2", "gpt-2", bytes, "3311111114", NULL, "a b"), "axb", "2 9 3", 0));
  CHECK(gguf_encodes(gguf_tokenizer("llama", NULL, sp, "332111116", "000543210", NULL), "ab b</s>x", "0 7 3 5 1 3 8", 1));
  CHECK(gguf_encodes(gguf_tokenizer("t5", NULL, sp, "332111116", "000543210", NULL), "ab  b", "7 3 5 1", 1));
  CHECK(gguf_encodes(gguf_tokenizer("bert", NULL, "[CLS]|[SEP]|[UNK]|\xe2\x96\x81" "a|b", "33311", NULL, NULL), "A ab ba", "0 3 3 4 2 1", 1));
  CHECK_INT(gguf_status(gguf_tokenizer("rwkv", NULL, bytes, NULL, NULL, NULL), "rwkv"), LDR_UNSUPPORTED);
  CHECK_INT(gguf_status(gguf_tokenizer("gpt2", "whatever", bytes, NULL, NULL, "a b"), "whatever"), LDR_UNSUPPORTED);
  CHECK_INT(gguf_status(gguf_tokenizer("gpt2", NULL, bytes, NULL, NULL, "a b"), "tokenizer.ggml.pre"), LDR_UNSUPPORTED);
  CHECK_INT(gguf_status(gguf_tokenizer(NULL, NULL, bytes, NULL, NULL, NULL), "no tokenizer"), LDR_MISSING);
  CHECK_INT(gguf_status(gguf_tokenizer("llama", NULL, NULL, NULL, NULL, NULL), "0 tokens"), LDR_VOCAB);
  CHECK_INT(gguf_status(gguf_tokenizer("llama", NULL, sp, "33", NULL, NULL), "2 types"), LDR_VOCAB);
  CHECK_INT(gguf_status(gguf_tokenizer("llama", NULL, sp, "332111119", NULL, NULL), "token 8"), LDR_VOCAB);
  CHECK_INT(gguf_status(gguf_tokenizer("llama", NULL, "a|\xff", NULL, NULL, NULL), "token 1"), LDR_VOCAB);
  CHECK_INT(gguf_status(gguf_tokenizer("gpt2", "gpt-2", bytes, NULL, NULL, NULL), "merges"), LDR_VOCAB);
  CHECK_INT(gguf_status(gguf_tokenizer("gpt2", "gpt-2", bytes, NULL, NULL, "a b|a q"), "a merge"), LDR_VOCAB);
  CHECK_INT(gguf_status(gguf_tokenizer("bert", NULL, "a|b", NULL, NULL, NULL), "[UNK]"), LDR_VOCAB);
  for (i = 0; i < 3; i++) {
    f = i == 0 ? gguf_tokenizer("llama", NULL, sp, "332111116", "000543210", NULL) : i == 1 ? gguf_tokenizer("t5", NULL, sp, "332411116", "000543210", NULL)
        : gguf_tokenizer("bert", NULL, "[CLS]|[SEP]|[UNK]|a", "3331", NULL, NULL);
    check_out_of_memory(f.p, f.n);
    free(f.p);
  }
  f = gguf_tokenizer("gpt2", "gpt-2", bytes, "3311111111", NULL, "a b|ab c");
  check_out_of_memory(f.p, f.n);
  for (i = 0; i < f.n; i++) {                                           /* cut anywhere: no harm */
    unsigned char *copy = (unsigned char *)malloc(i + 1);
    memcpy(copy, f.p, i);
    ldr_tokenizer_free(ldr_tokenizer_load_memory(copy, i, NULL, NULL));
    free(copy);
  }
  free(f.p);
}

/* A model file with a vocabulary takes text; with desc.no_tokenizer ids alone, whatever its tokenizer is. */
TEST(gguf_model_with_vocabulary) {
  tiny_spec s = tiny_default("llama");
  file_bytes f = file_gguf(&s, 3), g;
  ldr_model_desc d;
  ldr_error err;
  ldr_model *m;
  int k;
  for (k = 0; k < 3; k++) {
    memset(&g, 0, sizeof g);
    put(&g, f.p, 16);
    put_number(&g, ldr__load_u32(f.p + 16) + 2u, 8);
    put_meta(&g, "tokenizer.ggml.model", k ? "morse" : "llama");      /* 96 bytes more: the tensors stay aligned */
    put_meta(&g, "x", "                              ");
    put(&g, f.p + 24, f.n - 24);
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.no_tokenizer = k == 2;
    m = ldr_model_load_memory(NULL, 0, g.p, g.n, NULL, 0, &d, &err);
    CHECK_INT(err.status, k == 1 ? LDR_UNSUPPORTED : LDR_OK);
    CHECK((m != NULL) == (k != 1) && (ldr_model_tokenizer(m) != NULL) == (k == 0));
    if (k == 0) CHECK_INT(ldr_tokenizer_find(ldr_model_tokenizer(m), "a"), 1);
    ldr_model_free(m);
    free(g.p);
  }
  free(f.p);
}

TEST(regular_expressions) {
  check_regex("a|ab", "xabx", "x|a|bx");                                  /* the first alternative wins   */
  check_regex("ab|a|", "xabax", "x|ab|a|x");
  check_regex("(?:ab)+", "xababx", "x|abab|x");
  check_regex("(?:ab){2}", "ababab", "abab|ab");
  check_regex("(?:a|bc){1,2}x", "abcx", "abcx");
  check_regex("a{2,3}", "aaaaa", "aaa|aa");
  check_regex("a{2,3}?", "aaaaa", "aa|aa|a");
  check_regex("a+?b", "aaab", "aaab");
  check_regex("a++b", "aaab", "aaab");
  check_regex("a?+ab", "aab", "aab");
  check_regex("(?>a+)ab", "aaab", "aaab");
  check_regex("a(?=b)", "abac", "a|bac");
  check_regex("a(?!b)", "abac", "ab|a|c");
  check_regex("(?<=b)a", "aba", "ab|a");
  check_regex("(?<!b)a", "ba", "ba");
  check_regex("(?i:'S|k)", "x'sK", "x|'s|K");
  check_regex("[a-c&&[^b]]+", "abca", "a|b|ca");
  check_regex("[^(\\\\s|[.,])]+", "a(b.c", "a|(|b|.|c");
  check_regex("\\\\s+$", "a \nb  ", "a| |\nb|  ");
  check_regex("\\\\bab\\\\b", "ab abx ab", "ab| abx |ab");
  check_regex("\\\\x41\\\\u0042\\\\x{43}", "ABC", "ABC");
  check_regex("[\\\\]\\\\-a]", "]-a", "]|-|a");
  check_regex("x{,2}a{", "x{,2}a{", "x{,2}|a{");
  check_regex("\\\\p{Han}+", "a\xe4\xbd\xa0\xe5\xa5\xbd" "b", "a|\xe4\xbd\xa0\xe5\xa5\xbd|b");
  check_regex("\\\\p{Lu}\\\\p{^L}", "aA1", "a|A1");
  check_regex(".", "a\nb", "a|\n|b");
}

TEST(hostile_expressions) {
  static const char *const bad[] = { "(", ")", "[a", "a{2,1}", "*a", "(?P<x>a)", "\\\\1", "\\\\p{Nope}", "\\\\p", "[b-a]", "(a*)*", "(?<=ab)c", "\\\\xzz", "(?:(?:a{999}){999}){999}", "[[:nope:]]", "a\\\\", "(?i", "[a-\\\\s]" };
  char parts[256], *text;
  size_t i;
  ldr_encoding e;
  ldr_error err;
  ldr_tokenizer *t;
  memset(&e, 0, sizeof e);
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    memset(&err, 0, sizeof err);
    sprintf(parts, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0}},\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Isolated\"}}", bad[i]);
    t = ldr_tokenizer_load_memory(parts, strlen(parts), NULL, &err);
    if (t) printf("  %s is taken\n", bad[i]);
    CHECK(t == NULL);
    CHECK_STR(ldr_status_name(err.status), "LDR_UNSUPPORTED");
    CHECK_INT(err.offset, 102);
    ldr_tokenizer_free(t);
  }
  memset(&err, 0, sizeof err);                         /* one that would take till doomsday gives up */
  t = load_normalizer("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?:a|aa)+b\"},\"behavior\":\"Isolated\"}");
  text = (char *)malloc(100000);
  memset(text, 'a', 100000);
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, 200, NULL, 0, 0, 0, &err), LDR_LIMIT);
  CHECK_INT(e.count, 0);
  ldr_tokenizer_free(t);
  t = load_normalizer("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\s+$\"},\"behavior\":\"Isolated\"}");
  memset(text, ' ', 99999);                            /* one that is quadratic elsewhere is not here */
  text[99999] = 'x';
  CHECK_INT(ldr_tokenizer_encode(t, &e, text, 100000, NULL, 0, 0, 0, NULL), 0);
  CHECK_INT(e.count, 1);
  ldr_tokenizer_free(t);
  ldr_encoding_free(&e);
  free(text);
}

/* Words chosen to collide in an index whose hash starts from a known number (FNV-1a's own) do not: the sum of all ways
   from a word's home to its place stays a few times the number of words. */
TEST(words_made_to_collide) {
  enum { WORDS = 3000, SLOTS = 8192 };
  char *text = (char *)malloc(WORDS * 12 + 64), word[16];
  size_t used = 0, ways = 0, i, k;
  int32_t found = 0, id;
  uint32_t n;
  ldr_tokenizer *t;
  used += (size_t)sprintf(text, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
  for (n = 0; found < WORDS; n++) {
    uint32_t h = 2166136261u;
    size_t bytes = (size_t)sprintf(word, "%x", (unsigned)n);
    h = ldr__vocab_hash(h, word, bytes);
    if (((h ^ h >> 15) & (SLOTS - 1)) >= 16) continue;
    used += (size_t)sprintf(text + used, "%s\n", word);
    found++;
  }
  t = load_text(text, NULL);
  CHECK(t != NULL && t->slot_count == SLOTS);
  for (id = 0; t && id < t->count; id++) {
    uint32_t h = ldr__vocab_hash(ldr__address_hash(t), ldr__piece_text(t, id), ldr__piece_bytes(t, id));
    for (i = (h ^ h >> 15) & (t->slot_count - 1), k = 0; t->slots[i].id != id; i = (i + 1) & (t->slot_count - 1)) k++;
    ways += k;
  }
  printf("  %.2f steps a word\n", (double)ways / WORDS);
  CHECK(ways < 8 * WORDS);
  ldr_tokenizer_free(t);
  free(text);
}

TEST(decoding) {
  ldr_tokenizer *t = load_text(tiny, NULL);
  ldr_text out;
  static const int32_t ids[] = { CLS, HELLO, COMMA, WORLD, LY, BANG, SEP, -1, 999 };
  memset(&out, 0, sizeof out);
  CHECK_INT(ldr_tokenizer_decode(t, &out, ids, 9, 0, NULL), 0);
  CHECK_STR(out.data, "[CLS] hello, worldly! [SEP]");
  CHECK_INT(ldr_tokenizer_decode(t, &out, ids, 9, 1, NULL), 0);
  CHECK_STR(out.data, "hello, worldly!");
  CHECK_INT(ldr_tokenizer_decode(t, &out, NULL, 0, 1, NULL), 0);
  CHECK_STR(out.data, "");
  CHECK_INT(ldr_tokenizer_decode(NULL, &out, ids, 1, 1, NULL), LDR_ARGUMENT);
  ldr_text_free(&out);
  ldr_tokenizer_free(t);
}

/* Once an encoding is large enough nothing is allocated, and a hundred times the text takes about a hundred times as long. */
TEST(no_allocation_while_cutting) {
  ldr_test_heap heap;
  ldr_encoding e;
  ldr_tokenizer *t = load_text(tiny, NULL);
  long before;
  memset(&e, 0, sizeof e);
  e.alloc = ldr_test_alloc(&heap, 0);
  CHECK_INT(ldr_tokenizer_encode(t, &e, "hello world, friendly!", 22, "hello", 5, 0, 1, NULL), 0);
  before = heap.calls;
  CHECK_INT(ldr_tokenizer_encode(t, &e, "hello friend, friendly", 22, "world", 5, 0, 1, NULL), 0);
  CHECK_INT(heap.calls, before);
  ldr_encoding_free(&e);
  CHECK_INT(heap.live, 0);
  ldr_tokenizer_free(t);
}

/* ---- any bytes at all ------------------------------------------------------------------- */

static void check_sane(const ldr_tokenizer *t, ldr_encoding *e, const char *text, size_t size) {
  int i, ok = 1;
  CHECK_INT(ldr_tokenizer_encode(t, e, text, size, NULL, 0, 0, 0, NULL), 0);
  for (i = 0; i < e->count; i++)
    ok = ok && e->ids[i] >= 0 && e->ids[i] < ldr_tokenizer_size(t) && e->begin[i] < e->end[i] && (size_t)e->end[i] <= size &&
         (i == 0 || e->begin[i] >= e->end[i - 1] || (e->begin[i] == e->begin[i - 1] && e->end[i] == e->end[i - 1]));
  CHECK(ok);
}

TEST(random_bytes) {
  static const unsigned char lead[] = { 0xc2, 0xc3, 0xcc, 0xe0, 0xe1, 0xe4, 0xed, 0xf0, 0xf4, 0xff, '[', 'a', ' ', '!', 0x80, 0xb0 };
  ldr_test_rng rng;
  ldr_encoding e;
  ldr_tokenizer *t[2];
  int round;
  memset(&e, 0, sizeof e);
  rng.state = 11;
  t[0] = load_text(tiny, NULL);
  t[1] = load_with(tiny, LDR_ON, LDR_OFF, LDR_OFF);
  for (round = 0; round < 20000; round++) {
    char *text, bytes[40];
    size_t n = ldr_test_below(&rng, 40), i;
    for (i = 0; i < n; i++) bytes[i] = (char)(ldr_test_below(&rng, 2) ? lead[ldr_test_below(&rng, 16)] : ldr_test_below(&rng, 256));
    text = (char *)malloc(n + !n);                   /* its own block, so that a sanitizer sees one byte too far */
    memcpy(text, bytes, n);
    check_sane(t[round & 1], &e, text, n);
    free(text);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t[0]);
  ldr_tokenizer_free(t[1]);
}

TEST(utf8_stress_files) {
  static const char *const files[2] = { "conformance/unicode/UTF-8-test.txt", "conformance/unicode/utf8tests.txt" };
  ldr_tokenizer *t = load_text(tiny, NULL);
  ldr_encoding e;
  int i, found = 0;
  memset(&e, 0, sizeof e);
  for (i = 0; i < 2; i++) {
    char path[1024], *text;
    size_t size, k;
    if (!ldr_test_data_path(path, sizeof path, files[i])) continue;
    found++;
    text = ldr_test_read(path, &size);
    check_sane(t, &e, text, size);
    for (k = 0; k < size; k += 61) check_sane(t, &e, text + k, size - k < 300 ? size - k : 300);
    free(text);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  if (!found) SKIP("no conformance/unicode (set LADDER_DATA to the data folder)");
}

/* ---- files of labelled texts ------------------------------------------------------------- */

static const char *file_encoding, *file_columns;

/* Reads a file of this name; the number of examples, or minus the status. */
static int read_examples(const char *name, const char *text, size_t n, int many, ldr_error *err, char *first_label) {
  ldr_tokenizer *t = load_text(tiny, NULL);
  ldr__reader r;
  ldr__source s;
  int count;
  memset(&r, 0, sizeof r);
  memset(err, 0, sizeof *err);
  r.tokenizer = t;
  r.desc.many_labels = many;
  r.desc.encoding = file_encoding;
  r.desc.columns = file_columns;
  r.d = ldr_dataset_create(&r.desc, NULL);
  memset(&s, 0, sizeof s);
  s.data = (const unsigned char *)text;
  s.size = n;
  count = ldr__reader_decode(&r, &s, err) || ldr__reader_bytes(&r, name, err) ? -(int)err->status : (int)ldr_dataset_count(r.d);
  if (first_label) strcpy(first_label, count > 0 ? ldr_dataset_label_name(r.d, 0) : "");
  ldr__source_close(&s);
  ldr__reader_free(&r);
  ldr_dataset_free(r.d);
  ldr_tokenizer_free(t);
  return count;
}

TEST(labelled_files) {
  static const char swapped[] = "a a\t0\na b\t0\na c\t0\na d\t0\na e\t0\na f\t0\na g\t0\na h\t0\n";
  ldr_error err;
  char label[64];
  CHECK_INT(read_examples("x.tsv", "label\ttext\na\thello\n", 19, 0, &err, label), 1);         /* the header names the columns */
  CHECK_STR(label, "a");
  CHECK_INT(read_examples("x.tsv", " a \thello\na\tworld\n", 18, 0, &err, label), 2);            /* blanks around labels     */
  CHECK_STR(label, "a");
  CHECK_INT(read_examples("x.csv", "label,text\r\na,\"hello, \"\"world\"\"\"\r\nb,x\r\n", 39, 0, &err, label), 2);
  CHECK_INT(read_examples("x.csv", "a,\"hello", 8, 0, &err, NULL), -LDR_DATA);
  CHECK_INT(err.offset, 2);
  CHECK_INT(read_examples("x.csv", "a,b,c,d", 7, 0, &err, NULL), -LDR_DATA);
  CHECK_INT(read_examples("x.tsv", swapped, sizeof swapped - 1, 0, &err, NULL), -LDR_DATA);
  CHECK(strstr(err.message, "many_labels") != NULL);
  CHECK_INT(read_examples("x.tsv", swapped, sizeof swapped - 1, 1, &err, NULL), 8);
  CHECK_INT(read_examples("x.tsv", "a\tx\nb\t\xc4\xe3\n", 9, 0, &err, NULL), -LDR_DATA);            /* GBK: line and byte       */
  CHECK_INT(err.offset, 6);
  CHECK(strstr(err.message, "line 2") != NULL);
  CHECK(strstr(err.message, "--encoding") != NULL);
  CHECK_INT(read_examples("x", "[{\"label\":1,\"text\":\"a\"}]", 24, 0, &err, label), 1);
  CHECK_STR(label, "1");
}

/* Columns are named by the first line or by the caller, never guessed. */
TEST(columns_of_files) {
  ldr_error err;
  char label[64];
  file_encoding = file_columns = NULL;
  CHECK_INT(read_examples("x.csv", "id,text,label\n7,hello,a\n8,world,b\n", 34, 0, &err, label), 2);
  CHECK_STR(label, "a");
  CHECK_INT(read_examples("x.tsv", "Sentence1\tSentence2\tLabel\r\nhello\tworld\tb\r\n", 42, 0, &err, label), 1);
  CHECK_STR(label, "b");
  CHECK_INT(read_examples("x.tsv", "text\tlabel\nhello\n", 17, 0, &err, NULL), -LDR_DATA);      /* a column short      */
  CHECK(strstr(err.message, "line 2") != NULL);
  CHECK_INT(read_examples("x.csv", "text;label\n\"a;b\";c\n", 19, 0, &err, label), 1);           /* semicolons          */
  CHECK_STR(label, "c");
  CHECK_INT(read_examples("x.tsv", "a\tb\tc\td\n", 8, 0, &err, NULL), -LDR_DATA);
  CHECK(strstr(err.message, "--columns") != NULL);
  file_columns = "-,text,label";
  CHECK_INT(read_examples("x.tsv", "1\thello\ty\n2\tworld\tz\n", 20, 0, &err, label), 2);
  CHECK_STR(label, "y");
  CHECK_INT(read_examples("x.tsv", "1\thello\n", 8, 0, &err, NULL), -LDR_DATA);
  file_columns = "text,-";
  CHECK_INT(read_examples("x.tsv", "a\tb\n", 4, 0, &err, NULL), -LDR_ARGUMENT);
  file_columns = "label,text,label";
  CHECK_INT(read_examples("x.tsv", "a\tb\tc\n", 6, 0, &err, NULL), -LDR_ARGUMENT);
  file_columns = NULL;
}

TEST(encodings_of_files) {
  static const char little[] = "\xff\xfe" "a\0\t\0\x60\x4f\x3d\xd8\x00\xde\n", cut[] = "\xff\xfe" "a\0\t\0\x3d\xd8\n";
  ldr_error err;
  char label[64];
  file_encoding = file_columns = NULL;
  CHECK_INT(read_examples("x.tsv", little, sizeof little, 0, &err, label), 1);                  /* with its mark       */
  CHECK_STR(label, "a");
  CHECK_INT(read_examples("x.tsv", cut, sizeof cut, 0, &err, NULL), -LDR_DATA);                  /* half a pair         */
  CHECK_INT(err.offset, 6);
  file_encoding = "utf-16";
  CHECK_INT(read_examples("x.tsv", little + 2, sizeof little - 2, 0, &err, NULL), -LDR_DATA);
  file_encoding = "utf-16le";
  CHECK_INT(read_examples("x.tsv", little + 2, sizeof little - 2, 0, &err, label), 1);
  file_encoding = "utf-16be";
  CHECK_INT(read_examples("x.tsv", "\0\xe9\0\t\0x", 6, 0, &err, label), 1);
  CHECK_STR(label, "\xc3\xa9");
  file_encoding = "windows-1252";
  CHECK_INT(read_examples("x.tsv", "\x80\xe9\tx\n", 5, 0, &err, label), 1);
  CHECK_STR(label, "\xe2\x82\xac\xc3\xa9");
  CHECK_INT(read_examples("x.tsv", "a\tx\nb\t\x81\n", 8, 0, &err, NULL), -LDR_DATA);            /* no character        */
  CHECK(strstr(err.message, "line 2") != NULL);
  file_encoding = "gbk";
  CHECK_INT(read_examples("x.tsv", "a\tx\n", 4, 0, &err, NULL), -LDR_UNSUPPORTED);
  CHECK(strstr(err.message, "gbk") != NULL);
  file_encoding = NULL;
}

/* The same examples, and the same words about what is wrong, whether the bytes are a file's or lie in memory. */
TEST(data_sets_come_from_memory_as_from_files) {
  static const char text[] = "label,text\na,\"hello, world\"\nb,x\n", wide[] = "\xff\xfe" "a\0\t\0x\0\n\0";
  ldr_error err;
  tiny_spec s = tiny_default("bert");
  tiny_model m;
  ldr_model *model;
  ldr_dataset *a, *b, *c;
  ldr_dataset_desc own;
  int i;
  memset(&err, 0, sizeof err);
  m = tiny_open(s, &err);
  model = ldr_model_load_memory(m.config, strlen(m.config), m.weights, m.size, tiny, strlen(tiny), NULL, &err);
  CHECK(ldr_test_write("memory-set.csv", text, sizeof text - 1));
  a = ldr_dataset_load(model, "memory-set.csv", NULL, &err);
  b = ldr_dataset_load_memory(model, "memory-set.csv", text, sizeof text - 1, NULL, &err);
  CHECK_STR(err.message, "");
  memset(&own, 0, sizeof own);                     /* columns by names of one's own */
  own.text = "body";
  own.label = "kind";
  c = ldr_dataset_load_memory(model, "own.csv", "body,kind\nab,x\nb,y\n", 20, &own, &err);
  CHECK_STR(err.message, "");
  CHECK(ldr_dataset_count(c) == 2 && ldr_dataset_labels(c) == 2);
  CHECK_STR(ldr_dataset_label_name(c, 0), "x");
  CHECK(ldr_dataset_label(c, NULL, 1, &err) < 0 && err.status == LDR_ARGUMENT);
  ldr_dataset_free(c);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_dataset_count(b), 2);
  CHECK_INT(ldr_dataset_tokens(b), ldr_dataset_tokens(a));
  for (i = 0; a && b && i < 2; i++) {
    ldr_example x = ldr_dataset_get(a, i), y = ldr_dataset_get(b, i);
    CHECK(x.count == y.count && memcmp(x.ids, y.ids, (size_t)x.count * sizeof *x.ids) == 0 && *x.labels == *y.labels);
    CHECK_STR(ldr_dataset_label_name(b, i), ldr_dataset_label_name(a, i));
  }
  ldr_dataset_free(a);
  ldr_dataset_free(b);
  b = ldr_dataset_load_memory(model, "set.txt", wide, sizeof wide - 1, NULL, &err);
  CHECK_INT(ldr_dataset_count(b), 1);
  ldr_dataset_free(b);
  CHECK(ldr_dataset_load_memory(model, "set.csv", "a,\"hello", 8, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_DATA);
  CHECK(strncmp(err.message, "set.csv: ", 9) == 0);
  ldr_model_free(model);
  tiny_close(&m);
  remove("memory-set.csv");
}

/* What a control character stands before is a grapheme of its own; marks, joiners and tags join what they follow. */
TEST(graphemes_end_at_control_characters) {
  static const struct { uint32_t first, second; int chars; } pairs[] = {
    { 'a', 0x300, 2 }, { '\r', '\n', 2 }, { '\n', 0x300, 1 }, { 0xad, 0x300, 1 }, { 0x61c, 0x300, 1 }, { 0x180e, 0x300, 1 }, { 0x200b, 0x300, 1 },
    { 0x200c, 0x300, 2 }, { 0x200d, 0x300, 2 }, { 0x2028, 0x300, 1 }, { 0x202a, 0x300, 1 }, { 0x202e, 0x300, 1 }, { 0x202f, 0x300, 2 },
    { 0x2060, 0x300, 1 }, { 0x2065, 0x300, 1 }, { 0x206f, 0x300, 1 }, { 0x2070, 0x300, 2 }, { 0xfeff, 0x300, 1 }, { 0xfff0, 0x300, 1 }, { 0xfffb, 0x300, 1 },
    { 0xfffc, 0x300, 2 }, { 0xe0001, 0x300, 1 }, { 0xe0020, 0x300, 2 }, { 0xe0080, 0x300, 1 }, { 0xe0100, 0x300, 2 }, { 0x600, 'a', 2 }, { 0x110bd, 0x300, 2 },
    { 0xac00, 0x11a8, 2 }, { 0x1100, 0x1161, 2 }, { 'a', 'b', 1 } };
  size_t i;
  for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char text[8];
    int32_t n = (int32_t)ldr__utf8_put(text, pairs[i].first), chars = 0, second = (int32_t)ldr__utf8_put(text + n, pairs[i].second);
    CHECK_INT(ldr__grapheme(text, n + second, 0, &chars), pairs[i].chars == 2 ? n + second : n);
    CHECK_INT(chars, pairs[i].chars);
  }
}

#define TESTS(X)                                                                                                     \
  X(graphemes_end_at_control_characters) X(data_sets_come_from_memory_as_from_files) X(vocabulary) X(vocabulary_lines) X(words_and_pieces) X(special_tokens_in_text) X(long_words)                    \
  X(added_tokens_and_segments) X(wrong_calls) X(offsets) X(truncation) X(json_options) X(hostile_files)            \
  X(damaged_json) X(out_of_memory) X(files) X(model_directories) X(squad_questions) \
  X(llama_cpp_vectors) X(bert_base_uncased_cases) X(zh_mini) X(golden_strings) X(normalization_test) X(golden_tokenizers) X(byt5_needs_no_vocabulary) X(what_is_no_byt5_is_refused) X(byt5_out_of_memory) X(golden_out_of_memory) X(hugging_face_vectors)  \
  X(sentencepiece_vectors) X(padding) X(joined_across_unknown) X(gguf_vectors) X(gguf_tokenizers) X(gguf_model_with_vocabulary) X(regular_expressions) X(hostile_expressions) X(words_made_to_collide) X(decoding) X(no_allocation_while_cutting) X(labelled_files) X(columns_of_files) X(encodings_of_files)               \
  X(random_bytes) X(utf8_stress_files)

LDR_TEST_MAIN("tokenizer", TESTS)
