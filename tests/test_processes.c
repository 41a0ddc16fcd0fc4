/* Several processes train one ladder: the same bits whatever their number, also when one dies and others go on. The processes
   are real ones; what adds up for them is their parent, through pipes, in another order every time. */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700      /* fork, kill and setrlimit in strict C99 */
#endif
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if (defined(__unix__) || defined(__APPLE__)) && LDR__HAVE_MMAP
#include <signal.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "processes-test.tmp"
#define TAPS   FOLDER "/train.taps"
#define STATE  "processes-test.run"

enum { CREW = 7 };

typedef enum oddity { ODD_NOTHING, ODD_SIMD, ODD_WEIGHTS, ODD_LADDER, ODD_RATE, ODD_LABELS, ODD_DEV, ODD_VALUES } oddity;

/* What all processes run, and what befalls one of them. */
typedef struct job {
  ldr_method  method;
  ldr_preset  preset;
  ldr_head    head;
  ldr_dtype   type;
  const char *dir;
  int32_t     alone;             /* no hook                                                  */
  int32_t     stacks;            /* a T5 of golden/ in place of the tiny model */
  int32_t     plain, cache, layers, batch, accumulate, examples, standardise, top;
  int32_t     save_at, resume;   /* process 0 saves after that step; all begin from it       */
  int32_t     one, stop_at;      /* the process that something befalls; it asks to stop after that step */
  int32_t     die_at, fail_at;   /* it ends, its reduce fails, at that call of reduce        */
  long        file_limit;        /* a file of more bytes kills it                            */
  int32_t     dies_saving;       /* ... set when it saves                                    */
  oddity      other;             /* what it has that others have not                         */
} job;

typedef struct result {
  uint64_t bits;
  double   loss, metric, train_loss;
  int32_t  status, best_epoch, step, runs, filled, reused, allocations, unplanned;
  char     message[sizeof(((ldr_error *)0)->message)], note[320];
} result;

typedef struct wire { int in, out, rank; int32_t calls; const job *j; } wire;

static job plain_job(void) {
  job j;
  memset(&j, 0, sizeof j);
  j.batch = 6;
  j.accumulate = 5;
  j.examples = 13;
  j.one = -1;
  return j;
}

static int put_all(int fd, const void *data, size_t n) {
  const char *p = (const char *)data;
  while (n) {
    ssize_t k = write(fd, p, n);
    if (k <= 0) return 0;
    p += k;
    n -= (size_t)k;
  }
  return 1;
}

/* 0 at the end, or when a minute has passed. */
static int get_all(int fd, void *data, size_t n) {
  char *p = (char *)data;
  while (n) {
    struct timeval wait;
    fd_set set;
    ssize_t k;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    wait.tv_sec = 60;
    wait.tv_usec = 0;
    if (select(fd + 1, &set, NULL, NULL, &wait) <= 0) return 0;
    k = read(fd, p, n);
    if (k <= 0) return 0;
    p += k;
    n -= (size_t)k;
  }
  return 1;
}

/* ---- a process -------------------------------------------------------------------------- */

static int32_t reduce(float *x, size_t n, void *user) {
  wire *w = (wire *)user;
  int64_t size = (int64_t)n;
  w->calls++;
  if (w->rank == w->j->one && w->calls == w->j->die_at) _exit(7);
  if (w->rank == w->j->one && w->calls == w->j->fail_at) return 5;
  return !put_all(w->out, &size, sizeof size) || !put_all(w->out, x, n * sizeof *x) || !get_all(w->in, x, n * sizeof *x);
}

