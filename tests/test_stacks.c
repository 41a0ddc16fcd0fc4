/* Models of two stacks, an encoder and a decoder that reads it (T5, BART and kin), against transformers' own numbers in
   the data folder, and what is refused. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/export.h"
#include "ldr_test.h"
#include "ldr_session.h"

static const char *const stack_dirs[] = { "t5", "t5-v1_1", "mt5", "bart", "mbart", "marian", "pegasus", "m2m_100" };
enum { STACK_DIRS = (int)(sizeof stack_dirs / sizeof *stack_dirs) };

/* One row of a golden case: what the encoder reads, what the decoder reads, what it should say. */
typedef struct pair_of_texts {
  ldr_batch source, batch;
  int32_t   source_ids[64], ids[64], labels[64], source_offsets[2], offsets[2];
} pair_of_texts;

static const ldr_tensor *case_tensor(const ldr_weights *g, int c, const char *what) {
  char name[96];
  snprintf(name, sizeof name, "case%d.%s", c, what);
  return ldr_weights_find(g, name);
}

static int32_t case_row(int32_t *to, const ldr_tensor *t, int32_t row) {
  int32_t n = t ? (int32_t)t->shape[1] : 0, i;
  for (i = 0; i < n; i++) to[i] = (int32_t)ldr__load_u64((const unsigned char *)t->data + (size_t)(row * n + i) * 8);
  return n;
}

static int case_read_pair(pair_of_texts *p, const ldr_weights *g, int c, int32_t row) {
  const ldr_tensor *ids = case_tensor(g, c, "input_ids"), *mask = case_tensor(g, c, "attention_mask");
  int32_t seen[64], n;
  memset(p, 0, sizeof *p);
  if (!ids || row >= ids->shape[0]) return 0;
  n = case_row(p->source_ids, ids, row);
  if (mask) for (case_row(seen, mask, row); n > 0 && !seen[n - 1]; n--) {}
  p->source_offsets[1] = n;
  p->source.sequences = p->batch.sequences = 1;
  p->source.offsets = p->source_offsets;
  p->source.ids = p->source_ids;
  n = case_row(p->ids, case_tensor(g, c, "decoder_input_ids"), row);
  case_row(p->labels, case_tensor(g, c, "labels"), row);
  while (n > 1 && p->labels[n - 1] < 0) n--;       /* what pads has no place in a batch */
  p->offsets[1] = n;
  p->batch.offsets = p->offsets;
  p->batch.ids = p->ids;
  p->batch.source = &p->source;
  return 1;
}

/* The largest difference of rows[n,w] from row `row` of a golden tensor; 0 where there is no such tensor. */
static double from_golden(const float *rows, size_t n, size_t w, const ldr_tensor *t, int32_t row) {
  double e = 0;
  size_t i;
  float *want = (float *)malloc(n * w * sizeof *want);
  CHECK(t && ldr_tensor_read(want, t, (uint64_t)row * (uint64_t)t->shape[1] * w, n * w));
  for (i = 0; i < n * w; i++) e = fmax(e, fabs((double)rows[i] - (double)want[i]));
  free(want);
  return e;
}

static ldr_model *stack_model(const char *dir, const char *config, ldr_error *err) {
  char path[1024], name[128];
  size_t n = 0, size = 0;
  char *text, *weights;
  ldr_model *m;
  snprintf(name, sizeof name, "models/hf/%s/%s", dir, config);
  CHECK(ldr_test_data_path(path, sizeof path, name));
  text = ldr_test_read(path, &n);
  snprintf(name, sizeof name, "models/hf/%s/model.safetensors", dir);
  CHECK(ldr_test_data_path(path, sizeof path, name));
  weights = ldr_test_read(path, &size);
  m = ldr_model_load_memory(text, n, weights, size, NULL, 0, NULL, err);
  free(text);
  if (!m) free(weights);                           /* else they are the model's; see stack_free */
  return m;
}

static void stack_free(ldr_model *m) {
  void *weights = m ? (void *)(uintptr_t)m->weights->files[0].data : NULL;
  ldr_model_free(m);
  free(weights);
}

static ldr_weights *stack_golden(const char *dir, ldr_error *err) {
  char path[1024], name[128];
  snprintf(name, sizeof name, "models/hf/%s/golden.safetensors", dir);
  CHECK(ldr_test_data_path(path, sizeof path, name));
  return ldr_weights_open(path, NULL, err);
}

/* States of both stacks at every layer, scores of words and the loss. */
static double stack_difference(const ldr_model *m, const ldr_weights *g, double *loss, ldr_error *err) {
  const ldr_model *encoder = ldr_model_encoder(m);
  size_t w = (size_t)m->shape.width, v = (size_t)m->vocabulary, n;
  float *x = (float *)malloc(64 * (w + v) * sizeof *x), *z = x + 64 * w;
  double worst = 0;
  int32_t row, layer, i;
  int c;
  for (c = 0; c < 3; c++) {
    pair_of_texts p;
    double sum = 0;
    float want = 0;
    int32_t count = 0;
    for (row = 0; case_read_pair(&p, g, c, row); row++) {
      char name[40];
      n = (size_t)p.source_offsets[1];
      for (layer = 0; layer <= encoder->layers; layer++) {
        snprintf(name, sizeof name, "encoder_hidden.%d", (int)layer);
        CHECK_INT(ldr_model_hidden(encoder, x, &p.source, layer, err), LDR_OK);
        worst = fmax(worst, from_golden(x, n, w, case_tensor(g, c, name), row));
      }
      n = (size_t)p.offsets[1];
      for (layer = 0; layer <= m->layers; layer++) {
        snprintf(name, sizeof name, "decoder_hidden.%d", (int)layer);
        CHECK_INT(ldr_model_hidden(m, x, &p.batch, layer, err), LDR_OK);
        worst = fmax(worst, from_golden(x, n, w, case_tensor(g, c, name), row));
      }
      CHECK_INT(ldr_model_logits(m, z, x, (int32_t)n, err), LDR_OK);
      worst = fmax(worst, from_golden(z, n, v, case_tensor(g, c, "logits"), row));
      for (i = 0; i < (int32_t)n; i++) {
        double mass = 0;
        size_t k;
        if (p.labels[i] < 0) continue;
        for (k = 0; k < v; k++) mass += exp((double)z[(size_t)i * v + k]);
        sum += log(mass) - (double)z[(size_t)i * v + (size_t)p.labels[i]];
        count++;
      }
    }
    if (count && ldr_tensor_read(&want, case_tensor(g, c, "loss"), 0, 1)) *loss = fmax(*loss, fabs(sum / count - (double)want));
  }
  free(x);
  return worst;
}

TEST(both_stacks_equal_transformers) {
  static const char *const configs[] = { "config.json", "config.v4.json" };
  char path[1024];
  double worst = 0, loss = 0;
  int i, k;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < STACK_DIRS; i++)
    for (k = 0; k < 2; k++) {
      ldr_error err;
      ldr_weights *g;
      ldr_model *m;
      double e = 1e30;
      memset(&err, 0, sizeof err);
      m = stack_model(stack_dirs[i], configs[k], &err);
      g = stack_golden(stack_dirs[i], &err);
      CHECK_STR(err.message, "");
      if (m && g) {
        ldr_model_info info = ldr_model_info_get(m);
        CHECK(info.causal && info.has_logits && info.start >= 0 && ldr_model_encoder(m) && !ldr_model_encoder(ldr_model_encoder(m)));
        CHECK_INT(ldr_model_info_get(ldr_model_encoder(m)).start, -1);
        CHECK(!ldr_model_info_get(ldr_model_encoder(m)).has_logits);
        e = stack_difference(m, g, &loss, &err);
      }
      if (!(e <= 3e-5)) printf("  %s, %s: %g %s\n", stack_dirs[i], configs[k], e, err.message);
      CHECK(e <= 3e-5);
      worst = fmax(worst, e);
      ldr_weights_close(g);
      stack_free(m);
    }
  CHECK(loss <= 1e-5);
  printf("  %d directories, both spellings: states and scores within %.1e, losses within %.1e\n", STACK_DIRS, worst, loss);
}

