/* tasks.h: the tasks that ladder.c knows by name, their files, and the readers of these files. Included behind the
   implementation of ladder.h, whose files, errors, JSON and data sets it uses. C99 and C++11, nothing but libc.

   Order of the file: the table, tasks as words, files of a directory, names of classes, what a pass over a file holds,
   examples into data sets, members and columns, choices, cloze texts, pronouns, entities, CoNLL, whole files, the list
   for people.

   To add a task: a row of task_table. A form of file that is none of task_forms: a row there and its reader. Its texts
   and labels as words: a row of spoken_table. */
#ifndef LADDER_TASKS_H
#define LADDER_TASKS_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat.h"
#include "spans.h"

/* ---- the table ------------------------------------------------------------------------ */

/* 1: labels are names of classes. */
static int has_classes(ldr_head head) {
  return head != LDR_HEAD_REGRESS && head != LDR_HEAD_WORDS && head != LDR_HEAD_CHOICE;
}

typedef enum task_form {
  FORM_TEXTS, FORM_CHOICE, FORM_CLOZE, FORM_PRONOUN, FORM_ENTITIES, FORM_CONLL, FORM_LINES,
  FORM_BESIDE, FORM_QUESTIONS, FORM_ANSWERED, FORM_CHAT
} task_form;

typedef enum task_submission { SUBMIT_NONE, SUBMIT_CLUE, SUBMIT_CLOZE, SUBMIT_GLUE, SUBMIT_ANSWERS } task_submission;
enum { FILES_TRAIN, FILES_DEV, FILES_TEST, FILE_ROLES };

/* field: names of the members or columns with label, text and second text, any of a|b. column: where they are in files
   whose first line names nothing, -1: no such column; all -1: a first line must name them. labels: the only ones that
   there are, each perhaps with another spelling, NULL: any. drop: labels that stand for none. files: what a directory
   is searched for, the first of a|b that is there, a+b all of them; NULL: default_files. Lengths, batches and epochs:
   the CLUE recipe for its tasks; 3 epochs for the largest GLUE tasks, 10 and 20 for smaller ones. */
typedef struct task_info {
  const char *name;
  task_form   form;
  ldr_head    head;
  ldr_metric  metric;
  int32_t     max_len, batch, epochs, choices;
  const char *field[LDR__FIELDS];
  int32_t     column[LDR__FIELDS];
  const char *labels, *drop;
  const char *files[FILE_ROLES];
  task_submission submission;
} task_info;

#define TASK_CLASSES LDR_HEAD_CLASSIFY, LDR_METRIC_ACCURACY
#define TASK_CHOICES LDR_HEAD_CHOICE, LDR_METRIC_ACCURACY
#define TASK_ENTITIES LDR_HEAD_CRF, LDR_METRIC_ENTITY_F1
#define TASK_ANSWER LDR_HEAD_ANSWER, LDR_METRIC_ACCURACY
#define TASK_ASKED { "answers", "question", "context" }
#define TASK_SQUAD(v) { "train-v" v ".json|train.json|train.jsonl", "dev-v" v ".json|dev.json|dev.jsonl", \
    "test.json|test.jsonl" }
#define TASK_WORDS LDR_HEAD_WORDS, LDR_METRIC_LIKELIHOOD
#define TASK_ONE { "label", "sentence|text|content", NULL }
#define TASK_PAIR { "label|gold_label", "sentence1|premise", "sentence2|hypothesis" }
#define TASK_NAMED { -1, -1, -1 }
#define TASK_FILES { NULL, NULL, NULL }
#define TASK_BESIDE { "train/seq.in", "dev/seq.in|valid/seq.in", "test/seq.in" }
#define TASK_YES_NO "0|1"
#define TASK_NLI "entailment=0|neutral=1|contradiction=2"

static const task_info task_table[] = {
  { "tnews", FORM_TEXTS, TASK_CLASSES, 128, 32, 10, 0, TASK_ONE, TASK_NAMED, NULL, "-1", TASK_FILES, SUBMIT_CLUE },
  { "iflytek", FORM_TEXTS, TASK_CLASSES, 128, 32, 10, 0, TASK_ONE, TASK_NAMED, NULL, "-1", TASK_FILES, SUBMIT_CLUE },
  { "afqmc", FORM_TEXTS, TASK_CLASSES, 128, 32, 10, 0, TASK_PAIR, TASK_NAMED, TASK_YES_NO, "-1", TASK_FILES,
    SUBMIT_CLUE },
  { "cmnli", FORM_TEXTS, TASK_CLASSES, 128, 32, 3, 0, TASK_PAIR, TASK_NAMED,
      "neutral=0|entailment=1|contradiction=2",
    "-|-1", TASK_FILES, SUBMIT_CLUE },
  { "ocnli", FORM_TEXTS, TASK_CLASSES, 128, 32, 4, 0, TASK_PAIR, TASK_NAMED,
      "neutral=0|entailment=1|contradiction=2",
    "-|-1", TASK_FILES, SUBMIT_CLUE },
  { "csl", FORM_TEXTS, TASK_CLASSES, 128, 32, 10, 0, { "label", "keyword", "abst" }, TASK_NAMED, TASK_YES_NO, "-1",
    TASK_FILES, SUBMIT_CLUE },
  { "wsc", FORM_PRONOUN, TASK_CLASSES, 128, 32, 30, 0, { "label", "text", NULL }, TASK_NAMED, "true|false", "-1",
    TASK_FILES, SUBMIT_CLUE },
  { "c3", FORM_CHOICE, TASK_CHOICES, 512, 4, 10, 4, { "label", "context", "question" }, TASK_NAMED, NULL, NULL,
    { "train.json|m-train.json+d-train.json|c3-m-train.json+c3-d-train.json",
    "dev.json|m-dev.json+d-dev.json|c3-m-dev.json+c3-d-dev.json",
    "test.json|test1.1.json|test1.0.json|c3-m-test.json+c3-d-test.json" }, SUBMIT_CLUE },
  { "chid", FORM_CLOZE, TASK_CHOICES, 64, 12, 5, 10, { "answer", "content", NULL }, TASK_NAMED, NULL, NULL,
      TASK_FILES,
    SUBMIT_CLOZE },
  { "cluener", FORM_ENTITIES, TASK_ENTITIES, 256, 32, 10, 0, { "label", "text", NULL }, TASK_NAMED, NULL, NULL,
    TASK_FILES, SUBMIT_CLUE },
  { "cmrc2018", FORM_ANSWERED, TASK_ANSWER, 512, 16, 10, 0, TASK_ASKED, TASK_NAMED, NULL, NULL,
    { "cmrc2018_train.json|train.json|train.jsonl", "cmrc2018_dev.json|dev.json|dev.jsonl",
    "cmrc2018_trial.json|test.json|test.jsonl" }, SUBMIT_ANSWERS },
  { "squad", FORM_ANSWERED, TASK_ANSWER, 384, 16, 3, 0, TASK_ASKED, TASK_NAMED, NULL, NULL, TASK_SQUAD("1.1"),
    SUBMIT_ANSWERS },
  { "squad2", FORM_QUESTIONS, TASK_ANSWER, 384, 16, 3, 0, TASK_ASKED, TASK_NAMED, NULL, NULL, TASK_SQUAD("2.0"),
    SUBMIT_ANSWERS },
  { "question", FORM_QUESTIONS, TASK_ANSWER, 384, 16, 10, 0, TASK_ASKED, TASK_NAMED, NULL, NULL, TASK_FILES,
    SUBMIT_ANSWERS },
  { "conll", FORM_CONLL, TASK_ENTITIES, 256, 32, 10, 0, { "label", "text", NULL }, TASK_NAMED, NULL, NULL,
    { "train.conll|train.txt|train.bio|eng.train|train.jsonl",
        "dev.conll|valid.txt|dev.txt|dev.bio|eng.testa|dev.jsonl",
    "test.conll|test.txt|test.bio|eng.testb|test.jsonl" }, SUBMIT_NONE },
  { "atis", FORM_BESIDE, TASK_CLASSES, 64, 32, 10, 0, TASK_ONE, TASK_NAMED, NULL, NULL, TASK_BESIDE, SUBMIT_NONE },
  { "atis-slots", FORM_BESIDE, TASK_ENTITIES, 64, 32, 10, 0, TASK_ONE, TASK_NAMED, NULL, NULL, TASK_BESIDE,
      SUBMIT_NONE },
  { "chnsenticorp", FORM_TEXTS, TASK_CLASSES, 256, 32, 10, 0, { "label", "text_a|text|sentence|review", NULL },
    { 1, 0, -1 }, TASK_YES_NO, NULL, TASK_FILES, SUBMIT_NONE },
  { "eprstmt", FORM_TEXTS, TASK_CLASSES, 128, 32, 20, 0, TASK_ONE, TASK_NAMED, "Positive|Negative", NULL, TASK_FILES,
    SUBMIT_CLUE },
  { "sst2", FORM_TEXTS, TASK_CLASSES, 128, 32, 10, 0, TASK_ONE, { 1, 0, -1 }, TASK_YES_NO, "-1", TASK_FILES,
    SUBMIT_GLUE },
  { "cola", FORM_TEXTS, LDR_HEAD_CLASSIFY, LDR_METRIC_MATTHEWS, 128, 32, 20, 0, TASK_ONE, { 1, 3, -1 }, TASK_YES_NO,
    "-1", { "train.tsv|in_domain_train.tsv|train.csv|train.jsonl|train.json",
        "dev.tsv|in_domain_dev.tsv|dev.csv|validation.jsonl|dev.json",
        "test.tsv|out_of_domain_dev.tsv|test.csv|test.jsonl" }, SUBMIT_GLUE },
  { "mrpc", FORM_TEXTS, LDR_HEAD_CLASSIFY, LDR_METRIC_ACCURACY_F1, 128, 32, 20, 0,
    { "Quality|label", "#1 String|sentence1", "#2 String|sentence2" }, { 0, 3, 4 }, TASK_YES_NO, "-1",
    { "train.tsv|msr_paraphrase_train.txt|train.csv|train.jsonl|train.json",
    "dev.tsv|msr_paraphrase_test.txt|dev.csv|validation.jsonl|dev.json",
    "test.tsv|msr_paraphrase_test.txt|test.csv|test.jsonl" }, SUBMIT_GLUE },
  { "qqp", FORM_TEXTS, LDR_HEAD_CLASSIFY, LDR_METRIC_ACCURACY_F1, 128, 32, 3, 0,
    { "is_duplicate|label", "question1", "question2" }, { 5, 3, 4 }, TASK_YES_NO, "-1", TASK_FILES, SUBMIT_GLUE },
  { "mnli", FORM_TEXTS, TASK_CLASSES, 128, 32, 3, 0, TASK_PAIR, TASK_NAMED, TASK_NLI, "-|-1",
    { "train.tsv|train.csv|train.jsonl|train.json", "dev_matched.tsv|validation_matched.jsonl|dev_matched.json",
    "dev_mismatched.tsv|validation_mismatched.jsonl|dev_mismatched.json" }, SUBMIT_GLUE },
  { "qnli", FORM_TEXTS, TASK_CLASSES, 128, 32, 3, 0, { "label", "question", "sentence" }, { 3, 1, 2 },
    "entailment=0|not_entailment=1", "-1", TASK_FILES, SUBMIT_GLUE },
  { "rte", FORM_TEXTS, TASK_CLASSES, 128, 32, 20, 0, TASK_PAIR, { 3, 1, 2 }, "entailment=0|not_entailment=1", "-1",
    TASK_FILES, SUBMIT_GLUE },
  { "wnli", FORM_TEXTS, TASK_CLASSES, 128, 32, 20, 0, TASK_PAIR, { 3, 1, 2 }, TASK_YES_NO, "-1", TASK_FILES,
    SUBMIT_GLUE },
  { "stsb", FORM_TEXTS, LDR_HEAD_REGRESS, LDR_METRIC_CORRELATION, 128, 32, 20, 0,
    { "score|label", "sentence1", "sentence2" }, { 9, 7, 8 }, NULL, "-1", TASK_FILES, SUBMIT_GLUE },
  { "choice", FORM_CHOICE, TASK_CHOICES, 128, 16, 10, 4,
    { "label|gold", "context|passage|article|ctx|sent1|premise|goal|text|sentence",
    "question|question_stem|stem|query|sent2|sentence2" }, TASK_NAMED, NULL, "-1", TASK_FILES, SUBMIT_NONE },
  { "text", FORM_LINES, TASK_WORDS, 256, 8, 3, 0, { NULL, "text", NULL }, { -1, 0, -1 }, NULL, NULL, TASK_FILES,
    SUBMIT_NONE },
  { "instruct", FORM_TEXTS, TASK_WORDS, 512, 8, 3, 0, { "completion", "prompt", NULL }, TASK_NAMED, NULL, NULL,
    TASK_FILES, SUBMIT_NONE },
  { "preference", FORM_TEXTS, LDR_HEAD_WORDS, LDR_METRIC_ACCURACY, 512, 8, 3, 2, { "chosen", "prompt", "rejected" },
    TASK_NAMED, NULL, NULL, TASK_FILES, SUBMIT_NONE },
  { "seq2seq", FORM_TEXTS, TASK_WORDS, 256, 8, 3, 0, { "target|completion", "source|prompt", NULL }, { 1, 0, -1 }, NULL,
    NULL, TASK_FILES, SUBMIT_NONE },
  { "e2e", FORM_TEXTS, TASK_WORDS, 128, 16, 5, 0, { "ref|target", "mr|source", NULL }, TASK_NAMED, NULL, NULL,
    { "trainset.csv|train.csv|train.jsonl|train.json", "devset.csv|dev.csv|validation.jsonl|dev.json",
    "testset_w_refs.csv|test.csv|test.jsonl|test.json" }, SUBMIT_NONE },
  { "chat", FORM_CHAT, TASK_WORDS, 1024, 8, 3, 0, { NULL, NULL, NULL }, TASK_NAMED, NULL, NULL, TASK_FILES,
    SUBMIT_NONE },
};

#define TASK_OF_CHOICES "choice"       /* whose files are anybody's                              */

enum { TASK_COUNT = (int)(sizeof task_table / sizeof *task_table) };

static const task_info *find_task(const char *name) {
  int i;
  for (i = 0; name && i < TASK_COUNT; i++)
    if (strcmp(task_table[i].name, name) == 0) return &task_table[i];
  return NULL;
}

/* Heads that read the same labels can stand for each other. */
static int is_entity_head(ldr_head head) {
  return head == LDR_HEAD_TOKENS || head == LDR_HEAD_POINTER || head == LDR_HEAD_CRF;
}
static int is_answer_head(ldr_head head) { return head == LDR_HEAD_SPANS || head == LDR_HEAD_ANSWER; }
static int reads_entities(const task_info *k) { return k && is_entity_head(k->head); }

/* 1: questions about texts. Of FORM_ANSWERED each has an answer. */
static int reads_questions(const task_info *k) { return k && is_answer_head(k->head); }

/* Place of s[n] among the words of "a|b|c", counted from 1, or 0. A word may have a second spelling, "a=1". */
static int word_among(const char *words, const char *s, size_t n) {
  int index = 1;
  while (words && *words) {
    size_t length = strcspn(words, "|"), first = strcspn(words, "=|");
    if ((first == n && memcmp(words, s, n) == 0)
        || (first < length && length - first - 1 == n && memcmp(words + first + 1, s, n) == 0))
      return index;
    index++;
    words += length + (words[length] == '|');
  }
  return 0;
}

/* ---- tasks as words ------------------------------------------------------------------------ */

/* A task of classes or numbers as text to text, the first eight rows as T5's paper has them (Raffel et al. 2020,
   appendix D). first, second: what stands before each text; swapped: the second text of the files comes first. words:
   one for each of the task's labels, in their order; NULL: a number, rounded to a fifth. */
typedef struct spoken_task { const char *task, *first, *second; int swapped; const char *words; } spoken_task;

