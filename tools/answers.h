/* answers.h: what a trained ladder answers, example by example, and what needs no model at all: counted words. For
   ladder.c, which includes it behind the implementation of ladder.h. */
#ifndef LADDER_ANSWERS_H
#define LADDER_ANSWERS_H

#include "run.h"

/* ---- counting words: softmax regression on the pieces a text has ------------------------- */

/* score of class c for a text with n different pieces = sum over its pieces of weight[piece,c] / sqrt(n); AdaGrad, an
   example a step. */
typedef struct word_counter {
  int32_t  classes, words;
  int32_t *index;                 /* [vocabulary] row of a piece, -1: training never had it          */
  float   *weight, *squares;      /* [words,classes]                                                 */
  float   *p;                     /* [classes]                                                       */
  int32_t *rows, *last;           /* [longest] rows of a text; [words] the text that had it last      */
  int32_t  texts;
} word_counter;

/* The rows of a text's pieces, each once. */
static int32_t word_rows(word_counter *w, const ldr_example *e) {
  int32_t i, n = 0;
  w->texts++;
  for (i = 0; i < e->count; i++) {
    int32_t row = w->index[e->ids[i]];
    if (row < 0 || w->last[row] == w->texts) continue;
    w->last[row] = w->texts;
    w->rows[n++] = row;
  }
  return n;
}

/* The likeliest class; p becomes the probabilities. */
static int32_t word_answer(word_counter *w, int32_t n) {
  float scale = 1.0f / sqrtf((float)LDR__MAX(n, 1));
  int32_t i, c, best = 0;
  for (c = 0; c < w->classes; c++) w->p[c] = 0;
  for (i = 0; i < n; i++)
    for (c = 0; c < w->classes; c++) w->p[c] += scale * w->weight[(size_t)w->rows[i] * (size_t)w->classes + (size_t)c];
  for (c = 1; c < w->classes; c++)
    if (w->p[c] > w->p[best]) best = c;
  ldr__softmax_rows(w->p, 1, (size_t)w->classes);
  return best;
}

static void word_learn(word_counter *w, const ldr_example *e) {
  int32_t n = word_rows(w, e), i, c;
  float scale = 1.0f / sqrtf((float)LDR__MAX(n, 1));
  word_answer(w, n);
  w->p[e->labels[0]] -= 1.0f;
  for (i = 0; i < n; i++)
    for (c = 0; c < w->classes; c++) {
      size_t at = (size_t)w->rows[i] * (size_t)w->classes + (size_t)c;
      float g = scale * w->p[c];
      w->squares[at] += g * g;
      w->weight[at] -= 0.3f * g / sqrtf(w->squares[at] + 1e-8f);
    }
}

static double word_score(word_counter *w, const ldr_dataset *d) {
  int32_t i, n = ldr_dataset_count(d), right = 0;
  for (i = 0; i < n; i++) {
    ldr_example e = ldr_dataset_get(d, i);
    right += word_answer(w, word_rows(w, &e)) == e.labels[0];
  }
  return n ? (double)right / n : 0;
}

/* Room, and a row for every piece that the training texts have. 0: out of memory. */
static int word_counter_open(word_counter *w, const ldr_dataset *train, int32_t vocabulary, int32_t longest) {
  int32_t i, k;
  memset(w, 0, sizeof *w);
  w->classes = ldr_dataset_labels(train);
  w->index = (int32_t *)malloc((size_t)vocabulary * sizeof *w->index);
  for (i = 0; w->index && i < vocabulary; i++) w->index[i] = -1;
  for (i = 0; w->index && i < ldr_dataset_count(train); i++) {
    ldr_example e = ldr_dataset_get(train, i);
    for (k = 0; k < e.count; k++)
      if (w->index[e.ids[k]] < 0) w->index[e.ids[k]] = w->words++;
  }
  w->weight = (float *)calloc((size_t)w->words * (size_t)w->classes, sizeof *w->weight);
  w->squares = (float *)calloc((size_t)w->words * (size_t)w->classes, sizeof *w->squares);
  w->last = (int32_t *)calloc((size_t)w->words, sizeof *w->last);
  w->p = (float *)malloc((size_t)w->classes * sizeof *w->p);
  w->rows = (int32_t *)malloc((size_t)longest * sizeof *w->rows);
  return w->index && w->weight && w->squares && w->last && w->p && w->rows;
}

