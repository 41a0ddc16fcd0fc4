/* Mixtures of experts: blocks against a naive sum over experts, files of every form, what is trained beside them, and what is
   refused by name. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/export.h"
#include "ldr_test.h"
#include "ldr_session.h"
#include "ldr_tiny.h"
#include "ldr_files.h"

/* ---- models ---------------------------------------------------------------------------------- */

enum { EXPERTS = 5, WIDTH = 32, UNITS = 32, SHARED = 64, LAYERS = 3, WORDS = 31 };
static const char *const mixtures[] = { "mixtral", "qwen2_moe", "qwen3_moe" };
enum { MIXTURES = 3 };

/* extra: further members; a dense first layer where the family has them. */
static void experts_config(char *c, const char *type, const char *extra) {
  c += sprintf(c, "{\"model_type\":\"%s\",\"vocab_size\":%d,\"hidden_size\":%d,\"num_hidden_layers\":%d,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
      "\"max_position_embeddings\":40,\"rms_norm_eps\":1e-6,\"tie_word_embeddings\":true,\"num_experts_per_tok\":2,\"router_aux_loss_coef\":0.001,"
      "\"output_router_logits\":false,\"rope_theta\":10000.0",
      type, (int)WORDS, (int)WIDTH, (int)LAYERS);
  if (strcmp(type, "mixtral") == 0) c += sprintf(c, ",\"intermediate_size\":%d,\"num_local_experts\":%d,\"router_jitter_noise\":0.0", (int)UNITS, (int)EXPERTS);
  else c += sprintf(c, ",\"intermediate_size\":40,\"moe_intermediate_size\":%d,\"num_experts\":%d,\"decoder_sparse_step\":1,\"mlp_only_layers\":[%s]", (int)UNITS, (int)EXPERTS,
      strcmp(type, "qwen3_moe") == 0 ? "0" : "");
  if (strcmp(type, "qwen2_moe") == 0) c += sprintf(c, ",\"shared_expert_intermediate_size\":%d,\"qkv_bias\":true", (int)SHARED);
  if (strcmp(type, "qwen3_moe") == 0) c += sprintf(c, ",\"head_dim\":8,\"norm_topk_prob\":true");
  sprintf(c, "%s}", extra);
}

/* without: the name, or the end of it, of a tensor that is left out; flat: routers are 0, so all experts are equal. */
static char *experts_weights(size_t *size, const char *type, const char *without, int flat) {
  static tiny_file f;
  const struct ldr__expert_row *row = ldr__expert_row_of(type);
  char n[160], part[96], *out;
  size_t header;
  int l, i;
  memset(&f, 0, sizeof f);
  f.key = 99;
  tiny_tensor(&f, "model.embed_tokens.weight", WORDS, WIDTH, 0, 0.5, LDR_F32);
  for (l = 0; l < LAYERS; l++) {
    static const char *const ways[] = { "q_proj", "k_proj", "v_proj", "o_proj" }, *const dense[] = { "gate_proj", "up_proj", "down_proj" };
    int is_dense = strcmp(type, "qwen3_moe") == 0 && l == 0;
#define PUT(rows, columns, mean, scale) do { if (!without || !ldr__ends_with(n, without)) tiny_tensor(&f, n, rows, columns, mean, scale, LDR_F32); } while (0)
    for (i = 0; i < 4; i++) {
      sprintf(n, "model.layers.%d.self_attn.%s.weight", l, ways[i]);
      PUT(i == 1 || i == 2 ? WIDTH / 2 : WIDTH, WIDTH, 0, 0.16);
      sprintf(n, "model.layers.%d.self_attn.%s.bias", l, ways[i]);
      if (strcmp(type, "qwen2_moe") == 0 && i < 3) PUT(0, i ? WIDTH / 2 : WIDTH, 0, 0.1);
    }
    for (i = 0; i < 2; i++) {
      sprintf(n, "model.layers.%d.%s.weight", l, i ? "post_attention_layernorm" : "input_layernorm");
      PUT(0, WIDTH, 1, 0.2);
      sprintf(n, "model.layers.%d.self_attn.%s.weight", l, i ? "k_norm" : "q_norm");
      if (strcmp(type, "qwen3_moe") == 0) PUT(0, 8, 1, 0.2);
    }
    for (i = 0; is_dense && i < 3; i++) {
      sprintf(n, "model.layers.%d.mlp.%s.weight", l, dense[i]);
      PUT(i == 2 ? WIDTH : 40, i == 2 ? 40 : WIDTH, 0, 0.16);
    }
    for (i = 0; !is_dense && i < 3 * EXPERTS + 5; i++) {
      int p = i < 2 ? 4 * i : i < 2 + 3 * EXPERTS ? 1 + (i - 2) % 3 : 5 + (i - 2) % 3, units = p < 4 ? UNITS : SHARED;
      if (!row->parts[p]) continue;
      sprintf(part, row->parts[p], (i - 2) / 3);
      sprintf(n, "model.layers.%d.%s.weight", l, part);
      PUT(p == 0 ? EXPERTS : p == 4 ? 1 : p % 4 == 3 ? WIDTH : units, p % 4 == 3 ? units : WIDTH, 0, p % 4 ? 0.16 : p == 0 && flat ? 0 : 0.5);
    }
#undef PUT
  }
  tiny_norm(&f, "model.norm", WIDTH, 0, LDR_F32);
  header = (f.used + 2 + 7) / 8 * 8;
  *size = 8 + header + (size_t)f.at;
  out = (char *)malloc(*size);
  memset(out, ' ', 8 + header);
  ldr__store_u64((unsigned char *)out, header);
  out[8] = '{';
  memcpy(out + 9, f.header, f.used);
  out[9 + f.used] = '}';
  memcpy(out + 8 + header, f.data, f.size);
  free(f.data);
  return out;
}

