/* Which tokens pretraining masks or cuts out: inner functions of tools/pretrain.h. */
#define _XOPEN_SOURCE 700
#define main ladder_main
#include "../tools/ladder.c"
#undef main
#include "ldr_test.h"

#define LIST "masks-test.tmp"

/* Of a listed word the end is never chosen without the beginning (only the last chosen one may be cut), and 15 % of all tokens are chosen. */
TEST(listed_words_are_masked_whole) {
  enum { LENGTH = 42, ROUNDS = 400 };
  static const char list[] = "fox eats\nmouse here\nthe fox eats\nunknownword\n\nhere\n";
  static const char *const names[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "eats", "mouse", "here", "##y" };
  ldr_tokenizer *t;
  char vocab[256] = "";
  ldr_tokenizer_desc td;
  run r;
  stream s;
  int32_t ids[LENGTH], labels[LENGTH], order[LENGTH], inside[LENGTH], i, k, chosen = 0, masked = 0, changed = 0, whole;
  memset(&td, 0, sizeof td);
  memset(&r, 0, sizeof r);
  memset(&s, 0, sizeof s);
  for (i = 0; i < 11; i++) strcat(strcat(vocab, names[i]), "\n");
  t = ldr_tokenizer_load_memory(vocab, strlen(vocab), &td, NULL);
  CHECK(t && ldr_test_write(LIST, list, sizeof list - 1));
  if (!t) return;
  s.tokenizer = t;
  s.length = LENGTH;
  s.mask = 4;
  r.info.vocabulary = 11;
  for (whole = 0; whole < 2; whole++) {
    int32_t per = whole ? 2 : 5;           /* the fox eats mouse here | the ##y */
    r.o.whole_words = whole;
    if (!whole) CHECK_INT(read_words(&r, &s.words, LIST, t), EXIT_DONE);
    else free_word_list(&s.words);
    if (!whole) CHECK(s.words.count == 3 && s.words.longest == 3);
    for (k = 0, chosen = masked = changed = 0; k < ROUNDS; k++) {
      for (i = 0; i < LENGTH; i++) ids[i] = i == 0 ? 2 : i == LENGTH - 1 ? 3 : whole ? (i - 1) % 2 ? 10 : 5 : 5 + (i - 1) % 5;
      mask_words(&r, &s, ids, labels, order, inside, ldr__mix64((uint64_t)k));
      CHECK(labels[0] == LDR_IGNORE && labels[LENGTH - 1] == LDR_IGNORE);
      for (i = 1; i < LENGTH - 1; i++) {
        int32_t in_word = whole ? 0 : (i - 1) % per < 3 ? 0 : 3;          /* the fox eats | mouse here; the longest match wins */
        int32_t first = i - ((i - 1) % per - in_word);
        chosen += labels[i] >= 0;
        masked += labels[i] >= 0 && ids[i] == 4;
        changed += labels[i] >= 0 && ids[i] != 4 && ids[i] != labels[i];
        if (labels[i] >= 0) CHECK(labels[first] >= 0);                    /* nothing without its first token */
        if (labels[i] < 0) CHECK(ids[i] == (whole ? (i - 1) % 2 ? 10 : 5 : 5 + (i - 1) % 5));
      }
    }
    CHECK_INT(chosen, ROUNDS * 6);
    CHECK_NEAR(masked / (double)chosen, 0.8, 0.03);
    CHECK_NEAR(changed / (double)chosen, 0.1 * 10 / 11, 0.03);
  }
  remove(LIST);
  ldr_tokenizer_free(t);
}

/* The text again, from a source and what is told of its spans; its length, or -1 where they do not belong together. */
static int32_t told_again(int32_t *text, const int32_t *source, int32_t n, const int32_t *said, int32_t k, int32_t sentinel, int32_t *spans) {
  int32_t i, at = 0, length = 0;
  *spans = 0;
  for (i = 0; i < n - 1; i++) {
    if (source[i] > sentinel) return -1;
    if (source[i] + *spans != sentinel) {
      if (source[i] > sentinel - 100) return -1;
      text[length++] = source[i];
      continue;
    }
    if (at >= k || said[at++] != source[i]) return -1;
    for (; at < k && said[at] <= sentinel - 100; at++) text[length++] = said[at];
    ++*spans;
  }
  return source[n - 1] == 1 && at == k - 2 && said[at] == sentinel - *spans && said[at + 1] == 1 ? length : -1;
}