/* A result does not depend on what else is in the batch, nor on threads. */
TEST(pairs_of_texts_do_not_meet) {
  char path[1024];
  ldr_error err;
  ldr_weights *g;
  ldr_model *m;
  memset(&err, 0, sizeof err);
  NEED_DATA(path, "models/hf/bart/config.json");
  m = stack_model("bart", "config.json", &err);
  g = stack_golden("bart", &err);
  CHECK_STR(err.message, "");
  if (m && g) {
    pair_of_texts a, b, both;
    size_t w = (size_t)m->shape.width, n, k;
    int32_t offsets[3] = { 0, 0, 0 }, sources[3] = { 0, 0, 0 }, ids[128], from[128];
    float *x = (float *)malloc(3 * 128 * w * sizeof *x), *y = x + 128 * w;
    CHECK(case_read_pair(&a, g, 0, 0) && case_read_pair(&b, g, 0, 1));
    both = a;
    memcpy(ids, a.ids, (size_t)a.offsets[1] * sizeof *ids);
    memcpy(ids + a.offsets[1], b.ids, (size_t)b.offsets[1] * sizeof *ids);
    memcpy(from, a.source_ids, (size_t)a.source_offsets[1] * sizeof *from);
    memcpy(from + a.source_offsets[1], b.source_ids, (size_t)b.source_offsets[1] * sizeof *from);
    offsets[2] = (offsets[1] = a.offsets[1]) + b.offsets[1];
    sources[2] = (sources[1] = a.source_offsets[1]) + b.source_offsets[1];
    both.batch.sequences = both.source.sequences = 2;
    both.batch.offsets = offsets;
    both.batch.ids = ids;
    both.batch.source = &both.source;
    both.source.offsets = sources;
    both.source.ids = from;
    CHECK_INT(ldr_model_hidden(m, x, &both.batch, -1, &err), LDR_OK);
    a.batch.source = &a.source;
    a.batch.offsets = a.offsets;
    a.batch.ids = a.ids;
    a.source.offsets = a.source_offsets;
    a.source.ids = a.source_ids;
    b.batch.source = &b.source;
    CHECK_INT(ldr_model_hidden(m, y, &a.batch, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_hidden(m, y + (size_t)offsets[1] * w, &b.batch, -1, &err), LDR_OK);
    n = (size_t)offsets[2] * w;
    for (k = 0; k < n && fabs((double)x[k] - (double)y[k]) <= 1e-5; k++) {}
    CHECK(k == n);
    free(x);
  }
  ldr_weights_close(g);
  stack_free(m);
}

/* Batches that cannot be. */
TEST(a_decoder_needs_its_source) {
  char path[1024];
  ldr_error err;
  ldr_weights *g;
  ldr_model *m;
  memset(&err, 0, sizeof err);
  NEED_DATA(path, "models/hf/t5/config.json");
  m = stack_model("t5", "config.json", &err);
  g = stack_golden("t5", &err);
  CHECK_STR(err.message, "");
  if (m && g) {
    pair_of_texts p;
    float *x = (float *)malloc(64 * (size_t)m->shape.width * sizeof *x);
    ldr_memory used = ldr_model_memory(m);
    CHECK(used.total > 0);
    CHECK(case_read_pair(&p, g, 0, 0));
    p.batch.source = NULL;
    CHECK_INT(ldr_model_hidden(m, x, &p.batch, -1, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "ldr_batch.source has 0 of 1"));
    memset(&err, 0, sizeof err);
    p.batch.source = &p.source;
    p.source.sequences = 2;
    CHECK_INT(ldr_model_hidden(m, x, &p.batch, -1, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "has 2 of 1"));
    memset(&err, 0, sizeof err);
    p.source.sequences = 1;
    p.source_offsets[1] = 0;
    CHECK_INT(ldr_model_hidden(m, x, &p.batch, -1, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "source") && strstr(err.message, "empty"));
    memset(&err, 0, sizeof err);
    p.source_offsets[1] = 3;
    p.source_ids[1] = m->vocabulary;
    CHECK_INT(ldr_model_hidden(m, x, &p.batch, -1, &err), LDR_DATA);
    CHECK(strstr(err.message, "source") && strstr(err.message, "vocabulary"));
    memset(&err, 0, sizeof err);
    p.source_ids[1] = 1;
    p.offsets[1] = 0;
    CHECK_INT(ldr_model_hidden(m, x, &p.batch, -1, &err), LDR_ARGUMENT);
    memset(&err, 0, sizeof err);
    p.offsets[1] = 2;
    CHECK_INT(ldr_model_hidden(m, x, &p.batch, m->layers + 1, &err), LDR_ARGUMENT);
    free(x);
  }
  ldr_weights_close(g);
  stack_free(m);
}

/* A configuration with `from` replaced by `to`, on weights with the same done to a name: status and what is said. */
static ldr_status stack_refusal(const char *dir, const char *from, const char *to, const char *tensor, const char *renamed, char said[512]) {
  char path[1024], name[128];
  size_t n = 0, size = 0;
  char *text, *weights, *changed, *at;
  ldr_error err;
  ldr_model *m;
  memset(&err, 0, sizeof err);
  snprintf(name, sizeof name, "models/hf/%s/config.json", dir);
  CHECK(ldr_test_data_path(path, sizeof path, name));
  text = ldr_test_read(path, &n);
  snprintf(name, sizeof name, "models/hf/%s/model.safetensors", dir);
  CHECK(ldr_test_data_path(path, sizeof path, name));
  weights = ldr_test_read(path, &size);
  changed = (char *)malloc(n + 512);
  memcpy(changed, text, n);
  changed[n] = 0;
  at = from ? strstr(changed, from) : NULL;
  CHECK(!from || at);
  if (at) {
    memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    memcpy(at, to, strlen(to));
  }
  if (tensor) {
    size_t i, k = strlen(tensor);
    for (i = 0; i + k < size && memcmp(weights + i, tensor, k) != 0; i++) {}
    CHECK(i + k < size && strlen(renamed) == k);
    memcpy(weights + i, renamed, k);
  }
  m = ldr_model_load_memory(changed, strlen(changed), weights, size, NULL, 0, NULL, &err);
  snprintf(said, 512, "%s", err.message);
  ldr_model_free(m);
  free(changed);
  free(text);
  free(weights);
  return err.status;
}

TEST(what_is_no_model_of_two_stacks_is_refused) {
  static const struct { const char *dir, *from, *to, *tensor, *renamed; ldr_status status; const char *says; } rows[] = {
    { "t5", NULL, NULL, "decoder.block.1.layer.1.EncDecAttention.k", "decoder.block.1.layer.1.EncDecAttention.x", LDR_MISSING, "decoder.block.1.layer.1.EncDecAttention.k.weight" },
    { "bart", NULL, NULL, "model.decoder.layers.0.encoder_attn.out_proj.bias", "model.decoder.layers.0.encoder_attn.out_proj.biax", LDR_MISSING, "encoder_attn.out_proj.bias" },
    { "t5", NULL, NULL, "encoder.final_layer_norm", "encoder.finaX_layer_norm", LDR_MISSING, "encoder.final_layer_norm.weight" },
    { "t5", "\"num_layers\": 3", "\"num_layers\": 2", NULL, NULL, LDR_EXTRA, "encoder.block.2" },
    { "t5", "\"num_layers\": 3", "\"num_layers\": 1000000000", NULL, NULL, LDR_LIMIT, "num_layers" },
    { "t5", "\"num_decoder_layers\": 2", "\"num_decoder_layers\": 3", NULL, NULL, LDR_MISSING, "decoder.block.2" },
    { "t5", "\"d_kv\": 8", "\"d_kv\": 0", NULL, NULL, LDR_LIMIT, "d_kv" },
    { "t5", "\"d_kv\": 8", "\"d_kv\": 4096", NULL, NULL, LDR_SHAPE, "SelfAttention.q" },
    { "t5", "\"relative_attention_max_distance\": 20", "\"relative_attention_max_distance\": 100000", NULL, NULL, LDR_LIMIT, "relative_attention_max_distance" },
    { "t5", "\"relative_attention_num_buckets\": 8", "\"relative_attention_num_buckets\": 9", NULL, NULL, LDR_SHAPE, "relative_attention_bias" },
    { "t5", "\"feed_forward_proj\": \"relu\"", "\"feed_forward_proj\": \"gated-gelu\"", NULL, NULL, LDR_MISSING, "wi_0" },
    { "t5", "\"feed_forward_proj\": \"relu\"", "\"feed_forward_proj\": \"gated-mish\"", NULL, NULL, LDR_UNSUPPORTED, "gated-mish" },
    { "t5", "\"d_ff\": 100", "\"d_ff\": 100, \"encoder_ffn_dim\": 64", NULL, NULL, LDR_UNSUPPORTED, "encoder_ffn_dim" },
    { "bart", "\"d_model\": 48", "\"d_model\": 48, \"d_kv\": 8", NULL, NULL, LDR_UNSUPPORTED, "d_kv" },
    { "bart", "\"decoder_layers\": 2", "\"decoder_layerz\": 2", NULL, NULL, LDR_UNSUPPORTED, "decoder_layerz" },
    { "bart", "\"decoder_start_token_id\": 2", "\"decoder_start_token_id\": 320", NULL, NULL, LDR_LIMIT, "decoder_start_token_id" },
    { "marian", "\"share_encoder_decoder_embeddings\": true", "\"share_encoder_decoder_embeddings\": false", NULL, NULL, LDR_UNSUPPORTED, "share_encoder_decoder_embeddings" },
    { "marian", "\"decoder_vocab_size\": 160", "\"decoder_vocab_size\": 161", NULL, NULL, LDR_LIMIT, "decoder_vocab_size" } };
  char path[1024], said[512];
  size_t i;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ldr_status status = stack_refusal(rows[i].dir, rows[i].from, rows[i].to, rows[i].tensor, rows[i].renamed, said);
    if (status != rows[i].status || !strstr(said, rows[i].says)) printf("  row %d: %d %s\n", (int)i, (int)status, said);
    CHECK_INT(status, rows[i].status);
    CHECK(strstr(said, rows[i].says) != NULL);
  }
}

/* Greedy text, token by token, as transformers makes it: with what the configuration forces, and without. */
TEST(both_stacks_speak_as_transformers) {
  char path[1024];
  int i, tokens = 0;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < STACK_DIRS; i++) {
    ldr_error err;
    ldr_weights *g;
    ldr_model *m;
    ldr_session *s = NULL;
    int k;
    memset(&err, 0, sizeof err);
    m = stack_model(stack_dirs[i], "config.json", &err);
    g = stack_golden(stack_dirs[i], &err);
    if (m) s = session_for(m, NULL, 40, &err);
    CHECK_STR(err.message, "");
    for (k = 0; s && g && k < 2; k++) {
      int32_t ids[64], want[64], out[64], made = 0, count, n, at;
      ldr_generate_desc d;
      memset(&d, 0, sizeof d);
      d.most = 20;
      d.ignore_end = k;
      count = case_row(ids, ldr_weights_find(g, "gen.input_ids"), 0);
      n = case_row(want, ldr_weights_find(g, k || !ldr_weights_find(g, "gen.default_output_ids") ? "gen.output_ids" : "gen.default_output_ids"), 0) - 1;
      CHECK_INT(want[0], ldr_model_info_get(m).start);
      CHECK_INT(ldr_generate(s, out, &made, ids, count, &d, &err), LDR_OK);
      CHECK_STR(err.message, "");
      CHECK_INT(made, n);
      for (at = 0; at < n && out[at] == want[at + 1]; at++) {}
      if (at < n) printf("  %s: token %d is %d, not %d\n", stack_dirs[i], (int)at, (int)out[at], (int)want[at + 1]);
      CHECK_INT(at, n);
      tokens += at;
    }
    ldr_session_free(s);
    ldr_weights_close(g);
    stack_free(m);
  }
  printf("  %d tokens the same\n", tokens);
}

