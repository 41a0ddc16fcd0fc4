/* The tap cache: whatever it holds, wherever it lies and however it was filled, training goes on the
   same numbers; a stale, cut or damaged file is never believed. And weights whose pages are given back. */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700      /* fork, setrlimit and sigaction in strict C99 */
#endif
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if defined(__unix__) || defined(__APPLE__)
  #define HAVE_POSIX 1
  #include <signal.h>
  #include <sys/resource.h>
  #include <sys/select.h>
  #include <sys/stat.h>
  #include <sys/wait.h>
  #include <unistd.h>
#else
  #define HAVE_POSIX 0
#endif
#if HAVE_POSIX && LDR__HAVE_MMAP
  #define DIR_NAME "cache-test.tmp"
#else                          /* nobody makes a folder here */
  #define DIR_NAME "."
#endif
#define TRAIN_FILE DIR_NAME "/train.taps"
#define DEV_FILE   DIR_NAME "/dev.taps"

static void clear_files(void) {
  static const char *const names[] = { TRAIN_FILE, DEV_FILE, TRAIN_FILE ".partial", DEV_FILE ".partial", TRAIN_FILE ".states", DEV_FILE ".states", TRAIN_FILE ".lock", DEV_FILE ".lock" };
  size_t i;
  for (i = 0; i < sizeof names / sizeof names[0]; i++) remove(names[i]);
#if HAVE_POSIX
  rmdir(DIR_NAME);
#endif
}

/* ---- one run ---------------------------------------------------------------------------- */

typedef struct setup {
  const char *family, *dir;
  ldr_preset  preset;
  ldr_head    head;
  ldr_dtype   type;
  ldr_simd    simd;
  ldr_compute compute;
  int         cache, layers, epochs, poison, shorten, first_rung, rungs, relabel, standardise, top;
  uint64_t    model_seed, data_seed;
  ldr_tap     tap;
  ldr_pool    pool;
} setup;

static setup plain(void) {
  setup o;
  memset(&o, 0, sizeof o);
  o.family = "bert";
  o.epochs = 2;
  o.model_seed = 7;
  o.data_seed = 3;
  return o;
}

static setup on_disk(void) {
  setup o = plain();
  o.dir = DIR_NAME;
  return o;
}

typedef struct bench { tiny_spec s; tiny_model m; ldr_dataset *train, *dev; ldr_ladder *l; ldr_trainer *t; ldr_error err; } bench;

/* The set with every sequence cut to three tokens, or with other labels. */
static ldr_dataset *change_set(ldr_dataset *old, const setup *o) {
  ldr_dataset_desc d;
  ldr_dataset *set;
  int32_t i;
  if (!o->shorten && !o->relabel) return old;
  memset(&d, 0, sizeof d);
  d.head = o->head;
  d.choices = o->head == LDR_HEAD_CHOICE ? 3 : 0;
  set = ldr_dataset_create(&d, NULL);
  for (i = 0; i < ldr_dataset_count(old); i++) {
    ldr_example e = ldr_dataset_get(old, i);
    int32_t label = e.labels[0] == 0;
    if (o->shorten) e.count = LDR__MIN(e.count, 3);
    if (o->relabel) e.labels = &label;
    CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  }
  ldr_dataset_free(old);
  return set;
}

static bench open_bench(const setup *o, const ldr_allocator *a) {
  bench b;
  int32_t rungs[3], i;
  ldr_ladder_desc d;
  ldr_train_desc td;
  memset(&b, 0, sizeof b);
  memset(&d, 0, sizeof d);
  memset(&td, 0, sizeof td);
  b.s = tiny_default(o->family);
  b.s.seed = o->model_seed;
  b.s.simd = o->simd;
  b.s.compute = o->compute;
  b.m = tiny_open(b.s, &b.err);
  b.train = change_set(tiny_dataset(&b.s, o->head, 3, 13, o->data_seed), o);
  b.dev = tiny_dataset(&b.s, o->head, 3, 5, 4);
  for (i = 0; i < o->rungs; i++) rungs[i] = o->first_rung + i;
  d.rungs = o->rungs ? rungs : NULL;
  d.rung_count = o->rungs;
  d.preset = o->preset;
  d.tap = o->tap;
  d.pool = o->pool;
  d.head = o->head;
  d.classes = o->head == LDR_HEAD_CHOICE || o->head == LDR_HEAD_REGRESS ? 1 : 3;
  d.reduction = tiny_turns(o->family) ? 3 : 2;      /* rotary heads need an even size */
  d.width = o->preset == LDR_PRESET_CLUE ? 16 : 0;
  d.standardise = o->standardise ? LDR_ON : LDR_OFF;
  d.top = o->top;
  d.dropout = 0.1f;
  b.l = ldr_ladder_create(b.m.m, &d, &b.err);
  CHECK_STR(b.err.message, "");
  if (a) td.alloc = *a;
  td.epochs = o->epochs;
  td.batch = 4;
  td.rate = 3e-3f;
  td.cache = o->cache;
  td.cache_dir = o->dir;
  td.cache_type = o->type;
  td.cache_layers = o->layers;
  b.t = ldr_trainer_create(b.l, b.train, b.dev, &td, &b.err);
  return b;
}