static tiny_model experts_open(const char *type, const char *extra, const char *without, int flat, const ldr_model_desc *d, ldr_error *err) {
  tiny_model t;
  memset(&t, 0, sizeof t);
  memset(err, 0, sizeof *err);
  experts_config(t.config, type, extra);
  t.weights = experts_weights(&t.size, type, without, flat);
  t.m = ldr_model_load_memory(t.config, strlen(t.config), t.weights, t.size, NULL, 0, d, err);
  return t;
}

static const int32_t expert_ids[20] = { 1, 5, 7, 2, 9, 30, 4, 4, 12, 3, 3, 3, 28, 17, 0, 6, 11, 22, 8, 19 };

/* States of three sequences, [20][WIDTH]. */
static void expert_states(const ldr_model *m, float *x, ldr_error *err) {
  static const int32_t offsets[4] = { 0, 9, 10, 20 };
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 3;
  b.offsets = offsets;
  b.ids = expert_ids;
  CHECK_INT(ldr_model_hidden(m, x, &b, -1, err), LDR_OK);
}

static ldr_dataset *some_examples(ldr_head head, int classes) {
  tiny_spec s = tiny_default("none");
  s.vocab = WORDS;
  return tiny_dataset(&s, head, classes, 8, 11);
}

/* ---- the sum over experts --------------------------------------------------------------------- */

/* FFN of one row of `m`, in doubles: m[0] gate, m[1] up, m[2] down. */
static void naive_expert(double *y, const float *x, const ldr__mat *m, int units, double by) {
  int u, i;
  for (u = 0; u < units; u++) {
    double gate = 0, up = 0;
    for (i = 0; i < WIDTH; i++) {
      gate += (double)ldr__mat_get(&m[0], (size_t)u, (size_t)i) * (double)x[i];
      up += (double)ldr__mat_get(&m[1], (size_t)u, (size_t)i) * (double)x[i];
    }
    up *= gate / (1 + exp(-gate));
    for (i = 0; i < WIDTH; i++) y[i] += by * up * (double)ldr__mat_get(&m[2], (size_t)i, (size_t)u);
  }
}

/* One row through a block's experts; the first `top` in the order of their weights, of equal ones the lower. */
static void naive_row(double *y, const float *x, const ldr__mat *m, const ldr__shape *s) {
  double p[EXPERTS], sum = 0, kept = 0, gate = 0;
  int taken[EXPERTS] = { 0 }, e, k, i;
  for (e = 0; e < EXPERTS; e++) {
    double z = 0;
    for (i = 0; i < WIDTH; i++) z += (double)ldr__mat_get(&m[0], (size_t)e, (size_t)i) * (double)x[i];
    p[e] = exp(z);
    sum += p[e];
  }
  for (k = 0; k < s->top; k++) {
    int best = -1;
    for (e = 0; e < EXPERTS; e++)
      if (!taken[e] && (best < 0 || p[e] > p[best])) best = e;
    taken[best] = 1;
    kept += p[best];
  }
  for (i = 0; i < WIDTH; i++) y[i] = 0;
  for (e = 0; e < EXPERTS; e++)
    if (taken[e]) naive_expert(y, x, m + 2 + 3 * e, s->expert_ffn, p[e] / (s->renormal ? kept : sum));
  if (!m[1].data) return;
  for (i = 0; i < WIDTH; i++) gate += (double)ldr__mat_get(&m[1], 0, (size_t)i) * (double)x[i];
  naive_expert(y, x, m + 2 + 3 * EXPERTS, s->shared_ffn, 1 / (1 + exp(-gate)));
}

static void experts_of_rows(const ldr_model *m, int32_t layer, float *out, const float *in, size_t rows, int32_t threads) {
  ldr__plan plan;
  ldr__acts a;
  ldr__exec ex;
  ldr_error err;
  int pass;
  memset(&plan, 0, sizeof plan);
  memset(&err, 0, sizeof err);
  for (pass = 0; pass < 2; pass++) {
    if (pass) CHECK_INT(ldr__plan_begin(&plan, &m->alloc, &err), LDR_OK);
    ldr__acts_place(&plan, "test", &a, &m->shape, rows, 0);
    ldr__exec_place(&plan, &ex, m, ldr__shape_scratch(&m->shape, rows, rows), rows);
  }
  ex.threads = LDR__MIN(threads, m->threads);
  memcpy(a.n2, in, rows * WIDTH * sizeof *in);
  ldr__experts_forward(&ex, &a, ldr__model_block(m, layer)->experts, &m->shape, rows);
  memcpy(out, a.r2, rows * WIDTH * sizeof *out);
  ldr__plan_end(plan.memory, plan.size, &m->alloc);
}

TEST(experts_are_added_as_a_naive_sum) {
  int k, top, normal;
  for (k = 0; k < MIXTURES; k++)
    for (top = 1; top <= EXPERTS; top += 2)
      for (normal = 0; normal < 2; normal++) {
        static float x[70 * WIDTH], y[70 * WIDTH];
        double want[WIDTH], worst = 0;
        ldr_error err;
        tiny_model t = experts_open(mixtures[k], "", NULL, top == 3, NULL, &err);
        size_t r, i;
        CHECK_STR(err.message, "");
        t.m->shape.top = top;
        t.m->shape.renormal = normal;
        for (i = 0; i < 70 * WIDTH; i++) x[i] = (float)ldr__random_normal(5, i);
        experts_of_rows(t.m, 2, y, x, 70, 1);
        for (r = 0; r < 70; r++) {
          naive_row(want, x + r * WIDTH, ldr__model_block(t.m, 2)->experts, &t.m->shape);
          for (i = 0; i < WIDTH; i++) worst = fmax(worst, fabs(want[i] - (double)y[r * WIDTH + i]));
        }
        CHECK(worst < 2e-5);
        CHECK(largest(y, 70 * WIDTH) > 0.1);
        tiny_close(&t);
      }
}

