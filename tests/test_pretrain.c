/* ladder vocabulary, pretrain and export, run as a user runs them on a small made-up language: from plain text to a model directory,
   to a ladder reserved beside it, to a task. */
#define _XOPEN_SOURCE 700
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"

#if defined(__unix__) || defined(__APPLE__)

#include "ldr_shell.h"

/* Sentences "SUBJECT VERB OBJECT PLACE": animals eat, people read; each verb wants its own objects. So a masked word can be told from
   its neighbours, and a task from the words. */
static const char *const subjects[2][4] = { { "fox", "cat", "owl", "dog" }, { "teacher", "doctor", "sailor", "painter" } };
static const char *const objects[2][4] = { { "mouse", "fish", "bread", "bone" }, { "letter", "book", "paper", "map" } };
static const char *const places[4] = { "here", "outside", "upstairs", "nearby" };

static size_t put_sentence(char *out, size_t room, uint64_t key, uint64_t i, int *kind) {
  int k = (int)ldr__random_below(key, 8 * i, 2), n;
  *kind = k;
  n = snprintf(out, room, "The %s %s the %s %s.", subjects[k][ldr__random_below(key, 8 * i + 1, 4)], k ? "reads" : "eats", objects[k][ldr__random_below(key, 8 * i + 2, 4)], places[ldr__random_below(key, 8 * i + 3, 4)]);
  return n > 0 ? (size_t)n : 0;
}

/* `lines` sentences, eight a line; labelled: one a line with its class in front. */
static int put_texts(const char *name, uint64_t key, int lines, int labelled) {
  size_t room = (size_t)lines * 400 + 1, used = 0;
  char *out = (char *)malloc(room), sentence[128];
  int i, k, kind, ok;
  if (!out) return 0;
  out[0] = 0;
  for (i = 0; i < lines; i++) {
    for (k = 0; k < (labelled ? 1 : 8); k++) {
      put_sentence(sentence, sizeof sentence, key, (uint64_t)i * 8u + (uint64_t)k, &kind);
      used += (size_t)snprintf(out + used, room - used, labelled ? "%s\t%s" : "%.0s%s ", kind ? "people" : "animals", sentence);
    }
    used += (size_t)snprintf(out + used, room - used, "\n");
  }
  ok = put_bytes(name, out, used);
  free(out);
  return ok;
}

static int ready(void) {
  static int made;
  if (!shell_ready()) return 0;
  if (!made) made = put_texts("a.txt", 1, 150, 0) && put_texts("b.txt", 2, 60, 0) && put_texts("held.txt", 3, 40, 0) && put_texts("train.tsv", 4, 60, 1) && put_texts("dev.tsv", 5, 40, 1) ? 1 : -1;
  CHECK_INT(made, 1);
  return 1;
}

#define NEED_TEXTS() do { if (!ready()) SKIP("no command line program (make -C tools, or set LADDER_CLI)"); } while (0)
#define SMALL "--texts a.txt,b.txt --vocab vocab.txt --layers 2 --width 32 --heads 2 --max-len 24 --batch 8 --lr 3e-3 --threads 1 --seed 3"

/* The number after the last `mark` on standard output. */
static double last_number(const char *mark) {
  char *out = slurp("out", NULL), *at = out, *found = NULL;
  double v = -1;
  while (at && (at = strstr(at, mark)) != NULL) found = at += strlen(mark);
  if (found) v = strtod(found, NULL);
  free(out);
  return v;
}

static int make_vocabulary(void) { return shellf("test -f vocab.txt || $L vocabulary --texts a.txt,b.txt --size 130 --out vocab.txt"); }

/* The base model of the other tests, made by the first that asks. */
static int make_base(void) { return make_vocabulary() || shellf("test -f base/model.safetensors || $L pretrain " SMALL " --warm-start --steps 400 --held-out held.txt --out base"); }

