/* export.h: writes whole models: a backbone as its family publishes it, one in blocks of 8 or 4 bits, one of a random
   start. A program that learns and answers needs none of this, so it stands beside ladder.h, not in it.

   Include it after ladder.h. Where that has LADDER_IMPLEMENTATION this is compiled too, elsewhere it only declares.
   With LADDER_NO_STDIO nothing is left of it. */

#ifndef LADDER_EXPORT_H
#define LADDER_EXPORT_H
#ifndef LADDER_H_INCLUDED
  #include "../ladder.h"
#endif
#ifndef LADDER_NO_STDIO
#ifdef __cplusplus
extern "C" {
#endif

/* The backbone with what was trained of it, as a model.safetensors that Hugging Face's classes load (their names and
   shapes): tensors of FULL and BITFIT in their places, low-rank updates added to their matrices, successors of THESEUS
   as layers 0, 1, ... instead of the backbone's (the configuration changes: ldr_ladder_export_config), a ladder's
   copies as the blocks they are copies of; a model of two stacks with both. The head of the ladder is in it where the
   model was published with one of the same shape and labels (as with published_head). Otherwise it is not; the
   published one is then with method HEAD, which changes nothing below it, and with FULL before any training.
   type: LDR_F32, LDR_F16 or LDR_BF16. Tensors this library does not use are left out. LDR_UNSUPPORTED for
   adapters, prompts, prefixes and narrow rungs, which have no place in it, for biases the family has no names for, and
   for one stack of two alone.
   Appears whole or not at all. */
LDR_API ldr_status  ldr_ladder_export(const ldr_ladder *l, const char *path, ldr_dtype type, ldr_error *err);
/* The config.json that goes with it: `config`, the bytes of the backbone's own, with the number of layers that THESEUS
   leaves; the same bytes for other methods. LDR_MISMATCH when it is of a model with another number of layers. Appears
   whole or not at all. */
LDR_API ldr_status ldr_ladder_export_config(
    const ldr_ladder *l, const void *config, size_t config_size, const char *path, ldr_error *err);
/* Random weights for a config.json (its bytes), language-model head included: N(0, 0.02^2), norms 1, biases 0; of T5
   and kin as Raffel et al. 2020 have it, word embeddings N(0, 1), matrices N(0, 1/columns), queries d_kv times less,
   as their scores are not divided. What a model that is to be trained from nothing starts as. Written like the above,
   as F32. */
LDR_API ldr_status ldr_model_init(
    const void *config, size_t config_size, const char *path, uint64_t seed, ldr_error *err);

/* Writes the model's weights to one safetensors file in blocks (see >>api-tensors of ladder.h): the matrices of the
   blocks as `format`, LDR_Q8_0 or LDR_Q4_0; word embeddings and the output matrix always as Q8_0. Vectors, position
   and segment tables and matrices whose rows are no multiple of 32 long stay as they are. With the model's own
   config.json and vocabulary beside it the file is a model: it is trained on and predicted with in place, 8.5 or 4.5
   bits a weight. To ladder files it is another backbone: its fingerprint is another.
   Appears whole or not at all (written as PATH.partial, then renamed); needs memory for the header only. The model is
   only read, so others may use it meanwhile. Reads the weights the files hold, whatever `compute` is.
   LDR_ARGUMENT: another format, or a model that holds blocks already (start from the float one). LDR_UNSUPPORTED:
   no matrix can be blocks. LDR_NUMERIC with the offset in the source: 32 numbers that are not all finite, or too
   large for a 16-bit scale. LDR_LIMIT, LDR_MEMORY, LDR_IO as everywhere. */
LDR_API ldr_status ldr_model_quantise(const ldr_model *m, const char *path, ldr_dtype format, ldr_error *err);

#ifdef __cplusplus
}
#endif
#ifdef LDR__DEF

/* ---- a backbone as its family publishes it ---- */

/* A float as the machine would store it: not fused into the next operation, not wider than 32 bits. */
static float ldr__rounded(float x) {
  volatile float v = x;
  return v;
}

/* binary16, rounding to nearest even. Below 2^-14 the sum with 0.5 has its last bit at 2^-24, where a half's is. */
static uint32_t ldr__float_to_half(float f) {
  uint32_t sign = ldr__bits_from_float(f) >> 16 & 0x8000u, a = ldr__bits_from_float(f) & 0x7fffffffu;
  if (a > 0x7f800000u) return sign | 0x7e00u;
  if (a >= 0x477ff000u) return sign | 0x7c00u;
  if (a < 0x38800000u) return sign | (ldr__bits_from_float(ldr__rounded(ldr__float_from_bits(a) + 0.5f)) - 0x3f000000u);
  return sign | (a - 0x38000000u + 0x0fffu + (a >> 13 & 1u)) >> 13;
}

