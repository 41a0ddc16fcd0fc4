/* Files of tasks: any bytes are read as examples of every task, counted as damaged, or refused. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"
#include "../tools/tasks.h"

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static const char *const files[] = {
    "{\"id\":1,\"sentence1\":\"a b\",\"sentence2\":\"b\",\"label\":\"neutral\"}\n{\"sentence\":\"a\",\"label\":\"0\"}\n",
    "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n1\tb\ta\tnot_entailment\n",
    "a b\t1\nb\t0\n", "gj04\t1\t*\ta b\n",
    "{\"text\":\"a b a\",\"target\":{\"span1_text\":\"a\",\"span1_index\":0,\"span2_text\":\"b\",\"span2_index\":2},"
    "\"label\":\"true\"}\n",
    "[[[\"a\",\"b\"],[{\"question\":\"a\",\"choice\":[\"a\",\"b\"],\"answer\":\"b\",\"id\":3}],\"1-1\"]]",
    "{\"context\":\"a\",\"question\":{\"stem\":\"b\",\"choices\":[{\"label\":\"A\",\"text\":\"a\"},{\"label\":\"B\","
    "\"text\":\"b\"}]},\"answerKey\":\"B\"}\n",
    "sent1,sent2,ending0,ending1,label\na,b,\"a\",b,1\n",
    "{\"content\":[\"a #idiom000001# b #idiom000002#\"],\"candidates\":[\"a\",\"b\"],\"answers\":{\"candidate_id\":[1,0]}}\n",
    "{\"content\":\"a #idiom#\",\"candidates\":[[\"a\",\"b\"]],\"groundTruth\":[\"a\"],\"answer\":1}\n",
    "{\"text\":\"a b\",\"label\":{\"x\":{\"a\":[[0,0]]}}}\n", "a B-x\nb I-x\n\na O\n",
    "{\"tokens\":[\"a\",\"b\"],\"tags\":[\"B-x\",\"O\"]}\n", "a b\nb\n", "{\"prompt\":\"a\",\"completion\":\"b\"}\n",
    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n",
    "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],\"chosen\":[{\"role\":\"assistant\",\"content\":\"b\"}],\"rejected\":\"a\",\"completion\":\"b\"}\n",
    "{\"data\":[{\"paragraphs\":[{\"context\":\"a b\",\"qas\":[{\"id\":\"1\",\"question\":\"a?\",\"answers\":[{\"text\":\"b\",\"answer_start\":2}]}]}]}]}" };
  if (i >= (int)(sizeof files / sizeof *files)) return NULL;
  *n = strlen(files[i]);
  return (const unsigned char *)files[i];
}

/* Questions have a reader of their own. */
static void fuzz_questions(const unsigned char *data, size_t n, ldr_error *err) {
  question_reader s;
  questions q;
  memset(&s, 0, sizeof s);
  memset(&q, 0, sizeof q);
  s.q = &q;
  s.answered = 1;
  s.r.data = (const char *)data;
  s.r.size = n;
  if ((ldr__reader_utf8(&s.r, err) || read_question_bytes(&s, err)) && !err->message[0]) abort();
  free_questions(&q);
  ldr__reader_free(&s.r);
}

static void fuzz_one(const unsigned char *data, size_t n) {
  static ldr_tokenizer *t;
  static unsigned turn;
  static const char *const paths[] = { "x.json", "x.tsv", "x.csv", "x", "x.jsonl" };
  static const char words[] = "[UNK]\n[CLS]\n[SEP]\n[MASK]\n[unused1]\na\n##b\nb\n";
  static const char words_of_all[] = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}";
  const task_info *k = &task_table[turn % TASK_COUNT];
  task_info spoken = *k;
  item_list items;
  name_list names = { NULL, 0, 0 };
  ldr_status status;
  ldr_error err;
  rows s;
  memset(&err, 0, sizeof err);
  memset(&s, 0, sizeof s);
  memset(&items, 0, sizeof items);
  if (!t) t = ldr_tokenizer_load_memory(words, sizeof words - 1, NULL, NULL);
  if (reads_questions(k)) {
    turn++;
    fuzz_questions(data, n, &err);
    return;
  }
  if (find_spoken(k->name) && turn / TASK_COUNT % 2) {
    spoken.head = LDR_HEAD_WORDS;
    k = &spoken;
  }
  if (k->form == FORM_CHAT || takes_messages(k)) {
    jinja_open(&s.talk.j, words_of_all, sizeof words_of_all - 1, &err);
    s.talk.given = ldr_json_parse("{}", 2, NULL, &err);
  }
  s.task = k;
  s.r.tokenizer = t;
  s.r.data = (const char *)data;
  s.r.size = n;
  s.r.desc.head = k->head;
  s.r.desc.max_len = 24;
  s.skip_bad = 1;
  s.ends_text = -1;
  s.names = &names;
  s.beside = "a\nO B-x\nb\n";
  s.beside_size = 10;
  s.row_fn = row_labels;
  status = ldr__reader_utf8(&s.r, &err);
  if (!status && k->form != FORM_CHAT && !takes_messages(k)) status = read_task_bytes(&s, paths[turn / TASK_COUNT % 5], &err);
  s.r.desc.choices = LDR__MAX(2, s.most_choices);
  s.r.unlabelled = turn / TASK_COUNT / 5 % 4 == 3 && k->head == LDR_HEAD_CHOICE;
  s.row_fn = row_reader(k);
  s.items = &items;
  s.r.d = ldr_dataset_create(&s.r.desc, &err);
  if (!s.r.d) status = err.status;
  if (!status) status = read_task_bytes(&s, paths[turn / TASK_COUNT % 5], &err);
  if (status && !err.message[0]) abort();
  turn++;
  free_names(&names);
  free_items(&items);
  ldr_dataset_free(s.r.d);
  free_rows(&s);
}
