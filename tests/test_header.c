/* The header as its users meet it: the quick start compiles and runs, every switch builds alone and
   removes what it says, two files link, C and C++ compile without a warning. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"

static const char *header_path(void) { return ldr_test_exists("../ladder.h") ? "../ladder.h" : "ladder.h"; }

/* Built as C++, this file still checks C programs, and those with the C compiler. */
static const char *compiler(const char *variable, const char *otherwise) {
  const char *c = getenv(variable);
#ifdef __cplusplus
  c = NULL;
#endif
  return c && *c ? c : otherwise;
}

static int run_command(const char *command) {
  int rc;
  fflush(stdout);
  rc = system(command);
  return rc;
}

static int have(const char *program) {
  char command[512];
  sprintf(command, "command -v %.200s >/dev/null 2>&1", program);
  return run_command(command) == 0;
}

static int write_text(const char *path, const char *text) { return ldr_test_write(path, text, strlen(text)); }

/* Compiles `text` as `file` with `flags`; the log's first line is printed when that fails. */
static int compiles(const char *cc, const char *file, const char *text, const char *flags) {
  char command[2048], *log;
  size_t n;
  int ok;
  CHECK(write_text(file, text));
  sprintf(command, "%.200s %.900s -I. -I.. %.100s%s >header-test.log 2>&1", cc, flags, file, strstr(flags, " -c ") || strstr(flags, "-fsyntax-only") ? "" : " -lm");
  ok = run_command(command) == 0;
  log = ldr_test_read("header-test.log", &n);
  if (!ok) printf("  %s\n  %.300s\n", command, log ? log : "");
  free(log);
  remove("header-test.log");
  remove(file);
  return ok;
}

#define STRICT "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror "
static const char implementation[] = "#define LADDER_IMPLEMENTATION\n#include \"ladder.h\"\nint main(void) { return ldr_status_name(LDR_OK)[0] != 'L'; }\n";

TEST(quick_start) {
  size_t size;
  char *text = ldr_test_read(header_path(), &size), *begin, *end, command[512];
  CHECK(text != NULL);
  if (!have(compiler("CC", "cc"))) {
    free(text);
    SKIP("no C compiler to run");
  }
  begin = text ? strstr(text, "// >>quick-start\n") : NULL;
  end = begin ? strstr(begin, "// <<quick-start") : NULL;
  CHECK(begin && end);
  if (end) {
    *end = 0;
    CHECK(compiles(compiler("CC", "cc"), "header-test.c", strchr(begin, '\n') + 1, "-Wall -Wextra -Werror -O0 -o header-test.out"
#ifdef _OPENMP
             " -fopenmp"
#endif
             ));
  }
  free(text);
  sprintf(command, "./header-test.out no-such-directory >header-test.log 2>&1");
  CHECK(run_command(command) != 0);                  /* it answers, and does not crash            */
  text = ldr_test_read("header-test.log", &size);
  CHECK(text && strstr(text, "no-such-directory/config.json"));
  free(text);
  /* the shipped backbone learns from eight lines, and the answer has a name */
  sprintf(command, "./header-test.out ../examples/tiny header-test.tsv \"%s\" >header-test.log 2>&1", "the screen is broken");
  CHECK(write_text("header-test.tsv", "good\tthe screen works\nbad\tthe radio is broken\ngood\tmy phone works very well\n"
      "bad\tthe door is broken\ngood\tthe lamp works\nbad\tmy lamp is broken again\ngood\tthe door works\n"
      "bad\tthe phone is broken\n"));
  CHECK_INT(run_command(command), 0);
  text = ldr_test_read("header-test.log", &size);
  CHECK(text && strstr(text, "bad (") == text);
  free(text);
  remove("header-test.tsv");
  remove("my.ladder");
  remove("header-test.log");
  remove("header-test.out");
}

TEST(table_of_contents_finds_every_tag) {
  size_t size;
  char *text = ldr_test_read(header_path(), &size), *p, *end, *last = NULL, tag[64];
  int tags = 0;
  CHECK(text != NULL);
  if (!text) return;
  p = strstr(text, "TABLE OF CONTENTS");
  end = p ? strstr(p, ">>manual-steps         STEP") : NULL;
  CHECK(p && end);
  while (p && end && (p = strstr(p, ">>")) != NULL && p < end) {
    size_t n = 2 + strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-");
    int found = 0;
    char *q;
    memcpy(tag, p, n);
    tag[n] = 0;
    for (q = strstr(end, tag); q; q = strstr(q + 1, tag)) {
      if (q[n] != ' ') continue;
      found++;
      CHECK(q > last);                    /* in the order in which they stand         */
      last = q;
    }
    if (found != 1) printf("  tag %s stands %d times\n", tag, found);
    CHECK_INT(found, 1);
    tags++;
    p += n;
  }
  CHECK(tags > 40);
  free(text);
}