TEST(from_plain_text_to_a_model) {
  double start, end;
  NEED_TEXTS();
  EXPECT(0, "$L vocabulary --texts a.txt,b.txt --size 130 --out vocab.txt");
  CHECK(holds("vocab.txt", "[MASK]\n") && holds("vocab.txt", "teacher\n") && holds("vocab.txt", "outside\n"));
  EXPECT(0, "$L pretrain " SMALL " --steps 1 --held-out held.txt --out first");
  start = last_number("held-out loss ");
  CHECK(start > 3 && start < 7);                         /* about log of the vocabulary */
  EXPECT(0, "$L pretrain " SMALL " --warm-start --steps 400 --held-out held.txt --out base");
  end = last_number("held-out loss ");
  CHECK(end > 0 && end < 0.6 * start);
  CHECK(last_number("accuracy ") > 0.4);
  CHECK(holds("base/config.json", "\"BertForMaskedLM\"") && holds("base/tokenizer_config.json", "do_lower_case"));
  EXPECT(0, "cmp base/vocab.txt vocab.txt");
  EXPECT(0, "$L inspect base/model.safetensors");        /* the names PyTorch users expect */
  CHECK(holds("out", "bert.embeddings.word_embeddings.weight") && holds("out", "cls.predictions.transform.dense.weight") && holds("out", "bert.encoder.layer.1.attention.self.query.weight"));
  EXPECT(0, "echo 'The fox eats the mouse.' | $L features --model base --pool mean");
  CHECK(holds("out", "\"vector\":["));
}

/* The same bits again, in other words: no thread count, stop or resumption can be seen in the weights. */
TEST(runs_that_stop_go_on_with_the_same_bits) {
  NEED_TEXTS();
  CHECK_INT(make_vocabulary(), 0);
  EXPECT(0, "$L pretrain " SMALL " --warm-start --steps 20 --log whole.log --out whole");
  EXPECT(0, "$L pretrain " SMALL " --warm-start --steps 20 --threads 2 --out twice");
  CHECK(same_files("whole/model.safetensors", "twice/model.safetensors"));
  EXPECT(1, "$L pretrain " SMALL " --warm-start --steps 20 --checkpoint half.ckpt --stop-at 7 --out half");
  {                                                  /* what it began with is asked for again, wherever it lies */
    static const char *const others[][2] = { { "--texts a.txt", "another --texts" }, { "--texts b.txt,a.txt", "another --texts" }, { "--max-len 20", "another --max-len" },
      { "--whole-words", "another --whole-words" }, { "--word-list vocab.txt", "another --word-list" }, { "--layers 3", "--layers is 2 in the saved run's model, and not 3" },
      { "--width 64", "--width is 32" }, { "--out elsewhere", "elsewhere: the model that the stopped run began is not there" } };
    size_t i;
    for (i = 0; i < sizeof others / sizeof *others; i++) {
      EXPECT(1, "$L pretrain " SMALL " --steps 20 --resume half.ckpt --out half %s", others[i][0]);
      CHECK(one_error_line() && holds("err", others[i][1]));
    }
    EXPECT(0, "mkdir -p moved && cp a.txt b.txt moved");
  }
  EXPECT(0, "$L pretrain " SMALL " --texts moved/a.txt,moved/b.txt --steps 20 --resume half.ckpt --out half");
  CHECK(same_files("whole/model.safetensors", "half/model.safetensors"));
  CHECK(holds("whole.log", "\"step\":20"));
  EXPECT(0, "$L pretrain " SMALL " --warm-start --steps 20 --seed 4 --out other");
  CHECK(!same_files("whole/model.safetensors", "other/model.safetensors"));
}

TEST(masked_words_may_be_whole_words) {
  NEED_TEXTS();
  EXPECT(0, "$L vocabulary --texts a.txt,b.txt --size 90 --out short.txt && grep -q '##' short.txt");
  EXPECT(0, "$L pretrain " SMALL " --vocab short.txt --whole-words --steps 10 --out words && $L pretrain " SMALL " --vocab short.txt --steps 10 --out pieces");
  CHECK(!same_files("words/model.safetensors", "pieces/model.safetensors"));
  EXPECT(0, "printf 'the fox\\nthe mouse\\n' >list.txt; $L pretrain " SMALL " --vocab short.txt --word-list list.txt --steps 10 --out listed");
  CHECK(!same_files("words/model.safetensors", "listed/model.safetensors") && !same_files("pieces/model.safetensors", "listed/model.safetensors"));
}

