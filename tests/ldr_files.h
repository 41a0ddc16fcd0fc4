/* ldr_files.h: the tiny models of ldr_tiny.h as GGUF and PyTorch files, made in memory. Include after ldr_tiny.h. */
#ifndef LDR_FILES_H
#define LDR_FILES_H

typedef struct file_bytes { unsigned char *p; size_t n, room; } file_bytes;

static void put(file_bytes *f, const void *p, size_t n) {
  if (f->n + n > f->room) {
    f->room = (f->n + n) * 2;
    f->p = (unsigned char *)realloc(f->p, f->room);
  }
  if (n) memcpy(f->p + f->n, p, n);
  f->n += n;
}

static void put_number(file_bytes *f, uint64_t v, int bytes) {
  unsigned char b[8];
  ldr__store_u64(b, v);
  put(f, b, (size_t)bytes);
}

static void put_text(file_bytes *f, const char *s, int width) {
  put_number(f, strlen(s), width);
  put(f, s, strlen(s));
}

static void put_key(file_bytes *f, const char *key, uint32_t type, uint64_t value) {
  put_text(f, key, 8);
  put_number(f, type, 4);
  put_number(f, value, type == 7 ? 1 : 4);
}

/* The name of a tensor of a llama or bert in GGUF. */
static void gguf_name(char out[128], const char *name) {
  static const char *const pairs[][2] = {
    { "model.embed_tokens.", "token_embd." }, { "model.norm.", "output_norm." }, { "self_attn.q_proj.", "attn_q." }, { "self_attn.k_proj.", "attn_k." },
    { "self_attn.v_proj.", "attn_v." }, { "self_attn.o_proj.", "attn_output." }, { "mlp.gate_proj.", "ffn_gate." }, { "mlp.up_proj.", "ffn_up." },
    { "mlp.down_proj.", "ffn_down." }, { "input_layernorm.", "attn_norm." }, { "post_attention_layernorm.", "ffn_norm." },
    { "bert.embeddings.word_embeddings.", "token_embd." }, { "bert.embeddings.position_embeddings.", "position_embd." },
    { "bert.embeddings.token_type_embeddings.", "token_types." }, { "bert.embeddings.LayerNorm.", "token_embd_norm." },
    { "attention.self.query.", "attn_q." }, { "attention.self.key.", "attn_k." }, { "attention.self.value.", "attn_v." }, { "attention.output.dense.", "attn_output." },
    { "attention.output.LayerNorm.", "attn_output_norm." }, { "intermediate.dense.", "ffn_up." }, { "output.dense.", "ffn_down." }, { "output.LayerNorm.", "layer_output_norm." } };
  const char *layer = strstr(name, "layers.") ? strstr(name, "layers.") + 7 : strstr(name, "layer.") ? strstr(name, "layer.") + 6 : NULL;
  size_t i;
  char rest[128];
  sprintf(rest, "%s", layer ? strchr(layer, '.') + 1 : name);
  for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    size_t n = strlen(pairs[i][0]);
    if (strncmp(rest, pairs[i][0], n) != 0) continue;
    if (layer) sprintf(out, "blk.%d.%s%s", atoi(layer), pairs[i][1], rest + n);
    else sprintf(out, "%s%s", pairs[i][1], rest + n);
    return;
  }
  sprintf(out, "%s", name);
}

static int gguf_ends;                 /* 1: files of GGUF name the tokens that end a text and a turn */

