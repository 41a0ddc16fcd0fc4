/* test_files.c: weights in every form. Files are made here; those of the data folder are skipped by name where it is absent. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "../tools/export.h"
#endif
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_files.h"

static tiny_spec small_spec(const char *family) {
  tiny_spec s = tiny_default(family);
  s.layers = 2;
  return s;
}

/* The final states of nine tokens. */
static int loaded_states(const char *config, const void *weights, size_t size, float *out, ldr_error *err) {
  static const int32_t ids[] = { 1, 5, 30, 2, 7, 7, 0, 11, 19 };
  int32_t offsets[2];
  ldr_batch b = one_sequence(offsets, ids, 9);
  ldr_model_desc d;
  ldr_model *m;
  memset(err, 0, sizeof *err);
  memset(&d, 0, sizeof d);
  d.threads = 1;
  m = ldr_model_load_memory(config, config ? strlen(config) : 0, weights, size, NULL, 0, &d, err);
  if (m) ldr_model_hidden(m, out, &b, -1, err);
  ldr_model_free(m);
  return err->status == LDR_OK;
}

static void plain_states(const tiny_spec *s, char *config, float *out) {
  ldr_error err;
  size_t size;
  char *weights = tiny_weights(s, &size);
  tiny_config(config, s);
  CHECK(loaded_states(config, weights, size, out, &err));
  CHECK_STR(err.message, "");
  free(weights);
}

TEST(gguf_is_the_same_model) {
  static const char *const every[] = { "llama", "bert" };
  int f, version;
  for (f = 0; f < 2; f++)
    for (version = 2; version < 4; version++) {
      tiny_spec s = small_spec(every[f]);
      file_bytes g = file_gguf(&s, (uint32_t)version);
      char config[1024];
      float want[9 * 24], got[9 * 24];
      ldr_error err;
      ldr_model *m;
      plain_states(&s, config, want);
      CHECK(loaded_states(NULL, g.p, g.n, got, &err));
      CHECK_STR(err.message, "");
      CHECK(relative(got, want, 9 * 24, 1) < 1e-5);
      free(g.p);
      gguf_ends = 1;
      g = file_gguf(&s, (uint32_t)version);
      gguf_ends = 0;
      m = ldr_model_load_memory(NULL, 0, g.p, g.n, NULL, 0, NULL, &err);
      CHECK(m && m->end_count == 2 && m->ends_text[0] == 2 && m->ends_text[1] == 7);      /* of a text, and of a turn */
      ldr_model_free(m);
      free(g.p);
    }
}

TEST(gguf_in_several_files) {
  tiny_spec s = small_spec("llama");
  char config[1024], name[64];
  float want[9 * 24], got[9 * 24];
  static const int32_t ids[] = { 1, 5, 30, 2, 7, 7, 0, 11, 19 };
  int32_t offsets[2], i;
  ldr_batch b = one_sequence(offsets, ids, 9);
  ldr_error err;
  ldr_model *m;
  plain_states(&s, config, want);
  for (i = 0; i < 3; i++) {
    file_bytes f = file_gguf_part(&s, 3, i, 3);
    sprintf(name, "part-0000%d-of-00003.gguf", i + 1);
    CHECK(ldr_test_write(name, f.p, f.n));
    free(f.p);
  }
  memset(&err, 0, sizeof err);
  m = ldr_model_load("part-00001-of-00003.gguf", NULL, &err);
  CHECK_STR(err.message, "");
  if (m) CHECK_INT(ldr_model_hidden(m, got, &b, -1, &err), LDR_OK);
  CHECK(m && relative(got, want, 9 * 24, 1) < 1e-5);
  ldr_model_free(m);
  memset(&err, 0, sizeof err);
  CHECK(ldr_model_load("part-00002-of-00003.gguf", NULL, &err) == NULL && err.status == LDR_ARGUMENT);
  CHECK(strstr(err.message, "open the first, whose name ends with -00001-of-00003.gguf") != NULL);
  remove("part-00003-of-00003.gguf");
  memset(&err, 0, sizeof err);
  CHECK(ldr_model_load("part-00001-of-00003.gguf", NULL, &err) == NULL && err.status == LDR_IO);
  CHECK(strstr(err.message, "part-00003-of-00003.gguf") != NULL);
  remove("part-00001-of-00003.gguf");
  remove("part-00002-of-00003.gguf");
  {                                                  /* one file, by its content: names of caches have no ending */
    file_bytes f = file_gguf(&s, 3);
    CHECK(ldr_test_write("sha256-5f70bf18", f.p, f.n));
    memset(&err, 0, sizeof err);
    m = ldr_model_load("sha256-5f70bf18", NULL, &err);
    CHECK_STR(err.message, "");
    ldr_model_free(m);
    remove("sha256-5f70bf18");
    free(f.p);
  }
}

TEST(torch_files_are_the_same_model) {
  static const char *const prefixes[] = { "", "module.", "_orig_mod.module.", "0.auto_model.", "base_model.model." };
  int legacy, turned, p, bf16;
  for (legacy = 0; legacy < 2; legacy++)
    for (turned = 0; turned < 2; turned++)
      for (p = 0; p < 5; p++)
        for (bf16 = 0; bf16 < 2; bf16++) {
          tiny_spec s = small_spec(p % 2 ? "llama" : "bert");
          file_bytes g;
          char config[1024];
          float want[9 * 24], got[9 * 24];
          ldr_error err;
          s.dtype = bf16 ? LDR_BF16 : LDR_F32;
          g = file_torch(&s, legacy, prefixes[p], turned);
          plain_states(&s, config, want);
          CHECK(loaded_states(config, g.p, g.n, got, &err));
          CHECK_STR(err.message, "");
          CHECK(memcmp(want, got, sizeof want) == 0);
          free(g.p);
        }
}

