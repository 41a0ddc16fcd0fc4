/* Tuning inside the backbone: full, bitfit, lora, adapter, prompt, prefix, theseus. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/export.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_gradient.h"


static ldr_ladder_desc method_desc(ldr_method method) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.method = method;
  d.classes = 3;
  d.standardise = method == LDR_METHOD_LADDER ? LDR_AUTO : LDR_OFF;
  d.rank = method == LDR_METHOD_LORA ? 3 : 0;
  d.bottleneck = method == LDR_METHOD_ADAPTER ? 5 : 0;
  d.virtual_tokens = method == LDR_METHOD_PROMPT || method == LDR_METHOD_PREFIX ? 4 : 0;
  d.seed = 5;
  return d;
}

typedef struct fixture { tiny_spec s; tiny_model m; ldr_dataset *set; ldr_ladder *l; ldr_trainer *t; ldr_error err; } fixture;

static fixture open_fixture(tiny_spec s, ldr_ladder_desc d, ldr_train_desc td) {
  fixture f;
  memset(&f, 0, sizeof f);
  f.s = s;
  f.m = tiny_open(s, &f.err);
  f.set = tiny_dataset(&s, d.head, d.head == LDR_HEAD_WORDS ? s.vocab : d.classes, 12, 3);
  if (f.m.m) f.l = ldr_ladder_create(f.m.m, &d, &f.err);
  if (f.l) f.t = ldr_trainer_create(f.l, f.set, NULL, &td, &f.err);
  return f;
}

static void close_fixture(fixture *f) {
  ldr_trainer_free(f->t);
  ldr_ladder_free(f->l);
  ldr_dataset_free(f->set);
  tiny_close(&f->m);
}

static ldr_train_desc plain_training(void) {
  ldr_train_desc td;
  memset(&td, 0, sizeof td);
  td.batch = 5;
  td.epochs = 2;
  return td;
}

static void check_method_gradients(const char *family, ldr_ladder_desc d, int32_t recompute, int flip) {
  tiny_spec s = tiny_default(family);
  ldr_train_desc td = plain_training();
  fixture f;
  const char *worst = "";
  double e, limit = d.head == LDR_HEAD_WORDS ? 2e-2 : 1e-2;      /* its exponentials are summed in float: differences are coarser */
  td.recompute = recompute;
  s.lm = 1;
  f = open_fixture(s, d, td);
  CHECK_STR(f.err.message, "");
  if (f.t) {
    shake(f.l, 0.1);
    e = gradient_error(f.t, f.l, -1, &worst);
    if (e > limit) printf("  %s %s head %d: %s is off by %g\n", family, ldr_method_name(d.method), (int)d.head, worst, e);
    CHECK(e <= limit);
    if (flip) CHECK(gradient_error(f.t, f.l, ldr_ladder_params(f.l) / 2, NULL) > 0.5);
  }
  close_fixture(&f);
}

TEST(gradients_of_every_family_and_method) {
  int f, m;
  for (f = 0; f < FAMILIES; f++)
    for (m = LDR_METHOD_FULL; m <= LDR_METHOD_IA3; m++) {
      ldr_ladder_desc d = method_desc((ldr_method)m);
      if (m == LDR_METHOD_THESEUS && strcmp(families[f], "albert") == 0) continue;
      d.dropout = 0.1f;
      if (m == LDR_METHOD_LORA) d.targets = 127 - (tiny_gated(families[f]) ? 0 : LDR_TARGET_GATE);
      check_method_gradients(families[f], d, f % 2, 0);
    }
}

TEST(gradients_of_every_head_with_virtual_tokens) {
  int h;
  for (h = 0; h < TINY_HEADS; h++) {
    ldr_ladder_desc d = method_desc(h % 2 ? LDR_METHOD_PROMPT : LDR_METHOD_PREFIX);
    d.head = tiny_heads[h];
    check_method_gradients(h / 2 ? "gpt2" : "bert", d, 0, 0);
  }
}

TEST(gradients_of_a_prompt_with_a_network) {
  size_t f;
  for (f = 0; f < sizeof families / sizeof families[0]; f++) {
    ldr_ladder_desc d = method_desc(LDR_METHOD_PROMPT);
    d.prompt_hidden = 6;
    check_method_gradients(families[f], d, f % 2, 0);
  }
}

/* The mean over a text, or of each of two, of every method that has a text; not over the virtual tokens before it. */
TEST(gradients_of_pooled_heads) {
  static const ldr_method methods[] = { LDR_METHOD_LADDER, LDR_METHOD_HEAD, LDR_METHOD_FULL, LDR_METHOD_PROMPT, LDR_METHOD_PREFIX };
  int f, m, pool;
  for (f = 0; f < FAMILIES; f++)
    for (m = 0; m < 5; m++)
      for (pool = LDR_POOL_FIRST; pool <= LDR_POOL_PAIR; pool++) {
        ldr_ladder_desc d = method_desc(methods[m]);
        if (pool < LDR_POOL_MEAN && (m + f) % 3) continue;
        if (pool == LDR_POOL_PAIR && (m + f) % 2) continue;
        d.pool = (ldr_pool)pool;
        d.reduction = 2;
        if (m == 0 && f % 2 && f < 5) d.preset = LDR_PRESET_PAPER;
        d.head_hidden = f == 2 ? 7 : 0;
        check_method_gradients(families[f], d, 0, 0);
      }
}

TEST(gradients_where_only_the_last_blocks_are_tuned) {
  int m;
  for (m = LDR_METHOD_FULL; m <= LDR_METHOD_ADAPTER; m++) {
    ldr_ladder_desc d = method_desc((ldr_method)m);
    d.tune_layers = 1 + m % 2;
    d.tune_norms = LDR_ON;
    check_method_gradients(m % 2 ? "bert" : "gpt2", d, m % 2, 0);
  }
}

/* The model's own head: trained with everything, or frozen at the end of a ladder or a low-rank update. */
TEST(gradients_of_the_words_head) {
  static const char *const with_head[] = { "bert", "gpt2", "llama", "gemma2", "cohere" };      /* the last two bend or scale the scores */
  static const ldr_method methods[] = { LDR_METHOD_LADDER, LDR_METHOD_FULL, LDR_METHOD_LORA, LDR_METHOD_PROMPT };
  int f, m;
  for (f = 0; f < 5; f++)
    for (m = 0; m < 4; m++) {
      ldr_ladder_desc d = method_desc(methods[m]);
      d.head = LDR_HEAD_WORDS;
      d.reduction = 2;
      check_method_gradients(with_head[f], d, m == 1, 0);
    }
}

/* The slope in a random direction, by the gradients that were just taken, is the difference quotient. Returns the last loss. */
static double check_slope(fixture *x, const int32_t *batch, int32_t n) {
  double up = 0, down = 0, slope = 0;
  int32_t p, i, k;
  for (p = 0; p < ldr_ladder_params(x->l); p++) {
    ldr_param q = ldr_ladder_param(x->l, p);
    for (i = 0; i < q.rows * q.columns; i++) slope += (double)q.grad[i] * ldr__random_normal(7 + (uint64_t)p, (uint64_t)i);
  }
  for (k = -1; k <= 1; k += 2) {
    for (p = 0; p < ldr_ladder_params(x->l); p++) {
      ldr_param q = ldr_ladder_param(x->l, p);
      for (i = 0; i < q.rows * q.columns; i++) q.value[i] += (float)(k * 1e-3 * (1 + (k > 0)) * ldr__random_normal(7 + (uint64_t)p, (uint64_t)i));
    }
    CHECK_INT(ldr_trainer_gradients(x->t, k < 0 ? &down : &up, batch, n, &x->err), LDR_OK);
  }
  CHECK_NEAR((up - down) / 2e-3, slope, 0.02 * (fabs(slope) + 0.05));
  return up;
}

/* Mean entropy of the backbone's own scores at the rows with a label of the first n sequences: the least a distilled loss can be. */
static double teacher_entropy(fixture *x, int32_t n) {
  int32_t i, t, w, rows = 0;
  double sum = 0;
  for (i = 0; i < n; i++) {
    ldr_example e = ldr_dataset_get(x->set, i);
    int32_t offsets[2];
    static float hidden[64 * 64], logits[64 * 64];
    ldr_batch b;
    memset(&b, 0, sizeof b);
    offsets[0] = 0;
    offsets[1] = e.count;
    b.sequences = 1;
    b.offsets = offsets;
    b.ids = e.ids;
    b.segments = e.segments;
    CHECK_INT(ldr_model_hidden(x->m.m, hidden, &b, -1, &x->err), LDR_OK);
    CHECK_INT(ldr_model_logits(x->m.m, logits, hidden, e.count, &x->err), LDR_OK);
    for (t = 0; t < e.count; t++) {
      const float *z = logits + t * x->s.vocab;
      double top = z[0], all = 0;
      if (e.labels[t] < 0) continue;
      for (w = 0; w < x->s.vocab; w++) top = fmax(top, (double)z[w]);
      for (w = 0; w < x->s.vocab; w++) all += exp((double)z[w] - top);
      for (w = 0; w < x->s.vocab; w++) sum -= exp((double)z[w] - top) / all * ((double)z[w] - top - log(all));
      rows++;
    }
  }
  return sum / rows;
}

/* Distilled: the loss is the cross-entropy of the two models' own scores, its gradient the difference quotient of that, and a ladder
   that learns from it comes closer to its teacher. Copies have a teacher in the blocks they stand for: alone, above rungs, and from
   taps that are kept. */
