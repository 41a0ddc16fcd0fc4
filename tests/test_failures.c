/* Ladder files, memory that runs out, saves that are interrupted, calls that cannot be. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_hostile.h"

/* ---- a small run, used below ------------------------------------------------------------------------ */

typedef struct small_run { tiny_spec s; tiny_model m; ldr_dataset *train, *dev; ldr_ladder *l; } small_run;

static ldr_ladder_desc small_desc(void) {
  static const char *const labels[] = { "first", "second \"quoted\"", "third\n\xe4\xb8\xad" };
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.classes = 3;
  d.reduction = 2;
  d.dropout = 0.1f;
  d.seed = 11;
  d.label_names = labels;
  return d;
}

static small_run small_open(uint64_t model_seed) {
  small_run r;
  ldr_ladder_desc d = small_desc();
  ldr_error err = no_error();
  memset(&r, 0, sizeof r);
  r.s = tiny_default("bert");
  r.s.layers = 2;
  r.s.width = r.s.embed = 8;
  r.s.heads = 2;
  r.s.ffn = 12;
  r.s.seed = model_seed;
  r.m = tiny_open(r.s, &err);
  r.train = tiny_dataset(&r.s, LDR_HEAD_CLASSIFY, 3, 9, 1);
  r.dev = tiny_dataset(&r.s, LDR_HEAD_CLASSIFY, 3, 5, 2);
  r.l = ldr_ladder_create(r.m.m, &d, &err);
  ldr_ladder_note(r.l, "task", "tnews", &err);
  CHECK_STR(err.message, "");
  return r;
}

static void small_close(small_run *r) {
  ldr_ladder_free(r->l);
  ldr_dataset_free(r->train);
  ldr_dataset_free(r->dev);
  tiny_close(&r->m);
}

static ldr_train_desc small_train(void) {
  ldr_train_desc d;
  memset(&d, 0, sizeof d);
  d.epochs = 3;
  d.batch = 4;
  d.seed = 5;
  d.rate = 1e-2f;
  return d;
}

static int ladders_equal(const ldr_ladder *a, const ldr_ladder *b) {
  ldr_ladder_desc x = ldr_ladder_desc_get(a), y = ldr_ladder_desc_get(b);
  int32_t p, i;
  size_t f;
  for (f = 0; f < sizeof ldr__ladder_fields / sizeof *ldr__ladder_fields; f++)
    if (memcmp((const char *)&x + ldr__ladder_fields[f].offset, (const char *)&y + ldr__ladder_fields[f].offset, 4) != 0) return 0;
  if (x.seed != y.seed || ldr_ladder_params(a) != ldr_ladder_params(b)) return 0;
  for (i = 0; i < x.rung_count; i++)
    if (x.rungs[i] != y.rungs[i]) return 0;
  for (p = 0; p < ldr_ladder_params(a); p++) {
    ldr_param q = ldr_ladder_param(a, p), w = ldr_ladder_param(b, p);
    if (strcmp(q.name, w.name) != 0 || q.rows != w.rows || q.columns != w.columns || memcmp(q.value, w.value, sizeof(float) * (size_t)(q.rows * q.columns)) != 0) return 0;
  }
  for (i = 0; i < x.classes; i++) {
    const char *u = ldr_ladder_label(a, i), *v = ldr_ladder_label(b, i);
    if (!u != !v || (u && strcmp(u, v) != 0)) return 0;
  }
  return ldr_ladder_note_get(b, "task") && strcmp(ldr_ladder_note_get(b, "task"), ldr_ladder_note_get(a, "task")) == 0;
}

static char *saved_ladder(const ldr_ladder *l, size_t *size) {
  ldr_error err = no_error();
  char *data;
  CHECK_INT(ldr_ladder_save(l, "hostile.tmp", &err), LDR_OK);
  data = ldr_test_read("hostile.tmp", size);
  remove("hostile.tmp");
  CHECK(data != NULL);
  return data;
}

static ldr_ladder *load_exact(const ldr_model *m, const char *data, size_t size, ldr_error *err) {
  char *exact = exact_copy(data, size);
  ldr_ladder *l;
  *err = no_error();
  l = ldr_ladder_load_memory(m, exact, size, NULL, err);
  CHECK((l != NULL) == (err->status == LDR_OK));
  free(exact);
  return l;
}

/* ---- ladder files ------------------------------------------------------------------------------------ */

TEST(a_ladder_file_comes_back_or_is_refused) {
  small_run r = small_open(7), other = small_open(8);
  ldr_error err;
  size_t size, n, i;
  char *data = saved_ladder(r.l, &size);
  ldr_ladder *l = load_exact(r.m.m, data, size, &err);
  CHECK(l && ladders_equal(r.l, l));
  ldr_ladder_free(l);
  CHECK(load_exact(other.m.m, data, size, &err) == NULL && err.status == LDR_MISMATCH);
  for (n = 0; n < size; n++) {
    CHECK(load_exact(r.m.m, data, n, &err) == NULL);
    CHECK(err.status == LDR_FORMAT || err.status == LDR_JSON);
    if (n > 200 && n + 200 < size) n += 12;
  }
  for (i = 8 + (size_t)ldr__load_u64((const unsigned char *)data); i < size; i += 5) {
    data[i] = (char)(data[i] ^ 0x10);
    CHECK(load_exact(r.m.m, data, size, &err) == NULL && err.status == LDR_CORRUPT);
    data[i] = (char)(data[i] ^ 0x10);
  }
  CHECK(load_exact(r.m.m, r.m.weights, r.m.size, &err) == NULL && err.status == LDR_FORMAT);     /* a backbone is no ladder */
  free(data);
  small_close(&r);
  small_close(&other);
}

TEST(every_missing_piece_of_a_ladder_file_is_named) {
  small_run r = small_open(7);
  ldr_error err;
  size_t size, changed_size;
  char *data = saved_ladder(r.l, &size);
  ldr_weights *w = ldr_weights_open_memory(data, size, NULL, NULL);
  int32_t i;
  int needed = 0;
  for (i = 0; i < ldr_weights_meta_count(w); i++) {
    const char *value, *key = ldr_weights_meta_at(w, i, &value);
    char from[512], to[512], *changed;
    ldr_ladder *l;
    if (strncmp(key, "label.", 6) == 0 || strncmp(key, "note.", 5) == 0 || strcmp(key, "ladder.version") == 0 || strcmp(key, "backbone.family") == 0) continue;
    sprintf(from, "\"%s\":", key);
    sprintf(to, "\"x%s\":", key);
    changed = replaced_header(data, size, from, to, &changed_size);
    l = load_exact(r.m.m, changed, changed_size, &err);
    if (l || !strstr(err.message, key)) printf("  without %s: %s\n", key, l ? "accepted" : err.message);
    CHECK(l == NULL && err.status == LDR_FORMAT && strstr(err.message, key) != NULL);
    needed++;
    ldr_ladder_free(l);
    free(changed);
    sprintf(from, "\"%s\":\"", key);
    sprintf(to, "\"%s\":\"zz", key);               /* unreadable is as bad as missing */
    changed = replaced_header(data, size, from, to, &changed_size);
    l = load_exact(r.m.m, changed, changed_size, &err);
    CHECK(l == NULL && err.status == LDR_FORMAT && strstr(err.message, key) != NULL);
    ldr_ladder_free(l);
    free(changed);
  }
  CHECK(needed > 25);
  for (i = 0; i < ldr_weights_count(w); i++) {
    char from[128], to[128], *changed;
    sprintf(from, "\"%s\":{", ldr_weights_at(w, i)->name);
    sprintf(to, "\"x%s\":{", ldr_weights_at(w, i)->name);
    changed = replaced_header(data, size, from, to, &changed_size);
    CHECK(load_exact(r.m.m, changed, changed_size, &err) == NULL && err.status == LDR_MISSING && strstr(err.message, ldr_weights_at(w, i)->name));
    free(changed);
  }
  ldr_weights_close(w);
  free(data);
  small_close(&r);
}

