/* Fine-tune a pretrained model and ask it something, in the fewest lines.

       cc -O2 -fopenmp 01_hello.c -o hello -lm
       ./hello [MODEL [train.tsv [TEXT]]]

   MODEL is a Hugging Face directory (config.json, model.safetensors, vocab.txt); train.tsv holds label<TAB>text
   lines. Without arguments it takes what lies in this directory. Leave -fopenmp out where there is no OpenMP. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>

/* The library never prints or exits, so the program decides what a failure means. */
static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: hello [MODEL [train.tsv [TEXT]]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny", *file = argc > 2 ? argv[2] : "data/train.tsv", *text = argc > 3 ? argv[3] : "Turn off the lights in the kitchen";
  ldr_error        err = {0};        /* keeps the first failure, so one can go through all calls */
  ldr_dataset_desc set = {0};        /* zero means: the usual */
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_fit_result   result = {0};
  ldr_encoding     tokens = {0};
  ldr_batch        batch = {0};
  int32_t          offsets[2] = { 0, 0 }, i, best = 0;
  float            scores[64];

  /* A function that is given a NULL by the one before it fails too, and the first reason is kept. */
  ldr_model   *model = ldr_model_load(dir, NULL, &err);
  ldr_dataset *train = ldr_dataset_load(model, file, &set, &err);
  if (!train) return give_up(&err);
  desc.classes = ldr_dataset_labels(train);
  if (desc.classes > 64) return fprintf(stderr, "this example has room for 64 labels\n"), 1;
  ldr_ladder  *ladder = ldr_ladder_create(model, &desc, &err);

  /* Learn. The cache keeps what the backbone says of an example, so that it runs once and not once an epoch. */
  recipe.epochs = 8;
  recipe.batch = 16;
  recipe.cache = 1;
  if (!ladder || ldr_fit(ladder, train, NULL, &recipe, &result, &err)) return give_up(&err);
  printf("loss %.3f after %d steps; %llu numbers trained, %llu left alone\n", result.loss, (int)result.steps, (unsigned long long)ldr_ladder_trainable(ladder),
         (unsigned long long)ldr_model_info_get(model).parameters);

  /* Answer: text to tokens, tokens to a batch of one sequence, batch to a probability for each label. */
  if (ldr_tokenizer_encode(ldr_model_tokenizer(model), &tokens, text, strlen(text), NULL, 0, 128, 1, &err)) return give_up(&err);
  offsets[1] = tokens.count;
  batch.sequences = 1;
  batch.offsets = offsets;
  batch.ids = tokens.ids;
  ldr_predictor *predictor = ldr_predictor_create(ladder, 1, tokens.count, &err);
  if (!predictor || ldr_predict(predictor, scores, &batch, &err)) return give_up(&err);
  for (i = 1; i < desc.classes; i++)
    if (scores[i] > scores[best]) best = i;
  printf("%s -> %s (%.2f)\n", text, ldr_dataset_label_name(train, best), (double)scores[best]);

  ldr_predictor_free(predictor);
  ldr_encoding_free(&tokens);
  ldr_ladder_free(ladder);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return 0;
}