TEST(equal_experts_are_chosen_from_the_lowest_on) {
  static const float equal[3][EXPERTS] = { { 0, 0, 0, 0, 0 }, { 1, 2, 2, 2, 1 }, { -3, 7, 0, 7, 7 } };
  static const int chosen[3][2] = { { 0, 1 }, { 1, 2 }, { 1, 3 } };
  ldr__shape s;
  int k, e;
  memset(&s, 0, sizeof s);
  s.experts = EXPERTS;
  s.top = 2;
  s.renormal = 1;
  for (k = 0; k < 3; k++) {
    float p[EXPERTS];
    memcpy(p, equal[k], sizeof p);
    ldr__route(p, &s);
    for (e = 0; e < EXPERTS; e++) CHECK(p[e] == (e == chosen[k][0] || e == chosen[k][1] ? 0.5f : 0.0f));
  }
}

/* Whatever a router says, weights are numbers that add up to 1, or none is. */
TEST(routers_that_give_no_numbers) {
  static const float odd[][3] = { { NAN, 0, 0 }, { 0, NAN, 1 }, { 0, 1, NAN }, { INFINITY, 0, 0 }, { INFINITY, INFINITY, 0 }, { -INFINITY, -INFINITY, -INFINITY }, { NAN, NAN, NAN } };
  ldr__shape s;
  size_t k;
  memset(&s, 0, sizeof s);
  s.experts = 3;
  s.top = 2;
  for (s.renormal = 0; s.renormal < 2; s.renormal++) {
    float far[3] = { 0, -200, -INFINITY };                   /* not one of these: a weight may be as small as 0 */
    for (k = 0; k < sizeof odd / sizeof *odd; k++) {
      float p[3];
      memcpy(p, odd[k], sizeof p);
      ldr__route(p, &s);
      CHECK(p[0] != p[0] || p[1] != p[1] || p[2] != p[2]);
    }
    ldr__route(far, &s);
    CHECK(far[0] == 1 && far[1] == 0 && far[2] == 0);
  }
}

TEST(a_router_that_is_no_number_is_an_error) {
  static float x[20 * WIDTH];
  static const int32_t offsets[2] = { 0, 20 };
  ldr_error err;
  tiny_model t = experts_open("mixtral", "", NULL, 0, NULL, &err);
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = expert_ids;
  CHECK_STR(err.message, "");
  ldr__store_u32((unsigned char *)(uintptr_t)ldr__model_block(t.m, 1)->experts[0].data, 0x7fc00000u);
  CHECK_INT(ldr_model_hidden(t.m, x, &b, -1, &err), LDR_NUMERIC);
  CHECK(strstr(err.message, "not finite") != NULL);
  tiny_close(&t);
}

/* ---- whole models ----------------------------------------------------------------------------- */

TEST(neither_threads_nor_the_batch_change_a_bit) {
  static float want[20 * WIDTH], got[20 * WIDTH];
  static const int32_t offsets[4] = { 0, 9, 10, 20 };
  int k, threads, i;
  for (k = 0; k < MIXTURES; k++)
    for (threads = 1; threads <= 5; threads += 2) {
      ldr_error err;
      ldr_model_desc d;
      tiny_model t;
      memset(&d, 0, sizeof d);
      d.threads = threads;
      d.release = threads == 3;
      t = experts_open(mixtures[k], "", NULL, 0, &d, &err);
      CHECK_STR(err.message, "");
      expert_states(t.m, threads == 1 ? want : got, &err);
      CHECK(threads == 1 || memcmp(want, got, sizeof want) == 0);
      for (i = 0; i < 3; i++) {                              /* each alone */
        int32_t at[2] = { 0, offsets[i + 1] - offsets[i] };
        ldr_batch b = one_sequence(at, expert_ids + offsets[i], at[1]);
        CHECK_INT(ldr_model_hidden(t.m, got, &b, -1, &err), LDR_OK);
        CHECK(memcmp(got, want + offsets[i] * WIDTH, (size_t)at[1] * WIDTH * sizeof *got) == 0);
      }
      tiny_close(&t);
    }
}

/* Many rows: parts of a batch on threads of their own, and all threads on one. */
TEST(long_batches_are_the_same_on_any_number_of_threads) {
  enum { N = 40, ROWS = 40 * N };
  static int32_t ids[ROWS], offsets[N + 1];
  static float x[3][ROWS * WIDTH];
  int k, i;
  for (i = 0; i < ROWS; i++) ids[i] = (int32_t)ldr__random_below(3, (uint64_t)i, WORDS);
  for (i = 0; i <= N; i++) offsets[i] = 40 * i;
  for (k = 0; k < 3; k++) {
    static const int32_t threads[3] = { 1, 2, 4 };
    ldr_model_desc d;
    ldr_error err;
    tiny_model t;
    ldr_batch b;
    memset(&d, 0, sizeof d);
    memset(&b, 0, sizeof b);
    d.threads = threads[k];
    t = experts_open("qwen2_moe", "", NULL, 0, &d, &err);
    b.sequences = N;
    b.offsets = offsets;
    b.ids = ids;
    CHECK_INT(ldr_model_hidden(t.m, x[k], &b, -1, &err), LDR_OK);
    CHECK(k == 0 || memcmp(x[0], x[k], sizeof x[0]) == 0);
    tiny_close(&t);
  }
}

