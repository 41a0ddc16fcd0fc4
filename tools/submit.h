/* submit.h: what ladders of choices answer, where the blanks of a text may not have the same word, and files of answers
   as CLUE and GLUE take them. For ladder.c and tests; behind the implementation of ladder.h. */
#ifndef LADDER_SUBMIT_H
#define LADDER_SUBMIT_H

#include "tasks.h"

/* ---- linear assignment ----------------------------------------------------------------- */

/* Every row i of score[n,m], n <= m, gets a column out[i] that no other row has, so that the sum of score[i,out[i]] is
   the largest. Kuhn and Munkres with potentials, O(n^2 m). 0: out of memory. */
static int assign_columns(int32_t *out, const float *score, int32_t n, int32_t m) {
  size_t columns = (size_t)m + 1;
  double *u = (double *)calloc((size_t)n + 1 + 2 * columns, sizeof *u), *v, *least;
  int32_t *row = (int32_t *)calloc(3 * columns, sizeof *row), *from, *used;
  int32_t i, j, best, at, next;
  int ok = u && row;
  v = ok ? u + n + 1 : NULL;
  least = ok ? v + columns : NULL;
  from = ok ? row + columns : NULL;
  used = ok ? from + columns : NULL;
  for (i = 1; ok && i <= n; i++) {       /* rows and columns count from 1; column 0 holds the row that is placed */
    for (j = 0; j <= m; j++) {
      least[j] = 1e300;
      used[j] = 0;
    }
    row[0] = i;
    for (at = 0; row[at]; at = next) {
      double step = 1e300;
      used[at] = 1;
      for (next = 0, j = 1; j <= m; j++) {
        double cost;
        if (used[j]) continue;
        cost = -(double)score[(size_t)(row[at] - 1) * (size_t)m + (size_t)(j - 1)];
        if (!(fabs(cost) < 1e39)) cost = cost < 0 ? -1e39 : 1e39;      /* no number: the last that is taken */
        cost -= u[row[at]] + v[j];
        if (cost < least[j]) {
          least[j] = cost;
          from[j] = at;
        }
        if (least[j] < step) {
          step = least[j];
          next = j;
        }
      }
      for (j = 0; j <= m; j++) {
        if (used[j]) {
          u[row[j]] += step;
          v[j] -= step;
        } else least[j] -= step;
      }
    }
    for (; at; at = best) {
      best = from[at];
      row[at] = row[best];
    }
  }
  for (j = 1; ok && j <= m; j++)
    if (row[j]) out[row[j] - 1] = j - 1;
  free(u);
  free(row);
  return ok;
}

/* ---- answers of a set of choices --------------------------------------------------------- */

typedef struct choice_answers {
  int32_t  count;
  int32_t *answer;                       /* [count]                                          */
  float   *scores;                       /* [count, choices of the set]                      */
  double   accuracy, loss;
} choice_answers;

static void free_choice_answers(choice_answers *a) {
  free(a->answer);
  free(a->scores);
  memset(a, 0, sizeof *a);
}

static int32_t best_choice(const float *score, int32_t n) {
  int32_t i, best = 0;
  for (i = 1; i < n; i++)
    if (score[i] > score[best]) best = i;
  return best;
}

/* Examples [first,last) of a group: each its own best, or, where they share candidates, the best without repeats. */
static int answer_group(choice_answers *a, const item_list *items, int32_t choices, int32_t first, int32_t last) {
  int32_t i, k, most = items->choices[first], n = last - first;
  float *table;
  int ok;
  for (i = first; i < last; i++)
    a->answer[i] = best_choice(a->scores + (size_t)i * (size_t)choices, items->choices[i]);
  if (n < 2 || n > most) return 1;                 /* more blanks than candidates: some have to repeat */
  table = (float *)malloc((size_t)n * (size_t)most * sizeof *table);
  if (!table) return 0;
  for (i = 0; i < n; i++)
    for (k = 0; k < most; k++)
      table[(size_t)i * (size_t)most + (size_t)k] = a->scores[(size_t)(first + i) * (size_t)choices + (size_t)k];
  ok = assign_columns(a->answer + first, table, n, most);
  free(table);
  return ok;
}

/* Cross-entropy of the real choices, with the right one. */
static double choice_loss(const float *score, int32_t n, int32_t right) {
  double sum = 0;
  int32_t k, best = best_choice(score, n);
  for (k = 0; k < n; k++) sum += exp((double)score[k] - (double)score[best]);
  return log(sum) - ((double)score[right] - (double)score[best]);
}

