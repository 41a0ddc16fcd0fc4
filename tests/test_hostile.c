/* Weight files and configurations that lie, are cut or damaged. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_hostile.h"

/* ---- helpers ----------------------------------------------------------------------------------- */

/* Length, header text and `data_size` bytes 0, 1, 2, ... as a weight file; free() it. */
static char *weight_file(const char *header, size_t data_size, size_t *size) {
  size_t n = strlen(header), i;
  char *p = (char *)malloc(8 + n + data_size + 1);
  if (!p) abort();
  ldr__store_u64((unsigned char *)p, n);
  memcpy(p + 8, header, n);
  for (i = 0; i < data_size; i++) p[8 + n + i] = (char)(i & 255);
  *size = 8 + n + data_size;
  return p;
}

static ldr_status open_status(const void *data, size_t size, ldr_error *err) {
  char *exact = exact_copy(data, size);
  ldr_weights *w;
  ldr_status status;
  *err = no_error();
  w = ldr_weights_open_memory(exact, size, NULL, err);
  status = err->status;
  CHECK((w != NULL) == (status == LDR_OK));
  ldr_weights_close(w);
  free(exact);
  return status;
}

/* ---- safetensors --------------------------------------------------------------------------------- */

#define T(name, dtype, shape, offsets) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

TEST(headers_that_lie_are_refused_at_their_place) {
  static const struct { const char *header; int data; ldr_status status; int offset; const char *word; } bad[] = {
    { "", 0, LDR_JSON, 8, "value" },
    { "[]", 0, LDR_FORMAT, 8, "object" },
    { "3", 0, LDR_FORMAT, 8, "object" },
    { "not json", 0, LDR_JSON, 8, "value" },
    { "{\"a\":", 0, LDR_JSON, 13, "value" },
    { "{\"\xff\":1}", 0, LDR_JSON, 10, "UTF-8" },
    { "{} {}", 0, LDR_JSON, 11, "after" },
    { "{\"a\":5}", 0, LDR_FORMAT, 13, "\"a\"" },
    { "{\"a\":null}", 0, LDR_FORMAT, 13, "\"a\"" },
    { "{\"a\":{}}", 0, LDR_FORMAT, 13, "dtype" },
    { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, LDR_FORMAT, 13, "dtype" },
    { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, LDR_FORMAT, 13, "shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, LDR_FORMAT, 13, "data_offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, LDR_FORMAT, 13, "\"a\"" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4, LDR_FORMAT, 13, "two" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, LDR_FORMAT, 13, "two" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{\"x\":0}}}", 4, LDR_FORMAT, 13, "two" },
    { "{" T("a", "F33", "1", "0,4") "}", 4, LDR_DTYPE, 23, "F33" },
    { "{" T("a", "f32", "1", "0,4") "}", 4, LDR_DTYPE, 23, "f32" },
    { "{" T("a", "", "1", "0,4") "}", 4, LDR_DTYPE, 23, "type" },
    { "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, LDR_DTYPE, 22, "7" },
    { "{" T("a", "F32", "-1", "0,4") "}", 4, LDR_FORMAT, 37, "shape" },
    { "{" T("a", "F32", "1.0", "0,4") "}", 4, LDR_FORMAT, 37, "shape" },
    { "{" T("a", "F32", "1e0", "0,4") "}", 4, LDR_FORMAT, 37, "shape" },
    { "{" T("a", "F32", "\\\"1\\\"", "0,4") "}", 4, LDR_JSON, 37, "value" },
    { "{" T("a", "F32", "1,[1]", "0,4") "}", 4, LDR_FORMAT, 39, "shape" },
    { "{" T("a", "F32", "9223372036854775808", "0,4") "}", 4, LDR_FORMAT, 37, "shape" },
    { "{" T("a", "F32", "99999999999999999999999", "0,4") "}", 4, LDR_FORMAT, 37, "shape" },
    { "{" T("a", "F32", "9223372036854775807,3", "0,4") "}", 4, LDR_FORMAT, 57, "shape" },
    { "{" T("a", "F32", "4294967296,4294967296", "0,4") "}", 4, LDR_FORMAT, 48, "shape" },
    { "{" T("a", "F32", "4611686018427387905", "0,4") "}", 4, LDR_FORMAT, 73, "span" },
    { "{" T("a", "F32", "1", "4,0") "}", 4, LDR_FORMAT, 55, "begin" },
    { "{" T("a", "F32", "1", "-4,0") "}", 4, LDR_FORMAT, 55, "whole" },
    { "{" T("a", "F32", "1", "0,4.0") "}", 4, LDR_FORMAT, 55, "whole" },
    { "{" T("a", "F32", "1", "0,8") "}", 8, LDR_FORMAT, 55, "span 8" },
    { "{" T("a", "F32", "2", "0,4") "}", 4, LDR_FORMAT, 55, "span 4" },
    { "{" T("a", "F32", "", "0,8") "}", 8, LDR_FORMAT, 54, "need 4" },
    { "{" T("a", "F32", "1", "0,4") "}", 3, LDR_FORMAT, 55, "truncated" },
    { "{" T("a", "F32", "1", "9223372036854775803,9223372036854775807") "}", 4, LDR_FORMAT, 55, "ends at" },
    { "{" T("a", "F32", "2", "0,8") "," T("b", "F32", "2", "4,12") "}", 12, LDR_FORMAT, 120, "overlap" },
    { "{" T("a", "F32", "1", "0,4") "," T("b", "F32", "1", "0,4") "}", 4, LDR_FORMAT, 115, "overlap" },
    { "{" T("a", "F32", "1", "4,8") "}", 8, LDR_FORMAT, 62, "unused" },
    { "{" T("a", "F32", "1", "0,4") "," T("b", "F32", "1", "8,12") "}", 12, LDR_FORMAT, 120, "unused" },
    { "{" T("a", "F32", "1", "0,4") "}", 5, LDR_FORMAT, 66, "1 bytes" },
    { "{}", 1, LDR_FORMAT, 10, "none" },
    { "{" T("a", "F32", "1", "0,4") "," T("a", "F32", "1", "4,8") "}", 8, LDR_FORMAT, -1, "twice" },
    { "{" T("a\\u0000b", "F32", "1", "0,4") "}", 4, LDR_FORMAT, 10, "NUL" },
    { "{\"__metadata__\":3}", 0, LDR_FORMAT, 24, "__metadata__" },
    { "{\"__metadata__\":[\"a\"]}", 0, LDR_FORMAT, 24, "__metadata__" },
    { "{\"__metadata__\":{\"k\":1}}", 0, LDR_FORMAT, 29, "strings" },
    { "{\"__metadata__\":{\"k\":{}}}", 0, LDR_FORMAT, 29, "strings" },
    { "{\"__metadata__\":{\"k\":\"\\u0000\"}}", 0, LDR_FORMAT, 30, "NUL" },
    { "{" T("a", "F32", "1,1,1,1,1,1,1,1,1", "0,4") "}", 4, LDR_LIMIT, 36, "9 dimensions" } };
  size_t i, size;
  ldr_error err;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    char *file = weight_file(bad[i].header, (size_t)bad[i].data, &size);
    int before = ldr_test.failures;
    CHECK_INT(open_status(file, size, &err), bad[i].status);
    if (bad[i].offset >= 0) CHECK_INT(err.offset, bad[i].offset);
    CHECK(strstr(err.message, bad[i].word) != NULL);
    if (ldr_test.failures != before) printf("  case %d, %s: offset %llu, %s\n", (int)i, bad[i].header, (unsigned long long)err.offset, err.message);
    free(file);
  }
}

TEST(header_lengths_that_lie) {
  char b[64];
  size_t n;
  ldr_error err;
  memset(b, '{', sizeof b);
  for (n = 0; n < 8; n++) {
    CHECK_INT(open_status(b, n, &err), LDR_FORMAT);
    CHECK_INT(err.offset, 0);
  }
  ldr__store_u64((unsigned char *)b, 57);
  CHECK_INT(open_status(b, 64, &err), LDR_FORMAT);
  CHECK(strstr(err.message, "truncated") != NULL);
  ldr__store_u64((unsigned char *)b, UINT64_C(100000000));
  CHECK_INT(open_status(b, 64, &err), LDR_FORMAT);
  ldr__store_u64((unsigned char *)b, UINT64_C(100000001));
  CHECK_INT(open_status(b, 64, &err), LDR_LIMIT);
  ldr__store_u64((unsigned char *)b, UINT64_MAX);
  CHECK_INT(open_status(b, 64, &err), LDR_LIMIT);
  CHECK_INT(err.offset, 0);
  ldr__store_u64((unsigned char *)b, 0);
  CHECK_INT(open_status(b, 8, &err), LDR_JSON);
  CHECK(ldr_weights_open_memory(NULL, 0, NULL, &err) == NULL);
}

TEST(good_headers_are_read) {
  static const char header[] = "  {\"__metadata__\":{\"k\\u00e9y\":\"v\\n\",\"empty\":\"\"}," T("z", "F64", "2", "13,29") "," T("scalar", "F32", "", "0,4") "," T("none", "I64", "0,7", "4,4") "," T("a", "U8", "3,1,1,1,1,1,1,3", "4,13") "}   ";
  size_t size, i;
  char *file = weight_file(header, 29, &size);
  ldr_error err = no_error();
  ldr_weights *w = ldr_weights_open_memory(file, size, NULL, &err);
  static const char *const names[] = { "a", "none", "scalar", "z" };
  const char *value;
  CHECK_STR(err.message, "");
  CHECK_INT(ldr_weights_count(w), 4);
  for (i = 0; i < 4; i++) {
    const ldr_tensor *t = ldr_weights_at(w, (int32_t)i);
    CHECK(t && strcmp(t->name, names[i]) == 0 && ldr_weights_find(w, names[i]) == t);
    if (t && t->bytes) CHECK(((const unsigned char *)t->data)[0] == (unsigned char)((const char *)t->data - file - 8) - (unsigned char)strlen(header));
  }
  CHECK_INT(ldr_weights_find(w, "scalar")->dims, 0);
  CHECK_INT(ldr_weights_find(w, "a")->dims, 8);
  CHECK_INT(ldr_weights_find(w, "z")->offset, 8 + strlen(header) + 13);
  CHECK(ldr_weights_find(w, "b") == NULL && ldr_weights_find(w, NULL) == NULL && ldr_weights_at(w, 4) == NULL && ldr_weights_at(w, -1) == NULL);
  CHECK_STR(ldr_weights_meta(w, "k\xc3\xa9y"), "v\n");
  CHECK_STR(ldr_weights_meta(w, "empty"), "");
  CHECK(ldr_weights_meta(w, "x") == NULL && ldr_weights_meta(w, NULL) == NULL);
  CHECK_INT(ldr_weights_meta_count(w), 2);
  CHECK_STR(ldr_weights_meta_at(w, 1, &value), "empty");
  CHECK(ldr_weights_meta_at(w, 2, &value) == NULL && ldr_weights_meta_at(w, -1, NULL) == NULL);
  CHECK(ldr_weights_count(NULL) == 0 && ldr_weights_at(NULL, 0) == NULL && ldr_weights_find(NULL, "a") == NULL && ldr_weights_meta(NULL, "a") == NULL && ldr_weights_meta_count(NULL) == 0);
  ldr_weights_close(w);
  ldr_weights_close(NULL);
  free(file);
}

TEST(published_weight_files) {
  char path[1024], base[1024];
  size_t size;
  char *text;
  ldr_json *j;
  int32_t k;
  int files = 0;
  NEED_DATA(path, "conformance/safetensors-vectors/expected.json");
  strcpy(base, path);
  base[strlen(base) - strlen("expected.json")] = 0;
  text = ldr_test_read(path, &size);
  j = ldr_json_parse(text, size, NULL, NULL);
  CHECK(j != NULL);
  for (k = j ? ldr_json_node_at(j, 0)->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
    char name[256], expect[64], full[1400];
    ldr_error err = no_error();
    ldr_weights *w;
    ldr_json_string(name, sizeof name, j, ldr_json_get(j, k, "file"));
    ldr_json_string(expect, sizeof expect, j, ldr_json_get(j, k, "expect"));
    sprintf(full, "%s%s", base, name);
    w = ldr_weights_open(full, NULL, &err);
    if ((strcmp(expect, "OK") == 0) != (w != NULL)) printf("  %s: expected %s: %s\n", name, expect, err.message);
    CHECK((strcmp(expect, "OK") == 0) == (w != NULL));
    if (!w) CHECK(strstr(err.message, name) != NULL && err.status != LDR_IO && err.status != LDR_MEMORY);
    files++;
    ldr_weights_close(w);
  }
  CHECK_INT(files, 16);
  ldr_json_free(j);
  free(text);
}

TEST(broken_downloads_and_other_formats) {
  static const char *const names[] = { "conformance/safetensors-realworld-broken/minilm-truncated-1835008.safetensors", "conformance/safetensors-realworld-broken/minilm-truncated-851968.safetensors",
    "conformance/safetensors-realworld-broken/symlink-text.safetensors", "conformance/gguf-crlf-mangled/ggml-vocab-baichuan.gguf", "conformance/gguf-crlf-mangled/ggml-vocab-bert-bge.gguf",
    "conformance/gguf-crlf-mangled/ggml-vocab-gpt-2.gguf", "conformance/gguf-crlf-mangled/ggml-vocab-llama-spm.gguf" };
  char path[1024];
  size_t i;
  NEED_DATA(path, "conformance/safetensors-realworld-broken/symlink-text.safetensors");
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    ldr_error err = no_error();
    CHECK(ldr_test_data_path(path, sizeof path, names[i]));
    CHECK(ldr_weights_open(path, NULL, &err) == NULL);
    CHECK_INT(err.status, LDR_FORMAT);
    CHECK(strstr(err.message, i == 2 ? "a link that became a file" : "truncated") != NULL);
  }
}

