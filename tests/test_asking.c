/* Questions about texts and entities by pointer on the command line, run as a user runs it.
   The model is a random one of a few thousand numbers, so no data is needed. */

#define _XOPEN_SOURCE 700
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if defined(__unix__) || defined(__APPLE__)

#include "ldr_shell.h"

enum { QUESTIONS = 24 };

/* Letters with "f g" somewhere, which is the answer; of every fourth question there is none. */
static size_t write_questions(char *to, size_t size, int all) {
  size_t used = (size_t)snprintf(to, size, "{\"version\": \"2.0\", \"data\": [{\"title\": \"t\", \"paragraphs\": [");
  int i, k;
  for (i = 0; i < QUESTIONS; i++) {
    char context[64];
    int at = (int)ldr__random_below(3, (uint64_t)i, 8), none = !all && i % 4 == 3;
    for (k = 0; k < 12; k++) sprintf(context + 2 * k, "%c ", (char)('a' + (int)ldr__random_below(3,
        (uint64_t)(1000 + 32 * i + k), 5)));
    if (!none) memcpy(context + 2 * at, "f g", 3);
    context[23] = 0;
    used += (size_t)snprintf(to + used, size - used, "%s{\"context\": \"%s\", \"qas\": [{\"id\": \"q%d\", "
        "\"question\": \"who?\", \"is_impossible\": %s, \"answers\": [",
        i ? ", " : "", context, i, none ? "true" : "false");
    if (!none) used += (size_t)snprintf(to + used, size - used, "{\"text\": \"f g\", \"answer_start\": %d}",
        2 * at);
    used += (size_t)snprintf(to + used, size - used, "]}]}");
  }
  return used + (size_t)snprintf(to + used, size - used, "]}]}\n");
}

static int put_all(void) {
  static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\nwho\n?\n##x\n"
      "k\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\nw\nx\ny\n";
  tiny_spec s = tiny_default("bert");
  char config[1024], *questions = (char *)malloc(16384), *weights;
  size_t size;
  int ok;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  ok = shell("mkdir -p m") == 0 && put_file("m/config.json", config) && put_bytes("m/model.safetensors", weights,
      size) && put_bytes("m/vocab.txt", vocabulary, sizeof vocabulary - 1);
  write_questions(questions, 16384, 0);
  ok = ok && put_file("some.json", questions);
  write_questions(questions, 16384, 1);
  ok = ok && put_file("all.json", questions);
  free(questions);
  free(weights);
  return ok;
}

static int ready(void) {
  static int made;
  if (!shell_ready()) return 0;
  if (!made) made = put_all() ? 1 : -1;
  CHECK_INT(made, 1);
  return 1;
}

#define NEED_MODEL() do { if (!ready()) SKIP("no command line program (make -C tools, or set LADDER_CLI)"); } while (0)
#define LEARN "--model m --max-len 12 --stride 4 --epochs 60 --batch 8 --lr 1e-2 --top 2 --rank 8 --head-epochs 0 " \
  "--threads 1"

/* The number behind a name in the JSON the program printed. */
static double said(const char *name) {
  char *text = slurp("out", NULL);
  ldr_json *j = text ? ldr_json_parse(text, strlen(text), NULL, NULL) : NULL;
  double v = j ? ldr_json_number(j, ldr_json_get(j, 0, name), -1) : -1;
  ldr_json_free(j);
  free(text);
  return v;
}

/* Answers of a submission: how many there are, and how many are `answer`. */
static int submitted(const char *name, const char *answer, int *count) {
  char *text = slurp(name, NULL);
  ldr_json *j = text ? ldr_json_parse(text, strlen(text), NULL, NULL) : NULL;
  int32_t n = j && ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT ? ldr_json_node_at(j, 0)->first : -1;
  int same = 0;
  for (*count = 0; n >= 0; n = ldr_json_node_at(j, ldr_json_node_at(j, n)->next)->next) {
    same += ldr_json_equals(j, ldr_json_node_at(j, n)->next, answer) != 0;
    ++*count;
  }
  ldr_json_free(j);
  free(text);
  return same;
}

