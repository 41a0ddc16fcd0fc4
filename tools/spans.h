/* spans.h: questions about texts, whose answers are spans of the text: files of them, windows of long texts, the best
   answer of all windows, and the scores of the official scripts. Included behind the implementation of ladder.h, whose
   files, JSON, tokenizer and errors it uses. C99 and C++11, nothing but libc, no global state.

       read_questions      SQuAD 1.1 and 2.0, cmrc2018, JSON values {"question","context","answers"} -> questions
       add_windows         questions -> examples for heads that give spans
       answer_question     a question and its text -> the best span of all windows
       score_answer        what exact match and F1 an answer has */

#ifndef SPANS_H
#define SPANS_H

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

enum { QUESTION_TOKENS = 64, ANSWER_TOKENS = 30, WINDOW_STRIDE = 128 };

/* A text of a file, printable and short. */
#define SHOWN 96
static const char *show(char shown[SHOWN], const char *s, size_t n) {
  ldr__format(shown, SHOWN, "%b", s, n);
  return shown;
}

/* ---- questions and their files --------------------------------------------------------- */

typedef struct question {
  char   *id, *text, **answers;
  int32_t context, answer_count;
  size_t  begin, end;                    /* bytes of an answer in the context; the same: there is none */
  int     damaged;                       /* has answers, none of which is where it is said to be */
  int     named;                         /* the file gives the id; else it is the number         */
} question;

typedef struct questions {
  question *items;
  char    **contexts;
  int32_t   count, context_count;
  size_t    capacity, context_capacity;
  /* moved: not where they are said to be, but at one other place */
  int32_t   answers, moved, misplaced, damaged, unanswered, textless;
  char      first_bad[256];
} questions;

static void free_questions(questions *q) {
  int32_t i, k;
  for (i = 0; i < q->count; i++) {
    for (k = 0; k < q->items[i].answer_count; k++) free(q->items[i].answers[k]);
    free(q->items[i].answers);
    free(q->items[i].id);
    free(q->items[i].text);
  }
  for (i = 0; i < q->context_count; i++) free(q->contexts[i]);
  free(q->items);
  free(q->contexts);
  memset(q, 0, sizeof *q);
}

/* The byte at which character number `index` of s begins; bad bytes count as one character each. */
static size_t byte_of_char(const char *s, size_t n, int64_t index) {
  size_t i = 0;
  for (; index > 0 && i < n; index--) {
    size_t length = ldr__utf8_length((const unsigned char *)s + i, n - i);
    i += length ? length : 1;
  }
  return i;
}

/* White space at the ends belongs to no span: many tokens begin with a blank. */
static void trim_place(const char *s, size_t *begin, size_t *end) {
  while (*end > *begin && strchr(" \t\r\n", s[*begin])) ++*begin;
  while (*end > *begin && strchr(" \t\r\n", s[*end - 1])) --*end;
}

static int64_t chars_before(const char *s, size_t n, size_t byte) {
  int64_t count = 0;
  size_t i;
  for (i = 0; i < byte && i < n; count++) {
    size_t length = ldr__utf8_length((const unsigned char *)s + i, n - i);
    i += length ? length : 1;
  }
  return count;
}

/* A reader's way through one file. */
typedef struct question_reader {
  ldr__reader r;
  questions  *q;
  size_t      base;                      /* of the value under way                           */
  int         answered;                  /* answers must be there                            */
} question_reader;

static ldr_status question_fail(const question_reader *s, const ldr_json *j, int32_t node, ldr_error *err,
    const char *what) {
  return ldr__reader_fail(&s->r, s->base + ldr_json_node_at(j, node)->begin, err, "%s", what);
}

/* A string, or a number as it is written, for free(). */
static char *text_of_json(const ldr_json *j, int32_t node, const question_reader *s, ldr_error *err) {
  const ldr_json_node *n = ldr_json_node_at(j, node);
  char *out = (char *)malloc(n->end - n->begin + 1);
  ptrdiff_t size;
  if (!out) {
    words_no_memory("questions", err);
    return NULL;
  }
  size = ldr_json_string(out, n->end - n->begin + 1, j, node);
  if (n->type == LDR_JSON_NUMBER) {
    size = (ptrdiff_t)(n->end - n->begin);
    memcpy(out, s->r.data + s->base + n->begin, (size_t)size);
    out[size] = 0;
  }
  if (size >= 0 && strlen(out) == (size_t)size) return out;
  question_fail(s, j, node, err, size < 0 ? "a text is expected here" : "a NUL in a text");
  free(out);
  return NULL;
}

