/* How a ladder starts: its blocks are cut out of the backbone's. What was copied, and what it is worth.

       cc -O2 -fopenmp 04_slicing.c -o slicing -lm
       ./slicing [MODEL [train.tsv]]

   A side network r times narrower than the backbone keeps one of r dimensions of the residual stream. Slicing
   ranks the dimensions, keeps the best and copies their rows and columns; the map D_i in front of rung i starts
   as the choice of these dimensions: each row has a single 1. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>

#define STEPS 120

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: slicing [MODEL [train.tsv]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* The column of row r's largest entry: with a fresh sliced ladder, the dimension that is kept. */
static int32_t kept(const ldr_param *p, int32_t r) {
  const float *row = p->value + (size_t)r * (size_t)p->columns;
  int32_t c, best = 0;
  for (c = 1; c < p->columns; c++)
    if (row[c] > row[best]) best = c;
  return best;
}

/* A tensor whose name ends so; models differ in what stands before ("bert." or nothing). */
static const ldr_tensor *find_end(const ldr_weights *w, const char *end) {
  int32_t i;
  for (i = 0; i < ldr_weights_count(w); i++) {
    const ldr_tensor *t = ldr_weights_at(w, i);
    size_t n = strlen(t->name), m = strlen(end);
    if (n >= m && strcmp(t->name + n - m, end) == 0) return t;
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny";
  static const ldr_init starts[2] = { LDR_INIT_SLICE, LDR_INIT_RANDOM };
  static double    losses[2][STEPS];
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_progress     p;
  int32_t          s, i, k, steps = STEPS;

  ldr_model   *model = ldr_model_load(dir, NULL, &err);
  ldr_dataset *train = ldr_dataset_load(model, argc > 2 ? argv[2] : "data/train.tsv", &set, &err);
  if (!train) return give_up(&err);
  desc.classes = ldr_dataset_labels(train);

  for (s = 0; s < 2; s++) {
    desc.preset = LDR_PRESET_SLICED;   /* a small copy of the backbone */
    desc.init = starts[s];
    /* The answer goes through the side network alone. The default mixes in the backbone's own output, which
       is nearly all that counts at the start and would hide what is shown here. */
    desc.output = LDR_OUTPUT_UP;
    ldr_ladder *ladder = ldr_ladder_create(model, &desc, &err);
    if (!ladder) return give_up(&err);

    if (desc.init == LDR_INIT_SLICE) {
      /* 1. Parameters have names; D of the first rung is called so. */
      ldr_param down = ldr_ladder_param(ladder, ldr_ladder_find(ladder, "rung.0.down.weight"));
      printf("%d of %d dimensions are kept:", (int)down.rows, (int)down.columns);
      for (i = 0; i < down.rows && i < 16; i++) printf(" %d", (int)kept(&down, i));
      printf(" ...\n");

      /* 2. What was copied: a norm's scales are the backbone's at the kept places. */
      i = ldr_ladder_find(ladder, "rung.0.block.norm1.weight");
      ldr_weights      *weights = ldr_weights_open(dir, NULL, &err);
      const ldr_tensor *whole = weights ? find_end(weights, "layer.0.attention.output.LayerNorm.weight") : NULL;
      if (whole && i >= 0) {
        ldr_param norm = ldr_ladder_param(ladder, i);
        int32_t   same = 0;
        float     value;
        for (k = 0; k < norm.columns; k++) {
          if (!ldr_tensor_read(&value, whole, (uint64_t)kept(&down, k), 1)) break;
          same += value >= norm.value[k] && value <= norm.value[k];
        }
        printf("%d of %d scales of the first norm are %s at these places\n", (int)same, (int)norm.columns, whole->name);
      }
      ldr_weights_close(weights);
    }

    /* 3. The same steps from both starts: the same seed, so the same examples in the same order. */
    recipe.batch = 16;
    recipe.schedule = LDR_CONSTANT;
    recipe.warmup = -1;                /* none: the first steps are what is looked at */
    recipe.cache = 1;
    ldr_trainer *trainer = ldr_trainer_create(ladder, train, NULL, &recipe, &err);
    if (!trainer) return give_up(&err);
    for (i = 0; i < STEPS && !ldr_trainer_done(trainer); i++) {
      if (ldr_trainer_step(trainer, &p, &err)) return give_up(&err);
      losses[s][i] = p.step_loss;
    }
    if (i < steps) steps = i;          /* a small file: its epochs were over before */
    ldr_trainer_free(trainer);
    ldr_ladder_free(ladder);
  }

  printf("\nmean loss of\nsteps        sliced  random\n");
  for (i = 0; i + 20 <= steps; i += 20) {
    double sum[2] = { 0, 0 };
    for (s = 0; s < 2; s++)
      for (k = i; k < i + 20; k++) sum[s] += losses[s][k] / 20;
    printf("%3d to %3d   %.3f   %.3f\n", (int)i + 1, (int)i + 20, sum[0], sum[1]);
  }
  ldr_dataset_free(train);
  ldr_model_free(model);
  return 0;
}
