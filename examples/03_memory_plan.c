/* What training will take, before it is taken: ldr_trainer_plan, and the proof that it tells the truth.

       cc -O2 -fopenmp 03_memory_plan.c -o memory_plan -lm
       ./memory_plan [MODEL [train.tsv]]

   The room an object needs follows from shapes and settings alone. So a program can try settings
   against the memory it has, and choose, without allocating anything. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: memory_plan [MODEL [train.tsv]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

/* An allocator that knows what is in use, and what was in use at the highest. */
typedef struct counter { uint64_t now, most; } counter;

static void *counted(size_t size, void *user) {
  counter *c = (counter *)user;
  c->now += size;
  if (c->now > c->most) c->most = c->now;
  return malloc(size);
}

static void freed(void *ptr, size_t size, void *user) {
  ((counter *)user)->now -= size;
  free(ptr);
}

static void show(const char *title, const ldr_memory *m) {
  int32_t i;
  printf("%s\n", title);
  for (i = 0; i < m->count; i++)
    if (m->items[i].bytes) printf("%12llu  %s\n", (unsigned long long)m->items[i].bytes, m->items[i].name);
  printf("%12llu  in all\n\n", (unsigned long long)m->total);
}

int main(int argc, char **argv) {
  static const struct { const char *what; int32_t batch, accumulate, cache; ldr_dtype type; } settings[] = {
    { "32 examples a step", 32, 1, 0, LDR_F32 },
    { "the same in four parts", 32, 4, 0, LDR_F32 },
    { "taps kept as they are", 32, 1, 1, LDR_F32 },
    { "taps kept in 16 bits", 32, 1, 1, LDR_BF16 },
    { "taps kept in 8 bits", 32, 1, 1, LDR_I8 } };
  ldr_error        err = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_memory       plan;
  counter          taken = {0, 0};
  size_t           i;

  ldr_model   *model = ldr_model_load(argc > 1 ? argv[1] : "tiny", NULL, &err);
  ldr_dataset *train = ldr_dataset_load(model, argc > 2 ? argv[2] : "data/train.tsv", &set, &err);
  if (!train) return give_up(&err);
  desc.classes = ldr_dataset_labels(train);
  ldr_ladder  *ladder = ldr_ladder_create(model, &desc, &err);
  if (!ladder) return give_up(&err);

  /* 1. The backbone: its weights are mapped from the file and not counted here; only vectors are copied. */
  plan = ldr_model_memory(model);
  printf("%llu bytes of weights are mapped, not copied\n\n", (unsigned long long)ldr_model_info_get(model).weight_bytes);
  show("the model object", &plan);

  /* 2. Settings side by side. The cache costs room and saves the backbone's time from the second epoch on. */
  for (i = 0; i < sizeof settings / sizeof *settings; i++) {
    recipe.batch = settings[i].batch;
    recipe.accumulate = settings[i].accumulate;
    recipe.cache = settings[i].cache;
    recipe.cache_type = settings[i].type;
    plan = ldr_trainer_plan(ladder, train, NULL, &recipe);
    printf("%12llu  %s\n", (unsigned long long)plan.total, settings[i].what);
  }

  /* 3. The last of them item by item, then made: at the highest the allocator sees what the plan said, and the few
     thousand bytes of the object that owns it. What fitting the head took is free again by then. */
  printf("\n");
  show("the trainer with taps in 8 bits", &plan);
  recipe.alloc.alloc_fn = counted;
  recipe.alloc.free_fn = freed;
  recipe.alloc.user = &taken;
  ldr_trainer *trainer = ldr_trainer_create(ladder, train, NULL, &recipe, &err);
  if (!trainer) return give_up(&err);
  printf("planned %llu bytes, at the highest in use %llu, now %llu\n", (unsigned long long)plan.total, (unsigned long long)taken.most, (unsigned long long)taken.now);

  ldr_trainer_free(trainer);
  ldr_ladder_free(ladder);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return 0;
}
