/* What the page runs: a model directory, labelled texts, a ladder that learns from them, answers.

       make -C examples wasm        builds build/wasm/page.wasm and puts the page beside it

   It is an ordinary program over files. In the browser files.js holds them in memory: /model is the model's directory,
   /data has train.tsv and perhaps dev.tsv, /out receives the ladder, /state a run that was stopped. Texts cross the
   border in one buffer, page_text. Every function returns 0, or -1 with the reason in page_text. */
#define LADDER_STATIC                     /* what the page does not call is left out */
#define LADDER_IMPLEMENTATION
#include "../../ladder.h"
#include "../../tools/recipe.h"
#include <stdio.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

static struct page {
  ldr_error     err;
  ldr_model    *model;
  ldr_dataset  *train, *dev;
  ldr_ladder   *ladder;
  ldr_trainer  *trainer;
  ldr_predictor *predictor;
  ldr_encoding  tokens;
  ldr_progress  now;
  char          text[16384];
} page;

enum { LONGEST = 128, MOST_PACKED = 40000000 };

static int result(void) {
  if (!page.err.status) return 0;
  ldr__format(page.text, sizeof page.text, "%s", page.err.message);        /* printf is 6 KB of the page */
  memset(&page.err, 0, sizeof page.err);
  return -1;
}

/* What was answered from numbers that have changed since. */
static void forget_answers(void) {
  ldr_predictor_free(page.predictor);
  page.predictor = NULL;
}

char *EXPORT(page_text)(void) { return page.text; }
int32_t EXPORT(page_room)(void) { return (int32_t)sizeof page.text; }

static void forget_run(void) {
  forget_answers();
  ldr_trainer_free(page.trainer);
  ldr_ladder_free(page.ladder);
  ldr_dataset_free(page.dev);
  ldr_dataset_free(page.train);
  page.trainer = NULL;
  page.ladder = NULL;
  page.dev = page.train = NULL;
  memset(&page.now, 0, sizeof page.now);
}

/* Reads /model; page_text: what it is. */
int32_t EXPORT(page_open)(void) {
  ldr_model_info i;
  uint64_t tenths;
  forget_run();
  ldr_model_free(page.model);
  page.model = ldr_model_load("/model", NULL, &page.err);
  if (!page.model) return result();
  i = ldr_model_info_get(page.model);
  if (i.parameters <= MOST_PACKED) {               /* the same bits sooner, for 4 bytes a number */
    ldr_model_desc d = {0};
    d.pack = 1;
    ldr_model_free(page.model);
    page.model = ldr_model_load("/model", &d, &page.err);
    if (!page.model) return result();
  }
  tenths = (i.parameters + 50000) / 100000;
  ldr__format(page.text, sizeof page.text, "%s, %d layers, width %d, %d.%d million numbers", i.family, (int)i.layers,
      (int)i.width, (int)(tenths / 10), (int)(tenths % 10));
  return 0;
}

static ldr_dataset *read_texts(const char *path, const ldr_dataset *labels) {
  ldr_dataset_desc d = {0};
  d.max_len = LONGEST;
  d.labels = labels;
  return ldr_dataset_load(page.model, path, &d, &page.err);
}

/* Reads /data and makes a ladder that is ready to learn, as the command line's recipe has it. page_text: the recipe. */
int32_t EXPORT(page_begin)(int32_t epochs) {
  ldr_ladder_desc d = {0};
  ldr_train_desc t = {0};
  const char **names;
  char length[16];
  FILE *dev;
  int32_t i;
  forget_run();
  page.train = read_texts("/data/train.tsv", NULL);
  dev = fopen("/data/dev.tsv", "rb");
  if (dev) fclose(dev);
  if (page.train && dev) page.dev = read_texts("/data/dev.tsv", page.train);
  if (page.err.status) return result();
  d.classes = ldr_dataset_labels(page.train);
  t.epochs = epochs;
  t.batch = 16;
  if (ldr_recipe(&d, &t, page.text, sizeof page.text, page.model, page.train, page.dev, NULL, &page.err))
      return result();
  names = (const char **)malloc((size_t)d.classes * sizeof *names);
  for (i = 0; names && i < d.classes; i++) names[i] = ldr_dataset_label_name(page.train, i);
  d.label_names = names;
  page.ladder = ldr_ladder_create(page.model, &d, &page.err);
  free(names);
  ldr__format(length, sizeof length, "%d", (int)LONGEST);
  if (page.ladder) ldr_ladder_note(page.ladder, "max_len", length, &page.err);
  if (page.ladder) page.trainer = ldr_trainer_create(page.ladder, page.train, page.dev, &t, &page.err);
  if (page.trainer) page.now = ldr_trainer_progress(page.trainer);
  return result();
}