TEST(questions_that_have_answers) {
  int count;
  NEED_MODEL();
  EXPECT(0, "$L train --task squad --train all.json --dev all.json --test all.json --out a.ladder --json " LEARN);
  CHECK(said("dev_exact_match") > 0.8 && said("dev_f1") >= said("dev_exact_match") && said("test_exact_match") ==
      said("dev_exact_match"));
  CHECK_INT(said("dev_questions"), QUESTIONS);
  EXPECT(0, "$L eval --model m --ladder a.ladder --data all.json --submission s.json");
  CHECK(holds("out", "exact match ") && holds("out", "on 24 questions, "));
  CHECK(submitted("s.json", "f g", &count) > QUESTIONS * 8 / 10);
  CHECK_INT(count, QUESTIONS);
  CHECK_INT(submitted("s.json", "", &count), 0);            /* squad: there always is an answer */
  EXPECT(0, "$L predict --model m --ladder a.ladder all.json --submission p.json");
  CHECK(same_files("s.json", "p.json"));
  EXPECT(0, "printf 'who?\\ta b f g c\\n{\"question\": \"who?\", \"context\": \"f g \xc3\xa4 f\"}\\n' | $L predict "
      "--model m --ladder a.ladder && test $(wc -l < out) = 2 && head -1 out > one && mv one out");
  CHECK(holds("out", "{\"answer\":\"") && said("end") >= said("start") && said("score") > -1e30);
  EXPECT(1, "echo 'who?' | $L predict --model m --ladder a.ladder");
  CHECK(one_error_line() && holds("err", "TAB"));
  EXPECT(1, "printf 'who?\\ta b f g c\\nwho?\\n' | $L predict --model m --ladder a.ladder --submission half.json");
  EXPECT(0, "test ! -e half.json && test ! -e half.json.partial");
  /* a text without a word holds no answer, and keeps none of the others from theirs */
  CHECK(put_file("blank.json", "{\"data\":[{\"paragraphs\":[{\"context\":\"a f g b\",\"qas\":[{\"id\":\"x\",\"question\":\"who?\",\"answers\":[{\"text\":\"f g\",\"answer_start\":2}]}]},"
      "{\"context\":\" \",\"qas\":[{\"id\":\"y\",\"question\":\"who?\",\"answers\":[]}]}]}]}"));
  EXPECT(0, "$L predict --model m --ladder a.ladder blank.json --submission s.json");
  CHECK(holds("out", "{\"id\":\"x\",\"answer\":\"") && holds("out", "{\"id\":\"y\",\"answer\":\"\""));
  CHECK_INT(submitted("s.json", "", &count), 1);
  CHECK_INT(count, 2);
  EXPECT(0, "$L eval --model m --ladder a.ladder --data blank.json");
  CHECK(holds("out", "on 2 questions, 1 windows"));
  EXPECT(0, "$L train --task squad --train blank.json --dev blank.json --out b.ladder --epochs 1 --model m --max-len 12 --stride 4");
  CHECK(holds("err", "1 questions are about an empty text"));
  EXPECT(1, "$L predict --model m --ladder a.ladder nowhere.txt");
  CHECK(one_error_line());
}

TEST(questions_that_may_have_none) {
  int count;
  NEED_MODEL();
  EXPECT(0, "$L train --task squad2 --head spans --train some.json --dev some.json --out b.ladder " LEARN);
  CHECK(holds("out", " windows, ") && holds("out", "dev: exact match "));
  EXPECT(0, "$L eval --model m --ladder b.ladder --data some.json --submission s.json --json");
  CHECK(said("value") > 0.8 && said("f1") >= said("value"));
  CHECK_INT(said("examples"), QUESTIONS);
  CHECK(submitted("s.json", "", &count) > 0);
  CHECK_INT(count, QUESTIONS);
}

TEST(damaged_questions_are_said) {
  NEED_MODEL();
  CHECK(put_file("bad.jsonl", "{\"question\": \"who?\", \"context\": \"a b f g\", \"answers\": [{\"text\": \"f g\", "
      "\"start\": 4}]}\n"
      "{\"question\": \"who?\", \"context\": \"a b f g\", \"answers\": [{\"text\": \"f g\", \"start\": 3}]}\n"
      "{\"question\": \"who?\", \"context\": \"a b a g\", \"answers\": [{\"text\": \"a\", \"start\": 9}]}\n"));
  EXPECT(1, "$L train --task question --train bad.jsonl --out c.ladder " LEARN);
  CHECK(one_error_line() && holds("err", "1 of 3 questions") && holds("err", "line 3") && holds("err", "--skip-bad"));
  EXPECT(0, "$L train --task question --train bad.jsonl --skip-bad --out c.ladder " LEARN);
  CHECK(holds("err", "1 of 3 answers are not where they are said to be") && holds("err", "1 questions left out") &&
      holds("out", "train: 2 windows"));
  EXPECT(0, "$L eval --model m --ladder c.ladder --data bad.jsonl");      /* scores need the words alone */
  CHECK(holds("out", "on 3 questions"));
  EXPECT(1, "$L train --task question --train bad.jsonl --skip-bad --out c.ladder --model m --max-len 4");
  CHECK(holds("err", "have no room") && holds("err", "--max-len"));
}