static void close_bench(bench *b) {
  ldr_trainer_free(b->t);
  ldr_ladder_free(b->l);
  ldr_dataset_free(b->train);
  ldr_dataset_free(b->dev);
  tiny_close(&b->m);
}

typedef struct outcome { uint64_t bits; double loss; ldr_cache_info info; char note[2][512]; } outcome;

/* Trains to the end. bits: a hash of the ladder; loss: of the dev set. */
static outcome train(setup o) {
  bench b = open_bench(&o, NULL);
  outcome r;
  ldr_score score;
  int i;
  memset(&r, 0, sizeof r);
  memset(&score, 0, sizeof score);
  CHECK_STR(b.err.message, "");
  if (b.t) {
    if (o.poison) memset(b.m.weights + b.m.size / 2, 0x7f, b.m.size / 2);
    while (!ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, NULL, &b.err)) continue;
    CHECK_STR(b.err.message, "");
    r.bits = ldr__floats_digest(0, b.l->values, b.l->size);
    CHECK_INT(ldr_trainer_evaluate(b.t, b.dev, &score, &b.err), LDR_OK);
    r.loss = score.loss;
    r.info = ldr_trainer_cache(b.t);
    for (i = 0; i < 2; i++) strcpy(r.note[i], r.info.note[i]);
  }
  close_bench(&b);
  return r;
}

static int no_loose_ends(void) {
  return !ldr_test_exists(TRAIN_FILE ".partial") && !ldr_test_exists(DEV_FILE ".partial") && !ldr_test_exists(TRAIN_FILE ".states") && !ldr_test_exists(DEV_FILE ".states") &&
    !ldr_test_exists(TRAIN_FILE ".lock") && !ldr_test_exists(DEV_FILE ".lock");
}

/* ---- element types ---------------------------------------------------------------------- */

/* The kernels that pack rows, once for each set of instructions that is here. */
static const ldr__kernels *kernels_of(int i) {
  static const ldr_simd sets[] = { LDR_SIMD_PORTABLE, LDR_SIMD_AVX2, LDR_SIMD_AVX512 };
  return i < (int)(sizeof sets / sizeof sets[0]) ? ldr__kernels_pick(sets[i]) : NULL;
}

TEST(rounding_is_to_the_nearest) {
  static const size_t widths[] = { 1, 5, 16, 24, 37, 64 };
  static unsigned char first[6][4 * 68 * 4];
  const ldr__kernels *ker;
  size_t w, i, n;
  int set;
  for (set = 0; (ker = kernels_of(set)) != NULL; set++)
    for (w = 0; w < sizeof widths / sizeof widths[0]; w++) {
      float x[4 * 64], y[4 * 64];
      unsigned char packed[4 * 68 * 4];
      n = widths[w];
      for (i = 0; i < 4 * n; i++) x[i] = (float)(ldr__random_normal(5, i) * (i / n == 2 ? 1e-4 : 3.0));
      ker->rows->pack(packed, x, 4, n, LDR_F32);
      ldr__rows_unpack(ker, y, packed, 4, n, LDR_F32);
      CHECK(memcmp(x, y, 4 * n * sizeof(float)) == 0);
      packed[8 * n] = 77;
      ker->rows->pack(packed, x, 4, n, LDR_BF16);
      CHECK(packed[8 * n] == 77);                        /* and not a byte more */
      ldr__rows_unpack(ker, y, packed, 4, n, LDR_BF16);
      for (i = 0; i < 4 * n; i++) {
        CHECK(fabsf(x[i] - y[i]) <= fabsf(x[i]) / 256.0f);
        CHECK(ldr__load_u16(packed + 2 * i) == ldr__float_to_bf16(x[i]));
      }
      memset(packed, 77, sizeof packed);
      ker->rows->pack(packed, x, 4, n, LDR_I8);
      if (set == 0) memcpy(first[w], packed, sizeof packed);
      CHECK(memcmp(first[w], packed, sizeof packed) == 0);        /* the same bytes of every set, and not one more */
      ldr__rows_unpack(ker, y, packed, 4, n, LDR_I8);
      for (i = 0; i < 4 * n; i++) {
        float top = 0;
        size_t k;
        for (k = 0; k < n; k++) top = LDR__MAX(top, fabsf(x[i / n * n + k]));
        CHECK(fabsf(x[i] - y[i]) <= top / 127.0f * 0.5001f);
        if (fabsf(x[i]) == top) CHECK_NEAR(y[i], x[i], top * 1e-6);      /* the largest one is kept */
      }
    }
  CHECK(set > 0);
}

