/* The numbered examples, run as a reader runs them: exit statuses and what they claim to show.
   LADDER_EXAMPLES is the folder of the built programs, default ../examples/build. LADDER_EXAMPLES_MODEL is the
   model they run on, default ../examples/tiny. */

#define _XOPEN_SOURCE 700
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"

#if defined(__unix__) || defined(__APPLE__)

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = { "01_hello", "02_tokens", "03_memory_plan", "04_slicing", "05_by_hand", "06_save_resume", "07_allocator", "08_own_reader", "09_threads", "10_from_cpp", "11_any_model", "12_notes", "13_answers", "14_web_server",
  "15_online", "16_translate" };

static char programs[LADDER_MAX_PATH], model[LADDER_MAX_PATH], folder[64];

static void remove_folder(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command) != 0) fprintf(stderr, "%s was left behind\n", folder);
}

/* The first lines of the data that comes with the examples, all of it would take too long; in the folder as train.tsv. */
static int cut_data(void) {
  char path[LADDER_MAX_PATH], *data, *end;
  size_t size;
  int lines = getenv("LDR_TEST_SLOW") ? 48 : 160, ok;
  data = ldr_test_read(ldr_test_exists("../examples/data/train.tsv") ? "../examples/data/train.tsv" : "examples/data/train.tsv", &size);
  if (!data) return 0;
  for (end = data; lines > 0 && *end; end++) lines -= *end == '\n';
  snprintf(path, sizeof path, "%s/train.tsv", folder);
  ok = ldr_test_write(path, data, (size_t)(end - data));
  free(data);
  return ok;
}

/* Finds programs and model and makes an empty folder to run in. */
static int ready(void) {
  const char *built = getenv("LADDER_EXAMPLES"), *dir = getenv("LADDER_EXAMPLES_MODEL");
  char config[LADDER_MAX_PATH + 16];
  if (folder[0]) return programs[0] != 0;
  strcpy(folder, "/tmp/ladder-examples-XXXXXX");
  if (!mkdtemp(folder)) return 0;
  atexit(remove_folder);
  if (!realpath(dir ? dir : ldr_test_exists("../examples/Makefile") ? "../examples/tiny" : "examples/tiny", model)) model[0] = 0;
  snprintf(config, sizeof config, "%s/config.json", model);
  if (model[0] && !ldr_test_exists(config)) model[0] = 0;
  if (!realpath(built ? built : "../examples/build", programs) || !cut_data()) programs[0] = 0;
  return programs[0] != 0;
}

static int is_built(const char *name) {
  char path[LADDER_MAX_PATH + 64];
  snprintf(path, sizeof path, "%s/%s", programs, name);
  return ldr_test_exists(path);
}

/* Runs an example in the folder with these arguments; what it prints, both streams, is for free(). */
static char *run(const char *name, const char *arguments, int *status) {
  char command[3 * LADDER_MAX_PATH];
  size_t n;
  int rc;
  snprintf(command, sizeof command, "cd %s && OMP_WAIT_POLICY=passive '%s/%s' %s >out 2>&1", folder, programs, name, arguments);
  fflush(stdout);
  rc = system(command);
  *status = WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
  snprintf(command, sizeof command, "%s/out", folder);
  return ldr_test_read(command, &n);
}

/* The output of an example on the model, with `rest` behind the model's name. It must succeed. */
static char *output(const char *name, const char *rest) {
  char arguments[LADDER_MAX_PATH + 256], *text;
  int status;
  snprintf(arguments, sizeof arguments, "'%s' %s", model, rest);
  text = run(name, arguments, &status);
  CHECK_INT(status, 0);
  if (status != 0) printf("  it said: %s\n", text && *text ? text : "(nothing)");
  return text;
}

/* Counts a text in another. */
static int count(const char *text, const char *what) {
  int n = 0;
  for (; text && (text = strstr(text, what)) != NULL; text += strlen(what)) n++;
  return n;
}

