/* examples/mpi with a real MPI: the same file from any number of processes, and what happens when one of them dies, hangs or has
   other files. What needs no MPI is in test_processes.c. LADDER_EXAMPLES is the folder of the built programs. */

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"

#if defined(__unix__) || defined(__APPLE__)
#include "ldr_shell.h"
#include <unistd.h>

/* Runs before the program in the process of rank $ODD: $DEED, which may set arguments of its own in $MORE. */
static const char script[] =
  "#!/bin/sh\n"
  "[ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" = \"$ODD\" ] && eval \"$DEED\"\n"
  "exec \"$@\" $MORE\n";

/* $M N: that many processes on data of a few dozen lines, four short epochs. Root in a container, and fewer cores than processes. */
static const char line[] =
  "export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
  "PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1; "
  "ALL='train=%s/../data/train.tsv epochs=1 batch=32'; chmod +x who.sh; m() { n=$1; shift; mpirun -n $n ./who.sh %s/mpi/train model=%s train=train.tsv dev=dev.tsv batch=8 parts=4 \"$@\"; }; %s";

static char programs[1024], model[1024];      /* longer ones are found missing */

/* The first lines of a file of examples/data; 1 when there. */
static int cut_file(const char *name, int lines) {
  char path[LADDER_MAX_PATH], *data, *end;
  size_t size;
  int ok;
  snprintf(path, sizeof path, "%s/data/%s", ldr_test_exists("../examples/Makefile") ? "../examples" : "examples", name);
  data = ldr_test_read(path, &size);
  if (!data) return 0;
  for (end = data; lines > 0 && *end; end++) lines -= *end == '\n';
  ok = put_bytes(name, data, (size_t)(end - data));
  free(data);
  return ok;
}

static int find(char full[1024], const char *name) {
  char path[LADDER_MAX_PATH];
  if (!realpath(name, path) || strlen(path) > 1000) return 0;
  strcpy(full, path);
  return 1;
}

/* NULL, or why nothing can be run. */
static const char *missing(void) {
  const char *built = getenv("LADDER_EXAMPLES");
  char path[LADDER_MAX_PATH + 16];
  shell_ready();
  if (system("mpirun --version >/dev/null 2>&1") != 0) return "no mpirun (Debian: openmpi-bin libopenmpi-dev)";
  if (!find(programs, built ? built : "../examples/build")) return "no examples (make -C examples mpi, or set LADDER_EXAMPLES)";
  snprintf(path, sizeof path, "%s/mpi/train", programs);
  if (!ldr_test_exists(path)) return "no program of examples/mpi (make -C examples mpi; tests build it for cc and gcc)";
  if (!find(model, ldr_test_exists("../examples/Makefile") ? "../examples/tiny" : "examples/tiny")) return "no model in examples/tiny";
  if (!cut_file("train.tsv", 100) || !cut_file("dev.tsv", 20) || !put_file("who.sh", script)) return "no data, or no folder to run in";
  return NULL;
}

static int mpi(const char *what) {
  static char text[8192];
  snprintf(text, sizeof text, line, model, programs, model, what);
  return shell(text);
}

#define NEED_MPI() do { const char *why = missing(); if (why) SKIP(why); } while (0)
/* Signals the odd process as soon as something is true. */
#define WATCH(when, signal) "export DEED='(i=0; until { " when "; } || [ $i -gt 900 ]; do sleep 0.02; i=$((i+1)); done; kill " signal " $$) >/dev/null 2>&1 &'; "
#define MPI(want, what) expect((want), mpi(what), __FILE__, __LINE__)

/* The ladder of a run that nothing happens to, in whole.ladder. */
static void whole(void) {
  char path[LADDER_MAX_PATH];
  full_path(path, "whole.ladder");
  if (!ldr_test_exists(path)) MPI(0, "m 2 out=whole.ladder");
}

TEST(any_number_writes_the_same_file) {
  NEED_MPI();
  whole();
  MPI(0, "m 1 out=1.ladder && m 3 out=3.ladder && m 4 out=4.ladder");
  CHECK(same_files("1.ladder", "whole.ladder") && same_files("3.ladder", "whole.ladder") && same_files("4.ladder", "whole.ladder"));
  CHECK(holds("err", "epoch 4 of 4, step 52 of 52") && holds("out", "4 processes:"));
  MPI(0, "m 4 plain=1 out=plain.ladder");
  CHECK(holds("out", "done after step 52"));
}

TEST(more_processes_than_examples) {
  NEED_MPI();
  MPI(0, "head -n 3 train.tsv > three && m 1 train=three dev=three batch=2 parts=2 out=a.ladder && m 4 train=three dev=three batch=2 parts=2 out=b.ladder");
  CHECK(same_files("a.ladder", "b.ladder"));
}

