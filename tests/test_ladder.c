/* The ladder: gradients, exactness at r = 1, parameter counts, presets. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_gradient.h"


static ldr_ladder_desc plain_desc(ldr_preset preset, ldr_head head) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.preset = preset;
  d.head = head;
  d.classes = 3;
  d.reduction = 2;
  d.seed = 5;
  return d;
}

static void check_gradients(const char *family, ldr_ladder_desc d, int expect_small) {
  tiny_spec s = tiny_default(family);
  ldr_error err;
  tiny_model m;
  ldr_dataset *set;
  ldr_ladder *l;
  ldr_train_desc td;
  ldr_trainer *t;
  const char *worst = "";
  double e;
  memset(&err, 0, sizeof err);
  memset(&td, 0, sizeof td);
  m = tiny_open(s, &err);
  CHECK_STR(err.message, "");
  set = tiny_dataset(&s, d.head, d.classes, 6, 3);
  l = ldr_ladder_create(m.m, &d, &err);
  CHECK_STR(err.message, "");
  if (l) {
    shake(l, 0.1);
    td.label_smoothing = d.head == LDR_HEAD_CLASSIFY || d.head == LDR_HEAD_TOKENS || d.head == LDR_HEAD_CHOICE ? 0.1f : 0;
    td.cache = 1;                                  /* the backbone is run once and not for every difference */
    t = ldr_trainer_create(l, set, NULL, &td, &err);
    CHECK_STR(err.message, "");
    if (t) {
      e = gradient_error(t, l, -1, &worst);
      if (e > 1e-2) printf("  %s preset %d head %d: %s is off by %g\n", family, (int)d.preset, (int)d.head, worst, e);
      CHECK(e <= 1e-2);
      if (!expect_small) CHECK(gradient_error(t, l, ldr_ladder_params(l) / 2, NULL) > 0.5);
    }
    ldr_trainer_free(t);
  }
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  tiny_close(&m);
}

TEST(gradients_of_every_family_and_preset) {
  int f, p;
  for (f = 0; f < FAMILIES; f++)
    for (p = 0; p < LDR_PRESET_COUNT; p++) {
      ldr_ladder_desc d = plain_desc((ldr_preset)p, LDR_HEAD_CLASSIFY);
      d.width = p == LDR_PRESET_CLUE ? 16 : 0;
      d.dropout = 0.2f;
      if (p == LDR_PRESET_TOP && strcmp(families[f], "albert") == 0) continue;      /* a_model_of_one_block_has_no_copies */
      if (tiny_turns(families[f]) && p == LDR_PRESET_PAPER) d.reduction = 1;
      check_gradients(families[f], d, 1);
      if (p != LDR_PRESET_TOP) continue;
      d.rank = -1;                               /* all numbers of the copies, and of all blocks */
      d.top = tiny_default(families[f]).layers;
      check_gradients(families[f], d, 1);
    }
}

TEST(gradients_of_every_head) {
  int h;
  for (h = 0; h < TINY_HEADS; h++) {
    ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, tiny_heads[h]);
    d.head_hidden = h % 2 ? 8 : 0;
    check_gradients(h % 2 ? "gpt2" : "bert", d, 1);
  }
}

TEST(gradients_of_every_gate_mix_and_output) {
  int g, x, o, tap;
  for (g = LDR_GATE_SCALAR; g <= LDR_GATE_FIXED; g++)
    for (x = LDR_MIX_BEFORE; x <= LDR_MIX_AFTER; x++)
      for (o = LDR_OUTPUT_MIXED; o <= LDR_OUTPUT_RESIDUAL; o++)
        for (tap = LDR_TAP_INPUT; tap <= LDR_TAP_OUTPUT; tap++) {
          ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
          d.gate = (ldr_gate)g;
          d.mix = (ldr_mix)x;
          d.output = (ldr_output)o;
          d.tap = (ldr_tap)tap;
          d.gate_fixed = 0.3f;
          d.gate_temperature = 0.5f;
          check_gradients(o == LDR_OUTPUT_UP ? "llama" : "bert", d, 1);
        }
}

TEST(a_wrong_sign_is_caught) { check_gradients("bert", plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY), 0); }


/* ---- exactness ------------------------------------------------------------------------- */

/* The rows a token head reads, straight from the pass, for one batch. */
static double output_against_backbone(tiny_spec s, ldr_ladder_desc d, int identity_first) {
  ldr_error err;
  tiny_model m;
  ldr_ladder *l;
  ldr_predictor *p;
  static const int32_t offsets[] = { 0, 5, 6, 13 };
  int32_t ids[13], i;
  float *scores, *hidden;
  ldr_batch batch;
  double e = 1e9;
  memset(&err, 0, sizeof err);
  memset(&batch, 0, sizeof batch);
  for (i = 0; i < 13; i++) ids[i] = (i * 7 + 3) % s.vocab;
  batch.sequences = 3;
  batch.offsets = offsets;
  batch.ids = ids;
  m = tiny_open(s, &err);
  d.head = LDR_HEAD_TOKENS;
  l = ldr_ladder_create(m.m, &d, &err);
  CHECK_STR(err.message, "");
  scores = (float *)malloc(13 * 3 * sizeof(float));
  hidden = (float *)malloc(13 * (size_t)s.width * sizeof(float));
  p = l ? ldr_predictor_create(l, 3, 13, &err) : NULL;
  if (p) {
    if (identity_first) {                          /* the paper's D_first and U are random: make them the identity */
      ldr_param first = ldr_ladder_param(l, ldr_ladder_find(l, "first.down.weight")), up = ldr_ladder_param(l, ldr_ladder_find(l, "up.weight"));
      for (i = 0; i < s.width * s.width; i++) first.value[i] = up.value[i] = i / s.width == i % s.width ? 1.0f : 0.0f;
    }
    CHECK_INT(ldr_predict(p, scores, &batch, &err), LDR_OK);
    CHECK_INT(ldr_model_hidden(m.m, hidden, &batch, -1, &err), LDR_OK);
    e = relative(p->pass.mixed, hidden, 13 * (size_t)s.width, 0);
  }
  free(scores);
  free(hidden);
  ldr_predictor_free(p);
  ldr_ladder_free(l);
  tiny_close(&m);
  return e;
}

TEST(default_at_r1_is_the_backbone_for_any_gate) {
  int f, g;
  for (f = 0; f < FAMILIES; f++)
    for (g = -1; g <= 1; g++) {
      ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_TOKENS);
      double e;
      d.reduction = 1;
      d.gate_init = (float)g * 3;
      d.output_init = (float)g * 2 - 0.5f;
      e = output_against_backbone(tiny_default(families[f]), d, 0);
      if (!(e <= 1e-5)) printf("  %s gate %d: %g\n", families[f], g, e);
      CHECK(e <= 1e-5);
    }
}

TEST(paper_at_r1_is_the_backbone_with_gates_on_the_side_stream) {
  int f;
  for (f = 0; f < FAMILIES; f++) {
    ldr_ladder_desc d = plain_desc(LDR_PRESET_PAPER, LDR_HEAD_TOKENS);
    double e;
    d.reduction = 1;
    d.gate_init = 100;
    d.dropout = -1;
    e = output_against_backbone(tiny_default(families[f]), d, 1);
    if (!(e <= 1e-5)) printf("  %s: %g\n", families[f], e);
    CHECK(e <= 1e-5);
    d.gate_init = 0;                               /* half the tap mixed in: no longer the backbone */
    CHECK(output_against_backbone(tiny_default(families[f]), d, 1) > 1e-3);
  }
}

/* A slice must start nearer to the backbone than noise does: the side state predicts the kept dimensions. */
TEST(a_slice_starts_as_a_working_copy) {
  tiny_spec s = tiny_default("bert");
  double slice, noise;
  ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_TOKENS);
  d.reduction = 2;
  d.output_init = -30;                               /* U s alone */
  slice = output_against_backbone(s, d, 0);
  d.init = LDR_INIT_RANDOM;
  noise = output_against_backbone(s, d, 0);
  CHECK(slice < noise);
}

/* ---- energy, counted naively ------------------------------------------------------------ */