TEST(sessions_with_experts_give_the_whole_pass) {
  int k;
  for (k = 0; k < MIXTURES; k++) {
    static float x[20 * WIDTH], words[20 * WORDS];
    int32_t at[2];
    ldr_batch b = one_sequence(at, expert_ids, 20);
    ldr_generate_desc d;
    ldr_error err;
    tiny_model t = experts_open(mixtures[k], "", NULL, 0, NULL, &err);
    ldr_session *s = session_for(t.m, NULL, 30, &err);
    float logits[WORDS];
    int32_t out[4], made = 0;
    memset(&d, 0, sizeof d);
    CHECK_INT(ldr_model_hidden(t.m, x, &b, -1, &err), LDR_OK);
    CHECK_INT(ldr_model_logits(t.m, words, x, 20, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, NULL, expert_ids, 12, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, NULL, expert_ids + 12, 1, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s, logits, expert_ids + 13, 7, &err), LDR_OK);
    CHECK(relative(logits, words + 19 * WORDS, WORDS, 1e-3) < 1e-5);
    d.most = 4;
    d.ignore_end = 1;
    CHECK_INT(ldr_session_rewind(s, 3, &err), LDR_OK);
    CHECK_INT(ldr_generate(s, out, &made, expert_ids + 3, 2, &d, &err), LDR_OK);
    CHECK_INT(made, 4);
    CHECK_STR(err.message, "");
    ldr_session_free(s);
    tiny_close(&t);
  }
}

TEST(layers_with_experts_are_those_that_have_a_router) {
  ldr_error err;
  tiny_model t = experts_open("qwen3_moe", "", NULL, 0, NULL, &err);
  CHECK(t.m && !ldr__model_block(t.m, 0)->experts && ldr__model_block(t.m, 0)->m[LDR__UP].data);
  CHECK(t.m && ldr__model_block(t.m, 1)->experts && !ldr__model_block(t.m, 1)->m[LDR__UP].data);
  CHECK(t.m && ldr__layer_bytes(t.m, 1, 0) == 4 * (3 * WIDTH * WIDTH + WIDTH + (size_t)3 * EXPERTS * WIDTH * UNITS));
  CHECK(t.m && ldr__model_resident(t.m) >= ldr__layer_bytes(t.m, 1, 0));
  CHECK(t.m && ldr__layer_bytes(t.m, 1, 0) > ldr__layer_bytes(t.m, 0, 0));
  tiny_close(&t);
}

/* ---- files ------------------------------------------------------------------------------------ */

