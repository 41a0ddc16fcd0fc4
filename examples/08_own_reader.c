/* Data in a format of your own, and a model that is no file: ldr_dataset_add and ldr_model_load_memory.

       cc -O2 -fopenmp 08_own_reader.c -o own_reader -lm
       ./own_reader [MODEL [FILE]]

   The library reads two formats. Any other is your few lines: cut the record, turn the text into tokens, add
   them with a label. Here a record is "[label] text", one a line, # begins a remark. And the model comes from
   three blocks of memory, as it would in flash, in a resource section or in WebAssembly. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

/* The default FILE: messages at the door of a repair shop, and how soon somebody must look at them. */
static const char messages[] =
  "# label in brackets, then what they wrote\n"
  "[urgent] Water is running down the wall, come at once\n"
  "[urgent] There is a smell of gas in the kitchen\n"
  "[urgent] The lift is stuck and my mother is in it\n"
  "[urgent] Sparks are flying out of the socket\n"
  "[urgent] The cellar is under water and it is rising\n"
  "[urgent] The front door will not open and the stove is on\n"
  "[urgent] A tree fell on the roof and it is raining in\n"
  "[urgent] No heat in the whole house and the baby is ill\n"
  "[urgent] The alarm will not stop and there is smoke\n"
  "[urgent] The pipe has burst, hurry\n"
  "[later] The paint on the fence is coming off\n"
  "[later] I would like a new handle for the cupboard some day\n"
  "[later] The garden gate makes a noise in the wind\n"
  "[later] Next month we want a price for two windows\n"
  "[later] One tile in the guest bathroom has a small crack\n"
  "[later] Could you look at the old clock when you are near\n"
  "[later] The bell is a little too quiet for my taste\n"
  "[later] We are thinking about a shelf for the hall\n"
  "[later] The drawer sticks now and then\n"
  "[later] When you have time, please send the bill for May\n";

