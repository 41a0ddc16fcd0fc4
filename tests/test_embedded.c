/* examples/embedded: its images are built by the cross compilers without a warning and run in qemu, fed by their serial
   lines; sizes, and what they say of their memory, are those of the table in the README. LADDER_IMAGES is where images
   are built, default a folder that goes away again. */

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"

#if defined(__unix__) || defined(__APPLE__)
#include "ldr_shell.h"
#include <unistd.h>

static char sources[1024], images[1024];      /* longer ones are found missing */

static int have(const char *tool) { return shellf("command -v %s", tool) == 0; }

/* NULL, or why nothing can be built and run for this processor. */
static const char *missing(int riscv) {
  char path[LADDER_MAX_PATH];
  const char *where = getenv("LADDER_IMAGES");
  shell_ready();
  if (!realpath(ldr_test_exists("../examples/Makefile") ? "../examples/embedded" : "examples/embedded", path) || strlen(path) > 1000)
    return "no examples/embedded";
  strcpy(sources, path);
  snprintf(images, sizeof images, "%.1000s", where ? where : folder);
  if (riscv && shell("echo '#include <math.h>' | riscv64-unknown-elf-gcc --specs=picolibc.specs -E -x c -") != 0)
    return "no riscv64-unknown-elf-gcc with picolibc (Debian: gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf)";
  if (riscv && !have("qemu-system-riscv32")) return "no qemu-system-riscv32 (Debian: qemu-system-misc)";
  if (!riscv && shell("echo '#include <math.h>' | arm-none-eabi-gcc --specs=nano.specs -E -x c -") != 0)
    return "no arm-none-eabi-gcc with newlib (Debian: gcc-arm-none-eabi libnewlib-arm-none-eabi)";
  if (!riscv && !have("qemu-system-arm")) return "no qemu-system-arm (Debian: qemu-system-arm)";
  return have("make") ? NULL : "no make";
}

#define NEED(riscv) do { const char *why = missing(riscv); if (why) SKIP(why); } while (0)

static int build(const char *names) {
  char list[512] = "";
  const char *s = names;
  while (*s) {
    size_t n = strcspn(s, " ");
    snprintf(list + strlen(list), sizeof list - strlen(list), " %.200s/%.*s.elf", images, (int)n, s);
    s += n + (s[n] == ' ');
  }
  return shellf("cd %s && make -s -j2 BUILD=%s %s", sources, images, list) == 0 && shell("test ! -s err") == 0;
}

/* At most `most` short lines of each of these classes of train.tsv, in its order. */
static int put_lines(const char *name, const char *classes, int most) {
  return shellf("awk -F '\t' 'index(\" %s \", \" \" $1 \" \") && n[$1]++ < %d && length($2) < 60' %s/../data/train.tsv >%s", classes,
      most, sources, name) == 0;
}

/* Feeds a file once the image says that it reads: what comes before is lost, as on a real line. */
#define WHEN_READY "{ for i in $(seq 600); do grep -q ready out && break; sleep 0.1; done; cat %s; } | "

/* A number behind `word` in what the image said; 0: it did not. */
static unsigned long said(const char *word) {
  char *out = slurp("out", NULL), *at = out ? strstr(out, word) : NULL;
  unsigned long n = at ? strtoul(at + strlen(word), NULL, 10) : 0;
  free(out);
  return n;
}

/* Bytes of a section as the linker's map has it: ".text  0x08000140  0x4e3a0". */
static unsigned long section(const char *map, const char *name) {
  char line[64];
  const char *at;
  snprintf(line, sizeof line, "\n%s ", name);
  at = strstr(map, line);
  if (!at) return 0;
  at = strstr(at, "0x");
  at = at ? strstr(at + 2, "0x") : NULL;
  return at ? strtoul(at, NULL, 16) : 0;
}

/* Column `column` of the image's row of the README's table, in bytes. */
static double cell(const char *image, int column) {
  char path[LADDER_MAX_PATH], row[64], *text, *at;
  size_t size;
  double v = -1;
  snprintf(path, sizeof path, "%s/README.md", sources);
  text = ldr_test_read(path, &size);
  snprintf(row, sizeof row, "\n| `%s` |", image);
  at = text ? strstr(text, row) : NULL;
  if (at) at += strlen(row) - 1;
  for (; at && column > 0; column--) at = strchr(at + 1, '|');
  if (at) v = strtod(at + 1, NULL) * 1000;
  free(text);
  return v;
}

static void near(double is, double table, double share, const char *image, const char *what) {
  if (fabs(is - table) > share * table) printf("  %s: %s is %.1f thousand bytes, the README says %.1f\n", image, what, is / 1000, table / 1000);
  CHECK(fabs(is - table) <= share * table);
}

enum { COLUMN_CODE = 1, COLUMN_MODEL, COLUMN_STATIC, COLUMN_HEAP, COLUMN_STACK };