#define SPOKEN_NLI "entailment|not_entailment"
static const spoken_task spoken_table[] = {
  { "cola", "cola sentence: ", NULL, 0, "unacceptable|acceptable" },
  { "sst2", "sst2 sentence: ", NULL, 0, "negative|positive" },
  { "mrpc", "mrpc sentence1: ", " sentence2: ", 0, "not_equivalent|equivalent" },
  { "qqp", "qqp question1: ", " question2: ", 0, "not_duplicate|duplicate" },
  { "stsb", "stsb sentence1: ", " sentence2: ", 0, NULL },
  { "mnli", "mnli hypothesis: ", " premise: ", 1, "entailment|neutral|contradiction" },
  { "qnli", "qnli question: ", " sentence: ", 0, SPOKEN_NLI },
  { "rte", "rte sentence1: ", " sentence2: ", 0, SPOKEN_NLI },
  { "wnli", "wnli sentence1: ", " sentence2: ", 0, "not_entailment|entailment" },
  { "afqmc", "afqmc sentence1: ", " sentence2: ", 0, "not_equivalent|equivalent" },
  { "cmnli", "cmnli hypothesis: ", " premise: ", 1, "neutral|entailment|contradiction" },
  { "ocnli", "ocnli hypothesis: ", " premise: ", 1, "neutral|entailment|contradiction" },
  { "chnsenticorp", "chnsenticorp sentence: ", NULL, 0, "negative|positive" },
  { "eprstmt", "eprstmt sentence: ", NULL, 0, "positive|negative" },
};
enum { SPOKEN_COUNT = (int)(sizeof spoken_table / sizeof *spoken_table), SPOKEN_CLASSES = 8 };     /* at most */

static const spoken_task *find_spoken(const char *name) {
  int i;
  for (i = 0; name && i < SPOKEN_COUNT; i++)
    if (strcmp(spoken_table[i].task, name) == 0) return &spoken_table[i];
  return NULL;
}

/* The row of a task that was chosen as words; NULL: it was not. */
static const spoken_task *spoken_of(const task_info *k) {
  return k && k->head == LDR_HEAD_WORDS ? find_spoken(k->name) : NULL;
}

/* What is said of an answer that means nothing. */
static const char *spoken_none(const spoken_task *w) { return w->words ? "none of the words" : "no numbers"; }

/* What the labels of a task's files are for. */
static ldr_head labels_head(const task_info *k) { return spoken_of(k) ? find_task(k->name)->head : k->head; }

/* Word number i of "a|b|c", counted from 0, without another spelling; *n: its bytes. */
static const char *word_at(const char *words, int32_t i, size_t *n) {
  while (i-- > 0) words += strcspn(words, "|") + 1;
  *n = strcspn(words, "=|");
  return words;
}

/* ---- files of a directory -------------------------------------------------------------- */

static const char *const default_files[FILE_ROLES] = {
  "train.json|train.50k.json|train.10k.json|train_few_all.json|train.jsonl|train.tsv|train.csv|train.txt|train.conll",
  "dev.json|dev_few_all.json|dev.jsonl|validation.jsonl|val.jsonl|dev.tsv|dev.csv|val.csv|dev.txt|dev.conll",
  "test_public.json|test.json|test.jsonl|test.tsv|test.csv|test.txt|test.conll" };

static const char *task_files(const task_info *k, int role) {
  return k && k->files[role] ? k->files[role] : default_files[role];
}

/* Adds dir/name[n] to the lines of `list`, if there is such a file. */
static void add_file(char list[LADDER_MAX_PATH], const char *dir, const char *name, size_t n) {
  char file[256], path[LADDER_MAX_PATH];
  size_t used = strlen(list);
  if (n >= sizeof file) return;
  memcpy(file, name, n);
  file[n] = 0;
  if (!ldr__path_join(path, sizeof path, dir, file) || !ldr__file_exists(path)) return;
  if (used + strlen(path) + 2 > LADDER_MAX_PATH) return;
  if (used) list[used++] = '\n';
  strcpy(list + used, path);
}

/* `path` itself, or the files of that role in the directory that it is: in buffer, with line ends between them. */
static const char *file_for_role(const char *path, const task_info *k, int role, char buffer[LADDER_MAX_PATH]) {
  const char *names = task_files(k, role);
  *buffer = 0;
  while (path && *names && !*buffer) {
    size_t length = strcspn(names, "|"), at = 0;
    while (at < length) {
      size_t n = strcspn(names + at, "+|");
      add_file(buffer, path, names + at, n);
      at += n + 1;
    }
    names += length + (names[length] == '|');
  }
  return *buffer ? buffer : path;
}

/* A file has nothing in it that could be opened. */
static int is_directory(const char *path) {
  char inside[LADDER_MAX_PATH];
  return ldr__path_join(inside, sizeof inside, path, ".") && ldr__file_exists(inside);
}

/* The next of the files of a role, copied; NULL at the end. */
static const char *next_task_file(const char **list, char path[LADDER_MAX_PATH]) {
  size_t n = strcspn(*list, "\n");
  if (!**list || n >= LADDER_MAX_PATH) return NULL;
  memcpy(path, *list, n);
  path[n] = 0;
  *list += n + ((*list)[n] == '\n');
  return path;
}

/* ---- names of classes ------------------------------------------------------------------ */

/* Names of classes, sorted before use so that a class has the same index whatever file came first. */
typedef struct name_list { char **names; int32_t count, capacity; } name_list;

static void free_names(name_list *l) {
  int32_t i;
  for (i = 0; i < l->count; i++) free(l->names[i]);
  free(l->names);
}

static ldr_status add_name(name_list *l, const char *name, ldr_error *err) {
  int32_t i;
  for (i = 0; i < l->count; i++)
    if (strcmp(l->names[i], name) == 0) return LDR_OK;
  if (l->count == l->capacity) {
    int32_t capacity = l->capacity ? l->capacity * 2 : 32;
    char **names = (char **)realloc(l->names, (size_t)capacity * sizeof *names);
    if (!names) return ldr__fail(err, LDR_MEMORY, "out of memory while reading labels");
    l->names = names;
    l->capacity = capacity;
  }
  l->names[l->count] = (char *)malloc(strlen(name) + 1);
  if (!l->names[l->count]) return ldr__fail(err, LDR_MEMORY, "out of memory while reading labels");
  strcpy(l->names[l->count++], name);
  return LDR_OK;
}

/* Numbers by value and before words; words by their bytes. */
static int compare_names(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  float u = 0, v = 0;
  int x_number = ldr__reader_number(x, &u), y_number = ldr__reader_number(y, &v);
  if (x_number != y_number) return x_number ? -1 : 1;
  if (x_number && u < v) return -1;
  if (x_number && u > v) return 1;
  return strcmp(x, y);
}

/* ---- what a pass over a file holds ----------------------------------------------------- */

/* Bytes that grow. */
typedef struct growing { char *data; size_t used, capacity; } growing;

/* Adds s[n] and a NUL that does not count. */
static ldr_status growing_add(growing *b, const char *s, size_t n, ldr_error *err) {
  void *data = NULL;
  if (n < SIZE_MAX / 4 && b->used < SIZE_MAX / 4) data = words_grow(b->data, &b->capacity, b->used + n + 1, 1);
  if (!data) return words_no_memory("texts", err);
  b->data = (char *)data;
  if (n) memcpy(b->data + b->used, s, n);
  b->used += n;
  b->data[b->used] = 0;
  return LDR_OK;
}

enum { MAX_TYPE = 64, MAX_LABEL = MAX_TYPE + 2, MAX_CHOICES = 64 };
/* An entity: characters, both included; its tokens and the class that begins it, once they are known. */
typedef struct span { char type[MAX_TYPE]; int32_t first, last, from, to, begins; } span;

/* The choices of one example: texts, and the marks (A, B, ...) that a file may give them. 0: not there, else its place
   + 1. */
typedef struct choice_list {
  growing all;
  size_t  text[MAX_CHOICES], mark[MAX_CHOICES];
  int32_t count, listed, from;   /* listed: as an array; from: what the first is named */
} choice_list;

/* What a data set of choices does not hold: how many of an example's choices are real, which examples share their
   candidates and may not have the same answer, and the names the examples have in their file (JSON). Of a task as
   words: each example's class or number. */
typedef struct item_list {
  int32_t *choices, *group, count, groups;
  size_t  *id, capacity;
  growing  ids;
  float   *right;
  size_t   right_count, right_capacity;
} item_list;

static void free_items(item_list *l) {
  free(l->choices);
  free(l->group);
  free(l->id);
  free(l->ids.data);
  free(l->right);
  memset(l, 0, sizeof *l);
}

/* What a label is: the number of a choice that JSON says is one; what a column "label" has; the text of the answer. */
typedef enum answer_kind { ANSWER_NUMBER, ANSWER_INDEX, ANSWER_TEXT } answer_kind;

/* What of the command line matters here. */
typedef struct task_reading {
  int         skip_bad, scored;          /* scored: not learned from, so that all the text holds counts */
  const char *encoding, *model, *chat_text;
  int32_t     stride;
} task_reading;

/* Why the tokens of an entity do not say it. */
typedef enum entity_miss { MISS_NONE, MISS_CUT, MISS_SHARED, MISS_INSIDE, MISS_TYPE, MISS_KINDS } entity_miss;

/* One pass over a task's file. The library's reader holds the file and the fields of the example
   under way; row_fn takes each example from there. */
typedef struct rows {
  ldr__reader   r;
  const task_info *task;
  int           skip_bad, headed;        /* headed: a first line may name the columns       */
  int32_t       seen, entities, bad, dropped, unlabelled, misses[MISS_KINDS];
  char          strange[MAX_LABEL];      /* the first type of an entity that training had not */
  char          first_bad[256];
  struct answers *answers;               /* predict: where texts go                         */
  span         *spans;
  int32_t       span_count, span_capacity;
  growing       id, line, side;          /* id: as it stands in the file; the others are made up here */
  choice_list   choices;
  answer_kind   label_is;
  int           named_answer;    /* the label is an "answer", not a "label" */
  int32_t       most_choices;            /* seen so far                                     */
  int           cloze;                   /* the text has a marked blank                     */
  int           unit;                    /* pronouns: what places are counted in, a place_unit */
  item_list    *items;                   /* choices: where they are written down            */
  const ldr_json *key;                   /* cloze: the answers, in a file of their own      */
  int32_t       key_at;
  const char   *beside;                  /* the labels, in a file of their own              */
  size_t        beside_size;
  name_list    *names;                   /* first pass: the labels seen                     */
  ldr_encoding  encoding, answer;        /* entities, words, choices: reused                */
  int32_t       ends_text;               /* words: what ends a completion, or -1            */
  int32_t       start;                   /* two stacks: what the decoder begins with; else -1 */
  chat          talk;                    /* conversations: the model's template             */
  const task_reading *how;
  int32_t      *classes;
  int32_t       class_capacity;
  ldr_status  (*row_fn)(struct rows *s, int pair, size_t at, ldr_error *err);
} rows;

static const char *row_field(const rows *s, int f) { return s->r.field[f] ? (const char *)s->r.field[f] : ""; }

/* An example that is no example is counted and left out, and the first is told. A text to be answered cannot be left
   out. */
static ldr_status damaged(rows *s, size_t at, ldr_error *err, const char *format, ...) {
  char what[200];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  what[ldr__utf8_bad((const unsigned char *)what, strlen(what), 0)] = 0;
  if (s->r.unlabelled) return ldr__reader_fail(&s->r, at, err, "%s", what);
  if (s->dropped++ == 0)
    snprintf(s->first_bad, sizeof s->first_bad, "line %" PRId64 ": %s", ldr__reader_line(&s->r, at), what);
  return LDR_OK;
}

static ldr_status row_labels(rows *s, int pair, size_t at, ldr_error *err) {
  int32_t i;
  (void)pair;
  (void)at;
  s->most_choices = LDR__MAX(s->most_choices, s->choices.count);
  if (!has_classes(s->task->head)) return LDR_OK;
  if (!reads_entities(s->task)) return add_name(s->names, (const char *)s->r.field[LDR__FIELD_LABEL], err);
  for (i = 0; i < s->span_count; i++)
    if (add_name(s->names, s->spans[i].type, err)) return LDR_MEMORY;
  return LDR_OK;
}

/* ---- examples into data sets ------------------------------------------------------------ */

/* Where no blank stands between tokens: beside Chinese, Japanese and their punctuation. */
static int is_wide(uint32_t c) {
  return (c >= 0x2e80 && c < 0xac00) || (c >= 0xf900 && c < 0xfb00) || (c >= 0xfe30 && c < 0xfe50)
      || (c >= 0xff00 && c < 0xff70) || (c >= 0x20000 && c < 0x40000);
}

static ldr_status row_example(rows *s, int pair, size_t at, ldr_error *err) {
  return ldr__reader_add(&s->r, pair, at, err);
}

static int overlaps(const ldr_encoding *c, int32_t i, size_t from, size_t to) {
  return c->text[i] == 0 && (size_t)c->end[i] > from && (size_t)c->begin[i] < to;
}

/* The tokens that overlap an entity and the class that begins it, or what keeps them from saying it. Spans that begin
   or end inside a token: whole tokens are learned for them; where they are scored they are misses, as they are to
   whoever compares places in the text. */
static entity_miss place_span(const rows *s, span *e, const char *t, size_t n) {
  const ldr_encoding *c = &s->encoding;
  size_t from = byte_of_char(t, n, e->first), to = byte_of_char(t, n, e->last + 1), begin, end = 0;
  char name[MAX_LABEL];
  int32_t i;
  snprintf(name, sizeof name, "B-%s", e->type);
  e->begins = ldr_dataset_label(s->r.d, name, 0, NULL);
  e->from = 0;
  e->to = -1;
  for (i = 0; i < c->count; i++) {
    if (c->text[i] == 0 && (size_t)c->end[i] > end) end = (size_t)c->end[i];
    if (!overlaps(c, i, from, to)) continue;
    if (e->to < e->from) e->from = i;
    e->to = i;
  }
  if (e->begins < 0) return MISS_TYPE;
  if (c->cut > 0 && to > end) return MISS_CUT;
  if (e->to < e->from) return MISS_SHARED;
  begin = (size_t)c->begin[e->from];
  end = (size_t)c->end[e->to];
  trim_place(t, &begin, &end);
  return s->how->scored && (begin != from || end != to) ? MISS_INSIDE : MISS_NONE;
}

/* Is one of the span's tokens another's? */
static int shares_tokens(const rows *s, const span *e) {
  int32_t i;
  for (i = e->from; i <= e->to && s->classes[i] <= 0; i++) {}
  return i <= e->to;
}

/* The same entity of the same tokens again is none more. */
static int32_t repeats(const rows *s, int32_t i, int of_text) {
  const span *e = &s->spans[i], *x = s->spans;
  for (; x < e; x++)
    if (strcmp(x->type, e->type) == 0 && (of_text ? x->first == e->first && x->last == e->last
        : x->begins >= 0 && x->from == e->from && x->to == e->to)) return 1;
  return 0;
}

/* Spans that cross, for LDR_HEAD_POINTER: all of the text are named at their first tokens. */
static ldr_status mark_crossing(rows *s, ldr_error *err) {
  int32_t *items = (int32_t *)malloc((size_t)s->span_count * sizeof *items), i, k, n;
  if (!items) return words_no_memory("spans that cross", err);
  for (i = 0; i < s->encoding.count; i++)
    if (s->classes[i] > 0) s->classes[i] = 0;
  for (i = 0; i < s->span_count && !err->status; i++) {
    const span *e = &s->spans[i];
    if (e->begins < 0 || s->classes[e->from] > 0) continue;
    for (n = 0, k = i; k < s->span_count; k++)
      if (s->spans[k].begins >= 0 && s->spans[k].from == e->from)
        items[n++] = LDR_SPAN((s->spans[k].begins - 1) / 2, s->spans[k].to - e->from + 1);
    s->classes[e->from] = LDR_SPANS + ldr_dataset_label_set(s->r.d, items, n, err);
  }
  free(items);
  return err->status;
}

/* Tags for the entities of a text, or sets where they cross and the head can have that; `missed`: those that neither
   says. What is left of an entity that was cut is no example of anything. */
static ldr_status mark_entities(rows *s, const char *t, size_t n, size_t at, int32_t *missed, ldr_error *err) {
  int32_t i, k, crossing = 0;
  for (i = 0; i < s->span_count; i++) {
    span *e = &s->spans[i];
    entity_miss miss = place_span(s, e, t, n);
    if (miss == MISS_TYPE && !s->how->scored)
      return ldr__fail_at(err, LDR_DATA, at, "line %I: the entity type \"%s\" is none of the known ones",
          ldr__reader_line(&s->r, at), e->type);
    if (miss == MISS_NONE && shares_tokens(s, e)) {
      if (s->task->head == LDR_HEAD_POINTER && !repeats(s, i, 0)) crossing = 1;
      else miss = MISS_SHARED;
    }
    if (miss == MISS_TYPE && !s->strange[0]) memcpy(s->strange, e->type, strlen(e->type) + 1);
    if (miss) e->begins = -1;
    if (miss && !repeats(s, i, 1)) {
      s->misses[miss]++;
      ++*missed;
    }
    for (k = e->from; k <= e->to; k++) {
      if (s->encoding.text[k] != 0) continue;
      if (!miss) s->classes[k] = e->begins + (k > e->from);
      else if (miss == MISS_CUT && !s->how->scored && s->classes[k] == 0) s->classes[k] = LDR_IGNORE;
    }
  }
  return crossing ? mark_crossing(s, err) : LDR_OK;
}

