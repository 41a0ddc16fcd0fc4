/* Teach it your notes: a language model learns a text file while the program runs, and forgets next to nothing else.

       cc -O2 -fopenmp 12_notes.c -o notes -lm
       ./notes MODEL [NOTES [PROMPT [STATE]]]     a decoder: a Hugging Face directory, or a .gguf file of any type

   The model's weights are only read: what it learns lives in a ladder of copies beside them, and in STATE. Killed at
   any moment, the program goes on from there with the same bits; lines that NOTES gained are learned on top. So that the rest
   stays, every step repeats texts that the model itself has made up, each word as the model foresees it (`distil`); other
   texts of its own tell what was lost. Nothing leaves this machine. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

/* Texts of its own to repeat, and to judge by, drawn so many at a time; tokens of a text; texts repeated at a step; steps
   at most. */
enum { OWN = 512, HELD = 64, TOGETHER = 64, LENGTH = 48, REPLAY = 32, STEPS = 200 };
static ldr_encoding e;

static const char notes[] = "The key of the boat house hangs behind the blue door.\n"
                            "Ask Ines for the map; she drew it in April.\n"
                            "The cat is called Biscuit and may not have milk.\n";

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n%s", err->message, err->status == LDR_IO ? "usage: notes MODEL [NOTES [PROMPT [STATE]]]\n" : "");
  return err->status == LDR_IO ? 2 : 1;
}

/* Every token from `first` on is to be foreseen from those before it. */
static void add(ldr_dataset *d, const int32_t *ids, int32_t n, int32_t first, ldr_error *err) {
  int32_t labels[LENGTH], i;
  ldr_example x = { 0 };
  for (i = 0; i < n; i++) labels[i] = i + 1 < n && i + 1 >= first ? ids[i + 1] : LDR_IGNORE;
  x.ids = ids;
  x.count = n;
  x.labels = labels;
  if (n > 1) ldr_dataset_add(d, &x, err);
}

/* Lines of the file, or of what stands above: how one begins is the question, the rest the answer. */
static ldr_status add_lines(ldr_dataset *d, const ldr_model *m, const char *path, ldr_error *err) {
  static char text[1 << 20];
  FILE  *f = path ? fopen(path, "rb") : NULL;
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  const char *line = f ? text : notes;
  if (f) fclose(f);
  else if (path) {
    err->status = LDR_IO;
    snprintf(err->message, sizeof err->message, "%s cannot be opened", path);
  }
  for (text[n] = 0; *line && !err->status; line += n + (line[n] != 0)) {
    n = strcspn(line, "\n");
    if (!ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, line, n, NULL, 0, LENGTH, 1, err))
      add(d, e.ids, e.count, e.count / 3, err);
  }
  return err->status;
}

/* What the model says when nobody asks: `texts` draws, which go on together. */
static ldr_status add_own(ldr_dataset *d, const ldr_model *m, int32_t texts, uint64_t seed, ldr_error *err) {
  const int32_t words = ldr_model_info_get(m).vocabulary;
  static ldr_session *s[TOGETHER];
  static int32_t ids[TOGETHER][LENGTH], last[TOGETHER];
  float *logits = malloc(TOGETHER * (size_t)words * sizeof *logits);
  ldr_sampling how = { 0 };
  how.temperature = 1;
  for (int i = 0; i < TOGETHER; i++) s[i] = ldr_session_create(m, NULL, NULL, err);
  if (!ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, "", 0, NULL, 0, 8, 1, err) && !e.count)
    ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, "The", 3, NULL, 0, 8, 1, err);
  for (; texts > 0 && logits && !err->status; texts -= TOGETHER) {
    for (int i = 0; i < TOGETHER && !ldr_session_rewind(s[i], 0, err); i++) last[i] = ids[i][0] = e.ids[0];
    for (int n = 1; n < LENGTH && !ldr_session_step(s, TOGETHER, logits, last, err); n++)
      for (int i = 0; i < TOGETHER; i++) {
        how.seed = seed + (uint64_t)(texts + i); /* a draw of its own for each text */
        last[i] = ids[i][n] = n < e.count ? e.ids[n] : ldr_sample(logits + i * words, words, &how, ids[i], n);
      }
    for (int i = 0; i < TOGETHER && !err->status; i++) add(d, ids[i], LENGTH, 1, err);
  }
  for (int i = 0; i < TOGETHER; i++) ldr_session_free(s[i]);
  free(logits);
  return err->status;
}

