/* gguf.h: export --format gguf, part of tools/ladder.c. One file with a model, what was trained inside it and its
   tokenizer, as llama.cpp and its kin read them (ggml-org/ggml, docs/gguf.md, version 3).

   Metadata is put together in memory; tensors follow one row at a time. The tokenizer that was written is read again
   and must cut a page of awkward texts as the model's own does: what cannot be said in GGUF is refused, not written
   wrongly. */
#ifndef LADDER_GGUF_H
#define LADDER_GGUF_H

#include "run.h"

#define GGUF_ALIGN 32

/* Metadata, growing. */
typedef struct gguf_text { unsigned char *data; size_t used, room; uint64_t values; int failed; } gguf_text;

static void gguf_put(gguf_text *g, const void *data, size_t n) {
  void *more = g->failed || !n ? NULL : words_grow(g->data, &g->room, g->used + n, 1);
  g->failed |= n && !more;
  if (!more) return;
  g->data = (unsigned char *)more;
  memcpy(g->data + g->used, data, n);
  g->used += n;
}

static void gguf_u32(gguf_text *g, uint32_t v) {
  unsigned char b[4];
  ldr__store_u32(b, v);
  gguf_put(g, b, 4);
}

static void gguf_u64(gguf_text *g, uint64_t v) {
  unsigned char b[8];
  ldr__store_u64(b, v);
  gguf_put(g, b, 8);
}

static void gguf_string(gguf_text *g, const char *s, size_t n) {
  gguf_u64(g, n);
  gguf_put(g, s, n);
}

/* Types of values by the format's numbers. */
enum { GGUF_U32 = 4, GGUF_I32 = 5, GGUF_F32 = 6, GGUF_BOOL = 7, GGUF_STRING = 8, GGUF_LIST = 9 };

/* The key of a value, "general.name" or with the architecture in front of ".name", and its type. */
static void gguf_key(gguf_text *g, const char *arch, const char *key, uint32_t type) {
  char full[128];
  ldr__format(full, sizeof full, "%s%s", key[0] == '.' ? arch : "", key);
  gguf_string(g, full, strlen(full));
  gguf_u32(g, type);
  g->values++;
}

static void gguf_whole(gguf_text *g, const char *arch, const char *key, int64_t v) {
  gguf_key(g, arch, key, GGUF_U32);
  gguf_u32(g, (uint32_t)v);
}

static void gguf_real(gguf_text *g, const char *arch, const char *key, float v) {
  gguf_key(g, arch, key, GGUF_F32);
  gguf_u32(g, ldr__bits_from_float(v));
}

static void gguf_flag(gguf_text *g, const char *arch, const char *key, int v) {
  unsigned char b = v != 0;
  gguf_key(g, arch, key, GGUF_BOOL);
  gguf_put(g, &b, 1);
}

static void gguf_words(gguf_text *g, const char *arch, const char *key, const char *v) {
  gguf_key(g, arch, key, GGUF_STRING);
  gguf_string(g, v, strlen(v));
}

/* A list of n values of a type, which follow. */
static void gguf_list(gguf_text *g, const char *key, uint32_t type, uint64_t n) {
  gguf_key(g, "", key, GGUF_LIST);
  gguf_u32(g, type);
  gguf_u64(g, n);
}

/* ---- tokenizer -------------------------------------------------------------------------- */

