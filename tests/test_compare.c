/* ladder compare, run as a user runs it: the table, the report, runs that fail.
   The model is a random one of a few thousand numbers, so no data is needed. */

#define _XOPEN_SOURCE 700
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if defined(__unix__) || defined(__APPLE__)

#include "ldr_shell.h"

/* A folder and a label as someone might name them who wants to write into other people's pages. */
#define HOSTILE_MODEL "m<b>&\"</script><script>alert(1)/m"
#define HOSTILE_LABEL "<img src=x onerror=alert(1)>"

/* A model with a vocabulary of its own, and forty texts whose class is told by one word. */
static int put_model_and_texts(void) {
  static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ngood\ngreat\nlovely\nbad\nawful\npoor\nfilm\nmeal\nroom\nbook\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\nb\nc\nd\ne\nf\n";
  static const char *const words[] = { "good", "bad", "great", "awful", "lovely", "poor" }, *const things[] = { "film", "meal", "room", "book" };
  tiny_spec s = tiny_default("bert");
  char config[1024], texts[4096], *weights;
  size_t size, used = 0;
  int i, ok;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  for (i = 0; i < 40; i++) used += (size_t)snprintf(texts + used, sizeof texts - used, "%s\ta %s %s\n", i % 2 ? "minus" : "plus", words[i % 6], things[i / 2 % 4]);
  ok = shellf("mkdir -p '%s' && ln -s '%s' m", HOSTILE_MODEL, HOSTILE_MODEL) == 0 && put_bytes("m/config.json", config, strlen(config)) &&
       put_bytes("m/model.safetensors", weights, size) && put_bytes("m/vocab.txt", vocabulary, sizeof vocabulary - 1) && put_bytes("train.tsv", texts, used) && put_bytes("dev.tsv", texts, used);
  free(weights);
  return ok;
}

static int ready(void) {
  static int made;
  if (!shell_ready()) return 0;
  if (!made) made = put_model_and_texts() ? 1 : -1;
  CHECK_INT(made, 1);
  return 1;
}

#define NEED_MODEL() do { if (!ready()) SKIP("no command line program (make -C tools, or set LADDER_CLI)"); } while (0)
#define QUICK "--model '" HOSTILE_MODEL "' --train train.tsv --dev dev.tsv --epochs 2 --batch 8 --threads 1"

/* The report's numbers; *page is for free(). */
static ldr_json *numbers(const char *name, char **page) {
  static const char mark[] = "id=\"numbers\">";
  char *from, *to;
  *page = slurp(name, NULL);
  from = *page ? strstr(*page, mark) : NULL;
  if (!from) return NULL;
  from += sizeof mark - 1;
  to = strstr(from, "</script>");
  return to ? ldr_json_parse(from, (size_t)(to - from), NULL, NULL) : NULL;
}

static int32_t method_at(const ldr_json *j, const char *name) {
  int32_t m = ldr_json_get(j, 0, "methods");
  for (m = m < 0 ? -1 : ldr_json_node_at(j, m)->first; m >= 0; m = ldr_json_node_at(j, m)->next)
    if (ldr_json_equals(j, ldr_json_get(j, m, "name"), name)) return m;
  return -1;
}

static double mean_of(const ldr_json *j, int32_t method, const char *key) { return ldr_json_number(j, ldr_json_get(j, ldr_json_get(j, method, key), "mean"), -1); }

TEST(a_wrong_call_is_told) {
  static const char *const lines[] = { "", "--model m", "--train t", "--model m --train t --methods ladder,magic", "--model m --train t --methods ,", "--model m --train t --seeds 0", "--model m --train t --method full",
                     "--model m --train t --seed 3", "--model m --train t --task nothing", "--model m --train t --out o", "--model m --train t --targets eyes" };
  size_t i;
  NEED_MODEL();
  for (i = 0; i < sizeof lines / sizeof *lines; i++) {
    int status = shellf("$L compare %s --report wrong.html", lines[i]);
    if (status != 2) printf("ladder compare %s\n", lines[i]);
    CHECK_INT(status, 2);
  }
  EXPECT(1, "test -e wrong.html");
}

