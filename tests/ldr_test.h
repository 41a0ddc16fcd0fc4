/* ldr_test.h: the test framework of ladder.h. C99 and C++11, no dependency but libc.

       #define LADDER_IMPLEMENTATION
       #include "../ladder.h"
       #include "ldr_test.h"

       TEST(adds) { CHECK_INT(1 + 1, 2); }

       #define TESTS(X) X(adds)
       LDR_TEST_MAIN("arithmetic", TESTS)

   A program runs all its tests, or those whose name contains its first argument. It prints one
   line for each test that failed or was skipped and a last line with the counts, and exits 1
   when a test failed or none was run. */

#ifndef LDR_TEST_H
#define LDR_TEST_H

#include "../ladder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ldr_test_entry {
  const char *name;
  void      (*run)(void);
} ldr_test_entry;

static struct {
  const char *name;
  int         failures;      /* of the test under way                                      */
  int         skipped;
} ldr_test;

/* Prints the place of a test's first failure and leaves the line open for the values. */
static inline int ldr_test_failed(const char *file, int line) {
  if (ldr_test.failures++) return 0;
  printf("FAIL %s %s:%d: ", ldr_test.name, file, line);
  return 1;
}

static inline void ldr_test_check(int ok, const char *text, const char *file, int line) {
  if (!ok && ldr_test_failed(file, line)) printf("%s\n", text);
}

static inline void ldr_test_int(long long got, long long want, const char *text, const char *file, int line) {
  if (got != want && ldr_test_failed(file, line)) printf("%s is %lld, want %lld\n", text, got, want);
}

static inline void ldr_test_string(const char *got, const char *want, const char *text, const char *file, int line) {
  if ((!got || !want || strcmp(got, want) != 0) && ldr_test_failed(file, line))
    printf("%s is \"%s\", want \"%s\"\n", text, got ? got : "(null)", want ? want : "(null)");
}

static inline void ldr_test_near(double got, double want, double tolerance, const char *text, const char *file, int line) {
  if (!(fabs(got - want) <= tolerance) && ldr_test_failed(file, line)) printf("%s is %.9g, want %.9g within %.3g\n", text, got, want, tolerance);
}

static inline void ldr_test_skip(const char *reason) {
  ldr_test.skipped = 1;
  printf("skip %s: %s\n", ldr_test.name, reason);
}

#define TEST(test_name)              static void ldr_test_run_##test_name(void)
#define CHECK(condition)             ldr_test_check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_INT(got, want)         ldr_test_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want)         ldr_test_string((got), (want), #got, __FILE__, __LINE__)
#define CHECK_NEAR(got, want, limit) ldr_test_near((double)(got), (double)(want), (double)(limit), #got, __FILE__, __LINE__)
#define SKIP(reason)                 do { ldr_test_skip(reason); return; } while (0)

static inline int ldr_test_main(const char *program, const ldr_test_entry *tests, int count, const char *filter) {
  int i, passed = 0, failed = 0, skipped = 0;
  for (i = 0; i < count; i++) {
    if (filter && !strstr(tests[i].name, filter)) continue;
    ldr_test.name = tests[i].name;
    ldr_test.failures = ldr_test.skipped = 0;
    tests[i].run();
    if (ldr_test.failures > 1) printf("FAIL %s: %d more checks failed\n", tests[i].name, ldr_test.failures - 1);
    if (ldr_test.failures) failed++;
    else if (ldr_test.skipped) skipped++;
    else passed++;
    fflush(stdout);
  }
  printf("%s: %d passed, %d failed, %d skipped\n", program, passed, failed, skipped);
  return failed || !(passed + skipped);
}

#define LDR_TEST_ENTRY(test_name) { #test_name, ldr_test_run_##test_name },
/* `main`, unless the file is one of several in a program, which has included the implementation (together.c). */
#ifndef LDR_TEST_SUITE
#define LDR_TEST_SUITE main
#endif

#define LDR_TEST_MAIN(program, list)                                                                        \
  int LDR_TEST_SUITE(int argc, char **argv) {                                                             \
    static const ldr_test_entry tests[] = { list(LDR_TEST_ENTRY) };                                     \
    return ldr_test_main(program, tests, (int)(sizeof tests / sizeof *tests), argc > 1 ? argv[1] : NULL); \
  }

/* ---- files --------------------------------------------------------------------------- */

static inline int ldr_test_exists(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f) fclose(f);
  return f != NULL;
}

/* Where `relative` lies in the data folder: $LADDER_DATA, else ../shared/data or ../../shared/data.
   0 when it is nowhere. */