/* A tiny llama or bert as GGUF of a version, or one of `parts` files of it; free() its bytes. */
static inline file_bytes file_gguf_part(const tiny_spec *s, uint32_t version, int32_t part, int32_t parts) {
  size_t size, i, at = 0;
  char *weights = tiny_weights(s, &size), name[128], key[64];
  ldr_weights *w = ldr_weights_open_memory(weights, size, NULL, NULL);
  int32_t all = ldr_weights_count(w), begin = all * part / parts, n = all * (part + 1) / parts, k, d, llama = strcmp(s->family, "llama") == 0;
  file_bytes f;
  memset(&f, 0, sizeof f);
  put(&f, "GGUF", 4);
  put_number(&f, version, 4);
  put_number(&f, (uint64_t)(n - begin), 8);
  put_number(&f, (uint64_t)((part ? 0 : (llama ? 9 : 8) + 2 * gguf_ends) + (parts > 1 ? 2 : 0)), 8);
  if (parts > 1) put_key(&f, "split.no", 4, (uint64_t)part);
  if (parts > 1) put_key(&f, "split.count", 4, (uint64_t)parts);
  if (!part) {
#define GGUF_KEY(what, type, value) (sprintf(key, "%s." what, s->family), put_key(&f, key, type, (uint64_t)(value)))
  put_text(&f, "general.architecture", 8);
  put_number(&f, 8, 4);
  put_text(&f, s->family, 8);
  GGUF_KEY("block_count", 4, s->layers);
  GGUF_KEY("embedding_length", 4, s->width);
  GGUF_KEY("feed_forward_length", 4, s->ffn);
  GGUF_KEY("attention.head_count", 4, s->heads);
  GGUF_KEY("context_length", 4, s->positions);
  if (gguf_ends) put_key(&f, "tokenizer.ggml.eos_token_id", 4, 2);
  if (gguf_ends) put_key(&f, "tokenizer.ggml.eot_token_id", 4, 7);
  put_text(&f, "tokenizer.ggml.tokens", 8);                      /* a list, which is passed over */
  put_number(&f, 9, 4);
  put_number(&f, 8, 4);
  put_number(&f, 2, 8);
  put_text(&f, "<unk>", 8);
  put_text(&f, "a", 8);
  if (llama) GGUF_KEY("attention.head_count_kv", 4, s->kv);
  if (llama) GGUF_KEY("attention.layer_norm_rms_epsilon", 6, ldr__bits_from_float(1e-5f));
  else GGUF_KEY("attention.layer_norm_epsilon", 6, ldr__bits_from_float(1e-12f));
  }
#undef GGUF_KEY
  for (k = begin; k < n; k++) {
    const ldr_tensor *t = ldr_weights_at(w, k);
    gguf_name(name, t->name);
    put_text(&f, name, 8);
    put_number(&f, (uint64_t)t->dims, 4);
    for (d = t->dims; d-- > 0;) put_number(&f, (uint64_t)t->shape[d], 8);
    put_number(&f, t->dtype == LDR_F32 ? 0 : 30, 4);
    put_number(&f, at, 8);
    at += ((size_t)t->bytes + 31) / 32 * 32;
  }
  while (f.n % 32) put(&f, "", 1);
  for (k = begin; k < n; k++) {
    const ldr_tensor *t = ldr_weights_at(w, k);
    int turn = llama && (strstr(t->name, "q_proj") || strstr(t->name, "k_proj"));
    size_t rows = t->dims == 2 ? (size_t)t->shape[0] : 1, row = (size_t)t->bytes / rows, hd = (size_t)(s->width / s->heads);
    for (i = 0; i < rows; i++) {                               /* pairs stand together there */
      size_t from = turn ? i / hd * hd + i % hd % 2 * (hd / 2) + i % hd / 2 : i;
      put(&f, (const char *)t->data + from * row, row);
    }
    while (f.n % 32) put(&f, "", 1);
  }
  ldr_weights_close(w);
  free(weights);
  return f;
}

static inline file_bytes file_gguf(const tiny_spec *s, uint32_t version) { return file_gguf_part(s, version, 0, 1); }

/* ---- tokenizers inside GGUF -------------------------------------------------------------- */

static inline void put_meta(file_bytes *f, const char *key, const char *text) {
  put_text(f, key, 8);
  put_number(f, 8, 4);
  put_text(f, text, 8);
}

/* A list of texts, which are separated by '|', or of the numbers of digits. */
static inline void put_list(file_bytes *f, const char *key, uint32_t type, const char *values) {
  const char *s = values, *end;
  uint64_t n = type == 8;
  for (; *s; s++) n += type != 8 || *s == '|';
  put_text(f, key, 8);
  put_number(f, 9, 4);
  put_number(f, type, 4);
  put_number(f, n, 8);
  for (s = values; type != 8 && *s; s++) put_number(f, type == 6 ? ldr__bits_from_float((float)('0' - *s)) : (uint64_t)(*s - '0'), 4);
  for (s = values; type == 8; s = end + 1) {
    end = strchr(s, '|') ? strchr(s, '|') : s + strlen(s);
    put_number(f, (uint64_t)(end - s), 8);
    put(f, s, (size_t)(end - s));
    if (!*end) break;
  }
}

/* A GGUF file with a tokenizer and no tensors. NULL: without that. */
static inline file_bytes gguf_tokenizer(const char *model, const char *pre, const char *tokens, const char *types, const char *scores, const char *merges) {
  file_bytes f;
  memset(&f, 0, sizeof f);
  put(&f, "GGUF", 4);
  put_number(&f, 3, 4);
  put_number(&f, 0, 8);
  put_number(&f, (uint64_t)(!!model + !!pre + !!tokens + !!types + !!scores + !!merges) + 2, 8);
  if (model) put_meta(&f, "tokenizer.ggml.model", model);
  if (pre) put_meta(&f, "tokenizer.ggml.pre", pre);
  if (tokens) put_list(&f, "tokenizer.ggml.tokens", 8, tokens);
  if (types) put_list(&f, "tokenizer.ggml.token_type", 5, types);
  if (scores) put_list(&f, "tokenizer.ggml.scores", 6, scores);
  if (merges) put_list(&f, "tokenizer.ggml.merges", 8, merges);
  put_key(&f, "tokenizer.ggml.bos_token_id", 4, 0);
  put_key(&f, "tokenizer.ggml.eos_token_id", 4, 1);
  return f;
}

