/* The tests that look inside the header, in one program: its implementation is compiled once, not once for each file.

       together test_core          runs the tests of test_core.c
       together test_core norms    runs those of them with "norms" in their name

   Each file is a program of its own as well. */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700      /* test_cache.c asks for it, and no system header may come first */
#endif
#define LADDER_IMPLEMENTATION
#include "../ladder.h"

#define LDR_TEST_SUITE test_core
#include "test_core.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_parity
#include "test_parity.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_stacks
#include "test_stacks.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_ladder
#include "test_ladder.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_methods
#include "test_methods.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_paths
#include "test_paths.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_trainer
#include "test_trainer.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_cache
#include "test_cache.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_quantise
#include "test_quantise.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_failures
#include "test_failures.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_hostile
#include "test_hostile.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_tokenizer
#include "test_tokenizer.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_recipe
#include "test_recipe.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_files
#include "test_files.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_session
#include "test_session.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_spans
#include "test_spans.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_words
#include "test_words.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_chat
#include "test_chat.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_experts
#include "test_experts.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_score
#include "test_score.c"
#undef LDR_TEST_SUITE
#undef TESTS

#define LDR_TEST_SUITE test_processes
#include "test_processes.c"
#undef LDR_TEST_SUITE
#undef TESTS

int main(int argc, char **argv) {
  static const struct { const char *name; int (*run)(int argc, char **argv); } suites[] = {
    { "test_core", test_core }, { "test_parity", test_parity }, { "test_stacks", test_stacks }, { "test_paths", test_paths }, { "test_ladder", test_ladder }, { "test_methods", test_methods },
    { "test_trainer", test_trainer }, { "test_cache", test_cache }, { "test_quantise", test_quantise }, { "test_failures", test_failures },
    { "test_hostile", test_hostile }, { "test_tokenizer", test_tokenizer }, { "test_recipe", test_recipe },
    { "test_spans", test_spans }, { "test_words", test_words }, { "test_files", test_files }, { "test_session", test_session },
    { "test_chat", test_chat }, { "test_experts", test_experts }, { "test_score", test_score }, { "test_processes", test_processes }
  };
  size_t i;
  for (i = 0; argc > 1 && i < sizeof suites / sizeof suites[0]; i++)
    if (strcmp(argv[1], suites[i].name) == 0) return suites[i].run(argc - 1, argv + 1);
  printf("together NAME [FILTER]: NAME is one of");
  for (i = 0; i < sizeof suites / sizeof suites[0]; i++) printf(" %s", suites[i].name);
  printf("\n");
  return 1;
}
