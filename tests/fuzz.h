/* fuzz.h: drives a fuzzer. With libFuzzer (clang -fsanitize=fuzzer,address,undefined -DLADDER_LIBFUZZER) its own main runs; else
   this one: it mutates the seeds at random, N executions (1 000 000), from number S on, and says how many it did. With FROM
   and TO it starts from the seeds FROM to TO alone (one reader of files), and still takes stretches of all.

       make -C tests fuzz                              builds all under sanitizers and runs each briefly
       build/fuzz_tokenizer [N [S [FROM TO]]] */

#ifndef LDR_FUZZ_H
#define LDR_FUZZ_H

#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One execution. Must not touch bytes beyond n. */
static void fuzz_one(const unsigned char *data, size_t n);
/* Seed i into *n bytes, or NULL behind the last. */
static const unsigned char *fuzz_seed(int i, size_t *n);

#ifdef LADDER_LIBFUZZER
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n) {
  (void)fuzz_seed;
  fuzz_one(data, n);
  return 0;
}
#else
static uint64_t fuzz_state;
static uint32_t fuzz_below(uint32_t n) {
  fuzz_state = fuzz_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return n ? (uint32_t)((fuzz_state >> 33) % n) : 0;
}

/* Changes, drops, doubles and swaps bytes and stretches; takes stretches from another seed. */
static size_t fuzz_mutate(unsigned char *s, size_t n, size_t room, int seeds) {
  static const char *const bits[] = { "\"", "{", "}", "[", "]", ",", ":", "\\u0000", "null", "-1", "1e999", "0", "99999999999", "\xff", "\xed\xa0\x80", "\xe2\x96\x81", "\xcc\x81", "##", "<0x41>", " ", "\n", "\t", "(", ")", "*", "+", "{9}", "|", "[^", "\\\\p{L}", "true", "false" };
  int round = 1 + (int)fuzz_below(4);
  for (; round > 0; round--) {
    size_t at = fuzz_below((uint32_t)n + 1), len = fuzz_below(16) + 1, other;
    const unsigned char *from;
    if (at + len > n) len = n - at;
    switch (fuzz_below(7)) {
    case 0: if (at < n) s[at] = (unsigned char)fuzz_below(256); break;
    case 1: if (at < n) s[at] ^= (unsigned char)(1u << fuzz_below(8)); break;
    case 2:
      memmove(s + at, s + at + len, n - at - len);
      n -= len;
      break;
    case 3:
      if (n + len > room) break;
      memmove(s + at + len, s + at, n - at);
      n += len;
      break;
    case 4: {
      const char *bit = bits[fuzz_below(sizeof bits / sizeof *bits)];
      len = strlen(bit);
      if (n + len > room) break;
      memmove(s + at + len, s + at, n - at);
      memcpy(s + at, bit, len);
      n += len;
      break;
    }
    case 5:
      from = fuzz_seed((int)fuzz_below((uint32_t)seeds), &other);
      len = fuzz_below(64) + 1;
      if (len > other || n + len > room) break;
      memmove(s + at + len, s + at, n - at);
      memcpy(s + at, from + fuzz_below((uint32_t)(other - len + 1)), len);
      n += len;
      break;
    default: if (fuzz_below(8) == 0) n = at; break;
    }
  }
  return n;
}

int main(int argc, char **argv) {
  long count = argc > 1 ? atol(argv[1]) : 1000000, i;
  int seeds = 0, from, to;
  size_t n, room = 1 << 16;
  unsigned char *data = (unsigned char *)malloc(room), *exact;
  fuzz_state = argc > 2 ? (uint64_t)atol(argv[2]) : 1;
  while (fuzz_seed(seeds, &n)) seeds++;
  from = argc > 4 ? atoi(argv[3]) : 0;
  to = argc > 4 ? atoi(argv[4]) : seeds - 1;
  if (!seeds || !data) {
    printf("no seeds: run from the tests folder\n");
    return 77;
  }
  if (from < 0 || to < from || to >= seeds) {
    printf("the seeds are numbered 0 to %d\n", seeds - 1);
    return 2;
  }
  for (i = 0; i < count; i++) {
    const unsigned char *seed = fuzz_seed(from + (int)fuzz_below((uint32_t)(to - from + 1)), &n);
    if (n > room / 2) n = room / 2;
    memcpy(data, seed, n);
    if (i > to - from) n = fuzz_mutate(data, n, room, seeds);
    exact = (unsigned char *)malloc(n + !n);          /* its own block, so that a sanitizer sees one byte too far */
    memcpy(exact, data, n);
    fuzz_one(exact, n);
    free(exact);
  }
  printf("%ld executions without a finding\n", count);
  free(data);
  return 0;
}
#endif
#endif
