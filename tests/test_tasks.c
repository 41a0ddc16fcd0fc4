/* Tasks by name: every form of their files, damaged ones, what may not repeat, and files of answers (tools/tasks.h and
   tools/submit.h by themselves, then as a user runs them). */

#define _XOPEN_SOURCE 700
#define main ladder_main
#include "../tools/ladder.c"
#undef main
#include "ldr_test.h"
#include "ldr_tiny.h"

/* The largest sum of score[i, column of i] when no column is taken twice, by trying all. */
static double best_sum(const float *score, int n, int m, int row, unsigned taken) {
  double best = -1e300;
  int j;
  if (row == n) return 0;
  for (j = 0; j < m; j++)
    if (!(taken & 1u << j)) best = fmax(best, (double)score[row * m + j] + best_sum(score, n, m, row + 1, taken | 1u << j));
  return best;
}

TEST(assignments_are_the_best_ones) {
  int round, n, m, i, j;
  float score[6 * 7];
  int32_t out[6];
  for (round = 0; round < 2000; round++) {
    uint64_t h = ldr__mix64((uint64_t)round + 1);
    double sum = 0;
    unsigned taken = 0;
    n = 1 + (int)(h % 6);
    m = n + (int)(h / 6 % (uint64_t)(8 - n));
    for (i = 0; i < n * m; i++) {
      h = ldr__mix64(h + 1);
      score[i] = (float)(h % (round % 3 ? 1000 : 3)) / 10 - 20;      /* every third: many equal ones */
    }
    CHECK(assign_columns(out, score, n, m));
    for (i = 0; i < n; i++) {
      CHECK(out[i] >= 0 && out[i] < m && !(taken & 1u << out[i]));
      taken |= 1u << out[i];
      sum += (double)score[i * m + out[i]];
    }
    CHECK_NEAR(sum, best_sum(score, n, m, 0, 0), 1e-4);
  }
  for (i = 0; i < 6 * 7; i++) score[i] = 0;
  for (j = 0; j < 6; j++) score[j * 7 + (6 - j)] = 1;
  CHECK(assign_columns(out, score, 6, 7));
  for (j = 0; j < 6; j++) CHECK_INT(out[j], 6 - j);
  /* numbers that are none end it all the same, and every row has a column of its own */
  for (i = 0; i < 6 * 7; i++) score[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
  CHECK(assign_columns(out, score, 6, 7));
  for (i = 0; i < 6; i++)
    for (j = 0; j < i; j++) CHECK(out[i] >= 0 && out[i] < 7 && out[i] != out[j]);
}

/* The tables agree with themselves. */
TEST(rows_of_tasks_are_whole) {
  int i, k;
  for (i = 0; i < TASK_COUNT; i++) {
    const task_info *t = &task_table[i];
    for (k = 0; k < i; k++) CHECK(strcmp(t->name, task_table[k].name) != 0);
    CHECK(find_task(t->name) == t);
    CHECK(form_of(t)->object || form_of(t)->plain || reads_questions(t));
    CHECK((t->field[LDR__FIELD_TEXT] || t->form == FORM_CHAT) && t->max_len > 0 && t->batch > 0 && t->epochs > 0);
    CHECK((t->head == LDR_HEAD_CHOICE || reads_preferences(t)) == (t->choices > 1));
  }
  CHECK(find_task(TASK_OF_CHOICES) != NULL && find_task("nothing") == NULL && find_task(NULL) == NULL);
  CHECK_INT(word_among("a|bc=1|d", "bc", 2), 2);
  CHECK_INT(word_among("a|bc=1|d", "1", 1), 2);
  CHECK_INT(word_among("a|bc=1|d", "b", 1), 0);
  CHECK_INT(word_among("a|bc=1|d", "d", 1), 3);
  CHECK_INT(word_among(NULL, "d", 1), 0);
  CHECK_INT(choice_number("ending3", 7), 3);
  CHECK_INT(choice_number("B", 1), 1);
  CHECK_INT(choice_number("option_b", 8), -1);
  CHECK_INT(choice_number("ending", 6), -1);
}

/* What stays of a long text lies around its blank, and the marked mask is the blank's. */
TEST(cloze_windows_are_around_the_blank) {
  static const struct { const char *text; int blank, room; const char *want; int mask; } cases[] = {
    { "abc#idiom#def", 0, 20, "abc____def", 1 }, { "abcdefgh#idiom#ijklmnop", 0, 6, "fgh____ijk", 1 },
    { "abcdefgh#idiom#i", 0, 6, "defgh____i", 1 }, { "a#idiom#bcdefgh", 0, 6, "a____bcdef", 1 },
    { "a#idiom000001#b#idiom000002#c", 1, 20, "a________________b____c", 5 }, { "a#idiom000001#b#idiom000002#c", 0, 20, "a____b________________c", 1 },
    { "aaaa#idiom#b#idiom#c", 1, 5, "b____c", 1 }, { "\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89#idiom#", 0, 2, "\xe4\xba\x8c\xe4\xb8\x89____", 1 } };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *at = cases[i].text;
    ldr_error err;
    rows s;
    int k;
    memset(&s, 0, sizeof s);
    memset(&err, 0, sizeof err);
    for (k = 0; (at = strstr(at, "#idiom")) != NULL && k < cases[i].blank; k++) at += 6;
    CHECK_INT(cut_cloze(&s, cases[i].text, (size_t)(at - cases[i].text), (size_t)(at - cases[i].text) + blank_length(at), cases[i].room, &err), LDR_OK);
    CHECK_STR(row_field(&s, LDR__FIELD_TEXT2), cases[i].want);
    CHECK_INT(s.cloze, cases[i].mask);
    free_rows(&s);
  }
}

/* Each row of spoken_table has a task, and as many texts and words as that has texts and labels. */
TEST(words_of_tasks_are_whole) {
  static const char *const glue[] = { "cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte" };
  size_t i, k, n, m;
  for (i = 0; i < (size_t)SPOKEN_COUNT; i++) {
    const spoken_task *w = &spoken_table[i];
    const task_info *t = find_task(w->task);
    task_info chosen;
    int words = 0;
    CHECK(t && t->form == FORM_TEXTS && find_spoken(w->task) == w);
    if (!t) continue;
    chosen = *t;
    chosen.head = LDR_HEAD_WORDS;
    CHECK(!spoken_of(t) && spoken_of(&chosen) == w && labels_head(&chosen) == t->head && row_reader(&chosen) == row_spoken);
    CHECK((w->second != NULL) == (t->field[LDR__FIELD_TEXT2] != NULL) && strncmp(w->first, w->task, strlen(w->task)) == 0);
    CHECK((w->words == NULL) == (t->head == LDR_HEAD_REGRESS) && (w->words == NULL) == (t->labels == NULL));
    for (n = 1, k = 0; t->labels && t->labels[k]; k++) n += t->labels[k] == '|';
    for (m = 1, k = 0; w->words && w->words[k]; k++) m += w->words[k] == '|';
    CHECK(n == m && n <= SPOKEN_CLASSES);
    for (k = 0; w->words && k < n; k++) {
      size_t length;
      const char *word = word_at(w->words, (int32_t)k, &length);
      words += word_among(w->words, word, length) == (int)k + 1;       /* no two alike */
    }
    CHECK(!w->words || words == (int)n);
  }
  for (i = 0; i < sizeof glue / sizeof *glue; i++) CHECK(find_spoken(glue[i]) != NULL);
  CHECK(!find_spoken("c3") && !find_spoken(NULL) && !spoken_of(NULL));
}

/* What is read and said of the last example. */
static char spoken_seen[2][256];
static float spoken_right;

static ldr_status row_seen(rows *s, int pair, size_t at, ldr_error *err) {
  if (spoken_source(s, pair, at, err) || spoken_target(s, &spoken_right, err)) return err->status;
  snprintf(spoken_seen[0], sizeof spoken_seen[0], "%s", row_field(s, LDR__FIELD_TEXT));
  snprintf(spoken_seen[1], sizeof spoken_seen[1], "%s", row_field(s, LDR__FIELD_LABEL));
  return LDR_OK;
}

/* Reads a file's bytes as a task in words; "" or what is wrong with them. */
static const char *spoken_read(const char *task, const char *path, const char *bytes) {
  static ldr_error err;
  task_info chosen = *find_task(task);
  rows s;
  chosen.head = LDR_HEAD_WORDS;
  memset(&err, 0, sizeof err);
  memset(&s, 0, sizeof s);
  memset(spoken_seen, 0, sizeof spoken_seen);
  s.task = &chosen;
  s.r.data = bytes;
  s.r.size = strlen(bytes);
  s.row_fn = row_seen;
  read_task_bytes(&s, path, &err);
  free_rows(&s);
  return err.message;
}

