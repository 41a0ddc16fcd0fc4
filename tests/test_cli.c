/* The command line program, run as a user runs it: exit statuses, messages, files. */

#define _XOPEN_SOURCE 700
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#if defined(__unix__) || defined(__APPLE__)

#include "ldr_shell.h"

/* Standard output as one JSON value, or as the last of several lines; *text is for free(). */
static ldr_json *output_json(char **text) {
  size_t n, at;
  char *out = slurp("out", &n);
  *text = out;
  if (!out || n == 0) return NULL;
  for (at = n - 1; at > 0 && out[at - 1] != '\n'; at--) {}
  return ldr_json_parse(out + at, n - at, NULL, NULL);
}

static double json_member(const ldr_json *j, const char *key) { return ldr_json_number(j, ldr_json_get(j, 0, key), -12345); }

/* The folder of a model into a LADDER_MAX_PATH array, as a full path. */
static int model_folder(char *path, const char *name) {
  char file[LADDER_MAX_PATH], config[256];
  snprintf(config, sizeof config, "models/%s/config.json", name);
  if (!ldr_test_data_path(file, sizeof file, config) || !realpath(file, path)) return 0;
  *strrchr(path, '/') = 0;
  return 1;
}

#define NEED_MODEL(path, name) do { if (!model_folder((path), (name))) SKIP("no models/" name " (set LADDER_DATA to the data folder)"); } while (0)

/* LDR_TEST_SLOW says that this build has no optimiser: what would take minutes is skipped, by name. */
#define NEED_SPEED() do { if (getenv("LDR_TEST_SLOW")) SKIP("takes minutes in a build without an optimiser (LDR_TEST_SLOW is set)"); } while (0)