TEST(odd_rows_survive_rounding) {
  const ldr__kernels *ker;
  int set;
  for (set = 0; (ker = kernels_of(set)) != NULL; set++) {
    float x[5 * 7], y[5 * 7];
    unsigned char packed[5 * 14];
    int i;
    for (i = 0; i < 35; i++) x[i] = (float)(i % 7) - 3.0f;
    memset(x, 0, 7 * sizeof(float));                       /* all zero */
    for (i = 7; i < 14; i++) x[i] = 1e-38f * (float)(i - 10);      /* too small to be scaled */
    x[15] = ldr__float_from_bits(0x7fffffffu);             /* a NaN that rounding up would make a zero of */
    x[23] = -ldr__float_from_bits(0x7f800000u);            /* -inf */
    x[30] = 3e38f;
    ker->rows->pack(packed, x, 5, 7, LDR_BF16);
    ldr__rows_unpack(ker, y, packed, 5, 7, LDR_BF16);
    CHECK(y[15] != y[15] && y[23] == x[23] && y[0] == 0 && y[24] == x[24]);
    ker->rows->pack(packed, x, 5, 7, LDR_I8);
    ldr__rows_unpack(ker, y, packed, 5, 7, LDR_I8);
    for (i = 0; i < 14; i++) CHECK(y[i] == 0);
    for (i = 14; i < 28; i++) CHECK(y[i] != y[i]);         /* found out by the loss, not hidden */
    CHECK_NEAR(y[30] / 3e38f, 1, 1e-6);
    CHECK(y[29] == 0 && y[28] == 0);
  }
}

/* ---- same numbers ----------------------------------------------------------------------- */

TEST(every_exact_cache_changes_nothing) {
  static const char *const families[] = { "bert", "llama", "albert", "gpt2" };
  int h, p;
  for (h = 0; h < TINY_HEADS; h++)
    for (p = 0; p < LDR_PRESET_COUNT; p++) {
      setup o = plain(), disk = on_disk();
      outcome want, got;
      int layers;
      o.head = disk.head = tiny_heads[h];
      o.pool = disk.pool = (ldr_pool)((h + p) % 5);
      o.preset = disk.preset = (ldr_preset)p;
      o.family = disk.family = families[(h + p) % 4];
      o.compute = disk.compute = (h + p) % 3 == 1 ? LDR_COMPUTE_INT8 : LDR_COMPUTE_F32;
      if (p == LDR_PRESET_PAPER && strcmp(o.family, "llama") == 0) o.family = disk.family = "roberta";      /* the recipe cannot divide this one */
      if (p == LDR_PRESET_PAPER && h % 2) o.rungs = disk.rungs = 2;      /* layers above the last tap */
      if (p == LDR_PRESET_TOP && strcmp(o.family, "albert") == 0) o.family = disk.family = "bert";       /* its blocks are one tensor */
      if (p == LDR_PRESET_TOP && h % 2) o.top = disk.top = 3;            /* all layers: the tap is the embeddings */
      want = train(o);
      CHECK_INT(want.info.sequences, 0);
      o.cache = 1;
      for (layers = 0; layers < 2; layers++) {
        o.layers = disk.layers = layers;
        got = train(o);
        CHECK(got.bits == want.bits && got.loss == want.loss);
        CHECK_INT(got.info.filled, got.info.sequences);
        CHECK_INT(got.info.backbone_runs, layers ? 0 : 4 + 2);
        got = train(disk);
        CHECK(got.bits == want.bits && got.loss == want.loss);
        CHECK_INT(got.info.reused, 0);
        CHECK_STR(got.note[0], "");
        CHECK(no_loose_ends());
        got = train(disk);                         /* what the first run left behind */
        CHECK(got.bits == want.bits && got.loss == want.loss);
        CHECK_INT(got.info.reused, 2);
        CHECK_INT(got.info.backbone_runs, 0);
        CHECK_INT(got.info.damaged, 0);
        CHECK(strstr(got.note[0], "used again") != NULL);
        clear_files();
      }
    }
}

TEST(rounded_caches_agree_and_stay_close) {
  static const ldr_dtype types[] = { LDR_BF16, LDR_I8 };
  static const double limits[] = { 0.02, 0.05 };
  int i, h;
  for (h = 0; h < TINY_HEADS; h++)
    for (i = 0; i < 2; i++) {
      setup o = plain(), disk = on_disk();
      outcome exact, want, got;
      o.head = disk.head = tiny_heads[h];
      o.family = disk.family = h % 2 ? "llama" : "bert";
      exact = train(o);
      o.cache = 1;
      o.type = disk.type = types[i];
      want = train(o);
      CHECK(want.bits != exact.bits);
      CHECK_NEAR(want.loss, exact.loss, limits[i]);
      o.layers = 1;
      got = train(o);
      CHECK(got.bits == want.bits && got.loss == want.loss);
      got = train(disk);
      CHECK(got.bits == want.bits && got.loss == want.loss);
      got = train(disk);
      CHECK(got.bits == want.bits && got.loss == want.loss && got.info.backbone_runs == 0);
      clear_files();
      disk.layers = 1;
      got = train(disk);
      CHECK(got.bits == want.bits && got.loss == want.loss);
      clear_files();
    }
}

