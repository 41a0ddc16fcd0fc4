/* test_session.c: text token by token: what is kept gives the numbers of a whole pass, and draws are what they claim. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#endif
#include "ldr_test.h"
#include "ldr_session.h"
#include "ldr_tiny.h"

enum { TEXT = 20, VOCABULARY = 31 };
static const int32_t text_ids[TEXT] = { 1, 5, 30, 2, 7, 7, 0, 11, 19, 4, 8, 15, 16, 23, 3, 3, 9, 28, 6, 12 };

static tiny_spec causal_spec(const char *family) {
  tiny_spec s = tiny_default(family);
  s.vocab = VOCABULARY;
  return s;
}

/* Logits of every token of the text, by one pass. */
static void whole_pass(const ldr_model *m, float *logits) {
  int32_t offsets[2];
  ldr_batch b = one_sequence(offsets, text_ids, TEXT);
  float hidden[TEXT * 24];
  CHECK_INT(ldr_model_hidden(m, hidden, &b, -1, NULL), LDR_OK);
  CHECK_INT(ldr_model_logits(m, logits, hidden, TEXT, NULL), LDR_OK);
}

TEST(what_is_kept_gives_the_whole_pass) {
  static const char *const every[] = { "gpt2", "llama", "qwen2" };
  size_t f;
  int threads, compute;
  for (f = 0; f < 3; f++)
    for (threads = 1; threads < 4; threads += 2)
      for (compute = 0; compute < 2; compute++) {
        tiny_spec spec = causal_spec(every[f]);
        float want[TEXT * VOCABULARY], got[VOCABULARY], again[VOCABULARY];
        ldr_error err;
        tiny_model t;
        ldr_session *s;
        int32_t i;
        spec.threads = threads;
        spec.compute = compute ? LDR_COMPUTE_INT8 : LDR_COMPUTE_F32;
        memset(&err, 0, sizeof err);
        t = tiny_open(spec, &err);
        whole_pass(t.m, want);
        s = session_for(t.m, NULL, 0, &err);
        CHECK_STR(err.message, "");
        if (!s) continue;
        for (i = 0; i < TEXT; i++) {                               /* one after the other */
          CHECK_INT(ldr_session_read(s, got, text_ids + i, 1, &err), LDR_OK);
          CHECK(relative(got, want + i * VOCABULARY, VOCABULARY, 1) < (compute ? 2e-2 : 1e-5));
        }
        CHECK_INT(ldr_session_length(s), TEXT);
        CHECK_INT(ldr_session_rewind(s, 4, &err), LDR_OK);
        CHECK_INT(ldr_session_read(s, NULL, text_ids + 4, 9, &err), LDR_OK);      /* in pieces */
        CHECK_INT(ldr_session_read(s, again, text_ids + 13, TEXT - 13, &err), LDR_OK);
        CHECK(relative(again, want + (TEXT - 1) * VOCABULARY, VOCABULARY, 1) < (compute ? 2e-2 : 1e-5));
        ldr_session_free(s);
        tiny_close(&t);
      }
}

TEST(threads_do_not_change_a_bit) {
  float one[VOCABULARY], three[VOCABULARY];
  int i;
  for (i = 0; i < 2; i++) {
    tiny_spec spec = causal_spec("llama");
    ldr_error err;
    tiny_model t;
    ldr_session *s;
    spec.threads = i ? 3 : 1;
    memset(&err, 0, sizeof err);
    t = tiny_open(spec, &err);
    s = session_for(t.m, NULL, TEXT, &err);
    CHECK_INT(ldr_session_read(s, NULL, text_ids, 7, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, i ? three : one, text_ids + 7, TEXT - 7, &err), LDR_OK);
    ldr_session_free(s);
    tiny_close(&t);
  }
  CHECK(memcmp(one, three, sizeof one) == 0);
}

