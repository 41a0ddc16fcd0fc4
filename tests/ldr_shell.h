/* ldr_shell.h: runs the command line program in a folder of its own, as a user runs it. LADDER_CLI names the program, default
   ../tools/ladder. Include after the implementation of ladder.h and after ldr_test.h; define _XOPEN_SOURCE 700 first. */
#ifndef LDR_SHELL_H
#define LDR_SHELL_H

#include <sys/wait.h>

static char program[LADDER_MAX_PATH], folder[64];

static inline void remove_folder(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command) != 0) fprintf(stderr, "%s was left behind\n", folder);
}

/* 1 when there is a program; the first call makes the folder. */
static inline int shell_ready(void) {
  const char *name = getenv("LADDER_CLI");
  if (folder[0]) return program[0] != 0;
  strcpy(folder, "/tmp/ladder-test-XXXXXX");
  if (!mkdtemp(folder)) return 0;
  atexit(remove_folder);
  if (!realpath(name ? name : "../tools/ladder", program)) program[0] = 0;
  return program[0] != 0;
}

#define NEED_PROGRAM() do { if (!shell_ready()) SKIP("no command line program (make -C tools, or set LADDER_CLI)"); } while (0)

/* Runs a shell line in the folder; $L is the program. Returns its exit status, -1 for a signal. */
static inline int shell(const char *line) {
  static char command[16384];
  int status;
  snprintf(command, sizeof command, "cd %s && L=%.2000s && { %.12000s; } >out 2>err", folder, program, line);
  fflush(stdout);
  status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int shellf(const char *format, ...) {
  static char line[12000];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  return shell(line);
}

static inline void full_path(char path[LADDER_MAX_PATH], const char *name) { snprintf(path, LADDER_MAX_PATH, "%s/%s", folder, name); }

/* A file of the folder, for free(); size may be NULL. */
static inline char *slurp(const char *name, size_t *size) {
  char path[LADDER_MAX_PATH];
  size_t n;
  full_path(path, name);
  return ldr_test_read(path, size ? size : &n);
}

static inline int put_bytes(const char *name, const void *data, size_t size) {
  char path[LADDER_MAX_PATH];
  full_path(path, name);
  return ldr_test_write(path, data, size);
}

static inline int put_file(const char *name, const char *data) { return put_bytes(name, data, strlen(data)); }

static inline int holds(const char *name, const char *part) {
  char *data = slurp(name, NULL);
  int found = data && strstr(data, part) != NULL;
  free(data);
  return found;
}

static inline int same_files(const char *a, const char *b) {
  size_t n = 0, m = 0;
  char *x = slurp(a, &n), *y = slurp(b, &m);
  int same = x && y && n > 0 && n == m && memcmp(x, y, n) == 0;
  free(x);
  free(y);
  return same;
}

/* Checks an exit status, and shows what the program said when it is another one. */
static inline void expect(int want, int got, const char *file, int line) {
  char *err;
  ldr_test_int(got, want, "the exit status", file, line);
  if (got == want) return;
  err = slurp("err", NULL);
  printf("  standard error: %s\n", err && *err ? err : "(nothing)");
  free(err);
}

#define EXPECT(want, ...) expect((want), shellf(__VA_ARGS__), __FILE__, __LINE__)

/* Standard error is one line that starts with "ladder: ". */
static inline int one_error_line(void) {
  size_t n;
  char *err = slurp("err", &n);
  int ok = err && strncmp(err, "ladder: ", 8) == 0 && n > 9 && strchr(err, '\n') == err + n - 1;
  if (!ok) printf("standard error is: %s\n", err ? err : "(nothing)");
  free(err);
  return ok;
}
#endif
