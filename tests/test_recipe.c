/* The default recipe: a ladder starts where a fitted head ends, standardised channels change no score, a slice that tells no texts
   apart is noticed, and choices follow data and budget. */

#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/recipe.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

typedef struct bed { tiny_spec s; tiny_model m; ldr_dataset *train, *dev; ldr_ladder *l; ldr_trainer *t; ldr_error err; } bed;

static ldr_ladder_desc learns(ldr_preset preset, ldr_head head) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.preset = preset;
  if (preset == LDR_PRESET_HEAD) d.method = LDR_METHOD_HEAD;
  d.head = head;
  d.classes = head == LDR_HEAD_REGRESS || head == LDR_HEAD_CHOICE ? 1 : 3;
  d.reduction = preset == LDR_PRESET_HEAD ? 0 : 2;
  d.seed = 5;
  return d;
}

static bed open_bed(const char *family, ldr_ladder_desc d, int32_t head_epochs) {
  bed b;
  ldr_train_desc td;
  memset(&b, 0, sizeof b);
  memset(&td, 0, sizeof td);
  b.s = tiny_default(family);
  b.m = tiny_open(b.s, &b.err);
  b.train = tiny_dataset(&b.s, d.head, 3, 24, 3);
  b.dev = tiny_dataset(&b.s, d.head, 3, 9, 4);
  td.batch = 8;
  td.epochs = 3;
  td.head_epochs = head_epochs;
  b.l = b.m.m ? ldr_ladder_create(b.m.m, &d, &b.err) : NULL;
  if (b.l) b.t = ldr_trainer_create(b.l, b.train, b.dev, &td, &b.err);
  CHECK_STR(b.err.message, "");
  return b;
}

static void close_bed(bed *b) {
  ldr_trainer_free(b->t);
  ldr_ladder_free(b->l);
  ldr_dataset_free(b->train);
  ldr_dataset_free(b->dev);
  tiny_close(&b->m);
}

/* Scores of the first sequences of a set, by a predictor of its own. */
static void scores_of(float *scores, ldr_ladder *l, const ldr_dataset *set, int32_t n, ldr_error *err) {
  int32_t offsets[16], ids[256], segments[256], i;
  ldr_batch batch;
  ldr_predictor *p;
  memset(&batch, 0, sizeof batch);
  offsets[0] = 0;
  for (i = 0; i < n; i++) {
    ldr_example e = ldr_dataset_get(set, i);
    memcpy(ids + offsets[i], e.ids, (size_t)e.count * sizeof *ids);
    memcpy(segments + offsets[i], e.segments, (size_t)e.count * sizeof *ids);
    offsets[i + 1] = offsets[i] + e.count;
  }
  batch.sequences = n;
  batch.offsets = offsets;
  batch.ids = ids;
  batch.segments = segments;
  p = ldr_predictor_create(l, n, offsets[n], err);
  if (p) ldr_predict(p, scores, &batch, err);
  ldr_predictor_free(p);
}

/* ---- the start --------------------------------------------------------------------------- */

TEST(a_ladder_starts_where_the_head_ends) {
  static const ldr_preset presets[] = { LDR_PRESET_HEAD, LDR_PRESET_DEFAULT, LDR_PRESET_TOP };
  int f, h, p, i;
  for (f = 0; f < FAMILIES; f++)
    for (h = 0; h < TINY_HEADS; h++) {
      float want[256] = { 0 }, got[256] = { 0 };
      double loss = 0;
      for (p = 0; p < 3; p++) {
        ldr_ladder_desc d = learns(presets[p], tiny_heads[h]);
        bed b;
        ldr_score score;
        if (p == 2 && strcmp(families[f], "albert") == 0) continue;      /* its layers are one tensor: no copies */
        b = open_bed(families[f], d, 0);
        CHECK(b.t && ldr_trainer_start(b.t).head_fitted && ldr_trainer_start(b.t).texts == 24 * (h == LDR_HEAD_CHOICE ? 3 : 1));
        scores_of(p ? got : want, b.l, b.dev, h == LDR_HEAD_CHOICE ? 6 : 4, &b.err);
        CHECK_INT(ldr_trainer_evaluate(b.t, b.dev, &score, &b.err), LDR_OK);
        if (!p) loss = score.loss;
        CHECK_NEAR(score.loss, loss, 1e-4 * (1 + fabs(loss)));
        for (i = 0; p && i < 12; i++) CHECK_NEAR(got[i], want[i], 2e-4);
        CHECK(ldr_trainer_progress(b.t).best_metric == ldr_trainer_start(b.t).metric && ldr_trainer_progress(b.t).best_epoch == 0);
        close_bed(&b);
      }
    }
}