/* Texts of other lengths and with other tokens, of which every weight is read once, say what they say alone. */
TEST(several_texts_step_together) {
  static const char *const every[] = { "gpt2", "llama", "qwen2" };
  enum { MOST = 40 };
  size_t f;
  for (f = 0; f < 3; f++) {
    tiny_spec spec = causal_spec(every[f]);
    static float alone[MOST * VOCABULARY], together[MOST * VOCABULARY], again[MOST * VOCABULARY];
    ldr_session *s[MOST];
    int32_t ids[MOST], i, n;
    ldr_error err;
    tiny_model t;
    memset(&err, 0, sizeof err);
    spec.threads = 1 + (int)f;
    t = tiny_open(spec, &err);
    for (i = 0; i < MOST; i++) {
      s[i] = session_for(t.m, NULL, TEXT + 4 + i % 3, &err);       /* of other rooms as well */
      ids[i] = (i * 5 + 1) % VOCABULARY;
      if (i % 7) CHECK_INT(ldr_session_read(s[i], NULL, text_ids, i % 7, &err), LDR_OK);      /* some are empty */
      CHECK_INT(ldr_session_read(s[i], alone + i * VOCABULARY, ids + i, 1, &err), LDR_OK);
      CHECK_INT(ldr_session_rewind(s[i], i % 7, &err), LDR_OK);
    }
    for (n = 1; n <= MOST; n += n < 10 ? 3 : 15) {
      CHECK_INT(ldr_session_step(s, n, together, ids, &err), LDR_OK);
      CHECK(relative(together, alone, (size_t)n * VOCABULARY, 1) < 1e-5);
      for (i = 0; i < n; i++) {
        CHECK_INT(ldr_session_length(s[i]), i % 7 + 1);
        CHECK_INT(ldr_session_read(s[i], again, text_ids, 2, &err), LDR_OK);                   /* and go on from there */
        CHECK_INT(ldr_session_rewind(s[i], i % 7, &err), LDR_OK);
        CHECK_INT(ldr_session_read(s[i], NULL, ids + i, 1, &err), LDR_OK);
        CHECK_INT(ldr_session_read(s[i], again + VOCABULARY, text_ids, 2, &err), LDR_OK);
        CHECK(relative(again, again + VOCABULARY, VOCABULARY, 1) < 1e-5);
        CHECK_INT(ldr_session_rewind(s[i], i % 7, &err), LDR_OK);
      }
    }
    for (i = 0; i < MOST; i++) ldr_session_free(s[i]);
    tiny_close(&t);
  }
}

TEST(steps_that_cannot_be) {
  tiny_spec spec = causal_spec("llama");
  float logits[2 * VOCABULARY];
  const int32_t ids[2] = { 1, 2 };
  int32_t bad[2] = { 1, VOCABULARY };
  ldr_session *s[2], *twice[2], *none[2];
  ldr_error err;
  tiny_model t;
  memset(&err, 0, sizeof err);
  t = tiny_open(spec, &err);
  s[0] = session_for(t.m, NULL, 4, &err);
  s[1] = session_for(t.m, NULL, 2, &err);                        /* another room is no matter */
  twice[0] = twice[1] = none[0] = s[0];
  none[1] = NULL;
  CHECK_INT(ldr_session_step(NULL, 2, logits, ids, &err), LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_session_step(s, 0, logits, ids, &err), LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_session_step(none, 2, logits, ids, &err), LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_session_step(twice, 2, logits, ids, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "session 1 is there twice") != NULL);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_session_step(s, 2, logits, bad, &err), LDR_DATA);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_session_step(s, 2, NULL, ids, &err), LDR_OK);
  CHECK_INT(ldr_session_step(s, 2, logits, ids, &err), LDR_OK);
  CHECK_INT(ldr_session_step(s, 2, logits, ids, &err), LDR_LIMIT);     /* the second is full: none has read */
  CHECK_INT(ldr_session_length(s[0]), 2);
  ldr_session_free(s[1]);
  memset(&err, 0, sizeof err);
  s[1] = session_kept_as(t.m, NULL, 4, LDR_I8, &err);
  CHECK_INT(ldr_session_step(s, 2, logits, ids, &err), LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_session_copy(s[1], s[0], &err), LDR_ARGUMENT);
  ldr_session_free(s[1]);
  {                                                  /* of one description: what is rounded would not go on as it began */
    ldr_session_desc d;
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.capacity = s[0]->capacity;
    d.rounded = 1;
    s[1] = ldr_session_create(t.m, NULL, &d, &err);
    CHECK_INT(ldr_session_copy(s[1], s[0], &err), LDR_ARGUMENT);
  }
  ldr_session_free(s[0]);
  ldr_session_free(s[1]);
  tiny_close(&t);
}

static uint64_t kept_bytes(const ldr_session *s) {
  ldr_memory m = ldr_session_memory(s);
  int32_t i;
  for (i = 0; i < m.count; i++)
    if (strcmp(m.items[i].name, "keys and values") == 0) return m.items[i].bytes;
  return 0;
}