/* What stands between two texts, as words with blanks between them; free() it. */
static char *words_between(const char *text, const char *from, const char *to) {
  const char *a = text ? strstr(text, from) : NULL, *b = a ? strstr(a + strlen(from), to) : NULL;
  char *s = (char *)malloc(b ? (size_t)(b - a) + 1 : 1), *p;
  if (b) memcpy(s, a, (size_t)(b - a));
  s[b ? b - a : 0] = 0;
  CHECK(b != NULL);
  for (p = s; *p; p++) if (strchr("\n.,:;()|", *p)) *p = ' ';
  return s;
}

static int is_word(const char *list, const char *word) { return ldr__in_words(list, word, strlen(word)); }

/* A type as lists for people have it. */
static const char *shown_type(const char *type) {
  static const char *const others[][2] = { { "nomic_bert", "nomic-bert" }, { "gemma3_text", "gemma3" } };
  size_t i;
  for (i = 0; i < 2; i++) if (strcmp(type, others[i][0]) == 0) return others[i][1];
  return type;
}

/* Families, formats and the parts that cut, as the manual and README list them: each row, and nothing else. */
TEST(the_manual_lists_what_the_tables_hold) {
  enum { ROWS = (int)(sizeof ldr__families / sizeof *ldr__families), KIN = (int)(sizeof ldr__kin / sizeof *ldr__kin) };
  size_t size, i, k, n[3] = { 0, 0, 0 }, listed;
  char *header = ldr_test_read(header_path(), &size), *readme = ldr_test_read(ldr_test_exists("../README.md") ? "../README.md" : "README.md", &size);
  char *manual[3], *page[3], *files, *cutters, counted[64], *word;
  CHECK(header && readme);
  manual[0] = words_between(header, "families   encoders:", "Decoders:");
  manual[1] = words_between(header, "Decoders: gpt2", "     both  ");
  manual[2] = words_between(header, "     both       ", "     positions");
  page[0] = words_between(readme, "| encoders |", "\n");
  page[1] = words_between(readme, "| decoders |", "\n");
  page[2] = words_between(readme, "| encoder-decoders |", "\n");
  for (i = 0; i < ROWS + KIN; i++) {
    const char *type = i < ROWS ? ldr__families[i].type : ldr__kin[i - ROWS].type;
    const char *row = i < ROWS ? type : ldr__kin[i - ROWS].row;
    if (strchr(type, ' ')) continue;               /* another row of the same type */
    for (k = 0; strcmp(ldr__families[k].type, row) != 0; k++) {}
    k = ldr__families[k].traits & LDR__OF_STACKS ? 2 : ldr__families[k].causal != 0;
    n[k]++;
    if (!is_word(manual[k], shown_type(type)) && !is_word(manual[k], type)) printf("  %s is not in the manual\n", type);
    CHECK(is_word(manual[k], shown_type(type)) || is_word(manual[k], type));
    CHECK(is_word(page[k], shown_type(type)));
  }
  for (k = 0; k < 2; k++) {
    for (listed = 0, word = strtok(manual[k], " "); word; word = strtok(NULL, " ")) listed++;
    CHECK_INT(listed, n[k] + (k ? 1 : 4));         /* families, encoders, "(and v3)"; Decoders */
  }
  sprintf(counted, "%d kinds of", (int)n[0]);
  CHECK(header && strstr(header, counted));
  sprintf(counted, "encoders and %d of decoders, and %d of both", (int)n[1], (int)n[2]);
  CHECK(header && strstr(header, counted));
  files = words_between(header, "     files      ", "     heads      ");
  for (i = 0; i < sizeof ldr__gguf_kin / sizeof *ldr__gguf_kin; i++) CHECK(is_word(files, ldr__gguf_kin[i].arch));
  for (i = 0; i < LDR_DTYPE_COUNT; i++)
    CHECK(!ldr__dtype_is_float((ldr_dtype)i) || ldr__dtypes[i].ggml < 0 || is_word(files, ldr__dtypes[i].name) ||
        (i > LDR_Q2_K && i < LDR_Q6_K && strstr(files, "Q2_K to Q6_K")));
  for (i = 0; i < sizeof ldr__formats / sizeof *ldr__formats; i++) {
    static const char *const says[][2] = { { "safetensors", "safetensors" }, { "GGUF", "GGUF" }, { "PyTorch", "PyTorch's own" }, { "PyTorch before 1.6", "the older form" } };
    for (k = 0; k < 4 && strcmp(says[k][0], ldr__formats[i].name) != 0; k++) {}
    CHECK(k < 4 && strstr(files, says[k][1]));
  }
  cutters = words_between(header, "WHAT CAN BE LEARNED", "     CRF to ANSWER");
  for (i = 0; i < sizeof ldr__heads / sizeof *ldr__heads; i++) {
    sprintf(counted, "%s", ldr__heads[i].name);
    for (word = counted; *word; word++) *word = (char)(*word - ('a' - 'A'));
    CHECK(is_word(cutters, counted) && is_word(cutters, ldr_metric_name(ldr__heads[i].metric)));
  }
  free(cutters);
  cutters = words_between(header, "     cutter        ", "     template      ");
  for (i = 0; i < sizeof ldr__cutters / sizeof *ldr__cutters; i++) CHECK(is_word(cutters, ldr__cutters[i].name));
  for (k = 0; k < 3; k++) {
    free(manual[k]);
    free(page[k]);
  }
  free(cutters);
  free(files);
  free(readme);
  free(header);
}

