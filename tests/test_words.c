/* Vocabularies and word vectors made from text (tools/words.h), against implementations that are slow
   and plain: pairs counted anew for every merge, and a dense matrix. */

#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/words.h"
#include "ldr_test.h"

static const char TEXT_FILE[] = "words-test.txt", MORE_FILE[] = "words-test-2.txt", VOCAB_FILE[] = "words-test.vocab";

static void clean(void) {
  remove(TEXT_FILE);
  remove(MORE_FILE);
  remove(VOCAB_FILE);
}

static ldr_status make(const char *data, size_t size, int32_t pieces, int lower, ldr_error *err) {
  const char *path = TEXT_FILE;
  memset(err, 0, sizeof *err);
  remove(VOCAB_FILE);
  CHECK(ldr_test_write(TEXT_FILE, data, size));
  return make_vocabulary(&path, 1, pieces, lower, 0, VOCAB_FILE, err);
}

/* The vocab.txt that these pieces make, for free(). */
static char *made(const char *data, size_t size, int32_t pieces, int lower) {
  ldr_error err;
  size_t n;
  CHECK_INT(make(data, size, pieces, lower, &err), LDR_OK);
  CHECK_STR(err.message, "");
  return ldr_test_read(VOCAB_FILE, &n);
}

static ldr_tokenizer *load_vocab(const char *vocab, int lower) {
  ldr_tokenizer_desc d;
  ldr_error err;
  ldr_tokenizer *t;
  memset(&d, 0, sizeof d);
  memset(&err, 0, sizeof err);
  d.lower_case = lower ? LDR_ON : LDR_OFF;
  t = ldr_tokenizer_load_memory(vocab, strlen(vocab), &d, &err);
  CHECK_STR(err.message, "");
  return t;
}

/* Words of syllables, some of them often, some commas; the same for the same seed. */
static size_t invent(char *dst, size_t words, uint64_t seed) {
  static const char *const syllables[] = { "ka", "lo", "mi", "an", "ent", "st", "ab", "a", "aa", "\xc3\xa9t", "ing", "Ro", "qu", "u", "s" };
  ldr_test_rng r;
  size_t n = 0, i;
  r.state = seed;
  for (i = 0; i < words; i++) {
    uint32_t k = 1 + ldr_test_below(&r, 4), few = ldr_test_below(&r, 2) ? 15 : 1 + ldr_test_below(&r, 15);
    for (; k; k--) {
      const char *s = syllables[ldr_test_below(&r, few)];
      memcpy(dst + n, s, strlen(s));
      n += strlen(s);
    }
    if (ldr_test_below(&r, 9) == 0) dst[n++] = ',';
    dst[n++] = ldr_test_below(&r, 8) ? ' ' : '\n';
  }
  dst[n] = 0;
  return n;
}

/* ---- the slow vocabulary --------------------------------------------------------------- */

enum { SLOW_WORDS = 3000, SLOW_PIECES = 40, SLOW_BYTES = 48 };
typedef struct slow_word { char piece[SLOW_PIECES][SLOW_BYTES]; int n; } slow_word;
typedef struct slow_pair { char left[SLOW_BYTES], joined[SLOW_BYTES]; const char *right; long count; } slow_pair;
typedef struct slow_letter { char c[8]; long count; } slow_letter;

/* The tokenizer itself splits the text, with a vocabulary of nothing but letters: a piece without ## begins a word. */
static int slow_split(slow_word *words, const char *data, size_t size) {
  char vocab[1024] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n,\n";
  ldr_encoding e;
  ldr_tokenizer *t;
  int i, n = 0;
  for (i = 'a'; i <= 'z'; i++) {
    size_t used = strlen(vocab);
    snprintf(vocab + used, sizeof vocab - used, "%c\n##%c\n", i, i);
  }
  t = load_vocab(vocab, 1);
  memset(&e, 0, sizeof e);
  CHECK_INT(ldr_tokenizer_encode(t, &e, data, size, NULL, 0, 0, 0, NULL), LDR_OK);
  for (i = 0; i < e.count; i++) {
    const char *piece = ldr_tokenizer_piece(t, e.ids[i]);
    slow_word *w;
    CHECK(e.ids[i] != 1);
    if (piece[0] != '#') words[n++].n = 0;
    w = words + n - 1;
    strcpy(w->piece[w->n++], piece);
  }
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  return n;
}

static int slow_by_count(const void *a, const void *b) {
  const slow_letter *x = (const slow_letter *)a, *y = (const slow_letter *)b;
  return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->c, y->c);
}

static void slow_line(char *vocab, const char *prefix, const char *piece) {
  strcat(vocab, prefix);
  strcat(vocab, piece);
  strcat(vocab, "\n");
}