/* What an id is called and of which kind it is there: added tokens by their own text. */
static const char *gguf_token(const ldr_tokenizer *t, int32_t id, int bert, char name[512], size_t *n, int *type) {
  const char *s = id < t->count && t->pieces[id].start ? ldr__piece_text(t, id) : NULL;
  int32_t i;
  *n = s ? ldr__piece_bytes(t, id) : 0;
  *type = t->types && s ? t->types[id] : (int)LDR__SP_NORMAL;
  if (id == t->unk && !t->types) *type = LDR__SP_UNKNOWN;
  for (i = 0; i < t->added_count; i++)
    if (t->added[i].id == id) {
      *n = (size_t)t->added[i].text.bytes;
      if (*type != LDR__SP_UNKNOWN) *type = t->added[i].special ? (int)LDR__SP_CONTROL : (int)LDR__SP_USER;
      return t->added[i].text.text;
    }
  if (!s) {                                          /* a hole in the numbering              */
    ldr__format(name, 512, "[PAD%d]", id);
    *n = strlen(name);
    *type = LDR__SP_UNUSED;
    return name;
  }
  if (!bert || *n > 500 || (*n > 2 && s[0] == '[' && s[*n - 1] == ']')) return s;
  if (t->prefix.bytes && *n > (size_t)t->prefix.bytes && memcmp(s, t->prefix.text, (size_t)t->prefix.bytes) == 0) {
    *n -= (size_t)t->prefix.bytes;
    return s + t->prefix.bytes;
  }
  memcpy(name, "\xe2\x96\x81", 3);                   /* begins a word                        */
  memcpy(name + 3, s, *n);
  *n += 3;
  return name;
}

static int gguf_by_rank(const void *a, const void *b) {
  uint32_t x = ((const ldr__merge *)a)->rank, y = ((const ldr__merge *)b)->rank;
  return x < y ? -1 : x > y;
}

/* Merges in the order of their ranks: *out[return value], to be freed. */
static size_t gguf_merges(const ldr_tokenizer *t, ldr__merge **out) {
  size_t i, n = 0;
  *out = t->merge_slots ? (ldr__merge *)malloc(t->merge_slots * sizeof **out) : NULL;
  for (i = 0; *out && i < t->merge_slots; i++)
    if (t->merges[i].id >= 0) (*out)[n++] = t->merges[i];
  if (n) qsort(*out, n, sizeof **out, gguf_by_rank);
  return n;
}

/* The tokens around one text, as ids, and one by its role. */
static int32_t gguf_around(const ldr__template *k, int end) {
  int32_t i, id = -1, after = 0;
  for (i = 0; i < k->count; i++)
    if (k->items[i].sequence >= 0) after = 1;
    else if (end == after && (id < 0 || end)) id = k->items[i].id;
  return id;
}

/* The first of some names, with blanks between them, that is a token; -1: none. */
static int32_t gguf_named(const ldr_tokenizer *t, const char *list) {
  char name[64];
  size_t n;
  int32_t id = -1;
  for (; *list && id < 0; list += n + (list[n] != 0)) {
    n = strcspn(list, " ");
    memcpy(name, list, n);
    name[n] = 0;
    id = ldr_tokenizer_find(t, name);
  }
  return id;
}

static void gguf_specials(gguf_text *g, const ldr_model *m, int bert) {
  static const struct { const char *key, *names; } roles[] = {
    { "tokenizer.ggml.unknown_token_id", "[UNK] <unk>" }, { "tokenizer.ggml.seperator_token_id", "[SEP]" },
    { "tokenizer.ggml.padding_token_id", "[PAD] <pad>" }, { "tokenizer.ggml.cls_token_id", "[CLS]" },
    { "tokenizer.ggml.mask_token_id", "[MASK] <mask>" } };
  const ldr_tokenizer *t = m->tokenizer;
  int32_t bos = gguf_around(&t->single, 0), eos = gguf_around(&t->single, 1), add_bos = bos >= 0, add_eos = eos >= 0;
  size_t i;
  if (bos < 0) bos = gguf_named(t, "<s> <|begin_of_text|> <|endoftext|>");
  if (eos < 0) eos = m->end_count ? m->ends_text[0] : gguf_named(t, "</s> <|end_of_text|> <|im_end|> <|endoftext|>");
  if (bos >= 0) gguf_whole(g, "", "tokenizer.ggml.bos_token_id", bos);
  if (eos >= 0) gguf_whole(g, "", "tokenizer.ggml.eos_token_id", eos);
  for (i = 0; i < sizeof roles / sizeof *roles; i++) {
    int32_t id = gguf_named(t, roles[i].names);
    if (id >= 0 && (bert || i == 0 || i == 2)) gguf_whole(g, "", roles[i].key, id);
  }
  if (bert) gguf_whole(g, "", "tokenizer.ggml.token_type_count", m->segments);
  if (bert) return;
  gguf_flag(g, "", "tokenizer.ggml.add_bos_token", add_bos);
  gguf_flag(g, "", "tokenizer.ggml.add_eos_token", add_eos);
}

