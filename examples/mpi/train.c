/* One ladder, many machines: MPI processes share every batch, the dev set and the filling of the tap cache.

       make -C examples mpi                        needs Open MPI (Debian: openmpi-bin libopenmpi-dev) or MPICH
       cd examples; OMP_NUM_THREADS=1 mpirun -n 4 build/mpi/train model=tiny train=data/train.tsv dev=data/dev.tsv

   Every file must be seen by all processes under the same name; job.slurm is a script for a cluster. The result has the
   same bits for any number of processes. It depends on batch and parts (the batch is computed in so many pieces, so
   more processes than parts are of use to the cache only). simd=avx2 makes unlike machines alike. plain=1 adds as MPI
   likes: less travels between four processes or more, and the last bits vary. state=FILE is written every so many steps
   (every=N), and when a process gets SIGTERM; the next start goes on from there, with as many processes as it has.
   cache=DIR keeps taps in files, for later runs as well, and goes on with what an earlier start left there; layers=1
   fills it one backbone layer after the other, for a backbone larger than a machine's memory. Whatever fails, in
   whichever process, ends all of them with the reason, and so does waiting for the others limit=SECONDS. */
#define _POSIX_C_SOURCE 199309L
#define LADDER_IMPLEMENTATION
#include "../../ladder.h"
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int rank, ranks;
static const char *model_dir = "tiny", *train_file = "data/train.tsv", *dev_file = "data/dev.tsv", *out = "mpi.ladder";
static const char *state, *cache_dir, *simd;
static double epochs = 4, batch = 32, parts = 8, every = 20, limit = 600, seed = 1, plain, layers;

static const struct option { const char *name; const char **text; double *number; } options[] = {
  { "model", &model_dir, NULL }, { "train", &train_file, NULL }, { "dev", &dev_file, NULL }, { "out", &out, NULL },
  { "state", &state, NULL }, { "cache", &cache_dir, NULL }, { "epochs", NULL, &epochs }, { "batch", NULL, &batch },
  { "parts", NULL, &parts }, { "every", NULL, &every }, { "limit", NULL, &limit }, { "seed", NULL, &seed },
  { "plain", NULL, &plain }, { "layers", NULL, &layers }, { "simd", &simd, NULL } };

static void give_up(const char *why) {
  fprintf(stderr, "process %d of %d: %s\n", rank, ranks, why);
  MPI_Abort(MPI_COMM_WORLD, 1);
  exit(1);
}

static void read_option(const char *text) {
  const size_t n = strcspn(text, "="), count = sizeof options / sizeof *options;
  char message[256], *end;
  size_t i = 0;
  while (i < count && (strlen(options[i].name) != n || strncmp(options[i].name, text, n) != 0)) i++;
  snprintf(message, sizeof message, "%.100s: no option of the form name=value; they are at the top of train.c", text);
  if (i == count || text[n] != '=') give_up(message);
  if (options[i].text) *options[i].text = text + n + 1;
  else if ((*options[i].number = strtod(text + n + 1, &end)) < 0 || *end || end == text + n + 1) give_up(message);
}

/* ---- what the trainer asks of MPI ---------------------------------------------------------- */

static struct { double seconds, floats; } travelled;

/* The hook. MPI_Test instead of a blocking call: there is a limit, and whoever waits long lets others have the core. */
static int32_t add_up(float *x, size_t n, void *user) {
  const struct timespec nap = { 0, 20000 };
  double begin = MPI_Wtime(), waited = 0;
  MPI_Request request;
  int done = 0;
  (void)user;
  if (MPI_Iallreduce(MPI_IN_PLACE, x, (int)n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request) != MPI_SUCCESS) return 1;
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done && waited < limit) {
    waited = MPI_Wtime() - begin;
    if (waited > 2e-4) nanosleep(&nap, NULL);
  }
  if (!done) give_up("the others did not answer within the limit: one of them hangs, or limit=SECONDS is too short");
  travelled.seconds += waited;
  travelled.floats += (double)n;
  return 0;
}

static volatile sig_atomic_t asked;        /* SIGTERM came: to one process or to all           */
static void on_signal(int number) { (void)number; asked = 1; }