static int slow_alphabet(char *vocab, const slow_word *words, int count) {
  slow_letter letters[128];
  int i, k, j, n = 0, lines = 0;
  for (i = 0; i < count; i++)
    for (k = 0; k < words[i].n; k++) {
      const char *c = words[i].piece[k] + (k ? 2 : 0);
      for (j = 0; j < n && strcmp(letters[j].c, c) != 0; j++) {}
      if (j == n) {
        snprintf(letters[n].c, sizeof letters[n].c, "%.7s", c);
        letters[n++].count = 0;
      }
      letters[j].count++;
    }
  qsort(letters, (size_t)n, sizeof *letters, slow_by_count);
  for (i = 0; i < n; i++, lines++) slow_line(vocab, "", letters[i].c);
  for (i = 0; i < n; i++) {
    if (letters[i].c[0] == ',') continue;
    slow_line(vocab, "##", letters[i].c);
    lines++;
  }
  return lines;
}

/* Counts every pair anew; the best one into *best. 0 when none occurs twice. */
static int slow_best(slow_pair *best, slow_pair *pairs, const slow_word *words, int count) {
  int i, k, j, n = 0;
  for (i = 0; i < count; i++)
    for (k = 0; k + 1 < words[i].n; k++) {
      const char *left = words[i].piece[k], *right = words[i].piece[k + 1];
      for (j = 0; j < n && (strcmp(pairs[j].left, left) != 0 || strcmp(pairs[j].right, right) != 0); j++) {}
      if (j == n) {
        strcpy(pairs[n].left, left);
        strcpy(pairs[n].joined, left);
        strcat(pairs[n].joined, right + 2);
        pairs[n].right = right;
        pairs[n++].count = 0;
      }
      pairs[j].count++;
    }
  best->count = 0;
  for (j = 0; j < n; j++) {
    int order = pairs[j].count != best->count ? (pairs[j].count > best->count ? -1 : 1) : strcmp(pairs[j].joined, best->joined);
    if (order == 0) order = strcmp(pairs[j].left, best->left);
    if (order < 0) *best = pairs[j];
  }
  return best->count >= 2;
}

static void slow_merge(slow_word *w, const slow_pair *p, const char *right) {
  int i, n = 0;
  for (i = 0; i < w->n; i++) {
    int hit = i + 1 < w->n && strcmp(w->piece[i], p->left) == 0 && strcmp(w->piece[i + 1], right) == 0;
    if (hit) strcpy(w->piece[n++], p->joined);
    else if (n++ != i) strcpy(w->piece[n - 1], w->piece[i]);
    i += hit;
  }
  w->n = n;
}