/* ---- PyTorch ---------------------------------------------------------------------------- */

static void pickle_text(file_bytes *f, const char *s) {
  put(f, "X", 1);
  put_text(f, s, 4);
}

static void pickle_int(file_bytes *f, uint64_t v) {
  put(f, "J", 1);
  put_number(f, v, 4);
}

/* One tensor: matrices lie turned in their storage when asked. */
static void pickle_tensor(file_bytes *f, const ldr_tensor *t, const char *key, int turned) {
  int32_t d;
  put(f, "ctorch._utils\n_rebuild_tensor_v2\n((", 35);
  pickle_text(f, "storage");
  put(f, t->dtype == LDR_F32 ? "ctorch\nFloatStorage\n" : "ctorch\nBFloat16Storage\n", t->dtype == LDR_F32 ? 20 : 23);
  pickle_text(f, key);
  pickle_text(f, "cpu");
  pickle_int(f, t->bytes / ldr_dtype_size(t->dtype));
  put(f, "tQK\0(", 5);
  for (d = 0; d < t->dims; d++) pickle_int(f, (uint64_t)t->shape[d]);
  put(f, "t(", 2);
  for (d = 0; d < t->dims; d++) pickle_int(f, t->dims == 2 && d == turned ? (uint64_t)t->shape[1 - d] : 1);
  put(f, "t\x89)tR", 5);
}

static void zip_member(file_bytes *f, file_bytes *list, int *count, const char *name, const void *data, size_t n) {
  size_t at = f->n;
  put(f, "PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
  put_number(f, n, 4);
  put_number(f, n, 4);
  put_number(f, strlen(name), 2);
  put_number(f, 0, 2);
  put(f, name, strlen(name));
  put(f, data, n);
  put(list, "PK\1\2\24\0\24\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  put_number(list, n, 4);
  put_number(list, n, 4);
  put_number(list, strlen(name), 2);
  put(list, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
  put_number(list, at, 4);
  put(list, name, strlen(name));
  ++*count;
}

/* A model's tensors as PyTorch saves them, as a zip or the older way, every name with a prefix; turned: matrices are transposed views. */
static inline file_bytes file_torch(const tiny_spec *s, int legacy, const char *prefix, int turned) {
  size_t size, i, j;
  char *weights = tiny_weights(s, &size), name[256];
  ldr_weights *w = ldr_weights_open_memory(weights, size, NULL, NULL);
  int32_t n = ldr_weights_count(w), k;
  file_bytes f, p, list, *body = legacy ? &f : &p;
  int count = 0;
  memset(&f, 0, sizeof f);
  memset(&p, 0, sizeof p);
  memset(&list, 0, sizeof list);
  if (legacy) put(&f, "\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3.\x80\2}.", 25);
  put(body, "\x80\2ccollections\nOrderedDict\n)R(", 30);
  for (k = 0; k < n; k++) {
    sprintf(name, "%s%s", prefix, ldr_weights_at(w, k)->name);
    pickle_text(body, name);
    sprintf(name, "%d", (int)k);
    pickle_tensor(body, ldr_weights_at(w, k), name, turned && ldr_weights_at(w, k)->dims == 2);
  }
  put(body, "u.", 2);
  if (legacy) put(&f, "\x80\2(", 3);
  for (k = 0; legacy && k < n; k++) {
    sprintf(name, "%d", (int)k);
    pickle_text(&f, name);
  }
  if (legacy) put(&f, "l.", 2);
  else zip_member(&f, &list, &count, "archive/data.pkl", p.p, p.n);
  for (k = 0; k < n; k++) {
    const ldr_tensor *t = ldr_weights_at(w, k);
    size_t rows = t->dims == 2 ? (size_t)t->shape[0] : 1, each = ldr_dtype_size(t->dtype), columns = (size_t)t->bytes / rows / each;
    file_bytes store;
    memset(&store, 0, sizeof store);
    for (i = 0; turned && i < columns; i++)
      for (j = 0; j < rows; j++) put(&store, (const char *)t->data + (j * columns + i) * each, each);
    if (!turned) put(&store, t->data, (size_t)t->bytes);
    sprintf(name, "archive/data/%d", (int)k);
    if (legacy) {
      put_number(&f, t->bytes / each, 8);
      put(&f, store.p, store.n);
    } else zip_member(&f, &list, &count, name, store.p, store.n);
    free(store.p);
  }
  if (!legacy) {
    i = f.n;
    put(&f, list.p, list.n);
    put(&f, "PK\5\6\0\0\0\0", 8);
    put_number(&f, (uint64_t)count, 2);
    put_number(&f, (uint64_t)count, 2);
    put_number(&f, list.n, 4);
    put_number(&f, i, 4);
    put_number(&f, 0, 2);
  }
  free(p.p);
  free(list.p);
  ldr_weights_close(w);
  free(weights);
  return f;
}
#endif