static inline int ldr_test_data_path(char *path, size_t cap, const char *relative) {
  const char *roots[3];
  int i;
  roots[0] = getenv("LADDER_DATA");
  roots[1] = "../shared/data";
  roots[2] = "../../shared/data";
  for (i = roots[0] ? 0 : 1; i < (roots[0] ? 1 : 3); i++) {
    if (strlen(roots[i]) + strlen(relative) + 2 > cap) continue;
    strcpy(path, roots[i]);
    strcat(path, "/");
    strcat(path, relative);
    if (ldr_test_exists(path)) return 1;
  }
  path[0] = 0;
  return 0;
}

/* A data file's path into the array `path`, or the test is skipped. */
#define NEED_DATA(path, relative)                                                            \
  do {                                                                                     \
    if (!ldr_test_data_path((path), sizeof(path), (relative))) SKIP("no " relative " (set LADDER_DATA to the data folder)"); \
  } while (0)

/* tests/golden/NAME, from the tests folder or the one above it. */
static inline int ldr_test_golden_path(char *path, size_t cap, const char *name) {
  static const char *const roots[2] = { "golden/", "tests/golden/" };
  int i;
  for (i = 0; i < 2; i++) {
    if (strlen(roots[i]) + strlen(name) + 1 > cap) continue;
    strcpy(path, roots[i]);
    strcat(path, name);
    if (ldr_test_exists(path)) return 1;
  }
  return 0;
}

/* A whole file with a NUL behind it, for free(); NULL when it cannot be read. */
static inline char *ldr_test_read(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  char *data = NULL;
  size_t used = 0, cap = 0, got;
  *size = 0;
  if (!f) return NULL;
  do {
    if (cap - used < 65536) {
      char *more = (char *)realloc(data, cap = cap * 2 + 131072);
      if (!more) break;
      data = more;
    }
    got = fread(data + used, 1, cap - used - 1, f);
    used += got;
  } while (got);
  fclose(f);
  if (data) data[used] = 0;
  *size = used;
  return data;
}

static inline int ldr_test_write(const char *path, const void *data, size_t size) {
  FILE *f = fopen(path, "wb");
  int ok = f && fwrite(data, 1, size, f) == size;
  if (f && fclose(f) != 0) ok = 0;
  return ok;
}

/* ---- an allocator that fails on demand ------------------------------------------------ */

typedef struct ldr_test_heap {
  long   fail_at;            /* this call, counted from 1, and all after it return NULL; 0: none */
  long   calls;              /* of alloc so far                                            */
  long   live;               /* blocks not yet freed: 0 at the end, or something leaks     */
  size_t bytes, peak;
  long   bad;                /* frees whose size was not the one asked for                 */
} ldr_test_heap;

static inline void *ldr_test_heap_alloc(size_t size, void *user) {
  ldr_test_heap *h = (ldr_test_heap *)user;
  char *p;
  h->calls++;
  if (h->fail_at && h->calls >= h->fail_at) return NULL;
  p = (char *)malloc(size + 16);
  if (!p) return NULL;
  memcpy(p, &size, sizeof size);
  h->live++;
  h->bytes += size;
  if (h->bytes > h->peak) h->peak = h->bytes;
  return p + 16;
}

static inline void ldr_test_heap_free(void *ptr, size_t size, void *user) {
  ldr_test_heap *h = (ldr_test_heap *)user;
  size_t asked;
  if (!ptr) return;
  memcpy(&asked, (char *)ptr - 16, sizeof asked);
  if (asked != size) h->bad++;
  h->live--;
  h->bytes -= asked;
  free((char *)ptr - 16);
}

/* Clears h and makes it an allocator whose fail_at-th call is the first to fail. */
static inline ldr_allocator ldr_test_alloc(ldr_test_heap *h, long fail_at) {
  ldr_allocator a;
  memset(h, 0, sizeof *h);
  h->fail_at = fail_at;
  a.alloc_fn = ldr_test_heap_alloc;
  a.free_fn = ldr_test_heap_free;
  a.user = h;
  return a;
}

/* ---- random numbers (xorshift64*, Vigna 2016) ------------------------------------------ */

typedef struct ldr_test_rng { uint64_t state; } ldr_test_rng;

static inline uint64_t ldr_test_random(ldr_test_rng *r) {
  uint64_t x = r->state ? r->state : UINT64_C(0x9e3779b97f4a7c15);
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  r->state = x;
  return x * UINT64_C(2685821657736338717);
}

static inline uint32_t ldr_test_below(ldr_test_rng *r, uint32_t n) { return (uint32_t)((ldr_test_random(r) >> 32) * n >> 32); }

/* In [-1, 1). */
static inline float ldr_test_uniform(ldr_test_rng *r) { return (float)(ldr_test_random(r) >> 40) / 8388608.0f - 1.0f; }

#endif /* LDR_TEST_H */
