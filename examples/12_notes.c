/* Teach it your notes: a language model learns a text file while the program runs, and forgets next to nothing else.

       cc -O2 -fopenmp 12_notes.c -o notes -lm
       ./notes MODEL [NOTES [PROMPT [STATE]]]     a decoder: a Hugging Face directory, or a .gguf file of any type

   The model's own weights are only read, quantised or not. What is learned lives in a ladder of copies beside them, and in
   STATE: killed at any moment, the program goes on from there with the same bits; lines that NOTES has gained are learned
   on top. So that the rest stays, every step repeats texts that the model itself has made up, each word of them as the
   model foresees it (`distil`); other texts of its own tell what was lost. Nothing leaves this machine. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  OWN = 128, HELD = 32, LENGTH = 64,      /* texts of its own to repeat and to judge by; tokens of a text */
  REPLAY = 32, STEPS = 200                /* texts repeated at a step; steps at most */
};
static const double enough = 0.1;         /* the loss of notes that are known by heart */

static const char notes[] = "The key of the boat house hangs behind the blue door.\n"
                            "Ask Ines for the map; she drew it in April.\n"
                            "The cat is called Biscuit and may not have milk.\n";

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: notes MODEL [NOTES [PROMPT [STATE]]]\n");
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

/* Every token from `first` on is to be foreseen from those before it. */
static ldr_status add(ldr_dataset *d, const int32_t *ids, int32_t n, int32_t first, ldr_error *err) {
  int32_t labels[LENGTH], i;
  ldr_example x = {0};
  for (i = 0; i < n; i++) labels[i] = i + 1 < n && i + 1 >= first ? ids[i + 1] : LDR_IGNORE;
  x.ids = ids;
  x.count = n;
  x.labels = labels;
  return n < 2 ? LDR_OK : ldr_dataset_add(d, &x, err);
}

/* A line a text; how it begins is the question, the rest is the answer. */
static ldr_dataset *of_lines(const ldr_model *m, const char *line, ldr_error *err) {
  ldr_dataset_desc desc = {0};
  ldr_encoding e = {0};
  desc.head = LDR_HEAD_WORDS;
  ldr_dataset *d = ldr_dataset_create(&desc, err);
  for (size_t n; d && *line && !err->status; line += n + (line[n] != 0)) {
    n = strcspn(line, "\n");
    if (!ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, line, n, NULL, 0, LENGTH, 1, err)) add(d, e.ids, e.count, e.count / 3, err);
  }
  ldr_encoding_free(&e);
  return d;
}

/* What the model says when nobody asks, by draws of `seed` and after. */
static ldr_dataset *of_its_own(const ldr_model *m, int32_t texts, uint64_t seed, ldr_error *err) {
  ldr_dataset_desc desc = {0};
  ldr_generate_desc how = {0};
  ldr_encoding e = {0};
  int32_t ids[LENGTH], made = 0;
  desc.head = LDR_HEAD_WORDS;
  ldr_dataset *d = ldr_dataset_create(&desc, err);
  ldr_session *s = d ? ldr_session_create(m, NULL, NULL, err) : NULL;
  if (s) ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, "", 0, NULL, 0, 8, 1, err);
  if (s && !e.count) ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, "The", 3, NULL, 0, 8, 1, err);
  how.sampling.temperature = 1;
  how.most = LENGTH - e.count;
  for (how.sampling.seed = seed; s && texts-- && !err->status; how.sampling.seed++) {
    for (int32_t i = 0; i < e.count; i++) ids[i] = e.ids[i];
    if (!ldr_session_rewind(s, 0, err) && !ldr_generate(s, ids + e.count, &made, ids, e.count, &how, err))
      add(d, ids, e.count + made, 1, err);
  }
  ldr_session_free(s);
  ldr_encoding_free(&e);
  return d;
}