static void limit_files(long bytes) {
  struct rlimit limit;
  memset(&limit, 0, sizeof limit);
  setrlimit(RLIMIT_CORE, &limit);
  limit.rlim_cur = limit.rlim_max = (rlim_t)bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

typedef struct member { tiny_spec s; tiny_model m; ldr_dataset *train, *dev; ldr_ladder *l; ldr_trainer *t; ldr_test_heap heap; ldr_error err; } member;

static ldr_train_desc describe(const job *j, wire *w, int ranks) {
  ldr_train_desc d;
  memset(&d, 0, sizeof d);
  d.epochs = 3;
  d.batch = j->batch;
  d.accumulate = j->accumulate;
  d.rate = 3e-3f;
  d.seed = 5;
  d.patience = 2;
  d.cache = j->cache;
  d.cache_dir = j->dir;
  d.cache_type = j->type;
  d.cache_layers = j->layers;
  if (j->alone) return d;
  d.reduce = reduce;
  d.reduce_user = w;
  d.rank = w->rank;
  d.ranks = ranks;
  d.reduce_plain = j->plain;
  return d;
}

/* Texts of two stacks: of each example the encoder's tokens, then the decoder's. */
static ldr_dataset *stacked_texts(int32_t examples, int32_t seed) {
  ldr_dataset_desc desc;
  ldr_dataset *d;
  int32_t i, t;
  memset(&desc, 0, sizeof desc);
  desc.head = LDR_HEAD_WORDS;
  d = ldr_dataset_create(&desc, NULL);
  for (i = 0; i < examples; i++) {
    int32_t ids[16], segments[16], labels[16], n = 2 + i % 5;
    ldr_example e;
    memset(&e, 0, sizeof e);
    e.count = n + 2 + i % 3;
    for (t = 0; t < e.count; t++) {
      ids[t] = 3 + (seed * 7 + i * 5 + t * 11) % 20;
      segments[t] = t >= n;
      labels[t] = t >= n ? ids[t] : LDR_IGNORE;
    }
    e.ids = ids;
    e.segments = segments;
    e.labels = labels;
    ldr_dataset_add(d, &e, NULL);
  }
  return d;
}

static void open_member(member *b, const job *j, wire *w, int ranks) {
  const oddity other = w->rank == j->one ? j->other : ODD_NOTHING;
  ldr_ladder_desc d;
  ldr_train_desc td;
  memset(b, 0, sizeof *b);
  memset(&d, 0, sizeof d);
  b->s = tiny_default(j->head == LDR_HEAD_WORDS ? "llama" : "bert");
  b->s.threads = 1;
  b->s.lm = j->head == LDR_HEAD_WORDS;
  b->s.simd = other == ODD_SIMD ? LDR_SIMD_PORTABLE : LDR_SIMD_AUTO;
  b->s.seed = other == ODD_WEIGHTS ? 8 : 7;
  b->m = tiny_open(b->s, &b->err);
  b->train = tiny_dataset(&b->s, j->head, 3, j->examples, other == ODD_LABELS ? 9 : 3);
  b->dev = tiny_dataset(&b->s, j->head, 3, 5, other == ODD_DEV ? 9 : 4);
  if (j->stacks) {
    ldr_model_desc md;
    memset(&md, 0, sizeof md);
    md.threads = 1;
    b->m.m = ldr_model_load("golden/t5", &md, &b->err);
    b->train = stacked_texts(j->examples, 3);
    b->dev = stacked_texts(5, 4);
  }
  d.method = j->method;
  d.preset = j->preset;
  d.head = j->head;
  d.classes = j->head == LDR_HEAD_CHOICE || j->head == LDR_HEAD_REGRESS || j->head == LDR_HEAD_WORDS ? 1 : 3;
  d.standardise = j->standardise ? LDR_ON : LDR_OFF;
  d.top = j->top;
  d.dropout = 0.1f;
  d.reduction = j->head == LDR_HEAD_WORDS && !j->stacks ? 3 : 2;
  if (other == ODD_LADDER) d.reduction = 4;
  b->l = ldr_ladder_create(b->m.m, &d, &b->err);
  td = describe(j, w, ranks);
  td.alloc = ldr_test_alloc(&b->heap, 0);
  if (other == ODD_RATE) td.rate = 2e-3f;
  if (b->l && other == ODD_VALUES) b->l->values[3] += 1e-3f;
  b->t = ldr_trainer_create(b->l, b->train, b->dev, &td, &b->err);
}

static void train_on(member *b, const job *j, const wire *w) {
  while (!ldr_trainer_done(b->t) && !ldr_trainer_step(b->t, NULL, &b->err)) {
    int32_t step = ldr_trainer_progress(b->t).step;
    if (step != j->save_at || w->rank) continue;
    if (j->dies_saving) limit_files(j->file_limit);
    ldr_trainer_save(b->t, STATE, &b->err);
  }
}

static int32_t stop_here(const ldr_progress *p, void *user) {
  const wire *w = (const wire *)user;
  return w->rank == w->j->one && p->step == w->j->stop_at;
}

static void process(const job *j, wire *w, int ranks) {
  member b;
  result r;
  long calls;
  int64_t end = -1;
  memset(&r, 0, sizeof r);
  if (w->rank == j->one && j->file_limit && !j->dies_saving) limit_files(j->file_limit);
  open_member(&b, j, w, ranks);
  if (b.t && j->stop_at) {
    b.t->d.progress_fn = stop_here;
    b.t->d.user = w;
  }
  if (b.t && j->resume) ldr_trainer_resume(b.t, STATE, &b.err);
  calls = b.heap.calls;
  if (b.t) {
    ldr_train_desc d = describe(j, w, ranks);
    r.unplanned = (int32_t)((int64_t)b.heap.peak - (int64_t)(ldr_trainer_plan(b.l, b.train, b.dev, &d).total));
  }
  if (b.t && !b.err.status) train_on(&b, j, w);
  if (b.t) {
    ldr_progress p = ldr_trainer_progress(b.t);
    ldr_cache_info info = ldr_trainer_cache(b.t);
    ldr_score score;
    memset(&score, 0, sizeof score);
    r.allocations = (int32_t)(b.heap.calls - calls) - (w->rank == 0 && j->save_at != 0);
    if (!b.err.status) ldr_trainer_evaluate(b.t, b.dev, &score, &b.err);
    r.bits = ldr__floats_digest(0, b.l->values, b.l->size);
    r.loss = score.loss;
    r.metric = p.metric;
    r.train_loss = p.loss;
    r.best_epoch = p.best_epoch;
    r.step = p.step;
    r.runs = (int32_t)info.backbone_runs;
    r.filled = info.filled;
    r.reused = info.reused;
    strncpy(r.note, info.note[0], sizeof r.note - 1);
  }
  r.status = (int32_t)b.err.status;
  memcpy(r.message, b.err.message, sizeof r.message);
  ldr_trainer_free(b.t);
  if (!put_all(w->out, &end, sizeof end) || !put_all(w->out, &r, sizeof r)) _exit(8);
  _exit(0);
}

/* ---- all of them ------------------------------------------------------------------------ */

typedef struct team { int in[CREW], out[CREW]; pid_t pid[CREW]; int ranks, turns; int64_t floats; result of[CREW]; } team;

static void start(team *t, const job *j, int ranks) {
  int r, k, up[2], down[2];
  memset(t, 0, sizeof *t);
  t->ranks = ranks;
  fflush(stdout);
  for (r = 0; r < ranks; r++) {
    CHECK(pipe(up) == 0 && pipe(down) == 0);
    t->pid[r] = fork();
    if (t->pid[r] == 0) {
      wire w;
      for (k = 0; k < r; k++) {      /* else nobody sees the end of a neighbour */
        close(t->in[k]);
        close(t->out[k]);
      }
      close(up[0]);
      close(down[1]);
      memset(&w, 0, sizeof w);
      w.in = down[0];
      w.out = up[1];
      w.rank = r;
      w.j = j;
      process(j, &w, ranks);
    }
    close(up[1]);
    close(down[0]);
    t->in[r] = up[0];
    t->out[r] = down[1];
  }
}

/* One sum, or the results. -1: somebody is gone; 1: all are done. */
static int turn(team *t) {
  int64_t n[CREW];
  float *x, *sum;
  int r, done = 0, ok = 1;
  for (r = 0; r < t->ranks; r++) {
    if (!get_all(t->in[r], &n[r], sizeof n[r])) return -1;
    done += n[r] < 0;
    if (n[r] < 0 && !get_all(t->in[r], &t->of[r], sizeof t->of[r])) return -1;
  }
  if (done) return done == t->ranks ? 1 : -1;
  for (r = 1; r < t->ranks; r++) if (n[r] != n[0]) return -1;
  t->floats += n[0];
  x = (float *)malloc((size_t)n[0] * sizeof *x * (size_t)t->ranks);
  sum = (float *)calloc((size_t)n[0], sizeof *sum);
  for (r = 0; r < t->ranks; r++) ok &= get_all(t->in[r], x + (size_t)r * (size_t)n[0], (size_t)n[0] * sizeof *x);
  for (r = 0; r < t->ranks; r++) {
    const float *from = x + (size_t)((r + t->turns) % t->ranks) * (size_t)n[0];
    int64_t i;
    for (i = 0; i < n[0]; i++) sum[i] = r ? sum[i] + from[i] : from[i];
  }
  for (r = 0; r < t->ranks; r++) ok &= put_all(t->out[r], sum, (size_t)n[0] * sizeof *sum);
  t->turns++;
  free(x);
  free(sum);
  return ok ? 0 : -1;
}

/* 1: all came to their end; 0: one died, and the others were ended, as mpirun does. */
static int run(team *t, job j, int ranks) {
  struct sigaction ignore, old;
  int answer, r;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &old);
  start(t, &j, ranks);
  do answer = turn(t); while (!answer);
  for (r = 0; r < ranks; r++) {
    if (answer < 0) kill(t->pid[r], SIGKILL);
    close(t->in[r]);
    close(t->out[r]);
    CHECK(waitpid(t->pid[r], NULL, 0) == t->pid[r]);
  }
  sigaction(SIGPIPE, &old, NULL);
  return answer > 0;
}