/* A tensor of the file: `parts` matrices or vectors of block `layer` from `slot` on side by side (a fused q k v), or an
   end. rows and columns are of one part. m, l: the stack it is of, and what was trained there. */
typedef struct ldr__published {
  char name[256];
  int32_t layer, slot, parts;
  size_t rows, columns;
  const ldr_model *m;
  const ldr_ladder *l;
} ldr__published;

/* Name of a tensor outside the blocks; 0 when the family, or this model, has none. m without weights: all it should
   have. */
static int ldr__end_published(char *name, size_t cap, const ldr_model *m, int end) {
  const ldr__family *f = m->family;
  const int narrow = (m->traits & LDR__OF_WORDS) != 0;
  const char *stems[LDR__ENDS], *after = "", *prefix = f->prefix, *stack = end == LDR__WORD ? "" : ldr__stack_prefix(m);
  memset((void *)stems, 0, sizeof stems);
  stems[LDR__WORD] = m->borrowed ? NULL : f->word; /* the decoder's, which stands for both */
  stems[LDR__DISTANCES] = m->traits & LDR__OF_RELATIVE ? ldr__distances_name(m) : NULL;
  stems[LDR__POSITION] = f->position;
  stems[LDR__SEGMENT] = f->segment;
  stems[LDR__PROJECT] = ldr__projects(m) ? f->project : NULL;
  stems[LDR__PROJECTB] = narrow ? NULL : stems[LDR__PROJECT];
  stems[LDR__EMBED_NORM] = stems[LDR__EMBED_NORMB] = f->embed_norm;
  stems[LDR__FINAL] = m->traits & LDR__OF_NO_GAINS ? NULL : f->final_norm;
  stems[LDR__FINALB] = !ldr__norm_rms(f->norm) && !m->bare_norms ? stems[LDR__FINAL] : NULL;
  stems[LDR__LM_DENSE] = narrow && !ldr__projects(m) ? NULL : f->head_dense;
  stems[LDR__LM_DENSEB] = narrow ? NULL : f->head_dense;
  stems[LDR__LM_NORM] = stems[LDR__LM_NORMB] = f->head_norm;
  stems[LDR__LM_OUT] = m->stack == LDR__ENCODER ? NULL : f->head_out;
  stems[LDR__LM_BIAS] = m->stack == LDR__ENCODER ? NULL : f->head_bias;
  if (end == LDR__PROJECT || end == LDR__EMBED_NORM || end == LDR__FINAL || end == LDR__LM_DENSE || end == LDR__LM_NORM)
    after = ".weight";
  if (end == LDR__PROJECTB || end == LDR__EMBED_NORMB || end == LDR__FINALB || end == LDR__LM_DENSEB
      || end == LDR__LM_NORMB)
    after = ".bias";
  if ((end == LDR__LM_DENSE && !narrow) || end == LDR__LM_DENSEB || end == LDR__LM_NORM || end == LDR__LM_NORMB
      || end == LDR__LM_OUT || end == LDR__LM_BIAS)
    prefix = stack = "";
  if (!stems[end]) return 0;
  if (m->weights && (end < LDR__END_MATRICES ? !m->ends.m[end].data : !m->ends.v[end])) return 0;
  if (end == LDR__LM_OUT && (m->weights ? ldr__tied(m) : m->tied || f->head_dense)) return 0;
  ldr__format(name, cap, "%s%s%s%s", prefix, stack, stems[end], after);
  return 1;
}

/* The same of a block's. */
static int ldr__block_published(char *name, size_t cap, const ldr_model *m, int slot, int32_t layer) {
  size_t n;
  ldr__format(name, cap, "%s%s", m->family->prefix, ldr__stack_prefix(m));
  n = strlen(name);
  if (!ldr__slot_size(&m->shape, slot, NULL, NULL) || ldr__norm_unnamed(m, slot)
      || !ldr__part_name(name + n, cap - n, m->family, slot, layer, m->inner))
    return 0;
  if (strchr(name, '#')) *strchr(name, '#') = (char)('1' + m->shape.cross);
  return 1;
}

enum { LDR__OF_TASK = -2 }; /* in place of a layer: slot 0 the dense matrix, 1 its bias, 2 and 3 those behind */