/* A byt5 directory as it is published: no vocabulary, bytes in and out, the answers of transformers. */
TEST(byt5_speaks_as_transformers) {
  ldr_error err;
  ldr_model *m;
  ldr_session *s;
  ldr_encoding e;
  ldr_text out;
  ldr_json *j;
  size_t size;
  char *text, *line;
  int32_t k, i, ids[32], made, answers = 0;
  memset(&err, 0, sizeof err);
  memset(&e, 0, sizeof e);
  memset(&out, 0, sizeof out);
  if (!ldr_test_exists("golden/byt5.jsonl")) SKIP("not in the tests folder");
  text = ldr_test_read("golden/byt5.jsonl", &size);
  line = strstr(text, "{\"said\"");
  j = ldr_json_parse(line, strlen(line), NULL, &err);
  m = ldr_model_load("golden/byt5", NULL, &err);
  s = m ? session_for(m, NULL, 60, &err) : NULL;
  CHECK_STR(err.message, "");
  for (k = s ? ldr_json_node_at(j, ldr_json_get(j, 0, "said"))->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next, answers++) {
    char asked[64], answer[128];
    ldr_generate_desc d;
    int32_t want = ldr_json_node_at(j, ldr_json_get(j, k, "ids"))->first;
    memset(&d, 0, sizeof d);
    d.most = 12;
    CHECK(ldr_json_string(asked, sizeof asked, j, ldr_json_get(j, k, "text")) > 0 && ldr_json_string(answer, sizeof answer, j, ldr_json_get(j, k, "answer")) >= 0);
    CHECK_INT(ldr_tokenizer_encode(ldr_model_tokenizer(m), &e, asked, strlen(asked), NULL, 0, 0, 1, &err), LDR_OK);
    CHECK_INT(ldr_generate(s, ids, &made, e.ids, e.count, &d, &err), LDR_OK);
    CHECK_STR(err.message, "");
    for (i = 0; i < made && want >= 0 && (int32_t)ldr_json_number(j, want, -1) == ids[i]; i++) want = ldr_json_node_at(j, want)->next;
    CHECK(i == made && want < 0);
    CHECK_INT(ldr_tokenizer_decode(ldr_model_tokenizer(m), &out, ids, made, 1, &err), LDR_OK);
    CHECK_STR(out.data, answer);
  }
  CHECK_INT(answers, 3);
  ldr_session_free(s);
  ldr_model_free(m);
  ldr_json_free(j);
  ldr_encoding_free(&e);
  ldr_text_free(&out);
  free(text);
}

/* A session needs its source, reads another one anew, and is copied with it. */
TEST(sessions_have_a_source) {
  static const int32_t ids[] = { 5, 9, 4, 7, 8, 3 };
  char path[1024];
  ldr_error err;
  ldr_model *m;
  ldr_session *s, *other;
  memset(&err, 0, sizeof err);
  NEED_DATA(path, "models/hf/mbart/config.json");
  m = stack_model("mbart", "config.json", &err);
  s = session_for(m, NULL, 6, &err);
  other = session_for(m, NULL, 6, &err);
  CHECK_STR(err.message, "");
  if (m && s && other) {
    size_t v = (size_t)m->vocabulary, w = (size_t)m->shape.width, i;
    float *a = (float *)malloc((4 * v + 8 * w) * sizeof *a), *b = a + v, *c = b + v, *x = c + v;
    int32_t offsets[2] = { 0, 3 }, sources[2] = { 0, 5 };
    ldr_batch batch, source;
    CHECK_INT(ldr_session_read(s, a, ids, 1, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "ldr_session_source") != NULL);
    memset(&err, 0, sizeof err);
    CHECK_INT(ldr_session_source(s, ids, 7, &err), LDR_ARGUMENT);
    memset(&err, 0, sizeof err);
    CHECK_INT(ldr_session_source(s, ids, 0, &err), LDR_ARGUMENT);
    CHECK(strstr(err.message, "empty") != NULL);
    memset(&err, 0, sizeof err);
    CHECK_INT(ldr_session_source(s, ids, 5, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, NULL, ids, 2, &err), LDR_OK);
    CHECK_INT(ldr_session_copy(other, s, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, a, ids + 2, 1, &err), LDR_OK);
    CHECK_INT(ldr_session_read(other, b, ids + 2, 1, &err), LDR_OK);
    CHECK(memcmp(a, b, v * sizeof *a) == 0);
    memset(&batch, 0, sizeof batch);
    memset(&source, 0, sizeof source);
    batch.sequences = source.sequences = 1;
    batch.offsets = offsets;
    source.offsets = sources;
    batch.ids = source.ids = ids;
    batch.source = &source;
    CHECK_INT(ldr_model_hidden(m, x, &batch, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_logits(m, c, x + 2 * w, 1, &err), LDR_OK);
    for (i = 0; i < v && fabs((double)a[i] - (double)c[i]) <= 1e-5; i++) {}
    CHECK(i == v);
    CHECK_INT(ldr_session_rewind(s, 2, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, b, ids + 2, 1, &err), LDR_OK);
    CHECK(memcmp(a, b, v * sizeof *a) == 0);
    CHECK_INT(ldr_session_source(s, ids + 1, 4, &err), LDR_OK);
    CHECK_INT(ldr_session_length(s), 0);
    CHECK_INT(ldr_session_read(s, b, ids, 3, &err), LDR_OK);
    CHECK(memcmp(a, b, v * sizeof *a) != 0);
    free(a);
  }
  CHECK_INT(ldr_session_copy(s, NULL, &err), LDR_ARGUMENT);
  ldr_session_free(s);
  ldr_session_free(other);
  stack_free(m);
}

/* ---- learning --------------------------------------------------------------------------- */

/* The pairs of a golden case as examples: the source's tokens, then the decoder's. */
static ldr_dataset *stack_examples(const ldr_weights *g, int c) {
  ldr_dataset_desc d;
  ldr_dataset *set;
  pair_of_texts p;
  int32_t row, i;
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_WORDS;
  set = ldr_dataset_create(&d, NULL);
  for (row = 0; case_read_pair(&p, g, c, row); row++) {
    int32_t ids[128], segments[128], labels[128], n = p.source_offsets[1], k = p.offsets[1];
    ldr_example e;
    memset(&e, 0, sizeof e);
    for (i = 0; i < n + k; i++) {
      ids[i] = i < n ? p.source_ids[i] : p.ids[i - n];
      segments[i] = i >= n;
      labels[i] = i < n ? LDR_IGNORE : p.labels[i - n];
    }
    e.count = n + k;
    e.ids = ids;
    e.segments = segments;
    e.labels = labels;
    CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  }
  return set;
}

/* |norm of a parameter's gradient - the golden one|; *largest: of all norms. Tensors that transformers has no gradient of: none. */
static double norm_difference(const ldr_ladder *l, int32_t param, const char *name, const ldr_weights *g, double *largest, int *count) {
  ldr_param q;
  char full[300];
  const ldr_tensor *t;
  double sum = 0;
  float want = 0;
  int64_t i;
  if (param < 0) return 0;
  q = ldr_ladder_param(l, param);
  snprintf(full, sizeof full, "case0.gradnorm.%s", name);
  t = ldr_weights_find(g, full);
  if (!t) printf("  no gradient of %s\n", name);
  CHECK(t != NULL);
  if (!t) return 1e30;
  ldr_tensor_read(&want, t, 0, 1);
  for (i = 0; i < (int64_t)q.rows * q.columns; i++) sum += (double)q.grad[i] * (double)q.grad[i];
  *largest = fmax(*largest, (double)want);
  ++*count;
  return fabs(sqrt(sum) - (double)want);
}

/* Of every tensor that full fine-tuning trains, through the decoder, its cross-attention and the encoder. The table of words is
   left out where transformers takes no gradient of the row that decoders begin with, its padding. */
static double stack_gradients(const ldr_model *m, const ldr_weights *g, int *tensors) {
  static const int32_t batch[] = { 0, 1 };
  ldr_dataset *set = stack_examples(g, 0);
  double loss = 0, worst = 0, largest = 0;
  ldr_ladder_desc d;
  ldr_train_desc td;
  ldr_trainer *t;
  ldr_ladder *l;
  ldr_error err;
  float want = 0;
  int k;
  memset(&d, 0, sizeof d);
  memset(&td, 0, sizeof td);
  memset(&err, 0, sizeof err);
  d.method = LDR_METHOD_FULL;
  d.head = LDR_HEAD_WORDS;
  td.batch = 2;
  l = ldr_ladder_create(m, &d, &err);
  t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
  CHECK_STR(err.message, "");
  if (!t || ldr_trainer_gradients(t, &loss, batch, 2, &err)) return 1;
  ldr_tensor_read(&want, ldr_weights_find(g, "case0.loss"), 0, 1);
  CHECK_NEAR(loss, (double)want, 1e-5);
  for (k = 0; k < 2; k++) {
    const ldr_ladder *part = k ? l : l->reader;
    char name[256];
    int32_t layer, slot;
    for (layer = 0; layer < part->m->layers; layer++)
      for (slot = 0; slot < LDR__SLOTS; slot++) {
        if (part->tuned[layer].slot[slot] < 0 || !ldr__block_published(name, sizeof name, part->m, slot, layer)) continue;
        worst = fmax(worst, norm_difference(l, part->tuned[layer].slot[slot], name, g, &largest, tensors));
      }
    for (slot = 0; slot < LDR__ENDS; slot++) {
      if (part->end[slot] < 0 || !ldr__end_published(name, sizeof name, part->m, slot)) continue;
      if (slot == LDR__WORD && (strcmp(m->type, "marian") == 0 || strcmp(m->type, "pegasus") == 0)) continue;
      worst = fmax(worst, norm_difference(l, part->end[slot], name, g, &largest, tensors));
    }
  }
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  return worst / largest;
}

TEST(gradients_of_both_stacks_equal_transformers) {
  char path[1024];
  double worst = 0;
  int i, tensors = 0;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < STACK_DIRS; i++) {
    ldr_error err;
    ldr_weights *g;
    ldr_model *m;
    double e;
    memset(&err, 0, sizeof err);
    m = stack_model(stack_dirs[i], "config.json", &err);
    g = stack_golden(stack_dirs[i], &err);
    CHECK_STR(err.message, "");
    e = m && g ? stack_gradients(m, g, &tensors) : 1;
    if (!(e <= 1e-5)) printf("  %s: %g\n", stack_dirs[i], e);
    CHECK(e <= 1e-5);
    worst = fmax(worst, e);
    ldr_weights_close(g);
    stack_free(m);
  }
  printf("  %d tensors: norms of gradients within %.1e of the largest\n", tensors, worst);
}