/* The number behind a text, or -1. */
static double number_behind(const char *text, const char *what) {
  const char *p = text ? strstr(text, what) : NULL;
  return p ? strtod(p + strlen(what), NULL) : -1;
}

#define NEED(name)                                                                                                                           \
  do {                                                                                                                                     \
    if (!ready()) SKIP("no built examples (make -C examples, or set LADDER_EXAMPLES)");                                                  \
    if (!is_built(name)) SKIP("this build's compiler is for another language than " name);                                               \
    if (!model[0]) SKIP("no model in examples/tiny (set LADDER_EXAMPLES_MODEL to a Hugging Face directory of a BERT)");                  \
  } while (0)

/* LDR_TEST_SLOW says that this build has no optimiser: the long ones of those that train are skipped, by name. */
#define NEED_SPEED() do { if (getenv("LDR_TEST_SLOW")) SKIP("takes minutes in a build without an optimiser (LDR_TEST_SLOW is set)"); } while (0)

TEST(a_missing_model_is_explained) {
  size_t i, built = 0;
  if (!ready()) SKIP("no built examples (make -C examples, or set LADDER_EXAMPLES)");
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    char *text;
    int status;
    if (!is_built(names[i])) continue;
    built++;
    text = run(names[i], "no-such-model train.tsv", &status);
    CHECK_INT(status, 2);
    CHECK_INT(count(text, "no-such-model"), 1);
    CHECK_INT(count(text, "usage: "), 1);
    if (ldr_test.failures) printf("  %s said: %s\n", names[i], text ? text : "(nothing)");
    free(text);
  }
  CHECK(built > 0);
}

TEST(hello) {
  char *text;
  NEED("01_hello");
  text = output("01_hello", "train.tsv 'close the curtains'");
  CHECK(number_behind(text, "loss ") > 0);
  CHECK_INT(count(text, "close the curtains -> "), 1);
  free(text);
}

TEST(tokens) {
  char *text;
  NEED("02_tokens");
  text = output("02_tokens", "'Turn it OFF!' 'please'");
  CHECK_INT(count(text, "[CLS]"), 3);
  CHECK_INT(count(text, "8..11   0        \"OFF\""), 3);
  CHECK_INT(count(text, "0..6    1        \"please\""), 2);
  free(text);
}

TEST(memory_plan) {
  char *text;
  double planned, used;
  NEED("03_memory_plan");
  text = output("03_memory_plan", "train.tsv");
  planned = number_behind(text, "planned ");
  used = number_behind(text, "in use ");
  CHECK(planned > 0 && used >= planned && used < planned + 65536);
  free(text);
}

TEST(slicing) {
  char *text;
  double kept, same;
  NEED_SPEED();
  NEED("04_slicing");
  text = output("04_slicing", "train.tsv");
  kept = text ? strtod(text, NULL) : -1;
  same = number_behind(text, "...\n");
  CHECK(kept > 0);
  CHECK_NEAR(same, kept, 0);
  CHECK_INT(count(text, "to  20   "), 1);
  free(text);
}

TEST(by_hand) {
  char *text, path[128];
  NEED_SPEED();
  NEED("05_by_hand");
  text = output("05_by_hand", "train.tsv train.tsv 'it is cold'");
  CHECK_INT(count(text, "epoch 8: loss "), 1);
  free(text);
  snprintf(path, sizeof path, "%s/by_hand.ladder", folder);
  CHECK(ldr_test_exists(path));
}

TEST(save_resume) {
  char *text;
  NEED_SPEED();
  NEED("06_save_resume");
  text = output("06_save_resume", "train.tsv train.tsv");
  CHECK_INT(count(text, "stopped after step "), 1);
  CHECK_INT(count(text, "  from step 0\n"), 2);
  CHECK_INT(count(text, ": the same bits"), 1);
  free(text);
}