TEST(options_for_questions_alone) {
  NEED_MODEL();
  CHECK(put_file("t.tsv", "x\ta\ny\tb\n"));
  EXPECT(1, "$L train --model m --train t.tsv --stride 3 --out d.ladder");
  CHECK(one_error_line() && holds("err", "--stride"));
  EXPECT(1, "$L train --model m --train t.tsv --head pointer --out d.ladder");
  CHECK(one_error_line() && holds("err", "--head"));
  EXPECT(1, "$L train --model m --task squad --train all.json --head pointer --out d.ladder");
  CHECK(one_error_line() && holds("err", "--head"));
  EXPECT(0, "$L plan --model m --task squad --max-len 12");
  EXPECT(0, "$L plan --model m --task cluener --head pointer --max-len 12");
}

static void check_entities(const char *head) {
  char data[8192], *text;
  size_t used = 0;
  int i;
  ldr_json *j;
  int32_t e;
  for (i = 0; i < 16; i++)
    used += (size_t)snprintf(data + used, sizeof data - used,
        "{\"text\": \"%c f g %c h\", \"label\": {\"one\": {\"f g\": [[2, 4]]}, \"two\": {\"h\": [[8, 8]]}}}\n",
                    'a' + i % 5, 'a' + i / 5);
  CHECK(put_file("entities.json", data));
  EXPECT(0, "$L train --task cluener --head %s --train entities.json --dev entities.json --out e.ladder --json "
      "--model m --epochs 60 --batch 8 --lr 1e-2 --top 2 --rank 8 --threads 1", head);
  CHECK(said("dev") > 0.95);
  EXPECT(0, "echo 'b f g c h' | $L predict --model m --ladder e.ladder");
  text = slurp("out", NULL);
  j = text ? ldr_json_parse(text, strlen(text), NULL, NULL) : NULL;
  e = j ? ldr_json_node_at(j, ldr_json_get(j, 0, "entities"))->first : -1;
  CHECK(e >= 0 && ldr_json_equals(j, ldr_json_get(j, e, "type"), "one") && ldr_json_equals(j, ldr_json_get(j, e,
      "text"), "f g"));
  CHECK(e >= 0 && ldr_json_number(j, ldr_json_get(j, e, "start"), -1) == 2 && ldr_json_number(j, ldr_json_get(j, e,
      "end"), -1) == 5);
  e = e >= 0 ? ldr_json_node_at(j, e)->next : -1;
  CHECK(e >= 0 && ldr_json_equals(j, ldr_json_get(j, e, "type"), "two") && ldr_json_node_at(j, e)->next < 0);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "$L eval --model m --ladder e.ladder --data entities.json");
  CHECK(holds("out", "entity_f1 "));
}

TEST(entities_by_pointer_and_chain) {
  NEED_MODEL();
  check_entities("pointer");
  EXPECT(0, "$L predict --model m --ladder e.ladder --submission a.json entities.json");
  check_entities("crf");
  EXPECT(0, "$L predict --model m --ladder e.ladder --submission b.json entities.json && cmp a.json b.json");
  EXPECT(0, "printf 'b f g c h\\na\\n' > two.txt; $L predict --model m --ladder e.ladder two.txt > one; $L predict --model m "
      "--ladder e.ladder --batch 1 two.txt | cmp - one");
  EXPECT(0, "$L inspect e.ladder | grep -q head.chain.weight");
  EXPECT(1, "$L train --task cluener --head crf --balance --recipe plain --train entities.json --out f.ladder --model m "
      "--max-len 12");
  CHECK(one_error_line() && holds("err", "a crf head has no class weights"));
  EXPECT(0, "$L compare --task cluener --head crf --model m --train entities.json --dev entities.json --methods head,ladder,lora,full "
      "--max-len 12 --epochs 1 --json | grep -q entity_f1");
}

#define TESTS(X) X(questions_that_have_answers) X(questions_that_may_have_none) X(damaged_questions_are_said) \
  X(options_for_questions_alone) X(entities_by_pointer_and_chain)

#else

TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)

#endif

LDR_TEST_MAIN("asking", TESTS)