static int same(const result *a, const result *b) {
  return a->bits == b->bits && a->loss == b->loss && a->metric == b->metric && a->train_loss == b->train_loss &&
      a->best_epoch == b->best_epoch && a->step == b->step && b->status == LDR_OK;
}

/* Runs it with `ranks` processes, which must all end as `want`. */
static void check_same(const result *want, job j, int ranks, int line) {
  team t;
  int r;
  CHECK(run(&t, j, ranks));
  for (r = 0; r < ranks; r++)
    if (!same(want, &t.of[r]) && ldr_test_failed(__FILE__, line))
      printf("process %d of %d: %s, bits %llx, want %llx\n", r, ranks, t.of[r].message, (unsigned long long)t.of[r].bits, (unsigned long long)want->bits);
}

static void clear_processes(void) {
  remove(TAPS);
  remove(TAPS ".partial");
  remove(FOLDER "/dev.taps");
  remove(FOLDER "/dev.taps.partial");
  rmdir(FOLDER);
  remove(STATE);
  remove(STATE ".partial");
}

/* ---- the tests -------------------------------------------------------------------------- */

TEST(every_leaf_is_in_one_branch_of_one_process) {
  size_t n, ranks, r, i, k;
  ldr_trainer t;
  memset(&t, 0, sizeof t);
  for (n = 1; n < 40; n++)
    for (ranks = 1; ranks < 12; ranks++) {
      ldr__branch b[40];
      float x[40];
      size_t count = 0, covered = 0;
      t.d.ranks = (int32_t)ranks;
      for (r = 0; r < ranks; r++)
        count += ldr__branches(b + count, ldr__run(&t, (int32_t)r, n), ldr__run(&t, (int32_t)r + 1, n), n);
      for (i = 0; i < count; i++) {
        CHECK(b[i].first == covered && b[i].first % b[i].size == 0);
        covered = LDR__MIN(n, covered + b[i].size);
        b[i].slot = i;
        for (x[i] = 0, k = b[i].first; k < covered; k++) x[i] += (float)(k + 1);
      }
      CHECK(covered == n);
      ldr__branches_add(x, 1, b, count, n);
      CHECK(x[0] == (float)(n * (n + 1) / 2));
    }
}

