/* Translate with a ladder: an encoder-decoder learns from a few sources with their targets, then answers one.

       cc -O2 -fopenmp 16_translate.c -o translate -lm
       ./translate MODEL [LINE SOURCE TARGET [SOURCE TARGET ..]]      T5, mT5, BART, mBART, Marian, Pegasus, M2M-100

   Thousands of pairs belong into a file: ladder train --task seq2seq. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>

static const char *const some[] = { "the cat sat", "die Katze sass", "the time is noon", "es ist Mittag",
    "a cat", "eine Katze" };

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: translate MODEL [LINE SOURCE TARGET ..]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* The source's tokens in segment 0; in segment 1 what the decoder reads, its start token and the target but for the
   last, and as labels what it is to say there. */
static ldr_status add_pair(ldr_dataset *d, const ldr_model *m, const char *source, const char *target, ldr_error *err) {
  const ldr_tokenizer *t = ldr_model_tokenizer(m);
  int32_t ids[512], segments[512], labels[512], i;
  ldr_encoding a = {0}, b = {0};
  ldr_example x = {0};
  if (ldr_tokenizer_encode(t, &a, source, strlen(source), NULL, 0, 256, 1, err) ||
    ldr_tokenizer_encode(t, &b, target, strlen(target), NULL, 0, 256, 1, err)) return err->status;
  for (i = 0; i < a.count + b.count; i++) {
    int32_t k = i - a.count;                   /* its place in the target */
    ids[i] = k < 0 ? a.ids[i] : k == 0 ? ldr_model_info_get(m).start : b.ids[k - 1];
    segments[i] = k >= 0;
    labels[i] = k < 0 ? LDR_IGNORE : b.ids[k];
  }
  x.count = a.count + b.count;
  x.ids = ids;
  x.segments = segments;
  x.labels = labels;
  ldr_dataset_add(d, &x, err);
  ldr_encoding_free(&a);
  ldr_encoding_free(&b);
  return err->status;
}

static ldr_status answer(const ldr_model *m, const ldr_ladder *l, const char *line, ldr_error *err) {
  ldr_session *s = ldr_session_create(m, l, NULL, err);
  const ldr_tokenizer *t = ldr_model_tokenizer(m);
  ldr_generate_desc d = {0};
  ldr_encoding e = {0};
  ldr_text text = {0};
  int32_t out[64], made = 0;
  d.most = 64;
  if (s && !ldr_tokenizer_encode(t, &e, line, strlen(line), NULL, 0, 256, 1, err) &&
    !ldr_generate(s, out, &made, e.ids, e.count, &d, err) &&             /* the encoder reads the line, once */
    !ldr_tokenizer_decode(t, &text, out, made, 1, err)) printf("%s -> %s\n", line, text.data);
  ldr_text_free(&text);
  ldr_encoding_free(&e);
  ldr_session_free(s);
  return err->status;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny", *line = argc > 2 ? argv[2] : some[0];
  ldr_error    err = {0};
  ldr_progress p = {0};
  int          i;

  ldr_model *m = ldr_model_load(dir, NULL, &err);
  if (!m) return give_up(&err);
  if (!ldr_model_encoder(m) || !ldr_model_tokenizer(m)) {
    printf("%s is no encoder-decoder with a vocabulary: give a T5, a BART or one of their kin\n", dir);
    ldr_model_free(m);
    return 0;
  }

  ldr_dataset_desc sd = {0};
  sd.head = LDR_HEAD_WORDS;
  ldr_dataset *set = ldr_dataset_create(&sd, &err);
  for (i = 3; set && i + 1 < argc && !err.status; i += 2) add_pair(set, m, argv[i], argv[i + 1], &err);
  for (i = 0; set && argc < 5 && i < 6 && !err.status; i += 2) add_pair(set, m, some[i], some[i + 1], &err);
  if (err.status) return give_up(&err);

  ldr_ladder_desc ld = {0};                    /* copies of the last decoder blocks, beside the frozen model */
  ld.head = LDR_HEAD_WORDS;
  ldr_ladder *l = ldr_ladder_create(m, &ld, &err);
  ldr_train_desc td = {0};
  td.epochs = 100;
  td.batch = 4;
  ldr_trainer *t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
  while (t && !ldr_trainer_done(t) && !ldr_trainer_step(t, &p, &err)) {}
  if (err.status) return give_up(&err);
  printf("%d pairs, loss %.3f, %llu of %llu numbers learned\n", (int)ldr_dataset_count(set), p.loss,
      (unsigned long long)ldr_ladder_trainable(l), (unsigned long long)ldr_model_info_get(m).parameters);
  if (answer(m, l, line, &err)) return give_up(&err);

  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  ldr_model_free(m);
  return 0;
}