static ldr_status say(const ldr_model *m, ldr_ladder *l, ldr_dataset *const *set, const char *prompt, ldr_error *err) {
  ldr_session *s = ldr_session_create(m, l, NULL, err);
  ldr_generate_desc d = {0};
  ldr_text text = {0};
  ldr_score known = {0}, kept = {0};
  int32_t out[24], made = 0;
  d.most = 24;
  if (s && !ldr_evaluate(l, set[0], LDR_METRIC_AUTO, &known, err) &&
      !ldr_evaluate(l, set[2], LDR_METRIC_AUTO, &kept, err) &&
      !ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, prompt, strlen(prompt), NULL, 0, 64, 1, err) &&
      !ldr_generate(s, out, &made, e.ids, e.count, &d, err) &&
      !ldr_tokenizer_decode(ldr_model_tokenizer(m), &text, out, made, 1, err))
    printf("loss of the notes %.3f, perplexity of other texts %.4f\n  %s|%s\n", known.loss, exp(kept.loss), prompt,
           text.data);
  ldr_text_free(&text);
  ldr_session_free(s);
  return err->status;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny", *prompt = argc > 3 ? argv[3] : "The key of the boat";
  const char *state = argc > 4 ? argv[4] : NULL;
  ldr_error   err = {0};
  ldr_dataset_desc sd = {0};
  ldr_ladder_desc  ld = {0};
  ldr_train_desc   td = {0};
  ldr_dataset     *set[3];                              /* notes, and texts of its own to repeat and to judge by */
  ldr_score        known = {0};
  FILE            *kept;

  ldr_model *m = ldr_model_load(dir, NULL, &err);
  if (!m) return give_up(&err);
  if (!ldr_model_info_get(m).causal || !ldr_model_tokenizer(m)) {
    printf("%s is no language model with a vocabulary: give a decoder, for instance a .gguf file\n", dir);
    return ldr_model_free(m), 0;
  }
  ld.head = sd.head = LDR_HEAD_WORDS;
  for (int i = 0; i < 3; i++)
    if ((set[i] = ldr_dataset_create(&sd, &err)) == NULL) return give_up(&err);
  if (add_lines(set[0], m, argc > 2 ? argv[2] : NULL, &err) || add_own(set[1], m, OWN, 1000, &err) ||
      add_own(set[2], m, HELD, 5000, &err)) return give_up(&err);

  ld.top = ldr_model_info_get(m).layers;                /* a ladder starts as the model itself */
  ldr_ladder *l = ldr_ladder_create(m, &ld, &err);
  td.distil = 1;
  ldr_trainer *t = l ? ldr_trainer_create(l, set[1], NULL, &td, &err) : NULL;
  if (!t) return give_up(&err);
  kept = state ? fopen(state, "rb") : NULL;
  if (kept && (fclose(kept) || ldr_trainer_resume(t, state, &err))) return give_up(&err);
  printf("before: ");
  if (say(m, l, set, prompt, &err)) return give_up(&err);
  for (int i = 0; i < STEPS; i++) {                     /* until the notes are known by heart */
    if (ldr_evaluate(l, set[0], LDR_METRIC_AUTO, &known, &err)) return give_up(&err);
    if (known.loss < 0.05) break;
    if (ldr_trainer_learn(t, set[0], REPLAY, NULL, &err)) return give_up(&err);
    if (state && ldr_trainer_save(t, state, &err)) return give_up(&err);
  }
  printf("after %d texts, %llu of %llu numbers learned: ", (int)ldr_dataset_count(set[0]),
         (unsigned long long)ldr_ladder_trainable(l), (unsigned long long)ldr_model_info_get(m).parameters);
  if (say(m, l, set, prompt, &err)) return give_up(&err);

  ldr_trainer_free(t);
  ldr_ladder_free(l);
  for (int i = 0; i < 3; i++) ldr_dataset_free(set[i]);
  ldr_encoding_free(&e);
  ldr_model_free(m);
  return 0;
}
