/* ldr_tiny.h: random models of every family, built in memory, so that most tests need no file.
   Include after the implementation of ladder.h and after ldr_test.h. */
#ifndef LDR_TINY_H
#define LDR_TINY_H

enum { KERNEL_SETS = 6 };

/* Every set of kernels this machine can run, the portable one first; room for KERNEL_SETS. */
static inline int kernel_sets(const ldr__kernels **sets) {
  int n = 0, i;
  for (i = LDR__SETS; i-- > 0;)
    if (ldr__sets[i].here(1)) sets[n++] = ldr__sets[i].kernels;
  return n;
}

static inline ldr_batch one_sequence(int32_t offsets[2], const int32_t *ids, int32_t n) {
  ldr_batch b;
  offsets[0] = 0;
  offsets[1] = n;
  memset(&b, 0, sizeof b);
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = ids;
  return b;
}

/* Kinds of blocks that differ come first: LDR_TEST_SHORT=1 takes the first ten alone, for builds of which others differ in
   nothing that a family sees. */
enum { ALL_FAMILIES = 19, SHORT_FAMILIES = 10 };
static const char *const families[ALL_FAMILIES] = { "bert", "roberta", "albert", "electra", "distilbert", "gpt2", "llama",
  "qwen2", "phi", "gemma2", "gte", "roformer", "mpnet", "modernbert", "deberta-v2", "gpt_neox", "olmo2", "cohere", "falcon" };
#define FAMILIES (getenv("LDR_TEST_SHORT") ? (int)SHORT_FAMILIES : (int)ALL_FAMILIES)

/* 1: of the families after llama, whose tensors are made from their row. */
static inline int tiny_is_later(const char *family) {
  int i;
  for (i = 7; i < ALL_FAMILIES; i++)
    if (strcmp(families[i], family) == 0) return 1;
  return strcmp(family, "gemma") == 0 || strcmp(family, "gemma3_text") == 0 || strcmp(family, "phi3") == 0;      /* as GGUF */
}

static inline int tiny_is_of(const char *list, const char *family) {
  const char *at = strstr(list, family);
  while (at && ((at > list && at[-1] != ' ') || (at[strlen(family)] && at[strlen(family)] != ' '))) at = strstr(at + 1, family);
  return at != NULL;
}

static inline int tiny_turns(const char *family) { return tiny_is_of("llama qwen2 gte roformer modernbert gpt_neox phi cohere olmo2 gemma2", family); }
/* 1: gate has a matrix of its own. */
static inline int tiny_gated(const char *family) { return tiny_is_of("llama qwen2 gte modernbert cohere olmo2 gemma2", family); }
/* 1: can be written as a model file. */
static inline int tiny_published(const char *family) { return !tiny_is_of("gte modernbert deberta-v2 gpt_neox cohere falcon", family); }

/* 1: embeddings are narrower than states and go through a matrix. */
static inline int tiny_projects(const char *family) { return strstr(family, "albert") != NULL || strstr(family, "electra") != NULL; }

static inline double largest(const float *v, size_t n) {
  double m = 0;
  size_t i;
  for (i = 0; i < n; i++) m = fmax(m, fabs((double)v[i]));
  return m;
}

/* max|a-b| / max(max|b|, least); anything that is not a number counts as 1e30. */
static inline double relative(const float *a, const float *b, size_t n, double least) {
  double top = 0, scale = fmax(largest(b, n), least);
  size_t i;
  for (i = 0; i < n; i++) {
    double e = fabs((double)a[i] - (double)b[i]);
    if (!(e <= 1e30)) return 1e30;
    top = fmax(top, e);
  }
  return top > 0 ? top / scale : 0;
}

/* The value of a half's bits. */
static inline double half_value(uint32_t h) {
  int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
  double v = e == 0 ? ldexp(m, -24) : e == 31 ? HUGE_VAL : ldexp(1024 + m, e - 25);
  return h & 0x8000u ? -v : v;
}

typedef struct tiny_file { char *data; size_t size, capacity; char header[65536]; size_t used; uint64_t at; uint64_t key, count; int blank; } tiny_file;