/* The weights are destroyed once the second run has named them: nobody looks. */
TEST(a_second_run_never_touches_the_backbone) {
  setup o = on_disk();
  outcome want, got;
  o.preset = LDR_PRESET_SLICED;              /* copies are made of the backbone's blocks */
  want = train(o);
  o.poison = 1;
  got = train(o);
  CHECK(got.bits == want.bits && got.loss == want.loss);
  o.layers = 1;
  clear_files();
  got = train(o);
  CHECK(got.bits == want.bits && got.loss == want.loss);
  clear_files();
}

/* ---- files that do not fit -------------------------------------------------------------- */

TEST(a_stale_cache_is_made_again) {
  static const char *const reasons[] = { "another backbone", "other rungs", "other rungs", "other rungs", "other texts", "other texts", "another element type", "other rungs", "another backbone", "other rungs", "other rungs" };
  size_t i;
  for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    setup first = on_disk(), o = on_disk(), none;
    outcome want, got;
    first.tap = LDR_TAP_INPUT;
    if (i != 10) first.preset = o.preset = LDR_PRESET_SLICED;      /* all layers have rungs, and the head reads the final state */
    if (i == 7) {                                      /* the kernels decide the last bits */
      if (strcmp(ldr_simd_name(LDR_SIMD_AUTO), ldr_simd_name(LDR_SIMD_PORTABLE)) == 0) continue;
      o.simd = LDR_SIMD_PORTABLE;
    }
    train(first);
    if (i == 0) o.model_seed = 8;
    if (i == 1) o.rungs = 2;
    if (i == 2) o.rungs = 2, o.first_rung = 1;
    if (i == 3) o.tap = LDR_TAP_OUTPUT;
    if (i == 4) o.data_seed = 9;
    if (i == 5) o.shorten = 1;
    if (i == 6) o.type = LDR_I8;
    if (i == 8) o.compute = LDR_COMPUTE_INT8;
    if (i == 9) o.pool = LDR_POOL_MEAN;
    if (i == 10) o.rungs = 1;                          /* and more copies */
    none = o;
    none.dir = NULL;
    none.cache = 1;
    want = train(none);
    got = train(o);
    CHECK(got.bits == want.bits && got.loss == want.loss);
    CHECK_INT(got.info.reused, i == 4 || i == 5 ? 1 : 0);      /* the dev set is the same */
    if (!strstr(got.note[0], reasons[i]) || !strstr(got.note[0], "made again")) printf("  case %d: \"%s\"\n", (int)i, got.note[0]);
    CHECK(strstr(got.note[0], reasons[i]) != NULL && strstr(got.note[0], "made again") != NULL);
    got = train(o);
    CHECK(got.bits == want.bits && got.info.reused == 2 && got.info.backbone_runs == 0);
    clear_files();
  }
  {                                                      /* labels are no part of a tap */
    setup o = on_disk();
    train(o);
    o.relabel = 1;
    CHECK_INT(train(o).info.reused, 2);
    clear_files();
  }
  {                                                      /* nor is the kind of a head that reads no other rows */
    setup o = on_disk();
    train(o);
    o.head = LDR_HEAD_REGRESS;
    CHECK_INT(train(o).info.reused, 2);
    o.head = LDR_HEAD_TOKENS;
    CHECK_INT(train(o).info.reused, 0);
    clear_files();
  }
}

/* The dev loss read through the cache, without training. */
static double dev_loss(ldr_cache_info *info, char *note) {
  setup o = on_disk();
  bench b = open_bench(&o, NULL);
  ldr_score score;
  memset(&score, 0, sizeof score);
  CHECK_INT(ldr_trainer_evaluate(b.t, b.dev, &score, &b.err), LDR_OK);
  CHECK_STR(b.err.message, "");
  *info = ldr_trainer_cache(b.t);
  strcpy(note, info->note[1]);
  close_bench(&b);
  return score.loss;
}

TEST(a_cut_cache_is_made_again) {
  setup o = on_disk();
  size_t size, cut, whole_size;
  char note[512], *whole, *now;
  ldr_cache_info info;
  double want;
  train(o);
  whole = ldr_test_read(DEV_FILE, &whole_size);
  want = dev_loss(&info, note);
  CHECK(whole && info.reused == 2 && whole_size > 1000);
  for (cut = 0; whole && cut <= whole_size; cut += cut < 140 || cut + 40 > whole_size ? 1 : 173) {
    char *longer = (char *)malloc(whole_size + 1);
    size = cut == whole_size ? whole_size + 1 : cut;   /* the last one is too long */
    memcpy(longer, whole, whole_size);
    longer[whole_size] = 0;
    CHECK(ldr_test_write(DEV_FILE, longer, size));
    free(longer);
    CHECK(dev_loss(&info, note) == want);
    CHECK_INT(info.reused, 1);
    CHECK(strstr(note, "made again") != NULL);
    now = ldr_test_read(DEV_FILE, &size);
    CHECK(now && size == whole_size && memcmp(now, whole, size) == 0);
    free(now);
  }
  free(whole);
  CHECK(no_loose_ends());
  clear_files();
}

