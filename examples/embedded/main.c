/* main.c: a microcontroller that learns from a serial line, and answers.

       make -C examples embedded        builds the images of the README into build/embedded

   A line of the other side, and what comes back:
       label<TAB>text     one more example                        ok 12
       !train             learn them                              trained 48 steps, loss 0.321
       text               which label, and how sure, in %?        light_on 97
       !memory            most bytes that were used               heap 175696 stack 11216
       !end               the end of the program, in qemu
   With LADDER_NO_TRAIN it answers by a ladder that lies in flash. The model's matrices are read where they lie. */
#include "../../ladder.h"
#include "board.h"
#include <string.h>

enum { LONGEST = 16, MOST_CLASSES = 16 };     /* tokens of a text; labels */

static ldr_error      err;
static ldr_model     *model;
static ldr_ladder    *ladder;
static ldr_predictor *predictor;

static void say(const char *s) { while (*s) serial_put(*s++); }

static void say_number(uint32_t n) {
  if (n > 9) say_number(n / 10);
  serial_put((char)('0' + n % 10));
}

/* Errors end nothing: the next line may be better. */
static void complain(void) {
  say("error: ");
  say(err.message);
  say("\n");
  memset(&err, 0, sizeof err);
}

static void read_line(char *to, size_t size) {
  size_t n = 0;
  int c;
  while ((c = serial_get()) != '\n' && c != '\r')
    if (n + 1 < size) to[n++] = (char)c;
  to[n] = 0;
}

static ldr_model *load(void) {
  ldr_model_desc d;
  memset(&d, 0, sizeof d);
  d.tokenizer.lower_case = LDR_ON;
  return ldr_model_load_memory(model_config, (size_t)(model_config_end - model_config), model_weights,
      (size_t)(model_weights_end - model_weights), model_vocabulary, (size_t)(model_vocabulary_end - model_vocabulary), &d,
      &err);
}

static void answer(const char *text) {
  static ldr_encoding tokens;
  float scores[MOST_CLASSES];
  int32_t offsets[2] = { 0, 0 }, i, best = 0;
  ldr_batch batch = { 1, offsets, NULL, NULL, NULL };
  if (!predictor) {
    say("error: nothing was learned yet: send label<TAB>text lines, then !train\n");
    return;
  }
  if (!ldr_tokenizer_encode(ldr_model_tokenizer(model), &tokens, text, strlen(text), NULL, 0, LONGEST, 1, &err)) {
    offsets[1] = tokens.count;
    batch.ids = tokens.ids;
    ldr_predict(predictor, scores, &batch, &err);
  }
  if (err.status) {
    complain();
    return;
  }
  for (i = 1; i < ldr_ladder_desc_get(ladder).classes; i++) if (scores[i] > scores[best]) best = i;
  say(ldr_ladder_label(ladder, best));
  say(" ");
  say_number((uint32_t)(scores[best] * 100 + 0.5f));
  say("\n");
}

#ifndef LADDER_NO_TRAIN
static ldr_dataset *examples;

static void add(char *line, char *tab) {
  int32_t label;
  *tab = 0;
  label = ldr_dataset_labels(examples) < MOST_CLASSES ? ldr_dataset_label(examples, line, 1, &err)
      : ldr_dataset_label(examples, line, 0, &err);
  if (label < 0 && !err.status) say("error: too many labels\n");
  else if (label < 0 || ldr_dataset_add_text(examples, ldr_model_tokenizer(model), tab + 1, NULL, label, 0, &err)) complain();
  else {
    say("ok ");
    say_number((uint32_t)ldr_dataset_count(examples));
    say("\n");
  }
}

static void train(void) {
  const char *names[MOST_CLASSES];
#ifdef BOARD_F405                      /* what fits into 192 KB */
  const int32_t last = ldr_model_info_get(model).layers - 1;
#endif
  ldr_ladder_desc shape;
  ldr_train_desc how;
  ldr_progress p;
  ldr_trainer *trainer;
  int32_t i;
  memset(&shape, 0, sizeof shape);
  memset(&how, 0, sizeof how);
  memset(&p, 0, sizeof p);
  ldr_predictor_free(predictor);
  ldr_ladder_free(ladder);
  predictor = NULL;
  shape.classes = ldr_dataset_labels(examples);
  for (i = 0; i < shape.classes; i++) names[i] = ldr_dataset_label_name(examples, i);
  shape.label_names = names;
  shape.pool = LDR_POOL_MEAN;
  shape.preset = LDR_PRESET_SLICED;
  how.batch = 4;
  how.accumulate = how.batch;         /* one text at a time */
#ifdef BOARD_F405                      /* what fits into 192 KB */
  how.epochs = 6;
  how.rate = 5e-3f;
  shape.reduction = 16;
  shape.slice_heads = LDR_HEADS_WITHIN;
  shape.rungs = &last;                /* one rung, on the last layer */
  shape.rung_count = 1;
  how.recompute = 1;
  how.tap_type = LDR_I8;
#else
  how.epochs = 8;
  shape.reduction = 16;
  shape.standardise = LDR_ON;         /* better, but it keeps something of every text for a while */
  how.cache = 1;                      /* the backbone runs once for each text */
  how.cache_type = LDR_I8;
#endif
  ladder = ldr_ladder_create(model, &shape, &err);
  trainer = ldr_trainer_create(ladder, examples, NULL, &how, &err);
  while (trainer && !ldr_trainer_done(trainer) && !ldr_trainer_step(trainer, &p, &err)) {}
  ldr_trainer_free(trainer);
  if (!err.status) predictor = ldr_predictor_create(ladder, 1, LONGEST, &err);
  if (err.status) {
    complain();
    return;
  }
  say("trained ");
  say_number((uint32_t)p.step);
  say(" steps, loss ");
  say_number((uint32_t)p.loss);
  say(".");
  for (i = 100; i > 1 && (uint32_t)(p.loss * 1000) % 1000 < (uint32_t)i; i /= 10) say("0");
  say_number((uint32_t)(p.loss * 1000) % 1000);
  say("\n");
}
#endif

static void memory(void) {
  say("heap ");
  say_number((uint32_t)heap_used());
  say(" stack ");
  say_number((uint32_t)stack_used());
  say("\n");
}

int main(void) {
  char line[256], *tab;
#ifndef LADDER_NO_TRAIN
  ldr_dataset_desc set;
  memset(&set, 0, sizeof set);
  set.max_len = LONGEST;
#endif
  model = load();
#ifdef LADDER_NO_TRAIN
  ladder = ldr_ladder_load_memory(model, trained_ladder, (size_t)(trained_ladder_end - trained_ladder), NULL, &err);
  predictor = ladder ? ldr_predictor_create(ladder, 1, LONGEST, &err) : NULL;
#else
  examples = ldr_dataset_create(&set, &err);
#endif
  if (err.status) {
    complain();
    return 1;
  }
  say("ready\n");
  for (;;) {
    read_line(line, sizeof line);
    tab = strchr(line, '\t');
    if (strcmp(line, "!end") == 0) return 0;
    else if (strcmp(line, "!memory") == 0) memory();
#ifndef LADDER_NO_TRAIN
    else if (strcmp(line, "!train") == 0) train();
    else if (tab) add(line, tab);
#endif
    else if (*line) answer(tab ? tab + 1 : line);
  }
}