/* The forms of Raffel et al. 2020, appendix D, out of files as they are published. */
TEST(glue_as_words) {
  static const struct { const char *task, *path, *bytes, *source, *target; double right; } cases[] = {
    { "cola", "x.tsv", "gj04\t0\t*\tJohn made Bill master of himself.\n", "cola sentence: John made Bill master of himself.", "unacceptable", 0 },
    { "cola", "x.jsonl", "{\"sentence\":\"It is.\",\"label\":1}", "cola sentence: It is.", "acceptable", 1 },
    { "sst2", "x.tsv", "sentence\tlabel\nit confirms fincher 's status\t1\n", "sst2 sentence: it confirms fincher 's status", "positive", 1 },
    { "sst2", "x.jsonl", "{\"sentence\":\"bad\",\"label\":0}", "sst2 sentence: bad", "negative", 0 },
    { "mrpc", "x.txt", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t11\t12\tWe acted .\tWe \"acted\" .\n", "mrpc sentence1: We acted . sentence2: We \"acted\" .", "equivalent", 1 },
    { "mrpc", "x.jsonl", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":0}", "mrpc sentence1: a sentence2: b", "not_equivalent", 0 },
    { "qqp", "x.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tWhat?\tWho?\t0\n", "qqp question1: What? question2: Who?", "not_duplicate", 0 },
    { "qqp", "x.jsonl", "{\"question1\":\"a\",\"question2\":\"b\",\"label\":1}", "qqp question1: a question2: b", "duplicate", 1 },
    { "stsb", "x.jsonl", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":3.25}", "stsb sentence1: a sentence2: b", "3.2", 3.25 },
    { "mnli", "x.tsv", "index\tsentence1\tsentence2\tgold_label\n0\tthe premise\tthe hypothesis\tcontradiction\n", "mnli hypothesis: the hypothesis premise: the premise", "contradiction", 2 },
    { "mnli", "x.jsonl", "{\"premise\":\"p\",\"hypothesis\":\"h\",\"label\":1}", "mnli hypothesis: h premise: p", "neutral", 1 },
    { "mnli", "x.jsonl", "{\"premise\":\"p\",\"hypothesis\":\"h\",\"label\":\"entailment\"}", "mnli hypothesis: h premise: p", "entailment", 0 },
    { "qnli", "x.tsv", "index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tnot_entailment\n", "qnli question: Who? sentence: He.", "not_entailment", 1 },
    { "rte", "x.jsonl", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":0}", "rte sentence1: a sentence2: b", "entailment", 0 },
    { "wnli", "x.jsonl", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":1}", "wnli sentence1: a sentence2: b", "entailment", 1 },
    { "ocnli", "x.json", "{\"sentence1\":\"p\",\"sentence2\":\"h\",\"label\":\"neutral\"}", "ocnli hypothesis: h premise: p", "neutral", 0 },
    { "eprstmt", "x.json", "{\"sentence\":\"s\",\"label\":\"Negative\"}", "eprstmt sentence: s", "negative", 1 } };
  static const struct { const char *task, *bytes, *says; } bad[] = {
    { "sst2", "{\"sentence\":\"s\",\"label\":2}", "\"2\" is none of 0|1" }, { "stsb", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":\"much\"}", "\"much\" is not a number" },
    { "rte", "{\"sentence1\":\"a\",\"label\":0}", "sentence2" }, { "cola", "{\"sentence\":\"\",\"label\":0}", "the example has no text" } };
  /* tf.round(x * 5) / 5 in floats: halves go to the even one */
  static const struct { const char *label, *target; } fifths[] = {
    { "0", "0.0" }, { "0.05", "0.0" }, { "0.1", "0.0" }, { "0.3", "0.4" }, { "0.5", "0.4" }, { "0.7", "0.8" }, { "0.9", "0.8" }, { "1.1", "1.2" }, { "1.7", "1.6" },
    { "1.9", "2.0" }, { "2.5", "2.4" }, { "3.8", "3.8" }, { "4.417", "4.4" }, { "4.75", "4.8" }, { "4.9", "4.8" }, { "5.000", "5.0" }, { "-0.05", "0.0" } };
  char line[128];
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_STR(spoken_read(cases[i].task, cases[i].path, cases[i].bytes), "");
    CHECK_STR(spoken_seen[0], cases[i].source);
    CHECK_STR(spoken_seen[1], cases[i].target);
    CHECK_NEAR(spoken_right, cases[i].right, 0);
  }
  for (i = 0; i < sizeof fifths / sizeof *fifths; i++) {
    snprintf(line, sizeof line, "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":%s}", fifths[i].label);
    CHECK_STR(spoken_read("stsb", "x.jsonl", line), "");
    CHECK_STR(spoken_seen[1], fifths[i].target);
  }
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *says = spoken_read(bad[i].task, "x.jsonl", bad[i].bytes);
    CHECK(strstr(says, bad[i].says) != NULL);
  }
}

/* Metrics of what was said, with texts that say nothing: T5's rule makes them wrong answers. */
TEST(words_are_scored_by_the_tasks_own_metric) {
  static const struct { const char *task, *said[5]; float right[5]; double value; int unspoken; } cases[] = {
    { "cola", { "acceptable", "unacceptable", "unacceptable", "", " acceptable " }, { 1, 1, 0, 0, 1 }, 1.0 / 6, 1 },
    { "cola", { "acceptable", "unacceptable", "unacceptable", "unacceptable", "?" }, { 1, 1, 0, 0, 1 }, 0.408248290463863, 1 },
    { "mrpc", { "equivalent", "not_equivalent", "not_equivalent", "equivalen", "equivalent" }, { 1, 1, 0, 0, 1 }, (0.6 + 2.0 / 3) / 2, 1 },
    { "sst2", { "positive", "negative", "Positive", "positive positive", "positive" }, { 1, 0, 1, 0, 0 }, 0.4, 2 },
    { "mnli", { "entailment", "neutral", "contradiction", "contradictions", "neutral" }, { 0, 1, 2, 2, 0 }, 0.6, 1 },
    { "rte", { "entailment", "not_entailment", "", "not_entailment=1", "1" }, { 0, 1, 0, 1, 1 }, 0.4, 3 },
    { "stsb", { "1.0", " 2.2", "nan", "4.0", "" }, { 1, 2, 3, 4, 0.5f }, (0.56775669686587 + 0.5642880936468347) / 2, 2 },
    { "stsb", { "0.5", "1", "inf", "4 0", "5.0" }, { 1, 2, 3, 4, 5 }, 0, 2 } };
  size_t i, k;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    ldr_error err;
    ldr_score score;
    said_texts t;
    int32_t unspoken = 0;
    memset(&t, 0, sizeof t);
    memset(&err, 0, sizeof err);
    for (k = 0; k < 5; k++) CHECK_INT(said_add(&t, cases[i].said[k], strlen(cases[i].said[k]), &err), LDR_OK);
    CHECK_INT(spoken_score(&score, &unspoken, find_task(cases[i].task), &t, cases[i].right, &err), LDR_OK);
    CHECK_INT(unspoken, cases[i].unspoken);
    CHECK_INT(score.examples, 5);
    if (cases[i].value > 0) CHECK_NEAR(score.value, cases[i].value, 1e-6);
    said_free(&t);
  }
}

#if defined(__unix__) || defined(__APPLE__)

#define put_bytes put_file_bytes           /* the program has functions of these names */
#define remove_folder remove_test_folder
#include "ldr_shell.h"

#define QUICK "--recipe plain --method head --head-epochs 0 --epochs 1 --seed 1"

/* A random BERT that knows the words w6 to w30, "[MASK]" and "[unused1]"; and a head, or none. said: what its
   configuration says it is for. */
static int tiny_folder(const char *name, ldr_task task, ldr_task said) {
  tiny_spec s = tiny_default("bert");
  char config[1200], path[LADDER_MAX_PATH], inside[64], words[400] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[unused1]\n";
  unsigned char *file;
  size_t size;
  int i, ok;
  s.task = task;
  if (shellf("mkdir -p %s", name) != 0) return 0;
  for (i = 6; i < s.vocab; i++) sprintf(words + strlen(words), "w%d\n", i);
  file = (unsigned char *)tiny_weights(&s, &size);
  snprintf(inside, sizeof inside, "%s/model.safetensors", name);
  full_path(path, inside);
  ok = ldr_test_write(path, file, size);
  s.task = said;
  tiny_config(config, &s);
  snprintf(inside, sizeof inside, "%s/config.json", name);
  ok &= put_file(inside, config);
  snprintf(inside, sizeof inside, "%s/vocab.txt", name);
  ok &= put_file(inside, words);
  free(file);
  return ok;
}

#define NEED_TINY() do { NEED_PROGRAM(); CHECK(tiny_folder("tiny", LDR_TASK_NONE, LDR_TASK_NONE)); } while (0)

/* The words of an option stand in the order of the constants they mean: each is what the header's row calls that. */
static const char *of_method(int32_t i) { return ldr_method_name((ldr_method)i); }
static const char *of_preset(int32_t i) { return ldr_preset_name((ldr_preset)i); }
static const char *of_head(int32_t i) { return ldr_head_name((ldr_head)i); }
static const char *of_metric(int32_t i) { return ldr_metric_name((ldr_metric)i); }

TEST(options_have_the_words_of_the_rows) {
  static const struct { const char *option; unsigned command; } lists[] = { { "--method", CMD_TRAIN }, { "--preset", CMD_TRAIN } };
  static const struct { const char *words; const char *(*name)(int32_t); } rows[] = { { LDR_METHODS, of_method }, { LDR_PRESETS, of_preset }, { LDR_HEADS, of_head }, { LDR_METRICS, of_metric } };
  static const struct { const char *words, *name; int32_t place; } named[] = {      /* from 1; of enums whose 0 has no name the constant */
    { LDR_TAPS, "output", LDR_TAP_OUTPUT }, { LDR_GATES, "fixed", LDR_GATE_FIXED }, { LDR_MIXES, "after", LDR_MIX_AFTER }, { LDR_OUTPUTS, "residual", LDR_OUTPUT_RESIDUAL },
    { LDR_INITS, "slice", LDR_INIT_SLICE }, { LDR_IMPORTANCES, "energy", LDR_ENERGY }, { LDR_POOLS, "pair", LDR_POOL_PAIR }, { LDR_HEAD_SLICES, "within", LDR_HEADS_WITHIN },
    { LDR_OPTIMIZERS, "sgd", 1 + LDR_SGD }, { LDR_OPTIMIZERS, "adafactor", 1 + LDR_ADAFACTOR }, { LDR_SCHEDULES, "constant", 1 + LDR_CONSTANT },
    { LDR_REPLACEMENTS, "constant", 1 + LDR_REPLACE_CONSTANT }, { LDR_INITS "|reserved", "reserved", INIT_RESERVED }, { LDR_TARGETS, "down", 7 }, { LDR_TARGETS, "cross_output", 11 },
    { LDR_ACTIVATIONS, "gelu_tanh", 1 + LDR_GELU_TANH }, { LDR_ACTIVATIONS, "silu", 1 + LDR_SILU }, { LDR_COMPUTES, "bf16", 1 + LDR_COMPUTE_BF16 }, { LDR_CHOICES, "off", 1 + LDR_OFF } };
  size_t i, k;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    char words[256] = "";
    int32_t n;
    for (n = 0; strcmp(rows[i].name(n), "?") != 0 && n < 100; n++) sprintf(words + strlen(words), "%s%s", n ? "|" : "", rows[i].name(n));
    CHECK(n > 5 && n < 100);
    CHECK_STR(rows[i].words, words);
  }
  for (i = 0; i < 2; i++) {
    for (k = 0; k < sizeof option_table / sizeof *option_table; k++)
      if (strcmp(option_table[k].name, lists[i].option) == 0 && (option_table[k].commands & lists[i].command)) break;
    CHECK(k < sizeof option_table / sizeof *option_table);
    if (k < sizeof option_table / sizeof *option_table) CHECK_STR(option_table[k].value, rows[i].words);
  }
  for (i = 0; i < sizeof named / sizeof *named; i++) CHECK_INT(word_index(named[i].words, named[i].name), named[i].place);
}

TEST(tasks_are_listed) {
  char *out, *line, *next;
  size_t n;
  int i = 0;
  NEED_PROGRAM();
  EXPECT(0, "$L tasks --json");
  out = slurp("out", &n);
  for (line = out; line && *line; line = next, i++) {
    ldr_json *j;
    next = strchr(line, '\n') + 1;
    j = ldr_json_parse(line, (size_t)(next - line), NULL, NULL);
    CHECK(j && i < TASK_COUNT && ldr_json_equals(j, ldr_json_get(j, 0, "task"), task_table[i].name));
    CHECK(j && ldr_json_get(j, ldr_json_get(j, 0, "files"), "dev") >= 0);
    ldr_json_free(j);
  }
  CHECK_INT(i, TASK_COUNT);
  free(out);
  EXPECT(0, "$L tasks");
  for (i = 0; i < TASK_COUNT; i++) CHECK(holds("out", task_table[i].name));
  CHECK(holds("out", "dev_matched.tsv") && holds("out", "m-train.json+d-train.json"));
  EXPECT(2, "$L tasks --task c3");
}