/* A sequence a choice goes through the ladder; missing choices are no answers. */
static ldr_status score_choices(ldr_ladder *l, const ldr_dataset *d, const item_list *items, choice_answers *a,
    ldr_error *err) {
  int32_t choices = d->choices, n = ldr_dataset_count(d) / choices, i, k, longest = 1, last;
  int32_t *offsets = (int32_t *)calloc((size_t)choices + 1, sizeof *offsets);
  ldr_predictor *p = NULL;
  ldr_status status = LDR_OK;
  memset(a, 0, sizeof *a);
  a->count = n;
  a->answer = (int32_t *)calloc((size_t)n + 1, sizeof *a->answer);
  a->scores = (float *)calloc((size_t)n * (size_t)choices + 1, sizeof *a->scores);
  for (i = 0; i < n; i++)
    longest = LDR__MAX(longest, (int32_t)(d->offsets[(i + 1) * choices] - d->offsets[i * choices]));
  if (!offsets || !a->answer || !a->scores) status = ldr__fail(err, LDR_MEMORY, "out of memory");
  else p = ldr_predictor_create(l, choices, longest, err);
  if (!status && !p) status = err->status;
  for (i = 0; !status && i < n; i++) {
    ldr_example e = ldr_dataset_get(d, i * choices);
    ldr_batch b;
    memset(&b, 0, sizeof b);
    for (k = 0; k < choices; k++)
      offsets[k + 1] = (int32_t)(d->offsets[i * choices + k + 1] - d->offsets[i * choices]);
    b.sequences = choices;
    b.offsets = offsets;
    b.ids = e.ids;
    b.segments = e.segments;
    status = ldr_predict(p, a->scores + (size_t)i * (size_t)choices, &b, err);
    if (!status)
      a->loss += choice_loss(a->scores + (size_t)i * (size_t)choices, items->choices[i], e.labels[0]) / n;
  }
  for (i = 0; !status && i < n; i = last) {
    last = i + 1;
    while (last < n && items->group[i] >= 0 && items->group[last] == items->group[i]) last++;
    if (!answer_group(a, items, choices, i, last))
      status = ldr__fail(err, LDR_MEMORY, "out of memory");
  }
  for (i = 0; !status && i < n; i++)
    a->accuracy += (a->answer[i] == ldr_dataset_get(d, i * choices).labels[0]) / (double)n;
  ldr_predictor_free(p);
  free(offsets);
  return status;
}

/* Do examples of the set share candidates? */
static int shares_candidates(const item_list *items) {
  int32_t i;
  for (i = 1; i < items->count; i++)
    if (items->group[i] >= 0 && items->group[i] == items->group[i - 1]) return 1;
  return 0;
}

/* ---- files of answers --------------------------------------------------------------------- */

/* Ends a file that was written as a stream: only if all of it is there does it get its name. */
static ldr_status end_stream(ldr__writer *w, ldr_status status, ldr_error *err) {
  if (!status && w->f && ferror(w->f)) status = ldr__fail(err, LDR_IO, "%s: writing failed", w->path);
  if (!w->status) w->status = status;
  return ldr__writer_close(w, err);
}

/* CLUE: {"id":7,"label":"1"} a line, of chid one object for all; GLUE: index<TAB>prediction lines behind a first line
   of names. */
typedef struct submission {
  ldr__writer     w;
  FILE           *f;                     /* of w, while it is open                           */
  task_submission form;
  int64_t         written;
} submission;

static ldr_status submission_open(submission *s, const char *path, task_submission form, ldr_error *err) {
  s->form = form;
  s->written = 0;
  ldr__writer_open(&s->w, path, err);
  s->f = s->w.f;
  if (s->f && form == SUBMIT_GLUE) fputs("index\tprediction\n", s->f);
  if (s->f && form == SUBMIT_CLOZE) fputs("{", s->f);
  return s->w.status;
}

/* What stands before an answer. id: as the file of examples has it; empty: their number, counted from 0. */
static void submission_begin(submission *s, const char *id) {
  char number[32];
  snprintf(number, sizeof number, "%" PRId64, s->written);
  if (!id || !*id) id = number;
  if (s->form == SUBMIT_CLUE) fprintf(s->f, "{\"id\":%s,\"label\":", id);
  else if (s->form == SUBMIT_CLOZE) fprintf(s->f, *id == '"' ? "%s%s:" : "%s\"%s\":", s->written ? ",\n" : "\n", id);
  else if (*id == '"') fprintf(s->f, "%.*s\t", (int)(strlen(id) - 2), id + 1);
  else fprintf(s->f, "%s\t", id);
  s->written++;
}

static void submission_end(submission *s) {
  fputs(s->form == SUBMIT_CLUE ? "}\n" : s->form == SUBMIT_GLUE ? "\n" : "", s->f);
}

/* status: what came before. Half of the answers are no submission. */
static ldr_status submission_close(submission *s, ldr_status status, ldr_error *err) {
  if (s->form == SUBMIT_CLOZE) fputs("\n}\n", s->f);
  s->f = NULL;
  return end_stream(&s->w, status, err);
}

#endif