/* Room for a class of each of n tokens. */
static ldr_status classes_room(rows *s, int32_t n, ldr_error *err) {
  int32_t *classes;
  if (n <= s->class_capacity) return LDR_OK;
  classes = (int32_t *)realloc(s->classes, (size_t)n * sizeof *classes);
  if (!classes) return words_no_memory("the classes of tokens", err);
  s->classes = classes;
  s->class_capacity = n;
  return LDR_OK;
}

static ldr_status row_entities(rows *s, int pair, size_t at, ldr_error *err) {
  const char *t = (const char *)s->r.field[LDR__FIELD_TEXT];
  size_t n = strlen(t);
  ldr_example e;
  ldr_status status = ldr_tokenizer_encode(s->r.tokenizer, &s->encoding, t, n, NULL, 0, s->r.desc.max_len, 1, err);
  int32_t i, missed = 0;
  (void)pair;
  if (status) return status;
  if (classes_room(s, s->encoding.count, err)) return LDR_MEMORY;
  for (i = 0; i < s->encoding.count; i++) s->classes[i] = s->encoding.text[i] < 0 ? LDR_IGNORE : 0;
  if (mark_entities(s, t, n, at, &missed, err)) return err->status;
  memset(&e, 0, sizeof e);
  e.missed = missed;
  s->r.d->cut += s->encoding.cut > 0;
  e.count = s->encoding.count;
  e.ids = s->encoding.ids;
  e.segments = s->encoding.segments;
  e.labels = s->classes;
  return ldr_dataset_add(s->r.d, &e, err);
}

/* Tokens ids[n], of which those before `first` are read and not learned, as examples of up to max_len. A text is cut
   into pieces that follow each other; of an instruction that is too long the beginning goes. */
static ldr_status add_words(rows *s, const int32_t *ids, int32_t n, int32_t first, ldr_error *err) {
  int32_t most = s->r.desc.max_len, from = first > 0 && n - 1 > most ? n - 1 - most : 0, i;
  ldr_status status = LDR_OK;
  ldr_example e;
  s->r.d->cut += from > 0;
  if (classes_room(s, n, err)) return LDR_MEMORY;
  for (i = 0; i + 1 < n; i++) s->classes[i] = i + 1 >= first ? ids[i + 1] : LDR_IGNORE;
  memset(&e, 0, sizeof e);
  for (; !status && from + 1 < n; from += most) {
    e.count = LDR__MIN(most, n - 1 - from);
    e.ids = ids + from;
    e.labels = s->classes + from;
    status = ldr_dataset_add(s->r.d, &e, err);
  }
  return status;
}

/* The same, where learn[n] says of each token whether it is to be foreseen. Pieces with nothing to learn are left
   out. */
static ldr_status add_marked(rows *s, const int32_t *ids, int32_t n, const int32_t *learn, ldr_error *err) {
  int32_t most = s->r.desc.max_len, from, i, any;
  ldr_status status = LDR_OK;
  ldr_example e;
  if (classes_room(s, n, err)) return LDR_MEMORY;
  s->r.d->cut += n - 1 > most;                   /* a later piece does not see the earlier  */
  memset(&e, 0, sizeof e);
  for (from = 0; !status && from + 1 < n; from += most) {
    e.count = LDR__MIN(most, n - 1 - from);
    for (any = 0, i = from; i < from + e.count; i++) {
      s->classes[i] = learn[i + 1] ? ids[i + 1] : LDR_IGNORE;
      any |= learn[i + 1];
    }
    e.ids = ids + from;
    e.labels = s->classes + from;
    if (any) status = ldr_dataset_add(s->r.d, &e, err);
  }
  return status;
}

/* A pair for a model of two stacks: the encoder reads the source, the decoder its start token and the target, which
   as the tokenizer ends it, or else with the model's own end, is learned. Each is cut to max_len. */
static ldr_status add_pair(rows *s, const ldr_encoding *source, const ldr_encoding *target, ldr_error *err) {
  int32_t most = s->r.desc.max_len, n = source->count, k = target->count, i, *ids, *segments,
      ends = s->ends_text >= 0 && (k == 0 || target->ids[k - 1] != s->ends_text);
  ldr_status status;
  ldr_example e;
  k = LDR__MIN(k, most - ends);
  if (classes_room(s, n + k + 1, err)) return LDR_MEMORY;
  ids = (int32_t *)malloc(2 * ((size_t)(n + k) + 1) * sizeof *ids);
  if (!ids) return ldr__fail(err, LDR_MEMORY, "out of memory while reading texts");
  segments = ids + n + k + 1;
  memcpy(ids, source->ids, (size_t)n * sizeof *ids);
  for (i = 0; i < n; i++) s->classes[i] = LDR_IGNORE;
  for (i = 0; i < k + ends; i++) {
    ids[n + i] = i ? target->ids[i - 1] : s->start;
    s->classes[n + i] = i < k ? target->ids[i] : s->ends_text;
  }
  for (i = 0; i < n + k + ends; i++) segments[i] = i >= n;
  memset(&e, 0, sizeof e);
  e.count = n + k + ends;
  e.ids = ids;
  e.segments = segments;
  e.labels = s->classes;
  s->r.d->cut += source->cut > 0 || target->count > k;
  status = ldr_dataset_add(s->r.d, &e, err);
  free(ids);
  return status;
}

/* 1: two answers to a prompt, the better one first. */
static int reads_preferences(const task_info *k) { return k && k->head == LDR_HEAD_WORDS && k->choices == 2; }

/* 1: prompt and answers may be lists of messages. */
static int takes_messages(const task_info *k) {
  return k->head == LDR_HEAD_WORDS && k->form == FORM_TEXTS && !spoken_of(k);
}

/* A text, every token of which is to be foreseen from those before; or a prompt and the completion that alone is
   learned. */
static ldr_status words_of(rows *s, const char *completion, size_t at, ldr_error *err) {
  const char *prompt = (const char *)s->r.field[LDR__FIELD_TEXT];
  ldr_encoding *a = &s->encoding, *b = &s->answer;
  int32_t *ids, n, end;
  ldr_status status;
  if (ldr_tokenizer_encode(s->r.tokenizer, a, prompt, strlen(prompt), NULL, 0,
          s->start < 0 ? INT32_MAX : s->r.desc.max_len, 1, err))
    return err->status;
  if (s->task->form == FORM_LINES) return add_words(s, a->ids, a->count, 0, err);
  if (!*completion) return damaged(s, at, err, "the answer is empty: there is nothing to learn");
  if (s->start >= 0 && !a->count) return damaged(s, at, err, "the source is empty: there is nothing to read");
  if (ldr_tokenizer_encode(s->r.tokenizer, b, completion, strlen(completion), NULL, 0, INT32_MAX, s->start >= 0, err))
    return err->status;
  if (s->start >= 0) return add_pair(s, a, b, err);
  n = a->count + b->count;
  end = s->ends_text;
  ids = (int32_t *)malloc(((size_t)n + 1) * sizeof *ids);
  if (!ids) return ldr__fail(err, LDR_MEMORY, "out of memory while reading texts");
  memcpy(ids, a->ids, (size_t)a->count * sizeof *ids);
  memcpy(ids + a->count, b->ids, (size_t)b->count * sizeof *ids);
  if (end >= 0) ids[n++] = end;
  status = add_words(s, ids, n, LDR__MAX(a->count, 1), err);
  free(ids);
  return status;
}

static ldr_status row_words(rows *s, int pair, size_t at, ldr_error *err) {
  ldr_status status;
  int32_t before = ldr_dataset_count(s->r.d);
  (void)pair;
  if (reads_preferences(s->task) && (!*row_field(s, LDR__FIELD_LABEL) || !*row_field(s, LDR__FIELD_TEXT2)))
    return damaged(s, at, err, "one of the answers is empty: there is nothing to learn");
  status = words_of(s, (const char *)s->r.field[LDR__FIELD_LABEL], at, err);
  if (!status && reads_preferences(s->task)) status = words_of(s, row_field(s, LDR__FIELD_TEXT2), at, err);
  if (!status && reads_preferences(s->task) && (ldr_dataset_count(s->r.d) - before) % 2)
    return ldr__reader_fail(&s->r, at, err, "one of the answers has no tokens to learn");
  return status;
}

/* What the model reads of the example under way becomes its text. pair: there is a second one. */
static ldr_status spoken_source(rows *s, int pair, size_t at, ldr_error *err) {
  const spoken_task *w = spoken_of(s->task);
  const char *part[2];
  if (w->second && !pair) return ldr__reader_fail(&s->r, at, err, "the example has no second text");
  part[w->swapped] = row_field(s, LDR__FIELD_TEXT);
  part[!w->swapped] = w->second ? row_field(s, LDR__FIELD_TEXT2) : "";
  s->side.used = 0;
  if (growing_add(&s->side, w->first, strlen(w->first), err) || growing_add(&s->side, part[0], strlen(part[0]), err)
      || (w->second
          && (growing_add(&s->side, w->second, strlen(w->second), err)
              || growing_add(&s->side, part[1], strlen(part[1]), err))))
    return LDR_MEMORY;
  return ldr__reader_copy(&s->r, LDR__FIELD_TEXT, s->side.data, s->side.used, err);
}

/* The label, as check_label left it, becomes what the model is to say; *right: its class or number. */
static ldr_status spoken_target(rows *s, float *right, ldr_error *err) {
  const char *words = spoken_of(s->task)->words, *label = row_field(s, LDR__FIELD_LABEL);
  char number[32];
  size_t n;
  if (!words) {
    volatile float fifths; /* a float, as T5 has it: x87 would keep more digits and round 0.1 up */
    ldr__reader_number(label, right);
    fifths = *right * 5.0f;
    snprintf(number, sizeof number, "%.1f", rint((double)fifths) / 5 + 0.0);      /* -0 is 0 */
    return ldr__reader_copy(&s->r, LDR__FIELD_LABEL, number, strlen(number), err);
  }
  *right = (float)(word_among(s->task->labels, label, strlen(label)) - 1);
  words = word_at(words, (int32_t)*right, &n);
  return ldr__reader_copy(&s->r, LDR__FIELD_LABEL, words, n, err);
}

/* An example of classes or numbers as a pair of texts. */
static ldr_status row_spoken(rows *s, int pair, size_t at, ldr_error *err) {
  item_list *l = s->items;
  float right = 0;
  void *p;
  if (spoken_source(s, pair, at, err) || spoken_target(s, &right, err) || row_words(s, pair, at, err))
    return err->status;
  if (!l) return LDR_OK;
  p = words_grow(l->right, &l->right_capacity, l->right_count + 1, sizeof *l->right);
  if (!p) return words_no_memory("labels", err);
  l->right = (float *)p;
  l->right[l->right_count++] = right;
  return LDR_OK;
}

static ldr_status join_texts(growing *b, const char *first, const char *second, ldr_error *err);
static const char *mask_word(const ldr_tokenizer *t, int32_t *id);
static const char *choice_text(const choice_list *c, int32_t k);
static int32_t find_answer(const rows *s);

/* Choice k of the example as tokens: text and choice, text and question with the choice, or a candidate and the text
   with a blank, whose mark is [unused1] where the vocabulary has it. */
static ldr_status encode_choice(rows *s, int32_t k, ldr_error *err) {
  const char *a = row_field(s, LDR__FIELD_TEXT), *b = row_field(s, LDR__FIELD_TEXT2),
      *choice = choice_text(&s->choices, k);
  ldr_encoding *e = &s->encoding;
  int32_t id, mark = ldr_tokenizer_find(s->r.tokenizer, "[unused1]"), masks = 0, i;
  if (s->cloze) a = choice;
  else if (!*a) {                                /* a question without a text, or a text without a question */
    a = b;
    b = choice;
  } else if (*b) {
    if (join_texts(&s->side, b, choice, err)) return LDR_MEMORY;
    b = s->side.data;
  } else b = choice;
  if (ldr_tokenizer_encode(s->r.tokenizer, e, a, strlen(a), b, strlen(b), s->r.desc.max_len, 1, err))
    return err->status;
  mask_word(s->r.tokenizer, &id);
  for (i = 0; s->cloze && mark >= 0 && id >= 0 && i < e->count; i++)
    if (e->ids[i] == id && ++masks == s->cloze) e->ids[i] = mark;
  return LDR_OK;
}

/* Writes down what the data set of choices does not hold. */
static ldr_status note_item(rows *s, ldr_error *err) {
  item_list *l = s->items;
  size_t n = (size_t)l->count;
  if (n == l->capacity) {
    size_t capacity = n ? 2 * n : 64;
    int32_t *choices = (int32_t *)realloc(l->choices, capacity * sizeof *choices), *group;
    size_t *id;
    if (choices) l->choices = choices;
    group = choices ? (int32_t *)realloc(l->group, capacity * sizeof *group) : NULL;
    if (group) l->group = group;
    id = group ? (size_t *)realloc(l->id, capacity * sizeof *id) : NULL;
    if (!id) return ldr__fail(err, LDR_MEMORY, "out of memory while reading examples");
    l->id = id;
    l->capacity = capacity;
  }
  l->choices[n] = s->choices.count;
  l->group[n] = s->cloze ? l->groups : -1;
  l->id[n] = l->ids.used;
  l->count++;
  return growing_add(&l->ids, s->id.data ? s->id.data : "", s->id.used, err) || growing_add(&l->ids, "", 1, err)
      ? LDR_MEMORY : LDR_OK;
}

/* A sequence a choice. Where there are fewer than elsewhere, the template's tokens alone stand for one that is 
   missing. */
static ldr_status row_choices(rows *s, int pair, size_t at, ldr_error *err) {
  int32_t label = s->r.unlabelled ? 0 : find_answer(s), k, ends[2], zero[2] = { 0, 0 };
  ldr_status status = LDR_OK;
  ldr_example e;
  (void)pair;
  (void)at;
  memset(&e, 0, sizeof e);
  e.labels = &label;
  for (k = 0; k < s->r.desc.choices && !status; k++) {
    if (k < s->choices.count) {
      status = encode_choice(s, k, err);
      s->r.d->cut += s->encoding.cut > 0;
      e.count = s->encoding.count;
      e.ids = s->encoding.ids;
      e.segments = s->encoding.segments;
    } else if (k == s->choices.count) {
      ends[0] = e.ids[0];
      ends[1] = e.ids[e.count - 1];
      e.count = LDR__MIN(e.count, 2);
      e.ids = ends;
      e.segments = zero;
    }
    if (!status) status = ldr_dataset_add(s->r.d, &e, err);
  }
  return status ? status : note_item(s, err);
}

/* ---- members and columns --------------------------------------------------------------- */

/* + the choice's number */
enum { ROLE_NONE = -1, ROLE_ID = LDR__FIELDS + 1, ROLE_ANSWER, ROLE_CHOICES, ROLE_CHOICE };

/* "ending0", "choice1", "optionA" or "A": the number of the choice that a column or member of this name holds, or 
   -1. */
static int choice_number(const char *name, size_t n) {
  static const char *const before[] = { "ending", "choice", "option", "sol", "answer", "candidate", "" };
  size_t i, k, length;
  for (i = 0; i < sizeof before / sizeof *before; i++) {
    length = strlen(before[i]);
    if (n <= length || memcmp(name, before[i], length) != 0) continue;
    k = length + (length && name[length] == '_' && n > length + 1);
    if (n == k + 1 && name[k] >= 'A' && name[k] <= 'H') return name[k] - 'A';
    if (length && n == k + 1 && name[k] >= '0' && name[k] <= '9') return name[k] - '0';
  }
  return -1;
}

