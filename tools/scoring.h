/* scoring.h: ladder score and eval --generate, part of tools/ladder.c. Sources with their targets from a task's file,
   texts that were said for them from a file or a model, and the rows of score.h. Tasks of classes or numbers as words:
   what is said for their examples, and their own metrics of it. */
#ifndef LADDER_SCORING_H
#define LADDER_SCORING_H

#include "generate.h"
#include "score.h"

typedef struct score_pair { const char *source, *target; size_t place, text; } score_pair;

/* A file's pairs. Equal sources are one text, which has as many references, in the order of their first places. */
typedef struct score_data {
  growing     bytes;
  score_pair *pairs;
  size_t      pair_count, pair_capacity, count;
  const char **sources;          /* [count]                                                  */
  score_text *said, *references;
  size_t     *first, said_capacity;
} score_data;

static void score_data_free(score_data *d) {
  free(d->bytes.data);
  free(d->pairs);
  free((void *)(uintptr_t)d->sources);
  free(d->said);
  free(d->references);
  free(d->first);
}

/* The strings are found again when all are there: until then they move. */
static ldr_status row_pair(rows *s, int pair, size_t at, ldr_error *err) {
  score_data *d = (score_data *)s->r.user;
  const char *source = row_field(s, LDR__FIELD_TEXT), *target = row_field(s, LDR__FIELD_LABEL);
  void *p = words_grow(d->pairs, &d->pair_capacity, d->pair_count + 1, sizeof *d->pairs);
  (void)pair;
  (void)at;
  if (!p) return words_no_memory("pairs of texts", err);
  d->pairs = (score_pair *)p;
  d->pairs[d->pair_count].place = d->pair_count;
  d->pair_count++;
  return growing_add(&d->bytes, source, strlen(source) + 1, err) || growing_add(&d->bytes, target, strlen(target) + 1,
      err) ? LDR_MEMORY : LDR_OK;
}

static int compare_sources(const void *a, const void *b) {
  const score_pair *x = (const score_pair *)a, *y = (const score_pair *)b;
  int order = strcmp(x->source, y->source);
  return order ? order : x->place < y->place ? -1 : x->place > y->place;
}

static int compare_texts(const void *a, const void *b) {
  const score_pair *x = (const score_pair *)a, *y = (const score_pair *)b;
  return x->text != y->text ? (x->text < y->text ? -1 : 1) : x->place < y->place ? -1 : x->place > y->place;
}

/* Pairs with the same source beside each other, by first places. */
static void group_pairs(score_data *d) {
  const char *at = d->bytes.data;
  size_t i, first = 0;
  for (i = 0; i < d->pair_count; i++) {
    d->pairs[i].source = at;
    d->pairs[i].target = at += strlen(at) + 1;
    at += strlen(at) + 1;
  }
  qsort(d->pairs, d->pair_count, sizeof *d->pairs, compare_sources);
  for (i = 0; i < d->pair_count; i++) {
    if (strcmp(d->pairs[i].source, d->pairs[first].source) != 0) first = i;
    d->pairs[i].text = d->pairs[first].place;
  }
  qsort(d->pairs, d->pair_count, sizeof *d->pairs, compare_texts);
}

static int read_pairs(run *r, score_data *d, const char *path) {
  size_t n, i;
  rows s;
  ldr_status status;
  memset(&s, 0, sizeof s);
  s.task = r->task;
  s.skip_bad = r->o.skip_bad;
  s.r.desc.encoding = r->o.encoding;
  s.r.user = d;
  s.row_fn = row_pair;
  status = read_task_file(&s, path, &r->err);
  if (!status) tell_damage(path, &s);
  free_rows(&s);
  n = d->pair_count;
  if (status) return EXIT_FAILED;
  if (!n) return fail(r, LDR_DATA, "%s: the file holds no examples", path);
  group_pairs(d);
  d->sources = (const char **)malloc(n * sizeof *d->sources);
  d->references = (score_text *)malloc(n * sizeof *d->references);
  d->first = (size_t *)malloc((n + 1) * sizeof *d->first);
  if (!d->sources || !d->references || !d->first) return fail(r, LDR_MEMORY, "out of memory", "");
  for (i = 0; i < n; i++) {
    if (!i || d->pairs[i].text != d->pairs[i - 1].text) {
      d->sources[d->count] = d->pairs[i].source;
      d->first[d->count++] = i;
    }
    d->references[i].s = d->pairs[i].target;
    d->references[i].n = strlen(d->pairs[i].target);
  }
  d->first[d->count] = n;
  return EXIT_DONE;
}

