/* Several threads of one program, each with objects of its own on models that they share, and their own models beside. The answers
   are those of one thread alone. Under a thread sanitizer (leg tsan of .ci/run) nothing may race. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>

enum { CREW = 4, ROUNDS = 3 };

typedef struct worker { int number, rounds; const ldr_model *m; uint64_t bits; ldr_status status; char message[sizeof(((ldr_error *)0)->message)]; } worker;

typedef void (*work_fn)(worker *w, ldr_error *err);
typedef struct job { work_fn run; worker w; } job;

/* LDR_TEST_RACE=1: all count in one place without asking each other, so that it is seen that a race is seen. */
static int racing;
static volatile int counted;

static void *run_job(void *p) {
  job *j = (job *)p;
  ldr_error err;
  int i;
  if (racing) counted++;
  memset(&err, 0, sizeof err);
  for (i = 0; i < j->w.rounds && !err.status; i++) j->run(&j->w, &err);
  j->w.status = err.status;
  memcpy(j->w.message, err.message, sizeof err.message);
  return NULL;
}

static const char tokens_json[] = "{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2,\"w\":3,\"##1\":4,"
  "\"##2\":5,\"##3\":6}},\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\s+|,\"},\"behavior\":\"Removed\",\"invert\":false}}";

static tiny_spec spec_of(int i) {
  static const char *const kinds[] = { "bert", "llama", "gpt2", "roberta" };
  tiny_spec s = tiny_default(kinds[i % 4]);
  s.threads = 2;
  return s;
}

/* What models are made of; the place where they are built is one for all threads. */
static struct { char config[1200], *weights; size_t size; } made[CREW];

static void make_models(void) {
  int i;
  for (i = 0; i < CREW && !made[i].weights; i++) {
    tiny_spec s = spec_of(i);
    tiny_config(made[i].config, &s);
    made[i].weights = tiny_weights(&s, &made[i].size);
  }
}

static ldr_model *load_made(int i, ldr_error *err) {
  ldr_model_desc d;
  memset(&d, 0, sizeof d);
  d.threads = 2;
  return ldr_model_load_memory(made[i].config, strlen(made[i].config), made[i].weights, made[i].size, NULL, 0, &d, err);
}

/* A model of its own: the first of a program, so that what is found out once is found out by all at a time. */
static void own_model(worker *w, ldr_error *err) {
  ldr_model *m = load_made(w->number, err);
  float hidden[3 * 24];
  int32_t ids[3] = { 7, 8, 9 }, offsets[2];
  ldr_batch b = one_sequence(offsets, ids, 3);
  if (m && !ldr_model_hidden(m, hidden, &b, -1, err)) w->bits = ldr__floats_digest(0, hidden, 3 * 24);
  ldr_model_free(m);
}

static ldr_ladder *ladder_of(const worker *w, ldr_error *err) {
  static const ldr_method methods[] = { LDR_METHOD_LADDER, LDR_METHOD_FULL, LDR_METHOD_LORA, LDR_METHOD_LADDER };
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.method = methods[w->number % 4];
  d.classes = 3;
  d.reduction = 2;
  d.dropout = 0.1f;
  d.seed = (uint64_t)w->number;
  return ldr_ladder_create(w->m, &d, err);
}

/* Trains on the shared model, and answers. */
static void own_ladder(worker *w, ldr_error *err) {
  tiny_spec s = spec_of(0);
  ldr_dataset *train = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 9, 1 + (uint64_t)w->number);
  ldr_ladder *l = ladder_of(w, err);
  ldr_predictor *p = NULL;
  ldr_train_desc d;
  float scores[3];
  int32_t ids[3] = { 7, 8, 9 }, offsets[2];
  ldr_batch b = one_sequence(offsets, ids, 3);
  memset(&d, 0, sizeof d);
  d.epochs = 2;
  d.batch = 4;
  d.rate = 1e-2f;
  d.cache = w->number % 3 == 0;      /* of the ladders */
  if (l && !ldr_fit(l, train, train, &d, NULL, err)) p = ldr_predictor_create(l, 1, 3, err);
  if (p && !ldr_predict(p, scores, &b, err)) w->bits = ldr__mix64(ldr__floats_digest(0, l->values, l->size) ^ ldr__floats_digest(1, scores, 3));
  ldr_predictor_free(p);
  ldr_ladder_free(l);
  ldr_dataset_free(train);
}

