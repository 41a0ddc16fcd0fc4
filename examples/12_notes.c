/* Teach it your notes: a language model reads a text file a few times; what it learned lives in a ladder of copies beside it.

       cc -O2 -fopenmp 12_notes.c -o notes -lm
       ./notes MODEL [NOTES [PROMPT]]      a decoder: a Hugging Face directory, or a .gguf file of any type of weights

   The model's own weights stay as they are, quantised or not, and are only read. Nothing leaves this machine. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

static const char notes[] = "The key of the boat house hangs behind the blue door.\n"
                            "Ask Ines for the map; she drew it in April.\n"
                            "The cat is called Biscuit and may not have milk.\n";

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: notes MODEL [NOTES [PROMPT]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  char *s = (char *)malloc(1 << 20);
  size_t n = f && s ? fread(s, 1, (1 << 20) - 1, f) : 0;
  if (f) fclose(f);
  if (s) s[n] = 0;
  return s;
}

/* Every token of a line is to be foreseen from those before it. */
static ldr_status add_line(ldr_dataset *d, const ldr_tokenizer *t, ldr_encoding *e, const char *line, size_t n, ldr_error *err) {
  int32_t labels[256], i;
  ldr_example x = {0};
  if (ldr_tokenizer_encode(t, e, line, n, NULL, 0, 256, 1, err)) return err->status;
  if (e->count < 2) return LDR_OK;
  for (i = 0; i < e->count; i++) labels[i] = i + 1 < e->count ? e->ids[i + 1] : LDR_IGNORE;
  x.ids = e->ids;
  x.count = e->count;
  x.labels = labels;
  return ldr_dataset_add(d, &x, err);
}

static ldr_status say(const ldr_model *m, const ldr_ladder *l, ldr_encoding *e, const char *prompt, ldr_error *err) {
  ldr_session *s = ldr_session_create(m, l, NULL, err);
  ldr_generate_desc d = {0};
  ldr_text text = {0};
  int32_t out[24], made = 0;
  d.most = 24;
  if (s && !ldr_tokenizer_encode(ldr_model_tokenizer(m), e, prompt, strlen(prompt), NULL, 0, 64, 1, err) &&
    !ldr_generate(s, out, &made, e->ids, e->count, &d, err) &&
    !ldr_tokenizer_decode(ldr_model_tokenizer(m), &text, out, made, 1, err)) printf("  %s|%s\n", prompt, text.data);
  ldr_text_free(&text);
  ldr_session_free(s);
  return err->status;
}

int main(int argc, char **argv) {
  const char  *dir = argc > 1 ? argv[1] : "tiny", *prompt = argc > 3 ? argv[3] : "The key of the boat";
  char        *own = argc > 2 ? read_file(argv[2]) : NULL;
  const char  *line = own ? own : notes, *end;
  ldr_error    err = {0};
  ldr_encoding e = {0};
  ldr_progress p = {0};

  ldr_model *m = ldr_model_load(dir, NULL, &err);
  if (!m) return give_up(&err);
  if (!ldr_model_info_get(m).causal || !ldr_model_tokenizer(m)) {
    printf("%s is no language model with a vocabulary: give a decoder, for instance a .gguf file\n", dir);
    ldr_model_free(m);
    return 0;
  }

  /* 1. The notes, a line a text. */
  ldr_dataset_desc sd = {0};
  sd.head = LDR_HEAD_WORDS;
  ldr_dataset *set = ldr_dataset_create(&sd, &err);
  for (; set && *line && !err.status; line = *end ? end + 1 : end) {
    end = line + strcspn(line, "\n");
    add_line(set, ldr_model_tokenizer(m), &e, line, (size_t)(end - line), &err);
  }
  if (err.status) return give_up(&err);

  /* 2. A ladder that starts as the model itself, so the first answer is the model's own. */
  ldr_ladder_desc ld = {0};
  ld.head = LDR_HEAD_WORDS;
  ldr_ladder *l = ldr_ladder_create(m, &ld, &err);
  if (!l) return give_up(&err);
  printf("before:\n");
  if (say(m, l, &e, prompt, &err)) return give_up(&err);

  /* 3. Read them thirty times. */
  ldr_train_desc td = {0};
  td.epochs = 30;
  td.batch = 4;
  ldr_trainer *t = ldr_trainer_create(l, set, NULL, &td, &err);
  if (!t) return give_up(&err);
  while (!ldr_trainer_done(t) && !ldr_trainer_step(t, &p, &err)) {}
  if (err.status) return give_up(&err);
  printf("after %d texts thirty times, loss %.3f, %llu of %llu numbers learned:\n", (int)ldr_dataset_count(set), p.loss,
         (unsigned long long)ldr_ladder_trainable(l), (unsigned long long)ldr_model_info_get(m).parameters);
  if (say(m, l, &e, prompt, &err)) return give_up(&err);

  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  ldr_encoding_free(&e);
  ldr_model_free(m);
  free(own);
  return 0;
}