/* Rounded keys and values take less and change little; copies, and what is read again, have the same bits. */
TEST(keys_and_values_are_kept_rounded) {
  static const struct { ldr_dtype type; double off, of; } rows[] = { { LDR_F32, 1e-5, 1.01 }, { LDR_BF16, 1e-2, 0.51 }, { LDR_I8, 2e-2, 0.45 } };
  uint64_t exact = 0;
  size_t r;
  for (r = 0; r < 3; r++) {
    tiny_spec spec = causal_spec("llama");
    float want[TEXT * VOCABULARY], got[VOCABULARY], again[VOCABULARY], copied[VOCABULARY];
    ldr_session *s, *other;
    ldr_error err;
    tiny_model t;
    memset(&err, 0, sizeof err);
    t = tiny_open(spec, &err);
    whole_pass(t.m, want);
    s = session_kept_as(t.m, NULL, 0, rows[r].type, &err);
    other = session_kept_as(t.m, NULL, 0, rows[r].type, &err);
    CHECK_STR(err.message, "");
    if (!r) exact = kept_bytes(s);
    CHECK(kept_bytes(s) > 0 && (double)kept_bytes(s) <= rows[r].of * (double)exact);
    CHECK_INT(ldr_session_read(s, NULL, text_ids, 6, &err), LDR_OK);
    CHECK_INT(ldr_session_copy(other, s, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, got, text_ids + 6, TEXT - 6, &err), LDR_OK);
    CHECK(relative(got, want + (TEXT - 1) * VOCABULARY, VOCABULARY, 1) < rows[r].off);
    CHECK(r == 0 || memcmp(got, want + (TEXT - 1) * VOCABULARY, sizeof got) != 0);
    CHECK_INT(ldr_session_read(other, copied, text_ids + 6, TEXT - 6, &err), LDR_OK);
    CHECK(memcmp(copied, got, sizeof got) == 0);
    CHECK_INT(ldr_session_rewind(s, 6, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, again, text_ids + 6, TEXT - 6, &err), LDR_OK);
    CHECK(memcmp(again, got, sizeof got) == 0);
    memset(&err, 0, sizeof err);
    CHECK(session_kept_as(t.m, NULL, 0, LDR_I32, &err) == NULL && err.status == LDR_ARGUMENT);
    CHECK(strstr(err.message, "f32, bf16 or int8") != NULL);
    ldr_session_free(s);
    ldr_session_free(other);
    tiny_close(&t);
  }
}

/* A prompt longer than what is read at a time. */
TEST(long_prompts_are_read_in_pieces) {
  tiny_spec spec = causal_spec("llama");
  float *want, got[VOCABULARY];
  int32_t ids[600], offsets[2], i;
  ldr_error err;
  tiny_model t;
  ldr_session *s;
  ldr_batch b = one_sequence(offsets, ids, 600);
  float *hidden = (float *)malloc(600 * 24 * sizeof *hidden);
  spec.positions = 700;
  for (i = 0; i < 600; i++) ids[i] = (i * 7 + i / 5) % VOCABULARY;
  memset(&err, 0, sizeof err);
  t = tiny_open(spec, &err);
  want = (float *)malloc(600 * VOCABULARY * sizeof *want);
  CHECK_INT(ldr_model_hidden(t.m, hidden, &b, -1, &err), LDR_OK);
  CHECK_INT(ldr_model_logits(t.m, want, hidden, 600, &err), LDR_OK);
  s = session_for(t.m, NULL, 600, &err);
  CHECK_INT(ldr_session_read(s, got, ids, 600, &err), LDR_OK);
  CHECK(relative(got, want + 599 * VOCABULARY, VOCABULARY, 1) < 2e-5);
  CHECK_INT(ldr_session_read(s, got, ids, 1, &err), LDR_LIMIT);
  CHECK(strstr(err.message, "room for 600") != NULL);
  ldr_session_free(s);
  tiny_close(&t);
  free(want);
  free(hidden);
}

/* What a ladder, LoRA or full fine-tuning learned is what speaks: the loss of a text is the sum over its tokens, and tokens that
   are read at a time say what they say one after the other. Narrow rungs keep keys and values of their own. */