/* The tokenizer as GGUF names it: gpt2, llama, bert or t5; pre: how gpt2 splits. */
static void gguf_tokenizer(gguf_text *g, const ldr_model *m, const char *kind, const char *pre) {
  const ldr_tokenizer *t = m->tokenizer;
  int bert = strcmp(kind, "bert") == 0, bytes = strcmp(kind, "gpt2") == 0, type, i;
  int32_t id, n = m->vocabulary;
  ldr__merge *merges;
  float *scores = (float *)calloc((size_t)n + 1, sizeof *scores);
  size_t size, k, count = gguf_merges(t, &merges);
  char name[512];
  g->failed |= !scores || (t->merge_slots && !merges);
  gguf_words(g, "", "tokenizer.ggml.model", kind);
  if (pre) gguf_words(g, "", "tokenizer.ggml.pre", pre);
  gguf_list(g, "tokenizer.ggml.tokens", GGUF_STRING, (uint64_t)n);
  for (id = 0; id < n; id++) {
    const char *token = gguf_token(t, id, bert, name, &size, &type);
    gguf_string(g, token, size);
  }
  gguf_list(g, "tokenizer.ggml.token_type", GGUF_I32, (uint64_t)n);
  for (id = 0; id < n; id++) {
    gguf_token(t, id, bert, name, &size, &type);
    for (i = 0; i < 256 && !bytes && !bert && type == LDR__SP_NORMAL; i++)
      if (t->bytes[i] == id)
        type = LDR__SP_BYTE;
    gguf_u32(g, (uint32_t)type);
  }
  if (!bytes) {                                      /* a pair that is joined early has a high score */
    for (k = count; scores && k-- > 0;) if (merges[k].id < n) scores[merges[k].id] = -(float)merges[k].rank - 1;
    for (id = 0; scores && t->scores && id < LDR__MIN(n, t->count); id++) scores[id] = (float)t->scores[id];
    gguf_list(g, "tokenizer.ggml.scores", GGUF_F32, (uint64_t)n);
    for (id = 0; id < n; id++) gguf_u32(g, scores ? ldr__bits_from_float(scores[id]) : 0);
  } else {
    gguf_list(g, "tokenizer.ggml.merges", GGUF_STRING, count);
    for (k = 0; k < count; k++) {
      const char *a = ldr__piece_text(t, (int32_t)merges[k].left),
          *b = ldr__piece_text(t, (int32_t)merges[k].right);
      gguf_u64(g, strlen(a) + strlen(b) + 1);
      gguf_put(g, a, strlen(a));
      gguf_put(g, " ", 1);
      gguf_put(g, b, strlen(b));
    }
  }
  gguf_specials(g, m, bert);
  free(scores);
  free(merges);
}

/* Ways to say a tokenizer, tried in turn; space: a blank in front of the first word. */
typedef struct gguf_way { const char *cutter, *kind, *pre; int space; } gguf_way;

