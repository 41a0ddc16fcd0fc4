/* Any model: what a directory or a .gguf file holds, and what it says about a text with the head it was published with.

       cc -O2 -fopenmp 11_any_model.c -o any_model -lm
       ./any_model [MODEL [TEXT]]      a Hugging Face directory, or a .gguf file

   A classifier names its classes, a language model goes on with the text, an encoder gives the text's vector. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: any_model [MODEL [TEXT]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* A language model: greedy, 40 tokens at most. */
static ldr_status go_on(const ldr_model *m, const ldr_encoding *e, ldr_error *err) {
  ldr_session_desc room = {0};
  ldr_session *s;
  ldr_generate_desc d = {0};
  ldr_text text = {0};
  int32_t out[40], made = 0;
  room.capacity = e->count + 40;
  s = ldr_session_create(m, NULL, &room, err);
  d.most = 40;
  if (s && !ldr_generate(s, out, &made, e->ids, e->count, &d, err) &&
    !ldr_tokenizer_decode(ldr_model_tokenizer(m), &text, out, made, 1, err)) printf("\nit goes on:%s\n", text.data);
  ldr_text_free(&text);
  ldr_session_free(s);
  return err->status;
}

/* A head for a task: a row of scores for the text, or for each of its tokens. */
static ldr_status judge(const ldr_model *m, const float *hidden, const ldr_batch *b, ldr_error *err) {
  ldr_model_info info = ldr_model_info_get(m);
  float *scores = (float *)malloc((size_t)b->offsets[1] * (size_t)info.classes * sizeof *scores);
  int32_t c;
  if (!scores) return LDR_MEMORY;
  if (!ldr_model_scores(m, scores, hidden, b, err)) {
    printf("\nthe published head%s:\n", info.task == LDR_TASK_TOKENS ? ", for the first token" : "");
    for (c = 0; c < info.classes && c < 10; c++) printf("  %-12s %8.4f\n", ldr_model_label(m, c) ? ldr_model_label(m, c) : "", (double)scores[c]);
  }
  free(scores);
  return err->status;
}

int main(int argc, char **argv) {
  const char  *dir = argc > 1 ? argv[1] : "tiny", *text = argc > 2 ? argv[2] : "Once upon a time";
  ldr_error    err = {0};
  ldr_encoding e = {0};
  ldr_batch    batch = {0};
  int32_t      offsets[2] = {0, 0}, i;
  float       *hidden;

  ldr_model *m = ldr_model_load(dir, NULL, &err);
  if (!m) return give_up(&err);

  /* 1. What it is. */
  ldr_model_info info = ldr_model_info_get(m);
  printf("%s: %d layers %d wide, %.1f million numbers in %.1f MB, %s\n", info.family, (int)info.layers, (int)info.width,
         (double)info.parameters / 1e6, (double)info.weight_bytes / 1e6, info.causal ? "a decoder" : "an encoder");
  if (!ldr_model_tokenizer(m)) {
    printf("there is no vocabulary in it: it takes token ids alone\n");
    ldr_model_free(m);
    return 0;
  }

  /* 2. The text as the model reads it, and the state of every token. */
  if (ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, text, strlen(text), NULL, 0, info.positions, 1, &err)) return give_up(&err);
  printf("\"%s\" is %d tokens:", text, (int)e.count);
  for (i = 0; i < e.count; i++) printf(" %d", (int)e.ids[i]);
  printf("\n");
  offsets[1] = e.count;
  batch.sequences = 1;
  batch.offsets = offsets;
  batch.ids = e.ids;
  batch.segments = e.segments;
  hidden = (float *)malloc((size_t)e.count * (size_t)info.width * sizeof *hidden);
  if (!hidden || ldr_model_hidden(m, hidden, &batch, -1, &err)) return give_up(&err);

  /* 3. What it has to say. */
  if (info.task != LDR_TASK_NONE && info.task != LDR_TASK_POOLER) judge(m, hidden, &batch, &err);
  else if (info.causal && info.has_logits) go_on(m, &e, &err);
  else printf("\nthe first token's state: %.3f %.3f %.3f %.3f ...\n", (double)hidden[0], (double)hidden[1], (double)hidden[2], (double)hidden[3]);
  if (err.status) return give_up(&err);

  free(hidden);
  ldr_encoding_free(&e);
  ldr_model_free(m);
  return 0;
}