TEST(a_ladder_may_learn_from_the_backbone) {
  static const int32_t batch[] = { 0, 1, 2, 3, 4 };
  static const char *const with_head[] = { "bert", "gpt2", "llama", "gpt2", "llama", "llama" };
  int f;
  for (f = 0; f < 6; f++) {
    tiny_spec s = tiny_default(with_head[f]);
    ldr_train_desc td = plain_training();
    ldr_ladder_desc d = method_desc(LDR_METHOD_LADDER);
    fixture x;
    ldr_score by_label;
    double loss, up, start = 0, entropy;
    d.head = LDR_HEAD_WORDS;
    d.reduction = f == 4 ? 0 : 2;
    d.top = f < 3 ? -1 : 2;                        /* narrow rungs alone; copies */
    td.cache = f > 3;
    td.distil = 1;
    td.rate = 3e-3f;
    td.epochs = 40;
    s.lm = 1;
    x = open_fixture(s, d, td);
    CHECK_STR(x.err.message, "");
    if (!x.t) continue;
    shake(x.l, 0.1);
    CHECK_INT(ldr_trainer_gradients(x.t, &start, batch, 5, &x.err), LDR_OK);
    up = check_slope(&x, batch, 5);
    CHECK_INT(ldr_trainer_evaluate(x.t, x.set, &by_label, &x.err), LDR_OK);
    while (!ldr_trainer_done(x.t) && !ldr_trainer_step(x.t, NULL, &x.err)) continue;
    CHECK_INT(ldr_trainer_gradients(x.t, &loss, batch, 5, &x.err), LDR_OK);
    entropy = teacher_entropy(&x, 5);
    CHECK(loss >= entropy - 1e-4 && loss - entropy < 0.5 * (start - entropy));
    CHECK(fabs(by_label.loss - up) > 1e-3);            /* those are other numbers */
    close_fixture(&x);
  }
}

/* Pairs, or each answer by itself as plain words; every prompt has answers of other lengths. */
static ldr_dataset *preferred_answers(int32_t choices, int32_t only) {
  ldr_dataset_desc sd;
  ldr_dataset *set;
  ldr_example e;
  int32_t ids[9], labels[9], i, k, half;
  memset(&sd, 0, sizeof sd);
  memset(&e, 0, sizeof e);
  sd.head = LDR_HEAD_WORDS;
  sd.choices = choices;
  set = ldr_dataset_create(&sd, NULL);
  e.ids = ids;
  e.labels = labels;
  for (i = 0; i < 6; i++)
    for (half = 0; half < 2; half++) {
      e.count = 5 + (i + half) % 4;
      for (k = 0; k < e.count; k++) {
        ids[k] = (i * 5 + k * k + (k > 2 ? 11 * half : 0)) % 31;
        labels[k] = k < 2 ? LDR_IGNORE : (ids[k] * 3 + 7 * half) % 31;
      }
      if ((only < 0 || only == 2 * i + half) && ldr_dataset_add(set, &e, NULL)) CHECK(0);
    }
  return set;
}