/* The model as llama.cpp's converter writes it: all of a layer's experts in one tensor, of blocks where wanted. */
static file_bytes experts_gguf(const char *type, const char *arch, ldr_dtype blocks, int used) {
  static const char *const shared[][2] = { { "mlp.shared_expert_gate.", "ffn_gate_inp_shexp." }, { "mlp.shared_expert.gate_proj.", "ffn_gate_shexp." },
    { "mlp.shared_expert.up_proj.", "ffn_up_shexp." }, { "mlp.shared_expert.down_proj.", "ffn_down_shexp." }, { "self_attn.q_norm.", "attn_q_norm." },
    { "self_attn.k_norm.", "attn_k_norm." }, { "mlp.gate.", "ffn_gate_inp." }, { "block_sparse_moe.gate.", "ffn_gate_inp." },
    { "experts.0.gate_proj.", "ffn_gate_exps." }, { "experts.0.up_proj.", "ffn_up_exps." }, { "experts.0.down_proj.", "ffn_down_exps." },
    { "experts.0.w1.", "ffn_gate_exps." }, { "experts.0.w3.", "ffn_up_exps." }, { "experts.0.w2.", "ffn_down_exps." } };
  size_t size, i, at = 0;
  char *weights = experts_weights(&size, type, NULL, 0), name[128], key[64];
  ldr_weights *w = ldr_weights_open_memory(weights, size, NULL, NULL);
  const struct { const char *what; int type; uint64_t value; } keys[] = { { "block_count", 4, LAYERS }, { "embedding_length", 4, WIDTH },
    { "feed_forward_length", 4, (uint64_t)(strcmp(arch, "llama") == 0 ? (int)UNITS : 40) }, { "attention.head_count", 4, 4 }, { "attention.head_count_kv", 4, 2 }, { "context_length", 4, 40 },
    { "attention.key_length", 4, 8 }, { "attention.layer_norm_rms_epsilon", 6, ldr__bits_from_float(1e-6f) }, { "rope.freq_base", 6, ldr__bits_from_float(1e4f) },
    { "expert_count", 4, EXPERTS }, { "expert_used_count", 4, (uint64_t)used }, { "expert_feed_forward_length", 4, UNITS }, { "expert_shared_feed_forward_length", 4, SHARED } };
  size_t count = sizeof keys / sizeof *keys - (strcmp(type, "qwen2_moe") != 0);
  int32_t k, d, e, n = 0, pass;
  file_bytes f, body;
  memset(&f, 0, sizeof f);
  memset(&body, 0, sizeof body);
  for (pass = 0; pass < 2; pass++) {                         /* to count tensors, and to write them */
    if (pass) {
      put(&f, "GGUF", 4);
      put_number(&f, 3, 4);
      put_number(&f, (uint64_t)n, 8);
      put_number(&f, count + 1, 8);
      put_text(&f, "general.architecture", 8);
      put_number(&f, 8, 4);
      put_text(&f, arch, 8);
      for (i = 0; i < count; i++) {
        sprintf(key, "%s.%s", arch, keys[i].what);
        put_key(&f, key, (uint32_t)keys[i].type, keys[i].value);
      }
    }
    for (k = 0; k < ldr_weights_count(w); k++) {
      const ldr_tensor *t = ldr_weights_at(w, k);
      const char *in = strstr(t->name, "experts.");
      int many = in && in[8] == '0', turn = strcmp(arch, "llama") == 0 && (strstr(t->name, "q_proj") || strstr(t->name, "k_proj"));
      size_t rows = t->dims == 2 ? (size_t)t->shape[0] : 1, columns = (size_t)t->shape[t->dims - 1], r;
      if (in && !many) continue;
      n += !pass;
      if (!pass) continue;
      gguf_name(name, t->name);
      for (i = 0; i < sizeof shared / sizeof *shared; i++)
        if ((in = strstr(t->name, shared[i][0])) != NULL && (in[-1] == '.'))
          sprintf(name, "blk.%d.%s%s", atoi(strstr(t->name, "layers.") + 7), shared[i][1], in + strlen(shared[i][0]));
      put_text(&f, name, 8);
      d = strstr(name, "inp_shexp") ? 1 : many ? 3 : t->dims;      /* the shared gate is a vector there */
      put_number(&f, (uint64_t)d, 4);
      put_number(&f, columns, 8);
      if (d > 1) put_number(&f, rows, 8);
      if (d > 2) put_number(&f, EXPERTS, 8);
      put_number(&f, !many || blocks == LDR_F32 ? 0 : blocks == LDR_Q8_0 ? 8 : 2, 4);
      put_number(&f, at, 8);
      for (e = 0; e < (many ? EXPERTS : 1); e++) {
        const ldr_tensor *of = t;
        if (many) {
          sprintf(name, "%.*sexperts.%d%s", (int)(strstr(t->name, "experts.0") - t->name), t->name, (int)e, strstr(t->name, "experts.0") + 9);
          of = ldr_weights_find(w, name);
        }
        for (r = 0; r < rows; r++) {
          size_t from = turn ? r / 8 * 8 + r % 8 % 2 * 4 + r % 8 / 2 : r;
          float x[64];
          unsigned char b[64 * 4];
          ldr_tensor_read(x, of, from * columns, columns);
          for (i = 0; i < columns; i += many && blocks != LDR_F32 ? 32 : 1) {
            if (many && blocks != LDR_F32) CHECK(ldr__quantise_block(b, x + i, blocks));
            else ldr__store_u32(b, ldr__bits_from_float(x[i]));
            put(&body, b, many && blocks != LDR_F32 ? ldr_dtype_size(blocks) : 4);
          }
        }
      }
      while (body.n % 32) put(&body, "", 1);
      at = body.n;
    }
  }
  while (f.n % 32) put(&f, "", 1);
  put(&f, body.p, body.n);
  free(body.p);
  ldr_weights_close(w);
  free(weights);
  return f;
}

TEST(gguf_files_hold_the_same_experts) {
  static const char *const archs[MIXTURES] = { "llama", "qwen2moe", "qwen3moe" };
  static float want[20 * WIDTH], got[20 * WIDTH];
  int k, b;
  for (k = 0; k < MIXTURES; k++)
    for (b = 0; b < 3; b++) {
      static const ldr_dtype types[3] = { LDR_F32, LDR_Q8_0, LDR_Q4_0 };
      static const double limits[3] = { 1e-5, 5e-2, 1 };      /* rounded, a token may choose others */
      ldr_error err;
      tiny_model t = experts_open(mixtures[k], "", NULL, 0, NULL, &err);
      file_bytes f = experts_gguf(mixtures[k], archs[k], types[b], 2);
      ldr_model *m = ldr_model_load_memory(NULL, 0, f.p, f.n, NULL, 0, NULL, &err);
      CHECK_STR(err.message, "");
      CHECK(m && strcmp(m->type, mixtures[k]) == 0);
      if (m) {
        double e;
        CHECK_INT(m->shape.renormal, t.m->shape.renormal);
        expert_states(t.m, want, &err);
        expert_states(m, got, &err);
        e = relative(got, want, 20 * WIDTH, 1);
        if (!(e < limits[b])) printf("  %s in %s: %g\n", mixtures[k], ldr_dtype_name(types[b]), e);
        CHECK(e < limits[b] && (b == 0 || e > 1e-6));
        CHECK(b == 0 || ldr__model_block(m, 2)->experts[6].dtype == types[b]);
      }
      ldr_model_free(m);
      tiny_close(&t);
      free(f.p);
    }
}

TEST(gguf_files_whose_experts_cannot_be) {
  ldr_error err;
  file_bytes f = experts_gguf("qwen3_moe", "qwen3moe", LDR_F32, 9);
  memset(&err, 0, sizeof err);
  CHECK(ldr_model_load_memory(NULL, 0, f.p, f.n, NULL, 0, NULL, &err) == NULL);
  CHECK(strstr(err.message, "num_experts_per_tok") && strstr(err.message, "1 to 5"));
  free(f.p);
  memset(&err, 0, sizeof err);
  f = experts_gguf("qwen3_moe", "qwen3", LDR_F32, 2);        /* an architecture without them */
  CHECK(ldr_model_load_memory(NULL, 0, f.p, f.n, NULL, 0, NULL, &err) == NULL);
  CHECK(err.status == LDR_UNSUPPORTED && strstr(err.message, "qwen3"));
  free(f.p);
}