/* A ladder that all read, each through a predictor of its own. */
static ldr_ladder *shared_ladder;
static void own_predictor(worker *w, ldr_error *err) {
  ldr_predictor *p = ldr_predictor_create(shared_ladder, 1, 5, err);
  float scores[3];
  int32_t ids[5] = { 7, 8, 9, 10, 11 }, offsets[2], i;
  ldr_batch b;
  for (i = 0; p && i < 8 && !err->status; i++) {
    b = one_sequence(offsets, ids, 1 + (i + w->number) % 5);
    if (!ldr_predict(p, scores, &b, err)) w->bits = ldr__floats_digest(i ? w->bits : 0, scores, 3);
  }
  ldr_predictor_free(p);
}

#ifndef LADDER_NO_TOKENIZER
static const ldr_tokenizer *shared_tokenizer;
static void own_text(worker *w, ldr_error *err) {
  static const char *const texts[] = { "w1,w2 w3", "W12 w3,,w", "w w w w231", "nothing W" };
  ldr_encoding e;
  int i, k;
  memset(&e, 0, sizeof e);
  for (k = 0; k < 20 && !err->status; k++)
    if (!ldr_tokenizer_encode(shared_tokenizer, &e, texts[w->number], strlen(texts[w->number]), NULL, 0, 32, 1, err))
      for (w->bits = 0, i = 0; i < e.count; i++) w->bits = ldr__mix64(w->bits ^ (uint64_t)(uint32_t)e.ids[i]);
  ldr_encoding_free(&e);
}
#endif

/* All at a time, then one after the other: the same bits. */
static void together(work_fn run, const ldr_model *m) {
  job jobs[CREW], alone;
  pthread_t threads[CREW];
  int i;
  racing = getenv("LDR_TEST_RACE") != NULL;
  for (i = 0; i < CREW; i++) {
    memset(&jobs[i], 0, sizeof jobs[i]);
    jobs[i].run = run;
    jobs[i].w.number = i;
    jobs[i].w.rounds = ROUNDS;
    jobs[i].w.m = m;
  }
  for (i = 0; i < CREW; i++) CHECK_INT(pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
  for (i = 0; i < CREW; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
  for (i = 0; i < CREW; i++) {
    alone = jobs[i];
    alone.w.rounds = 1;
    alone.w.bits = 0;
    run_job(&alone);
    CHECK_STR(jobs[i].w.message, "");
    CHECK(jobs[i].w.bits == alone.w.bits && alone.w.bits != 0);
  }
}

TEST(models_of_their_own) {
  make_models();
  together(own_model, NULL);
}

TEST(ladders_on_a_shared_model) {
  ldr_error err;
  ldr_model *m;
  memset(&err, 0, sizeof err);
  make_models();
  m = load_made(0, &err);
  CHECK_STR(err.message, "");
  if (m) together(own_ladder, m);
  ldr_model_free(m);
}

TEST(predictors_of_a_shared_ladder) {
  ldr_model *m;
  ldr_error err;
  worker first;
  ldr_ladder *l;
  memset(&err, 0, sizeof err);
  memset(&first, 0, sizeof first);
  make_models();
  first.m = m = load_made(0, &err);
  l = ladder_of(&first, &err);
  CHECK_STR(err.message, "");
  shared_ladder = l;
  if (l) together(own_predictor, m);
  ldr_ladder_free(l);
  ldr_model_free(m);
}

TEST(texts_for_a_shared_tokenizer) {
#ifndef LADDER_NO_TOKENIZER
  ldr_error err;
  ldr_tokenizer *t;
  memset(&err, 0, sizeof err);
  t = ldr_tokenizer_load_memory(tokens_json, strlen(tokens_json), NULL, &err);
  CHECK_STR(err.message, "");
  shared_tokenizer = t;
  if (t) together(own_text, NULL);
  ldr_tokenizer_free(t);
#endif
}

#define TESTS(X) X(models_of_their_own) X(ladders_on_a_shared_model) X(predictors_of_a_shared_ladder) X(texts_for_a_shared_tokenizer)
#else
TEST(needs_threads) { SKIP("needs POSIX threads"); }
#define TESTS(X) X(needs_threads)
#endif

LDR_TEST_MAIN("threads", TESTS)