/* The log-probability of all labels of answer `one`: by the ladder, or the backbone (no ladder). */
static double answer_worth(const fixture *x, const ldr_ladder *l, int32_t one) {
  ldr_dataset *set = preferred_answers(0, one);
  ldr_example e = ldr_dataset_get(set, 0);
  ldr_score score;
  ldr_error err;
  double worth = 0;
  int32_t k, rows = 0;
  memset(&err, 0, sizeof err);
  for (k = 0; k < e.count; k++) rows += e.labels[k] >= 0;
  if (l) {
    CHECK_INT(ldr_evaluate((ldr_ladder *)(uintptr_t)l, set, LDR_METRIC_AUTO, &score, &err), LDR_OK);
    worth = -score.loss * rows;
  } else {
    float hidden[9 * 24], logits[9 * 31];
    int32_t offsets[2];
    ldr_batch b = one_sequence(offsets, e.ids, e.count);
    CHECK_INT(ldr_model_hidden(x->m.m, hidden, &b, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_logits(x->m.m, logits, hidden, e.count, &err), LDR_OK);
    for (k = 0; k < e.count; k++) {
      double sum = 0;
      int c;
      for (c = 0; c < 31; c++) sum += exp((double)logits[k * 31 + c]);
      if (e.labels[k] >= 0) worth += (double)logits[k * 31 + e.labels[k]] - log(sum);
    }
  }
  ldr_dataset_free(set);
  return worth;
}

/* The loss of pairs is that of the two models' own log-probabilities, its gradient the difference quotient, it starts at log 2
   where a ladder starts as its backbone, and a ladder learns which answer is preferred. */
TEST(a_ladder_learns_which_answer_is_preferred) {
  static const int32_t batch[] = { 0, 1, 2, 3, 4, 5 };
  static const char *const with_head[] = { "gpt2", "llama", "gemma2", "bert", "llama" };
  int f;
  for (f = 0; f < 5; f++) {
    tiny_spec s = tiny_default(with_head[f]);
    ldr_train_desc td = plain_training();
    ldr_ladder_desc d = method_desc(LDR_METHOD_LADDER);
    ldr_score score;
    fixture x;
    double loss, want = 0;
    int32_t i;
    memset(&x, 0, sizeof x);
    d.head = LDR_HEAD_WORDS;
    d.reduction = 2;
    d.top = f == 3 ? -1 : 2;
    td.preference = 0.4f;
    td.rate = 3e-3f;
    td.epochs = 40;
    td.batch = 4;
    td.cache = f == 4;
    s.lm = 1;
    x.m = tiny_open(s, &x.err);
    x.set = preferred_answers(2, -1);
    x.l = ldr_ladder_create(x.m.m, &d, &x.err);
    x.t = x.l ? ldr_trainer_create(x.l, x.set, NULL, &td, &x.err) : NULL;
    CHECK_STR(x.err.message, "");
    if (!x.t) continue;
    CHECK_INT(ldr_trainer_gradients(x.t, &loss, batch, 6, &x.err), LDR_OK);
    if (f != 3) CHECK_NEAR(loss, log(2.0), 1e-5);
    shake(x.l, 0.1);
    CHECK_INT(ldr_trainer_gradients(x.t, &loss, batch, 6, &x.err), LDR_OK);
    for (i = 0; i < 6; i++) {
      double g = answer_worth(&x, x.l, 2 * i) - answer_worth(&x, NULL, 2 * i) - answer_worth(&x, x.l, 2 * i + 1) + answer_worth(&x, NULL, 2 * i + 1);
      want += log(1 + exp(-0.4 * g)) / 6;
    }
    CHECK_NEAR(loss, want, 1e-4);
    check_slope(&x, batch, 6);
    while (!ldr_trainer_done(x.t) && !ldr_trainer_step(x.t, NULL, &x.err)) continue;
    CHECK_INT(ldr_trainer_evaluate(x.t, x.set, &score, &x.err), LDR_OK);
    CHECK_INT(score.examples, 6);
    CHECK(score.value == 1 && score.loss < 0.5);
    CHECK_INT(ldr_evaluate(x.l, x.set, LDR_METRIC_AUTO, &score, &x.err), LDR_OK);
    CHECK(score.value == 1);
    CHECK_INT(ldr_trainer_learn(x.t, x.set, 0, NULL, &x.err), LDR_UNSUPPORTED);
    close_fixture(&x);
  }
}

TEST(preferences_that_cannot_be_learned) {
  static const struct { int32_t choices; float preference; int32_t distil; ldr_method method; } rows[] = {
    { 2, 0, 0, LDR_METHOD_LADDER }, { 0, 0.1f, 0, LDR_METHOD_LADDER }, { 2, 0.1f, 1, LDR_METHOD_LADDER },
    { 2, 0.1f, 0, LDR_METHOD_LORA }, { 2, -1, 0, LDR_METHOD_LADDER } };
  ldr_dataset_desc sd;
  size_t k;
  for (k = 0; k < sizeof rows / sizeof *rows; k++) {
    tiny_spec s = tiny_default("llama");
    ldr_train_desc td = plain_training();
    ldr_ladder_desc d = method_desc(rows[k].method);
    fixture x;
    memset(&x, 0, sizeof x);
    d.head = LDR_HEAD_WORDS;
    td.preference = rows[k].preference;
    td.distil = rows[k].distil;
    s.lm = 1;
    x.m = tiny_open(s, &x.err);
    x.set = preferred_answers(rows[k].choices, -1);
    x.l = ldr_ladder_create(x.m.m, &d, &x.err);
    x.t = x.l ? ldr_trainer_create(x.l, x.set, NULL, &td, &x.err) : NULL;
    CHECK(x.l && !x.t && x.err.status == LDR_ARGUMENT);
    close_fixture(&x);
  }
  memset(&sd, 0, sizeof sd);
  sd.head = LDR_HEAD_WORDS;
  sd.choices = 3;
  CHECK(ldr_dataset_create(&sd, NULL) == NULL);
}

TEST(only_ladders_with_a_mixed_output_learn_from_the_backbone) {
  int i;
  for (i = 0; i < 3; i++) {
    ldr_train_desc td = plain_training();
    ldr_ladder_desc d = method_desc(i == 0 ? LDR_METHOD_FULL : LDR_METHOD_LADDER);
    tiny_spec s = tiny_default("bert");
    fixture x;
    d.head = i == 1 ? LDR_HEAD_CLASSIFY : LDR_HEAD_WORDS;
    d.output = i == 2 ? LDR_OUTPUT_UP : LDR_OUTPUT_PRESET;
    td.distil = 1;
    s.lm = 1;
    x = open_fixture(s, d, td);
    CHECK(x.l && !x.t && x.err.status == LDR_ARGUMENT);
    close_fixture(&x);
  }
}

/* 150 rows with a target: more than are scored at a time; the loss is that of the model's own logits. */
TEST(words_are_scored_in_chunks) {
  tiny_spec s = tiny_default("bert");
  ldr_train_desc td = plain_training();
  ldr_ladder_desc d = method_desc(LDR_METHOD_FULL);
  ldr_dataset_desc sd;
  ldr_example e;
  fixture x;
  int32_t ids[30], labels[30], offsets[2] = { 0, 30 }, i, k, examples[6] = { 0, 1, 2, 3, 4, 5 };
  float hidden[30 * 24], logits[30 * 31];
  double loss = 0, want = 0;
  ldr_batch b;
  memset(&x, 0, sizeof x);
  memset(&sd, 0, sizeof sd);
  memset(&e, 0, sizeof e);
  memset(&b, 0, sizeof b);
  s.lm = 1;
  d.head = sd.head = LDR_HEAD_WORDS;
  td.batch = 6;
  x.m = tiny_open(s, &x.err);
  x.set = ldr_dataset_create(&sd, &x.err);
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = e.ids = ids;
  e.labels = labels;
  e.count = 30;
  for (i = 0; i < 6; i++) {
    for (k = 0; k < 30; k++) {
      ids[k] = (i * 7 + k * k) % 31;
      labels[k] = k % 6 ? (i + k) % 31 : LDR_IGNORE;
    }
    CHECK_INT(ldr_dataset_add(x.set, &e, &x.err), LDR_OK);
    CHECK_INT(ldr_model_hidden(x.m.m, hidden, &b, -1, &x.err), LDR_OK);
    CHECK_INT(ldr_model_logits(x.m.m, logits, hidden, 30, &x.err), LDR_OK);
    for (k = 0; k < 30; k++) {
      double sum = 0;
      int c;
      if (labels[k] < 0) continue;
      for (c = 0; c < 31; c++) sum += exp((double)logits[k * 31 + c]);
      want += log(sum) - (double)logits[k * 31 + labels[k]];
    }
  }
  x.l = ldr_ladder_create(x.m.m, &d, &x.err);
  x.t = x.l ? ldr_trainer_create(x.l, x.set, NULL, &td, &x.err) : NULL;
  CHECK_STR(x.err.message, "");
  if (x.t) CHECK_INT(ldr_trainer_gradients(x.t, &loss, examples, 6, &x.err), LDR_OK);
  CHECK_NEAR(loss, want / 150, 1e-4);
  close_fixture(&x);
}

static ldr_dataset *fill_words(ldr_dataset *set, int32_t n, int32_t length, int32_t word) {
  int32_t ids[40], labels[40], i, k;
  ldr_example e;
  memset(&e, 0, sizeof e);
  e.ids = ids;
  e.labels = labels;
  e.count = length;
  for (i = 0; i < n; i++) {
    for (k = 0; k < length; k++) {
      ids[k] = (i + k) % 31;
      labels[k] = k ? LDR_IGNORE : word;
    }
    if (ldr_dataset_add(set, &e, NULL)) return NULL;
  }
  return set;
}

/* Text streams by: the set is emptied and filled between steps. What no longer fits, or names no word, is refused. */
TEST(a_training_set_may_be_filled_again) {
  tiny_spec s = tiny_default("bert");
  ldr_train_desc td = plain_training();
  ldr_ladder_desc d = method_desc(LDR_METHOD_FULL);
  ldr_dataset_desc sd;
  fixture x;
  ldr_progress p;
  ldr_score score;
  int i;
  memset(&x, 0, sizeof x);
  memset(&sd, 0, sizeof sd);
  memset(&p, 0, sizeof p);
  s.lm = 1;
  d.head = sd.head = LDR_HEAD_WORDS;
  td.batch = 4;
  td.epochs = 60;
  td.rate = 1e-2f;
  x.m = tiny_open(s, &x.err);
  x.set = ldr_dataset_create(&sd, &x.err);
  x.l = ldr_ladder_create(x.m.m, &d, &x.err);
  x.t = ldr_trainer_create(x.l, fill_words(x.set, 4, 8, 3), NULL, &td, &x.err);
  CHECK_STR(x.err.message, "");
  for (i = 0; x.t && i < 40; i++) {
    ldr_dataset_clear(x.set);
    fill_words(x.set, 4, 5 + i % 4, 3);
    CHECK_INT(ldr_trainer_step(x.t, &p, &x.err), LDR_OK);
  }
  CHECK(p.step_loss < 0.5);
  ldr_dataset_clear(x.set);
  fill_words(x.set, 5, 8, 3);
  CHECK_INT(ldr_trainer_step(x.t, &p, &x.err), LDR_ARGUMENT);
  CHECK(strstr(x.err.message, "filled again with 5 examples") != NULL);
  memset(&x.err, 0, sizeof x.err);
  ldr_dataset_clear(x.set);
  fill_words(x.set, 4, 9, 3);
  CHECK_INT(ldr_trainer_evaluate(x.t, x.set, &score, &x.err), LDR_ARGUMENT);      /* there is no room for it */
  CHECK(strstr(x.err.message, "filled again with 4 examples") != NULL);
  memset(&x.err, 0, sizeof x.err);
  CHECK_INT(ldr_trainer_step(x.t, &p, &x.err), LDR_ARGUMENT);
  memset(&x.err, 0, sizeof x.err);
  ldr_dataset_clear(x.set);
  fill_words(x.set, 4, 8, 31);
  CHECK_INT(ldr_trainer_step(x.t, &p, &x.err), LDR_DATA);
  CHECK(strstr(x.err.message, "label 31") != NULL);
  memset(&x.err, 0, sizeof x.err);
  ldr_dataset_clear(x.set);
  fill_words(x.set, 4, 8, 3);
  CHECK_INT(ldr_trainer_step(x.t, &p, &x.err), LDR_OK);
  close_fixture(&x);
}

TEST(a_words_head_needs_one_in_the_model) {
  ldr_ladder_desc d = method_desc(LDR_METHOD_FULL);
  ldr_error err;
  tiny_model m;
  ldr_ladder *l;
  memset(&err, 0, sizeof err);
  m = tiny_open(tiny_default("bert"), &err);
  d.head = LDR_HEAD_WORDS;
  l = ldr_ladder_create(m.m, &d, &err);
  CHECK(l == NULL);
  CHECK_INT(err.status, LDR_MISSING);
  ldr_ladder_free(l);
  tiny_close(&m);
}

TEST(a_wrong_sign_in_a_method_is_caught) { check_method_gradients("bert", method_desc(LDR_METHOD_LORA), 0, 1); }

static void states(fixture *f, float *scores) {
  ldr_predictor *p = ldr_predictor_create(f->l, 4, 64, &f->err);
  int32_t i;
  CHECK_STR(f->err.message, "");
  for (i = 0; p && i < 4; i++) {
    ldr_example e = ldr_dataset_get(f->set, i);
    int32_t offsets[2];
    ldr_batch b;
    memset(&b, 0, sizeof b);
    offsets[0] = 0;
    offsets[1] = e.count;
    b.sequences = 1;
    b.offsets = offsets;
    b.ids = e.ids;
    b.segments = e.segments;
    CHECK_INT(ldr_predict(p, scores + 3 * i, &b, &f->err), LDR_OK);
  }
  ldr_predictor_free(p);
}

/* The head is the same in all (same seed, same name); what surrounds it starts as the identity, prompts and prefixes aside. */
TEST(every_method_starts_at_the_backbone) {
  int f, m, i;
  for (f = 0; f < FAMILIES; f++) {
    float base[12], other[12];
    for (m = LDR_METHOD_HEAD; m <= LDR_METHOD_ADAPTER; m++) {
      fixture x = open_fixture(tiny_default(families[f]), method_desc((ldr_method)m), plain_training());
      int32_t head = ldr_ladder_find(x.l, "head.out.weight");
      ldr_param w = ldr_ladder_param(x.l, head);
      for (i = 0; i < w.rows * w.columns; i++) w.value[i] = (float)ldr__random_normal(4, (uint64_t)i);
      states(&x, m == LDR_METHOD_HEAD ? base : other);
      for (i = 0; m > LDR_METHOD_HEAD && i < 12; i++) CHECK_NEAR(other[i], base[i], 1e-6);
      close_fixture(&x);
    }
  }
}

/* A step changes what the method trains and not a byte of what was loaded. */
TEST(the_loaded_weights_are_never_written) {
  int m;
  for (m = LDR_METHOD_FULL; m <= LDR_METHOD_IA3; m++) {
    fixture x = open_fixture(tiny_default("bert"), method_desc((ldr_method)m), plain_training());
    char *copy = (char *)malloc(x.m.size);
    int32_t p, i, moved = 0;
    float *before = (float *)malloc(sizeof(float) * x.l->size);
    memcpy(copy, x.m.weights, x.m.size);
    memcpy(before, x.l->values, sizeof(float) * x.l->size);
    while (x.t && !ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
    CHECK(memcmp(copy, x.m.weights, x.m.size) == 0);
    for (p = 0; p < ldr_ladder_params(x.l); p++) {
      ldr_param q = ldr_ladder_param(x.l, p);
      for (i = 0; i < q.rows * q.columns; i++)
        if (q.value[i] != before[(q.value - x.l->values) + i]) break;
      moved += i < q.rows * q.columns;
    }
    CHECK_INT(moved, ldr_ladder_params(x.l));
    free(copy);
    free(before);
    close_fixture(&x);
  }
}

TEST(recomputing_and_threads_change_no_bit) {
  int m, k;
  for (m = LDR_METHOD_FULL; m <= LDR_METHOD_IA3; m++) {
    uint64_t digest[4];
    uint64_t bytes[2];
    for (k = 0; k < 4; k++) {
      tiny_spec s = tiny_default(m % 2 ? "llama" : "bert");
      ldr_train_desc td = plain_training();
      ldr_ladder_desc d = method_desc((ldr_method)m);
      fixture x;
      s.threads = k == 0 ? 1 : k == 1 ? 2 : k == 2 ? 3 : 7;
      td.recompute = k % 2;
      d.dropout = 0.1f;
      x = open_fixture(s, d, td);
      CHECK_STR(x.err.message, "");
      if (k < 2) bytes[k] = (uint64_t)x.t->plan.size;
      while (x.t && !ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
      digest[k] = x.l ? ldr__digest(0, x.l->values, x.l->size * sizeof(float)) : (uint64_t)k;
      CHECK(digest[k] == digest[0]);
      close_fixture(&x);
    }
    (void)bytes;
  }
}

/* Only one state a block is left of a deep backbone's activations. */
TEST(recomputing_saves_memory) {
  tiny_spec s = tiny_default("bert");
  ldr_ladder_desc d = method_desc(LDR_METHOD_LORA);
  ldr_train_desc td = plain_training();
  fixture x;
  ldr_memory kept, again;
  s.layers = 12;
  x = open_fixture(s, d, td);
  CHECK_STR(x.err.message, "");
  kept = ldr_trainer_plan(x.l, x.set, NULL, &td);
  td.recompute = 1;
  again = ldr_trainer_plan(x.l, x.set, NULL, &td);
  CHECK(kept.total > 0 && again.total * 2 < kept.total);
  close_fixture(&x);
}

/* Queries, keys and values together are the widest matrix here, and few tokens make blocks wide: scratch must have been sized for
   them. Its end is guarded where a sanitizer runs; elsewhere the gradients would not survive. */
TEST(narrow_ffn_has_scratch_for_queries_keys_and_values) {
  int m;
  for (m = LDR_METHOD_FULL; m <= LDR_METHOD_BITFIT; m++) {
    tiny_spec s = tiny_default("gpt2");
    ldr_train_desc td = plain_training();
    fixture x;
    s.width = s.ffn = 96;
    s.heads = s.kv = 6;
    td.batch = 1;
    x = open_fixture(s, method_desc((ldr_method)m), td);
    CHECK_STR(x.err.message, "");
    while (x.t && !ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
    if (x.t) CHECK(x.t->pass.ex.scratch_size >= ldr__gemm_scratch(3 * 96, 3 * 96));
    close_fixture(&x);
  }
}

TEST(saved_and_loaded_it_answers_the_same) {
  int m, i;
  for (m = LDR_METHOD_FULL; m <= LDR_METHOD_IA3; m++) {
    ldr_ladder_desc d = method_desc((ldr_method)m);
    fixture x;
    size_t size = 0;
    unsigned char *file;
    float before[12], after[12];
    ldr_ladder *again, *own;
    if (m == LDR_METHOD_PROMPT) d.prompt_hidden = 6;
    x = open_fixture(tiny_default(m % 2 && m != LDR_METHOD_THESEUS ? "albert" : "gpt2"), d, plain_training());
    while (x.t && !ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
    states(&x, before);
    CHECK_INT(ldr_ladder_save_memory(x.l, NULL, 0, &size, &x.err), LDR_OK);
    file = (unsigned char *)malloc(size);
    CHECK_INT(ldr_ladder_save_memory(x.l, file, size, &size, &x.err), LDR_OK);
    again = ldr_ladder_load_memory(x.m.m, file, size, NULL, &x.err);
    CHECK_STR(x.err.message, "");
    own = x.l;
    x.l = again;
    if (again) {
      CHECK_INT(ldr_ladder_desc_get(again).method, m);
      states(&x, after);
      for (i = 0; i < 12; i++) CHECK(before[i] == after[i]);
    }
    ldr_ladder_free(again);
    x.l = own;
    free(file);
    close_fixture(&x);
  }
}

/* The loss goes down: labels follow the first token. */
TEST(every_method_learns) {
  int m;
  for (m = LDR_METHOD_FULL; m <= LDR_METHOD_IA3; m++) {
    ldr_train_desc td = plain_training();
    fixture x;
    ldr_progress p;
    double first = 0;
    td.epochs = 30;
    td.rate = m == LDR_METHOD_FULL || m == LDR_METHOD_THESEUS ? 1e-3f : 1e-2f;
    x = open_fixture(tiny_default("bert"), method_desc((ldr_method)m), td);
    memset(&p, 0, sizeof p);
    while (x.t && !ldr_trainer_done(x.t)) {
      CHECK_INT(ldr_trainer_step(x.t, &p, &x.err), LDR_OK);
      if (p.step == 1) first = p.step_loss;
    }
    if (!(p.loss < 0.7 * first)) printf("  %s: %g, at first %g\n", ldr_method_name((ldr_method)m), p.loss, first);
    CHECK(p.loss < 0.7 * first);
    close_fixture(&x);
  }
}

/* lst.md 1.12 on a BERT-base: 24 adapters 48 wide and the norms; 100 prompts of 768; every bias; LoRA on q and v. */
TEST(parameter_counts_of_a_bert_base) {
  static const struct { ldr_method method; int32_t rank, bottleneck, virtuals; uint64_t want; int32_t prompt_hidden; } rows[] = {
    { LDR_METHOD_ADAPTER, 0, 48, 0, 24 * (2 * 48 * 768 + 48 + 768) + 25 * 2 * 768, 0 },
    { LDR_METHOD_PROMPT, 0, 0, 100, 76800, 0 },
    { LDR_METHOD_PROMPT, 0, 0, 40, 40 * 768 + 2 * 800 * 768 + 800 + 768, 800 },
    { LDR_METHOD_BITFIT, 0, 0, 0, 12 * (4 * 768 + 3072 + 768 + 2 * 768) + 768, 0 },
    { LDR_METHOD_LORA, 32, 0, 0, 12 * 2 * 32 * (768 + 768), 0 },
    { LDR_METHOD_PREFIX, 0, 0, 20, 12 * 2 * 20 * 768, 0 },
    { LDR_METHOD_IA3, 0, 0, 0, 12 * (2 * 768 + 3072), 0 },
    { LDR_METHOD_FULL, 0, 0, 0, 12 * (UINT64_C(4) * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768) + 768 * (30522 + 512 + 2 + 2), 0 } };
  size_t i;
  tiny_spec s = tiny_default("bert");
  ldr_error err;
  tiny_model m;
  if (sizeof(size_t) < 8) SKIP("a BERT-base does not fit twice into 32 bits");
  memset(&err, 0, sizeof err);
  s.layers = 12;
  s.width = s.embed = 768;
  s.heads = s.kv = 12;
  s.ffn = 3072;
  s.vocab = 30522;
  s.positions = 512;
  s.blank = 1;
  m = tiny_open(s, &err);
  CHECK_STR(err.message, "");
  for (i = 0; m.m && i < sizeof rows / sizeof rows[0]; i++) {
    ldr_ladder_desc d;
    ldr_ladder *l;
    memset(&d, 0, sizeof d);
    d.method = rows[i].method;
    d.rank = rows[i].rank;
    d.bottleneck = rows[i].bottleneck;
    d.virtual_tokens = rows[i].virtuals;
    d.prompt_hidden = rows[i].prompt_hidden;
    d.classes = 2;
    l = ldr_ladder_create(m.m, &d, &err);
    CHECK_STR(err.message, "");
    CHECK_INT(ldr_ladder_trainable(l), rows[i].want + 2 * 768 + 2);
    ldr_ladder_free(l);
  }
  tiny_close(&m);
}

static void refused_by(const char *family, ldr_ladder_desc d, ldr_compute compute, ldr_status status, const char *says) {
  tiny_spec s = tiny_default(family);
  ldr_error err;
  tiny_model m;
  ldr_ladder *l;
  memset(&err, 0, sizeof err);
  s.compute = compute;
  m = tiny_open(s, &err);
  CHECK_STR(err.message, "");
  l = ldr_ladder_create(m.m, &d, &err);
  CHECK(l == NULL);
  CHECK_INT(err.status, status);
  if (!strstr(err.message, says)) printf("  %s\n", err.message);
  CHECK(strstr(err.message, says) != NULL);
  ldr_ladder_free(l);
  tiny_close(&m);
}

static void refused(ldr_ladder_desc d, ldr_compute compute, ldr_status status, const char *says) { refused_by("albert", d, compute, status, says); }

TEST(what_cannot_be_tuned_is_refused) {
  ldr_ladder_desc d = method_desc(LDR_METHOD_LORA);
  refused(d, LDR_COMPUTE_INT8, LDR_UNSUPPORTED, "method lora needs gradients");
  d.rank = -1;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "LoRA of rank -1");
  d = method_desc(LDR_METHOD_LORA);
  d.targets = 128;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "on the matrices 128");
  d = method_desc(LDR_METHOD_FULL);
  d.tune_layers = 1;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "the last 1 of 3 blocks");
  d = method_desc(LDR_METHOD_PROMPT);
  d.virtual_tokens = 40;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "40 virtual tokens: the model has 40 positions");
  d.virtual_tokens = 4;
  d.prompt_hidden = -1;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "ladder.prompt_hidden is -1 and must be 0 to 65536");
  d = method_desc(LDR_METHOD_ADAPTER);
  d.bottleneck = -3;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "ladder.bottleneck is -3 and must be 0 to 65536");
  d.bottleneck = 4;
  d.pool = (ldr_pool)5;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "ladder.pool is 5 and must be one of first|last|mean|pair");
  d.pool = LDR_POOL_PAIR;
  d.final_norm = (ldr_choice)3;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "ladder.final_norm is 3 and must be one of on|off");
  d.final_norm = LDR_OFF;
  d.classes = -1;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "the head needs classes or labels, not -1");
  d = method_desc(LDR_METHOD_THESEUS);
  refused(d, LDR_COMPUTE_F32, LDR_UNSUPPORTED, "those of a model of type albert are one");
  refused(d, LDR_COMPUTE_INT8, LDR_UNSUPPORTED, "method theseus needs gradients");
  d.successors = 4;
  refused_by("bert", d, LDR_COMPUTE_F32, LDR_ARGUMENT, "4 successors: the model has 3 layers");
  d.successors = -1;
  refused_by("gpt2", d, LDR_COMPUTE_F32, LDR_ARGUMENT, "-1 successors");
  d.successors = 2;
  d.tune_layers = 1;
  refused_by("llama", d, LDR_COMPUTE_F32, LDR_ARGUMENT, "prompts and successors need all");
  d = method_desc(LDR_METHOD_LORA);                  /* it would train all matrices */
  d.top = 2;
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "copies are of a ladder, and the method is lora");
  d = method_desc((ldr_method)77);
  refused(d, LDR_COMPUTE_F32, LDR_ARGUMENT, "description");
}