TEST(version_is_the_same_everywhere) {
  size_t size;
  char *text = ldr_test_read(header_path(), &size), want[64];
  sprintf(want, "ladder.h - version %s - ", LADDER_VERSION);
  CHECK(text && strstr(text, want));
  sprintf(want, "     %s  first version", LADDER_VERSION);
  CHECK(text && strstr(text, want));
  CHECK_INT(LADDER_VERSION_NUMBER, 100);
  CHECK(size < 1250000);
  free(text);
}

TEST(no_line_is_wider_than_120_columns) {
  size_t size, wide = 0, columns = 0;
  char *text = ldr_test_read(header_path(), &size), *at;
  for (at = text; at && *at; at++) {
    columns = *at == '\n' ? 0 : columns + (((unsigned char)*at & 0xc0) != 0x80);
    wide += columns == 121;
  }
  CHECK(text != NULL);
  CHECK_INT(wide, 0);
  free(text);
}

/* What takes seconds is making code; most of what compilers warn of they see without. */
TEST(compiles_without_warnings) {
  static const struct { const char *compiler, *file, *how; } ways[] = { { "gcc", "header-test.c", "-std=c99 -c -o header-test.o" },
    { "gcc", "header-test.c", "-std=gnu17 -fsyntax-only" }, { "clang", "header-test.c", "-std=c99 -c -o header-test.o" },
    { "g++", "header-test.cpp", "-std=c++11 -fsyntax-only" }, { "clang++", "header-test.cpp", "-std=c++2a -c -o header-test.o" } };
  char flags[512];
  size_t i;
  if (!have("gcc") && !have("clang")) SKIP("no gcc or clang (other compilers know other warnings)");
  for (i = 0; i < sizeof ways / sizeof *ways; i++) {
    sprintf(flags, STRICT "-O0 %s", ways[i].how);
    if (have(ways[i].compiler)) CHECK(compiles(ways[i].compiler, ways[i].file, implementation, flags));
  }
  if (have("clang++")) CHECK(compiles("clang++", "header-test.cpp", "#include \"../tools/ladder.c\"\n", STRICT "-fsyntax-only -std=c++2b"));
  remove("header-test.o");
}