/* The fit lowers the loss below that of the answer that looks at nothing, and without it nothing moves. */
TEST(the_head_is_fitted_first_or_not_at_all) {
  int fitted, pairs;
  for (pairs = 0; pairs < 2; pairs++) {              /* of two texts it would learn by heart */
    ldr_ladder_desc d = learns(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY);
    bed b;
    if (pairs) d.pool = LDR_POOL_PAIR;
    d.reduction = 0;
    b = open_bed("bert", d, 0);
    CHECK_INT(ldr_ladder_desc_get(b.l).top > 0, 1);
    CHECK_INT(ldr_trainer_start(b.t).head_fitted, !pairs);
    close_bed(&b);
  }
  for (fitted = 0; fitted < 2; fitted++) {
    bed b = open_bed("bert", learns(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY), fitted ? 0 : -1);
    ldr_score score;
    CHECK_INT(ldr_trainer_evaluate(b.t, b.train, &score, &b.err), LDR_OK);
    if (fitted) CHECK(score.loss < log(3.0) - 0.1);
    else CHECK(score.loss > log(3.0) - 0.1 && !ldr_trainer_start(b.t).head_fitted);
    close_bed(&b);
  }
}

/* A run that never beats its start gives the start back. */
TEST(what_is_never_beaten_is_kept) {
  ldr_ladder_desc d = learns(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY);
  bed b = open_bed("bert", d, 0);
  float start[12], end[12];
  ldr_progress p;
  int32_t i;
  scores_of(start, b.l, b.dev, 4, &b.err);
  memset(&p, 0, sizeof p);
  b.t->d.rate = 30;                                  /* destroys whatever it touches            */
  while (!ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, &p, &b.err)) continue;
  if (b.err.status == LDR_OK && p.best_epoch == 0) {
    ldr_trainer_restore_best(b.t);
    scores_of(end, b.l, b.dev, 4, &b.err);
    for (i = 0; i < 12; i++) CHECK_NEAR(end[i], start[i], 0);
  } else CHECK(b.err.status == LDR_NUMERIC || p.best_metric > ldr_trainer_start(b.t).metric);
  close_bed(&b);
}

/* What a ladder from a file has learned stays: its head is not fitted again, and a slice is not replaced. */
TEST(a_ladder_from_a_file_keeps_its_head) {
  static const ldr_preset presets[] = { LDR_PRESET_DEFAULT, LDR_PRESET_HEAD, LDR_PRESET_SLICED };
  int p;
  for (p = 0; p < 3; p++) {
    ldr_ladder_desc d = learns(presets[p], LDR_HEAD_CLASSIFY);
    float want[12], got[12];
    unsigned char *bytes;
    ldr_train_desc td;
    ldr_trainer *t;
    ldr_ladder *again;
    size_t size = 0;
    bed b;
    d.standardise = LDR_ON;
    b = open_bed("bert", d, 0);
    CHECK_INT(ldr_trainer_step(b.t, NULL, &b.err), LDR_OK);
    scores_of(want, b.l, b.dev, 4, &b.err);
    CHECK_INT(ldr_ladder_save_memory(b.l, NULL, 0, &size, &b.err), LDR_OK);
    bytes = (unsigned char *)malloc(size);
    CHECK_INT(ldr_ladder_save_memory(b.l, bytes, size, &size, &b.err), LDR_OK);
    again = ldr_ladder_load_memory(b.m.m, bytes, size, NULL, &b.err);
    CHECK_STR(b.err.message, "");
    memset(&td, 0, sizeof td);
    t = ldr_trainer_create(again, b.train, b.dev, &td, &b.err);
    CHECK(t && !ldr_trainer_start(t).head_fitted && !ldr_trainer_start(t).random_instead && ldr_trainer_start(t).texts > 0);
    scores_of(got, again, b.dev, 4, &b.err);
    CHECK(memcmp(got, want, sizeof got) == 0);
    CHECK_INT(ldr_trainer_step(t, NULL, &b.err), LDR_OK);      /* and it goes on from there */
    ldr_trainer_free(t);
    ldr_ladder_free(again);
    free(bytes);
    close_bed(&b);
  }
}

