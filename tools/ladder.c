/* ladder: fine-tunes a frozen Transformer by Ladder Side-Tuning from the command line, and runs
   and looks at the results.

       cc -std=c99 -O2 -fopenmp ladder.c -lm -o ladder        (or: make -C tools)

   What commands share is in run.h, with the table of options; tasks and their readers in tasks.h, files of answers in
   submit.h, other commands in parts of their names, each of which compiles alone. Here: one section a command, main.
   Exit status: 0 success, 1 failure with one line on standard error, 2 wrong usage. */

#include "run.h"

/* ---- train ---------------------------------------------------------------------------- */

/* Share of the most frequent class: what a classifier reaches that never looks at the text. */
static double majority_share(const ldr_dataset *d) {
  int32_t i, n = ldr_dataset_count(d), classes = ldr_dataset_labels(d), best = 0;
  int32_t *counts = (int32_t *)calloc((size_t)classes + 1, sizeof *counts);
  if (!counts) return 0;
  for (i = 0; i < n; i++) {
    ldr_example e = ldr_dataset_get(d, i);
    if (e.labels[0] >= 0 && e.labels[0] < classes && ++counts[e.labels[0]] > best) best = counts[e.labels[0]];
  }
  free(counts);
  return n ? (double)best / n : 0;
}

/* Found out before hours of training, not after: the place of the result can be written. */
static int check_writable(run *r, const char *path) {
  ldr__writer w;
  if (ldr__writer_place(&w, path, &r->err)) return EXIT_FAILED;
  if (w.in_place) return EXIT_DONE;        /* opening a pipe and closing it would be its end     */
  if (ldr__writer_open(&w, path, &r->err)) return EXIT_FAILED;
  w.status = LDR_IO;                       /* nothing is to be there                             */
  ldr__writer_close(&w, NULL);
  return EXIT_DONE;
}

/* Answers leave line by line; where they do not arrive, the rest is not worth the time. */
static int flush_answers(run *r) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_DONE;
  return fail(r, LDR_IO, "standard output: writing failed: %s", strerror(errno));
}

#include "answers.h"
#include "asking.h"

/* What became of the caches of an earlier run: worth a line on standard error, but no error. */
static void show_cache_notes(const run *r) {
  ldr_cache_info c = ldr_trainer_cache(r->trainer);
  int i;
  for (i = 0; i < 2; i++)
    if (*c.note[i]) fprintf(stderr, "ladder: note: %s\n", c.note[i]);
}

static int32_t spoken_most(run *r, const spoken_task *w);

/* Found out before the training: the model can say the words, and be asked for them where that is to be scored. */
static int check_spoken(run *r) {
  ldr_session_desc d;
  ldr_session *s;
  if (!spoken_of(r->task)) return EXIT_DONE;
  if (!spoken_most(r, spoken_of(r->task))) return EXIT_FAILED;
  if (!r->dev && !r->test) return EXIT_DONE;
  memset(&d, 0, sizeof d);
  d.capacity = 1;
  s = ldr_session_create(r->model, r->ladder, &d, &r->err);
  ldr_session_free(s);
  return s ? EXIT_DONE : EXIT_FAILED;
}

static int open_trainer(run *r) {
  if (check_spoken(r) || (r->o.answers && check_writable(r, r->o.answers))) return EXIT_FAILED;
  if (check_writable(r, r->o.out) || (r->o.checkpoint && check_writable(r, r->o.checkpoint))) return EXIT_FAILED;
  if (r->train_desc.cache && r->train_desc.cache_layers && on_terminal())
    fputs("filling the tap cache, layer by layer ...\n", stderr);
  r->trainer = ldr_trainer_create(r->ladder, r->train, r->dev, &r->train_desc, &r->err);
  if (!r->trainer || (r->o.resume && ldr_trainer_resume(r->trainer, r->o.resume, &r->err))) return EXIT_FAILED;
  show_cache_notes(r);
  if (r->o.log) {
    r->log = fopen(r->o.log, r->o.resume ? "a" : "w");
    if (!r->log) return fail(r, LDR_IO, "%s: the log cannot be created", r->o.log);
  }
  return EXIT_DONE;
}

/* Without --checkpoint the state goes beside the result, so that nothing is lost. */
static int stop_early(run *r, const watch *w, const ldr_progress *p) {
  char beside[LADDER_MAX_PATH];
  const char *path = r->o.checkpoint;
  if (!path) {
    if (strlen(r->o.out) + sizeof ".checkpoint" > sizeof beside)
      return fail(r, LDR_ARGUMENT, "%s: the path is too long", r->o.out);
    strcpy(beside, r->o.out);
    strcat(beside, ".checkpoint");
    path = beside;
  }
  clear_bar(w);
  if (ldr_trainer_save(r->trainer, path, &r->err)) return EXIT_FAILED;
  ldr__fail(&r->err, LDR_OK, "stopped after step %d of %d; --resume %s goes on from here", p->step, p->steps, path);
  return EXIT_FAILED;
}

static int train_steps(run *r, watch *w, ldr_progress *p) {
  while (!ldr_trainer_done(r->trainer)) {
    double began = seconds_now();
    int epoch_ended;
    if (ldr_trainer_step(r->trainer, p, &r->err)) {
      clear_bar(w);
      return EXIT_FAILED;
    }
    epoch_ended = p->evaluated || (p->epochs > 0 && p->step % LDR__MAX(p->steps / p->epochs, 1) == 0);
    if (r->log) log_timed_step(r->log, p, seconds_now() - began);
    if (w->terminal) show_bar(w, p);
    if (epoch_ended) {
      show_epoch(r, w, p);
      if (r->log) log_epoch(r, w, p);
      if (r->o.checkpoint && ldr_trainer_save(r->trainer, r->o.checkpoint, &r->err)) return EXIT_FAILED;
      w->epoch_start = seconds_now();
    }
    if ((interrupted || p->step == r->o.stop_at) && !ldr_trainer_done(r->trainer)) return stop_early(r, w, p);
  }
  return EXIT_DONE;
}

