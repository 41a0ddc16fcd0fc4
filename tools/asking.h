/* asking.h: questions about texts on the command line: scored on sets, asked line by line, written as the official
   scripts read them. A part of ladder.c. */
#ifndef ASKING_H
#define ASKING_H

#include "run.h"

/* Where answers go beside the scores. */
typedef struct answer_file { ldr__writer w; FILE *f; int32_t count; int lines; } answer_file;

/* {"id", "answer", "start", "end", "score"}: the file's id, where it has one; characters of the text, counted from 0;
   `end` is the one behind the last. */
static void print_found(FILE *f, const question *e, const char *context, const found_answer *a) {
  size_t n = strlen(context);
  putc('{', f);
  if (e->named) {
    fputs("\"id\":", f);
    put_string(f, e->id);
    putc(',', f);
  }
  fputs("\"answer\":", f);
  put_bytes(f, context + a->begin, a->end - a->begin);
  fprintf(f, ",\"start\":%" PRId64 ",\"end\":%" PRId64 ",\"score\":", chars_before(context, n, a->begin),
      chars_before(context, n, a->end));
  put_number(f, (double)a->score);
  fputs("}\n", f);
}

static ldr_status put_found(void *user, const question *e, const char *context, const found_answer *a,
    ldr_error *err) {
  answer_file *to = (answer_file *)user;
  (void)err;
  if (to->lines) print_found(stdout, e, context, a);
  if (!to->f) return LDR_OK;
  fputs(to->count++ ? ",\n" : "{\n", to->f);
  put_string(to->f, e->id);
  fputs(": ", to->f);
  put_bytes(to->f, context + a->begin, a->end - a->begin);
  return LDR_OK;
}

static int open_answer_file(run *r, answer_file *to, int lines) {
  memset(to, 0, sizeof *to);
  to->lines = lines;
  if (r->o.submission && ldr__writer_open(&to->w, r->o.submission, &r->err)) return EXIT_FAILED;
  to->f = to->w.f;
  return EXIT_DONE;
}

/* status: what came before. */
static int close_answer_file(run *r, answer_file *to, int status) {
  ldr_status bad = status ? LDR_DATA : LDR_OK;
  if (to->f) {
    fputs(to->count ? "\n}\n" : "{}\n", to->f);
    bad = end_stream(&to->w, bad, &r->err);            /* half of the answers are none: they get no name */
  }
  return bad ? EXIT_FAILED : EXIT_DONE;
}

/* What was said, or what the ladder was trained with. */
static int32_t kept_count(const run *r, const char *key, int32_t said, int32_t usual) {
  const char *note = ldr_ladder_note_get(r->ladder, key);
  uint64_t v = 0;
  if (said) return said;
  return note && parse_u64(note, 0, &v) && v && v < INT32_MAX ? (int32_t)v : usual;
}
static int32_t stride_of(const run *r) { return kept_count(r, "stride", r->o.stride, WINDOW_STRIDE); }
static int32_t max_answer_of(const run *r) { return kept_count(r, "max_answer", r->o.max_answer, ANSWER_TOKENS); }

static ldr_status open_asking(run *r, answerer *w) {
  return open_answerer(w, r->ladder, ldr_model_tokenizer(r->model), r->max_len, stride_of(r),
      max_answer_of(r), r->task->form == FORM_ANSWERED, &r->err);
}

/* Official scores of the ladder on the questions of a file. */
static int score_file(run *r, const char *path, question_scores *y, answer_file *to) {
  questions q;
  answerer w;
  ldr_status status;
  memset(&q, 0, sizeof q);
  memset(&w, 0, sizeof w);
  status = read_questions(&q, path, 1, &r->err);
  if (!status) status = open_asking(r, &w);
  if (!status) status = score_questions(&y->score, &w, &q, to ? put_found : NULL, to, &r->err);
  y->questions = q.count;
  y->windows = w.windows;
  free_answerer(&w);
  free_questions(&q);
  return status ? EXIT_FAILED : EXIT_DONE;
}

static void put_question_scores(const char *name, const question_scores *y) {
  printf(",\"%s_exact_match\":", name);
  put_number(stdout, y->score.exact);
  printf(",\"%s_f1\":", name);
  put_number(stdout, y->score.f1);
  printf(",\"%s_questions\":%d", name, (int)y->questions);
}

static void say_question_scores(const char *name, const question_scores *y) {
  printf("%sexact match %.4f, F1 %.4f on %d questions, %d windows\n", name, y->score.exact, y->score.f1,
      (int)y->questions, (int)y->windows);
}