static const char *only_place(const char *context, const char *answer) {
  const char *at = *answer ? strstr(context, answer) : NULL;
  return at && !strstr(at + 1, answer) ? at : NULL;
}

/* One answer and the character it is said to begin at. */
static ldr_status read_answer(question_reader *s, question *e, const ldr_json *j, int32_t said, int32_t start,
    ldr_error *err) {
  const char *context = s->q->contexts[e->context], *at = NULL;
  size_t n = strlen(context), size, from;
  double first = start >= 0 ? ldr_json_number(j, start, 0.5) : -1;
  char *answer = text_of_json(j, said, s, err), shown[SHOWN];
  char **more = answer ? (char **)realloc(e->answers, (size_t)(e->answer_count + 1) * sizeof *more) : NULL;
  if (!more) {
    free(answer);
    return answer ? words_no_memory("questions", err) : err->status;
  }
  e->answers = more;
  e->answers[e->answer_count++] = answer;
  s->q->answers++;
  size = strlen(answer);
  if (first != floor(first)) return question_fail(s, j, start, err,
      "where an answer begins is a whole number of characters");
  from = first >= 0 && first <= (double)n ? byte_of_char(context, n, (int64_t)first) : n;
  if (size && size <= n - from && memcmp(context + from, answer, size) == 0) at = context + from;
  if (!at) {
    at = only_place(context, answer);
    s->q->moved += at && start >= 0;
    s->q->misplaced += !at;
    if (!at && !*s->q->first_bad)
      snprintf(s->q->first_bad, sizeof s->q->first_bad,
          "line %lld: \"%s\" is said to begin at character %.0f, and does not",
          (long long)ldr__reader_line(&s->r, s->base + ldr_json_node_at(j, said)->begin), show(shown, answer, size),
          first);
  }
  if (at && e->begin == e->end) {
    e->begin = (size_t)(at - context);
    e->end = e->begin + size;
  }
  return LDR_OK;
}

static int32_t json_member(const ldr_json *j, int32_t object, const char *name, const char *other) {
  int32_t node = ldr_json_get(j, object, name);
  return node >= 0 || !other ? node : ldr_json_get(j, object, other);
}

/* "answers": [{"text", "answer_start"}], {"text": [..], "answer_start": [..]}, or a list of texts. */
static ldr_status read_answers_of(question_reader *s, question *e, const ldr_json *j, int32_t answers, ldr_error *err) {
  const ldr_json_node *n = ldr_json_node_at(j, answers);
  int32_t said, start, node;
  ldr_status status = LDR_OK;
  if (n->type == LDR_JSON_OBJECT) {
    said = ldr_json_get(j, answers, "text");
    start = json_member(j, answers, "answer_start", "start");
    if (said < 0 || start < 0 || ldr_json_node_at(j, said)->type != LDR_JSON_ARRAY || ldr_json_node_at(j,
        start)->type != LDR_JSON_ARRAY ||
        ldr_json_node_at(j, said)->count != ldr_json_node_at(j, start)->count)
      return question_fail(s, j, answers, err, "answers are {\"text\": [..], \"answer_start\": [..]} of the same "
          "length, or a list of {\"text\", \"answer_start\"}");
    said = ldr_json_node_at(j, said)->first;
    start = ldr_json_node_at(j, start)->first;
    for (; !status && said >= 0; said = ldr_json_node_at(j, said)->next, start = ldr_json_node_at(j, start)->next)
      status = read_answer(s, e, j, said, start, err);
    return status;
  }
  if (n->type != LDR_JSON_ARRAY) return question_fail(s, j, answers, err, "answers are a list");
  for (node = n->first; !status && node >= 0; node = ldr_json_node_at(j, node)->next) {
    int object = ldr_json_node_at(j, node)->type == LDR_JSON_OBJECT;
    said = object ? ldr_json_get(j, node, "text") : node;
    if (said < 0) return question_fail(s, j, node, err, "an answer has a \"text\" and the character it begins at, "
        "\"answer_start\" or \"start\"");
    status = read_answer(s, e, j, said, object ? json_member(j, node, "answer_start", "start") : -1, err);
  }
  return status;
}