/* What a member or column of this name is for the task: a field of the reader or a ROLE. */
static int role_of(const task_info *k, const char *name, size_t n) {
  int f, number;
  for (f = 0; f < LDR__FIELDS; f++)
    if (word_among(k->field[f], name, n)) return f;
  if (word_among("id|idx|index|qid|guid", name, n)) return ROLE_ID;
  if (k->form != FORM_CHOICE) return ROLE_NONE;
  if (word_among("answer|answerKey|answer_key|answer_text|correct|correct_answer|correct_option", name, n))
    return ROLE_ANSWER;
  if (word_among("choices|choice|options|endings|candidates|answers", name, n)) return ROLE_CHOICES;
  number = choice_number(name, n);
  return number < 0 ? ROLE_NONE : ROLE_CHOICE + number;
}

static int member_role(const task_info *k, const ldr_json *j, int32_t key) {
  char name[64];
  ptrdiff_t n = ldr_json_string(name, sizeof name, j, key);
  return n < 0 || n >= (ptrdiff_t)sizeof name ? ROLE_NONE : role_of(k, name, (size_t)n);
}

static void start_example(rows *s) {
  int f;
  for (f = 0; f < LDR__FIELDS; f++)
    if (s->r.field[f]) *(char *)s->r.field[f] = 0;
  s->id.used = 0;
  s->label_is = ANSWER_TEXT;
  s->named_answer = 0;
  s->choices.count = s->choices.listed = s->choices.from = 0;
  s->choices.all.used = 0;
  memset(s->choices.text, 0, sizeof s->choices.text);
  memset(s->choices.mark, 0, sizeof s->choices.mark);
}

static ldr_status set_id(rows *s, const char *value, size_t n, ldr_error *err) {
  s->id.used = 0;
  return growing_add(&s->id, value, n, err);
}

/* Choice (or its mark) number k is `text`. */
static ldr_status set_choice(rows *s, size_t *place, int32_t k, const char *value, size_t n, ldr_error *err) {
  choice_list *c = &s->choices;
  size_t at = c->all.used;
  if (k >= MAX_CHOICES) return ldr__fail(err, LDR_LIMIT, "more than %d choices", (int)MAX_CHOICES);
  if (growing_add(&c->all, value, n, err) || growing_add(&c->all, "", 1, err)) return LDR_MEMORY;
  place[k] = at + 1;
  c->count = LDR__MAX(c->count, k + 1);
  return LDR_OK;
}

static const char *choice_text(const choice_list *c, int32_t k) {
  return c->text[k] ? c->all.data + c->text[k] - 1 : "";
}

/* Is the label of the example one of those that stand for none, or of none of the task's classes? Writes it as the task
   has it. */
static ldr_status check_label(rows *s, size_t at, int *use, ldr_error *err) {
  const task_info *k = s->task;
  char *label = (char *)s->r.field[LDR__FIELD_LABEL], shown[SHOWN];
  const char *words = k->labels;
  float value;
  int index;
  *use = 0;
  if (!label) return damaged(s, at, err, "the example has no label");
  ldr__reader_trim(label);
  if (word_among(k->drop, label, strlen(label))) {
    s->unlabelled++;
    return LDR_OK;
  }
  if (!*label) return damaged(s, at, err, "the example has no label");
  show(shown, label, strlen(label));
  if (labels_head(k) == LDR_HEAD_REGRESS && !ldr__reader_number(label, &value))
    return damaged(s, at, err, "the label \"%s\" is not a number", shown);
  index = words ? word_among(words, label, strlen(label)) : 0;
  if (words && !index) return damaged(s, at, err, "the label \"%s\" is none of %s", shown, words);
  *use = 1;
  while (index-- > 1) words += strcspn(words, "|") + 1;
  return words ? ldr__reader_copy(&s->r, LDR__FIELD_LABEL, words, strcspn(words, "=|"), err) : LDR_OK;
}

/* Hands on the example whose fields are copied, unless its label says to leave it out. */
static ldr_status give_row(rows *s, int pair, size_t at, ldr_error *err) {
  ldr_head labels = labels_head(s->task);
  int use = 1, checked = labels == LDR_HEAD_CLASSIFY || labels == LDR_HEAD_REGRESS;
  s->seen++;
  if (checked && !s->r.unlabelled && check_label(s, at, &use, err)) return err->status;
  if (!use) return LDR_OK;
  if (checked && !s->r.unlabelled && !*row_field(s, LDR__FIELD_TEXT))
    return damaged(s, at, err, "the example has no text");
  if (checked && !s->r.unlabelled && pair && !*row_field(s, LDR__FIELD_TEXT2))
    return damaged(s, at, err, "the example has no second text");
  return s->row_fn(s, pair, at, err);
}

static ldr_status give_choices(rows *s, size_t at, ldr_error *err);

/* What the columns of a file hold: as its first line names them, or where the task's files without names have them.
   Returns how many there are, *named: by a first line. 0: neither. */
static int table_columns(rows *s, int column[LDR__MAX_COLUMNS], int *named, ldr_error *err) {
  const task_info *k = s->task;
  int n = 0, have[LDR__FIELDS + 1] = { 0, 0, 0, 0 }, choices = 0, f, role;
  size_t i = s->r.begin;
  *named = 0;
  for (; s->headed && n < LDR__MAX_COLUMNS; i++) {
    char *name;
    i = ldr__reader_column(&s->r, LDR__FIELDS, i, err);
    if (i == SIZE_MAX) return 0;
    name = (char *)s->r.field[LDR__FIELDS];
    ldr__reader_trim(name);
    role = role_of(k, name, strlen(name));
    if (role >= 0 && role < LDR__FIELDS && have[role]++) role = ROLE_NONE;
    if (role == ROLE_ANSWER) have[LDR__FIELD_LABEL]++;
    choices += role >= ROLE_CHOICE;
    column[n++] = role;
    if (i >= s->r.size || s->r.data[i] == '\n') break;
  }
  if (k->form == FORM_CHOICE && !have[LDR__FIELD_TEXT] && have[LDR__FIELD_TEXT2]) {
    for (f = 0; f < n; f++)                      /* nothing to read but the question */
      if (column[f] == LDR__FIELD_TEXT2) column[f] = LDR__FIELD_TEXT;
    have[LDR__FIELD_TEXT] = 1;
  }
  *named = n > (k->form != FORM_LINES && !s->r.unlabelled) && have[LDR__FIELD_TEXT]
      && (have[LDR__FIELD_LABEL] || !k->field[LDR__FIELD_LABEL] || s->r.unlabelled)
      && (k->form != FORM_CHOICE || choices > 1);
  if (*named && k->field[LDR__FIELD_TEXT2] && k->form == FORM_TEXTS) *named = have[LDR__FIELD_TEXT2];
  if (*named) return n;
  for (n = 0, f = 0; f < LDR__FIELDS; f++) n = LDR__MAX(n, k->column[f] + 1);
  for (i = 0; i < (size_t)n; i++) column[i] = ROLE_NONE;
  for (f = 0; f < LDR__FIELDS; f++)
    if (k->column[f] >= 0) column[k->column[f]] = f;
  return n;
}

/* The columns of one line or record; *next is behind it. Returns how many there are, or -1. */
static int table_row(rows *s, const int *column, int columns, size_t at, size_t *next, ldr_error *err) {
  size_t i = at;
  int n = 0;
  start_example(s);
  for (;; i++) {
    int role = n < columns ? column[n] : ROLE_NONE, own = role >= 0 && role < LDR__FIELDS;
    const char *value;
    ldr_status status = LDR_OK;
    i = ldr__reader_column(&s->r, own ? role : role == ROLE_ANSWER ? LDR__FIELD_LABEL : LDR__FIELDS, i, err);
    if (i == SIZE_MAX) return -1;
    value = row_field(s, LDR__FIELDS);
    if (role == ROLE_ID) status = set_id(s, value, strlen(value), err);
    if (role >= ROLE_CHOICE) status = set_choice(s, s->choices.text, role - ROLE_CHOICE, value, strlen(value), err);
    if (role == LDR__FIELD_LABEL) s->label_is = ANSWER_INDEX;
    if (role == ROLE_ANSWER) s->named_answer = 1;
    if (status) return -1;
    n++;
    if (i >= s->r.size || s->r.data[i] == '\n') break;
  }
  *next = i + (i < s->r.size);
  return n;
}

/* Lines with TAB-separated columns, in which quotes are ordinary characters, or records of a .csv file. */
static ldr_status read_table(rows *s, ldr_error *err) {
  int column[LDR__MAX_COLUMNS], named, columns = table_columns(s, column, &named, err), n, pair = 0, k, wanted = 0;
  size_t at = s->r.begin, next = at;
  ldr_status status = err->status;
  if (!status && !columns) {
    const char *text2 = s->task->field[LDR__FIELD_TEXT2], *label = s->task->field[LDR__FIELD_LABEL];
    return ldr__reader_fail(&s->r, at, err, "the first line has to name the columns of the task: %s%s%s%s%s%s",
        s->task->field[LDR__FIELD_TEXT], text2 ? ", " : "", text2 ? text2 : "", label ? ", " : "", label ? label : "",
        s->task->form == FORM_CHOICE ? ", and the choices: choice1, choice2, ... or A, B, ..." : "");
  }
  for (k = 0; k < columns; k++) {
    pair |= column[k] == LDR__FIELD_TEXT2;
    if (column[k] >= 0 && !(column[k] == LDR__FIELD_LABEL && s->r.unlabelled)) wanted = k + 1;
  }
  for (; !status && at < s->r.size; at = next) {
    n = table_row(s, column, columns, at, &next, err);
    if (n < 0) return err->status ? err->status : LDR_MEMORY;
    if ((at == s->r.begin && named) || s->r.data[at] == '\n' || (next - at <= 2 && s->r.data[at] == '\r')) continue;
    if (n < wanted || (named && n > columns)) {
      s->seen++;
      status = damaged(s, at, err, "it has %d columns and not the %d of %s", n, named ? columns : wanted, named
          ? "the first line" : "the task's files");
    } else status = s->task->form == FORM_CHOICE ? give_choices(s, at, err) : give_row(s, pair, at, err);
  }
  return status;
}

/* Every line is a text. */
static ldr_status read_lines(rows *s, ldr_error *err) {
  size_t at = s->r.begin, end, next;
  ldr_status status = LDR_OK;
  for (; !status && at < s->r.size; at = next) {
    const char *newline = (const char *)memchr(s->r.data + at, '\n', s->r.size - at);
    end = newline ? (size_t)(newline - s->r.data) : s->r.size;
    next = newline ? end + 1 : end;
    if (end > at && s->r.data[end - 1] == '\r') end--;
    if (end == at) continue;
    status = ldr__reader_copy(&s->r, LDR__FIELD_TEXT, s->r.data + at, end - at, err);
    if (!status) status = give_row(s, 0, at, err);
  }
  return status;
}

/* An array of strings becomes one text: csl's keywords joined by a full-width semicolon, the lines of a passage by
   blanks. */
static ldr_status copy_member(rows *s, int f, const ldr_json *j, int32_t node, size_t base, ldr_error *err) {
  const char *between = s->task->form == FORM_CHOICE ? " " : "\xef\xbc\x9b";
  const ldr_json_node *n = ldr_json_node_at(j, node);
  size_t used = 0, joint = strlen(between);
  int32_t item;
  char *out;
  if (n->type == LDR_JSON_NULL) return ldr__reader_copy(&s->r, f, "", 0, err);
  if (n->type != LDR_JSON_ARRAY) return ldr__reader_member(&s->r, f, j, node, base, err);
  out = ldr__reader_room(&s->r, f, 3 * (n->end - n->begin), err);
  if (!out) return LDR_MEMORY;
  for (item = n->first; item >= 0; item = ldr_json_node_at(j, item)->next) {
    const ldr_json_node *e = ldr_json_node_at(j, item);
    if (e->type != LDR_JSON_STRING)
      return ldr__reader_fail(&s->r, base + e->begin, err, "a text made of parts wants strings");
    if (item != n->first) {
      memcpy(out + used, between, joint);
      used += joint;
    }
    used += (size_t)ldr_json_string(out + used, e->end - e->begin + 1, j, item);
  }
  ldr__drop_nul(out, used);
  return LDR_OK;
}

/* A value as it stands in the file; strings with their quotes. */
static ldr_status copy_id(rows *s, const ldr_json *j, int32_t node, size_t base, ldr_error *err) {
  const ldr_json_node *n = ldr_json_node_at(j, node);
  size_t quote = n->type == LDR_JSON_STRING;
  if (n->type > LDR_JSON_STRING) return LDR_OK;
  return set_id(s, s->r.data + base + n->begin - quote, n->end - n->begin + 2 * quote, err);
}

/* ---- choices ---------------------------------------------------------------------------- */

/* One choice or its mark, a string or a number. */
static ldr_status read_choice(rows *s, size_t *place, int32_t k, const ldr_json *j, int32_t node, size_t base,
    ldr_error *err) {
  const ldr_json_node *n = ldr_json_node_at(j, node);
  if (n->type == LDR_JSON_STRING) {
    if (ldr__reader_member(&s->r, LDR__FIELDS, j, node, base, err)) return err->status;
    return set_choice(s, place, k, row_field(s, LDR__FIELDS), strlen(row_field(s, LDR__FIELDS)), err);
  }
  if (n->type == LDR_JSON_NULL) return LDR_OK;
  if (n->type != LDR_JSON_NUMBER) return ldr__reader_fail(&s->r, base + n->begin, err, "a choice is a text");
  return set_choice(s, place, k, s->r.data + base + n->begin, n->end - n->begin, err);
}

/* ["a","b"], [{"label":"A","text":"a"},..] or {"label":["A",..],"text":["a",..]}. */
static ldr_status read_choices(rows *s, const ldr_json *j, int32_t node, size_t base, ldr_error *err) {
  const ldr_json_node *n = ldr_json_node_at(j, node);
  int32_t item, k, said, mark;
  ldr_status status = LDR_OK;
  s->choices.listed = 1;
  if (n->type == LDR_JSON_OBJECT) {
    said = ldr_json_get(j, node, "text");
    mark = ldr_json_get(j, node, "label");
    if (said < 0 || ldr_json_node_at(j, said)->type != LDR_JSON_ARRAY) return LDR_OK;
    for (k = 0, item = ldr_json_node_at(j, said)->first; !status && item >= 0; item = ldr_json_node_at(j,
        item)->next, k++)
      status = read_choice(s, s->choices.text, k, j, item, base, err);
    for (k = 0, item = mark < 0 ? -1 : ldr_json_node_at(j, mark)->first; !status && item >= 0;
        item = ldr_json_node_at(j, item)->next, k++)
      status = read_choice(s, s->choices.mark, k, j, item, base, err);
    return status;
  }
  if (n->type != LDR_JSON_ARRAY) return LDR_OK;          /* none: seen when the example is handed on */
  for (k = 0, item = n->first; !status && item >= 0; item = ldr_json_node_at(j, item)->next, k++) {
    if (ldr_json_node_at(j, item)->type != LDR_JSON_OBJECT) {
      status = read_choice(s, s->choices.text, k, j, item, base, err);
      continue;
    }
    said = ldr_json_get(j, item, "text");
    mark = ldr_json_get(j, item, "label");
    if (said >= 0) status = read_choice(s, s->choices.text, k, j, said, base, err);
    if (!status && mark >= 0) status = read_choice(s, s->choices.mark, k, j, mark, base, err);
  }
  return status;
}

/* Choices that are named from 1 move down, empty ones at the end go: a table has columns for the longest list. */
static void close_choices(choice_list *c) {
  if (c->count > 1 && !c->text[0]) {
    c->from = 1;
    memmove(c->text, c->text + 1, (MAX_CHOICES - 1) * sizeof *c->text);
    c->text[MAX_CHOICES - 1] = 0;
    c->count--;
  }
  while (!c->listed && c->count > 0 && !*choice_text(c, c->count - 1)) c->count--;
}

/* Which choice the label says is right: by its number from 0, its mark, its text, or a letter. -1: none of them. Beside
   option1 and option2 an "answer" of 1 names option1 (WinoGrande), while a "label" counts from 0 (COPA, PIQA). */
static int32_t find_answer(const rows *s) {
  const choice_list *c = &s->choices;
  const char *a = row_field(s, LDR__FIELD_LABEL);
  size_t n = strlen(a), digits = strspn(a, "0123456789");
  int32_t number = n && n < 4 && digits == n ? atoi(a) : -1, i;
  if (s->named_answer && number >= 0) number -= c->from;
  if (s->label_is == ANSWER_NUMBER || (s->label_is == ANSWER_INDEX && number >= 0))
    return number < c->count ? number : -1;
  for (i = 0; i < c->count; i++)
    if (c->mark[i] && strcmp(c->all.data + c->mark[i] - 1, a) == 0) return i;
  for (i = 0; i < c->count; i++)
    if (strcmp(choice_text(c, i), a) == 0) return i;
  if (n == 1 && *a >= 'A' && *a < 'A' + c->count) return *a - 'A';
  return number < c->count ? number : -1;
}