/* After training: what its windows say, question by question. */
static int score_sets(run *r) {
  char buffer[LADDER_MAX_PATH];
  if (r->dev && score_file(r, dev_path(r, buffer), &r->asked[0], NULL)) return EXIT_FAILED;
  if (r->test && score_file(r, file_for_role(r->o.test, r->task, FILES_TEST, buffer), &r->asked[1], NULL))
    return EXIT_FAILED;
  return EXIT_DONE;
}

static int eval_questions(run *r, const char *path) {
  question_scores y;
  answer_file to;
  int status = open_answer_file(r, &to, 0);
  memset(&y, 0, sizeof y);
  if (!status) status = score_file(r, path, &y, &to);
  if (close_answer_file(r, &to, status)) return EXIT_FAILED;
  if (!r->o.json) say_question_scores("", &y);
  else {
    fputs("{\"metric\":\"exact_match\",\"value\":", stdout);
    put_number(stdout, y.score.exact);
    fputs(",\"f1\":", stdout);
    put_number(stdout, y.score.f1);
    printf(",\"examples\":%d}\n", (int)y.questions);
  }
  return EXIT_DONE;
}

/* A line: a JSON object with question and context, or both with a TAB between them. */
static ldr_status read_question_line(questions *q, const text *line, int64_t number, ldr_error *err) {
  question_reader s;
  const char *tab = (const char *)memchr(line->data, '\t', line->used);
  ldr_status status;
  memset(&s, 0, sizeof s);
  s.q = q;
  s.r.data = line->data;
  s.r.size = line->used;
  s.r.lines = number;
  status = ldr__reader_utf8(&s.r, err);
  if (!status && line->used && (line->data[0] == '{' || line->data[0] == '[')) status = read_question_bytes(&s, err);
  else if (!status && (!tab || memchr(line->data, 0, line->used)))
    status = ldr__reader_fail(&s.r, 0, err, "a question and its text are wanted, with a TAB between them, or "
        "{\"question\": ..., \"context\": ...}");
  else if (!status)
    status = add_question(q, line->data, (size_t)(tab - line->data), tab + 1,
        line->used - (size_t)(tab - line->data) - 1, err);
  ldr__reader_free(&s.r);
  return status;
}

/* Answers all questions that are there and forgets them. */
static ldr_status ask_all(run *r, answerer *w, questions *q, answer_file *to) {
  ldr_error *err = &r->err;
  ldr_status status = LDR_OK;
  int32_t i;
  for (i = 0; i < q->count && !status; i++) {
    const char *context = q->contexts[q->items[i].context];
    found_answer f;
    status = answer_question(w, q->items[i].text, context, &f, err);
    if (!status) status = put_found(to, &q->items[i], context, &f, err);
  }
  if (!status && flush_answers(r)) status = err->status;
  free_questions(q);
  return status;
}

static ldr_status predict_question_lines(run *r, answerer *w, FILE *f, answer_file *to) {
  text line = { NULL, 0, 0 };
  questions q;
  ldr_status status = LDR_OK;
  int64_t number = 0;
  int more = 0;
  memset(&q, 0, sizeof q);
  while (!status && (more = read_line(f, &line)) > 0) {
    if (line.used) status = read_question_line(&q, &line, number, &r->err);
    if (!status) status = ask_all(r, w, &q, to);
    number++;
  }
  free(line.data);
  free_questions(&q);
  if (!status && more < 0) status = words_no_memory("a line", &r->err);
  return !status && ferror(f) ? ldr__fail(&r->err, LDR_IO, "reading failed") : status;
}

/* JSON files as a whole, other files and standard input line by line. */
static int predict_questions(run *r) {
  answerer w;
  answer_file to;
  questions q;
  const char *path = r->o.file;
  int json = path && (ldr__ends_with(path, ".json") || ldr__ends_with(path, ".jsonl"));
  FILE *f = !path ? stdin : json ? NULL : fopen(path, "rb");
  ldr_status status;
  if (!f && !json) return fail(r, LDR_IO, "%s: cannot be opened", path);
  if (open_answer_file(r, &to, 1)) return EXIT_FAILED;
  memset(&q, 0, sizeof q);
  status = open_asking(r, &w);
  if (!status && json) status = read_questions(&q, path, 0, &r->err);
  if (!status) status = json ? ask_all(r, &w, &q, &to) : predict_question_lines(r, &w, f, &to);
  if (f && f != stdin) fclose(f);
  free_questions(&q);
  free_answerer(&w);
  return close_answer_file(r, &to, (int)status);
}

#endif
