/* The same numbers as PyTorch: hidden states, logits, losses, gradients, slices, Fisher information
   and optimisers against tests/golden (written by tests/reference/make_golden.py), and real models
   against the outside goldens of the data folder. A relative error is max|a-b| / max|b| of a tensor. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

/* ---- goldens --------------------------------------------------------------------------- */

typedef struct golden {
  ldr_weights *w;
  ldr_model   *m;
  ldr_batch    batch;
  int32_t     *ids, *segments, *offsets;
} golden;

/* A tensor as floats for free(); *n elements, 0 and NULL when there is none. */
static float *floats(const ldr_weights *w, const char *name, size_t *n) {
  const ldr_tensor *t = ldr_weights_find(w, name);
  float *v;
  int32_t i;
  *n = t ? 1 : 0;
  if (!t) return NULL;
  for (i = 0; i < t->dims; i++) *n *= (size_t)t->shape[i];
  v = (float *)malloc(*n * sizeof(float) + 4);
  if (!ldr_tensor_read(v, t, 0, *n)) *n = 0;
  return v;
}

static int32_t *integers(const ldr_weights *w, const char *name, size_t *n) {
  const ldr_tensor *t = ldr_weights_find(w, name);
  int32_t *v = (int32_t *)malloc(t ? (size_t)t->bytes + 4 : 4);
  size_t i;
  *n = t ? (size_t)t->bytes / 4 : 0;
  for (i = 0; i < *n; i++) v[i] = (int32_t)ldr__load_u32((const unsigned char *)t->data + 4 * i);
  return v;
}

/* The relative error against a tensor of the file; 1e30 when it is missing or has another size. */
static double against(const ldr_weights *w, const char *name, const float *a, size_t n) {
  size_t have;
  float *b = floats(w, name, &have);
  double e = have == n && n ? relative(a, b, n, 0) : 1e30;
  if (e > 1e29) printf("  %s: %lu elements, %lu wanted, or not a number\n", name, (unsigned long)have, (unsigned long)n);
  free(b);
  return e;
}

static const char *name2(char *out, size_t cap, const char *a, const char *b) {
  snprintf(out, cap, "%s%s", a, b);
  return out;
}

static int golden_batch(golden *g, const char *prefix) {
  char name[96];
  size_t n, k, s;
  g->ids = integers(g->w, name2(name, sizeof name, prefix, "batch.ids"), &n);
  g->segments = integers(g->w, name2(name, sizeof name, prefix, "batch.segments"), &k);
  g->offsets = integers(g->w, name2(name, sizeof name, prefix, "batch.offsets"), &s);
  if (!n || n != k || s < 2) return 0;
  g->batch.sequences = (int32_t)s - 1;
  g->batch.offsets = g->offsets;
  g->batch.ids = g->ids;
  g->batch.segments = g->segments;
  return 1;
}

static void golden_close(golden *g) {
  ldr_model_free(g->m);
  ldr_weights_close(g->w);
  free(g->ids);
  free(g->segments);
  free(g->offsets);
}

/* Opens tests/golden/parity-NAME.safetensors and the model inside it: tensor `model`, metadata `config`. */
static int golden_open(golden *g, const char *file, const char *prefix, const char *model, ldr_simd simd) {
  char path[256], name[96];
  ldr_error err;
  ldr_model_desc d;
  const ldr_tensor *t;
  const char *config;
  memset(g, 0, sizeof *g);
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  d.threads = 1;
  d.simd = simd;
  snprintf(name, sizeof name, "parity-%s.safetensors", file);
  if (!ldr_test_golden_path(path, sizeof path, name)) printf("  no %s\n", name);
  g->w = ldr_weights_open(path, NULL, &err);
  CHECK_STR(err.message, "");
  t = g->w ? ldr_weights_find(g->w, name2(name, sizeof name, prefix, model)) : NULL;
  config = g->w ? ldr_weights_meta(g->w, name2(name, sizeof name, prefix, "config")) : NULL;
  CHECK(t != NULL && config != NULL);
  if (!t || !config) return 0;
  CHECK(golden_batch(g, prefix));
  g->m = ldr_model_load_memory(config, strlen(config), t->data, (size_t)t->bytes, NULL, 0, &d, &err);
  CHECK_STR(err.message, "");
  return g->m != NULL && g->batch.sequences > 0;
}

/* ---- cases ----------------------------------------------------------------------------- */

static double number(const ldr_json *j, int32_t node, const char *key) { return ldr_json_number(j, ldr_json_get(j, node, key), 0); }
static int32_t whole(const ldr_json *j, int32_t node, const char *key) { return (int32_t)number(j, node, key); }

typedef struct ladder_case {
  char            name[32];
  ldr_ladder_desc d;
  ldr_train_desc  t;
  int32_t         rungs[16];
  float           weights[16];
  int32_t         params;        /* JSON node of the list of names                        */
  int32_t         replaced;      /* Theseus: 1 for every group whose successor runs; -1: all do */
} ladder_case;

static void case_read(ladder_case *c, const ldr_json *j, int32_t node) {
  int32_t list, k;
  memset(c, 0, sizeof *c);
  ldr_json_string(c->name, sizeof c->name, j, ldr_json_get(j, node, "name"));
  c->d.method = (ldr_method)whole(j, node, "method");
  c->d.rank = whole(j, node, "rank");
  c->d.alpha = (float)number(j, node, "alpha");
  c->d.targets = whole(j, node, "targets");
  c->d.bottleneck = whole(j, node, "bottleneck");
  c->d.virtual_tokens = whole(j, node, "virtual_tokens");
  c->d.prompt_hidden = whole(j, node, "prompt_hidden");
  c->d.successors = whole(j, node, "successors");
  c->replaced = ldr_json_get(j, node, "replaced");
  c->d.preset = (ldr_preset)whole(j, node, "preset");
  if (!c->d.preset && !c->d.method) c->d.preset = LDR_PRESET_SLICED;      /* what the goldens call the default */
  c->d.standardise = LDR_OFF;
  c->d.reduction = whole(j, node, "reduction");
  c->d.width = whole(j, node, "width");
  c->d.heads = whole(j, node, "heads");
  c->d.ffn = whole(j, node, "ffn");
  c->d.tap = (ldr_tap)whole(j, node, "tap");
  c->d.gate = (ldr_gate)whole(j, node, "gate");
  c->d.gate_temperature = (float)number(j, node, "gate_temperature");
  c->d.gate_fixed = (float)number(j, node, "gate_fixed");
  c->d.mix = (ldr_mix)whole(j, node, "mix");
  c->d.output = (ldr_output)whole(j, node, "output");
  c->d.slice_heads = (ldr_heads)whole(j, node, "slice_heads");
  c->d.final_norm = (ldr_choice)whole(j, node, "final_norm");
  c->d.down_bias = (ldr_choice)whole(j, node, "down_bias");
  c->d.head = (ldr_head)whole(j, node, "head");
  c->d.value_scale = c->d.head == LDR_HEAD_REGRESS ? 1 : 0;      /* values as they are */
  c->d.pool = (ldr_pool)whole(j, node, "pool");
  c->d.head_hidden = whole(j, node, "head_hidden");
  c->d.span_size = whole(j, node, "span_size");
  c->d.classes = whole(j, node, "classes");
  c->d.dropout = -1;
  c->d.init = LDR_INIT_RANDOM;
  c->d.seed = 3;
  c->t.label_smoothing = (float)number(j, node, "label_smoothing");
  list = ldr_json_get(j, node, "rungs");
  if (list >= 0) {
    for (k = ldr_json_node_at(j, list)->first; k >= 0 && c->d.rung_count < 16; k = ldr_json_node_at(j, k)->next) c->rungs[c->d.rung_count++] = (int32_t)ldr_json_number(j, k, -1);
    c->d.rungs = c->rungs;
  }
  list = ldr_json_get(j, node, "class_weights");
  if (list >= 0) {
    int32_t n = 0;
    for (k = ldr_json_node_at(j, list)->first; k >= 0 && n < 16; k = ldr_json_node_at(j, k)->next) c->weights[n++] = (float)ldr_json_number(j, k, 0);
    c->t.class_weights = c->weights;
  }
  c->params = ldr_json_get(j, node, "params");
}