/* Any number of processes, and one alone, learn the same bits; the losses and scores are the same as well. */
static void check_any_number(job j, int line) {
  team one;
  int ranks;
  CHECK(run(&one, j, 1));
  ldr_test_string(one.of[0].message, "", "the error of one process", __FILE__, line);
  CHECK(one.of[0].bits != 0 && one.of[0].step > 0);
  for (ranks = 2; ranks <= 4; ranks++) check_same(&one.of[0], j, ranks, line);
}

TEST(any_number_of_processes_learns_the_same_bits) {
  static const ldr_head heads[] = { LDR_HEAD_CLASSIFY, LDR_HEAD_REGRESS, LDR_HEAD_TOKENS, LDR_HEAD_CHOICE, LDR_HEAD_MULTI, LDR_HEAD_SPANS, LDR_HEAD_CRF };
  static const ldr_method methods[] = { LDR_METHOD_FULL, LDR_METHOD_LORA };
  job j;
  size_t i;
  for (i = 0; i < sizeof heads / sizeof *heads; i++) {
    j = plain_job();
    j.head = heads[i];
    j.preset = LDR_PRESET_PAPER;
    check_any_number(j, __LINE__);
  }
  for (i = 0; i < sizeof methods / sizeof *methods; i++) {
    j = plain_job();
    j.method = methods[i];
    check_any_number(j, __LINE__);
  }
  j = plain_job();
  j.standardise = j.top = 1;             /* the default ladder: a fitted head, copies of the last block */
  check_any_number(j, __LINE__);
  j.accumulate = 0;                      /* the documented number of parts */
  check_any_number(j, __LINE__);
}