/* What a model of two stacks learns by. */
static const struct { const char *name; ldr_method method; ldr_preset preset; int32_t top, rank, reduction; ldr_init init; } ways[] = {
  { "ladder", LDR_METHOD_LADDER, LDR_PRESET_DEFAULT, 0, 0, 0, LDR_INIT_PRESET },
  { "ladder of whole copies", LDR_METHOD_LADDER, LDR_PRESET_DEFAULT, 2, -1, 0, LDR_INIT_PRESET },
  { "side encoder and side decoder", LDR_METHOD_LADDER, LDR_PRESET_PAPER, -1, 0, 4, LDR_INIT_SLICE },
  { "as wide as the backbone, and mixed with it", LDR_METHOD_LADDER, LDR_PRESET_SLICED, -1, 0, 1, LDR_INIT_SLICE },
  { "the same, half as wide", LDR_METHOD_LADDER, LDR_PRESET_SLICED, -1, 0, 2, LDR_INIT_SLICE },
  { "rungs below copies", LDR_METHOD_LADDER, LDR_PRESET_DEFAULT, 1, 0, 2, LDR_INIT_RANDOM },
  { "adapters beside", LDR_METHOD_LADDER, LDR_PRESET_MLP, -1, 0, 4, LDR_INIT_RANDOM },
  { "full", LDR_METHOD_FULL, LDR_PRESET_DEFAULT, 0, 0, 0, LDR_INIT_PRESET },
  { "lora", LDR_METHOD_LORA, LDR_PRESET_DEFAULT, 0, 4, 0, LDR_INIT_PRESET },
  { "bitfit", LDR_METHOD_BITFIT, LDR_PRESET_DEFAULT, 0, 0, 0, LDR_INIT_PRESET },
  { "adapter", LDR_METHOD_ADAPTER, LDR_PRESET_DEFAULT, 0, 0, 0, LDR_INIT_PRESET },
  { "ia3", LDR_METHOD_IA3, LDR_PRESET_DEFAULT, 0, 0, 0, LDR_INIT_PRESET },
  { "prompt", LDR_METHOD_PROMPT, LDR_PRESET_DEFAULT, 0, 0, 0, LDR_INIT_PRESET },
  { "ladder of the last block", LDR_METHOD_LADDER, LDR_PRESET_DEFAULT, 1, 0, 0, LDR_INIT_PRESET } };
enum { WAYS = (int)(sizeof ways / sizeof *ways) };

static ldr_ladder *stack_ladder(const ldr_model *m, int way, ldr_error *err) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_WORDS;
  d.method = ways[way].method;
  d.top = ways[way].top;
  d.rank = ways[way].rank;
  d.preset = ways[way].preset;
  d.reduction = ways[way].reduction;
  d.init = ways[way].init;
  d.dropout = -1;
  d.seed = 7;
  return ldr_ladder_create(m, &d, err);
}

/* A ladder whose output is its own, or mixed with the backbone's, starts elsewhere. */
static int starts_as_model(int way) {
  return (ways[way].preset == LDR_PRESET_DEFAULT || ways[way].reduction == 1) && ways[way].method != LDR_METHOD_PROMPT;
}

static ldr_trainer *stack_trainer(ldr_ladder *l, const ldr_dataset *set, int recompute, ldr_error *err) {
  ldr_train_desc td;
  memset(&td, 0, sizeof td);
  td.batch = 2;
  td.epochs = 200;
  td.rate = 3e-3f;
  td.schedule = LDR_CONSTANT;
  td.recompute = recompute;
  return l ? ldr_trainer_create(l, set, NULL, &td, err) : NULL;
}

/* The mean loss of a set, from scores that a session gives token by token. */
static double spoken_loss(const ldr_model *m, const ldr_ladder *l, const ldr_dataset *set, ldr_error *err) {
  ldr_session *s = session_for(m, l, 64, err);
  float *z = (float *)malloc((size_t)m->vocabulary * sizeof *z);
  double sum = 0;
  int32_t i, k, n, count = 0;
  for (i = 0; s && i < ldr_dataset_count(set); i++) {
    ldr_example e = ldr_dataset_get(set, i);
    for (n = 0; n < e.count && !e.segments[n]; n++) {}
    CHECK_INT(ldr_session_source(s, e.ids, n, err), LDR_OK);
    for (; n < e.count; n++) {
      double mass = 0;
      CHECK_INT(ldr_session_read(s, z, e.ids + n, 1, err), LDR_OK);
      if (e.labels[n] < 0) continue;
      for (k = 0; k < m->vocabulary; k++) mass += exp((double)z[k]);
      sum += log(mass) - (double)z[e.labels[n]];
      count++;
    }
  }
  ldr_session_free(s);
  free(z);
  return count ? sum / count : 1e30;
}

/* Each way starts as the model, learns, goes down along its own gradient as far as that says, speaks as it was trained, also from
   a file, and gives the same bits when its activations are made again. */
TEST(both_stacks_learn_in_every_way) {
  static const char *const dirs[] = { "t5", "t5-v1_1", "bart", "pegasus" };
  static const int32_t batch[] = { 0, 1 };
  char path[1024];
  double worst = 0, slope = 0;
  int i, way;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < 4; i++) {
    ldr_error err;
    ldr_weights *g;
    ldr_model *m;
    ldr_dataset *set;
    float golden = 0;
    memset(&err, 0, sizeof err);
    m = stack_model(dirs[i], "config.json", &err);
    g = stack_golden(dirs[i], &err);
    CHECK_STR(err.message, "");
    if (!m || !g) return;
    set = stack_examples(g, 0);
    ldr_tensor_read(&golden, case_tensor(g, 0, "loss"), 0, 1);
    for (way = 0; way < WAYS; way++) {
      ldr_ladder *l = stack_ladder(m, way, &err), *again = NULL;
      ldr_trainer *t = stack_trainer(l, set, 0, &err), *u;
      double loss = 0, up = 0, down = 0, squares = 0, step, spoken, first;
      ldr_score score;
      size_t k, size = 0;
      void *file = NULL;
      float *grads;
      CHECK_STR(err.message, "");
      if (!t) continue;
      CHECK_INT(ldr_trainer_gradients(t, &loss, batch, 2, &err), LDR_OK);
      if (starts_as_model(way)) CHECK_NEAR(loss, (double)golden, 1e-5);
      first = loss;
      for (k = 0; k < 12; k++) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
      CHECK_INT(ldr_trainer_gradients(t, &loss, batch, 2, &err), LDR_OK);
      if (!(loss < first - 0.01)) printf("  %s, %s: %g, before %g\n", dirs[i], ways[way].name, loss, first);
      CHECK(loss < first - 0.01);
      grads = (float *)malloc(l->size * sizeof *grads);
      memcpy(grads, l->grads, l->size * sizeof *grads);
      for (k = 0; k < l->size; k++) squares += (double)grads[k] * (double)grads[k];
      spoken = spoken_loss(m, l, set, &err);
      worst = fmax(worst, fabs(spoken - loss));
      if (!(fabs(spoken - loss) <= 2e-5)) printf("  %s, %s: says %g, learned %g %s\n", dirs[i], ways[way].name, spoken, loss, err.message);
      CHECK(fabs(spoken - loss) <= 2e-5);
      CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_LIKELIHOOD, &score, &err), LDR_OK);
      CHECK_NEAR(score.loss, loss, 2e-5);
      CHECK_INT(ldr_ladder_save_memory(l, NULL, 0, &size, &err), LDR_OK);
      file = malloc(size);
      CHECK_INT(ldr_ladder_save_memory(l, file, size, &size, &err), LDR_OK);
      again = ldr_ladder_load_memory(m, file, size, NULL, &err);
      CHECK_STR(err.message, "");
      if (again) CHECK_NEAR(spoken_loss(m, again, set, &err), spoken, 1e-12 * spoken);
      free(file);
      u = stack_trainer(again, set, 1, &err);        /* the same parameters, activations made again */
      if (u) CHECK_INT(ldr_trainer_gradients(u, &up, batch, 2, &err), LDR_OK);
      if (u) CHECK(up == loss && memcmp(again->grads, grads, l->size * sizeof *grads) == 0);
      step = 5e-4 / sqrt(squares);                   /* along the gradient, there and back */
      for (k = 0; k < l->size; k++) l->values[k] += (float)step * grads[k];
      CHECK_INT(ldr_trainer_gradients(t, &up, batch, 2, &err), LDR_OK);
      for (k = 0; k < l->size; k++) l->values[k] -= 2 * (float)step * grads[k];
      CHECK_INT(ldr_trainer_gradients(t, &down, batch, 2, &err), LDR_OK);
      up = (up - down) / (2 * step) / squares;
      slope = fmax(slope, fabs(up - 1));
      if (!(fabs(up - 1) <= (i ? 2e-2 : 5e-2))) printf("  %s, %s: %g of the slope\n", dirs[i], ways[way].name, up);
      CHECK(fabs(up - 1) <= (i ? 2e-2 : 5e-2));      /* T5's ReLU has corners */
      free(grads);
      ldr_trainer_free(u);
      ldr_ladder_free(again);
      ldr_trainer_free(t);
      ldr_ladder_free(l);
    }
    ldr_dataset_free(set);
    ldr_weights_close(g);
    stack_free(m);
  }
  printf("  %d ways: spoken losses within %.1e of learned ones, slopes within %.1e\n", WAYS, worst, slope);
}

/* The distances at which a bucket begins, as PyTorch's floats have them: powers of two lie on the edge of one. */
/* The written model, read again by the configuration that the other has; its bytes are the caller's. */
static ldr_model *read_again(const char *dir, void **bytes, ldr_error *err) {
  char path[1024], name[128], *config;
  size_t n = 0, size = 0;
  ldr_model *m;
  snprintf(name, sizeof name, "models/hf/%s/config.json", dir);
  CHECK(ldr_test_data_path(path, sizeof path, name));
  config = ldr_test_read(path, &n);
  *bytes = ldr_test_read("stacks.tmp", &size);
  remove("stacks.tmp");
  m = *bytes ? ldr_model_load_memory(config, n, *bytes, size, NULL, 0, NULL, err) : NULL;
  CHECK_STR(err->message, "");
  free(config);
  return m;
}

/* What was learned inside both stacks stands in a model file, with the same bits where nothing has to be merged. Adapters, rungs and
   biases that the family has no names for do not, nor does an encoder alone. */
