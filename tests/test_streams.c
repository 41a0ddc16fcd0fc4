/* What the program reads and writes beside its work: streams that are closed, full or left by their reader, results that go to
   a folder, a device, a link or a pipe. */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if defined(__unix__) || defined(__APPLE__)
#include "ldr_shell.h"

#define TRAIN "$L train --model m --train t.tsv --dev t.tsv --epochs 2 --batch 4 --seed 1 --threads 1 --recipe plain "

/* A tiny model, its texts and a ladder. */
static int prepare(void) {
  static int made;
  tiny_spec s = tiny_default("bert");
  char path[LADDER_MAX_PATH], config[1200], words[1200] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", *file;
  size_t size;
  int i;
  if (made) return 1;
  for (i = 5; i < s.vocab; i++) sprintf(words + strlen(words), "w%d\n", i);
  tiny_config(config, &s);
  file = tiny_weights(&s, &size);
  EXPECT(0, "mkdir m");
  full_path(path, "m/model.safetensors");
  CHECK(put_file("m/config.json", config) && put_file("m/vocab.txt", words) && ldr_test_write(path, file, size));
  free(file);
  CHECK(put_file("t.tsv", "a\tw7 w8\nb\tw9 w10\na\tw7 w11\nb\tw9 w12\n"));
  EXPECT(0, TRAIN "--out given");
  made = ldr_test.failures == 0;
  return made;
}

#define PREPARE() do { NEED_PROGRAM(); if (!prepare()) return; } while (0)

/* A file that is opened later must not get the number of a closed stream, and with it what is printed. */
TEST(closed_streams) {
  PREPARE();
  EXPECT(1, TRAIN "--out o --log log --checkpoint ck --cache taps >&-");
  CHECK(holds("err", "ladder: standard output: writing failed"));
  CHECK(same_files("o", "given"));                                           /* what is finished is kept     */
  EXPECT(0, "grep -vq '^{' log && exit 1 || true");
  EXPECT(0, TRAIN "--out o2 --log log2 --cache taps 2>&- && ! grep -v '^{' log2 && cmp o2 given");
  EXPECT(1, "$L tokenize --model m <&-");
  CHECK(holds("err", "ladder: standard input: reading failed"));
  EXPECT(0, TRAIN "--out o3 --log log3 <&- && ! grep -v '^{' log3 && cmp o3 given");
  EXPECT(0, "(" TRAIN "--out o4 --log log4 <&- >&- 2>&-; test $? = 1) && ! grep -v '^{' log4 && cmp o4 given");
  EXPECT(1, "mkdir dir; $L predict --model m --ladder given <dir");
  CHECK(holds("err", "ladder: standard input: reading failed"));
}

TEST(full_disks) {
  PREPARE();
  if (!ldr_test_exists("/dev/full")) SKIP("no /dev/full");
  EXPECT(1, TRAIN "--out f1 >/dev/full");
  CHECK(same_files("f1", "given") && holds("err", "No space left"));
  EXPECT(1, TRAIN "--out f2 --log /dev/full");
  CHECK(same_files("f2", "given") && holds("err", "ladder: /dev/full: writing failed"));
  EXPECT(1, "echo w7 | $L predict --model m --ladder given >/dev/full");
  EXPECT(1, "echo w7 | $L features --model m >/dev/full");
  EXPECT(1, "echo w7 | $L tokenize --model m >/dev/full");
  EXPECT(1, "$L inspect m >/dev/full");
  EXPECT(1, "$L plan --model m >/dev/full");
  EXPECT(1, "$L tasks >/dev/full");
  EXPECT(1, "$L --help >/dev/full");
  EXPECT(1, "$L --version >/dev/full");
  EXPECT(1, "$L train --help >/dev/full");
}

/* A reader that goes away ends neither a training nor what it leaves; answers that nobody reads are not made. */
TEST(readers_that_go_away) {
  PREPARE();
  EXPECT(0, "(" TRAIN "--out g1; echo $? >status) 2>gone | true; grep -qx 1 status && cmp g1 given && grep -q '^ladder: standard output: writing failed' gone");
  EXPECT(0, "(yes w7 | $L predict --model m --ladder given; echo $? >status) 2>gone | head -n 1; grep -qx 1 status && grep -q '^ladder: standard output' gone");
  EXPECT(0, "(yes w7 | $L features --model m; echo $? >status) 2>gone | head -n 1; grep -qx 1 status && grep -q '^ladder: standard output' gone");
  EXPECT(0, "(yes w7 | $L tokenize --model m; echo $? >status) 2>gone | head -n 1; grep -qx 1 status && grep -q 'standard output' gone");
}

/* Where a result goes is looked at before the work; what is no plain file is written to, not replaced. */
TEST(places_of_results) {
  PREPARE();
  EXPECT(1, "mkdir place; " TRAIN "--out place");
  CHECK(holds("err", "place: is a folder, and not replaced") && !holds("out", "epoch 1"));
  EXPECT(1, TRAIN "--out o --checkpoint place");
  CHECK(holds("err", "place: is a folder, and not replaced") && !holds("out", "epoch 1"));
  EXPECT(1, TRAIN "--out nowhere/o");
  CHECK(!holds("out", "epoch 1"));
  EXPECT(0, "ln -s real link && ln -s link far && mkdir -p sub && ln -s ../real sub/near && " TRAIN "--out far && test -L far && test -L link && cmp real given");
  EXPECT(0, "rm real && " TRAIN "--out sub/near && test -L sub/near && cmp real given && test ! -e real.partial");
  EXPECT(1, "ln -s loop loop; " TRAIN "--out loop");
  CHECK(holds("err", "too many links") && !holds("out", "epoch 1"));
  EXPECT(0, "mkfifo pipe && (cat pipe >through &) && " TRAIN "--out pipe && test -p pipe && sleep 0.2 && cmp through given");
  /* devices of our own: should they be replaced, the system's are still there. Only root can make them. */
  if (shell("mknod null c 1 3 && mknod full c 1 7 && echo x >null && ! echo x 2>said >full") != 0) return;
  EXPECT(0, TRAIN "--out null && test -c null");
  EXPECT(1, TRAIN "--out full");
  CHECK(one_error_line() && holds("err", "full: writing failed: No space left"));
  EXPECT(0, "test -c full && $L eval --model m --ladder given --data t.tsv --answers null && test -c null");
}

/* Every word of the help stands there whole. */
TEST(help_is_whole) {
  NEED_PROGRAM();
  EXPECT(0, "$L train --help | grep -q 'ladder|head|full|bitfit|lora|adapter|prompt|prefix|theseus|ia3 '");
  EXPECT(0, "$L train --help | grep -q -- '--out FILE                             the ladder'");
}

/* A saved run says by what the new one differs. */
TEST(a_resumed_run_that_differs) {
  PREPARE();
  EXPECT(0, TRAIN "--out r --checkpoint rk");
  EXPECT(1, TRAIN "--epochs 4 --out r --resume rk");
  CHECK(one_error_line() && holds("err", "the saved run had epochs 2, and this one has 4"));
  EXPECT(1, TRAIN "--batch 2 --out r --resume rk");
  CHECK(one_error_line() && holds("err", "batch 4, and this one has 2"));
}

#define TESTS(X) X(closed_streams) X(full_disks) X(readers_that_go_away) X(places_of_results) X(help_is_whole) X(a_resumed_run_that_differs)
#else
TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)
#endif

LDR_TEST_MAIN("streams", TESTS)