static ldr_dataset *golden_set(const golden *g, const char *prefix, ldr_head head) {
  ldr_dataset_desc d;
  ldr_dataset *set;
  ldr_error err;
  char name[96];
  size_t n, v;
  int32_t *labels, i;
  float *values;
  memset(&d, 0, sizeof d);
  memset(&err, 0, sizeof err);
  d.head = head;
  d.choices = head == LDR_HEAD_CHOICE ? 2 : 0;
  labels = integers(g->w, name2(name, sizeof name, prefix, ldr__per_token(head) ? "batch.tags" : head == LDR_HEAD_CHOICE ? "batch.choice" : "batch.labels"), &n);
  values = floats(g->w, name2(name, sizeof name, prefix, "batch.values"), &v);
  set = ldr_dataset_create(&d, &err);
  for (i = 0; set && i < g->batch.sequences; i++) {
    ldr_example e;
    memset(&e, 0, sizeof e);
    e.count = g->offsets[i + 1] - g->offsets[i];
    e.ids = g->ids + g->offsets[i];
    e.segments = g->segments + g->offsets[i];
    if (ldr__spans_of(head) & LDR__SPANS_ONE) labels[g->offsets[i]] = LDR_IGNORE;      /* it stands for no span */
    e.labels = labels + (ldr__per_token(head) ? g->offsets[i] : head == LDR_HEAD_CHOICE ? i / 2 : i);
    e.value = values[i];
    ldr_dataset_add(set, &e, &err);
  }
  CHECK_STR(err.message, "");
  free(labels);
  free(values);
  return set;
}

enum { COPY_IN, COMPARE, SAME };

/* Walks the parameters named in the case's list and the tensor that holds them end to end. COPY_IN: sets
   them. COMPARE: largest relative error of value or gradient, where a tensor's scale is at least
   1e-3 of the largest in the file (a key bias has gradient 0 but for rounding). SAME: number of
   differing elements. `but` names an ending to leave out. */
static double walk(const ldr_ladder *l, const ldr_json *j, int32_t list, const ldr_weights *w, const char *tensor, int what, int gradient, const char *but, const char **worst) {
  size_t n, at = 0;
  float *v = floats(w, tensor, &n);
  double result = 0, least = n ? 1e-3 * largest(v, n) : 0;
  int32_t k;
  CHECK(list >= 0 && n > 0);
  for (k = list >= 0 ? ldr_json_node_at(j, list)->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
    char name[96];
    int32_t index;
    ldr_param p;
    size_t size, i;
    double e = 0;
    ldr_json_string(name, sizeof name, j, k);
    index = ldr_ladder_find(l, name);
    if (index < 0) printf("  %s: the ladder has no %s\n", tensor, name);
    CHECK(index >= 0);
    p = ldr_ladder_param(l, index);
    size = (size_t)p.rows * (size_t)p.columns;
    CHECK(at + size <= n);
    if (index < 0 || at + size > n) break;
    if (what == COPY_IN) memcpy(p.value, v + at, size * sizeof(float));
    else if (what == SAME) for (i = 0; i < size; i++) e += p.value[i] != v[at + i];
    else if (!but || strlen(name) < strlen(but) || strcmp(name + strlen(name) - strlen(but), but) != 0) e = relative(gradient ? p.grad : p.value, v + at, size, least);
    at += size;
    if (e > 0 && what == SAME) printf("  %s: %s differs in %g of %lu\n", tensor, name, e, (unsigned long)size);
    if (e > result && worst) *worst = p.name;
    result = what == SAME ? result + e : fmax(result, e);
  }
  CHECK_INT(at, n);
  free(v);
  return result;
}

typedef struct errors { double hidden, lm, logits, loss, gradients, scores; } errors;

static void worse(double *to, double e) { *to = fmax(*to, e); }

/* A seed whose draws replace the groups that the case says. */
static uint64_t seed_of_route(const ladder_case *c, const ldr_json *j, double rate) {
  uint64_t seed;
  for (seed = 0; seed < 1000; seed++) {
    int32_t k = ldr_json_node_at(j, c->replaced)->first, g = 0;
    while (k >= 0 && (ldr__random_unit(ldr__stream(seed, LDR__STREAM_REPLACE, 0), (uint64_t)g) < rate) == (ldr_json_number(j, k, 0) > 0)) {
      k = ldr_json_node_at(j, k)->next;
      g++;
    }
    if (k < 0) break;
  }
  return seed;
}