TEST(a_good_file_cut_or_damaged_anywhere) {
  static const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," T("a", "F32", "2,2", "0,16") "," T("b", "BF16", "3", "16,22") "}";
  size_t size, i, n;
  char *file = weight_file(header, 22, &size), *exact = exact_copy(file, size);
  ldr_test_rng r = { 3 };
  ldr_error err;
  int b;
  CHECK_INT(open_status(file, size, &err), LDR_OK);
  for (n = 0; n < size; n++) CHECK(open_status(file, n, &err) != LDR_OK);
  for (i = 0; i < 8 + strlen(header); i++)
    for (b = 0; b < 256; b++) {
      ldr_weights *w;
      exact[i] = (char)b;
      w = ldr_weights_open_memory(exact, size, NULL, NULL);
      if (w) {                               /* what does load must lie inside the file */
        const ldr_tensor *t = ldr_weights_at(w, 0);
        CHECK(!t || t->offset + t->bytes <= size);
      }
      ldr_weights_close(w);
      exact[i] = file[i];
    }
  for (i = 0; i < 30000; i++) {
    if (i % 4 == 0) memcpy(exact, file, size);
    exact[8 + ldr_test_below(&r, (uint32_t)strlen(header))] = "{}[]\",:0123456789-.eaFB\\\x80 "[ldr_test_below(&r, 27)];
    ldr_weights_close(ldr_weights_open_memory(exact, size, NULL, NULL));
  }
  free(file);
  free(exact);
}