/* A task whose files hold a target beside each source. */
static int choose_pairs(run *r) {
  if (r->task->head == LDR_HEAD_WORDS && r->task->field[LDR__FIELD_LABEL] && !reads_preferences(r->task))
    return EXIT_DONE;
  return fail(r, LDR_ARGUMENT, "--task %s: its files hold no targets; seq2seq, instruct and e2e have them",
      r->task->name);
}

/* ---- what was said, from a file ---------------------------------------------------------- */

/* Texts one after another, each with a NUL behind it that is not of the text. */
typedef struct said_texts { growing bytes; size_t *end, count, capacity; } said_texts;

static ldr_status said_add(said_texts *t, const char *s, size_t n, ldr_error *err) {
  void *p = words_grow(t->end, &t->capacity, t->count + 1, sizeof *t->end);
  if (!p) return words_no_memory("texts", err);
  t->end = (size_t *)p;
  if (growing_add(&t->bytes, s, n, err) || growing_add(&t->bytes, "", 1, err)) return LDR_MEMORY;
  t->end[t->count++] = t->bytes.used - 1;
  return LDR_OK;
}

static void said_free(said_texts *t) {
  free(t->end);
  free(t->bytes.data);
}

/* {"text":..}, as predict and eval --answers write it, or "text". */
static ldr_status said_value(said_texts *t, ldr__reader *r, const ldr_json *j, size_t base, ldr_error *err) {
  int32_t node = ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT ? ldr_json_get(j, 0, "text") : 0;
  ptrdiff_t n = node < 0 ? -1 : ldr_json_string(NULL, 0, j, node);
  char *s = n < 0 ? NULL : ldr__reader_room(r, LDR__FIELD_TEXT, (size_t)n + 1, err);
  if (n < 0) return ldr__reader_fail(r, base, err, "a value is a \"text\" or {\"text\": ..}");
  if (!s) return LDR_MEMORY;
  ldr_json_string(s, (size_t)n + 1, j, node);
  return said_add(t, s, (size_t)n, err);
}

static ldr_status said_bytes(said_texts *t, ldr__reader *r, int json, ldr_error *err) {
  size_t at = json ? ldr__json_space(r->data, r->size, r->begin) : r->begin, used = 0, n;
  ldr_status status = LDR_OK;
  for (; !status && at < r->size; at += used) {
    const char *line = r->data + at, *newline = (const char *)memchr(line, '\n', r->size - at);
    ldr_json *j = json ? ldr__reader_json(r, at, &used, err) : NULL;
    if (json) {
      status = j ? said_value(t, r, j, at, err) : err->status;
      ldr_json_free(j);
      continue;
    }
    n = newline ? (size_t)(newline - line) : r->size - at;
    used = n + (newline != NULL);
    status = said_add(t, line, n - (n && line[n - 1] == '\r'), err);
  }
  return status;
}

/* A line a text, an empty one an empty text; JSON values where the file's name says so. */
static int read_said(run *r, said_texts *t, const char *path) {
  ldr__reader reader;
  ldr__source source;
  ldr_status status;
  memset(&reader, 0, sizeof reader);
  reader.desc.encoding = r->o.encoding;
  status = ldr__reader_open(&reader, &source, path, &r->err);
  if (!status) {
    status = said_bytes(t, &reader, ldr__ends_with(path, ".json") || ldr__ends_with(path, ".jsonl"), &r->err);
    ldr__source_close(&source);
  }
  ldr__reader_free(&reader);
  if (status && status != LDR_IO) ldr__fail_in_file(&r->err, path);
  if (!status && !t->count) return fail(r, LDR_DATA, "%s: the file holds no texts", path);
  return status ? EXIT_FAILED : EXIT_DONE;
}

/* ---- the scores -------------------------------------------------------------------------- */