static const gguf_way gguf_ways[] = {
  { "WordPiece", "bert", NULL, -1 }, { "SentencePiece", "llama", NULL, 1 }, { "SentencePiece", "llama", NULL, 0 },
  { "BPE", "gpt2", "qwen2", -1 }, { "BPE", "gpt2", "llama-bpe", -1 }, { "BPE", "gpt2", "gpt-2", -1 },
  { "BPE", "gpt2", "gpt-4o", -1 }, { "BPE", "gpt2", "smollm", -1 }, { "BPE", "gpt2", "roberta-bpe", -1 },
  { "BPE", "llama", NULL, 1 }, { "BPE", "llama", NULL, 0 } };

/* What tokenizers differ in: cases, accents, digits, contractions, blanks, lines, scripts, tokens of their own. */
static const char *const gguf_probes[] = {
  "Hello, world! It's 12345 o'clock; we'RE late.", "  two  blanks\tand\n\nlines \r\n",
      ("Stra\xc3\x9f" "e caf\xc3\xa9 na\xc3\xafve \xe2\x80\x94 100%"),
  "\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd\xef\xbc\x8c\xe6\x88\x91\xe4\xbb\xac",
      "if (x<=3) { return foo_bar[2]; } // a",
  "\xf0\x9f\x98\x80 \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 123456789 AbCdEf", "" };

/* Whether the tokenizer of these metadata cuts as the model's own does; first: the first text where it does not. */
static int gguf_same(const gguf_text *g, const ldr_tokenizer *t, const char **first) {
  ldr_encoding a, b;
  ldr_error err;
  ldr_tokenizer *u;
  size_t i;
  int same;
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  memset(&err, 0, sizeof err);
  u = ldr_tokenizer_load_memory(g->data, g->used, NULL, &err);
  same = u != NULL;
  for (i = 0; same && i < sizeof gguf_probes / sizeof *gguf_probes; i++) {
    const char *s = gguf_probes[i];
    same = !ldr_tokenizer_encode(t, &a, s, strlen(s), NULL, 0, 0, 1, &err)
        && !ldr_tokenizer_encode(u, &b, s, strlen(s), NULL, 0, 0, 1, &err) && a.count == b.count
        && memcmp(a.ids, b.ids, (size_t)a.count * sizeof *a.ids) == 0;
    if (!same) *first = s;
  }
  ldr_encoding_free(&a);
  ldr_encoding_free(&b);
  ldr_tokenizer_free(u);
  return same;
}

static void gguf_begin(gguf_text *g) {
  g->used = 0;
  g->values = 0;
  gguf_put(g, "GGUF\3\0\0\0", 8);
  gguf_u64(g, 0);                                    /* tensors and values: filled in at the end */
  gguf_u64(g, 0);
}

static void gguf_counts(gguf_text *g, uint64_t tensors) {
  if (g->failed) return;
  ldr__store_u64(g->data + 8, tensors);
  ldr__store_u64(g->data + 16, g->values);
}

/* Adds the tokenizer in the first way that says it. */
static int gguf_choose_tokenizer(run *r, gguf_text *g) {
  const ldr_model *m = r->model;
  const ldr_tokenizer *t = m->tokenizer;
  const char *first = NULL;
  gguf_text alone;
  size_t i, n = sizeof gguf_ways / sizeof *gguf_ways;
  int tried = 0;
  if (!t) gguf_words(g, "", "tokenizer.ggml.model", "no_vocab");
  if (!t) return EXIT_DONE;
  if (t->count > m->vocabulary)
    return fail(r, LDR_UNSUPPORTED, "%s: its tokenizer has more tokens than the model, and GGUF one list for both",
        r->o.model);
  memset(&alone, 0, sizeof alone);
  for (i = 0; i < n; i++) {
    const gguf_way *way = &gguf_ways[i];
    if (strcmp(way->cutter, t->cutter->name) != 0) continue;
    gguf_begin(&alone);
    gguf_tokenizer(&alone, m, way->kind, way->pre);
    if (way->space >= 0) gguf_flag(&alone, "", "tokenizer.ggml.add_space_prefix", way->space);
    gguf_counts(&alone, 0);
    tried = 1;
    if (!alone.failed && gguf_same(&alone, t, &first)) break;
  }
  if (i < n) {
    gguf_put(g, alone.data + 24, alone.used - 24);
    g->values += alone.values;
  }
  free(alone.data);
  if (i < n) return EXIT_DONE;
  if (alone.failed) return fail(r, LDR_MEMORY, "out of memory for the tokenizer of %s", r->o.model);
  if (!tried) return fail(r, LDR_UNSUPPORTED, "a tokenizer of the kind %s is not written as GGUF", t->cutter->name);
  return fail(r, LDR_UNSUPPORTED,
      "GGUF has no name for the way this tokenizer cuts texts (it would differ on \"%s\")", first ? first : "");
}

