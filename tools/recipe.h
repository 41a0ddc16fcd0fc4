/* recipe.h: a ladder's shape and its training from the data, the backbone, and what the user grants: width, copies,
   epochs, pooling and cache.

   Include it after ladder.h. Where that has LADDER_IMPLEMENTATION this is compiled too, elsewhere it only declares.
   With LADDER_NO_TRAIN nothing is left of it. */

#ifndef LADDER_RECIPE_H
#define LADDER_RECIPE_H
#ifndef LADDER_H_INCLUDED
  #include "../ladder.h"
#endif
#ifndef LADDER_NO_TRAIN
#ifdef __cplusplus
extern "C" {
#endif

typedef struct ldr_budget {
  double   seconds;              /* for the whole run, what this looks at included; 0: no limit. Needs forward_rate */
  double   forward_rate;         /* tokens a second through the frozen backbone, as the caller measured it
                                    (ldr_model_hidden) */
  uint64_t memory;               /* bytes beside the weights; 0: no limit but that a cache in memory takes at most a
                                    quarter of what full fine-tuning keeps (16 bytes for each number of the
                                    backbone) */
  int32_t  no_cache;             /* 1: taps are not kept */
} ldr_budget;

/* Fills in what is 0 in *ladder (LDR_METHOD_LADDER, LDR_PRESET_DEFAULT) and *train:
       pool      pairs of texts: both means, and no head is fitted first; else first token or mean, what a head alone is
                 best with on a few hundred
       epochs    3 + 9000 / examples, 12 at most; half of them, a quarter, ... where no shape fits the budget
       top       copies of the last half of the blocks; with less time or memory of the last third, sixth, ...; at
                 last narrow rungs alone
       cache     in memory as bf16, int8, or none
   text[size] says what was chosen, for people, and behind a ; what that costs here. Allocates for its time; *train
   needs an allocator if the model has none. Other methods and presets keep their own defaults. LDR_LIMIT where even
   the cheapest does not fit the budget. */
LDR_API ldr_status ldr_recipe(ldr_ladder_desc *ladder, ldr_train_desc *train, char *text, size_t size,
    const ldr_model *m, const ldr_dataset *set, const ldr_dataset *dev, const ldr_budget *budget, ldr_error *err);

#ifdef __cplusplus
}
#endif
#ifdef LDR__DEF

/* Examples first, first + step, ... of a set, `most` at most, as a set of their own. */
static ldr_dataset *ldr__dataset_some(const ldr_dataset *d, int32_t most, int32_t first, int32_t step, ldr_error *err) {
  ldr_dataset_desc desc;
  ldr_dataset *some;
  const int32_t *items;
  int32_t per = ldr__per(d), n = ldr__examples(d), i, c;
  memset(&desc, 0, sizeof desc);
  desc.alloc = d->alloc;
  desc.head = d->head;
  desc.choices = d->choices;
  desc.max_len = INT32_MAX;
  some = ldr_dataset_create(&desc, err);
  for (i = 0; some && (size_t)i < d->set_count; i++) {
    size_t count = ldr__label_set(d, i, &items);
    ldr_dataset_label_set(some, items, (int32_t)count, err);
  }
  for (i = first; some && i < n && most-- > 0; i += step)
    for (c = 0; c < per && !err->status; c++) {
      ldr_example e = ldr_dataset_get(d, i * per + c);
      ldr_dataset_add(some, &e, err);
    }
  if (!err->status) return some;
  ldr_dataset_free(some);
  return NULL;
}

/* 1: a label is for a pair of texts, as nearly all of some hundred examples show. */
static int ldr__recipe_pairs(const ldr_dataset *d) {
  size_t i, seen = 0, pairs = 0, step = 1 + d->count / 256;
  if (d->head != LDR_HEAD_CLASSIFY && d->head != LDR_HEAD_REGRESS) return 0;
  for (i = 0; i < d->count; i += step, seen++)
    pairs += ldr__second_text(d->ids + d->offsets[i], (int32_t)(d->offsets[i + 1] - d->offsets[i])) > 0;
  return pairs * 10 > seen * 9;
}