TEST(a_cache_is_refused_where_the_backbone_changes) {
  static const struct { ldr_method method; const char *says; } rows[] = { { LDR_METHOD_BITFIT, "method bitfit changes the backbone" }, { LDR_METHOD_THESEUS, "method theseus changes the backbone" } };
  int i;
  for (i = 0; i < 2; i++) {
    ldr_train_desc td = plain_training();
    fixture x;
    td.cache = 1;
    x = open_fixture(tiny_default("bert"), method_desc(rows[i].method), td);
    CHECK(x.l != NULL && x.t == NULL);
    CHECK_INT(x.err.status, LDR_ARGUMENT);
    CHECK(strstr(x.err.message, rows[i].says) != NULL);
    close_fixture(&x);
  }
}

/* 36 tokens fit 40 positions, with a prompt of 5 they do not. */
TEST(a_prompt_takes_positions) {
  ldr_train_desc td = plain_training();
  ldr_ladder_desc d = method_desc(LDR_METHOD_PROMPT);
  fixture x;
  ldr_predictor *p;
  int32_t ids[36], offsets[2] = { 0, 36 };
  float scores[3];
  ldr_batch b;
  d.virtual_tokens = 5;
  memset(ids, 0, sizeof ids);
  memset(&b, 0, sizeof b);
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = ids;
  x = open_fixture(tiny_default("bert"), d, td);
  CHECK_STR(x.err.message, "");
  p = ldr_predictor_create(x.l, 1, 36, &x.err);
  CHECK_INT(ldr_predict(p, scores, &b, &x.err), LDR_DATA);
  CHECK(strstr(x.err.message, "beside its prompt there are 35 positions") != NULL);
  offsets[1] = 35;
  memset(&x.err, 0, sizeof x.err);
  CHECK_INT(ldr_predict(p, scores, &b, &x.err), LDR_OK);
  ldr_predictor_free(p);
  close_fixture(&x);
}