TEST(tuned_models_speak_as_they_were_trained) {
  static const struct { ldr_method method; const char *family; int32_t rank; ldr_preset preset; int32_t reduction, top; ldr_mix mix; int32_t prompt_hidden; } rows[] = {
    { LDR_METHOD_LADDER, "llama", 0, LDR_PRESET_TOP, 0, 0, LDR_MIX_PRESET, 0 }, { LDR_METHOD_LADDER, "gpt2", -1, LDR_PRESET_TOP, 0, 0, LDR_MIX_PRESET, 0 },
    { LDR_METHOD_LORA, "llama", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 }, { LDR_METHOD_FULL, "gpt2", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 },
    { LDR_METHOD_BITFIT, "llama", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 }, { LDR_METHOD_THESEUS, "gpt2", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 },
    { LDR_METHOD_LADDER, "gpt2", 0, LDR_PRESET_PAPER, 2, -1, LDR_MIX_PRESET, 0 }, { LDR_METHOD_LADDER, "llama", 0, LDR_PRESET_SLICED, 2, -1, LDR_MIX_PRESET, 0 },
    { LDR_METHOD_LADDER, "gpt2", 0, LDR_PRESET_MLP, 2, -1, LDR_MIX_PRESET, 0 }, { LDR_METHOD_LADDER, "llama", 0, LDR_PRESET_DEFAULT, 2, -1, LDR_MIX_AFTER, 0 },
    { LDR_METHOD_LADDER, "gpt2", 0, LDR_PRESET_DEFAULT, 2, 1, LDR_MIX_PRESET, 0 },
    { LDR_METHOD_PROMPT, "gpt2", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 }, { LDR_METHOD_PROMPT, "llama", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 12 },
    { LDR_METHOD_PREFIX, "gpt2", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 }, { LDR_METHOD_PREFIX, "llama", 0, LDR_PRESET_DEFAULT, 0, 0, LDR_MIX_PRESET, 0 } };
  size_t r;
  for (r = 0; r < sizeof rows / sizeof *rows; r++) {
    tiny_spec spec = causal_spec(rows[r].family);
    int32_t labels[TEXT], i, c;
    float logits[VOCABULARY];
    double loss = 0, before = 0;
    ldr_dataset_desc sd;
    ldr_ladder_desc ld;
    ldr_train_desc td;
    ldr_dataset *set;
    ldr_example e;
    ldr_ladder *l;
    ldr_trainer *tr;
    ldr_session *s;
    ldr_score score;
    ldr_error err;
    tiny_model t;
    memset(&err, 0, sizeof err);
    memset(&sd, 0, sizeof sd);
    memset(&ld, 0, sizeof ld);
    memset(&td, 0, sizeof td);
    memset(&e, 0, sizeof e);
    t = tiny_open(spec, &err);
    sd.head = LDR_HEAD_WORDS;
    set = ldr_dataset_create(&sd, &err);
    for (i = 0; i < TEXT; i++) labels[i] = i + 1 < TEXT ? text_ids[i + 1] : LDR_IGNORE;
    e.ids = text_ids;
    e.count = TEXT;
    e.labels = labels;
    CHECK_INT(ldr_dataset_add(set, &e, &err), LDR_OK);
    ld.method = rows[r].method;
    ld.rank = rows[r].rank;
    ld.preset = rows[r].preset;
    ld.reduction = rows[r].reduction;
    ld.top = rows[r].top;
    ld.mix = rows[r].mix;
    ld.virtual_tokens = ld.method == LDR_METHOD_PROMPT || ld.method == LDR_METHOD_PREFIX ? 5 : 0;
    if (r + 1 == sizeof rows / sizeof *rows) {       /* a prefix that is read in parts, above blocks that have none */
      ld.virtual_tokens = 300;
      ld.tune_layers = 1;
    }
    ld.prompt_hidden = rows[r].prompt_hidden;
    ld.head = LDR_HEAD_WORDS;
    l = ldr_ladder_create(t.m, &ld, &err);
    CHECK_STR(err.message, "");
    CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_ACCURACY, &score, &err), LDR_OK);
    before = score.loss;
    td.epochs = 20;
    td.rate = ld.virtual_tokens ? 0.2f : 1e-2f;
    td.batch = 1;
    tr = ldr_trainer_create(l, set, NULL, &td, &err);
    CHECK_STR(err.message, "");
    while (tr && !ldr_trainer_done(tr) && !ldr_trainer_step(tr, NULL, &err)) {}
    CHECK_STR(err.message, "");
    ldr_trainer_free(tr);
    CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_ACCURACY, &score, &err), LDR_OK);
    s = session_for(t.m, l, 0, &err);
    CHECK_STR(err.message, "");
    for (i = 0; s && i + 1 < TEXT; i++) {
      double peak, sum = 0;
      CHECK_INT(ldr_session_read(s, logits, text_ids + i, 1, &err), LDR_OK);
      peak = (double)logits[ldr__argmax(logits, VOCABULARY)];
      for (c = 0; c < VOCABULARY; c++) sum += exp((double)logits[c] - peak);
      loss += (peak + log(sum) - (double)logits[text_ids[i + 1]]) / (TEXT - 1);
    }
    CHECK_NEAR(loss, score.loss, 1e-4);
    if (s) {
      float again[VOCABULARY];
      CHECK_INT(ldr_session_rewind(s, 2, &err), LDR_OK);
      CHECK_INT(ldr_session_read(s, again, text_ids + 2, TEXT - 3, &err), LDR_OK);
      for (c = 0; c < VOCABULARY; c++) CHECK_NEAR((double)again[c], (double)logits[c], 1e-4);
    }
    if (s) { /* two of them in one step, with rounded keys in the rungs as well */
      ldr_session *two[2];
      const int32_t last[2] = { text_ids[2], text_ids[TEXT - 2] };
      float both[2 * VOCABULARY];
      two[0] = session_for(t.m, l, 0, &err);
      two[1] = s;
      CHECK_INT(ldr_session_rewind(s, TEXT - 2, &err), LDR_OK);
      CHECK_INT(ldr_session_read(two[0], NULL, text_ids, 2, &err), LDR_OK);
      CHECK_INT(ldr_session_step(two, 2, both, last, &err), LDR_OK);
      for (c = 0; c < VOCABULARY; c++) CHECK_NEAR((double)both[VOCABULARY + c], (double)logits[c], 1e-4);
      CHECK_INT(ldr_session_copy(two[0], s, &err), LDR_OK);
      CHECK_INT(ldr_session_rewind(two[0], TEXT - 2, &err), LDR_OK);
      CHECK_INT(ldr_session_read(two[0], both, last + 1, 1, &err), LDR_OK);
      for (c = 0; c < VOCABULARY; c++) CHECK_NEAR((double)both[c], (double)logits[c], 1e-4);
      ldr_session_free(two[0]);
      two[0] = session_kept_as(t.m, l, 0, LDR_I8, &err);
      CHECK_INT(ldr_session_read(two[0], both, text_ids, TEXT - 1, &err), LDR_OK);
      CHECK(relative(both, logits, VOCABULARY, 1) < 5e-2);
      ldr_session_free(two[0]);
    }
    CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_LIKELIHOOD, &score, &err), LDR_OK);
    CHECK_NEAR(score.value, exp(-loss), 1e-4);
    CHECK(loss < 0.9 * before);
    ldr_session_free(s);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    tiny_close(&t);
  }
}