/* Loss, logits, gradients and predictions of one case. */
static void run_case(const golden *g, const ladder_case *c, const ldr_json *j, errors *worst) {
  ldr_error err;
  ldr_dataset *set = golden_set(g, "", c->d.head);
  ldr_ladder *l;
  char name[96];
  const char *at = "";
  int part;
  memset(&err, 0, sizeof err);
  l = ldr_ladder_create(g->m, &c->d, &err);
  CHECK_STR(err.message, "");
  if (l) {
    CHECK(c->params >= 0);
    CHECK_INT(ldr_ladder_params(l), ldr_json_node_at(j, c->params)->count);
    walk(l, j, c->params, g->w, name2(name, sizeof name, c->name, ".param"), COPY_IN, 0, NULL, NULL);
  }
  for (part = 1; l && part <= 2; part++) {               /* whole, then in two parts               */
    static const int32_t all[] = { 0, 1, 2, 3 };
    ldr_train_desc td = c->t;
    ldr_trainer *t;
    double loss = 0, e;
    float loss_f;
    int32_t n = ldr_dataset_count(set) / (c->d.head == LDR_HEAD_CHOICE ? 2 : 1);
    td.batch = n;
    td.accumulate = part;
    if (c->d.successors) {
      td.replace_rate = c->replaced < 0 ? 1.0f : 0.5f;
      td.seed = c->replaced < 0 ? 0 : seed_of_route(c, j, 0.5);
    }
    t = ldr_trainer_create(l, set, NULL, &td, &err);
    CHECK_STR(err.message, "");
    if (!t) break;
    CHECK_INT(ldr_trainer_gradients(t, &loss, all, n, &err), LDR_OK);
    CHECK_STR(err.message, "");
    loss_f = (float)loss;
    worse(&worst->loss, against(g->w, name2(name, sizeof name, c->name, ".loss"), &loss_f, 1));
    if (part == 1 && c->d.head != LDR_HEAD_WORDS) worse(&worst->logits, against(g->w, name2(name, sizeof name, c->name, ".logits"), t->pass.logits, t->pass.row_count * (size_t)ldr__head_outputs(&l->d)));
    e = walk(l, j, c->params, g->w, name2(name, sizeof name, c->name, ".grad"), COMPARE, 1, NULL, &at);
    if (e > 1e-3) printf("  %s, %d parts: gradient of %s is off by %.2e\n", c->name, part, at, e);
    worse(&worst->gradients, e);
    ldr_trainer_free(t);
  }
  if (l && c->d.head != LDR_HEAD_WORDS && !c->d.span_size && c->replaced < 0) {       /* the pass without a backward; it runs the successors alone */
    size_t n;
    float *z = floats(g->w, name2(name, sizeof name, c->name, ".logits"), &n), *scores = (float *)malloc((n + 1) * sizeof(float));
    ldr_predictor *p = ldr_predictor_create(l, g->batch.sequences, g->offsets[g->batch.sequences], &err);
    CHECK_STR(err.message, "");
    if (p) {
      CHECK_INT(ldr_predict(p, scores, &g->batch, &err), LDR_OK);
      if (c->d.head == LDR_HEAD_CLASSIFY || c->d.head == LDR_HEAD_TOKENS) {
        size_t r, k, m = (size_t)c->d.classes;
        for (r = 0; r + m <= n; r += m) {
          double sum = 0;
          for (k = 0; k < m; k++) sum += exp((double)z[r + k]);
          for (k = 0; k < m; k++) z[r + k] = (float)(exp((double)z[r + k]) / sum);
        }
      }
      worse(&worst->scores, relative(scores, z, n, 0));
    }
    ldr_predictor_free(p);
    free(z);
    free(scores);
  }
  ldr_ladder_free(l);
  ldr_dataset_free(set);
}

/* The array of cases in a metadata key. */
static ldr_json *cases_open(const golden *g, const char *key) {
  const char *text = g->w ? ldr_weights_meta(g->w, key) : NULL;
  ldr_json *j = text ? ldr_json_parse(text, strlen(text), NULL, NULL) : NULL;
  CHECK(j != NULL);
  return j;
}

static void family(const char *file) {
  errors e;
  int simd, cases = 0;
  memset(&e, 0, sizeof e);
  for (simd = LDR_SIMD_PORTABLE; simd <= LDR_SIMD_AVX512; simd++) {
    golden g;
    int open = golden_open(&g, file, "", "model.safetensors", (ldr_simd)simd);
    ldr_json *j = open ? cases_open(&g, "cases") : NULL;
    if (open) {
      ldr_model_info info = ldr_model_info_get(g.m);
      size_t n = (size_t)g.offsets[g.batch.sequences] * (size_t)info.width;
      float *h = (float *)malloc(n * sizeof(float)), *lm = (float *)malloc(5 * (size_t)info.vocabulary * sizeof(float));
      ldr_error err;
      int32_t layer, k;
      memset(&err, 0, sizeof err);
      for (layer = 0; layer <= info.layers; layer++) {
        char name[32];
        snprintf(name, sizeof name, "hidden.%d", (int)layer);
        CHECK_INT(ldr_model_hidden(g.m, h, &g.batch, layer, &err), LDR_OK);
        worse(&e.hidden, against(g.w, name, h, n));
      }
      if (ldr_weights_find(g.w, "lm")) {
        CHECK_INT(ldr_model_logits(g.m, lm, h, 5, &err), LDR_OK);
        worse(&e.lm, against(g.w, "lm", lm, 5 * (size_t)info.vocabulary));
      }
      free(h);
      free(lm);
      for (k = j ? ldr_json_node_at(j, 0)->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
        ladder_case c;
        errors one;
        case_read(&c, j, k);
        memset(&one, 0, sizeof one);
        run_case(&g, &c, j, &one);
        if (one.logits > 1e-4 || one.loss > 1e-4 || one.scores > 1e-4) printf("  %s %s: logits %.2e, loss %.2e, scores %.2e\n", file, c.name, one.logits, one.loss, one.scores);
        worse(&e.logits, one.logits);
        worse(&e.loss, one.loss);
        worse(&e.gradients, one.gradients);
        worse(&e.scores, one.scores);
        cases++;
      }
    }
    ldr_json_free(j);
    golden_close(&g);
  }
  printf("  %s, %d cases and instruction sets: hidden %.1e, own head %.1e, ladder logits %.1e, predictions %.1e, loss %.1e, gradients %.1e\n", file, cases, e.hidden, e.lm, e.logits, e.scores, e.loss, e.gradients);
  CHECK(cases > 0);
  CHECK(e.hidden <= 1e-4);
  CHECK(e.lm <= 1e-4);
  CHECK(e.logits <= 1e-4);
  CHECK(e.scores <= 1e-4);
  CHECK(e.loss <= 1e-4);
  CHECK(e.gradients <= 1e-3);
}

TEST(pytorch_bert) { family("bert"); }
TEST(pytorch_roberta) { family("roberta"); }
TEST(pytorch_albert) { family("albert"); }
TEST(pytorch_distilbert) { family("distilbert"); }
TEST(pytorch_gpt2) { family("gpt2"); }
TEST(pytorch_llama) { family("llama"); }
TEST(pytorch_f16_weights) { family("f16"); }
TEST(pytorch_bf16_weights) { family("bf16"); }

/* ---- slicing --------------------------------------------------------------------------- */

TEST(slices_equal_the_reference) {
  static const char *const files[] = { "bert", "gpt2", "llama" };
  int f, count = 0;
  for (f = 0; f < 3; f++) {
    golden g;
    int open = golden_open(&g, files[f], "", "model.safetensors", LDR_SIMD_AUTO);
    ldr_json *j = open ? cases_open(&g, "slices") : NULL;
    int32_t k;
    for (k = j ? ldr_json_node_at(j, 0)->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
      ladder_case c;
      ldr_ladder *l;
      ldr_error err;
      char name[96];
      memset(&err, 0, sizeof err);
      case_read(&c, j, k);
      c.d.init = LDR_INIT_SLICE;
      l = ldr_ladder_create(g.m, &c.d, &err);
      CHECK_STR(err.message, "");
      if (l) CHECK_NEAR(walk(l, j, c.params, g.w, name2(name, sizeof name, c.name, ".slice"), SAME, 0, NULL, NULL), 0, 0);
      ldr_ladder_free(l);
      count++;
    }
    ldr_json_free(j);
    golden_close(&g);
  }
  CHECK_INT(count, 8);
}

/* ---- Fisher information ------------------------------------------------------------------ */