TEST(the_report_holds_every_method) {
  char *page;
  ldr_json *j;
  int32_t head, full;
  NEED_MODEL();
  EXPECT(0, "$L compare " QUICK " --test dev.tsv --methods head,full,head --seeds 2 --report r.html");
  CHECK(holds("out", "\nhead  ") && holds("out", "\nfull  ") && holds("out", "commonest class") && holds("out", "+-"));
  j = numbers("r.html", &page);
  CHECK(j != NULL);
  head = j ? method_at(j, "head") : -1;
  full = j ? method_at(j, "full") : -1;
  CHECK(head >= 0 && full >= 0);
  if (head >= 0 && full >= 0) {
    CHECK_INT(ldr_json_node_at(j, ldr_json_get(j, 0, "methods"))->count, 2);
    CHECK_INT(ldr_json_node_at(j, ldr_json_get(j, head, "runs"))->count, 2);
    CHECK(ldr_json_number(j, ldr_json_get(j, full, "trainable"), 0) > ldr_json_number(j, ldr_json_get(j, head, "trainable"), 0));
    CHECK(mean_of(j, full, "dev") >= 0 && mean_of(j, full, "test") >= 0 && mean_of(j, full, "peak_bytes") > 0 && mean_of(j, full, "step_seconds") > 0);
#ifndef LDR__ASAN                                      /* there the program itself is larger than the difference, and never the same */
    CHECK(ldr_json_number(j, ldr_json_get(j, full, "planned_bytes"), 0) > ldr_json_number(j, ldr_json_get(j, head, "planned_bytes"), 0));
#endif
    CHECK_INT(ldr_json_node_at(j, ldr_json_get(j, full, "loss"))->count, 10);
    CHECK_NEAR(ldr_json_number(j, ldr_json_get(j, 0, "majority"), -1), 0.5, 0);
  }
  CHECK(page && strstr(page, "<th scope=\"row\">head</th>") && strstr(page, "<th scope=\"row\">full</th>") && strstr(page, "</body></html>"));
  CHECK(page && strstr(page, "name=\"viewport\"") && strstr(page, "prefers-color-scheme") && strstr(page, "<svg") && strstr(page, "<desc"));
  CHECK(page && !strstr(page, "http://") && !strstr(page, "https://") && !strstr(page, "src=\"") && !strstr(page, "nan") && !strstr(page, "inf "));
  CHECK(page && !strstr(page, "<script>") && !strstr(page, "<b>&") && strstr(page, "&#60;script&#62;alert(1)"));
  EXPECT(0, "! ls -d r.html.*");                       /* nothing is left of the runs */
  ldr_json_free(j);
  free(page);
}

/* The cache changes where taps come from and nothing else; options go to the methods they are for. */
TEST(options_go_where_they_belong) {
  char *out;
  ldr_json *j;
  int32_t ladder, cached;
  NEED_MODEL();
  EXPECT(0, "$L compare " QUICK " --methods=ladder,ladder-cached,lora,adapter,prompt --rank 2 --bottleneck 3 --virtual-tokens=4 --reduction 4 --recompute --json");
  out = slurp("out", NULL);
  j = out ? ldr_json_parse(out, strlen(out), NULL, NULL) : NULL;
  ladder = j ? method_at(j, "ladder") : -1;
  cached = j ? method_at(j, "ladder-cached") : -1;
  CHECK(ladder >= 0 && cached >= 0);
  if (ladder >= 0 && cached >= 0) {
    CHECK_NEAR(mean_of(j, cached, "dev"), mean_of(j, ladder, "dev"), 0);
    CHECK(mean_of(j, method_at(j, "lora"), "dev") >= 0 && mean_of(j, method_at(j, "adapter"), "dev") >= 0);
    CHECK_INT(ldr_json_number(j, ldr_json_get(j, method_at(j, "prompt"), "trainable"), 0), 4 * 24 + 2 * 24 + 2);
  }
  ldr_json_free(j);
  free(out);
}

TEST(a_failing_method_is_a_row) {
  char *page;
  ldr_json *j;
  int32_t head, ladder;
  NEED_MODEL();
  EXPECT(0, "$L compare " QUICK " --methods ladder,head --rungs 77 --report f.html");
  CHECK(holds("out", "ladder, seed 1: failed: ") && holds("out", "\nladder          failed: "));
  j = numbers("f.html", &page);
  head = j ? method_at(j, "head") : -1;
  ladder = j ? method_at(j, "ladder") : -1;
  CHECK(head >= 0 && ladder >= 0);
  if (head >= 0 && ladder >= 0) CHECK(ldr_json_get(j, ladder, "error") >= 0 && ldr_json_get(j, head, "error") < 0 && mean_of(j, head, "dev") >= 0);
  CHECK(page && strstr(page, "<b>failed:</b>") && strstr(page, "1 of 2 runs failed"));
  ldr_json_free(j);
  free(page);
}

/* A label that the training set does not know gets into the reason, and from there into the page. */
TEST(text_from_data_is_escaped) {
  static const char line[] = HOSTILE_LABEL "\ta good film\n";
  char *page;
  ldr_json *j;
  NEED_MODEL();
  CHECK(put_bytes("hostile.tsv", line, sizeof line - 1));
  EXPECT(1, "$L compare " QUICK " --dev hostile.tsv --methods head,ladder --report h.html");
  CHECK(holds("err", "ladder: every run failed"));
  j = numbers("h.html", &page);
  CHECK(j && method_at(j, "head") >= 0 && method_at(j, "ladder") >= 0);
  CHECK(page && !strstr(page, "<img") && strstr(page, "&#60;img") && strstr(page, "\\u003cimg"));
  ldr_json_free(j);
  free(page);
}