/* Where blocks share their tensors the default is narrow rungs, and the preset that has copies alone says why it cannot be. */
TEST(a_model_of_one_block_has_no_copies) {
  tiny_spec s = tiny_default("albert");
  ldr_ladder_desc d = learns(LDR_PRESET_TOP, LDR_HEAD_CLASSIFY);
  ldr_error err;
  tiny_model m;
  ldr_ladder *l;
  memset(&err, 0, sizeof err);
  m = tiny_open(s, &err);
  CHECK(!ldr_ladder_create(m.m, &d, &err) && err.status == LDR_ARGUMENT && strstr(err.message, "one tensor"));
  memset(&err, 0, sizeof err);
  d.top = 1;
  CHECK(!ldr_ladder_create(m.m, &d, &err) && err.status == LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  d = learns(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY);
  d.reduction = 0;
  l = ldr_ladder_create(m.m, &d, &err);
  CHECK(l && ldr_ladder_desc_get(l).rung_count == s.layers && ldr_ladder_desc_get(l).top == 0);
  ldr_ladder_free(l);
  tiny_close(&m);
}

/* On a backbone in 8 bits the copies are floats above it: a trainer, an evaluation and a predictor agree to the bit. */
TEST(copies_above_a_rounded_backbone) {
  ldr_ladder_desc d = learns(LDR_PRESET_TOP, LDR_HEAD_CLASSIFY);
  ldr_score in, out;
  ldr_train_desc td;
  bed b;
  memset(&b, 0, sizeof b);
  memset(&td, 0, sizeof td);
  b.s = tiny_default("bert");
  b.s.compute = LDR_COMPUTE_INT8;
  b.m = tiny_open(b.s, &b.err);
  b.train = tiny_dataset(&b.s, LDR_HEAD_CLASSIFY, 3, 24, 3);
  b.dev = tiny_dataset(&b.s, LDR_HEAD_CLASSIFY, 3, 9, 4);
  b.l = ldr_ladder_create(b.m.m, &d, &b.err);
  td.epochs = 2;
  td.batch = 8;
  td.cache = 1;
  b.t = ldr_trainer_create(b.l, b.train, b.dev, &td, &b.err);
  while (b.t && !ldr_trainer_done(b.t)) CHECK_INT(ldr_trainer_step(b.t, NULL, &b.err), LDR_OK);
  CHECK_STR(b.err.message, "");
  CHECK_INT(ldr_trainer_evaluate(b.t, b.dev, &in, &b.err), LDR_OK);
  CHECK_INT(ldr_evaluate(b.l, b.dev, LDR_METRIC_AUTO, &out, &b.err), LDR_OK);
  CHECK(in.loss == out.loss && in.loss > 0);
  close_bed(&b);
}

/* ---- standardised channels --------------------------------------------------------------- */

/* To what is stepped and back: the same function. */
TEST(standardising_changes_no_score) {
  int f, k;
  for (f = 0; f < FAMILIES; f++) {
    bed b = open_bed(families[f], learns(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY), 0), c;
    ldr_ladder_desc d = learns(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
    float want[12], got[12];
    ldr_trainer_free(b.t);
    b.t = NULL;
    ldr_ladder_free(b.l);
    d.standardise = LDR_ON;
    b.l = ldr_ladder_create(b.m.m, &d, &b.err);
    scores_of(want, b.l, b.dev, 4, &b.err);
    memset(&c, 0, sizeof c);
    {
      ldr_train_desc td;
      memset(&td, 0, sizeof td);
      td.head_epochs = -1;
      b.t = ldr_trainer_create(b.l, b.train, NULL, &td, &b.err);
    }
    CHECK(b.t && b.t->scale_count == b.l->d.rung_count + 1);
    if (!b.t) continue;
    for (k = 0; k < b.t->scale_count; k++) CHECK(b.t->scales[k].deviation[0] > 0 && fabs((double)b.t->scales[k].mean[1]) < 1e3);
    for (k = 0; k < 50; k++) ldr__scales_values(b.t, k & 1);
    scores_of(got, b.l, b.dev, 4, &b.err);
    CHECK(relative(got, want, 12, 1e-3) < 1e-4);
    close_bed(&b);
  }
}

/* The gradient in what is stepped is the slope of the loss in it. */
TEST(standardised_gradients_are_slopes) {
  static const int32_t batch[] = { 0, 3, 5, 7, 1 };
  bed b = open_bed("bert", learns(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY), 0);
  double slope = 0, loss[2], size = 0;
  int32_t p, i, side;
  for (p = 0; p < b.l->count; p++)
    for (i = 0; (size_t)i < b.l->params[p].size; i++) b.l->values[b.l->params[p].offset + (size_t)i] += 0.05f * (float)ldr__random_normal(9 + (uint64_t)p, (uint64_t)i);
  CHECK_INT(ldr_trainer_gradients(b.t, NULL, batch, 5, &b.err), LDR_OK);
  ldr__scales_gradients(b.t);
  for (i = 0; i < b.t->scale_count; i++) {
    const ldr__scale *s = &b.t->scales[i];
    const ldr__param *w = &b.l->params[s->weight];
    for (p = 0; (size_t)p < w->size; p++) {
      double dir = ldr__random_normal(70 + (uint64_t)i, (uint64_t)p);
      slope += dir * (double)b.l->grads[w->offset + (size_t)p];
      size += dir * dir;
    }
  }
  for (side = 0; side < 2; side++) {
    ldr__scales_values(b.t, 0);
    for (i = 0; i < b.t->scale_count; i++) {
      const ldr__param *w = &b.l->params[b.t->scales[i].weight];
      for (p = 0; (size_t)p < w->size; p++) b.l->values[w->offset + (size_t)p] += (float)((side ? 2e-3 : -1e-3) * ldr__random_normal(70 + (uint64_t)i, (uint64_t)p));
    }
    ldr__scales_values(b.t, 1);
    CHECK_INT(ldr_trainer_gradients(b.t, &loss[side], batch, 5, &b.err), LDR_OK);
  }
  CHECK(size > 0 && fabs(slope) > 1e-3);
  CHECK_NEAR((loss[1] - loss[0]) / 2e-3, slope, 0.03 * (fabs(slope) + 0.05));
  close_bed(&b);
}

/* What is saved is the plain function: a file read again needs no statistics. */
TEST(standardisation_is_folded_into_the_file) {
  bed b = open_bed("bert", learns(LDR_PRESET_DEFAULT, LDR_HEAD_TOKENS), 0);
  float want[64], got[64];
  unsigned char *bytes;
  size_t size = 0;
  ldr_ladder *again;
  while (b.t && !ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, NULL, &b.err)) continue;
  CHECK_INT(ldr_ladder_save_memory(b.l, NULL, 0, &size, &b.err), LDR_OK);
  bytes = (unsigned char *)malloc(size);
  CHECK_INT(ldr_ladder_save_memory(b.l, bytes, size, &size, &b.err), LDR_OK);
  scores_of(want, b.l, b.dev, 2, &b.err);
  again = ldr_ladder_load_memory(b.m.m, bytes, size, NULL, &b.err);
  CHECK_STR(b.err.message, "");
  if (again) scores_of(got, again, b.dev, 2, &b.err);
  CHECK(again && memcmp(got, want, 9 * sizeof *got) == 0);
  ldr_ladder_free(again);
  free(bytes);
  close_bed(&b);
}

TEST(a_channel_that_never_varies_gets_a_floor) {
  double sums[6] = { 30, 0, 10, 90, 8, 12 };         /* channels 3, 0 +- 1.6, 1 +- 0.4 ... ten rows */
  float mean[3], deviation[3];
  ldr__moments(mean, deviation, sums, 10, 3);
  CHECK_NEAR(mean[0], 3, 1e-6);
  CHECK_NEAR(deviation[1], sqrt(0.8), 1e-5);
  CHECK(deviation[0] > 0 && deviation[0] < 0.02 * deviation[1]);
  memset(sums, 0, sizeof sums);
  ldr__moments(mean, deviation, sums, 10, 3);
  CHECK(deviation[0] == 1 && deviation[2] == 1);
}

/* ---- slices that collapse ---------------------------------------------------------------- */

/* One large direction that every token shares: added to the embeddings' norm, whose bias is a vector of the file. */
static void share_a_direction(tiny_model *m, float much) {
  ldr_error err;
  ldr_weights *w;
  const ldr_tensor *t;
  size_t i;
  memset(&err, 0, sizeof err);
  w = ldr_weights_open_memory(m->weights, m->size, NULL, &err);
  t = ldr_weights_find(w, "bert.embeddings.LayerNorm.bias");
  CHECK(t != NULL);
  for (i = 0; t && i < (size_t)t->shape[0]; i++) {
    float v = (i % 3 == 0 ? 1.0f : -0.4f) * much;
    ldr__store_u32((unsigned char *)(uintptr_t)t->data + 4 * i, ldr__bits_from_float(v));
  }
  ldr_weights_close(w);
}

TEST(a_collapsed_slice_is_noticed) {
  int collapsed;
  for (collapsed = 0; collapsed < 2; collapsed++) {
    ldr_ladder_desc d = learns(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
    static const int32_t rungs[] = { 0 };
    bed b;
    ldr_train_desc td;
    ldr_model_desc md;
    ldr_start start;
    memset(&b, 0, sizeof b);
    memset(&td, 0, sizeof td);
    memset(&md, 0, sizeof md);
    md.threads = 1;
    b.s = tiny_default("bert");
    b.m = tiny_open(b.s, &b.err);
    if (collapsed) {
      ldr_model_free(b.m.m);
      share_a_direction(&b.m, 40);
      b.m.m = ldr_model_load_memory(b.m.config, strlen(b.m.config), b.m.weights, b.m.size, NULL, 0, &md, &b.err);
    }
    b.train = tiny_dataset(&b.s, LDR_HEAD_CLASSIFY, 3, 24, 3);
    d.standardise = LDR_ON;
    d.rungs = rungs;
    d.rung_count = 1;
    d.init = LDR_INIT_SLICE;
    b.l = ldr_ladder_create(b.m.m, &d, &b.err);
    b.t = ldr_trainer_create(b.l, b.train, NULL, &td, &b.err);
    CHECK_STR(b.err.message, "");
    start = ldr_trainer_start(b.t);
    if (start.random_instead != collapsed) printf("  similarity %g\n", (double)start.similarity);
    CHECK_INT(start.random_instead, collapsed);
    CHECK(collapsed ? start.similarity >= 0.95f : start.similarity < 0.95f && start.similarity > 0);
    CHECK_INT(ldr_ladder_desc_get(b.l).init, collapsed ? LDR_INIT_RANDOM : LDR_INIT_SLICE);
    close_bed(&b);
  }
}

/* ---- choices ----------------------------------------------------------------------------- */

TEST(a_recipe_follows_data_and_budget) {
  tiny_spec s = tiny_default("bert");
  ldr_error err;
  tiny_model m;
  ldr_dataset *few, *many;
  ldr_ladder_desc d, e;
  ldr_train_desc t, u;
  ldr_budget b;
  char text[256];
  int32_t last;
  double least;
  memset(&err, 0, sizeof err);
  memset(&b, 0, sizeof b);
  m = tiny_open(s, &err);
  few = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 40, 3);
  many = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 2600, 3);
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  d.classes = 3;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, NULL, &err), LDR_OK);
  CHECK_INT(t.epochs, 12);
  CHECK(d.top == 1 && d.rank == 16 && t.cache && t.cache_type == LDR_BF16 && (d.pool == LDR_POOL_FIRST || d.pool == LDR_POOL_MEAN));
  CHECK(strstr(text, "copies of the last 1 of 3 blocks") && strstr(text, "12 epochs") && strstr(text, "kept as bf16"));
  memset(&e, 0, sizeof e);
  memset(&u, 0, sizeof u);
  e.classes = 3;
  CHECK_INT(ldr_recipe(&e, &u, text, sizeof text, m.m, many, few, NULL, &err), LDR_OK);
  CHECK_INT(u.epochs, 6);
  /* what the caller said stays */
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  d.classes = 3;
  d.top = 2;
  d.rank = -1;
  d.pool = LDR_POOL_FIRST;
  t.epochs = 2;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, NULL, &err), LDR_OK);
  CHECK(d.top == 2 && d.rank == -1 && d.pool == LDR_POOL_FIRST && t.epochs == 2);
  /* a budget too small for anything, and one for seconds without a speed */
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  d.classes = 3;
  d.pool = LDR_POOL_MEAN;
  b.memory = 1000;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, &b, &err), LDR_LIMIT);
  CHECK(strstr(err.message, "no ladder fits") != NULL && strstr(err.message, " MB") && !strstr(err.message, "about"));
  memset(&err, 0, sizeof err);
  b.memory = 0;
  b.seconds = 10;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, &b, &err), LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  b.forward_rate = 1e6;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, &b, &err), LDR_OK);
  CHECK(strstr(text, " s") != NULL);
  /* less time: fewer epochs, unless they are the caller's; at last the least that is possible is named */
  for (b.seconds = 64, last = 13; ; b.seconds /= 2) {
    memset(&d, 0, sizeof d);
    memset(&t, 0, sizeof t);
    memset(&err, 0, sizeof err);
    d.classes = 3;
    b.forward_rate = 400;
    if (ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, &b, &err)) break;
    CHECK(t.epochs <= last);
    last = t.epochs;
  }
  CHECK_INT(last, 1);
  CHECK_INT(err.status, LDR_LIMIT);
  least = atof(strstr(err.message, "about ") + 6);
  CHECK(least > b.seconds && least <= 4 * b.seconds + 1);
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  memset(&err, 0, sizeof err);
  d.classes = 3;
  t.epochs = 12;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, &b, &err), LDR_LIMIT);
  CHECK(strstr(err.message, "fewer epochs"));
  /* what cannot be trained is said, not that there is no budget for it */
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  memset(&err, 0, sizeof err);
  d.classes = 3;
  t.label_smoothing = 2;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, NULL, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "label_smoothing must be from 0 to below 1") != NULL);
  memset(&err, 0, sizeof err);
  /* other methods keep their own defaults */
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  d.method = LDR_METHOD_LORA;
  CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, few, NULL, NULL, &err), LDR_OK);
  CHECK(!t.epochs && !d.pool && !text[0]);
  ldr_dataset_free(few);
  ldr_dataset_free(many);
  tiny_close(&m);
}