/* Each switch alone compiles without a warning; what they remove is gone from objects of as many as go together, and is in that of none. */
TEST(switches_remove_what_they_say) {
  static const struct { const char *define, *gone; int object; } switches[] = {
    { "LADDER_NO_STDIO", "fopen|fread|fwrite|mmap", 0 }, { "LADDER_NO_MALLOC", " malloc| free$", 0 }, { "LADDER_NO_MMAP", "mmap|munmap", 1 },
    { "LADDER_NO_SIMD", "avx", 0 }, { "LADDER_NO_TOKENIZER", "ldr_tokenizer_|ldr__utf8_next|ldr__vocab", 0 }, { "LADDER_STATIC", " T ldr_", 0 },
    { "LADDER_NO_TRAIN", "ldr_trainer_|ldr_fit|ldr_ladder_create|ldr__slice|ldr__loss|ldr__block_backward", 2 }, { "LADDER_ONLY_AVX2", "avx512|vnni", 2 },
    { "LADDER_SMALL", "avx", 1 } };
  static const char *const levels[] = { "-O0", "-O0", "-O1" };       /* what nothing calls goes from -O1 on */
  static const char *const others[][3] = { { "clang", "header-test.c", STRICT "-std=c99 -fsyntax-only" },
    { "g++", "header-test.cpp", STRICT "-std=c++11 -fsyntax-only" }, { "tcc", "header-test.c", "-Wall -Werror -c -o header-test.o" } };
  static const char *const together[] = { "-DLADDER_NO_TRAIN -DLADDER_NO_STDIO -DLADDER_NO_TOKENIZER -DLADDER_ONLY_AVX2",
    "-DLADDER_NO_TRAIN -DLADDER_NO_STDIO -DLADDER_NO_TOKENIZER -DLADDER_SMALL -DLADDER_NO_MALLOC -DLADDER_STATIC",
    "-DLADDER_NO_TRAIN -DLADDER_SMALL", "-DLADDER_NO_STDIO -DLADDER_SMALL" };
  const char *cc = have("gcc") ? "gcc" : "clang";
  char flags[512], command[512];
  size_t i, k;
  if (!have("gcc") && !have("clang")) SKIP("no gcc or clang");
  if (!have("nm") || !have("grep")) SKIP("no nm or grep");
  for (k = 0; k < 4; k++) {
    sprintf(flags, STRICT "-std=c99 %s -c -o header-test.o", k < 3 ? levels[k] : "-O0");
    for (i = 0; i < sizeof switches / sizeof *switches; i++) if (switches[i].object == (int)k) sprintf(flags + strlen(flags), " -D%s", switches[i].define);
    CHECK(compiles(cc, "header-test.c", implementation, flags));
    for (i = 0; i < sizeof switches / sizeof *switches; i++) {
      int there;
      sprintf(command, "nm header-test.o | grep -qE '%s'", switches[i].gone);
      there = run_command(command) == 0;
      if (k == 3) CHECK(there || (strstr("LADDER_NO_SIMD LADDER_ONLY_AVX2 LADDER_SMALL", switches[i].define) && !LDR__X86));
      if (switches[i].object != (int)k) continue;
      if (there) printf("  %s leaves something of %s\n", switches[i].define, switches[i].gone);
      CHECK(!there);
    }
    remove("header-test.o");
  }
  for (i = 0; i < sizeof switches / sizeof *switches; i++) {
    sprintf(flags, STRICT "-std=c99 -fsyntax-only -D%s", switches[i].define);
    CHECK(compiles(have("clang") ? "clang" : "gcc", "header-test.c", implementation, flags));
  }
  for (k = 0; k < sizeof others / sizeof *others; k++)
    for (i = 0; have(others[k][0]) && i < sizeof together / sizeof *together; i++) {
      sprintf(flags, "%s %s", others[k][2], together[i]);
      CHECK(compiles(others[k][0], others[k][1], implementation, flags));
    }
  remove("header-test.o");
}

/* Where Windows' own compiler looks: its headers are stubs of ours (msvc/), enough to compile and no more. */
TEST(compiles_for_windows) {
  static const char *const mingw[] = { "x86_64-w64-mingw32-gcc", "i686-w64-mingw32-gcc" }, *const targets[] = { "x86_64-pc-windows-msvc", "i686-pc-windows-msvc" };
  static const char tool[] = "#include \"../tools/ladder.c\"\n";
  static const char leaks[] = "#define LADDER_IMPLEMENTATION\n#include \"ladder.h\"\n#include <windows.h>\n#include <intrin.h>\nint main(void) { return 0; }\n";
  char flags[512];
  size_t i, found = 0;
  if (!ldr_test_exists("msvc/stdio.h")) SKIP("not in the tests folder");
  for (i = 0; i < 2; i++) {
    if (have("clang")) {
      found++;
      sprintf(flags, STRICT "--target=%s -isystem msvc -std=c99 -fsyntax-only", targets[i]);
      CHECK(compiles("clang", "header-test.c", tool, flags));
      strcat(flags, " -march=x86-64-v3");
      CHECK(compiles("clang", "header-test.c", implementation, flags));
    }
    if (have(mingw[i])) {
      found++;
      CHECK(compiles(mingw[i], "header-test.c", tool, STRICT "-std=c99 -fsyntax-only"));
      CHECK(compiles(mingw[i], "header-test.c", leaks, "-std=gnu99 -fsyntax-only"));
    }
  }
  if (!found) SKIP("no clang and no mingw");
}