static void tiny_bytes(tiny_file *f, const void *p, size_t n) {
  if (f->size + n > f->capacity) {
    f->capacity = (f->size + n) * 2;
    f->data = (char *)realloc(f->data, f->capacity);
  }
  memcpy(f->data + f->size, p, n);
  f->size += n;
}

/* A tensor of normal numbers: mean + scale * N(0,1). half: stored as F16-exact BF16 bits when 1. */
static void tiny_tensor(tiny_file *f, const char *name, int rows, int columns, double mean, double scale, ldr_dtype dtype) {
  size_t n = (size_t)(rows ? rows : 1) * (size_t)columns, i, size = dtype == LDR_F32 ? 4 : 2;
  char shape[64];
  if (rows) sprintf(shape, "%d,%d", rows, columns);
  else sprintf(shape, "%d", columns);
  f->used += (size_t)sprintf(f->header + f->used, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%llu,%llu]}", f->used ? "," : "", name, ldr_dtype_name(dtype), shape,
                             (unsigned long long)f->at, (unsigned long long)(f->at + n * size));
  f->at += n * size;
  for (i = 0; i < n && !f->blank; i++) {
    float v = (float)(mean + scale * ldr__random_normal(f->key, f->count++));
    unsigned char b[4];
    if (dtype == LDR_F32) ldr__store_u32(b, ldr__bits_from_float(v));
    else {
      uint32_t h = ldr__float_to_bf16(v);
      b[0] = (unsigned char)(h & 255);
      b[1] = (unsigned char)(h >> 8);
    }
    tiny_bytes(f, b, size);
  }
}

static void tiny_linear(tiny_file *f, const char *stem, int out, int in, int bias, int conv1d, ldr_dtype t) {
  char name[256];
  sprintf(name, "%.200s.weight", stem);
  tiny_tensor(f, name, conv1d ? in : out, conv1d ? out : in, 0, 0.9 / sqrt((double)in), t);
  sprintf(name, "%.200s.bias", stem);
  if (bias) tiny_tensor(f, name, 0, out, 0, 0.1, t);
}

static void tiny_norm(tiny_file *f, const char *stem, int n, int bias, ldr_dtype t) {
  char name[256];
  sprintf(name, "%.200s.weight", stem);
  tiny_tensor(f, name, 0, n, 1, 0.2, t);
  sprintf(name, "%.200s.bias", stem);
  if (bias) tiny_tensor(f, name, 0, n, 0, 0.1, t);
}

/* lm: bert with its language-model head. task: a head of three classes as its class publishes it. blank: all weights are 0, for models so large that only their shape is wanted. */
typedef struct tiny_spec { const char *family; int layers, width, heads, kv, ffn, vocab, positions, embed; ldr_dtype dtype; uint64_t seed; int threads, blank, lm; ldr_simd simd; ldr_compute compute; const ldr_allocator *alloc; int pack; ldr_task task; } tiny_spec;

static inline tiny_spec tiny_default(const char *family) {
  tiny_spec s;
  memset(&s, 0, sizeof s);
  s.family = family;
  s.layers = 3;
  s.width = 24;
  s.heads = 4;
  s.kv = tiny_is_of("llama qwen2 cohere olmo2 gemma gemma2 gemma3_text phi3", family) ? 2 : 4;
  s.ffn = 40;
  s.vocab = 31;
  s.positions = 40;
  s.embed = tiny_projects(family) ? 12 : 24;
  s.dtype = LDR_F32;
  s.seed = 7;
  return s;
}