/* One step of the optimiser. 1: there are more. */
int32_t EXPORT(page_step)(void) {
  if (!page.trainer || ldr_trainer_done(page.trainer)) return 0;
  forget_answers();
  if (ldr_trainer_step(page.trainer, &page.now, &page.err)) return result();
  return !ldr_trainer_done(page.trainer);
}

/* Where it stands: 0 epoch, 1 epochs, 2 step, 3 steps, 4 loss, 5 score on dev, 6 best score, 7 an epoch has ended,
   8 trained numbers, 9 labels. */
double EXPORT(page_number)(int32_t what) {
  const ldr_progress *p = &page.now;
  const double all[] = { (double)p->epoch, (double)p->epochs, (double)p->step, (double)p->steps, p->step_loss,
      p->metric, p->best_metric, (double)p->evaluated,
      page.ladder ? (double)ldr_ladder_trainable(page.ladder) : 0,
      page.train ? (double)ldr_dataset_labels(page.train) : 0 };
  return what >= 0 && (size_t)what < sizeof all / sizeof *all ? all[what] : 0;
}

/* The best epoch's numbers into the ladder, and the ladder to /out. */
int32_t EXPORT(page_save)(void) {
  forget_answers();
  ldr_trainer_restore_best(page.trainer);
  ldr_ladder_save(page.ladder, "/out/page.ladder", &page.err);
  return result();
}

/* A run can be put away at any step and goes on with the same bits. */
int32_t EXPORT(page_pause)(void) {
  ldr_trainer_save(page.trainer, "/state/run", &page.err);
  return result();
}

int32_t EXPORT(page_resume)(int32_t epochs) {
  if (page_begin(epochs)) return -1;
  if (!ldr_trainer_resume(page.trainer, "/state/run", &page.err)) page.now = ldr_trainer_progress(page.trainer);
  return result();
}

/* The text in page_text to its labels, one a line: probability, TAB, label; the likeliest first. */
int32_t EXPORT(page_ask)(void) {
  ldr_batch b = {0};
  int32_t offsets[2] = { 0, 0 }, i, k, n = page.train ? ldr_dataset_labels(page.train) : 0;
  float *scores;
  char digits[8];
  size_t used = 0;
  if (!page.ladder) {
    ldr__format(page.text, sizeof page.text, "nothing has been learned yet");
    return -1;
  }
  if (ldr_tokenizer_encode(ldr_model_tokenizer(page.model), &page.tokens, page.text, strlen(page.text), NULL, 0,
      LONGEST, 1, &page.err)) return result();
  if (!page.predictor) page.predictor = ldr_predictor_create(page.ladder, 1, LONGEST, &page.err);
  offsets[1] = page.tokens.count;
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = page.tokens.ids;
  b.segments = page.tokens.segments;
  scores = (float *)malloc((size_t)n * sizeof *scores);
  if (page.predictor && scores && !ldr_predict(page.predictor, scores, &b, &page.err))
    for (i = 0; i < n; i++) {
      int32_t best = 0, parts;
      for (k = 1; k < n; k++) if (scores[k] > scores[best]) best = k;
      parts = (int32_t)(scores[best] * 10000.0f + 0.5f);
      ldr__format(digits, sizeof digits, "%d", 10000 + (int)parts % 10000);
      ldr__format(page.text + used, sizeof page.text - used, "%d.%s\t%s\n", (int)parts / 10000, digits + 1,
          ldr_dataset_label_name(page.train, best));
      used += strlen(page.text + used);
      scores[best] = -1;
    }
  free(scores);
  return result();
}