/* What is no weights at all is named. */
TEST(the_wrong_thing_is_named) {
  static const struct { const char *bytes, *says; } things[] = {
    { "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "git lfs pull" }, { "<!DOCTYPE html><html>", "HTML" }, { "<html lang=en>", "HTML" },
    { "{\"error\":\"Repository not found\"}", "error message" }, { "\x1f\x8b\x08\x08", "gzip" }, { "\x89HDF\r\n\x1a\n", "HDF5" }, { "\x93NUMPY\x01", "NumPy" },
    { "\x08\x07\x12\x07pytorch\x1a", "ONNX" }, { "\x08\x0a\x12\x0aonnx.quant:", "ONNX" }, { "Repository not found", "\"Repository not found\": a link that became a file" },
    { "{\n  \"model_type\": \"bert\"}", "a text, not a safetensors file" }, { "", "empty" }, { "PK\3\4 but no archive", "zip" }, { "\x80\4}.", "pickle" }, { "ggjt12345", "not a safetensors" } };
  size_t i;
  for (i = 0; i < sizeof things / sizeof *things; i++) {
    ldr_error err;
    memset(&err, 0, sizeof err);
    CHECK(ldr_weights_open_memory(things[i].bytes, strlen(things[i].bytes), NULL, &err) == NULL);
    if (!strstr(err.message, things[i].says)) printf("  thing %d: %s\n", (int)i, err.message);
    CHECK(strstr(err.message, things[i].says) != NULL);
  }
  {
    ldr_error err;
    char path[1024];
    memset(&err, 0, sizeof err);
    CHECK(ldr_test_golden_path(path, sizeof path, "tf/bert_model.ckpt.data-00000-of-00001"));
    CHECK(ldr_weights_open(path, NULL, &err) == NULL && err.status == LDR_ARGUMENT && strstr(err.message, "open the .index"));
  }
}

/* What a file is of shows when a name is not found in it. */
TEST(a_missing_name_comes_with_one_that_is_there) {
  tiny_spec s = small_spec("bert");
  size_t size;
  char *weights = tiny_weights(&s, &size), config[1024];
  float out[9 * 24];
  ldr_error err;
  s.family = "roberta";
  tiny_config(config, &s);
  CHECK(!loaded_states(config, weights, size, out, &err) && err.status == LDR_MISSING);
  CHECK(strstr(err.message, "\"embeddings.word_embeddings.weight\" is missing; the first of the file's ") != NULL);
  CHECK(strstr(err.message, "is \"bert.embeddings.LayerNorm.bias\"") != NULL);
  free(weights);
}

static size_t place_of(const file_bytes *f, const char *what, size_t n) {
  size_t i;
  for (i = 0; i + n <= f->n; i++) if (memcmp(f->p + i, what, n) == 0) return i;
  return f->n;
}

/* One change to a good file, and what becomes of it; offset: where it is said to be (-1: nowhere), [1] in another file. */
typedef struct bad_file { const char *find; size_t n; int skip; const char *by; size_t by_n; ldr_status status; const char *says; int offset[2]; } bad_file;

static void check_bad(file_bytes good, const bad_file *bad, size_t count, const char *config, int other) {
  size_t i;
  for (i = 0; i < count; i++) {
    size_t at = place_of(&good, bad[i].find, bad[i].n) + (size_t)bad[i].skip;
    unsigned char *copy = (unsigned char *)malloc(good.n);
    int before = ldr_test.failures;
    float out[9 * 24];
    ldr_error err;
    memcpy(copy, good.p, good.n);
    CHECK(at + bad[i].by_n <= good.n);
    if (at + bad[i].by_n <= good.n) memcpy(copy + at, bad[i].by, bad[i].by_n);
    CHECK(!loaded_states(config, copy, good.n, out, &err));
    CHECK_INT(err.status, bad[i].status);
    CHECK(strstr(err.message, bad[i].says) != NULL);
    CHECK(err.offset == (bad[i].offset[other] < 0 ? LDR_NO_OFFSET : (uint64_t)bad[i].offset[other]));
    if (ldr_test.failures != before) printf("  bad file %d: offset %lld, %s\n", (int)i, (long long)err.offset, err.message);
    free(copy);
  }
}

TEST(bad_gguf_files) {
  static const bad_file bad[] = {
    { "GGUF", 4, 4, "\1", 1, LDR_UNSUPPORTED, "version 1", { 4 } }, { "GGUF", 4, 4, "\0\0\0\3", 4, LDR_UNSUPPORTED, "big endian", { 4 } },
    { "GGUF", 4, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, LDR_FORMAT, "do not fit", { 8 } }, { "GGUF", 4, 16, "\xff\xff\xff\x7f", 4, LDR_FORMAT, "do not fit", { 8 } },
    { "general.arch", 12, -8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, LDR_FORMAT, "behind the file", { 24 } }, { "general.arch", 12, 0, "\0", 1, LDR_FORMAT, "NUL", { 24 } },
    { "architecture", 12, 12, "\15", 1, LDR_FORMAT, "type 13", { 56 } }, { "architecture", 12, 16, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8, LDR_FORMAT, "behind the file", { 56 } },
    { "architecture", 12, 24, "zamba", 5, LDR_UNSUPPORTED, "zamba", { 0 } }, { "block_count", 11, 15, "\0", 1, LDR_LIMIT, "num_hidden_layers", { 59 } },
    { "block_count", 11, 15, "\3", 1, LDR_MISSING, "layers.2", { -1 } }, { "block_count", 11, 15, "\1", 1, LDR_EXTRA, "layers.1", { 23200 } }, { "block_count", 11, 0, "block_cousin", 11, LDR_UNSUPPORTED, "block_cousi", { 98 } },
    { "embedding_length", 16, 20, "\31", 1, LDR_SHAPE, "embed_tokens", { 1600 } }, { "rms_epsilon", 11, 15, "\0\0\300\177", 4, LDR_LIMIT, "epsilon", { -1 } },
    { "ml.tokens", 9, 13, "\11", 1, LDR_UNSUPPORTED, "list", { 292 } }, { "ml.tokens", 9, 17, "\xff\xff\xff\xff\xff\xff", 6, LDR_FORMAT, "claims", { 292 } },
    { "token_embd.weight", 17, 0, "token_embe.weight", 17, LDR_MISSING, "token_embd", { -1 } }, { "blk.0.attn_q.weight", 19, 5, "_", 1, LDR_MISSING, "q_proj", { -1 } },
    { "blk.0.attn_k.weight", 19, 11, "q", 1, LDR_FORMAT, "twice", { 19744 } },
    { "token_embd.weight", 17, 17, "\17", 1, LDR_LIMIT, "dimensions", { 425 } }, { "token_embd.weight", 17, 21, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, LDR_FORMAT, "2^64", { 425 } },
    { "token_embd.weight", 17, 37, "\7", 1, LDR_SHAPE, "block", { 425 } }, { "token_embd.weight", 17, 37, "\143", 1, LDR_DTYPE, "99", { 425 } }, { "token_embd.weight", 17, 41, "\1", 1, LDR_FORMAT, "aligned", { 1590 } },
    { "token_embd.weight", 17, 41, "\0\0\0\0\0\0\0\177", 8, LDR_FORMAT, "truncated", { 1590 } } };
  tiny_spec s = small_spec("llama");
  file_bytes g = file_gguf(&s, 3);
  size_t cut;
  int llama_states = 0;
  check_bad(g, bad, sizeof bad / sizeof *bad, NULL, 0);
  for (cut = 0; cut < g.n - 64; cut += cut < 4096 ? 1 : 997) {      /* cut anywhere, it is refused */
    unsigned char *copy = (unsigned char *)malloc(cut + 1);
    float out[9 * 24];
    ldr_error err;
    memcpy(copy, g.p, cut);
    llama_states += loaded_states(NULL, copy, cut, out, &err);
    free(copy);
  }
  CHECK_INT(llama_states, 0);
  free(g.p);
}

TEST(bad_torch_files) {
  static const bad_file zip[] = {
    { "PK\5\6", 4, 0, "PK\5\7", 4, LDR_FORMAT, "truncated", { 53120 } }, { "PK\5\6", 4, 16, "\xff\xff\xff\x7f", 4, LDR_FORMAT, "damaged", { 0 } }, { "PK\1\2", 4, 10, "\10", 1, LDR_UNSUPPORTED, "compressed", { 50789 } },
    { "PK\1\2", 4, 42, "\1", 1, LDR_FORMAT, "no member", { 50789 } }, { "PK\1\2", 4, 20, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8, LDR_FORMAT, "truncated", { 50789 } },
    { "data.pklPK\1\2", 12, 0, "data.pyl", 8, LDR_FORMAT, "PyTorch", { 0 } } };
  static const bad_file pickle[] = {
    { "ccollections", 12, 0, "cposix\nsystem\nx", 15, LDR_UNSUPPORTED, "posix.system", { 62, 41 } }, { "FloatStorage", 12, 0, "QuickStorage", 12, LDR_UNSUPPORTED, "QuickStorage", { 178, 157 } },
    { "_rebuild_tensor_v2", 18, 0, "_rebuild_sparse_te", 18, LDR_UNSUPPORTED, "_rebuild_sparse_te", { 144, 123 } }, { "storage", 7, 0, "borrage", 7, LDR_FORMAT, "storage", { 199, 178 } },
    { "tQK", 3, 0, "tPK", 3, LDR_UNSUPPORTED, "operation 80", { 198, 177 } }, { "tQK", 3, 0, "tRK", 3, LDR_FORMAT, "pickle", { 199, 178 } }, { "tQK", 3, 3, "\5", 1, LDR_FORMAT, "reaches behind", { 6138, 6335 } },
    { "tQK\0(J", 6, 0, "tQK\0(j", 6, LDR_FORMAT, "pickle", { 207, 186 } }, { "u.", 2, 0, "s.", 2, LDR_FORMAT, "", { 6093, 6072 } }, { "u.", 2, 0, "uu", 2, LDR_FORMAT, "pickle", { 6094, 6073 } } };
  tiny_spec s = small_spec("bert");
  char config[1024];
  int legacy, opened = 0;
  tiny_config(config, &s);
  for (legacy = 0; legacy < 2; legacy++) {
    file_bytes g = file_torch(&s, legacy, "", 0);
    size_t cut;
    if (!legacy) check_bad(g, zip, sizeof zip / sizeof *zip, config, 0);
    check_bad(g, pickle, sizeof pickle / sizeof *pickle, config, legacy);
    for (cut = 0; cut < g.n; cut += cut < 300 ? 1 : 499) {
      unsigned char *copy = (unsigned char *)malloc(cut + 1);
      ldr_error err;
      ldr_weights *w;
      memset(&err, 0, sizeof err);
      memcpy(copy, g.p, cut);
      w = ldr_weights_open_memory(copy, cut, NULL, &err);
      opened += w != NULL;
      ldr_weights_close(w);
      free(copy);
    }
    free(g.p);
  }
  CHECK_INT(opened, 0);
}

/* Every allocation fails in turn: a clean error, nothing leaked. */
TEST(readers_survive_without_memory) {
  tiny_spec s = small_spec("llama");
  int form;
  s.layers = 1;
  for (form = 0; form < 3; form++) {
    file_bytes g = form ? file_torch(&s, form - 1, "", 1) : file_gguf(&s, 3);
    char config[1024];
    long at;
    int done = 0;
    tiny_config(config, &s);
    for (at = 1; at < 4000 && !done; at++) {
      ldr_test_heap heap;
      ldr_model_desc d;
      ldr_error err;
      ldr_model *m;
      memset(&err, 0, sizeof err);
      memset(&d, 0, sizeof d);
      d.threads = 1;
      d.alloc = ldr_test_alloc(&heap, at);
      m = ldr_model_load_memory(form ? config : NULL, strlen(config), g.p, g.n, NULL, 0, &d, &err);
      done = m != NULL;
      if (!m) CHECK_INT(err.status, LDR_MEMORY);
      ldr_model_free(m);
      CHECK_INT(heap.live, 0);
    }
    CHECK(done);
    free(g.p);
  }
}

/* Frequencies by transformers 5.24 (tests/reference/make_rope.py), theta 10000, heads of 16. */
TEST(rotary_positions_are_stretched_as_by_transformers) {
  static const struct { const char *rope; float score; float f[8]; } rows[] = {
#include "golden/rope.h"
  };
  size_t i;
  int k;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    tiny_spec s = small_spec("llama");
    char config[1024];
    tiny_model t;
    ldr_error err;
    s.heads = s.kv = 2;
    s.width = 32;
    s.positions = 64;
    memset(&t, 0, sizeof t);
    memset(&err, 0, sizeof err);
    tiny_config(config, &s);
    sprintf(config + strlen(config) - 1, ",\"rope_parameters\":%s}", rows[i].rope);
    t.weights = tiny_weights(&s, &t.size);
    t.m = ldr_model_load_memory(config, strlen(config), t.weights, t.size, NULL, 0, NULL, &err);
    CHECK_STR(err.message, "");
    for (k = 0; t.m && k < 8; k++) CHECK_NEAR(t.m->frequency[k], rows[i].f[k], 1e-6 * (double)rows[i].f[k]);
    if (t.m) CHECK_NEAR(t.m->rope[0].score, rows[i].score * rows[i].score, 1e-5);
    tiny_close(&t);
  }
}

/* ---- files that others wrote --------------------------------------------------------------- */

/* Cases of a golden file against a model: the largest difference of any layer, or -1. */
static double golden_difference(const ldr_model *m, const char *golden, ldr_error *err) {
  ldr_weights *g = ldr_weights_open(golden, NULL, err);
  double worst = 0;
  int c, layer;
  for (c = 0; g && m && c < 3; c++) {
    const ldr_tensor *ids, *types, *mask, *tasks;
    char name[64];
    int32_t rows, length, r, i;
    sprintf(name, "case%d.input_ids", c);
    ids = ldr_weights_find(g, name);
    sprintf(name, "case%d.token_type_ids", c);
    types = ldr_weights_find(g, name);
    sprintf(name, "case%d.attention_mask", c);
    mask = ldr_weights_find(g, name);
    sprintf(name, "case%d.task_type_ids", c);
    tasks = ldr_weights_find(g, name);
    if (!ids || ids->dims != 2) continue;
    rows = (int32_t)ids->shape[0];
    length = (int32_t)ids->shape[1];
    for (layer = 0; layer <= m->layers; layer++) {
      const ldr_tensor *want;
      int scores;
      sprintf(name, "case%d.hidden.%d", c, layer);
      want = ldr_weights_find(g, name);
      scores = want && want->shape[2] != m->shape.width;       /* OPT's last states are made narrow there: its scores instead */
      sprintf(name, "case%d.logits", c);
      if (scores) CHECK((want = ldr_weights_find(g, name)) != NULL);
      for (r = 0; want && r < rows; r++) {
        int32_t in[64], seg[64], offsets[2], n = 0;
        size_t w = (size_t)want->shape[2];
        float *got, *b;
        ldr_batch batch;
        for (i = 0; i < length && i < 64; i++) {
          size_t at = (size_t)(r * length + i) * 8;
          if (mask && !ldr__load_u64((const unsigned char *)mask->data + at)) break;
          in[n] = (int32_t)ldr__load_u64((const unsigned char *)ids->data + at);
          seg[n] = types ? (int32_t)ldr__load_u64((const unsigned char *)types->data + at) : 0;
          if (tasks) seg[n] += m->segments * (int32_t)ldr__load_u64((const unsigned char *)tasks->data + at);
          n++;
        }
        batch = one_sequence(offsets, in, n);
        batch.segments = seg;
        got = (float *)malloc((size_t)n * w * sizeof *got);
        b = (float *)malloc((size_t)n * LDR__MAX(w, (size_t)m->shape.width) * sizeof *b);
        if (ldr_model_hidden(m, scores ? b : got, &batch, layer, err) || (scores && ldr_model_logits(m, got, b, n, err))) worst = 1e30;
        ldr_tensor_read(b, want, (uint64_t)r * (uint64_t)length * w, (size_t)n * w);
        for (i = 0; worst < 1e30 && i < n * (int32_t)w; i++) worst = fmax(worst, fabs((double)got[i] - (double)b[i]));
        free(got);
        free(b);
      }
    }
  }
  ldr_weights_close(g);
  return g && m ? worst : -1;
}