TEST(models_of_two_stacks_are_written) {
  char path[1024];
  double worst = 0;
  int i, way, written = 0;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < STACK_DIRS; i++) {
    ldr_error err;
    ldr_weights *g;
    ldr_model *m, *again;
    ldr_dataset *set;
    void *bytes = NULL;
    memset(&err, 0, sizeof err);
    m = stack_model(stack_dirs[i], "config.json", &err);
    g = stack_golden(stack_dirs[i], &err);
    CHECK_STR(err.message, "");
    if (!m || !g) return;
    set = stack_examples(g, 0);
    for (way = 0; way < WAYS; way++) {
      int exact = ways[way].method == LDR_METHOD_FULL || ways[way].method == LDR_METHOD_BITFIT,
          narrow = ways[way].method == LDR_METHOD_LADDER && ways[way].reduction > 0;
      ldr_ladder *l = i == 0 || i == 3 || exact ? stack_ladder(m, way, &err) : NULL;
      ldr_trainer *t = stack_trainer(l, set, 0, &err);
      double learned, said, most = !exact ? 1e-5 : FLT_EVAL_METHOD == 2 ? 1e-7 : 0;      /* x87 keeps sums unrounded */
      if (!t) continue;
      while (ldr_trainer_progress(t).step < 6) CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
      if (narrow || !ldr__method_of(ways[way].method)->exports || (ways[way].method == LDR_METHOD_BITFIT && !m->ends.v[LDR__LM_BIAS])) {
        CHECK_INT(ldr_ladder_export(l, "stacks.tmp", LDR_F32, &err), LDR_UNSUPPORTED);
        CHECK(!ldr_test_exists("stacks.tmp"));
        memset(&err, 0, sizeof err);
      } else {
        learned = spoken_loss(m, l, set, &err);
        CHECK_INT(ldr_ladder_export(l, "stacks.tmp", LDR_F32, &err), LDR_OK);
        again = read_again(stack_dirs[i], &bytes, &err);
        said = again ? spoken_loss(again, NULL, set, &err) : 1e30;
        if (!(fabs(said - learned) <= most)) printf("  %s, %s: %.9g, learned %.9g\n", stack_dirs[i], ways[way].name, said, learned);
        CHECK(fabs(said - learned) <= most);
        worst = fmax(worst, fabs(said - learned));
        written++;
        ldr_model_free(again);
        free(bytes);
      }
      ldr_trainer_free(t);
      ldr_ladder_free(l);
    }
    ldr_dataset_free(set);
    ldr_weights_close(g);
    stack_free(m);
  }
  CHECK(written > 16);
  printf("  %d models within %.1e\n", written, worst);
}

/* A random model of each configuration: full tuning that learned nothing writes its bytes again; T5's scores are as wide as a
   word's are where it starts. One stack of two is not written. */
TEST(models_of_two_stacks_start_from_their_configuration) {
  char path[1024];
  int i;
  NEED_DATA(path, "models/hf/t5/config.json");
  for (i = 0; i < STACK_DIRS; i++) {
    char name[128], *config;
    unsigned char *first;
    size_t n = 0, size = 0, size2 = 0;
    void *bytes = NULL;
    ldr_error err;
    ldr_model *m;
    ldr_ladder *l;
    ldr_ladder_desc d;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    snprintf(name, sizeof name, "models/hf/%s/config.json", stack_dirs[i]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    config = ldr_test_read(path, &n);
    CHECK_INT(ldr_model_init(config, n, "stacks.tmp", 5, &err), LDR_OK);
    CHECK_STR(err.message, "");
    first = (unsigned char *)ldr_test_read("stacks.tmp", &size);
    m = read_again(stack_dirs[i], &bytes, &err);
    d.method = LDR_METHOD_FULL;
    d.head = LDR_HEAD_WORDS;
    l = m ? ldr_ladder_create(m, &d, &err) : NULL;
    CHECK_STR(err.message, "");
    if (l) {
      char *second;
      double most = 0, sum = 0;
      size_t k, w = (size_t)m->shape.width;
      for (k = 0; k < 16 * w; k++) {
        double v = (double)ldr__mat_get(&m->ends.m[LDR__WORD], k / w, k % w);
        most = fmax(most, fabs(v));
        sum += v * v;
      }
      CHECK_NEAR(sqrt(sum / (16.0 * (double)w)), m->keys & LDR__KEYS_T5 ? 1 : 0.02, m->keys & LDR__KEYS_T5 ? 0.1 : 0.002);
      CHECK(most > 0);
      CHECK_INT(ldr_ladder_export(l, "stacks.tmp", LDR_F32, &err), LDR_OK);
      second = ldr_test_read("stacks.tmp", &size2);
      CHECK(size == size2 && memcmp(first, second, size) == 0);
      free(second);
      remove("stacks.tmp");
      ldr_ladder_free(l);
      d.head = LDR_HEAD_CLASSIFY;
      d.classes = 2;
      l = ldr_ladder_create(ldr_model_encoder(m), &d, &err);
      CHECK_INT(ldr_ladder_export(l, "stacks.tmp", LDR_F32, &err), LDR_UNSUPPORTED);
      CHECK(strstr(err.message, "one stack") != NULL && !ldr_test_exists("stacks.tmp"));
    }
    ldr_ladder_free(l);
    ldr_model_free(m);
    free(bytes);
    free(first);
    free(config);
  }
}

TEST(distances_fall_into_the_buckets_of_pytorch) {
  static const struct { int32_t buckets, far, causal, begins[32]; } kinds[] = {
    { 32, 128, 0, { 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91 } },
    { 32, 128, 1, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113 } },
    { 16, 64, 0, { 1, 2, 3, 4, 8, 16, 32 } }, { 16, 64, 1, { 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 18, 23, 30, 39, 50 } },
    { 8, 20, 0, { 1, 2, 7 } }, { 8, 20, 1, { 1, 2, 3, 4, 6, 9, 14 } },
    { 32, 256, 0, { 1, 2, 3, 4, 5, 6, 7, 8, 13, 20, 30, 46, 70, 108 } } };
  ldr_model m;
  size_t k;
  memset(&m, 0, sizeof m);
  for (k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    int32_t far, want = 0, half = kinds[k].causal ? 0 : kinds[k].buckets / 2;
    m.buckets = kinds[k].buckets;
    m.far = kinds[k].far;
    m.shape.causal = kinds[k].causal;
    for (far = 1; far <= LDR__FAR; far++) {
      want += far == kinds[k].begins[want];
      CHECK_INT(ldr__relative_bucket(&m, LDR__FAR - far), want);
      CHECK_INT(ldr__relative_bucket(&m, LDR__FAR + far), half ? half + want : 0);
    }
  }
}

/* ---- the ladder of two stacks ------------------------------------------------------------ */

static float *golden_floats(const ldr_weights *g, const char *name, size_t *n) {
  const ldr_tensor *t = ldr_weights_find(g, name);
  float *v;
  *n = t ? (size_t)(t->bytes / 4) : 0;
  v = (float *)calloc(*n + 1, sizeof *v);
  if (t) ldr_tensor_read(v, t, 0, *n);
  return v;
}

/* The largest difference to the golden floats NAME, over the largest of those. */
static double golden_apart(const ldr_weights *g, const char *name, const float *mine, size_t count) {
  size_t n, i;
  double apart = 0, largest = 0;
  float *v = golden_floats(g, name, &n);
  CHECK_INT(n, count);
  for (i = 0; i < n && n == count; i++) {
    apart = fmax(apart, fabs((double)v[i] - (double)mine[i]));
    largest = fmax(largest, fabs((double)v[i]));
  }
  free(v);
  if (n != count) printf("  %s: %lu numbers\n", name, (unsigned long)n);
  return n == count ? apart / fmax(largest, 1e-30) : 1;
}

static int32_t golden_list(const ldr_weights *g, const char *key, int32_t *list) {
  const char *text = ldr_weights_meta(g, key);
  ldr_json *j = text ? ldr_json_parse(text, strlen(text), NULL, NULL) : NULL;
  const ldr_json_node *top = j ? ldr_json_node_at(j, 0) : NULL;
  int32_t n = 0, k;
  for (k = top ? top->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) list[n++] = (int32_t)ldr_json_number(j, k, -1);
  ldr_json_free(j);
  return n;
}

/* The pairs in the golden's metadata. */
static ldr_dataset *golden_pairs(const ldr_weights *g) {
  const char *text = ldr_weights_meta(g, "pairs");
  ldr_json *j = ldr_json_parse(text, strlen(text), NULL, NULL);
  ldr_dataset_desc d;
  ldr_dataset *set;
  int32_t pair, part, k;
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_WORDS;
  set = ldr_dataset_create(&d, NULL);
  for (pair = ldr_json_node_at(j, 0)->first; pair >= 0; pair = ldr_json_node_at(j, pair)->next) {
    int32_t ids[64], segments[64], labels[64], at = 0, n = 0;
    ldr_example e;
    memset(&e, 0, sizeof e);
    for (part = ldr_json_node_at(j, pair)->first; part >= 0; part = ldr_json_node_at(j, part)->next, at++) {
      int32_t first = n;
      if (at == 2) n -= (int32_t)ldr_json_node_at(j, part)->count;
      for (k = ldr_json_node_at(j, part)->first; k >= 0; k = ldr_json_node_at(j, k)->next, n++) {
        if (at == 2) labels[n] = (int32_t)ldr_json_number(j, k, -1);
        else {
          ids[n] = (int32_t)ldr_json_number(j, k, -1);
          segments[n] = at;
          labels[n] = LDR_IGNORE;
        }
      }
      CHECK(at < 2 || n == first);
    }
    e.count = n;
    e.ids = ids;
    e.segments = segments;
    e.labels = labels;
    CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  }
  ldr_json_free(j);
  return set;
}

/* The golden numbers, their T5 and its pairs; NULL when one of them cannot be read, which is a failure. */
static ldr_dataset *golden_stacks(ldr_weights **g, ldr_model **m, const ldr_model_desc *desc, ldr_error *err) {
  *g = ldr_weights_open("golden/stacks.safetensors", NULL, err);
  *m = ldr_model_load("golden/t5", desc, err);
  CHECK_STR(err->message, "");
  return *g && *m ? golden_pairs(*g) : NULL;
}

/* Loss, states of both side stacks and every gradient of a tiny T5's ladder against a PyTorch model of the same (reference/
   make_stacks.py): with a rung for some layers, others in each stack. */
