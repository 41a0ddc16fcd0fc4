/* compare.h: the compare command of tools/ladder.c, which includes this file. Methods x seeds on one task, each run a
   process of its own, because a process has one peak of memory. The result is a table and, with --report, one HTML
   file without scripts.

   Order of the file: methods and what is kept of a run, running the program, reading what it left, the table, JSON,
   charts, the page. */
#ifndef LADDER_COMPARE_H
#define LADDER_COMPARE_H

#include "run.h"

enum { COMPARE_ROWS = 10, CURVE_BINS = 192, STEP_TIMES = 4096, MAX_TICKS = 16 };

#define COMPARE_METHODS "head|ladder|ladder-cached|bitfit|lora|adapter|prefix|prompt|full|ia3"

/* owner: whose options it takes. top, scale: a ladder of --search, with so many copies and so many times the
   usual rate. */
typedef struct compare_method {
  const char *word, *title, *method, *owner;
  int32_t     number, top;
  double      scale;
} compare_method;

#define COMPARE_METHOD(number, word, title, method) { word, title, method, word, number, 0, 0 }
static const compare_method compare_methods[COMPARE_ROWS] = {
  COMPARE_METHOD(0, "head", "head", "head"),
  COMPARE_METHOD(1, "ladder", "ladder", "ladder"),
  COMPARE_METHOD(2, "ladder-cached", "ladder, cached", "ladder"),
  COMPARE_METHOD(3, "bitfit", "bitfit", "bitfit"),
  COMPARE_METHOD(4, "lora", "lora", "lora"),
  COMPARE_METHOD(5, "adapter", "adapter", "adapter"),
  COMPARE_METHOD(6, "prefix", "prefix", "prefix"),
  COMPARE_METHOD(7, "prompt", "prompt", "prompt"),
  COMPARE_METHOD(8, "full", "full", "full"),
  COMPARE_METHOD(9, "ia3", "ia3", "ia3") };

enum { ROW_HEAD = 0, ROW_LADDER = 1, ROW_CACHED = 2, ROW_FULL = 8, ROW_SEARCH = 100 };

/* Options of copies, and of a head that is fitted first: ladders of other presets have neither. */
static const char *const compare_copies[] = { "--rank", "--alpha", "--targets", "--standardise", "--head-epochs" };

/* Options that train would refuse, or that mean nothing, with another method. */
#define LADDERS "ladder|ladder-cached"
#define THROUGH_BACKBONE "bitfit|lora|adapter|prefix|prompt|full|ia3"
static const struct { const char *option, *methods; } compare_owned[] = {
  { "--rank", "lora|" LADDERS },
  { "--alpha", "lora|" LADDERS },
  { "--targets", "lora|" LADDERS },
  { "--bottleneck", "adapter" },
  { "--virtual-tokens", "prefix|prompt" },
  { "--prompt-hidden", "prompt" },
  { "--preset", LADDERS },
  { "--reduction", LADDERS },
  { "--rungs", LADDERS },
  { "--encoder-rungs", LADDERS },
  { "--init", LADDERS },
  { "--importance", LADDERS },
  { "--slice-heads", LADDERS },
  { "--cache-type", "ladder-cached" },
  { "--cache-fill", "ladder-cached" },
  { "--tune-layers", THROUGH_BACKBONE },
  { "--tune-biases", THROUGH_BACKBONE },
  { "--tune-norms", THROUGH_BACKBONE },
  { "--recompute", LADDERS "|" THROUGH_BACKBONE },
  { "--tap-type", "ladder" },
  { "--top", LADDERS },
  { "--standardise", "head|" LADDERS },
  { "--head-epochs", "head|" LADDERS },
  { "--recipe", LADDERS },
  { "--budget-seconds", LADDERS },
  { "--budget-memory", LADDERS } };
#undef LADDERS
#undef THROUGH_BACKBONE

/* Mean and standard deviation as values come (Welford). */
typedef struct spread { double mean, squares; int n; } spread;

static void spread_add(spread *s, double v) {
  double d = v - s->mean;
  s->n++;
  s->mean += d / s->n;
  s->squares += d * (v - s->mean);
}

static double spread_deviation(const spread *s) { return s->n > 1 ? sqrt(s->squares / (s->n - 1)) : 0; }

/* Losses in bins of `width` steps, which doubles when they are full. This program must stay small: on Linux a child's
   peak of memory begins at what its parent held. */
typedef struct curve { double sum[CURVE_BINS]; int64_t count[CURVE_BINS]; int32_t width, used; } curve;

static void curve_add(curve *c, int32_t step, double loss) {
  int32_t i;
  if (step < 1 || loss - loss != 0) return;
  if (!c->width) c->width = 1;
  while ((step - 1) / c->width >= CURVE_BINS) {
    for (i = 0; i < CURVE_BINS; i++) {
      c->sum[i] = 2 * i < CURVE_BINS ? c->sum[2 * i] + c->sum[2 * i + 1] : 0;
      c->count[i] = 2 * i < CURVE_BINS ? c->count[2 * i] + c->count[2 * i + 1] : 0;
    }
    c->used = (c->used + 1) / 2;
    c->width *= 2;
  }
  i = (step - 1) / c->width;
  c->sum[i] += loss;
  c->count[i]++;
  if (i >= c->used) c->used = i + 1;
}

/* Every so many-th value; half of them go when there is no more room, which leaves the median where it was. */
typedef struct sample { double values[STEP_TIMES]; int32_t used, every, seen; } sample;

static void sample_add(sample *s, double v) {
  int32_t i;
  if (!s->every) s->every = 1;
  if (s->seen++ % s->every) return;
  if (s->used == STEP_TIMES) {
    for (i = 0; i < STEP_TIMES / 2; i++) s->values[i] = s->values[2 * i];
    s->used = STEP_TIMES / 2;
    s->every *= 2;
  }
  s->values[s->used++] = v;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double sample_median(sample *s) {
  if (!s->used) return -1;
  qsort(s->values, (size_t)s->used, sizeof *s->values, compare_doubles);
  return (s->values[(s->used - 1) / 2] + s->values[s->used / 2]) / 2;
}

/* What one run answered on the scored set, one label a text: how often each class was taken for which, and the
   mistakes it was surest of. */
enum { MAX_CLASSES = 24, MAX_MISTAKES = 12 };

typedef struct mistake { double score; char label[40], answer[40], said[200]; } mistake;

typedef struct confusion {
  int32_t classes, examples, mistakes, many;      /* many: there are more than MAX_CLASSES, and no table */
  char    name[MAX_CLASSES][40];
  int32_t count[MAX_CLASSES][MAX_CLASSES];        /* [label][answer]                                 */
  mistake worst[MAX_MISTAKES];
} confusion;

typedef struct trial {
  int      done, has_dev, has_test;
  double   dev, test, seconds, step_seconds, peak;
  int32_t  steps, best_epoch;
  char     error[480];                   /* why not done                                             */
} trial;

typedef struct contender {
  const compare_method *method;
  uint64_t planned, trainable, total;    /* planned 0: not known                                     */
  spread   dev, test, step, seconds, peak;
  int      done;
  curve    loss;
  confusion answers;                     /* of the first seed                                        */
  trial   *trials;                       /* one a seed                                               */
} contender;

typedef struct comparison {
  run     *r;
  int      rows, seeds, has_dev, has_test, failed, ran, scored;    /* scored: answers can be asked for    */
  contender row[COMPARE_ROWS];
  const contender *full;                 /* what ratios are to, or NULL                              */
  char     metric[32];
  double   majority, seconds;            /* majority -1: there is none                               */
  double   words_dev, words_test;        /* what counting words reaches, -1: not known               */
  char   **arguments;
  sample   times;
  char     folder[LADDER_MAX_PATH], out[LADDER_MAX_PATH], err[LADDER_MAX_PATH], log[LADDER_MAX_PATH];
  char     result[LADDER_MAX_PATH], answers[LADDER_MAX_PATH], cache[LADDER_MAX_PATH], top[16], scale[16];
  compare_method searched[COMPARE_ROWS];
  char     names[COMPARE_ROWS][2][40];   /* of those                                                 */
} comparison;

/* ---- running the program -------------------------------------------------------------- */

#if HAVE_POSIX
static void compare_signals(void) {
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_handler = on_signal;              /* without SA_RESTART: waiting for a run ends           */
  sigaction(SIGINT, &a, NULL);
  sigaction(SIGTERM, &a, NULL);
}

static int redirect(const char *path, int number) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  return fd >= 0 && dup2(fd, number) >= 0;
}