static void word_counter_close(word_counter *w) {
  free(w->rows);
  free(w->p);
  free(w->last);
  free(w->squares);
  free(w->weight);
  free(w->index);
}

/* Accuracy of counted words on dev and test (NULL: 0), of the epoch that is best on dev. 0: out of memory. */
static int count_words(const ldr_dataset *train, const ldr_dataset *dev, const ldr_dataset *test, int32_t vocabulary,
    int32_t max_len, double *dev_score, double *test_score) {
  word_counter w;
  int32_t epoch, i, n = ldr_dataset_count(train);
  double work = (double)ldr_dataset_tokens(train) * ldr_dataset_labels(train);
  int32_t epochs = (int32_t)LDR__MIN(40.0, 1.0 + 2e9 / work);      /* a second or two, however large the set */
  uint32_t random = 1;
  int ok = word_counter_open(&w, train, vocabulary, max_len);
  *dev_score = *test_score = 0;
  for (epoch = 0; ok && epoch < epochs; epoch++) {
    double score;
    for (i = 0; i < n; i++) {
      ldr_example e;
      random = random * 1664525u + 1013904223u;
      e = ldr_dataset_get(train, (int32_t)(random % (uint32_t)n));
      word_learn(&w, &e);
    }
    score = dev ? word_score(&w, dev) : epoch;
    if (score <= *dev_score && epoch) continue;
    *dev_score = score;
    if (test) *test_score = word_score(&w, test);
  }
  word_counter_close(&w);
  return ok;
}

/* ---- answers, example by example ------------------------------------------------------- */

/* {"label":"a","answer":"b","score":0.7,"text":"..."} for every example of a set with one label a text. The text
   is what the tokens say: it may have lost its capitals. */
static ldr_status put_answer(FILE *f, const ldr_model *m, ldr_ladder *l, ldr_predictor *p, const ldr_example *e,
    float *scores, ldr_text *said, ldr_error *err) {
  const ldr_tokenizer *t = ldr_model_tokenizer(m);
  int32_t c, best = 0, offsets[2] = { 0, 0 };
  const char *label = e->labels[0] >= 0 ? ldr_ladder_label(l, e->labels[0]) : NULL, *answer;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 1;
  offsets[1] = e->count;
  b.offsets = offsets;
  b.ids = e->ids;
  b.segments = e->segments;
  if (ldr_predict(p, scores, &b, err)) return err->status;
  if (t && ldr_tokenizer_decode(t, said, e->ids, e->count, 1, err)) return err->status;
  for (c = 1; c < ldr_ladder_desc_get(l).classes; c++)
    if (scores[c] > scores[best]) best = c;
  answer = ldr_ladder_label(l, best);
  fputs("{\"label\":", f);
  put_string(f, label ? label : e->labels[0] == LDR_UNSEEN ? "(a label training never saw)" : "?");
  fputs(",\"answer\":", f);
  put_string(f, answer ? answer : "?");
  fputs(",\"score\":", f);
  put_number(f, (double)scores[best]);
  fputs(",\"text\":", f);
  put_string(f, t && said->data ? said->data : "");
  fputs("}\n", f);
  return LDR_OK;
}

static ldr_status write_answers(const char *path, const ldr_model *m, ldr_ladder *l, const ldr_dataset *d,
    int32_t max_len, ldr_error *err) {
  ldr_predictor *p = ldr_predictor_create(l, 1, max_len, err);
  float *scores = (float *)malloc((size_t)LDR__MAX(ldr_ladder_desc_get(l).classes, 1) * sizeof *scores);
  ldr__writer w;
  ldr_status status = !p ? err->status : !scores ? ldr__fail(err, LDR_MEMORY, "out of memory") : LDR_OK;
  ldr_text said;
  int32_t i;
  memset(&said, 0, sizeof said);
  memset(&w, 0, sizeof w);
  if (!status) status = ldr__writer_open(&w, path, err);
  for (i = 0; !status && i < ldr_dataset_count(d); i++) {
    ldr_example e = ldr_dataset_get(d, i);
    status = put_answer(w.f, m, l, p, &e, scores, &said, err);
  }
  status = w.f ? end_stream(&w, status, err) : status;
  ldr_text_free(&said);
  free(scores);
  ldr_predictor_free(p);
  return status;
}

#endif