TEST(pretraining_goes_on_from_a_model) {
  double before, after;
  NEED_TEXTS();
  CHECK_INT(make_base(), 0);
  EXPECT(0, "$L pretrain --model base --texts a.txt --held-out held.txt --max-len 24 --batch 8 --lr 1e-6 --steps 1 --threads 1 --out same");
  before = last_number("held-out loss ");
  EXPECT(0, "$L pretrain --model base --texts a.txt --held-out held.txt --max-len 24 --batch 8 --lr 2e-3 --steps 40 --threads 1 --out on --type f16");
  after = last_number("held-out loss ");
  CHECK(before > 0 && after > 0 && after < before);
  EXPECT(0, "$L inspect on/model.safetensors");
  CHECK(holds("out", "F16"));
  CHECK(same_files("on/config.json", "base/config.json"));
}

TEST(a_reserved_ladder_is_where_training_starts) {
  NEED_TEXTS();
  CHECK_INT(make_base(), 0);
  EXPECT(0, "$L pretrain --model base --method ladder --texts a.txt,b.txt --held-out held.txt --max-len 24 --batch 8 --steps 30 --threads 1 --out base/ladder.safetensors");
  CHECK(last_number("held-out loss ") > 0);
  EXPECT(0, "$L train --model base --init reserved --train train.tsv --dev dev.tsv --epochs 8 --batch 8 --lr 3e-3 --threads 1 --seed 1 --out reserved.ladder --json");
  CHECK(last_number("\"dev\":") > 0.9);
  EXPECT(0, "$L train --model base --train train.tsv --dev dev.tsv --epochs 8 --batch 8 --threads 1 --seed 1 --out plain.ladder --json");
  CHECK(last_number("\"dev\":") > 0.9 && !same_files("reserved.ladder", "plain.ladder"));      /* it is used when asked for */
  EXPECT(0, "$L train --model base --preset sliced --init slice --train train.tsv --dev dev.tsv --epochs 8 --batch 8 --lr 3e-3 --threads 1 --seed 1 --out sliced.ladder --json");
  CHECK(!same_files("reserved.ladder", "sliced.ladder"));
  EXPECT(0, "echo 'The owl eats the bone nearby.' | $L predict --model base --ladder reserved.ladder");
  CHECK(holds("out", "{\"label\":\"animals\""));
  EXPECT(0, "$L pretrain --model base --method ladder --distil --texts a.txt,b.txt --held-out held.txt --max-len 24 --batch 8 --steps 30 --threads 1 --out distilled.safetensors");
  CHECK(last_number("held-out loss ") > 0 && !same_files("distilled.safetensors", "base/ladder.safetensors"));
  EXPECT(1, "$L train --model first-without --init reserved --train train.tsv --out x.ladder");
  CHECK(one_error_line());
  EXPECT(0, "cp -r base bare && rm bare/ladder.safetensors");
  EXPECT(1, "$L train --model bare --init reserved --train train.tsv --dev dev.tsv --epochs 1 --out x.ladder");
  CHECK(one_error_line() && holds("err", "ladder.safetensors"));
}

TEST(a_ladder_may_grow_up_with_its_model) {
  double ladder, model;
  NEED_TEXTS();
  CHECK_INT(make_vocabulary(), 0);
  EXPECT(0, "$L pretrain " SMALL " --warm-start --steps 200 --held-out held.txt --out both --with-ladder both/ladder.safetensors");
  ladder = last_number("held-out loss of the ladder ");
  model = last_number("held-out loss ");
  CHECK(ladder > 0 && ladder < 4 && model > 0 && model < 4);
  EXPECT(0, "$L pretrain " SMALL " --warm-start --steps 200 --out alone && cmp alone/model.safetensors both/model.safetensors");     /* it does not notice */
  EXPECT(0, "$L train --model both --train train.tsv --dev dev.tsv --epochs 8 --batch 8 --lr 3e-3 --threads 1 --out grown.ladder --init reserved --json");
  CHECK(last_number("\"dev\":") > 0.9);
  EXPECT(1, "$L pretrain " SMALL " --steps 2 --out cut --with-ladder cut/ladder.safetensors --stop-at 1");
  CHECK(one_error_line());
  EXPECT(1, "$L pretrain " SMALL " --steps 2 --out cut2 --with-ladder nowhere/ladder.safetensors");
  CHECK(one_error_line() && holds("err", "nowhere"));
}