/* ---- theseus --------------------------------------------------------------------------- */

/* Five layers and three successors: groups of layer 0, of 1 and 2, of 3 and 4. Which of them are replaced: a bit each. */
static fixture open_theseus(const char *family, ldr_train_desc td, float dropout) {
  tiny_spec s = tiny_default(family);
  ldr_ladder_desc d = method_desc(LDR_METHOD_THESEUS);
  fixture x;
  s.layers = 5;
  d.successors = 3;
  d.dropout = dropout;
  td.replace_schedule = LDR_REPLACE_CONSTANT;
  x = open_fixture(s, d, td);
  CHECK_STR(x.err.message, "");
  return x;
}

static int replaced_groups(const ldr__pass *s) {
  int32_t i, bits = 0;
  for (i = 0; i < s->places; i++)
    if (s->route[i] >= s->l->m->layers) bits |= 1 << (s->route[i] - s->l->m->layers);
  return bits;
}

static void replace_groups(fixture *x, int bits) {
  for (x->t->d.seed = 0; x->t->d.seed < 1000; x->t->d.seed++) {
    ldr__trainer_route(x->t);
    if (replaced_groups(&x->t->pass) == bits) return;
  }
  CHECK(!"no seed draws this pattern");
}

TEST(theseus_gradients_of_every_pattern) {
  int f, bits;
  for (f = 0; f < FAMILIES; f++)
    for (bits = 0; bits < 8; bits++) {
      static const int32_t batch[] = { 0, 1, 2, 3, 4 };
      ldr_train_desc td = plain_training();
      const char *worst = "";
      fixture x;
      double e, loss;
      int32_t p, i;
      if (strcmp(families[f], "albert") == 0 || (f % 3 && bits != 3 && bits != 4)) continue;
      td.recompute = (f + bits) % 2;
      x = open_theseus(families[f], td, 0.1f);
      if (!x.t) continue;
      shake(x.l, 0.1);
      replace_groups(&x, bits);
      e = gradient_error(x.t, x.l, -1, &worst);
      if (e > 1e-2) printf("  %s, pattern %d: %s is off by %g\n", families[f], bits, worst, e);
      CHECK(e <= 1e-2);
      CHECK_INT(ldr_trainer_gradients(x.t, &loss, batch, 5, &x.err), LDR_OK);
      for (p = 0; p < ldr_ladder_params(x.l); p++) {
        ldr_param q = ldr_ladder_param(x.l, p);
        int used = strncmp(q.name, "head.", 5) == 0 || (strncmp(q.name, "successor.", 10) == 0 && (bits >> (q.name[10] - '0') & 1));
        for (i = 0; i < q.rows * q.columns && q.grad[i] == 0; i++) {}
        CHECK((i < q.rows * q.columns) == used || strstr(q.name, "key.bias") != NULL);      /* which softmax cancels */
      }
      close_fixture(&x);
    }
}

/* tune_norms adds the norm behind the last block; the layers and the embeddings stay as they are. */
TEST(theseus_tunes_the_final_norm_if_asked) {
  ldr_ladder_desc d = method_desc(LDR_METHOD_THESEUS);
  fixture x;
  d.tune_norms = LDR_ON;
  check_method_gradients("gpt2", d, 0, 0);
  x = open_fixture(tiny_default("gpt2"), d, plain_training());
  CHECK(ldr_ladder_find(x.l, "backbone.final_norm.weight") >= 0 && ldr_ladder_find(x.l, "embeddings.norm.weight") < 0 && ldr_ladder_find(x.l, "layer.0.norm1.weight") < 0);
  close_fixture(&x);
}

/* Draws: as often as asked for, independent between groups; the parts of a step agree; scoring runs successors alone. */
TEST(theseus_draws) {
  ldr_train_desc td = plain_training();
  fixture x;
  int counts[8], bits, i;
  double one[3] = { 0, 0, 0 }, both = 0, loss;
  int32_t batch[5] = { 0, 1, 2, 3, 4 };
  ldr_score score;
  enum { N = 20000 };
  memset(counts, 0, sizeof counts);
  td.epochs = 100000;
  td.replace_rate = 0.3f;
  td.replace_until = 1;
  td.accumulate = 5;
  x = open_theseus("bert", td, 0);
  for (x.t->step = 0; x.t->step < N; x.t->step++) {
    ldr__trainer_route(x.t);
    counts[replaced_groups(&x.t->pass)]++;
  }
  for (bits = 0; bits < 8; bits++) {
    for (i = 0; i < 3; i++) one[i] += bits >> i & 1 ? counts[bits] : 0;
    if (bits & 1 && bits & 4) both += counts[bits];
  }
  for (i = 0; i < 3; i++) CHECK_NEAR(one[i] / N, 0.3, 0.015);        /* over four deviations */
  CHECK_NEAR(both / N, 0.09, 0.01);
  x.t->step = 7;
  ldr__trainer_route(x.t);
  bits = replaced_groups(&x.t->pass);
  for (i = 1; i <= 5; i++) {
    CHECK_INT(ldr_trainer_gradients(x.t, &loss, batch, i, &x.err), LDR_OK);
    CHECK_INT(replaced_groups(&x.t->pass), bits);
  }
  CHECK_INT(ldr_trainer_evaluate(x.t, x.set, &score, &x.err), LDR_OK);
  CHECK_INT(replaced_groups(&x.t->pass), 7);
  CHECK_INT(x.t->pass.places, 3);
  close_fixture(&x);
}