/* Of pairs of texts the head reads both means; of one text, or of labels for tokens, as before. */
TEST(a_recipe_knows_pairs) {
  tiny_spec s = tiny_default("bert");
  ldr_error err;
  tiny_model m;
  int way, i;
  memset(&err, 0, sizeof err);
  m = tiny_open(s, &err);
  for (way = 0; way < 2; way++) {
    ldr_dataset *set = ldr_dataset_create(NULL, &err);
    ldr_ladder_desc d;
    ldr_train_desc t;
    char text[256];
    for (i = 0; i < 600; i++) {
      int32_t a = 5 + i * 7 % 24, c = 5 + i * i % 23, label = c < 17, ids[15], k;
      ldr_example e;
      memset(&e, 0, sizeof e);
      for (k = 0; k < 15; k++) ids[k] = k == 0 ? 2 : k == 7 ? 3 : k == 14 ? 4 - way : k < 7 ? a : c;      /* without a second 3 it is one text */
      e.count = 15;
      e.ids = ids;
      e.labels = &label;
      CHECK_INT(ldr_dataset_add(set, &e, &err), LDR_OK);
    }
    memset(&d, 0, sizeof d);
    memset(&t, 0, sizeof t);
    d.classes = 2;
    CHECK_INT(ldr_recipe(&d, &t, text, sizeof text, m.m, set, NULL, NULL, &err), LDR_OK);
    CHECK_INT(d.pool == LDR_POOL_PAIR, way);
    CHECK_INT(strstr(text, "the means of two texts and how they differ") != NULL, way);
    ldr_dataset_free(set);
  }
  tiny_close(&m);
}

