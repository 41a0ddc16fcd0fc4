/* Text to tokens: the pieces that any tokenizer makes, the bytes of the text that each one came from, and the way back.

       cc -O2 02_tokens.c -o tokens -lm
       ./tokens [TOKENIZER [TEXT [TEXT2]]]      a model directory, tokenizer.json, vocab.json, SentencePiece model, vocab.txt
       ./tokens TOKENIZER @FILE                 or .gguf file; with @ all of a file is cut

   A model never sees letters. It sees numbers, one for each piece of its vocabulary. The byte offsets lead back
   from a token to the text: without them an answer about token 7 could not be shown to anybody. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>

static int give_up(const ldr_error *err) {
  fprintf(stderr, "%s\n", err->message);
  if (err->status == LDR_IO) fprintf(stderr, "usage: tokens [TOKENIZER [TEXT [TEXT2]]]\n");
  return err->status == LDR_IO ? 2 : 1;
}

static void show(const ldr_tokenizer *t, const ldr_encoding *e, const char *const texts[2]) {
  int32_t i;
  printf("   id  piece           text  bytes     segment\n");
  for (i = 0; i < e->count; i++) {
    printf("%5d  %-14s", (int)e->ids[i], ldr_encoding_piece(t, e, i, NULL));
    /* [CLS] and [SEP] were added: they come from no text. */
    if (e->text[i] < 0) printf("    -                  %d\n", (int)e->segments[i]);
    else printf("  %3d  %3d..%-3d  %d        \"%.*s\"\n", (int)e->text[i], (int)e->begin[i], (int)e->end[i], (int)e->segments[i], (int)(e->end[i] - e->begin[i]), texts[e->text[i]] + e->begin[i]);
  }
}

/* A whole file: its text, to be freed. */
static char *read_file(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  char *s = NULL;
  size_t room = 0, got = 1;
  for (*n = 0; f && got; *n += got) {
    if (*n == room) {
      char *more = (char *)realloc(s, room = room ? 2 * room : 65536);
      if (!more) break;
      s = more;
    }
    got = fread(s + *n, 1, room - *n, f);
  }
  if (f) fclose(f);
  return s;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "tiny", *texts[2];
  ldr_error    err = {0};
  ldr_encoding e = {0};              /* grows as needed and is used again for every text */
  ldr_text     back = {0};

  /* A tokenizer needs the vocabulary only; a loaded model has one too: ldr_model_tokenizer. */
  ldr_tokenizer *t = ldr_tokenizer_load(dir, NULL, &err);
  if (!t) return give_up(&err);
  printf("%d pieces\n\n", (int)ldr_tokenizer_size(t));

  if (argc > 2 && argv[2][0] == '@') {
    size_t n;
    char *file = read_file(argv[2] + 1, &n);
    texts[0] = file;
    if (!file || ldr_tokenizer_encode(t, &e, file, n, NULL, 0, INT32_MAX, 1, &err)) {
      fprintf(stderr, "%s: %s\n", argv[2] + 1, file ? err.message : "cannot be read");
      return 1;
    }
    show(t, &e, texts);
    free(file);
    ldr_encoding_free(&e);
    ldr_tokenizer_free(t);
    return 0;
  }

  /* 1. One text. Letters are lowered and accents dropped where the model was trained so, and yet the offsets
     point into the text as it was written. A word that is no piece is cut into several: ## joins to the left. */
  texts[0] = argc > 2 ? argv[2] : "Dim the caf\xc3\xa9 lights unbelievably!";
  texts[1] = argc > 3 ? argv[3] : "It's blinding.";
  if (ldr_tokenizer_encode(t, &e, texts[0], strlen(texts[0]), NULL, 0, 0, 1, &err)) return give_up(&err);
  show(t, &e, texts);

  /* 2. A pair: the segment tells the model which text a token belongs to. */
  printf("\na pair\n");
  if (ldr_tokenizer_encode(t, &e, texts[0], strlen(texts[0]), texts[1], strlen(texts[1]), 0, 1, &err)) return give_up(&err);
  show(t, &e, texts);

  /* 3. Too long: the longer text is cut until all fits. This is what max_len does in training, too. */
  printf("\nthe same pair in 10 tokens\n");
  if (ldr_tokenizer_encode(t, &e, texts[0], strlen(texts[0]), texts[1], strlen(texts[1]), 10, 1, &err)) return give_up(&err);
  show(t, &e, texts);

  /* 4. And back. What the tokenizer dropped (accents, capitals) does not come back. */
  if (ldr_tokenizer_decode(t, &back, e.ids, e.count, 1, &err)) return give_up(&err);
  printf("\nback: %s\n", back.data);

  ldr_text_free(&back);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  return 0;
}
