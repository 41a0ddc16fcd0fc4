/* The WordPiece tokenizer against HF's answers, Unicode's tables and hostile files. */

#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"

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
    CHECK_INT(e.end[99], 300);
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
    check_spans(t, "cafe\xcc\x81\xcc\xa3 !\xcc\xb8 a", "cafe\xcc\x81\xcc\xa3|!\xcc\xb8|a"); /* marks stay with their letter */
    check_spans(t, "\xcc\x81 a\xcc\x81" "bc", "a\xcc\x81|b|c");
    check_spans(t, "a\xe4\xb8\xad\xe6\x96\x87" "b", "a|\xe4\xb8\xad|\xe6\x96\x87|b");
    check_spans(t, "a \xf0\x9f\x98\x80\xef\xb8\x8f b", "a|\xf0\x9f\x98\x80\xef\xb8\x8f|b"); /* emoji and selector */
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
        while (max_len && k1 + k2 + added > max_len) {                  /* HF's loop, one token at a time */
            if (n2 < 0 || k1 > k2) k1--;
            else k2--;
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

TEST(json_options) {
    ldr_tokenizer *t = load_text(" {\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"++\",\"max_input_chars_per_word\":3," VOCAB "}}", NULL);
    CHECK_INT(ldr_tokenizer_size(t), 6);
    CHECK_STR(ldr_tokenizer_piece(t, 3), "\xc3\xa9");
    CHECK_IDS(t, "abb Abbb [UNK]", 0, 2, 2, 1, 1);
    ldr_tokenizer_free(t);
    t = load_text("{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false,\"strip_accents\":null,\"handle_chinese_chars\":false,\"clean_text\":true},"
                  "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"added_tokens\":[{\"id\":1,\"content\":\"[UNK]\"}],\"model\":{\"type\":\"WordPiece\"," VOCAB "}}", NULL);
    CHECK_IDS(t, "A a \xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 a\x01", 4, 0, 3, 5, 0);
    ldr_tokenizer_free(t);
    t = load_text("{\"normalizer\":null,\"model\":{\"type\":\"WordPiece\"," VOCAB "}}", NULL);
    CHECK_IDS(t, "A a\x0b" "a \xc3\xa9 a\x01", 4, 0, 0, 3, 1);
    ldr_tokenizer_free(t);
    t = load_text("{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,\"a\":1,\"<\":2}}}", NULL);
    CHECK_IDS(t, "a<unk>x< ", 1, 0, 0, 2);
    ldr_tokenizer_free(t);
}

#define MODEL(inside) "{\"model\":{\"type\":\"WordPiece\"," inside "}}"

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
        { "{\"model\":{\"vocab\":{}}}", LDR_UNSUPPORTED, 9 },
        { "{\"model\":{\"type\":\"BPE\"}}", LDR_UNSUPPORTED, 18 },
        { "{\"model\":{\"type\":7}}", LDR_UNSUPPORTED, 17 },
        { MODEL("\"x\":1"), LDR_VOCAB, 9 },
        { MODEL("\"vocab\":[1]"), LDR_VOCAB, 37 },
        { MODEL("\"vocab\":{}"), LDR_VOCAB, -1 },
        { MODEL("\"vocab\":{\"a\":0}"), LDR_VOCAB, -1 },
        { MODEL("\"vocab\":{\"[UNK]\":1}"), LDR_VOCAB, 46 },
        { MODEL("\"vocab\":{\"[UNK]\":-1}"), LDR_VOCAB, 46 },
        { MODEL("\"vocab\":{\"[UNK]\":0.5}"), LDR_VOCAB, 46 },
        { MODEL("\"vocab\":{\"[UNK]\":\"0\"}"), LDR_VOCAB, 47 },
        { MODEL("\"vocab\":{\"[UNK]\":99999999999999999999}"), LDR_VOCAB, 46 },
        { MODEL("\"vocab\":{\"[UNK]\":0,\"a\":0}"), LDR_VOCAB, 52 },
        { MODEL("\"vocab\":{\"[UNK]\":0,\"a\":2}"), LDR_VOCAB, 52 },
        { MODEL("\"vocab\":{\"[UNK]\":0,\"a\\u0000b\":1}"), LDR_VOCAB, 49 },
        { MODEL("\"unk_token\":\"<u>\",\"vocab\":{\"[UNK]\":0}"), LDR_VOCAB, -1 },
        { MODEL("\"unk_token\":5,\"vocab\":{\"[UNK]\":0}"), LDR_FORMAT, 41 },
        { MODEL("\"continuing_subword_prefix\":\"0123456789abcdef\",\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 58 },
        { MODEL("\"max_input_chars_per_word\":1e9,\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 56 },
        { MODEL("\"max_input_chars_per_word\":101,\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 56 },
        { MODEL("\"max_input_chars_per_word\":0,\"vocab\":{\"[UNK]\":0}"), LDR_LIMIT, 56 },
        { "{\"normalizer\":{\"type\":\"NFKC\"},\"model\":{\"type\":\"WordPiece\"}}", LDR_UNSUPPORTED, 23 },
        { "{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"WordPiece\"}}", LDR_UNSUPPORTED, 26 },
        { "{\"added_tokens\":[{\"content\":\"<x>\"}],\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":0}}}", LDR_UNSUPPORTED, 17 },
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
        if (t || err.status != cases[i].status || (cases[i].offset > -2 && err.offset != (uint64_t)cases[i].offset)) printf("  case %d: %s: %s\n", (int)i, ldr_status_name(err.status), err.message);
        CHECK(t == NULL);
        CHECK_STR(ldr_status_name(err.status), ldr_status_name(cases[i].status));
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

static void check_out_of_memory(const char *vocab) {
    long n;
    for (n = 1; n < 1000; n++) {
        ldr_test_heap heap;
        ldr_tokenizer_desc d;
        ldr_error err;
        ldr_tokenizer *t;
        memset(&d, 0, sizeof d);
        memset(&err, 0, sizeof err);
        d.alloc = ldr_test_alloc(&heap, n);
        t = ldr_tokenizer_load_memory(vocab, strlen(vocab), &d, &err);
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
    static char text[2000];
    long n;
    ldr_tokenizer *t;
    check_out_of_memory(tiny);
    check_out_of_memory("{\"model\":{\"type\":\"WordPiece\"," VOCAB "}}");
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
    CHECK_INT(t ? t->lower : -1, 1);
    ldr_tokenizer_free(t);
    NEED_DATA(path, "models/bert-fixtures/random");
    t = load_file(path);
    CHECK_INT(t ? t->lower + t->strip + t->cjk : -1, 0);
    ldr_tokenizer_free(t);
    NEED_DATA(path, "models/bert-fixtures/bert-tiny-hf-fixture");
    t = load_file(path);
    CHECK_INT(ldr_tokenizer_size(t), 256);
    CHECK_INT(t ? t->lower : -1, 0);
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

TEST(other_tokenizers_are_refused) {
    static const struct { const char *file, *word; } cases[] = {
        { "tokenizers/llama2/tokenizer.json", "BPE" }, { "tokenizers/t5-small/tokenizer.json", "type" }, { "tokenizers/roberta-base/tokenizer.json", "type" },
        { "models/bert-fixtures/bert-tiny-hf-fixture/tokenizer.json", "Whitespace" } };
    char path[1024];
    int i, found = 0;
    for (i = 0; i < 4; i++) {
        ldr_error err;
        memset(&err, 0, sizeof err);
        if (!ldr_test_data_path(path, sizeof path, cases[i].file)) continue;
        found++;
        CHECK(ldr_tokenizer_load(path, NULL, &err) == NULL);
        CHECK_INT(err.status, LDR_UNSUPPORTED);
        CHECK(strstr(err.message, cases[i].word) != NULL);
    }
    if (!found) SKIP("no tokenizers/*/tokenizer.json (set LADDER_DATA to the data folder)");
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

/* What the tokenizer makes of one character with accents off. */
static int stripped(uint32_t out[3], uint32_t c) { return ldr__char_class(c) == LDR__CLASS_MARK ? 0 : ldr__char_strip(out, c); }

static uint32_t chars_hash(uint32_t first) {
    uint32_t h = 2166136261u, c, k;
    for (c = first; c < first + 4096; c++) {
        uint32_t v[6], n = 2, out[3], i, s = (uint32_t)stripped(out, c);
        v[0] = (uint32_t)ldr__char_class(c);
        v[1] = c == 0x130 ? 'i' : ldr__char_lower(c);
        for (i = 0; i < s; i++) v[n++] = out[i];
        v[n++] = 0;
        for (i = 0; i < n; i++)
            for (k = 0; k < 24; k += 8) h = (h ^ (v[i] >> k & 255u)) * 16777619u;
    }
    return h;
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
    count = golden_number(&at, "chars ");
    for (i = 0; i < count; i++) {
        uint32_t first, hash;
        at = (char *)(uintptr_t)read_hex(at, &first);
        at = (char *)(uintptr_t)read_hex(at, &hash) + 1;
        if (chars_hash(first) != hash) printf("  characters from U+%X on\n", (unsigned)first);
        CHECK(chars_hash(first) == hash);
    }
    CHECK_INT(count, 272);
    for (i = 0; i < 4; i++) ldr_tokenizer_free(t[i]);
    free(text);
}

/* A column of NormalizationTest.txt, each character stripped as the tokenizer does. Sorted, since
   the tokenizer leaves the few marks that stay in the order they came in. */
static int stripped_column(uint32_t *out, const char **s) {
    int n = 0, i, k;
    for (;;) {
        uint32_t c;
        while (**s == ' ') ++*s;
        if (**s == ';') break;
        *s = read_hex(*s, &c);
        n += stripped(out + n, c);
    }
    ++*s;
    for (i = 1; i < n; i++)
        for (k = i; k > 0 && out[k - 1] > out[k]; k--) {
            uint32_t c = out[k];
            out[k] = out[k - 1];
            out[k - 1] = c;
        }
    return n;
}

TEST(normalization_test) {
    char path[1024], *text, *line;
    size_t size;
    int lines = 0, wrong = 0;
    NEED_DATA(path, "conformance/unicode/NormalizationTest.txt");
    text = ldr_test_read(path, &size);
    for (line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        uint32_t column[5][128];
        int n[5], i;
        const char *s = line;
        if (*line == '#' || *line == '@' || *line == '\n' || *line == '\r') continue;
        for (i = 0; i < 5; i++) n[i] = stripped_column(column[i], &s);
        lines++;
        for (i = 0; i < 4; i++) {                        /* NFD of columns 1 2 3 is 3, of 4 and 5 is 5 */
            int as = i < 3 ? 2 : 4;
            if (n[i] != n[as] || memcmp(column[i], column[as], (size_t)n[i] * sizeof(uint32_t)) != 0) break;
        }
        if (i < 4 && wrong++ < 5) printf("  %.80s\n", line);
    }
    CHECK(lines > 18000);
    CHECK_INT(wrong, 0);
    free(text);
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

#define TESTS(X)                                                                                                     \
    X(vocabulary) X(vocabulary_lines) X(words_and_pieces) X(special_tokens_in_text) X(long_words)                    \
    X(added_tokens_and_segments) X(wrong_calls) X(offsets) X(truncation) X(json_options) X(hostile_files)            \
    X(damaged_json) X(out_of_memory) X(files) X(model_directories) X(other_tokenizers_are_refused) X(squad_questions) \
    X(llama_cpp_vectors) X(bert_base_uncased_cases) X(zh_mini) X(golden_strings) X(normalization_test)               \
    X(random_bytes) X(utf8_stress_files)

LDR_TEST_MAIN("tokenizer", TESTS)