/* The plan names what fitting the head takes for its time. */
TEST(the_plan_knows_the_fit) {
  bed b = open_bed("bert", learns(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY), 0);
  ldr_memory plan = ldr_trainer_plan(b.l, b.train, b.dev, NULL);
  int32_t i, found = 0;
  for (i = 0; i < plan.count; i++) found += strcmp(plan.items[i].name, "head fit") == 0 && plan.items[i].bytes > 0;
  CHECK_INT(found, 1);
  close_bed(&b);
}

#define TESTS(X)                                                                                                        \
  X(a_ladder_starts_where_the_head_ends) X(the_head_is_fitted_first_or_not_at_all) X(what_is_never_beaten_is_kept)    \
  X(a_ladder_from_a_file_keeps_its_head) X(copies_above_a_rounded_backbone) X(a_model_of_one_block_has_no_copies)     \
  X(standardising_changes_no_score) X(standardised_gradients_are_slopes) X(standardisation_is_folded_into_the_file)   \
  X(a_channel_that_never_varies_gets_a_floor) X(a_collapsed_slice_is_noticed) X(a_recipe_follows_data_and_budget) X(a_recipe_knows_pairs)     \
  X(the_plan_knows_the_fit)
LDR_TEST_MAIN("recipe", TESTS)