/* Directories of models/hf whose every state is that of transformers. */
static const char *const hf_dirs[] = {
  "bert-mlm", "bert-cls", "bert-base", "bert-tokcls", "bert-qa", "roberta-mlm", "roberta-cls", "xlm-roberta-mlm", "xlm-roberta-cls", "camembert-mlm",
  "distilbert-mlm", "distilbert-cls", "electra-disc", "electra-mlm", "electra-cls", "albert-mlm", "mpnet-mlm", "mpnet-cls", "modernbert-mlm", "modernbert-cls",
  "nomic-bert-mlm", "gte-mlm", "gte-cls", "ernie-mlm", "ernie-cls", "roformer-mlm", "roformer-cls", "eurobert-mlm", "megatron-bert-mlm", "gpt2", "gpt2-scaled",
  "gpt2-cls", "gpt_neo", "opt", "opt-post", "llama", "llama-llama3rope", "llama-linear", "llama-yarn", "llama-oldcfg", "llama-cls", "mistral", "qwen2", "qwen2-window",
  "starcoder2", "smollm3", "qwen3", "deberta-v2-mlm", "deberta-v2-cls", "deberta-mlm", "albert-cls",
  "gpt_neox", "gpt_neox-seq", "gptj", "phi", "phi-qkln", "phi3", "phi3-longrope", "stablelm", "stablelm-12b", "cohere", "cohere-qknorm",
  "olmo", "olmo2", "t5-enc", "gemma", "gemma2", "gemma3", "granite", "bloom", "falcon-7b", "falcon-40b", "falcon-rw", "mixtral", "qwen2_moe", "qwen3_moe" };
enum { HF_DIRS = (int)(sizeof hf_dirs / sizeof *hf_dirs) };

TEST(outside_families_equal_transformers) {
  char path[1024], golden[1100];
  double worst = 0;
  size_t i;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/bert-mlm/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < (size_t)HF_DIRS; i++) {
    char name[128];
    ldr_error err;
    ldr_model *m;
    double e;
    memset(&err, 0, sizeof err);
    sprintf(name, "models/hf/%s", hf_dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    sprintf(golden, "%s/golden.safetensors", path);
    e = golden_difference(m, golden, &err);
    if (!(e >= 0 && e <= 2e-5)) printf("  %s: %g %s\n", hf_dirs[i], e, err.message);
    CHECK(e >= 0 && e <= 2e-5);
    worst = fmax(worst, e);
    ldr_model_free(m);
  }
  printf("  %d directories: every layer within %.1e\n", (int)HF_DIRS, worst);
}

/* The same weights under the configuration that transformers 4 wrote, which leaves out what was its default: the same states,
   and the same scores of words. */
TEST(outside_configurations_of_version_4) {
  char path[1024], name[128];
  int checked = 0, worded = 0;
  size_t i;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/bert-mlm/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < (size_t)HF_DIRS; i++) {
    static const int32_t ids[7] = { 3, 9, 27, 81, 5, 17, 40 };
    int32_t offsets[2];
    ldr_batch b = one_sequence(offsets, ids, 7);
    size_t n = 0, size = 0, h;
    char *config, *weights;
    ldr_model *m, *old;
    ldr_error err;
    sprintf(name, "models/hf/%s/config.v4.json", hf_dirs[i]);
    if (!ldr_test_data_path(path, sizeof path, name)) continue;      /* version 4 has no such family */
    memset(&err, 0, sizeof err);
    config = ldr_test_read(path, &n);
    sprintf(name, "models/hf/%s/model.safetensors", hf_dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    weights = ldr_test_read(path, &size);
    old = ldr_model_load_memory(config, n, weights, size, NULL, 0, NULL, &err);
    CHECK_STR(err.message, "");
    *strrchr(path, '/') = 0;
    m = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    if (m && old) {
      size_t w = 7 * (size_t)m->shape.width, v = 7 * (size_t)m->vocabulary;
      float *x = (float *)malloc((w + v) * sizeof *x), *y = (float *)malloc((w + v) * sizeof *y);
      int words = ldr_model_info_get(m).has_logits;
      CHECK_INT(ldr_model_info_get(old).has_logits, words);
      CHECK_INT(ldr_model_info_get(old).task, ldr_model_info_get(m).task);
      CHECK_INT(ldr_model_hidden(m, x, &b, -1, &err), LDR_OK);
      CHECK_INT(ldr_model_hidden(old, y, &b, -1, &err), LDR_OK);
      if (words) CHECK_INT(ldr_model_logits(m, x + w, x, 7, &err), LDR_OK);
      if (words) CHECK_INT(ldr_model_logits(old, y + w, y, 7, &err), LDR_OK);
      for (h = 0; h < w + (words ? v : 0) && x[h] == y[h]; h++) {}
      CHECK(h == w + (words ? v : 0));
      if (h < w + (words ? v : 0) || ldr_model_info_get(old).has_logits != words) printf("  %s differs\n", hf_dirs[i]);
      worded += words;
      checked++;
      free(x);
      free(y);
    }
    ldr_model_free(m);
    ldr_model_free(old);
    free(config);
    free(weights);
  }
  CHECK(checked > 60 && worded > 40);
  printf("  %d configurations, %d with a head of words\n", checked, worded);
}

/* How far the states that a token head reads are from the backbone's. identity: the first D and U are made so. */
static double ladder_difference(const ldr_model *m, const ldr_ladder_desc *d, int identity, ldr_error *err) {
  static const int32_t ids[13] = { 3, 9, 27, 81, 5, 17, 40, 2, 2, 66, 7, 90, 31 }, offsets[] = { 0, 5, 6, 13 };
  ldr_ladder *l = ldr_ladder_create(m, d, err);
  ldr_predictor *p = l ? ldr_predictor_create(l, 3, 13, err) : NULL;
  size_t w = (size_t)m->shape.width, i;
  float *hidden = (float *)malloc(13 * w * sizeof *hidden), scores[13 * 2];
  double e = 1e30;
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 3;
  b.offsets = offsets;
  b.ids = ids;
  if (p && identity) {
    ldr_param first = ldr_ladder_param(l, ldr_ladder_find(l, "first.down.weight")), up = ldr_ladder_param(l, ldr_ladder_find(l, "up.weight"));
    for (i = 0; i < w * w; i++) first.value[i] = up.value[i] = i / w == i % w ? 1.0f : 0.0f;
  }
  if (p && !ldr_predict(p, scores, &b, err) && !ldr_model_hidden(m, hidden, &b, -1, err)) e = relative(p->pass.mixed, hidden, 13 * w, 0);
  free(hidden);
  ldr_predictor_free(p);
  ldr_ladder_free(l);
  return e;
}

/* How much lower the loss of the same texts is after a few steps; below 0: nothing was trained. */
static double loss_drop(const ldr_model *m, const ldr_dataset *set, const ldr_ladder_desc *d, ldr_error *err) {
  ldr_ladder *l = ldr_ladder_create(m, d, err);
  ldr_train_desc td;
  ldr_trainer *t;
  ldr_progress p;
  double first = -1;
  memset(&td, 0, sizeof td);
  memset(&p, 0, sizeof p);
  td.epochs = 16;
  td.batch = 8;
  td.rate = d->preset == LDR_PRESET_PAPER ? 1e-2f : 5e-3f;
  t = l ? ldr_trainer_create(l, set, NULL, &td, err) : NULL;
  while (t && !ldr_trainer_done(t) && !ldr_trainer_step(t, &p, err)) if (first < 0) first = p.step_loss;
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  return err->status ? -1 : first - p.step_loss;
}

/* Every family of the tables: a ladder of each recipe learns beside it, and at r = 1 it is the backbone. Some have heads
   that the preset paper cannot make smaller (see the manual). */
TEST(outside_every_family_has_ladders) {
  static const struct { ldr_preset preset; int reduction, width; } ways[] = { { LDR_PRESET_DEFAULT, 0, 0 }, { LDR_PRESET_SLICED, 2, 0 },
    { LDR_PRESET_PAPER, 2, 0 }, { LDR_PRESET_CLUE, 0, 16 } };
  char path[1024], seen[2048] = " ";
  int families_seen = 0, whole = 0, whole_rows = 0;
  double worst = 0;
  size_t i, k;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/bert-mlm/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < (size_t)HF_DIRS; i++) {
    char name[128];
    tiny_spec s = tiny_default("bert");
    ldr_ladder_desc d;
    ldr_dataset *set;
    ldr_error err;
    ldr_model *m;
    double e;
    memset(&err, 0, sizeof err);
    sprintf(name, "models/hf/%s", hf_dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    sprintf(name, " %s ", m ? m->type : "?");
    if (!m || strstr(seen, name)) {
      ldr_model_free(m);
      continue;
    }
    strcat(seen, name + 1);
    families_seen++;
    s.family = "none";                             /* all of one type */
    s.vocab = 100;
    set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 2, 8, 11);
    memset(&d, 0, sizeof d);
    d.preset = LDR_PRESET_SLICED;
    d.head = LDR_HEAD_TOKENS;
    d.classes = 2;
    d.reduction = 1;
    d.gate_init = 0.7f;
    e = m->shape.experts ? 0 : ladder_difference(m, &d, 0, &err);      /* rungs beside experts start at random */
    d.preset = LDR_PRESET_PAPER;
    d.gate_init = 100;
    d.dropout = -1;
    if (!err.status && !m->shape.experts) e = fmax(e, ladder_difference(m, &d, 1, &err));
    if (!(e <= 2e-5) || err.status) printf("  %s at r = 1: %g %s\n", m->type, e, err.message);
    CHECK(e <= 2e-5 && !err.status);
    worst = fmax(worst, e);
    for (k = 0; k < sizeof ways / sizeof *ways; k++) {
      memset(&d, 0, sizeof d);
      memset(&err, 0, sizeof err);
      d.preset = ways[k].preset;
      d.classes = 2;
      d.reduction = ways[k].reduction;
      if (d.preset == LDR_PRESET_PAPER && m->shape.head_dim % 4) d.reduction = m->shape.ffn % 3 ? 1 : 3;      /* rotary: even parts of heads */
      d.width = ways[k].width;
      d.dropout = -1;
      d.seed = 3;
      e = loss_drop(m, set, &d, &err);
      if (d.preset == LDR_PRESET_PAPER && err.status == LDR_UNSUPPORTED && strstr(err.message, "slice whole heads")) {
        whole++;
        continue;
      }
      if (!(e > 0.01)) printf("  %s, preset %d: %g %s\n", m->type, (int)d.preset, e, err.message);
      CHECK(e > 0.01);
    }
    ldr_dataset_free(set);
    ldr_model_free(m);
  }
  for (i = 0; i < sizeof ldr__families / sizeof *ldr__families; i++) whole_rows += !(ldr__families[i].traits & LDR__OF_STACKS);
  CHECK_INT(families_seen, whole_rows + sizeof ldr__kin / sizeof *ldr__kin - 3);      /* falcon and opt have two rows, t5's encoder one; mt5, m2m_100: test_stacks.c */
  printf("  %d families, %d of them with heads that paper cannot cut: at r = 1 within %.1e\n", families_seen, whole, worst);
}

