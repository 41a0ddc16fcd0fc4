/* Your own memory: everything from one array, no malloc in the program, and no allocation at all in a step.

       cc -O2 -fopenmp 07_allocator.c -o allocator -lm
       ./allocator [MODEL [train.tsv]]

   LADDER_NO_MALLOC takes malloc out of the library, so that a description without an allocator is an error and
   not a silent call. The arena hands out memory from front to back and takes back only what was handed out
   last: enough for a program that builds, trains, and ends. */
#define LADDER_NO_MALLOC
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>

typedef struct arena {
  unsigned char *base;
  size_t         size, used, peak;
  long           calls;
} arena;

/* Sizes are rounded up to 64 bytes: aligned for every type, and no two blocks share a cache line. */
static size_t rounded(size_t size) { return (size + 63) & ~(size_t)63; }

static void *arena_alloc(size_t size, void *user) {
  arena *a = (arena *)user;
  void  *p = a->base + a->used;
  if (size > a->size || rounded(size) > a->size - a->used) return NULL;     /* becomes LDR_MEMORY */
  a->used += rounded(size);
  if (a->used > a->peak) a->peak = a->used;
  a->calls++;
  return p;
}

/* The size comes back with the pointer, so no header in front of a block is needed. */
static void arena_free(void *ptr, size_t size, void *user) {
  arena *a = (arena *)user;
  if (ptr && (unsigned char *)ptr + rounded(size) == a->base + a->used) a->used -= rounded(size);
}

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: allocator [MODEL [train.tsv]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

static void report(const char *what, const arena *a) { printf("%-28s %4ld calls, %10lu bytes in use\n", what, a->calls, (unsigned long)a->used); }

int main(int argc, char **argv) {
  static union { unsigned char bytes[64 << 20]; double aligned; } room;     /* touched only as far as it is used */
  arena            a = { NULL, sizeof room.bytes, 0, 0, 0 };
  ldr_allocator    own;
  ldr_error        err = {0};
  ldr_model_desc   how = {0};
  ldr_dataset_desc set = {0};
  ldr_ladder_desc  desc = {0};
  ldr_train_desc   recipe = {0};
  ldr_progress     p = {0};
  ldr_encoding     text = {0};
  ldr_batch        batch = {0};
  int32_t          offsets[2] = { 0, 0 }, i;
  float            scores[64];
  long             before;

  a.base = room.bytes;
  own.alloc_fn = arena_alloc;
  own.free_fn = arena_free;
  own.user = &a;

  /* 1. Every description carries the allocator. */
  how.alloc = set.alloc = desc.alloc = recipe.alloc = own;
  how.tokenizer.alloc = own;
  ldr_model *model = ldr_model_load(argc > 1 ? argv[1] : "tiny", &how, &err);
  if (!model) return give_up(&err);
  report("model (weights are mapped)", &a);
  ldr_dataset *train = ldr_dataset_load(model, argc > 2 ? argv[2] : "data/train.tsv", &set, &err);
  if (!train) return give_up(&err);
  report("+ data", &a);
  desc.classes = ldr_dataset_labels(train);
  if (desc.classes > 64) return fprintf(stderr, "this example has room for 64 labels\n"), 1;
  ldr_ladder *ladder = ldr_ladder_create(model, &desc, &err);
  if (!ladder) return give_up(&err);
  report("+ ladder", &a);
  recipe.batch = 16;
  ldr_trainer *trainer = ldr_trainer_create(ladder, train, NULL, &recipe, &err);
  if (!trainer) return give_up(&err);
  report("+ trainer", &a);

  /* 2. Steps: the counter must stand still. */
  before = a.calls;
  for (i = 0; i < 20 && !ldr_trainer_done(trainer); i++)
    if (ldr_trainer_step(trainer, &p, &err)) return give_up(&err);
  printf("%d steps, loss %.3f: %ld allocations\n", (int)p.step, p.step_loss, a.calls - before);
  if (a.calls != before) return 1;

  /* 3. The same for predictions, once their workspace is there. The encoding takes the tokenizer's allocator. */
  if (ldr_tokenizer_encode(ldr_model_tokenizer(model), &text, "close the curtains", 18, NULL, 0, 128, 1, &err)) return give_up(&err);
  offsets[1] = text.count;
  batch.sequences = 1;
  batch.offsets = offsets;
  batch.ids = text.ids;
  ldr_predictor *predictor = ldr_predictor_create(ladder, 1, text.count, &err);
  if (!predictor) return give_up(&err);
  before = a.calls;
  for (i = 0; i < 20; i++)
    if (ldr_predict(predictor, scores, &batch, &err)) return give_up(&err);
  printf("20 predictions: %ld allocations\n", a.calls - before);
  if (a.calls != before) return 1;
  printf("%lu bytes at the most, out of %lu\n", (unsigned long)a.peak, (unsigned long)a.size);

  /* 4. Objects may be freed one by one, or the whole array may simply be forgotten. What is not memory, such as
     the mapping of the weights, is given back by ldr_model_free. */
  ldr_predictor_free(predictor);
  ldr_encoding_free(&text);
  ldr_trainer_free(trainer);
  ldr_ladder_free(ladder);
  ldr_dataset_free(train);
  ldr_model_free(model);
  return 0;
}