static int keep_count(run *r, const char *key, int32_t n) {
  char number[16];
  snprintf(number, sizeof number, "%d", (int)n);
  return ldr_ladder_note(r->ladder, key, number, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

static int save_ladder(run *r) {
  if (keep_count(r, "max_len", r->max_len)) return EXIT_FAILED;
  if (r->task && ldr_ladder_note(r->ladder, "task", r->task->name, &r->err)) return EXIT_FAILED;
  if (r->chat_text && chat_keep(r->ladder, r->chat_text, &r->err)) return EXIT_FAILED;
  if (reads_questions(r->task)
      && (keep_count(r, "stride", stride_of(r)) || keep_count(r, "max_answer", max_answer_of(r))))
    return EXIT_FAILED;
  return ldr_ladder_save(r->ladder, r->o.out, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

typedef struct summary {
  double   dev, test, seconds, speed, words_dev, words_test;
  int32_t  best_epoch, steps;
  uint64_t trainable, total, peak;
} summary;

static void print_summary_json(const run *r, const summary *s) {
  fputs("{\"metric\":", stdout);
  put_string(stdout, ldr_metric_name(r->metric));
  fputs(",\"dev\":", stdout);
  if (r->dev) put_number(stdout, s->dev);
  else fputs("null", stdout);
  if (*r->recipe) {
    fputs(",\"recipe\":", stdout);
    put_string(stdout, r->recipe);
  }
  printf(",\"best_epoch\":%d,\"trainable\":%" PRIu64 ",\"total\":%" PRIu64 ",\"steps\":%d,\"seconds\":",
      (int)s->best_epoch, s->trainable, s->total, (int)s->steps);
  put_number(stdout, s->seconds);
  fputs(",\"tokens_per_second\":", stdout);
  put_number(stdout, s->speed);
  printf(",\"peak_bytes\":%" PRIu64, s->peak);
  if (r->dev && r->head == LDR_HEAD_CLASSIFY) {
    fputs(",\"majority\":", stdout);
    put_number(stdout, majority_share(r->dev));
  }
  if (r->test) {
    fputs(",\"test\":", stdout);
    put_number(stdout, s->test);
  }
  if (spoken_of(r->task)) printf(",\"unspoken\":{\"dev\":%d,\"test\":%d}", (int)r->unspoken[0], (int)r->unspoken[1]);
  if (r->asked[0].questions) put_question_scores("dev", &r->asked[0]);
  if (r->asked[1].questions) put_question_scores("test", &r->asked[1]);
  if (r->o.baselines) {
    fputs(",\"words_dev\":", stdout);
    if (r->dev) put_number(stdout, s->words_dev);
    else fputs("null", stdout);
    fputs(",\"words_test\":", stdout);
    if (r->test) put_number(stdout, s->words_test);
    else fputs("null", stdout);
  }
  fputs("}\n", stdout);
}

static void print_summary(const run *r, const summary *s) {
  if (r->asked[0].questions) say_question_scores("dev: ", &r->asked[0]);
  if (r->asked[1].questions) say_question_scores("test: ", &r->asked[1]);
  printf("%s", ldr_metric_name(r->metric));
  if (r->dev && s->best_epoch) printf(" %.4f on dev (best epoch %d)", s->dev, (int)s->best_epoch);
  else if (r->dev) printf(" %.4f on dev (the head alone was best)", s->dev);
  if (r->test) printf(" %.4f on test", s->test);
  if (!r->dev && !r->test) printf(" not measured");
  if (r->dev && r->head == LDR_HEAD_CLASSIFY) printf(", majority class %.4f", majority_share(r->dev));
  if (spoken_of(r->task) && (r->dev || r->test))
    printf(", %d answers are %s", (int)(r->unspoken[0] + r->unspoken[1]), spoken_none(spoken_of(r->task)));
  if (r->o.baselines) printf(", counting words %.4f", r->test ? s->words_test : s->words_dev);
  printf(", %" PRIu64 " parameters trained, %" PRIu64 " frozen, %.1f seconds, %.0f tokens/s", s->trainable,
      s->total - s->trainable, s->seconds, s->speed);
  if (s->peak) printf(", peak memory %.0f MiB", (double)s->peak / 1048576.0);
  printf(", saved to %s\n", r->o.out);
}

/* Those that stand for numbers of the backbone and do not come on top of them. */
static uint64_t replaced_parameters(const ldr_ladder *l) {
  uint64_t n = 0;
  int32_t i;
  for (i = 0; i < ldr_ladder_params(l); i++) {
    ldr_param p = ldr_ladder_param(l, i);
    const char *name = p.name + (strncmp(p.name, "encoder.", 8) == 0 ? 8 : 0);
    int backbone = strncmp(name, "layer.", 6) == 0 || strncmp(name, "embeddings.", 11) == 0
        || strncmp(name, "backbone.", 9) == 0;
    int added = strstr(p.name, ".low_") || strstr(p.name, ".adapter") || strstr(p.name, ".prefix")
        || strstr(p.name, ".scale.") || strstr(p.name, ".prompt");
    if (backbone && !added) n += (uint64_t)p.rows * (uint64_t)p.columns;
  }
  return n;
}

static int score_spoken(run *r, const ldr_dataset *d, const item_list *items, int write, ldr_score *score,
    int32_t *unspoken);

/* Epochs were told apart by how likely the words are; what counts in the end is what the model says. */
static int summarize_spoken(run *r, summary *s) {
  ldr_score score;
  r->metric = find_task(r->task->name)->metric;
  if (r->test) {
    if (score_spoken(r, r->test, &r->test_items, 0, &score, &r->unspoken[1])) return EXIT_FAILED;
    s->test = score.value;
  }
  if (r->dev) {
    if (score_spoken(r, r->dev, &r->dev_items, 0, &score, &r->unspoken[0])) return EXIT_FAILED;
    s->dev = score.value;
  }
  return EXIT_DONE;
}

/* With the best parameters in place: what was reached, and what it took. */
static int summarize(run *r, const watch *w, const ldr_progress *p, summary *s) {
  double end = seconds_now();
  ldr_score score;
  s->seconds = end - w->opened;
  s->speed = s->seconds > 0 ? (double)(p->tokens - w->first_tokens) / s->seconds : 0;
  s->steps = p->step;
  s->best_epoch = r->dev ? p->best_epoch : p->epoch;
  s->dev = p->best_metric;
  if (spoken_of(r->task) && summarize_spoken(r, s)) return EXIT_FAILED;
  if (r->test && !spoken_of(r->task)) {
    if (score_set(r, r->test, &r->test_items, &score)) return EXIT_FAILED;
    s->test = score.value;
  }
  /* the trainer lets them repeat */
  if (r->dev && r->head == LDR_HEAD_CHOICE && shares_candidates(&r->dev_items)) {
    if (score_set(r, r->dev, &r->dev_items, &score)) return EXIT_FAILED;
    s->dev = score.value;
  }
  if (r->o.answers
      && write_answers(r->o.answers, r->model, r->ladder, r->test ? r->test : r->dev, r->max_len, &r->err))
    return EXIT_FAILED;
  if (r->o.baselines
      && !count_words(r->train, r->dev, r->test, r->info.vocabulary, r->max_len, &s->words_dev, &s->words_test))
    return fail(r, LDR_MEMORY, "out of memory while counting words", "");
  s->trainable = ldr_ladder_trainable(r->ladder);
  s->total = s->trainable + r->info.parameters - replaced_parameters(r->ladder);
  s->peak = peak_bytes();
  if (!s->peak)
    s->peak = ldr_model_memory(r->model).total + ldr_trainer_plan(r->ladder, r->train, r->dev, &r->train_desc).total;
  return EXIT_DONE;
}

/* What was chosen, and where the ladder starts. */
static void show_start(const run *r) {
  ldr_start s = ldr_trainer_start(r->trainer);
  if (*r->recipe) printf("recipe: %s\n", r->recipe);
  if (s.random_instead)
    printf("the sliced rungs told no texts apart (similarity %.2f): they start from random numbers\n",
        (double)s.similarity);
  if (s.head_fitted && r->dev)
    printf("the head alone, fitted to %d texts: dev %s %.4f\n", (int)s.texts, ldr_metric_name(r->metric), s.metric);
  fflush(stdout);
}

/* What was read: classes with their counts, so that columns in the wrong place are seen. */
static void show_set(const run *r, const char *name, const ldr_dataset *d) {
  int32_t i, n = ldr_dataset_count(d), classes = ldr_dataset_labels(d);
  int32_t *counts = (int32_t *)calloc((size_t)classes + 1, sizeof *counts);
  if (r->head == LDR_HEAD_CHOICE)
    printf("%s: %d questions, %d choices, %" PRId64 " tokens", name, (int)(n / d->choices), (int)d->choices,
        ldr_dataset_tokens(d));
  else printf("%s: %d %s, %" PRId64 " tokens", name, (int)n, reads_questions(r->task) ? "windows" : "texts",
      ldr_dataset_tokens(d));
  if (counts && (r->head == LDR_HEAD_CLASSIFY || r->head == LDR_HEAD_MULTI)) {
    for (i = 0; i < n; i++) {
      int32_t of[256], k, several = r->head == LDR_HEAD_MULTI ? ldr_dataset_label_set_get(d, of, 256, i) : 1;
      if (r->head == LDR_HEAD_CLASSIFY) of[0] = ldr_dataset_get(d, i).labels[0];
      for (k = 0; k < several && k < 256; k++)
        if (of[k] >= 0 && of[k] < classes) counts[of[k]]++;
    }
    printf(", %d classes:", (int)classes);
    for (i = 0; i < classes && i < 20; i++) {
      const char *class_name = ldr_dataset_label_name(d, i);
      printf(" %s %d%s", class_name ? class_name : "?", (int)counts[i], i + 1 < classes ? "," : "");
    }
    if (classes > 20) fputs(" ...", stdout);
  }
  if (is_entity_head(r->head))
    for (i = 1; i < classes; i += 2) printf("%s %s", i == 1 ? ", entities:" : ",", ldr_dataset_label_name(d, i) + 2);
  putchar('\n');
  free(counts);
}

static int command_train(run *r) {
  ldr_progress p;
  summary s;
  watch w;
  int status = prepare(r);
  if (!status && !r->o.json) {
    show_set(r, "train", r->train);
    if (r->dev) show_set(r, "dev", r->dev);
    if (r->test) show_set(r, "test", r->test);
    fflush(stdout);
  }
  memset(&w, 0, sizeof w);
  memset(&s, 0, sizeof s);
  w.opened = seconds_now();
  if (!status) status = open_trainer(r);
  if (status) return status;
  if (!r->o.json) show_start(r);
  p = ldr_trainer_progress(r->trainer);                 /* a resumed run does not start at 0  */
  w.first_step = p.step;
  w.first_tokens = p.tokens;
  w.terminal = on_terminal();
  w.start = w.epoch_start = seconds_now();
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  status = train_steps(r, &w, &p);
  if (status) return status;
  if (ldr_trainer_cache(r->trainer).damaged) show_cache_notes(r);
  ldr_trainer_restore_best(r->trainer);
  status = summarize(r, &w, &p, &s);
  if (!status && reads_questions(r->task)) status = score_sets(r);
  if (status || save_ladder(r)) return EXIT_FAILED;
  if (r->o.json) print_summary_json(r, &s);
  else print_summary(r, &s);
  return EXIT_DONE;
}

/* ---- eval and predict ----------------------------------------------------------------- */

/* The trained ladder and what its notes say: task and length of texts. Without a file, the model's own classifier. */
static int open_ladder(run *r) {
  const char *length;
  uint64_t usual = 0;
  int status = open_model(r);
  ldr_ladder_desc own;
  const task_info *k = find_task(r->o.task);
  /* of the model as it is */
  int words = !r->o.ladder && r->o.command == CMD_EVAL && k && k->head == LDR_HEAD_WORDS;
  if (status) return status;
  if (words && (!r->info.causal || !r->info.has_logits))
    return fail(r, LDR_UNSUPPORTED, "%s: the model does not say what comes next: --ladder FILE is missing",
        r->o.model);
  if (words && reads_preferences(k))
    return fail(r, LDR_ARGUMENT, "preferences are measured beside the model as it is: --ladder FILE is missing", "");
  memset(&own, 0, sizeof own);
  own.method = words ? LDR_METHOD_LADDER : LDR_METHOD_HEAD;
  own.published_head = !words;
  if (words) own.head = LDR_HEAD_WORDS;
  if (r->o.ladder && ldr_model_encoder(r->model)) use_encoder(r, ladder_of_words(r, r->o.ladder));
  if (r->o.ladder) r->ladder = ldr_ladder_load(r->model, r->o.ladder, NULL, &r->err);
  else if (!words && (r->info.task == LDR_TASK_NONE || r->info.task == LDR_TASK_POOLER))
    return fail(r, LDR_MISSING, "--ladder FILE is missing, and the files of %s hold no classifier", r->o.model);
  else r->ladder = ldr_ladder_create(r->model, &own, &r->err);
  if (!r->ladder) return EXIT_FAILED;
  status = take_ladder(r);
  if (!status) status = choose_task(r, r->o.task ? r->o.task : ldr_ladder_note_get(r->ladder, "task"));
  if (status) return status;
  r->head = ldr_ladder_desc_get(r->ladder).head;
  if (!r->task && r->head == LDR_HEAD_CHOICE) r->task = find_task(TASK_OF_CHOICES);
  if (!r->task) r->metric = metric_of_head(r->head);
  else if (!use_head(r, r->head))
    return fail(r, LDR_MISMATCH, "the ladder was not trained for the task %s", r->task->name);
  if (!r->o.ladder) usual = (uint64_t)LDR__MIN(r->info.positions, words ? k->max_len : 512);
  length = ldr_ladder_note_get(r->ladder, "max_len");
  if (length && (!parse_u64(length, 0, &usual) || usual > INT32_MAX)) usual = 0;
  return choose_max_len(r, (int32_t)usual);
}

static int ladder_labels(run *r) {
  int status = name_classes(r, ldr_ladder_desc_get(r->ladder).classes);
  if (!status && has_classes(r->head) && ldr_dataset_labels(r->labels) < ldr_ladder_desc_get(r->ladder).classes)
    return fail(r, LDR_MISSING, "%s: no names of classes are there, so labels cannot be read",
        r->o.ladder ? r->o.ladder : r->o.model);
  return status;
}

static int eval_generated(run *r);
static int eval_spoken(run *r, const char *data);

/* In the unit of the values: correlation does not see that all answers are too high, or half as far apart. */
static double missed_by(const run *r, const ldr_score *score) {
  float scale = ldr_ladder_desc_get(r->ladder).value_scale;
  return sqrt(score->loss) * (scale > 0 ? (double)scale : 1);
}

static int command_eval(run *r) {
  char buffer[LADDER_MAX_PATH];
  const char *data;
  ldr_score score;
  int status = r->o.generate ? EXIT_DONE : open_ladder(r);
  if (r->o.generate) return eval_generated(r);
  if (!status) status = ladder_labels(r);
  if (status) return status;
  data = file_for_role(r->o.data, r->task, FILES_DEV, buffer);
  if (check_file(r, data, FILES_DEV)) return EXIT_FAILED;
  if (spoken_of(r->task)) return eval_spoken(r, data);
  if (check_answers(r, 1) || (r->o.answers && check_writable(r, r->o.answers))) return EXIT_FAILED;
  if (reads_questions(r->task)) return eval_questions(r, data);
  r->dev = load_set(r, data, 1, r->labels, &r->dev_items);
  say_unseen(r->dev, data);
  if (!r->dev || score_set(r, r->dev, &r->dev_items, &score)) return EXIT_FAILED;
  if (r->o.answers && write_answers(r->o.answers, r->model, r->ladder, r->dev, r->max_len, &r->err)) return EXIT_FAILED;
  if (r->o.json) {
    fputs("{\"metric\":", stdout);
    put_string(stdout, ldr_metric_name(r->metric));
    fputs(",\"value\":", stdout);
    put_number(stdout, score.value);
    printf(",\"examples\":%d", (int)score.examples);
    if (r->head == LDR_HEAD_REGRESS) {
      fputs(",\"rmse\":", stdout);
      put_number(stdout, missed_by(r, &score));
    }
    fputs("}\n", stdout);
    return EXIT_DONE;
  }
  printf("%s %.4f on %d examples, loss %.4f", ldr_metric_name(r->metric), score.value, (int)score.examples, score.loss);
  if (r->head == LDR_HEAD_CLASSIFY) printf(", majority class %.4f", majority_share(r->dev));
  if (r->metric == LDR_METRIC_LIKELIHOOD) printf(", perplexity %.3f", exp(score.loss));
  if (r->head == LDR_HEAD_REGRESS) printf(", values missed by %g (root of the mean square)", missed_by(r, &score));
  putchar('\n');
  return EXIT_DONE;
}

static const char *label_name(const run *r, int32_t i, char number[16]) {
  const char *name = ldr_ladder_label(r->ladder, i);
  snprintf(number, 16, "%d", (int)i);
  return name ? name : number;
}

static void print_label(const run *r, int32_t i) {
  char number[16];
  put_string(stdout, label_name(r, i, number));
}

static void print_scores(const run *r, const float *scores, int32_t classes) {
  int32_t i;
  for (i = 0; i < classes; i++) {
    fputs(i == 0 ? ",\"scores\":{" : ",", stdout);
    print_label(r, i);
    putchar(':');
    put_number(stdout, (double)scores[i]);
  }
  fputs("}}", stdout);
}

static void print_classes(const run *r, const float *scores, int32_t classes) {
  int32_t i, best = 0;
  for (i = 1; i < classes; i++)
    if (scores[i] > scores[best]) best = i;
  fputs("{\"label\":", stdout);
  print_label(r, best);
  print_scores(r, scores, classes);
}

/* Those more likely than not. */
static void print_label_set(const run *r, const float *scores, int32_t classes) {
  int32_t i, n = 0;
  fputs("{\"labels\":[", stdout);
  for (i = 0; i < classes; i++) {
    if (scores[i] <= 0.5f) continue;
    if (n++) putchar(',');
    print_label(r, i);
  }
  putchar(']');
  print_scores(r, scores, classes);
}

/* An entity of a text, in bytes. */
typedef struct found_entity { const char *type; size_t begin, end; } found_entity;

/* Lines waiting to be run together. */
typedef struct queue {
  int32_t       capacity, count;
  text         *lines, *names;           /* names: as the file has them, or empty            */
  ldr_encoding *encodings;
  found_entity *entities;                /* of one text                                      */
  int32_t      *offsets, *ids, *segments;
  int32_t      *labels;                  /* spans: of tokens that none can begin or end with */
  ldr_span     *spans;
  int32_t       found, room;             /* spans of the lines; what there is room for       */
} queue;

/* The most probable class of each token, read as BIO: an I that continues nothing opens an entity. Returns how many
   there are. */
static int32_t find_entities(const run *r, const ldr_encoding *c, const float *scores, int32_t classes,
    found_entity *out) {
  const char *open = NULL;                /* type of the entity under way                    */
  int32_t i, k, n = 0;
  for (i = 0; i < c->count; i++) {
    const char *name = "O";
    int32_t best = 0;
    for (k = 1; k < classes; k++)
      if (scores[(size_t)i * (size_t)classes + (size_t)k] > scores[(size_t)i * (size_t)classes + (size_t)best])
        best = k;
    if (c->text[i] == 0 && ldr_ladder_label(r->ladder, best)) name = ldr_ladder_label(r->ladder, best);
    if (open && (name[0] != 'I' || strcmp(name + 2, open) != 0)) open = NULL;
    if (name[0] == 'O' || !name[1]) continue;
    if (!open) out[n++].begin = (size_t)c->begin[i];
    out[n - 1].type = open = name + 2;
    out[n - 1].end = (size_t)c->end[i];
  }
  return n;
}

/* Spans of all lines; more room is made when there are more than before. */
static ldr_status find_spans(run *r, ldr_predictor *p, queue *q, const ldr_batch *batch) {
  int32_t i, k;
  for (i = 0; i < q->count; i++)
    for (k = 0; k < q->encodings[i].count; k++)
      q->labels[q->offsets[i] + k] = q->encodings[i].text[k] < 0 ? LDR_IGNORE : 0;
  for (;;) {
    if (ldr_predict_spans(p, q->spans, q->room, &q->found, batch, q->labels, 0, 0, &r->err)) return r->err.status;
    if (q->found <= q->room) return LDR_OK;
    free(q->spans);
    free(q->entities);
    q->room = q->found;
    q->spans = (ldr_span *)malloc((size_t)q->room * sizeof *q->spans);
    q->entities = (found_entity *)malloc((size_t)q->room * sizeof *q->entities);
    if (!q->spans || !q->entities) return ldr__fail(&r->err, LDR_MEMORY, "out of memory");
  }
}

/* In the order of the text. */
static int entity_order(const void *a, const void *b) {
  const found_entity *x = (const found_entity *)a, *y = (const found_entity *)b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->type, y->type);
}

/* Those of line i, which may overlap. */
static int32_t spans_of_line(const run *r, const queue *q, int32_t i) {
  const ldr_encoding *c = &q->encodings[i];
  int32_t k, n = 0;
  for (k = 0; k < q->found; k++) {
    const ldr_span *s = &q->spans[k];
    const char *name = ldr_ladder_label(r->ladder, 1 + 2 * s->type);
    if (s->sequence != i) continue;
    q->entities[n].type = name ? name + 2 : "?";
    q->entities[n].begin = (size_t)c->begin[s->first];
    q->entities[n++].end = (size_t)c->end[s->last];
  }
  qsort(q->entities, (size_t)n, sizeof *q->entities, entity_order);
  return n;
}

/* Offsets count characters from 0; `end` is the one after the last, so text[start:end] in Python. */
static void print_entities(const found_entity *e, int32_t n, const texts *t) {
  int32_t i;
  fputs("{\"entities\":[", stdout);
  for (i = 0; i < n; i++) {
    fputs(i ? ",{\"type\":" : "{\"type\":", stdout);
    put_string(stdout, e[i].type);
    printf(",\"start\":%" PRId64 ",\"end\":%" PRId64 ",\"text\":", chars_before(t->first, t->size, e[i].begin),
        chars_before(t->first, t->size, e[i].end));
    put_bytes(stdout, t->first + e[i].begin, e[i].end - e[i].begin);
    putchar('}');
  }
  fputs("]}", stdout);
}

static int same_text(const found_entity *a, const found_entity *b, const char *s) {
  return a->end - a->begin == b->end - b->begin && memcmp(s + a->begin, s + b->begin, a->end - a->begin) == 0;
}

/* {type: {text: [[first,last],..]}}, as CLUE has entities: characters, the last one included. A type and a text stand
   once; what is written loses its type. */
static void submit_entities(FILE *f, found_entity *e, int32_t n, const texts *t) {
  int32_t i, k, q, types = 0, words, places;
  putc('{', f);
  for (i = 0; i < n; i++) {
    const char *type = e[i].type;
    if (!type) continue;
    fputs(types++ ? "," : "", f);
    put_string(f, type);
    fputs(":{", f);
    for (words = 0, k = i; k < n; k++) {
      if (!e[k].type || strcmp(e[k].type, type) != 0) continue;
      fputs(words++ ? "," : "", f);
      put_bytes(f, t->first + e[k].begin, e[k].end - e[k].begin);
      fputs(":[", f);
      for (places = 0, q = k; q < n; q++) {
        if (!e[q].type || strcmp(e[q].type, type) != 0 || !same_text(&e[q], &e[k], t->first)) continue;
        fprintf(f, "%s[%" PRId64 ",%" PRId64 "]", places++ ? "," : "",
            chars_before(t->first, t->size, e[q].begin),
            chars_before(t->first, t->size, e[q].end) - 1);
        if (q > k) e[q].type = NULL;
      }
      fputs("]", f);
      if (k > i) e[k].type = NULL;
    }
    fputs("}", f);
    e[i].type = NULL;
  }
  putc('}', f);
}

static void free_queue(queue *q) {
  int32_t i;
  for (i = 0; i < q->capacity; i++) {
    if (q->lines) free(q->lines[i].data);
    if (q->names) free(q->names[i].data);
    if (q->encodings) ldr_encoding_free(&q->encodings[i]);
  }
  free(q->lines);
  free(q->names);
  free(q->entities);
  free(q->encodings);
  free(q->offsets);
  free(q->ids);
  free(q->segments);
  free(q->labels);
  free(q->spans);
}

static int make_queue(queue *q, int32_t capacity, int32_t max_len) {
  size_t n = (size_t)capacity, tokens = n * (size_t)max_len;
  memset(q, 0, sizeof *q);
  q->capacity = capacity;
  q->lines = (text *)calloc(n, sizeof *q->lines);
  q->names = (text *)calloc(n, sizeof *q->names);
  q->entities = (found_entity *)calloc((size_t)max_len + 1, sizeof *q->entities);
  q->encodings = (ldr_encoding *)calloc(n, sizeof *q->encodings);
  q->offsets = (int32_t *)calloc(n + 1, sizeof *q->offsets);
  q->ids = (int32_t *)calloc(tokens, sizeof *q->ids);
  q->segments = (int32_t *)calloc(tokens, sizeof *q->segments);
  q->labels = (int32_t *)calloc(tokens, sizeof *q->labels);
  return q->labels && q->lines && q->names && q->entities && q->encodings && q->offsets && q->ids && q->segments;
}

/* The answer to text number i, on standard output and, where one is asked for, in the file of answers. */
static void print_answer(run *r, queue *q, int32_t i, const float *scores, int32_t classes) {
  texts t = split_line(&q->lines[i], 0);
  char number[16];
  int32_t n = 0, best = 0;
  FILE *f = r->submitted.f;
  if (is_entity_head(r->head)) {
    n = r->head != LDR_HEAD_TOKENS ? spans_of_line(r, q, i) : find_entities(r, &q->encodings[i],
        scores + (size_t)q->offsets[i] * (size_t)classes, classes, q->entities);
    for (best = 0; best < n; best++) trim_place(t.first, &q->entities[best].begin, &q->entities[best].end);
    print_entities(q->entities, n, &t);
    if (f) submit_entities(f, q->entities, n, &t);
    return;
  }
  scores += (size_t)i * (size_t)classes;
  if (r->head == LDR_HEAD_MULTI) print_label_set(r, scores, classes);
  else if (r->head == LDR_HEAD_CLASSIFY) {
    print_classes(r, scores, classes);
    for (n = 1; n < classes; n++)
      if (scores[n] > scores[best]) best = n;
    if (f && r->submitted.form == SUBMIT_CLUE) put_string(f, label_name(r, best, number));
    else if (f) fputs(label_name(r, best, number), f);
  } else {
    fputs("{\"value\":", stdout);
    put_number(stdout, (double)*scores);
    putchar('}');
    if (f) fprintf(f, "%.3f", (double)*scores);
  }
}

/* predict: texts on their way to the answers of one ladder or several, of which the first is the run's own. */
typedef struct answers {
  run           *r;
  ldr_ladder    *ladder[MAX_LADDERS];
  ldr_predictor *p[MAX_LADDERS];
  float         *scores[MAX_LADDERS];
  int32_t        count;
  queue         *q;
  struct generation *speaks;             /* tasks as words                                   */
  int64_t        texts, cut, unspoken;
} answers;

static int32_t score_count(const ldr_ladder *l) { return LDR__MAX(ldr_ladder_desc_get(l).classes, 1); }

/* The lines of answers: an object a text, of several ladders an array of them. */
static void print_queue(answers *a) {
  run *r = a->r;
  queue *q = a->q;
  int32_t i, k;
  for (i = 0; i < q->count; i++) {
    if (r->submitted.f) submission_begin(&r->submitted, q->names[i].data);
    for (k = 0; k < a->count; k++) {
      r->ladder = a->ladder[k];
      r->head = ldr_ladder_desc_get(r->ladder).head;
      if (a->count > 1) putchar(k ? ',' : '[');
      print_answer(r, q, i, a->scores[k], score_count(r->ladder));
    }
    fputs(a->count > 1 ? "]\n" : "\n", stdout);
    r->ladder = a->ladder[0];
    r->head = ldr_ladder_desc_get(r->ladder).head;
    if (r->submitted.f) submission_end(&r->submitted);
  }
}

static int predict_queue(answers *a) {
  run *r = a->r;
  queue *q = a->q;
  ldr_batch batch;
  int32_t i;
  for (i = 0; i < q->count; i++) {
    const ldr_encoding *c = &q->encodings[i];
    memcpy(q->ids + q->offsets[i], c->ids, (size_t)c->count * sizeof *c->ids);
    memcpy(q->segments + q->offsets[i], c->segments, (size_t)c->count * sizeof *c->segments);
    q->offsets[i + 1] = q->offsets[i] + c->count;
  }
  memset(&batch, 0, sizeof batch);
  batch.sequences = q->count;
  batch.offsets = q->offsets;
  batch.ids = q->ids;
  batch.segments = q->segments;
  if (q->count && (is_entity_head(r->head) && r->head != LDR_HEAD_TOKENS ? find_spans(r, a->p[0], q, &batch) :
      ldr_predict_together(a->p, a->scores, a->count, &batch, &r->err))) return EXIT_FAILED;
  print_queue(a);
  q->count = 0;
  return flush_answers(r);
}

/* 1: the labels of the task's files, or the answers, are numbers. */
static int has_numbers(const run *r) { return (r->task ? labels_head(r->task) : r->head) == LDR_HEAD_REGRESS; }

/* 1: the first column of a line is a label, a number, or of a text with several labels a|b, maybe none. */
static int is_label(const run *r, char *label) {
  float value;
  int all = r->head == LDR_HEAD_MULTI;
  ldr__reader_trim(label);
  if (has_numbers(r)) return ldr__reader_number(label, &value);
  if (r->head != LDR_HEAD_MULTI) return ldr_dataset_label(r->labels, label, 0, NULL) >= 0;
  while (all && *label) {
    size_t n = strcspn(label, "|");
    char end = label[n];
    label[n] = 0;
    all = ldr_dataset_label(r->labels, label, 0, NULL) >= 0;
    label += n + (end != 0);
  }
  return all;
}

/* Do lines begin with the ladder's labels, before another column? Then these are no texts to be answered. Some labels
   may be new, so most lines are enough; of a ladder that reads two texts two columns are these. *others: lines that
   begin otherwise. */
static int looks_labelled(ldr__reader *s, const run *r, int *others, ldr_error *err) {
  size_t at = s->begin, next = at;
  int count = 0, labelled = 0, pairs = ldr_ladder_desc_get(r->ladder).pool == LDR_POOL_PAIR;
  s->columns = 1;
  s->column[0] = LDR__FIELD_LABEL;
  for (; at < s->size; at = next) {
    int n = ldr__reader_row(s, at, &next, err);
    char *label = (char *)s->field[LDR__FIELD_LABEL];
    if (n < 0) return 0;
    if (n == 1 && !*label) continue;
    if (n < 2 || (n == 2 && pairs)) return 0;
    labelled += is_label(r, label);
    count++;
  }
  *others = count - labelled;
  return 2 * labelled > count;
}

static ldr_status row_answer(rows *s, int pair, size_t at, ldr_error *err) {
  answers *a = s->answers;
  queue *q = a->q;
  text *line = &q->lines[q->count], *name = &q->names[q->count];
  const char *first = (const char *)s->r.field[LDR__FIELD_TEXT];
  const char *second = pair ? (const char *)s->r.field[LDR__FIELD_TEXT2] : NULL;
  size_t n = strlen(first);
  ldr_status status = ldr_tokenizer_encode(s->r.tokenizer, &q->encodings[q->count], first, n, second,
      second ? strlen(second) : 0, a->r->max_len, 1, err);
  (void)at;
  if (status) return status;
  line->used = name->used = 0;
  if (!text_room(line, n + 1) || !text_room(name, s->id.used + 1))
    return ldr__fail(err, LDR_MEMORY, "out of memory: a text is too long");
  memcpy(line->data, first, n);
  line->used = n;
  if (s->id.used) memcpy(name->data, s->id.data, s->id.used);
  name->data[s->id.used] = 0;
  a->texts++;
  a->cut += q->encodings[q->count].cut > 0;
  if (++q->count == q->capacity && predict_queue(a)) return err->status ? err->status : LDR_DATA;
  return LDR_OK;
}

static ldr_status reader_answer(ldr__reader *r, int pair, size_t at, ldr_error *err) {
  rows *s = (rows *)r->user;
  return s->row_fn(s, pair, at, err);
}

/* Rows of the run's kind, for `row` to answer. */
static void rows_begin(rows *s, run *r, answers *a, ldr_status (*row)(rows *s, int pair, size_t at, ldr_error *err)) {
  s->task = r->task;
  s->answers = a;
  s->row_fn = row;
  s->r.row_fn = reader_answer;
  s->r.user = s;
  s->r.tokenizer = ldr_model_tokenizer(r->model);
  s->r.desc.encoding = r->o.encoding;
  s->r.desc.columns = r->o.columns;
}

/* Are these the columns of the task's own files? */
static int is_table(rows *s, ldr_error *err) {
  const run *r = s->answers->r;
  const char *newline = (const char *)memchr(s->r.data, '\n', s->r.size);
  size_t i, line = newline ? (size_t)(newline - s->r.data) : s->r.size;
  int column[LDR__MAX_COLUMNS], named, columns = table_columns(s, column, &named, err), tabs = 0, others;
  for (i = 0; i < line; i++) tabs += s->r.data[i] == '\t';
  if (named || columns < 2 || tabs + 1 < columns) return named;
  return columns > 2 || !looks_labelled(&s->r, r, &others, err);
}

/* All texts of s->r.data, in a task's own form or in any that train reads. */
static ldr_status answer_bytes(rows *s, const char *path, int json, ldr_error *err) {
  const run *r = s->answers->r;
  const task_info *k = r->task;
  int others, named = *path != 0;        /* a line of standard input names no columns        */
  s->r.unlabelled = 1;
  s->r.headless = !named;
  s->headed = named;
  if (k && json && form_of(k)->object) return read_values(s, err);
  if (json) return ldr__reader_values(&s->r, err);
  if (k && k->form == FORM_CONLL && ldr__ends_with(path, ".conll")) return read_conll(s, err);
  s->r.separator = is_entity_head(r->head) ? '\n' : ldr__reader_separator(&s->r, path);
  if (k && k->form == FORM_CHOICE) return read_table(s, err);
  if (k && k->form == FORM_TEXTS && !r->o.columns && is_table(s, err)) return read_table(s, err);
  if (err->status) return err->status;
  if (!r->o.columns && !is_entity_head(r->head) && looks_labelled(&s->r, r, &others, err)) {
    s->r.unlabelled = 0;
    if (others)
      fprintf(stderr, "ladder: %s: most lines begin with a label, so the first column is none of the texts; "
          "%d begin otherwise (--columns text,text2 reads it as a text)\n", path, others);
  }
  return ldr__reader_rows(&s->r, err);
}

static void print_choice(run *r, const choice_answers *a, const item_list *items, int32_t i, int32_t choices) {
  const char *id = items->ids.data + items->id[i];
  float *scores = a->scores + (size_t)i * (size_t)choices;
  putchar('{');
  if (*id == '"' || (*id && ldr__json_number_length(id, strlen(id)) == strlen(id))) printf("\"id\":%s,", id);
  else if (*id) {                        /* of a table                                         */
    fputs("\"id\":", stdout);
    put_string(stdout, id);
    putchar(',');
  }
  ldr__softmax_rows(scores, 1, (size_t)items->choices[i]);
  printf("\"label\":%d,\"scores\":", (int)a->answer[i]);
  put_floats(stdout, scores, items->choices[i]);
  fputs("}\n", stdout);
  if (!r->submitted.f) return;
  submission_begin(&r->submitted, id);
  fprintf(r->submitted.f, "%d", (int)a->answer[i]);
  submission_end(&r->submitted);
}

/* Questions with choices: what is there is read twice, first for the most choices that one of them has. */
static ldr_status answer_choices(rows *s, const char *path, int json, ldr_error *err) {
  run *r = s->answers->r;
  item_list items;
  choice_answers a;
  ldr_status status;
  int32_t i;
  memset(&items, 0, sizeof items);
  memset(&a, 0, sizeof a);
  s->items = NULL;
  s->most_choices = 2;
  s->row_fn = row_labels;
  status = answer_bytes(s, path, json, err);
  s->r.desc.head = LDR_HEAD_CHOICE;
  s->r.desc.max_len = r->max_len;
  s->r.desc.choices = s->most_choices;
  s->items = &items;
  s->row_fn = row_choices;
  s->r.d = status ? NULL : ldr_dataset_create(&s->r.desc, err);
  if (!status) status = s->r.d ? answer_bytes(s, path, json, err) : err->status;
  if (!status) status = score_choices(r->ladder, s->r.d, &items, &a, err);
  if (!status && s->r.d) {
    for (i = 0; i < a.count; i++) print_choice(r, &a, &items, i, s->r.d->choices);
    s->answers->cut += ldr_dataset_cut(s->r.d);
    s->answers->texts += ldr_dataset_count(s->r.d);
    if (flush_answers(r)) status = err->status;
  }
  free_choice_answers(&a);
  free_items(&items);
  ldr_dataset_free(s->r.d);
  s->r.d = NULL;
  return status;
}

/* Questions with choices have no form on a line of standard input but JSON. */
static ldr_status answer_all(rows *s, const char *path, int json, ldr_error *err) {
  const run *r = s->answers->r;
  if (r->head != LDR_HEAD_CHOICE) return answer_bytes(s, path, json, err);
  return answer_choices(s, path, json || !*path || !form_of(r->task)->plain, err);
}

static int predict_lines(run *r, rows *s) {
  text line = { NULL, 0, 0 };
  ldr_status status = LDR_OK;
  int more = 0;
  while (!status && (more = read_line(stdin, &line)) > 0) {
    int has_mark = s->r.lines == 0 && line.used >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0;
    size_t mark = has_mark ? 3 : 0;      /* of UTF-8 */
    memmove(line.data, line.data + mark, line.used - mark + 1);
    line.used -= mark;
    s->r.data = line.data;
    s->r.size = line.used;
    status = ldr__reader_utf8(&s->r, &r->err);
    /* an empty line is an empty text          */
    if (!status && line.used == 0 && r->head != LDR_HEAD_CHOICE) {
      if (!ldr__reader_copy(&s->r, LDR__FIELD_TEXT, "", 0, &r->err)) status = s->row_fn(s, 0, 0, &r->err);
    } else if (!status) status = answer_all(s, "", r->o.json, &r->err);
    s->r.lines++;
    s->r.named = 0;
  }
  free(line.data);
  if (status) return EXIT_FAILED;
  if (more < 0) return fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
  return ferror(stdin) ? fail(r, LDR_IO, "standard input: reading failed", "") : EXIT_DONE;
}

static int predict_file(run *r, rows *s) {
  ldr__source source;
  ldr_status status = ldr__reader_open(&s->r, &source, r->o.file, &r->err);
  if (!status) {
    status = answer_all(s, r->o.file, r->o.json || ldr__reader_is_json(&s->r, r->o.file), &r->err);
    ldr__source_close(&source);
  }
  if (status && status != LDR_IO) ldr__fail_in_file(&r->err, r->o.file);
  return status ? EXIT_FAILED : EXIT_DONE;
}

/* The ladders beyond the first: whatever gives one row of scores a text, for texts of the same length. */
static int open_more_ladders(run *r, answers *a) {
  int32_t i;
  a->ladder[a->count++] = r->ladder;
  for (i = 0; i <= r->o.more_count; i++) {
    const char *path = i ? r->o.more_ladders[i - 1] : r->o.ladder, *length;
    uint64_t tokens = 0;
    ldr_head head;
    if (i && (a->ladder[a->count++] = ldr_ladder_load(r->model, path, NULL, &r->err)) == NULL) return EXIT_FAILED;
    head = ldr_ladder_desc_get(a->ladder[i]).head;
    length = ldr_ladder_note_get(a->ladder[i], "max_len");
    if (r->o.more_count && head != LDR_HEAD_CLASSIFY && head != LDR_HEAD_MULTI && head != LDR_HEAD_REGRESS)
      return fail(r, LDR_UNSUPPORTED, "%s: beside other ladders there are only those that classify or give a number",
          path);
    if (!r->o.max_len && length && parse_u64(length, 0, &tokens) && tokens != (uint64_t)r->max_len)
      return fail(r, LDR_MISMATCH, "%s: it was trained on texts of another length than the first: say --max-len", path);
  }
  return EXIT_DONE;
}

/* A predictor and room for the scores of each ladder. */
static int make_predictors(answers *a, int32_t capacity) {
  run *r = a->r;
  int32_t i;
  for (i = 0; i < a->count; i++) {
    size_t places = (size_t)capacity * (is_entity_head(r->head) ? (size_t)r->max_len : 1);
    size_t n = places * (size_t)score_count(a->ladder[i]);
    a->p[i] = ldr_predictor_create(a->ladder[i], capacity, capacity * r->max_len, &r->err);
    if (!a->p[i]) return EXIT_FAILED;
    a->scores[i] = (float *)calloc(n, sizeof(float));
    if (!a->scores[i]) return fail(r, LDR_MEMORY, "out of memory", "");
  }
  return EXIT_DONE;
}

static void free_answers(answers *a) {
  int32_t i;
  for (i = 0; i < a->count; i++) {
    ldr_predictor_free(a->p[i]);
    free(a->scores[i]);
    if (i) ldr_ladder_free(a->ladder[i]);
  }
}

/* Standard input is answered line by line, because someone may be waiting for the answer before
   writing the next line; a file is read in batches. */
static int predict_words(run *r);
static int predict_spoken(run *r);

/* --submission, if that is asked for and can be. */
static int open_submission(run *r) {
  if (!r->o.submission) return EXIT_DONE;
  if (!r->task || r->task->submission == SUBMIT_NONE)
    return fail(r, LDR_ARGUMENT, "--submission is for ladders that were trained with the --task of CLUE or GLUE", "");
  return submission_open(&r->submitted, r->o.submission, r->task->submission, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

static int command_predict(run *r) {
  int32_t capacity = r->o.batch ? r->o.batch : r->o.file ? 32 : 1;
  queue q;
  answers a;
  rows s;
  int status = open_ladder(r);
  if (!r->o.file && r->o.encoding) r->o.file = "-";      /* another encoding's lines are found once all is read */
  if (!status && r->head == LDR_HEAD_WORDS) return spoken_of(r->task) ? predict_spoken(r) : predict_words(r);
  if (!status) status = name_classes(r, ldr_ladder_desc_get(r->ladder).classes);
  if (status) return status;
  memset(&a, 0, sizeof a);
  memset(&q, 0, sizeof q);
  memset(&s, 0, sizeof s);
  a.r = r;
  a.q = &q;
  if ((status = open_more_ladders(r, &a)) != EXIT_DONE) {
    free_answers(&a);
    return status;
  }
  if (reads_questions(r->task)) return predict_questions(r);
  if (capacity > INT32_MAX / r->max_len) return fail(r, LDR_ARGUMENT, "--batch times --max-len is too large", "");
  if (!ldr_model_tokenizer(r->model)) return fail(r, LDR_MISSING, "%s: the model has no vocabulary", r->o.model);
  if (open_submission(r)) return EXIT_FAILED;
  rows_begin(&s, r, &a, row_answer);
  if (make_queue(&q, capacity, r->max_len)) status = make_predictors(&a, capacity);
  else status = fail(r, LDR_MEMORY, "out of memory", "");
  if (!status) status = r->o.file ? predict_file(r, &s) : predict_lines(r, &s);
  if (!status) status = predict_queue(&a);
  if (!status) tell_cut_texts(a.cut, a.texts, r->max_len);
  free_answers(&a);
  free_rows(&s);
  free_queue(&q);
  if (r->submitted.f && submission_close(&r->submitted, status ? LDR_IO : LDR_OK, &r->err)) status = EXIT_FAILED;
  return status;
}

/* ---- features and tokenize ------------------------------------------------------------ */

static int parse_ids(run *r, const text *line, ldr_encoding *c, int32_t *capacity) {
  const char *s = line->data;
  uint64_t v = 0;
  size_t n;
  for (c->count = 0;; s += n) {
    while (*s == ' ' || *s == '\t') s++;
    if (!*s) return EXIT_DONE;
    n = strcspn(s, " \t");
    if (n > 9 || parse_u64(s, s[n], &v) != n)
      return fail(r, LDR_DATA, "the line goes on with \"%s\", which is not a token id", s);
    if (c->count == *capacity) {
      int32_t *ids = (int32_t *)realloc(c->ids, (size_t)(*capacity * 2 + 64) * sizeof *ids);
      if (!ids) return fail(r, LDR_MEMORY, "out of memory", "");
      c->ids = ids;
      *capacity = *capacity * 2 + 64;
    }
    c->ids[c->count++] = (int32_t)v;
  }
}

#include "tokenize.h"
#include "features.h"
#include "generate.h"
#include "scoring.h"

/* ---- predict, as words ------------------------------------------------------------------ */

/* {"text":..} with the label or number that it says, null where it says none; then a file of answers gets the first
   label, or -1. */
static void print_spoken(run *r, const ldr_text *said, const char *id, int64_t *unspoken) {
  const spoken_task *w = spoken_of(r->task);
  float value;
  int valid = spoken_value(w, said->data ? said->data : "", said->data ? said->size : 0, &value);
  const char *label = NULL;
  size_t n = 0;
  if (w->words) label = word_at(r->task->labels, valid ? (int32_t)value : 0, &n);
  *unspoken += !valid;
  fputs("{\"text\":", stdout);
  put_bytes(stdout, said->data ? said->data : "", said->data ? said->size : 0);
  fputs(w->words ? ",\"label\":" : ",\"value\":", stdout);
  if (!valid) fputs("null", stdout);
  else if (label) put_bytes(stdout, label, n);
  else put_number(stdout, (double)value);
  fputs("}\n", stdout);
  if (!r->submitted.f) return;
  submission_begin(&r->submitted, id);
  if (label && r->submitted.form == SUBMIT_CLUE) put_bytes(r->submitted.f, label, n);
  else if (label) fprintf(r->submitted.f, "%.*s", (int)n, label);
  else fprintf(r->submitted.f, "%.3f", (double)value);
  submission_end(&r->submitted);
}

static ldr_status row_say(rows *s, int pair, size_t at, ldr_error *err) {
  answers *a = s->answers;
  const char *source;
  ldr_encoding *c = &s->encoding;
  if (spoken_source(s, pair, at, err)) return err->status;
  source = row_field(s, LDR__FIELD_TEXT);
  if (generate_encode(a->speaks, c, source)) return err->status;
  a->texts++;
  a->cut += c->cut > 0;
  if (generate_from(a->speaks, c)) return err->status ? err->status : LDR_DATA;
  if (interrupted) return ldr__fail(err, LDR_DATA, "stopped before every text was answered");
  print_spoken(a->r, &a->speaks->text, s->id.data, &a->unspoken);
  return flush_answers(a->r) ? err->status : LDR_OK;
}

static ldr_status row_said(rows *s, int pair, size_t at, ldr_error *err) {
  answers *a = s->answers;
  ldr_encoding *c = &s->encoding;
  (void)pair;
  (void)at;
  if (generate_encode(a->speaks, c, row_field(s, LDR__FIELD_TEXT))) return err->status;
  a->texts++;
  a->cut += c->cut > 0;
  if (generate_from(a->speaks, c)) return err->status ? err->status : LDR_DATA;
  if (interrupted) return ldr__fail(err, LDR_DATA, "stopped before every text was answered");
  return flush_answers(a->r) ? err->status : LDR_OK;
}

/* The sources or prompts of a file in the forms that train reads, or of one that has a text a line. */
static ldr_status read_sources(rows *s, const char *path, ldr_error *err) {
  int column[LDR__MAX_COLUMNS], named;
  size_t at, n;
  s->headed = s->r.unlabelled = 1;
  if (ldr__reader_is_json(&s->r, path)) return read_values(s, err);
  s->r.separator = ldr__reader_separator(&s->r, path);
  /* in a table an empty line is none; a line with nothing but a source may be empty, and is answered */
  table_columns(s, column, &named, err);
  if (named || ldr__ends_with(path, ".csv")) return read_table(s, err);
  for (at = s->r.begin; !err->status && at < s->r.size; at += n + 1) {
    const char *newline = (const char *)memchr(s->r.data + at, '\n', s->r.size - at);
    const char *tab;                     /* a target behind it is not looked at                */
    size_t used;
    n = newline ? (size_t)(newline - s->r.data) - at : s->r.size - at;
    tab = (const char *)memchr(s->r.data + at, '\t', n);
    used = tab ? (size_t)(tab - s->r.data) - at : n - (n && s->r.data[at + n - 1] == '\r');
    if (!ldr__reader_copy(&s->r, LDR__FIELD_TEXT, s->r.data + at, used, err)) row_said(s, 0, at, err);
  }
  return err->status;
}

static int predict_said(run *r) {
  ldr__source source;
  generation g;
  answers a;
  rows s;
  int status = generate_open(&g, r, GENERATE_PREDICTED, generate_room(r));
  memset(&a, 0, sizeof a);
  memset(&s, 0, sizeof s);
  a.r = r;
  a.speaks = &g;
  rows_begin(&s, r, &a, row_said);
  if (!status && ldr__reader_open(&s.r, &source, r->o.file, &r->err)) status = EXIT_FAILED;
  else if (!status) {
    if (read_sources(&s, r->o.file, &r->err)) status = EXIT_FAILED;
    ldr__source_close(&source);
    if (status && r->err.status != LDR_IO) ldr__fail_in_file(&r->err, r->o.file);
  }
  if (!status) tell_cut_texts(a.cut, a.texts, r->max_len);
  generate_close(&g);
  free_rows(&s);
  return status;
}

/* The names of the classes, as the task's files have them. */
static int spoken_labels(run *r) {
  ldr_dataset_desc desc;
  const char *labels = r->task->labels, *name;
  char copy[64];
  int32_t i;
  size_t n;
  memset(&desc, 0, sizeof desc);
  desc.head = labels_head(r->task);
  r->labels = ldr_dataset_create(&desc, &r->err);
  for (i = 0; labels && r->labels; i++) {
    name = word_at(labels, i, &n);
    snprintf(copy, sizeof copy, "%.*s", (int)n, name);
    if (ldr_dataset_label(r->labels, copy, 1, &r->err) < 0) return EXIT_FAILED;
    if (!strchr(name, '|')) break;
  }
  return r->labels ? EXIT_DONE : EXIT_FAILED;
}

static int predict_spoken(run *r) {
  generation g;
  answers a;
  rows s;
  int status = spoken_labels(r);
  if (!status && r->o.more_count)
    status = fail(r, LDR_UNSUPPORTED, "%s: it generates words, and stands beside no other ladder", r->o.ladder);
  if (status) return status;
  memset(&g, 0, sizeof g);
  memset(&a, 0, sizeof a);
  memset(&s, 0, sizeof s);
  a.r = r;
  a.speaks = &g;
  rows_begin(&s, r, &a, row_say);
  status = spoken_open(&g, r, r->max_len);
  if (!status) status = open_submission(r);
  if (!status) status = r->o.file ? predict_file(r, &s) : predict_lines(r, &s);
  if (!status) tell_cut_texts(a.cut, a.texts, r->max_len);
  if (!status && a.unspoken)
    fprintf(stderr, "ladder: %" PRId64 " of %" PRId64 " answers are %s\n", a.unspoken, a.texts,
        spoken_none(spoken_of(r->task)));
  generate_close(&g);
  free_rows(&s);
  if (r->submitted.f && submission_close(&r->submitted, status ? LDR_IO : LDR_OK, &r->err)) status = EXIT_FAILED;
  return status;
}

/* ---- inspect -------------------------------------------------------------------------- */

static void print_shape(const ldr_tensor *t) {
  int32_t k;
  putchar('[');
  for (k = 0; k < t->dims; k++) printf(k ? ",%" PRId64 : "%" PRId64, t->shape[k]);
  putchar(']');
}

static uint64_t weights_bytes(const ldr_weights *w, uint64_t *elements) {
  uint64_t bytes = 0;
  int32_t i;
  *elements = 0;
  for (i = 0; i < ldr_weights_count(w); i++) {
    const ldr_tensor *t = ldr_weights_at(w, i);
    bytes += t->bytes;
    *elements += t->bytes / ldr_dtype_size(t->dtype) * ldr_dtype_block(t->dtype);
  }
  return bytes;
}

static void inspect_json(const run *r, const ldr_weights *w) {
  uint64_t elements, bytes = weights_bytes(w, &elements);
  int32_t i;
  fputs("{\"file\":", stdout);
  put_string(stdout, r->o.file);
  printf(",\"elements\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"tensors\":[", elements, bytes);
  for (i = 0; i < ldr_weights_count(w); i++) {
    const ldr_tensor *t = ldr_weights_at(w, i);
    fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
    put_string(stdout, t->name);
    printf(",\"dtype\":\"%s\",\"shape\":", ldr_dtype_name(t->dtype));
    print_shape(t);
    printf(",\"bytes\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"file\":%d}", t->bytes, t->offset, (int)t->file);
  }
  fputs("],\"metadata\":{", stdout);
  for (i = 0; i < ldr_weights_meta_count(w); i++) {
    const char *value = "", *key = ldr_weights_meta_at(w, i, &value);
    if (i) putchar(',');
    put_string(stdout, key);
    putchar(':');
    put_string(stdout, value);
  }
  putchar('}');
  if (r->model) {
    const ldr_model_info *m = &r->info;
    const ldr_tokenizer *t = ldr_model_tokenizer(r->model);
    fputs(",\"model\":{\"family\":", stdout);
    put_string(stdout, m->family);
    printf(",\"layers\":%d,\"width\":%d,\"heads\":%d,\"kv_heads\":%d,\"head_dim\":%d,\"ffn\":%d",
        (int)m->layers, (int)m->width, (int)m->heads, (int)m->kv_heads, (int)m->head_dim, (int)m->ffn);
    printf(",\"vocabulary\":%d,\"positions\":%d,\"causal\":%s,\"has_logits\":%s", (int)m->vocabulary,
        (int)m->positions, m->causal ? "true" : "false", m->has_logits ? "true" : "false");
    printf(",\"parameters\":%" PRIu64 ",\"fingerprint\":\"%016" PRIx64 "\",\"tokenizer\":%d}", m->parameters,
        ldr_model_fingerprint(r->model), (int)(t ? ldr_tokenizer_size(t) : 0));
  }
  fputs("}\n", stdout);
}

static void inspect_plain(const run *r, const ldr_weights *w) {
  uint64_t elements, bytes = weights_bytes(w, &elements);
  int32_t i;
  for (i = 0; i < ldr_weights_count(w); i++) {
    const ldr_tensor *t = ldr_weights_at(w, i);
    printf("%-64s %-4s %12" PRIu64 "  ", t->name, ldr_dtype_name(t->dtype), t->bytes);
    print_shape(t);
    putchar('\n');
  }
  for (i = 0; i < ldr_weights_meta_count(w); i++) {
    const char *value = "", *key = ldr_weights_meta_at(w, i, &value);
    printf("metadata %s: %s\n", key, value ? value : "");
  }
  if (r->model) {
    const ldr_model_info *m = &r->info;
    printf("model %s: %d layers, width %d, %d heads (%d for keys and values) of %d, feed-forward %d, %d tokens, "
        "%d positions, %s, %s\n",
        m->family, (int)m->layers, (int)m->width, (int)m->heads, (int)m->kv_heads, (int)m->head_dim, (int)m->ffn,
        (int)m->vocabulary, (int)m->positions, m->causal ? "decoder" : "encoder",
        m->has_logits ? "with a language-model head" : "without a language-model head");
  }
  printf("%d tensors, %" PRIu64 " elements, %" PRIu64 " bytes\n", (int)ldr_weights_count(w), elements, bytes);
}

/* A model that cannot be loaded is what one most wants to look into: its tensors are listed all the same. */
static int command_inspect(run *r) {
  char config[LADDER_MAX_PATH];
  ldr_weights *w = ldr_weights_open(r->o.file, NULL, &r->err);
  int status = EXIT_DONE;
  if (!w) return EXIT_FAILED;
  r->o.model = r->o.file;
  if (ldr__path_join(config, sizeof config, r->o.file, "config.json") && ldr__file_exists(config))
    status = open_model(r);
  if (r->o.json) inspect_json(r, w);
  else inspect_plain(r, w);
  ldr_weights_close(w);
  return status;
}

/* ---- plan ----------------------------------------------------------------------------- */

static void plan_group(const char *group, const ldr_memory *m, int json, int first) {
  char name[128];
  int32_t i;
  for (i = 0; i < m->count; i++) {
    snprintf(name, sizeof name, "%s: %s", group, m->items[i].name);
    if (!json) {
      printf("%-44s %12.2f MiB\n", name, (double)m->items[i].bytes / 1048576.0);
      continue;
    }
    fputs(first && i == 0 ? "{\"name\":" : ",{\"name\":", stdout);
    put_string(stdout, name);
    printf(",\"bytes\":%" PRIu64 "}", m->items[i].bytes);
  }
}

/* Of a set's arrays, what is in use: pages behind it are never touched. */
static uint64_t dataset_bytes(const ldr_dataset *d) {
  uint64_t tokens = d ? d->tokens : 0, count = d ? d->count : 0;
  uint64_t labels = !d || !d->labels_cap ? 0 : ldr__per_token(d->head) ? tokens : count;
  if (!d) return 0;
  return (tokens * 2 + labels) * sizeof(int32_t) + (d->values_cap ? count : 0) * sizeof(float)
      + (count + 1) * sizeof(uint64_t);
}

/* What is held outside the model and the trainer. */
static ldr_memory other_memory(const run *r, uint64_t program) {
  const ldr_dataset *sets[3];
  ldr_memory m;
  uint64_t held = 0;
  uint64_t parameters = 0;
  int32_t i;
  memset(&m, 0, sizeof m);
  for (i = 0; i < ldr_ladder_params(r->ladder); i++) {
    ldr_param p = ldr_ladder_param(r->ladder, i);
    parameters += (uint64_t)p.rows * (uint64_t)p.columns * sizeof(float);
  }
  sets[0] = r->train;
  sets[1] = r->dev;
  sets[2] = r->test;
  for (i = 0; i < 3; i++) held += dataset_bytes(sets[i]);
  if (program) ldr__report(&m, "the program itself", program);
  ldr__report(&m, "ladder parameters", parameters);
  ldr__report(&m, "examples", held);
  return m;
}

static int command_plan(run *r) {
  ldr_memory other, model, trainer;
  ldr_train_desc d;
  uint64_t total, disk, program = program_bytes();
  int json = r->o.json, status = prepare(r);
  if (status) return status;
  d = ldr_train_desc_defaults(r->ladder, &r->train_desc);
  if (ldr__trainer_check(r->ladder, r->train, r->dev, &d, &r->err)) return EXIT_FAILED;
  if (r->o.importance > 1)
    fprintf(stderr, "ladder: note: what is needed for a while to choose by --importance is not in the plan\n");
  other = other_memory(r, program);
  model = ldr_model_memory(r->model);
  trainer = ldr_trainer_plan(r->ladder, r->train, r->dev, &r->train_desc);
  total = other.total + model.total + trainer.total;
  if (json) printf("{\"total\":%" PRIu64 ",\"items\":[", total);
  plan_group("held", &other, json, 1);
  plan_group("model", &model, json, 0);
  plan_group("training", &trainer, json, 0);
  disk = ldr_trainer_plan_disk(r->ladder, r->train, r->dev, &r->train_desc);
  if (json) {
    fputs("]", stdout);
    if (disk) printf(",\"disk\":%" PRIu64, disk);
    fputs("}\n", stdout);
  } else {
    printf("%-44s %12.2f MiB\n", "total", (double)total / 1048576.0);
    if (disk) printf("%-44s %12.2f MiB\n", "on disk: tap cache", (double)disk / 1048576.0);
  }
  return EXIT_DONE;
}

/* ---- quantize ------------------------------------------------------------------------- */

static int command_quantize(run *r) {
  char path[LADDER_MAX_PATH];
  r->o.release = 1;              /* every weight is read once */
  if (copy_companions(r, path)) return EXIT_FAILED;
  if (ldr_model_quantise(r->model, path, r->o.type == 2 ? LDR_Q4_0 : LDR_Q8_0, &r->err)) return EXIT_FAILED;
  r->incomplete = 0;
  printf("%s written\n", path);
  return EXIT_DONE;
}

/* ---- export --------------------------------------------------------------------------- */

static ldr_dtype written_type(const run *r) {
  static const ldr_dtype types[] = { LDR_F32, LDR_F32, LDR_F16, LDR_BF16, LDR_Q8_0, LDR_Q4_0 };
  return types[r->o.type];
}

/* The model's config.json, with the number of blocks that are left. */
static int export_config(run *r) {
  char from[LADDER_MAX_PATH], to[LADDER_MAX_PATH];
  ldr__source s;
  ldr_status status;
  if (!ldr__path_join(from, sizeof from, r->o.model, "config.json")
      || !ldr__path_join(to, sizeof to, r->o.out, "config.json"))
    return fail(r, LDR_ARGUMENT, "%s: the path is too long", r->o.out);
  if (ldr__source_open(&s, from, NULL, &r->err)) return EXIT_FAILED;
  status = ldr_ladder_export_config(r->ladder, s.data, s.size, to, &r->err);
  ldr__source_close(&s);
  return status ? EXIT_FAILED : EXIT_DONE;
}

/* The parameters of a run that was stopped, as far as they had come. */
static int open_stopped(run *r, const ldr_weights *w) {
  int32_t rungs[2048];
  ldr_ladder_desc d;
  ldr__array a;
  uint64_t wanted = 0, backbone = 0, h = 0;
  size_t i, at, take;
  memset(&d, 0, sizeof d);
  if (!ldr__parse_hex(ldr_weights_meta(w, "checksum"), 16, &wanted)
      || !ldr__parse_hex(ldr_weights_meta(w, "backbone.fingerprint"), 16, &backbone))
    return fail(r, LDR_FORMAT, "%s: holds no checksum", r->o.ladder);
  for (i = 0; i < LDR__STATE_ARRAYS; i++) {
    const ldr_tensor *t = ldr_weights_find(w, ldr__state_names[i]);
    for (at = 0; t && at < t->bytes / 4; at += take) {
      take = LDR__MIN((size_t)LDR__BLOCK, (size_t)(t->bytes / 4) - at);
      h = ldr__digest(h, (const unsigned char *)t->data + 4 * at, 4 * take);
    }
  }
  if (ldr__mix64(h ^ ldr__meta_digest(w)) != wanted)
    return fail(r, LDR_CORRUPT, "%s: does not match its checksum: the file was damaged", r->o.ladder);
  if (backbone != ldr_model_fingerprint(r->model))
    return fail(r, LDR_MISMATCH, "%s: this run began with another model", r->o.ladder);
  if (ldr__meta_desc(w, &d, rungs, &r->err)) return EXIT_FAILED;
  r->ladder = ldr_ladder_create(r->model, &d, &r->err);
  if (!r->ladder) return EXIT_FAILED;
  r->ladder->fresh = 0;
  a.name = "values";
  a.data = r->ladder->values;
  a.rows = 1;
  a.columns = r->ladder->size;
  return ldr__array_read(w, &a, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

/* r->ladder: what was trained inside the model, or a head alone, which changes nothing in it. */
static int export_ladder(run *r) {
  ldr_ladder_desc nothing;
  ldr_weights *w;
  const char *format;
  int status;
  memset(&nothing, 0, sizeof nothing);
  /* of two stacks only what reaches both is a ladder */
  nothing.method = ldr_model_encoder(r->model) ? LDR_METHOD_FULL : LDR_METHOD_HEAD;
  nothing.head = ldr_model_encoder(r->model) ? LDR_HEAD_WORDS : LDR_HEAD_CLASSIFY;
  nothing.classes = 2;
  if (!r->o.ladder) {
    r->ladder = ldr_ladder_create(r->model, &nothing, &r->err);
    return r->ladder ? EXIT_DONE : EXIT_FAILED;
  }
  w = ldr__weights_open_one(r->o.ladder, NULL, &r->err);
  if (!w) return EXIT_FAILED;
  format = ldr_weights_meta(w, "format");
  status = format && strcmp(format, "ladder-run") == 0 ? open_stopped(r, w) : EXIT_DONE;
  ldr_weights_close(w);
  if (!status && !r->ladder) r->ladder = ldr_ladder_load(r->model, r->o.ladder, NULL, &r->err);
  return status || !r->ladder ? EXIT_FAILED : EXIT_DONE;
}

#include "gguf.h"

/* A head that answers only from the ladder's file is named, that nobody looks for it in the model. */
static void say_head_left_out(const run *r, int gguf) {
  const ldr_ladder_desc d = ldr_ladder_desc_get(r->ladder);
  const int trained = r->o.ladder && d.head != LDR_HEAD_WORDS;
  if (trained && (gguf || !ldr__head_published(r->ladder)))
    fprintf(stderr, "ladder: note: the %s head that the ladder learned is not in it, and answers with the ladder's "
        "file alone\n", ldr_head_name(d.head));
  if (ldr_model_info_get(r->model).task != LDR_TASK_NONE && (gguf || (r->o.ladder && !ldr__head_published(r->ladder))))
    fprintf(stderr, "ladder: note: the head for a task that the model was published with is not in it\n");
}

static int command_export(run *r) {
  char file[LADDER_MAX_PATH];
  const char *path = r->o.out;
  int gguf = r->o.format == 2, status;
  if (gguf && ldr__file_exists(path)) return fail(r, LDR_ARGUMENT, "%s: is there already and is not replaced", path);
  status = open_model(r) || export_ladder(r) ? EXIT_FAILED : EXIT_DONE;      /* before anything is written */
  if (!status && !gguf) status = copy_companions(r, file);
  if (!gguf) path = file;
  if (!status && gguf) status = export_gguf(r, path);
  else if (!status && (export_config(r) || ldr_ladder_export(r->ladder, path, written_type(r), &r->err)))
    status = EXIT_FAILED;
  if (!status) say_head_left_out(r, gguf);
  r->incomplete = r->incomplete && status;
  if (!status) printf("%s written\n", path);
  return status;
}

/* ---- tasks ---------------------------------------------------------------------------- */

static int command_tasks(run *r) {
  list_tasks(stdout, r->o.json);
  return EXIT_DONE;
}

#include "pretrain.h"
#include "distil.h"
#include "compare.h"

/* ---- main ----------------------------------------------------------------------------- */

static int run_command(const struct command *c, int argc, char **argv) {
  static const struct { unsigned bit; int (*command)(run *r); } bodies[COMMAND_COUNT] = {
    { CMD_TRAIN, command_train },
    { CMD_EVAL, command_eval },
    { CMD_PREDICT, command_predict },
    { CMD_FEATURES, command_features },
    { CMD_TOKENIZE, command_tokenize },
    { CMD_INSPECT, command_inspect },
    { CMD_PLAN, command_plan },
    { CMD_QUANTIZE, command_quantize },
    { CMD_PRETRAIN, command_pretrain },
    { CMD_VOCABULARY, command_vocabulary },
    { CMD_EXPORT, command_export },
    { CMD_COMPARE, command_compare },
    { CMD_DISTIL, command_distil },
    { CMD_GENERATE, command_generate },
    { CMD_TASKS, command_tasks },
    { CMD_SCORE, command_score } };
  static run r;
  char unfinished[LADDER_MAX_PATH];
  int i, status;
  r.arguments = argv;
  r.argument_count = argc;
  status = parse_options(c, &r.o, argc - 2, argv + 2);
  if (status) return status;
  if (r.o.help) {
    print_help(c, stdout);
    return end_of_help();
  }
  for (i = 0; i < COMMAND_COUNT; i++)
    if (bodies[i].bit == c->bit) status = bodies[i].command(&r);
  if (r.incomplete && status) drop_companions(&r);
  /* what is unfinished would pass for a model */
  if (r.unfinished && !r.o.checkpoint && ldr__path_join(unfinished, sizeof unfinished, r.o.out, "model.safetensors"))
    remove(unfinished);
  /* what is finished is kept; that not all of it was read, or arrived, is a failure all the same */
  if (!status) status = flush_answers(&r);
  if (!status && ferror(stdin) && !interrupted) status = fail(&r, LDR_IO, "standard input: reading failed", "");
  if (!status && r.log && (fflush(r.log) != 0 || ferror(r.log)))
    status = fail(&r, LDR_IO, "%s: writing failed", r.o.log);
  if (status == EXIT_FAILED) {
    for (i = 0; r.err.message[i]; i++)
      if ((unsigned char)r.err.message[i] < 32) r.err.message[i] = ' ';
    fflush(stdout);
    fprintf(stderr, "ladder: %s\n", r.err.message[0] ? r.err.message : ldr_status_text(r.err.status));
  }
  free_run(&r);
  return status;
}

/* Windows hands over its arguments in the letters of one country. */
#ifdef _WIN32
  #ifdef __cplusplus
extern "C" {
  #endif
__declspec(dllimport) wchar_t *__stdcall GetCommandLineW(void);
__declspec(dllimport) wchar_t **__stdcall CommandLineToArgvW(const wchar_t *line, int *count);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned int page, unsigned long flags, const wchar_t *from,
    int size, char *to, int room, const char *otherwise, int *used);
  #ifdef __cplusplus
}
  #endif
  #ifdef _MSC_VER
  #pragma comment(lib, "shell32")
  #endif
#endif

static void own_arguments(int *argc, char ***argv) {
#ifdef _WIN32
  static char *words[1024];
  static char bytes[131072];
  wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), argc);
  int i, used = 0;
  for (i = 0; wide && i < *argc && i < 1023; i++) {
    words[i] = bytes + used;
    used += WideCharToMultiByte(65001, 0, wide[i], -1, bytes + used, (int)sizeof bytes - used, NULL, NULL);
  }
  if (wide) *argv = words;
  *argc = i;
#else
  (void)argc;
  (void)argv;
#endif
}

int main(int argc, char **argv) {
  const struct command *c;
  keep_streams();
  own_arguments(&argc, &argv);
  c = argc > 1 ? find_command(argv[1]) : NULL;
  if (argc < 2) {
    print_usage(stderr);
    return EXIT_USAGE;
  }
  if (c) return run_command(c, argc, argv);
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
    print_usage(stdout);
    return end_of_help();
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("ladder %s (%s)\n", LADDER_VERSION, ldr_simd_name(LDR_SIMD_AUTO));
    return end_of_help();
  }
  return usage_error(NULL, argv[1], "is no command");
}