static char *copy_bytes(const char *s, size_t n) {
  char *out = (char *)malloc(n + 1);
  if (!out) return NULL;
  memcpy(out, s, n);
  out[n] = 0;
  return out;
}

/* Takes text and id over; without an id the number of the question is one. NULL: no memory, or the text was none. */
static question *next_question(questions *q, char *said, char *id, int32_t context, ldr_error *err) {
  question *items = said ? (question *)words_grow(q->items, &q->capacity, (size_t)q->count + 1, sizeof *items)
      : NULL, *e;
  char number[16];
  snprintf(number, sizeof number, "%d", (int)q->count + 1);
  const int named = id != NULL;
  if (items) q->items = items;
  if (!id) id = copy_bytes(number, strlen(number));
  if (!items || !id) {
    free(said);
    free(id);
    if (!err->status) words_no_memory("questions", err);
    return NULL;
  }
  e = &items[q->count++];
  memset(e, 0, sizeof *e);
  e->context = context;
  e->text = said;
  e->id = id;
  e->named = named;
  return e;
}

/* {"question", "id", "answers", "is_impossible"} about contexts[context]. Plausible answers to what cannot be answered
   are none. */
static ldr_status read_question(question_reader *s, const ldr_json *j, int32_t object, int32_t context,
    ldr_error *err) {
  int32_t said = json_member(j, object, "question", NULL), id = json_member(j, object, "id", "qid"),
      answers = ldr_json_get(j, object, "answers"),
      none = ldr_json_get(j, object, "is_impossible");
  questions *q = s->q;
  question *e;
  ldr_status status = LDR_OK;
  if (said < 0) return question_fail(s, j, object, err, "a question has the member \"question\"");
  if (answers < 0 && none < 0 && s->answered) return question_fail(s, j, object, err,
      "the question has no \"answers\": an empty list says that there is none");
  e = next_question(q, text_of_json(j, said, s, err), id >= 0 ? text_of_json(j, id, s, err) : NULL, context, err);
  if (!e || err->status) return err->status;
  if (answers >= 0 && !(none >= 0 && ldr_json_node_at(j, none)->type == LDR_JSON_TRUE)) status = read_answers_of(s,
      e, j, answers, err);
  e->damaged = e->answer_count > 0 && e->begin == e->end;
  q->damaged += e->damaged;
  q->unanswered += !e->answer_count;
  q->textless += !q->contexts[context][strspn(q->contexts[context], " \t\r\n")];
  return status;
}

/* Takes the text over. */
static ldr_status add_context(questions *q, char *said, int32_t *index, ldr_error *err) {
  char **contexts = said ? (char **)words_grow(q->contexts, &q->context_capacity, (size_t)q->context_count + 1,
      sizeof *contexts) : NULL;
  if (!contexts) {
    free(said);
    return err->status ? err->status : words_no_memory("questions", err);
  }
  q->contexts = contexts;
  *index = q->context_count;
  contexts[q->context_count++] = said;
  return LDR_OK;
}

/* A question without an answer, as a user asks it. */
static ldr_status add_question(questions *q, const char *said, size_t n, const char *context, size_t size,
    ldr_error *err) {
  int32_t index = 0;
  ldr_status status = add_context(q, copy_bytes(context, size), &index, err);
  return status || next_question(q, copy_bytes(said, n), NULL, index, err) ? status : err->status;
}

/* An object with a "context": its questions, or itself one. */
static ldr_status read_paragraph(question_reader *s, const ldr_json *j, int32_t object, ldr_error *err) {
  int32_t said = json_member(j, object, "context", NULL), qas = ldr_json_get(j, object, "qas"), node, index = 0;
  ldr_status status;
  if (said < 0) return question_fail(s, j, object, err, "questions are {\"context\", \"question\", \"answers\"}, or "
      "SQuAD's data, paragraphs and qas");
  status = add_context(s->q, text_of_json(j, said, s, err), &index, err);
  if (status || qas < 0) return status ? status : read_question(s, j, object, index, err);
  if (ldr_json_node_at(j, qas)->type != LDR_JSON_ARRAY) return question_fail(s, j, qas, err,
      "\"qas\" is a list of questions");
  for (node = ldr_json_node_at(j, qas)->first; !status && node >= 0; node = ldr_json_node_at(j, node)->next)
    status = read_question(s, j, node, index, err);
  return status;
}