/* Another release of the compiler makes other code, so not to the byte. */
static void check_table(const char *image) {
  char path[LADDER_MAX_PATH], *map;
  size_t size;
  snprintf(path, sizeof path, "%s/%s.map", images, image);
  map = ldr_test_read(path, &size);
  CHECK(map != NULL);
  if (!map) return;
  near((double)(section(map, ".start") + section(map, ".text") + section(map, ".ARM.exidx") + section(map, ".data")),
      cell(image, COLUMN_CODE), 0.08, image, "code");
  near((double)section(map, ".model"), cell(image, COLUMN_MODEL), 0.001, image, "model");
  near((double)(section(map, ".data") + section(map, ".bss")), cell(image, COLUMN_STATIC), 0.08, image, "data");
  near((double)said("heap "), cell(image, COLUMN_HEAP), 0.08, image, "heap");
  near((double)said("stack "), cell(image, COLUMN_STACK), 0.2, image, "stack");
  free(map);
}

static void check_answers(const char *answers[], size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    if (!holds("out", answers[i])) printf("  not answered: %s\n", answers[i] + 1);
    CHECK(holds("out", answers[i]));
  }
}

static const char questions[] = "turn the light on\nplay some music\nlights off\nplease lock the door\nset a timer for five minutes\n!memory\n!end\n";

/* The same file, the same texts: what the program on this machine answers. */
static void check_predictor(const char *image) {
  static const char *answers[] = { "\nlight_on 6", "\nmusic_play 9", "\nlight_off 8", "\nlock 8", "\ntimer_set 9" };
  CHECK(put_file("questions", questions));
  EXPECT(0, WHEN_READY "timeout 120 make -s -C %s BUILD=%s run-%s", "questions", sources, images, image);
  check_answers(answers, sizeof answers / sizeof *answers);
  check_table(image);
}

TEST(all_images_are_built_without_a_warning) {
  int riscv = missing(1) == NULL;
  NEED(0);
  CHECK(build(riscv ? "f405-learn an500-learn f405-predict virt-predict" : "f405-learn an500-learn f405-predict"));
}

TEST(a_cortex_m4_with_192_kb_predicts) {
  NEED(0);
  CHECK(build("f405-predict"));
  check_predictor("f405-predict");
}

TEST(bare_risc_v_predicts) {
  NEED(1);
  CHECK(build("virt-predict"));
  check_predictor("virt-predict");
}

TEST(a_cortex_m4_with_192_kb_learns) {
  static const char *answers[] = { "error: nothing was learned yet", "\nok 32", "\nlight_on ", "\nmusic_play ", "\nlight_off ",
      "\nlock " };
  NEED(0);
  CHECK(build("f405-learn"));
  CHECK(put_lines("lines", "light_on light_off music_play lock", 8) && put_file("questions", questions));
  EXPECT(0, "{ head -n 1 questions; cat lines; echo '!train'; cat questions; } >feed");
  EXPECT(0, WHEN_READY "timeout 300 make -s -C %s BUILD=%s run-f405-learn", "feed", sources, images);
  check_answers(answers, sizeof answers / sizeof *answers);
  CHECK(said("trained ") == 48);
  check_table("f405-learn");
}

/* What it has is what the examples ship: 7 MB, of which 4 MB of RAM hold nothing. */
TEST(a_cortex_m7_learns_from_a_backbone_in_flash) {
  static const char *answers[] = { "\nok 12", "\nlight_on ", "\nmusic_play ", "\nlock " };
  NEED(0);
  CHECK(build("an500-learn"));
  CHECK(put_lines("lines", "light_on music_play lock", 4));
  EXPECT(0, "{ cat lines; printf '!train\\nswitch the lamp on\\nplay some music\\nplease lock the door\\n!memory\\n!end\\n'; } >feed");
  EXPECT(0, WHEN_READY "timeout 300 make -s -C %s BUILD=%s run-an500-learn", "feed", sources, images);
  check_answers(answers, sizeof answers / sizeof *answers);
  CHECK(said("trained ") == 24);
  check_table("an500-learn");
}

/* A line that is too long, a text too long, a label too many, rubbish: it says so or cuts, and goes on. */
TEST(a_bad_line_ends_nothing) {
  NEED(0);
  CHECK(build("f405-learn"));
  EXPECT(0, "{ printf '!train\\n\\tx\\n\\t\\nlabel\\t\\n\\377\\376\\n'; yes word | head -n 500 | tr '\\n' ' '; echo; "
      "for i in $(seq 17); do printf \"l$i\\tsome text\\n\"; done; printf '!memory\\n!end\\n'; } >feed");
  EXPECT(0, WHEN_READY "timeout 120 make -s -C %s BUILD=%s run-f405-learn", "feed", sources, images);
  CHECK(holds("out", "error: ") && holds("out", "too many labels") && said("stack ") > 0);
}

#define TESTS(X) X(all_images_are_built_without_a_warning) X(a_cortex_m4_with_192_kb_predicts) X(bare_risc_v_predicts) \
  X(a_cortex_m4_with_192_kb_learns) X(a_cortex_m7_learns_from_a_backbone_in_flash) X(a_bad_line_ends_nothing)
#else
TEST(images) { SKIP("needs a POSIX system"); }
#define TESTS(X) X(images)
#endif

LDR_TEST_MAIN("embedded", TESTS)