/* The same of the head for a task, as it was published. */
static int ldr__task_published(ldr__published *p, const ldr_model *m, int32_t slot) {
  const ldr__task_head *t = &m->task;
  const struct ldr__task_row *row = t->task == LDR_TASK_NONE ? NULL : ldr__task_row_of(m);
  const char *stem = !row ? NULL : slot < 2 ? row->dense : row->out;
  const void *data = slot == 0 ? t->dense.data : slot == 1 ? t->dense_bias : slot == 2 ? t->out.data : t->out_bias;
  size_t out = (size_t)(slot < 2 ? t->hidden : t->classes);
  size_t in = (size_t)(slot && t->hidden ? t->hidden : m->shape.width);
  if (!stem || !data) return 0;
  p->layer = LDR__OF_TASK;
  p->slot = slot;
  p->rows = slot % 2 ? 1 : out;
  p->columns = slot % 2 ? out : in;
  ldr__format(p->name, sizeof p->name, "%s%s%s", strncmp(stem, "pooler", 6) == 0 ? m->family->prefix : "", stem,
      slot % 2 ? ".bias" : ".weight");
  return 1;
}

/* Is the ladder's head one that the model is published with, so that it has a place there? */
static int ldr__head_published(const ldr_ladder *l) {
  const ldr__task_head *t = &l->m->task;
  const ldr_ladder_desc *d = &l->d;
  const int dense = t->hidden > 0;
  int32_t i;
  if (t->task == LDR_TASK_NONE || !ldr__task_row_of(l->m) || t->head != d->head || t->classes != d->classes || t->norm
      || !t->out.data || !t->out_bias || dense != (l->head_dense.weight >= 0)
      || l->head_width != (size_t)l->m->shape.width
      || (d->head == LDR_HEAD_REGRESS && (d->value_mean != 0 || d->value_scale != 1))
      || (!ldr__per_token(d->head) && t->pool != d->pool))
    return 0;
  if (dense
      && (!t->dense.data || !t->dense_bias || t->activation != d->head_activation
          || t->hidden != ldr_ladder_param(l, l->head_dense.weight).rows))
    return 0;
  for (i = 0; i < d->classes; i++) {
    const char *here = ldr_ladder_label(l, i), *there = ldr_model_label(l->m, i);
    if (!here != !there || (here && strcmp(here, there) != 0)) return 0;
  }
  return ldr_ladder_param(l, l->head_out.weight).rows == t->classes;
}

/* Blocks of the file. l NULL: of a random start. */
static int32_t ldr__published_blocks(const ldr_model *m, const ldr_ladder *l) {
  return m->family->shared ? ldr__distinct_blocks(m) : l ? ldr__final_blocks(l) : m->layers;
}

/* The next tensor of a stack; *at starts at 0. */
static int ldr__published_of(ldr__published *p, const ldr_model *m, const ldr_ladder *l, int32_t *at) {
  int32_t all = LDR__ENDS + ldr__published_blocks(m, l) * LDR__SLOTS;
  /* else it would not fit what is below */
  int own = l && !l->owner
      && (ldr__head_published(l) || l->d.method == LDR_METHOD_HEAD || (l->fresh && l->d.method == LDR_METHOD_FULL));
  p->m = m;
  p->l = l;
  for (; *at < all + 4 * own; ++*at) {
    int32_t layer = *at < LDR__ENDS ? -1 : (*at - LDR__ENDS) / LDR__SLOTS,
        slot = layer < 0 ? *at : (*at - LDR__ENDS) % LDR__SLOTS;
    p->layer = layer;
    p->slot = slot;
    p->parts = 1;
    if (*at >= all) {
      if (!ldr__task_published(p, m, *at - all)) continue;
    } else if (layer < 0) {
      if (!ldr__end_published(p->name, sizeof p->name, m, slot)) continue;
      ldr__end_shape(m, slot, &p->rows, &p->columns);
    } else {
      size_t first, total;
      int fused = ldr__fused(m, slot, &first, &total) > 1;
      if ((fused && first) || !ldr__block_published(p->name, sizeof p->name, m, slot, layer)) continue;
      ldr__slot_size(&m->shape, slot, &p->rows, &p->columns);
      if (fused) p->parts = 3;
    }
    ++*at;
    return 1;
  }
  return 0;
}

/* The next tensor of the file; *at starts at 0. What an encoder has comes before its decoder's. */
static int ldr__published_next(ldr__published *p, const ldr_model *m, const ldr_ladder *l, int32_t *at) {
  int32_t before = m->encoder ? LDR__ENDS + m->encoder->layers * LDR__SLOTS : 0, own;
  int found;
  if (*at < before && ldr__published_of(p, m->encoder, l ? l->reader : NULL, at)) return 1;
  own = *at - before;
  found = ldr__published_of(p, m, l, &own);
  *at = own + before;
  return found;
}

static int ldr__published_matrix(const ldr__published *p) {
  if (p->layer == LDR__OF_TASK) return p->slot % 2 == 0;
  return p->slot < (p->layer < 0 ? (int32_t)LDR__END_MATRICES : (int32_t)LDR__MATRICES);
}
static int ldr__published_turned(const ldr_model *m, const ldr__published *p) {
  return m->family->conv1d && p->layer >= 0 && ldr__published_matrix(p);
}

