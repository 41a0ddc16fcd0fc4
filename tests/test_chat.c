/* test_chat.c: conversations become text as the original templates' language makes it, and nothing in a template can hang. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#endif
#include "../tools/jinja.h"
#include "../tools/chat.h"
#include "ldr_test.h"

/* Renders a template with the members of `json`: "" and an error, or the text. The result is valid until the next call. */
static const char *rendered(const char *source, size_t bytes, const ldr_json *json, ldr_error *err, jinja *j) {
  memset(err, 0, sizeof *err);
  jinja_close(j);
  if (!jinja_open(j, source, bytes, err)) jinja_render(j, NULL, 0, json, err);
  return err->status || !j->out ? "" : j->out;
}

/* A string of a node; free() it. */
static char *string_of(const ldr_json *j, int32_t node, size_t *n) {
  ptrdiff_t size = ldr_json_string(NULL, 0, j, node);
  char *s;
  if (size < 0) return NULL;
  s = (char *)malloc((size_t)size + 1);
  ldr_json_string(s, (size_t)size + 1, j, node);
  *n = (size_t)size;
  return s;
}

/* The lines of a file after each other: *at moves on; NULL behind the last. */
static ldr_json *next_json(char **at) {
  char *line = *at, *end = line ? strchr(line, '\n') : NULL;
  ldr_error err;
  ldr_json *j;
  memset(&err, 0, sizeof err);
  if (!end) return NULL;
  *at = end + 1;
  j = ldr_json_parse(line, (size_t)(end - line), NULL, &err);
  CHECK_STR(err.message, "");
  return j;
}

TEST(templates_render_as_the_original_does) {
  size_t size, n = 0, want_size = 0;
  char *file = ldr_test_read("golden/chat.jsonl", &size), *at = file;
  ldr_json *variables, *line;
  ldr_error err;
  jinja j;
  int pieces = 0;
  memset(&j, 0, sizeof j);
  CHECK(file != NULL);
  variables = next_json(&at);
  while (variables && (line = next_json(&at)) != NULL) {
    char *source = string_of(line, ldr_json_get(line, 0, "template"), &n), *want = string_of(line, ldr_json_get(line, 0, "rendered"), &want_size);
    const char *got = rendered(source, n, variables, &err, &j);
    if (!want) CHECK(err.status != LDR_OK);
    else {
      CHECK_STR(err.message, "");
      CHECK_STR(got, want);
      CHECK_INT((int64_t)j.used, (int64_t)want_size);
    }
    pieces++;
    free(source);
    free(want);
    ldr_json_free(line);
  }
  CHECK(pieces > 60);
  jinja_close(&j);
  ldr_json_free(variables);
  free(file);
}

TEST(what_is_not_understood_is_named) {
  static const struct { const char *source, *says; } rows[] = {
    { "{% include 'x' %}", "not supported: include" }, { "{{ x | shout }}", "filter is not supported: shout" }, { "{{ 1 is prime }}", "test is not supported: prime" },
    { "{{ [].append(1) }}", "method is not supported: append" }, { "{{ f(1) }}", "cannot be called: f" }, { "{{ x.y }}", "has no members: x" },
    { "{{ raise_exception('roles') }}", "it refuses: roles" }, { "{% if 1 %}", "does not end: if" }, { "{{ 1 ", "does not end" }, { "{% endif %}", "nothing is open here for endif" },
    { "{% for a in [1] %}{% else %}{% elif 1 %}{% endfor %}", "nothing is open here for elif" }, { "{{ 1 2 }}", "cannot be read here: 2" }, { "{{ 'a' + 1 }}", "cannot be combined by +" },
    { "{{ 'a }}", "does not end" }, { "{{ 1 // 0 }}", "division by 0" }, { "{% break %}", "outside of a loop" }, { "{{ 'stra\xc3\x9f" "e' | upper }}", "upper and lower case" },
    { "{{ (1 }}", "cannot be read here" }, { "{% set 1 = 2 %}", "a name is needed" }, { "{% for a, b in [1] %}{% endfor %}", "so many names" }, { "{{ [1][0:'a'] }}", "whole numbers" } };
  ldr_error err;
  ldr_json *none = ldr_json_parse("{}", 2, NULL, NULL);
  size_t i;
  jinja j;
  memset(&j, 0, sizeof j);
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    rendered(rows[i].source, strlen(rows[i].source), none, &err, &j);
    CHECK(err.status != LDR_OK && strstr(err.message, rows[i].says));
    if (!strstr(err.message, rows[i].says)) printf("  %s: \"%s\"\n", rows[i].source, err.message);
  }
  jinja_close(&j);
  ldr_json_free(none);
}