/* A tensor of the backbone as doubles. */
static void tensor_values(double *to, const ldr_weights *w, int layer, const char *name) {
  char full[256];
  const ldr_tensor *t;
  size_t i;
  sprintf(full, "bert.encoder.layer.%d.%s", layer, name);
  t = ldr_weights_find(w, full);
  CHECK(t != NULL && t->dtype == LDR_F32);
  for (i = 0; t && i < (size_t)t->bytes / 4; i++) to[i] = (double)ldr__load(t->data, LDR_F32, i);
}

static void naive_linear(double *y, const double *x, const ldr_weights *w, int layer, const char *stem, int tokens, int in, int out) {
  static double matrix[64 * 64], bias[64];
  char name[128];
  int t, i, o;
  sprintf(name, "%s.weight", stem);
  tensor_values(matrix, w, layer, name);
  sprintf(name, "%s.bias", stem);
  tensor_values(bias, w, layer, name);
  for (t = 0; t < tokens; t++)
    for (o = 0; o < out; o++) {
      y[t * out + o] = bias[o];
      for (i = 0; i < in; i++) y[t * out + o] += matrix[o * in + i] * x[t * in + i];
    }
}

/* The k largest of n scores, ascending. */
static void naive_best(int *out, int k, const double *score, int n) {
  int i, j, kept = 0;
  for (i = 0; i < n; i++) {
    int above = 0;
    for (j = 0; j < n; j++) above += score[j] > score[i];
    if (above < k) out[kept++] = i;
  }
  CHECK_INT(kept, k);
}

/* Does the ladder's parameter hold exactly the backbone's rows and columns? columns NULL: a vector. */
static int holds(const ldr_ladder *l, int rung, const char *param, const ldr_weights *w, const char *tensor, const int *rows, int row_count, const int *columns, int column_count, int stride) {
  static double from[64 * 64];
  char name[128];
  int32_t at;
  ldr_param p;
  int r, c;
  sprintf(name, "rung.%d.block.%s", rung, param);
  at = ldr_ladder_find(l, name);
  if (at < 0) return 0;
  p = ldr_ladder_param(l, at);
  tensor_values(from, w, rung, tensor);
  if (p.rows != (columns ? row_count : 1) || p.columns != (columns ? column_count : row_count)) return 0;
  for (r = 0; r < row_count; r++)
    for (c = 0; c < (columns ? column_count : 1); c++)
      if ((double)p.value[columns ? r * column_count + c : r] != from[columns ? rows[r] * stride + columns[c] : rows[r]]) return 0;
  return 1;
}

/* Sums of squares over the sample, in doubles and without any of the library's kernels: states from ldr_model_hidden,
   the rest of each block from those and the weights. What the slice copied must be what these sums pick. */
TEST(energy_picks_what_a_naive_count_picks) {
  enum { D = 24, F = 40, H = 4, HD = 6, N = 9, L = 3, MOST = 16 };
  tiny_spec s = tiny_default("bert");
  ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
  static double residual[D], qk[L][D], vo[L][D], ffn[L][F], x[MOST * D], q[MOST * D], k[MOST * D], v[MOST * D], a[MOST * D], u[MOST * F], g[2][D];
  static float hidden[MOST * D];
  int heads_kind, e, layer, t, i, j, h, chosen[D], units[F];
  ldr_error err;
  tiny_model m;
  ldr_weights *w;
  ldr_dataset *set;
  memset(&err, 0, sizeof err);
  m = tiny_open(s, &err);
  w = ldr_weights_open_memory(m.weights, m.size, NULL, &err);
  set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, N, 6);
  CHECK_STR(err.message, "");
  memset(residual, 0, sizeof residual);
  memset(qk, 0, sizeof qk);
  memset(vo, 0, sizeof vo);
  memset(ffn, 0, sizeof ffn);
  for (e = 0; e < N; e++)
    for (layer = 0; layer < L; layer++) {
      int32_t offsets[2];
      int n = (int)(set->offsets[e + 1] - set->offsets[e]);
      ldr_batch b = one_sequence(offsets, set->ids + set->offsets[e], n);
      b.segments = set->segments + set->offsets[e];
      CHECK_INT(ldr_model_hidden(m.m, hidden, &b, layer, &err), LDR_OK);
      for (i = 0; i < n * D; i++) x[i] = (double)hidden[i];
      naive_linear(q, x, w, layer, "attention.self.query", n, D, D);
      naive_linear(k, x, w, layer, "attention.self.key", n, D, D);
      naive_linear(v, x, w, layer, "attention.self.value", n, D, D);
      for (t = 0; t < n; t++)
        for (h = 0; h < H; h++) {
          double p[MOST], total = 0;
          for (j = 0; j < n; j++) {
            for (i = 0, p[j] = 0; i < HD; i++) p[j] += q[t * D + h * HD + i] * k[j * D + h * HD + i];
            total += p[j] = exp(p[j] / sqrt((double)HD));
          }
          for (i = 0; i < HD; i++)
            for (j = 0, a[t * D + h * HD + i] = 0; j < n; j++) a[t * D + h * HD + i] += p[j] / total * v[j * D + h * HD + i];
        }
      for (i = 0; i < n * D; i++) {
        residual[i % D] += x[i] * x[i];
        qk[layer][i % D] += q[i] * q[i] + k[i] * k[i];
        vo[layer][i % D] += a[i] * a[i];
      }
      naive_linear(q, a, w, layer, "attention.output.dense", n, D, D);
      tensor_values(g[0], w, layer, "attention.output.LayerNorm.weight");
      tensor_values(g[1], w, layer, "attention.output.LayerNorm.bias");
      for (t = 0; t < n; t++) {
        double mean = 0, variance = 0;
        for (i = 0; i < D; i++) mean += (x[t * D + i] += q[t * D + i]) / D;
        for (i = 0; i < D; i++) variance += (x[t * D + i] - mean) * (x[t * D + i] - mean) / D;
        for (i = 0; i < D; i++) x[t * D + i] = (x[t * D + i] - mean) / sqrt(variance + 1e-12) * g[0][i] + g[1][i];
      }
      naive_linear(u, x, w, layer, "intermediate.dense", n, D, F);
      for (i = 0; i < n * F; i++) {
        u[i] = 0.5 * u[i] * (1 + erf(u[i] / sqrt(2.0)));
        ffn[layer][i % F] += u[i] * u[i];
      }
    }
  for (heads_kind = LDR_HEADS_WHOLE; heads_kind <= LDR_HEADS_WITHIN; heads_kind++) {
    int side_heads = heads_kind == LDR_HEADS_WHOLE ? H / 2 : H, keep = D / 2 / side_heads, best[H], dims[HD], qk_rows[D], vo_rows[D];
    ldr_ladder *l;
    d.importance = LDR_ENERGY;
    d.slice_heads = (ldr_heads)heads_kind;
    d.sample = set;
    l = ldr_ladder_create(m.m, &d, &err);
    CHECK_STR(err.message, "");
    if (!l) continue;
    CHECK_INT(ldr_ladder_desc_get(l).heads, side_heads);
    naive_best(chosen, D / 2, residual, D);
    for (layer = 0; layer < L; layer++) {
      double score[H];
      char name[64];
      int32_t down;
      for (h = 0; h < H; h++)
        for (i = 0, score[h] = 0; i < HD; i++) score[h] += qk[layer][h * HD + i] + vo[layer][h * HD + i];
      naive_best(best, side_heads, score, H);
      for (h = 0; h < side_heads; h++) {
        naive_best(dims, keep, qk[layer] + best[h] * HD, HD);
        for (i = 0; i < keep; i++) qk_rows[h * keep + i] = best[h] * HD + dims[i];
        naive_best(dims, keep, vo[layer] + best[h] * HD, HD);
        for (i = 0; i < keep; i++) vo_rows[h * keep + i] = best[h] * HD + dims[i];
      }
      naive_best(units, F / 2, ffn[layer], F);
      CHECK(holds(l, layer, "attention.query.weight", w, "attention.self.query.weight", qk_rows, D / 2, chosen, D / 2, D));
      CHECK(holds(l, layer, "attention.key.weight", w, "attention.self.key.weight", qk_rows, D / 2, chosen, D / 2, D));
      CHECK(holds(l, layer, "attention.value.weight", w, "attention.self.value.weight", vo_rows, D / 2, chosen, D / 2, D));
      CHECK(holds(l, layer, "attention.output.weight", w, "attention.output.dense.weight", chosen, D / 2, vo_rows, D / 2, D));
      CHECK(holds(l, layer, "ffn.up.weight", w, "intermediate.dense.weight", units, F / 2, chosen, D / 2, D));
      CHECK(holds(l, layer, "ffn.up.bias", w, "intermediate.dense.bias", units, F / 2, NULL, 0, 0));
      CHECK(holds(l, layer, "ffn.down.weight", w, "output.dense.weight", chosen, D / 2, units, F / 2, F));
      sprintf(name, "rung.%d.down.weight", layer);
      down = ldr_ladder_find(l, name);
      CHECK(down >= 0);
      for (i = 0; down >= 0 && i < D / 2; i++) CHECK(ldr_ladder_param(l, down).value[i * D + chosen[i]] == 1.0f);
    }
    ldr_ladder_free(l);
  }
  ldr_weights_close(w);
  ldr_dataset_free(set);
  tiny_close(&m);
}