static void tiny_block(tiny_file *f, const tiny_spec *s, int l) {
  char n[128];
  int d = s->width, kv = d / s->heads * s->kv;
  ldr_dtype t = s->dtype;
#define TINY_NAME(...) (sprintf(n, __VA_ARGS__), n)
  if (strcmp(s->family, "bert") == 0 || strcmp(s->family, "roberta") == 0 || strcmp(s->family, "electra") == 0) {
    static const char *const a[] = { "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense" };
    int i;
    for (i = 0; i < 4; i++) tiny_linear(f, TINY_NAME("%s.encoder.layer.%d.%s", s->family, l, a[i]), d, d, 1, 0, t);
    tiny_norm(f, TINY_NAME("%s.encoder.layer.%d.attention.output.LayerNorm", s->family, l), d, 1, t);
    tiny_linear(f, TINY_NAME("%s.encoder.layer.%d.intermediate.dense", s->family, l), s->ffn, d, 1, 0, t);
    tiny_linear(f, TINY_NAME("%s.encoder.layer.%d.output.dense", s->family, l), d, s->ffn, 1, 0, t);
    tiny_norm(f, TINY_NAME("%s.encoder.layer.%d.output.LayerNorm", s->family, l), d, 1, t);
  } else if (strcmp(s->family, "albert") == 0) {
    static const char *const a[] = { "query", "key", "value", "dense" };
    char p[80];
    int i;
    if (l >= (s->layers % 2 ? 1 : 2)) return;      /* an even number of layers are two groups */
    sprintf(p, "albert.encoder.albert_layer_groups.%d.albert_layers.0", l);
    for (i = 0; i < 4; i++) tiny_linear(f, TINY_NAME("%s.attention.%s", p, a[i]), d, d, 1, 0, t);
    tiny_norm(f, TINY_NAME("%s.attention.LayerNorm", p), d, 1, t);
    tiny_linear(f, TINY_NAME("%s.ffn", p), s->ffn, d, 1, 0, t);
    tiny_linear(f, TINY_NAME("%s.ffn_output", p), d, s->ffn, 1, 0, t);
    tiny_norm(f, TINY_NAME("%s.full_layer_layer_norm", p), d, 1, t);
  } else if (strcmp(s->family, "distilbert") == 0) {
    static const char *const a[] = { "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin" };
    int i;
    for (i = 0; i < 4; i++) tiny_linear(f, TINY_NAME("distilbert.transformer.layer.%d.%s", l, a[i]), d, d, 1, 0, t);
    tiny_norm(f, TINY_NAME("distilbert.transformer.layer.%d.sa_layer_norm", l), d, 1, t);
    tiny_linear(f, TINY_NAME("distilbert.transformer.layer.%d.ffn.lin1", l), s->ffn, d, 1, 0, t);
    tiny_linear(f, TINY_NAME("distilbert.transformer.layer.%d.ffn.lin2", l), d, s->ffn, 1, 0, t);
    tiny_norm(f, TINY_NAME("distilbert.transformer.layer.%d.output_layer_norm", l), d, 1, t);
  } else if (strcmp(s->family, "gpt2") == 0) {
    tiny_norm(f, TINY_NAME("transformer.h.%d.ln_1", l), d, 1, t);
    tiny_linear(f, TINY_NAME("transformer.h.%d.attn.c_attn", l), 3 * d, d, 1, 1, t);
    tiny_linear(f, TINY_NAME("transformer.h.%d.attn.c_proj", l), d, d, 1, 1, t);
    tiny_norm(f, TINY_NAME("transformer.h.%d.ln_2", l), d, 1, t);
    tiny_linear(f, TINY_NAME("transformer.h.%d.mlp.c_fc", l), s->ffn, d, 1, 1, t);
    tiny_linear(f, TINY_NAME("transformer.h.%d.mlp.c_proj", l), d, s->ffn, 1, 1, t);
  } else {
    tiny_norm(f, TINY_NAME("model.layers.%d.input_layernorm", l), d, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.self_attn.q_proj", l), d, d, 0, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.self_attn.k_proj", l), kv, d, 0, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.self_attn.v_proj", l), kv, d, 0, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.self_attn.o_proj", l), d, d, 0, 0, t);
    tiny_norm(f, TINY_NAME("model.layers.%d.post_attention_layernorm", l), d, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.mlp.gate_proj", l), s->ffn, d, 0, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.mlp.up_proj", l), s->ffn, d, 0, 0, t);
    tiny_linear(f, TINY_NAME("model.layers.%d.mlp.down_proj", l), d, s->ffn, 0, 0, t);
  }
#undef TINY_NAME
}