TEST(a_flipped_byte_is_never_believed) {
  setup o = on_disk();
  size_t size, at, whole_size, flips = 0;
  char note[512], *whole, *now;
  ldr_cache_info info;
  double want;
  train(o);
  whole = ldr_test_read(DEV_FILE, &whole_size);
  want = dev_loss(&info, note);
  for (at = 0; whole && at < whole_size; at += at < 136 || at + 24 > whole_size ? 1 : 61, flips++) {
    char bit = (char)(1 << flips % 8);
    whole[at] = (char)(whole[at] ^ bit);
    CHECK(ldr_test_write(DEV_FILE, whole, whole_size));
    whole[at] = (char)(whole[at] ^ bit);
    CHECK(dev_loss(&info, note) == want);
    CHECK(info.reused == 1 ? strstr(note, "made again") != NULL : info.damaged == 1 && strstr(note, "checksum") != NULL);
    now = ldr_test_read(DEV_FILE, &size);              /* and it is mended */
    CHECK(now && size == whole_size && memcmp(now, whole, size) == 0);
    free(now);
  }
  CHECK(flips > 200);
  /* Two records change places: each is whole, and neither is where it belongs. */
  if (whole) {
    size_t row = 24 * 4, first = 128, record;
    ldr_dataset *set;
    tiny_spec s = tiny_default("bert");
    set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 5, 4);
    record = (size_t)ldr_dataset_get(set, 0).count * row + 8;
    ldr_dataset_free(set);
    now = (char *)malloc(whole_size);
    memcpy(now, whole, whole_size);
    memcpy(now + first, whole + first + record, record);
    memcpy(now + first + record, whole + first, record);
    CHECK(ldr_test_write(DEV_FILE, now, whole_size));
    free(now);
    CHECK(dev_loss(&info, note) == want && info.damaged >= 1);
  }
  free(whole);
  clear_files();
}

/* ---- interrupted, impossible, out of room ------------------------------------------------ */

TEST(an_unfinished_cache_leaves_nothing) {
  setup o = on_disk();
  bench b = open_bench(&o, NULL);
  outcome want;
  CHECK_INT(ldr_trainer_step(b.t, NULL, &b.err), LDR_OK);
  CHECK(ldr_test_exists(TRAIN_FILE ".partial") && !ldr_test_exists(TRAIN_FILE));
  CHECK_INT(ldr_trainer_cache(b.t).filled, 4);
  close_bench(&b);
  CHECK(no_loose_ends() && !ldr_test_exists(TRAIN_FILE) && !ldr_test_exists(DEV_FILE));
  o.dir = NULL;
  want = train(o);
#if HAVE_POSIX
  {
    int steps;
    for (steps = 0; steps < 5; steps++) {              /* killed after so many steps of the first epoch's four */
      pid_t child;
      int status = 0;
      outcome got;
      o = on_disk();
      fflush(stdout);
      child = fork();
      if (child == 0) {
        int i;
        b = open_bench(&o, NULL);
        for (i = 0; i < steps; i++) ldr_trainer_step(b.t, NULL, &b.err);
        _exit(b.err.status != LDR_OK);
      }
      CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
      CHECK(ldr_test_exists(TRAIN_FILE) == (steps >= 4));
      got = train(o);
      CHECK(got.bits == want.bits && got.loss == want.loss);
      CHECK_INT(got.info.reused, steps >= 4 ? 2 : 0);
      CHECK(no_loose_ends());
      clear_files();
    }
  }
#else
  (void)want;
#endif
  clear_files();
}

TEST(a_place_that_cannot_be_written_is_an_error) {
  setup o = on_disk();
  bench b;
  CHECK(ldr_test_write("cache-test.file", "x", 1));
  o.dir = "cache-test.file/below";
  b = open_bench(&o, NULL);
  CHECK(b.t == NULL);
  CHECK_INT(b.err.status, LDR_IO);
  CHECK(strstr(b.err.message, "cache-test.file/below/train.taps") != NULL);
  close_bench(&b);
  remove("cache-test.file");
}

#if HAVE_POSIX
/* A full disk, played by a limit on file sizes: an error that names the file, whenever it comes. */
TEST(a_full_disk_is_an_error) {
  struct rlimit before, now;
  struct sigaction ignore, old;
  rlim_t limit;
  int layers;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, &old);
  getrlimit(RLIMIT_FSIZE, &before);
  for (layers = 0; layers < 2; layers++)
    for (limit = 64; limit < 40000; limit = limit * 2 + 100) {
      setup o = on_disk();
      bench b;
      now = before;
      now.rlim_cur = limit;
      CHECK_INT(setrlimit(RLIMIT_FSIZE, &now), 0);
      o.layers = layers;
      b = open_bench(&o, NULL);
      while (b.t && !ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, NULL, &b.err)) continue;
      now.rlim_cur = before.rlim_cur;
      setrlimit(RLIMIT_FSIZE, &now);
      CHECK(b.err.status == LDR_OK || (b.err.status == LDR_IO && strstr(b.err.message, ".taps") != NULL));
      CHECK(b.err.status == LDR_OK || !ldr_test_exists(TRAIN_FILE));
      if (limit < 10000) CHECK_INT(b.err.status, LDR_IO);
      if (b.t && b.err.status) {                     /* trying again is no crash */
        ldr_error again;
        memset(&again, 0, sizeof again);
        ldr_trainer_step(b.t, NULL, &again);
      }
      close_bench(&b);
      CHECK(no_loose_ends());
      clear_files();
    }
  sigaction(SIGXFSZ, &old, NULL);
}