/* ---- counts ----------------------------------------------------------------------------- */

static uint64_t count_for(int layers, int width, int heads, int ffn, ldr_ladder_desc d) {
  tiny_spec s = tiny_default("bert");
  ldr_error err;
  tiny_model m;
  ldr_ladder *l;
  uint64_t n = 0;
  memset(&err, 0, sizeof err);
  s.layers = layers;
  s.width = s.embed = width;
  s.heads = s.kv = heads;
  s.ffn = ffn;
  s.vocab = 8;
  s.positions = 8;
  s.dtype = LDR_BF16;
  s.blank = 1;                                       /* 300 million random numbers would say no more */
  m = tiny_open(s, &err);
  d.init = LDR_INIT_RANDOM;
  l = m.m ? ldr_ladder_create(m.m, &d, &err) : NULL;
  CHECK_STR(err.message, "");
  n = ldr_ladder_trainable(l);
  ldr_ladder_free(l);
  tiny_close(&m);
  return n;
}

TEST(published_parameter_counts) {
  ldr_ladder_desc d = plain_desc(LDR_PRESET_PAPER, LDR_HEAD_CLASSIFY);
  d.reduction = 8;
  d.classes = 2;
  CHECK_INT(count_for(12, 1024, 16, 4096, d), 5268622);     /* BART-large encoder, r = 8, all 12, 2-class head */
  d = plain_desc(LDR_PRESET_CLUE, LDR_HEAD_CLASSIFY);
  d.reduction = 0;
  d.classes = 15;
  /* 5 maps 768 -> 128, 4 blocks of 128 wide with ffn 512 (198272 each), 128 -> 15 */
  CHECK_INT(count_for(12, 768, 12, 3072, d), 5 * 768 * 128 + 4 * 198272 + 128 * 15 + 15);
  CHECK_INT(count_for(24, 1024, 16, 4096, d), 5 * 1024 * 128 + 4 * 198272 + 128 * 15 + 15);
}

/* ---- reproducibility ---------------------------------------------------------------------- */

typedef struct run_options { int threads, accumulate, cache, stop_at; ldr_preset preset; float dropout; ldr_head head; const char *family; ldr_simd simd; ldr_optimizer optimizer; int recompute; ldr_mix mix; int large; } run_options;

static run_options plain_run(void) {
  run_options o;
  memset(&o, 0, sizeof o);
  o.threads = 1;
  o.accumulate = 1;
  o.family = "bert";
  return o;
}

/* Trains three epochs and returns the ladder file's bytes; free() them. With stop_at the run is saved
   after that step, thrown away, and gone on with from the file. */
static unsigned char *train_bytes(run_options o, size_t *size) {
  tiny_spec s = tiny_default(o.family);
  ldr_ladder_desc d = plain_desc(o.preset, o.head);
  ldr_train_desc td;
  ldr_error err;
  tiny_model m;
  ldr_dataset *train, *dev;
  ldr_ladder *l;
  ldr_trainer *t;
  unsigned char *bytes = NULL;
  *size = 0;
  memset(&err, 0, sizeof err);
  memset(&td, 0, sizeof td);
  s.threads = o.threads;
  s.simd = o.simd;
  m = tiny_open(s, &err);
  d.dropout = o.dropout;
  d.width = o.preset == LDR_PRESET_CLUE ? 16 : 0;
  d.mix = o.mix;
  if (tiny_turns(o.family) && o.preset == LDR_PRESET_PAPER) d.reduction = 1;
  train = tiny_dataset(&s, o.head, 3, o.large ? 60 : 22, 3);
  dev = tiny_dataset(&s, o.head, 3, 7, 4);
  td.epochs = 3;
  td.batch = o.large ? 48 : 8;
  td.accumulate = o.accumulate;
  td.cache = o.cache;
  td.recompute = o.recompute;
  td.seed = 11;
  td.optimizer = o.optimizer;
  td.rate = o.optimizer == LDR_SGD ? 0.05f : 3e-3f;
  td.momentum = o.optimizer == LDR_SGD ? 0.9f : 0;
  l = ldr_ladder_create(m.m, &d, &err);
  t = l ? ldr_trainer_create(l, train, dev, &td, &err) : NULL;
  while (t && !ldr_trainer_done(t) && !ldr_trainer_step(t, NULL, &err)) {
    CHECK(!o.large || t->step % 2 == 0 || t->pass.parts > 1);      /* every other batch is the rest of an epoch */
    if (o.stop_at && ldr_trainer_progress(t).step == o.stop_at) {
      const char *path = "ladder-test.run";
      o.stop_at = 0;
      CHECK_INT(ldr_trainer_save(t, path, &err), LDR_OK);
      ldr_trainer_free(t);
      ldr_ladder_free(l);
      l = ldr_ladder_create(m.m, &d, &err);
      t = ldr_trainer_create(l, train, dev, &td, &err);
      CHECK_INT(ldr_trainer_resume(t, path, &err), LDR_OK);
      remove(path);
    }
  }
  CHECK_STR(err.message, "");
  if (t) {
    ldr_trainer_restore_best(t);
    CHECK_INT(ldr_ladder_save_memory(l, NULL, 0, size, &err), LDR_OK);
    bytes = (unsigned char *)malloc(*size);
    CHECK_INT(ldr_ladder_save_memory(l, bytes, *size, size, &err), LDR_OK);
  }
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(train);
  ldr_dataset_free(dev);
  tiny_close(&m);
  return bytes;
}

/* Files have choices by their names, so that the order of an enum may change; of earlier versions they have numbers. */
TEST(files_have_names_of_choices) {
  static const struct { const char *pool; int32_t read, pool_is; } meta[] = {
    { "mean", 1, LDR_POOL_MEAN }, { "3", 1, LDR_POOL_MEAN }, { "first", 1, LDR_POOL_FIRST }, { "0", 1, 0 },
    { "mea", 0, 0 }, { "mean|", 0, 0 }, { "mean|pair", 0, 0 }, { "", 0, 0 }, { "means", 0, 0 } };
  const ldr__field *f = ldr__ladder_fields;
  run_options o = plain_run();
  size_t size, i;
  unsigned char *bytes = train_bytes(o, &size);
  while (strcmp(f->key, "ladder.pool") != 0) f++;
  CHECK(bytes && size > 1000);
  if (bytes) {
    bytes[size - 1] = 0;
    CHECK(strstr((char *)bytes + 8, "\"ladder.method\":\"ladder\"") && strstr((char *)bytes + 8, "\"ladder.preset\":\"default\"") &&
        strstr((char *)bytes + 8, "\"ladder.head\":\"classify\"") && strstr((char *)bytes + 8, "\"ladder.standardise\":\"on\"") &&
        strstr((char *)bytes + 8, "\"ladder.pool\":\"first\""));
  }
  free(bytes);
  for (i = 0; i < sizeof meta / sizeof *meta; i++) {
    char file[128];
    uint64_t found = 99;
    int n = snprintf(file + 8, sizeof file - 8, "{\"__metadata__\":{\"ladder.pool\":\"%s\"},\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", meta[i].pool);
    ldr_error err = { LDR_OK, 0, "" };
    ldr_weights *w;
    ldr__store_u64((unsigned char *)file, (uint64_t)n);
    w = ldr_weights_open_memory(file, 8 + (size_t)n, NULL, &err);
    CHECK(w != NULL);
    CHECK_INT(w && ldr__field_read(w, f, &found), meta[i].read);
    if (meta[i].read) CHECK_INT(found, meta[i].pool_is);
    ldr_weights_close(w);
  }
}