/* What Apple's headers hide from a program that asks for POSIX alone is hidden by the stubs as well (apple/; the rest are msvc/'s). */
TEST(compiles_for_apple) {
  static const char *const targets[] = { "arm64-apple-macos12", "x86_64-apple-macos12" };
  char flags[512];
  size_t i;
  if (!ldr_test_exists("apple/unistd.h")) SKIP("not in the tests folder");
  if (!have("clang")) SKIP("no clang");
  for (i = 0; i < 2; i++) {
    sprintf(flags, STRICT "--target=%s -ffreestanding -D__int64=int64_t -isystem apple -isystem msvc -std=c99 -fsyntax-only", targets[i]);
    CHECK(compiles("clang", "header-test.c", "#include \"../tools/ladder.c\"\n", flags));
    strcat(flags, " -D_POSIX_C_SOURCE=200809L");
    CHECK(compiles("clang", "header-test.c", implementation, flags));
  }
}

/* Fuzzers are built by hand, and would not be missed when they no longer can be. */
TEST(fuzzers_compile) {
  static const char *const what[] = { "chat", "data", "files", "state", "tasks", "text", "tokenizer" };
  const char *cc = compiler("CC", "cc");
  char source[64], text[96];
  size_t i;
  if (!ldr_test_exists("fuzz.h")) SKIP("not in the tests folder");
  if (!have(cc)) SKIP("no C compiler to run");
  for (i = 0; i < sizeof what / sizeof *what; i++) {
    sprintf(source, "fuzz_%s.c", what[i]);
    CHECK(ldr_test_exists(source));
    sprintf(text, "#include \"%s\"\n", source);
    CHECK(compiles(cc, "header-test.c", text, " -c -fsyntax-only -w"));
  }
}

/* Each command of the program names what it stands on, and none another that stands on it. */
TEST(parts_of_the_program_compile_alone) {
  static const char *const parts[] = { "run", "answers", "asking", "compare", "distil", "export", "features", "generate", "gguf", "pretrain", "recipe", "scoring", "tokenize",
    NULL,       /* and the pieces of these, which stand on the header alone; tasks begins with chat, jinja and grow, views with axes */
    "corruption", "padding", "score", "spans", "submit", "tasks", "views", "words" };
  const char *cc = compiler("CC", "cc"), *before = "";
  char source[64], text[160];
  size_t i;
  if (!ldr_test_exists("../tools/run.h")) SKIP("not in the tests folder");
  if (!have(cc)) SKIP("no C compiler to run");
  for (i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!parts[i]) {
      before = "#define LADDER_IMPLEMENTATION\n#include \"../ladder.h\"\n";
      continue;
    }
    sprintf(source, "../tools/%s.h", parts[i]);
    CHECK(ldr_test_exists(source));
    sprintf(text, "%s#include \"%s\"\n", before, source);
    CHECK(compiles(cc, "header-test.c", text, " -c -fsyntax-only -w"));
  }
}

/* One file implements, another only declares; and two files with a static copy each. */
TEST(two_files_link) {
  char command[1024];
  if (!have(compiler("CC", "cc"))) SKIP("no C compiler to run");
  CHECK(write_text("header-a.c", "#include \"ladder.h\"\n#define LADDER_IMPLEMENTATION\n#include \"ladder.h\"\nconst char *other(void);\nint main(void) { return other() != ldr_status_name(LDR_OK); }\n"));
  CHECK(write_text("header-b.c", "#include \"ladder.h\"\n#include \"ladder.h\"\nconst char *other(void);\nconst char *other(void) { return ldr_status_name(LDR_OK); }\n"));
  sprintf(command, "%.200s -O0 -I. -I.. header-a.c header-b.c -o header-test.out -lm >header-test.log 2>&1 && ./header-test.out", compiler("CC", "cc"));
  CHECK(run_command(command) == 0);
  CHECK(write_text("header-a.c", "#define LADDER_STATIC\n#define LADDER_IMPLEMENTATION\n#include \"ladder.h\"\nint other(void);\nint main(void) { return other() + (ldr_status_name(LDR_OK)[0] != 'L'); }\n"));
  CHECK(write_text("header-b.c", "#define LADDER_STATIC\n#define LADDER_IMPLEMENTATION\n#include \"ladder.h\"\nint other(void);\nint other(void) { return ldr_status_name(LDR_OK)[0] != 'L'; }\n"));
  CHECK(run_command(command) == 0);
  remove("header-a.c");
  remove("header-b.c");
  remove("header-test.out");
  remove("header-test.log");
}

#define TESTS(X) X(quick_start) X(table_of_contents_finds_every_tag) X(the_manual_lists_what_the_tables_hold) X(version_is_the_same_everywhere) X(no_line_is_wider_than_120_columns) X(compiles_without_warnings) \
  X(switches_remove_what_they_say) X(compiles_for_windows) X(compiles_for_apple) X(fuzzers_compile) X(parts_of_the_program_compile_alone) X(two_files_link)
LDR_TEST_MAIN("header", TESTS)