/* Three questions in all the forms that are known: the same tokens, the same answers. */
TEST(choices_have_many_forms) {
  static const char *const forms[] = {
    "number.jsonl", "{\"context\":\"w7 w8\",\"question\":\"w9\",\"choices\":[\"w10\",\"w11\",\"w12\"],\"label\":2}\n"
    "{\"context\":\"w13\",\"question\":\"w14\",\"choices\":[\"w15\",\"w16\"],\"label\":0}\n{\"context\":\"w17\",\"question\":\"w18 w19\",\"choices\":[\"w20\",\"w21\",\"w22 w23\"],\"label\":\"1\"}\n",
    "text.json", "[{\"passage\":[\"w7\",\"w8\"],\"question\":\"w9\",\"options\":[\"w10\",\"w11\",\"w12\"],\"answer\":\"w12\"},"
    "{\"passage\":[\"w13\"],\"question\":\"w14\",\"options\":[\"w15\",\"w16\"],\"answer\":\"w15\"},{\"passage\":\"w17\",\"question\":\"w18 w19\",\"options\":[\"w20\",\"w21\",\"w22 w23\"],\"answer\":\"w21\"}]",
    "nested.json", "[[[\"w7\",\"w8\"],[{\"question\":\"w9\",\"choice\":[\"w10\",\"w11\",\"w12\"],\"answer\":\"w12\",\"id\":1}],\"5-1\"],\n"
    "[[\"w13\"],[{\"question\":\"w14\",\"choice\":[\"w15\",\"w16\"],\"answer\":\"w15\"}],\"5-2\"],[[\"w17\"],[{\"question\":\"w18 w19\",\"choice\":[\"w20\",\"w21\",\"w22 w23\"],\"answer\":\"w21\"}],\"5-3\"]]",
    "marks.jsonl", "{\"passage\":\"w7 w8\",\"question\":{\"stem\":\"w9\",\"choices\":[{\"label\":\"1\",\"text\":\"w10\"},{\"label\":\"2\",\"text\":\"w11\"},{\"label\":\"3\",\"text\":\"w12\"}]},\"answerKey\":\"3\"}\n"
    "{\"passage\":\"w13\",\"question\":\"w14\",\"choices\":{\"text\":[\"w15\",\"w16\"],\"label\":[\"A\",\"B\"]},\"answerKey\":\"A\"}\n{\"passage\":\"w17\",\"question\":\"w18 w19\",\"A\":\"w20\",\"B\":\"w21\",\"C\":\"w22 w23\",\"answer\":\"B\"}\n",
    "columns.csv", ",video-id,sent1,sent2,gold-source,ending0,ending1,ending2,label\n0,x,w7 w8,w9,gold,w10,w11,w12,2\n1,x,\"w13\",w14,gold,w15,w16,,0\n2,x,w17,w18 w19,gold,w20,w21,\"w22 w23\",1\n",
    "columns.tsv", "context\tquestion\tchoice1\tchoice2\tchoice3\tanswer\nw7 w8\tw9\tw10\tw11\tw12\tw12\nw13\tw14\tw15\tw16\t\tw15\nw17\tw18 w19\tw20\tw21\tw22 w23\tB\n" };
  size_t i;
  NEED_TINY();
  for (i = 0; i < sizeof forms / sizeof *forms; i += 2) CHECK(put_file(forms[i], forms[i + 1]));
  EXPECT(0, "$L train --task choice --model tiny --train number.jsonl --dev number.jsonl --max-len 30 --out l --recipe plain --epochs 60 --batch 3 --lr 1e-2 --seed 1 --method full");
  CHECK(holds("out", "train: 3 questions, 3 choices, "));
  CHECK(holds("out", "accuracy 1.0000 on dev"));
  EXPECT(0, "$L eval --model tiny --ladder l --data number.jsonl --json > want; $L predict --model tiny --ladder l number.jsonl > answers; grep -q '^{\"label\":2,\"scores\":\\[' answers");
  EXPECT(0, "test $(wc -l < answers) = 3 && sed -n 2p answers | grep -q '^{\"label\":0,\"scores\":\\[[^,]*,[^,]*\\]}$'");      /* no score of a choice that is not there */
  for (i = 2; i < sizeof forms / sizeof *forms; i += 2) {
    EXPECT(0, "$L eval --model tiny --ladder l --data %s --json | cmp - want", forms[i]);
    EXPECT(0, "$L predict --model tiny --ladder l %s | sed 's/\"id\":[0-9]*,//' | cmp - answers", forms[i]);
  }
  EXPECT(0, "$L predict --model tiny --ladder l < number.jsonl | sed 's/0\\.[0-9e-]*/x/g' > lines; sed 's/0\\.[0-9e-]*/x/g' answers | cmp - lines");
  EXPECT(0, "mkdir -p c3 && cp nested.json c3/c3-m-train.json && cp nested.json c3/c3-d-train.json && cp nested.json c3/m-dev.json");
  EXPECT(0, "$L train --task c3 --model tiny --train c3 --max-len 30 --out c " QUICK);
  CHECK(holds("out", "train: 6 questions, 3 choices") && holds("out", "dev: 3 questions"));
  EXPECT(0, "$L predict --model tiny --ladder c --submission s nested.json && test $(wc -l < s) = 3 && head -n 1 s | grep -Eq '^\\{\"id\":1,\"label\":[0-2]\\}$'");
  EXPECT(0, "$L plan --task c3 --model tiny --json");
  EXPECT(1, "mkdir -p nothing; $L train --task c3 --model tiny --train nothing --out c " QUICK);
  CHECK(one_error_line() && holds("err", "the directory has none of train.json"));
}

/* Names from 1: an "answer" is such a name, a "label" counts from 0. Without a context the question is what is read. */
TEST(choices_are_named_and_counted) {
  static const char *const same[] = {
    "0.jsonl", "{\"question\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":0}\n{\"question\":\"w10\",\"choices\":[\"w11\",\"w12\"],\"label\":1}\n",
    "wino.jsonl", "{\"sentence\":\"w7\",\"option1\":\"w8\",\"option2\":\"w9\",\"answer\":\"1\"}\n{\"sentence\":\"w10\",\"option1\":\"w11\",\"option2\":\"w12\",\"answer\":2}\n",
    "copa.jsonl", "{\"question\":\"w7\",\"choice1\":\"w8\",\"choice2\":\"w9\",\"label\":0}\n{\"question\":\"w10\",\"choice1\":\"w11\",\"choice2\":\"w12\",\"label\":\"1\"}\n",
    "letters.csv", "question,A,B,answer\nw7,w8,w9,A\nw10,w11,w12,B\n",
    "named.csv", "question,option1,option2,answer\nw7,w8,w9,1\nw10,w11,w12,2\n",
    "counted.csv", "question,choice1,choice2,label\nw7,w8,w9,0\nw10,w11,w12,1\n" };
  size_t i;
  NEED_TINY();
  for (i = 0; i < sizeof same / sizeof *same; i += 2) CHECK(put_file(same[i], same[i + 1]));
  EXPECT(0, "$L train --task choice --model tiny --train 0.jsonl --dev 0.jsonl --max-len 24 --out n.ladder --recipe plain --epochs 80 --batch 2 --lr 1e-2 --seed 1 --method full");
  CHECK(holds("out", "accuracy 1.0000 on dev"));
  EXPECT(0, "$L eval --model tiny --ladder n.ladder --data 0.jsonl --json >want");
  for (i = 2; i < sizeof same / sizeof *same; i += 2) EXPECT(0, "$L eval --model tiny --ladder n.ladder --data %s --json | cmp - want", same[i]);
  CHECK(put_file("two.jsonl", "{\"question\":\"w7\",\"choice1\":\"w8\",\"choice2\":\"w9\",\"label\":2}\n") && put_file("none.csv", "question,label\nw7,1\n") &&
      put_file("empty.jsonl", "{\"question\":\"w7\",\"choices\":[\"w8\",\"w9\",\"\"],\"label\":0}\n"));
  EXPECT(1, "$L eval --model tiny --ladder n.ladder --data two.jsonl");
  CHECK(one_error_line() && holds("err", "a \"label\" counts from 0, and an \"answer\" names its choice"));
  EXPECT(1, "$L eval --model tiny --ladder n.ladder --data none.csv");
  CHECK(one_error_line() && holds("err", "and the choices: choice1, choice2, ... or A, B, ..."));
  EXPECT(1, "$L eval --model tiny --ladder n.ladder --data empty.jsonl");      /* its place is not lost */
  CHECK(one_error_line() && holds("err", "choice 2 of 3 is empty"));
}

/* A published head for choices answers and goes on from where it is; compare knows such tasks. */
TEST(published_choices) {
  NEED_TINY();
  CHECK(tiny_folder("chooser", LDR_TASK_CHOICE, LDR_TASK_CHOICE) && tiny_folder("three", LDR_TASK_SEQUENCE, LDR_TASK_CHOICE));
  CHECK(put_file("q.jsonl", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\",\"w10\"],\"label\":2}\n{\"text\":\"w11\",\"choices\":[\"w12\",\"w13\"],\"label\":0}\n"));
  EXPECT(0, "$L predict --model chooser q.jsonl > a && test $(wc -l < a) = 2 && $L eval --model chooser --data q.jsonl --json | grep -q '\"examples\":2'");
  EXPECT(0, "$L train --model chooser --published-head --train q.jsonl --dev q.jsonl --max-len 20 --epochs 1 --lr 1e-9 --head-epochs 0 --method head --recipe plain --out l && $L predict --model chooser --ladder l q.jsonl > b");
  EXPECT(0, "sed 's/\"scores.*//' a > c; sed 's/\"scores.*//' b | cmp - c");
  EXPECT(1, "$L predict --model three q.jsonl");
  CHECK(one_error_line() && holds("err", "has 3 classes, one for \"choice\" has 1"));
  EXPECT(0, "$L compare --task choice --model tiny --train q.jsonl --dev q.jsonl --methods head --max-len 20 --epochs 1 --json | grep -q accuracy");
}