/* Each directory as a model file again: the same states and scores, to the bit, or it is refused by name. */
TEST(outside_models_are_written_again) {
  static const char file[] = "written-test.safetensors";
  char path[1024];
  int written = 0, heads = 0;
  size_t i;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/bert-mlm/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < (size_t)HF_DIRS; i++) {
    static const int32_t ids[7] = { 3, 9, 27, 81, 5, 17, 40 };
    int32_t offsets[2], k;
    ldr_batch b = one_sequence(offsets, ids, 7);
    ldr_model *m, *again = NULL;
    ldr_ladder_desc d;
    ldr_ladder *l;
    ldr_error err;
    char name[128], *config, *weights;
    size_t n = 0, size = 0;
    float *x[2];
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    sprintf(name, "models/hf/%s/config.json", hf_dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    config = ldr_test_read(path, &n);
    *strrchr(path, '/') = 0;
    m = ldr_model_load(path, NULL, &err);
    d.method = LDR_METHOD_HEAD;
    d.classes = 2;
    l = ldr_ladder_create(m, &d, &err);
    CHECK_STR(err.message, "");
    if (ldr_ladder_export(l, file, LDR_F32, &err)) {
      CHECK(err.status == LDR_UNSUPPORTED && strstr(err.message, m->type));
      CHECK(strstr("gte nomic_bert modernbert deberta deberta-v2 phi3 gpt_neox bloom falcon ernie olmo cohere stablelm mixtral qwen2_moe qwen3_moe", m->type) != NULL);
    } else {
      weights = ldr_test_read(file, &size);
      again = ldr_model_load_memory(config, n, weights, size, NULL, 0, NULL, &err);
      CHECK_STR(err.message, "");
      for (k = 0; again && k < 2; k++) {
        ldr_model *of = k ? again : m;
        ldr_model_info info = ldr_model_info_get(of);
        size_t w = 7 * (size_t)info.width, v = 7 * (size_t)LDR__MAX(info.has_logits ? info.vocabulary : 0, info.classes);
        x[k] = (float *)calloc(w + v, sizeof *x[k]);
        CHECK_INT(ldr_model_hidden(of, x[k], &b, -1, &err), LDR_OK);
        if (info.task) CHECK_INT(ldr_model_scores(of, x[k] + w, x[k], &b, &err), LDR_OK);
        else if (info.has_logits) CHECK_INT(ldr_model_logits(of, x[k] + w, x[k], 7, &err), LDR_OK);
        CHECK(info.task == m->task.task && info.classes == m->task.classes);
        CHECK(!k || memcmp(x[0], x[1], (w + v) * sizeof *x[0]) == 0);
        if (k && memcmp(x[0], x[1], (w + v) * sizeof *x[0]) != 0) printf("  %s differs\n", hf_dirs[i]);
      }
      for (k = 0; again && k < 2; k++) free(x[k]);
      written++;
      heads += m->task.task != LDR_TASK_NONE;
      free(weights);
    }
    ldr_ladder_free(l);
    ldr_model_free(again);
    ldr_model_free(m);
    free(config);
    remove(file);
  }
  CHECK(written > 40 && heads > 10);
  printf("  %d directories, %d with the head for a task\n", written, heads);
}

/* Norms of heads do not fit heads of which a part was cut away; all presets that keep heads whole train with them. */
TEST(outside_heads_with_norms_stay_whole) {
  char path[1024];
  ldr_ladder_desc d;
  ldr_error err;
  ldr_model *m;
  int p;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/qwen3")) SKIP("no models/hf/qwen3 (set LADDER_DATA to the data folder)");
  memset(&err, 0, sizeof err);
  m = ldr_model_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  for (p = 0; m && p < LDR_PRESET_COUNT; p++) {
    int runs = p != LDR_PRESET_PAPER;
    ldr_ladder *l;
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.preset = (ldr_preset)p;
    d.head = LDR_HEAD_CLASSIFY;
    d.classes = 2;
    d.reduction = 2;
    if (p == LDR_PRESET_HEAD || p == LDR_PRESET_TOP) d.reduction = 0;
    if (p == LDR_PRESET_CLUE) d.width = 16;
    l = ldr_ladder_create(m, &d, &err);
    CHECK((l != NULL) == runs);
    CHECK(runs || (err.status == LDR_UNSUPPORTED && strstr(err.message, "slice whole heads")));
    if ((l != NULL) != runs) printf("  preset %d: %s\n", p, err.message);
    ldr_ladder_free(l);
  }
  ldr_model_free(m);
}

/* A convolution beside the first block is run and never gone through: copies of later blocks train above it. */
TEST(outside_a_convolution_is_run_only) {
  static const struct { ldr_method method; int32_t top; int runs; } ways[] = { { LDR_METHOD_LADDER, 0, 1 }, { LDR_METHOD_LADDER, 1, 1 },
    { LDR_METHOD_HEAD, 0, 1 }, { LDR_METHOD_LADDER, 2, 0 }, { LDR_METHOD_FULL, 0, 0 }, { LDR_METHOD_LORA, 0, 0 } };
  char path[1024];
  ldr_error err;
  ldr_model *m;
  size_t i;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/deberta-v2-cls")) SKIP("no models/hf/deberta-v2-cls (set LADDER_DATA to the data folder)");
  memset(&err, 0, sizeof err);
  m = ldr_model_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  for (i = 0; m && i < sizeof ways / sizeof *ways; i++) {
    ldr_ladder_desc d;
    ldr_ladder *l;
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.method = ways[i].method;
    d.top = ways[i].top;
    d.classes = 2;
    l = ldr_ladder_create(m, &d, &err);
    CHECK((l != NULL) == ways[i].runs);
    CHECK(ways[i].runs || (err.status == LDR_UNSUPPORTED && strstr(err.message, "convolution")));
    ldr_ladder_free(l);
  }
  ldr_model_free(m);
}

TEST(outside_containers) {
  static const struct { const char *dir, *golden, *says; } rows[] = {
    { "zip", "", NULL }, { "legacy", "", NULL }, { "zip-proto4", "", NULL }, { "sharded-safetensors", "", NULL }, { "sharded-bin", "", NULL }, { "parameters", "", NULL },
    { "training-checkpoint", "", NULL }, { "bf16", "bf16", NULL }, { "f16", "f16", NULL }, { "zip-bf16", "bf16", NULL },
    { "gamma-beta", "", NULL }, { "no-prefix", "", NULL }, { "malicious", NULL, "posix.system" }, { "malicious-legacy", NULL, "posix.system" }, { "views", NULL, "unused.expanded" } };
  static const char *const kinds[] = { "bert", "llama" }, *const sources[] = { "models/hf/bert-tokcls", "models/hf/llama-llama3rope" };
  char path[1024], golden[1200];
  size_t i, k;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/containers/expected.json")) SKIP("no models/hf/containers (set LADDER_DATA to the data folder)");
  for (k = 0; k < 2; k++)
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
      char name[128];
      ldr_error err;
      ldr_model *m;
      memset(&err, 0, sizeof err);
      sprintf(name, "models/hf/containers/%s-%s", kinds[k], rows[i].dir);
      if (k && (strcmp(rows[i].dir, "gamma-beta") == 0 || strcmp(rows[i].dir, "no-prefix") == 0)) continue;      /* of BERT alone */
      CHECK(ldr_test_data_path(path, sizeof path, name));
      m = ldr_model_load(path, NULL, &err);
      if (!rows[i].golden) {
        CHECK(m == NULL && strstr(err.message, rows[i].says) != NULL);
        if (strcmp(rows[i].dir, "views") == 0) {           /* turned and cut tensors; what is too much is allowed by name */
          ldr_model_desc d;
          memset(&d, 0, sizeof d);
          memset(&err, 0, sizeof err);
          d.allow = "unused.expanded";
          m = ldr_model_load(path, &d, &err);
          CHECK_STR(err.message, "");
          ldr_test_data_path(golden, sizeof golden - 30, sources[k]);
          strcat(golden, "/golden.safetensors");
          CHECK_NEAR(golden_difference(m, golden, &err), 0, 2e-5);
          ldr_model_free(m);
        }
        continue;
      }
      CHECK_STR(err.message, "");
      if (*rows[i].golden) sprintf(name, "models/hf/containers/%s-%s", kinds[k], rows[i].golden);
      else sprintf(name, "%s", sources[k]);
      ldr_test_data_path(golden, sizeof golden - 30, name);
      strcat(golden, "/golden.safetensors");
      CHECK_NEAR(golden_difference(m, golden, &err), 0, 2e-5);
      ldr_model_free(m);
    }
}

/* llama.cpp's names, as its converter writes them, of a family whose norms after attention and FFN are named `after`. */
static void decoder_gguf_name(char out[128], const char *name, int after) {
  const char *const pairs[][2] = { { "post_attention_layernorm.", after ? "post_attention_norm." : "ffn_norm." }, { "pre_feedforward_layernorm.", "ffn_norm." },
    { "post_feedforward_layernorm.", "post_ffw_norm." }, { "self_attn.q_norm.", "attn_q_norm." }, { "self_attn.k_norm.", "attn_k_norm." },
    { "self_attn.qkv_proj.", "attn_qkv." }, { "mlp.gate_up_proj.", "ffn_up." }, { ".wte.", "token_embd." }, { ".wpe.", "position_embd." }, { ".ln_f.", "output_norm." },
    { "attn.c_attn.", "attn_qkv." }, { "attn.c_proj.", "attn_output." }, { "mlp.c_fc.", "ffn_up." }, { "mlp.c_proj.", "ffn_down." }, { "ln_1.", "attn_norm." }, { "ln_2.", "ffn_norm." },
    { "lm_head.", "output." } };
  const char *layer = strstr(name, "layers.") ? strstr(name, "layers.") + 7 : strstr(name, ".h.") ? strstr(name, ".h.") + 3 : NULL;
  size_t i;
  for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const char *at = strstr(name, pairs[i][0]);
    if (!at) continue;
    if (layer) sprintf(out, "blk.%d.%s%s", atoi(layer), pairs[i][1], at + strlen(pairs[i][0]));
    else sprintf(out, "%s%s", pairs[i][1], at + strlen(pairs[i][0]));
    return;
  }
  gguf_name(out, name);
}