/* F of all four sequences with the golden's own head, through the library's inner functions: the head
   it would draw itself is random. Then the slices that follow from F. */
static void fisher(const char *name, double *worst_f, double *worst_embedding) {
  golden g;
  char prefix[32], full[96];
  snprintf(prefix, sizeof prefix, "%s.", name);
  if (golden_open(&g, "fisher", prefix, "model", LDR_SIMD_AUTO)) {
    const char *head_text = ldr_weights_meta(g.w, name2(full, sizeof full, prefix, "head"));
    ldr_head head = head_text ? (ldr_head)atoi(head_text) : LDR_HEAD_CLASSIFY;
    ldr_dataset *set = golden_set(&g, prefix, head);
    ldr_ladder_desc hd;
    ldr_train_desc back;
    ldr_ladder *l;
    ldr_error err;
    ldr__plan plan;
    ldr__importance im;
    ldr__pass s;
    int32_t i;
    int pass;
    memset(&err, 0, sizeof err);
    memset(&hd, 0, sizeof hd);
    memset(&plan, 0, sizeof plan);
    memset(&back, 0, sizeof back);
    hd.method = LDR_METHOD_FULL;
    hd.head = head;
    hd.classes = 3;
    l = ldr_ladder_create(g.m, &hd, &err);
    CHECK_STR(err.message, "");
    if (!l) return;
    for (i = 0; i < ldr_ladder_params(l); i++) {
      ldr_param p = ldr_ladder_param(l, i);
      size_t n;
      float *v;
      if (strncmp(p.name, "head.", 5) != 0) continue;
      snprintf(full, sizeof full, "%sparam.%s", prefix, p.name);
      v = floats(g.w, full, &n);
      CHECK_INT(n, p.rows * p.columns);
      if (n == (size_t)(p.rows * p.columns)) memcpy(p.value, v, n * sizeof(float));
      free(v);
    }
    for (pass = 0; pass < 2; pass++) {
      if (pass) CHECK_INT(ldr__plan_begin(&plan, &l->alloc, &err), LDR_OK);
      ldr__importance_place(&plan, &im, g.m, LDR_FISHER);
      ldr__pass_place(&plan, &s, l, ldr__limits_of(16, 1), &back);
      l->grads = ldr__place_floats(&plan, "gradients", l->size);
    }
    for (i = 0; i < g.batch.sequences; i++) {
      ldr__pass_load(&s, set, &i, 1, NULL, 0, 0);
      s.t.frequency = g.m->frequency;
      ldr__fisher_sample(&im, &s, 0);
    }
    {
      size_t blocks = g.m->family->shared ? 1 : (size_t)g.m->layers, n, b, at;
      float *f = floats(g.w, name2(full, sizeof full, prefix, "F"), &n), *embedding;
      int slot;
      CHECK_INT(n, blocks * im.block_size);
      for (b = 0; b < blocks && n == blocks * im.block_size; b++)
        for (slot = 0; slot < LDR__SLOTS; slot++) {
          size_t size = ldr__slot_size(&g.m->shape, slot, NULL, NULL);
          double e;
          at = b * im.block_size + im.slot_offset[slot];
          if (!size) continue;
          e = relative(im.fisher + at, f + at, size, 1e-6 * largest(f, n));
          if (e > 1e-3) printf("  %s block %lu: F of %s is off by %.2e\n", name, (unsigned long)b, ldr__slot_names[slot], e);
          worse(worst_f, e);
        }
      free(f);
      embedding = floats(g.w, name2(full, sizeof full, prefix, "embedding"), &n);
      if (embedding) {
        float *mine = (float *)malloc(n * sizeof(float));
        CHECK_INT(n, g.m->shape.width);
        for (at = 0; at < n; at++) mine[at] = (float)im.embedding[at];
        worse(worst_embedding, relative(mine, embedding, n, 0));
        free(mine);
      }
      free(embedding);
    }
    if (strcmp(name, "bert") == 0) {
      ldr_json *j = cases_open(&g, "slices");
      int32_t node, count = 0;
      for (node = j ? ldr_json_node_at(j, 0)->first : -1; node >= 0; node = ldr_json_node_at(j, node)->next) {
        ladder_case c;
        ldr_ladder *side;
        ldr__plan room;
        ldr__cut cut;
        int32_t *running = NULL;
        case_read(&c, j, node);
        side = ldr_ladder_create(g.m, &c.d, &err);
        CHECK_STR(err.message, "");
        if (!side) continue;
        memset(&room, 0, sizeof room);
        for (pass = 0; pass < 2; pass++) {
          if (pass) CHECK_INT(ldr__plan_begin(&room, &side->alloc, &err), LDR_OK);
          ldr__cut_place(&room, &cut, &side->side);
          running = (int32_t *)ldr__place(&room, "slices", (size_t)side->d.width, sizeof(int32_t));
        }
        if (c.d.preset != LDR_PRESET_PAPER) ldr__importance_units(&im, NULL);
        ldr__slice_all(side, &im, &cut, &running);
        CHECK_NEAR(walk(side, j, c.params, g.w, name2(full, sizeof full, c.name, ".slice"), SAME, 0, NULL, NULL), 0, 0);
        ldr__plan_end(room.memory, room.size, &side->alloc);
        ldr_ladder_free(side);
        count++;
      }
      CHECK_INT(count, 2);
      ldr_json_free(j);
    }
    ldr__plan_end(plan.memory, plan.size, &l->alloc);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
  }
  golden_close(&g);
}

TEST(fisher_information) {
  static const char *const names[] = { "bert", "albert", "gpt2", "llama" };
  int i;
  for (i = 0; i < 4; i++) {
    double f = 0, embedding = 0;
    fisher(names[i], &f, &embedding);
    printf("  Fisher, %s: weights %.1e", names[i], f);
    if (strcmp(names[i], "albert") != 0) printf(", embedding %.1e", embedding);       /* it projects its embeddings: no golden */
    printf("\n");
    CHECK(f <= 1e-3);
    CHECK(embedding <= 1e-3);
  }
}

/* ---- optimisers and training -------------------------------------------------------------- */