static int same_run(run_options a, run_options b) {
  size_t na, nb;
  unsigned char *x = train_bytes(a, &na), *y = train_bytes(b, &nb);
  int same = x && y && na == nb && memcmp(x, y, na) == 0;
  free(x);
  free(y);
  return same;
}

TEST(same_bits_for_any_number_of_threads) {
  static const int threads[] = { 2, 3, 7 };
  int p, i;
  for (p = 0; p < LDR_PRESET_HEAD; p++)
    for (i = 0; i < 3; i++) {
      run_options a = plain_run(), b;
      a.preset = (ldr_preset)p;
      a.family = p == 0 ? "llama" : "bert";
      a.dropout = 0.1f;
      b = a;
      b.threads = threads[i];
      CHECK(same_run(a, b));
    }
}

/* A batch that is cut into parts whatever the number of threads, differently for each: no cut shows, nor whether taps come from a cache. */
TEST(parts_of_a_batch_change_no_bit) {
  static const int threads[] = { 2, 5 };
  int p, i;
  for (p = 0; p < LDR_PRESET_HEAD; p++)
    for (i = 0; i < 2; i++) {
      run_options a = plain_run(), b;
      a.preset = (ldr_preset)p;
      a.family = i ? "gpt2" : "bert";
      a.mix = p == 1 ? LDR_MIX_AFTER : LDR_MIX_PRESET;
      a.dropout = 0.1f;
      a.large = 1;
      b = a;
      b.threads = threads[i];
      b.cache = i;
      b.recompute = p == 2;
      CHECK(same_run(a, b));
    }
}

TEST(stop_and_resume_gives_the_same_bits) {
  int step, o;
  for (o = LDR_ADAMW; o <= LDR_ADAFACTOR; o++)
    for (step = 1; step <= 8; step += o == LDR_ADAMW ? 1 : 4) {
      run_options a = plain_run(), b;
      a.dropout = 0.1f;
      a.optimizer = (ldr_optimizer)o;
      b = a;
      b.stop_at = step;
      CHECK(same_run(a, b));
    }
}

TEST(the_tap_cache_changes_nothing) {
  int h, p;
  for (h = 0; h < TINY_HEADS; h++)
    for (p = 0; p < LDR_PRESET_COUNT; p++) {
      run_options a = plain_run(), b;
      a.head = tiny_heads[h];
      a.preset = (ldr_preset)p;
      a.dropout = 0.1f;
      b = a;
      b.cache = 1;
      CHECK(same_run(a, b));
    }
}

/* What is inside a rung is made again on the way back, dropout and all, whatever the order of mixing and of norms. */
TEST(recomputed_rungs_change_no_bit) {
  int f, preset, mix;
  for (f = 0; f < FAMILIES; f++)
    for (preset = LDR_PRESET_DEFAULT; preset <= LDR_PRESET_MLP; preset++)
      for (mix = LDR_MIX_BEFORE; mix <= LDR_MIX_AFTER; mix++) {
        run_options a = plain_run(), b;
        a.family = families[f];
        a.preset = (ldr_preset)preset;
        a.mix = (ldr_mix)mix;
        a.dropout = 0.1f;
        a.cache = (f + preset) % 2;
        if (f % 2 && preset > LDR_PRESET_PAPER) continue;
        b = a;
        b.recompute = 1;
        b.threads = 3;
        CHECK(same_run(a, b));
      }
}

/* Rounded taps reach the gradients of the down-projections, and nothing else. */
TEST(rounded_taps_touch_only_down_projections) {
  static const ldr_dtype types[] = { LDR_F32, LDR_BF16, LDR_I8 };
  static const int32_t batch[] = { 0, 1, 2, 3, 4 };
  float *grads[3] = { NULL, NULL, NULL };
  uint64_t bytes[3];
  ldr_error err;
  int k, downs = 0;
  memset(&err, 0, sizeof err);
  for (k = 0; k < 3; k++) {
    tiny_spec s = tiny_default("roberta");
    ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
    tiny_model m = tiny_open(s, &err);
    ldr_dataset *set = tiny_dataset(&s, d.head, d.classes, 12, 3);
    ldr_ladder *l = ldr_ladder_create(m.m, &d, &err);
    ldr_train_desc td;
    ldr_trainer *t;
    double loss;
    int32_t p;
    size_t i, n;
    memset(&td, 0, sizeof td);
    td.tap_type = types[k];
    t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
    CHECK_STR(err.message, "");
    if (t) {
      shake(l, 0.1);
      bytes[k] = ldr_trainer_plan(l, set, NULL, &td).total;
      CHECK_INT(ldr_trainer_gradients(t, &loss, batch, 5, &err), LDR_OK);
      grads[k] = (float *)calloc(l->size, sizeof(float));
      memcpy(grads[k], t->grads, l->size * sizeof(float));
      for (p = 0; k && p < ldr_ladder_params(l); p++) {
        ldr_param q = ldr_ladder_param(l, p);
        const float *exact = grads[0] + (q.grad - t->grads);
        double e;
        n = (size_t)q.rows * (size_t)q.columns;
        for (i = 0; i < n && q.grad[i] == exact[i]; i++) {}
        if (strstr(q.name, "down.weight") == NULL || strstr(q.name, "ffn")) {
          CHECK(i == n);
          continue;
        }
        e = relative(q.grad, exact, n, 0);
        CHECK(e > 0 && e < (k == 1 ? 0.01 : 0.02));
        downs++;
      }
    }
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    tiny_close(&m);
  }
  CHECK(downs >= 4 && bytes[2] < bytes[1] && bytes[1] < bytes[0]);
  for (k = 0; k < 3; k++) free(grads[k]);
}

/* A batch in parts: the same gradient up to rounding, dropout masks included. */
TEST(accumulation_is_the_large_batch) {
  tiny_spec s = tiny_default("bert");
  int h, parts;
  for (h = 0; h < TINY_HEADS; h++)
    for (parts = 2; parts <= 8; parts += 3) {
      ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, tiny_heads[h]);
      static const int32_t batch[] = { 3, 1, 4, 0, 5, 2, 6, 7 };
      ldr_error err;
      tiny_model m;
      ldr_dataset *set;
      ldr_ladder *l;
      float *grads = NULL;
      double loss[2];
      int k;
      memset(&err, 0, sizeof err);
      m = tiny_open(s, &err);
      set = tiny_dataset(&s, d.head, 3, 8, 3);
      d.dropout = 0.2f;
      l = ldr_ladder_create(m.m, &d, &err);
      for (k = 0; k < 2; k++) {
        ldr_train_desc td;
        ldr_trainer *t;
        memset(&td, 0, sizeof td);
        td.batch = 8;
        td.accumulate = k ? parts : 1;
        t = ldr_trainer_create(l, set, NULL, &td, &err);
        CHECK_INT(ldr_trainer_gradients(t, &loss[k], batch, 8, &err), LDR_OK);
        if (k == 0) {
          grads = (float *)malloc(l->size * sizeof(float));
          memcpy(grads, l->grads, l->size * sizeof(float));
        } else {
          CHECK(relative(l->grads, grads, l->size, 0) < 1e-5);
          CHECK_NEAR(loss[1], loss[0], 1e-6);
        }
        ldr_trainer_free(t);
      }
      free(grads);
      ldr_ladder_free(l);
      ldr_dataset_free(set);
      tiny_close(&m);
    }
}