TEST(sessions_that_cannot_be) {
  static const struct { const char *family; ldr_preset preset; ldr_head head; ldr_method method; const char *says; } rows[] = {
    { "bert", LDR_PRESET_DEFAULT, LDR_HEAD_WORDS, LDR_METHOD_FULL, "it is an encoder" },
    { "llama", LDR_PRESET_TOP, LDR_HEAD_CLASSIFY, LDR_METHOD_LADDER, "other heads" } };
  size_t r;
  for (r = 0; r < sizeof rows / sizeof *rows; r++) {
    tiny_spec spec = causal_spec(rows[r].family);
    ldr_ladder_desc ld;
    ldr_ladder *l;
    ldr_error err;
    tiny_model t;
    spec.lm = 1;
    memset(&err, 0, sizeof err);
    memset(&ld, 0, sizeof ld);
    t = tiny_open(spec, &err);
    ld.preset = rows[r].preset;
    ld.method = rows[r].method;
    ld.head = rows[r].head;
    ld.classes = 2;
    l = ldr_ladder_create(t.m, &ld, &err);
    CHECK_STR(err.message, "");
    CHECK(session_for(t.m, l, 8, &err) == NULL && err.status == LDR_UNSUPPORTED);
    CHECK(strstr(err.message, rows[r].says) != NULL);
    memset(&err, 0, sizeof err);
    CHECK(session_for(t.m, NULL, 10000, &err) == NULL && err.status == LDR_ARGUMENT);
    ldr_ladder_free(l);
    tiny_close(&t);
  }
  CHECK(ldr_session_create(NULL, NULL, NULL, NULL) == NULL);
  CHECK_INT(ldr_session_length(NULL), 0);
  ldr_session_free(NULL);
}

/* ---- drawing ------------------------------------------------------------------------------ */

static void some_logits(float *z, int n, uint64_t key) {
  int i;
  for (i = 0; i < n; i++) z[i] = (float)(2 * ldr__random_normal(key, (uint64_t)i));
}

/* 1: token i may be drawn, by sorting. */
static int may_be_drawn(const float *z, int n, const ldr_sampling *h, int i) {
  double sum = 0, above = 0, peak = -1e9, pi;
  int k, rank = 0;
  for (k = 0; k < n; k++) peak = fmax(peak, (double)z[k]);
  for (k = 0; k < n; k++) rank += z[k] > z[i];
  if (h->top_k && rank >= h->top_k) return 0;
  pi = exp(((double)z[i] - peak) / (double)h->temperature);
  if (h->min_p > 0 && pi < (double)h->min_p) return 0;
  for (k = 0; k < n; k++) {
    double p = exp(((double)z[k] - peak) / (double)h->temperature);
    int others = 0, q;
    for (q = 0; q < n; q++) others += z[q] > z[k];
    if (h->top_k && others >= h->top_k) continue;
    sum += p;
    if (z[k] > z[i]) above += p;
  }
  return h->top_p <= 0 || above < (double)h->top_p * sum;
}

