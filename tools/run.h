/* run.h: what the commands of tools/ladder.c share: platform, texts, options and their table, a run with its model,
   data and ladder, what a training shows, lines of texts, a model directory that is written. Every part of the
   program includes it. */
#ifndef LADDER_RUN_H
#define LADDER_RUN_H

#define _POSIX_C_SOURCE 200809L      /* isatty, clock_gettime, getrusage in strict C99 */
#define _DARWIN_C_SOURCE             /* what Apple would hide for that: mkdtemp */
#ifndef LADDER_H_INCLUDED
  #define LADDER_IMPLEMENTATION
  #include "../ladder.h"
#endif
#include "export.h"
#include "recipe.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
  #define HAVE_POSIX 1
  #include <sys/resource.h>
  #include <sys/stat.h>
  #include <sys/wait.h>
  #include <fcntl.h>
  #include <unistd.h>
#else
  #define HAVE_POSIX 0
#endif
#ifdef _WIN32
  #include <direct.h>
  #include <fcntl.h>
  #include <io.h>
  #define fopen  ldr__fopen      /* names are UTF-8 */
  #define remove ldr__remove
#endif

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

/* ---- platform ------------------------------------------------------------------------- */

static double seconds_now(void) {
#if HAVE_POSIX
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#else
  return (double)clock() / CLOCKS_PER_SEC;
#endif
}

/* A line of this process's status in bytes, or 0 where the system has none. */
static uint64_t status_bytes(const char *name) {
  uint64_t bytes = 0;
#ifdef __linux__
  FILE *f = fopen("/proc/self/status", "r");
  char line[256];
  while (f && !bytes && fgets(line, sizeof line, f))
    if (strncmp(line, name, strlen(name)) == 0) bytes = 1024u * (uint64_t)strtoull(line + strlen(name), NULL, 10);
  if (f) fclose(f);
#else
  (void)name;
#endif
  return bytes;
}

/* The most memory the process ever held, or 0 where the system does not say. */
static uint64_t peak_bytes(void) {
  /* getrusage also knows what was there before exec, the memory of who started us */
  uint64_t own = status_bytes("VmHWM:");
  if (own) return own;
#if HAVE_POSIX
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  #ifdef __APPLE__
  return (uint64_t)usage.ru_maxrss;
  #else
  return (uint64_t)usage.ru_maxrss * 1024u;
  #endif
#else
  return 0;
#endif
}

/* What the program takes before it holds a model: near the start of a run, its mapped code (with its libraries'),
   data and stack, whole, though some of it is never used. Resident sizes would change from run to run, with the pages
   that the system happens to hold and with counters that it rounds. */
static uint64_t program_bytes(void) {
  uint64_t mapped = status_bytes("VmExe:") + status_bytes("VmLib:") + status_bytes("VmData:") + status_bytes("VmStk:");
  return mapped ? mapped : peak_bytes();
}

static int on_terminal(void) {
#if HAVE_POSIX
  return isatty(2);
#else
  return 0;
#endif
}

/* A file that is opened later must not get the number of a stream that was closed: what is printed would end up in it.
   Reading or writing these fails. A reader that goes away is an error of writing, and not the end of a training. */
static void keep_streams(void) {
#if HAVE_POSIX
  static const int modes[] = { O_WRONLY, O_RDONLY, O_RDWR };
  int i;
  for (i = 0; i < 3; i++)
    if (fcntl(i, F_GETFD) < 0) open("/dev/null", modes[i]);
  signal(SIGPIPE, SIG_IGN);
#elif defined(_WIN32)
  _setmode(0, _O_BINARY);
  _setmode(1, _O_BINARY);
#endif
}

static volatile sig_atomic_t interrupted;

/* The second signal ends the program at once, should a step take too long. */
static void on_signal(int number) {
  interrupted = 1;
  signal(number, SIG_DFL);
}

/* ---- text and JSON -------------------------------------------------------------------- */

typedef struct text { char *data; size_t used, capacity; } text;

static int text_room(text *t, size_t more) {
  size_t capacity = t->capacity ? t->capacity : 256;
  char *data;
  if (more > SIZE_MAX / 4 || t->used > SIZE_MAX / 4) return 0;
  while (capacity < t->used + more + 1) capacity *= 2;
  if (capacity == t->capacity) return 1;
  data = (char *)realloc(t->data, capacity);
  if (!data) return 0;
  t->data = data;
  t->capacity = capacity;
  return 1;
}

static int text_byte(text *t, char c) {
  if (!text_room(t, 1)) return 0;
  t->data[t->used++] = c;
  t->data[t->used] = 0;
  return 1;
}

/* A line without its end (LF or CRLF): 1, 0 at the end of the file, -1 out of memory. */
static int read_line(FILE *f, text *line) {
  int c = getc(f);
  line->used = 0;
  if (c == EOF) return 0;
  for (; c != EOF && c != '\n'; c = getc(f))
    if (!text_byte(line, (char)c)) return -1;
  if (line->used && line->data[line->used - 1] == '\r') line->used--;
  if (!text_room(line, 0)) return -1;
  line->data[line->used] = 0;
  return 1;
}

/* A JSON string; bytes that are not UTF-8 become U+FFFD, so the output always parses. */
static void put_bytes(FILE *f, const char *s, size_t n) {
  size_t i, length;
  putc('"', f);
  for (i = 0; i < n; i += length ? length : 1) {
    unsigned char c = (unsigned char)s[i];
    length = ldr__utf8_length((const unsigned char *)s + i, n - i);
    if (length == 0) fputs("\\ufffd", f);
    else if (c == '"' || c == '\\') fprintf(f, "\\%c", c);
    else if (c < 32 || c == 127) fprintf(f, "\\u%04x", c);
    else fwrite(s + i, 1, length, f);
  }
  putc('"', f);
}

static void put_string(FILE *f, const char *s) { put_bytes(f, s, strlen(s)); }

/* Nine digits give a float back exactly; JSON has no infinity and no NaN. */
static void put_number(FILE *f, double v) {
  if (v - v != 0.0) fputs("null", f);
  else fprintf(f, "%.9g", v);
}

static void put_floats(FILE *f, const float *v, int32_t n) {
  int32_t i;
  putc('[', f);
  for (i = 0; i < n; i++) {
    if (i) putc(',', f);
    put_number(f, (double)v[i]);
  }
  putc(']', f);
}

/* ---- options -------------------------------------------------------------------------- */

enum {
  CMD_TRAIN = 1, CMD_EVAL = 2, CMD_PREDICT = 4, CMD_FEATURES = 8, CMD_TOKENIZE = 16, CMD_INSPECT = 32, CMD_PLAN = 64,
  CMD_QUANTIZE = 128, CMD_PRETRAIN = 256, CMD_VOCABULARY = 512, CMD_EXPORT = 1024, CMD_COMPARE = 2048,
  CMD_TASKS = 4096, CMD_DISTIL = 8192, CMD_GENERATE = 16384, CMD_SCORE = 32768, CMD_ALL = 65535,
  CMD_ONE = CMD_TRAIN | CMD_PLAN, CMD_FIT = CMD_ONE | CMD_COMPARE, CMD_STREAM = CMD_PRETRAIN | CMD_DISTIL,
  CMD_RUN = CMD_FIT | CMD_EVAL | CMD_PREDICT | CMD_FEATURES | CMD_GENERATE
};

enum { RECIPE_AUTO = 1, RECIPE_PLAIN };
enum { INIT_RANDOM = 1, INIT_SLICE, INIT_RESERVED };
/* those behind MODEL a model asks for */
enum { POOL_NONE = 1, POOL_CLS, POOL_MEAN, POOL_MODEL, POOL_MAX, POOL_MEAN_SQRT, POOL_LAST };
enum { STACK_ENCODER = 1, STACK_DECODER };
enum { HEAD_WORD_WORDS = 6 };                 /* of --head tokens|pointer|crf|spans|answer|words */
enum {
  METHOD_LADDER = 1, METHOD_HEAD, METHOD_FULL, METHOD_BITFIT, METHOD_LORA, METHOD_ADAPTER, METHOD_PROMPT,
  METHOD_PREFIX, METHOD_THESEUS, METHOD_IA3
};
enum { TYPE_F32 = 1, TYPE_BF16, TYPE_I8 };
enum { FILL_EPOCH = 1, FILL_LAYERS };
enum { MAX_RUNGS = 256, MAX_LADDERS = 16 };

typedef struct rung_list { int32_t at[MAX_RUNGS], count; } rung_list;

/* A word option holds the place of its word, counted from 1; 0 is "not given" everywhere. */
typedef struct options {
  unsigned    command;
  const char *model, *ladder, *task, *train, *dev, *test, *data, *out, *resume, *checkpoint, *log, *file, *cache;
  const char *targets, *texts, *held_out, *word_list, *with_ladder, *vocab, *methods, *report, *teacher, *tokenizer;
  const char *answers, *allow, *adapter, *chat_template;
  int32_t     method, preset, init, importance, slice_heads, optimizer, schedule, cache_type, tap_type, kept_type;
  int32_t     cache_fill, simd, compute, stack, pool, head_pool, type, format, truncate;
  float       budget_seconds, budget_memory;
  int32_t     published_head, most, top_k;
  float       temperature, top_p, min_p, repetition;
  int32_t     recipe, reduction, top, standardise, head_epochs, head_hidden, epochs, batch, accumulate, max_len;
  int32_t     patience, stop_at, threads, layer;
  int32_t     rank, bottleneck, virtual_tokens, prompt_hidden, successors, replace_schedule, tune_layers, layers;
  int32_t     width, heads, ffn, size, steps, whole_words, warm_start, distil, cased, sentinels, seeds, embedding;
  int32_t     vocabulary, positions;
  int32_t     regress, balance, ids, pair, pieces, no_special, decode, chat, release, pack, recompute, tune_biases;
  int32_t     tune_norms, json, help;
  float       replace_rate, replace_until, alpha, lr, lr_scale, warmup, weight_decay, dropout, label_smoothing;
  float       preference, clip, masked, word_weight, text_weight, layer_weight;
  uint64_t    seed;
  rung_list   rungs, encoder_rungs;
  const char *encoding, *columns, *submission, *more_ladders[MAX_LADDERS - 1];
  int32_t     more_count;
  int32_t     many_labels, baselines, search, multi, skip_bad;
  int32_t     head, stride, max_answer;
  int32_t     greedy, rounded, beams, early_stopping, generate, min_new, no_repeat;
  float       length_penalty;
  const char *said;
} options;

/* OFF kinds: a given 0 means "none" and is kept as -1, because a 0 in a description means "the default". */
enum { LAYER_LOGITS = -2 };

typedef enum option_kind {
  KIND_FLAG, KIND_TEXT, KIND_WORD, KIND_COUNT, KIND_COUNT_OFF, KIND_LAYER, KIND_NUMBER, KIND_NUMBER_OFF, KIND_SEED,
  KIND_LIST, KIND_SIMD
} option_kind;

typedef struct option {
  const char *name;
  option_kind kind;
  size_t      at;            /* where in struct options                                    */
  unsigned    commands;      /* that know it                                               */
  unsigned    needed;        /* that cannot do without it                                  */
  const char *value;         /* shown in the help; KIND_WORD: the words                    */
  double      low, high;     /* of numbers; low itself is allowed for counts only          */
  const char *help;
} option;

#define AT(member) offsetof(options, member)
#define ELEMENT_TYPES "f32|bf16|int8"    /* element_type() */