TEST(the_ladder_of_two_stacks_equals_pytorch) {
  static const int32_t batch[] = { 0, 1 };
  int32_t rungs[2][8], i;
  ldr_error err;
  ldr_weights *g;
  ldr_model *m;
  ldr_dataset *set;
  ldr_ladder_desc d;
  ldr_train_desc td;
  ldr_ladder *l;
  ldr_trainer *t;
  double loss = 0, states, worst = 0;
  float want = 0;
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  memset(&td, 0, sizeof td);
  if (!ldr_test_exists("golden/stacks.safetensors")) SKIP("not in the tests folder");
  set = golden_stacks(&g, &m, NULL, &err);
  if (!set) return;
  d.head = LDR_HEAD_WORDS;
  d.preset = LDR_PRESET_PAPER;
  d.reduction = 2;
  d.dropout = -1;
  d.init = LDR_INIT_RANDOM;
  d.rungs = rungs[0];
  d.rung_count = golden_list(g, "decoder", rungs[0]);
  d.encoder_rungs = rungs[1];
  d.encoder_rung_count = golden_list(g, "encoder", rungs[1]);
  l = ldr_ladder_create(m, &d, &err);
  td.batch = 2;
  t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
  CHECK_STR(err.message, "");
  if (!t) return;
  for (i = 0; i < ldr_ladder_params(l); i++) {
    ldr_param p = ldr_ladder_param(l, i);
    char name[128];
    size_t n;
    float *v;
    snprintf(name, sizeof name, "ladder.%s", p.name);
    v = golden_floats(g, name, &n);
    CHECK_INT(n, p.rows * p.columns);
    if (n == (size_t)(p.rows * p.columns)) memcpy(p.value, v, n * sizeof *v);
    free(v);
  }
  CHECK_INT(ldr_trainer_gradients(t, &loss, batch, 2, &err), LDR_OK);
  ldr_tensor_read(&want, ldr_weights_find(g, "loss"), 0, 1);
  CHECK_NEAR(loss, (double)want, 2e-6);
  states = golden_apart(g, "side.encoder", t->pass.reader->up, t->pass.reader->t.count * (size_t)l->d.width);
  states = fmax(states, golden_apart(g, "side.decoder", t->pass.normed, t->pass.row_count * (size_t)l->d.width));
  for (i = 0; i < ldr_ladder_params(l); i++) {
    ldr_param p = ldr_ladder_param(l, i);
    char name[128];
    double e;
    snprintf(name, sizeof name, "grad.%s", p.name);
    e = golden_apart(g, name, p.grad, (size_t)p.rows * (size_t)p.columns);
    if (!(e <= 2e-5)) printf("  %s: %g\n", name, e);
    worst = fmax(worst, e);
  }
  printf("  states within %.1e, %d gradients within %.1e\n", states, ldr_ladder_params(l), worst);
  CHECK(states <= 1e-5);
  CHECK(worst <= 2e-5);
  ldr_trainer_free(t);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  ldr_model_free(m);
  ldr_weights_close(g);
}

/* What the reference's chain cuts out of a T5, on into the decoder and through its cross-attention, by magnitude and by Fisher
   information, in which the one table of words has the sum of three gradients. */
TEST(a_ladder_of_two_stacks_is_sliced_as_the_reference_does) {
  static const char *const how[] = { "magnitude", "fisher" };
  ldr_error err;
  ldr_weights *g;
  ldr_model *m;
  ldr_dataset *set;
  int k;
  memset(&err, 0, sizeof err);
  if (!ldr_test_exists("golden/stacks.safetensors")) SKIP("not in the tests folder");
  set = golden_stacks(&g, &m, NULL, &err);
  if (!set) return;
  for (k = 0; k < 2; k++) {
    ldr_ladder_desc d;
    ldr_ladder *l;
    int32_t i, cut = 0;
    memset(&d, 0, sizeof d);
    d.head = LDR_HEAD_WORDS;
    d.preset = LDR_PRESET_PAPER;
    d.reduction = 2;
    d.importance = k ? LDR_FISHER : LDR_MAGNITUDE;
    d.sample = k ? set : NULL;
    l = ldr_ladder_create(m, &d, &err);
    CHECK_STR(err.message, "");
    for (i = 0; i < ldr_ladder_params(l); i++) {
      ldr_param p = ldr_ladder_param(l, i);
      char name[128];
      snprintf(name, sizeof name, "slice.%s.%s", how[k], p.name);
      if (!ldr_weights_find(g, name)) {              /* projections and gates do not come from the backbone */
        CHECK(strstr(p.name, "down") || strstr(p.name, "up.") || strstr(p.name, "gate"));
        continue;
      }
      if (golden_apart(g, name, p.value, (size_t)p.rows * (size_t)p.columns) != 0) printf("  %s\n", name);
      CHECK(golden_apart(g, name, p.value, (size_t)p.rows * (size_t)p.columns) == 0);
      cut++;
    }
    CHECK_INT(cut, 3 * 8 + 3 * 13 + 4);
    ldr_ladder_free(l);
  }
  ldr_dataset_free(set);
  ldr_model_free(m);
  ldr_weights_close(g);
}

/* What training leaves of a ladder: as it was made, for a tiny T5 of `threads`. stop: is saved after that step, and another trainer
   goes on from there. */
static float *trained_values(int way, int32_t threads, int32_t cache, const char *dir, ldr_dtype type, int stop, float dropout, size_t *size, int *reused) {
  ldr_model_desc md;
  ldr_error err;
  ldr_weights *g;
  ldr_model *m;
  ldr_dataset *set;
  ldr_train_desc td;
  ldr_ladder_desc d;
  ldr_trainer *t;
  ldr_ladder *l;
  float *values = NULL;
  int i;
  memset(&md, 0, sizeof md);
  memset(&err, 0, sizeof err);
  memset(&td, 0, sizeof td);
  memset(&d, 0, sizeof d);
  md.threads = threads;
  set = golden_stacks(&g, &m, &md, &err);
  if (!set) return NULL;
  d.head = LDR_HEAD_WORDS;
  d.preset = ways[way].preset;
  d.method = ways[way].method;
  d.top = ways[way].top;
  d.rank = ways[way].rank;
  d.reduction = ways[way].reduction;
  d.dropout = dropout;
  td.batch = 1;
  td.epochs = 4;
  td.rate = 1e-2f;
  td.cache = cache > 0;
  td.cache_layers = cache > 1;
  td.cache_dir = dir;
  td.cache_type = type;
  for (i = 0; i < 1 + (stop > 0); i++) {
    l = ldr_ladder_create(m, &d, &err);
    t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
    CHECK_STR(err.message, "");
    if (t && i) CHECK_INT(ldr_trainer_resume(t, "stacks.tmp", &err), LDR_OK);
    while (t && !ldr_trainer_done(t) && !ldr_trainer_step(t, NULL, &err)) {
      if (stop && !i && ldr_trainer_progress(t).step == stop) {
        CHECK_INT(ldr_trainer_save(t, "stacks.tmp", &err), LDR_OK);
        break;
      }
    }
    CHECK_STR(err.message, "");
    if (t && reused) *reused = (int)ldr_trainer_cache(t).backbone_runs;
    if (i == (stop > 0)) {
      *size = l->size;
      values = (float *)malloc(l->size * sizeof *values);
      memcpy(values, l->values, l->size * sizeof *values);
    }
    ldr_trainer_free(t);
    ldr_ladder_free(l);
  }
  if (stop) ldr__remove("stacks.tmp");
  ldr_dataset_free(set);
  ldr_model_free(m);
  ldr_weights_close(g);
  return values;
}

/* Same bits with taps of both stacks kept in memory or on disk (used again by a second run, without the backbone), on three threads,
   and in two halves. */
TEST(ladders_of_two_stacks_keep_their_bits) {
  int way;
  if (!ldr_test_exists("golden/stacks.safetensors")) SKIP("not in the tests folder");
  for (way = 0; way < WAYS; way++) {
    static const struct { int32_t threads, cache, disk; ldr_dtype type; int stop; } runs[] = { { 1, 0, 0, LDR_F32, 0 }, { 3, 0, 0, LDR_F32, 0 }, { 1, 0, 0, LDR_F32, 3 },
      { 1, 1, 0, LDR_F32, 0 }, { 2, 1, 1, LDR_F32, 0 }, { 1, 1, 1, LDR_F32, 0 }, { 1, 1, 0, LDR_F32, 5 }, { 1, 1, 0, LDR_I8, 0 }, { 3, 1, 1, LDR_I8, 0 },
      { 2, 2, 0, LDR_F32, 5 }, { 1, 2, 1, LDR_F32, 3 } };
    float *first[2] = { NULL, NULL };
    int r, cached = ways[way].method == LDR_METHOD_LADDER && ways[way].preset != LDR_PRESET_SLICED;
    if (ways[way].top > 0 && ways[way].reduction) cached = 1;
    for (r = 0; r < 11; r++) {
      size_t size = 0;
      int rounded = runs[r].type == LDR_I8, backbone = 0;
      float *v;
      if (runs[r].cache && !cached) continue;
      v = trained_values(way, runs[r].threads, runs[r].cache, runs[r].disk ? "stacks.taps" : NULL, runs[r].type, runs[r].stop, 0.1f, &size, &backbone);
      if (!v) continue;
      if (!first[rounded]) first[rounded] = v;
      if (memcmp(v, first[rounded], size * sizeof *v) != 0) printf("  %s, run %d\n", ways[way].name, r);
      CHECK(memcmp(v, first[rounded], size * sizeof *v) == 0);
      if (runs[r].cache && !runs[r].stop) CHECK_INT(backbone, r == 5 ? 0 : 2);
      if (v != first[rounded]) free(v);
    }
    free(first[0]);
    free(first[1]);
    if (cached) {
      ldr__remove("stacks.taps/train.taps");
      remove("stacks.taps");
    }
  }
}

/* A cache of two examples at a time, filled in the first epoch or by layers: what training leaves of the ladder, and the file with the
   taps, each to be freed. */