TEST(draws_follow_the_probabilities_that_are_left) {
  static const ldr_sampling rows[] = { { 1, 0, 0, 0, 0, 1 }, { 0.7f, 5, 0, 0, 0, 2 }, { 1.3f, 0, 0.6f, 0, 0, 3 }, { 1, 0, 0, 0.2f, 0, 4 }, { 0.9f, 8, 0.7f, 0.05f, 0, 5 },
    { 1, 1, 0, 0, 0, 6 }, { 1, 0, 1e-6f, 0, 0, 7 }, { 2, 0, 0, 1, 0, 8 }, { 1, 0, 0.5f, 0.1f, 0, 9 } };
  enum { N = 40, DRAWS = 20000 };
  size_t r;
  for (r = 0; r < sizeof rows / sizeof *rows; r++) {
    float z[N], copy[N];
    int32_t seen[N], counts[N], i, k;
    double p[N], sum = 0, peak = -1e9;
    some_logits(z, N, r + 11);
    memset(counts, 0, sizeof counts);
    memset(seen, 0, sizeof seen);
    for (i = 0; i < N; i++) peak = fmax(peak, (double)z[i]);
    for (i = 0; i < N; i++) sum += p[i] = may_be_drawn(z, N, &rows[r], i) ? exp(((double)z[i] - peak) / (double)rows[r].temperature) : 0;
    for (i = 0; i < DRAWS; i++) {
      ldr_sampling h = rows[r];
      h.seed = (uint64_t)i * 977 + r;
      memcpy(copy, z, sizeof z);
      k = ldr_sample(copy, N, &h, seen, 3);
      CHECK(k >= 0 && k < N);
      if (k < 0) return;
      counts[k]++;
    }
    for (i = 0; i < N; i++) {
      double want = p[i] / sum, got = (double)counts[i] / DRAWS;
      CHECK(p[i] > 0 || counts[i] == 0);
      CHECK(fabs(got - want) < 5 * sqrt(want * (1 - want) / DRAWS) + 1e-9);
    }
  }
}

TEST(draws_at_the_edges) {
  float z[4] = { 1, 3, 3, -2 }, nan = ldr__float_from_bits(0x7fc00000u), copy[4];
  const int32_t seen[3] = { 1, 1, 3 };
  int32_t id, k, drawn = 0;
  ldr_sampling h;
  memset(&h, 0, sizeof h);
  CHECK_INT(ldr_sample(z, 4, NULL, NULL, 0), 1);               /* the first of equals */
  CHECK_INT(ldr_sample(z, 4, &h, seen, 3), 1);
  h.repetition = 2;
  memcpy(copy, z, sizeof z);
  CHECK_INT(ldr_sample(copy, 4, &h, seen, 3), 2);              /* token 1 once, however often it was seen */
  CHECK_NEAR((double)copy[1], 1.5, 0);
  CHECK_NEAR((double)copy[3], -4, 0);
  {                                                            /* also one far behind the first thousands */
    static float many[20000];
    const int32_t far[6] = { 19999, 5, 19999, 20000, INT32_MIN, INT32_MAX };
    memset(many, 0, sizeof many);
    many[19999] = 8;
    many[5] = 5;
    CHECK_INT(ldr_sample(many, 20000, &h, far, 6), 19999);
    CHECK_NEAR((double)many[19999], 4, 0);
    CHECK_NEAR((double)many[5], 2.5, 0);
  }
  h.temperature = -1;
  CHECK_INT(ldr_sample(z, 4, &h, NULL, 0), -1);
  h.temperature = 1e-30f;                                      /* so cold that numbers overflow */
  h.repetition = 0;
  memcpy(copy, z, sizeof z);
  CHECK(ldr_sample(copy, 4, &h, NULL, 0) > 0);
  z[2] = nan;
  CHECK_INT(ldr_sample(z, 4, NULL, NULL, 0), -1);
  CHECK_INT(ldr_sample(NULL, 4, NULL, NULL, 0), -1);
  CHECK_INT(ldr_sample(copy, 4, &h, NULL, 2), -1);             /* two tokens that are nowhere */
  for (k = 0; k < 4; k++) copy[k] = ldr__float_from_bits(0xff800000u);
  CHECK_INT(ldr_sample(copy, 4, NULL, NULL, 0), -1);           /* none may be drawn */
  h.temperature = 1e6f;                                        /* all alike but for what is forbidden */
  for (k = 0; k < 200; k++) {
    float forbid[4] = { 1, 3, 3, -2 };
    forbid[1] = forbid[3] = ldr__float_from_bits(0xff800000u);
    h.seed = (uint64_t)k;
    id = ldr_sample(forbid, 4, &h, NULL, 0);
    CHECK(id == 0 || id == 2);
    drawn |= 1 << id;
  }
  CHECK_INT(drawn, 5);
}