/* Hands on the example if there is something to choose from, and the answer is among it. */
static ldr_status give_choices(rows *s, size_t at, ldr_error *err) {
  char *label = (char *)s->r.field[LDR__FIELD_LABEL], shown[SHOWN];
  int32_t i;
  s->seen++;
  close_choices(&s->choices);
  if (label) ldr__reader_trim(label);
  if (!*row_field(s, LDR__FIELD_TEXT) && !*row_field(s, LDR__FIELD_TEXT2))
    return damaged(s, at, err, "the example has no text");
  if (s->choices.count < 2)
    return damaged(s, at, err, "the example has %d choices and needs two", (int)s->choices.count);
  for (i = 0; i < s->choices.count; i++)
    if (!*choice_text(&s->choices, i))
      return damaged(s, at, err, "choice %d of %d is empty", (int)i, (int)s->choices.count);
  if (s->r.unlabelled) return s->row_fn(s, 0, at, err);
  if (label && word_among(s->task->drop, label, strlen(label))) {
    s->unlabelled++;
    return LDR_OK;
  }
  if (!label || !*label) return damaged(s, at, err, "the example has no answer");
  if (find_answer(s) < 0)
    return damaged(s, at, err, "the answer \"%s\" is none of the %d choices%s", show(shown, label, strlen(label)),
        (int)s->choices.count, !s->choices.from ? ""
        : ": beside choices named from 1 a \"label\" counts from 0, and an \"answer\" names its choice");
  return s->row_fn(s, 0, at, err);
}

static ldr_status read_members(rows *s, const ldr_json *j, int32_t object, size_t base, unsigned *have, ldr_error *err);

static ldr_status read_member(rows *s, int role, const ldr_json *j, int32_t node, size_t base, unsigned *have,
    ldr_error *err) {
  int32_t type = ldr_json_node_at(j, node)->type;
  int f = role == ROLE_ANSWER ? LDR__FIELD_LABEL : role;
  if (role == ROLE_ID) return copy_id(s, j, node, base, err);
  if (role == ROLE_CHOICES) return read_choices(s, j, node, base, err);
  if (role >= ROLE_CHOICE) return read_choice(s, s->choices.text, role - ROLE_CHOICE, j, node, base, err);
  if (type == LDR_JSON_OBJECT && s->task->form == FORM_CHOICE) return read_members(s, j, node, base, have, err);
  if (f == LDR__FIELD_LABEL && s->r.unlabelled) return LDR_OK;
  *have |= 1u << f;
  s->named_answer |= role == ROLE_ANSWER;
  if (f == LDR__FIELD_LABEL)
    s->label_is = type == LDR_JSON_NUMBER ? ANSWER_NUMBER : role == ROLE_ANSWER ? ANSWER_TEXT : ANSWER_INDEX;
  return copy_member(s, f, j, node, base, err);
}

/* The members of an object that the task knows; of a question that is an object, too. */
static ldr_status read_members(rows *s, const ldr_json *j, int32_t object, size_t base, unsigned *have,
    ldr_error *err) {
  int32_t key = ldr_json_node_at(j, object)->first, value;
  ldr_status status = LDR_OK;
  for (; !status && key >= 0; key = ldr_json_node_at(j, value)->next) {
    int role = member_role(s->task, j, key);
    value = ldr_json_node_at(j, key)->next;
    if (role == ROLE_NONE || (role < LDR__FIELDS && *have & 1u << role)) continue;
    status = read_member(s, role, j, value, base, have, err);
  }
  return status;
}

/* [[passages], [{"question":..,"choice":[..],"answer":..}], "id"]: c3's own form. */
static int is_nested(const ldr_json *j, int32_t node) {
  const ldr_json_node *n = ldr_json_node_at(j, node), *first = ldr_json_node_at(j, n->first), *second = first
      ? ldr_json_node_at(j, first->next) : NULL;
  const ldr_json_node *line = first ? ldr_json_node_at(j, first->first) : NULL, *asked = second
      ? ldr_json_node_at(j, second->first) : NULL;
  return n->type == LDR_JSON_ARRAY && n->count >= 2 && first->type == LDR_JSON_ARRAY && second->type == LDR_JSON_ARRAY
      && (!line || line->type == LDR_JSON_STRING) && (!asked || asked->type == LDR_JSON_OBJECT);
}

static ldr_status read_nested(rows *s, const ldr_json *j, int32_t array, size_t base, ldr_error *err) {
  int32_t passages = ldr_json_node_at(j, array)->first, asked = ldr_json_node_at(j, passages)->next, q;
  ldr_status status = LDR_OK;
  for (q = ldr_json_node_at(j, asked)->first; !status && q >= 0; q = ldr_json_node_at(j, q)->next) {
    unsigned have = 1u << LDR__FIELD_TEXT;
    start_example(s);
    status = copy_member(s, LDR__FIELD_TEXT, j, passages, base, err);
    if (!status && ldr_json_node_at(j, q)->type == LDR_JSON_OBJECT)
      status = read_members(s, j, q, base, &have, err);
    if (!status) status = give_choices(s, base + ldr_json_node_at(j, q)->begin, err);
  }
  return status;
}

/* The first of the words "a|b", for people. */
static const char *first_word(const char *words, char out[64]) {
  size_t n = LDR__MIN(strcspn(words, "|"), (size_t)63);
  memcpy(out, words, n);
  out[n] = 0;
  return out;
}

/* ---- conversations ---------------------------------------------------------------------- */

/* A conversation by the model's template as tokens: e->segments says which of them the model is to say, none of those
   before byte `from` of the text. Returns how many of the last `most`. */
static int32_t said_tokens(rows *s, ldr_encoding *e, const ldr_json *own, size_t from, int32_t most,
    ldr_error *refused) {
  ldr_encode_desc d;
  int32_t i, learned = 0;
  memset(&d, 0, sizeof d);
  d.no_special = 1;
  if (chat_answers(&s->talk, own, refused)
      || ldr_tokenizer_encode_with(s->r.tokenizer, e, s->talk.j.out ? s->talk.j.out : "", s->talk.j.used, NULL, 0,
          &d, refused))
    return 0;
  for (i = 0; i < e->count; i++) {
    e->segments[i] = chat_assistant(&s->talk, e, i) && (size_t)e->end[i] > from;
    learned += e->segments[i] && i > 0 && e->count - i <= most;      /* nothing stands before the first */
  }
  if (!learned) ldr__fail(refused, LDR_DATA, "the model says nothing in it");
  return learned;
}

/* {"messages":[{"role":..,"content":..}, ..]}, or ShareGPT's, by the model's template: what the model says is learned.
   A conversation that the template refuses, or in which the model says nothing, is damaged. */
static ldr_status read_conversation(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  const ldr_json_node *node = ldr_json_node_at(j, object);
  size_t at = base + node->begin;
  jinja_buffer b = { NULL, NULL, 0, 0 };
  ldr_error refused;
  ldr_json *own = NULL;
  memset(&refused, 0, sizeof refused);
  start_example(s);
  s->seen++;
  s->talk.j.err = &refused;
  b.j = &s->talk.j;
  if (ldr_json_get(j, object, "messages") >= 0)
    own = ldr_json_parse(j->text + node->begin, node->end - node->begin, NULL, &refused);
  else if (chat_sharegpt(&b, j, object)) own = ldr_json_parse(b.data, b.used, NULL, &refused);
  else ldr__fail(&refused, LDR_DATA, "there are no \"messages\" with \"role\" and \"content\", nor ShareGPT's "
      "\"conversations\"");
  if (own) said_tokens(s, &s->encoding, own, 0, INT32_MAX, &refused);
  ldr_json_free(own);
  free(b.data);
  if (refused.status == LDR_MEMORY) return words_no_memory("a conversation", err);
  if (refused.status) return damaged(s, at, err, "%s", refused.message);
  return add_marked(s, s->encoding.ids, s->encoding.count, s->encoding.segments, err);
}

/* The object's first member that is this for the task, or -1. */
static int32_t member_of(const task_info *k, const ldr_json *j, int32_t object, int role) {
  int32_t key = ldr_json_node_at(j, object)->first;
  while (key >= 0 && member_role(k, j, key) != role) key = ldr_json_node_at(j, ldr_json_node_at(j, key)->next)->next;
  return key < 0 ? -1 : ldr_json_node_at(j, key)->next;
}

/* 1: a prompt or an answer is a list of messages. */
static int is_said(const rows *s, const ldr_json *j, int32_t object) {
  int f, said = 0;
  if (s->r.unlabelled || !takes_messages(s->task) || ldr_json_node_at(j, object)->type != LDR_JSON_OBJECT) return 0;
  for (f = 0; f < LDR__FIELDS; f++) {
    const ldr_json_node *n = ldr_json_node_at(j, member_of(s->task, j, object, f));
    said |= n && n->type == LDR_JSON_ARRAY;
  }
  return said;
}

/* Messages of a list, or a text as one of that role, behind those in b; returns how many, -1: neither. */
static int32_t put_messages(jinja_buffer *b, const ldr_json *j, int32_t at, const char *role, int more) {
  const ldr_json_node *n = ldr_json_node_at(j, at);
  int32_t k;
  if (!n || (n->type != LDR_JSON_ARRAY && n->type != LDR_JSON_STRING)) return n ? -1 : 0;
  if (n->type == LDR_JSON_STRING) {
    jinja_put_string(b, more ? ",{\"role\":\"" : "{\"role\":\"");
    jinja_put_string(b, role);
    jinja_put_string(b, "\",\"content\":\"");
    jinja_put(b, j->text + n->begin, n->end - n->begin);
    jinja_put_string(b, "\"}");
    return 1;
  }
  for (k = n->first; k >= 0; k = ldr_json_node_at(j, k)->next) {
    const ldr_json_node *m = ldr_json_node_at(j, k);
    if (m->type != LDR_JSON_OBJECT) return -1;
    if (more || k != n->first) jinja_put_string(b, ",");
    jinja_put(b, j->text + m->begin, m->end - m->begin);
  }
  return n->count;
}

/* The other members of a line, which a template may ask for: "tools", ... */
static void put_others(jinja_buffer *b, const ldr_json *j, int32_t object, const task_info *k) {
  int32_t key = ldr_json_node_at(j, object)->first, next;
  for (; key >= 0; key = next) {
    const ldr_json_node *n = ldr_json_node_at(j, key), *v = ldr_json_node_at(j, n->next);
    int role = member_role(k, j, key);
    next = v->next;
    if ((role >= 0 && role < LDR__FIELDS) || ldr_json_equals(j, key, "messages")) continue;
    jinja_put_string(b, ",\"");
    jinja_put(b, j->text + n->begin, n->end - n->begin);
    jinja_put_string(b, v->type == LDR_JSON_STRING ? "\":\"" : "\":");
    jinja_put(b, j->text + v->begin, v->end - v->begin);
    if (v->type == LDR_JSON_STRING) jinja_put_string(b, "\"");
  }
}

/* Prompt and answer as one conversation; the prompt's answers are read and not learned. */
static void said_answer(rows *s, ldr_encoding *e, const ldr_json *j, int32_t object, int32_t answer,
    ldr_error *refused) {
  jinja_buffer b = { NULL, NULL, 0, 0 };
  ldr_json *own = NULL;
  int32_t before, after;
  size_t from = 0;
  b.j = &s->talk.j;
  jinja_put_string(&b, "{\"messages\":[");
  before = put_messages(&b, j, member_of(s->task, j, object, LDR__FIELD_TEXT), "user", 0);
  after = put_messages(&b, j, answer, "assistant", before > 0);
  jinja_put_string(&b, "]");
  put_others(&b, j, object, s->task);
  jinja_put_string(&b, "}");
  if (before < 0 || after < 0 || answer < 0)
    ldr__fail(refused, LDR_DATA, "a prompt and its answers are texts or lists of {\"role\":..,\"content\":..}");
  else if (!refused->status) own = ldr_json_parse(b.data, b.used, NULL, refused);
  if (own && before) free(chat_part(&s->talk, own, (size_t)before, 1, &from, refused));
  if (own && !refused->status) said_tokens(s, e, own, from, s->r.desc.max_len, refused);
  ldr_json_free(own);
  free(b.data);
}

/* A prompt and an answer, or a better and a worse one, of which any may be a list of messages. Of what is too long the
   beginning goes. */
static ldr_status read_messages(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  static const int answers[] = { LDR__FIELD_LABEL, LDR__FIELD_TEXT2 };
  ldr_encoding *const e[] = { &s->encoding, &s->answer };
  size_t at = base + ldr_json_node_at(j, object)->begin;
  int i, n = reads_preferences(s->task) ? 2 : 1;
  ldr_error refused;
  memset(&refused, 0, sizeof refused);
  start_example(s);
  s->seen++;
  if (s->start >= 0) return damaged(s, at, err, "lists of messages are for models of one stack");
  if (!s->talk.given && chat_open(&s->talk, s->how->chat_text, s->how->model, s->r.tokenizer, 0, err))
    return err->status;
  s->talk.j.err = &refused;
  for (i = 0; i < n && !refused.status; i++)
    said_answer(s, e[i], j, object, member_of(s->task, j, object, answers[i]), &refused);
  s->talk.j.err = err;
  if (refused.status == LDR_MEMORY) return words_no_memory("a conversation", err);
  if (refused.status) return damaged(s, at, err, "%s", refused.message);
  for (i = 0; i < n && !err->status; i++) {
    int32_t from = LDR__MAX(e[i]->count - 1 - s->r.desc.max_len, 0);
    s->r.d->cut += from > 0;
    add_marked(s, e[i]->ids + from, e[i]->count - from, e[i]->segments + from, err);
  }
  return err->status;
}

/* An object with the members that the task's names say. */
static ldr_status read_object(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  size_t at = base + ldr_json_node_at(j, object)->begin;
  unsigned have = 0;
  char name[64];
  int f;
  if (s->task->form == FORM_CHOICE && is_nested(j, object)) return read_nested(s, j, object, base, err);
  if (is_said(s, j, object)) return read_messages(s, j, object, base, err);
  start_example(s);
  if (ldr_json_node_at(j, object)->type == LDR_JSON_OBJECT && read_members(s, j, object, base, &have, err))
    return err->status;
  if (s->task->form == FORM_CHOICE) return give_choices(s, at, err);
  for (f = 0; f < LDR__FIELDS; f++) {
    if (!s->task->field[f] || have & 1u << f || (f == LDR__FIELD_LABEL && s->r.unlabelled)) continue;
    if (s->r.unlabelled) return ldr__reader_object(&s->r, j, object, base, err);
    s->seen++;
    return damaged(s, at, err, "the example has no member \"%s\"", first_word(s->task->field[f], name));
  }
  return give_row(s, s->task->field[LDR__FIELD_TEXT2] != NULL, at, err);
}

/* The text before a choice and the choice, with a blank between them where the script has blanks. */
static ldr_status join_texts(growing *b, const char *first, const char *second, ldr_error *err) {
  size_t n = strlen(first);
  int32_t length;
  int wide = !n || !*second || is_wide(ldr__utf8_at(first + ldr__utf8_before(first, (int32_t)n), &length))
      || is_wide(ldr__utf8_at(second, &length));
  b->used = 0;
  if (growing_add(b, first, n, err) || (!wide && growing_add(b, " ", 1, err))) return LDR_MEMORY;
  return growing_add(b, second, strlen(second), err);
}

/* ---- cloze texts: one blank is marked, the others are words that are not known ------------- */

/* "#idiom#" or "#idiom000123#" at s: its bytes, or 0. */
static size_t blank_length(const char *s) {
  size_t n = 6;
  if (strncmp(s, "#idiom", 6) != 0) return 0;
  n += strspn(s + n, "0123456789");
  return s[n] == '#' ? n + 1 : 0;
}

/* Characters of s[n], a blank for four of them: so many tokens at most in Chinese. *step: bytes to the next. */
static int32_t cloze_unit(const char *s, size_t *step) {
  size_t blank = blank_length(s);
  *step = blank ? blank : (size_t)ldr__utf8_bytes(*s);
  return blank ? 4 : 1;
}