/* A header that was changed in one byte must not load as another ladder: the metadata decides how it computes. */
TEST(a_damaged_header_never_loads_another_ladder) {
  small_run r = small_open(7);
  ldr_error err;
  size_t size, header, i;
  char *data = saved_ladder(r.l, &size);
  ldr_test_rng g = { 17 };
  int accepted = 0, different = 0;
  header = (size_t)ldr__load_u64((const unsigned char *)data);
  for (i = 0; i < 6000; i++) {
    size_t at = ldr_test_below(&g, (uint32_t)header + 8);
    char keep = data[at];
    ldr_ladder *l;
    data[at] = (char)(i % 3 == 0 ? (int)"0123456789abcdef\""[ldr_test_below(&g, 17)] : i % 3 == 1 ? keep ^ (1 << ldr_test_below(&g, 8)) : (int)ldr_test_below(&g, 256));
    l = load_exact(r.m.m, data, size, &err);
    if (l) {
      accepted++;
      different += !ladders_equal(r.l, l);
      if (!ladders_equal(r.l, l) && different < 4) printf("  byte %d as '%c' loads another ladder: %.*s\n", (int)at, data[at], 40, data + (at > 30 ? at - 20 : 8));
    }
    ldr_ladder_free(l);
    data[at] = keep;
  }
  CHECK(accepted < 3000);
  CHECK_INT(different, 0);
  free(data);
  small_close(&r);
}

/* Numbers that ask for far more than the file holds must not be believed first and checked later. */
TEST(a_small_ladder_file_cannot_take_much_memory) {
  static const char *const values[] = { "-2147483648", "-1", "0", "1", "2", "3", "7", "255", "1000", "1024", "65536", "1000000", "16777216", "2147483647", "9999999999" };
  small_run r = small_open(7);
  size_t size, changed_size, f, v;
  char *data = saved_ladder(r.l, &size);
  for (f = 0; f < sizeof ldr__ladder_fields / sizeof *ldr__ladder_fields; f++)
    for (v = 0; v < sizeof values / sizeof *values; v++) {
      ldr_weights *w = ldr_weights_open_memory(data, size, NULL, NULL);
      char from[128], to[128], *changed;
      ldr_test_heap h;
      ldr_allocator a = ldr_test_alloc(&h, 0);
      ldr_error err = no_error();
      ldr_ladder *l;
      if (ldr__ladder_fields[f].kind != LDR__FIELD_INT) { ldr_weights_close(w); continue; }
      sprintf(from, "\"%s\":\"%s\"", ldr__ladder_fields[f].key, ldr_weights_meta(w, ldr__ladder_fields[f].key));
      sprintf(to, "\"%s\":\"%s\"", ldr__ladder_fields[f].key, values[v]);
      ldr_weights_close(w);
      changed = replaced_header(data, size, from, to, &changed_size);
      l = ldr_ladder_load_memory(r.m.m, changed, changed_size, &a, &err);
      CHECK((l != NULL) == (err.status == LDR_OK));
      CHECK(err.status != LDR_MEMORY);
      if (h.peak > (1u << 20)) printf("  %s = %s takes %llu bytes: %s\n", ldr__ladder_fields[f].key, values[v], (unsigned long long)h.peak, err.message);
      CHECK(h.peak <= (1u << 20));
      ldr_ladder_free(l);
      CHECK(h.live == 0 && h.bad == 0);
      free(changed);
    }
  free(data);
  small_close(&r);
}

TEST(ladders_and_runs_are_not_mixed_up) {
  small_run r = small_open(7), other = small_open(8);
  ldr_train_desc td = small_train();
  ldr_error err = no_error();
  ldr_trainer *t = ldr_trainer_create(r.l, r.train, r.dev, &td, &err), *u;
  size_t size, changed_size, n;
  char *run, *changed;
  int64_t step;
  CHECK(t && ldr_trainer_step(t, NULL, &err) == LDR_OK && ldr_trainer_step(t, NULL, &err) == LDR_OK);
  CHECK_INT(ldr_trainer_save(t, "hostile_run.tmp", &err), LDR_OK);
  CHECK(ldr_ladder_load(r.m.m, "hostile_run.tmp", NULL, &err) == NULL && err.status == LDR_FORMAT && strstr(err.message, "hostile_run.tmp"));
  err = no_error();
  CHECK_INT(ldr_ladder_save(r.l, "hostile_ladder.tmp", &err), LDR_OK);
  CHECK_INT(ldr_trainer_resume(t, "hostile_ladder.tmp", &err), LDR_FORMAT);
  err = no_error();
  u = ldr_trainer_create(other.l, other.train, other.dev, &td, &err);
  CHECK_INT(ldr_trainer_resume(u, "hostile_run.tmp", &err), LDR_MISMATCH);
  ldr_trainer_free(u);
  td.rate *= 2;
  err = no_error();
  u = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  CHECK_INT(ldr_trainer_resume(u, "hostile_run.tmp", &err), LDR_MISMATCH);
  CHECK(strstr(err.message, "the saved run had rate 0.010000000, and this one has 0.020000000") != NULL);
  ldr_trainer_free(u);
  td.rate /= 2;
  td.epochs += 2;
  err = no_error();
  u = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  CHECK_INT(ldr_trainer_resume(u, "hostile_run.tmp", &err), LDR_MISMATCH);
  CHECK(strstr(err.message, "the saved run had epochs 3, and this one has 5") != NULL);
  ldr_trainer_free(u);
  td.epochs -= 2;
  td.optimizer = LDR_ADAM;
  err = no_error();
  u = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  CHECK_INT(ldr_trainer_resume(u, "hostile_run.tmp", &err), LDR_MISMATCH);
  CHECK(strstr(err.message, "the saved run had optimizer adamw, and this one has adam") != NULL);
  ldr_trainer_free(u);
  run = ldr_test_read("hostile_run.tmp", &size);
  CHECK(run != NULL && size > 1000);
  if (!run || size < 1000) return;
  for (n = 0; n < size; n += 1 + size / 60) {
    CHECK(ldr_test_write("hostile_run.tmp", run, n));
    err = no_error();
    CHECK(ldr_trainer_resume(t, "hostile_run.tmp", &err) != LDR_OK);
  }
  run[size - 2] = (char)(run[size - 2] ^ 4);
  CHECK(ldr_test_write("hostile_run.tmp", run, size));
  err = no_error();
  CHECK_INT(ldr_trainer_resume(t, "hostile_run.tmp", &err), LDR_CORRUPT);
  run[size - 2] = (char)(run[size - 2] ^ 4);
  step = ldr_trainer_progress(t).step;
  CHECK_INT(step, 2);                            /* nothing refused has touched the trainer */
  changed = replaced_header(run, size, "\"state.step\":\"2\"", "\"state.step\":\"3\"", &changed_size);
  CHECK(ldr_test_write("hostile_run.tmp", changed, changed_size));
  err = no_error();
  CHECK(ldr_trainer_resume(t, "hostile_run.tmp", &err) != LDR_OK);
  free(changed);
  free(run);
  remove("hostile_run.tmp");
  remove("hostile_ladder.tmp");
  ldr_trainer_free(t);
  small_close(&r);
  small_close(&other);
}

