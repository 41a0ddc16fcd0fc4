/* Threads change the time and not a single bit.

       cc -O2 -fopenmp 09_threads.c -o threads -lm
       ./threads [MODEL [train.tsv]]

   Every number has one owner that adds in a fixed order, whoever works beside it. So a result can be checked on
   another machine of the same kind, however many cores it has. On a busy machine OMP_WAIT_POLICY=passive helps:
   threads that wait then sleep. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define STEPS 40

/* clock() adds up the time of all threads, so it is right only where there is one. */
static double seconds(void) {
#ifdef _OPENMP
  return omp_get_wtime();
#else
  return (double)clock() / CLOCKS_PER_SEC;
#endif
}

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: threads [MODEL [train.tsv]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

int main(int argc, char **argv) {
  ldr_error err = {0};
  void     *first = NULL;
  size_t    first_size = 0;
  int32_t   threads, i;
  int       differ = 0;

#ifndef _OPENMP
  printf("built without OpenMP: both runs use one thread\n");
#endif
  for (threads = 1; threads <= 2; threads++) {
    ldr_model_desc   how = {0};
    ldr_dataset_desc set = {0};
    ldr_ladder_desc  desc = {0};
    ldr_train_desc   recipe = {0};
    ldr_progress     p = {0};
    size_t           size = 0;
    double           start;
    void            *bytes;

    /* The number belongs to the model; all that works with it takes it from there. */
    how.threads = threads;
    ldr_model   *model = ldr_model_load(argc > 1 ? argv[1] : "tiny", &how, &err);
    ldr_dataset *train = ldr_dataset_load(model, argc > 2 ? argv[2] : "data/train.tsv", &set, &err);
    if (!train) return give_up(&err);
    desc.classes = ldr_dataset_labels(train);
    recipe.batch = 32;
    ldr_ladder  *ladder = ldr_ladder_create(model, &desc, &err);
    ldr_trainer *trainer = ladder ? ldr_trainer_create(ladder, train, NULL, &recipe, &err) : NULL;
    if (!trainer) return give_up(&err);

    start = seconds();
    for (i = 0; i < STEPS && !ldr_trainer_done(trainer); i++)
      if (ldr_trainer_step(trainer, &p, &err)) return give_up(&err);
    printf("%d thread%s: loss %.9g after %d steps, %.2f seconds\n", (int)threads, threads > 1 ? "s" : "", p.step_loss, (int)p.step, seconds() - start);

    /* All parameters, as they would stand in the file. */
    if (ldr_ladder_save_memory(ladder, NULL, 0, &size, &err)) return give_up(&err);
    bytes = malloc(size);
    if (!bytes || ldr_ladder_save_memory(ladder, bytes, size, &size, &err)) return give_up(&err);
    if (!first) {
      first = bytes;
      first_size = size;
    } else {
      differ = size != first_size || memcmp(first, bytes, size) != 0;
      free(bytes);
    }
    ldr_trainer_free(trainer);
    ldr_ladder_free(ladder);
    ldr_dataset_free(train);
    ldr_model_free(model);
  }
  printf("%lu bytes of ladder: %s\n", (unsigned long)first_size, differ ? "they DIFFER" : "the same bits");
  free(first);
  return differ;
}