static void tiny_config(char *c, const tiny_spec *s) {
  int gpt = strcmp(s->family, "gpt2") == 0, distil = strcmp(s->family, "distilbert") == 0, llama = strcmp(s->family, "llama") == 0, roberta = strcmp(s->family, "roberta") == 0;
  c += sprintf(c, "{\"model_type\":\"%s\",\"vocab_size\":%d,\"%s\":%d,\"%s\":%d,\"%s\":%d,\"%s\":%d,\"%s\":%d", s->family, s->vocab, gpt ? "n_embd" : distil ? "dim" : "hidden_size", s->width,
               gpt ? "n_layer" : distil ? "n_layers" : "num_hidden_layers", s->layers, gpt ? "n_head" : distil ? "n_heads" : "num_attention_heads", s->heads,
               gpt ? "n_inner" : distil ? "hidden_dim" : strcmp(s->family, "falcon") == 0 ? "ffn_hidden_size" : "intermediate_size", s->ffn, gpt ? "n_positions" : "max_position_embeddings", s->positions + (roberta || strcmp(s->family, "mpnet") == 0 ? 2 : 0));
  if (llama) c += sprintf(c, ",\"num_key_value_heads\":%d,\"rms_norm_eps\":1e-5,\"hidden_act\":\"silu\",\"rope_theta\":10000.0,\"tie_word_embeddings\":true", s->kv);
  if (tiny_projects(s->family)) c += sprintf(c, ",\"embedding_size\":%d", s->embed);
  if (strcmp(s->family, "albert") == 0 && s->layers % 2 == 0) c += sprintf(c, ",\"num_hidden_groups\":2");
  if (roberta) c += sprintf(c, ",\"type_vocab_size\":1");
  if (strcmp(s->family, "qwen2") == 0)
    c += sprintf(c, ",\"num_key_value_heads\":%d,\"rms_norm_eps\":1e-5,\"tie_word_embeddings\":true,\"sliding_window\":3,\"use_sliding_window\":true,"
                 "\"max_window_layers\":1,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":10}", s->kv);
  if (strcmp(s->family, "roformer") == 0) c += sprintf(c, ",\"rotary_value\":true");
  if (strcmp(s->family, "deberta-v2") == 0)
    c += sprintf(c, ",\"relative_attention\":true,\"pos_att_type\":[\"p2c\",\"c2p\"],\"position_buckets\":4,\"norm_rel_ebd\":\"layer_norm\",\"type_vocab_size\":0,"
                 "\"share_att_key\":%s,\"position_biased_input\":false", s->seed & 1 ? "true" : "false");
  if (strcmp(s->family, "modernbert") == 0) c += sprintf(c, ",\"local_attention\":4,\"global_attn_every_n_layers\":2");
  if (strcmp(s->family, "gpt_neox") == 0) c += sprintf(c, ",\"rotary_pct\":0.67,\"tie_word_embeddings\":true");
  if (strcmp(s->family, "phi") == 0) c += sprintf(c, ",\"partial_rotary_factor\":0.67,\"qk_layernorm\":true,\"tie_word_embeddings\":true");
  if (strcmp(s->family, "cohere") == 0) c += sprintf(c, ",\"num_key_value_heads\":%d,\"use_qk_norm\":true,\"logit_scale\":0.5", s->kv);
  if (strcmp(s->family, "olmo2") == 0) c += sprintf(c, ",\"num_key_value_heads\":%d,\"tie_word_embeddings\":true", s->kv);
  if (strcmp(s->family, "gemma2") == 0)
    c += sprintf(c, ",\"num_key_value_heads\":%d,\"head_dim\":%d,\"sliding_window\":3,\"query_pre_attn_scalar\":5,\"attn_logit_softcapping\":2,\"final_logit_softcapping\":3",
                 s->kv, s->width / s->heads);
  if (tiny_is_of("gemma gemma3_text phi3", s->family)) c += sprintf(c, ",\"num_key_value_heads\":%d,\"head_dim\":%d,\"tie_word_embeddings\":true", s->kv, s->width / s->heads);
  if (tiny_is_of("gemma3_text phi3", s->family)) c += sprintf(c, ",\"sliding_window\":3");
  if (strcmp(s->family, "gemma3_text") == 0) c += sprintf(c, ",\"query_pre_attn_scalar\":%d", s->width / s->heads);
  if (strcmp(s->family, "falcon") == 0) c += sprintf(c, ",\"alibi\":true,\"multi_query\":false,\"parallel_attn\":false,\"bias\":true");
  if (s->task) c += sprintf(c, ",\"architectures\":[\"Tiny%s\"],\"id2label\":{\"0\":\"no\",\"1\":\"yes\",\"2\":\"per\\u0068aps\"}",
                            ldr__task_names[s->task - 1].ending);
  sprintf(c, "}");
}