TEST(more_processes_than_parts_or_examples) {
  job j = plain_job();
  team one;
  j.batch = 3;
  j.accumulate = 2;
  j.examples = 4;
  CHECK(run(&one, j, 1));
  check_same(&one.of[0], j, 3, __LINE__);
  check_same(&one.of[0], j, CREW, __LINE__);
}

TEST(a_plain_sum_is_near_and_alone_is_as_without_the_hook) {
  job j = plain_job();
  team alone, plain, tree, many;
  j.accumulate = 1;
  j.alone = 1;
  CHECK(run(&alone, j, 1));
  j.alone = 0;
  j.plain = 1;
  CHECK(run(&plain, j, 1));
  CHECK(same(&alone.of[0], &plain.of[0]));
  j.batch = j.accumulate = 8;
  j.examples = 16;
  j.alone = 1;
  CHECK(run(&alone, j, 1));
  j.alone = 0;
  CHECK(run(&plain, j, 3));
  CHECK_NEAR(plain.of[0].loss, alone.of[0].loss, 2e-3);
  CHECK(plain.of[1].bits == plain.of[0].bits && plain.of[2].bits == plain.of[0].bits);
  j.plain = 0;
  CHECK(run(&tree, j, 2));
  CHECK_NEAR(tree.of[0].loss, alone.of[0].loss, 2e-3);
  j.plain = 1;
  CHECK(run(&plain, j, 2));
  CHECK_INT(plain.floats, tree.floats);          /* two exchange as little as a plain sum; four twice as much */
  CHECK(run(&plain, j, 4));
  j.plain = 0;
  CHECK(run(&many, j, 4));
  CHECK(many.floats > plain.floats);
}