/* The number of a type, as tensors have it. */
static uint32_t gguf_type(ldr_dtype type) { return (uint32_t)ldr__dtypes[type].ggml; }

/* ---- tensors ---------------------------------------------------------------------------- */

/* One tensor of the file. */
typedef struct gguf_tensor {
  char           name[64];
  ldr__published from;
  ldr_dtype      type;
  int            paired;
  size_t         bytes;
} gguf_tensor;

typedef struct gguf_model { run *r; const char *arch; int rotary; ldr_dtype type; int32_t at; } gguf_model;

static const char *gguf_name(const ldr_model *m, const ldr__published *p) {
  static const struct { int end; const char *name; } ends[] = {
    { LDR__WORD, "token_embd.weight" },
    { LDR__POSITION, "position_embd.weight" },
    { LDR__SEGMENT, "token_types.weight" },
    { LDR__EMBED_NORM, "token_embd_norm.weight" },
    { LDR__EMBED_NORMB, "token_embd_norm.bias" },
    { LDR__FINAL, "output_norm.weight" },
    { LDR__FINALB, "output_norm.bias" },
    { LDR__LM_OUT, "output.weight" } };
  size_t i;
  for (i = 0; p->layer < 0 && i < sizeof ends / sizeof *ends; i++)
    if (ends[i].end == p->slot) return ends[i].name;
  for (i = 0; p->layer >= 0 && i < sizeof ldr__gguf_slots / sizeof *ldr__gguf_slots; i++) {
    int slot = ldr__gguf_slots[i].slot, bias = slot < LDR__MATRICES ? slot + LDR__QB : slot + 1;
    if (strcmp(ldr__gguf_slots[i].pre, "attn_qkv") == 0) continue;
    if (p->slot == slot || p->slot == bias)
      return m->family->place == LDR__POST ? ldr__gguf_slots[i].post : ldr__gguf_slots[i].pre;
  }
  return NULL;
}

/* The next tensor, or 0. What GGUF has no place for (the head of masked words) is left out. */
static int gguf_next(gguf_model *k, gguf_tensor *t) {
  const ldr_model *m = k->r->model;
  size_t n;
  memset(t, 0, sizeof *t);
  while (ldr__published_next(&t->from, m, k->r->ladder, &k->at)) {
    if (t->from.layer == LDR__OF_TASK) continue;       /* has no place there: export says so      */
    const char *name = gguf_name(m, &t->from);
    int matrix = ldr__published_matrix(&t->from), slot = t->from.slot;
    if (!name) continue;
    if (t->from.layer < 0) ldr__format(t->name, sizeof t->name, "%s", name);
    else
      ldr__format(t->name, sizeof t->name, "blk.%d.%s.%s", t->from.layer, name,
          slot < LDR__MATRICES || (slot >= LDR__NORM1 && !ldr__norm_shift(slot)) ? "weight" : "bias");
    t->paired = t->from.layer >= 0 && k->rotary == LDR__PAIRS && m->shape.rotary == LDR__HALVES
        && (slot == LDR__Q || slot == LDR__K || slot == LDR__QB || slot == LDR__KB);
    t->type = !matrix || (t->from.layer < 0 && slot != LDR__WORD && slot != LDR__LM_OUT) ? LDR_F32 : k->type;
    if (ldr_dtype_block(t->type) > 1 && t->from.columns % ldr_dtype_block(t->type)) t->type = LDR_F16;
    n = matrix ? t->from.rows * t->from.columns : t->from.columns;
    t->bytes = n / ldr_dtype_block(t->type) * ldr_dtype_size(t->type);
    return 1;
  }
  return 0;
}