/* The tensors of the family's head for a task. */
static void tiny_head(tiny_file *f, const tiny_spec *s) {
  ldr_model m;
  const struct ldr__task_row *row;
  int d = s->width;
  char name[128];
  memset(&m, 0, sizeof m);
  m.type = s->family;
  m.task.task = s->task;
  row = ldr__task_row_of(&m);
  if (!row) return;
  sprintf(name, "%s%s", row->dense && strstr(row->dense, "pooler") ? tiny_is_of("bert", s->family) ? "bert." : "albert." : "", row->dense ? row->dense : "");
  if (row->dense) tiny_linear(f, name, d, d, !row->norm, 0, s->dtype);
  if (row->norm) tiny_norm(f, row->norm, d, 0, s->dtype);
  if (s->task != LDR_TASK_POOLER) tiny_linear(f, row->out, s->task == LDR_TASK_SPAN ? 2 : s->task == LDR_TASK_CHOICE ? 1 : 3, d, strcmp(row->out, "score") != 0, 0, s->dtype);
}

/* The tensors of a family as its row names them. */
static void tiny_row(tiny_file *f, const tiny_spec *s) {
  ldr_error err;
  ldr_model *m = ldr__model_new(NULL, NULL);
  const ldr__family *row;
  char config[1024], name[256];
  size_t rows, columns, first, total;
  int l, i;
  memset(&err, 0, sizeof err);
  tiny_config(config, s);
  if (!m || ldr__model_config(m, "config.json", config, strlen(config), &err)) {
    printf("  %s\n", err.message);
    ldr_model_free(m);
    return;
  }
  row = m->family;
  for (i = 0; i < 3; i++) {
    const char *stem = i == 0 ? row->word : i == 1 ? row->position : row->segment;
    if (!stem || ((m->traits & LDR__OF_PLACES) && i)) continue;
    ldr__end_shape(m, i == 0 ? LDR__WORD : i == 1 ? LDR__POSITION : LDR__SEGMENT, &rows, &columns);
    sprintf(name, "%s%s", row->prefix, stem);
    tiny_tensor(f, name, (int)rows, (int)columns, 0, i ? 0.2 : 0.5, s->dtype);
  }
  sprintf(name, "%s%s", row->prefix, row->embed_norm ? row->embed_norm : "");
  if (row->embed_norm) tiny_norm(f, name, m->embed_width, !m->bare_norms, s->dtype);
  sprintf(name, "%s%s", row->prefix, row->project ? row->project : "");
  if (ldr__projects(m)) tiny_linear(f, name, m->shape.width, m->embed_width, 1, 0, s->dtype);
  sprintf(name, "%sencoder.relative_attention_bias.weight", row->prefix);
  if (m->traits & LDR__OF_RELATIVE) tiny_tensor(f, name, 32, s->heads, 0, 0.5, s->dtype);
  if (m->traits & LDR__OF_PLACES) {
    tiny_tensor(f, "deberta.encoder.rel_embeddings.weight", 2 * m->buckets, s->width, 0, 1, s->dtype);
    tiny_norm(f, "deberta.encoder.LayerNorm", s->width, 1, s->dtype);
    for (l = 0; l < 2 * m->layers && !(m->placed & LDR__PLACED_SHARED); l++) {
      sprintf(name, "deberta.encoder.layer.%d.attention.self.pos_%s_proj", l / 2, l % 2 ? "query" : "key");
      tiny_linear(f, name, s->width, s->width, 1, 0, s->dtype);
    }
  }
  for (l = 0; l < m->layers; l++)
    for (i = 0; i < LDR__SLOTS; i++) {
      int bias = i < LDR__NORM1 ? i >= LDR__MATRICES : ldr__norm_shift(i), fused;
      fused = ldr__fused(m, i, &first, &total) > 1;
      if (!ldr__slot_size(&m->shape, i, &rows, &columns) || (fused && first) || ldr__norm_unnamed(m, i)) continue;
      if ((m->kinds[l] & 4) && (i == LDR__NORM1 || i == LDR__NORM1B)) continue;
      sprintf(name, "%s", row->prefix);
      ldr__part_name(name + strlen(name), 200, row, i, l, 1);
      if (i < LDR__MATRICES) tiny_tensor(f, name, (int)total, (int)columns, 0, 0.9 / sqrt((double)columns), s->dtype);
      else if (i >= LDR__QNORM && m->shape.head_norms == LDR__NORM_EACH)      /* [heads, head_dim] */
        tiny_tensor(f, name, (int)total / m->shape.head_dim, m->shape.head_dim, 1, 0.2, s->dtype);
      else tiny_tensor(f, name, 0, (int)total, bias ? 0 : 1, bias ? 0.1 : 0.2, s->dtype);
    }
  sprintf(name, "%s%s", row->prefix, row->final_norm ? row->final_norm : "");
  if (row->final_norm) tiny_norm(f, name, m->shape.width, row->norm == LDR_NORM_LAYER && !m->bare_norms, s->dtype);
  ldr_model_free(m);
}