static char *slow_vocabulary(const char *data, size_t size, int pieces) {
  slow_word *words = (slow_word *)malloc(SLOW_WORDS * sizeof *words);
  slow_pair *pairs = (slow_pair *)malloc(4000 * sizeof *pairs), best;
  char *vocab = (char *)calloc((size_t)pieces + 8, SLOW_BYTES), line[SLOW_BYTES + 2], right[SLOW_BYTES];
  int count = slow_split(words, data, size), n, i;
  strcpy(vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
  n = 5 + slow_alphabet(vocab, words, count);
  while (n < pieces && slow_best(&best, pairs, words, count)) {
    strcpy(right, best.right);                 /* it points into a word that will change      */
    snprintf(line, sizeof line, "\n%.47s\n", best.joined);
    if (!strstr(vocab, line)) {
      slow_line(vocab, "", best.joined);
      n++;
    }
    for (i = 0; i < count; i++) slow_merge(words + i, &best, right);
  }
  free(words);
  free(pairs);
  return vocab;
}

TEST(vocabulary_equals_a_slow_one) {
  static char data[40000];
  static const int32_t sizes[] = { 60, 200, 5000 };      /* the last: until no pair occurs twice */
  int i;
  for (i = 0; i < 3; i++) {
    size_t size = invent(data, i == 2 ? 150 : 600, 11 + (uint64_t)i);
    char *fast = made(data, size, sizes[i], 1), *slow = slow_vocabulary(data, size, sizes[i]);
    CHECK_STR(fast, slow);
    free(fast);
    free(slow);
  }
  clean();
}

/* ---- use by the tokenizer -------------------------------------------------------------- */

TEST(pieces_are_tokens_and_text_comes_back) {
  static char data[40000], again[40000], want[40000];
  size_t size = invent(data, 3000, 5), i, n = 0;
  char *vocab = made(data, size, 300, 1);
  ldr_tokenizer *t = load_vocab(vocab, 1);
  ldr_encoding e;
  int32_t k;
  memset(&e, 0, sizeof e);
  CHECK_INT(ldr_tokenizer_size(t), 300);
  CHECK_STR(ldr_tokenizer_piece(t, 0), "[PAD]");
  CHECK_STR(ldr_tokenizer_piece(t, 4), "[MASK]");
  for (k = 0; k < 300; k++) {
    const char *piece = ldr_tokenizer_piece(t, k);
    CHECK_INT(ldr_tokenizer_find(t, piece), k);        /* else it is there twice              */
    if (k < 5 || piece[0] == '#') continue;
    ldr_tokenizer_encode(t, &e, piece, strlen(piece), NULL, 0, 0, 0, NULL);
    CHECK_INT(e.count, 1);
    CHECK_INT(e.ids[0], k);
  }
  CHECK_INT(ldr_tokenizer_encode(t, &e, data, size, NULL, 0, 0, 0, NULL), LDR_OK);
  again[0] = 0;
  for (k = 0; k < e.count; k++) {
    const char *piece = ldr_tokenizer_piece(t, e.ids[k]);
    CHECK(e.ids[k] >= 5);
    strcpy(again + n, piece[0] == '#' ? piece + 2 : piece);
    n += strlen(again + n);
  }
  for (i = n = 0; i < size; i++) {                       /* lower case, without accents and spaces */
    if (data[i] == ' ' || data[i] == '\n' || data[i] == '\xa9') continue;
    want[n++] = data[i] == '\xc3' ? 'e' : data[i] == 'R' ? 'r' : data[i];
  }
  want[n] = 0;
  CHECK_STR(again, want);
  ldr_tokenizer_encode(t, &e, "stingray", 8, NULL, 0, 0, 0, NULL);      /* y was never seen */
  CHECK_INT(e.ids[0], 1);
  ldr_tokenizer_encode(t, &e, "ur\xc3\xa9" "Muligo", 10, NULL, 0, 0, 0, NULL);
  for (k = 0; k < e.count; k++) CHECK(e.ids[k] >= 5);
  CHECK(e.count > 1);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  free(vocab);
  clean();
}

/* How often the table has a word. */
static long table_count(const words_table *t, const char *word) {
  size_t i;
  for (i = 0; i < t->count; i++)
    if (t->entries[i].bytes == strlen(word) && memcmp(t->chars + t->entries[i].at, word, strlen(word)) == 0) return (long)t->entries[i].count;
  return 0;
}

/* Everything that splits words in a way of its own: accents, dotted I, a Hangul syllable, Han and its doubles, controls,
   ideographic space, characters that turn into punctuation, special tokens in the text. */
static const char odd[] =
  "Caf\xc3\xa9 caf\x65\xcc\x81 \xc4\xb0stanbul \xc3\x9c" "ber-all don't x\xc2\xa0y \xea\xb0\x81\xea\xb0\x80 \xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97 a\xe4\xb8\xad" "b \xef\xa4\x80\xf0\xaf\xa0\x80 "
  "so\xc2\xad" "ft ze\xe2\x80\x8bro \xe3\x80\x80wide q\xcd\xbe" "r \xe1\xbf\xaf" "k \xce\xa3\xce\xaf\xcf\x83 [MASK]ed [UNK][CLS] [mask] \xef\xbf\xbd" "bad\xef\xbf\xbd \xe3\x81\x8c\xe3\x82\xab "
  "\xd0\x99\xd1\x91 \xf0\x9f\x98\x80smile\xf0\x9f\x98\x80 $5.00 a\tb\x0b" "c\x01" "d e\r\nf\xe2\x80\xa8g \xef\xbb\xbfstart ##x \xe2\x89\xae < \xe2\x89\xaez Caf\xc3\xa9 \xcc\x81\xcc\x81 e";

static void split_as_tokenizer(int lower) {
  ldr_error err;
  words_table table;
  ldr_encoding e;
  ldr_tokenizer *t;
  char *vocab, word[512];
  int32_t k, words = 0;
  size_t i;
  uint64_t total = 0;
  /* Letters alone, as many as the refusal asks for: any more pieces could hide that a letter is missing. */
  CHECK_INT(make(odd, sizeof odd - 1, 6, lower, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "ask for ") != NULL);
  k = (int32_t)strtol(strstr(err.message, "ask for ") + 8, NULL, 10);
  CHECK_INT(make(odd, sizeof odd - 1, k - 1, lower, &err), LDR_ARGUMENT);
  CHECK_INT(make(odd, sizeof odd - 1, k, lower, &err), LDR_OK);
  vocab = ldr_test_read(VOCAB_FILE, &i);
  t = load_vocab(vocab, lower);
  memset(&table, 0, sizeof table);
  memset(&e, 0, sizeof e);
  table.limit = 1000;
  CHECK_INT(words_read(&table, TEXT_FILE, lower, 0, &err), LDR_OK);
  CHECK_INT(ldr_tokenizer_encode(t, &e, odd, sizeof odd - 1, NULL, 0, 0, 0, NULL), LDR_OK);
  for (k = 0; k < e.count; k++) {
    const char *piece = ldr_tokenizer_piece(t, e.ids[k]);
    if (e.ids[k] < 5) continue;                        /* the text names them: none is unknown */
    strcpy(word, piece);
    while (k + 1 < e.count && strncmp(ldr_tokenizer_piece(t, e.ids[k + 1]), "##", 2) == 0) strcat(word, ldr_tokenizer_piece(t, e.ids[++k]) + 2);
    CHECK(table_count(&table, word) > 0);
    words++;
  }
  for (i = 0; i < table.count; i++) total += table.entries[i].count;
  CHECK_INT(total, words);
  CHECK_INT(table_count(&table, lower ? "cafe" : "Caf\xc3\xa9"), lower ? 3 : 2);
  CHECK_INT(table_count(&table, "ed"), 1);
  CHECK_INT(table_count(&table, "mask"), 1);
  words_table_free(&table);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  free(vocab);
  clean();
}

TEST(words_are_the_tokenizers) {
  split_as_tokenizer(1);
  split_as_tokenizer(0);
}

/* Blocks are 64 KiB: a character, a special token and a word lie across every border once the text is shifted. A word of
   more than 100 letters is none. */
TEST(blocks_have_no_borders) {
  static const char unit[] = "\xe4\xb8\xad" "h\xc3\xa9llo [MASK] ";
  size_t units = 10000, n = sizeof unit - 1, size = units * n + 300, i, shift;
  char *data = (char *)malloc(size);
  for (shift = 0; shift < 17; shift += 2) {
    words_table table;
    ldr_error err;
    memset(data, 'x', size);
    data[100 + shift] = ' ';
    for (i = 0; i < units; i++) memcpy(data + 101 + shift + i * n, unit, n);
    memset(&table, 0, sizeof table);
    memset(&err, 0, sizeof err);
    table.limit = 1000;
    CHECK(ldr_test_write(TEXT_FILE, data, 101 + shift + units * n + 101));
    CHECK_INT(words_read(&table, TEXT_FILE, 1, 0, &err), LDR_OK);
    CHECK_INT(table_count(&table, "hello"), units);
    CHECK_INT(table_count(&table, "\xe4\xb8\xad"), units);
    CHECK_INT(table.count, shift ? 2 : 3);
    words_table_free(&table);
  }
  free(data);
  clean();
}

/* ---- refusals, determinism, bounds ----------------------------------------------------- */

TEST(bytes_that_are_no_text_are_refused) {
  size_t at = 70001, i;
  char *data = (char *)malloc(at + 2);
  ldr_error err;
  for (i = 0; i < at; i++) data[i] = i % 3 ? 'a' : ' ';
  data[at] = (char)0xff;
  data[at + 1] = 'a';
  CHECK_INT(make(data, at + 2, 100, 1, &err), LDR_DATA);
  CHECK_INT(err.offset, at);
  CHECK(strstr(err.message, TEXT_FILE) && strstr(err.message, "UTF-8"));
  CHECK(!ldr_test_exists(VOCAB_FILE));
  CHECK_INT(make("caf\xc3", 4, 100, 1, &err), LDR_DATA);         /* cut at the end of the file  */
  CHECK_INT(err.offset, 3);
  CHECK_INT(make("a\xed\xa0\x80", 4, 100, 1, &err), LDR_DATA);
  CHECK_INT(err.offset, 1);
  CHECK_INT(make("\xc0\x80 b", 4, 100, 1, &err), LDR_DATA);
  CHECK_INT(err.offset, 0);
  free(data);
  clean();
}

TEST(wrong_calls_are_refused) {
  const char *none = "words-test.nowhere", *path = TEXT_FILE;
  ldr_error err;
  int32_t k;
  CHECK_INT(make("abc abc", 7, 5, 1, &err), LDR_ARGUMENT);
  CHECK_INT(make("abc abc", 7, -1, 1, &err), LDR_ARGUMENT);
  CHECK_INT(make("abc abc", 7, INT32_MAX, 1, &err), LDR_ARGUMENT);
  for (k = 6; k < 11; k++) {                             /* five, and three letters twice       */
    CHECK_INT(make("abc abc", 7, k, 1, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "ask for 11 or more") != NULL);
    CHECK(!ldr_test_exists(VOCAB_FILE));
  }
  CHECK_INT(make("abc abc", 7, 11, 1, &err), LDR_OK);
  CHECK_INT(make(" \n \x01", 4, 100, 1, &err), LDR_DATA);
  CHECK_INT(make("", 0, 100, 1, &err), LDR_DATA);
  memset(&err, 0, sizeof err);
  CHECK_INT(make_vocabulary(&none, 1, 100, 1, 0, VOCAB_FILE, &err), LDR_IO);
  CHECK(strstr(err.message, none) != NULL);
  CHECK_INT(make_vocabulary(&none, 0, 100, 1, 0, VOCAB_FILE, NULL), LDR_ARGUMENT);
  CHECK_INT(make_vocabulary(NULL, 1, 100, 1, 0, VOCAB_FILE, NULL), LDR_ARGUMENT);
  CHECK_INT(make_vocabulary(&path, 1, 100, 1, 0, NULL, NULL), LDR_ARGUMENT);
  CHECK(ldr_test_write(TEXT_FILE, "abc abc", 7));
  memset(&err, 0, sizeof err);
  CHECK_INT(make_vocabulary(&path, 1, 100, 1, 0, "words-test.nowhere/vocab.txt", &err), LDR_IO);
  clean();
}

TEST(order_of_words_and_files_decides_nothing) {
  static char data[40000], turned[40000];
  const char *paths[2];
  size_t size = invent(data, 1000, 3), half = size / 2, n;
  char *first = made(data, size, 250, 1), *second = made(data, size, 250, 1), *third;
  ldr_error err;
  CHECK_STR(first, second);
  free(second);
  while (data[half] != ' ') half++;
  memcpy(turned, data + half, size - half);
  memcpy(turned + size - half, data, half);
  second = made(turned, size, 250, 1);
  CHECK_STR(second, first);
  paths[0] = TEXT_FILE;
  paths[1] = MORE_FILE;
  memset(&err, 0, sizeof err);
  CHECK(ldr_test_write(TEXT_FILE, data, half) && ldr_test_write(MORE_FILE, data + half, size - half));
  CHECK_INT(make_vocabulary(paths, 2, 250, 1, 0, VOCAB_FILE, &err), LDR_OK);
  third = ldr_test_read(VOCAB_FILE, &n);
  CHECK_STR(third, first);
  free(first);
  free(second);
  free(third);
  clean();
}

TEST(a_full_table_drops_rare_words) {
  words_table t;
  char word[32];
  int i, k;
  memset(&t, 0, sizeof t);
  t.limit = 100;
  for (i = 0; i < 5000; i++) {
    for (k = 0; k < 20; k++) {
      snprintf(word, sizeof word, "often%d", k);
      CHECK(words_table_add(&t, word, (uint32_t)strlen(word)));
    }
    snprintf(word, sizeof word, "once%d", i);
    CHECK(words_table_add(&t, word, (uint32_t)strlen(word)));
    CHECK(t.count <= 100);
  }
  for (k = 0; k < 20; k++) {
    snprintf(word, sizeof word, "often%d", k);
    CHECK_INT(table_count(&t, word), 5000);
  }
  CHECK(t.used < 3000);
  words_table_free(&t);
  CHECK_INT(words_bin(2047), 2047);
  CHECK_INT(words_bin(2048), 2048);
  for (i = 1, k = 0; i < 62; i++) {
    CHECK((int)words_bin((uint64_t)1 << i) > k);
    k = (int)words_bin((uint64_t)1 << i);
  }
  CHECK(words_bin(UINT64_MAX) < WORDS_BINS);
}

/* ---- word vectors ---------------------------------------------------------------------- */

enum { NEAR_FIRST = 4, NEAR_WORDS = 24, NEAR_LENGTH = 400 };

/* A sequence in which words of one half like each other; the last `unseen` words never come. */
static void near_ids(int32_t *ids, int32_t n, int32_t unseen, uint64_t seed) {
  ldr_test_rng r;
  int32_t i, words = NEAR_WORDS - NEAR_FIRST - unseen, half = 0;
  r.state = seed;
  for (i = 0; i < n; i++) {
    if (ldr_test_below(&r, 10) == 0) half = !half;
    ids[i] = NEAR_FIRST + (int32_t)ldr_test_below(&r, (uint32_t)words / 2) + (half ? words / 2 : 0);
    if (ldr_test_below(&r, 20) == 0) ids[i] = (int32_t)ldr_test_below(&r, NEAR_FIRST) - (int32_t)ldr_test_below(&r, 2);
  }
}

/* The matrix as the paper writes it: probabilities first, both directions counted one by one. */
static void near_dense(double *m, const int32_t *ids, int32_t n) {
  double count[NEAR_WORDS][NEAR_WORDS], row[NEAR_WORDS], total = 0, context = 0;
  int32_t i, j, d;
  memset(count, 0, sizeof count);
  memset(row, 0, sizeof row);
  for (i = 0; i < n; i++)
    for (d = -5; d <= 5; d++)
      if (d && i + d >= 0 && i + d < n && ids[i] >= NEAR_FIRST && ids[i + d] >= NEAR_FIRST) count[ids[i]][ids[i + d]] += 1.0 / (d < 0 ? -d : d);
  for (i = 0; i < NEAR_WORDS; i++)
    for (j = 0; j < NEAR_WORDS; j++) row[i] += count[i][j];
  for (i = 0; i < NEAR_WORDS; i++) total += row[i];
  for (i = 0; i < NEAR_WORDS; i++) context += pow(row[i], 0.75);
  for (i = 0; i < NEAR_WORDS; i++)
    for (j = 0; j < NEAR_WORDS; j++) {
      double p = count[i][j] / total, q = row[i] / total * (pow(row[j], 0.75) / context);
      m[i * NEAR_WORDS + j] = p > q ? log(p / q) : 0.0;
    }
}

static word_counts *near_counts(const int32_t *ids, int32_t n) {
  ldr_error err;
  word_counts *c;
  memset(&err, 0, sizeof err);
  c = word_counts_create(NEAR_WORDS, NEAR_FIRST, &err);
  CHECK_STR(err.message, "");
  CHECK_INT(word_counts_add(c, ids, n, NULL), LDR_OK);
  return c;
}

/* w = a b', of rows of n and `width` numbers. */
static void near_square(double *w, const double *a, int32_t width) {
  int32_t i, j, k;
  for (i = 0; i < NEAR_WORDS; i++)
    for (j = 0; j < NEAR_WORDS; j++) {
      w[i * NEAR_WORDS + j] = 0;
      for (k = 0; k < width; k++) w[i * NEAR_WORDS + j] += a[i * width + k] * a[j * width + k];
    }
}

/* With all directions kept, v v' is (M M')^(1/2) but for a factor, so its square is M M'. */
TEST(vectors_hold_the_whole_matrix) {
  enum { N = NEAR_WORDS, SQUARE = N * N };
  static double m[SQUARE], mm[SQUARE], v[SQUARE], w[SQUARE], ww[SQUARE];
  int32_t ids[NEAR_LENGTH], i, j;
  float out[SQUARE];
  double a = 0, b = 0, squares = 0;
  word_counts *c;
  near_ids(ids, NEAR_LENGTH, 0, 7);
  near_dense(m, ids, NEAR_LENGTH);
  c = near_counts(ids, NEAR_LENGTH);
  CHECK_INT(word_vectors(out, c, N - NEAR_FIRST, 0.5, 1, NULL), LDR_OK);
  for (i = 0; i < N; i++)                                /* rows of special tokens are random: not part of m */
    for (j = 0; j < N - NEAR_FIRST; j++) v[i * (N - NEAR_FIRST) + j] = i < NEAR_FIRST ? 0.0 : (double)out[i * (N - NEAR_FIRST) + j];
  near_square(mm, m, N);
  near_square(w, v, N - NEAR_FIRST);
  near_square(ww, w, N);
  for (i = 0; i < N; i++) {
    a += mm[i * N + i];
    b += ww[i * N + i];
  }
  for (i = 0; i < SQUARE; i++) CHECK_NEAR(ww[i] * (a / b), mm[i], 2e-4 * a / (double)N);
  for (i = 0; i < N * (N - NEAR_FIRST); i++) squares += v[i] * v[i];
  CHECK_NEAR(sqrt(squares / ((N - NEAR_FIRST) * (N - NEAR_FIRST))), 0.5, 1e-5);
  /* More columns than directions: the rest is zero. Fewer: the first ones, but for factor and sign. */
  CHECK_INT(word_vectors(out, c, N, 0.5, 2, NULL), LDR_OK);
  for (i = NEAR_FIRST; i < N; i++)
    for (j = N - NEAR_FIRST; j < N; j++) CHECK_NEAR(out[i * N + j], 0, 1e-3);
  CHECK_INT(word_vectors(out, c, 3, 0.5, 3, NULL), LDR_OK);
  for (j = 0; j < 3; j++) {
    double xy = 0, xx = 0, yy = 0;
    for (i = NEAR_FIRST; i < N; i++) {
      double x = (double)out[i * 3 + j], y = v[i * (N - NEAR_FIRST) + j];
      xy += x * y;
      xx += x * x;
      yy += y * y;
    }
    CHECK_NEAR(fabs(xy) / sqrt(xx * yy), 1, 1e-4);
  }
  word_counts_free(c);
}

TEST(unseen_words_are_random) {
  enum { WIDTH = 40 };
  static float out[NEAR_WORDS * WIDTH], again[NEAR_WORDS * WIDTH], other[NEAR_WORDS * WIDTH];
  int32_t ids[NEAR_LENGTH], i, n = 0;
  double squares = 0;
  word_counts *c;
  near_ids(ids, NEAR_LENGTH, 6, 9);
  c = near_counts(ids, NEAR_LENGTH);
  CHECK_INT(word_vectors(out, c, WIDTH, 0.02, 5, NULL), LDR_OK);
  CHECK_INT(word_vectors(again, c, WIDTH, 0.02, 5, NULL), LDR_OK);
  CHECK_INT(word_vectors(other, c, WIDTH, 0.02, 6, NULL), LDR_OK);
  CHECK(memcmp(out, again, sizeof out) == 0);
  CHECK(memcmp(out, other, NEAR_FIRST * WIDTH * sizeof *out) != 0);
  for (i = 0; i < NEAR_WORDS * WIDTH; i++) {
    int32_t word = i / WIDTH;
    CHECK(fabs((double)out[i]) < 0.3);
    if (word >= NEAR_FIRST && word < NEAR_WORDS - 6) continue;
    squares += (double)out[i] * (double)out[i];
    n++;
  }
  CHECK_INT(n, 10 * WIDTH);
  CHECK_NEAR(sqrt(squares / n), 0.02, 0.003);
  word_counts_free(c);
  c = near_counts(ids, 0);                               /* nothing was seen at all             */
  CHECK_INT(word_vectors(out, c, WIDTH, 0.02, 5, NULL), LDR_OK);
  for (squares = 0, i = 0; i < NEAR_WORDS * WIDTH; i++) squares += (double)out[i] * (double)out[i];
  CHECK_NEAR(sqrt(squares / (NEAR_WORDS * WIDTH)), 0.02, 0.002);
  word_counts_free(c);
}

TEST(order_of_sequences_decides_nothing) {
  enum { WIDTH = 8 };
  static float out[NEAR_WORDS * WIDTH], again[NEAR_WORDS * WIDTH];
  int32_t ids[NEAR_LENGTH], i;
  word_counts *c, *d;
  near_ids(ids, NEAR_LENGTH, 0, 21);
  c = near_counts(ids, NEAR_LENGTH);
  d = near_counts(ids, 0);
  for (i = 0; i < 10; i++) CHECK_INT(word_counts_add(c, ids + i * 40, 40, NULL), LDR_OK);
  for (i = 9; i >= 0; i--) CHECK_INT(word_counts_add(d, ids + i * 40, 40, NULL), LDR_OK);
  CHECK_INT(word_counts_add(d, ids, NEAR_LENGTH, NULL), LDR_OK);
  CHECK_INT(word_vectors(out, c, WIDTH, 1.0, 1, NULL), LDR_OK);
  CHECK_INT(word_vectors(again, d, WIDTH, 1.0, 1, NULL), LDR_OK);
  CHECK(memcmp(out, again, sizeof out) == 0);
  word_counts_free(c);
  word_counts_free(d);
}

TEST(a_full_table_drops_rare_pairs) {
  word_counts *c = word_counts_create(100000, 0, NULL);
  ldr_test_rng r;
  size_t i, used = 0;
  int32_t ids[3], k, often = 0;
  CHECK(c != NULL);
  c->limit = 3000;
  r.state = 3;
  for (k = 0; k < 20000; k++) {
    ids[0] = (int32_t)ldr_test_below(&r, 50);
    ids[1] = ids[0] + 50;
    ids[2] = 100 + (int32_t)ldr_test_below(&r, 99900);
    CHECK_INT(word_counts_add(c, ids, 3, NULL), LDR_OK);
    CHECK(c->used <= 3000);
  }
  for (i = 0; i < c->slot_count; i++) {
    if (!c->slots[i].weight) continue;
    used++;
    CHECK(words_near_find(c, c->slots[i].key) == c->slots + i);      /* no chain was broken */
  }
  CHECK_INT(used, c->used);
  for (k = 0; k < 50; k++) often += words_near_find(c, (uint64_t)k << 32 | (uint64_t)(k + 50))->weight >= 60;
  CHECK_INT(often, 50);
  CHECK(c->slot_count <= 8192);
  word_counts_free(c);
}

TEST(wrong_vectors_are_refused) {
  ldr_error err;
  float out[NEAR_WORDS];
  word_counts *c = near_counts(NULL, 0);
  memset(&err, 0, sizeof err);
  CHECK(!word_counts_create(0, 0, NULL));
  CHECK(!word_counts_create(10, 10, &err));
  CHECK_INT(err.status, LDR_ARGUMENT);
  CHECK(!word_counts_create(10, -1, NULL));
  CHECK_INT(word_vectors(out, c, 0, 1.0, 1, NULL), LDR_ARGUMENT);
  CHECK_INT(word_vectors(out, c, 1, 0.0, 1, NULL), LDR_ARGUMENT);
  CHECK_INT(word_vectors(NULL, c, 1, 1.0, 1, NULL), LDR_ARGUMENT);
  CHECK_INT(word_vectors(out, NULL, 1, 1.0, 1, NULL), LDR_ARGUMENT);
  CHECK_INT(word_vectors(out, c, 1, 1.0, 1, NULL), LDR_OK);
  word_counts_free(c);
  word_counts_free(NULL);
}

/* With sentinels: pieces hold the blanks, ends come first and sentinels last; every text of these letters comes back as it was. */
TEST(pieces_hold_blanks_where_there_are_sentinels) {
  static const char text[] = "The cat \"sat\" on the mat.\nThe cat's mat\\hat: the cat, the mat, the hat.\n";
  static const char *const again[] = { "the cat sat", "\"the\" mat\\hat.", "tat: hot,cat" };
  static const char *const pieces[] = { "\xe2\x96\x81the", "\xe2\x96\x81" "cat", ".", "\\", "\"" };
  const char *path = TEXT_FILE;
  ldr_tokenizer *t;
  ldr_tokenizer_desc d;
  ldr_encoding e;
  ldr_error err;
  char *file, *other;
  ldr_text back;
  size_t n = 0, k = 0, i;
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  memset(&e, 0, sizeof e);
  memset(&back, 0, sizeof back);
  CHECK(ldr_test_write(TEXT_FILE, text, sizeof text - 1));
  CHECK_INT(make_vocabulary(&path, 1, 50, 1, 10, VOCAB_FILE, &err), LDR_OK);
  CHECK_STR(err.message, "");
  file = ldr_test_read(VOCAB_FILE, &n);
  t = ldr_tokenizer_load_memory(file, n, &d, &err);
  CHECK_STR(err.message, "");
  if (!t) return;
  CHECK(ldr_tokenizer_size(t) <= 50);
  CHECK_INT(ldr_tokenizer_find(t, "<pad>"), 0);
  CHECK_INT(ldr_tokenizer_find(t, "</s>"), 1);
  CHECK_INT(ldr_tokenizer_find(t, "<extra_id_0>"), ldr_tokenizer_size(t) - 1);
  CHECK_INT(ldr_tokenizer_find(t, "<extra_id_9>"), ldr_tokenizer_size(t) - 10);
  for (i = 0; i < sizeof pieces / sizeof *pieces; i++) CHECK(ldr_tokenizer_find(t, pieces[i]) > 2);
  for (i = 0; i < sizeof again / sizeof *again; i++) {
    CHECK_INT(ldr_tokenizer_encode(t, &e, again[i], strlen(again[i]), NULL, 0, 0, 1, &err), LDR_OK);
    CHECK(e.count > 2 && e.ids[e.count - 1] == 1);
    CHECK_INT(ldr_tokenizer_decode(t, &back, e.ids, e.count, 1, &err), LDR_OK);
    CHECK_STR(back.data, again[i]);
  }
  CHECK_INT(ldr_tokenizer_encode(t, &e, "THE CAT", 7, NULL, 0, 0, 0, &err), LDR_OK);      /* in small letters, in the likeliest pieces */
  CHECK(e.count == 2 && e.ids[0] == ldr_tokenizer_find(t, pieces[0]) && e.ids[1] == ldr_tokenizer_find(t, pieces[1]));
  ldr_tokenizer_free(t);
  CHECK_INT(make_vocabulary(&path, 1, 50, 0, 10, VOCAB_FILE, &err), LDR_OK);
  other = ldr_test_read(VOCAB_FILE, &k);
  CHECK(strstr(other, "\"\xe2\x96\x81T") != NULL && !strstr(file, "\"\xe2\x96\x81T"));
  free(other);
  free(file);
  CHECK_INT(make_vocabulary(&path, 1, 13, 1, 10, VOCAB_FILE, &err), LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  CHECK_INT(make_vocabulary(&path, 1, 15, 1, 10, VOCAB_FILE, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "13 special tokens") != NULL);
  ldr_encoding_free(&e);
  ldr_text_free(&back);
  clean();
}

#define TESTS(X) X(pieces_hold_blanks_where_there_are_sentinels)                                                                              \
  X(vocabulary_equals_a_slow_one) X(pieces_are_tokens_and_text_comes_back) X(words_are_the_tokenizers) X(blocks_have_no_borders)        \
  X(bytes_that_are_no_text_are_refused) X(wrong_calls_are_refused) X(order_of_words_and_files_decides_nothing) \
  X(a_full_table_drops_rare_words) X(vectors_hold_the_whole_matrix) X(unseen_words_are_random) X(order_of_sequences_decides_nothing) \
  X(a_full_table_drops_rare_pairs) X(wrong_vectors_are_refused)

LDR_TEST_MAIN("words", TESTS)