static int32_t count_down(void *user, int32_t id) {
  (void)id;
  return --*(int *)user == 0;
}

TEST(generation_stops_where_it_should) {
  tiny_spec spec = causal_spec("gpt2");
  char config[1200], *weights;
  int32_t out[64], again[64], made, made2, left, k;
  ldr_generate_desc d;
  ldr_error err;
  ldr_session *s;
  ldr_model *m;
  size_t size;
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  weights = tiny_weights(&spec, &size);
  tiny_config(config, &spec);
  m = ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, NULL, &err);
  CHECK_STR(err.message, "");
  s = session_for(m, NULL, 12, &err);
  CHECK_INT(ldr_generate(s, out, &made, text_ids, 5, NULL, &err), LDR_OK);
  CHECK_INT(made, 8);                                          /* 12 are full with the token before the last */
  CHECK_INT(ldr_session_length(s), 12);
  CHECK_INT(ldr_session_rewind(s, 0, &err), LDR_OK);
  d.most = 3;
  CHECK_INT(ldr_generate(s, again, &made2, text_ids, 5, &d, &err), LDR_OK);
  CHECK(made2 == 3 && memcmp(out, again, 3 * sizeof *out) == 0);
  CHECK_INT(ldr_session_rewind(s, 0, &err), LDR_OK);
  d.most = 0;
  d.token = count_down;
  d.user = &left;
  left = 2;
  CHECK_INT(ldr_generate(s, again, &made2, text_ids, 5, &d, &err), LDR_OK);
  CHECK_INT(made2, 2);
  CHECK_INT(ldr_session_rewind(s, 0, &err), LDR_OK);
  d.token = NULL;                                              /* drawn twice with one seed, and with another */
  d.sampling.temperature = 3;
  d.sampling.seed = 4;
  CHECK_INT(ldr_generate(s, out, &made, text_ids, 5, &d, &err), LDR_OK);
  CHECK_INT(ldr_session_rewind(s, 0, &err), LDR_OK);
  CHECK_INT(ldr_generate(s, again, &made2, text_ids, 5, &d, &err), LDR_OK);
  CHECK(made == made2 && memcmp(out, again, (size_t)made * sizeof *out) == 0);
  CHECK_INT(ldr_session_rewind(s, 0, &err), LDR_OK);
  d.sampling.seed = 5;
  CHECK_INT(ldr_generate(s, again, &made2, text_ids, 5, &d, &err), LDR_OK);
  CHECK(memcmp(out, again, (size_t)made * sizeof *out) != 0);
  ldr_session_free(s);
  ldr_model_free(m);
  sprintf(config + strlen(config) - 1, ",\"eos_token_id\":[%d,999]}", (int)out[2]);      /* the third token ends the text */
  m = ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, NULL, &err);
  CHECK_STR(err.message, "");
  s = session_for(m, NULL, 12, &err);
  d.sampling.seed = 4;
  CHECK_INT(ldr_generate(s, again, &made2, text_ids, 5, &d, &err), LDR_OK);
  for (k = 0; k < 2 && out[k] != out[2]; k++) {}
  CHECK_INT(made2, k + 1);
  CHECK_INT(ldr_session_rewind(s, 0, &err), LDR_OK);
  d.ignore_end = 1;
  CHECK_INT(ldr_generate(s, again, &made2, text_ids, 5, &d, &err), LDR_OK);
  CHECK_INT(made2, 8);
  ldr_session_free(s);
  ldr_model_free(m);
  free(weights);
}

TEST(sessions_survive_without_memory) {
  tiny_spec spec = causal_spec("llama");
  ldr_test_heap heap;
  ldr_allocator a;
  long fail = 0;
  int done = 0;
  for (fail = 1; !done && fail < 60; fail++) {
    ldr_error err;
    tiny_model t;
    ldr_session *s = NULL;
    float logits[VOCABULARY];
    memset(&heap, 0, sizeof heap);
    memset(&err, 0, sizeof err);
    a = ldr_test_alloc(&heap, fail);
    spec.alloc = &a;
    t = tiny_open(spec, &err);
    if (t.m) s = session_for(t.m, NULL, 0, &err);
    done = s && !ldr_session_read(s, logits, text_ids, TEXT, &err);
    CHECK(done || err.status == LDR_MEMORY);
    ldr_session_free(s);
    tiny_close(&t);
  }
  CHECK(done);
}

/* ---- models that others wrote --------------------------------------------------------------- */