/* Where row r of a matrix of q or k stands when pairs are turned and not halves: [head, half, i] is [head, i, half]. */
static size_t gguf_paired_row(size_t r, size_t size) {
  size_t j = r % size;
  return r - j + j % 2 * (size / 2) + j / 2;
}

static void gguf_write_row(gguf_model *k, ldr__writer *w, const gguf_tensor *t, float *row, unsigned char *packed) {
  size_t i, n = t->from.columns, blocks = n / LDR__QBLOCK, size = ldr_dtype_size(t->type);
  if (ldr_dtype_block(t->type) == 1) {
    ldr__writer_numbers(w, row, n, t->type, &k->r->err);
    return;
  }
  for (i = 0; i < blocks && !w->status; i++)
    if (!ldr__quantise_block(packed + i * size, row + i * LDR__QBLOCK, t->type))
      w->status = ldr__fail(&k->r->err, LDR_NUMERIC,
          "%s: numbers that are not finite or too large for blocks", t->name);
  ldr__writer_put(w, packed, blocks * size, &k->r->err);
}

static void gguf_write_tensor(gguf_model *k, ldr__writer *w, const gguf_tensor *t, float *row, unsigned char *packed) {
  const ldr_model *m = k->r->model;
  size_t r, i, head = (size_t)m->shape.head_dim;
  float *turned = row + t->from.columns;
  int matrix = ldr__published_matrix(&t->from);
  for (r = 0; r < (matrix ? t->from.rows : 1) && !w->status; r++) {
    const float *out = row;
    ldr__published_row(row, &t->from, 0, t->paired && matrix ? gguf_paired_row(r, head) : r, 0);
    if (t->paired && !matrix) {
      for (i = 0; i < t->from.columns; i++) turned[i] = row[gguf_paired_row(i, head)];
      out = turned;
    }
    gguf_write_row(k, w, t, (float *)out, packed);
  }
  for (i = t->bytes % GGUF_ALIGN; i && i < GGUF_ALIGN && !w->status; i++) ldr__writer_put(w, "", 1, &k->r->err);
}

/* ---- the whole file --------------------------------------------------------------------- */

/* How llama.cpp makes a vector of a text, by its numbers: as asked, as modules.json has it, or the mean. */
static int gguf_pooling(run *r, int32_t *number) {
  static const struct { int32_t mode, number; } kinds[] = {
    { POOL_NONE, 0 }, { POOL_MEAN, 1 }, { POOL_CLS, 2 }, { POOL_LAST, 3 } };
  char path[LADDER_MAX_PATH];
  pooling_rule rule;
  size_t i;
  memset(&rule, 0, sizeof rule);
  rule.mode = r->o.pool ? r->o.pool : POOL_MEAN;
  if (!r->o.pool && ldr__path_join(path, sizeof path, r->o.model, "modules.json") && ldr__file_exists(path)
      && features_modules(r, &rule))
    return EXIT_FAILED;
  for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i].mode == rule.mode) {
      *number = kinds[i].number;
      return EXIT_DONE;
    }
  return fail(r, LDR_UNSUPPORTED,
      "%s: GGUF has no number for the way modules.json makes a vector: choose with --pool", r->o.model);
}