static int print_scores_of(run *r, score_data *d, const said_texts *t) {
  double out[SCORE_COUNT];
  score_texts set;
  size_t i;
  d->said = (score_text *)malloc(d->count * sizeof *d->said);
  if (!d->said) return fail(r, LDR_MEMORY, "out of memory", "");
  for (i = 0; i < d->count; i++) {
    size_t from = i ? t->end[i - 1] + 1 : 0;
    d->said[i].s = t->bytes.data + from;
    d->said[i].n = t->end[i] - from;
  }
  set.count = d->count;
  set.said = d->said;
  set.references = d->references;
  set.first = d->first;
  if (score_all(out, &set, &r->err)) return EXIT_FAILED;
  for (i = 0; i < SCORE_COUNT; i++) {
    if (!r->o.json) {
      printf("%s%s %.4f", i ? ", " : "", score_table[i].shown, out[i]);
      continue;
    }
    fputs(i ? "," : "{", stdout);
    put_string(stdout, score_table[i].name);
    putchar(':');
    put_number(stdout, out[i]);
  }
  printf(r->o.json ? ",\"texts\":%" PRIu64 ",\"references\":%" PRIu64 "}\n" : " on %" PRIu64 " texts with %" PRIu64
      " references\n", (uint64_t)d->count, (uint64_t)d->pair_count);
  return EXIT_DONE;
}

static int command_score(run *r) {
  char buffer[LADDER_MAX_PATH];
  const char *data;
  score_data d;
  said_texts t;
  int status = choose_task(r, r->o.task ? r->o.task : "seq2seq");
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  if (!status) status = choose_pairs(r);
  if (status) return status;
  data = file_for_role(r->o.data, r->task, FILES_DEV, buffer);
  if (check_file(r, data, FILES_DEV)) return EXIT_FAILED;
  status = read_pairs(r, &d, data);
  if (!status) status = read_said(r, &t, r->o.said);
  if (!status && t.count != d.count) {
    ldr__fail(&r->err, LDR_MISMATCH, "%s: it holds %I texts, and %s has %I sources (equal ones are one text with "
        "several references)", r->o.said, (int64_t)t.count, data, (int64_t)d.count);
    status = EXIT_FAILED;
  }
  if (!status) status = print_scores_of(r, &d, &t);
  said_free(&t);
  score_data_free(&d);
  return status;
}

/* ---- what a model says ------------------------------------------------------------------- */

/* Every source, cut as training cuts it, and what is generated for it. */
static int say_all(run *r, const score_data *d, said_texts *t) {
  int64_t cut = 0;
  ldr_encoding c;
  generation g;
  size_t i;
  int status = generate_open(&g, r, GENERATE_KEPT, generate_room(r));
  memset(&c, 0, sizeof c);
  for (i = 0; !status && i < d->count; i++) {
    const char *source = d->sources[i];
    status = generate_encode(&g, &c, source);
    cut += c.cut > 0;
    if (!status) status = generate_from(&g, &c);
    if (!status && interrupted) status = fail(r, LDR_DATA, "stopped before every source was answered", "");
    if (!status && said_add(t, g.text.data ? g.text.data : "", g.text.size, &r->err)) status = EXIT_FAILED;
  }
  if (!status && cut)
    fprintf(stderr, "ladder: %" PRId64 " of %" PRIu64
        " sources are longer than %d tokens, with room for an answer, and were cut (--max-len)\n",
        cut, (uint64_t)d->count, (int)r->max_len);
  generate_close(&g);
  ldr_encoding_free(&c);
  return status;
}