/* Lists, and objects of them: {"data": [{"paragraphs": [..]}]}. */
static ldr_status read_question_value(question_reader *s, const ldr_json *j, int32_t value, ldr_error *err) {
  int32_t inner = json_member(j, value, "data", "paragraphs"), node;
  ldr_status status = LDR_OK;
  if (inner < 0 && ldr_json_node_at(j, value)->type == LDR_JSON_ARRAY) inner = value;
  if (inner < 0) return read_paragraph(s, j, value, err);
  if (ldr_json_node_at(j, inner)->type != LDR_JSON_ARRAY) return question_fail(s, j, inner, err,
      "\"data\" and \"paragraphs\" are lists");
  for (node = ldr_json_node_at(j, inner)->first; !status && node >= 0; node = ldr_json_node_at(j, node)->next)
    status = read_question_value(s, j, node, err);
  return status;
}

/* All JSON values of data[size]. */
static ldr_status read_question_bytes(question_reader *s, ldr_error *err) {
  size_t at = ldr__json_space(s->r.data, s->r.size, s->r.begin), used = 0;
  ldr_status status = LDR_OK;
  for (; !status && at < s->r.size; at += used) {
    ldr_json *j = ldr__reader_json(&s->r, at, &used, err);
    if (!j) return err->status;
    s->base = at;
    status = read_question_value(s, j, 0, err);
    ldr_json_free(j);
  }
  return status;
}

/* Adds the questions of a file; `answered`: each must say what its answers are, or that it has none. */
static ldr_status read_questions(questions *q, const char *path, int answered, ldr_error *err) {
  ldr__source source;
  question_reader s;
  ldr_status status;
  memset(&s, 0, sizeof s);
  s.q = q;
  s.answered = answered;
  status = ldr__reader_open(&s.r, &source, path, err);
  if (!status) {
    status = read_question_bytes(&s, err);
    ldr__source_close(&source);
  }
  if (!status && !q->count) status = ldr__fail(err, LDR_DATA, "the file holds no questions");
  if (status && status != LDR_IO) ldr__fail_in_file(err, path);
  ldr__reader_free(&s.r);
  return status;
}

/* ---- windows --------------------------------------------------------------------------- */

/* A question and its text as tokens, laid out by the tokenizer's template: what stands before the text, the text, what
   stands behind it. A window is all of that with a part of the text. */
typedef struct cutter {
  ldr_encoding c;
  int32_t     *ids, *segments, *labels;  /* [max_len] of a window                            */
  int32_t      max_len, stride;
  int32_t      from, to;                 /* the text's tokens                                */
  int32_t      asked, cut;               /* tokens of the question at most; those it lost    */
  int32_t      before, room, windows;    /* tokens before the text; of it in a window        */
} cutter;

static void free_cutter(cutter *a) {
  ldr_encoding_free(&a->c);
  free(a->ids);
  free(a->segments);
  free(a->labels);
}

/* stride: tokens that windows share with the one before. */
static ldr_status open_cutter(cutter *a, int32_t max_len, int32_t stride, ldr_error *err) {
  memset(a, 0, sizeof *a);
  a->max_len = max_len;
  a->stride = stride;
  a->ids = (int32_t *)malloc((size_t)max_len * sizeof *a->ids);
  a->segments = (int32_t *)malloc((size_t)max_len * sizeof *a->segments);
  a->labels = (int32_t *)malloc((size_t)max_len * sizeof *a->labels);
  return a->ids && a->segments && a->labels ? LDR_OK : words_no_memory("windows", err);
}

