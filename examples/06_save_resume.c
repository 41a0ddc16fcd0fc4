/* Stop in the middle, go on another day: the result has the same bits as if nothing had happened.

       cc -O2 -fopenmp 06_save_resume.c -o save_resume -lm
       ./save_resume [MODEL [train.tsv [dev.tsv]]]

   ldr_trainer_save writes all that the next step depends on: parameters, the optimiser's moments, the place in
   the shuffled data, the best epoch so far. The ladder's own file, which users get, holds parameters only. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

#define STATE "save_resume.state"

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: save_resume [MODEL [train.tsv [dev.tsv]]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

typedef struct job {
  const ldr_model   *model;
  const ldr_dataset *train, *dev;
} job;

/* One program run: builds everything anew, goes on from STATE if `resume`, stops and saves after step `stop`
   (0: trains to the end). The finished ladder's bytes go to *bytes, for free(). */
static ldr_status run(const job *j, int resume, int32_t stop, void **bytes, size_t *size, ldr_error *err) {
  ldr_ladder_desc desc = {0};
  ldr_train_desc  recipe = {0};
  ldr_progress    p;
  desc.classes = ldr_dataset_labels(j->train);
  desc.dropout = 0.1f;                   /* random numbers, too, go on where they were */
  recipe.epochs = 2;
  recipe.batch = 32;
  recipe.cache = 1;
  ldr_ladder  *ladder = ldr_ladder_create(j->model, &desc, err);
  ldr_trainer *trainer = ladder ? ldr_trainer_create(ladder, j->train, j->dev, &recipe, err) : NULL;
  /* A state of other data, another backbone or another recipe is refused with LDR_MISMATCH. */
  int ok = trainer && (!resume || ldr_trainer_resume(trainer, STATE, err) == LDR_OK);
  if (ok) p = ldr_trainer_progress(trainer);
  if (ok) printf("  from step %d\n", (int)p.step);
  while (ok && !ldr_trainer_done(trainer)) {
    ok = ldr_trainer_step(trainer, &p, err) == LDR_OK;
    if (ok && p.evaluated) printf("  epoch %d of %d: loss %.4f, dev accuracy %.4f\n", (int)p.epoch, (int)p.epochs, p.loss, p.metric);
    if (ok && p.step == stop) {
      ok = ldr_trainer_save(trainer, STATE, err) == LDR_OK;
      if (ok) printf("  stopped after step %d of %d\n", (int)p.step, (int)p.steps);
      break;
    }
  }
  if (ok && bytes) {
    ldr_trainer_restore_best(trainer);
    ok = ldr_ladder_save_memory(ladder, NULL, 0, size, err) == LDR_OK;     /* how much room is needed */
    *bytes = ok ? malloc(*size) : NULL;
    ok = *bytes && ldr_ladder_save_memory(ladder, *bytes, *size, size, err) == LDR_OK;
  }
  ldr_trainer_free(trainer);
  ldr_ladder_free(ladder);
  return ok ? LDR_OK : err->status != LDR_OK ? err->status : LDR_MEMORY;
}

int main(int argc, char **argv) {
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  void            *whole = NULL, *parts = NULL;
  size_t           n = 0, m = 0;
  job              j;

  ldr_model   *model = ldr_model_load(argc > 1 ? argv[1] : "tiny", NULL, &err);
  ldr_dataset *train = ldr_dataset_load(model, argc > 2 ? argv[2] : "data/train.tsv", &set, &err);
  set.labels = train;
  ldr_dataset *dev = train ? ldr_dataset_load(model, argc > 3 ? argv[3] : "data/dev.tsv", &set, &err) : NULL;
  if (!dev) return give_up(&err);
  j.model = model;
  j.train = train;
  j.dev = dev;

  printf("in one go\n");
  if (run(&j, 0, 0, &whole, &n, &err)) return give_up(&err);
  printf("stopped half-way through the second epoch\n");
  if (run(&j, 0, (ldr_dataset_count(train) + 31) / 32 * 3 / 2, NULL, NULL, &err)) return give_up(&err);
  printf("resumed\n");
  if (run(&j, 1, 0, &parts, &m, &err)) return give_up(&err);
  remove(STATE);

  int same = n == m && memcmp(whole, parts, n) == 0;
  printf("%lu bytes of ladder: %s\n", (unsigned long)n, same ? "the same bits" : "they DIFFER");
  free(parts);
  free(whole);
  ldr_dataset_free(dev);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return !same;
}