static float *filled_values(const char *dir, int way, int32_t threads, int32_t layers, int disk, ldr_dtype type, size_t *size, char **taps, size_t *bytes) {
  ldr_model_desc md;
  ldr_train_desc td;
  ldr_error err;
  ldr_weights *g;
  ldr_dataset *set;
  ldr_ladder *l;
  ldr_trainer *t;
  ldr_model *m = NULL;
  float *values = NULL;
  int i;
  memset(&err, 0, sizeof err);
  memset(&md, 0, sizeof md);
  memset(&td, 0, sizeof td);
  *taps = NULL;
  md.threads = threads;
  md.release = layers;
  if (dir) {
    char path[1024], name[128];
    snprintf(name, sizeof name, "models/hf/%s", dir);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    m = ldr_model_load(path, &md, &err);
    g = stack_golden(dir, &err);
    set = g ? stack_examples(g, 0) : NULL;
    CHECK_STR(err.message, "");
  } else set = golden_stacks(&g, &m, &md, &err);
  for (i = 0; set && i < 3; i++) {                      /* and three without the first tokens: batches of 2, 2 and 1 */
    ldr_example e = ldr_dataset_get(set, i % 2);
    int32_t ids[64], segments[64], labels[64];          /* copies: what the set holds moves as it grows */
    size_t bytes;
    e.count -= 1 + i;
    CHECK(e.count <= 64);
    bytes = (size_t)e.count * sizeof *ids;
    memcpy(ids, e.ids + 1 + i, bytes);
    memcpy(segments, e.segments + 1 + i, bytes);
    memcpy(labels, e.labels + 1 + i, bytes);
    e.ids = ids;
    e.segments = segments;
    e.labels = labels;
    CHECK_INT(ldr_dataset_add(set, &e, &err), LDR_OK);
  }
  l = m && set ? stack_ladder(m, way, &err) : NULL;
  td.batch = 2;
  td.epochs = 2;
  td.rate = 1e-2f;
  td.cache = 1;
  td.cache_layers = layers;
  td.cache_dir = disk ? "stacks.taps" : NULL;
  td.cache_type = type;
  for (i = 0; l && i < 1 + disk; i++) {                /* the second finds the file of the first */
    t = ldr_trainer_create(l, set, NULL, &td, &err);
    if (t && layers) CHECK_INT(ldr_trainer_cache(t).filled, ldr_dataset_count(set));
    while (t && !i && !ldr_trainer_done(t) && !ldr_trainer_step(t, NULL, &err)) {}
    CHECK_STR(err.message, "");
    if (t) CHECK_INT(ldr_trainer_cache(t).reused, i);
    if (t && (layers || i)) CHECK_INT(ldr_trainer_cache(t).backbone_runs, 0);
    ldr_trainer_free(t);
  }
  if (disk) *taps = (char *)ldr_test_read("stacks.taps/train.taps", bytes);
  if (l) {
    *size = l->size;
    values = (float *)malloc(l->size * sizeof *values);
    memcpy(values, l->values, l->size * sizeof *values);
  }
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  ldr_model_free(m);
  ldr_weights_close(g);
  ldr__remove("stacks.taps/train.taps");
  CHECK(!ldr_test_exists("stacks.taps/train.taps.partial") && !ldr_test_exists("stacks.taps/train.taps.states"));
  remove("stacks.taps");
  return values;
}

/* By layers, all of the encoder's and then the decoder's: the bits of a cache that is filled in the first epoch, and those of its file. */
TEST(a_cache_of_two_stacks_fills_by_layers) {
  static const char *const dirs[] = { NULL, "t5", "bart" };
  static const int some[] = { 0, 2, 5, 6, 13 };
  char path[1024];
  int dir, w;
  if (!ldr_test_exists("golden/stacks.safetensors")) SKIP("not in the tests folder");
  for (dir = 0; dir < (ldr_test_data_path(path, sizeof path, "models/hf/bart") ? 3 : 1); dir++)
    for (w = 0; w < 5; w++) {
      static const struct { int32_t threads; int disk; ldr_dtype type; } runs[] = { { 1, 0, LDR_F32 }, { 2, 1, LDR_F32 }, { 3, 1, LDR_F32 }, { 1, 1, LDR_I8 }, { 3, 0, LDR_I8 } };
      int r;
      for (r = dir && w ? 4 : dir ? 2 : 0; r < 5; r++) {
        size_t n[2] = { 0, 0 }, bytes[2] = { 0, 0 };
        char *taps[2];
        float *by_epoch = filled_values(dirs[dir], some[w], 1, 0, runs[r].disk, runs[r].type, &n[0], &taps[0], &bytes[0]);
        float *by_layers = filled_values(dirs[dir], some[w], runs[r].threads, 1, runs[r].disk, runs[r].type, &n[1], &taps[1], &bytes[1]);
        int same = by_epoch && by_layers && n[0] == n[1] && memcmp(by_epoch, by_layers, n[0] * sizeof(float)) == 0;
        if (!same) printf("  %s of %s, run %d\n", ways[some[w]].name, dirs[dir] ? dirs[dir] : "golden", r);
        CHECK(same);
        CHECK(!runs[r].disk || (taps[0] && taps[1] && bytes[0] == bytes[1] && memcmp(taps[0], taps[1], bytes[0]) == 0));
        free(by_epoch);
        free(by_layers);
        free(taps[0]);
        free(taps[1]);
      }
    }
}

/* Once the encoder is through, no record may pass for a whole one: the next start would go on with it. What changes then is an error. */
TEST(half_a_fill_is_never_believed) {
  ldr_error err;
  ldr_weights *g;
  ldr_dataset *set;
  ldr_train_desc td;
  ldr_ladder *l;
  ldr_trainer *t;
  ldr_model *m;
  int harm;
  memset(&td, 0, sizeof td);
  td.batch = 1;
  td.cache = 1;
  td.cache_dir = "stacks.taps";
  if (!ldr_test_exists("golden/stacks.safetensors")) SKIP("not in the tests folder");
  for (harm = 0; harm < 2; harm++) {
    memset(&err, 0, sizeof err);
    set = golden_stacks(&g, &m, NULL, &err);
    l = set ? stack_ladder(m, 2, &err) : NULL;
    t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
    CHECK_STR(err.message, "");
    if (t) {
      ldr__cache *c = &t->caches[0];
      ldr__hidden states;
      int32_t n = ldr_dataset_count(set), i;
      int stack;
      CHECK_INT(ldr__hidden_open(&states, c, &t->alloc, &err), LDR_OK);
      for (stack = 0; stack < 2; stack++) {
        CHECK_INT(ldr__fill_stack(c, &t->pass, stack ? &t->pass : t->pass.reader, &states, 1, 0, n, &err), stack && harm ? LDR_IO : LDR_OK);
        for (i = 0; i < n; i++) {
          size_t rows = (size_t)(c->d->offsets[i + 1] - c->d->offsets[i]);
          if (!harm) CHECK_INT(ldr__cache_read(c, (size_t)i, 0, rows), stack);
          CHECK(!c->have[i] && !c->filled);
        }
        if (stack || !harm) continue;
        CHECK(ldr__file_seek(c->f, LDR__TAPS_HEADER + ldr__cache_at(c, 1, 1) + 5) && putc(77, c->f) == 77);
      }
      if (harm) CHECK(strstr(err.message, "changes while it is filled") && strstr(err.message, "train.taps"));
      else CHECK_STR(err.message, "");
      ldr__hidden_close(&states, &t->alloc);
    }
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    ldr_model_free(m);
    ldr_weights_close(g);
    CHECK(!ldr_test_exists("stacks.taps/train.taps"));
    remove("stacks.taps");
  }
}

/* Numbers that a ladder, or another method, trains of a model of which there is nothing but the configuration. */
static uint64_t count_trained(const char *config, const ldr_ladder_desc *desc, int encoder) {
  static float one;
  ldr_error err;
  ldr_model *m, *stack[2];
  ldr_ladder *l;
  ldr__layout y;
  uint64_t n;
  int i;
  memset(&err, 0, sizeof err);
  memset(&y, 0, sizeof y);
  m = ldr__model_new(NULL, &err);
  CHECK_INT(ldr__model_config(m, "config.json", config, strlen(config), &err), LDR_OK);
  CHECK_STR(err.message, "");
  if (err.status) return 0;
  stack[0] = m;
  stack[1] = m->encoder;
  for (i = 0; i < 2 && stack[i]; i++) {
    stack[i]->blocks = (ldr__block *)calloc((size_t)stack[i]->layers, sizeof(ldr__block));
    stack[i]->ends.m[LDR__WORD].data = stack[i]->ends.m[LDR__LM_OUT].data = (const unsigned char *)&one;
    if (stack[i]->traits & LDR__OF_RELATIVE) stack[i]->ends.m[LDR__DISTANCES].data = (const unsigned char *)&one;
    if (stack[i]->family->final_norm) stack[i]->ends.v[LDR__FINAL] = &one;
  }
  l = (ldr_ladder *)calloc(1, sizeof *l);
  if (encoder) m = m->encoder;
  l->m = m;
  l->d = ldr_ladder_desc_defaults(m, desc);
  l->alloc = m->alloc;
  l->has_first = l->d.rung_count > 0 && (l->d.tap == LDR_TAP_OUTPUT || l->d.mix == LDR_MIX_AFTER);
  CHECK_INT(ldr__ladder_shape(&l->side, m, &l->d, &err), LDR_OK);
  CHECK_INT(ldr__ladder_method(l, &l->d, &err), LDR_OK);
  CHECK_INT(ldr__ladder_reader(l, desc, &err), LDR_OK);
  CHECK_STR(err.message, "");
  if (!err.status) ldr__ladder_layout(&y, l);
  n = y.trainable;
  if (l->reader) ldr__free(&l->alloc, l->reader, sizeof *l);
  free(l);
  for (i = 0; i < 2 && stack[i]; i++) {
    free(stack[i]->blocks);
    stack[i]->blocks = NULL;
  }
  ldr_model_free(stack[0]);
  return n;
}

static const char *t5_shape(char *to, int layers, int d, int ff, int kv, int heads) {
  sprintf(to, "{\"model_type\":\"t5\",\"architectures\":[\"T5ForConditionalGeneration\"],\"is_encoder_decoder\":true,\"num_layers\":%d,"
      "\"num_decoder_layers\":%d,\"d_model\":%d,\"d_ff\":%d,\"d_kv\":%d,\"num_heads\":%d,\"vocab_size\":32100,\"feed_forward_proj\":\"relu\","
      "\"tie_word_embeddings\":true,\"relative_attention_num_buckets\":32,\"decoder_start_token_id\":0,\"eos_token_id\":1,"
      "\"layer_norm_epsilon\":1e-06}", layers, layers, d, ff, kv, heads);
  return to;
}

/* The published systems' numbers (lst.md 1.12). The reference makes a gate for every layer, those of layers without a rung never
   learn: they are not counted here. */