TEST(theseus_schedules) {
  static const struct { ldr_replacement schedule; float rate, until; int64_t step; double want; } rows[] = {
    { LDR_REPLACE_LINEAR, 0.25f, 0.5f, 0, 0.25 }, { LDR_REPLACE_LINEAR, 0.25f, 0.5f, 25, 0.625 }, { LDR_REPLACE_LINEAR, 0.25f, 0.5f, 49, 0.985 }, { LDR_REPLACE_LINEAR, 0.25f, 0.5f, 50, 1 },
    { LDR_REPLACE_LINEAR, 0.25f, 0.5f, 99, 1 }, { LDR_REPLACE_LINEAR, 0.5f, 1, 99, 0.995 }, { LDR_REPLACE_CONSTANT, 0.25f, 0.5f, 0, 0.25 }, { LDR_REPLACE_CONSTANT, 0.25f, 0.5f, 49, 0.25 },
    { LDR_REPLACE_CONSTANT, 0.25f, 0.5f, 50, 1 }, { LDR_REPLACE_CONSTANT, 0.25f, 1, 99, 0.25 } };
  size_t i;
  ldr_train_desc d;
  fixture x;
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    memset(&d, 0, sizeof d);
    d.replace_schedule = rows[i].schedule;
    d.replace_rate = rows[i].rate;
    d.replace_until = rows[i].until;
    CHECK_NEAR(ldr__replace_rate(&d, rows[i].step, 100), rows[i].want, 1e-9);
  }
  memset(&d, 0, sizeof d);
  d = ldr_train_desc_defaults(NULL, &d);
  CHECK(d.replace_rate == 0.5f && d.replace_until == 0.5f);
  for (i = 0; i < 4; i++) {
    d = plain_training();
    d.replace_rate = i == 0 ? 1.5f : i == 1 ? -0.1f : 0;
    d.replace_until = i == 2 ? 1.1f : 0;
    d.replace_schedule = i == 3 ? (ldr_replacement)2 : LDR_REPLACE_LINEAR;
    x = open_fixture(tiny_default("bert"), method_desc(LDR_METHOD_THESEUS), d);
    CHECK(x.l && !x.t);
    CHECK_INT(x.err.status, LDR_ARGUMENT);
    close_fixture(&x);
  }
}

/* As many successors as layers are the backbone, whichever of them run: scores and, on the way to training, the loss. */
TEST(theseus_with_a_successor_a_layer_is_the_backbone) {
  int f, i, seed;
  static const int32_t batch[] = { 0, 1, 2, 3, 4 };
  for (f = 0; f < FAMILIES; f++) {
    float base[12], other[12];
    double loss[6];
    int same = 1;
    if (strcmp(families[f], "albert") == 0) continue;
    for (i = 0; i < 2; i++) {
      ldr_ladder_desc d = method_desc(i ? LDR_METHOD_THESEUS : LDR_METHOD_FULL);
      fixture x;
      d.successors = 3;
      x = open_fixture(tiny_default(families[f]), d, plain_training());
      CHECK_STR(x.err.message, "");
      ldr__fill_normal(x.l->values + x.l->params[x.l->head_out.weight].offset, 72, 4, 1);
      states(&x, i ? other : base);
      for (seed = 0; i && seed < 6; seed++) {
        x.t->d.seed = (uint64_t)seed;
        CHECK_INT(ldr_trainer_gradients(x.t, &loss[seed], batch, 5, &x.err), LDR_OK);
        same = same && loss[seed] == loss[0];
      }
      close_fixture(&x);
    }
    for (i = 0; i < 12; i++) CHECK(base[i] == other[i]);
    CHECK(same);
  }
}

