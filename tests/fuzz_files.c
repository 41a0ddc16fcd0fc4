/* Files of weights, configurations and lists of shards: any bytes load or are refused, and of what loads every element can
   be read. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_files.h"

static tiny_spec fuzz_spec(int i) {
  tiny_spec s = tiny_default(i % 2 ? "bert" : "llama");
  s.layers = 1;
  s.width = s.embed = 8;
  s.heads = s.kv = 2;
  s.ffn = 4;
  s.vocab = 5;
  s.positions = 6;
  return s;
}

/* Configurations of kinds that differ, small enough for a few weights, and the list of a model in shards. */
static const char *const fuzz_json[] = {
  "{\"model_type\":\"bert\",\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"intermediate_size\":4,"
  "\"vocab_size\":5,\"max_position_embeddings\":6,\"type_vocab_size\":2,\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-12,"
  "\"architectures\":[\"BertForSequenceClassification\"],\"id2label\":{\"0\":\"a\",\"1\":\"b\"},\"torch_dtype\":\"float32\"}",
  "{\"model_type\":\"llama\",\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"num_key_value_heads\":2,"
  "\"intermediate_size\":4,\"vocab_size\":5,\"max_position_embeddings\":6,\"rms_norm_eps\":1e-6,\"rope_theta\":10000.0,"
  "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
  "\"original_max_position_embeddings\":4},\"eos_token_id\":[1,2],\"tie_word_embeddings\":true}",
  "{\"model_type\":\"deberta-v2\",\"hidden_size\":8,\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":4,"
  "\"vocab_size\":5,\"max_position_embeddings\":6,\"type_vocab_size\":0,\"relative_attention\":true,"
  "\"pos_att_type\":[\"p2c\",\"c2p\"],\"position_buckets\":4,\"share_att_key\":true,\"norm_rel_ebd\":\"layer_norm\","
  "\"conv_kernel_size\":3,\"conv_act\":\"gelu\"}",
  "{\"model_type\":\"modernbert\",\"hidden_size\":8,\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":4,"
  "\"vocab_size\":5,\"max_position_embeddings\":6,\"layer_types\":[\"full_attention\",\"sliding_attention\"],"
  "\"local_attention\":4,\"rope_parameters\":{\"full_attention\":{\"rope_theta\":160000.0},\"sliding_attention\":{\"rope_theta\":10000.0}}}",
  "{\"metadata\":{\"total_size\":64},\"weight_map\":{\"a.weight\":\"m-00001-of-00002.safetensors\",\"b\":\"m-00002-of-00002.safetensors\"}}" };
enum { FUZZ_SEEDS = 9 + (int)(sizeof fuzz_json / sizeof *fuzz_json) };

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static file_bytes seeds[FUZZ_SEEDS];
  if (i >= FUZZ_SEEDS) return NULL;
  if (i >= 9) {
    *n = strlen(fuzz_json[i - 9]);
    return (const unsigned char *)fuzz_json[i - 9];
  }
  if (!seeds[i].p) {
    tiny_spec s = fuzz_spec(i);
    if (i < 2) seeds[i] = file_gguf(&s, 3);
    else if (i == 8) seeds[i].p = (unsigned char *)ldr_test_read("golden/tf/bert_model.ckpt.index", &seeds[i].n);
    else if (i < 6) seeds[i] = file_torch(&s, i / 2 % 2, i == 3 ? "module." : "", i > 3);
    else {
      seeds[i].p = (unsigned char *)tiny_weights(&s, &seeds[i].n);
    }
  }
  *n = seeds[i].n;
  return seeds[i].p;
}

static volatile double sum;

/* The index of a checkpoint of TensorFlow, beside the data of the golden one. */
static void fuzz_bundle(const unsigned char *data, size_t n) {
  ldr_error err;
  ldr__bundle h;
  memset(&err, 0, sizeof err);
  memset(&h, 0, sizeof h);
  h.path = "golden/tf/bert_model.ckpt.index";
  h.err = &err;
  h.alloc = ldr__allocator(NULL);
  ldr__source_borrow(&h.index, data, n);
  if (!ldr__bundle_read(&h) && h.w->count) sum += (double)h.w->tensors[h.w->count - 1].bytes;
  ldr_weights_close(h.w);
}