/* Killed in the middle of a write, at many places: the same limit, and a signal nobody catches. */
TEST(a_killed_fill_leaves_no_cache) {
  struct rlimit limit;
  setup o = plain();
  outcome want = train(o), got;
  int layers, killed = 0;
  rlim_t at;
  getrlimit(RLIMIT_CORE, &limit);
  for (layers = 0; layers < 2; layers++)
    for (at = 100; at < 40000; at += 2700) {
      pid_t child;
      int status = 0;
      o = on_disk();
      o.layers = layers;
      fflush(stdout);
      child = fork();
      if (child == 0) {
        bench b;
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &limit);
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = at;
        setrlimit(RLIMIT_FSIZE, &limit);
        b = open_bench(&o, NULL);
        while (b.t && !ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, NULL, &b.err)) continue;
        _exit(0);
      }
      CHECK(child > 0 && waitpid(child, &status, 0) == child);
      killed += WIFSIGNALED(status) != 0;
      CHECK(!WIFSIGNALED(status) || !ldr_test_exists(TRAIN_FILE) || !ldr_test_exists(DEV_FILE));
      got = train(o);
      CHECK(got.bits == want.bits && got.loss == want.loss);
      CHECK(no_loose_ends());
      clear_files();
    }
  CHECK(killed > 10);
}

#if LDR__HAVE_MMAP
/* 1: something can be read within so many thousandths of a second. */
static int arrives(int fd, long thousandths) {
  struct timeval wait;
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  wait.tv_sec = thousandths / 1000;
  wait.tv_usec = thousandths % 1000 * 1000;
  return select(fd + 1, &set, NULL, NULL, &wait) > 0;
}

/* Two processes on one folder: the second waits for the first and reads what it filled, or fills when the first was killed. */
TEST(one_process_fills_and_others_wait) {
  setup o = plain();
  outcome want = train(o), got;
  int killed, layers;
  for (killed = 0; killed < 2; killed++)
    for (layers = 0; layers < 2; layers++) {
      int told[2], go[2], answer[2], status = 0;
      char c = 0;
      pid_t first, second;
      CHECK(pipe(told) == 0 && pipe(go) == 0 && pipe(answer) == 0);
      o = on_disk();
      fflush(stdout);
      first = fork();
      if (first == 0) {
        bench b = open_bench(&o, NULL);
        ldr_trainer_step(b.t, NULL, &b.err);
        if (write(told[1], "f", 1) != 1 || read(go[0], &c, 1) != 1) _exit(9);
        while (b.t && !ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, NULL, &b.err)) continue;
        c = ldr__floats_digest(0, b.l->values, b.l->size) != want.bits;
        close_bench(&b);
        _exit(b.err.status != LDR_OK || c);
      }
      CHECK(arrives(told[0], 60000) && read(told[0], &c, 1) == 1);
      o.layers = layers;
      second = fork();
      if (second == 0) {
        got = train(o);
        if (write(answer[1], &got, sizeof got) != (ssize_t)sizeof got) _exit(9);
        _exit(ldr_test.failures != 0);
      }
      CHECK(!arrives(answer[0], 300));
      CHECK((killed ? kill(first, SIGKILL) == 0 : write(go[1], "g", 1) == 1));
      memset(&got, 0, sizeof got);
      CHECK(arrives(answer[0], 60000) && read(answer[0], &got, sizeof got) == (ssize_t)sizeof got);
      CHECK(got.bits == want.bits && got.loss == want.loss);
      CHECK_INT(got.info.reused, killed ? 0 : 2);
      CHECK(waitpid(first, &status, 0) == first && (killed || status == 0));
      CHECK(waitpid(second, &status, 0) == second && status == 0);
      CHECK(no_loose_ends() && ldr_test_exists(TRAIN_FILE) && ldr_test_exists(DEV_FILE));
      close(told[0]); close(told[1]); close(go[0]); close(go[1]); close(answer[0]); close(answer[1]);
      clear_files();
    }
}