static int32_t cloze_length(const char *s, size_t n) {
  int32_t length = 0;
  size_t i, step;
  for (i = 0; i < n; i += step) length += cloze_unit(s + i, &step);
  return length;
}

/* Adds s[n], with four times `mask` for every blank. */
static ldr_status add_cloze(growing *b, const char *s, size_t n, const char *mask, ldr_error *err) {
  ldr_status status = LDR_OK;
  size_t i, step;
  int k;
  for (i = 0; i < n && !status; i += step) {
    int blank = cloze_unit(s + i, &step) > 1;
    for (k = 0; k < 4 && blank && !status; k++) status = growing_add(b, mask, strlen(mask), err);
    if (!blank) status = growing_add(b, s + i, step, err);
  }
  return status;
}

/* The word that stands for one that is not known, and its id; "____" and -1 in a vocabulary without one. */
static const char *mask_word(const ldr_tokenizer *t, int32_t *id) {
  static const char *const words[] = { "[MASK]", "<mask>" };
  size_t i;
  *id = -1;
  for (i = 0; t && i < sizeof words / sizeof *words; i++) {
    *id = ldr_tokenizer_find(t, words[i]);
    if (*id >= 0) return words[i];
  }
  return "____";
}

/* The text around the blank at bytes [from,to) of t as second text: what is farthest from it goes until it fits in
   `room` characters. */
static ldr_status cut_cloze(rows *s, const char *t, size_t from, size_t to, int32_t room, ldr_error *err) {
  size_t left = 0, right = to, n = strlen(t), step;
  int32_t before = cloze_length(t, from), after = cloze_length(t + to, n - to), id, keep_before, keep_after;
  const char *mask = mask_word(s->r.tokenizer, &id);
  keep_before = LDR__MIN(before, LDR__MAX(room / 2, room - after));
  keep_after = LDR__MIN(after, room - keep_before);
  for (; before > keep_before && left < from; left += step) before -= cloze_unit(t + left, &step);
  for (after = 0; right < n; right += step) {
    after += cloze_unit(t + right, &step);
    if (after > keep_after) break;
  }
  s->side.used = 0;
  if (add_cloze(&s->side, t + left, from - left, mask, err) || growing_add(&s->side, mask, strlen(mask), err))
    return LDR_MEMORY;
  if (add_cloze(&s->side, t + to, right - to, mask, err)) return LDR_MEMORY;
  for (s->cloze = 1; left < from; left += step)
    if (cloze_unit(t + left, &step) > 1) s->cloze += 4;                /* the marked one is the so manieth */
  return ldr__reader_copy(&s->r, LDR__FIELD_TEXT2, s->side.data, s->side.used, err);
}

/* The answer to a blank as the file of answers has it, "X.json" beside "X_answer.json": {"#idiom000000#": 3}. They come
   in the order of the blanks, so the next is looked at first. */
static int32_t key_answer(rows *s, const char *blank, size_t n) {
  const ldr_json *j = s->key;
  char name[64];
  int32_t key = s->key_at, value;
  if (!j || n >= sizeof name) return -1;
  memcpy(name, blank, n);
  name[n] = 0;
  if (key < 0 || !ldr_json_equals(j, key, name)) {
    value = ldr_json_get(j, 0, name);
    s->key_at = value < 0 ? key : ldr_json_node_at(j, value)->next;
    return value;
  }
  value = ldr_json_node_at(j, key)->next;
  s->key_at = ldr_json_node_at(j, value)->next;
  return value;
}

/* Element k of the array, or the value itself when it is none and k is 0; -1: there is none. */
static int32_t element(const ldr_json *j, int32_t node, int32_t k) {
  if (node < 0 || ldr_json_node_at(j, node)->type != LDR_JSON_ARRAY) return k ? -1 : node;
  for (node = ldr_json_node_at(j, node)->first; node >= 0 && k > 0; k--) node = ldr_json_node_at(j, node)->next;
  return node;
}

/* The label of blank number k of an object: the file of answers, or "answer", "answers" or "groundTruth" beside the
   texts. */
static ldr_status cloze_answer(rows *s, const ldr_json *j, int32_t object, const char *blank, size_t n, int32_t k,
    size_t base, ldr_error *err) {
  int32_t node = key_answer(s, blank, n), answers = ldr_json_get(j, object, "answers");
  char number[16];
  *number = 0;
  if (s->r.field[LDR__FIELD_LABEL]) *(char *)s->r.field[LDR__FIELD_LABEL] = 0;
  s->label_is = ANSWER_TEXT;
  if (s->r.unlabelled) return LDR_OK;
  if (node >= 0) {
    s->label_is = ANSWER_NUMBER;
    snprintf(number, sizeof number, "%d", (int)LDR__MAX(-1.0, LDR__MIN(999.0, ldr_json_number(s->key, node, -1))));
    return ldr__reader_copy(&s->r, LDR__FIELD_LABEL, number, strlen(number), err);
  }
  node = element(j, ldr_json_get(j, object, "answer"), k);
  if (node < 0 && answers >= 0 && ldr_json_node_at(j, answers)->type == LDR_JSON_OBJECT)
    node = element(j, ldr_json_get(j, answers, "candidate_id"), k);
  if (node < 0) node = element(j, ldr_json_get(j, object, "groundTruth"), k);
  if (node < 0 || ldr_json_node_at(j, node)->type == LDR_JSON_NULL) return LDR_OK;
  if (ldr_json_node_at(j, node)->type == LDR_JSON_NUMBER) s->label_is = ANSWER_NUMBER;
  return ldr__reader_member(&s->r, LDR__FIELD_LABEL, j, node, base, err);
}

/* The candidates of blank k: an array for all blanks of an object, or an array of arrays. *own: they are this blank's
   alone. */
static ldr_status cloze_candidates(rows *s, const ldr_json *j, int32_t object, int32_t k, int *own, size_t base,
    ldr_error *err) {
  int32_t node = ldr_json_get(j, object, "candidates"), first = node < 0 ? -1 : ldr_json_node_at(j, node)->first;
  *own = first >= 0 && ldr_json_node_at(j, first)->type == LDR_JSON_ARRAY;
  if (*own) node = element(j, node, k);
  return node < 0 ? LDR_OK : read_choices(s, j, node, base, err);
}

/* All blanks of the text in side_text, counted on in *k. */
static ldr_status read_blanks(rows *s, const ldr_json *j, int32_t object, const char *t, int32_t *k, size_t base,
    ldr_error *err) {
  size_t at = base + ldr_json_node_at(j, object)->begin, i, n;
  ldr_status status = LDR_OK;
  for (i = 0; t[i] && !status; i += n ? n : 1) {
    int32_t c, longest = 0, id = ldr_json_get(j, object, "id");
    int own;
    n = blank_length(t + i);
    if (!n) continue;
    start_example(s);
    status = cloze_candidates(s, j, object, *k, &own, base, err);
    for (c = 0; c < s->choices.count; c++)
      longest = LDR__MAX(longest, cloze_length(choice_text(&s->choices, c), strlen(choice_text(&s->choices, c))));
    /* beside the text: the candidate, the mark, up to four special tokens and the sign that begins a word in some
       vocabularies */
    if (!status) status = cut_cloze(s, t, i, i + n, LDR__MAX(8, s->r.desc.max_len - longest - 6), err);
    if (!status) status = cloze_answer(s, j, object, t + i, n, *k, base, err);
    if (!status && n > 7) {
      s->id.used = 0;
      if (growing_add(&s->id, "\"", 1, err) || growing_add(&s->id, t + i, n, err)
          || growing_add(&s->id, "\"", 1, err))
        return LDR_MEMORY;
    } else if (!status && id >= 0) status = copy_id(s, j, id, base, err);
    if (!status) status = give_choices(s, at, err);
    if (own && s->items) s->items->groups++;
    ++*k;
  }
  return status;
}

/* {"content": text or texts, "candidates": [..]}: an example for each blank, which share their candidates. */
static ldr_status read_cloze(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  size_t at = base + ldr_json_node_at(j, object)->begin;
  int32_t content = ldr_json_get(j, object, "content"), item, k = 0, parts;
  ldr_status status = LDR_OK;
  parts = content >= 0 && ldr_json_node_at(j, content)->type == LDR_JSON_ARRAY;
  for (item = parts ? ldr_json_node_at(j, content)->first : content; !status && item >= 0; item = parts
      ? ldr_json_node_at(j, item)->next : -1) {
    const ldr_json_node *e = ldr_json_node_at(j, item);
    if (e->type != LDR_JSON_STRING) continue;
    s->line.used = 0;
    status = ldr__reader_member(&s->r, LDR__FIELDS, j, item, base, err);
    if (!status) status = growing_add(&s->line, row_field(s, LDR__FIELDS), strlen(row_field(s, LDR__FIELDS)), err);
    if (!status) status = read_blanks(s, j, object, s->line.data, &k, base, err);
  }
  if (s->items) s->items->groups++;
  if (status || k) return status;
  s->seen++;
  return damaged(s, at, err, "the example has no text with a blank, #idiom#");
}

/* ---- pronouns: a text in which a name and a pronoun are marked ----------------------------- */

typedef struct marked { size_t from, to; const char *open, *close; } marked;

/* What a file counts its places in: CLUE characters, SuperGLUE words. */
typedef enum place_unit { UNIT_UNKNOWN, UNIT_CHARACTERS, UNIT_WORDS } place_unit;

static int is_letter(char c) {
  return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c > 127;
}

/* Byte of the word before which there are `index` others, with blanks between them, behind the quotes and brackets that
   may open it; the text's end: there are fewer. */
static size_t byte_of_word(const char *t, int64_t index) {
  size_t at = strspn(t, " \t\r\n"), n;
  for (; index > 0 && t[at]; index--) {
    at += strcspn(t + at, " \t\r\n");
    at += strspn(t + at, " \t\r\n");
  }
  n = at + strcspn(t + at, " \t\r\n");
  while (at < n && !is_letter(t[at])) at++;
  return at;
}

/* Finds "span1_text" of `target` at "span1_index". 0: it is not there. */
static int find_marked(rows *s, marked *m, const ldr_json *j, int32_t target, const char *word_name, const char *index,
    place_unit unit, size_t base, ldr_error *err) {
  const char *t = row_field(s, LDR__FIELD_TEXT);
  size_t n = strlen(t), length;
  int32_t word = ldr_json_get(j, target, word_name), place = ldr_json_get(j, target, index);
  int64_t first;
  if (word < 0 || place < 0 || ldr_json_node_at(j, word)->type != LDR_JSON_STRING || !ldr__json_integer(j, place,
      &first) || first < 0) return 0;
  if (ldr__reader_member(&s->r, LDR__FIELDS, j, word, base, err)) return 0;
  length = strlen(row_field(s, LDR__FIELDS));
  m->from = unit == UNIT_WORDS ? byte_of_word(t, first) : byte_of_char(t, n, first);
  m->to = m->from + length;
  if (length == 0 || m->to > n || memcmp(t + m->from, row_field(s, LDR__FIELDS), length) != 0) return 0;
  return unit != UNIT_WORDS || !is_letter(t[m->to - 1]) || !is_letter(t[m->to]);       /* a whole word */
}

static int find_both(rows *s, marked m[2], const ldr_json *j, int32_t target, place_unit unit, size_t base,
    ldr_error *err) {
  m[0].open = m[0].close = "_";
  m[1].open = "[";
  m[1].close = "]";
  return find_marked(s, &m[0], j, target, "span1_text", "span1_index", unit, base, err)
      && find_marked(s, &m[1], j, target, "span2_text", "span2_index", unit, base, err);
}

/* {"text":..,"target":{"span1_text":..,"span1_index":..,"span2_text":..,"span2_index":..},"label":..}: the first
   becomes _it_, the second [it]. The first example whose places can be read in one way alone says which way that is for
   all of the file. */
static ldr_status read_pronoun(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  size_t at = base + ldr_json_node_at(j, object)->begin, i = 0;
  int32_t target = ldr_json_get(j, object, "target");
  unsigned have = 0;
  marked m[2], other[2], swap;
  const char *t;
  int k, characters, words;
  start_example(s);
  if (ldr_json_node_at(j, object)->type == LDR_JSON_OBJECT && read_members(s, j, object, base, &have, err))
    return err->status;
  if (s->r.unlabelled && target < 0) return ldr__reader_object(&s->r, j, object, base, err);
  characters = target >= 0 && s->unit != UNIT_WORDS && find_both(s, m, j, target, UNIT_CHARACTERS, base, err);
  words = target >= 0 && s->unit != UNIT_CHARACTERS && find_both(s, other, j, target, UNIT_WORDS, base, err);
  if (err->status) return err->status;
  k = characters && words && (m[0].from != other[0].from || m[1].from != other[1].from);
  if ((!characters && !words) || k) {
    s->seen++;
    return damaged(s, at, err, "\"target\" does not say where in the text its span1_text and span2_text are%s", k
        ? ": counted in characters and in words they are at different places" : "");
  }
  if (characters != words) s->unit = words ? UNIT_WORDS : UNIT_CHARACTERS;
  if (!characters) memcpy(m, other, sizeof m);
  if (m[1].from < m[0].from) {
    swap = m[0];
    m[0] = m[1];
    m[1] = swap;
  }
  t = row_field(s, LDR__FIELD_TEXT);
  s->line.used = 0;
  for (k = 0; k < 2; k++) {
    if (m[k].from < i) {
      s->seen++;
      return damaged(s, at, err, "span1_text and span2_text lie over each other");
    }
    if (growing_add(&s->line, t + i, m[k].from - i, err) || growing_add(&s->line, m[k].open, 1, err))
      return LDR_MEMORY;
    if (growing_add(&s->line, t + m[k].from, m[k].to - m[k].from, err) || growing_add(&s->line, m[k].close, 1, err))
      return LDR_MEMORY;
    i = m[k].to;
  }
  if (growing_add(&s->line, t + i, strlen(t + i), err) || ldr__reader_copy(&s->r, LDR__FIELD_TEXT, s->line.data,
      s->line.used, err)) return LDR_MEMORY;
  return give_row(s, 0, at, err);
}

/* ---- entities ----------------------------------------------------------------------------- */

static ldr_status add_span(rows *s, const char *type, size_t n, int32_t first, int32_t last, size_t at,
    ldr_error *err) {
  span *e;
  if (n >= MAX_TYPE) return ldr__reader_fail(&s->r, at, err, "the name of an entity type is too long");
  if (s->span_count == s->span_capacity) {
    int32_t capacity = s->span_capacity ? s->span_capacity * 2 : 16;
    span *spans = (span *)realloc(s->spans, (size_t)capacity * sizeof *spans);
    if (!spans) return ldr__fail(err, LDR_MEMORY, "out of memory while reading entities");
    s->spans = spans;
    s->span_capacity = capacity;
  }
  e = &s->spans[s->span_count++];
  memcpy(e->type, type, n);
  e->type[n] = 0;
  e->first = first;
  e->last = last;
  return LDR_OK;
}

/* An entity's place, if the text there is the entity; otherwise it is counted, and the first is told. */
static ldr_status read_place(rows *s, const ldr_json *j, int32_t type, int32_t entity, int32_t place, size_t base,
    ldr_error *err) {
  const ldr_json_node *n = ldr_json_node_at(j, place), *e = ldr_json_node_at(j, entity);
  const char *t = (const char *)s->r.field[LDR__FIELD_TEXT];
  size_t size = strlen(t), from, to = 0, length;
  int64_t first = -1, last = -1;
  char name[MAX_TYPE], *own;
  ptrdiff_t bytes;
  if (n->type == LDR_JSON_ARRAY && n->count == 2 && (!ldr__json_integer(j, n->first, &first) || !ldr__json_integer(j,
      ldr_json_node_at(j, n->first)->next, &last))) first = -1;
  if (first < 0 || last < first)
    return ldr__reader_fail(&s->r, base + n->begin, err, "an entity's place is [first,last], counted in characters");
  own = ldr__reader_room(&s->r, LDR__FIELDS, e->end - e->begin, err);
  if (!own) return LDR_MEMORY;
  length = (size_t)ldr_json_string(own, e->end - e->begin + 1, j, entity);
  from = first < (int64_t)size ? byte_of_char(t, size, first) : size;
  if (last < (int64_t)size) to = byte_of_char(t, size, last + 1);
  s->entities++;
  if (from >= size || to < from || to - from != length || memcmp(t + from, own, length) != 0
      || (to == size && byte_of_char(t, size, last) == size)) {
    if (s->bad++ == 0)
      ldr__format(s->first_bad, sizeof s->first_bad, "line %I: \"%b\" is said to be at [%I,%I], where the text %s%b%s",
          ldr__reader_line(&s->r, base + n->begin), own, length, first, last, to > from ? "has \"" : "has ended",
          t + from, to > from ? to - from : (size_t)0, to > from ? "\"" : "");
    return LDR_OK;
  }
  bytes = ldr_json_string(name, MAX_TYPE, j, type);
  return add_span(s, name, bytes < 0 ? (size_t)MAX_TYPE : (size_t)bytes, (int32_t)first, (int32_t)last, base, err);
}