/* The question loses what is beyond QUESTION_TOKENS, or half of the window. */
static ldr_status ask(cutter *a, const ldr_tokenizer *t, const char *said, const char *context, ldr_error *err) {
  ldr_encoding *c = &a->c;
  int32_t i, n = 0;
  a->asked = LDR__MIN((int32_t)QUESTION_TOKENS, a->max_len / 2);
  if (ldr_tokenizer_encode(t, c, said, strlen(said), context, strlen(context), INT32_MAX, 1, err)) return err->status;
  for (a->from = 0; a->from < c->count && c->text[a->from] != 1; a->from++) {}
  for (a->to = a->from; a->to < c->count && c->text[a->to] == 1; a->to++) {}
  a->windows = a->cut = a->before = 0;
  if (a->from == a->to) return LDR_OK;               /* no text, no answer                   */
  for (i = 0; i < a->from; i++)
    if (c->text[i] == 0 && n++ >= a->asked) a->cut++;
    else a->before++;
  a->room = a->max_len - a->before - (c->count - a->to);
  if (a->room < 1) return ldr__fail(err, LDR_ARGUMENT,
      "%d tokens have no room for a question and a part of its text: give a larger --max-len", a->max_len);
  n = a->room - LDR__MIN(a->stride, a->room / 2);
  a->windows = a->to - a->from <= a->room ? 1 : 1 + (a->to - a->from - a->room + n - 1) / n;
  return LDR_OK;
}

/* First token of the text in window w. The last window is as long as the others. */
static int32_t window_start(const cutter *a, int32_t w) {
  int32_t start = a->from + w * (a->room - LDR__MIN(a->stride, a->room / 2));
  return LDR__MAX(a->from, LDR__MIN(start, a->to - a->room));
}

static int32_t window_put(cutter *a, int32_t at, int32_t token, int32_t label) {
  a->ids[at] = a->c.ids[token];
  a->segments[at] = a->c.segments[token];
  a->labels[at] = label;
  return at + 1;
}

/* Window w into ids, segments and labels: tags of bytes begin to end if all of their tokens are there, else O; nothing
   of a question can be an answer. Returns its tokens. */
static int32_t make_window(cutter *a, int32_t w, size_t begin, size_t end) {
  const ldr_encoding *c = &a->c;
  int32_t i, first = -1, last = -1, start = window_start(a, w), stop = LDR__MIN(start + a->room, a->to), at = 0,
      n = 0;
  for (i = 0; i < a->from; i++)
    if (c->text[i] != 0 || n++ < a->asked) at = window_put(a, at, i, LDR_IGNORE);
  for (i = a->from; i < a->to; i++) {
    if (begin >= end || (size_t)c->end[i] <= begin || (size_t)c->begin[i] >= end) continue;
    if (first < 0) first = i;
    last = i;
  }
  if (first < start || last >= stop) first = last = -1;
  for (i = start; i < stop; i++) at = window_put(a, at, i, first < 0 || i < first || i > last ? 0 : i == first ? 1
      : 2);
  for (i = a->to; i < c->count; i++) at = window_put(a, at, i, LDR_IGNORE);
  return at;
}

/* Adds the windows of all questions that are not damaged. *cut: questions that lost tokens. */
static ldr_status add_windows(ldr_dataset *d, const questions *q, const ldr_tokenizer *t, int32_t max_len,
    int32_t stride, int32_t *cut, ldr_error *err) {
  cutter a;
  int32_t i, w;
  ldr_status status = open_cutter(&a, max_len, stride, err);
  *cut = 0;
  for (i = 0; !status && i < q->count; i++) {
    const question *e = &q->items[i];
    if (e->damaged) continue;
    status = ask(&a, t, e->text, q->contexts[e->context], err);
    *cut += !status && a.cut > 0;
    for (w = 0; !status && w < a.windows; w++) {
      ldr_example x;
      memset(&x, 0, sizeof x);
      x.count = make_window(&a, w, e->begin, e->end);
      x.ids = a.ids;
      x.segments = a.segments;
      x.labels = a.labels;
      status = ldr_dataset_add(d, &x, err);
    }
  }
  free_cutter(&a);
  return status;
}

/* ---- answers --------------------------------------------------------------------------- */

/* What answers questions: room for some windows at a time. */
typedef struct answerer {
  const ldr_tokenizer *tokenizer;
  ldr_predictor *p;
  cutter         a;
  int32_t        capacity, longest, windows;
  int            sure;                   /* 1: an answer is always given                     */
  int32_t       *offsets, *ids, *segments, *labels, *first;      /* first: token of the text in each window */
  ldr_span      *spans;
} answerer;

/* Bytes of the text; the same: none. score: of the best span, given or not. */
typedef struct found_answer { size_t begin, end; float score; } found_answer;

static void free_answerer(answerer *w) {
  ldr_predictor_free(w->p);
  free_cutter(&w->a);
  free(w->offsets);
  free(w->ids);
  free(w->segments);
  free(w->labels);
  free(w->first);
  free(w->spans);
}