static void ldr__published_header(ldr__text *text, const ldr_model *m, const ldr_ladder *l, ldr_dtype type) {
  ldr__published p;
  uint64_t offset = 0;
  int32_t at = 0;
  ldr__text_string(text, "{\"__metadata__\":{\"format\":\"pt\"}");
  while (ldr__published_next(&p, m, l, &at)) {
    size_t rows = p.rows, columns = p.columns * (size_t)p.parts;
    if (ldr__published_turned(m, &p)) {
      rows = p.columns;
      columns = p.rows * (size_t)p.parts;
    }
    /* a bias of words beside two stacks is a matrix of one row */
    ldr__header_matrix(text, p.name, type,
        !ldr__published_matrix(&p) && !(p.layer == -1 && p.slot == LDR__LM_BIAS && m->stack), rows, columns, &offset);
  }
  ldr__text_string(text, "}");
}

static void ldr__writer_numbers(ldr__writer *w, const float *v, size_t n, ldr_dtype type, ldr_error *err) {
  unsigned char bytes[2];
  size_t i;
  if (type == LDR_F32) {
    ldr__writer_floats(w, v, n, err);
    return;
  }
  for (i = 0; i < n; i++) {
    uint32_t h = type == LDR_BF16 ? ldr__float_to_bf16(v[i]) : ldr__float_to_half(v[i]);
    bytes[0] = (unsigned char)(h & 255u);
    bytes[1] = (unsigned char)(h >> 8);
    ldr__writer_put(w, bytes, 2, err);
  }
}

/* How far from 0 numbers of a matrix start. */
static double ldr__random_std(const ldr__published *p, int32_t slot) {
  const ldr__shape *s = &p->m->shape;
  if (!(p->m->keys & LDR__KEYS_T5)) return 0.02;
  if (p->layer < 0 && slot == LDR__WORD) return 1;
  if (p->layer < 0) return 1 / sqrt((double)s->width);
  return 1 / sqrt((double)p->columns * (slot == LDR__Q || slot == LDR__XQ ? s->head_dim : 1));
}

static void ldr__random_row(float *row, const ldr__published *p, int32_t slot, size_t r, uint64_t key) {
  double std = ldr__random_std(p, slot);
  size_t i;
  int norm = p->layer < 0 ? slot == LDR__EMBED_NORM || slot == LDR__FINAL || slot == LDR__LM_NORM
      : slot >= LDR__NORM1 && !ldr__norm_shift(slot);
  norm = norm && !(p->m->traits & LDR__OF_GEMMA);
  for (i = 0; i < p->columns; i++)
    row[i] = ldr__published_matrix(p) ? (float)(std * ldr__random_normal(key, r * p->columns + i)) : norm ? 1.0f : 0.0f;
}

/* Row r of a part as it is now: loaded or trained, with its low-rank update; or a random start. */
static void ldr__published_row(float *row, const ldr__published *p, int32_t part, size_t r, uint64_t key) {
  const ldr_model *m = p->m;
  const ldr_ladder *l = p->l;
  int32_t slot = p->slot + part;
  size_t i, k, n;
  if (!l) {
    ldr__random_row(row, p, slot, r, key);
  } else if (p->layer == LDR__OF_TASK && ldr__head_published(l)) {
    const ldr__linear *map = slot < 2 ? &l->head_dense : &l->head_out;
    memcpy(row, ldr_ladder_param(l, slot % 2 ? map->bias : map->weight).value + r * p->columns,
        p->columns * sizeof(float));
  } else if (p->layer == LDR__OF_TASK) {
    if (slot % 2 == 0) ldr__mat_row(m->kernels, row, slot ? &m->task.out : &m->task.dense, r, p->columns);
    else memcpy(row, slot == 1 ? m->task.dense_bias : m->task.out_bias, p->columns * sizeof(float));
  } else if (p->layer < 0) {
    ldr__ends e = ldr__tuned_ends(l);
    if (ldr__published_matrix(p)) ldr__mat_row(m->kernels, row, &e.m[slot], r, p->columns);
    else memcpy(row, e.v[slot], p->columns * sizeof(float));
    for (i = 0; slot == LDR__FINAL && (m->traits & LDR__OF_GEMMA) && i < p->columns; i++) row[i] -= 1;
  } else {
    int32_t layer = l->successors ? m->layers + p->layer : m->family->shared ? 0 : p->layer;
    ldr__block b;
    while (m->family->shared && ldr__block_index(m, layer) != p->layer) layer++; /* the file has blocks, not layers */
    b = ldr__tuned_block(l, layer);
    const float *by = NULL;
    if (slot == LDR__K || slot == LDR__KB) by = b.v[LDR__SCALE_K];
    if (slot == LDR__V || slot == LDR__VB) by = b.v[LDR__SCALE_V];
    if (slot == LDR__DOWN) by = b.v[LDR__SCALE_F];
    if (!ldr__published_matrix(p)) {
      memcpy(row, b.v[slot], p->columns * sizeof(float));
      for (i = 0; slot >= LDR__NORM1 && (m->traits & LDR__OF_GEMMA) && i < p->columns; i++) row[i] -= 1;
    } else {
      ldr__mat_row(m->kernels, row, &b.m[slot], r, p->columns);
      n = (size_t)l->tuned_shape.low_rank;
      for (k = 0; b.v[LDR__LOW_A + slot] && k < n; k++)
        for (i = 0; i < p->columns; i++)
          row[i] += l->tuned_shape.low_scale * b.v[LDR__LOW_B + slot][r * n + k] *
              b.v[LDR__LOW_A + slot][k * p->columns + i];
    }
    for (i = 0; by && i < p->columns; i++) row[i] *= by[slot == LDR__K || slot == LDR__V ? r : i];
  }
}