static int gguf_describe(gguf_model *k, gguf_text *g) {
  run *r = k->r;
  const ldr_model *m = r->model;
  const ldr__rope *rope = &m->rope[0];
  const char *a = k->arch;
  int32_t width = m->shape.width, pooling = 0;
  gguf_words(g, "", "general.architecture", a);
  gguf_whole(g, "", "general.file_type",             /* the number of a tensor, but for two of them */
      k->type == LDR_BF16 ? 32 : k->type == LDR_Q8_0 ? 7 : (int64_t)gguf_type(k->type));
  gguf_whole(g, a, ".block_count", ldr__final_blocks(r->ladder));
  gguf_whole(g, a, ".context_length", m->positions);
  gguf_whole(g, a, ".embedding_length", width);
  gguf_whole(g, a, ".feed_forward_length", m->shape.ffn);
  gguf_whole(g, a, ".vocab_size", m->vocabulary);
  gguf_whole(g, a, ".attention.head_count", m->shape.heads);
  gguf_real(g, a, ldr__norm_of(m->shape.norm)->gguf, m->shape.eps);
  if (!k->rotary) {
    gguf_flag(g, a, ".attention.causal", 0);
    if (gguf_pooling(r, &pooling)) return EXIT_FAILED;
    gguf_whole(g, a, ".pooling_type", pooling);
    return EXIT_DONE;
  }
  gguf_whole(g, a, ".attention.head_count_kv", m->shape.kv_heads);
  gguf_whole(g, a, ".attention.key_length", m->shape.head_dim);
  gguf_whole(g, a, ".attention.value_length", m->shape.head_dim);
  gguf_whole(g, a, ".rope.dimension_count", m->shape.head_dim);
  gguf_real(g, a, ".rope.freq_base", rope->theta);
  if (rope->kind == LDR__ROPE_PLAIN) return EXIT_DONE;
  if (rope->kind == LDR__ROPE_LLAMA3)
    return fail(r, LDR_UNSUPPORTED, "%s: rotary positions of the kind llama3 are not written as GGUF", r->o.model);
  gguf_words(g, a, ".rope.scaling.type", rope->kind == LDR__ROPE_YARN ? "yarn" : "linear");
  gguf_real(g, a, ".rope.scaling.factor", rope->factor);
  if (rope->kind == LDR__ROPE_YARN)
    gguf_whole(g, a, ".rope.scaling.original_context_length", (int64_t)rope->original);
  return EXIT_DONE;
}

static int gguf_fits(gguf_model *k) {
  const ldr_model *m = k->r->model;
  static const char written[] = "llama mistral qwen2 qwen3 bert";      /* those that llama.cpp has read from here */
  size_t i, all;
  for (i = 0; i < sizeof ldr__gguf_kin / sizeof *ldr__gguf_kin; i++)
    if (strcmp(ldr__gguf_kin[i].type, m->type) == 0) {
      k->arch = ldr__gguf_kin[i].arch;
      k->rotary = ldr__gguf_kin[i].rotary;
    }
  if (strcmp(m->type, "mistral") == 0) {             /* a llama, there as well               */
    k->arch = ldr__gguf_kin[0].arch;
    k->rotary = ldr__gguf_kin[0].rotary;
  }
  if (!k->arch || !ldr__in_words(written, m->type, strlen(m->type)) || ldr__fused(m, LDR__UP, &i, &all) > 1
      || ldr__fused(m, LDR__K, &i, &all) > 1)
    return fail(k->r, LDR_UNSUPPORTED, "a %s model is not written as GGUF: llama, mistral, qwen2, qwen3 and bert are",
        m->type);
  if (m->shape.activation != (k->rotary ? LDR_SILU : LDR_GELU))
    return fail(k->r, LDR_UNSUPPORTED, "%s: GGUF has no word for an activation that is not the family's own",
        k->r->o.model);
  if (m->window)
    return fail(k->r, LDR_UNSUPPORTED, "%s: windows of attention are not written as GGUF", k->r->o.model);
  return EXIT_DONE;
}