TEST(no_template_hangs_or_eats_all_memory) {
  static const char *const sources[] = { "{% for a in range(10000000) %}x{% endfor %}",
    "{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='0123456789') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "{{ 'abcdefgh' * 100000000 }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(a=m()) %}{% endmacro %}{{ m() }}" };
  static char deep[4096];
  ldr_error err;
  ldr_json *none = ldr_json_parse("{}", 2, NULL, NULL);
  size_t i;
  jinja j;
  memset(&j, 0, sizeof j);
  for (i = 0; i < sizeof sources / sizeof *sources; i++) {
    rendered(sources[i], strlen(sources[i]), none, &err, &j);
    CHECK(err.status == LDR_UNSUPPORTED);
    if (!err.status) printf("  %s was rendered\n", sources[i]);
  }
  memset(deep, '(', sizeof deep - 1);
  memcpy(deep, "{{", 2);
  memcpy(deep + sizeof deep - 3, "}}", 2);
  rendered(deep, strlen(deep), none, &err, &j);
  CHECK(strstr(err.message, "too deep") != NULL);
  jinja_close(&j);
  ldr_json_free(none);
}

TEST(what_the_model_is_to_say_is_marked) {
  static const char source[] = "{% for m in messages %}<{{ m.role }}>{% if m.role == 'b' %}{% generation %}{{ m.content }}!{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}";
  static const char line[] = "{\"messages\":[{\"role\":\"a\",\"content\":\"one\"},{\"role\":\"b\",\"content\":\"two\"},{\"role\":\"b\",\"content\":\"3\"}]}";
  ldr_json *json = ldr_json_parse(line, strlen(line), NULL, NULL);
  ldr_error err;
  jinja j;
  memset(&j, 0, sizeof j);
  CHECK_STR(rendered(source, strlen(source), json, &err, &j), "<a>one<b>two!<b>3!");
  CHECK_INT((int64_t)j.span_count, 2);
  if (j.span_count == 2) CHECK(j.spans[0].begin == 9 && j.spans[0].end == 13 && j.spans[1].begin == 16 && j.spans[1].end == 18);
  jinja_close(&j);
  ldr_json_free(json);
}

/* What is learned of a conversation. */
static void check_answers(const char *source, const char *line, const char *want) {
  ldr_json *json = ldr_json_parse(line, strlen(line), NULL, NULL);
  char got[256] = "";
  ldr_error err;
  chat c;
  size_t i;
  memset(&err, 0, sizeof err);
  memset(&c, 0, sizeof c);
  CHECK_INT(jinja_open(&c.j, source, strlen(source), &err), LDR_OK);
  if (chat_answers(&c, json, &err)) sprintf(got, "%.200s", err.message);
  for (i = 0; !err.status && i < c.j.span_count; i++)
    sprintf(got + strlen(got), "[%.*s]", (int)(c.j.spans[i].end - c.j.spans[i].begin), c.j.out + c.j.spans[i].begin);
  CHECK(strstr(got, want) != NULL);
  if (!strstr(got, want)) printf("  \"%s\", want \"%s\"\n", got, want);
  chat_close(&c);
  ldr_json_free(json);
}

TEST(answers_are_found_where_no_template_marks_them) {
  static const char plain[] = "{% for m in messages %}<{{ m.role }}>\n{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}<assistant>\n{% endif %}";
  static const char marked[] = "{% for m in messages %}<{{ m.role }}>\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}</s>{% endif %}\n{% endfor %}";
  static const char ends[] = "{% for m in messages %}<{{ m.role }}>{{ m.content }}.{% endfor %}{% if add_generation_prompt %}<assistant>{% else %}END{% endif %}";
  static const char forgets[] = "{% for m in messages %}<{{ m.role }}>{{ m.content if loop.last else 'old' }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
  static const char talk[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yes?\"},{\"role\":\"user\",\"content\":\"So\"},"
    "{\"role\":\"assistant\",\"content\":\"No.\"}]}";
  static const char first[] = "{\"messages\":[{\"role\":\"assistant\",\"content\":\"Hello\"},{\"role\":\"user\",\"content\":\"So\"}]}";
  check_answers(plain, talk, "[Yes?</s>][No.</s>]");
  check_answers(marked, talk, "[Yes?</s>][No.</s>]");
  check_answers(ends, talk, "[Yes?.][No..END]");
  check_answers(plain, first, "[Hello</s>]");
  check_answers(forgets, talk, "mark it with {% generation %}");
}

TEST(conversations_of_sharegpt) {
  static const char line[] = "{\"conversations\":[{\"from\":\"system\",\"value\":\"a\"},{\"from\":\"human\",\"value\":\"q\\\"1\"},{\"from\":\"gpt\",\"value\":\"r\"}]}";
  static const char other[] = "{\"conversations\":[{\"from\":\"alien\",\"value\":\"a\"}]}";
  jinja_buffer b = { NULL, NULL, 0, 0 };
  ldr_json *json = ldr_json_parse(line, strlen(line), NULL, NULL), *bad = ldr_json_parse(other, strlen(other), NULL, NULL);
  ldr_error err;
  jinja j;
  memset(&j, 0, sizeof j);
  memset(&err, 0, sizeof err);
  j.err = &err;
  b.j = &j;
  CHECK(chat_sharegpt(&b, json, 0));
  CHECK_STR(b.data, "{\"messages\":[{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"q\\\"1\"},{\"role\":\"assistant\",\"content\":\"r\"}]}");
  CHECK(!chat_sharegpt(&b, bad, 0));
  free(b.data);
  ldr_json_free(json);
  ldr_json_free(bad);
}

/* Conversations in the forms of ten kinds of models, rendered and cut into tokens by transformers. */
TEST(outside_conversations_equal_transformers) {
  static const char *const kinds[] = { "chatml", "deepseek", "features", "gemma", "llama2", "llama3", "mistral", "phi3", "qwen2.5", "vicuna", "zephyr" };
  char path[1024], name[128];
  ldr_tokenizer *t;
  ldr_error err;
  int cases = 0, refused = 0, marked = 0;
  size_t k;
  memset(&err, 0, sizeof err);
  if (!ldr_test_data_path(path, sizeof path, "tokenizers/hf/chat/tokenizer.json")) SKIP("no tokenizers/hf/chat (set LADDER_DATA to the data folder)");
  t = ldr_tokenizer_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  for (k = 0; t && k < sizeof kinds / sizeof *kinds; k++) {
    size_t size, want_size = 0;
    char *file, *at;
    ldr_json *line;
    chat c;
    sprintf(name, "tokenizers/hf/chat/%s/chat_template.jinja", kinds[k]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    memset(&err, 0, sizeof err);
    file = chat_read(path, &err);
    CHECK_INT(chat_open(&c, file, NULL, t, 0, &err), LDR_OK);
    free(file);
    sprintf(name, "tokenizers/hf/chat/%s/cases.jsonl", kinds[k]);
    CHECK(ldr_test_data_path(path, sizeof path, name));
    at = file = ldr_test_read(path, &size);
    while ((line = next_json(&at)) != NULL) {
      char *want = string_of(line, ldr_json_get(line, 0, "rendered"), &want_size);
      const char *got = chat_render(&c, line, &err) ? "" : c.j.out;
      const ldr_json_node *ids = ldr_json_node_at(line, ldr_json_get(line, 0, "ids")),
        *mask = ldr_json_node_at(line, ldr_json_get(line, 0, "assistant_mask"));
      ldr_encoding e;
      memset(&e, 0, sizeof e);
      cases++;
      refused += !want;
      if (!want) CHECK(err.status != LDR_OK);
      else {
        ldr_encode_desc d;
        int32_t i, node;
        memset(&d, 0, sizeof d);
        d.no_special = 1;
        CHECK_STR(err.message, "");
        CHECK_STR(got, want);
        CHECK_INT(ldr_tokenizer_encode_with(t, &e, got, c.j.used, NULL, 0, &d, &err), LDR_OK);
        if (ids) CHECK_INT(e.count, ids->count);
        for (i = 0, node = ids ? ids->first : -1; i < e.count && node >= 0; i++, node = line->nodes[node].next)
          CHECK_INT(e.ids[i], (int32_t)ldr_json_number(line, node, -1));
        for (i = 0, node = mask ? mask->first : -1; i < e.count && node >= 0; i++, node = line->nodes[node].next) {
          CHECK_INT(chat_assistant(&c, &e, i), (int32_t)ldr_json_number(line, node, -1));
          marked += chat_assistant(&c, &e, i);
        }
      }
      memset(&err, 0, sizeof err);
      ldr_encoding_free(&e);
      free(want);
      ldr_json_free(line);
    }
    chat_close(&c);
    free(file);
  }
  ldr_tokenizer_free(t);
  printf("  %d conversations, %d of them refused as the template wants it, %d tokens to be said\n", cases, refused, marked);
}

#define TESTS(X)                                                                                                          \
  X(templates_render_as_the_original_does) X(what_is_not_understood_is_named) X(no_template_hangs_or_eats_all_memory)  \
  X(what_the_model_is_to_say_is_marked) X(answers_are_found_where_no_template_marks_them) X(conversations_of_sharegpt) \
  X(outside_conversations_equal_transformers)
LDR_TEST_MAIN("chat", TESTS)