static int32_t after_step(const ldr_progress *p, void *user) {
  const int width = 30, full = (int)(width * (int64_t)p->step / p->steps), terminal = isatty(2);
  const int tenth = (int)(10 * (int64_t)p->step / p->steps - 10 * (int64_t)(p->step - 1) / p->steps);
  (void)user;
  if (rank == 0 && (terminal || p->evaluated || tenth)) {      /* mostly mpirun stands before the terminal */
    fprintf(stderr, "%s[%.*s%.*s] epoch %d of %d, step %d of %d, loss %.4f", terminal ? "\r" : "",
        full, "##############################", width - full, "..............................",
        (int)p->epoch, (int)p->epochs, (int)p->step, (int)p->steps, p->loss);
    if (p->evaluated) fprintf(stderr, ", dev %.4f", p->metric);
    if (p->evaluated || !terminal) fprintf(stderr, "\n");
  }
  return asked;                          /* one that stops stops all */
}

/* ---- training ------------------------------------------------------------------------------ */

int main(int argc, char **argv) {
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_model_desc   kernels = {0};
  int i, stopped = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  for (i = 1; i < argc; i++) read_option(argv[i]);
  signal(SIGTERM, on_signal);

  for (i = 0; simd && ldr_simd_word(i, &kernels.simd) && strcmp(ldr_simd_word(i, NULL), simd) != 0; i++) continue;
  if (simd && !ldr_simd_word(i, NULL)) give_up("simd: no such instruction set (tools/ladder train --help has them)");
  kernels.release = layers != 0;
  ldr_model   *model = ldr_model_load(model_dir, &kernels, &err);
  ldr_dataset *train = ldr_dataset_load(model, train_file, &set, &err);
  set.labels = train;
  ldr_dataset *dev = ldr_dataset_load(model, dev_file, &set, &err);
  desc.classes = ldr_dataset_labels(train);
  desc.pool = LDR_POOL_MEAN;
  desc.seed = recipe.seed = (uint64_t)seed;
  recipe.epochs = (int32_t)epochs;
  recipe.batch = (int32_t)batch;
  recipe.accumulate = (int32_t)parts;
  recipe.cache = 1;
  recipe.cache_dir = cache_dir;
  recipe.cache_layers = layers != 0;
  recipe.progress_fn = after_step;
  recipe.reduce = add_up;
  recipe.rank = rank;
  recipe.ranks = ranks;
  recipe.reduce_plain = plain != 0;
  ldr_ladder  *ladder = ldr_ladder_create(model, &desc, &err);
  double begin = MPI_Wtime();
  clock_t busy = clock();
  ldr_trainer *trainer = ladder ? ldr_trainer_create(ladder, train, dev, &recipe, &err) : NULL;
  if (!trainer) give_up(err.message);
  const double ready = MPI_Wtime() - begin, ready_busy = (double)(clock() - busy) / CLOCKS_PER_SEC;
  const ldr_cache_info cache = ldr_trainer_cache(trainer);
  if (rank == 0 && cache.note[0][0]) fprintf(stderr, "%s\n", cache.note[0]);
  if (state && access(state, F_OK) == 0 && ldr_trainer_resume(trainer, state, &err)) give_up(err.message);
  const int32_t from = ldr_trainer_progress(trainer).step;
  if (rank == 0 && from) fprintf(stderr, "going on after step %d with %d processes\n", (int)from, ranks);

  travelled.seconds = travelled.floats = 0;
  begin = MPI_Wtime();
  busy = clock();
  while (!ldr_trainer_done(trainer)) {
    if (ldr_trainer_step(trainer, NULL, &err)) give_up(err.message);
    const int due = ldr_trainer_done(trainer) || ldr_trainer_progress(trainer).step % (int32_t)every == 0;
    if (rank == 0 && state && due && ldr_trainer_save(trainer, state, &err)) give_up(err.message);
  }
  const ldr_progress p = ldr_trainer_progress(trainer);
  const double steps = p.step > from ? p.step - from : 1, a_step = (MPI_Wtime() - begin) / steps;
  const double processor = (double)(clock() - busy) / CLOCKS_PER_SEC / steps;
  i = asked;
  MPI_Allreduce(&i, &stopped, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  ldr_trainer_restore_best(trainer);
  if (rank == 0 && !stopped && ldr_ladder_save(ladder, out, &err)) give_up(err.message);
  if (rank == 0)
    printf("%s after step %d; dev %.4f in epoch %d; %d processes: %.2f s to begin (processor %.2f), %.4f s a "
           "step (processor %.4f, waiting for sums %.4f), %.3f MB added up\n", stopped ? "stopped" : "done",
           (int)p.step, p.best_metric, (int)p.best_epoch, ranks, ready, ready_busy, a_step, processor,
           travelled.seconds / steps, travelled.floats * 4e-6 / steps);
  ldr_trainer_free(trainer);
  ldr_ladder_free(ladder);
  ldr_dataset_free(dev);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return MPI_Finalize() != MPI_SUCCESS;
}