/* turned: room for the widest matrix, which Conv1D files hold the other way round. */
static void ldr__published_tensor(ldr__writer *w, const ldr__published *p, float *row, float *turned, ldr_dtype type,
    uint64_t seed, ldr_error *err) {
  size_t r, i, all = p->rows * (size_t)p->parts;
  int32_t part;
  for (part = 0; part < p->parts; part++)
    for (r = 0; r < p->rows && !w->status; r++) {
      ldr__published_row(row, p, part, r,
          ldr__stream(seed, LDR__STREAM_INIT, ldr__digest((uint64_t)part, p->name, strlen(p->name))));
      if (ldr__published_turned(p->m, p))
        for (i = 0; i < p->columns; i++) turned[i * all + (size_t)part * p->rows + r] = row[i];
      else ldr__writer_numbers(w, row, p->columns, type, err);
    }
  if (ldr__published_turned(p->m, p)) ldr__writer_numbers(w, turned, all * p->columns, type, err);
}

static ldr_status ldr__publish(
    const ldr_model *m, const ldr_ladder *l, const char *path, ldr_dtype type, uint64_t seed, ldr_error *err) {
  ldr__writer w;
  ldr__text text;
  ldr__plan plan;
  ldr__published p;
  size_t widest = 1, largest = 0, bound = 4096;
  char *header = NULL;
  float *row = NULL, *turned = NULL;
  int32_t at;
  int pass;
  if (ldr__fused(m, LDR__UP, &widest, &largest) > 1
      || (!m->family->conv1d && ldr__fused(m, LDR__K, &widest, &largest) > 1) || m->task_types
      || (m->traits & (LDR__OF_PLACES | LDR__OF_NO_GAINS | LDR__OF_BY_HEAD)) || m->shape.head_norms == LDR__NORM_EACH
      || m->shape.experts)
    return ldr__fail(err, LDR_UNSUPPORTED,
        "writing a %s model is not supported (matrices that lie in one, experts, or a table beside the "
        "usual ones): save the ladder file instead", m->type);
  widest = 1;
  largest = 0;
  for (at = 0; ldr__published_next(&p, m, l, &at);) {
    bound += 512 + strlen(p.name);
    widest = LDR__MAX(widest, p.columns);
    if (ldr__published_turned(m, &p)) largest = LDR__MAX(largest, p.rows * p.columns * (size_t)p.parts);
  }
  memset(&plan, 0, sizeof plan);
  for (pass = 0; pass < 2; pass++) {
    if (pass && ldr__plan_begin(&plan, &m->alloc, err)) return err->status;
    header = (char *)ldr__place(&plan, "header", bound, 1);
    row = ldr__place_floats(&plan, "row", widest);
    turned = ldr__place_floats(&plan, "matrix", largest);
  }
  ldr__text_init(&text, header, bound);
  ldr__published_header(&text, m, l, type);
  if (!ldr__writer_open(&w, path, err)) {
    ldr__writer_header(&w, &text, err);
    for (at = 0; !w.status && ldr__published_next(&p, m, l, &at);)
      ldr__published_tensor(&w, &p, row, turned, type, seed, err);
    ldr__writer_close(&w, err);
  }
  ldr__plan_end(plan.memory, plan.size, &m->alloc);
  return w.status;
}