TEST(instruction_sets_agree) {
  float first[64];
  int k;
  for (k = LDR_SIMD_PORTABLE; k <= LDR_SIMD_AVX512_BF16; k++) {
    tiny_spec s = tiny_default("bert");
    ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
    ldr_error err;
    tiny_model m;
    ldr_dataset *set;
    ldr_ladder *l;
    ldr_trainer *t;
    static const int32_t batch[] = { 0, 1, 2, 3 };
    memset(&err, 0, sizeof err);
    s.simd = (ldr_simd)k;
    m = tiny_open(s, &err);
    set = tiny_dataset(&s, d.head, 3, 8, 3);
    l = ldr_ladder_create(m.m, &d, &err);
    t = ldr_trainer_create(l, set, NULL, NULL, &err);
    CHECK_INT(ldr_trainer_gradients(t, NULL, batch, 4, &err), LDR_OK);
    if (k == LDR_SIMD_PORTABLE) memcpy(first, ldr_ladder_param(l, 0).grad, sizeof first);
    else CHECK(relative(ldr_ladder_param(l, 0).grad, first, 64, 0) < 1e-4);
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    tiny_close(&m);
  }
}

/* The final states [tokens,width] of a tiny model, to be freed. */
static float *states_of(tiny_spec s, const ldr_batch *b) {
  ldr_error err;
  tiny_model m;
  float *hidden = (float *)calloc((size_t)b->offsets[b->sequences] * (size_t)s.width, sizeof(float));
  memset(&err, 0, sizeof err);
  m = tiny_open(s, &err);
  CHECK(m.m && !m.m->packed == !(s.pack || s.compute));
  CHECK_INT(ldr_model_hidden(m.m, hidden, b, -1, &err), LDR_OK);
  tiny_close(&m);
  return hidden;
}

/* Every family rounded to 8 bits or bf16: near the float model, but not it, with the same bits for any number of threads. */
TEST(rounded_backbones_stay_near) {
  static const ldr_compute computes[] = { LDR_COMPUTE_F32, LDR_COMPUTE_INT8, LDR_COMPUTE_INT8, LDR_COMPUTE_BF16, LDR_COMPUTE_BF16 };
  static const int32_t ids[] = { 1, 5, 9, 2, 8, 3, 3, 11, 4 }, offsets[] = { 0, 4, 9 };
  int f;
  for (f = 0; f < FAMILIES; f++) {
    float *hidden[5];
    int v;
    for (v = 0; v < 5; v++) {
      tiny_spec s = tiny_default(families[f]);
      ldr_batch b;
      memset(&b, 0, sizeof b);
      s.compute = computes[v];
      s.threads = v && v % 2 == 0 ? 3 : 1;
      b.ids = ids;
      b.offsets = offsets;
      b.sequences = 2;
      hidden[v] = states_of(s, &b);
      if (v) {
        double e = relative(hidden[v], hidden[0], 9 * s.width, 0);
        if (v % 2) printf("  %s in %s: %.2f %% off\n", families[f], v == 1 ? "8 bits" : "bf16", 100 * e);
        CHECK(e > 1e-5 && e < (v < 3 ? 0.06 : 0.02));
      }
    }
    for (v = 1; v < 5; v += 2) CHECK(memcmp(hidden[v], hidden[v + 1], 9 * (size_t)tiny_default(families[f]).width * sizeof(float)) == 0);
    for (v = 0; v < 5; v++) free(hidden[v]);
  }
}

/* 120 texts of 1 to 38 tokens: two or three threads take parts of them through a block each, one thread all of them. */
TEST(parts_of_the_backbone_change_no_bit) {
  static const struct { ldr_compute compute; int pack; } ways[] = { { LDR_COMPUTE_F32, 0 }, { LDR_COMPUTE_F32, 1 }, { LDR_COMPUTE_BF16, 0 }, { LDR_COMPUTE_INT8, 0 } };
  enum { TEXTS = 120, MOST = TEXTS * 38 };
  int32_t ids[MOST], offsets[TEXTS + 1], i;
  int f, way, threads;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  for (i = 0; i < MOST; i++) ids[i] = (i * 7 + i / 31) % 31;
  for (offsets[0] = 0, i = 0; i < TEXTS; i++) offsets[i + 1] = offsets[i] + 1 + i * 11 % 38;
  CHECK(offsets[TEXTS] >= 4 * LDR__CHUNK);        /* enough that weights which are not packed are shared out in parts too */
  b.ids = ids;
  b.offsets = offsets;
  b.sequences = TEXTS;
  for (f = 0; f < FAMILIES; f++)
    for (way = 0; way < 4; way++) {
      float *hidden[3];
      for (threads = 1; threads <= 3; threads++) {
        tiny_spec s = tiny_default(families[f]);
        s.compute = ways[way].compute;
        s.pack = ways[way].pack;
        s.threads = threads;
        hidden[threads - 1] = states_of(s, &b);
      }
      for (i = 1; i < 3; i++) CHECK(memcmp(hidden[0], hidden[i], (size_t)offsets[TEXTS] * 24 * sizeof(float)) == 0);
      for (i = 0; i < 3; i++) free(hidden[i]);
    }
}

/* Floats laid out at load are the same numbers: the same states to the bit, for every family, stored type, set of kernels and
   number of threads, and the same training, through the blocks or beside them. */
TEST(packed_floats_change_no_bit) {
  static const ldr_simd sets[] = { LDR_SIMD_AUTO, LDR_SIMD_PORTABLE, LDR_SIMD_AVX2 };
  static const ldr_method methods[] = { LDR_METHOD_LADDER, LDR_METHOD_LORA, LDR_METHOD_FULL };
  int32_t ids[107], i;
  int f, v, pack;
  for (i = 0; i < 107; i++) ids[i] = (i * 7 + 3) % 31;
  for (f = 0; f < FAMILIES; f++)
    for (v = 0; v < 3; v++) {
      static const int32_t offsets[] = { 0, 100, 107 };
      float *hidden[2];
      for (pack = 0; pack < 2; pack++) {
        tiny_spec s = tiny_default(families[f]);
        ldr_batch b;
        memset(&b, 0, sizeof b);
        s.width = 72;
        s.embed = tiny_projects(families[f]) ? 12 : 72;
        s.ffn = 280;
        s.positions = 110;
        s.dtype = v == 2 ? LDR_F16 : LDR_F32;
        s.simd = sets[v];
        s.pack = pack;
        s.threads = pack && v ? 3 : 1;
        b.ids = ids;
        b.offsets = offsets;
        b.sequences = 2;
        hidden[pack] = states_of(s, &b);
      }
      CHECK(memcmp(hidden[0], hidden[1], 107 * 72 * sizeof(float)) == 0);
      free(hidden[0]);
      free(hidden[1]);
    }
  for (v = 0; v < 3; v++) {
    uint64_t bits[2];
    for (pack = 0; pack < 2; pack++) {
      tiny_spec s = tiny_default("bert");
      ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
      ldr_train_desc td;
      ldr_dataset *set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 9, 3);
      ldr_error err;
      tiny_model m;
      ldr_ladder *l;
      memset(&err, 0, sizeof err);
      memset(&td, 0, sizeof td);
      s.pack = pack;
      m = tiny_open(s, &err);
      d.method = methods[v];
      td.epochs = 1;
      td.batch = 4;
      l = ldr_ladder_create(m.m, &d, &err);
      CHECK_INT(ldr_fit(l, set, NULL, &td, NULL, &err), LDR_OK);
      CHECK_STR(err.message, "");
      bits[pack] = l ? ldr__floats_digest(0, l->values, l->size) : (uint64_t)pack;
      ldr_ladder_free(l);
      ldr_dataset_free(set);
      tiny_close(&m);
    }
    CHECK(bits[0] == bits[1]);
  }
}