/* {"text": T, "label": {type: {entity: [[first,last], ...]}}} */
static ldr_status read_entities(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  size_t at = base + ldr_json_node_at(j, object)->begin;
  int32_t t = ldr_json_get(j, object, s->task->field[LDR__FIELD_TEXT]), label = ldr_json_get(j, object,
      s->task->field[LDR__FIELD_LABEL]);
  int32_t type, types, entity, entities, place, bad = s->bad, id = ldr_json_get(j, object, "id");
  ldr_status status;
  s->id.used = 0;
  if (s->r.unlabelled && t < 0) return ldr__reader_object(&s->r, j, object, base, err);
  if (id >= 0 && copy_id(s, j, id, base, err)) return err->status;
  if (s->r.unlabelled) label = -1;
  if (t < 0 || (!s->r.unlabelled && (label < 0 || ldr_json_node_at(j, label)->type != LDR_JSON_OBJECT)))
    return ldr__reader_fail(&s->r, at, err,
        "an example is {\"text\": ..., \"label\": {type: {entity: [[first,last]]}}}");
  status = ldr__reader_member(&s->r, LDR__FIELD_TEXT, j, t, base, err);
  s->span_count = 0;
  for (type = label < 0 ? -1 : ldr_json_node_at(j, label)->first; !status && type >= 0; type = ldr_json_node_at(j,
      types)->next) {
    types = ldr_json_node_at(j, type)->next;
    if (ldr_json_node_at(j, types)->type != LDR_JSON_OBJECT)
      return ldr__reader_fail(&s->r, at, err, "an entity type holds an object of entities");
    for (entity = ldr_json_node_at(j, types)->first; !status && entity >= 0; entity = ldr_json_node_at(j,
        entities)->next) {
      entities = ldr_json_node_at(j, entity)->next;
      if (ldr_json_node_at(j, entities)->type != LDR_JSON_ARRAY)
        return ldr__reader_fail(&s->r, at, err, "an entity holds an array of places");
      for (place = ldr_json_node_at(j, entities)->first; !status && place >= 0; place = ldr_json_node_at(j,
          place)->next) status = read_place(s, j, type, entity, place, base, err);
    }
  }
  if (!status && s->bad > bad) {
    s->seen++;
    s->dropped++;
    return LDR_OK;
  }
  return status ? status : give_row(s, 0, at, err);
}
/* ---- CoNLL: a token a line, first column the token, last its tag, an empty line between sentences ---- */

typedef struct sentence {
  size_t  used, begin;                   /* bytes of the text; where it begins in the file   */
  int32_t characters, open;              /* open: the last span goes on                      */
} sentence;

static ldr_status end_sentence(rows *s, sentence *c, ldr_error *err) {
  ldr_status status = LDR_OK;
  if (c->used) {
    ((char *)s->r.field[LDR__FIELD_TEXT])[c->used] = 0;
    status = s->r.unlabelled ? s->row_fn(s, 0, c->begin, err) : give_row(s, 0, c->begin, err);
  }
  memset(c, 0, sizeof *c);
  s->span_count = 0;
  return status;
}

/* Tags: O, or one of B I E S (also M, L, U) with a type. An I that continues nothing opens an entity, as conlleval has
   it. */
static ldr_status add_token(rows *s, sentence *c, const char *token, size_t n, const char *tag, size_t m, size_t at,
    ldr_error *err) {
  int32_t bytes, first, opens;
  const span *last = s->span_count ? &s->spans[s->span_count - 1] : NULL;
  size_t i;
  char *t = (char *)s->r.field[LDR__FIELD_TEXT];
  if (n > s->r.size || c->used > s->r.size) return ldr__reader_fail(&s->r, at, err, "the sentence is too long");
  if (c->used && !is_wide(ldr__utf8_at(t + ldr__utf8_before(t, (int32_t)c->used), &bytes))
      && !is_wide(ldr__utf8_at(token, &bytes))) {
    t[c->used++] = ' ';
    c->characters++;
  }
  if (!c->used) c->begin = at;
  memcpy(t + c->used, token, n);
  c->used += n;
  first = c->characters;
  for (i = 0; i < n; i += (size_t)ldr__utf8_bytes(token[i])) c->characters++;
  if (m == 1 && *tag == 'O') {
    c->open = 0;
    return LDR_OK;
  }
  if (m < 3 || tag[1] != '-' || !strchr("BIESMLU", tag[0])) {
    return ldr__fail_at(err, LDR_DATA, at, "line %I: the last column is a tag: O, or B-, I-, E- or S- and a type",
        ldr__reader_line(&s->r, at));
  }
  opens = strchr("BSU", tag[0]) || !c->open || strlen(last->type) != m - 2 || memcmp(last->type, tag + 2, m - 2) != 0;
  c->open = !strchr("ESLU", tag[0]);
  if (opens) return add_span(s, tag + 2, m - 2, first, c->characters - 1, at, err);
  s->spans[s->span_count - 1].last = c->characters - 1;
  return LDR_OK;
}

static ldr_status read_conll(rows *s, ldr_error *err) {
  size_t at = s->r.begin, end, next, i;
  ldr_status status = ldr__reader_room(&s->r, LDR__FIELD_TEXT, 2 * s->r.size + 1, err) ? LDR_OK : LDR_MEMORY;
  sentence c;
  memset(&c, 0, sizeof c);
  for (; !status && at < s->r.size; at = next) {
    const char *line = s->r.data + at, *newline = (const char *)memchr(line, '\n', s->r.size - at);
    size_t token, tag;
    end = newline ? (size_t)(newline - s->r.data) : s->r.size;
    next = newline ? end + 1 : end;
    while (end > at && strchr(" \t\r", s->r.data[end - 1]) && s->r.data[end - 1]) end--;
    if (end == at || (end - at >= 10 && memcmp(line, "-DOCSTART-", 10) == 0)) {
      status = end_sentence(s, &c, err);
      continue;
    }
    for (i = at; i < end && s->r.data[i] != ' ' && s->r.data[i] != '\t'; i++) {}
    token = i - at;
    for (tag = end; tag > i && s->r.data[tag - 1] != ' ' && s->r.data[tag - 1] != '\t'; tag--) {}
    if (s->r.unlabelled && i == end) status = add_token(s, &c, line, token, "O", 1, at, err);      /* to be answered */
    else if (i == end || token == 0)
      status = ldr__reader_fail(&s->r, at, err, "expected a token and, in the last column, its tag");
    else if (memchr(line, 0, end - at)) status = ldr__reader_fail(&s->r, at, err, "a NUL in the text");
    else status = add_token(s, &c, line, token, s->r.data + tag, end - tag, at, err);
  }
  return status ? status : end_sentence(s, &c, err);
}

/* {"tokens":["EU","rejects"],"tags":["B-ORG","O"]}. Tags that are numbers mean nothing without their names. */
static ldr_status read_tokens(rows *s, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
  static const char *const names[] = { "tags", "ner_tags", "labels" };
  size_t at = base + ldr_json_node_at(j, object)->begin, i;
  int32_t tokens = ldr_json_get(j, object, "tokens"), tags = -1, token, tag;
  ldr_status status = LDR_OK;
  sentence c;
  memset(&c, 0, sizeof c);
  for (i = 0; tags < 0 && i < sizeof names / sizeof *names; i++) tags = ldr_json_get(j, object, names[i]);
  if (s->r.unlabelled && tokens < 0) return ldr__reader_object(&s->r, j, object, base, err);
  if (tokens < 0 || (tags < 0 && !s->r.unlabelled)
      || (tags >= 0 && ldr_json_node_at(j, tokens)->count != ldr_json_node_at(j, tags)->count)) {
    s->seen++;
    return damaged(s, at, err, "an example is {\"tokens\": [..], \"tags\": [..]} with a tag for each token");
  }
  token = ldr_json_node_at(j, tokens)->first;
  tag = tags < 0 ? -1 : ldr_json_node_at(j, tags)->first;
  if (tag >= 0 && ldr_json_node_at(j, tag)->type == LDR_JSON_NUMBER) {
    s->seen++;
    return damaged(s, at, err, "its tags are numbers: write their names, as O and B-PER");
  }
  if (!ldr__reader_room(&s->r, LDR__FIELD_TEXT, 2 * s->r.size + 1, err)) return LDR_MEMORY;
  for (; !status && token >= 0; token = ldr_json_node_at(j, token)->next) {
    const char *t, *what = "O";
    if (ldr__reader_member(&s->r, LDR__FIELDS, j, token, base, err)
        || (tag >= 0 && ldr__reader_member(&s->r, LDR__FIELD_TEXT2, j, tag, base, err)))
      return err->status;
    t = row_field(s, LDR__FIELDS);
    if (tag >= 0) what = row_field(s, LDR__FIELD_TEXT2);
    if (*t) status = add_token(s, &c, t, strlen(t), what, strlen(what), at, err);
    if (tag >= 0) tag = ldr_json_node_at(j, tag)->next;
  }
  return status ? status : end_sentence(s, &c, err);
}

/* ---- files beside each other: texts in seq.in, their labels in label, their tokens' tags in seq.out --------- */

/* The next line, without its end; *at is behind it. */
static const char *cut_line(const char *data, size_t size, size_t *at, size_t *n) {
  const char *line = data + *at, *newline = *at < size ? (const char *)memchr(line, '\n', size - *at) : NULL;
  *n = newline ? (size_t)(newline - line) : size - *at;
  *at += *n + (newline != NULL);
  while (*n && (line[*n - 1] == '\r' || line[*n - 1] == ' ')) --*n;
  return line;
}

static size_t cut_word(const char *s, size_t n, size_t *at) {
  size_t from;
  while (*at < n && s[*at] == ' ') ++*at;
  for (from = *at; *at < n && s[*at] != ' '; ++*at) {}
  return from;
}

static int32_t tokens_in(const char *s, size_t n) {
  int32_t count = 0;
  size_t at = 0;
  while (cut_word(s, n, &at) < at) count++;
  return count;
}

/* A text's tokens and the tags of the line beside it. */
static ldr_status give_tagged(rows *s, const char *line, size_t n, const char *tags, size_t m, size_t at,
    ldr_error *err) {
  size_t i = 0, k = 0;
  ldr_status status = LDR_OK;
  sentence c;
  memset(&c, 0, sizeof c);
  if (tokens_in(line, n) != tokens_in(tags, m)) {
    s->seen++;
    return damaged(s, at, err, "it has %d tokens and %d tags", (int)tokens_in(line, n), (int)tokens_in(tags, m));
  }
  while (!status) {
    size_t from = cut_word(line, n, &i), tag = cut_word(tags, m, &k);
    if (from == i) return end_sentence(s, &c, err);
    status = add_token(s, &c, line + from, i - from, tags + tag, k - tag, at, err);
  }
  return status;
}

static ldr_status read_beside(rows *s, ldr_error *err) {
  size_t at = s->r.begin, other = 0, n, m;
  int tags = reads_entities(s->task);
  ldr_status status = LDR_OK;
  if (tags && !ldr__reader_room(&s->r, LDR__FIELD_TEXT, 2 * s->r.size + 1, err)) return LDR_MEMORY;
  while (!status && at < s->r.size) {
    size_t from = at;
    const char *line = cut_line(s->r.data, s->r.size, &at, &n), *label;
    if (other >= s->beside_size)
      return ldr__reader_fail(&s->r, from, err, "the file of labels beside this one has fewer lines");
    label = cut_line(s->beside, s->beside_size, &other, &m);
    if (tags) status = give_tagged(s, line, n, label, m, from, err);
    else if (ldr__reader_copy(&s->r, LDR__FIELD_TEXT, line, n, err) || ldr__reader_copy(&s->r, LDR__FIELD_LABEL,
        label, m, err)) return LDR_MEMORY;
    else status = give_row(s, 0, from, err);
  }
  if (!status && other < s->beside_size)
    return ldr__fail(err, LDR_DATA, "the file of labels beside this one has more lines");
  return status;
}

/* ---- whole files ------------------------------------------------------------------------ */

/* Forms of files: their reader as JSON, the reader of anything else, and what they are for people. */
static const struct form_row {
  task_form   form;
  ldr_status (*object)(rows *s, const ldr_json *j, int32_t node, size_t base, ldr_error *err);
  ldr_status (*plain)(rows *s, ldr_error *err);
  const char *shown;
} task_forms[] = {
  { FORM_TEXTS, read_object, read_table, "JSON lines, TSV or CSV" },
  { FORM_CHOICE, read_object, read_table, "JSON or JSON lines with choices, CSV with a column a choice" },
  { FORM_CLOZE, read_cloze, NULL, "JSON lines with #idiom# and candidates" },
  { FORM_PRONOUN, read_pronoun, NULL, "JSON lines with two spans" },
  { FORM_ENTITIES, read_entities, NULL, "JSON with entities and their places" },
  { FORM_CONLL, read_tokens, read_conll, "a token and its tag a line, or JSON lines of tokens and tags" },
  { FORM_LINES, read_object, read_lines, "a text a line; JSON lines or CSV with text" },
  { FORM_BESIDE, NULL, read_beside, "seq.in, and label or seq.out beside it" },
  { FORM_QUESTIONS, NULL, NULL, "SQuAD's JSON or JSON lines: question, context, answers" },       /* load_questions */
  { FORM_ANSWERED, NULL, NULL, "SQuAD's JSON or JSON lines, where every question has an answer" },
  { FORM_CHAT, read_conversation, NULL, "JSON lines with messages, or ShareGPT's" },
};

static const struct form_row *form_of(const task_info *k) {
  size_t i = 0;
  while (task_forms[i].form != k->form) i++;
  return &task_forms[i];
}

/* JSON values one after another, or one array of them. */
static ldr_status read_values(rows *s, ldr_error *err) {
  const struct form_row *form = form_of(s->task);
  size_t at = ldr__json_space(s->r.data, s->r.size, s->r.begin), used = 0;
  ldr_status status = LDR_OK;
  for (; !status && at < s->r.size; at += used) {
    ldr_json *j = ldr__reader_json(&s->r, at, &used, err);
    int32_t node;
    if (!j) return err->status;
    if (ldr_json_node_at(j, 0)->type != LDR_JSON_ARRAY || (s->task->form == FORM_CHOICE && is_nested(j, 0)))
      status = form->object(s, j, 0, at, err);
    else for (node = ldr_json_node_at(j, 0)->first; !status && node >= 0; node = ldr_json_node_at(j, node)->next)
      status = form->object(s, j, node, at, err);
    ldr_json_free(j);
  }
  return status;
}

/* One damaged example in a hundred is left out and said; with more of them the file is not what it should be. */
static ldr_status check_damage(const rows *s, ldr_error *err) {
  if (s->skip_bad || (int64_t)s->dropped * 100 <= s->seen) return LDR_OK;
  if (s->bad)
    return ldr__fail(err, LDR_DATA,
        "%d of %d entities are not at their places; %s (--skip-bad leaves such texts out)", (int)s->bad,
        (int)s->entities, s->first_bad);
  return ldr__fail(err, LDR_DATA, "%d of %d examples are damaged; %s (--skip-bad leaves them out)",
      (int)s->dropped, (int)s->seen, s->first_bad);
}

static ldr_status read_task_bytes(rows *s, const char *path, ldr_error *err) {
  const struct form_row *form = form_of(s->task);
  int named = ldr__ends_with(path, ".json") || ldr__ends_with(path, ".jsonl"), lines = s->task->form == FORM_LINES;
  /* a first token may be a bracket */
  int json = form->object && (!form->plain || (s->task->form == FORM_CONLL || lines ? named : ldr__reader_is_json(&s->r,
      path)));
  ldr_status status;
  s->headed = 1;
  s->r.separator = ldr__reader_separator(&s->r, path);
  status = json ? read_values(s, err)
      : lines && ldr__ends_with(path, ".csv") ? read_table(s, err)
      : form->plain(s, err);
  return status ? status : check_damage(s, err);
}