typedef struct gguf_value { const char *what; int type; uint64_t value; } gguf_value;
typedef struct gguf_extra { const char *name; float numbers[3]; } gguf_extra;     /* a vector of three, or NULL */

static uint64_t tensor_numbers(const ldr_tensor *t) {
  uint64_t n = 1;
  int32_t d;
  for (d = 0; d < t->dims; d++) n *= (uint64_t)t->shape[d];
  return n;
}

/* The weights of a decoder as its GGUF. Norms of gemma hold 1 more there; what GPT-2 has as [in,out] is [out,in]. */
static file_bytes decoder_gguf(ldr_weights *w, const char *arch, int after, const gguf_value *values, size_t count, const gguf_extra *extra) {
  size_t i, at = 0, more = 0;
  char name[128], key[64];
  int32_t k, d, gpt = strcmp(arch, "gpt2") == 0;
  file_bytes f;
  memset(&f, 0, sizeof f);
  while (extra && extra[more].name) more++;
  put(&f, "GGUF", 4);
  put_number(&f, 3, 4);
  put_number(&f, (uint64_t)ldr_weights_count(w) + more, 8);
  put_number(&f, count + 1, 8);
  put_text(&f, "general.architecture", 8);
  put_number(&f, 8, 4);
  put_text(&f, arch, 8);
  for (i = 0; i < count; i++) {
    sprintf(key, "%s.%s", arch, values[i].what);
    put_key(&f, key, (uint32_t)values[i].type, values[i].value);
  }
#define TURNED(t) (gpt && (t)->dims == 2 && strstr((t)->name, ".h.") != NULL)
  for (k = 0; k < ldr_weights_count(w); k++) {
    const ldr_tensor *t = ldr_weights_at(w, k);
    decoder_gguf_name(name, t->name, after);
    put_text(&f, name, 8);
    put_number(&f, (uint64_t)t->dims, 4);
    for (d = 0; d < t->dims; d++) put_number(&f, (uint64_t)t->shape[TURNED(t) ? d : t->dims - 1 - d], 8);
    put_number(&f, 0, 4);
    put_number(&f, at, 8);
    at += ((size_t)tensor_numbers(t) * 4 + 31) / 32 * 32;
  }
  for (i = 0; i < more; i++, at += 32) {
    put_text(&f, extra[i].name, 8);
    put_number(&f, 1, 4);
    put_number(&f, 3, 8);
    put_number(&f, 0, 4);
    put_number(&f, at, 8);
  }
  while (f.n % 32) put(&f, "", 1);
  for (k = 0; k < ldr_weights_count(w); k++) {
    const ldr_tensor *t = ldr_weights_at(w, k);
    uint64_t n = tensor_numbers(t), columns = t->dims == 2 ? (uint64_t)t->shape[1] : 1, rows = n / columns, e;
    for (e = 0; e < n; e++) {
      float v;
      unsigned char b[4];
      ldr_tensor_read(&v, t, TURNED(t) ? e % rows * columns + e / rows : e, 1);
      if (strncmp(arch, "gemma", 5) == 0 && strstr(t->name, "norm.")) v += 1;
      ldr__store_u32(b, ldr__bits_from_float(v));
      put(&f, b, 4);
    }
    while (f.n % 32) put(&f, "", 1);
  }
#undef TURNED
  for (i = 0; i < more; i++) {
    for (k = 0; k < 3; k++) put_number(&f, ldr__bits_from_float(extra[i].numbers[k]), 4);
    while (f.n % 32) put(&f, "", 1);
  }
  return f;
}

/* Of a tiny decoder. */
static file_bytes tiny_gguf(const tiny_spec *s, const char *arch, int after) {
  const gguf_value values[] = { { "block_count", 4, (uint64_t)s->layers }, { "embedding_length", 4, (uint64_t)s->width },
    { "feed_forward_length", 4, (uint64_t)s->ffn }, { "attention.head_count", 4, (uint64_t)s->heads }, { "context_length", 4, (uint64_t)s->positions },
    { "attention.layer_norm_epsilon", 6, ldr__bits_from_float(1e-5f) }, { "attention.head_count_kv", 4, (uint64_t)s->kv },
    { "attention.key_length", 4, (uint64_t)(s->width / s->heads) }, { "attention.layer_norm_rms_epsilon", 6, ldr__bits_from_float(1e-6f) },
    { "rope.freq_base", 6, ldr__bits_from_float(strcmp(arch, "gemma3") == 0 ? 1e6f : 1e4f) }, { "attention.sliding_window", 4, 3 } };
  const size_t count = strcmp(arch, "gpt2") == 0 ? 6 : sizeof values / sizeof *values - (strcmp(arch, "gemma3") != 0 && strcmp(arch, "phi3") != 0);
  size_t size;
  char *weights = tiny_weights(s, &size);
  ldr_weights *w = ldr_weights_open_memory(weights, size, NULL, NULL);
  file_bytes f = decoder_gguf(w, arch, after, values, count, NULL);
  ldr_weights_close(w);
  free(weights);
  return f;
}

/* A loaded decoder, with its own numbers in the first five values. */
static file_bytes published_gguf(const ldr_model *own, const char *arch, const gguf_value *values, size_t count, const gguf_extra *extra) {
  gguf_value v[11];
  size_t k;
  for (k = 0; k < count; k++) v[k] = values[k];
  v[0].value = (uint64_t)own->layers;
  v[1].value = (uint64_t)own->shape.width;
  v[2].value = (uint64_t)own->shape.ffn;
  v[3].value = (uint64_t)own->shape.heads;
  v[4].value = (uint64_t)own->positions;
  return decoder_gguf(own->weights, arch, 0, v, count, extra);
}

static const gguf_value gpt2_values[] = { { "block_count", 4, 0 }, { "embedding_length", 4, 0 }, { "feed_forward_length", 4, 0 }, { "attention.head_count", 4, 0 },
  { "context_length", 4, 0 }, { "attention.layer_norm_epsilon", 6, 0x3727c5ac } };

/* Directories of transformers as llama.cpp's converter writes them: matrices that are turned, and LongRoPE, whose factors are
   tensors there. The answers are transformers' own, of texts shorter and longer than the first length. */
TEST(published_decoders_as_gguf) {
  static const gguf_value phi3[] = { { "block_count", 4, 0 }, { "embedding_length", 4, 0 }, { "feed_forward_length", 4, 0 }, { "attention.head_count", 4, 0 }, { "context_length", 4, 0 },
    { "attention.layer_norm_rms_epsilon", 6, 0x3727c5ac }, { "attention.head_count_kv", 4, 2 }, { "rope.freq_base", 6, 0x461c4000 }, { "rope.dimension_count", 4, 6 },
    { "rope.scaling.original_context_length", 4, 16 }, { "rope.scaling.attn_factor", 6, 0x3f9cc471 } };   /* sqrt(1 + log 4 / log 16) */
  static const gguf_extra factors[] = { { "rope_factors_long.weight", { 1.5f, 2.5f, 4.0f } }, { "rope_factors_short.weight", { 1.0f, 1.1f, 1.3f } }, { NULL, { 0, 0, 0 } } };
  static const struct { const char *dir, *arch; const gguf_value *values; size_t count; const gguf_extra *extra; } rows[] = {
    { "gpt2", "gpt2", gpt2_values, 6, NULL }, { "phi3-longrope", "phi3", phi3, 11, factors } };
  size_t i;
  for (i = 0; i < 2; i++) {
    char path[1024], name[128];
    ldr_error err;
    ldr_model *m, *own;
    file_bytes f;
    memset(&err, 0, sizeof err);
    sprintf(name, "models/hf/%s", rows[i].dir);
    if (!ldr_test_data_path(path, sizeof path - 30, name)) SKIP("no models/hf (set LADDER_DATA to the data folder)");
    own = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    if (!own) continue;
    f = published_gguf(own, rows[i].arch, rows[i].values, rows[i].count, rows[i].extra);
    m = ldr_model_load_memory(NULL, 0, f.p, f.n, NULL, 0, NULL, &err);
    CHECK_STR(err.message, "");
    strcat(path, "/golden.safetensors");
    if (m) CHECK_NEAR(golden_difference(m, path, &err), 0, 2e-5);
    CHECK_STR(err.message, "");
    ldr_model_free(m);
    if (rows[i].extra) {                                           /* the last factor is nothing to divide by */
      memset(f.p + f.n - 32 + 8, 0, 4);
      CHECK(ldr_model_load_memory(NULL, 0, f.p, f.n, NULL, 0, NULL, &err) == NULL && err.status == LDR_LIMIT && strstr(err.message, "rope_factors_short") != NULL);
    }
    ldr_model_free(own);
    free(f.p);
  }
}

TEST(decoders_as_gguf_are_the_same_model) {
  static const struct { const char *family, *arch; int after; } rows[] = { { "gemma", "gemma", 0 }, { "gemma3_text", "gemma3", 1 }, { "phi3", "phi3", 0 }, { "olmo2", "olmo2", 1 }, { "gpt2", "gpt2", 0 } };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    static const int32_t ids[9] = { 1, 5, 7, 2, 9, 30, 4, 4, 12 };
    static float want[9 * 24], got[9 * 24], want_words[9 * 31], got_words[9 * 31];
    tiny_spec s = tiny_default(rows[i].family);
    int32_t offsets[2];
    ldr_batch b = one_sequence(offsets, ids, 9);
    tiny_model t;
    ldr_error err;
    file_bytes f = tiny_gguf(&s, rows[i].arch, rows[i].after);
    ldr_model *m;
    memset(&err, 0, sizeof err);
    t = tiny_open(s, &err);
    CHECK_STR(err.message, "");
    m = ldr_model_load_memory(NULL, 0, f.p, f.n, NULL, 0, NULL, &err);
    CHECK_STR(err.message, "");
    if (t.m && m) {
      CHECK_INT(ldr_model_hidden(t.m, want, &b, -1, &err), LDR_OK);
      CHECK_INT(ldr_model_hidden(m, got, &b, -1, &err), LDR_OK);
      CHECK(relative(got, want, 9 * 24, 1) < 1e-5);
      CHECK_INT(ldr_model_logits(t.m, want_words, want, 9, &err), LDR_OK);
      CHECK_INT(ldr_model_logits(m, got_words, got, 9, &err), LDR_OK);
      CHECK(relative(got_words, want_words, 9 * 31, 1) < 1e-5);
      CHECK(largest(want, 9 * 24) > 0.1);
    }
    ldr_model_free(m);
    tiny_close(&t);
    free(f.p);
  }
}