/* Forty texts whose class is told by one word, in an order that mixes the classes. */
static int write_texts(void) {
  static const char *const good[] = { "good", "great", "lovely", "fine", "superb" }, *const bad[] = { "bad", "awful", "terrible", "poor", "dreadful" };
  static const char *const things[] = { "film", "meal", "room", "book" };
  char text[4096];
  size_t used = 0;
  int i;
  for (i = 0; i < 40; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\ta %s %s\n", i % 2 ? "plus" : "minus", (i % 2 ? good : bad)[i / 2 % 5], things[i / 2 % 4]);
  return put_file("train.tsv", text) && put_file("dev.tsv", text);
}

TEST(usage_errors) {
  static const char *const lines[] = {
    "frobnicate", "train", "train --frobnicate 3", "train --lr", "train --lr abc", "train --lr 0", "train --lr 1,5", "train --epochs 0", "train --epochs 2x",
    "train --epochs 99999999999", "train --seed -1", "train --method lora", "train --preset big", "train --rungs 1,,2", "train --rungs 1,", "train --json=1", "train -x",
    "train --model m --train t", "train --model m --train t --out o --task nothing", "train --model m --train t --out o --method head --preset clue", "train --model m --train t --out o --method full --successors 2", "train --model m --train t --out o --replace-until 0.5", "train --replace-rate 1.5",
    "train --replace-schedule cosine", "train --cache-type f16", "train --cache-fill both",
    "train --model m --train t --out o --cache-type int8", "train --model m --train t --out o --tap-type int8 --cache ram", "train --model m --train t --out o --tap-type bf16 --method lora", "train --tap-type f16", "train --model m --train t --out o --method head --recompute", "train --model m --train t --out o --cache off --cache-fill layers", "inspect --release f",
    "predict --model m --ladder l a b", "predict --model m --ladder l --epochs 3", "train --model m --train t --out o --patience 1", "train --model m --train t --out o --task tnews --columns text,label",
    "train --model m --train t --out o --task tnews --many-labels", "train --model m --train t --out o --skip-bad", "train --model m --train t --out o --regress --balance", "train --model m --train t --out o --regress --many-labels", "features --model m --pool max", "tokenize", "inspect", "plan extra --model m" };
  size_t i, n;
  NEED_PROGRAM();
  for (i = 0; i < sizeof lines / sizeof *lines; i++) {
    int status = shellf("$L %s", lines[i]);
    char *out = slurp("out", &n);
    if (status != 2 || n != 0) printf("ladder %s\n", lines[i]);
    CHECK_INT(status, 2);
    CHECK_INT(n, 0);
    CHECK(one_error_line());
    free(out);
  }
  EXPECT(2, "$L");
}

/* A model as one GGUF file gives the states, to the bit, and cuts the texts that its directory does. */
TEST(a_model_becomes_a_gguf_file) {
  static const char *const lines = "\"Hello there, 12 cats!\"\n\"Na\xc3\xafve  caf\xc3\xa9 \xe4\xbb\x8a\xe5\xa4\xa9\"\n";
  char tiny[LADDER_MAX_PATH], model[LADDER_MAX_PATH];
  static const char *const others[] = { "hf/qwen2", "hf/bert-mlm", "hf/st-minilm" };
  size_t i;
  NEED_PROGRAM();
  NEED_MODEL(tiny, "en-mini");
  CHECK(put_file("lines", lines));
  EXPECT(0, "$L export --model '%s' --format gguf --out tiny.gguf", tiny);
  EXPECT(0, "$L features --model '%s' --json <lines >a && $L features --model tiny.gguf --json <lines >b && cmp a b", tiny);
  EXPECT(0, "$L inspect tiny.gguf >said; id=$(grep -nx '\\[SEP\\]' '%s/vocab.txt' | cut -d: -f1); "
            "grep -q \"seperator_token_id: $((id - 1))$\" said && grep -q token_type_count said", tiny);
  EXPECT(1, "$L export --model '%s' --format gguf --out tiny.gguf", tiny);     /* not replaced */
  CHECK(one_error_line());
  EXPECT(0, "$L export --model '%s' --format gguf --type q8_0 --out eight.gguf", tiny);
  EXPECT(0, "$L quantize --model '%s' --out eight && $L features --model eight --json <lines >a && $L features --model eight.gguf --json <lines >b && cmp a b", tiny);
  EXPECT(0, "$L export --model '%s' --format gguf --type q4_0 --out four.gguf && $L features --model four.gguf --json <lines >b", tiny);
  EXPECT(2, "$L export --model '%s' --type q8_0 --out there", tiny);
  EXPECT(2, "$L export --model '%s' --pool cls --out there", tiny);
  for (i = 0; i < sizeof others / sizeof *others; i++) {
    if (!model_folder(model, others[i])) continue;
    EXPECT(0, "$L export --model '%s' --format gguf --out m.gguf 2>said", model);
    if (strstr(others[i], "st-")) EXPECT(0, "grep -q 'the head for a task that the model was published with is not in it' said");
    EXPECT(0, "$L features --model '%s' --json <lines >a && $L features --model m.gguf --json <lines >b && cmp a b && rm m.gguf", model);
    if (i == 0) {                      /* rows of 48 are no whole number of blocks */
      EXPECT(1, "$L export --model '%s' --format gguf --type q4_0 --out m.gguf", model);
      CHECK(one_error_line() && holds("err", "a multiple of 32"));
    }
  }
  if (model_folder(model, "stories260k"))      /* what has no tokenizer says so: llama.cpp does not load it otherwise */
    EXPECT(0, "$L export --model '%s' --format gguf --out bare.gguf && $L inspect bare.gguf | grep -q 'tokenizer.ggml.model: no_vocab'", model);
  if (model_folder(model, "hf/bart-cls")) {    /* of two stacks, too, nothing is lost where nothing was trained */
    EXPECT(0, "$L export --model '%s' --out whole && echo '1 5 6 2' | $L features --model whole --ids --layer logits >a", model);
    EXPECT(0, "echo '1 5 6 2' | $L features --model '%s' --ids --layer logits | cmp a -", model);
  }
  if (model_folder(model, "hf/llama")) {       /* bytes of the answer may change how the prompt's last one is read: whole characters all the same */
    char *text;
    size_t n, k;
    EXPECT(0, "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo 'hello @'; done | $L generate --model '%s' --max-new 9 --temperature 3 --seed 3", model);
    text = slurp("out", &n);
    for (k = 0; text && k < n; k += ldr__utf8_length((const unsigned char *)text + k, n - k))
      if (!ldr__utf8_length((const unsigned char *)text + k, n - k)) break;
    CHECK(text && n > 100 && k == n);
    free(text);
  }
  if (model_folder(model, "hf/st-minilm")) {
    EXPECT(0, "for i in 1 2 3 4 5 6 7 8 9; do printf 'one two three four five six seven eight nine '; done >long; echo >>long; $L features --model '%s' --pool mean <long", model);
    CHECK(holds("err", "1 of 1 texts are longer than 64 tokens and were cut"));
  }
}

/* What was trained inside goes along: the file answers as the tuned model's directory does. */
TEST(a_tuned_model_becomes_a_gguf_file) {
  char tiny[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(tiny, "en-mini");
  CHECK(write_texts() && put_file("lines", "\"a great film\"\n"));
  EXPECT(0, "$L train --model '%s' --train train.tsv --method lora --epochs 1 --threads 1 --out t.ladder", tiny);
  EXPECT(0, "$L export --model '%s' --ladder t.ladder --out tuned", tiny);
  EXPECT(0, "$L export --model '%s' --ladder t.ladder --format gguf --out tuned.gguf", tiny);
  EXPECT(0, "$L features --model tuned --json <lines >a && $L features --model tuned.gguf --json <lines >b && cmp a b");
  EXPECT(1, "$L features --model '%s' --json <lines >b && cmp a b", tiny);
  /* what has no place there is refused, not left out */
  EXPECT(0, "$L train --model '%s' --train train.tsv --method prefix --epochs 1 --threads 1 --out p.ladder && $L train --model '%s' --train train.tsv --preset paper --epochs 1 --threads 1 --out n.ladder", tiny, tiny);
  EXPECT(1, "$L export --model '%s' --ladder p.ladder --format gguf --out none.gguf", tiny);
  CHECK(holds("err", "prefix"));
  EXPECT(1, "$L export --model '%s' --ladder n.ladder --format gguf --out none.gguf", tiny);
  CHECK(holds("err", "narrow rungs"));
  EXPECT(1, "$L export --model '%s' --ladder none.ladder --out none", tiny);
  EXPECT(1, "test -e none.gguf || test -e none");
}

/* A copy answers as the model does: what lies beside the weights and is read goes along. */
TEST(a_copy_of_a_model_has_its_files) {
  char model[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(model, "hf/st-minilm");
  EXPECT(0, "rm -rf copy copied && $L quantize --model '%s' --out copy && cmp '%s/1_Pooling/config.json' copy/1_Pooling/config.json && cmp '%s/modules.json' copy/modules.json", model, model, model);
  NEED_MODEL(model, "hf/qwen2");
  EXPECT(0, "mkdir copied && cp '%s'/*.json '%s'/model.safetensors copied/ && chmod u+w copied/* && printf '{{ messages[0].content }}' >copied/chat_template.jinja && echo '{}' >copied/generation_config.json", model, model);
  EXPECT(0, "rm -rf copy && $L export --model copied --out copy && cmp copied/chat_template.jinja copy/chat_template.jinja && cmp copied/generation_config.json copy/generation_config.json");
  EXPECT(0, "rm -f copy.gguf; $L export --model copied --format gguf --out copy.gguf && $L inspect copy.gguf >said && grep -q 'tokenizer.chat_template: {{ messages' said");
  EXPECT(1, "$L quantize --model copy.gguf --out directory");
  CHECK(holds("err", "config.json"));
  EXPECT(1, "test -e directory");
}

/* An adapter of PEFT is in what is written, exactly or as blocks. */
TEST(a_copy_holds_its_adapter) {
  char model[LADDER_MAX_PATH], adapter[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(model, "hf/gpt2");
  if (!ldr_test_data_path(adapter, sizeof adapter, "models/hf/lora/gpt2-lora")) SKIP("no models/hf/lora (set LADDER_DATA to the data folder)");
  EXPECT(0, "rm -rf copy blocks && $L export --model '%s' --adapter '%s' --out copy && $L quantize --model '%s' --adapter '%s' --type q8_0 --out blocks", model, adapter, model, adapter);
  EXPECT(0, "echo 3 7 9 11 >ids && $L features --ids --model '%s' --adapter '%s' <ids >with && $L features --ids --model copy <ids >same && cmp with same", model, adapter);
  EXPECT(0, "$L features --ids --model '%s' <ids >without && ! cmp -s with without", model);
  EXPECT(0, "$L features --ids --model blocks <ids >blocked && for f in with blocked without; do tr -cs '0-9.e+-' ' ' <$f >$f.n; done && "
         "awk '{ getline a <\"with.n\"; getline b <\"without.n\"; n = split($0, x, \" \"); split(a, y, \" \"); split(b, z, \" \"); "
         "for (i = 5; i <= n; i++) { near += (x[i] - y[i])^2; far += (x[i] - z[i])^2; } } END { exit !(n > 100 && near * 100 < far) }' blocked.n");
}

/* Nothing that is read, or written besides, is replaced by a result, and no random weights pass for a model. */
TEST(results_replace_nothing) {
  char tiny[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(tiny, "en-mini");
  CHECK(write_texts() && put_file("empty", "\n\n"));
  EXPECT(2, "$L train --model '%s' --train train.tsv --out ./train.tsv", tiny);
  EXPECT(2, "$L train --model '%s' --train train.tsv --out r.ladder --checkpoint train.tsv", tiny);
  EXPECT(2, "$L train --model '%s' --train train.tsv --out r.ladder --log r.ladder", tiny);
  EXPECT(0, "$L train --model '%s' --train train.tsv --method head --epochs 1 --out /dev/null --log /dev/null", tiny);
  EXPECT(2, "$L eval --model '%s' --ladder a --ladder b --data train.tsv", tiny);
  EXPECT(2, "$L compare --model '%s' --train - --methods head", tiny);
  EXPECT(1, "rm -rf fresh; $L pretrain --texts empty --vocab '%s/vocab.txt' --out fresh --steps 2", tiny);
  EXPECT(1, "test -e fresh/model.safetensors");
  EXPECT(1, "$L pretrain --model '%s' --texts train.tsv --out fresh2 --steps 2 --method head", tiny);
  EXPECT(1, "rm -rf on on.run; $L pretrain --model '%s' --texts train.tsv --batch 4 --max-len 16 --steps 4 --stop-at 2 --checkpoint on.run --out on", tiny);
  EXPECT(0, "rm -rf other; cp -r '%s' other && chmod -R u+w other && cp other/model.safetensors before", tiny);
  EXPECT(1, "$L pretrain --model '%s' --texts train.tsv --batch 4 --max-len 16 --steps 4 --resume on.run --out other", tiny);
  EXPECT(0, "cmp before other/model.safetensors");
  EXPECT(0, "rm -rf new; $L pretrain --model '%s' --texts train.tsv --batch 4 --max-len 16 --steps 4 --resume on.run --out new && test -e new/config.json", tiny);
}

/* What an option asks for is done, or refused by name. */
TEST(options_are_never_passed_over) {
  char tiny[LADDER_MAX_PATH], t5[LADDER_MAX_PATH], gguf[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(tiny, "en-mini");
  NEED_MODEL(t5, "hf/t5");
  CHECK(write_texts());
  EXPECT(2, "$L train --model '%s' --train train.tsv --lr 1e-60 --out o.ladder", tiny);
  EXPECT(1, "$L eval --model '%s' --task text --data train.tsv", tiny);       /* an encoder has no next word */
  CHECK(holds("err", "does not say what comes next"));
  EXPECT(1, "$L train --model '%s' --train train.tsv --method lora --targets gate --out o.ladder", tiny);
  EXPECT(1, "$L train --model '%s' --train train.tsv --encoder-rungs 0 --out o.ladder", tiny);
  CHECK(holds("err", "--encoder-rungs"));
  EXPECT(1, "$L train --model '%s' --train train.tsv --method lora --budget-seconds 100 --out o.ladder", tiny);
  CHECK(holds("err", "--budget-seconds"));
  EXPECT(0, "$L train --model '%s' --train train.tsv --epochs 1 --threads 1 --out one.ladder && $L train --model '%s' --train train.tsv --epochs 1 --threads 2 --out two.ladder && cmp one.ladder two.ladder", tiny, tiny);
  EXPECT(0, "printf 'a caf\\351\\n' | $L predict --model '%s' --ladder one.ladder --encoding latin-1 >a && printf 'a caf\\303\\251\\n' | $L predict --model '%s' --ladder one.ladder >b && cmp a b", tiny, tiny);
  EXPECT(1, "echo '5 99999999' | $L tokenize --model '%s' --decode", tiny);
  if (ldr_test_data_path(gguf, sizeof gguf, "models/stories260k/stories260K-q4_0.gguf")) {
    EXPECT(0, "echo 'Once upon' | $L generate --model '%s' --rounded --max-new 8 >a || grep 'needs an x86' err", gguf);      /* weights in blocks */
  }
  if (ldr_test_data_path(gguf, sizeof gguf, "models/stories260k/stories260K-f32.gguf")) {
    EXPECT(0, "echo 'Once upon' | $L generate --model '%s' --max-new 8 --temperature 0 >a && echo 'Once upon' | $L generate --model '%s' --max-new 8 >b && cmp a b", gguf, gguf);
    EXPECT(1, "echo 'Once upon a time there was a girl' | $L generate --model '%s' --max-len 3", gguf);
    CHECK(holds("err", "--max-len"));
    EXPECT(0, "echo 'Once upon a time' >says && $L train --model '%s' --task text --train says --epochs 1 --method head --out w.ladder 2>/dev/null || $L train --model '%s' --task text --train says --epochs 1 --out w.ladder", gguf, gguf);
    EXPECT(0, "printf 'Once\\n\\nThere was\\n' | $L predict --model '%s' --ladder w.ladder >a && test $(wc -l <a) = 3", gguf);
    EXPECT(0, "printf '\"Once\"\\n{\"text\":\"Once\"}\\n' | $L predict --json --model '%s' --ladder w.ladder >a && test $(sort -u a | wc -l) = 1", gguf);
    EXPECT(1, "$L predict --model '%s' --ladder w.ladder --ladder w.ladder says", gguf);
    EXPECT(1, "cp says says.csv && $L predict --model '%s' --ladder w.ladder says.csv", gguf);
    EXPECT(1, "$L predict --model '%s' --ladder w.ladder --batch 4 says", gguf);
  }
}

/* What would change nothing is refused, before anything is trained. */
TEST(options_without_effect_are_refused) {
  static const char *const one[] = { "--method head --top 1", "--method head --reduction 4", "--method full --rungs 0", "--method full --init slice", "--method lora --top 1", "--preset top --reduction 4",
    "--preset clue --reduction 4", "--preset sliced --rank 4", "--preset paper --targets query", "--preset mlp --standardise off", "--preset sliced --head-epochs 3", "--importance fisher", "--preset top --slice-heads within",
    "--tap-type int8", "--preset head --recompute", "--method theseus --tune-biases", "--published-head --pool mean", "--method lora --standardise off", "--top 1 --init reserved" };
  char tiny[LADDER_MAX_PATH], t5[LADDER_MAX_PATH], gpt[LADDER_MAX_PATH];
  size_t i;
  NEED_SPEED();
  NEED_PROGRAM();
  NEED_MODEL(tiny, "en-mini");
  NEED_MODEL(t5, "hf/t5");
  NEED_MODEL(gpt, "hf/gpt2");
  CHECK(write_texts());
  for (i = 0; i < sizeof one / sizeof *one; i++) {
    EXPECT(1, "rm -f x.ladder && $L train --model '%s' --train train.tsv --out x.ladder %s", tiny, one[i]);
    CHECK(one_error_line());
    EXPECT(1, "test -e x.ladder");
  }
  EXPECT(2, "$L train --model '%s' --train train.tsv --out x.ladder --published-head --multi", tiny);
  EXPECT(2, "$L train --model '%s' --train train.tsv --out x.ladder --multi --many-labels", tiny);
  EXPECT(0, "printf 'label\tsentence1\tsentence2\n1.5\ta\tb\n2.5\tb\tc\n' >pairs.tsv");
  EXPECT(1, "$L train --model '%s' --task stsb --train pairs.tsv --label-smoothing 0.1 --out x.ladder", tiny);
  CHECK(one_error_line() && holds("err", "label smoothing"));
  EXPECT(1, "$L train --model '%s' --task stsb --train pairs.tsv --balance --out x.ladder", tiny);
  EXPECT(0, "printf 'a good film\nanother good film\n' >tale.txt");
  EXPECT(1, "$L train --model '%s' --task text --train tale.txt --pool mean --out x.ladder", gpt);
  CHECK(one_error_line() && holds("err", "--pool has no effect"));
  EXPECT(1, "$L train --model '%s' --task text --train tale.txt --preset sliced --standardise on --out x.ladder", gpt);
  CHECK(one_error_line() && holds("err", "standardise: a head for words"));
  EXPECT(0, "$L train --model '%s' --task text --train tale.txt --preset sliced --reduction 2 --epochs 1 --importance energy --out x.ladder", gpt);
  EXPECT(0, "printf 'target\\tsource\\na b\\tb a\\nb\\tc d e\\n' >s2s.tsv && $L train --model '%s' --task seq2seq --train s2s.tsv --preset top --top 1 --epochs 1 --max-len 16 --out x.ladder", t5);
  EXPECT(1, "$L train --model '%s' --task seq2seq --train s2s.tsv --encoder-rungs 0 --out x.ladder", t5);
  EXPECT(2, "$L compare --model '%s' --train train.tsv --methods head --rank 4", tiny);
  CHECK(holds("err", "--rank is for methods that are not among"));
  EXPECT(0, "$L compare --model '%s' --train train.tsv --dev dev.tsv --methods head,ladder,lora --preset sliced --rank 4 --head-epochs 2 --epochs 1 --json >compared && ! grep -q error compared", tiny);
  EXPECT(2, "$L compare --model '%s' --train train.tsv --search --lr-scale 4", tiny);
  EXPECT(2, "$L compare --model '%s' --train train.tsv --search --top 2", tiny);
}

/* Labels are no texts, also where one is new, or a text has several of them; a line of standard input is a text. */
TEST(labels_are_not_read_as_texts) {
  char tiny[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(tiny, "en-mini");
  CHECK(write_texts());
  EXPECT(0, "$L train --model '%s' --train train.tsv --epochs 2 --threads 1 --out l.ladder && cut -f2 train.tsv >bare && $L predict --model '%s' --ladder l.ladder bare | tail -n +1 >bare.out", tiny, tiny);
  EXPECT(0, "sed 's/^plus/new/;4,$s/^new/plus/' train.tsv >some.tsv && grep -q '^new' some.tsv && $L predict --model '%s' --ladder l.ladder some.tsv >some.out && cmp some.out bare.out", tiny);
  EXPECT(0, "(cat bare; echo text) >lines && $L predict --model '%s' --ladder l.ladder <lines >lines.out && head -40 lines.out | cmp - bare.out && test $(wc -l <lines.out) = 41", tiny);
  EXPECT(0, "(echo text; cat bare) | $L predict --model '%s' --ladder l.ladder >lines.out && tail -n +2 lines.out | cmp - bare.out", tiny);
  EXPECT(0, "(printf '\357\273\277'; cat bare) | $L predict --model '%s' --ladder l.ladder | cmp - bare.out", tiny);
  EXPECT(0, "awk -F'\t' '{ print (NR %% 3 ? NR %% 2 ? \"a|b\" : \"a\" : \"\") \"\t\" $2 }' train.tsv >several.tsv && $L train --model '%s' --multi --train several.tsv --epochs 2 --threads 1 --out m.ladder", tiny);
  EXPECT(0, "$L predict --model '%s' --ladder m.ladder several.tsv >several.out && $L predict --model '%s' --ladder m.ladder bare | cmp - several.out", tiny, tiny);
  EXPECT(0, "awk -F'\t' '{ print (NR %% 2 ? \"same\" : \"other\") \"\t\" $2 \"\tsame\" }' train.tsv >two.tsv && $L train --model '%s' --train two.tsv --epochs 1 --threads 1 --out p.ladder", tiny);
  EXPECT(0, "printf 'same\ta film\n' >pair.tsv && $L predict --model '%s' --ladder p.ladder pair.tsv >file.out && $L predict --model '%s' --ladder p.ladder <pair.tsv >line.out && printf '{\"text\":\"same\",\"text2\":\"a film\"}\n' | $L predict --json --model '%s' --ladder p.ladder >json.out && "
         "cmp file.out line.out && cmp json.out line.out", tiny, tiny, tiny);
  EXPECT(0, "printf 'plus\\ta film\\nminus\\ta film\\nnew\\ta film\\n' >three.tsv && $L predict --model '%s' --ladder l.ladder three.tsv && grep -q '1 begin otherwise' err && test $(sort -u out | wc -l) = 1", tiny);
  EXPECT(0, "$L predict --model '%s' --ladder l.ladder --columns text,text2 three.tsv && test $(sort -u out | wc -l) = 3", tiny);
}

/* What GGUF, or llama.cpp, has no word for is refused by name. */
TEST(what_gguf_cannot_say_is_refused) {
  static const struct { const char *model, *why; } bad[] = { { "hf/gpt2", "a gpt2 model" }, { "hf/gemma", "a gemma model" }, { "hf/bert-cls", "activation" }, { "hf/mistral", "windows" },
    { "hf/llama-llama3rope", "llama3" }, { "hf/llama", "no name for the way this tokenizer cuts" } };
  char model[LADDER_MAX_PATH];
  size_t i, n;
  NEED_PROGRAM();
  NEED_MODEL(model, "hf/gpt2");
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    char *err;
    CHECK(model_folder(model, bad[i].model));
    EXPECT(1, "$L export --model '%s' --format gguf --out bad.gguf", model);
    CHECK(one_error_line());
    err = slurp("err", &n);
    CHECK(err && strstr(err, bad[i].why));
    free(err);
    EXPECT(1, "test -e bad.gguf");
  }
}

TEST(help_and_version) {
  static const char *const commands[] = { "train", "eval", "predict", "features", "tokenize", "inspect", "plan", "score" };
  size_t i, n;
  char *out;
  NEED_PROGRAM();
  EXPECT(0, "$L --help");
  out = slurp("out", &n);
  for (i = 0; out && i < sizeof commands / sizeof *commands; i++) {
    CHECK(strstr(out, commands[i]) != NULL);
    EXPECT(0, "$L %s --help", commands[i]);
  }
  free(out);
  EXPECT(0, "$L --version");
  out = slurp("out", &n);
  CHECK(out && strncmp(out, "ladder " LADDER_VERSION, strlen("ladder " LADDER_VERSION)) == 0);
  free(out);
}

TEST(bad_weight_files_fail) {
  NEED_PROGRAM();
  CHECK(put_file("short.safetensors", "1234"));
  CHECK(put_file("text.safetensors", "this is a text and no tensor file"));
  EXPECT(1, "$L inspect short.safetensors");
  CHECK(one_error_line());
  EXPECT(1, "$L inspect text.safetensors --json");
  CHECK(one_error_line());
  EXPECT(1, "$L inspect nowhere.safetensors");
  CHECK(one_error_line());
  EXPECT(1, "echo hello | $L tokenize --model nowhere");
  CHECK(one_error_line());
}

TEST(bad_data_files_fail) {
  static const char *const names[] = { "nowhere.tsv", "empty.tsv", "onefield.tsv", "broken.jsonl", "nolabel.jsonl" };
  char model[LADDER_MAX_PATH];
  size_t i;
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(put_file("empty.tsv", ""));
  CHECK(put_file("onefield.tsv", "a\tgood one\nbad one\n"));
  CHECK(put_file("broken.jsonl", "{\"label\":1,\"text\":\"a\"}\n{\"label\":1,,}\n"));
  CHECK(put_file("nolabel.jsonl", "{\"text\":\"a\"}\n"));
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    EXPECT(1, "$L train --model '%s' --train %s --out x.ladder", model, names[i]);
    CHECK(one_error_line());
  }
  CHECK(write_texts());
  EXPECT(1, "$L train --model '%s' --train train.tsv --out nowhere/x.ladder", model);
  CHECK(one_error_line());
  EXPECT(1, "$L train --model '%s' --train train.tsv --max-len 5000 --out x.ladder", model);
  CHECK(one_error_line());
  EXPECT(1, "$L eval --model '%s' --ladder train.tsv --data dev.tsv", model);
  CHECK(one_error_line());
  EXPECT(1, "echo 1 x | $L features --ids --model '%s'", model);
  CHECK(one_error_line());
}

/* Several labels a text, from lines and from JSON: both readers see the same set, a label never seen is said, no label is allowed. */
TEST(several_labels_a_text) {
  char model[LADDER_MAX_PATH], *out;
  NEED_PROGRAM();
  if (!realpath("../examples/tiny", model)) SKIP("no examples beside the tests");
  CHECK(put_file("multi.tsv", "red|warm\ta red fire\nblue\ta blue lake\n\tnothing at all\nwarm | red\tfire is red\n"));
  CHECK(put_file("multi.json", "{\"label\":[\"red\",\"warm\"],\"text\":\"a red fire\"}\n{\"label\":\"blue\",\"text\":\"a blue lake\"}\n{\"label\":[],\"text\":\"nothing at all\"}\n"
                               "{\"label\":[\"warm\",\"red\"],\"text\":\"fire is red\"}\n"));
  CHECK(put_file("multi2.tsv", "red|cold\ta red fire\nblue\ta blue lake\n"));
  CHECK(put_file("bad.tsv", "red||warm\ta red fire\n"));
  CHECK(put_file("bad.json", "{\"label\":[\"a|b\"],\"text\":\"a red fire\"}\n"));
  EXPECT(0, "$L train --multi --model '%s' --train multi.tsv --dev multi2.tsv --epochs 2 --seed 1 --pool mean --recipe plain --out m1.ladder >said 2>&1", model);
  EXPECT(0, "grep -q 'micro_f1' said && grep -q '1 of 2 examples have labels that training never saw (\"cold\")' said");
  EXPECT(0, "$L train --multi --model '%s' --train multi.json --dev multi2.tsv --epochs 2 --seed 1 --pool mean --recipe plain --out m2.ladder", model);
  EXPECT(0, "cmp m1.ladder m2.ladder");
  CHECK(put_file("two.tsv", "same\ta red fire\ta red fire\nother\ta red fire\ta blue lake\nsame\ta blue lake\ta blue lake\nother\ta blue lake\ta red fire\n"));
  EXPECT(0, "$L train --model '%s' --train two.tsv --dev two.tsv --epochs 1 --seed 1 --pool pair --out two.ladder && $L train --model '%s' --train two.tsv --dev two.tsv --epochs 1 --seed 1 --out two2.ladder >said 2>&1", model, model);
  EXPECT(0, "grep -q 'the means of two texts' said && $L eval --model '%s' --ladder two2.ladder --data two.tsv", model);
  EXPECT(0, "echo 'a red fire' | $L predict --model '%s' --ladder m1.ladder", model);
  out = slurp("out", NULL);
  CHECK(out && strncmp(out, "{\"labels\":[", 11) == 0 && strstr(out, "\"scores\":{\"red\":"));
  free(out);
  EXPECT(1, "$L train --multi --model '%s' --train bad.tsv --out x.ladder", model);
  CHECK(one_error_line());
  EXPECT(1, "$L train --multi --model '%s' --train bad.json --out x.ladder", model);
  CHECK(one_error_line());
}

/* Real sets hold classes that only dev has: counted as wrong and said. A file of other labels altogether is refused. */
TEST(labels_that_training_never_saw) {
  char model[LADDER_MAX_PATH];
  NEED_PROGRAM();
  if (!realpath("../examples/tiny", model)) SKIP("no examples beside the tests");
  CHECK(put_file("two.tsv", "a\tred one\nb\tblue two\na\tred three\nb\tblue four\n"));
  CHECK(put_file("other.tsv", "c\tred one\nb\tblue two\na\tred three\nb\tblue four\n"));
  CHECK(put_file("none.tsv", "x\tred one\ny\tblue two\n"));
  EXPECT(0, "$L train --model '%s' --train two.tsv --dev other.tsv --method head --epochs 1 --out unseen.ladder 2>&1 | grep '1 of 4 examples have labels that training never saw (\"c\")'", model);
  EXPECT(0, "$L eval --model '%s' --ladder unseen.ladder --data other.tsv 2>&1 | grep '1 of 4 examples'", model);
  EXPECT(1, "$L eval --model '%s' --ladder unseen.ladder --data none.tsv", model);
  CHECK(one_error_line());
}

TEST(tokenize_and_features) {
  char model[LADDER_MAX_PATH], *text;
  ldr_json *j;
  size_t n;
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  EXPECT(0, "printf 'hello world !\\r\\n\\nhello' | $L tokenize --model '%s'", model);
  text = slurp("out", &n);
  CHECK_STR(text, "101 7592 2088 999 102\n101 102\n101 7592 102\n");
  free(text);
  EXPECT(0, "printf 'hello\\tworld !' | $L tokenize --pieces --pair --model '%s'", model);
  text = slurp("out", &n);
  CHECK_STR(text, "[CLS] hello [SEP] world ! [SEP]\n");
  free(text);
  EXPECT(0, "echo hello | $L features --model '%s'; cp out first; echo 101 7592 102 | $L features --ids --model '%s'", model, model);
  text = slurp("out", &n);
  CHECK(text && n % 2 == 0 && memcmp(text, text + n / 2, n / 2) == 0);
  free(text);
  EXPECT(0, "echo hello | $L features --model '%s' > first; echo '\"hello\"' | $L features --json --model '%s' | cmp first -", model, model);
  EXPECT(0, "echo '{\"ids\":[101,7592,102],\"types\":[0,0,0]}' | $L features --json --model '%s' | cmp first -", model);
  EXPECT(1, "echo '{\"ids\":[101,7592,102],\"types\":[0,0,1]}' | $L features --json --model '%s' | cmp -s first -", model);
  EXPECT(1, "echo '{\"ids\":[101],\"types\":[0,0]}' | $L features --json --model '%s'", model);
  EXPECT(1, "echo '{\"ids\":[101],\"tips\":[0]}' | $L features --json --model '%s'", model);
  EXPECT(2, "$L features --layer tops --model '%s'", model);
  EXPECT(0, "echo 101 7592 102 | $L features --ids --layer logits --model '%s'", model);
  j = output_json(&text);
  CHECK_INT(j ? ldr_json_node_at(j, ldr_json_get(j, 0, "logits"))->count : 0, 3);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "echo hello | $L features --pool mean --layer 0 --model '%s'", model);
  j = output_json(&text);
  CHECK(j != NULL);
  CHECK_INT(j ? ldr_json_node_at(j, ldr_json_get(j, 0, "ids"))->count : 0, 3);
  CHECK_INT(j ? ldr_json_node_at(j, ldr_json_get(j, 0, "vector"))->count : 0, 256);
  ldr_json_free(j);
  free(text);
}

TEST(inspect_and_plan_are_json) {
  char model[LADDER_MAX_PATH], *text;
  ldr_json *j;
  double sum = 0;
  int32_t item;
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  EXPECT(0, "$L inspect --json '%s'", model);
  j = output_json(&text);
  CHECK(j && ldr_json_get(j, 0, "tensors") >= 0 && ldr_json_get(j, 0, "metadata") >= 0 && ldr_json_get(j, 0, "model") >= 0);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "$L plan --json --model '%s'", model);
  j = output_json(&text);
  item = j ? ldr_json_node_at(j, ldr_json_get(j, 0, "items"))->first : -1;
  CHECK(item >= 0);
  for (; item >= 0; item = ldr_json_node_at(j, item)->next) sum += ldr_json_number(j, ldr_json_get(j, item, "bytes"), -1e18);
  CHECK_NEAR(sum, json_member(j, "total"), 0.5);
  ldr_json_free(j);
  free(text);
}

/* A directory whose model lacks a tensor: the tensors it has are listed, the reason ends it. */
static double output_number(const char *name) {
  char *text;
  ldr_json *j = output_json(&text);
  double v = json_member(j, name);
  ldr_json_free(j);
  free(text);
  return v;
}

/* What `plan` says is what `train` takes at its highest, for every method: within 2 %, and what of the program's libraries is used or not.
   Where pages of the file are given back, words that no text has do not come again: up to 1 MB of this model's embedding. What a recipe
   tries before it chooses is freed again, but the C library keeps some of it: up to 5 MB, by where it happens to lie. */
TEST(the_plan_is_the_peak) {
  static const char *const runs[] = { "ladder", "ladder --recompute", "ladder --preset sliced --recompute --tap-type int8 --compute bf16", "ladder --release", "ladder --pack", "ladder --cache ram", "ladder --recipe auto", "head", "full", "full --recompute", "bitfit", "lora", "adapter", "prompt --prompt-hidden 32", "prefix", "theseus" };
  char model[LADDER_MAX_PATH], data[LADDER_MAX_PATH];
  size_t i;
#ifdef LDR__ASAN
  SKIP("a sanitizer takes memory of its own");
#endif
  NEED_SPEED();
  NEED_PROGRAM();
  if (!ldr_test_exists("/proc/self/status")) SKIP("the system does not say how much memory a process held");
  if (!realpath("../examples/tiny", model) || !realpath("../examples/data/train.tsv", data)) SKIP("no examples beside the tests");
  EXPECT(0, "head -n 160 '%s' > some", data);
  for (i = 0; i < sizeof runs / sizeof *runs; i++) {
    double planned, peak, again, unread = strstr(runs[i], "--release") || strstr(runs[i], "--pack") || strstr(runs[i], "--compute") ? 1e6 : 0, kept = strstr(runs[i], "auto") ? 5e6 : 0;
    EXPECT(0, "$L plan --model '%s' --train some --dev some --threads 1 --epochs 1 --json --recipe plain --method %s", model, runs[i]);
    planned = output_number("total");
    if (i == 0) {                       /* a plan is no matter of luck */
      int k;
      for (k = 0; k < 8; k++) {
        EXPECT(0, "$L plan --model '%s' --train some --dev some --threads 1 --epochs 1 --json --recipe plain --method %s", model, runs[i]);
        again = output_number("total");
        CHECK(fabs(again - planned) < 64e3);
      }
    }
    EXPECT(0, "$L train --model '%s' --train some --dev some --threads 1 --epochs 1 --json --recipe plain --method %s --out t.ladder", model, runs[i]);
    peak = output_number("peak_bytes");
    if (peak - planned >= 0.02 * peak + 800e3 + kept || planned - peak >= 0.02 * peak + 800e3 + unread) printf("  %s: planned %.0f, took %.0f\n", runs[i], planned, peak);
    CHECK(planned > 0 && peak - planned < 0.02 * peak + 800e3 + kept && planned - peak < 0.02 * peak + 800e3 + unread);
  }
}

/* On the shipped model: the ladder starts at the fitted head and is kept only where it is better; what was chosen stands in the file. */
TEST(the_default_ladder_is_not_below_the_head) {
  char model[LADDER_MAX_PATH], data[LADDER_MAX_PATH], *text;
  double head, ladder, seen;
  ldr_json *j;
  NEED_SPEED();
  NEED_PROGRAM();
  if (!realpath("../examples/tiny", model) || !realpath("../examples/data", data)) SKIP("no examples beside the tests");
  EXPECT(0, "head -n 240 '%s/train.tsv' > few && head -n 140 '%s/dev.tsv' > held", data, data);
  EXPECT(0, "$L train --model '%s' --train few --dev held --seed 1 --pool mean --epochs 3 --method head --json --out h.ladder", model);
  head = output_number("dev");
  EXPECT(0, "$L train --model '%s' --train few --dev held --test held --seed 1 --pool mean --epochs 3 --json --out d.ladder", model);
  j = output_json(&text);
  ladder = json_member(j, "dev");
  seen = json_member(j, "test");
  CHECK(text && strstr(text, "\"recipe\":\"copies of the last 1 of 3 blocks (updates of rank 16)"));
  ldr_json_free(j);
  free(text);
  if (!(ladder >= head)) printf("  head %g, ladder %g\n", head, ladder);
  CHECK(head > 0.3 && ladder >= head);
  CHECK_NEAR(seen, ladder, 1e-9);                    /* the best was kept                       */
  EXPECT(0, "$L inspect --json d.ladder");
  j = output_json(&text);
  CHECK(text && strstr(text, "note.recipe") && strstr(text, "copies of the last 1 of 3 blocks"));
  ldr_json_free(j);
  free(text);
  EXPECT(1, "$L train --model '%s' --train few --dev held --budget-memory 0.5 --json --out d.ladder", model);
  EXPECT(0, "$L train --model '%s' --train few --dev held --recipe plain --epochs 1 --json --out d.ladder", model);
}

TEST(inspect_lists_what_a_broken_model_holds) {
  tiny_spec s = tiny_default("bert");
  char config[1024], path[LADDER_MAX_PATH], *text, *file, *at;
  ldr_json *j;
  size_t n, size;
  NEED_PROGRAM();
  EXPECT(0, "mkdir -p broken");
  tiny_config(config, &s);
  file = tiny_weights(&s, &size);
  at = strstr(file + 8, "bert.encoder.layer.1.output.dense.bias");
  CHECK(at != NULL);
  if (at) at[0] = 'x';
  full_path(path, "broken/model.safetensors");
  CHECK(put_file("broken/config.json", config) && ldr_test_write(path, file, size));
  free(file);
  EXPECT(1, "$L inspect broken");
  CHECK(one_error_line());
  text = slurp("err", &n);
  CHECK(text && strstr(text, "bert.encoder.layer.1.output.dense.bias"));
  free(text);
  text = slurp("out", &n);
  CHECK(text && strstr(text, "xert.encoder.layer.1.output.dense.bias") && strstr(text, "F32") && strstr(text, "[40,24]") && strstr(text, " tensors, "));
  free(text);
  EXPECT(1, "$L inspect --json broken");
  CHECK(one_error_line());
  j = output_json(&text);
  CHECK(j && ldr_json_node_at(j, ldr_json_get(j, 0, "tensors"))->count > 40 && ldr_json_get(j, 0, "model") < 0);
  ldr_json_free(j);
  free(text);
  EXPECT(1, "rm broken/model.safetensors; $L inspect broken");
  CHECK(one_error_line());
}

/* A classifier that somebody published is scored, asked and continued without a ladder file; what it cannot do is said. */
TEST(a_published_classifier_is_used_and_continued) {
  tiny_spec s = tiny_default("bert");
  char config[1200], path[LADDER_MAX_PATH], words[400] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", *file, *text;
  ldr_json *j;
  size_t n, size;
  double before, after;
  int i;
  NEED_PROGRAM();
  EXPECT(0, "mkdir -p published");
  s.task = LDR_TASK_SEQUENCE;
  for (i = 5; i < s.vocab; i++) sprintf(words + strlen(words), "w%d\n", i);
  tiny_config(config, &s);
  file = tiny_weights(&s, &size);
  full_path(path, "published/model.safetensors");
  CHECK(put_file("published/config.json", config) && put_file("published/vocab.txt", words) && ldr_test_write(path, file, size));
  free(file);
  CHECK(put_file("own.tsv", "no\tw7 w8 w9\nyes\tw10 w11\nperhaps\tw20 w21 w22 w23\nyes\tw12 w13\nno\tw7 w14\nperhaps\tw24 w22\n"));
  EXPECT(0, "$L eval --model published --data own.tsv --json");
  j = output_json(&text);
  CHECK(j && ldr_json_equals(j, ldr_json_get(j, 0, "metric"), "accuracy"));
  before = json_member(j, "value");
  ldr_json_free(j);
  free(text);
  EXPECT(0, "printf 'w7 w8 w9\\n' | $L predict --model published");
  text = slurp("out", &n);
  CHECK(text && strstr(text, "\"no\"") && strstr(text, "\"yes\"") && strstr(text, "\"perhaps\""));
  free(text);
  EXPECT(0, "printf '\"w7 w8 w9\"\\n' | $L features --model published --json --layer logits");
  j = output_json(&text);
  CHECK(j && ldr_json_node_at(j, ldr_json_get(j, 0, "logits"))->count == 1);
  ldr_json_free(j);
  free(text);
  /* on a backbone that was tuned the old classifier has no business, also where a stopped run is written */
  EXPECT(0, "$L train --model published --train own.tsv --method full --epochs 2 --seed 1 --checkpoint stopped --out tuned.ladder");
  EXPECT(0, "for f in stopped tuned.ladder; do $L export --model published --ladder $f --out $f.model && grep -q 'the head for a task' err && ! $L inspect $f.model | grep classifier || exit 1; done; cmp stopped.model/model.safetensors tuned.ladder.model/model.safetensors");
  EXPECT(0, "$L export --model published --out as.is && $L inspect as.is | grep -q classifier.weight");
  EXPECT(0, "$L train --model published --published-head --train own.tsv --dev own.tsv --epochs 30 --lr 1e-2 --seed 1 --out p.ladder --json");
  EXPECT(0, "$L eval --model published --ladder p.ladder --data own.tsv --json");
  j = output_json(&text);
  after = json_member(j, "value");
  CHECK(after > before && after == 1);
  ldr_json_free(j);
  free(text);
  /* the head that went on is in the model that is written, and answers there as it does here */
  EXPECT(0, "$L train --model published --published-head --train own.tsv --method full --epochs 3 --lr 1e-2 --seed 1 --out pf.ladder");
  EXPECT(0, "$L export --model published --ladder pf.ladder --out went.on && ! grep note err && $L inspect went.on | grep -q classifier.weight");
  EXPECT(0, "cut -f 2 own.tsv >own.txt; $L predict --model published --ladder pf.ladder own.txt >here && $L predict --model went.on own.txt >there && $L predict --model published own.txt >once && cmp here there && ! cmp here once");
  CHECK(put_file("other.tsv", "no\tw7 w8 w9\nmaybe\tw10 w11\n"));
  EXPECT(1, "$L train --model published --published-head --train other.tsv --out p2.ladder");
  CHECK(one_error_line());
  text = slurp("err", &n);
  CHECK(text && strstr(text, "\"maybe\" is none of the 3 classes"));
  free(text);
  s.task = LDR_TASK_NONE;                            /* no head: a ladder is needed */
  tiny_config(config, &s);
  CHECK(put_file("published/config.json", config));
  EXPECT(1, "$L eval --model published --data own.tsv");
  CHECK(one_error_line());
  EXPECT(1, "$L train --model published --published-head --train own.tsv --out p2.ladder");
  CHECK(one_error_line());
  EXPECT(1, "printf '\"w7\"\\n' | $L features --model published --json --pool model");
  CHECK(one_error_line());
}

/* A language model learns a text and answers, and says them when it is asked: the ladder beside it does. */
TEST(a_ladder_learns_to_answer) {
  tiny_spec s = tiny_default("gpt2");
  char config[1200], path[LADDER_MAX_PATH], words[2000] = "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"w0\",\"vocab\":{", *file, *text, *again;
  size_t n, size;
  int i;
  NEED_PROGRAM();
  EXPECT(0, "mkdir -p speaker");
  for (i = 0; i < s.vocab; i++) sprintf(words + strlen(words), "%s\"w%d\":%d", i ? "," : "", i, i);
  strcat(words, "}},\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"}}");
  tiny_config(config, &s);
  sprintf(config + strlen(config) - 1, ",\"eos_token_id\":30}");
  file = tiny_weights(&s, &size);
  full_path(path, "speaker/model.safetensors");
  CHECK(put_file("speaker/config.json", config) && put_file("speaker/tokenizer.json", words) && ldr_test_write(path, file, size));
  free(file);
  EXPECT(0, "echo '\"w1 w2 w3\"' | $L generate --model speaker --max-new 5 --json");
  text = slurp("out", &n);
  CHECK(text && strncmp(text, "{\"ids\":[", 8) == 0 && strstr(text, "\"text\":\" w"));     /* goes on where the prompt ends */
  EXPECT(0, "echo '1 2 3' | $L generate --model speaker --max-new 5 --ids");
  free(text);
  CHECK(put_file("ask.jsonl", "{\"prompt\":\"w1 w2\",\"completion\":\"w7 w8 w9\"}\n{\"prompt\":\"w3 w4\",\"completion\":\"w10 w11\"}\n"));
  EXPECT(0, "$L train --model speaker --task instruct --train ask.jsonl --lr 1e-2 --epochs 80 --seed 1 --out speaker.ladder");
  EXPECT(0, "printf 'w1 w2\\nw3 w4\\n' | $L generate --model speaker --ladder speaker.ladder --max-new 9");
  text = slurp("out", &n);
  CHECK_STR(text, "w7 w8 w9 w30\nw10 w11 w30\n");
  free(text);
  EXPECT(0, "printf '{\"ids\":[3,4]}\\n\"w1 w2\"\\n' | $L generate --model speaker --ladder speaker.ladder --max-new 9 --json");
  text = slurp("out", &n);
  CHECK_STR(text, "{\"ids\":[10,11,30],\"text\":\"w10 w11 w30\"}\n{\"ids\":[7,8,9,30],\"text\":\"w7 w8 w9 w30\"}\n");
  free(text);
  CHECK(put_file("tale.txt", "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12\nw5 w6 w7 w8 w9 w10\n"));
  EXPECT(0, "$L train --model speaker --task text --train tale.txt --dev tale.txt --max-len 8 --lr 1e-2 --epochs 150 --seed 1 --out tale.ladder");
  EXPECT(0, "echo 'w1 w2 w3' | $L generate --model speaker --ladder tale.ladder --max-new 4");
  text = slurp("out", &n);
  CHECK_STR(text, " w4 w5 w6 w7\n");
  free(text);
  EXPECT(0, "$L eval --model speaker --ladder tale.ladder --data tale.txt");
  text = slurp("out", &n);
  CHECK(text && strncmp(text, "likelihood 0.", 13) == 0 && strstr(text, "perplexity 1."));
  free(text);
  for (i = 0; i < 2; i++) {                          /* one seed, one text */
    EXPECT(0, "echo '4 5' | $L generate --model speaker --temperature 3 --top-k 20 --top-p 0.95 --min-p 0.01 --repetition 1.2 --seed %d --max-new 12 --ids", 5);
    again = slurp("out", &n);
    if (i) CHECK_STR(again, text);
    if (i) free(text);
    text = again;
  }
  free(text);
  EXPECT(0, "echo 'w1 w2 w3' | $L generate --model speaker --max-new 4 --kept-type int8");
  EXPECT(1, "echo w1 | $L generate --model speaker --rounded");
  CHECK(holds("err", "this file has none") || holds("err", "needs an x86 processor"));
  EXPECT(2, "echo w1 | $L generate --model speaker --rounded --compute int8");
  CHECK(holds("err", "goes neither with --compute"));
  CHECK(put_file("prefer.jsonl", "{\"prompt\":\"w1 w2\",\"chosen\":\"w7 w8 w9\",\"rejected\":\"w12\"}\n{\"prompt\":\"w3 w4\",\"chosen\":\"w10 w11\",\"rejected\":\"w2 w7 w8\"}\n"));
  EXPECT(0, "$L train --model speaker --task preference --train prefer.jsonl --lr 1e-2 --epochs 20 --seed 1 --out prefer.ladder");
  EXPECT(0, "$L eval --model speaker --task preference --ladder prefer.ladder --data prefer.jsonl");
  CHECK(holds("out", "accuracy 1.0000 on 2 examples"));
  EXPECT(0, "$L plan --model speaker --task preference");
  EXPECT(1, "$L eval --generate --model speaker --task preference --ladder prefer.ladder --data prefer.jsonl");
  EXPECT(1, "$L train --model speaker --task preference --method lora --train prefer.jsonl --out x.ladder");
  CHECK(holds("err", "others do not have the backbone's own scores"));
  EXPECT(1, "$L train --model speaker --task instruct --preference 0.2 --train ask.jsonl --out x.ladder");
  CHECK(put_file("worse.jsonl", "{\"prompt\":\"w1 w2\",\"chosen\":\"w7\",\"rejected\":\"w12\"}\n{\"prompt\":\"w3 w4\",\"chosen\":\"w10 w11\"}\n"));
  EXPECT(1, "$L train --model speaker --task preference --train worse.jsonl --epochs 1 --out x.ladder");
  CHECK(holds("err", "line 2") && holds("err", "no member \"rejected\""));
  EXPECT(0, "$L train --model speaker --task preference --train worse.jsonl --epochs 1 --skip-bad --out x.ladder");
  EXPECT(2, "echo w1 | $L generate --model speaker --kept-type int4");
  CHECK(holds("err", "--kept-type"));
  EXPECT(2, "echo w1 | $L generate --model speaker --top-k 3");
  EXPECT(2, "echo w1 | $L generate --model speaker --greedy --temperature 1");
  EXPECT(2, "echo w1 | $L generate --model speaker --greedy --beams 2");
  EXPECT(0, "echo 'w1 w2 w3' | $L generate --model speaker --max-new 4 >usual && echo 'w1 w2 w3' | $L generate --model speaker --max-new 4 --greedy >likeliest && cmp usual likeliest");
  CHECK(put_file("empty.jsonl", "{\"prompt\":\"w1 w2\",\"completion\":\"\"}\n{\"prompt\":\"w1 w2\",\"completion\":\"w3\"}\n"));
  EXPECT(1, "$L train --model speaker --task instruct --train empty.jsonl --out x.ladder");
  CHECK(one_error_line() && holds("err", "line 1: the answer is empty"));
  EXPECT(0, "$L train --model speaker --task instruct --train empty.jsonl --skip-bad --epochs 1 --out x.ladder");
  EXPECT(0, "$L predict --model speaker --ladder speaker.ladder ask.jsonl");       /* files are read as train reads them */
  text = slurp("out", &n);
  CHECK_STR(text, "{\"text\":\"w7 w8 w9\"}\n{\"text\":\"w10 w11\"}\n");
  free(text);
  CHECK(put_file("ask.tsv", "completion\tprompt\nw10 w11\tw3 w4\n"));
  EXPECT(0, "$L predict --model speaker --ladder speaker.ladder ask.tsv");
  text = slurp("out", &n);
  CHECK_STR(text, "{\"text\":\"w10 w11\"}\n");
  free(text);
  EXPECT(0, "$L eval --model speaker --task instruct --data ask.jsonl");           /* of the model as it is */
  CHECK(holds("out", "on 2 examples") && holds("out", "perplexity"));
  EXPECT(1, "$L eval --model speaker --task preference --data prefer.jsonl");
  CHECK(put_file("other.tsv", "a\tb\nw10 w11\tw3 w4\n"));
  EXPECT(1, "$L train --model speaker --task instruct --train other.tsv --epochs 1 --out x.ladder");
  CHECK(holds("err", "name the columns of the task: prompt, completion"));
  EXPECT(0, "printf 'w1\nw1\nw1\nw1\n' | $L generate --model speaker --temperature 3 --max-new 6 | sort -u | wc -l");
  CHECK(!holds("out", "1"));
  CHECK(put_file("asked.txt", "w3 w4\tw5\r\n\nw1 w2"));
  EXPECT(0, "$L predict --model speaker --ladder speaker.ladder asked.txt");
  text = slurp("out", &n);
  CHECK_STR(text, "{\"text\":\"w10 w11\"}\n{\"text\":\"\"}\n{\"text\":\"w7 w8 w9\"}\n");      /* an answer a line */
  free(text);
  /* of a prompt that is too long the end counts, in training and afterwards */
#define BEFORE "{\"prompt\":\"w20 w20 w20 w20 w20 w20 w20 w20 "
#define SHORT BEFORE "w1 w2\",\"completion\":\"w7\"}\n" BEFORE "w3 w4\",\"completion\":\"w9\"}\n"
  CHECK(put_file("short.jsonl", SHORT) && put_file("long.jsonl", SHORT BEFORE "w1 w2\",\"completion\":\"w7 w7\"}\n" BEFORE "w3 w4\",\"completion\":\"w9 w9\"}\n"));
#undef BEFORE
#undef SHORT
  EXPECT(0, "$L train --model speaker --task instruct --train long.jsonl --max-len 6 --lr 1e-2 --epochs 100 --seed 1 --out long.ladder");
  EXPECT(0, "$L eval --generate --model speaker --ladder long.ladder --data short.jsonl --max-new 1");
  CHECK(holds("out", "exact match 100"));
  EXPECT(0, "$L predict --model speaker --ladder long.ladder short.jsonl");
  text = slurp("out", &n);
  CHECK(text && strncmp(text, "{\"text\":\"w7", 11) == 0 && strstr(text, "\n{\"text\":\"w9"));
  free(text);
  /* plain text in JSON lines and CSV is the same text; what comes next is learned by pretrain, too */
  CHECK(put_file("tale.jsonl", "{\"text\":\"w1 w2 w3 w4\"}\n") && put_file("tale.csv", "text\n\"w1 w2 w3 w4\"\n"));
  EXPECT(0, "for f in tale.jsonl tale.csv; do $L train --model speaker --task text --train $f --epochs 1 --out x.ladder; done");
  CHECK(holds("out", "train: 1 texts, 3 tokens"));
  EXPECT(0, "$L pretrain --model speaker --texts tale.txt --steps 2 --batch 2 --max-len 8 --out spoken && test -e spoken/model.safetensors");
  EXPECT(1, "$L quantize --model speaker --out small");          /* what cannot be written leaves nothing behind */
  EXPECT(1, "test -e small");
  EXPECT(1, "echo mine >small && $L quantize --model speaker --out small");      /* what was there stays */
  EXPECT(0, "grep mine small && rm small && mkdir small && echo own >small/tokenizer.json");
  EXPECT(1, "$L quantize --model speaker --out small");
  EXPECT(0, "test -e small/tokenizer.json && rm -r small && mkdir small");
  EXPECT(1, "$L quantize --model speaker --out small");
  EXPECT(0, "test -d small && rm -r small");
  CHECK(put_file("speaker/generation_config.json", "{\"eos_token_id\":[30,8]}"));
  EXPECT(0, "echo 'w1 w2' | $L generate --model speaker --ladder speaker.ladder --max-new 9");
  text = slurp("out", &n);
  CHECK_STR(text, "w7 w8\n");
  free(text);
  EXPECT(0, "rm speaker/generation_config.json");
  EXPECT(1, "echo '{\"messages\":[]}' | $L generate --model speaker --json");
  CHECK(one_error_line());
  CHECK(put_file("talk.jinja", "{% for m in messages %}w{{ loop.index }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}w9{% endif %}\n"));
  EXPECT(1, "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"w5\"}]}' | $L generate --model speaker --chat --json");
  CHECK(one_error_line());
  text = slurp("err", NULL);
  CHECK(text && strstr(text, "has no chat template"));
  EXPECT(0, "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"w5\"}]}' | $L tokenize --model speaker --chat --template talk.jinja --json");
  free(text);
  text = slurp("out", NULL);
  CHECK_STR(text ? text : "", "{\"text\":\"w1 w5 \",\"ids\":[1,5],\"assistant_mask\":[0,0]}\n");
  EXPECT(0, "echo '{\"ids\":[1,5,9]}' | $L generate --model speaker --max-new 4 --json && mv out plain.out");
  EXPECT(0, "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"w5\"}]}' | $L generate --model speaker --chat --template talk.jinja --max-new 4 --json && sed 's/\"text\":\" /\"text\":\"/' plain.out | cmp out -");       /* an answer begins a text */
  /* a conversation that goes on is what is said when all of it is given at once */
  EXPECT(0, "cp talk.jinja speaker/chat_template.jinja && printf 'w5\\nw6\\n' | $L generate --model speaker --chat --max-new 2 && mv out turns.out");
  EXPECT(0, "first=$(head -1 turns.out) && printf '{\"messages\":[{\"role\":\"user\",\"content\":\"w5\"},{\"role\":\"assistant\",\"content\":\"%%s\"},"
         "{\"role\":\"user\",\"content\":\"w6\"}]}\\n' \"$first\" | $L generate --model speaker --chat --max-new 2 --json | sed 's/.*\"text\":\"//; s/\"}//' >again.out && tail -1 turns.out | cmp - again.out");
  EXPECT(0, "for i in 1 2 3 4 5 6 7 8; do echo '{\"messages\":[{\"role\":\"user\",\"content\":\"w5\"},{\"role\":\"assistant\",\"content\":\"w7 w8 w30\"}]}'; "
         "echo '{\"conversations\":[{\"from\":\"human\",\"value\":\"w6\"},{\"from\":\"gpt\",\"value\":\"w8 w30\"}]}'; done >talks.jsonl");
  EXPECT(0, "echo '{%% for m in messages %%}{%% if m.role == \"assistant\" %%}w2 {%% endif %%}{{ m.content }} {%% endfor %%}"
         "{%% if add_generation_prompt %%}w2 {%% endif %%}' >end.jinja && $L train --model speaker --task chat --template end.jinja --train talks.jsonl --epochs 60 --lr 0.02 --batch 8 --threads 1 --out chat.ladder");
  EXPECT(0, "printf 'w5\\n' | $L generate --model speaker --ladder chat.ladder --chat --template end.jinja --max-new 5");
  free(text);
  text = slurp("out", NULL);
  CHECK_STR(text ? text : "", "w7 w8 w30\n");
  EXPECT(1, "rm -f x.ladder && printf '{# \\377 #}{{ messages[0].content }}' >bytes.jinja && $L train --model speaker --task chat --template bytes.jinja --train talks.jsonl --epochs 1 --out x.ladder");
  CHECK(one_error_line() && holds("err", "a template is text in UTF-8"));
  EXPECT(0, "$L train --model speaker --task text --train tale.txt --method prompt --epochs 1 --out prompt.ladder && echo 'w1 w2' | $L generate --model speaker --ladder prompt.ladder --max-new 3");
  EXPECT(0, "$L train --model speaker --task text --train tale.txt --method prefix --tune-layers 1 --epochs 1 --out prefix.ladder && echo 'w1 w2' | $L generate --model speaker --ladder prefix.ladder --max-new 3");
  /* the ladder keeps the template: also one of many pieces; the model's own would have said something else */
  EXPECT(0, "printf 'w5\\n' | $L generate --model speaker --ladder chat.ladder --chat --max-new 5");
  free(text);
  text = slurp("out", NULL);
  CHECK_STR(text ? text : "", "w7 w8 w30\n");
  EXPECT(0, "$L eval --model speaker --ladder chat.ladder --data talks.jsonl --json >kept.out && $L eval --model speaker --ladder chat.ladder --data talks.jsonl --template end.jinja --json >given.out && cmp given.out kept.out && ! grep -q 'not the template' err");
  EXPECT(0, "printf 'w5\\n' | $L generate --model speaker --ladder chat.ladder --chat --template talk.jinja --max-new 5 && grep -q 'not the template with which' err");
  EXPECT(0, "{ printf '{# '; for i in $(seq 1500); do printf '\\303\\244\\303\\266'; done; printf '#}'; cat end.jinja; } >long.jinja && $L train --model speaker --task chat --template long.jinja --train talks.jsonl --epochs 1 --out long.ladder"
         " && echo w5 | $L generate --model speaker --ladder long.ladder --chat --template long.jinja --max-new 5 && ! grep -q 'not the template' err");
  EXPECT(1, "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"w5\"}]}' >mute.jsonl && $L train --model speaker --task chat --template end.jinja --train mute.jsonl --out x.ladder");
  CHECK(one_error_line());
  free(text);
  text = slurp("err", NULL);
  CHECK(text && strstr(text, "line 1: the model says nothing in it"));
  EXPECT(1, "echo '{{ raise_exception(\"no such roles\") }}' >refuses.jinja && $L train --model speaker --task chat --template refuses.jinja --train talks.jsonl --out x.ladder");
  CHECK(one_error_line());
  free(text);
  text = slurp("err", NULL);
  CHECK(text && strstr(text, "16 of 16 examples are damaged") && strstr(text, "it refuses: no such roles"));
  EXPECT(0, "cat talks.jsonl mute.jsonl >most.jsonl && $L train --model speaker --task chat --template end.jinja --train most.jsonl --skip-bad --epochs 1 --out x.ladder");
  /* prompts and answers may be lists of messages: the same is learned as of conversations */
  EXPECT(0, "echo '{\"prompt\":[{\"role\":\"user\",\"content\":\"w5\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"w7 w8 w30\"}]}' >lists.jsonl && echo '{\"prompt\":\"w5\",\"completion\":[{\"role\":\"assistant\",\"content\":\"w7 w8 w30\"}]}' >list.jsonl && head -1 talks.jsonl >talk.jsonl");
  EXPECT(0, "for f in lists list; do $L eval --model speaker --task instruct --template end.jinja --data $f.jsonl | sed 's/in .* seconds.*//' >$f.out; done && $L eval --model speaker --task chat --template end.jinja --data talk.jsonl | sed 's/in .* seconds.*//' >talk.out && cmp lists.out talk.out && cmp list.out talk.out && grep -q 'on 1 examples' talk.out");
  EXPECT(0, "echo '{\"prompt\":[{\"role\":\"user\",\"content\":\"w5\"},{\"role\":\"assistant\",\"content\":\"w3 w4\"},{\"role\":\"user\",\"content\":\"w6\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"w8 w30\"}]}' >long.jsonl && "
         "echo '{\"prompt\":\"w5 w2 w3 w4 w6\",\"completion\":[{\"role\":\"assistant\",\"content\":\"w8 w30\"}]}' >flat.jsonl && for f in long flat; do $L eval --model speaker --task instruct --template end.jinja --data $f.jsonl | sed 's/in .* seconds.*//' >$f.out; done && cmp long.out flat.out");      /* the prompt's answer is not learned */
  EXPECT(0, "for f in '{\"prompt\":[{\"role\":\"user\",\"content\":\"w5\"}],\"chosen\":[{\"role\":\"assistant\",\"content\":\"w7 w8\"}],\"rejected\":[{\"role\":\"assistant\",\"content\":\"w12\"}]}' "
         "'{\"chosen\":[{\"role\":\"user\",\"content\":\"w5\"},{\"role\":\"assistant\",\"content\":\"w7 w8\"}],\"rejected\":[{\"role\":\"user\",\"content\":\"w5\"},{\"role\":\"assistant\",\"content\":\"w12\"}]}'; do "
         "for i in 1 2; do echo \"$f\"; done >lists.jsonl && $L train --model speaker --task preference --template end.jinja --train lists.jsonl --lr 1e-2 --epochs 10 --threads 1 --seed 1 --out pl.ladder && $L eval --model speaker --ladder pl.ladder --data lists.jsonl | sed 's/ in .* seconds.*//' >>pl.out; done && "
         "test $(wc -l <pl.out) = 2 && test $(sort -u pl.out | wc -l) = 1 && grep -q 'accuracy 1.0000 on 2 examples' pl.out");
  EXPECT(1, "echo '{%% for m in messages %%}{{ m.content }} {%% endfor %%}' >bare.jinja && printf '{\"prompt\":[],\"chosen\":\"w3\",\"rejected\":\"w4 w5\"}\\n' >lists.jsonl && $L train --model speaker --task preference --template bare.jinja --train lists.jsonl --epochs 1 --out x.ladder");
  CHECK(one_error_line() && holds("err", "says nothing in it"));
  EXPECT(1, "echo '{\"prompt\":[1],\"completion\":\"w3\"}' >lists.jsonl && $L eval --model speaker --task instruct --template end.jinja --data lists.jsonl");
  CHECK(one_error_line() && holds("err", "texts or lists of"));
  EXPECT(1, "echo '{\"prompt\":\"w1\",\"completion\":[{\"role\":\"user\",\"content\":\"w3\"}]}' >lists.jsonl && $L eval --model speaker --task instruct --template end.jinja --data lists.jsonl");
  CHECK(one_error_line() && holds("err", "the model says nothing in it"));
  EXPECT(2, "echo '{}' | $L tokenize --model speaker --chat --json --no-special");
  EXPECT(1, "$L train --model speaker --task text --template end.jinja --train tale.txt --out x.ladder");
  CHECK(one_error_line());
  EXPECT(2, "echo w1 | $L generate --model speaker --template talk.jinja");
  EXPECT(2, "echo '[1]' | $L tokenize --model speaker --chat --decode --json");
  EXPECT(1, "echo '{\"text\":\"w1\"}' | $L tokenize --model speaker --chat --json");
  CHECK(one_error_line());
  free(text);
  if (model_folder(path, "en-mini")) {
    EXPECT(1, "echo hello | $L generate --model '%s'", path);
    CHECK(one_error_line());
    EXPECT(1, "$L train --model '%s' --task text --train tale.txt --out x.ladder", path);
    CHECK(one_error_line());
  }
}

/* One vector a text, as the model's own description of its sentence vectors has it. */
/* Sources and targets by a ladder, LoRA and all of a model of two stacks; what the decoder says afterwards. */
TEST(pairs_of_texts_are_learned) {
  char data[LADDER_MAX_PATH], *text;
  size_t n;
  NEED_PROGRAM();
  NEED_MODEL(data, "hf/t5");
  CHECK(put_file("pairs.tsv", "the cat sat on the mat\tone\nit is a truth\ttwo truths\nwhat is the time\tnoon\n"));
  CHECK(put_file("pairs.jsonl", "{\"source\":\"the cat sat on the mat\",\"target\":\"one\"}\n{\"source\":\"it is a truth\",\"target\":\"two truths\"}\n"
      "{\"source\":\"what is the time\",\"target\":\"noon\"}\n"));
  EXPECT(0, "$L train --model %s --task seq2seq --train pairs.tsv --dev pairs.tsv --method full --lr 1e-2 --epochs 60 --seed 1 --out full.ladder", data);
  CHECK(holds("out", "95376 parameters trained, 0 frozen"));
  EXPECT(0, "cut -f1 pairs.tsv | $L generate --model %s --ladder full.ladder --max-new 9", data);
  text = slurp("out", &n);
  CHECK_STR(text, "one\ntwo truths\nnoon\n");
  free(text);
  EXPECT(0, "cut -f1 pairs.tsv | $L generate --model %s --ladder full.ladder --max-new 9 --beams 3", data);
  text = slurp("out", &n);
  CHECK_STR(text, "one\ntwo truths\nnoon\n");
  free(text);
  EXPECT(0, "$L predict --model %s --ladder full.ladder pairs.tsv", data);
  text = slurp("out", &n);
  CHECK_STR(text, "{\"text\":\"one\"}\n{\"text\":\"two truths\"}\n{\"text\":\"noon\"}\n");
  free(text);
  EXPECT(0, "$L eval --model %s --ladder full.ladder --data pairs.tsv --generate --answers said.jsonl >scored", data);
  CHECK(holds("scored", "exact match 100.0000 on 3 texts with 3 references\n"));
  EXPECT(0, "$L score --said said.jsonl --data pairs.jsonl >scored.again && cmp scored.again scored");
  EXPECT(0, "$L predict --model %s --ladder full.ladder pairs.tsv >lines && cmp lines said.jsonl", data);
  CHECK(put_file("several.tsv", "it is a truth\tone truth\nwhat is the time\tmidnight\nit is a truth\ttwo truths\n"));
  EXPECT(0, "$L eval --model %s --ladder full.ladder --data several.tsv --generate --beams 3 --max-new 9 --json", data);
  CHECK(holds("out", "\"exact\":50,\"texts\":2,\"references\":3}\n"));
  EXPECT(0, "$L eval --model %s --data several.tsv --generate --max-new 3 --answers plain.jsonl", data);      /* the model as it is */
  EXPECT(0, "test $(wc -l <plain.jsonl) = 2");
  EXPECT(1, "$L eval --model %s --ladder full.ladder --task text --data pairs.tsv --generate", data);
  CHECK(holds("err", "no targets"));
  EXPECT(2, "$L eval --model %s --ladder full.ladder --data pairs.tsv --beams 3", data);
  CHECK(holds("err", "--generate"));
  EXPECT(0, "echo '\"it is a truth\"' | $L predict --model %s --ladder full.ladder --json", data);
  CHECK(holds("out", "{\"text\":\"two truths\"}\n"));
  EXPECT(0, "$L train --model %s --task seq2seq --train pairs.jsonl --dev pairs.jsonl --method full --lr 1e-2 --epochs 60 --seed 1 --out same.ladder", data);
  CHECK(same_files("full.ladder", "same.ladder"));
  EXPECT(0, "$L train --model %s --task seq2seq --train pairs.tsv --lr 3e-2 --epochs 20 --seed 1 --out narrow.ladder", data);
  EXPECT(0, "$L eval --model %s --ladder narrow.ladder --data pairs.jsonl", data);
  CHECK(holds("out", "on 3 examples"));
  EXPECT(0, "echo 'it is a truth' | $L generate --model %s --ladder narrow.ladder --max-new 3", data);
  EXPECT(0, "$L train --model %s --task seq2seq --train pairs.tsv --preset paper --reduction 2 --rungs 0,1 --encoder-rungs 0,2 --importance fisher --cache ram --lr 3e-2 --epochs 80 --seed 1 --out side.ladder", data);
  EXPECT(0, "cut -f1 pairs.tsv | $L generate --model %s --ladder side.ladder --max-new 9 --beams 2", data);
  text = slurp("out", &n);
  CHECK_STR(text, "one\ntwo truths\nnoon\n");
  free(text);
  CHECK(put_file("kinds.tsv", "cat\tthe cat sat\ntime\twhat is the time\ncat\ta cat\ntime\tthe time is noon\n"));      /* classes stand on the encoder */
  EXPECT(0, "$L train --model %s --train kinds.tsv --lr 1e-2 --epochs 20 --recipe plain --seed 1 --out kinds.ladder", data);
  EXPECT(0, "printf 'the cat sat\\nwhat is the time\\n' | $L predict --model %s --ladder kinds.ladder", data);
  text = slurp("out", &n);
  CHECK(text && strstr(text, "{\"label\":\"cat\"") == text && strstr(text, "\n{\"label\":\"time\""));
  free(text);
  EXPECT(0, "$L plan --model %s --task seq2seq", data);
  CHECK(holds("out", "training: gradients"));
  EXPECT(1, "$L eval --model %s --ladder kinds.ladder --data pairs.tsv --generate", data);
  CHECK(holds("err", "not trained on words"));
  CHECK(put_file("empty.tsv", "a cat\t\n"));
  EXPECT(1, "$L train --model %s --task seq2seq --train empty.tsv --out x.ladder", data);
  EXPECT(1, "$L train --model %s --task text --train pairs.tsv --out x.ladder", data);
  CHECK(holds("err", "--task seq2seq"));
  EXPECT(1, "$L train --model %s --task seq2seq --train pairs.tsv --method prefix --out x.ladder", data);
  CHECK(holds("err", "two stacks"));
  EXPECT(1, "$L train --model %s --train kinds.tsv --preset paper --encoder-rungs 0,2 --out x.ladder", data);      /* the encoder alone is one stack */
  EXPECT(2, "$L train --model %s --task seq2seq --train pairs.tsv --encoder-rungs 0,x --out x.ladder", data);
  CHECK(holds("err", "no list of numbers"));
}

/* Texts beside their references, without a model; what the measures are is test_score's. */
TEST(texts_are_scored) {
  static const struct { const char *said, *data, *says; } bad[] = {
    { "a\nb\n", "x\ta\ny\tb\nz\tc\n", "it holds 2 texts, and data.tsv has 3 sources" }, { "a\n\n\n", "x\ta\nx\tb\n", "it holds 3 texts, and data.tsv has 1 sources" },
    { "", "x\ta\n", "said.txt: the file holds no texts" }, { "a\n", "", "data.tsv: the file holds no examples" }, { "a\xff\n", "x\ta\n", "said.txt: line 1" },
    { "a\n", "x\ta\xff\n", "data.tsv: line 1" }, { "a\n", "x\n", "data.tsv: 1 of 1 examples are damaged" } };
  static const struct { const char *text, *says; } values[] = { { "{\"texts\":1}", "{\"text\": ..}" }, { "12", "{\"text\": ..}" }, { "\"a\" {", "line 1" } };
  size_t i;
  NEED_PROGRAM();
  CHECK(put_file("data.tsv", "source one\tThe cat, it sat.\nsource two\t\xe4\xbb\x8a\xe5\xa4\xa9\nsource one\tA cat sat there.\n"));
  CHECK(put_file("said.txt", "A cat sat there.\r\n\xe4\xbb\x8a\xe5\xa4\xa9"));
  EXPECT(0, "$L score --said said.txt --data data.tsv");
  CHECK(holds("out", "BLEU 100.0000, BLEU-zh 100.0000, chrF 100.0000, ROUGE-1 50.0000, ROUGE-2 50.0000, ROUGE-L 50.0000, exact match 100.0000 on 2 texts with 3 references\n"));
  CHECK(put_file("said.jsonl", "{\"text\":\"A cat sat there.\"}\n\"\xe4\xbb\x8a\"\n"));
  EXPECT(0, "$L score --said said.jsonl --data data.tsv --json");
  CHECK(holds("out", "\"exact\":50,\"texts\":2,\"references\":3}\n"));
  EXPECT(0, "$L score --said - --data data.tsv <said.txt");
  CHECK(put_file("lost.txt", "\n\n"));                      /* a line without anything is a text */
  EXPECT(0, "$L score --said lost.txt --data data.tsv");
  CHECK(holds("out", "BLEU 0.0000, BLEU-zh 0.0000, chrF 0.0000, ROUGE-1 0.0000, ROUGE-2 0.0000, ROUGE-L 0.0000, exact match 0.0000"));
  CHECK(put_file("devset.csv", "\"mr\",\"ref\"\n\"name[A], food[B]\",\"A has B, \"\"B\"\".\"\n\"name[C]\",\"C is.\"\n"));      /* E2E's own form */
  CHECK(put_file("said.txt", "A has B, \"B\".\nC was.\n"));
  EXPECT(0, "$L score --said said.txt --data . --task e2e --json");
  CHECK(holds("out", "\"exact\":50,\"texts\":2,\"references\":2}\n"));
  EXPECT(1, "$L score --said said.txt --data data.tsv --task sst2");
  CHECK(holds("err", "no targets"));
  EXPECT(1, "$L score --said nowhere.txt --data data.tsv");
  CHECK(one_error_line());
  EXPECT(2, "$L score --said said.txt");
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(put_file("said.txt", bad[i].said) && put_file("data.tsv", bad[i].data));
    EXPECT(1, "$L score --said said.txt --data data.tsv");
    CHECK(holds("err", bad[i].says));
    CHECK(one_error_line());
  }
  CHECK(put_file("data.tsv", "x\ta\n"));
  for (i = 0; i < sizeof values / sizeof *values; i++) {
    CHECK(put_file("said.jsonl", values[i].text));
    EXPECT(1, "$L score --said said.jsonl --data data.tsv");
    CHECK(holds("err", values[i].says));
  }
}

/* Models of two stacks: states by --stack, and text with one beam or several as transformers makes it
   (tests/reference/make_beams.py). */
TEST(two_stacks_are_read_and_searched) {
  char data[LADDER_MAX_PATH], golden[1024], model[40], line[256], *all, *at, *end;
  size_t size;
  int lines = 0;
  NEED_PROGRAM();
  NEED_MODEL(data, "hf/t5");
  EXPECT(0, "echo '{\"ids\":[3,4]}' | $L features --model %s --json", data);
  CHECK(holds("out", "{\"ids\":[3,4],\"hidden\":[["));
  EXPECT(0, "echo '{\"ids\":[3,4],\"decoder_ids\":[0,7,9]}' | $L features --model %s --json --stack decoder --layer 1", data);
  CHECK(holds("out", "{\"ids\":[0,7,9],\"hidden\":[["));
  EXPECT(0, "echo '{\"ids\":[3,4],\"decoder_ids\":[0,7,9]}' | $L features --model %s --json --layer logits", data);
  CHECK(holds("out", "{\"ids\":[0,7,9],\"logits\":[["));
  EXPECT(1, "echo '{\"ids\":[3,4]}' | $L features --model %s --json --layer logits", data);
  CHECK(holds("err", "decoder_ids"));
  EXPECT(1, "echo '{\"ids\":[3,4],\"decoder_ids\":[0]}' | $L features --model %s --json --stack decoder --layer 3", data);
  CHECK(holds("err", "the model has 2 layers"));
  EXPECT(1, "echo '{\"ids\":[3,4],\"decoder_ids\":[0]}' | $L features --model %s/../bert-mlm --json", data);
  CHECK(holds("err", "none of"));
  EXPECT(1, "echo '{\"ids\":[3,4]}' | $L features --model %s/../bert-mlm --json --stack decoder", data);
  CHECK(holds("err", "one stack"));
  EXPECT(1, "echo '{\"ids\":[3,4]}' | $L generate --model %s --json --beams 2 --temperature 1", data);
  CHECK(holds("err", "--beams"));
  CHECK(ldr_test_golden_path(golden, sizeof golden, "beams.jsonl"));
  all = ldr_test_read(golden, &size);
  *strrchr(data, '/') = 0;
  for (at = all; at && at < all + size && (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
    int beams = 0;
    double penalty = 0;
    char stop[8], *ids = strstr(at, "\"ids\":"), *out = strstr(at, ",\"out\":"), *again = strstr(at, "\"again\":"), more[60] = "";
    if (lines % 3) continue;                       /* every third, and so of every model and rule */
    if (again && again < end) {
      int run = 0, least = 0;
      double times = 0;
      CHECK(sscanf(again, "\"again\":%d,\"least\":%d,\"times\":%lf", &run, &least, &times) == 3);
      if (run) snprintf(more, sizeof more, " --no-repeat %d", run);
      if (least) snprintf(more + strlen(more), sizeof more - strlen(more), " --min-new %d", least);
      if (times > 0) snprintf(more + strlen(more), sizeof more - strlen(more), " --repetition %g", times);
    }
    CHECK(sscanf(at, "{\"model\":\"%39[^\"]\",\"beams\":%d,\"penalty\":%lf,\"stop\":\"%7[^\"]", model, &beams, &penalty, stop) == 4);
    snprintf(line, sizeof line, "{%.*s}", (int)(out - ids), ids);
    EXPECT(0, "echo '%s' | $L generate --model %s/%s --json --max-new 12 --beams %d --length-penalty %g --early-stopping %s %s", line, data, model, beams, penalty, stop, more);
    snprintf(line, sizeof line, "\"ids\":%.*s", (int)(end - 1 - (out + 7)), out + 7);
    if (!holds("out", line)) printf("  %.*s\n", (int)(end - at), at);
    CHECK(holds("out", line));
  }
  CHECK_INT(lines, 142);
  free(all);
}

/* What generation_config.json says of two stacks is done, or refused by name; --greedy takes no notice. */
TEST(texts_are_made_as_their_model_says) {
  char data[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(data, "hf/t5");
  EXPECT(0, "rm -rf sayer && mkdir sayer && cp %s/config.json %s/model.safetensors sayer/", data, data);
#define SAID(text) put_file("sayer/generation_config.json", text)
#define SAY(how) "echo '{\"ids\":[61,30,117,153,106,155,295]}' | $L generate --model sayer --json --max-new 12 " how
  SAID("{\"no_repeat_ngram_size\":2}");
  EXPECT(0, SAY(""));
  CHECK(holds("out", "[80,84,20,57,274,104,104,274,20,104,145,104]"));
  EXPECT(1, SAY("--temperature 1"));
  CHECK(holds("err", "generation_config.json"));
  SAID("{\"min_length\":10}");                                   /* the decoder's own first token counts there */
  EXPECT(0, SAY(""));
  CHECK(holds("out", "[80,84,20,57,274,104,104,104,104,104,104,104]"));
  SAID("{\"bad_words_ids\":[[80],[104]]}");
  EXPECT(0, SAY(""));
  CHECK(!holds("out", "[80,") && !holds("out", "104"));
  SAID("{\"bad_words_ids\":[[\"80\"]]}");
  EXPECT(1, SAY(""));
  CHECK(holds("err", "bad_words_ids"));
  SAID("{\"bad_words_ids\":[[80,81]]}");
  EXPECT(1, SAY(""));
  CHECK(holds("err", "bad_words_ids"));
  EXPECT(0, SAY("--greedy"));
  CHECK(holds("out", "[80,"));
  EXPECT(2, SAY("--no-repeat 2 --temperature 1"));
  EXPECT(2, "$L eval --model sayer --data x --min-new 3");
#undef SAID
#undef SAY
}

TEST(sentence_models_pool_as_they_say) {
  static const char *const dirs[] = { "st-bge", "st-minilm", "st-max" };
  char model[LADDER_MAX_PATH], golden[LADDER_MAX_PATH + 40], name[64], line[400], *text;
  const char *keys;
  ldr_weights *g;
  ldr_json *texts, *j;
  int32_t i, k, v;
  size_t d;
  NEED_PROGRAM();
  for (d = 0; d < 3; d++) {
    sprintf(name, "hf/%s/", dirs[d]);
    if (!ldr_test_data_path(golden, sizeof golden, "models/hf/st-bge/golden.safetensors")) SKIP("no models/hf (set LADDER_DATA to the data folder)");
    sprintf(name, "models/hf/%s/golden.safetensors", dirs[d]);
    CHECK(ldr_test_data_path(golden, sizeof golden, name) && realpath(golden, model));
    g = ldr_weights_open(golden, NULL, NULL);
    keys = g ? ldr_weights_meta(g, "texts") : NULL;
    texts = keys ? ldr_json_parse(keys, strlen(keys), NULL, NULL) : NULL;
    CHECK(texts != NULL);
    *strrchr(model, '/') = 0;
    for (i = 0, k = texts ? ldr_json_node_at(texts, 0)->first : -1; k >= 0; k = ldr_json_node_at(texts, k)->next, i++) {
      const ldr_tensor *want = ldr_weights_find(g, "sentence_embedding");
      const ldr_json_node *node = ldr_json_node_at(texts, k);
      double worst = 0;
      int32_t at;
      snprintf(line, sizeof line, "%.*s\n", (int)(node->end - node->begin) + 0, texts->text + node->begin);
      if (line[0] != '"') snprintf(line, sizeof line, "\"%.*s\"\n", (int)(node->end - node->begin), texts->text + node->begin);
      CHECK(put_file("line.json", line));
      EXPECT(0, "$L features --model '%s' --json --pool model <line.json", model);
      j = output_json(&text);
      at = j ? ldr_json_get(j, 0, "vector") : -1;
      CHECK(at >= 0 && ldr_json_node_at(j, at)->count == (int32_t)want->shape[1]);
      for (v = 0, at = at < 0 ? -1 : ldr_json_node_at(j, at)->first; at >= 0; at = ldr_json_node_at(j, at)->next, v++)
        worst = fmax(worst, fabs(ldr_json_number(j, at, 1e9) - (double)ldr__load(want->data, LDR_F32, (size_t)(i * (int32_t)want->shape[1] + v))));
      CHECK(worst < 2e-5);
      ldr_json_free(j);
      free(text);
    }
    CHECK(i == 5);
    ldr_json_free(texts);
    ldr_weights_close(g);
  }
}

/* A model directory becomes one of 8 or 4 bits that every command takes; nothing that is there is replaced. */
TEST(quantize_makes_a_whole_model) {
  static const char *const types[] = { "q8_0", "q4_0" }, *const names[] = { "Q8_0", "Q4_0" };
  char model[LADDER_MAX_PATH], *text;
  size_t n, m;
  int q;
  NEED_SPEED();
  NEED_PROGRAM();
  EXPECT(1, "$L quantize --model nowhere --out q");
  CHECK(one_error_line());
  EXPECT(2, "$L quantize --model nowhere --out q --type q5_k");
  EXPECT(2, "$L quantize --model nowhere");
  EXPECT(2, "$L quantize --out q");
  EXPECT(1, "test -d q");
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  for (q = 0; q < 2; q++) {
    EXPECT(0, "$L quantize --model '%s' --type %s --out %s && test ! -e %s/model.safetensors.partial", model, types[q], types[q], types[q]);
    EXPECT(0, "cmp '%s/config.json' %s/config.json && cmp '%s/vocab.txt' %s/vocab.txt && cmp '%s/tokenizer_config.json' %s/tokenizer_config.json", model, types[q], model, types[q], model, types[q]);
    EXPECT(0, "$L inspect %s | grep 'encoder.layer.0.attention.self.query.weight' | grep -q ' %s '", types[q], names[q]);
    EXPECT(0, "$L inspect %s | grep 'word_embeddings.weight' | grep -q ' Q8_0 '", types[q]);
    EXPECT(0, "$L inspect %s | tail -n 1 | cut -d' ' -f1-4 > sizes; $L inspect '%s' | tail -n 1 | cut -d' ' -f1-4 | cmp - sizes", types[q], model);      /* as many tensors and elements */
    EXPECT(0, "$L train --model %s --train train.tsv --dev dev.tsv --out q.ladder --epochs 6 --batch 8 --lr 3e-3 --cache ram", types[q]);
    EXPECT(0, "echo 'a lovely meal' | $L predict --model %s --ladder q.ladder | grep -q '\"label\":\"plus\"'", types[q]);
    EXPECT(0, "echo 'a lovely meal' | $L features --model %s --pool mean --compute int8 && echo 'a lovely meal' | $L features --model %s --pool mean --compute bf16", types[q], types[q]);
    EXPECT(0, "cut -f2 dev.tsv > texts; $L features --model %s --pool mean < texts > f1; $L features --model %s --pool mean --release < texts > f2; cmp f1 f2", types[q], types[q]);
    EXPECT(1, "echo 'a lovely meal' | $L predict --model '%s' --ladder q.ladder", model);       /* another backbone */
    CHECK(one_error_line());
  }
  text = slurp("q8_0/model.safetensors", &n);
  free(text);
  text = slurp("q4_0/model.safetensors", &m);
  free(text);
  CHECK(m < n && n < 12600000);                      /* of 22.4 million bytes */
  EXPECT(1, "cp q4_0/model.safetensors kept; $L quantize --model '%s' --out q4_0", model);
  CHECK(one_error_line());
  CHECK(same_files("kept", "q4_0/model.safetensors"));
  EXPECT(1, "$L quantize --model '%s' --out '%s'", model, model);
  CHECK(one_error_line());
  EXPECT(1, "$L quantize --model q8_0 --out again");      /* rounded once is enough */
  CHECK(one_error_line());
  EXPECT(1, "test -e again/model.safetensors");
  EXPECT(1, "$L quantize --model '%s' --out train.tsv", model);
  CHECK(one_error_line());
}

static int err_holds(const char *text) {
  size_t n;
  char *err = slurp("err", &n);
  int holds = err && strstr(err, text) != NULL;
  free(err);
  return holds;
}

TEST(train_eval_predict) {
  static const char *const keys[] = { "metric", "dev", "best_epoch", "trainable", "total", "steps", "seconds", "tokens_per_second", "peak_bytes", "majority", "test" };
  char model[LADDER_MAX_PATH], *text;
  ldr_json *j;
  double dev = -1;
  size_t i;
  int32_t scores;
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  EXPECT(0, "$L train --model '%s' --train train.tsv --dev dev.tsv --test dev.tsv --out a.ladder --epochs 6 --batch 8 --lr 3e-3 --log a.jsonl --json", model);
  j = output_json(&text);
  CHECK(j != NULL);
  for (i = 0; j && i < sizeof keys / sizeof *keys; i++) CHECK(ldr_json_get(j, 0, keys[i]) >= 0);
  CHECK(j && ldr_json_equals(j, ldr_json_get(j, 0, "metric"), "accuracy"));
  CHECK_INT(json_member(j, "steps"), 30);
  CHECK_NEAR(json_member(j, "majority"), 0.5, 0);
  if (j) dev = json_member(j, "dev");
  CHECK(dev > 0.9);
  CHECK_NEAR(json_member(j, "test"), dev, 0);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "test $(grep -c '^{\"step\":' a.jsonl) = 30 && test $(grep -c '^{\"epoch\":' a.jsonl) = 6");

  EXPECT(0, "$L eval --model '%s' --ladder a.ladder --data dev.tsv --json", model);
  j = output_json(&text);
  CHECK_NEAR(json_member(j, "value"), dev, 0);
  CHECK_INT(json_member(j, "examples"), 40);
  ldr_json_free(j);
  free(text);

  EXPECT(0, "echo 'a lovely meal' | $L predict --model '%s' --ladder a.ladder", model);
  j = output_json(&text);
  CHECK(j && ldr_json_equals(j, ldr_json_get(j, 0, "label"), "plus"));
  scores = ldr_json_get(j, 0, "scores");
  CHECK_NEAR(ldr_json_number(j, ldr_json_get(j, scores, "plus"), 0) + ldr_json_number(j, ldr_json_get(j, scores, "minus"), 0), 1, 1e-5);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "cut -f2 dev.tsv > texts; $L predict --model '%s' --ladder a.ladder texts > p1; $L predict --model '%s' --ladder a.ladder < texts > p2; cmp p1 p2 && test $(wc -l < p1) = 40", model, model);
}

/* Several ladders on one model: each line holds what each says by itself. */
TEST(ladders_are_served_together) {
  char model[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  EXPECT(0, "sed 's/^plus/1.5/;s/^minus/-0.5/' train.tsv > numbers.tsv; cut -f2 dev.tsv > texts");
  EXPECT(0, "$L train --model '%s' --train train.tsv --out a.ladder --epochs 1 --batch 8", model);
  EXPECT(0, "$L train --model '%s' --train numbers.tsv --regress --out n.ladder --epochs 1 --batch 8 --preset sliced", model);
  EXPECT(0, "$L train --model '%s' --train train.tsv --out h.ladder --epochs 1 --batch 8 --method head", model);
  EXPECT(0, "for n in a n h; do $L predict --model '%s' --ladder $n.ladder texts > $n.said; done; paste -d, a.said n.said h.said | sed 's/^/[/;s/$/]/' > want", model);
  EXPECT(0, "$L predict --model '%s' --ladder a.ladder --ladder n.ladder --ladder=h.ladder texts > got; cmp want got && test $(wc -l < got) = 40", model);
  EXPECT(0, "head -n 3 want > w3; head -n 3 texts | $L predict --model '%s' --ladder a.ladder --ladder n.ladder --ladder h.ladder | cmp - w3", model);
  EXPECT(0, "$L train --model '%s' --train train.tsv --out s.ladder --epochs 1 --batch 8 --max-len 16 --method head", model);
  EXPECT(1, "$L predict --model '%s' --ladder a.ladder --ladder s.ladder texts", model);
  CHECK(one_error_line() && err_holds("s.ladder: it was trained on texts of another length"));
  EXPECT(0, "$L predict --model '%s' --ladder a.ladder --ladder s.ladder --max-len 16 texts", model);
  EXPECT(1, "$L predict --model '%s' --ladder a.ladder --ladder missing texts", model);
  CHECK(one_error_line() && err_holds("missing"));
  EXPECT(2, "$L predict --model '%s' --ladder a.ladder --ladder n.ladder --submission s texts", model);
  EXPECT(2, "$L predict --model '%s' $(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do echo --ladder a.ladder; done) texts", model);
}

/* Half of the blocks learn the task and are a model of their own: its configuration differs in one line, its tensors are those blocks'. */
TEST(theseus_makes_a_smaller_model) {
  char model[LADDER_MAX_PATH], options[LADDER_MAX_PATH + 256];
  NEED_SPEED();
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  snprintf(options, sizeof options, "--model '%s' --train train.tsv --dev dev.tsv --method theseus --successors 2 --replace-rate 0.4 --replace-schedule constant --replace-until 0.4 --epochs 6 --batch 8 --lr 1e-3", model);
  EXPECT(0, "$L plan %s > plan; $L train %s --out t.ladder", options, options);
  EXPECT(1, "$L train %s --out t2.ladder --checkpoint tc --stop-at 7", options);
  EXPECT(0, "$L train %s --out t2.ladder --resume tc", options);
  CHECK(same_files("t.ladder", "t2.ladder"));
  EXPECT(0, "echo 'a lovely meal' | $L predict --model '%s' --ladder t.ladder | grep -q '\"label\":\"plus\"'", model);
  EXPECT(0, "$L export --model '%s' --ladder t.ladder --out small", model);
  EXPECT(0, "test $(diff '%s/config.json' small/config.json | grep -c '^>') = 1 && grep -q '\"num_hidden_layers\": 2,' small/config.json && cmp '%s/vocab.txt' small/vocab.txt", model, model);
  EXPECT(0, "$L inspect small | grep -q '^model bert: 2 layers'");
  EXPECT(0, "$L train --model small --train train.tsv --dev dev.tsv --out small.ladder --epochs 3 --batch 8 --cache ram --reduction 2");
  EXPECT(1, "$L export --model '%s' --ladder t.ladder --out small", model);
  CHECK(one_error_line());
  EXPECT(2, "$L compare --model '%s' --train train.tsv --successors 2", model);
}

TEST(same_seed_same_bytes) {
  char model[LADDER_MAX_PATH];
  NEED_SPEED();
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  EXPECT(0, "for n in s1 s2; do $L train --model '%s' --train train.tsv --out $n --epochs 1 --batch 8 --seed 7; done; $L train --model '%s' --train train.tsv --out s3 --epochs 1 --batch 8 --seed 8", model, model);
  CHECK(same_files("s1", "s2"));
  CHECK(!same_files("s1", "s3"));
}

TEST(resume_changes_nothing) {
  char model[LADDER_MAX_PATH], options[LADDER_MAX_PATH + 256];
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  snprintf(options, sizeof options, "--model '%s' --train train.tsv --dev dev.tsv --epochs 4 --batch 8 --preset clue --seed 3", model);
  EXPECT(0, "$L train %s --out whole.ladder", options);
  EXPECT(1, "$L train %s --out part.ladder --checkpoint c --stop-at 8", options);
  CHECK(one_error_line());
  EXPECT(0, "test ! -e part.ladder && test -s c");
  EXPECT(0, "$L train %s --out part.ladder --resume c", options);
  CHECK(same_files("whole.ladder", "part.ladder"));
  EXPECT(1, "$L train %s --out part.ladder --resume train.tsv", options);
  CHECK(one_error_line());
}

/* Ctrl-C at whatever step it comes; the state is found beside the result. */
TEST(interrupt_and_resume_change_nothing) {
  char model[LADDER_MAX_PATH], options[LADDER_MAX_PATH + 256];
  NEED_SPEED();
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  snprintf(options, sizeof options, "--model '%s' --train train.tsv --dev dev.tsv --epochs 12 --batch 8 --seed 3", model);
  EXPECT(0, "$L train %s --out whole.ladder", options);
  EXPECT(1, "rm -f log; $L train %s --out cut.ladder --log log & p=$!; i=0; while test $i -lt 6000 && ! grep -qs '\"step\":7,' log; do i=$((i+1)); sleep 0.02; done; kill -INT $p; wait $p", options);
  CHECK(one_error_line());
  EXPECT(0, "test ! -e cut.ladder && $L train %s --out cut.ladder --resume cut.ladder.checkpoint", options);
  CHECK(same_files("whole.ladder", "cut.ladder"));
}

/* Where taps lie and how they came there changes no byte of the result. */
TEST(the_cache_lies_in_a_folder) {
  char model[LADDER_MAX_PATH], options[LADDER_MAX_PATH + 256], *text;
  ldr_json *j;
  double disk;
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  snprintf(options, sizeof options, "--model '%s' --train train.tsv --dev dev.tsv --epochs 2 --batch 8 --seed 5 --recipe plain", model);
  EXPECT(0, "$L train %s --out c0", options);
  EXPECT(0, "$L train %s --out c1 --cache ram --cache-fill layers --release", options);
  CHECK(same_files("c0", "c1"));
  EXPECT(0, "$L plan %s --cache taps --json", options);
  j = output_json(&text);
  disk = json_member(j, "disk");
  CHECK(text && strstr(text, "tap cache: one record") && !strstr(text, "tap cache: taps"));
  ldr_json_free(j);
  free(text);
  EXPECT(0, "$L train %s --out c1 --cache taps && test $(cat taps/train.taps taps/dev.taps | wc -c) = %.0f", options, disk);
  CHECK(same_files("c0", "c1"));
  CHECK(!err_holds("note"));
  EXPECT(0, "$L train %s --out c2 --cache taps", options);
  CHECK(same_files("c0", "c2"));
  CHECK(err_holds("ladder: note: taps/train.taps: ") && err_holds("used again"));
  EXPECT(0, "printf x | dd of=taps/train.taps bs=1 seek=5000 conv=notrunc 2>dd && $L train %s --out c2 --cache taps", options);
  CHECK(same_files("c0", "c2"));
  CHECK(err_holds("taps/train.taps: the record at byte") && err_holds("checksum"));
  EXPECT(0, "$L train %s --out c2 --cache taps --max-len 4", options);
  CHECK(err_holds("length limit; it is made again"));
  EXPECT(0, "$L train %s --out i1 --cache ram --cache-type int8 && $L train %s --out i2 --cache taps --cache-type int8 --cache-fill layers", options, options);
  CHECK(same_files("i1", "i2"));
  CHECK(!same_files("c0", "i1"));
  EXPECT(1, "$L train %s --out c2 --cache train.tsv", options);
  CHECK(one_error_line() && err_holds("train.tsv/train.taps"));
}

TEST(numbers_are_predicted) {
  char model[LADDER_MAX_PATH], *text;
  ldr_json *j;
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  EXPECT(0, "sed 's/^plus/1.5/;s/^minus/-0.5/' train.tsv > numbers.tsv; $L train --model '%s' --train numbers.tsv --dev numbers.tsv --regress --epochs 3 --batch 8 --out n.ladder --json", model);
  EXPECT(0, "$L eval --model '%s' --ladder n.ladder --data numbers.tsv --json", model);
  j = output_json(&text);
  CHECK(j && json_member(j, "value") > 0.2);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "echo 'a good film' | $L predict --model '%s' --ladder n.ladder", model);
  j = output_json(&text);
  CHECK(j && json_member(j, "value") > -12345);
  ldr_json_free(j);
  free(text);
  EXPECT(1, "$L train --model '%s' --train train.tsv --regress --out n.ladder", model);
  CHECK(one_error_line());
}

/* Twelve sentences with a name and a place at changing characters, learned by heart. */
TEST(entities_have_character_offsets) {
  static const char *const names[] = { "张三", "李四", "王小五" }, *const places[] = { "北京", "上海", "台湾", "广州" };
  char model[LADDER_MAX_PATH], data[8192], *text;
  ldr_json *j;
  size_t used = 0;
  int i, n, p;
  int32_t e;
  NEED_SPEED();
  NEED_PROGRAM();
  NEED_MODEL(model, "zh-mini");
  for (i = 0; i < 12; i++) {
    n = i % 3 == 2 ? 3 : 2;
    p = n + 2;
    used += (size_t)snprintf(data + used, sizeof data - used, "{\n \"text\": \"%s住在%s。\",\n \"label\": {\"name\": {\"%s\": [[0, %d]]}, \"address\": {\"%s\": [[%d, %d]]}}\n}\n", names[i % 3], places[i % 4], names[i % 3], n - 1, places[i % 4], p, p + 1);
  }
  CHECK(put_file("entities.json", data));
  EXPECT(0, "$L train --task cluener --model '%s' --train entities.json --dev entities.json --epochs 60 --batch 4 --lr 3e-3 --out e.ladder --json", model);
  j = output_json(&text);
  CHECK(j && json_member(j, "dev") > 0.95);
  ldr_json_free(j);
  free(text);
  EXPECT(0, "printf '李四住在台湾。\\n' | $L predict --model '%s' --ladder e.ladder", model);
  j = output_json(&text);
  CHECK(j != NULL);
  e = j ? ldr_json_node_at(j, ldr_json_get(j, 0, "entities"))->first : -1;
  CHECK(e >= 0 && ldr_json_equals(j, ldr_json_get(j, e, "type"), "name") && ldr_json_equals(j, ldr_json_get(j, e, "text"), "李四"));
  CHECK_INT(ldr_json_number(j, ldr_json_get(j, e, "start"), -1), 0);
  CHECK_INT(ldr_json_number(j, ldr_json_get(j, e, "end"), -1), 2);
  e = e >= 0 ? ldr_json_node_at(j, e)->next : -1;
  CHECK(e >= 0 && ldr_json_equals(j, ldr_json_get(j, e, "type"), "address") && ldr_json_equals(j, ldr_json_get(j, e, "text"), "台湾"));
  CHECK_INT(ldr_json_number(j, ldr_json_get(j, e, "start"), -1), 4);
  ldr_json_free(j);
  free(text);
}

/* The tasks' own files, as they are shipped: every line must be understood. */
TEST(task_files_are_understood) {
  static const struct { const char *task, *model, *path, *probe; } tasks[] = {
    { "tnews", "zh-mini", "tasks/fewclue/tnews", "train_few_all.json" }, { "iflytek", "zh-mini", "tasks/fewclue/iflytek", "train_few_all.json" },
    { "afqmc", "zh-mini", "tasks/afqmc", "dev.json" }, { "ocnli", "zh-mini", "tasks/ocnli", "train.10k.json" }, { "csl", "zh-mini", "tasks/fewclue/csl", "train_few_all.json" },
    { "cluener", "zh-mini", "tasks/cluener", "train.json" }, { "chnsenticorp", "zh-mini", "tasks/chnsenticorp", "train.txt" }, { "sst2", "en-mini", "tasks/glue/SST-2", "train.tsv" },
    { "cola", "en-mini", "tasks/glue/CoLA", "in_domain_train.tsv" }, { "mrpc", "en-mini", "tasks/glue/MRPC_official", "msr_paraphrase_train.txt" },
    { "rte", "en-mini", "tasks/glue/RTE", "train.tsv" }, { "stsb", "en-mini", "tasks/glue/STS-B", "train.tsv" } };
  char model[LADDER_MAX_PATH], probe[LADDER_MAX_PATH], path[LADDER_MAX_PATH], relative[256];
  size_t i, found = 0;
  NEED_PROGRAM();
  for (i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    snprintf(relative, sizeof relative, "%s/%s", tasks[i].path, tasks[i].probe);
    if (!model_folder(model, tasks[i].model) || !ldr_test_data_path(probe, sizeof probe, relative) || !realpath(probe, path)) continue;
    found++;
    if (getenv("LDR_TEST_SLOW")) {           /* a few lines of each, where a whole file takes a minute */
      const char *dot = strrchr(path, '.');  /* an object may have many lines, of which the last is a brace */
      EXPECT(0, "head -n 400 '%s' | awk 'NR == 1 { one = $0 != \"{\" } { print } NR >= 40 && (one || $0 == \"}\") { exit }' > 'few%s'", path, dot);
      EXPECT(0, "$L plan --task %s --model '%s' --train 'few%s' --max-len 32 --json", tasks[i].task, model, dot);
      continue;
    }
    if (strcmp(tasks[i].task, "afqmc") != 0) *strrchr(path, '/') = 0;
    EXPECT(0, "$L plan --task %s --model '%s' --train '%s' --max-len 32 --json", tasks[i].task, model, path);
  }
  if (!found) SKIP("no tasks or models (set LADDER_DATA to the data folder)");
}

/* OCNLI's 3000 dev pairs have 50 without a decision, MRPC's header is no example. */
TEST(task_examples_are_counted) {
  static const struct { const char *task, *model, *data; int head, examples; } tasks[] = {
    { "ocnli", "zh-mini", "tasks/ocnli/dev.json", 40, 2950 }, { "mrpc", "en-mini", "tasks/glue/MRPC_official/msr_paraphrase_test.txt", 41, 1725 } };
  char model[LADDER_MAX_PATH], data[LADDER_MAX_PATH], path[LADDER_MAX_PATH], *text;
  size_t i, found = 0;
  NEED_SPEED();
  NEED_PROGRAM();
  for (i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    ldr_json *j;
    if (!model_folder(model, tasks[i].model) || !ldr_test_data_path(data, sizeof data, tasks[i].data) || !realpath(data, path)) continue;
    found++;
    EXPECT(0, "head -n %d '%s' > some && $L train --task %s --model '%s' --train some --method head --epochs 1 --max-len 8 --out t.ladder", tasks[i].head, path, tasks[i].task, model);
    EXPECT(0, "$L eval --model '%s' --ladder t.ladder --data '%s' --json", model, path);
    j = output_json(&text);
    CHECK_INT(json_member(j, "examples"), tasks[i].examples);
    ldr_json_free(j);
    free(text);
  }
  if (!found) SKIP("no tasks or models (set LADDER_DATA to the data folder)");
}

#define QUICK "--method head --recipe plain --epochs 4 --batch 4 --seed 1"

/* A tokenizer's file may say where texts are cut; its own library does so. */
TEST(the_file_truncates) {
  static const char *const rest = "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0,\"a\":1,\"b\":2},\"unk_token\":\"<unk>\"},\"pre_tokenizer\":{\"type\":\"Whitespace\"}}";
  char text[1024];
  NEED_PROGRAM();
  snprintf(text, sizeof text, "{\"truncation\":{\"max_length\":3,\"strategy\":\"LongestFirst\",\"stride\":0,\"direction\":\"Right\"},%s", rest);
  CHECK(put_file("tokenizer.json", text));
  EXPECT(0, "test \"$(echo 'a b a b a' | $L tokenize --tokenizer tokenizer.json)\" = '1 2 1'");
  EXPECT(0, "test \"$(echo 'a b a b a' | $L tokenize --tokenizer tokenizer.json --max-len 4)\" = '1 2 1 2'");
  snprintf(text, sizeof text, "{\"truncation\":{\"max_length\":3,\"strategy\":\"LongestFirst\",\"stride\":0,\"direction\":\"Left\"},%s", rest);
  CHECK(put_file("tokenizer.json", text));
  EXPECT(1, "echo 'a b a b a' | $L tokenize --tokenizer tokenizer.json");
  CHECK(holds("err", "beginning"));
  sprintf(text, "{\"padding\":{\"strategy\":\"BatchLongest\",\"pad_id\":2,\"pad_type_id\":7,\"pad_token\":\"P\",\"pad_to_multiple_of\":2},%s", rest);
  CHECK(put_file("tokenizer.json", text));                                   /* filled up to the longest line, to a multiple of 2 */
  EXPECT(0, "test \"$(printf 'a\\nb a b\\n' | $L tokenize --tokenizer tokenizer.json | tr '\\n' /)\" = '1 2 2 2/2 1 2 2/'");
  EXPECT(0, "printf '\"a\"\\n\"b a\"\\n' | $L tokenize --json --tokenizer tokenizer.json | grep -qF '{\"ids\":[1,2],\"types\":[0,7],\"tokens\":[\"a\",\"P\"],\"offsets\":[[0,1],[0,0]],\"mask\":[1,0]}'");
}

/* Train, eval and predict read the same file the same way, from wherever it comes. */
TEST(one_reader_for_all_commands) {
  char model[LADDER_MAX_PATH];
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  CHECK(write_texts());
  EXPECT(0, "$L train --model '%s' --train train.tsv --out l " QUICK, model);
  CHECK(holds("out", "2 classes: minus 20, plus 20"));
  EXPECT(0, "M='%s'; cut -f1 dev.tsv > labels; cut -f2 dev.tsv > texts; paste texts labels > swapped.tsv; $L predict --model $M --ladder l texts > p1; "
            "$L predict --model $M --ladder l dev.tsv > p2; cmp p1 p2 && test $(wc -l < p1) = 40", model);
  EXPECT(0, "M='%s'; $L predict --model $M --ladder l < dev.tsv | cmp p1 - && $L predict --model $M --ladder l - < dev.tsv | cmp p1 -", model);
  EXPECT(0, "M='%s'; $L predict --model $M --ladder l --columns text,label swapped.tsv | cmp p1 - && $L predict --model $M --ladder l --columns text,- swapped.tsv | cmp p1 -", model);
  EXPECT(0, "(echo 'text,label'; tr '\\t' ',' < swapped.tsv) > named.csv; $L predict --model '%s' --ladder l named.csv | cmp p1 -", model);
  EXPECT(0, "M='%s'; sed 's/.*/{\"text\":\"&\"}/' texts > texts.jsonl; $L predict --model $M --ladder l texts.jsonl | cmp p1 - && $L predict --model $M --ladder l --json < texts.jsonl | cmp p1 -", model);
  EXPECT(0, "M='%s'; $L eval --model $M --ladder l --data dev.tsv > e1; $L eval --model $M --ladder l --data named.csv | cmp e1 - && $L eval --model $M --ladder l --data - < dev.tsv | cmp e1 -", model);
  EXPECT(0, "printf 'a good film\\n\\na bad film\\n' | $L predict --model '%s' --ladder l > p4; test $(wc -l < p4) = 3", model);     /* an empty text is a text */
  EXPECT(0, "(cat texts; echo 'a film with a very long name') | $L predict --model '%s' --ladder l --max-len 7", model);
  CHECK(holds("err", "1 of 41 texts are longer than 7 tokens and were cut"));
  EXPECT(0, "$L train --model '%s' --train swapped.tsv --columns text,label --max-len 4 --out k " QUICK, model);
  CHECK(holds("err", "40 of 40 texts are longer than 4 tokens and were cut"));
  EXPECT(1, "$L train --model '%s' --train - --dev - --out k " QUICK " < train.tsv", model);
  EXPECT(1, "$L train --model '%s' --train train.tsv --encoding gbk --out k " QUICK, model);
  CHECK(holds("err", "\"gbk\"") && holds("err", "iconv"));
  EXPECT(1, "$L train --model '%s' --train train.tsv --columns text --out k " QUICK, model);
  EXPECT(1, "printf 'a good film\\nb\\377\\n' | $L predict --model '%s' --ladder l", model);
  CHECK(holds("err", "line 2"));
}

/* The entity's own text is in the file, so a wrong place is seen; CoNLL has no places. */
TEST(entities_are_where_they_are_said_to_be) {
  static const char good[] = "{\"text\": \"Ann is in Rome.\", \"label\": {\"name\": {\"Ann\": [[0, 2]]}, \"place\": {\"Rome\": [[10, 13]]}}}\n";
  static const char bad[] = "{\"text\": \"Ann is in Rome.\", \"label\": {\"place\": {\"Rome\": [[11, 14]]}}}\n";
  static const char past[] = "{\"text\": \"Ann\", \"label\": {\"name\": {\"Ann\": [[0, 9223372036854775807]]}}}\n";
  static const char conll[] = "-DOCSTART- -X- O O\n\nAnn NNP I-PER\nis VBZ O\nin IN O\nNew NNP B-LOC\nYork NNP E-LOC\n\n\xe5\x8c\x97\tS-LOC\r\n\xe4\xba\xac\tO\r\n";
  char model[LADDER_MAX_PATH], text[1024];
  NEED_PROGRAM();
  NEED_MODEL(model, "en-mini");
  snprintf(text, sizeof text, "%s%s%s", good, bad, past);
  CHECK(put_file("bad.json", text) && put_file("good.json", good) && put_file("a.conll", conll));
  EXPECT(1, "$L train --model '%s' --task cluener --train bad.json --out l " QUICK, model);
  CHECK(holds("err", "2 of 4 entities") && holds("err", "line 2") && holds("err", "\"ome.\""));
  EXPECT(0, "$L train --model '%s' --task cluener --train bad.json --skip-bad --out l " QUICK, model);
  CHECK(holds("err", "2 texts left out") && holds("out", "train: 1 texts"));
  EXPECT(0, "$L train --model '%s' --task cluener --train good.json --max-len 4 --out l " QUICK, model);
  CHECK(holds("err", "1 entities are not learned: they reach behind the cut (--max-len)"));
  EXPECT(1, "$L train --model '%s' --task cluener --train - --out l " QUICK " < good.json", model);
  EXPECT(0, "$L train --model '%s' --task conll --train a.conll --out l " QUICK " --epochs 30", model);
  CHECK(holds("out", "train: 2 texts") && holds("out", "entities: LOC, PER"));
  EXPECT(0, "$L eval --model '%s' --ladder l --data a.conll --json | grep -q '\"value\":1[,}]'", model);
  EXPECT(0, "$L predict --model '%s' --ladder l a.conll | grep -q '\"start\":10,\"end\":18,\"text\":\"New York\"'", model);
  EXPECT(0, "echo 'Ann is in New York' | $L predict --model '%s' --ladder l | grep -q 'New York'", model);
  EXPECT(1, "printf 'Ann X\\n' > b.conll; $L eval --model '%s' --ladder l --data b.conll", model);
  CHECK(holds("err", "line 1"));
  EXPECT(1, "printf 'is O\\nAnn\\n' > b.conll; $L eval --model '%s' --ladder l --data b.conll", model);
  CHECK(holds("err", "line 2"));
}

#define TESTS(X) X(usage_errors) X(help_and_version) X(a_model_becomes_a_gguf_file) X(a_tuned_model_becomes_a_gguf_file) X(a_copy_of_a_model_has_its_files) X(results_replace_nothing) X(options_are_never_passed_over) X(a_copy_holds_its_adapter) X(options_without_effect_are_refused) X(labels_are_not_read_as_texts) X(what_gguf_cannot_say_is_refused) \
  X(bad_weight_files_fail) X(bad_data_files_fail) X(labels_that_training_never_saw) X(several_labels_a_text) X(tokenize_and_features) X(inspect_and_plan_are_json) X(the_plan_is_the_peak) X(inspect_lists_what_a_broken_model_holds) X(a_published_classifier_is_used_and_continued) X(a_ladder_learns_to_answer) X(sentence_models_pool_as_they_say) \
  X(quantize_makes_a_whole_model) X(train_eval_predict) X(ladders_are_served_together) X(the_default_ladder_is_not_below_the_head) X(theseus_makes_a_smaller_model) X(same_seed_same_bytes) X(resume_changes_nothing) X(interrupt_and_resume_change_nothing) X(the_cache_lies_in_a_folder) X(numbers_are_predicted) \
  X(entities_have_character_offsets) X(task_files_are_understood) X(task_examples_are_counted) X(the_file_truncates) X(one_reader_for_all_commands) X(entities_are_where_they_are_said_to_be) X(two_stacks_are_read_and_searched) X(texts_are_made_as_their_model_says) X(pairs_of_texts_are_learned) X(texts_are_scored)

#else

TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)

#endif

LDR_TEST_MAIN("cli", TESTS)