TEST(experts_become_blocks) {
  static const char file[] = "experts-test.safetensors";
  static const ldr_dtype formats[] = { LDR_Q8_0, LDR_Q4_0 };
  static float want[20 * WIDTH], got[20 * WIDTH];
  int k, b;
  for (k = 0; k < MIXTURES; k++)
    for (b = 0; b < 2; b++) {
      ldr_error err;
      tiny_model t = experts_open(mixtures[k], "", NULL, 0, NULL, &err);
      ldr_model *m = NULL;
      size_t size = 0;
      char *bytes;
      CHECK_INT(ldr_model_quantise(t.m, file, formats[b], &err), LDR_OK);
      bytes = ldr_test_read(file, &size);
      m = ldr_model_load_memory(t.config, strlen(t.config), bytes, size, NULL, 0, NULL, &err);
      CHECK_STR(err.message, "");
      if (m) {
        const ldr__mat *of = ldr__model_block(m, 1)->experts;
        int32_t i;
        for (i = 2; i < 3 * EXPERTS + 5; i++) CHECK(!of[i].data || of[i].dtype == formats[b]);
        CHECK(of[0].dtype == LDR_F32 && (!of[1].data || of[1].dtype == LDR_F32));      /* what chooses stays */
        for (i = 0; i < ldr_weights_count(m->weights); i++) {      /* their values as floats are the same model */
          const ldr_tensor *from = ldr_weights_at(m->weights, i), *to = ldr_weights_find(t.m->weights, from->name);
          float *x = (float *)malloc((size_t)to->bytes);
          ldr_tensor_read(x, from, 0, to->bytes / sizeof *x);
          memcpy((char *)(uintptr_t)to->data, x, (size_t)to->bytes);
          free(x);
        }
        expert_states(t.m, want, &err);
        expert_states(m, got, &err);
        CHECK(relative(got, want, 20 * WIDTH, 1) < 1e-5);
      }
      ldr_model_free(m);
      free(bytes);
      tiny_close(&t);
    }
  remove(file);
}

TEST(experts_that_do_not_fit_are_named) {
  static const struct { const char *type, *extra, *without, *says; ldr_status status; } rows[] = {
    { "mixtral", "", "layers.1.block_sparse_moe.experts.3.w2.weight", "experts.3.w2", LDR_MISSING },
    { "qwen2_moe", "", "layers.2.mlp.shared_expert.up_proj.weight", "shared_expert.up_proj", LDR_MISSING },
    { "qwen2_moe", "", "layers.0.mlp.shared_expert_gate.weight", "shared_expert_gate", LDR_MISSING },
    { "qwen3_moe", "", "layers.2.mlp.gate.weight", "layers.2.mlp.gate.weight", LDR_MISSING },
    { "qwen3_moe", "", "layers.0.mlp.up_proj.weight", "layers.0.mlp.up_proj", LDR_MISSING },
    { "mixtral", ",\"num_experts_per_tok\":6", NULL, "expected 1 to 5", LDR_LIMIT }, { "mixtral", ",\"num_experts_per_tok\":0", NULL, "expected 1 to 5", LDR_LIMIT },
    { "qwen3_moe", ",\"num_experts\":4", NULL, "mlp.gate.weight", LDR_SHAPE }, { "qwen3_moe", ",\"num_experts\":0", NULL, "num_experts", LDR_LIMIT },
    { "qwen3_moe", ",\"num_experts\":100000000", NULL, "num_experts", LDR_LIMIT },
    { "qwen3_moe", ",\"moe_intermediate_size\":48", NULL, "experts.0.gate_proj", LDR_SHAPE },
    { "qwen2_moe", ",\"shared_expert_intermediate_size\":48", NULL, "shared_expert.gate_proj", LDR_SHAPE },
    { "qwen2_moe", ",\"qkv_bias\":false", NULL, "qkv_bias", LDR_UNSUPPORTED },
    { "qwen2_moe", ",\"expert_choice\":true", NULL, "expert_choice", LDR_UNSUPPORTED } };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ldr_error err;
    tiny_model t;
    char *at;
    memset(&t, 0, sizeof t);
    memset(&err, 0, sizeof err);
    experts_config(t.config, rows[i].type, "");
    if (*rows[i].extra) {                                    /* in place of the member of that name, if there is one */
      char key[64];
      sprintf(key, "%.*s", (int)(strchr(rows[i].extra, ':') - rows[i].extra), rows[i].extra);
      at = strstr(t.config, key);
      if (at) memmove(at, at + 1 + strcspn(at + 1, ",}"), strlen(at + 1 + strcspn(at + 1, ",}")) + 1);
      sprintf(t.config + strlen(t.config) - 1, "%s}", rows[i].extra);
    }
    t.weights = experts_weights(&t.size, rows[i].type, rows[i].without, 0);
    t.m = ldr_model_load_memory(t.config, strlen(t.config), t.weights, t.size, NULL, 0, NULL, &err);
    if (t.m || err.status != rows[i].status || !strstr(err.message, rows[i].says)) printf("  row %d: %s\n", (int)i, err.message);
    CHECK(!t.m && err.status == rows[i].status && strstr(err.message, rows[i].says));
    tiny_close(&t);
  }
}