/* A whole file, checksum and all, whose counters no run can have reached: 2^31 and its like would wrap. */
TEST(counters_that_cannot_be_are_refused) {
  static const char *const keys[] = { "state.step", "state.tokens", "state.epoch_done", "state.best_epoch" };
  static const char *const values[] = { "-1", "10", "2147483647", "2147483648", "4294967297", "4611686018427387904", "9223372036854775807" };
  small_run r = small_open(7);
  ldr_train_desc td = small_train();
  ldr_error err = no_error();
  ldr_trainer *t = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  size_t k, v, size, changed_size;
  char *run;
  while (!ldr_trainer_done(t) && ldr_trainer_progress(t).step < 5) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  CHECK_INT(ldr_trainer_save(t, "hostile_run.tmp", &err), LDR_OK);
  run = ldr_test_read("hostile_run.tmp", &size);
  for (k = 0; run && k < 4; k++)
    for (v = k == 1 ? 5 : 0; v < sizeof values / sizeof *values; v++) {
      ldr_weights *w = ldr_weights_open_memory(run, size, NULL, NULL);
      char from[128], to[128], sum[64], *changed, *again;
      ldr__array a[LDR__STATE_ARRAYS];
      uint64_t h = 0;
      int i, n = ldr__state_arrays(t, a);
      sprintf(from, "\"%s\":\"%s\"", keys[k], ldr_weights_meta(w, keys[k]));
      sprintf(to, "\"%s\":\"%s\"", keys[k], values[v]);
      sprintf(sum, "\"checksum\":\"%s\"", ldr_weights_meta(w, "checksum"));
      ldr_weights_close(w);
      changed = replaced_header(run, size, from, to, &changed_size);
      w = ldr_weights_open_memory(changed, changed_size, NULL, NULL);
      for (i = 0; i < n; i++) h = ldr__floats_digest(h, a[i].data, a[i].columns);
      sprintf(to, "\"checksum\":\"%016llx\"", (unsigned long long)ldr__mix64(h ^ ldr__meta_digest(w)));
      ldr_weights_close(w);
      again = replaced_header(changed, changed_size, sum, to, &changed_size);
      CHECK(ldr_test_write("hostile_run.tmp", again, changed_size));
      err = no_error();
      CHECK(ldr_trainer_resume(t, "hostile_run.tmp", &err) != LDR_OK);
      if (!strstr(err.message, keys[k])) printf("  %s %s: %s\n", keys[k], values[v], err.message);
      CHECK(err.status == LDR_FORMAT && strstr(err.message, keys[k]));
      free(changed);
      free(again);
    }
  free(run);
  remove("hostile_run.tmp");
  ldr_trainer_free(t);
  small_close(&r);
}

/* ---- memory that runs out ----------------------------------------------------------------------------- */

/* Runs attempt with an allocator whose first, second, ... call fails, until it succeeds. attempt returns 1
   on success, frees what it made either way, and leaves LDR_MEMORY in err otherwise. */
typedef int (*attempt_fn)(const ldr_allocator *a, void *context, ldr_error *err);

static void out_of_memory(attempt_fn attempt, void *context, const char *what, long least) {
  long at;
  for (at = 1; at < 3000; at++) {
    ldr_test_heap h;
    ldr_allocator a = ldr_test_alloc(&h, at);
    ldr_error err = no_error();
    int before = ldr_test.failures, done = attempt(&a, context, &err);
    CHECK_INT(err.status, done ? LDR_OK : LDR_MEMORY);
    CHECK_INT(h.live, 0);
    CHECK_INT(h.bytes, 0);
    CHECK_INT(h.bad, 0);
    if (ldr_test.failures != before) printf("  %s, allocation %ld: %s\n", what, at, err.message);
    if (done) break;
  }
  CHECK(at < 3000 && at > least);
}

typedef struct memory_case { small_run r; const char *vocab; ldr_init init; ldr_importance importance; int cache; } memory_case;

static int try_model(const ldr_allocator *a, void *context, ldr_error *err) {
  memory_case *c = (memory_case *)context;
  ldr_model_desc d;
  ldr_model *m;
  memset(&d, 0, sizeof d);
  d.alloc = *a;
  d.threads = 1;
  m = ldr_model_load_memory(c->r.m.config, strlen(c->r.m.config), c->r.m.weights, c->r.m.size, c->vocab, strlen(c->vocab), &d, err);
  ldr_model_free(m);
  return m != NULL;
}

#if HAVE_POSIX
static int try_folder(const ldr_allocator *a, void *context, ldr_error *err) {
  ldr_model_desc d;
  ldr_model *m;
  (void)context;
  memset(&d, 0, sizeof d);
  d.alloc = *a;
  d.threads = 1;
  m = ldr_model_load(folder, &d, err);
  ldr_model_free(m);
  return m != NULL;
}

static int try_weights(const ldr_allocator *a, void *context, ldr_error *err) {
  ldr_weights *w = ldr_weights_open(in_folder("model.safetensors.index.json"), a, err);
  (void)context;
  ldr_weights_close(w);
  return w != NULL;
}
#endif

