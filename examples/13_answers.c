/* Answer questions about a text: the answer is a span of its words, and there may be none.

       cc -O2 -fopenmp 13_answers.c -o answers -lm
       ./answers [MODEL [TEXT QUESTION]]

   It learns from questions about made-up messages, then answers about one with names, days and places that it has not
   seen. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>

static const char *const who[] = { "Anna", "my brother", "Mr Smith", "the doctor", "Lucy and Tom", "John",
    "our teacher", "Emily", "Peter" }, *const when[] = { "on Monday", "at noon", "tomorrow", "in May", "at five" };
static const char *const where[] = { "at the station", "in Paris", "near the old bridge", "at home", "in the garden",
    "behind the church", "at the office" };
static const char *const forms[] = { "I heard that %s will be %s %s.", "This is what we know: %s was seen %s %s.",
    "Please note that %s must wait %s %s, as agreed." };
static const char *const questions[] = { "Who is it?", "Where is it?", "When is it?", "What does it cost?" };

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: answers [MODEL [TEXT QUESTION]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* A tag for each token: 1 begins the answer, 2 goes on with it, 0 is other text; no other token can be one. */
static void tag(int32_t *labels, const ldr_encoding *e, const char *text, const char *answer) {
  const char *at = answer ? strstr(text, answer) : NULL;
  int32_t from = at ? (int32_t)(at - text) : 0, to = at ? from + (int32_t)strlen(answer) : 0, i, inside = 0;
  for (i = 0; i < e->count; i++) {
    labels[i] = e->text[i] == 1 ? 0 : LDR_IGNORE;
    if (e->text[i] == 1 && e->end[i] > from && e->begin[i] < to) labels[i] = 1 + (inside++ > 0);
  }
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny", *question = argc > 3 ? argv[3] : NULL;
  const char *text = argc > 2 ? argv[2] : "I heard that Robert will be in the library on Sunday.";
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_encoding     e = {0};
  ldr_batch        batch = {0};
  ldr_span         span;
  char             made[200];
  int32_t          labels[128], offsets[2] = { 0, 0 }, i, q, count;

  ldr_model *model = ldr_model_load(dir, NULL, &err);
  const ldr_tokenizer *tokens = ldr_model_tokenizer(model);
  set.head = desc.head = LDR_HEAD_SPANS;
  desc.classes = 3;                                  /* O, B and I of one type of span           */
  ldr_dataset *train = ldr_dataset_create(&set, &err);
  for (i = 0; model && train && i < 63; i++)
    for (q = 0; q < 4; q++) {
      const char *answers[4] = { who[i % 9], where[i % 7], when[i % 5], NULL };
      ldr_example x = {0};
      snprintf(made, sizeof made, forms[i % 3], answers[0], answers[1], answers[2]);
      if (ldr_tokenizer_encode(tokens, &e, questions[q], strlen(questions[q]), made, strlen(made), 128, 1,
          &err)) return give_up(&err);
      tag(labels, &e, made, answers[q]);
      x.count = e.count;
      x.ids = e.ids;
      x.segments = e.segments;
      x.labels = labels;
      if (ldr_dataset_add(train, &x, &err)) return give_up(&err);
    }
  ldr_ladder *ladder = ldr_ladder_create(model, &desc, &err);
  recipe.epochs = 6;
  recipe.batch = 16;
  recipe.cache = 1;
  if (!ladder || ldr_fit(ladder, train, NULL, &recipe, NULL, &err)) return give_up(&err);

  ldr_predictor *predictor = ldr_predictor_create(ladder, 1, 128, &err);
  printf("%s\n", text);
  for (q = 0; predictor && q < (question ? 1 : 4); q++) {
    const char *asked = question ? question : questions[q];
    if (ldr_tokenizer_encode(tokens, &e, asked, strlen(asked), text, strlen(text), 128, 1,
        &err)) return give_up(&err);
    tag(labels, &e, text, NULL);
    offsets[1] = e.count;
    batch.sequences = 1;
    batch.offsets = offsets;
    batch.ids = e.ids;
    batch.segments = e.segments;
    if (ldr_predict_spans(predictor, &span, 1, &count, &batch, labels, 30, 0, &err)) return give_up(&err);
    if (count) printf("  %s %.*s (%.1f)\n", asked, (int)(e.end[span.last] - e.begin[span.first]),
        text + e.begin[span.first], (double)span.score);
    else printf("  %s It does not say.\n", asked);
  }
  ldr_predictor_free(predictor);
  ldr_encoding_free(&e);
  ldr_ladder_free(ladder);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return predictor ? 0 : give_up(&err);
}