TEST(outside_gguf_files) {
  static const char *const files[] = {
    "llama-f32", "llama-f16", "llama-bf16", "llama-q8_0", "llama-q4_0", "llama-q4_1", "llama-q5_0", "llama-q5_1", "llama256-q2_k", "llama256-q3_k", "llama256-q4_k",
    "llama256-q4_k_m", "llama256-q5_k", "llama256-q6_k", "llama256-iq4_nl", "llama256-iq4_xs", "llama256-q8_0", "qwen2-f32", "qwen2-q4_0", "qwen3-f32", "qwen3-q5_0", "bert-f32", "bert-q5_1",
    "nomic-bert-f32", "nomic-bert-q8_0", "gemma2-f32", "gemma2-f16", "gemma2-q4_1" };
  char path[1024];
  double worst = 0;
  size_t i;
  ldr_error err;
  ldr_weights *g;
  memset(&err, 0, sizeof err);
  if (!ldr_test_data_path(path, sizeof path, "models/hf/gguf/golden.safetensors")) SKIP("no models/hf/gguf (set LADDER_DATA to the data folder)");
  g = ldr_weights_open(path, NULL, &err);
  for (i = 0; i < sizeof files / sizeof *files; i++) {
    char name[128];
    const char *dash = strrchr(files[i], '-');
    int32_t ids[64], offsets[2], k, n;
    const ldr_tensor *in, *want;
    ldr_batch b;
    ldr_model *m;
    sprintf(name, "models/hf/gguf/%s.gguf", files[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    sprintf(name, "%.*s.input_ids", (int)(dash - files[i]), files[i]);
    in = ldr_weights_find(g, name);
    sprintf(name, "%s.hf_logits", files[i]);
    want = ldr_weights_find(g, name);
    if (!want) sprintf(name, "%s.hf_embeddings", files[i]);
    if (!want) want = ldr_weights_find(g, name);
    CHECK(m && in && want);
    if (m && in && want) {
      size_t columns = (size_t)want->shape[1], rows = (size_t)want->shape[0], at;
      float *hidden, *got, *to;
      n = (int32_t)in->shape[1];
      for (k = 0; k < n; k++) ids[k] = (int32_t)ldr__load_u64((const unsigned char *)in->data + 8 * k);
      hidden = (float *)malloc((size_t)n * (size_t)m->shape.width * sizeof *hidden);
      to = (float *)malloc((size_t)n * columns * sizeof *to);
      b = one_sequence(offsets, ids, n);
      CHECK_INT(ldr_model_hidden(m, hidden, &b, -1, &err), LDR_OK);
      got = strstr(want->name, "logits") ? to : hidden;
      if (got == to) CHECK_INT(ldr_model_logits(m, to, hidden, n, &err), LDR_OK);
      got += ((size_t)n - rows) * columns;
      for (at = 0; at < rows * columns; at++) worst = fmax(worst, fabs((double)got[at] - (double)ldr__load(want->data, LDR_F32, at)));
      free(hidden);
      free(to);
    }
    ldr_model_free(m);
  }
  CHECK(worst < 5e-5);
  printf("  %d files: within %.1e of transformers on the same weights\n", (int)(sizeof files / sizeof *files), worst);
  ldr_weights_close(g);
}

TEST(outside_blocks_are_unpacked_bit_for_bit) {
  char path[1024], name[64];
  ldr_error err;
  ldr_weights *w;
  int d;
  memset(&err, 0, sizeof err);
  if (!ldr_test_data_path(path, sizeof path, "models/hf/gguf/blocks.safetensors")) SKIP("no models/hf/gguf (set LADDER_DATA to the data folder)");
  w = ldr_weights_open(path, NULL, &err);
  CHECK(w != NULL);
  for (d = LDR_Q8_0; w && d < LDR_DTYPE_COUNT; d++) {
    const ldr_tensor *raw, *want;
    const ldr__kernels *sets[KERNEL_SETS];
    int count = kernel_sets(sets), k;
    sprintf(name, "%s.raw", ldr_dtype_name((ldr_dtype)d));
    raw = ldr_weights_find(w, name);
    sprintf(name, "%s.f32", ldr_dtype_name((ldr_dtype)d));
    want = ldr_weights_find(w, name);
    CHECK(raw && want);
    for (k = 0; raw && want && k < count; k++) {
      float *got = (float *)malloc((size_t)want->bytes);
      sets[k]->to_float(got, raw->data, (ldr_dtype)d, (size_t)want->shape[0]);
      CHECK(memcmp(got, want->data, (size_t)want->bytes) == 0);
      free(got);
    }
  }
  ldr_weights_close(w);
}

/* What a configuration holds and nobody here knows is refused with key and value, and passed when it is allowed by name. */
TEST(unknown_keys_of_a_configuration_are_refused) {
  tiny_spec s = tiny_default("bert");
  char config[1200];
  ldr_model_desc md;
  ldr_error err;
  size_t size;
  char *weights = tiny_weights(&s, &size);
  ldr_model *m;
  tiny_config(config, &s);
  strcpy(config + strlen(config) - 1, ",\"alibi_slopes\":7,\"unsloth_version\":\"1\",\"hidden_dropout_prob\":0.1}");
  memset(&err, 0, sizeof err);
  memset(&md, 0, sizeof md);
  CHECK(ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, NULL, &err) == NULL && err.status == LDR_UNSUPPORTED);
  CHECK(strstr(err.message, "\"alibi_slopes\"") && strstr(err.message, "7 is not known here") && strstr(err.message, "--allow alibi_slopes"));
  memset(&err, 0, sizeof err);
  md.allow = "other alibi_slopes";
  m = ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, &md, &err);
  CHECK_STR(err.message, "");
  ldr_model_free(m);
  free(weights);
}

/* ---- TensorFlow checkpoints: golden/tf is TensorFlow's own (reference/make_tensorflow.py) -- */

static char *golden_file(const char *name, size_t *n) {
  char path[1024];
  return ldr_test_golden_path(path, sizeof path, name) ? ldr_test_read(path, n) : NULL;
}