static ldr_status open_answerer(answerer *w, ldr_ladder *l, const ldr_tokenizer *t, int32_t max_len, int32_t stride,
    int32_t longest, int sure, ldr_error *err) {
  const size_t capacity = 8, tokens = capacity * (size_t)max_len;
  memset(w, 0, sizeof *w);
  w->tokenizer = t;
  w->capacity = (int32_t)capacity;
  w->longest = longest;
  w->sure = sure;
  if (open_cutter(&w->a, max_len, stride, err)) return err->status;
  w->offsets = (int32_t *)calloc(capacity + 1, sizeof *w->offsets);
  w->ids = (int32_t *)malloc(tokens * sizeof *w->ids);
  w->segments = (int32_t *)malloc(tokens * sizeof *w->segments);
  w->labels = (int32_t *)malloc(tokens * sizeof *w->labels);
  w->first = (int32_t *)malloc(capacity * sizeof *w->first);
  w->spans = (ldr_span *)malloc(capacity * sizeof *w->spans);
  if (!w->offsets || !w->ids || !w->segments || !w->labels || !w->first ||
      !w->spans) return words_no_memory("answers", err);
  w->p = ldr_predictor_create(l, w->capacity, (int32_t)tokens, err);
  return w->p ? LDR_OK : err->status;
}

/* Runs `count` windows; keeps the best span of them and of *best. */
static ldr_status answer_windows(answerer *w, found_answer *best, int32_t count, ldr_error *err) {
  int32_t found = 0, i;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = count;
  b.offsets = w->offsets;
  b.ids = w->ids;
  b.segments = w->segments;
  if (ldr_predict_spans(w->p, w->spans, w->capacity, &found, &b, w->labels, w->longest, -FLT_MAX,
      err)) return err->status;
  for (i = 0; i < found; i++) {
    const ldr_span *s = &w->spans[i];
    int32_t from = w->first[s->sequence] + s->first, to = w->first[s->sequence] + s->last;
    if (best->begin != best->end && s->score <= best->score) continue;
    best->begin = (size_t)w->a.c.begin[from];
    best->end = (size_t)w->a.c.end[to];
    best->score = s->score;
  }
  return LDR_OK;
}

/* The best span of all windows; no answer where it is likelier that there is none, unless one must be given. */
static ldr_status answer_question(answerer *w, const char *said, const char *context, found_answer *best,
    ldr_error *err) {
  int32_t k, n, used = 0;
  ldr_status status = ask(&w->a, w->tokenizer, said, context, err);
  memset(best, 0, sizeof *best);
  for (k = 0; !status && k < w->a.windows; k++) {
    int32_t at = w->offsets[used];
    n = make_window(&w->a, k, 0, 0);
    memcpy(w->ids + at, w->a.ids, (size_t)n * sizeof *w->ids);
    memcpy(w->segments + at, w->a.segments, (size_t)n * sizeof *w->segments);
    memcpy(w->labels + at, w->a.labels, (size_t)n * sizeof *w->labels);
    w->first[used] = window_start(&w->a, k) - w->a.before;
    w->offsets[++used] = at + n;
    if (used < w->capacity && k + 1 < w->a.windows) continue;
    status = answer_windows(w, best, used, err);
    used = 0;
  }
  w->windows += w->a.windows;
  if (!w->sure && !(best->score > 0)) best->end = best->begin;
  if (!status) trim_place(context, &best->begin, &best->end);
  return status;
}

/* ---- scores ---------------------------------------------------------------------------- */

/* Of one answer, or the means of many. */
typedef struct answer_score { double exact, f1; } answer_score;
typedef struct question_scores { answer_score score; int32_t questions, windows; } question_scores;

/* Words of a text, as the official script of the language compares them: characters in lower case, a word after the
   other. */
typedef struct answer_words { uint32_t *c; size_t *end, count, used; } answer_words;

static int answer_words_open(answer_words *w, const char *s) {
  size_t n = strlen(s) + 1;
  memset(w, 0, sizeof *w);
  w->c = (uint32_t *)malloc(n * sizeof *w->c);
  w->end = (size_t *)malloc(n * sizeof *w->end);
  return w->c && w->end;
}

static void answer_words_free(answer_words *w) {
  free(w->c);
  free(w->end);
}