static ldr_status say(const ldr_model *m, ldr_ladder *l, const ldr_dataset *facts, const ldr_dataset *held,
                      const char *prompt, const char *when, double *loss, ldr_error *err) {
  ldr_session *s = ldr_session_create(m, l, NULL, err);
  ldr_generate_desc d = {0};
  ldr_encoding e = {0};
  ldr_text text = {0};
  ldr_score known = {0}, kept = {0};
  int32_t out[24], made = 0;
  d.most = 24;
  if (s && !ldr_evaluate(l, facts, LDR_METRIC_AUTO, &known, err) && !ldr_evaluate(l, held, LDR_METRIC_AUTO, &kept, err) &&
      !ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, prompt, strlen(prompt), NULL, 0, 64, 1, err) &&
      !ldr_generate(s, out, &made, e.ids, e.count, &d, err) &&
      !ldr_tokenizer_decode(ldr_model_tokenizer(m), &text, out, made, 1, err))
    printf("%s: loss of the notes %.3f, perplexity of other texts %.4f\n  %s|%s\n", when, known.loss, exp(kept.loss), prompt,
           text.data);
  *loss = known.loss;
  ldr_text_free(&text);
  ldr_encoding_free(&e);
  ldr_session_free(s);
  return err->status;
}

int main(int argc, char **argv) {
  const char  *dir = argc > 1 ? argv[1] : "tiny", *prompt = argc > 3 ? argv[3] : "The key of the boat";
  const char  *state = argc > 4 ? argv[4] : NULL;
  char        *text = argc > 2 ? read_file(argv[2]) : NULL;
  ldr_error    err = {0};
  ldr_score    known = {0};
  double       loss = 0;
  int          step;
  FILE        *kept;

  ldr_model *m = ldr_model_load(dir, NULL, &err);
  if (!m) return give_up(&err);
  if (!ldr_model_info_get(m).causal || !ldr_model_tokenizer(m)) {
    printf("%s is no language model with a vocabulary: give a decoder, for instance a .gguf file\n", dir);
    ldr_model_free(m);
    return 0;
  }
  ldr_dataset *facts = of_lines(m, text ? text : notes, &err);
  ldr_dataset *own = err.status ? NULL : of_its_own(m, OWN, 1000, &err);
  ldr_dataset *held = err.status ? NULL : of_its_own(m, HELD, 5000, &err);
  if (err.status) return give_up(&err);

  /* A ladder that starts as the model itself, so the first answer is the model's own. */
  ldr_ladder_desc ld = {0};
  ldr_train_desc  td = {0};
  ld.head = LDR_HEAD_WORDS;
  ld.top = ldr_model_info_get(m).layers;
  ldr_ladder *l = ldr_ladder_create(m, &ld, &err);
  td.distil = 1;
  td.learn_rate = RATE;
  ldr_trainer *t = l ? ldr_trainer_create(l, own, NULL, &td, &err) : NULL;
  if (!t) return give_up(&err);
  kept = state ? fopen(state, "rb") : NULL;
  if (kept && (fclose(kept) || ldr_trainer_resume(t, state, &err))) return give_up(&err);
  if (say(m, l, facts, held, prompt, "before", &loss, &err)) return give_up(&err);

  for (step = 0; loss > enough && step < STEPS; step++) {
    if (ldr_trainer_learn(t, facts, REPLAY, NULL, &err)) return give_up(&err);
    if (state && ldr_trainer_save(t, state, &err)) return give_up(&err);
    if (ldr_evaluate(l, facts, LDR_METRIC_AUTO, &known, &err)) return give_up(&err);
    loss = known.loss;
  }
  printf("%d texts, %d steps, %llu numbers learned beside %llu\n", (int)ldr_dataset_count(facts), step,
         (unsigned long long)ldr_ladder_trainable(l), (unsigned long long)ldr_model_info_get(m).parameters);
  if (say(m, l, facts, held, prompt, "after", &loss, &err)) return give_up(&err);

  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(facts);
  ldr_dataset_free(own);
  ldr_dataset_free(held);
  ldr_model_free(m);
  free(text);
  return 0;
}