TEST(a_step_of_several_allocates_nothing_and_all_is_planned) {
  job j = plain_job();
  team t;
  j.standardise = j.top = 1;
  CHECK(run(&t, j, 3));
  CHECK_INT(t.of[0].allocations, 0);
  CHECK_INT(t.of[2].allocations, 0);
  CHECK_INT(t.of[0].unplanned, 0);
  CHECK_INT(t.of[2].unplanned, 0);
}

TEST(what_differs_is_named_with_its_process) {
  static const struct { oddity other; const char *name; } rows[] = {
    { ODD_SIMD, "another instruction set" }, { ODD_WEIGHTS, "another backbone" }, { ODD_LADDER, "another ladder" }, { ODD_RATE, "another ladder or training description" },
    { ODD_LABELS, "another training set" }, { ODD_DEV, "another dev set" }, { ODD_VALUES, "other parameters" } };
  char want[128];
  size_t i;
  int r;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    job j = plain_job();
    team t;
    j.one = (int32_t)i % 3;
    j.other = rows[i].other;
    if (j.other == ODD_SIMD && strcmp(ldr_simd_name(LDR_SIMD_AUTO), "portable") == 0) continue;
    CHECK(run(&t, j, 3));
    sprintf(want, "process %d has %s", j.one ? j.one : 1, rows[i].name);
    for (r = 0; r < 3; r++) {
      CHECK_INT(t.of[r].status, LDR_MISMATCH);
      if (!strstr(t.of[r].message, want)) CHECK_STR(t.of[r].message, want);
    }
  }
}

TEST(ranks_are_checked) {
  static const int32_t rank[] = { -1, 2, 0, 1 }, ranks[] = { 2, 2, -1, 0 };
  wire w;
  member b;
  job j = plain_job();
  ldr_train_desc d;
  ldr_error err;
  size_t i;
  memset(&w, 0, sizeof w);
  w.j = &j;
  j.alone = 1;
  open_member(&b, &j, &w, 1);
  CHECK_STR(b.err.message, "");
  for (i = 0; i < 6; i++) {
    d = describe(&j, &w, 1);
    d.reduce = i < 4 ? reduce : NULL;
    if (i < 4) {
      d.rank = rank[i];
      d.ranks = ranks[i];
    } else if (i == 4) d.ranks = 2;
    else d.reduce_plain = 1;
    memset(&err, 0, sizeof err);
    CHECK(!ldr_trainer_create(b.l, b.train, b.dev, &d, &err));
    CHECK_INT(err.status, LDR_ARGUMENT);
    CHECK(strstr(err.message, "rank") != NULL);
  }
  ldr_trainer_free(b.t);
  ldr_ladder_free(b.l);
  ldr_dataset_free(b.train);
  ldr_dataset_free(b.dev);
  tiny_close(&b.m);
}

TEST(a_saved_run_goes_on_with_another_number) {
  job j = plain_job();
  team whole, t;
  int ranks;
  j.standardise = j.top = 1;
  CHECK(run(&whole, j, 2));
  j.save_at = 4;                         /* within the second epoch */
  CHECK(run(&t, j, 2));
  j.save_at = 0;
  j.resume = 1;
  for (ranks = 1; ranks <= 4; ranks++) check_same(&whole.of[0], j, ranks, __LINE__);
  j.plain = 1;                           /* other sums are another run */
  CHECK(run(&t, j, 2));
  CHECK_INT(t.of[0].status, LDR_MISMATCH);
  clear_processes();
}

TEST(one_process_stops_all) {
  job j = plain_job();
  team t;
  int r;
  j.one = 2;
  j.stop_at = 2;
  CHECK(run(&t, j, 3));
  for (r = 0; r < 3; r++) CHECK_INT(t.of[r].step, 2);
}