TEST(weights_in_shards) {
#if HAVE_POSIX
  tiny_spec s = tiny_default("bert");
  char config[1024], *index;
  static char map[65536], text[70000];
  size_t size;
  char *data = tiny_weights(&s, &size);
  ldr_model *whole, *parts;
  ldr_model_desc md;
  ldr_error err = no_error();
  memset(&md, 0, sizeof md);
  md.threads = 1;
  tiny_config(config, &s);
  CHECK(folder_make());
  map[0] = 0;
  write_shard(in_folder("one.safetensors"), data, size, 0, NULL, map);
  write_shard(in_folder("two.safetensors"), data, size, 1, NULL, map);
  sprintf(text, "{\"metadata\":{\"total_size\":1},\"weight_map\":{%s}}", map);
  CHECK(write_text(in_folder("config.json"), config) && write_text(in_folder("model.safetensors.index.json"), text));
  whole = ldr_model_load_memory(config, strlen(config), data, size, NULL, 0, &md, &err);
  parts = ldr_model_load(folder, &md, &err);
  CHECK_STR(err.message, "");
  CHECK(whole && parts && ldr_model_fingerprint(whole) == ldr_model_fingerprint(parts));
  ldr_model_free(parts);
  ldr_model_free(whole);
  /* at: what stands at the offset that is told; ?: none is; *: one in a shard is */
#define SHARD_FAILS(changed_index, wanted, culprit, at)                                    \
  do {                                                                                   \
    const char *changed = changed_index, *place = strstr(changed, at);                 \
    CHECK(write_text(in_folder("model.safetensors.index.json"), changed));             \
    err = no_error();                                                                  \
    CHECK(ldr_model_load(folder, NULL, &err) == NULL);                                 \
    CHECK_INT(err.status, wanted);                                                     \
    CHECK(strstr(err.message, culprit) != NULL);                                       \
    CHECK(*at == '*' || err.offset == (place ? (uint64_t)(place - changed) : LDR_NO_OFFSET)); \
  } while (0)
  index = replaced(text, "weight_map\":{", "weight_map\":{\"nobody.weight\":\"two.safetensors\",");
  SHARD_FAILS(index, LDR_MISSING, "nobody.weight", "nobody");
  free(index);
  index = replaced(text, "\"two.safetensors\"", "\"../two.safetensors\"");
  SHARD_FAILS(index, LDR_FORMAT, "plain file name", "../two");
  free(index);
  index = replaced(text, "\"two.safetensors\"", "\"sub\\\\two.safetensors\"");
  SHARD_FAILS(index, LDR_FORMAT, "plain file name", "sub");
  free(index);
  index = replaced(text, "\"two.safetensors\"", "\"/etc/passwd\"");
  SHARD_FAILS(index, LDR_FORMAT, "plain file name", "/etc");
  free(index);
  index = replaced(text, "\"two.safetensors\"", "\"..\"");
  SHARD_FAILS(index, LDR_IO, "..", "{");
  free(index);
  index = replaced(text, "\"two.safetensors\"", "7");
  SHARD_FAILS(index, LDR_FORMAT, "plain file name", "7,");
  free(index);
  index = replaced(text, "\"two.safetensors\"", "\"three.safetensors\"");
  SHARD_FAILS(index, LDR_IO, "three.safetensors", "?");
  free(index);
  SHARD_FAILS("{\"weight_map\":[]}", LDR_FORMAT, "weight_map", "{");
  SHARD_FAILS("{\"weight_map\":{}}", LDR_MISSING, "word_embeddings", "?");
  SHARD_FAILS("[]", LDR_FORMAT, "weight_map", "[");
  SHARD_FAILS("{\"weight_map\":]", LDR_JSON, "index.json", "]");
  SHARD_FAILS("", LDR_JSON, "index.json", "");
  {
    static char scrap[65536];
    scrap[0] = 0;
    write_shard(in_folder("two.safetensors"), data, size, 1, "bert.embeddings.LayerNorm.bias", scrap);     /* index 0: in shard one too */
    SHARD_FAILS(text, LDR_FORMAT, "bert.embeddings.LayerNorm.bias", "*");
    CHECK(strstr(err.message, "twice") != NULL);
  }
  remove(in_folder("two.safetensors"));
  SHARD_FAILS(text, LDR_IO, "two.safetensors", "?");
  remove(in_folder("model.safetensors.index.json"));
  err = no_error();
  CHECK(ldr_model_load(folder, NULL, &err) == NULL && err.status == LDR_MISSING);
  CHECK(write_text(in_folder("pytorch_model.bin"), "\x80\4}."));
  err = no_error();
  CHECK(ldr_model_load(folder, NULL, &err) == NULL && err.status == LDR_UNSUPPORTED && strstr(err.message, "pickle"));
  CHECK(ldr_test_write(in_folder("model.safetensors"), data, size) && write_text(in_folder("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n"));
  err = no_error();
  parts = ldr_model_load(folder, NULL, &err);
  CHECK(parts && ldr_tokenizer_size(ldr_model_tokenizer(parts)) == 5);
  ldr_model_free(parts);
  sprintf(text, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n");
  for (size = 0; size < 40; size++) sprintf(text + strlen(text), "w%d\n", (int)size);
  CHECK(write_text(in_folder("vocab.txt"), text));
  CHECK(ldr_model_load(folder, NULL, &err) == NULL && err.status == LDR_VOCAB && strstr(err.message, "44"));
  folder_remove();
  free(data);
#else
  SKIP("no folders without POSIX");
#endif
}

/* ---- models ---------------------------------------------------------------------------------------- */

static ldr_model *load_pair(const char *config, const char *weights, size_t size, ldr_error *err) {
  char *c = exact_copy(config, strlen(config));
  ldr_model_desc d;
  ldr_model *m;
  memset(&d, 0, sizeof d);
  d.threads = 1;
  *err = no_error();
  m = ldr_model_load_memory(c, strlen(config), weights, size, NULL, 0, &d, err);
  CHECK((m != NULL) == (err->status == LDR_OK));
  free(c);
  return m;
}

/* Half the entries name one shard, half another: comparing every entry with all before would take 40 thousand million steps. */
TEST(an_index_of_many_entries_costs_no_more_than_reading_it) {
#if HAVE_POSIX
  enum { ENTRIES = 400000 };
  tiny_spec s = tiny_default("bert");
  static char map[65536];
  char *data, *text = (char *)malloc(64 + (size_t)ENTRIES * 24);
  size_t size, used, i;
  ldr_error err = no_error();
  CHECK(folder_make() && text != NULL);
  if (!text) return;
  data = tiny_weights(&s, &size);
  write_shard(in_folder("a.safetensors"), data, size, 0, NULL, map);
  write_shard(in_folder("b.safetensors"), data, size, 1, NULL, map);
  used = (size_t)sprintf(text, "{\"weight_map\":{");
  for (i = 0; i < ENTRIES; i++) used += (size_t)sprintf(text + used, "%s\"%x\":\"%c.safetensors\"", i ? "," : "", (unsigned)i, i < ENTRIES / 2 ? 'a' : 'b');
  sprintf(text + used, "}}");
  CHECK(write_text(in_folder("model.safetensors.index.json"), text));
  CHECK(ldr_weights_open(folder, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_MISSING);
  remove(in_folder("a.safetensors"));
  remove(in_folder("b.safetensors"));
  remove(in_folder("model.safetensors.index.json"));
  folder_remove();
  free(data);
  free(text);
#else
  SKIP("needs a folder");
#endif
}

/* Names of classes that stand in no order, and an adapter's tensors that are not the model's: each once was looked for among
   all, or sorted in anew. So many would take half an hour. */
TEST(long_lists_cost_no_more_than_reading_them) {
#if HAVE_POSIX
  enum { NAMES = 200000, TENSORS = 100000 };
  tiny_spec s = tiny_default("bert");
  char config[1200], *text = (char *)malloc(4096 + (size_t)NAMES * 80), *weights;
  size_t size, used;
  ldr_model_desc d;
  ldr_error err;
  int i;
  CHECK(folder_make() && text != NULL);
  if (!text) return;
  s.task = LDR_TASK_SEQUENCE;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  *strstr(config, "\"id2label\"") = 0;
  used = (size_t)sprintf(text, "%s\"id2label\":{", config);
  for (i = NAMES; i-- > 0;) used += (size_t)sprintf(text + used, "\"%d\":\"c%d\"%s", i, i, i ? "," : "}}");
  err = no_error();
  CHECK(ldr_model_load_memory(text, used, weights, size, NULL, 0, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_MISMATCH);
  CHECK(strstr(err.message, "names 200000 classes") != NULL);
  tiny_config(config, &s);
  used = (size_t)sprintf(text + 8, "{");
  for (i = 0; i < TENSORS; i++) used += (size_t)sprintf(text + 8 + used, "\"x%d.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}%s", i, i < TENSORS - 1 ? "," : "}");
  ldr__store_u64((unsigned char *)text, used);
  CHECK(write_text(in_folder("config.json"), config) && ldr_test_write(in_folder("model.safetensors"), weights, size));
  CHECK(write_text(in_folder("adapter_config.json"), "{\"peft_type\":\"LORA\",\"r\":2}") && ldr_test_write(in_folder("adapter_model.safetensors"), text, 8 + used));
  memset(&d, 0, sizeof d);
  d.adapter = folder;
  err = no_error();
  CHECK(ldr_model_load(folder, &d, &err) == NULL);
  CHECK_INT(err.status, LDR_EXTRA);
  CHECK(strstr(err.message, "\"x0.weight\" has no place") != NULL);
  remove(in_folder("adapter_config.json"));
  remove(in_folder("adapter_model.safetensors"));
  folder_remove();
  free(weights);
  free(text);
#else
  SKIP("needs a folder");
#endif
}

/* The names in a ladder's file: each once was looked for among all. So many would take minutes. */
TEST(a_ladder_of_many_labels_loads_at_once) {
  enum { CLASSES = 200000 };
  const tiny_spec s = tiny_default("bert");
  char (*names)[8] = (char (*)[8])malloc(CLASSES * sizeof *names);
  const char **labels = (const char **)malloc(CLASSES * sizeof *labels);
  ldr_error err = no_error();
  tiny_model m = tiny_open(s, &err);
  ldr_ladder_desc d;
  ldr_ladder *l, *back;
  void *file = NULL;
  size_t size = 0;
  int i;
  for (i = 0; i < CLASSES; i++) {
    sprintf(names[i], "%d", i);
    labels[i] = names[i];
  }
  memset(&d, 0, sizeof d);
  d.method = LDR_METHOD_HEAD;
  d.classes = CLASSES;
  d.label_names = labels;
  l = ldr_ladder_create(m.m, &d, &err);
  CHECK_INT(ldr_ladder_save_memory(l, NULL, 0, &size, &err), LDR_OK);
  file = malloc(size + !size);
  CHECK_INT(ldr_ladder_save_memory(l, file, size, &size, &err), LDR_OK);
  back = ldr_ladder_load_memory(m.m, file, size, NULL, &err);
  CHECK_STR(err.message, "");
  for (i = 0; i < CLASSES; i += CLASSES - 1) CHECK(back && ldr_ladder_label(back, i) && strcmp(ldr_ladder_label(back, i), labels[i]) == 0);
  ldr_ladder_free(back);
  ldr_ladder_free(l);
  tiny_close(&m);
  free(file);
  free(labels);
  free(names);
}

TEST(configurations_that_cannot_be) {
  static const struct { const char *family, *from, *to; ldr_status status; const char *culprit; int offset; } bad[] = {
    { "bert", "\"model_type\":\"bert\",", "", LDR_MISSING, "model_type", 0 },
    { "bert", "\"bert\"", "\"luke\"", LDR_UNSUPPORTED, "luke", 1 },
    { "bert", "\"bert\"", "7", LDR_MISSING, "model_type", 0 },
    { "bert", "\"vocab_size\":31,", "", LDR_MISSING, "vocab_size", 0 },
    { "bert", "\"hidden_size\":24,", "", LDR_MISSING, "hidden_size", 0 },
    { "bert", ",\"num_hidden_layers\":3", "", LDR_MISSING, "num_hidden_layers", 0 },
    { "bert", ",\"num_attention_heads\":4", "", LDR_MISSING, "num_attention_heads", 0 },
    { "bert", ",\"max_position_embeddings\":40", "", LDR_MISSING, "max_position_embeddings", 0 },
    { "gpt2", "\"n_embd\":24,", "", LDR_MISSING, "n_embd", 0 },
    { "bert", "\"hidden_size\":24", "\"hidden_size\":24.5", LDR_FORMAT, "hidden_size", 1 },
    { "bert", "\"hidden_size\":24", "\"hidden_size\":\"24\"", LDR_FORMAT, "hidden_size", 1 },
    { "bert", "\"hidden_size\":24", "\"hidden_size\":-24", LDR_FORMAT, "hidden_size", 1 },
    { "bert", "\"hidden_size\":24", "\"hidden_size\":0", LDR_LIMIT, "hidden_size", 1 },
    { "bert", "\"hidden_size\":24", "\"hidden_size\":2147483648", LDR_LIMIT, "hidden_size", 1 },
    { "bert", "\"hidden_size\":24", "\"hidden_size\":null", LDR_MISSING, "hidden_size", 0 },
    { "bert", "\"num_hidden_layers\":3", "\"num_hidden_layers\":1000000", LDR_LIMIT, "num_hidden_layers", 1 },
    { "bert", "\"num_attention_heads\":4", "\"num_attention_heads\":5", LDR_FORMAT, "5 heads", 0 },
    { "bert", "\"num_attention_heads\":4", "\"num_attention_heads\":48", LDR_FORMAT, "48 heads", 0 },
    { "llama", "\"num_key_value_heads\":2", "\"num_key_value_heads\":3", LDR_FORMAT, "3 key", 0 },
    { "llama", "\"num_key_value_heads\":2", "\"num_key_value_heads\":8", LDR_FORMAT, "8 key", 0 },
    { "llama", "\"num_key_value_heads\":2", "\"num_key_value_heads\":2,\"head_dim\":7", LDR_UNSUPPORTED, "7", 0 },
    { "bert", "{", "{\"position_embedding_type\":\"relative_key\",", LDR_UNSUPPORTED, "position_embedding_type", 1 },
    { "bert", "{", "{\"is_decoder\":true,", LDR_UNSUPPORTED, "is_decoder", 1 },
    { "bert", "{", "{\"pruned_heads\":{\"1\":[0]},", LDR_UNSUPPORTED, "pruned_heads", 1 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"magic\",\"factor\":2.0},", LDR_UNSUPPORTED, "magic", 1 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2.0},", LDR_FORMAT, "short_factor", 0 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,-1,1],\"long_factor\":[1,1,1]},", LDR_LIMIT, "short_factor", -1 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1],\"long_factor\":[1,1,1]},", LDR_FORMAT, "2 and 3 factors", 0 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"linear\"},", LDR_MISSING, "factor", -1 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5},", LDR_LIMIT, "factor", 1 },
    { "llama", "{", "{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"truncate\":false},", LDR_UNSUPPORTED, "truncate", 1 },
    { "llama", "{", "{\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4},", LDR_FORMAT, "high_freq_factor", -1 },
    { "llama", "{", "{\"rope_parameters\":7,", LDR_FORMAT, "rope_parameters", -1 },
    { "llama", "{", "{\"partial_rotary_factor\":0.5,", LDR_UNSUPPORTED, "partial_rotary_factor", 0 },
    { "llama", "{", "{\"sliding_window\":8,", LDR_UNSUPPORTED, "sliding_window", 1 },
    { "llama", "{", "{\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"],", LDR_UNSUPPORTED, "sliding_attention", 1 },
    { "llama", "{", "{\"layer_types\":[\"full_attention\"],", LDR_FORMAT, "each of 3 layers", -1 },
    { "bert", "{", "{\"no_such_key\":1,", LDR_UNSUPPORTED, "no_such_key", 1 },
    { "bert", "{", "{\"rope_theta\":1,", LDR_UNSUPPORTED, "rope_theta", 1 },
    { "llama", "{", "{\"attention_bias\":true,", LDR_MISSING, "q_proj.bias", 0 },
    { "llama", "{", "{\"quantization_config\":{\"bits\":4},", LDR_UNSUPPORTED, "quantization_config", 1 },
    { "bert", "{", "{\"hidden_act\":\"mish\",", LDR_UNSUPPORTED, "mish", 1 },
    { "gpt2", "{", "{\"activation_function\":\"quick_gelu\",", LDR_UNSUPPORTED, "quick_gelu", 1 },
    { "albert", "{", "{\"num_hidden_groups\":4,", LDR_LIMIT, "num_hidden_groups", 1 },
    { "albert", "{", "{\"inner_group_num\":2,", LDR_MISSING, "albert_layers.1", -1 },
    { "bert", "\"vocab_size\":31", "\"vocab_size\":32", LDR_SHAPE, "word_embeddings", -1 },
    { "bert", "\"vocab_size\":31", "\"vocab_size\":30", LDR_SHAPE, "word_embeddings", -1 },
    { "bert", "\"max_position_embeddings\":40", "\"max_position_embeddings\":41", LDR_SHAPE, "position_embeddings", -1 },
    { "bert", "{", "{\"type_vocab_size\":3,", LDR_SHAPE, "token_type_embeddings", -1 },
    { "bert", "\"intermediate_size\":40", "\"intermediate_size\":41", LDR_SHAPE, "encoder.layer.0.intermediate.dense.weight", -1 },
    { "bert", "\"num_hidden_layers\":3", "\"num_hidden_layers\":4", LDR_MISSING, "encoder.layer.3", 0 },
    { "bert", "\"num_hidden_layers\":3", "\"num_hidden_layers\":2", LDR_EXTRA, "encoder.layer.2", -1 },
    { "llama", "\"num_key_value_heads\":2", "\"num_key_value_heads\":4", LDR_SHAPE, "k_proj", -1 },
    { "albert", "\"embedding_size\":12", "\"embedding_size\":13", LDR_SHAPE, "word_embeddings", -1 },
    { "bert", "{", "", LDR_JSON, "JSON", -1 },
    { "bert", "{", "[{", LDR_JSON, "JSON", -1 } };
  size_t i, size;
  ldr_error err;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    tiny_spec s = tiny_default(bad[i].family);
    char config[1024], *changed, *weights = tiny_weights(&s, &size);
    int before = ldr_test.failures;
    ldr_model *m;
    tiny_config(config, &s);
    changed = replaced(config, bad[i].from, bad[i].to);
    m = load_pair(changed, weights, size, &err);
    CHECK_INT(err.status, bad[i].status);
    CHECK(strstr(err.message, bad[i].culprit) != NULL);
    if (bad[i].offset == 0) CHECK(err.offset == LDR_NO_OFFSET);
    if (bad[i].offset == 1) {                  /* the offset points at the value in the text */
      const char *at = changed + (err.offset < strlen(changed) ? err.offset : 0), *key = strstr(changed, bad[i].culprit);
      if (!strchr(bad[i].to, ':')) key = strstr(changed, bad[i].to);
      CHECK(err.offset < strlen(changed) && key && at >= key && at - key < 40);
    }
    if (ldr_test.failures != before) printf("  case %d, %s: %s\n", (int)i, bad[i].to, err.message);
    ldr_model_free(m);
    free(changed);
    free(weights);
  }
  {
    tiny_spec s = tiny_default("bert");
    char *weights = tiny_weights(&s, &size);
    CHECK(load_pair("[]", weights, size, &err) == NULL && err.status == LDR_MISSING);
    CHECK(load_pair("", weights, size, &err) == NULL && err.status == LDR_JSON);
    free(weights);
  }
}

TEST(options_of_the_wrong_type_are_not_ignored) {
  static const struct { const char *family, *from, *to, *culprit; } bad[] = {
    { "bert", "{", "{\"layer_norm_eps\":\"1e-5\",", "layer_norm_eps" }, { "bert", "{", "{\"hidden_act\":5,", "hidden_act" }, { "bert", "{", "{\"layer_norm_eps\":-1,", "layer_norm_eps" },
    { "llama", "\"rope_theta\":10000.0", "\"rope_theta\":\"1e6\"", "rope_theta" }, { "llama", "\"rope_theta\":10000.0", "\"rope_theta\":0", "rope_theta" }, { "llama", "\"rope_theta\":10000.0", "\"rope_theta\":1e999", "rope_theta" },
    { "llama", "\"rms_norm_eps\":1e-5", "\"rms_norm_eps\":1e999", "rms_norm_eps" }, { "llama", "\"num_attention_heads\":4", "\"num_attention_heads\":28", "heads" } };
  size_t i, size;
  ldr_error err;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    tiny_spec s = tiny_default(bad[i].family);
    char config[1024], *changed, *weights = tiny_weights(&s, &size);
    ldr_model *m;
    tiny_config(config, &s);
    changed = replaced(config, bad[i].from, bad[i].to);
    m = load_pair(changed, weights, size, &err);
    if (m || !strstr(err.message, bad[i].culprit)) printf("  %s: %s\n", bad[i].to, m ? "accepted" : err.message);
    CHECK(m == NULL && strstr(err.message, bad[i].culprit) != NULL);
    ldr_model_free(m);
    free(changed);
    free(weights);
  }
}