TEST(allocator) {
  char *text;
  NEED("07_allocator");
  text = output("07_allocator", "train.tsv");
  CHECK_INT(count(text, ": 0 allocations"), 2);
  free(text);
}

TEST(own_reader) {
  static const char mine[] = "# mine\n\n[a] one\n[b] two\n[a] three";
  char *text, path[128], arguments[LADDER_MAX_PATH + 16];
  int status;
  NEED("08_own_reader");
  text = output("08_own_reader", "");
  CHECK_INT(count(text, "20 messages, "), 1);
  CHECK_INT(count(text, "[urgent] ") + count(text, "[later] "), 2);
  free(text);
  snprintf(path, sizeof path, "%s/mine", folder);
  CHECK(ldr_test_write(path, mine, sizeof mine - 1));
  text = output("08_own_reader", "mine");
  CHECK_INT(count(text, "3 messages, "), 1);
  free(text);
  CHECK(ldr_test_write(path, "[a] one\nno label\n", 17));
  snprintf(arguments, sizeof arguments, "'%s' mine", model);
  text = run("08_own_reader", arguments, &status);
  CHECK_INT(status, 1);
  CHECK_INT(count(text, "byte 8: "), 1);
  free(text);
}

TEST(threads) {
  char *text;
  NEED_SPEED();
  NEED("09_threads");
  text = output("09_threads", "train.tsv");
  CHECK_INT(count(text, " seconds\n"), 2);
  CHECK_INT(count(text, ": the same bits"), 1);
  free(text);
}

TEST(from_cpp) {
  char *text;
  NEED("10_from_cpp");
  text = output("10_from_cpp", "train.tsv 'close the curtains'");
  CHECK_INT(count(text, "epoch 8: loss "), 1);
  CHECK_INT(count(text, "close the curtains -> "), 1);
  free(text);
}