/* Blanks of a text share their candidates. */
TEST(cloze_forms_and_answers_without_repeats) {
  static const char texts[] = "{\"content\":[\"w7 #idiom000001# w8 #idiom000002# w9\",\"w10 #idiom000003#\"],\"candidates\":[\"w20\",\"w21\",\"w22\",\"w23\"]}\n"
    "{\"content\":[\"#idiom000004# w11\"],\"candidates\":[\"w20\",\"w21\",\"w24\",\"w25\"]}\n";
  static const char hub[] = "{\"content\":[\"w7 #idiom000001# w8 #idiom000002# w9\",\"w10 #idiom000003#\"],\"candidates\":[\"w20\",\"w21\",\"w22\",\"w23\"],\"answers\":{\"candidate_id\":[1,0,3]}}\n"
    "{\"content\":[\"#idiom000004# w11\"],\"candidates\":[\"w20\",\"w21\",\"w24\",\"w25\"],\"answers\":{\"candidate_id\":[2]}}\n";
  static const char one[] = "{\"id\":15,\"content\":\"w7 #idiom# w8\",\"candidates\":[\"w20\",\"w21\",\"w22\"],\"answer\":1}\n{\"id\":16,\"content\":\"w9 #idiom# w8\",\"candidates\":[\"w20\",\"w21\",\"w22\"],\"answer\":\"w20\"}\n";
  static const char own[] = "{\"content\":\"w7 #idiom# w8 #idiom# w9\",\"groundTruth\":[\"w21\",\"w20\"],\"candidates\":[[\"w20\",\"w21\"],[\"w20\",\"w22\"]]}\n";
  ldr_json *j;
  char *out;
  size_t n;
  NEED_TINY();
  CHECK(put_file("train.json", texts) && put_file("train_answer.json", "{\"#idiom000001#\": 1, \"#idiom000002#\": 0, \"#idiom000003#\": 3,\n\"#idiom000004#\": 2}"));
  CHECK(put_file("hub.json", hub) && put_file("one.json", one) && put_file("own.json", own));
  EXPECT(0, "$L train --task chid --model tiny --train train.json --dev train.json --max-len 24 --out l --recipe plain --epochs 80 --batch 4 --lr 1e-2 --seed 1 --method full");
  CHECK(holds("out", "train: 4 questions, 4 choices") && holds("out", "accuracy 1.0000 on dev"));
  EXPECT(0, "$L eval --model tiny --ladder l --data train.json --json > want; $L eval --model tiny --ladder l --data hub.json --json | cmp - want");
  EXPECT(0, "$L predict --model tiny --ladder l --submission s train.json | grep -q '^{\"id\":\"#idiom000003#\",\"label\":3,'");
  out = slurp("s", &n);
  j = out ? ldr_json_parse(out, n, NULL, NULL) : NULL;
  CHECK(j && ldr_json_node_at(j, 0)->count == 4 && ldr_json_number(j, ldr_json_get(j, 0, "#idiom000001#"), -1) == 1 && ldr_json_number(j, ldr_json_get(j, 0, "#idiom000004#"), -1) == 2);
  ldr_json_free(j);
  free(out);
  EXPECT(0, "$L eval --model tiny --ladder l --data one.json --json | grep -q '\"examples\":2'");
  EXPECT(0, "$L predict --model tiny --ladder l one.json | grep -q '^{\"id\":16,\"label\":'");
  EXPECT(0, "$L eval --model tiny --ladder l --data own.json --json | grep -q '\"examples\":2'");
  /* both blanks want the same word, for they are the same text: one of them has to take another */
  CHECK(put_file("same.json", "{\"content\":[\"w10 #idiom000001#\",\"w10 #idiom000002#\"],\"candidates\":[\"w20\",\"w21\",\"w22\",\"w23\"]}\n"
                              "{\"content\":[\"w10 #idiom000003#\"],\"candidates\":[\"w20\",\"w21\",\"w22\",\"w23\"]}\n"));
  EXPECT(0, "$L predict --model tiny --ladder l same.json | sed 's/.*\"label\":\\([0-9]\\).*/\\1/' > a; test $(sed -n 3p a) = 3 && test $(head -n 2 a | sort -u | wc -l) = 2 && head -n 2 a | grep -q 3");
  /* a long text loses what is far from the blank, and never the blank */
  EXPECT(0, "awk 'BEGIN { printf \"{\\\"content\\\":\\\"\"; for (i = 0; i < 300; i++) printf \"w7 \"; printf \"w10 #idiom#\"; for (i = 0; i < 300; i++) printf \" w8\"; print \"\\\",\\\"candidates\\\":[\\\"w20\\\",\\\"w21\\\"],\\\"answer\\\":0}\" }' > long.json");
  EXPECT(0, "$L eval --model tiny --ladder l --data long.json && ! grep -q cut err");
}

TEST(pronouns_are_marked) {
  static const char data[] = "{\"text\":\"w7 w8 w9 w10\",\"target\":{\"span1_text\":\"w8\",\"span1_index\":3,\"span2_text\":\"w10\",\"span2_index\":9},\"idx\":4,\"label\":\"true\"}\n"
    "{\"text\":\"w10 w8 w9\",\"target\":{\"span2_text\":\"w10\",\"span2_index\":0,\"span1_text\":\"w9\",\"span1_index\":7},\"idx\":5,\"label\":\"false\"}\n";
  NEED_TINY();
  CHECK(put_file("w.json", data) && put_file("marked.jsonl", "{\"text\":\"w7 _w8_ w9 [w10]\"}\n{\"text\":\"[w10] w8 _w9_\"}\n"));
  EXPECT(0, "$L train --task wsc --model tiny --train w.json --max-len 30 --out l " QUICK);
  EXPECT(0, "$L predict --model tiny --ladder l --submission s w.json > a; $L predict --model tiny --ladder l marked.jsonl | cmp - a; grep -Eq '^\\{\"id\":4,\"label\":\"(true|false)\"\\}$' s");
  CHECK(put_file("bad.json", "{\"text\":\"w7 w8\",\"target\":{\"span1_text\":\"w8\",\"span1_index\":2,\"span2_text\":\"w7\",\"span2_index\":0},\"label\":\"true\"}\n"));
  EXPECT(1, "$L train --task wsc --model tiny --train bad.json --out k " QUICK);
  CHECK(holds("err", "1 of 1 examples are damaged") && holds("err", "line 1") && holds("err", "span1_text"));
  EXPECT(1, "$L predict --model tiny --ladder l bad.json");
  CHECK(holds("err", "line 1"));
}

/* SuperGLUE counts words and not characters, and its labels are true and false. */
TEST(pronouns_by_words) {
  static const char data[] = "{\"text\":\"w7 w8, \\\"w9\\\" (w10 w11) w12.\",\"target\":{\"span1_text\":\"w10 w11\",\"span1_index\":3,\"span2_text\":\"w9\",\"span2_index\":2},\"idx\":4,\"label\":true}\n"
    "{\"text\":\" w10  w8 w9\",\"target\":{\"span2_text\":\"w10\",\"span2_index\":0,\"span1_text\":\"w9\",\"span1_index\":2},\"idx\":5,\"label\":false}\n";
  static const struct { const char *text, *target, *says; } bad[] = {
    { "w7 w8 w9", "\"span1_text\":\"w7\",\"span1_index\":1,\"span2_text\":\"w9\",\"span2_index\":2", "does not say where" },      /* another word */
    { "w7 w8 w9", "\"span1_text\":\"w7\",\"span1_index\":0,\"span2_text\":\"w9\",\"span2_index\":3", "does not say where" },      /* behind the end */
    { "w7 w8 w10", "\"span1_text\":\"w7\",\"span1_index\":0,\"span2_text\":\"w1\",\"span2_index\":2", "does not say where" },     /* half a word */
    { "w7 w8 w9", "\"span1_text\":\"w7\",\"span1_index\":-1,\"span2_text\":\"w9\",\"span2_index\":2", "does not say where" },
    { "w7 w8 w9", "\"span1_text\":\"w7\",\"span1_index\":\"0\",\"span2_text\":\"w9\",\"span2_index\":2", "does not say where" },
    { "w7 w8 w9", "\"span1_text\":\"\",\"span1_index\":0,\"span2_text\":\"w9\",\"span2_index\":2", "does not say where" },
    { "w7 w8 w9", "\"span1_text\":\"w8 w9\",\"span1_index\":1,\"span2_text\":\"w9\",\"span2_index\":2", "lie over each other" } };
  size_t i;
  NEED_TINY();
  CHECK(put_file("w.jsonl", data) && put_file("marked.jsonl", "{\"text\":\"w7 w8, \\\"[w9]\\\" (_w10 w11_) w12.\"}\n{\"text\":\" [w10]  w8 _w9_\"}\n"));
  EXPECT(0, "$L train --task wsc --model tiny --train w.jsonl --max-len 30 --out l " QUICK);
  CHECK(holds("out", "false 1, true 1") || holds("out", "true 1, false 1"));
  EXPECT(0, "$L predict --model tiny --ladder l w.jsonl > a; $L predict --model tiny --ladder l marked.jsonl | cmp - a");
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    char line[400];
    snprintf(line, sizeof line, "{\"text\":\"%s\",\"target\":{%s},\"label\":true}\n", bad[i].text, bad[i].target);
    CHECK(put_file("bad.jsonl", line));
    EXPECT(1, "$L train --task wsc --model tiny --train bad.jsonl --max-len 30 --out k " QUICK);
    CHECK(one_error_line() && holds("err", "1 of 1 examples are damaged; line 1: ") && holds("err", bad[i].says));
    EXPECT(0, "cat w.jsonl bad.jsonl > some.jsonl; $L train --task wsc --model tiny --train some.jsonl --skip-bad --max-len 30 --out k " QUICK);
    CHECK(holds("err", "1 of 3 examples are damaged and left out; line 3: ") && holds("out", "train: 2 texts"));
  }
  /* in characters and in words, but at different places: nobody can say which is meant, unless another example does */
  CHECK(put_file("both.jsonl", "{\"text\":\"w7 w7 w8 w7 w8\",\"target\":{\"span1_text\":\"w7\",\"span1_index\":3,\"span2_text\":\"w7\",\"span2_index\":0},\"label\":true}\n"));
  EXPECT(1, "$L train --task wsc --model tiny --train both.jsonl --max-len 30 --out k " QUICK);
  CHECK(holds("err", "counted in characters and in words they are at different places"));
  EXPECT(0, "cat w.jsonl both.jsonl > some.jsonl; $L train --task wsc --model tiny --train some.jsonl --max-len 30 --out k " QUICK " && ! grep -q damaged err");
  EXPECT(0, "mkdir -p wsc && cp w.jsonl wsc/train.jsonl && cp w.jsonl wsc/val.jsonl; $L train --task wsc --model tiny --train wsc --max-len 30 --out k " QUICK);
  CHECK(holds("out", "dev: 2 texts"));
}