/* Exit status of this program run with these arguments; minus the signal that ended it, 127 where it did not start. */
static int run_program(const comparison *c) {
  pid_t child;
  int status;
  fflush(stdout);
  child = fork();
  if (child < 0) return 127;
  if (child == 0) {
    if (redirect(c->out, 1) && redirect(c->err, 2)) execvp(c->arguments[0], c->arguments);
    _exit(127);
  }
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 127;
    if (interrupted) kill(child, SIGTERM);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
#else
static void compare_signals(void) { signal(SIGINT, on_signal); }

#ifdef _WIN32
static int run_program(const comparison *c) {
  text line = { NULL, 0, 0 };
  char **a = c->arguments, *at;
  int ok = text_byte(&line, '"'), status;
  for (; *a; a++) {
    if (strchr(*a, '"')) ok = 0;       /* the shell has no safe way to write it                 */
    ok = ok && text_byte(&line, '"');
    for (at = *a; *at && ok; at++) ok = text_byte(&line, *at);
    ok = ok && text_byte(&line, '"') && text_byte(&line, ' ');
  }
  ok = ok && text_room(&line, 2 * LADDER_MAX_PATH + 16);
  if (ok) sprintf(line.data + line.used, ">\"%s\" 2>\"%s\"\"", c->out, c->err);
  fflush(stdout);
  status = ok ? system(line.data) : 127;
  free(line.data);
  return status;
}
#else
static int run_program(const comparison *c) {
  (void)c;
  return 127;
}
#endif
#endif

static int make_folder(comparison *c) {
  const char *report = c->r->o.report, *where = getenv("TMPDIR");
  size_t n = report ? strlen(report) : where ? strlen(where) : 0;
  if (n + 64 > sizeof c->folder) return fail(c->r, LDR_ARGUMENT, "%s: the path is too long", report ? report : where);
  if (report) sprintf(c->folder, "%s.XXXXXX", report);
  else sprintf(c->folder, "%s/ladder-compare-XXXXXX", n ? where : "/tmp");
#if HAVE_POSIX
  if (!mkdtemp(c->folder)) return fail(c->r, LDR_IO, "%s: no folder for temporary files can be made there", c->folder);
#else
  if (!report) strcpy(c->folder, "ladder-compare-runs");
  if (!make_directory(c->folder))
    return fail(c->r, LDR_IO, "%s: no folder for temporary files can be made there", c->folder);
#endif
  ldr__path_join(c->out, sizeof c->out, c->folder, "out");
  ldr__path_join(c->err, sizeof c->err, c->folder, "err");
  ldr__path_join(c->log, sizeof c->log, c->folder, "log");
  ldr__path_join(c->result, sizeof c->result, c->folder, "result");
  ldr__path_join(c->answers, sizeof c->answers, c->folder, "answers");
  return EXIT_DONE;
}

/* A run that was ended leaves more than it was asked for. */
static void remove_files(const comparison *c) {
  static const char *const names[] = {
    "out", "err", "log", "answers", "result", "result.partial", "result.checkpoint", "result.checkpoint.partial" };
  char path[LADDER_MAX_PATH];
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (ldr__path_join(path, sizeof path, c->folder, names[i])) remove(path);
}

static void remove_directory(const char *path) {
#if HAVE_POSIX
  rmdir(path);
#elif defined(_WIN32)
  _rmdir(path);
#else
  (void)path;
#endif
}

static void remove_folder(const comparison *c) {
  static const char *const files[] = {
    "train.taps", "dev.taps", "train.taps.partial", "dev.taps.partial", "train.taps.lock", "dev.taps.lock" };
  char folder[LADDER_MAX_PATH], path[LADDER_MAX_PATH];
  size_t n;
  int i;
  if (!c->folder[0]) return;
  remove_files(c);
  for (i = 0; i < c->rows; i++) {
    if (c->row[i].method->number < ROW_SEARCH) continue;
    snprintf(folder, sizeof folder, "%.*s/taps%d", LADDER_MAX_PATH - 32, c->folder, (int)c->row[i].method->top);
    for (n = 0; n < sizeof files / sizeof *files; n++)
      if (ldr__path_join(path, sizeof path, folder, files[n])) remove(path);
    remove_directory(folder);
  }
  remove_directory(c->folder);
}

/* 1: a run of that method takes the option. */
static int option_is_for(const run *r, const compare_method *m, const char *name) {
  const ldr__preset *preset = r->o.preset ? ldr__preset_of((ldr_preset)(r->o.preset - 1)) : NULL;
  int rungs_alone = preset && !preset->copies && strcmp(m->method, "ladder") == 0;
  size_t i;
  for (i = 0; rungs_alone && i < sizeof compare_copies / sizeof *compare_copies; i++)
    if (strcmp(compare_copies[i], name) == 0 && (i < 3 || r->o.standardise != LDR_ON)) return 0;
  for (i = 0; i < sizeof compare_owned / sizeof *compare_owned; i++)
    if (strcmp(compare_owned[i].option, name) == 0) return word_index(compare_owned[i].methods, m->owner) > 0;
  return 1;
}

/* This program's arguments become those of `command` for one method: what it knows and what is for the method goes on
   as it was given. */
static void make_arguments(comparison *c, const char *name, const compare_method *m, char *seed) {
  const struct command *mine = find_command("compare"), *command = find_command(name);
  char **from = c->r->arguments, **to = c->arguments;
  int i, words;
  *to++ = from[0];
  *to++ = (char *)(uintptr_t)command->name;
  for (i = 2; i < c->r->argument_count; i += words) {
    size_t n = strcspn(from[i], "=");
    const option *d = find_option(mine, from[i], n);
    words = d && d->kind != KIND_FLAG && !from[i][n] ? 2 : 1;
    if (!d || !find_option(command, d->name, strlen(d->name)) || !option_is_for(c->r, m, d->name)) continue;
    *to++ = from[i];
    if (words == 2) *to++ = from[i + 1];
  }
  *to++ = (char *)(uintptr_t)"--method";
  *to++ = (char *)(uintptr_t)m->method;
  *to++ = (char *)(uintptr_t)"--seed";
  *to++ = seed;
  *to++ = (char *)(uintptr_t)"--json";
  if (m->number <= ROW_CACHED) {      /* a head and two ladders, one of which shows what reading the backbone costs */
    *to++ = (char *)(uintptr_t)"--cache";
    *to++ = (char *)(uintptr_t)(m->number == ROW_LADDER ? "off" : "ram");
  }
  if (m->number >= ROW_SEARCH) {         /* ladders that read the same taps share a cache             */
    snprintf(c->cache, sizeof c->cache, "%.*s/taps%d", LADDER_MAX_PATH - 32, c->folder, (int)m->top);
    snprintf(c->top, sizeof c->top, "%d", (int)m->top);
    snprintf(c->scale, sizeof c->scale, "%g", m->scale);
    *to++ = (char *)(uintptr_t)"--cache";
    *to++ = c->cache;
    *to++ = (char *)(uintptr_t)"--top";
    *to++ = c->top;
    *to++ = (char *)(uintptr_t)"--lr-scale";
    *to++ = c->scale;
  }
  if (command->bit == CMD_TRAIN) {
    *to++ = (char *)(uintptr_t)"--out";
    *to++ = c->result;
    *to++ = (char *)(uintptr_t)"--log";
    *to++ = c->log;
    if (c->scored && strcmp(seed, "1") == 0) {
      *to++ = (char *)(uintptr_t)"--answers";
      *to++ = c->answers;
      if (m == c->row[0].method) *to++ = (char *)(uintptr_t)"--baselines";
    }
  }
  *to = NULL;
}

/* ---- reading what it left ------------------------------------------------------------- */

/* The last line of a file that is not empty, for free(); NULL when there is none. */
static char *last_line(const char *path) {
  FILE *f = fopen(path, "rb");
  text line = { NULL, 0, 0 };
  char *last = NULL;
  if (!f) return NULL;
  while (read_line(f, &line) > 0) {
    if (!line.used) continue;
    free(last);
    last = line.data;
    memset(&line, 0, sizeof line);
  }
  free(line.data);
  fclose(f);
  return last;
}

static void find_reason(const comparison *c, int status, char reason[480]) {
  char *line = last_line(c->err);
  const char *said = line && strncmp(line, "ladder: ", 8) == 0 ? line + 8 : line;
  if (status < 0)
    snprintf(reason, 480, "ended by signal %d%s", -status,
        status == -9 ? ", as a system without memory left does it" : "");
  else if (said) snprintf(reason, 480, "%s", said);
  else snprintf(reason, 480, status == 127 ? "the program could not be started again" : "exit status %d", status);
  free(line);
}

/* Runs one command and gives its JSON line, or NULL and the reason. *line is the JSON's text, for free(). */
static ldr_json *run_for_json(comparison *c, char **line, char reason[480]) {
  int status = run_program(c);
  ldr_json *j = NULL;
  *line = status == 0 ? last_line(c->out) : NULL;
  if (*line) j = ldr_json_parse(*line, strlen(*line), NULL, NULL);
  if (status) find_reason(c, status, reason);
  else if (!j) snprintf(reason, 480, "the program's answer is no JSON");
  return j;
}

static double member(const ldr_json *j, const char *key, double otherwise) {
  return ldr_json_number(j, ldr_json_get(j, 0, key), otherwise);
}

/* Losses into the curve; returns the median time of a step. The last step of an epoch does not count: it scores the
   dev set, too. */
static double read_log(comparison *c, contender *k) {
  FILE *f = fopen(c->log, "rb");
  text line = { NULL, 0, 0 };
  double waiting = -1;
  c->times.used = c->times.every = c->times.seen = 0;
  if (!f) return -1;
  while (read_line(f, &line) > 0) {
    ldr_json *j = ldr_json_parse(line.data, line.used, NULL, NULL);
    if (!j) continue;
    if (ldr_json_get(j, 0, "epoch") < 0) {
      if (waiting >= 0) sample_add(&c->times, waiting);
      waiting = member(j, "seconds", -1);
      curve_add(&k->loss, (int32_t)member(j, "step", 0), member(j, "loss", NAN));
    } else waiting = -1;
    ldr_json_free(j);
  }
  if (waiting >= 0) sample_add(&c->times, waiting);
  free(line.data);
  fclose(f);
  return sample_median(&c->times);
}

static int32_t class_at(confusion *a, const char *name) {
  int32_t i;
  for (i = 0; i < a->classes; i++)
    if (strcmp(a->name[i], name) == 0) return i;
  if (a->classes == MAX_CLASSES) {
    a->many = 1;
    return -1;
  }
  snprintf(a->name[a->classes], sizeof a->name[0], "%s", name);
  return a->classes++;
}

/* Kept in order, the surest first. */
static void add_mistake(confusion *a, const mistake *m) {
  int32_t i = LDR__MIN(a->mistakes, MAX_MISTAKES);
  a->mistakes++;
  if (i == MAX_MISTAKES && a->worst[--i].score >= m->score) return;
  for (; i > 0 && a->worst[i - 1].score < m->score; i--) a->worst[i] = a->worst[i - 1];
  a->worst[i] = *m;
}

static void read_answers(const comparison *c, confusion *a) {
  FILE *f = fopen(c->answers, "rb");
  text line = { NULL, 0, 0 };
  if (!f) return;
  while (read_line(f, &line) > 0) {
    ldr_json *j = ldr_json_parse(line.data, line.used, NULL, NULL);
    mistake m;
    int32_t label, answer;
    if (!j) continue;
    ldr_json_string(m.label, sizeof m.label, j, ldr_json_get(j, 0, "label"));
    ldr_json_string(m.answer, sizeof m.answer, j, ldr_json_get(j, 0, "answer"));
    ldr_json_string(m.said, sizeof m.said, j, ldr_json_get(j, 0, "text"));
    m.score = member(j, "score", 0);
    label = class_at(a, m.label);
    answer = class_at(a, m.answer);
    if (label >= 0 && answer >= 0) a->count[label][answer]++;
    if (strcmp(m.label, m.answer) != 0) add_mistake(a, &m);
    a->examples++;
    ldr_json_free(j);
  }
  free(line.data);
  fclose(f);
}

static void read_trial(comparison *c, contender *k, trial *t, const ldr_json *j) {
  double step = read_log(c, k), majority = member(j, "majority", -1);
  const ldr_json_node *dev = ldr_json_node_at(j, ldr_json_get(j, 0, "dev"));
  const ldr_json_node *test = ldr_json_node_at(j, ldr_json_get(j, 0, "test"));
  t->done = 1;
  t->has_dev = dev && dev->type == LDR_JSON_NUMBER;
  t->has_test = test && test->type == LDR_JSON_NUMBER;
  t->dev = member(j, "dev", 0);
  t->test = member(j, "test", 0);
  t->seconds = member(j, "seconds", 0);
  t->peak = member(j, "peak_bytes", 0);
  t->steps = (int32_t)member(j, "steps", 0);
  t->best_epoch = (int32_t)member(j, "best_epoch", 0);
  t->step_seconds = step >= 0 ? step : t->steps > 0 ? t->seconds / t->steps : 0;
  k->trainable = (uint64_t)member(j, "trainable", 0);
  k->total = (uint64_t)member(j, "total", 0);
  k->done++;
  if (t->has_dev) spread_add(&k->dev, t->dev);
  if (t->has_test) spread_add(&k->test, t->test);
  spread_add(&k->step, t->step_seconds);
  spread_add(&k->seconds, t->seconds);
  spread_add(&k->peak, t->peak);
  c->has_dev |= t->has_dev;
  c->has_test |= t->has_test;
  if (majority >= 0) c->majority = majority;
  if (ldr_json_get(j, 0, "words_dev") >= 0) {
    c->words_dev = member(j, "words_dev", -1);
    c->words_test = member(j, "words_test", -1);
  }
  if (t == k->trials) read_answers(c, &k->answers);
  ldr_json_string(c->metric, sizeof c->metric, j, ldr_json_get(j, 0, "metric"));
}

static void run_plan(comparison *c, contender *k) {
  char seed[] = "1", reason[480], *line;
  ldr_json *j;
  make_arguments(c, "plan", k->method, seed);
  j = run_for_json(c, &line, reason);
  if (j) k->planned = (uint64_t)member(j, "total", 0);
  ldr_json_free(j);
  free(line);
}

static void run_trial(comparison *c, contender *k, int seed) {
  trial *t = &k->trials[seed];
  char number[16], *line;
  ldr_json *j;
  FILE *f = c->r->o.json ? stderr : stdout;
  snprintf(number, sizeof number, "%d", seed + 1);
  make_arguments(c, "train", k->method, number);
  j = run_for_json(c, &line, t->error);
  if (j) read_trial(c, k, t, j);
  else c->failed++;
  ldr_json_free(j);
  free(line);
  remove_files(c);
  if (c->r->o.json && !on_terminal()) return;
  fprintf(f, "[%d/%d] %s, seed %d: ", ++c->ran, c->rows * c->seeds, k->method->title, seed + 1);
  if (!t->done) fprintf(f, "failed: %s\n", t->error);
  else {
    if (t->has_dev) fprintf(f, "%s %.4f on dev, ", c->metric, t->dev);
    fprintf(f, "%.1f seconds, %.0f MiB\n", t->seconds, t->peak / 1048576.0);
  }
  fflush(f);
}

/* ---- the table ------------------------------------------------------------------------ */

/* What matters comes first: a phone shows few columns at once. */
enum {
  CELL_DEV, CELL_TEST, CELL_STEP, CELL_STEP_RATIO, CELL_PEAK, CELL_PEAK_RATIO, CELL_TRAINED, CELL_SHARE, CELL_WHOLE,
  CELL_PLANNED, CELLS
};
typedef char cells[CELLS][48];

/* 1234567 as 1,234,567. */
static void format_count(char *to, uint64_t v) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%" PRIu64, v), i;
  for (i = 0; i < n; i++) {
    if (i && (n - i) % 3 == 0) *to++ = ',';
    *to++ = digits[i];
  }
  *to = 0;
}