/* Waiting for oneself would be for ever. */
TEST(a_trainer_does_not_wait_for_its_own_process) {
  setup o = on_disk();
  bench a = open_bench(&o, NULL), b;
  CHECK_INT(ldr_trainer_step(a.t, NULL, &a.err), LDR_OK);
  b = open_bench(&o, NULL);
  CHECK(b.t == NULL && b.err.status == LDR_ARGUMENT && strstr(b.err.message, "another trainer of this process"));
  while (!ldr_trainer_done(a.t) && !ldr_trainer_step(a.t, NULL, &a.err)) continue;
  CHECK_STR(a.err.message, "");
  close_bench(&b);
  b = open_bench(&o, NULL);
  CHECK(b.t && ldr_trainer_cache(b.t).reused == 2);
  close_bench(&a);
  close_bench(&b);
  clear_files();
}
#define LOCK_TESTS(X) X(one_process_fills_and_others_wait) X(a_trainer_does_not_wait_for_its_own_process)
#else
#define LOCK_TESTS(X)
#endif
#define POSIX_TESTS(X) LOCK_TESTS(X) X(a_full_disk_is_an_error) X(a_killed_fill_leaves_no_cache) X(released_weights_give_the_same_bits)
#else
#define POSIX_TESTS(X)
#endif

TEST(every_failed_allocation_of_a_cached_run_is_clean) {
  int kind;
  for (kind = 0; kind < 4; kind++) {
    long at;
    int done = 0;
    for (at = 1; at < 50 && !done; at++) {
      ldr_test_heap h;
      ldr_allocator a = ldr_test_alloc(&h, at);
      setup o = kind & 1 ? on_disk() : plain();
      bench b;
      o.cache = 1;
      o.layers = kind >> 1;
      b = open_bench(&o, &a);
      done = b.t != NULL;
      CHECK_INT(b.err.status, done ? LDR_OK : LDR_MEMORY);
      close_bench(&b);
      CHECK_INT(h.live, 0);
      CHECK_INT(h.bytes, 0);
      CHECK_INT(h.bad, 0);
      CHECK(no_loose_ends());
      clear_files();
    }
    CHECK(done && at > (kind == 2 ? 3 : 2));
  }
}

TEST(the_plan_is_what_is_taken) {
  int kind;
  for (kind = 0; kind < 6; kind++) {
    ldr_test_heap h;
    ldr_allocator a = ldr_test_alloc(&h, 0);
    setup o = kind & 1 ? on_disk() : plain();
    ldr_memory plan;
    ldr_train_desc td;
    bench b;
    uint64_t taps = 0, disk;
    long calls;
    int32_t i;
    size_t size;
    o.cache = 1;
    o.standardise = kind != 4;
    o.layers = kind & 1;
    o.type = kind < 2 ? LDR_F32 : kind < 4 ? LDR_BF16 : LDR_I8;
    b = open_bench(&o, &a);
    CHECK_STR(b.err.message, "");
    memset(&td, 0, sizeof td);
    td.batch = 4;
    td.cache = 1;
    td.cache_dir = o.dir;
    td.cache_type = o.type;
    td.cache_layers = o.layers;
    plan = ldr_trainer_plan(b.l, b.train, b.dev, &td);
    disk = ldr_trainer_plan_disk(b.l, b.train, b.dev, &td);
    CHECK_INT(h.peak, plan.total);
    for (i = 0; i < plan.count; i++)
      if (strncmp(plan.items[i].name, "tap cache", 9) == 0) taps += plan.items[i].bytes;
    CHECK(taps > 0);
    CHECK((disk > 0) == (o.dir != NULL));
    CHECK(!o.dir || taps < 4096);                      /* on disk only a record is held */
    CHECK_INT(ldr_trainer_cache(b.t).disk, disk);
    calls = h.calls;
    h.fail_at = 1;
    while (!ldr_trainer_done(b.t) && !ldr_trainer_step(b.t, NULL, &b.err)) continue;
    CHECK_STR(b.err.message, "");
    CHECK_INT(h.calls, calls);
    close_bench(&b);
    if (o.dir) {
      free(ldr_test_read(TRAIN_FILE, &size));
      disk -= size;
      free(ldr_test_read(DEV_FILE, &size));
      CHECK_INT(size, disk);
    }
    clear_files();
  }
}

/* A run on rounded taps is another run; where exact ones lie does not matter. */
TEST(runs_resume_across_places_but_not_types) {
  static const ldr_dtype types[] = { LDR_F32, LDR_BF16, LDR_I8 };
  int i, k;
  for (i = 0; i < 3; i++)
    for (k = 0; k < 3; k++) {
      setup a = plain(), b = on_disk();
      bench x, y;
      a.cache = i > 0;
      a.type = types[i];
      b.type = types[k];
      x = open_bench(&a, NULL);
      y = open_bench(&b, NULL);
      CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
      CHECK_INT(ldr_trainer_save(x.t, "cache-test.run", &x.err), LDR_OK);
      CHECK_INT(ldr_trainer_resume(y.t, "cache-test.run", &y.err), i == k ? LDR_OK : LDR_MISMATCH);
      remove("cache-test.run");
      close_bench(&x);
      close_bench(&y);
      clear_files();
    }
}