/* At most eight million bytes, in blocks of 8 bits: what examples/tiny/README.md says. */
TEST(the_shipped_model_is_small_and_whole) {
  static const char *const files[] = { "config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "texts.c", "README.md" };
  char path[LADDER_MAX_PATH + 32];
  size_t total = 0, i;
  ldr_error err;
  ldr_model *m;
  if (!ready() || !model[0] || getenv("LADDER_EXAMPLES_MODEL")) SKIP("another model than the one in examples/tiny, or none");
  for (i = 0; i < sizeof files / sizeof files[0]; i++) {
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", model, files[i]);
    free(ldr_test_read(path, &size));
    CHECK(size > 0);
    total += size;
  }
  CHECK(total <= 8000000);
  memset(&err, 0, sizeof err);
  m = ldr_model_load(model, NULL, &err);
  CHECK_STR(err.message, "");
  if (m) CHECK_INT(ldr_model_info_get(m).vocabulary, 20000);
  ldr_model_free(m);
}

TEST(tokens_of_a_file) {
  char *text, path[LADDER_MAX_PATH + 32];
  int status;
  NEED("02_tokens");
  snprintf(path, sizeof path, "%s/some.txt", folder);
  CHECK(ldr_test_write(path, "Close the door.\nOpen it!\n", 25));
  text = output("02_tokens", "@some.txt");
  CHECK(count(text, "\"door\"") == 1 && count(text, "\"!\"") == 1 && strstr(text, "16..20") != NULL);      /* Open, in the second line */
  free(text);
  snprintf(path, sizeof path, "'%s' @nowhere.txt", model);
  text = run("02_tokens", path, &status);
  CHECK_INT(status, 1);
  CHECK(strstr(text, "nowhere.txt: cannot be read") != NULL);
  free(text);
}

TEST(any_model) {
  char *text;
  NEED("11_any_model");
  text = output("11_any_model", "");
  CHECK(strstr(text, "electra: 3 layers 384 wide") && strstr(text, "an encoder") && strstr(text, "the first token's state"));
  free(text);
}

TEST(notes) {
  static const char line[] = "The key of the boat house hangs behind the blue door.\n";
  char *text, path[LADDER_MAX_PATH], arguments[LADDER_MAX_PATH + 64], notes[128];
  double loss, before, after;
  int status;
  NEED("12_notes");
  text = output("12_notes", "");
  CHECK(strstr(text, "is no language model with a vocabulary") != NULL);
  free(text);
  if (!ldr_test_data_path(path, sizeof path, "models/stories260k/stories260K-q8_0.gguf") || !realpath(path, arguments + 1)) SKIP("no models/stories260k (set LADDER_DATA to the data folder)");
  arguments[0] = '\'';
  strcat(arguments, "'");
  strcat(arguments, " notes.txt \"The key of the boat\" notes.state");
  text = run("12_notes", arguments, &status);                         /* notes that are not there */
  CHECK_INT(status, 2);
  CHECK(strstr(text, "notes.txt cannot be opened") != NULL);
  free(text);
  NEED_SPEED();
  snprintf(notes, sizeof notes, "%s/notes.txt", folder);
  CHECK(ldr_test_write(notes, line, strlen(line)));
  text = run("12_notes", arguments, &status);
  CHECK_INT(status, 0);
  loss = number_behind(text, "learned: loss of the notes ");
  CHECK(strstr(text, "before: ") && strstr(text, "after 1 texts") && loss > 0 && loss < 0.05);
  CHECK_INT(count(text, "house hangs behind the blue door"), 1);      /* it was not there before */
  before = number_behind(text, "perplexity of other texts ");
  after = number_behind(strstr(text, "after 1 texts"), "perplexity of other texts ");
  CHECK(before > 1 && after < 1.02 * before);
  free(text);
  text = run("12_notes", arguments, &status);                         /* it is still known, and nothing is learned again */
  CHECK_INT(count(text, "house hangs behind the blue door"), 2);
  CHECK_NEAR(number_behind(text, "perplexity of other texts "), after, 1e-9);
  free(text);
}

TEST(answers) {
  char *text;
  int status;
  NEED("13_answers");
  text = output("13_answers", "");
  CHECK(strstr(text, "Where is it? in the library (") && strstr(text, "When is it? on Sunday (") && strstr(text, "What does it cost? It does not say."));
  free(text);
  text = run("13_answers", "nowhere", &status);
  CHECK_INT(status, 2);
  free(text);
}

TEST(translate) {
  char *text, path[LADDER_MAX_PATH], arguments[2 * LADDER_MAX_PATH];
  int status;
  NEED("16_translate");
  text = output("16_translate", "");
  CHECK(strstr(text, "is no encoder-decoder with a vocabulary") != NULL);
  free(text);
  if (!ldr_test_data_path(path, sizeof path, "models/hf/t5/config.json") || !realpath(path, arguments)) SKIP("no models/hf/t5 (set LADDER_DATA to the data folder)");
  *strrchr(arguments, '/') = 0;
  strcpy(path, arguments);
  snprintf(arguments, sizeof arguments, "'%s' 'what is the time' 'what is the time' noon 'it is a truth' 'two truths'", path);
  text = run("16_translate", arguments, &status);
  CHECK_INT(status, 0);
  CHECK(strstr(text, "2 pairs, loss ") == text && strstr(text, "what is the time -> noon\n"));
  free(text);
}

/* One request to a port of this machine; the reply is for free(). */
static char *fetch(int port, const char *path) {
  char request[1024], *reply = (char *)calloc(1, 8192);
  struct sockaddr_in at;
  int s = socket(AF_INET, SOCK_STREAM, 0);
  size_t used = 0;
  ssize_t n = -1;
  memset(&at, 0, sizeof at);
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons((uint16_t)port);
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: here\r\n\r\n", path);
  if (reply && s >= 0 && connect(s, (struct sockaddr *)&at, sizeof at) == 0 &&
      send(s, request, strlen(request), 0) == (ssize_t)strlen(request))
    while (used < 8191 && (n = recv(s, reply + used, 8191 - used, 0)) > 0) used += (size_t)n;
  if (s >= 0) close(s);
  return reply;
}

TEST(web_server) {
  char command[3 * LADDER_MAX_PATH], path[128], *text = NULL;
  const struct timespec moment = { 0, 50000000 };
  int tries, port = -1;
  NEED("14_web_server");
  NEED("05_by_hand");
  NEED_SPEED();
  text = output("05_by_hand", "train.tsv train.tsv");                  /* leaves by_hand.ladder behind */
  free(text);
  snprintf(command, sizeof command, "cd %s && { '%s/14_web_server' '%s' by_hand.ladder 0 >served 2>&1 & echo $! >server; }", folder, programs, model);
  CHECK_INT(system(command), 0);
  snprintf(path, sizeof path, "%s/served", folder);
  for (tries = 0; tries < 600 && port < 0; tries++) {
    size_t n;
    text = ldr_test_read(path, &n);
    port = (int)number_behind(text, "127.0.0.1:");
    free(text);
    nanosleep(&moment, NULL);
  }
  CHECK(port > 0);
  text = fetch(port, "/?text=close+the%20curtains");
  CHECK(strstr(text, "HTTP/1.1 200 OK\r\n") == text && count(text, "{\"label\":\"") == 1);
  free(text);
  text = fetch(port, "/?text=close+the%20curtains&more=1");
  CHECK_INT(count(text, "\"score\":"), 1);
  free(text);
  text = fetch(port, "/favicon.ico");
  CHECK(strstr(text, "HTTP/1.1 400 Bad Request\r\n") == text && count(text, "{\"error\":\"ask for /?text=") == 1);
  free(text);
  text = fetch(port, "/?text=%ff%00%");                               /* what is not text gets some answer */
  CHECK(strstr(text, "HTTP/1.1 ") == text);
  free(text);
  snprintf(command, sizeof command, "kill $(cat %s/server)", folder);
  CHECK_INT(system(command), 0);
}

/* A correction changes the answer, at once and after a restart; a line it cannot learn is said. */
TEST(online) {
  char path[128], longer[9000], *text;
  static const char lines[] = "crank it up a notch\nvolume_up\tcrank it up a notch\ncrank it up a notch\nnonsense\thello\n";
  NEED("15_online");
  NEED_SPEED();
  snprintf(path, sizeof path, "%s/lines", folder);
  CHECK(ldr_test_write(path, lines, strlen(lines)));
  text = output("15_online", "train.tsv state <lines");
  CHECK_INT(count(text, "learned (loss "), 1);
  CHECK_INT(count(text, "there is no label \"nonsense\""), 1);
  CHECK_INT(count(text, ": crank it up a notch"), 2);
  CHECK(text && strstr(text, "learned") && strstr(strstr(text, "learned"), "\nvolume_up ("));
  free(text);
  memset(longer, 'w', sizeof longer);                         /* a line that has no room, then one that has */
  longer[sizeof longer - 30] = '\n';
  snprintf(longer + sizeof longer - 29, 29, "crank it up a notch\n");
  CHECK(ldr_test_write(path, longer, strlen(longer)));
  text = output("15_online", "train.tsv state <lines");
  CHECK_INT(count(text, "is left out\n"), 1);
  CHECK(text && strstr(text, "left out\nvolume_up ("));
  free(text);
}

#define TESTS(X) X(the_shipped_model_is_small_and_whole) X(a_missing_model_is_explained) X(hello) X(tokens) X(memory_plan) X(slicing) X(by_hand) X(save_resume) X(allocator) X(own_reader) X(threads) X(from_cpp) X(tokens_of_a_file) X(any_model) X(notes) X(answers) X(translate) X(web_server) X(online)

#else

TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)

#endif

LDR_TEST_MAIN("examples", TESTS)
