/* Saved ladders and saved runs: any bytes load or are refused, and what loads predicts or goes on. Half of the files get the checksum
   that belongs to them, so that what lies behind it is reached. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

enum { FUZZ_KINDS = 5, FUZZ_SEEDS = 2 * FUZZ_KINDS };
#define FUZZ_FILE "fuzz_state.tmp"

static tiny_spec fuzz_spec(void) {
  tiny_spec s = tiny_default("bert");
  s.layers = 2;
  s.width = s.embed = 8;
  s.heads = 2;
  s.ffn = 12;
  s.threads = 1;
  s.simd = LDR_SIMD_PORTABLE;
  return s;
}

static ldr_model *fuzz_model(void) {
  static tiny_model m;
  ldr_error err;
  memset(&err, 0, sizeof err);
  if (!m.m) m = tiny_open(fuzz_spec(), &err);
  return m.m;
}

/* Ladders that differ in method, head and what stands in their files. */
static ldr_ladder_desc fuzz_desc(int kind) {
  static const char *const labels[] = { "first", "second \"quoted\"", "third\n\xe4\xb8\xad" };
  static const ldr_method methods[FUZZ_KINDS] = { LDR_METHOD_LADDER, LDR_METHOD_LADDER, LDR_METHOD_LORA, LDR_METHOD_PROMPT, LDR_METHOD_HEAD };
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.method = methods[kind];
  d.preset = kind == 1 ? LDR_PRESET_CLUE : LDR_PRESET_DEFAULT;
  d.width = kind == 1 ? 8 : 0;
  d.heads = kind == 1 ? 2 : 0;
  d.classes = 3;
  d.reduction = kind == 0 ? 2 : 0;
  d.label_names = labels;
  d.virtual_tokens = kind == 3 ? 2 : 0;
  return d;
}

static ldr_train_desc fuzz_train(void) {
  ldr_train_desc d;
  memset(&d, 0, sizeof d);
  d.epochs = 2;
  d.batch = 4;
  d.rate = 1e-2f;
  return d;
}

typedef struct fuzz_run { ldr_ladder *l; ldr_trainer *t; ldr_dataset *train, *dev; } fuzz_run;

static fuzz_run *fuzz_open(int kind) {
  static fuzz_run runs[FUZZ_KINDS];
  fuzz_run *r = &runs[kind];
  if (!r->t) {
    tiny_spec s = fuzz_spec();
    ldr_ladder_desc d = fuzz_desc(kind);
    ldr_train_desc td = fuzz_train();
    ldr_error err;
    memset(&err, 0, sizeof err);
    r->train = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 6, 1);
    r->dev = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 3, 2);
    r->l = ldr_ladder_create(fuzz_model(), &d, &err);
    ldr_ladder_note(r->l, "task", "tnews", &err);
    r->t = ldr_trainer_create(r->l, r->train, r->dev, &td, &err);
    ldr_trainer_step(r->t, NULL, &err);
    if (err.status) printf("seed %d: %s\n", kind, err.message);
  }
  return r;
}

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static unsigned char *seeds[FUZZ_SEEDS];
  static size_t sizes[FUZZ_SEEDS];
  if (i >= FUZZ_SEEDS) return NULL;
  if (!seeds[i]) {
    fuzz_run *r = fuzz_open(i / 2);
    ldr_error err;
    memset(&err, 0, sizeof err);
    if (i % 2 ? ldr_trainer_save(r->t, FUZZ_FILE, &err) : ldr_ladder_save(r->l, FUZZ_FILE, &err)) printf("seed %d: %s\n", i, err.message);
    seeds[i] = (unsigned char *)ldr_test_read(FUZZ_FILE, &sizes[i]);
    remove(FUZZ_FILE);
  }
  *n = sizes[i];
  return seeds[i];
}

/* The checksum that these tensors and this metadata have, in the place of the one that is there: in the file and in what was read
   of it. */
static void fuzz_repair(unsigned char *data, size_t n, ldr_weights *w) {
  static const char key[] = "\"checksum\":\"";
  uint64_t h = 0;
  size_t at, take, i;
  char digits[20], *value = (char *)(uintptr_t)ldr_weights_meta(w, "checksum");
  int32_t k;
  for (k = 0; k < ldr_weights_count(w); k++) {
    const ldr_tensor *t = ldr_weights_at(w, k);
    for (at = 0; t->dtype == LDR_F32 && at < t->bytes / 4; at += take) {
      take = LDR__MIN((size_t)LDR__BLOCK, (size_t)(t->bytes / 4) - at);
      h = ldr__digest(h, (const unsigned char *)t->data + 4 * at, 4 * take);
    }
  }
  sprintf(digits, "%016llx", (unsigned long long)ldr__mix64(h ^ ldr__meta_digest(w)));
  if (!value || strlen(value) != 16) return;
  memcpy(value, digits, 16);
  for (i = 8; i + sizeof key + 16 < n; i++)
    if (memcmp(data + i, key, sizeof key - 1) == 0) {
      memcpy(data + i + sizeof key - 1, digits, 16);
      return;
    }
}

static volatile double sum;

/* What loads answers, or says why not. */
static void fuzz_ladder(const ldr_weights *w) {
  ldr_error err;
  ldr_ladder *l;
  ldr_predictor *p;
  int32_t ids[3] = { 7, 8, 9 }, offsets[2];
  ldr_batch b = one_sequence(offsets, ids, 3);
  memset(&err, 0, sizeof err);
  l = ldr__ladder_from(fuzz_model(), w, NULL, &err);
  if (l && ldr_ladder_desc_get(l).classes <= 64 && !ldr__per_token(ldr_ladder_desc_get(l).head) && !ldr__spans_of(ldr_ladder_desc_get(l).head)) {
    float scores[64];
    p = ldr_predictor_create(l, 1, 3, &err);
    if (p && !ldr_predict(p, scores, &b, &err)) sum += (double)scores[0];
    ldr_predictor_free(p);
  }
  ldr_ladder_free(l);
}

/* A run that is taken for its own goes on to its end. */
static void fuzz_resume(int kind, const ldr_weights *w, const unsigned char *data, size_t n) {
  fuzz_run *r = fuzz_open(kind);
  ldr__array a[LDR__STATE_ARRAYS];
  ldr_error err;
  int count = ldr__state_arrays(r->t, a);
  memset(&err, 0, sizeof err);
  if (ldr__resume_check(r->t, w, a, count, &err) || !ldr_test_write(FUZZ_FILE, data, n)) return;
  memset(&err, 0, sizeof err);
  if (!ldr_trainer_resume(r->t, FUZZ_FILE, &err))
    while (!ldr_trainer_done(r->t) && !ldr_trainer_step(r->t, NULL, &err)) continue;
  sum += ldr_trainer_progress(r->t).loss;
  remove(FUZZ_FILE);
}

static void fuzz_one(const unsigned char *data, size_t n) {
  unsigned char *copy = (unsigned char *)malloc(n + !n);
  ldr_weights *w;
  size_t i;
  int kind, parity = 0;
  for (i = 0; i < n; i++) parity ^= data[i] & 1;
  memcpy(copy, data, n);
  w = ldr_weights_open_memory(copy, n, NULL, NULL);
  if (w && parity) fuzz_repair(copy, n, w);
  if (w) fuzz_ladder(w);
  for (kind = 0; w && kind < FUZZ_KINDS; kind++) fuzz_resume(kind, w, copy, n);
  ldr_weights_close(w);
  free(copy);
}