static const option option_table[] = {
  { "--model", KIND_TEXT, AT(model), CMD_RUN | CMD_TOKENIZE | CMD_QUANTIZE, CMD_RUN | CMD_QUANTIZE, "DIR", 0, 0,
    "the pretrained model, a Hugging Face directory" },
  { "--train", KIND_TEXT, AT(train), CMD_FIT, CMD_TRAIN | CMD_COMPARE, "FILE", 0, 0,
    "training examples; also a directory with the task's files" },
  { "--dev", KIND_TEXT, AT(dev), CMD_FIT, 0, "FILE", 0, 0, "scored after each epoch; the best epoch is kept" },
  { "--test", KIND_TEXT, AT(test), CMD_TRAIN | CMD_COMPARE, 0, "FILE", 0, 0,
    "scored once at the end, with the best parameters" },
  { "--out", KIND_TEXT, AT(out), CMD_TRAIN, CMD_TRAIN, "FILE", 0, 0, "the ladder file to write" },
  { "--methods", KIND_TEXT, AT(methods), CMD_COMPARE, 0, "LIST", 0, 0,
    "some of head,ladder,ladder-cached,bitfit,lora,adapter,prefix,prompt,full,ia3; "
    "if not given, those that can learn the task, without ia3" },
  { "--seeds", KIND_COUNT, AT(seeds), CMD_COMPARE, 0, "N", 1, 1000,
    "run every method with the seeds 1 to N, 1 if not given" },
  { "--search", KIND_FLAG, AT(search), CMD_COMPARE, 0, NULL, 0, 0,
    "instead of methods: ladders of three heights at three rates, which share the taps they read" },
  { "--report", KIND_TEXT, AT(report), CMD_COMPARE, 0, "FILE", 0, 0,
    "write a page with table and charts, one HTML file" },
  { "--texts", KIND_TEXT, AT(texts), CMD_PRETRAIN | CMD_VOCABULARY, CMD_PRETRAIN | CMD_VOCABULARY, "LIST", 0, 0,
    "plain text files, a paragraph a line, with commas between them" },
  { "--out", KIND_TEXT, AT(out), CMD_VOCABULARY, CMD_VOCABULARY, "FILE", 0, 0,
    "the vocab.txt to write; with --sentinels the tokenizer.json" },
  { "--size", KIND_COUNT, AT(size), CMD_VOCABULARY, 0, "N", 8, 1000000,
    "pieces of the vocabulary, 8192 if not given" },
  { "--sentinels", KIND_COUNT, AT(sentinels), CMD_VOCABULARY, 0, "N", 1, 1000,
    "for a T5: pieces with blanks, </s> and <extra_id_0> to <extra_id_N-1>, in a tokenizer.json" },
  { "--cased", KIND_FLAG, AT(cased), CMD_VOCABULARY | CMD_PRETRAIN, 0, NULL, 0, 0, "keep capitals and accents" },
  { "--adapter", KIND_TEXT, AT(adapter), CMD_RUN | CMD_EXPORT | CMD_QUANTIZE, 0, "DIR", 0, 0,
    "a LoRA adapter of PEFT, added to the model's weights as they are read" },
  { "--allow", KIND_TEXT, AT(allow), CMD_RUN | CMD_EXPORT | CMD_QUANTIZE, 0, "KEYS", 0, 0,
    "keys of config.json and tensors that may be there though they are not known, with commas between them" },
  { "--model", KIND_TEXT, AT(model), CMD_PRETRAIN, 0, "DIR", 0, 0,
    "go on from this model; without it a new BERT or T5 is made" },
  { "--out", KIND_TEXT, AT(out), CMD_PRETRAIN, CMD_PRETRAIN, "DIR", 0, 0,
    "the model directory to write; with --method ladder: the ladder file" },
  { "--held-out", KIND_TEXT, AT(held_out), CMD_PRETRAIN, 0, "LIST", 0, 0,
    "text files the model never learns from; loss and accuracy are measured on them" },
  { "--method", KIND_WORD, AT(method), CMD_PRETRAIN, 0, "ladder|head|full", 0, 0,
    "full: the model; ladder: a ladder beside the frozen model, for train to start from" },
  { "--vocab", KIND_TEXT, AT(vocab), CMD_PRETRAIN, 0, "FILE", 0, 0,
    "new model (see ladder vocabulary): a vocab.txt makes a BERT, a tokenizer.json a T5, "
    "which learns to tell spans that are cut out" },
  { "--layers", KIND_COUNT, AT(layers), CMD_PRETRAIN, 0, "N", 1, 1000,
    "new model: blocks, of each stack, 4 if not given" },
  { "--width", KIND_COUNT, AT(width), CMD_PRETRAIN, 0, "N", 1, 65536, "new model: of a state, 128 if not given" },
  { "--heads", KIND_COUNT, AT(heads), CMD_PRETRAIN, 0, "N", 1, 4096,
    "new model: attention heads, width / 32 if not given" },
  { "--ffn", KIND_COUNT, AT(ffn), CMD_PRETRAIN, 0, "N", 1, 1000000, "new model: 4 x width if not given" },
  { "--warm-start", KIND_FLAG, AT(warm_start), CMD_PRETRAIN, 0, NULL, 0, 0,
    "new BERT: word embeddings from the texts' co-occurrences, sines for positions" },
  { "--whole-words", KIND_FLAG, AT(whole_words), CMD_PRETRAIN, 0, NULL, 0, 0, "mask all pieces of a word or none" },
  { "--word-list", KIND_TEXT, AT(word_list), CMD_PRETRAIN, 0, "FILE", 0, 0,
    "mask these words whole, a word a line: for languages written without spaces" },
  { "--with-ladder", KIND_TEXT, AT(with_ladder), CMD_PRETRAIN, 0, "FILE", 0, 0,
    "train a ladder beside the model at the same time, and write it to this file" },
  { "--distil", KIND_FLAG, AT(distil), CMD_PRETRAIN, 0, NULL, 0, 0,
    "--method ladder: learn the model's own predictions of masked words, not the words" },
  { "--steps", KIND_COUNT, AT(steps), CMD_STREAM, 0, "N", 1, 1000000000, "10000 if not given" },
  { "--type", KIND_WORD, AT(type), CMD_STREAM, 0, "f32|f16|bf16", 0, 0, "of the weights that are written" },
  { "--type", KIND_WORD, AT(type), CMD_EXPORT, 0, "f32|f16|bf16|q8_0|q4_0", 0, 0,
    "of the matrices that are written; the last two for gguf alone" },
  { "--format", KIND_WORD, AT(format), CMD_EXPORT, 0, "safetensors|gguf", 0, 0,
    "safetensors (if not given): a model directory; gguf: one file, for llama.cpp and its kin" },
  { "--pool", KIND_WORD, AT(pool), CMD_EXPORT, 0, "none|cls|mean", 0, 0,
    "gguf, encoders: how a text's vector is made; mean if not given" },
  { "--teacher", KIND_TEXT, AT(teacher), CMD_DISTIL, CMD_DISTIL, "DIR", 0, 0, "the model to learn from, an encoder" },
  { "--texts", KIND_TEXT, AT(texts), CMD_DISTIL, CMD_DISTIL, "LIST", 0, 0,
    "plain text files with commas between them; a few sentences of a line are a text" },
  { "--held-out", KIND_TEXT, AT(held_out), CMD_DISTIL, 0, "LIST", 0, 0,
    "text files the model never learns from; the losses are measured on them" },
  { "--out", KIND_TEXT, AT(out), CMD_DISTIL, CMD_DISTIL, "DIR", 0, 0, "the model directory to write" },
  { "--model", KIND_TEXT, AT(model), CMD_DISTIL, 0, "DIR", 0, 0,
    "go on from this student; without it a new one is made" },
  { "--layers", KIND_COUNT, AT(layers), CMD_DISTIL, 0, "N", 1, 1000,
    "new student: blocks, as many as the teacher's at most" },
  { "--width", KIND_COUNT, AT(width), CMD_DISTIL, 0, "N", 1, 65536,
    "new student: of its states, as wide as the teacher's at most" },
  { "--heads", KIND_COUNT, AT(heads), CMD_DISTIL, 0, "N", 1, 4096,
    "attention heads; as large as the teacher's if not given" },
  { "--ffn", KIND_COUNT, AT(ffn), CMD_DISTIL, 0, "N", 1, 1000000, "4 x width if not given" },
  { "--embedding", KIND_COUNT, AT(embedding), CMD_DISTIL, 0, "N", 1, 65536,
    "width of the embeddings: narrower than the states makes an ELECTRA, else a BERT" },
  { "--vocabulary", KIND_COUNT, AT(vocabulary), CMD_DISTIL, 0, "N", 8, 10000000,
    "keep the N pieces of the teacher's vocabulary that the texts have most, and all single characters; "
    "all if not given" },
  { "--positions", KIND_COUNT, AT(positions), CMD_DISTIL, 0, "N", 8, 1000000,
    "longest text of the student; the teacher's, up to 512, if not given" },
  { "--init", KIND_WORD, AT(init), CMD_DISTIL, 0, "random|teacher", 0, 0,
    "how the blocks start; teacher (if not given): cut out of its own, "
    "in the coordinates of the states' principal axes" },
  { "--word-weight", KIND_NUMBER, AT(word_weight), CMD_DISTIL, 0, "X", 0, 1e6,
    "of the masked words' loss beside the states' error, which is 1 for a student that knows nothing; "
    "0.1 if not given" },
  { "--text-weight", KIND_NUMBER_OFF, AT(text_weight), CMD_DISTIL, 0, "X", 0, 1e6,
    "of the error of a text's mean; 1 if not given" },
  { "--layer-weight", KIND_NUMBER_OFF, AT(layer_weight), CMD_DISTIL, 0, "X", 0, 1e6,
    "of the errors of all layers before the last together; 0.5 if not given" },
  { "--masked", KIND_NUMBER, AT(masked), CMD_DISTIL, 0, "P", 0, 1,
    "share of the texts that have words masked; 0.2 if not given" },
  { "--model", KIND_TEXT, AT(model), CMD_EXPORT, CMD_EXPORT, "DIR", 0, 0, "the pretrained model" },
  { "--ladder", KIND_TEXT, AT(ladder), CMD_EXPORT, 0, "FILE", 0, 0,
    "what train --method full, bitfit, lora or theseus made beside it, a ladder of copies alone, or a checkpoint; "
    "without one the model as it is" },
  { "--out", KIND_TEXT, AT(out), CMD_EXPORT, CMD_EXPORT, "DIR", 0, 0,
    "the model directory to write, without weights yet; gguf: the file" },
  { "--type", KIND_WORD, AT(type), CMD_QUANTIZE, 0, "q8_0|q4_0", 0, 0,
    "blocks of 32 weights in 34 or in 18 bytes; q8_0 if not given" },
  { "--out", KIND_TEXT, AT(out), CMD_QUANTIZE, CMD_QUANTIZE, "DIR", 0, 0,
    "the model directory to write, without weights yet" },
  { "--ladder", KIND_TEXT, AT(ladder), CMD_EVAL, 0, "FILE", 0, 0,
    "a ladder file made by train; without one the classifier in the model's own files" },
  { "--ladder", KIND_TEXT, AT(ladder), CMD_PREDICT, 0, "FILE", 0, 0,
    "a ladder file made by train; without one the classifier in the model's own files. "
    "Up to 16 times: the model is read once for all, and a line holds an array of their answers" },
  { "--data", KIND_TEXT, AT(data), CMD_EVAL, CMD_EVAL, "FILE", 0, 0, "the examples to score" },
  { "--said", KIND_TEXT, AT(said), CMD_SCORE, CMD_SCORE, "FILE", 0, 0,
    "a text a line for each source, in their order; .jsonl: {\"text\":..}, as predict and eval --answers write it" },
  { "--data", KIND_TEXT, AT(data), CMD_SCORE, CMD_SCORE, "FILE", 0, 0,
    "sources with their targets; equal sources are one text with several references" },
  { "--task", KIND_TEXT, AT(task), CMD_SCORE, 0, "NAME", 0, 0,
    "what the data is: seq2seq, if not given, or another task with targets (e2e, instruct)" },
  { "--generate", KIND_FLAG, AT(generate), CMD_EVAL, 0, NULL, 0, 0,
    "sources with targets: score what the model, or the ladder beside it, says: BLEU, chrF, ROUGE, exact match; "
    "a --task as words: its own metric" },
  { "--task", KIND_TEXT, AT(task), CMD_FIT | CMD_EVAL, 0, "NAME", 0, 0,
    "a known task: its reader, head, metric and recipe (ladder tasks lists them)" },
  { "--published-head", KIND_FLAG, AT(published_head), CMD_TRAIN, 0, NULL, 0, 0,
    "go on with the classifier in the model's files: the head starts as it is, with its classes" },
  { "--many-labels", KIND_FLAG, AT(many_labels), CMD_FIT, 0, NULL, 0, 0,
    "without a task: a label of its own for every text is meant, and no mistake" },
  { "--multi", KIND_FLAG, AT(multi), CMD_FIT, 0, NULL, 0, 0,
    "without a task: a text has any number of labels, a|b, or an array in JSON" },
  { "--columns", KIND_TEXT, AT(columns), CMD_FIT | CMD_EVAL | CMD_PREDICT, 0, "LIST", 0, 0,
    "what TSV and CSV files hold, in order: text,-,label; "
    "label,text,text2 if neither this nor a first line of names says it" },
  { "--encoding", KIND_TEXT, AT(encoding), CMD_FIT | CMD_EVAL | CMD_PREDICT | CMD_SCORE, 0, "NAME", 0, 0,
    "of the files: utf-8 (if not given), utf-16 (known by its mark), utf-16le, utf-16be, latin-1, windows-1252" },
  { "--skip-bad", KIND_FLAG, AT(skip_bad), CMD_FIT | CMD_EVAL | CMD_SCORE, 0, NULL, 0, 0,
    "leave damaged examples out, even if they are more than one in a hundred, instead of refusing the file" },
  { "--head", KIND_WORD, AT(head), CMD_FIT, 0, "tokens|pointer|crf|spans|answer|words", 0, 0,
    "of a task with entities: crf, if not given, a chain of tags; tokens, a tag a token; "
    "pointer, spans that may overlap; of one with questions: two ends, or answer, the span as a whole; "
    "words: the answer is text that the model generates, as T5 has GLUE (ladder tasks lists which), "
    "and is scored as such" },
  { "--stride", KIND_COUNT, AT(stride), CMD_FIT | CMD_EVAL | CMD_PREDICT, 0, "N", 1, 1000000,
    "questions about long texts: tokens that one window shares with the next, 128 if not given" },
  { "--max-answer", KIND_COUNT, AT(max_answer), CMD_TRAIN | CMD_EVAL | CMD_PREDICT, 0, "N", 1, 1000000,
    "questions: most tokens of an answer, 30 if not given" },
  { "--regress", KIND_FLAG, AT(regress), CMD_FIT, 0, NULL, 0, 0,
    "without a task: labels are numbers to be predicted" },
  { "--method", KIND_WORD, AT(method), CMD_ONE, 0, LDR_METHODS, 0, 0,
    "what is trained; all but the first two go back through the backbone" },
  { "--rank", KIND_COUNT, AT(rank), CMD_FIT, 0, "N", 1, 4096,
    "lora, and copies of a ladder: of the update; 8, and 16 in a ladder, if not given" },
  { "--alpha", KIND_NUMBER, AT(alpha), CMD_FIT, 0, "X", 0, 1e6,
    "lora, and copies of a ladder: the update is scaled by alpha / rank; twice the rank if not given" },
  { "--targets", KIND_TEXT, AT(targets), CMD_FIT, 0, "LIST", 0, 0,
    "lora, and copies of a ladder: some of query,key,value,output,gate,up,down and, of a decoder with an encoder, "
    "cross_query,..; query,value, and all in a ladder, if not given" },
  { "--bottleneck", KIND_COUNT, AT(bottleneck), CMD_FIT, 0, "N", 1, 65536, "adapter: its width" },
  { "--virtual-tokens", KIND_COUNT, AT(virtual_tokens), CMD_FIT, 0, "N", 1, 4096,
    "prompt, prefix: so many, 16 if not given" },
  { "--prompt-hidden", KIND_COUNT, AT(prompt_hidden), CMD_FIT, 0, "N", 1, 65536,
    "prompt: its vectors go through a network with so many hidden units (P-tuning)" },
  { "--successors", KIND_COUNT, AT(successors), CMD_ONE, 0, "N", 1, 65536,
    "theseus: blocks that are to do the work of all the model's, half as many if not given" },
  { "--replace-rate", KIND_NUMBER, AT(replace_rate), CMD_ONE, 0, "P", 0, 1,
    "theseus: chance of a successor in its layers' place, at the start if linear; 0.5 if not given" },
  { "--replace-schedule", KIND_WORD, AT(replace_schedule), CMD_ONE, 0, LDR_REPLACEMENTS, 0, 0,
    "theseus: whether the replacement probability rises or stays constant until --replace-until; then it is 1" },
  { "--replace-until", KIND_NUMBER, AT(replace_until), CMD_ONE, 0, "P", 0, 1,
    "theseus: share of all steps with layers beside successors, 0.5 if not given" },
  { "--tune-layers", KIND_COUNT, AT(tune_layers), CMD_FIT, 0, "N", 1, 65536,
    "change only the last N blocks of the backbone, and no embeddings" },
  { "--tune-biases", KIND_FLAG, AT(tune_biases), CMD_FIT, 0, NULL, 0, 0, "train the backbone's biases as well" },
  { "--tune-norms", KIND_FLAG, AT(tune_norms), CMD_FIT, 0, NULL, 0, 0, "train the backbone's norms as well" },
  { "--recompute", KIND_FLAG, AT(recompute), CMD_FIT | CMD_STREAM, 0, NULL, 0, 0,
    "keep little of a block and make the rest again: less memory, the same numbers, more time (a ladder: hardly)" },
  { "--recipe", KIND_WORD, AT(recipe), CMD_FIT, 0, "auto|plain", 0, 0,
    "auto, if not given: what is left open follows from the data, the model and the budget; plain: fixed defaults" },
  { "--budget-seconds", KIND_NUMBER, AT(budget_seconds), CMD_FIT, 0, "S", 0, 1e9,
    "a ladder that is expected to be trained in this time" },
  { "--budget-memory", KIND_NUMBER, AT(budget_memory), CMD_FIT, 0, "MB", 0, 1e9,
    "a ladder whose training needs no more memory beside the weights" },
  { "--preset", KIND_WORD, AT(preset), CMD_FIT | CMD_PRETRAIN, 0, LDR_PRESETS, 0, 0,
    "the shape of the ladder; top: copies of the last blocks and no narrow rungs" },
  { "--top", KIND_COUNT_OFF, AT(top), CMD_FIT | CMD_PRETRAIN, 0, "N", 0, 65536,
    "copies of the backbone's last N blocks learn above the rungs; 0: none" },
  { "--standardise", KIND_WORD, AT(standardise), CMD_FIT, 0, "on|off", 0, 0,
    "measure what the ladder and the head read, and fit the head alone first" },
  { "--head-epochs", KIND_COUNT_OFF, AT(head_epochs), CMD_FIT, 0, "N", 0, 1000000,
    "passes of the head alone before the ladder learns; 0: none; 30, and none for two texts, if not given" },
  { "--reduction", KIND_COUNT, AT(reduction), CMD_FIT | CMD_PRETRAIN, 0, "R", 1, 65536,
    "the side network is so many times narrower than the backbone" },
  { "--rungs", KIND_LIST, AT(rungs), CMD_FIT | CMD_PRETRAIN, 0, "LIST", 0, 65535,
    "backbone layers with a rung, counted from 0: 0,3,6" },
  { "--encoder-rungs", KIND_LIST, AT(encoder_rungs), CMD_FIT, 0, "LIST", 0, 65535,
    "of a model with two stacks: those of the encoder; if not given, as --rungs" },
  { "--init", KIND_WORD, AT(init), CMD_FIT, 0, LDR_INITS "|reserved", 0, 0,
    "how the ladder starts; reserved: as the model's ladder.safetensors, with its shape" },
  { "--importance", KIND_WORD, AT(importance), CMD_FIT, 0, LDR_IMPORTANCES, 0, 0,
    "what decides which dimensions a slice keeps" },
  { "--slice-heads", KIND_WORD, AT(slice_heads), CMD_FIT, 0, LDR_HEAD_SLICES, 0, 0,
    "keep whole heads, or the best dimensions inside each" },
  { "--dropout", KIND_NUMBER_OFF, AT(dropout), CMD_FIT | CMD_PRETRAIN, 0, "P", 0, 1, "in the side network" },
  { "--pool", KIND_WORD, AT(head_pool), CMD_FIT, 0, LDR_POOLS, 0, 0,
    "the head reads a text's first or last token, or the mean of all, "
    "or of two texts both means and how they differ; first if not given, last in causal models" },
  { "--head-hidden", KIND_COUNT_OFF, AT(head_hidden), CMD_FIT, 0, "N", 0, 65536,
    "a hidden layer of this width in the head" },
  { "--epochs", KIND_COUNT, AT(epochs), CMD_FIT, 0, "N", 1, 1000000, "passes over the training set" },
  { "--batch", KIND_COUNT, AT(batch), CMD_FIT | CMD_PREDICT | CMD_STREAM, 0, "N", 1, 65536,
    "examples a step; predict: lines at a time" },
  { "--accumulate", KIND_COUNT, AT(accumulate), CMD_FIT | CMD_STREAM, 0, "N", 1, 65536,
    "work through a batch in so many parts" },
  { "--lr", KIND_NUMBER, AT(lr), CMD_FIT | CMD_STREAM, 0, "X", 0, 1e6, "the highest learning rate" },
  { "--lr-scale", KIND_NUMBER, AT(lr_scale), CMD_FIT, 0, "X", 0, 1000, "so many times the usual learning rate" },
  { "--optimizer", KIND_WORD, AT(optimizer), CMD_FIT | CMD_STREAM, 0, LDR_OPTIMIZERS, 0, 0,
    "how gradients become steps" },
  { "--schedule", KIND_WORD, AT(schedule), CMD_FIT | CMD_STREAM, 0, LDR_SCHEDULES, 0, 0,
    "of the learning rate after the warm-up" },
  { "--warmup", KIND_NUMBER_OFF, AT(warmup), CMD_FIT | CMD_STREAM, 0, "P", 0, 1,
    "share of all steps in which the rate rises" },
  { "--weight-decay", KIND_NUMBER_OFF, AT(weight_decay), CMD_FIT | CMD_STREAM, 0, "X", 0, 1e6,
    "of matrices, not of vectors" },
  { "--clip", KIND_NUMBER_OFF, AT(clip), CMD_FIT | CMD_STREAM, 0, "X", 0, 1e30,
    "largest norm of all gradients together" },
  { "--preference", KIND_NUMBER, AT(preference), CMD_FIT, 0, "B", 0, 100,
    "--task preference: how firmly the ladder is held to its backbone, 0.1 if not given (beta of DPO)" },
  { "--label-smoothing", KIND_NUMBER, AT(label_smoothing), CMD_FIT, 0, "P", -1, 0.999,
    "share of the target spread over all classes" },
  { "--balance", KIND_FLAG, AT(balance), CMD_FIT, 0, NULL, 0, 0, "give every class the same weight in the loss" },
  { "--patience", KIND_COUNT_OFF, AT(patience), CMD_FIT, 0, "N", 0, 1000000,
    "stop after so many epochs without a better dev score" },
  { "--max-len", KIND_COUNT, AT(max_len), (CMD_RUN & ~CMD_GENERATE) | CMD_TOKENIZE | CMD_STREAM, 0, "N", 1, 1000000,
    "cut texts to so many tokens" },
  { "--max-len", KIND_COUNT, AT(max_len), CMD_GENERATE, 0, "N", 1, 1000000,
    "room for so many tokens, prompt and answer together; of a model with an encoder: sources are cut to so many" },
  { "--seed", KIND_SEED, AT(seed), CMD_ONE | CMD_STREAM, 0, "N", 0, 0,
    "of the initial values and of the order of examples" },
  { "--threads", KIND_COUNT, AT(threads), CMD_RUN | CMD_STREAM, 0, "N", 1, 1024, "processor threads to use" },
  { "--simd", KIND_SIMD, AT(simd), CMD_RUN | CMD_STREAM, 0, "SET", 0, 0, "the widest instruction set to use" },
  { "--compute", KIND_WORD, AT(compute), CMD_RUN, 0, ELEMENT_TYPES, 0, 0,
    "how the frozen backbone multiplies: bf16 and int8 are smaller and, with instructions of their own, faster; "
    "0.5 and 1 to 3 % off" },
  { "--compute", KIND_WORD, AT(compute), CMD_DISTIL, 0, ELEMENT_TYPES, 0, 0,
    "how the teacher multiplies; int8 if not given" },
  { "--cache", KIND_TEXT, AT(cache), CMD_ONE, 0, "off|ram|DIR", 0, 0,
    "run the backbone once: keep its taps in memory, or in a folder for later runs too" },
  { "--cache-type", KIND_WORD, AT(cache_type), CMD_FIT, 0, ELEMENT_TYPES, 0, 0,
    "of the kept taps: exact, or rounded to a half or a quarter of the space" },
  { "--tap-type", KIND_WORD, AT(tap_type), CMD_FIT, 0, ELEMENT_TYPES, 0, 0,
    "without a cache, how a step keeps a ladder's taps for the way back: exact, or rounded to a half or a quarter" },
  { "--cache-fill", KIND_WORD, AT(cache_fill), CMD_FIT, 0, "epoch|layers", 0, 0,
    "in the first epoch, or before it, reading each backbone layer once" },
  { "--pack", KIND_FLAG, AT(pack), CMD_RUN, 0, NULL, 0, 0,
    "f32: lay the backbone's matrices out in memory as they are used, "
    "a copy of floats: one text takes a sixth less time" },
  { "--release", KIND_FLAG, AT(release), CMD_RUN, 0, NULL, 0, 0,
    "hold one backbone layer in memory at a time (slower)" },
  { "--checkpoint", KIND_TEXT, AT(checkpoint), CMD_TRAIN | CMD_STREAM, 0, "FILE", 0, 0,
    "save the trainer's state after each epoch and on Ctrl-C" },
  { "--resume", KIND_TEXT, AT(resume), CMD_TRAIN | CMD_STREAM, 0, "FILE", 0, 0,
    "go on from a checkpoint, with otherwise the same options" },
  { "--stop-at", KIND_COUNT, AT(stop_at), CMD_TRAIN | CMD_STREAM, 0, "N", 1, 2147483647,
    "do after step N what Ctrl-C does" },
  { "--answers", KIND_TEXT, AT(answers), CMD_TRAIN | CMD_EVAL, 0, "FILE", 0, 0,
    "one label a text: a JSON line for each example of the test set (without one: of dev), "
    "with its label and the answer; eval --generate: for each source, with the text" },
  { "--baselines", KIND_FLAG, AT(baselines), CMD_TRAIN, 0, NULL, 0, 0,
    "one label a text: also say what counting words reaches, without a model" },
  { "--log", KIND_TEXT, AT(log), CMD_TRAIN | CMD_STREAM, 0, "FILE", 0, 0,
    "a JSON line for each step and each epoch" },
  { "--layer", KIND_LAYER, AT(layer), CMD_FEATURES, 0, "N|logits", 0, 65536,
    "0: embeddings, i: output of block i; else the final state; logits: scores of the head in the file" },
  { "--stack", KIND_WORD, AT(stack), CMD_FEATURES, 0, "encoder|decoder", 0, 0,
    "states of a model with two stacks (T5, BART): of which; encoder if not given" },
  { "--pool", KIND_WORD, AT(pool), CMD_FEATURES, 0, "none|cls|mean|model", 0, 0,
    "one vector a line: the first token's, the mean, or as the model's modules.json or pooler has it" },
  { "--ids", KIND_FLAG, AT(ids), CMD_FEATURES, 0, NULL, 0, 0, "lines are token ids, not text" },
  { "--ladder", KIND_TEXT, AT(ladder), CMD_GENERATE, 0, "FILE", 0, 0,
    "what was trained on words: by train --task instruct, preference, chat, text or seq2seq, "
    "or pretrain --method ladder" },
  { "--max-new", KIND_COUNT, AT(most), CMD_GENERATE | CMD_EVAL, 0, "N", 1, 1000000,
    "tokens of an answer, 256 if not given" },
  { "--beams", KIND_COUNT, AT(beams), CMD_GENERATE | CMD_EVAL, 0, "N", 1, 1024,
    "keep the N likeliest texts as they grow, and answer with the best; "
    "if not given, as generation_config.json says, or 1" },
  { "--length-penalty", KIND_NUMBER_OFF, AT(length_penalty), CMD_GENERATE | CMD_EVAL, 0, "X", 0, 100,
    "beams: a text's log-probability is divided by its length to the X; 1 if not given" },
  { "--early-stopping", KIND_WORD, AT(early_stopping), CMD_GENERATE | CMD_EVAL, 0, "no|yes|never", 0, 0,
    "beams: yes: stop once N texts have ended; no (if not given): once none that grows can win; "
    "never: nor could with a longer one" },
  { "--min-new", KIND_COUNT, AT(min_new), CMD_GENERATE | CMD_EVAL, 0, "N", 1, 1000000,
    "a text does not end before so many tokens; if not given, as generation_config.json says (min_length), "
    "of two stacks" },
  { "--no-repeat", KIND_COUNT, AT(no_repeat), CMD_GENERATE | CMD_EVAL, 0, "N", 1, 1000000,
    "no run of N tokens comes twice; if not given, as generation_config.json says (no_repeat_ngram_size), "
    "of two stacks" },
  { "--greedy", KIND_FLAG, AT(greedy), CMD_GENERATE | CMD_EVAL, 0, NULL, 0, 0,
    "the likeliest token at every step, one text, whatever generation_config.json says" },
  { "--kept-type", KIND_WORD, AT(kept_type), CMD_GENERATE, 0, ELEMENT_TYPES, 0, 0,
    "how the keys and values of the text so far are kept: exact, or rounded to a half or a quarter of the space" },
  { "--rounded", KIND_FLAG, AT(rounded), CMD_GENERATE, 0, NULL, 0, 0,
    "weights in blocks: what they multiply is rounded to 8 bits, a token comes up to twice as fast, "
    "and scores are 0.5 to 2 % off" },
  { "--temperature", KIND_NUMBER_OFF, AT(temperature), CMD_GENERATE, 0, "X", 0, 1000,
    "draw the next token, the more freely the higher; if not given, the likeliest is taken" },
  { "--top-k", KIND_COUNT, AT(top_k), CMD_GENERATE, 0, "K", 1, 10000000, "of the K likeliest tokens alone" },
  { "--top-p", KIND_NUMBER, AT(top_p), CMD_GENERATE, 0, "P", 0, 1, "of the fewest whose probabilities reach P" },
  { "--min-p", KIND_NUMBER, AT(min_p), CMD_GENERATE, 0, "P", 0, 1,
    "of those with at least P times the likeliest's probability" },
  { "--repetition", KIND_NUMBER, AT(repetition), CMD_GENERATE, 0, "X", 0, 100,
    "scores of tokens that stand in the text are divided by this" },
  { "--seed", KIND_SEED, AT(seed), CMD_GENERATE, 0, "N", 0, 0, "of the draws" },
  { "--ids", KIND_FLAG, AT(ids), CMD_GENERATE, 0, NULL, 0, 0, "prompts and answers are token ids, not text" },
  { "--json", KIND_FLAG, AT(json), CMD_GENERATE, 0, NULL, 0, 0,
    "lines are JSON values, \"prompt\", {\"prompt\":..}, {\"source\":..}, {\"text\":..}, {\"ids\":[..]} or, "
    "with --chat, {\"messages\":[..]}, and so are the answers: {\"ids\":[..],\"text\":\"..\"}" },
  { "--pair", KIND_FLAG, AT(pair), CMD_FEATURES | CMD_TOKENIZE, 0, NULL, 0, 0, "a TAB separates two texts" },
  { "--pieces", KIND_FLAG, AT(pieces), CMD_TOKENIZE, 0, NULL, 0, 0, "print the pieces instead of their ids" },
  { "--no-special", KIND_FLAG, AT(no_special), CMD_TOKENIZE, 0, NULL, 0, 0,
    "without the tokens around a text ([CLS], [SEP]); --decode: leave special tokens out" },
  { "--tokenizer", KIND_TEXT, AT(tokenizer), CMD_TOKENIZE, 0, "FILE", 0, 0,
    "a tokenizer without a model: tokenizer.json, vocab.json, a SentencePiece model, vocab.txt, a GGUF file, "
    "or their directory" },
  { "--truncate", KIND_WORD, AT(truncate), CMD_TOKENIZE, 0, "longest_first|only_first", 0, 0,
    "with --max-len: which of two texts is cut" },
  { "--decode", KIND_FLAG, AT(decode), CMD_TOKENIZE, 0, NULL, 0, 0, "token ids to text" },
  { "--chat", KIND_FLAG, AT(chat), CMD_TOKENIZE | CMD_GENERATE, 0, NULL, 0, 0,
    "conversations, by the model's own template; JSON lines are {\"messages\":[{\"role\":..,\"content\":..}],..}" },
  { "--template", KIND_TEXT, AT(chat_template), CMD_TOKENIZE | CMD_GENERATE | CMD_FIT | CMD_EVAL, 0, "FILE", 0, 0,
    "with --chat, or --task chat: this template (Jinja) in place of the model's own" },
  { "--json", KIND_FLAG, AT(json), CMD_FEATURES, 0, NULL, 0, 0,
    "a JSON value a line: \"text\", {\"text\":..,\"pair\":..} or {\"ids\":[..],\"types\":[..]}" },
  { "--json", KIND_FLAG, AT(json), CMD_TOKENIZE, 0, NULL, 0, 0,
    "a JSON value a line in and out: \"text\" or {\"text\":..,\"pair\":..}; --decode: [ids]" },
  { "--json", KIND_FLAG, AT(json), CMD_PREDICT, 0, NULL, 0, 0,
    "what is read are JSON values: \"text\" or an example" },
  { "--submission", KIND_TEXT, AT(submission), CMD_EVAL, 0, "FILE", 0, 0,
    "write the answers as SQuAD's script takes them, too: for a ladder of a task with questions" },
  { "--submission", KIND_TEXT, AT(submission), CMD_PREDICT, 0, "FILE", 0, 0,
    "the answers once more, in a file as CLUE, GLUE or SQuAD's script takes it; needs a ladder of one of their tasks" },
  { "--json", KIND_FLAG, AT(json), CMD_TASKS, 0, NULL, 0, 0, "an object of JSON a task" },
  { "--json", KIND_FLAG, AT(json), CMD_FIT | CMD_EVAL | CMD_INSPECT | CMD_SCORE, 0, NULL, 0, 0,
    "print the result as one line of JSON" },
  { "--help", KIND_FLAG, AT(help), CMD_ALL, 0, NULL, 0, 0, "this list" },
};