/* What a choice would take. `before`: seconds until it is made. */
typedef struct ldr__cost { double before, seconds; uint64_t memory; } ldr__cost;

/* Which rows a head alone does better with. */
static ldr_status ldr__recipe_pool(ldr_ladder_desc *desc, int64_t *tokens, const ldr_model *m, const ldr_dataset *set,
    const ldr_dataset *dev, const ldr_allocator *a, ldr_error *err) {
  static const ldr_pool pools[] = { LDR_POOL_FIRST, LDR_POOL_MEAN };
  /* without a dev set every second of the texts looked at is held out */
  int32_t n = ldr__examples(set), step = LDR__MAX(dev ? 1 : 2, (n + 511) / 512),
      step2 = dev ? (ldr__examples(dev) + 255) / 256 : step;
  ldr_dataset *some = ldr__dataset_some(set, 512, 0, step, err);
  ldr_dataset *other = some ? ldr__dataset_some(dev ? dev : set, 256, dev ? 0 : 1, step2, err) : NULL;
  ldr_score best;
  int i;
  memset(&best, 0, sizeof best);
  *tokens = 2 * (ldr_dataset_tokens(some) + ldr_dataset_tokens(other));
  for (i = 0; i < 2 && other && ldr_dataset_count(other) > 0; i++) {
    ldr_ladder_desc head;
    ldr_train_desc train;
    ldr_ladder *l;
    ldr_trainer *t = NULL;
    ldr_score score;
    memset(&head, 0, sizeof head);
    memset(&train, 0, sizeof train);
    head.alloc = train.alloc = *a;
    head.method = LDR_METHOD_HEAD;
    head.head = desc->head;
    head.classes = desc->classes;
    head.pool = pools[i];
    head.seed = desc->seed;
    train.seed = desc->seed;
    l = ldr__ladder_new(m, &head, SIZE_MAX / 16, err); /* without the fingerprint, which reads every weight */
    if (l) l->fresh = 1;
    if (l) t = ldr_trainer_create(l, some, other, &train, err);
    if (t && !ldr_trainer_evaluate(t, other, &score, err) && (i == 0 || score.loss < best.loss)) {
      best = score;
      desc->pool = pools[i];
    }
    ldr_trainer_free(t);
    ldr_ladder_free(l);
  }
  ldr_dataset_free(some);
  ldr_dataset_free(other);
  return err->status;
}

/* What can be afforded, the strongest first: copies of layers / share, a rank for their updates. */
static const struct { int32_t share, rank; } ldr__recipes[] = { { 2, 16 }, { 3, 16 }, { 6, 16 }, { 12, 16 }, { 0, 0 } };

/* Seconds of a run: passes through the backbone's blocks, in units of the whole backbone forward. A copy with low-rank
   updates goes forward and back (2), a full one makes gradients of its matrices as well (3); narrow rungs together cost
   about 3 / r. */
static double ldr__recipe_seconds(const ldr_ladder *l, const ldr_train_desc *d, const ldr_dataset *set,
    const ldr_dataset *dev, double rate) {
  double layers = (double)l->m->layers, copies = (double)l->top / layers,
      narrow = (double)l->d.rung_count / layers / (double)LDR__MAX(1, l->d.reduction);
  double below = l->top ? (layers - (double)l->top) / layers : 1,
      learn = copies * (l->d.rank > 0 ? 2.2 : 3) + 3 * narrow, score = copies + narrow, runs = d->cache ? 1
      : (double)d->epochs;
  double tokens = (double)ldr_dataset_tokens(set), held = dev ? (double)ldr_dataset_tokens(dev) : 0;
  return rate > 0 ? (tokens * (below * runs + learn * (double)d->epochs + score) +
      held * (below * runs + score * ((double)d->epochs + 1))) / rate : 0;
}