TEST(the_published_ladders_have_their_numbers) {
  static const int32_t drop048[] = { 1, 2, 3, 5, 6, 7, 9, 10, 11 }, half[] = { 2, 3, 6, 7, 10, 11 }, third[] = { 3, 7, 11 },
      odd[] = { 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 }, last[] = { 23 };
  static const struct { int layers, d, ff, kv, heads; const int32_t *rungs; int count, reduction; uint64_t published; } ladders[] = {
    { 12, 768, 3072, 64, 12, NULL, 0, 8, 5097240 }, { 12, 768, 3072, 64, 12, drop048, 9, 8, 3878712 },
    { 12, 768, 3072, 64, 12, half, 6, 8, 2660184 }, { 12, 768, 3072, 64, 12, third, 3, 8, 1441656 },
    { 24, 1024, 4096, 64, 16, odd, 12, 8, 9057328 }, { 24, 1024, 16384, 128, 32, last, 1, 8, 2494896 },
    { 12, 768, 3072, 64, 12, NULL, 0, 4, 16386072 }, { 12, 768, 3072, 64, 12, NULL, 0, 16, 1775256 },
    { 12, 768, 3072, 64, 12, NULL, 0, 32, 694872 } };
  char config[1024];
  ldr_ladder_desc d;
  size_t i;
  for (i = 0; i < sizeof ladders / sizeof *ladders; i++) {
    int kept = ladders[i].rungs ? ladders[i].count : ladders[i].layers;
    memset(&d, 0, sizeof d);
    d.head = LDR_HEAD_WORDS;
    d.preset = LDR_PRESET_PAPER;
    d.reduction = ladders[i].reduction;
    d.rungs = ladders[i].rungs;
    d.rung_count = ladders[i].count;
    t5_shape(config, ladders[i].layers, ladders[i].d, ladders[i].ff, ladders[i].kv, ladders[i].heads);
    CHECK_INT(count_trained(config, &d, 0) + 2 * (uint64_t)(ladders[i].layers - kept), ladders[i].published);
  }
  memset(&d, 0, sizeof d);                           /* BART-large's encoder with a classifier of two classes */
  d.preset = LDR_PRESET_PAPER;
  d.classes = 2;
  CHECK_INT(count_trained("{\"model_type\":\"bart\",\"architectures\":[\"BartForConditionalGeneration\"],\"is_encoder_decoder\":true,"
      "\"encoder_layers\":12,\"decoder_layers\":12,\"d_model\":1024,\"encoder_ffn_dim\":4096,\"decoder_ffn_dim\":4096,"
      "\"encoder_attention_heads\":16,\"decoder_attention_heads\":16,\"vocab_size\":50265,\"max_position_embeddings\":1024,"
      "\"activation_function\":\"gelu\",\"decoder_start_token_id\":2,\"eos_token_id\":2,\"forced_eos_token_id\":2,\"pad_token_id\":1,"
      "\"bos_token_id\":0}", &d, 1), 5268622);
  t5_shape(config, 12, 768, 3072, 64, 12);
  memset(&d, 0, sizeof d);                           /* what it is compared with */
  d.head = LDR_HEAD_WORDS;
  d.method = LDR_METHOD_LORA;
  d.rank = 32;
  CHECK_INT(count_trained(config, &d, 0), 36 * 2 * 2 * 32 * 768);
  d.method = LDR_METHOD_ADAPTER;
  d.bottleneck = 48;
  CHECK_INT(count_trained(config, &d, 0), 3625728);
  d.method = LDR_METHOD_FULL;
  CHECK_INT(count_trained(config, &d, 0), 222882048);
  d.method = LDR_METHOD_BITFIT;
  CHECK_INT(count_trained(config, &d, 0), 282468);
  d.method = LDR_METHOD_PROMPT;
  d.virtual_tokens = 100;
  CHECK_INT(count_trained(config, &d, 0), 76800);
}

/* Ladders that a model of two stacks cannot have, and sets it cannot learn from. */
TEST(what_two_stacks_do_not_learn_is_refused) {
  char path[1024];
  ldr_error err;
  ldr_model *m;
  ldr_ladder_desc d;
  ldr_dataset_desc sd;
  ldr_ladder *l;
  int i;
  memset(&err, 0, sizeof err);
  NEED_DATA(path, "models/hf/bart/config.json");
  m = stack_model("bart", "config.json", &err);
  CHECK_STR(err.message, "");
  for (i = 0; m && i < 3; i++) {
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.head = i == 0 ? LDR_HEAD_CLASSIFY : LDR_HEAD_WORDS;
    d.classes = 2;
    if (i == 1) d.method = LDR_METHOD_PREFIX;
    if (i == 2) d.method = LDR_METHOD_THESEUS;
    l = ldr_ladder_create(m, &d, &err);
    CHECK(!l && err.status == LDR_UNSUPPORTED && strstr(err.message, "two stacks"));
    ldr_ladder_free(l);
  }
  for (i = 0; m && i < 4; i++) {                     /* no rungs, a layer that is not there, none where there is no encoder, energy */
    static const int32_t rungs[] = { 0, 5 };
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.head = i == 2 ? LDR_HEAD_TOKENS : LDR_HEAD_WORDS;
    d.classes = 2;
    d.preset = LDR_PRESET_PAPER;
    d.reduction = 2;
    if (i < 3) d.encoder_rungs = rungs;
    d.encoder_rung_count = i == 0 || i == 3 ? 0 : 2;
    if (i == 3) d.importance = LDR_ENERGY;
    l = ldr_ladder_create(i == 2 ? ldr_model_encoder(m) : m, &d, &err);
    CHECK(!l && err.status == LDR_ARGUMENT);
    if (i == 1) CHECK(strstr(err.message, "side encoder: rung 1 taps layer 5") != NULL);
    ldr_ladder_free(l);
  }
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);                           /* by default q and v of all three attentions */
  d.method = LDR_METHOD_LORA;
  d.head = LDR_HEAD_WORDS;
  l = m ? ldr_ladder_create(m, &d, &err) : NULL;
  CHECK_STR(err.message, "");
  if (l) CHECK_INT(ldr_ladder_trainable(l), (2 + 2 + 2) * 2 * 8 * (48 + 48));
  ldr_ladder_free(l);
  memset(&d, 0, sizeof d);
  d.classes = 2;                                     /* the encoder alone learns like any */
  l = m ? ldr_ladder_create(ldr_model_encoder(m), &d, &err) : NULL;
  CHECK(l != NULL);
  CHECK_STR(err.message, "");
  ldr_ladder_free(l);
  memset(&sd, 0, sizeof sd);
  sd.head = LDR_HEAD_WORDS;
  for (i = 0; m && i < 5; i++) {                     /* no source, no target, the wrong order, another segment, too long */
    static const int32_t segments[4][4] = { { 1, 1, 1, 1 }, { 0, 0, 0, 0 }, { 0, 1, 0, 1 }, { 0, 0, 1, 2 } };
    int32_t ids[100], types[100], labels[100];
    ldr_dataset *set = ldr_dataset_create(&sd, NULL);
    ldr_train_desc td;
    ldr_trainer *t;
    ldr_example e;
    int32_t k;
    memset(&e, 0, sizeof e);
    memset(&td, 0, sizeof td);
    memset(&err, 0, sizeof err);
    for (k = 0; k < 100; k++) {
      ids[k] = labels[k] = 5;
      types[k] = i < 4 && k < 4 ? segments[i][k] : k > 90;
    }
    e.count = i < 4 ? 4 : 100;
    e.ids = ids;
    e.segments = types;
    e.labels = labels;
    CHECK_INT(ldr_dataset_add(set, &e, &err), LDR_OK);
    l = stack_ladder(m, 0, &err);
    t = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
    CHECK(!t && err.status == LDR_DATA && strstr(err.message, "segment 0"));
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
  }
  stack_free(m);
}

/* Every allocation of loading, of a ladder, a trainer and a session fails in turn: LDR_MEMORY, and nothing is left. What a trainer
   plans is what it takes, and a step takes nothing. */
TEST(two_stacks_out_of_memory) {
  char path[1024];
  size_t n = 0, size = 0;
  char *config, *weights;
  ldr_error err;
  ldr_weights *g;
  ldr_dataset *set;
  long at;
  int done = 0;
  NEED_DATA(path, "models/hf/bart/config.json");
  config = ldr_test_read(path, &n);
  CHECK(ldr_test_data_path(path, sizeof path, "models/hf/bart/model.safetensors"));
  weights = ldr_test_read(path, &size);
  memset(&err, 0, sizeof err);
  g = stack_golden("bart", &err);
  set = stack_examples(g, 0);
  for (at = 1; !done && at < 500; at++) {
    ldr_test_heap h;
    ldr_model_desc d;
    ldr_ladder_desc ld;
    ldr_train_desc td;
    ldr_model *m;
    ldr_ladder *l = NULL;
    ldr_trainer *t = NULL;
    ldr_session *s = NULL;
    memset(&d, 0, sizeof d);
    memset(&ld, 0, sizeof ld);
    memset(&td, 0, sizeof td);
    memset(&err, 0, sizeof err);
    d.alloc = ldr_test_alloc(&h, at);
    ld.alloc = td.alloc = d.alloc;
    ld.head = LDR_HEAD_WORDS;
    ld.method = LDR_METHOD_LORA;
    td.batch = 2;
    m = ldr_model_load_memory(config, n, weights, size, NULL, 0, &d, &err);
    if (m) l = ldr_ladder_create(m, &ld, &err);
    if (l) {
      uint64_t plan = ldr_trainer_plan(l, set, NULL, &td).total;
      t = ldr_trainer_create(l, set, NULL, &td, &err);
      if (t) CHECK(plan <= t->plan.size + sizeof *t + 64 && t->plan.size <= plan + 64 * 600);      /* each part begins at a line of the cache */
    }
    if (t) s = session_for(m, l, 16, &err);
    if (s) {
      long calls = h.calls;
      CHECK_INT(ldr_trainer_step(t, NULL, &err), LDR_OK);
      CHECK_INT(h.calls, calls);
      done = 1;
    } else CHECK_INT(err.status, LDR_MEMORY);
    ldr_session_free(s);
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    ldr_model_free(m);
    CHECK(h.live == 0 && h.bytes == 0 && h.bad == 0);
  }
  CHECK(done && at > 10);
  printf("  %ld allocations\n", at);
  ldr_dataset_free(set);
  ldr_weights_close(g);
  free(weights);
  free(config);
}

#define TESTS(X) X(two_stacks_out_of_memory) X(both_stacks_learn_in_every_way) X(models_of_two_stacks_are_written) X(models_of_two_stacks_start_from_their_configuration) X(what_two_stacks_do_not_learn_is_refused) X(gradients_of_both_stacks_equal_transformers) X(both_stacks_speak_as_transformers) X(byt5_speaks_as_transformers) X(sessions_have_a_source) X(both_stacks_equal_transformers) X(pairs_of_texts_do_not_meet) X(a_decoder_needs_its_source) \
  X(what_is_no_model_of_two_stacks_is_refused) X(the_ladder_of_two_stacks_equals_pytorch) X(a_ladder_of_two_stacks_is_sliced_as_the_reference_does) \
  X(the_published_ladders_have_their_numbers) X(distances_fall_into_the_buckets_of_pytorch) X(ladders_of_two_stacks_keep_their_bits) X(a_cache_of_two_stacks_fills_by_layers)    \
  X(half_a_fill_is_never_believed)
LDR_TEST_MAIN("stacks", TESTS)