/* Source and target hold the text and no more, at every length; 15 % of it in spans of 3 in the mean, sentinels in their order. */
TEST(spans_are_cut_out_and_told_again) {
  static const int32_t lengths[] = { 2, 3, 5, 7, 10, 48, 128, 512 };
  enum { MOST = 1100, ROUNDS = 300 };
  int32_t text[512], again[MOST], ids[MOST], other[MOST], segments[MOST], labels[MOST], sentinels[64], i, k, round, spans, lengths_seen[512];
  double total;
  size_t l;
  for (i = 0; i < 64; i++) sentinels[i] = 999 - i;
  for (i = 0; i < 512; i++) text[i] = 2 + i;
  CHECK_INT(corruption_noise(128), 19);
  CHECK_INT(corruption_spans(128), 6);
  CHECK_INT(corruption_source(128), 116);
  CHECK_INT(corruption_target(128), 27);
  for (l = 0; l < sizeof lengths / sizeof *lengths; l++) {
    int32_t n = lengths[l], source = corruption_source(n), target = corruption_target(n), first = 0, last = 0, changed = 0;
    CHECK(corruption_noise(n) >= 1 && corruption_noise(n) < n && abs(corruption_noise(n) * 20 - 3 * n) <= 20);
    CHECK(corruption_spans(n) >= 1 && abs(corruption_spans(n) * 3 - corruption_noise(n)) <= 3);
    for (i = 0; i < 512; i++) lengths_seen[i] = 0;
    for (round = 0; round < ROUNDS; round++) {
      corrupt_spans(ids, segments, labels, text, n, sentinels, 1, 0, ldr__mix64((uint64_t)round));
      for (i = 0; i < source + target; i++) CHECK(segments[i] == (i >= source) && (i >= source) == (labels[i] != LDR_IGNORE));
      CHECK_INT(ids[source], 0);                       /* the decoder starts, then reads what it said */
      CHECK(memcmp(ids + source + 1, labels + source, (size_t)(target - 1) * sizeof *ids) == 0);
      CHECK_INT(told_again(again, ids, source, labels + source, target, 999, &spans), n);
      CHECK(memcmp(again, text, (size_t)n * sizeof *text) == 0);
      CHECK_INT(spans, corruption_spans(n));
      CHECK(ids[0] == text[0]);                        /* something stays first */
      for (i = source, k = 0; i < source + target; i++) {
        if (labels[i] <= 900) k++;
        else if (k) lengths_seen[k]++, k = 0;
      }
      first += labels[source + 1] == text[1];
      last += labels[source + target - 3] == text[n - 1];
      if (round) changed += memcmp(other, ids, (size_t)(source + target) * sizeof *ids) != 0;
      memcpy(other, ids, (size_t)(source + target) * sizeof *ids);
    }
    CHECK_INT(last, ROUNDS);                           /* as in T5's code: the last span ends the text */
    CHECK(n < 48 ? changed == 0 : changed > ROUNDS - 20);      /* one span is the end of the text */
    for (i = 1, total = k = 0; i < 512; i++) {
      total += (double)i * lengths_seen[i];
      k += lengths_seen[i];
    }
    CHECK_INT(total, (double)ROUNDS * corruption_noise(n));
    if (n >= 128) CHECK(total / k > 2.8 && total / k < 3.3 && lengths_seen[1] > k / 10 && lengths_seen[1] < k / 2);
    if (n == 128) CHECK(first > 0 && first < ROUNDS / 4);
  }
  corrupt_spans(other, segments, labels, text, 512, sentinels, 1, 0, ldr__mix64(ROUNDS - 1));
  CHECK(memcmp(other, ids, (size_t)(corruption_source(512) + corruption_target(512)) * sizeof *ids) == 0);
}

/* Five things in three parts: six ways, equally likely. */
TEST(parts_are_equally_likely) {
  int32_t seen[4][4], round, i, k;
  memset(seen, 0, sizeof seen);
  for (round = 0; round < 6000; round++) {
    int32_t left = 3, at = 0, part[3];
    for (i = 0; i < 3; i++) part[i] = corruption_part(5, &left, &at, ldr__mix64((uint64_t)round));
    CHECK(part[0] > 0 && part[1] > 0 && part[2] > 0 && part[0] + part[1] + part[2] == 5 && left == 0 && at == 5);
    seen[part[0]][part[1]]++;
  }
  for (i = 1; i < 4; i++)
    for (k = 1; k < 5 - i; k++) CHECK(seen[i][k] > 900 && seen[i][k] < 1100);
}

#define TESTS(X) X(listed_words_are_masked_whole) X(spans_are_cut_out_and_told_again) X(parts_are_equally_likely)
LDR_TEST_MAIN("masks", TESTS)