/* Ways to keep taps, the best first. */
static const struct { int32_t cache; ldr_dtype type; const char *name;
} ldr__recipe_caches[] = { { 1, LDR_BF16, "bf16" }, { 1, LDR_I8, "int8" }, { 0, LDR_F32, "no" } };

/* 1: ladder l trained by t fits the budget. */
static int ldr__recipe_fits(ldr__cost *cost, const ldr_ladder *l, const ldr_train_desc *t, const ldr_dataset *set,
    const ldr_dataset *dev, const ldr_budget *b) {
  ldr_memory plan = ldr_trainer_plan(l, set, dev, t);
  uint64_t cached = 0, most = LDR__MAX(4 * ldr_model_info_get(l->m).parameters, (uint64_t)1 << 26);
  int32_t i;
  for (i = 0; i < plan.count; i++)
    if (strcmp(plan.items[i].name, "tap cache: taps") == 0) cached = plan.items[i].bytes;
  cost->memory = plan.total + l->size * sizeof(float);
  cost->seconds = cost->before + ldr__recipe_seconds(l, t, set, dev, b->forward_rate);
  return plan.total && (b->memory ? cost->memory <= b->memory : cached <= most)
      && !(b->seconds > 0 && cost->seconds > b->seconds);
}

static void ldr__recipe_text(char *text, size_t size, const ldr_ladder *l, const ldr_train_desc *t,
    const ldr__cost *cost, const ldr_budget *b) {
  static const char *const pools[] = {
    "", "the first token", "the last token", "the mean of a text", "the means of two texts and how they differ" };
  const char *reads = ldr__per_token(l->d.head) ? "every token" : pools[l->d.pool];
  const char *keeps = !t->cache ? "not kept" : t->cache_dir ? "kept on disk" : t->cache_type == LDR_BF16
      ? "kept as bf16" : t->cache_type == LDR_I8 ? "kept as int8" : "kept";
  size_t used;
  ldr__format(text, size, "copies of the last %d of %d blocks", l->top, l->m->layers);
  if (l->top && l->d.rank > 0)
    ldr__format(text + strlen(text), size - strlen(text), " (updates of rank %d)", l->d.rank);
  if (l->d.rung_count)
    ldr__format(text + strlen(text), size - strlen(text), ", %d rungs %d wide", l->d.rung_count, l->d.width);
  used = strlen(text);
  ldr__format(text + used, size - used, ", the head reads %s, %d epochs, taps %s; %U MB", reads, t->epochs, keeps,
      cost->memory >> 20);
  used = strlen(text);
  if (b->forward_rate > 0) ldr__format(text + used, size - used, ", about %U s", (uint64_t)(cost->seconds + 0.5));
}

/* The i-th shape with the k-th cache: LDR_OK and *done when it fits; `least` keeps the least of what was tried. */
static ldr_status ldr__recipe_try(ldr_ladder_desc *ladder, ldr_train_desc *train, int *done, ldr__cost *least,
    char *text, size_t size, size_t i, size_t k, const ldr_model *m,
    const ldr_dataset *set, const ldr_dataset *dev, const ldr_budget *b, ldr_error *err) {
  ldr_ladder_desc d = *ladder;
  ldr_train_desc t = *train, asked;
  ldr__cost cost = *least;
  ldr_ladder *l;
  if (!d.top) d.top = ldr__recipes[i].share && !m->family->shared ? LDR__MAX(1, m->layers / ldr__recipes[i].share) : -1;
  if (!d.rank && d.top > 0) d.rank = ldr__recipes[i].rank;
  d.init = LDR_INIT_RANDOM; /* sizes alone are wanted */
  if (!t.cache && !t.cache_dir) {
    t.cache = ldr__recipe_caches[k].cache;
    t.cache_type = ldr__recipe_caches[k].type;
  }
  l = ldr__ladder_new(m, &d, SIZE_MAX / 16, err);
  if (!l) return err->status;
  asked = ldr_train_desc_defaults(l, &t);
  if (ldr__trainer_check(l, set, dev, &asked, err)) { /* what cannot be trained is no matter of the budget */
    ldr_ladder_free(l);
    return err->status;
  }
  *done = ldr__recipe_fits(&cost, l, &t, set, dev, b);
  least->memory = LDR__MIN(least->memory, cost.memory);
  least->seconds = LDR__MIN(least->seconds, cost.seconds);
  if (*done) {
    d.init = ladder->init;
    *ladder = d;
    *train = t;
    if (size) ldr__recipe_text(text, size, l, &t, &cost, b);
  }
  ldr_ladder_free(l);
  return LDR_OK;
}