/* Tensors of more numbers than a task of the optimiser owns: every number is stepped once, the norm counts each, and threads change no bit. */
TEST(large_tensors_are_stepped_in_pieces) {
  uint64_t bits[2][4];
  int threads, o;
  for (threads = 0; threads < 2; threads++)
    for (o = 0; o < 4; o++) {
      tiny_spec s = tiny_default("bert");
      ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
      ldr_train_desc td;
      ldr_error err;
      tiny_model m;
      ldr_ladder *l;
      float *before, *state, *grads;
      double norm = 0;
      size_t i, large = 0;
      int32_t p;
      memset(&err, 0, sizeof err);
      memset(&td, 0, sizeof td);
      s.width = s.embed = 160;
      s.threads = threads ? 3 : 1;
      m = tiny_open(s, &err);
      d.reduction = 1;
      l = ldr_ladder_create(m.m, &d, &err);
      CHECK_STR(err.message, "");
      before = (float *)calloc(l->size, sizeof(float));
      state = (float *)calloc(2 * l->size, sizeof(float));
      grads = (float *)calloc(l->size, sizeof(float));
      memcpy(before, l->values, l->size * sizeof(float));
      for (p = 0; p < l->count; p++) {
        size_t n = (size_t)l->params[p].rows * (size_t)l->params[p].columns;
        large += n > LDR__PIECE && n % LDR__PIECE;
        for (i = 0; i < n; i++) {
          float g = (float)(i % 7 + 1) * (i % 2 ? 0.25f : -0.25f);
          grads[l->params[p].offset + i] = g;
          norm += (double)g * (double)g;
        }
      }
      CHECK(large > 0);
      l->grads = grads;
      CHECK_NEAR(ldr__gradient_norm(l), sqrt(norm), 1e-9 * sqrt(norm));
      td.optimizer = (ldr_optimizer)o;
      td = ldr_train_desc_defaults(l, &td);
      td.weight_decay = 0;
      ldr__optimise(l, 0, state, state + l->size, &td, 1e-3, 1, 1);
      for (p = 0; p < l->count && o != LDR_ADAFACTOR; p++)
        for (i = 0; i < (size_t)l->params[p].rows * (size_t)l->params[p].columns; i++) {
          size_t at = l->params[p].offset + i;
          float g = (float)(i % 7 + 1) * (i % 2 ? 0.25f : -0.25f), by = o == LDR_SGD ? 1e-3f * g : i % 2 ? 1e-3f : -1e-3f;
          CHECK(fabsf(before[at] - l->values[at] - by) <= 1e-6f * (1 + fabsf(before[at])));
        }
      bits[threads][o] = ldr__floats_digest(0, l->values, l->size);
      CHECK(bits[threads][o] == bits[0][o]);
      l->grads = NULL;
      free(before);
      free(state);
      free(grads);
      ldr_ladder_free(l);
      tiny_close(&m);
    }
}

/* A result does not depend on what else is in the batch. */
TEST(batches_do_not_mix) {
  tiny_spec s = tiny_default("llama");
  ldr_error err;
  tiny_model m;
  static const int32_t offsets[] = { 0, 5, 6, 13 };
  int32_t ids[13], i, q;
  float together[13 * 24], alone[13 * 24];
  ldr_batch batch;
  memset(&err, 0, sizeof err);
  memset(&batch, 0, sizeof batch);
  for (i = 0; i < 13; i++) ids[i] = (i * 5 + 1) % s.vocab;
  m = tiny_open(s, &err);
  batch.sequences = 3;
  batch.offsets = offsets;
  batch.ids = ids;
  CHECK_INT(ldr_model_hidden(m.m, together, &batch, -1, &err), LDR_OK);
  for (q = 0; q < 3; q++) {
    int32_t one[2];
    batch = one_sequence(one, ids + offsets[q], offsets[q + 1] - offsets[q]);
    CHECK_INT(ldr_model_hidden(m.m, alone, &batch, -1, &err), LDR_OK);
    CHECK(memcmp(alone, together + offsets[q] * 24, (size_t)one[1] * 24 * sizeof(float)) == 0);
  }
  tiny_close(&m);
}

/* ---- learning, saving, predicting ----------------------------------------------------------- */

TEST(every_preset_learns_and_comes_back_from_its_file) {
  int p, h;
  for (p = 0; p < LDR_PRESET_COUNT; p++)
    for (h = 0; h < TINY_HEADS; h++) {
      tiny_spec s = tiny_default("bert");
      ldr_ladder_desc d = plain_desc((ldr_preset)p, tiny_heads[h]);
      static const char *const names[] = { "zero", "one \"quoted\"", "zw\xc3\xb6lf" };
      ldr_train_desc td;
      ldr_error err;
      tiny_model m;
      ldr_dataset *set;
      ldr_ladder *l, *back;
      ldr_score before, after, again;
      unsigned char *bytes;
      size_t size;
      memset(&err, 0, sizeof err);
      memset(&td, 0, sizeof td);
      m = tiny_open(s, &err);
      set = tiny_dataset(&s, d.head, 3, 24, 3);
      d.label_names = h == LDR_HEAD_CLASSIFY ? names : NULL;
      d.width = p == LDR_PRESET_CLUE ? 16 : 0;
      d.head_hidden = p == LDR_PRESET_HEAD ? 16 : 0;
      l = ldr_ladder_create(m.m, &d, &err);
      CHECK_STR(err.message, "");
      CHECK_INT(ldr_ladder_note(l, "task", "tiny", &err), LDR_OK);
      CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_AUTO, &before, &err), LDR_OK);
      td.epochs = 12;
      td.batch = 8;
      td.rate = 5e-3f;
      CHECK_INT(ldr_fit(l, set, NULL, &td, NULL, &err), LDR_OK);
      CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_AUTO, &after, &err), LDR_OK);
      if (d.head == LDR_HEAD_REGRESS) before.loss = 1;      /* of the mean, which is known by now */
      /* a head alone on a random backbone has little to go by */
      if (!(after.loss < before.loss * (p == LDR_PRESET_HEAD ? 0.95 : 0.9))) printf("  preset %d head %d: loss %g to %g\n", p, h, before.loss, after.loss);
      CHECK(after.loss < before.loss * (p == LDR_PRESET_HEAD ? d.head == LDR_HEAD_MULTI ? 0.98 : 0.95 : d.head == LDR_HEAD_MULTI ? 0.95 : 0.9));
      CHECK_INT(ldr_ladder_save_memory(l, NULL, 0, &size, &err), LDR_OK);
      bytes = (unsigned char *)malloc(size);
      CHECK_INT(ldr_ladder_save_memory(l, bytes, size, &size, &err), LDR_OK);
      back = ldr_ladder_load_memory(m.m, bytes, size, NULL, &err);
      CHECK_STR(err.message, "");
      if (back) {
        CHECK_INT(ldr_evaluate(back, set, LDR_METRIC_AUTO, &again, &err), LDR_OK);
        CHECK(again.loss == after.loss && again.value == after.value);
        CHECK_STR(ldr_ladder_note_get(back, "task"), "tiny");
        if (d.label_names) CHECK_STR(ldr_ladder_label(back, 1), names[1]);
      }
      ldr_ladder_free(back);
      free(bytes);
      ldr_ladder_free(l);
      ldr_dataset_free(set);
      tiny_close(&m);
    }
}

TEST(early_stopping_keeps_the_best_epoch) {
  tiny_spec s = tiny_default("bert");
  ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
  ldr_train_desc td;
  ldr_fit_result r;
  ldr_score score;
  ldr_error err;
  tiny_model m;
  ldr_dataset *train, *dev;
  ldr_ladder *l;
  memset(&err, 0, sizeof err);
  memset(&td, 0, sizeof td);
  m = tiny_open(s, &err);
  train = tiny_dataset(&s, d.head, 3, 24, 3);
  dev = tiny_dataset(&s, d.head, 3, 12, 4);
  l = ldr_ladder_create(m.m, &d, &err);
  td.epochs = 40;
  td.batch = 8;
  td.rate = 5e-3f;
  td.patience = 3;
  CHECK_INT(ldr_fit(l, train, dev, &td, &r, &err), LDR_OK);
  CHECK(r.steps == 3 * (r.best_epoch + 3) || r.steps == 3 * 40);
  CHECK_INT(ldr_evaluate(l, dev, LDR_METRIC_AUTO, &score, &err), LDR_OK);
  CHECK(score.value == r.metric);
  ldr_ladder_free(l);
  ldr_dataset_free(train);
  ldr_dataset_free(dev);
  tiny_close(&m);
}

TEST(not_a_number_names_step_and_tensor) {
  tiny_spec s = tiny_default("bert");
  ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
  ldr_error err;
  tiny_model m;
  ldr_dataset *set;
  ldr_ladder *l;
  ldr_trainer *t;
  ldr_score score;
  memset(&err, 0, sizeof err);
  m = tiny_open(s, &err);
  set = tiny_dataset(&s, d.head, 3, 8, 3);
  l = ldr_ladder_create(m.m, &d, &err);
  t = ldr_trainer_create(l, set, NULL, NULL, &err);
  CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  ldr_ladder_param(l, ldr_ladder_find(l, "rung.1.block.ffn.up.weight")).value[3] = (float)HUGE_VAL;
  CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_NUMERIC);
  CHECK(strstr(err.message, "step 2") && strstr(err.message, "rung.1.block.ffn.up.weight"));
  memset(&score, 0, sizeof score);
  CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_ACCURACY, &score, &err), LDR_NUMERIC);
  CHECK(err.message[0] != 0);
  CHECK_INT(ldr_trainer_evaluate(t, set, &score, &err), LDR_NUMERIC);
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  tiny_close(&m);
}