/* A file beside `path` that has what it lacks: path without its last `cut` bytes, and `tail`. */
static ldr_status open_other(ldr__source *source, const char *path, size_t cut, const char *tail, int needed,
    ldr_error *err) {
  char name[LADDER_MAX_PATH];
  size_t n = strlen(path);
  memset(source, 0, sizeof *source);
  if (n < cut || n - cut + strlen(tail) >= sizeof name)
    return ldr__fail(err, LDR_ARGUMENT, "%s: the path is too long", path);
  memcpy(name, path, n - cut);
  strcpy(name + n - cut, tail);
  if (!needed && !ldr__file_exists(name)) return LDR_OK;
  return ldr__source_open(source, name, NULL, err);
}

/* The answers of a cloze file "X.json" are in "X_answer.json", where there is one. */
static ldr_json *read_key(const ldr__source *source, ldr_error *err) {
  ldr_json *j = source->data ? ldr_json_parse((const char *)source->data, source->size, NULL, err) : NULL;
  if (!j || ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT) return j;
  ldr__fail(err, LDR_DATA, "the file of answers beside it is no object {\"#idiom000000#\": 3, ..}");
  ldr_json_free(j);
  return NULL;
}

static ldr_status read_task_file(rows *s, const char *path, ldr_error *err) {
  int cloze = s->task->form == FORM_CLOZE && !s->r.unlabelled && ldr__ends_with(path, ".json"),
      beside = s->task->form == FORM_BESIDE;
  ldr__source source, other;
  ldr_json *key = NULL;
  ldr_status status = ldr__reader_open(&s->r, &source, path, err);
  if (status) {
    if (status != LDR_IO) ldr__fail_in_file(err, path);
    return status;
  }
  memset(&other, 0, sizeof other);
  if (beside && !ldr__ends_with(path, "seq.in"))
    status = ldr__fail(err, LDR_DATA, "expected a file seq.in, or a directory with one in train, dev and test");
  else if (beside)
    status = open_other(&other, path, strlen("seq.in"), reads_entities(s->task) ? "seq.out" : "label", 1, err);
  else if (cloze) status = open_other(&other, path, strlen(".json"), "_answer.json", 0, err);
  if (!status && cloze) key = read_key(&other, err);
  s->seen = s->entities = s->bad = s->dropped = s->unlabelled = 0;
  memset(s->misses, 0, sizeof s->misses);
  s->unit = 0;
  s->key = key;
  s->key_at = key ? ldr_json_node_at(key, 0)->first : -1;
  s->beside = (const char *)other.data;
  s->beside_size = other.size;
  if (!status) status = err->status ? err->status : read_task_bytes(s, path, err);
  ldr_json_free(key);
  if (other.data) ldr__source_close(&other);
  ldr__source_close(&source);
  if (status && status != LDR_IO) ldr__fail_in_file(err, path);
  return status;
}

static void free_rows(rows *s) {
  ldr__reader_free(&s->r);
  ldr_encoding_free(&s->encoding);
  ldr_encoding_free(&s->answer);
  chat_close(&s->talk);
  free(s->id.data);
  free(s->line.data);
  free(s->side.data);
  free(s->choices.all.data);
  free(s->spans);
  free(s->classes);
}

/* The labels of the files of a list, and the most choices that an example of theirs has. */
static ldr_status read_labels(const task_info *k, const task_reading *o, const char *list, name_list *names,
    int32_t *choices, ldr_error *err) {
  char path[LADDER_MAX_PATH];
  rows s;
  ldr_status status = LDR_OK;
  memset(&s, 0, sizeof s);
  s.task = k;
  s.skip_bad = o->skip_bad;
  s.r.desc.encoding = o->encoding;
  s.names = names;
  s.row_fn = row_labels;
  while (!status && next_task_file(&list, path)) status = read_task_file(&s, path, err);
  *choices = LDR__MAX(*choices, s.most_choices);
  free_rows(&s);
  return status;
}

static const char *const answer_tags[3] = { "O", "B-answer", "I-answer" };

/* A set without examples that knows the task's labels, for the sets that follow to agree on. */
static ldr_dataset *task_label_set(const task_info *k, const task_reading *o, const char *const *paths, int count,
    ldr_error *err) {
  name_list names = { NULL, 0, 0 };
  ldr_dataset_desc desc;
  ldr_dataset *d = NULL;
  char name[MAX_LABEL];
  int32_t i, choices = 2;
  int bad = 0;
  memset(&desc, 0, sizeof desc);
  desc.head = k->head;
  for (i = 0; i < count && !bad && !reads_questions(k) && (has_classes(k->head) || k->head == LDR_HEAD_CHOICE); i++)
    if (paths[i]) bad = read_labels(k, o, paths[i], &names, &choices, err) != LDR_OK;
  desc.choices = choices;
  if (!bad) d = ldr_dataset_create(&desc, err);
  bad = d == NULL;
  if (names.count) qsort(names.names, (size_t)names.count, sizeof *names.names, compare_names);
  for (i = 0; i < 3 && !bad && reads_questions(k); i++) bad = ldr_dataset_label(d, answer_tags[i], 1, err) < 0;
  if (!bad && reads_entities(k)) bad = ldr_dataset_label(d, "O", 1, err) < 0;
  for (i = 0; i < names.count && !bad; i++) {
    if (!reads_entities(k)) {
      bad = ldr_dataset_label(d, names.names[i], 1, err) < 0;
      continue;
    }
    snprintf(name, sizeof name, "B-%.63s", names.names[i]);
    bad = ldr_dataset_label(d, name, 1, err) < 0;
    name[0] = 'I';
    bad = bad || ldr_dataset_label(d, name, 1, err) < 0;
  }
  free_names(&names);
  if (!bad) return d;
  ldr_dataset_free(d);
  return NULL;
}

/* What a file's pass left out or lost is no secret. */
static void tell_damage(const char *path, const rows *s) {
  static const char *const why[MISS_KINDS] = { "", "they reach behind the cut (--max-len)",
      "a token of theirs is another's, or they have none", "they begin or end inside a token",
      "training had none of their type; the first is a \"" };
  int i;
  if (s->bad)
    fprintf(stderr, "ladder: %s: %d texts left out, %d of %d entities are not at their places; %s\n", path,
        (int)s->dropped, (int)s->bad, (int)s->entities, s->first_bad);
  else if (s->dropped)
    fprintf(stderr, "ladder: %s: %d of %d examples are damaged and left out; %s\n", path, (int)s->dropped,
        (int)s->seen, s->first_bad);
  if (s->unlabelled)
    fprintf(stderr, "ladder: %s: %d of %d examples have no label and are left out\n", path, (int)s->unlabelled,
        (int)s->seen);
  for (i = 0; i < MISS_KINDS; i++)
    if (s->misses[i])
      fprintf(stderr, "ladder: %s: %d entities are %s: %s%s%s\n", path, (int)s->misses[i],
          s->how->scored ? "counted as missed" : "not learned", why[i], i == MISS_TYPE ? s->strange : "",
          i == MISS_TYPE ? "\"" : "");
}

/* list: one file or several. */
static void tell_cuts(const char *list, const ldr_dataset *d, int32_t max_len) {
  if (ldr_dataset_cut(d))
    fprintf(stderr, "ladder: %.*s%s: %d of %d texts are longer than %d tokens and were cut (--max-len)\n",
        (int)strcspn(list, "\n"), list, strchr(list, '\n') ? " and others" : "", (int)ldr_dataset_cut(d),
        (int)ldr_dataset_count(d), (int)max_len);
}

/* How a row of a task goes into a data set. */
static ldr_status (*row_reader(const task_info *k))(rows *, int, size_t, ldr_error *) {
  return reads_entities(k) ? row_entities : spoken_of(k) ? row_spoken : k->head == LDR_HEAD_WORDS ? row_words
      : k->head == LDR_HEAD_CHOICE ? row_choices : row_example;
}

/* What is wrong with the answers of a file is told; questions that nothing can be learned from are left out or
   refused. */
static ldr_status judge_questions(const questions *q, const char *path, int skip, ldr_error *err) {
  if (q->damaged && !skip)
    return ldr__fail(err, LDR_DATA, "%s: %d of %d questions have no answer at its place; %s "
        "(--skip-bad leaves such questions out)", path, q->damaged, q->count, q->first_bad);
  if (q->moved)
    fprintf(stderr, "ladder: %s: %d of %d answers are not where they are said to be, but at one other place, which "
        "is taken\n", path, (int)q->moved, (int)q->answers);
  if (q->textless)
    fprintf(stderr, "ladder: %s: %d questions are about an empty text and have no answer\n", path, (int)q->textless);
  if (q->misplaced)
    fprintf(stderr, "ladder: %s: %d of %d answers are not in their texts and are not learned; %d questions left out; "
        "%s\n", path, (int)q->misplaced, (int)q->answers, (int)q->damaged, q->first_bad);
  return LDR_OK;
}

/* The windows of a file's questions. */
static ldr_dataset *load_questions(const task_info *k, const task_reading *o, const ldr_model *m, const char *path,
    int32_t max_len, ldr_error *err) {
  ldr_dataset_desc desc;
  ldr_dataset *d;
  questions q;
  int32_t cut = 0, i;
  ldr_status status = LDR_OK;
  memset(&desc, 0, sizeof desc);
  memset(&q, 0, sizeof q);
  desc.head = k->head;
  desc.max_len = max_len;
  if (!ldr_model_tokenizer(m))
    ldr__fail(err, LDR_MISSING, "the model has no vocabulary, so texts cannot be read");
  d = ldr_model_tokenizer(m) ? ldr_dataset_create(&desc, err) : NULL;
  status = d ? read_questions(&q, path, 1, err) : err->status;
  for (i = 0; i < 3 && !status; i++) status = ldr_dataset_label(d, answer_tags[i], 1, err) < 0 ? err->status : LDR_OK;
  if (!status) status = judge_questions(&q, path, o->skip_bad, err);
  if (!status)
    status = add_windows(d, &q, ldr_model_tokenizer(m), max_len, o->stride ? o->stride : WINDOW_STRIDE, &cut, err);
  if (!status && ldr_dataset_count(d) == 0)
    status = ldr__fail(err, LDR_DATA, "%s: the file holds no questions to learn from", path);
  if (!status && cut)
    fprintf(stderr, "ladder: %s: %d questions are longer than %d tokens and were cut\n", path, (int)cut,
        (int)LDR__MIN((int32_t)QUESTION_TOKENS, max_len / 2));
  free_questions(&q);
  if (!status) return d;
  ldr_dataset_free(d);
  return NULL;
}

/* All files of the list. items: of choices, may be NULL for other tasks. */
static ldr_dataset *load_task(const task_info *k, const task_reading *o, const ldr_model *m, const char *list,
    const ldr_dataset *labels, int32_t max_len,
    item_list *items, ldr_error *err) {
  char path[LADDER_MAX_PATH];
  const char *rest = list;
  rows s;
  ldr_status status = LDR_OK;
  if (reads_questions(k)) return load_questions(k, o, m, list, max_len, err);
  memset(&s, 0, sizeof s);
  s.task = k;
  s.skip_bad = o->skip_bad;
  s.items = items;
  s.how = o;
  s.r.desc.encoding = o->encoding;
  s.row_fn = row_reader(k);
  s.ends_text = m->end_count ? m->ends_text[0] : -1;
  s.start = ldr_model_info_get(m).start;
  if (s.start >= 0 && k->head == LDR_HEAD_WORDS && k->form != FORM_TEXTS)
    status = ldr__fail(err, LDR_UNSUPPORTED,
        "--task %s is for models of one stack; this one learns by --task seq2seq", k->name);
  s.r.desc.head = k->head;
  s.r.desc.max_len = max_len;
  s.r.desc.labels = labels;
  s.r.desc.choices = k->head == LDR_HEAD_WORDS ? k->choices : labels ? labels->choices : 0;
  s.r.tokenizer = ldr_model_tokenizer(m);
  if (!s.r.tokenizer)
    status = ldr__fail(err, LDR_MISSING, "the model has no vocabulary, so texts cannot be read");
  if (!status && o->chat_text && s.start >= 0)
    status = ldr__fail(err, LDR_ARGUMENT, "--template is for models of one stack");
  if (!status && k->form == FORM_CHAT)
    status = chat_open(&s.talk, o->chat_text, o->model, s.r.tokenizer, 0, err);
  if (!status && k->head == LDR_HEAD_CHOICE && s.r.desc.choices <= 2)
    status = read_labels(k, o, list, NULL, &s.r.desc.choices, err);
  if (!status) s.r.d = ldr_dataset_create(&s.r.desc, err);
  if (s.r.d && has_classes(k->head)) status = ldr__reader_labels(&s.r, err);
  while (s.r.d && !status && next_task_file(&rest, path)) {
    status = read_task_file(&s, path, err);
    if (!status) tell_damage(path, &s);
  }
  if (s.r.d && !status && ldr_dataset_count(s.r.d) == 0)
    status = ldr__fail(err, LDR_DATA, "%s: the file holds no examples", list);
  if (status) {
    ldr_dataset_free(s.r.d);
    s.r.d = NULL;
  } else tell_cuts(list, s.r.d, max_len);
  free_rows(&s);
  return s.r.d;
}

/* ---- the list, for people and programs ------------------------------------------------------ */

static void put_names(FILE *f, const task_info *k, int json) {
  static const char *const roles[FILE_ROLES] = { "train", "dev", "test" };
  int role;
  for (role = 0; role < FILE_ROLES; role++) {
    const char *s = task_files(k, role);
    fprintf(f, json ? "%s\"%s\":[\"" : "%s  %-6s", json && role ? "," : "", roles[role]);
    for (; *s; s++) {
      if (*s == '|') fputs(json ? "\",\"" : " ", f);
      else putc(*s, f);
    }
    fputs(json ? "\"]" : "\n", f);
  }
}

/* The texts and words of a task's row, for people or as members of JSON. */
static void put_spoken(FILE *f, const spoken_task *w, int json) {
  const char *quote = json && w->words ? "\"" : "";
  const char *words = w->words ? w->words : json ? "null" : "a number, in fifths";
  fprintf(f, json ? ",\"source\":\"%s..%s%s\",\"words\":%s%s%s" : "  %s..%s%s -> %s%s%s\n", w->first,
      w->second ? w->second : "", w->second ? ".." : "", quote, words, quote);
}

/* Every task: its head, metric, form, length, batch, epochs and the files that a directory is searched for. */
static void list_tasks(FILE *f, int json) {
  const char *last = NULL;
  int i;
  if (!json)
    fprintf(f, "%-13s%-9s%-12s%6s%6s%7s  %s\n", "task", "head", "metric", "length", "batch", "epochs", "form");
  for (i = 0; i < TASK_COUNT; i++) {
    const task_info *k = &task_table[i];
    const char *head = ldr_head_name(k->head), *metric = ldr_metric_name(k->metric), *form = form_of(k)->shown;
    if (!json) {
      fprintf(f, "%-13s%-9s%-12s%6d%6d%7d  %s\n", k->name, head, metric, (int)k->max_len, (int)k->batch,
          (int)k->epochs, form);
      continue;
    }
    fprintf(f, "{\"task\":\"%s\",\"head\":\"%s\",\"metric\":\"%s\",\"form\":\"%s\",\"max_len\":%d,\"batch\":%d,"
        "\"epochs\":%d,\"files\":{", k->name, head, metric, form,
        (int)k->max_len, (int)k->batch, (int)k->epochs);
    put_names(f, k, 1);
    putc('}', f);
    if (find_spoken(k->name)) put_spoken(f, find_spoken(k->name), 1);
    fputs("}\n", f);
  }
  for (i = 0; !json && i < TASK_COUNT; i++) {
    const task_info *k = &task_table[i];
    if (!k->files[FILES_TRAIN] || k->files[FILES_TRAIN] == last) continue;
    fprintf(f, "\nA directory given for %s is searched for the first of\n", k->name);
    put_names(f, k, 0);
  }
  if (json) return;
  fputs("\nAs words for a model that generates text (--head words; .. stands for a text, | between words):\n", f);
  for (i = 0; i < SPOKEN_COUNT; i++) put_spoken(f, &spoken_table[i], 0);
  fputs("\nA directory given for any other task is searched for the first of\n", f);
  put_names(f, NULL, 0);
}

#endif