/* Stopped and resumed at every step of a run with all kinds of routes: the same bits. Another rate is another run. */
TEST(theseus_resumes_with_the_same_bits) {
  ldr_train_desc td = plain_training();
  uint64_t want;
  fixture x;
  int32_t stop, steps;
  td.epochs = 3;
  td.accumulate = 2;
  x = open_theseus("bert", td, 0.1f);
  while (!ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
  want = ldr__digest(0, x.l->values, x.l->size * sizeof(float));
  steps = ldr_trainer_progress(x.t).steps;
  close_fixture(&x);
  for (stop = 1; stop < steps; stop++) {
    x = open_theseus("bert", td, 0.1f);
    while (ldr_trainer_progress(x.t).step < stop) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
    CHECK_INT(ldr_trainer_save(x.t, "methods.tmp", &x.err), LDR_OK);
    close_fixture(&x);
    x = open_theseus("bert", td, 0.1f);
    CHECK_INT(ldr_trainer_resume(x.t, "methods.tmp", &x.err), LDR_OK);
    while (!ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
    CHECK(ldr__digest(0, x.l->values, x.l->size * sizeof(float)) == want);
    close_fixture(&x);
  }
  td.replace_rate = 0.4f;
  x = open_theseus("bert", td, 0.1f);
  CHECK_INT(ldr_trainer_resume(x.t, "methods.tmp", &x.err), LDR_MISMATCH);
  close_fixture(&x);
  remove("methods.tmp");
}

/* The plan is what is taken, and the layers before the first group's end are not kept. */
TEST(theseus_is_planned_exactly) {
  ldr_train_desc td = plain_training();
  ldr_memory plan;
  uint64_t total = 0;
  int32_t i;
  fixture x = open_theseus("llama", td, 0);
  plan = ldr_trainer_plan(x.l, x.set, NULL, &td);
  for (i = 0; i < plan.count; i++) total += plan.items[i].bytes;
  CHECK(total == plan.total && plan.total <= x.t->plan.size + sizeof *x.t + 64 && x.t->plan.size <= plan.total + 64 * 200);
  CHECK_INT(ldr__deep_blocks(x.l), 5);
  close_fixture(&x);
}

/* ---- export ---------------------------------------------------------------------------- */

/* The exported bytes as a model of the same configuration; its scores with x's head. */
static void exported_scores(fixture *x, ldr_dtype type, float *scores) {
  ldr_ladder_desc d = method_desc(LDR_METHOD_HEAD);
  fixture y = *x;
  ldr_model_desc md;
  size_t size = 0;
  char *file;
  static const char *const head[] = { "head.out.weight", "head.out.bias" };
  char *config;
  size_t config_size = 0;
  int i;
  CHECK_INT(ldr_ladder_export_config(x->l, x->m.config, strlen(x->m.config), "methods.tmp", &x->err), LDR_OK);
  config = ldr_test_read("methods.tmp", &config_size);
  CHECK_INT(ldr_ladder_export(x->l, "methods.tmp", type, &x->err), LDR_OK);
  CHECK_STR(x->err.message, "");
  file = ldr_test_read("methods.tmp", &size);
  remove("methods.tmp");
  memset(&md, 0, sizeof md);
  md.threads = 1;
  y.m.m = ldr_model_load_memory(config, config_size, file, size, NULL, 0, &md, &y.err);
  y.l = y.m.m ? ldr_ladder_create(y.m.m, &d, &y.err) : NULL;
  CHECK_STR(y.err.message, "");
  for (i = 0; y.l && i < 2; i++) {
    ldr_param to = ldr_ladder_param(y.l, ldr_ladder_find(y.l, head[i])), from = ldr_ladder_param(x->l, ldr_ladder_find(x->l, head[i]));
    memcpy(to.value, from.value, sizeof(float) * (size_t)(to.rows * to.columns));
  }
  if (y.l) states(&y, scores);
  CHECK_INT(ldr_model_info_get(y.m.m).layers, x->l->successors ? x->l->successors : ldr_model_info_get(x->m.m).layers);
  ldr_ladder_free(y.l);
  ldr_model_free(y.m.m);
  free(config);
  free(file);
}

/* Full and bias tuning bit for bit; a low-rank update merged into its matrix to rounding. */
TEST(an_exported_model_answers_like_the_tuned_one) {
  static const ldr_method methods[] = { LDR_METHOD_HEAD, LDR_METHOD_FULL, LDR_METHOD_BITFIT, LDR_METHOD_LORA, LDR_METHOD_IA3, LDR_METHOD_THESEUS, LDR_METHOD_LADDER };
  int f, m, i;
  for (f = 0; f < FAMILIES; f++)
    for (m = 0; m < 7; m++) {
      ldr_ladder_desc d = method_desc(methods[m]);
      ldr_train_desc td = plain_training();
      fixture x;
      float tuned[12], exported[12];
      if (!tiny_published(families[f]) || (methods[m] == LDR_METHOD_BITFIT && tiny_gated(families[f]))) continue;
      if ((methods[m] == LDR_METHOD_THESEUS || methods[m] == LDR_METHOD_LADDER) && strcmp(families[f], "albert") == 0) continue;
      if (methods[m] == LDR_METHOD_THESEUS) d.successors = 1 + f % 2;
      if (methods[m] == LDR_METHOD_LORA) d.targets = 127 - (tiny_gated(families[f]) ? 0 : LDR_TARGET_GATE);
      td.rate = 1e-2f;
      x = open_fixture(tiny_default(families[f]), d, td);
      CHECK_STR(x.err.message, "");
      while (x.t && !ldr_trainer_done(x.t)) CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
      states(&x, tuned);
      exported_scores(&x, LDR_F32, exported);
      for (i = 0; i < 12; i++) CHECK_NEAR(exported[i], tuned[i], methods[m] == LDR_METHOD_LORA || methods[m] == LDR_METHOD_IA3 || methods[m] == LDR_METHOD_LADDER ? 1e-5 : 0);
      exported_scores(&x, LDR_BF16, exported);
      for (i = 0; i < 12; i++) CHECK_NEAR(exported[i], tuned[i], 0.05);
      close_fixture(&x);
    }
}

/* A ladder beside a backbone that is being tuned sees what one on the exported model would see, at every moment. */
TEST(a_ladder_beside_a_tuned_backbone) {
  static const ldr_method methods[] = { LDR_METHOD_FULL, LDR_METHOD_LORA, LDR_METHOD_ADAPTER, LDR_METHOD_BITFIT };
  int f, m, i;
  for (f = 0; f < FAMILIES; f++)
    for (m = 0; m < 4; m++) {
      fixture x = open_fixture(tiny_default(families[f]), method_desc(methods[m]), plain_training()), y = x, z = x;
      ldr_ladder_desc d = method_desc(LDR_METHOD_LADDER);
      ldr_train_desc td = plain_training();
      const char *worst = "";
      float beside[12], alone[12], before[12];
      double e;
      d.preset = LDR_PRESET_SLICED;          /* the default has copies where it stands alone */
      d.reduction = 2;
      d.init = LDR_INIT_RANDOM;
      d.beside = x.l;
      y.l = ldr_ladder_create(x.m.m, &d, &y.err);
      CHECK_STR(y.err.message, "");
      d.beside = NULL;
      z.l = ldr_ladder_create(x.m.m, &d, &z.err);
      y.t = y.l ? ldr_trainer_create(y.l, x.set, NULL, &td, &y.err) : NULL;
      CHECK_STR(y.err.message, "");
      if (!y.t || !z.l) continue;
      states(&y, before);
      states(&z, alone);
      for (i = 0; i < 12; i++) CHECK_NEAR(before[i], alone[i], methods[m] == LDR_METHOD_FULL ? 0 : 1e-5);
      shake(x.l, 0.1);
      states(&y, beside);
      CHECK(memcmp(before, beside, sizeof before) != 0);
      if (tiny_published(families[f]) && (methods[m] == LDR_METHOD_FULL || (methods[m] == LDR_METHOD_LORA && f == 0))) {
        fixture w = z;
        size_t size = 0;
        ldr_model_desc md;
        char *file;
        memset(&md, 0, sizeof md);
        md.threads = 1;
        CHECK_INT(ldr_ladder_export(x.l, "methods.tmp", LDR_F32, &x.err), LDR_OK);
        file = ldr_test_read("methods.tmp", &size);
        remove("methods.tmp");
        w.m.m = ldr_model_load_memory(x.m.config, strlen(x.m.config), file, size, NULL, 0, &md, &w.err);
        w.l = w.m.m ? ldr_ladder_create(w.m.m, &d, &w.err) : NULL;
        CHECK_STR(w.err.message, "");
        if (w.l) states(&w, alone);
        for (i = 0; i < 12; i++) CHECK_NEAR(beside[i], alone[i], methods[m] == LDR_METHOD_FULL ? 0 : 1e-5);
        ldr_ladder_free(w.l);
        ldr_model_free(w.m.m);
        free(file);
      }
      e = gradient_error(y.t, y.l, -1, &worst);
      if (e > 1.5e-2) printf("  beside %s %s: %s is off by %g\n", families[f], ldr_method_name(methods[m]), worst, e);
      CHECK(e <= 1.5e-2);
      ldr_trainer_free(y.t);
      ldr_ladder_free(y.l);
      ldr_ladder_free(z.l);
      close_fixture(&x);
    }
}

TEST(what_cannot_stand_beside_each_other) {
  static const ldr_method hosts[] = { LDR_METHOD_LADDER, LDR_METHOD_HEAD, LDR_METHOD_PROMPT, LDR_METHOD_PREFIX, LDR_METHOD_THESEUS };
  int i;
  for (i = 0; i < 7; i++) {
    fixture x = open_fixture(tiny_default("bert"), method_desc(i < 5 ? hosts[i] : LDR_METHOD_FULL), plain_training()), other = open_fixture(tiny_default("bert"), method_desc(LDR_METHOD_FULL), plain_training());
    ldr_ladder_desc d = method_desc(i == 5 ? LDR_METHOD_LORA : LDR_METHOD_LADDER);
    d.beside = i == 6 ? other.l : x.l;
    CHECK(!ldr_ladder_create(x.m.m, &d, &x.err) && x.err.status == LDR_ARGUMENT);
    memset(&x.err, 0, sizeof x.err);
    if (i == 6) {                                      /* nor a tuned backbone behind a cache */
      ldr_train_desc td = plain_training();
      ldr_ladder *l;
      d.beside = x.l;
      l = ldr_ladder_create(x.m.m, &d, &x.err);
      td.cache = 1;
      CHECK(l && !ldr_trainer_create(l, x.set, NULL, &td, &x.err) && x.err.status == LDR_ARGUMENT);
      ldr_ladder_free(l);
    }
    close_fixture(&x);
    close_fixture(&other);
  }
}

TEST(what_has_no_place_in_a_model_is_not_exported) {
  static const struct { ldr_method method; const char *family, *says; } rows[] = {
    { LDR_METHOD_ADAPTER, "bert", "what method adapter adds" }, { LDR_METHOD_PROMPT, "bert", "what method prompt adds" }, { LDR_METHOD_PREFIX, "gpt2", "what method prefix adds" },
    { LDR_METHOD_BITFIT, "llama", "no name for the trained \"attention.query.bias\"" } };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    fixture x = open_fixture(tiny_default(rows[i].family), method_desc(rows[i].method), plain_training());
    CHECK_INT(ldr_ladder_export(x.l, "methods.tmp", LDR_F32, &x.err), LDR_UNSUPPORTED);
    CHECK(strstr(x.err.message, rows[i].says) != NULL);
    memset(&x.err, 0, sizeof x.err);
    CHECK_INT(ldr_ladder_export(x.l, "methods.tmp", LDR_Q8_0, &x.err), LDR_ARGUMENT);
    CHECK(!ldr_test_exists("methods.tmp"));
    close_fixture(&x);
  }
  CHECK_INT(ldr_ladder_export(NULL, "methods.tmp", LDR_F32, NULL), LDR_ARGUMENT);
}

/* Nothing of the configuration changes but the number of blocks; one that is of another model is refused. */
TEST(the_exported_configuration) {
  static const char before[] = "{ \"a\": \"num_hidden_layers\",\n \"num_hidden_layers\" : 3 , \"b\":[3, {\"num_hidden_layers\":3}] }\n", after[] = "{ \"a\": \"num_hidden_layers\",\n \"num_hidden_layers\" : 2 , \"b\":[3, {\"num_hidden_layers\":3}] }\n";
  static const char *const wrong[] = { "{\"num_hidden_layers\":4}", "{}", "{\"num_hidden_layers\":\"3\"}", "{" };
  static const ldr_status status[] = { LDR_MISMATCH, LDR_MISSING, LDR_FORMAT, LDR_JSON };
  ldr_ladder_desc d = method_desc(LDR_METHOD_THESEUS);
  size_t size = 0, i;
  char *file;
  fixture x;
  d.successors = 2;
  x = open_fixture(tiny_default("bert"), d, plain_training());
  CHECK_INT(ldr_ladder_export_config(x.l, before, sizeof before - 1, "methods.tmp", &x.err), LDR_OK);
  CHECK_STR(x.err.message, "");
  file = ldr_test_read("methods.tmp", &size);
  CHECK(file && size == sizeof after - 1 && memcmp(file, after, size) == 0);
  free(file);
  remove("methods.tmp");
  for (i = 0; i < 4; i++) {
    memset(&x.err, 0, sizeof x.err);
    CHECK_INT(ldr_ladder_export_config(x.l, wrong[i], strlen(wrong[i]), "methods.tmp", &x.err), status[i]);
  }
  CHECK(!ldr_test_exists("methods.tmp"));
  CHECK_INT(ldr_ladder_export_config(x.l, NULL, 0, "methods.tmp", NULL), LDR_ARGUMENT);
  close_fixture(&x);
}

/* A model made of its configuration alone loads, has a language-model head and knows nothing yet: every word is as likely. */
TEST(a_model_starts_from_its_configuration) {
  int f;
  for (f = 0; f < FAMILIES; f++) {
    tiny_spec s = tiny_default(families[f]);
    char config[1024], *file;
    int32_t ids[5] = { 1, 2, 3, 4, 5 }, offsets[2] = { 0, 5 }, i;
    float hidden[5 * 24], logits[5 * 31];
    size_t size = 0;
    double sum = 0;
    ldr_error err;
    ldr_model *m;
    ldr_model_desc md;
    ldr_batch b;
    memset(&err, 0, sizeof err);
    memset(&b, 0, sizeof b);
    memset(&md, 0, sizeof md);
    md.threads = 1;
    tiny_config(config, &s);
    CHECK_INT(ldr_model_init(config, strlen(config), "methods.tmp", 3, &err), tiny_published(families[f]) ? LDR_OK : LDR_UNSUPPORTED);
    if (!tiny_published(families[f])) continue;
    CHECK_STR(err.message, "");
    file = ldr_test_read("methods.tmp", &size);
    remove("methods.tmp");
    m = ldr_model_load_memory(config, strlen(config), file, size, NULL, 0, &md, &err);
    CHECK_STR(err.message, "");
    b.sequences = 1;
    b.offsets = offsets;
    b.ids = ids;
    if (m) {
      CHECK_INT(ldr_model_hidden(m, hidden, &b, -1, &err), LDR_OK);
      CHECK_INT(ldr_model_logits(m, logits, hidden, 5, &err), LDR_OK);
      for (i = 0; i < 31; i++) sum += exp((double)logits[i]);
      CHECK_NEAR(log(sum) / log(31.0), 1, 0.05);
    }
    ldr_model_free(m);
    free(file);
  }
  CHECK_INT(ldr_model_init("{}", 2, "methods.tmp", 0, NULL), LDR_MISSING);
  CHECK(!ldr_test_exists("methods.tmp"));
}

/* ---- models that others wrote --------------------------------------------------------------- */

enum { OUTSIDE_NAMES = 512 };
typedef struct outside_norm { char name[256]; double squares; } outside_norm;

/* Adds the gradient of one parameter to that of the file's tensor of that name: a fused one has several. */
static void outside_add(outside_norm *sums, int *count, const char *name, ldr_param q) {
  int32_t i;
  int k = 0;
  while (k < *count && strcmp(sums[k].name, name) != 0) k++;
  if (k == *count) {
    CHECK(k < OUTSIDE_NAMES);
    sprintf(sums[k].name, "%.250s", name);
    sums[(*count)++].squares = 0;
  }
  for (i = 0; i < q.rows * q.columns; i++) sums[k].squares += (double)q.grad[i] * (double)q.grad[i];
}

/* Case 0 of the golden file as a set of sentences whose next words are asked for. */
static ldr_dataset *outside_sentences(const ldr_weights *g) {
  const ldr_tensor *ids = ldr_weights_find(g, "case0.input_ids"), *mask = ldr_weights_find(g, "case0.attention_mask"),
    *labels = ldr_weights_find(g, "case0.labels");
  ldr_dataset_desc sd;
  ldr_dataset *set;
  int32_t r, i, length;
  memset(&sd, 0, sizeof sd);
  sd.head = LDR_HEAD_WORDS;
  set = ldr_dataset_create(&sd, NULL);
  length = ids && labels ? (int32_t)ids->shape[1] : 0;
  for (r = 0; length && r < (int32_t)ids->shape[0]; r++) {
    int32_t in[64], out[64];
    ldr_example e;
    memset(&e, 0, sizeof e);
    for (i = 0; i < length && i < 64; i++) {
      size_t at = (size_t)(r * length + i) * 8;
      if (mask && !ldr__load_u64((const unsigned char *)mask->data + at)) break;
      in[i] = (int32_t)ldr__load_u64((const unsigned char *)ids->data + at);
      if (i) out[i - 1] = (int32_t)(int64_t)ldr__load_u64((const unsigned char *)labels->data + at);
    }
    out[i - 1] = LDR_IGNORE;
    e.count = i;
    e.ids = in;
    e.labels = out;
    CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  }
  return set;
}

/* Largest difference of a tensor's gradient norm, relative to the largest norm of all; the loss's is checked as well. */
static double outside_gradients(const ldr_model *m, const ldr_weights *g, int *tensors) {
  static outside_norm sums[OUTSIDE_NAMES];
  static const int32_t batch[] = { 0, 1 };
  ldr_dataset *set = outside_sentences(g);
  double loss = 0, worst = 0, largest = 0;
  ldr_ladder_desc d;
  ldr_train_desc td;
  ldr_trainer *t;
  ldr_ladder *l;
  ldr_error err;
  char name[256];
  int32_t layer, slot;
  int count = 0, k;
  float want;
  memset(&d, 0, sizeof d);
  memset(&td, 0, sizeof td);
  memset(&err, 0, sizeof err);
  d.method = LDR_METHOD_FULL;
  d.head = LDR_HEAD_WORDS;
  td.batch = 2;
  l = ldr_ladder_create(m, &d, &err);
  t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
  CHECK_STR(err.message, "");
  if (!t || ldr_trainer_gradients(t, &loss, batch, 2, &err)) return 1;
  ldr_tensor_read(&want, ldr_weights_find(g, "case0.loss"), 0, 1);
  CHECK_NEAR(loss, (double)want, 2e-5);
  for (slot = 0; slot < LDR__ENDS; slot++)
    if (l->end[slot] >= 0 && ldr__end_published(name, sizeof name, m, slot)) outside_add(sums, &count, name, ldr_ladder_param(l, l->end[slot]));
  for (layer = 0; layer < m->layers; layer++)
    for (slot = 0; slot < LDR__SLOTS; slot++) {
      sprintf(name, "%s", m->family->prefix);
      if (l->tuned[layer].slot[slot] < 0 || ldr__norm_unnamed(m, slot) ||
          !ldr__part_name(name + strlen(name), 200, m->family, slot, layer, 1)) continue;
      if (slot >= LDR__QNORM && m->shape.head_norms == LDR__NORM_EACH && (m->keys & LDR__KEYS_STABLE)) continue;
      outside_add(sums, &count, name, ldr_ladder_param(l, l->tuned[layer].slot[slot]));
    }
  for (k = 0; k < count; k++) {
    char full[300];
    const ldr_tensor *n;
    sprintf(full, "case0.gradnorm.%.250s", sums[k].name);
    n = ldr_weights_find(g, full);
    if (!n) {
      printf("  no gradient of %s\n", sums[k].name);
      worst = 1e30;
      continue;
    }
    ldr_tensor_read(&want, n, 0, 1);
    largest = fmax(largest, (double)want);
    worst = fmax(worst, fabs(sqrt(sums[k].squares) - (double)want));
  }
  *tensors += count;
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  return worst / largest;
}

TEST(outside_gradients_equal_transformers) {
  static const char *const dirs[] = { "gpt2", "gpt2-scaled", "gpt_neo", "gpt_neox", "gpt_neox-seq", "gptj", "opt", "opt-post", "phi", "phi-qkln", "phi3", "phi3-longrope", "llama", "llama-llama3rope",
    "llama-yarn", "mistral", "qwen2", "qwen2-window", "qwen3", "smollm3", "starcoder2", "stablelm", "stablelm-12b", "cohere", "cohere-qknorm", "olmo", "olmo2",
    "gemma", "gemma2", "gemma3", "granite", "bloom", "falcon-7b", "falcon-40b", "falcon-rw" };
  char path[1024], golden[1100], name[64];
  double worst = 0;
  int tensors = 0;
  size_t i;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/gpt2/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    ldr_error err;
    ldr_weights *g;
    ldr_model *m;
    double e;
    memset(&err, 0, sizeof err);
    sprintf(name, "models/hf/%s", dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, NULL, &err);
    sprintf(golden, "%s/golden.safetensors", path);
    g = ldr_weights_open(golden, NULL, &err);
    CHECK_STR(err.message, "");
    e = m && g ? outside_gradients(m, g, &tensors) : 1;
    if (e > 1e-4) printf("  %s: %g\n", dirs[i], e);
    CHECK(e <= 1e-4);
    worst = fmax(worst, e);
    ldr_weights_close(g);
    ldr_model_free(m);
  }
  printf("  %d models, %d tensors: norms of gradients within %.1e of the largest\n", (int)(sizeof dirs / sizeof *dirs), tensors, worst);
}