TEST(a_sum_that_fails_is_an_error) {
  job j = plain_job();
  team t;
  j.one = 0;
  j.fail_at = 6;
  CHECK(run(&t, j, 1));                  /* alone it is never asked */
  CHECK_INT(t.of[0].status, LDR_OK);
  CHECK(!run(&t, j, 2));
  CHECK_INT(t.of[0].status, LDR_IO);
  CHECK(strstr(t.of[0].message, "process 0 of 2, step") && strstr(t.of[0].message, "reduce failed with 5"));
}

/* Killed at any call of reduce, the last saved state goes on, with as many processes as there are. */
TEST(a_process_that_dies_loses_nothing_saved) {
  job j = plain_job(), after;
  team whole, t;
  int32_t at;
  CHECK(run(&whole, j, 3));
  j.save_at = 2;
  after = j;
  after.save_at = 0;
  after.resume = 1;
  for (at = 12; at < 20; at++) {
    j.die_at = at;
    j.one = at % 3;
    clear_processes();
    CHECK(!run(&t, j, 3));
    if (ldr_test_exists(STATE)) check_same(&whole.of[0], after, 1 + at % 2, __LINE__);
  }
  CHECK(ldr_test_exists(STATE));
  j.die_at = 0;                          /* in the middle of saving: the state of before is whole */
  j.save_at = 4;
  j.one = 0;
  j.dies_saving = 1;
  for (j.file_limit = 10; j.file_limit < 30000; j.file_limit += 9000) {
    CHECK(!run(&t, j, 2));
    check_same(&whole.of[0], after, 2, __LINE__);
  }
  clear_processes();
}

/* ---- the cache -------------------------------------------------------------------------- */

TEST(caches_are_filled_by_all_and_change_nothing) {
  static const struct { int standardise, layers; ldr_dtype type; ldr_head head; } rows[] = { { 0, 0, LDR_F32, LDR_HEAD_CLASSIFY }, { 1, 0, LDR_F32, LDR_HEAD_TOKENS },
    { 0, 1, LDR_I8, LDR_HEAD_CHOICE }, { 1, 0, LDR_BF16, LDR_HEAD_CLASSIFY } };
  size_t i;
  int ranks, r;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    job j = plain_job();
    team t, want;
    j.preset = rows[i].standardise ? LDR_PRESET_DEFAULT : LDR_PRESET_PAPER;
    j.standardise = rows[i].standardise;
    j.layers = rows[i].layers;
    j.type = rows[i].type;
    j.head = rows[i].head;
    CHECK(run(&want, j, 1));
    j.cache = 1;
    if (j.type != LDR_F32) CHECK(run(&want, j, 1));    /* rounded taps are another run */
    for (ranks = 1; ranks <= 4; ranks++) {
      check_same(&want.of[0], j, ranks, __LINE__);
      clear_processes();
      j.dir = FOLDER;
      check_same(&want.of[0], j, ranks, __LINE__);
      CHECK(ldr_test_exists(TAPS) && !ldr_test_exists(TAPS ".partial"));
      CHECK(run(&t, j, ranks % 4 + 1));
      for (r = 0; r < t.ranks; r++) {
        CHECK(same(&want.of[0], &t.of[r]));
        CHECK_INT(t.of[r].runs, 0);
        CHECK_INT(t.of[r].reused, 2);
      }
      j.dir = NULL;
    }
    clear_processes();
  }
}

/* Each process runs the backbone for its examples only. */
TEST(a_fill_is_shared_out) {
  job j = plain_job();
  team t;
  int r;
  j.preset = LDR_PRESET_PAPER;
  j.examples = 12;
  j.batch = 4;
  j.accumulate = 4;                      /* one example at a time: its batches can be counted */
  j.cache = 1;
  CHECK(run(&t, j, 4));
  for (r = 0; r < 4; r++) {
    CHECK(t.of[r].runs == 3 + 1 + (r == 3));       /* of twelve, and of dev's five */
    CHECK_INT(t.of[r].filled, 17);
  }
}