/* The columns of GLUE's files, with and without names, and the same as JSON with numbers for labels. */
TEST(glue_files_in_all_their_forms) {
  static const struct { const char *task, *tsv, *json, *test, *head; } tasks[] = {
    { "qnli", "index\tquestion\tsentence\tlabel\n0\tw7\tw8 \"w9\tentailment\n1\tw10\tw11\tnot_entailment\n", "{\"question\":\"w7\",\"sentence\":\"w8 \\\"w9\",\"label\":0,\"idx\":0}\n{\"question\":\"w10\",\"sentence\":\"w11\",\"label\":1,\"idx\":1}\n",
      "index\tquestion\tsentence\n0\tw7\tw8 \"w9\n1\tw10\tw11\n", "0\t" },
    { "rte", "index\tsentence1\tsentence2\tlabel\n7\tw7\tw8\tnot_entailment\n9\tw10\tw11\tentailment\n", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":1,\"idx\":0}\n{\"sentence1\":\"w10\",\"sentence2\":\"w11\",\"label\":0}\n",
      "index\tsentence1\tsentence2\n7\tw7\tw8\n9\tw10\tw11\n", "7\t" },
    { "qqp", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n133273\t21\t22\tw7\tw8\t0\n4\t1\t2\tw10\tw11\t1\n", "{\"question1\":\"w7\",\"question2\":\"w8\",\"label\":0}\n{\"question1\":\"w10\",\"question2\":\"w11\",\"label\":1}\n",
      "id\tquestion1\tquestion2\n133273\tw7\tw8\n4\tw10\tw11\n", "133273\t" },
    { "mnli", "index\tpromptID\tgenre\tsentence1_parse\tsentence1\tsentence2\tlabel1\tlabel2\tgold_label\n0\t1\tg\tx\tw7\tw8\tneutral\tneutral\tentailment\n1\t2\tg\tx\tw10\tw11\tneutral\t-\tneutral\n2\t2\tg\tx\tw12\tw13\t-\t-\tcontradiction\n",
      "{\"premise\":\"w7\",\"hypothesis\":\"w8\",\"label\":0}\n{\"premise\":\"w10\",\"hypothesis\":\"w11\",\"label\":1}\n{\"premise\":\"w12\",\"hypothesis\":\"w13\",\"label\":2}\n",
      "index\tpromptID\tsentence1\tsentence2\n0\t1\tw7\tw8\n1\t2\tw10\tw11\n2\t2\tw12\tw13\n", "0\t" },
    { "mrpc", "\xef\xbb\xbfQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t11\t12\tw7\tw8\r\n0\t13\t14\tw10\tw11\r\n", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":1}\n{\"sentence1\":\"w10\",\"sentence2\":\"w11\",\"label\":0}\n",
      "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t11\t12\tw7\tw8\n1\t13\t14\tw10\tw11\n", "0\t" },
    { "cola", "gj04\t1\t\tw7 w8\ngj04\t0\t*\tw9\n", "{\"sentence\":\"w7 w8\",\"label\":1}\n{\"sentence\":\"w9\",\"label\":0}\n", "index\tsentence\n0\tw7 w8\n1\tw9\n", "0\t" },
    { "sst2", "sentence\tlabel\nw7 w8 \t0\nw9 \t1\n", "{\"sentence\":\"w7 w8\",\"label\":0}\n{\"sentence\":\"w9\",\"label\":1}\n", "index\tsentence\n0\tw7 w8\n1\tw9\n", "0\t" },
    { "stsb", "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n0\ta\tb\t2012\t1\tx\tx\tw7\tw8\t5.000\n1\ta\tb\t2012\t1\tx\tx\tw9\tw10\t0.5\n",
      "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":5.0}\n{\"sentence1\":\"w9\",\"sentence2\":\"w10\",\"label\":0.5}\n",
      "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\n0\ta\tb\t2012\t1\tx\tx\tw7\tw8\n1\ta\tb\t2012\t1\tx\tx\tw9\tw10\n", "0\t" } };
  size_t i;
  NEED_TINY();
  for (i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    CHECK(put_file("t.tsv", tasks[i].tsv) && put_file("t.jsonl", tasks[i].json) && put_file("test.tsv", tasks[i].test));
    EXPECT(0, "$L train --task %s --model tiny --train t.tsv --max-len 20 --out l " QUICK, tasks[i].task);
    EXPECT(0, "$L eval --model tiny --ladder l --data t.tsv > a; $L eval --model tiny --ladder l --data t.jsonl | cmp - a");
    EXPECT(0, "$L train --task %s --model tiny --train t.jsonl --max-len 20 --out k " QUICK " && cmp l k", tasks[i].task);
    EXPECT(0, "$L predict --model tiny --ladder l --submission s test.tsv > p && $L predict --model tiny --ladder l t.tsv | cmp - p && $L predict --model tiny --ladder l t.jsonl | cmp - p");
    EXPECT(0, "head -n 1 s | grep -q '^index.prediction$' && sed -n 2p s | grep -q '^%s' && test $(wc -l < s) = $(($(wc -l < p) + 1))", tasks[i].head);
  }
  EXPECT(0, "grep -Eq '^1.-?[0-9]+\\.[0-9]{3}$' s");                        /* a number, of stsb */
  EXPECT(0, "mkdir -p mnli && printf 'sentence1\\tsentence2\\tgold_label\\nw7\\tw8\\tneutral\\n' | tee mnli/train.tsv mnli/dev_matched.tsv > mnli/dev_mismatched.tsv; echo 'w9\tw10\tneutral' >> mnli/dev_mismatched.tsv");
  EXPECT(0, "$L train --task mnli --model tiny --train mnli --test mnli --max-len 20 --out l " QUICK);
  CHECK(holds("out", "dev: 1 texts") && holds("out", "test: 2 texts"));
}

/* What is damaged is counted, said, and never learned from. */
TEST(damaged_examples_are_said) {
  static const struct { const char *task, *good, *bad, *says; } cases[] = {
    { "choice", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":2}", "\"2\" is none of the 2 choices" },
    { "choice", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"answer\":\"w10\"}", "\"w10\" is none of the 2 choices" },
    { "choice", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}", "{\"text\":\"w7\",\"choices\":[\"w8\"],\"label\":0}", "has 1 choices" },
    { "choice", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}", "{\"text\":\"w7\",\"label\":0}", "has 0 choices" },
    { "choice", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}", "{\"text\":\"w7\",\"choices\":[\"w8\",\"\",\"w9\"],\"label\":0}", "choice 1 of 3 is empty" },
    { "choice", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"]}", "no answer" },
    { "chid", "{\"content\":\"w7 #idiom#\",\"candidates\":[\"w8\",\"w9\"],\"answer\":1}", "{\"content\":\"w7 #idiom#\",\"candidates\":[\"w8\",\"w9\"]}", "no answer" },
    { "chid", "{\"content\":\"w7 #idiom#\",\"candidates\":[\"w8\",\"w9\"],\"answer\":1}", "{\"content\":\"w7\",\"candidates\":[\"w8\",\"w9\"],\"answer\":1}", "no text with a blank" },
    { "chid", "{\"content\":\"w7 #idiom#\",\"candidates\":[\"w8\",\"w9\"],\"answer\":1}", "{\"content\":\"w7 #idiom#\",\"answer\":1}", "has 0 choices" },
    { "ocnli", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"neutral\"}", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"entailmnt\"}", "\"entailmnt\" is none of neutral" },
    { "ocnli", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"neutral\"}", "{\"sentence1\":\"w7\",\"label\":\"neutral\"}", "no member \"sentence2\"" },
    { "ocnli", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"neutral\"}", "{\"sentence1\":\"\",\"sentence2\":\"w8\",\"label\":\"neutral\"}", "no text" },
    { "c3", "[[\"w7\"],[{\"question\":\"w9\",\"choice\":[\"w8\",\"w10\"],\"answer\":\"w10\"}],\"1\"]", "[[\"w7\"],[{\"question\":\"w9\",\"choice\":[\"w8\",\"w10\"],\"answer\":\"w11\"}],\"2\"]", "\"w11\" is none of the 2 choices" },
    { "c3", "[[\"w7\"],[{\"question\":\"w9\",\"choice\":[\"w8\",\"w10\"],\"answer\":\"w10\"}],\"1\"]", "[[\"w7\"],[{\"question\":\"w9\",\"answer\":\"w10\"}],\"2\"]", "has 0 choices" },
    { "chid", "{\"content\":\"w7 #idiom#\",\"candidates\":[\"w8\",\"w9\"],\"answer\":1}", "{\"content\":\"w7 #idiom#\",\"candidates\":[\"w8\",\"w9\"],\"answer\":2}", "\"2\" is none of the 2 choices" },
    { "wsc", "{\"text\":\"w7 w8\",\"target\":{\"span1_text\":\"w7\",\"span1_index\":0,\"span2_text\":\"w8\",\"span2_index\":1},\"label\":\"true\"}", "{\"text\":\"w7 w8\",\"target\":{\"span1_text\":\"w7\",\"span1_index\":0,\"span2_text\":\"w8\",\"span2_index\":1},\"label\":1}", "\"1\" is none of true|false" },
    { "afqmc", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"1\"}", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"2\"}", "\"2\" is none of 0|1" },
    { "conll", "{\"tokens\":[\"w7\",\"w8\"],\"tags\":[\"O\",\"B-x\"]}", "{\"tokens\":[\"w7\",\"w8\"],\"tags\":[\"O\"]}", "a tag for each token" },
    { "stsb", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"score\":4.5}", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"score\":\"much\"}", "\"much\" is not a number" } };
  size_t i;
  NEED_TINY();
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(put_file("good", cases[i].good) && put_file("bad", cases[i].bad));
    EXPECT(0, "for i in 1 2 3; do cat good; echo; done > few.json; cat bad >> few.json; for i in $(seq 120); do cat good; echo; done > many.json; cat bad >> many.json");
    EXPECT(1, "$L train --task %s --model tiny --train few.json --max-len 20 --out l " QUICK, cases[i].task);
    CHECK(one_error_line() && holds("err", "1 of 4 examples are damaged; line 4: ") && holds("err", cases[i].says));
    EXPECT(0, "$L train --task %s --model tiny --train few.json --skip-bad --max-len 20 --out l " QUICK, cases[i].task);
    CHECK(holds("err", "1 of 4 examples are damaged and left out; line 4: ") && holds("err", cases[i].says) && (holds("out", "train: 3 texts") || holds("out", "train: 3 questions")));
    EXPECT(0, "$L train --task %s --model tiny --train many.json --max-len 20 --out l " QUICK, cases[i].task);
    CHECK(holds("err", "1 of 121 examples are damaged and left out; line 121: ") && (holds("out", "train: 120 texts") || holds("out", "train: 120 questions")));
  }
  CHECK(put_file("short.tsv", "index\tsentence1\tsentence2\tlabel\n0\tw7\tw8\tentailment\n1\tw7\tentailment\n"));
  EXPECT(1, "$L train --task rte --model tiny --train short.tsv --out l " QUICK);
  CHECK(holds("err", "line 3: it has 3 columns and not the 4 of the first line"));
  CHECK(put_file("drop.json", "{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"neutral\"}\n{\"sentence1\":\"w7\",\"sentence2\":\"w8\",\"label\":\"-\"}\n"));
  EXPECT(0, "$L train --task cmnli --model tiny --train drop.json --max-len 20 --out l " QUICK);
  CHECK(holds("err", "1 of 2 examples have no label") && holds("out", "train: 1 texts"));
  CHECK(put_file("answerless.json", "{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"]}\n{\"text\":\"w7\",\"choices\":[\"w8\"]}\n"));
  EXPECT(0, "for i in 1 2 3; do cat good; echo; done > g.json; echo '{\"text\":\"w7\",\"choices\":[\"w8\",\"w9\"],\"label\":1}' > c.json; $L train --task choice --model tiny --train c.json --max-len 20 --out l " QUICK);
  EXPECT(1, "$L predict --model tiny --ladder l answerless.json");           /* an answer for every question, or none */
  CHECK(holds("err", "line 2") && holds("err", "has 1 choices"));
  EXPECT(1, "$L predict --model tiny --ladder l --submission s c.json");
  CHECK(holds("err", "--submission"));
  EXPECT(1, "printf 'w7\\tw8\\n' > none.tsv; $L train --task ocnli --model tiny --train none.tsv --out l " QUICK);
  CHECK(holds("err", "has to name the columns"));
}