/* The bytes of a safetensors file; free() them. */
static char *tiny_weights(const tiny_spec *s, size_t *size) {
  static tiny_file f;
  char *out;
  int l, d = s->width, e = s->embed;
  size_t header;
  ldr_dtype t = s->dtype;
  memset(&f, 0, sizeof f);
  f.key = s->seed;
  f.blank = s->blank;
  if (tiny_is_later(s->family)) tiny_row(&f, s);
  else if (strcmp(s->family, "gpt2") == 0) {
    tiny_tensor(&f, "transformer.wte.weight", s->vocab, d, 0, 0.5, t);
    tiny_tensor(&f, "transformer.wpe.weight", s->positions, d, 0, 0.2, t);
  } else if (strcmp(s->family, "llama") == 0) tiny_tensor(&f, "model.embed_tokens.weight", s->vocab, d, 0, 0.5, t);
  else {
    char n[96];
    sprintf(n, "%s.embeddings.word_embeddings.weight", s->family);
    tiny_tensor(&f, n, s->vocab, e, 0, 0.5, t);
    sprintf(n, "%s.embeddings.position_embeddings.weight", s->family);
    tiny_tensor(&f, n, s->positions + (strcmp(s->family, "roberta") == 0 ? 2 : 0), e, 0, 0.2, t);
    sprintf(n, "%s.embeddings.token_type_embeddings.weight", s->family);
    if (strcmp(s->family, "distilbert") != 0) tiny_tensor(&f, n, strcmp(s->family, "roberta") == 0 ? 1 : 2, e, 0, 0.2, t);
    sprintf(n, "%s.embeddings.LayerNorm", s->family);
    tiny_norm(&f, n, e, 1, t);
    if (strcmp(s->family, "albert") == 0) tiny_linear(&f, "albert.encoder.embedding_hidden_mapping_in", d, e, 1, 0, t);
    if (strcmp(s->family, "electra") == 0) tiny_linear(&f, "electra.embeddings_project", d, e, 1, 0, t);
  }
  for (l = 0; l < s->layers && !tiny_is_later(s->family); l++) tiny_block(&f, s, l);
  if (s->lm && strcmp(s->family, "bert") == 0) {
    tiny_linear(&f, "cls.predictions.transform.dense", d, d, 1, 0, t);
    tiny_norm(&f, "cls.predictions.transform.LayerNorm", d, 1, t);
    tiny_tensor(&f, "cls.predictions.bias", 0, s->vocab, 0, 0.1, t);
  }
  if (strcmp(s->family, "gpt2") == 0) tiny_norm(&f, "transformer.ln_f", d, 1, t);
  if (strcmp(s->family, "llama") == 0) tiny_norm(&f, "model.norm", d, 0, t);
  if (s->task) tiny_head(&f, s);
  header = (f.used + 2 + 7) / 8 * 8;
  *size = 8 + header + (size_t)f.at;
  out = (char *)calloc(*size, 1);                    /* a blank model's pages are never touched */
  memset(out, ' ', 8 + header);
  ldr__store_u64((unsigned char *)out, header);
  out[8] = '{';
  memcpy(out + 9, f.header, f.used);
  out[9 + f.used] = '}';
  if (f.size) memcpy(out + 8 + header, f.data, f.size);
  free(f.data);
  return out;
}