/* Killed in the middle of a fill: a new start, with any number of processes, takes what is there. */
static void die_filling(job j, long every, int least_killed, int least_reused) {
  job after;
  team t, want;
  long limit;
  int reused = 0, killed = 0;
  j.preset = LDR_PRESET_PAPER;
  j.cache = 1;
  CHECK(run(&want, j, 1));
  CHECK_STR(want.of[0].message, "");
  for (j.layers = 0; j.layers < 2; j.layers++)
    for (limit = 2000; limit < 40000; limit += every) {
      clear_processes();
      j.dir = FOLDER;
      j.one = (int32_t)(limit / 100 % 3);
      j.file_limit = limit;
      killed += !run(&t, j, 3);
      CHECK(!ldr_test_exists(TAPS) || !ldr_test_exists(FOLDER "/dev.taps") || t.of[0].step > 0);
      after = j;
      after.file_limit = 0;
      CHECK(run(&t, after, (int)(limit % 4) + 1));
      CHECK(same(&want.of[0], &t.of[0]));
      CHECK(ldr_test_exists(TAPS) && !ldr_test_exists(TAPS ".partial"));
      reused += strstr(t.of[0].note, "of an earlier start") != NULL;
    }
  CHECK(killed > least_killed && reused > least_reused);
  clear_processes();
}

TEST(a_fill_that_died_is_gone_on_with) { die_filling(plain_job(), 4700, 6, 3); }

TEST(a_fill_of_two_stacks_that_died_is_gone_on_with) {
  job j = plain_job();
  if (!ldr_test_exists("golden/t5/config.json")) SKIP("not in the tests folder");
  j.stacks = 1;
  j.head = LDR_HEAD_WORDS;
  die_filling(j, 6300, 4, 2);
}

TEST(a_folder_that_not_all_see_is_refused) {
  job j = plain_job();
  wire w;
  member b;
  memset(&w, 0, sizeof w);
  w.j = &j;
  w.rank = 1;
  j.alone = 1;
  clear_processes();
  open_member(&b, &j, &w, 1);             /* process 1 of a cache that process 0 began elsewhere */
  ldr_trainer_free(b.t);
  {
    ldr__cache c;
    unsigned char record[1 << 14], have[64];
    ldr__cache_shape(&c, b.l, b.train, LDR_F32, 1);
    c.data = record;
    c.have = have;
    CHECK_INT(ldr__cache_open(&c, b.l, FOLDER, "train.taps", 1, &b.err), LDR_IO);
    CHECK(strstr(b.err.message, "process 1 does not find") && strstr(b.err.message, "one folder"));
  }
  ldr_ladder_free(b.l);
  ldr_dataset_free(b.train);
  ldr_dataset_free(b.dev);
  tiny_close(&b.m);
  clear_processes();
}

#define TESTS(X) X(every_leaf_is_in_one_branch_of_one_process) X(any_number_of_processes_learns_the_same_bits) \
  X(more_processes_than_parts_or_examples) X(a_plain_sum_is_near_and_alone_is_as_without_the_hook) X(a_step_of_several_allocates_nothing_and_all_is_planned) \
  X(what_differs_is_named_with_its_process) X(ranks_are_checked) X(a_saved_run_goes_on_with_another_number) X(one_process_stops_all) \
  X(a_sum_that_fails_is_an_error) X(a_process_that_dies_loses_nothing_saved) X(caches_are_filled_by_all_and_change_nothing) \
  X(a_fill_is_shared_out) X(a_fill_that_died_is_gone_on_with) X(a_fill_of_two_stacks_that_died_is_gone_on_with) X(a_folder_that_not_all_see_is_refused)
#else
TEST(several_processes) { SKIP("this system has no fork"); }
#define TESTS(X) X(several_processes)
#endif

LDR_TEST_MAIN("several processes", TESTS)