TEST(the_plan_is_what_is_allocated) {
  tiny_spec s = tiny_default("bert");
  ldr_test_heap heap;
  ldr_allocator a;
  ldr_ladder_desc d = plain_desc(LDR_PRESET_SLICED, LDR_HEAD_CLASSIFY);
  ldr_train_desc td;
  ldr_memory plan;
  ldr_error err;
  tiny_model m;
  ldr_dataset *set;
  ldr_ladder *l;
  ldr_trainer *t;
  ldr_predictor *p;
  size_t before;
  long calls;
  uint64_t sum = 0;
  int i;
  memset(&heap, 0, sizeof heap);
  memset(&err, 0, sizeof err);
  memset(&td, 0, sizeof td);
  a.alloc_fn = ldr_test_heap_alloc;
  a.free_fn = ldr_test_heap_free;
  a.user = &heap;
  s.alloc = &a;
  m = tiny_open(s, &err);
  set = tiny_dataset(&s, d.head, 3, 16, 3);
  l = ldr_ladder_create(m.m, &d, &err);
  td.cache = 1;
  td.epochs = 2;
  plan = ldr_trainer_plan(l, set, set, &td);
  for (i = 0; i < plan.count; i++) sum += plan.items[i].bytes;
  CHECK(sum == plan.total && plan.total > 0);
  before = heap.bytes;
  t = ldr_trainer_create(l, set, set, &td, &err);
  CHECK_NEAR((double)(heap.bytes - before), (double)plan.total, 0.02 * (double)plan.total + 2048);
  calls = heap.calls;
  while (!ldr_trainer_done(t)) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  CHECK_INT(heap.calls - calls, 0);                  /* a step allocates nothing */
  ldr_trainer_free(t);
  before = heap.bytes;
  plan = ldr_predictor_plan(l, 3, 20);
  for (sum = 0, i = 0; i < plan.count; i++) sum += plan.items[i].bytes;
  CHECK(sum == plan.total && plan.total > 0 && heap.bytes == before);
  p = ldr_predictor_create(l, 3, 20, &err);
  CHECK(p != NULL && heap.bytes - before == plan.total);
  ldr_predictor_free(p);
  CHECK_INT(ldr_predictor_plan(l, INT32_MAX, INT32_MAX).total > 0, sizeof(size_t) > 4);      /* what no address space holds */
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  tiny_close(&m);
  CHECK_INT(heap.live, 0);
  CHECK_INT(heap.bad, 0);
}

/* Balanced classes: the weights make every class the same share of the loss. */
TEST(balanced_class_weights) {
  tiny_spec s = tiny_default("bert");
  ldr_ladder_desc d = plain_desc(LDR_PRESET_HEAD, LDR_HEAD_CLASSIFY);
  static const int32_t ids[] = { 1, 2, 3 }, classes[] = { 0, 0, 0, 0, 0, 0, 1, 1 };      /* none of class 2 */
  ldr_train_desc td;
  ldr_error err;
  tiny_model m;
  ldr_dataset_desc sd;
  ldr_dataset *set;
  ldr_ladder *l;
  ldr_trainer *t;
  int i;
  memset(&err, 0, sizeof err);
  memset(&td, 0, sizeof td);
  memset(&sd, 0, sizeof sd);
  m = tiny_open(s, &err);
  set = ldr_dataset_create(&sd, &err);
  for (i = 0; i < 8; i++) {
    ldr_example e;
    memset(&e, 0, sizeof e);
    e.count = 3;
    e.ids = ids;
    e.labels = &classes[i];
    CHECK_INT(ldr_dataset_add(set, &e, &err), LDR_OK);
  }
  l = ldr_ladder_create(m.m, &d, &err);
  td.balance = 1;
  t = ldr_trainer_create(l, set, NULL, &td, &err);
  CHECK_STR(err.message, "");
  if (t) {
    CHECK_NEAR(t->class_weights[0], 8.0 / (3 * 6), 1e-6);
    CHECK_NEAR(t->class_weights[1], 8.0 / (3 * 2), 1e-6);
    CHECK_NEAR(t->class_weights[2], 0, 0);
    CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  }
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  tiny_close(&m);
}

/* A batch predicted by a fresh ladder on a family's model, with the model's own states of all tokens beside it. */
typedef struct predicted { tiny_model m; ldr_ladder *l; ldr_predictor *p; float *scores, *hidden; size_t w; ldr_error err; } predicted;

static predicted predict_batch(const char *family, ldr_pool pool, int threads, const ldr_batch *b) {
  predicted x;
  tiny_spec s = tiny_default(family);
  ldr_ladder_desc d;
  size_t tokens = (size_t)b->offsets[b->sequences];
  memset(&x, 0, sizeof x);
  memset(&d, 0, sizeof d);
  d.classes = 3;
  d.pool = pool;
  s.threads = threads;
  x.m = tiny_open(s, &x.err);
  x.l = ldr_ladder_create(x.m.m, &d, &x.err);
  x.p = ldr_predictor_create(x.l, b->sequences, tokens, &x.err);
  x.w = (size_t)x.m.m->shape.width;
  x.hidden = (float *)malloc(tokens * x.w * sizeof(float));
  x.scores = (float *)malloc(3 * (size_t)b->sequences * sizeof(float));
  CHECK_INT(ldr_model_hidden(x.m.m, x.hidden, b, -1, &x.err), LDR_OK);
  CHECK_INT(ldr_predict(x.p, x.scores, b, &x.err), LDR_OK);
  CHECK_STR(x.err.message, "");
  return x;
}

static void predicted_close(predicted *x) {
  free(x->hidden);
  free(x->scores);
  ldr_predictor_free(x->p);
  ldr_ladder_free(x->l);
  tiny_close(&x->m);
}

/* Ladders of every kind that may stand beside one another, with numbers of their own in all that is trained. */
enum { BESIDE = 10 };
static ldr_ladder_desc beside_desc(int k) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.classes = 3;
  d.seed = (uint64_t)k + 7;
  d.pool = k % 3 == 0 ? LDR_POOL_FIRST : k % 3 == 1 ? LDR_POOL_MEAN : LDR_POOL_LAST;
  if (k == 1) d.preset = LDR_PRESET_PAPER;
  if (k == 1 || k == 4) d.reduction = 2;
  if (k == 1 || k == 4) d.slice_heads = LDR_HEADS_WHOLE;
  if (k == 2) d.preset = LDR_PRESET_CLUE;
  if (k == 3) d.method = LDR_METHOD_HEAD;
  if (k == 4) d.preset = LDR_PRESET_SLICED;
  if (k == 5) d.method = LDR_METHOD_LORA;                    /* changes the backbone: runs by itself */
  if (k == 6) d.top = 1;
  if (k == 7) d.head = LDR_HEAD_TOKENS;
  if (k == 8) d.method = LDR_METHOD_PROMPT;
  if (k == 9) d.pool = LDR_POOL_PAIR;
  return d;
}