enum { OPTION_COUNT = (int)(sizeof option_table / sizeof *option_table) };

static const struct command { const char *name; unsigned bit; const char *takes, *help; } command_table[] = {
  { "train", CMD_TRAIN, "", "fine-tune: train a ladder on labelled texts" },
  { "compare", CMD_COMPARE, "", "train with several methods and seeds; a table of scores, time and memory" },
  { "eval", CMD_EVAL, "", "score a trained ladder on labelled texts" },
  { "predict", CMD_PREDICT, " [FILE]",
    "one JSON object for each text of FILE (read as train does, labels or none) or line of standard input" },
  { "generate", CMD_GENERATE, "",
    "what a language model, or the ladder beside it, says after each line of standard input" },
  { "features", CMD_FEATURES, "", "hidden states of standard input's lines as JSON lines" },
  { "tokenize", CMD_TOKENIZE, "", "token ids of standard input's lines, or --decode" },
  { "inspect", CMD_INSPECT, " FILE|DIR", "tensors and metadata of a weight file, a ladder file or a model" },
  { "export", CMD_EXPORT, "", "a model with what was trained inside it, as other programs read it" },
  { "pretrain", CMD_PRETRAIN, "", "train a model, or a ladder beside one, on plain text" },
  { "distil", CMD_DISTIL, "", "train a small encoder from the states of a large one, on plain text" },
  { "vocabulary", CMD_VOCABULARY, "", "make a vocabulary for plain texts, WordPiece or T5's" },
  { "quantize", CMD_QUANTIZE, "", "a copy of a model with 8-bit or 4-bit weights, to train on and predict with" },
  { "plan", CMD_PLAN, "", "the memory that train with these options would need" },
  { "score", CMD_SCORE, "", "texts beside their references: BLEU, chrF, ROUGE, exact match" },
  { "tasks", CMD_TASKS, "", "the tasks that --task knows, with their files" },
};