TEST(mistakes_are_explained) {
  NEED_MPI();
  CHECK(mpi("m 2 colour=red") != 0);
  CHECK(holds("err", "colour=red: no option"));
  CHECK(mpi("m 2 model=nowhere") != 0);
  CHECK(holds("err", "of 2: ") && holds("err", "nowhere"));
}

TEST(another_file_is_refused_by_name) {
  NEED_MPI();
  CHECK(mpi("sed 's/the/a/' train.tsv > other; export ODD=1 DEED=MORE=train=other; m 3 out=never.ladder") != 0);
  CHECK(holds("err", "process 1 has another training set than process 0"));
  CHECK(mpi("test -f never.ladder") != 0);
}

/* Killed between two saves, in the middle of an epoch; others go on. */
TEST(one_that_dies_ends_all_and_loses_nothing) {
  NEED_MPI();
  whole();
  CHECK(mpi("export ODD=1; " WATCH("[ -f dead.run ]", "-9") "m 3 state=dead.run every=3 out=dead.ladder") != 0);
  CHECK(mpi("test ! -f dead.ladder && test -f dead.run") == 0);
  MPI(0, "m 2 state=dead.run out=dead.ladder");
  CHECK(holds("err", "going on after step") && holds("err", "with 2 processes"));
  CHECK(same_files("dead.ladder", "whole.ladder"));
}

/* Process 0 saves all the time and is killed twice, the second time in a run that went on; what it leaves is whole. */
TEST(one_that_dies_while_saving_leaves_a_whole_state) {
  int i;
  NEED_MPI();
  whole();
  for (i = 0; i < 2; i++) {
    CHECK(mpi("rm -f old.run; cp save.run old.run 2>/dev/null; export ODD=0; " WATCH("[ -f save.run ] && ! cmp -s save.run old.run", "-9") "m 3 state=save.run every=1 out=save.ladder") != 0);
    CHECK(mpi("test ! -f save.ladder && test -f save.run") == 0);
  }
  MPI(0, "m 4 state=save.run out=save.ladder");
  CHECK(holds("err", "going on after step") && same_files("save.ladder", "whole.ladder"));
}

/* Killed while the cache is filled, with as many processes as go on and with others. */
TEST(a_fill_that_dies_is_gone_on_with) {
  NEED_MPI();
  MPI(0, "m 1 $ALL out=fill1.ladder");
  CHECK(mpi("export ODD=1; " WATCH("sleep 0.2; [ -f taps/train.taps.partial ]", "-9") "m 2 $ALL cache=taps out=fill.ladder") != 0);
  MPI(0, "m 3 $ALL cache=taps out=fill.ladder && test -f taps/train.taps && test ! -f taps/train.taps.partial");
  CHECK(holds("err", "of an earlier start are used again") || holds("err", "taps of an earlier run are used again"));      /* a fast machine */
  CHECK(same_files("fill.ladder", "fill1.ladder"));
  MPI(0, "m 2 $ALL cache=layered layers=1 out=layers.ladder && test -f layered/train.taps");
  CHECK(same_files("layers.ladder", "fill1.ladder"));
  MPI(0, "m 1 $ALL cache=taps out=again.ladder");
  CHECK(holds("err", "taps of an earlier run are used again") && same_files("again.ladder", "fill1.ladder"));
}

TEST(one_that_hangs_ends_all_in_time) {
  NEED_MPI();
  CHECK(mpi("export ODD=1; " WATCH("[ -f hang.run ]", "-STOP") "m 2 state=hang.run every=3 limit=2 epochs=400 out=never.ladder") != 0);
  CHECK(holds("err", "did not answer within the limit"));
}

/* SIGTERM, as a batch system sends it before the time is over. */
TEST(one_that_is_asked_to_stop_saves_for_all) {
  NEED_MPI();
  whole();
  MPI(0, "export ODD=2; " WATCH("[ -f term.run ]", "-TERM") "m 3 state=term.run every=2 out=term.ladder && test ! -f term.ladder");
  CHECK(holds("out", "stopped after step"));
  MPI(0, "m 4 state=term.run out=term.ladder");
  CHECK(same_files("term.ladder", "whole.ladder"));
}

#define TESTS(X) X(any_number_writes_the_same_file) X(more_processes_than_examples) X(mistakes_are_explained) X(another_file_is_refused_by_name) \
  X(one_that_dies_ends_all_and_loses_nothing) X(one_that_dies_while_saving_leaves_a_whole_state) X(a_fill_that_dies_is_gone_on_with) \
  X(one_that_hangs_ends_all_in_time) X(one_that_is_asked_to_stop_saves_for_all)
#else
TEST(mpi) { SKIP("this system has no shell"); }
#define TESTS(X) X(mpi)
#endif

LDR_TEST_MAIN("MPI", TESTS)