TEST(a_checkpoint_of_tensorflow_is_the_same_model) {
  char path[1024], *config, *plain;
  static const int32_t ids[] = { 1, 5, 19, 2, 7, 7, 0, 11 };
  size_t nc = 0, np = 0;
  int32_t offsets[2];
  float a[8 * 20], b[8 * 20];
  ldr_batch batch = one_sequence(offsets, ids, 8);
  ldr_model *m[2];
  ldr_error err;
  memset(&err, 0, sizeof err);
  config = golden_file("tf/bert_config.json", &nc);
  plain = golden_file("tf/plain.safetensors", &np);
  CHECK(config && plain && ldr_test_golden_path(path, sizeof path, "tf/bert_config.json"));
  if (strrchr(path, '/')) *strrchr(path, '/') = 0;
  m[0] = ldr_model_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  m[1] = ldr_model_load_memory(config, nc, plain, np, NULL, 0, NULL, &err);
  CHECK_STR(err.message, "");
  if (m[0] && m[1]) {
    CHECK_INT(ldr_model_hidden(m[0], a, &batch, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_hidden(m[1], b, &batch, -1, &err), LDR_OK);
    CHECK(relative(a, b, 8 * 16, 1) < 1e-6);
    memcpy(b, a, sizeof b);                        /* words through the transposed head */
    CHECK_INT(ldr_model_logits(m[0], a, b, 8, &err), LDR_OK);
    {
      float c[8 * 20];
      CHECK_INT(ldr_model_logits(m[1], c, b, 8, &err), LDR_OK);
      CHECK(relative(a, c, 8 * 20, 1) < 1e-6);
    }
    CHECK_INT(ldr_model_info_get(m[0]).parameters, ldr_model_info_get(m[1]).parameters);
  }
  ldr_model_free(m[0]);
  ldr_model_free(m[1]);
  free(config);
  free(plain);
}

/* An index as it is given, beside TensorFlow's own data. */
static ldr_status bundle_status(const char *path, const unsigned char *index, size_t n, ldr_error *err) {
  ldr__bundle h;
  unsigned char *exact = (unsigned char *)malloc(n + !n);
  memset(err, 0, sizeof *err);
  memset(&h, 0, sizeof h);
  memcpy(exact, index, n);
  h.path = path;
  h.err = err;
  h.alloc = ldr__allocator(NULL);
  ldr__source_borrow(&h.index, exact, n);
  ldr__bundle_read(&h);
  ldr_weights_close(h.w);
  free(exact);
  return err->status;
}

TEST(bad_checkpoints_of_tensorflow) {
  char path[1024];
  size_t n = 0, i, block;
  unsigned char *index = (unsigned char *)golden_file("tf/bert_model.ckpt.index", &n), was;
  ldr_error err;
  CHECK(index && ldr_test_golden_path(path, sizeof path, "tf/bert_model.ckpt.index"));
  if (!index) return;
  CHECK_INT(bundle_status(path, index, n, &err), LDR_OK);
  for (i = 0; i < n; i++) CHECK_INT(bundle_status(path, index, i, &err), LDR_FORMAT);
  for (i = 0; i < n; i++) {                          /* any byte may lie: an answer, and no byte too far */
    was = index[i];
    index[i] ^= (unsigned char)(1 + i % 255);
    bundle_status(path, index, n, &err);
    index[i] = was;
  }
  for (block = 0; block + 8 < n && memcmp(index + block, "bert/", 5) != 0; block++) {}
  index[block] = '/';                                /* "/ert/..." sorts before: names stay names */
  CHECK_INT(bundle_status(path, index, n, &err), LDR_OK);
  index[block] = 0;
  CHECK_INT(bundle_status(path, index, n, &err), LDR_FORMAT);
  index[block] = 'b';
  CHECK(strstr(err.message, "an entry cannot be read") != NULL);
  CHECK_INT(bundle_status("golden/nowhere.index", index, n, &err), LDR_IO);
  {                                                  /* the byte behind a block says how it is compressed */
    ldr__cursor c;
    uint64_t at, size;
    memset(&c, 0, sizeof c);
    c.p = index + n - 48;
    c.size = 40;
    ldr__take_varint(&c);
    ldr__take_varint(&c);
    at = ldr__take_varint(&c);
    size = ldr__take_varint(&c);
    index[at + size] = 1;
    CHECK_INT(bundle_status(path, index, n, &err), LDR_UNSUPPORTED);
    CHECK(strstr(err.message, "compressed") != NULL);
  }
  free(index);
}

/* ---- heads that files hold, and adapters -------------------------------------------------- */

/* Nine tokens and four through the model's own head: scores[.,3], how many rows. */
static int32_t own_scores(const ldr_model *m, float *scores) {
  static const int32_t ids[] = { 1, 5, 30, 2, 7, 7, 0, 11, 19, 4, 8, 15, 16 }, offsets[] = { 0, 9, 13 };
  float hidden[13 * 24];
  ldr_error err;
  ldr_batch b;
  memset(&err, 0, sizeof err);
  memset(&b, 0, sizeof b);
  b.sequences = 2;
  b.offsets = offsets;
  b.ids = ids;
  CHECK_INT(ldr_model_hidden(m, hidden, &b, -1, &err), LDR_OK);
  CHECK_INT(ldr_model_scores(m, scores, hidden, &b, &err), LDR_OK);
  CHECK_STR(err.message, "");
  return ldr_model_info_get(m).task == LDR_TASK_TOKENS ? 13 : 2;
}

/* The same through a ladder, as probabilities. */
static void ladder_scores(ldr_ladder *l, float *scores) {
  static const int32_t ids[] = { 1, 5, 30, 2, 7, 7, 0, 11, 19, 4, 8, 15, 16 }, offsets[] = { 0, 9, 13 };
  ldr_error err;
  ldr_batch b;
  ldr_predictor *p;
  memset(&err, 0, sizeof err);
  memset(&b, 0, sizeof b);
  b.sequences = 2;
  b.offsets = offsets;
  b.ids = ids;
  p = ldr_predictor_create(l, 2, 13, &err);
  CHECK_INT(ldr_predict(p, scores, &b, &err), LDR_OK);
  CHECK_STR(err.message, "");
  ldr_predictor_free(p);
}

TEST(a_published_head_is_where_a_ladder_starts) {
  static const struct { const char *family; ldr_task task; ldr_head head; ldr_activation activation; int hidden; } rows[] = {
    { "bert", LDR_TASK_SEQUENCE, LDR_HEAD_CLASSIFY, LDR_TANH, 24 }, { "roberta", LDR_TASK_SEQUENCE, LDR_HEAD_CLASSIFY, LDR_TANH, 24 },
    { "electra", LDR_TASK_SEQUENCE, LDR_HEAD_CLASSIFY, LDR_GELU, 24 }, { "distilbert", LDR_TASK_SEQUENCE, LDR_HEAD_CLASSIFY, LDR_RELU, 24 },
    { "albert", LDR_TASK_SEQUENCE, LDR_HEAD_CLASSIFY, LDR_TANH, 24 }, { "gpt2", LDR_TASK_SEQUENCE, LDR_HEAD_CLASSIFY, LDR_TANH, 0 },
    { "bert", LDR_TASK_TOKENS, LDR_HEAD_TOKENS, LDR_TANH, 0 }, { "llama", LDR_TASK_TOKENS, LDR_HEAD_TOKENS, LDR_TANH, 0 } };
  size_t i;
  int k;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    tiny_spec s = tiny_default(rows[i].family);
    float own[13 * 3], start[13 * 3], trained[13 * 3], again[13 * 3];
    ldr_dataset *set;
    ldr_ladder_desc d;
    ldr_train_desc td;
    ldr_error err;
    tiny_model t;
    int32_t n;
    s.task = rows[i].task;
    memset(&err, 0, sizeof err);
    t = tiny_open(s, &err);
    CHECK_STR(err.message, "");
    if (!t.m) continue;
    CHECK_INT(ldr_model_info_get(t.m).task, rows[i].task);
    CHECK_INT(ldr_model_info_get(t.m).classes, 3);
    CHECK_STR(ldr_model_label(t.m, 2), "perhaps");
    CHECK(ldr_model_label(t.m, 3) == NULL && ldr_model_label(t.m, -1) == NULL);
    n = own_scores(t.m, own);
    ldr__softmax_rows(own, (size_t)n, 3);
    set = tiny_dataset(&s, rows[i].head, 3, 40, 3);
    for (k = 0; k < 2; k++) {                      /* a head alone, and a whole ladder */
      ldr_ladder *l, *l2;
      ldr_trainer *tr;
      void *file;
      size_t size = 0, needed;
      memset(&d, 0, sizeof d);
      memset(&td, 0, sizeof td);
      d.published_head = 1;
      d.method = k ? LDR_METHOD_LADDER : LDR_METHOD_HEAD;
      l = ldr_ladder_create(t.m, &d, &err);
      CHECK_STR(err.message, "");
      if (!l) continue;
      CHECK_INT(ldr_ladder_desc_get(l).head_hidden, rows[i].hidden);
      CHECK_INT(ldr_ladder_desc_get(l).head_activation, rows[i].activation);
      CHECK_STR(ldr_ladder_label(l, 1), "yes");
      ladder_scores(l, start);
      CHECK(relative(start, own, (size_t)n * 3, 1) < 1e-5);
      td.epochs = 2;
      td.rate = 1e-2f;
      tr = ldr_trainer_create(l, set, NULL, &td, &err);
      CHECK_STR(err.message, "");
      while (tr && !ldr_trainer_done(tr) && !ldr_trainer_step(tr, NULL, &err)) {}
      CHECK_STR(err.message, "");
      ldr_trainer_free(tr);
      ladder_scores(l, trained);
      CHECK(relative(trained, start, (size_t)n * 3, 1) > 1e-4);
      CHECK_INT(ldr_ladder_save_memory(l, NULL, 0, &size, &err), LDR_OK);
      file = malloc(size);
      needed = size;
      CHECK(ldr_ladder_save_memory(l, file, 100, &size, NULL) != LDR_OK);       /* too small: and so much is needed */
      CHECK_INT(size, needed);
      CHECK_INT(ldr_ladder_save_memory(l, file, size, &size, &err), LDR_OK);
      l2 = ldr_ladder_load_memory(t.m, file, size, NULL, &err);
      CHECK_STR(err.message, "");
      if (l2) ladder_scores(l2, again);
      CHECK(l2 && memcmp(again, trained, (size_t)n * 3 * sizeof *again) == 0);
      free(file);
      ldr_ladder_free(l2);
      ldr_ladder_free(l);
    }
    ldr_dataset_free(set);
    tiny_close(&t);
  }
}

TEST(heads_that_cannot_be_gone_on_with_are_named) {
  static const struct { const char *family; ldr_task task; ldr_status status; const char *says; } rows[] = {
    { "bert", LDR_TASK_NONE, LDR_MISSING, "hold no head" }, { "bert", LDR_TASK_SPAN, LDR_UNSUPPORTED, "spans" },
    { "bert", LDR_TASK_POOLER, LDR_UNSUPPORTED, "pooler" }, { "modernbert", LDR_TASK_SEQUENCE, LDR_UNSUPPORTED, "norm" } };
  ldr_ladder_desc d;
  ldr_error err;
  char config[1200], *weights;
  size_t i, size;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    tiny_spec s = tiny_default(rows[i].family);
    tiny_model t;
    s.task = rows[i].task;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    t = tiny_open(s, &err);
    CHECK_STR(err.message, "");
    d.published_head = 1;
    CHECK(ldr_ladder_create(t.m, &d, &err) == NULL && err.status == rows[i].status);
    CHECK(strstr(err.message, rows[i].says) != NULL);
    if (!s.task) CHECK_INT(ldr_model_scores(t.m, NULL, NULL, NULL, &err), LDR_ARGUMENT);
    tiny_close(&t);
  }
  {                                                  /* a head with other classes than the configuration names */
    tiny_spec s = tiny_default("bert");
    s.task = LDR_TASK_SEQUENCE;
    tiny_config(config, &s);
    weights = tiny_weights(&s, &size);
    memset(&err, 0, sizeof err);
    strcpy(strstr(config, ",\"2\":"), "}}");
    CHECK(ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, NULL, &err) == NULL && err.status == LDR_MISMATCH);
    CHECK(strstr(err.message, "2 classes") && strstr(err.message, "has 3"));
    strcpy(strstr(config, "\"1\":"), "\"7\":\"yes\"}}");
    memset(&err, 0, sizeof err);
    CHECK(ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, NULL, &err) == NULL && err.status == LDR_FORMAT);
    free(weights);
  }
}

/* Rows of a golden tensor that stand before the padding, beside what a head gives for them. */
static double head_difference(const ldr_model *m, const char *golden, int c, ldr_error *err) {
  ldr_weights *g = ldr_weights_open(golden, NULL, err);
  const ldr_tensor *ids, *types, *mask, *want, *ends;
  ldr_model_info info = ldr_model_info_get(m);
  char name[64];
  double worst = 0;
  int32_t length, r, i, k, per_token, task = info.task != LDR_TASK_NONE;
  sprintf(name, "case%d.input_ids", c);
  ids = g ? ldr_weights_find(g, name) : NULL;
  sprintf(name, "case%d.token_type_ids", c);
  types = g ? ldr_weights_find(g, name) : NULL;
  sprintf(name, "case%d.attention_mask", c);
  mask = g ? ldr_weights_find(g, name) : NULL;
  sprintf(name, "case%d.end_logits", c);
  ends = g ? ldr_weights_find(g, name) : NULL;
  sprintf(name, "case%d.%s", c, info.task == LDR_TASK_POOLER ? "pooler_output" : ends ? "start_logits" : strstr(golden, "/lora/") ? "merged_logits" : "logits");
  want = g ? ldr_weights_find(g, name) : NULL;
  if (!ids || !want) {
    ldr_weights_close(g);
    return c ? 0 : 1e30;
  }
  per_token = !task || info.task == LDR_TASK_TOKENS || info.task == LDR_TASK_SPAN || info.task == LDR_TASK_REPLACED;
  length = (int32_t)ids->shape[ids->dims - 1];
  for (r = 0; r < (int32_t)(ids->bytes / 8) / length; r++) {
    int32_t in[64], seg[64], offsets[2], n = 0, classes = task ? info.classes : info.vocabulary;
    float hidden[64 * 48], *got = (float *)malloc(64 * sizeof *got * (size_t)classes);
    ldr_batch b;
    for (i = 0; i < length && i < 64; i++) {
      size_t at = (size_t)(r * length + i) * 8;
      if (mask && !ldr__load_u64((const unsigned char *)mask->data + at)) break;
      in[n] = (int32_t)ldr__load_u64((const unsigned char *)ids->data + at);
      seg[n++] = types ? (int32_t)ldr__load_u64((const unsigned char *)types->data + at) : 0;
    }
    b = one_sequence(offsets, in, n);
    b.segments = seg;
    if (ldr_model_hidden(m, hidden, &b, -1, err) || (task ? ldr_model_scores(m, got, hidden, &b, err) : ldr_model_logits(m, got, hidden, n, err))) worst = 1e30;
    for (i = 0; !err->status && i < (per_token ? n : 1); i++)
      for (k = 0; k < classes; k++) {
        const ldr_tensor *from = ends && k ? ends : want;
        size_t row = (size_t)(per_token ? r * length + i : r), at = ends ? row : row * (size_t)classes + (size_t)k;
        worst = fmax(worst, fabs((double)got[i * classes + k] - (double)ldr__load(from->data, LDR_F32, at)));
      }
    free(got);
  }
  ldr_weights_close(g);
  return worst;
}

