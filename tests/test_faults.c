/* Every command of the program on a file layer that fails at each of its calls in turn (ldr_faults.h): what is asked for is there,
   or the exit status is 1 and the reason is said; a file at its final name is the old one or the new one, whole; what was cut off
   can be run again and gives the same bits. LDR_FAULTS=all tries every call, LDR_FAULTS=N
   about N of each kind; else it is a fixed sample of a long run's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE            /* fopencookie */
#endif
#include <stdio.h>

#if defined(__linux__) && defined(__GLIBC__)
#include "ldr_faults.h"
#define main ladder_main
#include "../tools/ladder.c"
#undef main
#include "ldr_test.h"
#include "ldr_tiny.h"
#include <dirent.h>

enum { SAMPLE = 8, SECONDS = 60 };      /* SECONDS: what runs longer hangs */

static char home[64];

/* ---- files ------------------------------------------------------------------------------- */

static void remove_tree(const char *path) {
  DIR *d = opendir(path);
  struct dirent *e;
  char inner[512];
  while (d && (e = readdir(d)) != NULL) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    snprintf(inner, sizeof inner, "%.200s/%.255s", path, e->d_name);
    remove_tree(inner);
  }
  if (d) closedir(d);
  remove(path);
}

/* A file of the folder, for free(); NULL: it is not there. */
static char *file_text(const char *name, size_t *size) {
  size_t n;
  return ldr_test_read(name, size ? size : &n);
}

static int file_put(const char *name, const char *s) { return ldr_test_write(name, s, strlen(s)); }

/* Drops what differs from run to run: times and what follows from them. */
static void without_times(char *s) {
  static const char *const keys[] = { "\"seconds\":", "\"tokens_per_second\":", "\"peak_bytes\":", "trained, ", "written: " };
  static const char *const units[] = { " tokens/s", " s\n" };
  size_t k;
  for (k = 0; s && k < 2; k++) {
    char *at = s, *from;
    while ((at = strstr(at, units[k])) != NULL) {
      for (from = at; from > s && strchr("0123456789.", from[-1]); from--) continue;
      memmove(from, at, strlen(at) + 1);
      at = from + 1;
    }
  }
  for (k = 0; s && k < sizeof keys / sizeof *keys; k++) {
    char *at = s;
    while ((at = strstr(at, keys[k])) != NULL) {
      size_t n;
      at += strlen(keys[k]);
      n = strspn(at, "0123456789.e+-nul");
      memmove(at, at + n, strlen(at + n) + 1);
    }
  }
}

/* ---- a run --------------------------------------------------------------------------------- */

/* What a command is given, and what it leaves. */
typedef struct tried {
  const char *name, *line, *in, *files[4], *streams[3];
  int         flags;
} tried;

/* Files of those names are there before. A second run needs a folder of its own, for the first begins with a model that has
   learned nothing. What is printed differs where files are not mapped, or names times. The first file is a page with times in it,
   of which the end is compared. */
enum { OLD = 1, ELSEWHERE = 2, OTHER_OUTPUT = 4, PAGE = 8 };

static const char trainers[] = "train --model model --train train.tsv --dev dev.tsv --epochs 2 --batch 8 --seed 3 --threads 1 --recipe plain --json --out w/l.ladder";