static void end_word(answer_words *w) {
  if (w->used > (w->count ? w->end[w->count - 1] : 0)) w->end[w->count++] = w->used;
}

static int same_word(const answer_words *a, size_t i, const answer_words *b, size_t k) {
  size_t from = i ? a->end[i - 1] : 0, at = k ? b->end[k - 1] : 0, n = a->end[i] - from;
  return n == b->end[k] - at && memcmp(a->c + from, b->c + at, n * sizeof *a->c) == 0;
}

static int is_ascii_punctuation(uint32_t c) {
  return c < 128 && c > 32 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", (int)c) != NULL;
}

/* A whole word "a", "an" or "the" goes, where word characters end at its sides, as \b in the script has it. */
static void drop_articles(uint32_t *c, size_t n) {
  static const char *const articles[] = { "a", "an", "the" };
  size_t i, j, k;
  for (i = 0; i < n; i = j + (j == i)) {
    for (j = i; j < n && ldr__char_word(c[j]); j++) {}
    for (k = 0; k < 3; k++) {
      size_t m = strlen(articles[k]), same = 0;
      while (j - i == m && same < m && c[i + same] == (uint32_t)(unsigned char)articles[k][same]) same++;
      if (same < m) continue;
      while (same > 0) c[i + --same] = ' ';
    }
  }
}

/* SQuAD's: lower case, no ASCII punctuation, no articles, words between white space. */
static void english_words(answer_words *w, const char *s) {
  const char *end = s + strlen(s);
  size_t n = 0, i;
  int32_t bytes;
  for (; s < end; s += bytes) {
    uint32_t c = ldr__utf8_at(s, &bytes);
    if (!is_ascii_punctuation(c)) w->c[n++] = ldr__char_lower(c);
  }
  drop_articles(w->c, n);
  for (i = 0; i < n; i++)
    if (ldr__char_white(w->c[i])) end_word(w);
    else w->c[w->used++] = w->c[i];
  end_word(w);
}

static int is_chinese(uint32_t c) { return c >= 0x4e00 && c <= 0x9fa5; }

/* The punctuation that cmrc2018_evaluate.py leaves out. */
static int is_left_out(uint32_t c) {
  static const uint32_t wide[] = { 0xff0c, 0x3002, 0xff1a, 0xff1f, 0xff01, 0x201c, 0x201d, 0xff1b, 0x2019, 0x300a,
      0x300b, 0xb7, 0x3001, 0x300c, 0x300d,
    0xff08, 0xff09, 0xff0d, 0xff5e, 0x300e, 0x300f };
  size_t i;
  for (i = 0; i < sizeof wide / sizeof *wide; i++)
    if (wide[i] == c) return 1;
  return c < 128 && c && strchr("-:_*^/\\~`+=", (int)c) != NULL;
}

/* CMRC's mixed segmentation: a Chinese character is a word, of the rest what stands between blanks; other ASCII
   punctuation is a word as well, but for points and commas inside numbers: what of NLTK's rules matters here. */
static void chinese_words(answer_words *w, const char *s) {
  const char *end = s + strlen(s);
  uint32_t before = ' ';
  int32_t bytes, next_bytes;
  for (; s < end; s += bytes) {
    uint32_t c = ldr__utf8_at(s, &bytes), next = s + bytes < end ? ldr__utf8_at(s + bytes, &next_bytes) : ' ';
    int number = (c == '.' || c == ',') && ldr__char_digit_ascii(before) && ldr__char_digit_ascii(next);
    int alone = is_chinese(c) || (is_ascii_punctuation(c) && !number);
    before = c;
    if (is_left_out(c)) continue;
    if (alone || ldr__char_white(c)) end_word(w);
    if (ldr__char_white(c)) continue;
    w->c[w->used++] = ldr__char_lower(c);
    if (alone) end_word(w);
  }
  end_word(w);
}

/* CMRC's exact match: the characters that are not left out, blanks at the ends aside. */
static size_t chinese_text(uint32_t *out, const char *s) {
  const char *end = s + strlen(s);
  size_t n = 0;
  int32_t bytes;
  while (end > s && strchr(" \t\r\n", end[-1])) end--;
  while (s < end && strchr(" \t\r\n", *s)) s++;
  for (; s < end; s += bytes) {
    uint32_t c = ldr__utf8_at(s, &bytes);
    if (!is_left_out(c)) out[n++] = ldr__char_lower(c);
  }
  return n;
}