static void format_score(char to[48], const spread *s, int html) {
  if (s->n == 0) strcpy(to, "-");
  else if (s->n == 1) snprintf(to, 48, "%.4f", s->mean);
  else snprintf(to, 48, html ? "%.4f \xc2\xb1 %.4f" : "%.4f +- %.4f", s->mean, spread_deviation(s));
}

static void format_ms(char to[48], double seconds) {
  snprintf(to, 48, seconds < 0.1 ? "%.2f" : seconds < 1 ? "%.1f" : "%.0f", 1e3 * seconds);
}
static void format_mib(char to[48], double bytes) {
  snprintf(to, 48, bytes < 104857600.0 ? "%.1f" : "%.0f", bytes / 1048576.0);
}

static void format_ratio(char to[48], const spread *v, const spread *full) {
  if (v->n && full && full->n && full->mean > 0) snprintf(to, 48, "%.2f", v->mean / full->mean);
  else strcpy(to, "-");
}

static void fill_cells(const comparison *c, const contender *k, cells to, int html) {
  double share = k->total ? 100.0 * (double)k->trainable / (double)k->total : 0;
  format_count(to[CELL_TRAINED], k->trainable);
  snprintf(to[CELL_SHARE], 48, share < 1 ? "%.3f %%" : "%.1f %%", share);
  format_score(to[CELL_DEV], &k->dev, html);
  format_score(to[CELL_TEST], &k->test, html);
  format_ms(to[CELL_STEP], k->step.mean);
  format_ratio(to[CELL_STEP_RATIO], &k->step, c->full ? &c->full->step : NULL);
  snprintf(to[CELL_WHOLE], 48, "%.1f", k->seconds.mean);
  if (k->planned) format_mib(to[CELL_PLANNED], (double)k->planned);
  else strcpy(to[CELL_PLANNED], "-");
  format_mib(to[CELL_PEAK], k->peak.mean);
  format_ratio(to[CELL_PEAK_RATIO], &k->peak, c->full ? &c->full->peak : NULL);
}

static int cell_shown(const comparison *c, int cell) {
  if (cell == CELL_DEV) return c->has_dev;
  if (cell == CELL_TEST) return c->has_test;
  return c->full || (cell != CELL_STEP_RATIO && cell != CELL_PEAK_RATIO);
}

static void print_failures(const comparison *c) {
  int i, s;
  for (i = 0; i < c->rows; i++)
    for (s = 0; s < c->seeds && c->row[i].done; s++)
      if (!c->row[i].trials[s].done)
        printf("%s, seed %d failed: %s\n", c->row[i].method->title, s + 1, c->row[i].trials[s].error);
}

static void print_table(const comparison *c) {
  static const char *const heads[CELLS] = { "dev", "test", "ms/step", "to full", "peak MiB", "to full", "trained",
    "share", "seconds", "plan MiB" };
  static cells text_of[COMPARE_ROWS];
  int width[CELLS], i, j, names = 14;
  for (i = 0; i < c->rows; i++) names = LDR__MAX(names, (int)strlen(c->row[i].method->title));
  for (j = 0; j < CELLS; j++) width[j] = (int)strlen(heads[j]);
  for (i = 0; i < c->rows; i++) {
    fill_cells(c, &c->row[i], text_of[i], 0);
    for (j = 0; j < CELLS && c->row[i].done; j++) width[j] = LDR__MAX(width[j], (int)strlen(text_of[i][j]));
  }
  printf("\n%-*s", names, "method");
  for (j = 0; j < CELLS; j++)
    if (cell_shown(c, j)) printf("  %*s", width[j], heads[j]);
  putchar('\n');
  for (i = 0; i < c->rows; i++) {
    printf("%-*s", names, c->row[i].method->title);
    if (!c->row[i].done) printf("  failed: %s", c->row[i].trials[0].error);
    for (j = 0; j < CELLS && c->row[i].done; j++)
      if (cell_shown(c, j)) printf("  %*s", width[j], text_of[i][j]);
    putchar('\n');
  }
  if (c->majority >= 0) printf("always the commonest class of dev: %.4f of the answers are right\n", c->majority);
  if (c->words_dev >= 0) printf("counting words, without a model: %.4f on dev\n", c->words_dev);
  if (c->words_test >= 0) printf("counting words, without a model: %.4f on test\n", c->words_test);
  if (c->has_dev || c->has_test)
    printf("scores are %s%s\n", c->metric, c->seeds > 1 ? ": mean +- standard deviation over the seeds" : "");
  print_failures(c);
}

/* ---- JSON and HTML text --------------------------------------------------------------- */

/* A text that is put together and looked at once, at its end, for a lack of memory. */
typedef struct page { text t; int failed; } page;

static void say(page *p, const char *format, ...) {
  va_list a;
  int n;
  va_start(a, format);
  n = vsnprintf(NULL, 0, format, a);
  va_end(a);
  if (n < 0 || !text_room(&p->t, (size_t)n)) {
    p->failed = 1;
    return;
  }
  va_start(a, format);
  vsnprintf(p->t.data + p->t.used, (size_t)n + 1, format, a);
  va_end(a);
  p->t.used += (size_t)n;
}

/* Text from outside into HTML, in elements and in quoted attributes alike. */
static void escape(page *p, const char *s) {
  size_t n = strlen(s), i, length;
  for (i = 0; i < n; i += length ? length : 1) {
    unsigned char b = (unsigned char)s[i];
    length = ldr__utf8_length((const unsigned char *)s + i, n - i);
    if (length == 0) say(p, "&#xFFFD;");
    else if (b < 32 || b == 127) say(p, " ");
    else if (b == '&' || b == '<' || b == '>' || b == '"' || b == '\'') say(p, "&#%d;", (int)b);
    else say(p, "%.*s", (int)length, s + i);
  }
}

/* Without < > &, so that the JSON is the same alone and inside a script element. */
static void json_string(page *p, const char *s) {
  size_t n = strlen(s), i, length;
  say(p, "\"");
  for (i = 0; i < n; i += length ? length : 1) {
    unsigned char b = (unsigned char)s[i];
    length = ldr__utf8_length((const unsigned char *)s + i, n - i);
    if (length == 0) say(p, "\\ufffd");
    else if (b == '"' || b == '\\') say(p, "\\%c", (int)b);
    else if (b < 32 || b == 127 || b == '<' || b == '>' || b == '&') say(p, "\\u%04x", (unsigned)b);
    else say(p, "%.*s", (int)length, s + i);
  }
  say(p, "\"");
}

static void json_number(page *p, const char *key, double v) {
  if (v - v != 0) say(p, ",\"%s\":null", key);
  else say(p, ",\"%s\":%.9g", key, v);
}

static void json_spread(page *p, const char *key, const spread *s) {
  if (s->n == 0) say(p, ",\"%s\":null", key);
  else say(p, ",\"%s\":{\"mean\":%.9g,\"deviation\":%.9g,\"n\":%d}", key, s->mean, spread_deviation(s), s->n);
}

static void json_trial(page *p, const trial *t, int seed) {
  say(p, "%s{\"seed\":%d", seed ? "," : "", seed + 1);
  if (!t->done) {
    say(p, ",\"error\":");
    json_string(p, t->error);
  } else {
    json_number(p, "dev", t->has_dev ? t->dev : NAN);
    json_number(p, "test", t->has_test ? t->test : NAN);
    json_number(p, "step_seconds", t->step_seconds);
    json_number(p, "seconds", t->seconds);
    say(p, ",\"steps\":%d,\"best_epoch\":%d,\"peak_bytes\":%.0f", (int)t->steps, (int)t->best_epoch, t->peak);
  }
  say(p, "}");
}