#define TRAIN "train --model model --train train.tsv --dev dev.tsv --epochs 2 --batch 8 --seed 3 --threads 1 --recipe plain --json --out w/l.ladder "
static const tried commands[] = {
  { "train", TRAIN "--test dev.tsv --checkpoint w/ck --log w/log --answers w/answers", NULL, { "w/l.ladder", "w/ck" }, { "w/log", "w/answers" }, OLD },
  { "train with a cache", TRAIN "--cache w/taps", NULL, { "w/l.ladder" }, { NULL }, OLD },
  { "train with a cache by layers", TRAIN "--cache w/taps --cache-fill layers --cache-type int8", NULL, { "w/l.ladder" }, { NULL }, 0 },
  { "eval", "eval --model model --ladder given.ladder --data dev.tsv --answers w/answers --json", NULL, { NULL }, { "w/answers" }, 0 },
  { "predict", "predict --model model --ladder given.ladder", "w7 w8\nw9\n\nw20 w21 w22\n", { NULL }, { NULL }, 0 },
  { "predict of a file", "predict --model model --ladder given.ladder dev.tsv", NULL, { NULL }, { NULL }, 0 },
  { "features", "features --model model --pool mean", "w7 w8\nw9\n", { NULL }, { NULL }, 0 },
  { "tokenize", "tokenize --model model --json", "\"w7 w8\"\n\"w9\"\n", { NULL }, { NULL }, 0 },
  { "generate", "generate --model speaker --max-new 3 --json", "\"w1 w2\"\n\"w3\"\n", { NULL }, { NULL }, 0 },
  { "inspect", "inspect --json model", NULL, { NULL }, { NULL }, 0 },
  { "plan", "plan --model model --train train.tsv --recipe plain --threads 1", NULL, { NULL }, { NULL }, OTHER_OUTPUT },
  { "tasks", "tasks --json", NULL, { NULL }, { NULL }, 0 },
  { "vocabulary", "vocabulary --texts texts.txt --size 60 --out w/vocab.txt", NULL, { "w/vocab.txt" }, { NULL }, OLD },
  { "quantize", "quantize --model model --out w/q", NULL, { "w/q/model.safetensors", "w/q/config.json", "w/q/vocab.txt" }, { NULL }, 0 },
  { "export", "export --model model --type f16 --out w/x", NULL, { "w/x/model.safetensors", "w/x/config.json" }, { NULL }, 0 },
  { "export as GGUF", "export --model model --format gguf --out w/m.gguf", NULL, { "w/m.gguf" }, { NULL }, 0 },
  { "distil", "distil --teacher model --texts texts.txt --out w/d --layers 1 --width 16 --heads 2 --ffn 16 --steps 2 --batch 2 --max-len 12 --threads 1 --seed 1 --log w/log", NULL,
    { "w/d/model.safetensors", "w/d/config.json", "w/d/vocab.txt" }, { "w/log" }, ELSEWHERE },
  { "pretrain", "pretrain --vocab model/vocab.txt --layers 1 --width 16 --heads 2 --ffn 16 --texts texts.txt --steps 2 --batch 2 --max-len 12 --threads 1 --seed 1 --out w/d --log w/log", NULL,
    { "w/d/model.safetensors", "w/d/config.json", "w/d/vocab.txt" }, { "w/log" }, ELSEWHERE },
  { "pretrain a ladder", "pretrain --model model --method ladder --texts texts.txt --steps 2 --batch 2 --max-len 12 --threads 1 --seed 1 --out w/l.ladder --checkpoint w/ck", NULL, { "w/l.ladder", "w/ck" }, { NULL }, OLD },
  /* it starts the program again, whose files are as they are */
  { "compare", "compare --model model --train train.tsv --dev dev.tsv --test dev.tsv --methods head,ladder --epochs 1 --batch 8 --threads 1 --recipe plain --report w/r.html", NULL,
    { "w/r.html" }, { NULL }, OLD | OTHER_OUTPUT | PAGE },
};
enum { COMMANDS = (int)(sizeof commands / sizeof *commands) };