/* The page says what the numbers say of the ladder, which class it takes for which, and its mistakes with their texts. */
TEST(the_report_shows_conclusion_confusion_and_mistakes) {
  static const char line[] = HOSTILE_LABEL "\ta good film\nplus\ta bad room\nminus\ta lovely book\n";
  char *page;
  ldr_json *j;
  NEED_MODEL();
  CHECK(put_bytes("wrong.tsv", line, sizeof line - 1));
  EXPECT(0, "$L compare " QUICK " --test wrong.tsv --methods head,ladder,full --report c.html");
  CHECK(holds("out", "The ladder reaches ") && holds("out", "the linear head") && holds("out", "full fine-tuning") && holds("out", "counting words"));
  j = numbers("c.html", &page);
  CHECK(j && ldr_json_number(j, ldr_json_get(j, 0, "words_dev"), -1) > 0.99);       /* one word tells the class */
  CHECK(page && strstr(page, "class=\"conclusion\"") && strstr(page, "3 examples of the test set") && strstr(page, "a label training never saw"));
  CHECK(page && strstr(page, "class=\"confusion\"") && strstr(page, "<td>a good film</td>") && !strstr(page, "<img"));
  ldr_json_free(j);
  free(page);
  EXPECT(1, "$L compare " QUICK " --regress --methods head --report c.html");       /* labels are words, and no crash */
  EXPECT(0, "$L train " QUICK " --method head --out a.ladder --answers a.jsonl && test $(grep -c '\"answer\":' a.jsonl) = 40");
  /* what counts words has members of its own: a reader that looks for "test" finds the model's score */
  EXPECT(0, "$L train " QUICK " --test wrong.tsv --method head --baselines --json --out a.ladder | tee j | grep -q '\"words_test\":' && test $(grep -o '\"test\":' j | wc -l) = 1");
  EXPECT(0, "$L eval --model '" HOSTILE_MODEL "' --ladder a.ladder --data wrong.tsv --answers b.jsonl && test $(grep -c '\"answer\":' b.jsonl) = 3");
  EXPECT(1, "$L train --model '" HOSTILE_MODEL "' --train train.tsv --method head --epochs 1 --out a.ladder --answers a.jsonl");
  CHECK(holds("err", "--answers: needs --dev or --test"));
}

/* Ladders of several heights and rates over shared taps: the best is named with the options that train it. The model has three blocks. */
TEST(search_tries_ladders_on_shared_taps) {
  char *page;
  ldr_json *j;
  NEED_MODEL();
  EXPECT(0, "$L compare " QUICK " --search --report s.html");
  CHECK(holds("out", "top 1, lr x 0.5") && holds("out", "top 2, lr x 2") && holds("out", "Train it with --top "));
  j = numbers("s.html", &page);
  CHECK(j && method_at(j, "top1-lr0.5") >= 0 && mean_of(j, method_at(j, "top2-lr1"), "dev") >= 0);
  CHECK(page && strstr(page, "Score against trained numbers") && strstr(page, "Score against seconds of the whole run"));
  EXPECT(0, "! ls -d s.html.*");
  EXPECT(2, "$L compare " QUICK " --search --methods head");
  ldr_json_free(j);
  free(page);
}

TEST(the_report_appears_whole_or_not_at_all) {
  NEED_MODEL();
  EXPECT(1, "$L compare " QUICK " --report nowhere/r.html");
  CHECK(!holds("out", "seed 1"));                    /* found out before any run */
  EXPECT(1, "echo old > old.html; $L compare " QUICK " --methods head --epochs 1000000 --report old.html & p=$!; i=0; while test $i -lt 1000 && ! ls old.html.*/log >ls 2>&1; do i=$((i+1)); sleep 0.02; done; kill -TERM $p; wait $p");
  CHECK(holds("err", "ladder: interrupted"));
  CHECK(holds("old.html", "old"));
  EXPECT(0, "! ls -d old.html.*");
}

#define TESTS(X) X(a_wrong_call_is_told) X(the_report_holds_every_method) X(options_go_where_they_belong) X(a_failing_method_is_a_row) X(text_from_data_is_escaped) X(the_report_shows_conclusion_confusion_and_mistakes) X(search_tries_ladders_on_shared_taps) X(the_report_appears_whole_or_not_at_all)

#else

TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)

#endif

LDR_TEST_MAIN("compare", TESTS)
