/* Learn while it runs: a program that takes corrections, answers differently at once, and keeps what it knew before.

       cc -O2 -fopenmp 15_online.c -o online -lm
       ./online MODEL TRAIN [STATE]              TRAIN: lines of label<TAB>text; STATE: a file that this program keeps

   Each line of standard input is a text to be labelled, or label<TAB>text to be learned. What is learned is in STATE
   before the next line is read: stopped at any moment, the program goes on from there. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>

enum { LESSONS = 8, STEPS = 12, REPLAY = 32 };          /* the last so many corrections are repeated together */

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: online MODEL TRAIN [STATE]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* The last lessons, each some times, among texts of the training set, so that these are not forgotten. */
static ldr_status learn(ldr_trainer *t, ldr_dataset *lessons, const char *label, const char *text,
                        const ldr_tokenizer *words, ldr_error *err) {
  static struct { char text[1000]; int32_t label; } last[LESSONS];
  static int seen;
  double loss = 0;
  int i, of = ldr_dataset_label(lessons, label, 0, err);
  if (of < 0) {
    printf("  there is no label \"%s\" in the training set\n", label);
    return LDR_OK;
  }
  snprintf(last[seen % LESSONS].text, sizeof last->text, "%s", text);
  last[seen++ % LESSONS].label = of;
  ldr_dataset_clear(lessons);
  for (i = 0; i < seen && i < LESSONS; i++)
    if (ldr_dataset_add_text(lessons, words, last[i].text, NULL, last[i].label, 0, err)) return err->status;
  for (i = 0; i < STEPS; i++)
    if (ldr_trainer_learn(t, lessons, REPLAY, &loss, err)) break;
  if (err->status == LDR_LIMIT) {                       /* a text much longer than those of the training set */
    printf("  %s\n", err->message);
    memset(err, 0, sizeof *err);
    return LDR_OK;
  }
  if (err->status) return err->status;
  printf("  learned (loss %.3f)\n", loss);
  return LDR_OK;
}

int main(int argc, char **argv) {
  const char       *dir = argc > 1 ? argv[1] : "tiny", *file = argc > 2 ? argv[2] : "data/train.tsv";
  const char       *state = argc > 3 ? argv[3] : "online.state";
  char              line[4096], *tab;
  ldr_error         err = {0};
  ldr_dataset_desc  set = {0};
  ldr_ladder_desc   desc = {0};
  ldr_train_desc    how = {0};
  ldr_answer        answer = {0};
  FILE             *kept;

  ldr_model *model = ldr_model_load(dir, NULL, &err);
  if (!model) return give_up(&err);
  ldr_dataset *train = ldr_dataset_load(model, file, &set, &err);
  if (!train) return give_up(&err);
  desc.labels = train;
  how.epochs = 3;
  ldr_ladder *ladder = ldr_ladder_create(model, &desc, &err);
  ldr_trainer *trainer = ladder ? ldr_trainer_create(ladder, train, NULL, &how, &err) : NULL;
  if (!trainer) return give_up(&err);
  set.max_len = 64;
  ldr_dataset *lessons = ldr_dataset_create(&set, &err);
  for (int32_t i = 0; lessons && i < ldr_dataset_labels(train); i++)
    ldr_dataset_label(lessons, ldr_dataset_label_name(train, i), 1, &err);

  kept = fopen(state, "rb");                            /* where it stood, or once through the training set */
  if (kept) {
    fclose(kept);
    if (ldr_trainer_resume(trainer, state, &err)) return give_up(&err);
  }
  while (!ldr_trainer_done(trainer) && !ldr_trainer_step(trainer, NULL, &err)) {}
  if (err.status || ldr_trainer_save(trainer, state, &err)) return give_up(&err);

  while (fgets(line, sizeof line, stdin)) {
    if (!strchr(line, '\n') && !feof(stdin)) {
      for (int c = 0; c != '\n' && c != EOF;) c = getchar();
      printf("  a line of more than %d bytes is left out\n", (int)sizeof line - 2);
      continue;
    }
    line[strcspn(line, "\r\n")] = 0;
    tab = strchr(line, '\t');
    if (tab) {
      *tab = 0;
      if (learn(trainer, lessons, line, tab + 1, ldr_model_tokenizer(model), &err) ||
          ldr_trainer_save(trainer, state, &err)) return give_up(&err);
    } else if (ldr_predict_text(ladder, &answer, line, NULL, &err)) return give_up(&err);
    else printf("%s (%.2f): %s\n", answer.name, (double)answer.score, line);
    fflush(stdout);
  }
  ldr_trainer_free(trainer);
  ldr_ladder_free(ladder);
  ldr_dataset_free(lessons);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return 0;
}