static int make_sentinels(void) { return shellf("test -f blanks.json || $L vocabulary --texts a.txt,b.txt --size 150 --sentinels 20 --out blanks.json"); }

#define SPANS "--texts a.txt,b.txt --layers 1 --width 32 --heads 2 --max-len 40 --batch 8 --lr 1e-2 --threads 1 --seed 3"

/* Two stacks learn to tell what was cut out of a text, stop and go on with the same bits, and are where a ladder and pairs of texts start. */
TEST(two_stacks_learn_spans) {
  double start, end;
  NEED_TEXTS();
  CHECK_INT(make_sentinels(), 0);
  EXPECT(0, "$L pretrain " SPANS " --vocab blanks.json --steps 1 --held-out held.txt --out spans1");
  start = last_number("held-out loss ");
  CHECK(start > 4 && start < 9);
  EXPECT(0, "$L pretrain " SPANS " --vocab blanks.json --steps 150 --held-out held.txt --out spans");
  end = last_number("held-out loss ");
  CHECK(end > 0 && end < 0.5 * start);
  CHECK(holds("spans/config.json", "T5ForConditionalGeneration") && holds("spans/config.json", "\"vocab_size\": 1"));
  EXPECT(0, "cmp spans/tokenizer.json blanks.json && $L inspect spans/model.safetensors");
  CHECK(holds("out", "shared.weight") && holds("out", "decoder.block.0.layer.1.EncDecAttention.q.weight") && holds("out", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"));
  CHECK(!holds("out", "lm_head"));
  EXPECT(0, "$L pretrain " SPANS " --vocab blanks.json --steps 12 --out spans2 && $L pretrain " SPANS " --vocab blanks.json --steps 12 --threads 2 --out spans3 && cmp spans2/model.safetensors spans3/model.safetensors");
  EXPECT(1, "$L pretrain " SPANS " --vocab blanks.json --steps 12 --checkpoint spans.ckpt --stop-at 5 --out spans4");
  EXPECT(0, "$L pretrain " SPANS " --vocab blanks.json --steps 12 --resume spans.ckpt --out spans4 && cmp spans2/model.safetensors spans4/model.safetensors");
  EXPECT(0, "$L pretrain " SPANS " --vocab blanks.json --steps 12 --seed 4 --out spans5; ! cmp -s spans2/model.safetensors spans5/model.safetensors");
  EXPECT(0, "$L pretrain --model spans --texts a.txt --held-out held.txt --max-len 40 --batch 8 --lr 1e-6 --steps 1 --threads 1 --out spans6");
  CHECK_NEAR(last_number("held-out loss "), end, 0.01);
  EXPECT(0, "$L pretrain --model spans --method ladder --texts a.txt --held-out held.txt --max-len 40 --batch 8 --steps 5 --threads 1 --out spans/ladder.safetensors");
  CHECK(last_number("held-out loss ") < end + 0.5);
  CHECK(put_file("said.tsv", "the fox\tan animal\nthe teacher\ta human\nthe owl\tan animal\nthe doctor\ta human\n"));
  EXPECT(0, "$L train --model spans --task seq2seq --train said.tsv --method full --lr 1e-2 --epochs 40 --threads 1 --seed 1 --out said.ladder && rm -rf said && $L export --model spans --ladder said.ladder --out said");
  EXPECT(0, "cut -f1 said.tsv | $L generate --model said --max-new 6 >said.plain; cut -f1 said.tsv | $L generate --model spans --ladder said.ladder --max-new 6 | cmp - said.plain");
  EXPECT(0, "rm -rf copy && $L export --model spans --out copy && cmp copy/model.safetensors spans/model.safetensors");
}

/* Where the tokenizer names no sentinels, ids without a piece stand for spans; where there are too few of either, that is said. */
TEST(spans_need_sentinels) {
  char data[LADDER_MAX_PATH];
  NEED_TEXTS();
  CHECK_INT(make_sentinels(), 0);
  EXPECT(0, "sed 's/<extra_id_/<other_/' blanks.json >unnamed.json && $L pretrain " SPANS " --vocab unnamed.json --steps 2 --out unnamed");
  CHECK(holds("unnamed/config.json", "\"vocab_size\": 2"));
  EXPECT(0, "$L pretrain --model unnamed --texts a.txt --max-len 40 --batch 2 --steps 1 --threads 1 --out unnamed2");
  EXPECT(0, "$L vocabulary --texts a.txt --size 120 --sentinels 2 --out two.json");
  EXPECT(1, "$L pretrain " SPANS " --vocab two.json --steps 2 --out few1");
  CHECK(one_error_line() && holds("err", "has 2 sentinels") && holds("err", "texts of 40 tokens need 3"));
  EXPECT(0, "$L pretrain " SPANS " --vocab two.json --max-len 20 --steps 1 --out few2");
  EXPECT(1, "$L pretrain --model unnamed --texts a.txt --max-len 2000 --batch 2 --steps 1 --threads 1 --out few3");
  CHECK(one_error_line() && holds("err", "has 100 sentinels"));
  if (!ldr_test_data_path(data, sizeof data, "models/hf/bart/config.json")) return;
  *strrchr(data, '/') = 0;
  EXPECT(1, "$L pretrain --model '%s' --texts a.txt --max-len 40 --batch 2 --steps 1 --threads 1 --out few4", data);
  CHECK(one_error_line() && holds("err", "has 0 sentinels"));
}

/* A model with what was learned inside it answers as the model and its ladder did. */
TEST(what_was_tuned_becomes_a_model) {
  static const char *const methods[] = { "full", "bitfit", "lora" };
  size_t i;
  NEED_TEXTS();
  CHECK_INT(make_base(), 0);
  for (i = 0; i < 3; i++) {
    EXPECT(0, "rm -rf merged; $L train --model base --method %s --train train.tsv --dev dev.tsv --epochs 1 --batch 8 --threads 1 --seed 1 --out tuned.ladder", methods[i]);
    EXPECT(0, "$L export --model base --ladder tuned.ladder --out merged");
    EXPECT(0, "cmp merged/config.json base/config.json && cmp merged/vocab.txt base/vocab.txt");
    EXPECT(0, "echo 'The owl eats the bone.' | $L features --model merged --pool cls >merged.json && echo 'The owl eats the bone.' | $L features --model base --pool cls >base.json");
    CHECK(!same_files("merged.json", "base.json"));
    EXPECT(1, "$L export --model base --ladder tuned.ladder --out merged");        /* never over a model that is there */
    CHECK(one_error_line());
  }
  EXPECT(0, "$L train --model base --method adapter --train train.tsv --epochs 1 --batch 8 --threads 1 --out adapter.ladder");
  EXPECT(1, "$L export --model base --ladder adapter.ladder --out nowhere");
  CHECK(one_error_line());
}

TEST(what_cannot_be_is_refused) {
  static const struct { int status; const char *arguments, *says; } rows[] = {
    { 1, "pretrain --texts a.txt --out new --steps 1", "--vocab" },
    { 1, "pretrain --texts a.txt --out new --steps 1 --vocab nowhere.txt", "nowhere.txt" },
    { 1, "pretrain --texts nowhere.txt --vocab vocab.txt --out new1 --steps 1", "nowhere.txt" },
    { 1, "pretrain --texts a.txt --held-out nowhere.txt --vocab vocab.txt --out new13 --steps 1", "nowhere.txt" },
    { 1, "pretrain --texts , --vocab vocab.txt --out new2 --steps 1", "no text file" },
    { 1, "pretrain --texts empty.txt --vocab vocab.txt --out new3 --steps 1", "not one word" },
    { 1, "pretrain --texts a.txt,. --vocab vocab.txt --out new4 --steps 9999", "cannot be read" },
    { 1, "pretrain --texts a.txt --vocab plain.txt --out new5 --steps 1", "[UNK]" },
    { 1, "pretrain --texts a.txt --vocab vocab.txt --out base --steps 1", "already" },
    { 1, "pretrain --texts a.txt --vocab vocab.txt --out new6 --width 30 --heads 4 --steps 1", "" },
    { 1, "pretrain --texts a.txt --vocab vocab.txt --out new7 --max-len 2 --steps 1", "--max-len" },
    { 1, "pretrain --texts a.txt --method ladder --out new.ladder --steps 1", "--model" },
    { 1, "pretrain --texts a.txt --model base --word-list nowhere.txt --out new11 --steps 1", "nowhere.txt" },
    { 1, "pretrain --texts a.txt --model base --word-list empty.txt --out new12 --steps 1", "two tokens" },
    { 1, "pretrain --texts a.txt --model base --distil --out new10 --steps 1", "--distil" },
    { 1, "pretrain --texts a.txt --model base --width 64 --out new8 --steps 1", "--width" },
    { 1, "pretrain --texts a.txt --model base --out new9 --steps 3 --resume nowhere.ckpt", "nowhere.ckpt" },
    { 1, "pretrain --texts a.txt --vocab blanks.json --warm-start --out new14 --steps 1", "--warm-start" },
    { 1, "pretrain --texts a.txt --vocab blanks.json --cased --out new15 --steps 1", "--cased" },
    { 1, "pretrain --texts a.txt --vocab blanks.json --whole-words --out new16 --steps 1", "spans" },
    { 1, "pretrain --texts a.txt --vocab blanks.json --word-list list.txt --out new17 --steps 1", "--word-list" },
    { 1, "pretrain --texts a.txt --vocab blanks.json --with-ladder new18/l --out new18 --steps 1", "two" },
    { 1, "pretrain --texts a.txt --vocab blanks.json --max-len 1 --out new19 --steps 1", "--max-len" },
    { 1, "pretrain --texts a.txt --vocab ends.json --out new20 --steps 1", "lacks </s>" },
    { 1, "vocabulary --texts a.txt --size 23 --sentinels 20 --out v.json", "23 special tokens" },
    { 1, "vocabulary --texts a.txt --size 25 --sentinels 20 --out v.json", "letters" },
    { 1, "vocabulary --texts a.txt --size 200 --sentinels 20 --out missing/v.json", "missing/v.json" },
    { 2, "vocabulary --texts a.txt --sentinels 0 --out v.json", "--sentinels" },
    { 2, "pretrain --texts a.txt", "--out" },
    { 2, "vocabulary --texts a.txt", "--out" },
    { 1, "vocabulary --texts nowhere.txt --out v.txt", "nowhere.txt" },
    { 1, "vocabulary --texts a.txt --size 200 --out missing/v.txt", "missing/v.txt" } };
  size_t i;
  NEED_TEXTS();
  CHECK_INT(make_base(), 0);
  CHECK_INT(make_sentinels(), 0);
  EXPECT(0, "sed 's/<.s>/<end>/g' blanks.json >ends.json");
  CHECK(put_file("empty.txt", "\n\n  \n") && put_file("plain.txt", "a\nb\n"));
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    EXPECT(rows[i].status, "$L %s", rows[i].arguments);
    if (!holds("err", rows[i].says)) printf("  %s\n", rows[i].arguments);
    CHECK(holds("err", rows[i].says));
    if (rows[i].status == 1) CHECK(one_error_line());
  }
}

#define TESTS(X) X(from_plain_text_to_a_model) X(runs_that_stop_go_on_with_the_same_bits) X(masked_words_may_be_whole_words) X(pretraining_goes_on_from_a_model) \
  X(a_reserved_ladder_is_where_training_starts) X(a_ladder_may_grow_up_with_its_model) X(what_was_tuned_becomes_a_model) X(two_stacks_learn_spans) X(spans_need_sentinels) X(what_cannot_be_is_refused)
#else
TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)
#endif
LDR_TEST_MAIN("pretrain", TESTS)