/* A model with a vocabulary and a ladder on it; the head comes from a set. */
static ldr_ladder *answering(ldr_model **m, const memory_case *c, const ldr_allocator *a, ldr_head head, ldr_error *err) {
  ldr_model_desc d;
  ldr_dataset_desc sd;
  ldr_ladder_desc ld = small_desc();
  ldr_dataset *set;
  ldr_ladder *l = NULL;
  memset(&d, 0, sizeof d);
  memset(&sd, 0, sizeof sd);
  if (a) d.alloc = sd.alloc = *a;
  d.threads = 1;
  sd.head = head;
  sd.max_len = 6;
  *m = ldr_model_load_memory(c->r.m.config, strlen(c->r.m.config), c->r.m.weights, c->r.m.size, c->vocab, strlen(c->vocab), &d, err);
  set = *m ? ldr_dataset_create(&sd, err) : NULL;
  if (set && (head == LDR_HEAD_REGRESS || (ldr_dataset_label(set, "O", 1, err) == 0 && ldr_dataset_label(set, "B-x", 1, err) == 1))) {
    ld.labels = set;
    l = ldr_ladder_create(*m, &ld, err);
  }
  ldr_dataset_free(set);
  return l;
}

static int try_answer(const ldr_allocator *a, void *context, ldr_error *err) {
  ldr_model *m = NULL;
  ldr_answer answer;
  ldr_ladder *l = answering(&m, (const memory_case *)context, a, LDR_HEAD_CLASSIFY, err);
  int ok = l && ldr_predict_text(l, &answer, "word words", "word", err) == LDR_OK;
  if (ok) CHECK(answer.name && strcmp(answer.name, answer.label ? "B-x" : "O") == 0 && answer.score >= 0.5f);
  if (l) CHECK(ldr_ladder_note_get(l, "max_len") && strcmp(ldr_ladder_note_get(l, "max_len"), "6") == 0);
  ldr_ladder_free(l);
  ldr_model_free(m);
  return ok;
}

static int try_dataset(const ldr_allocator *a, void *context, ldr_error *err) {
  static const int32_t ids[20] = { 1, 2, 3 }, labels[1] = { 1 };
  ldr_dataset_desc d;
  ldr_dataset *set;
  ldr_example e;
  int i, ok = 1;
  (void)context;
  memset(&d, 0, sizeof d);
  memset(&e, 0, sizeof e);
  d.alloc = *a;
  e.ids = ids;
  e.labels = labels;
  e.count = 20;
  set = ldr_dataset_create(&d, err);
  if (!set) return 0;
  for (i = 0; ok && i < 40; i++) {
    char name[16];
    int32_t count = ldr_dataset_count(set);
    sprintf(name, "label %d", i);
    ok = ldr_dataset_add(set, &e, err) == LDR_OK;
    CHECK_INT(ldr_dataset_count(set), count + ok);
    CHECK_INT(ldr_dataset_tokens(set), 20 * (count + ok));
    if (ok) ok = ldr_dataset_label(set, name, 1, err) >= 0;
  }
  ldr_dataset_free(set);
  return ok;
}

static int try_ladder(const ldr_allocator *a, void *context, ldr_error *err) {
  memory_case *c = (memory_case *)context;
  ldr_ladder_desc d = small_desc();
  ldr_ladder *l;
  int ok;
  d.alloc = *a;
  d.init = c->init;
  d.importance = c->importance;
  d.sample = c->r.train;
  l = ldr_ladder_create(c->r.m.m, &d, err);
  ok = l && ldr_ladder_note(l, "k", "v", err) == LDR_OK && ldr_ladder_note(l, "k", "w", err) == LDR_OK && ldr_ladder_note(l, "k2", "v", err) == LDR_OK;
  ldr_ladder_free(l);
  return ok;
}

static int try_trainer(const ldr_allocator *a, void *context, ldr_error *err) {
  memory_case *c = (memory_case *)context;
  ldr_train_desc d = small_train();
  ldr_trainer *t;
  d.alloc = *a;
  d.cache = c->cache;
  t = ldr_trainer_create(c->r.l, c->r.train, c->r.dev, &d, err);
  ldr_trainer_free(t);
  return t != NULL;
}

static int try_load(const ldr_allocator *a, void *context, ldr_error *err) {
  memory_case *c = (memory_case *)context;
  ldr_ladder *l = ldr_ladder_load(c->r.m.m, "hostile_ladder.tmp", a, err);
  ldr_ladder_free(l);
  return l != NULL;
}

TEST(every_failed_allocation_is_a_clean_error) {
  memory_case c;
  ldr_error err = no_error();
  memset(&c, 0, sizeof c);
  c.r = small_open(7);
  c.vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n##s\n";
  out_of_memory(try_model, &c, "model", 5);
#if HAVE_POSIX
  {
    static char map[65536], text[70000];
    map[0] = 0;
    CHECK(folder_make());
    write_shard(in_folder("one.safetensors"), c.r.m.weights, c.r.m.size, 0, NULL, map);
    write_shard(in_folder("two.safetensors"), c.r.m.weights, c.r.m.size, 1, NULL, map);
    sprintf(text, "{\"weight_map\":{%s}}", map);
    CHECK(write_text(in_folder("config.json"), c.r.m.config) && write_text(in_folder("model.safetensors.index.json"), text) && write_text(in_folder("vocab.txt"), c.vocab));
    out_of_memory(try_folder, &c, "folder", 5);
    out_of_memory(try_weights, &c, "weights", 4);
    folder_remove();
  }
#endif
  out_of_memory(try_dataset, &c, "dataset", 8);
  out_of_memory(try_answer, &c, "answer", 8);
  c.init = LDR_INIT_RANDOM;
  out_of_memory(try_ladder, &c, "random ladder", 5);
  c.init = LDR_INIT_SLICE;
  for (c.importance = LDR_MAGNITUDE; c.importance <= LDR_ENERGY; c.importance = (ldr_importance)(c.importance + 1)) out_of_memory(try_ladder, &c, "sliced ladder", 5);
  for (c.cache = 0; c.cache < 2; c.cache++) out_of_memory(try_trainer, &c, "trainer", 1);
  CHECK_INT(ldr_ladder_save(c.r.l, "hostile_ladder.tmp", &err), LDR_OK);
  out_of_memory(try_load, &c, "load", 8);
  remove("hostile_ladder.tmp");
  small_close(&c.r);
}