static int gguf_write(gguf_model *k, gguf_text *g, const char *path) {
  run *r = k->r;
  gguf_tensor t;
  ldr__writer w;
  uint64_t offset = 0, tensors = 0;
  size_t widest = 1, wanted = 0, narrow = 0;
  float *row;
  while (gguf_next(k, &t)) {
    int matrix = t.from.slot >= 0 && ldr__published_matrix(&t.from);
    gguf_string(g, t.name, strlen(t.name));
    gguf_u32(g, matrix ? 2 : 1);
    gguf_u64(g, t.from.columns);
    if (matrix) gguf_u64(g, t.from.rows);
    gguf_u32(g, gguf_type(t.type));
    gguf_u64(g, offset);
    offset += (t.bytes + GGUF_ALIGN - 1) / GGUF_ALIGN * GGUF_ALIGN;
    widest = LDR__MAX(widest, t.from.columns);
    wanted += t.type == k->type;
    narrow += ldr_dtype_block(k->type) > 1 && t.type == LDR_F16;
    tensors++;
  }
  if (narrow && !wanted)
    return fail(r, LDR_UNSUPPORTED,
        "%s: a block holds 32 weights, and no row of its matrices has a multiple of 32: use --type f16", r->o.model);
  if (narrow)
    fprintf(stderr, "ladder: note: %d matrices are written as f16: the length of their rows is not a multiple of "
        "32\n", (int)narrow);
  gguf_counts(g, tensors);
  while (g->used % GGUF_ALIGN && !g->failed) gguf_put(g, "", 1);
  row = (float *)malloc(3 * widest * sizeof *row);
  if (g->failed || !row) fail(r, LDR_MEMORY, "out of memory while writing %s", path);
  else if (!ldr__writer_open(&w, path, &r->err)) {
    ldr__writer_put(&w, g->data, g->used, &r->err);
    k->at = 0;
    while (!w.status && gguf_next(k, &t)) gguf_write_tensor(k, &w, &t, row, (unsigned char *)(row + 2 * widest));
    ldr__writer_close(&w, &r->err);
  }
  free(row);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* The template of conversations, where the model has one. */
static void gguf_chat(run *r, gguf_text *g) {
  static const char key[] = "tokenizer.chat_template";
  const char *kept = ldr_weights_meta(r->model->weights, key);
  ldr__source s;
  size_t n = 0;
  char *own = NULL;
  memset(&s, 0, sizeof s);
  if (!kept && chat_file(&s, r->o.model, "chat_template.jinja")) {
    own = (char *)malloc(s.size + 1);
    if (own) memcpy(own, s.data, n = s.size);
    if (own) own[n] = 0;
  } else if (!kept && chat_file(&s, r->o.model, "tokenizer_config.json")) {
    ldr_error none;
    ldr_json *j;
    memset(&none, 0, sizeof none);
    j = ldr_json_parse((const char *)s.data, s.size, NULL, &none);
    if (j) own = chat_string(j, chat_default(j, ldr_json_get(j, 0, "chat_template")), &n);
    ldr_json_free(j);
  }
  if (kept || own) gguf_words(g, "", key, kept ? kept : own);
  free(own);
  ldr__source_close(&s);
}

/* r->model with what r->ladder changed in it, as one file. */
static int export_gguf(run *r, const char *path) {
  gguf_model k;
  gguf_text g;
  int status;
  memset(&k, 0, sizeof k);
  memset(&g, 0, sizeof g);
  k.r = r;
  k.type = written_type(r);
  status = ldr__exportable(r->ladder, &r->err) ? EXIT_FAILED : gguf_fits(&k);
  gguf_begin(&g);
  if (!status) status = gguf_describe(&k, &g);
  if (!status) status = gguf_choose_tokenizer(r, &g);
  if (!status) gguf_chat(r, &g);
  if (!status) status = gguf_write(&k, &g, path);
  free(g.data);
  return status;
}

#endif /* LADDER_GGUF_H */