TEST(tensors_that_do_not_fit_the_model) {
  static const struct { const char *family, *from, *to; ldr_status status; const char *culprit; } bad[] = {
    { "bert", "\"bert.encoder.layer.1.output.dense.weight\"", "\"bert.encoder.layer.1.output.other.weight\"", LDR_MISSING, "encoder.layer.1.output.dense.weight" },
    { "bert", "\"bert.encoder.layer.1.output.dense.bias\"", "\"bert.encoder.layer.1.output.other.bias\"", LDR_MISSING, "encoder.layer.1.output.dense.bias" },
    { "bert", "\"bert.embeddings.LayerNorm.weight\"", "\"bert.embeddings.LayerNorm.other\"", LDR_MISSING, "embeddings.LayerNorm.weight" },
    { "bert", "\"bert.embeddings.word_embeddings.weight\"", "\"bert.embeddings.words.weight\"", LDR_MISSING, "embeddings.word_embeddings.weight" },
    { "llama", "\"model.norm.weight\"", "\"model.norm.scale\"", LDR_MISSING, "model.norm.weight" },
    { "gpt2", "\"transformer.h.2.attn.c_attn.bias\"", "\"transformer.h.2.attn.c_attn.bais\"", LDR_MISSING, "h.2.attn.c_attn.bias" },
    { "bert", "\"shape\":[31,24]", "\"shape\":[24,31]", LDR_SHAPE, "word_embeddings" },
    { "bert", "\"shape\":[31,24]", "\"shape\":[744]", LDR_SHAPE, "[744]" },
    { "bert", "\"shape\":[31,24]", "\"shape\":[1,31,24]", LDR_SHAPE, "[1,31,24]" },
    { "bert", "\"shape\":[31,24]", "\"shape\":[1,1,1,1,1,1,31,24]", LDR_SHAPE, "[1,1,1,1,1,1,31,24]" },
    { "bert", "\"dtype\":\"F32\"", "\"dtype\":\"I32\"", LDR_DTYPE, "word_embeddings" },
    { "albert", "\"dtype\":\"F32\"", "\"dtype\":\"U32\"", LDR_DTYPE, "word_embeddings" },
    { "bert", "{\"bert", "{\"extra.thing\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"bert", LDR_EXTRA, "extra.thing" },
    { "bert", "{\"bert", "{\"lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"bert", LDR_EXTRA, "lm_head.weight" },
    { "bert", "{\"bert", "{\"pooler.dense.weight\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]},\"bert", LDR_OK, "" },
    { "bert", "{\"bert", "{\"cls.seq_relationship.bias\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"bert", LDR_OK, "" },
    { "bert", "{\"bert", "{\"bert.embeddings.position_ids\":{\"dtype\":\"I64\",\"shape\":[1,0],\"data_offsets\":[0,0]},\"bert", LDR_OK, "" },
    { "bert", "{\"bert", "{\"classifier.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"bert", LDR_OK, "" },
    { "gpt2", "{\"trans", "{\"transformer.h.0.attn.bias\":{\"dtype\":\"BOOL\",\"shape\":[0],\"data_offsets\":[0,0]},\"trans", LDR_OK, "" },
    { "bert", "{\"bert", "{\"cls.predictions.transform.dense.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"bert", LDR_SHAPE, "cls.predictions.transform.dense.weight" },
    { "bert", "bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma", LDR_OK, "" },
    { "bert", "bert.encoder.layer.2.output.LayerNorm.bias", "bert.encoder.layer.2.output.LayerNorm.beta", LDR_OK, "" } };
  size_t i, size, changed_size;
  ldr_error err;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    tiny_spec s = tiny_default(bad[i].family);
    char config[1024], *weights = tiny_weights(&s, &size), *changed = replaced_header(weights, size, bad[i].from, bad[i].to, &changed_size);
    int before = ldr_test.failures;
    ldr_model *m;
    tiny_config(config, &s);
    m = load_pair(config, changed, changed_size, &err);
    CHECK_INT(err.status, bad[i].status);
    CHECK(strstr(err.message, bad[i].culprit) != NULL);
    if (err.status == LDR_SHAPE || err.status == LDR_DTYPE || err.status == LDR_EXTRA) CHECK(err.offset >= 8 && err.offset < changed_size);
    if (ldr_test.failures != before) printf("  case %d, %s: %s\n", (int)i, bad[i].to, err.message);
    ldr_model_free(m);
    free(changed);
    free(weights);
  }
}

/* TensorFlow's name of a head is a name of the head's matrix, whose columns are its classes. Null is no list. */
TEST(a_kernel_is_a_head_and_null_no_list) {
  tiny_spec s = tiny_default("bert");
  char config[1200], *weights, *changed;
  size_t size, changed_size;
  ldr_error err;
  ldr_model *m;
  weights = tiny_weights(&s, &size);
  changed = replaced_header(weights, size, "{\"bert", "{\"classifier.kernel\":{\"dtype\":\"F32\",\"shape\":[24,0],\"data_offsets\":[0,0]},\"bert", &changed_size);
  tiny_config(config, &s);
  sprintf(config + strlen(config) - 1, ",\"architectures\":[\"BertForTokenClassification\"]}");
  m = load_pair(config, changed, changed_size, &err);
  CHECK_INT(err.status, LDR_SHAPE);
  CHECK(m == NULL && strstr(err.message, "classifier.kernel") != NULL);
  sprintf(config, "{\"model_type\":\"gpt_neo\",\"num_layers\":2,\"num_heads\":2,\"hidden_size\":8,\"vocab_size\":5,\"max_position_embeddings\":9,\"attention_layers\":null}");
  CHECK(load_pair(config, weights, size, &err) == NULL && err.status == LDR_MISSING && strstr(err.message, "attention_layers"));
  free(changed);
  free(weights);
}

TEST(examples_and_fingerprints_that_do_not_fit) {
  tiny_spec s = tiny_default("gpt2"), narrow = s;
  ldr_error err = no_error();
  tiny_model m = tiny_open(s, &err), n;
  ldr_dataset *set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 2, 20, 5);
  ldr_ladder_desc d;
  ldr_ladder *l;
  uint64_t print = ldr_model_fingerprint(m.m);
  size_t i, header = 8 + (size_t)ldr__load_u64((const unsigned char *)m.weights);
  memset(&d, 0, sizeof d);
  d.classes = 2;
  d.reduction = 2;
  for (i = header; i < m.size; i += m.size / 50) {       /* the weights are borrowed: a changed byte shows at once */
    m.weights[i] = (char)(m.weights[i] ^ 1);
    CHECK(ldr_model_fingerprint(m.m) != print);
    m.weights[i] = (char)(m.weights[i] ^ 1);
  }
  CHECK(ldr_model_fingerprint(m.m) == print);
  narrow.positions = 8;                                  /* shorter than the longest example */
  n = tiny_open(narrow, &err);
  CHECK_STR(err.message, "");
  l = ldr_ladder_create(n.m, &d, &err);
  CHECK(l && ldr_trainer_create(l, set, NULL, NULL, &err) == NULL && err.status == LDR_DATA && strstr(err.message, "8 positions"));
  ldr_ladder_free(l);
  tiny_close(&n);
  err = no_error();
  narrow = s;
  narrow.vocab = 20;                                     /* smaller than the largest token id */
  n = tiny_open(narrow, &err);
  l = ldr_ladder_create(n.m, &d, &err);
  CHECK(l && ldr_trainer_create(l, set, NULL, NULL, &err) == NULL && err.status == LDR_DATA && strstr(err.message, "vocabulary has 20"));
  ldr_ladder_free(l);
  tiny_close(&n);
  ldr_dataset_free(set);
  tiny_close(&m);
}

TEST(weights_of_any_type_at_any_address) {
  int f, type, shift, i;
  for (f = 0; f < FAMILIES; f++)
    for (type = 0; type < 3; type++) {
      tiny_spec s = tiny_default(families[f]);
      ldr_batch b = some_batch();
      ldr_error err;
      float want[9 * 24], got[9 * 24];
      size_t size, k;
      char config[1024], *weights, *moved;
      s.dtype = type ? LDR_BF16 : LDR_F32;
      tiny_config(config, &s);
      weights = tiny_weights(&s, &size);
      if (type == 2) {                       /* the same 16 bits read as halves: small numbers made of old exponents */
        size_t n = (size_t)ldr__load_u64((const unsigned char *)weights);
        char *at = weights + 8;
        for (; at + 6 < weights + 8 + n; at++)
          if (memcmp(at, "\"BF16\"", 6) == 0) memcpy(at, "\"F16\" ", 6);
        for (k = 8 + n; k + 1 < size; k += 2) {
          uint32_t h = ldr__load_u16((const unsigned char *)weights + k);
          double v = (double)ldr__float_from_bits(h << 16);
          uint32_t mantissa = (uint32_t)fmin(fabs(v) * 256, 1023);      /* any half will do: keep it small */
          h = (h & 0x8000u) | 0x2c00u | mantissa;
          weights[k] = (char)(h & 255);
          weights[k + 1] = (char)(h >> 8);
        }
      }
      for (shift = 0; shift < 4; shift++) {
        ldr_model *m;
        moved = (char *)malloc(size + 4);
        memcpy(moved + shift, weights, size);
        m = load_pair(config, moved + shift, size, &err);
        CHECK_STR(err.message, "");
        if (m) {
          CHECK_INT(ldr_model_hidden(m, shift ? got : want, &b, -1, &err), LDR_OK);
          if (shift) CHECK(memcmp(got, want, sizeof got) == 0);
          for (i = 0; i < 9 * 24; i++) CHECK(want[i] - want[i] == 0);
        }
        ldr_model_free(m);
        free(moved);
      }
      free(weights);
    }
}

TEST(a_model_file_damaged_anywhere) {
  tiny_spec s = tiny_default("llama");
  char config[1024], *weights, *copy;
  size_t size, n, i;
  ldr_test_rng r = { 9 };
  ldr_batch b = some_batch();
  float hidden[9 * 8];
  ldr_error err;
  s.layers = 1;
  s.width = 8;
  s.heads = 4;
  s.ffn = 8;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  copy = exact_copy(weights, size);
  n = 8 + (size_t)ldr__load_u64((const unsigned char *)weights);
  for (i = 0; i < 6000; i++) {
    size_t at = i % 3 ? ldr_test_below(&r, (uint32_t)n) : ldr_test_below(&r, (uint32_t)size), c = ldr_test_below(&r, (uint32_t)strlen(config));
    char keep = copy[at], letter = config[c];
    ldr_model *m;
    copy[at] = (char)(i % 2 ? keep ^ (1 << ldr_test_below(&r, 8)) : (int)ldr_test_below(&r, 256));
    if (i % 5 == 0) config[c] = "0123456789{}[]\",:.-e"[ldr_test_below(&r, 20)];
    m = load_pair(config, copy, size, &err);
    if (m && ldr_model_info_get(m).width == 8) ldr_model_hidden(m, hidden, &b, -1, NULL);
    ldr_model_free(m);
    copy[at] = keep;
    config[c] = letter;
  }
  free(weights);
  free(copy);
}

/* A matrix of every layout with one weight that is no number, or too large to be one in 8 bits. */
/* A number that is none in every head, and then everywhere: what is cut is ordered all the same, whatever stood in memory. */
TEST(slices_of_what_is_no_number) {
  static const ldr_preset presets[] = { LDR_PRESET_DEFAULT, LDR_PRESET_SLICED, LDR_PRESET_PAPER };
  size_t p, all, k, size;
  for (p = 0; p < sizeof presets / sizeof *presets; p++)
    for (all = 0; all < 2; all++) {
      tiny_spec s = tiny_default("bert");
      char config[1024], *weights = tiny_weights(&s, &size);
      ldr_weights *file = ldr_weights_open_memory(weights, size, NULL, NULL);
      const ldr_tensor *t = ldr_weights_find(file, "bert.encoder.layer.0.attention.self.query.weight");
      ldr_ladder_desc d;
      ldr_ladder *l;
      ldr_model *m;
      ldr_error err = no_error();
      for (k = 0; k < (all ? (size_t)t->bytes / 4 : 4); k++) ldr__store_u32((unsigned char *)weights + t->offset + 4 * k * (all ? 1 : 6 * 24), 0x7fc00000u);
      ldr_weights_close(file);
      tiny_config(config, &s);
      memset(&d, 0, sizeof d);
      d.preset = presets[p];
      d.classes = 2;
      d.reduction = 2;
      m = load_pair(config, weights, size, &err);
      l = ldr_ladder_create(m, &d, &err);
      CHECK_STR(err.message, "");
      ldr_ladder_free(l);
      ldr_model_free(m);
      free(weights);
    }
  {
    double score[5];
    int32_t out[3], heap[3];
    for (k = 0; k < 5; k++) score[k] = k == 3 ? 1 : (double)NAN;
    ldr__top_indices(out, 3, score, 5, heap);
    CHECK(out[0] == 0 && out[1] == 1 && out[2] == 3);
    score[4] = -HUGE_VAL;
    ldr__top_indices(out, 3, score, 5, heap);
    CHECK(out[0] == 0 && out[1] == 3 && out[2] == 4);
  }
}

TEST(weights_that_are_not_finite) {
  static const struct { const char *family, *name; } where[] = { { "bert", "bert.encoder.layer.1.output.dense.weight" }, { "gpt2", "transformer.h.1.mlp.c_proj.weight" }, { "llama", "model.layers.1.mlp.down_proj.weight" } };
  static const uint32_t bits[] = { 0x7fc00000u, 0xffffffffu, 0x7f800000u, 0xff800000u, 0x7f7fffffu };
  int w, v, compute, at;
  for (w = 0; w < 3; w++)
    for (v = 0; v < 5; v++)
      for (at = 0; at < 3; at++) {
        tiny_spec s = tiny_default(where[w].family);
        ldr_batch b = some_batch();
        ldr_error err;
        char config[1024], *weights;
        size_t size, k;
        ldr_weights *file;
        const ldr_tensor *t;
        tiny_config(config, &s);
        weights = tiny_weights(&s, &size);
        file = ldr_weights_open_memory(weights, size, NULL, NULL);
        t = ldr_weights_find(file, where[w].name);
        CHECK(t != NULL);
        if (t) ldr__store_u32((unsigned char *)weights + t->offset + (at == 0 ? 0 : at == 1 ? 4 * 17 : (size_t)t->bytes - 4), bits[v]);
        ldr_weights_close(file);
        for (compute = 0; compute < 2; compute++) {
          ldr_model_desc d;
          ldr_model *m;
          float hidden[9 * 24];
          memset(&d, 0, sizeof d);
          memset(&err, 0, sizeof err);
          d.compute = compute ? LDR_COMPUTE_INT8 : LDR_COMPUTE_F32;
          m = ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, &d, &err);
          if (bits[v] == 0x7f7fffffu) CHECK(ldr_model_hidden(m, hidden, &b, -1, &err) == LDR_OK || err.status == LDR_NUMERIC);
          else {                         /* never LDR_OK: who asks is told where           */
            ldr_ladder_desc ld;
            ldr_ladder *l;
            ldr_predictor *p;
            float scores[2 * 9];
            int32_t found, h;
            CHECK_INT(ldr_model_hidden(m, hidden, &b, -1, &err), LDR_NUMERIC);
            CHECK(strstr(err.message, "of row 0 is not finite") != NULL);
            memset(&err, 0, sizeof err);
            memset(&ld, 0, sizeof ld);
            ld.classes = 2;
            ld.reduction = 2;
            if (tiny_turns(where[w].family)) ld.reduction = 3;
            l = ldr_ladder_create(m, &ld, &err);
            CHECK_STR(err.message, "");      /* what is cut is ordered whatever the numbers are */
            p = ldr_predictor_create(l, 2, 9, &err);
            CHECK_INT(ldr_predict(p, scores, &b, &err), LDR_NUMERIC);
            ldr_predictor_free(p);
            ldr_ladder_free(l);
            for (h = 0; h < 2; h++) {
              memset(&err, 0, sizeof err);
              ld.head = h ? LDR_HEAD_CRF : LDR_HEAD_SPANS;
              ld.classes = 3;
              l = ldr_ladder_create(m, &ld, &err);
              p = ldr_predictor_create(l, 2, 9, &err);
              CHECK_STR(err.message, "");
              CHECK_INT(ldr_predict_spans(p, NULL, 0, &found, &b, NULL, 0, 0, &err), LDR_NUMERIC);
              ldr_predictor_free(p);
              ldr_ladder_free(l);
            }
          }
          for (k = 0; k < 9 && bits[v] != 0x7f7fffffu; k++) {       /* a token of which a number is lost is lost whole in its norm */
            int lost = 0, i;
            for (i = 0; i < 24; i++) lost += hidden[k * 24 + (size_t)i] != hidden[k * 24 + (size_t)i];
            CHECK(lost > 0);
          }
          ldr_model_free(m);
        }
        free(weights);
      }
}

#define TESTS(X) X(headers_that_lie_are_refused_at_their_place) X(header_lengths_that_lie) X(good_headers_are_read) X(published_weight_files) X(broken_downloads_and_other_formats) X(a_good_file_cut_or_damaged_anywhere) \
  X(weights_in_shards) X(an_index_of_many_entries_costs_no_more_than_reading_it) X(long_lists_cost_no_more_than_reading_them) X(a_ladder_of_many_labels_loads_at_once) X(configurations_that_cannot_be) X(options_of_the_wrong_type_are_not_ignored) X(tensors_that_do_not_fit_the_model) X(a_kernel_is_a_head_and_null_no_list) X(examples_and_fingerprints_that_do_not_fit) X(weights_of_any_type_at_any_address) X(a_model_file_damaged_anywhere) X(slices_of_what_is_no_number) X(weights_that_are_not_finite)
LDR_TEST_MAIN("hostile", TESTS)