/* Objects on a counting heap: what may allocate fails cleanly in its turn, the rest does not allocate at all. */
TEST(steps_and_predictions_allocate_nothing) {
  static const char *const families[] = { "bert", "llama" };
  int f, cache;
  for (f = 0; f < 2; f++)
    for (cache = 0; cache < 2; cache++) {
      ldr_test_heap h;
      ldr_allocator a = ldr_test_alloc(&h, 0);
      tiny_spec s = tiny_default(families[f]);
      tiny_model m;
      ldr_dataset *set, *dev;
      ldr_ladder_desc d = small_desc();
      ldr_train_desc td = small_train();
      ldr_ladder *l;
      ldr_trainer *t, *again;
      ldr_predictor *p = NULL;
      ldr_batch b = some_batch();
      ldr_score score;
      ldr_error err = no_error();
      float scores[6];
      long calls;
      int tries;
      s.alloc = &a;
      m = tiny_open(s, &err);
      set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 9, 1);
      dev = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 5, 2);
      l = ldr_ladder_create(m.m, &d, &err);
      td.cache = cache;
      t = ldr_trainer_create(l, set, dev, &td, &err);
      again = ldr_trainer_create(l, set, dev, &td, &err);
      CHECK_STR(err.message, "");
      calls = h.calls;
      h.fail_at = 1;                         /* everything fails from here on */
      while (!ldr_trainer_done(t) && !ldr_trainer_step(t, NULL, &err)) continue;
      CHECK_INT(ldr_trainer_evaluate(t, dev, &score, &err), LDR_OK);
      CHECK_INT(ldr_trainer_gradients(t, NULL, some_offsets, 1, &err), LDR_OK);
      CHECK_INT(ldr_trainer_learn(t, dev, 3, NULL, &err), LDR_OK);
      ldr_trainer_restore_best(t);
      CHECK_INT(h.calls, calls);
      CHECK_STR(err.message, "");
      for (tries = 0; !p && tries < 20; tries++) {
        err = no_error();
        h.fail_at = h.calls + 1 + tries;
        calls = h.live;
        p = ldr_predictor_create(l, 2, 9, &err);
        CHECK(p || (err.status == LDR_MEMORY && h.live == calls));
      }
      calls = h.calls;
      h.fail_at = 1;
      CHECK_INT(ldr_predict(p, scores, &b, &err), LDR_OK);
      CHECK_INT(ldr_predict(p, scores, &b, &err), LDR_OK);
      CHECK_INT(h.calls, calls);
      for (tries = 0; tries < 200; tries++) {          /* evaluate, save, load, save a run, resume */
        ldr_status status[4];
        int k, failed = 0;
        for (k = 0; k < 4; k++) {
          long live = h.live;
          err = no_error();
          h.fail_at = h.calls + 1 + tries;
          status[k] = k == 0 ? ldr_evaluate(l, dev, LDR_METRIC_AUTO, &score, &err) : k == 1 ? ldr_ladder_save(l, "hostile_ladder.tmp", &err) : k == 2 ? ldr_trainer_save(t, "hostile_run.tmp", &err)
                                                                                                                    : ldr_trainer_resume(again, "hostile_run.tmp", &err);
          CHECK(status[k] == err.status && (status[k] == LDR_OK || status[k] == LDR_MEMORY || (k == 3 && status[k] == LDR_IO)));
          CHECK_INT(h.live, live);
          failed += status[k] != LDR_OK;
        }
        if (!failed) break;
      }
      CHECK(tries > 5 && tries < 200);
      CHECK_INT(ldr_trainer_progress(again).step, ldr_trainer_progress(t).step);
      h.fail_at = 0;
      remove("hostile_ladder.tmp");
      remove("hostile_run.tmp");
      ldr_predictor_free(p);
      ldr_trainer_free(t);
      ldr_trainer_free(again);
      ldr_ladder_free(l);
      ldr_dataset_free(set);
      ldr_dataset_free(dev);
      tiny_close(&m);
      CHECK_INT(h.live, 0);
      CHECK_INT(h.bytes, 0);
      CHECK_INT(h.bad, 0);
    }
}

/* ---- saves that are interrupted ------------------------------------------------------------------------- */

#if HAVE_POSIX
/* Saves in a child that may write `limit` bytes to a file; killed there when `kill_it`, else told EFBIG.
   Returns 1 when the child saw the failure (or died), 2 when the save went through. */
static int limited_save(const small_run *r, ldr_trainer *t, const char *path, size_t limit, int kill_it) {
  int state = 0;
  pid_t child;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    struct rlimit lim;
    ldr_error err = no_error();
    ldr_status status;
    lim.rlim_cur = lim.rlim_max = 0;
    setrlimit(RLIMIT_CORE, &lim);
    signal(SIGXFSZ, kill_it ? SIG_DFL : SIG_IGN);
    lim.rlim_cur = lim.rlim_max = (rlim_t)limit;
    setrlimit(RLIMIT_FSIZE, &lim);
    status = t ? ldr_trainer_save(t, path, &err) : ldr_ladder_save(r->l, path, &err);
    _exit(status == LDR_OK ? 2 : status == LDR_IO && err.message[0] ? 1 : 3);
  }
  if (child < 0 || waitpid(child, &state, 0) != child) return 0;
  if (WIFSIGNALED(state)) return kill_it ? 1 : 0;
  return WEXITSTATUS(state);
}

static int file_holds(const char *path, const char *data, size_t size) {
  size_t n;
  char *now = ldr_test_read(path, &n);
  int same = now && n == size && memcmp(now, data, n) == 0;
  free(now);
  return same;
}
#endif

TEST(a_save_cut_at_any_byte_leaves_the_old_file) {
#if HAVE_POSIX
  small_run r = small_open(7);
  ldr_train_desc td = small_train();
  ldr_error err = no_error();
  ldr_trainer *t = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  ldr_ladder_desc d = small_desc();
  const char *path;
  size_t size[2], limit, k, n;
  char *old[2];
  float *final;
  int i;
  CHECK(folder_make());
  for (i = 0; i < 4; i++) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  CHECK_INT(ldr_ladder_save(r.l, in_folder("x.ladder"), &err), LDR_OK);
  CHECK_INT(ldr_trainer_save(t, in_folder("run"), &err), LDR_OK);
  old[0] = ldr_test_read(in_folder("x.ladder"), &size[0]);
  old[1] = ldr_test_read(in_folder("run"), &size[1]);
  for (i = 0; i < 2; i++) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);      /* now a save would write other bytes */
  for (k = 0; k < 2; k++)
    for (limit = 0; limit < size[k]; limit += 1 + size[k] / 25)
      for (i = 0; i < 2; i++) {
        path = in_folder(k ? "run" : "x.ladder");
        CHECK_INT(limited_save(&r, k ? t : NULL, path, limit, i), 1);
        CHECK(file_holds(path, old[k], size[k]));
        if (!i) CHECK(!ldr_test_exists(in_folder(k ? "run.partial" : "x.ladder.partial")));
      }
  while (!ldr_trainer_done(t)) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  n = r.l->size;
  final = (float *)malloc(n * sizeof(float));
  memcpy(final, r.l->values, n * sizeof(float));
  ldr_trainer_free(t);
  ldr_ladder_free(r.l);
  r.l = ldr_ladder_create(r.m.m, &d, &err);
  t = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  CHECK_INT(ldr_trainer_resume(t, in_folder("run"), &err), LDR_OK);
  CHECK_INT(ldr_trainer_progress(t).step, 4);
  while (!ldr_trainer_done(t)) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
  CHECK(memcmp(final, r.l->values, n * sizeof(float)) == 0);
  CHECK_INT(limited_save(&r, t, in_folder("run"), 1u << 30, 0), 2);
  CHECK(!file_holds(in_folder("run"), old[1], size[1]));
  CHECK_STR(err.message, "");
  free(final);
  free(old[0]);
  free(old[1]);
  folder_remove();
  ldr_trainer_free(t);
  small_close(&r);
#else
  SKIP("needs fork and setrlimit");
#endif
}