/* The program in a child, with files that fail; its exit status, or minus the signal that ended it. */
static int run_child(const char *line, const char *in, fault_kind kind, long at, int no_map) {
  static char words[1024], *argv[64];
  int argc = 1, status = 0;
  pid_t child;
  argv[0] = getenv("LADDER_CLI");
  if (!argv[0]) argv[0] = (char *)(uintptr_t) "ladder";
  snprintf(words, sizeof words, "%s", line);
  for (argv[argc] = strtok(words, " "); argv[argc] && argc < 62; argv[++argc] = strtok(NULL, " ")) continue;
  argv[argc] = NULL;
  if (!file_put("in", in ? in : "")) return -100;
  memset(&fault, 0, sizeof fault);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    struct rlimit none = { 0, 0 };
    int out = (open)("out", O_WRONLY | O_CREAT | O_TRUNC, 0666), err = (open)("err", O_WRONLY | O_CREAT | O_TRUNC, 0666), input = (open)("in", O_RDONLY);
    if (dup2(input, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(97);
    setrlimit(RLIMIT_CORE, &none);
    alarm(SECONDS);
    stdin = fault_stream(0, "r");
    stdout = fault_stream(1, "w");
    fault.kind = kind;
    fault.at = at;
    fault.no_map = no_map;
    exit(ladder_main(argc, argv));
  }
  if (child < 0 || waitpid(child, &status, 0) != child) return -101;
  fault.kind = FAULT_NONE;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- what must be there afterwards ------------------------------------------------------------ */

typedef struct left { char *data; size_t size; } left;

typedef struct wanted { left files[4], streams[3], out; long calls, writes; } wanted;

static left take(const char *name, int times) {
  left l;
  l.size = 0;
  l.data = name ? file_text(name, &l.size) : NULL;
  if (times && l.data) {
    without_times(l.data);
    l.size = strlen(l.data);
  }
  return l;
}

static int same(const left *a, const left *b) { return !a->data == !b->data && a->size == b->size && (!a->data || memcmp(a->data, b->data, a->size) == 0); }

static void drop(wanted *w) {
  int i;
  for (i = 0; i < 4; i++) free(w->files[i].data);
  for (i = 0; i < 3; i++) free(w->streams[i].data);
  free(w->out.data);
}

#define BEFORE "what was there before"
enum { PAGE_END = 28 };

static int is_old(const tried *c, const left *l) {
  return (c->flags & OLD) ? l->data && l->size == strlen(BEFORE) && memcmp(l->data, BEFORE, l->size) == 0 : l->data == NULL;
}

static wanted take_all(const tried *c) {
  wanted w;
  int i;
  memset(&w, 0, sizeof w);
  for (i = 0; i < 4 && c->files[i]; i++) w.files[i] = take(c->files[i], 0);
  if ((c->flags & PAGE) && w.files[0].size > PAGE_END && !is_old(c, &w.files[0])) {
    memmove(w.files[0].data, w.files[0].data + w.files[0].size - PAGE_END, PAGE_END);
    w.files[0].size = PAGE_END;
  }
  for (i = 0; i < 3 && c->streams[i]; i++) w.streams[i] = take(c->streams[i], 1);
  w.out = take("out", 1);
  return w;
}

static void begin(const tried *c) {
  int i;
  remove_tree("w");
  CHECK(mkdir("w", 0777) == 0);
  for (i = 0; (c->flags & OLD) && i < 4 && c->files[i]; i++) CHECK(file_put(c->files[i], BEFORE));
}

/* The last line says what went wrong. */
static int reason_given(void) {
  char *err = file_text("err", NULL), *at = err;
  int ok = 0;
  for (; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) ok = strncmp(at, "ladder: ", 8) == 0 && at[8] && at[8] != '\n';
  free(err);
  return ok;
}

static const char *const fault_names[FAULT_KINDS] = { "no fault", "EIO", "EINTR", "ENOSPC", "short", "killed" };

static int partial_left(const char *const *files) {
  char name[256];
  int i, found = 0;
  for (i = 0; i < 4 && files[i]; i++) {
    snprintf(name, sizeof name, "%.200s.partial", files[i]);
    found += ldr_test_exists(name);
  }
  return found;
}

/* A state that the command saved, of whatever step: it goes on from there. */
static int resumes(const tried *c) { return c->files[1] && strcmp(c->files[1], "w/ck") == 0; }

/* One run with the fault at its place, and what it leaves. */
static void check_run(const tried *c, const wanted *want, fault_kind kind, long at, int no_map) {
  wanted got;
  int before = ldr_test.failures, status, i, killed, whole;
  begin(c);
  status = run_child(c->line, c->in, kind, at, no_map);
  killed = kind == FAULT_KILL && status == FAULT_KILLED;
  got = take_all(c);
  CHECK(status == 0 || status == 1 || killed);
  if (status == 1) CHECK(reason_given());
  if (kind == FAULT_SHORT) CHECK_INT(status, 0);
  for (i = 0; i < 4 && c->files[i]; i++) CHECK(same(&got.files[i], &want->files[i]) || (status != 0 && (is_old(c, &got.files[i]) || (i == 1 && resumes(c)) || (c->flags & ELSEWHERE))));
  if (status == 0) {
    for (i = 0; i < 3; i++) CHECK(same(&got.streams[i], &want->streams[i]));
    CHECK((c->flags & OTHER_OUTPUT) || same(&got.out, &want->out));
  }
  if (kind == FAULT_FULL) CHECK(!partial_left(c->files));
  CHECK_INT(fault.unsynced, 0);
  for (whole = c->files[0] != NULL, i = 0; i < 4 && c->files[i]; i++) whole = whole && same(&got.files[i], &want->files[i]);
  if (status != 0 && !whole) {           /* it can be run again, and is not the worse for it */
    char line[1024];
    snprintf(line, sizeof line, "%s%s", c->line, resumes(c) && !is_old(c, &got.files[1]) ? " --resume w/ck" : "");
    if (c->flags & ELSEWHERE) {
      if (got.files[0].data) CHECK_INT(run_child("inspect w/d", NULL, FAULT_NONE, 0, 0), 0);
      begin(c);
    }
    CHECK_INT(run_child(line, c->in, FAULT_NONE, 0, 0), 0);
    drop(&got);
    got = take_all(c);
    for (i = 0; i < 4 && c->files[i]; i++) CHECK(same(&got.files[i], &want->files[i]));
    CHECK(!partial_left(c->files));
  }
  if (ldr_test.failures != before) {
    char *err = file_text("err", NULL);
    printf("  %s: %s at call %ld%s, status %d: %s\n", c->name, fault_names[kind], at, no_map ? ", files read" : "", status, err ? err : "");
    free(err);
  }
  drop(&got);
}

static void every_call(const tried *c, const wanted *want, fault_kind kind, int no_map, long sample) {
  long calls, at, step;
  begin(c);
  CHECK_INT(run_child(c->line, c->in, kind, 0, no_map), 0);      /* counts, and fails nothing */
  calls = fault.calls;
  step = calls <= sample ? 1 : (calls + sample - 1) / sample;
  for (at = 1; at <= calls; at += step) check_run(c, want, kind, at, no_map);
}

static pid_t owner;

static void rmdir_home(void) {
  if (getpid() == owner && chdir("/") == 0) remove_tree(home);
}

static int make_folder_of(const char *dir, tiny_spec s) {
  char path[128], config[1200], words[2400], *file;
  size_t size;
  int i, ok, gpt = strcmp(s.family, "gpt2") == 0;
  strcpy(words, gpt ? "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"w0\",\"vocab\":{" : "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
  for (i = gpt ? 0 : 5; i < s.vocab; i++) sprintf(words + strlen(words), gpt ? "%s\"w%d\":%d" : "%.0sw%d\n", i ? "," : "", i, i);
  if (gpt) strcat(words, "}},\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"}}");
  tiny_config(config, &s);
  file = tiny_weights(&s, &size);
  ok = mkdir(dir, 0777) == 0;
  snprintf(path, sizeof path, "%s/config.json", dir);
  ok = ok && file_put(path, config);
  snprintf(path, sizeof path, "%s/%s", dir, gpt ? "tokenizer.json" : "vocab.txt");
  ok = ok && file_put(path, words);
  snprintf(path, sizeof path, "%s/model.safetensors", dir);
  ok = ok && ldr_test_write(path, file, size);
  free(file);
  return ok;
}

/* The folder that all runs share: models, texts, and a ladder. 0: it could not be made. */
static int make_home(void) {
  static int made;
  tiny_spec s = tiny_default("bert");
  char text[4096];
  size_t used = 0;
  int i;
  if (made) return made > 0;
  made = -1;
  strcpy(home, "/tmp/ladder-faults-XXXXXX");
  if (!mkdtemp(home) || chdir(home) != 0) return 0;
  owner = getpid();
  atexit(rmdir_home);
  s.width = s.embed = s.ffn = 32;
  s.layers = 2;
  s.lm = 1;
  if (!make_folder_of("model", s) || !make_folder_of("speaker", tiny_default("gpt2"))) return 0;
  for (i = 0; i < 24; i++) used += (size_t)snprintf(text + used, sizeof text - used, "%s\tw%d w%d w%d\n", i % 2 ? "yes" : "no", 7 + i % 2 * 10, 8 + i % 5, 20 + i % 7);
  if (!file_put("train.tsv", text) || !file_put("dev.tsv", text)) return 0;
  for (i = 0, used = 0; i < 24; i++) used += (size_t)snprintf(text + used, sizeof text - used, "w%d w%d w%d w%d w%d.\n", 7 + i % 3, 8 + i % 5, 20 + i % 7, 5 + i, 12);
  if (!file_put("texts.txt", text) || mkdir("w", 0777) != 0) return 0;
  if (run_child(trainers, NULL, FAULT_NONE, 0, 0) != 0 || rename("w/l.ladder", "given.ladder") != 0) {
    char *err = file_text("err", NULL);
    printf("  %s\n", err ? err : "");
    free(err);
    return 0;
  }
  made = 1;
  return 1;
}

/* The commands [from, to), all kinds of faults. */
static void all_faults(int from, int to) {
  const char *given = getenv("LDR_FAULTS");
  long sample = !given ? SAMPLE : strcmp(given, "all") == 0 ? LONG_MAX : LDR__MAX(atol(given), 1);
  int i, k, before;
  CHECK(make_home());
  if (ldr_test.failures) return;
  for (i = from; i < to; i++) {
    const tried *c = &commands[i];
    wanted want;
    before = ldr_test.failures;
    begin(c);
    CHECK_INT(run_child(c->line, c->in, FAULT_NONE, 0, 0), 0);
    want = take_all(c);
    for (k = 0; k < 4 && c->files[k]; k++) CHECK(want.files[k].data != NULL && !((c->flags & OLD) && is_old(c, &want.files[k])));
    if (ldr_test.failures != before) printf("  %s: %s\n", c->name, take("err", 0).data);
    else {
      check_run(c, &want, FAULT_SHORT, 1, 1);
      for (k = FAULT_IO; k < FAULT_KINDS; k++)
        if (k != FAULT_SHORT) every_call(c, &want, (fault_kind)k, k == FAULT_IO, sample);
    }
    drop(&want);
  }
}

TEST(training_on_files_that_fail) { all_faults(0, 3); }
TEST(asking_on_files_that_fail) { all_faults(3, 12); }
TEST(making_models_on_files_that_fail) { all_faults(12, COMMANDS - 1); }
TEST(comparing_on_files_that_fail) {
  const char *program = getenv("LADDER_CLI");
  if (!program || program[0] != '/' || !ldr_test_exists(program)) SKIP("LADDER_CLI names no program by its whole path");
  all_faults(COMMANDS - 1, COMMANDS);
}

#define TESTS(X) X(training_on_files_that_fail) X(asking_on_files_that_fail) X(making_models_on_files_that_fail) X(comparing_on_files_that_fail)

#else
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
TEST(files_that_fail) { SKIP("needs the streams of glibc (fopencookie)"); }
#define TESTS(X) X(files_that_fail)
#endif

LDR_TEST_MAIN("faults", TESTS)