typedef struct tiny_model { char config[1024]; char *weights; size_t size; ldr_model *m; } tiny_model;

static inline tiny_model tiny_open(tiny_spec s, ldr_error *err) {
  tiny_model t;
  ldr_model_desc d;
  memset(&t, 0, sizeof t);
  memset(&d, 0, sizeof d);
  d.threads = s.threads ? s.threads : 1;
  d.simd = s.simd;
  d.compute = s.compute;
  d.pack = s.pack;
  if (s.alloc) d.alloc = *s.alloc;
  tiny_config(t.config, &s);
  t.weights = tiny_weights(&s, &t.size);
  t.m = ldr_model_load_memory(t.config, strlen(t.config), t.weights, t.size, NULL, 0, &d, err);
  return t;
}

static inline void tiny_close(tiny_model *t) {
  ldr_model_free(t->m);
  free(t->weights);
  memset(t, 0, sizeof *t);
}

/* n examples of 3 to 12 random tokens for a head; labels follow the first tokens, so they can be learned. */
/* Every head that learns labels of its own. */
enum { TINY_HEADS = 9 };
static const ldr_head tiny_heads[TINY_HEADS] = { LDR_HEAD_CLASSIFY, LDR_HEAD_REGRESS, LDR_HEAD_TOKENS, LDR_HEAD_CHOICE, LDR_HEAD_MULTI,
    LDR_HEAD_SPANS, LDR_HEAD_ANSWER, LDR_HEAD_POINTER, LDR_HEAD_CRF };

static inline ldr_dataset *tiny_dataset(const tiny_spec *s, ldr_head head, int classes, int n, uint64_t seed) {
  ldr_dataset_desc d;
  ldr_dataset *set;
  int i, k, c;
  memset(&d, 0, sizeof d);
  d.head = head;
  d.choices = head == LDR_HEAD_CHOICE ? 3 : 0;
  if (s->alloc) d.alloc = *s->alloc;
  set = ldr_dataset_create(&d, NULL);
  for (i = 0; set && i < n * (head == LDR_HEAD_CHOICE ? 3 : 1); i++) {
    int32_t ids[16], seg[16], labels[16];
    ldr_example e;
    memset(&e, 0, sizeof e);
    e.count = 3 + (int32_t)ldr__random_below(seed, (uint64_t)i * 32, 10);
    for (k = 0; k < e.count; k++) {
      ids[k] = (int32_t)ldr__random_below(seed, (uint64_t)i * 32 + 1 + (uint64_t)k, (uint32_t)s->vocab);
      seg[k] = strcmp(s->family, "bert") == 0 && k > e.count / 2;
    }
    for (k = 0, c = 0; k < e.count; k++) {
      c += ids[k];
      labels[k] = ldr__per_token(head) ? (k == 0 ? LDR_IGNORE : ids[k] % classes) : ids[0] % (head == LDR_HEAD_CHOICE ? 3 : classes);
    }
    e.ids = ids;
    e.segments = seg;
    e.labels = labels;
    e.value = (float)c / (float)(s->vocab * e.count) - 0.5f;
    if (head == LDR_HEAD_MULTI) {                  /* none, one or two classes */
      int32_t of[2];
      of[0] = ids[0] % classes;
      of[1] = ids[1] % classes;
      labels[0] = ldr_dataset_label_set(set, of, i % 3 == 2 ? 0 : of[0] == of[1] ? 1 : 2, NULL);
    }
    if (ldr_dataset_add(set, &e, NULL)) {
      ldr_dataset_free(set);
      return NULL;
    }
  }
  return set;
}
#endif