/* Everything trained in a stack has a name in the file. */
static ldr_status ldr__published_names(const ldr_ladder *l, ldr_error *err) {
  static const char *const unnamed = "a %s model has no name for the trained \"%s\": save the ladder file instead";
  char name[256];
  int32_t i;
  int slot;
  for (slot = 0; l->deep && slot < LDR__PROMPT; slot++)
    if (l->end[slot] >= 0 && !ldr__end_published(name, sizeof name, l->m, slot) && !(l->owner && slot == LDR__WORD))
      return ldr__fail(err, LDR_UNSUPPORTED, unnamed, l->m->type, ldr__end_names[slot]);
  for (i = 0; l->deep && i < ldr__tuned_blocks(l); i++)
    for (slot = 0; slot < LDR__SLOTS; slot++)
      if (l->tuned[i].slot[slot] >= 0 && !ldr__block_published(name, sizeof name, l->m, slot, 0))
        return ldr__fail(err, LDR_UNSUPPORTED, unnamed, l->m->type, ldr__slot_names[slot]);
  return LDR_OK;
}

/* What was trained has a place in a model's files. */
static ldr_status ldr__exportable(const ldr_ladder *l, ldr_error *err) {
  if (!ldr__method_of(l->d.method)->exports)
    return ldr__fail(err, LDR_UNSUPPORTED,
        "what method %s adds has no place in a %s model: save the ladder file instead", ldr_method_name(l->d.method),
        l->m->family->type);
  if (l->d.rung_count)
    return ldr__fail(err, LDR_UNSUPPORTED,
        "narrow rungs have no place in a %s model: save the ladder file instead", l->m->family->type);
  if (l->m->borrowed)
    return ldr__fail(err, LDR_UNSUPPORTED,
        "writing one stack of a %s model of two is not supported: save the ladder file instead", l->m->type);
  return ldr__published_names(l, err) || !l->reader ? err->status : ldr__published_names(l->reader, err);
}

LDR__DEF ldr_status ldr_ladder_export(const ldr_ladder *l, const char *path, ldr_dtype type, ldr_error *err) {
  LDR__OWN_ERROR(err);
  if (!l || !path || (type != LDR_F32 && type != LDR_F16 && type != LDR_BF16))
    return ldr__fail(
        err, LDR_ARGUMENT, "ldr_ladder_export: no ladder or no path, or a type other than F32, F16 and BF16");
  if (ldr__exportable(l, err)) return err->status;
  return ldr__publish(l->m, l, path, type, 0, err);
}

LDR__DEF ldr_status ldr_ladder_export_config(
    const ldr_ladder *l, const void *config, size_t config_size, const char *path, ldr_error *err) {
  const char *text = (const char *)config;
  const ldr_json_node *n;
  ldr_error local;
  ldr_json *j;
  ldr__writer w;
  char number[16], own[64];
  const char *key = l ? ldr__stack_key(own, l->m, l->m->family->k_layers) : NULL;
  int32_t layers;
  memset(&local, 0, sizeof local);
  memset(&w, 0, sizeof w);
  if (!err || err->status) err = &local; /* an earlier error stays as it is */
  if (!l || !config || !path)
    return ldr__fail(err, LDR_ARGUMENT, "ldr_ladder_export_config: no ladder, configuration or path");
  j = ldr_json_parse(text, config_size, &l->alloc, err);
  if (!j) return err->status;
  layers = ldr__config_int(j, key, -1, 1, 1024, err);
  w.status = err->status;
  if (!w.status && layers * l->m->inner != l->m->layers)
    w.status = ldr__fail(err, LDR_MISMATCH, "config.json: \"%s\" is %d, the backbone has %d: it is another model's",
        key, layers, l->m->layers);
  if (!w.status && !ldr__writer_open(&w, path, err)) {
    n = ldr_json_node_at(j, ldr__config_get(j, 0, key));
    ldr__format(number, sizeof number, "%d", ldr__final_blocks(l) / l->m->inner);
    ldr__writer_put(&w, text, n->begin, err);
    ldr__writer_put(&w, number, strlen(number), err);
    ldr__writer_put(&w, text + n->end, config_size - n->end, err);
    ldr__writer_close(&w, err);
  }
  ldr_json_free(j);
  return w.status;
}

LDR__DEF ldr_status ldr_model_init(
    const void *config, size_t config_size, const char *path, uint64_t seed, ldr_error *err) {
  ldr_model *m;
  ldr_status status;
  LDR__OWN_ERROR(err);
  if (!config || !path) return ldr__fail(err, LDR_ARGUMENT, "ldr_model_init: no configuration or no path");
  m = ldr__model_new(NULL, err);
  if (!m) return err->status;
  status = ldr__model_config(m, "config.json", (const char *)config, config_size, err);
  if (!status) status = ldr__publish(m, NULL, path, LDR_F32, seed, err);
  ldr_model_free(m);
  return status;
}