/* A backbone in 8 bits has other taps, and a run on them is another run. */
TEST(runs_do_not_resume_on_another_arithmetic) {
  int i, k;
  for (i = 0; i < 2; i++)
    for (k = 0; k < 2; k++) {
      setup a = plain(), b = plain();
      bench x, y;
      a.compute = i ? LDR_COMPUTE_INT8 : LDR_COMPUTE_F32;
      b.compute = k ? LDR_COMPUTE_INT8 : LDR_COMPUTE_F32;
      x = open_bench(&a, NULL);
      y = open_bench(&b, NULL);
      CHECK_INT(ldr_trainer_step(x.t, NULL, &x.err), LDR_OK);
      CHECK_INT(ldr_trainer_save(x.t, "cache-test.run", &x.err), LDR_OK);
      CHECK_INT(ldr_trainer_resume(y.t, "cache-test.run", &y.err), i == k ? LDR_OK : LDR_MISMATCH);
      remove("cache-test.run");
      close_bench(&x);
      close_bench(&y);
    }
}

TEST(unknown_types_are_refused) {
  setup o = plain();
  bench b;
  o.cache = 1;
  o.type = LDR_F16;
  b = open_bench(&o, NULL);
  CHECK(b.t == NULL && b.err.status == LDR_ARGUMENT);
  close_bench(&b);
}

/* ---- pages given back -------------------------------------------------------------------- */

#if HAVE_POSIX
/* Kilobytes of the weights that are in memory, from the system's own list; -1 where there is none. */
static long resident_kilobytes(const char *name) {
  FILE *f = fopen("/proc/self/smaps", "r");
  char line[1024];
  long sum = -1, kb;
  int inside = 0;
  while (f && fgets(line, sizeof line, f)) {
    if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' ')) inside = strstr(line, name) != NULL;
    else if (inside && sscanf(line, "Rss: %ld kB", &kb) == 1) sum = LDR__MAX(sum, 0) + kb;
  }
  if (f) fclose(f);
  return sum;
}

TEST(released_weights_give_the_same_bits) {
  tiny_spec s = tiny_default("bert");
  char config[1024], *weights;
  size_t size;
  uint64_t bits[4];
  long held[4];
  int i;
  s.layers = 6;
  s.width = s.embed = 128;
  s.ffn = 512;
  s.vocab = 600;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  mkdir(DIR_NAME, 0777);
  CHECK(ldr_test_write(DIR_NAME "/config.json", config, strlen(config)) && ldr_test_write(DIR_NAME "/model.safetensors", weights, size));
  free(weights);
  for (i = 0; i < 4; i++) {                              /* plain, released, both again with a cache filled by layers */
    ldr_model_desc md;
    ldr_ladder_desc d;
    ldr_train_desc td;
    ldr_error err;
    ldr_model *m;
    ldr_dataset *set;
    ldr_ladder *l;
    ldr_trainer *t;
    memset(&md, 0, sizeof md);
    memset(&d, 0, sizeof d);
    memset(&td, 0, sizeof td);
    memset(&err, 0, sizeof err);
    md.threads = 1;
    md.release = i & 1;
    td.epochs = 1;
    td.batch = 4;
    td.cache = td.cache_layers = i >> 1;
    d.classes = 3;
    d.preset = LDR_PRESET_SLICED;          /* copies would read the last blocks again in every step */
    m = ldr_model_load(DIR_NAME, &md, &err);
    set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 9, 3);
    l = ldr_ladder_create(m, &d, &err);
    t = ldr_trainer_create(l, set, NULL, &td, &err);
    CHECK_STR(err.message, "");
    while (t && !ldr_trainer_done(t) && !ldr_trainer_step(t, NULL, &err)) continue;
    CHECK_STR(err.message, "");
    bits[i] = l ? ldr__floats_digest(0, l->values, l->size) : 0;
    held[i] = resident_kilobytes("/model.safetensors");
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    ldr_model_free(m);
    CHECK(bits[i] == bits[0]);
  }
#if LDR__HAVE_MMAP && defined(__linux__)
  if (held[0] > 0) {
    CHECK(held[0] * 1024 > (long)size * 9 / 10);
    for (i = 1; i < 4; i++) CHECK(held[i] * 4 < held[0]);      /* filling by layers gives back unasked */
  }
#else
  (void)held;
#endif
  remove(DIR_NAME "/config.json");
  remove(DIR_NAME "/model.safetensors");
  clear_files();
}
#endif

#define TESTS(X)                                                                                                       \
  X(rounding_is_to_the_nearest) X(odd_rows_survive_rounding) X(every_exact_cache_changes_nothing)                     \
  X(rounded_caches_agree_and_stay_close) X(a_second_run_never_touches_the_backbone) X(a_stale_cache_is_made_again)    \
  X(a_cut_cache_is_made_again) X(a_flipped_byte_is_never_believed) X(an_unfinished_cache_leaves_nothing)              \
  X(a_place_that_cannot_be_written_is_an_error) X(every_failed_allocation_of_a_cached_run_is_clean) X(the_plan_is_what_is_taken) \
  X(runs_resume_across_places_but_not_types) X(runs_do_not_resume_on_another_arithmetic) X(unknown_types_are_refused) POSIX_TESTS(X)
LDR_TEST_MAIN("cache", TESTS)