/* Entities count by their places in the text: what no token says is missed, what crosses is for --head pointer, and the
   blank with which many tokens begin is in none. */
TEST(entities_are_scored_by_their_places) {
  static const char spaced[] = "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0,\"\xe2\x96\x81w7\":1,\"\xe2\x96\x81w8\":2,\"\xe2\x96\x81w9\":3},\"unk_token\":\"<unk>\"},"
    "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"always\",\"split\":true}}";
  NEED_TINY();
  CHECK(put_file("cross.json", "{\"text\":\"w7 w8 w9 w10\",\"label\":{\"a\":{\"w7 w8\":[[0,4]],\"w7 w8 w9\":[[0,7]]},\"b\":{\"w8 w9\":[[3,7]]}}}\n"
    "{\"text\":\"w11 w9\",\"label\":{\"b\":{\"w9\":[[4,5]]}}}\n"));
  EXPECT(0, "$L train --task cluener --head pointer --model tiny --train cross.json --dev cross.json --max-len 20 --out crossing --recipe plain --epochs 150 --batch 2 --lr 1e-2 --seed 1 --method full");
  CHECK(!holds("err", "entities are"));
  EXPECT(0, "$L predict --model tiny --ladder crossing cross.json | head -n 1 | grep -qF '{\"entities\":[{\"type\":\"a\",\"start\":0,\"end\":5,\"text\":\"w7 w8\"},{\"type\":\"a\",\"start\":0,\"end\":8,\"text\":\"w7 w8 w9\"},"
            "{\"type\":\"b\",\"start\":3,\"end\":8,\"text\":\"w8 w9\"}]}'");
  EXPECT(0, "$L eval --model tiny --ladder crossing --data cross.json --json | grep -q '\"value\":1,'");
  EXPECT(0, "$L train --task cluener --model tiny --train cross.json --max-len 20 --out tags --recipe plain --epochs 100 --batch 2 --lr 1e-2 --seed 1 --method full");
  CHECK(holds("err", "2 entities are not learned: a token of theirs is another's"));
  EXPECT(0, "$L eval --model tiny --ladder tags --data cross.json --json | grep -q '\"value\":0.66666'");      /* 2 of 4 are found */
  CHECK(holds("err", "2 entities are counted as missed: a token of theirs is another's"));
  CHECK(put_file("far.json", "{\"text\":\"w11 w9 w7 w7 w7 w9\",\"label\":{\"b\":{\"w9\":[[4,5],[16,17]],\"w7 w9\":[[13,17]],\"9\":[[5,5]]}}}\n"));
  EXPECT(0, "$L eval --model tiny --ladder tags --data far.json --max-len 7");
  CHECK(holds("err", "2 entities are counted as missed: they reach behind the cut") && holds("err", "1 entities are counted as missed: they begin or end inside a token"));
  EXPECT(0, "rm -rf spaced && mkdir spaced && cp tiny/config.json tiny/model.safetensors spaced");
  CHECK(put_file("spaced/tokenizer.json", spaced));
  CHECK(put_file("blank.json", "{\"text\":\"w7 w8 w9\",\"label\":{\"a\":{\"w8\":[[3,4]]}}}\n{\"text\":\"w9 w7\",\"label\":{}}\n"));
  EXPECT(0, "echo '\"w7 w8\"' | $L tokenize --json --tokenizer spaced | grep -qF '[2,5]'");
  EXPECT(0, "$L train --task cluener --model spaced --train blank.json --dev blank.json --max-len 20 --out s --recipe plain --epochs 60 --batch 2 --lr 1e-2 --seed 1 --method full");
  EXPECT(0, "$L predict --model spaced --ladder s blank.json | grep -qF '{\"entities\":[{\"type\":\"a\",\"start\":3,\"end\":5,\"text\":\"w8\"}]}'");
  EXPECT(0, "$L eval --model spaced --ladder s --data blank.json --json | grep -q '\"value\":1,'");
}

/* The same of files whose damage is not an example's own. */
TEST(damaged_files_are_said) {
  static const char blanks[] = "{\"content\":[\"w7 #idiom000001# w8 #idiom000002# w9\"],\"candidates\":[\"w20\",\"w21\"]}\n";
  NEED_TINY();
  /* answers in a file beside: one of them none of the candidates, one missing, no file of answers */
  CHECK(put_file("b.json", blanks) && put_file("b_answer.json", "{\"#idiom000001#\": 1, \"#idiom000002#\": 2}"));
  EXPECT(0, "$L train --task chid --model tiny --train b.json --skip-bad --max-len 24 --out l " QUICK);
  CHECK(holds("err", "1 of 2 examples are damaged and left out") && holds("err", "\"2\" is none of the 2 choices") && holds("out", "train: 1 questions"));
  EXPECT(0, "echo '{\"#idiom000002#\": 0}' > b_answer.json; $L train --task chid --model tiny --train b.json --skip-bad --max-len 24 --out l " QUICK);
  CHECK(holds("err", "1 of 2 examples are damaged and left out") && holds("err", "no answer"));
  EXPECT(1, "echo '[1,0]' > b_answer.json; $L train --task chid --model tiny --train b.json --skip-bad --max-len 24 --out l " QUICK);
  CHECK(one_error_line() && holds("err", "is no object"));
  /* a blank whose own candidates are missing */
  CHECK(put_file("own.json", "{\"content\":\"w7 #idiom# w8 #idiom# w9\",\"groundTruth\":[\"w21\",\"w20\"],\"candidates\":[[\"w20\",\"w21\"]]}\n"));
  EXPECT(0, "$L train --task chid --model tiny --train own.json --skip-bad --max-len 24 --out l " QUICK);
  CHECK(holds("err", "1 of 2 examples are damaged and left out") && holds("err", "has 0 choices"));
  /* entities over each other, and a kind that training never saw */
  CHECK(put_file("e.json", "{\"text\":\"w7 w8 w9 w10\",\"label\":{\"a\":{\"w7 w8\":[[0,4]]},\"b\":{\"w8 w9\":[[3,7]]}}}\n{\"text\":\"w7\",\"label\":{\"b\":{\"w7\":[[0,1]]}}}\n"));
  EXPECT(0, "$L train --task cluener --model tiny --train e.json --max-len 20 --out l " QUICK);
  CHECK(holds("err", "1 entities are not learned: a token of theirs is another's"));
  EXPECT(0, "echo '{\"text\":\"w7\",\"label\":{\"c\":{\"w7\":[[0,1]]}}}' > c.json; $L eval --model tiny --ladder l --data c.json");
  CHECK(holds("err", "1 entities are counted as missed: training had none of their type; the first is a \"c\""));
  EXPECT(1, "echo '{\"tokens\":[\"w7\"],\"tags\":[\"3\"]}' > t.jsonl; $L train --task conll --model tiny --train t.jsonl --out k " QUICK);
  CHECK(one_error_line() && holds("err", "line 1: the last column is a tag"));
  EXPECT(1, "echo '{\"tokens\":[\"w7\",\"w8\"],\"ner_tags\":[0,3]}' > t.jsonl; $L train --task conll --model tiny --train t.jsonl --out k " QUICK);
  CHECK(holds("err", "its tags are numbers"));
  EXPECT(1, "printf 'g\\0o\\0\\t\\0a\\0\\n\\0' > u.tsv; $L train --model tiny --train u.tsv --out k " QUICK);
  CHECK(one_error_line() && holds("err", "line 1") && holds("err", "utf-16"));
  EXPECT(1, "$L train --task c3 --model tiny --train nowhere.json --dev nowhere.json --answers a --out k " QUICK);
  CHECK(holds("err", "--answers: is for tasks with one label a text"));
  /* a class that training never saw counts as wrong, and is said */
  EXPECT(0, "printf '{\"sentence\":\"w7\",\"label\":\"1\"}\\n{\"sentence\":\"w8\",\"label\":\"2\"}\\n' > t.json; $L train --task tnews --model tiny --train t.json --max-len 20 --out l " QUICK);
  EXPECT(0, "cp t.json d.json; echo '{\"sentence\":\"w7\",\"label\":\"3\"}' >> d.json; $L eval --model tiny --ladder l --data d.json");
  CHECK(holds("err", "1 of 3 examples have labels that training never saw (\"3\")"));
  /* questions: an answer behind the end of its text, and one that is not there */
  CHECK(put_file("q.json", "{\"data\":[{\"paragraphs\":[{\"context\":\"w7 w8\",\"qas\":[{\"id\":\"1\",\"question\":\"w9\",\"answers\":[{\"text\":\"w8\",\"answer_start\":3}]},"
    "{\"id\":\"2\",\"question\":\"w9\",\"answers\":[{\"text\":\"w10\",\"answer_start\":0}]},{\"id\":\"3\",\"question\":\"w9\",\"answers\":[{\"text\":\"w7\",\"answer_start\":99}]}]}]}]}"));
  EXPECT(1, "$L train --task squad --model tiny --train q.json --max-len 20 --out l " QUICK);
  CHECK(one_error_line() && holds("err", "1 of 3 questions have no answer at its place") && holds("err", "\"w10\""));
  EXPECT(0, "$L train --task squad --model tiny --train q.json --skip-bad --max-len 20 --out l " QUICK);
  CHECK(holds("err", "1 of 3 answers are not where they are said to be, but at one other place") && holds("err", "1 questions left out") && holds("out", "train: 2 windows"));
  /* nothing to be learned of an instruction */
  EXPECT(1, "echo '{\"prompt\":\"w7\",\"completion\":\"\"}' > i.json; $L train --task instruct --model tiny --train i.json --out l " QUICK);
  CHECK(one_error_line());
}

TEST(clue_files_of_answers) {
  NEED_TINY();
  CHECK(put_file("t.json", "{\"id\":3,\"sentence\":\"w7 w8\",\"label\":\"100\"}\n{\"id\":5,\"sentence\":\"w9\",\"label\":\"101\"}\n{\"sentence\":\"w9\",\"label\":\"101\"}\n"));
  EXPECT(0, "$L train --task tnews --model tiny --train t.json --max-len 20 --out l " QUICK " && $L predict --model tiny --ladder l --submission s t.json");
  EXPECT(0, "test $(grep -Ec '^\\{\"id\":[352],\"label\":\"10[01]\"\\}$' s) = 3 && sed -n 2p s | grep -q '\"id\":5,'");
  CHECK(put_file("e.json", "{\"id\":8,\"text\":\"w7 w8 w9 w7\",\"label\":{\"name\":{\"w7\":[[0,1],[9,10]]},\"place\":{\"w8 w9\":[[3,7]]}}}\n"));
  EXPECT(0, "$L train --task cluener --model tiny --train e.json --max-len 20 --out l --recipe plain --method full --lr 1e-2 --epochs 80 --seed 1 && $L predict --model tiny --ladder l --submission s e.json");
  CHECK(holds("s", "{\"id\":8,\"label\":{\"name\":{\"w7\":[[0,1],[9,10]]},\"place\":{\"w8 w9\":[[3,7]]}}}\n"));
}