TEST(places_nothing_can_be_saved_at) {
  small_run r = small_open(7);
  ldr_train_desc td = small_train();
  ldr_error err = no_error();
  ldr_trainer *t = ldr_trainer_create(r.l, r.train, NULL, &td, &err);
  static char longest[LADDER_MAX_PATH + 100];
  memset(longest, 'a', sizeof longest - 1);
  CHECK_INT(ldr_ladder_save(r.l, longest, &err), LDR_ARGUMENT);
  err = no_error();
  CHECK_INT(ldr_trainer_save(t, longest, &err), LDR_ARGUMENT);
  err = no_error();
  CHECK_INT(ldr_ladder_save(r.l, "no/such/folder/x.ladder", &err), LDR_IO);
  CHECK(strstr(err.message, "no/such/folder") != NULL);
  err = no_error();
  CHECK_INT(ldr_trainer_save(t, "no/such/folder/run", &err), LDR_IO);
  err = no_error();
  CHECK_INT(ldr_ladder_save(r.l, "", &err) != LDR_OK, 1);
  remove(".partial");
  err = no_error();
  CHECK(ldr_weights_open(longest, NULL, &err) == NULL && (err.status == LDR_ARGUMENT || err.status == LDR_IO));
  err = no_error();
  CHECK(ldr_model_load(longest, NULL, &err) == NULL && err.status == LDR_ARGUMENT);
  err = no_error();
  CHECK(ldr_ladder_load(r.m.m, "no/such/file", NULL, &err) == NULL && err.status == LDR_IO);
  err = no_error();
  CHECK_INT(ldr_trainer_resume(t, "no/such/file", &err), LDR_IO);
#if HAVE_POSIX
  CHECK(folder_make());
  err = no_error();
  CHECK_INT(ldr_ladder_save(r.l, folder, &err), LDR_IO);                  /* a folder cannot be replaced by a file */
  sprintf(longest, "%s.partial", folder);
  CHECK(!ldr_test_exists(longest));
  err = no_error();
  CHECK(ldr_weights_open(folder, NULL, &err) == NULL && err.status != LDR_OK);
  if (geteuid() != 0) {                          /* root may write anywhere */
    chmod(folder, 0500);
    err = no_error();
    CHECK_INT(ldr_ladder_save(r.l, in_folder("x.ladder"), &err), LDR_IO);
    chmod(folder, 0700);
  }
  folder_remove();
#endif
  ldr_trainer_free(t);
  small_close(&r);
}

/* ---- calls that cannot be ----------------------------------------------------------------------------- */

#define REFUSED(call, wanted)                          \
  do {                                               \
    err = no_error();                              \
    (void)(call);                                  \
    CHECK_INT(err.status, wanted);                 \
    CHECK(!err.status == !err.message[0]);         \
  } while (0)