/* ---- a backbone in blocks of 8 or 4 bits ----
   The block formats and their rounding are those of ggml's reference quantiser, so the blocks of a tensor have the
   bytes they would have there. */

/* One block of LDR__QBLOCK values; returns 0 when they are not finite or the scale does not fit a half. */
static int ldr__quantise_block(unsigned char *out, const float *x, ldr_dtype format) {
  float peak = 0, scale, inverse;
  uint32_t half;
  int i;
  for (i = 0; i < LDR__QBLOCK; i++) {
    if (!(fabsf(x[i]) <= FLT_MAX)) return 0;
    if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
  }
  scale = ldr__rounded(format == LDR_Q8_0 ? fabsf(peak) / 127.0f : peak / -8.0f);
  inverse = fabsf(scale) > 1e-37f ? ldr__rounded(1.0f / scale) : 0.0f; /* less is 0 as a half anyway */
  half = ldr__float_to_half(scale);
  if ((half & 0x7fffu) == 0x7c00u) return 0;
  out[0] = (unsigned char)(half & 255u);
  out[1] = (unsigned char)(half >> 8);
  if (format == LDR_Q8_0) {
    for (i = 0; i < LDR__QBLOCK; i++)
      out[2 + i] = (unsigned char)((uint32_t)(int32_t)roundf(ldr__rounded(x[i] * inverse)) & 255u);
    return 1;
  }
  for (i = 0; i < LDR__QBLOCK / 2; i++) {
    int32_t low = (int32_t)ldr__rounded(ldr__rounded(x[i] * inverse) + 8.5f),
        high = (int32_t)ldr__rounded(ldr__rounded(x[i + LDR__QBLOCK / 2] * inverse) + 8.5f);
    out[2 + i] = (unsigned char)(LDR__MIN(low, 15) | LDR__MIN(high, 15) << 4);
  }
  return 1;
}

/* What a tensor of the model becomes. Word embeddings and the output matrix stay at 8 bits: a token meets one row
   of them alone, and little else is left of the file. */
static ldr_dtype ldr__quantised_type(const ldr_model *m, const ldr_tensor *t, ldr_dtype format) {
  char fused[192]; /* q, k and v head by head, of which the blocks have copies */
  int32_t l;
  int slot;
  if (m->encoder && ldr__quantised_type(m->encoder, t, format) != t->dtype && t->data != m->ends.m[LDR__WORD].data)
    return format;
  if (t->dims != 2 || !ldr__dtype_is_float(t->dtype) || t->bytes == 0 || t->shape[1] % LDR__QBLOCK) return t->dtype;
  if (t->data == m->ends.m[LDR__WORD].data || t->data == m->ends.m[LDR__LM_OUT].data) return LDR_Q8_0;
  if (t->data == m->ends.m[LDR__PROJECT].data || t->data == m->ends.m[LDR__LM_DENSE].data) return format;
  for (l = 0; l < ldr__distinct_blocks(m); l++) {
    for (slot = 0; slot < LDR__MATRICES; slot++)
      if (t->data == m->blocks[l].m[slot].data) return format;
    for (slot = 2; m->blocks[l].experts && slot < 3 * m->shape.experts + 5; slot++)
      if (t->data == m->blocks[l].experts[slot].data) return format;
    if ((m->traits & LDR__OF_BY_HEAD) && ldr__part_name(fused, sizeof fused, m->family, LDR__Q, l, 1)
        && ldr__ends_with(t->name, fused))
      return format;
  }
  return t->dtype;
}

/* The tensors in the order of the file: the widest elements first, so that all are aligned. */
static const ldr_tensor *ldr__quantised_next(const ldr_model *m, ldr_dtype format, size_t *at, ldr_dtype *type) {
  size_t n = m->weights->count;
  for (; *at < 4 * n; ++*at) {
    const ldr_tensor *t = &m->weights->tensors[*at % n];
    *type = ldr__quantised_type(m, t, format);
    if ((ldr_dtype_block(*type) > 1 ? 1u : ldr_dtype_size(*type)) != (size_t)8 >> *at / n) continue;
    ++*at;
    return t;
  }
  return NULL;
}