TEST(experts_are_not_rounded_at_load) {
  int k;
  for (k = 0; k < 3; k++) {
    ldr_model_desc d;
    ldr_error err;
    tiny_model t;
    memset(&d, 0, sizeof d);
    d.compute = k == 0 ? LDR_COMPUTE_INT8 : k == 1 ? LDR_COMPUTE_BF16 : LDR_COMPUTE_F32;
    d.pack = k == 2;
    t = experts_open("qwen3_moe", "", NULL, 0, &d, &err);
    CHECK(!t.m && err.status == LDR_UNSUPPORTED && strstr(err.message, "qwen3_moe") && strstr(err.message, "compute"));
    tiny_close(&t);
  }
}

/* Any allocation may fail. */
TEST(models_with_experts_survive_without_memory) {
  char config[1024], *weights;
  size_t size;
  long at;
  int done = 0;
  experts_config(config, "qwen2_moe", "");
  weights = experts_weights(&size, "qwen2_moe", NULL, 0);
  for (at = 1; at < 200 && !done; at++) {
    ldr_test_heap heap;
    ldr_model_desc d;
    ldr_error err;
    ldr_model *m;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    d.alloc = ldr_test_alloc(&heap, at);
    m = ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, &d, &err);
    done = m != NULL;
    if (!m) CHECK_INT(err.status, LDR_MEMORY);
    ldr_model_free(m);
    CHECK_INT(heap.live, 0);
  }
  CHECK(done);
  free(weights);
}

/* ---- what is trained beside them -------------------------------------------------------------- */

TEST(narrow_rungs_learn_beside_experts) {
  static const struct { ldr_preset preset; ldr_head head; int32_t reduction, width; } ways[] = { { LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY, 0, 0 }, { LDR_PRESET_SLICED, LDR_HEAD_TOKENS, 2, 0 },
    { LDR_PRESET_PAPER, LDR_HEAD_CLASSIFY, 2, 0 }, { LDR_PRESET_CLUE, LDR_HEAD_CLASSIFY, 0, 16 }, { LDR_PRESET_MLP, LDR_HEAD_CLASSIFY, 2, 0 },
    { LDR_PRESET_HEAD, LDR_HEAD_CLASSIFY, 0, 0 }, { LDR_PRESET_DEFAULT, LDR_HEAD_WORDS, 0, 0 } };
  size_t i;
  int k, runs = 0;
  for (k = 0; k < MIXTURES; k++)
    for (i = 0; i < sizeof ways / sizeof *ways; i++) {
      ldr_test_heap heap;
      ldr_allocator a = ldr_test_alloc(&heap, 0);
      ldr_model_desc md;
      ldr_error err;
      tiny_model t;
      ldr_dataset *set = some_examples(ways[i].head, ways[i].head == LDR_HEAD_WORDS ? WORDS : 2);
      ldr_ladder_desc d;
      ldr_train_desc td;
      ldr_trainer *trainer;
      ldr_ladder *l;
      ldr_progress p;
      double first = -1;
      long calls;
      memset(&md, 0, sizeof md);
      memset(&d, 0, sizeof d);
      memset(&td, 0, sizeof td);
      memset(&p, 0, sizeof p);
      md.alloc = a;
      md.threads = 1;
      t = experts_open(mixtures[k], "", NULL, 0, &md, &err);
      d.preset = ways[i].preset;
      d.head = ways[i].head;
      d.classes = 2;
      d.reduction = ways[i].reduction;
      d.width = ways[i].width;
      d.dropout = -1;
      l = ldr_ladder_create(t.m, &d, &err);
      if (ways[i].preset == LDR_PRESET_PAPER && k == 2) {    /* norms of heads: as beside qwen3 */
        CHECK(!l && err.status == LDR_UNSUPPORTED && strstr(err.message, "slice whole heads"));
        ldr_dataset_free(set);
        tiny_close(&t);
        continue;
      }
      CHECK_STR(err.message, "");
      CHECK(l && l->d.top == 0 && l->d.init == LDR_INIT_RANDOM && !l->side.experts);
      CHECK(l && (ways[i].preset == LDR_PRESET_HEAD) == (l->d.rung_count == 0));
      td.epochs = 20;
      td.batch = 8;
      td.rate = 5e-3f;
      trainer = l ? ldr_trainer_create(l, set, NULL, &td, &err) : NULL;
      calls = heap.calls;
      while (trainer && !ldr_trainer_done(trainer) && !ldr_trainer_step(trainer, &p, &err)) if (first < 0) first = p.step_loss;
      CHECK_INT(heap.calls, calls);                          /* a step allocates nothing */
      CHECK_STR(err.message, "");
      if (!(first - p.step_loss > 0.01)) printf("  %s, way %d: from %g to %g\n", mixtures[k], (int)i, first, p.step_loss);
      CHECK(first - p.step_loss > 0.01);
      runs++;
      ldr_trainer_free(trainer);
      ldr_ladder_free(l);
      ldr_dataset_free(set);
      tiny_close(&t);
      CHECK_INT(heap.live, 0);
    }
  CHECK_INT(runs, MIXTURES * 7 - 1);
}