/* One text at a time: numbers have no name, tags no one answer, and a model without a vocabulary reads no text. */
TEST(texts_that_cannot_be_answered) {
  small_run r = small_open(7);
  memory_case c;
  ldr_error err = no_error();
  ldr_model *m = NULL;
  ldr_ladder *l;
  ldr_answer answer = { 7, "as it was", 0.5f };
  memset(&c, 0, sizeof c);
  c.r = r;
  c.vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n##s\n";
  REFUSED(ldr_predict_text(NULL, &answer, "word", NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_predict_text(r.l, NULL, "word", NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_predict_text(r.l, &answer, NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_predict_text(r.l, &answer, "word", NULL, &err), LDR_MISSING);
  l = answering(&m, &c, NULL, LDR_HEAD_TOKENS, &err);
  REFUSED(ldr_predict_text(l, &answer, "word", NULL, &err), LDR_UNSUPPORTED);
  CHECK(answer.label == 7 && strcmp(answer.name, "as it was") == 0);
  ldr_ladder_free(l);
  ldr_model_free(m);
  err = no_error();
  l = answering(&m, &c, NULL, LDR_HEAD_REGRESS, &err);
  CHECK_STR(err.message, "");
  REFUSED(ldr_predict_text(l, &answer, "word", NULL, &err), LDR_OK);
  CHECK(answer.label == 0 && answer.name == NULL && answer.score - answer.score == 0);
  ldr_ladder_free(l);
  ldr_model_free(m);
  small_close(&r);
}

TEST(null_is_refused_or_harmless) {
  small_run r = small_open(7);
  ldr_train_desc td = small_train();
  ldr_error err = no_error();
  ldr_trainer *t = ldr_trainer_create(r.l, r.train, r.dev, &td, &err);
  ldr_predictor *p = ldr_predictor_create(r.l, 2, 9, &err);
  ldr_allocator half = ldr_test_alloc((ldr_test_heap *)calloc(1, sizeof(ldr_test_heap)), 0);
  ldr_model_desc md;
  ldr_dataset_desc dd;
  ldr_ladder_desc ld = small_desc();
  ldr_batch b = some_batch(), bad;
  ldr_example e;
  ldr_score score;
  float out[9 * 31];
  void *counter = half.user;
  int i;
  half.free_fn = NULL;
  memset(&md, 0, sizeof md);
  memset(&dd, 0, sizeof dd);
  memset(&e, 0, sizeof e);
  md.alloc = half;
  dd.alloc = half;
  REFUSED(ldr_weights_open(NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_weights_open_memory(NULL, 5, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_weights_open_memory("x", 1, &half, &err), LDR_ARGUMENT);
  REFUSED(ldr_json_parse(NULL, 5, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_json_parse("1", 1, &half, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_load(NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_load("x", &md, &err), LDR_ARGUMENT);
  for (i = 0; i < 4; i++) {
    memset(&md, 0, sizeof md);
    if (i % 2) md.compute = (ldr_compute)(i / 2 ? LDR_COMPUTE_BF16 + 1 : -1);
    else md.simd = (ldr_simd)(i / 2 ? LDR_SIMD_COUNT : -1);
    REFUSED(ldr_model_load_memory(r.m.config, strlen(r.m.config), r.m.weights, r.m.size, NULL, 0, &md, &err), LDR_ARGUMENT);
  }
  REFUSED(ldr_model_load_memory(NULL, 0, r.m.weights, r.m.size, NULL, 0, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_load_memory(r.m.config, strlen(r.m.config), NULL, 0, NULL, 0, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_hidden(NULL, out, &b, -1, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_hidden(r.m.m, NULL, &b, -1, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_hidden(r.m.m, out, NULL, -1, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_hidden(r.m.m, out, &b, 3, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_hidden(r.m.m, out, &b, -2, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_logits(NULL, out, out, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_logits(r.m.m, out, out, 0, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_logits(r.m.m, NULL, out, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_model_logits(r.m.m, out, out, 1, &err), LDR_MISSING);
  REFUSED(ldr_dataset_create(&dd, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_add(NULL, &e, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_add(r.train, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_add(r.train, &e, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_add_text(r.train, NULL, "x", NULL, 0, 0, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_load(NULL, "x", NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_load(r.m.m, NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_load_memory(NULL, "x", "a\tb\n", 4, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_load_memory(r.m.m, NULL, "a\tb\n", 4, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_load_memory(r.m.m, "x", NULL, 0, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_dataset_load_memory(r.m.m, "x", "a\tb\n", 4, NULL, &err), LDR_MISSING);      /* no vocabulary */
  REFUSED(ldr_tokenizer_load(NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_tokenizer_load_memory(NULL, 3, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_create(NULL, &ld, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_create(r.m.m, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_note(NULL, "a", "b", &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_note(r.l, NULL, "b", &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_note(r.l, "a", NULL, &err), LDR_ARGUMENT);
  for (i = (int)r.l->note_count; i < LDR__MAX_NOTES; i++) {
    char key[16];
    sprintf(key, "key %d", i);
    CHECK_INT(ldr_ladder_note(r.l, key, "x", &err), LDR_OK);
  }
  REFUSED(ldr_ladder_note(r.l, "one more", "x", &err), LDR_LIMIT);
  CHECK_INT(ldr_ladder_note(r.l, "key 999", "y", &err), LDR_OK);
  REFUSED(ldr_ladder_save(NULL, "x", &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_save(r.l, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_load(NULL, "x", NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_load(r.m.m, NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_load_memory(NULL, "x", 1, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_ladder_load_memory(r.m.m, NULL, 0, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_predictor_create(NULL, 1, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_predictor_create(r.l, 0, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_predictor_create(r.l, 1, 0, &err), LDR_ARGUMENT);
  CHECK(ldr_predictor_plan(NULL, 1, 1).total == 0 && ldr_predictor_plan(r.l, 0, 1).total == 0 && ldr_predictor_plan(r.l, 1, 0).total == 0);
  REFUSED(ldr_predict(NULL, out, &b, &err), LDR_ARGUMENT);
  REFUSED(ldr_predict(p, NULL, &b, &err), LDR_ARGUMENT);
  REFUSED(ldr_predict(p, out, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_create(NULL, r.train, NULL, &td, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_create(r.l, NULL, NULL, &td, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_step(NULL, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_gradients(NULL, NULL, some_ids, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_gradients(t, NULL, NULL, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_gradients(t, NULL, some_ids, 0, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_gradients(t, NULL, some_ids + 2, 1, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_save(NULL, "x", &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_save(t, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_resume(NULL, "x", &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_resume(t, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_evaluate(NULL, r.dev, &score, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_evaluate(t, NULL, &score, &err), LDR_ARGUMENT);
  REFUSED(ldr_trainer_evaluate(t, r.dev, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_evaluate(NULL, r.dev, LDR_METRIC_AUTO, &score, &err), LDR_ARGUMENT);
  REFUSED(ldr_evaluate(r.l, NULL, LDR_METRIC_AUTO, &score, &err), LDR_ARGUMENT);
  REFUSED(ldr_evaluate(r.l, r.dev, LDR_METRIC_AUTO, NULL, &err), LDR_ARGUMENT);
  REFUSED(ldr_fit(NULL, r.train, NULL, NULL, NULL, &err), LDR_ARGUMENT);
  bad = b; bad.sequences = 0;
  REFUSED(ldr_predict(p, out, &bad, &err), LDR_ARGUMENT);
  bad = b; bad.ids = NULL;
  REFUSED(ldr_predict(p, out, &bad, &err), LDR_ARGUMENT);
  bad = b; bad.offsets = some_offsets + 1; bad.sequences = 1;
  REFUSED(ldr_predict(p, out, &bad, &err), LDR_ARGUMENT);
  {
    static const int32_t empty[] = { 0, 4, 4 }, backwards[] = { 0, 4, 2 }, three[] = { 0, 1, 2, 3 }, many[] = { 0, 41 }, ids[41] = { 31 }, negative[9] = { -1 };
    bad = b; bad.offsets = empty;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_ARGUMENT);
    bad = b; bad.offsets = backwards;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_ARGUMENT);
    bad = b; bad.offsets = three; bad.sequences = 3;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_ARGUMENT);
    bad = b; bad.offsets = many; bad.sequences = 1; bad.ids = ids;
    REFUSED(ldr_model_hidden(r.m.m, out, &bad, 0, &err), LDR_DATA);
    bad = b; bad.ids = ids;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_DATA);
    bad = b; bad.ids = negative;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_DATA);
    bad = b; bad.segments = some_ids;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_DATA);
    bad = b; bad.segments = negative;
    REFUSED(ldr_predict(p, out, &bad, &err), LDR_DATA);
  }
  ldr_model_free(NULL);
  ldr_ladder_free(NULL);
  ldr_trainer_free(NULL);
  ldr_predictor_free(NULL);
  ldr_dataset_free(NULL);
  ldr_tokenizer_free(NULL);
  ldr_trainer_restore_best(NULL);
  CHECK(ldr_model_info_get(NULL).layers == 0 && ldr_model_fingerprint(NULL) == 0 && ldr_model_tokenizer(NULL) == NULL && ldr_model_memory(NULL).count == 0);
  CHECK(ldr_dataset_count(NULL) == 0 && ldr_dataset_tokens(NULL) == 0 && ldr_dataset_get(NULL, 0).count == 0 && ldr_dataset_get(r.train, -1).count == 0 && ldr_dataset_get(r.train, 9).count == 0);
  CHECK(ldr_dataset_label(NULL, "a", 1, NULL) == -1 && ldr_dataset_labels(NULL) == 0 && ldr_dataset_label_name(NULL, 0) == NULL);
  CHECK(ldr_ladder_params(NULL) == 0 && ldr_ladder_param(NULL, 0).value == NULL && ldr_ladder_param(r.l, 999).value == NULL && ldr_ladder_find(NULL, "x") == -1 && ldr_ladder_find(r.l, NULL) == -1);
  CHECK(ldr_ladder_trainable(NULL) == 0 && ldr_ladder_label(NULL, 0) == NULL && ldr_ladder_label(r.l, 3) == NULL && ldr_ladder_note_get(NULL, "a") == NULL && ldr_ladder_note_get(r.l, NULL) == NULL);
  CHECK(ldr_trainer_done(NULL) && ldr_trainer_progress(NULL).step == 0 && ldr_trainer_plan(NULL, NULL, NULL, NULL).total == 0);
  free(counter);
  ldr_predictor_free(p);
  ldr_trainer_free(t);
  small_close(&r);
}

/* An int of any value in a field that is an enum: a C cast could be assumed away. */
#define SET(field, v) do { const int value_ = (v); memcpy(&(field), &value_, sizeof(int)); } while (0)

TEST(descriptions_out_of_range_are_refused) {
  small_run r = small_open(7);
  ldr_error err = no_error();
  const float nan = ldr__float_from_bits(0x7fc00000u);
  int i;
  for (i = 0; i < 36; i++) {
    static const int32_t twice[] = { 1, 1 }, outside[] = { 2 }, negative[] = { -1 };
    ldr_ladder_desc d = small_desc();
    ldr_ladder *l;
    d.label_names = NULL;
    switch (i) {
      case 0: SET(d.preset, LDR_PRESET_COUNT); break;
      case 1: SET(d.preset, -1); break;
      case 2: SET(d.head, 99); break;
      case 3: d.classes = 0; break;
      case 4: d.classes = -3; break;
      case 5: d.reduction = -1; break;
      case 6: d.reduction = 2000; break;
      case 7: d.width = -4; break;
      case 8: d.width = 9; break;            /* wider than the backbone it is cut from */
      case 9: d.ffn = -1; break;
      case 10: d.heads = -1; break;
      case 11: d.heads = 3; break;
      case 12: d.dropout = 1; break;
      case 13: d.gate = LDR_GATE_FIXED; d.gate_fixed = 1.5f; break;
      case 14: d.rungs = twice; d.rung_count = 2; break;
      case 15: d.rungs = outside; d.rung_count = 1; break;
      case 16: d.rungs = negative; d.rung_count = 1; break;
      case 17: d.rungs = twice; d.rung_count = 0; break;
      case 18: d.dropout = nan; break;
      case 19: SET(d.tap, 3); break;
      case 20: SET(d.gate, 5); break;
      case 21: SET(d.mix, -1); break;
      case 22: SET(d.output, 5); break;
      case 23: SET(d.init, 3); break;
      case 24: SET(d.importance, 4); break;
      case 25: SET(d.slice_heads, 3); break;
      case 26: d.rungs = NULL; d.rung_count = 1; break;
      case 27: d.encoder_rung_count = 2; break;
      case 28: d.method = LDR_METHOD_LORA; d.top = 1; break;
      case 29: d.head = LDR_HEAD_WORDS; d.standardise = LDR_ON; break;
      case 30: SET(d.standardise, 9); break;
      case 31: SET(d.tune_biases, -1); break;
      case 32: d.gate_init = nan; break;
      case 33: d.output_init = INFINITY; break;
      case 34: d.gate_temperature = INFINITY; break;
      default: SET(d.down_bias, 3); break;
    }
    err = no_error();
    l = ldr_ladder_create(r.m.m, &d, &err);
    if (l || err.status != LDR_ARGUMENT) printf("  ladder case %d: %s\n", i, l ? "accepted" : err.message);
    CHECK(l == NULL && err.status == LDR_ARGUMENT);
    ldr_ladder_free(l);
  }
  for (i = 0; i < 24; i++) {
    ldr_train_desc d = small_train();
    ldr_trainer *t;
    switch (i) {
      case 0: d.epochs = -1; break;
      case 1: d.batch = -1; break;
      case 2: d.accumulate = -1; break;
      case 3: d.accumulate = 5; break;
      case 4: d.rate = -1; break;
      case 5: d.rate = nan; break;
      case 6: d.beta1 = 1; break;
      case 7: d.beta2 = -1; break;
      case 8: d.epsilon = -1; break;
      case 9: d.momentum = 1; break;
      case 10: d.weight_decay = -1; break;
      case 11: d.warmup = 2; break;
      case 12: d.label_smoothing = 1; break;
      case 13: d.label_smoothing = -0.1f; break;
      case 14: SET(d.optimizer, 4); break;
      case 15: SET(d.optimizer, -1); break;
      case 16: SET(d.schedule, 3); break;
      case 17: SET(d.metric, 99); break;
      case 18: d.warmup = nan; break;
      case 19: d.clip = nan; break;
      case 20: d.epochs = INT32_MAX; break;  /* the number of steps would not fit */
      case 21: d.batch = INT32_MAX; d.accumulate = 2; break;
      case 22: d.patience = -1; break;
      default: d.weight_decay = nan; break;
    }
    err = no_error();
    if (i != 21) CHECK(ldr_trainer_plan(r.l, r.train, r.dev, &d).count == 0);
    t = ldr_trainer_create(r.l, r.train, r.dev, &d, &err);
    if (i == 21 && t) {                        /* a batch larger than the set is the whole set */
      CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
      ldr_trainer_free(t);
      continue;
    }
    if (t || err.status != LDR_ARGUMENT) printf("  training case %d: %s\n", i, t ? "accepted" : err.message);
    CHECK(t == NULL && err.status == LDR_ARGUMENT);
    ldr_trainer_free(t);
  }
  for (i = 0; i < 5; i++) {
    ldr_dataset_desc d;
    ldr_dataset *set;
    memset(&d, 0, sizeof d);
    if (i == 0) SET(d.head, 99);
    if (i == 1) SET(d.head, -1);
    if (i == 2) d.max_len = -1;
    if (i >= 3) d.head = LDR_HEAD_CHOICE, d.choices = i - 3;
    err = no_error();
    set = ldr_dataset_create(&d, &err);
    CHECK(set == NULL && err.status == LDR_ARGUMENT);
    ldr_dataset_free(set);
  }
  {
    static const int32_t ids[] = { 1, 2 }, far_ids[] = { 31 }, label[] = { -1 }, high[] = { 3 };
    ldr_dataset *set = ldr_dataset_create(NULL, &err);
    ldr_example e;
    memset(&e, 0, sizeof e);
    e.ids = ids;
    e.count = 2;
    e.labels = label;
    REFUSED(ldr_dataset_add(set, &e, &err), LDR_DATA);
    e.labels = ids;
    e.count = 0;
    REFUSED(ldr_dataset_add(set, &e, &err), LDR_ARGUMENT);
    REFUSED(ldr_trainer_create(r.l, set, NULL, NULL, &err), LDR_DATA);       /* no examples at all */
    e.count = 1;
    e.labels = high;
    CHECK_INT(ldr_dataset_add(set, &e, &err), LDR_OK);
    REFUSED(ldr_trainer_create(r.l, set, NULL, NULL, &err), LDR_DATA);
    e.labels = ids;
    e.ids = far_ids;
    REFUSED(ldr_dataset_add(set, &e, &err), LDR_OK);
    REFUSED(ldr_trainer_create(r.l, r.train, set, NULL, &err), LDR_DATA);
    ldr_dataset_free(set);
  }
  small_close(&r);
}

#define TESTS(X) X(a_ladder_file_comes_back_or_is_refused) X(every_missing_piece_of_a_ladder_file_is_named) X(a_damaged_header_never_loads_another_ladder) X(a_small_ladder_file_cannot_take_much_memory) X(ladders_and_runs_are_not_mixed_up) X(counters_that_cannot_be_are_refused) \
  X(every_failed_allocation_is_a_clean_error) X(steps_and_predictions_allocate_nothing) X(a_save_cut_at_any_byte_leaves_the_old_file) X(places_nothing_can_be_saved_at) X(texts_that_cannot_be_answered) X(null_is_refused_or_harmless) X(descriptions_out_of_range_are_refused)
LDR_TEST_MAIN("failures", TESTS)