#define TESTS(X) \
  X(gradients_of_every_family_and_method) X(gradients_of_every_head_with_virtual_tokens) X(gradients_of_a_prompt_with_a_network) X(gradients_of_pooled_heads) X(gradients_where_only_the_last_blocks_are_tuned) X(a_wrong_sign_in_a_method_is_caught) \
  X(gradients_of_the_words_head) X(a_ladder_may_learn_from_the_backbone) X(a_ladder_learns_which_answer_is_preferred) X(preferences_that_cannot_be_learned) X(only_ladders_with_a_mixed_output_learn_from_the_backbone) X(words_are_scored_in_chunks) X(a_training_set_may_be_filled_again) X(a_words_head_needs_one_in_the_model) \
  X(every_method_starts_at_the_backbone) X(the_loaded_weights_are_never_written) X(recomputing_and_threads_change_no_bit) X(recomputing_saves_memory) X(narrow_ffn_has_scratch_for_queries_keys_and_values) \
  X(saved_and_loaded_it_answers_the_same) X(every_method_learns) X(parameter_counts_of_a_bert_base) X(what_cannot_be_tuned_is_refused) \
  X(an_exported_model_answers_like_the_tuned_one) X(a_ladder_beside_a_tuned_backbone) X(what_cannot_stand_beside_each_other) X(what_has_no_place_in_a_model_is_not_exported) X(a_model_starts_from_its_configuration) \
  X(a_cache_is_refused_where_the_backbone_changes) X(a_prompt_takes_positions) \
  X(theseus_gradients_of_every_pattern) X(theseus_tunes_the_final_norm_if_asked) X(theseus_draws) X(theseus_schedules) X(theseus_with_a_successor_a_layer_is_the_backbone) \
  X(theseus_resumes_with_the_same_bits) X(theseus_is_planned_exactly) X(the_exported_configuration) \
  X(outside_gradients_equal_transformers)
LDR_TEST_MAIN("methods", TESTS)