/* Two texts of other lengths in one step, as one after the other. s has read a text that begins with ids[n]. */
static void steps_of_two(const ldr_model *m, ldr_session *s, const int32_t *ids, int32_t n) {
  size_t v = (size_t)ldr_model_info_get(m).vocabulary;
  float *alone = (float *)malloc(4 * v * sizeof *alone), *both = alone + 2 * v;
  ldr_session *two[2];
  int32_t next[2];
  ldr_error err;
  memset(&err, 0, sizeof err);
  next[0] = ids[0];
  next[1] = ids[n - 1];
  two[0] = s;
  two[1] = session_for(m, NULL, n, &err);
  CHECK_INT(ldr_session_rewind(s, n, &err), LDR_OK);
  CHECK_INT(ldr_session_read(s, alone, next, 1, &err), LDR_OK);
  CHECK_INT(ldr_session_rewind(s, n, &err), LDR_OK);
  CHECK_INT(ldr_session_read(two[1], NULL, ids, n - 1, &err), LDR_OK);
  CHECK_INT(ldr_session_read(two[1], alone + v, next + 1, 1, &err), LDR_OK);
  CHECK_INT(ldr_session_rewind(two[1], n - 1, &err), LDR_OK);
  CHECK_INT(ldr_session_step(two, 2, both, next, &err), LDR_OK);
  CHECK_STR(err.message, "");
  CHECK(relative(both, alone, 2 * v, 1) < 2e-5);
  ldr_session_free(two[1]);
  free(alone);
}

TEST(outside_models_go_on_as_transformers_does) {
  static const char *const dirs[] = { "gpt2", "gpt2-scaled", "gpt_neo", "opt", "opt-post", "llama", "llama-llama3rope", "llama-linear", "llama-yarn", "llama-oldcfg", "mistral", "qwen2",
    "qwen2-window", "qwen3", "smollm3", "starcoder2", "gpt_neox", "gpt_neox-seq", "gptj", "phi", "phi-qkln", "phi3", "stablelm", "stablelm-12b", "cohere",
    "cohere-qknorm", "olmo", "olmo2", "gemma", "gemma2", "gemma3", "granite", "bloom", "falcon-7b", "falcon-40b", "falcon-rw",
    "mixtral", "qwen2_moe", "qwen3_moe" };
  char path[1024], golden[1100], name[64];
  int tokens = 0;
  size_t i;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/gpt2/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    int32_t ids[64], out[64], made = 0, n, all, k;
    const ldr_tensor *in, *want;
    ldr_generate_desc d;
    ldr_weights *g;
    ldr_session *s;
    ldr_error err;
    ldr_model *m;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    sprintf(name, "models/hf/%s", dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, NULL, &err);
    sprintf(golden, "%s/golden.safetensors", path);
    g = ldr_weights_open(golden, NULL, &err);
    CHECK_STR(err.message, "");
    in = ldr_weights_find(g, "gen.input_ids");
    want = ldr_weights_find(g, "gen.output_ids");
    CHECK(in && want);
    n = (int32_t)in->shape[1];
    all = (int32_t)want->shape[1];
    for (k = 0; k < n; k++) ids[k] = (int32_t)ldr__load_u64((const unsigned char *)in->data + 8 * k);
    s = session_for(m, NULL, all, &err);
    d.most = all - n;
    d.ignore_end = 1;
    CHECK_INT(s ? ldr_generate(s, out, &made, ids, n, &d, &err) : LDR_MEMORY, LDR_OK);
    CHECK_STR(err.message, "");
    CHECK_INT(made, all - n);
    steps_of_two(m, s, ids, n);
    for (k = 0; k < made; k++) {
      int32_t w = (int32_t)ldr__load_u64((const unsigned char *)want->data + 8 * (n + k));
      if (out[k] != w) printf("  %s: token %d is %d, transformers made %d\n", dirs[i], (int)k, (int)out[k], (int)w);
      CHECK_INT(out[k], w);
      tokens++;
    }
    ldr_session_free(s);
    ldr_weights_close(g);
    ldr_model_free(m);
  }
  printf("  %d models, %d tokens the same\n", (int)(sizeof dirs / sizeof *dirs), tokens);
}

#define TESTS(X)                                                                                                          \
  X(what_is_kept_gives_the_whole_pass) X(several_texts_step_together) X(steps_that_cannot_be) X(keys_and_values_are_kept_rounded) X(threads_do_not_change_a_bit) X(long_prompts_are_read_in_pieces) X(tuned_models_speak_as_they_were_trained)   \
  X(sessions_that_cannot_be) X(draws_follow_the_probabilities_that_are_left) X(draws_at_the_edges) X(generation_stops_where_it_should)              \
  X(sessions_survive_without_memory) X(outside_models_go_on_as_transformers_does)
LDR_TEST_MAIN("session", TESTS)