static void ldr__quantised_header(ldr__text *text, const ldr_model *m, ldr_dtype format) {
  const char *as = ldr_weights_meta(m->weights, "format");
  const ldr_tensor *t;
  ldr_dtype type;
  uint64_t offset = 0;
  size_t at;
  ldr__text_string(text, "{\"__metadata__\":{");
  if (as) ldr__text_meta(text, "format", as);  /* "pt": other readers ask for it */
  for (at = 0; (t = ldr__quantised_next(m, format, &at, &type)) != NULL;) {
    if (type == t->dtype) continue;
    if (text->data[text->used - 1] != '{') ldr__text_string(text, ",");
    ldr__text_string(text, "\"" LDR__QUANTISED);
    ldr__text_escaped(text, t->name);
    ldr__text_string(text, "\":");
    ldr__text_json(text, ldr_dtype_name(type));
  }
  ldr__text_string(text, "}");
  for (at = 0; (t = ldr__quantised_next(m, format, &at, &type)) != NULL;) {
    if (type == t->dtype) ldr__header_tensor(text, t->name, type, t->shape, t->dims, &offset);
    else
      ldr__header_matrix(text, t->name, LDR_U8, 0, (size_t)t->shape[0],
          (size_t)t->shape[1] / LDR__QBLOCK * ldr_dtype_size(type), &offset);
  }
  ldr__text_string(text, "}");
}

static void ldr__quantised_tensor(
    ldr__writer *w, const ldr_model *m, const ldr_tensor *t, ldr_dtype type, ldr_error *err) {
  enum { TAKE = 32 }; /* blocks at a time */
  float x[(int)TAKE * (int)LDR__QBLOCK]; /* C++20 warns of products of two enums */
  unsigned char out[(int)TAKE * (int)LDR__Q8_0_BYTES];
  size_t blocks = (size_t)(t->bytes / ldr_dtype_size(t->dtype) / LDR__QBLOCK), done, take, i,
      size = ldr_dtype_size(type);
  for (done = 0; done < blocks && !w->status; done += take) {
    take = LDR__MIN((size_t)TAKE, blocks - done);
    m->kernels->to_float(x, ldr__element_at(t->data, t->dtype, done * LDR__QBLOCK), t->dtype, take * LDR__QBLOCK);
    for (i = 0; i < take; i++)
      if (!ldr__quantise_block(out + i * size, x + i * LDR__QBLOCK, type)) {
        w->status = ldr__fail_at(err, LDR_NUMERIC,
            t->offset + (uint64_t)(done + i) * LDR__QBLOCK * ldr_dtype_size(t->dtype),
            "tensor \"%q\": 32 values from here on are not finite or too large for %s blocks",
            t->name, ldr_dtype_name(type));
        return;
      }
    ldr__writer_put(w, out, take * size, err);
  }
}

LDR__DEF ldr_status ldr_model_quantise(const ldr_model *m, const char *path, ldr_dtype format, ldr_error *err) {
  ldr__writer w;
  ldr__text text;
  ldr_dtype type;
  const ldr_tensor *t;
  uint64_t bound = 4096;
  size_t at, i, changed = 0;
  char *header;
  if (!m || !path) return ldr__fail(err, LDR_ARGUMENT, "ldr_model_quantise: no model or no path");
  if (format != LDR_Q8_0 && format != LDR_Q4_0)
    return ldr__fail(err, LDR_ARGUMENT, "ldr_model_quantise: the format must be LDR_Q8_0 or LDR_Q4_0");
  for (i = 0; i < m->weights->count; i++) {
    t = &m->weights->tensors[i];
    if (ldr_dtype_block(t->dtype) > 1)
      return ldr__fail_at(err, LDR_ARGUMENT, t->offset,
          "tensor \"%q\" is quantised already: start from the float model", t->name);
    changed += ldr__quantised_type(m, t, format) != t->dtype;
    bound += 512 + 12 * (uint64_t)strlen(t->name);
  }
  if (changed == 0)
    return ldr__fail(
        err, LDR_UNSUPPORTED, "nothing to quantise: no matrix of the model has rows of a multiple of 32 elements");
  bound = LDR__MIN(bound +
      6 * (uint64_t)strlen(ldr_weights_meta(m->weights, "format") ? ldr_weights_meta(m->weights, "format") : ""),
      (uint64_t)LADDER_MAX_HEADER);
  header = (char *)ldr__alloc(&m->alloc, (size_t)bound);
  if (!header) return ldr__fail(err, LDR_MEMORY, "out of memory while quantising a model");
  ldr__text_init(&text, header, (size_t)bound);
  ldr__quantised_header(&text, m, format);
  if (!ldr__writer_open(&w, path, err)) {
    ldr__writer_header(&w, &text, err);
    for (at = 0; !w.status && (t = ldr__quantised_next(m, format, &at, &type)) != NULL;) {
      if (type == t->dtype) ldr__writer_put(&w, t->data, (size_t)t->bytes, err);
      else ldr__quantised_tensor(&w, m, t, type, err);
      if (m->release) ldr__release(m, t->data, (size_t)t->bytes);
    }
    ldr__writer_close(&w, err);
  }
  ldr__free(&m->alloc, header, (size_t)bound);
  return w.status;
}

#endif /* LDR__DEF */
#endif /* LADDER_NO_STDIO */
#endif