static void json_contender(page *p, const comparison *c, const contender *k) {
  int i, first = 1;
  say(p, "{\"name\":");
  json_string(p, k->method->word);
  if (k->done) say(p, ",\"trainable\":%" PRIu64 ",\"total\":%" PRIu64, k->trainable, k->total);
  else {
    say(p, ",\"error\":");
    json_string(p, k->trials[0].error);
  }
  if (k->planned) say(p, ",\"planned_bytes\":%" PRIu64, k->planned);
  json_spread(p, "dev", &k->dev);
  json_spread(p, "test", &k->test);
  json_spread(p, "step_seconds", &k->step);
  json_spread(p, "seconds", &k->seconds);
  json_spread(p, "peak_bytes", &k->peak);
  say(p, ",\"runs\":[");
  for (i = 0; i < c->seeds; i++) json_trial(p, &k->trials[i], i);
  say(p, "],\"loss_every\":%d,\"loss\":[", (int)k->loss.width);
  for (i = 0; i < k->loss.used; i++)
    if (k->loss.count[i]) {
      say(p, "%s[%d,%.6g]", first ? "" : ",", (int)(i * k->loss.width + 1), k->loss.sum[i] / (double)k->loss.count[i]);
      first = 0;
    }
  say(p, "]}");
}

static void json_comparison(page *p, const comparison *c) {
  const options *o = &c->r->o;
  int i;
  say(p, "{\"program\":\"ladder %s\",\"simd\":\"%s\",\"model\":", LADDER_VERSION, ldr_simd_name((ldr_simd)o->simd));
  json_string(p, o->model);
  say(p, ",\"train\":");
  json_string(p, o->train);
  say(p, ",\"arguments\":[");
  for (i = 2; i < c->r->argument_count; i++) {
    if (i > 2) say(p, ",");
    json_string(p, c->r->arguments[i]);
  }
  say(p, "],\"metric\":");
  json_string(p, c->metric);
  say(p, ",\"seeds\":%d", c->seeds);
  json_number(p, "majority", c->majority >= 0 ? c->majority : NAN);
  json_number(p, "words_dev", c->words_dev >= 0 ? c->words_dev : NAN);
  json_number(p, "words_test", c->words_test >= 0 ? c->words_test : NAN);
  json_number(p, "seconds", c->seconds);
  say(p, ",\"methods\":[");
  for (i = 0; i < c->rows; i++) {
    if (i) say(p, ",");
    json_contender(p, c, &c->row[i]);
  }
  say(p, "]}");
}

/* ---- charts --------------------------------------------------------------------------- */

/* Charts are 460 units wide, so that the letters can still be read where one fills the screen of a phone. */
enum { CHART_WIDTH = 460, CHART_HEIGHT = 330, LETTER = 7, MAX_BOXES = 3 * COMPARE_ROWS + 4 };

typedef struct axis { double low, high, from, to; int log; } axis;

static double axis_place(const axis *a, double v) {
  double t = a->log ? log(v / a->low) / log(a->high / a->low) : (v - a->low) / (a->high - a->low);
  return a->from + t * (a->to - a->from);
}

static int axis_ticks(const axis *a, double ticks[MAX_TICKS]) {
  static const double steps[] = { 1, 2, 5, 10 };
  double power, step, v;
  int n = 0, i;
  if (a->log) {
    for (power = pow(10, floor(log10(a->low))); power <= a->high; power *= 10)
      for (i = 0; i < 3; i++)
        if (power * steps[i] >= a->low && power * steps[i] <= a->high && n < MAX_TICKS) ticks[n++] = power * steps[i];
    return n;
  }
  power = pow(10, floor(log10((a->high - a->low) / 4)));
  for (i = 0; i < 3 && power * steps[i] * 5 < a->high - a->low; i++) {}
  step = power * steps[i];
  for (v = ceil(a->low / step - 1e-9); v * step <= a->high + 1e-9 * step && n < MAX_TICKS; v++)
    ticks[n++] = fabs(v) < 0.5 ? 0 : v * step;      /* no -0 */
  return n;
}

/* From 0, or in equal ratios where the values lie far apart. */
static axis axis_of_sizes(double least, double most, double from, double to) {
  axis a;
  a.from = from;
  a.to = to;
  a.log = least > 0 && most > 5 * least;
  a.low = a.log ? least / 1.4 : 0;
  a.high = most > 0 ? a.log ? most * 1.4 : most * 1.12 : 1;
  return a;
}

static axis axis_of_range(double least, double most, double from, double to) {
  double pad = most > least ? 0.1 * (most - least) : 0.05;
  axis a;
  a.from = from;
  a.to = to;
  a.log = 0;
  a.low = least - pad;
  a.high = most + pad;
  return a;
}

static int method_number(const contender *k) { return k->method->number; }
static int colour_of(const contender *k) { return k->method->number % ROW_SEARCH; }

static void begin_chart(page *p, const char *id, const char *title, int height) {
  say(p,
      "<figure><figcaption>%s</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
      "<title id=\"%s-t\">%s</title><desc id=\"%s-d\">", title, CHART_WIDTH, height, id, id, id, title, id);
}

static void end_chart(page *p, const char *note) { say(p, "</svg>\n<p>%s</p></figure>\n", note); }