/* Five steps of every optimiser on fixed gradients. */
TEST(optimisers_equal_torch) {
  golden g, o;
  char path[256];
  double worst = 0;
  int open = golden_open(&g, "bert", "", "model.safetensors", LDR_SIMD_AUTO), count = 0;
  memset(&o, 0, sizeof o);
  if (ldr_test_golden_path(path, sizeof path, "parity-optim.safetensors")) o.w = ldr_weights_open(path, NULL, NULL);
  CHECK(o.w != NULL);
  if (open && o.w) {
    ldr_ladder_desc hd;
    ldr_ladder *l;
    ldr_error err;
    ldr_json *j = cases_open(&o, "runs");
    float *state;
    int32_t k, p, step;
    memset(&err, 0, sizeof err);
    memset(&hd, 0, sizeof hd);
    hd.preset = LDR_PRESET_HEAD;
    hd.standardise = LDR_OFF;
    hd.head_hidden = 7;
    hd.classes = 3;
    l = ldr_ladder_create(g.m, &hd, &err);
    CHECK_STR(err.message, "");
    if (!l) return;
    state = (float *)malloc(3 * l->size * sizeof(float));
    l->grads = state;
    for (k = j ? ldr_json_node_at(j, 0)->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
      ldr_train_desc d;
      char run[32], name[96];
      double clip = number(j, k, "clip"), one = 0;
      memset(&d, 0, sizeof d);
      memset(state, 0, 3 * l->size * sizeof(float));
      ldr_json_string(run, sizeof run, j, ldr_json_get(j, k, "name"));
      d.optimizer = (ldr_optimizer)whole(j, k, "optimizer");
      d.rate = (float)number(j, k, "rate");
      d.beta1 = (float)number(j, k, "beta1");
      d.beta2 = (float)number(j, k, "beta2");
      d.epsilon = (float)number(j, k, "epsilon");
      d.momentum = (float)number(j, k, "momentum");
      d.nesterov = whole(j, k, "nesterov");
      d.weight_decay = (float)number(j, k, "weight_decay");
      d = ldr_train_desc_defaults(NULL, &d);
      for (step = -1; step < 5; step++) {
        double scale = 1, norm;
        for (p = 0; p < ldr_ladder_params(l); p++) {
          ldr_param q = ldr_ladder_param(l, p);
          size_t n;
          float *v;
          if (step < 0) snprintf(name, sizeof name, "start.%s", q.name);
          else snprintf(name, sizeof name, "grad.%d.%s", (int)step, q.name);
          v = floats(o.w, name, &n);
          CHECK_INT(n, q.rows * q.columns);
          if (v) memcpy(step < 0 ? q.value : q.grad, v, n * sizeof(float));
          free(v);
        }
        if (step < 0) continue;
        norm = ldr__gradient_norm(l);
        if (clip > 0 && norm > clip) scale = clip / (norm + 1e-6);
        ldr__optimise(l, 0, state + l->size, state + 2 * l->size, &d, (double)d.rate, scale, step + 1);
      }
      for (p = 0; p < ldr_ladder_params(l); p++) {
        ldr_param q = ldr_ladder_param(l, p);
        snprintf(name, sizeof name, "%s.%s", run, q.name);
        worse(&one, against(o.w, name, q.value, (size_t)(q.rows * q.columns)));
      }
      if (one > 1e-4) printf("  %s is off by %.2e\n", run, one);
      worse(&worst, one);
      count++;
    }
    l->grads = NULL;
    free(state);
    ldr_json_free(j);
    ldr_ladder_free(l);
  }
  ldr_weights_close(o.w);
  golden_close(&g);
  printf("  %d optimisers, five steps: %.1e\n", count, worst);
  CHECK_INT(count, 12);
  CHECK(worst <= 1e-4);
}

/* A whole training run: five steps of AdamW with warm-up, linear decay and clipping. */
TEST(training_equals_torch) {
  static const char *const files[] = { "bert", "llama" };
  int f;
  for (f = 0; f < 2; f++) {
    golden g;
    double e = 1e30;
    int open = golden_open(&g, files[f], "", "model.safetensors", LDR_SIMD_AUTO);
    ldr_json *j = open ? cases_open(&g, "cases") : NULL;
    if (j) {
      ladder_case c;
      ldr_error err;
      ldr_ladder *l;
      ldr_dataset *set;
      char name[96];
      memset(&err, 0, sizeof err);
      case_read(&c, j, ldr_json_node_at(j, 0)->first);
      set = golden_set(&g, "", c.d.head);
      l = ldr_ladder_create(g.m, &c.d, &err);
      CHECK_STR(err.message, "");
      if (l) {
        walk(l, j, c.params, g.w, name2(name, sizeof name, c.name, ".param"), COPY_IN, 0, NULL, NULL);
        c.t.epochs = 5;
        c.t.batch = 4;
        c.t.rate = 0.01f;
        c.t.weight_decay = 0.02f;
        c.t.clip = 0.5f;
        c.t.warmup = 0.4f;
        CHECK_INT(ldr_fit(l, set, NULL, &c.t, NULL, &err), LDR_OK);
        CHECK_STR(err.message, "");
        /* without the key's bias: its gradient is 0 but for rounding, which Adam magnifies */
        e = walk(l, j, c.params, g.w, "train.param", COMPARE, 0, "key.bias", NULL);
      }
      ldr_ladder_free(l);
      ldr_dataset_free(set);
    }
    ldr_json_free(j);
    golden_close(&g);
    printf("  five steps of training, %s: parameters %.1e\n", files[f], e);
    CHECK(e <= 1e-3);
  }
}

/* ---- real models ---------------------------------------------------------------------------- */

static void folder_of(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) *slash = 0;
}

static ldr_model *load_folder(const char *dir, ldr_error *err) {
  ldr_model_desc d;
  memset(&d, 0, sizeof d);
  d.threads = 1;
  return ldr_model_load(dir, &d, err);
}

/* Ids of a JSON array behind the n that are there; returns the new count. */
static int32_t ids_of(int32_t *ids, int32_t n, int32_t cap, const ldr_json *j, int32_t node) {
  int32_t k;
  for (k = node >= 0 ? ldr_json_node_at(j, node)->first : -1; k >= 0 && n < cap; k = ldr_json_node_at(j, k)->next) ids[n++] = (int32_t)ldr_json_number(j, k, -1);
  return n;
}

static size_t floats_of(float *v, size_t cap, const ldr_json *j, int32_t node) {
  size_t n = 0;
  int32_t k;
  for (k = node >= 0 ? ldr_json_node_at(j, node)->first : -1; k >= 0 && n < cap; k = ldr_json_node_at(j, k)->next) v[n++] = (float)ldr_json_number(j, k, NAN);
  return n;
}