/* ATIS as it is published: texts in one file, intents or the tags of their tokens in others. */
TEST(labels_in_a_file_beside) {
  NEED_TINY();
  EXPECT(0, "mkdir -p atis/train atis/dev; printf 'w7 w8\\nw9 w10 w11\\n' | tee atis/dev/seq.in > atis/train/seq.in; printf 'a\\nb\\n' | tee atis/dev/label > atis/train/label; printf 'O B-x\\nB-y I-y O\\n' | tee atis/dev/seq.out > atis/train/seq.out");
  EXPECT(0, "$L train --task atis --model tiny --train atis --max-len 20 --out l " QUICK);
  CHECK(holds("out", "train: 2 texts") && holds("out", "dev: 2 texts") && holds("out", "2 classes: a 1, b 1"));
  EXPECT(0, "$L train --task atis-slots --model tiny --train atis --max-len 20 --out l " QUICK);
  CHECK(holds("out", "entities: x, y"));
  EXPECT(0, "$L predict --model tiny --ladder l atis/dev/seq.in && test $(wc -l < out) = 2");
  EXPECT(1, "printf 'O\\nB-y I-y O\\n' > atis/train/seq.out; $L train --task atis-slots --model tiny --train atis --max-len 20 --out l " QUICK);
  CHECK(holds("err", "2 tokens and 1 tags"));
  EXPECT(1, "printf 'a\\n' > atis/train/label; $L train --task atis --model tiny --train atis --max-len 20 --out l " QUICK);
  CHECK(holds("err", "fewer lines"));
  EXPECT(1, "rm atis/train/label; $L train --task atis --model tiny --train atis --max-len 20 --out l " QUICK);
}

/* Without a task: pairs, numbers, several labels and tagged tokens are the same from TSV, CSV and JSON lines. */
TEST(general_forms_agree) {
  static const struct { const char *how, *tsv, *csv, *json; } forms[] = {
    { "", "a\tw7 w8\tw9\nb\tw10\tw11\n", "label,text,text2\na,w7 w8,w9\nb,\"w10\",w11\n", "{\"label\":\"a\",\"text\":\"w7 w8\",\"text2\":\"w9\"}\n{\"label\":\"b\",\"sentence1\":\"w10\",\"sentence2\":\"w11\"}\n" },
    { "--regress", "0.5\tw7 w8\n-2\tw10\n", "text,score\nw7 w8,0.5\nw10,-2\n", "[{\"label\":0.5,\"text\":\"w7 w8\"},{\"label\":\"-2\",\"text\":\"w10\"}]" },
    { "--multi", "a|b\tw7 w8\nb\tw10\n", "labels,text\na|b,w7 w8\nb,w10\n", "{\"label\":[\"a\",\"b\"],\"text\":\"w7 w8\"}\n{\"label\":[\"b\"],\"text\":\"w10\"}\n" },
    { "--task conll", "w7 B-x\nw8 I-x\n\nw9 O\nw10 B-y\n", NULL, "{\"tokens\":[\"w7\",\"w8\"],\"tags\":[\"B-x\",\"I-x\"]}\n{\"tokens\":[\"w9\",\"w10\"],\"ner_tags\":[\"O\",\"S-y\"]}\n" } };
  size_t i;
  NEED_TINY();
  for (i = 0; i < sizeof forms / sizeof *forms; i++) {
    CHECK(put_file("t.tsv", forms[i].tsv) && put_file("t.csv", forms[i].csv ? forms[i].csv : "") && put_file("t.jsonl", forms[i].json));
    EXPECT(0, "$L train %s --model tiny --train t.tsv --max-len 20 --out l " QUICK, forms[i].how);
    EXPECT(0, "$L train %s --model tiny --train t.jsonl --max-len 20 --out k " QUICK " && cmp l k", forms[i].how);
    if (forms[i].csv) EXPECT(0, "$L train %s --model tiny --train t.csv --max-len 20 --out k " QUICK " && cmp l k", forms[i].how);
  }
  /* tokens to be answered have no tags yet */
  EXPECT(0, "printf 'w7\\nw8\\n\\nw9\\nw10\\n' >u.conll && cp t.tsv t.conll && $L predict --model tiny --ladder l u.conll >a && $L predict --model tiny --ladder l t.conll >b && cmp a b && test $(wc -l <a) = 2");
  EXPECT(0, "echo '{\"tokens\":[\"w7\",\"w8\"]}' | $L predict --json --model tiny --ladder l >b && head -n 1 a | cmp - b");
  EXPECT(1, "echo '{\"tokens\":[\"w7\",\"w8\"],\"tags\":[\"O\"]}' > t.jsonl; $L train --task conll --model tiny --train t.jsonl --out l " QUICK);
  CHECK(holds("err", "1 of 1 examples are damaged"));
}

/* Real files, in the forms in which they lie there, have as many examples as their publishers say. */
TEST(published_files_load) {
  static const struct { const char *task, *path; int examples; } files[] = {
    { "c3", "tasks/c3/c3-m-dev.json", 1991 }, { "c3", "tasks/c3/c3-d-test.json", 1890 }, { "chid", "tasks/fewclue/chid/test_public.json", 2002 },
    { "wsc", "tasks/fewclue/cluewsc/test_public.json", 976 }, { "eprstmt", "tasks/fewclue/eprstmt/test_public.json", 610 },
    { "cmnli", "tasks/fewclue/ocnli/test_public.json", 2520 }, { "rte", "tasks/glue/RTE/test.tsv", 1384 }, { "stsb", "tasks/glue/STS-B/dev.tsv", 1500 },
    { "atis", "tasks/atis/test/seq.in", 893 }, { "atis-slots", "tasks/atis/dev/seq.in", 500 } };
  char probe[LADDER_MAX_PATH], path[LADDER_MAX_PATH], says[64];
  size_t i, found = 0;
  NEED_TINY();
  for (i = 0; i < sizeof files / sizeof *files; i++) {
    if (!ldr_test_data_path(probe, sizeof probe, files[i].path) || !realpath(probe, path)) continue;
    found++;
    EXPECT(0, "$L train --task %s --model tiny --train '%s' --max-len 20 --batch 64 --stop-at 1 --out l " QUICK " || grep -q 'stopped after step 1' err", files[i].task, path);
    sprintf(says, "train: %d %s", files[i].examples, find_task(files[i].task)->head == LDR_HEAD_CHOICE ? "questions" : "texts");
    CHECK(holds("out", says));
  }
  if (!found) SKIP("no tasks (set LADDER_DATA to the data folder)");
}

/* The T5 of golden/t5 with a vocabulary that has the words of some tasks, and not those of rte. */
static int speaker_folder(void) {
  static const char *const pieces[] = { "<pad>", "</s>", "<unk>", "_", "_sst2", "_sentence:", "_negative", "_positive", "_stsb", "_sentence1:", "_sentence2:",
    "_mnli", "_hypothesis:", "_premise:", "_entailment", "_neutral", "_contradiction", "_a", "_b", "_c", "_d", "_0", "_1", "_2", "_3", "_4", "_5", ".0", ".2", ".4",
    ".6", ".8", "_e", "_f", "_g", "_h", "_i", "_j", "_k", "_l" };
  char golden[LADDER_MAX_PATH], model[LADDER_MAX_PATH], json[6000];
  size_t i;
  if (!ldr_test_golden_path(golden, sizeof golden, "t5/config.json") || !realpath(golden, model)) return 0;
  *strrchr(model, '/') = 0;
  strcpy(json, "{\"version\":\"1.0\",\"added_tokens\":[");
  for (i = 0; i < 3; i++)
    sprintf(json + strlen(json), "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}", i ? "," : "", (int)i, pieces[i]);
  strcat(json, "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\","
    "\"prepend_scheme\":\"always\",\"split\":true}]},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
    "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}],\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}},"
    "{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"special_tokens\":{\"</s>\":{\"id\":\"</s>\",\"ids\":[1],\"tokens\":[\"</s>\"]}}},"
    "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"always\",\"split\":true},\"model\":{\"type\":\"Unigram\",\"unk_id\":2,\"vocab\":[");
  for (i = 0; i < sizeof pieces / sizeof *pieces; i++)
    sprintf(json + strlen(json), "%s[\"%s%s\",%d]", i ? "," : "", pieces[i][0] == '_' ? "\\u2581" : "", pieces[i] + (pieces[i][0] == '_'), i < 3 ? 0 : -2);
  strcat(json, "],\"byte_fallback\":false}}");
  return shellf("mkdir -p speaker && cp '%s'/config.json '%s'/model.safetensors speaker", model, model) == 0 && put_file("speaker/tokenizer.json", json);
}

#define SAY "--recipe plain --method full --lr 1e-2 --epochs 80 --batch 8 --max-len 24 --seed 1"

