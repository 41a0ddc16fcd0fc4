/* The training loop written out: load, plan the memory, step, save, load again, predict.

       cc -O2 -fopenmp 05_by_hand.c -o by_hand -lm
       ./by_hand [MODEL [train.tsv [dev.tsv [TEXT]]]]

   ldr_fit does all of this in one call; here every part is in sight. The ladder is left in by_hand.ladder. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

/* One place to give up: the library never prints or exits, so the program decides. */
static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s: %s\n", ldr_status_name(err->status), err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: by_hand [MODEL [train.tsv [dev.tsv [TEXT]]]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

int main(int argc, char **argv) {
  const char      *dir = argc > 1 ? argv[1] : "tiny", *sentence = argc > 4 ? argv[4] : "Why is it so hot in the study?";
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_encoding     text = {0};
  ldr_progress     p = {0};
  ldr_memory       plan;
  ldr_batch        batch = {0};
  int32_t          offsets[2] = { 0, 0 }, i, best = 0;
  float           *scores;

  /* 1. The backbone is mapped read-only: nothing below can change it. */
  ldr_model *model = ldr_model_load(dir, NULL, &err);
  if (!model) return give_up(&err);

  /* 2. The dev set takes its label names from the training set, so that both agree on the numbers. */
  ldr_dataset *train = ldr_dataset_load(model, argc > 2 ? argv[2] : "data/train.tsv", &set, &err);
  set.labels = train;
  ldr_dataset *dev = train ? ldr_dataset_load(model, argc > 3 ? argv[3] : "data/dev.tsv", &set, &err) : NULL;
  if (!dev) return give_up(&err);

  /* 3. The side network, several times narrower than the backbone, cut out of its weights. */
  const char *names[64];
  desc.classes = ldr_dataset_labels(train);
  for (i = 0; i < desc.classes && i < 64; i++) names[i] = ldr_dataset_label_name(train, i);
  desc.label_names = desc.classes <= 64 ? names : NULL;
  ldr_ladder *ladder = ldr_ladder_create(model, &desc, &err);
  if (!ladder) return give_up(&err);
  printf("%llu of %llu numbers are trained\n", (unsigned long long)ldr_ladder_trainable(ladder), (unsigned long long)ldr_model_info_get(model).parameters);

  /* 4. What training will take is known before it is taken. */
  recipe.epochs = 8;
  recipe.batch = 16;
  recipe.cache = 1;                  /* keep the taps: later epochs never run the backbone */
  plan = ldr_trainer_plan(ladder, train, dev, &recipe);
  for (i = 0; i < plan.count; i++) printf("%12llu bytes  %s\n", (unsigned long long)plan.items[i].bytes, plan.items[i].name);

  /* 5. One call a step; none of them allocates. */
  ldr_trainer *trainer = ldr_trainer_create(ladder, train, dev, &recipe, &err);
  if (!trainer) return give_up(&err);
  while (!ldr_trainer_done(trainer)) {
    if (ldr_trainer_step(trainer, &p, &err)) return give_up(&err);
    if (p.evaluated) printf("epoch %d: loss %.4f, dev %.4f\n", (int)p.epoch, p.loss, p.metric);
  }
  ldr_trainer_restore_best(trainer);
  ldr_trainer_free(trainer);

  /* 6. The file holds the ladder alone and the backbone's fingerprint. */
  if (ldr_ladder_save(ladder, "by_hand.ladder", &err)) return give_up(&err);
  ldr_ladder_free(ladder);
  ladder = ldr_ladder_load(model, "by_hand.ladder", NULL, &err);
  if (!ladder) return give_up(&err);

  /* 7. Predict: a batch is the tokens of its sequences end to end; here one sequence. */
  if (ldr_tokenizer_encode(ldr_model_tokenizer(model), &text, sentence, strlen(sentence), NULL, 0, 128, 1, &err)) return give_up(&err);
  offsets[1] = text.count;
  batch.sequences = 1;
  batch.offsets = offsets;
  batch.ids = text.ids;
  batch.segments = text.segments;
  ldr_predictor *predictor = ldr_predictor_create(ladder, 1, text.count, &err);
  scores = (float *)malloc(sizeof *scores * (size_t)desc.classes);
  if (!predictor || !scores || ldr_predict(predictor, scores, &batch, &err)) return give_up(&err);
  for (i = 1; i < desc.classes; i++)
    if (scores[i] > scores[best]) best = i;
  printf("%s (%.3f)\n", ldr_ladder_label(ladder, best) ? ldr_ladder_label(ladder, best) : "?", (double)scores[best]);

  free(scores);
  ldr_predictor_free(predictor);
  ldr_encoding_free(&text);
  ldr_ladder_free(ladder);
  ldr_dataset_free(dev);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return 0;
}