static void draw_line(page *p, const char *kind, double x1, double x2, double y1, double y2) {
  say(p, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", kind, x1, x2, y1, y2);
}

static void draw_axes(page *p, const axis *x, const axis *y, const char *x_name, const char *y_name) {
  double ticks[MAX_TICKS], last = -1e9;
  int i, n = axis_ticks(y, ticks);
  for (i = 0; i < n; i++) {
    double at = axis_place(y, ticks[i]);
    draw_line(p, "grid", x->from, x->to, at, at);
    say(p, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick end\">%.4g</text>\n", x->from - 6, at + 4, ticks[i]);
  }
  n = axis_ticks(x, ticks);
  for (i = 0; i < n; i++) {
    double at = axis_place(x, ticks[i]);
    draw_line(p, "grid", at, at, y->from, y->to);
    if (at - last < 34 || at > CHART_WIDTH - 12) continue;
    say(p, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick mid\">%.4g</text>\n", at, y->from + 16, ticks[i]);
    last = at;
  }
  draw_line(p, "axis", x->from, x->to, y->from, y->from);
  say(p, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick mid\">%s%s</text>", (x->from + x->to) / 2, y->from + 36, x_name,
      x->log ? " (logarithmic)" : "");
  say(p, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\">%s</text>\n", 4.0, y->to - 12, y_name);
}

/* Four shapes beside nine colours. */
static void draw_mark(page *p, int number, double x, double y) {
  switch (number % 4) {
    case 0:
      say(p, "<circle class=\"mark c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\"/>", number, x, y);
      break;
    case 1:
      say(p, "<rect class=\"mark c%d\" x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\"/>", number, x - 5, y - 5);
      break;
    case 2:
      say(p, "<path class=\"mark c%d\" d=\"M%.1f %.1fl6 11h-12z\"/>", number, x, y - 7);
      break;
    default:
      say(p, "<path class=\"mark c%d\" d=\"M%.1f %.1fl6.5 6.5l-6.5 6.5l-6.5 -6.5z\"/>", number, x, y - 6.5);
  }
}

typedef struct box { double x, y, width, height; } box;
typedef struct boxes { box list[MAX_BOXES]; int count; } boxes;

static void add_box(boxes *b, double x, double y, double width, double height) {
  box *to = &b->list[b->count];
  if (b->count == MAX_BOXES) return;
  to->x = x;
  to->y = y;
  to->width = width;
  to->height = height;
  b->count++;
}

static double covered(const boxes *b, const box *a) {
  double sum = 0;
  int i;
  for (i = 0; i < b->count; i++) {
    const box *o = &b->list[i];
    double w = LDR__MIN(a->x + a->width, o->x + o->width) - LDR__MAX(a->x, o->x);
    double h = LDR__MIN(a->y + a->height, o->y + o->height) - LDR__MAX(a->y, o->y);
    if (w > 0 && h > 0) sum += w * h;
  }
  return sum;
}

static double nearest(double v, double from, double to) { return v < from ? from : v > to ? to : v; }

/* How often the line from (x,y) to a label meets what is drawn, its own mark left out: such a line seems to lead to
   the other mark. */
static int crossed(const boxes *b, double x, double y, const box *label) {
  double dx = nearest(x, label->x, label->x + label->width) - x;
  double dy = nearest(y, label->y, label->y + label->height) - y, length = sqrt(dx * dx + dy * dy), t;
  int i, hits = 0;
  for (t = 10; t < length; t += 3)
    for (i = 0; i < b->count; i++) {
      double left = x + dx * t / length - b->list[i].x, top = y + dy * t / length - b->list[i].y;
      hits += left >= 0 && left <= b->list[i].width && top >= 0 && top <= b->list[i].height;
    }
  return hits;
}

/* The place for a label around (x,y) that covers least, the nearest of those; a line leads to it when it is not
   beside its point. */
static void place_label(page *p, boxes *b, const axis *ax, const axis *ay, double x, double y, const char *label) {
  static const double directions[][2] = {
    { 1, 0 }, { -1, 0 }, { 0, -1 }, { 0, 1 }, { 0.8, -0.7 }, { 0.8, 0.7 }, { -0.8, -0.7 }, { -0.8, 0.7 } };
  static const double radii[] = { 9, 20, 34, 50, 70, 95 };
  double best = 1e30, best_radius = 0, side = 0;
  size_t r, d;
  box at, chosen;
  at.width = (double)LETTER * (double)strlen(label);
  at.height = 15;
  chosen = at;
  chosen.x = x;
  chosen.y = y;
  for (r = 0; r < sizeof radii / sizeof *radii; r++)
    for (d = 0; d < sizeof directions / sizeof *directions; d++) {
      double dx = directions[d][0], cover;
      at.x = x + dx * radii[r] - (dx > 0 ? 0 : dx < 0 ? at.width : at.width / 2);
      at.y = y + directions[d][1] * (radii[r] + 4) - at.height / 2;
      if (at.x < ax->from || at.x + at.width > CHART_WIDTH - 2 || at.y < ay->to || at.y + at.height > ay->from)
        continue;
      cover = covered(b, &at) + 40.0 * crossed(b, x, y, &at);
      if (cover < best - 1e-9) {
        best = cover;
        best_radius = radii[r];
        side = dx < 0 ? 1 : dx > 0 ? 0 : 0.5;
        chosen = at;
      }
    }
  if (best_radius > 9)
    say(p, "<line class=\"lead\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x, y,
        nearest(x, chosen.x, chosen.x + chosen.width), nearest(y, chosen.y, chosen.y + chosen.height));
  say(p, "<text class=\"label%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
      side > 0.5 ? " end" : side > 0 ? " mid" : "", chosen.x + side * chosen.width, chosen.y + 12, label);
  add_box(b, chosen.x, chosen.y, chosen.width, chosen.height);
}

static const spread *score_of(const comparison *c, const contender *k) { return c->has_dev ? &k->dev : &k->test; }
static int plotted(const comparison *c, const contender *k) { return k->done && score_of(c, k)->n > 0; }

/* What a score can be drawn against. */
enum { COST_TIME, COST_MEMORY, COST_TRAINED, COST_RUN };
static const struct { const char *id, *title, *name, *unit; } costs[] = {
  { "time", "Score against time per step", "time per step, ms", "ms" },
  { "memory", "Score against peak memory", "peak memory, MiB", "MiB" },
  { "trained", "Score against trained numbers", "trained numbers, thousands", "thousand" },
  { "run", "Score against seconds of the whole run", "whole run, s", "s" } };

static double cost_of(const contender *k, int cost) {
  switch (cost) {
    case COST_MEMORY: return k->peak.mean / 1048576.0;
    case COST_TRAINED: return (double)k->trainable / 1e3;
    case COST_RUN: return k->seconds.mean;
    default: return 1e3 * k->step.mean;
  }
}

static int majority_plotted(const comparison *c) {
  return c->has_dev && c->majority >= 0 && strcmp(c->metric, "accuracy") == 0;
}

static void scatter_axes(const comparison *c, int kind, axis *x, axis *y) {
  double least = 1e300, most = 0, low = 1e300, high = -1e300;
  int i;
  for (i = 0; i < c->rows; i++) {
    const spread *s = score_of(c, &c->row[i]);
    double cost = cost_of(&c->row[i], kind), d = spread_deviation(s);
    if (!plotted(c, &c->row[i])) continue;
    least = LDR__MIN(least, cost);
    most = LDR__MAX(most, cost);
    low = LDR__MIN(low, s->mean - d);
    high = LDR__MAX(high, s->mean + d);
  }
  if (majority_plotted(c)) {
    low = LDR__MIN(low, c->majority);
    high = LDR__MAX(high, c->majority);
  }
  *x = axis_of_sizes(least, most, 52, CHART_WIDTH - 16);
  *y = axis_of_range(low, high, CHART_HEIGHT - 46, 30);
}

static void draw_scatter(page *p, const comparison *c, int kind) {
  axis x, y;
  boxes b;
  char y_name[64];
  int i;
  b.count = 0;
  scatter_axes(c, kind, &x, &y);
  begin_chart(p, costs[kind].id, costs[kind].title, CHART_HEIGHT);
  for (i = 0; i < c->rows; i++)
    if (plotted(c, &c->row[i]))
      say(p, "%s: %.4f at %.1f %s. ", c->row[i].method->title, score_of(c, &c->row[i])->mean,
          cost_of(&c->row[i], kind), costs[kind].unit);
  say(p, "</desc>\n");
  snprintf(y_name, sizeof y_name, "%s on %s", c->metric, c->has_dev ? "dev" : "test");
  draw_axes(p, &x, &y, costs[kind].name, y_name);
  if (majority_plotted(c)) {
    double at = axis_place(&y, c->majority);
    draw_line(p, "base", x.from, x.to, at, at);
    say(p, "<text class=\"tick end\" x=\"%.1f\" y=\"%.1f\">always the commonest class</text>\n", x.to, at + 14);
    add_box(&b, x.to - 26 * LETTER, at, 26 * LETTER, 18);
  }
  for (i = 0; i < c->rows; i++) {
    const spread *s = score_of(c, &c->row[i]);
    double px = axis_place(&x, cost_of(&c->row[i], kind)), py = axis_place(&y, s->mean), d = spread_deviation(s);
    if (!plotted(c, &c->row[i])) continue;
    if (d > 0) {
      double top = axis_place(&y, s->mean + d), bottom = axis_place(&y, s->mean - d);
      say(p, "<line class=\"whisker c%d\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", colour_of(&c->row[i]),
          px, px, top, bottom);
      add_box(&b, px - 1, top, 2, bottom - top);
    }
    draw_mark(p, colour_of(&c->row[i]), px, py);
    add_box(&b, px - 7, py - 7, 14, 14);
  }
  for (i = 0; i < c->rows; i++) {
    const contender *k = &c->row[i];
    if (plotted(c, k))
      place_label(p, &b, &x, &y, axis_place(&x, cost_of(k, kind)), axis_place(&y, score_of(c, k)->mean),
          k->method->title);
  }
  end_chart(p, c->seeds > 1
      ? "Upper left is better. A bar through a point is one standard deviation over the seeds each way."
      : "Upper left is better.");
}

/* One bar a method; memory: two, what was planned above what was measured. */
static void draw_bars(page *p, const comparison *c, int memory) {
  const double left = 112, most_width = CHART_WIDTH - 112 - 74;
  double most = 0, y = 10, scale;
  int i, n = 0, row = memory ? 36 : 28;
  for (i = 0; i < c->rows; i++) {
    if (!c->row[i].done) continue;
    n++;
    most = LDR__MAX(most, cost_of(&c->row[i], memory));
    if (memory) most = LDR__MAX(most, (double)c->row[i].planned / 1048576.0);
  }
  begin_chart(p, memory ? "memory-bars" : "time-bars", memory ? "Memory, MiB" : "Time per step, ms", n * row + 14);
  for (i = 0; i < c->rows; i++)
    if (c->row[i].done) say(p, "%s: %.1f. ", c->row[i].method->title, cost_of(&c->row[i], memory));
  say(p, "</desc>\n");
  if (memory)
    say(p,
        "<defs><pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
        "patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"5\"/></pattern>"
        "</defs>\n");
  scale = most > 0 ? most_width / most : 0;
  for (i = 0; i < c->rows; i++) {
    const contender *k = &c->row[i];
    double cost = cost_of(k, memory), planned = (double)k->planned / 1048576.0;
    char number[48];
    if (!k->done) continue;
    if (memory) format_mib(number, k->peak.mean);
    else format_ms(number, k->step.mean);
    say(p, "<text class=\"label end\" x=\"%.1f\" y=\"%.1f\">%s</text>", left - 8, y + row / 2.0, k->method->title);
    if (memory && k->planned) {
      say(p, "<rect class=\"planned\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"11\"/>", left, y, planned * scale);
      format_mib(number, (double)k->planned);
      say(p, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%s</text>", left + planned * scale + 5, y + 10, number);
      format_mib(number, k->peak.mean);
    }
    say(p, "<rect class=\"bar c%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>", colour_of(k), left,
        memory ? y + 14 : y + 3, cost * scale, memory ? 12 : 16);
    say(p, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", left + cost * scale + 5,
        memory ? y + 25 : y + 16, number);
    y += row;
  }
  end_chart(p, memory
      ? "Solid: the measured peak of the process. Hatched, above it: what <code>ladder plan</code> says."
      : "Median over the steps, mean over the seeds.");
}

/* Mean loss around bin i, over a twentieth of the run. */
static double smooth_loss(const curve *c, int32_t i) {
  int32_t reach = LDR__MAX(c->used / 40, 2), j;
  double sum = 0, count = 0;
  for (j = LDR__MAX(i - reach, 0); j <= i + reach && j < c->used; j++) {
    sum += c->sum[j];
    count += (double)c->count[j];
  }
  return count > 0 ? sum / count : NAN;
}

/* With the same seeds the cached ladder goes through the same numbers, and its line would hide the ladder's. */
static int curve_drawn(const comparison *c, const contender *k) {
  int i;
  for (i = 0; i < c->rows && method_number(k) == ROW_CACHED; i++)
    if (method_number(&c->row[i]) == ROW_LADDER && c->row[i].done) return 0;
  return k->done && k->loss.used > 1;
}

static int32_t curve_step(const curve *c, int32_t bin) { return bin * c->width + (c->width + 1) / 2; }

static int curve_axes(const comparison *c, axis *x, axis *y) {
  double low = 1e300, high = -1e300, last = 1;
  int i;
  int32_t b;
  for (i = 0; i < c->rows; i++) {
    const curve *k = &c->row[i].loss;
    if (!curve_drawn(c, &c->row[i])) continue;
    for (b = 0; b < k->used; b++) {
      double v = smooth_loss(k, b);
      if (v - v != 0) continue;
      low = LDR__MIN(low, v);
      high = LDR__MAX(high, v);
    }
    last = LDR__MAX(last, (double)curve_step(k, k->used - 1));
  }
  *x = axis_of_range(1, last, 52, CHART_WIDTH - 70);
  x->low = 0;
  x->high = last;
  *y = axis_of_range(low, high, CHART_HEIGHT - 46, 30);
  return high >= low;
}

typedef struct line_end { double x, y, at; const contender *k; } line_end;

/* Labels at the ends of lines, moved apart where two lines end close together. */
static void label_ends(page *p, line_end *e, int n, const axis *y) {
  const double gap = 15;
  int i, j;
  for (i = 1; i < n; i++)
    for (j = i; j > 0 && e[j - 1].y > e[j].y; j--) {
      line_end swap = e[j];
      e[j] = e[j - 1];
      e[j - 1] = swap;
    }
  for (i = 0; i < n; i++) e[i].at = i && e[i - 1].at + gap > e[i].y ? e[i - 1].at + gap : e[i].y;
  for (i = n - 1; i >= 0; i--) {
    double limit = i == n - 1 ? y->from : e[i + 1].at - gap;
    if (e[i].at > limit) e[i].at = limit;
  }
  for (i = 0; i < n; i++)
    say(p, "<path class=\"lead\" d=\"M%.1f %.1fL%d %.1f\"/><text class=\"label\" x=\"%d\" y=\"%.1f\">%s</text>\n",
        e[i].x, e[i].y, CHART_WIDTH - 58, e[i].at, CHART_WIDTH - 55, e[i].at + 4, e[i].k->method->title);
}

static void draw_curves(page *p, const comparison *c) {
  line_end ends[COMPARE_ROWS];
  axis x, y;
  int i, n = 0, left_out = 0;
  int32_t b;
  if (!curve_axes(c, &x, &y)) return;
  begin_chart(p, "loss", "Training loss", CHART_HEIGHT);
  for (i = 0; i < c->rows; i++) {
    if (!curve_drawn(c, &c->row[i])) left_out |= c->row[i].done;
    else say(p, "%s ends at %.3f. ", c->row[i].method->title, smooth_loss(&c->row[i].loss, c->row[i].loss.used - 1));
  }
  say(p, "</desc>\n");
  draw_axes(p, &x, &y, "step", "loss");
  for (i = 0; i < c->rows; i++) {
    const curve *k = &c->row[i].loss;
    line_end *e = &ends[n];
    char move = 'M';
    if (!curve_drawn(c, &c->row[i])) continue;
    say(p, "<path class=\"line c%d d%d\" d=\"", colour_of(&c->row[i]), colour_of(&c->row[i]) % 5);
    for (b = 0; b < k->used; b++) {
      double v = smooth_loss(k, b);
      if (v - v != 0) continue;
      e->x = axis_place(&x, (double)curve_step(k, b));
      e->y = axis_place(&y, v);
      say(p, "%c%.1f %.1f", move, e->x, e->y);
      move = 'L';
    }
    say(p, "\"/>\n");
    e->k = &c->row[i];
    n++;
  }
  label_ends(p, ends, n, &y);
  end_chart(p, left_out
      ? "Mean over the seeds, smoothed. The cached ladder's line is the ladder's."
      : "Mean over the seeds, smoothed.");
}

/* ---- the page ------------------------------------------------------------------------- */

static const char compare_style[] =
  ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--panel:#f6f8fa;--rule:#d1d9e0;"
  "--grid:#e6eaef}\n"
  ".c0{--c:#6e7781}.c1{--c:#0a69c7}.c2{--c:#0b8a9e}.c3{--c:#9a6700}.c4{--c:#8250df}.c5{--c:#1a7f37}.c6{--c:#c2417c}"
  ".c7{--c:#7a4b2a}.c8{--c:#cf222e}\n"
  "@media(prefers-color-scheme:dark){"
  ":root{--ink:#e6edf3;--soft:#9aa5b1;--paper:#0d1117;--panel:#161b22;--rule:#3d444d;--grid:#262d36}\n"
  ".c0{--c:#a3adb8}.c1{--c:#58a6ff}.c2{--c:#39c5cf}.c3{--c:#e3b341}.c4{--c:#bc8cff}.c5{--c:#56d364}.c6{--c:#ff7bb5}"
  ".c7{--c:#d8a27a}.c8{--c:#ff7b72}}\n"
  "*{box-sizing:border-box}"
  "body{margin:0;background:var(--paper);color:var(--ink);"
  "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}\n"
  "main{max-width:1180px;margin:0 auto;padding:24px 16px 48px}h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5em}"
  "h2{font-size:1.2rem;margin:2em 0 .6em}\n"
  "p,dd,li{overflow-wrap:anywhere}p,ul{max-width:46em}"
  "code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;unicode-bidi:isolate}\n"
  "dl.set{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;margin:1em 0;padding:.8em 1em;"
  "background:var(--panel);border:1px solid var(--rule);border-radius:8px}dl.set dt{color:var(--soft)}dd{margin:0}\n"
  "dl.columns dt{font-weight:600;margin-top:.6em}dl.columns{max-width:46em}\n"
  ".scroll{overflow-x:auto;border:1px solid var(--rule);border-radius:8px}"
  "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
  "th,td{padding:.45em .6em;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}"
  "thead th{vertical-align:bottom;color:var(--soft);font-weight:600;font-size:.88em;"
  "border-bottom-color:var(--rule)}\n"
  "tbody th,tfoot th,thead th:first-child{text-align:left;position:sticky;left:0;background:var(--paper)}"
  "tr:last-child>*{border-bottom:0}tfoot>tr>*{border-top:1px solid var(--rule);color:var(--soft);font-weight:400}"
  "tfoot th{white-space:normal;min-width:8.5em}\n"
  "td.failed{text-align:left;white-space:normal;min-width:24em}td.failed b{color:var(--ink)}\n"
  ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:28px 32px;"
  "align-items:start}figure{margin:0;min-width:0}figcaption{font-weight:600;margin-bottom:.3em}"
  "figure p{color:var(--soft);font-size:.88rem;margin:.3em 0 0}\n"
  "svg{display:block;width:100%;height:auto;max-width:560px;"
  "font:13px system-ui,-apple-system,\"Segoe UI\",Roboto,Arial,sans-serif}svg text{fill:var(--ink)}"
  "svg .tick{fill:var(--soft);font-size:12px}.end{text-anchor:end}.mid{text-anchor:middle}\n"
  ".grid{stroke:var(--grid)}.axis{stroke:var(--soft)}.base{stroke:var(--soft);stroke-dasharray:5 4}"
  ".lead{stroke:var(--soft);stroke-width:.7;fill:none}.mark{fill:var(--c);stroke:var(--paper);stroke-width:1}"
  ".whisker{stroke:var(--c);stroke-width:1.5;opacity:.6}.bar{fill:var(--c)}\n"
  ".planned{fill:url(#hatch);stroke:var(--soft)}.hatch{stroke:var(--soft);stroke-width:1.6}"
  ".line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}.d1{stroke-dasharray:7 3}"
  ".d2{stroke-dasharray:2 3}.d3{stroke-dasharray:9 3 2 3}.d4{stroke-dasharray:4 2}\n"
  ".conclusion{font-size:1.15rem;font-weight:600;border-left:4px solid var(--rule);padding-left:.8em}\n"
  "table.confusion td,table.confusion th{padding:.3em .45em;font-size:.85rem}"
  "table.confusion thead th{writing-mode:vertical-rl;text-align:left}"
  "table.confusion thead th:first-child{writing-mode:horizontal-tb}\n"
  "table.confusion td.right{font-weight:700}"
  "table.confusion td.wrong{background:color-mix(in srgb,#cf222e var(--much),transparent)}"
  "table.mistakes td{white-space:normal;text-align:left}table.mistakes td:nth-child(2){min-width:16em}\n"
  "footer{margin-top:3em;color:var(--soft);font-size:.88rem}\n";

static void page_setting(page *p, const char *name, const char *value) {
  if (!value) return;
  say(p, "<dt>%s</dt><dd><code>", name);
  escape(p, value);
  say(p, "</code></dd>\n");
}

/* Options as they were given, but for those that the lines above them show. */
static void page_options(page *p, const comparison *c) {
  static const char *const shown[] = {
    "--model", "--task", "--train", "--dev", "--test", "--methods", "--seeds", "--report", "--json", "--epochs",
    "--batch", "--max-len", "--lr", "--threads" };
  const struct command *mine = find_command("compare");
  char **a = c->r->arguments;
  int i, words, any = 0;
  size_t s;
  for (i = 2; i < c->r->argument_count; i += words) {
    size_t n = strcspn(a[i], "=");
    const option *d = find_option(mine, a[i], n);
    words = d && d->kind != KIND_FLAG && !a[i][n] ? 2 : 1;
    for (s = 0; d && s < sizeof shown / sizeof *shown; s++)
      if (strcmp(shown[s], d->name) == 0) d = NULL;
    if (!d) continue;
    say(p, any ? " " : "<dt>Further options</dt><dd><code>");
    any = 1;
    escape(p, a[i]);
    if (words == 2) {
      say(p, " ");
      escape(p, a[i + 1]);
    }
  }
  if (any) say(p, "</code></dd>\n");
}

static const char *base_name(const char *path) {
  size_t n = strlen(path);
  while (n && path[n - 1] != '/') n--;
  return path[n] ? path + n : path;
}

static void page_settings(page *p, const comparison *c) {
  const options *o = &c->r->o;
  const ldr_train_desc *d = &c->r->train_desc;
  int32_t max_len = o->max_len ? o->max_len : c->r->task ? c->r->task->max_len : 128;
  say(p, "<dl class=\"set\">\n");
  page_setting(p, "Model", o->model);
  page_setting(p, "Task", o->task);
  page_setting(p, "Training set", o->train);
  page_setting(p, "Dev set", o->dev);
  page_setting(p, "Test set", o->test);
  say(p, "<dt>Training</dt><dd>%d %s of batches of %d%s; texts of up to %d tokens; ", (int)d->epochs,
      d->epochs == 1 ? "epoch" : "epochs", (int)d->batch,
      d->patience ? ", fewer when the dev score stands still" : "", (int)max_len);
  if (o->lr > 0) say(p, "learning rate %.4g for every method</dd>\n", (double)o->lr);
  else say(p, "each method's own learning rate</dd>\n");
  say(p, "<dt>Seeds</dt><dd>%s%d</dd>\n", c->seeds > 1 ? "1 to " : "", c->seeds);
  if (o->threads) say(p, "<dt>Threads</dt><dd>%d</dd>\n", (int)o->threads);
  say(p, "<dt>Kernels</dt><dd>%s</dd>\n", ldr_simd_name((ldr_simd)o->simd));
  page_options(p, c);
  say(p, "</dl>\n");
}

static const spread *final_score(const comparison *c, const contender *k) { return c->has_test ? &k->test : &k->dev; }

/* The row of this kind that ran, or NULL. */
static const contender *row_of(const comparison *c, int number) {
  int i;
  for (i = 0; i < c->rows; i++)
    if (method_number(&c->row[i]) == number && c->row[i].done && final_score(c, &c->row[i])->n) return &c->row[i];
  return NULL;
}

/* The ladder, with its taps kept if that ran. */
static const contender *ladder_row(const comparison *c) {
  return row_of(c, ROW_CACHED) ? row_of(c, ROW_CACHED) : row_of(c, ROW_LADDER);
}

/* ", 3.5 points above the linear head": of two scores, both parts of 1. */
static void say_beside(page *p, const spread *a, const spread *b, const char *what) {
  double d = 100 * (a->mean - b->mean);
  if (fabs(d) < 0.05) say(p, ", equal to %s", what);
  else say(p, ", %.1f points %s %s", fabs(d), d > 0 ? "above" : "below", what);
  if (a->n > 1 && fabs(d) < 100 * (spread_deviation(a) + spread_deviation(b)))
    say(p, " (within the spread of the seeds)");
}

/* The ladder that is best on dev, and how to train it again. */
static void conclude_search(page *p, const comparison *c) {
  const contender *best = NULL;
  int i;
  for (i = 0; i < c->rows; i++)
    if (plotted(c, &c->row[i]) && (!best || score_of(c, &c->row[i])->mean > score_of(c, best)->mean)) best = &c->row[i];
  if (!best) return;
  say(p, "Best on %s: copies of the last %d blocks at %g times the %s rate, %s %.4f. Train it with --top %d",
      c->has_dev ? "dev" : "test", (int)best->method->top, best->method->scale, c->r->o.lr > 0 ? "given" : "usual",
      c->metric, score_of(c, best)->mean, (int)best->method->top);
  if (c->r->o.lr > 0) say(p, " --lr %g.", (double)c->r->o.lr * best->method->scale);
  else say(p, " --lr-scale %g.", best->method->scale);
}

/* What the numbers say of the ladder, in a sentence or two. */
static void conclude(page *p, const comparison *c) {
  const contender *k = ladder_row(c), *head = row_of(c, ROW_HEAD), *full = c->full;
  double words = c->has_test ? c->words_test : c->words_dev;
  if (c->r->o.search) conclude_search(p, c);
  if (!k) return;
  say(p, "The ladder reaches %.1f %% %s on %s", 100 * final_score(c, k)->mean, c->metric, c->has_test ? "test" : "dev");
  if (head) say_beside(p, final_score(c, k), final_score(c, head), "the linear head");
  if (full) say_beside(p, final_score(c, k), final_score(c, full), "full fine-tuning");
  if (words >= 0 && strcmp(c->metric, "accuracy") == 0) say(p, "; counting words reaches %.1f %%", 100 * words);
  say(p, ".");
  if (full && full->step.mean > 0 && full->peak.mean > 0)
    say(p, " A step takes %.2f of full fine-tuning's time%s, the run %.2f of its memory.",
        k->step.mean / full->step.mean, method_number(k) == ROW_CACHED ? " with taps kept" : "",
        k->peak.mean / full->peak.mean);
}

static void page_conclusion(page *p, const comparison *c) {
  if (!ladder_row(c) && !c->r->o.search) return;
  say(p, "<p class=\"conclusion\">");
  conclude(p, c);
  say(p, "</p>\n");
}

/* Best score, least memory, shortest step: what one looks for first. */
static void page_summary(page *p, const comparison *c) {
  const contender *best = NULL, *small = NULL, *fast = NULL;
  int i;
  for (i = 0; i < c->rows; i++) {
    const contender *k = &c->row[i];
    if (!k->done) continue;
    if (plotted(c, k) && (!best || score_of(c, k)->mean > score_of(c, best)->mean)) best = k;
    if (!small || k->peak.mean < small->peak.mean) small = k;
    if (!fast || k->step.mean < fast->step.mean) fast = k;
  }
  if (!small) {
    say(p, "<p><strong>Every run failed</strong>; the table says why.</p>\n");
    return;
  }
  say(p, "<p>");
  if (best)
    say(p, "The highest %s on %s is %.4f (<strong>%s</strong>). ", c->metric, c->has_dev ? "dev" : "test",
        score_of(c, best)->mean, best->method->title);
  say(p,
      "The smallest peak of memory is %.0f MiB (<strong>%s</strong>), the shortest step %.1f ms (<strong>%s</strong>).",
      small->peak.mean / 1048576.0, small->method->title, 1e3 * fast->step.mean, fast->method->title);
  if (best)
    say(p, c->seeds > 1
        ? " Scores closer together than their spread over the seeds are no ranking."
        : " With one seed the scores' own spread is not known: small differences are no ranking.");
  if (c->failed) say(p, " %d of %d runs failed.", c->failed, c->rows * c->seeds);
  say(p, "</p>\n");
}

static void page_failures(page *p, const comparison *c) {
  int i, s;
  say(p, "<ul>\n");
  for (i = 0; i < c->rows; i++)
    for (s = 0; s < c->seeds && c->row[i].done; s++) {
      if (c->row[i].trials[s].done) continue;
      say(p, "<li>%s, seed %d failed: ", c->row[i].method->title, s + 1);
      escape(p, c->row[i].trials[s].error);
      say(p, "</li>\n");
    }
  say(p, "</ul>\n");
}

/* A row of the table's foot: shares of right answers that cost nothing; below 0: not known. */
static void page_baseline(page *p, const comparison *c, const char *what, double dev, double test) {
  int j, exact = strcmp(c->metric, "accuracy") == 0;
  if (dev < 0 && test < 0) return;
  say(p, "<tr><th scope=\"row\">%s</th>", what);
  for (j = 0; j < CELLS; j++) {
    double v = j == CELL_DEV ? dev : j == CELL_TEST ? test : -1;
    if (!cell_shown(c, j)) continue;
    if (v < 0) say(p, "<td></td>");
    else say(p, exact ? "<td>%.4f</td>" : "<td>%.4f right</td>", v);
  }
  say(p, "</tr>\n");
}

/* kind: attributes of the table, which scrolls by itself where the page is narrow. */
static void begin_table(page *p, const char *label, const char *kind) {
  say(p, "<div class=\"scroll\" role=\"region\" aria-label=\"%s\" tabindex=\"0\"><table%s>", label, kind);
}

/* Rows: what is true; columns: what was answered. */
static void page_confusion(page *p, const confusion *a) {
  int32_t i, k;
  begin_table(p, "Confusion table", " class=\"confusion\"");
  say(p, "<thead><tr><th>true, answered</th>");
  for (k = 0; k < a->classes; k++) {
    say(p, "<th scope=\"col\">");
    escape(p, a->name[k]);
    say(p, "</th>");
  }
  say(p, "</tr></thead><tbody>\n");
  for (i = 0; i < a->classes; i++) {
    int32_t sum = 0;
    for (k = 0; k < a->classes; k++) sum += a->count[i][k];
    say(p, "<tr><th scope=\"row\">");
    escape(p, a->name[i]);
    say(p, "</th>");
    for (k = 0; k < a->classes; k++) {
      int32_t n = a->count[i][k];
      if (!n) say(p, "<td></td>");
      else if (i == k) say(p, "<td class=\"right\">%d</td>", (int)n);
      else say(p, "<td class=\"wrong\" style=\"--much:%d%%\">%d</td>", (int)(10 + 60.0 * n / sum), (int)n);
    }
    say(p, "</tr>\n");
  }
  say(p, "</tbody></table></div>\n");
}

static void page_mistakes(page *p, const comparison *c) {
  const contender *k = ladder_row(c);
  const confusion *a;
  int32_t i;
  if (!k || !k->answers.examples) return;
  a = &k->answers;
  say(p, "<h2>What the ladder answers</h2>\n<p>Seed 1, %d examples of the %s set, %d answered wrongly.</p>\n",
      (int)a->examples, c->has_test ? "test" : "dev", (int)a->mistakes);
  if (!a->many) page_confusion(p, a);
  if (!a->mistakes) return;
  say(p, "<h3>The mistakes it was surest of</h3>\n");
  begin_table(p, "Mistakes", " class=\"mistakes\"");
  say(p, "<thead><tr><th scope=\"col\">sure</th><th scope=\"col\">text, as tokens</th><th scope=\"col\">true</th>"
      "<th scope=\"col\">answered</th></tr></thead><tbody>\n");
  for (i = 0; i < LDR__MIN(a->mistakes, MAX_MISTAKES); i++) {
    say(p, "<tr><td>%.2f</td><td>", a->worst[i].score);
    escape(p, a->worst[i].said);
    say(p, "</td><td>");
    escape(p, a->worst[i].label);
    say(p, "</td><td>");
    escape(p, a->worst[i].answer);
    say(p, "</td></tr>\n");
  }
  say(p, "</tbody></table></div>\n");
}

static void page_table(page *p, const comparison *c) {
  char dev[64], test[64];
  const char *heads[CELLS] = { NULL, NULL, "ms per step", "to full", "Peak, MiB", "to full", "Trained", "Share",
    "Whole run, s", "Planned, MiB" };
  cells cell;
  int i, j, columns = 0, partly = 0;
  snprintf(dev, sizeof dev, "%s, dev", c->metric);
  snprintf(test, sizeof test, "%s, test", c->metric);
  heads[CELL_DEV] = dev;
  heads[CELL_TEST] = test;
  begin_table(p, "Results", "");
  say(p, "\n<thead><tr><th scope=\"col\">Method</th>");
  for (j = 0; j < CELLS; j++)
    if (cell_shown(c, j)) {
      say(p, "<th scope=\"col\">%s</th>", heads[j]);
      columns++;
    }
  say(p, "</tr></thead>\n<tbody>\n");
  for (i = 0; i < c->rows; i++) {
    const contender *k = &c->row[i];
    say(p, "<tr><th scope=\"row\">%s</th>", k->method->title);
    fill_cells(c, k, cell, 1);
    for (j = 0; j < CELLS && k->done; j++)
      if (cell_shown(c, j)) say(p, "<td>%s</td>", cell[j]);
    if (!k->done) {
      say(p, "<td class=\"failed\" colspan=\"%d\"><b>failed:</b> ", columns);
      escape(p, k->trials[0].error);
      say(p, "</td>");
    } else partly |= k->done < c->seeds;
    say(p, "</tr>\n");
  }
  say(p, "</tbody>\n");
  say(p, "<tfoot>");
  page_baseline(p, c, "counting words, without a model", c->words_dev, c->words_test);
  page_baseline(p, c, "always the commonest class", c->majority, -1);
  say(p, "</tfoot>\n");
  say(p, "</table></div>\n");
  if (partly) page_failures(p, c);
}

static void page_columns(page *p, const comparison *c) {
  say(p, "<h2>What the columns mean</h2>\n<dl class=\"columns\">\n");
  if (c->has_dev || c->has_test)
    say(p, "<dt>Scores</dt><dd>%s, higher is better%s.%s%s</dd>\n", c->metric,
        c->seeds > 1 ? ": mean \xc2\xb1 standard deviation over the seeds" : "",
        c->has_dev ? " On the dev set: of the epoch that was best on it, so it is a little too good." : "",
        c->has_test ? " On the test set: of that same epoch." : "");
  say(p,
      "<dt>Time per step</dt><dd>The median over a run's steps, without those that also score the dev set. "
      "A cached ladder runs the backbone in its first epoch only; the whole run shows that epoch, too.</dd>\n"
      "<dt>Peak</dt><dd>The most memory the process of a run ever held, as the system counts it: "
      "the plan, the program itself, and pages of files it has read.</dd>\n"
      "<dt>Trained, share</dt><dd>Numbers that training changes, "
      "and what part they are of all numbers of the model and of what the method adds to it.</dd>\n"
      "<dt>Whole run</dt><dd>All steps and all scoring, without reading the model and the texts.</dd>\n"
      "<dt>Planned</dt><dd>What <code>ladder plan</code> says before anything is trained: "
      "everything the library will hold, mapped weights included.</dd>\n"
      "%s</dl>\n",
      c->full ? "<dt>To full</dt><dd>The column before it, divided by that of full fine-tuning.</dd>\n" : "");
}

static void make_page(page *p, const comparison *c, const page *json) {
  char date[32] = "";
  time_t now = time(NULL);
  const struct tm *utc = gmtime(&now);
  int i, any = 0;
  if (utc) strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", utc);
  for (i = 0; i < c->rows; i++) any |= plotted(c, &c->row[i]);
  say(p,
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<title>Ways to fine-tune ");
  escape(p, base_name(c->r->o.model));
  say(p, "</title>\n<style>\n%s</style></head>\n<body><main>\n<h1>Ways to fine-tune <code>", compare_style);
  escape(p, base_name(c->r->o.model));
  say(p, "</code>%s", c->r->o.task ? " on " : "");
  if (c->r->o.task) escape(p, c->r->o.task);
  say(p,
      "</h1>\n<p>%d %s, %d %s each, trained on the same examples with the same settings, "
      "every run in a process of its own.</p>\n",
      c->rows, c->rows == 1 ? "method" : "methods", c->seeds, c->seeds == 1 ? "run" : "runs");
  page_conclusion(p, c);
  page_summary(p, c);
  page_settings(p, c);
  say(p, "<h2>Results</h2>\n");
  page_table(p, c);
  if (c->failed < c->rows * c->seeds) {
    say(p, "<h2>Charts</h2>\n<div class=\"charts\">\n");
    if (any) draw_scatter(p, c, c->r->o.search ? COST_TRAINED : COST_MEMORY);
    if (any) draw_scatter(p, c, c->r->o.search ? COST_RUN : COST_TIME);
    draw_bars(p, c, 1);
    draw_bars(p, c, 0);
    draw_curves(p, c);
    say(p, "</div>\n");
  }
  page_mistakes(p, c);
  page_columns(p, c);
  say(p,
      "<footer>ladder %s, %s, %.0f seconds for all runs. "
      "The numbers of every run are in this page's source as JSON.</footer>\n</main>\n"
      "<script type=\"application/json\" id=\"numbers\">", LADDER_VERSION, date, c->seconds);
  say(p, "%s</script>\n</body></html>\n", json->t.data ? json->t.data : "");
}

static int write_report(comparison *c, const page *json) {
  page p;
  ldr__writer w;
  memset(&p, 0, sizeof p);
  make_page(&p, c, json);
  if (p.failed) {
    free(p.t.data);
    return fail(c->r, LDR_MEMORY, "out of memory: the report is too long", "");
  }
  if (!ldr__writer_open(&w, c->r->o.report, &c->r->err)) {
    ldr__writer_put(&w, p.t.data, p.t.used, &c->r->err);
    ldr__writer_close(&w, &c->r->err);
  }
  free(p.t.data);
  return w.status ? EXIT_FAILED : EXIT_DONE;
}

/* ---- the command ---------------------------------------------------------------------- */

/* What the model is, for a moment. No vocabulary is read. */
static int peek_model(run *r, int32_t *layers, int *stacks) {
  int32_t ids = r->o.ids;
  r->o.ids = 1;
  if (open_model(r)) return EXIT_FAILED;
  *layers = r->info.layers;
  *stacks = ldr_model_encoder(r->model) ? 2 : 1;
  r->o.ids = ids;
  ldr_model_free(r->whole ? r->whole : r->model);
  r->model = r->whole = NULL;
  return EXIT_DONE;
}

/* Those that can learn the task: a head alone is a new one, which a task of words has not; only ladders have the
   backbone's own scores beside them; of two stacks a prefix would be in one. NULL: no model. */
static const char *usual_methods(run *r) {
  const task_info *k = find_task(r->o.task);
  int words = k && (k->head == LDR_HEAD_WORDS || r->o.head == HEAD_WORD_WORDS), stacks = 1;
  int32_t layers;
  if (reads_preferences(k)) return "ladder,ladder-cached";
  if (words && peek_model(r, &layers, &stacks)) return NULL;
  if (!words) return "head,ladder,ladder-cached,bitfit,lora,adapter,prefix,prompt,full";
  return stacks > 1 ? "ladder,ladder-cached,bitfit,lora,adapter,prompt,full"
                    : "ladder,ladder-cached,bitfit,lora,adapter,prefix,prompt,full";
}

/* An option that none of the runs would take is no option. */
static int check_owners(const comparison *c) {
  int i, k;
  for (i = 2; i < c->r->argument_count; i++) {
    const option *d = find_option(find_command("compare"), c->r->arguments[i], strcspn(c->r->arguments[i], "="));
    for (k = 0; d && k < c->rows && !option_is_for(c->r, c->row[k].method, d->name); k++) {}
    if (d && k == c->rows)
      return usage_error(find_command("compare"), d->name, "is for methods that are not among those of this run");
    if (d && d->kind != KIND_FLAG && !strchr(c->r->arguments[i], '=')) i++;
  }
  return EXIT_DONE;
}

/* A row for every name of the list, once, in the order of the list. */
static int choose_methods(comparison *c, const char *list) {
  int i;
  while (*list) {
    size_t n = strcspn(list, ",");
    char word[32];
    int32_t found;
    snprintf(word, sizeof word, "%.*s", (int)LDR__MIN(n, sizeof word - 1), list);
    found = word_index(COMPARE_METHODS, word);
    if (!found) {
      char what[160];
      snprintf(what, sizeof what, ": \"%s\" is none of %s", word, COMPARE_METHODS);
      return usage_error(find_command("compare"), "--methods", what);
    }
    for (i = 0; i < c->rows && c->row[i].method != &compare_methods[found - 1]; i++) {}
    if (i == c->rows) c->row[c->rows++].method = &compare_methods[found - 1];
    list += n + (list[n] == ',');
  }
  return c->rows ? EXIT_DONE : usage_error(find_command("compare"), "--methods", "names no method");
}

/* Ladders with a third, a half and two thirds of the blocks copied, each at half, once and twice the usual rate. */
static int choose_ladders(comparison *c) {
  static const double scales[] = { 0.5, 1, 2 };
  run *r = c->r;
  int32_t layers, third, last = 0, scale;
  int stacks;
  if (peek_model(r, &layers, &stacks)) return EXIT_FAILED;
  for (third = 2; third <= 4; third++) {
    int32_t top = LDR__MAX(layers * third / 6, 1);
    if (top == last) continue;
    last = top;
    for (scale = 0; scale < 3; scale++) {
      compare_method *m = &c->searched[c->rows];
      snprintf(c->names[c->rows][0], sizeof c->names[0][0], "top%d-lr%g", (int)top, scales[scale]);
      snprintf(c->names[c->rows][1], sizeof c->names[0][1], "top %d, lr x %g", (int)top, scales[scale]);
      m->word = c->names[c->rows][0];
      m->title = c->names[c->rows][1];
      m->method = "ladder";
      m->owner = "ladder-cached";
      m->number = ROW_SEARCH + c->rows;
      m->top = top;
      m->scale = scales[scale];
      c->row[c->rows++].method = m;
    }
  }
  return EXIT_DONE;
}

static int run_trials(comparison *c) {
  double began = seconds_now();
  int i, s;
  compare_signals();
  for (i = 0; i < c->rows && !interrupted; i++) run_plan(c, &c->row[i]);
  /* Seed by seed, so that a change in how busy the machine is meets all methods alike. */
  for (s = 0; s < c->seeds; s++)
    for (i = 0; i < c->rows && !interrupted; i++) run_trial(c, &c->row[i], s);
  c->seconds = seconds_now() - began;
  for (i = 0; i < c->rows; i++)
    if (method_number(&c->row[i]) == ROW_FULL && c->row[i].done) c->full = &c->row[i];
  return interrupted ? fail(c->r, LDR_OK, "interrupted: no report is written", "") : EXIT_DONE;
}

static void print_conclusion(const comparison *c) {
  page p;
  memset(&p, 0, sizeof p);
  conclude(&p, c);
  if (p.t.used && !p.failed) puts(p.t.data);
  free(p.t.data);
}

static int give_results(comparison *c) {
  page json;
  int status = EXIT_DONE, i;
  memset(&json, 0, sizeof json);
  json_comparison(&json, c);
  if (json.failed) status = fail(c->r, LDR_MEMORY, "out of memory: the result is too long", "");
  else if (c->r->o.report) status = write_report(c, &json);
  if (!status && c->r->o.json) puts(json.t.data);
  else if (!status) print_table(c);
  if (!status && !c->r->o.json) print_conclusion(c);
  if (!status && c->r->o.report && !c->r->o.json) printf("report written to %s\n", c->r->o.report);
  free(json.t.data);
  for (i = 0; i < c->rows && !status; i++)
    if (c->row[i].done) return EXIT_DONE;
  return status ? status : fail(c->r, LDR_OK, "every run failed, the first one with: %s", c->row[0].trials[0].error);
}

static int command_compare(run *r) {
  const struct command *mine = find_command("compare");
  comparison *c = (comparison *)calloc(1, sizeof *c);
  trial *trials = NULL;
  int i, status;
  if (!c) return fail(r, LDR_MEMORY, "out of memory", "");
  c->r = r;
  c->majority = c->words_dev = c->words_test = -1;
  c->seeds = r->o.seeds ? (int)r->o.seeds : 1;
  if (r->o.search && r->o.methods)
    status = usage_error(mine, "--methods", "does not go with --search, which tries ladders");
  else if (is_standard_input(r->o.train) || is_standard_input(r->o.dev) || is_standard_input(r->o.test))
    status = usage_error(mine, "-", "is standard input, which is read once: every run here reads its files");
  else if (r->o.search && (r->o.top || r->o.lr_scale > 0))
    status = usage_error(mine, r->o.top ? "--top" : "--lr-scale", "does not go with --search, which tries several");
  else if (r->o.search) status = choose_ladders(c);
  else {
    const char *methods = r->o.methods ? r->o.methods : usual_methods(r);
    status = methods ? choose_methods(c, methods) : EXIT_FAILED;
  }
  if (!status) status = check_owners(c);
  if (!status) status = choose_task(r, r->o.task);
  if (!status) {
    c->scored = r->head == LDR_HEAD_CLASSIFY && has_scored_set(r);
    r->train_desc = make_train_desc(r);            /* only to say in the report what will run */
    trials = (trial *)calloc((size_t)c->rows * (size_t)c->seeds, sizeof *trials);
    c->arguments = (char **)calloc((size_t)r->argument_count + 16, sizeof *c->arguments);
    if (!trials || !c->arguments) status = fail(r, LDR_MEMORY, "out of memory", "");
  }
  for (i = 0; i < c->rows && trials; i++) c->row[i].trials = trials + (size_t)i * (size_t)c->seeds;
  if (!status && r->o.report) status = check_writable(r, r->o.report);
  if (!status) status = make_folder(c);
  if (!status) {
    status = run_trials(c);
    if (!status) status = give_results(c);
    remove_folder(c);
  }
  free(c->arguments);
  free(trials);
  free(c);
  return status;
}

#endif /* LADDER_COMPARE_H */