LDR__DEF ldr_status ldr_recipe(ldr_ladder_desc *ladder, ldr_train_desc *train, char *text, size_t size,
    const ldr_model *m, const ldr_dataset *set, const ldr_dataset *dev, const ldr_budget *budget, ldr_error *err) {
  ldr_budget b;
  ldr_error local;
  ldr_allocator a;
  ldr__cost least = { 0, 1e300, UINT64_MAX };
  int64_t looked = 0;
  size_t i, k;
  int32_t epochs;
  int done = 0, open = 0;
  char fastest[48] = "";
  memset(&local, 0, sizeof local);
  memset(&b, 0, sizeof b);
  if (!err || err->status) err = &local; /* an earlier error stays as it is */
  if (!ladder || !train || !m || !set)
    return ldr__fail(err, LDR_ARGUMENT, "ldr_recipe: no description, model or training set");
  if (budget) b = *budget;
  if (b.seconds > 0 && !(b.forward_rate > 0))
    return ldr__fail(err, LDR_ARGUMENT,
        "ldr_recipe: a limit of seconds can be kept only if the caller measures the backbone: forward_rate");
  if (size) text[0] = 0;
  if (ladder->method != LDR_METHOD_LADDER || ladder->preset != LDR_PRESET_DEFAULT || ladder->beside
      || ladder->head == LDR_HEAD_WORDS)
    return LDR_OK;
  a = train->alloc.alloc_fn ? train->alloc : ladder->alloc.alloc_fn ? ladder->alloc : m->alloc;
  open = !train->epochs;
  if (open) train->epochs = LDR__MIN(12, 3 + 9000 / LDR__MAX(1, ldr__examples(set)));
  if (!ladder->pool && !ladder->published_head && !m->shape.causal && ldr__recipe_pairs(set))
    ladder->pool = LDR_POOL_PAIR;
  if (!ladder->pool && !ladder->published_head && !ldr__per_token(ladder->head) && !m->shape.causal
      && ldr__recipe_pool(ladder, &looked, m, set, dev, &a, err))
    return err->status;
  if (b.forward_rate > 0) least.before = (double)looked / b.forward_rate;
  for (epochs = train->epochs; epochs > 0; epochs = open && b.seconds > 0 ? epochs / 2 : 0) {
    train->epochs = epochs;
    for (i = 0; i < LDR__COUNT(ldr__recipes); i++)
      for (k = 0; k < 3; k++) {
        if (b.no_cache && ldr__recipe_caches[k].cache) continue;
        if (ldr__recipe_try(ladder, train, &done, &least, text, size, i, k, m, set, dev, &b, err))
          return err->status;
        if (done) return LDR_OK;
      }
  }
  if (b.forward_rate > 0)
    ldr__format(fastest, sizeof fastest, ", the fastest about %U s", (uint64_t)least.seconds + 1);
  return ldr__fail(err, LDR_LIMIT, "no ladder fits the budget: the smallest takes %U MB beside the weights%s; fewer or "
      "shorter texts%s take less", (least.memory >> 20) + 1, fastest, open ? "" : ", or fewer epochs,");
}

#endif /* LDR__DEF */
#endif /* LADDER_NO_TRAIN */
#endif