/* Words that two texts share: as many of each as both have. */
static size_t shared_words(const answer_words *a, const answer_words *b) {
  size_t i, k, shared = 0;
  for (i = 0; i < a->count; i++) {
    size_t before = 0, there = 0;
    for (k = 0; k < i; k++) before += same_word(a, k, a, i) != 0;
    for (k = 0; k < b->count; k++) there += same_word(b, k, a, i) != 0;
    shared += before < there;
  }
  return shared;
}

/* The longest run of words that both have: what the script calls the longest common subsequence. */
static size_t longest_run(const answer_words *a, const answer_words *b) {
  size_t i, k, n, best = 0;
  for (i = 0; i < a->count; i++)
    for (k = 0; k < b->count; k++) {
      for (n = 0; i + n < a->count && k + n < b->count && same_word(a, i + n, b, k + n); n++) {}
      best = LDR__MAX(best, n);
    }
  return best;
}

/* One answer against one that is right. 0: out of memory. */
static int compare_answers(answer_score *y, const char *right, const char *given, int chinese) {
  answer_words a, b;
  int ok = answer_words_open(&a, right);
  ok = answer_words_open(&b, given) && ok;
  memset(y, 0, sizeof *y);
  if (ok && chinese) {
    size_t n = chinese_text(a.c, right), m = chinese_text(b.c, given), same;
    y->exact = n == m && memcmp(a.c, b.c, n * sizeof *a.c) == 0;
    chinese_words(&a, right);
    chinese_words(&b, given);
    same = longest_run(&a, &b);
    y->f1 = same ? 2.0 * (double)same / (double)(a.count + b.count) : 0;
  } else if (ok) {
    english_words(&a, right);
    english_words(&b, given);
    y->exact = a.used == b.used && a.count == b.count && memcmp(a.c, b.c, a.used * sizeof *a.c) == 0 &&
        memcmp(a.end, b.end, a.count * sizeof *a.end) == 0;
    y->f1 = a.count && b.count ? 2.0 * (double)shared_words(&a, &b) / (double)(a.count + b.count) : a.count ==
        b.count;
  }
  answer_words_free(&a);
  answer_words_free(&b);
  return ok;
}

/* The best of all right answers; nothing is right where there is none. Chinese where the text is. */
static int score_answer(answer_score *y, const question *e, const char *given, int chinese) {
  answer_score one;
  int32_t i;
  memset(y, 0, sizeof *y);
  for (i = 0; i < e->answer_count; i++) {
    if (!compare_answers(&one, e->answers[i], given, chinese)) return 0;
    y->exact = LDR__MAX(y->exact, one.exact);
    y->f1 = LDR__MAX(y->f1, one.f1);
  }
  if (!e->answer_count) y->exact = y->f1 = !*given;
  return 1;
}

/* 1: a third of the text or more is Chinese characters. */
static int text_is_chinese(const char *s) {
  const char *end = s + strlen(s);
  size_t n = 0, chinese = 0;
  int32_t bytes;
  for (; s < end; s += bytes, n++) chinese += is_chinese(ldr__utf8_at(s, &bytes)) != 0;
  return chinese * 3 >= n && n;
}

/* Answers all questions; answer_fn (or NULL) sees each. *y: means over them. */
static ldr_status score_questions(answer_score *y, answerer *w, const questions *q,
    ldr_status (*answer_fn)(void *user, const question *e, const char *context, const found_answer *f,
                ldr_error *err), void *user, ldr_error *err) {
  int32_t i;
  memset(y, 0, sizeof *y);
  for (i = 0; i < q->count; i++) {
    const question *e = &q->items[i];
    const char *context = q->contexts[e->context];
    found_answer f;
    answer_score one;
    char *given;
    int ok;
    if (answer_question(w, e->text, context, &f, err) || (answer_fn && answer_fn(user, e, context, &f,
        err))) return err->status;
    given = copy_bytes(context + f.begin, f.end - f.begin);
    if (!given) return words_no_memory("answers", err);
    ok = score_answer(&one, e, given, text_is_chinese(context));
    free(given);
    if (!ok) return words_no_memory("answers", err);
    y->exact += one.exact / q->count;
    y->f1 += one.f1 / q->count;
  }
  return LDR_OK;
}

#endif