enum { COMMAND_COUNT = (int)(sizeof command_table / sizeof *command_table) };

static const struct command *find_command(const char *name) {
  int i;
  for (i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(command_table[i].name, name) == 0) return &command_table[i];
  return NULL;
}

static void print_usage(FILE *f) {
  int i;
  fputs("usage: ladder COMMAND [OPTIONS]\n\n", f);
  for (i = 0; i < COMMAND_COUNT; i++) fprintf(f, "  %-10s %s\n", command_table[i].name, command_table[i].help);
  fputs("\n`ladder COMMAND --help` lists the options of a command; `ladder --version` prints the version.\n"
        "Data: label<TAB>text[<TAB>text2] lines or CSV (a first line may name the columns), JSON lines or a JSON "
                "array of\n{\"text\", \"text2\", \"label\"}; - is standard input. --task choice, conll and others: "
                "`ladder tasks`.\n", f);
}

/* The words of the instruction sets, to be shown. */
static void simd_words(char *out, size_t size) {
  size_t used = 0;
  int i;
  for (i = 0; ldr_simd_word(i, NULL) && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "|" : "", ldr_simd_word(i, NULL));
}

static void print_help(const struct command *c, FILE *f) {
  int i;
  fprintf(f, "usage: ladder %s%s [OPTIONS]\n%s\n\n", c->name, c->takes, c->help);
  for (i = 0; i < OPTION_COUNT; i++) {
    const option *o = &option_table[i];
    char words[200] = "";
    int wide;
    if (!(o->commands & c->bit)) continue;
    if (o->kind == KIND_SIMD) {
      strcpy(words, ": ");
      simd_words(words + 2, sizeof words - 2);
    }
    wide = fprintf(f, "  %s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    fprintf(f, "%*s%s%s%s\n", LDR__MAX(41 - wide, 1), "", o->help, words, o->needed & c->bit ? " (needed)" : "");
  }
}

static int end_of_help(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_DONE;
  fprintf(stderr, "ladder: standard output: writing failed: %s\n", strerror(errno));
  return EXIT_FAILED;
}

/* Prints "ladder: NAME WHAT" as the one line a wrong call gets. */
static int usage_error(const struct command *c, const char *name, const char *what) {
  fprintf(stderr, "ladder: %s%s%s (see `ladder %s%s--help`)\n", name, *what == ':' ? "" : " ", what, c ? c->name : "",
      c ? " " : "");
  return EXIT_USAGE;
}

/* The whole text must be a decimal number: [-]digits[.digits][e[+-]digits], digits on one side of
   the point at least. strtod is not used because it asks the locale what a point looks like. */
static int parse_number(const char *s, double *out) {
  size_t n = strlen(s), i = s[0] == '-', digits = 0, exponent = 0;
  for (; i < n && (ldr__digit(s[i]) || s[i] == '.'); i++) {
    if (s[i] != '.') digits++;
    else if (memchr(s, '.', i)) return 0;
  }
  if (digits == 0) return 0;
  if (i < n && (s[i] | 32) == 'e') {
    i++;
    if (i < n && (s[i] == '-' || s[i] == '+')) i++;
    for (; i < n && ldr__digit(s[i]); i++) exponent++;
    if (exponent == 0) return 0;
  }
  if (i != n) return 0;
  *out = ldr__parse_double(s, n);
  return 1;
}

/* Decimal digits up to `end`; returns how many characters were read, 0 for none or too large. */
static size_t parse_u64(const char *s, char end, uint64_t *out) {
  size_t i;
  uint64_t v = 0;
  for (i = 0; s[i] && s[i] != end; i++) {
    uint64_t d = (uint64_t)(unsigned char)s[i] - '0';
    if (d > 9 || v > (UINT64_MAX - d) / 10) return 0;
    v = v * 10 + d;
  }
  *out = v;
  return i;
}

/* Place of `value` among "a|b|c", counted from 1; 0 when it is none of them. */
static int32_t word_index(const char *words, const char *value) {
  size_t n = strlen(value);
  int32_t index = 1;
  for (; *words; index++) {
    const char *end = strchr(words, '|');
    size_t length = end ? (size_t)(end - words) : strlen(words);
    if (length == n && memcmp(words, value, n) == 0) return index;
    words += length + (end != NULL);
  }
  return 0;
}

static int parse_list(rung_list *list, const char *s, double high) {
  uint64_t v;
  size_t n;
  for (list->count = 0; *s; s += n + (s[n] == ',')) {
    n = parse_u64(s, ',', &v);
    if (n == 0 || v > (uint64_t)high || list->count == MAX_RUNGS || (s[n] == ',' && !s[n + 1])) return 0;
    list->at[list->count++] = (int32_t)v;
  }
  return list->count > 0;
}

/* The instruction set that the library calls so. */
static int simd_set(const char *word, int32_t *set) {
  ldr_simd of = LDR_SIMD_AUTO;
  int i;
  for (i = 0; ldr_simd_word(i, &of) && strcmp(ldr_simd_word(i, NULL), word) != 0; i++) {}
  *set = ldr_simd_word(i, NULL) ? (int32_t)of : LDR_SIMD_AUTO;
  return ldr_simd_word(i, NULL) != NULL;
}

/* Stores one value; 0 when the text is not one. */
static int set_option(options *o, const option *d, const char *value) {
  void *at = (char *)o + d->at;
  double number = 0;
  uint64_t count = 0;
  switch (d->kind) {
    case KIND_FLAG: *(int32_t *)at = 1; return 1;
    case KIND_TEXT: *(const char **)at = value; return *value != 0;
    case KIND_WORD: *(int32_t *)at = word_index(d->value, value); return *(int32_t *)at > 0;
    case KIND_LIST: return parse_list((rung_list *)at, value, d->high);
    case KIND_SIMD: return simd_set(value, (int32_t *)at);
    case KIND_SEED: return parse_u64(value, 0, (uint64_t *)at) > 0;
    case KIND_COUNT: case KIND_COUNT_OFF: case KIND_LAYER:
      if (d->kind == KIND_LAYER && strcmp(value, "logits") == 0) {
        *(int32_t *)at = LAYER_LOGITS;
        return 1;
      }
      if (!parse_u64(value, 0, &count) || (double)count < d->low || (double)count > d->high) return 0;
      *(int32_t *)at = d->kind == KIND_COUNT_OFF && count == 0 ? -1 : (int32_t)count;
      return 1;
    default:
      if (!parse_number(value, &number) || number < 0 || number > d->high) return 0;
      if ((d->kind == KIND_NUMBER && number <= d->low) || (number > 0 && !((float)number > 0))) return 0;
      *(float *)at = d->kind == KIND_NUMBER_OFF && number == 0 ? -1.0f : (float)number;
      return 1;
  }
}

static const option *find_option(const struct command *c, const char *name, size_t n) {
  int i;
  for (i = 0; i < OPTION_COUNT; i++) {
    const option *d = &option_table[i];
    if ((d->commands & c->bit) && strlen(d->name) == n && memcmp(d->name, name, n) == 0) return d;
  }
  return NULL;
}

static int bad_value(const struct command *c, const option *d, const char *value) {
  char what[400], words[200] = "";
  const char *wants = "is not a number in its range";
  if (d->kind == KIND_WORD || d->kind == KIND_SIMD) wants = "is none of ";
  if (d->kind == KIND_LIST) wants = "is no list of numbers like 0,3,6";
  if (d->kind == KIND_TEXT) wants = "is empty";
  if (d->kind == KIND_SIMD) simd_words(words, sizeof words);
  snprintf(what, sizeof what, ": \"%.100s\" %s%s", value, wants, d->kind == KIND_WORD ? d->value : words);
  return usage_error(c, d->name, what);
}

/* The sum of ldr_target for a list of names; 0 when one is unknown. */
static int32_t target_bits(const char *list) {
  int32_t bits = 0;
  while (*list) {
    size_t n = strcspn(list, ",");
    char word[16];
    int32_t i;
    if (n >= sizeof word) return 0;
    memcpy(word, list, n);
    word[n] = 0;
    i = word_index(LDR_TARGETS, word);
    if (!i) return 0;
    bits |= 1 << (i - 1);
    list += n + (list[n] == ',');
  }
  return bits;
}

static int is_given(const options *o, const option *d) {
  const void *at = (const char *)o + d->at;
  return d->kind == KIND_COUNT ? *(const int32_t *)at != 0 : *(const char *const *)at != NULL;
}

/* An option that is missing, or does not go with the others. */
typedef struct clash { int there; const char *option, *what; } clash;

/* Tells the first. */
static int find_clash(const struct command *c, const clash *list, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (list[i].there) return usage_error(c, list[i].option, list[i].what);
  return EXIT_DONE;
}

static int check_needed(const struct command *c, const options *o) {
  static const char *const both = "is missing: a new student needs both, and --model DIR goes on from one";
  const int distil = c->bit == CMD_DISTIL;
  const int fresh = o->layers || o->width || o->heads || o->ffn || o->embedding || o->vocabulary || o->positions
      || o->init;
  const clash list[] = {
    { distil && !o->model && !o->layers, "--layers", both },
    { distil && !o->model && !o->width, "--width", both },
    { distil && o->model && fresh, "--model",
      "goes on from a student as it is: without --layers, --width and what else makes a new one" },
    { c->bit == CMD_INSPECT && !o->file, "FILE or DIR", "is missing" } };
  int i;
  for (i = 0; i < OPTION_COUNT; i++)
    if ((option_table[i].needed & c->bit) && !is_given(o, &option_table[i]))
      return usage_error(c, option_table[i].name, "is missing");
  return find_clash(c, list, sizeof list / sizeof *list);
}

static int check_tokenizing(const struct command *c, const options *o) {
  const int bare = o->chat && o->chat_template;      /* a template alone makes texts */
  const clash list[] = {
    { o->chat && !o->json, "--json", "is missing: conversations are JSON lines" },
    { o->chat && o->decode, "--decode", "does not go with --chat" },
    { o->chat && o->max_len, "--max-len", "does not go with --chat" },
    { o->chat && o->no_special, "--no-special", "does not go with --chat" },
    { o->model && o->tokenizer, "--tokenizer", "does not go with --model" },
    { !bare && !o->model && !o->tokenizer, "--model DIR or --tokenizer FILE", "is missing" },
    { o->decode && o->pair, "--pair", "has no effect with --decode" },
    { o->decode && o->pieces, "--pieces", "has no effect with --decode" },
    { o->decode && o->max_len, "--max-len", "has no effect with --decode" },
    { o->decode && o->truncate, "--truncate", "has no effect with --decode" },
    { o->json && o->pair, "--pair", "has no effect with --json" },
    { o->json && o->pieces, "--pieces", "has no effect with --json" },
    { o->truncate && !o->max_len, "--truncate", "has no effect without --max-len" } };
  return c->bit == CMD_TOKENIZE ? find_clash(c, list, sizeof list / sizeof *list) : EXIT_DONE;
}

static int check_generating(const struct command *c, const options *o) {
  const int generates = c->bit == CMD_GENERATE, draws = o->temperature > 0;
  const clash list[] = {
    { o->rounded && (o->compute > 1 || o->pack), "--rounded",
      "multiplies a file's blocks as they lie: it goes neither with --compute nor with --pack" },
    { o->greedy && (draws || o->beams > 1), "--greedy", "goes with neither --temperature nor --beams" },
    { draws && o->min_new, "--min-new", "does not go with --temperature" },
    { draws && o->no_repeat, "--no-repeat", "does not go with --temperature" },
    { generates && !draws && o->top_k, "--top-k", "has no effect without --temperature" },
    { generates && !draws && o->top_p > 0, "--top-p", "has no effect without --temperature" },
    { generates && !draws && o->min_p > 0, "--min-p", "has no effect without --temperature" },
    /* a ladder knows its task */
    { o->chat_template && !o->chat && !o->task && !o->ladder, "--template", "goes with --chat, or --task chat, only" },
    { generates && o->chat && o->ids, "--ids", "does not go with --chat" },
    { generates && o->ids && o->json, "--ids", "has no effect with --json, whose lines may be {\"ids\":[..]}" } };
  return find_clash(c, list, sizeof list / sizeof *list);
}

static int check_data(const struct command *c, const options *o) {
  static const char *const head_knows = "does not go with --published-head, which knows its labels";
  static const char *const task_knows = "does not go with --task, which knows its files";
  static const char *const generates = "goes with --generate only", *const generated = "does not go with --generate";
  static const char *const numbers = "has no effect with --regress";
  const int of_task = o->task && c->bit != CMD_PREDICT, scores = c->bit == CMD_EVAL && !o->generate;
  const int strict = c->bit != CMD_EVAL && c->bit != CMD_SCORE, files = c->bit == CMD_EXPORT && o->format != 2;
  const clash list[] = {
    { o->published_head && o->multi, "--multi", head_knows },
    { o->published_head && o->regress, "--regress", head_knows },
    { o->multi && o->many_labels, "--many-labels", "does not go with --multi" },
    { o->multi && o->task, "--multi", "does not go with --task, which knows its labels" },
    { o->multi && o->regress, "--multi", "does not go with --regress" },
    { of_task && o->columns, "--columns", task_knows },
    { of_task && o->many_labels, "--many-labels", task_knows },
    { scores && o->greedy, "--greedy", generates },
    { scores && o->min_new, "--min-new", generates },
    { scores && o->no_repeat, "--no-repeat", generates },
    { scores && o->beams, "--beams", generates },
    { scores && o->most, "--max-new", generates },
    { scores && o->early_stopping, "--early-stopping", generates },
    { scores && o->length_penalty != 0, "--length-penalty", generates },
    { o->generate && o->submission, "--submission", generated },
    { o->generate && o->stride, "--stride", generated },
    { o->generate && o->max_answer, "--max-answer", generated },
    { o->skip_bad && !o->task && strict, "--skip-bad",
      "has no effect without a --task, which knows what an example has to hold" },
    { o->regress && o->many_labels, "--many-labels", numbers },
    { o->regress && o->balance, "--balance", numbers },
    { o->regress && o->label_smoothing > 0, "--label-smoothing", numbers },
    { o->patience > 0 && !o->dev && !o->task && c->bit != CMD_PLAN, "--patience", "has no effect without --dev" },
    { files && o->pool, "--pool", "is for --format gguf" },
    { files && o->type > 3, "--type",
      "q8_0 and q4_0 are for --format gguf; `quantize` writes a directory with them" },
    { o->more_count && o->submission, "--submission", "takes the answers of one --ladder" },
    { o->task && o->regress, "--regress", "does not go with --task, which knows its labels" },
    { o->targets && !target_bits(o->targets), "--targets", "takes some of query,key,value,output,gate,up,down" } };
  return find_clash(c, list, sizeof list / sizeof *list);
}

static int check_method(const struct command *c, const options *o) {
  static const char *const lora = "goes with --method lora only", *const theseus = "goes with --method theseus only";
  static const char *const changing = "goes with a --method that changes the backbone";
  static const char *const cached = "needs --cache ram or --cache DIR";
  const int other = o->method > METHOD_LADDER, ranks = !other || o->method == METHOD_LORA;
  const int replaces = o->method == METHOD_THESEUS, changes = o->method > METHOD_HEAD;
  const int prompts = o->method == METHOD_PROMPT, caches = o->cache && strcmp(o->cache, "off") != 0;
  const clash list[] = {
    { other && o->preset, "--preset", "describes a ladder and does not go with another --method" },
    { !ranks && o->rank, "--rank", lora },
    { !ranks && o->targets, "--targets", lora },
    { !ranks && o->alpha > 0, "--alpha", lora },
    { o->method != METHOD_ADAPTER && o->bottleneck, "--bottleneck", "goes with --method adapter only" },
    { !prompts && o->method != METHOD_PREFIX && o->virtual_tokens, "--virtual-tokens",
      "goes with --method prompt or prefix only" },
    { !prompts && o->prompt_hidden, "--prompt-hidden", "goes with --method prompt only" },
    { !replaces && o->successors, "--successors", theseus },
    { !replaces && o->replace_rate > 0, "--replace-rate", theseus },
    { !replaces && o->replace_schedule, "--replace-schedule", theseus },
    { !replaces && o->replace_until > 0, "--replace-until", theseus },
    { !changes && o->tune_layers, "--tune-layers", changing },
    { !changes && o->tune_biases, "--tune-biases", changing },
    { !changes && o->tune_norms, "--tune-norms", changing },
    { o->method == METHOD_HEAD && o->recompute, "--recompute", "goes with a --method that goes back through blocks" },
    { o->tap_type && other, "--tap-type", "goes with --method ladder only" },
    { o->tap_type && caches, "--tap-type", "does not go with --cache, which has --cache-type" },
    { o->cache_type && !caches, "--cache-type", cached },
    { o->cache_fill && !caches, "--cache-fill", cached } };
  /* compare gives each method the options that are for it */
  return c->bit != CMD_COMPARE ? find_clash(c, list, sizeof list / sizeof *list) : EXIT_DONE;
}

static int check_options(const struct command *c, const options *o) {
  int status = check_needed(c, o);
  if (!status) status = check_tokenizing(c, o);
  if (!status) status = check_generating(c, o);
  if (!status) status = check_data(c, o);
  return status ? status : check_method(c, o);
}

static int same_file(const char *a, const char *b) {
#if HAVE_POSIX
  struct stat s[2];
  if (stat(a, &s[0]) == 0 && stat(b, &s[1]) == 0)
    return S_ISREG(s[0].st_mode) && s[0].st_dev == s[1].st_dev && s[0].st_ino == s[1].st_ino;
#endif
  return strcmp(a, b) == 0;
}

/* What is written replaces neither what is read nor anything else that is written; a run may keep its checkpoint
   where it began. */
static int check_paths(const struct command *c, const options *o) {
  const struct { const char *name, *path; int written; } files[] = {
    { "--out", o->out, 1 }, { "--checkpoint", o->checkpoint, 1 }, { "--log", o->log, 1 },
    { "--report", o->report, 1 }, { "--answers", o->answers, 1 }, { "--submission", o->submission, 1 },
    { "--with-ladder", o->with_ladder, 1 }, { "--train", o->train, 0 }, { "--dev", o->dev, 0 },
    { "--test", o->test, 0 }, { "--data", o->data, 0 }, { "--resume", o->resume, 0 },
    { "--ladder", o->ladder, 0 }, { "FILE", o->file, 0 }, { "--vocab", o->vocab, 0 },
    { "--texts", o->texts, 0 } };
  size_t i, k, n = sizeof files / sizeof *files;
  char what[64];
  for (i = 0; i < n && files[i].written; i++)
    for (k = i + 1; files[i].path && k < n; k++) {
      if (!files[k].path || !same_file(files[i].path, files[k].path)
          || (files[i].path == o->checkpoint && files[k].path == o->resume))
        continue;
      snprintf(what, sizeof what, "is the file of %s, and would replace it", files[k].name);
      return usage_error(c, files[i].name, what);
    }
  return EXIT_DONE;
}

/* `--name value` and `--name=value`; one argument without dashes is the file. */
static int parse_options(const struct command *c, options *o, int argc, char **argv) {
  int i;
  memset(o, 0, sizeof *o);
  o->command = c->bit;
  o->layer = -1;
  for (i = 0; i < argc; i++) {
    const char *a = argv[i], *equals = strchr(a, '='), *value = equals ? equals + 1 : NULL;
    const option *d;
    if (a[0] != '-' || a[1] != '-') {
      if (a[0] == '-' && a[1]) return usage_error(c, a, "is no option; options start with two dashes");
      if (o->file || !(c->bit & (CMD_PREDICT | CMD_INSPECT))) return usage_error(c, a, "was not expected here");
      o->file = a;
      continue;
    }
    d = find_option(c, a, equals ? (size_t)(equals - a) : strlen(a));
    if (!d) return usage_error(c, a, "is no option of this command");
    if (d->kind == KIND_FLAG && value) return usage_error(c, d->name, "takes no value");
    if (d->kind != KIND_FLAG && !value) {
      if (++i == argc) return usage_error(c, d->name, "needs a value");
      value = argv[i];
    }
    if (d->at == AT(ladder) && c->bit == CMD_PREDICT && o->ladder) {     /* one beside those before */
      if (o->more_count == MAX_LADDERS - 1) return usage_error(c, d->name, "stands here more often than 16 times");
      o->more_ladders[o->more_count++] = value;
    } else if (d->at == AT(ladder) && o->ladder)
      return usage_error(c, d->name, "stands here twice: several ladders are for predict");
    else if (!set_option(o, d, value)) return bad_value(c, d, value);
  }
  if (o->help) return EXIT_DONE;
  i = check_options(c, o);
  return i ? i : check_paths(c, o);
}

#include "tasks.h"
#include "submit.h"

/* ---- what commands share -------------------------------------------------------------- */

static int is_standard_input(const char *path) { return path && strcmp(path, "-") == 0; }

static void tell_cut_texts(int64_t cut, int64_t texts, int32_t max_len) {
  if (cut)
    fprintf(stderr, "ladder: %" PRId64 " of %" PRId64 " texts are longer than %d tokens and were cut (--max-len)\n",
        cut, texts, (int)max_len);
}

/* How a model of sentences makes one vector of a text, as modules.json and the file it names say. */
typedef struct pooling_rule { int32_t mode, normalise, max_len; } pooling_rule;

typedef struct run {
  options        o;
  const task_info *task;
  task_info      chosen;         /* the task with another of its heads                       */
  ldr_error      err;
  ldr_model     *model, *whole;          /* whole: of two stacks, where the encoder alone is the model */
  ldr_model_info info;
  int32_t        max_len;
  ldr_head       head;
  ldr_metric     metric;
  ldr_dataset   *labels, *train, *dev, *test;
  item_list      train_items, dev_items, test_items;             /* of choices                  */
  ldr_ladder    *ladder, *beside;        /* beside: trained together with `ladder`, a model        */
  ldr_trainer   *trainer, *beside_trainer;
  ldr_train_desc train_desc;
  FILE          *log;
  int            unfinished;     /* --out is a new model whose weights are random yet      */
  int            incomplete;     /* --out is a new directory without weights yet           */
  submission     submitted;      /* the file of --submission                               */
  char           recipe[256];    /* what was chosen, for people                            */
  pooling_rule   pooling;        /* of features                                            */
  question_scores asked[2];      /* on dev and test, when trained on questions             */
  int32_t        unspoken[2];    /* tasks as words: answers on dev and test that are none of them */
  char          *chat_text;      /* a chat template, if not the model's own                  */
  char         **arguments;      /* the program, the command and what follows                */
  int            argument_count;
} run;

static void free_run(run *r) {
  ldr_trainer_free(r->beside_trainer);
  ldr_trainer_free(r->trainer);
  ldr_ladder_free(r->beside);
  ldr_ladder_free(r->ladder);
  free_items(&r->test_items);
  free_items(&r->dev_items);
  free_items(&r->train_items);
  ldr_dataset_free(r->test);
  ldr_dataset_free(r->dev);
  ldr_dataset_free(r->train);
  ldr_dataset_free(r->labels);
  ldr_model_free(r->whole ? r->whole : r->model);
  free(r->chat_text);
  if (r->log) fclose(r->log);
}

static int fail(run *r, ldr_status status, const char *what, const char *name) {
  ldr__fail(&r->err, status, what, name);
  return EXIT_FAILED;
}

static const char *chat_note(char key[32], int i) {
  snprintf(key, 32, "template.%d", i);
  return key;
}

/* The text into as many notes as it needs, cut between characters. */
static ldr_status chat_keep(ldr_ladder *l, const char *whole, ldr_error *err) {
  char piece[CHAT_NOTE + 1], key[32];
  size_t n;
  int i;
  for (i = 0; *whole && !err->status; i++, whole += n) {
    n = LDR__MIN(strlen(whole), (size_t)CHAT_NOTE);
    while (whole[n] && n > 1 && ((unsigned char)whole[n] & 0xc0u) == 0x80u) n--;
    memcpy(piece, whole, n);
    piece[n] = 0;
    ldr_ladder_note(l, chat_note(key, i), piece, err);
  }
  return err->status;
}

/* The template in the notes of a ladder: a copy, free() it; NULL: none is there (or, with err set, no memory). */
static char *chat_kept(const ldr_ladder *l, ldr_error *err) {
  char key[32], *s;
  const char *piece;
  size_t n = 0;
  int i;
  for (i = 0; (piece = ldr_ladder_note_get(l, chat_note(key, i))) != NULL; i++) n += strlen(piece);
  if (!i) return NULL;
  s = (char *)malloc(n + 1);
  if (!s) words_no_memory("a chat template", err);
  else for (*s = 0, n = 0, i = 0; (piece = ldr_ladder_note_get(l, chat_note(key, i))) != NULL; n += strlen(piece), i++)
    memcpy(s + n, piece, strlen(piece) + 1);
  return s;
}

/* The chat template that is given, or else the one with which the ladder learned; neither: the model has its own. */
static int take_template(run *r) {
  char *kept = r->ladder ? chat_kept(r->ladder, &r->err) : NULL;
  if (!r->err.status && r->o.chat_template) r->chat_text = chat_read(r->o.chat_template, &r->err);
  if (kept && r->chat_text && strcmp(kept, r->chat_text) != 0)
    fprintf(stderr, "ladder: %s is not the template with which %s learned, which is used if --template is left out\n",
        r->o.chat_template, r->o.ladder);
  if (!r->chat_text) r->chat_text = kept;
  else free(kept);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* What a ladder from a file brings along: its template, and a prompt that takes positions of the text's. */
static int take_ladder(run *r) {
  ldr_ladder_desc d = ldr_ladder_desc_get(r->ladder);
  if (d.method == LDR_METHOD_PROMPT && !ldr_model_encoder(r->model)) r->info.positions -= d.virtual_tokens;
  return take_template(r);
}

static int open_model(run *r) {
  ldr_model_desc desc;
  memset(&desc, 0, sizeof desc);
  desc.no_tokenizer = r->o.ids;
  desc.threads = r->o.threads;
  desc.simd = (ldr_simd)r->o.simd;
  desc.compute = r->o.compute == 3 ? LDR_COMPUTE_INT8 : r->o.compute == 2 ? LDR_COMPUTE_BF16 : LDR_COMPUTE_F32;
  desc.release = r->o.release;
  desc.pack = r->o.pack;
  desc.allow = r->o.allow;
  desc.adapter = r->o.adapter;
  r->model = ldr_model_load(r->o.model, &desc, &r->err);
  if (!r->model) return EXIT_FAILED;
  r->info = ldr_model_info_get(r->model);
  return EXIT_DONE;
}

/* Heads other than words stand on the encoder of a model with two stacks, and on no published decoder's. */
static void use_encoder(run *r, int words) {
  if (words || r->o.published_head || !ldr_model_encoder(r->model)) return;
  r->whole = r->model;
  r->model = (ldr_model *)(uintptr_t)ldr_model_encoder(r->whole);
  r->info = ldr_model_info_get(r->model);
}

/* 1: the ladder of that file has a head for words. */
static int ladder_of_words(run *r, const char *path) {
  ldr_weights *w = ldr__weights_open_one(path, NULL, &r->err);
  const ldr__field *f = ldr__ladder_fields;
  uint64_t head = 0;
  while (strcmp(f->key, "ladder.head") != 0) f++;
  int words = w && ldr__field_read(w, f, &head) && head == (uint64_t)LDR_HEAD_WORDS;
  ldr_weights_close(w);
  return words;
}

/* The length asked for must fit the model; the one a task or ladder brings is cut to it. */
static int choose_max_len(run *r, int32_t usual) {
  r->max_len = r->o.max_len ? r->o.max_len : usual ? usual : 128;
  if (r->info.positions > 0 && r->max_len > r->info.positions) {
    if (r->o.max_len) {
      ldr__fail(&r->err, LDR_ARGUMENT, "--max-len %d is more than the model's %d positions", r->o.max_len,
          r->info.positions);
      return EXIT_FAILED;
    }
    r->max_len = r->info.positions;
  }
  return EXIT_DONE;
}

static ldr_metric metric_of_head(ldr_head head) {
  return ldr__head_of(head)->metric;
}

/* The task with this head, if that reads what the task's files hold. */
static int use_head(run *r, ldr_head head) {
  int words = head == LDR_HEAD_WORDS && find_spoken(r->task->name);
  if (head == r->task->head) return 1;
  if (!words && !(reads_entities(r->task) && is_entity_head(head))
      && !(reads_questions(r->task) && is_answer_head(head)))
    return 0;
  r->chosen = *r->task;
  r->chosen.head = head;
  if (words) r->chosen.metric = LDR_METRIC_LIKELIHOOD;   /* of an epoch: the task's own is that of what is generated */
  r->task = &r->chosen;
  return 1;
}

/* Options that are for some tasks only. */
static int check_task_options(run *r) {
  static const ldr_head heads[] = {
    LDR_HEAD_TOKENS, LDR_HEAD_POINTER, LDR_HEAD_CRF, LDR_HEAD_SPANS, LDR_HEAD_ANSWER, LDR_HEAD_WORDS };
  const options *o = &r->o;
  const char *what = o->stride ? "--stride" : o->max_answer ? "--max-answer"
      : o->submission && o->command == CMD_EVAL ? "--submission" : NULL;
  if (o->preference > 0 && !reads_preferences(r->task))
    return fail(r, LDR_ARGUMENT, "--preference goes with --task preference only", "");
  if (o->chat_template && (!r->task || (r->task->form != FORM_CHAT && !takes_messages(r->task))))
    return fail(r, LDR_ARGUMENT, "--template goes with --task chat, instruct and preference, not with %s",
        r->task ? r->task->name : "texts and their labels");
  if (what && !reads_questions(r->task))
    return fail(r, LDR_ARGUMENT, "%s has no effect without a --task that has questions", what);
  if (o->head && (!r->task || !use_head(r, heads[o->head - 1])))
    return fail(r, LDR_ARGUMENT,
        "--head: tokens, pointer and crf are for a --task with entities, spans and answer for one with questions, "
        "words for those that ladder tasks lists as words%s", "");
  return EXIT_DONE;
}

static int choose_task(run *r, const char *name) {
  int status;
  r->task = find_task(name);
  if (name && !r->task) {
    int i;
    fprintf(stderr, "ladder: --task: \"%.100s\" is none of", name);
    for (i = 0; i < TASK_COUNT; i++) fprintf(stderr, " %s", task_table[i].name);
    putc('\n', stderr);
    return EXIT_USAGE;
  }
  status = check_task_options(r);
  if (status) return status;
  r->head = r->task ? r->task->head : r->o.regress ? LDR_HEAD_REGRESS : r->o.multi ? LDR_HEAD_MULTI : LDR_HEAD_CLASSIFY;
  r->metric = r->task ? r->task->metric : metric_of_head(r->head);
  return EXIT_DONE;
}

/* What of the command line the readers of tasks ask for. */
static task_reading reading(const run *r) {
  task_reading how;
  how.skip_bad = r->o.skip_bad;
  how.scored = 0;
  how.encoding = r->o.encoding;
  how.model = r->o.model;
  how.chat_text = r->chat_text;
  how.stride = r->o.stride;
  return how;
}

/* A directory that has none of the files of a role is no file. */
static int check_file(run *r, const char *path, int role) {
  if (!path || strchr(path, '\n') || !is_directory(path)) return EXIT_DONE;
  ldr__fail(&r->err, LDR_MISSING, "%s: the directory has none of %s", path, task_files(r->task, role));
  return EXIT_FAILED;
}

/* labels NULL: the file brings its own, in the order in which they appear. */
static ldr_dataset *load_set(run *r, const char *path, int scored, const ldr_dataset *labels, item_list *items) {
  task_reading how = reading(r);
  ldr_dataset_desc desc;
  ldr_dataset *d;
  how.scored = scored;
  if (r->task) return load_task(r->task, &how, r->model, path, labels, r->max_len, items, &r->err);
  memset(&desc, 0, sizeof desc);
  desc.head = r->head;
  desc.max_len = r->max_len;
  desc.labels = has_classes(r->head) ? labels : NULL;
  desc.many_labels = r->o.many_labels;
  desc.encoding = r->o.encoding;
  desc.columns = r->o.columns;
  d = ldr_dataset_load(r->model, path, &desc, &r->err);
  if (d) tell_cuts(path, d, r->max_len);
  return d;
}

/* Labels that training never saw are counted as wrong, and said. */
static void say_unseen(const ldr_dataset *d, const char *path) {
  const char *name;
  int32_t n = d ? ldr_dataset_unseen(d, &name) : 0;
  if (n)
    fprintf(stderr, "%s: %d of %d examples have labels that training never saw (\"%.60s\"): they count as wrong\n",
        path, (int)n, (int)ldr_dataset_count(d), name ? name : "");
}

/* The task's metric of a set, as eval has it. */
static int score_set(run *r, const ldr_dataset *d, const item_list *items, ldr_score *score) {
  choice_answers a;
  ldr_status status;
  if (r->head != LDR_HEAD_CHOICE)
    return ldr_evaluate(r->ladder, d, r->metric, score, &r->err) ? EXIT_FAILED : EXIT_DONE;
  status = score_choices(r->ladder, d, items, &a, &r->err);
  memset(score, 0, sizeof *score);
  score->value = score->accuracy = a.accuracy;
  score->loss = a.loss;
  score->examples = a.count;
  free_choice_answers(&a);
  return status ? EXIT_FAILED : EXIT_DONE;
}

/* --dev, or the dev file of the directory that --train is. */
static const char *dev_path(const run *r, char buffer[LADDER_MAX_PATH]) {
  const char *dev = r->o.dev;
  char train[LADDER_MAX_PATH];
  if (!dev && file_for_role(r->o.train, r->task, FILES_TRAIN, train) == train && file_for_role(r->o.train, r->task,
      FILES_DEV, buffer) == buffer) dev = r->o.train;
  return file_for_role(dev, r->task, FILES_DEV, buffer);
}

static int has_scored_set(const run *r) {
  char buffer[LADDER_MAX_PATH];
  return r->o.test || dev_path(r, buffer);
}

static int load_sets(run *r) {
  char train_buffer[LADDER_MAX_PATH], dev_buffer[LADDER_MAX_PATH], test_buffer[LADDER_MAX_PATH];
  const char *paths[3], *unseen = NULL;
  int i, inputs = 0;
  task_reading how = reading(r);
  paths[0] = file_for_role(r->o.train, r->task, FILES_TRAIN, train_buffer);
  paths[1] = dev_path(r, dev_buffer);
  paths[2] = file_for_role(r->o.test, r->task, FILES_TEST, test_buffer);
  if (r->o.patience > 0 && !paths[1])
    return fail(r, LDR_ARGUMENT, "--patience has no effect without --dev, and %s brings none", r->o.train);
  for (i = 0; i < 3; i++)
    if (check_file(r, paths[i], i)) return EXIT_FAILED;
  for (i = 0; i < 3; i++) inputs += is_standard_input(paths[i]);
  if (inputs > 1 || (inputs && r->task))
    return fail(r, LDR_ARGUMENT, "- is standard input, which is read once: %s",
        r->task ? "a task reads its files twice" : "only one of the sets can be there");
  /* a published head does not know how many choices there are */
  if (r->task && (!r->labels || r->head == LDR_HEAD_CHOICE)) {
    ldr_dataset_free(r->labels);
    r->labels = task_label_set(r->task, &how, paths, 3, &r->err);
    if (!r->labels) return EXIT_FAILED;
  }
  r->train = load_set(r, paths[0], 0, r->labels, &r->train_items);
  if (!r->train) return EXIT_FAILED;
  if (r->o.published_head && ldr_dataset_unseen(r->train, &unseen)) {
    const char *first = ldr_dataset_label_name(r->labels, 0);
    ldr__fail(&r->err, LDR_DATA, "%s: label \"%s\" is none of the %d classes of the model's head (\"%s\", ...)",
        paths[0], unseen ? unseen : "", ldr_dataset_labels(r->labels), first ? first : "");
    return EXIT_FAILED;
  }
  if (paths[1]) r->dev = load_set(r, paths[1], 1, r->labels ? r->labels : r->train, &r->dev_items);
  if (paths[2]) r->test = load_set(r, paths[2], 1, r->labels ? r->labels : r->train, &r->test_items);
  say_unseen(r->dev, paths[1]);
  say_unseen(r->test, paths[2]);
  return (paths[1] && !r->dev) || (paths[2] && !r->test) ? EXIT_FAILED : EXIT_DONE;
}

/* For a plan without data: one batch of full-length sequences, the most a step can hold. Two stacks read as
   much again. */
static int make_full_batch(run *r) {
  int two = r->head == LDR_HEAD_WORDS && ldr_model_encoder(r->model) != NULL, bad;
  size_t n = (size_t)r->max_len, all = two ? 2 * n : n, k;
  ldr_dataset_desc desc;
  ldr_example e;
  int32_t *ids = (int32_t *)calloc(3 * all, sizeof *ids), *segments = ids ? ids + all : NULL;
  int32_t *labels = ids ? segments + all : NULL, i, class_of[2] = { 0, 1 };
  memset(&desc, 0, sizeof desc);
  memset(&e, 0, sizeof e);
  desc.head = r->head;
  desc.max_len = r->max_len;
  desc.choices = r->task && r->task->choices ? r->task->choices : r->head == LDR_HEAD_CHOICE ? 4 : 0;
  if (ids) r->train = ldr_dataset_create(&desc, &r->err);
  else ldr__fail(&r->err, LDR_MEMORY, "out of memory");
  for (k = 0; ids && two && k < all; k++) {
    segments[k] = k >= n;
    labels[k] = k < n ? LDR_IGNORE : 0;
  }
  bad = r->train == NULL;
  if (!bad && ldr__spans_of(r->head)) bad = ldr_dataset_label(r->train, "O", 1, &r->err) < 0;
  if (!bad && has_classes(r->head))
    bad = ldr_dataset_label(r->train, "0", 1, &r->err) < 0 || ldr_dataset_label(r->train, "1", 1, &r->err) < 0;
  for (i = 0; i < 2 && !bad && r->head == LDR_HEAD_MULTI; i++)
    bad = ldr_dataset_label_set(r->train, &class_of[i], 1, &r->err) < 0;
  for (i = 0; i < (r->train_desc.batch ? r->train_desc.batch : 32) * LDR__MAX(desc.choices, 1) && !bad; i++) {
    e.count = (int32_t)all;
    e.ids = ids;
    e.segments = segments;
    e.labels = ldr__per_token(r->head) || r->head == LDR_HEAD_CHOICE ? labels : &class_of[i & 1];
    bad = ldr_dataset_add(r->train, &e, &r->err) != LDR_OK;
  }
  free(ids);
  return bad ? EXIT_FAILED : EXIT_DONE;
}

static ldr_dtype element_type(int32_t word) {
  return word == TYPE_BF16 ? LDR_BF16 : word == TYPE_I8 ? LDR_I8 : LDR_F32;
}

/* As the options and the task have it: 0 where nothing was said. */
static ldr_train_desc given_train_desc(const run *r) {
  const options *o = &r->o;
  ldr_train_desc d;
  memset(&d, 0, sizeof d);
  d.epochs = o->epochs ? o->epochs : r->task ? r->task->epochs : 0;
  d.batch = o->batch ? o->batch : r->task ? r->task->batch : 0;
  d.patience = LDR__MAX(o->patience, 0);
  d.accumulate = o->accumulate;
  d.optimizer = o->optimizer ? (ldr_optimizer)(o->optimizer - 1) : LDR_ADAMW;
  d.schedule = o->schedule ? (ldr_schedule)(o->schedule - 1) : LDR_LINEAR;
  d.rate = o->lr;
  d.head_epochs = o->head_epochs;
  d.warmup = o->warmup;
  d.weight_decay = LDR__MAX(o->weight_decay, 0.0f);
  d.clip = o->clip;
  d.label_smoothing = o->label_smoothing;
  if (reads_preferences(r->task)) d.preference = o->preference > 0 ? o->preference : 0.1f;
  /* that metric asks for both classes alike */
  d.balance = o->balance || (r->task && r->task->metric == LDR_METRIC_MATTHEWS);
  d.metric = r->metric;
  d.cache = o->cache && strcmp(o->cache, "off") != 0;
  d.cache_dir = d.cache && strcmp(o->cache, "ram") != 0 ? o->cache : NULL;
  d.cache_type = element_type(o->cache_type);
  d.tap_type = element_type(o->tap_type);
  d.cache_layers = o->cache_fill == FILL_LAYERS;
  d.recompute = o->recompute;
  d.replace_rate = o->replace_rate;
  d.replace_until = o->replace_until;
  d.replace_schedule = o->replace_schedule ? (ldr_replacement)(o->replace_schedule - 1) : LDR_REPLACE_LINEAR;
  d.seed = o->seed;
  return d;
}

static ldr_train_desc make_train_desc(const run *r) {
  ldr_train_desc d = given_train_desc(r);
  return ldr_train_desc_defaults(r->ladder, &d);
}

/* The ladder that was trained in advance, when the model has one and no other shape or start is asked for. */
static int open_reserved(run *r, ldr_ladder **reserved) {
  const options *o = &r->o;
  char path[LADDER_MAX_PATH];
  int asked = o->init == INIT_RESERVED, rungs = o->rungs.count || o->encoder_rungs.count;
  int shaped = rungs || o->preset || o->reduction || o->importance || o->slice_heads || o->top
      || o->method > METHOD_LADDER;
  *reserved = NULL;
  if (asked && shaped)
    return fail(r, LDR_ARGUMENT,
        "--init reserved brings a ladder of its own shape: leave out --method, --preset, --top, --reduction, "
        "--rungs, --importance and --slice-heads", "");
  if (!asked || !ldr__path_join(path, sizeof path, o->model, "ladder.safetensors")) return EXIT_DONE;
  if (!ldr__file_exists(path)) return asked ? fail(r, LDR_MISSING, "%s: there is no reserved ladder", path) : EXIT_DONE;
  *reserved = ldr_ladder_load(r->model, path, NULL, &r->err);
  return *reserved ? EXIT_DONE : EXIT_FAILED;
}

/* Everything but the head, which belongs to the task. */
static void start_reserved(ldr_ladder *l, const ldr_ladder *reserved) {
  int32_t i, at;
  for (i = 0; i < ldr_ladder_params(l); i++) {
    ldr_param to = ldr_ladder_param(l, i), from;
    at = strncmp(to.name, "head.", 5) == 0 ? -1 : ldr_ladder_find(reserved, to.name);
    if (at < 0) continue;
    from = ldr_ladder_param(reserved, at);
    if (from.rows == to.rows && from.columns == to.columns)
      memcpy(to.value, from.value, sizeof(float) * (size_t)to.rows * (size_t)to.columns);
  }
}

/* Tokens a second through the frozen backbone, from a first batch of the training set. */
static double forward_rate(run *r) {
  int32_t offsets[2] = { 0, 0 }, ids[512], take = 0, n = ldr_dataset_count(r->train), i;
  float *hidden = (float *)malloc(512 * sizeof *hidden * (size_t)r->info.width);
  double start, rate = 0;
  ldr_batch batch;
  memset(&batch, 0, sizeof batch);
  for (i = 0; i < n && take < 64; i++) {
    ldr_example e = ldr_dataset_get(r->train, i);
    int32_t k = LDR__MIN(e.count, LDR__MIN(512, r->info.positions) - take);
    if (k <= 0) break;
    memcpy(ids + take, e.ids, (size_t)k * sizeof *ids);
    take += k;
  }
  batch.sequences = 1;
  batch.offsets = offsets;
  batch.ids = ids;
  offsets[1] = take;
  for (i = 0; hidden && i < 2; i++) {                    /* the first time reads the file */
    start = seconds_now();
    if (ldr_model_hidden(r->model, hidden, &batch, -1, &r->err)) break;
    rate = (double)take / LDR__MAX(1e-6, seconds_now() - start);
  }
  free(hidden);
  return rate;
}

/* What is left open is chosen by the data, the model and the budget. */
static int choose_recipe(run *r, ldr_ladder_desc *d) {
  const options *o = &r->o;
  int chosen = o->recipe != RECIPE_PLAIN && d->method == LDR_METHOD_LADDER && d->preset == LDR_PRESET_DEFAULT
      && d->head != LDR_HEAD_WORDS;
  ldr_budget b;
  memset(&b, 0, sizeof b);
  if ((o->budget_memory > 0 || o->budget_seconds > 0) && !chosen)
    return fail(r, LDR_ARGUMENT,
        "--budget-seconds and --budget-memory choose the default ladder of a task that is not words; "
        "with another --method, --preset, --recipe or head say --epochs, --top and --cache", "");
  if (o->recipe == RECIPE_PLAIN || !o->train) return EXIT_DONE;
  b.memory = (uint64_t)((double)o->budget_memory * 1048576.0);
  b.seconds = (double)o->budget_seconds;
  b.no_cache = o->cache && strcmp(o->cache, "off") == 0;
  if (b.seconds > 0) b.forward_rate = forward_rate(r);
  if (ldr_recipe(d, &r->train_desc, r->recipe, sizeof r->recipe, r->model, r->train, r->dev, &b, &r->err))
    return EXIT_FAILED;
  return EXIT_DONE;
}

/* An option that would change nothing is refused. d: the ladder as it will be. */
static int check_effect(run *r, const ldr_ladder_desc *d) {
  const options *o = &r->o;
  const ldr__preset *preset = ldr__preset_of(d->preset);
  const int ladder = d->method == LDR_METHOD_LADDER, words = d->head == LDR_HEAD_WORDS;
  const int rungs = ladder && d->rung_count > 0, sliced = rungs && d->init == LDR_INIT_SLICE;
  const int updates = d->rank > 0 && (d->method == LDR_METHOD_LORA || (ladder && d->top > 0));
  const int one_row = !ldr__per_token(d->head) && !o->published_head;
  const int fits = !words && (d->method == LDR_METHOD_HEAD || (ladder && preset->copies));
  const struct { const char *name; int given, works; const char *what; } effects[] = {
    { "--top", o->top > 0, ladder, "there are no copies of blocks" },
    { "--rungs", o->rungs.count, ladder, "there are no rungs" },
    { "--encoder-rungs", o->encoder_rungs.count, rungs, "there are no rungs" },
    { "--reduction", o->reduction, rungs && preset->kind != LDR__LIKE_BERT,
      "there are no rungs, or their width is the preset's" },
    { "--init", o->init != 0 && o->init != INIT_RESERVED, rungs, "there are no rungs" },
    { "--importance", o->importance, sliced, "no rungs are cut from the backbone's blocks" },
    { "--slice-heads", o->slice_heads, sliced, "no rungs are cut from the backbone's blocks" },
    { "--rank", o->rank > 0, updates, "there are no copies of blocks" },
    { "--alpha", o->alpha > 0, updates, "there are no updates of low rank" },
    { "--targets", o->targets != NULL, updates, "there are no updates of low rank" },
    { "--standardise", o->standardise == LDR_OFF, fits, "nothing is standardised" },
    { "--head-epochs", o->head_epochs, d->standardise == LDR_ON, "no head is fitted first" },
    { "--pool", o->head_pool, one_row, "the head reads tokens, or is the model's own" },
    { "--head-hidden", o->head_hidden, !words && !o->published_head, "the head is the model's own" },
    { "--tap-type", o->tap_type, rungs, "there are no rungs" },
    { "--recompute", o->recompute, d->method != LDR_METHOD_HEAD, "nothing goes back through blocks" },
    { "--tune-biases", o->tune_biases, d->method != LDR_METHOD_THESEUS, "successors are trained whole" } };
  size_t i;
  for (i = 0; i < sizeof effects / sizeof *effects; i++)
    if (effects[i].given && !effects[i].works)
      ldr__fail(&r->err, LDR_ARGUMENT, "%s has no effect here: %s", effects[i].name, effects[i].what);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* 0 in a new description is no number. */
static ldr_ladder_desc reserved_shape(const ldr_ladder *reserved) {
  ldr_ladder_desc d = ldr_ladder_desc_get(reserved);
  d.value_mean = d.value_scale = 0;                /* those of this task's values          */
  if (!d.rung_count) d.rung_count = -1;
  if (d.rung_count < 0) d.rungs = NULL;
  if (!d.top) d.top = -1;
  return d;
}

/* A plan wants sizes only, so it leaves out the passes over the data that Fisher and energy need. */
static int given_shape(run *r, ldr_ladder_desc *d) {
  const options *o = &r->o;
  if (o->encoder_rungs.count && !ldr_model_encoder(r->model))
    return fail(r, LDR_ARGUMENT, "--encoder-rungs is for models of two stacks, and %s has one", o->model);
  d->preset = o->preset ? (ldr_preset)(o->preset - 1) : LDR_PRESET_DEFAULT;
  d->reduction = o->reduction;
  d->top = o->top;
  d->rungs = o->rungs.count ? o->rungs.at : NULL;
  d->rung_count = o->rungs.count;
  d->encoder_rungs = o->encoder_rungs.count ? o->encoder_rungs.at : NULL;
  d->encoder_rung_count = o->encoder_rungs.count;
  d->importance = o->command == CMD_PLAN ? LDR_IMPORTANCE_PRESET : (ldr_importance)o->importance;
  d->slice_heads = (ldr_heads)o->slice_heads;
  return EXIT_DONE;
}

static void given_method(const options *o, ldr_ladder_desc *d) {
  d->method = o->method ? (ldr_method)(o->method - 1) : LDR_METHOD_LADDER;
  d->rank = o->rank;
  d->alpha = o->alpha;
  d->targets = o->targets ? target_bits(o->targets) : 0;
  d->bottleneck = o->bottleneck;
  d->virtual_tokens = o->virtual_tokens;
  d->prompt_hidden = o->prompt_hidden;
  d->successors = o->successors;
  d->tune_layers = o->tune_layers;
  d->tune_biases = o->tune_biases ? LDR_ON : LDR_AUTO;
  d->tune_norms = o->tune_norms ? LDR_ON : LDR_AUTO;
}

static int make_ladder(run *r) {
  const options *o = &r->o;
  ldr_ladder_desc d;
  const char **names = NULL;
  ldr_ladder *reserved;
  char chosen[256];
  int32_t i;
  if (open_reserved(r, &reserved)) return EXIT_FAILED;
  memset(&d, 0, sizeof d);
  if (reserved) d = reserved_shape(reserved);
  else if (given_shape(r, &d)) return EXIT_FAILED;
  given_method(o, &d);
  d.init = reserved ? LDR_INIT_RANDOM : (ldr_init)o->init;
  d.sample = r->train;
  d.published_head = o->published_head;
  d.standardise = (ldr_choice)o->standardise;
  d.dropout = o->dropout;
  d.head = r->head;
  d.pool = (ldr_pool)o->head_pool;
  d.head_hidden = o->head_hidden;
  d.seed = o->seed;
  d.classes = has_classes(r->head) ? ldr_dataset_labels(r->train) : 1;
  if (has_classes(r->head)) {
    names = (const char **)calloc((size_t)d.classes + 1, sizeof *names);
    if (!names) return fail(r, LDR_MEMORY, "out of memory", "");
    for (i = 0; i < d.classes; i++) names[i] = ldr_dataset_label_name(r->train, i);
    d.label_names = names;
  }
  if (reserved || !choose_recipe(r, &d)) {
    ldr_ladder_desc made = ldr_ladder_desc_defaults(r->model, &d);
    if (!check_effect(r, &made)) r->ladder = ldr_ladder_create(r->model, &d, &r->err);
  }
  /* kept without its costs, which are others for more threads: the file has the same bits */
  snprintf(chosen, sizeof chosen, "%.*s", (int)strcspn(r->recipe, ";"), r->recipe);
  if (r->ladder && *chosen && ldr_ladder_note(r->ladder, "recipe", chosen, &r->err)) {
    ldr_ladder_free(r->ladder);
    r->ladder = NULL;
  }
  if (r->ladder && reserved) start_reserved(r->ladder, reserved);
  ldr_ladder_free(reserved);
  free((void *)(uintptr_t)names);
  return r->ladder ? EXIT_DONE : EXIT_FAILED;
}

/* The names of the classes, where there are any: of the ladder, or of the classifier in the model's files. */
static int name_classes(run *r, int32_t classes) {
  ldr_dataset_desc desc;
  int32_t i;
  memset(&desc, 0, sizeof desc);
  desc.head = r->head;
  if (r->head == LDR_HEAD_CHOICE) desc.choices = 2;        /* at least: files say how many       */
  r->labels = ldr_dataset_create(&desc, &r->err);
  if (!r->labels) return EXIT_FAILED;
  for (i = 0; i < classes && has_classes(r->head); i++) {
    const char *name = r->ladder ? ldr_ladder_label(r->ladder, i) : ldr_model_label(r->model, i);
    if (name && ldr_dataset_label(r->labels, name, 1, &r->err) < 0) return EXIT_FAILED;
  }
  return EXIT_DONE;
}

/* --published-head: what kind of head it is, and its classes. */
static int use_published_head(run *r) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.published_head = 1;
  d = ldr_ladder_desc_defaults(r->model, &d);
  if (r->info.task == LDR_TASK_NONE)
    return fail(r, LDR_MISSING, "%s: its files hold no head for a task, or its config.json does not say which",
        r->o.model);
  if (d.head == LDR_HEAD_CHOICE && !r->task) r->task = find_task(TASK_OF_CHOICES);
  if (r->task && r->task->head != d.head)
    return fail(r, LDR_MISMATCH, "%s: its head is not one for this --task", r->o.model);
  r->head = d.head;
  if (!r->task) r->metric = metric_of_head(r->head);
  return name_classes(r, d.classes);
}

/* Options that speak of one label a text, with a set to score, before anything is read. */
static int check_answers(run *r, int scored) {
  const char *what = r->o.answers ? "--answers" : r->o.baselines ? "--baselines" : NULL;
  if (!what) return EXIT_DONE;
  if (r->head != LDR_HEAD_CLASSIFY) return fail(r, LDR_ARGUMENT, "%s: is for tasks with one label a text", what);
  if (!scored) return fail(r, LDR_ARGUMENT, "%s: needs --dev or --test", what);
  return EXIT_DONE;
}

/* Model, data, ladder and training recipe, as `train` and `plan` both need them. */
static int prepare(run *r) {
  int status = choose_task(r, r->o.task);
  if (!status) status = take_template(r);
  if (!status) status = open_model(r);
  if (!status) use_encoder(r, r->head == LDR_HEAD_WORDS);
  if (!status && r->head == LDR_HEAD_WORDS && (!r->info.causal || !r->info.has_logits))
    status = fail(r, LDR_UNSUPPORTED,
        "%s: a model that says what comes next is needed (a decoder with its language-model head); "
        "for encoders there is pretrain", r->o.model);
  if (!status) status = choose_max_len(r, r->task ? r->task->max_len : 0);
  if (!status && r->o.published_head) status = use_published_head(r);
  if (!status && r->o.train) status = check_answers(r, has_scored_set(r));
  if (status) return status;
  r->train_desc = given_train_desc(r);
  status = r->o.train ? load_sets(r) : make_full_batch(r);
  if (!status) status = make_ladder(r);
  r->train_desc = ldr_train_desc_defaults(r->ladder, &r->train_desc);        /* the rate depends on the ladder */
  if (r->o.lr_scale > 0) r->train_desc.rate *= r->o.lr_scale;
  return status;
}

/* ---- what a training shows -------------------------------------------------------------- */

typedef struct watch {
  double  opened, start, shown, epoch_start;      /* opened: before a cache is filled layer by layer */
  int64_t first_tokens;          /* where a resumed run stood                              */
  int32_t first_step;
  int     terminal;
} watch;

static double tokens_per_second(const watch *w, const ldr_progress *p, double now) {
  return now > w->start ? (double)(p->tokens - w->first_tokens) / (now - w->start) : 0;
}

/* One line, written over itself ten times a second at most. */
static void show_bar(watch *w, const ldr_progress *p) {
  enum { WIDTH = 24 };
  double now = seconds_now(), left;
  char bar[WIDTH + 1];
  int full;
  if (now - w->shown < 0.1 && p->step != p->steps) return;
  w->shown = now;
  full = p->steps > 0 ? (int)((int64_t)p->step * WIDTH / p->steps) : 0;
  memset(bar, '.', WIDTH);
  memset(bar, '#', (size_t)full);
  bar[WIDTH] = 0;
  left = (now - w->start) * (double)(p->steps - p->step);
  left = p->step > w->first_step ? left / (double)(p->step - w->first_step) : 0;
  fprintf(stderr, "\r[%s] epoch %d/%d step %d/%d loss %.4f %.0f tokens/s %d:%02d left ", bar, (int)p->epoch,
      (int)p->epochs, (int)p->step, (int)p->steps, p->loss, tokens_per_second(w, p, now),
      (int)(left / 60), (int)left % 60);
  fflush(stderr);
}

static void clear_bar(const watch *w) {
  if (w->terminal) fputs("\r\033[K", stderr);
}

static void show_epoch(const run *r, const watch *w, const ldr_progress *p) {
  FILE *f = r->o.json ? stderr : stdout;
  if (r->o.json && !w->terminal) return;
  clear_bar(w);
  fprintf(f, "epoch %d/%d  step %d/%d  loss %.4f", (int)p->epoch, (int)p->epochs, (int)p->step, (int)p->steps, p->loss);
  if (p->evaluated)
    fprintf(f, "  dev %s %.4f%s", ldr_metric_name(r->metric), p->metric, p->best_epoch == p->epoch ? " (best)" : "");
  fprintf(f, "  %.0f tokens/s\n", tokens_per_second(w, p, seconds_now()));
  fflush(f);
}

static void put_step(FILE *f, const ldr_progress *p) {
  fprintf(f, "{\"step\":%d,\"loss\":", (int)p->step);
  put_number(f, p->step_loss);
  fputs(",\"rate\":", f);
  put_number(f, p->rate);
  fputs(",\"gradient_norm\":", f);
  put_number(f, p->gradient_norm);
}

static void log_step(FILE *f, const ldr_progress *p) {
  put_step(f, p);
  fputs("}\n", f);
  fflush(f);
}

static void log_timed_step(FILE *f, const ldr_progress *p, double seconds) {
  put_step(f, p);
  fputs(",\"seconds\":", f);
  put_number(f, seconds);
  fputs("}\n", f);
  fflush(f);
}

static void log_epoch(const run *r, const watch *w, const ldr_progress *p) {
  FILE *f = r->log;
  fprintf(f, "{\"epoch\":%d,\"step\":%d,\"loss\":", (int)p->epoch, (int)p->step);
  put_number(f, p->loss);
  if (p->evaluated) {
    fputs(",\"metric\":", f);
    put_string(f, ldr_metric_name(r->metric));
    fputs(",\"dev\":", f);
    put_number(f, p->metric);
    fprintf(f, ",\"best_epoch\":%d", (int)p->best_epoch);
  }
  fprintf(f, ",\"tokens\":%" PRId64 ",\"seconds\":", p->tokens);
  put_number(f, seconds_now() - w->epoch_start);
  fputs("}\n", f);
  fflush(f);
}

/* A line's texts: all of it, or what lies before and after the first TAB. */
typedef struct texts { const char *first, *second; size_t size, size2; } texts;

static texts split_line(const text *line, int pair) {
  texts t;
  const char *tab = pair ? (const char *)memchr(line->data, '\t', line->used) : NULL;
  t.first = line->data;
  t.size = tab ? (size_t)(tab - line->data) : line->used;
  t.second = tab ? tab + 1 : NULL;
  t.size2 = tab ? line->used - t.size - 1 : 0;
  return t;
}

/* ---- a model directory that is written --------------------------------------------------- */

static int make_directory(const char *path) {
#if HAVE_POSIX || defined(_WIN32)
  return ldr__mkdir(path) == 0 || errno == EEXIST;
#else
  (void)path;
  return 1;                      /* opening a file in it will tell */
#endif
}

/* Copies one file of the model's directory, when there is one. */
static int copy_file(run *r, const char *name) {
  char from[LADDER_MAX_PATH], to[LADDER_MAX_PATH];
  ldr__source s;
  ldr__writer w;
  if (!ldr__path_join(from, sizeof from, r->o.model, name) || !ldr__path_join(to, sizeof to, r->o.out, name))
    return fail(r, LDR_ARGUMENT, "%s: the path is too long", name);
  if (!ldr__file_exists(from)) return EXIT_DONE;
  if (strchr(name, '/')) {                   /* a folder of sentence-transformers            */
    size_t n = strlen(to) - strlen(strchr(name, '/'));
    char slash = to[n];
    to[n] = 0;
    if (!make_directory(to)) return fail(r, LDR_IO, "%s: the directory cannot be made", to);
    to[n] = slash;
  }
  if (ldr__source_open(&s, from, NULL, &r->err)) return EXIT_FAILED;
  if (!ldr__writer_open(&w, to, &r->err)) {
    ldr__writer_put(&w, s.data, s.size, &r->err);
    ldr__writer_close(&w, &r->err);
  }
  ldr__source_close(&s);
  return w.status ? EXIT_FAILED : EXIT_DONE;
}

static int out_path(run *r, char path[LADDER_MAX_PATH], const char *name) {
  if (ldr__path_join(path, LADDER_MAX_PATH, r->o.out, name)) return EXIT_DONE;
  return fail(r, LDR_ARGUMENT, "%s: the path is too long", r->o.out);
}

/* What lies beside a model's weights; the configuration first. */
static const char *const companions[] = {
  "config.json", "vocab.txt", "tokenizer_config.json", "tokenizer.json",
  "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model",
  "sentencepiece.bpe.model", "generation_config.json", "chat_template.jinja", "modules.json",
  "sentence_bert_config.json", "1_Pooling/config.json", "LICENSE" };

/* Where nothing came of a directory that this run has made, it goes again. */
static void drop_companions(const run *r) {
#if HAVE_POSIX
  char path[LADDER_MAX_PATH];
  size_t i;
  for (i = 0; i < sizeof companions / sizeof *companions; i++)
    if (ldr__path_join(path, sizeof path, r->o.out, companions[i])) unlink(path);
  if (ldr__path_join(path, sizeof path, r->o.out, "1_Pooling")) rmdir(path);
  rmdir(r->o.out);
#else
  (void)r;
#endif
}

/* Makes --out a model directory but for its weights, which come last: a directory with weights in it is complete. */
static int copy_companions(run *r, char path[LADDER_MAX_PATH]) {
  static const char *const weights[] = { "model.safetensors", "model.safetensors.index.json" };
  char config[LADDER_MAX_PATH];
  size_t i;
  for (i = sizeof weights / sizeof *weights; i-- > 0;) {
    if (out_path(r, path, weights[i])) return EXIT_FAILED;
    if (ldr__file_exists(path)) return fail(r, LDR_ARGUMENT, "%s: is there already and is not replaced", path);
  }
  if (!ldr__path_join(config, sizeof config, r->o.model, "config.json") || !ldr__file_exists(config))
    return fail(r, LDR_MISSING,
        "%s: no directory with a config.json, which what is written needs beside it (`export --format gguf` writes "
        "one file)", r->o.model);
  if (!r->model && open_model(r)) return EXIT_FAILED;
#if HAVE_POSIX
  r->incomplete = ldr__mkdir(r->o.out) == 0;             /* it was not there */
#endif
  if (!make_directory(r->o.out)) return fail(r, LDR_IO, "%s: the directory cannot be made", r->o.out);
  for (i = 0; i < sizeof companions / sizeof *companions; i++)
    if (copy_file(r, companions[i])) return EXIT_FAILED;
  return EXIT_DONE;
}

#endif /* LADDER_RUN_H */