/* A JSON line a source. */
static int write_said(run *r, const said_texts *t) {
  ldr__writer w;
  size_t i;
  if (ldr__writer_open(&w, r->o.answers, &r->err)) return EXIT_FAILED;
  for (i = 0; i < t->count; i++) {
    size_t from = i ? t->end[i - 1] + 1 : 0;
    fputs("{\"text\":", w.f);
    put_bytes(w.f, t->bytes.data + from, t->end[i] - from);
    fputs("}\n", w.f);
  }
  return end_stream(&w, LDR_OK, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

/* ---- classes and numbers as words ---------------------------------------------------------- */

/* The class or number that a text says; 0: none, and then *value is -1, as T5 has it. */
static int spoken_value(const spoken_task *w, const char *s, size_t n, float *value) {
  char copy[64];
  int index;
  *value = -1;
  for (; n && *s == ' '; n--) s++;
  while (n && s[n - 1] == ' ') n--;
  if (n >= sizeof copy) return 0;
  memcpy(copy, s, n);
  copy[n] = 0;
  if (!w->words) return n && ldr__reader_number(copy, value) && *value - *value == 0 ? 1 : (*value = -1, 0);
  index = word_among(w->words, copy, n);
  if (index) *value = (float)(index - 1);
  return index > 0;
}

/* The task's own metric of texts that were said for examples, *unspoken: so many say none of its words. Such an answer
   is wrong: a class that is not the example's, or the number -1. */
static ldr_status spoken_score(ldr_score *out, int32_t *unspoken, const task_info *k, const said_texts *t,
    const float *right, ldr_error *err) {
  const spoken_task *w = find_spoken(k->name);
  size_t n = t->count, i;
  float *numbers = (float *)malloc((4 * n + 1) * sizeof *numbers);
  ldr__tally y;
  if (!numbers) return words_no_memory("scores", err);
  memset(out, 0, sizeof *out);
  memset(&y, 0, sizeof y);
  y.predicted = numbers;
  y.actual = numbers + n;
  y.values = n;
  for (*unspoken = 0, i = 0; i < n; i++) {
    size_t from = i ? t->end[i - 1] + 1 : 0;
    int said = spoken_value(w, t->bytes.data + from, t->end[i] - from, &y.predicted[i]);
    y.actual[i] = right[i];
    *unspoken += !said;
    if (w->words) ldr__tally_class(&y, said ? (int32_t)y.predicted[i] : right[i] != 1, (int32_t)right[i]);
  }
  out->value = ldr__tally_value(&y, find_task(k->name)->metric, numbers + 2 * n);
  out->accuracy = ldr__ratio((double)y.right, (double)y.counted);
  out->examples = (int32_t)n;
  free(numbers);
  return LDR_OK;
}

/* 1: what the tokens of a word say is the word again. */
static int spoken_again(run *r, const ldr_encoding *c, const char *word, size_t n) {
  ldr_text said;
  int32_t count = c->count, again;
  float value;
  spoken_task one;
  char copy[64];
  memset(&said, 0, sizeof said);
  memset(&one, 0, sizeof one);
  snprintf(copy, sizeof copy, "%.*s", (int)n, word);
  one.words = copy;
  if (count && beams_ends(r->model, c->ids[count - 1])) count--;
  again = !ldr_tokenizer_decode(ldr_model_tokenizer(r->model), &said, c->ids, count, 1, &r->err) && said.data
      && spoken_value(&one, said.data, said.size, &value);
  ldr_text_free(&said);
  return again;
}

/* The most tokens that an answer has, with its end; 0: the model cannot say them all. */
static int32_t spoken_most(run *r, const spoken_task *w) {
  const ldr_tokenizer *t = ldr_model_tokenizer(r->model);
  const char *word = w->words ? w->words : "0.0|0.2|0.4|0.6|0.8|1.0|2.0|3.0|4.0|5.0";
  int32_t most = 0;
  char copy[64];
  ldr_encoding c;
  size_t n = 0;
  memset(&c, 0, sizeof c);
  if (!t) fail(r, LDR_MISSING, "%s: the model has no vocabulary", r->o.model);
  for (; !r->err.status && *word; word += n + (word[n] == '|')) {
    n = strcspn(word, "|");
    if (ldr_tokenizer_encode(t, &c, word, n, NULL, 0, INT32_MAX, 1, &r->err)) break;
    most = LDR__MAX(most, c.count);
    snprintf(copy, sizeof copy, "%.*s", (int)n, word);
    if (!spoken_again(r, &c, word, n) && !r->err.status)
      fail(r, LDR_UNSUPPORTED, "the tokens of the model's vocabulary do not say \"%s\": it cannot answer in words",
          copy);
  }
  ldr_encoding_free(&c);
  return r->err.status ? 0 : most + 1;
}

/* Opens what generates answers to sources of up to `longest` tokens: greedy, and no longer than the longest answer,
   where the options ask for nothing else. */
static int spoken_open(generation *g, run *r, int32_t longest) {
  int32_t most = spoken_most(r, find_spoken(r->task->name));
  if (!most) return EXIT_FAILED;
  if (!r->o.most) r->o.most = most;
  r->o.greedy = r->o.beams < 2;
  return generate_open(g, r, GENERATE_KEPT,
      (int32_t)LDR__MIN((int64_t)longest + r->o.most, (int64_t)r->info.positions));
}

/* What the model reads of an example before it answers. */
static int32_t spoken_prompt(const run *r, const ldr_example *e) {
  int32_t n = 0;
  while (n < e->count && e->labels[n] == LDR_IGNORE) n++;
  return n + (r->info.start < 0);
}

/* The answers to a set that was read as pairs. */
static int spoken_say(run *r, const ldr_dataset *d, said_texts *t) {
  options kept = r->o;
  int32_t i, longest = 1, n = ldr_dataset_count(d);
  generation g;
  int status;
  for (i = 0; i < n; i++) {
    ldr_example e = ldr_dataset_get(d, i);
    longest = LDR__MAX(longest, spoken_prompt(r, &e));
  }
  memset(&g, 0, sizeof g);
  status = spoken_open(&g, r, longest);
  for (i = 0; !status && i < n; i++) {
    ldr_example e = ldr_dataset_get(d, i);
    ldr_encoding c;
    memset(&c, 0, sizeof c);
    c.ids = (int32_t *)(uintptr_t)e.ids;
    c.count = spoken_prompt(r, &e);
    status = generate_from(&g, &c);
    if (!status && interrupted) status = fail(r, LDR_DATA, "stopped before every text was answered", "");
    if (!status && said_add(t, g.text.data ? g.text.data : "", g.text.size, &r->err)) status = EXIT_FAILED;
  }
  generate_close(&g);
  r->o = kept;
  return status;
}

/* A set's score by what is generated; the answers also go to --answers, if `write`. */
static int score_spoken(run *r, const ldr_dataset *d, const item_list *items, int write, ldr_score *score,
    int32_t *unspoken) {
  said_texts t;
  int status;
  memset(&t, 0, sizeof t);
  status = spoken_say(r, d, &t);
  if (!status && spoken_score(score, unspoken, r->task, &t, items->right, &r->err)) status = EXIT_FAILED;
  if (!status && write && r->o.answers) status = write_said(r, &t);
  said_free(&t);
  return status;
}

/* Share of the commonest class. */
static double spoken_majority(const item_list *items) {
  size_t i, count[SPOKEN_CLASSES] = { 0 }, best = 0;
  for (i = 0; i < items->right_count; i++) {
    size_t c = (size_t)items->right[i];
    count[c]++;
    best = LDR__MAX(best, count[c]);
  }
  return items->right_count ? (double)best / (double)items->right_count : 0;
}

/* eval of a task as words. */
static int eval_spoken(run *r, const char *data) {
  ldr_metric metric = find_task(r->task->name)->metric;
  ldr_score score;
  int32_t unspoken = 0;
  if (check_file(r, data, FILES_DEV) || (r->o.answers && check_writable(r, r->o.answers))) return EXIT_FAILED;
  r->dev = load_set(r, data, 1, NULL, &r->dev_items);
  signal(SIGINT, on_signal);
  if (!r->dev || score_spoken(r, r->dev, &r->dev_items, 1, &score, &unspoken)) return EXIT_FAILED;
  if (r->o.json) {
    fputs("{\"metric\":", stdout);
    put_string(stdout, ldr_metric_name(metric));
    fputs(",\"value\":", stdout);
    put_number(stdout, score.value);
    printf(",\"examples\":%d,\"unspoken\":%d}\n", (int)score.examples, (int)unspoken);
    return EXIT_DONE;
  }
  printf("%s %.4f on %d examples, %d answers are %s", ldr_metric_name(metric), score.value,
      (int)score.examples, (int)unspoken, spoken_none(spoken_of(r->task)));
  if (labels_head(r->task) == LDR_HEAD_CLASSIFY) printf(", majority class %.4f", spoken_majority(&r->dev_items));
  putchar('\n');
  return EXIT_DONE;
}

/* eval --generate: with a ladder, or the model as it is. */
static int eval_generated(run *r) {
  char buffer[LADDER_MAX_PATH];
  const char *data;
  score_data d;
  said_texts t;
  int status = r->o.ladder ? open_ladder(r) : open_model(r);
  if (!status && r->o.ladder && r->head != LDR_HEAD_WORDS)
    status = fail(r, LDR_MISMATCH, "%s: the ladder was not trained on words and says nothing", r->o.ladder);
  if (!status && !r->task) status = choose_task(r, r->o.task ? r->o.task : "seq2seq");
  if (!status && find_spoken(r->task->name)) use_head(r, LDR_HEAD_WORDS);
  if (!status && !spoken_of(r->task)) status = choose_pairs(r);
  if (!status && !r->o.ladder) status = choose_max_len(r, r->task->max_len);
  if (status) return status;
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  data = file_for_role(r->o.data, r->task, FILES_DEV, buffer);
  if (spoken_of(r->task)) return eval_spoken(r, data);
  if (check_file(r, data, FILES_DEV) || (r->o.answers && check_writable(r, r->o.answers))) return EXIT_FAILED;
  status = read_pairs(r, &d, data);
  if (!status) status = say_all(r, &d, &t);
  if (!status && r->o.answers) status = write_said(r, &t);
  if (!status) status = print_scores_of(r, &d, &t);
  said_free(&t);
  score_data_free(&d);
  return status;
}

#endif /* LADDER_SCORING_H */