/* Trained, scored and asked as words, with the metrics, answers and files of the task. */
TEST(tasks_are_answered_in_words) {
  char *text;
  NEED_PROGRAM();
  if (!speaker_folder()) SKIP("no golden/t5 (run from the tests folder)");
  CHECK(put_file("s.tsv", "sentence\tlabel\na b\t0\nc d\t1\ne\t0\nf g\t1\nh\t0\n"));
  EXPECT(0, "$L train --model speaker --task sst2 --head words --train s.tsv --dev s.tsv --out s.ladder --log log " SAY);
  CHECK(holds("out", "dev likelihood") && holds("out", "accuracy 1.0000 on dev") && holds("out", ", 0 answers are none of the words") && holds("log", "\"metric\":\"likelihood\""));
  EXPECT(0, "$L eval --model speaker --ladder s.ladder --data s.tsv");
  CHECK(holds("out", "accuracy 1.0000 on 5 examples, 0 answers are none of the words, majority class 0.6000\n"));
  EXPECT(0, "$L eval --model speaker --ladder s.ladder --data s.tsv --generate --beams 2 --answers said.jsonl --json");
  CHECK(holds("out", "{\"metric\":\"accuracy\",\"value\":1,\"examples\":5,\"unspoken\":0}\n"));
  CHECK(holds("said.jsonl", "{\"text\":\"negative\"}\n{\"text\":\"positive\"}\n{\"text\":\"negative\"}\n"));
  EXPECT(0, "printf 'index\\tsentence\\n5\\ta b\\n7\\tf g\\n' >test.tsv; $L predict --model speaker --ladder s.ladder --submission out.tsv test.tsv");
  text = slurp("out", NULL);
  CHECK_STR(text ? text : "", "{\"text\":\"negative\",\"label\":\"0\"}\n{\"text\":\"positive\",\"label\":\"1\"}\n");
  free(text);
  text = slurp("out.tsv", NULL);
  CHECK_STR(text ? text : "", "index\tprediction\n5\t0\n7\t1\n");
  free(text);
  /* lines, columns with labels, and JSON say the same */
  EXPECT(0, "printf 'a b\\nf g\\n' | $L predict --model speaker --ladder s.ladder >p; printf '0\\ta b\\n1\\tf g\\n' >l.txt; $L predict --model speaker --ladder s.ladder l.txt | cmp - p; "
            "printf '{\"sentence\":\"a b\"}\\n{\"sentence\":\"f g\"}\\n' | $L predict --model speaker --ladder s.ladder --json | cmp - p");
  EXPECT(0, "grep -c negative p");
  EXPECT(0, "$L predict --model speaker --ladder s.ladder s.tsv >p && test $(wc -l <p) = 5");
  EXPECT(0, "printf '\\n' | $L predict --model speaker --ladder s.ladder");                /* an empty text */
  /* a ladder, and with a test set in JSON lines */
  EXPECT(0, "printf '{\"sentence\":\"a b\",\"label\":0}\\n{\"sentence\":\"k\",\"label\":1}\\n' >t.jsonl; "
            "$L train --model speaker --task sst2 --head words --train s.tsv --dev s.tsv --test t.jsonl --out n.ladder --recipe plain --epochs 1 --max-len 24 --seed 1 --json");
  CHECK(holds("out", "{\"metric\":\"accuracy\",\"dev\":") && holds("out", "\"test\":") && holds("out", "\"unspoken\":{\"dev\":"));
  /* the model as it is: what it says is no answer */
  EXPECT(0, "$L eval --model speaker --task sst2 --data s.tsv --generate");
  CHECK(holds("out", "accuracy 0.0000 on 5 examples, 5 answers are none of the words"));
  EXPECT(0, "$L compare --model speaker --task sst2 --head words --train s.tsv --dev s.tsv --max-len 24 --epochs 1 --methods ladder,lora,prompt --json");
  CHECK(holds("out", "\"metric\":\"accuracy\"") && !holds("out", "\"error\":"));
}

/* Numbers, and a second text that comes first. */
TEST(numbers_and_pairs_are_answered_in_words) {
  NEED_PROGRAM();
  if (!speaker_folder()) SKIP("no golden/t5 (run from the tests folder)");
  CHECK(put_file("n.tsv", "index\tsentence1\tsentence2\tscore\n0\ta\tb\t0.1\n1\tc\td\t3.75\n2\te\tf\t5.0\n3\tg\th\t2.0\n"));
  EXPECT(0, "$L train --model speaker --task stsb --head words --train n.tsv --dev n.tsv --out n.ladder --epochs 150 " SAY);
  CHECK(holds("out", "correlation 0.99") && holds("out", ", 0 answers are no numbers"));
  EXPECT(0, "printf 'a\\tb\\nc\\td\\n' | $L predict --model speaker --ladder n.ladder");
  CHECK(holds("out", "{\"text\":\"0.0\",\"value\":0}\n{\"text\":\"3.8\",\"value\":3.7999"));
  EXPECT(0, "$L predict --model speaker --ladder n.ladder --submission sub n.tsv && grep -q '^1.3.800$' sub");
  EXPECT(1, "echo a | $L predict --model speaker --ladder n.ladder");
  CHECK(one_error_line() && holds("err", "no second text"));
  CHECK(put_file("m.jsonl", "{\"premise\":\"a\",\"hypothesis\":\"b\",\"label\":0}\n{\"premise\":\"b\",\"hypothesis\":\"a\",\"label\":2}\n{\"premise\":\"c\",\"hypothesis\":\"d\",\"label\":1}\n"));
  EXPECT(0, "$L train --model speaker --task mnli --head words --train m.jsonl --out m.ladder " SAY);
  EXPECT(0, "$L eval --model speaker --ladder m.ladder --data m.jsonl --json");
  CHECK(holds("out", "{\"metric\":\"accuracy\",\"value\":1,\"examples\":3,\"unspoken\":0}\n"));
  EXPECT(0, "tail -n 1 m.jsonl | $L predict --model speaker --ladder m.ladder --json");
  CHECK(holds("out", "{\"text\":\"neutral\",\"label\":\"neutral\"}\n"));
  /* what means nothing: null, said, and -1 in a file of answers */
  EXPECT(0, "printf 'stsb sentence1: a sentence2: b\\tneutral\\n' >q.tsv; $L train --model speaker --task seq2seq --train q.tsv --out q.ladder " SAY);
  EXPECT(0, "$L eval --model speaker --ladder q.ladder --task stsb --data n.tsv --json");
  CHECK(holds("out", "\"unspoken\":4}"));
  EXPECT(0, "$L predict --model speaker --ladder n.ladder n.tsv >p && $L predict --model speaker --ladder m.ladder --submission sub m.jsonl");
}

/* A GPT-2 of one stack answers in words, too: the text is its prompt, the word what comes next. */
TEST(decoders_answer_in_words) {
  static const char *const known[] = { "cola", "sentence:", "unacceptable", "acceptable" };
  tiny_spec s = tiny_default("gpt2");
  char config[1200], path[LADDER_MAX_PATH], words[2000] = "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"w5\",\"vocab\":{", *file;
  size_t size;
  int i;
  NEED_PROGRAM();
  EXPECT(0, "mkdir -p decoder");
  for (i = 0; i < s.vocab; i++) {
    if (i < 4) sprintf(words + strlen(words), "%s\"%s\":%d", i ? "," : "", known[i], i);
    else sprintf(words + strlen(words), ",\"w%d\":%d", i, i);
  }
  strcat(words, "}},\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"}}");
  tiny_config(config, &s);
  sprintf(config + strlen(config) - 1, ",\"eos_token_id\":30}");
  file = tiny_weights(&s, &size);
  full_path(path, "decoder/model.safetensors");
  CHECK(put_file("decoder/config.json", config) && put_file("decoder/tokenizer.json", words) && ldr_test_write(path, file, size));
  free(file);
  CHECK(put_file("c.jsonl", "{\"sentence\":\"w6 w7\",\"label\":0}\n{\"sentence\":\"w8\",\"label\":1}\n{\"sentence\":\"w9\",\"label\":1}\n"));
  EXPECT(0, "$L train --model decoder --task cola --head words --train c.jsonl --dev c.jsonl --out c.ladder " SAY);
  CHECK(holds("out", "matthews 1.0000 on dev") && holds("out", ", 0 answers are none of the words"));
  EXPECT(0, "printf 'w6 w7\\nw8\\n' | $L predict --model decoder --ladder c.ladder");
  CHECK(holds("out", "{\"text\":\"unacceptable\",\"label\":\"0\"}\n{\"text\":\"acceptable\",\"label\":\"1\"}\n"));
  EXPECT(0, "$L train --model decoder --task cola --head words --train c.jsonl --dev c.jsonl --out p.ladder --recipe plain --method prefix --lr 0.2 --epochs 80 --batch 8 --max-len 24 --seed 1");
  CHECK(holds("out", "matthews 1.0000 on dev"));
}

/* What cannot be is refused before anything is trained. */
TEST(words_that_cannot_be_said_are_refused) {
  static const struct { const char *how, *says; } bad[] = {
    { "--model speaker --task rte --train r.tsv", "do not say \"not_entailment\"" }, { "--model speaker --task c3 --train s.tsv", "--head" },
    { "--model speaker --train s.tsv", "--head" }, { "--model tiny --task sst2 --train s.tsv", "a decoder with its language-model head" },
    { "--model speaker --task sst2 --train bad.tsv", "\"2\" is none of 0|1" } };
  size_t i;
  NEED_TINY();
  if (!speaker_folder()) SKIP("no golden/t5 (run from the tests folder)");
  CHECK(put_file("s.tsv", "sentence\tlabel\na b\t0\nc d\t1\n") && put_file("bad.tsv", "sentence\tlabel\na b\t2\n"));
  CHECK(put_file("r.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n"));
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    EXPECT(1, "$L train %s --head words --max-len 24 --epochs 1 --out x.ladder", bad[i].how);
    CHECK(one_error_line() && holds("err", bad[i].says));
    EXPECT(1, "test -e x.ladder");
  }
  EXPECT(2, "$L train --model speaker --task sst2 --head word --train s.tsv --out x.ladder");
  EXPECT(0, "$L train --model speaker --task sst2 --head words --train s.tsv --max-len 24 --epochs 1 --recipe plain --out w.ladder --seed 1");
  CHECK(holds("out", "accuracy not measured"));
  EXPECT(1, "$L predict --model speaker --ladder w.ladder --ladder w.ladder s.tsv");
  CHECK(one_error_line() && holds("err", "stands beside no other ladder"));
  EXPECT(1, "$L eval --model speaker --ladder w.ladder --data bad.tsv");
  CHECK(one_error_line() && holds("err", "none of 0|1"));
  EXPECT(1, "$L eval --model speaker --task rte --data r.tsv --generate");
  CHECK(one_error_line() && holds("err", "not_entailment"));
  EXPECT(1, "$L train --model speaker --task sst2 --train s.tsv --head words --max-len 24 --epochs 1 --baselines --dev s.tsv --out x.ladder");
  CHECK(one_error_line() && holds("err", "--baselines"));
  EXPECT(0, "$L tasks && grep -q 'mnli hypothesis: .. premise: .. -> entailment|neutral|contradiction' out && $L train --help");
  CHECK(holds("out", "tokens|pointer|crf|spans|answer|words"));
}

#define TESTS(X) X(assignments_are_the_best_ones) X(rows_of_tasks_are_whole) X(options_have_the_words_of_the_rows) X(cloze_windows_are_around_the_blank) X(words_of_tasks_are_whole) X(glue_as_words) X(words_are_scored_by_the_tasks_own_metric) X(tasks_are_listed) X(choices_have_many_forms) X(choices_are_named_and_counted) X(published_choices) X(cloze_forms_and_answers_without_repeats) \
  X(pronouns_are_marked) X(pronouns_by_words) X(glue_files_in_all_their_forms) X(damaged_examples_are_said) X(damaged_files_are_said) X(entities_are_scored_by_their_places) X(clue_files_of_answers) X(labels_in_a_file_beside) X(general_forms_agree) X(published_files_load) \
  X(tasks_are_answered_in_words) X(numbers_and_pairs_are_answered_in_words) X(decoders_answer_in_words) X(words_that_cannot_be_said_are_refused)

#else
#define TESTS(X) X(assignments_are_the_best_ones) X(rows_of_tasks_are_whole) X(options_have_the_words_of_the_rows) X(cloze_windows_are_around_the_blank) X(words_of_tasks_are_whole) X(glue_as_words) X(words_are_scored_by_the_tasks_own_metric)
#endif

LDR_TEST_MAIN("tasks", TESTS)