/* The same ladder on one thread and on three, from a cache or not, saved and loaded. */
TEST(ladders_beside_experts_are_the_same_to_the_bit) {
  static const char file[] = "experts-test.ladder";
  static float scores[4][6];
  int k;
  for (k = 0; k < 3; k++) {
    static const int32_t offsets[4] = { 0, 9, 10, 20 };
    ldr_model_desc md;
    ldr_ladder_desc d;
    ldr_train_desc td;
    ldr_predictor *p;
    ldr_error err;
    ldr_ladder *l;
    tiny_model t;
    ldr_dataset *set = some_examples(LDR_HEAD_CLASSIFY, 2);
    ldr_batch b;
    memset(&b, 0, sizeof b);
    memset(&md, 0, sizeof md);
    memset(&d, 0, sizeof d);
    memset(&td, 0, sizeof td);
    b.sequences = 3;
    b.offsets = offsets;
    b.ids = expert_ids;
    md.threads = k == 1 ? 3 : 1;
    t = experts_open("qwen3_moe", "", NULL, 0, &md, &err);
    d.classes = 2;
    td.epochs = 4;
    td.batch = 4;
    td.cache = k == 2;
    l = ldr_ladder_create(t.m, &d, &err);
    CHECK_INT(ldr_fit(l, set, NULL, &td, NULL, &err), LDR_OK);
    p = ldr_predictor_create(l, 3, 20, &err);
    CHECK_INT(ldr_predict(p, scores[k], &b, &err), LDR_OK);
    CHECK(memcmp(scores[0], scores[k], sizeof scores[0]) == 0);
    ldr_predictor_free(p);
    if (k == 0) {
      ldr_ladder *again;
      CHECK_INT(ldr_ladder_save(l, file, &err), LDR_OK);
      again = ldr_ladder_load(t.m, file, NULL, &err);
      p = ldr_predictor_create(again, 3, 20, &err);
      CHECK_INT(p ? ldr_predict(p, scores[3], &b, &err) : LDR_MEMORY, LDR_OK);
      CHECK(memcmp(scores[0], scores[3], sizeof scores[0]) == 0);
      ldr_predictor_free(p);
      ldr_ladder_free(again);
    }
    CHECK_STR(err.message, "");
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    tiny_close(&t);
  }
  remove(file);
}

TEST(no_way_back_goes_through_experts) {
  static const ldr_method methods[] = { LDR_METHOD_FULL, LDR_METHOD_LORA, LDR_METHOD_BITFIT, LDR_METHOD_ADAPTER, LDR_METHOD_PREFIX, LDR_METHOD_IA3, LDR_METHOD_PROMPT, LDR_METHOD_THESEUS };
  char words[64];
  size_t i;
  ldr_error err;
  tiny_model t = experts_open("qwen2_moe", "", NULL, 0, NULL, &err);
  ldr_ladder *l;
  ldr_ladder_desc d;
  for (i = 0; i < sizeof methods / sizeof *methods + 3; i++) {
    memset(&d, 0, sizeof d);
    memset(&err, 0, sizeof err);
    d.classes = 2;
    if (i < sizeof methods / sizeof *methods) d.method = methods[i];
    else if (i % 3 == 0) d.preset = LDR_PRESET_TOP;
    else if (i % 3 == 1) d.top = 1;
    else d.init = LDR_INIT_SLICE;
    sprintf(words, "%s goes back through", i < sizeof methods / sizeof *methods ? ldr_method_name(methods[i]) : "top");
    l = ldr_ladder_create(t.m, &d, &err);
    CHECK(!l);
    if (d.init == LDR_INIT_SLICE) CHECK(err.status == LDR_UNSUPPORTED && strstr(err.message, "init random"));
    else if (d.preset == LDR_PRESET_TOP) CHECK(err.status == LDR_ARGUMENT);
    else CHECK(err.status == LDR_UNSUPPORTED && strstr(err.message, words) && strstr(err.message, "narrow rungs"));
    if (l) printf("  case %d\n", (int)i);
    ldr_ladder_free(l);
  }
  tiny_close(&t);
}

TEST(a_model_with_experts_is_not_written) {
  static const char file[] = "experts-test.safetensors";
  char config[1024];
  ldr_error err;
  tiny_model t = experts_open("mixtral", "", NULL, 0, NULL, &err);
  ldr_ladder_desc d;
  ldr_ladder *l;
  memset(&d, 0, sizeof d);
  d.method = LDR_METHOD_HEAD;
  d.classes = 2;
  l = ldr_ladder_create(t.m, &d, &err);
  CHECK_STR(err.message, "");
  CHECK_INT(ldr_ladder_export(l, file, LDR_F32, &err), LDR_UNSUPPORTED);
  CHECK(strstr(err.message, "mixtral") && strstr(err.message, "experts"));
  memset(&err, 0, sizeof err);
  experts_config(config, "qwen3_moe", "");
  CHECK_INT(ldr_model_init(config, strlen(config), file, 1, &err), LDR_UNSUPPORTED);
  CHECK(strstr(err.message, "qwen3_moe") && strstr(err.message, "experts"));
  ldr_ladder_free(l);
  tiny_close(&t);
  remove(file);
}

#define TESTS(X)                                                                                                          \
  X(experts_are_added_as_a_naive_sum) X(equal_experts_are_chosen_from_the_lowest_on) X(routers_that_give_no_numbers) X(a_router_that_is_no_number_is_an_error)   \
  X(neither_threads_nor_the_batch_change_a_bit) X(long_batches_are_the_same_on_any_number_of_threads) X(sessions_with_experts_give_the_whole_pass) \
  X(layers_with_experts_are_those_that_have_a_router) X(gguf_files_hold_the_same_experts) X(gguf_files_whose_experts_cannot_be) X(experts_become_blocks) \
  X(experts_that_do_not_fit_are_named) X(experts_are_not_rounded_at_load) X(models_with_experts_survive_without_memory) X(narrow_rungs_learn_beside_experts) \
  X(ladders_beside_experts_are_the_same_to_the_bit) X(no_way_back_goes_through_experts) X(a_model_with_experts_is_not_written)
LDR_TEST_MAIN("experts", TESTS)
