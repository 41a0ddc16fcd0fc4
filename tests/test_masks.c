/* Which tokens pretraining masks: inner functions of tools/pretrain.h. */
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

#define TESTS(X) X(listed_words_are_masked_whole)
LDR_TEST_MAIN("masks", TESTS)