TEST(outside_heads_equal_transformers) {
  static const char *const dirs[] = { "bert-base", "bert-cls", "bert-tokcls", "bert-qa", "bert-mc", "roberta-cls", "xlm-roberta-cls", "distilbert-cls",
    "electra-cls", "electra-disc", "mpnet-cls", "modernbert-cls", "gte-cls", "ernie-cls", "roformer-cls", "albert-cls", "gpt2-cls", "llama-cls", "deberta-v2-cls" };
  char path[1024], golden[1100], name[128];
  double worst = 0;
  size_t i;
  int c;
  if (!ldr_test_data_path(path, sizeof path, "models/hf/bert-cls/config.json")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
  for (i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    ldr_error err;
    ldr_model *m;
    memset(&err, 0, sizeof err);
    sprintf(name, "models/hf/%s", dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    sprintf(golden, "%s/golden.safetensors", path);
    for (c = 0; m && c < 3; c++) {
      double e = head_difference(m, golden, c, &err);
      if (!(e <= 1e-5)) printf("  %s: %g %s\n", dirs[i], e, err.message);
      CHECK(e <= 1e-5);
      worst = fmax(worst, e);
    }
    ldr_model_free(m);
  }
  printf("  %d heads within %.1e\n", (int)(sizeof dirs / sizeof *dirs), worst);
}

TEST(outside_adapters_equal_peft) {
  static const char *const dirs[][2] = { { "bert-lora-cls", "bert-cls" }, { "bert-lora-mlm", "bert-mlm" }, { "gpt2-lora", "gpt2" }, { "llama-lora", "llama" },
    { "llama-dora", "llama" }, { "llama-lora-all-rslora", "llama" } };
  char base[1024], path[1024], golden[1100], name[128];
  double worst = 0;
  size_t i;
  if (!ldr_test_data_path(base, sizeof base, "models/hf/lora/gpt2-lora/adapter_config.json")) SKIP("no models/hf/lora (set LADDER_DATA to the data folder)");
  for (i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    ldr_model_desc d;
    ldr_error err;
    ldr_model *m;
    double e;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    sprintf(name, "models/hf/lora/%s", dirs[i][0]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    sprintf(name, "models/hf/%s", dirs[i][1]);
    CHECK(ldr_test_data_path(base, sizeof base, name));
    d.adapter = path;
    m = ldr_model_load(base, &d, &err);
    CHECK_STR(err.message, "");
    sprintf(golden, "%s/golden.safetensors", path);
    e = m ? head_difference(m, golden, 0, &err) : 1e30;
    if (!(e <= 5e-5)) printf("  %s: %g %s\n", dirs[i][0], e, err.message);
    CHECK(e <= 5e-5);
    worst = fmax(worst, e);
    ldr_model_free(m);
    if (strcmp(dirs[i][1], "gpt2") == 0 && (m = ldr_model_load(base, NULL, &err)) != NULL) {      /* as GGUF its matrices are turned, and so is what is added */
      file_bytes f = published_gguf(m, "gpt2", gpt2_values, 6, NULL);
      ldr_model_free(m);
      CHECK(ldr_test_write("adapted.gguf", f.p, f.n));
      m = ldr_model_load("adapted.gguf", &d, &err);
      CHECK_STR(err.message, "");
      if (m) CHECK_NEAR(head_difference(m, golden, 0, &err), 0, 5e-5);
      ldr_model_free(m);
      remove("adapted.gguf");
      free(f.p);
    }
  }
  printf("  %d adapters within %.1e of the merged models\n", (int)(sizeof dirs / sizeof *dirs), worst);
}

/* An adapter for one matrix of a tiny model, in files here: right, and wrong in each way. */
TEST(adapters_are_added_or_refused) {
#define ADAPTER "\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4"
  static const struct { const char *config, *a; int rows, columns; const char *b; int brows, bcolumns; const char *says; } rows[] = {
    { "{" ADAPTER "}", "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "" },
    { "{" ADAPTER ",\"use_rslora\":true,\"alpha_pattern\":{\"self.query\":8}}", "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "" },
    { "{" ADAPTER "}", "query.lora_A.weight", 2, 23, "query.lora_B.weight", 24, 2, "the model has [24,24]" },
    { "{" ADAPTER "}", "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 3, "needs A[r,in] and B[out,r]" },
    { "{" ADAPTER ",\"use_dora\":true}", "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "and magnitudes" },
    { "{" ADAPTER "}", "quest.lora_A.weight", 2, 24, "quest.lora_B.weight", 24, 2, "is no matrix of this model" },
    { "{" ADAPTER "}", "query.weird", 2, 24, "query.lora_B.weight", 24, 2, "has no A beside it" },
    { "{\"peft_type\":\"IA3\"}", "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "only \"peft_type\": \"LORA\"" },
    { "{" ADAPTER ",\"lora_bias\":true}", "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "\"lora_bias\": true" },
    { "{" ADAPTER, "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "adapter_config.json" },
    { NULL, "query.lora_A.weight", 2, 24, "query.lora_B.weight", 24, 2, "adapter_config.json" } };
  tiny_spec s = small_spec("bert");
  char config[1024], *weights;
  size_t size, i, k;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  CHECK(ldr_test_write("config.json", config, strlen(config)) && ldr_test_write("model.safetensors", weights, size));
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    char header[1024], stem[] = "base_model.model.bert.encoder.layer.1.attention.self.";
    unsigned char file[4096];
    size_t na = (size_t)(rows[i].rows * rows[i].columns), nb = (size_t)(rows[i].brows * rows[i].bcolumns), used;
    ldr_model_desc d;
    ldr_error err;
    ldr_model *m;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    used = (size_t)sprintf(header, "{\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]},\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]}}",
      stem, rows[i].a, rows[i].rows, rows[i].columns, (int)na * 4, stem, rows[i].b, rows[i].brows, rows[i].bcolumns, (int)na * 4, (int)(na + nb) * 4);
    ldr__store_u64(file, used);
    memcpy(file + 8, header, used);
    for (k = 0; k < na + nb; k++) ldr__store_u32(file + 8 + used + 4 * k, ldr__bits_from_float((float)k * 0.01f));
    if (rows[i].config) CHECK(ldr_test_write("adapter_config.json", rows[i].config, strlen(rows[i].config)));
    else remove("adapter_config.json");
    CHECK(ldr_test_write("adapter_model.safetensors", file, 8 + used + 4 * (na + nb)));
    d.adapter = ".";
    d.threads = 1;
    m = ldr_model_load(".", &d, &err);
    CHECK((m != NULL) == !*rows[i].says);
    if (!strstr(err.message, rows[i].says)) printf("  %s\n", err.message);
    CHECK(strstr(err.message, rows[i].says) != NULL);
    if (m) {                                       /* row 3, column 5: scale * sum_k B[3,k] A[k,5] more */
      const ldr_tensor *t = ldr_weights_find(m->weights, "bert.encoder.layer.1.attention.self.query.weight");
      tiny_model plain = tiny_open(s, &err);
      ldr_memory with = ldr_model_memory(m), without = ldr_model_memory(plain.m);
      int32_t item, found = 0;
      const ldr_tensor *was = ldr_weights_find(plain.m->weights, t->name);
      float a, b;
      double scale = i ? 8 / sqrt(2.0) : 2, add = scale * 0.0001 * ((48 + 6) * 5 + (48 + 7) * 29);
      ldr_tensor_read(&a, t, 3 * 24 + 5, 1);
      ldr_tensor_read(&b, was, 3 * 24 + 5, 1);
      CHECK_NEAR((double)a - (double)b, add, 1e-4);
      CHECK(ldr_model_fingerprint(m) != ldr_model_fingerprint(plain.m));
      for (item = 0; item < with.count; item++) found |= strcmp(with.items[item].name, "weights (changed at load)") == 0 && with.items[item].bytes == 24 * 24 * 4;
      CHECK(found && without.count > 0);
      tiny_close(&plain);
    }
    ldr_model_free(m);
  }
  {
    ldr_model_desc d;
    ldr_error err;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    d.adapter = ".";
    CHECK(ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, &d, &err) == NULL && err.status == LDR_ARGUMENT);
  }
  remove("adapter_config.json");
  remove("config.json");
  remove("model.safetensors");
  {                                                  /* a folder of an adapter alone can be looked into */
    ldr_weights *w = ldr_weights_open(".", NULL, NULL);
    CHECK_INT(ldr_weights_count(w), 2);
    ldr_weights_close(w);
  }
  remove("adapter_model.safetensors");
  free(weights);
#undef ADAPTER
}

#define TESTS(X)                                                                                                          \
  X(gguf_is_the_same_model) X(gguf_in_several_files) X(torch_files_are_the_same_model) X(the_wrong_thing_is_named) X(a_missing_name_comes_with_one_that_is_there) X(bad_gguf_files) X(bad_torch_files) X(readers_survive_without_memory) \
  X(rotary_positions_are_stretched_as_by_transformers) X(outside_families_equal_transformers) X(outside_every_family_has_ladders) X(outside_models_are_written_again) X(outside_configurations_of_version_4) X(outside_heads_with_norms_stay_whole) X(outside_a_convolution_is_run_only) X(outside_containers) X(decoders_as_gguf_are_the_same_model) X(published_decoders_as_gguf) X(outside_gguf_files)  \
  X(outside_blocks_are_unpacked_bit_for_bit) X(unknown_keys_of_a_configuration_are_refused) \
  X(a_checkpoint_of_tensorflow_is_the_same_model) X(bad_checkpoints_of_tensorflow) X(a_published_head_is_where_a_ladder_starts) X(heads_that_cannot_be_gone_on_with_are_named) X(outside_heads_equal_transformers)  \
  X(outside_adapters_equal_peft) X(adapters_are_added_or_refused)
LDR_TEST_MAIN("files", TESTS)