static const char *const questions[] = { "Water is coming through the ceiling", "We might want another shelf next year" };

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: own_reader [MODEL [FILE]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* A whole file, for free(). Failures are reported the library's way, so that one report serves all. */
static char *slurp(const char *dir, const char *name, size_t *size, ldr_error *err) {
  char   path[1024];
  FILE  *f;
  long   length;
  char  *data = NULL;
  snprintf(path, sizeof path, "%s%s%s", dir, *dir ? "/" : "", name);
  f = fopen(path, "rb");
  if (f && fseek(f, 0, SEEK_END) == 0 && (length = ftell(f)) > 0 && fseek(f, 0, SEEK_SET) == 0) {
    *size = (size_t)length;
    data = (char *)malloc(*size);
    if (data && fread(data, 1, *size, f) != *size) {
      free(data);
      data = NULL;
    }
  }
  if (f) fclose(f);
  if (!data && err->status == LDR_OK) {
    err->status = LDR_IO;
    snprintf(err->message, sizeof err->message, "%.400s: cannot be read", path);
  }
  return data;
}

/* Reads "[label] text" lines into the set. */
static ldr_status read_messages(ldr_dataset *set, const ldr_tokenizer *t, const char *data, size_t size, ldr_error *err) {
  const char  *end = data + size, *line, *next;
  ldr_encoding tokens = {0};             /* one, used again for every line */
  ldr_status   status = LDR_OK;
  for (line = data; line < end && status == LDR_OK; line = next) {
    const char *stop = (const char *)memchr(line, '\n', (size_t)(end - line)), *close;
    char        name[64];
    int32_t     label;
    ldr_example e = {0};
    if (!stop) stop = end;
    next = stop < end ? stop + 1 : end;
    close = (const char *)memchr(line, ']', (size_t)(stop - line));
    if (line == stop || *line == '#') continue;
    if (*line != '[' || !close || close - line - 1 >= (ptrdiff_t)sizeof name) {
      err->status = LDR_DATA;
      err->offset = (uint64_t)(line - data);
      snprintf(err->message, sizeof err->message, "byte %lu: a line must begin with [label]", (unsigned long)(line - data));
      status = LDR_DATA;
      continue;
    }
    memcpy(name, line + 1, (size_t)(close - line - 1));
    name[close - line - 1] = 0;
    label = ldr_dataset_label(set, name, 1, err);          /* its number; a new name gets the next one */
    status = label < 0 ? err->status : ldr_tokenizer_encode(t, &tokens, close + 1, (size_t)(stop - close - 1), NULL, 0, 64, 1, err);
    e.count = tokens.count;
    e.ids = tokens.ids;
    e.segments = tokens.segments;
    e.labels = &label;
    if (status == LDR_OK) status = ldr_dataset_add(set, &e, err);          /* copied: tokens can be used again */
  }
  ldr_encoding_free(&tokens);
  return status;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny";
  char  *config, *weights, *vocab, *file = NULL;
  size_t config_size = 0, weights_size = 0, vocab_size = 0, size = sizeof messages - 1, q;
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_fit_result   result = {0};
  ldr_encoding     tokens = {0};
  int32_t          i, best;

  /* 1. Three blocks of memory make a model. The weights are used where they are and must stay; the other two
     are only read now. */
  config = slurp(dir, "config.json", &config_size, &err);
  weights = slurp(dir, "model.safetensors", &weights_size, &err);
  vocab = slurp(dir, "vocab.txt", &vocab_size, &err);
  if (!config || !weights || !vocab) return give_up(&err);
  ldr_model *model = ldr_model_load_memory(config, config_size, weights, weights_size, vocab, vocab_size, NULL, &err);
  free(config);
  free(vocab);
  if (!model) return give_up(&err);

  /* 2. The data. */
  ldr_dataset *train = ldr_dataset_create(&set, &err);
  if (argc > 2) file = slurp("", argv[2], &size, &err);
  if (!train || (argc > 2 && !file) || read_messages(train, ldr_model_tokenizer(model), file ? file : messages, size, &err)) return give_up(&err);
  free(file);
  printf("%d messages, %lu tokens, %d labels\n", (int)ldr_dataset_count(train), (unsigned long)ldr_dataset_tokens(train), (int)ldr_dataset_labels(train));

  /* 3. From here on nothing knows where it all came from. */
  desc.classes = ldr_dataset_labels(train);
  if (desc.classes > 64) return fprintf(stderr, "this example has room for 64 labels\n"), 1;
  recipe.epochs = 20;
  recipe.batch = 5;
  recipe.cache = 1;
  ldr_ladder *ladder = ldr_ladder_create(model, &desc, &err);
  if (!ladder || ldr_fit(ladder, train, NULL, &recipe, &result, &err)) return give_up(&err);
  printf("loss %.3f after %d steps\n", result.loss, (int)result.steps);

  ldr_predictor *predictor = ldr_predictor_create(ladder, 1, 64, &err);
  if (!predictor) return give_up(&err);
  for (q = 0; q < sizeof questions / sizeof *questions; q++) {
    int32_t   offsets[2] = { 0, 0 };
    ldr_batch batch = {0};
    float     scores[64];
    if (ldr_tokenizer_encode(ldr_model_tokenizer(model), &tokens, questions[q], strlen(questions[q]), NULL, 0, 64, 1, &err)) return give_up(&err);
    offsets[1] = tokens.count;
    batch.sequences = 1;
    batch.offsets = offsets;
    batch.ids = tokens.ids;
    if (ldr_predict(predictor, scores, &batch, &err)) return give_up(&err);
    for (i = 1, best = 0; i < desc.classes; i++)
      if (scores[i] > scores[best]) best = i;
    printf("[%s] %s (%.2f)\n", ldr_dataset_label_name(train, best), questions[q], (double)scores[best]);
  }

  ldr_encoding_free(&tokens);
  ldr_predictor_free(predictor);
  ldr_ladder_free(ladder);
  ldr_dataset_free(train);
  ldr_model_free(model);
  free(weights);                         /* after the model that reads it */
  return 0;
}