/* Scores of several ladders from one pass are the bits of each alone, in any order and for any number of them. */
TEST(ladders_beside_one_another_share_a_pass) {
  static const char *const of[] = { "bert", "llama", "electra", "gpt2", "qwen2" };
  static const int32_t offsets[] = { 0, 7, 8, 13 };
  int32_t ids[13];
  size_t f, i, k;
  int32_t n, first;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 3;
  b.offsets = offsets;
  b.ids = ids;
  for (i = 0; i < 13; i++) ids[i] = (int32_t)(3 + i * 7 % 11);
  for (f = 0; f < sizeof of / sizeof *of; f++) {
    tiny_spec s = tiny_default(of[f]);
    ldr_error err;
    tiny_model m;
    ldr_ladder *l[BESIDE];
    ldr_predictor *p[BESIDE], *list[BESIDE];
    float alone[BESIDE][39], together[BESIDE][39], *to[BESIDE];
    memset(&err, 0, sizeof err);
    m = tiny_open(s, &err);
    for (k = 0; k < BESIDE; k++) {
      ldr_ladder_desc d = beside_desc((int)k);
      int32_t j, at;
      l[k] = ldr_ladder_create(m.m, &d, &err);
      CHECK_STR(err.message, "");
      for (j = 0; j < ldr_ladder_params(l[k]); j++) {
        ldr_param v = ldr_ladder_param(l[k], j);
        for (at = 0; v.trainable && at < v.rows * v.columns; at++)
          v.value[at] += 0.1f * (float)ldr__random_unit(k * 1000 + (uint64_t)j, (uint64_t)at);
      }
      p[k] = ldr_predictor_create(l[k], 3, 13, &err);
      CHECK_INT(ldr_predict(p[k], alone[k], &b, &err), LDR_OK);
    }
    for (n = 1; n <= BESIDE; n++)
      for (first = 0; first < BESIDE; first++) {
        memset(together, 0, sizeof together);
        for (k = 0; k < (size_t)n; k++) {
          size_t which = ((size_t)first + k * 3) % BESIDE;
          list[k] = p[which];
          to[k] = together[which];
        }
        CHECK_INT(ldr_predict_together(list, to, n, &b, &err), LDR_OK);
        for (k = 0; k < (size_t)n; k++) {
          size_t which = ((size_t)first + k * 3) % BESIDE;
          CHECK(memcmp(alone[which], together[which], (which == 7 ? 39 : 9) * sizeof(float)) == 0);
        }
      }
    list[0] = list[1] = p[0];
    CHECK_INT(ldr_predict_together(list, to, 2, &b, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "stands twice") != NULL);
    CHECK_INT(ldr_predict_together(list, to, 0, &b, NULL), LDR_ARGUMENT);
    for (k = 0; k < BESIDE; k++) {
      ldr_predictor_free(p[k]);
      ldr_ladder_free(l[k]);
    }
    tiny_close(&m);
  }
}

/* LDR_POOL_PAIR: [u; v; |u - v|] of the means of both texts, which part behind the first token that is the last one too; of one text u = v.
   A second text may be its last token alone. */
TEST(a_pair_is_two_means_and_how_they_differ) {
  static const int32_t offsets[] = { 0, 7, 10, 15, 16 }, ids[] = { 3, 5, 9, 6, 7, 5, 9, 3, 5, 4, 3, 8, 5, 9, 9, 7 }, second[] = { 3, 0, 4, 0 };
  size_t f, i, r, k;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 4;
  b.offsets = offsets;
  b.ids = ids;
  for (f = 0; f < FAMILIES; f++) {
    predicted x = predict_batch(families[f], LDR_POOL_PAIR, 0, &b);
    for (r = 0; x.p && r < 4; r++)
      for (i = 0; i < x.w; i++) {
        const float *in = x.p->pass.hidden_in + 3 * r * x.w + i;
        size_t from = (size_t)offsets[r], middle = from + (size_t)second[r], end = (size_t)offsets[r + 1];
        double u = 0, v = 0;
        for (k = from; k < (second[r] ? middle : end); k++) u += (double)x.hidden[k * x.w + i] / (double)((second[r] ? middle : end) - from);
        for (k = middle; k < end; k++) v += (double)x.hidden[k * x.w + i] / (double)(end - middle);
        CHECK_NEAR(in[0], u, 1e-5);
        CHECK_NEAR(in[x.w], v, 1e-5);
        CHECK_NEAR(in[2 * x.w], fabs(u - v), 2e-5);
      }
    predicted_close(&x);
  }
}

/* Of the last block only what the head reads is made, and that in the same bits as with everything else. */
TEST(the_last_block_runs_for_the_rows_that_are_read) {
  static const ldr_pool pools[] = { LDR_POOL_FIRST, LDR_POOL_LAST };
  static const int32_t offsets[] = { 0, 7, 8, 33, 38 };
  int32_t ids[38];
  size_t f, k, i, r;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 4;
  b.offsets = offsets;
  b.ids = ids;
  for (i = 0; i < 38; i++) ids[i] = (int32_t)(3 + i * 7 % 11);
  for (f = 0; f < FAMILIES; f++)
    for (k = 0; k < 2; k++) {
      predicted x = predict_batch(families[f], pools[k], 0, &b);
      for (r = 0; x.p && r < 4; r++)
        for (i = 0; i < x.w; i++) CHECK(x.p->pass.final[r * x.w + i] == x.hidden[(size_t)(pools[k] == LDR_POOL_FIRST ? offsets[r] : offsets[r + 1] - 1) * x.w + i]);
      predicted_close(&x);
    }
}

/* A frozen block runs chunk after chunk of a large batch: each sequence has the bits it has alone, and what the head reads is found. */
TEST(large_batches_run_in_chunks) {
  static const ldr_pool pools[] = { LDR_POOL_FIRST, LDR_POOL_LAST };
  enum { COUNT = 60 };
  int32_t offsets[COUNT + 1], *ids, i, f, k, total;
  ldr_batch b;
  for (i = 0, offsets[0] = 0; i < COUNT; i++) offsets[i + 1] = offsets[i] + 5 + i * 11 % 29;
  total = offsets[COUNT];
  CHECK(total > 2 * LDR__CHUNK);
  ids = (int32_t *)malloc((size_t)total * sizeof(int32_t));
  for (i = 0; i < total; i++) ids[i] = 3 + i * 7 % 11;
  memset(&b, 0, sizeof b);
  b.sequences = COUNT;
  b.offsets = offsets;
  b.ids = ids;
  for (f = 0; f < FAMILIES; f++)
    for (k = 0; k < 2; k++) {
      float alone[64 * 64];
      predicted x = predict_batch(families[f], pools[k], 1, &b);
      CHECK(x.w <= 64);
      for (i = 0; x.p && i < COUNT; i++) {
        int32_t one[2];
        ldr_batch single = one_sequence(one, ids + offsets[i], offsets[i + 1] - offsets[i]);
        CHECK_INT(ldr_model_hidden(x.m.m, alone, &single, -1, &x.err), LDR_OK);
        CHECK(memcmp(alone, x.hidden + (size_t)offsets[i] * x.w, (size_t)one[1] * x.w * sizeof(float)) == 0);
        CHECK(memcmp(x.p->pass.final + (size_t)i * x.w, x.hidden + (size_t)(k ? offsets[i + 1] - 1 : offsets[i]) * x.w, x.w * sizeof(float)) == 0);
      }
      predicted_close(&x);
    }
  free(ids);
}

#define TESTS(X)                                                                                                    \
  X(large_batches_run_in_chunks)                                                                                  \
  X(a_pair_is_two_means_and_how_they_differ) X(the_last_block_runs_for_the_rows_that_are_read) X(ladders_beside_one_another_share_a_pass) X(gradients_of_every_family_and_preset) X(gradients_of_every_head) X(gradients_of_every_gate_mix_and_output)   \
  X(a_wrong_sign_is_caught) X(default_at_r1_is_the_backbone_for_any_gate)                                        \
  X(paper_at_r1_is_the_backbone_with_gates_on_the_side_stream) X(a_slice_starts_as_a_working_copy) X(energy_picks_what_a_naive_count_picks)               \
  X(published_parameter_counts) X(same_bits_for_any_number_of_threads) X(parts_of_a_batch_change_no_bit) X(stop_and_resume_gives_the_same_bits) X(files_have_names_of_choices) X(recomputed_rungs_change_no_bit) X(rounded_taps_touch_only_down_projections)    \
  X(the_tap_cache_changes_nothing) X(accumulation_is_the_large_batch) X(instruction_sets_agree) X(rounded_backbones_stay_near) X(parts_of_the_backbone_change_no_bit) X(packed_floats_change_no_bit) X(large_tensors_are_stepped_in_pieces)                 \
  X(batches_do_not_mix) X(every_preset_learns_and_comes_back_from_its_file) X(early_stopping_keeps_the_best_epoch) \
  X(balanced_class_weights) X(not_a_number_names_step_and_tensor) X(the_plan_is_what_is_allocated)
LDR_TEST_MAIN("ladder", TESTS)