/* A list of shards (none of which is there), or the configuration of a model whose weights are another's or its own. */
static void fuzz_text(const char *text, size_t n) {
  ldr_error err;
  ldr_json *j;
  int kind;
  memset(&err, 0, sizeof err);
  j = ldr_json_parse(text, n, NULL, &err);
  if (j && ldr_json_get(j, 0, "weight_map") >= 0) {
    ldr_weights *w = ldr__weights_new(LADDER_MAX_FILES, NULL, &err);
    if (w) ldr__index_files(w, j, "golden", &err);
    ldr_weights_close(w);
  }
  ldr_json_free(j);
  for (kind = 0; kind < 2; kind++) {
    static unsigned char *weights[2];
    static size_t size[2];
    tiny_spec s = fuzz_spec(kind);
    ldr_model_desc d;
    ldr_model *m;
    if (!weights[kind]) weights[kind] = (unsigned char *)tiny_weights(&s, &size[kind]);
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    d.threads = 1;
    d.simd = LDR_SIMD_PORTABLE;
    m = ldr_model_load_memory(text, n, weights[kind], size[kind], NULL, 0, &d, &err);
    if (m) sum += (double)ldr_model_info_get(m).width;
    ldr_model_free(m);
  }
}

/* A model of these weights, with the configuration of one of the two kinds where the file has none of its own. */
static void fuzz_model(const unsigned char *data, size_t n) {
  ldr_error err;
  ldr_model *m;
  ldr_model_desc d;
  char config[1024];
  int32_t ids[3] = { 1, 2, 3 }, offsets[2];
  ldr_batch b = one_sequence(offsets, ids, 3);
  tiny_spec s;
  size_t i;
  int kind = 0;
  for (i = 0; i < n; i++) kind ^= data[i] & 1;
  s = fuzz_spec(kind);
  tiny_config(config, &s);
  memset(&d, 0, sizeof d);
  memset(&err, 0, sizeof err);
  d.threads = 1;
  d.simd = LDR_SIMD_PORTABLE;      /* in a virtual machine, asking what the processor has costs more than all the rest */
  m = ldr_model_load_memory(n > 3 && memcmp(data, "GGUF", 4) == 0 ? NULL : config, strlen(config), data, n, NULL, 0, &d, &err);
  if (m && m->shape.width <= 64 && m->shape.ffn <= 64 && m->vocabulary > 3) {
    float *hidden = (float *)malloc(3 * (size_t)m->shape.width * sizeof *hidden);
    ldr_model_hidden(m, hidden, &b, -1, &err);
    free(hidden);
  }
  ldr_model_free(m);
}

static void fuzz_one(const unsigned char *data, size_t n) {
  ldr_error err;
  ldr_weights *w;
  int32_t i;
  if (n > 1 && data[0] == 0 && data[1] == 0) {
    fuzz_bundle(data, n);
    return;
  }
  if (n && data[0] == '{') {
    fuzz_text((const char *)data, n);
    return;
  }
  memset(&err, 0, sizeof err);
  w = ldr_weights_open_memory(data, n, NULL, &err);
  for (i = 0; i < ldr_weights_count(w); i++) {
    const ldr_tensor *t = ldr_weights_at(w, i);
    const unsigned char *p = (const unsigned char *)t->data;
    float x[256];
    uint64_t k;
    for (k = 0; k < t->bytes; k += 61) sum += p[k];
    if (t->bytes) sum += p[t->bytes - 1];
    for (k = 0; ldr_tensor_read(x, t, k, 256); k += 256) sum += (double)(x[0] > 0);
  }
  ldr_weights_close(w);
  fuzz_model(data, n);
}