/* Every layer of every case, and the sums of the masked-LM logits. */
static void mini(const char *name, char *path) {
  ldr_error err;
  ldr_weights *w;
  ldr_model *m;
  ldr_encoding text;
  double hidden = 0, sums = 0;
  int32_t k, cases = 0;
  memset(&err, 0, sizeof err);
  memset(&text, 0, sizeof text);
  w = ldr_weights_open(path, NULL, &err);
  folder_of(path);
  m = load_folder(path, &err);
  CHECK_STR(err.message, "");
  for (k = 0; w && m; k++, cases++) {
    char key[48];
    const char *words;
    size_t n, width = (size_t)ldr_model_info_get(m).width, vocabulary = (size_t)ldr_model_info_get(m).vocabulary, i, v;
    int32_t offsets[2], layer, *ids;
    float *h, *z, *s;
    ldr_batch b;
    snprintf(key, sizeof key, "case%d.ids", (int)k);
    if (!ldr_weights_find(w, key)) break;
    ids = integers(w, key, &n);
    snprintf(key, sizeof key, "case%d.text", (int)k);
    words = ldr_weights_meta(w, key);
    if (words && ldr_model_tokenizer(m)) {
      CHECK_INT(ldr_tokenizer_encode(ldr_model_tokenizer(m), &text, words, strlen(words), NULL, 0, 0, 1, &err), LDR_OK);
      CHECK_INT(text.count, n);
      CHECK(text.count == (int32_t)n && memcmp(text.ids, ids, n * sizeof(int32_t)) == 0);
    }
    b = one_sequence(offsets, ids, (int32_t)n);
    h = (float *)malloc(n * width * sizeof(float));
    z = (float *)malloc(n * vocabulary * sizeof(float));
    s = (float *)malloc(n * sizeof(float));
    for (layer = 0; layer <= ldr_model_info_get(m).layers; layer++) {
      snprintf(key, sizeof key, "case%d.layer%d", (int)k, (int)layer);
      CHECK_INT(ldr_model_hidden(m, h, &b, layer, &err), LDR_OK);
      worse(&hidden, against(w, key, h, n * width));
    }
    CHECK_INT(ldr_model_logits(m, z, h, (int32_t)n, &err), LDR_OK);
    for (i = 0; i < n; i++) {
      double sum = 0;
      for (v = 0; v < vocabulary; v++) sum += (double)z[i * vocabulary + v];
      s[i] = (float)sum;
    }
    snprintf(key, sizeof key, "case%d.mlm_logits_sum", (int)k);
    worse(&sums, against(w, key, s, n));
    free(ids);
    free(h);
    free(z);
    free(s);
  }
  CHECK_STR(err.message, "");
  ldr_encoding_free(&text);
  ldr_model_free(m);
  ldr_weights_close(w);
  printf("  %s, %d cases: every layer %.1e, sums of logits %.1e\n", name, (int)cases, hidden, sums);
  CHECK(cases > 0);
  CHECK(hidden <= 2e-3);
  CHECK(sums <= 2e-3);
}

TEST(outside_zh_mini) {
  char path[512];
  NEED_DATA(path, "models/zh-mini/golden.safetensors");
  mini("zh-mini", path);
}

TEST(outside_en_mini) {
  char path[512];
  NEED_DATA(path, "models/en-mini/golden.safetensors");
  mini("en-mini", path);
}

/* 64 positions of logits by llama.cpp, and its greedy continuation. */
TEST(outside_stories260k) {
  char path[512], logits_path[512];
  ldr_error err;
  ldr_json *j;
  ldr_model *m;
  char *text, *want;
  size_t size, want_size;
  int32_t ids[64], offsets[2], prompt, n, i;
  NEED_DATA(path, "models/stories260k/ref-f32.json");
  NEED_DATA(logits_path, "models/stories260k/ref-f32.logits.f32");
  memset(&err, 0, sizeof err);
  text = ldr_test_read(path, &size);
  want = ldr_test_read(logits_path, &want_size);
  j = ldr_json_parse(text, size, NULL, &err);
  prompt = ids_of(ids, 0, 64, j, ldr_json_get(j, 0, "prompt_ids"));
  n = ids_of(ids, prompt, 64, j, ldr_json_get(j, 0, "greedy_ids"));
  folder_of(path);
  m = load_folder(path, &err);
  CHECK_STR(err.message, "");
  CHECK_INT(n, 64);
  CHECK_INT(want_size, 64 * 512 * 4);
  if (m && n == 64 && want_size == 64 * 512 * 4) {
    float *h = (float *)malloc(64 * 64 * sizeof(float)), *z = (float *)malloc(64 * 512 * sizeof(float)), *golden_z = (float *)malloc(64 * 512 * sizeof(float));
    ldr_batch b = one_sequence(offsets, ids, n);
    int32_t greedy = 0;
    double e;
    memcpy(golden_z, want, want_size);
    CHECK_INT(ldr_model_hidden(m, h, &b, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_logits(m, z, h, n, &err), LDR_OK);
    e = relative(z, golden_z, 64 * 512, 0);
    for (i = prompt; i < n; i++) {                     /* token by token, from the prompt alone   */
      int32_t v, best = 0;
      b = one_sequence(offsets, ids, i);
      CHECK_INT(ldr_model_hidden(m, h, &b, -1, &err), LDR_OK);
      CHECK_INT(ldr_model_logits(m, z, h + (size_t)(i - 1) * 64, 1, &err), LDR_OK);
      for (v = 1; v < 512; v++)
        if (z[v] > z[best]) best = v;
      greedy += best == ids[i];
    }
    printf("  stories260k: logits %.1e, %d of %d greedy tokens\n", e, (int)greedy, (int)(n - prompt));
    CHECK(e <= 1e-4);
    CHECK_INT(greedy, n - prompt);
    free(h);
    free(z);
    free(golden_z);
  }
  ldr_model_free(m);
  ldr_json_free(j);
  free(text);
  free(want);
}

TEST(outside_albert_rxnmapper) {
  char path[512];
  ldr_error err;
  ldr_json *j;
  ldr_model *m;
  char *text;
  size_t size;
  double cls = 0, mlm = 1e30;
  int32_t cases = 0;
  NEED_DATA(path, "models/albert-rxnmapper/golden.json");
  memset(&err, 0, sizeof err);
  text = ldr_test_read(path, &size);
  j = ldr_json_parse(text, size, NULL, &err);
  folder_of(path);
  m = load_folder(path, &err);
  CHECK_STR(err.message, "");
  if (m && j) {
    int32_t ids[512], offsets[2], n, k, node = ldr_json_get(j, 0, "cases"), place;
    size_t width = (size_t)ldr_model_info_get(m).width, vocabulary = (size_t)ldr_model_info_get(m).vocabulary;
    float *h = (float *)malloc(512 * width * sizeof(float)), *want = (float *)malloc(4096 * sizeof(float)), *z = (float *)malloc(vocabulary * sizeof(float));
    ldr_batch b;
    for (k = node >= 0 ? ldr_json_node_at(j, node)->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next, cases++) {
      n = ids_of(ids, 0, 512, j, ldr_json_get(j, k, "input_ids"));
      b = one_sequence(offsets, ids, n);
      CHECK_INT(ldr_model_hidden(m, h, &b, -1, &err), LDR_OK);
      CHECK_INT(floats_of(want, 4096, j, ldr_json_get(j, k, "last_hidden_cls")), width);
      worse(&cls, relative(h, want, width, 0));
    }
    node = ldr_json_get(j, 0, "mlm");
    n = ids_of(ids, 0, 512, j, ldr_json_get(j, node, "input_ids"));
    place = whole(j, node, "position");
    b = one_sequence(offsets, ids, n);
    CHECK_INT(ldr_model_hidden(m, h, &b, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_logits(m, z, h + (size_t)place * width, 1, &err), LDR_OK);
    CHECK_INT(floats_of(want, 4096, j, ldr_json_get(j, node, "logits")), vocabulary);
    mlm = relative(z, want, vocabulary, 0);
    free(h);
    free(want);
    free(z);
  }
  CHECK_STR(err.message, "");
  ldr_model_free(m);
  ldr_json_free(j);
  free(text);
  printf("  albert-rxnmapper, %d cases: last hidden state %.1e, masked-LM logits %.1e\n", (int)cases, cls, mlm);
  CHECK(cases > 0);
  CHECK(cls <= 1e-4);
  CHECK(mlm <= 1e-4);
}

/* The published conversion lost the attention biases: such a model must not load. */
TEST(outside_gpt_nano_without_biases_is_refused) {
  char path[512];
  ldr_error err;
  ldr_model *m;
  NEED_DATA(path, "models/gpt-nano-sort/model.safetensors");
  memset(&err, 0, sizeof err);
  folder_of(path);
  m = load_folder(path, &err);
  CHECK(m == NULL);
  CHECK_INT(err.status, LDR_MISSING);
  CHECK(strstr(err.message, "transformer.h.0.attn.c_attn.bias") != NULL);
  ldr_model_free(m);
}

/* All tensors of two files as one safetensors file in memory, for free(). */
static char *join(const ldr_weights *a, const ldr_weights *b, size_t *size) {
  size_t count = (size_t)(ldr_weights_count(a) + ldr_weights_count(b)), cap = 16 + count * 256, used = 0, body = 0, pad, i, at;
  char *head = (char *)malloc(cap), *out;
  for (i = 0; i < count; i++) {
    const ldr_tensor *t = i < (size_t)ldr_weights_count(a) ? ldr_weights_at(a, (int32_t)i) : ldr_weights_at(b, (int32_t)i - ldr_weights_count(a));
    int32_t k;
    used += (size_t)snprintf(head + used, cap - used, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "{", t->name, ldr_dtype_name(t->dtype));
    for (k = 0; k < t->dims; k++) used += (size_t)snprintf(head + used, cap - used, "%s%lld", k ? "," : "", (long long)t->shape[k]);
    used += (size_t)snprintf(head + used, cap - used, "],\"data_offsets\":[%lu,%lu]}", (unsigned long)body, (unsigned long)(body + (size_t)t->bytes));
    body += (size_t)t->bytes;
  }
  head[used++] = '}';
  pad = (used + 7) / 8 * 8;
  *size = 8 + pad + body;
  out = (char *)malloc(*size);
  memset(out, ' ', 8 + pad);
  for (i = 0; i < 8; i++) out[i] = (char)(unsigned char)((uint64_t)pad >> (8 * i) & 255);
  memcpy(out + 8, head, used);
  for (i = 0, at = 8 + pad; i < count; i++) {
    const ldr_tensor *t = i < (size_t)ldr_weights_count(a) ? ldr_weights_at(a, (int32_t)i) : ldr_weights_at(b, (int32_t)i - ldr_weights_count(a));
    memcpy(out + at, t->data, (size_t)t->bytes);
    at += (size_t)t->bytes;
  }
  free(head);
  return out;
}

/* With the biases that its own activations imply (tests/reference/make_gpt_nano_bias.py). */
TEST(outside_gpt_nano_sort) {
  static const char *const stages[] = { "x", "block0", "block1", "ln_f" };
  char path[512], bias_path[256], config_path[600];
  ldr_error err;
  ldr_weights *w, *bias, *partials;
  ldr_model *m;
  ldr_model_desc d;
  char *file, *config;
  size_t size, config_size;
  double worst = 0, e;
  NEED_DATA(path, "models/gpt-nano-sort/golden_partials.safetensors");
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  d.threads = 1;
  CHECK(ldr_test_golden_path(bias_path, sizeof bias_path, "gpt-nano-bias.safetensors"));
  partials = ldr_weights_open(path, NULL, &err);
  folder_of(path);
  w = ldr_weights_open(path, NULL, &err);
  if (!w) {                                              /* two weight files in one folder          */
    snprintf(config_path, sizeof config_path, "%s/model.safetensors", path);
    memset(&err, 0, sizeof err);
    w = ldr_weights_open(config_path, NULL, &err);
  }
  bias = ldr_weights_open(bias_path, NULL, &err);
  snprintf(config_path, sizeof config_path, "%s/config.json", path);
  config = ldr_test_read(config_path, &config_size);
  CHECK_STR(err.message, "");
  if (w && bias && partials && config) {
    file = join(w, bias, &size);
    m = ldr_model_load_memory(config, config_size, file, size, NULL, 0, &d, &err);
    CHECK_STR(err.message, "");
    if (m) {
      size_t n;
      float *idx = floats(partials, "idx", &n), h[33 * 48], z[33 * 3];
      int32_t ids[33], offsets[4] = { 0, 11, 22, 33 }, i;
      ldr_batch b;
      CHECK_INT(n, 33);
      for (i = 0; i < 33; i++) ids[i] = (int32_t)idx[i];
      memset(&b, 0, sizeof b);
      b.sequences = 3;
      b.offsets = offsets;
      b.ids = ids;
      for (i = 0; i < 4; i++) {
        CHECK_INT(ldr_model_hidden(m, h, &b, i, &err), LDR_OK);
        e = against(partials, stages[i], h, 33 * 48);
        if (e > 1e-4) printf("  gpt-nano-sort: %s is off by %.2e\n", stages[i], e);
        worse(&worst, e);
      }
      CHECK_INT(ldr_model_logits(m, z, h, 33, &err), LDR_OK);
      e = against(partials, "lm_head", z, 33 * 3);
      printf("  gpt-nano-sort: stages %.1e, logits %.1e\n", worst, e);
      CHECK(worst <= 1e-4);
      CHECK(e <= 1e-4);
      free(idx);
    }
    ldr_model_free(m);
    free(file);
  }
  free(config);
  ldr_weights_close(w);
  ldr_weights_close(bias);
  ldr_weights_close(partials);
}

/* The vectors of these words, as they are when the model has scaled them; to be freed. */
static float *vectors_of_words(const ldr_model *m, const int32_t *ids, int32_t n) {
  size_t e = (size_t)m->embed_width, i;
  float *rows = (float *)malloc((size_t)n * e * sizeof *rows);
  int32_t t;
  for (t = 0; t < n; t++) {
    ldr__mat_run(m->kernels, rows + (size_t)t * e, &m->ends.m[LDR__WORD], (size_t)ids[t], 0, e);
    for (i = 0; m->word_scale > 0 && i < e; i++) rows[(size_t)t * e + i] *= m->word_scale;
  }
  return rows;
}

/* Words' vectors, given, are the words: the same bits at every layer, in every family; positions and segments are added to them, norms
   and projections follow. */
TEST(given_vectors_stand_for_words) {
  static const int32_t ids[] = { 5, 1, 9, 3, 7, 2, 8, 4, 6 }, offsets[] = { 0, 4, 9 }, segments[] = { 0, 0, 1, 1, 0, 0, 0, 1, 1 };
  int f, scaled = 0;
  for (f = 0; f <= FAMILIES; f++) {
    tiny_spec s = tiny_default(f < FAMILIES ? families[f] : "gemma");
    ldr_error err;
    tiny_model tiny;
    ldr_batch b;
    ldr_model_info info;
    float *rows, *want, *got, *logits[2];
    int32_t layer;
    memset(&err, 0, sizeof err);
    memset(&b, 0, sizeof b);
    s.lm = 1;
    tiny = tiny_open(s, &err);
    CHECK_STR(err.message, "");
    if (!tiny.m) continue;
    info = ldr_model_info_get(tiny.m);
    scaled += tiny.m->word_scale > 0;
    b.sequences = 2;
    b.offsets = offsets;
    b.segments = tiny.m->segments > 1 ? segments : NULL;
    rows = vectors_of_words(tiny.m, ids, 9);
    want = (float *)malloc(9 * (size_t)info.width * sizeof *want);
    got = (float *)malloc(9 * (size_t)info.width * sizeof *got);
    logits[0] = (float *)malloc(9 * (size_t)info.vocabulary * sizeof(float));
    logits[1] = (float *)malloc(9 * (size_t)info.vocabulary * sizeof(float));
    for (layer = -1; layer <= info.layers; layer++) {
      b.ids = ids;
      b.rows = NULL;
      CHECK_INT(ldr_model_hidden(tiny.m, want, &b, layer, &err), LDR_OK);
      b.ids = NULL;
      b.rows = rows;
      CHECK_INT(ldr_model_hidden(tiny.m, got, &b, layer, &err), LDR_OK);
      CHECK_STR(err.message, "");
      CHECK(memcmp(want, got, 9 * (size_t)info.width * sizeof *got) == 0);
      if (layer == -1 && info.has_logits) {
        CHECK(!ldr_model_logits(tiny.m, logits[0], want, 9, &err) && !ldr_model_logits(tiny.m, logits[1], got, 9, &err));
        CHECK(memcmp(logits[0], logits[1], 9 * (size_t)info.vocabulary * sizeof(float)) == 0);
      }
    }
    rows[7] += 0.5f;                       /* and they are what is read */
    CHECK_INT(ldr_model_hidden(tiny.m, got, &b, -1, &err), LDR_OK);
    CHECK(memcmp(want, got, 9 * (size_t)info.width * sizeof *got) != 0);
    b.ids = segments + 1;                  /* ids beside them are not */
    memcpy(want, got, 9 * (size_t)info.width * sizeof *got);
    CHECK_INT(ldr_model_hidden(tiny.m, got, &b, -1, &err), LDR_OK);
    CHECK(memcmp(want, got, 9 * (size_t)info.width * sizeof *got) == 0);
    free(rows);
    free(want);
    free(got);
    free(logits[0]);
    free(logits[1]);
    tiny_close(&tiny);
  }
  CHECK(scaled > 0);
}

/* A T5 whose source, or decoder, or both get vectors. */
TEST(given_vectors_stand_for_a_source) {
  static const int32_t ids[] = { 5, 1, 9, 3 }, said[] = { 0, 7, 8 }, ends[] = { 0, 4 }, said_ends[] = { 0, 3 };
  ldr_error err;
  ldr_model *m;
  ldr_batch b, source;
  float want[3 * 16], got[3 * 16], *rows, *said_rows;
  int i;
  memset(&err, 0, sizeof err);
  memset(&b, 0, sizeof b);
  memset(&source, 0, sizeof source);
  if (!ldr_test_exists("golden/t5/config.json")) SKIP("not in the tests folder");
  m = ldr_model_load("golden/t5", NULL, &err);
  CHECK_STR(err.message, "");
  if (!m) return;
  rows = vectors_of_words(ldr_model_encoder(m), ids, 4);
  said_rows = vectors_of_words(m, said, 3);
  b.sequences = source.sequences = 1;
  b.offsets = said_ends;
  source.offsets = ends;
  b.source = &source;
  for (i = 0; i < 4; i++) {
    source.ids = i & 1 ? NULL : ids;
    source.rows = i & 1 ? rows : NULL;
    b.ids = i & 2 ? NULL : said;
    b.rows = i & 2 ? said_rows : NULL;
    CHECK_INT(ldr_model_hidden(m, i ? got : want, &b, -1, &err), LDR_OK);
    CHECK_STR(err.message, "");
    if (i) CHECK(memcmp(want, got, sizeof want) == 0);
  }
  rows[20] = NAN;
  CHECK_INT(ldr_model_hidden(m, got, &b, -1, &err), LDR_NUMERIC);
  CHECK(strstr(err.message, "source: ldr_batch.rows: number 4 of row 1 is not finite"));
  memset(&err, 0, sizeof err);
  source.rows = NULL;
  CHECK_INT(ldr_model_hidden(m, got, &b, -1, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "source: a batch needs ids or rows"));
  free(rows);
  free(said_rows);
  ldr_model_free(m);
}

/* No words and no vectors, vectors that are no numbers, and who does not take them. */
TEST(vectors_that_cannot_be_are_refused) {
  static const int32_t ids[] = { 5, 1, 9 };
  int32_t offsets[2];
  tiny_spec s = tiny_default("bert");
  ldr_ladder_desc d;
  ldr_error err;
  tiny_model tiny;
  ldr_ladder *l;
  ldr_predictor *p;
  ldr_batch b = one_sequence(offsets, NULL, 3);
  float *rows, hidden[3 * 64], scores[8];
  int i;
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  tiny = tiny_open(s, &err);
  CHECK(ldr_model_info_get(tiny.m).width <= 64);
  CHECK_INT(ldr_model_hidden(tiny.m, hidden, &b, -1, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "a batch needs ids or rows"));
  rows = vectors_of_words(tiny.m, ids, 3);
  b.rows = rows;
  for (i = 0; i < 2; i++) {
    memset(&err, 0, sizeof err);
    rows[2 * tiny.m->embed_width + 1] = i ? NAN : INFINITY;
    CHECK_INT(ldr_model_hidden(tiny.m, hidden, &b, 0, &err), LDR_NUMERIC);
    CHECK(strstr(err.message, "ldr_batch.rows: number 1 of row 2 is not finite"));
  }
  rows[2 * tiny.m->embed_width + 1] = 1;
  memset(&err, 0, sizeof err);
  d.classes = 3;
  l = ldr_ladder_create(tiny.m, &d, &err);
  p = l ? ldr_predictor_create(l, 1, 8, &err) : NULL;
  CHECK_STR(err.message, "");
  if (p) CHECK_INT(ldr_predict(p, scores, &b, &err), LDR_UNSUPPORTED);
  CHECK(strstr(err.message, "ldr_batch.rows"));
  ldr_predictor_free(p);
  ldr_ladder_free(l);
  free(rows);
  tiny_close(&tiny);
}

#define TESTS(X)                                                                                                                 \
  X(pytorch_bert) X(pytorch_roberta) X(pytorch_albert) X(pytorch_distilbert) X(pytorch_gpt2) X(pytorch_llama)                  \
  X(pytorch_f16_weights) X(pytorch_bf16_weights) X(slices_equal_the_reference) X(fisher_information)                            \
  X(optimisers_equal_torch) X(training_equals_torch) X(outside_zh_mini) X(outside_en_mini) X(outside_stories260k)              \
  X(outside_albert_rxnmapper) X(outside_gpt_nano_without_biases_is_refused) X(outside_gpt_nano_sort)              \
  X(given_vectors_stand_for_words) X(given_vectors_stand_for_a_source) X(vectors_that_cannot_be_are_refused)
LDR_TEST_MAIN("parity", TESTS)
