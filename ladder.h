/* ladder.h - version 0.1.0 - fine-tune pretrained Transformers by Ladder Side-Tuning
   One C header, C99 and C++11, nothing but libc (and OpenMP if you like). MIT licence at the end.

   The large pretrained model (the backbone) stays frozen and is only read. Beside it a small side
   network, the ladder, is trained on its intermediate activations. No gradient ever goes through
   the backbone, so training costs little more than inference, in time and in memory.

   Do this in ONE C file to create the implementation:

       #define LADDER_IMPLEMENTATION
       #include "ladder.h"

   and plain #include "ladder.h" everywhere else. Link with -lm; add -fopenmp for threads.

   A complete program: learn to tell the lines of train.tsv (label<TAB>text) apart.

// >>quick-start
       #define LADDER_IMPLEMENTATION
       #include "ladder.h"
       #include <stdio.h>
       int main(int argc, char **argv) {
           ldr_error        err = {0};
           ldr_dataset_desc set = {0};
           ldr_ladder_desc  desc = {0};
           ldr_fit_result   result = {0};
           const char      *dir = argc > 1 ? argv[1] : "bert-base-uncased", *file = argc > 2 ? argv[2] : "train.tsv";
           ldr_model       *model = ldr_model_load(dir, NULL, &err);
           ldr_dataset     *train = ldr_dataset_load(model, file, &set, &err);
           ldr_ladder      *ladder;
           desc.classes = ldr_dataset_labels(train);
           ladder = ldr_ladder_create(model, &desc, &err);
           if (ladder && ldr_fit(ladder, train, NULL, NULL, &result, &err) == LDR_OK && ldr_ladder_save(ladder, "my.ladder", &err) == LDR_OK)
               printf("loss %.4f after %d steps, %llu numbers trained\n", result.loss, (int)result.steps, (unsigned long long)ldr_ladder_trainable(ladder));
           else
               fprintf(stderr, "%s\n", err.message);
           ldr_ladder_free(ladder);
           ldr_dataset_free(train);
           ldr_model_free(model);
           return err.status != LDR_OK;
       }
// <<quick-start

   DOES
     read Hugging Face directories (safetensors; F32, F16, BF16, quantised blocks) of BERT, RoBERTa, ALBERT, DistilBERT, GPT-2 and Llama,
     in place, never expanded in memory; tokenise for BERT; train ladders of several published recipes; classification,
     regression, sentence pairs, token labels, multiple choice; stop, save and go on with the same bits; predict. For comparison,
     and where a ladder is not enough, the methods that go back through the backbone: full fine-tuning, BitFit, LoRA,
     adapters, prompts, prefixes; masked-word and next-word training, from random weights if need be.
   DOES NOT
     run on a GPU, differentiate arbitrary graphs, download anything, read Python pickles,
     tokenise for byte-level or SentencePiece vocabularies (give token ids instead), generate text.

   TABLE OF CONTENTS (search for the tag)
     manual       >>manual-steps >>manual-ladder >>manual-methods >>manual-memory >>manual-threads >>manual-errors >>manual-security
                  >>manual-embedded >>manual-cpp >>options
     interface    >>api-errors >>api-memory >>api-simd >>api-tensors >>api-json >>api-tokenizer >>api-model
                  >>api-dataset >>api-ladder >>api-predict >>api-train
     inside       >>platform >>sizes >>errors >>allocation >>random >>half >>kernels >>dispatch >>gemm >>ops >>json
                  >>source >>safetensors >>tokenizer >>block >>model >>dataset >>dataset-files >>ladder >>tune >>heads >>pass
                  >>slice >>metrics >>optimiser >>tap-cache >>trainer >>predict >>ladder-file >>export >>quantise

   >>manual-steps         STEP BY STEP
     1. ldr_model_load reads config.json, binds every tensor and loads the vocabulary. Weights are mapped read-only.
     2. ldr_dataset_load reads label<TAB>text lines or JSON; ldr_dataset_add takes token ids from anywhere else.
     3. ldr_ladder_create builds the side network and, by default, cuts its first weights out of the backbone's.
     4. ldr_fit runs epochs, scores the dev set after each and keeps the best. Or write the loop yourself:
            ldr_trainer *t = ldr_trainer_create(ladder, train, dev, &desc, &err);
            while (!ldr_trainer_done(t) && !ldr_trainer_step(t, &progress, &err)) ...
     5. ldr_ladder_save writes the ladder alone (the backbone is only named, by fingerprint).
     6. ldr_ladder_load, ldr_predictor_create, ldr_predict.

   >>manual-ladder        WHAT A LADDER IS
     Rung i reads a tap, the state of one backbone layer, through a small linear map D_i, mixes it with the side state
     and passes the mix through a Transformer block r times narrower than the backbone's. The formulas stand at
     >>api-ladder. Presets differ in where they tap, how they mix and how they start:
       default   taps the INPUT of a layer, the stream the layer's own weights were trained on, and starts as a sliced copy of
                 that layer; its output is mixed with the backbone's. With r = 1 and all layers it IS the backbone.
       paper     Sung et al. 2022: taps outputs, one scalar gate a rung, sliced by the published chain.
       clue      the LST-CLUE recipe: four post-norm blocks 128 wide, taps added after each block, random start.
       mlp       rungs without attention.       head   no rungs: a linear head on the frozen backbone, the baseline.
     Slicing (init) ranks dimensions by weight magnitude, by empirical Fisher information of your examples, or by
     activation energy on your text, and copies the best; ldr_ladder_desc has the choices.

   >>manual-methods       THE OTHER WAYS TO TUNE
     desc.method chooses what is trained; trainer, file format and predictor stay the same. How far the way back goes follows
     from the choice:
       head                 nothing but the head: no way back at all, like the ladder's
       bitfit, lora, adapter, prefix, full      back to the first block that is changed (tune_layers: the last so many)
       prompt               back to the embeddings
       theseus              fewer blocks learn in the place of groups of the backbone's: the result is a smaller model
     Few trained numbers do not make training cheap: all but head and ladder keep every block's activations and go through
     every matrix a second time. `checkpoint` of ldr_train_desc trades the activations for time. ldr_ladder_export writes the
     tuned model for other programs, LoRA merged into the weights.
     LDR_HEAD_WORDS trains on plain text with the model's own language-model head: with full the model itself (ldr_model_init
     makes one from a config.json), with ladder a ladder beside it, from which later ladders can start; `distil` lets that one
     learn the model's predictions instead of the words, and `beside` lets it learn while the model does.

   >>manual-memory        MEMORY
     Every object is planned before it is made and lives in one block: model, ladder, trainer, predictor. A training
     step and a prediction allocate nothing. ldr_trainer_plan tells what a trainer will take, item by item, without making
     it. Weights are read through the mapping in their own type; only vectors are copied. ldr_model_quantise writes a
     backbone of 8 or 4 bits a weight, which is unpacked a tile at a time where it is used and never as a whole.
     The taps of an example never change, so desc.cache keeps them and later epochs run the ladder alone: in memory or
     (cache_dir) in files that the next run with the same backbone, rungs and texts uses again. f32 keeps the bits; bf16
     and int8 take a half and a quarter of the room, and the scores in training are then those of rounded taps. A cache
     is filled in the first epoch or (cache_layers) before it, one layer after the other over all examples. For a
     backbone larger than memory: ldr_model_desc.release, best with cache_layers, which reads every layer once.
     All allocations go through the ldr_allocator of a description, if one is given.
     With `pack` the matrices of frozen blocks are laid out at load as the kernels read them, 4 bytes a weight, and the file's own
     leave memory: the same bits, a sixth less time for a single text, some percent for a batch.
     With `compute` LDR_COMPUTE_INT8 or LDR_COMPUTE_BF16 the frozen blocks are rounded to 8 or 16 bits at load and multiplied so:
     a quarter or a half of the memory of F32 weights, and where the processor has an instruction for it three or two times the
     speed; states 1 to 3 % or about half a percent off.
     Least of all for a step: `checkpoint`, which makes what is inside a rung again on the way back, and `tap_type`, which
     keeps taps for it in 8 bits: less than half of what a ladder's step takes beside the weights.

   >>manual-threads       THREADS AND DETERMINISM
     With OpenMP the loops inside one call run on desc.threads threads (0: OpenMP's own choice). Results have the same
     bits for any number of threads and do not depend on what else is in a batch, because every output element has one
     owner that adds in a fixed order. They may differ between instruction sets and between compilers (fused multiply-add,
     libm); LDR_SIMD_PORTABLE with -ffp-contract=off removes most of that. -ffast-math breaks the NaN checks: do not use it.
     Different objects may be used from different threads; one object by one thread at a time. A model is only read.

   >>manual-errors        ERRORS
     Functions return a status or NULL and fill an ldr_error: the status, the byte offset where it applies, and a
     sentence that says what was found, what was expected and what to do. The first error is kept, so a whole sequence
     of calls can share one. The library never prints, exits, aborts or asserts on data.

   >>manual-security      SECURITY
     Model, vocabulary, data and ladder files may come from anywhere: every length, product, index and nesting depth is
     checked before use. A file that changes while it is mapped is outside what can be checked. There is no protection
     against a model that is trained to answer wrongly.

   >>manual-embedded      WITHOUT FILES OR MALLOC
     ldr_model_load_memory and ldr_ladder_load_memory run from constant memory (flash), unaligned and never written. With
     LADDER_NO_STDIO no file function is compiled; with LADDER_NO_MALLOC an ldr_allocator must be given in every description.

   >>manual-cpp           C++
     The header and the implementation compile as C++11 and later. Start structs with `= {}` there.

   >>options              OPTIONS (define before the implementation; those marked * also before every include)
     LADDER_STATIC *          everything static, for one copy a file
     LDR_API *                your own linkage for the declarations
     LADDER_NO_STDIO *        no file functions (about 20 KB of code less)
     LADDER_NO_MALLOC         never call malloc; allocators must be given
     LADDER_NO_MMAP           read files instead of mapping them
     LADDER_NO_SIMD           portable kernels only
     LADDER_NO_TOKENIZER *    no tokenizer and no Unicode tables (about 60 KB of code and data less)
     LADDER_MAX_HEADER        bytes of a safetensors header             100000000
     LADDER_MAX_JSON_DEPTH    nesting of JSON                                  64
     LADDER_MAX_DIMS *        dimensions of a tensor                            8
     LADDER_MAX_FILES         shards of one model                            1024
     LADDER_MAX_PATH          bytes of a path                                4096
     LADDER_MAX_THREADS       threads                                          64
     LADDER_MAX_WORD_CHARS    a longer word is the unknown token              100
     LADDER_IMMINTRIN         another header for the x86 intrinsics (an emulator)

   CHANGES
     0.1.0  first version
*/
#ifndef LADDER_H_INCLUDED
#define LADDER_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

#define LADDER_VERSION        "0.1.0"
#define LADDER_VERSION_NUMBER 100      /* major*10000 + minor*100 + patch */

#ifndef LDR_API
  #ifdef LADDER_STATIC
    #if defined(__GNUC__) || defined(__clang__)
      #define LDR_API static __attribute__((unused))
    #else
      #define LDR_API static
    #endif
  #else
    #define LDR_API extern
  #endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ======================================================================================
   >>api-errors        Statuses and the error report
   ====================================================================================== */

/* The one list of statuses: name, sentence. Malformed (FORMAT, JSON), unsupported
   (UNSUPPORTED) and too large (LIMIT) are three different answers. */
#define LDR_STATUSES(X)                                                                   \
    X(OK,          "success")                                                             \
    X(ARGUMENT,    "the call itself is wrong")                                            \
    X(MEMORY,      "the allocator returned NULL")                                         \
    X(IO,          "a file could not be opened, read, written or renamed")                \
    X(JSON,        "the text is not JSON")                                                \
    X(FORMAT,      "the file breaks the rules of its format")                             \
    X(LIMIT,       "the file is well formed but over a limit of this build")              \
    X(UNSUPPORTED, "the file asks for something this library does not do")                \
    X(MISSING,     "a tensor, key or file that must be there is not")                     \
    X(EXTRA,       "the file holds a tensor the model has no place for")                  \
    X(SHAPE,       "a tensor has the wrong shape")                                        \
    X(DTYPE,       "a tensor has the wrong element type")                                 \
    X(VOCAB,       "the vocabulary cannot be used")                                       \
    X(DATA,        "a training or evaluation example is unusable")                        \
    X(MISMATCH,    "the file belongs to another backbone, ladder or run")                 \
    X(CORRUPT,     "the bytes do not match their checksum")                               \
    X(NUMERIC,     "a value became infinite or not a number")

typedef enum ldr_status {
#define LDR__ENUM(name, text) LDR_##name,
    LDR_STATUSES(LDR__ENUM)
#undef LDR__ENUM
    LDR_STATUS_COUNT
} ldr_status;

#define LDR_NO_OFFSET UINT64_MAX

/* Filled by the first failure and left alone by later ones, so one ldr_error can be passed
   through a whole sequence of calls. Start it as `ldr_error err = {0};` (C++: `{}`).
   Every function takes NULL for "do not report". */
typedef struct ldr_error {
    ldr_status status;
    uint64_t   offset;            /* byte in the file or text, or LDR_NO_OFFSET             */
    char       message[480];      /* one sentence: what was found, expected, what to do     */
} ldr_error;

/* "LDR_FORMAT" and "the file breaks the rules of its format"; never NULL. */
LDR_API const char *ldr_status_name(ldr_status status);
LDR_API const char *ldr_status_text(ldr_status status);

/* ======================================================================================
   >>api-memory        Allocators, memory reports
   ====================================================================================== */

/* Both functions or neither. alloc_fn returns NULL when it cannot; free_fn gets the size that
   was asked for. All calls come from the thread that called the library. Alignment: that of
   malloc is enough. Copied into the object; `user` must outlive it. */
typedef struct ldr_allocator {
    void *(*alloc_fn)(size_t size, void *user);
    void  (*free_fn)(void *ptr, size_t size, void *user);
    void  *user;
} ldr_allocator;

/* An itemised plan: what an object needs, or will need, in bytes. */
#define LDR_MEMORY_ITEMS 24
typedef struct ldr_memory {
    uint64_t total;
    int32_t  count;
    struct { const char *name; uint64_t bytes; } items[LDR_MEMORY_ITEMS];
} ldr_memory;

/* ======================================================================================
   >>api-tensors       Element types, tensors, weight files
   ====================================================================================== */

typedef enum ldr_dtype {
    LDR_F32, LDR_F16, LDR_BF16, LDR_F64, LDR_I8, LDR_U8, LDR_I16, LDR_U16, LDR_I32, LDR_U32,
    LDR_I64, LDR_U64, LDR_BOOL,
    LDR_Q8_0, LDR_Q4_0,                  /* blocks of 32 elements of a row, as in ggml      */
    LDR_DTYPE_COUNT
} ldr_dtype;

LDR_API const char *ldr_dtype_name(ldr_dtype dtype);      /* "F32", as safetensors spells it */
LDR_API size_t      ldr_dtype_size(ldr_dtype dtype);      /* bytes of one element, or block  */
LDR_API size_t      ldr_dtype_block(ldr_dtype dtype);     /* elements in these bytes: 1 or 32 */

/* A block begins with a scale d, an F16. Q8_0: 32 signed bytes q follow, an element is d q. Q4_0: 16 bytes follow,
   their low halves q for elements 0 to 15, their high halves for 16 to 31; an element is d (q - 8).
   Safetensors has no such types: a file holds blocks as U8 [rows, bytes of a row], and the metadata entry
   "ladder.quantised.NAME": "Q8_0" says so of tensor NAME. Here it has its type and the shape in elements. */

#ifndef LADDER_MAX_DIMS
#define LADDER_MAX_DIMS 8
#endif

typedef struct ldr_tensor {
    const char *name;                    /* owned by the ldr_weights                        */
    ldr_dtype   dtype;
    int32_t     dims;                    /* 0 = scalar                                      */
    int64_t     shape[LADDER_MAX_DIMS];
    const void *data;                    /* little endian, any alignment, never written     */
    uint64_t    bytes;
    uint64_t    offset;                  /* of `data` in its file                           */
    int32_t     file;                    /* which file of a sharded set                     */
} ldr_tensor;

typedef struct ldr_weights ldr_weights;

/* Opens a .safetensors file, a sharded model.safetensors.index.json, or a directory that holds
   either. Files are mapped where the platform can, else read whole. Checks everything before
   it returns: header length, JSON, types, shapes, ranges, overlaps, holes. NULL on failure.
   Source of the format: the safetensors README (8-byte little-endian header length, JSON, data). */
#ifndef LADDER_NO_STDIO
LDR_API ldr_weights *ldr_weights_open(const char *path, const ldr_allocator *alloc, ldr_error *err);
#endif

/* The same from constant memory (flash, an embedded array): borrowed, never copied or written,
   any alignment; must outlive the result. */
LDR_API ldr_weights *ldr_weights_open_memory(const void *data, size_t size, const ldr_allocator *alloc, ldr_error *err);
LDR_API void              ldr_weights_close(ldr_weights *w);                     /* NULL is fine  */
LDR_API int32_t           ldr_weights_count(const ldr_weights *w);
LDR_API const ldr_tensor *ldr_weights_at(const ldr_weights *w, int32_t index);   /* sorted by name */
LDR_API const ldr_tensor *ldr_weights_find(const ldr_weights *w, const char *name);
/* Value of a metadata key (unescaped, NUL-terminated, owned by w), or NULL. */
LDR_API const char       *ldr_weights_meta(const ldr_weights *w, const char *key);
LDR_API int32_t           ldr_weights_meta_count(const ldr_weights *w);
LDR_API const char       *ldr_weights_meta_at(const ldr_weights *w, int32_t index, const char **value);

/* Copies n elements starting at element `first` of t to dst as float. F32, F16, BF16, F64, Q8_0, Q4_0
   only; returns 0 for other types or a range outside the tensor, else 1. */
LDR_API int ldr_tensor_read(float *dst, const ldr_tensor *t, uint64_t first, size_t n);

/* ======================================================================================
   >>api-json          A strict JSON reader (RFC 8259)
   ====================================================================================== */

typedef enum ldr_json_type { LDR_JSON_NULL, LDR_JSON_FALSE, LDR_JSON_TRUE, LDR_JSON_NUMBER, LDR_JSON_STRING, LDR_JSON_ARRAY, LDR_JSON_OBJECT } ldr_json_type;

typedef struct ldr_json_node {
    int32_t type;          /* ldr_json_type                                                  */
    int32_t next;          /* index of the next sibling, or -1                               */
    int32_t first;         /* containers: index of the first child (object: key,value,...) or -1 */
    int32_t count;         /* containers: number of elements or members                      */
    size_t  begin, end;    /* the text of the value; strings without their quotes            */
} ldr_json_node;

typedef struct ldr_json ldr_json;

/* Parses one value and nothing but white space after it. `text` is borrowed and must outlive
   the result. Strict: UTF-8 is checked, lone surrogates and depth over LADDER_MAX_JSON_DEPTH
   are errors. Node 0 is the root. */
LDR_API ldr_json *ldr_json_parse(const char *text, size_t size, const ldr_allocator *alloc, ldr_error *err);
/* The same for the first value of `text`; *used receives the bytes consumed (white space after
   the value included), so files of values one after another can be walked. */
LDR_API ldr_json *ldr_json_parse_next(const char *text, size_t size, size_t *used, const ldr_allocator *alloc, ldr_error *err);
LDR_API void                 ldr_json_free(ldr_json *j);
LDR_API const ldr_json_node *ldr_json_node_at(const ldr_json *j, int32_t node);          /* NULL if out of range */
LDR_API int32_t              ldr_json_get(const ldr_json *j, int32_t object, const char *key); /* node of the value or -1 */
/* Unescaped UTF-8 with a final NUL into dst[cap] (cut at cap-1); returns the full length, or
   -1 when the node is no string. dst may be NULL when cap is 0. */
LDR_API ptrdiff_t            ldr_json_string(char *dst, size_t cap, const ldr_json *j, int32_t node);
LDR_API double               ldr_json_number(const ldr_json *j, int32_t node, double otherwise);
LDR_API int32_t              ldr_json_equals(const ldr_json *j, int32_t node, const char *text); /* is that string */

/* ======================================================================================
   >>api-tokenizer     Text to token ids, and back
   ====================================================================================== */

typedef struct ldr_tokenizer ldr_tokenizer;

typedef enum ldr_choice { LDR_AUTO, LDR_ON, LDR_OFF } ldr_choice;

typedef struct ldr_tokenizer_desc {
    ldr_allocator alloc;
    ldr_choice    lower_case;      /* of BERT's normaliser. AUTO: tokenizer_config.json / tokenizer.json, else on */
    ldr_choice    strip_accents;   /* AUTO: the file's word, else the same as lower_case        */
    ldr_choice    cjk_spacing;     /* AUTO: the file's word, else on                            */
    const char   *merges;          /* for a vocab.json in memory: the merges.txt that belongs to it */
    size_t        merges_size;
} ldr_tokenizer_desc;

/* Growing arrays, one entry a token; zero-initialise, reuse freely, ldr_encoding_free at the end. One thread at a time. */
typedef struct ldr_encoding {
    int32_t  count, capacity;
    int32_t *ids;
    int32_t *segments;             /* the template's type of each token: 0 or 1                */
    int32_t *text;                 /* 0 or 1: which text the token is from, -1 for those the template adds */
    int32_t *begin, *end;          /* bytes of that text the token covers; 0,0 for added tokens */
    int32_t *surface;              /* see ldr_encoding_piece                                   */
    int32_t  cut;                  /* tokens known to be cut away by max_len: 0 means none     */
    void    *work;                 /* room the tokenizer uses again                            */
    ldr_allocator alloc;           /* zero: the tokenizer's                                    */
} ldr_encoding;

typedef enum ldr_truncate { LDR_TRUNCATE_LONGEST_FIRST, LDR_TRUNCATE_ONLY_FIRST, LDR_TRUNCATE_ONLY_SECOND } ldr_truncate;

typedef struct ldr_encode_desc {
    int32_t      max_len;          /* tokens in all; 0: no limit                               */
    ldr_truncate truncate;         /* which text is cut. ONLY_*: an error when it is too short */
    int32_t      no_special;       /* 1: without the template's tokens                         */
} ldr_encode_desc;

/* A text that grows; zero-initialise, reuse freely, ldr_text_free at the end. */
typedef struct ldr_text {
    char         *data;            /* UTF-8 with a NUL behind it                               */
    size_t        size, capacity;
    ldr_allocator alloc;           /* zero: the tokenizer's                                    */
} ldr_text;

#ifndef LADDER_NO_TOKENIZER
/* dir: a model directory, or one of the files: tokenizer.json; vocab.json (with merges.txt beside it); tokenizer.model,
   spiece.model, sentencepiece.bpe.model; vocab.txt: the first of these that is there. Of a directory tokenizer_config.json,
   added_tokens.json and special_tokens_map.json count too. desc may be NULL. LDR_UNSUPPORTED names what is not understood. */
#ifndef LADDER_NO_STDIO
LDR_API ldr_tokenizer *ldr_tokenizer_load(const char *dir, const ldr_tokenizer_desc *desc, ldr_error *err);
#endif
/* The same from memory: a tokenizer.json, a vocab.json (desc->merges), a SentencePiece model or a vocab.txt; copied. */
LDR_API ldr_tokenizer *ldr_tokenizer_load_memory(const void *data, size_t size, const ldr_tokenizer_desc *desc, ldr_error *err);
LDR_API void           ldr_tokenizer_free(ldr_tokenizer *t);
LDR_API int32_t        ldr_tokenizer_size(const ldr_tokenizer *t);                       /* highest id + 1        */
LDR_API const char    *ldr_tokenizer_piece(const ldr_tokenizer *t, int32_t id);          /* NULL if out of range, "" in a gap */
LDR_API int32_t        ldr_tokenizer_find(const ldr_tokenizer *t, const char *piece);    /* -1 if not there       */

/* One text or a pair (text2 NULL for one), with the tokens the tokenizer's template puts around them ([CLS] text [SEP]),
   cut to desc->max_len tokens. Bytes that are not UTF-8 count as U+FFFD. Replaces what out held. desc may be NULL.
   Time is linear in the text but for a factor log n in BPE words of n > 24 characters; once `out` is large enough nothing is allocated. */
LDR_API ldr_status ldr_tokenizer_encode_with(const ldr_tokenizer *t, ldr_encoding *out, const char *text, size_t size,
                                             const char *text2, size_t size2, const ldr_encode_desc *desc, ldr_error *err);
/* The same, cut longest first to max_len tokens; special = 0: the pieces alone. */
LDR_API ldr_status ldr_tokenizer_encode(const ldr_tokenizer *t, ldr_encoding *out, const char *text, size_t size,
                                        const char *text2, size_t size2, int32_t max_len, int32_t special, ldr_error *err);
/* What token i reads: its piece, or the text itself where that differs (an unknown piece of a Unigram model, an added token
   with the blanks it took along), with a NUL behind it. bytes: its length, may be NULL. Until the next encoding into e. */
LDR_API const char *ldr_encoding_piece(const ldr_tokenizer *t, const ldr_encoding *e, int32_t i, size_t *bytes);
LDR_API void        ldr_encoding_free(ldr_encoding *e);

/* The text of tokens, by the tokenizer's decoders; ids that are none are left out. skip_special: special tokens too (but, as in
   the original, those that normalising changes). */
LDR_API ldr_status ldr_tokenizer_decode(const ldr_tokenizer *t, ldr_text *out, const int32_t *ids, int32_t count, int32_t skip_special, ldr_error *err);
LDR_API void       ldr_text_free(ldr_text *text);
#endif /* LADDER_NO_TOKENIZER */

/* ======================================================================================
   >>api-simd          Instruction sets
   ====================================================================================== */

/* The widest set of kernels an object may use; AUTO takes the fastest the machine has (of Intel's with AVX-512 that
   is AVX512_VNNI, whose bf16 is float products of rounded weights: Intel's own take twice as long). A set the
   machine lacks falls back to the next lower one that it has. AVX2_VNNI, of many laptops: AVX2 with an instruction for
   8-bit products, twice as fast in those. On 64-bit ARM ("neon", or with 8-bit products "neondot") and in
   WebAssembly with vectors ("simd128") everything but PORTABLE means the best set there is. */
typedef enum ldr_simd { LDR_SIMD_AUTO, LDR_SIMD_PORTABLE, LDR_SIMD_AVX2, LDR_SIMD_AVX2_VNNI, LDR_SIMD_AVX512, LDR_SIMD_AVX512_VNNI, LDR_SIMD_AVX512_BF16 } ldr_simd;
LDR_API const char *ldr_simd_name(ldr_simd wish);        /* "portable", "avx2", "avx512", ...: what would run          */

/* ======================================================================================
   >>api-model         A frozen, pretrained Transformer
   ====================================================================================== */

typedef struct ldr_model ldr_model;

/* How the frozen blocks multiply. F32: weights of any type are widened as they are used, or at load (`pack`). INT8: at
   load every matrix of a block is rounded to 8 bits with a scale for each output, and every token's
   activations are as they arrive (symmetric, to nearest); products are exact integers, the same
   numbers for every instruction set up to the rounding of the scales; 1 to 3 % of a state's length off
   F32. BF16: matrices are rounded to bf16 at load and, where the processor multiplies bf16 (set
   "avx512bf16"), activations as they arrive; sums are float; about half a percent off. Embeddings, norms,
   softmax, the ladder and its training stay in float. Both imply `release`: the file's own weights
   leave memory once they are rounded. So does `pack`. */
typedef enum ldr_compute { LDR_COMPUTE_F32, LDR_COMPUTE_INT8, LDR_COMPUTE_BF16 } ldr_compute;

typedef struct ldr_model_desc {
    ldr_allocator alloc;
    ldr_tokenizer_desc tokenizer;
    int32_t       no_tokenizer;    /* 1: do not look for a vocabulary                         */
    int32_t       threads;         /* 0: what OpenMP says; without OpenMP always 1            */
    ldr_simd      simd;
    ldr_compute   compute;
    int32_t       pack;            /* 1: F32 lays the blocks' matrices out at load as the kernels read them, in a copy of floats that the model
                                      owns: same bits, sooner. The others always do. Gradients through a block read its file's matrices */
    int32_t       release;         /* 1: give the memory of mapped weights back to the system after each use, for a backbone
                                      larger than memory. They are read again when needed: the same bits, slower */
} ldr_model_desc;

/* Loads a Hugging Face directory: config.json, model.safetensors (or its sharded index) and,
   when there is one, the vocabulary. Families: bert, roberta, albert, distilbert, gpt2, llama.
   Weights stay in their file's type and are read in place; only vectors (biases, norms) are
   copied as float. A missing, extra, misshapen or mistyped tensor, an unknown model_type or an
   option that would change the result is an error. desc may be NULL. */
#ifndef LADDER_NO_STDIO
LDR_API ldr_model *ldr_model_load(const char *dir, const ldr_model_desc *desc, ldr_error *err);
#endif

/* The same from memory, for flash and WebAssembly. config and weights are needed, vocab may be
   NULL. weights is borrowed and must outlive the model; the others are only read here. */
LDR_API ldr_model *ldr_model_load_memory(const void *config, size_t config_size, const void *weights, size_t weights_size,
                                         const void *vocab, size_t vocab_size, const ldr_model_desc *desc, ldr_error *err);
LDR_API void       ldr_model_free(ldr_model *m);

typedef struct ldr_model_info {
    const char *family;            /* "bert", "roberta", ...                                   */
    int32_t  layers, width, heads, kv_heads, head_dim, ffn, vocabulary, positions;
    int32_t  causal;               /* 1: decoder, a token sees only what is before it          */
    int32_t  has_logits;           /* 1: ldr_model_logits can be called                        */
    uint64_t parameters;           /* elements of the tensors in use                           */
    uint64_t weight_bytes;         /* mapped or borrowed                                       */
} ldr_model_info;

LDR_API ldr_model_info       ldr_model_info_get(const ldr_model *m);
/* A 64-bit hash of the shape and of every weight byte in use; names the backbone in ladder files. Reads
   every weight once. */
LDR_API uint64_t             ldr_model_fingerprint(const ldr_model *m);
LDR_API const ldr_tokenizer *ldr_model_tokenizer(const ldr_model *m);     /* NULL when none was found   */
LDR_API ldr_memory           ldr_model_memory(const ldr_model *m);        /* what the model object holds; of a mapping that is given back (release), what is in memory at once */

/* Sequences laid end to end, never padded: sequence s is tokens offsets[s] .. offsets[s+1]-1. */
typedef struct ldr_batch {
    int32_t        sequences;
    const int32_t *offsets;        /* [sequences+1], offsets[0] = 0                            */
    const int32_t *ids;            /* [offsets[sequences]]                                     */
    const int32_t *segments;       /* token types, same length, or NULL for all 0              */
} ldr_batch;

/* hidden[T,width] = state after block `layer` (0: the embedding output; layers or -1: the final hidden state,
   final norm applied where the family has one). Allocates and frees its own workspace. */
LDR_API ldr_status ldr_model_hidden(const ldr_model *m, float *hidden, const ldr_batch *batch, int32_t layer, ldr_error *err);

/* logits[rows,vocabulary] of the model's own language-model head on hidden[rows,width], final
   hidden states. LDR_MISSING when the files hold no such head. */
LDR_API ldr_status ldr_model_logits(const ldr_model *m, float *logits, const float *hidden, int32_t rows, ldr_error *err);

#ifndef LADDER_NO_STDIO
/* Writes the model's weights to one safetensors file in blocks (see >>api-tensors): the matrices of the blocks as
   `format`, LDR_Q8_0 or LDR_Q4_0; word embeddings and the output matrix always as Q8_0. Vectors, position and
   segment tables and matrices whose rows are no multiple of 32 long stay as they are. With the model's own
   config.json and vocabulary beside it the file is a model: it is trained on and predicted with in place, 8.5
   or 4.5 bits a weight. To ladder files it is another backbone: its fingerprint is another.
   Appears whole or not at all (written as PATH.partial, then renamed); needs memory for the header only. The model is
   only read, so others may use it meanwhile. Reads the weights the files hold, whatever `compute` is.
   LDR_ARGUMENT: another format, or a model that holds blocks already (start from the float one). LDR_UNSUPPORTED:
   no matrix can be blocks. LDR_NUMERIC with the offset in the source: 32 numbers that are not all finite, or too
   large for a 16-bit scale. LDR_LIMIT, LDR_MEMORY, LDR_IO as everywhere. */
LDR_API ldr_status ldr_model_quantise(const ldr_model *m, const char *path, ldr_dtype format, ldr_error *err);
#endif

/* ======================================================================================
   >>api-dataset       Examples as token ids and labels
   ====================================================================================== */

typedef enum ldr_head {
    LDR_HEAD_CLASSIFY,             /* one label a sequence; softmax cross-entropy              */
    LDR_HEAD_REGRESS,              /* one number a sequence; mean squared error                */
    LDR_HEAD_TOKENS,               /* one label a token, -100 = ignored; softmax cross-entropy */
    LDR_HEAD_CHOICE,               /* `choices` sequences an example, one score each; softmax over them */
    LDR_HEAD_WORDS                 /* one word a token, -100 = ignored: the model's own language-model head. Masked words or
                                      next words, as the labels say. It is trained by LDR_METHOD_FULL and frozen otherwise */
} ldr_head;

#define LDR_IGNORE (-100)

typedef struct ldr_dataset ldr_dataset;

typedef struct ldr_dataset_desc {
    ldr_allocator alloc;
    ldr_head      head;
    int32_t       max_len;         /* texts are cut to so many tokens, 0: 128 (ldr_dataset_load: or the model's positions) */
    int32_t       choices;         /* LDR_HEAD_CHOICE: sequences an example                    */
    /* Reading files (ldr_dataset_load): */
    const char   *text, *text2, *label;   /* JSON fields; NULL: "text" or "sentence" or "sentence1", "text2" or "sentence2", "label" */
    const ldr_dataset *labels;     /* take the label names of this set; an unknown one is an error */
} ldr_dataset_desc;

LDR_API ldr_dataset *ldr_dataset_create(const ldr_dataset_desc *desc, ldr_error *err);
LDR_API void         ldr_dataset_free(ldr_dataset *d);

/* One sequence and its target. labels: one per token (TOKENS), else one (CLASSIFY; CHOICE: index
   of the right choice, the same on every sequence of the group). value: REGRESS. Everything is
   copied. segments may be NULL. */
typedef struct ldr_example {
    int32_t        count;
    const int32_t *ids, *segments, *labels;
    float          value;
} ldr_example;

LDR_API ldr_status ldr_dataset_add(ldr_dataset *d, const ldr_example *e, ldr_error *err);
#ifndef LADDER_NO_TOKENIZER
/* Tokenises and adds; text2 NULL for a single text. label: class index. TOKENS needs ldr_dataset_add. */
LDR_API ldr_status ldr_dataset_add_text(ldr_dataset *d, const ldr_tokenizer *t, const char *text, const char *text2, int32_t label, float value, ldr_error *err);
#endif
/* Takes all examples out and keeps the room and the label names. A trainer may go on with a set that was filled again
   between two steps, with as many examples and no more tokens than before: for text that streams by. Whoever resumes such
   a run gives it the examples that would have come. */
LDR_API void       ldr_dataset_clear(ldr_dataset *d);
LDR_API int32_t    ldr_dataset_count(const ldr_dataset *d);               /* sequences (CHOICE: count / choices examples) */
LDR_API int64_t    ldr_dataset_tokens(const ldr_dataset *d);
LDR_API ldr_example ldr_dataset_get(const ldr_dataset *d, int32_t index); /* pointers into d, until the next add */
/* Names of the classes: index of `name`, added when `add`, else -1. */
LDR_API int32_t     ldr_dataset_label(ldr_dataset *d, const char *name, int32_t add, ldr_error *err);
LDR_API int32_t     ldr_dataset_labels(const ldr_dataset *d);
LDR_API const char *ldr_dataset_label_name(const ldr_dataset *d, int32_t index);  /* NULL: unnamed      */

#if !defined(LADDER_NO_STDIO) && !defined(LADDER_NO_TOKENIZER)
/* Reads `label<TAB>text[<TAB>text2]` lines (.tsv, .txt), JSON lines or a JSON array (.jsonl, .json)
   for CLASSIFY or REGRESS. An example without text or label is an error with its offset. */
LDR_API ldr_dataset *ldr_dataset_load(const ldr_model *m, const char *path, const ldr_dataset_desc *desc, ldr_error *err);
#endif

/* ======================================================================================
   >>api-ladder        The side network
   --------------------------------------------------------------------------------------
   For the rungs i in order, with tap_i the backbone state and D_i a linear map d -> w:

       m_i = D_i tap_i          u = mix_i(s, m_i)          s = Block_i(u)        (MIX_BEFORE)
                                u = Block_i(s)             s = mix_i(u, m_i)     (MIX_AFTER)
       mix(s,m):  a s + (1-a) m,  a = sigmoid(g/T) per channel or one for all;  GATE_NONE: s + m
       out = sigmoid(v) h_final + (1 - sigmoid(v)) (U s)   |   U s   |   s

   Sung, Cho, Bansal 2022 (LST); output mix after Zhang et al. 2024 (QST).
   ====================================================================================== */

/* What is trained. All methods run through the same blocks, trainer and file; how deep the backward pass goes follows
   from what they train. Only LADDER and HEAD leave the backbone without a gradient. The others cannot use a tap cache
   or a backbone rounded at load (LDR_COMPUTE_INT8, LDR_COMPUTE_BF16); quantised and half weights are fine. */
typedef enum ldr_method {
    LDR_METHOD_LADDER,             /* the side network                                        */
    LDR_METHOD_HEAD,               /* nothing but the head                                    */
    LDR_METHOD_FULL,               /* every tensor of the backbone, as a float copy           */
    LDR_METHOD_BITFIT,             /* every bias, added where there was none (Ben Zaken et al. 2022)  */
    LDR_METHOD_LORA,               /* W + (alpha/rank) B A (Hu et al. 2021)                   */
    LDR_METHOD_ADAPTER,            /* z + Up gelu(Down z) after attention and FFN, and the norms (Houlsby et al. 2019) */
    LDR_METHOD_PROMPT,             /* virtual tokens before every text (Lester et al. 2021)   */
    LDR_METHOD_PREFIX,             /* keys and values of virtual tokens in every block (Li & Liang 2021) */
    LDR_METHOD_THESEUS             /* fewer blocks, learning in the place of groups of the backbone's (Xu et al. 2020): `successors` */
} ldr_method;
LDR_API const char *ldr_method_name(ldr_method method);       /* "ladder", "head", "full", ...            */

/* Matrices LoRA may change; added up. GATE exists in gated blocks only. */
typedef enum ldr_target { LDR_TARGET_QUERY = 1, LDR_TARGET_KEY = 2, LDR_TARGET_VALUE = 4, LDR_TARGET_OUTPUT = 8, LDR_TARGET_GATE = 16, LDR_TARGET_UP = 32, LDR_TARGET_DOWN = 64 } ldr_target;

typedef enum ldr_preset {
    LDR_PRESET_DEFAULT,            /* block inputs, per-channel gates, sliced, mixed with the backbone's output */
    LDR_PRESET_PAPER,              /* LST: block outputs, scalar gates with T = 0.1, same heads, U s            */
    LDR_PRESET_CLUE,               /* LST-CLUE: 4 x 128, added after the block, no biases, s                    */
    LDR_PRESET_MLP,                /* adapter-like rungs without attention                                      */
    LDR_PRESET_HEAD                /* no rungs: a head on the frozen backbone (a baseline)                      */
} ldr_preset;

typedef enum ldr_tap    { LDR_TAP_PRESET, LDR_TAP_INPUT, LDR_TAP_OUTPUT } ldr_tap;
typedef enum ldr_gate   { LDR_GATE_PRESET, LDR_GATE_SCALAR, LDR_GATE_CHANNEL, LDR_GATE_NONE, LDR_GATE_FIXED } ldr_gate;
typedef enum ldr_mix    { LDR_MIX_PRESET, LDR_MIX_BEFORE, LDR_MIX_AFTER } ldr_mix;
typedef enum ldr_output { LDR_OUTPUT_PRESET, LDR_OUTPUT_MIXED, LDR_OUTPUT_UP, LDR_OUTPUT_SIDE } ldr_output;
typedef enum ldr_init   { LDR_INIT_PRESET, LDR_INIT_RANDOM, LDR_INIT_SLICE } ldr_init;
typedef enum ldr_importance { LDR_IMPORTANCE_PRESET, LDR_MAGNITUDE, LDR_FISHER, LDR_ENERGY } ldr_importance;
/* What a head with one label a sequence reads: one token's state, or the mean of all of the text's. FIRST is [CLS] in BERT's
   families; the mean suits models that were pretrained without a use for it. */
typedef enum ldr_pool   { LDR_POOL_FAMILY, LDR_POOL_FIRST, LDR_POOL_LAST, LDR_POOL_MEAN } ldr_pool;   /* FAMILY: LAST in causal models, else FIRST */
typedef enum ldr_heads  { LDR_HEADS_PRESET, LDR_HEADS_WHOLE, LDR_HEADS_WITHIN } ldr_heads;

/* Zero-initialise; 0 means the preset's own value, shown by ldr_ladder_desc_defaults. */
typedef struct ldr_ladder_desc {
    ldr_allocator  alloc;
    ldr_method     method;
    int32_t        rank;           /* LORA; 0: 8                                               */
    float          alpha;          /* LORA; 0: 2 rank                                          */
    int32_t        targets;        /* LORA: sum of ldr_target; 0: query and value              */
    int32_t        bottleneck;     /* ADAPTER; 0: d/16, at least 4                             */
    int32_t        virtual_tokens; /* PROMPT, PREFIX; 0: 16. A prompt takes as many of the model's positions */
    int32_t        prompt_hidden;  /* PROMPT; h > 0: its vectors go through a network of their own that is trained with them (P-tuning),
                                      e + B tanh(A e + a) + b, A[h,e], B = 0 at the start; the sum, which keeps a start from words as it
                                      is, is that of residual prompt tuning (Razdaibiedina et al. 2023). 0: the vectors alone */
    int32_t        successors;     /* THESEUS: n blocks for L layers; 0: L/2. Successor g stands for layers g L/n to (g+1) L/n - 1 (rounded
                                      down) and starts as a copy of layer g, so all together as the first n. They and the head are
                                      trained (tune_norms: the final norm, too). Dev scores, predictions and the export are those of
                                      the successors alone. How they take over: replace_rate in ldr_train_desc  */
    ldr_choice     tune_biases, tune_norms;   /* train these too; AUTO: as the method's entry above says */
    int32_t        tune_layers;    /* methods inside the backbone: only its last so many blocks, and no embeddings; 0: all */
    ldr_preset     preset;         /* LADDER; the other methods have no rungs                  */
    int32_t        reduction;      /* r: side width d/r. 0: 8, less (to 2) where d/8 < 64; paper: 8 */
    const int32_t *rungs;          /* backbone layers, 0-based, ascending; NULL: all up to 12, else 12 spread evenly; clue: 4 */
    int32_t        rung_count;
    int32_t        width, heads, ffn;     /* side dimensions, 0: from r                        */
    ldr_tap        tap;
    ldr_gate       gate;
    float          gate_init;      /* g at the start: 0 means a = 1/2                          */
    float          gate_temperature;      /* T; 0: 1 (paper 0.1)                               */
    float          gate_fixed;     /* LDR_GATE_FIXED: a itself, 0 to 1                         */
    ldr_mix        mix;
    ldr_output     output;
    float          output_init;    /* v at the start; 0: 1, that is 0.73 of the backbone       */
    ldr_init       init;
    ldr_importance importance;     /* 0: LDR_MAGNITUDE                                         */
    ldr_heads      slice_heads;    /* whole heads, or the best dimensions inside every head    */
    const ldr_dataset *sample;     /* LDR_FISHER, LDR_ENERGY: text to look at; labels for Fisher */
    int32_t        samples;        /* of it at most so many; 0: 1024 (Fisher), 256 (energy)    */
    float          dropout;        /* 0: preset (paper, clue 0.1; else none); negative: none   */
    ldr_choice     final_norm;     /* AUTO: where the family has one                           */
    ldr_choice     down_bias;      /* AUTO: on, clue off                                       */
    ldr_head       head;
    int32_t        classes;        /* labels (REGRESS, CHOICE: 1)                              */
    ldr_pool       pool;           /* heads with a label a token do not ask                    */
    int32_t        head_hidden;    /* >0: dense, tanh, out; 0: preset (paper: the output width, else none); <0: none */
    const struct ldr_ladder *beside;      /* LADDER, HEAD: read the backbone as this one has tuned it so far, and not as it was loaded, so
                                             that both can be trained step by step. FULL, BITFIT, LORA or ADAPTER on the same
                                             model; borrowed, must outlive the ladder. No cache. A file names the model as it was loaded */
    const char *const *label_names;       /* [classes] or NULL; copied, saved with the ladder  */
    uint64_t       seed;
} ldr_ladder_desc;

typedef struct ldr_ladder ldr_ladder;

/* What will really run for this model: every 0 replaced. `rungs` is left alone when NULL. */
LDR_API ldr_ladder_desc ldr_ladder_desc_defaults(const ldr_model *m, const ldr_ladder_desc *desc);
/* The model is borrowed and must outlive the ladder. One ladder may be used by one thread at a time. */
LDR_API ldr_ladder *ldr_ladder_create(const ldr_model *m, const ldr_ladder_desc *desc, ldr_error *err);
LDR_API void        ldr_ladder_free(ldr_ladder *l);
LDR_API ldr_ladder_desc ldr_ladder_desc_get(const ldr_ladder *l);    /* as it is; pointers belong to l */

typedef struct ldr_param {
    const char *name;              /* "rung.0.block.attention.query.weight"                    */
    float      *value, *grad;      /* [rows,columns]; grad NULL before a trainer exists        */
    int32_t     rows, columns;     /* a vector has one row                                     */
    int32_t     trainable;
} ldr_param;

LDR_API int32_t   ldr_ladder_params(const ldr_ladder *l);
LDR_API ldr_param ldr_ladder_param(const ldr_ladder *l, int32_t index);
LDR_API int32_t   ldr_ladder_find(const ldr_ladder *l, const char *name);     /* index or -1   */
LDR_API uint64_t  ldr_ladder_trainable(const ldr_ladder *l);                  /* numbers trained */
LDR_API const char *ldr_ladder_label(const ldr_ladder *l, int32_t index);     /* class name or NULL */

/* Short texts that travel in the ladder file: a task's name, a length limit. An old value is replaced. */
LDR_API ldr_status  ldr_ladder_note(ldr_ladder *l, const char *key, const char *value, ldr_error *err);
LDR_API const char *ldr_ladder_note_get(const ldr_ladder *l, const char *key);      /* NULL when there is none */

/* A safetensors file: parameters, configuration, label names, notes, the
   backbone's fingerprint, a checksum. Written beside its name and renamed: whole or not at all. */
#ifndef LADDER_NO_STDIO
LDR_API ldr_status  ldr_ladder_save(const ldr_ladder *l, const char *path, ldr_error *err);
#endif
/* The same bytes into memory. *size receives what is needed; data NULL: only that. */
LDR_API ldr_status  ldr_ladder_save_memory(const ldr_ladder *l, void *data, size_t capacity, size_t *size, ldr_error *err);
#ifndef LADDER_NO_STDIO
/* The backbone with what was trained of it, as a model.safetensors that Hugging Face's classes load (their names and shapes):
   tensors of FULL and BITFIT in their places, low-rank updates added to their matrices, successors of THESEUS as layers 0, 1, ...
   instead of the backbone's (the configuration changes: ldr_ladder_export_config). The head of the ladder is not in it.
   type: LDR_F32, LDR_F16 or LDR_BF16. Tensors this library does not use (a pooler) are left out. LDR_UNSUPPORTED for adapters,
   prompts and prefixes, which have no place in it, and for biases the family has no names for. Appears whole or not at all. */
LDR_API ldr_status  ldr_ladder_export(const ldr_ladder *l, const char *path, ldr_dtype type, ldr_error *err);
/* The config.json that goes with it: `config`, the bytes of the backbone's own, with the number of layers that THESEUS leaves; the
   same bytes for other methods. LDR_MISMATCH when it is of a model with another number of layers. Appears whole or not at all. */
LDR_API ldr_status  ldr_ladder_export_config(const ldr_ladder *l, const void *config, size_t config_size, const char *path, ldr_error *err);
/* Random weights for a config.json (its bytes), language-model head included: N(0, 0.02^2), norms 1, biases 0. What a model that
   is to be trained from nothing starts as. Written like the above, as F32. */
LDR_API ldr_status  ldr_model_init(const void *config, size_t config_size, const char *path, uint64_t seed, ldr_error *err);
#endif
/* LDR_MISMATCH when the file was trained on another backbone. */
#ifndef LADDER_NO_STDIO
LDR_API ldr_ladder *ldr_ladder_load(const ldr_model *m, const char *path, const ldr_allocator *alloc, ldr_error *err);
#endif
LDR_API ldr_ladder *ldr_ladder_load_memory(const ldr_model *m, const void *data, size_t size, const ldr_allocator *alloc, ldr_error *err);

/* ======================================================================================
   >>api-predict       Running a trained ladder
   ====================================================================================== */

typedef struct ldr_predictor ldr_predictor;

/* A workspace for batches of up to max_sequences sequences and max_tokens tokens together. */
LDR_API ldr_predictor *ldr_predictor_create(ldr_ladder *l, int32_t max_sequences, int32_t max_tokens, ldr_error *err);
LDR_API void           ldr_predictor_free(ldr_predictor *p);
/* scores: CLASSIFY [sequences,classes] probabilities; REGRESS [sequences]; CHOICE [sequences] raw scores;
   TOKENS [tokens,classes] probabilities. Allocates nothing. */
LDR_API ldr_status     ldr_predict(ldr_predictor *p, float *scores, const ldr_batch *batch, ldr_error *err);

/* ======================================================================================
   >>api-train         Training the ladder
   ====================================================================================== */

typedef enum ldr_optimizer { LDR_ADAMW, LDR_ADAM, LDR_SGD, LDR_ADAFACTOR } ldr_optimizer;
typedef enum ldr_schedule  { LDR_LINEAR, LDR_COSINE, LDR_CONSTANT } ldr_schedule;
typedef enum ldr_replacement { LDR_REPLACE_LINEAR, LDR_REPLACE_CONSTANT } ldr_replacement;      /* see replace_rate */
typedef enum ldr_metric {
    LDR_METRIC_AUTO,               /* accuracy; regression: Pearson and Spearman; tokens: entity F1 */
    LDR_METRIC_ACCURACY, LDR_METRIC_F1,         /* F1 and Matthews: class 1 is the positive one */
    LDR_METRIC_ACCURACY_F1, LDR_METRIC_MATTHEWS, LDR_METRIC_CORRELATION, LDR_METRIC_ENTITY_F1
} ldr_metric;
LDR_API const char *ldr_metric_name(ldr_metric metric);

typedef struct ldr_progress {
    int32_t  epoch, epochs, step, steps;      /* counted from 1; steps of the whole run        */
    double   loss, step_loss;                 /* mean over this epoch so far; of this step     */
    double   rate, gradient_norm;
    int64_t  tokens;                          /* trained on so far, all epochs                 */
    int32_t  evaluated;                       /* 1: an epoch ended and `metric` is its score   */
    double   metric, best_metric;
    int32_t  best_epoch;
} ldr_progress;

typedef struct ldr_train_desc {
    ldr_allocator alloc;
    int32_t       epochs;          /* 0: 10                                                    */
    int32_t       batch;           /* examples a step; 0: 32                                   */
    int32_t       accumulate;      /* the step's batch in so many parts; 0: 1                  */
    ldr_optimizer optimizer;
    float         rate;            /* 0: 1e-3, prompt and prefix 1e-2, head 3e-3, full and theseus 1e-4 at width 768 and as many times more as the
                                      backbone is narrower, to 1e-3 (adafactor 5e-3, relative) */
    float         beta1, beta2, epsilon;      /* 0: 0.9, 0.999, 1e-8                            */
    float         momentum;        /* SGD                                                      */
    int32_t       nesterov;
    float         weight_decay;    /* decoupled in AdamW, added to the gradient elsewhere; matrices only */
    float         clip;            /* global norm; 0: 1, negative: off                          */
    ldr_schedule  schedule;
    float         warmup;          /* share of all steps; 0: 0.1, negative: none                */
    float         label_smoothing; /* 0 to below 1                                              */
    const float  *class_weights;   /* [classes] or NULL; copied                                 */
    int32_t       balance;         /* 1: weight class c by examples / (classes * examples of c); not with class_weights */
    int32_t       patience;        /* stop after so many epochs without a better dev score; 0: never */
    ldr_metric    metric;
    int32_t       cache;           /* 1: keep every example's taps after the first visit; later epochs never run the backbone */
    const char   *cache_dir;       /* keep them in train.taps and dev.taps of this directory (on POSIX made if it is not there), where
                                      the next run finds them again; NULL: in memory. Implies cache. One run at a time may fill it */
    ldr_dtype     cache_type;      /* of the kept taps: LDR_F32 changes nothing; LDR_BF16 or LDR_I8 (a scale a token) round them  */
    int32_t       cache_layers;    /* 1: ldr_trainer_create fills the cache, one backbone layer after the other over all examples;
                                      the memory of a layer that is mapped is given back behind it */
    /* THESEUS (Xu et al. 2020): each step draws, for each group and for its whole batch, whether the successor runs, with probability p,
       or the group's frozen layers. After t of T steps: LINEAR p = min(1, b + (1-b) t/(u T)); CONSTANT p = b while t < u T, then 1.
       The steps with p = 1 train the successors together. Dropout is in successors and head only */
    float         replace_rate;    /* b, up to 1; 0: 0.5                                       */
    float         replace_until;   /* u, up to 1; 0: 0.5                                       */
    ldr_replacement replace_schedule;      /* 0: LINEAR                                        */
    int32_t       checkpoint;      /* keep little of a block and make the rest again on the way back: the same numbers and far less memory.
                                      Methods inside the backbone keep a state a block, for about a third more time (Chen et al. 2016);
                                      a ladder keeps what attention gave as well, which is dear to make (Korthikanti et al. 2022) */
    ldr_dtype     tap_type;        /* how a ladder's step keeps its taps for the gradients of the down-projections, the only thing that reads
                                      them twice: LDR_F32, or LDR_BF16 or LDR_I8 (a scale a token), which round nothing else. Without cache only */
    int32_t       distil;          /* 1: a ladder with LDR_HEAD_WORDS learns the backbone's own scores at the rows that have a label, and
                                      not the label: - sum_w softmax(z_backbone)_w log softmax(z)_w (Hinton et al. 2015). Needs
                                      LDR_OUTPUT_MIXED. Scores of the dev set are those of the labels */
    uint64_t      seed;
    /* Called after every step (the last of an epoch carries its score); non-zero stops cleanly. */
    int32_t     (*progress_fn)(const ldr_progress *p, void *user);
    void         *user;
} ldr_train_desc;

/* What will really run: every 0 replaced. l says the method and may be NULL (a ladder's). */
LDR_API ldr_train_desc ldr_train_desc_defaults(const ldr_ladder *l, const ldr_train_desc *desc);

typedef struct ldr_trainer ldr_trainer;

/* train and dev (may be NULL) are borrowed and must not change meanwhile. Everything a step needs is
   allocated here. */
LDR_API ldr_trainer *ldr_trainer_create(ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc, ldr_error *err);
LDR_API void         ldr_trainer_free(ldr_trainer *t);
/* What ldr_trainer_create would allocate, item by item; nothing is allocated. Empty where it would refuse. */
LDR_API ldr_memory   ldr_trainer_plan(const ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc);
/* One optimiser step; after an epoch's last one the dev set is scored and the best parameters are
   kept. LDR_NUMERIC names the step and the tensor. *p may be NULL. Allocates nothing. */
LDR_API ldr_status   ldr_trainer_step(ldr_trainer *t, ldr_progress *p, ldr_error *err);
LDR_API ldr_progress ldr_trainer_progress(const ldr_trainer *t);      /* where it stands, after a resume too */
LDR_API int32_t      ldr_trainer_done(const ldr_trainer *t);          /* 1: all epochs run, or patience ran out */
/* Loss and gradients of one batch of the training set (indices of examples, one may come twice) without a step:
   for tests and for loops of your own. Gradients are in ldr_ladder_param(...).grad. */
LDR_API ldr_status   ldr_trainer_gradients(ldr_trainer *t, double *loss, const int32_t *examples, int32_t count, ldr_error *err);
/* Puts the parameters of the best dev epoch into the ladder (no dev set: does nothing). */
LDR_API void         ldr_trainer_restore_best(ldr_trainer *t);
/* How the tap cache stands; all 0 without one but for backbone_runs. */
typedef struct ldr_cache_info {
    int32_t     sequences, filled; /* of both sets; those whose taps are kept                  */
    int32_t     reused;            /* sets whose taps an earlier run left behind: 0 to 2       */
    int32_t     damaged;           /* records whose checksum was wrong; computed again         */
    int64_t     backbone_runs;     /* batches that went through the backbone                   */
    uint64_t    memory, disk;      /* bytes                                                    */
    const char *note[2];           /* train, dev: what became of an earlier file, or "". Belongs to the trainer */
} ldr_cache_info;
LDR_API ldr_cache_info ldr_trainer_cache(const ldr_trainer *t);
/* What the files of cache_dir will take in bytes; 0 without it, or where ldr_trainer_create would refuse. With cache_layers
   tokens * width * 4 bytes of the larger set come and go while it is filled. */
LDR_API uint64_t     ldr_trainer_plan_disk(const ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc);
/* Everything needed to go on with the same bits as if never stopped. */
#ifndef LADDER_NO_STDIO
LDR_API ldr_status   ldr_trainer_save(const ldr_trainer *t, const char *path, ldr_error *err);
LDR_API ldr_status   ldr_trainer_resume(ldr_trainer *t, const char *path, ldr_error *err);
#endif

typedef struct ldr_score {
    double  value;                 /* the metric                                                */
    double  loss, accuracy;
    int32_t examples;
} ldr_score;

/* Scores the ladder on one of the trainer's two sets (any other is LDR_ARGUMENT), or (ldr_evaluate, which makes room for the
   time of the call, for batches of 32 without a way back) on any; metric AUTO as in training. Parameters, gradients and the
   course of training stay as they are; the trainer's tap cache is used and filled, and can fail with LDR_IO.
   LDR_ARGUMENT: a metric that does not fit the head. LDR_DATA: a set that does not fit the ladder, or without a target. */
LDR_API ldr_status ldr_trainer_evaluate(ldr_trainer *t, const ldr_dataset *d, ldr_score *score, ldr_error *err);
LDR_API ldr_status ldr_evaluate(ldr_ladder *l, const ldr_dataset *d, ldr_metric metric, ldr_score *score, ldr_error *err);

typedef struct ldr_fit_result {
    int32_t  best_epoch, steps;
    double   metric;               /* dev score of the best epoch                               */
    double   loss;                 /* training loss of the last epoch                           */
    int64_t  tokens;
    uint64_t peak_bytes;           /* what the trainer held                                     */
} ldr_fit_result;

/* Trains to the end and leaves the best epoch's parameters in the ladder. desc and result may be NULL. */
LDR_API ldr_status ldr_fit(ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc, ldr_fit_result *result, ldr_error *err);

#ifdef __cplusplus
}
#endif
#endif /* LADDER_H_INCLUDED */

/* ======================================================================================
   Stop here if you only want the API.
   ====================================================================================== */

#ifdef LADDER_IMPLEMENTATION
#undef LADDER_IMPLEMENTATION

/* ======================================================================================
   >>platform          Compiler, operating system, the one OpenMP macro
   --------------------------------------------------------------------------------------
   Everything that depends on where the code runs is decided here, once. Below this section
   only leaf kernels look at the instruction set, and only ldr__source looks at the system.
   ====================================================================================== */

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#ifndef LADDER_NO_MALLOC
  #include <stdlib.h>
#endif
#ifndef LADDER_NO_STDIO
  #include <errno.h>
  #include <stdio.h>
#endif
#ifdef _OPENMP
  #include <omp.h>
#endif

#if !defined(LADDER_NO_STDIO) && !defined(LADDER_NO_MMAP) && (defined(__unix__) || defined(__APPLE__)) && !defined(__wasm__)
  #define LDR__HAVE_MMAP 1
  #include <fcntl.h>
  #include <sys/mman.h>
  #include <sys/stat.h>
  #include <unistd.h>
#else
  #define LDR__HAVE_MMAP 0
#endif
/* glibc hides madvise in strict C99, but it is there. Only Linux promises that the pages leave at once and come back unchanged. */
#if LDR__HAVE_MMAP && defined(__linux__) && !defined(MADV_DONTNEED) && !defined(__alpha__)
  #define MADV_DONTNEED 4
  #define MADV_HUGEPAGE 14
  extern int madvise(void *address, size_t length, int advice);
#endif

#ifndef LADDER_MAX_HEADER          /* bytes of a safetensors header                          */
#define LADDER_MAX_HEADER 100000000u
#endif
#ifndef LADDER_MAX_JSON_DEPTH
#define LADDER_MAX_JSON_DEPTH 64
#endif
#ifndef LADDER_MAX_FILES           /* shards of one model                                    */
#define LADDER_MAX_FILES 1024
#endif
#ifndef LADDER_MAX_PATH
#define LADDER_MAX_PATH 4096
#endif
#ifndef LADDER_MAX_THREADS
#define LADDER_MAX_THREADS 64
#endif

#if defined(__GNUC__) || defined(__clang__)
  #define LDR__INLINE   static inline __attribute__((always_inline, unused))
  #define LDR__NOINLINE __attribute__((noinline))
  #define LDR__UNUSED   __attribute__((unused))
  #define LDR__RESTRICT __restrict
#else
  #define LDR__INLINE   static inline
  #define LDR__NOINLINE
  #define LDR__UNUSED
  #define LDR__RESTRICT
#endif

/* With LADDER_STATIC the declarations above already say `static`. */
#ifdef LADDER_STATIC
  #define LDR__DEF LDR_API
#else
  #define LDR__DEF
#endif

/* x86 with GCC or clang: kernels for newer instruction sets are compiled with a target
   attribute each and chosen at run time. tcc defines __x86_64__ but knows neither. */
#if !defined(LADDER_NO_SIMD) && (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__)) && !defined(__TINYC__)
  #define LDR__X86 1
  #ifdef LADDER_IMMINTRIN
    #include LADDER_IMMINTRIN
  #else
    /* gcc 12 takes the undefined registers of its own AVX-512 header for a mistake. */
    #if !defined(__clang__)
      #pragma GCC diagnostic push
      #pragma GCC diagnostic ignored "-Wuninitialized"
      #pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
    #endif
    #include <immintrin.h>
    #if !defined(__clang__)
      #pragma GCC diagnostic pop
    #endif
  #endif
  #include <cpuid.h>
#else
  #define LDR__X86 0
#endif

/* Elsewhere the compiler's target decides: every 64-bit ARM has NEON, WebAssembly has vectors or not. */
#if !defined(LADDER_NO_SIMD) && defined(__aarch64__) && defined(__ARM_NEON) && (defined(__GNUC__) || defined(__clang__))
  #define LDR__NEON 1
  #include <arm_neon.h>
#else
  #define LDR__NEON 0
#endif
/* 1: sdot may be there, and can be asked for where it is not taken for granted. (A program compiled for SVE without it runs where it
   is not, and gcc would not inline such a program's functions into one with it.) */
#if LDR__NEON && !defined(__AARCH64EB__) && (defined(__ARM_FEATURE_DOTPROD) || (defined(__linux__) && !defined(__ARM_FEATURE_SVE)))
  #define LDR__HAVE_SDOT 1
  #ifdef __ARM_FEATURE_DOTPROD
    #define LDR__SDOT
  #else
    #include <sys/auxv.h>
    #ifdef __clang__
      #define LDR__SDOT __attribute__((target("dotprod")))
    #else
      #define LDR__SDOT __attribute__((target("arch=armv8.2-a+dotprod")))
    #endif
  #endif
#else
  #define LDR__HAVE_SDOT 0
#endif
#if !defined(LADDER_NO_SIMD) && defined(__wasm_simd128__)
  #define LDR__WASM 1
  #include <wasm_simd128.h>
#else
  #define LDR__WASM 0
#endif

/* The only OpenMP in this file: a loop whose iterations share nothing they write. `dynamic`
   is safe for reproducibility because no result depends on which thread ran an iteration. */
#ifdef _OPENMP
  #define LDR__PRAGMA(text) _Pragma(#text)
  #define LDR__FOR(index, count, thread_count)                                                          \
      LDR__PRAGMA(omp parallel for num_threads(thread_count) schedule(dynamic, 1) if ((count) > 1 && (thread_count) > 1)) \
      for (int64_t index = 0; index < (count); index++)
  static int ldr__thread(void) { return omp_get_thread_num(); }
  static int ldr__max_threads(void) { return omp_get_max_threads(); }
#else
  #define LDR__FOR(index, count, thread_count) for (int64_t index = ((void)(thread_count), 0); index < (count); index++)
  static int ldr__thread(void) { return 0; }
  static int ldr__max_threads(void) { return 1; }
#endif

#define LDR__MIN(a, b) ((a) < (b) ? (a) : (b))
#define LDR__MAX(a, b) ((a) > (b) ? (a) : (b))
#define LDR__STATIC_ASSERT(name, condition) typedef char ldr__assert_##name[(condition) ? 1 : -1]
LDR__STATIC_ASSERT(float_is_32_bits, sizeof(float) == 4);

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)
  #define LDR__BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#else
  #define LDR__BIG_ENDIAN 0
#endif
/* The type of floats in memory. LDR_F32 is the type of floats in a file, and those are little endian everywhere. */
#define LDR__NATIVE (LDR__BIG_ENDIAN ? LDR_DTYPE_COUNT : LDR_F32)

/* ======================================================================================
   >>sizes             Arithmetic that cannot wrap
   --------------------------------------------------------------------------------------
   Every size that comes from a file passes through these, so a product of hostile
   dimensions saturates to "too large" and never to something small.
   ====================================================================================== */

static int ldr__mul_u64(uint64_t *out, uint64_t a, uint64_t b) {
    if (a != 0 && b > UINT64_MAX / a) return 0;
    *out = a * b;
    return 1;
}

/* ======================================================================================
   >>errors            First failure wins
   ====================================================================================== */

LDR__DEF const char *ldr_status_name(ldr_status status) {
    static const char *const names[] = {
#define LDR__NAME(name, text) "LDR_" #name,
        LDR_STATUSES(LDR__NAME)
#undef LDR__NAME
    };
    return (int)status >= 0 && status < LDR_STATUS_COUNT ? names[status] : "LDR_UNKNOWN";
}

LDR__DEF const char *ldr_status_text(ldr_status status) {
    static const char *const texts[] = {
#define LDR__TEXT(name, text) text,
        LDR_STATUSES(LDR__TEXT)
#undef LDR__TEXT
    };
    return (int)status >= 0 && status < LDR_STATUS_COUNT ? texts[status] : "unknown status";
}

/* A text being built in a fixed buffer: always NUL-terminated, `full` once something was cut. */
typedef struct ldr__text { char *data; size_t size, used; int full; uint64_t digest; } ldr__text;

static void ldr__text_init(ldr__text *t, char *data, size_t size) {
    t->data = data;
    t->size = size;
    t->used = 0;
    t->full = 0;
    t->digest = 0;
    data[0] = 0;
}

static void ldr__text_bytes(ldr__text *t, const char *s, size_t n) {
    size_t room = t->size - 1 - t->used;
    if (n > room) {
        n = room;
        t->full = 1;
    }
    memcpy(t->data + t->used, s, n);
    t->used += n;
    t->data[t->used] = 0;
}

static void ldr__text_string(ldr__text *t, const char *s) { ldr__text_bytes(t, s, strlen(s)); }

static void ldr__text_u64(ldr__text *t, uint64_t v) {
    char digits[20];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    ldr__text_bytes(t, digits + sizeof digits - n, n);
}

static void ldr__text_i64(ldr__text *t, int64_t v) {
    if (v < 0) ldr__text_bytes(t, "-", 1);
    ldr__text_u64(t, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v);
}

/* %s text, %d int, %I int64_t, %U uint64_t. Our own, because vsnprintf is neither independent
   of the locale nor present without stdio. */
static void ldr__text_format(ldr__text *t, const char *format, va_list args) {
    for (; *format; format++) {
        if (*format != '%') {
            ldr__text_bytes(t, format, 1);
            continue;
        }
        switch (*++format) {
            case 's': ldr__text_string(t, va_arg(args, const char *)); break;
            case 'd': ldr__text_i64(t, va_arg(args, int)); break;
            case 'I': ldr__text_i64(t, va_arg(args, int64_t)); break;
            case 'U': ldr__text_u64(t, va_arg(args, uint64_t)); break;
            case 0: return;
            default: ldr__text_bytes(t, format, 1); break;
        }
    }
}

static void ldr__format(char *dst, size_t cap, const char *format, ...) {
    ldr__text t;
    va_list args;
    ldr__text_init(&t, dst, cap);
    va_start(args, format);
    ldr__text_format(&t, format, args);
    va_end(args);
}

static LDR__NOINLINE ldr_status ldr__fail(ldr_error *err, ldr_status status, uint64_t offset, const char *format, ...) {
    if (err && err->status == LDR_OK) {
        ldr__text t;
        va_list args;
        err->status = status;
        err->offset = offset;
        ldr__text_init(&t, err->message, sizeof err->message);
        va_start(args, format);
        ldr__text_format(&t, format, args);
        va_end(args);
        if (offset != LDR_NO_OFFSET) {
            ldr__text_string(&t, " (offset ");
            ldr__text_u64(&t, offset);
            ldr__text_string(&t, ")");
        }
    }
    return status;
}

/* Names taken from a file may be long or hold anything; messages show a printable, short form. */
#define LDR__SHOWN 96
static const char *ldr__show(char *dst, const char *s, size_t n) {
    size_t i, used = 0;
    for (i = 0; i < n && used < LDR__SHOWN - 4; i++) {
        unsigned char c = (unsigned char)s[i];
        dst[used++] = c < 32 || c == 127 ? '?' : (char)c;
    }
    if (i < n) {
        memcpy(dst + used, "...", 3);
        used += 3;
    }
    dst[used] = 0;
    return dst;
}

/* ======================================================================================
   >>allocation        Allocators, and objects planned before they are made
   --------------------------------------------------------------------------------------
   An object with many parts has one layout function that calls ldr__place for each of them.
   Run over an empty plan it counts; run over memory it hands out the addresses. The size
   asked for and the size used can therefore never disagree.
   ====================================================================================== */

static int ldr__allocator_valid(const ldr_allocator *a) { return !a || (!a->alloc_fn == !a->free_fn); }

static void *ldr__alloc(const ldr_allocator *a, size_t size) {
    if (size == 0) size = 1;
    if (a && a->alloc_fn) return a->alloc_fn(size, a->user);
#ifdef LADDER_NO_MALLOC
    return NULL;
#else
    return malloc(size);
#endif
}

static void ldr__free(const ldr_allocator *a, void *p, size_t size) {
    if (!p) return;
    if (size == 0) size = 1;
    if (a && a->alloc_fn) a->free_fn(p, size, a->user);
#ifndef LADDER_NO_MALLOC
    else free(p);
#endif
}

static ldr_allocator ldr__allocator(const ldr_allocator *a) {
    ldr_allocator none;
    memset(&none, 0, sizeof none);
    return a ? *a : none;
}

/* A growing array of items of `item` bytes; *capacity counts items. */
static int ldr__grow(const ldr_allocator *a, void **data, size_t *capacity, size_t need, size_t item) {
    size_t next = *capacity ? *capacity : 16;
    void *p;
    if (need <= *capacity) return 1;
    while (next < need) {
        if (next > SIZE_MAX / 2) return 0;
        next *= 2;
    }
    if (item && next > SIZE_MAX / item) return 0;
    p = ldr__alloc(a, next * item);
    if (!p) return 0;
    if (*capacity) memcpy(p, *data, *capacity * item);
    ldr__free(a, *data, *capacity * item);
    *data = p;
    *capacity = next;
    return 1;
}

#define LDR__ALIGN 64u

#if defined(__SANITIZE_ADDRESS__)
  #define LDR__ASAN 1
#elif defined(__has_feature)
  #if __has_feature(address_sanitizer)
    #define LDR__ASAN 1
  #endif
#endif
#ifdef LDR__ASAN
  #include <sanitizer/asan_interface.h>
  #define LDR__GAP 64u                       /* poisoned, so that an overrun inside a plan is found */
#else
  #define LDR__GAP 0u
#endif

typedef struct ldr__plan {
    unsigned char *base;       /* NULL while counting                                        */
    size_t         used;
    int            overflow;
    ldr_memory    *report;     /* optional: what each named part takes                       */
    void          *memory;     /* what ldr__plan_begin allocated                             */
    size_t         size;
} ldr__plan;

static void ldr__report(ldr_memory *report, const char *name, uint64_t bytes) {
    int32_t i;
    if (!report) return;
    report->total += bytes;
    for (i = 0; i < report->count; i++)
        if (strcmp(report->items[i].name, name) == 0) break;
    if (i == LDR_MEMORY_ITEMS) i = LDR_MEMORY_ITEMS - 1;
    if (i == report->count) {
        report->items[i].name = name;
        report->items[i].bytes = 0;
        report->count++;
    }
    report->items[i].bytes += bytes;
}

static void *ldr__place(ldr__plan *p, const char *name, size_t count, size_t item) {
    size_t bytes, start = p->used;
    if (item && count > (SIZE_MAX / 2) / item) {
        p->overflow = 1;
        return NULL;
    }
    bytes = (count * item + LDR__ALIGN - 1) / LDR__ALIGN * LDR__ALIGN + LDR__GAP;
    if (bytes > SIZE_MAX / 2 - p->used) {
        p->overflow = 1;
        return NULL;
    }
    p->used += bytes;
    ldr__report(p->report, name, bytes);
    if (!p->base) return NULL;
#ifdef LDR__ASAN
    ASAN_POISON_MEMORY_REGION(p->base + start + count * item, bytes - count * item);
#endif
    return p->base + start;
}

/* rows x columns floats. Columns are dimensions of a model (below 2^28), so only the product with rows can wrap, and ldr__place
   looks at that. */
static float *ldr__place_matrix(ldr__plan *p, const char *name, size_t rows, size_t columns) {
    return (float *)ldr__place(p, name, rows, columns * sizeof(float));
}

static float *ldr__place_floats(ldr__plan *p, const char *name, size_t count) { return ldr__place_matrix(p, name, count, 1); }

/* Large plans ask for large pages: rows of a batch are pages apart, and a matrix kernel that visits
   many rows would wait for address translation more than for data. A hint, without effect elsewhere. */
static void ldr__large_pages(void *memory, size_t size) {
#if LDR__HAVE_MMAP && defined(MADV_HUGEPAGE)
    const uintptr_t page = (uintptr_t)1 << 21;
    uintptr_t first = ((uintptr_t)memory + page - 1) / page * page, last = ((uintptr_t)memory + size) / page * page;
    if (last > first) (void)madvise((void *)first, (size_t)(last - first), MADV_HUGEPAGE);
#else
    (void)memory;
    (void)size;
#endif
}

/* After counting: allocates what was counted, zeroed, and makes the plan ready to place. */
static ldr_status ldr__plan_begin(ldr__plan *p, const ldr_allocator *a, ldr_error *err) {
    size_t pad;
    if (p->overflow) return ldr__fail(err, LDR_LIMIT, LDR_NO_OFFSET, "the sizes asked for do not fit the address space");
    p->size = p->used + LDR__ALIGN;
    p->memory = ldr__alloc(a, p->size);
    if (!p->memory) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory: %U bytes could not be allocated", (uint64_t)p->size);
    if (!a || !a->alloc_fn) ldr__large_pages(p->memory, p->size);      /* what the user's allocator hands out is the user's */
    memset(p->memory, 0, p->size);
    pad = (size_t)(LDR__ALIGN - (uintptr_t)p->memory % LDR__ALIGN) % LDR__ALIGN;
    p->base = (unsigned char *)p->memory + pad;
    p->used = 0;
    p->report = NULL;
    return LDR_OK;
}

static void ldr__plan_end(void *memory, size_t size, const ldr_allocator *a) {
#ifdef LDR__ASAN
    if (memory) ASAN_UNPOISON_MEMORY_REGION(memory, size);
#endif
    ldr__free(a, memory, size);
}

/* ======================================================================================
   >>random            Counter-based random numbers
   --------------------------------------------------------------------------------------
   A stream is a key; number i of the stream is a pure function of (key, i). No state is
   carried, so dropout masks are recomputed in the backward pass instead of stored, shuffles
   can be repeated from the epoch number, and nothing depends on the order of threads.
   ====================================================================================== */

enum { LDR__STREAM_INIT = 1, LDR__STREAM_SHUFFLE, LDR__STREAM_DROPOUT, LDR__STREAM_SAMPLE, LDR__STREAM_REPLACE };

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t ldr__mix64(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t ldr__stream(uint64_t seed, uint64_t purpose, uint64_t index) {
    return ldr__mix64(ldr__mix64(seed + UINT64_C(0x9e3779b97f4a7c15) * purpose) + index);
}

static uint64_t ldr__random_u64(uint64_t key, uint64_t i) { return ldr__mix64(key + UINT64_C(0x9e3779b97f4a7c15) * (i + 1)); }

static double ldr__random_unit(uint64_t key, uint64_t i) { return (double)(ldr__random_u64(key, i) >> 11) * (1.0 / 9007199254740992.0); }

/* Standard normal by Box-Muller from numbers 2i and 2i+1 of the stream. */
static double ldr__random_normal(uint64_t key, uint64_t i) {
    double u = 1.0 - ldr__random_unit(key, 2 * i), v = ldr__random_unit(key, 2 * i + 1);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* An integer below n by 64-bit multiply-shift; the bias is below n / 2^32 and n is a data-set size. */
static uint32_t ldr__random_below(uint64_t key, uint64_t i, uint32_t n) { return (uint32_t)(((ldr__random_u64(key, i) >> 32) * n) >> 32); }

/* Fisher-Yates; order[i] = i on entry or any permutation. */
static void ldr__shuffle(int32_t *order, int32_t n, uint64_t key) {
    int32_t i;
    for (i = n - 1; i > 0; i--) {
        int32_t j = (int32_t)ldr__random_below(key, (uint64_t)i, (uint32_t)i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

/* ======================================================================================
   >>half              16-bit floats and little-endian loads
   --------------------------------------------------------------------------------------
   Weight files are little endian and may start at any byte, so every value is assembled from
   bytes; compilers turn these into single loads where the machine allows it.
   ====================================================================================== */

static uint32_t ldr__load_u16(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
/* To little-endian or from it. */
LDR__INLINE uint16_t ldr__little_u16(uint16_t h) { return LDR__BIG_ENDIAN ? (uint16_t)(h >> 8 | h << 8) : h; }
static uint32_t ldr__load_u32(const unsigned char *p) { return ldr__load_u16(p) | ldr__load_u16(p + 2) << 16; }
static uint64_t ldr__load_u64(const unsigned char *p) { return (uint64_t)ldr__load_u32(p) | (uint64_t)ldr__load_u32(p + 4) << 32; }

static void ldr__store_u32(unsigned char *p, uint32_t v) {
    p[0] = (unsigned char)(v & 255u);
    p[1] = (unsigned char)(v >> 8 & 255u);
    p[2] = (unsigned char)(v >> 16 & 255u);
    p[3] = (unsigned char)(v >> 24);
}

static void ldr__store_u64(unsigned char *p, uint64_t v) {
    ldr__store_u32(p, (uint32_t)(v & 0xffffffffu));
    ldr__store_u32(p + 4, (uint32_t)(v >> 32));
}

LDR__INLINE float ldr__float_from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

LDR__INLINE uint32_t ldr__bits_from_float(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

/* IEEE binary16 to binary32, exact. Subnormals: the bits are an integer times 2^-24. */
static float ldr__half_to_float(uint32_t h) {
    uint32_t sign = (h & 0x8000u) << 16, rest = h & 0x7fffu;
    if (rest < 0x0400u) {
        float f = (float)rest * (1.0f / 16777216.0f);
        return ldr__float_from_bits(ldr__bits_from_float(f) | sign);
    }
    if (rest >= 0x7c00u) return ldr__float_from_bits(sign | 0x7f800000u | (rest & 0x03ffu) << 13);
    return ldr__float_from_bits(sign | ((rest << 13) + 0x38000000u));
}

/* bfloat16, rounding to nearest even; a NaN stays a NaN. */
LDR__INLINE uint32_t ldr__float_to_bf16(float f) {
    uint32_t b = ldr__bits_from_float(f), nan = 0u - (uint32_t)((b & 0x7fffffffu) > 0x7f800000u);      /* a branch would stop the vectoriser */
    return (((b + 0x7fffu + (b >> 16 & 1u)) & ~nan) | ((b | 0x00400000u) & nan)) >> 16;
}

enum { LDR__QBLOCK = 32, LDR__Q8_0_BYTES = 2 + LDR__QBLOCK, LDR__Q4_0_BYTES = 2 + LDR__QBLOCK / 2 };

/* Element i of a weight array as float, whatever its type, alignment and the machine's byte order. The products
   of a 16-bit scale and a small integer are exact, so every kernel gets the same bits. */
LDR__INLINE float ldr__load(const void *data, ldr_dtype dtype, size_t i) {
    const unsigned char *p = (const unsigned char *)data;
    if (dtype == LDR__NATIVE) {
        float f;
        memcpy(&f, p + 4 * i, 4);
        return f;
    }
    switch (dtype) {
        case LDR_F16:  return ldr__half_to_float(ldr__load_u16(p + 2 * i));
        case LDR_BF16: return ldr__float_from_bits(ldr__load_u16(p + 2 * i) << 16);
        case LDR_F64: {
            uint64_t bits = ldr__load_u64(p + 8 * i);
            double d;
            memcpy(&d, &bits, 8);
            return (float)d;
        }
        case LDR_Q8_0:
            p += i / LDR__QBLOCK * LDR__Q8_0_BYTES;
            return ldr__half_to_float(ldr__load_u16(p)) * (float)((int32_t)(p[2 + i % LDR__QBLOCK] ^ 128u) - 128);
        case LDR_Q4_0:
            p += i / LDR__QBLOCK * LDR__Q4_0_BYTES;
            return ldr__half_to_float(ldr__load_u16(p)) * (float)((int32_t)(p[2 + i % 16] >> (i / 16 % 2 * 4) & 15u) - 8);
        default: return ldr__float_from_bits(ldr__load_u32(p + 4 * i));
    }
}

static const struct { const char *name; size_t size, block; } ldr__dtypes[LDR_DTYPE_COUNT + 1] = {
    { "F32", 4, 1 }, { "F16", 2, 1 }, { "BF16", 2, 1 }, { "F64", 8, 1 }, { "I8", 1, 1 }, { "U8", 1, 1 }, { "I16", 2, 1 }, { "U16", 2, 1 },
    { "I32", 4, 1 }, { "U32", 4, 1 }, { "I64", 8, 1 }, { "U64", 8, 1 }, { "BOOL", 1, 1 }, { "Q8_0", LDR__Q8_0_BYTES, LDR__QBLOCK }, { "Q4_0", LDR__Q4_0_BYTES, LDR__QBLOCK },
    { "", 4, 1 } };                                    /* LDR__NATIVE where it is a type of its own */

LDR__DEF const char *ldr_dtype_name(ldr_dtype d) { return (int)d >= 0 && d < LDR_DTYPE_COUNT ? ldr__dtypes[d].name : "?"; }
LDR__DEF size_t ldr_dtype_size(ldr_dtype d) { return (int)d >= 0 && d < LDR_DTYPE_COUNT ? ldr__dtypes[d].size : 0; }
LDR__DEF size_t ldr_dtype_block(ldr_dtype d) { return (int)d >= 0 && d < LDR_DTYPE_COUNT ? ldr__dtypes[d].block : 0; }
static int ldr__dtype_is_float(ldr_dtype d) { return d == LDR_F32 || d == LDR_F16 || d == LDR_BF16 || d == LDR_F64 || d == LDR_Q8_0 || d == LDR_Q4_0; }

/* Where element `first` of an array lies; of a block type, its block. */
static const unsigned char *ldr__element_at(const void *data, ldr_dtype d, size_t first) { return (const unsigned char *)data + first / ldr__dtypes[d].block * ldr__dtypes[d].size; }

LDR__DEF int ldr_tensor_read(float *dst, const ldr_tensor *t, uint64_t first, size_t n) {
    uint64_t count;
    size_t i;
    if (!dst || !t || !ldr__dtype_is_float(t->dtype)) return 0;
    count = t->bytes / ldr_dtype_size(t->dtype) * ldr_dtype_block(t->dtype);
    if (first > count || n > count - first) return 0;
    for (i = 0; i < n; i++) dst[i] = ldr__load(t->data, t->dtype, (size_t)first + i);
    return 1;
}

/* ======================================================================================
   >>kernels           Leaf loops, once per instruction set
   --------------------------------------------------------------------------------------
   A kernel is a leaf function without OpenMP, reached through the table below, because clang
   rejects intrinsics inside a parallel region and because one binary must run everywhere.
   The matrix tiles are written with intrinsics, and so is what a compiler makes no vectors of;
   the other loops over rows are written once, over lanes of fixed length that it does, and
   compiled again in a shell with the wider instruction set.
   ====================================================================================== */

enum { LDR__LANES = 16, LDR__TILE_MAX_M = 16, LDR__TILE_MAX_N = 32 };

/* A panel of queries during softmax over keys that come in pieces: largest score so far, sum of exp(score - peak), and what
   sums made before must be multiplied by now. Dropout as a function of row and key. */
typedef struct ldr__softmax {
    float    peak[LDR__TILE_MAX_N], sum[LDR__TILE_MAX_N], fix[LDR__TILE_MAX_N], scale;
    uint32_t row[LDR__TILE_MAX_N], threshold;       /* threshold 0: no dropout                                 */
    float    kept;                     /* 1/(1-p)                                                 */
} ldr__softmax;

/* The way back, where keys stand side by side: of each query the log-sum-exp of its scores, the product of O and its gradient, and its row. */
typedef struct ldr__softmax_back {
    const float    *lse, *dot;
    const uint32_t *row;
    uint32_t        threshold;
    float           scale, kept;
} ldr__softmax_back;

/* Loops over one row of n numbers, written once for lanes of fixed length (see LDR__GROUPS). */
typedef struct ldr__row_kernels {
    /* x = exp(x*scale - max(x*scale)), returns the sum; *peak receives the maximum.         */
    float (*exp)(float *x, size_t n, float scale, float *peak);
    /* Scores s[keys,n] of the n queries of q, side by side (>>ops), to exp(s*scale - peak) with dropout; peak, sum and fix follow.
       Back, from scores s[queries,n] and e, the gradient of their softmax: s becomes that softmax p = exp(s*scale - lse) with
       dropout, and e the gradient of the scores, scale p (e - dot). n is a multiple of 8; first: number of the first key. */
    void (*softmax)(float *s, size_t keys, size_t n, ldr__softmax *q, size_t first);
    void (*softmax_backward)(float *s, float *e, size_t queries, size_t n, const ldr__softmax_back *q, size_t first);
    void (*activate)(float *y, const float *x, size_t n, int32_t kind);             /* y = f(x)      */
    void (*activate_both)(float *y, float *x, size_t n, int32_t kind);              /* y = f(x), x = f'(x): less than one after the other */
    void (*multiply)(float *y, const float *x, size_t n);                           /* y *= x        */
    void (*add)(float *y, const float *x, size_t n);                                /* y += x        */
    void (*dropout)(float *x, size_t n, uint32_t row, uint32_t threshold, float scale);
    /* See ldr__norm_forward and ldr__norm_backward. columns: the gradients of g and b at up to 32 columns from rows of x and dy. */
    void (*norm)(float *y, float *stats, const float *x, const float *g, const float *b, size_t n, int rms, float eps);
    void (*norm_backward)(float *dx, int add, const float *dy, const float *x, const float *stats, const float *g, size_t n, int rms);
    void (*norm_columns)(float *dg, const float *dy, const float *x, const float *stats, size_t ld, size_t rows, size_t columns);
    void (*columns)(float *sums, const float *x, size_t ld, size_t rows, size_t columns);      /* sums += each column, up to 32 */
    /* out = a s + (1-a) m;  ds = a du, dm = (1-a) du;  sums += du (s - m) of up to 32 columns                              */
    void (*mix)(float *out, const float *s, const float *m, const float *a, size_t n);
    void (*mix_backward)(float *dm, float *ds, const float *du, const float *a, size_t n);
    void (*mix_columns)(float *sums, const float *du, const float *s, const float *m, size_t ld, size_t rows, size_t columns);
    double (*squares)(const float *x, size_t n);                                    /* sum x^2       */
    /* Rows of n floats as little-endian F32, BF16, or I8 after its scale; back from I8 (from the others: to_float).        */
    void (*pack)(unsigned char *out, const float *x, size_t rows, size_t n, ldr_dtype type);
    void (*unpack_int8)(float *x, const unsigned char *in, size_t rows, size_t n);
    /* Row i of dst (+)= by[i] times column i of src, whose d rows are n apart; by NULL: as it is.                          */
    void (*turn)(float *dst, size_t ld, const float *src, size_t n, const float *by, size_t rows, size_t d, int add);
    void (*adam)(float *w, float *m, float *v, const float *g, size_t n, const float *c);
} ldr__row_kernels;

typedef struct ldr__kernels {
    const char *name;
    int32_t     mr, nr;        /* rows and columns of the register tile                     */
    /* c[m,n] = (accumulate ? c : bias or 0) + a[m,k] b[k,n], m <= mr, n <= nr. a(i,p) at i*rs + p*cs;
       b is a panel, b(p,j) at p*nr + j, with zeros beyond n. What lies at ahead + p*step bytes, p < k/2, is wanted soon. */
    void (*tile)(float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step);
    void (*to_float)(float *dst, const void *src, ldr_dtype dtype, size_t n);       /* src: the start of a block */
    /* A panel of rows: dst[p*nr + j] = src[j*stride + p] for j < columns <= nr, else 0; p < depth. */
    void (*weave)(float *dst, const float *src, size_t stride, size_t columns, size_t depth);
    const struct ldr__row_kernels *rows;
    /* 8-bit products. `unit` values of k lie side by side: 2 of 16 bits, or 4 of 8 bits, which in a are `excess` too large: 128
       where the instruction takes them for unsigned. quantise: q = round(x / scale) + excess, scale = max|x| / 127, x = 0 to `padded`. */
    size_t unit;
    int32_t excess;
    void (*quantise)(void *q, float *scale, const float *x, size_t n, size_t padded);
    void (*widen)(int16_t *dst, const int8_t *src, size_t n);                       /* unit 2: a panel for use */
    /* c[i,j] = a_scale[i] b_scale[j] (sum over k of a b) + (accumulate ? c : bias or 0); rows of a are rs bytes apart, a panel
       as above with a unit, 4 bytes, in place of a number; b_sum[j]: the panel's column sums. Scales, sums and bias go on to nr.
       ahead and step as above, with units for k. */
    void (*tile_int8)(float *c, size_t ldc, const unsigned char *a, size_t rs, const unsigned char *b, size_t units, int32_t m, int32_t n, const float *a_scale, const float *b_scale,
                      const int32_t *b_sum, const float *bias, int accumulate, uintptr_t ahead, size_t step);
    /* The same of pairs of bf16, summed in float; NULL: this set has no such product. to_bf16: nearest, zeros to `padded`. */
    void (*to_bf16)(uint16_t *dst, const float *x, size_t n, size_t padded);
    void (*tile_bf16)(float *c, size_t ldc, const unsigned char *a, size_t rs, const unsigned char *b, size_t units, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step);
} ldr__kernels;

typedef enum ldr_activation { LDR_GELU, LDR_GELU_TANH, LDR_RELU, LDR_SILU, LDR_TANH } ldr_activation;

/* condition ? a : b by masks. A real branch, even a short one, would stop the vectoriser. */
LDR__INLINE float ldr__select(int condition, float a, float b) {
    uint32_t mask = 0u - (uint32_t)condition;
#ifdef __ARM_FEATURE_SVE            /* gcc 12 fails on the other form there; which is the faster one elsewhere */
    return ldr__float_from_bits(ldr__bits_from_float(b) ^ ((ldr__bits_from_float(a) ^ ldr__bits_from_float(b)) & mask));
#else
    return ldr__float_from_bits((ldr__bits_from_float(a) & mask) | (ldr__bits_from_float(b) & ~mask));
#endif
}

LDR__INLINE float ldr__abs(float x) { return ldr__float_from_bits(ldr__bits_from_float(x) & 0x7fffffffu); }
LDR__INLINE float ldr__with_sign(float x, float sign) { return ldr__float_from_bits(ldr__bits_from_float(x) | (ldr__bits_from_float(sign) & 0x80000000u)); }

/* exp(x): x = n ln2 + r, |r| <= ln2/2, degree-6 polynomial in r, 2^n put into the exponent bits.
   Relative error below 2.5e-7; 0 below -87.3; above 88 the value at 88. NaN stays NaN. */
LDR__INLINE float ldr__exp(float x) {
    float low = ldr__select(x < -87.3f, -87.3f, x), clamped = ldr__select(low > 88.0f, 88.0f, low);
    float shifted = clamped * 1.44269504f + 12582912.0f;          /* 1.5 * 2^23: rounds to an integer */
    float n = (float)(int32_t)(ldr__bits_from_float(shifted) - 0x4b400000u);   /* by its bits: x87 may hold `shifted` unrounded */
    float r = clamped - n * 0.693359375f + n * 2.12194440e-4f;    /* ln 2 in two parts               */
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    p *= ldr__float_from_bits((ldr__bits_from_float(shifted) << 23) + 0x3f800000u);
    return ldr__select(x < -87.3f, 0.0f, p);
}

/* tanh(x) = (1 - e) / (1 + e), e = exp(-2|x|); near 0, where that cancels, its series. */
LDR__INLINE float ldr__tanh(float x) {
    float a = ldr__abs(x), e = ldr__exp(-2.0f * a), s = x * x;
    float series = a * (1.0f - s * (0.33333333f - s * (0.13333333f - s * 0.053968254f)));
    return ldr__with_sign(ldr__select(a < 0.1f, series, (1.0f - e) / (1.0f + e)), x);
}

/* erf(x) = x P(x^2) / Q(x^2), fitted to a relative error of 2e-8 up to |x| = 3.84, where erf is 1 - 5e-8 and stays; as
   rounded 4e-7. Half the operations of a fit of erfc, which needs an exponential. */
LDR__INLINE float ldr__erf(float x) {
    float a = ldr__abs(x), z = ldr__select(a > 3.84f, 3.84f, a), s = z * z;
    float p = 2.11674806e-6f, q = 3.88267069e-5f;
    p = p * s + 2.85826172e-4f;
    p = p * s + 3.66179372e-3f;
    p = p * s + 5.2444607e-2f;
    p = p * s + 1.87560174e-1f;
    p = p * s + 1.12837915f;
    q = q * s + 1.14332293e-3f;
    q = q * s + 1.47605859e-2f;
    q = q * s + 1.12998067e-1f;
    q = q * s + 4.99553768e-1f;
    q = q * s + 1.0f;
    p = z * p / q;
    return ldr__select(a > 3.84f, ldr__with_sign(1.0f, x), ldr__with_sign(ldr__select(p > 1.0f, 1.0f, p), x));
}

LDR__INLINE float ldr__sigmoid(float x) {
    float e = ldr__exp(-ldr__abs(x)), s = 1.0f / (1.0f + e);
    return ldr__select(x < 0, e * s, s);
}

/* f(x):  gelu  x Phi(x)   gelu_tanh  x/2 (1 + tanh(sqrt(2/pi)(x + 0.044715 x^3)))
          relu  max(x,0)   silu  x sigmoid(x)   tanh                                     */
LDR__INLINE float ldr__activation(float x, int32_t kind) {
    switch (kind) {
        case LDR_GELU:      return 0.5f * x * (1.0f + ldr__erf(x * 0.70710678f));
        case LDR_GELU_TANH: return 0.5f * x * (1.0f + ldr__tanh(0.79788456f * (x + 0.044715f * x * x * x)));
        case LDR_RELU:      return ldr__select(x < 0, 0, x);
        case LDR_SILU:      return x * ldr__sigmoid(x);
        default:            return ldr__tanh(x);
    }
}

LDR__INLINE float ldr__activation_slope(float x, int32_t kind) {
    switch (kind) {
        case LDR_GELU:      return 0.5f * (1.0f + ldr__erf(x * 0.70710678f)) + x * 0.39894228f * ldr__exp(-0.5f * x * x);
        case LDR_GELU_TANH: {
            float c = ldr__select(ldr__abs(x) > 16.0f, 16.0f, ldr__abs(x)), z = ldr__select(x != x, x, ldr__with_sign(c, x));    /* beyond, x^2 could overflow */
            float t = ldr__tanh(0.79788456f * (z + 0.044715f * z * z * z));
            return 0.5f * (1.0f + t) + 0.5f * z * (1.0f - t * t) * 0.79788456f * (1.0f + 0.134145f * z * z);
        }
        case LDR_RELU:      return ldr__select(x > 0, 1.0f, 0.0f);
        case LDR_SILU: {
            float s = ldr__sigmoid(x);
            return s + x * s * (1.0f - s);
        }
        default: {
            float t = ldr__tanh(x);
            return 1.0f - t * t;
        }
    }
}

/* One loop body for whole groups of lanes (constant trip count) and for the rest. */
#define LDR__LANE_LOOP(i, n, ...)                                                         \
    do {                                                                                  \
        size_t i##_full = (n) / LDR__LANES * LDR__LANES, i##_base, i;                     \
        int i##_lane;                                                                     \
        for (i##_base = 0; i##_base < i##_full; i##_base += LDR__LANES)                   \
            for (i##_lane = 0; i##_lane < LDR__LANES; i##_lane++) {                       \
                i = i##_base + (size_t)i##_lane;                                          \
                __VA_ARGS__;                                                              \
            }                                                                             \
        for (i = i##_full; i < (n); i++) { __VA_ARGS__; }                                 \
    } while (0)

/* A group of lanes to read: at p, or, where fewer are left, in `local` with `fill` behind them. */
LDR__INLINE const float *ldr__lanes_from(float *local, const float *p, size_t left, float fill) {
    size_t l;
    if (left >= LDR__LANES) return p;
    for (l = 0; l < LDR__LANES; l++) local[l] = l < left ? p[l] : fill;
    return local;
}

/* And to write: a whole group is a copy of constant size. */
LDR__INLINE void ldr__lanes_to(float *p, const float *lanes, size_t left) {
    if (left >= LDR__LANES) memcpy(p, lanes, LDR__LANES * sizeof(float));
    else memcpy(p, lanes, left * sizeof(float));
}

/* The row kernels: for each group of lanes, LDR__IN names what is read; results wait in a local array that cannot alias
   anything, so even a careful -O2 makes vectors of LDR__EACH; LDR__OUT stores them. */
#define LDR__GROUPS(n)               for (at = 0; at < (n); at += LDR__LANES)
#define LDR__IN(name, p, fill)       float name##_pad[LDR__LANES]; const float *name = ldr__lanes_from(name##_pad, (p) + at, count - at, fill)
#define LDR__EACH(...)               for (l = 0; l < LDR__LANES; l++) { __VA_ARGS__; }
#define LDR__OUT(p, lanes)           ldr__lanes_to((p) + at, lanes, count - at)

/* dst[i] = expr, a function of z = src[i] and w = other[i]; dst may be either. */
#define LDR__LANE_MAP(dst, src, other, n, expr)                                           \
    do {                                                                                  \
        const size_t count = (n);                                                         \
        size_t at;                                                                        \
        int l;                                                                            \
        LDR__GROUPS(count) {                                                              \
            float lanes_[LDR__LANES];                                                     \
            LDR__IN(src_, src, 0);                                                        \
            LDR__IN(other_, other, 0);                                                    \
            LDR__EACH(const float z = src_[l]; const float w = other_[l]; (void)w; lanes_[l] = (expr)) \
            LDR__OUT(dst, lanes_);                                                        \
        }                                                                                 \
    } while (0)

LDR__INLINE float ldr__lanes_sum(const float *lanes) {
    float half[LDR__LANES / 2];
    int l;
    for (l = 0; l < LDR__LANES / 2; l++) half[l] = lanes[l] + lanes[l + LDR__LANES / 2];
    for (l = 0; l < LDR__LANES / 4; l++) half[l] += half[l + LDR__LANES / 4];
    return (half[0] + half[2]) + (half[1] + half[3]);
}

LDR__INLINE float ldr__lanes_max(const float *lanes) {
    float half[LDR__LANES / 2], a, b;
    int l;
    for (l = 0; l < LDR__LANES / 2; l++) half[l] = ldr__select(lanes[l] < lanes[l + LDR__LANES / 2], lanes[l + LDR__LANES / 2], lanes[l]);
    for (l = 0; l < LDR__LANES / 4; l++) half[l] = ldr__select(half[l] < half[l + LDR__LANES / 4], half[l + LDR__LANES / 4], half[l]);
    a = half[0] < half[2] ? half[2] : half[0];
    b = half[1] < half[3] ? half[3] : half[1];
    return a < b ? b : a;
}

LDR__INLINE float ldr__exp_row_body(float *x, size_t count, float scale, float *peak) {
    float most[LDR__LANES], sums[LDR__LANES], m;
    size_t at;
    int l;
    for (l = 0; l < LDR__LANES; l++) most[l] = -FLT_MAX;
    LDR__GROUPS(count) {
        LDR__IN(v, x, x[at]);                                      /* filled with a value of the row */
        LDR__EACH(most[l] = ldr__select(most[l] < v[l] * scale, v[l] * scale, most[l]))
    }
    m = ldr__lanes_max(most);
    for (l = 0; l < LDR__LANES; l++) sums[l] = 0;
    LDR__GROUPS(count) {
        float e[LDR__LANES];
        LDR__IN(v, x, -FLT_MAX);                                   /* whose exp is 0                 */
        LDR__EACH(e[l] = ldr__exp(v[l] * scale - m); sums[l] += e[l])
        LDR__OUT(x, e);
    }
    *peak = m;
    return ldr__lanes_sum(sums);
}

LDR__INLINE void ldr__add_body(float *y, const float *x, size_t n) { LDR__LANE_MAP(y, y, x, n, z + w); }

/* Whether a number is dropped is a function of its row and column. */
LDR__INLINE float ldr__dropout_factor(uint32_t row, uint32_t column, uint32_t threshold, float scale) {
    uint32_t h = row ^ (column * 0x9e3779b9u);
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return (h ^ h >> 16) < threshold ? 0.0f : scale;
}

/* A row, or its columns from `first` on. */
LDR__INLINE void ldr__dropout_body(float *x, size_t n, uint32_t row, uint32_t first, uint32_t threshold, float scale) {
    LDR__LANE_MAP(x, x, x, n, z * ldr__dropout_factor(row, first + (uint32_t)at + (uint32_t)l, threshold, scale));
}

/* Softmax of queries side by side, as many as the narrowest panel has at a time: no sum or maximum goes across. */
enum { LDR__NARROW = 8 };

LDR__INLINE void ldr__softmax_dropout(float *s, size_t keys, size_t n, const ldr__softmax *q, size_t first) {
    size_t j, at;
    int l;
    for (j = 0; j < keys; j++)
        for (at = 0; at < n; at += LDR__NARROW) {
            float out[LDR__NARROW], *to = s + j * n + at;
            for (l = 0; l < LDR__NARROW; l++) out[l] = to[l] * ldr__dropout_factor(q->row[at + (size_t)l], (uint32_t)(first + j), q->threshold, q->kept);
            memcpy(to, out, sizeof out);
        }
}

LDR__INLINE void ldr__softmax_body(float *s, size_t keys, size_t n, ldr__softmax *q, size_t first) {
    const float scale = q->scale;
    size_t j, at;
    int l;
    for (at = 0; at < n; at += LDR__NARROW) {
        float peak[LDR__NARROW], sum[LDR__NARROW];
        for (l = 0; l < LDR__NARROW; l++) peak[l] = -FLT_MAX;
        for (j = 0; j < keys; j++) {
            const float *v = s + j * n + at;
            for (l = 0; l < LDR__NARROW; l++) peak[l] = ldr__select(peak[l] < v[l], v[l], peak[l]);
        }
        for (l = 0; l < LDR__NARROW; l++) {
            size_t i = at + (size_t)l;
            peak[l] = ldr__select(peak[l] * scale < q->peak[i], q->peak[i], peak[l] * scale);
            q->fix[i] = ldr__exp(q->peak[i] - peak[l]);
            q->peak[i] = peak[l];
            sum[l] = q->sum[i] * q->fix[i];
        }
        for (j = 0; j < keys; j++) {
            float out[LDR__NARROW], *v = s + j * n + at;
            for (l = 0; l < LDR__NARROW; l++) sum[l] += out[l] = ldr__exp(v[l] * scale - peak[l]);
            memcpy(v, out, sizeof out);
        }
        memcpy(q->sum + at, sum, sizeof sum);
    }
    if (q->threshold) ldr__softmax_dropout(s, keys, n, q, first);
}

LDR__INLINE void ldr__softmax_back_dropout(float *s, size_t queries, size_t n, const ldr__softmax_back *q, size_t first) {
    size_t i;
    for (i = 0; i < queries; i++) ldr__dropout_body(s + i * n, n, q->row[i], (uint32_t)first, q->threshold, q->kept);
}

LDR__INLINE void ldr__softmax_backward_body(float *s, float *e, size_t queries, size_t n, const ldr__softmax_back *q, size_t first) {
    const float scale = q->scale;
    size_t i, at;
    int l;
    if (q->threshold) ldr__softmax_back_dropout(e, queries, n, q, first);
    for (i = 0; i < queries; i++) {
        const float lse = q->lse[i], dot = q->dot[i];
        for (at = 0; at < n; at += LDR__NARROW) {
            float p[LDR__NARROW], g[LDR__NARROW], *v = s + i * n + at, *d = e + i * n + at;
            for (l = 0; l < LDR__NARROW; l++) {
                p[l] = ldr__exp(v[l] * scale - lse);
                g[l] = scale * p[l] * (d[l] - dot);
            }
            memcpy(v, p, sizeof p);
            memcpy(d, g, sizeof g);
        }
    }
    if (q->threshold) ldr__softmax_back_dropout(s, queries, n, q, first);
}

LDR__INLINE void ldr__norm_body(float *y, float *stats, const float *x, const float *g, const float *b, size_t count, int rms, float eps) {
    float lanes[LDR__LANES], mean = 0, rstd;
    size_t at;
    int l;
    if (!rms) {
        for (l = 0; l < LDR__LANES; l++) lanes[l] = 0;
        LDR__GROUPS(count) {
            LDR__IN(v, x, 0);
            LDR__EACH(lanes[l] += v[l])
        }
        mean = ldr__lanes_sum(lanes) / (float)count;
    }
    for (l = 0; l < LDR__LANES; l++) lanes[l] = 0;
    LDR__GROUPS(count) {
        LDR__IN(v, x, mean);
        LDR__EACH(lanes[l] += (v[l] - mean) * (v[l] - mean))
    }
    rstd = 1.0f / sqrtf(ldr__lanes_sum(lanes) / (float)count + eps);
    if (stats) {
        stats[0] = mean;
        stats[1] = rstd;
    }
    LDR__GROUPS(count) {
        float out[LDR__LANES];
        LDR__IN(v, x, 0);
        LDR__IN(scale, g, 0);
        if (b) {
            LDR__IN(shift, b, 0);
            LDR__EACH(out[l] = (v[l] - mean) * rstd * scale[l] + shift[l])
        } else LDR__EACH(out[l] = (v[l] - mean) * rstd * scale[l])
        LDR__OUT(y, out);
    }
}

LDR__INLINE void ldr__norm_backward_body(float *dx, int add, const float *dy, const float *x, const float *stats, const float *g, size_t count, int rms) {
    float sums[LDR__LANES], along[LDR__LANES], mean = stats[0], rstd = stats[1], a, c;
    size_t at;
    int l;
    for (l = 0; l < LDR__LANES; l++) sums[l] = along[l] = 0;
    LDR__GROUPS(count) {
        LDR__IN(v, x, 0);
        LDR__IN(d, dy, 0);
        LDR__IN(scale, g, 0);
        LDR__EACH(sums[l] += d[l] * scale[l]; along[l] += d[l] * scale[l] * (v[l] - mean) * rstd)
    }
    a = rms ? 0.0f : ldr__lanes_sum(sums) / (float)count;
    c = ldr__lanes_sum(along) / (float)count;
    LDR__GROUPS(count) {
        float out[LDR__LANES];
        LDR__IN(v, x, 0);
        LDR__IN(d, dy, 0);
        LDR__IN(scale, g, 0);
        LDR__EACH(out[l] = rstd * (d[l] * scale[l] - a - (v[l] - mean) * rstd * c))
        if (add) {
            LDR__IN(old, dx, 0);
            LDR__EACH(out[l] += old[l])
        }
        LDR__OUT(dx, out);
    }
}

/* Sums down up to 32 columns, in order of rows; expr is a function of row t and column j. */
#define LDR__DOWN_COLUMNS(sums, rows, columns, expr)                                      \
    do {                                                                                  \
        float sum_[32];                                                                   \
        size_t t, j;                                                                      \
        for (j = 0; j < 32; j++) sum_[j] = 0;                                             \
        if ((columns) == 32)                    /* a fixed count is what a compiler turns into vectors */ \
            for (t = 0; t < (rows); t++)                                                  \
                for (j = 0; j < 32; j++) sum_[j] += (expr);                               \
        else                                                                              \
            for (t = 0; t < (rows); t++)                                                  \
                for (j = 0; j < (columns); j++) sum_[j] += (expr);                        \
        for (j = 0; j < (columns); j++) (sums)[j] += sum_[j];                             \
    } while (0)

LDR__INLINE void ldr__columns_body(float *sums, const float *x, size_t ld, size_t rows, size_t columns) { LDR__DOWN_COLUMNS(sums, rows, columns, x[t * ld + j]); }
LDR__INLINE void ldr__norm_columns_body(float *dg, const float *dy, const float *x, const float *stats, size_t ld, size_t rows, size_t columns) {
    LDR__DOWN_COLUMNS(dg, rows, columns, dy[t * ld + j] * (x[t * ld + j] - stats[2 * t]) * stats[2 * t + 1]);
}
LDR__INLINE void ldr__mix_columns_body(float *sums, const float *du, const float *s, const float *m, size_t ld, size_t rows, size_t columns) {
    LDR__DOWN_COLUMNS(sums, rows, columns, du[t * ld + j] * (s[t * ld + j] - m[t * ld + j]));
}

LDR__INLINE void ldr__mix_body(float *out, const float *s, const float *m, const float *a, size_t count) {
    size_t at;
    int l;
    LDR__GROUPS(count) {
        float o[LDR__LANES];
        LDR__IN(u, s, 0);
        LDR__IN(v, m, 0);
        LDR__IN(gate, a, 0);
        LDR__EACH(o[l] = gate[l] * u[l] + (1.0f - gate[l]) * v[l])
        LDR__OUT(out, o);
    }
}

LDR__INLINE void ldr__mix_backward_body(float *dm, float *ds, const float *du, const float *a, size_t count) {
    size_t at;
    int l;
    LDR__GROUPS(count) {
        float to_m[LDR__LANES], to_s[LDR__LANES];
        LDR__IN(d, du, 0);
        LDR__IN(gate, a, 0);
        LDR__EACH(to_m[l] = (1.0f - gate[l]) * d[l]; to_s[l] = gate[l] * d[l])
        LDR__OUT(dm, to_m);
        LDR__OUT(ds, to_s);
    }
}

LDR__INLINE void ldr__activate_body(float *y, const float *x, size_t n, int32_t kind) {
    switch (kind) {                    /* one loop a kind: a branch inside would stop the vectoriser */
        case LDR_GELU:      LDR__LANE_MAP(y, x, x, n, ldr__activation(z, LDR_GELU)); break;
        case LDR_GELU_TANH: LDR__LANE_MAP(y, x, x, n, ldr__activation(z, LDR_GELU_TANH)); break;
        case LDR_RELU:      LDR__LANE_MAP(y, x, x, n, ldr__activation(z, LDR_RELU)); break;
        case LDR_SILU:      LDR__LANE_MAP(y, x, x, n, ldr__activation(z, LDR_SILU)); break;
        default:            LDR__LANE_MAP(y, x, x, n, ldr__activation(z, LDR_TANH)); break;
    }
}

LDR__INLINE void ldr__turn_body(float *dst, size_t ld, const float *src, size_t n, const float *by, size_t rows, size_t d, int add) {
    size_t i, c;
    for (i = 0; i < rows; i++, dst += ld) {
        const float *from = src + i;
        const float times = by ? by[i] : 1.0f;
        for (c = 0; c < d; c++, from += n) dst[c] = *from * times + (add ? dst[c] : 0.0f);
    }
}

LDR__INLINE double ldr__squares_body(const float *x, size_t count) {
    double lanes[LDR__LANES], sum = 0;
    size_t at;
    int l;
    for (l = 0; l < LDR__LANES; l++) lanes[l] = 0;
    LDR__GROUPS(count) {
        LDR__IN(v, x, 0);
        LDR__EACH(lanes[l] += (double)v[l] * (double)v[l])
    }
    for (l = 0; l < LDR__LANES; l++) sum += lanes[l];
    return sum;
}

/* f and f' share an erf, a tanh or a sigmoid, which the compiler finds once both are in one loop. */
#define LDR__ACTIVATE_BOTH(kind) LDR__GROUPS(count) {                                     \
        float f_[LDR__LANES], slope_[LDR__LANES];                                         \
        LDR__IN(v, x, 0);                                                                 \
        LDR__EACH(f_[l] = ldr__activation(v[l], kind); slope_[l] = ldr__activation_slope(v[l], kind)) \
        LDR__OUT(y, f_);                                                                  \
        LDR__OUT(x, slope_);                                                              \
    }

LDR__INLINE void ldr__activate_both_body(float *y, float *x, size_t count, int32_t kind) {
    size_t at;
    int l;
    switch (kind) {
        case LDR_GELU:      LDR__ACTIVATE_BOTH(LDR_GELU) break;
        case LDR_GELU_TANH: LDR__ACTIVATE_BOTH(LDR_GELU_TANH) break;
        case LDR_RELU:      LDR__ACTIVATE_BOTH(LDR_RELU) break;
        case LDR_SILU:      LDR__ACTIVATE_BOTH(LDR_SILU) break;
        default:            LDR__ACTIVATE_BOTH(LDR_TANH) break;
    }
}
#undef LDR__ACTIVATE_BOTH

LDR__INLINE void ldr__multiply_body(float *y, const float *x, size_t n) { LDR__LANE_MAP(y, y, x, n, z * w); }

/* Adam and AdamW (Kingma & Ba 2015, Loshchilov & Hutter 2019), one pass over memory.
   c = { beta1, beta2, lr/(1-beta1^t), 1/(1-beta2^t), eps, lr*decoupled decay, scale of g } */
LDR__INLINE void ldr__adam_body(float *w, float *m, float *v, const float *g, size_t n, const float *c) {
    const float b1 = c[0], b2 = c[1], rate = c[2], unbias = c[3], eps = c[4], decay = c[5], scale = c[6];
    LDR__LANE_LOOP(i, n, {
        float gi = g[i] * scale;
        float mi = b1 * m[i] + (1.0f - b1) * gi;
        float vi = b2 * v[i] + (1.0f - b2) * gi * gi;
        m[i] = mi;
        v[i] = vi;
        w[i] = w[i] - decay * w[i] - rate * mi / (sqrtf(vi * unbias) + eps);
    });
}

/* Infinity or NaN in x makes the scale NaN, so that it shows in every product. q may be x. */
LDR__INLINE void ldr__quantise_body(void *q, float *scale, const float *x, size_t n, size_t padded, size_t unit, int32_t excess) {
    float lanes[LDR__LANES], bad[LDR__LANES], v[LDR__LANES], m = 0, nothing = 0, inverse;
    int16_t wide[LDR__LANES];
    uint8_t narrow[LDR__LANES];
    unsigned char *to = (unsigned char *)q;
    size_t at, left;
    int l;
    for (l = 0; l < LDR__LANES; l++) lanes[l] = bad[l] = 0;
    for (at = 0, left = n; at < n; at += LDR__LANES, left -= LDR__LANES) {
        if (left < LDR__LANES) memset(v, 0, sizeof v);
        memcpy(v, x + at, LDR__MIN(left, (size_t)LDR__LANES) * sizeof(float));
        for (l = 0; l < LDR__LANES; l++) {
            float a = ldr__abs(v[l]);
            lanes[l] = ldr__select(lanes[l] < a, a, lanes[l]);
            bad[l] += v[l] * 0.0f;
        }
    }
    for (l = 0; l < LDR__LANES; l++) {
        m = lanes[l] > m ? lanes[l] : m;
        nothing += bad[l];
    }
    inverse = m > 1e-30f ? 127.0f / m : 0.0f;
    *scale = m / 127.0f + nothing;
    for (at = 0, left = n; at < padded; at += LDR__LANES) {
        size_t take = LDR__MIN(padded - at, (size_t)LDR__LANES), real = LDR__MIN(left, take);
        if (real < LDR__LANES) memset(v, 0, sizeof v);
        if (real) memcpy(v, x + at, real * sizeof(float));
        left -= real;
        for (l = 0; l < LDR__LANES; l++) {
            int32_t whole = (int32_t)(ldr__bits_from_float(v[l] * inverse + 12582912.0f) - 0x4b400000u);     /* 1.5 * 2^23 rounds */
            wide[l] = (int16_t)whole;
            narrow[l] = (uint8_t)(whole + excess);
        }
        if (unit == 2) memcpy(to + 2 * at, wide, take * 2);
        else memcpy(to + at, narrow, take);
    }
}

LDR__INLINE void ldr__widen_body(int16_t *dst, const int8_t *src, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) dst[i] = src[i];
}

static void ldr__to_float_portable(float *dst, const void *src, ldr_dtype dtype, size_t n) {
    const unsigned char *s = (const unsigned char *)src;
    size_t i = 0;
    int l;
    if (dtype == LDR_F32 && !LDR__BIG_ENDIAN) {
        memcpy(dst, src, n * sizeof(float));
        return;
    }
    if (dtype == LDR_BF16)
        for (; i + LDR__LANES <= n; i += LDR__LANES) {
            uint16_t h[LDR__LANES];
            float v[LDR__LANES];
            memcpy(h, s + 2 * i, sizeof h);
            for (l = 0; l < LDR__LANES; l++) v[l] = ldr__float_from_bits((uint32_t)ldr__little_u16(h[l]) << 16);
            memcpy(dst + i, v, sizeof v);
        }
    if (dtype == LDR_Q8_0)                             /* whole blocks: the scale is widened once */
        for (; i + LDR__QBLOCK <= n; i += LDR__QBLOCK, s += LDR__Q8_0_BYTES) {
            float d = ldr__half_to_float(ldr__load_u16(s));
            for (l = 0; l < LDR__QBLOCK; l++) dst[i + (size_t)l] = d * (float)((int32_t)(s[2 + l] ^ 128u) - 128);
        }
    if (dtype == LDR_Q4_0)
        for (; i + LDR__QBLOCK <= n; i += LDR__QBLOCK, s += LDR__Q4_0_BYTES) {
            float d = ldr__half_to_float(ldr__load_u16(s));
            for (l = 0; l < LDR__QBLOCK / 2; l++) {
                dst[i + (size_t)l] = d * (float)((int32_t)(s[2 + l] & 15u) - 8);
                dst[i + LDR__QBLOCK / 2 + (size_t)l] = d * (float)((int32_t)(s[2 + l] >> 4) - 8);
            }
        }
    for (; i < n; i++) dst[i] = ldr__load(src, dtype, i);
}

/* Rows that are kept: as floats, as bf16, or as int8 after their scale. A row of int8 that held an infinity or a NaN comes back as
   NaN throughout. Lanes go through arrays of their own, since bytes may be anybody's memory to a compiler. */
LDR__INLINE void ldr__pack_body(unsigned char *out, const float *x, size_t rows, size_t n, ldr_dtype type) {
    size_t r, all = rows * n;
    if (type == LDR_I8) {
        for (r = 0; r < rows; r++, out += n + 4) {
            float scale;
            ldr__quantise_body(out + 4, &scale, x + r * n, n, n, 4, 128);
            ldr__store_u32(out, ldr__bits_from_float(scale));
        }
    } else if (type == LDR_BF16) {
        for (r = 0; r < all; r += LDR__LANES) {
            float local[LDR__LANES];
            const float *v = ldr__lanes_from(local, x + r, all - r, 0);
            uint16_t h[LDR__LANES];
            int l;
            for (l = 0; l < LDR__LANES; l++) h[l] = ldr__little_u16((uint16_t)ldr__float_to_bf16(v[l]));
            if (all - r >= LDR__LANES) memcpy(out + 2 * r, h, sizeof h);
            else memcpy(out + 2 * r, h, 2 * (all - r));
        }
    } else if (!LDR__BIG_ENDIAN) memcpy(out, x, all * sizeof(float));
    else for (r = 0; r < all; r++) ldr__store_u32(out + 4 * r, ldr__bits_from_float(x[r]));
}

LDR__INLINE void ldr__unpack_int8_body(float *x, const unsigned char *in, size_t rows, size_t n) {
    size_t r, i;
    for (r = 0; r < rows; r++, in += n + 4) {
        float scale = ldr__float_from_bits(ldr__load_u32(in)), v[LDR__LANES];
        for (i = 0; i < n; i += LDR__LANES) {
            uint8_t q[LDR__LANES] = { 0 };
            int l;
            if (n - i >= LDR__LANES) memcpy(q, in + 4 + i, sizeof q);
            else memcpy(q, in + 4 + i, n - i);
            for (l = 0; l < LDR__LANES; l++) v[l] = scale * (float)((int)q[l] - 128);
            ldr__lanes_to(x + r * n + i, v, n - i);
        }
    }
}

LDR__INLINE void ldr__weave_body(float *dst, const float *src, size_t stride, size_t columns, size_t depth, size_t nr) {
    size_t p, j;
    for (p = 0; p < depth; p++)
        for (j = 0; j < nr; j++) dst[p * nr + j] = j < columns ? src[j * stride + p] : 0.0f;
}

static void ldr__weave_portable(float *dst, const float *src, size_t stride, size_t columns, size_t depth) { ldr__weave_body(dst, src, stride, columns, depth, 8); }

/* A set's loops over rows: those here are made by the compiler from their bodies; the others that it lists are by hand on x86. */
#define LDR__ROW_KERNELS(suffix, target)                                                                                                                   \
    target static void ldr__multiply_##suffix(float *y, const float *x, size_t n) { ldr__multiply_body(y, x, n); }                                          \
    target static void ldr__add_##suffix(float *y, const float *x, size_t n) { ldr__add_body(y, x, n); }                                                    \
    target static void ldr__dropout_##suffix(float *x, size_t n, uint32_t row, uint32_t threshold, float scale) { ldr__dropout_body(x, n, row, 0, threshold, scale); } \
    target static void ldr__norm_columns_##suffix(float *dg, const float *dy, const float *x, const float *stats, size_t ld, size_t rows, size_t columns) { ldr__norm_columns_body(dg, dy, x, stats, ld, rows, columns); } \
    target static void ldr__columns_##suffix(float *sums, const float *x, size_t ld, size_t rows, size_t columns) { ldr__columns_body(sums, x, ld, rows, columns); } \
    target static void ldr__mix_##suffix(float *out, const float *s, const float *m, const float *a, size_t n) { ldr__mix_body(out, s, m, a, n); }          \
    target static void ldr__mix_backward_##suffix(float *dm, float *ds, const float *du, const float *a, size_t n) { ldr__mix_backward_body(dm, ds, du, a, n); } \
    target static void ldr__mix_columns_##suffix(float *sums, const float *du, const float *s, const float *m, size_t ld, size_t rows, size_t columns) { ldr__mix_columns_body(sums, du, s, m, ld, rows, columns); } \
    target static double ldr__squares_##suffix(const float *x, size_t n) { return ldr__squares_body(x, n); }                                                \
    static const ldr__row_kernels ldr__row_kernels_##suffix = { ldr__exp_row_##suffix, ldr__softmax_##suffix, ldr__softmax_backward_##suffix, ldr__activate_##suffix, ldr__activate_both_##suffix,      \
        ldr__multiply_##suffix, ldr__add_##suffix, ldr__dropout_##suffix, ldr__norm_##suffix, ldr__norm_backward_##suffix, ldr__norm_columns_##suffix, ldr__columns_##suffix,      \
        ldr__mix_##suffix, ldr__mix_backward_##suffix, ldr__mix_columns_##suffix, ldr__squares_##suffix, ldr__pack_##suffix, ldr__unpack_int8_##suffix, ldr__turn_##suffix, ldr__adam_##suffix };

static void ldr__turn_portable(float *dst, size_t ld, const float *src, size_t n, const float *by, size_t rows, size_t d, int add) { ldr__turn_body(dst, ld, src, n, by, rows, d, add); }
static void ldr__adam_portable(float *w, float *m, float *v, const float *g, size_t n, const float *c) { ldr__adam_body(w, m, v, g, n, c); }
static float ldr__exp_row_portable(float *x, size_t n, float scale, float *peak) { return ldr__exp_row_body(x, n, scale, peak); }
static void ldr__softmax_portable(float *s, size_t keys, size_t n, ldr__softmax *q, size_t first) { ldr__softmax_body(s, keys, n, q, first); }
static void ldr__softmax_backward_portable(float *s, float *e, size_t queries, size_t n, const ldr__softmax_back *q, size_t first) { ldr__softmax_backward_body(s, e, queries, n, q, first); }
static void ldr__activate_portable(float *y, const float *x, size_t n, int32_t kind) { ldr__activate_body(y, x, n, kind); }
static void ldr__activate_both_portable(float *y, float *x, size_t n, int32_t kind) { ldr__activate_both_body(y, x, n, kind); }
static void ldr__norm_portable(float *y, float *stats, const float *x, const float *g, const float *b, size_t n, int rms, float eps) { ldr__norm_body(y, stats, x, g, b, n, rms, eps); }
static void ldr__norm_backward_portable(float *dx, int add, const float *dy, const float *x, const float *stats, const float *g, size_t n, int rms) { ldr__norm_backward_body(dx, add, dy, x, stats, g, n, rms); }
static void ldr__pack_portable(unsigned char *out, const float *x, size_t rows, size_t n, ldr_dtype type) { ldr__pack_body(out, x, rows, n, type); }
static void ldr__unpack_int8_portable(float *x, const unsigned char *in, size_t rows, size_t n) { ldr__unpack_int8_body(x, in, rows, n); }
LDR__ROW_KERNELS(portable, )
static void ldr__quantise_portable(void *q, float *scale, const float *x, size_t n, size_t padded) { ldr__quantise_body(q, scale, x, n, padded, 2, 0); }
static void ldr__widen_portable(int16_t *dst, const int8_t *src, size_t n) { ldr__widen_body(dst, src, n); }

/* The end of every integer tile: t holds mr x nr exact sums (below 2^24, so float holds them too). */
LDR__INLINE void ldr__tile_int8_store(float *c, size_t ldc, const int32_t *t, int32_t nr, int32_t m, int32_t n, const float *a_scale, const float *b_scale, const float *bias, int accumulate) {
    int32_t i, j;
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++) {
            float *at = c + (size_t)i * ldc + j;
            *at = (float)t[i * nr + j] * a_scale[i] * b_scale[j] + (accumulate ? *at : bias ? bias[j] : 0.0f);
        }
}

#define LDR__INT8_ARGUMENTS float *c, size_t ldc, const unsigned char *a, size_t rs, const unsigned char *b, size_t units, int32_t m, int32_t n, const float *a_scale, const float *b_scale, \
                            const int32_t *b_sum, const float *bias, int accumulate, uintptr_t ahead, size_t step

static void ldr__tile_int8_portable(LDR__INT8_ARGUMENTS) {
    enum { NR = 8 };
    const int16_t *w = (const int16_t *)(const void *)b;
    int32_t t[4 * NR], i, j;
    size_t p;
    (void)b_sum;
    (void)ahead;
    (void)step;
    for (i = 0; i < m * NR; i++) t[i] = 0;
    for (p = 0; p < units; p++, w += 2 * NR)
        for (i = 0; i < m; i++) {
            const int16_t *x = (const int16_t *)(const void *)(a + (size_t)i * rs) + 2 * p;
            for (j = 0; j < NR; j++) t[i * NR + j] += x[0] * w[2 * j] + x[1] * w[2 * j + 1];
        }
    ldr__tile_int8_store(c, ldc, t, NR, m, n, a_scale, b_scale, bias, accumulate);
}

/* The edge of a tile: t holds all mr x nr sums; the wanted ones go to c. A kernel that stores by other means must add
   the same way, so that a row or column at an edge gets the bits it would get inside. */
LDR__INLINE void ldr__tile_store(float *c, size_t ldc, const float *t, int32_t nr, int32_t m, int32_t n, const float *bias, int accumulate) {
    int32_t i, j;
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++) {
            float *at = c + (size_t)i * ldc + j;
            *at = t[i * nr + j] + (accumulate ? *at : bias ? bias[j] : 0.0f);
        }
}

/* Row i of a tile's a, or, where there are fewer, its last row once more. */
#define LDR__TILE_ROW(i) (a + (size_t)((i) < m ? (i) : m - 1) * rs)

static void ldr__tile_portable(float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step) {
    const float *a0 = a, *a1 = LDR__TILE_ROW(1), *a2 = LDR__TILE_ROW(2), *a3 = LDR__TILE_ROW(3);
    float t[4 * 8];
    size_t p;
    int j;
    for (j = 0; j < 32; j++) t[j] = 0;
    for (p = 0; p < k; p++, b += 8)
        for (j = 0; j < 8; j++) {
            t[j] += a0[p * cs] * b[j];
            t[8 + j] += a1[p * cs] * b[j];
            t[16 + j] += a2[p * cs] * b[j];
            t[24 + j] += a3[p * cs] * b[j];
        }
    ldr__tile_store(c, ldc, t, 8, m, n, bias, accumulate);
    (void)ahead;
    (void)step;
}

static const ldr__kernels ldr__kernels_portable = { "portable", 4, 8, ldr__tile_portable, ldr__to_float_portable, ldr__weave_portable,
    &ldr__row_kernels_portable, 2, 0, ldr__quantise_portable, ldr__widen_portable, ldr__tile_int8_portable, NULL, NULL };

/* The accumulators must stay in registers: every loop over them is unrolled by hand-written
   repetition, since gcc 12 spills an array of vectors as soon as one loop over it is rolled. */
#define LDR__R1(X)  X(0)
#define LDR__R2(X)  LDR__R1(X) X(1)
#define LDR__R3(X)  LDR__R2(X) X(2)
#define LDR__R4(X)  LDR__R3(X) X(3)
#define LDR__R5(X)  LDR__R4(X) X(4)
#define LDR__R6(X)  LDR__R5(X) X(5)
#define LDR__R7(X)  LDR__R6(X) X(6)
#define LDR__R8(X)  LDR__R7(X) X(7)
#define LDR__R9(X)  LDR__R8(X) X(8)
#define LDR__R10(X) LDR__R9(X) X(9)
#define LDR__R11(X) LDR__R10(X) X(10)
#define LDR__R12(X) LDR__R11(X) X(11)
#define LDR__R13(X) LDR__R12(X) X(12)
#define LDR__R14(X) LDR__R13(X) X(13)

#if LDR__NEON
/* 6 x 16: 24 accumulators, 4 of b and 1 of the 32 registers. */
static void ldr__tile_neon(float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step) {
    float t[6 * 16];
    size_t p;
#define LDR__ROW(i) const float *a##i = LDR__TILE_ROW(i); float32x4_t w##i = vdupq_n_f32(0), x##i = w##i, y##i = w##i, z##i = w##i;
    LDR__R6(LDR__ROW)
#undef LDR__ROW
    for (p = 0; p < k; p++, b += 16) {
        float32x4_t b0 = vld1q_f32(b), b1 = vld1q_f32(b + 4), b2 = vld1q_f32(b + 8), b3 = vld1q_f32(b + 12), v;
#define LDR__STEP(i) v = vld1q_dup_f32(a##i); a##i += cs; w##i = vfmaq_f32(w##i, v, b0); x##i = vfmaq_f32(x##i, v, b1); y##i = vfmaq_f32(y##i, v, b2); z##i = vfmaq_f32(z##i, v, b3);
        LDR__R6(LDR__STEP)
#undef LDR__STEP
    }
#define LDR__SPILL(i) vst1q_f32(t + 16 * i, w##i); vst1q_f32(t + 16 * i + 4, x##i); vst1q_f32(t + 16 * i + 8, y##i); vst1q_f32(t + 16 * i + 12, z##i);
    LDR__R6(LDR__SPILL)
#undef LDR__SPILL
    ldr__tile_store(c, ldc, t, 16, m, n, bias, accumulate);
    (void)ahead;
    (void)step;
}

/* The same of 8-bit products: two k of 16 bits at a time, or, where the processor has sdot, four of 8 bits. sdot is written out
   since older compilers hide its name unless all of a program is for such processors. */
#define LDR__ROW(i)   const unsigned char *a##i = LDR__TILE_ROW(i); int32x4_t w##i = vdupq_n_s32(0), x##i = w##i, y##i = w##i, z##i = w##i;
#define LDR__SPILL(i) vst1q_s32(t + 16 * i, w##i); vst1q_s32(t + 16 * i + 4, x##i); vst1q_s32(t + 16 * i + 8, y##i); vst1q_s32(t + 16 * i + 12, z##i);
#define LDR__PAIR(sum, half, of) sum = vmlal_s16(vmlal_s16(sum, half(of.val[0]), v0), half(of.val[1]), v1);
#define LDR__PAIRS(i) v0 = vld1_dup_s16((const int16_t *)(const void *)a##i); v1 = vld1_dup_s16((const int16_t *)(const void *)(a##i + 2)); a##i += 4; \
        LDR__PAIR(w##i, vget_low_s16, b0) LDR__PAIR(x##i, vget_high_s16, b0) LDR__PAIR(y##i, vget_low_s16, b1) LDR__PAIR(z##i, vget_high_s16, b1)
#define LDR__FOUR(sum, of) __asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(of), "w"(v));
#define LDR__FOURS(i) v = vld1q_dup_s32((const int32_t *)(const void *)a##i); a##i += 4; LDR__FOUR(w##i, b0) LDR__FOUR(x##i, b1) LDR__FOUR(y##i, b2) LDR__FOUR(z##i, b3)
#define LDR__TILE(name, target, ...)                                                                                    \
target static void name(LDR__INT8_ARGUMENTS) {                                                                          \
    int32_t t[6 * 16];                                                                                                  \
    LDR__R6(LDR__ROW)                                                                                                   \
    for (; units; units--, b += 64) { __VA_ARGS__ }                                                                     \
    LDR__R6(LDR__SPILL)                                                                                                 \
    ldr__tile_int8_store(c, ldc, t, 16, m, n, a_scale, b_scale, bias, accumulate);                                      \
    (void)b_sum;                                                                                                        \
    (void)ahead;                                                                                                        \
    (void)step;                                                                                                         \
}
LDR__TILE(ldr__tile_int8_neon, ,
        int16x8x2_t b0 = vld2q_s16((const int16_t *)(const void *)b), b1 = vld2q_s16((const int16_t *)(const void *)(b + 32));
        int16x4_t v0, v1;
        LDR__R6(LDR__PAIRS))
#if LDR__HAVE_SDOT
LDR__TILE(ldr__tile_int8_neondot, LDR__SDOT,
        int8x16_t b0 = vld1q_s8((const int8_t *)(const void *)b), b1 = vld1q_s8((const int8_t *)(const void *)(b + 16));
        int8x16_t b2 = vld1q_s8((const int8_t *)(const void *)(b + 32)), b3 = vld1q_s8((const int8_t *)(const void *)(b + 48));
        int32x4_t v;
        LDR__R6(LDR__FOURS))
static void ldr__quantise_neondot(void *q, float *scale, const float *x, size_t n, size_t padded) { ldr__quantise_body(q, scale, x, n, padded, 4, 0); }
#endif
#undef LDR__ROW
#undef LDR__SPILL
#undef LDR__PAIR
#undef LDR__PAIRS
#undef LDR__FOUR
#undef LDR__FOURS
#undef LDR__TILE

static void ldr__weave_neon(float *dst, const float *src, size_t stride, size_t columns, size_t depth) { ldr__weave_body(dst, src, stride, columns, depth, 16); }

static const ldr__kernels ldr__kernels_neon = { "neon", 6, 16, ldr__tile_neon, ldr__to_float_portable, ldr__weave_neon,
    &ldr__row_kernels_portable, 2, 0, ldr__quantise_portable, ldr__widen_portable, ldr__tile_int8_neon, NULL, NULL };
#if LDR__HAVE_SDOT
static const ldr__kernels ldr__kernels_neondot = { "neondot", 6, 16, ldr__tile_neon, ldr__to_float_portable, ldr__weave_neon,
    &ldr__row_kernels_portable, 4, 0, ldr__quantise_neondot, ldr__widen_portable, ldr__tile_int8_neondot, NULL, NULL };

static int ldr__arm_sdot(void) {
#ifdef __ARM_FEATURE_DOTPROD
    return 1;
#else
    return (getauxval(AT_HWCAP) & (1u << 20)) != 0;       /* HWCAP_ASIMDDP */
#endif
}
#endif
#endif

#if LDR__WASM
/* 4 x 8: engines on x86 have 16 registers for us, and a wider tile would spill. */
static void ldr__tile_wasm(float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step) {
    float t[4 * 8];
    size_t p;
#define LDR__ROW(i) const float *a##i = LDR__TILE_ROW(i); v128_t x##i = wasm_f32x4_splat(0), y##i = x##i;
    LDR__R4(LDR__ROW)
#undef LDR__ROW
    for (p = 0; p < k; p++, b += 8) {
        v128_t b0 = wasm_v128_load(b), b1 = wasm_v128_load(b + 4), v;
#define LDR__STEP(i) v = wasm_v128_load32_splat(a##i); a##i += cs; x##i = wasm_f32x4_add(x##i, wasm_f32x4_mul(v, b0)); y##i = wasm_f32x4_add(y##i, wasm_f32x4_mul(v, b1));
        LDR__R4(LDR__STEP)
#undef LDR__STEP
    }
    if (m == 4 && n == 8) {
        v128_t s0 = wasm_f32x4_splat(0), s1 = s0;
        if (!accumulate && bias) {
            s0 = wasm_v128_load(bias);
            s1 = wasm_v128_load(bias + 4);
        }
#define LDR__STORE(i) { float *at = c + i * ldc;                                                                        \
            wasm_v128_store(at, wasm_f32x4_add(x##i, accumulate ? wasm_v128_load(at) : s0));                            \
            wasm_v128_store(at + 4, wasm_f32x4_add(y##i, accumulate ? wasm_v128_load(at + 4) : s1)); }
        LDR__R4(LDR__STORE)
#undef LDR__STORE
        return;
    }
#define LDR__SPILL(i) wasm_v128_store(t + 8 * i, x##i); wasm_v128_store(t + 8 * i + 4, y##i);
    LDR__R4(LDR__SPILL)
#undef LDR__SPILL
    ldr__tile_store(c, ldc, t, 8, m, n, bias, accumulate);
    (void)ahead;
    (void)step;
}

/* 4 x 8, two k at a time. */
static void ldr__tile_int8_wasm(LDR__INT8_ARGUMENTS) {
    int32_t t[4 * 8];
    size_t p;
    (void)b_sum;
    (void)ahead;
    (void)step;
#define LDR__ROW(i) const unsigned char *a##i = LDR__TILE_ROW(i); v128_t x##i = wasm_i32x4_splat(0), y##i = x##i;
    LDR__R4(LDR__ROW)
#undef LDR__ROW
    for (p = 0; p < units; p++, b += 32) {
        v128_t b0 = wasm_v128_load(b), b1 = wasm_v128_load(b + 16), v;
#define LDR__STEP(i) v = wasm_v128_load32_splat(a##i + 4 * p); x##i = wasm_i32x4_add(x##i, wasm_i32x4_dot_i16x8(v, b0)); y##i = wasm_i32x4_add(y##i, wasm_i32x4_dot_i16x8(v, b1));
        LDR__R4(LDR__STEP)
#undef LDR__STEP
    }
#define LDR__SPILL(i) wasm_v128_store(t + 8 * i, x##i); wasm_v128_store(t + 8 * i + 4, y##i);
    LDR__R4(LDR__SPILL)
#undef LDR__SPILL
    ldr__tile_int8_store(c, ldc, t, 8, m, n, a_scale, b_scale, bias, accumulate);
}

static const ldr__kernels ldr__kernels_wasm = { "simd128", 4, 8, ldr__tile_wasm, ldr__to_float_portable, ldr__weave_portable,
    &ldr__row_kernels_portable, 2, 0, ldr__quantise_portable, ldr__widen_portable, ldr__tile_int8_wasm, NULL, NULL };
#endif

#if LDR__X86

#ifdef LADDER_IMMINTRIN            /* emulated: nothing may be compiled for an instruction set that is not there */
  #define LDR__AVX2
  #define LDR__AVX2_VNNI
  #define LDR__AVX512
  #define LDR__VNNI
#else
  #define LDR__AVX2   __attribute__((target("avx2,fma,f16c")))
  #define LDR__AVX2_VNNI __attribute__((target("avx2,fma,f16c,avxvnni")))
  #define LDR__AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))
  #define LDR__VNNI   __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")))
  #define LDR__BF16   __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c")))
#endif
/* 1: the compiler knows the bf16 product. */
#if !defined(LADDER_IMMINTRIN) && ((defined(__clang__) && __clang_major__ >= 9) || (!defined(__clang__) && __GNUC__ >= 10))
  #define LDR__HAVE_BF16 1
#else
  #define LDR__HAVE_BF16 0
#endif
/* 1: the compiler knows the 8-bit product that came to 256 bits without the rest of AVX-512. */
#if defined(LADDER_IMMINTRIN) || (defined(__clang__) && __clang_major__ >= 13) || (!defined(__clang__) && __GNUC__ >= 11)
  #define LDR__HAVE_VNNI256 1
#else
  #define LDR__HAVE_VNNI256 0
#endif

/* acc += v b with the sum left where it is. gcc 12 moves sums between registers and to the stack when it
   sees through a tile, a third of its speed; so it is shown single instructions in a fixed order. */
#ifdef LADDER_IMMINTRIN
  #define LDR__FMA256(acc, v, b) acc = _mm256_fmadd_ps(v, b, acc)
  #define LDR__FMA512(acc, v, b) acc = _mm512_fmadd_ps(v, b, acc)
  #define LDR__DOT256(acc, v, b) acc = _mm256_dpbusd_epi32(acc, v, b)
  #define LDR__DOT512(acc, v, b) acc = _mm512_dpbusd_epi32(acc, v, b)
  #define LDR__PIN(x, y) (void)0
  #define LDR__TO_STORE(at) (void)(at);
#else
  #define LDR__TO_STORE(at) __asm__ volatile("prefetchw %0" : : "m"(*(at)));
  #define LDR__DOT256(acc, v, b) acc = _mm256_dpbusd_avx_epi32(acc, v, b)
  #define LDR__DOT512(acc, v, b) __asm__ volatile("vpdpbusd {%2, %1, %0|%0, %1, %2}" : "+v"(acc) : "v"(v), "v"(b))
  #define LDR__PAIR512(acc, v, b) __asm__ volatile("vdpbf16ps {%2, %1, %0|%0, %1, %2}" : "+v"(acc) : "v"(v), "v"(b))
  #define LDR__FMA256(acc, v, b) __asm__ volatile("vfmadd231ps {%2, %1, %0|%0, %1, %2}" : "+x"(acc) : "x"(v), "x"(b))
  #define LDR__FMA512(acc, v, b) __asm__ volatile("vfmadd231ps {%2, %1, %0|%0, %1, %2}" : "+v"(acc) : "v"(v), "v"(b))
  #define LDR__PIN(x, y) __asm__ volatile("" : "+v"(x), "+v"(y))
#endif

/* The tiles are made once for each number of rows, so that the edge of a matrix costs what its rows cost. Row i is reached
   from every third one, whose pointers move down k: x86 adds a register times 1 or 2 to an address for nothing. */
#define LDR__AT(i) ((i) < 3 ? a : (i) < 6 ? a3 : (i) < 9 ? a6 : (i) < 12 ? a9 : a12)[(size_t)((i) % 3) * rs]
#define LDR__EVERY_THIRD(rows, type) \
    const type *a3 = (rows) > 3 ? a + 3 * rs : a, *a6 = (rows) > 6 ? a + 6 * rs : a, *a9 = (rows) > 9 ? a + 9 * rs : a, *a12 = (rows) > 12 ? a + 12 * rs : a; (void)a3; (void)a6; (void)a9; (void)a12
#define LDR__FIRST16(n) (__mmask16)((n) >= 16 ? 0xffffu : (1u << (n)) - 1u)
/* What a tile will store to comes near while it sums. Every processor with these registers has prefetchw. */
#define LDR__NEAR512(i) LDR__TO_STORE(c + i * ldc) LDR__TO_STORE(c + i * ldc + 16)
#define LDR__DOWN_BY(by) a += (by); a3 += (by); a6 += (by); a9 += (by); a12 += (by)
/* One line in two steps into the second-level cache: one a step keeps all buffers between the caches busy, and what the sums
   load waits. */
#define LDR__SOON _mm_prefetch((const char *)ahead, _MM_HINT_T1); ahead += step
#define LDR__TO_6(X)  X(1) X(2) X(3) X(4) X(5) X(6)
#define LDR__TO_14(X) LDR__TO_6(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define LDR__TILE_ARGUMENTS float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step

/* 6 x 16: 12 accumulators, 2 columns of b and 1 broadcast of the 16 ymm registers. Four k at a time: what a loop
   costs besides its sums counts where a core is shared. At an edge, only the n columns that are there are touched. */
#define LDR__ROW(i)  __m256 x##i = _mm256_setzero_ps(), y##i = x##i;
#define LDR__SUMS(i) v = _mm256_broadcast_ss(&LDR__AT(i)); LDR__FMA256(x##i, v, b0); LDR__FMA256(y##i, v, b1);
#define LDR__STEP(R) b0 = _mm256_loadu_ps(b); b1 = _mm256_loadu_ps(b + 8); R(LDR__SUMS) LDR__DOWN_BY(cs); b += 16;
#define LDR__STORE(i) { float *at = c + i * ldc;                                                                        \
        _mm256_storeu_ps(at, _mm256_add_ps(x##i, accumulate ? _mm256_loadu_ps(at) : s0));                               \
        _mm256_storeu_ps(at + 8, _mm256_add_ps(y##i, accumulate ? _mm256_loadu_ps(at + 8) : s1)); }
#define LDR__STORE_PART(i) { float *at = c + i * ldc;                                                                   \
        _mm256_maskstore_ps(at, low, _mm256_add_ps(x##i, accumulate ? _mm256_maskload_ps(at, low) : s0));               \
        if (n > 8) _mm256_maskstore_ps(at + 8, high, _mm256_add_ps(y##i, accumulate ? _mm256_maskload_ps(at + 8, high) : s1)); }
#define LDR__TILE_AVX2(rows)                                                                                            \
LDR__AVX2 static void ldr__tile_avx2_##rows(LDR__TILE_ARGUMENTS) {                                                      \
    __m256 b0, b1, v, s0 = _mm256_setzero_ps(), s1 = s0;                                                                \
    LDR__EVERY_THIRD(rows, float);                                                                                      \
    LDR__R##rows(LDR__ROW)                                                                                              \
    for (; k >= 4; k -= 4) { LDR__SOON; LDR__STEP(LDR__R##rows) LDR__STEP(LDR__R##rows) LDR__SOON; LDR__STEP(LDR__R##rows) LDR__STEP(LDR__R##rows) } \
    for (; k; k--) { LDR__STEP(LDR__R##rows) }                                                                          \
    if (n == 16) {                                                                                                      \
        if (!accumulate && bias) {                                                                                      \
            s0 = _mm256_loadu_ps(bias);                                                                                 \
            s1 = _mm256_loadu_ps(bias + 8);                                                                             \
        }                                                                                                               \
        LDR__R##rows(LDR__STORE)                                                                                        \
    } else {                                                                                                            \
        __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), low = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), place), high = _mm256_cmpgt_epi32(_mm256_set1_epi32(n - 8), place); \
        if (!accumulate && bias) {                                                                                      \
            s0 = _mm256_maskload_ps(bias, low);                                                                         \
            if (n > 8) s1 = _mm256_maskload_ps(bias + 8, high);                                                         \
        }                                                                                                               \
        LDR__R##rows(LDR__STORE_PART)                                                                                   \
    }                                                                                                                   \
}
LDR__TO_6(LDR__TILE_AVX2)
#undef LDR__ROW
#undef LDR__SUMS
#undef LDR__STEP
#undef LDR__STORE
#undef LDR__STORE_PART
#undef LDR__TILE_AVX2

static void ldr__tile_avx2(float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step) {
#define LDR__NAME(rows) ldr__tile_avx2_##rows,
    static void (*const tiles[6])(LDR__TILE_ARGUMENTS) = { LDR__TO_6(LDR__NAME) };
#undef LDR__NAME
    tiles[m - 1](c, ldc, a, rs, cs, b, k, n, bias, accumulate, ahead, step);
}

/* What the 14 x 32 tiles of every type share: the columns that are there, what c starts from, its store where columns are
   missing, and the walk down a panel of units of 4 bytes. */
#define LDR__COLUMNS512 __mmask16 low = LDR__FIRST16(n), high = LDR__FIRST16(n > 16 ? n - 16 : 0); __m512 s0 = _mm512_setzero_ps(), s1 = s0
#define LDR__START512   if (!accumulate && bias) { s0 = _mm512_maskz_loadu_ps(low, bias); s1 = _mm512_maskz_loadu_ps(high, bias + 16); }
#define LDR__STORE512(i) { float *at = c + i * ldc;                                                                     \
        _mm512_mask_storeu_ps(at, low, _mm512_add_ps(x##i, accumulate ? _mm512_maskz_loadu_ps(low, at) : s0));          \
        if (high) _mm512_mask_storeu_ps(at + 16, high, _mm512_add_ps(y##i, accumulate ? _mm512_maskz_loadu_ps(high, at + 16) : s1)); }
#define LDR__UNIT512(R, sums) b0 = _mm512_loadu_si512((const void *)b); b1 = _mm512_loadu_si512((const void *)(b + 64)); R(sums) LDR__DOWN_BY(4); b += 128;
#define LDR__WALK512(R, sums)                                                                                           \
    for (; units >= 2; units -= 2) { LDR__SOON; LDR__UNIT512(R, sums) LDR__UNIT512(R, sums) }                           \
    if (units) { LDR__UNIT512(R, sums) }

/* 14 x 32: 28 accumulators, 2 columns of b and 1 broadcast of the 32 zmm registers. */
#define LDR__ROW(i)  __m512 x##i = _mm512_setzero_ps(), y##i = x##i;
#define LDR__SUMS(i) v = _mm512_set1_ps(LDR__AT(i)); LDR__FMA512(x##i, v, b0); LDR__FMA512(y##i, v, b1);
#define LDR__STEP(R) b0 = _mm512_loadu_ps(b); b1 = _mm512_loadu_ps(b + 16); R(LDR__SUMS) LDR__DOWN_BY(cs); b += 32;
#define LDR__STORE(i) { float *at = c + i * ldc;                                                                        \
        _mm512_storeu_ps(at, _mm512_add_ps(x##i, accumulate ? _mm512_loadu_ps(at) : s0));                               \
        _mm512_storeu_ps(at + 16, _mm512_add_ps(y##i, accumulate ? _mm512_loadu_ps(at + 16) : s1)); }
#define LDR__TILE_AVX512(rows)                                                                                          \
LDR__AVX512 static void ldr__tile_avx512_##rows(LDR__TILE_ARGUMENTS) {                                                  \
    LDR__COLUMNS512;                                                                                                    \
    __m512 b0, b1, v;                                                                                                   \
    LDR__EVERY_THIRD(rows, float);                                                                                      \
    LDR__R##rows(LDR__ROW)                                                                                              \
    LDR__R##rows(LDR__NEAR512)                                                                                          \
    for (; k >= 2; k -= 2) { LDR__SOON; LDR__STEP(LDR__R##rows) LDR__STEP(LDR__R##rows) }                               \
    if (k) { LDR__STEP(LDR__R##rows) }                                                                                  \
    LDR__START512                                                                                                       \
    if (n == 32) { LDR__R##rows(LDR__STORE) }                                                                           \
    else { LDR__R##rows(LDR__STORE512) }                                                                                \
}
/* The same for up to 16 columns, as narrow heads have: half the work. */
#define LDR__ROW_16(i)   __m512 x##i = _mm512_setzero_ps();
#define LDR__SUMS_16(i)  v = _mm512_set1_ps(LDR__AT(i)); LDR__FMA512(x##i, v, b0);
#define LDR__STEP_16(R) b0 = _mm512_loadu_ps(b); R(LDR__SUMS_16) LDR__DOWN_BY(cs); b += 32;
#define LDR__STORE_16(i) { float *at = c + i * ldc; _mm512_mask_storeu_ps(at, low, _mm512_add_ps(x##i, accumulate ? _mm512_maskz_loadu_ps(low, at) : s0)); }
#define LDR__TILE_AVX512_16(rows)                                                                                       \
LDR__AVX512 static void ldr__tile_avx512_16_##rows(LDR__TILE_ARGUMENTS) {                                               \
    __mmask16 low = LDR__FIRST16(n);                                                                                    \
    __m512 b0, v, s0 = accumulate || !bias ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(low, bias);                    \
    LDR__EVERY_THIRD(rows, float);                                                                                      \
    LDR__R##rows(LDR__ROW_16)                                                                                           \
    for (; k >= 2; k -= 2) { LDR__SOON; LDR__STEP_16(LDR__R##rows) LDR__STEP_16(LDR__R##rows) }                         \
    if (k) { LDR__STEP_16(LDR__R##rows) }                                                                               \
    LDR__R##rows(LDR__STORE_16)                                                                                         \
}
LDR__TO_14(LDR__TILE_AVX512)
LDR__TO_14(LDR__TILE_AVX512_16)
#undef LDR__ROW_16
#undef LDR__SUMS_16
#undef LDR__STEP_16
#undef LDR__STORE_16
#undef LDR__TILE_AVX512_16
#undef LDR__ROW
#undef LDR__SUMS
#undef LDR__STEP
#undef LDR__STORE
#undef LDR__TILE_AVX512

static void ldr__tile_avx512(float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *b, size_t k, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step) {
#define LDR__NAME(rows) ldr__tile_avx512_##rows,
#define LDR__NAME_16(rows) ldr__tile_avx512_16_##rows,
    static void (*const tiles[2][14])(LDR__TILE_ARGUMENTS) = { { LDR__TO_14(LDR__NAME) }, { LDR__TO_14(LDR__NAME_16) } };
#undef LDR__NAME
#undef LDR__NAME_16
    tiles[n <= 16][m - 1](c, ldc, a, rs, cs, b, k, n, bias, accumulate, ahead, step);
}

/* 6 x 16, two k at a time: vpmaddwd multiplies 16-bit pairs and adds each pair. With VNNI four 8-bit k at a time, a as unsigned
   bytes 128 too large, for which sums begin as much too low. */
#define LDR__ROW(i)   __m256i x##i = start0, y##i = start1;
#define LDR__WORD(i)  v = _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)&LDR__AT(i)))
#define LDR__MADD(i)  LDR__WORD(i); x##i = _mm256_add_epi32(x##i, _mm256_madd_epi16(v, b0)); y##i = _mm256_add_epi32(y##i, _mm256_madd_epi16(v, b1)); LDR__PIN(x##i, y##i);
#define LDR__DOT(i)   LDR__WORD(i); LDR__DOT256(x##i, v, b0); LDR__DOT256(y##i, v, b1); LDR__PIN(x##i, y##i);
#define LDR__STEP(R, multiply) b0 = _mm256_loadu_si256((const __m256i *)(const void *)b); b1 = _mm256_loadu_si256((const __m256i *)(const void *)(b + 32)); R(multiply) LDR__DOWN_BY(4); b += 64;
#define LDR__SPILL(i) _mm256_storeu_si256((__m256i *)(void *)(t + i * 16), x##i); _mm256_storeu_si256((__m256i *)(void *)(t + i * 16 + 8), y##i);
#define LDR__TOO_MUCH(j) _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(b_sum + (j))), 7))
#define LDR__SUMS_ARGUMENTS int32_t *t, const unsigned char *a, size_t rs, const unsigned char *b, size_t units, const int32_t *b_sum, uintptr_t ahead, size_t step
#define LDR__TILE(name, target, multiply, correction, rows)                                                             \
target static void name##_##rows(LDR__SUMS_ARGUMENTS) {                                                                 \
    __m256i b0, b1, v, start0 = (correction) ? LDR__TOO_MUCH(0) : _mm256_setzero_si256(), start1 = (correction) ? LDR__TOO_MUCH(8) : start0; \
    LDR__EVERY_THIRD(rows, unsigned char);                                                                              \
    LDR__R##rows(LDR__ROW)                                                                                              \
    for (; units >= 4; units -= 4) {                                                                                    \
        LDR__SOON; LDR__STEP(LDR__R##rows, multiply) LDR__STEP(LDR__R##rows, multiply)                                  \
        LDR__SOON; LDR__STEP(LDR__R##rows, multiply) LDR__STEP(LDR__R##rows, multiply)                                  \
    }                                                                                                                   \
    for (; units; units--) { LDR__STEP(LDR__R##rows, multiply) }                                                        \
    LDR__R##rows(LDR__SPILL)                                                                                            \
    (void)b_sum;                                                                                                        \
}
#define LDR__PAIRS(rows) LDR__TILE(ldr__sums_int8_avx2, LDR__AVX2, LDR__MADD, 0, rows)
#define LDR__FOURS(rows) LDR__TILE(ldr__sums_int8_avx2vnni, LDR__AVX2_VNNI, LDR__DOT, 1, rows)
LDR__TO_6(LDR__PAIRS)
#if LDR__HAVE_VNNI256
LDR__TO_6(LDR__FOURS)
#endif
#undef LDR__ROW
#undef LDR__WORD
#undef LDR__MADD
#undef LDR__DOT
#undef LDR__STEP
#undef LDR__SPILL
#undef LDR__TOO_MUCH
#undef LDR__TILE
#undef LDR__PAIRS
#undef LDR__FOURS

LDR__AVX2 static void ldr__tile_int8_store_avx2(float *c, size_t ldc, const int32_t *t, int32_t m, int32_t n, const float *a_scale, const float *b_scale, const float *bias, int accumulate) {
    int32_t i;
    if (n < 16) {
        ldr__tile_int8_store(c, ldc, t, 16, m, n, a_scale, b_scale, bias, accumulate);
        return;
    }
    for (i = 0; i < m; i++) {
        float *at = c + (size_t)i * ldc;
        __m256 s = _mm256_set1_ps(a_scale[i]), old0 = _mm256_setzero_ps(), old1 = old0;
        __m256 v0 = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)(t + 16 * i))), v1 = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)(t + 16 * i + 8)));
        if (accumulate || bias) {
            old0 = _mm256_loadu_ps(accumulate ? at : bias);
            old1 = _mm256_loadu_ps(accumulate ? at + 8 : bias + 8);
        }
        _mm256_storeu_ps(at, _mm256_add_ps(_mm256_mul_ps(_mm256_mul_ps(v0, s), _mm256_loadu_ps(b_scale)), old0));
        _mm256_storeu_ps(at + 8, _mm256_add_ps(_mm256_mul_ps(_mm256_mul_ps(v1, s), _mm256_loadu_ps(b_scale + 8)), old1));
    }
}

#define LDR__TILE(set)                                                                                                  \
static void ldr__tile_int8_##set(LDR__INT8_ARGUMENTS) {                                                                 \
    static void (*const sums[6])(LDR__SUMS_ARGUMENTS) = { ldr__sums_int8_##set##_1, ldr__sums_int8_##set##_2, ldr__sums_int8_##set##_3, \
                                                          ldr__sums_int8_##set##_4, ldr__sums_int8_##set##_5, ldr__sums_int8_##set##_6 }; \
    int32_t t[6 * 16];                                                                                                  \
    sums[m - 1](t, a, rs, b, units, b_sum, ahead, step);                                                                \
    ldr__tile_int8_store_avx2(c, ldc, t, m, n, a_scale, b_scale, bias, accumulate);                                     \
}
LDR__TILE(avx2)
#if LDR__HAVE_VNNI256
LDR__TILE(avx2vnni)
#endif
#undef LDR__TILE
#undef LDR__SUMS_ARGUMENTS

/* 14 x 32, the same with wider registers; with VNNI four 8-bit k at a time, a as unsigned bytes 128 too large. The end is a
   multiply-add by name: a compiler that may fuse does so in tiles of some heights only, and rows would depend on their batch. */
#define LDR__ROW(i)   __m512i x##i = _mm512_setzero_si512(), y##i = x##i;
#define LDR__WORD(i)  memcpy(&word, &LDR__AT(i), 4); v = _mm512_set1_epi32(word)
#define LDR__MADD(i)  LDR__WORD(i); x##i = _mm512_add_epi32(x##i, _mm512_madd_epi16(v, b0)); y##i = _mm512_add_epi32(y##i, _mm512_madd_epi16(v, b1)); LDR__PIN(x##i, y##i);
#define LDR__DOT(i)   LDR__WORD(i); LDR__DOT512(x##i, v, b0); LDR__DOT512(y##i, v, b1);
#define LDR__STORE(i) {                                                                                                 \
        float *at = c + i * ldc;                                                                                        \
        __m512 s = _mm512_set1_ps(a_scale[i]), u = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(x##i, too_much0)), s);       \
        __m512 w = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(y##i, too_much1)), s);                             \
        _mm512_mask_storeu_ps(at, low, _mm512_fmadd_ps(u, scale0, accumulate ? _mm512_maskz_loadu_ps(low, at) : s0));   \
        if (high) _mm512_mask_storeu_ps(at + 16, high, _mm512_fmadd_ps(w, scale1, accumulate ? _mm512_maskz_loadu_ps(high, at + 16) : s1)); }
#define LDR__TILE(name, target, multiply, correction, rows)                                                             \
target static void name##_##rows(LDR__INT8_ARGUMENTS) {                                                                 \
    LDR__COLUMNS512;                                                                                                    \
    int32_t word;                                                                                                       \
    __m512i b0, b1, v, too_much0 = _mm512_setzero_si512(), too_much1 = too_much0;                                       \
    __m512 scale0 = _mm512_loadu_ps(b_scale), scale1 = _mm512_loadu_ps(b_scale + 16); \
    LDR__EVERY_THIRD(rows, unsigned char);                                                                              \
    LDR__R##rows(LDR__ROW)                                                                                              \
    LDR__R##rows(LDR__NEAR512)                                                                                          \
    LDR__WALK512(LDR__R##rows, multiply)                                                                                \
    if (correction) {                                                                                                   \
        too_much0 = _mm512_slli_epi32(_mm512_loadu_si512((const void *)b_sum), 7);                                      \
        too_much1 = _mm512_slli_epi32(_mm512_loadu_si512((const void *)(b_sum + 16)), 7);                               \
    }                                                                                                                   \
    LDR__START512                                                                                                       \
    (void)m;                                                                                                            \
    LDR__R##rows(LDR__STORE)                                                                                            \
}
#define LDR__PAIRS(rows) LDR__TILE(ldr__tile_int8_avx512, LDR__AVX512, LDR__MADD, 0, rows)
#define LDR__FOURS(rows) LDR__TILE(ldr__tile_int8_vnni, LDR__VNNI, LDR__DOT, 1, rows)
LDR__TO_14(LDR__PAIRS)
LDR__TO_14(LDR__FOURS)
#undef LDR__MADD
#undef LDR__DOT
#undef LDR__STORE
#undef LDR__TILE
#undef LDR__PAIRS
#undef LDR__FOURS
#undef LDR__ROW

static void ldr__tile_int8_avx512(LDR__INT8_ARGUMENTS) {
#define LDR__NAME(rows) ldr__tile_int8_avx512_##rows,
    static void (*const tiles[14])(LDR__INT8_ARGUMENTS) = { LDR__TO_14(LDR__NAME) };
#undef LDR__NAME
    tiles[m - 1](c, ldc, a, rs, b, units, m, n, a_scale, b_scale, b_sum, bias, accumulate, ahead, step);
}

static void ldr__tile_int8_vnni(LDR__INT8_ARGUMENTS) {
#define LDR__NAME(rows) ldr__tile_int8_vnni_##rows,
    static void (*const tiles[14])(LDR__INT8_ARGUMENTS) = { LDR__TO_14(LDR__NAME) };
#undef LDR__NAME
    tiles[m - 1](c, ldc, a, rs, b, units, m, n, a_scale, b_scale, b_sum, bias, accumulate, ahead, step);
}

#if LDR__HAVE_BF16
/* 14 x 32 of bf16, two k at a time. */
#define LDR__ROW(i)   __m512 x##i = _mm512_setzero_ps(), y##i = x##i;
#define LDR__SUMS(i)  LDR__WORD(i); LDR__PAIR512(x##i, v, b0); LDR__PAIR512(y##i, v, b1);
#define LDR__BF16_ARGUMENTS float *c, size_t ldc, const unsigned char *a, size_t rs, const unsigned char *b, size_t units, int32_t m, int32_t n, const float *bias, int accumulate, uintptr_t ahead, size_t step
#define LDR__TILE(rows)                                                                                                 \
LDR__BF16 static void ldr__tile_bf16_##rows(LDR__BF16_ARGUMENTS) {                                                      \
    LDR__COLUMNS512;                                                                                                    \
    int32_t word;                                                                                                       \
    __m512i b0, b1, v;                                                                                                  \
    LDR__EVERY_THIRD(rows, unsigned char);                                                                              \
    LDR__R##rows(LDR__ROW)                                                                                              \
    LDR__R##rows(LDR__NEAR512)                                                                                          \
    LDR__WALK512(LDR__R##rows, LDR__SUMS)                                                                               \
    LDR__START512                                                                                                       \
    (void)m;                                                                                                            \
    LDR__R##rows(LDR__STORE512)                                                                                          \
}
LDR__TO_14(LDR__TILE)
#undef LDR__TILE
#undef LDR__ROW
#undef LDR__SUMS

static void ldr__tile_bf16_avx512(LDR__BF16_ARGUMENTS) {
#define LDR__NAME(rows) ldr__tile_bf16_##rows,
    static void (*const tiles[14])(LDR__BF16_ARGUMENTS) = { LDR__TO_14(LDR__NAME) };
#undef LDR__NAME
    tiles[m - 1](c, ldc, a, rs, b, units, m, n, bias, accumulate, ahead, step);
}

/* The processor's own conversion, but for what it does to the smallest numbers, which it takes for zero. */
LDR__BF16 static void ldr__to_bf16_avx512(uint16_t *dst, const float *x, size_t n, size_t padded) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256bh h = _mm512_cvtneps_pbh(_mm512_loadu_ps(x + i));
        memcpy(dst + i, &h, 32);
    }
    for (; i < n; i++) dst[i] = (uint16_t)ldr__float_to_bf16(x[i]);
    for (; i < padded; i++) dst[i] = 0;
}
#endif
#undef LDR__WORD
#undef LDR__COLUMNS512
#undef LDR__START512
#undef LDR__STORE512
#undef LDR__WALK512

/* As ldr__quantise_body, sixteen at a time. */
LDR__AVX512 static void ldr__quantise_vnni(void *q, float *scale, const float *x, size_t n, size_t padded) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512 most = _mm512_setzero_ps(), bad = most, by;
    size_t i;
    float m;
    for (i = 0; i < n; i += 16) {
        __mmask16 here = LDR__FIRST16(n - i);
        __m512 v = _mm512_maskz_loadu_ps(here, x + i);
        most = _mm512_max_ps(_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), magnitude)), most);
        bad = _mm512_add_ps(bad, _mm512_mul_ps(v, _mm512_setzero_ps()));
    }
    m = _mm512_reduce_max_ps(most);
    *scale = m / 127.0f + _mm512_reduce_add_ps(bad);
    by = _mm512_set1_ps(m > 1e-30f ? 127.0f / m : 0.0f);
    for (i = 0; i < padded; i += 16) {
        size_t left = n > i ? n - i : 0;
        __mmask16 here = LDR__FIRST16(left), there = LDR__FIRST16(padded - i);
        __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(here, x + i), by));
        _mm512_mask_cvtepi32_storeu_epi8((unsigned char *)q + i, there, _mm512_add_epi32(whole, _mm512_set1_epi32(128)));
    }
}

/* x[i .. i+8), zeros from x[n] on. */
LDR__AVX2 static __m256 ldr__eight(const float *x, size_t i, size_t n) {
    if (i + 8 <= n) return _mm256_loadu_ps(x + i);
    return _mm256_maskload_ps(x + i, _mm256_cmpgt_epi32(_mm256_set1_epi32(i < n ? (int32_t)(n - i) : 0), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
}

/* As ldr__quantise_body, eight at a time. */
LDR__AVX2 static void ldr__quantise_256(void *q, float *scale, const float *x, size_t n, size_t padded, size_t unit) {
    const __m256 zero = _mm256_setzero_ps(), sign = _mm256_set1_ps(-0.0f);
    __m256 most = zero, bad = zero, by;
    float lanes[8], wrong[8];
    unsigned char *to = (unsigned char *)q;
    size_t i, width = 4 / unit;
    for (i = 0; i < n; i += 8) {
        __m256 v = ldr__eight(x, i, n);
        most = _mm256_max_ps(_mm256_andnot_ps(sign, v), most);
        bad = _mm256_add_ps(bad, _mm256_mul_ps(v, zero));
    }
    _mm256_storeu_ps(lanes, most);
    _mm256_storeu_ps(wrong, bad);
    for (i = 1; i < 8; i++) {
        lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
        wrong[0] += wrong[i];
    }
    *scale = lanes[0] / 127.0f + wrong[0];
    by = _mm256_set1_ps(lanes[0] > 1e-30f ? 127.0f / lanes[0] : 0.0f);
    for (i = 0; i < padded; i += 16) {
        __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(ldr__eight(x, i, n), by)), high = _mm256_cvtps_epi32(_mm256_mul_ps(ldr__eight(x, i + 8, n), by));
        __m256i all = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        unsigned char made[32];
        if (unit == 4) {
            all = _mm256_add_epi16(all, _mm256_set1_epi16(128));
            all = _mm256_permute4x64_epi64(_mm256_packus_epi16(all, all), 0xd8);
        }
        _mm256_storeu_si256((__m256i *)(void *)made, all);
        memcpy(to + i * width, made, LDR__MIN(padded - i, (size_t)16) * width);
    }
}
LDR__AVX2 static void ldr__quantise_avx2(void *q, float *scale, const float *x, size_t n, size_t padded) { ldr__quantise_256(q, scale, x, n, padded, 2); }
#if LDR__HAVE_VNNI256
LDR__AVX2 static void ldr__quantise_avx2vnni(void *q, float *scale, const float *x, size_t n, size_t padded) { ldr__quantise_256(q, scale, x, n, padded, 4); }
#endif

/* Rows that are kept as int8, as their bodies do; lanes of bytes are what -O2 makes no vectors of. */
LDR__AVX2 static void ldr__pack_avx2(unsigned char *out, const float *x, size_t rows, size_t n, ldr_dtype type) {
    if (type != LDR_I8) ldr__pack_body(out, x, rows, n, type);
    else for (; rows; rows--, x += n, out += n + 4) {
        float scale;
        ldr__quantise_256(out + 4, &scale, x, n, n, 4);
        ldr__store_u32(out, ldr__bits_from_float(scale));
    }
}
LDR__AVX512 static void ldr__pack_avx512(unsigned char *out, const float *x, size_t rows, size_t n, ldr_dtype type) {
    if (type != LDR_I8) ldr__pack_body(out, x, rows, n, type);
    else ldr__pack_avx2(out, x, rows, n, type);
}

LDR__AVX2 static void ldr__unpack_int8_avx2(float *x, const unsigned char *in, size_t rows, size_t n) {
    for (; rows; rows--, x += n, in += n + 4) {
        const float scale = ldr__float_from_bits(ldr__load_u32(in));
        const __m256 by = _mm256_set1_ps(scale);
        size_t i = 0;
        for (; i + 8 <= n; i += 8) {
            __m256i q = _mm256_sub_epi32(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(in + 4 + i))), _mm256_set1_epi32(128));
            _mm256_storeu_ps(x + i, _mm256_mul_ps(by, _mm256_cvtepi32_ps(q)));
        }
        for (; i < n; i++) x[i] = scale * (float)((int)in[4 + i] - 128);
    }
}
static void ldr__unpack_int8_avx512(float *x, const unsigned char *in, size_t rows, size_t n) { ldr__unpack_int8_avx2(x, in, rows, n); }

LDR__AVX2 static void ldr__to_float_avx2(float *dst, const void *src, ldr_dtype dtype, size_t n) {
    const unsigned char *s = (const unsigned char *)src;
    size_t i = 0;
    if (dtype == LDR_F32) {
        memcpy(dst, src, n * 4);
        return;
    }
    if (dtype == LDR_F16)
        for (; i + 8 <= n; i += 8) _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(s + 2 * i))));
    if (dtype == LDR_BF16)
        for (; i + 8 <= n; i += 8)
            _mm256_storeu_ps(dst + i, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(s + 2 * i))), 16)));
#define LDR__SCALE  __m256 d = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128((int)ldr__load_u16(s))))
#define LDR__EIGHT(at, bytes) _mm256_storeu_ps(dst + i + (at), _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))))
    if (dtype == LDR_Q8_0)
        for (; i + LDR__QBLOCK <= n; i += LDR__QBLOCK, s += LDR__Q8_0_BYTES) {
            __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(s + 2)), high = _mm_loadu_si128((const __m128i *)(const void *)(s + 18));
            LDR__SCALE;
            LDR__EIGHT(0, low);
            LDR__EIGHT(8, _mm_srli_si128(low, 8));
            LDR__EIGHT(16, high);
            LDR__EIGHT(24, _mm_srli_si128(high, 8));
        }
    if (dtype == LDR_Q4_0)
        for (; i + LDR__QBLOCK <= n; i += LDR__QBLOCK, s += LDR__Q4_0_BYTES) {
            __m128i both = _mm_loadu_si128((const __m128i *)(const void *)(s + 2)), fifteen = _mm_set1_epi8(15), eight = _mm_set1_epi8(8);
            __m128i low = _mm_sub_epi8(_mm_and_si128(both, fifteen), eight), high = _mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(both, 4), fifteen), eight);
            LDR__SCALE;
            LDR__EIGHT(0, low);
            LDR__EIGHT(8, _mm_srli_si128(low, 8));
            LDR__EIGHT(16, high);
            LDR__EIGHT(24, _mm_srli_si128(high, 8));
        }
#undef LDR__SCALE
#undef LDR__EIGHT
    for (; i < n; i++) dst[i] = ldr__load(src, dtype, i);
}

/* Columns 0 to 3 of eight rows of s. Each half of a register takes four numbers of one row; the rows of a register are four apart,
   so that after a 4 x 4 transposition inside the halves they stand in order. */
LDR__AVX2 LDR__INLINE void ldr__eight_by_four(__m256 *column, const float *s, size_t stride) {
#define LDR__ROWS(q) _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(s + (q) * stride)), _mm_loadu_ps(s + ((q) + 4) * stride), 1)
    __m256 a0 = LDR__ROWS(0), a1 = LDR__ROWS(1), a2 = LDR__ROWS(2), a3 = LDR__ROWS(3);
#undef LDR__ROWS
    __m256 b0 = _mm256_unpacklo_ps(a0, a1), b1 = _mm256_unpackhi_ps(a0, a1), b2 = _mm256_unpacklo_ps(a2, a3), b3 = _mm256_unpackhi_ps(a2, a3);
    column[0] = _mm256_shuffle_ps(b0, b2, 0x44);
    column[1] = _mm256_shuffle_ps(b0, b2, 0xee);
    column[2] = _mm256_shuffle_ps(b1, b3, 0x44);
    column[3] = _mm256_shuffle_ps(b1, b3, 0xee);
}

LDR__AVX2 static void ldr__weave_avx2(float *dst, const float *src, size_t stride, size_t columns, size_t depth) {
    size_t p = 0, j;
    if (columns == 16)
        for (; p + 4 <= depth; p += 4)
            for (j = 0; j < 16; j += 8) {
                float *d = dst + p * 16 + j;
                __m256 column[4];
                ldr__eight_by_four(column, src + j * stride + p, stride);
                _mm256_storeu_ps(d, column[0]);
                _mm256_storeu_ps(d + 16, column[1]);
                _mm256_storeu_ps(d + 32, column[2]);
                _mm256_storeu_ps(d + 48, column[3]);
            }
    ldr__weave_body(dst + p * 16, src + p, stride, columns, depth - p, 16);
}

LDR__AVX2 static void ldr__turn_avx2(float *dst, size_t ld, const float *src, size_t n, const float *by, size_t rows, size_t d, int add) {
    size_t i, c, l;
    for (i = 0; i + 4 <= rows; i += 4) {
        for (c = 0; c + 8 <= d; c += 8) {
            __m256 column[4];
            ldr__eight_by_four(column, src + c * n + i, n);
            for (l = 0; l < 4; l++) {
                float *to = dst + (i + l) * ld + c;
                if (by) column[l] = _mm256_mul_ps(column[l], _mm256_broadcast_ss(by + i + l));
                if (add) column[l] = _mm256_add_ps(column[l], _mm256_loadu_ps(to));
                _mm256_storeu_ps(to, column[l]);
            }
        }
        ldr__turn_body(dst + i * ld + c, ld, src + c * n + i, n, by ? by + i : NULL, 4, d - c, add);
    }
    ldr__turn_body(dst + i * ld, ld, src + i, n, by ? by + i : NULL, rows - i, d, add);
}

/* The same with quarters in place of halves. */
LDR__AVX512 static void ldr__weave_avx512(float *dst, const float *src, size_t stride, size_t columns, size_t depth) {
    size_t p = 0, j;
    if (columns == 32)
        for (; p + 4 <= depth; p += 4) {
            if (p % 16 == 0 && p + 64 <= depth)        /* more rows at once than a processor follows by itself */
                for (j = 0; j < 32; j++) _mm_prefetch((const char *)(src + j * stride + p + 48), _MM_HINT_T0);
            for (j = 0; j < 32; j += 16) {
                const float *s = src + j * stride + p;
                float *d = dst + p * 32 + j;
#define LDR__FOUR(r) _mm_loadu_ps(s + (r) * stride)
#define LDR__ROWS(q) _mm512_insertf32x4(_mm512_insertf32x4(_mm512_insertf32x4(_mm512_castps128_ps512(LDR__FOUR(q)), LDR__FOUR((q) + 4), 1), LDR__FOUR((q) + 8), 2), LDR__FOUR((q) + 12), 3)
                __m512 a0 = LDR__ROWS(0), a1 = LDR__ROWS(1), a2 = LDR__ROWS(2), a3 = LDR__ROWS(3);
#undef LDR__ROWS
#undef LDR__FOUR
                __m512 b0 = _mm512_unpacklo_ps(a0, a1), b1 = _mm512_unpackhi_ps(a0, a1), b2 = _mm512_unpacklo_ps(a2, a3), b3 = _mm512_unpackhi_ps(a2, a3);
                _mm512_storeu_ps(d, _mm512_shuffle_ps(b0, b2, 0x44));
                _mm512_storeu_ps(d + 32, _mm512_shuffle_ps(b0, b2, 0xee));
                _mm512_storeu_ps(d + 64, _mm512_shuffle_ps(b1, b3, 0x44));
                _mm512_storeu_ps(d + 96, _mm512_shuffle_ps(b1, b3, 0xee));
            }
        }
    ldr__weave_body(dst + p * 32, src + p, stride, columns, depth - p, 32);
}

LDR__AVX2 static void ldr__widen_avx2(int16_t *dst, const int8_t *src, size_t n) { ldr__widen_body(dst, src, n); }
LDR__AVX512 static void ldr__widen_avx512(int16_t *dst, const int8_t *src, size_t n) { ldr__widen_body(dst, src, n); }

/* ldr__adam_body by hand, because sqrtf may set errno and so stops the vectoriser. */
#define LDR__ADAM(suffix, target, vector, mm, lanes)                                                                    \
target static void ldr__adam_##suffix(float *w, float *m, float *v, const float *g, size_t n, const float *c) {         \
    const vector b1 = mm##_set1_ps(c[0]), b2 = mm##_set1_ps(c[1]), a1 = mm##_set1_ps(1.0f - c[0]), a2 = mm##_set1_ps(1.0f - c[1]), rate = mm##_set1_ps(c[2]);   \
    const vector unbias = mm##_set1_ps(c[3]), eps = mm##_set1_ps(c[4]), decay = mm##_set1_ps(c[5]), scale = mm##_set1_ps(c[6]);                                 \
    size_t i = 0;                                                                                                       \
    for (; i + (lanes) <= n; i += (lanes)) {                                                                            \
        vector gi = mm##_mul_ps(mm##_loadu_ps(g + i), scale), wi = mm##_loadu_ps(w + i);                                \
        vector mi = mm##_add_ps(mm##_mul_ps(b1, mm##_loadu_ps(m + i)), mm##_mul_ps(a1, gi));                            \
        vector vi = mm##_add_ps(mm##_mul_ps(b2, mm##_loadu_ps(v + i)), mm##_mul_ps(mm##_mul_ps(a2, gi), gi));           \
        vector by = mm##_div_ps(mm##_mul_ps(rate, mi), mm##_add_ps(mm##_sqrt_ps(mm##_mul_ps(vi, unbias)), eps));        \
        mm##_storeu_ps(m + i, mi);                                                                                      \
        mm##_storeu_ps(v + i, vi);                                                                                      \
        mm##_storeu_ps(w + i, mm##_sub_ps(mm##_sub_ps(wi, mm##_mul_ps(decay, wi)), by));                                \
    }                                                                                                                   \
    ldr__adam_body(w + i, m + i, v + i, g + i, n - i, c);                                                               \
}
LDR__ADAM(avx2, LDR__AVX2, __m256, _mm256, 8)
LDR__ADAM(avx512, LDR__AVX512, __m512, _mm512, 16)
#undef LDR__ADAM

/* exp(x) as ldr__exp, for x <= 88. NaN stays NaN. Both widths share its steps up to 2^n, which scalef puts on, down to 0, in one of them, and
   the exponent bits in the other. */
#define LDR__EXP_STEPS(vector, mm, least)                                                                               \
    const vector whole = mm##_set1_ps(12582912.0f);               /* 1.5 * 2^23: rounds to an integer */                \
    vector v = mm##_max_ps(mm##_set1_ps(least), x), shifted = mm##_fmadd_ps(v, mm##_set1_ps(1.44269504f), whole), n = mm##_sub_ps(shifted, whole); \
    vector r = mm##_fmadd_ps(n, mm##_set1_ps(2.12194440e-4f), mm##_fmadd_ps(n, mm##_set1_ps(-0.693359375f), v)), p = mm##_set1_ps(1.0f / 720.0f); \
    p = mm##_fmadd_ps(p, r, mm##_set1_ps(1.0f / 120.0f));                                                               \
    p = mm##_fmadd_ps(p, r, mm##_set1_ps(1.0f / 24.0f));                                                                \
    p = mm##_fmadd_ps(p, r, mm##_set1_ps(1.0f / 6.0f));                                                                 \
    p = mm##_fmadd_ps(p, r, mm##_set1_ps(0.5f));                                                                        \
    p = mm##_fmadd_ps(p, r, mm##_set1_ps(1.0f));                                                                        \
    p = mm##_fmadd_ps(p, r, mm##_set1_ps(1.0f));
LDR__AVX512 LDR__INLINE __m512 ldr__exp512(__m512 x) {
    LDR__EXP_STEPS(__m512, _mm512, -104.0f)
    return _mm512_scalef_ps(p, n);
}

LDR__AVX2 LDR__INLINE __m256 ldr__exp256(__m256 x) {
    LDR__EXP_STEPS(__m256, _mm256, -87.3f)
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23), _mm256_set1_epi32(0x3f800000))));
    return _mm256_and_ps(p, _mm256_cmp_ps(x, _mm256_set1_ps(-87.3f), _CMP_NLT_UQ));
}
#undef LDR__EXP_STEPS

LDR__AVX2 static float ldr__exp_row_avx2(float *x, size_t n, float scale, float *peak) { return ldr__exp_row_body(x, n, scale, peak); }
LDR__AVX512 static float ldr__exp_row_avx512(float *x, size_t n, float scale, float *peak) {
    const __m512 by = _mm512_set1_ps(scale), lowest = _mm512_set1_ps(-FLT_MAX);
    __m512 most = lowest, sum = _mm512_setzero_ps(), m;
    size_t i;
    for (i = 0; i < n; i += 16) {
        __mmask16 here = LDR__FIRST16(n - i);
        most = _mm512_mask_max_ps(most, here, most, _mm512_mul_ps(_mm512_maskz_loadu_ps(here, x + i), by));
    }
    *peak = _mm512_reduce_max_ps(most);
    m = _mm512_set1_ps(*peak);
    for (i = 0; i < n; i += 16) {
        __mmask16 here = LDR__FIRST16(n - i);
        __m512 e = _mm512_maskz_mov_ps(here, ldr__exp512(_mm512_fmsub_ps(_mm512_maskz_loadu_ps(here, x + i), by, m)));
        _mm512_mask_storeu_ps(x + i, here, e);
        sum = _mm512_add_ps(sum, e);
    }
    return _mm512_reduce_add_ps(sum);
}

/* ldr__softmax_body and its way back, in registers; n is twice the lanes, a panel's width. */
#define LDR__SOFTMAX(suffix, target, vector, mm, exp, lanes)                                                            \
target static void ldr__softmax_##suffix(float *s, size_t keys, size_t n, ldr__softmax *q, size_t first) {              \
    const vector by = mm##_set1_ps(q->scale), old0 = mm##_loadu_ps(q->peak), old1 = mm##_loadu_ps(q->peak + (lanes));   \
    vector m0 = mm##_set1_ps(-FLT_MAX), m1 = m0, fix0, fix1, sum0, sum1;                                                \
    float *v;                                                                                                           \
    for (v = s; v < s + keys * n; v += 2 * (lanes)) {                                                                   \
        m0 = mm##_max_ps(m0, mm##_loadu_ps(v));                                                                         \
        m1 = mm##_max_ps(m1, mm##_loadu_ps(v + (lanes)));                                                               \
    }                                                                                                                   \
    m0 = mm##_max_ps(old0, mm##_mul_ps(m0, by));                                                                        \
    m1 = mm##_max_ps(old1, mm##_mul_ps(m1, by));                                                                        \
    fix0 = exp(mm##_sub_ps(old0, m0));                                                                                  \
    fix1 = exp(mm##_sub_ps(old1, m1));                                                                                  \
    sum0 = mm##_mul_ps(mm##_loadu_ps(q->sum), fix0);                                                                    \
    sum1 = mm##_mul_ps(mm##_loadu_ps(q->sum + (lanes)), fix1);                                                          \
    for (v = s; v < s + keys * n; v += 2 * (lanes)) {                                                                   \
        vector e0 = exp(mm##_fmsub_ps(mm##_loadu_ps(v), by, m0)), e1 = exp(mm##_fmsub_ps(mm##_loadu_ps(v + (lanes)), by, m1)); \
        mm##_storeu_ps(v, e0);                                                                                          \
        mm##_storeu_ps(v + (lanes), e1);                                                                                \
        sum0 = mm##_add_ps(sum0, e0);                                                                                   \
        sum1 = mm##_add_ps(sum1, e1);                                                                                   \
    }                                                                                                                   \
    mm##_storeu_ps(q->peak, m0);                                                                                        \
    mm##_storeu_ps(q->peak + (lanes), m1);                                                                              \
    mm##_storeu_ps(q->fix, fix0);                                                                                       \
    mm##_storeu_ps(q->fix + (lanes), fix1);                                                                             \
    mm##_storeu_ps(q->sum, sum0);                                                                                       \
    mm##_storeu_ps(q->sum + (lanes), sum1);                                                                             \
    if (q->threshold) ldr__softmax_dropout(s, keys, n, q, first);                                                       \
}                                                                                                                       \
target static void ldr__softmax_backward_##suffix(float *s, float *e, size_t queries, size_t n, const ldr__softmax_back *q, size_t first) { \
    const vector by = mm##_set1_ps(q->scale);                                                                           \
    size_t i, at;                                                                                                       \
    if (q->threshold) ldr__softmax_back_dropout(e, queries, n, q, first);                                               \
    for (i = 0; i < queries; i++) {                                                                                     \
        const vector lse = mm##_set1_ps(q->lse[i]), dot = mm##_set1_ps(q->dot[i]);                                      \
        for (at = i * n; at < (i + 1) * n; at += (lanes)) {                                                             \
            vector p = exp(mm##_fmsub_ps(mm##_loadu_ps(s + at), by, lse));                                              \
            mm##_storeu_ps(s + at, p);                                                                                  \
            mm##_storeu_ps(e + at, mm##_mul_ps(mm##_mul_ps(by, p), mm##_sub_ps(mm##_loadu_ps(e + at), dot)));           \
        }                                                                                                               \
    }                                                                                                                   \
    if (q->threshold) ldr__softmax_back_dropout(s, queries, n, q, first);                                               \
}
LDR__SOFTMAX(avx2, LDR__AVX2, __m256, _mm256, ldr__exp256, 8)
LDR__SOFTMAX(avx512, LDR__AVX512, __m512, _mm512, ldr__exp512, 16)
#undef LDR__SOFTMAX

/* The activation of most backbones, by hand: a minimum is one operation here and a choice of bits elsewhere. erf as ldr__erf; beyond 3.84
   what is left over brings it to 1. */
#define LDR__GELU(suffix, target, vector, mm, exp, lanes)                                                               \
target LDR__INLINE vector ldr__erf_##suffix(vector x) {                                                                 \
    const vector sign = mm##_set1_ps(-0.0f), one = mm##_set1_ps(1.0f), end = mm##_set1_ps(3.84f);                       \
    vector a = mm##_andnot_ps(sign, x), z = mm##_min_ps(end, a), s = mm##_mul_ps(z, z);                                 \
    vector beyond = mm##_max_ps(mm##_setzero_ps(), mm##_sub_ps(a, end)), p = mm##_set1_ps(2.11674806e-6f), q = mm##_set1_ps(3.88267069e-5f); \
    p = mm##_fmadd_ps(p, s, mm##_set1_ps(2.85826172e-4f));                                                              \
    p = mm##_fmadd_ps(p, s, mm##_set1_ps(3.66179372e-3f));                                                              \
    p = mm##_fmadd_ps(p, s, mm##_set1_ps(5.2444607e-2f));                                                               \
    p = mm##_fmadd_ps(p, s, mm##_set1_ps(1.87560174e-1f));                                                              \
    p = mm##_fmadd_ps(p, s, mm##_set1_ps(1.12837915f));                                                                 \
    q = mm##_fmadd_ps(q, s, mm##_set1_ps(1.14332293e-3f));                                                              \
    q = mm##_fmadd_ps(q, s, mm##_set1_ps(1.47605859e-2f));                                                              \
    q = mm##_fmadd_ps(q, s, mm##_set1_ps(1.12998067e-1f));                                                              \
    q = mm##_fmadd_ps(q, s, mm##_set1_ps(4.99553768e-1f));                                                              \
    q = mm##_fmadd_ps(q, s, one);                                                                                       \
    p = mm##_fmadd_ps(beyond, mm##_set1_ps(1e9f), mm##_div_ps(mm##_mul_ps(z, p), q));                                   \
    return mm##_or_ps(mm##_min_ps(one, p), mm##_and_ps(sign, x));                                                       \
}                                                                                                                       \
target static void ldr__activate_##suffix(float *y, const float *x, size_t n, int32_t kind) {                           \
    size_t i = 0;                                                                                                       \
    for (; kind == LDR_GELU && i + (lanes) <= n; i += (lanes)) {                                                        \
        vector v = mm##_loadu_ps(x + i), half = mm##_mul_ps(v, mm##_set1_ps(0.5f));                                     \
        mm##_storeu_ps(y + i, mm##_fmadd_ps(half, ldr__erf_##suffix(mm##_mul_ps(v, mm##_set1_ps(0.70710678f))), half)); \
    }                                                                                                                   \
    ldr__activate_body(y + i, x + i, n - i, kind);                                                                      \
}                                                                                                                       \
target static void ldr__activate_both_##suffix(float *y, float *x, size_t n, int32_t kind) {                            \
    const vector half = mm##_set1_ps(0.5f);                                                                             \
    size_t i = 0;                                                                                                       \
    for (; kind == LDR_GELU && i + (lanes) <= n; i += (lanes)) {                                                        \
        vector v = mm##_loadu_ps(x + i), e = exp(mm##_mul_ps(mm##_mul_ps(v, mm##_set1_ps(-0.5f)), v));                  \
        vector phi = mm##_fmadd_ps(half, ldr__erf_##suffix(mm##_mul_ps(v, mm##_set1_ps(0.70710678f))), half);           \
        mm##_storeu_ps(y + i, mm##_mul_ps(v, phi));                                                                     \
        mm##_storeu_ps(x + i, mm##_fmadd_ps(mm##_mul_ps(v, mm##_set1_ps(0.39894228f)), e, phi));                        \
    }                                                                                                                   \
    ldr__activate_both_body(y + i, x + i, n - i, kind);                                                                 \
}
LDR__GELU(avx2, LDR__AVX2, __m256, _mm256, ldr__exp256, 8)
LDR__GELU(avx512, LDR__AVX512, __m512, _mm512, ldr__exp512, 16)
#undef LDR__GELU

LDR__AVX2 LDR__INLINE float ldr__sum256(__m256 a, __m256 b) {
    float lanes[16];
    _mm256_storeu_ps(lanes, a);
    _mm256_storeu_ps(lanes + 8, b);
    return ldr__lanes_sum(lanes);
}

LDR__AVX512 LDR__INLINE float ldr__sum512(__m512 a, __m512 b) {
    float lanes[16];
    _mm512_storeu_ps(lanes, _mm512_add_ps(a, b));
    return ldr__lanes_sum(lanes);
}
LDR__STATIC_ASSERT(lanes_are_sixteen, LDR__LANES == 16);

/* ldr__norm_body and its way back, for whole pairs of vectors: two sums side by side, in registers, where a body's array waits for memory. */
#define LDR__NORM(suffix, target, vector, mm, total, lanes)                                                             \
target static void ldr__norm_##suffix(float *y, float *stats, const float *x, const float *g, const float *b, size_t n, int rms, float eps) { \
    vector m = mm##_setzero_ps(), by, s0 = m, s1 = m;                                                                   \
    float mean = 0, rstd;                                                                                               \
    size_t i;                                                                                                           \
    if (n % (2 * (lanes))) {                                                                                            \
        ldr__norm_body(y, stats, x, g, b, n, rms, eps);                                                                 \
        return;                                                                                                         \
    }                                                                                                                   \
    for (i = 0; !rms && i < n; i += 2 * (lanes)) {                                                                      \
        s0 = mm##_add_ps(s0, mm##_loadu_ps(x + i));                                                                     \
        s1 = mm##_add_ps(s1, mm##_loadu_ps(x + i + (lanes)));                                                           \
    }                                                                                                                   \
    if (!rms) mean = total(s0, s1) / (float)n;                                                                          \
    m = mm##_set1_ps(mean);                                                                                             \
    s0 = s1 = mm##_setzero_ps();                                                                                        \
    for (i = 0; i < n; i += 2 * (lanes)) {                                                                              \
        vector d0 = mm##_sub_ps(mm##_loadu_ps(x + i), m), d1 = mm##_sub_ps(mm##_loadu_ps(x + i + (lanes)), m);          \
        s0 = mm##_fmadd_ps(d0, d0, s0);                                                                                 \
        s1 = mm##_fmadd_ps(d1, d1, s1);                                                                                 \
    }                                                                                                                   \
    rstd = 1.0f / sqrtf(total(s0, s1) / (float)n + eps);                                                                \
    if (stats) {                                                                                                        \
        stats[0] = mean;                                                                                                \
        stats[1] = rstd;                                                                                                \
    }                                                                                                                   \
    by = mm##_set1_ps(rstd);                                                                                            \
    for (i = 0; i < n; i += (lanes)) {                                                                                  \
        vector v = mm##_mul_ps(mm##_mul_ps(mm##_sub_ps(mm##_loadu_ps(x + i), m), by), mm##_loadu_ps(g + i));            \
        mm##_storeu_ps(y + i, b ? mm##_add_ps(v, mm##_loadu_ps(b + i)) : v);                                            \
    }                                                                                                                   \
}                                                                                                                       \
target static void ldr__norm_backward_##suffix(float *dx, int add, const float *dy, const float *x, const float *stats, const float *g, size_t n, int rms) { \
    const vector m = mm##_set1_ps(stats[0]), by = mm##_set1_ps(stats[1]);                                               \
    vector s0 = mm##_setzero_ps(), s1 = s0, t0 = s0, t1 = s0, a, c;                                                     \
    size_t i;                                                                                                           \
    if (n % (2 * (lanes))) {                                                                                            \
        ldr__norm_backward_body(dx, add, dy, x, stats, g, n, rms);                                                      \
        return;                                                                                                         \
    }                                                                                                                   \
    for (i = 0; i < n; i += 2 * (lanes)) {                                                                              \
        vector e0 = mm##_mul_ps(mm##_loadu_ps(dy + i), mm##_loadu_ps(g + i)), e1 = mm##_mul_ps(mm##_loadu_ps(dy + i + (lanes)), mm##_loadu_ps(g + i + (lanes))); \
        s0 = mm##_add_ps(s0, e0);                                                                                       \
        s1 = mm##_add_ps(s1, e1);                                                                                       \
        t0 = mm##_fmadd_ps(e0, mm##_mul_ps(mm##_sub_ps(mm##_loadu_ps(x + i), m), by), t0);                              \
        t1 = mm##_fmadd_ps(e1, mm##_mul_ps(mm##_sub_ps(mm##_loadu_ps(x + i + (lanes)), m), by), t1);                    \
    }                                                                                                                   \
    a = mm##_set1_ps(rms ? 0.0f : total(s0, s1) / (float)n);                                                            \
    c = mm##_set1_ps(total(t0, t1) / (float)n);                                                                         \
    for (i = 0; i < n; i += (lanes)) {                                                                                  \
        vector e = mm##_mul_ps(mm##_loadu_ps(dy + i), mm##_loadu_ps(g + i)), xhat = mm##_mul_ps(mm##_sub_ps(mm##_loadu_ps(x + i), m), by); \
        vector d = mm##_mul_ps(by, mm##_sub_ps(mm##_sub_ps(e, a), mm##_mul_ps(xhat, c)));                               \
        mm##_storeu_ps(dx + i, add ? mm##_add_ps(d, mm##_loadu_ps(dx + i)) : d);                                        \
    }                                                                                                                   \
}
LDR__NORM(avx2, LDR__AVX2, __m256, _mm256, ldr__sum256, 8)
LDR__NORM(avx512, LDR__AVX512, __m512, _mm512, ldr__sum512, 16)
#undef LDR__NORM

static void ldr__turn_avx512(float *dst, size_t ld, const float *src, size_t n, const float *by, size_t rows, size_t d, int add) { ldr__turn_avx2(dst, ld, src, n, by, rows, d, add); }
LDR__ROW_KERNELS(avx2, LDR__AVX2)
LDR__ROW_KERNELS(avx512, LDR__AVX512)

static const ldr__kernels ldr__kernels_avx2 = { "avx2", 6, 16, ldr__tile_avx2, ldr__to_float_avx2, ldr__weave_avx2,
    &ldr__row_kernels_avx2, 2, 0, ldr__quantise_avx2, ldr__widen_avx2, ldr__tile_int8_avx2, NULL, NULL };
#if LDR__HAVE_VNNI256
static const ldr__kernels ldr__kernels_avx2vnni = { "avx2vnni", 6, 16, ldr__tile_avx2, ldr__to_float_avx2, ldr__weave_avx2,
    &ldr__row_kernels_avx2, 4, 128, ldr__quantise_avx2vnni, ldr__widen_avx2, ldr__tile_int8_avx2vnni, NULL, NULL };
#endif
static const ldr__kernels ldr__kernels_avx512 = { "avx512", 14, 32, ldr__tile_avx512, ldr__to_float_avx2, ldr__weave_avx512,
    &ldr__row_kernels_avx512, 2, 0, ldr__quantise_avx2, ldr__widen_avx512, ldr__tile_int8_avx512, NULL, NULL };
static const ldr__kernels ldr__kernels_vnni = { "avx512vnni", 14, 32, ldr__tile_avx512, ldr__to_float_avx2, ldr__weave_avx512,
    &ldr__row_kernels_avx512, 4, 128, ldr__quantise_vnni, ldr__widen_avx512, ldr__tile_int8_vnni, NULL, NULL };
#if LDR__HAVE_BF16
static const ldr__kernels ldr__kernels_bf16 = { "avx512bf16", 14, 32, ldr__tile_avx512, ldr__to_float_avx2, ldr__weave_avx512,
    &ldr__row_kernels_avx512, 4, 128, ldr__quantise_vnni, ldr__widen_avx512, ldr__tile_int8_vnni, ldr__to_bf16_avx512, ldr__tile_bf16_avx512 };
#endif

/* The processor has the 8-bit product of 256 bits; those with AVX-512 need not. */
static int ldr__x86_vnni256(void) {
    unsigned a, b, c, d;
    return LDR__HAVE_VNNI256 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 4));
}

/* The widest set that the processor and the operating system offer. */
static ldr_simd ldr__x86_widest(void) {
    const unsigned wide = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;                 /* AVX-512 F, DQ, BW, VL */
    unsigned a, b, c, d, low, high, more;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return LDR_SIMD_PORTABLE;
    if (!(c & (1u << 27)) || !(c & (1u << 12)) || !(c & (1u << 29))) return LDR_SIMD_PORTABLE;      /* OSXSAVE, FMA, F16C */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    (void)high;
    if ((low & 6u) != 6u) return LDR_SIMD_PORTABLE;                                  /* ymm state saved */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 5))) return LDR_SIMD_PORTABLE;      /* AVX2 */
    if ((low & 0xe6u) != 0xe6u || (b & wide) != wide) return ldr__x86_vnni256() ? LDR_SIMD_AVX2_VNNI : LDR_SIMD_AVX2;      /* zmm state saved */
    if (!(c & (1u << 11))) return LDR_SIMD_AVX512;                                   /* VNNI */
    return __get_cpuid_count(7, 1, &more, &b, &c, &d) && (more & (1u << 5)) ? LDR_SIMD_AVX512_BF16 : LDR_SIMD_AVX512_VNNI;
}

/* Intel's vdpbf16ps takes two cycles: half the speed of the float products that it would stand in for. */
static int ldr__x86_intel(void) {
    unsigned a, b = 0, c = 0, d = 0;
    return __get_cpuid(0, &a, &b, &c, &d) && b == 0x756e6547u && d == 0x49656e69u && c == 0x6c65746eu;      /* GenuineIntel */
}
#endif /* LDR__X86 */

/* ======================================================================================
   >>dispatch          Which kernels run
   ====================================================================================== */

static const ldr__kernels *ldr__kernels_pick(ldr_simd wish) {
#if LDR__X86
    ldr_simd set = ldr__x86_widest();
    if (wish != LDR_SIMD_AUTO && set > wish) set = wish;
    if (wish == LDR_SIMD_AUTO && set == LDR_SIMD_AVX512_BF16 && ldr__x86_intel()) set = LDR_SIMD_AVX512_VNNI;
#if LDR__HAVE_BF16
    if (set == LDR_SIMD_AVX512_BF16) return &ldr__kernels_bf16;
#endif
#if LDR__HAVE_VNNI256
    if (set == LDR_SIMD_AVX2_VNNI && ldr__x86_vnni256()) return &ldr__kernels_avx2vnni;
#endif
    return set >= LDR_SIMD_AVX512_VNNI ? &ldr__kernels_vnni : set == LDR_SIMD_AVX512 ? &ldr__kernels_avx512 : set >= LDR_SIMD_AVX2 ? &ldr__kernels_avx2 : &ldr__kernels_portable;
#elif LDR__NEON
    if (wish == LDR_SIMD_PORTABLE) return &ldr__kernels_portable;
#if LDR__HAVE_SDOT
    if (ldr__arm_sdot()) return &ldr__kernels_neondot;
#endif
    return &ldr__kernels_neon;
#elif LDR__WASM
    return wish == LDR_SIMD_PORTABLE ? &ldr__kernels_portable : &ldr__kernels_wasm;
#else
    (void)wish;
    return &ldr__kernels_portable;
#endif
}

LDR__DEF const char *ldr_simd_name(ldr_simd wish) { return ldr__kernels_pick(wish)->name; }

/* ======================================================================================
   >>gemm              Matrix products over strided, typed operands
   --------------------------------------------------------------------------------------
   c[M,N] (+)= a[M,K] b[K,N] (+ bias[N]).  a is float with any row and column stride; b is any
   float type with any strides, so y = x W^T, dx = dy W and dW = dy^T x are one routine and a
   transposed (Conv1D) or half-precision weight costs nothing extra.

   c is cut into blocks, a task each. A task walks down K in steps of `deep`; in a step it packs
   its part of b into panels of nr columns, which stay in the second-level cache, and takes MC rows
   of a at a time past them. KC rows of one panel are in the first-level cache while the tiles of
   those rows use them. a is read where it lies if each row is in one piece and the rows do not
   crowd into the same few cache sets; else MC rows of it are copied first, and blocks are wider
   and less deep, so that a copy is used more often. Where a is read down its columns, as for gradients
   of weights, blocks are wider and less deep still: b is read in long rows. While its tiles multiply,
   a task fetches what it will read next, which no cache foresees where rows begin: the next rows of
   a, and what its next step down K, or its next task, will pack.
   Neither cut changes the order of additions in an element, so results are the same for any
   number of threads. After Goto & van de Geijn 2008.
   ====================================================================================== */

enum { LDR__KC = 256, LDR__MC = 84,
       LDR__DEEP = 768, LDR__NB = 96,                /* of a block whose a is read in place    */
       LDR__LONG_DEEP = 128, LDR__LONG_NB = 384,     /* of one whose a is read down its columns */
       LDR__COPY_DEEP = LDR__KC, LDR__COPY_NB = 768, LDR__COPY_LD = LDR__MC + 12,        /* of one whose a is copied */
       LDR__FEW_ROWS = 512,                          /* below them tasks share columns first       */
       LDR__PACKED_KC = 1024, LDR__PACKED_NB = 192 };  /* of rounded weights; sums over KC of products of 127 by 127 stay below 2^24 */
LDR__STATIC_ASSERT(copies_fit, LDR__COPY_LD >= LDR__MC && LDR__DEEP % LDR__KC == 0);

typedef struct ldr__mat {       /* element (i,j) is number first + i*rs + j*cs of data        */
    const void *data;           /* a part of a matrix may begin inside a block, so `first` moves and not this */
    ldr_dtype   dtype;
    size_t      rs, cs, first;
    const float *panels[2];         /* NULL, or the whole matrix as a product packs it for its b, and its transpose (ldr__pack_panels) */
} ldr__mat;

/* Everything an operation needs to run: kernels, threads, and scratch planned beforehand. */
typedef struct ldr__exec {
    const ldr__kernels *kernels;
    int32_t             threads;
    float              *scratch;        /* threads * scratch_size floats                      */
    size_t              scratch_size;
    float              *narrowed;       /* int8 and bf16: room for the rounded rows of one product */
    float              *row_scales;
    size_t              narrow_size;    /* floats of one such row at most                     */
} ldr__exec;

/* What a thread alone needs for up to `rows` rows, inside a loop over tasks of which each runs operations. */
static ldr__exec ldr__exec_alone(const ldr__exec *ex, size_t rows) {
    ldr__exec mine = *ex;
    size_t thread = (size_t)ldr__thread();
    mine.threads = 1;
    mine.scratch += thread * ex->scratch_size;
    if (mine.narrowed) {
        mine.narrowed += thread * rows * ex->narrow_size;
        mine.row_scales += thread * rows;
    }
    return mine;
}

static ldr__mat ldr__mat_float(const float *data, size_t rs, size_t cs) {
    ldr__mat m;
    m.data = data;
    m.dtype = LDR__NATIVE;
    m.rs = rs;
    m.cs = cs;
    m.first = 0;
    m.panels[0] = m.panels[1] = NULL;
    return m;
}

static ldr__mat ldr__mat_at(ldr__mat m, size_t i, size_t j) {
    m.first += i * m.rs + j * m.cs;
    m.panels[0] = m.panels[1] = NULL;
    return m;
}

LDR__INLINE float ldr__mat_get(const ldr__mat *m, size_t i, size_t j) { return ldr__load(m->data, m->dtype, m->first + i * m->rs + j * m->cs); }

/* The n elements that lie one after another from (i,j) on. A block that is only partly wanted is unpacked beside. */
static void ldr__mat_run(const ldr__kernels *ker, float *dst, const ldr__mat *m, size_t i, size_t j, size_t n) {
    size_t at = m->first + i * m->rs + j * m->cs, block = ldr__dtypes[m->dtype].block, take;
    for (; n; n -= take, at += take, dst += take) {
        float beside[LDR__QBLOCK];
        size_t skip = at % block;
        const unsigned char *from = ldr__element_at(m->data, m->dtype, at);
        take = n / block * block;
        if (skip == 0 && take) {
            ker->to_float(dst, from, m->dtype, take);
            continue;
        }
        take = LDR__MIN(block - skip, n);
        ker->to_float(beside, from, m->dtype, block);
        memcpy(dst, beside + skip, take * sizeof(float));
    }
}

/* Row i, n long, however it lies. */
static void ldr__mat_row(const ldr__kernels *ker, float *dst, const ldr__mat *m, size_t i, size_t n) {
    size_t j;
    if (m->cs == 1) ldr__mat_run(ker, dst, m, i, 0, n);
    else for (j = 0; j < n; j++) dst[j] = ldr__mat_get(m, i, j);
}

static ldr__mat ldr__mat_transposed(ldr__mat m) {
    size_t t = m.rs;
    const float *panels = m.panels[0];
    m.rs = m.cs;
    m.cs = t;
    m.panels[0] = m.panels[1];
    m.panels[1] = panels;
    return m;
}

static size_t ldr__round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Packs b[k,n] into panels: element (p,j) at j/nr*nr*k + p*nr + j%nr, zero beyond column n. */
static void ldr__pack_panels(const ldr__kernels *ker, float *panels, ldr__mat b, size_t k, size_t n) {
    size_t nr = (size_t)ker->nr, whole = ldr__round_up(n, nr), p, j;
    const unsigned char *data = ldr__element_at(b.data, b.dtype, b.first);
    if (b.cs == 1) {                                   /* rows of b are contiguous              */
        float line[64];
        size_t step = 64 / nr * nr, x;
        for (j = 0; b.dtype == LDR__NATIVE && j < n; j += nr) {
            size_t width = LDR__MIN(nr, n - j);
            for (p = 0; p < k; p++) {
                float *to = panels + j * k + p * nr;
                const unsigned char *from = data + (p * b.rs + j) * sizeof(float);
                for (x = 0; x + 8 <= width; x += 8) memcpy(to + x, from + x * sizeof(float), 8 * sizeof(float));
                for (; x < width; x++) memcpy(to + x, from + x * sizeof(float), sizeof(float));
                for (; x < nr; x++) to[x] = 0;
            }
        }
        for (p = 0; b.dtype != LDR__NATIVE && p < k; p++)
            for (j = 0; j < n;) {
                float *to = panels + j * k + p * nr;
                size_t width = LDR__MIN(step, n - j);
                memset(line, 0, sizeof line);
                ldr__mat_run(ker, line, &b, p, j, width);
                for (x = 0; x < width; x += nr) memcpy(to + x * k, line + x, nr * sizeof(float));
                j += width;
            }
    } else if (b.rs == 1) {                            /* columns of b are contiguous: transpose */
        float lines[LDR__TILE_MAX_N][64];
        for (j = 0; j < n; j += nr) {
            float *to = panels + j * k;
            size_t width = LDR__MIN(nr, n - j), depth, i;
            if (b.dtype == LDR__NATIVE && (uintptr_t)data % sizeof(float) == 0) {
                ker->weave(to, (const float *)(const void *)(data + j * b.cs * sizeof(float)), b.cs, width, k);
                continue;
            }
            for (p = 0; p < k; p += depth) {
                depth = LDR__MIN((size_t)64, k - p);
                for (i = 0; i < width; i++) ldr__mat_run(ker, lines[i], &b, p, j + i, depth);
                ker->weave(to + p * nr, lines[0], 64, width, depth);
            }
        }
    } else {
        for (j = 0; j < whole; j++)
            for (p = 0; p < k; p++) panels[j / nr * nr * k + p * nr + j % nr] = j < n ? ldr__mat_get(&b, p, j) : 0.0f;
    }
}

/* What becomes of finished elements of c: bias[N] is added; with f, f[M,N] = activation(c). f may be c. */
typedef struct ldr__finish {
    const float *bias;
    float       *f;
    size_t       ldf;
    int32_t      activation;
} ldr__finish;

static ldr__finish ldr__finish_bias(const float *bias) {
    ldr__finish f;
    memset(&f, 0, sizeof f);
    f.bias = bias;
    return f;
}

static ldr__finish ldr__finish_at(ldr__finish f, size_t i, size_t j) {
    if (f.bias) f.bias += j;
    if (f.f) f.f += i * f.ldf + j;
    return f;
}

/* Memory that will be read soon: `rows` rows `stride` bytes apart, of `count` places `step` apart. Tiles fetch it while they multiply,
   each a row or what it can of one. Fetching past the end is no access. */
typedef struct ldr__ahead {
    uintptr_t at;
    size_t    step, count, stride, rows, done;
} ldr__ahead;

/* A list of them, fetched in its order. The first place is for the next rows of a, which products fill in; no list is longer than attention's way back. */
enum { LDR__LINE = 64, LDR__FETCHES_MOST = 9 };
typedef struct ldr__fetches {
    ldr__ahead each[LDR__FETCHES_MOST];
    int        at, count;
} ldr__fetches;

/* `rows` rows of `bytes`, to be fetched by so many tiles: row by row, or, where rows are more than tiles, all of them a line at a time. */
static ldr__ahead ldr__ahead_of(uintptr_t at, size_t stride, size_t rows, size_t bytes, size_t tiles) {
    ldr__ahead h;
    int one = rows > 1 && stride <= bytes + bytes / 2;       /* no gaps to speak of */
    h.at = at;
    h.step = LDR__LINE;
    h.count = ((one ? rows * stride : bytes) + LDR__LINE - 1) / LDR__LINE;
    h.stride = stride;
    h.rows = one ? 1 : rows;
    h.done = 0;
    if (h.rows > tiles) {
        h.rows = h.count;
        h.count = rows;
        h.step = stride;
        h.stride = LDR__LINE;
    }
    return h;
}

/* The part b[k,n] of a matrix. */
static ldr__ahead ldr__ahead_of_mat(ldr__mat b, size_t i, size_t j, size_t k, size_t n, size_t tiles) {
    size_t block = ldr__dtypes[b.dtype].block, size = ldr__dtypes[b.dtype].size, at = b.first + i * b.rs + j * b.cs;
    if (b.cs == 1) return ldr__ahead_of((uintptr_t)b.data + at / block * size, b.rs / block * size, k, n / block * size, tiles);
    return ldr__ahead_of((uintptr_t)b.data + at / block * size, b.cs / block * size, n, k / block * size, tiles);
}

/* What a tile k deep is to fetch; 0 when everything has been fetched. A short row is spread over all its steps. */
static int ldr__ahead_take(ldr__ahead *h, size_t k, uintptr_t *at, size_t *step) {
    size_t most = k / 2, n = LDR__MIN(h->count - h->done, most);
    if (h->rows == 0 || n == 0) return 0;
    *at = h->at + h->done * h->step;
    *step = h->step == LDR__LINE ? (n * LDR__LINE + most - 1) / most : h->step;
    if ((h->done += n) >= h->count) {
        h->done = 0;
        h->at += h->stride;
        h->rows--;
    }
    return 1;
}

static void ldr__fetches_clear(ldr__fetches *s) {
    memset(s, 0, sizeof *s);
    s->count = 1;
}

static void ldr__fetches_add(ldr__fetches *s, ldr__ahead h) { s->each[s->count++] = h; }

static void ldr__fetches_put(ldr__fetches *s, int place, ldr__ahead h) {
    s->each[place] = h;
    s->at = 0;
}

static void ldr__fetches_take(ldr__fetches *s, size_t k, uintptr_t *at, size_t *step) {
    while (s->at < s->count && !ldr__ahead_take(&s->each[s->at], k, at, step)) s->at++;
}

/* Tiles of a product of that size. */
static size_t ldr__tiles(const ldr__kernels *ker, size_t m, size_t n) { return (m + (size_t)ker->mr - 1) / (size_t)ker->mr * ((n + (size_t)ker->nr - 1) / (size_t)ker->nr); }

/* c[m,n] (+)= a[m,k] times the first k rows of panels packed `depth` deep. last: what becomes of c when the sums are whole.
   Rows are dealt out evenly to tiles, for a tile of a row or two is slow for its size. */
static void ldr__panels_multiply(const ldr__kernels *ker, float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *panels, size_t depth,
                                 size_t m, size_t n, size_t k, const float *bias, const ldr__finish *last, int accumulate, ldr__fetches *soon) {
    size_t mr = (size_t)ker->mr, nr = (size_t)ker->nr, mc = LDR__MC / mr * mr, i0, i, j, p, t, kc, rows;
    for (i0 = 0; i0 < m; i0 += mc) {
        size_t end = LDR__MIN(m, i0 + mc), tiles = (end - i0 + mr - 1) / mr;
        if (soon && cs == 1 && end < m) ldr__fetches_put(soon, 0, ldr__ahead_of((uintptr_t)a + end * rs * sizeof(float), rs * sizeof(float), LDR__MIN(m - end, mc), k * sizeof(float), ldr__tiles(ker, end - i0, n)));
        for (p = 0; p < k || p == 0; p += LDR__KC) {
            kc = LDR__MIN((size_t)LDR__KC, k - p);
            for (j = 0; j < n; j += nr)
                for (t = tiles, i = i0; t; t--, i += rows) {
                    size_t step = 0;
                    uintptr_t ahead = (uintptr_t)panels;       /* what is near already */
                    if (soon) ldr__fetches_take(soon, kc, &ahead, &step);
                    rows = (end - i + t - 1) / t;
                    ker->tile(c + i * ldc + j, ldc, a + i * rs + p * cs, rs, cs, panels + j * depth + p * nr, kc, (int32_t)rows, (int32_t)LDR__MIN(nr, n - j), bias ? bias + j : NULL, accumulate || p > 0, ahead, step);
                }
        }
        if (last && last->f)
            for (i = i0; i < end; i++) ker->rows->activate(last->f + i * last->ldf, c + i * ldc, n, last->activation);
    }
}

/* The same from copies of MC rows of a at a time: row by row with a gap behind each, or, where columns are in one piece,
   column by column. k <= LDR__COPY_DEEP. */
static void ldr__panels_multiply_copied(const ldr__kernels *ker, float *c, size_t ldc, const float *a, size_t rs, size_t cs, const float *panels, size_t depth,
                                        size_t m, size_t n, size_t k, const float *bias, const ldr__finish *last, int accumulate, ldr__fetches *soon, float *copy) {
    size_t mc = LDR__MC / (size_t)ker->mr * (size_t)ker->mr, i0, i, p, ld = cs == 1 ? k + 16 : (size_t)LDR__COPY_LD;
    for (i0 = 0; i0 < m; i0 += mc) {
        size_t rows = LDR__MIN(mc, m - i0);
        ldr__finish mine;
        ldr__fetches_put(soon, 0, ldr__ahead_of_mat(ldr__mat_float(a, rs, cs), i0 + rows, 0, LDR__MIN(mc, m - i0 - rows), k, ldr__tiles(ker, rows, n)));
        if (last) mine = ldr__finish_at(*last, i0, 0);
        if (cs == 1) for (i = 0; i < rows; i++) memcpy(copy + i * ld, a + (i0 + i) * rs, k * sizeof(float));
        else if (rs == 1) for (p = 0; p < k; p++) memcpy(copy + p * ld, a + i0 + p * cs, rows * sizeof(float));
        else for (p = 0; p < k; p++)
            for (i = 0; i < rows; i++) copy[p * ld + i] = a[(i0 + i) * rs + p * cs];
        ldr__panels_multiply(ker, c + i0 * ldc, ldc, copy, cs == 1 ? ld : 1, cs == 1 ? 1 : ld, panels, depth, rows, n, k, bias, last ? &mine : NULL, accumulate, soon);
    }
}

/* Floats of per-thread scratch for products up to n wide and k deep: panels and copies of ldr__gemm, or widened panels of
   ldr__packed_forward and, before those, a row of it. */
static size_t ldr__gemm_scratch(size_t n, size_t k) {
    size_t wide = ldr__round_up(n, LDR__TILE_MAX_N), copied = LDR__MIN((size_t)LDR__COPY_DEEP, k) * LDR__MIN((size_t)LDR__COPY_NB, wide) + LDR__COPY_LD * (LDR__MIN((size_t)LDR__COPY_DEEP, k) + 16);
    size_t direct = LDR__MAX(LDR__MIN((size_t)LDR__DEEP, k) * LDR__MIN((size_t)LDR__NB, wide), LDR__MIN((size_t)LDR__LONG_DEEP, k) * LDR__MIN((size_t)LDR__LONG_NB, wide)), widened = LDR__MIN((size_t)LDR__PACKED_KC, k + 4) * LDR__MIN((size_t)LDR__PACKED_NB, wide);
    return LDR__MAX(LDR__MAX(copied, direct), LDR__MAX(widened, k + 16));
}

/* How c[m,n] is cut: blocks of mb x nb, `columns` of them side by side. */
typedef struct ldr__grid { size_t mb, nb, columns, tasks; } ldr__grid;

/* Blocks up to nb wide. Two tasks a thread, so that none waits long for the last; more would pack more of b twice. One (`each`)
   where that is dear because a is copied as well, and for gradients of weights, many of which are made together. */
static ldr__grid ldr__grid_of(const ldr__exec *ex, size_t m, size_t n, size_t nb, size_t each) {
    ldr__grid g;
    size_t nr = (size_t)ex->kernels->nr, mr = (size_t)ex->kernels->mr, want = ex->threads == 1 ? 1 : each * (size_t)ex->threads, rows, most = (m + 4 * mr - 1) / (4 * mr);
    if (m < LDR__FEW_ROWS) nb = LDR__MIN(nb, LDR__MAX(ldr__round_up((n + want - 1) / want, nr), 2 * nr));      /* packing b for few rows is dear, and for fewer dearer */
    g.columns = (n + nb - 1) / nb;
    if (most * g.columns < want) g.columns = LDR__MIN((want + most - 1) / most, (n + nr - 1) / nr);      /* too few rows to share */
    g.nb = LDR__MIN(ldr__round_up((n + g.columns - 1) / g.columns, nr), ldr__round_up(nb, nr));
    g.columns = (n + g.nb - 1) / g.nb;
    rows = LDR__MIN((want + g.columns - 1) / g.columns, most);
    g.mb = (m + rows - 1) / rows;
    g.tasks = (m + g.mb - 1) / g.mb * g.columns;
    return g;
}

/* One product (see ldr__gemm), and how it is cut. */
typedef struct ldr__product {
    float       *c;
    const float *a;
    size_t       ldc, rs, cs, m, n, k, deep;
    ldr__mat     b;
    ldr__finish  finish;
    int          accumulate, copied;
    ldr__grid    g;
} ldr__product;

static ldr__product ldr__product_of(const ldr__exec *ex, float *c, size_t ldc, const float *a, size_t rs, size_t cs, ldr__mat b, ldr__finish finish, size_t m, size_t n, size_t k, int accumulate) {
    ldr__product p;
    p.c = c;
    p.a = a;
    p.ldc = ldc;
    p.rs = rs;
    p.cs = cs;
    p.m = m;
    p.n = n;
    p.k = k;
    p.b = b;
    p.finish = finish;
    p.accumulate = accumulate;
    /* Rows 4096 bytes apart share their cache sets; columns far apart are a page each. */
    p.copied = (cs == 1 ? rs % 1024 == 0 : cs > 512) && m > (size_t)ex->kernels->mr;
    p.deep = p.copied ? (size_t)LDR__COPY_DEEP : cs != 1 ? (size_t)LDR__LONG_DEEP : (size_t)LDR__DEEP;
    memset(&p.g, 0, sizeof p.g);
    if (m && n) p.g = ldr__grid_of(ex, m, n, p.copied ? (size_t)LDR__COPY_NB : cs != 1 ? (size_t)LDR__LONG_NB : (size_t)LDR__NB, p.copied || cs != 1 ? 1 : 2);
    return p;
}

static void ldr__product_task(const ldr__exec *ex, const ldr__product *p, size_t task) {
    const ldr__kernels *ker = ex->kernels;
    size_t i = task / p->g.columns * p->g.mb, j = task % p->g.columns * p->g.nb, mine = LDR__MIN(p->g.nb, p->n - j), height = LDR__MIN(p->g.mb, p->m - i), k0, kc;
    float *packed = ex->scratch + (size_t)ldr__thread() * ex->scratch_size, *copy = packed + LDR__MIN(p->deep, p->k) * ldr__round_up(mine, (size_t)ker->nr), *c = p->c + i * p->ldc + j;
    ldr__finish finish = ldr__finish_at(p->finish, i, j);
    for (k0 = 0; k0 < p->k || k0 == 0; k0 += p->deep) {
        const ldr__finish *last = k0 + p->deep >= p->k ? &finish : NULL;
        const float *a = p->a + i * p->rs + k0 * p->cs, *panels = packed;
        int accumulate = p->accumulate || k0 > 0;
        size_t depth = kc = LDR__MIN(p->deep, p->k - k0);
        ldr__fetches soon;
        ldr__fetches_clear(&soon);
        if (p->b.panels[0]) {
            depth = p->k;
            panels = p->b.panels[0] + j * depth + k0 * (size_t)ker->nr;
        } else {
            size_t after = k0 + kc, deep = LDR__MIN(p->deep, p->k - after), later = (task + (size_t)ex->threads) % p->g.columns * p->g.nb, tiles = ldr__tiles(ker, height, mine);
            if (deep) {
                ldr__fetches_add(&soon, ldr__ahead_of_mat(p->b, after, j, deep, mine, tiles));
                if (!p->copied && p->rs == 1) ldr__fetches_add(&soon, ldr__ahead_of((uintptr_t)a + kc * p->cs * sizeof(float), p->cs * sizeof(float), deep, height * sizeof(float), tiles));
            } else if (task + (size_t)ex->threads < p->g.tasks && later != j) ldr__fetches_add(&soon, ldr__ahead_of_mat(p->b, 0, later, LDR__MIN(p->deep, p->k), LDR__MIN(p->g.nb, p->n - later), tiles));       /* of what is likely to be this thread's next task */
            ldr__pack_panels(ker, packed, ldr__mat_at(p->b, k0, j), kc, mine);
        }
        if (p->copied) ldr__panels_multiply_copied(ker, c, p->ldc, a, p->rs, p->cs, panels, depth, height, mine, kc, finish.bias, last, accumulate, &soon, copy);
        else ldr__panels_multiply(ker, c, p->ldc, a, p->rs, p->cs, panels, depth, height, mine, kc, finish.bias, last, accumulate, &soon);
    }
}

/* c[m,n] (+)= a[m,k] b[k,n], then `finish`. */
static void ldr__gemm(const ldr__exec *ex, float *c, size_t ldc, const float *a, size_t rs, size_t cs, ldr__mat b, ldr__finish finish, size_t m, size_t n, size_t k, int accumulate) {
    ldr__product p = ldr__product_of(ex, c, ldc, a, rs, cs, b, finish, m, n, k, accumulate);
    LDR__FOR(task, (int64_t)p.g.tasks, ex->threads) ldr__product_task(ex, &p, (size_t)task);
}

/* ---- frozen matrices, laid out once as the kernels read them ---------------------------- */

typedef enum ldr__packing { LDR__PACK_F32, LDR__PACK_BF16, LDR__PACK_INT8 } ldr__packing;

/* W[out,in] as panels of nr outputs: panel o/nr, then i/unit, then o%nr, then i%unit. W(o,i) is a float, a bf16, or
   in 8 bits ~ scale[o] q(o,i). bias is float. */
typedef struct ldr__packed {
    ldr__packing type;
    void    *data;
    float   *scale, *bias;              /* [panels * nr]; scale: int8 only; bias NULL: none   */
    int32_t *sums;                      /* of q: [blocks of depth][panels * nr]               */
    size_t   out, in;
} ldr__packed;

/* 1: activations are rounded too, for a product of this set's own; else weights are widened as they are used, or are floats. */
static int ldr__packed_narrow(const ldr__kernels *ker, ldr__packing type) { return type == LDR__PACK_INT8 || (type == LDR__PACK_BF16 && ker->tile_bf16); }
static size_t ldr__packed_unit(const ldr__kernels *ker, ldr__packing type) { return type == LDR__PACK_INT8 ? ker->unit : ldr__packed_narrow(ker, type) ? 2 : 1; }
static size_t ldr__packed_number(ldr__packing type) { return type == LDR__PACK_INT8 ? 1 : type == LDR__PACK_BF16 ? 2 : sizeof(float); }
static size_t ldr__packed_depth(const ldr__kernels *ker, size_t in, ldr__packing type) { return ldr__round_up(in, ldr__packed_unit(ker, type)); }
/* Bytes of all panels. */
static size_t ldr__packed_bytes(const ldr__kernels *ker, size_t out, size_t in, ldr__packing type) { return ldr__round_up(out, (size_t)ker->nr) * ldr__packed_depth(ker, in, type) * ldr__packed_number(type); }
LDR__STATIC_ASSERT(int8_sums_fit_floats, LDR__PACKED_KC * 127 * 127 < 16777216 && LDR__PACKED_KC % 4 == 0 && LDR__PACKED_KC % LDR__KC == 0);
static size_t ldr__packed_blocks(size_t in) { return (in + LDR__PACKED_KC - 1) / LDR__PACKED_KC; }
/* Bytes from one rounded row of activations to the next: at most two each, and a cache line, so that rows do not share cache sets. */
static size_t ldr__narrow_stride(size_t in) { return ldr__round_up(2 * in, 64) + 64; }

/* Rows [first, first + rows) of the matrix from w; scratch holds one row. Every set of kernels gets the same numbers. */
static void ldr__packed_fill(const ldr__kernels *ker, ldr__packed *m, size_t first, ldr__mat w, const float *bias, size_t rows, float *scratch) {
    size_t nr = (size_t)ker->nr, unit = ldr__packed_unit(ker, m->type), depth = ldr__packed_depth(ker, m->in, m->type), whole = ldr__round_up(m->out, nr), r, i;
    for (r = 0; r < rows; r++) {
        size_t o = first + r, to = o / nr * nr * depth + o % nr * unit;
        ldr__mat_row(ker, scratch, &w, r, m->in);
        if (m->bias) m->bias[o] = bias ? bias[r] : 0.0f;
        if (m->type == LDR__PACK_INT8) ldr__quantise_portable(scratch, &m->scale[o], scratch, m->in, m->in);      /* in place: 2 bytes go where 4 have been read */
        for (i = 0; i < m->in; i++) {
            size_t at = to + i / unit * nr * unit + i % unit;
            if (m->type == LDR__PACK_F32) memcpy((unsigned char *)m->data + at * sizeof(float), scratch + i, sizeof(float));
            else if (m->type == LDR__PACK_BF16) {
                uint32_t h = ldr__float_to_bf16(scratch[i]);
                ((unsigned char *)m->data)[2 * at] = (unsigned char)(h & 255u);
                ((unsigned char *)m->data)[2 * at + 1] = (unsigned char)(h >> 8);
            } else {
                int16_t q;
                memcpy(&q, (const unsigned char *)scratch + 2 * i, 2);
                ((int8_t *)m->data)[at] = (int8_t)q;
                m->sums[i / LDR__PACKED_KC * whole + o] += q;
            }
        }
    }
}

/* y[T,out] = x[T,in] W^T + bias, then f[T,out] = activation(y) with f, which may be y and has its row stride. Rows of x are
   rounded first, for all tasks. A set of kernels without a product of the type widens panels and uses its next wider one.
   While its tiles multiply, a task fetches the panel that comes next: panels are read once a call, from far away. */
static void ldr__packed_forward(const ldr__exec *ex, float *y, size_t ldy, float *f, const float *x, size_t ldx, const ldr__packed *w, size_t rows, int32_t activation) {
    const ldr__kernels *ker = ex->kernels;
    const int int8 = w->type == LDR__PACK_INT8, narrow = ldr__packed_narrow(ker, w->type), widen = int8 ? ker->unit == 2 : w->type == LDR__PACK_BF16 && !narrow;
    size_t nr = (size_t)ker->nr, mr = (size_t)ker->mr, unit = ldr__packed_unit(ker, w->type), depth = ldr__packed_depth(ker, w->in, w->type), whole = ldr__round_up(w->out, nr);
    size_t mc = LDR__MC / mr * mr, stride = ldr__narrow_stride(w->in), number = ldr__packed_number(w->type), wide = int8 ? 2 : sizeof(float);
    size_t step = narrow ? LDR__PACKED_KC : LDR__KC, deep = !widen ? depth : int8 ? LDR__PACKED_KC : LDR__PACKED_KC / 2;      /* of a sum; of what is widened at a time */
    unsigned char *narrowed = (unsigned char *)ex->narrowed;
    ldr__grid g;
    if (rows == 0) return;
    if (narrow) {
        LDR__FOR(block, ((int64_t)rows + LDR__MC - 1) / LDR__MC, ex->threads) {
            size_t t, end = LDR__MIN(rows, ((size_t)block + 1) * LDR__MC);
            for (t = (size_t)block * LDR__MC; t < end; t++) {
                if (int8) ker->quantise(narrowed + t * stride, ex->row_scales + t, x + t * ldx, w->in, depth);
                else ker->to_bf16((uint16_t *)(void *)(narrowed + t * stride), x + t * ldx, w->in, depth);
            }
        }
    }
    g = ldr__grid_of(ex, rows, w->out, LDR__PACKED_NB, 2);
    LDR__FOR(task, (int64_t)g.tasks, ex->threads) {
        size_t i0 = (size_t)task / g.columns * g.mb, j0 = (size_t)task % g.columns * g.nb, n = LDR__MIN(g.nb, w->out - j0), high = LDR__MIN(i0 + g.mb, rows), d0, p, i, j, t, end;
        unsigned char *scratch = (unsigned char *)(void *)(ex->scratch + (size_t)ldr__thread() * ex->scratch_size);
        const unsigned char *data = (const unsigned char *)w->data + j0 * depth * number;
        size_t later = ((size_t)task + (size_t)ex->threads) % g.columns * g.nb;      /* where this thread's next task is likely to begin */
        for (d0 = 0; d0 < depth; d0 += deep) {
            size_t dc = LDR__MIN(deep, depth - d0);
            for (j = 0; widen && j < n; j += nr) {
                if (!int8) ker->to_float((float *)(void *)(scratch + j * dc * wide), data + (j * depth + d0 * nr) * number, LDR_BF16, dc * nr);
                else ker->widen((int16_t *)(void *)(scratch + j * dc * wide), (const int8_t *)data + j * depth + d0 * nr, dc * nr);
            }
            for (i = i0; i < high; i = end) {
                ldr__ahead soon;                /* the next rows */
                end = LDR__MIN(high, i + mc);
                soon = narrow ? ldr__ahead_of((uintptr_t)narrowed + end * stride, stride, LDR__MIN(mc, high - end), stride, 1) : ldr__ahead_of((uintptr_t)x + end * ldx * sizeof(float), ldx * sizeof(float), LDR__MIN(mc, high - end), w->in * sizeof(float), ldr__tiles(ker, end - i, n));
                for (p = d0; p < d0 + dc; p += step) {
                    size_t kc = LDR__MIN(step, d0 + dc - p), tiles, height, at;
                    for (j = 0; j < n; j += nr) {
                        const unsigned char *panel = widen ? scratch + (j * dc + (p - d0) * nr) * wide : data + (j * depth + p * nr) * number;
                        const float *bias = w->bias ? w->bias + j0 + j : NULL;
                        int32_t columns = (int32_t)LDR__MIN(nr, n - j);
                        uintptr_t follows = (uintptr_t)data + ((j + nr) * depth + p * nr) * number;        /* the panel that comes next: beside it, */
                        ldr__ahead next = ldr__ahead_of(0, 0, 0, 0, 0);
                        if (j + nr >= n) follows = (uintptr_t)data + (p + kc) * nr * number;                          /* below, */
                        if (j + nr >= n && p + kc >= depth) follows = end < high ? (uintptr_t)data : (uintptr_t)w->data + later * depth * number;      /* the first again, or of another task */
                        if (!widen) next = ldr__ahead_of(follows, 0, 1, kc * nr * number, 1);
                        for (tiles = (end - i + mr - 1) / mr, at = i; tiles; tiles--, at += height) {
                            float *c = y + at * ldy + j0 + j;
                            const unsigned char *a = narrow ? narrowed + at * stride + p * (unit == 2 ? 2u : 1u) : NULL;
                            uintptr_t ahead = (uintptr_t)panel;
                            size_t forth = 0;
                            if (!ldr__ahead_take(&next, kc / unit, &ahead, &forth)) (void)ldr__ahead_take(&soon, kc / unit, &ahead, &forth);
                            height = (end - at + tiles - 1) / tiles;
                            if (int8) ker->tile_int8(c, ldy, a, stride, panel, kc / unit, (int32_t)height, columns, ex->row_scales + at, w->scale + j0 + j, w->sums + p / LDR__PACKED_KC * whole + j0 + j, bias, p > 0, ahead, forth);
                            else if (narrow) ker->tile_bf16(c, ldy, a, stride, panel, kc / unit, (int32_t)height, columns, bias, p > 0, ahead, forth);
                            else ker->tile(c, ldy, x + at * ldx + p, ldx, 1, (const float *)(const void *)panel, kc, (int32_t)height, columns, bias, p > 0, ahead, forth);
                        }
                    }
                }
                for (t = i; f && d0 + dc == depth && t < end; t++) ker->rows->activate(f + t * ldy + j0, y + t * ldy + j0, n, activation);
            }
        }
    }
}

/* ======================================================================================
   >>ops               Operations, each forward beside its backward
   --------------------------------------------------------------------------------------
   T is the number of tokens of all sequences laid end to end; nothing is ever padded. A
   backward function takes the gradient of the output and adds to the gradients of weights,
   but overwrites the gradient of the input unless its comment says otherwise.
   ====================================================================================== */

enum { LDR__ROWS = 64 };           /* rows a task of a row-wise loop owns                     */

#define LDR__ROW_LOOP(t, rows, ex, ...)                                                   \
    LDR__FOR(t##_block, ((int64_t)(rows) + LDR__ROWS - 1) / LDR__ROWS, (ex)->threads) {   \
        size_t t, t##_end = LDR__MIN((size_t)(rows), ((size_t)t##_block + 1) * LDR__ROWS); \
        for (t = (size_t)t##_block * LDR__ROWS; t < t##_end; t++) { __VA_ARGS__ }                \
    }

/* Dropout (Srivastava et al. 2014) with masks that are functions of (step, place, token, column):
   y = x m / (1-p). The same call on a gradient is its own backward. p = 0 is the identity. */
typedef struct ldr__dropout {
    float           p;
    uint64_t        key;           /* step and place in the network                         */
    const uint64_t *rows;          /* a number for every token that does not depend on its batch */
} ldr__dropout;

static uint32_t ldr__dropout_row(const ldr__dropout *d, size_t t, uint64_t part) {
    return (uint32_t)(ldr__mix64(d->key + d->rows[t] * UINT64_C(0x9e3779b97f4a7c15) + part * UINT64_C(0xd1342543de82ef95)) >> 32);
}

static void ldr__dropout_apply(const ldr__kernels *ker, float *x, size_t n, const ldr__dropout *d, size_t t, uint64_t part) {
    if (d && d->p > 0) ker->rows->dropout(x, n, ldr__dropout_row(d, t, part), (uint32_t)((double)d->p * 4294967296.0), 1.0f / (1.0f - d->p));
}

/* Sums over all rows, as gradients of weights are: noted down first, then made by all threads together, so that they wait for one another
   once and not after each. Each element has one owner, which adds rows in order. */
typedef enum ldr__sum_kind { LDR__SUM_PRODUCT, LDR__SUM_COLUMNS, LDR__SUM_NORM, LDR__SUM_MIX } ldr__sum_kind;

typedef struct ldr__sum {
    ldr__sum_kind kind;
    ldr__product  product;
    float        *to;              /* else: s[n] of columns of [rows, n], rows `ld` apart      */
    const float  *dy, *x, *other;
    size_t        ld, rows, n, tasks;
} ldr__sum;

enum { LDR__SUMS = 24, LDR__SUM_WIDTH = 32 };        /* columns of a task */

typedef struct ldr__sums {         /* a few kB: on the stack                                  */
    const ldr__exec *ex;
    size_t           count, tasks;
    ldr__sum         each[LDR__SUMS];
} ldr__sums;

static void ldr__sum_task(const ldr__exec *ex, const ldr__sum *m, size_t task) {
    size_t j = task * LDR__SUM_WIDTH, n = LDR__MIN((size_t)LDR__SUM_WIDTH, m->n - j);
    const ldr__row_kernels *row = ex->kernels->rows;
    switch (m->kind) {
        case LDR__SUM_COLUMNS: row->columns(m->to + j, m->dy + j, m->ld, m->rows, n); break;
        case LDR__SUM_NORM:    row->norm_columns(m->to + j, m->dy + j, m->x + j, m->other, m->ld, m->rows, n); break;
        default:               row->mix_columns(m->to + j, m->dy + j, m->x + j, m->other + j, m->ld, m->rows, n); break;
    }
}

static void ldr__sums_make(ldr__sums *s) {
    LDR__FOR(i, (int64_t)s->tasks, s->ex->threads) {
        const ldr__sum *m = s->each;
        size_t task = (size_t)i;
        for (; task >= m->tasks; m++) task -= m->tasks;
        if (m->kind == LDR__SUM_PRODUCT) ldr__product_task(s->ex, &m->product, task);
        else ldr__sum_task(s->ex, m, task);
    }
    s->count = s->tasks = 0;
}

static void ldr__sums_begin(ldr__sums *s, const ldr__exec *ex) {
    s->ex = ex;
    s->count = s->tasks = 0;
}

static ldr__sum *ldr__sums_add(ldr__sums *s, ldr__sum_kind kind, size_t tasks) {
    ldr__sum *m;
    if (s->count == LDR__SUMS) ldr__sums_make(s);
    m = &s->each[s->count++];
    m->kind = kind;
    m->tasks = tasks;
    s->tasks += tasks;
    return m;
}

/* to[n] += sum over rows of:  dy (columns);  dy (x - mean) rstd, other = stats (norm);  dy (x - other) (mix) */
static void ldr__sums_columns(ldr__sums *s, ldr__sum_kind kind, float *to, const float *dy, const float *x, const float *other, size_t ld, size_t rows, size_t n) {
    ldr__sum *m = ldr__sums_add(s, kind, (n + LDR__SUM_WIDTH - 1) / LDR__SUM_WIDTH);
    m->to = to;
    m->dy = dy;
    m->x = x;
    m->other = other;
    m->ld = ld;
    m->rows = rows;
    m->n = n;
}

/* y[T,O] = x[T,I] W[O,I]^T + b[O] */
static void ldr__linear_forward(const ldr__exec *ex, float *y, size_t ldy, const float *x, size_t ldx, ldr__mat w, const float *b, size_t rows, size_t out, size_t in) {
    ldr__gemm(ex, y, ldy, x, ldx, 1, ldr__mat_transposed(w), ldr__finish_bias(b), rows, out, in, 0);
}

/* The same, then f[T,O] = activation(y) while y is still in the cache. f may be y; both have rows ldy apart. */
static void ldr__linear_activate_forward(const ldr__exec *ex, float *y, float *f, size_t ldy, const float *x, ldr__mat w, const float *b, size_t rows, size_t out, size_t in, ldr_activation kind) {
    ldr__finish finish = ldr__finish_bias(b);
    finish.f = f;
    finish.ldf = ldy;
    finish.activation = (int32_t)kind;
    ldr__gemm(ex, y, ldy, x, in, 1, ldr__mat_transposed(w), finish, rows, out, in, 0);
}

/* dW[O,I] += dy^T x,  db[O] += sum dy;  either may be NULL. x may be any float type (a stored tap). */
static void ldr__linear_gradients(ldr__sums *s, float *dw, float *db, const float *dy, size_t ldy, ldr__mat x, size_t rows, size_t out, size_t in) {
    if (dw) {
        ldr__product p = ldr__product_of(s->ex, dw, in, dy, 1, ldy, x, ldr__finish_bias(NULL), out, in, rows, 1);
        ldr__sums_add(s, LDR__SUM_PRODUCT, p.g.tasks)->product = p;
    }
    if (db) ldr__sums_columns(s, LDR__SUM_COLUMNS, db, dy, NULL, NULL, ldy, rows, out);
}

/* The same, and dx[T,I] (+)= dy W.  Any of dw, db, dx may be NULL. */
static void ldr__linear_backward(const ldr__exec *ex, float *dx, size_t lddx, int add_dx, float *dw, float *db, const float *dy, size_t ldy,
                                 ldr__mat x, ldr__mat w, size_t rows, size_t out, size_t in) {
    if (dw || db) {
        ldr__sums s;
        ldr__sums_begin(&s, ex);
        ldr__linear_gradients(&s, dw, db, dy, ldy, x, rows, out, in);
        ldr__sums_make(&s);
    }
    if (dx) ldr__gemm(ex, dx, lddx, dy, ldy, 1, w, ldr__finish_bias(NULL), rows, in, out, add_dx);
}

typedef enum ldr_norm { LDR_NORM_LAYER, LDR_NORM_RMS } ldr_norm;

/* y[T,n] = norm(x[T,n])   layer: y = (x - mean) / sqrt(var + eps) g + b (Ba et al. 2016);  rms: y = x / sqrt(mean x^2 + eps) g
   (Zhang & Sennrich 2019). stats[T,2] = { mean (0 for rms), 1/sqrt(...) } is kept for the backward, if it is there. */
static void ldr__norm_forward(const ldr__exec *ex, float *y, float *stats, const float *x, const float *g, const float *b, size_t rows, size_t n, ldr_norm kind, float eps) {
    LDR__ROW_LOOP(t, rows, ex, ex->kernels->rows->norm(y + t * n, stats ? stats + 2 * t : NULL, x + t * n, g, b, n, kind == LDR_NORM_RMS, eps);)
}

/* With xhat = (x - mean) rstd:  dg += sum dy xhat, db += sum dy; either may be NULL. */
static void ldr__norm_gradients(ldr__sums *s, float *dg, float *db, const float *dy, const float *x, const float *stats, size_t rows, size_t n) {
    if (dg) ldr__sums_columns(s, LDR__SUM_NORM, dg, dy, x, stats, n, rows, n);
    if (db) ldr__sums_columns(s, LDR__SUM_COLUMNS, db, dy, NULL, NULL, n, rows, n);
}

/* The same, and with e = dy g:  layer: dx (+)= rstd (e - mean(e) - xhat mean(e xhat));  rms: the same without mean(e). */
static void ldr__norm_backward(const ldr__exec *ex, float *dx, int add, float *dg, float *db, const float *dy, const float *x, const float *stats, const float *g, size_t rows, size_t n, ldr_norm kind) {
    if (dg || db) {
        ldr__sums s;
        ldr__sums_begin(&s, ex);
        ldr__norm_gradients(&s, dg, db, dy, x, stats, rows, n);
        ldr__sums_make(&s);
    }
    LDR__ROW_LOOP(t, rows, ex, ex->kernels->rows->norm_backward(dx + t * n, add, dy + t * n, x + t * n, stats + 2 * t, g, n, kind == LDR_NORM_RMS);)
}

/* r = x + dropout(r);  y = norm(r).  The tail of every sublayer, one visit to each row. y NULL: no norm. */
static void ldr__residual_norm_forward(const ldr__exec *ex, float *y, float *r, const float *x, float *stats, const float *g, const float *b, size_t rows, size_t n,
                                       ldr_norm kind, float eps, const ldr__dropout *drop) {
    LDR__ROW_LOOP(t, rows, ex, {
        float *row = r + t * n;
        const float *from = x + t * n;
        ldr__dropout_apply(ex->kernels, row, n, drop, t, 0);
        ex->kernels->rows->add(row, from, n);
        if (y) ex->kernels->rows->norm(y + t * n, stats ? stats + 2 * t : NULL, row, g, b, n, kind == LDR_NORM_RMS, eps);
    })
}

/* d = dropout mask applied to dy: the gradient that enters a sublayer from its residual sum. */
static void ldr__dropout_backward(const ldr__exec *ex, float *d, const float *dy, size_t rows, size_t n, const ldr__dropout *drop) {
    LDR__ROW_LOOP(t, rows, ex, {
        memcpy(d + t * n, dy + t * n, n * sizeof(float));
        ldr__dropout_apply(ex->kernels, d + t * n, n, drop, t, 0);
    })
}

/* Rotary positions (Su et al. 2021) in the half-split layout of Llama: for i < n/2, angle
   pos theta^(-2i/n):  (x_i, x_{i+n/2}) -> (x_i cos - x_{i+n/2} sin, x_{i+n/2} cos + x_i sin).
   direction -1 turns back, which is the backward. */
static void ldr__rotary(const ldr__exec *ex, float *x, size_t ld, const int32_t *position, size_t rows, int32_t heads, int32_t n, const float *frequency, float direction) {
    LDR__ROW_LOOP(t, rows, ex, {
        int32_t h, i;
        for (i = 0; i < n / 2; i++) {
            float angle = (float)position[t] * frequency[i], c = cosf(angle), s = sinf(angle) * direction;
            for (h = 0; h < heads; h++) {
                float *p = x + t * ld + (size_t)(h * n + i);
                float u = p[0], v = p[n / 2];
                p[0] = u * c - v * s;
                p[n / 2] = v * c + u * s;
            }
        }
    })
}

/* ---- rows that are kept -------------------------------------------------------------------
   As floats, as bf16, or as int8 after their scale: what a tap cache holds, and what a step keeps of its taps. */

static int ldr__packs(ldr_dtype type) { return type == LDR_F32 || type == LDR_BF16 || type == LDR_I8; }
static size_t ldr__packed_row(size_t n, ldr_dtype type) { return type == LDR_I8 ? 4 + n : n * ldr_dtype_size(type); }

static void ldr__rows_unpack(const ldr__kernels *ker, float *x, const unsigned char *in, size_t rows, size_t n, ldr_dtype type) {
    if (type == LDR_I8) ker->rows->unpack_int8(x, in, rows, n);
    else ker->to_float(x, in, type, rows * n);
}

/* ---- attention ----------------------------------------------------------------------
   For every sequence and head:  S = scale Q K^T,  P = softmax(S) (causal: only j <= i),
   O = dropout(P) V  (Vaswani et al. 2017). As many queries as a panel is wide stand side by side,
   and meet LDR__STRETCH keys at a time: scores are a piece of S^T, already a panel for the next
   product, softmax runs in lanes that never meet, and its maximum and sum are kept up as pieces
   come (Milakov & Gimelshein 2018). The backward makes scores again from the log-sum-exp of each
   query (Dao et al. 2022), so nothing of size T x T is ever stored; there keys stand side by side
   and meet as many queries, so that only one of its products, dQ, is as narrow as a head. A task
   is one sequence and one key/value head: it alone writes that head's O, dQ, dK and dV. */
enum { LDR__STRETCH = 128 };

typedef struct ldr__attention {
    int32_t        heads, kv_heads, head_dim, causal;
    float          scale;
    int32_t        sequences;
    const int32_t *offsets;            /* [sequences+1]; rows are counted from offsets[0] on  */
    const int32_t *only;               /* [sequences] the one row of each that asks, counted likewise; NULL: every row does. out has these rows alone */
    size_t         ld;                 /* row stride of q, k, v: heads*head_dim + 2*kv_heads*head_dim */
    const ldr__dropout *drop;
} ldr__attention;

/* Floats of per-thread scratch for sequences of up to n tokens, forward and backward. */
static size_t ldr__attention_scratch(size_t n, size_t head_dim) {
    const size_t nr = LDR__TILE_MAX_N;
    return n * (2 * head_dim + ldr__round_up(head_dim, 16) + 2) + 4 * head_dim * nr + nr * ldr__round_up(head_dim, nr) + 2 * LDR__STRETCH * nr;
}

/* The rows of one head to or from where they lie close together: thousands of bytes apart they would share cache sets. */
static void ldr__head_rows(float *dst, size_t to, const float *src, size_t from, size_t n, size_t d) {
    size_t i, c;
    for (i = 0; i < n; i++, dst += to, src += from) {
        for (c = 0; c + 8 <= d; c += 8) memcpy(dst + c, src + c, 8 * sizeof(float));
        for (; c < d; c++) dst[c] = src[c];
    }
}

static float ldr__dot(const float *a, const float *b, size_t n) {
    float sums[4] = { 0, 0, 0, 0 };
    size_t i;
    int l;
    for (i = 0; i + 4 <= n; i += 4)
        for (l = 0; l < 4; l++) sums[l] += a[i + (size_t)l] * b[i + (size_t)l];
    for (; i < n; i++) sums[0] += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* Keys [j0, j0 + keys) that come after a query i0 + l get a score whose exponential is 0. */
static void ldr__hide_later(float *s, size_t keys, size_t n, size_t j0, size_t i0) {
    size_t j, l;
    for (j = i0 < j0 ? 0 : i0 - j0 + 1; j < keys; j++)
        for (l = 0; l < n && l < j0 + j - i0; l++) s[j * n + l] = -FLT_MAX;
}

/* Threshold and rows of the dropout of P, if there is any. */
static uint32_t ldr__attention_dropout(uint32_t *rows, float *kept, const ldr__attention *a, size_t first, size_t n, size_t h) {
    size_t i;
    if (!a->drop || a->drop->p <= 0) return 0;
    *kept = 1.0f / (1.0f - a->drop->p);
    for (i = 0; i < n; i++) rows[i] = ldr__dropout_row(a->drop, first + i, (uint64_t)h + 1);
    return (uint32_t)((double)a->drop->p * 4294967296.0);
}

/* The parts of rows that one head has, to be fetched. */
static ldr__ahead ldr__head_ahead(const float *at, size_t ld, size_t rows, size_t d) { return ldr__ahead_of((uintptr_t)at, ld * sizeof(float), rows, d * sizeof(float), 1); }

/* What a thread's next task is likely to read first: keys, values and queries, and on the way back what came out and its gradient. Rows of a head are too far
   apart for the processor to see by itself which comes next. Places 1 to `places` are left for where this task will write. */
static void ldr__attention_ahead(ldr__fetches *s, const ldr__attention *a, size_t task, const float *qkv, const float *out, const float *dout, int places) {
    size_t d = (size_t)a->head_dim, inner = (size_t)a->heads * d, kv_heads = (size_t)a->kv_heads, seq = task / kv_heads, kv = task % kv_heads, first, n;
    ldr__fetches_clear(s);
    s->count += places;
    if (seq >= (size_t)a->sequences) return;
    first = (size_t)(a->offsets[seq] - a->offsets[0]);
    n = (size_t)(a->offsets[seq + 1] - a->offsets[seq]);
    qkv += first * a->ld;
    ldr__fetches_add(s, ldr__head_ahead(qkv + inner + kv * d, a->ld, n, d));
    ldr__fetches_add(s, ldr__head_ahead(qkv + inner + (kv_heads + kv) * d, a->ld, n, d));
    if (a->only) return;
    ldr__fetches_add(s, ldr__head_ahead(qkv + kv * (inner / kv_heads), a->ld, n, inner / kv_heads));
    if (out) ldr__fetches_add(s, ldr__head_ahead(out + first * inner + kv * (inner / kv_heads), inner, n, inner / kv_heads));
    if (dout) ldr__fetches_add(s, ldr__head_ahead(dout + first * inner + kv * (inner / kv_heads), inner, n, inner / kv_heads));
}

static void ldr__attention_forward(const ldr__exec *ex, float *out, float *lse, const float *qkv, const ldr__attention *a) {
    const ldr__kernels *ker = ex->kernels;
    const size_t d = (size_t)a->head_dim, inner = (size_t)a->heads * d, ld = a->ld, nr = (size_t)ker->nr, group = (size_t)(a->heads / a->kv_heads);
    LDR__FOR(task, (int64_t)a->sequences * a->kv_heads, ex->threads) {
        size_t seq = (size_t)(task / a->kv_heads), kv = (size_t)(task % a->kv_heads), h, i0, j0, i, c, rows, keys;
        size_t first = (size_t)(a->offsets[seq] - a->offsets[0]), n = (size_t)(a->offsets[seq + 1] - a->offsets[seq]);
        size_t begin = a->only ? (size_t)(a->only[seq] - a->offsets[seq]) : 0, end = a->only ? begin + 1 : n, to = a->only ? seq : first;
        float *k = ex->scratch + (size_t)ldr__thread() * ex->scratch_size, *v = k + n * d, *q = v + n * d, *o = q + d * nr, *s = o + d * nr;
        const float *base = qkv + first * ld;
        ldr__softmax soft;
        ldr__fetches soon;
        ldr__attention_ahead(&soon, a, (size_t)task + (size_t)ex->threads, qkv, NULL, NULL, 1);
        ldr__head_rows(k, d, base + inner + kv * d, ld, n, d);
        ldr__head_rows(v, d, base + inner + ((size_t)a->kv_heads + kv) * d, ld, n, d);
        for (h = kv * group; h < (kv + 1) * group; h++)
            for (i0 = begin; i0 < end; i0 += rows) {
                size_t all;
                float *y = out + (to + i0 - begin) * inner + h * d;
                rows = LDR__MIN(nr, end - i0);
                all = a->causal ? i0 + rows : n;
                ldr__fetches_put(&soon, 1, ldr__head_ahead(y, inner, rows, d));
                memset(&soft, 0, sizeof soft);
                soft.scale = a->scale;
                soft.threshold = ldr__attention_dropout(soft.row, &soft.kept, a, first + i0, rows, h);
                for (i = 0; i < nr; i++) soft.peak[i] = -FLT_MAX;
                ldr__pack_panels(ker, q, ldr__mat_float(base + i0 * ld + h * d, 1, ld), d, rows);
                for (j0 = 0; j0 < all; j0 += keys) {
                    keys = LDR__MIN((size_t)LDR__STRETCH, all - j0);
                    ldr__panels_multiply(ker, s, nr, k + j0 * d, d, 1, q, d, keys, nr, d, NULL, NULL, 0, &soon);
                    if (a->causal) ldr__hide_later(s, keys, nr, j0, i0);
                    ker->rows->softmax(s, keys, nr, &soft, j0);
                    for (c = 0; j0 && c < d; c++)
                        for (i = 0; i < nr; i++) o[c * nr + i] *= soft.fix[i];
                    ldr__panels_multiply(ker, o, nr, v + j0 * d, 1, d, s, keys, d, nr, keys, NULL, NULL, j0 > 0, &soon);
                }
                for (i = 0; i < rows; i++) {
                    if (lse) lse[(first + i0 + i) * (size_t)a->heads + h] = soft.peak[i] + logf(soft.sum[i]);
                    soft.fix[i] = 1.0f / soft.sum[i];
                }
                ker->rows->turn(y, inner, o, nr, soft.fix, rows, d, 0);
            }
    }
}

/* With D_i = dO_i . O_i:  dV = dropout(P)^T dO,  dS = scale P (dropout(dO V^T) - D),  dQ = dS K,  dK = dS^T Q.
   Overwrites dqkv; rows that did not ask have dQ = 0. */
static void ldr__attention_backward(const ldr__exec *ex, float *dqkv, const float *dout, const float *out, const float *lse, const float *qkv, const ldr__attention *a) {
    const ldr__kernels *ker = ex->kernels;
    const size_t d = (size_t)a->head_dim, inner = (size_t)a->heads * d, ld = a->ld, nr = (size_t)ker->nr, group = (size_t)(a->heads / a->kv_heads), apart = ldr__round_up(d, 16);
    LDR__FOR(task, (int64_t)a->sequences * a->kv_heads, ex->threads) {
        size_t seq = (size_t)(task / a->kv_heads), kv = (size_t)(task % a->kv_heads), h, i0, j0, i, rows, keys;
        size_t first = (size_t)(a->offsets[seq] - a->offsets[0]), n = (size_t)(a->offsets[seq + 1] - a->offsets[seq]);
        size_t begin = a->only ? (size_t)(a->only[seq] - a->offsets[seq]) : 0, asking = a->only ? 1 : n, to = a->only ? seq : first;
        float *q = ex->scratch + (size_t)ldr__thread() * ex->scratch_size, *g = q + n * d, *dq = g + n * d, *dot = dq + n * apart, *sums = dot + n;
        float *k = sums + n, *v = k + d * nr, *dk = v + d * nr, *dv = dk + d * nr, *kr = dv + d * nr, *s = kr + nr * ldr__round_up(d, nr), *e = s + LDR__STRETCH * nr;      /* kr: the rows of k, not side by side */
        const float *keys_at = qkv + first * ld + inner + kv * d, *values_at = keys_at + (size_t)a->kv_heads * d;
        float *dbase = dqkv + first * ld;
        ldr__fetches soon;
        ldr__attention_ahead(&soon, a, (size_t)task + (size_t)ex->threads, qkv, out, dout, 3);
        for (i = 0; a->only && i < n; i++) memset(dbase + i * ld + kv * group * d, 0, group * d * sizeof(float));
        for (h = kv * group; h < (kv + 1) * group; h++) {
            const float *at = dout + to * inner + h * d, *o = out + to * inner + h * d;
            ldr__head_rows(q, d, qkv + (first + begin) * ld + h * d, ld, asking, d);
            ldr__head_rows(g, d, at, inner, asking, d);
            for (i = 0; i < asking; i++) {
                dot[i] = ldr__dot(at + i * inner, o + i * inner, d);
                sums[i] = lse[(first + begin + i) * (size_t)a->heads + h];
            }
            memset(dq, 0, asking * apart * sizeof(float));
            ldr__fetches_put(&soon, 3, ldr__head_ahead(dbase + begin * ld + h * d, ld, asking, d));
            for (j0 = 0; j0 < n; j0 += nr) {
                float *to_k = dbase + j0 * ld + inner + kv * d, *to_v = to_k + (size_t)a->kv_heads * d;
                keys = LDR__MIN(nr, n - j0);
                ldr__fetches_put(&soon, 1, ldr__head_ahead(to_k, ld, keys, d));
                ldr__fetches_put(&soon, 2, ldr__head_ahead(to_v, ld, keys, d));
                ldr__pack_panels(ker, k, ldr__mat_float(keys_at + j0 * ld, 1, ld), d, keys);
                ldr__pack_panels(ker, v, ldr__mat_float(values_at + j0 * ld, 1, ld), d, keys);
                ldr__pack_panels(ker, kr, ldr__mat_float(keys_at + j0 * ld, ld, 1), keys, d);
                memset(dk, 0, 2 * d * nr * sizeof(float));
                for (i0 = a->causal && j0 > begin ? j0 - begin : 0; i0 < asking; i0 += rows) {
                    uint32_t drops[LDR__STRETCH];
                    ldr__softmax_back soft;
                    rows = LDR__MIN((size_t)LDR__STRETCH, asking - i0);
                    soft.lse = sums + i0;
                    soft.dot = dot + i0;
                    soft.row = drops;
                    soft.scale = a->scale;
                    soft.kept = 1;
                    soft.threshold = ldr__attention_dropout(drops, &soft.kept, a, first + begin + i0, rows, h);
                    ldr__panels_multiply(ker, s, nr, q + i0 * d, d, 1, k, d, rows, nr, d, NULL, NULL, 0, &soon);
                    ldr__panels_multiply(ker, e, nr, g + i0 * d, d, 1, v, d, rows, nr, d, NULL, NULL, 0, &soon);
                    for (i = 0; a->causal && i < rows && begin + i0 + i < j0 + keys; i++) {      /* keys that come later */
                        size_t l;
                        for (l = begin + i0 + i + 1 - j0; l < keys; l++) s[i * nr + l] = -FLT_MAX;
                    }
                    ker->rows->softmax_backward(s, e, rows, nr, &soft, j0);
                    ldr__panels_multiply(ker, dq + i0 * apart, apart, e, nr, 1, kr, keys, rows, d, keys, NULL, NULL, 1, &soon);
                    ldr__panels_multiply(ker, dk, nr, q + i0 * d, 1, d, e, rows, d, nr, rows, NULL, NULL, 1, &soon);
                    ldr__panels_multiply(ker, dv, nr, g + i0 * d, 1, d, s, rows, d, nr, rows, NULL, NULL, 1, &soon);
                }
                ker->rows->turn(to_k, ld, dk, nr, NULL, keys, d, h > kv * group);
                ker->rows->turn(to_v, ld, dv, nr, NULL, keys, d, h > kv * group);
            }
            ldr__head_rows(dbase + begin * ld + h * d, ld, dq, apart, asking, d);
        }
    }
}

/* ======================================================================================
   >>json              A strict reader for headers, configurations and data
   --------------------------------------------------------------------------------------
   One pass, no recursion, no copy: a node remembers where its text lies. Depth is bounded by
   a counter and memory by the text (a node needs at least one byte of it).
   ====================================================================================== */

struct ldr_json {
    ldr_allocator  alloc;
    const char    *text;
    ldr_json_node *nodes;
    size_t         count, capacity;
};

/* Length of the well-formed UTF-8 sequence at s (1 to 4), or 0. Unicode 15, table 3-7. */
static size_t ldr__utf8_length(const unsigned char *s, size_t n) {
    unsigned c = s[0], low = 0x80, high = 0xbf;
    size_t need, i;
    if (c < 0x80) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n < need) return 0;
    if (c == 0xe0) low = 0xa0;
    if (c == 0xed) high = 0x9f;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;
    if (s[1] < low || s[1] > high) return 0;
    for (i = 2; i < need; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return need;
}

static int ldr__is_utf8(const char *s) {
    size_t n = strlen(s), i, k;
    for (i = 0; i < n; i += k) {
        k = ldr__utf8_length((const unsigned char *)s + i, n - i);
        if (!k) return 0;
    }
    return 1;
}

static size_t ldr__utf8_put(char *dst, uint32_t c) {
    if (c < 0x80) {
        dst[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        dst[0] = (char)(0xc0 | c >> 6);
        dst[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        dst[0] = (char)(0xe0 | c >> 12);
        dst[1] = (char)(0x80 | (c >> 6 & 63));
        dst[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    dst[0] = (char)(0xf0 | c >> 18);
    dst[1] = (char)(0x80 | (c >> 12 & 63));
    dst[2] = (char)(0x80 | (c >> 6 & 63));
    dst[3] = (char)(0x80 | (c & 63));
    return 4;
}

static int ldr__hex4(const char *s, size_t n, uint32_t *out) {
    size_t i;
    uint32_t v = 0;
    if (n < 4) return 0;
    for (i = 0; i < 4; i++) {
        char c = s[i];
        if (c >= '0' && c <= '9') v = v * 16 + (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f') v = v * 16 + (uint32_t)((c | 32) - 'a') + 10;
        else return 0;
    }
    *out = v;
    return 1;
}

/* Steps over the escape whose backslash is at s[0]; returns its length (2, 6 or 12) and the
   character, or 0. A surrogate must come with its other half. */
static size_t ldr__json_escape(const char *s, size_t n, uint32_t *out) {
    uint32_t high, low;
    if (n < 2) return 0;
    switch (s[1]) {
        case '"': case '\\': case '/': *out = (uint32_t)(unsigned char)s[1]; return 2;
        case 'b': *out = 8; return 2;
        case 'f': *out = 12; return 2;
        case 'n': *out = 10; return 2;
        case 'r': *out = 13; return 2;
        case 't': *out = 9; return 2;
        case 'u': break;
        default: return 0;
    }
    if (!ldr__hex4(s + 2, n - 2, &high) || (high >= 0xdc00 && high <= 0xdfff)) return 0;
    if (high < 0xd800 || high > 0xdfff) {
        *out = high;
        return 6;
    }
    if (n < 12 || s[6] != '\\' || s[7] != 'u' || !ldr__hex4(s + 8, n - 8, &low) || low < 0xdc00 || low > 0xdfff) return 0;
    *out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

static int ldr__digit(char c) { return c >= '0' && c <= '9'; }

/* Length of the JSON number at s, or 0. */
static size_t ldr__json_number_length(const char *s, size_t n) {
    size_t i = 0;
    if (i < n && s[i] == '-') i++;
    if (i >= n || !ldr__digit(s[i])) return 0;
    if (s[i] == '0') i++;
    else while (i < n && ldr__digit(s[i])) i++;
    if (i < n && s[i] == '.') {
        if (++i >= n || !ldr__digit(s[i])) return 0;
        while (i < n && ldr__digit(s[i])) i++;
    }
    if (i < n && (s[i] | 32) == 'e') {
        if (++i < n && (s[i] == '+' || s[i] == '-')) i++;
        if (i >= n || !ldr__digit(s[i])) return 0;
        while (i < n && ldr__digit(s[i])) i++;
    }
    return i;
}

static size_t ldr__json_space(const char *s, size_t n, size_t i) {
    while (i < n && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r')) i++;
    return i;
}

/* Index after the closing quote of the string whose first character is s[i], or 0 with *bad set. */
static size_t ldr__json_string_end(const char *s, size_t n, size_t i, size_t *bad) {
    while (i < n && s[i] != '"') {
        uint32_t c;
        size_t step = (unsigned char)s[i] < 32 ? 0 : s[i] == '\\' ? ldr__json_escape(s + i, n - i, &c)
                                                                 : ldr__utf8_length((const unsigned char *)s + i, n - i);
        if (step == 0) break;
        i += step;
    }
    if (i < n && s[i] == '"') return i + 1;
    *bad = i;
    return 0;
}

static int32_t ldr__json_push(ldr_json *j, ldr_json_type type, size_t begin, size_t end) {
    void *nodes = j->nodes;
    ldr_json_node *n;
    if (j->count >= INT32_MAX || !ldr__grow(&j->alloc, &nodes, &j->capacity, j->count + 1, sizeof *j->nodes)) return -1;
    j->nodes = (ldr_json_node *)nodes;
    n = &j->nodes[j->count];
    n->type = (int32_t)type;
    n->next = n->first = -1;
    n->count = 0;
    n->begin = begin;
    n->end = end;
    return (int32_t)j->count++;
}

/* Reads a scalar (or the opening of a container) at *at; returns its node or -1 with err set. */
static int32_t ldr__json_value(ldr_json *j, const char *s, size_t n, size_t *at, ldr_error *err) {
    static const struct { const char *word; size_t length; ldr_json_type type; } words[] = {
        { "null", 4, LDR_JSON_NULL }, { "false", 5, LDR_JSON_FALSE }, { "true", 4, LDR_JSON_TRUE } };
    size_t i = *at, length, w, bad = 0;
    int32_t node = -1;
    if (i >= n) {
        ldr__fail(err, LDR_JSON, i, "JSON: the text ends where a value should be");
        return -1;
    }
    if (s[i] == '"') {
        length = ldr__json_string_end(s, n, i + 1, &bad);
        if (!length) {
            ldr__fail(err, LDR_JSON, bad, bad >= n ? "JSON: a string has no closing quote"
                                                    : "JSON: a string holds a bad escape, a control character or bytes that are not UTF-8");
            return -1;
        }
        node = ldr__json_push(j, LDR_JSON_STRING, i + 1, length - 1);
        *at = length;
    } else if (s[i] == '{' || s[i] == '[') {
        node = ldr__json_push(j, s[i] == '{' ? LDR_JSON_OBJECT : LDR_JSON_ARRAY, i, i + 1);
        *at = i + 1;
    } else if ((length = ldr__json_number_length(s + i, n - i)) > 0) {
        node = ldr__json_push(j, LDR_JSON_NUMBER, i, i + length);
        *at = i + length;
    } else {
        for (w = 0; w < 3; w++)
            if (n - i >= words[w].length && memcmp(s + i, words[w].word, words[w].length) == 0) break;
        if (w == 3) {
            ldr__fail(err, LDR_JSON, i, "JSON: expected a value");
            return -1;
        }
        node = ldr__json_push(j, words[w].type, i, i + words[w].length);
        *at = i + words[w].length;
    }
    if (node < 0) ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading JSON");
    return node;
}

static ldr_status ldr__json_parse_value(ldr_json *j, const char *s, size_t n, size_t *at, ldr_error *err) {
    int32_t stack[LADDER_MAX_JSON_DEPTH], last[LADDER_MAX_JSON_DEPTH], depth = 0, node;
    size_t i = ldr__json_space(s, n, *at);
    int expect_value = 1;
    for (;;) {
        if (expect_value) {
            int is_key = depth > 0 && j->nodes[stack[depth - 1]].type == LDR_JSON_OBJECT && last[depth - 1] == -2;
            if (is_key && (i >= n || s[i] != '"')) return ldr__fail(err, LDR_JSON, i, "JSON: expected a key in double quotes");
            node = ldr__json_value(j, s, n, &i, err);
            if (node < 0) return err ? err->status : LDR_JSON;
            if (depth > 0) {
                ldr_json_node *parent = &j->nodes[stack[depth - 1]];
                if (parent->first < 0) parent->first = node;
                if (is_key) {
                    i = ldr__json_space(s, n, i);
                    if (i >= n || s[i] != ':') return ldr__fail(err, LDR_JSON, i, "JSON: expected ':' after a key");
                    i = ldr__json_space(s, n, i + 1);
                    last[depth - 1] = node;
                    continue;
                }
                parent->count++;
            }
            if (j->nodes[node].type >= LDR_JSON_ARRAY) {
                if (depth == LADDER_MAX_JSON_DEPTH) return ldr__fail(err, LDR_LIMIT, i - 1, "JSON: nested deeper than %d levels (LADDER_MAX_JSON_DEPTH)", LADDER_MAX_JSON_DEPTH);
                stack[depth] = node;
                last[depth++] = -2;
                i = ldr__json_space(s, n, i);
                if (i < n && s[i] == (j->nodes[node].type == LDR_JSON_OBJECT ? '}' : ']')) expect_value = 0;
                continue;
            }
            expect_value = 0;
        }
        /* A value or an empty container stands complete: close containers, or go on after a comma. */
        if (depth == 0) break;
        i = ldr__json_space(s, n, i);
        node = stack[depth - 1];
        if (i < n && s[i] == (j->nodes[node].type == LDR_JSON_OBJECT ? '}' : ']')) {
            i++;
            j->nodes[node].end = i;
            if (--depth == 0) break;
        } else if (i < n && s[i] == ',') {
            i = ldr__json_space(s, n, i + 1);
            last[depth - 1] = -2;
            expect_value = 1;
        } else return ldr__fail(err, LDR_JSON, i, "JSON: expected ',' or the end of the %s", j->nodes[node].type == LDR_JSON_OBJECT ? "object" : "array");
    }
    *at = i;
    return LDR_OK;
}

/* Siblings are linked afterwards: children are stored in order, and a node's subtree ends where
   its text ends, so one backward sweep with the container ends is enough. */
static void ldr__json_link(ldr_json *j) {
    size_t i;
    for (i = 0; i < j->count; i++) {
        ldr_json_node *parent = &j->nodes[i];
        int32_t child = parent->first, left;
        if (child < 0) continue;
        left = parent->count * (parent->type == LDR_JSON_OBJECT ? 2 : 1);
        while (--left > 0) {
            ldr_json_node *c = &j->nodes[child];
            int32_t next = child + 1;
            if (c->type >= LDR_JSON_ARRAY && c->first >= 0) next = -c->next;
            c->next = next;
            child = next;
        }
        j->nodes[child].next = -1;
    }
}

/* Before linking, a non-empty container's `next` holds minus the index after its subtree. */
static void ldr__json_mark_subtrees(ldr_json *j) {
    size_t i;
    int32_t stack[LADDER_MAX_JSON_DEPTH], depth = 0;
    for (i = 0; i <= j->count; i++) {
        while (depth > 0 && (i == j->count || j->nodes[i].begin >= j->nodes[stack[depth - 1]].end)) j->nodes[stack[--depth]].next = -(int32_t)i;
        if (i < j->count && j->nodes[i].type >= LDR_JSON_ARRAY && j->nodes[i].first >= 0) stack[depth++] = (int32_t)i;
    }
}

LDR__DEF ldr_json *ldr_json_parse_next(const char *text, size_t size, size_t *used, const ldr_allocator *alloc, ldr_error *err) {
    ldr_allocator a = ldr__allocator(alloc);
    ldr_error local;
    ldr_json *j;
    size_t at = 0;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!text || !used || !ldr__allocator_valid(alloc)) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_json_parse: text or allocator missing");
        return NULL;
    }
    j = (ldr_json *)ldr__alloc(&a, sizeof *j);
    if (!j) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading JSON");
        return NULL;
    }
    memset(j, 0, sizeof *j);
    j->alloc = a;
    j->text = text;
    if (ldr__json_parse_value(j, text, size, &at, err)) {
        ldr_json_free(j);
        return NULL;
    }
    ldr__json_mark_subtrees(j);
    ldr__json_link(j);
    if (j->count > 0) j->nodes[0].next = -1;
    *used = ldr__json_space(text, size, at);
    return j;
}

LDR__DEF ldr_json *ldr_json_parse(const char *text, size_t size, const ldr_allocator *alloc, ldr_error *err) {
    size_t used = 0;
    ldr_json *j = ldr_json_parse_next(text, size, &used, alloc, err);
    if (j && used != size) {
        ldr__fail(err, LDR_JSON, used, "JSON: something stands after the value");
        ldr_json_free(j);
        return NULL;
    }
    return j;
}

LDR__DEF void ldr_json_free(ldr_json *j) {
    ldr_allocator a;
    if (!j) return;
    a = j->alloc;
    ldr__free(&a, j->nodes, j->capacity * sizeof *j->nodes);
    ldr__free(&a, j, sizeof *j);
}

LDR__DEF const ldr_json_node *ldr_json_node_at(const ldr_json *j, int32_t node) {
    return j && node >= 0 && (size_t)node < j->count ? &j->nodes[node] : NULL;
}

LDR__DEF ptrdiff_t ldr_json_string(char *dst, size_t cap, const ldr_json *j, int32_t node) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    size_t i, length = 0;
    if (cap) dst[0] = 0;
    if (!n || n->type != LDR_JSON_STRING) return -1;
    for (i = n->begin; i < n->end;) {
        char utf8[4];
        uint32_t c;
        size_t bytes = 1, k;
        utf8[0] = j->text[i];
        if (j->text[i] == '\\') {
            i += ldr__json_escape(j->text + i, n->end - i, &c);
            bytes = ldr__utf8_put(utf8, c);
        } else i++;
        for (k = 0; k < bytes; k++, length++)
            if (length + 1 < cap) dst[length] = utf8[k];
    }
    if (cap) dst[LDR__MIN(length, cap - 1)] = 0;
    return (ptrdiff_t)length;
}

LDR__DEF int32_t ldr_json_equals(const ldr_json *j, int32_t node, const char *text) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    size_t i, at = 0, length = strlen(text);
    if (!n || n->type != LDR_JSON_STRING) return 0;
    for (i = n->begin; i < n->end;) {
        char utf8[4];
        uint32_t c;
        size_t bytes = 1;
        utf8[0] = j->text[i];
        if (j->text[i] == '\\') {
            i += ldr__json_escape(j->text + i, n->end - i, &c);
            bytes = ldr__utf8_put(utf8, c);
        } else i++;
        if (length - at < bytes || memcmp(text + at, utf8, bytes) != 0) return 0;
        at += bytes;
    }
    return at == length;
}

LDR__DEF int32_t ldr_json_get(const ldr_json *j, int32_t object, const char *key) {
    const ldr_json_node *n = ldr_json_node_at(j, object);
    int32_t k, found = -1;
    if (!n || n->type != LDR_JSON_OBJECT) return -1;
    for (k = n->first; k >= 0;) {
        int32_t value = j->nodes[k].next;
        if (ldr_json_equals(j, k, key)) found = value;     /* a repeated key: the last one counts, as in Python */
        k = j->nodes[value].next;
    }
    return found;
}

/* Decimal text to double without strtod, whose answer depends on the locale. At most 18 digits
   enter the mantissa, so the result is within 2 ulp; configurations and labels need no more. */
static double ldr__parse_double(const char *s, size_t n) {
    size_t i = 0;
    int negative = 0, point = 0, digits = 0;
    int exponent = 0;
    uint64_t mantissa = 0;
    double value;
    if (i < n && (s[i] == '-' || s[i] == '+')) negative = s[i++] == '-';
    for (; i < n && (ldr__digit(s[i]) || (s[i] == '.' && !point)); i++) {
        if (s[i] == '.') {
            point = 1;
            continue;
        }
        if (digits < 18) {
            mantissa = mantissa * 10 + (uint64_t)(s[i] - '0');
            if (mantissa) digits++;
            if (point) exponent--;
        } else if (!point && exponent < 100000) exponent++;
    }
    if (i < n && (s[i] | 32) == 'e') {
        int e = 0, e_negative = 0;
        i++;
        if (i < n && (s[i] == '-' || s[i] == '+')) e_negative = s[i++] == '-';
        for (; i < n && ldr__digit(s[i]); i++)
            if (e < 100000) e = e * 10 + (s[i] - '0');
        exponent += e_negative ? -e : e;
    }
    value = (double)mantissa;
    if (mantissa != 0 && exponent != 0) value = exponent < -300 ? value / 1e300 / pow(10.0, (double)-(exponent + 300)) : exponent < 0 ? value / pow(10.0, (double)-exponent) : value * pow(10.0, (double)exponent);
    return negative ? -value : value;
}

LDR__DEF double ldr_json_number(const ldr_json *j, int32_t node, double otherwise) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    if (!n || n->type != LDR_JSON_NUMBER) return otherwise;
    return ldr__parse_double(j->text + n->begin, n->end - n->begin);
}

/* ======================================================================================
   >>source            Bytes from a mapping, a file or constant memory
   --------------------------------------------------------------------------------------
   A mapping is read-only: a write into a backbone weight would fault, which is how "the
   backbone is frozen" is enforced and not only promised.
   ====================================================================================== */

typedef struct ldr__source {
    const unsigned char *data;
    size_t               size;
    int                  kind;      /* 0 borrowed, 1 allocated, 2 mapped                     */
    ldr_allocator        alloc;
} ldr__source;

static void ldr__source_borrow(ldr__source *s, const void *data, size_t size) {
    memset(s, 0, sizeof *s);
    s->data = (const unsigned char *)data;
    s->size = size;
}

#if LDR__HAVE_MMAP && defined(MADV_DONTNEED)
  #define LDR__GIVES_BACK 1
#else
  #define LDR__GIVES_BACK 0
#endif

/* Hands the memory of whole pages within data[0..size) back to the system. They are pages of a file that is only read: the next
   look at them gets the same bytes again, from the system's cache or the disk. For anything but a mapping it does nothing. */
static void ldr__source_release(const ldr__source *s, const void *data, size_t size) {
#if LDR__GIVES_BACK
    uintptr_t base = (uintptr_t)s->data, begin = (uintptr_t)data, end = begin + size;
    long page = sysconf(_SC_PAGESIZE);
    if (s->kind != 2 || page < 1 || begin < base || begin - base > s->size || size > s->size - (begin - base)) return;
    begin = base + (begin - base + (uintptr_t)page - 1) / (uintptr_t)page * (uintptr_t)page;
    end = base + (end - base) / (uintptr_t)page * (uintptr_t)page;
    if (begin < end) madvise((void *)begin, (size_t)(end - begin), MADV_DONTNEED);
#else
    (void)s; (void)data; (void)size;
#endif
}

static void ldr__source_close(ldr__source *s) {
    if (s->kind == 1) ldr__free(&s->alloc, (void *)(uintptr_t)s->data, s->size + 1);      /* and the spare NUL */
#if LDR__HAVE_MMAP
    if (s->kind == 2) munmap((void *)(uintptr_t)s->data, s->size);
#endif
    memset(s, 0, sizeof *s);
}

/* Where a saved object goes: a file, or memory (NULL: only counted). */
typedef struct ldr__writer {
    ldr_status     status;
    unsigned char *memory;
    size_t         capacity, used;
#ifndef LADDER_NO_STDIO
    FILE          *f;
    char           path[LADDER_MAX_PATH], temporary[LADDER_MAX_PATH];
#endif
} ldr__writer;

static void ldr__writer_put(ldr__writer *w, const void *data, size_t n, ldr_error *err) {
    if (w->status) return;
    w->used += n;
#ifndef LADDER_NO_STDIO
    if (w->f) {
        if (n && fwrite(data, 1, n, w->f) != n) w->status = ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: writing failed: %s", w->temporary, strerror(errno));
        return;
    }
#endif
    if (!w->memory) return;
    if (w->used > w->capacity) w->status = ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the memory given holds %U bytes and more are needed: ask for the size first", (uint64_t)w->capacity);
    else memcpy(w->memory + w->used - n, data, n);
}

#ifndef LADDER_NO_STDIO

static int ldr__path_join(char *dst, size_t cap, const char *dir, const char *name) {
    ldr__text t;
    ldr__text_init(&t, dst, cap);
    ldr__text_string(&t, dir);
    if (t.used && dst[t.used - 1] != '/') ldr__text_string(&t, "/");
    ldr__text_string(&t, name);
    return !t.full;
}

static int ldr__file_exists(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f) fclose(f);
    return f != NULL;
}

/* Reads in growing blocks and never asks for the size: `ftell` is 32-bit on some systems and
   meaningless for pipes. Ends with one spare NUL byte, not counted. */
static ldr_status ldr__source_read(ldr__source *s, const char *path, const ldr_allocator *alloc, ldr_error *err) {
    void *data = NULL;
    size_t used = 0, capacity = 0, got;
    FILE *f = fopen(path, "rb");
    if (!f) return ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: cannot be opened: %s", path, strerror(errno));
    for (;;) {
        if (!ldr__grow(alloc, &data, &capacity, used + 65536, 1)) {
            fclose(f);
            ldr__free(alloc, data, capacity);
            return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "%s: out of memory after %U bytes", path, (uint64_t)used);
        }
        got = fread((char *)data + used, 1, capacity - used - 1, f);
        used += got;
        if (got == 0) break;
    }
    if (ferror(f)) {
        fclose(f);
        ldr__free(alloc, data, capacity);
        return ldr__fail(err, LDR_IO, used, "%s: reading failed: %s", path, strerror(errno));
    }
    fclose(f);
    ((unsigned char *)data)[used] = 0;
    if (capacity != used + 1) {          /* give back the slack: ldr__free wants the exact size */
        void *exact = ldr__alloc(alloc, used + 1);
        if (!exact) {
            ldr__free(alloc, data, capacity);
            return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "%s: out of memory: %U bytes could not be allocated", path, (uint64_t)used + 1);
        }
        memcpy(exact, data, used + 1);
        ldr__free(alloc, data, capacity);
        data = exact;
    }
    s->data = (const unsigned char *)data;
    s->size = used;
    s->kind = 1;
    s->alloc = ldr__allocator(alloc);
    return LDR_OK;
}

static ldr_status ldr__source_open(ldr__source *s, const char *path, const ldr_allocator *alloc, ldr_error *err) {
    memset(s, 0, sizeof *s);
#if LDR__HAVE_MMAP
    {
        struct stat st;
        void *map;
        int fd = open(path, O_RDONLY);
        if (fd < 0) return ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: cannot be opened: %s", path, strerror(errno));
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= SIZE_MAX) {
            map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
            if (map != MAP_FAILED) {
                close(fd);
                s->data = (const unsigned char *)map;
                s->size = (size_t)st.st_size;
                s->kind = 2;
                return LDR_OK;
            }
        }
        close(fd);
    }
#endif
    return ldr__source_read(s, path, alloc, err);
}

/* A file appears whole or not at all: written beside its final name, flushed to the disk, then
   renamed over it. A crash at any byte leaves the old file as it was. */
static ldr_status ldr__writer_open(ldr__writer *w, const char *path, ldr_error *err) {
    ldr__text t;
    memset(w, 0, sizeof *w);
    ldr__text_init(&t, w->path, sizeof w->path);
    ldr__text_string(&t, path);
    ldr__text_init(&t, w->temporary, sizeof w->temporary);
    ldr__text_string(&t, path);
    ldr__text_string(&t, ".partial");
    if (t.full) return w->status = ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the path is longer than %d bytes", LADDER_MAX_PATH - 16);
    w->f = fopen(w->temporary, "w+b");      /* a tap cache reads what it has written            */
    if (!w->f) return w->status = ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: cannot be created: %s", w->temporary, strerror(errno));
    return LDR_OK;
}

static ldr_status ldr__writer_close(ldr__writer *w, ldr_error *err) {
    if (w->f) {
        int bad = fclose(w->f) != 0;
#if LDR__HAVE_MMAP
        int fd = bad ? -1 : open(w->temporary, O_RDWR);      /* fileno is hidden in strict C99      */
        if (fd >= 0) {
            if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS) bad = 1;
            close(fd);
        }
#endif
        if (bad && !w->status) w->status = ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: writing failed: %s", w->temporary, strerror(errno));
        w->f = NULL;
        if (!w->status) {
#ifdef _WIN32
            remove(w->path);             /* rename does not replace on Windows                  */
#endif
            if (rename(w->temporary, w->path) != 0) w->status = ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: cannot be renamed into place: %s", w->temporary, strerror(errno));
        }
        if (w->status) remove(w->temporary);
    }
    return w->status;
}
#endif /* LADDER_NO_STDIO */

/* ======================================================================================
   >>safetensors       The weight file, checked before a byte of it is used
   --------------------------------------------------------------------------------------
   Everything a header can lie about is checked here: its length, its JSON, each type, shape,
   product and range, and that the ranges tile the data exactly, without overlap or hole.
   After that a tensor is a pointer, a type and a shape that can be trusted.
   ====================================================================================== */

typedef struct ldr__meta { const char *key, *value; uint64_t at; } ldr__meta;      /* at: the value's place in its file */

struct ldr_weights {
    ldr_allocator alloc;
    ldr__source  *files;
    int32_t       file_count;
    ldr_tensor   *tensors;
    size_t        count, capacity;
    ldr__meta    *metas;
    size_t        meta_count, meta_capacity;
    char        **strings;             /* every unescaped name and metadata text, for freeing */
    size_t        string_count, string_capacity;
};

static const char *ldr__weights_string(ldr_weights *w, const ldr_json *j, int32_t node, ldr_error *err) {
    ptrdiff_t n = ldr_json_string(NULL, 0, j, node);
    void *strings = w->strings;
    char *s;
    if (n < 0) return NULL;
    if (!ldr__grow(&w->alloc, &strings, &w->string_capacity, w->string_count + 1, sizeof *w->strings)) s = NULL;
    else {
        w->strings = (char **)strings;
        s = (char *)ldr__alloc(&w->alloc, (size_t)n + 1);
    }
    if (!s) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a safetensors header");
        return NULL;
    }
    ldr_json_string(s, (size_t)n + 1, j, node);
    if (strlen(s) != (size_t)n) {
        ldr__free(&w->alloc, s, (size_t)n + 1);
        ldr__fail(err, LDR_FORMAT, 8 + ldr_json_node_at(j, node)->begin, "safetensors header: a name or metadata text holds a NUL character");
        return NULL;
    }
    w->strings[w->string_count++] = s;
    return s;
}

/* A JSON number that is a whole, non-negative int64, exactly. */
static int ldr__json_integer(const ldr_json *j, int32_t node, int64_t *out) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    size_t i;
    int64_t v = 0;
    if (!n || n->type != LDR_JSON_NUMBER) return 0;
    for (i = n->begin; i < n->end; i++) {
        char c = j->text[i];
        if (!ldr__digit(c) || v > (INT64_MAX - (c - '0')) / 10) return 0;
        v = v * 10 + (c - '0');
    }
    *out = v;
    return 1;
}

static ldr_status ldr__safetensors_tensor(ldr_weights *w, const ldr_json *j, int32_t key, int32_t value, int32_t file,
                                          const unsigned char *data, uint64_t data_offset, uint64_t data_size, ldr_error *err) {
    const ldr_json_node *node = ldr_json_node_at(j, value), *shape, *range;
    int32_t dtype = ldr_json_get(j, value, "dtype"), k, d;
    uint64_t at = 8 + node->begin, elements = 1, bytes = 0;
    int64_t begin, end;
    char shown[LDR__SHOWN];
    ldr_tensor *t;
    void *tensors = w->tensors;
    if (!ldr__grow(&w->alloc, &tensors, &w->capacity, w->count + 1, sizeof *w->tensors)) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a safetensors header");
    w->tensors = (ldr_tensor *)tensors;
    t = &w->tensors[w->count];
    memset(t, 0, sizeof *t);
    t->file = file;
    t->name = ldr__weights_string(w, j, key, err);
    if (!t->name) return err->status;
    ldr__show(shown, t->name, strlen(t->name));
    shape = ldr_json_node_at(j, ldr_json_get(j, value, "shape"));
    range = ldr_json_node_at(j, ldr_json_get(j, value, "data_offsets"));
    if (node->type != LDR_JSON_OBJECT || dtype < 0 || !shape || shape->type != LDR_JSON_ARRAY || !range || range->type != LDR_JSON_ARRAY || range->count != 2)
        return ldr__fail(err, LDR_FORMAT, at, "tensor \"%s\": the header entry must hold dtype, shape and two data_offsets", shown);
    for (d = 0; d < LDR_DTYPE_COUNT; d++)
        if (ldr__dtypes[d].block == 1 && ldr_json_equals(j, dtype, ldr__dtypes[d].name)) break;
    if (d == LDR_DTYPE_COUNT) {
        char type_shown[LDR__SHOWN];
        const ldr_json_node *n = ldr_json_node_at(j, dtype);
        return ldr__fail(err, LDR_DTYPE, 8 + n->begin, "tensor \"%s\": element type %s is not known", shown, ldr__show(type_shown, j->text + n->begin, n->end - n->begin));
    }
    t->dtype = (ldr_dtype)d;
    if (shape->count > LADDER_MAX_DIMS) return ldr__fail(err, LDR_LIMIT, 8 + shape->begin, "tensor \"%s\": %d dimensions, at most %d (LADDER_MAX_DIMS)", shown, shape->count, LADDER_MAX_DIMS);
    for (k = shape->first, d = 0; k >= 0; k = ldr_json_node_at(j, k)->next, d++) {
        if (!ldr__json_integer(j, k, &t->shape[d]) || !ldr__mul_u64(&elements, elements, (uint64_t)t->shape[d]))
            return ldr__fail(err, LDR_FORMAT, 8 + ldr_json_node_at(j, k)->begin, "tensor \"%s\": its shape is not a list of whole numbers with a product below 2^64", shown);
    }
    t->dims = shape->count;
    if (!ldr__json_integer(j, range->first, &begin) || !ldr__json_integer(j, ldr_json_node_at(j, range->first)->next, &end) || end < begin)
        return ldr__fail(err, LDR_FORMAT, 8 + range->begin, "tensor \"%s\": data_offsets must be two whole numbers, begin <= end", shown);
    if (!ldr__mul_u64(&bytes, elements, ldr_dtype_size(t->dtype)) || bytes != (uint64_t)(end - begin))
        return ldr__fail(err, LDR_FORMAT, 8 + range->begin, "tensor \"%s\": shape and type need %U bytes, data_offsets span %I", shown, bytes, end - begin);
    if ((uint64_t)end > data_size)
        return ldr__fail(err, LDR_FORMAT, 8 + range->begin, "tensor \"%s\": its data ends at byte %U of the file, the file has %U: truncated?", shown, data_offset + (uint64_t)end, data_offset + data_size);
    t->bytes = bytes;
    t->offset = data_offset + (uint64_t)begin;
    t->data = data + begin;
    w->count++;
    return LDR_OK;
}

/* Heap sort: no recursion, no extra memory, no libc comparator needed. */
static void ldr__sort_tensors(ldr_tensor *t, size_t n, int (*before)(const ldr_tensor *, const ldr_tensor *)) {
    size_t start = n / 2, end = n;
    while (end > 1) {
        ldr_tensor moving;
        size_t root, child;
        if (start > 0) moving = t[--start];
        else {
            moving = t[--end];
            t[end] = t[0];
        }
        for (root = start; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && before(&t[child], &t[child + 1])) child++;
            if (!before(&moving, &t[child])) break;
            t[root] = t[child];
        }
        t[root] = moving;
    }
}

static int ldr__before_by_name(const ldr_tensor *a, const ldr_tensor *b) { return strcmp(a->name, b->name) < 0; }
static int ldr__before_by_offset(const ldr_tensor *a, const ldr_tensor *b) {
    return a->offset != b->offset ? a->offset < b->offset : a->bytes < b->bytes;
}

static ldr_status ldr__safetensors_parse(ldr_weights *w, int32_t file, ldr_error *err) {
    const ldr__source *s = &w->files[file];
    uint64_t header, at;
    ldr_error json_error;
    size_t first = w->count, i;
    ldr_json *j;
    int32_t k;
    ldr_status status = LDR_OK;
    if (s->size < 8) return ldr__fail(err, LDR_FORMAT, 0, "not a safetensors file: %U bytes, the header length alone takes 8", (uint64_t)s->size);
    header = ldr__load_u64(s->data);
    if (header > LADDER_MAX_HEADER) return ldr__fail(err, LDR_LIMIT, 0, "not a safetensors file, or its header of %U bytes is over %U (LADDER_MAX_HEADER)", header, (uint64_t)LADDER_MAX_HEADER);
    if (header > s->size - 8) return ldr__fail(err, LDR_FORMAT, 0, "the header claims %U bytes, the file has %U after the length: truncated?", header, (uint64_t)s->size - 8);
    memset(&json_error, 0, sizeof json_error);
    j = ldr_json_parse((const char *)s->data + 8, (size_t)header, &w->alloc, &json_error);
    if (!j) {
        char *inner = strstr(json_error.message, " (offset ");       /* counted from the header, not the file */
        if (inner) *inner = 0;
    }
    if (!j) return ldr__fail(err, json_error.status, json_error.offset == LDR_NO_OFFSET ? LDR_NO_OFFSET : json_error.offset + 8, "safetensors header: %s", json_error.message);
    if (j->nodes[0].type != LDR_JSON_OBJECT) status = ldr__fail(err, LDR_FORMAT, 8, "safetensors header: must be a JSON object");
    for (k = j->nodes[0].type == LDR_JSON_OBJECT ? j->nodes[0].first : -1; k >= 0 && !status;) {
        int32_t value = j->nodes[k].next;
        if (ldr_json_equals(j, k, "__metadata__")) {
            int32_t m = j->nodes[value].first;
            if (j->nodes[value].type != LDR_JSON_OBJECT) status = ldr__fail(err, LDR_FORMAT, 8 + j->nodes[value].begin, "safetensors header: __metadata__ must be an object of strings");
            while (m >= 0 && !status) {
                int32_t text = j->nodes[m].next;
                void *metas = w->metas;
                if (j->nodes[text].type != LDR_JSON_STRING) {
                    status = ldr__fail(err, LDR_FORMAT, 8 + j->nodes[text].begin, "safetensors header: __metadata__ must be an object of strings");
                    break;
                }
                if (!ldr__grow(&w->alloc, &metas, &w->meta_capacity, w->meta_count + 1, sizeof *w->metas)) {
                    status = ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a safetensors header");
                    break;
                }
                w->metas = (ldr__meta *)metas;
                w->metas[w->meta_count].key = ldr__weights_string(w, j, m, err);
                w->metas[w->meta_count].value = w->metas[w->meta_count].key ? ldr__weights_string(w, j, text, err) : NULL;
                w->metas[w->meta_count].at = 8 + j->nodes[text].begin;
                if (!w->metas[w->meta_count].value) status = err->status;
                else w->meta_count++;
                m = j->nodes[text].next;
            }
        } else status = ldr__safetensors_tensor(w, j, k, value, file, s->data + 8 + header, 8 + header, s->size - 8 - header, err);
        k = j->nodes[value].next;
    }
    ldr_json_free(j);
    if (status) return status;
    if (w->count > first) ldr__sort_tensors(w->tensors + first, w->count - first, ldr__before_by_offset);
    for (i = first, at = 8 + header; i < w->count; i++) {
        const ldr_tensor *t = &w->tensors[i];
        char shown[LDR__SHOWN];
        if (t->offset != at)
            return ldr__fail(err, LDR_FORMAT, LDR__MIN(t->offset, at), t->offset < at ? "tensor \"%s\": its data overlaps another tensor's" : "tensor \"%s\": unused bytes before its data", ldr__show(shown, t->name, strlen(t->name)));
        at += t->bytes;
    }
    if (at != s->size) return ldr__fail(err, LDR_FORMAT, at, "%U bytes after the last tensor belong to none", s->size - at);
    return LDR_OK;
}

#define LDR__QUANTISED "ladder.quantised."

/* The U8 tensors that the metadata calls blocks get their type and their shape in elements. */
static ldr_status ldr__weights_quantised(ldr_weights *w, ldr_error *err) {
    size_t i, size;
    int32_t d;
    char shown[LDR__SHOWN], format[LDR__SHOWN];
    for (i = 0; i < w->meta_count; i++) {
        const ldr__meta *m = &w->metas[i];
        const char *name = m->key + sizeof LDR__QUANTISED - 1;
        ldr_tensor *t;
        if (strncmp(m->key, LDR__QUANTISED, sizeof LDR__QUANTISED - 1) != 0) continue;
        ldr__show(shown, name, strlen(name));
        for (d = 0; d < LDR_DTYPE_COUNT; d++)
            if (ldr__dtypes[d].block > 1 && strcmp(ldr__dtypes[d].name, m->value) == 0) break;
        if (d == LDR_DTYPE_COUNT) return ldr__fail(err, LDR_UNSUPPORTED, m->at, "tensor \"%s\": the metadata says it is quantised as \"%s\": only Q8_0 and Q4_0 are known", shown, ldr__show(format, m->value, strlen(m->value)));
        t = (ldr_tensor *)(uintptr_t)ldr_weights_find(w, name);
        if (!t) return ldr__fail(err, LDR_MISSING, m->at, "the metadata says that tensor \"%s\" is quantised: no such tensor is there", shown);
        if (t->dtype != LDR_U8) return ldr__fail(err, LDR_DTYPE, m->at, "tensor \"%s\": type %s, %s blocks must be U8 and be named once", shown, ldr_dtype_name(t->dtype), m->value);
        size = ldr__dtypes[d].size;
        if (t->dims != 2 || t->shape[1] % (int64_t)size) return ldr__fail(err, LDR_SHAPE, m->at, "tensor \"%s\": %d dimensions, the last of %I bytes; %s needs 2, the last a multiple of %d", shown, t->dims, t->dims ? t->shape[t->dims - 1] : (int64_t)0, m->value, (int)size);
        if (t->shape[1] / (int64_t)size > INT64_MAX / LDR__QBLOCK || t->bytes / size > SIZE_MAX / LDR__QBLOCK) return ldr__fail(err, LDR_LIMIT, m->at, "tensor \"%s\": more elements than this machine can count", shown);
        t->dtype = (ldr_dtype)d;
        t->shape[1] = t->shape[1] / (int64_t)size * LDR__QBLOCK;
    }
    return LDR_OK;
}

static ldr_status ldr__weights_finish(ldr_weights *w, ldr_error *err) {
    size_t i;
    char shown[LDR__SHOWN];
    ldr__sort_tensors(w->tensors, w->count, ldr__before_by_name);
    for (i = 1; i < w->count; i++)
        if (strcmp(w->tensors[i - 1].name, w->tensors[i].name) == 0)
            return ldr__fail(err, LDR_FORMAT, w->tensors[i].offset, "tensor \"%s\" is there twice", ldr__show(shown, w->tensors[i].name, strlen(w->tensors[i].name)));
    return ldr__weights_quantised(w, err);
}

static ldr_weights *ldr__weights_new(int32_t files, const ldr_allocator *alloc, ldr_error *err) {
    ldr_allocator a = ldr__allocator(alloc);
    ldr_weights *w;
    if (!ldr__allocator_valid(alloc)) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the allocator must set alloc_fn and free_fn, or neither");
        return NULL;
    }
    w = (ldr_weights *)ldr__alloc(&a, sizeof *w);
    if (w) {
        memset(w, 0, sizeof *w);
        w->alloc = a;
        w->files = (ldr__source *)ldr__alloc(&a, (size_t)files * sizeof *w->files);
        if (w->files) {
            memset(w->files, 0, (size_t)files * sizeof *w->files);
            w->file_count = files;
            return w;
        }
        ldr__free(&a, w, sizeof *w);
    }
    ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while opening weights");
    return NULL;
}

LDR__DEF void ldr_weights_close(ldr_weights *w) {
    ldr_allocator a;
    size_t i;
    if (!w) return;
    a = w->alloc;
    for (i = 0; i < (size_t)w->file_count; i++) ldr__source_close(&w->files[i]);
    for (i = 0; i < w->string_count; i++) ldr__free(&a, w->strings[i], strlen(w->strings[i]) + 1);
    ldr__free(&a, w->strings, w->string_capacity * sizeof *w->strings);
    ldr__free(&a, w->metas, w->meta_capacity * sizeof *w->metas);
    ldr__free(&a, w->tensors, w->capacity * sizeof *w->tensors);
    ldr__free(&a, w->files, (size_t)w->file_count * sizeof *w->files);
    ldr__free(&a, w, sizeof *w);
}

LDR__DEF ldr_weights *ldr_weights_open_memory(const void *data, size_t size, const ldr_allocator *alloc, ldr_error *err) {
    ldr_error local;
    ldr_weights *w;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    w = ldr__weights_new(1, alloc, err);
    if (!w) return NULL;
    ldr__source_borrow(&w->files[0], data, size);
    if (!data) ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_weights_open_memory: no data");
    else if (!ldr__safetensors_parse(w, 0, err) && !ldr__weights_finish(w, err)) return w;
    ldr_weights_close(w);
    return NULL;
}

#ifndef LADDER_NO_STDIO

/* Puts the file's name before the sentence about it. */
static void ldr__fail_in_file(ldr_error *err, const char *path) {
    char copy[sizeof err->message];
    size_t n = strlen(path), keep = n > 120 ? n - 120 : 0;
    memcpy(copy, err->message, sizeof copy);
    if (err->status == LDR_MEMORY || strncmp(copy, path, n) == 0) return;
    ldr__format(err->message, sizeof err->message, "%s%s: %s", keep ? "..." : "", path + keep, copy);
}

static ldr_weights *ldr__weights_open_one(const char *path, const ldr_allocator *alloc, ldr_error *err) {
    ldr_weights *w = ldr__weights_new(1, alloc, err);
    if (!w) return NULL;
    if (!ldr__source_open(&w->files[0], path, &w->alloc, err)) {
        if (!ldr__safetensors_parse(w, 0, err) && !ldr__weights_finish(w, err)) return w;
        ldr__fail_in_file(err, path);
    }
    ldr_weights_close(w);
    return NULL;
}

/* The shards an index names, each once. A name may not leave the directory. Names met before are
   looked up by hash: comparing with every entry before would let an index cost quadratic time. */
static ldr_status ldr__index_files(ldr_weights *w, const ldr_json *j, const char *dir, ldr_error *err) {
    enum { SLOTS = 2 * LADDER_MAX_FILES };
    int32_t map = ldr_json_get(j, 0, "weight_map"), k, files = 0, slots[SLOTS];      /* 1 + the entry that named a shard first */
    char name[512], path[LADDER_MAX_PATH];
    if (map < 0 || j->nodes[map].type != LDR_JSON_OBJECT) return ldr__fail(err, LDR_FORMAT, 0, "the index has no weight_map object");
    memset(slots, 0, sizeof slots);
    for (k = j->nodes[map].first; k >= 0;) {
        int32_t value = j->nodes[k].next;
        uint32_t slot = 2166136261u;                                                  /* FNV-1a */
        ptrdiff_t n = ldr_json_string(name, sizeof name, j, value), i;
        if (n <= 0 || (size_t)n >= sizeof name || strchr(name, '/') || strchr(name, '\\')) return ldr__fail(err, LDR_FORMAT, j->nodes[value].begin, "the index names a file that is not a plain file name");
        for (i = 0; i < n; i++) slot = (slot ^ (unsigned char)name[i]) * 16777619u;
        for (slot = (slot ^ slot >> 15) % SLOTS; slots[slot] && !ldr_json_equals(j, slots[slot] - 1, name); slot = (slot + 1) % SLOTS) {}
        if (!slots[slot]) {
            if (files == w->file_count) return ldr__fail(err, LDR_LIMIT, j->nodes[value].begin, "more than %d shards (LADDER_MAX_FILES)", w->file_count);
            if (!ldr__path_join(path, sizeof path, dir, name)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the path is longer than %d bytes", LADDER_MAX_PATH);
            if (ldr__source_open(&w->files[files], path, &w->alloc, err)) return err->status;
            if (ldr__safetensors_parse(w, files, err)) {
                ldr__fail_in_file(err, path);
                return err->status;
            }
            files++;
            slots[slot] = value + 1;
        }
        k = j->nodes[value].next;
    }
    if (ldr__weights_finish(w, err)) return err->status;
    for (k = j->nodes[map].first; k >= 0; k = j->nodes[j->nodes[k].next].next) {
        if (ldr_json_string(name, sizeof name, j, k) < (ptrdiff_t)sizeof name && !ldr_weights_find(w, name))
            return ldr__fail(err, LDR_MISSING, j->nodes[k].begin, "the index names tensor \"%s\", no shard holds it", name);
    }
    return LDR_OK;
}

static ldr_weights *ldr__weights_open_index(const char *path, const ldr_allocator *alloc, ldr_error *err) {
    ldr_weights *w = NULL;
    ldr_json *j = NULL;
    ldr__source s;
    char dir[LADDER_MAX_PATH];
    const char *slash = strrchr(path, '/');
    ldr_status status = ldr__source_open(&s, path, alloc, err);
    if (status) return NULL;
    if (!slash) ldr__format(dir, sizeof dir, ".");
    else {
        ldr__format(dir, sizeof dir, "%s", path);
        if ((size_t)(slash - path) < sizeof dir) dir[slash - path] = 0;
    }
    j = ldr_json_parse((const char *)s.data, s.size, alloc, err);
    w = j ? ldr__weights_new(LADDER_MAX_FILES, alloc, err) : NULL;
    if (w) status = ldr__index_files(w, j, dir, err);
    ldr_json_free(j);
    ldr__source_close(&s);
    if (w && !status) return w;
    if (err->status != LDR_IO) ldr__fail_in_file(err, path);
    ldr_weights_close(w);
    return NULL;
}

static int ldr__ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

LDR__DEF ldr_weights *ldr_weights_open(const char *path, const ldr_allocator *alloc, ldr_error *err) {
    static const char *const names[] = { "model.safetensors", "model.safetensors.index.json" };
    ldr_error local;
    char full[LADDER_MAX_PATH];
    size_t i;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!path) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_weights_open: no path");
        return NULL;
    }
    if (ldr__ends_with(path, ".json")) return ldr__weights_open_index(path, alloc, err);
    for (i = 0; i < 2; i++)
        if (ldr__path_join(full, sizeof full, path, names[i]) && ldr__file_exists(full))
            return i ? ldr__weights_open_index(full, alloc, err) : ldr__weights_open_one(full, alloc, err);
    if (ldr__path_join(full, sizeof full, path, "config.json") && ldr__file_exists(full)) {
        int torch = ldr__path_join(full, sizeof full, path, "pytorch_model.bin") && ldr__file_exists(full);
        ldr__fail(err, torch ? LDR_UNSUPPORTED : LDR_MISSING, LDR_NO_OFFSET, torch ? "%s: holds pytorch_model.bin (a Python pickle) but no model.safetensors: convert it once with safetensors.torch.save_file"
                                                                                   : "%s: no model.safetensors and no model.safetensors.index.json", path);
        return NULL;
    }
    return ldr__weights_open_one(path, alloc, err);
}
#endif /* LADDER_NO_STDIO */

LDR__DEF int32_t ldr_weights_count(const ldr_weights *w) { return w ? (int32_t)w->count : 0; }

LDR__DEF const ldr_tensor *ldr_weights_at(const ldr_weights *w, int32_t i) { return w && i >= 0 && (size_t)i < w->count ? &w->tensors[i] : NULL; }

LDR__DEF const ldr_tensor *ldr_weights_find(const ldr_weights *w, const char *name) {
    size_t low = 0, high = w && name ? w->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(w->tensors[middle].name, name);
        if (order == 0) return &w->tensors[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

LDR__DEF const char *ldr_weights_meta(const ldr_weights *w, const char *key) {
    size_t i;
    for (i = 0; w && key && i < w->meta_count; i++)
        if (strcmp(w->metas[i].key, key) == 0) return w->metas[i].value;
    return NULL;
}

LDR__DEF int32_t ldr_weights_meta_count(const ldr_weights *w) { return w ? (int32_t)w->meta_count : 0; }

LDR__DEF const char *ldr_weights_meta_at(const ldr_weights *w, int32_t i, const char **value) {
    if (!w || i < 0 || (size_t)i >= w->meta_count) return NULL;
    if (value) *value = w->metas[i].value;
    return w->metas[i].key;
}
/* ======================================================================================
   >>tokenizer         Text to tokens and back: a table of parts
   --------------------------------------------------------------------------------------
   Text passes the added tokens, the normalisers, the splitters, the cutter and the template,
   and back through the decoders. Each kind of part is a table with one row for each member;
   the names and the behaviour are those of Hugging Face's tokenizer.json, whose answers this
   gives: the same ids, offsets and texts.
   ====================================================================================== */

#ifndef LADDER_NO_TOKENIZER

#ifndef LADDER_MAX_WORD_CHARS      /* characters of a word that WordPiece looks up at all     */
#define LADDER_MAX_WORD_CHARS 100
#endif
#define LDR__VOCAB_BYTES 0x40000000u

/* Generated by tests/reference/make_unicode.py: Unicode 16.0.0, and where tokenizers 0.23.3 differs. */

/* Where each general category starts: first * 32 + category; the last two are upper and lower case in turn. */
static const uint32_t ldr__cat_runs[] = {
1,1051,1078,1176,1206,1298,1331,1366,1399,1430,1457,1494,1549,1878,1943,2038,2085,2930,2966,2995,3033,3056,3097,3110,
3954,3991,4019,4055,4065,5147,5174,5208,5338,5366,5401,5434,5449,5492,5527,5538,5594,5625,5658,5687,5711,5785,5798,5846,
5913,5935,5961,6005,6031,6134,6149,6903,6917,7142,7927,7942,8191,10015,10559,12094,12262,12325,12382,12517,12550,12581,
12678,12741,12870,12901,12966,12997,13094,13189,13254,13285,13342,13566,13695,13797,13830,13861,13950,14085,14118,14185,
14213,14246,14345,14469,14503,14534,14565,14599,14630,14661,14695,14751,15295,15878,15909,15943,15999,16101,16158,18054,
18245,18310,18341,18406,18463,18565,18654,18950,21129,21158,22024,22617,22728,23129,23560,23737,23944,23993,24008,24057,
24586,28190,28296,28345,28357,28390,28416,28488,28518,28630,28645,28672,28825,28869,28918,28933,29024,29061,29088,29125,
29190,29221,29760,29797,30086,31205,31238,31301,31398,31487,32262,32389,32422,32471,32485,32518,32549,32614,32677,34310,
35839,36954,36970,37132,37214,38974,39423,42496,42533,43744,43816,43862,44038,45366,45393,45408,45498,45560,45568,45610,
47057,47082,47126,47146,47222,47242,47318,47338,47360,47625,48480,48617,48758,48800,49154,49367,49462,49528,49558,49626,
49674,50038,50050,50102,50185,51208,51241,51562,52237,52566,52681,52746,52777,55958,55977,56010,56226,56282,56298,56488,
56554,56634,56650,56777,56845,57161,57274,57321,57366,57792,57826,57865,57898,57929,58890,59744,59817,62666,63017,63040,
63501,63817,64874,65160,65242,65270,65352,65376,65450,65496,65545,66250,66376,66410,66696,66730,66824,66858,67008,67094,
67552,67593,68394,68480,68566,68576,68617,68960,69129,69913,69929,70112,70146,70208,70378,70665,71976,72010,72770,72810,
73835,73865,75594,75627,75658,75689,75723,75818,76075,76202,76235,76297,76330,76553,76874,76950,77005,77334,77352,77385,
77866,77899,77952,77993,78240,78313,78368,78441,79136,79177,79392,79433,79456,79561,79680,79754,79785,79819,79914,80032,
80107,80160,80235,80298,80329,80352,80619,80640,80777,80832,80873,80970,81024,81101,81417,81496,81551,81754,81784,81801,
81846,81866,81888,81962,82027,82048,82089,82272,82409,82464,82537,83232,83273,83488,83529,83584,83625,83680,83721,83776,
83850,83872,83915,84010,84064,84202,84256,84330,84416,84522,84544,84777,84896,84937,84960,85197,85514,85577,85674,85718,
85728,86058,86123,86144,86185,86464,86505,86592,86633,87328,87369,87584,87625,87680,87721,87872,87946,87977,88011,88106,
88256,88298,88363,88384,88427,88490,88512,88585,88608,89097,89162,89216,89293,89622,89656,89664,89897,89930,90112,90154,
90187,90240,90281,90528,90601,90656,90729,91424,91465,91680,91721,91776,91817,91968,92042,92073,92107,92138,92171,92202,
92320,92395,92448,92523,92586,92608,92842,92907,92928,93065,93120,93161,93258,93312,93389,93722,93737,93775,93952,94282,
94313,94336,94377,94560,94665,94752,94793,94912,95017,95072,95113,95136,95177,95232,95337,95392,95497,95584,95689,96064,
96203,96266,96299,96352,96459,96544,96587,96682,96704,96777,96800,97003,97024,97485,97807,97914,98104,98138,98144,98314,
98347,98442,98473,98720,98761,98848,98889,99616,99657,100160,100234,100265,100298,100395,100512,100554,100640,100682,
100800,101034,101088,101129,101216,101289,101312,101385,101450,101504,101581,101888,102134,102159,102394,102409,102442,
102475,102550,102569,102816,102857,102944,102985,103712,103753,104064,104105,104256,104330,104361,104395,104426,104459,
104608,104650,104683,104736,104779,104842,104896,105131,105184,105385,105440,105481,105546,105600,105677,105984,106025,
106091,106112,106506,106571,106633,106912,106953,107040,107081,108394,108457,108491,108586,108704,108747,108832,108875,
108970,109001,109050,109056,109193,109291,109327,109545,109642,109696,109773,110095,110394,110409,110592,110634,110667,
110720,110761,111328,111433,112192,112233,112512,112553,112576,112649,112864,112970,112992,113131,113226,113312,113354,
113376,113419,113664,113869,114176,114251,114326,114336,114729,116266,116297,116362,116576,116728,116745,116936,116970,
117238,117261,117590,117632,118825,118880,118921,118944,118985,119136,119177,119936,119977,120000,120041,120362,120393,
120458,120745,120768,120841,120992,121032,121056,121098,121312,121357,121664,121737,121856,122889,122938,123030,123514,
123542,123578,123658,123738,123917,124239,124570,124586,124634,124650,124698,124714,124754,124787,124818,124851,124875,
124937,125184,125225,126368,126506,126955,126986,127158,127178,127241,127402,127744,127786,128928,128986,129226,129274,
129440,129498,129558,129722,129846,129888,131081,132459,132522,132651,132682,132875,132906,132971,133034,133097,133133,
133462,133641,133835,133898,133961,134090,134185,134219,134313,134379,134601,134698,134825,135242,135275,135338,135403,
135594,135625,135659,135693,136011,136106,136154,136197,137408,137445,137472,137637,137664,137734,139126,139144,139174,
139273,149792,149833,149952,150025,150240,150281,150304,150345,150464,150537,151840,151881,152000,152073,153120,153161,
153280,153353,153568,153609,153632,153673,153792,153865,154336,154377,156192,156233,156352,156425,158560,158634,158742,
159023,159648,159753,160282,160576,160773,163520,163590,163776,163857,163881,183738,183766,183785,184347,184361,185202,
185235,185248,185353,187766,187854,187945,188192,188425,189002,189099,189120,189417,190026,190091,190134,190176,190473,
191050,191104,191497,191904,191945,192032,192074,192128,192521,194186,194251,194282,194507,194762,194795,194858,195222,
195304,195350,195448,195465,195498,195520,195597,195904,196111,196416,196630,196817,196854,196970,197058,197098,197133,
197440,197641,198760,198793,200480,200713,200874,200937,202026,202057,202080,202249,204480,204809,205792,205834,205931,
206058,206123,206208,206347,206410,206443,206634,206720,206874,206880,206998,207053,207369,208320,208393,208544,208905,
210304,210441,211264,211469,211791,211808,211930,213001,213738,213803,213866,213888,213974,214025,215723,215754,215787,
215818,216032,216074,216107,216138,216171,216234,216491,216682,216992,217066,217101,217408,217613,217920,218134,218344,
218390,218560,218634,219084,219114,219616,221194,221323,221353,222858,222891,222922,223083,223114,223147,223306,223339,
223401,223648,223702,223757,224086,224314,224618,224922,225206,225290,225355,225385,226347,226378,226507,226570,226635,
226666,226761,226829,227145,228554,228587,228618,228683,228778,228811,228842,228939,228992,229270,229385,230539,230794,
231051,231114,231168,231286,231437,231744,231849,231949,232265,233224,233430,233478,233765,233798,233824,233989,235360,
235429,235542,235776,236042,236150,236170,236587,236618,236841,236970,237001,237194,237225,237291,237322,237385,237408,
237574,238984,240998,241416,241446,242536,243722,245790,250566,250815,253958,254213,254470,254656,254725,254912,254982,
255237,255494,255749,256006,256192,256261,256448,256518,256768,256805,256832,256869,256896,256933,256960,256997,257030,
257285,257542,257984,258054,258311,258566,258823,259078,259335,259590,259744,259782,259845,259975,260025,260038,260089,
260166,260256,260294,260357,260487,260537,260614,260736,260806,260869,260992,261049,261126,261381,261561,261632,261702,
261792,261830,261893,262023,262073,262112,262171,262498,262673,262870,262932,262965,262994,263028,263093,263122,263156,
263190,263452,263485,263490,263675,263702,263988,264021,264054,264176,264246,264343,264370,264403,264438,264791,264822,
264848,264886,265211,265218,265376,265410,265743,265768,265792,265871,266071,266162,266195,266216,266255,266583,266674,
266707,266720,266760,267168,267288,268320,268810,269228,269354,269388,269482,269856,270362,270405,270458,270565,270618,
270662,270693,270790,270853,270950,271002,271013,271066,271127,271141,271322,271493,271546,271557,271610,271621,271674,
271685,271834,271846,271877,272006,272041,272166,272218,272262,272325,272407,272549,272582,272730,272759,272794,272838,
272890,272911,273422,274533,274566,274606,274735,274778,274816,274967,275130,275287,275354,275479,275514,275575,275610,
275671,275706,275927,275962,276951,277018,277079,277114,277143,277178,278167,286746,286994,287027,287058,287091,287130,
287767,287834,288050,288083,288122,290711,290746,291703,292506,293783,293978,296256,296986,297312,297999,299930,302415,
303130,308983,309018,309303,309338,311063,311322,314871,314906,322834,322867,322898,322931,322962,322995,323026,323059,
323090,323123,323154,323187,323218,323251,323279,324250,325655,325810,325843,325879,326866,326899,326930,326963,326994,
327027,327058,327091,327122,327155,327191,327706,335895,340082,340115,340146,340179,340210,340243,340274,340307,340338,
340371,340402,340435,340466,340499,340530,340563,340594,340627,340658,340691,340722,340755,340791,342802,342835,342866,
342899,342935,343954,343987,344023,352282,353815,354490,354551,354746,355968,356058,357056,357114,360453,361990,363519,
363621,363686,363743,363973,364062,364166,364197,364230,364424,364485,364574,367750,367802,367998,368106,368197,368230,
368256,368438,368559,368598,368646,369856,369894,369920,370086,370112,370185,371968,372200,372246,372256,372714,372745,
373472,373769,373984,374025,374240,374281,374496,374537,374752,374793,375008,375049,375264,375305,375520,375561,375776,
375818,376854,376916,376949,376980,377013,377046,377140,377173,377206,377236,377269,377302,377585,377622,377681,377718,
377748,377781,377814,377876,377909,377938,377971,378002,378035,378066,378099,378130,378163,378198,378344,378390,378705,
378774,378897,378934,378962,378998,379418,379478,379570,379603,379634,379667,379698,379731,379762,379795,379825,379840,
380954,381760,381818,384640,385050,391872,392730,393243,393270,393370,393384,393417,393454,393490,393523,393554,393587,
393618,393651,393682,393715,393746,393779,393818,393874,393907,393938,393971,394002,394035,394066,394099,394129,394162,
394195,394266,394286,394570,394699,394769,394792,394970,395022,395112,395145,395190,395226,395264,395305,398048,398122,
398201,398248,398313,398353,398377,401270,401288,401385,401408,401577,402944,402985,405984,406042,406095,406234,406537,
407578,408768,409082,409097,409626,410592,410639,410970,411919,412186,412207,412698,413711,414042,415279,415770,425993,
636954,638985,1311400,1311433,1348000,1348122,1349856,1350153,1351432,1351638,1351689,1360264,1360310,1360393,1360909,
1361225,1361280,1361950,1363401,1363434,1363468,1363574,1363594,1363926,1363944,1363998,1364872,1364938,1365001,1367246,
1367562,1367638,1367808,1368089,1368808,1369113,1369182,1369606,1369663,1371656,1371686,1371935,1372126,1372424,1372473,
1372542,1372649,1372702,1372806,1372863,1373541,1373670,1373701,1373854,1374373,1374462,1374597,1374630,1374656,1374725,
1374758,1374784,1374822,1374848,1374911,1375136,1375816,1375909,1375942,1375977,1376008,1376070,1376105,1376330,1376361,
1376458,1376489,1376618,1376649,1377387,1377450,1377515,1377562,1377674,1377696,1377807,1378010,1378072,1378106,1378112,
1378313,1379990,1380096,1380363,1380425,1382027,1382538,1382592,1382870,1382925,1383232,1383434,1384009,1384214,1384297,
1384342,1384361,1384426,1384461,1384777,1385674,1385942,1385993,1386730,1387083,1387136,1387510,1387529,1388448,1388554,
1388651,1388681,1390186,1390219,1390282,1390411,1390474,1390539,1390646,1391040,1391080,1391117,1391424,1391574,1391625,
1391786,1391816,1391849,1392141,1392457,1392608,1392649,1393962,1394155,1394218,1394283,1394346,1394400,1394697,1394794,
1394825,1395082,1395115,1395136,1395213,1395520,1395606,1395721,1396232,1396265,1396474,1396553,1396587,1396618,1396651,
1396681,1398282,1398313,1398346,1398441,1398506,1398569,1398730,1398793,1398826,1398857,1398880,1399657,1399720,1399766,
1399817,1400171,1400202,1400267,1400342,1400393,1400424,1400491,1400522,1400544,1400873,1401056,1401129,1401312,1401385,
1401568,1401865,1402080,1402121,1402336,1402374,1403769,1403784,1403910,1404200,1404249,1404288,1404422,1406985,1408107,
1408170,1408203,1408266,1408299,1408374,1408395,1408426,1408448,1408525,1408832,1409033,1766528,1766921,1767648,1767785,
1769344,1769476,1835011,2039817,2051520,2051593,2054976,2056198,2056416,2056806,2056960,2057129,2057162,2057193,2057527,
2057545,2057952,2057993,2058144,2058185,2058208,2058249,2058304,2058345,2058400,2058441,2061913,2062432,2062953,2074579,
2074610,2074650,2075145,2077184,2077257,2078976,2079226,2079232,2080265,2080664,2080698,2080778,2081302,2081522,2081555,
2081590,2081600,2081802,2082326,2082353,2082416,2082482,2082515,2082546,2082579,2082610,2082643,2082674,2082707,2082738,
2082771,2082802,2082835,2082866,2082899,2082930,2082963,2082998,2083058,2083091,2083126,2083248,2083350,2083424,2083478,
2083601,2083634,2083667,2083698,2083731,2083762,2083795,2083830,2083927,2083953,2083991,2084064,2084118,2084152,2084182,
2084224,2084361,2084512,2084553,2088864,2088930,2088960,2089014,2089112,2089142,2089234,2089267,2089302,2089335,2089366,
2089393,2089430,2089485,2089814,2089879,2089974,2090021,2090866,2090902,2090931,2090969,2090992,2091033,2091046,2091890,
2091927,2091955,2091991,2092018,2092051,2092086,2092114,2092147,2092182,2092233,2092552,2092585,2094024,2094089,2095072,
2095177,2095360,2095433,2095616,2095689,2095872,2095945,2096032,2096152,2096215,2096249,2096282,2096312,2096352,2096410,
2096439,2096570,2096608,2096930,2097050,2097088,2097161,2097536,2097577,2098400,2098441,2099040,2099081,2099136,2099177,
2099648,2099721,2100160,2101257,2105184,2105366,2105440,2105583,2107008,2107130,2107406,2109103,2109242,2109775,2109850,
2109920,2109978,2110368,2110490,2110496,2112026,2113450,2113472,2117641,2118560,2118665,2120224,2120714,2120751,2121600,
2121737,2122767,2122880,2123177,2123822,2123849,2124110,2124128,2124297,2125514,2125664,2125833,2126784,2126838,2126857,
2128000,2128137,2128406,2128430,2128576,2129925,2131206,2132489,2134976,2135053,2135360,2135557,2136704,2136838,2137984,
2138121,2139392,2139657,2141312,2141686,2141701,2142048,2142085,2142560,2142597,2142816,2142853,2142912,2142950,2143296,
2143334,2143808,2143846,2144064,2144102,2144160,2144265,2145920,2146313,2156256,2156553,2157248,2157577,2157824,2158600,
2158784,2158824,2160160,2160200,2160480,2162697,2162880,2162953,2162976,2163017,2164416,2164457,2164512,2164617,2164640,
2164713,2165440,2165494,2165519,2165769,2166522,2166575,2166793,2167776,2168047,2168320,2169865,2170464,2170505,2170560,
2170735,2170889,2171599,2171776,2171894,2171913,2172736,2172918,2172928,2174985,2176768,2176911,2176969,2177039,2177536,
2177615,2179081,2179114,2179200,2179242,2179296,2179466,2179593,2179712,2179753,2179840,2179881,2180800,2180874,2180960,
2181098,2181135,2181408,2181654,2181920,2182153,2183087,2183158,2183177,2184111,2184192,2185225,2185498,2185513,2186410,
2186464,2186607,2186774,2186976,2187273,2188992,2189110,2189321,2190016,2190095,2190345,2190944,2191119,2191369,2191936,
2192182,2192288,2192687,2192896,2195465,2197792,2199557,2201184,2201606,2203232,2203471,2203657,2204810,2204928,2205197,
2205504,2205709,2206025,2206152,2206185,2206213,2206912,2207018,2207185,2207208,2207238,2207936,2208215,2208256,2214927,
2215904,2215945,2217280,2217322,2217393,2217408,2217481,2217536,2218057,2218144,2219914,2220041,2220975,2221289,2221312,
2221577,2222282,2222639,2222774,2222912,2223625,2224202,2224342,2224448,2225673,2226351,2226560,2227209,2227936,2228235,
2228266,2228299,2228329,2230026,2230518,2230720,2230863,2231501,2231818,2231849,2231914,2231977,2232000,2232298,2232395,
2232425,2233867,2233962,2234091,2234154,2234230,2234274,2234326,2234442,2234464,2234786,2234816,2234889,2235680,2235917,
2236224,2236426,2236521,2237674,2237835,2237866,2238112,2238157,2238486,2238601,2238635,2238697,2238720,2238985,2240106,
2240150,2240201,2240224,2240522,2240587,2240617,2242155,2242250,2242539,2242601,2242742,2242858,2242998,2243019,2243050,
2243085,2243401,2243446,2243465,2243510,2243584,2243631,2244256,2244617,2245184,2245225,2246027,2246122,2246219,2246282,
2246315,2246346,2246422,2246602,2246633,2246698,2246720,2248713,2248928,2248969,2248992,2249033,2249152,2249193,2249664,
2249705,2250038,2250048,2250249,2251754,2251787,2251882,2252128,2252301,2252608,2252810,2252875,2252928,2252969,2253216,
2253289,2253344,2253417,2254112,2254153,2254368,2254409,2254464,2254505,2254656,2254698,2254761,2254795,2254858,2254891,
2255008,2255083,2255136,2255211,2255296,2255369,2255392,2255595,2255616,2255785,2255947,2256000,2256074,2256288,2256394,
2256544,2256905,2257216,2257257,2257280,2257353,2257376,2257417,2258624,2258665,2258699,2258794,2258976,2259019,2259040,
2259115,2259136,2259179,2259296,2259339,2259402,2259435,2259466,2259497,2259530,2259561,2259606,2259648,2259702,2259744,
2260010,2260064,2261001,2262699,2262794,2263051,2263114,2263211,2263242,2263273,2263414,2263565,2263894,2263936,2263990,
2264010,2264041,2264128,2265097,2266635,2266730,2266923,2266954,2266987,2267114,2267179,2267210,2267273,2267350,2267369,
2267392,2267661,2267968,2273289,2274795,2274890,2275008,2275083,2275210,2275275,2275306,2275382,2276105,2276234,2276288,
2277385,2278923,2279018,2279275,2279338,2279371,2279402,2279478,2279561,2279584,2279949,2280256,2280470,2280864,2281481,
2282858,2282891,2282922,2282955,2283018,2283211,2283242,2283273,2283318,2283328,2283533,2283840,2284045,2284672,2285577,
2286432,2286506,2286539,2286570,2286603,2286666,2286795,2286826,2286976,2287117,2287439,2287510,2287610,2287625,2287840,
2293769,2295179,2295274,2295563,2295594,2295670,2295680,2298885,2299910,2300941,2301263,2301536,2301929,2302176,2302249,
2302272,2302345,2302592,2302633,2302688,2302729,2303499,2303680,2303723,2303776,2303850,2303915,2303946,2303977,2304011,
2304041,2304075,2304106,2304150,2304224,2304525,2304832,2307081,2307328,2307401,2308651,2308746,2308864,2308938,2309003,
2309130,2309161,2309206,2309225,2309259,2309280,2310153,2310186,2310505,2311786,2311979,2312009,2312042,2312182,2312426,
2312448,2312713,2312746,2312939,2313002,2313097,2314570,2314987,2315018,2315094,2315177,2315222,2315360,2315785,2318112,
2318358,2318656,2324489,2325558,2325568,2326029,2326336,2326537,2326816,2326857,2328043,2328074,2328288,2328330,2328523,
2328554,2328585,2328630,2328768,2329101,2329423,2330016,2330134,2330185,2331136,2331210,2331904,2331947,2331978,2332203,
2332234,2332299,2332330,2332384,2334729,2334944,2334985,2335040,2335081,2336298,2336480,2336586,2336608,2336650,2336704,
2336746,2336969,2337002,2337024,2337293,2337600,2337801,2337984,2338025,2338080,2338121,2339147,2339296,2339338,2339392,
2339435,2339498,2339531,2339562,2339593,2339616,2339853,2340160,2350089,2350698,2350763,2350838,2350880,2351114,2351177,
2351211,2351241,2351648,2351689,2352779,2352842,2352992,2353099,2353162,2353195,2353226,2353270,2353677,2353994,2354016,
2356745,2356768,2357263,2357946,2358200,2358330,2358848,2359286,2359305,2388800,2392078,2395616,2395670,2395808,2396169,
2402432,2486793,2489910,2489952,2490377,2524674,2525194,2525225,2525418,2525888,2526217,2654048,2654217,2672864,2891785,
2892746,2893131,2893226,2893325,2893632,2949129,2967328,2967561,2968544,2968589,2968896,2969046,2969097,2971616,2971661,
2971968,2972169,2973120,2973194,2973366,2973376,2973705,2975242,2975478,2975642,2975752,2975894,2975930,2975936,2976269,
2976576,2976623,2976832,2976873,2977536,2977705,2978304,2992136,2992233,2993512,2993590,2993677,2993984,3000325,3001350,
3002383,3003126,3003232,3006473,3008864,3009002,3009033,3009067,3010816,3011050,3011176,3011584,3013640,3013718,3013736,
3013770,3013792,3014155,3014208,3014665,3211008,3211273,3250880,3252201,3252512,3538440,3538560,3538600,3538816,3538856,
3538912,3538953,3548256,3548745,3548768,3549705,3549792,3549865,3549888,3550345,3550464,3550729,3563392,3637257,3640672,
3640841,3641248,3641353,3641632,3641865,3642176,3642266,3642282,3642358,3642370,3642496,3768346,3776013,3776320,3776538,
3790464,3792906,3794368,3794442,3795168,3795482,3799168,3801114,3808960,3809306,3810528,3810618,3812523,3812586,3812698,
3812779,3812962,3813226,3813498,3813546,3813786,3814730,3814874,3816800,3817498,3819594,3819706,3819712,3823631,3824256,
3824655,3825280,3825690,3828448,3828751,3829536,3833861,3834694,3835525,3836358,3836576,3836614,3837189,3838022,3838853,
3838880,3838917,3838976,3839045,3839072,3839141,3839200,3839269,3839392,3839429,3839686,3839808,3839846,3839872,3839910,
3840128,3840166,3840517,3841350,3842181,3842240,3842277,3842400,3842469,3842720,3842757,3842976,3843014,3843845,3843904,
3843941,3844064,3844101,3844256,3844293,3844320,3844421,3844640,3844678,3845509,3846342,3847173,3848006,3848837,3849670,
3850501,3851334,3852165,3852998,3853829,3854662,3855552,3855621,3856439,3856454,3857271,3857286,3857477,3858295,3858310,
3859127,3859142,3859333,3860151,3860166,3860983,3860998,3861189,3862007,3862022,3862839,3862854,3863045,3863863,3863878,
3864695,3864710,3864901,3864934,3864960,3865037,3866650,3883018,3884794,3884906,3886522,3886762,3886810,3887242,3887290,
3887350,3887488,3887978,3888128,3888170,3888640,3923974,3924297,3924326,3924960,3925158,3925344,3932170,3932384,3932426,
3932960,3933034,3933248,3933290,3933344,3933386,3933536,3933704,3935680,3936746,3936768,3940361,3941792,3941898,3942120,
3942336,3942413,3942720,3942857,3942906,3942912,3953161,3954122,3954144,3954697,3956106,3956237,3956544,3956728,3956736,
3971593,3972456,3972490,3972621,3972928,3979785,3980746,3980809,3980845,3981152,3981302,3981312,3996681,3996896,3996937,
3997056,3997097,3997152,3997193,3997664,3997705,4004000,4004079,4004362,4004576,4005893,4006982,4008074,4008296,4008320,
4008461,4008768,4008918,4008960,4034095,4035994,4036015,4036120,4036143,4036256,4038703,4040154,4040175,4040640,4046857,
4046976,4047017,4047872,4047913,4047968,4048009,4048032,4048105,4048128,4048169,4048480,4048521,4048640,4048681,4048704,
4048745,4048768,4048969,4048992,4049129,4049152,4049193,4049216,4049257,4049280,4049321,4049408,4049449,4049504,4049545,
4049568,4049641,4049664,4049705,4049728,4049769,4049792,4049833,4049856,4049897,4049920,4049961,4050016,4050057,4050080,
4050153,4050272,4050313,4050528,4050569,4050688,4050729,4050848,4050889,4050912,4050953,4051264,4051305,4051840,4052009,
4052096,4052137,4052288,4052329,4052864,4054551,4054592,4063258,4064640,4064794,4067968,4068378,4068832,4068922,4069376,
4069434,4069888,4069946,4071104,4071439,4071866,4076992,4078810,4079712,4080154,4081536,4081690,4081952,4082202,4082240,
4082714,4082880,4087834,4095865,4096026,4119296,4119450,4119968,4120090,4120480,4120602,4124384,4124538,4127552,4127770,
4128128,4128282,4128288,4128794,4129152,4129306,4131072,4131354,4131648,4131866,4133120,4133402,4134336,4134426,4134784,
4134938,4134976,4136986,4147840,4148250,4148672,4148762,4149152,4149274,4149568,4149754,4151520,4151770,4152224,4152314,
4152640,4152858,4153120,4153370,4158048,4158106,4161037,4161344,4194313,5561344,5562377,5695296,5695497,5702592,5702665,
5887040,5887497,6126624,6127113,6147008,6225929,6243264,6291465,6449504,6449673,6583808,29360162,29360192,29361154,
29364224,29368330,29376000,31457283,33554368,33554435,35651520,
};

/* The run that holds character 256 * i, so that a search stays within one page. */
static const uint16_t ldr__cat_page[] = {
0,60,108,130,168,176,204,238,260,289,352,428,509,581,637,677,721,766,766,792,809,810,810,824,861,881,909,942,984,1021,
1028,1031,1095,1152,1218,1219,1235,1242,1248,1250,1282,1283,1314,1315,1324,1348,1379,1433,1436,1488,1501,1512,1513,1513,
1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,1513,
1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,
1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,
1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,
1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1515,1517,1517,1517,1517,1524,1524,1547,1586,1622,1655,1703,1734,1734,
1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,
1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1734,1740,1740,1740,1740,1740,1740,
1740,1740,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,1741,
1741,1741,1741,1742,1742,1746,1767,1767,1780,1835,1895,
};

/* Lower case: first, last, step, what is added to every step-th character. */
static const int32_t ldr__lower_runs[] = {
65,90,1,32,192,214,1,32,216,222,1,32,256,302,2,1,306,310,2,1,313,327,2,1,330,374,2,1,376,376,1,-121,377,381,2,1,
385,385,1,210,386,388,2,1,390,390,1,206,391,391,1,1,393,394,1,205,395,395,1,1,398,398,1,79,399,399,1,202,400,400,1,203,
401,401,1,1,403,403,1,205,404,404,1,207,406,406,1,211,407,407,1,209,408,408,1,1,412,412,1,211,413,413,1,213,
415,415,1,214,416,420,2,1,422,422,1,218,423,423,1,1,425,425,1,218,428,428,1,1,430,430,1,218,431,431,1,1,433,434,1,217,
435,437,2,1,439,439,1,219,440,440,1,1,444,444,1,1,452,452,1,2,453,453,1,1,455,455,1,2,456,456,1,1,458,458,1,2,
459,475,2,1,478,494,2,1,497,497,1,2,498,500,2,1,502,502,1,-97,503,503,1,-56,504,542,2,1,544,544,1,-130,546,562,2,1,
570,570,1,10795,571,571,1,1,573,573,1,-163,574,574,1,10792,577,577,1,1,579,579,1,-195,580,580,1,69,581,581,1,71,
582,590,2,1,880,882,2,1,886,886,1,1,895,895,1,116,902,902,1,38,904,906,1,37,908,908,1,64,910,911,1,63,913,929,1,32,
931,939,1,32,975,975,1,8,984,1006,2,1,1012,1012,1,-60,1015,1015,1,1,1017,1017,1,-7,1018,1018,1,1,1021,1023,1,-130,
1024,1039,1,80,1040,1071,1,32,1120,1152,2,1,1162,1214,2,1,1216,1216,1,15,1217,1229,2,1,1232,1326,2,1,1329,1366,1,48,
4256,4293,1,7264,4295,4295,1,7264,4301,4301,1,7264,5024,5103,1,38864,5104,5109,1,8,7305,7305,1,1,7312,7354,1,-3008,
7357,7359,1,-3008,7680,7828,2,1,7838,7838,1,-7615,7840,7934,2,1,7944,7951,1,-8,7960,7965,1,-8,7976,7983,1,-8,
7992,7999,1,-8,8008,8013,1,-8,8025,8031,2,-8,8040,8047,1,-8,8072,8079,1,-8,8088,8095,1,-8,8104,8111,1,-8,8120,8121,1,-8,
8122,8123,1,-74,8124,8124,1,-9,8136,8139,1,-86,8140,8140,1,-9,8152,8153,1,-8,8154,8155,1,-100,8168,8169,1,-8,
8170,8171,1,-112,8172,8172,1,-7,8184,8185,1,-128,8186,8187,1,-126,8188,8188,1,-9,8486,8486,1,-7517,8490,8490,1,-8383,
8491,8491,1,-8262,8498,8498,1,28,8544,8559,1,16,8579,8579,1,1,9398,9423,1,26,11264,11311,1,48,11360,11360,1,1,
11362,11362,1,-10743,11363,11363,1,-3814,11364,11364,1,-10727,11367,11371,2,1,11373,11373,1,-10780,11374,11374,1,-10749,
11375,11375,1,-10783,11376,11376,1,-10782,11378,11378,1,1,11381,11381,1,1,11390,11391,1,-10815,11392,11490,2,1,
11499,11501,2,1,11506,11506,1,1,42560,42604,2,1,42624,42650,2,1,42786,42798,2,1,42802,42862,2,1,42873,42875,2,1,
42877,42877,1,-35332,42878,42886,2,1,42891,42891,1,1,42893,42893,1,-42280,42896,42898,2,1,42902,42920,2,1,
42922,42922,1,-42308,42923,42923,1,-42319,42924,42924,1,-42315,42925,42925,1,-42305,42926,42926,1,-42308,
42928,42928,1,-42258,42929,42929,1,-42282,42930,42930,1,-42261,42931,42931,1,928,42932,42946,2,1,42948,42948,1,-48,
42949,42949,1,-42307,42950,42950,1,-35384,42951,42953,2,1,42955,42955,1,-42343,42956,42970,2,1,42972,42972,1,-42561,
42997,42997,1,1,65313,65338,1,32,66560,66599,1,40,66736,66771,1,40,66928,66938,1,39,66940,66954,1,39,66956,66962,1,39,
66964,66965,1,39,68736,68786,1,64,68944,68965,1,32,71840,71871,1,32,93760,93791,1,32,93856,93880,1,27,
125184,125217,1,34,
};

/* Decompositions: first, last, kind (+ 32: compatibility only), value. Kind 0, 1: value + kind * k; n: n characters of the pool; 31: one. */
static const int32_t ldr__decomp_runs[] = {
160,160,32,32,168,168,34,0,170,170,32,97,175,175,34,2,178,179,33,50,180,180,34,4,181,181,32,956,184,184,34,6,
185,185,32,49,186,186,32,111,188,190,35,8,192,197,2,17,199,207,2,29,209,214,2,47,217,221,2,59,224,229,2,69,231,239,2,81,
241,246,2,99,249,253,2,111,255,271,2,121,274,293,2,155,296,304,2,195,306,307,34,213,308,311,2,217,313,318,2,225,
319,320,34,237,323,328,2,241,329,329,34,253,332,337,2,255,340,357,2,267,360,382,2,303,383,383,32,115,416,417,2,349,
431,432,2,353,452,460,34,357,461,476,2,375,478,483,2,407,486,496,2,419,497,499,34,441,500,501,2,447,504,539,2,451,
542,543,2,523,550,563,2,527,688,696,63,4974,728,733,34,555,736,740,63,4983,832,833,1,768,835,835,0,787,836,836,2,567,
884,884,0,697,890,890,34,569,894,894,0,59,900,900,34,571,901,902,2,573,903,903,0,183,904,906,2,577,908,908,2,583,
910,912,2,585,938,944,2,591,970,974,2,605,976,978,63,4988,979,980,2,615,981,981,32,966,982,982,32,960,1008,1008,32,954,
1009,1010,33,961,1012,1012,32,920,1013,1013,32,949,1017,1017,32,931,1024,1025,2,619,1027,1027,2,623,1031,1031,2,625,
1036,1038,2,627,1049,1049,2,633,1081,1081,2,635,1104,1105,2,637,1107,1107,2,641,1111,1111,2,643,1116,1118,2,645,
1142,1143,2,651,1217,1218,2,655,1232,1235,2,659,1238,1239,2,667,1242,1247,2,671,1250,1255,2,683,1258,1269,2,695,
1272,1273,2,719,1415,1415,34,723,1570,1574,2,725,1653,1656,34,735,1728,1728,2,743,1730,1730,2,745,1747,1747,2,747,
2345,2345,2,749,2353,2353,2,751,2356,2356,2,753,2392,2399,2,755,2507,2508,2,771,2524,2525,2,775,2527,2527,2,779,
2611,2611,2,781,2614,2614,2,783,2649,2651,2,785,2654,2654,2,791,2888,2888,2,793,2891,2892,2,795,2908,2909,2,799,
2964,2964,2,803,3018,3020,2,805,3144,3144,2,811,3264,3264,2,813,3271,3272,2,815,3274,3275,2,819,3402,3404,2,823,
3546,3546,2,829,3548,3550,2,831,3635,3635,34,837,3763,3763,34,839,3804,3805,34,841,3852,3852,32,3851,3907,3907,2,845,
3917,3917,2,847,3922,3922,2,849,3927,3927,2,851,3932,3932,2,853,3945,3945,2,855,3955,3955,2,857,3957,3958,2,859,
3959,3959,34,863,3960,3960,2,865,3961,3961,34,867,3969,3969,2,869,3987,3987,2,871,3997,3997,2,873,4002,4002,2,875,
4007,4007,2,877,4012,4012,2,879,4025,4025,2,881,4134,4134,2,883,4348,4348,32,4316,6918,6918,2,885,6920,6920,2,887,
6922,6922,2,889,6924,6924,2,891,6926,6926,2,893,6930,6930,2,895,6971,6971,2,897,6973,6973,2,899,6976,6977,2,901,
6979,6979,2,905,7468,7470,63,4991,7472,7473,33,68,7474,7474,32,398,7475,7482,33,71,7484,7487,63,4994,7488,7489,33,84,
7490,7490,32,87,7491,7491,32,97,7492,7493,33,592,7494,7494,32,7426,7495,7495,32,98,7496,7497,33,100,7498,7498,32,601,
7499,7500,33,603,7501,7501,32,103,7503,7507,63,4998,7508,7509,33,7446,7510,7510,32,112,7511,7512,33,116,
7513,7516,63,5003,7517,7519,33,946,7520,7521,33,966,7522,7522,32,105,7523,7523,32,114,7524,7525,33,117,7526,7527,33,946,
7528,7528,32,961,7529,7530,33,966,7544,7544,32,1085,7579,7587,63,5007,7588,7590,33,616,7591,7597,63,5016,
7598,7601,33,626,7602,7602,32,632,7603,7604,33,642,7605,7605,32,427,7606,7607,33,649,7608,7608,32,7452,7609,7610,33,651,
7611,7611,32,122,7612,7614,33,656,7615,7615,32,952,7680,7833,2,907,7834,7834,34,1215,7835,7835,2,1217,7840,7929,2,1219,
7936,7957,2,1399,7960,7965,2,1443,7968,8005,2,1455,8008,8013,2,1531,8016,8023,2,1543,8025,8025,2,1559,8027,8027,2,1561,
8029,8029,2,1563,8031,8048,2,1565,8049,8049,0,940,8050,8050,2,1601,8051,8051,0,941,8052,8052,2,1603,8053,8053,0,942,
8054,8054,2,1605,8055,8055,0,943,8056,8056,2,1607,8057,8057,0,972,8058,8058,2,1609,8059,8059,0,973,8060,8060,2,1611,
8061,8061,0,974,8064,8116,2,1613,8118,8122,2,1719,8123,8123,0,902,8124,8124,2,1729,8125,8125,34,1731,8126,8126,0,953,
8127,8128,34,1733,8129,8132,2,1737,8134,8136,2,1745,8137,8137,0,904,8138,8138,2,1751,8139,8139,0,905,8140,8146,2,1753,
8147,8147,0,912,8150,8154,2,1767,8155,8155,0,906,8157,8162,2,1777,8163,8163,0,944,8164,8170,2,1789,8171,8171,0,910,
8172,8173,2,1803,8174,8174,0,901,8175,8175,0,96,8178,8180,2,1807,8182,8184,2,1813,8185,8185,0,908,8186,8186,2,1819,
8187,8187,0,911,8188,8188,2,1821,8189,8189,0,180,8190,8190,34,1823,8192,8193,1,8194,8194,8202,32,32,8209,8209,32,8208,
8215,8215,34,1825,8228,8228,32,46,8229,8229,34,1827,8230,8230,35,1829,8239,8239,32,32,8243,8243,34,1832,
8244,8244,35,1834,8246,8246,34,1837,8247,8247,35,1839,8252,8252,34,1842,8254,8254,34,1844,8263,8265,34,1846,
8279,8279,36,1852,8287,8287,32,32,8304,8304,32,48,8305,8305,32,105,8308,8313,33,52,8314,8316,63,5023,8317,8318,33,40,
8319,8319,32,110,8320,8329,33,48,8330,8332,63,5026,8333,8334,33,40,8336,8341,63,5029,8342,8345,33,107,8346,8346,32,112,
8347,8348,33,115,8360,8360,34,1856,8448,8449,35,1858,8450,8450,32,67,8451,8451,34,1864,8453,8454,35,1866,
8455,8455,32,400,8457,8457,34,1872,8458,8467,63,5035,8469,8469,32,78,8470,8470,34,1874,8473,8475,33,80,8476,8477,32,82,
8480,8480,34,1876,8481,8481,35,1878,8482,8482,34,1881,8484,8484,32,90,8486,8486,0,937,8488,8488,32,90,8490,8490,0,75,
8491,8491,0,197,8492,8493,33,66,8495,8495,32,101,8496,8497,33,69,8499,8499,32,77,8500,8500,32,111,8501,8504,33,1488,
8505,8505,32,105,8507,8507,35,1883,8508,8512,63,5045,8517,8517,32,68,8518,8519,33,100,8520,8521,33,105,
8528,8529,35,1886,8530,8530,36,1892,8531,8542,35,1896,8543,8543,34,1932,8544,8544,32,73,8545,8545,34,1934,
8546,8546,35,1936,8547,8547,34,1939,8548,8548,32,86,8549,8549,34,1941,8550,8550,35,1943,8551,8551,36,1946,
8552,8552,34,1950,8553,8553,32,88,8554,8554,34,1952,8555,8555,35,1954,8556,8556,32,76,8557,8558,33,67,8559,8559,32,77,
8560,8560,32,105,8561,8561,34,1957,8562,8562,35,1959,8563,8563,34,1962,8564,8564,32,118,8565,8565,34,1964,
8566,8566,35,1966,8567,8567,36,1969,8568,8568,34,1973,8569,8569,32,120,8570,8570,34,1975,8571,8571,35,1977,
8572,8572,32,108,8573,8574,33,99,8575,8575,32,109,8585,8585,35,1980,8602,8603,2,1983,8622,8622,2,1987,8653,8655,2,1989,
8708,8708,2,1995,8713,8713,2,1997,8716,8716,2,1999,8740,8740,2,2001,8742,8742,2,2003,8748,8748,34,2005,
8749,8749,35,2007,8751,8751,34,2010,8752,8752,35,2012,8769,8769,2,2015,8772,8772,2,2017,8775,8775,2,2019,
8777,8777,2,2021,8800,8800,2,2023,8802,8802,2,2025,8813,8817,2,2027,8820,8821,2,2037,8824,8825,2,2041,8832,8833,2,2045,
8836,8837,2,2049,8840,8841,2,2053,8876,8879,2,2057,8928,8931,2,2065,8938,8941,2,2073,9001,9002,1,12296,9312,9320,33,49,
9321,9331,34,2081,9332,9340,35,2103,9341,9351,36,2130,9352,9360,34,2174,9361,9397,35,2192,9398,9423,33,65,
9424,9449,33,97,9450,9450,32,48,10764,10764,36,2303,10868,10868,35,2307,10869,10869,34,2310,10870,10870,35,2312,
10972,10972,2,2315,11388,11388,32,106,11389,11389,32,86,11631,11631,32,11617,11935,11935,32,27597,12019,12019,32,40863,
12032,12245,63,5050,12288,12288,32,32,12342,12342,32,12306,12344,12344,32,21313,12345,12346,33,21316,12364,12364,2,2317,
12366,12366,2,2319,12368,12368,2,2321,12370,12370,2,2323,12372,12372,2,2325,12374,12374,2,2327,12376,12376,2,2329,
12378,12378,2,2331,12380,12380,2,2333,12382,12382,2,2335,12384,12384,2,2337,12386,12386,2,2339,12389,12389,2,2341,
12391,12391,2,2343,12393,12393,2,2345,12400,12401,2,2347,12403,12404,2,2351,12406,12407,2,2355,12409,12410,2,2359,
12412,12413,2,2363,12436,12436,2,2367,12443,12444,34,2369,12446,12446,2,2373,12447,12447,34,2375,12460,12460,2,2377,
12462,12462,2,2379,12464,12464,2,2381,12466,12466,2,2383,12468,12468,2,2385,12470,12470,2,2387,12472,12472,2,2389,
12474,12474,2,2391,12476,12476,2,2393,12478,12478,2,2395,12480,12480,2,2397,12482,12482,2,2399,12485,12485,2,2401,
12487,12487,2,2403,12489,12489,2,2405,12496,12497,2,2407,12499,12500,2,2411,12502,12503,2,2415,12505,12506,2,2419,
12508,12509,2,2423,12532,12532,2,2427,12535,12538,2,2429,12542,12542,2,2437,12543,12543,34,2439,12593,12594,33,4352,
12595,12595,32,4522,12596,12596,32,4354,12597,12598,33,4524,12599,12601,33,4355,12602,12607,33,4528,12608,12608,32,4378,
12609,12611,33,4358,12612,12612,32,4385,12613,12622,33,4361,12623,12643,33,4449,12644,12644,32,4448,12645,12646,33,4372,
12647,12648,33,4551,12649,12656,63,5264,12657,12658,33,4381,12659,12659,32,4384,12660,12661,33,4386,12662,12662,32,4391,
12663,12663,32,4393,12664,12668,33,4395,12669,12673,63,5272,12674,12680,63,5277,12681,12681,32,4488,12682,12683,33,4497,
12684,12686,63,5284,12690,12703,63,5287,12800,12813,35,2441,12814,12828,36,2483,12829,12829,39,2543,12830,12830,38,2550,
12832,12867,35,2556,12868,12871,63,5301,12880,12880,35,2664,12881,12895,34,2667,12896,12896,32,4352,12897,12898,33,4354,
12899,12901,33,4357,12902,12902,32,4361,12903,12904,33,4363,12905,12909,33,4366,12910,12923,34,2697,12924,12924,37,2725,
12925,12925,36,2730,12926,12926,34,2734,12928,12976,63,5305,12977,13000,34,2736,13001,13003,35,2784,13004,13004,34,2793,
13005,13005,35,2795,13006,13006,34,2798,13007,13007,35,2800,13008,13011,63,5354,13012,13013,33,12458,
13014,13027,63,5358,13028,13033,33,12490,13034,13037,63,5372,13038,13042,33,12510,13043,13043,32,12516,
13044,13044,32,12518,13045,13050,33,12520,13051,13054,33,12527,13056,13058,36,2803,13059,13059,35,2815,
13060,13060,36,2818,13061,13062,35,2822,13063,13063,37,2828,13064,13064,36,2833,13065,13067,35,2837,13068,13069,36,2846,
13070,13071,35,2854,13072,13072,34,2860,13073,13073,35,2862,13074,13075,36,2865,13076,13076,34,2873,13077,13077,37,2875,
13078,13078,38,2880,13079,13079,37,2886,13080,13080,35,2891,13081,13082,37,2894,13083,13083,36,2904,13084,13086,35,2908,
13087,13087,36,2917,13088,13088,37,2921,13089,13089,36,2926,13090,13092,35,2930,13093,13096,34,2939,13097,13098,35,2947,
13099,13099,37,2953,13100,13100,35,2958,13101,13101,36,2961,13102,13102,37,2965,13103,13103,35,2970,13104,13105,34,2973,
13106,13106,37,2977,13107,13107,36,2982,13108,13108,37,2986,13109,13109,35,2991,13110,13110,37,2994,13111,13111,34,2999,
13112,13116,35,3001,13117,13117,36,3016,13118,13118,35,3020,13119,13119,34,3023,13120,13122,35,3025,13123,13123,36,3034,
13124,13126,35,3038,13127,13127,37,3047,13128,13128,36,3052,13129,13129,34,3056,13130,13130,37,3058,13131,13131,34,3063,
13132,13133,36,3065,13134,13136,35,3073,13137,13137,36,3082,13138,13138,34,3086,13139,13139,35,3088,13140,13140,36,3091,
13141,13141,34,3095,13142,13142,37,3097,13143,13143,35,3102,13144,13153,34,3105,13154,13169,35,3125,13170,13171,34,3173,
13172,13172,35,3177,13173,13175,34,3180,13176,13177,35,3186,13178,13182,34,3192,13183,13183,36,3202,13184,13191,34,3206,
13192,13192,35,3222,13193,13193,36,3225,13194,13200,34,3229,13201,13204,35,3243,13205,13214,34,3255,13215,13216,35,3275,
13217,13217,34,3281,13218,13220,35,3283,13221,13221,34,3292,13222,13223,35,3294,13224,13224,36,3300,13225,13225,34,3304,
13226,13229,35,3306,13230,13230,37,3318,13231,13231,38,3323,13232,13249,34,3329,13250,13250,36,3365,13251,13253,34,3369,
13254,13254,36,3375,13255,13255,35,3379,13256,13265,34,3382,13266,13266,35,3402,13267,13268,34,3405,13269,13270,35,3409,
13271,13271,34,3415,13272,13272,36,3417,13273,13273,35,3421,13274,13277,34,3424,13278,13279,35,3432,13280,13288,34,3438,
13289,13311,35,3456,42652,42652,32,1098,42653,42653,32,1100,42864,42864,32,42863,43000,43000,32,294,43001,43001,32,339,
43868,43871,63,5376,63744,64013,31,5380,64016,64016,0,22618,64018,64018,0,26228,64021,64030,31,5650,64032,64032,0,34322,
64034,64034,0,35576,64037,64037,0,36920,64038,64038,0,37117,64042,64081,31,5660,64082,64083,1,31117,64084,64109,31,5700,
64112,64217,31,5726,64256,64258,34,3525,64259,64260,35,3531,64261,64262,34,3537,64275,64279,34,3541,64285,64285,2,3551,
64287,64287,2,3553,64288,64288,32,1506,64289,64289,32,1488,64290,64291,33,1491,64292,64294,33,1499,64295,64297,63,5832,
64298,64310,2,3555,64312,64316,2,3581,64318,64318,2,3591,64320,64321,2,3593,64323,64324,2,3597,64326,64334,2,3601,
64335,64335,34,3619,64336,64337,32,1649,64338,64341,32,1659,64342,64345,32,1662,64346,64349,32,1664,64350,64353,32,1658,
64354,64357,32,1663,64358,64361,32,1657,64362,64365,32,1700,64366,64369,32,1702,64370,64373,32,1668,64374,64377,32,1667,
64378,64381,32,1670,64382,64385,32,1671,64386,64397,63,5835,64398,64401,32,1705,64402,64405,32,1711,64406,64409,32,1715,
64410,64413,32,1713,64414,64415,32,1722,64416,64419,32,1723,64420,64421,32,1728,64422,64425,32,1729,64426,64429,32,1726,
64430,64431,32,1746,64432,64433,32,1747,64467,64470,32,1709,64471,64483,63,5847,64484,64487,32,1744,64488,64489,32,1609,
64490,64507,34,3621,64508,64511,32,1740,64512,64605,34,3657,64606,64611,35,3845,64612,64753,34,3863,64754,64756,35,4147,
64757,64829,34,4156,64848,64911,35,4302,64914,64967,35,4494,65008,65009,35,4656,65010,65016,36,4662,65017,65017,35,4690,
65018,65018,50,4693,65019,65019,40,4711,65020,65020,36,4719,65040,65040,32,44,65041,65042,33,12289,65043,65044,33,58,
65045,65045,32,33,65046,65046,32,63,65047,65048,33,12310,65049,65049,32,8230,65072,65076,63,5860,65077,65078,33,40,
65079,65079,32,123,65080,65080,32,125,65081,65088,63,5865,65089,65092,33,12300,65095,65095,32,91,65096,65096,32,93,
65097,65100,32,8254,65101,65106,63,5873,65108,65112,63,5879,65113,65114,33,40,65115,65115,32,123,65116,65116,32,125,
65117,65118,33,12308,65119,65119,32,35,65120,65120,32,38,65121,65122,33,42,65123,65126,63,5884,65128,65128,32,92,
65129,65130,33,36,65131,65131,32,64,65136,65138,34,4723,65140,65140,34,4729,65142,65151,34,4731,65152,65161,63,5888,
65162,65164,32,1574,65165,65166,32,1575,65167,65170,32,1576,65171,65172,32,1577,65173,65176,32,1578,65177,65180,32,1579,
65181,65184,32,1580,65185,65188,32,1581,65189,65192,32,1582,65193,65200,63,5898,65201,65204,32,1587,65205,65208,32,1588,
65209,65212,32,1589,65213,65216,32,1590,65217,65220,32,1591,65221,65224,32,1592,65225,65228,32,1593,65229,65232,32,1594,
65233,65236,32,1601,65237,65240,32,1602,65241,65244,32,1603,65245,65248,32,1604,65249,65252,32,1605,65253,65256,32,1606,
65257,65260,32,1607,65261,65262,32,1608,65263,65264,32,1609,65265,65268,32,1610,65269,65276,34,4751,65281,65374,33,33,
65375,65376,33,10629,65377,65377,32,12290,65378,65379,33,12300,65380,65396,63,5906,65397,65398,33,12458,
65399,65412,63,5923,65413,65418,33,12490,65419,65422,63,5937,65423,65427,33,12510,65428,65428,32,12516,
65429,65429,32,12518,65430,65435,33,12520,65436,65436,32,12527,65437,65437,32,12531,65438,65439,33,12441,
65440,65440,32,12644,65441,65470,33,12593,65474,65479,33,12623,65482,65487,33,12629,65490,65495,33,12635,
65498,65500,33,12641,65504,65505,33,162,65506,65510,63,5941,65512,65512,32,9474,65513,65516,33,8592,65517,65517,32,9632,
65518,65518,32,9675,69786,69786,2,4767,69788,69788,2,4769,69803,69803,2,4771,69934,69935,2,4773,70475,70476,2,4777,
70843,70844,2,4781,70846,70846,2,4785,71098,71099,2,4787,119134,119140,2,4791,119227,119232,2,4805,119808,119833,33,65,
119834,119859,33,97,119860,119885,33,65,119886,119892,33,97,119894,119911,33,105,119912,119937,33,65,
119938,119963,33,97,119964,119964,32,65,119966,119967,33,67,119970,119970,32,71,119973,119974,33,74,119977,119980,33,78,
119982,119989,33,83,119990,119993,33,97,119995,119995,32,102,119997,120003,33,104,120005,120015,33,112,
120016,120041,33,65,120042,120067,33,97,120068,120069,33,65,120071,120074,33,68,120077,120084,33,74,120086,120092,33,83,
120094,120119,33,97,120120,120121,33,65,120123,120126,33,68,120128,120132,33,73,120134,120134,32,79,120138,120144,33,83,
120146,120171,33,97,120172,120197,33,65,120198,120223,33,97,120224,120249,33,65,120250,120275,33,97,120276,120301,33,65,
120302,120327,33,97,120328,120353,33,65,120354,120379,33,97,120380,120405,33,65,120406,120431,33,97,120432,120457,33,65,
120458,120483,33,97,120484,120484,32,305,120485,120485,32,567,120488,120504,33,913,120505,120505,32,1012,
120506,120512,33,931,120513,120513,32,8711,120514,120538,33,945,120539,120545,63,5946,120546,120562,33,913,
120563,120563,32,1012,120564,120570,33,931,120571,120571,32,8711,120572,120596,33,945,120597,120603,63,5953,
120604,120620,33,913,120621,120621,32,1012,120622,120628,33,931,120629,120629,32,8711,120630,120654,33,945,
120655,120661,63,5960,120662,120678,33,913,120679,120679,32,1012,120680,120686,33,931,120687,120687,32,8711,
120688,120712,33,945,120713,120719,63,5967,120720,120736,33,913,120737,120737,32,1012,120738,120744,33,931,
120745,120745,32,8711,120746,120770,33,945,120771,120777,63,5974,120778,120779,33,988,120782,120791,33,48,
120792,120801,33,48,120802,120811,33,48,120812,120821,33,48,120822,120831,33,48,126464,126465,33,1575,
126466,126466,32,1580,126467,126467,32,1583,126469,126473,63,5981,126474,126477,33,1603,126478,126484,63,5986,
126485,126486,33,1578,126487,126495,63,5993,126497,126497,32,1576,126498,126498,32,1580,126500,126500,32,1607,
126503,126503,32,1581,126505,126505,32,1610,126506,126509,33,1603,126510,126514,63,6002,126516,126516,32,1588,
126517,126518,33,1578,126519,126519,32,1582,126521,126521,32,1590,126523,126523,32,1594,126530,126530,32,1580,
126535,126535,32,1581,126537,126537,32,1610,126539,126539,32,1604,126541,126543,63,6007,126545,126545,32,1589,
126546,126546,32,1602,126548,126548,32,1588,126551,126551,32,1582,126553,126553,32,1590,126555,126555,32,1594,
126557,126557,32,1722,126559,126559,32,1647,126561,126561,32,1576,126562,126562,32,1580,126564,126564,32,1607,
126567,126570,63,6010,126572,126573,33,1605,126574,126578,63,6014,126580,126580,32,1588,126581,126582,33,1578,
126583,126583,32,1582,126585,126588,63,6019,126590,126590,32,1697,126592,126593,33,1575,126594,126594,32,1580,
126595,126595,32,1583,126596,126597,33,1607,126598,126601,63,6023,126603,126605,33,1604,126606,126612,63,6027,
126613,126614,33,1578,126615,126619,63,6034,126625,126627,63,6039,126629,126633,63,6042,126635,126637,33,1604,
126638,126644,63,6047,126645,126646,33,1578,126647,126651,63,6054,127232,127242,34,4817,127248,127274,35,4839,
127275,127275,32,67,127276,127276,32,82,127277,127278,34,4920,127280,127305,33,65,127306,127309,34,4924,
127310,127310,35,4932,127311,127311,34,4935,127338,127339,34,4937,127376,127376,34,4941,127488,127489,34,4943,
127490,127490,32,12469,127504,127547,63,6059,127552,127560,35,4947,127568,127568,32,24471,127569,127569,32,21487,
194560,194600,31,6103,194601,194602,1,21253,194603,194688,31,6144,194689,194690,1,24033,194691,194804,31,6230,
194805,194806,1,27578,194807,194884,31,6344,194885,194886,1,30494,194887,195047,31,6422,195048,195049,1,37591,
195050,195101,31,6583,
};

static const int32_t ldr__decomp_pool[] = {
32,776,32,772,32,769,32,807,49,8260,52,49,8260,50,51,8260,52,65,768,65,769,65,770,65,771,65,776,65,778,67,807,69,768,69,
769,69,770,69,776,73,768,73,769,73,770,73,776,78,771,79,768,79,769,79,770,79,771,79,776,85,768,85,769,85,770,85,776,89,
769,97,768,97,769,97,770,97,771,97,776,97,778,99,807,101,768,101,769,101,770,101,776,105,768,105,769,105,770,105,776,
110,771,111,768,111,769,111,770,111,771,111,776,117,768,117,769,117,770,117,776,121,769,121,776,65,772,97,772,65,774,97,
774,65,808,97,808,67,769,99,769,67,770,99,770,67,775,99,775,67,780,99,780,68,780,100,780,69,772,101,772,69,774,101,774,
69,775,101,775,69,808,101,808,69,780,101,780,71,770,103,770,71,774,103,774,71,775,103,775,71,807,103,807,72,770,104,770,
73,771,105,771,73,772,105,772,73,774,105,774,73,808,105,808,73,775,73,74,105,106,74,770,106,770,75,807,107,807,76,769,
108,769,76,807,108,807,76,780,108,780,76,183,108,183,78,769,110,769,78,807,110,807,78,780,110,780,700,110,79,772,111,
772,79,774,111,774,79,779,111,779,82,769,114,769,82,807,114,807,82,780,114,780,83,769,115,769,83,770,115,770,83,807,115,
807,83,780,115,780,84,807,116,807,84,780,116,780,85,771,117,771,85,772,117,772,85,774,117,774,85,778,117,778,85,779,117,
779,85,808,117,808,87,770,119,770,89,770,121,770,89,776,90,769,122,769,90,775,122,775,90,780,122,780,79,795,111,795,85,
795,117,795,68,381,68,382,100,382,76,74,76,106,108,106,78,74,78,106,110,106,65,780,97,780,73,780,105,780,79,780,111,780,
85,780,117,780,220,772,252,772,220,769,252,769,220,780,252,780,220,768,252,768,196,772,228,772,550,772,551,772,198,772,
230,772,71,780,103,780,75,780,107,780,79,808,111,808,490,772,491,772,439,780,658,780,106,780,68,90,68,122,100,122,71,
769,103,769,78,768,110,768,197,769,229,769,198,769,230,769,216,769,248,769,65,783,97,783,65,785,97,785,69,783,101,783,
69,785,101,785,73,783,105,783,73,785,105,785,79,783,111,783,79,785,111,785,82,783,114,783,82,785,114,785,85,783,117,783,
85,785,117,785,83,806,115,806,84,806,116,806,72,780,104,780,65,775,97,775,69,807,101,807,214,772,246,772,213,772,245,
772,79,775,111,775,558,772,559,772,89,772,121,772,32,774,32,775,32,778,32,808,32,771,32,779,776,769,32,837,32,769,168,
769,913,769,917,769,919,769,921,769,927,769,933,769,937,769,970,769,921,776,933,776,945,769,949,769,951,769,953,769,971,
769,953,776,965,776,959,769,965,769,969,769,978,769,978,776,1045,768,1045,776,1043,769,1030,776,1050,769,1048,768,1059,
774,1048,774,1080,774,1077,768,1077,776,1075,769,1110,776,1082,769,1080,768,1091,774,1140,783,1141,783,1046,774,1078,
774,1040,774,1072,774,1040,776,1072,776,1045,774,1077,774,1240,776,1241,776,1046,776,1078,776,1047,776,1079,776,1048,
772,1080,772,1048,776,1080,776,1054,776,1086,776,1256,776,1257,776,1069,776,1101,776,1059,772,1091,772,1059,776,1091,
776,1059,779,1091,779,1063,776,1095,776,1067,776,1099,776,1381,1410,1575,1619,1575,1620,1608,1620,1575,1621,1610,1620,
1575,1652,1608,1652,1735,1652,1610,1652,1749,1620,1729,1620,1746,1620,2344,2364,2352,2364,2355,2364,2325,2364,2326,2364,
2327,2364,2332,2364,2337,2364,2338,2364,2347,2364,2351,2364,2503,2494,2503,2519,2465,2492,2466,2492,2479,2492,2610,2620,
2616,2620,2582,2620,2583,2620,2588,2620,2603,2620,2887,2902,2887,2878,2887,2903,2849,2876,2850,2876,2962,3031,3014,3006,
3015,3006,3014,3031,3142,3158,3263,3285,3270,3285,3270,3286,3270,3266,3274,3285,3398,3390,3399,3390,3398,3415,3545,3530,
3545,3535,3548,3530,3545,3551,3661,3634,3789,3762,3755,3737,3755,3745,3906,4023,3916,4023,3921,4023,3926,4023,3931,4023,
3904,4021,3953,3954,3953,3956,4018,3968,4018,3969,4019,3968,4019,3969,3953,3968,3986,4023,3996,4023,4001,4023,4006,4023,
4011,4023,3984,4021,4133,4142,6917,6965,6919,6965,6921,6965,6923,6965,6925,6965,6929,6965,6970,6965,6972,6965,6974,6965,
6975,6965,6978,6965,65,805,97,805,66,775,98,775,66,803,98,803,66,817,98,817,199,769,231,769,68,775,100,775,68,803,100,
803,68,817,100,817,68,807,100,807,68,813,100,813,274,768,275,768,274,769,275,769,69,813,101,813,69,816,101,816,552,774,
553,774,70,775,102,775,71,772,103,772,72,775,104,775,72,803,104,803,72,776,104,776,72,807,104,807,72,814,104,814,73,816,
105,816,207,769,239,769,75,769,107,769,75,803,107,803,75,817,107,817,76,803,108,803,7734,772,7735,772,76,817,108,817,76,
813,108,813,77,769,109,769,77,775,109,775,77,803,109,803,78,775,110,775,78,803,110,803,78,817,110,817,78,813,110,813,
213,769,245,769,213,776,245,776,332,768,333,768,332,769,333,769,80,769,112,769,80,775,112,775,82,775,114,775,82,803,114,
803,7770,772,7771,772,82,817,114,817,83,775,115,775,83,803,115,803,346,775,347,775,352,775,353,775,7778,775,7779,775,84,
775,116,775,84,803,116,803,84,817,116,817,84,813,116,813,85,804,117,804,85,816,117,816,85,813,117,813,360,769,361,769,
362,776,363,776,86,771,118,771,86,803,118,803,87,768,119,768,87,769,119,769,87,776,119,776,87,775,119,775,87,803,119,
803,88,775,120,775,88,776,120,776,89,775,121,775,90,770,122,770,90,803,122,803,90,817,122,817,104,817,116,776,119,778,
121,778,97,702,383,775,65,803,97,803,65,777,97,777,194,769,226,769,194,768,226,768,194,777,226,777,194,771,226,771,7840,
770,7841,770,258,769,259,769,258,768,259,768,258,777,259,777,258,771,259,771,7840,774,7841,774,69,803,101,803,69,777,
101,777,69,771,101,771,202,769,234,769,202,768,234,768,202,777,234,777,202,771,234,771,7864,770,7865,770,73,777,105,777,
73,803,105,803,79,803,111,803,79,777,111,777,212,769,244,769,212,768,244,768,212,777,244,777,212,771,244,771,7884,770,
7885,770,416,769,417,769,416,768,417,768,416,777,417,777,416,771,417,771,416,803,417,803,85,803,117,803,85,777,117,777,
431,769,432,769,431,768,432,768,431,777,432,777,431,771,432,771,431,803,432,803,89,768,121,768,89,803,121,803,89,777,
121,777,89,771,121,771,945,787,945,788,7936,768,7937,768,7936,769,7937,769,7936,834,7937,834,913,787,913,788,7944,768,
7945,768,7944,769,7945,769,7944,834,7945,834,949,787,949,788,7952,768,7953,768,7952,769,7953,769,917,787,917,788,7960,
768,7961,768,7960,769,7961,769,951,787,951,788,7968,768,7969,768,7968,769,7969,769,7968,834,7969,834,919,787,919,788,
7976,768,7977,768,7976,769,7977,769,7976,834,7977,834,953,787,953,788,7984,768,7985,768,7984,769,7985,769,7984,834,7985,
834,921,787,921,788,7992,768,7993,768,7992,769,7993,769,7992,834,7993,834,959,787,959,788,8000,768,8001,768,8000,769,
8001,769,927,787,927,788,8008,768,8009,768,8008,769,8009,769,965,787,965,788,8016,768,8017,768,8016,769,8017,769,8016,
834,8017,834,933,788,8025,768,8025,769,8025,834,969,787,969,788,8032,768,8033,768,8032,769,8033,769,8032,834,8033,834,
937,787,937,788,8040,768,8041,768,8040,769,8041,769,8040,834,8041,834,945,768,949,768,951,768,953,768,959,768,965,768,
969,768,7936,837,7937,837,7938,837,7939,837,7940,837,7941,837,7942,837,7943,837,7944,837,7945,837,7946,837,7947,837,
7948,837,7949,837,7950,837,7951,837,7968,837,7969,837,7970,837,7971,837,7972,837,7973,837,7974,837,7975,837,7976,837,
7977,837,7978,837,7979,837,7980,837,7981,837,7982,837,7983,837,8032,837,8033,837,8034,837,8035,837,8036,837,8037,837,
8038,837,8039,837,8040,837,8041,837,8042,837,8043,837,8044,837,8045,837,8046,837,8047,837,945,774,945,772,8048,837,945,
837,940,837,945,834,8118,837,913,774,913,772,913,768,913,837,32,787,32,787,32,834,168,834,8052,837,951,837,942,837,951,
834,8134,837,917,768,919,768,919,837,8127,768,8127,769,8127,834,953,774,953,772,970,768,953,834,970,834,921,774,921,772,
921,768,8190,768,8190,769,8190,834,965,774,965,772,971,768,961,787,961,788,965,834,971,834,933,774,933,772,933,768,929,
788,168,768,8060,837,969,837,974,837,969,834,8182,837,927,768,937,768,937,837,32,788,32,819,46,46,46,46,46,8242,8242,
8242,8242,8242,8245,8245,8245,8245,8245,33,33,32,773,63,63,63,33,33,63,8242,8242,8242,8242,82,115,97,47,99,97,47,115,
176,67,99,47,111,99,47,117,176,70,78,111,83,77,84,69,76,84,77,70,65,88,49,8260,55,49,8260,57,49,8260,49,48,49,8260,51,
50,8260,51,49,8260,53,50,8260,53,51,8260,53,52,8260,53,49,8260,54,53,8260,54,49,8260,56,51,8260,56,53,8260,56,55,8260,
56,49,8260,73,73,73,73,73,73,86,86,73,86,73,73,86,73,73,73,73,88,88,73,88,73,73,105,105,105,105,105,105,118,118,105,118,
105,105,118,105,105,105,105,120,120,105,120,105,105,48,8260,51,8592,824,8594,824,8596,824,8656,824,8660,824,8658,824,
8707,824,8712,824,8715,824,8739,824,8741,824,8747,8747,8747,8747,8747,8750,8750,8750,8750,8750,8764,824,8771,824,8773,
824,8776,824,61,824,8801,824,8781,824,60,824,62,824,8804,824,8805,824,8818,824,8819,824,8822,824,8823,824,8826,824,8827,
824,8834,824,8835,824,8838,824,8839,824,8866,824,8872,824,8873,824,8875,824,8828,824,8829,824,8849,824,8850,824,8882,
824,8883,824,8884,824,8885,824,49,48,49,49,49,50,49,51,49,52,49,53,49,54,49,55,49,56,49,57,50,48,40,49,41,40,50,41,40,
51,41,40,52,41,40,53,41,40,54,41,40,55,41,40,56,41,40,57,41,40,49,48,41,40,49,49,41,40,49,50,41,40,49,51,41,40,49,52,41,
40,49,53,41,40,49,54,41,40,49,55,41,40,49,56,41,40,49,57,41,40,50,48,41,49,46,50,46,51,46,52,46,53,46,54,46,55,46,56,46,
57,46,49,48,46,49,49,46,49,50,46,49,51,46,49,52,46,49,53,46,49,54,46,49,55,46,49,56,46,49,57,46,50,48,46,40,97,41,40,98,
41,40,99,41,40,100,41,40,101,41,40,102,41,40,103,41,40,104,41,40,105,41,40,106,41,40,107,41,40,108,41,40,109,41,40,110,
41,40,111,41,40,112,41,40,113,41,40,114,41,40,115,41,40,116,41,40,117,41,40,118,41,40,119,41,40,120,41,40,121,41,40,122,
41,8747,8747,8747,8747,58,58,61,61,61,61,61,61,10973,824,12363,12441,12365,12441,12367,12441,12369,12441,12371,12441,
12373,12441,12375,12441,12377,12441,12379,12441,12381,12441,12383,12441,12385,12441,12388,12441,12390,12441,12392,12441,
12399,12441,12399,12442,12402,12441,12402,12442,12405,12441,12405,12442,12408,12441,12408,12442,12411,12441,12411,12442,
12358,12441,32,12441,32,12442,12445,12441,12424,12426,12459,12441,12461,12441,12463,12441,12465,12441,12467,12441,12469,
12441,12471,12441,12473,12441,12475,12441,12477,12441,12479,12441,12481,12441,12484,12441,12486,12441,12488,12441,12495,
12441,12495,12442,12498,12441,12498,12442,12501,12441,12501,12442,12504,12441,12504,12442,12507,12441,12507,12442,12454,
12441,12527,12441,12528,12441,12529,12441,12530,12441,12541,12441,12467,12488,40,4352,41,40,4354,41,40,4355,41,40,4357,
41,40,4358,41,40,4359,41,40,4361,41,40,4363,41,40,4364,41,40,4366,41,40,4367,41,40,4368,41,40,4369,41,40,4370,41,40,
4352,4449,41,40,4354,4449,41,40,4355,4449,41,40,4357,4449,41,40,4358,4449,41,40,4359,4449,41,40,4361,4449,41,40,4363,
4449,41,40,4364,4449,41,40,4366,4449,41,40,4367,4449,41,40,4368,4449,41,40,4369,4449,41,40,4370,4449,41,40,4364,4462,41,
40,4363,4457,4364,4453,4523,41,40,4363,4457,4370,4462,41,40,19968,41,40,20108,41,40,19977,41,40,22235,41,40,20116,41,40,
20845,41,40,19971,41,40,20843,41,40,20061,41,40,21313,41,40,26376,41,40,28779,41,40,27700,41,40,26408,41,40,37329,41,40,
22303,41,40,26085,41,40,26666,41,40,26377,41,40,31038,41,40,21517,41,40,29305,41,40,36001,41,40,31069,41,40,21172,41,40,
20195,41,40,21628,41,40,23398,41,40,30435,41,40,20225,41,40,36039,41,40,21332,41,40,31085,41,40,20241,41,40,33258,41,40,
33267,41,80,84,69,50,49,50,50,50,51,50,52,50,53,50,54,50,55,50,56,50,57,51,48,51,49,51,50,51,51,51,52,51,53,4352,4449,
4354,4449,4355,4449,4357,4449,4358,4449,4359,4449,4361,4449,4363,4449,4364,4449,4366,4449,4367,4449,4368,4449,4369,4449,
4370,4449,4366,4449,4535,4352,4457,4364,4462,4363,4468,4363,4462,51,54,51,55,51,56,51,57,52,48,52,49,52,50,52,51,52,52,
52,53,52,54,52,55,52,56,52,57,53,48,49,26376,50,26376,51,26376,52,26376,53,26376,54,26376,55,26376,56,26376,57,26376,49,
48,26376,49,49,26376,49,50,26376,72,103,101,114,103,101,86,76,84,68,12450,12497,12540,12488,12450,12523,12501,12449,
12450,12531,12506,12450,12450,12540,12523,12452,12491,12531,12464,12452,12531,12481,12454,12457,12531,12456,12473,12463,
12540,12489,12456,12540,12459,12540,12458,12531,12473,12458,12540,12512,12459,12452,12522,12459,12521,12483,12488,12459,
12525,12522,12540,12460,12525,12531,12460,12531,12510,12462,12460,12462,12491,12540,12461,12517,12522,12540,12462,12523,
12480,12540,12461,12525,12461,12525,12464,12521,12512,12461,12525,12513,12540,12488,12523,12461,12525,12527,12483,12488,
12464,12521,12512,12464,12521,12512,12488,12531,12463,12523,12476,12452,12525,12463,12525,12540,12493,12465,12540,12473,
12467,12523,12490,12467,12540,12509,12469,12452,12463,12523,12469,12531,12481,12540,12512,12471,12522,12531,12464,12475,
12531,12481,12475,12531,12488,12480,12540,12473,12487,12471,12489,12523,12488,12531,12490,12494,12494,12483,12488,12495,
12452,12484,12497,12540,12475,12531,12488,12497,12540,12484,12496,12540,12524,12523,12500,12450,12473,12488,12523,12500,
12463,12523,12500,12467,12499,12523,12501,12449,12521,12483,12489,12501,12451,12540,12488,12502,12483,12471,12455,12523,
12501,12521,12531,12504,12463,12479,12540,12523,12506,12477,12506,12491,12498,12504,12523,12484,12506,12531,12473,12506,
12540,12472,12505,12540,12479,12509,12452,12531,12488,12508,12523,12488,12507,12531,12509,12531,12489,12507,12540,12523,
12507,12540,12531,12510,12452,12463,12525,12510,12452,12523,12510,12483,12495,12510,12523,12463,12510,12531,12471,12519,
12531,12511,12463,12525,12531,12511,12522,12511,12522,12496,12540,12523,12513,12460,12513,12460,12488,12531,12513,12540,
12488,12523,12516,12540,12489,12516,12540,12523,12518,12450,12531,12522,12483,12488,12523,12522,12521,12523,12500,12540,
12523,12540,12502,12523,12524,12512,12524,12531,12488,12466,12531,12527,12483,12488,48,28857,49,28857,50,28857,51,28857,
52,28857,53,28857,54,28857,55,28857,56,28857,57,28857,49,48,28857,49,49,28857,49,50,28857,49,51,28857,49,52,28857,49,53,
28857,49,54,28857,49,55,28857,49,56,28857,49,57,28857,50,48,28857,50,49,28857,50,50,28857,50,51,28857,50,52,28857,104,
80,97,100,97,65,85,98,97,114,111,86,112,99,100,109,100,109,178,100,109,179,73,85,24179,25104,26157,21644,22823,27491,
26126,27835,26666,24335,20250,31038,112,65,110,65,956,65,109,65,107,65,75,66,77,66,71,66,99,97,108,107,99,97,108,112,70,
110,70,956,70,956,103,109,103,107,103,72,122,107,72,122,77,72,122,71,72,122,84,72,122,956,8467,109,8467,100,8467,107,
8467,102,109,110,109,956,109,109,109,99,109,107,109,109,109,178,99,109,178,109,178,107,109,178,109,109,179,99,109,179,
109,179,107,109,179,109,8725,115,109,8725,115,178,80,97,107,80,97,77,80,97,71,80,97,114,97,100,114,97,100,8725,115,114,
97,100,8725,115,178,112,115,110,115,956,115,109,115,112,86,110,86,956,86,109,86,107,86,77,86,112,87,110,87,956,87,109,
87,107,87,77,87,107,937,77,937,97,46,109,46,66,113,99,99,99,100,67,8725,107,103,67,111,46,100,66,71,121,104,97,72,80,
105,110,75,75,75,77,107,116,108,109,108,110,108,111,103,108,120,109,98,109,105,108,109,111,108,80,72,112,46,109,46,80,
80,77,80,82,115,114,83,118,87,98,86,8725,109,65,8725,109,49,26085,50,26085,51,26085,52,26085,53,26085,54,26085,55,26085,
56,26085,57,26085,49,48,26085,49,49,26085,49,50,26085,49,51,26085,49,52,26085,49,53,26085,49,54,26085,49,55,26085,49,56,
26085,49,57,26085,50,48,26085,50,49,26085,50,50,26085,50,51,26085,50,52,26085,50,53,26085,50,54,26085,50,55,26085,50,56,
26085,50,57,26085,51,48,26085,51,49,26085,103,97,108,102,102,102,105,102,108,102,102,105,102,102,108,383,116,115,116,
1396,1398,1396,1381,1396,1387,1406,1398,1396,1389,1497,1460,1522,1463,1513,1473,1513,1474,64329,1473,64329,1474,1488,
1463,1488,1464,1488,1468,1489,1468,1490,1468,1491,1468,1492,1468,1493,1468,1494,1468,1496,1468,1497,1468,1498,1468,1499,
1468,1500,1468,1502,1468,1504,1468,1505,1468,1507,1468,1508,1468,1510,1468,1511,1468,1512,1468,1513,1468,1514,1468,1493,
1465,1489,1471,1499,1471,1508,1471,1488,1500,1574,1575,1574,1575,1574,1749,1574,1749,1574,1608,1574,1608,1574,1735,1574,
1735,1574,1734,1574,1734,1574,1736,1574,1736,1574,1744,1574,1744,1574,1744,1574,1609,1574,1609,1574,1609,1574,1580,1574,
1581,1574,1605,1574,1609,1574,1610,1576,1580,1576,1581,1576,1582,1576,1605,1576,1609,1576,1610,1578,1580,1578,1581,1578,
1582,1578,1605,1578,1609,1578,1610,1579,1580,1579,1605,1579,1609,1579,1610,1580,1581,1580,1605,1581,1580,1581,1605,1582,
1580,1582,1581,1582,1605,1587,1580,1587,1581,1587,1582,1587,1605,1589,1581,1589,1605,1590,1580,1590,1581,1590,1582,1590,
1605,1591,1581,1591,1605,1592,1605,1593,1580,1593,1605,1594,1580,1594,1605,1601,1580,1601,1581,1601,1582,1601,1605,1601,
1609,1601,1610,1602,1581,1602,1605,1602,1609,1602,1610,1603,1575,1603,1580,1603,1581,1603,1582,1603,1604,1603,1605,1603,
1609,1603,1610,1604,1580,1604,1581,1604,1582,1604,1605,1604,1609,1604,1610,1605,1580,1605,1581,1605,1582,1605,1605,1605,
1609,1605,1610,1606,1580,1606,1581,1606,1582,1606,1605,1606,1609,1606,1610,1607,1580,1607,1605,1607,1609,1607,1610,1610,
1580,1610,1581,1610,1582,1610,1605,1610,1609,1610,1610,1584,1648,1585,1648,1609,1648,32,1612,1617,32,1613,1617,32,1614,
1617,32,1615,1617,32,1616,1617,32,1617,1648,1574,1585,1574,1586,1574,1605,1574,1606,1574,1609,1574,1610,1576,1585,1576,
1586,1576,1605,1576,1606,1576,1609,1576,1610,1578,1585,1578,1586,1578,1605,1578,1606,1578,1609,1578,1610,1579,1585,1579,
1586,1579,1605,1579,1606,1579,1609,1579,1610,1601,1609,1601,1610,1602,1609,1602,1610,1603,1575,1603,1604,1603,1605,1603,
1609,1603,1610,1604,1605,1604,1609,1604,1610,1605,1575,1605,1605,1606,1585,1606,1586,1606,1605,1606,1606,1606,1609,1606,
1610,1609,1648,1610,1585,1610,1586,1610,1605,1610,1606,1610,1609,1610,1610,1574,1580,1574,1581,1574,1582,1574,1605,1574,
1607,1576,1580,1576,1581,1576,1582,1576,1605,1576,1607,1578,1580,1578,1581,1578,1582,1578,1605,1578,1607,1579,1605,1580,
1581,1580,1605,1581,1580,1581,1605,1582,1580,1582,1605,1587,1580,1587,1581,1587,1582,1587,1605,1589,1581,1589,1582,1589,
1605,1590,1580,1590,1581,1590,1582,1590,1605,1591,1581,1592,1605,1593,1580,1593,1605,1594,1580,1594,1605,1601,1580,1601,
1581,1601,1582,1601,1605,1602,1581,1602,1605,1603,1580,1603,1581,1603,1582,1603,1604,1603,1605,1604,1580,1604,1581,1604,
1582,1604,1605,1604,1607,1605,1580,1605,1581,1605,1582,1605,1605,1606,1580,1606,1581,1606,1582,1606,1605,1606,1607,1607,
1580,1607,1605,1607,1648,1610,1580,1610,1581,1610,1582,1610,1605,1610,1607,1574,1605,1574,1607,1576,1605,1576,1607,1578,
1605,1578,1607,1579,1605,1579,1607,1587,1605,1587,1607,1588,1605,1588,1607,1603,1604,1603,1605,1604,1605,1606,1605,1606,
1607,1610,1605,1610,1607,1600,1614,1617,1600,1615,1617,1600,1616,1617,1591,1609,1591,1610,1593,1609,1593,1610,1594,1609,
1594,1610,1587,1609,1587,1610,1588,1609,1588,1610,1581,1609,1581,1610,1580,1609,1580,1610,1582,1609,1582,1610,1589,1609,
1589,1610,1590,1609,1590,1610,1588,1580,1588,1581,1588,1582,1588,1605,1588,1585,1587,1585,1589,1585,1590,1585,1591,1609,
1591,1610,1593,1609,1593,1610,1594,1609,1594,1610,1587,1609,1587,1610,1588,1609,1588,1610,1581,1609,1581,1610,1580,1609,
1580,1610,1582,1609,1582,1610,1589,1609,1589,1610,1590,1609,1590,1610,1588,1580,1588,1581,1588,1582,1588,1605,1588,1585,
1587,1585,1589,1585,1590,1585,1588,1580,1588,1581,1588,1582,1588,1605,1587,1607,1588,1607,1591,1605,1587,1580,1587,1581,
1587,1582,1588,1580,1588,1581,1588,1582,1591,1605,1592,1605,1575,1611,1575,1611,1578,1580,1605,1578,1581,1580,1578,1581,
1580,1578,1581,1605,1578,1582,1605,1578,1605,1580,1578,1605,1581,1578,1605,1582,1580,1605,1581,1580,1605,1581,1581,1605,
1610,1581,1605,1609,1587,1581,1580,1587,1580,1581,1587,1580,1609,1587,1605,1581,1587,1605,1581,1587,1605,1580,1587,1605,
1605,1587,1605,1605,1589,1581,1581,1589,1581,1581,1589,1605,1605,1588,1581,1605,1588,1581,1605,1588,1580,1610,1588,1605,
1582,1588,1605,1582,1588,1605,1605,1588,1605,1605,1590,1581,1609,1590,1582,1605,1590,1582,1605,1591,1605,1581,1591,1605,
1581,1591,1605,1605,1591,1605,1610,1593,1580,1605,1593,1605,1605,1593,1605,1605,1593,1605,1609,1594,1605,1605,1594,1605,
1610,1594,1605,1609,1601,1582,1605,1601,1582,1605,1602,1605,1581,1602,1605,1605,1604,1581,1605,1604,1581,1610,1604,1581,
1609,1604,1580,1580,1604,1580,1580,1604,1582,1605,1604,1582,1605,1604,1605,1581,1604,1605,1581,1605,1581,1580,1605,1581,
1605,1605,1581,1610,1605,1580,1581,1605,1580,1605,1605,1582,1580,1605,1582,1605,1605,1580,1582,1607,1605,1580,1607,1605,
1605,1606,1581,1605,1606,1581,1609,1606,1580,1605,1606,1580,1605,1606,1580,1609,1606,1605,1610,1606,1605,1609,1610,1605,
1605,1610,1605,1605,1576,1582,1610,1578,1580,1610,1578,1580,1609,1578,1582,1610,1578,1582,1609,1578,1605,1610,1578,1605,
1609,1580,1605,1610,1580,1581,1609,1580,1605,1609,1587,1582,1609,1589,1581,1610,1588,1581,1610,1590,1581,1610,1604,1580,
1610,1604,1605,1610,1610,1581,1610,1610,1580,1610,1610,1605,1610,1605,1605,1610,1602,1605,1610,1606,1581,1610,1602,1605,
1581,1604,1581,1605,1593,1605,1610,1603,1605,1610,1606,1580,1581,1605,1582,1610,1604,1580,1605,1603,1605,1605,1604,1580,
1605,1606,1580,1581,1580,1581,1610,1581,1580,1610,1605,1580,1610,1601,1605,1610,1576,1581,1610,1603,1605,1605,1593,1580,
1605,1589,1605,1605,1587,1582,1610,1606,1580,1610,1589,1604,1746,1602,1604,1746,1575,1604,1604,1607,1575,1603,1576,1585,
1605,1581,1605,1583,1589,1604,1593,1605,1585,1587,1608,1604,1593,1604,1610,1607,1608,1587,1604,1605,1589,1604,1609,1589,
1604,1609,32,1575,1604,1604,1607,32,1593,1604,1610,1607,32,1608,1587,1604,1605,1580,1604,32,1580,1604,1575,1604,1607,
1585,1740,1575,1604,32,1611,1600,1611,32,1612,32,1613,32,1614,1600,1614,32,1615,1600,1615,32,1616,1600,1616,32,1617,
1600,1617,32,1618,1600,1618,1604,1570,1604,1570,1604,1571,1604,1571,1604,1573,1604,1573,1604,1575,1604,1575,69785,69818,
69787,69818,69797,69818,69937,69927,69938,69927,70471,70462,70471,70487,70841,70842,70841,70832,70841,70845,71096,71087,
71097,71087,119127,119141,119128,119141,119135,119150,119135,119151,119135,119152,119135,119153,119135,119154,119225,
119141,119226,119141,119227,119150,119228,119150,119227,119151,119228,119151,48,46,48,44,49,44,50,44,51,44,52,44,53,44,
54,44,55,44,56,44,57,44,40,65,41,40,66,41,40,67,41,40,68,41,40,69,41,40,70,41,40,71,41,40,72,41,40,73,41,40,74,41,40,75,
41,40,76,41,40,77,41,40,78,41,40,79,41,40,80,41,40,81,41,40,82,41,40,83,41,40,84,41,40,85,41,40,86,41,40,87,41,40,88,41,
40,89,41,40,90,41,12308,83,12309,67,68,87,90,72,86,77,86,83,68,83,83,80,80,86,87,67,77,67,77,68,68,74,12411,12363,12467,
12467,12308,26412,12309,12308,19977,12309,12308,20108,12309,12308,23433,12309,12308,28857,12309,12308,25171,12309,12308,
30423,12309,12308,21213,12309,12308,25943,12309,104,614,106,114,633,635,641,119,121,611,108,115,120,661,946,952,933,65,
198,66,79,546,80,82,107,109,331,111,596,7453,623,118,7461,594,99,597,240,604,102,607,609,613,7547,669,621,7557,671,625,
624,43,8722,61,43,8722,61,97,101,111,120,601,104,103,72,72,72,104,295,73,73,76,108,960,947,915,928,8721,19968,20008,
20022,20031,20057,20101,20108,20128,20154,20799,20837,20843,20866,20886,20907,20960,20981,20992,21147,21241,21269,21274,
21304,21313,21340,21353,21378,21430,21448,21475,22231,22303,22763,22786,22794,22805,22823,22899,23376,23424,23544,23567,
23586,23608,23662,23665,24027,24037,24049,24062,24178,24186,24191,24308,24318,24331,24339,24400,24417,24435,24515,25096,
25142,25163,25903,25908,25991,26007,26020,26041,26080,26085,26352,26376,26408,27424,27490,27513,27571,27595,27604,27611,
27663,27668,27700,28779,29226,29238,29243,29247,29255,29273,29275,29356,29572,29577,29916,29926,29976,29983,29992,30000,
30091,30098,30326,30333,30382,30399,30446,30683,30690,30707,31034,31160,31166,31348,31435,31481,31859,31992,32566,32593,
32650,32701,32769,32780,32786,32819,32895,32905,33251,33258,33267,33276,33292,33307,33311,33390,33394,33400,34381,34411,
34880,34892,34915,35198,35211,35282,35328,35895,35910,35925,35960,35997,36196,36208,36275,36523,36554,36763,36784,36789,
37009,37193,37318,37324,37329,38263,38272,38428,38582,38585,38632,38737,38750,38754,38761,38859,38893,38899,38913,39080,
39131,39135,39318,39321,39340,39592,39640,39647,39717,39727,39730,39740,39770,40165,40565,40575,40613,40635,40643,40653,
40657,40697,40701,40718,40723,40736,40763,40778,40786,40845,40860,40864,4556,4558,4563,4567,4569,4380,4573,4575,4402,
4406,4416,4423,4428,4593,4594,4439,4440,4441,4484,4485,4500,4510,4513,19968,20108,19977,22235,19978,20013,19979,30002,
20057,19993,19969,22825,22320,20154,21839,24188,25991,31631,19968,20108,19977,22235,20116,20845,19971,20843,20061,21313,
26376,28779,27700,26408,37329,22303,26085,26666,26377,31038,21517,29305,36001,31069,21172,31192,30007,22899,36969,20778,
21360,27880,38917,20241,20889,27491,19978,20013,19979,24038,21491,21307,23447,23398,30435,20225,36039,21332,22812,12450,
12452,12454,12456,12461,12463,12465,12467,12469,12471,12473,12475,12477,12479,12481,12484,12486,12488,12498,12501,12504,
12507,42791,43831,619,43858,35912,26356,36554,36040,28369,20018,21477,40860,40860,22865,37329,21895,22856,25078,30313,
32645,34367,34746,35064,37007,27138,27931,28889,29662,33853,37226,39409,20098,21365,27396,29211,34349,40478,23888,28651,
34253,35172,25289,33240,34847,24266,26391,28010,29436,37070,20358,20919,21214,25796,27347,29200,30439,32769,34310,34396,
36335,38706,39791,40442,30860,31103,32160,33737,37636,40575,35542,22751,24324,31840,32894,29282,30922,36034,38647,22744,
23650,27155,28122,28431,32047,32311,38475,21202,32907,20956,20940,31260,32190,33777,38517,35712,25295,27138,35582,20025,
23527,24594,29575,30064,21271,30971,20415,24489,19981,27852,25976,32034,21443,22622,30465,33865,35498,27578,36784,27784,
25342,33509,25504,30053,20142,20841,20937,26753,31975,33391,35538,37327,21237,21570,22899,24300,26053,28670,31018,38317,
39530,40599,40654,21147,26310,27511,36706,24180,24976,25088,25754,28451,29001,29833,31178,32244,32879,36646,34030,36899,
37706,21015,21155,21693,28872,35010,35498,24265,24565,25467,27566,31806,29557,20196,22265,23527,23994,24604,29618,29801,
32666,32838,37428,38646,38728,38936,20363,31150,37300,38584,24801,20102,20698,23534,23615,26009,27138,29134,30274,34044,
36988,40845,26248,38446,21129,26491,26611,27969,28316,29705,30041,30827,32016,39006,20845,25134,38520,20523,23833,28138,
36650,24459,24900,26647,29575,38534,21033,21519,23653,26131,26446,26792,27877,29702,30178,32633,35023,35041,37324,38626,
21311,28346,21533,29136,29848,34298,38563,40023,40607,26519,28107,33256,31435,31520,31890,29376,28825,35672,20160,33590,
21050,20999,24230,25299,31958,23429,27934,26292,36667,34892,38477,35211,24275,20800,21952,20958,29482,30410,31036,31070,
31077,31119,38742,31934,32701,39151,39164,39208,40372,37086,38583,20398,20711,20813,21193,21220,21329,21917,22022,22120,
22592,22696,23652,23662,24724,24936,24974,25074,25935,26082,26257,26757,28023,28186,28450,29038,29227,29730,30865,31038,
31049,31048,31056,31062,31069,31296,31361,31680,32244,32265,32321,32626,32773,33261,33401,33401,33879,35088,35222,35585,
35641,36051,36104,36790,36920,38627,38911,38971,24693,148206,33304,20006,20917,20840,20352,20805,20864,21191,21242,
21917,21845,21913,21986,22618,22707,22852,22868,23138,23336,24274,24281,24425,24493,24792,24910,24840,24974,24928,25074,
25140,25540,25628,25682,25942,26228,26391,26395,26454,27513,27578,27969,28379,28363,28450,28702,29038,30631,29237,29359,
29482,29809,29958,30011,30237,30239,30410,30427,30452,30538,30528,30924,31409,31680,31867,32091,32244,32574,32773,33618,
33775,34681,35137,35206,35222,35519,35576,35531,35585,35582,35565,35641,35722,36104,36664,36978,37273,37494,38524,38627,
38742,38875,38911,38923,38971,39698,40860,141386,141380,144341,15261,16408,16441,152137,154832,163539,40771,40846,1512,
1514,43,1677,1677,1676,1676,1678,1678,1672,1672,1688,1688,1681,1681,1735,1735,1734,1734,1736,1736,1655,1739,1739,1733,
1733,1737,1737,8229,8212,8211,95,95,12308,12309,12304,12305,12298,12299,12296,12297,95,95,95,44,12289,46,59,58,63,33,
8212,45,60,62,61,1569,1570,1570,1571,1571,1572,1572,1573,1573,1574,1583,1583,1584,1584,1585,1585,1586,1586,12289,12539,
12530,12449,12451,12453,12455,12457,12515,12517,12519,12483,12540,12450,12452,12454,12456,12461,12463,12465,12467,12469,
12471,12473,12475,12477,12479,12481,12484,12486,12488,12498,12501,12504,12507,172,175,166,165,8361,8706,1013,977,1008,
981,1009,982,8706,1013,977,1008,981,1009,982,8706,1013,977,1008,981,1009,982,8706,1013,977,1008,981,1009,982,8706,1013,
977,1008,981,1009,982,1608,1586,1581,1591,1610,1587,1593,1601,1589,1602,1585,1588,1582,1584,1590,1592,1594,1646,1722,
1697,1647,1587,1593,1601,1589,1602,1606,1587,1593,1581,1591,1610,1603,1587,1593,1601,1589,1602,1590,1592,1594,1646,1586,
1581,1591,1610,1587,1593,1601,1589,1602,1585,1588,1582,1584,1590,1592,1594,1576,1580,1583,1608,1586,1581,1591,1610,1587,
1593,1601,1589,1602,1585,1588,1582,1584,1590,1592,1594,25163,23383,21452,12487,20108,22810,35299,22825,20132,26144,
28961,26009,21069,24460,20877,26032,21021,32066,29983,36009,22768,21561,28436,25237,25429,19968,19977,36938,24038,20013,
21491,25351,36208,25171,31105,31354,21512,28288,26377,26376,30003,21106,21942,37197,20029,20024,20033,131362,20320,
20398,20411,20482,20602,20633,20711,20687,13470,132666,20813,20820,20836,20855,132380,13497,20839,20877,132427,20887,
20900,20172,20908,20917,168415,20981,20995,13535,21051,21062,21106,21111,13589,21191,21193,21220,21242,21271,21321,
21329,21338,21363,21373,21375,21375,21375,133676,28784,21450,21471,133987,21483,21489,21510,21662,21560,21576,21608,
21666,21750,21776,21843,21859,21892,21892,21913,21931,21939,21954,22294,22022,22295,22097,22132,20999,22766,22478,22516,
22541,22411,22578,22577,22700,136420,22770,22775,22790,22810,22818,22882,136872,136938,23020,23067,23079,23000,23142,
14062,14076,23304,23358,23358,137672,23491,23512,23527,23539,138008,23551,23558,24403,23586,14209,23648,23662,23744,
23693,138724,23875,138726,23918,23915,23932,14383,24061,24104,24125,24169,14434,139651,14460,24240,24243,24246,24266,
172946,24318,140081,140081,33281,24354,24354,14535,144056,156122,24418,24427,14563,24474,24525,24535,24569,24705,14650,
14620,24724,141012,24775,24904,24908,24910,24908,24954,24974,25010,24996,25007,25054,25074,25078,25104,25115,25181,
25265,25300,25424,142092,25405,25340,25448,25475,25572,142321,25634,25541,25513,14894,25705,25726,25757,25719,14956,
25935,25964,143370,26083,26360,26185,15129,26257,15112,15076,20882,20885,26368,26268,32941,17369,26391,26395,26401,
26462,26451,144323,15177,26618,26501,26706,26757,144493,26766,26655,26900,15261,26946,27043,27114,27304,145059,27355,
15384,27425,145575,27476,15438,27506,27551,146061,138507,146170,27726,146620,27839,27853,27751,27926,27966,28023,27969,
28009,28024,28037,146718,27956,28207,28270,15667,28363,28359,147153,28153,28526,147294,147342,28614,28729,28702,28699,
15766,28746,28797,28791,28845,132389,28997,148067,29084,148395,29224,29237,29264,149000,29312,29333,149301,149524,29562,
29579,16044,29605,16056,16056,29767,29788,29809,29829,29898,16155,29988,150582,30014,150674,30064,139679,30224,151457,
151480,151620,16380,16392,30452,151795,151794,151833,151859,30495,30538,16441,30603,16454,16534,152605,30798,30860,
30924,16611,153126,31062,153242,153285,31119,31211,16687,31296,31306,31311,153980,154279,154279,31470,16898,154539,
31686,31689,16935,154752,31954,17056,31976,31971,32000,155526,32099,17153,32199,32258,32325,17204,156200,156231,17241,
156377,32634,156478,32661,32762,32773,156890,156963,32864,157096,32880,144223,17365,32946,33027,17419,33086,23221,
157607,157621,144275,144284,33281,33284,36766,17515,33425,33419,33437,21171,33457,33459,33469,33510,158524,33509,33565,
33635,33709,33571,33725,33767,33879,33619,33738,33740,33756,158774,159083,158933,17707,34033,34035,34070,160714,34148,
159532,17757,17761,159665,159954,17771,34384,34396,34407,34409,34473,34440,34574,34530,34681,34600,34667,34694,17879,
34785,34817,17913,34912,34915,161383,35031,35038,17973,35066,13499,161966,162150,18110,18119,35488,35565,35722,35925,
162984,36011,36033,36123,36215,163631,133124,36299,36284,36336,133342,36564,36664,165330,165357,37012,37105,37137,
165678,37147,37432,37500,37881,37909,166906,38283,18837,38327,167287,18918,38595,23986,38691,168261,168474,19054,19062,
38880,168970,19122,169110,38923,38923,38953,169398,39138,19251,39209,39335,39362,39422,19406,170800,39698,40000,40189,
19662,19693,40295,172238,19704,172293,172558,172689,40635,19798,40697,40702,40709,40719,40726,40763,173568,
};

/* Characters that a pair composes to, in the order of the pairs. */
static const int32_t ldr__compositions[] = {
8814,8800,8815,192,193,194,195,256,258,550,196,7842,197,461,512,514,7840,7680,260,7682,7684,7686,262,264,266,268,199,
7690,270,7692,7696,7698,7694,200,201,202,7868,274,276,278,203,7866,282,516,518,7864,552,280,7704,7706,7710,500,284,7712,
286,288,486,290,292,7714,7718,542,7716,7720,7722,204,205,206,296,298,300,304,207,7880,463,520,522,7882,302,7724,308,
7728,488,7730,310,7732,313,317,7734,315,7740,7738,7742,7744,7746,504,323,209,7748,327,7750,325,7754,7752,210,211,212,
213,332,334,558,214,7886,336,465,524,526,416,7884,490,7764,7766,340,7768,344,528,530,7770,342,7774,346,348,7776,352,
7778,536,350,7786,356,7788,538,354,7792,7790,217,218,219,360,362,364,220,7910,366,368,467,532,534,431,7908,7794,370,
7798,7796,7804,7806,7808,7810,372,7814,7812,7816,7818,7820,7922,221,374,7928,562,7822,376,7926,7924,377,7824,379,381,
7826,7828,224,225,226,227,257,259,551,228,7843,229,462,513,515,7841,7681,261,7683,7685,7687,263,265,267,269,231,7691,
271,7693,7697,7699,7695,232,233,234,7869,275,277,279,235,7867,283,517,519,7865,553,281,7705,7707,7711,501,285,7713,287,
289,487,291,293,7715,7719,543,7717,7721,7723,7830,236,237,238,297,299,301,239,7881,464,521,523,7883,303,7725,309,496,
7729,489,7731,311,7733,314,318,7735,316,7741,7739,7743,7745,7747,505,324,241,7749,328,7751,326,7755,7753,242,243,244,
245,333,335,559,246,7887,337,466,525,527,417,7885,491,7765,7767,341,7769,345,529,531,7771,343,7775,347,349,7777,353,
7779,537,351,7787,7831,357,7789,539,355,7793,7791,249,250,251,361,363,365,252,7911,367,369,468,533,535,432,7909,7795,
371,7799,7797,7805,7807,7809,7811,373,7815,7813,7832,7817,7819,7821,7923,253,375,7929,563,7823,255,7927,7833,7925,378,
7825,380,382,7827,7829,8173,901,8129,7846,7844,7850,7848,478,506,508,482,7688,7872,7870,7876,7874,7726,7890,7888,7894,
7892,7756,556,7758,554,510,475,471,469,473,7847,7845,7851,7849,479,507,509,483,7689,7873,7871,7877,7875,7727,7891,7889,
7895,7893,7757,557,7759,555,511,476,472,470,474,7856,7854,7860,7858,7857,7855,7861,7859,7700,7702,7701,7703,7760,7762,
7761,7763,7780,7781,7782,7783,7800,7801,7802,7803,7835,7900,7898,7904,7902,7906,7901,7899,7905,7903,7907,7914,7912,7918,
7916,7920,7915,7913,7919,7917,7921,494,492,493,480,481,7708,7709,560,561,495,8122,902,8121,8120,7944,7945,8124,8136,904,
7960,7961,8138,905,7976,7977,8140,8154,906,8153,8152,938,7992,7993,8184,908,8008,8009,8172,8170,910,8169,8168,939,8025,
8186,911,8040,8041,8188,8116,8132,8048,940,8113,8112,7936,7937,8118,8115,8050,941,7952,7953,8052,942,7968,7969,8134,
8131,8054,943,8145,8144,970,7984,7985,8150,8056,972,8000,8001,8164,8165,8058,973,8161,8160,971,8016,8017,8166,8060,974,
8032,8033,8182,8179,8146,912,8151,8162,944,8167,8180,979,980,1031,1232,1234,1027,1024,1238,1025,1217,1244,1246,1037,
1250,1049,1252,1036,1254,1262,1038,1264,1266,1268,1272,1260,1233,1235,1107,1104,1239,1105,1218,1245,1247,1117,1251,1081,
1253,1116,1255,1263,1118,1265,1267,1269,1273,1261,1111,1142,1143,1242,1243,1258,1259,1570,1571,1573,1572,1574,1730,1747,
1728,2345,2353,2356,2507,2508,2891,2888,2892,2964,3018,3020,3019,3144,3264,3274,3271,3272,3275,3402,3404,3403,3546,3548,
3550,3549,4134,6918,6920,6922,6924,6926,6930,6971,6973,6976,6977,6979,7736,7737,7772,7773,7784,7785,7852,7862,7853,7863,
7878,7879,7896,7897,7938,7940,7942,8064,7939,7941,7943,8065,8066,8067,8068,8069,8070,8071,7946,7948,7950,8072,7947,7949,
7951,8073,8074,8075,8076,8077,8078,8079,7954,7956,7955,7957,7962,7964,7963,7965,7970,7972,7974,8080,7971,7973,7975,8081,
8082,8083,8084,8085,8086,8087,7978,7980,7982,8088,7979,7981,7983,8089,8090,8091,8092,8093,8094,8095,7986,7988,7990,7987,
7989,7991,7994,7996,7998,7995,7997,7999,8002,8004,8003,8005,8010,8012,8011,8013,8018,8020,8022,8019,8021,8023,8027,8029,
8031,8034,8036,8038,8096,8035,8037,8039,8097,8098,8099,8100,8101,8102,8103,8042,8044,8046,8104,8043,8045,8047,8105,8106,
8107,8108,8109,8110,8111,8114,8130,8178,8119,8141,8142,8143,8135,8183,8157,8158,8159,8602,8603,8622,8653,8655,8654,8708,
8713,8716,8740,8742,8769,8772,8775,8777,8813,8802,8816,8817,8820,8821,8824,8825,8832,8833,8928,8929,8836,8837,8840,8841,
8930,8931,8876,8877,8878,8879,8938,8939,8940,8941,12436,12364,12366,12368,12370,12372,12374,12376,12378,12380,12382,
12384,12386,12389,12391,12393,12400,12401,12403,12404,12406,12407,12409,12410,12412,12413,12446,12532,12460,12462,12464,
12466,12468,12470,12472,12474,12476,12478,12480,12482,12485,12487,12489,12496,12497,12499,12500,12502,12503,12505,12506,
12508,12509,12535,12536,12537,12538,12542,69786,69788,69803,69934,69935,70475,70476,70844,70843,70846,71098,71099,
};

/* Canonical combining classes: first, last, 1, class. */
static const int32_t ldr__class_runs[] = {
768,788,1,230,789,789,1,232,790,793,1,220,794,794,1,232,795,795,1,216,796,800,1,220,801,802,1,202,803,806,1,220,
807,808,1,202,809,819,1,220,820,824,1,1,825,828,1,220,829,836,1,230,837,837,1,240,838,838,1,230,839,841,1,220,
842,844,1,230,845,846,1,220,848,850,1,230,851,854,1,220,855,855,1,230,856,856,1,232,857,858,1,220,859,859,1,230,
860,860,1,233,861,862,1,234,863,863,1,233,864,865,1,234,866,866,1,233,867,879,1,230,1155,1159,1,230,1425,1425,1,220,
1426,1429,1,230,1430,1430,1,220,1431,1433,1,230,1434,1434,1,222,1435,1435,1,220,1436,1441,1,230,1442,1447,1,220,
1448,1449,1,230,1450,1450,1,220,1451,1452,1,230,1453,1453,1,222,1454,1454,1,228,1455,1455,1,230,1456,1456,1,10,
1457,1457,1,11,1458,1458,1,12,1459,1459,1,13,1460,1460,1,14,1461,1461,1,15,1462,1462,1,16,1463,1463,1,17,1464,1464,1,18,
1465,1466,1,19,1467,1467,1,20,1468,1468,1,21,1469,1469,1,22,1471,1471,1,23,1473,1473,1,24,1474,1474,1,25,
1476,1476,1,230,1477,1477,1,220,1479,1479,1,18,1552,1559,1,230,1560,1560,1,30,1561,1561,1,31,1562,1562,1,32,
1611,1611,1,27,1612,1612,1,28,1613,1613,1,29,1614,1614,1,30,1615,1615,1,31,1616,1616,1,32,1617,1617,1,33,1618,1618,1,34,
1619,1620,1,230,1621,1622,1,220,1623,1627,1,230,1628,1628,1,220,1629,1630,1,230,1631,1631,1,220,1648,1648,1,35,
1750,1756,1,230,1759,1762,1,230,1763,1763,1,220,1764,1764,1,230,1767,1768,1,230,1770,1770,1,220,1771,1772,1,230,
1773,1773,1,220,1809,1809,1,36,1840,1840,1,230,1841,1841,1,220,1842,1843,1,230,1844,1844,1,220,1845,1846,1,230,
1847,1849,1,220,1850,1850,1,230,1851,1852,1,220,1853,1853,1,230,1854,1854,1,220,1855,1857,1,230,1858,1858,1,220,
1859,1859,1,230,1860,1860,1,220,1861,1861,1,230,1862,1862,1,220,1863,1863,1,230,1864,1864,1,220,1865,1866,1,230,
2027,2033,1,230,2034,2034,1,220,2035,2035,1,230,2070,2073,1,230,2075,2083,1,230,2085,2087,1,230,2089,2093,1,230,
2137,2139,1,220,2260,2273,1,230,2275,2275,1,220,2276,2277,1,230,2278,2278,1,220,2279,2280,1,230,2281,2281,1,220,
2282,2284,1,230,2285,2287,1,220,2288,2288,1,27,2289,2289,1,28,2290,2290,1,29,2291,2293,1,230,2294,2294,1,220,
2295,2296,1,230,2297,2298,1,220,2299,2303,1,230,2364,2364,1,7,2381,2381,1,9,2385,2385,1,230,2386,2386,1,220,
2387,2388,1,230,2492,2492,1,7,2509,2509,1,9,2620,2620,1,7,2637,2637,1,9,2748,2748,1,7,2765,2765,1,9,2876,2876,1,7,
2893,2893,1,9,3021,3021,1,9,3149,3149,1,9,3157,3157,1,84,3158,3158,1,91,3260,3260,1,7,3277,3277,1,9,3405,3405,1,9,
3530,3530,1,9,3640,3641,1,103,3642,3642,1,9,3656,3659,1,107,3768,3769,1,118,3784,3787,1,122,3864,3865,1,220,
3893,3893,1,220,3895,3895,1,220,3897,3897,1,216,3953,3953,1,129,3954,3954,1,130,3956,3956,1,132,3962,3965,1,130,
3968,3968,1,130,3970,3971,1,230,3972,3972,1,9,3974,3975,1,230,4038,4038,1,220,4151,4151,1,7,4153,4154,1,9,
4237,4237,1,220,4957,4959,1,230,5908,5908,1,9,5940,5940,1,9,6098,6098,1,9,6109,6109,1,230,6313,6313,1,228,
6457,6457,1,222,6458,6458,1,230,6459,6459,1,220,6679,6679,1,230,6680,6680,1,220,6752,6752,1,9,6773,6780,1,230,
6783,6783,1,220,6832,6836,1,230,6837,6842,1,220,6843,6844,1,230,6845,6845,1,220,6964,6964,1,7,6980,6980,1,9,
7019,7019,1,230,7020,7020,1,220,7021,7027,1,230,7082,7083,1,9,7142,7142,1,7,7154,7155,1,9,7223,7223,1,7,7376,7378,1,230,
7380,7380,1,1,7381,7385,1,220,7386,7387,1,230,7388,7391,1,220,7392,7392,1,230,7394,7400,1,1,7405,7405,1,220,
7412,7412,1,230,7416,7417,1,230,7616,7617,1,230,7618,7618,1,220,7619,7625,1,230,7626,7626,1,220,7627,7628,1,230,
7629,7629,1,234,7630,7630,1,214,7631,7631,1,220,7632,7632,1,202,7633,7669,1,230,7675,7675,1,230,7676,7676,1,233,
7677,7677,1,220,7678,7678,1,230,7679,7679,1,220,8400,8401,1,230,8402,8403,1,1,8404,8407,1,230,8408,8410,1,1,
8411,8412,1,230,8417,8417,1,230,8421,8422,1,1,8423,8423,1,230,8424,8424,1,220,8425,8425,1,230,8426,8427,1,1,
8428,8431,1,220,8432,8432,1,230,11503,11505,1,230,11647,11647,1,9,11744,11775,1,230,12330,12330,1,218,12331,12331,1,228,
12332,12332,1,232,12333,12333,1,222,12334,12335,1,224,12441,12442,1,8,42607,42607,1,230,42612,42621,1,230,
42654,42655,1,230,42736,42737,1,230,43014,43014,1,9,43204,43204,1,9,43232,43249,1,230,43307,43309,1,220,43347,43347,1,9,
43443,43443,1,7,43456,43456,1,9,43696,43696,1,230,43698,43699,1,230,43700,43700,1,220,43703,43704,1,230,
43710,43711,1,230,43713,43713,1,230,43766,43766,1,9,44013,44013,1,9,64286,64286,1,26,65056,65062,1,230,
65063,65069,1,220,65070,65071,1,230,66045,66045,1,220,66272,66272,1,220,66422,66426,1,230,68109,68109,1,220,
68111,68111,1,230,68152,68152,1,230,68153,68153,1,1,68154,68154,1,220,68159,68159,1,9,68325,68325,1,230,
68326,68326,1,220,69702,69702,1,9,69759,69759,1,9,69817,69817,1,9,69818,69818,1,7,69888,69890,1,230,69939,69940,1,9,
70003,70003,1,7,70080,70080,1,9,70090,70090,1,7,70197,70197,1,9,70198,70198,1,7,70377,70377,1,7,70378,70378,1,9,
70460,70460,1,7,70477,70477,1,9,70502,70508,1,230,70512,70516,1,230,70722,70722,1,9,70726,70726,1,7,70850,70850,1,9,
70851,70851,1,7,71103,71103,1,9,71104,71104,1,7,71231,71231,1,9,71350,71350,1,9,71351,71351,1,7,71467,71467,1,9,
72767,72767,1,9,92912,92916,1,1,92976,92982,1,230,113822,113822,1,1,119141,119142,1,216,119143,119145,1,1,
119149,119149,1,226,119150,119154,1,216,119163,119170,1,220,119173,119177,1,230,119178,119179,1,220,119210,119213,1,230,
119362,119364,1,230,122880,122886,1,230,122888,122904,1,230,122907,122913,1,230,122915,122916,1,230,122918,122922,1,230,
125136,125142,1,220,125252,125257,1,230,125258,125258,1,7,
};

/* Where each script starts: first * 256 + script, in the order of ldr__scripts; what is not assigned is as its neighbour. */
static const uint32_t ldr__script_runs[] = {
1,8192,8449,16643,23297,24835,31489,43523,43777,47619,47873,49155,55041,55299,63233,63491,178433,188419,189697,190992,
191489,196610,225284,226305,226564,228865,229124,230657,230916,231169,231428,254481,258052,262149,296194,296709,340230,
350208,350470,352256,352518,362496,362758,363264,363782,364807,378880,380935,388864,389127,393224,394497,394760,396289,
396552,400129,400392,400640,400904,401153,401416,409601,409864,412418,415240,421890,422152,449793,450056,458770,479240,
491539,507924,523520,524309,540694,548864,565256,570624,570888,572928,578568,582145,582408,589833,610562,611593,615425,
615945,622602,654336,655639,685568,688408,719360,721177,742144,742937,754202,786459,787456,787739,801792,802075,809984,
811035,816896,817179,819228,820224,820508,842752,843292,848640,852253,852992,853277,867072,867613,884992,885278,917771,
933633,933899,950559,951808,952095,952576,952863,953344,953631,953856,955423,956416,956703,958464,958751,960512,961055,
961536,961823,965120,965407,970240,970783,983072,1037569,1038624,1048609,1089570,1112833,1113122,1114124,1179683,
1286180,1310757,1474598,1482791,1501953,1502759,1507368,1510656,1510952,1512704,1515561,1520897,1523754,1531947,1540140,
1572909,1573377,1573933,1574145,1574445,1576704,1577005,1603584,1605677,1617957,1638446,1658927,1671216,1695788,1703985,
1712178,1748994,1752832,1769523,1788928,1790003,1801472,1802292,1818677,1835062,1855543,1867781,1870080,1884212,1888258,
1889025,1889282,1892609,1892866,1894657,1895682,1895937,1897474,1897729,1898240,1898498,1899008,1900547,1910276,1911557,
1911811,1924356,1925635,1926660,1927939,1931269,1931523,1949444,1949698,1963520,1964802,1966083,2031620,2097153,2100226,
2100737,2126083,2126849,2129667,2129921,2133760,2134019,2137344,2138113,2146048,2150402,2162689,2172420,2172673,2173443,
2173953,2175491,2175745,2182659,2182913,2187267,2197761,2359040,2359297,2369280,2375681,2621496,2686977,2856448,2856961,
2865664,2866433,2869504,2869761,2871808,2878465,2879488,2883641,2895616,2895929,2907904,2908163,2916369,2949154,2961466,
2981923,3006469,3014657,3032320,3047439,3141633,3144704,3145729,3147023,3147265,3147535,3147777,3154191,3156482,3157516,
3158017,3160079,3161089,3162381,3184898,3185409,3185933,3186689,3186958,3209985,3210510,3212560,3223040,3223820,3248129,
3252240,3259136,3260417,3269632,3272718,3276812,3284993,3301388,3309313,3330062,3342080,3342350,3364865,3407887,5092864,
5095425,5111823,10475008,10485819,10801212,10813501,10895365,10919998,10944513,10953219,10979329,10980099,10989312,
10989571,10991616,11007747,11010111,11021312,11022337,11026496,11042881,11067401,11075072,11075650,11087361,11087682,
11087939,11100172,11108420,11128577,11128900,11132961,11141189,11165729,11173958,11198535,11206947,11218947,11229953,
11230211,11232516,11232768,11235364,11255879,11272204,16318479,16449539,16454406,16456967,16470024,16499200,16503560,
16596481,16596992,16601096,16617472,16617992,16631808,16642056,16645632,16646146,16650241,16654338,16657925,16658433,
16674824,16711425,16720131,16726785,16728323,16734977,16737806,16740353,16740622,16752129,16752652,16769025,16777288,
16842753,16859140,16879617,16882688,16883716,16896001,16907522,16941129,16949322,16965634,16965889,16973899,16985344,
16986188,16994381,17006670,17014863,17039440,17059921,17072210,17084499,17104980,17117269,17133568,17170518,17268736,
17301591,17317976,17326169,17334362,17358939,17367132,17375325,17383424,17399902,17408095,17432672,17445888,17447008,
17451008,17453152,17457249,17465442,17481827,17498212,17514597,17522790,17530983,17563752,17596521,17629184,17719304,
17727488,17825898,17854464,17858410,17858667,17875456,17879148,17891437,17908736,17911918,17924207,17944064,17944687,
17948958,17956976,17972992,17989745,18002034,18022515,18037504,18037875,18055168,18088052,18110976,18111348,18112000,
18120821,18186358,18219127,18243629,18251896,18266112,18268280,18272256,18284665,18291200,18292089,18300928,18391162,
18415616,18530427,18546688,18612348,18641021,18677760,18874494,19164928,19165310,19166464,19169406,19222528,19923071,
20197120,21233792,23134208,23593022,23740545,23752704,23777410,23789699,23937024,24051844,24069376,24072324,24084224,
24088452,24109189,24109312,24117381,25685248,25690245,25883392,28311566,28311821,28312064,29098118,29138945,30146560,
30408705,30484224,30484737,30500610,30501377,30505730,30507777,30508290,30510081,30517762,30518785,30533888,30539780,
30560256,30605313,30634496,30670849,30844416,30844929,30933127,31129600,31457337,31469568,31981704,32047241,32066304,
32067721,32272640,32374792,32505857,32574720,32575489,32583424,32583681,32599040,32600065,32615680,32630273,32636941,
32637185,32661504,32702465,32953088,32956417,32962304,32964609,32994304,32997377,33019136,33030145,33075200,33099777,
33103616,33103873,33105920,33107969,33108224,33108737,33111808,33112065,33115136,33116161,33120000,33128449,33133056,
33144833,33145088,33554447,44488448,44498959,45561088,45563919,45620736,45621263,47096320,49807375,50331648,234881281,
234946562,
};

/* Ranges in which a property is not what the categories above say. */
static const uint32_t ldr__not_control[] = {
2192,2193,2274,2274,69837,69837,78896,78911,
};

static const uint32_t ldr__not_nonspacing[] = {
2045,2045,2199,2207,2250,2273,2558,2558,2810,2815,2901,2901,3076,3076,3132,3132,3328,3328,3387,3388,3457,3457,3770,3770,
3790,3790,5940,5940,6159,6159,6277,6278,6847,6862,7670,7675,43052,43052,43205,43205,43263,43263,43453,43453,68900,68903,
68969,68973,69291,69292,69372,69375,69446,69456,69506,69509,69744,69744,69747,69748,69826,69826,70089,70089,70095,70095,
70206,70206,70209,70209,70459,70459,70587,70592,70606,70606,70608,70608,70610,70610,70625,70626,70712,70719,70722,70724,
70726,70726,70750,70750,71454,71454,71727,71735,71737,71738,71995,71996,71998,71998,72003,72003,72148,72151,72154,72155,
72160,72160,72193,72202,72243,72248,72251,72254,72263,72263,72273,72278,72281,72283,72330,72342,72344,72345,72752,72758,
72760,72765,72767,72767,72850,72871,72874,72880,72882,72883,72885,72886,73009,73014,73018,73018,73020,73021,73023,73029,
73031,73031,73104,73105,73109,73109,73111,73111,73459,73460,73472,73473,73526,73530,73536,73536,73538,73538,73562,73562,
78912,78912,78919,78933,90398,90409,90413,90415,94031,94031,94180,94180,118528,118573,118576,118598,122880,122886,
122888,122904,122907,122913,122915,122916,122918,122922,123023,123023,123184,123190,123566,123566,123628,123631,
124140,124143,124398,124399,125252,125258,
};

static const uint32_t ldr__not_combining[] = {
2045,2045,2199,2207,2250,2259,2558,2558,2810,2815,2901,2901,3076,3076,3132,3132,3315,3315,3328,3328,3387,3388,3457,3457,
3770,3770,3790,3790,5909,5909,6159,6159,6847,6862,7410,7411,7415,7415,7670,7674,43052,43052,43263,43263,68900,68903,
68969,68973,69291,69292,69372,69375,69446,69456,69506,69509,69744,69744,69747,69748,69826,69826,69957,69958,70089,70089,
70094,70095,70209,70209,70459,70459,70584,70592,70594,70594,70597,70597,70599,70602,70604,70608,70610,70610,70625,70626,
70750,70750,71724,71738,71984,71989,71991,71992,71995,71998,72000,72000,72002,72003,72145,72151,72154,72160,72164,72164,
72193,72202,72243,72249,72251,72254,72263,72263,72273,72283,72330,72345,73009,73014,73018,73018,73020,73021,73023,73029,
73031,73031,73098,73102,73104,73105,73107,73111,73459,73462,73472,73473,73475,73475,73524,73530,73534,73538,73562,73562,
78912,78912,78919,78933,90398,90415,94031,94031,94079,94087,94180,94180,94192,94193,118528,118573,118576,118598,
123023,123023,123184,123190,123566,123566,123628,123631,124140,124143,124398,124399,
};

static const uint32_t ldr__not_punctuation[] = {
1565,1565,2557,2557,2678,2678,3191,3191,3204,3204,5741,5741,6990,6991,7037,7039,11843,11855,11858,11869,68974,68974,
69293,69293,69461,69465,69510,69513,70089,70089,70612,70613,70615,70616,70731,70735,70746,70747,70749,70749,71264,71276,
71353,71353,71739,71739,72004,72006,72162,72162,72255,72262,72346,72348,72350,72354,72448,72457,72673,72673,72769,72773,
72816,72817,73463,73464,73539,73551,73727,73727,77809,77810,93549,93551,93847,93850,94178,94178,124415,124415,
125278,125279,
};

static const uint32_t ldr__not_number[] = {
73184,73193,94196,94198,
};

static const uint32_t ldr__not_word[] = {
8204,8205,9398,9449,127280,127305,127312,127337,127344,127369,
};

static const uint32_t ldr__not_joining[] = {
1480,1481,2899,2900,3635,3635,3763,3763,4139,4140,4152,4152,4194,4196,4199,4205,4227,4227,4231,4236,4239,4239,4250,4252,
6753,6753,6755,6756,6863,6896,8204,8205,43643,43643,43645,43645,65438,65439,69323,69327,69360,69371,71456,71457,
72544,72551,73200,73200,119079,119080,119376,119378,119387,119388,119391,119391,119424,119425,124643,124643,
124646,124646,124654,124655,124661,124661,127995,127999,917536,917631,
};

static const uint32_t ldr__prepending[] = {
1536,1541,1757,1757,1807,1807,2192,2193,2274,2274,3406,3406,69821,69821,69837,69837,70082,70083,70609,70609,71999,71999,
72001,72001,72324,72329,73030,73030,73474,73474,
};

/* ---- characters ---------------------------------------------------------------------- */

enum { LDR__GC_CN, LDR__GC_CC, LDR__GC_CF, LDR__GC_CO, LDR__GC_CS, LDR__GC_LU, LDR__GC_LL, LDR__GC_LT, LDR__GC_LM, LDR__GC_LO, LDR__GC_MN, LDR__GC_MC, LDR__GC_ME, LDR__GC_ND, LDR__GC_NL, LDR__GC_NO,
       LDR__GC_PC, LDR__GC_PD, LDR__GC_PS, LDR__GC_PE, LDR__GC_PI, LDR__GC_PF, LDR__GC_PO, LDR__GC_SM, LDR__GC_SC, LDR__GC_SK, LDR__GC_SO, LDR__GC_ZS, LDR__GC_ZL, LDR__GC_ZP, };
#define LDR__CATS 30u

/* Sets of categories, one bit each. */
#define LDR__BIT(cat)  ((uint32_t)1 << (cat))
#define LDR__OTHERS    (LDR__BIT(LDR__GC_CC) | LDR__BIT(LDR__GC_CF) | LDR__BIT(LDR__GC_CO))
#define LDR__LETTERS   (LDR__BIT(LDR__GC_LU) | LDR__BIT(LDR__GC_LL) | LDR__BIT(LDR__GC_LT) | LDR__BIT(LDR__GC_LM) | LDR__BIT(LDR__GC_LO))
#define LDR__MARKS     (LDR__BIT(LDR__GC_MN) | LDR__BIT(LDR__GC_MC) | LDR__BIT(LDR__GC_ME))
#define LDR__NUMBERS   (LDR__BIT(LDR__GC_ND) | LDR__BIT(LDR__GC_NL) | LDR__BIT(LDR__GC_NO))
#define LDR__PUNCTS    (LDR__BIT(LDR__GC_PC) | LDR__BIT(LDR__GC_PD) | LDR__BIT(LDR__GC_PS) | LDR__BIT(LDR__GC_PE) | LDR__BIT(LDR__GC_PI) | LDR__BIT(LDR__GC_PF) | LDR__BIT(LDR__GC_PO))
#define LDR__SYMBOLS   (LDR__BIT(LDR__GC_SM) | LDR__BIT(LDR__GC_SC) | LDR__BIT(LDR__GC_SK) | LDR__BIT(LDR__GC_SO))
#define LDR__SPACES    (LDR__BIT(LDR__GC_ZS) | LDR__BIT(LDR__GC_ZL) | LDR__BIT(LDR__GC_ZP))
#define LDR__WORDS     (LDR__LETTERS | LDR__MARKS | LDR__BIT(LDR__GC_ND) | LDR__BIT(LDR__GC_NL) | LDR__BIT(LDR__GC_PC))

/* The last run that starts at or before c. Steps by a product and not by a branch: which way a
   search turns cannot be predicted, and a wrong guess costs more than the whole step. */
static int ldr__char_category(uint32_t c) {
    size_t low, n, half;
    uint32_t run;
    if (c >= 0x4e00 && c <= 0x9fff) return LDR__GC_LO;
    low = ldr__cat_page[c < 0x10000 ? c >> 8 : 256];
    n = (c < 0x10000 ? ldr__cat_page[(c >> 8) + 1] + (size_t)1 : sizeof ldr__cat_runs / sizeof *ldr__cat_runs) - low;
    for (; n > 1; n -= half) {
        half = n / 2;
        low += half * (size_t)(ldr__cat_runs[low + half] >> 5 <= c);
    }
    run = ldr__cat_runs[low];
    if ((run & 31) < LDR__CATS) return (int)(run & 31);
    return ((c - (run >> 5)) & 1) == (run & 31) - LDR__CATS ? LDR__GC_LU : LDR__GC_LL;
}

static int ldr__char_in(uint32_t c, uint32_t set) { return (int)(set >> ldr__char_category(c) & 1u); }

/* Is c in one of the ranges, which are pairs in order? */
static int ldr__char_ranges(const uint32_t *ranges, size_t numbers, uint32_t c) {
    size_t low = 0, high = numbers / 2, mid;
    if (c < ranges[0]) return 0;
    while (high - low > 1) {
        mid = (low + high) / 2;
        if (ranges[2 * mid] <= c) low = mid;
        else high = mid;
    }
    return c <= ranges[2 * low + 1];
}
#define LDR__RANGES(table, c) ldr__char_ranges(table, sizeof(table) / sizeof *(table), c)

static int ldr__char_white(uint32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}
static int ldr__char_letter_ascii(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static int ldr__char_digit_ascii(uint32_t c) { return c >= '0' && c <= '9'; }
static int ldr__char_punct(uint32_t c) {
    if (c < 0x80) return c > ' ' && c < 0x7f && !ldr__char_letter_ascii(c) && !ldr__char_digit_ascii(c);
    return ldr__char_in(c, LDR__PUNCTS) != LDR__RANGES(ldr__not_punctuation, c);
}
static int ldr__char_number(uint32_t c) {
    if (c < 0x80) return ldr__char_digit_ascii(c);
    return ldr__char_in(c, LDR__NUMBERS) != LDR__RANGES(ldr__not_number, c);
}
static int ldr__char_word(uint32_t c) {
    if (c < 0x80) return ldr__char_letter_ascii(c) || ldr__char_digit_ascii(c) || c == '_';
    return ldr__char_in(c, LDR__WORDS) != LDR__RANGES(ldr__not_word, c);
}
/* BERT's control characters: tab and line ends are white space to it. */
static int ldr__char_control(uint32_t c) {
    if (c < 0x80) return (c < 32 && c != 9 && c != 10 && c != 13) || c == 0x7f;
    return c == 0xfffd || ldr__char_in(c, LDR__OTHERS) != LDR__RANGES(ldr__not_control, c);
}
static int ldr__char_nonspacing(uint32_t c) { return c >= 0x300 && ldr__char_in(c, LDR__BIT(LDR__GC_MN)) != LDR__RANGES(ldr__not_nonspacing, c); }
static int ldr__char_combining(uint32_t c) { return c >= 0x300 && ldr__char_in(c, LDR__MARKS) != LDR__RANGES(ldr__not_combining, c); }

/* Does c belong to the grapheme that began before it? */
static int ldr__char_joins(uint32_t c) { return c >= 0x300 && ldr__char_in(c, LDR__MARKS) != LDR__RANGES(ldr__not_joining, c); }

/* The row (first, last, step, value) of a table that covers c, or NULL. */
LDR__INLINE const int32_t *ldr__char_row(const int32_t *rows, size_t numbers, uint32_t c) {
    size_t n = numbers / 4, half;
    for (; n > 1; n -= half) {
        half = n / 2;
        rows += half * 4 * (size_t)((uint32_t)rows[half * 4] <= c);
    }
    return c >= (uint32_t)rows[0] && c <= (uint32_t)rows[1] ? rows : NULL;
}

/* Lower case of one character; U+0130, the only one that becomes two, is its caller's. */
static uint32_t ldr__char_lower(uint32_t c) {
    const int32_t *row;
    if (c < 128) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c >= 0x2e80 && c < 0xa640) return c;               /* the scripts of East Asia          */
    row = ldr__char_row(ldr__lower_runs, sizeof ldr__lower_runs / sizeof *ldr__lower_runs, c);
    if (!row || (c - (uint32_t)row[0]) % (uint32_t)row[2]) return c;
    return (uint32_t)((int32_t)c + row[3]);
}

/* One form for all cases of a letter. */
static uint32_t ldr__char_fold(uint32_t c) { return c == 0x17f ? 's' : c == 0x3c2 ? 0x3c3 : ldr__char_lower(c); }

static int ldr__char_script(uint32_t c) {
    size_t low = 0, n = sizeof ldr__script_runs / sizeof *ldr__script_runs, half;
    for (; n > 1; n -= half) {
        half = n / 2;
        low += half * (size_t)(ldr__script_runs[low + half] >> 8 <= c);
    }
    return (int)(ldr__script_runs[low] & 255u);
}

/* The blocks BERT sets apart with spaces: Han, and neither kana nor Hangul. */
static int ldr__char_cjk(uint32_t c) {
    if (c < 0x3400) return 0;
    return (c >= 0x4e00 && c <= 0x9fff) || c <= 0x4dbf || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x2a6df) ||
           (c >= 0x2a700 && c <= 0x2ceaf && (c < 0x2b820 || c > 0x2b91f)) || (c >= 0x2f800 && c <= 0x2fa1f);      /* the gap is the original's */
}

static int ldr__char_class(uint32_t c) {
    const int32_t *row;
    if (c < 0x300 || (c >= 0x3100 && c < 0xa66f)) return 0;
    row = ldr__char_row(ldr__class_runs, sizeof ldr__class_runs / sizeof *ldr__class_runs, c);
    return row ? (int)row[3] : 0;
}

static const int32_t *ldr__decomposition(uint32_t c) {
    if (c < 0xa0 || (c >= 0x3400 && c < 0xa69c)) return NULL;
    return ldr__char_row(ldr__decomp_runs, sizeof ldr__decomp_runs / sizeof *ldr__decomp_runs, c);
}

/* What c is made of, canonically or (compat) by compatibility: up to 18 characters into out[24]. A Hangul syllable is its
   jamo by arithmetic (Unicode 3.12). */
static int ldr__decompose(uint32_t *out, uint32_t c, int compat) {
    const int32_t *row;
    int32_t kind, k;
    int n = 0;
    if (c >= 0xac00 && c <= 0xd7a3) {
        uint32_t s = c - 0xac00, tail = s % 28;
        out[0] = 0x1100 + s / 588;
        out[1] = 0x1161 + s % 588 / 28;
        out[2] = 0x11a7 + tail;
        return tail ? 3 : 2;
    }
    row = ldr__decomposition(c);
    if (!row || (row[2] >= 32 && !compat)) {
        out[0] = c;
        return 1;
    }
    kind = row[2] & 31;
    k = (int32_t)c - row[0];
    if (kind < 2) return ldr__decompose(out, (uint32_t)(row[3] + kind * k), compat);
    if (kind == 31) return ldr__decompose(out, (uint32_t)ldr__decomp_pool[row[3] + k], compat);
    for (; n < 24 && kind > 0; kind--) n += ldr__decompose(out + n, (uint32_t)ldr__decomp_pool[row[3] + (k + 1) * (row[2] & 31) - kind], compat);
    return n;
}

/* The character that a and b compose to, or 0. */
static uint32_t ldr__compose(uint32_t a, uint32_t b) {
    size_t low = 0, n = sizeof ldr__compositions / sizeof *ldr__compositions, mid;
    const int32_t *row, *pair;
    uint32_t c;
    if (a >= 0x1100 && a < 0x1113 && b >= 0x1161 && b < 0x1176) return 0xac00 + ((a - 0x1100) * 21 + b - 0x1161) * 28;
    if (a >= 0xac00 && a <= 0xd7a3 && (a - 0xac00) % 28 == 0 && b > 0x11a7 && b < 0x11c3) return a + b - 0x11a7;
    if (b < 0x300 || (b >= 0x3400 && b < 0x10000)) return 0;
    while (low < n) {
        mid = (low + n) / 2;
        c = (uint32_t)ldr__compositions[mid];
        row = ldr__decomposition(c);
        pair = ldr__decomp_pool + row[3] + ((int32_t)c - row[0]) * 2;
        if ((uint32_t)pair[0] == a && (uint32_t)pair[1] == b) return c;
        if ((uint32_t)pair[0] < a || ((uint32_t)pair[0] == a && (uint32_t)pair[1] < b)) low = mid + 1;
        else n = mid;
    }
    return 0;
}

/* The character of a sequence that ldr__utf8_length has accepted. */
static uint32_t ldr__utf8_char(const unsigned char *s, size_t n) {
    uint32_t c;
    if (n == 1) return s[0];
    if (n == 2) return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    c = (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    if (n == 3) return c;
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

/* The bytes of the character that starts with c, and the character, in text known to be UTF-8. */
static int32_t ldr__utf8_bytes(unsigned char c) { return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4; }
LDR__INLINE uint32_t ldr__utf8_at(const char *s, int32_t *bytes) {
    const unsigned char *u = (const unsigned char *)s;
    *bytes = ldr__utf8_bytes(u[0]);
    return ldr__utf8_char(u, (size_t)*bytes);
}
static int32_t ldr__utf8_before(const char *s, int32_t at) {
    do at--;
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80);
    return at;
}

/* ---- what a tokenizer is made of -------------------------------------------------------- */

typedef struct ldr__vocab_slot { uint32_t hash; int32_t id; } ldr__vocab_slot;
typedef struct ldr__vocab_piece { uint32_t start, bytes; } ldr__vocab_piece;      /* text + start, with a NUL behind it */

/* All beginnings of a set of texts: the child of node under a byte by hashing, that of node 0 by a table. */
typedef struct ldr__trie {
    uint32_t (*slots)[2];              /* [mask + 1]: node * 256 + byte + 1, child; 0 = free  */
    uint32_t  mask, nodes, room;
    int32_t  *values;                  /* [room]: of the text that ends at a node, or -1      */
    uint32_t  root[256];
} ldr__trie;

typedef struct ldr__merge { uint32_t left, right, rank; int32_t id; } ldr__merge;

struct ldr__cutting;
struct ldr__norm;
struct ldr__step;
struct ldr__reading;
struct ldr__view;
struct ldr__lines;

/* A kind of part, one row each: what it is called in a tokenizer.json, how its settings are read, what it does. */
typedef struct ldr__normalizer { const char *name; void (*read)(struct ldr__reading *, struct ldr__step *, int32_t); void (*run)(struct ldr__norm *, const struct ldr__step *); int32_t setting; } ldr__normalizer;
typedef struct ldr__splitter { const char *name; void (*read)(struct ldr__reading *, struct ldr__step *, int32_t); void (*run)(struct ldr__cutting *, const struct ldr__step *, int, const struct ldr__view *); int32_t setting; } ldr__splitter;
typedef struct ldr__decoder { const char *name; void (*read)(struct ldr__reading *, struct ldr__step *, int32_t); void (*run)(struct ldr__lines *, const struct ldr__step *, int32_t, const char *, int32_t); int32_t setting; } ldr__decoder;
typedef struct ldr__cutter { const char *name; void (*read)(struct ldr__reading *, int32_t); void (*run)(struct ldr__cutting *, const struct ldr__view *); } ldr__cutter;

typedef struct ldr__string { const char *text; int32_t bytes; } ldr__string;

/* Types of SentencePiece's pieces. */
enum { LDR__SP_NORMAL = 1, LDR__SP_UNKNOWN, LDR__SP_CONTROL, LDR__SP_USER, LDR__SP_UNUSED, LDR__SP_BYTE };
/* How the splits between and of matches are put together: the names are tokenizer.json's. */
enum { LDR__REMOVED, LDR__ISOLATED, LDR__CONTIGUOUS, LDR__WITH_PREVIOUS, LDR__WITH_NEXT };
/* What a part looks for: a text, a regular expression, or characters of a kind. */
enum { LDR__FIND_TEXT, LDR__FIND_REGEX, LDR__FIND_WHITE, LDR__FIND_PUNCT, LDR__FIND_NUMBER, LDR__FIND_WORD };

static ldr__string ldr__string_of(const char *text) {
    ldr__string s;
    s.text = text;
    s.bytes = (int32_t)strlen(text);
    return s;
}

typedef struct ldr__step {
    const ldr__normalizer *normalizer;
    const ldr__splitter   *splitter;
    const ldr__decoder    *decoder;
    int32_t        find, behaviour, invert;
    int32_t        flags[4];
    ldr__string    a, b;               /* what is looked for or put before; what takes its place */
    const int32_t *program;            /* the regular expression, compiled                    */
    const unsigned char *units;        /* a map of characters: double array, and its texts    */
    uint32_t       unit_count;
    int16_t        single[128];        /* ... what it makes of an ASCII character alone: 0 itself, -1 look */
} ldr__step;

#define LDR__PARTS 24                  /* of one kind                                         */

/* The template: tokens around the text or texts. sequence 0, 1: the text; -1: the token id. */
typedef struct ldr__slot_of_template { int32_t sequence, id, type; } ldr__template_item;
typedef struct ldr__template { int32_t count, added; ldr__template_item items[32]; } ldr__template;

typedef struct ldr__added { int32_t id; ldr__string text, shown; unsigned char lstrip, rstrip, single_word, normalized, special; } ldr__added;

typedef struct ldr__chunk { struct ldr__chunk *next; size_t size, used; } ldr__chunk;

enum { LDR__TOKEN_UNK, LDR__TOKEN_CLS, LDR__TOKEN_SEP, LDR__TOKEN_PAD, LDR__TOKEN_MASK, LDR__TOKEN_BOS, LDR__TOKEN_EOS, LDR__TOKEN_COUNT };

struct ldr_tokenizer {
    ldr_allocator alloc;
    size_t        memory_size;
    ldr__chunk   *chunks;              /* settings, programs, maps                            */
    /* vocabulary */
    int32_t       count, piece_room;   /* ids are below count; a piece of 0 bytes at start 0 is a hole */
    ldr__vocab_piece *pieces;
    char         *text;
    size_t        text_used, text_room;
    ldr__vocab_slot *slots;            /* [slot_count], a power of two, id -1 = free          */
    size_t        slot_count, longest;
    double       *scores;              /* [count], of models that have them                   */
    unsigned char *types;              /* [count], of SentencePiece's models                  */
    int32_t       special[LDR__TOKEN_COUNT];
    ldr__added   *added;
    int32_t       added_count;
    ldr__trie     raw, normal, names, pieces_trie, frozen;   /* added tokens before and after normalising, all by name; Unigram's pieces; pieces never cut */
    /* parts, in the order in which text passes */
    ldr__step     normalizers[LDR__PARTS], splitters[LDR__PARTS], decoders[LDR__PARTS];
    int32_t       normalizer_count, splitter_count, decoder_count;
    const ldr__cutter *cutter;
    ldr__template single, pair;
    int           trim, trim_prefix, no_template, drop_types;
    /* cutters */
    int32_t       word_chars;
    ldr__string   prefix, suffix;
    uint32_t      prefix_hash;
    int           byte_fallback, fuse_unk, ignore_merges, sentencepiece, by_score;
    int32_t       bytes[256];          /* the ids of <0x00> to <0xFF>, or -1                  */
    int32_t       low[0x800];          /* the ids of characters below U+0800 as pieces        */
    ldr__merge   *merges;              /* [merge_slots], a power of two, id -1 = free         */
    size_t        merge_slots;
    unsigned char *together;           /* 65536 bits: pairs of characters that some merge joins; NULL: any may be */
    double        lowest, highest;     /* of the scores                                       */
    int32_t       max_len, strategy;   /* the file's own truncation; 0: none                  */
    int32_t       room_hint, top_id;   /* while reading: tokens that other files add          */
};

static void *ldr__tokenizer_alloc(ldr_tokenizer *t, size_t bytes) {
    void *p = ldr__alloc(&t->alloc, bytes);
    if (p) t->memory_size += bytes;
    return p;
}

static void ldr__tokenizer_release(ldr_tokenizer *t, void *p, size_t bytes) {
    if (p) t->memory_size -= bytes;
    ldr__free(&t->alloc, p, bytes);
}

/* Zeroed memory that lives as long as the tokenizer, for what has no size before it is read. */
static void *ldr__tokenizer_keep(ldr_tokenizer *t, size_t bytes) {
    ldr__chunk *k = t->chunks;
    char *p;
    bytes = (bytes + 15) / 16 * 16;
    if (!k || k->size - k->used < bytes) {
        size_t size = LDR__MAX((size_t)2048, bytes) + 64;
        k = (ldr__chunk *)ldr__tokenizer_alloc(t, size);
        if (!k) return NULL;
        memset(k, 0, size);
        k->next = t->chunks;
        k->size = size;
        k->used = 48;
        t->chunks = k;
    }
    p = (char *)k + k->used;
    k->used += bytes;
    return p;
}

static void ldr__trie_free(ldr_tokenizer *t, ldr__trie *trie) {
    if (trie->slots) ldr__tokenizer_release(t, trie->slots, ((size_t)trie->mask + 1) * sizeof *trie->slots);
    ldr__tokenizer_release(t, trie->values, trie->room * sizeof *trie->values);
}

LDR__DEF void ldr_tokenizer_free(ldr_tokenizer *t) {
    ldr_allocator alloc;
    if (!t) return;
    ldr__trie_free(t, &t->raw);
    ldr__trie_free(t, &t->normal);
    ldr__trie_free(t, &t->names);
    ldr__trie_free(t, &t->pieces_trie);
    ldr__trie_free(t, &t->frozen);
    ldr__tokenizer_release(t, t->merges, t->merge_slots * sizeof *t->merges);
    ldr__tokenizer_release(t, t->slots, t->slot_count * sizeof *t->slots);
    ldr__tokenizer_release(t, t->text, t->text_room);
    ldr__tokenizer_release(t, t->pieces, (size_t)t->piece_room * sizeof *t->pieces);
    ldr__tokenizer_release(t, t->scores, (size_t)t->piece_room * sizeof *t->scores);
    ldr__tokenizer_release(t, t->types, (size_t)t->piece_room);
    while (t->chunks) {
        ldr__chunk *next = t->chunks->next;
        ldr__tokenizer_release(t, t->chunks, t->chunks->size);
        t->chunks = next;
    }
    alloc = t->alloc;
    ldr__free(&alloc, t, sizeof *t);
}

/* ---- the vocabulary ------------------------------------------------------------------ */

/* FNV-1a, because the hash of every beginning of a word falls out of one pass over it. */
#define LDR__HASH_SEED 2166136261u
static uint32_t ldr__vocab_hash(uint32_t h, const char *s, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

static size_t ldr__piece_bytes(const ldr_tokenizer *t, int32_t id) { return t->pieces[id].bytes; }
static const char *ldr__piece_text(const ldr_tokenizer *t, int32_t id) { return t->text + t->pieces[id].start; }

/* The slot of prefix + s, or the free one where it would go. */
static ldr__vocab_slot *ldr__slot_find(const ldr_tokenizer *t, uint32_t hash, const char *prefix, size_t prefix_bytes, const char *s, size_t n) {
    size_t i = (hash ^ hash >> 15) & (t->slot_count - 1);
    for (;; i = (i + 1) & (t->slot_count - 1)) {
        ldr__vocab_slot *slot = t->slots + i;
        const char *piece;
        if (slot->id < 0) return slot;
        if (slot->hash != hash || ldr__piece_bytes(t, slot->id) != prefix_bytes + n) continue;
        piece = ldr__piece_text(t, slot->id);
        if (memcmp(piece, prefix, prefix_bytes) == 0 && memcmp(piece + prefix_bytes, s, n) == 0) return slot;
    }
}

static int32_t ldr__piece_find(const ldr_tokenizer *t, const char *s, size_t n) {
    return ldr__slot_find(t, ldr__vocab_hash(LDR__HASH_SEED, s, n), "", 0, s, n)->id;
}

/* More room for `*p`, whose first `used` bytes stay. */
static int ldr__tokenizer_grow(ldr_tokenizer *t, void **p, size_t *room, size_t used, size_t need) {
    size_t size = LDR__MAX(*room * 2, need);
    void *q;
    if (need <= *room) return 1;
    q = ldr__tokenizer_alloc(t, size);
    if (!q) return 0;
    if (used) memcpy(q, *p, used);
    memset((char *)q + used, 0, size - used);
    ldr__tokenizer_release(t, *p, *room);
    *p = q;
    *room = size;
    return 1;
}

/* Room for ids below `room`, with scores and types where the file has them; `text` bytes of pieces to begin with. */
static int ldr__pieces_begin(ldr_tokenizer *t, int32_t room, int scores, int types, size_t text) {
    size_t n = (size_t)LDR__MAX(LDR__MAX(room, 1), t->top_id < 4 * (int64_t)room + 65536 ? t->top_id + 1 : 0);
    t->pieces = (ldr__vocab_piece *)ldr__tokenizer_alloc(t, n * sizeof *t->pieces);
    if (!t->pieces) return 0;
    t->piece_room = (int32_t)n;
    memset(t->pieces, 0, n * sizeof *t->pieces);
    if (scores) t->scores = (double *)ldr__tokenizer_alloc(t, n * sizeof *t->scores);
    if (types) t->types = (unsigned char *)ldr__tokenizer_alloc(t, n);
    if (t->scores) memset(t->scores, 0, n * sizeof *t->scores);
    if (t->types) memset(t->types, 0, n);
    if ((scores && !t->scores) || (types && !t->types)) return 0;
    if (!ldr__tokenizer_grow(t, (void **)&t->text, &t->text_room, 0, text + 16)) return 0;
    t->text_used = 1;                              /* start 0 is that of holes                 */
    return 1;
}

/* Room for the text of piece `id`, which is below piece_room; NULL: out of memory. */
static char *ldr__piece_put(ldr_tokenizer *t, int32_t id, size_t bytes) {
    char *p;
    if (!ldr__tokenizer_grow(t, (void **)&t->text, &t->text_room, t->text_used, t->text_used + bytes + 1)) return NULL;
    p = t->text + t->text_used;
    t->pieces[id].start = (uint32_t)t->text_used;
    t->pieces[id].bytes = (uint32_t)bytes;
    t->text_used += bytes + 1;
    p[bytes] = 0;
    if (id >= t->count) t->count = id + 1;
    return p;
}

/* A piece that occurs twice is found under its last id, as in the originals, whose vocabulary is a map. */
static void ldr__piece_index(ldr_tokenizer *t, int32_t id) {
    uint32_t hash = ldr__vocab_hash(LDR__HASH_SEED, ldr__piece_text(t, id), ldr__piece_bytes(t, id));
    ldr__vocab_slot *slot = ldr__slot_find(t, hash, "", 0, ldr__piece_text(t, id), ldr__piece_bytes(t, id));
    slot->hash = hash;
    slot->id = id;
    if (ldr__piece_bytes(t, id) > t->longest) t->longest = ldr__piece_bytes(t, id);
}

/* Builds the index of all pieces; there is room in it for piece_room. */
static int ldr__pieces_index(ldr_tokenizer *t) {
    size_t i, n = 4;
    int32_t id;
    while (n < (size_t)t->piece_room + (size_t)t->piece_room / 2) n *= 2;
    t->slots = (ldr__vocab_slot *)ldr__tokenizer_alloc(t, n * sizeof *t->slots);
    if (!t->slots) return 0;
    t->slot_count = n;
    for (i = 0; i < n; i++) t->slots[i].id = -1;
    for (id = 0; id < t->count; id++)
        if (t->pieces[id].start) ldr__piece_index(t, id);
    for (i = 0; i < 0x800; i++) {
        char utf8[4];
        t->low[i] = ldr__piece_find(t, utf8, ldr__utf8_put(utf8, (uint32_t)i));
    }
    for (i = 0; i < 256; i++) {
        static const char hex[] = "0123456789ABCDEF";
        char name[] = "<0x00>";
        name[3] = hex[i >> 4];
        name[4] = hex[i & 15];
        t->bytes[i] = ldr__piece_find(t, name, 6);
    }
    return 1;
}

/* ---- all beginnings of some texts ------------------------------------------------------- */

static uint32_t ldr__trie_mix(uint32_t key) { return (key * 2654435769u) ^ (key * 2654435769u) >> 15; }

/* The node one byte further, or 0. */
LDR__INLINE uint32_t ldr__trie_step(const ldr__trie *trie, uint32_t node, unsigned char byte) {
    uint32_t key = node * 256 + byte + 1, i;
    if (!node) return trie->root[byte];
    for (i = ldr__trie_mix(key) & trie->mask; trie->slots[i][0]; i = (i + 1) & trie->mask)
        if (trie->slots[i][0] == key) return trie->slots[i][1];
    return 0;
}

static void ldr__trie_hang(ldr__trie *trie, uint32_t key, uint32_t child) {
    uint32_t i = ldr__trie_mix(key) & trie->mask;
    while (trie->slots[i][0]) i = (i + 1) & trie->mask;
    trie->slots[i][0] = key;
    trie->slots[i][1] = child;
}

/* Twice the room, or the first. */
static int ldr__trie_grow(ldr_tokenizer *t, ldr__trie *trie) {
    uint32_t room = trie->room ? trie->room * 2 : 64, mask = room * 2 - 1, i, old = trie->room ? trie->mask + 1 : 0;
    uint32_t (*slots)[2] = trie->slots;
    int32_t *values = (int32_t *)ldr__tokenizer_alloc(t, room * sizeof *values);
    uint32_t (*more)[2] = values ? (uint32_t (*)[2])ldr__tokenizer_alloc(t, ((size_t)mask + 1) * sizeof *more) : NULL;
    if (!more) {
        ldr__tokenizer_release(t, values, room * sizeof *values);
        return 0;
    }
    memset(more, 0, ((size_t)mask + 1) * sizeof *more);
    if (trie->room) memcpy(values, trie->values, trie->nodes * sizeof *values);
    ldr__tokenizer_release(t, trie->values, trie->room * sizeof *values);
    trie->slots = more;
    trie->mask = mask;
    trie->values = values;
    trie->room = room;
    for (i = 0; i < old; i++)
        if (slots[i][0]) ldr__trie_hang(trie, slots[i][0], slots[i][1]);
    ldr__tokenizer_release(t, slots, (size_t)old * sizeof *slots);
    if (!trie->nodes) {
        trie->nodes = 1;
        trie->values[0] = -1;
    }
    return 1;
}

/* 1, or 0 without memory. The first or (again) the last of two equal texts counts. */
static int ldr__trie_add(ldr_tokenizer *t, ldr__trie *trie, const char *s, size_t n, int32_t value, int again) {
    uint32_t node = 0, next;
    size_t i;
    if (!trie->room && !ldr__trie_grow(t, trie)) return 0;
    for (i = 0; i < n; i++, node = next) {
        next = ldr__trie_step(trie, node, (unsigned char)s[i]);
        if (next) continue;
        if (trie->nodes == 0xfffffe) return 0;
        if (trie->nodes == trie->room && !ldr__trie_grow(t, trie)) return 0;
        next = trie->nodes++;
        trie->values[next] = -1;
        if (node) ldr__trie_hang(trie, node * 256 + (unsigned char)s[i] + 1, next);
        else trie->root[(unsigned char)s[i]] = next;
    }
    if (n && (again || trie->values[node] < 0)) trie->values[node] = value;
    return 1;
}

/* The longest text of the trie that s begins with: its value and bytes, or -1. */
static int32_t ldr__trie_longest(const ldr__trie *trie, const char *s, int32_t n, int32_t *bytes) {
    uint32_t node = 0;
    int32_t i, value = -1;
    for (i = 0; i < n; i++) {
        node = ldr__trie_step(trie, node, (unsigned char)s[i]);
        if (!node) break;
        if (trie->values[node] >= 0) {
            value = trie->values[node];
            *bytes = i + 1;
        }
    }
    return value;
}
/* The id under which a trie knows the whole of s, or -1. */
static int32_t ldr__trie_find(const ldr__trie *trie, const char *s, size_t n) {
    int32_t bytes = 0, value = trie->room && n < INT32_MAX ? ldr__trie_longest(trie, s, (int32_t)n, &bytes) : -1;
    return (size_t)bytes == n ? value : -1;
}

/* ---- text on its way -------------------------------------------------------------------- */

/* Text with the place each byte came from: bytes begin[i] to end[i] of the caller's text. */
typedef struct ldr__str { char *text; int32_t *begin, *end; int32_t size, room; } ldr__str;
typedef struct ldr__view { const char *text; const int32_t *begin, *end; int32_t size; } ldr__view;

/* Arrays that grow and are used again: one for each use that may be under way at the same time. */
enum { LDR__ROOM_MARKS, LDR__ROOM_BEHIND, LDR__ROOM_NODES, LDR__ROOM_SYMBOLS, LDR__ROOM_HEAP, LDR__ROOM_FRAMES, LDR__ROOM_SORT, LDR__ROOMS };

typedef struct ldr__work {
    ldr__str str[2 + LDR__PARTS];      /* two for normalising, one for each splitter          */
    void    *room[LDR__ROOMS];
    size_t   bytes[LDR__ROOMS];
    char    *surfaces;                 /* texts of tokens that are not those of their pieces  */
    size_t   surface_used, surface_room;
} ldr__work;

typedef struct ldr__cutting {
    const ldr_tokenizer *t;
    ldr_encoding        *out;
    ldr__work           *w;
    int32_t              which;        /* 0 first text, 1 second                              */
    int32_t              stop;         /* tokens after which the rest would be cut away       */
    int64_t              steps;        /* left to regular expressions                         */
    ldr_status           status;
    const char          *why;
} ldr__cutting;

static void ldr__cut_fail(ldr__cutting *c, ldr_status status, const char *why) {
    if (c->status) return;
    c->status = status;
    c->why = why;
}

/* At least `bytes` bytes of one kind; what was there stays. NULL: out of memory. */
static void *ldr__room(ldr__cutting *c, int which, size_t bytes) {
    ldr__work *w = c->w;
    size_t size = LDR__MAX(LDR__MAX(bytes, w->bytes[which] * 2), (size_t)512);
    void *p;
    if (bytes <= w->bytes[which]) return w->room[which];
    p = ldr__alloc(&c->out->alloc, size);
    if (!p) {
        ldr__cut_fail(c, LDR_MEMORY, "out of memory");
        return NULL;
    }
    if (w->bytes[which]) memcpy(p, w->room[which], w->bytes[which]);
    ldr__free(&c->out->alloc, w->room[which], w->bytes[which]);
    w->room[which] = p;
    w->bytes[which] = size;
    return p;
}

static size_t ldr__str_bytes(int32_t room) { return (size_t)room * (2 * sizeof(int32_t) + 1); }

/* Room for `more` bytes behind what is there. */
static int ldr__str_room(ldr__cutting *c, ldr__str *s, int32_t more) {
    int32_t room;
    int32_t *block;
    if (s->room - s->size >= more) return 1;
    if (s->size > INT32_MAX / 4 || more > INT32_MAX / 4) {
        ldr__cut_fail(c, LDR_LIMIT, "normalised text of more than 512 MB; encode it in parts");
        return 0;
    }
    room = LDR__MAX(s->size * 2, s->size + more);
    if (room < 256) room = 256;
    block = (int32_t *)ldr__alloc(&c->out->alloc, ldr__str_bytes(room));
    if (!block) {
        ldr__cut_fail(c, LDR_MEMORY, "out of memory");
        return 0;
    }
    if (s->size) {
        memcpy(block, s->begin, (size_t)s->size * sizeof *block);
        memcpy(block + room, s->end, (size_t)s->size * sizeof *block);
        memcpy(block + 2 * (size_t)room, s->text, (size_t)s->size);
    }
    ldr__free(&c->out->alloc, s->begin, ldr__str_bytes(s->room));
    s->begin = block;
    s->end = block + room;
    s->text = (char *)(block + 2 * (size_t)room);
    s->room = room;
    return 1;
}

static void ldr__str_put(ldr__cutting *c, ldr__str *s, const char *text, int32_t n, int32_t begin, int32_t end) {
    int32_t i;
    if (s->room - s->size < n && !ldr__str_room(c, s, n)) return;
    for (i = 0; i < n; i++) {
        s->text[s->size + i] = text[i];
        s->begin[s->size + i] = begin;
        s->end[s->size + i] = end;
    }
    s->size += n;
}

static ldr__view ldr__str_view(const ldr__str *s) {
    ldr__view v;
    v.text = s->text;
    v.begin = s->begin;
    v.end = s->end;
    v.size = s->size;
    return v;
}

static ldr__view ldr__view_part(const ldr__view *v, int32_t from, int32_t to) {
    ldr__view part;
    part.text = v->text + from;
    part.begin = v->begin + from;
    part.end = v->end + from;
    part.size = to - from;
    return part;
}

/* ---- normalising: f(text) -> text ------------------------------------------------------- */

/* One normaliser under way. Where a character of the result came from follows the original's rule: a character put with
   change 0 stands for the next one of `in`, with change -k for that and the k after it, and with change 1 for the one before. */
typedef struct ldr__norm { ldr__cutting *c; ldr__view in; ldr__str *out; int32_t at, shift; int same; } ldr__norm;

static void ldr__put(ldr__norm *p, uint32_t ch, int32_t change) {
    char utf8[4];
    int32_t begin = p->shift, end = p->shift, n = (int32_t)ldr__utf8_put(utf8, ch);
    if (change > 0 || p->at >= p->in.size) {
        if (p->at > 0) {
            begin = p->in.begin[p->at - 1];
            end = p->in.end[p->at - 1];
        }
    } else {
        begin = p->in.begin[p->at];
        end = p->in.end[p->at];
        for (; change <= 0 && p->at < p->in.size; change++) p->at += ldr__utf8_bytes((unsigned char)p->in.text[p->at]);
    }
    ldr__str_put(p->c, p->out, utf8, n, begin, end);
}

/* A string in the place of the `chars` characters from p->at on: all of it comes from the last of these. */
static void ldr__put_string(ldr__norm *p, ldr__string s, int32_t to) {
    int32_t from = to > 0 ? to - 1 : -1;
    ldr__str_put(p->c, p->out, s.text, s.bytes, from >= 0 ? p->in.begin[from] : p->shift, from >= 0 ? p->in.end[from] : p->shift);
    p->at = to;
}

/* The bytes up to `to` as they are. */
static void ldr__put_same(ldr__norm *p, int32_t to) {
    int32_t n = to - p->at;
    ldr__str *o = p->out;
    if (n <= 0 || !ldr__str_room(p->c, o, n)) return;
    memcpy(o->text + o->size, p->in.text + p->at, (size_t)n);
    memcpy(o->begin + o->size, p->in.begin + p->at, (size_t)n * sizeof *o->begin);
    memcpy(o->end + o->size, p->in.end + p->at, (size_t)n * sizeof *o->end);
    o->size += n;
    p->at = to;
}

static void ldr__normalize_bert(ldr__norm *p, const ldr__step *part) {
    int clean = part->flags[0], cjk = part->flags[1], strip = part->flags[2], lower = part->flags[3];
    while (p->at < p->in.size && !p->c->status) {
        int32_t i, n, begin = p->in.begin[p->at], end = p->in.end[p->at];
        unsigned char byte = (unsigned char)p->in.text[p->at];
        uint32_t ch, parts[24];
        char utf8[4];
        int k, count = 1;
        if (byte < 0x80) {
            p->at++;
            if (clean && (byte < 32 || byte == 0x7f)) {
                if (byte != 9 && byte != 10 && byte != 13) continue;
                byte = ' ';
            }
            if (lower && byte >= 'A' && byte <= 'Z') byte = (unsigned char)(byte + 32);
            utf8[0] = (char)byte;
            ldr__str_put(p->c, p->out, utf8, 1, begin, end);
            continue;
        }
        ch = ldr__utf8_at(p->in.text + p->at, &n);
        p->at += n;
        if (clean && ldr__char_control(ch)) continue;
        if (clean && ldr__char_white(ch)) ch = ' ';
        parts[0] = ch;
        if (cjk && ldr__char_cjk(ch)) ldr__str_put(p->c, p->out, " ", 1, begin, end);
        if (strip) count = ldr__decompose(parts, ch, 0);
        for (k = 0; k < count; k++) {
            if (strip && ldr__char_nonspacing(parts[k])) continue;
            if (lower && parts[k] == 0x130) ldr__str_put(p->c, p->out, "i", 1, begin, end);
            i = (int32_t)ldr__utf8_put(utf8, !lower ? parts[k] : parts[k] == 0x130 ? 0x307 : ldr__char_lower(parts[k]));
            ldr__str_put(p->c, p->out, utf8, i, begin, end);
        }
        if (cjk && ldr__char_cjk(ch)) ldr__str_put(p->c, p->out, " ", 1, begin, end);
    }
}

static void ldr__normalize_lowercase(ldr__norm *p, const ldr__step *part) {
    int32_t n;
    (void)part;
    while (p->at < p->in.size && !p->c->status) {
        uint32_t ch = ldr__utf8_at(p->in.text + p->at, &n);
        ldr__put(p, ch == 0x130 ? 'i' : ldr__char_lower(ch), 0);
        if (ch == 0x130) ldr__put(p, 0x307, 1);
    }
}

/* Keeps the characters for which the kind is not true: marks, or (Nmt) control characters. */
static void ldr__normalize_strip_accents(ldr__norm *p, const ldr__step *part) {
    int32_t n;
    (void)part;
    while (p->at < p->in.size && !p->c->status) {
        uint32_t ch = ldr__utf8_at(p->in.text + p->at, &n);
        if (ldr__char_combining(ch)) p->at += n;
        else ldr__put_same(p, p->at + n);
    }
}

static void ldr__normalize_nmt(ldr__norm *p, const ldr__step *part) {
    int32_t n;
    (void)part;
    while (p->at < p->in.size && !p->c->status) {
        uint32_t ch = ldr__utf8_at(p->in.text + p->at, &n);
        int space = ch == 9 || ch == 10 || ch == 12 || ch == 13 || ch == 0x1680 || (ch >= 0x200b && ch <= 0x200f) || ch == 0x2028 || ch == 0x2029 || ch == 0x2581 || ch == 0xfeff || ch == 0xfffd;
        if ((ch >= 1 && ch <= 31 && !space) || ch == 0x7f || ch == 0x8f || ch == 0x9f) p->at += n;
        else ldr__put(p, space ? ' ' : ch, 0);
    }
}

static void ldr__normalize_strip(ldr__norm *p, const ldr__step *part) {
    int32_t n, to = p->in.size;
    while (part->flags[0] && p->at < to && ldr__char_white(ldr__utf8_at(p->in.text + p->at, &n))) p->at += n;
    while (part->flags[1] && to > p->at) {
        int32_t before = ldr__utf8_before(p->in.text, to);
        if (!ldr__char_white(ldr__utf8_at(p->in.text + before, &n))) break;
        to = before;
    }
    ldr__put_same(p, to);
}

static void ldr__normalize_prepend(ldr__norm *p, const ldr__step *part) {
    int32_t n;
    if (!p->in.size) return;
    n = ldr__utf8_bytes((unsigned char)p->in.text[0]);
    ldr__str_put(p->c, p->out, part->a.text, part->a.bytes, p->in.begin[n - 1], p->in.end[n - 1]);
    ldr__put_same(p, p->in.size);
}

/* Byte b as the character that stands for it in the vocabularies of byte-level tokenizers: itself where it can be seen,
   else one of the characters from U+0100 on, in order. */
static uint32_t ldr__byte_char(unsigned char b) {
    if ((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174) return b;
    return b < 33 ? 256u + b : b < 161 ? 256u + 33 + b - 127u : 256u + 67;
}

static int ldr__char_byte(uint32_t c) {
    if (c < 256) return ldr__byte_char((unsigned char)c) == c ? (int)c : -1;
    c -= 256;
    return c < 33 ? (int)c : c < 67 ? (int)(c + 94) : c == 67 ? 173 : -1;
}

static void ldr__put_bytes(ldr__cutting *c, ldr__str *out, const ldr__view *v) {
    int32_t i;
    if (!ldr__str_room(c, out, v->size * 2)) return;
    for (i = 0; i < v->size; i++) {
        char utf8[4];
        ldr__str_put(c, out, utf8, (int32_t)ldr__utf8_put(utf8, ldr__byte_char((unsigned char)v->text[i])), v->begin[i], v->end[i]);
    }
}

static void ldr__normalize_bytes(ldr__norm *p, const ldr__step *part) {
    (void)part;
    ldr__put_bytes(p->c, p->out, &p->in);
}

/* ---- normal forms ----------------------------------------------------------------------- */

typedef struct ldr__mark { uint32_t c; int32_t change, rank; } ldr__mark;
typedef struct ldr__form { ldr__norm *p; size_t marks, behind; int compose, any, last; ldr__mark starter; } ldr__form;

static void ldr__form_push(ldr__form *f, int room, size_t *n, const ldr__mark *m) {
    ldr__mark *list = (ldr__mark *)ldr__room(f->p->c, room, (*n + 1) * sizeof *list);
    if (list) list[(*n)++] = *m;
}

/* The canonical composition algorithm, one character in canonical order at a time. */
static void ldr__form_compose(ldr__form *f, const ldr__mark *m) {
    ldr__mark *behind;
    size_t i;
    uint32_t whole;
    if (!f->any) {
        if (m->rank) ldr__put(f->p, m->c, m->change);
        else f->starter = *m;
        f->any = !m->rank;
        return;
    }
    whole = f->last < 0 || f->last < m->rank ? ldr__compose(f->starter.c, m->c) : 0;
    if (whole) {
        f->starter.c = whole;
        f->starter.change += m->change - 1;
        return;
    }
    if (m->rank) {
        ldr__form_push(f, LDR__ROOM_BEHIND, &f->behind, m);
        f->last = m->rank;
        return;
    }
    ldr__put(f->p, f->starter.c, f->starter.change);
    behind = (ldr__mark *)f->p->c->w->room[LDR__ROOM_BEHIND];
    for (i = 0; i < f->behind; i++) ldr__put(f->p, behind[i].c, behind[i].change);
    f->behind = 0;
    f->last = -1;
    f->starter = *m;
}

/* The marks since the last starter, sorted by class: by insertion, or where they are many by counting. */
static void ldr__form_flush(ldr__form *f) {
    ldr__mark *list = (ldr__mark *)f->p->c->w->room[LDR__ROOM_MARKS], *sorted, m;
    size_t n = f->marks, i, k, starts[257];
    f->marks = 0;
    if (n > 32) {
        sorted = (ldr__mark *)ldr__room(f->p->c, LDR__ROOM_SORT, n * sizeof *sorted);
        if (!sorted) return;
        memset(starts, 0, sizeof starts);
        for (i = 0; i < n; i++) starts[(uint32_t)list[i].rank + 1]++;
        for (i = 0; i < 256; i++) starts[i + 1] += starts[i];
        for (i = 0; i < n; i++) sorted[starts[list[i].rank]++] = list[i];
        list = sorted;
    } else
        for (i = 1; i < n; i++) {
            m = list[i];
            for (k = i; k > 0 && list[k - 1].rank > m.rank; k--) list[k] = list[k - 1];
            list[k] = m;
        }
    for (i = 0; i < n; i++) {
        if (f->compose) ldr__form_compose(f, &list[i]);
        else ldr__put(f->p, list[i].c, list[i].change);
    }
}

/* Characters of which no normal form changes anything unless a mark follows. */
static int ldr__form_inert(uint32_t c, int compat, int compose) {
    return c < (compose && !compat ? 0x300u : 0xa0u) || (c >= 0x3400 && c < 0xa000);
}

static void ldr__normalize_form(ldr__norm *p, const ldr__step *part) {
    int compat = part->flags[0];
    int32_t i, n, seen = 0;
    ldr__form f;
    memset(&f, 0, sizeof f);
    f.p = p;
    f.compose = part->flags[1];
    f.last = -1;
    while (seen < p->in.size && ldr__form_inert(ldr__utf8_at(p->in.text + seen, &n), compat, f.compose)) seen += n;
    if (seen == p->in.size) {
        p->same = 1;
        return;
    }
    if (seen > 0) ldr__put_same(p, ldr__utf8_before(p->in.text, seen));
    for (seen = p->at; seen < p->in.size && !p->c->status; seen += n) {
        ldr__mark m;
        uint32_t out[24], ch = ldr__utf8_at(p->in.text + seen, &n);
        int32_t count = ldr__decompose(out, ch, compat);
        for (i = 0; i < count; i++) {
            m.c = out[i];
            m.change = i > 0;
            m.rank = ldr__char_class(out[i]);
            if (!m.rank && f.marks) ldr__form_flush(&f);
            if (m.rank) ldr__form_push(&f, LDR__ROOM_MARKS, &f.marks, &m);
            else if (f.compose) ldr__form_compose(&f, &m);
            else ldr__put(p, m.c, m.change);
        }
    }
    ldr__form_flush(&f);
    if (f.any) {
        ldr__mark none;
        memset(&none, 0, sizeof none);
        ldr__form_compose(&f, &none);                /* puts what waits; the NUL itself stays behind */
    }
}

/* ---- SentencePiece's map of characters -------------------------------------------------- */

static uint32_t ldr__map_unit(const ldr__step *m, uint32_t i) { return i < m->unit_count ? ldr__load_u32(m->units + 4 * (size_t)i) : 0; }

/* The text that stands for the shortest or longest beginning of s that the map knows, and the bytes of that; NULL: none. */
static const char *ldr__map_find(const ldr__step *m, const char *s, int32_t n, int longest, int32_t *bytes) {
    uint32_t unit = ldr__map_unit(m, 0), node = unit >> 10 << ((unit & 512) >> 6), value;
    const char *found = NULL;
    int32_t i;
    for (i = 0; i < n && s[i]; i++) {
        node ^= (unsigned char)s[i];
        unit = ldr__map_unit(m, node);
        if ((unit & 0x800000ffu) != (unsigned char)s[i]) break;
        node ^= unit >> 10 << ((unit & 512) >> 6);
        if (!(unit & 256)) continue;
        value = ldr__map_unit(m, node) & 0x7fffffffu;
        if (value >= (uint32_t)m->a.bytes) continue;
        found = m->a.text + value;
        *bytes = i + 1;
        if (!longest) break;
    }
    return found;
}

/* `count` characters of the text become those of `by`: the original counts the surplus ones as new, and takes what is
   missing from the last one it put, which may be one of before. */
static void ldr__put_mapped(ldr__norm *p, const char *by, int32_t chars, ldr__mark *last) {
    int32_t n = 0, bytes, k, total = (int32_t)strlen(by);
    for (k = 0; k < total; k += ldr__utf8_bytes((unsigned char)by[k])) n++;
    if (n < chars && n == 0) last->change += n - chars;
    for (k = 0; k < n; k++, by += bytes) {
        uint32_t ch = ldr__utf8_at(by, &bytes);
        if (last->rank) ldr__put(p, last->c, last->change);
        last->c = ch;
        last->change = k >= chars ? 1 : k == n - 1 && n < chars ? n - chars : 0;
        last->rank = 1;
    }
}

/* What one character becomes, put; ASCII by table. */
static void ldr__map_char(ldr__norm *p, const ldr__step *m, const char *s, int32_t n, ldr__mark *last) {
    const char *by = NULL;
    int32_t bytes;
    if (n > 1 || m->single[(unsigned char)*s] < 0) by = ldr__map_find(m, s, n, 0, &bytes);
    if (by) {
        p->same = 0;
        ldr__put_mapped(p, by, 1, last);
        return;
    }
    if (last->rank) ldr__put(p, last->c, last->change);
    last->c = ldr__utf8_at(s, &bytes);
    last->change = 0;
    last->rank = 1;
}

/* The end of the grapheme that starts at `at`: what joins, and what jamo, prepended signs and line ends have of their own. */
static int32_t ldr__grapheme(const char *s, int32_t n, int32_t at, int32_t *chars) {
    int32_t bytes;
    uint32_t c = ldr__utf8_at(s + at, &bytes), next;
    *chars = 1;
    at += bytes;
    if (c == '\r' && at < n && s[at] == '\n') {
        *chars = 2;
        return at + 1;
    }
    if (c < 32 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x2028 || c == 0x2029 || (c >= 0x200b && c <= 0x200f && c != 0x200c && c != 0x200d)) return at;
    while (at < n) {
        if ((unsigned char)s[at] < 0x80 && !(c >= 0x600 && LDR__RANGES(ldr__prepending, c))) break;
        next = ldr__utf8_at(s + at, &bytes);
        if (!ldr__char_joins(next)) {
            int l = c >= 0x1100 && c < 0x1160, v = (c >= 0x1160 && c < 0x11a8) || (c >= 0xac00 && c <= 0xd7a3 && (c - 0xac00) % 28 == 0);
            int t = (c >= 0x11a8 && c < 0x1200) || (c >= 0xac00 && c <= 0xd7a3 && !v);
            int joined = (l && ((next >= 0x1100 && next < 0x11a8) || (next >= 0xac00 && next <= 0xd7a3))) || (v && next >= 0x1160 && next < 0x1200) || (t && next >= 0x11a8 && next < 0x1200);
            if (!joined && !(c >= 0x600 && LDR__RANGES(ldr__prepending, c) && next >= 32)) break;
        }
        c = next;
        ++*chars;
        at += bytes;
    }
    return at;
}

/* As Hugging Face does it: a grapheme of less than 6 bytes becomes what its shortest known beginning becomes. */
static void ldr__normalize_map(ldr__norm *p, const ldr__step *m) {
    int32_t at, to, chars, bytes, n;
    ldr__mark last;
    last.rank = 0;
    last.c = 0;
    last.change = 0;
    p->same = 1;
    for (at = 0; at < p->in.size && !p->c->status; at = to) {
        const char *s = p->in.text + at, *by;
        if ((unsigned char)*s < 0x80 && (at + 1 == p->in.size || ((unsigned char)s[1] < 0x80 && *s != '\r'))) {
            to = at + 1;
            ldr__map_char(p, m, s, 1, &last);
            continue;
        }
        to = ldr__grapheme(p->in.text, p->in.size, at, &chars);
        if (chars > 1 && to - at < 6) {
            by = ldr__map_find(m, s, to - at, 0, &bytes);
            if (by) {
                p->same = 0;
                ldr__put_mapped(p, by, chars, &last);
                continue;
            }
        }
        for (; s < p->in.text + to; s += n) {
            n = ldr__utf8_bytes((unsigned char)*s);
            ldr__map_char(p, m, s, n, &last);
        }
    }
    if (last.rank) ldr__put(p, last.c, last.change);
}

/* As SentencePiece does it: the longest known beginning at each place; blanks at the ends and behind blanks go (flags[1]),
   one comes before all (flags[0]), and each is U+2581 (flags[2]). Pieces that are never cut stay as they are. */
static void ldr__normalize_sentencepiece(ldr__norm *p, const ldr__step *m) {
    static const char blank[] = "\xe2\x96\x81";
    const char *space = m->flags[2] ? blank : " ";
    int32_t wide = m->flags[2] ? 3 : 1, at = 0, n, k, bytes, start = p->out->size;
    int blanks = m->flags[1], first = 1;
    while (at < p->in.size && !p->c->status) {
        const char *s = p->in.text + at, *by = NULL;
        int32_t begin = p->in.begin[at], end;
        if (p->c->t->frozen.root[(unsigned char)*s] && ldr__trie_longest(&p->c->t->frozen, s, p->in.size - at, &bytes) >= 0) {
            by = s;
            n = bytes;
        } else {
            if (m->unit_count) by = ldr__map_find(m, s, p->in.size - at, 1, &bytes);
            n = by ? (int32_t)strlen(by) : 0;
            if (!by) {
                by = s;
                n = bytes = ldr__utf8_bytes((unsigned char)*s);
            }
        }
        end = p->in.end[at + bytes - 1];
        at += bytes;
        for (k = 0; k < n && blanks && by[k] == ' '; k++) continue;
        if (first && (k < n || !m->flags[1])) {
            if (m->flags[0]) ldr__str_put(p->c, p->out, space, wide, begin, begin);
            first = 0;
        }
        for (; k < n; k++) {
            if (by[k] == ' ') ldr__str_put(p->c, p->out, space, wide, begin, end);
            else ldr__str_put(p->c, p->out, by + k, 1, begin, end);
        }
        if (n) blanks = m->flags[1] && (by[n - 1] == ' ');
    }
    while (m->flags[1] && p->out->size - start >= wide && memcmp(p->out->text + p->out->size - wide, space, (size_t)wide) == 0) p->out->size -= wide;
}
/* ---- regular expressions ---------------------------------------------------------------- */

/* A pattern becomes a list of numbers, tried with backtracking: the first way that fits wins, as in Oniguruma and Perl.
       CHAR c | FOLD c | ANY | CLASS size flags ascii[4] items...    one character
       LOOP kind least most, then one of these                      greedy, lazy or possessive run of it
       SPLIT d       go on here, else d further on;   RSPLIT d       the other way round;   JUMP d
       LOOK kind d, then a program up to ACCEPT     ahead, not ahead, one character behind or not, or a group without way back
       BOL EOL BOS EOS EOSN WORDB NWORDB            places */
enum { LDR__RX_CHAR, LDR__RX_FOLD, LDR__RX_ANY, LDR__RX_CLASS, LDR__RX_LOOP, LDR__RX_SPLIT, LDR__RX_RSPLIT, LDR__RX_JUMP, LDR__RX_LOOK, LDR__RX_ACCEPT,
       LDR__RX_BOL, LDR__RX_EOL, LDR__RX_BOS, LDR__RX_EOS, LDR__RX_EOSN, LDR__RX_WORDB, LDR__RX_NWORDB };
enum { LDR__LOOK_AHEAD, LDR__LOOK_NOT_AHEAD, LDR__LOOK_BEHIND, LDR__LOOK_NOT_BEHIND, LDR__LOOK_ATOMIC };
enum { LDR__RUN_GREEDY, LDR__RUN_LAZY, LDR__RUN_POSSESSIVE };
/* Items of a class: a range, a set of categories, white space, word characters, a script, a class within; `and` joins what
   stands before and behind it. Odd: not. */
enum { LDR__IN_RANGE = 0, LDR__IN_CATEGORIES = 2, LDR__IN_WHITE = 4, LDR__IN_WORD = 6, LDR__IN_SCRIPT = 8, LDR__IN_CLASS = 10, LDR__IN_AND = 12 };

#define LDR__RX_SIZE  16384            /* numbers of one program                              */
#define LDR__RX_DEPTH 32               /* groups within groups                                */

static const struct { const char *name; uint32_t set; } ldr__categories[] = {
    { "L", LDR__LETTERS }, { "Lu", LDR__BIT(LDR__GC_LU) }, { "Ll", LDR__BIT(LDR__GC_LL) }, { "Lt", LDR__BIT(LDR__GC_LT) }, { "Lm", LDR__BIT(LDR__GC_LM) }, { "Lo", LDR__BIT(LDR__GC_LO) },
    { "M", LDR__MARKS }, { "Mn", LDR__BIT(LDR__GC_MN) }, { "Mc", LDR__BIT(LDR__GC_MC) }, { "Me", LDR__BIT(LDR__GC_ME) },
    { "N", LDR__NUMBERS }, { "Nd", LDR__BIT(LDR__GC_ND) }, { "Nl", LDR__BIT(LDR__GC_NL) }, { "No", LDR__BIT(LDR__GC_NO) },
    { "P", LDR__PUNCTS }, { "Pc", LDR__BIT(LDR__GC_PC) }, { "Pd", LDR__BIT(LDR__GC_PD) }, { "Ps", LDR__BIT(LDR__GC_PS) }, { "Pe", LDR__BIT(LDR__GC_PE) },
    { "Pi", LDR__BIT(LDR__GC_PI) }, { "Pf", LDR__BIT(LDR__GC_PF) }, { "Po", LDR__BIT(LDR__GC_PO) },
    { "S", LDR__SYMBOLS }, { "Sm", LDR__BIT(LDR__GC_SM) }, { "Sc", LDR__BIT(LDR__GC_SC) }, { "Sk", LDR__BIT(LDR__GC_SK) }, { "So", LDR__BIT(LDR__GC_SO) },
    { "Z", LDR__SPACES }, { "Zs", LDR__BIT(LDR__GC_ZS) }, { "Zl", LDR__BIT(LDR__GC_ZL) }, { "Zp", LDR__BIT(LDR__GC_ZP) },
    { "C", LDR__OTHERS | LDR__BIT(LDR__GC_CN) | LDR__BIT(LDR__GC_CS) }, { "Cc", LDR__BIT(LDR__GC_CC) }, { "Cf", LDR__BIT(LDR__GC_CF) }, { "Co", LDR__BIT(LDR__GC_CO) }, { "Cn", LDR__BIT(LDR__GC_CN) },
    { "Letter", LDR__LETTERS }, { "Mark", LDR__MARKS }, { "Number", LDR__NUMBERS }, { "Punctuation", LDR__PUNCTS }, { "Symbol", LDR__SYMBOLS }, { "Separator", LDR__SPACES } };

/* In the order of ldr__script_runs. */
static const char *const ldr__scripts[] = { "", "Common", "Inherited", "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Devanagari", "Bengali",
                                            "Thai", "Hangul", "Hiragana", "Katakana", "Han" };
enum { LDR__SCRIPT_NONE, LDR__SCRIPT_HIRAGANA = 13, LDR__SCRIPT_KATAKANA, LDR__SCRIPT_HAN };

typedef struct ldr__rx {               /* compiling                                           */
    const char *s;
    int32_t n, at, used, room, fold, depth;
    int32_t *code;                     /* [room]                                              */
    const char *why;                   /* the pattern cannot be used, and where               */
    int32_t where;
} ldr__rx;

static void ldr__rx_fail(ldr__rx *r, const char *why) {
    if (r->why) return;
    r->why = why;
    r->where = r->at;
}

static void ldr__rx_put(ldr__rx *r, int32_t v) {
    if (r->used >= r->room) ldr__rx_fail(r, "is too long or repeats too much");
    else r->code[r->used++] = v;
}

/* Opens a gap of n numbers at `at`. */
static void ldr__rx_gap(ldr__rx *r, int32_t at, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) ldr__rx_put(r, 0);
    if (r->why) return;
    memmove(r->code + at + n, r->code + at, (size_t)(r->used - at - n) * sizeof *r->code);
}

static int ldr__rx_more(const ldr__rx *r) { return r->at < r->n && !r->why; }
static char ldr__rx_peek(const ldr__rx *r) { return r->at < r->n ? r->s[r->at] : 0; }
static int ldr__rx_starts(const ldr__rx *r, const char *word) {
    size_t n = strlen(word);
    return (size_t)(r->n - r->at) >= n && memcmp(r->s + r->at, word, n) == 0;
}

static uint32_t ldr__rx_char(ldr__rx *r) {
    int32_t bytes;
    uint32_t c;
    if (r->at >= r->n) {
        ldr__rx_fail(r, "ends too early");
        return 0;
    }
    c = ldr__utf8_at(r->s + r->at, &bytes);
    r->at += bytes;
    return c;
}

static uint32_t ldr__rx_hex(ldr__rx *r, int least, int most) {
    uint32_t v = 0;
    int n = 0;
    for (; n < most && r->at < r->n; n++, r->at++) {
        char c = r->s[r->at];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0) break;
        v = v * 16 + (uint32_t)d;
    }
    if (n < least || v > 0x10ffff) ldr__rx_fail(r, "has an escape without a character's number");
    return v;
}

/* \p{..}: the item and its value. */
static void ldr__rx_property(ldr__rx *r, int negate, int32_t *item, int32_t *value) {
    char name[24];
    size_t i, n = 0;
    if (ldr__rx_char(r) != '{') ldr__rx_fail(r, "has \\p without {..}");
    if (ldr__rx_peek(r) == '^') {
        negate = !negate;
        r->at++;
    }
    while (ldr__rx_more(r) && ldr__rx_peek(r) != '}' && n < sizeof name - 1) name[n++] = r->s[r->at++];
    name[n] = 0;
    if (ldr__rx_char(r) != '}') ldr__rx_fail(r, "has a property that is not known");
    for (i = 0; i < sizeof ldr__categories / sizeof *ldr__categories; i++)
        if (strcmp(name, ldr__categories[i].name) == 0) {
            *item = LDR__IN_CATEGORIES + negate;
            *value = (int32_t)ldr__categories[i].set;
            return;
        }
    for (i = 1; i < sizeof ldr__scripts / sizeof *ldr__scripts; i++)
        if (strcmp(name, ldr__scripts[i]) == 0) {
            *item = LDR__IN_SCRIPT + negate;
            *value = (int32_t)i;
            return;
        }
    ldr__rx_fail(r, "has a property that is not known");
}

/* Behind a backslash: a character, or (1) an item of a class. */
static int ldr__rx_escape(ldr__rx *r, uint32_t *c, int32_t *item, int32_t *value) {
    uint32_t e = ldr__rx_char(r);
    *value = 0;
    *c = e;
    switch (e) {
    case 'n': *c = '\n'; return 0;
    case 'r': *c = '\r'; return 0;
    case 't': *c = '\t'; return 0;
    case 'f': *c = '\f'; return 0;
    case 'v': *c = '\v'; return 0;
    case 'a': *c = 7; return 0;
    case 'e': *c = 27; return 0;
    case '0': *c = 0; return 0;
    case 'u': *c = ldr__rx_hex(r, 4, 4); return 0;
    case 'x':
        if (ldr__rx_peek(r) == '{') {
            r->at++;
            *c = ldr__rx_hex(r, 1, 8);
            if (ldr__rx_char(r) != '}') ldr__rx_fail(r, "has an escape without a character's number");
        } else *c = ldr__rx_hex(r, 1, 2);
        return 0;
    case 's': case 'S': *item = LDR__IN_WHITE + (e == 'S'); return 1;
    case 'w': case 'W': *item = LDR__IN_WORD + (e == 'W'); return 1;
    case 'd': case 'D':
        *item = LDR__IN_CATEGORIES + (e == 'D');
        *value = (int32_t)LDR__BIT(LDR__GC_ND);
        return 1;
    case 'p': case 'P': ldr__rx_property(r, e == 'P', item, value); return 1;
    default: break;
    }
    if (ldr__char_letter_ascii(e) || ldr__char_digit_ascii(e)) ldr__rx_fail(r, "has an escape that is not known");
    return 0;
}

static int ldr__rx_class_has(const int32_t *code, uint32_t c);

/* One item of a class against one character; `size` numbers of it follow the item's own. */
static int ldr__rx_item(const int32_t *code, uint32_t c, int32_t *size) {
    int kind = code[0] & ~1, is = 0;
    *size = 2;
    switch (kind) {
    case LDR__IN_RANGE:
        *size = 3;
        is = c >= (uint32_t)code[1] && c <= (uint32_t)code[2];
        break;
    case LDR__IN_CATEGORIES: is = ldr__char_in(c, (uint32_t)code[1]); break;
    case LDR__IN_WHITE: is = ldr__char_white(c); break;
    case LDR__IN_WORD: is = (ldr__char_word(c) && c != 0x200c && c != 0x200d) || (c > 0xb0 && c < 0xbf && ldr__char_in(c, LDR__NUMBERS)); break;
    case LDR__IN_SCRIPT: is = ldr__char_script(c) == code[1]; break;
    case LDR__IN_CLASS:
        *size = 1 + code[2];
        is = ldr__rx_class_has(code + 1, c);
        break;
    default: break;
    }
    return is != (code[0] & 1);
}

/* code: CLASS size flags ascii[4] items. flags 1: not; 2: all cases of a letter. */
static int ldr__rx_class_slow(const int32_t *code, uint32_t c) {
    const int32_t *i = code + 7, *end = code + code[1];
    int any = 0, all = 1;
    int32_t size;
    for (; i < end; i += size) {
        if (*i == LDR__IN_AND) {
            all = all && any;
            any = 0;
            size = 1;
            continue;
        }
        any = ldr__rx_item(i, c, &size) || any;
    }
    return (all && any) != (code[2] & 1);
}

static int ldr__rx_class_has(const int32_t *code, uint32_t c) {
    if (c < 128) return (int)((uint32_t)code[3 + c / 32] >> c % 32 & 1u);
    if (!(code[2] & 2)) return ldr__rx_class_slow(code, c);
    return ldr__rx_class_slow(code, c) || ldr__rx_class_slow(code, ldr__char_lower(c)) || ldr__rx_class_slow(code, ldr__char_fold(c));
}

static void ldr__rx_class_end(ldr__rx *r, int32_t start) {
    int32_t *ascii = r->code + start + 3;
    uint32_t c;
    if (r->why) return;
    r->code[start + 1] = r->used - start;
    for (c = 0; c < 128; c++) {
        int is = ldr__rx_class_slow(r->code + start, c);
        if (r->code[start + 2] & 2) is = is || ldr__rx_class_slow(r->code + start, ldr__char_lower(c)) || (c >= 'a' && c <= 'z' && ldr__rx_class_slow(r->code + start, c - 32));
        if (is) ascii[c / 32] = (int32_t)((uint32_t)ascii[c / 32] | (uint32_t)1 << c % 32);
    }
}

static int32_t ldr__rx_class_begin(ldr__rx *r, int flags) {
    int32_t start = r->used, i;
    ldr__rx_put(r, LDR__RX_CLASS);
    for (i = 0; i < 6; i++) ldr__rx_put(r, i == 1 ? flags | (r->fold ? 2 : 0) : 0);
    return start;
}

static void ldr__rx_posix(ldr__rx *r) {
    static const struct { const char *name; int32_t item; uint32_t set; } names[] = {
        { "[:alpha:]", LDR__IN_CATEGORIES, LDR__LETTERS | LDR__MARKS }, { "[:digit:]", LDR__IN_CATEGORIES, LDR__BIT(LDR__GC_ND) }, { "[:space:]", LDR__IN_WHITE, 0 },
        { "[:word:]", LDR__IN_WORD, 0 }, { "[:upper:]", LDR__IN_CATEGORIES, LDR__BIT(LDR__GC_LU) }, { "[:lower:]", LDR__IN_CATEGORIES, LDR__BIT(LDR__GC_LL) },
        { "[:punct:]", LDR__IN_CATEGORIES, LDR__PUNCTS | LDR__SYMBOLS }, { "[:alnum:]", LDR__IN_CATEGORIES, LDR__LETTERS | LDR__MARKS | LDR__BIT(LDR__GC_ND) } };
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (ldr__rx_starts(r, names[i].name)) {
            r->at += (int32_t)strlen(names[i].name);
            ldr__rx_put(r, names[i].item);
            ldr__rx_put(r, (int32_t)names[i].set);
            return;
        }
    ldr__rx_fail(r, "has a class that is not known");
}

/* Behind '['. */
static void ldr__rx_class(ldr__rx *r) {
    int32_t start, item = 0, value = 0, begin;
    int first = 1;
    if (++r->depth > LDR__RX_DEPTH) ldr__rx_fail(r, "is nested too deeply");
    start = ldr__rx_class_begin(r, ldr__rx_peek(r) == '^');
    if (ldr__rx_peek(r) == '^') r->at++;
    for (; ldr__rx_more(r) && (first || ldr__rx_peek(r) != ']'); first = 0) {
        uint32_t c, last;
        if (ldr__rx_starts(r, "[:")) {
            ldr__rx_posix(r);
            continue;
        }
        if (ldr__rx_starts(r, "&&")) {
            r->at += 2;
            ldr__rx_put(r, LDR__IN_AND);
            continue;
        }
        c = ldr__rx_char(r);
        if (c == '[') {
            ldr__rx_put(r, LDR__IN_CLASS);
            ldr__rx_class(r);
            continue;
        }
        begin = c == '\\' && ldr__rx_escape(r, &c, &item, &value);
        if (begin) {
            ldr__rx_put(r, item);
            ldr__rx_put(r, value);
            continue;
        }
        last = c;
        if (ldr__rx_peek(r) == '-' && r->at + 1 < r->n && r->s[r->at + 1] != ']') {
            r->at++;
            last = ldr__rx_char(r);
            if (last == '[') ldr__rx_fail(r, "has a range up to a class");
            if (last == '\\' && ldr__rx_escape(r, &last, &item, &value)) ldr__rx_fail(r, "has a range up to a class");
            if (last < c) ldr__rx_fail(r, "has a range that ends before it begins");
        }
        ldr__rx_put(r, LDR__IN_RANGE);
        ldr__rx_put(r, (int32_t)c);
        ldr__rx_put(r, (int32_t)last);
    }
    if (ldr__rx_char(r) != ']') ldr__rx_fail(r, "has a class without end");
    ldr__rx_class_end(r, start);
    r->depth--;
}

static int ldr__rx_alternatives(ldr__rx *r);

/* A group behind '(': its least number of characters. */
static int ldr__rx_group(ldr__rx *r) {
    static const struct { const char *name; int kind; } looks[] = { { "?=", LDR__LOOK_AHEAD }, { "?!", LDR__LOOK_NOT_AHEAD }, { "?<=", LDR__LOOK_BEHIND }, { "?<!", LDR__LOOK_NOT_BEHIND }, { "?>", LDR__LOOK_ATOMIC } };
    int32_t start = r->used, fold = r->fold;
    size_t i;
    int least, kind = -1;
    for (i = 0; i < sizeof looks / sizeof *looks; i++)
        if (ldr__rx_starts(r, looks[i].name)) {
            kind = looks[i].kind;
            r->at += (int32_t)strlen(looks[i].name);
            break;
        }
    if (kind < 0 && ldr__rx_peek(r) == '?') {
        if (ldr__rx_starts(r, "?:")) r->at += 2;
        else if (ldr__rx_starts(r, "?i:")) {
            r->at += 3;
            r->fold = 1;
        } else if (ldr__rx_starts(r, "?-i:")) {
            r->at += 4;
            r->fold = 0;
        } else if (ldr__rx_starts(r, "?i)")) {               /* from here to the end of the group around */
            r->at += 3;
            r->fold = 1;
            return 0;
        } else ldr__rx_fail(r, "has a group of a kind that is not known");
    }
    if (kind >= 0) {
        ldr__rx_put(r, LDR__RX_LOOK);
        ldr__rx_put(r, kind);
        ldr__rx_put(r, 0);
    }
    least = ldr__rx_alternatives(r);
    if (ldr__rx_char(r) != ')') ldr__rx_fail(r, "has a group without end");
    r->fold = fold;
    if (kind < 0) return least;
    ldr__rx_put(r, LDR__RX_ACCEPT);
    if (!r->why) r->code[start + 2] = r->used - start;
    if ((kind == LDR__LOOK_BEHIND || kind == LDR__LOOK_NOT_BEHIND) && !r->why &&
        (r->code[start + 3] > LDR__RX_CLASS || r->code[start + (r->code[start + 3] == LDR__RX_CLASS ? 3 + r->code[start + 4] : r->code[start + 3] == LDR__RX_ANY ? 4 : 5)] != LDR__RX_ACCEPT))
        ldr__rx_fail(r, "looks back at more than one character");
    return kind == LDR__LOOK_ATOMIC ? least : 0;
}

/* One thing that can be repeated: its least number of characters, -1 at the end of the alternative. *one: a single character. */
static int ldr__rx_atom(ldr__rx *r, int *one) {
    uint32_t c = ldr__rx_char(r);
    int32_t item = 0, value = 0, start;
    *one = 1;
    if (c == '[') {
        ldr__rx_class(r);
        return 1;
    }
    *one = 0;
    if (c == '(') return ldr__rx_group(r);
    if (c == '^' || c == '$') {
        ldr__rx_put(r, c == '^' ? LDR__RX_BOL : LDR__RX_EOL);
        return 0;
    }
    if (c == '\\' && r->at < r->n && strchr("AzZbB", r->s[r->at])) {
        char e = r->s[r->at++];
        ldr__rx_put(r, e == 'A' ? LDR__RX_BOS : e == 'z' ? LDR__RX_EOS : e == 'Z' ? LDR__RX_EOSN : e == 'b' ? LDR__RX_WORDB : LDR__RX_NWORDB);
        return 0;
    }
    *one = 1;
    if (c == '*' || c == '+' || c == '?') ldr__rx_fail(r, "repeats nothing");
    if (c == '.') ldr__rx_put(r, LDR__RX_ANY);
    else if (c == '\\' && ldr__rx_escape(r, &c, &item, &value)) {
        start = ldr__rx_class_begin(r, 0);
        ldr__rx_put(r, item);
        ldr__rx_put(r, value);
        ldr__rx_class_end(r, start);
    } else {
        ldr__rx_put(r, r->fold ? LDR__RX_FOLD : LDR__RX_CHAR);
        ldr__rx_put(r, (int32_t)(r->fold ? ldr__char_fold(c) : c));
    }
    return 1;
}

/* {n}, {n,}, {n,m}, * + ?: 0 when nothing of the kind is there. most -1: no limit. */
static int ldr__rx_count(ldr__rx *r, int32_t *least, int32_t *most) {
    char c = ldr__rx_peek(r);
    int32_t v[2], k = 0, at = r->at + 1, digits = 0;
    *least = c == '+';
    *most = c == '?' ? 1 : -1;
    if (c == '*' || c == '+' || c == '?') {
        r->at++;
        return 1;
    }
    if (c != '{') return 0;
    v[0] = v[1] = 0;
    for (; at < r->n && r->s[at] != '}'; at++) {
        if (r->s[at] == ',' && !k++) digits = 0;
        else if (!ldr__char_digit_ascii((unsigned char)r->s[at]) || v[k] > 1000 || k > 1) return 0;
        else {
            v[k] = v[k] * 10 + (r->s[at] - '0');
            digits++;
        }
    }
    if (at >= r->n || (!digits && !k)) return 0;
    r->at = at + 1;
    *least = v[0];
    *most = !k ? v[0] : digits ? v[1] : -1;
    if (*most >= 0 && *most < *least) ldr__rx_fail(r, "repeats less than the least");
    return 1;
}

/* Repeats the code from `start` on, a group: copies of it, each behind a branch once the least number is there. */
static void ldr__rx_repeat(ldr__rx *r, int32_t start, int32_t least, int32_t most, int kind) {
    int32_t size = r->used - start, i, k, split = kind == LDR__RUN_LAZY ? LDR__RX_RSPLIT : LDR__RX_SPLIT, copies = LDR__MAX(least, most < 0 ? least + 1 : most);
    if ((int64_t)copies * (size + 4) > LDR__RX_SIZE) {
        ldr__rx_fail(r, "is too long or repeats too much");
        return;
    }
    r->used = start + size;                        /* the first copy is the pattern, and goes at the end */
    for (k = 0; k < copies; k++) {
        if (k >= least) {
            ldr__rx_put(r, split);
            ldr__rx_put(r, most < 0 ? size + 4 : (copies - k) * (size + 2));
        }
        for (i = 0; i < size; i++) ldr__rx_put(r, r->why ? 0 : r->code[start + i]);
        if (most < 0 && k == least) {
            ldr__rx_put(r, LDR__RX_JUMP);
            ldr__rx_put(r, -(size + 2));
        }
    }
    if (r->why) return;
    memmove(r->code + start, r->code + start + size, (size_t)(r->used - start - size) * sizeof *r->code);
    r->used -= size;
}

static int ldr__rx_sequence(ldr__rx *r) {
    int total = 0;
    while (ldr__rx_more(r) && ldr__rx_peek(r) != '|' && ldr__rx_peek(r) != ')') {
        int32_t start = r->used, least, most;
        int one, size = ldr__rx_atom(r, &one), kind;
        while (!r->why && ldr__rx_count(r, &least, &most)) {
            kind = ldr__rx_peek(r) == '?' ? LDR__RUN_LAZY : ldr__rx_peek(r) == '+' ? LDR__RUN_POSSESSIVE : LDR__RUN_GREEDY;
            if (kind == LDR__RUN_POSSESSIVE && r->s[r->at - 1] == '}') kind = LDR__RUN_GREEDY;      /* {n}+ repeats again, as in Ruby */
            if (kind) r->at++;
            if (one) {
                ldr__rx_gap(r, start, 4);
                if (r->why) break;
                r->code[start] = LDR__RX_LOOP;
                r->code[start + 1] = kind;
                r->code[start + 2] = least;
                r->code[start + 3] = most < 0 ? INT32_MAX : most;
                one = 0;
            } else {
                if (size == 0 && most < 0) ldr__rx_fail(r, "repeats what may be nothing");
                if (kind == LDR__RUN_POSSESSIVE) {
                    ldr__rx_repeat(r, start, least, most, LDR__RUN_GREEDY);
                    ldr__rx_gap(r, start, 3);
                    ldr__rx_put(r, LDR__RX_ACCEPT);
                    if (r->why) break;
                    r->code[start] = LDR__RX_LOOK;
                    r->code[start + 1] = LDR__LOOK_ATOMIC;
                    r->code[start + 2] = r->used - start;
                } else ldr__rx_repeat(r, start, least, most, kind);
            }
            size = least > 0 ? size : 0;
        }
        total |= size > 0;
    }
    return total;
}

static int ldr__rx_alternatives(ldr__rx *r) {
    int32_t start = r->used, jumps = -1, before;
    int least;
    if (++r->depth > LDR__RX_DEPTH) ldr__rx_fail(r, "is nested too deeply");
    least = ldr__rx_sequence(r);
    while (!r->why && ldr__rx_peek(r) == '|' && r->at < r->n) {
        r->at++;
        ldr__rx_gap(r, start, 2);
        ldr__rx_put(r, LDR__RX_JUMP);
        ldr__rx_put(r, jumps);                      /* for now: the jump before */
        if (r->why) break;
        jumps = r->used - 1;
        r->code[start] = LDR__RX_SPLIT;
        r->code[start + 1] = r->used - start;
        start = r->used;
        least = ldr__rx_sequence(r) && least;
    }
    for (; !r->why && jumps >= 0; jumps = before) {
        before = r->code[jumps];
        r->code[jumps] = r->used - (jumps - 1);
    }
    r->depth--;
    return least;
}
/* Reads a pattern into a program of the tokenizer's; NULL with an error that says what is not understood. */
static const int32_t *ldr__regex_compile(ldr_tokenizer *t, ldr__string pattern, uint64_t offset, ldr_error *err) {
    ldr__rx r;
    int32_t *program;
    memset(&r, 0, sizeof r);
    r.s = pattern.text;
    r.n = pattern.bytes;
    r.room = LDR__RX_SIZE;
    r.code = (int32_t *)ldr__alloc(&t->alloc, LDR__RX_SIZE * sizeof *r.code);
    if (!r.code) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory for a regular expression");
        return NULL;
    }
    ldr__rx_alternatives(&r);
    if (r.at < r.n) ldr__rx_fail(&r, "has a ) without (");
    ldr__rx_put(&r, LDR__RX_ACCEPT);
    program = r.why ? NULL : (int32_t *)ldr__tokenizer_keep(t, (size_t)r.used * sizeof *program);
    if (program) memcpy(program, r.code, (size_t)r.used * sizeof *program);
    ldr__free(&t->alloc, r.code, LDR__RX_SIZE * sizeof *r.code);
    if (r.why) ldr__fail(err, LDR_UNSUPPORTED, offset, "the regular expression %s (byte %d of it)", r.why, (int)r.where);
    else if (!program) ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory for a regular expression");
    return program;
}

/* Does the one-character instruction fit at s[at]? *bytes: of the character. */
LDR__INLINE int ldr__regex_one(const int32_t *code, const char *s, int32_t n, int32_t at, int32_t *bytes) {
    uint32_t c;
    if (at >= n) return 0;
    if ((unsigned char)s[at] < 0x80) {
        c = (unsigned char)s[at];
        *bytes = 1;
    } else c = ldr__utf8_at(s + at, bytes);
    if (code[0] == LDR__RX_CLASS) return ldr__rx_class_has(code, c);
    if (code[0] == LDR__RX_ANY) return c != '\n';
    return (code[0] == LDR__RX_CHAR ? c : ldr__char_fold(c)) == (uint32_t)code[1];
}

static int32_t ldr__regex_size(const int32_t *code) { return code[0] == LDR__RX_CLASS ? code[1] : code[0] == LDR__RX_ANY ? 1 : 2; }

static int ldr__regex_word(const char *s, int32_t n, int32_t at) {
    int32_t bytes;
    return at >= 0 && at < n && ldr__char_word(ldr__utf8_at(s + at, &bytes));
}

static int ldr__regex_place(int32_t what, const char *s, int32_t n, int32_t at) {
    switch (what) {
    case LDR__RX_BOL: return at == 0 || (s[at - 1] == '\n' && at < n);
    case LDR__RX_EOL: return at == n || s[at] == '\n';
    case LDR__RX_BOS: return at == 0;
    case LDR__RX_EOS: return at == n;
    case LDR__RX_EOSN: return at == n || (at == n - 1 && s[at] == '\n');
    default: break;
    }
    return (ldr__regex_word(s, n, at > 0 ? ldr__utf8_before(s, at) : -1) != ldr__regex_word(s, n, at)) == (what == LDR__RX_WORDB);
}

/* A place to go on from when what was tried fails. least >= 0: a run of characters from `least` on, now up to `at`. */
typedef struct ldr__frame { const int32_t *pc; int32_t at, least, most; } ldr__frame;

static ldr__frame *ldr__regex_push(ldr__cutting *c, int32_t *frames, const int32_t *pc, int32_t at, int32_t least) {
    ldr__frame *f = (ldr__frame *)ldr__room(c, LDR__ROOM_FRAMES, ((size_t)*frames + 1) * sizeof *f);
    if (!f) return NULL;
    f += (*frames)++;
    f->pc = pc;
    f->at = at;
    f->least = least;
    f->most = -1;
    return f;
}

static int32_t ldr__regex_match(ldr__cutting *c, const int32_t *pc, const char *s, int32_t n, int32_t at, int32_t base);

/* A look around or a group without way back: where to go on, or -1. */
static int32_t ldr__regex_look(ldr__cutting *c, const int32_t *pc, const char *s, int32_t n, int32_t at, int32_t base) {
    int32_t bytes = 0, to, kind = pc[1];
    if (kind == LDR__LOOK_BEHIND || kind == LDR__LOOK_NOT_BEHIND)
        return (at > 0 && ldr__regex_one(pc + 3, s, n, ldr__utf8_before(s, at), &bytes)) == (kind == LDR__LOOK_BEHIND) ? at : -1;
    to = ldr__regex_match(c, pc + 3, s, n, at, base);
    if (kind == LDR__LOOK_ATOMIC) return to;
    return (to >= 0) == (kind == LDR__LOOK_AHEAD) ? at : -1;
}

/* A run of characters: takes as many as it may, or (lazy) as few, and leaves a frame to come back to. */
static int32_t ldr__regex_run(ldr__cutting *c, const int32_t *pc, const int32_t *next, const char *s, int32_t n, int32_t at, int32_t *frames) {
    int32_t kind = pc[1], least = pc[2], most = kind == LDR__RUN_LAZY ? pc[2] : pc[3], k = 0, bytes = 0, from = at;
    ldr__frame *f;
    for (; k < most && ldr__regex_one(pc + 4, s, n, at, &bytes); k++) {
        at += bytes;
        if (k + 1 == least) from = at;
    }
    if (k < least) return -1;
    if (kind == LDR__RUN_GREEDY && at > from) ldr__regex_push(c, frames, next, at, from);
    if (kind == LDR__RUN_LAZY && k < pc[3]) {
        f = ldr__regex_push(c, frames, pc, at, -2);
        if (f) f->most = pc[3] - k;
    }
    c->steps -= k / 8;
    return at;
}

/* Back to the last frame: where to go on, or -1 with nothing left. */
static int32_t ldr__regex_back(ldr__cutting *c, const int32_t **pc, const char *s, int32_t n, int32_t *frames, int32_t base) {
    ldr__frame *list = (ldr__frame *)c->w->room[LDR__ROOM_FRAMES], *f;
    int32_t bytes = 0;
    if (--c->steps < 0) ldr__cut_fail(c, LDR_LIMIT, "a regular expression of the tokenizer takes too long on this text");
    if (c->status) return -1;
    while (*frames > base) {
        f = &list[*frames - 1];
        *pc = f->pc;
        if (f->least == -1) {
            --*frames;
            return f->at;
        }
        if (f->least == -2) {                            /* lazy: one more                         */
            if (f->most > 0 && ldr__regex_one(f->pc + 4, s, n, f->at, &bytes)) {
                f->at += bytes;
                f->most--;
                *pc = f->pc + 4 + ldr__regex_size(f->pc + 4);
                return f->at;
            }
            --*frames;
            continue;
        }
        f->at = ldr__utf8_before(s, f->at);              /* greedy: one less                       */
        if (f->at <= f->least) --*frames;
        return f->at;
    }
    return -1;
}

/* Tries the program at s[at]: the end of what fits, or -1. Frames below `base` belong to the caller. */
static int32_t ldr__regex_match(ldr__cutting *c, const int32_t *pc, const char *s, int32_t n, int32_t at, int32_t base) {
    int32_t frames = base, bytes = 0, to;
    for (;;) {
        switch (pc[0]) {
        case LDR__RX_ACCEPT: return at;
        case LDR__RX_CHAR: case LDR__RX_FOLD: case LDR__RX_ANY: case LDR__RX_CLASS:
            to = ldr__regex_one(pc, s, n, at, &bytes) ? at + bytes : -1;
            pc += ldr__regex_size(pc);
            break;
        case LDR__RX_LOOP: {
            const int32_t *next = pc + 4 + ldr__regex_size(pc + 4);
            to = ldr__regex_run(c, pc, next, s, n, at, &frames);
            pc = next;
            break;
        }
        case LDR__RX_SPLIT: case LDR__RX_RSPLIT:
            ldr__regex_push(c, &frames, pc[0] == LDR__RX_SPLIT ? pc + pc[1] : pc + 2, at, -1);
            pc = pc[0] == LDR__RX_SPLIT ? pc + 2 : pc + pc[1];
            to = at;
            break;
        case LDR__RX_JUMP:
            pc += pc[1];
            to = at;
            break;
        case LDR__RX_LOOK:
            to = ldr__regex_look(c, pc, s, n, at, frames);
            pc += pc[2];
            break;
        default:
            to = ldr__regex_place(pc[0], s, n, at) ? at : -1;
            pc++;
            break;
        }
        if (to < 0) to = ldr__regex_back(c, &pc, s, n, &frames, base);
        if (to < 0 || c->status) return -1;
        at = to;
    }
}

/* ---- splitting: f(text) -> texts -------------------------------------------------------- */

/* The next place from `from` on where the part's pattern is: 1, and its bytes. */
static int ldr__find(ldr__cutting *c, const ldr__step *p, const char *s, int32_t n, int32_t from, int32_t *begin, int32_t *end) {
    int32_t bytes = 0, to;
    while (from <= n) {
        int is = 0;
        if (p->find == LDR__FIND_REGEX) {
            to = ldr__regex_match(c, p->program, s, n, from, 0);
            if (c->status) return 0;
            if (to >= 0) {
                *begin = from;
                *end = to;
                return 1;
            }
            if (from >= n) return 0;
            /* what starts with a run without limit and fails, fails anywhere within the run */
            if (p->program[0] == LDR__RX_LOOP && p->program[3] == INT32_MAX && p->program[2] <= 1)
                for (to = from; ldr__regex_one(p->program + 4, s, n, to, &bytes); to += bytes) from = to;
            from += ldr__utf8_bytes((unsigned char)s[from]);
            continue;
        }
        if (from >= n) return 0;
        if (p->find == LDR__FIND_TEXT) {
            const char *hit = p->a.bytes ? (const char *)memchr(s + from, p->a.text[0], (size_t)(n - from)) : NULL;
            if (!hit) return 0;
            from = (int32_t)(hit - s);
            bytes = p->a.bytes;
            is = n - from >= bytes && memcmp(hit, p->a.text, (size_t)bytes) == 0;
            if (!is) bytes = 1;
        } else if (p->find == LDR__FIND_WORD) {              /* \w+|[^\w\s]+                          */
            uint32_t ch = ldr__utf8_at(s + from, &bytes);
            int word = ldr__char_word(ch);
            is = !ldr__char_white(ch);
            for (to = from + bytes; is && to < n; to += end[0]) {
                ch = ldr__utf8_at(s + to, end);
                if (ldr__char_word(ch) != word || ldr__char_white(ch)) break;
            }
            if (is) bytes = to - from;
        } else {
            uint32_t ch = ldr__utf8_at(s + from, &bytes);
            is = p->find == LDR__FIND_WHITE ? ldr__char_white(ch) : p->find == LDR__FIND_PUNCT ? ldr__char_punct(ch) : ldr__char_number(ch);
        }
        if (is) {
            *begin = from;
            *end = from + bytes;
            return 1;
        }
        from += bytes;
    }
    return 0;
}

static void ldr__split(ldr__cutting *c, int stage, const ldr__view *v);

typedef struct ldr__splits { ldr__cutting *c; const ldr__step *p; const ldr__view *v; int stage, any, match; int32_t from, to; } ldr__splits;

static void ldr__splits_pass(ldr__splits *s) {
    if (s->any && s->to > s->from && !s->c->status && s->c->out->count < s->c->stop) {
        ldr__view part = ldr__view_part(s->v, s->from, s->to);
        ldr__split(s->c, s->stage + 1, &part);
    }
    s->any = 0;
}

/* One stretch of text, which is a match or lies between two: held back until it is known whether the next joins it. */
static void ldr__splits_add(ldr__splits *s, int32_t from, int32_t to, int match) {
    int joins;
    if (s->p->invert) match = !match;
    if (s->p->behaviour == LDR__REMOVED && match) return;
    joins = s->any && ((s->p->behaviour == LDR__CONTIGUOUS && s->match == match) || (s->p->behaviour == LDR__WITH_PREVIOUS && match && !s->match) ||
                       (s->p->behaviour == LDR__WITH_NEXT && s->match && !match));
    if (joins) s->to = to;
    else {
        ldr__splits_pass(s);
        s->from = from;
        s->to = to;
        s->any = 1;
    }
    s->match = match;
}

static void ldr__split_find(ldr__cutting *c, const ldr__step *p, int stage, const ldr__view *v) {
    int32_t at = 0, from = 0, begin = 0, end = 0;
    ldr__splits s;
    memset(&s, 0, sizeof s);
    s.c = c;
    s.p = p;
    s.v = v;
    s.stage = stage;
    while (!c->status && c->out->count < c->stop && ldr__find(c, p, v->text, v->size, from, &begin, &end)) {
        if (begin > at) ldr__splits_add(&s, at, begin, 0);
        if (end > begin) ldr__splits_add(&s, begin, end, 1);
        else if (p->behaviour != LDR__REMOVED && begin > at) ldr__splits_add(&s, begin, end, 1);
        at = end;
        from = end > begin ? end : end < v->size ? end + ldr__utf8_bytes((unsigned char)v->text[end]) : v->size + 1;
    }
    if (at < v->size) ldr__splits_add(&s, at, v->size, 0);
    ldr__splits_pass(&s);
}

/* Blanks become the sign for a blank (a), one comes in front (flags[0]: 0 never, 1 always, 2 of the first text), and
   (flags[1]) each starts a text of its own. */
static void ldr__split_metaspace(ldr__cutting *c, const ldr__step *p, int stage, const ldr__view *v) {
    ldr__str *out = &c->w->str[2 + stage];
    ldr__view w;
    int starts = v->text[0] == ' ' || (v->size >= p->a.bytes && memcmp(v->text, p->a.text, (size_t)p->a.bytes) == 0);
    int32_t i, k, n;
    out->size = 0;
    if (!starts && (p->flags[0] == 1 || (p->flags[0] == 2 && v->begin[0] == 0))) ldr__str_put(c, out, p->a.text, p->a.bytes, v->begin[0], v->end[0]);
    for (i = 0; i < v->size && !c->status; i += n) {
        n = ldr__utf8_bytes((unsigned char)v->text[i]);
        if (v->text[i] == ' ') ldr__str_put(c, out, p->a.text, p->a.bytes, v->begin[i], v->end[i]);
        else
            for (k = i; k < i + n; k++) ldr__str_put(c, out, v->text + k, 1, v->begin[k], v->end[k]);
    }
    w = ldr__str_view(out);
    if (c->status) return;
    if (p->flags[1]) ldr__split_find(c, p, stage, &w);
    else ldr__split(c, stage + 1, &w);
}

/* A blank in front (flags[0]), GPT-2's expression (flags[1]), then every byte a character that can be seen. */
static void ldr__split_bytes(ldr__cutting *c, const ldr__step *p, int stage, const ldr__view *v) {
    ldr__str *out = &c->w->str[2 + stage];
    ldr__view w = *v;
    out->size = 0;
    if (p->flags[0] && v->text[0] != ' ') {
        int32_t i;
        ldr__str_put(c, out, " ", 1, v->begin[0], v->end[0]);
        for (i = 0; i < v->size; i++) ldr__str_put(c, out, v->text + i, 1, v->begin[i], v->end[i]);
        w = ldr__str_view(out);
    }
    if (c->status) return;
    if (p->flags[1]) ldr__split_find(c, p, stage, &w);
    else ldr__split(c, stage + 1, &w);
}

static void ldr__split_to_bytes(ldr__cutting *c, const ldr__step *p, int stage, const ldr__view *v) {
    ldr__str *out = &c->w->str[2 + stage];
    ldr__view w;
    (void)p;
    out->size = 0;
    ldr__put_bytes(c, out, v);
    w = ldr__str_view(out);
    if (!c->status) ldr__split(c, stage + 1, &w);
}

/* A new text where the script changes; kana count as Han, a blank belongs to any, and what comes before the first script goes. */
static void ldr__split_scripts(ldr__cutting *c, const ldr__step *p, int stage, const ldr__view *v) {
    int32_t i, n, from = -1;
    int last = -1, script;
    ldr__view part;
    (void)p;
    for (i = 0; i < v->size && !c->status; i += n) {
        uint32_t ch = ldr__utf8_at(v->text + i, &n);
        script = ch == ' ' ? LDR__SCRIPT_NONE : ch == 0x30fc ? LDR__SCRIPT_HAN : ldr__char_script(ch);
        if (script == LDR__SCRIPT_HIRAGANA || script == LDR__SCRIPT_KATAKANA) script = LDR__SCRIPT_HAN;
        if (script != LDR__SCRIPT_NONE && last != script) {
            if (from >= 0) {
                part = ldr__view_part(v, from, i);
                ldr__split(c, stage + 1, &part);
            }
            from = i;
            last = script;
        }
    }
    if (from < 0) return;
    part = ldr__view_part(v, from, v->size);
    ldr__split(c, stage + 1, &part);
}

static void ldr__split_lengths(ldr__cutting *c, const ldr__step *p, int stage, const ldr__view *v) {
    int32_t i, from = 0, chars = 0;
    ldr__view part;
    for (i = 0; i < v->size && !c->status;) {
        i += ldr__utf8_bytes((unsigned char)v->text[i]);
        if (++chars < p->flags[0] && i < v->size) continue;
        part = ldr__view_part(v, from, i);
        ldr__split(c, stage + 1, &part);
        from = i;
        chars = 0;
    }
}

/* The text through the splitters from `stage` on, and then to the cutter. */
static void ldr__split(ldr__cutting *c, int stage, const ldr__view *v) {
    if (!v->size || c->status || c->out->count >= c->stop) return;
    if (stage < c->t->splitter_count) c->t->splitters[stage].splitter->run(c, &c->t->splitters[stage], stage, v);
    else c->t->cutter->run(c, v);
}

/* ---- encodings ------------------------------------------------------------------------ */

#define LDR__COLUMNS 6

/* The six arrays are one block, so that growing either moves all of them or none. */
static ldr_status ldr__encoding_grow(ldr_encoding *e, int32_t need) {
    int32_t capacity = e->capacity ? e->capacity : 64, k;
    int32_t *block, *old[LDR__COLUMNS];
    while (capacity < need) {
        if (capacity > INT32_MAX / 2) return LDR_MEMORY;
        capacity *= 2;
    }
    if (e->capacity >= need) return LDR_OK;
    if ((uint64_t)capacity > SIZE_MAX / (LDR__COLUMNS * sizeof *block)) return LDR_MEMORY;
    block = (int32_t *)ldr__alloc(&e->alloc, (size_t)capacity * LDR__COLUMNS * sizeof *block);
    if (!block) return LDR_MEMORY;
    old[0] = e->ids;
    old[1] = e->segments;
    old[2] = e->text;
    old[3] = e->begin;
    old[4] = e->end;
    old[5] = e->surface;
    for (k = 0; k < LDR__COLUMNS; k++)
        if (e->count) memcpy(block + (size_t)k * (size_t)capacity, old[k], (size_t)e->count * sizeof *block);
    ldr__free(&e->alloc, e->ids, (size_t)e->capacity * LDR__COLUMNS * sizeof *block);
    e->capacity = capacity;
    e->ids = block;
    e->segments = block + (size_t)capacity;
    e->text = block + 2 * (size_t)capacity;
    e->begin = block + 3 * (size_t)capacity;
    e->end = block + 4 * (size_t)capacity;
    e->surface = block + 5 * (size_t)capacity;
    return LDR_OK;
}

LDR__DEF void ldr_encoding_free(ldr_encoding *e) {
    ldr__work *w;
    int i;
    if (!e) return;
    ldr__free(&e->alloc, e->ids, (size_t)e->capacity * LDR__COLUMNS * sizeof *e->ids);
    w = (ldr__work *)e->work;
    if (w) {
        for (i = 0; i < 2 + LDR__PARTS; i++) ldr__free(&e->alloc, w->str[i].begin, ldr__str_bytes(w->str[i].room));
        for (i = 0; i < LDR__ROOMS; i++) ldr__free(&e->alloc, w->room[i], w->bytes[i]);
        ldr__free(&e->alloc, w->surfaces, w->surface_room);
        ldr__free(&e->alloc, w, sizeof *w);
    }
    memset(e, 0, sizeof *e);
}

static void ldr__emit(ldr__cutting *c, int32_t id, int32_t text, int32_t begin, int32_t end) {
    ldr_encoding *out = c->out;
    if (out->count == out->capacity && !c->status && ldr__encoding_grow(out, out->count + 1)) ldr__cut_fail(c, LDR_MEMORY, "out of memory");
    if (c->status) return;
    out->ids[out->count] = id;
    out->segments[out->count] = c->which;
    out->text[out->count] = text;
    out->begin[out->count] = begin;
    out->end[out->count] = end;
    out->surface[out->count] = -1;
    out->count++;
}

/* Bytes from..to of the view as a token. */
LDR__INLINE void ldr__emit_part(ldr__cutting *c, int32_t id, const ldr__view *v, int32_t from, int32_t to) {
    ldr__emit(c, id, c->which, v->begin[from], v->end[to - 1]);
}

/* The last token reads otherwise than its piece: its length and its text, kept until the next encoding. */
static void ldr__emit_surface(ldr__cutting *c, const char *s, int32_t n) {
    ldr__work *w = c->w;
    size_t more = sizeof n + (size_t)n + 1;
    char *p;
    if (c->status) return;
    if (w->surface_room - w->surface_used < more) {
        size_t room = LDR__MAX(w->surface_room * 2, w->surface_used + more + 256);
        p = room < INT32_MAX ? (char *)ldr__alloc(&c->out->alloc, room) : NULL;
        if (!p) {
            ldr__cut_fail(c, LDR_MEMORY, "out of memory");
            return;
        }
        if (w->surface_used) memcpy(p, w->surfaces, w->surface_used);
        ldr__free(&c->out->alloc, w->surfaces, w->surface_room);
        w->surfaces = p;
        w->surface_room = room;
    }
    p = w->surfaces + w->surface_used;
    memcpy(p, &n, sizeof n);
    memcpy(p + sizeof n, s, (size_t)n);
    p[sizeof n + (size_t)n] = 0;
    c->out->surface[c->out->count - 1] = (int32_t)w->surface_used;
    w->surface_used += more;
}

/* The unknown token for bytes from..to; 0 when there is none. */
static int ldr__emit_unknown(ldr__cutting *c, const ldr__view *v, int32_t from, int32_t to) {
    int32_t id = c->t->special[LDR__TOKEN_UNK];
    if (id < 0) return 0;
    ldr__emit_part(c, id, v, from, to);
    return 1;
}

/* The bytes of a text that no piece covers, each as the token that stands for it; 0 when one is not there. */
static int ldr__emit_bytes(ldr__cutting *c, const ldr__view *v, int32_t from, int32_t to) {
    int32_t i;
    for (i = from; i < to; i++)
        if (c->t->bytes[(unsigned char)v->text[i]] < 0) return 0;
    for (i = from; i < to; i++) ldr__emit_part(c, c->t->bytes[(unsigned char)v->text[i]], v, from, to);
    return 1;
}

/* ---- cutting: f(text) -> tokens --------------------------------------------------------- */

/* WordLevel: the whole text is a piece or unknown. */
static void ldr__cut_word(ldr__cutting *c, const ldr__view *v) {
    int32_t id = ldr__piece_find(c->t, v->text, (size_t)v->size);
    if (id >= 0) ldr__emit_part(c, id, v, 0, v->size);
    else if (!ldr__emit_unknown(c, v, 0, v->size)) ldr__cut_fail(c, LDR_VOCAB, "a word is not in the vocabulary, which has no unknown token");
}

/* WordPiece: the longest piece that fits, again and again; a word with a part that no piece covers is unknown as a whole. */
static void ldr__cut_wordpiece(ldr__cutting *c, const ldr__view *v) {
    const ldr_tokenizer *t = c->t;
    uint32_t hashes[LADDER_MAX_WORD_CHARS];
    int32_t at[LADDER_MAX_WORD_CHARS + 1], chars = 0, start = 0, i = 0, id, first = c->out->count;
    for (at[0] = 0; at[chars] < v->size; chars++) {
        if (chars == t->word_chars) {
            ldr__emit_unknown(c, v, 0, v->size);
            return;
        }
        at[chars + 1] = at[chars] + ldr__utf8_bytes((unsigned char)v->text[at[chars]]);
    }
    while (start < chars && !c->status) {
        size_t prefix = start ? (size_t)t->prefix.bytes : 0;
        uint32_t hash = start ? t->prefix_hash : LDR__HASH_SEED;
        for (i = start; i < chars && (size_t)(at[i + 1] - at[start]) + prefix <= t->longest; i++)
            hashes[i] = hash = ldr__vocab_hash(hash, v->text + at[i], (size_t)(at[i + 1] - at[i]));
        for (id = -1; i > start; i--) {
            id = ldr__slot_find(t, hashes[i - 1], t->prefix.text, prefix, v->text + at[start], (size_t)(at[i] - at[start]))->id;
            if (id >= 0) break;
        }
        if (id < 0) {
            c->out->count = first;
            ldr__emit_unknown(c, v, 0, v->size);
            return;
        }
        ldr__emit_part(c, id, v, at[start], at[i]);
        start = i;
    }
}

/* ---- BPE: joins the pair of lowest rank, the leftmost first, until none is left ------------ */

typedef struct ldr__symbol { int32_t id, at, bytes, before, next; } ldr__symbol;
typedef struct ldr__pair { uint32_t rank; int32_t id; } ldr__pair;

#define LDR__NO_RANK UINT32_MAX

LDR__INLINE size_t ldr__merge_slot(uint32_t a, uint32_t b) {
    uint64_t h = ((uint64_t)a << 32 | b) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 32 ^ h >> 47);
}

/* Scores as numbers of which the smallest belongs to the highest score. */
static uint32_t ldr__score_rank(double score) {
    uint32_t bits = ldr__bits_from_float((float)score);
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return LDR__MIN(~bits, LDR__NO_RANK - 1);
}

static ldr__pair ldr__pair_find(const ldr_tokenizer *t, const char *text, const ldr__symbol *a, const ldr__symbol *b) {
    ldr__pair p;
    p.rank = LDR__NO_RANK;
    p.id = -1;
    if (t->by_score) {
        if (a->id == -2 || b->id == -2) return p;
        p.id = ldr__piece_find(t, text + a->at, (size_t)(a->bytes + b->bytes));
        if (p.id >= 0 && t->types[p.id] != LDR__SP_NORMAL && t->types[p.id] != LDR__SP_USER && t->types[p.id] != LDR__SP_UNUSED) p.id = -1;
        if (p.id >= 0) p.rank = ldr__score_rank(t->scores[p.id]);
    } else if (a->id >= 0 && b->id >= 0 && t->merge_slots) {
        size_t i = ldr__merge_slot((uint32_t)a->id, (uint32_t)b->id) & (t->merge_slots - 1);
        for (; t->merges[i].id >= 0; i = (i + 1) & (t->merge_slots - 1))
            if (t->merges[i].left == (uint32_t)a->id && t->merges[i].right == (uint32_t)b->id) {
                p.rank = t->merges[i].rank;
                p.id = t->merges[i].id;
                break;
            }
    }
    return p;
}

#define LDR__BPE_SHORT 24

/* A few symbols: the ranks of all pairs in a row. Returns how many symbols stay. */
static int32_t ldr__bpe_short(const ldr_tokenizer *t, const char *text, ldr__symbol *s, int32_t n) {
    ldr__pair pairs[LDR__BPE_SHORT];
    int32_t i, best;
    for (i = 0; i + 1 < n; i++) pairs[i] = ldr__pair_find(t, text, &s[i], &s[i + 1]);
    while (n > 1) {
        for (best = 0, i = 1; i + 1 < n; i++)
            if (pairs[i].rank < pairs[best].rank) best = i;
        if (pairs[best].rank == LDR__NO_RANK) break;
        s[best].id = pairs[best].id;
        s[best].bytes += s[best + 1].bytes;
        n--;
        for (i = best + 1; i < n; i++) {
            s[i] = s[i + 1];
            pairs[i - 1] = pairs[i];
        }
        if (best + 1 < n) pairs[best] = ldr__pair_find(t, text, &s[best], &s[best + 1]);
        if (best > 0) pairs[best - 1] = ldr__pair_find(t, text, &s[best - 1], &s[best]);
    }
    return n;
}

static void ldr__heap_push(uint64_t *heap, size_t *n, uint64_t key) {
    size_t i = (*n)++;
    for (; i > 0 && heap[(i - 1) / 4] > key; i = (i - 1) / 4) heap[i] = heap[(i - 1) / 4];
    heap[i] = key;
}

static uint64_t ldr__heap_pop(uint64_t *heap, size_t *n) {
    uint64_t top = heap[0], key = heap[--*n];
    size_t i = 0, k, child;
    for (;;) {
        child = 4 * i + 1;
        if (child >= *n) break;
        for (k = child + 1; k < LDR__MIN(4 * i + 5, *n); k++)
            if (heap[k] < heap[child]) child = k;
        if (heap[child] >= key) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = key;
    return top;
}

/* Many symbols: a heap of pairs (rank, place), of which those that are no more are passed over. */
static int32_t ldr__bpe_long(ldr__cutting *c, const char *text, ldr__symbol *s, int32_t n) {
    uint64_t *heap = (uint64_t *)ldr__room(c, LDR__ROOM_HEAP, (size_t)n * 3 * sizeof *heap), top;
    size_t count = 0;
    int32_t i, k;
    if (!heap) return n;
    for (i = 0; i < n; i++) {
        ldr__pair p;
        s[i].before = i - 1;
        s[i].next = i + 1 < n ? i + 1 : -1;
        if (i + 1 == n) break;
        p = ldr__pair_find(c->t, text, &s[i], &s[i + 1]);
        if (p.rank != LDR__NO_RANK) ldr__heap_push(heap, &count, (uint64_t)p.rank << 32 | (uint32_t)i);
    }
    while (count) {
        ldr__pair p;
        top = ldr__heap_pop(heap, &count);
        i = (int32_t)(top & 0x7fffffff);
        if (!s[i].bytes || s[i].next < 0) continue;
        k = s[i].next;
        p = ldr__pair_find(c->t, text, &s[i], &s[k]);
        if (p.rank != (uint32_t)(top >> 32)) continue;
        s[i].id = p.id;
        s[i].bytes += s[k].bytes;
        s[i].next = s[k].next;
        s[k].bytes = 0;
        if (s[i].next >= 0) s[s[i].next].before = i;
        if (s[i].before >= 0) {
            p = ldr__pair_find(c->t, text, &s[s[i].before], &s[i]);
            if (p.rank != LDR__NO_RANK) ldr__heap_push(heap, &count, (uint64_t)p.rank << 32 | (uint32_t)s[i].before);
        }
        if (s[i].next >= 0) {
            p = ldr__pair_find(c->t, text, &s[i], &s[s[i].next]);
            if (p.rank != LDR__NO_RANK) ldr__heap_push(heap, &count, (uint64_t)p.rank << 32 | (uint32_t)i);
        }
    }
    for (i = k = 0; i >= 0; i = s[i].next) s[k++] = s[i];
    return k;
}

static ldr__symbol *ldr__symbol_add(ldr__cutting *c, int32_t *n, int32_t id, int32_t at, int32_t bytes) {
    ldr__symbol *s = (ldr__symbol *)ldr__room(c, LDR__ROOM_SYMBOLS, ((size_t)*n + 1) * sizeof *s);
    if (!s) return NULL;
    s += (*n)++;
    s->id = id;
    s->at = at;
    s->bytes = bytes;
    return s;
}

/* The piece of one character, with what marks the inside and the end of words. */
static int32_t ldr__bpe_char(const ldr_tokenizer *t, const char *s, int32_t bytes, int first, int last, char *name, int32_t *name_bytes) {
    int32_t n = 0;
    if (!t->prefix.bytes && (!t->suffix.bytes || !last)) {
        uint32_t ch;
        memcpy(name, s, (size_t)bytes);
        *name_bytes = bytes;
        if (bytes > 2) return ldr__piece_find(t, s, (size_t)bytes);
        ch = ldr__utf8_char((const unsigned char *)s, (size_t)bytes);
        return t->low[ch];
    }
    if (!first) {
        memcpy(name, t->prefix.text, (size_t)t->prefix.bytes);
        n = t->prefix.bytes;
    }
    memcpy(name + n, s, (size_t)bytes);
    n += bytes;
    if (last && t->suffix.bytes) {
        memcpy(name + n, t->suffix.text, (size_t)t->suffix.bytes);
        n += t->suffix.bytes;
    }
    *name_bytes = n;
    return ldr__piece_find(t, name, (size_t)n);
}

/* The text as symbols, one a character, a byte or a run of unknown characters. */
static int32_t ldr__bpe_symbols(ldr__cutting *c, const ldr__view *v) {
    const ldr_tokenizer *t = c->t;
    int32_t i, k, n = 0, bytes, unknown = -1, unknown_bytes = 0, name_bytes;
    char name[72];
    for (i = 0; i < v->size && !c->status; i += bytes) {
        int32_t id, all;
        bytes = ldr__utf8_bytes((unsigned char)v->text[i]);
        id = ldr__bpe_char(t, v->text + i, bytes, i == 0, i + bytes >= v->size, name, &name_bytes);
        if (id < 0 && t->byte_fallback) {
            for (all = 1, k = 0; k < name_bytes; k++) all = all && t->bytes[(unsigned char)name[k]] >= 0;
            if (all) {
                for (k = 0; k < name_bytes; k++) ldr__symbol_add(c, &n, t->bytes[(unsigned char)name[k]], i, 1);
                continue;
            }
        }
        if (id < 0) {
            if (t->special[LDR__TOKEN_UNK] < 0) continue;
            if (unknown >= 0 && !t->fuse_unk) {
                ldr__symbol_add(c, &n, t->special[LDR__TOKEN_UNK], unknown, unknown_bytes);
                unknown = -1;
            }
            if (unknown < 0) unknown_bytes = 0;
            if (unknown < 0) unknown = i;
            unknown_bytes += bytes;
            continue;
        }
        if (unknown >= 0) ldr__symbol_add(c, &n, t->special[LDR__TOKEN_UNK], unknown, unknown_bytes);
        unknown = -1;
        ldr__symbol_add(c, &n, id, i, bytes);
    }
    if (unknown >= 0) ldr__symbol_add(c, &n, t->special[LDR__TOKEN_UNK], unknown, unknown_bytes);
    return c->status ? 0 : n;
}

/* May a merge ever join the two characters around s[at]? */
static int ldr__bpe_together(const ldr_tokenizer *t, const char *s, int32_t at) {
    int32_t bytes;
    uint32_t a = ldr__utf8_at(s + ldr__utf8_before(s, at), &bytes), b = ldr__utf8_at(s + at, &bytes), h = (a * 0x9e3779b1u ^ b * 0x85ebca6bu);
    h = (h ^ h >> 15) & 0xffff;
    return t->together[h / 8] >> h % 8 & 1;
}

static void ldr__cut_bpe(ldr__cutting *c, const ldr__view *v) {
    const ldr_tokenizer *t = c->t;
    ldr__symbol *s;
    int32_t n, from, to, k, stay, at = 0, id;
    if (t->ignore_merges && (id = ldr__piece_find(t, v->text, (size_t)v->size)) >= 0) {
        ldr__emit_part(c, id, v, 0, v->size);
        return;
    }
    n = ldr__bpe_symbols(c, v);
    s = (ldr__symbol *)c->w->room[LDR__ROOM_SYMBOLS];
    for (from = 0; from < n && !c->status; from = to) {
        to = from + 1;
        if (n <= LDR__BPE_SHORT) to = n;
        else
            while (to < n && (!t->together || s[to].at == s[to - 1].at || ldr__bpe_together(t, v->text, s[to].at))) to++;
        stay = to - from <= LDR__BPE_SHORT ? ldr__bpe_short(t, v->text, s + from, to - from) : ldr__bpe_long(c, v->text, s + from, to - from);
        for (k = from; k < from + stay && !c->status; k++) {
            int32_t end = LDR__MIN(at + s[k].bytes, v->size);
            if (at < end) ldr__emit_part(c, s[k].id, v, at, end);
            at = end;
        }
    }
}

/* ---- SentencePiece's BPE: joins the two neighbours that make the piece of highest score ----- */

/* Bytes from..to, which are a symbol: its piece, or the two it was made of where that is never used. */
static void ldr__emit_symbol(ldr__cutting *c, const ldr__view *v, int32_t from, int32_t to, int32_t *unknown) {
    const ldr_tokenizer *t = c->t;
    int32_t id = ldr__piece_find(t, v->text + from, (size_t)(to - from)), unk = t->special[LDR__TOKEN_UNK];
    if (id >= 0 && t->types[id] == LDR__SP_UNKNOWN) id = -1;
    if (id >= 0) ldr__emit_part(c, id, v, from, to);
    else if (t->byte_fallback && ldr__emit_bytes(c, v, from, to)) id = 0;
    else if (*unknown == c->out->count && c->out->count > 0) {
        c->out->end[c->out->count - 1] = v->end[to - 1];
    } else if (unk >= 0) ldr__emit_part(c, unk, v, from, to);
    else ldr__cut_fail(c, LDR_VOCAB, "a character has no piece, and the model no unknown one");
    if (id < 0) *unknown = c->out->count;
}

static void ldr__cut_by_score(ldr__cutting *c, const ldr__view *v) {
    int32_t n = 0, i, bytes, unknown = -1;
    ldr__symbol *s;
    for (i = 0; i < v->size && !c->status; i += bytes) {
        int32_t id = -1;
        if (c->t->frozen.root[(unsigned char)v->text[i]] && ldr__trie_longest(&c->t->frozen, v->text + i, v->size - i, &bytes) >= 0) id = -2;
        else bytes = ldr__utf8_bytes((unsigned char)v->text[i]);
        ldr__symbol_add(c, &n, id, i, bytes);
    }
    if (c->status || !n) return;
    s = (ldr__symbol *)c->w->room[LDR__ROOM_SYMBOLS];
    if (c->t->by_score) n = n <= LDR__BPE_SHORT ? ldr__bpe_short(c->t, v->text, s, n) : ldr__bpe_long(c, v->text, s, n);
    for (i = 0; i < n && !c->status; i++) ldr__emit_symbol(c, v, s[i].at, s[i].at + s[i].bytes, &unknown);
}

/* ---- Unigram: the cut whose pieces' scores have the greatest sum (Viterbi) ------------------ */

typedef struct ldr__node { double score; int32_t start, id; } ldr__node;

/* best(j) = max over pieces i..j of best(i) + score(piece), the first of equals; a character without a piece of its own
   costs the lowest score and 10. */
static ldr__node *ldr__unigram_nodes(ldr__cutting *c, const ldr__view *v) {
    const ldr_tokenizer *t = c->t;
    ldr__node *nodes = (ldr__node *)ldr__room(c, LDR__ROOM_NODES, ((size_t)v->size + 1) * sizeof *nodes);
    int32_t i, k, bytes, id;
    double unknown = t->lowest - 10, score;
    if (!nodes) return NULL;
    for (i = 0; i <= v->size; i++) nodes[i].start = -1;
    nodes[0].score = 0;
    for (i = 0; i < v->size; i += bytes) {
        uint32_t node = 0;
        int alone = 0;
        double here = nodes[i].score;
        bytes = ldr__utf8_bytes((unsigned char)v->text[i]);
        for (k = i; k < v->size;) {
            node = ldr__trie_step(&t->pieces_trie, node, (unsigned char)v->text[k++]);
            if (!node) break;
            id = t->pieces_trie.values[node];
            if (id < 0) continue;
            score = t->scores[id];
            if (t->sentencepiece && t->types[id] == LDR__SP_USER) score = (k - i) * t->highest - 0.1;
            score += here;
            if (nodes[k].start < 0 || score > nodes[k].score) {
                nodes[k].score = t->sentencepiece ? (double)(float)score : score;
                nodes[k].start = i;
                nodes[k].id = id;
            }
            if (k - i == bytes) alone = 1;
        }
        if (alone) continue;
        score = here + unknown;
        k = i + bytes;
        if (nodes[k].start < 0 || score > nodes[k].score) {
            nodes[k].score = t->sentencepiece ? (double)(float)score : score;
            nodes[k].start = i;
            nodes[k].id = -1;
        }
    }
    return nodes;
}

static void ldr__emit_unigram(ldr__cutting *c, const ldr__view *v, int32_t from, int32_t to) {
    const ldr_tokenizer *t = c->t;
    int32_t id = ldr__piece_find(t, v->text + from, (size_t)(to - from));
    if (id >= 0 && !t->sentencepiece) ldr__emit_part(c, id, v, from, to);
    else if (t->byte_fallback && ldr__emit_bytes(c, v, from, to)) return;
    else if (ldr__emit_unknown(c, v, from, to)) ldr__emit_surface(c, v->text + from, to - from);
    else ldr__cut_fail(c, LDR_VOCAB, "a character has no piece, and the model no unknown one");
}

static void ldr__cut_unigram(ldr__cutting *c, const ldr__view *v) {
    ldr__node *nodes = ldr__unigram_nodes(c, v);
    int32_t at, next = -1, from, unknown = -1, unk = c->t->special[LDR__TOKEN_UNK];
    if (!nodes) return;
    for (at = v->size; at > 0; at = from) {              /* turns the links around                  */
        from = nodes[at].start;
        nodes[at].start = next;
        next = at;
    }
    for (at = 0; next > 0 && !c->status; at = next, next = nodes[next].start) {
        int32_t id = nodes[next].id;
        if (id < 0 || id == unk) {
            if (unknown < 0) unknown = at;
            continue;
        }
        if (unknown >= 0) ldr__emit_unigram(c, v, unknown, at);
        unknown = -1;
        ldr__emit_part(c, id, v, at, next);
    }
    if (unknown >= 0) ldr__emit_unigram(c, v, unknown, v->size);
}
/* ---- encoding ------------------------------------------------------------------------ */

/* Text into UTF-8 with places; a byte that is none becomes U+FFFD. */
static void ldr__text_load(ldr__cutting *c, ldr__str *out, const unsigned char *s, int32_t from, int32_t to) {
    int32_t i = from, n;
    out->size = 0;
    if (!ldr__str_room(c, out, to - from)) return;
    while (i < to) {
        for (; i < to && s[i] < 0x80 && out->size < out->room; i++) {
            out->text[out->size] = (char)s[i];
            out->begin[out->size] = i;
            out->end[out->size++] = i + 1;
        }
        if (i >= to) break;
        n = (int32_t)ldr__utf8_length(s + i, (size_t)(to - i));
        if (n) ldr__str_put(c, out, (const char *)s + i, n, i, i + n);
        else ldr__str_put(c, out, "\xef\xbf\xbd", 3, i, i + 1);
        if (c->status) return;
        i += n ? n : 1;
    }
}

typedef struct ldr__hit { int32_t begin, end, next; const ldr__added *token; } ldr__hit;

/* The next added token of s from hit->next on, with the blanks it takes along but not those before `taken`. */
static int ldr__added_find(const ldr_tokenizer *t, const ldr__trie *trie, const char *s, int32_t n, int32_t taken, ldr__hit *hit) {
    int32_t i, bytes = 0, k, size = 0;
    if (!trie->room) return 0;
    for (i = hit->next; i < n; i += size) {
        const ldr__added *a;
        size = 1;
        if (!trie->root[(unsigned char)s[i]]) continue;
        k = ldr__trie_longest(trie, s + i, n - i, &bytes);
        if (k < 0) continue;
        a = &t->added[k];
        size = bytes;
        hit->begin = i;
        hit->end = hit->next = i + bytes;
        if (a->single_word && (ldr__regex_word(s, n, i > 0 ? ldr__utf8_before(s, i) : -1) || ldr__regex_word(s, n, i + bytes))) continue;
        for (; a->lstrip && hit->begin > taken; hit->begin = k) {
            k = ldr__utf8_before(s, hit->begin);
            if (!ldr__utf8_length((const unsigned char *)s + k, (size_t)(n - k)) || !ldr__char_white(ldr__utf8_at(s + k, &bytes))) break;
        }
        for (; a->rstrip && hit->end < n; hit->end += bytes)
            if (!ldr__utf8_length((const unsigned char *)s + hit->end, (size_t)(n - hit->end)) || !ldr__char_white(ldr__utf8_at(s + hit->end, &bytes))) break;
        hit->token = a;
        return 1;
    }
    return 0;
}

/* The token of an added one; what it took along belongs to its text. */
static void ldr__emit_added(ldr__cutting *c, const ldr__hit *hit, const char *s, int32_t begin, int32_t end) {
    const ldr__added *a = hit->token;
    ldr__emit(c, a->id, c->which, begin, end);
    if (hit->end - hit->begin != a->text.bytes || memcmp(s + hit->begin, a->text.text, (size_t)a->text.bytes) != 0) ldr__emit_surface(c, s + hit->begin, hit->end - hit->begin);
}

/* Bytes from..to of the text through all normalisers. */
static void ldr__normalize(ldr__cutting *c, const unsigned char *s, int32_t from, int32_t to, ldr__view *v) {
    ldr__str *in = &c->w->str[0], *out = &c->w->str[1], *swap;
    int32_t i;
    ldr__text_load(c, in, s, from, to);
    for (i = 0; i < c->t->normalizer_count && !c->status; i++) {
        ldr__norm p;
        p.c = c;
        p.in = ldr__str_view(in);
        p.out = out;
        p.at = 0;
        p.shift = from;
        p.same = 0;
        out->size = 0;
        c->t->normalizers[i].normalizer->run(&p, &c->t->normalizers[i]);
        if (p.same) continue;
        swap = in;
        in = out;
        out = swap;
    }
    *v = ldr__str_view(in);
}

/* A stretch between added tokens: normalised, searched for added tokens again, split and cut. */
static void ldr__encode_segment(ldr__cutting *c, const unsigned char *s, int32_t from, int32_t to) {
    ldr__view v, part;
    ldr__hit hit;
    int32_t at = 0;
    ldr__normalize(c, s, from, to, &v);
    hit.next = 0;
    while (!c->status && c->out->count < c->stop && ldr__added_find(c->t, &c->t->normal, v.text, v.size, at, &hit)) {
        if (at < hit.begin) {
            part = ldr__view_part(&v, at, hit.begin);
            ldr__split(c, 0, &part);
        }
        ldr__emit_added(c, &hit, v.text, v.begin[hit.begin], v.end[hit.end - 1]);
        at = hit.end;
    }
    if (at < v.size) {
        part = ldr__view_part(&v, at, v.size);
        ldr__split(c, 0, &part);
    }
}

/* Stops early once there are `limit` tokens: what comes after them is cut away anyway. */
static void ldr__encode_text(ldr__cutting *c, const char *text, size_t size, int32_t limit) {
    int32_t n = (int32_t)size, at = 0;
    ldr__hit hit;
    c->stop = limit < INT32_MAX - c->out->count ? c->out->count + limit : INT32_MAX;
    c->steps = 1000000 + (int64_t)n * 4000;
    hit.next = 0;
    while (!c->status && c->out->count < c->stop && ldr__added_find(c->t, &c->t->raw, text, n, at, &hit)) {
        if (at < hit.begin) ldr__encode_segment(c, (const unsigned char *)text, at, hit.begin);
        ldr__emit_added(c, &hit, text, hit.begin, hit.end);
        at = hit.end;
    }
    if (at < n && c->out->count < c->stop) ldr__encode_segment(c, (const unsigned char *)text, at, n);
}

/* Longest first: how many of n1 tokens stay when n1 + n2 must fit into room. The shorter text stays whole if it is at most
   half of the room; else both get a half, the longer one (the second of two equals) the odd token. */
static int32_t ldr__longest_first(int32_t n1, int32_t n2, int32_t room) {
    int32_t small = LDR__MIN(n1, n2), large;
    if (n1 <= room - n2) return n1;
    large = small > room ? small : LDR__MAX(small, room - small);
    if (small > room - large) {
        small = room / 2;
        large = room - small;
    }
    return n1 > n2 ? large : small;
}

static ldr_status ldr__encode_check(const ldr_tokenizer *t, ldr_encoding *out, const char *text, size_t size, const char *text2, size_t size2,
                                    const ldr_encode_desc *d, ldr_error *err) {
    int32_t added;
    if (!t || !out || (!text && size) || (!text2 && size2) || d->max_len < 0) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "an argument of ldr_tokenizer_encode is NULL or negative");
    if (!ldr__allocator_valid(&out->alloc)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the allocator of the encoding has one function of two; set both or neither");
    if ((unsigned)d->truncate > LDR_TRUNCATE_ONLY_SECOND) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the kind of truncation is none of LDR_TRUNCATE_*");
    if (size > (size_t)INT32_MAX || size2 > (size_t)INT32_MAX) return ldr__fail(err, LDR_LIMIT, LDR_NO_OFFSET, "the text is longer than %d bytes; encode it in parts", (int)INT32_MAX);
    added = d->no_special ? 0 : t->no_template ? 2 + (text2 != NULL) : (text2 ? t->pair : t->single).added;
    if (d->max_len && d->max_len < added) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "max_len %d does not hold the %d added tokens", (int)d->max_len, (int)added);
    if (!d->no_special && t->no_template) return ldr__fail(err, LDR_VOCAB, LDR_NO_OFFSET, "the vocabulary has no [CLS] or no [SEP]; encode without special tokens");
    return LDR_OK;
}

/* Moves n tokens. */
static void ldr__encoding_move(ldr_encoding *e, int32_t to, int32_t from, int32_t n) {
    size_t bytes = (size_t)n * sizeof *e->ids;
    int32_t *columns[LDR__COLUMNS];
    int k;
    if (n <= 0 || to == from) return;
    columns[0] = e->ids;
    columns[1] = e->segments;
    columns[2] = e->text;
    columns[3] = e->begin;
    columns[4] = e->end;
    columns[5] = e->surface;
    for (k = 0; k < LDR__COLUMNS; k++) memmove(columns[k] + to, columns[k] + from, bytes);
}

/* The place `chars` characters further on or (negative) back in a text, not beyond `to`. */
static int32_t ldr__text_walk(const char *s, int32_t from, int32_t to, int32_t chars) {
    for (; chars > 0 && from < to; chars--)
        do from++;
        while (from < to && ((unsigned char)s[from] & 0xc0) == 0x80);
    for (; chars < 0 && from > to; chars++) from = ldr__utf8_before(s, from);
    return from;
}

/* Byte-level tokens hold the blank before a word; offsets that leave it out, as RoBERTa's and GPT-2's are. */
static void ldr__encode_trim(ldr__cutting *c, const char *text, int32_t first, int32_t count) {
    ldr_encoding *e = c->out;
    int32_t i;
    for (i = first; i < first + count; i++) {
        size_t size = 0;
        const char *s = ldr_encoding_piece(c->t, e, i, &size);
        int32_t n = (int32_t)size, k, bytes, lead = 0, trail = 0;
        uint32_t ch;
        for (k = 0; k < n; k += bytes, lead++) {
            ch = ldr__utf8_at(s + k, &bytes);
            if (ch != 0x120 && !ldr__char_white(ch)) break;
        }
        for (k = n; k > 0; trail++) {
            k = ldr__utf8_before(s, k);
            ch = ldr__utf8_at(s + k, &bytes);
            if (ch != 0x120 && !ldr__char_white(ch)) break;
        }
        if (c->t->trim_prefix && (i == first || e->begin[i] == 0)) lead = 0;
        e->begin[i] = ldr__text_walk(text, e->begin[i], e->end[i], lead);
        e->end[i] = ldr__text_walk(text, e->end[i], e->begin[i], -trail);
    }
}

/* The tokens of both texts lie one after the other, n1 and n2: puts the template around them. */
static void ldr__encode_template(ldr__cutting *c, const ldr__template *m, int32_t n1, int32_t n2, int special) {
    ldr_encoding *e = c->out;
    int32_t total = n1 + n2 + (special ? m->added : 0), at = total, i, k, n, end = n1 + n2;
    if (ldr__encoding_grow(e, total)) {
        ldr__cut_fail(c, LDR_MEMORY, "out of memory");
        return;
    }
    e->count = total;
    for (i = m->count - 1; i >= 0; i--) {                /* from the end, so that nothing is overwritten */
        const ldr__template_item *item = &m->items[i];
        if (item->sequence < 0) {
            if (!special) continue;
            at--;
            e->ids[at] = item->id;
            e->segments[at] = item->type;
            e->text[at] = e->surface[at] = -1;
            e->begin[at] = e->end[at] = 0;
            continue;
        }
        n = item->sequence ? n2 : n1;
        ldr__encoding_move(e, at - n, end - n, n);
        at -= n;
        end -= n;
        for (k = 0; k < n; k++) e->segments[at + k] = item->type;
    }
}

/* The tokens of both texts, one after the other, each up to `limit`. */
static void ldr__encode_texts(ldr__cutting *c, const char *text, size_t size, const char *text2, size_t size2, int32_t limit, int32_t *n1, int32_t *n2) {
    c->which = c->out->count = 0;
    ldr__encode_text(c, text, size, limit);
    *n1 = c->out->count = LDR__MIN(c->out->count, limit);
    *n2 = 0;
    if (!text2 || c->status) return;
    c->which = 1;
    ldr__encode_text(c, text2, size2, limit);
    *n2 = LDR__MIN(c->out->count - *n1, limit);
}

static void ldr__encode_both(ldr__cutting *c, const char *text, size_t size, const char *text2, size_t size2, const ldr_encode_desc *d) {
    const ldr_tokenizer *t = c->t;
    ldr_encoding *out = c->out;
    const ldr__template *m = text2 ? &t->pair : &t->single;
    int32_t room = d->max_len ? d->max_len - (d->no_special ? 0 : m->added) : INT32_MAX, limit = room < INT32_MAX ? room + 1 : room, n1, n2, keep1, keep2;
    ldr__encode_texts(c, text, size, text2, size2, limit, &n1, &n2);
    if (n1 > room && n2 > room && room % 2) ldr__encode_texts(c, text, size, text2, size2, INT32_MAX, &n1, &n2);      /* which is longer decides */
    if (c->status) return;
    keep1 = n1;
    keep2 = n2;
    if (n1 > room - n2) {
        if (d->truncate == LDR_TRUNCATE_ONLY_FIRST) keep1 = room - n2;
        else if (d->truncate == LDR_TRUNCATE_ONLY_SECOND) keep2 = room - n1;
        else {
            keep1 = text2 ? ldr__longest_first(n1, n2, room) : room;
            keep2 = LDR__MIN(n2, room - keep1);
        }
        if (room == 0) keep1 = keep2 = 0;
        else if ((d->truncate == LDR_TRUNCATE_ONLY_FIRST && keep1 < 1) || (d->truncate == LDR_TRUNCATE_ONLY_SECOND && keep2 < 1)) {
            ldr__cut_fail(c, LDR_DATA, "the text that may be cut is too short for what must go; give max_len more room or cut longest first");
            return;
        }
    }
    out->cut = n1 - keep1 + n2 - keep2;
    ldr__encoding_move(out, keep1, n1, keep2);
    out->count = keep1 + keep2;
    if (t->trim) {
        ldr__encode_trim(c, text, 0, keep1);
        ldr__encode_trim(c, text2, keep1, keep2);
    }
    ldr__encode_template(c, m, keep1, keep2, !d->no_special);
}

LDR__DEF ldr_status ldr_tokenizer_encode_with(const ldr_tokenizer *t, ldr_encoding *out, const char *text, size_t size, const char *text2, size_t size2,
                                              const ldr_encode_desc *desc, ldr_error *err) {
    ldr__cutting c;
    ldr_encode_desc d;
    ldr_status status;
    memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    status = ldr__encode_check(t, out, text, size, text2, size2, &d, err);
    if (out) out->count = out->cut = 0;
    if (status) return status;
    memset(&c, 0, sizeof c);
    if (!out->capacity && !out->work && !out->alloc.alloc_fn) out->alloc = t->alloc;
    if (!out->work) {
        out->work = ldr__alloc(&out->alloc, sizeof(ldr__work));
        if (!out->work) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while encoding a text of %U bytes", (uint64_t)size + size2);
        memset(out->work, 0, sizeof(ldr__work));
    }
    c.t = t;
    c.out = out;
    c.w = (ldr__work *)out->work;
    c.w->surface_used = 0;
    ldr__encode_both(&c, text, size, text2, size2, &d);
    if (!c.status) return LDR_OK;
    out->count = 0;
    return ldr__fail(err, c.status, LDR_NO_OFFSET, "%s (while encoding a text of %U bytes)", c.why, (uint64_t)size + size2);
}

LDR__DEF ldr_status ldr_tokenizer_encode(const ldr_tokenizer *t, ldr_encoding *out, const char *text, size_t size, const char *text2, size_t size2,
                                         int32_t max_len, int32_t special, ldr_error *err) {
    ldr_encode_desc d;
    memset(&d, 0, sizeof d);
    d.max_len = max_len;
    d.no_special = !special;
    return ldr_tokenizer_encode_with(t, out, text, size, text2, size2, &d, err);
}

LDR__DEF const char *ldr_encoding_piece(const ldr_tokenizer *t, const ldr_encoding *e, int32_t i, size_t *bytes) {
    const ldr__work *w = e ? (const ldr__work *)e->work : NULL;
    int32_t n = 0;
    if (!t || !e || i < 0 || i >= e->count) return NULL;
    if (w && e->surface[i] >= 0) {
        memcpy(&n, w->surfaces + e->surface[i], sizeof n);
        if (bytes) *bytes = (size_t)n;
        return w->surfaces + e->surface[i] + sizeof n;
    }
    if (bytes) *bytes = e->ids[i] >= 0 && e->ids[i] < t->count ? ldr__piece_bytes(t, e->ids[i]) : 0;
    return ldr_tokenizer_piece(t, e->ids[i]);
}

/* ---- decoding: tokens -> text ----------------------------------------------------------- */

/* The tokens' texts on their way through the decoders: line i is text + ends[i - 1] up to ends[i]. */
typedef struct ldr__lines {
    const ldr_allocator *alloc;
    char    *text;
    size_t   used, room;
    int32_t *ends;
    int32_t  count, ends_room;
    int      failed;
    uint32_t pending_used;             /* bytes of a run of <0x..>                            */
} ldr__lines;

static void ldr__lines_put(ldr__lines *l, const char *s, size_t n) {
    size_t room = LDR__MAX(l->room * 2, l->used + n + 256);
    char *p;
    if (l->failed) return;
    if (l->room - l->used < n + 1) {
        p = l->used + n < INT32_MAX / 2 ? (char *)ldr__alloc(l->alloc, room) : NULL;
        if (!p) {
            l->failed = 1;
            return;
        }
        if (l->used) memcpy(p, l->text, l->used);
        ldr__free(l->alloc, l->text, l->room);
        l->text = p;
        l->room = room;
    }
    if (n) memcpy(l->text + l->used, s, n);
    l->used += n;
}

static void ldr__lines_end(ldr__lines *l) {
    if (l->count == l->ends_room && !l->failed) {
        int32_t room = LDR__MAX(l->ends_room * 2, 256), *p = (int32_t *)ldr__alloc(l->alloc, (size_t)room * sizeof *p);
        if (!p) {
            l->failed = 1;
            return;
        }
        if (l->count) memcpy(p, l->ends, (size_t)l->count * sizeof *p);
        ldr__free(l->alloc, l->ends, (size_t)l->ends_room * sizeof *p);
        l->ends = p;
        l->ends_room = room;
    }
    if (!l->failed) l->ends[l->count++] = (int32_t)l->used;
}

static void ldr__lines_free(ldr__lines *l) {
    ldr__free(l->alloc, l->text, l->room);
    ldr__free(l->alloc, l->ends, (size_t)l->ends_room * sizeof *l->ends);
}

/* s with every `from` replaced by `to`. */
static void ldr__lines_replace(ldr__lines *l, const char *s, int32_t n, ldr__string from, ldr__string to) {
    int32_t i, k = 0;
    for (i = 0; i < n;) {
        if (from.bytes && n - i >= from.bytes && memcmp(s + i, from.text, (size_t)from.bytes) == 0) {
            ldr__lines_put(l, s + k, (size_t)(i - k));
            ldr__lines_put(l, to.text, (size_t)to.bytes);
            i += from.bytes;
            k = i;
        } else i++;
    }
    ldr__lines_put(l, s + k, (size_t)(n - k));
}

/* WordPiece's blanks before punctuation and English contractions, taken out of what was put since `start`. */
static void ldr__lines_cleanup(ldr__lines *l, size_t start) {
    static const char *const from[] = { " .", " ?", " !", " ,", " ' ", " n't", " 'm", " do not", " 's", " 've", " 're" };
    static const char *const to[] = { ".", "?", "!", ",", "'", "n't", "'m", " don't", "'s", "'ve", "'re" };
    size_t i, k, a, b, at, w;
    for (i = 0; i < sizeof from / sizeof *from && !l->failed; i++) {
        a = strlen(from[i]);
        b = strlen(to[i]);
        for (k = w = start; k < l->used; ) {
            if (l->used - k >= a && memcmp(l->text + k, from[i], a) == 0) {
                for (at = 0; at < b; at++) l->text[w++] = to[i][at];
                k += a;
            } else l->text[w++] = l->text[k++];
        }
        l->used = w;
    }
}

static void ldr__decode_wordpiece(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    size_t start = l->used;
    if (i && p->a.bytes <= n && memcmp(s, p->a.text, (size_t)p->a.bytes) == 0) ldr__lines_put(l, s + p->a.bytes, (size_t)(n - p->a.bytes));
    else {
        if (i) ldr__lines_put(l, " ", 1);
        ldr__lines_put(l, s, (size_t)n);
    }
    if (p->flags[0]) ldr__lines_cleanup(l, start);
    ldr__lines_end(l);
}

/* flags[1]: BPEDecoder's end of a word, which the last token (b) has not. */
static void ldr__decode_suffix(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    ldr__string by;
    by.text = " ";
    by.bytes = i >= 0;
    ldr__lines_replace(l, s, n, p->a, by);
    ldr__lines_end(l);
}

static void ldr__decode_replace(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    (void)i;
    ldr__lines_replace(l, s, n, p->a, p->b);
    ldr__lines_end(l);
}

static void ldr__decode_strip(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    int32_t k;
    (void)i;
    for (k = 0; k < p->flags[0] && n >= p->a.bytes && p->a.bytes && memcmp(s, p->a.text, (size_t)p->a.bytes) == 0; k++) {
        s += p->a.bytes;
        n -= p->a.bytes;
    }
    for (k = 0; k < p->flags[1] && n >= p->a.bytes && p->a.bytes && memcmp(s + n - p->a.bytes, p->a.text, (size_t)p->a.bytes) == 0; k++) n -= p->a.bytes;
    ldr__lines_put(l, s, (size_t)n);
    ldr__lines_end(l);
}

static void ldr__decode_metaspace(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    ldr__string by;
    by.text = " ";
    by.bytes = !(i == 0 && p->flags[0]);
    ldr__lines_replace(l, s, n, p->a, by);
    ldr__lines_end(l);
}

static void ldr__decode_fuse(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    (void)p;
    (void)i;
    ldr__lines_put(l, s, (size_t)n);
}

/* The bytes that characters stand for; a token with a character that stands for none is its own bytes. */
static void ldr__decode_bytes(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    int32_t k, bytes;
    int all = 1;
    (void)p;
    (void)i;
    for (k = 0; k < n && all; k += bytes) all = ldr__char_byte(ldr__utf8_at(s + k, &bytes)) >= 0;
    for (k = 0; k < n && all; k += bytes) {
        char byte = (char)ldr__char_byte(ldr__utf8_at(s + k, &bytes));
        ldr__lines_put(l, &byte, 1);
    }
    if (!all) ldr__lines_put(l, s, (size_t)n);
}

/* A run of <0x..>: its bytes if they are UTF-8, else U+FFFD for each. */
static void ldr__decode_fallback_end(ldr__lines *l) {
    size_t start = l->used - l->pending_used, i, n = 1, bytes = l->pending_used;
    for (i = 0; i < bytes && n; i += n) n = ldr__utf8_length((const unsigned char *)l->text + start + i, bytes - i);
    if (bytes && !l->failed) {
        if (!n) {
            l->used = start;
            for (i = 0; i < bytes; i++) {
                ldr__lines_put(l, "\xef\xbf\xbd", 3);
                ldr__lines_end(l);
            }
        } else ldr__lines_end(l);
    }
    l->pending_used = 0;
}

static void ldr__decode_fallback(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    uint32_t v = 0;
    int k, ok = n == 6 && memcmp(s, "<0x", 3) == 0 && s[5] == '>';
    (void)p;
    (void)i;
    for (k = 3; ok && k < 5; k++) {
        int d = s[k] >= '0' && s[k] <= '9' ? s[k] - '0' : (s[k] | 32) >= 'a' && (s[k] | 32) <= 'f' ? (s[k] | 32) - 'a' + 10 : -1;
        ok = d >= 0;
        v = v * 16 + (uint32_t)(d & 15);
    }
    if (ok) {
        char byte = (char)v;
        ldr__lines_put(l, &byte, 1);
        l->pending_used++;
        return;
    }
    ldr__decode_fallback_end(l);
    ldr__lines_put(l, s, (size_t)n);
    ldr__lines_end(l);
}

/* Connectionist temporal classification: neighbours that are equal count once, the padding token is nothing. */
static void ldr__decode_ctc(ldr__lines *l, const ldr__step *p, int32_t i, const char *s, int32_t n) {
    ldr__string none, blank;
    size_t start = l->used;
    (void)i;
    none.text = "";
    none.bytes = 0;
    blank.text = " ";
    blank.bytes = 1;
    if (n == p->a.bytes && memcmp(s, p->a.text, (size_t)n) == 0) return;
    if (p->flags[0]) {
        ldr__lines_replace(l, s, n, p->b, blank);
        ldr__lines_cleanup(l, start);
    } else ldr__lines_replace(l, s, n, p->a, none);
    if (l->used > start) ldr__lines_end(l);
}
/* Bytes that are no UTF-8 become U+FFFD, one for each longest beginning of a character. */
static void ldr__lines_utf8(ldr__lines *out, const char *s, size_t size) {
    size_t i, n, k;
    for (i = 0; i < size && !out->failed; i += n) {
        const unsigned char *u = (const unsigned char *)s + i;
        n = ldr__utf8_length(u, size - i);
        if (n) {
            ldr__lines_put(out, s + i, n);
            continue;
        }
        n = 1;
        if (u[0] >= 0xc2 && u[0] <= 0xf4) {
            k = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
            while (n < k && i + n < size) {
                unsigned low = 0x80, high = 0xbf;
                if (n == 1 && u[0] == 0xe0) low = 0xa0;
                if (n == 1 && u[0] == 0xed) high = 0x9f;
                if (n == 1 && u[0] == 0xf0) low = 0x90;
                if (n == 1 && u[0] == 0xf4) high = 0x8f;
                if (u[n] < low || u[n] > high) break;
                n++;
            }
        }
        ldr__lines_put(out, "\xef\xbf\xbd", 3);
    }
}

/* One decoder over all lines of `in`. */
static void ldr__decode_part(const ldr_tokenizer *t, ldr__lines *out, const ldr__lines *in, const ldr__step *p) {
    int32_t i, from = 0;
    out->used = 0;
    out->count = 0;
    out->pending_used = 0;
    for (i = 0; i < in->count && !out->failed; from = in->ends[i++]) {
        const char *s = in->text ? in->text + from : "";
        int32_t n = in->ends[i] - from, place = i;
        if (p->decoder->run == ldr__decode_suffix && i + 1 == in->count) place = -1;
        if (p->decoder->run == ldr__decode_ctc && i > 0 && n == from - (i > 1 ? in->ends[i - 2] : 0) && memcmp(s, s - n, (size_t)n) == 0) continue;
        p->decoder->run(out, p, place, s, n);
    }
    if (p->decoder->run == ldr__decode_fallback) ldr__decode_fallback_end(out);
    if (p->decoder->run == ldr__decode_fuse || p->decoder->run == ldr__decode_bytes) ldr__lines_end(out);
    (void)t;
}

LDR__DEF ldr_status ldr_tokenizer_decode(const ldr_tokenizer *t, ldr_text *out, const int32_t *ids, int32_t count, int32_t skip_special, ldr_error *err) {
    ldr__lines lines[2], *in = &lines[0], *to = &lines[1], *swap;
    int32_t i, from, k;
    ldr_allocator alloc;
    if (!t || !out || count < 0 || (!ids && count)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "an argument of ldr_tokenizer_decode is NULL or negative");
    if (!ldr__allocator_valid(&out->alloc)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the allocator of the text has one function of two; set both or neither");
    if (!out->data && !out->alloc.alloc_fn) out->alloc = t->alloc;
    alloc = out->alloc;
    out->size = 0;
    memset(lines, 0, sizeof lines);
    in->alloc = to->alloc = &alloc;
    for (i = 0; i < count; i++) {
        ldr__string piece;
        if (ids[i] < 0 || ids[i] >= t->count || !t->pieces[ids[i]].start) continue;      /* as the originals: no such id, no text */
        piece.text = ldr__piece_text(t, ids[i]);
        piece.bytes = (int32_t)ldr__piece_bytes(t, ids[i]);
        k = ldr__trie_find(&t->names, piece.text, (size_t)piece.bytes);
        if (k >= 0 && skip_special && t->added[k].special && t->added[k].shown.text == t->added[k].text.text) continue;
        if (k >= 0) piece = t->added[k].shown;
        if (t->sentencepiece && t->types[ids[i]] == LDR__SP_UNKNOWN) piece = ldr__string_of(" \xe2\x81\x87 ");
        if (t->sentencepiece && t->types[ids[i]] == LDR__SP_CONTROL && skip_special) continue;
        if (!t->decoder_count && in->count) ldr__lines_put(in, " ", 1);
        ldr__lines_put(in, piece.text, (size_t)piece.bytes);
        ldr__lines_end(in);
    }
    for (k = 0; k < t->decoder_count && !in->failed && !to->failed; k++) {
        ldr__decode_part(t, to, in, &t->decoders[k]);
        if (t->decoders[k].decoder->run == ldr__decode_bytes && !to->failed) {
            in->used = 0;
            in->count = 0;
            ldr__lines_utf8(in, to->text ? to->text : "", to->used);
            ldr__lines_end(in);
            continue;
        }
        swap = in;
        in = to;
        to = swap;
    }
    from = (int32_t)in->used;
    if (!in->failed && !to->failed && out->capacity < (size_t)from + 1) {
        char *p = (char *)ldr__alloc(&alloc, (size_t)from + 1);
        if (p) {
            ldr__free(&alloc, out->data, out->capacity);
            out->data = p;
            out->capacity = (size_t)from + 1;
        } else in->failed = 1;
    }
    if (!in->failed && !to->failed) {
        if (from) memcpy(out->data, in->text, (size_t)from);
        out->data[from] = 0;
        out->size = (size_t)from;
    }
    i = in->failed || to->failed;
    ldr__lines_free(in);
    ldr__lines_free(to);
    return i ? ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while decoding %d tokens", (int)count) : LDR_OK;
}

LDR__DEF void ldr_text_free(ldr_text *text) {
    if (!text) return;
    ldr__free(&text->alloc, text->data, text->capacity);
    memset(text, 0, sizeof *text);
}
/* ---- reading a tokenizer.json ------------------------------------------------------------ */

typedef struct ldr__reading {
    ldr_tokenizer   *t;
    const ldr_json  *j;
    ldr_error       *err;
    ldr_status       status;
    int              whole;           /* the file is a vocab.json: an object of pieces alone  */
    int              known_stay;      /* added tokens that are known are not said again       */
} ldr__reading;

static uint64_t ldr__json_offset(const ldr_json *j, int32_t node) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    return n ? n->begin : LDR_NO_OFFSET;
}

static int ldr__json_is(const ldr_json *j, int32_t node, int32_t type) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    return n && n->type == type;
}

/* A value that is there and not null. */
static int32_t ldr__json_there(const ldr_json *j, int32_t object, const char *key) {
    int32_t node = ldr__json_is(j, object, LDR_JSON_OBJECT) ? ldr_json_get(j, object, key) : -1;
    return ldr__json_is(j, node, LDR_JSON_NULL) ? -1 : node;
}

static void ldr__read_memory(ldr__reading *r) {
    if (!r->status) r->status = ldr__fail(r->err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a tokenizer");
}

/* The error that names what is in the file. */
static void ldr__read_fail(ldr__reading *r, ldr_status status, int32_t node, const char *what) {
    char shown[LDR__SHOWN];
    const ldr_json_node *n = ldr_json_node_at(r->j, node);
    if (r->status) return;
    if (n) r->status = ldr__fail(r->err, status, n->begin, "%s (found %s)", what, ldr__show(shown, r->j->text + n->begin, n->end - n->begin));
    else r->status = ldr__fail(r->err, status, LDR_NO_OFFSET, "%s", what);
}

static int ldr__read_flag(ldr__reading *r, int32_t object, const char *key, int otherwise) {
    int32_t node = ldr__json_there(r->j, object, key);
    if (node < 0) return otherwise;
    if (!ldr__json_is(r->j, node, LDR_JSON_TRUE) && !ldr__json_is(r->j, node, LDR_JSON_FALSE)) ldr__read_fail(r, LDR_FORMAT, node, "a setting of the tokenizer must be true or false");
    return ldr__json_is(r->j, node, LDR_JSON_TRUE);
}

static int32_t ldr__read_int(ldr__reading *r, int32_t object, const char *key, int32_t low, int32_t high, int32_t otherwise) {
    int32_t node = ldr__json_there(r->j, object, key);
    int64_t v = otherwise;
    if (node < 0) return otherwise;
    if (!ldr__json_integer(r->j, node, &v) || v < low || v > high) {
        if (!r->status) r->status = ldr__fail(r->err, LDR_FORMAT, ldr__json_offset(r->j, node), "the tokenizer's \"%s\" is not a number from %d to %d", key, (int)low, (int)high);
        return otherwise;
    }
    return (int32_t)v;
}

/* A string node, kept with the tokenizer. */
static ldr__string ldr__read_string(ldr__reading *r, int32_t node) {
    ldr__string s;
    ptrdiff_t n = ldr_json_string(NULL, 0, r->j, node);
    char *p;
    s.text = "";
    s.bytes = 0;
    if (n < 0) {
        ldr__read_fail(r, LDR_FORMAT, node, "a setting of the tokenizer must be a text");
        return s;
    }
    p = n < INT32_MAX / 2 ? (char *)ldr__tokenizer_keep(r->t, (size_t)n + 1) : NULL;
    if (!p) {
        ldr__read_memory(r);
        return s;
    }
    ldr_json_string(p, (size_t)n + 1, r->j, node);
    s.text = p;
    s.bytes = (int32_t)n;
    return s;
}

static ldr__string ldr__read_text(ldr__reading *r, int32_t object, const char *key, const char *otherwise) {
    int32_t node = ldr__json_there(r->j, object, key);
    return node < 0 ? ldr__string_of(otherwise) : ldr__read_string(r, node);
}

/* {"String": ..} or {"Regex": ..}. */
static void ldr__read_pattern(ldr__reading *r, ldr__step *p, int32_t node) {
    int32_t pattern = ldr__json_there(r->j, node, "pattern"), text = ldr__json_there(r->j, pattern, "String"), regex = ldr__json_there(r->j, pattern, "Regex");
    if (ldr__json_is(r->j, pattern, LDR_JSON_STRING)) text = pattern;
    if (text < 0 && regex < 0) {
        ldr__read_fail(r, LDR_UNSUPPORTED, pattern >= 0 ? pattern : node, "a pattern of the tokenizer is neither a String nor a Regex");
        return;
    }
    p->find = text >= 0 ? LDR__FIND_TEXT : LDR__FIND_REGEX;
    p->a = ldr__read_string(r, text >= 0 ? text : regex);
    if (r->status || text >= 0) return;
    p->program = ldr__regex_compile(r->t, p->a, ldr__json_offset(r->j, regex), r->err);
    if (!p->program) r->status = r->err ? r->err->status : LDR_UNSUPPORTED;
}

static void ldr__read_behaviour(ldr__reading *r, ldr__step *p, int32_t node, int32_t otherwise) {
    static const char *const names[] = { "Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext" };
    int32_t value = ldr__json_there(r->j, node, "behavior"), i;
    p->behaviour = otherwise;
    if (value < 0) return;
    for (i = 0; i < 5; i++)
        if (ldr_json_equals(r->j, value, names[i])) break;
    if (i == 5) ldr__read_fail(r, LDR_UNSUPPORTED, value, "the \"behavior\" of a splitter is not known");
    p->behaviour = i;
}

/* ---- rows of normalisers ---------------------------------------------------------------- */

static void ldr__read_nothing(ldr__reading *r, ldr__step *p, int32_t node) {
    (void)r;
    (void)p;
    (void)node;
}

static void ldr__read_bert(ldr__reading *r, ldr__step *p, int32_t node) {
    p->flags[0] = ldr__read_flag(r, node, "clean_text", 1);
    p->flags[1] = ldr__read_flag(r, node, "handle_chinese_chars", 1);
    p->flags[3] = ldr__read_flag(r, node, "lowercase", 1);
    p->flags[2] = ldr__read_flag(r, node, "strip_accents", p->flags[3]);
}

static void ldr__read_form(ldr__reading *r, ldr__step *p, int32_t node) {
    (void)r;
    (void)node;
    p->flags[0] = p->normalizer->setting & 1;
    p->flags[1] = p->normalizer->setting >> 1;
}

static void ldr__read_strip(ldr__reading *r, ldr__step *p, int32_t node) {
    p->flags[0] = ldr__read_flag(r, node, "strip_left", 1);
    p->flags[1] = ldr__read_flag(r, node, "strip_right", 1);
}

static void ldr__read_prepend(ldr__reading *r, ldr__step *p, int32_t node) { p->a = ldr__read_text(r, node, "prepend", ""); }

static void ldr__read_replace(ldr__reading *r, ldr__step *p, int32_t node) {
    ldr__read_pattern(r, p, node);
    p->b = ldr__read_text(r, node, "content", "");
}

static void ldr__normalize_replace(ldr__norm *p, const ldr__step *part) {
    int32_t from = 0, begin = 0, end = 0;
    while (!p->c->status && ldr__find(p->c, part, p->in.text, p->in.size, from, &begin, &end)) {
        ldr__put_same(p, begin);
        ldr__put_string(p, part->b, end);
        from = end > begin ? end : end < p->in.size ? end + ldr__utf8_bytes((unsigned char)p->in.text[end]) : p->in.size + 1;
    }
    ldr__put_same(p, p->in.size);
}

/* Checks a map of characters and notes which ASCII characters it leaves alone. bytes: 4 of size, the double array, the texts. */
static ldr_status ldr__map_open(ldr__step *p, const unsigned char *bytes, size_t n, uint64_t offset, ldr_error *err) {
    uint32_t size = n >= 4 ? ldr__load_u32(bytes) : 0, i, leaf, unit, value;
    char c;
    int32_t used;
    if (n < 8 || size % 4 || size < 4 || size > n - 4 || n > 0x7fffffff) return ldr__fail(err, LDR_FORMAT, offset, "the map of characters is cut off or claims %U bytes of %U", (uint64_t)size, (uint64_t)n);
    p->units = bytes + 4;
    p->unit_count = size / 4;
    p->a.text = (const char *)bytes + 4 + size;
    p->a.bytes = (int32_t)(n - 4 - size);
    if (!p->a.bytes || p->a.text[p->a.bytes - 1] != 0) return ldr__fail(err, LDR_FORMAT, offset, "the texts of the map of characters have no end");
    for (i = 0; i < p->unit_count; i++) {
        unit = ldr__map_unit(p, i);
        if (!(unit & 256) || unit & 0x80000000u) continue;
        leaf = i ^ unit >> 10 << ((unit & 512) >> 6);
        value = ldr__map_unit(p, leaf) & 0x7fffffffu;
        if (leaf >= p->unit_count || value >= (uint32_t)p->a.bytes) return ldr__fail(err, LDR_FORMAT, offset, "entry %U of the map of characters leads outside", (uint64_t)i);
    }
    for (i = 0; i < (uint32_t)p->a.bytes;) {
        size_t bytes_left = (size_t)p->a.bytes - i, step = ldr__utf8_length((const unsigned char *)p->a.text + i, bytes_left);
        if (!step) return ldr__fail(err, LDR_FORMAT, offset, "the texts of the map of characters are not UTF-8");
        i += (uint32_t)step;
    }
    for (i = 0; i < 128; i++) {
        c = (char)i;
        p->single[i] = (int16_t)(i && ldr__map_find(p, &c, 1, 0, &used) ? -1 : 0);
    }
    return LDR_OK;
}

static void ldr__read_map(ldr__reading *r, ldr__step *p, int32_t node) {
    int32_t value = ldr__json_there(r->j, node, "precompiled_charsmap"), i, k = 0, bits = 0;
    ldr__string s;
    unsigned char *out;
    uint32_t v = 0;
    if (value < 0) {
        p->unit_count = 0;
        memset(p->single, 0, sizeof p->single);
        return;
    }
    s = ldr__read_string(r, value);
    out = r->status ? NULL : (unsigned char *)ldr__tokenizer_keep(r->t, (size_t)s.bytes / 4 * 3 + 4);
    if (!out) {
        ldr__read_memory(r);
        return;
    }
    for (i = 0; i < s.bytes && s.text[i] != '='; i++) {
        char c = s.text[i];
        int d = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
        if (d < 0) {
            ldr__read_fail(r, LDR_FORMAT, value, "the map of characters is not base64");
            return;
        }
        v = (v << 6 | (uint32_t)d) & 0xffffffu;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[k++] = (unsigned char)(v >> bits & 255);
        }
    }
    if (k) r->status = ldr__map_open(p, out, (size_t)k, ldr__json_offset(r->j, value), r->err);
}

static const ldr__normalizer ldr__normalizers[] = {
    { "BertNormalizer", ldr__read_bert, ldr__normalize_bert, 0 },
    { "NFD", ldr__read_form, ldr__normalize_form, 0 },
    { "NFKD", ldr__read_form, ldr__normalize_form, 1 },
    { "NFC", ldr__read_form, ldr__normalize_form, 2 },
    { "NFKC", ldr__read_form, ldr__normalize_form, 3 },
    { "Lowercase", ldr__read_nothing, ldr__normalize_lowercase, 0 },
    { "StripAccents", ldr__read_nothing, ldr__normalize_strip_accents, 0 },
    { "Strip", ldr__read_strip, ldr__normalize_strip, 0 },
    { "Prepend", ldr__read_prepend, ldr__normalize_prepend, 0 },
    { "Replace", ldr__read_replace, ldr__normalize_replace, 0 },
    { "Nmt", ldr__read_nothing, ldr__normalize_nmt, 0 },
    { "Precompiled", ldr__read_map, ldr__normalize_map, 0 },
    { "ByteLevel", ldr__read_nothing, ldr__normalize_bytes, 0 },
};
static const ldr__normalizer ldr__normalizer_sentencepiece = { "SentencePiece", ldr__read_nothing, ldr__normalize_sentencepiece, 0 };

/* ---- rows of splitters ------------------------------------------------------------------ */

static const ldr__splitter ldr__splitter_find = { "", ldr__read_nothing, ldr__split_find, 0 };
static const ldr__splitter ldr__splitter_to_bytes = { "", ldr__read_nothing, ldr__split_to_bytes, 0 };

/* One part more, behind those that are there. */
static ldr__step *ldr__more_part(ldr__reading *r, ldr__step *parts, int32_t *count) {
    if (*count < LDR__PARTS) return &parts[(*count)++];
    if (!r->status) r->status = ldr__fail(r->err, LDR_LIMIT, LDR_NO_OFFSET, "the tokenizer has more than %d parts of one kind", LDR__PARTS);
    return NULL;
}

static void ldr__read_split_bert(ldr__reading *r, ldr__step *p, int32_t node) {
    ldr__step *more = ldr__more_part(r, r->t->splitters, &r->t->splitter_count);
    (void)node;
    p->find = LDR__FIND_WHITE;
    p->behaviour = LDR__REMOVED;
    if (!more) return;
    more->splitter = &ldr__splitter_find;
    more->find = LDR__FIND_PUNCT;
    more->behaviour = LDR__ISOLATED;
}

/* setting: what is looked for and how it splits; 100 more: what lies between goes. */
static void ldr__read_split_fixed(ldr__reading *r, ldr__step *p, int32_t node) {
    (void)r;
    (void)node;
    p->find = p->splitter->setting;
    p->behaviour = LDR__REMOVED;
    p->invert = p->find == LDR__FIND_WORD;
}

static void ldr__read_split_digits(ldr__reading *r, ldr__step *p, int32_t node) {
    p->find = LDR__FIND_NUMBER;
    p->behaviour = ldr__read_flag(r, node, "individual_digits", 0) ? LDR__ISOLATED : LDR__CONTIGUOUS;
}

static void ldr__read_split_punctuation(ldr__reading *r, ldr__step *p, int32_t node) {
    p->find = LDR__FIND_PUNCT;
    ldr__read_behaviour(r, p, node, LDR__ISOLATED);
}

static void ldr__read_split_delimiter(ldr__reading *r, ldr__step *p, int32_t node) {
    p->find = LDR__FIND_TEXT;
    p->behaviour = LDR__REMOVED;
    p->a = ldr__read_text(r, node, "delimiter", "");
    if (!p->a.bytes) ldr__read_fail(r, LDR_FORMAT, node, "a splitter has no delimiter");
}

static void ldr__read_split_pattern(ldr__reading *r, ldr__step *p, int32_t node) {
    ldr__read_pattern(r, p, node);
    ldr__read_behaviour(r, p, node, LDR__ISOLATED);
    p->invert = ldr__read_flag(r, node, "invert", 0);
}

/* 0 never, 1 always, 2 of the first text only. */
static int32_t ldr__read_prepend_scheme(ldr__reading *r, int32_t node) {
    int32_t scheme = ldr__json_there(r->j, node, "prepend_scheme");
    if (scheme < 0) return ldr__read_flag(r, node, "add_prefix_space", 1);
    if (ldr_json_equals(r->j, scheme, "always")) return 1;
    if (ldr_json_equals(r->j, scheme, "first")) return 2;
    if (!ldr_json_equals(r->j, scheme, "never")) ldr__read_fail(r, LDR_UNSUPPORTED, scheme, "the \"prepend_scheme\" is not known");
    return 0;
}

static void ldr__read_split_metaspace(ldr__reading *r, ldr__step *p, int32_t node) {
    p->find = LDR__FIND_TEXT;
    p->behaviour = LDR__WITH_NEXT;
    p->a = ldr__read_text(r, node, "replacement", "\xe2\x96\x81");
    p->flags[0] = ldr__read_prepend_scheme(r, node);
    p->flags[1] = ldr__read_flag(r, node, "split", 1);
    if (!p->a.bytes) ldr__read_fail(r, LDR_FORMAT, node, "a blank becomes nothing");
}

static const char ldr__gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static void ldr__split_gpt2(ldr__reading *r, ldr__step *p, int prefix, int regex, const char *pattern) {
    ldr__step *more = ldr__more_part(r, r->t->splitters, &r->t->splitter_count);
    p->flags[0] = prefix;
    p->flags[1] = regex;
    p->find = LDR__FIND_REGEX;
    p->behaviour = LDR__ISOLATED;
    if (!more) return;
    more->splitter = &ldr__splitter_to_bytes;
    if (!regex) return;
    p->program = ldr__regex_compile(r->t, ldr__string_of(pattern), LDR_NO_OFFSET, r->err);
    if (!p->program && !r->status) r->status = r->err ? r->err->status : LDR_MEMORY;
}

static void ldr__read_split_bytes(ldr__reading *r, ldr__step *p, int32_t node) {
    int prefix = ldr__read_flag(r, node, "add_prefix_space", 1), regex = ldr__read_flag(r, node, "use_regex", 1);
    ldr__split_gpt2(r, p, prefix, regex, ldr__gpt2_pattern);
}

static void ldr__read_split_lengths(ldr__reading *r, ldr__step *p, int32_t node) { p->flags[0] = ldr__read_int(r, node, "length", 1, 1 << 20, 5); }

static const ldr__splitter ldr__splitters[] = {
    { "BertPreTokenizer", ldr__read_split_bert, ldr__split_find, 0 },
    { "Whitespace", ldr__read_split_fixed, ldr__split_find, LDR__FIND_WORD },
    { "WhitespaceSplit", ldr__read_split_fixed, ldr__split_find, LDR__FIND_WHITE },
    { "Metaspace", ldr__read_split_metaspace, ldr__split_metaspace, 0 },
    { "ByteLevel", ldr__read_split_bytes, ldr__split_bytes, 0 },
    { "Split", ldr__read_split_pattern, ldr__split_find, 0 },
    { "Digits", ldr__read_split_digits, ldr__split_find, 0 },
    { "Punctuation", ldr__read_split_punctuation, ldr__split_find, 0 },
    { "CharDelimiterSplit", ldr__read_split_delimiter, ldr__split_find, 0 },
    { "UnicodeScripts", ldr__read_nothing, ldr__split_scripts, 0 },
    { "FixedLength", ldr__read_split_lengths, ldr__split_lengths, 0 },
};

/* ---- rows of decoders ------------------------------------------------------------------- */

static void ldr__read_decode_wordpiece(ldr__reading *r, ldr__step *p, int32_t node) {
    p->a = ldr__read_text(r, node, "prefix", "##");
    p->flags[0] = ldr__read_flag(r, node, "cleanup", 1);
}

static void ldr__read_decode_suffix(ldr__reading *r, ldr__step *p, int32_t node) { p->a = ldr__read_text(r, node, "suffix", "</w>"); }

static void ldr__read_decode_replace(ldr__reading *r, ldr__step *p, int32_t node) {
    ldr__read_replace(r, p, node);
    if (p->find == LDR__FIND_REGEX) ldr__read_fail(r, LDR_UNSUPPORTED, node, "a decoder replaces a regular expression");
}

static void ldr__read_decode_strip(ldr__reading *r, ldr__step *p, int32_t node) {
    p->a = ldr__read_text(r, node, "content", " ");
    p->flags[0] = ldr__read_int(r, node, "start", 0, INT32_MAX, 0);
    p->flags[1] = ldr__read_int(r, node, "stop", 0, INT32_MAX, 0);
}

static void ldr__read_decode_metaspace(ldr__reading *r, ldr__step *p, int32_t node) {
    p->a = ldr__read_text(r, node, "replacement", "\xe2\x96\x81");
    p->flags[0] = ldr__read_prepend_scheme(r, node);
}

static void ldr__read_decode_ctc(ldr__reading *r, ldr__step *p, int32_t node) {
    p->a = ldr__read_text(r, node, "pad_token", "<pad>");
    p->b = ldr__read_text(r, node, "word_delimiter_token", "|");
    p->flags[0] = ldr__read_flag(r, node, "cleanup", 1);
}

static const ldr__decoder ldr__decoders[] = {
    { "WordPiece", ldr__read_decode_wordpiece, ldr__decode_wordpiece, 0 },
    { "ByteLevel", ldr__read_nothing, ldr__decode_bytes, 0 },
    { "ByteFallback", ldr__read_nothing, ldr__decode_fallback, 0 },
    { "Fuse", ldr__read_nothing, ldr__decode_fuse, 0 },
    { "Strip", ldr__read_decode_strip, ldr__decode_strip, 0 },
    { "Replace", ldr__read_decode_replace, ldr__decode_replace, 0 },
    { "Metaspace", ldr__read_decode_metaspace, ldr__decode_metaspace, 0 },
    { "BPEDecoder", ldr__read_decode_suffix, ldr__decode_suffix, 0 },
    { "CTC", ldr__read_decode_ctc, ldr__decode_ctc, 0 },
};

/* ---- lists of parts --------------------------------------------------------------------- */

/* What kind of part a list holds: the key of its members and the reader of one. */
typedef struct ldr__list { const char *what, *members; void (*one)(ldr__reading *r, int32_t type, int32_t node); } ldr__list;

static void ldr__read_list(ldr__reading *r, const ldr__list *list, int32_t node, int depth) {
    int32_t type, k;
    if (node < 0 || r->status || ldr__json_is(r->j, node, LDR_JSON_NULL)) return;
    type = ldr__json_there(r->j, node, "type");
    if (!ldr__json_is(r->j, type, LDR_JSON_STRING) || depth > 8) {
        if (!r->status) r->status = ldr__fail(r->err, LDR_FORMAT, ldr__json_offset(r->j, node), "the %s has no \"type\", or they are nested too deeply", list->what);
        return;
    }
    if (!ldr_json_equals(r->j, type, "Sequence")) {
        list->one(r, type, node);
        return;
    }
    k = ldr__json_there(r->j, node, list->members);
    if (!ldr__json_is(r->j, k, LDR_JSON_ARRAY)) ldr__read_fail(r, LDR_FORMAT, node, "a Sequence has no members");
    for (k = r->status ? -1 : ldr_json_node_at(r->j, k)->first; k >= 0 && !r->status; k = ldr_json_node_at(r->j, k)->next) ldr__read_list(r, list, k, depth + 1);
}

static void ldr__read_normalizer(ldr__reading *r, int32_t type, int32_t node) {
    size_t i;
    ldr__step *p;
    for (i = 0; i < sizeof ldr__normalizers / sizeof *ldr__normalizers; i++)
        if (ldr_json_equals(r->j, type, ldr__normalizers[i].name)) break;
    if (i == sizeof ldr__normalizers / sizeof *ldr__normalizers) {
        ldr__read_fail(r, LDR_UNSUPPORTED, type, "the tokenizer has a normalizer that is not known");
        return;
    }
    p = ldr__more_part(r, r->t->normalizers, &r->t->normalizer_count);
    if (!p) return;
    p->normalizer = &ldr__normalizers[i];
    p->normalizer->read(r, p, node);
}

static void ldr__read_splitter(ldr__reading *r, int32_t type, int32_t node) {
    size_t i;
    ldr__step *p;
    for (i = 0; i < sizeof ldr__splitters / sizeof *ldr__splitters; i++)
        if (ldr_json_equals(r->j, type, ldr__splitters[i].name)) break;
    if (i == sizeof ldr__splitters / sizeof *ldr__splitters) {
        ldr__read_fail(r, LDR_UNSUPPORTED, type, "the tokenizer has a pre-tokenizer that is not known");
        return;
    }
    p = ldr__more_part(r, r->t->splitters, &r->t->splitter_count);
    if (!p) return;
    p->splitter = &ldr__splitters[i];
    p->splitter->read(r, p, node);
}

static void ldr__read_decoder(ldr__reading *r, int32_t type, int32_t node) {
    size_t i;
    ldr__step *p;
    for (i = 0; i < sizeof ldr__decoders / sizeof *ldr__decoders; i++)
        if (ldr_json_equals(r->j, type, ldr__decoders[i].name)) break;
    if (i == sizeof ldr__decoders / sizeof *ldr__decoders) {
        ldr__read_fail(r, LDR_UNSUPPORTED, type, "the tokenizer has a decoder that is not known");
        return;
    }
    p = ldr__more_part(r, r->t->decoders, &r->t->decoder_count);
    if (!p) return;
    p->decoder = &ldr__decoders[i];
    p->decoder->read(r, p, node);
}

/* ---- post-processors -------------------------------------------------------------------- */

static void ldr__template_add(ldr__reading *r, ldr__template *m, int32_t sequence, int32_t id, int32_t type) {
    if (m->count == (int32_t)(sizeof m->items / sizeof *m->items)) {
        if (!r->status) r->status = ldr__fail(r->err, LDR_LIMIT, LDR_NO_OFFSET, "the template of the tokenizer has more than %d parts", (int)m->count);
        return;
    }
    m->items[m->count].sequence = sequence;
    m->items[m->count].id = id;
    m->items[m->count++].type = type;
    m->added += sequence < 0;
}

/* Text or texts with nothing around them. */
static void ldr__template_plain(ldr__reading *r) {
    memset(&r->t->single, 0, sizeof r->t->single);
    memset(&r->t->pair, 0, sizeof r->t->pair);
    ldr__template_add(r, &r->t->single, 0, -1, 0);
    ldr__template_add(r, &r->t->pair, 0, -1, 0);
    ldr__template_add(r, &r->t->pair, 1, -1, 1);
}

/* cls A sep, and for two texts cls A sep (doubled: sep) B sep; the second text has type `type`. */
static void ldr__template_pair(ldr__reading *r, int32_t cls, int32_t sep, int doubled, int32_t type) {
    ldr__template *m = &r->t->single;
    int k;
    memset(&r->t->single, 0, sizeof *m);
    memset(&r->t->pair, 0, sizeof *m);
    for (k = 0; k < 2; k++, m = &r->t->pair) {
        ldr__template_add(r, m, -1, cls, 0);
        ldr__template_add(r, m, 0, -1, 0);
        ldr__template_add(r, m, -1, sep, 0);
    }
    m = &r->t->pair;
    if (doubled) ldr__template_add(r, m, -1, sep, 0);
    ldr__template_add(r, m, 1, -1, type);
    ldr__template_add(r, m, -1, sep, type);
}

/* "sep": ["[SEP]", 3]. */
static int32_t ldr__read_token_pair(ldr__reading *r, int32_t node, const char *key) {
    int32_t list = ldr__json_there(r->j, node, key), id = -1;
    int64_t v = -1;
    if (ldr__json_is(r->j, list, LDR_JSON_ARRAY) && ldr_json_node_at(r->j, list)->count == 2) id = ldr_json_node_at(r->j, ldr_json_node_at(r->j, list)->first)->next;
    if (id < 0 || !ldr__json_integer(r->j, id, &v) || v >= r->t->count) ldr__read_fail(r, LDR_FORMAT, list >= 0 ? list : node, "the post-processor has no token with an id of the vocabulary");
    return (int32_t)v;
}

static void ldr__read_template_items(ldr__reading *r, ldr__template *m, int32_t node, int32_t tokens) {
    int32_t k = ldr_json_node_at(r->j, node)->first;
    memset(m, 0, sizeof *m);
    for (; k >= 0 && !r->status; k = ldr_json_node_at(r->j, k)->next) {
        int32_t text = ldr__json_there(r->j, k, "Sequence"), special = ldr__json_there(r->j, k, "SpecialToken"), ids, i;
        int32_t type = ldr__read_int(r, text >= 0 ? text : special, "type_id", 0, 1 << 20, 0), name;
        int64_t id = -1;
        if (text >= 0) {
            int32_t which = ldr_json_equals(r->j, ldr__json_there(r->j, text, "id"), "B");
            ldr__template_add(r, m, which, -1, type);
            continue;
        }
        name = ldr__json_there(r->j, special, "id");
        ids = -1;
        if (ldr__json_is(r->j, name, LDR_JSON_STRING)) {
            ldr__string key = ldr__read_string(r, name);
            ids = ldr__json_there(r->j, ldr__json_there(r->j, tokens, key.text), "ids");
        }
        if (!ldr__json_is(r->j, ids, LDR_JSON_ARRAY)) {
            ldr__read_fail(r, LDR_FORMAT, k, "the template names a token that is not among its special_tokens");
            return;
        }
        for (i = ldr_json_node_at(r->j, ids)->first; i >= 0; i = ldr_json_node_at(r->j, i)->next) {
            if (!ldr__json_integer(r->j, i, &id) || id >= r->t->count) ldr__read_fail(r, LDR_FORMAT, i, "an id of the template is not in the vocabulary");
            ldr__template_add(r, m, -1, (int32_t)id, type);
        }
    }
}

/* A template takes each text once and in order. */
static void ldr__template_check(ldr__reading *r, const ldr__template *m, int32_t texts, int32_t node) {
    int32_t i, next = 0;
    for (i = 0; i < m->count; i++)
        if (m->items[i].sequence >= 0 && m->items[i].sequence != next++) ldr__read_fail(r, LDR_UNSUPPORTED, node, "the template does not take each text once and in order");
    if (next != texts) ldr__read_fail(r, LDR_UNSUPPORTED, node, "the template does not take each text once and in order");
}

static void ldr__read_template(ldr__reading *r, int32_t node) {
    int32_t tokens = ldr__json_there(r->j, node, "special_tokens"), single = ldr__json_there(r->j, node, "single"), pair = ldr__json_there(r->j, node, "pair");
    if (!ldr__json_is(r->j, single, LDR_JSON_ARRAY)) {
        ldr__read_fail(r, LDR_FORMAT, node, "the template has no \"single\" list");
        return;
    }
    ldr__read_template_items(r, &r->t->single, single, tokens);
    ldr__template_check(r, &r->t->single, 1, node);
    if (!ldr__json_is(r->j, pair, LDR_JSON_ARRAY)) return;
    ldr__read_template_items(r, &r->t->pair, pair, tokens);
    ldr__template_check(r, &r->t->pair, 2, node);
}

static void ldr__read_processor(ldr__reading *r, int32_t type, int32_t node) {
    int32_t roberta = ldr_json_equals(r->j, type, "RobertaProcessing"), bytes = ldr_json_equals(r->j, type, "ByteLevel"), cls, sep;
    if (roberta || bytes) {
        if (ldr__read_flag(r, node, "trim_offsets", 1)) {
            r->t->trim = 1;
            r->t->trim_prefix = ldr__read_flag(r, node, "add_prefix_space", 1);
        }
        if (bytes) return;
    }
    if (ldr_json_equals(r->j, type, "TemplateProcessing")) ldr__read_template(r, node);
    else if (roberta || ldr_json_equals(r->j, type, "BertProcessing")) {
        cls = ldr__read_token_pair(r, node, "cls");
        sep = ldr__read_token_pair(r, node, "sep");
        ldr__template_pair(r, cls, sep, roberta, roberta ? 0 : 1);
    } else ldr__read_fail(r, LDR_UNSUPPORTED, type, "the tokenizer has a post-processor that is not known");
}
/* ---- rows of cutters -------------------------------------------------------------------- */

/* model.vocab, an object of pieces and ids: every id once; there may be holes, but not more than pieces. */
static void ldr__read_vocab(ldr__reading *r, int32_t model, int32_t extra) {
    ldr_tokenizer *t = r->t;
    int32_t vocab = r->whole ? model : ldr__json_there(r->j, model, "vocab"), key, value, room;
    const ldr_json_node *v = ldr_json_node_at(r->j, vocab);
    int64_t id = -1, top = -1;
    if (!ldr__json_is(r->j, vocab, LDR_JSON_OBJECT)) {
        if (!r->status) r->status = ldr__fail(r->err, LDR_VOCAB, ldr__json_offset(r->j, vocab >= 0 ? vocab : model), "model.vocab is not a table of pieces and ids");
        return;
    }
    for (key = v->first; key >= 0; key = ldr_json_node_at(r->j, value)->next) {
        value = ldr_json_node_at(r->j, key)->next;
        if (!ldr__json_integer(r->j, value, &id) || id < 0 || id > 2 * (int64_t)v->count + 65536) {
            if (!r->status) r->status = ldr__fail(r->err, LDR_VOCAB, ldr__json_offset(r->j, value), "the ids of %d pieces must be numbers from 0 on with few holes, and this is none of them", (int)v->count);
            return;
        }
        if (id > top) top = id;
    }
    room = (int32_t)top + 1 + extra;
    if (!ldr__pieces_begin(t, room, 0, 0, (v->end - v->begin) / 2)) ldr__read_memory(r);
    for (key = v->first; key >= 0 && !r->status; key = ldr_json_node_at(r->j, value)->next) {
        ptrdiff_t n = ldr_json_string(NULL, 0, r->j, key);
        char *p;
        value = ldr_json_node_at(r->j, key)->next;
        ldr__json_integer(r->j, value, &id);
        if (t->pieces[id].start) {
            r->status = ldr__fail(r->err, LDR_VOCAB, ldr__json_offset(r->j, value), "two pieces of the vocabulary have the id %I", id);
            return;
        }
        p = ldr__piece_put(t, (int32_t)id, (size_t)n);
        if (!p) ldr__read_memory(r);
        else {
            ldr_json_string(p, (size_t)n + 1, r->j, key);
            if (strlen(p) != (size_t)n) r->status = ldr__fail(r->err, LDR_VOCAB, ldr__json_offset(r->j, key), "a piece of the vocabulary holds a NUL character");
        }
    }
    if (!r->status && !t->count) r->status = ldr__fail(r->err, LDR_VOCAB, LDR_NO_OFFSET, "the vocabulary is empty");
    if (!r->status && !ldr__pieces_index(t)) ldr__read_memory(r);
}

/* The unknown token of the model; it must be a piece. */
static void ldr__read_unknown(ldr__reading *r, int32_t model, const char *otherwise) {
    ldr__string unk = ldr__read_text(r, model, "unk_token", otherwise);
    char shown[LDR__SHOWN];
    if (r->status || !unk.bytes) return;
    r->t->special[LDR__TOKEN_UNK] = ldr__piece_find(r->t, unk.text, (size_t)unk.bytes);
    if (r->t->special[LDR__TOKEN_UNK] < 0)
        r->status = ldr__fail(r->err, LDR_VOCAB, LDR_NO_OFFSET, "none of the %d pieces is %s, which stands for unknown words; is this the right vocabulary?", (int)r->t->count, ldr__show(shown, unk.text, (size_t)unk.bytes));
}

/* What stands before a piece inside a word. */
static void ldr__set_prefix(ldr_tokenizer *t, ldr__string prefix) {
    t->prefix = prefix;
    t->prefix_hash = ldr__vocab_hash(LDR__HASH_SEED, prefix.text, (size_t)prefix.bytes);
}

static void ldr__read_wordlevel(ldr__reading *r, int32_t model) { ldr__read_unknown(r, model, "<unk>"); }

static void ldr__read_wordpiece(ldr__reading *r, int32_t model) {
    int32_t chars = ldr__json_there(r->j, model, "max_input_chars_per_word");
    int64_t n = LDR__MIN(100, LADDER_MAX_WORD_CHARS);
    ldr__set_prefix(r->t, ldr__read_text(r, model, "continuing_subword_prefix", "##"));
    if (chars >= 0 && (!ldr__json_integer(r->j, chars, &n) || n < 1 || n > LADDER_MAX_WORD_CHARS)) {
        if (!r->status) r->status = ldr__fail(r->err, LDR_LIMIT, ldr__json_offset(r->j, chars), "model.max_input_chars_per_word is not a number from 1 to %d; define LADDER_MAX_WORD_CHARS to raise the limit", LADDER_MAX_WORD_CHARS);
        return;
    }
    r->t->word_chars = (int32_t)n;
    ldr__read_unknown(r, model, "[UNK]");
}

static void ldr__read_unigram(ldr__reading *r, int32_t model) {
    ldr_tokenizer *t = r->t;
    int32_t id;
    t->special[LDR__TOKEN_UNK] = ldr__read_int(r, model, "unk_id", 0, LDR__MAX(t->count - 1, 0), -1);
    t->byte_fallback = ldr__read_flag(r, model, "byte_fallback", 0);
    t->lowest = t->count ? t->scores[0] : 0;
    for (id = 0; id < t->count && !r->status; id++) {
        if (t->scores[id] < t->lowest) t->lowest = t->scores[id];
        if (!ldr__trie_add(t, &t->pieces_trie, ldr__piece_text(t, id), ldr__piece_bytes(t, id), id, 1)) ldr__read_memory(r);
    }
}

/* [[piece, score], ..] */
static void ldr__read_scored(ldr__reading *r, int32_t model, int32_t extra) {
    ldr_tokenizer *t = r->t;
    int32_t vocab = ldr__json_there(r->j, model, "vocab"), k, id = 0, score;
    const ldr_json_node *v = ldr_json_node_at(r->j, vocab);
    if (!ldr__json_is(r->j, vocab, LDR_JSON_ARRAY) || !v->count) {
        ldr__read_fail(r, LDR_VOCAB, vocab >= 0 ? vocab : model, "model.vocab is not a list of pieces and scores");
        return;
    }
    if (!ldr__pieces_begin(t, v->count + extra, 1, 0, (v->end - v->begin) / 3)) ldr__read_memory(r);
    for (k = v->first; k >= 0 && !r->status; k = ldr_json_node_at(r->j, k)->next, id++) {
        const ldr_json_node *pair = ldr_json_node_at(r->j, k);
        ptrdiff_t n = pair->type == LDR_JSON_ARRAY && pair->count == 2 ? ldr_json_string(NULL, 0, r->j, pair->first) : -1;
        char *p;
        score = n >= 0 ? ldr_json_node_at(r->j, pair->first)->next : -1;
        if (!ldr__json_is(r->j, score, LDR_JSON_NUMBER)) {
            ldr__read_fail(r, LDR_VOCAB, k, "an entry of model.vocab is not a piece and its score");
            return;
        }
        t->scores[id] = ldr_json_number(r->j, score, 0);
        if (t->scores[id] - t->scores[id] != 0) ldr__read_fail(r, LDR_VOCAB, score, "the score of a piece is not finite");
        p = ldr__piece_put(t, id, (size_t)n);
        if (!p) ldr__read_memory(r);
        else {
            ldr_json_string(p, (size_t)n + 1, r->j, pair->first);
            if (strlen(p) != (size_t)n) ldr__read_fail(r, LDR_VOCAB, k, "a piece of the vocabulary holds a NUL character");
        }
    }
    if (!r->status && !ldr__pieces_index(t)) ldr__read_memory(r);
}

/* Room for n merges. */
static int ldr__merges_begin(ldr_tokenizer *t, size_t n) {
    size_t slots = 4, i;
    while (slots < n + n / 2) slots *= 2;
    t->merges = (ldr__merge *)ldr__tokenizer_alloc(t, slots * sizeof *t->merges);
    if (!t->merges) return 0;
    t->merge_slots = slots;
    for (i = 0; i < slots; i++) t->merges[i].id = -1;
    t->together = (unsigned char *)ldr__tokenizer_keep(t, 8192);
    return t->together != NULL;
}

/* Which two characters meet when a and b are joined: no other neighbours ever become one piece. */
static void ldr__merge_meets(ldr_tokenizer *t, const char *a, int32_t a_bytes, const char *b) {
    int32_t n;
    uint32_t x = ldr__utf8_at(a + ldr__utf8_before(a, a_bytes), &n), y = ldr__utf8_at(b, &n), h = (x * 0x9e3779b1u ^ y * 0x85ebca6bu);
    h = (h ^ h >> 15) & 0xffff;
    t->together[h / 8] = (unsigned char)(t->together[h / 8] | 1u << h % 8);
}

/* One merge of rank `rank`: 0, or what is wrong with it. */
static const char *ldr__merge_add(ldr_tokenizer *t, const char *a, size_t an, const char *b, size_t bn, uint32_t rank) {
    int32_t left = ldr__piece_find(t, a, an), right = ldr__piece_find(t, b, bn), id;
    size_t skip = (size_t)t->prefix.bytes, i;
    uint32_t hash;
    if (left < 0 || right < 0) return "a merge has a part that is not in the vocabulary";
    if (bn < skip || !an || !bn) return "a merge has a part that is too short";
    hash = ldr__vocab_hash(ldr__vocab_hash(LDR__HASH_SEED, a, an), b + skip, bn - skip);
    id = ldr__slot_find(t, hash, a, an, b + skip, bn - skip)->id;
    if (id < 0) return "what a merge joins is not in the vocabulary";
    i = ldr__merge_slot((uint32_t)left, (uint32_t)right) & (t->merge_slots - 1);
    while (t->merges[i].id >= 0 && (t->merges[i].left != (uint32_t)left || t->merges[i].right != (uint32_t)right)) i = (i + 1) & (t->merge_slots - 1);
    t->merges[i].left = (uint32_t)left;
    t->merges[i].right = (uint32_t)right;
    t->merges[i].rank = rank;
    t->merges[i].id = id;
    if (!t->together) return NULL;
    if (skip || t->suffix.bytes || (an == 6 && a[0] == '<' && a[1] == '0' && a[2] == 'x') || (bn == 6 && b[0] == '<' && b[1] == '0' && b[2] == 'x')) t->together = NULL;
    else ldr__merge_meets(t, a, (int32_t)an, b);
    return NULL;
}

/* "a b" or ["a", "b"]. */
static void ldr__read_merge(ldr__reading *r, int32_t node, uint32_t rank) {
    char local[1024], *s = local;
    int32_t first = node, second = -1;
    const ldr_json_node *n = ldr_json_node_at(r->j, node);
    ptrdiff_t an, bn = 0;
    const char *why = "a merge is neither two pieces with a blank between them nor a list of two";
    if (n->type == LDR_JSON_ARRAY && n->count == 2) {
        first = n->first;
        second = ldr_json_node_at(r->j, first)->next;
        bn = ldr_json_string(NULL, 0, r->j, second);
    }
    an = ldr_json_string(NULL, 0, r->j, first);
    if (an >= 0 && bn >= 0 && (size_t)(an + bn) + 2 <= sizeof local) {
        ldr_json_string(s, (size_t)an + 1, r->j, first);
        if (second >= 0) ldr_json_string(s + an + 1, (size_t)bn + 1, r->j, second);
        else {
            char *blank = strchr(s, ' ');
            if (blank && !strchr(blank + 1, ' ')) {
                bn = an - (blank - s) - 1;
                an = blank - s;
            }
        }
        if (second >= 0 || bn > 0) why = ldr__merge_add(r->t, s, (size_t)an, s + an + 1, (size_t)bn, rank);
    } else if (an >= 0 && bn >= 0) why = "a merge is longer than 1000 bytes";
    if (why) ldr__read_fail(r, LDR_VOCAB, node, why);
}

static void ldr__read_bpe(ldr__reading *r, int32_t model) {
    ldr_tokenizer *t = r->t;
    int32_t merges = ldr__json_there(r->j, model, "merges"), k;
    uint32_t rank = 0;
    ldr__set_prefix(t, ldr__read_text(r, model, "continuing_subword_prefix", ""));
    t->suffix = ldr__read_text(r, model, "end_of_word_suffix", "");
    if (t->prefix.bytes > 32 || t->suffix.bytes > 32) ldr__read_fail(r, LDR_LIMIT, model, "the prefix or suffix of pieces is longer than 32 bytes");
    t->fuse_unk = ldr__read_flag(r, model, "fuse_unk", 0);
    t->byte_fallback = ldr__read_flag(r, model, "byte_fallback", 0);
    t->ignore_merges = ldr__read_flag(r, model, "ignore_merges", 0);
    if (r->status) return;
    ldr__read_unknown(r, model, "");
    if (!ldr__json_is(r->j, merges, LDR_JSON_ARRAY)) ldr__read_fail(r, LDR_VOCAB, merges >= 0 ? merges : model, "model.merges is not a list");
    if (r->status) return;
    if (!ldr__merges_begin(t, (size_t)ldr_json_node_at(r->j, merges)->count)) ldr__read_memory(r);
    for (k = ldr_json_node_at(r->j, merges)->first; k >= 0 && !r->status; k = ldr_json_node_at(r->j, k)->next) ldr__read_merge(r, k, rank++);
}

static const ldr__cutter ldr__cutters[] = {
    { "WordPiece", ldr__read_wordpiece, ldr__cut_wordpiece },
    { "BPE", ldr__read_bpe, ldr__cut_bpe },
    { "Unigram", ldr__read_unigram, ldr__cut_unigram },
    { "WordLevel", ldr__read_wordlevel, ldr__cut_word },
};
static const ldr__cutter ldr__cutter_by_score = { "SentencePiece", NULL, ldr__cut_by_score };

static const ldr__cutter *ldr__cutter_of(ldr__reading *r, int32_t model) {
    int32_t type = ldr__json_there(r->j, model, "type");
    size_t i;
    for (i = 0; type >= 0 && i < sizeof ldr__cutters / sizeof *ldr__cutters; i++)
        if (ldr_json_equals(r->j, type, ldr__cutters[i].name)) return &ldr__cutters[i];
    if (type >= 0) {
        ldr__read_fail(r, LDR_UNSUPPORTED, type, "the tokenizer's model is of a type that is not known: WordPiece, BPE, Unigram and WordLevel are");
        return NULL;
    }
    /* without a type, as old files are: what is in it decides */
    if (ldr__json_there(r->j, model, "merges") >= 0) return &ldr__cutters[1];
    if (ldr__json_is(r->j, ldr__json_there(r->j, model, "vocab"), LDR_JSON_ARRAY)) return &ldr__cutters[2];
    if (ldr__json_there(r->j, model, "continuing_subword_prefix") >= 0 || ldr__json_there(r->j, model, "max_input_chars_per_word") >= 0) return &ldr__cutters[0];
    if (ldr__json_there(r->j, model, "vocab") >= 0) return &ldr__cutters[3];
    ldr__read_fail(r, LDR_UNSUPPORTED, model, "the tokenizer's model has no \"type\" and is of no kind that is known");
    return NULL;
}

/* ---- added tokens ----------------------------------------------------------------------- */

/* One more added token: its id is that of its text in the vocabulary, else the one given, else the next. 0: out of memory,
   -1: the id belongs to another piece. The cutter does not see it. */
static int ldr__added_put(ldr_tokenizer *t, const ldr__added *a) {
    int32_t at = ldr__trie_find(&t->names, a->text.text, (size_t)a->text.bytes), id = ldr__piece_find(t, a->text.text, (size_t)a->text.bytes);
    char *p;
    if (at >= 0) {                                       /* said again: the last word counts        */
        id = t->added[at].id;
        t->added[at] = *a;
        t->added[at].id = id;
        return 1;
    }
    if (id < 0) {
        id = a->id >= 0 ? a->id : t->count;
        if (id >= t->piece_room || (id < t->count && t->pieces[id].start)) return -1;
        p = ldr__piece_put(t, id, (size_t)a->text.bytes);
        if (!p) return 0;
        memcpy(p, a->text.text, (size_t)a->text.bytes);
    }
    t->added[t->added_count] = *a;
    t->added[t->added_count].id = id;
    return ldr__trie_add(t, &t->names, a->text.text, (size_t)a->text.bytes, t->added_count++, 1);
}

/* What decoding makes of the token: its text as it was normalised. 0: out of memory. */
static int ldr__added_shown(ldr_tokenizer *t, ldr__added *a, const ldr__view *v) {
    char *p;
    a->shown = a->text;
    if (v->size == a->text.bytes && (!v->size || memcmp(v->text, a->text.text, (size_t)v->size) == 0)) return 1;
    p = (char *)ldr__tokenizer_keep(t, (size_t)v->size + 1);
    if (!p) return 0;
    if (v->size) memcpy(p, v->text, (size_t)v->size);
    a->shown.text = p;
    a->shown.bytes = v->size;
    return 1;
}

/* Builds the tries once all added tokens are known; those that stand for normalised text are normalised. */
static ldr_status ldr__added_finish(ldr_tokenizer *t, ldr_error *err) {
    int32_t i, special;
    ldr_encoding e;
    ldr__cutting c;
    ldr_status status = LDR_OK;
    memset(&e, 0, sizeof e);
    memset(&c, 0, sizeof c);
    e.alloc = t->alloc;
    c.t = t;
    c.out = &e;
    e.work = ldr__alloc(&t->alloc, sizeof(ldr__work));
    if (!e.work) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a tokenizer");
    memset(e.work, 0, sizeof(ldr__work));
    c.w = (ldr__work *)e.work;
    for (special = 1; special >= 0 && !status; special--)       /* of two equal texts the special token wins */
        for (i = 0; i < t->added_count && !status; i++) {
            const ldr__added *a = &t->added[i];
            ldr__view v;
            if (a->special != special) continue;
            v.text = a->text.text;
            v.size = a->text.bytes;
            if (a->normalized) {
                c.steps = 100000000;
                ldr__normalize(&c, (const unsigned char *)a->text.text, 0, a->text.bytes, &v);
            }
            if (c.status) status = ldr__fail(err, c.status, LDR_NO_OFFSET, "an added token: %s", c.why);
            else if (!ldr__added_shown(t, &t->added[i], &v) || (v.size && !ldr__trie_add(t, a->normalized ? &t->normal : &t->raw, v.text, (size_t)v.size, i, 0)))
                status = ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a tokenizer");
        }
    ldr_encoding_free(&e);
    return status;
}

static void ldr__read_added(ldr__reading *r, int32_t list) {
    int32_t k;
    if (!ldr__json_is(r->j, list, LDR_JSON_ARRAY)) return;
    for (k = ldr_json_node_at(r->j, list)->first; k >= 0 && !r->status; k = ldr_json_node_at(r->j, k)->next) {
        ldr__added a;
        int32_t content = ldr__json_there(r->j, k, "content");
        int done;
        memset(&a, 0, sizeof a);
        if (!ldr__json_is(r->j, content, LDR_JSON_STRING)) {
            ldr__read_fail(r, LDR_FORMAT, k, "an added token has no content");
            return;
        }
        a.text = ldr__read_string(r, content);
        a.id = ldr__read_int(r, k, "id", 0, INT32_MAX - 1, -1);
        a.special = (unsigned char)ldr__read_flag(r, k, "special", 0);
        a.lstrip = (unsigned char)ldr__read_flag(r, k, "lstrip", 0);
        a.rstrip = (unsigned char)ldr__read_flag(r, k, "rstrip", 0);
        a.single_word = (unsigned char)ldr__read_flag(r, k, "single_word", 0);
        a.normalized = (unsigned char)ldr__read_flag(r, k, "normalized", !a.special);
        if (r->status || !a.text.bytes) continue;
        if (strlen(a.text.text) != (size_t)a.text.bytes) {
            ldr__read_fail(r, LDR_VOCAB, content, "an added token holds a NUL character");
            return;
        }
        done = ldr__added_put(r->t, &a);
        if (!done) ldr__read_memory(r);
        else if (done < 0) ldr__read_fail(r, LDR_VOCAB, k, "the id of an added token belongs to another piece or leaves a gap");
    }
}

/* ---- the whole file --------------------------------------------------------------------- */

static void ldr__read_truncation(ldr__reading *r, int32_t node) {
    int32_t strategy = ldr__json_there(r->j, node, "strategy");
    if (node < 0) return;
    r->t->max_len = ldr__read_int(r, node, "max_length", 1, INT32_MAX - 1, 0);
    r->t->strategy = ldr_json_equals(r->j, strategy, "OnlyFirst") ? LDR_TRUNCATE_ONLY_FIRST : ldr_json_equals(r->j, strategy, "OnlySecond") ? LDR_TRUNCATE_ONLY_SECOND : LDR_TRUNCATE_LONGEST_FIRST;
}

static void ldr__read_tokenizer(ldr__reading *r) {
    static const ldr__list normalizers = { "normalizer", "normalizers", ldr__read_normalizer };
    static const ldr__list splitters = { "pre-tokenizer", "pretokenizers", ldr__read_splitter };
    static const ldr__list processors = { "post-processor", "processors", ldr__read_processor };
    static const ldr__list decoders = { "decoder", "decoders", ldr__read_decoder };
    ldr_tokenizer *t = r->t;
    int32_t model = ldr_json_get(r->j, 0, "model"), added = ldr__json_there(r->j, 0, "added_tokens"), extra = 0;
    if (!ldr__json_is(r->j, model, LDR_JSON_OBJECT)) {
        r->status = ldr__fail(r->err, LDR_MISSING, 0, "the tokenizer file has no \"model\" table; is it a tokenizer.json?");
        return;
    }
    t->cutter = ldr__cutter_of(r, model);
    if (ldr__json_is(r->j, added, LDR_JSON_ARRAY)) extra = ldr_json_node_at(r->j, added)->count;
    extra += t->room_hint;
    if (r->status) return;
    if (t->cutter->run == ldr__cut_unigram) ldr__read_scored(r, model, extra);
    else ldr__read_vocab(r, model, extra);
    if (!r->status) t->cutter->read(r, model);
    ldr__template_plain(r);
    if (extra) t->added = (ldr__added *)ldr__tokenizer_keep(t, ((size_t)extra + 1) * sizeof *t->added);
    if (extra && !t->added) ldr__read_memory(r);
    if (!r->status) ldr__read_added(r, added);
    if (!r->status) ldr__read_list(r, &normalizers, ldr__json_there(r->j, 0, "normalizer"), 0);
    if (!r->status) ldr__read_list(r, &splitters, ldr__json_there(r->j, 0, "pre_tokenizer"), 0);
    if (!r->status) ldr__read_list(r, &processors, ldr__json_there(r->j, 0, "post_processor"), 0);
    if (!r->status) ldr__read_list(r, &decoders, ldr__json_there(r->j, 0, "decoder"), 0);
    if (!r->status) ldr__read_truncation(r, ldr__json_there(r->j, 0, "truncation"));
}
/* ---- other vocabularies ----------------------------------------------------------------- */

static ldr_tokenizer *ldr__tokenizer_new(const ldr_allocator *alloc, ldr_error *err) {
    ldr_tokenizer *t = (ldr_tokenizer *)ldr__alloc(alloc, sizeof *t);
    int i;
    if (!t) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading a tokenizer");
        return NULL;
    }
    memset(t, 0, sizeof *t);
    t->alloc = *alloc;
    t->memory_size = sizeof *t;
    for (i = 0; i < LDR__TOKEN_COUNT; i++) t->special[i] = -1;
    return t;
}

/* What a model's other files say: LDR_AUTO where they say nothing. */
typedef struct ldr__rules { ldr_choice lower, strip, cjk, bos, eos, prefix_space; int fairseq; char class_name[48]; } ldr__rules;

static int ldr__choose(ldr_choice caller, ldr_choice file, int otherwise) {
    if (caller != LDR_AUTO) return caller == LDR_ON;
    return file != LDR_AUTO ? file == LDR_ON : otherwise;
}

/* The caller's wishes and those of tokenizer_config.json for BERT's normaliser. */
static void ldr__rules_apply(ldr_tokenizer *t, const ldr_tokenizer_desc *d, const ldr__rules *r) {
    int32_t i;
    for (i = 0; i < t->normalizer_count; i++) {
        ldr__step *p = &t->normalizers[i];
        if (p->normalizer->run != ldr__normalize_bert) continue;
        if (d->lower_case != LDR_AUTO || r->lower != LDR_AUTO) {
            int follows = p->flags[2] == p->flags[3];
            p->flags[3] = ldr__choose(d->lower_case, r->lower, p->flags[3]);
            if (follows) p->flags[2] = p->flags[3];
        }
        p->flags[2] = ldr__choose(d->strip_accents, r->strip, p->flags[2]);
        p->flags[1] = ldr__choose(d->cjk_spacing, r->cjk, p->flags[1]);
    }
}

/* Length of the line at s; *next is where the one after it starts. CR, LF and CR LF end a line,
   as in Python's text files. */
static size_t ldr__vocab_line(const unsigned char *s, size_t n, size_t *next) {
    size_t i = 0;
    while (i < n && s[i] != '\n' && s[i] != '\r') i++;
    *next = i + (i < n) + (i + 1 < n && s[i] == '\r' && s[i + 1] == '\n');
    return i;
}

static ldr_status ldr__vocab_check(const unsigned char *s, size_t n, ldr_error *err) {
    size_t i = 0, step;
    while (i < n) {
        step = s[i] ? ldr__utf8_length(s + i, n - i) : 0;
        if (!step) return ldr__fail(err, LDR_VOCAB, i, "the vocabulary is not UTF-8 text; expected one piece a line, or a tokenizer.json");
        i += step;
    }
    return LDR_OK;
}

/* A piece that is in the vocabulary, as a special token that text may hold. */
static void ldr__added_special(ldr__reading *r, const char *name, int which) {
    ldr__added a;
    memset(&a, 0, sizeof a);
    a.id = ldr__piece_find(r->t, name, strlen(name));
    a.text = ldr__string_of(name);
    a.special = 1;
    r->t->special[which] = a.id;
    if (a.id >= 0 && ldr__added_put(r->t, &a) != 1) ldr__read_memory(r);
}

/* The parts of BERT around a WordPiece vocabulary. */
static void ldr__parts_bert(ldr__reading *r) {
    static const char *const names[] = { "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]" };
    ldr_tokenizer *t = r->t;
    ldr__step *p;
    int i;
    t->cutter = &ldr__cutters[0];
    t->word_chars = LDR__MIN(100, LADDER_MAX_WORD_CHARS);
    ldr__set_prefix(t, ldr__string_of("##"));
    for (i = 0; i < 5; i++) ldr__added_special(r, names[i], i);
    p = ldr__more_part(r, t->normalizers, &t->normalizer_count);
    p->normalizer = &ldr__normalizers[0];
    for (i = 0; i < 4; i++) p->flags[i] = 1;
    p = ldr__more_part(r, t->splitters, &t->splitter_count);
    p->splitter = &ldr__splitters[0];
    ldr__read_split_bert(r, p, -1);
    p = ldr__more_part(r, t->decoders, &t->decoder_count);
    p->decoder = &ldr__decoders[0];
    p->a = t->prefix;
    p->flags[0] = 1;
    t->no_template = t->special[LDR__TOKEN_CLS] < 0 || t->special[LDR__TOKEN_SEP] < 0;
    if (t->no_template) ldr__template_plain(r);
    else ldr__template_pair(r, t->special[LDR__TOKEN_CLS], t->special[LDR__TOKEN_SEP], 0, 1);
    if (t->special[LDR__TOKEN_UNK] < 0 && !r->status)
        r->status = ldr__fail(r->err, LDR_VOCAB, LDR_NO_OFFSET, "none of the %d pieces is [UNK], which stands for unknown words; is this the WordPiece vocabulary of a BERT?", (int)t->count);
}

static void ldr__read_lines(ldr__reading *r, const unsigned char *s, size_t n) {
    size_t at, next, length;
    int32_t count = 0;
    char *p;
    r->status = ldr__vocab_check(s, n, r->err);
    if (r->status) return;
    for (at = 0; at < n; at += next, count++) ldr__vocab_line(s + at, n - at, &next);
    if (!ldr__pieces_begin(r->t, count + r->t->room_hint, 0, 0, n + (size_t)count)) ldr__read_memory(r);
    for (at = 0, count = 0; at < n && !r->status; at += next, count++) {
        length = ldr__vocab_line(s + at, n - at, &next);
        p = ldr__piece_put(r->t, count, length);
        if (!p) ldr__read_memory(r);
        else memcpy(p, s + at, length);
    }
    if (!r->status && !ldr__pieces_index(r->t)) ldr__read_memory(r);
    if (!r->status) ldr__parts_bert(r);
}

/* ---- SentencePiece's model files ------------------------------------------------------- */

/* One field of a protocol buffer message: its number, and its value or its bytes. */
typedef struct ldr__field { uint64_t number, value; const unsigned char *bytes; size_t size; } ldr__field;

static int ldr__proto_varint(const unsigned char *s, size_t n, size_t *at, uint64_t *v) {
    int shift = 0;
    for (*v = 0; *at < n && shift < 64; shift += 7) {
        unsigned char byte = s[(*at)++];
        *v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return 1;
    }
    return 0;
}

/* The field at *at; 0 at the end or where the message is broken (then *at < n). */
static int ldr__proto_next(const unsigned char *s, size_t n, size_t *at, ldr__field *f) {
    size_t start = *at;
    uint64_t key;
    memset(f, 0, sizeof *f);
    if (start >= n) return 0;
    if (ldr__proto_varint(s, n, at, &key)) {
        f->number = key >> 3;
        f->size = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : 0;
        if ((key & 7) == 0 && ldr__proto_varint(s, n, at, &f->value)) return 1;
        if ((key & 7) == 2 && ldr__proto_varint(s, n, at, &f->value) && f->value <= n - *at) f->size = (size_t)f->value;
        else if (!f->size) key = 7;
        if ((key & 7) != 7 && f->size <= n - *at) {
            f->bytes = s + *at;
            if (f->size == 4 && (key & 7) == 5) f->value = ldr__load_u32(f->bytes);
            *at += f->size;
            return 1;
        }
    }
    *at = start;
    return 0;
}

/* Is s a message whose first fields are pieces? */
static int ldr__looks_like_sentencepiece(const unsigned char *s, size_t n) {
    size_t at = 0, inner = 0;
    ldr__field f, piece;
    return n > 4 && s[0] == 0x0a && ldr__proto_next(s, n, &at, &f) && f.number == 1 && ldr__proto_next(f.bytes, f.size, &inner, &piece) && piece.number == 1;
}

/* The text of a piece, its score and type. */
static const char *ldr__sp_piece(const ldr__field *f, ldr__field *text, float *score, uint64_t *type) {
    size_t at = 0, i, step;
    ldr__field g;
    memset(text, 0, sizeof *text);
    *score = 0;
    *type = LDR__SP_NORMAL;
    while (ldr__proto_next(f->bytes, f->size, &at, &g)) {
        if (g.number == 1 && g.bytes) *text = g;
        if (g.number == 2) *score = ldr__float_from_bits((uint32_t)g.value);
        if (g.number == 3) *type = g.value;
    }
    if (at < f->size || !text->bytes) return "a piece of the model is broken";
    if (*type < LDR__SP_NORMAL || *type > LDR__SP_BYTE) return "a piece of the model is of no kind that is known";
    if (!(*score - *score == 0)) return "the score of a piece is not finite";
    for (i = 0; i < text->size; i += step) {
        step = text->bytes[i] ? ldr__utf8_length(text->bytes + i, text->size - i) : 0;
        if (!step) return "a piece of the model is not UTF-8";
    }
    return NULL;
}

/* The rules of normalising that are in the file. */
static void ldr__sp_normalizer(ldr__reading *r, const ldr__field *spec, uint64_t offset) {
    ldr__step *p = ldr__more_part(r, r->t->normalizers, &r->t->normalizer_count);
    ldr__field f, map;
    unsigned char *copy;
    size_t at = 0;
    p->normalizer = &ldr__normalizer_sentencepiece;
    p->flags[0] = p->flags[1] = p->flags[2] = 1;
    memset(&map, 0, sizeof map);
    while (spec && ldr__proto_next(spec->bytes, spec->size, &at, &f)) {
        if (f.number == 2 && f.bytes) map = f;
        if (f.number >= 3 && f.number <= 5) p->flags[f.number - 3] = f.value != 0;
    }
    if (!map.size) return;
    copy = (unsigned char *)ldr__tokenizer_keep(r->t, map.size);
    if (!copy) {
        ldr__read_memory(r);
        return;
    }
    memcpy(copy, map.bytes, map.size);
    r->status = ldr__map_open(p, copy, map.size, offset, r->err);
}

static void ldr__sp_decoders(ldr__reading *r, int prefix) {
    static const char *const names[] = { "Replace", "ByteFallback", "Fuse", "Strip" };
    size_t i, k;
    for (i = 0; i < (prefix ? 4u : 3u); i++) {
        ldr__step *p = ldr__more_part(r, r->t->decoders, &r->t->decoder_count);
        for (k = 0; strcmp(ldr__decoders[k].name, names[i]) != 0; k++) continue;
        p->decoder = &ldr__decoders[k];
        p->a = ldr__string_of(i ? " " : "\xe2\x96\x81");
        p->b = ldr__string_of(" ");
        p->flags[0] = 1;
    }
}

/* Which tokens stand around a text: BERT's where the model has [CLS], `fairseq` XLM-RoBERTa's, T5's end where there is no
   beginning, else Llama's beginning; `rules` may say otherwise. */
static void ldr__sp_template(ldr__reading *r, const ldr__rules *rules, int fairseq, int32_t bos, int32_t eos) {
    ldr_tokenizer *t = r->t;
    int32_t cls = ldr__piece_find(t, "[CLS]", 5), sep = ldr__piece_find(t, "[SEP]", 5);
    int has_bos = ldr__choose(LDR_AUTO, rules->bos, bos >= 0), has_eos = ldr__choose(LDR_AUTO, rules->eos, bos < 0 && eos >= 0), k, second;
    if (cls >= 0 && sep >= 0) ldr__template_pair(r, cls, sep, 0, 1);
    else if (fairseq) ldr__template_pair(r, 0, 2, 1, 0);
    else {
        memset(&t->single, 0, sizeof t->single);
        memset(&t->pair, 0, sizeof t->pair);
        for (k = 0; k < 2; k++)
            for (second = 0; second <= k; second++) {
                ldr__template *m = k ? &t->pair : &t->single;
                int32_t type = has_bos ? second : 0;
                if (has_bos && bos >= 0) ldr__template_add(r, m, -1, bos, type);
                ldr__template_add(r, m, second, -1, type);
                if (has_eos && eos >= 0) ldr__template_add(r, m, -1, eos, type);
            }
    }
}

/* The pieces: with `fairseq` XLM-RoBERTa's ids, <s> <pad> </s> <unk>, then the model's from the fourth on, then <mask>. */
static void ldr__sp_pieces(ldr__reading *r, const unsigned char *s, size_t n, int32_t count, int fairseq) {
    static const char *const first[] = { "<s>", "<pad>", "</s>", "<unk>" };
    ldr_tokenizer *t = r->t;
    ldr__field f, text;
    size_t at = 0;
    int32_t id = 0, k, shift = fairseq ? 1 : 0;
    uint64_t type;
    float score;
    char *p;
    if (!ldr__pieces_begin(t, count + 2 * shift + t->room_hint, 1, 1, n)) ldr__read_memory(r);
    for (k = 0; fairseq && k < 4 && !r->status; k++) {
        p = ldr__piece_put(t, k, strlen(first[k]));
        if (!p) ldr__read_memory(r);
        else memcpy(p, first[k], strlen(first[k]));
        t->types[k] = k == 3 ? LDR__SP_UNKNOWN : LDR__SP_CONTROL;
    }
    while (!r->status && ldr__proto_next(s, n, &at, &f)) {
        const char *why;
        if (f.number != 1) continue;
        why = ldr__sp_piece(&f, &text, &score, &type);
        if (why) {
            r->status = ldr__fail(r->err, LDR_VOCAB, (uint64_t)(f.bytes - s), "%s", why);
            return;
        }
        if (fairseq && id < 3) {
            id++;
            continue;
        }
        p = ldr__piece_put(t, id + shift, text.size);
        if (!p) {
            ldr__read_memory(r);
            return;
        }
        memcpy(p, text.bytes, text.size);
        t->scores[id + shift] = score;
        t->types[id + shift] = (unsigned char)type;
        if (type == LDR__SP_UNKNOWN && t->special[LDR__TOKEN_UNK] < 0) t->special[LDR__TOKEN_UNK] = id;
        id++;
    }
    if (fairseq) {
        t->special[LDR__TOKEN_UNK] = 3;
        p = r->status ? NULL : ldr__piece_put(t, id + 1, 6);
        if (p) memcpy(p, "<mask>", 6);
        t->types[id + 1] = LDR__SP_CONTROL;
    }
    if (!r->status && !ldr__pieces_index(t)) ldr__read_memory(r);
}

/* What the cutters need: the range of scores, Unigram's pieces, those that are never cut. */
static void ldr__sp_cutter(ldr__reading *r, uint64_t kind) {
    ldr_tokenizer *t = r->t;
    int32_t id;
    int any = 0;
    t->sentencepiece = 1;
    t->cutter = kind == 1 ? &ldr__cutters[2] : &ldr__cutter_by_score;
    t->by_score = kind == 2;
    for (id = 0; id < t->count && !r->status; id++) {
        int type = t->types[id], cuts = type == LDR__SP_NORMAL || type == LDR__SP_USER || (type == LDR__SP_UNUSED && kind != 1);
        if (type == LDR__SP_NORMAL) {
            if (!any || t->scores[id] < t->lowest) t->lowest = t->scores[id];
            if (!any || t->scores[id] > t->highest) t->highest = t->scores[id];
            any = 1;
        }
        if (type == LDR__SP_USER && !ldr__trie_add(t, &t->frozen, ldr__piece_text(t, id), ldr__piece_bytes(t, id), id, 1)) ldr__read_memory(r);
        if (cuts && kind == 1 && !ldr__trie_add(t, &t->pieces_trie, ldr__piece_text(t, id), ldr__piece_bytes(t, id), id, 1)) ldr__read_memory(r);
    }
}

static void ldr__read_sentencepiece(ldr__reading *r, const unsigned char *s, size_t n, const ldr__rules *rules) {
    static const char *const kinds[] = { "", "UNIGRAM", "BPE", "WORD", "CHAR" };
    ldr__field f, g, spec;
    size_t at = 0, inner = 0;
    uint64_t kind = 1, offset = LDR_NO_OFFSET;
    int64_t bos = 1, eos = 2;
    int32_t count = 0, shift = rules->fairseq ? 1 : 0;
    memset(&spec, 0, sizeof spec);
    while (ldr__proto_next(s, n, &at, &f)) {
        if (f.number == 1 && f.bytes) count++;
        if (f.number == 3 && f.bytes) {
            spec = f;
            offset = (uint64_t)(f.bytes - s);
        }
        for (inner = 0; f.number == 2 && f.bytes && ldr__proto_next(f.bytes, f.size, &inner, &g);) {
            if (g.number == 3) kind = g.value;
            if (g.number == 35) r->t->byte_fallback = g.value != 0;
            if (g.number == 41) bos = (int64_t)g.value;
            if (g.number == 42) eos = (int64_t)g.value;
            if (g.number == 24 && g.value) r->status = ldr__fail(r->err, LDR_UNSUPPORTED, (uint64_t)(f.bytes - s), "the model puts blanks behind words, which is not supported");
        }
    }
    if (r->status) return;
    if (at < n || count < 3) r->status = ldr__fail(r->err, LDR_FORMAT, at, "the SentencePiece model is cut off or damaged");
    else if (kind < 1 || kind > 4 || kind == 3) r->status = ldr__fail(r->err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "the SentencePiece model is of type %s; UNIGRAM, BPE and CHAR are supported", kind <= 4 ? kinds[kind] : "unknown");
    if (!r->status) ldr__sp_pieces(r, s, n, count, rules->fairseq);
    if (!r->status) ldr__sp_cutter(r, kind);
    if (!r->status) ldr__sp_normalizer(r, spec.bytes ? &spec : NULL, offset);
    if (r->status) return;
    ldr__sp_decoders(r, r->t->normalizers[0].flags[0]);
    if (bos < 0 || bos >= count || r->t->types[bos + shift] != LDR__SP_CONTROL) bos = -1;
    if (eos < 0 || eos >= count || r->t->types[eos + shift] != LDR__SP_CONTROL) eos = -1;
    ldr__sp_template(r, rules, rules->fairseq, (int32_t)bos, (int32_t)eos);
}

/* ---- vocab.json and merges.txt ----------------------------------------------------------- */

/* How the old pairs of files are used, by the name of the tokenizer's class or what is in the vocabulary. */
typedef struct ldr__pair_row { const char *class_name, *sign, *pattern, *cls, *sep; int nfc, lower, suffix, prefix_space; } ldr__pair_row;

#define LDR__CLIP_PATTERN "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
#define LDR__QWEN_PATTERN "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const ldr__pair_row ldr__pair_rows[] = {
    { "Qwen2Tokenizer", "<|im_start|>", LDR__QWEN_PATTERN, NULL, NULL, 1, 0, 0, 0 },
    { "CLIPTokenizer", "<|startoftext|>", LDR__CLIP_PATTERN, "<|startoftext|>", "<|endoftext|>", 1, 1, 1, 0 },
    { "RobertaTokenizer", "<mask>", NULL, "<s>", "</s>", 0, 0, 0, 0 },
    { "GPT2Tokenizer", "", NULL, NULL, NULL, 0, 0, 0, 0 },
};

static void ldr__read_merge_lines(ldr__reading *r, const char *s, size_t n) {
    size_t at = 0, next, length, lines = 0;
    uint32_t rank = 0;
    int pass;
    for (pass = 0; pass < 2 && !r->status; pass++) {
        for (at = 0; at < n && !r->status; at += next) {
            const char *line = s + at, *blank, *why;
            length = ldr__vocab_line((const unsigned char *)line, n - at, &next);
            if (!length || (at == 0 && length >= 8 && memcmp(line, "#version", 8) == 0)) continue;
            if (pass == 0) {
                lines++;
                continue;
            }
            blank = (const char *)memchr(line, ' ', length);
            why = !blank || memchr(blank + 1, ' ', length - (size_t)(blank + 1 - line)) ? "a line of the merges is not two pieces with a blank between them"
                                                                                       : ldr__merge_add(r->t, line, (size_t)(blank - line), blank + 1, length - (size_t)(blank + 1 - line), rank++);
            if (why) r->status = ldr__fail(r->err, LDR_VOCAB, at, "merges.txt: %s", why);
        }
        if (pass == 0 && !ldr__merges_begin(r->t, lines)) ldr__read_memory(r);
    }
}

/* vocab.json, read, and the text of merges.txt: byte-level BPE in the form of GPT-2, RoBERTa, CLIP or Qwen. */
static void ldr__read_vocab_merges(ldr__reading *r, const char *merges, size_t size, const ldr__rules *rules) {
    ldr_tokenizer *t = r->t;
    const ldr__pair_row *row = ldr__pair_rows;
    ldr__step *p;
    int32_t cls = -1, sep = -1, form;
    while (*row->sign && !(rules->class_name[0] ? strncmp(rules->class_name, row->class_name, strlen(row->class_name)) == 0 : ldr__piece_find(t, row->sign, strlen(row->sign)) >= 0)) row++;
    t->cutter = &ldr__cutters[1];
    ldr__set_prefix(t, ldr__string_of(""));
    t->suffix = ldr__string_of(row->suffix ? "</w>" : "");
    t->added = (ldr__added *)ldr__tokenizer_keep(t, ((size_t)t->room_hint + 8) * sizeof *t->added);
    if (!t->added) ldr__read_memory(r);
    if (!r->status) ldr__read_merge_lines(r, merges, size);
    for (form = 0; form < (row->nfc ? 2 : 0) && !r->status; form++) {
        p = ldr__more_part(r, t->normalizers, &t->normalizer_count);
        p->normalizer = &ldr__normalizers[form && row->lower ? 5 : 3];
        p->flags[1] = 1;
        if (!row->lower) break;
    }
    p = ldr__more_part(r, t->splitters, &t->splitter_count);
    p->splitter = row->pattern ? &ldr__splitter_find : &ldr__splitters[4];
    ldr__split_gpt2(r, p, ldr__choose(LDR_AUTO, rules->prefix_space, 0), 1, row->pattern ? row->pattern : ldr__gpt2_pattern);
    if (row->suffix) {
        p->behaviour = LDR__REMOVED;
        p->invert = 1;
    }
    p = ldr__more_part(r, t->decoders, &t->decoder_count);
    p->decoder = &ldr__decoders[1];
    ldr__template_plain(r);
    if (row->cls) {
        cls = ldr__piece_find(t, row->cls, strlen(row->cls));
        sep = ldr__piece_find(t, row->sep, strlen(row->sep));
    }
    if (cls >= 0 && sep >= 0) ldr__template_pair(r, cls, sep, 1, 0);
    t->trim = cls >= 0 && !row->suffix;
    t->trim_prefix = p->flags[0];
    if (!r->status && row->cls) ldr__added_special(r, row->cls, LDR__TOKEN_CLS);
    if (!r->status && row->sep) ldr__added_special(r, row->sep, LDR__TOKEN_SEP);
    if (!r->status && strcmp(row->sign, "<mask>") == 0) {
        ldr__added_special(r, "<pad>", LDR__TOKEN_PAD);
        ldr__added_special(r, "<unk>", LDR__TOKEN_UNK);
        ldr__added_special(r, "<mask>", LDR__TOKEN_MASK);
        if (t->special[LDR__TOKEN_MASK] >= 0 && !r->status) t->added[t->added_count - 1].lstrip = 1;
    }
    if (!r->status && !row->cls) ldr__added_special(r, "<|endoftext|>", LDR__TOKEN_EOS);
    t->special[LDR__TOKEN_UNK] = -1;                    /* bytes are never unknown                 */
}

/* ---- files beside the vocabulary --------------------------------------------------------- */

/* added_tokens.json, special_tokens_map.json and tokenizer_config.json, where they are. */
enum { LDR__BESIDE_CONFIG, LDR__BESIDE_ADDED, LDR__BESIDE_MAP, LDR__BESIDE_MERGES, LDR__BESIDES };

/* One added token as a text or as an object; `special` where the object does not say. */
static void ldr__read_beside(ldr__reading *r, int32_t node, int64_t id, int special) {
    ldr__added a;
    int32_t content = ldr__json_is(r->j, node, LDR_JSON_STRING) ? node : ldr__json_there(r->j, node, "content");
    int object = node != content, done;
    if (!ldr__json_is(r->j, content, LDR_JSON_STRING) || r->status) return;
    memset(&a, 0, sizeof a);
    a.text = ldr__read_string(r, content);
    a.id = (int32_t)id;
    a.special = (unsigned char)ldr__read_flag(r, object ? node : -1, "special", special);
    a.lstrip = (unsigned char)ldr__read_flag(r, object ? node : -1, "lstrip", 0);
    a.rstrip = (unsigned char)ldr__read_flag(r, object ? node : -1, "rstrip", 0);
    a.single_word = (unsigned char)ldr__read_flag(r, object ? node : -1, "single_word", 0);
    a.normalized = (unsigned char)ldr__read_flag(r, object ? node : -1, "normalized", !a.special);
    if (r->status || !a.text.bytes) return;
    if ((r->known_stay || !object) && ldr__trie_find(&r->t->names, a.text.text, (size_t)a.text.bytes) >= 0) return;
    done = ldr__added_put(r->t, &a);
    if (!done) ldr__read_memory(r);
    else if (done < 0) ldr__read_fail(r, LDR_VOCAB, content, "the id of an added token belongs to another piece or leaves a gap");
}

/* All added tokens of a file beside the vocabulary. */
static void ldr__read_besides(ldr__reading *r, int which) {
    static const char *const names[] = { "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token" };
    int32_t list = which == LDR__BESIDE_CONFIG ? ldr__json_there(r->j, 0, "added_tokens_decoder") : 0, k, value, n;
    int64_t id;
    size_t i;
    if (which != LDR__BESIDE_MAP) {
        if (!ldr__json_is(r->j, list, LDR_JSON_OBJECT)) return;
        for (k = ldr_json_node_at(r->j, list)->first; k >= 0 && !r->status; k = ldr_json_node_at(r->j, value)->next) {
            char digits[16];
            value = ldr_json_node_at(r->j, k)->next;
            if (which == LDR__BESIDE_ADDED) {            /* content: id                             */
                if (!ldr__json_integer(r->j, value, &id) || id > 1 << 28) ldr__read_fail(r, LDR_VOCAB, value, "the id of an added token is no number of a token");
                else ldr__read_beside(r, k, id, 0);
                continue;
            }
            n = (int32_t)ldr_json_string(digits, sizeof digits, r->j, k);
            for (id = 0, i = 0; n > 0 && n < 10 && digits[i]; i++) id = digits[i] >= '0' && digits[i] <= '9' && id >= 0 ? id * 10 + (digits[i] - '0') : -1;
            if (n < 1 || n > 9 || id < 0) ldr__read_fail(r, LDR_VOCAB, k, "the id of an added token is no number of a token");
            else ldr__read_beside(r, value, id, 0);
        }
        return;
    }
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t token = ldr__json_there(r->j, 0, names[i]);
        if (token >= 0) ldr__read_beside(r, token, -1, 1);
    }
    list = ldr__json_there(r->j, 0, "additional_special_tokens");
    if (ldr__json_is(r->j, list, LDR_JSON_ARRAY))
        for (k = ldr_json_node_at(r->j, list)->first; k >= 0 && !r->status; k = ldr_json_node_at(r->j, k)->next) ldr__read_beside(r, k, -1, 1);
}

/* ---- loading ------------------------------------------------------------------------- */

/* Everything a tokenizer is read from: the main file, and those beside it where they are. */
typedef struct ldr__files {
    const unsigned char *data, *beside[LDR__BESIDES];
    size_t               size, beside_size[LDR__BESIDES];
    ldr__rules           rules;
} ldr__files;

/* A tokenizer.json is an object: '{' and then a name or '}'. No vocab.txt starts so. */
static int ldr__looks_like_json(const unsigned char *s, size_t n) {
    size_t i = ldr__json_space((const char *)s, n, 0);
    if (i >= n || s[i] != '{') return 0;
    i = ldr__json_space((const char *)s, n, i + 1);
    return i < n && (s[i] == '"' || s[i] == '}');
}

static ldr_choice ldr__json_choice(const ldr_json *j, int32_t object, const char *key) {
    int32_t n = ldr__json_there(j, object, key);
    return ldr__json_is(j, n, LDR_JSON_TRUE) ? LDR_ON : ldr__json_is(j, n, LDR_JSON_FALSE) ? LDR_OFF : LDR_AUTO;
}

/* object.key must be absent, null or the text `want`; else an error that names what it is. */
static ldr_status ldr__json_expect(const ldr_json *j, int32_t object, const char *key, const char *want, const char *what, ldr_error *err) {
    int32_t node = ldr__json_there(j, object, key);
    const ldr_json_node *n = ldr_json_node_at(j, node);
    char shown[LDR__SHOWN];
    if (!n || ldr_json_equals(j, node, want)) return LDR_OK;
    return ldr__fail(err, LDR_UNSUPPORTED, n->begin, "the %s is %s, and only %s is supported", what, ldr__show(shown, j->text + n->begin, n->end - n->begin), want);
}

/* tokenizer_config.json: switches, the class, and two keys by which Japanese models name a splitter that is not BERT's. */
static ldr_status ldr__rules_read(ldr__rules *r, const ldr_json *j, ldr_error *err) {
    ldr_status status;
    int32_t name = ldr__json_there(j, 0, "tokenizer_class");
    r->lower = ldr__json_choice(j, 0, "do_lower_case");
    r->strip = ldr__json_choice(j, 0, "strip_accents");
    r->cjk = ldr__json_choice(j, 0, "tokenize_chinese_chars");
    r->bos = ldr__json_choice(j, 0, "add_bos_token");
    r->eos = ldr__json_choice(j, 0, "add_eos_token");
    r->prefix_space = ldr__json_choice(j, 0, "add_prefix_space");
    if (ldr__json_is(j, name, LDR_JSON_STRING)) ldr_json_string(r->class_name, sizeof r->class_name, j, name);
    if (strncmp(r->class_name, "XLMRoberta", 10) == 0) r->fairseq = 1;
    status = ldr__json_expect(j, 0, "word_tokenizer_type", "basic", "word tokenizer", err);
    if (!status) status = ldr__json_expect(j, 0, "subword_tokenizer_type", "wordpiece", "subword tokenizer", err);
    return status;
}

/* How many tokens a file beside the vocabulary may add, and the highest id it gives. */
static void ldr__besides_count(ldr__reading *r, int which) {
    int32_t list = which == LDR__BESIDE_CONFIG ? ldr__json_there(r->j, 0, "added_tokens_decoder") : which == LDR__BESIDE_ADDED ? 0 : ldr__json_there(r->j, 0, "additional_special_tokens"), k;
    const ldr_json_node *n = ldr_json_node_at(r->j, list);
    if (which == LDR__BESIDE_MAP) r->t->room_hint += 8;
    if (!n || (n->type != LDR_JSON_OBJECT && n->type != LDR_JSON_ARRAY)) return;
    r->t->room_hint += n->count;
    for (k = n->type == LDR_JSON_OBJECT ? n->first : -1; k >= 0; k = ldr_json_node_at(r->j, ldr_json_node_at(r->j, k)->next)->next) {
        double id = which == LDR__BESIDE_ADDED ? ldr_json_number(r->j, ldr_json_node_at(r->j, k)->next, -1) : ldr__parse_double(r->j->text + ldr_json_node_at(r->j, k)->begin, ldr_json_node_at(r->j, k)->end - ldr_json_node_at(r->j, k)->begin);
        if (id > r->t->top_id && id < 1 << 28) r->t->top_id = (int32_t)id;
    }
}

/* The main file, whatever it is: its content decides. */
static void ldr__read_main(ldr__reading *r, const ldr__files *f, ldr_json **j) {
    const unsigned char *s = f->data;
    size_t n = f->size;
    if (ldr__looks_like_json(s, n)) {
        *j = ldr_json_parse((const char *)s, n, &r->t->alloc, r->err);
        r->j = *j;
        if (!*j) r->status = r->err->status;
        else if (ldr_json_get(*j, 0, "model") >= 0 && !ldr__json_is(*j, ldr_json_get(*j, 0, "model"), LDR_JSON_NUMBER)) ldr__read_tokenizer(r);
        else if (!f->beside[LDR__BESIDE_MERGES])
            r->status = ldr__fail(r->err, LDR_MISSING, 0, "the tokenizer file has no \"model\" table; is it a tokenizer.json? (A vocab.json needs the merges.txt beside it)");
        else {
            r->whole = 1;
            ldr__read_vocab(r, 0, r->t->room_hint + 8);
            if (!r->status) ldr__read_vocab_merges(r, (const char *)f->beside[LDR__BESIDE_MERGES], f->beside_size[LDR__BESIDE_MERGES], &f->rules);
        }
        return;
    }
    r->t->added = (ldr__added *)ldr__tokenizer_keep(r->t, ((size_t)r->t->room_hint + 8) * sizeof *r->t->added);
    if (!r->t->added) ldr__read_memory(r);
    else if (ldr__looks_like_sentencepiece(s, n)) ldr__read_sentencepiece(r, s, n, &f->rules);
    else ldr__read_lines(r, s, n);
}

static ldr_tokenizer *ldr__tokenizer_build(ldr__files *f, const ldr_tokenizer_desc *desc, ldr_error *err) {
    static const char *const names[] = { "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json" };
    ldr__reading r;
    ldr_json *main_json = NULL, *beside[LDR__BESIDES];
    int k;
    memset(&r, 0, sizeof r);
    memset(beside, 0, sizeof beside);
    if (f->size == 0) {
        ldr__fail(err, LDR_VOCAB, 0, "the vocabulary is empty");
        return NULL;
    }
    if (f->size > LDR__VOCAB_BYTES) {
        ldr__fail(err, LDR_LIMIT, LDR_NO_OFFSET, "the vocabulary is %U bytes long, and at most %U are read", (uint64_t)f->size, (uint64_t)LDR__VOCAB_BYTES);
        return NULL;
    }
    r.err = err;
    r.t = ldr__tokenizer_new(&desc->alloc, err);
    if (!r.t) return NULL;
    for (k = 0; k < LDR__BESIDE_MERGES && !r.status; k++) {
        if (!f->beside[k]) continue;
        r.j = beside[k] = ldr_json_parse((const char *)f->beside[k], f->beside_size[k], &desc->alloc, err);
        if (!beside[k]) r.status = err->status;
        if (!r.status && k == LDR__BESIDE_CONFIG) r.status = ldr__rules_read(&f->rules, beside[k], err);
        if (!r.status) ldr__besides_count(&r, k);
        if (r.status) ldr__fail_in_file(err, names[k]);
    }
    if (!r.status) ldr__read_main(&r, f, &main_json);
    for (k = LDR__BESIDE_MERGES - 1; k >= 0 && !r.status; k--) {
        static const int order[] = { LDR__BESIDE_MAP, LDR__BESIDE_CONFIG, LDR__BESIDE_ADDED };
        r.j = beside[order[k]];
        r.known_stay = main_json && !r.whole;
        if (r.j) ldr__read_besides(&r, order[k]);
        if (r.status) ldr__fail_in_file(err, names[order[k]]);
    }
    if (!r.status) ldr__rules_apply(r.t, desc, &f->rules);
    if (!r.status) r.status = ldr__added_finish(r.t, err);
    ldr_json_free(main_json);
    for (k = 0; k < LDR__BESIDES; k++) ldr_json_free(beside[k]);
    if (!r.status) return r.t;
    ldr_tokenizer_free(r.t);
    return NULL;
}

static ldr_status ldr__tokenizer_desc_check(ldr_tokenizer_desc *out, const ldr_tokenizer_desc *desc, ldr_error *err) {
    memset(out, 0, sizeof *out);
    if (desc) *out = *desc;
    if (!ldr__allocator_valid(&out->alloc)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the allocator has one function of two; set both or neither");
    if ((unsigned)out->lower_case > LDR_OFF || (unsigned)out->strip_accents > LDR_OFF || (unsigned)out->cjk_spacing > LDR_OFF)
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a choice of the tokenizer is not LDR_AUTO, LDR_ON or LDR_OFF");
    return LDR_OK;
}

LDR__DEF ldr_tokenizer *ldr_tokenizer_load_memory(const void *data, size_t size, const ldr_tokenizer_desc *desc, ldr_error *err) {
    ldr_tokenizer_desc d;
    ldr__files f;
    ldr_error local;
    ldr_tokenizer *t;
    if (ldr__tokenizer_desc_check(&d, desc, err)) return NULL;
    if (!data && size) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "data is NULL");
        return NULL;
    }
    memset(&f, 0, sizeof f);
    memset(&local, 0, sizeof local);
    f.data = (const unsigned char *)data;
    f.size = size;
    f.beside[LDR__BESIDE_MERGES] = (const unsigned char *)d.merges;
    f.beside_size[LDR__BESIDE_MERGES] = d.merges_size;
    t = ldr__tokenizer_build(&f, &d, &local);
    if (!t && err && err->status == LDR_OK) *err = local;
    return t;
}

#ifndef LADDER_NO_STDIO

/* dir/name into path when there is such a file. */
static int ldr__tokenizer_has(char *path, const char *dir, const char *name) {
    return ldr__path_join(path, LADDER_MAX_PATH, dir, name) && ldr__file_exists(path);
}

/* The main files, in the order in which they are looked for: the whole tokenizer before its parts. */
static const char *const ldr__tokenizer_files[] = { "tokenizer.json", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt" };

/* The main file of a directory into path; 0 when there is none. */
static int ldr__tokenizer_main(char *path, const char *dir) {
    char merges[LADDER_MAX_PATH];
    size_t i;
    for (i = 0; i < sizeof ldr__tokenizer_files / sizeof *ldr__tokenizer_files; i++) {
        if (!ldr__tokenizer_has(path, dir, ldr__tokenizer_files[i])) continue;
        if (i != 1 || ldr__tokenizer_has(merges, dir, "merges.txt")) return 1;
    }
    return 0;
}

/* Opens what is there, dir's main file or the file itself, and reads it. */
static ldr_tokenizer *ldr__tokenizer_open(char *path, const char *dir, const ldr_tokenizer_desc *desc, ldr_error *err) {
    static const char *const names[] = { "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json", "merges.txt" };
    ldr__source source, beside[LDR__BESIDES];
    ldr__files f;
    ldr_tokenizer *t = NULL;
    char other[LADDER_MAX_PATH], folder[LADDER_MAX_PATH];
    int directory = ldr__tokenizer_has(path, dir, "."), k, opened = 0;
    size_t n = strlen(dir);
    memset(&f, 0, sizeof f);
    memcpy(folder, dir, n + 1);
    if (directory && !ldr__tokenizer_main(path, dir)) {
        ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "no tokenizer is there: none of tokenizer.json, vocab.json with merges.txt, tokenizer.model, spiece.model, sentencepiece.bpe.model and vocab.txt");
        return NULL;
    }
    if (!directory) {
        memcpy(path, dir, n + 1);
        while (n > 0 && folder[n - 1] != '/' && folder[n - 1] != '\\') n--;
        if (n == 0) folder[n++] = '.';
        folder[n] = 0;
    }
    if (ldr__source_open(&source, path, &desc->alloc, err)) return NULL;
    f.data = source.data;
    f.size = source.size;
    f.rules.fairseq = strlen(path) >= 23 && strcmp(path + strlen(path) - 23, "sentencepiece.bpe.model") == 0;
    for (k = 0; k < LDR__BESIDES; k++, opened = k) {
        memset(&beside[k], 0, sizeof beside[k]);
        if ((!directory && k != LDR__BESIDE_MERGES) || !ldr__tokenizer_has(other, folder, names[k])) continue;
        if (ldr__source_open(&beside[k], other, &desc->alloc, err)) break;
        f.beside[k] = beside[k].data;
        f.beside_size[k] = beside[k].size;
    }
    if (opened == LDR__BESIDES) t = ldr__tokenizer_build(&f, desc, err);
    while (opened > 0) ldr__source_close(&beside[--opened]);
    ldr__source_close(&source);
    return t;
}

LDR__DEF ldr_tokenizer *ldr_tokenizer_load(const char *dir, const ldr_tokenizer_desc *desc, ldr_error *err) {
    ldr_tokenizer_desc d;
    ldr_error local;
    ldr_tokenizer *t;
    char path[LADDER_MAX_PATH];
    memset(&local, 0, sizeof local);
    if (ldr__tokenizer_desc_check(&d, desc, err)) return NULL;
    if (!dir || !*dir || strlen(dir) > LADDER_MAX_PATH - 32) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, dir && *dir ? "the path of the tokenizer is too long" : "no path of a tokenizer was given");
        return NULL;
    }
    memcpy(path, dir, strlen(dir) + 1);
    t = ldr__tokenizer_open(path, dir, &d, &local);
    if (!t) {
        ldr__fail_in_file(&local, path);
        if (err && err->status == LDR_OK) *err = local;
    }
    return t;
}
#endif /* LADDER_NO_STDIO */

LDR__DEF int32_t ldr_tokenizer_size(const ldr_tokenizer *t) { return t ? t->count : 0; }

LDR__DEF const char *ldr_tokenizer_piece(const ldr_tokenizer *t, int32_t id) {
    return t && id >= 0 && id < t->count ? ldr__piece_text(t, id) : NULL;
}

LDR__DEF int32_t ldr_tokenizer_find(const ldr_tokenizer *t, const char *piece) {
    int32_t added = t && piece ? ldr__trie_find(&t->names, piece, strlen(piece)) : -1;
    if (added >= 0) return t->added[added].id;
    return t && piece ? ldr__piece_find(t, piece, strlen(piece)) : -1;
}
#endif /* LADDER_NO_TOKENIZER */

/* ======================================================================================
   >>block             One Transformer block for every family and for the ladder
   --------------------------------------------------------------------------------------
   A block is a row of choices (ldr__shape) and a list of tensors (ldr__slot). The same
   forward and backward run the frozen backbone and the side network, at width d and d/r.

       post-norm:  r1 = x + Attn(x)         n = norm1(r1)   r2 = n + FFN(n)          y = norm2(r2)
       pre-norm:   r1 = x + Attn(norm1(x))                  y = r1 + FFN(norm2(r1))
       no norm:    the same as pre-norm with the identity; without attention r1 = x

       Attn(z) = O softmax(Q z (K z)^T / sqrt(d_head)) V z       FFN(z) = Down f(Up z)   or   Down (f(Gate z) * Up z)

   Tuning methods that reach into a block (>>tune) add tensors of their own to it. Absent ones cost nothing:

       low rank:   W z + (alpha/rank) B A z for any of the matrices (LoRA: Hu et al. 2021)
       adapters:   Attn and FFN give z + Up f(Down z) for z (Houlsby et al. 2019)
       prefix:     the first tokens of every sequence have trained keys and values (Li & Liang 2021)
   ====================================================================================== */

typedef enum ldr__slot {
    LDR__Q, LDR__K, LDR__V, LDR__O, LDR__GATE, LDR__UP, LDR__DOWN, LDR__MATRICES,
    LDR__QB = LDR__MATRICES, LDR__KB, LDR__VB, LDR__OB, LDR__GATEB, LDR__UPB, LDR__DOWNB,
    LDR__NORM1, LDR__NORM1B, LDR__NORM2, LDR__NORM2B, LDR__SLOTS,
    /* added by tuning methods: A and B of every matrix; adapters after attention, after FFN: down, bias, up, bias */
    LDR__LOW_A = LDR__SLOTS, LDR__LOW_B = LDR__LOW_A + LDR__MATRICES, LDR__ADAPTER1 = LDR__LOW_B + LDR__MATRICES, LDR__ADAPTER2 = LDR__ADAPTER1 + 4,
    LDR__PREFIX_K = LDR__ADAPTER2 + 4, LDR__PREFIX_V, LDR__ALL_SLOTS
} ldr__slot;

static const char *const ldr__slot_names[LDR__ALL_SLOTS] = {
    "attention.query.weight", "attention.key.weight", "attention.value.weight", "attention.output.weight",
    "ffn.gate.weight", "ffn.up.weight", "ffn.down.weight",
    "attention.query.bias", "attention.key.bias", "attention.value.bias", "attention.output.bias",
    "ffn.gate.bias", "ffn.up.bias", "ffn.down.bias", "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias",
    "attention.query.low_a.weight", "attention.key.low_a.weight", "attention.value.low_a.weight", "attention.output.low_a.weight",
    "ffn.gate.low_a.weight", "ffn.up.low_a.weight", "ffn.down.low_a.weight",
    "attention.query.low_b.weight", "attention.key.low_b.weight", "attention.value.low_b.weight", "attention.output.low_b.weight",
    "ffn.gate.low_b.weight", "ffn.up.low_b.weight", "ffn.down.low_b.weight",
    "adapter1.down.weight", "adapter1.down.bias", "adapter1.up.weight", "adapter1.up.bias",
    "adapter2.down.weight", "adapter2.down.bias", "adapter2.up.weight", "adapter2.up.bias", "prefix.key", "prefix.value" };

typedef enum ldr__place_of_norm { LDR__POST, LDR__PRE, LDR__NO_NORM } ldr__place_of_norm;

typedef struct ldr__shape {
    int32_t  width, heads, kv_heads, head_dim, ffn;
    ldr_norm norm;
    ldr__place_of_norm place;
    ldr_activation activation;
    int32_t  gated, rotary, causal, biases;        /* biases: every linear has one            */
    float    eps;
    int32_t  low_rank, low_set, bottleneck, prefix;        /* added by tuning; low_set: a bit for each matrix */
    float    low_scale;                            /* alpha / rank                            */
} ldr__shape;

/* Rows and columns of a slot, 0 when the block has no such tensor; a vector has one row. */
static size_t ldr__slot_size(const ldr__shape *s, int slot, size_t *rows, size_t *columns) {
    size_t w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, f = (size_t)s->ffn;
    size_t r = 1, c = 0, n = (size_t)s->bottleneck;
    int of = (slot - LDR__LOW_A) % LDR__MATRICES;
    if (slot >= LDR__LOW_A && slot < LDR__ADAPTER1) {
        if ((s->low_set >> of & 1) && ldr__slot_size(s, of, &r, &c)) *(slot < LDR__LOW_B ? &r : &c) = (size_t)s->low_rank;
        else c = 0;
    } else switch (slot) {
        case LDR__ADAPTER1: case LDR__ADAPTER2: r = n; c = w; break;
        case LDR__ADAPTER1 + 1: case LDR__ADAPTER2 + 1: c = n; break;
        case LDR__ADAPTER1 + 2: case LDR__ADAPTER2 + 2: r = w; c = n; break;
        case LDR__ADAPTER1 + 3: case LDR__ADAPTER2 + 3: c = n ? w : 0; break;
        case LDR__PREFIX_K: case LDR__PREFIX_V: r = (size_t)s->prefix; c = kv; break;
        case LDR__Q: r = q; c = w; break;
        case LDR__K: case LDR__V: r = kv; c = w; break;
        case LDR__O: r = w; c = q; break;
        case LDR__GATE: r = s->gated ? f : 0; c = w; break;
        case LDR__UP: r = f; c = w; break;
        case LDR__DOWN: r = w; c = f; break;
        case LDR__QB: c = s->biases ? q : 0; break;
        case LDR__KB: case LDR__VB: c = s->biases ? kv : 0; break;
        case LDR__OB: c = s->biases && q ? w : 0; break;
        case LDR__GATEB: c = s->biases && s->gated ? f : 0; break;
        case LDR__UPB: c = s->biases ? f : 0; break;
        case LDR__DOWNB: c = s->biases ? w : 0; break;
        case LDR__NORM1: case LDR__NORM2: c = s->place == LDR__NO_NORM ? 0 : w; break;
        default: c = s->place == LDR__NO_NORM || s->norm == LDR_NORM_RMS ? 0 : w; break;
    }
    if (slot >= LDR__ADAPTER1 && slot < LDR__ADAPTER2 && !s->heads) c = 0;
    if (r == 0 || c == 0) r = c = 0;
    if (rows) *rows = r;
    if (columns) *columns = c;
    return r * c;
}

/* The matrices of a block, rounded; q, k and v are one. */
typedef struct ldr__packed_block { ldr__packed qkv, o, gate, up, down; } ldr__packed_block;

typedef struct ldr__block {
    ldr__mat     m[LDR__MATRICES];      /* W[out,in]; data NULL where absent                  */
    const float *v[LDR__ALL_SLOTS];     /* everything else, indexed by slot; NULL where absent */
    const ldr__packed_block *packed;        /* used in place of m and its biases; or NULL         */
} ldr__block;

/* What a forward pass keeps. With `y` == `x` and u reused in place the same fields serve a frozen block. */
typedef struct ldr__acts {
    float *x, *n1, *qkv, *attention, *lse, *r1, *n2, *u, *g, *r2, *y, *stats1, *stats2;
    float *low, *z[2], *down[2], *bent;     /* A z; what each adapter read, Down of it, f of that */
} ldr__acts;

/* From one row of FFN units to the next: rows that lie 4096 bytes apart would share their cache sets. */
static size_t ldr__ffn_ld(const ldr__shape *s) { return s->ffn % 1024 ? (size_t)s->ffn : (size_t)s->ffn + 16; }

static void ldr__swap(float **a, float **b) {
    float *t = *a;
    *a = *b;
    *b = t;
}

static size_t ldr__qkv_width(const ldr__shape *s) { return (size_t)(s->heads + 2 * s->kv_heads) * (size_t)s->head_dim; }

/* What is kept for a backward pass. Blocks in a row share states: the caller has x and y (ldr__deep_acts, ldr__frozen_forward). */
enum { LDR__KEEP = 1, LDR__KEEP_INSIDE = 2, LDR__KEEP_NOTHING = 3 };

/* A row of what is first q, k, v and attention, then FFN's units. */
static size_t ldr__room_width(const ldr__shape *s) { return LDR__MAX(ldr__qkv_width(s) + (size_t)s->heads * (size_t)s->head_dim, ldr__ffn_ld(s)); }

/* Places the activations of one block over `rows` tokens. keep: 0, when y is x, or one of the above. */
static void ldr__acts_place(ldr__plan *p, const char *name, ldr__acts *a, const ldr__shape *s, size_t rows, int keep) {
    size_t w = (size_t)s->width;
    memset(a, 0, sizeof *a);
    if (keep < LDR__KEEP_INSIDE) {
        a->x = ldr__place_matrix(p, name, rows, w);
        a->y = keep ? ldr__place_matrix(p, name, rows, w) : a->x;
    }
    keep = keep != LDR__KEEP_NOTHING && keep;
    a->r1 = ldr__place_matrix(p, name, rows, w);
    a->n2 = s->place == LDR__NO_NORM || (s->place == LDR__POST && !keep) ? a->r1 : ldr__place_matrix(p, name, rows, w);
    a->n1 = s->place == LDR__PRE ? (keep ? ldr__place_matrix(p, name, rows, w) : a->n2) : a->x;
    a->r2 = s->place == LDR__POST && keep ? ldr__place_matrix(p, name, rows, w) : a->y;
    if (s->heads && !keep) {                           /* FFN's units come where the queries were   */
        a->u = a->qkv = ldr__place_matrix(p, name, rows, ldr__room_width(s));
        a->attention = a->qkv ? a->qkv + rows * ldr__qkv_width(s) : NULL;
    } else {
        if (s->heads) {
            a->qkv = ldr__place_matrix(p, name, rows, ldr__qkv_width(s));
            a->attention = ldr__place_matrix(p, name, rows, (size_t)s->heads * (size_t)s->head_dim);
            a->lse = ldr__place_matrix(p, name, rows, (size_t)s->heads);
        }
        a->u = ldr__place_matrix(p, name, rows, ldr__ffn_ld(s));
    }
    if (s->gated) a->g = ldr__place_matrix(p, name, rows, ldr__ffn_ld(s));
    if (keep && s->place != LDR__NO_NORM) {
        a->stats1 = ldr__place_matrix(p, name, rows, 2);
        a->stats2 = ldr__place_matrix(p, name, rows, 2);
    }
    if (s->low_rank) a->low = ldr__place_matrix(p, name, rows, (size_t)s->low_rank);
    if (s->bottleneck) {
        int i;
        a->bent = ldr__place_matrix(p, name, rows, (size_t)s->bottleneck);
        for (i = 0; i < 2; i++) {
            a->down[i] = keep ? ldr__place_matrix(p, name, rows, (size_t)s->bottleneck) : a->bent;
            if (keep) a->z[i] = ldr__place_matrix(p, name, rows, w);
        }
    }
}

/* The same activations between other states. */
static ldr__acts ldr__acts_between(ldr__acts a, const ldr__shape *s, float *x, float *y) {
    if (s->place != LDR__PRE) a.n1 = x;
    if (s->place != LDR__POST) a.r2 = y;
    a.x = x;
    a.y = y;
    return a;
}

static float *ldr__row_of(float *x, size_t row, size_t width) { return x ? x + row * width : NULL; }

/* The same from token `first` on, and, where only some rows of each sequence go on after attention, from row `out` on: of a part of the sequences. */
static ldr__acts ldr__acts_from(ldr__acts a, const ldr__shape *s, size_t first, size_t out) {
    size_t w = (size_t)s->width, n = (size_t)s->bottleneck;
    int i;
    a.x = ldr__row_of(a.x, first, w);
    a.n1 = ldr__row_of(a.n1, first, w);
    a.qkv = ldr__row_of(a.qkv, first, ldr__qkv_width(s));
    a.lse = ldr__row_of(a.lse, first, (size_t)s->heads);
    a.attention = ldr__row_of(a.attention, out, (size_t)s->heads * (size_t)s->head_dim);
    a.r1 = ldr__row_of(a.r1, out, w);
    a.n2 = ldr__row_of(a.n2, out, w);
    a.r2 = ldr__row_of(a.r2, out, w);
    a.y = ldr__row_of(a.y, out, w);
    a.u = ldr__row_of(a.u, out, ldr__ffn_ld(s));
    a.g = ldr__row_of(a.g, out, ldr__ffn_ld(s));
    a.stats1 = ldr__row_of(a.stats1, s->place == LDR__PRE ? first : out, 2);
    a.stats2 = ldr__row_of(a.stats2, out, 2);
    a.low = ldr__row_of(a.low, first, (size_t)s->low_rank);
    a.bent = ldr__row_of(a.bent, out, n);
    for (i = 0; i < 2; i++) {
        a.z[i] = ldr__row_of(a.z[i], out, w);
        a.down[i] = ldr__row_of(a.down[i], out, n);
    }
    return a;
}

/* Of activations placed without a way back: those of `rows` rows from `first` on, which share no memory with others. */
static ldr__acts ldr__acts_apart(ldr__acts a, const ldr__shape *s, size_t first, size_t rows) {
    float *room = ldr__row_of(a.qkv, first, ldr__room_width(s));
    a = ldr__acts_from(a, s, first, first);
    if (!s->heads) return a;
    a.u = a.qkv = room;
    a.attention = room + rows * ldr__qkv_width(s);
    return a;
}

/* The tokens a pass works on. */
typedef struct ldr__tokens {
    int32_t         sequences;
    const int32_t  *offsets;            /* [sequences+1]; rows of every matrix are counted from offsets[0] on */
    const int32_t  *position;           /* [T] place in its sequence                          */
    const uint64_t *rows;               /* [T] dropout row numbers                            */
    size_t          count;              /* T                                                  */
    const int32_t  *only;               /* [sequences] the one row of each whose output is wanted; NULL: all. Output, and its gradient, have
                                           these rows alone: only keys and values are made for the others */
    const uint64_t *only_rows;          /* their dropout row numbers                          */
    const float    *frequency;          /* rotary frequencies for this head size, or NULL     */
    float           dropout;
    uint64_t        dropout_key;
} ldr__tokens;

enum { LDR__PLACE_SCORES, LDR__PLACE_ATTENTION, LDR__PLACE_FFN, LDR__PLACES };

/* Rows of a block's output. */
static size_t ldr__tokens_out(const ldr__tokens *t) { return t->only ? (size_t)t->sequences : t->count; }

/* Sequences [i, end). */
static ldr__tokens ldr__tokens_part(const ldr__tokens *t, int32_t i, int32_t end) {
    ldr__tokens mine = *t;
    size_t first = (size_t)(t->offsets[i] - t->offsets[0]);
    mine.sequences = end - i;
    mine.offsets += i;
    mine.position += first;
    if (t->rows) mine.rows += first;
    mine.count = (size_t)(t->offsets[end] - t->offsets[i]);
    if (t->only) mine.only += i;
    if (t->only_rows) mine.only_rows += i;
    return mine;
}

/* Cuts sequences into parts of up to `most` tokens, but of one sequence at least: at[parts + 1]. Returns their number, and the tokens of the longest. */
static int32_t ldr__tokens_cut(int32_t *at, size_t *longest, const ldr__tokens *t, size_t most) {
    int32_t parts = 0, i;
    at[0] = 0;
    *longest = 0;
    for (i = 1; i <= t->sequences; i++) {
        size_t begin = (size_t)t->offsets[at[parts]];
        if (i < t->sequences && (size_t)t->offsets[i + 1] - begin <= most) continue;
        at[++parts] = i;
        *longest = LDR__MAX(*longest, (size_t)t->offsets[i] - begin);
    }
    return parts;
}

/* 1: no thread waits long for another that works on the longest part. */
static int ldr__cut_is_even(const ldr__tokens *t, size_t longest, int32_t threads) { return threads == 1 || 2 * longest * (size_t)threads <= t->count; }

/* x[T,w] from its first rows, those of t->only, in place; the others are 0. */
static void ldr__tokens_spread(float *x, const ldr__tokens *t, size_t w) {
    size_t end = t->count, r, at;
    if (!t->only) return;
    for (r = (size_t)t->sequences; r-- > 0; end = at) {
        at = (size_t)(t->only[r] - t->offsets[0]);
        memset(x + (at + 1) * w, 0, (end - at - 1) * w * sizeof(float));
        memmove(x + at * w, x + r * w, w * sizeof(float));
    }
    memset(x, 0, end * w * sizeof(float));
}

static ldr__dropout ldr__tokens_dropout(const ldr__tokens *t, uint64_t place) {
    ldr__dropout d;
    d.p = t->dropout;
    d.key = ldr__mix64(t->dropout_key + place * UINT64_C(0x9e3779b97f4a7c15));
    d.rows = t->only && place != LDR__PLACE_SCORES ? t->only_rows : t->rows;
    return d;
}

static ldr__attention ldr__block_attention(const ldr__shape *s, const ldr__tokens *t, const ldr__dropout *drop) {
    ldr__attention a;
    memset(&a, 0, sizeof a);
    a.heads = s->heads;
    a.kv_heads = s->kv_heads;
    a.head_dim = s->head_dim;
    a.causal = s->causal;
    a.scale = 1.0f / sqrtf((float)s->head_dim);
    a.sequences = t->sequences;
    a.offsets = t->offsets;
    a.only = t->only;
    a.ld = ldr__qkv_width(s);
    a.drop = drop;
    return a;
}

/* Gradients on the way back, kept until those of the block's tensors are made of them; shared by all blocks of one shape. */
typedef struct ldr__back {
    float *dn1, *dn2;              /* of what norm1 made, and of what norm2 made (post-norm: that is y) */
    float *dattn, *dffn;           /* of what Attn and FFN add                                */
    float *f, *df, *dg;            /* f: the activated units again, where the forward pass had room for them */
    float *attention, *qkv, *low, *bent;
} ldr__back;

static void ldr__back_place(ldr__plan *p, const char *name, ldr__back *k, const ldr__shape *s, size_t rows, float *f) {
    size_t w = (size_t)s->width;
    memset(k, 0, sizeof *k);
    k->dn1 = s->place != LDR__NO_NORM ? ldr__place_matrix(p, name, rows, w) : NULL;
    k->dn2 = s->place == LDR__PRE ? ldr__place_matrix(p, name, rows, w) : NULL;
    k->dffn = ldr__place_matrix(p, name, rows, w);
    k->f = f;
    k->df = ldr__place_matrix(p, name, rows, ldr__ffn_ld(s));
    if (s->gated) k->dg = ldr__place_matrix(p, name, rows, ldr__ffn_ld(s));
    if (s->heads) {
        k->dattn = ldr__place_matrix(p, name, rows, w);
        k->attention = ldr__place_matrix(p, name, rows, (size_t)s->heads * (size_t)s->head_dim);
        k->qkv = ldr__place_matrix(p, name, rows, ldr__qkv_width(s));
    }
    if (s->low_rank) k->low = ldr__place_matrix(p, name, rows, (size_t)s->low_rank);
    if (s->bottleneck) k->bent = ldr__place_matrix(p, name, rows, (size_t)s->bottleneck);
}

/* As ldr__acts_from. */
static ldr__back ldr__back_from(ldr__back k, const ldr__shape *s, size_t first, size_t out) {
    size_t w = (size_t)s->width;
    k.dn1 = ldr__row_of(k.dn1, s->place == LDR__PRE ? first : out, w);
    k.dn2 = ldr__row_of(k.dn2, out, w);
    k.dattn = ldr__row_of(k.dattn, out, w);
    k.dffn = ldr__row_of(k.dffn, out, w);
    k.f = ldr__row_of(k.f, out, ldr__ffn_ld(s));
    k.df = ldr__row_of(k.df, out, ldr__ffn_ld(s));
    k.dg = ldr__row_of(k.dg, out, ldr__ffn_ld(s));
    k.attention = ldr__row_of(k.attention, out, (size_t)s->heads * (size_t)s->head_dim);
    k.qkv = ldr__row_of(k.qkv, first, ldr__qkv_width(s));
    k.low = ldr__row_of(k.low, first, (size_t)s->low_rank);
    k.bent = ldr__row_of(k.bent, out, (size_t)s->bottleneck);
    return k;
}

/* A z, times alpha/rank: low[T,rank]. */
static void ldr__low_rank(const ldr__exec *ex, float *low, const float *x, size_t ldx, const ldr__block *b, const ldr__shape *s, int slot, size_t rows, size_t in) {
    size_t n = (size_t)s->low_rank;
    ldr__linear_forward(ex, low, n, x, ldx, ldr__mat_float(b->v[LDR__LOW_A + slot], in, 1), NULL, rows, n, in);
    LDR__ROW_LOOP(t, rows, ex, LDR__LANE_LOOP(i, n, low[t * n + i] *= s->low_scale);)
}

/* y[T,O] = x[T,I] W^T + b + (alpha/rank) x A^T B^T for the matrix in `slot`. low: room for [T,rank]. */
static void ldr__block_linear_forward(const ldr__exec *ex, float *y, size_t ldy, const float *x, size_t ldx, const ldr__block *b, const ldr__shape *s, int slot, size_t rows, float *low) {
    size_t out, in, n = (size_t)s->low_rank;
    ldr__slot_size(s, slot, &out, &in);
    ldr__linear_forward(ex, y, ldy, x, ldx, b->m[slot], b->v[LDR__QB + slot], rows, out, in);
    if (!b->v[LDR__LOW_A + slot]) return;
    ldr__low_rank(ex, low, x, ldx, b, s, slot, rows, in);
    ldr__gemm(ex, y, ldy, low, n, 1, ldr__mat_transposed(ldr__mat_float(b->v[LDR__LOW_B + slot], n, 1)), ldr__finish_bias(NULL), rows, out, n, 1);
}

/* dx (+)= dy W + (alpha/rank) dy B A, and the gradients of A and B that are wanted. A z is made again; dlow: room like low. */
static void ldr__block_linear_backward(const ldr__exec *ex, float *dx, size_t lddx, int add, float *const *grad, const float *dy, size_t ldy, const float *x, size_t ldx,
                                       const ldr__block *b, const ldr__shape *s, int slot, size_t rows, float *low, float *dlow) {
    size_t out, in, n = (size_t)s->low_rank;
    ldr__slot_size(s, slot, &out, &in);
    ldr__linear_backward(ex, dx, lddx, add, NULL, NULL, dy, ldy, ldr__mat_float(x, ldx, 1), b->m[slot], rows, out, in);
    if (!b->v[LDR__LOW_A + slot]) return;
    ldr__low_rank(ex, low, x, ldx, b, s, slot, rows, in);
    ldr__linear_backward(ex, dlow, n, 0, grad[LDR__LOW_B + slot], NULL, dy, ldy, ldr__mat_float(low, n, 1), ldr__mat_float(b->v[LDR__LOW_B + slot], n, 1), rows, out, n);
    LDR__ROW_LOOP(t, rows, ex, LDR__LANE_LOOP(i, n, dlow[t * n + i] *= s->low_scale);)
    ldr__linear_backward(ex, dx, lddx, 1, grad[LDR__LOW_A + slot], NULL, dlow, n, ldr__mat_float(x, ldx, 1), ldr__mat_float(b->v[LDR__LOW_A + slot], in, 1), rows, n, in);
}

/* The gradients of W and its bias. */
static void ldr__block_linear_gradients(ldr__sums *sums, float *const *grad, const float *dy, size_t ldy, const float *x, size_t ldx, const ldr__shape *s, int slot, size_t rows) {
    size_t out, in;
    ldr__slot_size(s, slot, &out, &in);
    ldr__linear_gradients(sums, grad[slot], grad[LDR__QB + slot], dy, ldy, ldr__mat_float(x, ldx, 1), rows, out, in);
}

/* 1: the rows of b follow those of a, as if they were one matrix. */
static int ldr__mat_follows(const ldr__mat *a, size_t rows, const ldr__mat *b) {
    size_t size = ldr__dtypes[a->dtype].size;
    return a->dtype == b->dtype && ldr__dtypes[a->dtype].block == 1 && a->rs == b->rs && a->cs == b->cs
        && (const unsigned char *)a->data + (a->first + rows * a->rs) * size == (const unsigned char *)b->data + b->first * size;
}

/* 1: Wq, Wk and Wv lie one after another, as in every ladder and in GPT-2, and are a single matrix; their biases as well. */
static int ldr__qkv_is_one(const ldr__block *b, const ldr__shape *s) {
    size_t q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim;
    const float *const *v = b->v + LDR__QB;
    if (!s->heads || b->v[LDR__LOW_A + LDR__Q] || b->v[LDR__LOW_A + LDR__K] || b->v[LDR__LOW_A + LDR__V]) return 0;
    if (!ldr__mat_follows(&b->m[LDR__Q], q, &b->m[LDR__K]) || !ldr__mat_follows(&b->m[LDR__K], kv, &b->m[LDR__V])) return 0;
    return !v[0] ? !v[1] && !v[2] : v[1] == v[0] + q && v[2] == v[1] + kv;
}

/* 1: their gradients lie so too, or none is wanted. */
static int ldr__qkv_gradients_are_one(const ldr__shape *s, float *const *grad) {
    size_t q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, w = (size_t)s->width;
    if (!grad[LDR__Q] ? grad[LDR__K] || grad[LDR__V] : grad[LDR__K] != grad[LDR__Q] + q * w || grad[LDR__V] != grad[LDR__K] + kv * w) return 0;
    return !grad[LDR__QB] ? !grad[LDR__KB] && !grad[LDR__VB] : grad[LDR__KB] == grad[LDR__QB] + q && grad[LDR__VB] == grad[LDR__KB] + kv;
}

/* qkv[T,q+2kv] = n1[T,w] [Wq; Wk; Wv]^T + b */
static void ldr__qkv_forward(const ldr__exec *ex, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, size_t rows) {
    size_t w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, ld = ldr__qkv_width(s);
    if (b->packed) ldr__packed_forward(ex, a->qkv, ld, NULL, a->n1, w, &b->packed->qkv, rows, 0);
    else if (ldr__qkv_is_one(b, s)) ldr__linear_forward(ex, a->qkv, ld, a->n1, w, b->m[LDR__Q], b->v[LDR__QB], rows, ld, w);
    else {
        ldr__block_linear_forward(ex, a->qkv, ld, a->n1, w, b, s, LDR__Q, rows, a->low);
        ldr__block_linear_forward(ex, a->qkv + q, ld, a->n1, w, b, s, LDR__K, rows, a->low);
        ldr__block_linear_forward(ex, a->qkv + q + kv, ld, a->n1, w, b, s, LDR__V, rows, a->low);
    }
}

/* dn1[T,w] (+)= dqkv [Wq; Wk; Wv] */
static void ldr__qkv_backward(const ldr__exec *ex, float *dn1, int add, float *const *grad, const float *dqkv, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, size_t rows, float *dlow) {
    size_t w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, ld = ldr__qkv_width(s);
    if (ldr__qkv_is_one(b, s)) ldr__linear_backward(ex, dn1, w, add, NULL, NULL, dqkv, ld, ldr__mat_float(a->n1, w, 1), b->m[LDR__Q], rows, ld, w);
    else {
        ldr__block_linear_backward(ex, dn1, w, add, grad, dqkv, ld, a->n1, w, b, s, LDR__Q, rows, a->low, dlow);
        ldr__block_linear_backward(ex, dn1, w, 1, grad, dqkv + q, ld, a->n1, w, b, s, LDR__K, rows, a->low, dlow);
        ldr__block_linear_backward(ex, dn1, w, 1, grad, dqkv + q + kv, ld, a->n1, w, b, s, LDR__V, rows, a->low, dlow);
    }
}

static void ldr__qkv_gradients(ldr__sums *sums, float *const *grad, const float *dqkv, const ldr__acts *a, const ldr__shape *s, size_t rows) {
    size_t w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, ld = ldr__qkv_width(s);
    if (ldr__qkv_gradients_are_one(s, grad)) ldr__linear_gradients(sums, grad[LDR__Q], grad[LDR__QB], dqkv, ld, ldr__mat_float(a->n1, w, 1), rows, ld, w);
    else {
        ldr__block_linear_gradients(sums, grad, dqkv, ld, a->n1, w, s, LDR__Q, rows);
        ldr__block_linear_gradients(sums, grad, dqkv + q, ld, a->n1, w, s, LDR__K, rows);
        ldr__block_linear_gradients(sums, grad, dqkv + q + kv, ld, a->n1, w, s, LDR__V, rows);
    }
}

/* z[T,w] += Up f(Down z + b) + c, f = gelu; adapter 0 stands after attention, 1 after FFN. */
static void ldr__adapter_forward(const ldr__exec *ex, float *z, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, int which, size_t rows) {
    const float *const *v = b->v + (which ? LDR__ADAPTER2 : LDR__ADAPTER1);
    size_t w = (size_t)s->width, n = (size_t)s->bottleneck;
    if (!v[0]) return;
    if (a->z[which]) memcpy(a->z[which], z, rows * w * sizeof(float));
    ldr__linear_activate_forward(ex, a->down[which], a->bent, n, z, ldr__mat_float(v[0], w, 1), v[1], rows, n, w, LDR_GELU_TANH);
    LDR__ROW_LOOP(t, rows, ex, LDR__LANE_LOOP(i, w, z[t * w + i] += v[3][i]);)
    ldr__gemm(ex, z, w, a->bent, n, 1, ldr__mat_transposed(ldr__mat_float(v[2], n, 1)), ldr__finish_bias(NULL), rows, w, n, 1);
}

/* dz[T,w]: from the gradient of the adapter's output to that of its input, in place. */
static void ldr__adapter_backward(const ldr__exec *ex, float *dz, float *const *grad, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, int which, size_t rows, const ldr__back *k) {
    const int first = which ? LDR__ADAPTER2 : LDR__ADAPTER1;
    const float *const *v = b->v + first;
    size_t w = (size_t)s->width, n = (size_t)s->bottleneck;
    if (!v[0]) return;
    LDR__ROW_LOOP(t, rows, ex, ex->kernels->rows->activate_both(a->bent + t * n, a->down[which] + t * n, n, LDR_GELU_TANH);)
    ldr__linear_backward(ex, k->bent, n, 0, grad[first + 2], grad[first + 3], dz, w, ldr__mat_float(a->bent, n, 1), ldr__mat_float(v[2], n, 1), rows, w, n);
    LDR__ROW_LOOP(t, rows, ex, ex->kernels->rows->multiply(k->bent + t * n, a->down[which] + t * n, n);)
    ldr__linear_backward(ex, dz, w, 1, grad[first], grad[first + 1], k->bent, n, ldr__mat_float(a->z[which], w, 1), ldr__mat_float(v[0], w, 1), rows, n, w);
}

/* The keys and values of the first tokens of every sequence are the prefix, whatever those tokens hold. */
static void ldr__prefix_forward(float *qkv, const ldr__block *b, const ldr__shape *s, const ldr__tokens *t) {
    size_t q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, ld = ldr__qkv_width(s), p;
    int32_t i;
    for (i = 0; s->prefix && i < t->sequences; i++)
        for (p = 0; p < (size_t)s->prefix; p++) {
            float *row = qkv + ((size_t)(t->offsets[i] - t->offsets[0]) + p) * ld + q;
            memcpy(row, b->v[LDR__PREFIX_K] + p * kv, kv * sizeof(float));
            memcpy(row + kv, b->v[LDR__PREFIX_V] + p * kv, kv * sizeof(float));
        }
}

/* Takes the gradient out of those rows: nothing flows on to what they replaced. */
static void ldr__prefix_backward(float *dqkv, float *const *grad, const ldr__shape *s, const ldr__tokens *t) {
    size_t q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, ld = ldr__qkv_width(s), p, c;
    int32_t i;
    for (i = 0; s->prefix && i < t->sequences; i++)
        for (p = 0; p < (size_t)s->prefix; p++) {
            float *row = dqkv + ((size_t)(t->offsets[i] - t->offsets[0]) + p) * ld;
            for (c = 0; grad[LDR__PREFIX_K] && c < kv; c++) {
                grad[LDR__PREFIX_K][p * kv + c] += row[q + c];
                grad[LDR__PREFIX_V][p * kv + c] += row[q + kv + c];
            }
            memset(row, 0, ld * sizeof(float));
        }
}

/* The inner half of FFN: u = Up z and f = activation(u), or f = activation(Gate z) u. f may be u, fg may be g. */
static void ldr__ffn_forward(const ldr__exec *ex, float *f, float *fg, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, size_t rows) {
    size_t w = (size_t)s->width, n = (size_t)s->ffn, ld = ldr__ffn_ld(s);
    if (b->packed) {
        ldr__packed_forward(ex, a->u, ld, s->gated ? NULL : f, a->n2, w, &b->packed->up, rows, (int32_t)s->activation);
        if (s->gated) ldr__packed_forward(ex, a->g, ld, fg, a->n2, w, &b->packed->gate, rows, (int32_t)s->activation);
    } else {
        const int last = s->gated ? LDR__GATE : LDR__UP;       /* what is activated */
        float *y = s->gated ? a->g : a->u, *fy = s->gated ? fg : f;
        if (s->gated) ldr__block_linear_forward(ex, a->u, ld, a->n2, w, b, s, LDR__UP, rows, a->low);
        if (!b->v[LDR__LOW_A + last]) ldr__linear_activate_forward(ex, y, fy, ld, a->n2, b->m[last], b->v[LDR__QB + last], rows, n, w, s->activation);
        else {
            ldr__block_linear_forward(ex, y, ld, a->n2, w, b, s, last, rows, a->low);
            LDR__ROW_LOOP(t, rows, ex, ex->kernels->rows->activate(fy + t * ld, y + t * ld, n, (int32_t)s->activation);)
        }
    }
    if (s->gated) LDR__ROW_LOOP(t, rows, ex, LDR__LANE_LOOP(i, n, f[t * ld + i] = a->u[t * ld + i] * fg[t * ld + i]);)
}

/* What a forward pass may leave out when it is run again, on the way back: attention, whose result was kept, and y. */
enum { LDR__ALL_OF_IT, LDR__BUT_ATTENTION, LDR__ONLY_INSIDE };

/* a->x[T,w] to a->y[T,w]. `f` (and `fg` when gated) is room for [T,ffn]; a frozen block passes a->u, a->g. */
static void ldr__block_forward(const ldr__exec *ex, ldr__acts *a, const ldr__block *b, const ldr__shape *s, const ldr__tokens *t, float *f, float *fg, int part) {
    size_t rows = t->count, w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, ld = ldr__qkv_width(s), r;
    const float *x = t->only ? a->y : a->x;            /* what is wanted of it; y is written last, and may be x */
    ldr__dropout scores = ldr__tokens_dropout(t, LDR__PLACE_SCORES), after = ldr__tokens_dropout(t, LDR__PLACE_ATTENTION), last = ldr__tokens_dropout(t, LDR__PLACE_FFN);
    if (s->heads) {
        ldr__attention at = ldr__block_attention(s, t, &scores);
        if (s->place == LDR__PRE) ldr__norm_forward(ex, a->n1, a->stats1, a->x, b->v[LDR__NORM1], b->v[LDR__NORM1B], rows, w, s->norm, s->eps);
        ldr__qkv_forward(ex, a, b, s, rows);
        if (s->rotary) ldr__rotary(ex, a->qkv, ld, t->position, rows, s->heads + s->kv_heads, s->head_dim, t->frequency, 1.0f);
        ldr__prefix_forward(a->qkv, b, s, t);
        if (part == LDR__ALL_OF_IT) ldr__attention_forward(ex, a->attention, a->lse, a->qkv, &at);
    }
    rows = ldr__tokens_out(t);
    for (r = 0; t->only && r < rows; r++) memmove(a->y + r * w, a->x + (size_t)(t->only[r] - t->offsets[0]) * w, w * sizeof(float));
    if (s->heads) {
        if (b->packed) ldr__packed_forward(ex, a->r1, w, NULL, a->attention, q, &b->packed->o, rows, 0);
        else ldr__block_linear_forward(ex, a->r1, w, a->attention, q, b, s, LDR__O, rows, a->low);
        ldr__adapter_forward(ex, a->r1, a, b, s, 0, rows);
        /* post-norm normalises with norm1 here, pre-norm with norm2 */
        ldr__residual_norm_forward(ex, s->place == LDR__NO_NORM ? NULL : a->n2, a->r1, x, s->place == LDR__POST ? a->stats1 : a->stats2,
                                   b->v[s->place == LDR__POST ? LDR__NORM1 : LDR__NORM2], b->v[s->place == LDR__POST ? LDR__NORM1B : LDR__NORM2B], rows, w, s->norm, s->eps, &after);
    } else memcpy(a->r1, x, rows * w * sizeof(float));
    ldr__ffn_forward(ex, f, fg, a, b, s, rows);
    if (part == LDR__ONLY_INSIDE && s->place != LDR__POST && !s->bottleneck) return;       /* r2 is y, which nothing on the way back reads */
    if (b->packed) ldr__packed_forward(ex, a->r2, w, NULL, f, ldr__ffn_ld(s), &b->packed->down, rows, 0);
    else ldr__block_linear_forward(ex, a->r2, w, f, ldr__ffn_ld(s), b, s, LDR__DOWN, rows, a->low);
    ldr__adapter_forward(ex, a->r2, a, b, s, 1, rows);
    if (s->place == LDR__POST) ldr__residual_norm_forward(ex, a->y, a->r2, a->n2, a->stats2, b->v[LDR__NORM2], b->v[LDR__NORM2B], rows, w, s->norm, s->eps, &last);
    else ldr__residual_norm_forward(ex, NULL, a->y, a->r1, NULL, NULL, NULL, rows, w, s->norm, s->eps, &last);
}

/* dn[T,w] (+)= gradient of FFN's input from k->dffn[T,w], the gradient of its output. f is made again from the stored u (and g):
   f(u), or f(g) * u. What was activated is its own slope afterwards. */
static void ldr__ffn_backward(const ldr__exec *ex, float *dn, int add, float *const *grad, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, const ldr__back *k, size_t rows) {
    size_t w = (size_t)s->width, n = (size_t)s->ffn, ld = ldr__ffn_ld(s);
    LDR__ROW_LOOP(t, rows, ex, {
        float *f = k->f + t * ld;
        const float *u = a->u + t * ld;
        ex->kernels->rows->activate_both(s->gated ? k->dg + t * ld : f, (s->gated ? a->g : a->u) + t * ld, n, (int32_t)s->activation);
        if (s->gated) LDR__LANE_LOOP(i, n, f[i] = u[i] * k->dg[t * ld + i]);
    })
    ldr__block_linear_backward(ex, k->df, ld, 0, grad, k->dffn, w, k->f, ld, b, s, LDR__DOWN, rows, a->low, k->low);
    LDR__ROW_LOOP(t, rows, ex, {
        float *df = k->df + t * ld;
        if (!s->gated) ex->kernels->rows->multiply(df, a->u + t * ld, n);
        else {                                     /* dg holds f(g), and g its slope            */
            float *dg = k->dg + t * ld;
            const float *u = a->u + t * ld;
            LDR__LANE_LOOP(i, n, {
                float d = df[i];
                df[i] = d * dg[i];
                dg[i] = d * u[i];
            });
            ex->kernels->rows->multiply(dg, a->g + t * ld, n);
        }
    })
    ldr__block_linear_backward(ex, dn, w, add, grad, k->df, ld, a->n2, w, b, s, LDR__UP, rows, a->low, k->low);
    if (s->gated) ldr__block_linear_backward(ex, dn, w, 1, grad, k->dg, ld, a->n2, w, b, s, LDR__GATE, rows, a->low, k->low);
}

/* dz[T,w] (+)= gradient of Attn's input from k->dattn, the gradient of its output. */
static void ldr__self_attention_backward(const ldr__exec *ex, float *dz, int add, float *const *grad, const ldr__acts *a, const ldr__block *b, const ldr__shape *s, const ldr__tokens *t, const ldr__back *k) {
    size_t rows = t->count, w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, ld = ldr__qkv_width(s);
    ldr__dropout scores = ldr__tokens_dropout(t, LDR__PLACE_SCORES);
    ldr__attention at = ldr__block_attention(s, t, &scores);
    ldr__block_linear_backward(ex, k->attention, q, 0, grad, k->dattn, w, a->attention, q, b, s, LDR__O, ldr__tokens_out(t), a->low, k->low);
    ldr__attention_backward(ex, k->qkv, k->attention, a->attention, a->lse, a->qkv, &at);
    ldr__prefix_backward(k->qkv, grad, s, t);
    if (s->rotary) ldr__rotary(ex, k->qkv, ld, t->position, rows, s->heads + s->kv_heads, s->head_dim, t->frequency, -1.0f);
    ldr__qkv_backward(ex, dz, add, grad, k->qkv, a, b, s, rows, k->low);
}

/* dx[T,w] from dy, which has the rows of y and stays as it is. Adds to the gradients grad[slot] (NULL: not wanted) of what tuning added to
   the block; those of its own tensors are made afterwards, of all rows at once (ldr__block_gradients). */
static void ldr__block_backward(const ldr__exec *ex, float *dx, float *const *grad, const float *dy, const ldr__acts *a, const ldr__block *b, const ldr__shape *s,
                                const ldr__tokens *t, const ldr__back *k) {
    size_t rows = ldr__tokens_out(t), w = (size_t)s->width;
    ldr__dropout after = ldr__tokens_dropout(t, LDR__PLACE_ATTENTION), last = ldr__tokens_dropout(t, LDR__PLACE_FFN);
    if (s->place == LDR__POST) {
        ldr__norm_backward(ex, k->dn1, 0, NULL, NULL, dy, a->r2, a->stats2, b->v[LDR__NORM2], rows, w, s->norm);
        ldr__dropout_backward(ex, k->dffn, k->dn1, rows, w, &last);
        ldr__adapter_backward(ex, k->dffn, grad, a, b, s, 1, rows, k);
        ldr__ffn_backward(ex, k->dn1, 1, grad, a, b, s, k, rows);
        ldr__norm_backward(ex, dx, 0, NULL, NULL, k->dn1, a->r1, a->stats1, b->v[LDR__NORM1], rows, w, s->norm);
    } else {
        ldr__dropout_backward(ex, k->dffn, dy, rows, w, &last);
        ldr__adapter_backward(ex, k->dffn, grad, a, b, s, 1, rows, k);
        memcpy(dx, dy, rows * w * sizeof(float));
        ldr__ffn_backward(ex, s->place == LDR__PRE ? k->dn2 : dx, s->place != LDR__PRE, grad, a, b, s, k, rows);
        if (s->place == LDR__PRE) ldr__norm_backward(ex, dx, 1, NULL, NULL, k->dn2, a->r1, a->stats2, b->v[LDR__NORM2], rows, w, s->norm);
    }
    if (s->heads) {
        ldr__dropout_backward(ex, k->dattn, dx, rows, w, &after);
        ldr__adapter_backward(ex, k->dattn, grad, a, b, s, 0, rows, k);
    }
    ldr__tokens_spread(dx, t, w);
    if (!s->heads) return;
    ldr__self_attention_backward(ex, s->place == LDR__PRE ? k->dn1 : dx, s->place != LDR__PRE, grad, a, b, s, t, k);
    if (s->place == LDR__PRE) ldr__norm_backward(ex, dx, 1, NULL, NULL, k->dn1, a->x, a->stats1, b->v[LDR__NORM1], t->count, w, s->norm);
}

/* What is to be added to the gradients of the block's own tensors, from what ldr__block_backward left of all rows. */
static void ldr__block_gradients(ldr__sums *sums, float *const *grad, const float *dy, const ldr__acts *a, const ldr__shape *s, const ldr__tokens *t, const ldr__back *k) {
    size_t rows = ldr__tokens_out(t), w = (size_t)s->width, ld = ldr__ffn_ld(s);
    int post = s->place == LDR__POST;
    ldr__block_linear_gradients(sums, grad, k->dffn, w, k->f, ld, s, LDR__DOWN, rows);
    ldr__block_linear_gradients(sums, grad, k->df, ld, a->n2, w, s, LDR__UP, rows);
    if (s->gated) ldr__block_linear_gradients(sums, grad, k->dg, ld, a->n2, w, s, LDR__GATE, rows);
    if (s->heads) {
        ldr__block_linear_gradients(sums, grad, k->dattn, w, a->attention, (size_t)s->heads * (size_t)s->head_dim, s, LDR__O, rows);
        ldr__qkv_gradients(sums, grad, k->qkv, a, s, t->count);
    }
    if (s->place == LDR__NO_NORM) return;
    ldr__norm_gradients(sums, grad[LDR__NORM2], grad[LDR__NORM2B], post ? dy : k->dn2, post ? a->r2 : a->r1, a->stats2, rows, w);
    ldr__norm_gradients(sums, grad[LDR__NORM1], grad[LDR__NORM1B], k->dn1, post ? a->r1 : a->x, a->stats1, post ? rows : t->count, w);
}

/* ======================================================================================
   >>model             Families as rows of a table, and the frozen forward pass
   --------------------------------------------------------------------------------------
   A family is a name map, a few configuration keys and a block description. Loading binds
   every tensor the description asks for, checks its shape and type, and refuses a file that
   holds anything else: a model that loads is the model that was trained.
   ====================================================================================== */

typedef struct ldr__family {
    const char *type, *prefix;                     /* model_type; optional name prefix          */
    ldr_norm norm;
    ldr__place_of_norm place;
    int32_t gated, rotary, causal, biases;
    int32_t conv1d;                                /* matrices stored [in,out], q k v side by side */
    int32_t shared;                                /* all layers use block 0's tensors          */
    /* configuration keys: width, layers, heads, ffn, positions, activation, norm epsilon       */
    const char *k_width, *k_layers, *k_heads, *k_ffn, *k_positions, *k_activation, *k_eps;
    const char *activation;                        /* when the configuration does not say       */
    const char *slots[LDR__SLOTS];                 /* %d is the layer                           */
    const char *word, *position, *segment, *embed_norm, *project, *final_norm;
    /* language-model head: dense + activation + norm, then the output matrix and its bias      */
    const char *head_dense, *head_norm, *head_out, *head_bias;
    const char *ignored[12];                       /* other heads and buffers; '*' any text     */
} ldr__family;

#define LDR__BERT_SLOTS(layer) {                                                                                              \
    layer "attention.self.query.weight", layer "attention.self.key.weight", layer "attention.self.value.weight",             \
    layer "attention.output.dense.weight", NULL, layer "intermediate.dense.weight", layer "output.dense.weight",             \
    layer "attention.self.query.bias", layer "attention.self.key.bias", layer "attention.self.value.bias",                   \
    layer "attention.output.dense.bias", NULL, layer "intermediate.dense.bias", layer "output.dense.bias",                   \
    layer "attention.output.LayerNorm.weight", layer "attention.output.LayerNorm.bias",                                       \
    layer "output.LayerNorm.weight", layer "output.LayerNorm.bias" }
#define LDR__HF_KEYS "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings", "hidden_act"

static const ldr__family ldr__families[] = {
    { "bert", "bert.", LDR_NORM_LAYER, LDR__POST, 0, 0, 0, 1, 0, 0, LDR__HF_KEYS, "layer_norm_eps", "gelu",
      LDR__BERT_SLOTS("encoder.layer.%d."),
      "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm", NULL, NULL,
      "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder.weight", "cls.predictions.bias",
      { "*embeddings.position_ids", "*pooler.*", "cls.seq_relationship.*", "cls.predictions.*", "classifier.*", "qa_outputs.*" } },
    { "roberta", "roberta.", LDR_NORM_LAYER, LDR__POST, 0, 0, 0, 1, 0, 0, LDR__HF_KEYS, "layer_norm_eps", "gelu",
      LDR__BERT_SLOTS("encoder.layer.%d."),
      "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm", NULL, NULL,
      "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder.weight", "lm_head.bias",
      { "*embeddings.position_ids", "*pooler.*", "lm_head.*", "classifier.*", "qa_outputs.*" } },
    { "albert", "albert.", LDR_NORM_LAYER, LDR__POST, 0, 0, 0, 1, 0, 1, LDR__HF_KEYS, "layer_norm_eps", "gelu_new",
#define LDR__ALBERT "encoder.albert_layer_groups.0.albert_layers.0."
      { LDR__ALBERT "attention.query.weight", LDR__ALBERT "attention.key.weight", LDR__ALBERT "attention.value.weight", LDR__ALBERT "attention.dense.weight", NULL,
        LDR__ALBERT "ffn.weight", LDR__ALBERT "ffn_output.weight", LDR__ALBERT "attention.query.bias", LDR__ALBERT "attention.key.bias", LDR__ALBERT "attention.value.bias",
        LDR__ALBERT "attention.dense.bias", NULL, LDR__ALBERT "ffn.bias", LDR__ALBERT "ffn_output.bias", LDR__ALBERT "attention.LayerNorm.weight", LDR__ALBERT "attention.LayerNorm.bias",
        LDR__ALBERT "full_layer_layer_norm.weight", LDR__ALBERT "full_layer_layer_norm.bias" },
#undef LDR__ALBERT
      "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm", "encoder.embedding_hidden_mapping_in", NULL,
      "predictions.dense", "predictions.LayerNorm", "predictions.decoder.weight", "predictions.bias",
      { "*embeddings.position_ids", "*pooler.*", "predictions.*", "sop_classifier.*", "classifier.*", "qa_outputs.*" } },
    { "distilbert", "distilbert.", LDR_NORM_LAYER, LDR__POST, 0, 0, 0, 1, 0, 0, "dim", "n_layers", "n_heads", "hidden_dim", "max_position_embeddings", "activation", NULL, "gelu",
#define LDR__DISTIL "transformer.layer.%d."
      { LDR__DISTIL "attention.q_lin.weight", LDR__DISTIL "attention.k_lin.weight", LDR__DISTIL "attention.v_lin.weight", LDR__DISTIL "attention.out_lin.weight", NULL,
        LDR__DISTIL "ffn.lin1.weight", LDR__DISTIL "ffn.lin2.weight", LDR__DISTIL "attention.q_lin.bias", LDR__DISTIL "attention.k_lin.bias", LDR__DISTIL "attention.v_lin.bias",
        LDR__DISTIL "attention.out_lin.bias", NULL, LDR__DISTIL "ffn.lin1.bias", LDR__DISTIL "ffn.lin2.bias", LDR__DISTIL "sa_layer_norm.weight", LDR__DISTIL "sa_layer_norm.bias",
        LDR__DISTIL "output_layer_norm.weight", LDR__DISTIL "output_layer_norm.bias" },
#undef LDR__DISTIL
      "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight", NULL, "embeddings.LayerNorm", NULL, NULL,
      "vocab_transform", "vocab_layer_norm", "vocab_projector.weight", "vocab_projector.bias",
      { "*embeddings.position_ids", "vocab_*", "pre_classifier.*", "classifier.*", "qa_outputs.*" } },
    { "gpt2", "transformer.", LDR_NORM_LAYER, LDR__PRE, 0, 0, 1, 1, 1, 0, "n_embd", "n_layer", "n_head", "n_inner", "n_positions", "activation_function", "layer_norm_epsilon", "gelu_new",
      { "h.%d.attn.c_attn.weight", "h.%d.attn.c_attn.weight", "h.%d.attn.c_attn.weight", "h.%d.attn.c_proj.weight", NULL, "h.%d.mlp.c_fc.weight", "h.%d.mlp.c_proj.weight",
        "h.%d.attn.c_attn.bias", "h.%d.attn.c_attn.bias", "h.%d.attn.c_attn.bias", "h.%d.attn.c_proj.bias", NULL, "h.%d.mlp.c_fc.bias", "h.%d.mlp.c_proj.bias",
        "h.%d.ln_1.weight", "h.%d.ln_1.bias", "h.%d.ln_2.weight", "h.%d.ln_2.bias" },
      "wte.weight", "wpe.weight", NULL, NULL, NULL, "ln_f", NULL, NULL, "lm_head.weight", NULL,
      { "*.attn.bias", "*.attn.masked_bias", "score.*" } },
    { "llama", "model.", LDR_NORM_RMS, LDR__PRE, 1, 1, 1, 0, 0, 0, LDR__HF_KEYS, "rms_norm_eps", "silu",
      { "layers.%d.self_attn.q_proj.weight", "layers.%d.self_attn.k_proj.weight", "layers.%d.self_attn.v_proj.weight", "layers.%d.self_attn.o_proj.weight",
        "layers.%d.mlp.gate_proj.weight", "layers.%d.mlp.up_proj.weight", "layers.%d.mlp.down_proj.weight", NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        "layers.%d.input_layernorm.weight", NULL, "layers.%d.post_attention_layernorm.weight", NULL },
      "embed_tokens.weight", NULL, NULL, NULL, NULL, "norm", NULL, NULL, "lm_head.weight", NULL,
      { "*rotary_emb.inv_freq", "score.*" } }
};
#undef LDR__BERT_SLOTS
#undef LDR__HF_KEYS

/* The tensors before the first block and after the last. */
typedef enum ldr__end {
    LDR__WORD, LDR__POSITION, LDR__SEGMENT, LDR__PROJECT, LDR__LM_DENSE, LDR__LM_OUT, LDR__END_MATRICES,
    LDR__PROJECTB = LDR__END_MATRICES, LDR__LM_DENSEB, LDR__LM_BIAS, LDR__EMBED_NORM, LDR__EMBED_NORMB, LDR__FINAL, LDR__FINALB, LDR__LM_NORM, LDR__LM_NORMB,
    LDR__PROMPT,                        /* added by prompt tuning: [virtual tokens, embed_width] */
    LDR__ENDS
} ldr__end;

typedef struct ldr__ends {
    ldr__mat     m[LDR__END_MATRICES];  /* data NULL where absent                             */
    const float *v[LDR__ENDS];
} ldr__ends;

struct ldr_model {
    ldr_allocator      alloc;
    const ldr__family *family;
    const ldr__kernels *kernels;
    int32_t            threads, release;
    ldr_weights       *weights;
    ldr_tokenizer     *tokenizer;
    ldr__shape         shape;
    int32_t            layers, vocabulary, positions, position_offset, segments, embed_width;
    int32_t            tied;                       /* logits through the word embeddings       */
    float              rope_theta;
    ldr__ends          ends;
    ldr__block        *blocks;                     /* [layers], or [1] when shared             */
    ldr__packed_block *packed;                     /* the same, rounded, or NULL              */
    ldr_compute        compute;
    int32_t            pack;               /* blocks of floats are laid out as well            */
    float             *frequency;                  /* rotary: [head_dim/2]                     */
    uint64_t           parameters;
    ldr_memory         memory;
    void              *plan_memory;
    size_t             plan_size;
};

static const ldr__block *ldr__model_block(const ldr_model *m, int32_t layer) { return &m->blocks[m->family->shared ? 0 : layer]; }

/* Gives back the pages under a matrix, a layer, the embeddings: a hint, they stay readable. */
static void ldr__release(const ldr_model *m, const void *data, size_t size) {
    int32_t f;
    for (f = 0; data && f < m->weights->file_count; f++) ldr__source_release(&m->weights->files[f], data, size);
}

static void ldr__release_matrix(const ldr_model *m, const ldr__mat *w, size_t rows, size_t columns) {
    const unsigned char *from, *last;
    if (!w->data || !rows || !columns) return;
    from = ldr__element_at(w->data, w->dtype, w->first);
    last = ldr__element_at(w->data, w->dtype, w->first + (rows - 1) * w->rs + (columns - 1) * w->cs);
    ldr__release(m, from, (size_t)(last - from) + ldr_dtype_size(w->dtype));
}

static void ldr__release_layer(const ldr_model *m, int32_t layer) {
    const ldr__block *b = ldr__model_block(m, layer);
    size_t rows, columns;
    int slot;
    if (m->family->shared && layer + 1 < m->layers) return;      /* the next layer is the same one */
    for (slot = 0; slot < LDR__MATRICES; slot++)
        if (ldr__slot_size(&m->shape, slot, &rows, &columns)) ldr__release_matrix(m, &b->m[slot], rows, columns);
}

enum { LDR__EMBED_ROWS = 128 };          /* after so many, pages of the tables are given back: systems map 64 kB for each that is touched */

static void ldr__release_embeddings(const ldr_model *m) {
    ldr__release_matrix(m, &m->ends.m[LDR__WORD], (size_t)m->vocabulary, (size_t)m->embed_width);
    ldr__release_matrix(m, &m->ends.m[LDR__POSITION], (size_t)m->positions, (size_t)m->embed_width);
}

/* The block as the frozen pass runs it: rounded where the model was loaded so. */
static ldr__block ldr__run_block(const ldr_model *m, int32_t layer) {
    ldr__block block = *ldr__model_block(m, layer);
    if (m->packed) block.packed = &m->packed[m->family->shared ? 0 : layer];
    return block;
}

/* Rows and columns of a tensor outside the blocks; a vector has one row. */
static size_t ldr__end_shape(const ldr_model *m, int end, size_t *rows, size_t *columns) {
    size_t e = (size_t)m->embed_width, w = (size_t)m->shape.width, r = 1, c = e;
    switch (end) {
        case LDR__WORD: r = (size_t)m->vocabulary; break;
        case LDR__LM_OUT: r = (size_t)m->vocabulary; c = m->family->head_dense ? e : w; break;
        case LDR__POSITION: r = (size_t)m->positions; break;
        case LDR__SEGMENT: r = (size_t)m->segments; break;
        case LDR__PROJECT: r = w; break;
        case LDR__LM_DENSE: r = e; c = w; break;
        case LDR__LM_BIAS: c = (size_t)m->vocabulary; break;
        case LDR__PROJECTB: case LDR__FINAL: case LDR__FINALB: c = w; break;
        default: break;
    }
    *rows = r;
    *columns = c;
    return r * c;
}

/* ---- configuration -------------------------------------------------------------------- */

static ldr_status ldr__config_int(const ldr_json *j, const char *key, int32_t otherwise, int64_t low, int64_t high, int32_t *out, ldr_error *err) {
    int32_t node = ldr_json_get(j, 0, key);
    const ldr_json_node *n = ldr_json_node_at(j, node);
    int64_t v;
    if ((!n || n->type == LDR_JSON_NULL) && otherwise >= 0) {
        *out = otherwise;
        return LDR_OK;
    }
    if (!n) return ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "config.json: \"%s\" is missing", key);
    if (!ldr__json_integer(j, node, &v)) return ldr__fail(err, LDR_FORMAT, n->begin, "config.json: \"%s\" must be a whole number", key);
    if (v < low || v > high) return ldr__fail(err, LDR_LIMIT, n->begin, "config.json: \"%s\" is %I, expected %I to %I", key, v, low, high);
    *out = (int32_t)v;
    return LDR_OK;
}

/* A number from low to high; missing or null: `otherwise`. */
static ldr_status ldr__config_real(const ldr_json *j, const char *key, double otherwise, double low, double high, float *out, ldr_error *err) {
    int32_t node = key ? ldr_json_get(j, 0, key) : -1;
    const ldr_json_node *n = ldr_json_node_at(j, node);
    double v = ldr_json_number(j, node, otherwise);
    if (n && n->type != LDR_JSON_NULL && n->type != LDR_JSON_NUMBER) return ldr__fail(err, LDR_FORMAT, n->begin, "config.json: \"%s\" must be a number", key);
    if (!(v >= low && v <= high)) return ldr__fail(err, LDR_LIMIT, n ? n->begin : LDR_NO_OFFSET, "config.json: \"%s\" is out of its range", key);
    *out = (float)v;
    return LDR_OK;
}

static int ldr__config_true(const ldr_json *j, const char *key) {
    const ldr_json_node *n = ldr_json_node_at(j, ldr_json_get(j, 0, key));
    return n && n->type == LDR_JSON_TRUE;
}

/* Options that change what the network computes and that this library does not do. A value
   other than `fine` (NULL: null, false or an empty object or list) is refused by name. */
static ldr_status ldr__config_refuse(const ldr_json *j, ldr_error *err) {
    static const struct { const char *key, *fine; } options[] = {
        { "position_embedding_type", "absolute" }, { "is_decoder", NULL }, { "add_cross_attention", NULL }, { "pruned_heads", NULL },
        { "rope_scaling", NULL }, { "attention_bias", NULL }, { "mlp_bias", NULL }, { "quantization_config", NULL }, { "scale_attn_by_inverse_layer_idx", NULL } };
    size_t i;
    for (i = 0; i < sizeof options / sizeof options[0]; i++) {
        int32_t node = ldr_json_get(j, 0, options[i].key);
        const ldr_json_node *n = ldr_json_node_at(j, node);
        char shown[LDR__SHOWN];
        if (!n || n->type == LDR_JSON_NULL || n->type == LDR_JSON_FALSE || (n->type >= LDR_JSON_ARRAY && n->count == 0)) continue;
        if (options[i].fine && ldr_json_equals(j, node, options[i].fine)) continue;
        return ldr__fail(err, LDR_UNSUPPORTED, n->begin, "config.json: \"%s\": %s is not supported", options[i].key, ldr__show(shown, j->text + n->begin, n->end - n->begin));
    }
    return LDR_OK;
}

static ldr_status ldr__config_activation(ldr_model *m, const ldr_json *j, ldr_error *err) {
    static const struct { const char *name; ldr_activation value; } names[] = {
        { "gelu", LDR_GELU }, { "gelu_new", LDR_GELU_TANH }, { "gelu_pytorch_tanh", LDR_GELU_TANH }, { "relu", LDR_RELU }, { "silu", LDR_SILU }, { "swish", LDR_SILU }, { "tanh", LDR_TANH } };
    int32_t node = ldr_json_get(j, 0, m->family->k_activation);
    const ldr_json_node *n = ldr_json_node_at(j, node);
    char text[64];
    size_t i;
    if (n && n->type != LDR_JSON_NULL && n->type != LDR_JSON_STRING) return ldr__fail(err, LDR_FORMAT, n->begin, "config.json: \"%s\" must be a name", m->family->k_activation);
    if (ldr_json_string(text, sizeof text, j, node) < 0) ldr__format(text, sizeof text, "%s", m->family->activation);
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i].name) == 0) {
            m->shape.activation = names[i].value;
            return LDR_OK;
        }
    return ldr__fail(err, LDR_UNSUPPORTED, node < 0 ? LDR_NO_OFFSET : ldr_json_node_at(j, node)->begin, "config.json: \"%s\": \"%s\" is not supported (gelu, gelu_new, relu, silu, tanh are)", m->family->k_activation, text);
}

static ldr_status ldr__config_read(ldr_model *m, const ldr_json *j, ldr_error *err) {
    int32_t node = ldr_json_get(j, 0, "model_type"), inner = 0, pad = 0;
    const ldr__family *f;
    ldr__shape *s = &m->shape;
    char text[64];
    size_t i;
    const int32_t big = 1 << 24;
    if (ldr_json_string(text, sizeof text, j, node) < 0) return ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "config.json: \"model_type\" is missing");
    for (i = 0; i < sizeof ldr__families / sizeof ldr__families[0]; i++)
        if (strcmp(ldr__families[i].type, text) == 0) m->family = &ldr__families[i];
    f = m->family;
    if (!f) return ldr__fail(err, LDR_UNSUPPORTED, ldr_json_node_at(j, node)->begin, "config.json: model_type \"%s\" is not supported (bert, roberta, albert, distilbert, gpt2, llama are)", text);
    if (ldr__config_refuse(j, err)) return err->status;
    s->norm = f->norm;
    s->place = f->place;
    s->gated = f->gated;
    s->rotary = f->rotary;
    s->causal = f->causal;
    s->biases = f->biases;
    if (ldr__config_int(j, f->k_width, -1, 1, 65536, &s->width, err) || ldr__config_int(j, f->k_layers, -1, 1, 1024, &m->layers, err) ||
        ldr__config_int(j, f->k_heads, -1, 1, 1024, &s->heads, err) || ldr__config_int(j, f->k_ffn, s->width * 4, 1, 1 << 20, &s->ffn, err) ||
        ldr__config_int(j, "vocab_size", -1, 1, big, &m->vocabulary, err) || ldr__config_int(j, f->k_positions, f->rotary ? 2048 : -1, 1, big, &m->positions, err))
        return err->status;
    if (ldr__config_activation(m, j, err)) return err->status;
    if (ldr__config_real(j, f->k_eps, f->rotary ? 1e-6 : 1e-12, 0, 1, &s->eps, err) || ldr__config_real(j, "rope_theta", 10000.0, 1, 1e12, &m->rope_theta, err)) return err->status;
    if (ldr__config_int(j, "num_key_value_heads", s->heads, 1, 1024, &s->kv_heads, err)) return err->status;
    if (!f->rotary) s->kv_heads = s->heads;
    if (s->heads % s->kv_heads) return ldr__fail(err, LDR_FORMAT, LDR_NO_OFFSET, "config.json: %d heads cannot share %d key/value heads", s->heads, s->kv_heads);
    if (ldr__config_int(j, "head_dim", s->width / s->heads, 1, 4096, &s->head_dim, err)) return err->status;
    if (!f->rotary) s->head_dim = s->width / s->heads;
    if (s->head_dim < 1) return ldr__fail(err, LDR_FORMAT, LDR_NO_OFFSET, "config.json: width %d is less than one for each of %d heads", s->width, s->heads);
    if (!f->rotary && s->width % s->heads) return ldr__fail(err, LDR_FORMAT, LDR_NO_OFFSET, "config.json: width %d is not a multiple of %d heads", s->width, s->heads);
    if (f->rotary && s->head_dim % 2) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "config.json: rotary positions need an even head size, not %d", s->head_dim);
    m->embed_width = s->width;
    if (f->segment && ldr__config_int(j, "type_vocab_size", 2, 1, 1024, &m->segments, err)) return err->status;
    if (f->project) {
        if (ldr__config_int(j, "embedding_size", 128, 1, 65536, &m->embed_width, err) || ldr__config_int(j, "num_hidden_groups", 1, 1, 1024, &inner, err)) return err->status;
        if (inner != 1) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "config.json: \"num_hidden_groups\": %d is not supported, only 1", inner);
        if (ldr__config_int(j, "inner_group_num", 1, 1, 1024, &inner, err)) return err->status;
        if (inner != 1) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "config.json: \"inner_group_num\": %d is not supported, only 1", inner);
    }
    if (strcmp(f->type, "roberta") == 0) {             /* positions start behind the padding id   */
        if (ldr__config_int(j, "pad_token_id", 1, 0, 1000, &pad, err)) return err->status;
        m->position_offset = pad + 1;
        if (m->position_offset >= m->positions) return ldr__fail(err, LDR_FORMAT, LDR_NO_OFFSET, "config.json: pad_token_id %d leaves none of %d positions", pad, m->positions);
    }
    node = ldr_json_get(j, 0, "tie_word_embeddings");
    m->tied = node < 0 ? !f->rotary : ldr__config_true(j, "tie_word_embeddings");
    return LDR_OK;
}

/* ---- binding -------------------------------------------------------------------------- */

typedef struct ldr__binder {
    ldr_model     *m;
    ldr__plan     *plan;
    unsigned char *used;           /* [tensors]                                               */
    const char    *prefix;
    ldr_error     *err;
} ldr__binder;

static int ldr__match(const char *pattern, const char *text) {
    for (; *pattern; pattern++, text++) {
        if (*pattern == '*') {
            for (;; text++) {
                if (ldr__match(pattern + 1, text)) return 1;
                if (!*text) return 0;
            }
        }
        if (*pattern != *text) return 0;
    }
    return !*text;
}

/* The old TensorFlow names of a norm's two vectors are still found in published files. */
static const ldr_tensor *ldr__bind_find(ldr__binder *b, char *name, size_t cap) {
    static const char *const olds[2][2] = { { ".weight", ".gamma" }, { ".bias", ".beta" } };
    const ldr_tensor *t = ldr_weights_find(b->m->weights, name);
    int i;
    for (i = 0; i < 2 && !t; i++) {
        size_t n = strlen(name), k = strlen(olds[i][0]);
        char old[256];
        if (n < k || strcmp(name + n - k, olds[i][0]) != 0 || n >= sizeof old || n >= cap) continue;
        memcpy(old, name, n - k);
        memcpy(old + n - k, olds[i][1], strlen(olds[i][1]) + 1);
        t = ldr_weights_find(b->m->weights, old);
    }
    if (t) b->used[t - b->m->weights->tensors] = 1;
    return t;
}

static ldr_status ldr__bind_check(ldr__binder *b, const ldr_tensor *t, int32_t dims, size_t d0, size_t d1) {
    char shown[LDR__SHOWN], wanted[64], found[160];
    ldr__text text;
    int32_t i;
    ldr__show(shown, t->name, strlen(t->name));
    if (!ldr__dtype_is_float(t->dtype)) return ldr__fail(b->err, LDR_DTYPE, t->offset, "tensor \"%s\": type %s, expected F32, F16, BF16, F64 or named quantised blocks", shown, ldr_dtype_name(t->dtype));
    if (t->dims == dims && (uint64_t)t->shape[0] == d0 && (dims == 1 || (uint64_t)t->shape[1] == d1)) return LDR_OK;
    ldr__text_init(&text, found, sizeof found);
    for (i = 0; i < t->dims; i++) {
        if (i) ldr__text_string(&text, ",");
        ldr__text_i64(&text, t->shape[i]);
    }
    if (dims == 1) ldr__format(wanted, sizeof wanted, "%U", (uint64_t)d0);
    else ldr__format(wanted, sizeof wanted, "%U,%U", (uint64_t)d0, (uint64_t)d1);
    return ldr__fail(b->err, LDR_SHAPE, t->offset, "tensor \"%s\": shape [%s], config.json asks for [%s]", shown, found, wanted);
}

static void ldr__bind_name(char *name, size_t cap, const char *prefix, const char *pattern, int32_t layer) {
    char rest[192];
    ldr__format(rest, sizeof rest, pattern, layer);
    ldr__format(name, cap, "%s%s", prefix, rest);
}

/* The matrix W[rows,columns]. part of parts: a slice of a fused [in, parts*out] (Conv1D) tensor. */
static ldr_status ldr__bind_matrix(ldr__binder *b, ldr__mat *out, const char *prefix, const char *pattern, int32_t layer, size_t rows, size_t columns, int conv1d, size_t part, size_t parts) {
    char name[256];
    const ldr_tensor *t;
    ldr__bind_name(name, sizeof name, prefix, pattern, layer);
    t = ldr__bind_find(b, name, sizeof name);
    if (!t) return ldr__fail(b->err, LDR_MISSING, LDR_NO_OFFSET, "tensor \"%s\" is missing", name);
    if (ldr__bind_check(b, t, 2, conv1d ? columns : rows, conv1d ? rows * parts : columns)) return b->err->status;
    out->data = t->data;
    out->dtype = t->dtype;
    out->rs = conv1d ? 1 : columns;
    out->cs = conv1d ? rows * parts : 1;
    out->first = 0;
    *out = ldr__mat_at(*out, part * rows, 0);
    if (b->plan->base) b->m->parameters += rows * columns;
    return LDR_OK;
}

/* A vector, copied as float; part of parts as above. */
static ldr_status ldr__bind_vector(ldr__binder *b, const float **out, const char *prefix, const char *pattern, int32_t layer, size_t n, size_t part, size_t parts) {
    char name[256];
    const ldr_tensor *t;
    float *v;
    ldr__bind_name(name, sizeof name, prefix, pattern, layer);
    t = ldr__bind_find(b, name, sizeof name);
    if (!t) return ldr__fail(b->err, LDR_MISSING, LDR_NO_OFFSET, "tensor \"%s\" is missing", name);
    if (ldr__bind_check(b, t, 1, n * parts, 0)) return b->err->status;
    v = ldr__place_floats(b->plan, "vectors", n);
    if (v) {
        ldr_tensor_read(v, t, part * n, n);
        b->m->parameters += n;
    }
    *out = v;
    return LDR_OK;
}

static ldr_status ldr__bind_norm(ldr__binder *b, const float *out[2], const char *prefix, const char *stem, size_t n, ldr_norm kind) {
    char name[192];
    ldr__format(name, sizeof name, "%s.weight", stem);
    if (ldr__bind_vector(b, &out[0], prefix, name, 0, n, 0, 1)) return b->err->status;
    ldr__format(name, sizeof name, "%s.bias", stem);
    return kind == LDR_NORM_LAYER ? ldr__bind_vector(b, &out[1], prefix, name, 0, n, 0, 1) : LDR_OK;
}

static int ldr__bind_has(ldr__binder *b, const char *prefix, const char *pattern, int32_t layer) {
    char name[256];
    if (!pattern) return 0;
    ldr__bind_name(name, sizeof name, prefix, pattern, layer);
    return ldr_weights_find(b->m->weights, name) != NULL;
}

static ldr_status ldr__bind_block(ldr__binder *b, ldr__block *block, int32_t layer) {
    const ldr__family *f = b->m->family;
    int slot;
    for (slot = 0; slot < LDR__SLOTS; slot++) {
        size_t rows, columns, part = slot == LDR__K || slot == LDR__KB ? 1 : slot == LDR__V || slot == LDR__VB ? 2 : 0;
        size_t parts = f->conv1d && (slot <= LDR__V || (slot >= LDR__QB && slot <= LDR__VB)) ? 3 : 1;
        if (!ldr__slot_size(&b->m->shape, slot, &rows, &columns)) continue;
        if (parts == 1) part = 0;
        if (slot < LDR__MATRICES ? ldr__bind_matrix(b, &block->m[slot], b->prefix, f->slots[slot], layer, rows, columns, f->conv1d, part, parts)
                                 : ldr__bind_vector(b, &block->v[slot], b->prefix, f->slots[slot], layer, columns, part, parts)) return b->err->status;
    }
    return LDR_OK;
}

/* The language-model head is optional; half of one is an error. */
static ldr_status ldr__bind_head(ldr__binder *b) {
    ldr_model *m = b->m;
    const ldr__family *f = m->family;
    size_t e = (size_t)m->embed_width, w = (size_t)m->shape.width;
    char name[192];
    if (f->head_dense) {
        ldr__format(name, sizeof name, "%s.weight", f->head_dense);
        if (!ldr__bind_has(b, "", name, 0)) return LDR_OK;
        if (ldr__bind_matrix(b, &m->ends.m[LDR__LM_DENSE], "", name, 0, e, w, 0, 0, 1)) return b->err->status;
        ldr__format(name, sizeof name, "%s.bias", f->head_dense);
        if (ldr__bind_vector(b, &m->ends.v[LDR__LM_DENSEB], "", name, 0, e, 0, 1) || ldr__bind_norm(b, &m->ends.v[LDR__LM_NORM], "", f->head_norm, e, LDR_NORM_LAYER) ||
            ldr__bind_vector(b, &m->ends.v[LDR__LM_BIAS], "", f->head_bias, 0, (size_t)m->vocabulary, 0, 1)) return b->err->status;
    }
    if (ldr__bind_has(b, "", f->head_out, 0)) return ldr__bind_matrix(b, &m->ends.m[LDR__LM_OUT], "", f->head_out, 0, (size_t)m->vocabulary, e, 0, 0, 1);
    if (m->tied || f->head_dense) m->ends.m[LDR__LM_OUT] = m->ends.m[LDR__WORD];
    return LDR_OK;
}

static ldr__packed ldr__packed_place(ldr__binder *b, size_t out, size_t in) {
    const ldr__kernels *ker = b->m->kernels;
    const char *name = "packed weights";
    size_t whole = ldr__round_up(out, (size_t)ker->nr);
    ldr__packed w;
    memset(&w, 0, sizeof w);
    w.out = out;
    w.in = in;
    if (out == 0) return w;
    w.type = b->m->compute == LDR_COMPUTE_INT8 ? LDR__PACK_INT8 : b->m->compute == LDR_COMPUTE_BF16 ? LDR__PACK_BF16 : LDR__PACK_F32;
    w.data = ldr__place(b->plan, name, ldr__packed_bytes(ker, out, in, w.type), 1);
    w.scale = w.type != LDR__PACK_INT8 ? NULL : ldr__place_floats(b->plan, name, whole);
    w.bias = b->m->shape.biases ? ldr__place_floats(b->plan, name, whole) : NULL;
    w.sums = w.type != LDR__PACK_INT8 ? NULL : (int32_t *)ldr__place(b->plan, name, whole * ldr__packed_blocks(in), sizeof(int32_t));
    return w;
}

/* Places the rounded copy of a block and, once there is memory, fills it from `from`. */
static void ldr__bind_packed(ldr__binder *b, ldr__packed_block *block, const ldr__block *from) {
    const ldr__shape *s = &b->m->shape;
    const ldr__kernels *ker = b->m->kernels;
    size_t w = (size_t)s->width, q = (size_t)s->heads * (size_t)s->head_dim, kv = (size_t)s->kv_heads * (size_t)s->head_dim, n = (size_t)s->ffn;
    ldr__packed_block i;
    float *row = ldr__place_floats(b->plan, "packed weights", LDR__MAX(LDR__MAX(w, q), n));
    i.qkv = ldr__packed_place(b, q + 2 * kv, w);
    i.o = ldr__packed_place(b, w, q);
    i.gate = ldr__packed_place(b, s->gated ? n : 0, w);
    i.up = ldr__packed_place(b, n, w);
    i.down = ldr__packed_place(b, w, n);
    if (!block) return;
    ldr__packed_fill(ker, &i.qkv, 0, from->m[LDR__Q], from->v[LDR__QB], q, row);
    ldr__packed_fill(ker, &i.qkv, q, from->m[LDR__K], from->v[LDR__KB], kv, row);
    ldr__packed_fill(ker, &i.qkv, q + kv, from->m[LDR__V], from->v[LDR__VB], kv, row);
    ldr__packed_fill(ker, &i.o, 0, from->m[LDR__O], from->v[LDR__OB], w, row);
    if (s->gated) ldr__packed_fill(ker, &i.gate, 0, from->m[LDR__GATE], from->v[LDR__GATEB], n, row);
    ldr__packed_fill(ker, &i.up, 0, from->m[LDR__UP], from->v[LDR__UPB], n, row);
    ldr__packed_fill(ker, &i.down, 0, from->m[LDR__DOWN], from->v[LDR__DOWNB], w, row);
    *block = i;
}

static ldr_status ldr__bind_all(ldr__binder *b) {
    ldr_model *m = b->m;
    const ldr__family *f = m->family;
    size_t e = (size_t)m->embed_width, w = (size_t)m->shape.width;
    int32_t i, blocks = f->shared ? 1 : m->layers;
    ldr__block one, *block;
    char name[192];
    if (ldr__bind_matrix(b, &m->ends.m[LDR__WORD], b->prefix, f->word, 0, (size_t)m->vocabulary, e, 0, 0, 1)) return b->err->status;
    if (f->position && ldr__bind_matrix(b, &m->ends.m[LDR__POSITION], b->prefix, f->position, 0, (size_t)m->positions, e, 0, 0, 1)) return b->err->status;
    if (f->segment && ldr__bind_matrix(b, &m->ends.m[LDR__SEGMENT], b->prefix, f->segment, 0, (size_t)m->segments, e, 0, 0, 1)) return b->err->status;
    if (f->embed_norm && ldr__bind_norm(b, &m->ends.v[LDR__EMBED_NORM], b->prefix, f->embed_norm, e, LDR_NORM_LAYER)) return b->err->status;
    if (f->project) {
        ldr__format(name, sizeof name, "%s.weight", f->project);
        if (ldr__bind_matrix(b, &m->ends.m[LDR__PROJECT], b->prefix, name, 0, w, e, 0, 0, 1)) return b->err->status;
        ldr__format(name, sizeof name, "%s.bias", f->project);
        if (ldr__bind_vector(b, &m->ends.v[LDR__PROJECTB], b->prefix, name, 0, w, 0, 1)) return b->err->status;
    }
    m->blocks = (ldr__block *)ldr__place(b->plan, "block tables", (size_t)blocks, sizeof(ldr__block));
    for (i = 0; i < blocks; i++) {
        block = m->blocks ? &m->blocks[i] : &one;
        memset(block, 0, sizeof *block);
        if (ldr__bind_block(b, block, i)) return b->err->status;
    }
    if (m->compute != LDR_COMPUTE_F32 || m->pack) {
        m->packed = (ldr__packed_block *)ldr__place(b->plan, "packed weights", (size_t)blocks, sizeof(ldr__packed_block));
        for (i = 0; i < blocks; i++) {
            ldr__bind_packed(b, m->packed ? &m->packed[i] : NULL, m->packed ? &m->blocks[i] : NULL);
            if (m->packed && m->release) ldr__release_layer(m, f->shared ? m->layers - 1 : i);
        }
    }
    if (f->final_norm && ldr__bind_norm(b, &m->ends.v[LDR__FINAL], b->prefix, f->final_norm, w, f->norm)) return b->err->status;
    if (ldr__bind_head(b)) return b->err->status;
    if (f->rotary) {
        m->frequency = ldr__place_floats(b->plan, "rotary table", (size_t)m->shape.head_dim / 2);
        for (i = 0; m->frequency && i < m->shape.head_dim / 2; i++) m->frequency[i] = (float)pow((double)m->rope_theta, -2.0 * i / m->shape.head_dim);
    }
    return LDR_OK;
}

static ldr_status ldr__bind_extras(ldr__binder *b) {
    const ldr_model *m = b->m;
    size_t i;
    int k;
    char shown[LDR__SHOWN];
    for (i = 0; i < m->weights->count; i++) {
        const ldr_tensor *t = &m->weights->tensors[i];
        if (b->used[i]) continue;
        for (k = 0; k < 12 && m->family->ignored[k]; k++)
            if (ldr__match(m->family->ignored[k], t->name)) break;
        if (k == 12 || !m->family->ignored[k]) return ldr__fail(b->err, LDR_EXTRA, t->offset, "tensor \"%s\" has no place in a %s model with %d layers: wrong config.json?", ldr__show(shown, t->name, strlen(t->name)), m->family->type, m->layers);
    }
    return LDR_OK;
}

static ldr_status ldr__model_bind(ldr_model *m, ldr_error *err) {
    ldr__plan plan;
    ldr__binder b;
    ldr_status status;
    char name[192];
    memset(&plan, 0, sizeof plan);
    plan.report = &m->memory;
    b.m = m;
    b.plan = &plan;
    b.err = err;
    b.used = (unsigned char *)ldr__alloc(&m->alloc, m->weights->count);
    if (!b.used) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while loading a model");
    memset(b.used, 0, m->weights->count);
    ldr__format(name, sizeof name, "%s%s", m->family->prefix, m->family->word);
    b.prefix = ldr_weights_find(m->weights, name) ? m->family->prefix : "";
    status = ldr__bind_all(&b);
    if (!status) status = ldr__bind_extras(&b);
    if (!status) status = ldr__plan_begin(&plan, &m->alloc, err);
    if (!status) {
        m->plan_memory = plan.memory;
        m->plan_size = plan.size;
        status = ldr__bind_all(&b);
    }
    ldr__free(&m->alloc, b.used, m->weights->count);
    return status;
}

static ldr_model *ldr__model_new(const ldr_model_desc *desc, ldr_error *err) {
    ldr_allocator a = ldr__allocator(desc ? &desc->alloc : NULL);
    ldr_model *m;
    if (!ldr__allocator_valid(&a)) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the allocator must set alloc_fn and free_fn, or neither");
        return NULL;
    }
    if (desc && ((int)desc->compute < 0 || desc->compute > LDR_COMPUTE_BF16 || (int)desc->simd < 0 || desc->simd > LDR_SIMD_AVX512_BF16)) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_desc: compute is %d and simd %d, one of them no value of its enum", (int)desc->compute, (int)desc->simd);
        return NULL;
    }
    m = (ldr_model *)ldr__alloc(&a, sizeof *m);
    if (!m) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while loading a model");
        return NULL;
    }
    memset(m, 0, sizeof *m);
    m->alloc = a;
    m->threads = desc && desc->threads > 0 ? desc->threads : ldr__max_threads();
    m->threads = LDR__MIN(m->threads, LADDER_MAX_THREADS);
#ifndef _OPENMP
    m->threads = 1;
#endif
    m->kernels = ldr__kernels_pick(desc ? desc->simd : LDR_SIMD_AUTO);
    m->compute = desc ? desc->compute : LDR_COMPUTE_F32;
    m->pack = desc && desc->pack;
    m->release = desc && (desc->release || desc->pack || desc->compute != LDR_COMPUTE_F32);      /* the originals are hardly read again */
    return m;
}

static ldr_status ldr__model_config(ldr_model *m, const char *text, size_t size, ldr_error *err) {
    ldr_json *j = ldr_json_parse(text, size, &m->alloc, err);
    ldr_status status;
    if (!j) return err->status;
    status = ldr__config_read(m, j, err);
    ldr_json_free(j);
    return status;
}

LDR__DEF void ldr_model_free(ldr_model *m) {
    ldr_allocator a;
    if (!m) return;
    a = m->alloc;
#ifndef LADDER_NO_TOKENIZER
    ldr_tokenizer_free(m->tokenizer);
#endif
    ldr_weights_close(m->weights);
    ldr__plan_end(m->plan_memory, m->plan_size, &a);
    ldr__free(&a, m, sizeof *m);
}

LDR__DEF ldr_model *ldr_model_load_memory(const void *config, size_t config_size, const void *weights, size_t weights_size, const void *vocab, size_t vocab_size,
                                          const ldr_model_desc *desc, ldr_error *err) {
    ldr_error local;
    ldr_model *m;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    m = ldr__model_new(desc, err);
    if (!m) return NULL;
    if (!config || !weights) ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_load_memory: config and weights are needed");
    else if (!ldr__model_config(m, (const char *)config, config_size, err)) {
        m->weights = ldr_weights_open_memory(weights, weights_size, &m->alloc, err);
        if (m->weights && !ldr__model_bind(m, err)) {
#ifndef LADDER_NO_TOKENIZER
            ldr_tokenizer_desc td;
            if (!vocab) return m;
            memset(&td, 0, sizeof td);
            if (desc) td = desc->tokenizer;
            if (!td.alloc.alloc_fn) td.alloc = m->alloc;
            m->tokenizer = ldr_tokenizer_load_memory(vocab, vocab_size, &td, err);
            if (m->tokenizer) return m;
#else
            (void)vocab;
            (void)vocab_size;
            return m;
#endif
        }
    }
    ldr_model_free(m);
    return NULL;
}

#ifndef LADDER_NO_STDIO
/* No vocabulary is no error: such a model still takes token ids. An unusable one is. */
static ldr_status ldr__model_vocabulary(ldr_model *m, const char *dir, const ldr_model_desc *desc, ldr_error *err) {
#ifndef LADDER_NO_TOKENIZER
    char path[LADDER_MAX_PATH];
    ldr_tokenizer_desc td;
    if (!ldr__tokenizer_main(path, dir) || (desc && desc->no_tokenizer)) return LDR_OK;
    memset(&td, 0, sizeof td);
    if (desc) td = desc->tokenizer;
    if (!td.alloc.alloc_fn) td.alloc = m->alloc;
    m->tokenizer = ldr_tokenizer_load(dir, &td, err);
    if (!m->tokenizer) return err->status;
    if (ldr_tokenizer_size(m->tokenizer) > m->vocabulary) return ldr__fail(err, LDR_VOCAB, LDR_NO_OFFSET, "%s: %d pieces in the vocabulary, the model has embeddings for %d", dir, ldr_tokenizer_size(m->tokenizer), m->vocabulary);
#else
    (void)m; (void)dir; (void)desc; (void)err;
#endif
    return LDR_OK;
}

LDR__DEF ldr_model *ldr_model_load(const char *dir, const ldr_model_desc *desc, ldr_error *err) {
    ldr_error local;
    char path[LADDER_MAX_PATH];
    ldr__source s;
    ldr_status status;
    ldr_model *m;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    m = ldr__model_new(desc, err);
    if (!m) return NULL;
    memset(&s, 0, sizeof s);
    if (!dir || !ldr__path_join(path, sizeof path, dir, "config.json")) status = ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_load: no directory, or its path is too long");
    else status = ldr__source_open(&s, path, &m->alloc, err);
    if (!status) {
        status = ldr__model_config(m, (const char *)s.data, s.size, err);
        ldr__source_close(&s);
        if (status) ldr__fail_in_file(err, path);
    }
    if (!status) {
        m->weights = ldr_weights_open(dir, &m->alloc, err);
        status = m->weights ? LDR_OK : err->status;
    }
    if (!status) {
        status = ldr__model_bind(m, err);
        if (status) ldr__fail_in_file(err, dir);
    }
    if (!status) status = ldr__model_vocabulary(m, dir, desc, err);
    if (!status) return m;
    ldr_model_free(m);
    return NULL;
}
#endif

LDR__DEF ldr_model_info ldr_model_info_get(const ldr_model *m) {
    ldr_model_info i;
    int32_t f;
    memset(&i, 0, sizeof i);
    if (!m) return i;
    i.family = m->family->type;
    i.layers = m->layers;
    i.width = m->shape.width;
    i.heads = m->shape.heads;
    i.kv_heads = m->shape.kv_heads;
    i.head_dim = m->shape.head_dim;
    i.ffn = m->shape.ffn;
    i.vocabulary = m->vocabulary;
    i.positions = m->positions - m->position_offset;
    i.causal = m->shape.causal;
    i.has_logits = m->ends.m[LDR__LM_OUT].data != NULL;
    i.parameters = m->parameters;
    for (f = 0; f < m->weights->file_count; f++) i.weight_bytes += m->weights->files[f].size;
    return i;
}

LDR__DEF const ldr_tokenizer *ldr_model_tokenizer(const ldr_model *m) { return m ? m->tokenizer : NULL; }

/* Most of a mapping that is in memory at once where pages are given back: a layer that is read, or what rows of the tables touch.
   (Scores of a whole vocabulary read all of their matrix besides.) */
static uint64_t ldr__model_resident(const ldr_model *m) {
    const ldr__block *b = ldr__model_block(m, 0);
    uint64_t layer = 0, table = (uint64_t)m->vocabulary * (uint64_t)m->embed_width;
    size_t rows, columns;
    int slot;
    for (slot = 0; !m->packed && slot < LDR__MATRICES; slot++) layer += ldr__slot_size(&m->shape, slot, &rows, &columns) / ldr__dtypes[b->m[slot].dtype].block * ldr__dtypes[b->m[slot].dtype].size;
    table = table / ldr__dtypes[m->ends.m[LDR__WORD].dtype].block * ldr__dtypes[m->ends.m[LDR__WORD].dtype].size;
    return LDR__MAX(layer, LDR__MIN(table, (uint64_t)LDR__EMBED_ROWS << 16));
}

LDR__DEF ldr_memory ldr_model_memory(const ldr_model *m) {
    ldr_memory r;
    uint64_t mapped = 0;
    int32_t f;
    memset(&r, 0, sizeof r);
    if (!m) return r;
    r = m->memory;
    for (f = 0; f < m->weights->file_count; f++) {
        const ldr__source *s = &m->weights->files[f];
        if (s->kind == 1) ldr__report(&r, "weights (read)", s->size);
        else mapped += s->size;
    }
    if (mapped) ldr__report(&r, "weights (mapped)", m->release && LDR__GIVES_BACK ? LDR__MIN(mapped, ldr__model_resident(m)) : mapped);
    ldr__report(&r, "tensor table", m->weights->capacity * sizeof(ldr_tensor));
#ifndef LADDER_NO_TOKENIZER
    if (m->tokenizer) ldr__report(&r, "tokenizer", m->tokenizer->memory_size);
#endif
    return r;
}

/* Four independent multiply-rotate lanes over 32-byte blocks: fast enough to be limited by memory. m: NULL, or a model whose
   mapped pages are given back behind. */
static uint64_t ldr__digest_behind(const ldr_model *m, uint64_t seed, const void *data, size_t n) {
    const size_t piece = (size_t)1 << 20;
    const unsigned char *p = (const unsigned char *)data;
    const uint64_t k = UINT64_C(0x9e3779b185ebca87);
    uint64_t h[4];
    unsigned char tail[32];
    size_t i, rest = n;
    int l;
    for (l = 0; l < 4; l++) h[l] = ldr__mix64(seed + (uint64_t)l + 1);
    for (i = 0; i < n / 32 + 1; i++, p += 32) {
        const unsigned char *block = p;
        if (m && i && 32 * i % piece == 0) ldr__release(m, p - piece, piece);
        if (rest < 32) {
            memset(tail, 0, sizeof tail);
            memcpy(tail, p, rest);
            block = tail;
        } else rest -= 32;
        for (l = 0; l < 4; l++) {
            h[l] = (h[l] ^ ldr__load_u64(block + 8 * l)) * k;
            h[l] ^= h[l] >> 29;
        }
    }
    return ldr__mix64(h[0] ^ ldr__mix64(h[1] ^ ldr__mix64(h[2] ^ ldr__mix64(h[3] ^ (uint64_t)n))));
}

static uint64_t ldr__digest(uint64_t seed, const void *data, size_t n) { return ldr__digest_behind(NULL, seed, data, n); }

LDR__DEF uint64_t ldr_model_fingerprint(const ldr_model *m) {
    uint64_t h;
    size_t i;
    int k;
    if (!m) return 0;
    h = ldr__digest((uint64_t)m->layers * 1000003u + (uint64_t)m->shape.heads, m->family->type, strlen(m->family->type));
    for (i = 0; i < m->weights->count; i++) {
        const ldr_tensor *t = &m->weights->tensors[i];
        for (k = 0; k < 12 && m->family->ignored[k]; k++)
            if (ldr__match(m->family->ignored[k], t->name)) break;
        if (k < 12 && m->family->ignored[k]) continue;        /* a head that came and went does not make another backbone */
        h = ldr__digest(h, t->name, strlen(t->name));
        h = ldr__digest_behind(m->release ? m : NULL, h + (uint64_t)t->dtype, t->data, (size_t)t->bytes);
        if (m->release) ldr__release(m, t->data, (size_t)t->bytes);
    }
    return h;
}

/* ---- frozen forward ------------------------------------------------------------------- */

/* Tokens, for each thread, that a frozen block works on at a time: enough to pack a weight for, few enough to stay in a cache.
   Of packed weights fewer are worth a walk through all of them. */
enum { LDR__CHUNK = 512, LDR__PACKED_CHUNK = 128 };

/* What a pass over the backbone needs. Nothing but the state survives a block; the rest is as large as a chunk. */
typedef struct ldr__backbone {
    ldr__acts acts;                /* of a chunk                                              */
    size_t    chunk;
    int32_t  *part_at;             /* [sequences + 1] first sequence of each part or chunk    */
    float    *x;                   /* [T,d] the state                                         */
    float    *embed;               /* [T,embed_width] when it differs from the width          */
    void    (*seen)(void *context, const ldr__acts *a, size_t rows);      /* NULL, or who looks at a chunk once its block has run */
    void     *context;
} ldr__backbone;

/* A chunk holds whole sequences, so at least one of the longest. */
static size_t ldr__chunk_rows(const ldr_model *m, size_t tokens, size_t longest) { return LDR__MIN(tokens, LDR__MAX(longest, (size_t)LDR__CHUNK * (size_t)m->threads)); }

static void ldr__backbone_place(ldr__plan *p, ldr__backbone *b, const ldr_model *m, const ldr__shape *shape, size_t tokens, size_t sequences, size_t longest) {
    const char *name = "backbone activations";
    memset(b, 0, sizeof *b);
    b->chunk = ldr__chunk_rows(m, tokens, longest);
    b->part_at = (int32_t *)ldr__place(p, name, sequences + 1, sizeof(int32_t));
    b->x = ldr__place_matrix(p, name, tokens, (size_t)shape->width);
    ldr__acts_place(p, name, &b->acts, shape, b->chunk, LDR__KEEP_NOTHING);
    b->embed = m->ends.m[LDR__PROJECT].data ? ldr__place_matrix(p, name, tokens, (size_t)m->embed_width) : b->x;
}

/* The state of sequences [i, end) through one block, with activations a. */
static void ldr__frozen_part(const ldr__exec *ex, const ldr__backbone *b, ldr__acts *a, const ldr__block *block, const ldr__shape *s, const ldr__tokens *t, int32_t i, int32_t end) {
    ldr__tokens mine = ldr__tokens_part(t, i, end);
    a->x = a->y = b->x + (size_t)(t->offsets[i] - t->offsets[0]) * (size_t)s->width;
    a->r2 = a->y;
    if (s->place != LDR__PRE) a->n1 = a->x;
    ldr__block_forward(ex, a, block, s, &mine, a->u, a->g, LDR__ALL_OF_IT);
}

/* The state through one block: parts of whole sequences, a thread each, where they can be shared well; else a chunk after the other, by all
   threads. With t->only, its rows come to the front. */
static void ldr__frozen_forward(const ldr__exec *ex, const ldr__backbone *b, const ldr__block *block, const ldr__shape *s, const ldr__tokens *t) {
    size_t w = (size_t)s->width, threads = (size_t)ex->threads, room = b->chunk / threads, least = block->packed ? LDR__PACKED_CHUNK : LDR__CHUNK, longest;
    int32_t *at = b->part_at, i, parts = ldr__tokens_cut(at, &longest, t, LDR__MIN(room, LDR__MAX(t->count / (2 * threads), least)));
    if (threads > 1 && !t->only && !b->seen && longest <= room && ldr__cut_is_even(t, longest, ex->threads)) {
        LDR__FOR(part, parts, ex->threads) {
            ldr__exec mine = ldr__exec_alone(ex, room);
            ldr__acts a = ldr__acts_apart(b->acts, s, (size_t)ldr__thread() * room, room);
            ldr__frozen_part(&mine, b, &a, block, s, t, at[part], at[part + 1]);
        }
        return;
    }
    parts = ldr__tokens_cut(at, &longest, t, b->chunk);
    for (i = 0; i < parts; i++) {
        ldr__acts a = b->acts;
        ldr__frozen_part(ex, b, &a, block, s, t, at[i], at[i + 1]);
        if (t->only && i) memmove(b->x + (size_t)at[i] * w, a.y, (size_t)(at[i + 1] - at[i]) * w * sizeof(float));
        if (b->seen) b->seen(b->context, &a, (size_t)(t->offsets[at[i + 1]] - t->offsets[at[i]]));
    }
}

/* word[id] + position[pos] + segment[type] of token i; -1, -2, ... are a prompt's vectors, or nothing. */
static void ldr__embed_sum(const ldr__exec *ex, const ldr_model *m, const ldr__ends *ends, float *row, const int32_t *ids, const int32_t *segments, const ldr__tokens *t, size_t i) {
    const ldr__mat *position = &ends->m[LDR__POSITION], *segment = &ends->m[LDR__SEGMENT];
    size_t e = (size_t)m->embed_width, pos = (size_t)(t->position[i] + m->position_offset), type = segments && m->segments > 1 ? (size_t)segments[i] : 0, j;
    if (ids[i] >= 0) ldr__mat_run(ex->kernels, row, &ends->m[LDR__WORD], (size_t)ids[i], 0, e);
    else if (ends->v[LDR__PROMPT]) memcpy(row, ends->v[LDR__PROMPT] + (size_t)(-1 - ids[i]) * e, e * sizeof(float));
    else memset(row, 0, e * sizeof(float));
    for (j = 0; j < e; j += 64) {
        float run[64];
        size_t n = LDR__MIN((size_t)64, e - j);
        if (position->data) {
            ldr__mat_run(ex->kernels, run, position, pos, j, n);
            ex->kernels->rows->add(row + j, run, n);
        }
        if (segment->data) {
            ldr__mat_run(ex->kernels, run, segment, type, j, n);
            ex->kernels->rows->add(row + j, run, n);
        }
    }
}

/* x[T,d] = project(norm(word[id] + position[pos] + segment[type])) */
static void ldr__embed_forward(const ldr__exec *ex, const ldr_model *m, const ldr__ends *ends, float *x, float *embed, const int32_t *ids, const int32_t *segments, const ldr__tokens *t) {
    size_t e = (size_t)m->embed_width, w = (size_t)m->shape.width, first, n;
    for (first = 0; first < t->count; first += n) {
        n = m->release ? LDR__MIN((size_t)LDR__EMBED_ROWS, t->count - first) : t->count;
        LDR__ROW_LOOP(r, n, ex, {
            float *row = embed + (first + r) * e;
            ldr__embed_sum(ex, m, ends, row, ids, segments, t, first + r);
            if (ends->v[LDR__EMBED_NORM]) ex->kernels->rows->norm(row, NULL, row, ends->v[LDR__EMBED_NORM], ends->v[LDR__EMBED_NORMB], e, 0, m->shape.eps);
        })
        if (m->release) ldr__release_embeddings(m);
    }
    if (ends->m[LDR__PROJECT].data) ldr__linear_forward(ex, x, w, embed, e, ends->m[LDR__PROJECT], ends->v[LDR__PROJECTB], t->count, w, e);
}

/* Room for the way back: sums and their norms are made again. */
typedef struct ldr__embed_back { float *sums, *normed, *stats, *dsums; } ldr__embed_back;

static void ldr__embed_back_place(ldr__plan *p, ldr__embed_back *k, const ldr_model *m, size_t tokens) {
    size_t e = (size_t)m->embed_width;
    k->sums = ldr__place_matrix(p, "backbone gradients", tokens, e);
    k->normed = m->ends.v[LDR__EMBED_NORM] ? ldr__place_matrix(p, "backbone gradients", tokens, e) : k->sums;
    k->stats = ldr__place_matrix(p, "backbone gradients", tokens, 2);
    k->dsums = m->ends.m[LDR__PROJECT].data ? ldr__place_matrix(p, "backbone gradients", tokens, e) : NULL;
}

/* From dx[T,d], which is used up, to the gradients of the tables that are wanted: grad[end]. */
static void ldr__embed_backward(const ldr__exec *ex, const ldr_model *m, const ldr__ends *ends, float *const *grad, float *dx, const ldr__embed_back *k, const int32_t *ids, const int32_t *segments,
                                const ldr__tokens *t) {
    size_t e = (size_t)m->embed_width, w = (size_t)m->shape.width;
    float *de = k->dsums ? k->dsums : dx;
    LDR__ROW_LOOP(i, t->count, ex, ldr__embed_sum(ex, m, ends, k->sums + i * e, ids, segments, t, i);)
    if (ends->v[LDR__EMBED_NORM]) ldr__norm_forward(ex, k->normed, k->stats, k->sums, ends->v[LDR__EMBED_NORM], ends->v[LDR__EMBED_NORMB], t->count, e, LDR_NORM_LAYER, m->shape.eps);
    if (k->dsums) ldr__linear_backward(ex, de, e, 0, grad[LDR__PROJECT], grad[LDR__PROJECTB], dx, w, ldr__mat_float(k->normed, e, 1), ends->m[LDR__PROJECT], t->count, w, e);
    if (ends->v[LDR__EMBED_NORM]) ldr__norm_backward(ex, de, 0, grad[LDR__EMBED_NORM], grad[LDR__EMBED_NORMB], de, k->sums, k->stats, ends->v[LDR__EMBED_NORM], t->count, e, LDR_NORM_LAYER);
    LDR__FOR(block, ((int64_t)e + 31) / 32, ex->threads) {         /* a column has one owner, tokens come in order */
        size_t j0 = (size_t)block * 32, j1 = LDR__MIN(e, j0 + 32), i, j;
        for (i = 0; i < t->count; i++) {
            size_t type = segments && m->segments > 1 ? (size_t)segments[i] : 0;
            float *into[3];
            int n;
            into[0] = ids[i] >= 0 ? (grad[LDR__WORD] ? grad[LDR__WORD] + (size_t)ids[i] * e : NULL) : grad[LDR__PROMPT] ? grad[LDR__PROMPT] + (size_t)(-1 - ids[i]) * e : NULL;
            into[1] = grad[LDR__POSITION] ? grad[LDR__POSITION] + (size_t)(t->position[i] + m->position_offset) * e : NULL;
            into[2] = grad[LDR__SEGMENT] ? grad[LDR__SEGMENT] + type * e : NULL;
            for (n = 0; n < 3; n++)
                for (j = j0; into[n] && j < j1; j++) into[n][j] += de[i * e + j];
        }
    }
}

static void ldr__model_block_forward(const ldr__exec *ex, const ldr_model *m, ldr__backbone *b, int32_t layer, const ldr__tokens *t) {
    ldr__block block = ldr__run_block(m, layer);
    ldr__frozen_forward(ex, b, &block, &m->shape, t);
    if (m->release) ldr__release_layer(m, layer);
}

/* Scratch for passes of blocks of one shape over `rows` tokens in sequences of up to `longest`. */
static size_t ldr__shape_scratch(const ldr__shape *s, size_t rows, size_t longest) {
    size_t widest = (size_t)LDR__MAX(LDR__MAX(LDR__MAX(s->width, s->ffn), (int32_t)ldr__qkv_width(s)), LDR__MAX(s->low_rank, s->bottleneck));
    return LDR__MAX(ldr__gemm_scratch(widest, LDR__MAX(widest, rows)), s->heads ? ldr__attention_scratch(longest, (size_t)s->head_dim) : 0);
}

static ldr_status ldr__batch_check(const ldr_model *m, const ldr_batch *b, size_t *longest, ldr_error *err) {
    int32_t s, t, limit = m->positions - m->position_offset;
    *longest = 0;
    if (!b || !b->offsets || !b->ids || b->sequences < 1 || b->offsets[0] != 0) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a batch needs ids, offsets starting at 0, and a sequence");
    for (s = 0; s < b->sequences; s++) {
        int32_t n;
        if (b->offsets[s + 1] <= b->offsets[s]) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "sequence %d of the batch is empty", s);
        n = b->offsets[s + 1] - b->offsets[s];
        if (n > limit) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "sequence %d has %d tokens, the model has %d positions", s, n, limit);
        *longest = LDR__MAX(*longest, (size_t)n);
    }
    for (t = 0; t < b->offsets[b->sequences]; t++) {
        if (b->ids[t] < 0 || b->ids[t] >= m->vocabulary) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "token %d of the batch has id %d, the vocabulary has %d", t, b->ids[t], m->vocabulary);
        if (b->segments && m->segments > 1 && (b->segments[t] < 0 || b->segments[t] >= m->segments)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "token %d of the batch has segment %d, the model has %d", t, b->segments[t], m->segments);
    }
    return LDR_OK;
}

static void ldr__positions(int32_t *position, const int32_t *offsets, int32_t sequences) {
    int32_t s, i;
    for (s = 0; s < sequences; s++)
        for (i = offsets[s]; i < offsets[s + 1]; i++) position[i] = i - offsets[s];
}

/* rows: the most a product with the backbone's matrices will have; 0: there are none. */
static void ldr__exec_place(ldr__plan *p, ldr__exec *ex, const ldr_model *m, size_t scratch, size_t rows) {
    size_t deepest = (size_t)LDR__MAX(LDR__MAX(m->shape.width, m->shape.ffn), m->shape.heads * m->shape.head_dim);
    ex->narrowed = NULL;
    ex->row_scales = NULL;
    ex->narrow_size = ldr__narrow_stride(deepest) / sizeof(float);
    if (m->packed && m->compute != LDR_COMPUTE_F32 && rows) {
        ex->narrowed = ldr__place_floats(p, "packing buffers", rows * ex->narrow_size);
        ex->row_scales = ldr__place_floats(p, "packing buffers", rows);
    }
    ex->kernels = m->kernels;
    ex->threads = m->threads;
    ex->scratch_size = ldr__round_up(scratch, 16);
    ex->scratch = ldr__place_floats(p, "packing buffers", ex->scratch_size * (size_t)m->threads);
}

LDR__DEF ldr_status ldr_model_hidden(const ldr_model *m, float *hidden, const ldr_batch *batch, int32_t layer, ldr_error *err) {
    ldr_error local;
    ldr__plan plan;
    ldr__backbone b;
    ldr__exec ex;
    ldr__tokens t;
    int32_t *position = NULL, l;
    size_t longest, rows, w;
    int pass;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!m || !hidden) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_hidden: no model or no destination");
    if (layer < -1 || layer > m->layers) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "layer %d does not exist, the model has 0 (embeddings) to %d", layer, m->layers);
    if (ldr__batch_check(m, batch, &longest, err)) return err->status;
    rows = (size_t)batch->offsets[batch->sequences];
    w = (size_t)m->shape.width;
    memset(&plan, 0, sizeof plan);
    memset(&t, 0, sizeof t);
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &m->alloc, err)) return err->status;
        ldr__backbone_place(&plan, &b, m, &m->shape, rows, (size_t)batch->sequences, longest);
        ldr__exec_place(&plan, &ex, m, LDR__MAX(ldr__shape_scratch(&m->shape, rows, longest), ldr__gemm_scratch(w, (size_t)m->embed_width)), b.chunk);
        position = (int32_t *)ldr__place(&plan, "positions", rows, sizeof(int32_t));
    }
    ldr__positions(position, batch->offsets, batch->sequences);
    t.sequences = batch->sequences;
    t.offsets = batch->offsets;
    t.position = position;
    t.count = rows;
    t.frequency = m->frequency;
    ldr__embed_forward(&ex, m, &m->ends, b.x, b.embed, batch->ids, batch->segments, &t);
    for (l = 0; l < (layer < 0 ? m->layers : layer); l++) ldr__model_block_forward(&ex, m, &b, l, &t);
    if ((layer < 0 || layer == m->layers) && m->ends.v[LDR__FINAL]) ldr__norm_forward(&ex, hidden, NULL, b.x, m->ends.v[LDR__FINAL], m->ends.v[LDR__FINALB], rows, w, m->shape.norm, m->shape.eps);
    else memcpy(hidden, b.x, rows * w * sizeof(float));
    ldr__plan_end(plan.memory, plan.size, &m->alloc);
    return LDR_OK;
}

LDR__DEF ldr_status ldr_model_logits(const ldr_model *m, float *logits, const float *hidden, int32_t rows, ldr_error *err) {
    ldr_error local;
    ldr__plan plan;
    ldr__exec ex;
    float *x = NULL;
    size_t e, w, n;
    int pass;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!m || !logits || !hidden || rows < 1) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_logits: no model, rows or destination");
    if (!m->ends.m[LDR__LM_OUT].data) return ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "this model's files hold no language-model head");
    e = (size_t)m->embed_width;
    w = (size_t)m->shape.width;
    n = (size_t)rows;
    memset(&plan, 0, sizeof plan);
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &m->alloc, err)) return err->status;
        x = ldr__place_matrix(&plan, "head", n, e);
        ldr__exec_place(&plan, &ex, m, ldr__gemm_scratch((size_t)m->vocabulary, LDR__MAX(e, w)), 0);
    }
    if (m->ends.m[LDR__LM_DENSE].data) {
        ldr__linear_forward(&ex, x, e, hidden, w, m->ends.m[LDR__LM_DENSE], m->ends.v[LDR__LM_DENSEB], n, e, w);
        LDR__ROW_LOOP(t, n, &ex, {
            ex.kernels->rows->activate(x + t * e, x + t * e, e, (int32_t)m->shape.activation);
            ex.kernels->rows->norm(x + t * e, NULL, x + t * e, m->ends.v[LDR__LM_NORM], m->ends.v[LDR__LM_NORMB], e, 0, m->shape.eps);
        })
        hidden = x;
    }
    ldr__linear_forward(&ex, logits, (size_t)m->vocabulary, hidden, m->ends.m[LDR__LM_DENSE].data ? e : w, m->ends.m[LDR__LM_OUT], m->ends.v[LDR__LM_BIAS], n, (size_t)m->vocabulary, m->ends.m[LDR__LM_DENSE].data ? e : w);
    ldr__plan_end(plan.memory, plan.size, &m->alloc);
    return LDR_OK;
}

/* ======================================================================================
   >>dataset           Examples, end to end in four arrays
   ====================================================================================== */

static int ldr__per_token(ldr_head head) { return head == LDR_HEAD_TOKENS || head == LDR_HEAD_WORDS; }      /* labels, that is */

struct ldr_dataset {
    ldr_allocator alloc;
    ldr_head      head;
    int32_t       max_len, choices;
    int32_t      *ids, *segments;              /* [tokens]                                      */
    int32_t      *labels;                      /* TOKENS: [tokens], else [count]                */
    float        *values;                      /* REGRESS: [count]                              */
    uint64_t     *offsets;                     /* [count+1]                                     */
    char        **names;                       /* of the classes                                */
    size_t        ids_cap, segments_cap, labels_cap, values_cap, offsets_cap, names_cap;
    size_t        tokens, count, name_count;
    uint64_t      version;                     /* how often it was emptied                      */
    ldr_encoding  encoding;                    /* reused by ldr_dataset_add_text                */
};

LDR__DEF ldr_dataset *ldr_dataset_create(const ldr_dataset_desc *desc, ldr_error *err) {
    ldr_allocator a = ldr__allocator(desc ? &desc->alloc : NULL);
    ldr_dataset *d;
    void *offsets = NULL;
    if (!ldr__allocator_valid(&a) || (desc && (desc->max_len < 0 || (int)desc->head < 0 || desc->head > LDR_HEAD_WORDS || (desc->head == LDR_HEAD_CHOICE && desc->choices < 2)))) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_dataset_create: head, max_len, choices (at least 2) or the allocator cannot be");
        return NULL;
    }
    d = (ldr_dataset *)ldr__alloc(&a, sizeof *d);
    if (d) {
        memset(d, 0, sizeof *d);
        d->alloc = a;
        if (desc) {
            d->head = desc->head;
            d->max_len = desc->max_len;
            d->choices = desc->choices;
        }
        if (ldr__grow(&a, &offsets, &d->offsets_cap, 1, sizeof *d->offsets)) {
            d->offsets = (uint64_t *)offsets;
            d->offsets[0] = 0;
            return d;
        }
        ldr__free(&a, d, sizeof *d);
    }
    ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while making a data set");
    return NULL;
}

LDR__DEF void ldr_dataset_free(ldr_dataset *d) {
    ldr_allocator a;
    size_t i;
    if (!d) return;
    a = d->alloc;
#ifndef LADDER_NO_TOKENIZER
    ldr_encoding_free(&d->encoding);
#endif
    for (i = 0; i < d->name_count; i++) ldr__free(&a, d->names[i], strlen(d->names[i]) + 1);
    ldr__free(&a, d->names, d->names_cap * sizeof *d->names);
    ldr__free(&a, d->ids, d->ids_cap * sizeof *d->ids);
    ldr__free(&a, d->segments, d->segments_cap * sizeof *d->segments);
    ldr__free(&a, d->labels, d->labels_cap * sizeof *d->labels);
    ldr__free(&a, d->values, d->values_cap * sizeof *d->values);
    ldr__free(&a, d->offsets, d->offsets_cap * sizeof *d->offsets);
    ldr__free(&a, d, sizeof *d);
}

static int ldr__grow_i32(const ldr_allocator *a, int32_t **p, size_t *capacity, size_t need) {
    void *v = *p;
    int ok = ldr__grow(a, &v, capacity, need, sizeof **p);
    *p = (int32_t *)v;
    return ok;
}

LDR__DEF void ldr_dataset_clear(ldr_dataset *d) {
    if (!d) return;
    d->tokens = d->count = 0;
    d->version++;
}

LDR__DEF ldr_status ldr_dataset_add(ldr_dataset *d, const ldr_example *e, ldr_error *err) {
    size_t n, i, labels;
    void *values, *offsets;
    if (!d || !e || !e->ids || e->count < 1 || (d->head != LDR_HEAD_REGRESS && !e->labels)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_dataset_add: an example needs token ids and labels");
    if (d->count >= INT32_MAX / 2) return ldr__fail(err, LDR_LIMIT, LDR_NO_OFFSET, "a data set holds at most %d sequences", INT32_MAX / 2);
    n = (size_t)e->count;
    labels = ldr__per_token(d->head) ? n : 1;
    for (i = 0; d->head != LDR_HEAD_REGRESS && i < labels; i++)
        if (e->labels[i] < 0 && !(ldr__per_token(d->head) && e->labels[i] == LDR_IGNORE)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "example %U: label %d is negative", (uint64_t)d->count, e->labels[i]);
    if (d->head == LDR_HEAD_REGRESS && !(e->value - e->value == 0)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "example %U: its value is not a finite number", (uint64_t)d->count);
    values = d->values;
    offsets = d->offsets;
    if (!ldr__grow_i32(&d->alloc, &d->ids, &d->ids_cap, d->tokens + n) || !ldr__grow_i32(&d->alloc, &d->segments, &d->segments_cap, d->tokens + n) ||
        !ldr__grow_i32(&d->alloc, &d->labels, &d->labels_cap, ldr__per_token(d->head) ? d->tokens + n : d->count + 1)) goto memory;
    if (!ldr__grow(&d->alloc, &values, &d->values_cap, d->count + 1, sizeof *d->values)) goto memory;
    d->values = (float *)values;
    if (!ldr__grow(&d->alloc, &offsets, &d->offsets_cap, d->count + 2, sizeof *d->offsets)) goto memory;
    d->offsets = (uint64_t *)offsets;
    memcpy(d->ids + d->tokens, e->ids, n * sizeof(int32_t));
    if (e->segments) memcpy(d->segments + d->tokens, e->segments, n * sizeof(int32_t));
    else memset(d->segments + d->tokens, 0, n * sizeof(int32_t));
    if (ldr__per_token(d->head)) memcpy(d->labels + d->tokens, e->labels, n * sizeof(int32_t));
    else d->labels[d->count] = d->head == LDR_HEAD_REGRESS ? 0 : e->labels[0];
    d->values[d->count] = e->value;
    d->tokens += n;
    d->offsets[++d->count] = d->tokens;
    return LDR_OK;
memory:
    return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory after %U examples", (uint64_t)d->count);
}

LDR__DEF int32_t ldr_dataset_count(const ldr_dataset *d) { return d ? (int32_t)d->count : 0; }
LDR__DEF int64_t ldr_dataset_tokens(const ldr_dataset *d) { return d ? (int64_t)d->tokens : 0; }

LDR__DEF ldr_example ldr_dataset_get(const ldr_dataset *d, int32_t index) {
    ldr_example e;
    size_t i = (size_t)index, at;
    memset(&e, 0, sizeof e);
    if (!d || index < 0 || i >= d->count) return e;
    at = (size_t)d->offsets[i];
    e.count = (int32_t)(d->offsets[i + 1] - d->offsets[i]);
    e.ids = d->ids + at;
    e.segments = d->segments + at;
    e.labels = d->labels + (ldr__per_token(d->head) ? at : i);
    e.value = d->values[i];
    return e;
}

LDR__DEF int32_t ldr_dataset_labels(const ldr_dataset *d) { return d ? (int32_t)d->name_count : 0; }
LDR__DEF const char *ldr_dataset_label_name(const ldr_dataset *d, int32_t i) { return d && i >= 0 && (size_t)i < d->name_count ? d->names[i] : NULL; }

LDR__DEF int32_t ldr_dataset_label(ldr_dataset *d, const char *name, int32_t add, ldr_error *err) {
    size_t i, n;
    void *names;
    char *copy;
    if (!d || !name) return -1;
    for (i = 0; i < d->name_count; i++)
        if (strcmp(d->names[i], name) == 0) return (int32_t)i;
    if (!add) return -1;
    if (!ldr__is_utf8(name)) {
        ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "a label is not UTF-8 and could not be saved: convert the file");
        return -1;
    }
    n = strlen(name) + 1;
    names = d->names;
    if (ldr__grow(&d->alloc, &names, &d->names_cap, d->name_count + 1, sizeof *d->names)) {
        d->names = (char **)names;
        copy = (char *)ldr__alloc(&d->alloc, n);
        if (copy) {
            memcpy(copy, name, n);
            d->names[d->name_count] = copy;
            return (int32_t)d->name_count++;
        }
    }
    ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory for a label name");
    return -1;
}

#ifndef LADDER_NO_TOKENIZER
LDR__DEF ldr_status ldr_dataset_add_text(ldr_dataset *d, const ldr_tokenizer *t, const char *text, const char *text2, int32_t label, float value, ldr_error *err) {
    ldr_example e;
    if (!d || !t || !text) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_dataset_add_text: no data set, tokenizer or text");
    if (ldr__per_token(d->head)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a data set with a label for every token takes ldr_dataset_add");
    if (!d->encoding.alloc.alloc_fn) d->encoding.alloc = d->alloc;
    if (ldr_tokenizer_encode(t, &d->encoding, text, strlen(text), text2, text2 ? strlen(text2) : 0, d->max_len ? d->max_len : 128, 1, err)) return err ? err->status : LDR_DATA;
    memset(&e, 0, sizeof e);
    e.count = d->encoding.count;
    e.ids = d->encoding.ids;
    e.segments = d->encoding.segments;
    e.labels = &label;
    e.value = value;
    return ldr_dataset_add(d, &e, err);
}
#endif

/* ======================================================================================
   >>dataset-files     Labelled texts from tab-separated lines and JSON
   --------------------------------------------------------------------------------------
   Both formats end in the same three strings: label, text, and perhaps a second text. They
   are copied into buffers that are reused from one example to the next, because the file is
   mapped and its fields carry no final NUL.
   ====================================================================================== */

#if !defined(LADDER_NO_STDIO) && !defined(LADDER_NO_TOKENIZER)

enum { LDR__FIELD_LABEL, LDR__FIELD_TEXT, LDR__FIELD_TEXT2, LDR__FIELDS };

typedef struct ldr__reader {
    ldr_dataset         *d;
    const ldr_tokenizer *tokenizer;
    ldr_dataset_desc     desc;
    const char          *data;                    /* the whole file; offsets count from here  */
    size_t               size, begin;             /* begin: after a byte order mark           */
    void                *field[LDR__FIELDS];
    size_t               capacity[LDR__FIELDS];
} ldr__reader;

/* Lines are counted only when something is wrong: a file is read far more often than it is broken. */
static int64_t ldr__reader_line(const ldr__reader *r, size_t at) {
    int64_t line = 1;
    size_t i;
    for (i = 0; i < at && i < r->size; i++) line += r->data[i] == '\n';
    return line;
}

static ldr_status ldr__reader_fail(const ldr__reader *r, size_t at, ldr_error *err, const char *what) {
    return ldr__fail(err, LDR_DATA, at, "line %I: %s", ldr__reader_line(r, at), what);
}

static char *ldr__reader_room(ldr__reader *r, int k, size_t size, ldr_error *err) {
    if (size < SIZE_MAX && ldr__grow(&r->desc.alloc, &r->field[k], &r->capacity[k], size + 1, 1)) return (char *)r->field[k];
    ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while reading examples");
    return NULL;
}

/* A NUL inside a text would end it early; BERT's tokenizer drops NULs, so nothing is lost here. */
static void ldr__drop_nul(char *s, size_t n) {
    size_t i, used = 0;
    for (i = 0; i < n; i++)
        if (s[i]) s[used++] = s[i];
    s[used] = 0;
}

static ldr_status ldr__reader_copy(ldr__reader *r, int k, const char *s, size_t n, ldr_error *err) {
    char *field = ldr__reader_room(r, k, n, err);
    if (!field) return LDR_MEMORY;
    if (n) memcpy(field, s, n);
    ldr__drop_nul(field, n);
    return LDR_OK;
}

/* A number as JSON writes it, and nothing else: "4.", "0x1" and "nan" are mistakes in a label. */
static int ldr__reader_number(const char *s, float *out) {
    size_t n = strlen(s);
    double v;
    if (n == 0 || ldr__json_number_length(s, n) != n) return 0;
    v = ldr__parse_double(s, n);
    if (!(v >= -(double)FLT_MAX && v <= (double)FLT_MAX)) return 0;
    *out = (float)v;
    return 1;
}

/* Adds the example whose fields have been copied; it begins at byte `at`. */
static ldr_status ldr__reader_add(ldr__reader *r, int pair, size_t at, ldr_error *err) {
    const char *label = (const char *)r->field[LDR__FIELD_LABEL], *text = (const char *)r->field[LDR__FIELD_TEXT];
    const char *text2 = pair ? (const char *)r->field[LDR__FIELD_TEXT2] : NULL;
    char shown[LDR__SHOWN];
    int32_t index = 0;
    float value = 0;
    if (!*label) return ldr__reader_fail(r, at, err, "the example has no label");
    if (!*text) return ldr__reader_fail(r, at, err, "the example has no text");
    if (r->desc.head == LDR_HEAD_REGRESS) {
        if (!ldr__reader_number(label, &value))
            return ldr__fail(err, LDR_DATA, at, "line %I: the label \"%s\" is not a number", ldr__reader_line(r, at), ldr__show(shown, label, strlen(label)));
    } else {
        index = ldr_dataset_label(r->d, label, r->desc.labels == NULL, err);
        if (index < 0 && r->desc.labels)
            return ldr__fail(err, LDR_DATA, at, "line %I: the label \"%s\" is none of the %d known ones", ldr__reader_line(r, at), ldr__show(shown, label, strlen(label)), (int)ldr_dataset_labels(r->d));
        if (index < 0) return err->status ? err->status : LDR_MEMORY;
    }
    return ldr_dataset_add_text(r->d, r->tokenizer, text, text2, index, value, err);
}

/* label<TAB>text[<TAB>text2], without the line's end. */
static ldr_status ldr__reader_line_add(ldr__reader *r, size_t begin, size_t end, ldr_error *err) {
    size_t i, from = begin;
    int k = 0;
    for (i = begin; i <= end; i++) {
        if (i < end && r->data[i] != '\t') continue;
        if (k == LDR__FIELDS) return ldr__reader_fail(r, begin, err, "more than three fields; expected label<TAB>text or label<TAB>text<TAB>text2");
        if (ldr__reader_copy(r, k++, r->data + from, i - from, err)) return LDR_MEMORY;
        from = i + 1;
    }
    if (k < 2) return ldr__reader_fail(r, begin, err, "the example has no text; expected label<TAB>text or label<TAB>text<TAB>text2");
    return ldr__reader_add(r, k == LDR__FIELDS, begin, err);
}

static ldr_status ldr__reader_lines(ldr__reader *r, ldr_error *err) {
    size_t at = r->begin, end, next;
    while (at < r->size) {
        const char *newline = (const char *)memchr(r->data + at, '\n', r->size - at);
        end = newline ? (size_t)(newline - r->data) : r->size;
        next = newline ? end + 1 : end;
        if (end > at && r->data[end - 1] == '\r') end--;
        if (end > at) {
            ldr_status status = ldr__reader_line_add(r, at, end, err);
            if (status) return status;
        }
        at = next;
    }
    return LDR_OK;
}

/* The member's string, or for labels also the text of a number, true or false. `base` is where
   the JSON text starts in the file. */
static ldr_status ldr__reader_member(ldr__reader *r, int k, const ldr_json *j, int32_t node, size_t base, ldr_error *err) {
    const ldr_json_node *n = ldr_json_node_at(j, node);
    int word = n->type == LDR_JSON_NUMBER || n->type == LDR_JSON_TRUE || n->type == LDR_JSON_FALSE;
    if (n->type == LDR_JSON_STRING) {
        size_t size = n->end - n->begin;              /* escapes only shrink                  */
        char *field = ldr__reader_room(r, k, size, err);
        if (!field) return LDR_MEMORY;
        ldr__drop_nul(field, (size_t)ldr_json_string(field, size + 1, j, node));
        return LDR_OK;
    }
    if (k == LDR__FIELD_LABEL && word) return ldr__reader_copy(r, k, r->data + base + n->begin, n->end - n->begin, err);
    return ldr__reader_fail(r, base + n->begin, err, k == LDR__FIELD_LABEL ? "the label is neither a string nor a number nor true or false" : "the text is not a string");
}

/* The first of the names that the object holds with a value other than null; -1 when none. */
static int32_t ldr__reader_find(const ldr_json *j, int32_t object, const char *wanted, const char *const *usual) {
    int32_t node = -1;
    if (wanted) node = ldr_json_get(j, object, wanted);
    for (; !wanted && node < 0 && *usual; usual++) node = ldr_json_get(j, object, *usual);
    return node >= 0 && ldr_json_node_at(j, node)->type != LDR_JSON_NULL ? node : -1;
}

static ldr_status ldr__reader_object(ldr__reader *r, const ldr_json *j, int32_t object, size_t base, ldr_error *err) {
    static const char *const labels[] = { "label", NULL }, *const texts[] = { "text", "sentence", "sentence1", NULL }, *const seconds[] = { "text2", "sentence2", NULL };
    size_t at = base + ldr_json_node_at(j, object)->begin;
    int32_t label = ldr__reader_find(j, object, r->desc.label, labels), text = ldr__reader_find(j, object, r->desc.text, texts);
    int32_t text2 = ldr__reader_find(j, object, r->desc.text2, seconds);
    ldr_status status;
    if (ldr_json_node_at(j, object)->type != LDR_JSON_OBJECT) return ldr__reader_fail(r, at, err, "an example is a JSON object");
    if (label < 0) return ldr__fail(err, LDR_DATA, at, "line %I: the example has no label: no member \"%s\"", ldr__reader_line(r, at), r->desc.label ? r->desc.label : "label");
    if (text < 0) return ldr__fail(err, LDR_DATA, at, "line %I: the example has no text: no member \"%s\"", ldr__reader_line(r, at), r->desc.text ? r->desc.text : "text\", \"sentence\" or \"sentence1");
    if (text2 < 0 && r->desc.text2) return ldr__fail(err, LDR_DATA, at, "line %I: the example has no second text: no member \"%s\"", ldr__reader_line(r, at), r->desc.text2);
    status = ldr__reader_member(r, LDR__FIELD_LABEL, j, label, base, err);
    if (!status) status = ldr__reader_member(r, LDR__FIELD_TEXT, j, text, base, err);
    if (!status && text2 >= 0) status = ldr__reader_member(r, LDR__FIELD_TEXT2, j, text2, base, err);
    return status ? status : ldr__reader_add(r, text2 >= 0, at, err);
}

/* One JSON value from byte `at`, errors counted from the file's start; *used bytes were read. */
static ldr_json *ldr__reader_json(const ldr__reader *r, size_t at, size_t *used, ldr_error *err) {
    ldr_error local;
    ldr_json *j;
    size_t where, i;
    memset(&local, 0, sizeof local);
    j = ldr_json_parse_next(r->data + at, r->size - at, used, &r->desc.alloc, &local);
    if (j) return j;
    where = local.offset == LDR_NO_OFFSET ? at : at + (size_t)local.offset;
    for (i = strlen(local.message); i > 0 && local.message[i] != '('; i--) {}
    if (i > 0 && local.offset != LDR_NO_OFFSET) local.message[i - 1] = 0;      /* an offset of its own is put there again */
    ldr__fail(err, local.status, local.offset == LDR_NO_OFFSET ? LDR_NO_OFFSET : where, "line %I: %s", ldr__reader_line(r, where), local.message);
    return NULL;
}

/* One array of examples, or examples one after another. */
static ldr_status ldr__reader_values(ldr__reader *r, ldr_error *err) {
    size_t at = ldr__json_space(r->data, r->size, r->begin), used = 0;
    int array = at < r->size && r->data[at] == '[';
    ldr_status status = LDR_OK;
    while (!status && at < r->size) {
        ldr_json *j = ldr__reader_json(r, at, &used, err);
        int32_t node;
        if (!j) return err->status;
        if (!array) status = ldr__reader_object(r, j, 0, at, err);
        else for (node = ldr_json_node_at(j, 0)->first; !status && node >= 0; node = ldr_json_node_at(j, node)->next) status = ldr__reader_object(r, j, node, at, err);
        ldr_json_free(j);
        at += used;
        if (!status && array && at < r->size) status = ldr__reader_fail(r, at, err, "something stands after the array of examples");
    }
    return status;
}

/* The name decides; under any other name the first character does. */
static int ldr__reader_is_json(const ldr__reader *r, const char *path) {
    size_t at = ldr__json_space(r->data, r->size, r->begin);
    if (ldr__ends_with(path, ".json") || ldr__ends_with(path, ".jsonl")) return 1;
    if (ldr__ends_with(path, ".tsv") || ldr__ends_with(path, ".txt")) return 0;
    return at < r->size && (r->data[at] == '{' || r->data[at] == '[');
}

static ldr_status ldr__reader_labels(ldr__reader *r, ldr_error *err) {
    int32_t i;
    for (i = 0; i < ldr_dataset_labels(r->desc.labels); i++) {
        const char *name = ldr_dataset_label_name(r->desc.labels, i);
        if (!name) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_dataset_load: the data set given for its labels has classes without a name");
        if (ldr_dataset_label(r->d, name, 1, err) < 0) return err->status ? err->status : LDR_MEMORY;
    }
    return LDR_OK;
}

static ldr_status ldr__reader_run(ldr__reader *r, const char *path, ldr_error *err) {
    ldr__source source;
    ldr_status status = ldr__source_open(&source, path, &r->desc.alloc, err);
    if (status) return status;
    r->data = (const char *)source.data;
    r->size = source.size;
    r->begin = source.size >= 3 && memcmp(source.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (r->desc.labels) status = ldr__reader_labels(r, err);
    if (!status) status = ldr__reader_is_json(r, path) ? ldr__reader_values(r, err) : ldr__reader_lines(r, err);
    if (!status && ldr_dataset_count(r->d) == 0) status = ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "the file holds no examples");
    ldr__source_close(&source);
    return status;
}

LDR__DEF ldr_dataset *ldr_dataset_load(const ldr_model *m, const char *path, const ldr_dataset_desc *desc, ldr_error *err) {
    ldr__reader r;
    ldr_error local;
    int k;
    memset(&r, 0, sizeof r);
    memset(&local, 0, sizeof local);
    if (desc) r.desc = *desc;
    if (!m || !path) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_dataset_load: no model or no path");
        return NULL;
    }
    if (r.desc.head != LDR_HEAD_CLASSIFY && r.desc.head != LDR_HEAD_REGRESS) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_dataset_load: files hold one label or one number a text; add other examples with ldr_dataset_add");
        return NULL;
    }
    r.tokenizer = ldr_model_tokenizer(m);
    if (!r.tokenizer) {
        ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "%s: the model has no vocabulary, so texts cannot be read", path);
        return NULL;
    }
    if (r.desc.max_len == 0) r.desc.max_len = LDR__MIN(128, ldr_model_info_get(m).positions);
    r.d = ldr_dataset_create(&r.desc, err);
    if (!r.d) return NULL;
    if (ldr__reader_run(&r, path, &local)) {
        if (local.status != LDR_IO) ldr__fail_in_file(&local, path);
        if (err && err->status == LDR_OK) *err = local;
        ldr_dataset_free(r.d);
        r.d = NULL;
    }
    for (k = 0; k < LDR__FIELDS; k++) ldr__free(&r.desc.alloc, r.field[k], r.capacity[k]);
    return r.d;
}

#endif /* !LADDER_NO_STDIO && !LADDER_NO_TOKENIZER */

/* ======================================================================================
   >>ladder            The side network: dimensions, parameters, layout
   --------------------------------------------------------------------------------------
   A ladder is one flat array of floats with a table of names over it. Gradients and
   optimiser state have the same layout, so an optimiser is one loop and a file is one walk.
   ====================================================================================== */

enum { LDR__MAX_NOTE = 4096 };

typedef struct ldr__param {
    char    name[64];
    size_t  offset;                /* in ldr_ladder.values                                   */
    int32_t rows, columns;
    int32_t decay;                 /* weight decay applies: matrices only                    */
} ldr__param;

typedef struct ldr__rung {
    int32_t layer;                 /* tapped backbone layer, 0-based                         */
    int32_t down, down_bias, gate; /* parameter indices, -1: none                            */
    int32_t slot[LDR__ALL_SLOTS];
} ldr__rung;

/* Which parameters stand for the tensors of a backbone block, by slot; -1: the model's own, frozen, or none. */
typedef struct ldr__tuned { int32_t slot[LDR__ALL_SLOTS]; } ldr__tuned;

typedef struct ldr__note { char *key, *value; } ldr__note;

struct ldr_ladder {
    ldr_allocator    alloc;
    const ldr_model *m;
    ldr_ladder_desc  d;            /* resolved; its pointers lead into this object           */
    ldr__shape       side;
    int32_t          has_first;    /* D_first reads the embeddings                           */
    int32_t          first, first_bias, final_norm, final_norm_bias, up, up_bias, out_gate, head_dense, head_dense_bias, head_out, head_out_bias;
    int32_t          head_width;   /* of the rows the head reads                             */
    ldr__rung       *rungs;
    int32_t         *rung_layers;
    int32_t          deep;         /* 1: parameters inside the backbone                      */
    int32_t          from;         /* first block with any; the backward pass ends there      */
    int32_t          successors;   /* blocks layers, layers+1, ...: stand for groups of the backbone's layers; 0: none */
    ldr__shape       tuned_shape;  /* of a backbone block with what the method adds           */
    ldr__tuned      *tuned;        /* [layers + successors], when deep                        */
    int32_t          end[LDR__ENDS];
    int32_t          prompt_dense, prompt_dense_bias, prompt_out, prompt_out_bias;     /* -1: the prompt's vectors are what is trained */
    ldr__param      *params;
    int32_t          count;
    size_t           size;         /* floats in values, padding between parameters included  */
    uint64_t         trainable;
    float           *values, *grads;           /* grads belong to a trainer, NULL without one */
    float           *frequency;    /* rotary table of the side heads                         */
    uint64_t         fingerprint;  /* of the backbone                                        */
    char           **labels;
    ldr__note       *notes;
    size_t           note_count, note_capacity;
    void            *plan_memory;
    size_t           plan_size;
};

static const float *ldr__value(const ldr_ladder *l, int32_t param) { return param < 0 ? NULL : l->values + l->params[param].offset; }
static float *ldr__grad(const ldr_ladder *l, int32_t param) { return param < 0 || !l->grads ? NULL : l->grads + l->params[param].offset; }

static ldr__mat ldr__value_matrix(const ldr_ladder *l, int32_t param) {
    return ldr__mat_float(ldr__value(l, param), param < 0 ? 0 : (size_t)l->params[param].columns, 1);
}

static int32_t ldr__default_i32(int32_t v, int32_t d) { return v ? v : d; }

LDR__DEF const char *ldr_method_name(ldr_method method) {
    static const char *const names[] = { "ladder", "head", "full", "bitfit", "lora", "adapter", "prompt", "prefix", "theseus" };
    return (int)method >= 0 && method <= LDR_METHOD_THESEUS ? names[method] : "?";
}

/* ---- presets -------------------------------------------------------------------------- */

static int32_t ldr__default_rungs(const ldr_model *m, ldr_preset preset) {
    if (preset == LDR_PRESET_HEAD) return 0;
    if (preset == LDR_PRESET_CLUE) return LDR__MIN(4, m->layers);
    return LDR__MIN(12, m->layers);
}

LDR__DEF ldr_ladder_desc ldr_ladder_desc_defaults(const ldr_model *m, const ldr_ladder_desc *desc) {
    static const struct { ldr_tap tap; ldr_gate gate; float temperature; ldr_mix mix; ldr_output output; ldr_init init; ldr_heads heads; float dropout; } presets[] = {
        { LDR_TAP_INPUT,  LDR_GATE_CHANNEL, 1.0f, LDR_MIX_BEFORE, LDR_OUTPUT_MIXED, LDR_INIT_SLICE,  LDR_HEADS_WHOLE,  0.0f },
        { LDR_TAP_OUTPUT, LDR_GATE_SCALAR,  0.1f, LDR_MIX_BEFORE, LDR_OUTPUT_UP,    LDR_INIT_SLICE,  LDR_HEADS_WITHIN, 0.1f },
        { LDR_TAP_OUTPUT, LDR_GATE_NONE,    1.0f, LDR_MIX_AFTER,  LDR_OUTPUT_SIDE,  LDR_INIT_RANDOM, LDR_HEADS_WITHIN, 0.1f },
        { LDR_TAP_OUTPUT, LDR_GATE_SCALAR,  0.1f, LDR_MIX_BEFORE, LDR_OUTPUT_UP,    LDR_INIT_RANDOM, LDR_HEADS_WHOLE,  0.0f },
        { LDR_TAP_INPUT,  LDR_GATE_NONE,    1.0f, LDR_MIX_BEFORE, LDR_OUTPUT_SIDE,  LDR_INIT_RANDOM, LDR_HEADS_WHOLE,  0.0f } };
    ldr_ladder_desc d;
    int32_t r, group, kv;
    memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    if (!m || (int)d.preset < 0 || d.preset > LDR_PRESET_HEAD || (int)d.method < 0 || d.method > LDR_METHOD_THESEUS) return d;
    if (d.method != LDR_METHOD_LADDER) d.preset = LDR_PRESET_HEAD;
    else if (d.preset == LDR_PRESET_HEAD) d.method = LDR_METHOD_HEAD;
    if (d.method == LDR_METHOD_LORA && !d.rank) d.rank = 8;
    if (d.method == LDR_METHOD_LORA && d.alpha == 0) d.alpha = 2.0f * (float)d.rank;
    if (d.method == LDR_METHOD_LORA && !d.targets) d.targets = LDR_TARGET_QUERY | LDR_TARGET_VALUE;
    if (d.method == LDR_METHOD_ADAPTER && !d.bottleneck) d.bottleneck = LDR__MAX(4, m->shape.width / 16);
    if ((d.method == LDR_METHOD_PROMPT || d.method == LDR_METHOD_PREFIX) && !d.virtual_tokens) d.virtual_tokens = 16;
    if (d.method == LDR_METHOD_THESEUS && !d.successors) d.successors = LDR__MAX(1, m->layers / 2);
    if (d.tune_biases == LDR_AUTO) d.tune_biases = d.method == LDR_METHOD_FULL || d.method == LDR_METHOD_BITFIT ? LDR_ON : LDR_OFF;
    if (d.tune_norms == LDR_AUTO) d.tune_norms = d.method == LDR_METHOD_FULL || d.method == LDR_METHOD_ADAPTER ? LDR_ON : LDR_OFF;
    /* Small backbones keep 64 channels where 8 times narrower would leave too few to learn with. */
    if (!d.reduction) d.reduction = d.preset == LDR_PRESET_PAPER ? 8 : LDR__MAX(2, LDR__MIN(8, m->shape.width / 64));
    r = d.reduction > 0 ? d.reduction : 1;
    if (!d.rungs) d.rung_count = ldr__default_rungs(m, d.preset);
    if (!d.tap) d.tap = presets[d.preset].tap;
    if (!d.gate) d.gate = presets[d.preset].gate;
    if (!(d.gate_temperature > 0)) d.gate_temperature = presets[d.preset].temperature;
    if (!d.mix) d.mix = presets[d.preset].mix;
    if (!d.output) d.output = presets[d.preset].output;
    if (d.output_init == 0) d.output_init = 1.0f;
    if (!d.init) d.init = presets[d.preset].init;
    if (!d.importance) d.importance = LDR_MAGNITUDE;
    if (!d.slice_heads) d.slice_heads = presets[d.preset].heads;
    if (!d.samples) d.samples = d.importance == LDR_FISHER ? 1024 : 256;
    if (d.dropout == 0) d.dropout = presets[d.preset].dropout;
    if (d.dropout < 0) d.dropout = 0;
    if (d.preset == LDR_PRESET_CLUE) {
        d.width = ldr__default_i32(d.width, 128);
        d.heads = ldr__default_i32(d.heads, 4);
        d.ffn = ldr__default_i32(d.ffn, 4 * d.width);
        if (d.down_bias == LDR_AUTO) d.down_bias = LDR_OFF;
        d.final_norm = LDR_OFF;
    }
    d.width = ldr__default_i32(d.width, LDR__MAX(1, m->shape.width / r));
    if (d.preset == LDR_PRESET_MLP) d.ffn = ldr__default_i32(d.ffn, d.width);
    d.ffn = ldr__default_i32(d.ffn, LDR__MAX(1, m->shape.ffn / r));
    group = m->shape.heads / m->shape.kv_heads;
    kv = d.slice_heads == LDR_HEADS_WHOLE ? LDR__MAX(1, (m->shape.kv_heads + r / 2) / r) : m->shape.kv_heads;
    d.heads = d.preset == LDR_PRESET_MLP || d.preset == LDR_PRESET_HEAD ? 0 : ldr__default_i32(d.heads, kv * group);
    if (d.down_bias == LDR_AUTO) d.down_bias = LDR_ON;
    if (d.final_norm == LDR_AUTO) d.final_norm = m->ends.v[LDR__FINAL] && d.preset != LDR_PRESET_MLP ? LDR_ON : LDR_OFF;
    if (d.head == LDR_HEAD_REGRESS || d.head == LDR_HEAD_CHOICE) d.classes = 1;
    if (d.head == LDR_HEAD_WORDS) d.classes = m->vocabulary;
    if (d.pool == LDR_POOL_FAMILY) d.pool = m->shape.causal ? LDR_POOL_LAST : LDR_POOL_FIRST;
    if (d.head_hidden == 0 && d.preset == LDR_PRESET_PAPER) d.head_hidden = m->shape.width;
    if (d.head_hidden < 0 || d.head == LDR_HEAD_WORDS) d.head_hidden = 0;
    return d;
}

/* What the method adds to the backbone's blocks, and the reasons a wish cannot be met. */
static ldr_status ldr__ladder_method(ldr_ladder *l, const ldr_ladder_desc *d, ldr_error *err) {
    const ldr_model *m = l->m;
    ldr__shape *s = &l->tuned_shape;
    *s = d->beside ? d->beside->tuned_shape : m->shape;
    l->deep = d->method > LDR_METHOD_HEAD;
    if (d->beside && (l->deep || d->beside->m != m || d->beside->d.method < LDR_METHOD_FULL || d->beside->d.method > LDR_METHOD_ADAPTER))
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "beside: a ladder or a head can stand beside a backbone tuned by full, bitfit, lora or adapter, and the model must be the same");
    if (!l->deep) return LDR_OK;
    if (m->compute != LDR_COMPUTE_F32) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "method %s needs gradients through the backbone, and products of rounded weights have none: load the model with LDR_COMPUTE_F32", ldr_method_name(d->method));
    if (d->tune_layers < 0 || d->tune_layers > m->layers || (d->tune_layers && (m->family->shared || d->method == LDR_METHOD_PROMPT || d->method == LDR_METHOD_THESEUS)))
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the last %d of %d blocks cannot be tuned alone (layers that share their tensors, prompts and successors need all)", d->tune_layers, m->layers);
    if (d->method == LDR_METHOD_LORA && (d->rank < 1 || d->rank > 4096 || !(d->alpha - d->alpha == 0) || d->targets < 1 || d->targets >= 1 << LDR__MATRICES))
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "LoRA of rank %d on the matrices %d cannot be", d->rank, d->targets);
    if (d->method == LDR_METHOD_ADAPTER && (d->bottleneck < 1 || d->bottleneck > 65536)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "an adapter %d wide cannot be", d->bottleneck);
    if (d->prompt_hidden < 0 || d->prompt_hidden > 65536) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a network %d wide for the prompt cannot be", d->prompt_hidden);
    if (d->virtual_tokens < 0 || d->virtual_tokens > 4096 || (d->method == LDR_METHOD_PROMPT && d->virtual_tokens >= m->positions - m->position_offset))
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "%d virtual tokens: the model has %d positions", d->virtual_tokens, m->positions - m->position_offset);
    if (d->method == LDR_METHOD_THESEUS && m->family->shared) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "method theseus replaces layers, and those of a model of type %s are one: it is as small as it gets", m->family->type);
    if (d->method == LDR_METHOD_THESEUS && (d->successors < 1 || d->successors > m->layers)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "%d successors: the model has %d layers, give 1 to as many", d->successors, m->layers);
    l->successors = d->method == LDR_METHOD_THESEUS ? d->successors : 0;
    l->from = l->successors ? m->layers : d->tune_layers ? m->layers - d->tune_layers : 0;
    if (d->method == LDR_METHOD_BITFIT) s->biases = 1;
    if (d->method == LDR_METHOD_LORA) {
        s->low_rank = d->rank;
        s->low_set = d->targets;
        s->low_scale = d->alpha / (float)d->rank;
    }
    if (d->method == LDR_METHOD_ADAPTER) s->bottleneck = d->bottleneck;
    if (d->method == LDR_METHOD_PREFIX) s->prefix = d->virtual_tokens;
    return LDR_OK;
}

/* The dimensions of a side block, and the reasons a wish cannot be met. */
static ldr_status ldr__ladder_shape(ldr__shape *s, const ldr_model *m, const ldr_ladder_desc *d, ldr_error *err) {
    const ldr__shape *b = &m->shape;
    int32_t r = d->reduction, group = b->heads / b->kv_heads;
    *s = *b;
    s->width = d->width;
    s->ffn = d->ffn;
    s->heads = d->heads;
    if (d->samples < 1) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "slicing needs at least one sample");
    if (r < 1 || r > 1024 || d->width < 1 || d->width > 65536 || d->ffn < 1 || d->ffn > (1 << 20) || d->heads < 0 || d->heads > 4096)
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "reduction %d, side width %d, %d heads or ffn %d cannot be", r, d->width, d->heads, d->ffn);
    if (d->classes < 1 || d->classes > (1 << 24)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the head needs classes, not %d", d->classes);
    if ((int)d->tap < 1 || d->tap > LDR_TAP_OUTPUT || (int)d->gate < 1 || d->gate > LDR_GATE_FIXED || (int)d->mix < 1 || d->mix > LDR_MIX_AFTER || (int)d->output < 1 || d->output > LDR_OUTPUT_SIDE ||
        (int)d->init < 1 || d->init > LDR_INIT_SLICE || (int)d->importance < 1 || d->importance > LDR_ENERGY || (int)d->slice_heads < 1 || d->slice_heads > LDR_HEADS_WITHIN)
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "tap, gate, mix, output, init, importance or slice_heads is none of its names");
    if (d->head == LDR_HEAD_WORDS && !m->ends.m[LDR__LM_OUT].data) return ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "a words head is the model's own language-model head, and its files hold none");
    if (d->head == LDR_HEAD_WORDS && d->output == LDR_OUTPUT_SIDE && d->rung_count) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the language-model head reads rows as wide as the backbone: use output MIXED or UP");
    if (!(d->dropout < 1.0f)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "dropout must be below 1");
    if (d->gate == LDR_GATE_FIXED && !(d->gate_fixed >= 0 && d->gate_fixed <= 1)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a fixed gate must lie between 0 and 1");
    if (d->init == LDR_INIT_SLICE && (d->width > b->width || d->ffn > b->ffn)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a sliced side network cannot be wider than the backbone (%d of %d, ffn %d of %d)", d->width, b->width, d->ffn, b->ffn);
    if (d->preset == LDR_PRESET_HEAD) return d->rung_count ? ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the head preset has no rungs, %d were given", d->rung_count) : LDR_OK;
    if (d->preset == LDR_PRESET_MLP) {
        s->place = LDR__NO_NORM;
        s->heads = s->kv_heads = 0;
        s->gated = s->rotary = 0;
        s->biases = 1;
        return LDR_OK;
    }
    if (d->preset == LDR_PRESET_CLUE) {                 /* a BERT block whatever the backbone is       */
        if (d->width % d->heads) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "side width %d is not a multiple of %d heads", d->width, d->heads);
        s->norm = LDR_NORM_LAYER;
        s->place = LDR__POST;
        s->gated = s->rotary = 0;
        s->biases = 1;
        s->activation = LDR_GELU;
        s->kv_heads = s->heads;
        s->head_dim = s->width / s->heads;
        s->eps = 1e-12f;
        return LDR_OK;
    }
    if (d->slice_heads == LDR_HEADS_WHOLE) {
        if (d->heads % group || d->heads > b->heads) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "%d side heads: whole heads come in groups of %d and there are %d", d->heads, group, b->heads);
        s->kv_heads = d->heads / group;
        return LDR_OK;
    }
    if (d->heads != b->heads || b->head_dim % r) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "keeping all %d heads needs a reduction that divides the head size %d, not %d; or slice whole heads", b->heads, b->head_dim, r);
    if (d->preset == LDR_PRESET_PAPER && (b->width % r || b->ffn % r)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the paper's recipe needs a reduction that divides width %d and ffn %d, not %d", b->width, b->ffn, r);
    s->head_dim = b->head_dim / r;
    if (s->rotary && s->head_dim % 2) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "rotary positions need an even side head size, not %d: use a smaller reduction or whole heads", s->head_dim);
    return LDR_OK;
}

/* ---- layout --------------------------------------------------------------------------- */

typedef struct ldr__layout {
    ldr_ladder *l;
    int32_t     count;             /* parameters so far                                      */
    size_t      floats;
    uint64_t    trainable;
} ldr__layout;

/* `of` is a pattern for the number of the rung or block; number -1: the name stands alone. */
static int32_t ldr__add_part(ldr__layout *y, const char *of, int32_t number, const char *name, size_t rows, size_t columns) {
    if (y->l->params) {
        ldr__param *p = &y->l->params[y->count];
        char first[32] = "";
        if (number >= 0) ldr__format(first, sizeof first, of, number);
        ldr__format(p->name, sizeof p->name, "%s%s", first, name);
        p->offset = y->floats;
        p->rows = (int32_t)rows;
        p->columns = (int32_t)columns;
        p->decay = strstr(p->name, ".weight") != NULL && strstr(p->name, "norm") == NULL;      /* a matrix may have one row */
    }
    y->floats += ldr__round_up(rows * columns, 16);
    y->trainable += (uint64_t)rows * columns;           /* 64 bits everywhere: `floats` may have wrapped, this has not */
    return y->count++;
}

static int32_t ldr__add_param(ldr__layout *y, int32_t rung, const char *name, size_t rows, size_t columns) { return ldr__add_part(y, "rung.%d.", rung, name, rows, columns); }

/* ---- tuning inside the backbone: >>tune ----------------------------------------------- */

static const char *const ldr__end_names[LDR__ENDS] = {
    "embeddings.word.weight", "embeddings.position.weight", "embeddings.segment.weight", "embeddings.project.weight", "lm.dense.weight", "lm.out.weight",
    "embeddings.project.bias", "lm.dense.bias", "lm.bias", "embeddings.norm.weight", "embeddings.norm.bias", "backbone.final_norm.weight", "backbone.final_norm.bias",
    "lm.norm.weight", "lm.norm.bias", "embeddings.prompt" };

/* The output matrix is the table of word embeddings. */
static int ldr__tied(const ldr_model *m) { return m->ends.m[LDR__LM_OUT].data == m->ends.m[LDR__WORD].data; }

/* Rows and columns of a tensor outside the blocks, 0 when the model has none. */
static size_t ldr__end_size(const ldr_model *m, const ldr_ladder_desc *d, int end, size_t *rows, size_t *columns) {
    size_t n = end == LDR__PROMPT ? (d->method == LDR_METHOD_PROMPT ? (size_t)d->virtual_tokens * (size_t)m->embed_width : 0) : ldr__end_shape(m, end, rows, columns);
    if (end == LDR__PROMPT) {
        *rows = (size_t)d->virtual_tokens;
        *columns = (size_t)m->embed_width;
    } else if ((end == LDR__LM_OUT && ldr__tied(m)) || (end < LDR__END_MATRICES ? !m->ends.m[end].data : !m->ends.v[end])) n = 0;
    if (n == 0) *rows = *columns = 0;
    return n;
}

/* What a method trains, by kind of tensor. */
static int ldr__trains_slot(const ldr_ladder_desc *d, int slot) {
    if (slot >= LDR__SLOTS || d->method == LDR_METHOD_THESEUS) return 1;      /* there, or in a successor, only because the method added it */
    if (slot >= LDR__NORM1) return d->tune_norms == LDR_ON || ((slot == LDR__NORM1B || slot == LDR__NORM2B) && d->tune_biases == LDR_ON);
    if (slot >= LDR__MATRICES) return d->tune_biases == LDR_ON;
    return d->method == LDR_METHOD_FULL;
}

static int ldr__trains_end(const ldr_ladder_desc *d, int end) {
    if (end == LDR__PROMPT) return 1;
    if (end == LDR__FINAL || end == LDR__FINALB) return d->tune_norms == LDR_ON || (end == LDR__FINALB && d->tune_biases == LDR_ON);
    if (d->tune_layers || d->method == LDR_METHOD_THESEUS) return 0;
    if (end == LDR__EMBED_NORM || end == LDR__EMBED_NORMB) return d->tune_norms == LDR_ON || (end == LDR__EMBED_NORMB && d->tune_biases == LDR_ON);
    if (end == LDR__PROJECTB) return d->tune_biases == LDR_ON;
    return d->method == LDR_METHOD_FULL && (end <= LDR__PROJECT || d->head == LDR_HEAD_WORDS);
}

/* Blocks with tensors of their own, by number: the backbone's layers, then the successors. */
static int32_t ldr__tuned_blocks(const ldr_ladder *l) { return l->m->family->shared ? 1 : l->m->layers + l->successors; }
static const ldr__tuned *ldr__tuned_at(const ldr_ladder *l, int32_t block) { return &l->tuned[l->m->family->shared ? 0 : block]; }

/* How many blocks a finished model runs. */
static int32_t ldr__final_blocks(const ldr_ladder *l) { return l->successors ? l->successors : l->m->layers; }

/* The first layer that its block g stands for. */
static int32_t ldr__group_start(const ldr_ladder *l, int32_t g) { return (int32_t)((int64_t)g * l->m->layers / ldr__final_blocks(l)); }

static void ldr__tuned_layout(ldr__layout *y, ldr__tuned *tuned) {
    ldr_ladder *l = y->l;
    const ldr_model *m = l->m;
    size_t rows, columns;
    int32_t i, blocks = ldr__tuned_blocks(l);
    int slot;
    for (slot = 0; slot < LDR__ENDS; slot++) {
        l->end[slot] = -1;
        if (l->deep && ldr__trains_end(&l->d, slot) && ldr__end_size(m, &l->d, slot, &rows, &columns)) l->end[slot] = ldr__add_param(y, -1, ldr__end_names[slot], rows, columns);
    }
    if (l->d.method == LDR_METHOD_PROMPT && l->d.prompt_hidden) {
        size_t h = (size_t)l->d.prompt_hidden, e = (size_t)m->embed_width;
        l->prompt_dense = ldr__add_param(y, -1, "prompt.dense.weight", h, e);
        l->prompt_dense_bias = ldr__add_param(y, -1, "prompt.dense.bias", 1, h);
        l->prompt_out = ldr__add_param(y, -1, "prompt.out.weight", e, h);
        l->prompt_out_bias = ldr__add_param(y, -1, "prompt.out.bias", 1, e);
    }
    for (i = 0; l->deep && i < blocks; i++)
        for (slot = 0; slot < LDR__ALL_SLOTS; slot++) {
            int32_t p = -1;
            if (i >= l->from && ldr__trains_slot(&l->d, slot) && ldr__slot_size(&l->tuned_shape, slot, &rows, &columns)) p = ldr__add_part(y, i < m->layers ? "layer.%d." : "successor.%d.", i % m->layers, ldr__slot_names[slot], rows, columns);
            if (tuned) tuned[i].slot[slot] = p;
        }
}

/* A block with what is trained of it in place of what was loaded; of a successor that is everything. */
static ldr__block ldr__tuned_block(const ldr_ladder *l, int32_t block) {
    ldr__block b = *ldr__model_block(l->m, block % l->m->layers);
    int slot;
    if (!l->deep) return b;
    for (slot = 0; slot < LDR__ALL_SLOTS; slot++) {
        int32_t p = ldr__tuned_at(l, block)->slot[slot];
        if (p < 0) continue;
        if (slot < LDR__MATRICES) b.m[slot] = ldr__value_matrix(l, p);
        else b.v[slot] = ldr__value(l, p);
    }
    return b;
}

/* Whose tensors the backbone's are. */
static const ldr_ladder *ldr__backbone_of(const ldr_ladder *l) { return l->d.beside ? l->d.beside : l; }

static ldr__ends ldr__tuned_ends(const ldr_ladder *l) {
    ldr__ends e = l->m->ends;
    int end;
    for (end = 0; l->deep && end < LDR__ENDS; end++) {
        if (l->end[end] < 0) continue;
        if (end < LDR__END_MATRICES) e.m[end] = ldr__value_matrix(l, l->end[end]);
        else e.v[end] = ldr__value(l, l->end[end]);
    }
    if (ldr__tied(l->m)) e.m[LDR__LM_OUT] = e.m[LDR__WORD];
    return e;
}

static void ldr__fill_normal(float *v, size_t n, uint64_t key, double std) {
    size_t i;
    for (i = 0; i < n; i++) v[i] = (float)(std * ldr__random_normal(key, i));
}

/* Parameters that stand for tensors of the backbone start as those; what a method adds starts so that it changes nothing. */
static void ldr__tuned_start(ldr_ladder *l) {
    const ldr_model *m = l->m;
    const ldr_ladder_desc *d = &l->d;
    int32_t i, blocks = ldr__tuned_blocks(l), p;
    int slot;
    size_t r;
    if (!l->deep) return;
    for (i = 0; i < blocks; i++) {
        const ldr__block *b = ldr__model_block(m, i % m->layers);       /* a successor: the first layers, as in the paper's code */
        for (slot = 0; slot < LDR__ALL_SLOTS; slot++) {
            float *v;
            size_t rows, columns;
            p = l->tuned[i].slot[slot];
            if (p < 0) continue;
            v = l->values + l->params[p].offset;
            rows = (size_t)l->params[p].rows;
            columns = (size_t)l->params[p].columns;
            if (slot < LDR__MATRICES) for (r = 0; r < rows; r++) ldr__mat_row(m->kernels, v + r * columns, &b->m[slot], r, columns);
            else if (slot < LDR__SLOTS && b->v[slot]) memcpy(v, b->v[slot], columns * sizeof(float));
            else if (slot >= LDR__LOW_A && slot < LDR__LOW_B) ldr__fill_normal(v, rows * columns, ldr__stream(d->seed, LDR__STREAM_INIT, (uint64_t)p), 1.0 / sqrt(3.0 * (double)columns));
            else if (slot >= LDR__PREFIX_K || slot == LDR__ADAPTER1 || slot == LDR__ADAPTER2) ldr__fill_normal(v, rows * columns, ldr__stream(d->seed, LDR__STREAM_INIT, (uint64_t)p), 0.02);
            else memset(v, 0, rows * columns * sizeof(float));         /* B, Up and biases that were not there */
        }
        if (m->release) ldr__release_layer(m, m->family->shared ? m->layers - 1 : i % m->layers);
    }
    for (slot = 0; slot < LDR__ENDS; slot++) {
        float *v;
        p = l->end[slot];
        if (p < 0) continue;
        v = l->values + l->params[p].offset;
        if (slot < LDR__END_MATRICES) for (r = 0; r < (size_t)l->params[p].rows; r++) ldr__mat_row(m->kernels, v + r * (size_t)l->params[p].columns, &m->ends.m[slot], r, (size_t)l->params[p].columns);
        else if (slot != LDR__PROMPT) memcpy(v, m->ends.v[slot], (size_t)l->params[p].columns * sizeof(float));
        else for (r = 0; r < (size_t)l->params[p].rows; r++)           /* words at random, as Lester et al. found to work */
            ldr__mat_run(m->kernels, v + r * (size_t)m->embed_width, &m->ends.m[LDR__WORD], ldr__random_below(ldr__stream(d->seed, LDR__STREAM_INIT, (uint64_t)p), r, (uint32_t)m->vocabulary), 0, (size_t)m->embed_width);
    }
    if (l->prompt_dense >= 0) {
        const ldr__param *a = &l->params[l->prompt_dense], *b = &l->params[l->prompt_out];
        ldr__fill_normal(l->values + a->offset, (size_t)a->rows * (size_t)a->columns, ldr__stream(d->seed, LDR__STREAM_INIT, (uint64_t)l->prompt_dense), 1.0 / sqrt((double)a->columns));
        memset(l->values + b->offset, 0, (size_t)b->rows * (size_t)b->columns * sizeof(float));
    }
    if (m->release) ldr__release_embeddings(m);
}

/* Walks all parameters in order; run once to count and once to place. */
static void ldr__ladder_layout(ldr__layout *y, ldr__rung *rungs, ldr__tuned *tuned) {
    ldr_ladder *l = y->l;
    const ldr_ladder_desc *d = &l->d;
    size_t w = (size_t)d->width, big = (size_t)l->m->shape.width, rows, columns;
    char name[64];
    int32_t i, slot, bias = d->down_bias == LDR_ON, has_side = d->rung_count > 0;
    l->first = l->first_bias = l->final_norm = l->final_norm_bias = l->up = l->up_bias = l->out_gate = l->head_dense = l->head_dense_bias = -1;
    l->prompt_dense = l->prompt_dense_bias = l->prompt_out = l->prompt_out_bias = -1;
    y->count = 0;
    y->floats = 0;
    y->trainable = 0;
    ldr__tuned_layout(y, tuned);
    if (l->has_first) {
        l->first = ldr__add_param(y, -1, "first.down.weight", w, big);
        if (bias) l->first_bias = ldr__add_param(y, -1, "first.down.bias", 1, w);
    }
    for (i = 0; i < d->rung_count; i++) {
        ldr__rung none, *g = rungs ? &rungs[i] : &none;
        g->down = ldr__add_param(y, i, "down.weight", w, big);
        g->down_bias = bias ? ldr__add_param(y, i, "down.bias", 1, w) : -1;
        g->gate = -1;
        if ((i > 0 || l->has_first) && (d->gate == LDR_GATE_SCALAR || d->gate == LDR_GATE_CHANNEL)) g->gate = ldr__add_param(y, i, "gate", 1, d->gate == LDR_GATE_SCALAR ? 1 : w);
        for (slot = 0; slot < LDR__ALL_SLOTS; slot++) {
            g->slot[slot] = -1;
            if (!ldr__slot_size(&l->side, slot, &rows, &columns)) continue;
            ldr__format(name, sizeof name, "block.%s", ldr__slot_names[slot]);
            g->slot[slot] = ldr__add_param(y, i, name, rows, columns);
        }
    }
    if (has_side && d->final_norm == LDR_ON) {
        l->final_norm = ldr__add_param(y, -1, "final_norm.weight", 1, w);
        if (l->side.norm == LDR_NORM_LAYER) l->final_norm_bias = ldr__add_param(y, -1, "final_norm.bias", 1, w);
    }
    if (has_side && d->output != LDR_OUTPUT_SIDE) {
        l->up = ldr__add_param(y, -1, "up.weight", big, w);
        if (bias) l->up_bias = ldr__add_param(y, -1, "up.bias", 1, big);
        if (d->output == LDR_OUTPUT_MIXED) l->out_gate = ldr__add_param(y, -1, "output.gate", 1, big);
    }
    l->head_width = has_side && d->output == LDR_OUTPUT_SIDE ? d->width : l->m->shape.width;
    columns = (size_t)l->head_width;
    if (d->head_hidden > 0) {
        l->head_dense = ldr__add_param(y, -1, "head.dense.weight", (size_t)d->head_hidden, columns);
        l->head_dense_bias = ldr__add_param(y, -1, "head.dense.bias", 1, (size_t)d->head_hidden);
        columns = (size_t)d->head_hidden;
    }
    l->head_out = l->head_out_bias = -1;
    if (d->head == LDR_HEAD_WORDS) return;
    l->head_out = ldr__add_param(y, -1, "head.out.weight", (size_t)d->classes, columns);
    l->head_out_bias = ldr__add_param(y, -1, "head.out.bias", 1, (size_t)d->classes);
}

static ldr__block ldr__rung_block(const ldr_ladder *l, int32_t rung) {
    ldr__block b;
    int slot;
    memset(&b, 0, sizeof b);
    for (slot = 0; slot < LDR__SLOTS; slot++) {
        int32_t p = l->rungs[rung].slot[slot];
        if (slot < LDR__MATRICES) b.m[slot] = ldr__value_matrix(l, p);
        else b.v[slot] = ldr__value(l, p);
    }
    return b;
}

/* Gate a of rung i, channel c. */
static float ldr__gate_value(const ldr_ladder *l, int32_t rung, size_t c) {
    const ldr_ladder_desc *d = &l->d;
    const float *g = ldr__value(l, l->rungs[rung].gate);
    if (d->gate == LDR_GATE_FIXED) return d->gate_fixed;
    return ldr__sigmoid((g ? g[d->gate == LDR_GATE_SCALAR ? 0 : c] : 0) / d->gate_temperature);
}

static ldr_status ldr__ladder_rungs(int32_t *layers, const ldr_model *m, const ldr_ladder_desc *d, ldr_error *err) {
    int32_t i, n = d->rung_count, count = m->layers;
    for (i = 0; i < n; i++) {
        layers[i] = d->rungs ? d->rungs[i] : (int32_t)((int64_t)(i + 1) * count / n) - 1;
        if (layers[i] < 0 || layers[i] >= count || (i && layers[i] <= layers[i - 1])) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "rung %d taps layer %d: layers must ascend from 0 to %d", i, layers[i], count - 1);
    }
    return LDR_OK;
}

/* LST-CLUE: a normal cut at two deviations, std = 1.13684723 / sqrt(fan) / sqrt(L). */
static void ldr__fill_truncated(float *v, size_t n, uint64_t key, double std) {
    size_t i;
    uint64_t draw;
    for (i = 0; i < n; i++) {
        double x = 3;
        for (draw = 0; fabs(x) > 2; draw++) x = ldr__random_normal(ldr__mix64(key + draw), i);
        v[i] = (float)(std * x);
    }
}

/* Random start: norms 1, biases 0, gates as asked for; matrices N(0, 0.01^2) as in the reference code
   (lst.md 2.1), N(0, 0.02^2) in heads and blocks without a backbone to slice, or LST-CLUE's rule. */
static void ldr__ladder_random(ldr_ladder *l) {
    const ldr_ladder_desc *d = &l->d;
    int32_t p, i;
    for (p = 0; p < l->count; p++) {
        ldr__param *q = &l->params[p];
        float *v = l->values + q->offset;
        size_t n = (size_t)q->rows * (size_t)q->columns, k;
        uint64_t key = ldr__stream(d->seed, LDR__STREAM_INIT, (uint64_t)p);
        int gate = strstr(q->name, "gate") != NULL && strstr(q->name, ".weight") == NULL && strstr(q->name, ".bias") == NULL;
        if (gate) for (k = 0; k < n; k++) v[k] = p == l->out_gate ? d->output_init : d->gate_init;
        else if (strstr(q->name, "norm") && strstr(q->name, "weight")) for (k = 0; k < n; k++) v[k] = 1;
        else if (!q->decay) memset(v, 0, n * sizeof(float));
        else if (d->preset == LDR_PRESET_CLUE && p != l->head_out && p != l->head_dense) ldr__fill_truncated(v, n, key, 1.13684723 / sqrt((double)q->columns) / sqrt((double)d->rung_count));
        else ldr__fill_normal(v, n, key, d->preset == LDR_PRESET_PAPER && p != l->head_out && p != l->head_dense ? 0.01 : 0.02);
    }
    /* Without slicing a down-projection must keep the size of what it reads, or small states
       vanish behind the first block: scale by 1/sqrt(d). The paper's 0.01 is kept as it is. */
    if (d->preset == LDR_PRESET_DEFAULT || d->preset == LDR_PRESET_MLP)
        for (i = -1; i < d->rung_count; i++) {
            int32_t down = i < 0 ? l->first : l->rungs[i].down;
            if (down >= 0) ldr__fill_normal(l->values + l->params[down].offset, (size_t)d->width * (size_t)l->m->shape.width, ldr__stream(d->seed, LDR__STREAM_INIT, (uint64_t)down), 1.0 / sqrt((double)l->m->shape.width));
        }
}

LDR__DEF void ldr_ladder_free(ldr_ladder *l) {
    ldr_allocator a;
    size_t i;
    if (!l) return;
    a = l->alloc;
    for (i = 0; i < l->note_count; i++) {
        ldr__free(&a, l->notes[i].key, strlen(l->notes[i].key) + 1);
        ldr__free(&a, l->notes[i].value, strlen(l->notes[i].value) + 1);
    }
    ldr__free(&a, l->notes, l->note_capacity * sizeof *l->notes);
    for (i = 0; l->labels && i < (size_t)l->d.classes; i++)
        if (l->labels[i]) ldr__free(&a, l->labels[i], strlen(l->labels[i]) + 1);
    ldr__plan_end(l->plan_memory, l->plan_size, &a);
    ldr__free(&a, l, sizeof *l);
}

static char *ldr__copy_text(const ldr_allocator *a, const char *s) {
    size_t n = strlen(s) + 1;
    char *p = (char *)ldr__alloc(a, n);
    if (p) memcpy(p, s, n);
    return p;
}

/* A ladder with a random start; slicing comes after. At most `limit` numbers: a file cannot ask for more than it holds. */
static ldr_ladder *ldr__ladder_new(const ldr_model *m, const ldr_ladder_desc *desc, uint64_t limit, ldr_error *err) {
    ldr_ladder_desc d;
    ldr_ladder *l;
    ldr__plan plan;
    ldr__layout y;
    ldr_allocator a = ldr__allocator(desc ? &desc->alloc : NULL);
    int32_t i;
    int pass;
    if (!m || !desc || (int)desc->preset < 0 || desc->preset > LDR_PRESET_HEAD || (int)desc->method < 0 || desc->method > LDR_METHOD_THESEUS || (int)desc->head < 0 || desc->head > LDR_HEAD_WORDS || (int)desc->pool < 0 || desc->pool > LDR_POOL_MEAN || !ldr__allocator_valid(&a) || (desc->rungs && desc->rung_count < 1)) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_create: no model or description, or one that cannot be");
        return NULL;
    }
    if (!a.alloc_fn) a = m->alloc;
    d = ldr_ladder_desc_defaults(m, desc);
    d.alloc = a;
    l = (ldr_ladder *)ldr__alloc(&a, sizeof *l);
    if (!l) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while making a ladder");
        return NULL;
    }
    memset(l, 0, sizeof *l);
    l->alloc = a;
    l->m = m;
    l->d = d;
    l->d.label_names = NULL;
    l->d.sample = NULL;
    l->has_first = d.rung_count > 0 && (d.tap == LDR_TAP_OUTPUT || d.mix == LDR_MIX_AFTER);
    if (ldr__ladder_shape(&l->side, m, &d, err) || ldr__ladder_method(l, &d, err)) goto fail;
    memset(&plan, 0, sizeof plan);
    memset(&y, 0, sizeof y);
    y.l = l;
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &a, err)) goto fail;
        if (pass) {
            l->plan_memory = plan.memory;
            l->plan_size = plan.size;
        }
        if (!pass) ldr__ladder_layout(&y, NULL, NULL);
        if (y.trainable > limit) {
            ldr__fail(err, LDR_FORMAT, LDR_NO_OFFSET, "the ladder described has %U numbers, there are %U", y.trainable, limit);
            goto fail;
        }
        if (y.count == 0) {
            ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "nothing would be trained: a frozen words head on a frozen backbone");
            goto fail;
        }
        l->count = y.count;
        l->size = y.floats;
        l->trainable = y.trainable;
        l->params = (ldr__param *)ldr__place(&plan, "tables", (size_t)y.count, sizeof(ldr__param));
        l->rungs = (ldr__rung *)ldr__place(&plan, "tables", (size_t)d.rung_count, sizeof(ldr__rung));
        l->rung_layers = (int32_t *)ldr__place(&plan, "tables", (size_t)d.rung_count, sizeof(int32_t));
        l->tuned = (ldr__tuned *)ldr__place(&plan, "tables", l->deep ? (size_t)m->layers + (size_t)l->successors : 0, sizeof(ldr__tuned));
        l->labels = (char **)ldr__place(&plan, "tables", (size_t)d.classes, sizeof(char *));
        l->values = ldr__place_floats(&plan, "parameters", y.floats);
        l->frequency = l->side.rotary ? ldr__place_floats(&plan, "tables", (size_t)l->side.head_dim / 2) : NULL;
    }
    ldr__ladder_layout(&y, l->rungs, l->tuned);
    if (ldr__ladder_rungs(l->rung_layers, m, &d, err)) goto fail;
    for (i = 0; i < d.rung_count; i++) l->rungs[i].layer = l->rung_layers[i];
    l->d.rungs = l->rung_layers;
    for (i = 0; l->frequency && i < l->side.head_dim / 2; i++) l->frequency[i] = (float)pow((double)m->rope_theta, -2.0 * i / l->side.head_dim);
    for (i = 0; desc->label_names && i < d.classes; i++) {
        if (desc->label_names[i] && !ldr__is_utf8(desc->label_names[i])) {
            ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the name of label %d is not UTF-8", i);
            goto fail;
        }
        l->labels[i] = desc->label_names[i] ? ldr__copy_text(&a, desc->label_names[i]) : NULL;
        if (desc->label_names[i] && !l->labels[i]) {
            ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while making a ladder");
            goto fail;
        }
    }
    l->d.label_names = (const char *const *)l->labels;
    ldr__ladder_random(l);
    ldr__tuned_start(l);
    return l;
fail:
    ldr_ladder_free(l);
    return NULL;
}

LDR__DEF ldr_ladder_desc ldr_ladder_desc_get(const ldr_ladder *l) {
    ldr_ladder_desc none;
    memset(&none, 0, sizeof none);
    return l ? l->d : none;
}

LDR__DEF int32_t ldr_ladder_params(const ldr_ladder *l) { return l ? l->count : 0; }
LDR__DEF uint64_t ldr_ladder_trainable(const ldr_ladder *l) { return l ? l->trainable : 0; }
LDR__DEF const char *ldr_ladder_label(const ldr_ladder *l, int32_t i) { return l && i >= 0 && i < l->d.classes ? l->labels[i] : NULL; }

LDR__DEF ldr_param ldr_ladder_param(const ldr_ladder *l, int32_t index) {
    ldr_param p;
    memset(&p, 0, sizeof p);
    if (!l || index < 0 || index >= l->count) return p;
    p.name = l->params[index].name;
    p.value = l->values + l->params[index].offset;
    p.grad = ldr__grad(l, index);
    p.rows = l->params[index].rows;
    p.columns = l->params[index].columns;
    p.trainable = 1;
    return p;
}

LDR__DEF int32_t ldr_ladder_find(const ldr_ladder *l, const char *name) {
    int32_t i;
    for (i = 0; l && name && i < l->count; i++)
        if (strcmp(l->params[i].name, name) == 0) return i;
    return -1;
}

LDR__DEF const char *ldr_ladder_note_get(const ldr_ladder *l, const char *key) {
    size_t i;
    for (i = 0; l && key && i < l->note_count; i++)
        if (strcmp(l->notes[i].key, key) == 0) return l->notes[i].value;
    return NULL;
}

LDR__DEF ldr_status ldr_ladder_note(ldr_ladder *l, const char *key, const char *value, ldr_error *err) {
    size_t i;
    void *notes;
    char *k, *v;
    if (!l || !key || !value || strlen(key) + strlen(value) > LDR__MAX_NOTE || !ldr__is_utf8(key) || !ldr__is_utf8(value)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a note needs a key and a value in UTF-8 of together at most %d bytes", LDR__MAX_NOTE);
    v = ldr__copy_text(&l->alloc, value);
    if (!v) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory for a note");
    for (i = 0; i < l->note_count; i++)
        if (strcmp(l->notes[i].key, key) == 0) {
            ldr__free(&l->alloc, l->notes[i].value, strlen(l->notes[i].value) + 1);
            l->notes[i].value = v;
            return LDR_OK;
        }
    k = ldr__copy_text(&l->alloc, key);
    notes = l->notes;
    if (!k || !ldr__grow(&l->alloc, &notes, &l->note_capacity, l->note_count + 1, sizeof *l->notes)) {
        ldr__free(&l->alloc, v, strlen(v) + 1);
        if (k) ldr__free(&l->alloc, k, strlen(k) + 1);
        return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory for a note");
    }
    l->notes = (ldr__note *)notes;
    l->notes[l->note_count].key = k;
    l->notes[l->note_count++].value = v;
    return LDR_OK;
}

/* ======================================================================================
   >>heads             Heads and losses
   --------------------------------------------------------------------------------------
   The head reads R rows: one a sequence (its first or last token, or the mean of its text), or
   every token. Losses follow PyTorch: a weighted mean over the targets that count. The sum and the
   weight are kept apart so that a batch in parts gives the loss of the whole.
   ====================================================================================== */

/* What the loss is measured against; arrays run over the rows of the head. */
typedef struct ldr__targets {
    const int32_t *labels;         /* [R] class, LDR_IGNORE: none; CHOICE: [R/choices]        */
    const float   *values;         /* REGRESS: [R]                                            */
    const float   *class_weights;  /* [classes] or NULL                                       */
    float          smoothing;
    int32_t        choices;
} ldr__targets;

/* Cross-entropy of one row of n scores with label y and smoothing e:
       loss = (1-e) w_y (-log p_y) + e/n sum_c w_c (-log p_c)
   d[n] = its gradient (may be NULL), *weight += w_y. d may be z. */
static double ldr__cross_entropy_row(float *d, const float *z, size_t n, int32_t y, const float *w, float e, double *weight) {
    double peak = -1e300, sum = 0, loss, wy = w ? (double)w[y] : 1.0, smooth = 0, total = 0, es = (double)e;
    size_t c;
    for (c = 0; c < n; c++) peak = LDR__MAX(peak, (double)z[c]);
    for (c = 0; c < n; c++) sum += exp((double)z[c] - peak);
    loss = peak + log(sum) - (double)z[y];
    if (e > 0)
        for (c = 0; c < n; c++) {
            double wc = w ? (double)w[c] : 1.0;
            smooth += wc * (peak + log(sum) - (double)z[c]);
            total += wc;
        }
    *weight += wy;
    if (d) {
        double zy = (double)z[y];
        for (c = 0; c < n; c++) {
            double p = exp((c == (size_t)y ? zy : (double)z[c]) - peak) / sum, wc = w ? (double)w[c] : 1.0;
            d[c] = (float)((1.0 - es) * wy * (p - (c == (size_t)y ? 1.0 : 0.0)) + es / (double)n * (total * p - (e > 0 ? wc : 0.0)));
        }
    }
    return (1.0 - es) * wy * loss + es / (double)n * smooth;
}

static int32_t ldr__argmax(const float *z, size_t n) {
    size_t c, best = 0;
    for (c = 1; c < n; c++)
        if (z[c] > z[best]) best = c;
    return (int32_t)best;
}

/* Weight of row r in the mean, before any forward pass. */
static double ldr__target_weight(const ldr__targets *t, ldr_head head, size_t r) {
    if (head == LDR_HEAD_REGRESS || head == LDR_HEAD_CHOICE) return 1.0;
    return t->labels[r] < 0 ? 0.0 : t->class_weights ? (double)t->class_weights[t->labels[r]] : 1.0;
}

/* Sum of the losses of all rows; dz (may be NULL) = gradient of that sum divided by `normalizer`. */
static double ldr__loss(float *dz, const float *z, const ldr__targets *t, ldr_head head, size_t rows, size_t classes, double normalizer) {
    double loss = 0, weight = 0;
    size_t r, c, n = classes, step = 1;
    if (head == LDR_HEAD_REGRESS) {
        for (r = 0; r < rows; r++) {
            double e = (double)z[r] - (double)t->values[r];
            loss += e * e;
            if (dz) dz[r] = (float)(2.0 * e / normalizer);
        }
        return loss;
    }
    if (head == LDR_HEAD_CHOICE) {                     /* the scores of a group are one row          */
        n = (size_t)t->choices;
        step = n;
    }
    for (r = 0; r < rows; r += step) {
        const float *row = z + r * (head == LDR_HEAD_CHOICE ? 1 : n);
        float *d = dz ? dz + (row - z) : NULL;
        int32_t y = t->labels[r / step];
        if (y >= 0) loss += ldr__cross_entropy_row(d, row, n, y, head == LDR_HEAD_CHOICE ? NULL : t->class_weights, t->smoothing, &weight);
        for (c = 0; d && c < n; c++) d[c] = y >= 0 ? (float)((double)d[c] / normalizer) : 0.0f;
    }
    return loss;
}

/* Scores to probabilities, in place. */
static void ldr__softmax_rows(float *z, size_t rows, size_t n) {
    size_t r, c;
    for (r = 0; r < rows; r++, z += n) {
        double peak = (double)z[0], sum = 0;
        for (c = 1; c < n; c++) peak = LDR__MAX(peak, (double)z[c]);
        for (c = 0; c < n; c++) sum += exp((double)z[c] - peak);
        for (c = 0; c < n; c++) z[c] = (float)(exp((double)z[c] - peak) / sum);
    }
}

/* ======================================================================================
   >>pass              One batch through backbone and ladder, and back through the ladder
   --------------------------------------------------------------------------------------
   Backbone and ladder advance together, so that without training one tap is alive at a time.
   For training each tap is kept, because the gradient of D_i needs it; it is also what the tap
   cache stores. The backward pass starts at the head and ends at the first down-projection:
   nothing below it has a gradient. Where the head reads one row of a sequence, the block below it
   makes, and goes back through, that row alone.

   A rung is narrow, so what it computes takes hardly longer than threads take to meet. A training
   batch is therefore cut into parts of a few whole sequences (ldr__pass_cut): a thread takes one
   through the whole rung, forward or back, and leaves the gradients of all states behind. Then all
   threads make the sums over the batch that gradients of weights are (ldr__sums): they meet twice a
   rung and direction, and what a part needs stays in the cache of its core.

   >>tune: methods that train inside the backbone put their tensors in its blocks' place and go back
   through them, down to the lowest block that holds any, or through the embeddings. Which blocks a batch runs is its
   route: all of the backbone's, or (Theseus) successors in the place of some.
   ====================================================================================== */

enum { LDR__PLACE_FIRST = 1000, LDR__PLACE_HEAD };
enum { LDR__WORD_ROWS = 128 };          /* rows with scores for a whole vocabulary at a time     */

/* The way through the backbone and back. state[i] is what the block at place from+i of the route reads. */
typedef struct ldr__deep {
    int32_t          from, checkpoint;         /* from: first place with anything trained       */
    ldr__acts       *acts;         /* of every place from there, or one that is filled again for each (checkpoint) */
    float          **state;        /* [blocks + 1] of [T,d]                                   */
    float           *f, *fg, *dx, *dy;         /* the gradient of a block's output is dx; then dy is that of its input, and they change places */
    ldr__back        back;
    ldr__embed_back  embed;
} ldr__deep;

typedef struct ldr__pass ldr__pass;
struct ldr__pass {
    ldr_ladder    *l;
    ldr__exec      ex;
    ldr__backbone  backbone;
    ldr__ends      ends;           /* the model's, with what is trained of them               */
    float         *prompt, *prompt_hidden, *dprompt, *dprompt_hidden;      /* with prompt_hidden: what its network makes, [virtual tokens, e or h] */
    ldr__deep      deep;
    int32_t        keep, again;    /* for a backward pass, which makes what is inside a rung again */
    int32_t       *route, places;  /* [places] numbers of the blocks that run, in order       */
    size_t         max_tokens, max_sequences, max_rows;
    /* the batch; t.offsets counts virtual tokens, offsets does not */
    int32_t       *offsets, *wide_offsets, *ids, *segments, *position, *labels;
    float         *values;
    uint64_t      *token_rows;
    int32_t       *rows;           /* token each head row reads                               */
    uint64_t      *only_rows;      /* its dropout row number                                  */
    size_t         row_count;
    int32_t       *spans;          /* LDR_POOL_MEAN: tokens each row is the mean of, else NULL  */
    float         *pooled;
    ldr__tokens    t;
    int32_t       *part_at, parts;         /* [parts + 1] first sequence of each part the ladder works through */
    size_t         part_rows;              /* tokens of the longest                                   */
    float         *panels;                 /* a rung's matrices as all parts multiply by them (ldr__rung_pack) */
    /* taps: [has_first + rungs] of [T,d], and the backbone's final state at the head's rows */
    float        **taps, *final;
    unsigned char **kept;          /* or rounded; then there are no taps, and the way back unpacks one at a time */
    ldr_dtype      tap_type;
    int32_t        tap_count;
    void         (*fetch)(const void *from, const ldr__pass *s, int32_t k, int32_t q);      /* ldr__pass_from_taps */
    const void    *fetch_from;
    /* the ladder */
    ldr__acts     *acts;           /* [rungs], or one shared; with `again` rungs share what is made again */
    float        **m;              /* [rungs] D_i tap_i                                       */
    float         *first, *top, *f, *fg, *gate, *gate_sums;
    float         *picked, *normed, *stats, *up, *mixed, *hidden_in, *hidden, *logits;
    /* LDR_HEAD_WORDS: dense, activated, normed rows; best words; losses of a chunk */
    float         *words_u, *words_f, *words, *words_stats, *dwords;
    float         *teacher, *teacher_scores;      /* to distil: what `words` is to the ladder, of the backbone; scores of a chunk */
    int32_t       *guess;
    double        *row_loss;
    /* backward */
    ldr__back      back;
    float         *ds, *du, *next_ds, *dm;         /* of the state above a rung; of what its block read (mix after: made); of the state below; of D tap */
    float         *dlogits, *dhidden, *dout, *dup, *dnormed, *dpicked;
};

static size_t ldr__pass_longest(size_t max_tokens, const ldr_model *m) { return LDR__MIN(max_tokens, (size_t)(m->positions - m->position_offset)); }

static size_t ldr__virtual_tokens(const ldr_ladder *l) { return l->d.method == LDR_METHOD_PROMPT || l->d.method == LDR_METHOD_PREFIX ? (size_t)l->d.virtual_tokens : 0; }

/* Tokens of a text the model has positions for. */
static int32_t ldr__text_positions(const ldr_ladder *l) { return l->m->positions - l->m->position_offset - (l->d.method == LDR_METHOD_PROMPT ? l->d.virtual_tokens : 0); }

/* Most blocks that are gone back through. The longest way ends at the first successor and begins with every other group's layers. */
static int32_t ldr__deep_blocks(const ldr_ladder *l) { return l->successors ? l->m->layers + 1 - ldr__group_start(l, 1) : l->m->layers - l->from; }

/* Places what a backward pass through `blocks` blocks needs; embeddings: through those too. */
static void ldr__deep_place(ldr__plan *p, ldr__deep *k, const ldr_model *m, const ldr__shape *shape, int32_t blocks, size_t tokens, int32_t checkpoint, int embeddings) {
    const char *name = "backbone activations";
    int32_t i;
    ldr__acts a;
    k->checkpoint = checkpoint;
    k->acts = (ldr__acts *)ldr__place(p, name, (size_t)blocks, sizeof(ldr__acts));
    k->state = (float **)ldr__place(p, name, (size_t)blocks + 1, sizeof(float *));
    for (i = 0; i <= blocks; i++) {
        float *state = ldr__place_matrix(p, name, tokens, (size_t)shape->width);
        if (k->state) k->state[i] = state;
    }
    for (i = 0; i < blocks; i++) {
        if (i == 0 || !checkpoint) ldr__acts_place(p, name, &a, shape, tokens, LDR__KEEP_INSIDE);
        if (k->acts) k->acts[i] = a;
    }
    k->f = ldr__place_matrix(p, name, tokens, ldr__ffn_ld(shape));
    k->fg = shape->gated ? ldr__place_matrix(p, name, tokens, ldr__ffn_ld(shape)) : NULL;
    k->dx = ldr__place_matrix(p, "backbone gradients", tokens, (size_t)shape->width);
    k->dy = ldr__place_matrix(p, "backbone gradients", tokens, (size_t)shape->width);
    ldr__back_place(p, "backbone gradients", &k->back, shape, tokens, k->f);
    if (embeddings) ldr__embed_back_place(p, &k->embed, m, tokens);
}

/* 1: the gradient is wanted below the first block. */
static int ldr__tunes_embeddings(const ldr_ladder *l) {
    int end;
    for (end = 0; l->deep && end < LDR__ENDS; end++)
        if (l->end[end] >= 0 && (end <= LDR__PROJECT || end == LDR__PROJECTB || end == LDR__EMBED_NORM || end == LDR__EMBED_NORMB || end == LDR__PROMPT)) return 1;
    return 0;
}

/* ---- a rung's matrices as panels: packed once where several parts multiply by them -------- */

/* Out and in of matrix `which`: those of the block, q, k and v being one, and last D[w,d]. 0 when there is none. */
enum { LDR__RUNG_MATRICES = LDR__MATRICES + 1 };

static int ldr__rung_matrix(const ldr__shape *s, size_t d, int which, size_t *out, size_t *in) {
    *out = (size_t)s->width;
    *in = d;
    if (which == LDR__MATRICES) return 1;
    if (which == LDR__K || which == LDR__V || !ldr__slot_size(s, which, out, in)) return 0;
    if (which == LDR__Q) *out = ldr__qkv_width(s);
    return 1;
}

/* Floats before the panels of matrix `which`, with room for those of W or of its transpose. */
static size_t ldr__rung_panels(const ldr__kernels *ker, const ldr__shape *s, size_t d, int which) {
    size_t size = 0, out, in, nr = (size_t)ker->nr;
    int i;
    for (i = 0; i < which; i++)
        if (ldr__rung_matrix(s, d, i, &out, &in)) size += LDR__MAX(ldr__round_up(out, nr) * in, ldr__round_up(in, nr) * out);
    return size;
}

/* Places a pass for up to max_tokens and max_sequences; train: how it goes back, NULL when it does not. */
static void ldr__pass_place(ldr__plan *p, ldr__pass *s, ldr_ladder *l, size_t max_tokens, size_t max_sequences, const ldr_train_desc *train) {
    const ldr_model *m = l->m;
    size_t d = (size_t)m->shape.width, w = (size_t)l->d.width, c = (size_t)l->d.classes, hw = (size_t)l->head_width, hh = (size_t)l->d.head_hidden, r, k;
    size_t rungs = (size_t)l->d.rung_count, virtuals = ldr__virtual_tokens(l), wide, longest, scratch;
    const char *side = "ladder activations";
    int32_t keep = train != NULL;
    ldr__acts shared;
    memset(&shared, 0, sizeof shared);
    if (virtuals && max_sequences > SIZE_MAX / 16 / virtuals) p->overflow = 1;
    wide = max_tokens + virtuals * max_sequences;               /* tokens in the backbone */
    longest = LDR__MIN(wide, ldr__pass_longest(max_tokens, m) + virtuals);
    memset(s, 0, sizeof *s);
    s->l = l;
    s->keep = keep;
    s->max_tokens = max_tokens;
    s->max_sequences = max_sequences;
    r = s->max_rows = ldr__per_token(l->d.head) ? max_tokens : max_sequences;
    s->tap_count = l->has_first + (int32_t)rungs;
    s->route = (int32_t *)ldr__place(p, "batch", (size_t)m->layers, sizeof(int32_t));
    s->offsets = (int32_t *)ldr__place(p, "batch", max_sequences + 1, sizeof(int32_t));
    s->wide_offsets = virtuals ? (int32_t *)ldr__place(p, "batch", max_sequences + 1, sizeof(int32_t)) : s->offsets;
    s->ids = (int32_t *)ldr__place(p, "batch", wide, sizeof(int32_t));
    s->segments = (int32_t *)ldr__place(p, "batch", wide, sizeof(int32_t));
    s->position = (int32_t *)ldr__place(p, "batch", wide, sizeof(int32_t));
    s->token_rows = (uint64_t *)ldr__place(p, "batch", wide, sizeof(uint64_t));
    s->labels = (int32_t *)ldr__place(p, "batch", r, sizeof(int32_t));
    s->values = ldr__place_floats(p, "batch", r);
    s->rows = (int32_t *)ldr__place(p, "batch", r, sizeof(int32_t));
    s->only_rows = (uint64_t *)ldr__place(p, "batch", r, sizeof(uint64_t));
    s->part_at = (int32_t *)ldr__place(p, "batch", max_sequences + 1, sizeof(int32_t));
    s->panels = keep && rungs ? ldr__place_floats(p, "packing buffers", ldr__rung_panels(m->kernels, &l->side, d, LDR__RUNG_MATRICES)) : NULL;
    s->spans = l->d.pool == LDR_POOL_MEAN && !ldr__per_token(l->d.head) ? (int32_t *)ldr__place(p, "batch", r, sizeof(int32_t)) : NULL;
    s->pooled = l->d.pool == LDR_POOL_MEAN ? ldr__place_floats(p, "batch", d) : NULL;
    if (l->prompt_dense >= 0) {
        s->prompt = ldr__place_matrix(p, "prompt", virtuals, (size_t)m->embed_width);
        s->prompt_hidden = ldr__place_matrix(p, "prompt", virtuals, (size_t)l->d.prompt_hidden);
        s->dprompt = keep ? ldr__place_matrix(p, "prompt", virtuals, (size_t)m->embed_width) : NULL;
        s->dprompt_hidden = keep ? ldr__place_matrix(p, "prompt", virtuals, (size_t)l->d.prompt_hidden) : NULL;
    }
    if (keep && l->deep) ldr__deep_place(p, &s->deep, m, &l->tuned_shape, ldr__deep_blocks(l), wide, train->checkpoint, ldr__tunes_embeddings(l));
    if (!keep || !l->deep || l->from) ldr__backbone_place(p, &s->backbone, m, &l->tuned_shape, wide, max_sequences, longest);
    else s->backbone.embed = m->ends.m[LDR__PROJECT].data ? ldr__place_matrix(p, "backbone activations", wide, (size_t)m->embed_width) : NULL;
    scratch = LDR__MAX(ldr__shape_scratch(&l->tuned_shape, wide, longest), ldr__shape_scratch(&l->side, max_tokens, longest));
    k = LDR__MAX(LDR__MAX(c, hh), LDR__MAX(d, (size_t)m->embed_width));        /* the head, and ALBERT's projection */
    if (l->prompt_dense >= 0) k = LDR__MAX(k, (size_t)l->d.prompt_hidden);
    ldr__exec_place(p, &s->ex, m, LDR__MAX(scratch, ldr__gemm_scratch(k, LDR__MAX(k, wide))), ldr__chunk_rows(m, wide, longest));
    s->tap_type = train && !train->cache && !l->deep ? train->tap_type : LDR_F32;
    s->taps = (float **)ldr__place(p, "taps", (size_t)s->tap_count + 1, sizeof(float *));
    s->kept = s->tap_type != LDR_F32 ? (unsigned char **)ldr__place(p, "taps", (size_t)s->tap_count + 1, sizeof(unsigned char *)) : NULL;
    for (k = 0; k < (size_t)s->tap_count; k++) {
        float *tap = keep && s->tap_type == LDR_F32 ? ldr__place_matrix(p, "taps", max_tokens, d) : NULL;
        unsigned char *rounded = s->tap_type != LDR_F32 ? (unsigned char *)ldr__place(p, "taps", max_tokens, ldr__packed_row(d, s->tap_type)) : NULL;
        if (s->taps) s->taps[k] = tap;
        if (s->kept) s->kept[k] = rounded;
    }
    s->final = ldr__place_matrix(p, "taps", r, d);
    s->acts = (ldr__acts *)ldr__place(p, side, rungs + 1, sizeof(ldr__acts));
    s->m = (float **)ldr__place(p, side, rungs + 1, sizeof(float *));
    s->again = train && train->checkpoint;
    for (k = 0; k < (keep ? rungs : LDR__MIN(rungs, (size_t)1)); k++) {
        ldr__acts a;
        float *mk = ldr__place_matrix(p, side, max_tokens, w);
        if (k == 0 || !s->again) {
            ldr__acts_place(p, side, &a, &l->side, max_tokens, keep);
            shared = a;
            if (s->again && l->d.mix == LDR_MIX_BEFORE && !l->has_first) a = ldr__acts_between(a, &l->side, mk, a.y);      /* the first rung mixes nothing: its m is its x */
        } else {
            a = l->d.mix == LDR_MIX_BEFORE ? ldr__acts_between(shared, &l->side, shared.x, ldr__place_matrix(p, side, max_tokens, w))
                                           : ldr__acts_between(shared, &l->side, ldr__place_matrix(p, side, max_tokens, w), shared.y);
            if (l->side.heads) {
                a.attention = ldr__place_matrix(p, side, max_tokens, (size_t)l->side.heads * (size_t)l->side.head_dim);
                a.lse = ldr__place_matrix(p, side, max_tokens, (size_t)l->side.heads);
            }
        }
        if (s->acts) s->acts[k] = a;
        if (s->m) s->m[k] = mk;
    }
    for (; s->acts && k < rungs; k++) {
        s->acts[k] = s->acts[0];
        s->m[k] = s->m[0];
    }
    if (rungs) {
        s->first = l->has_first ? (keep ? ldr__place_matrix(p, side, max_tokens, w) : (s->acts ? s->acts[0].x : NULL)) : NULL;
        s->top = keep && l->d.mix == LDR_MIX_AFTER ? ldr__place_matrix(p, side, max_tokens, w) : NULL;
        s->f = ldr__place_matrix(p, side, max_tokens, ldr__ffn_ld(&l->side));
        s->fg = l->side.gated ? ldr__place_matrix(p, side, max_tokens, ldr__ffn_ld(&l->side)) : NULL;
        s->gate = ldr__place_floats(p, side, w);
        s->gate_sums = ldr__place_floats(p, side, w);
        s->picked = ldr__place_matrix(p, "head", r, w);
        s->normed = l->final_norm >= 0 ? ldr__place_matrix(p, "head", r, w) : s->picked;
        s->stats = ldr__place_matrix(p, "head", r, 2);
        s->up = l->up >= 0 ? ldr__place_matrix(p, "head", r, d) : s->normed;
        s->mixed = l->out_gate >= 0 ? ldr__place_matrix(p, "head", r, d) : s->up;
    } else s->mixed = s->final;
    s->hidden_in = ldr__place_matrix(p, "head", r, hw);
    s->hidden = hh ? ldr__place_matrix(p, "head", r, hh) : s->hidden_in;
    s->logits = ldr__place_matrix(p, "head", l->d.head == LDR_HEAD_WORDS ? LDR__MIN(r, (size_t)LDR__WORD_ROWS) : r, c);
    if (l->d.head == LDR_HEAD_WORDS) {
        size_t e = m->ends.m[LDR__LM_DENSE].data ? (size_t)m->embed_width : d;
        s->words_u = m->ends.m[LDR__LM_DENSE].data ? ldr__place_matrix(p, "head", r, e) : NULL;
        s->words_f = m->ends.m[LDR__LM_DENSE].data ? ldr__place_matrix(p, "head", r, e) : NULL;
        s->words = m->ends.m[LDR__LM_DENSE].data ? ldr__place_matrix(p, "head", r, e) : s->hidden_in;
        s->words_stats = ldr__place_matrix(p, "head", r, 2);
        s->dwords = keep ? ldr__place_matrix(p, "head", r, e) : NULL;
        s->guess = (int32_t *)ldr__place(p, "head", r, sizeof(int32_t));
        s->row_loss = (double *)ldr__place(p, "head", LDR__WORD_ROWS, sizeof(double));
        if (train && train->distil) {
            s->teacher = m->ends.m[LDR__LM_DENSE].data ? ldr__place_matrix(p, "head", r, e) : s->final;
            s->teacher_scores = ldr__place_matrix(p, "head", LDR__MIN(r, (size_t)LDR__WORD_ROWS), c);
        }
    }
    if (!keep) return;
    if (rungs) {
        ldr__back_place(p, "ladder gradients", &s->back, &l->side, max_tokens, s->f);
        s->ds = ldr__place_matrix(p, "ladder gradients", max_tokens, w);
        s->du = ldr__place_matrix(p, "ladder gradients", max_tokens, w);
        s->next_ds = ldr__place_matrix(p, "ladder gradients", max_tokens, w);
        s->dm = ldr__place_matrix(p, "ladder gradients", max_tokens, w);
        s->dpicked = ldr__place_matrix(p, "head", r, w);
        s->dnormed = l->final_norm >= 0 ? ldr__place_matrix(p, "head", r, w) : s->dpicked;
        s->dup = ldr__place_matrix(p, "head", r, d);
    }
    s->dlogits = l->d.head == LDR_HEAD_WORDS ? s->logits : ldr__place_matrix(p, "head", r, c);
    s->dhidden = ldr__place_matrix(p, "head", r, LDR__MAX(hh, (size_t)1));
    s->dout = ldr__place_matrix(p, "head", r, hw);
}

/* Makes room for `virtuals` tokens before every sequence, from the last to the first; their ids are -1, -2, ... */
static void ldr__pass_widen(ldr__pass *s, int32_t sequences, int32_t virtuals) {
    int32_t i, p;
    for (i = 0; i <= sequences; i++) s->wide_offsets[i] = s->offsets[i] + i * virtuals;
    for (i = sequences - 1; i >= 0; i--) {
        size_t n = (size_t)(s->offsets[i + 1] - s->offsets[i]), to = (size_t)(s->wide_offsets[i] + virtuals);
        memmove(s->ids + to, s->ids + s->offsets[i], n * sizeof(int32_t));
        memmove(s->segments + to, s->segments + s->offsets[i], n * sizeof(int32_t));
        for (p = 0; p < virtuals; p++) {
            s->ids[s->wide_offsets[i] + p] = -1 - p;
            s->segments[s->wide_offsets[i] + p] = 0;
        }
    }
}

/* Each successor runs in the place of its group of layers with probability `rate`: where draw g of the stream is below it. */
static void ldr__pass_route(ldr__pass *s, double rate, uint64_t key) {
    const ldr_ladder *l = s->l;
    int32_t g, i;
    s->places = 0;
    for (g = 0; g < ldr__final_blocks(l); g++)
        if (l->successors && ldr__random_unit(key, (uint64_t)g) < rate) s->route[s->places++] = l->m->layers + g;
        else for (i = ldr__group_start(l, g); i < ldr__group_start(l, g + 1); i++) s->route[s->places++] = i;
    for (s->deep.from = 0; s->deep.from < s->places && s->route[s->deep.from] < l->from; s->deep.from++) {}
}

/* Tokens of a part: few enough for what a rung makes of them to stay in the second-level cache. */
enum { LDR__PART = 256 };

/* Cuts the batch into parts of whole sequences, for each of which one thread runs a rung from end to end. One part is left for all threads
   where a few long sequences would be shared badly, and without a way back, when activations lie in one another's place. What is computed
   does not depend on the cut. */
static void ldr__pass_cut(ldr__pass *s) {
    s->parts = ldr__tokens_cut(s->part_at, &s->part_rows, &s->t, LDR__MIN((size_t)LDR__PART, s->t.count / (2 * (size_t)s->ex.threads)));
    if (s->keep && ldr__cut_is_even(&s->t, s->part_rows, s->ex.threads)) return;
    s->parts = 1;
    s->part_at[1] = s->t.sequences;
}

/* After ids, segments and offsets are in place: route (successors alone), positions, dropout rows and the rows of the head.
   `ordinals` numbers the sequences of the whole step, so a mask does not depend on how the step
   was divided. */
static void ldr__pass_begin(ldr__pass *s, int32_t sequences, const uint64_t *ordinals, float dropout, uint64_t step_key) {
    const ldr_ladder *l = s->l;
    int32_t i, t, virtuals = (int32_t)ldr__virtual_tokens(l);
    if (virtuals) ldr__pass_widen(s, sequences, virtuals);
    ldr__pass_route(s, 1, 0);
    s->ends = ldr__tuned_ends(ldr__backbone_of(l));
    s->t.sequences = sequences;
    s->t.offsets = s->wide_offsets;
    s->t.position = s->position;
    s->t.rows = s->token_rows;
    s->t.count = (size_t)s->wide_offsets[sequences];
    s->t.dropout = dropout;
    s->t.dropout_key = step_key;
    ldr__positions(s->position, s->wide_offsets, sequences);
    ldr__pass_cut(s);
    for (i = 0; i < sequences; i++)
        for (t = s->wide_offsets[i]; t < s->wide_offsets[i + 1]; t++) s->token_rows[t] = ldr__mix64(ordinals ? ordinals[i] : (uint64_t)i) + (uint64_t)s->position[t];
    for (i = 0; l->tuned_shape.prefix && i < sequences; i++)        /* a prefix takes no position from the text */
        for (t = s->wide_offsets[i]; t < s->wide_offsets[i + 1]; t++) s->position[t] = LDR__MAX(0, s->position[t] - virtuals);
    if (l->d.head == LDR_HEAD_TOKENS) {
        s->row_count = (size_t)s->offsets[sequences];
        for (i = 0; i < sequences; i++)
            for (t = s->offsets[i]; t < s->offsets[i + 1]; t++) s->rows[t] = t + (i + 1) * virtuals;
    } else if (l->d.head == LDR_HEAD_WORDS) {          /* only rows with a target are looked at       */
        s->row_count = 0;
        for (i = 0; i < sequences; i++)
            for (t = s->offsets[i]; t < s->offsets[i + 1]; t++) {
                if (s->labels[t] < 0) continue;
                s->rows[s->row_count] = t + (i + 1) * virtuals;
                s->labels[s->row_count++] = s->labels[t];
            }
    } else {
        s->row_count = (size_t)sequences;
        for (i = 0; i < sequences; i++) {
            s->rows[i] = l->d.pool == LDR_POOL_LAST ? s->wide_offsets[i + 1] - 1 : s->wide_offsets[i] + virtuals;
            s->only_rows[i] = s->token_rows[s->rows[i]];
            if (s->spans) s->spans[i] = s->wide_offsets[i + 1] - s->rows[i];
        }
    }
}

/* 1: the head reads one row of a sequence, so the block below it makes no others. */
static int ldr__few(const ldr__pass *s) { return !ldr__per_token(s->l->d.head) && s->l->d.pool != LDR_POOL_MEAN; }

/* Output for the head's rows alone. */
static void ldr__only_few(const ldr__pass *s, ldr__tokens *t) {
    t->only = s->rows;
    t->only_rows = s->only_rows;
}

/* 1: the last rung makes rows for the head alone. What is mixed after a block has all rows. */
static int ldr__few_on_top(const ldr__pass *s) { return ldr__few(s) && s->l->d.mix == LDR_MIX_BEFORE; }

static ldr__tokens ldr__side_tokens(const ldr__pass *s, int32_t rung) {
    ldr__tokens t = s->t;
    if (rung == s->l->d.rung_count - 1 && ldr__few_on_top(s)) ldr__only_few(s, &t);
    t.frequency = s->l->frequency;
    t.dropout_key = ldr__mix64(s->t.dropout_key + (uint64_t)rung * UINT64_C(0x632be59bd9b4e019));
    return t;
}

/* Sequences [from, to) of the batch, and what runs them: all threads if there is one part, else the thread that asks. */
typedef struct ldr__part {
    ldr__exec ex;
    int32_t   from, to;
    size_t    first, rows;         /* its tokens                                              */
} ldr__part;

static ldr__part ldr__part_of(const ldr__pass *s, int32_t i) {
    ldr__part p;
    p.ex = s->parts > 1 ? ldr__exec_alone(&s->ex, 0) : s->ex;        /* nothing is rounded beside the backbone */
    p.from = s->part_at[i];
    p.to = s->part_at[i + 1];
    p.first = (size_t)(s->t.offsets[p.from] - s->t.offsets[0]);
    p.rows = (size_t)(s->t.offsets[p.to] - s->t.offsets[p.from]);
    return p;
}

/* f(s, k, tap, part) of every part. */
static void ldr__each_part(ldr__pass *s, int32_t k, const float *tap, void (*f)(ldr__pass *s, int32_t k, const float *tap, const ldr__part *part)) {
    if (s->parts == 1) {
        ldr__part all = ldr__part_of(s, 0);
        f(s, k, tap, &all);
        return;
    }
    LDR__FOR(i, s->parts, s->ex.threads) {
        ldr__part mine = ldr__part_of(s, (int32_t)i);
        f(s, k, tap, &mine);
    }
}

static void ldr__gate_fill(const ldr_ladder *l, float *a, int32_t rung) {
    size_t c;
    for (c = 0; l->d.gate != LDR_GATE_NONE && c < (size_t)l->d.width; c++) a[c] = ldr__gate_value(l, rung, c);
}

/* out = a s + (1-a) m, or s + m; s->gate holds a. out may be s. */
static void ldr__mix_forward(const ldr__pass *s, const ldr__part *p, float *out, const float *state, const float *m) {
    size_t w = (size_t)s->l->d.width;
    LDR__ROW_LOOP(r, p->rows, &p->ex, {
        size_t t = (p->first + r) * w;
        if (s->l->d.gate == LDR_GATE_NONE) LDR__LANE_LOOP(i, w, out[t + i] = state[t + i] + m[t + i]);
        else s->ex.kernels->rows->mix(out + t, state + t, m + t, s->gate, w);
    })
}

/* dm = (1-a) du, ds = a du */
static void ldr__mix_backward(const ldr__pass *s, const ldr__part *p, float *dm, float *ds, const float *du) {
    size_t w = (size_t)s->l->d.width;
    LDR__ROW_LOOP(r, p->rows, &p->ex, {
        size_t t = (p->first + r) * w;
        if (s->l->d.gate == LDR_GATE_NONE) {
            memcpy(dm + t, du + t, w * sizeof(float));
            memcpy(ds + t, du + t, w * sizeof(float));
        } else s->ex.kernels->rows->mix_backward(dm + t, ds + t, du + t, s->gate, w);
    })
}

/* dg += a(1-a)/T sum du (s - m): the sums, and what becomes of them. */
static void ldr__mix_gradients(const ldr__pass *s, ldr__sums *sums, const float *du, const float *state, const float *m, int32_t rung) {
    size_t w = (size_t)s->l->d.width;
    if (s->l->d.gate == LDR_GATE_NONE || !ldr__grad(s->l, s->l->rungs[rung].gate)) return;
    memset(s->gate_sums, 0, w * sizeof(float));
    ldr__sums_columns(sums, LDR__SUM_MIX, s->gate_sums, du, state, m, w, s->t.count, w);
}

static void ldr__mix_gradients_end(const ldr__pass *s, int32_t rung) {
    const ldr_ladder *l = s->l;
    size_t w = (size_t)l->d.width, c;
    float *dg = ldr__grad(l, l->rungs[rung].gate);
    const float *a = s->gate;
    double scalar = 0;
    if (l->d.gate == LDR_GATE_NONE || !dg) return;
    for (c = 0; c < w; c++) {
        float sum = s->gate_sums[c] * (a[c] * (1.0f - a[c]) / l->d.gate_temperature);
        if (l->d.gate == LDR_GATE_SCALAR) scalar += (double)sum;
        else dg[c] += sum;
    }
    if (l->d.gate == LDR_GATE_SCALAR) dg[0] += (float)scalar;
}

/* Where the state lies before and after rung k. */
static float *ldr__state_before(const ldr__pass *s, int32_t k) {
    if (s->l->d.mix == LDR_MIX_AFTER) return s->acts[k].x;
    return k ? s->acts[k - 1].y : s->first;
}

static float *ldr__state_after(const ldr__pass *s, int32_t k) {
    if (s->l->d.mix == LDR_MIX_BEFORE) return s->acts[k].y;
    return !s->keep ? s->acts[0].x : k + 1 < s->l->d.rung_count ? s->acts[k + 1].x : s->top;
}

/* The panels of matrix `which`, once ldr__rung_pack has made them; NULL when a part packs for itself. */
static float *ldr__rung_panel(const ldr__pass *s, int which) {
    return s->parts > 1 ? s->panels + ldr__rung_panels(s->ex.kernels, &s->l->side, (size_t)s->l->m->shape.width, which) : NULL;
}

/* All of them, for the way forward (W^T) or back (W; nothing goes back through D). */
static void ldr__rung_pack(const ldr__pass *s, int32_t k, int back) {
    const ldr_ladder *l = s->l;
    const ldr__block b = ldr__rung_block(l, k);
    LDR__FOR(which, s->parts > 1 ? LDR__RUNG_MATRICES - back : 0, s->ex.threads) {
        int i = (int)which;
        ldr__mat m = i == LDR__MATRICES ? ldr__value_matrix(l, l->rungs[k].down) : b.m[i];
        size_t out, in;
        if (!ldr__rung_matrix(&l->side, (size_t)l->m->shape.width, i, &out, &in) || (i == LDR__Q && !ldr__qkv_is_one(&b, &l->side))) continue;
        ldr__pack_panels(s->ex.kernels, ldr__rung_panel(s, i), back ? m : ldr__mat_transposed(m), back ? out : in, back ? in : out);
    }
}

/* D: m[T,w] = D tap[T,d] */
static void ldr__down_forward(const ldr__pass *s, const ldr__part *p, float *m, const float *tap, int32_t weight, int32_t bias) {
    size_t d = (size_t)s->l->m->shape.width, w = (size_t)s->l->d.width;
    ldr__mat matrix = ldr__value_matrix(s->l, weight);
    matrix.panels[1] = weight != s->l->first ? ldr__rung_panel(s, LDR__MATRICES) : NULL;
    ldr__linear_forward(&p->ex, m + p->first * w, w, tap + p->first * d, d, matrix, ldr__value(s->l, bias), p->rows, w, d);
}

/* Of the state before all rungs, x[T,w], or its gradient: `rows` rows from `first` on. */
static void ldr__first_dropout(const ldr__exec *ex, const ldr__pass *s, float *x, size_t first, size_t rows) {
    size_t w = (size_t)s->l->d.width;
    ldr__dropout drop = ldr__tokens_dropout(&s->t, LDR__PLACE_FIRST);
    LDR__ROW_LOOP(r, rows, ex, ldr__dropout_apply(ex->kernels, x + (first + r) * w, w, &drop, first + r, 0);)
}

/* The block of rung k over a part: what it works on, where, and with what. */
typedef struct ldr__rung_part {
    ldr__block  b;
    ldr__tokens t;
    ldr__acts   a;
    size_t      out;               /* the first row it makes                                  */
    float      *f, *fg;
} ldr__rung_part;

static ldr__rung_part ldr__rung_part_of(const ldr__pass *s, const ldr__part *p, int32_t k, int back) {
    const ldr__shape *side = &s->l->side;
    ldr__tokens all = ldr__side_tokens(s, k);
    ldr__rung_part r;
    size_t first;
    int i;
    r.b = ldr__rung_block(s->l, k);
    for (i = ldr__qkv_is_one(&r.b, side) ? LDR__Q : LDR__O; i < LDR__MATRICES; i++) r.b.m[i].panels[!back] = ldr__rung_panel(s, i);
    r.t = ldr__tokens_part(&all, p->from, p->to);
    r.out = all.only ? (size_t)p->from : p->first;
    r.a = ldr__acts_from(s->acts[k], side, p->first, r.out);
    first = back ? r.out : s->parts > 1 ? (size_t)ldr__thread() * s->part_rows : 0;      /* on the way forward nobody asks for f again: a thread keeps to the same place */
    r.f = ldr__row_of(s->f, first, ldr__ffn_ld(side));
    r.fg = ldr__row_of(s->fg, first, ldr__ffn_ld(side));
    return r;
}

static int ldr__rung_is_alone(const ldr_ladder *l, int32_t k) { return k == 0 && !l->has_first; }      /* there is nothing to mix with yet */

static void ldr__rung_forward(ldr__pass *s, int32_t k, const float *tap, const ldr__part *p) {
    const ldr_ladder *l = s->l;
    int alone = ldr__rung_is_alone(l, k);
    ldr__rung_part r = ldr__rung_part_of(s, p, k, 0);
    ldr__down_forward(s, p, alone ? s->acts[k].x : s->m[k], tap, l->rungs[k].down, l->rungs[k].down_bias);
    if (l->d.mix == LDR_MIX_BEFORE && !alone) ldr__mix_forward(s, p, s->acts[k].x, ldr__state_before(s, k), s->m[k]);
    ldr__block_forward(&p->ex, &r.a, &r.b, &l->side, &r.t, r.f, r.fg, LDR__ALL_OF_IT);
    if (l->d.mix == LDR_MIX_AFTER) ldr__mix_forward(s, p, ldr__state_after(s, k), s->acts[k].y, s->m[k]);
}

/* Tap k (in the order first, rung 0, rung 1, ...): kept if there is a way back, then through the ladder. */
static void ldr__tap_part_forward(ldr__pass *s, int32_t k, const float *h, const ldr__part *p) {
    const ldr_ladder *l = s->l;
    size_t d = (size_t)l->m->shape.width, row = s->kept ? ldr__packed_row(d, s->tap_type) : 0;
    if (s->fetch) LDR__FOR(q, p->to - p->from, p->ex.threads) s->fetch(s->fetch_from, s, k, p->from + (int32_t)q);
    if (s->kept) LDR__ROW_LOOP(t, p->rows, &p->ex, s->ex.kernels->rows->pack(s->kept[k] + (p->first + t) * row, h + (p->first + t) * d, 1, d, s->tap_type);)
    else if (s->keep && h != s->taps[k]) {
        float *tap = s->taps[k];
        LDR__ROW_LOOP(t, p->rows, &p->ex, memcpy(tap + (p->first + t) * d, h + (p->first + t) * d, d * sizeof(float));)
        h = tap;
    }
    if (k >= l->has_first) ldr__rung_forward(s, k - l->has_first, h, p);
    else {
        float *first = l->d.mix == LDR_MIX_AFTER ? s->acts[0].x : s->first;
        ldr__down_forward(s, p, first, h, l->first, l->first_bias);
        ldr__first_dropout(&p->ex, s, first, p->first, p->rows);
    }
}

/* The backbone reached tap k. */
static void ldr__tap_forward(ldr__pass *s, int32_t k, const float *h) {
    int32_t rung = k - s->l->has_first;
    if (rung >= 0) {
        ldr__gate_fill(s->l, s->gate, rung);
        ldr__rung_pack(s, rung, 0);
    }
    ldr__each_part(s, k, h, ldr__tap_part_forward);
}

/* Row r of the head stands for the tokens rows[r] .. rows[r] + span - 1 of the batch: for their mean when pooled. */
static size_t ldr__span(const ldr__pass *s, size_t r) { return s->spans ? (size_t)s->spans[r] : 1; }

/* y[n] = mean of the state x[T,n] over the tokens of row r; and back: dx[T,n] at those tokens = dy/span. */
static void ldr__pool_forward(const ldr__pass *s, float *y, const float *x, size_t r, size_t n) {
    size_t span = ldr__span(s, r), t;
    const float *row = x + (size_t)s->rows[r] * n;
    memcpy(y, row, n * sizeof(float));
    for (t = 1; t < span; t++) LDR__LANE_LOOP(i, n, y[i] += row[t * n + i]);
    if (span > 1) LDR__LANE_LOOP(i, n, y[i] /= (float)span);
}

static void ldr__pool_backward(const ldr__pass *s, float *dx, const float *dy, size_t r, size_t n) {
    size_t span = ldr__span(s, r), t;
    float *row = dx + (size_t)s->rows[r] * n;
    for (t = 0; t < span; t++) LDR__LANE_LOOP(i, n, row[t * n + i] = dy[i] / (float)span);
}

/* The backbone's final state at the rows the head reads, from its last block's output x[T,d]. */
static void ldr__final_rows(ldr__pass *s, const float *x, int compact) {
    const ldr_model *m = s->l->m;
    const float *g = s->ends.v[LDR__FINAL], *b = s->ends.v[LDR__FINALB];
    size_t d = (size_t)m->shape.width, r, t;
    for (r = 0; r < s->row_count; r++) {
        const float *row = x + (compact ? r : (size_t)s->rows[r]) * d;
        size_t span = ldr__span(s, r);
        float *y = s->final + r * d;
        if (!g) {
            if (compact) memcpy(y, row, d * sizeof(float));
            else ldr__pool_forward(s, y, x, r, d);
            continue;
        }
        s->ex.kernels->rows->norm(y, NULL, row, g, b, d, m->shape.norm == LDR_NORM_RMS, m->shape.eps);
        for (t = 1; t < span; t++) {
            s->ex.kernels->rows->norm(s->pooled, NULL, row + t * d, g, b, d, m->shape.norm == LDR_NORM_RMS, m->shape.eps);
            LDR__LANE_LOOP(c, d, y[c] += s->pooled[c]);
        }
        if (span > 1) LDR__LANE_LOOP(i, d, y[i] /= (float)span);
    }
}

/* ---- through the backbone and back (>>tune) -------------------------------------------- */

/* A prompt's vectors e[P,E] through their network: p = e + B u + b, u = tanh(A e + a). */
static void ldr__prompt_forward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    size_t n = (size_t)l->d.virtual_tokens, h = (size_t)l->d.prompt_hidden, e = (size_t)l->m->embed_width, i;
    const float *vectors = ldr__value(l, l->end[LDR__PROMPT]);
    ldr__linear_forward(&s->ex, s->prompt_hidden, h, vectors, e, ldr__value_matrix(l, l->prompt_dense), ldr__value(l, l->prompt_dense_bias), n, h, e);
    s->ex.kernels->rows->activate(s->prompt_hidden, s->prompt_hidden, n * h, LDR_TANH);
    ldr__linear_forward(&s->ex, s->prompt, e, s->prompt_hidden, h, ldr__value_matrix(l, l->prompt_out), ldr__value(l, l->prompt_out_bias), n, e, h);
    for (i = 0; i < n * e; i++) s->prompt[i] += vectors[i];
    s->ends.v[LDR__PROMPT] = s->prompt;
}

/* de += dp + A^T du, du = (1 - u^2) B^T dp */
static void ldr__prompt_backward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    size_t n = (size_t)l->d.virtual_tokens, h = (size_t)l->d.prompt_hidden, e = (size_t)l->m->embed_width, i;
    const float *u = s->prompt_hidden;
    float *de = ldr__grad(l, l->end[LDR__PROMPT]), *du = s->dprompt_hidden;
    ldr__linear_backward(&s->ex, du, h, 0, ldr__grad(l, l->prompt_out), ldr__grad(l, l->prompt_out_bias), s->dprompt, e, ldr__mat_float(u, h, 1), ldr__value_matrix(l, l->prompt_out), n, e, h);
    for (i = 0; i < n * h; i++) du[i] *= 1.0f - u[i] * u[i];
    for (i = 0; de && i < n * e; i++) de[i] += s->dprompt[i];
    ldr__linear_backward(&s->ex, de, e, 1, ldr__grad(l, l->prompt_dense), ldr__grad(l, l->prompt_dense_bias), du, h, ldr__mat_float(ldr__value(l, l->end[LDR__PROMPT]), e, 1), ldr__value_matrix(l, l->prompt_dense), n, h, e);
}

/* No dropout in layers that have successors: what those learn from is the model as it is used. */
static ldr__tokens ldr__deep_tokens(const ldr__pass *s, int32_t place) {
    ldr__tokens t = s->t;
    int32_t block = s->route[place];
    if (ldr__few(s) && place == s->places - 1) ldr__only_few(s, &t);
    t.frequency = s->l->m->frequency;
    t.dropout_key = ldr__mix64(s->t.dropout_key + (uint64_t)(block + 2000) * UINT64_C(0x632be59bd9b4e019));
    if (s->l->successors && block < s->l->m->layers) t.dropout = 0;
    return t;
}

/* What the block at a place of the route keeps, with the states it reads and writes. */
static ldr__acts ldr__deep_acts(const ldr__pass *s, int32_t place) {
    const ldr__deep *k = &s->deep;
    return ldr__acts_between(k->acts[place - k->from], &s->l->m->shape, k->state[place - k->from], k->state[place - k->from + 1]);
}

/* What a block reads of the loaded weights is given back, where that is asked for; successors have their own. */
static void ldr__deep_release(const ldr__pass *s, int32_t place) {
    if (s->l->m->release && s->route[place] < s->l->m->layers) ldr__release_layer(s->l->m, s->route[place]);
}

static void ldr__deep_block_forward(ldr__pass *s, int32_t place) {
    ldr__acts a = ldr__deep_acts(s, place);
    ldr__block b = ldr__tuned_block(s->l, s->route[place]);
    ldr__tokens t = ldr__deep_tokens(s, place);
    ldr__block_forward(&s->ex, &a, &b, &s->l->tuned_shape, &t, s->deep.f, s->deep.fg, LDR__ALL_OF_IT);
    ldr__deep_release(s, place);
}

/* 1: the last block of the route is one of those gone back through, and made the head's rows alone. */
static int ldr__deep_few(const ldr__pass *s) { return ldr__few(s) && s->places > s->deep.from; }

static void ldr__deep_forward(ldr__pass *s) {
    const ldr_model *m = s->l->m;
    ldr__deep *k = &s->deep;
    ldr__tokens t = s->t;
    float *x = k->from ? s->backbone.x : k->state[0];
    int32_t place;
    t.dropout = 0;
    t.frequency = m->frequency;
    ldr__embed_forward(&s->ex, m, &s->ends, x, m->ends.m[LDR__PROJECT].data ? s->backbone.embed : x, s->ids, s->segments, &t);
    for (place = 0; place < k->from; place++) ldr__model_block_forward(&s->ex, m, &s->backbone, s->route[place], &t);
    if (k->from) memcpy(k->state[0], x, t.count * (size_t)m->shape.width * sizeof(float));
    for (; place < s->places; place++) ldr__deep_block_forward(s, place);
    ldr__final_rows(s, k->state[s->places - k->from], ldr__deep_few(s));
}

/* dx[T,d] = gradient of the last block's output, from s->dout, that of the final state at the head's rows. */
static void ldr__final_backward(ldr__pass *s, float *dg, float *db) {
    const ldr_model *m = s->l->m;
    const ldr__deep *k = &s->deep;
    const float *x = k->state[s->places - k->from], *g = s->ends.v[LDR__FINAL];
    size_t d = (size_t)m->shape.width, r, t, i;
    int compact = ldr__deep_few(s);
    if (!compact) memset(k->dx, 0, s->t.count * d * sizeof(float));
    for (r = 0; r < s->row_count; r++) {
        if (compact) memcpy(k->dx + r * d, s->dout + r * d, d * sizeof(float));
        else ldr__pool_backward(s, k->dx, s->dout + r * d, r, d);
        for (t = 0; g && t < ldr__span(s, r); t++) {
            size_t at = (compact ? r : (size_t)s->rows[r] + t) * d;
            float stats[2], *dy = k->dx + at;
            s->ex.kernels->rows->norm(s->final + r * d, stats, x + at, g, s->ends.v[LDR__FINALB], d, m->shape.norm == LDR_NORM_RMS, m->shape.eps);
            for (i = 0; dg && i < d; i++) dg[i] += dy[i] * (x[at + i] - stats[0]) * stats[1];
            for (i = 0; db && i < d; i++) db[i] += dy[i];
            s->ex.kernels->rows->norm_backward(dy, 0, dy, x + at, stats, g, d, m->shape.norm == LDR_NORM_RMS);
        }
    }
}

/* One block back: k->dx from the gradient of its output to that of its input. */
static void ldr__deep_block_backward(ldr__pass *s, int32_t place, float *const *grads) {
    ldr__deep *k = &s->deep;
    ldr__acts a = ldr__deep_acts(s, place);
    ldr__block b = ldr__tuned_block(s->l, s->route[place]);
    ldr__tokens t = ldr__deep_tokens(s, place);
    ldr__sums sums;
    if (k->checkpoint) ldr__block_forward(&s->ex, &a, &b, &s->l->tuned_shape, &t, k->f, k->fg, LDR__ALL_OF_IT);
    ldr__block_backward(&s->ex, k->dy, grads, k->dx, &a, &b, &s->l->tuned_shape, &t, &k->back);
    ldr__sums_begin(&sums, &s->ex);
    ldr__block_gradients(&sums, grads, k->dx, &a, &s->l->tuned_shape, &t, &k->back);
    ldr__sums_make(&sums);
    ldr__swap(&k->dx, &k->dy);
    ldr__deep_release(s, place);
}

static void ldr__deep_backward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    float *grads[LDR__ALL_SLOTS], *ends[LDR__ENDS];
    int32_t place;
    int slot;
    for (slot = 0; slot < LDR__ENDS; slot++) ends[slot] = ldr__grad(l, l->end[slot]);
    if (s->prompt) {
        memset(s->dprompt, 0, (size_t)l->d.virtual_tokens * (size_t)l->m->embed_width * sizeof(float));
        ends[LDR__PROMPT] = s->dprompt;
    }
    ldr__final_backward(s, ends[LDR__FINAL], ends[LDR__FINALB]);
    for (place = s->places - 1; place >= s->deep.from; place--) {
        for (slot = 0; slot < LDR__ALL_SLOTS; slot++) grads[slot] = ldr__grad(l, ldr__tuned_at(l, s->route[place])->slot[slot]);
        ldr__deep_block_backward(s, place, grads);
    }
    if (ldr__tunes_embeddings(l)) ldr__embed_backward(&s->ex, l->m, &s->ends, ends, s->deep.dx, &s->deep.embed, s->ids, s->segments, &s->t);
    if (s->prompt) ldr__prompt_backward(s);
}

/* Runs the frozen backbone, feeding the ladder on the way. */
static void ldr__pass_backbone(ldr__pass *s) {
    const ldr_ladder *l = s->l, *backbone = ldr__backbone_of(l);
    const ldr_model *m = l->m;
    int32_t layer, tap = 0, rung = 0, last = l->d.rung_count ? l->rungs[l->d.rung_count - 1].layer : -1;
    int need_final = l->d.rung_count == 0 || l->out_gate >= 0;
    /* The last block is run for the rows the head reads alone, if there is one a sequence and no rung reads the others. */
    int few = need_final && ldr__few(s) && !(l->d.tap == LDR_TAP_OUTPUT && last == m->layers - 1);
    float *x = s->backbone.x;
    ldr__tokens t = s->t;
    if (s->prompt) ldr__prompt_forward(s);
    if (s->keep && l->deep) {
        ldr__deep_forward(s);
        return;
    }
    t.dropout = 0;
    t.frequency = m->frequency;
    ldr__embed_forward(&s->ex, m, &s->ends, x, s->backbone.embed, s->ids, s->segments, &t);
    if (l->has_first) ldr__tap_forward(s, tap++, x);
    for (layer = 0; layer < s->places && (need_final || layer <= last); layer++) {
        int here = rung < l->d.rung_count && l->rungs[rung].layer == layer;
        if (here && l->d.tap == LDR_TAP_INPUT) {
            ldr__tap_forward(s, tap++, x);
            rung++;
            if (!need_final && rung == l->d.rung_count) break;
        }
        if (few && layer == s->places - 1) ldr__only_few(s, &t);
        if (backbone->deep) {
            ldr__block b = ldr__tuned_block(backbone, s->route[layer]);
            ldr__frozen_forward(&s->ex, &s->backbone, &b, &l->tuned_shape, &t);
            ldr__deep_release(s, layer);
        } else ldr__model_block_forward(&s->ex, m, &s->backbone, layer, &t);
        if (here && l->d.tap == LDR_TAP_OUTPUT) {
            ldr__tap_forward(s, tap++, x);
            rung++;
        }
    }
    if (need_final) ldr__final_rows(s, x, few);
}

/* The ladder alone on taps from a cache: fetch puts tap k of sequence q into its place; NULL: they are there already. */
static void ldr__pass_from_taps(ldr__pass *s, void (*fetch)(const void *from, const ldr__pass *s, int32_t k, int32_t q), const void *from) {
    int32_t k;
    s->fetch = fetch;
    s->fetch_from = from;
    for (k = 0; k < s->tap_count; k++) ldr__tap_forward(s, k, s->taps[k]);
    s->fetch = NULL;
}

/* ---- the model's own head: words[R,e] = norm(f(dense x)), or x; scores = words out^T + bias ------------ */

/* words[R,e] of the states x[R,d]; where there is no dense layer they are x, and nothing is done. */
static void ldr__words_of(ldr__pass *s, float *words, const float *x) {
    const ldr_model *m = s->l->m;
    const ldr__ends *h = &s->ends;
    size_t e = (size_t)m->embed_width, d = (size_t)m->shape.width, R = s->row_count;
    if (!s->words_u) return;
    ldr__linear_forward(&s->ex, s->words_u, e, x, d, h->m[LDR__LM_DENSE], h->v[LDR__LM_DENSEB], R, e, d);
    LDR__ROW_LOOP(t, R, &s->ex, s->ex.kernels->rows->activate(s->words_f + t * e, s->words_u + t * e, e, (int32_t)m->shape.activation);)
    ldr__norm_forward(&s->ex, words, s->words_stats, s->words_f, h->v[LDR__LM_NORM], h->v[LDR__LM_NORMB], R, e, LDR_NORM_LAYER, m->shape.eps);
}

static void ldr__words_forward(ldr__pass *s) {
    if (s->teacher) ldr__words_of(s, s->teacher, s->final);
    ldr__words_of(s, s->words, s->hidden_in);       /* last: its inner values stay for the way back */
}

/* Sum of the cross-entropies of all rows. normalizer > 0: goes back as well, from the sum divided by it to s->dwords, the
   output matrix and its bias. The scores of a vocabulary are many numbers: a chunk of rows at a time has them. */
static double ldr__words_loss(ldr__pass *s, double normalizer) {
    const ldr_ladder *l = s->l;
    const ldr__ends *h = &s->ends;
    size_t e = s->words_u ? (size_t)l->m->embed_width : (size_t)l->m->shape.width, v = (size_t)l->m->vocabulary, first, n;
    float *z = s->logits, *dw = ldr__grad(l, l->end[ldr__tied(l->m) ? LDR__WORD : LDR__LM_OUT]), *db = ldr__grad(l, l->end[LDR__LM_BIAS]);
    double loss = 0;
    int distil = s->teacher && normalizer > 0;
    for (first = 0; first < s->row_count; first += n) {
        const float *x = s->words + first * e;
        size_t r;
        n = LDR__MIN((size_t)LDR__WORD_ROWS, s->row_count - first);
        ldr__linear_forward(&s->ex, z, v, x, e, h->m[LDR__LM_OUT], h->v[LDR__LM_BIAS], n, v, e);
        if (distil) ldr__linear_forward(&s->ex, s->teacher_scores, v, s->teacher + first * e, e, h->m[LDR__LM_OUT], h->v[LDR__LM_BIAS], n, v, e);
        LDR__FOR(row, (int64_t)n, s->ex.threads) {
            float *p = z + (size_t)row * v, *q = distil ? s->teacher_scores + (size_t)row * v : NULL, peak, sum, scale, one;
            size_t at = first + (size_t)row, i;
            int32_t y = s->labels[at];
            double zy = (double)p[y];
            if (q) {
                scale = 1.0f / s->ex.kernels->rows->exp(q, v, 1.0f, &peak);
                for (zy = 0, i = 0; i < v; i++) zy += (double)(q[i] *= scale) * (double)p[i];
            }
            s->guess[at] = ldr__argmax(p, v);
            sum = s->ex.kernels->rows->exp(p, v, 1.0f, &peak);
            s->row_loss[row] = (double)peak + log((double)sum) - zy;
            one = normalizer > 0 ? (float)(1.0 / normalizer) : 0.0f;
            scale = one / sum;
            for (i = 0; i < v; i++) p[i] *= scale;
            for (i = 0; q && i < v; i++) p[i] -= one * q[i];
            if (!q) p[y] -= one;
        }
        for (r = 0; r < n; r++) loss += s->row_loss[r];
        if (normalizer > 0) ldr__linear_backward(&s->ex, s->dwords + first * e, e, 0, dw, db, z, v, ldr__mat_float(x, e, 1), h->m[LDR__LM_OUT], n, v, e);
    }
    return loss;
}

/* s->dwords to s->dout. */
static void ldr__words_backward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    const ldr__ends *h = &s->ends;
    size_t e = (size_t)l->m->embed_width, d = (size_t)l->m->shape.width, R = s->row_count;
    if (!s->words_u) {
        memcpy(s->dout, s->dwords, R * d * sizeof(float));
        return;
    }
    ldr__norm_backward(&s->ex, s->dwords, 0, ldr__grad(l, l->end[LDR__LM_NORM]), ldr__grad(l, l->end[LDR__LM_NORMB]), s->dwords, s->words_f, s->words_stats, h->v[LDR__LM_NORM], R, e, LDR_NORM_LAYER);
    LDR__ROW_LOOP(t, R, &s->ex, {
        s->ex.kernels->rows->activate_both(s->words_f + t * e, s->words_u + t * e, e, (int32_t)l->m->shape.activation);
        s->ex.kernels->rows->multiply(s->dwords + t * e, s->words_u + t * e, e);
    })
    ldr__linear_backward(&s->ex, s->dout, d, 0, ldr__grad(l, l->end[LDR__LM_DENSE]), ldr__grad(l, l->end[LDR__LM_DENSEB]), s->dwords, e, ldr__mat_float(s->hidden_in, d, 1), h->m[LDR__LM_DENSE], R, e, d);
}

/* Sum of the losses of the rows of the head. normalizer > 0: its gradient, divided by that, is left for ldr__head_backward. */
static double ldr__pass_loss(ldr__pass *s, const ldr__targets *t, double normalizer) {
    const ldr_ladder *l = s->l;
    if (l->d.head == LDR_HEAD_WORDS) return ldr__words_loss(s, normalizer);
    return ldr__loss(normalizer > 0 ? s->dlogits : NULL, s->logits, t, l->d.head, s->row_count, (size_t)l->d.classes, normalizer > 0 ? normalizer : 1.0);
}

/* From the last state to the logits: pick rows, final norm, U, output mix, head. */
static void ldr__head_forward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    size_t d = (size_t)l->m->shape.width, w = (size_t)l->d.width, hw = (size_t)l->head_width, hh = (size_t)l->d.head_hidden, c = (size_t)l->d.classes, R = s->row_count, r;
    ldr__dropout drop = ldr__tokens_dropout(&s->t, LDR__PLACE_HEAD);
    if (l->d.rung_count) {
        const float *top = ldr__state_after(s, l->d.rung_count - 1);
        if (ldr__few_on_top(s)) memcpy(s->picked, top, R * w * sizeof(float));
        else for (r = 0; r < R; r++) ldr__pool_forward(s, s->picked + r * w, top, r, w);
        if (l->final_norm >= 0) ldr__norm_forward(&s->ex, s->normed, s->stats, s->picked, ldr__value(l, l->final_norm), ldr__value(l, l->final_norm_bias), R, w, l->side.norm, l->side.eps);
        if (l->up >= 0) ldr__linear_forward(&s->ex, s->up, d, s->normed, w, ldr__value_matrix(l, l->up), ldr__value(l, l->up_bias), R, d, w);
        if (l->out_gate >= 0) {
            const float *v = ldr__value(l, l->out_gate);
            LDR__ROW_LOOP(t, R, &s->ex, LDR__LANE_LOOP(i, d, {
                float a = ldr__sigmoid(v[i]);
                s->mixed[t * d + i] = a * s->final[t * d + i] + (1.0f - a) * s->up[t * d + i];
            });)
        }
    }
    memcpy(s->hidden_in, s->mixed, R * hw * sizeof(float));
    if (l->d.head == LDR_HEAD_WORDS) {
        ldr__words_forward(s);
        return;
    }
    for (r = 0; r < R; r++) ldr__dropout_apply(s->ex.kernels, s->hidden_in + r * hw, hw, &drop, (size_t)s->rows[r], 0);
    if (hh) {
        ldr__linear_forward(&s->ex, s->hidden, hh, s->hidden_in, hw, ldr__value_matrix(l, l->head_dense), ldr__value(l, l->head_dense_bias), R, hh, hw);
        for (r = 0; r < R; r++) s->ex.kernels->rows->activate(s->hidden + r * hh, s->hidden + r * hh, hh, LDR_TANH);
    }
    ldr__linear_forward(&s->ex, s->logits, c, s->hidden, hh ? hh : hw, ldr__value_matrix(l, l->head_out), ldr__value(l, l->head_out_bias), R, c, hh ? hh : hw);
}

/* dlogits to dout, the gradient of the rows the head read, adding to the head's gradients. */
static void ldr__head_backward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    size_t hw = (size_t)l->head_width, hh = (size_t)l->d.head_hidden, c = (size_t)l->d.classes, R = s->row_count, r;
    ldr__dropout drop = ldr__tokens_dropout(&s->t, LDR__PLACE_HEAD);
    float *into = hh ? s->dhidden : s->dout;
    size_t in = hh ? hh : hw;
    if (l->d.head == LDR_HEAD_WORDS) {
        ldr__words_backward(s);
        return;
    }
    ldr__linear_backward(&s->ex, into, in, 0, ldr__grad(l, l->head_out), ldr__grad(l, l->head_out_bias), s->dlogits, c, ldr__mat_float(s->hidden, in, 1), ldr__value_matrix(l, l->head_out), R, c, in);
    if (hh) {
        LDR__ROW_LOOP(t, R, &s->ex, LDR__LANE_LOOP(i, hh, s->dhidden[t * hh + i] *= 1.0f - s->hidden[t * hh + i] * s->hidden[t * hh + i]);)
        ldr__linear_backward(&s->ex, s->dout, hw, 0, ldr__grad(l, l->head_dense), ldr__grad(l, l->head_dense_bias), s->dhidden, hh, ldr__mat_float(s->hidden_in, hw, 1), ldr__value_matrix(l, l->head_dense), R, hh, hw);
    }
    for (r = 0; r < R; r++) ldr__dropout_apply(s->ex.kernels, s->dout + r * hw, hw, &drop, (size_t)s->rows[r], 0);
}

/* dout to ds, the gradient of the last side state, through output mix, U and final norm. */
static void ldr__output_backward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    size_t d = (size_t)l->m->shape.width, w = (size_t)l->d.width, R = s->row_count, r;
    const float *dup = s->dout;
    if (l->out_gate >= 0) {
        const float *v = ldr__value(l, l->out_gate);
        float *dv = ldr__grad(l, l->out_gate);
        dup = s->dup;
        LDR__FOR(block, ((int64_t)d + 31) / 32, s->ex.threads) {
            size_t i, end = LDR__MIN(d, ((size_t)block + 1) * 32), t;
            for (i = (size_t)block * 32; i < end; i++) {
                float a = ldr__sigmoid(v[i]), sum = 0;
                for (t = 0; t < R; t++) {
                    sum += s->dout[t * d + i] * (s->final[t * d + i] - s->up[t * d + i]);
                    s->dup[t * d + i] = (1.0f - a) * s->dout[t * d + i];
                }
                if (dv) dv[i] += a * (1.0f - a) * sum;
            }
        }
    }
    if (l->up >= 0) ldr__linear_backward(&s->ex, s->dnormed, w, 0, ldr__grad(l, l->up), ldr__grad(l, l->up_bias), dup, d, ldr__mat_float(s->normed, w, 1), ldr__value_matrix(l, l->up), R, d, w);
    else memcpy(s->dnormed, s->dout, R * w * sizeof(float));
    if (l->final_norm >= 0) ldr__norm_backward(&s->ex, s->dpicked, 0, ldr__grad(l, l->final_norm), ldr__grad(l, l->final_norm_bias), s->dnormed, s->picked, s->stats, ldr__value(l, l->final_norm), R, w, l->side.norm);
    if (ldr__few_on_top(s)) {
        memcpy(s->ds, s->dpicked, R * w * sizeof(float));
        return;
    }
    memset(s->ds, 0, s->t.count * w * sizeof(float));
    for (r = 0; r < R; r++) ldr__pool_backward(s, s->ds, s->dpicked + r * w, r, w);
}

/* dD from dm and the stored tap; there is no gradient for the tap. A rounded one is unpacked where the backbone's state was. */
static void ldr__down_gradients(const ldr__pass *s, ldr__sums *sums, const float *dm, int32_t k, int32_t weight, int32_t bias) {
    size_t d = (size_t)s->l->m->shape.width, w = (size_t)s->l->d.width;
    float *tap = s->kept ? s->backbone.x : s->taps[k];
    if (s->kept) {
        size_t row = ldr__packed_row(d, s->tap_type);
        LDR__ROW_LOOP(t, s->t.count, &s->ex, ldr__rows_unpack(s->ex.kernels, tap + t * d, s->kept[k] + t * row, 1, d, s->tap_type);)
    }
    ldr__linear_gradients(sums, ldr__grad(s->l, weight), ldr__grad(s->l, bias), dm, w, ldr__mat_float(tap, d, 1), s->t.count, w, d);
}

/* One part of a rung back: from s->ds, the gradient of the state above, to s->dm and s->next_ds. */
static void ldr__rung_backward(ldr__pass *s, int32_t k, const float *tap, const ldr__part *p) {
    const ldr_ladder *l = s->l;
    size_t w = (size_t)l->d.width;
    int alone = ldr__rung_is_alone(l, k), before = l->d.mix == LDR_MIX_BEFORE;
    ldr__rung_part r = ldr__rung_part_of(s, p, k, 1);
    ldr__back back = ldr__back_from(s->back, &l->side, p->first, r.out);
    float *none[LDR__ALL_SLOTS];                       /* tuning adds nothing to a rung               */
    (void)tap;
    memset(none, 0, sizeof none);
    if (s->again) {                                    /* all else is kept: y to mix before, x to mix after */
        if (before && !alone) ldr__mix_forward(s, p, s->acts[k].x, ldr__state_before(s, k), s->m[k]);
        ldr__block_forward(&p->ex, &r.a, &r.b, &l->side, &r.t, r.f, r.fg, before ? LDR__ONLY_INSIDE : LDR__BUT_ATTENTION);
    }
    if (!before) ldr__mix_backward(s, p, s->dm, s->du, s->ds);
    ldr__block_backward(&p->ex, (before ? s->du : s->next_ds) + p->first * w, none, (before ? s->ds : s->du) + r.out * w, &r.a, &r.b, &l->side, &r.t, &back);
    if (before && !alone) ldr__mix_backward(s, p, s->dm, s->next_ds, s->du);
}

/* The gradients of what rung k trains, from what all parts left. */
static void ldr__rung_gradients(ldr__pass *s, int32_t k) {
    const ldr_ladder *l = s->l;
    const ldr__rung *g = &l->rungs[k];
    ldr__tokens t = ldr__side_tokens(s, k);
    int slot, alone = ldr__rung_is_alone(l, k), before = l->d.mix == LDR_MIX_BEFORE;
    float *grads[LDR__ALL_SLOTS];
    ldr__sums sums;
    for (slot = 0; slot < LDR__ALL_SLOTS; slot++) grads[slot] = ldr__grad(l, g->slot[slot]);
    ldr__sums_begin(&sums, &s->ex);
    ldr__down_gradients(s, &sums, alone ? s->du : s->dm, k + l->has_first, g->down, g->down_bias);
    ldr__block_gradients(&sums, grads, before ? s->ds : s->du, &s->acts[k], &l->side, &t, &s->back);
    if (!alone) ldr__mix_gradients(s, &sums, before ? s->du : s->ds, before ? ldr__state_before(s, k) : s->acts[k].y, s->m[k], k);
    ldr__sums_make(&sums);
    if (!alone) ldr__mix_gradients_end(s, k);
}

static void ldr__pass_backward(ldr__pass *s) {
    const ldr_ladder *l = s->l;
    ldr__sums sums;
    int32_t k;
    ldr__head_backward(s);
    if (l->deep) ldr__deep_backward(s);
    if (!l->d.rung_count) return;
    ldr__output_backward(s);
    for (k = l->d.rung_count - 1; k >= 0; k--) {
        ldr__gate_fill(l, s->gate, k);
        ldr__rung_pack(s, k, 1);
        ldr__each_part(s, k, NULL, ldr__rung_backward);
        ldr__rung_gradients(s, k);
        ldr__swap(&s->ds, &s->next_ds);
    }
    if (l->has_first) {
        ldr__first_dropout(&s->ex, s, s->ds, 0, s->t.count);
        ldr__sums_begin(&sums, &s->ex);
        ldr__down_gradients(s, &sums, s->ds, 0, l->first, l->first_bias);
        ldr__sums_make(&sums);
    }
}

/* ---- batches of a data set ------------------------------------------------------------- */

/* Copies examples[0..count) into a pass, labels and values as its head reads them. */
static void ldr__pass_load(ldr__pass *s, const ldr_dataset *d, const int32_t *examples, int32_t count, const uint64_t *ordinals, float dropout, uint64_t step_key) {
    int32_t i, c, n = 0, per = d->head == LDR_HEAD_CHOICE ? d->choices : 1;
    size_t at = 0;
    s->offsets[0] = 0;
    for (i = 0; i < count; i++)
        for (c = 0; c < per; c++, n++) {
            ldr_example e = ldr_dataset_get(d, examples[i] * per + c);
            memcpy(s->ids + at, e.ids, (size_t)e.count * sizeof(int32_t));
            memcpy(s->segments + at, e.segments, (size_t)e.count * sizeof(int32_t));
            if (ldr__per_token(d->head)) memcpy(s->labels + at, e.labels, (size_t)e.count * sizeof(int32_t));
            else if (c == 0) s->labels[i] = e.labels[0];
            if (d->head == LDR_HEAD_REGRESS) s->values[i] = e.value;
            at += (size_t)e.count;
            s->offsets[n + 1] = (int32_t)at;
        }
    ldr__pass_begin(s, n, ordinals, dropout, step_key);
}

static ldr__targets ldr__pass_targets(const ldr__pass *s, const float *class_weights, float smoothing, int32_t choices) {
    ldr__targets t;
    t.labels = s->labels;
    t.values = s->values;
    t.class_weights = class_weights;
    t.smoothing = smoothing;
    t.choices = choices;
    return t;
}

static double ldr__batch_weight(const ldr__pass *s, const ldr__targets *t) {
    double weight = 0;
    size_t r, n = s->l->d.head == LDR_HEAD_CHOICE ? s->row_count / (size_t)t->choices : s->row_count;
    for (r = 0; r < n; r++) weight += ldr__target_weight(t, s->l->d.head, r);
    return weight;
}

/* Sequences and tokens of the largest batch of `batch` examples a set can give. */
static void ldr__batch_limits(const ldr_dataset *d, int32_t batch, size_t *tokens, size_t *sequences) {
    int32_t per = d->head == LDR_HEAD_CHOICE ? d->choices : 1, i, n = (int32_t)d->count / per;
    /* a histogram of lengths would be exact; the longest example times the batch is simple and
       only generous when a few examples are much longer than the rest */
    size_t longest = 0, at;
    for (i = 0; i < n; i++) {
        at = (size_t)(d->offsets[(i + 1) * per] - d->offsets[i * per]);
        longest = LDR__MAX(longest, at);
    }
    *sequences = LDR__MAX(*sequences, (size_t)(LDR__MIN(batch, n) * per));
    /* not capped at d->tokens: ldr_trainer_gradients may name an example twice */
    *tokens = LDR__MAX(*tokens, longest > SIZE_MAX / 16 / (size_t)LDR__MIN(batch, n) ? SIZE_MAX / 16 : longest * (size_t)LDR__MIN(batch, n));
}

/* A data set the ladder can learn from or be scored on: same head, ids and labels in range. */
static ldr_status ldr__dataset_check(const ldr_ladder *l, const ldr_dataset *d, const char *what, ldr_error *err) {
    const ldr_model *m = l->m;
    size_t i, n = ldr__per_token(d->head) ? d->tokens : d->count;
    int32_t limit = ldr__text_positions(l);
    if (d->head != l->d.head) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "%s: its examples are made for another kind of head than the ladder's", what);
    if (d->count < 1 || (d->head == LDR_HEAD_CHOICE && d->count % (size_t)d->choices)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "%s: %U sequences are no whole number of examples", what, (uint64_t)d->count);
    for (i = 0; i < d->tokens; i++) {
        if (d->ids[i] < 0 || d->ids[i] >= m->vocabulary) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "%s: token id %d, the vocabulary has %d", what, d->ids[i], m->vocabulary);
        if (m->segments > 1 && (d->segments[i] < 0 || d->segments[i] >= m->segments)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "%s: segment %d, the model has %d", what, d->segments[i], m->segments);
    }
    for (i = 0; i < d->count; i++)
        if (d->offsets[i + 1] - d->offsets[i] > (uint64_t)limit) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "%s: example %U has %U tokens, the model has %d positions for it: set max_len", what, (uint64_t)i, d->offsets[i + 1] - d->offsets[i], limit);
    for (i = 0; i < n; i++)
        if (d->labels[i] >= (d->head == LDR_HEAD_CHOICE ? d->choices : l->d.classes)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "%s: label %d, the head has %d classes", what, d->labels[i], d->head == LDR_HEAD_CHOICE ? d->choices : l->d.classes);
    return LDR_OK;
}

/* ======================================================================================
   >>slice             Starting the ladder from the backbone's own weights
   --------------------------------------------------------------------------------------
   Importance says which dimensions of the backbone matter; slicing copies those. In the
   default recipe ONE set of residual dimensions serves every reader and writer of the whole net, so
   that residual sums add like to like, and attention is cut head by head. The paper's recipe is the
   reference's chain, kept for parity: every projection picks its own rows and only the next
   reader follows (lst.md 2.4; BERT order 2.7, without its sign error).
   Sums are doubles: the product of three squared gradients underflows a float.
   ====================================================================================== */

typedef struct ldr__importance {
    const ldr_model *m;
    ldr_importance   kind;
    float           *fisher;           /* [blocks][block_size], squared gradients               */
    float           *gradient, *row;   /* of a block; room for one token, twice                 */
    size_t           block_size, slot_offset[LDR__SLOTS];
    double          *embedding;        /* [d]                                                   */
    double          *residual;         /* [d]                                                   */
    double          *qk, *vo, *ffn;    /* [layers][kv*hd], [layers][kv*hd], [layers][ffn]       */
    int32_t         *work, layer;      /* layer: the one that is looked at                      */
    double          *scores;
} ldr__importance;

static size_t ldr__kv_width(const ldr__shape *s) { return (size_t)s->kv_heads * (size_t)s->head_dim; }

static void ldr__importance_place(ldr__plan *p, ldr__importance *i, const ldr_model *m, ldr_importance kind) {
    const ldr__shape *s = &m->shape;
    size_t layers = (size_t)m->layers, widest = (size_t)LDR__MAX(LDR__MAX(s->width, s->ffn), s->heads * s->head_dim);
    int slot;
    memset(i, 0, sizeof *i);
    i->m = m;
    i->kind = kind;
    for (slot = 0; slot < LDR__SLOTS; slot++) {
        i->slot_offset[slot] = i->block_size;
        i->block_size += ldr__slot_size(s, slot, NULL, NULL);
    }
    i->fisher = kind == LDR_FISHER ? (float *)ldr__place(p, "fisher", m->family->shared ? 1 : layers, i->block_size * sizeof(float)) : NULL;
    i->gradient = kind == LDR_FISHER ? ldr__place_floats(p, "fisher", i->block_size) : NULL;
    i->row = ldr__place_floats(p, "importance", 2 * (size_t)s->width);
    i->embedding = (double *)ldr__place(p, "importance", (size_t)s->width, sizeof(double));
    i->residual = (double *)ldr__place(p, "importance", (size_t)s->width, sizeof(double));
    i->qk = (double *)ldr__place(p, "importance", layers * ldr__kv_width(s), sizeof(double));
    i->vo = (double *)ldr__place(p, "importance", layers * ldr__kv_width(s), sizeof(double));
    i->ffn = (double *)ldr__place(p, "importance", layers * (size_t)s->ffn, sizeof(double));
    i->scores = (double *)ldr__place(p, "importance", widest, sizeof(double));
    i->work = (int32_t *)ldr__place(p, "importance", widest, sizeof(int32_t));
}

/* Importance of one element of a matrix. */
static double ldr__element(const ldr__importance *i, int32_t layer, int slot, size_t row, size_t column) {
    const ldr__mat *w = &ldr__model_block(i->m, layer)->m[slot];
    size_t columns;
    if (i->kind != LDR_FISHER) return fabs((double)ldr__mat_get(w, row, column));
    ldr__slot_size(&i->m->shape, slot, NULL, &columns);
    return (double)i->fisher[(i->m->family->shared ? 0 : (size_t)layer) * i->block_size + i->slot_offset[slot] + row * columns + column];
}

/* From elements to units: every residual dimension, head dimension and FFN unit gets the sum of
   what its readers and writers hold. */
static void ldr__importance_units(ldr__importance *im) {
    const ldr__shape *s = &im->m->shape;
    size_t kv = ldr__kv_width(s), hd = (size_t)s->head_dim, group = (size_t)(s->heads / s->kv_heads), rows, columns, r, c;
    int32_t l;
    int slot;
    for (l = 0; l < im->m->layers; l++) {
        for (slot = 0; slot < LDR__MATRICES; slot++) {
            int writer = slot == LDR__O || slot == LDR__DOWN;
            if (!ldr__slot_size(s, slot, &rows, &columns)) continue;
            for (r = 0; r < rows; r++)
                for (c = 0; c < columns; c++) {
                    double e = ldr__element(im, l, slot, r, c);
                    size_t inner = writer ? c : r;
                    im->residual[writer ? r : c] += e;
                    if (slot == LDR__Q || slot == LDR__O) inner = inner / hd / group * hd + inner % hd;     /* query head to its kv head */
                    if (slot == LDR__Q || slot == LDR__K) im->qk[(size_t)l * kv + inner] += e;
                    else if (slot == LDR__V || slot == LDR__O) im->vo[(size_t)l * kv + inner] += e;
                    else im->ffn[(size_t)l * (size_t)s->ffn + inner] += e;
                }
        }
        if (im->m->release) ldr__release_layer(im->m, l);
    }
}

/* The k best of n scores as ascending indices; equal scores: the lower index. A heap whose top is
   the worst kept so far. */
static int ldr__worse(const double *score, int32_t a, int32_t b) { return score[a] != score[b] ? score[a] < score[b] : a > b; }

static void ldr__sift(int32_t *heap, size_t n, size_t i, const double *score) {
    for (;;) {
        size_t child = 2 * i + 1;
        int32_t t;
        if (child >= n) return;
        if (child + 1 < n && ldr__worse(score, heap[child + 1], heap[child])) child++;
        if (!ldr__worse(score, heap[child], heap[i])) return;
        t = heap[i];
        heap[i] = heap[child];
        heap[child] = t;
        i = child;
    }
}

static void ldr__top_indices(int32_t *out, size_t k, const double *score, size_t n, int32_t *heap) {
    size_t i, j = 0, last;
    for (i = 0; i < k; i++) heap[i] = (int32_t)i;
    for (i = k / 2; i-- > 0;) ldr__sift(heap, k, i, score);
    for (i = k; i < n; i++)
        if (ldr__worse(score, heap[0], (int32_t)i)) {
            heap[0] = (int32_t)i;
            ldr__sift(heap, k, 0, score);
        }
    /* ascending: everything not worse than the worst kept, which is what the heap holds */
    last = (size_t)heap[0];
    for (i = 0; i < n && j < k; i++)
        if (i == last || ldr__worse(score, (int32_t)last, (int32_t)i)) out[j++] = (int32_t)i;
}

/* ---- which rows and columns ------------------------------------------------------------ */

/* Index lists of one sliced block: the columns of q,k,v and norm before attention (in), rows of q,
   of k, of v, columns of o, rows of o and columns of up (mid), FFN units, rows of down (out). */
typedef struct ldr__cut { int32_t *in, *q, *k, *v, *o, *mid, *ffn, *out; } ldr__cut;

static void ldr__cut_place(ldr__plan *p, ldr__cut *c, const ldr__shape *side) {
    size_t w = (size_t)side->width, q = (size_t)(side->heads * side->head_dim), kv = ldr__kv_width(side);
    c->in = (int32_t *)ldr__place(p, "slices", w, sizeof(int32_t));
    c->q = (int32_t *)ldr__place(p, "slices", q, sizeof(int32_t));
    c->k = (int32_t *)ldr__place(p, "slices", kv, sizeof(int32_t));
    c->v = (int32_t *)ldr__place(p, "slices", kv, sizeof(int32_t));
    c->o = (int32_t *)ldr__place(p, "slices", q, sizeof(int32_t));
    c->mid = (int32_t *)ldr__place(p, "slices", w, sizeof(int32_t));
    c->ffn = (int32_t *)ldr__place(p, "slices", (size_t)side->ffn, sizeof(int32_t));
    c->out = (int32_t *)ldr__place(p, "slices", w, sizeof(int32_t));
}

/* The best `keep` dimensions of every kept head, or all of them. Rotary dimensions turn in pairs
   (i, i+hd/2) and are kept or dropped together. */
static void ldr__cut_head_dims(int32_t *out, const ldr__importance *im, const double *score, size_t hd, size_t keep, int pairs) {
    size_t i;
    if (!pairs) {
        ldr__top_indices(out, keep, score, hd, im->work);
        return;
    }
    for (i = 0; i < hd / 2; i++) im->scores[i] = score[i] + score[i + hd / 2];
    ldr__top_indices(out, keep / 2, im->scores, hd / 2, im->work);
    for (i = 0; i < keep / 2; i++) out[keep / 2 + i] = out[i] + (int32_t)(hd / 2);
}

static void ldr__cut_default(ldr__cut *c, const ldr__importance *im, const ldr_ladder *l, int32_t layer, const int32_t *residual) {
    const ldr__shape *b = &im->m->shape, *s = &l->side;
    size_t hd = (size_t)b->head_dim, keep = (size_t)s->head_dim, kv = ldr__kv_width(b), group = (size_t)(b->heads / b->kv_heads), g, h, i;
    const double *qk = im->qk + (size_t)layer * kv, *vo = im->vo + (size_t)layer * kv;
    int32_t heads[1024];
    memcpy(c->in, residual, (size_t)s->width * sizeof(int32_t));
    memcpy(c->mid, residual, (size_t)s->width * sizeof(int32_t));
    memcpy(c->out, residual, (size_t)s->width * sizeof(int32_t));
    for (g = 0; g < (size_t)b->kv_heads; g++) {
        im->scores[g] = 0;
        for (i = 0; i < hd; i++) im->scores[g] += qk[g * hd + i] + vo[g * hd + i];
    }
    ldr__top_indices(heads, (size_t)s->kv_heads, im->scores, (size_t)b->kv_heads, im->work);
    for (g = 0; g < (size_t)s->kv_heads; g++) {
        size_t from = (size_t)heads[g] * hd;
        ldr__cut_head_dims(c->k + g * keep, im, qk + from, hd, keep, b->rotary);
        ldr__cut_head_dims(c->v + g * keep, im, vo + from, hd, keep, 0);
        for (h = 0; h < group; h++)
            for (i = 0; i < keep; i++) {
                size_t at = (g * group + h) * keep + i, head = ((size_t)heads[g] * group + h) * hd;
                c->q[at] = (int32_t)head + c->k[g * keep + i];
                c->o[at] = (int32_t)head + c->v[g * keep + i];
            }
        for (i = 0; i < keep; i++) {
            c->k[g * keep + i] += (int32_t)from;
            c->v[g * keep + i] += (int32_t)from;
        }
    }
    ldr__top_indices(c->ffn, (size_t)s->ffn, im->ffn + (size_t)layer * (size_t)b->ffn, (size_t)b->ffn, im->work);
}

/* Row scores of a matrix over the columns kept so far. */
static void ldr__row_scores(const ldr__importance *im, int32_t layer, int slot, const int32_t *columns, size_t n) {
    size_t rows, r, c;
    ldr__slot_size(&im->m->shape, slot, &rows, NULL);
    for (r = 0; r < rows; r++) {
        im->scores[r] = 0;
        for (c = 0; c < n; c++) im->scores[r] += ldr__element(im, layer, slot, r, (size_t)columns[c]);
    }
}

/* One layer of the reference's chain; `running` is the last index picked, and becomes this layer's. */
static void ldr__cut_paper(ldr__cut *c, const ldr__importance *im, const ldr_ladder *l, int32_t layer, int32_t *running) {
    const ldr__shape *b = &im->m->shape, *s = &l->side;
    size_t w = (size_t)s->width, q = (size_t)(b->heads * b->head_dim), qs = (size_t)(s->heads * s->head_dim), kv = ldr__kv_width(b), kvs = ldr__kv_width(s), r, i, group = (size_t)(b->heads / b->kv_heads), hd = (size_t)b->head_dim;
    memcpy(c->in, running, w * sizeof(int32_t));
    for (r = 0; r < q; r++) {                          /* F(q) F(k) F(v) on the kept columns, summed     */
        size_t kr = r / hd / group * hd + r % hd;
        im->scores[r] = 0;
        for (i = 0; i < w; i++) {
            size_t column = (size_t)c->in[i];
            im->scores[r] += ldr__element(im, layer, LDR__Q, r, column) * ldr__element(im, layer, LDR__K, kr, column) * ldr__element(im, layer, LDR__V, kr, column);
        }
    }
    ldr__top_indices(c->q, qs, im->scores, q, im->work);
    memcpy(c->o, c->q, qs * sizeof(int32_t));
    if (group == 1) memcpy(c->k, c->q, qs * sizeof(int32_t));
    else {                                             /* grouped heads: keys pick among themselves     */
        ldr__row_scores(im, layer, LDR__K, c->in, w);
        ldr__top_indices(c->k, kvs, im->scores, kv, im->work);
    }
    memcpy(c->v, c->k, kvs * sizeof(int32_t));
    ldr__row_scores(im, layer, LDR__O, c->o, qs);
    ldr__top_indices(c->mid, w, im->scores, (size_t)b->width, im->work);
    ldr__row_scores(im, layer, LDR__UP, c->mid, w);
    ldr__top_indices(c->ffn, (size_t)s->ffn, im->scores, (size_t)b->ffn, im->work);
    ldr__row_scores(im, layer, LDR__DOWN, c->ffn, (size_t)s->ffn);
    ldr__top_indices(c->out, w, im->scores, (size_t)b->width, im->work);
    memcpy(running, c->out, w * sizeof(int32_t));
}

/* ---- copying --------------------------------------------------------------------------- */

static void ldr__slice_matrix(ldr_ladder *l, int32_t param, ldr__mat from, const int32_t *rows, const int32_t *columns) {
    const ldr__param *p;
    size_t r, c;
    float *to;
    if (param < 0) return;
    p = &l->params[param];
    to = l->values + p->offset;
    for (r = 0; r < (size_t)p->rows; r++)
        for (c = 0; c < (size_t)p->columns; c++) to[r * (size_t)p->columns + c] = ldr__mat_get(&from, (size_t)rows[r], (size_t)columns[c]);
}

static void ldr__slice_vector(ldr_ladder *l, int32_t param, const float *from, const int32_t *index) {
    int32_t i;
    float *to;
    if (param < 0 || !from) return;
    to = l->values + l->params[param].offset;
    for (i = 0; i < l->params[param].columns; i++) to[i] = from[index[i]];
}

static void ldr__slice_block(ldr_ladder *l, int32_t rung, const ldr__block *b, const ldr__cut *c) {
    const int32_t *slot = l->rungs[rung].slot;
    int pre = l->side.place == LDR__PRE;
    ldr__slice_matrix(l, slot[LDR__Q], b->m[LDR__Q], c->q, c->in);
    ldr__slice_matrix(l, slot[LDR__K], b->m[LDR__K], c->k, c->in);
    ldr__slice_matrix(l, slot[LDR__V], b->m[LDR__V], c->v, c->in);
    ldr__slice_matrix(l, slot[LDR__O], b->m[LDR__O], c->mid, c->o);
    ldr__slice_matrix(l, slot[LDR__GATE], b->m[LDR__GATE], c->ffn, c->mid);
    ldr__slice_matrix(l, slot[LDR__UP], b->m[LDR__UP], c->ffn, c->mid);
    ldr__slice_matrix(l, slot[LDR__DOWN], b->m[LDR__DOWN], c->out, c->ffn);
    ldr__slice_vector(l, slot[LDR__QB], b->v[LDR__QB], c->q);
    ldr__slice_vector(l, slot[LDR__KB], b->v[LDR__KB], c->k);
    ldr__slice_vector(l, slot[LDR__VB], b->v[LDR__VB], c->v);
    ldr__slice_vector(l, slot[LDR__OB], b->v[LDR__OB], c->mid);
    ldr__slice_vector(l, slot[LDR__GATEB], b->v[LDR__GATEB], c->ffn);
    ldr__slice_vector(l, slot[LDR__UPB], b->v[LDR__UPB], c->ffn);
    ldr__slice_vector(l, slot[LDR__DOWNB], b->v[LDR__DOWNB], c->out);
    ldr__slice_vector(l, slot[LDR__NORM1], b->v[LDR__NORM1], pre ? c->in : c->mid);
    ldr__slice_vector(l, slot[LDR__NORM1B], b->v[LDR__NORM1B], pre ? c->in : c->mid);
    ldr__slice_vector(l, slot[LDR__NORM2], b->v[LDR__NORM2], pre ? c->mid : c->out);
    ldr__slice_vector(l, slot[LDR__NORM2B], b->v[LDR__NORM2B], pre ? c->mid : c->out);
}

/* down: row k reads residual dimension index[k]; up: its transpose. Biases are 0 already. */
static void ldr__slice_selection(ldr_ladder *l, int32_t param, const int32_t *index, int transposed) {
    const ldr__param *p;
    int32_t k;
    float *to;
    if (param < 0) return;
    p = &l->params[param];
    to = l->values + p->offset;
    memset(to, 0, (size_t)p->rows * (size_t)p->columns * sizeof(float));
    for (k = 0; k < l->d.width; k++) to[transposed ? (size_t)index[k] * (size_t)p->columns + (size_t)k : (size_t)k * (size_t)p->columns + (size_t)index[k]] = 1.0f;
}

static void ldr__slice_all(ldr_ladder *l, ldr__importance *im, ldr__cut *c, int32_t *running) {
    const ldr_model *m = l->m;
    size_t d = (size_t)m->shape.width, w = (size_t)l->d.width;
    int32_t layer, rung = 0;
    int paper = l->d.preset == LDR_PRESET_PAPER;
    ldr__top_indices(running, w, paper ? im->embedding : im->residual, d, im->work);
    for (layer = 0; layer < m->layers; layer++) {
        int here = rung < l->d.rung_count && l->rungs[rung].layer == layer;
        if (paper) ldr__cut_paper(c, im, l, layer, running);
        else if (here) ldr__cut_default(c, im, l, layer, running);
        if (here) ldr__slice_block(l, rung++, ldr__model_block(m, layer), c);
        if (m->release) ldr__release_layer(m, layer);
    }
    ldr__slice_vector(l, l->final_norm, m->ends.v[LDR__FINAL], running);
    ldr__slice_vector(l, l->final_norm_bias, m->ends.v[LDR__FINALB], running);
    if (paper) return;                                 /* D and U stay random in the reference        */
    ldr__slice_selection(l, l->first, running, 0);
    for (rung = 0; rung < l->d.rung_count; rung++) ldr__slice_selection(l, l->rungs[rung].down, running, 0);
    ldr__slice_selection(l, l->up, running, 1);
}

/* ---- looking at sample text: energy and Fisher ----------------------------------------- */

/* Mean square of states, of keys and queries, of attention outputs and of FFN units over the sample. */
static void ldr__energy_seen(void *context, const ldr__acts *a, size_t rows) {
    ldr__importance *im = (ldr__importance *)context;
    const ldr__shape *b = &im->m->shape;
    size_t t, i, hd = (size_t)b->head_dim, q = (size_t)b->heads * hd, kv = ldr__kv_width(b), ld = ldr__qkv_width(b), group = (size_t)(b->heads / b->kv_heads), f = (size_t)b->ffn, fld = ldr__ffn_ld(b), layer = (size_t)im->layer;
    for (t = 0; t < rows; t++) {
        for (i = 0; i < q; i++) {
            size_t unit = layer * kv + i / hd / group * hd + i % hd;
            im->qk[unit] += (double)a->qkv[t * ld + i] * (double)a->qkv[t * ld + i];
            im->vo[unit] += (double)a->attention[t * q + i] * (double)a->attention[t * q + i];
        }
        for (i = 0; i < kv; i++) im->qk[layer * kv + i] += (double)a->qkv[t * ld + q + i] * (double)a->qkv[t * ld + q + i];
        for (i = 0; i < f; i++) im->ffn[layer * f + i] += (double)a->u[t * fld + i] * (double)a->u[t * fld + i];
    }
}

static void ldr__energy_sample(ldr__importance *im, ldr__pass *s) {
    size_t d = (size_t)im->m->shape.width, t, i;
    const float *x = s->backbone.x;
    ldr__embed_forward(&s->ex, im->m, &s->ends, s->backbone.x, s->backbone.embed, s->ids, s->segments, &s->t);
    s->backbone.seen = ldr__energy_seen;
    s->backbone.context = im;
    for (im->layer = 0; im->layer < im->m->layers; im->layer++) {
        for (t = 0; t < s->t.count; t++)
            for (i = 0; i < d; i++) im->residual[i] += (double)x[t * d + i] * (double)x[t * d + i];
        ldr__model_block_forward(&s->ex, im->m, &s->backbone, im->layer, &s->t);
    }
    s->backbone.seen = NULL;
}

static void ldr__fisher_add(ldr__importance *im, int32_t layer) {
    float *f = im->fisher + (im->m->family->shared ? 0 : (size_t)layer) * im->block_size;
    size_t i;
    for (i = 0; i < im->block_size; i++) {
        f[i] += im->gradient[i] * im->gradient[i];
        im->gradient[i] = 0;
    }
}

/* Column sums of the squared word-embedding gradient; equal ids are one row and add up first. dx is
   the gradient of the embedding output and is used up. */
static void ldr__fisher_embedding(ldr__importance *im, const ldr__pass *s, float *dx) {
    const ldr_model *m = im->m;
    float *row = im->row;
    size_t d = (size_t)m->shape.width, i, t, u;
    if (m->ends.m[LDR__PROJECT].data) {                             /* the projection's rows write the stream: its bias gradient */
        for (i = 0; i < d; i++) {
            double g = 0;
            for (t = 0; t < s->t.count; t++) g += (double)dx[t * d + i];
            im->embedding[i] += g * g;
        }
        return;
    }
    for (t = 0; m->ends.v[LDR__EMBED_NORM] && t < s->t.count; t++) {
        float stats[2];
        ldr__embed_sum(&s->ex, m, &m->ends, row, s->ids, s->segments, &s->t, t);
        s->ex.kernels->rows->norm(row + d, stats, row, m->ends.v[LDR__EMBED_NORM], m->ends.v[LDR__EMBED_NORMB], d, 0, m->shape.eps);
        s->ex.kernels->rows->norm_backward(dx + t * d, 0, dx + t * d, row, stats, m->ends.v[LDR__EMBED_NORM], d, 0);
    }
    for (t = 0; t < s->t.count; t++) {
        for (u = 0; u < t; u++)
            if (s->ids[u] == s->ids[t]) break;
        if (u < t) continue;
        for (i = 0; i < d; i++) {
            double g = 0;
            for (u = t; u < s->t.count; u++)
                if (s->ids[u] == s->ids[t]) g += (double)dx[u * d + i];
            im->embedding[i] += g * g;
        }
    }
}

/* F += (d loss / d w)^2 for one example: empirical Fisher with the gold label (lst.md 2.2). */
static void ldr__fisher_sample(ldr__importance *im, ldr__pass *s, int32_t choices) {
    const ldr_model *m = im->m;
    ldr__targets target = ldr__pass_targets(s, NULL, 0, choices);
    double weight = ldr__batch_weight(s, &target);
    float *grads[LDR__ALL_SLOTS];
    int32_t layer;
    int slot;
    if (weight <= 0) return;
    ldr__deep_forward(s);
    ldr__head_forward(s);
    ldr__pass_loss(s, &target, weight);
    ldr__head_backward(s);
    ldr__final_backward(s, NULL, NULL);
    for (slot = 0; slot < LDR__ALL_SLOTS; slot++) grads[slot] = slot < LDR__SLOTS && ldr__slot_size(&m->shape, slot, NULL, NULL) ? im->gradient + im->slot_offset[slot] : NULL;
    for (layer = m->layers - 1; layer >= 0; layer--) {
        ldr__deep_block_backward(s, layer, grads);
        if (!m->family->shared || layer == 0) ldr__fisher_add(im, layer);
    }
    ldr__fisher_embedding(im, s, s->deep.dx);
}

/* Fills the importance; allocates for the time of the call. */
static ldr_status ldr__importance_sample(ldr__importance *im, const ldr_ladder *l, const ldr_dataset *set, ldr_error *err) {
    ldr_ladder_desc hd;
    ldr_train_desc back;
    ldr_ladder *head = NULL;
    ldr__plan plan;
    ldr__pass s;
    size_t tokens = 0, sequences = 0;
    int32_t per = set->head == LDR_HEAD_CHOICE ? set->choices : 1, n = (int32_t)set->count / per, i, take, *order;
    int pass;
    if (ldr__dataset_check(l, set, "the sample", err)) return err->status;
    memset(&back, 0, sizeof back);
    memset(&hd, 0, sizeof hd);
    hd.alloc = l->alloc;
    hd.preset = LDR_PRESET_HEAD;
    hd.head = l->d.head;
    hd.pool = l->d.pool;
    hd.classes = l->d.classes;
    hd.seed = l->d.seed;
    head = ldr__ladder_new(l->m, &hd, SIZE_MAX / 16, err);
    if (!head) return err->status;
    ldr__batch_limits(set, 1, &tokens, &sequences);
    memset(&plan, 0, sizeof plan);
    order = NULL;
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &l->alloc, err)) {
            ldr_ladder_free(head);
            return err->status;
        }
        ldr__pass_place(&plan, &s, head, tokens, sequences, &back);
        if (im->kind != LDR_FISHER) s.backbone.acts.u = ldr__place_matrix(&plan, "units", tokens, ldr__ffn_ld(&l->m->shape));      /* energy reads them beside the queries */
        if (im->kind == LDR_FISHER) ldr__deep_place(&plan, &s.deep, l->m, &l->m->shape, l->m->layers, tokens, 0, 0);
        order = (int32_t *)ldr__place(&plan, "order", (size_t)n, sizeof(int32_t));
    }
    for (i = 0; i < n; i++) order[i] = i;
    ldr__shuffle(order, n, ldr__stream(l->d.seed, LDR__STREAM_SAMPLE, 0));
    take = LDR__MIN(n, l->d.samples);
    for (i = 0; i < take; i++) {
        ldr__pass_load(&s, set, &order[i], 1, NULL, 0, 0);
        s.t.frequency = l->m->frequency;
        if (im->kind == LDR_FISHER) ldr__fisher_sample(im, &s, set->choices);
        else ldr__energy_sample(im, &s);
    }
    ldr__plan_end(plan.memory, plan.size, &l->alloc);
    ldr_ladder_free(head);
    return LDR_OK;
}

/* Magnitude of the embeddings: of the word table, or of what projects it to the model's width. */
static void ldr__embedding_magnitude(ldr__importance *im) {
    const ldr_model *m = im->m;
    size_t d = (size_t)m->shape.width, i, v, n = m->ends.m[LDR__PROJECT].data ? (size_t)m->embed_width : (size_t)m->vocabulary;
    for (v = 0; v < n; v++) {
        for (i = 0; i < d; i++) im->embedding[i] += fabs((double)(m->ends.m[LDR__PROJECT].data ? ldr__mat_get(&m->ends.m[LDR__PROJECT], i, v) : ldr__mat_get(&m->ends.m[LDR__WORD], v, i)));
        if (m->release && v % (8 * LDR__EMBED_ROWS) == 0) ldr__release_embeddings(m);
    }
    if (m->release) ldr__release_embeddings(m);
}

static ldr_status ldr__ladder_slice(ldr_ladder *l, const ldr_dataset *sample, ldr_error *err) {
    ldr__plan plan;
    ldr__importance im;
    ldr__cut cut;
    int32_t *running = NULL;
    int pass;
    ldr_status status = LDR_OK;
    if (l->d.preset == LDR_PRESET_CLUE || l->d.preset == LDR_PRESET_MLP) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "this preset's blocks are not shaped like the backbone's and cannot be sliced from it");
    if (l->d.importance == LDR_ENERGY && l->d.preset == LDR_PRESET_PAPER) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the paper's chain ranks single weights: use magnitude or fisher, not energy");
    if (l->d.importance != LDR_MAGNITUDE && !sample) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "slicing by fisher or energy needs sample text in the description");
    memset(&plan, 0, sizeof plan);
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &l->alloc, err)) return err->status;
        ldr__importance_place(&plan, &im, l->m, l->d.importance);
        ldr__cut_place(&plan, &cut, &l->side);
        running = (int32_t *)ldr__place(&plan, "slices", (size_t)l->d.width, sizeof(int32_t));
    }
    if (l->d.importance != LDR_MAGNITUDE) status = ldr__importance_sample(&im, l, sample, err);
    if (!status) {
        if (l->d.importance == LDR_MAGNITUDE) ldr__embedding_magnitude(&im);
        if (l->d.importance != LDR_ENERGY && l->d.preset != LDR_PRESET_PAPER) ldr__importance_units(&im);
        ldr__slice_all(l, &im, &cut, running);
    }
    ldr__plan_end(plan.memory, plan.size, &l->alloc);
    return status;
}

LDR__DEF ldr_ladder *ldr_ladder_create(const ldr_model *m, const ldr_ladder_desc *desc, ldr_error *err) {
    ldr_error local;
    ldr_ladder *l;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    l = ldr__ladder_new(m, desc, SIZE_MAX / 16, err);
    if (!l) return NULL;
    if (l->d.init == LDR_INIT_SLICE && l->d.rung_count > 0 && ldr__ladder_slice(l, desc->sample, err)) {
        ldr_ladder_free(l);
        return NULL;
    }
    l->fingerprint = ldr_model_fingerprint(m);
    return l;
}

/* ======================================================================================
   >>metrics           Scores
   ====================================================================================== */

LDR__DEF const char *ldr_metric_name(ldr_metric metric) {
    static const char *const names[] = { "auto", "accuracy", "f1", "accuracy_f1", "matthews", "correlation", "entity_f1" };
    return (int)metric >= 0 && metric <= LDR_METRIC_ENTITY_F1 ? names[metric] : "?";
}

static ldr_metric ldr__metric_for(ldr_metric metric, ldr_head head) {
    if (metric != LDR_METRIC_AUTO) return metric;
    return head == LDR_HEAD_REGRESS ? LDR_METRIC_CORRELATION : head == LDR_HEAD_TOKENS ? LDR_METRIC_ENTITY_F1 : LDR_METRIC_ACCURACY;
}

/* Everything the metrics need, gathered batch by batch. Positive class of F1 and Matthews: 1. */
typedef struct ldr__tally {
    double  loss, weight;
    int64_t right, counted, tp, fp, tn, fn;            /* of class 1                              */
    int64_t found, wanted, matched;                    /* entities                                */
    float  *predicted, *actual;                        /* REGRESS: [examples]                     */
    size_t  values;
} ldr__tally;

static double ldr__ratio(double a, double b) { return b > 0 ? a / b : 0; }

/* The entity that starts at tag i of BIO tags (0: O, 1+2k: B-k, 2+2k: I-k): its end, or i when none
   does. A stray I- opens an entity too, as in the CoNLL evaluation. */
static size_t ldr__entity_end(const int32_t *tag, size_t i, size_t n) {
    size_t j;
    int32_t kind;
    if (tag[i] <= 0) return i;
    kind = (tag[i] - 1) / 2;
    if (tag[i] % 2 == 0 && i > 0 && tag[i - 1] > 0 && (tag[i - 1] - 1) / 2 == kind) return i;      /* inside one */
    for (j = i + 1; j < n && tag[j] == 2 + 2 * kind; j++) {}
    return j;
}

/* Ignored tokens (the later pieces of a word, often) are not there: an entity runs across them. Both
   lists are closed up in place. */
static void ldr__tally_entities(ldr__tally *y, int32_t *guess, int32_t *gold, size_t n) {
    size_t i, kept = 0;
    for (i = 0; i < n; i++)
        if (gold[i] != LDR_IGNORE) {
            guess[kept] = guess[i];
            gold[kept++] = gold[i];
        }
    for (i = 0; i < kept; i++) {
        size_t g = ldr__entity_end(guess, i, kept), w = ldr__entity_end(gold, i, kept);
        y->found += g > i;
        y->wanted += w > i;
        y->matched += g > i && g == w && (guess[i] - 1) / 2 == (gold[i] - 1) / 2;
    }
}

static void ldr__tally_class(ldr__tally *y, int32_t guess, int32_t gold) {
    y->counted++;
    y->right += guess == gold;
    if (guess == 1) gold == 1 ? y->tp++ : y->fp++;
    else gold == 1 ? y->fn++ : y->tn++;
}

/* Adds a batch whose logits stand in the pass. `scratch` is room for the predicted tags. */
static void ldr__tally_batch(ldr__tally *y, ldr__pass *s, const ldr__targets *t, int32_t *scratch) {
    ldr_head head = s->l->d.head;
    size_t n = (size_t)s->l->d.classes, r;
    y->loss += ldr__pass_loss(s, t, 0);
    y->weight += ldr__batch_weight(s, t);
    if (head == LDR_HEAD_WORDS) {
        for (r = 0; r < s->row_count; r++) ldr__tally_class(y, s->guess[r], s->labels[r]);
        return;
    }
    if (head == LDR_HEAD_REGRESS)
        for (r = 0; r < s->row_count; r++, y->values++) {
            y->predicted[y->values] = s->logits[r];
            y->actual[y->values] = s->values[r];
        }
    else if (head == LDR_HEAD_CHOICE)
        for (r = 0; r < s->row_count / (size_t)t->choices; r++) ldr__tally_class(y, ldr__argmax(s->logits + r * (size_t)t->choices, (size_t)t->choices), s->labels[r]);
    else if (head == LDR_HEAD_CLASSIFY)
        for (r = 0; r < s->row_count; r++) ldr__tally_class(y, ldr__argmax(s->logits + r * n, n), s->labels[r]);
    else {
        int32_t q;
        for (r = 0; r < s->row_count; r++) {
            scratch[r] = ldr__argmax(s->logits + r * n, n);
            if (s->labels[r] != LDR_IGNORE) ldr__tally_class(y, scratch[r], s->labels[r]);
        }
        for (q = 0; q < s->t.sequences; q++) ldr__tally_entities(y, scratch + s->offsets[q], s->labels + s->offsets[q], (size_t)(s->offsets[q + 1] - s->offsets[q]));
    }
}

static double ldr__pearson(const float *a, const float *b, size_t n) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        ma += (double)a[i] / (double)n;
        mb += (double)b[i] / (double)n;
    }
    for (i = 0; i < n; i++) {
        ab += ((double)a[i] - ma) * ((double)b[i] - mb);
        aa += ((double)a[i] - ma) * ((double)a[i] - ma);
        bb += ((double)b[i] - mb) * ((double)b[i] - mb);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Replaces values by their ranks, ties by the mean rank: Spearman is Pearson of ranks. Quadratic, which
   a development set of thousands allows without a buffer for sorting. */
static void ldr__ranks(float *rank, const float *v, size_t n) {
    size_t i, j;
    for (i = 0; i < n; i++) {
        size_t less = 0, same = 0;
        for (j = 0; j < n; j++) {
            less += v[j] < v[i];
            same += v[j] == v[i];
        }
        rank[i] = (float)((double)less + ((double)same - 1) / 2);
    }
}

static double ldr__tally_value(const ldr__tally *y, ldr_metric metric, float *scratch) {
    double accuracy = ldr__ratio((double)y->right, (double)y->counted), f1 = ldr__ratio(2.0 * (double)y->tp, 2.0 * (double)y->tp + (double)y->fp + (double)y->fn), under;
    switch (metric) {
        case LDR_METRIC_F1: return f1;
        case LDR_METRIC_ACCURACY_F1: return (accuracy + f1) / 2;
        case LDR_METRIC_ENTITY_F1: return ldr__ratio(2.0 * (double)y->matched, (double)(y->found + y->wanted));
        case LDR_METRIC_MATTHEWS:
            under = (double)(y->tp + y->fp) * (double)(y->tp + y->fn) * (double)(y->tn + y->fp) * (double)(y->tn + y->fn);
            return under > 0 ? ((double)y->tp * (double)y->tn - (double)y->fp * (double)y->fn) / sqrt(under) : 0;
        case LDR_METRIC_CORRELATION: {
            double pearson = ldr__pearson(y->predicted, y->actual, y->values);
            ldr__ranks(scratch, y->predicted, y->values);
            ldr__ranks(scratch + y->values, y->actual, y->values);
            return (pearson + ldr__pearson(scratch, scratch + y->values, y->values)) / 2;
        }
        default: return accuracy;
    }
}

/* ======================================================================================
   >>optimiser         SGD, Adam, AdamW, Adafactor over one flat array
   --------------------------------------------------------------------------------------
   t counts from 1.  Adam(W): ldr__adam_body.  Adam adds decay to the gradient, AdamW takes it from
   the weight.   SGD: b = mu b + g;  w -= rate (nesterov: g + mu b, else b).   Adafactor unfactored
   (Shazeer & Stern 2018; lst-clue.md): beta2_t = 1 - t^-0.8, u = g / sqrt(v), u /= max(1, rms(u)),
   m = beta1 m + (1-beta1) u,  w -= rate max(1e-3, rms(w)) m, one rms a tensor.
   ====================================================================================== */

enum { LDR__PIECE = 1 << 14 };     /* numbers a task of the optimiser owns                    */

/* The root of the mean square, from sums over parts whose number does not depend on threads. */
static double ldr__rms(const ldr_model *m, const float *v, size_t n) {
    double sums[64], s = 0;
    size_t each = ldr__round_up(LDR__MAX((n + 63) / 64, (size_t)LDR__PIECE), LDR__LANES), parts = (n + each - 1) / each, i;
    LDR__FOR(part, (int64_t)parts, m->threads) sums[part] = m->kernels->rows->squares(v + (size_t)part * each, LDR__MIN(each, n - (size_t)part * each));
    for (i = 0; i < parts; i++) s += sums[i];
    return n ? sqrt(s / (double)n) : 0;
}

static void ldr__adafactor(const ldr_model *model, float *w, float *m, float *v, float *g, size_t n, double rate, double beta1, int64_t t) {
    double b2 = 1.0 - pow((double)t, -0.8), scale;
    size_t i;
    for (i = 0; i < n; i++) {
        v[i] = (float)(b2 * (double)v[i] + (1.0 - b2) * ((double)g[i] * (double)g[i] + 1e-30));
        g[i] = (float)((double)g[i] / sqrt((double)v[i]));
    }
    scale = ldr__rms(model, g, n);
    scale = 1.0 / LDR__MAX(1.0, scale);
    rate *= LDR__MAX(1e-3, ldr__rms(model, w, n));
    for (i = 0; i < n; i++) {
        m[i] = (float)(beta1 * (double)m[i] + (1.0 - beta1) * (double)g[i] * scale);
        w[i] = (float)((double)w[i] - rate * (double)m[i]);
    }
}

/* One step; gradients are scaled by `scale` (clipping) and may be overwritten. */
static void ldr__optimise(const ldr_ladder *l, float *m, float *v, const ldr_train_desc *d, double rate, double scale, int64_t t) {
    const int adam = d->optimizer == LDR_ADAMW || d->optimizer == LDR_ADAM;
    int32_t p;
    for (p = 0; p < l->count; p++) {
        const ldr__param *q = &l->params[p];
        const size_t all = (size_t)q->rows * (size_t)q->columns;
        const float decay = q->decay ? d->weight_decay : 0;
        LDR__FOR(piece, ((int64_t)all + LDR__PIECE - 1) / LDR__PIECE, l->m->threads) {
            size_t first = (size_t)piece * LDR__PIECE, at = q->offset + first, n = LDR__MIN(all - first, (size_t)LDR__PIECE), i;
            float *w = l->values + at, *g = l->grads + at, s = (float)scale, c[7];
            if (d->optimizer != LDR_ADAMW && (!adam || decay > 0)) {
                for (i = 0; i < n; i++) g[i] = g[i] * s + decay * w[i];
                s = 1;
            }
            if (adam) {
                c[0] = d->beta1;
                c[1] = d->beta2;
                c[2] = (float)(rate / (1.0 - pow((double)d->beta1, (double)t)));
                c[3] = (float)(1.0 / (1.0 - pow((double)d->beta2, (double)t)));
                c[4] = d->epsilon;
                c[5] = d->optimizer == LDR_ADAMW ? (float)(rate * (double)decay) : 0;
                c[6] = s;
                l->m->kernels->rows->adam(w, m + at, v + at, g, n, c);
            } else if (d->optimizer == LDR_SGD) {
                float *b = m + at;
                for (i = 0; i < n; i++) {
                    b[i] = d->momentum * b[i] + g[i];
                    w[i] -= (float)rate * (d->nesterov ? g[i] + d->momentum * b[i] : b[i]);
                }
            }
        }
        if (d->optimizer == LDR_ADAFACTOR) ldr__adafactor(l->m, l->values + q->offset, m + q->offset, v + q->offset, l->grads + q->offset, all, rate, (double)d->beta1, t);
    }
}

/* Rate of step t (from 0) of n: (t+1)/warm during warm-up, then linear or cosine to 0, or constant. */
static double ldr__rate(const ldr_train_desc *d, int64_t t, int64_t n) {
    int64_t warm = d->warmup > 0 ? (int64_t)((double)d->warmup * (double)n) : 0;
    double rest;
    if (t < warm) return (double)d->rate * (double)(t + 1) / (double)warm;
    rest = n > warm ? (double)(t - warm) / (double)(n - warm) : 0;
    if (d->schedule == LDR_LINEAR) return (double)d->rate * (1.0 - rest);
    if (d->schedule == LDR_COSINE) return (double)d->rate * 0.5 * (1.0 + cos(3.141592653589793 * rest));
    return (double)d->rate;
}

/* ======================================================================================
   >>tap-cache         Taps of every example, computed once
   --------------------------------------------------------------------------------------
   Backbone dropout is off, so taps are a function of the text alone, and a row of a product does
   not depend on the other rows of a batch: a cached tap has the bits a fresh one would have. Taps
   kept as bf16 or int8 are rounded before the ladder first sees them, so that the first epoch, a
   later one, a cache filled layer by layer and one read from disk all train on the same numbers.

   A record is one tap of one sequence (the last one: the final state at the head's rows), row by
   row, little endian; an int8 row is a float scale and its numbers plus 128. In memory records lie
   end to end. A file holds

       128 bytes   "LDRTAPS1", u32 version, u32 type, u64 each: hashes of backbone, settings and
                   texts, sequences, tokens, records a sequence, width, bytes of the file, zeros, hash of all that
       records     sequence by sequence, each followed by a u64 hash seeded with its place
       16 bytes    "LDRTAPSE", the header's hash again

   and appears under its name only when the last record is in. Every record is checked whenever it
   is read; one that fails is computed and written again, a file that does not fit is made anew.
   ====================================================================================== */

enum { LDR__TAPS_HEADER = 128, LDR__TAPS_END = 16 };

typedef struct ldr__cache {
    const ldr_dataset *d;
    ldr_dtype          type;
    size_t             width, row, hash;   /* numbers and bytes of a row; bytes of a record's hash */
    size_t             taps, records;      /* a sequence: without and with the final state     */
    int                token_rows;         /* the head reads every token                       */
    unsigned char     *data;               /* all records, or room for one                     */
    unsigned char     *have;               /* [sequences]                                      */
    size_t             filled, damaged;
    int                reused;
    char               note[320];
#ifndef LADDER_NO_STDIO
    FILE              *f;
    int                writable;
    uint64_t           seed;               /* of the records' hashes                           */
    ldr__writer        writer;             /* of a file in the making; its path always         */
#endif
} ldr__cache;

static int ldr__uses_final(const ldr_ladder *l) { return l->d.rung_count == 0 || l->out_gate >= 0; }

/* Rows of record k of a sequence of n tokens. */
static size_t ldr__cache_rows(const ldr__cache *c, size_t k, size_t n) { return k < c->taps || c->token_rows ? n : 1; }

/* Where record k of a sequence lies, behind the header; sequence = count, k = 0: the end. */
static uint64_t ldr__cache_at(const ldr__cache *c, size_t sequence, size_t k) {
    uint64_t before = c->d->offsets[sequence], rows = before * c->taps, n = k ? c->d->offsets[sequence + 1] - before : 0;
    if (c->records > c->taps) rows += c->token_rows ? before : (uint64_t)sequence;
    return (rows + k * n) * c->row + ((uint64_t)sequence * c->records + k) * c->hash;
}

static void ldr__cache_shape(ldr__cache *c, const ldr_ladder *l, const ldr_dataset *d, ldr_dtype type, int disk) {
    memset(c, 0, sizeof *c);
    c->d = d;
    c->type = type;
    c->width = (size_t)l->m->shape.width;
    c->row = ldr__packed_row(c->width, type);
    c->hash = disk ? 8 : 0;
    c->taps = (size_t)(l->has_first + l->d.rung_count);
    c->records = c->taps + (size_t)ldr__uses_final(l);
    c->token_rows = ldr__per_token(d->head);
}

static uint64_t ldr__cache_file_size(const ldr__cache *c) { return LDR__TAPS_HEADER + ldr__cache_at(c, c->d->count, 0) + LDR__TAPS_END; }

static void ldr__cache_place(ldr__plan *p, ldr__cache *c) {
    uint64_t bytes = ldr__cache_at(c, c->d->count, 0), limit, rows = (uint64_t)c->d->tokens * c->records;
    size_t i, longest = 1;
    if (!ldr__mul_u64(&limit, rows, c->row + c->hash) || (!c->hash && bytes > SIZE_MAX / 2)) p->overflow = 1;
    for (i = 0; i < c->d->count; i++) longest = LDR__MAX(longest, (size_t)(c->d->offsets[i + 1] - c->d->offsets[i]));
    if (c->hash) c->data = (unsigned char *)ldr__place(p, "tap cache: one record", longest * c->row + c->hash, 1);
    else c->data = (unsigned char *)ldr__place(p, "tap cache: taps", (size_t)bytes, 1);
    c->have = (unsigned char *)ldr__place(p, "tap cache: marks", c->d->count, 1);
}

/* ---- the file -------------------------------------------------------------------------- */

#ifndef LADDER_NO_STDIO

/* Anywhere in a file of any size: fseek ends where long does. */
static int ldr__file_seek(FILE *f, uint64_t at) {
#ifdef _WIN32
    return at <= INT64_MAX && _fseeki64(f, (int64_t)at, SEEK_SET) == 0;
#else
    return at <= (uint64_t)LONG_MAX && fseek(f, (long)at, SEEK_SET) == 0;
#endif
}

static uint64_t ldr__record_hash(const ldr__cache *c, const unsigned char *bytes, size_t n, uint64_t at) { return ldr__digest(ldr__mix64(c->seed + at), bytes, n); }

static uint64_t ldr__backbone_hash(const ldr_model *m, uint64_t fingerprint) {
    const uint32_t n[5] = { ldr__bits_from_float(m->shape.eps), ldr__bits_from_float(m->rope_theta), (uint32_t)m->shape.activation, (uint32_t)m->position_offset,
                            (uint32_t)m->compute | (m->compute == LDR_COMPUTE_BF16 && m->kernels->tile_bf16 ? 256u : 0u) };
    int i;
    for (i = 0; i < 5; i++) fingerprint = ldr__mix64(fingerprint ^ n[i]);
    return fingerprint;
}

/* What is kept, and by which kernels it was computed: instruction sets differ in the last bits. */
static uint64_t ldr__settings_hash(const ldr_ladder *l, const ldr__cache *c) {
    uint64_t h = ldr__digest((uint64_t)l->has_first * 4 + (uint64_t)ldr__uses_final(l) * 2 + (uint64_t)c->token_rows, l->m->kernels->name, strlen(l->m->kernels->name));
    int32_t r;
    for (r = 0; r < l->d.rung_count; r++) h = ldr__mix64(h ^ ((uint64_t)l->rungs[r].layer << 2 | (uint64_t)l->d.tap));
    if (ldr__uses_final(l) && !c->token_rows) h = ldr__mix64(h ^ (uint64_t)l->d.pool);
    return h;
}

/* Token ids stand for the tokenizer, the length limit and the texts alike. Labels are no part of a tap. */
static uint64_t ldr__texts_hash(const ldr_dataset *d) {
    uint64_t h = (uint64_t)d->count;
    size_t k;
    for (k = 0; k < d->tokens; k++) h = ldr__mix64(h ^ ((uint64_t)(uint32_t)d->ids[k] << 16) ^ (uint64_t)(uint32_t)d->segments[k]);
    for (k = 0; k <= d->count; k++) h = ldr__mix64(h ^ d->offsets[k]);
    return h;
}

static void ldr__cache_header(const ldr__cache *c, const ldr_ladder *l, unsigned char *header) {
    const uint64_t n[8] = { ldr__backbone_hash(l->m, l->fingerprint), ldr__settings_hash(l, c), ldr__texts_hash(c->d), c->d->count, c->d->tokens, c->records, c->width, ldr__cache_file_size(c) };
    int i;
    memset(header, 0, LDR__TAPS_HEADER);
    memcpy(header, "LDRTAPS1", 8);
    ldr__store_u32(header + 8, 1);
    ldr__store_u32(header + 12, (uint32_t)c->type);
    for (i = 0; i < 8; i++) ldr__store_u64(header + 16 + 8 * i, n[i]);
    ldr__store_u64(header + LDR__TAPS_HEADER - 8, ldr__digest(0, header, LDR__TAPS_HEADER - 8));
}

static void ldr__cache_end(unsigned char *end, uint64_t header_hash) {
    memcpy(end, "LDRTAPSE", 8);
    ldr__store_u64(end + 8, header_hash);
}

/* NULL when the open file is the cache that `header` describes, else why not. */
static const char *ldr__cache_misfit(FILE *f, const unsigned char *header, uint64_t size) {
    unsigned char found[LDR__TAPS_HEADER], end[LDR__TAPS_END], wanted[LDR__TAPS_END];
    if (fread(found, 1, sizeof found, f) != sizeof found) return "it is cut off";
    if (memcmp(found, header, 8) != 0) return "it is damaged, or no tap cache of this version";
    if (ldr__load_u64(found + LDR__TAPS_HEADER - 8) != ldr__digest(0, found, LDR__TAPS_HEADER - 8)) return "its header is damaged";
    if (memcmp(found + 8, header + 8, 4) != 0) return "another version of this library wrote it";
    if (memcmp(found + 16, header + 16, 8) != 0) return "it was made with another backbone";
    if (memcmp(found + 32, header + 32, 24) != 0) return "it was made from other texts, or with another tokenizer or length limit";
    if (memcmp(found + 24, header + 24, 8) != 0) return "it was made for other rungs or taps, another kind of head, or on another instruction set";
    if (memcmp(found + 12, header + 12, 4) != 0) return "it holds another element type";
    if (memcmp(found, header, sizeof found) != 0) return "its header is damaged";
    ldr__cache_end(wanted, ldr__load_u64(header + LDR__TAPS_HEADER - 8));
    if (!ldr__file_seek(f, size - sizeof end) || fread(end, 1, sizeof end, f) != sizeof end) return "it is cut off";
    if (memcmp(end, wanted, sizeof end) != 0 || getc(f) != EOF) return "its end is damaged";
    return NULL;
}

/* Looks for the file of an earlier run; without one that fits, begins a new one. */
static ldr_status ldr__cache_open(ldr__cache *c, const ldr_ladder *l, const char *dir, const char *name, ldr_error *err) {
    unsigned char header[LDR__TAPS_HEADER];
    char path[LADDER_MAX_PATH];
    const char *misfit;
    if (!ldr__path_join(path, sizeof path, dir, name)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the path of the tap cache is longer than %d bytes", LADDER_MAX_PATH - 32);
#if !defined(_WIN32) && LONG_MAX < INT64_MAX
    if (ldr__cache_file_size(c) > (uint64_t)LONG_MAX) return ldr__fail(err, LDR_LIMIT, LDR_NO_OFFSET, "%s: %U bytes are more than this system's files can be moved about in: use a smaller type or fewer rungs", path, ldr__cache_file_size(c));
#endif
    ldr__cache_header(c, l, header);
    c->seed = ldr__load_u64(header + LDR__TAPS_HEADER - 8);
    c->f = fopen(path, "r+b");
    c->writable = c->f != NULL;
    if (!c->f) c->f = fopen(path, "rb");
    if (c->f) {
        setvbuf(c->f, NULL, _IONBF, 0);
        misfit = ldr__cache_misfit(c->f, header, ldr__cache_file_size(c));
        if (!misfit) {
            ldr__format(c->writer.path, sizeof c->writer.path, "%s", path);
            ldr__format(c->note, sizeof c->note, "%s: taps of an earlier run are used again", path);
            memset(c->have, 1, c->d->count);
            c->filled = c->d->count;
            c->reused = 1;
            return LDR_OK;
        }
        ldr__format(c->note, sizeof c->note, "%s: %s; it is made again", path, misfit);
        fclose(c->f);
        c->f = NULL;
    }
#if LDR__HAVE_MMAP
    mkdir(dir, 0777);                      /* what cannot be, the next line says                  */
#endif
    if (ldr__writer_open(&c->writer, path, err)) return err->status;
    c->f = c->writer.f;
    c->writable = 1;
    setvbuf(c->f, NULL, _IONBF, 0);        /* records go straight between file and room            */
    ldr__writer_put(&c->writer, header, sizeof header, err);
    return c->writer.status;
}

/* All records are in: the file gets its end and its name. */
static ldr_status ldr__cache_finish(ldr__cache *c, ldr_error *err) {
    unsigned char end[LDR__TAPS_END];
    ldr__writer *w = &c->writer;
    if (!w->f || c->filled < c->d->count) return LDR_OK;
    ldr__cache_end(end, c->seed);
    if (!ldr__file_seek(w->f, ldr__cache_file_size(c) - sizeof end)) w->status = ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: writing failed: %s", w->temporary, strerror(errno));
    ldr__writer_put(w, end, sizeof end, err);
    c->f = NULL;
    if (ldr__writer_close(w, err)) return w->status;
    c->f = fopen(w->path, "r+b");
    if (!c->f) return ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: cannot be opened: %s", w->path, strerror(errno));
    setvbuf(c->f, NULL, _IONBF, 0);
    return LDR_OK;
}

static void ldr__cache_close(ldr__cache *c) {
    if (c->writer.f) {                     /* not all records are in: nothing may look like a cache */
        c->writer.status = LDR_IO;
        ldr__writer_close(&c->writer, NULL);
    } else if (c->f) fclose(c->f);
    c->f = NULL;
}
#endif

/* ---- records --------------------------------------------------------------------------- */

/* Packs x[rows,width] where the record lies in memory, or into the room for one. */
static unsigned char *ldr__cache_pack(const ldr__cache *c, const ldr__pass *s, size_t sequence, size_t k, const float *x, size_t rows) {
    unsigned char *to = c->hash ? c->data : c->data + (size_t)ldr__cache_at(c, sequence, k);
    s->ex.kernels->rows->pack(to, x, rows, c->width, c->type);
    return to;
}

static ldr_status ldr__cache_write(ldr__cache *c, size_t sequence, size_t k, unsigned char *packed, size_t rows, ldr_error *err) {
#ifndef LADDER_NO_STDIO
    uint64_t at = LDR__TAPS_HEADER + ldr__cache_at(c, sequence, k);
    size_t n = rows * c->row;
    if (!c->hash || !c->writable) return LDR_OK;
    if (!c->f) return ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: the tap cache could not be finished", c->writer.path);
    ldr__store_u64(packed + n, ldr__record_hash(c, packed, n, at));
    if (!ldr__file_seek(c->f, at) || fwrite(packed, 1, n + 8, c->f) != n + 8)
        return ldr__fail(err, LDR_IO, at, "%s: writing %U bytes of taps failed: %s", c->writer.f ? c->writer.temporary : c->writer.path, (uint64_t)n + 8, strerror(errno));
#else
    (void)c; (void)sequence; (void)k; (void)packed; (void)rows; (void)err;
#endif
    return LDR_OK;
}

static int ldr__cache_in_memory(const ldr__cache *c) { return !c->hash; }

/* A record from the file into the room for one; 0 when it could not be read or does not match its hash. */
static int ldr__cache_read(ldr__cache *c, size_t sequence, size_t k, size_t rows) {
#ifndef LADDER_NO_STDIO
    uint64_t at = LDR__TAPS_HEADER + ldr__cache_at(c, sequence, k);
    size_t n = rows * c->row;
    if (!c->f || !ldr__file_seek(c->f, at) || fread(c->data, 1, n + 8, c->f) != n + 8 || ldr__load_u64(c->data + n) != ldr__record_hash(c, c->data, n, at)) {
        if (c->damaged++ == 0) ldr__format(c->note, sizeof c->note, "%s: the record at byte %U does not match its checksum; it is computed again", c->writer.path, at);
        c->have[sequence] = 0;
        c->filled--;
        return 0;
    }
#else
    (void)c; (void)sequence; (void)k; (void)rows;
#endif
    return 1;
}

/* The place in a pass of record k of its q-th sequence. */
static float *ldr__cache_place_in(const ldr__cache *c, const ldr__pass *s, size_t k, int32_t q) {
    size_t row = k < c->taps || c->token_rows ? (size_t)s->offsets[q] : (size_t)q;
    return (k < c->taps ? s->taps[k] : s->final) + row * c->width;
}

/* Number in its set of the q-th sequence of a batch of examples with `per` sequences each. */
static size_t ldr__sequence_of(const int32_t *examples, int32_t per, int32_t q) { return (size_t)examples[q / per] * (size_t)per + (size_t)(q % per); }

static void ldr__cache_unpack(const ldr__cache *c, const ldr__pass *s, size_t sequence, size_t k, int32_t q) {
    ldr__rows_unpack(s->ex.kernels, ldr__cache_place_in(c, s, k, q), c->data + (size_t)ldr__cache_at(c, sequence, k), ldr__cache_rows(c, k, (size_t)(s->offsets[q + 1] - s->offsets[q])), c->width, c->type);
}

/* Taps of a batch of n sequences into the pass, but for those in memory (ldr__cache_fetch); 0 when some are missing or damaged. */
static int ldr__cache_get(ldr__cache *c, const ldr__pass *s, const int32_t *examples, int32_t per, int32_t n) {
    int32_t q;
    size_t k;
    for (q = 0; q < n; q++)
        if (!c->have[ldr__sequence_of(examples, per, q)]) return 0;
    if (!ldr__cache_in_memory(c)) {
        for (q = 0; q < n; q++)
            for (k = 0; k < c->records; k++) {
                size_t sequence = ldr__sequence_of(examples, per, q), rows = ldr__cache_rows(c, k, (size_t)(s->offsets[q + 1] - s->offsets[q]));
                if (!ldr__cache_read(c, sequence, k, rows)) return 0;
                ldr__rows_unpack(s->ex.kernels, ldr__cache_place_in(c, s, k, q), c->data, rows, c->width, c->type);
            }
        return 1;
    }
    for (k = c->taps; k < c->records; k++)
        for (q = 0; q < n; q++) ldr__cache_unpack(c, s, ldr__sequence_of(examples, per, q), k, q);
    return 1;
}

/* A batch whose taps are in memory: they come into the pass one at a time, when the ladder gets there. */
typedef struct ldr__cached_batch {
    const ldr__cache *c;
    const int32_t    *examples;
    int32_t           per;
} ldr__cached_batch;

static void ldr__cache_fetch(const void *from, const ldr__pass *s, int32_t k, int32_t q) {
    const ldr__cached_batch *b = (const ldr__cached_batch *)from;
    ldr__cache_unpack(b->c, s, ldr__sequence_of(b->examples, b->per, q), (size_t)k, q);
}

/* Keeps the pass's taps of its q-th sequence, and rounds them to what is kept. */
static ldr_status ldr__cache_put(ldr__cache *c, const ldr__pass *s, size_t sequence, int32_t q, ldr_error *err) {
    size_t k, n = (size_t)(s->offsets[q + 1] - s->offsets[q]);
    for (k = 0; k < c->records; k++) {
        size_t rows = ldr__cache_rows(c, k, n);
        float *x = ldr__cache_place_in(c, s, k, q);
        unsigned char *packed = ldr__cache_pack(c, s, sequence, k, x, rows);
        if (!c->have[sequence] && ldr__cache_write(c, sequence, k, packed, rows, err)) return err->status;
        if (c->type != LDR_F32) ldr__rows_unpack(s->ex.kernels, x, packed, rows, c->width, c->type);
    }
    c->filled += !c->have[sequence];
    c->have[sequence] = 1;
    return LDR_OK;
}

/* ---- layer by layer -------------------------------------------------------------------- */

/* States of all tokens between two layers: in memory, or in a file beside the cache. */
typedef struct ldr__hidden {
    float *memory;
    size_t size, width;
#ifndef LADDER_NO_STDIO
    FILE  *f;
    char   path[LADDER_MAX_PATH];
#endif
} ldr__hidden;

static size_t ldr__hidden_size(const ldr__cache *c) { return c->hash ? 0 : c->d->tokens > SIZE_MAX / 8 / c->width ? SIZE_MAX / 2 : c->d->tokens * c->width * sizeof(float); }

static ldr_status ldr__hidden_open(ldr__hidden *s, const ldr__cache *c, const ldr_allocator *a, ldr_error *err) {
    memset(s, 0, sizeof *s);
    s->width = c->width;
    s->size = ldr__hidden_size(c);
#ifndef LADDER_NO_STDIO
    if (c->hash) {
        ldr__text t;
        ldr__text_init(&t, s->path, sizeof s->path);
        ldr__text_string(&t, c->writer.path);
        ldr__text_string(&t, ".states");
        if (t.full) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the path of the tap cache is longer than %d bytes", LADDER_MAX_PATH - 32);
        s->f = fopen(s->path, "w+b");
        if (!s->f) return ldr__fail(err, LDR_IO, LDR_NO_OFFSET, "%s: cannot be created: %s", s->path, strerror(errno));
        setvbuf(s->f, NULL, _IONBF, 0);
#if LDR__HAVE_MMAP
        remove(s->path);                   /* an open file needs no name: a crash leaves nothing   */
#endif
        return LDR_OK;
    }
#endif
    s->memory = (float *)ldr__alloc(a, s->size);
    return s->memory ? LDR_OK : ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory: %U bytes for the states between two layers; fill the cache in the first epoch instead, or keep it on disk", (uint64_t)s->size);
}

static void ldr__hidden_close(ldr__hidden *s, const ldr_allocator *a) {
#ifndef LADDER_NO_STDIO
    if (s->f) {
        fclose(s->f);
#if !LDR__HAVE_MMAP
        remove(s->path);
#endif
    }
#endif
    ldr__free(a, s->memory, s->size);
}

/* x[n,width] out of, or into, the states from token `first` on. */
static ldr_status ldr__hidden_move(ldr__hidden *s, float *x, uint64_t first, size_t n, int store, ldr_error *err) {
    size_t bytes = n * s->width * sizeof(float);
#ifndef LADDER_NO_STDIO
    if (s->f) {
        uint64_t at = first * s->width * sizeof(float);
        if (!ldr__file_seek(s->f, at) || (store ? fwrite(x, 1, bytes, s->f) : fread(x, 1, bytes, s->f)) != bytes)
            return ldr__fail(err, LDR_IO, at, "%s: %s failed: %s", s->path, store ? "writing" : "reading", strerror(errno));
        return LDR_OK;
    }
#else
    (void)err;
#endif
    if (store) memcpy(s->memory + (size_t)first * s->width, x, bytes);
    else memcpy(x, s->memory + (size_t)first * s->width, bytes);
    return LDR_OK;
}

/* Record k of every sequence of the pass, from x[T,width] (the final one: from x[rows,width]). */
static ldr_status ldr__fill_record(ldr__cache *c, const ldr__pass *s, size_t sequence, size_t k, const float *x, ldr_error *err) {
    int32_t q;
    for (q = 0; q < s->t.sequences; q++) {
        size_t rows = ldr__cache_rows(c, k, (size_t)(s->offsets[q + 1] - s->offsets[q]));
        const float *from = x + (k < c->taps || c->token_rows ? (size_t)s->offsets[q] : (size_t)q) * c->width;
        unsigned char *packed = ldr__cache_pack(c, s, sequence + (size_t)q, k, from, rows);
        if (ldr__cache_write(c, sequence + (size_t)q, k, packed, rows, err)) return err->status;
    }
    return LDR_OK;
}

/* One batch, from the sequence `first` on, through one layer; its taps go into the cache. */
static ldr_status ldr__fill_batch(ldr__cache *c, ldr__pass *s, ldr__hidden *states, size_t first, int32_t layer, int32_t layers, ldr_error *err) {
    const ldr_ladder *l = s->l;
    const ldr_model *m = l->m;
    ldr__tokens t = s->t;
    ldr__block block;
    float *x = s->backbone.x;
    int32_t rung = 0;
    int here;
    t.dropout = 0;
    t.frequency = m->frequency;
    if (layer == 0) {
        ldr__embed_forward(&s->ex, m, &s->ends, x, s->backbone.embed, s->ids, s->segments, &t);
        if (l->has_first && ldr__fill_record(c, s, first, 0, x, err)) return err->status;
    } else if (ldr__hidden_move(states, x, c->d->offsets[first], t.count, 0, err)) return err->status;
    while (rung < l->d.rung_count && l->rungs[rung].layer != layer) rung++;
    here = rung < l->d.rung_count;
    if (here && l->d.tap == LDR_TAP_INPUT && ldr__fill_record(c, s, first, (size_t)(l->has_first + rung), x, err)) return err->status;
    if (here && l->d.tap == LDR_TAP_INPUT && layer + 1 == layers && c->records == c->taps) return LDR_OK;      /* nobody asks for what comes after */
    block = ldr__run_block(m, layer);
    ldr__frozen_forward(&s->ex, &s->backbone, &block, &m->shape, &t);
    if (here && l->d.tap == LDR_TAP_OUTPUT && ldr__fill_record(c, s, first, (size_t)(l->has_first + rung), x, err)) return err->status;
    if (layer + 1 < layers) return ldr__hidden_move(states, x, c->d->offsets[first], t.count, 1, err);
    if (c->records == c->taps) return LDR_OK;
    ldr__final_rows(s, x, 0);
    return ldr__fill_record(c, s, first, c->taps, s->final, err);
}

/* Every example through layer 0, then through layer 1, ...: each layer is read once, and its pages are given back behind it. */
static ldr_status ldr__cache_fill(ldr__cache *c, ldr__pass *s, int32_t part, const ldr_allocator *a, ldr_error *err) {
    const ldr_ladder *l = s->l;
    const ldr_dataset *d = c->d;
    int32_t per = d->head == LDR_HEAD_CHOICE ? d->choices : 1, n = (int32_t)(d->count / (size_t)per), layers, layer, i, k, take, batch[64];
    ldr__hidden states;
    ldr_status status;
    if (c->filled == d->count) return LDR_OK;
    layers = c->records > c->taps ? l->m->layers : l->rungs[l->d.rung_count - 1].layer + 1;
    status = ldr__hidden_open(&states, c, a, err);
    for (layer = 0; layer < layers && !status; layer++) {
        for (i = 0; i < n && !status; i += take) {
            take = LDR__MIN(LDR__MIN(part, n - i), 64);
            for (k = 0; k < take; k++) batch[k] = i + k;
            ldr__pass_load(s, d, batch, take, NULL, 0, 0);
            status = ldr__fill_batch(c, s, &states, (size_t)i * (size_t)per, layer, layers, err);
        }
        if (layer == 0) ldr__release_embeddings(l->m);
        ldr__release_layer(l->m, layer);
    }
    ldr__hidden_close(&states, a);
    if (status) return status;
    memset(c->have, 1, d->count);
    c->filled = d->count;
#ifndef LADDER_NO_STDIO
    if (c->hash) status = ldr__cache_finish(c, err);
#endif
    return status;
}

/* ======================================================================================
   >>trainer           Steps, epochs, evaluation
   ====================================================================================== */

struct ldr_trainer {
    ldr_allocator      alloc;
    ldr_ladder        *l;
    const ldr_dataset *train, *dev;
    ldr_train_desc     d;
    ldr__pass          pass;
    ldr__cache         caches[2];          /* train, dev; unused without cache                 */
    float             *grads, *m, *v, *best;
    float             *class_weights;
    int64_t           *class_counts;       /* for balancing                                    */
    int32_t           *order, *tags;       /* examples of this epoch; predicted tags           */
    float             *values;             /* correlation: 4 x examples                        */
    uint64_t          *ordinals;
    int32_t            examples, batch, part, steps_per_epoch;
    int64_t            step, tokens;       /* done                                             */
    int64_t            backbone_runs;
    size_t             fill_size;          /* held for a while by ldr_trainer_create           */
    int32_t            only_scores;        /* never takes a step                               */
    int32_t            order_epoch, epoch_done, best_epoch, stopped;
    uint64_t           version;            /* of the training set that was checked last        */
    double             best_metric, epoch_loss, epoch_weight, last_loss, last_metric, last_rate, last_norm, last_step_loss;
    void              *plan_memory;
    size_t             plan_size;
};

LDR__DEF ldr_train_desc ldr_train_desc_defaults(const ldr_ladder *l, const ldr_train_desc *desc) {
    static const float rates[] = { 1e-3f, 3e-3f, 1e-4f, 1e-3f, 1e-3f, 1e-3f, 1e-2f, 1e-2f, 1e-4f };        /* by ldr_method */
    ldr_train_desc d;
    memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    if (d.rate == 0) d.rate = d.optimizer == LDR_ADAFACTOR ? 5e-3f : rates[l ? l->d.method : LDR_METHOD_LADDER];
    if (l && (l->d.method == LDR_METHOD_FULL || l->d.method == LDR_METHOD_THESEUS) && !(desc && desc->rate != 0) && d.optimizer != LDR_ADAFACTOR) d.rate *= LDR__MIN(10.0f, LDR__MAX(1.0f, 768.0f / (float)l->m->shape.width));
    if (!d.epochs) d.epochs = 10;
    if (!d.batch) d.batch = 32;
    if (!d.accumulate) d.accumulate = 1;
    if (d.beta1 == 0) d.beta1 = 0.9f;
    if (d.beta2 == 0) d.beta2 = 0.999f;
    if (d.epsilon == 0) d.epsilon = 1e-8f;
    if (d.clip == 0) d.clip = 1.0f;
    if (d.warmup == 0) d.warmup = 0.1f;
    if (d.replace_rate == 0) d.replace_rate = 0.5f;
    if (d.replace_until == 0) d.replace_until = 0.5f;
    if (d.cache_dir) d.cache = 1;
    return d;
}

static int32_t ldr__examples(const ldr_dataset *d) { return d ? (int32_t)(d->count / (size_t)(d->head == LDR_HEAD_CHOICE ? d->choices : 1)) : 0; }

static int ldr__balances(const ldr_trainer *t) { return t->d.balance && !t->d.class_weights && (t->l->d.head == LDR_HEAD_CLASSIFY || t->l->d.head == LDR_HEAD_TOKENS); }

/* Class weights that make every class count the same in the whole training set. */
static void ldr__balance(ldr_trainer *t) {
    size_t i, n = ldr__per_token(t->train->head) ? t->train->tokens : t->train->count;
    double total = 0;
    int32_t c, classes = t->l->d.classes;
    for (i = 0; i < n; i++)
        if (t->train->labels[i] >= 0) {
            t->class_counts[t->train->labels[i]]++;
            total += 1;
        }
    for (c = 0; c < classes; c++)
        if (t->class_counts[c] > 0) t->class_weights[c] = (float)(total / ((double)classes * (double)t->class_counts[c]));
}

static void ldr__trainer_place(ldr__plan *p, ldr_trainer *t) {
    const ldr_ladder *l = t->l;
    size_t tokens = 1, sequences = 1, values = 0;
    int i;
    ldr__batch_limits(t->train, t->part, &tokens, &sequences);
    if (t->dev) ldr__batch_limits(t->dev, t->part, &tokens, &sequences);
    ldr__pass_place(p, &t->pass, t->l, tokens, sequences, t->only_scores ? NULL : &t->d);
    if (!t->only_scores) {
        t->grads = ldr__place_floats(p, "gradients", l->size);
        t->m = ldr__place_floats(p, "optimiser state", l->size);
        t->v = t->d.optimizer == LDR_SGD ? NULL : ldr__place_floats(p, "optimiser state", l->size);
    }
    t->best = t->dev ? ldr__place_floats(p, "best parameters", l->size) : NULL;
    t->class_weights = t->d.class_weights || ldr__balances(t) ? ldr__place_floats(p, "tables", (size_t)l->d.classes) : NULL;
    t->class_counts = ldr__balances(t) ? (int64_t *)ldr__place(p, "tables", (size_t)l->d.classes, sizeof(int64_t)) : NULL;
    t->order = (int32_t *)ldr__place(p, "tables", (size_t)t->examples, sizeof(int32_t));
    t->tags = (int32_t *)ldr__place(p, "tables", tokens, sizeof(int32_t));
    t->ordinals = (uint64_t *)ldr__place(p, "tables", sequences, sizeof(uint64_t));
    if (l->d.head == LDR_HEAD_REGRESS) values = 4 * (size_t)LDR__MAX(t->examples, ldr__examples(t->dev));
    t->values = ldr__place_floats(p, "tables", values);
    for (i = 0; i < 2; i++)
        if (t->caches[i].d) ldr__cache_place(p, &t->caches[i]);
}

static ldr_status ldr__trainer_check(const ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *d, ldr_error *err) {
    int32_t c;
    if (!l || !train || !ldr__allocator_valid(&d->alloc)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "training needs a ladder and a training set");
    if (d->epochs < 0 || d->batch < 1 || d->accumulate < 1 || d->accumulate > d->batch || !(d->rate >= 0) || !(d->beta1 >= 0 && d->beta1 < 1) || !(d->beta2 >= 0 && d->beta2 < 1) || !(d->epsilon > 0) ||
        !(d->momentum >= 0 && d->momentum < 1) || !(d->weight_decay >= 0) || !(d->warmup <= 1) || d->clip != d->clip || d->patience < 0 || !(d->label_smoothing >= 0 && d->label_smoothing < 1) || (int)d->optimizer < 0 || d->optimizer > LDR_ADAFACTOR ||
        !(d->replace_rate > 0 && d->replace_rate <= 1) || !(d->replace_until > 0 && d->replace_until <= 1) || (int)d->replace_schedule < 0 || d->replace_schedule > LDR_REPLACE_CONSTANT ||
        (int)d->schedule < 0 || d->schedule > LDR_CONSTANT || (int)d->metric < 0 || d->metric > LDR_METRIC_ENTITY_F1 || !ldr__packs(d->cache_type) || !ldr__packs(d->tap_type))
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a value of the training description is out of its range");
    if (d->cache && l->d.beside) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a tap cache keeps what a frozen backbone computes, and the one of this ladder is tuned: train without a cache");
    if (d->cache && l->deep) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a tap cache keeps what a frozen backbone computes, and method %s changes the backbone: train without a cache", ldr_method_name(l->d.method));
    if (d->cache && l->d.head == LDR_HEAD_WORDS) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a tap cache keeps the rows a head reads, and those of a words head change with the masks: train without a cache");
#ifdef LADDER_NO_STDIO
    if (d->cache_dir) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "this build has no files (LADDER_NO_STDIO): a tap cache can be in memory only");
#endif
    if ((int64_t)d->epochs * ldr__examples(train) > INT32_MAX) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "%d epochs of %d examples are more steps than can be counted", d->epochs, ldr__examples(train));
    if (d->metric && ((d->metric == LDR_METRIC_CORRELATION) != (l->d.head == LDR_HEAD_REGRESS) || (d->metric == LDR_METRIC_ENTITY_F1 && l->d.head != LDR_HEAD_TOKENS)))
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "metric %s does not fit the ladder's head", ldr_metric_name(d->metric));
    if (l->d.head == LDR_HEAD_WORDS && (d->class_weights || d->balance || d->label_smoothing > 0)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a words head has no class weights and no label smoothing");
    if (d->distil && (l->d.head != LDR_HEAD_WORDS || l->d.method != LDR_METHOD_LADDER || l->out_gate < 0)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "distilling is for a ladder with a words head and output MIXED: others have nothing to learn from the backbone's scores");
    for (c = 0; d->class_weights && c < l->d.classes; c++)
        if (!(d->class_weights[c] >= 0 && d->class_weights[c] <= FLT_MAX)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the weight of class %d is negative or not finite", c);
    if (ldr__dataset_check(l, train, "the training set", err)) return err->status;
    return dev ? ldr__dataset_check(l, dev, "the dev set", err) : LDR_OK;
}

static void ldr__trainer_init(ldr_trainer *t, ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *d) {
    int i;
    memset(t, 0, sizeof *t);
    t->alloc = d->alloc.alloc_fn ? d->alloc : l->alloc;
    t->l = l;
    t->train = train;
    t->dev = dev;
    t->d = *d;
    t->examples = ldr__examples(train);
    t->batch = LDR__MIN(d->batch, t->examples);
    t->part = t->batch / d->accumulate + (t->batch % d->accumulate != 0);
    t->steps_per_epoch = (t->examples + t->batch - 1) / t->batch;
    t->best_metric = -1e30;
    t->order_epoch = -1;
    t->version = train->version;
    if (!d->cache) return;
    ldr__cache_shape(&t->caches[0], l, train, d->cache_type, d->cache_dir != NULL);
    if (dev && dev != train) ldr__cache_shape(&t->caches[1], l, dev, d->cache_type, d->cache_dir != NULL);
    for (i = 0; i < 2; i++)
        if (t->caches[i].d && d->cache_layers) t->fill_size = LDR__MAX(t->fill_size, ldr__hidden_size(&t->caches[i]));
}

LDR__DEF ldr_memory ldr_trainer_plan(const ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc) {
    ldr_train_desc d = ldr_train_desc_defaults(l, desc);
    ldr_memory report;
    ldr__plan plan;
    ldr_error err;
    ldr_trainer t;
    memset(&report, 0, sizeof report);
    memset(&err, 0, sizeof err);
    memset(&plan, 0, sizeof plan);
    if (ldr__trainer_check(l, train, dev, &d, &err)) return report;
    ldr__trainer_init(&t, (ldr_ladder *)(uintptr_t)l, train, dev, &d);
    plan.report = &report;
    ldr__trainer_place(&plan, &t);
    if (t.fill_size) ldr__report(&report, "tap cache: states while filling", t.fill_size);
    return report;
}

LDR__DEF uint64_t ldr_trainer_plan_disk(const ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc) {
    ldr_train_desc d = ldr_train_desc_defaults(l, desc);
    uint64_t bytes = 0;
    ldr_error err;
    ldr_trainer t;
    int i;
    memset(&err, 0, sizeof err);
    if (!d.cache_dir || ldr__trainer_check(l, train, dev, &d, &err)) return 0;
    ldr__trainer_init(&t, (ldr_ladder *)(uintptr_t)l, train, dev, &d);
    for (i = 0; i < 2; i++)
        if (t.caches[i].d) bytes += ldr__cache_file_size(&t.caches[i]);
    return bytes;
}

LDR__DEF ldr_cache_info ldr_trainer_cache(const ldr_trainer *t) {
    ldr_cache_info info;
    int i;
    memset(&info, 0, sizeof info);
    info.note[0] = info.note[1] = "";
    if (!t) return info;
    info.backbone_runs = t->backbone_runs;
    for (i = 0; i < 2; i++) {
        const ldr__cache *c = &t->caches[i];
        if (!c->d) continue;
        info.sequences += (int32_t)c->d->count;
        info.filled += (int32_t)c->filled;
        info.reused += c->reused;
        info.damaged += (int32_t)LDR__MIN(c->damaged, (size_t)INT32_MAX / 2);
        info.disk += c->hash ? ldr__cache_file_size(c) : 0;
        info.memory += c->d->count + (c->hash ? 0 : ldr__cache_at(c, c->d->count, 0));
        info.note[i] = c->note;
    }
    return info;
}

LDR__DEF void ldr_trainer_free(ldr_trainer *t) {
    ldr_allocator a;
    if (!t) return;
    a = t->alloc;
    if (t->grads && t->l->grads == t->grads) t->l->grads = NULL;
#ifndef LADDER_NO_STDIO
    ldr__cache_close(&t->caches[0]);
    ldr__cache_close(&t->caches[1]);
#endif
    ldr__plan_end(t->plan_memory, t->plan_size, &a);
    ldr__free(&a, t, sizeof *t);
}

/* Total target weight of examples, known before any forward pass. */
static double ldr__examples_weight(const ldr_trainer *t, const ldr_dataset *d, const int32_t *examples, int32_t count) {
    ldr__targets target;
    double weight = 0;
    int32_t i, k;
    memset(&target, 0, sizeof target);
    target.class_weights = t->class_weights;
    for (i = 0; i < count; i++) {
        ldr_example e = ldr_dataset_get(d, examples[i] * (d->head == LDR_HEAD_CHOICE ? d->choices : 1));
        target.labels = e.labels;
        for (k = 0; k < (ldr__per_token(d->head) ? e.count : 1); k++) weight += ldr__target_weight(&target, d->head, (size_t)k);
    }
    return weight;
}

static void ldr__trainer_order(ldr_trainer *t, int32_t epoch) {
    int32_t i;
    if (t->order_epoch == epoch) return;
    t->order_epoch = epoch;
    for (i = 0; i < t->examples; i++) t->order[i] = i;
    ldr__shuffle(t->order, t->examples, ldr__stream(t->d.seed, LDR__STREAM_SHUFFLE, (uint64_t)epoch));
}

/* Opens the cache's files, and with cache_layers fills it. */
static ldr_status ldr__trainer_caches(ldr_trainer *t, ldr_error *err) {
    int i;
    for (i = 0; i < 2; i++) {
        ldr__cache *c = &t->caches[i];
        if (!c->d) continue;
#ifndef LADDER_NO_STDIO
        if (c->hash && ldr__cache_open(c, t->l, t->d.cache_dir, i ? "dev.taps" : "train.taps", err)) return err->status;
#endif
        if (t->d.cache_layers && ldr__cache_fill(c, &t->pass, t->part, &t->alloc, err)) return err->status;
    }
    t->d.cache_dir = NULL;                 /* its text belongs to the caller                      */
    return LDR_OK;
}

/* only_scores: it will never take a step, so there is no room for one. */
static ldr_trainer *ldr__trainer_new(ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc, int32_t only_scores, ldr_error *err) {
    ldr_train_desc d = ldr_train_desc_defaults(l, desc);
    ldr_error local;
    ldr__plan plan;
    ldr_trainer *t;
    ldr_allocator a;
    int32_t c;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (ldr__trainer_check(l, train, dev, &d, err)) return NULL;
    a = d.alloc.alloc_fn ? d.alloc : l->alloc;
    t = (ldr_trainer *)ldr__alloc(&a, sizeof *t);
    if (!t) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while making a trainer");
        return NULL;
    }
    ldr__trainer_init(t, l, train, dev, &d);
    t->only_scores = only_scores;
    memset(&plan, 0, sizeof plan);
    ldr__trainer_place(&plan, t);
    if (ldr__plan_begin(&plan, &t->alloc, err)) {
        ldr__free(&a, t, sizeof *t);
        return NULL;
    }
    t->plan_memory = plan.memory;
    t->plan_size = plan.size;
    ldr__trainer_place(&plan, t);
    if (ldr__balances(t)) ldr__balance(t);
    else for (c = 0; t->class_weights && c < l->d.classes; c++) t->class_weights[c] = d.class_weights[c];
    t->d.class_weights = t->class_weights;
    ldr__trainer_order(t, 0);
    if (!(ldr__examples_weight(t, train, t->order, t->examples) > 0)) {
        ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "no example of the training set has a target that counts");
        ldr_trainer_free(t);
        return NULL;
    }
    if (ldr__trainer_caches(t, err)) {
        ldr_trainer_free(t);
        return NULL;
    }
    if (!only_scores) l->grads = t->grads;
    return t;
}

LDR__DEF ldr_trainer *ldr_trainer_create(ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc, ldr_error *err) { return ldr__trainer_new(l, train, dev, desc, 0, err); }

/* Taps for the batch in the pass: from the cache when every sequence is there, else from the backbone. */
static ldr_status ldr__trainer_forward(ldr_trainer *t, const ldr_dataset *d, const int32_t *examples, int32_t count, ldr_error *err) {
    ldr__cache *c = t->d.cache ? (d == t->train ? &t->caches[0] : d == t->dev ? &t->caches[1] : NULL) : NULL;
    int32_t q, per = d->head == LDR_HEAD_CHOICE ? d->choices : 1, n = count * per, all = c && ldr__cache_get(c, &t->pass, examples, per, n);
    if (!all) {
        t->backbone_runs++;
        ldr__pass_backbone(&t->pass);
        for (q = 0; c && q < n; q++)
            if (ldr__cache_put(c, &t->pass, ldr__sequence_of(examples, per, q), q, err)) return err->status;
#ifndef LADDER_NO_STDIO
        if (c && c->hash && ldr__cache_finish(c, err)) return err->status;
#endif
    }
    if (all || (c && c->type != LDR_F32)) {            /* after rounding once more */
        ldr__cached_batch from;
        from.c = c;
        from.examples = examples;
        from.per = per;
        ldr__pass_from_taps(&t->pass, all && ldr__cache_in_memory(c) ? ldr__cache_fetch : NULL, &from);
    }
    ldr__head_forward(&t->pass);
    return LDR_OK;
}

static ldr_status ldr__name_not_finite(const ldr_trainer *t, ldr_error *err) {
    const ldr_ladder *l = t->l;
    int32_t p, which;
    for (which = 0; which < 2; which++)
        for (p = 0; p < l->count; p++) {
            const float *v = (which ? l->grads : l->values) + l->params[p].offset;
            size_t i, n = (size_t)l->params[p].rows * (size_t)l->params[p].columns;
            for (i = 0; i < n; i++)
                if (!(v[i] - v[i] == 0)) return ldr__fail(err, LDR_NUMERIC, LDR_NO_OFFSET, "step %I: %s \"%s\" holds a value that is not finite: lower the rate or clip", t->step + 1, which ? "the gradient of" : "parameter", l->params[p].name);
        }
    return ldr__fail(err, LDR_NUMERIC, LDR_NO_OFFSET, "step %I: the loss is not finite: \"logits\" overflow; lower the rate", t->step + 1);
}

/* A training set that was filled again must fit what the old one was given room for. */
static ldr_status ldr__trainer_refilled(ldr_trainer *t, ldr_error *err) {
    size_t tokens = 0, sequences = 0;
    if (t->version == t->train->version) return LDR_OK;
    if (ldr__dataset_check(t->l, t->train, "the training set", err)) return err->status;
    ldr__batch_limits(t->train, t->part, &tokens, &sequences);
    if (t->d.cache || ldr__examples(t->train) != t->examples || tokens > t->pass.max_tokens)
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "the training set was filled again with %d examples and up to %U tokens a batch: the trainer has no cache and room for %d and %U", ldr__examples(t->train), (uint64_t)tokens, t->examples, (uint64_t)t->pass.max_tokens);
    t->version = t->train->version;
    return LDR_OK;
}

static double ldr__replace_rate(const ldr_train_desc *d, int64_t step, int64_t steps) {
    double b = (double)d->replace_rate, done = (double)step / ((double)d->replace_until * (double)steps);
    return done >= 1 ? 1 : d->replace_schedule == LDR_REPLACE_CONSTANT ? b : b + (1 - b) * done;
}

/* After loading a part of this step's batch. The draws depend on seed and step alone, so they are those of every other part. */
static void ldr__trainer_route(ldr_trainer *t) {
    ldr__pass_route(&t->pass, ldr__replace_rate(&t->d, t->step, (int64_t)t->d.epochs * t->steps_per_epoch), ldr__stream(t->d.seed, LDR__STREAM_REPLACE, (uint64_t)t->step));
}

/* Gradients of the mean loss over `count` examples, in parts of at most t->part; *loss is the sum of losses. */
static ldr_status ldr__trainer_gradients(ldr_trainer *t, double *loss, const int32_t *examples, int32_t count, double weight, float dropout, ldr_error *err) {
    ldr__pass *s = &t->pass;
    int32_t i, q, per = t->train->head == LDR_HEAD_CHOICE ? t->train->choices : 1;
    uint64_t key = ldr__stream(t->d.seed, LDR__STREAM_DROPOUT, (uint64_t)t->step);
    *loss = 0;
    memset(t->grads, 0, t->l->size * sizeof(float));
    for (i = 0; i < count; i += t->part) {
        int32_t n = LDR__MIN(t->part, count - i);
        ldr__targets target;
        for (q = 0; q < n * per; q++) t->ordinals[q] = (uint64_t)(i * per + q);
        ldr__pass_load(s, t->train, examples + i, n, t->ordinals, dropout, key);
        ldr__trainer_route(t);
        target = ldr__pass_targets(s, t->class_weights, t->d.label_smoothing, t->train->choices);
        if (ldr__trainer_forward(t, t->train, examples + i, n, err)) return err->status;
        *loss += ldr__pass_loss(s, &target, weight);
        ldr__pass_backward(s);
    }
    return LDR_OK;
}

LDR__DEF ldr_status ldr_trainer_gradients(ldr_trainer *t, double *loss, const int32_t *examples, int32_t count, ldr_error *err) {
    ldr_error local;
    double weight, sum;
    int32_t i;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!t || !examples || count < 1) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_trainer_gradients: no trainer or examples");
    for (i = 0; i < count; i++)
        if (examples[i] < 0 || examples[i] >= t->examples) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "example %d: the training set has %d", examples[i], t->examples);
    t->l->grads = t->grads;
    if (ldr__trainer_refilled(t, err)) return err->status;
    weight = ldr__examples_weight(t, t->train, examples, count);
    if (!(weight > 0)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "no example of the batch has a target");
    if (ldr__trainer_gradients(t, &sum, examples, count, weight, t->l->d.dropout, err)) return err->status;
    if (loss) *loss = sum / weight;
    return sum - sum == 0 ? LDR_OK : ldr__name_not_finite(t, err);
}

/* In a fixed order: one sum a parameter. */
static double ldr__gradient_norm(const ldr_ladder *l) {
    double s = 0;
    int32_t p;
    for (p = 0; p < l->count; p++) {
        size_t n = (size_t)l->params[p].rows * (size_t)l->params[p].columns;
        double r = ldr__rms(l->m, l->grads + l->params[p].offset, n);
        s += r * r * (double)n;
    }
    return sqrt(s);
}

LDR__DEF ldr_status ldr_trainer_evaluate(ldr_trainer *t, const ldr_dataset *d, ldr_score *score, ldr_error *err) {
    ldr_error local;
    ldr__tally y;
    ldr_metric metric;
    int32_t i, n, k, part;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!t || !d || !score) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_trainer_evaluate: no trainer, data set or score");
    if (d != t->dev && d != t->train) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a trainer has room for its own two sets: use ldr_evaluate for another");
    memset(&y, 0, sizeof y);
    n = ldr__examples(d);
    y.predicted = t->values;
    y.actual = t->values + n;
    metric = ldr__metric_for(t->d.metric, d->head);
    for (i = 0; i < n; i += part) {
        int32_t batch[64];
        ldr__targets target;
        part = LDR__MIN(LDR__MIN(t->part, n - i), 64);
        for (k = 0; k < part; k++) batch[k] = i + k;
        ldr__pass_load(&t->pass, d, batch, part, NULL, 0, 0);
        target = ldr__pass_targets(&t->pass, NULL, 0, d->choices);
        if (ldr__trainer_forward(t, d, batch, part, err)) return err->status;
        ldr__tally_batch(&y, &t->pass, &target, t->tags);
    }
    memset(score, 0, sizeof *score);
    score->value = ldr__tally_value(&y, metric, t->values + 2 * n);
    score->loss = ldr__ratio(y.loss, y.weight);
    score->accuracy = ldr__ratio((double)y.right, (double)y.counted);
    score->examples = n;
    return LDR_OK;
}

LDR__DEF int32_t ldr_trainer_done(const ldr_trainer *t) { return !t || t->stopped || t->step >= (int64_t)t->d.epochs * t->steps_per_epoch; }

LDR__DEF ldr_progress ldr_trainer_progress(const ldr_trainer *t) {
    ldr_progress progress, *p = &progress;
    memset(p, 0, sizeof *p);
    if (!t) return progress;
    p->step = (int32_t)t->step;
    p->steps = t->d.epochs * t->steps_per_epoch;
    p->epoch = (int32_t)((t->step + t->steps_per_epoch - 1) / t->steps_per_epoch);
    p->epochs = t->d.epochs;
    p->loss = t->epoch_weight > 0 ? t->epoch_loss / t->epoch_weight : t->last_loss;
    p->step_loss = t->last_step_loss;
    p->rate = t->last_rate;
    p->gradient_norm = t->last_norm;
    p->tokens = t->tokens;
    p->evaluated = t->dev && t->step > 0 && t->step % t->steps_per_epoch == 0;
    p->metric = t->last_metric;
    p->best_metric = t->best_epoch ? t->best_metric : 0;
    p->best_epoch = t->best_epoch;
    return progress;
}

/* The end of an epoch: score, remember the best, decide whether to go on. */
static ldr_status ldr__trainer_epoch_end(ldr_trainer *t, ldr_error *err) {
    ldr_score score;
    t->epoch_done++;
    t->last_loss = ldr__ratio(t->epoch_loss, t->epoch_weight);
    t->epoch_loss = t->epoch_weight = 0;
    if (!t->dev) return LDR_OK;
    if (ldr_trainer_evaluate(t, t->dev, &score, err)) return err->status;
    t->last_metric = score.value;
    if (score.value > t->best_metric) {
        t->best_metric = score.value;
        t->best_epoch = t->epoch_done;
        memcpy(t->best, t->l->values, t->l->size * sizeof(float));
    }
    if (t->d.patience > 0 && t->epoch_done - t->best_epoch >= t->d.patience) t->stopped = 1;
    return LDR_OK;
}

LDR__DEF ldr_status ldr_trainer_step(ldr_trainer *t, ldr_progress *p, ldr_error *err) {
    ldr_error local;
    ldr_progress progress;
    const int32_t *examples;
    int32_t in_epoch, count, i;
    double weight, loss = 0, scale = 1;
    int end;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (ldr_trainer_done(t)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_trainer_step: no trainer, or its training is over");
    t->l->grads = t->grads;
    if (ldr__trainer_refilled(t, err)) return err->status;
    in_epoch = (int32_t)(t->step % t->steps_per_epoch);
    ldr__trainer_order(t, (int32_t)(t->step / t->steps_per_epoch));
    examples = t->order + (size_t)in_epoch * (size_t)t->batch;
    count = LDR__MIN(t->batch, t->examples - in_epoch * t->batch);
    weight = ldr__examples_weight(t, t->train, examples, count);
    if (weight > 0) {
        if (ldr__trainer_gradients(t, &loss, examples, count, weight, t->l->d.dropout, err)) return err->status;
        t->last_norm = ldr__gradient_norm(t->l);
        if (!(loss - loss == 0) || !(t->last_norm - t->last_norm == 0)) return ldr__name_not_finite(t, err);
        if (t->d.clip > 0 && t->last_norm > (double)t->d.clip) scale = (double)t->d.clip / (t->last_norm + 1e-6);
        t->last_rate = ldr__rate(&t->d, t->step, (int64_t)t->d.epochs * t->steps_per_epoch);
        ldr__optimise(t->l, t->m, t->v, &t->d, t->last_rate, scale, t->step + 1);
    }
    t->step++;
    for (i = 0; i < count; i++) {
        int32_t per = t->train->head == LDR_HEAD_CHOICE ? t->train->choices : 1;
        t->tokens += (int64_t)(t->train->offsets[(examples[i] + 1) * per] - t->train->offsets[examples[i] * per]);
    }
    t->last_step_loss = ldr__ratio(loss, weight);
    t->epoch_loss += loss;
    t->epoch_weight += weight;
    end = t->step % t->steps_per_epoch == 0;
    if (end && ldr__trainer_epoch_end(t, err)) return err->status;
    progress = ldr_trainer_progress(t);
    if (p) *p = progress;
    if (t->d.progress_fn && t->d.progress_fn(&progress, t->d.user)) t->stopped = 1;
    return LDR_OK;
}

LDR__DEF void ldr_trainer_restore_best(ldr_trainer *t) {
    if (t && t->best && t->best_epoch) memcpy(t->l->values, t->best, t->l->size * sizeof(float));
}

LDR__DEF ldr_status ldr_fit(ldr_ladder *l, const ldr_dataset *train, const ldr_dataset *dev, const ldr_train_desc *desc, ldr_fit_result *result, ldr_error *err) {
    ldr_error local;
    ldr_trainer *t;
    ldr_status status = LDR_OK;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    t = ldr_trainer_create(l, train, dev, desc, err);
    if (!t) return err->status;
    while (!status && !ldr_trainer_done(t)) status = ldr_trainer_step(t, NULL, err);
    if (!status) ldr_trainer_restore_best(t);
    if (result) {
        memset(result, 0, sizeof *result);
        result->best_epoch = t->best_epoch;
        result->steps = (int32_t)t->step;
        result->metric = t->best_epoch ? t->best_metric : 0;
        result->loss = ldr_trainer_progress(t).loss;
        result->tokens = t->tokens;
        result->peak_bytes = (uint64_t)t->plan_size + t->fill_size;
    }
    ldr_trainer_free(t);
    return status;
}

/* ======================================================================================
   >>predict           Scores from a trained ladder
   ====================================================================================== */

struct ldr_predictor {
    ldr_allocator alloc;
    ldr__pass     pass;
    void         *plan_memory;
    size_t        plan_size;
};

LDR__DEF ldr_predictor *ldr_predictor_create(ldr_ladder *l, int32_t max_sequences, int32_t max_tokens, ldr_error *err) {
    ldr_error local;
    ldr_predictor *p;
    ldr__plan plan;
    int pass;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!l || max_sequences < 1 || max_tokens < 1) {
        ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_predictor_create: no ladder, or room for nothing");
        return NULL;
    }
    if (l->d.head == LDR_HEAD_WORDS) {
        ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "a words head has as many scores as the vocabulary: export the model and use ldr_model_hidden and ldr_model_logits");
        return NULL;
    }
    p = (ldr_predictor *)ldr__alloc(&l->alloc, sizeof *p);
    if (!p) {
        ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while making a predictor");
        return NULL;
    }
    memset(&plan, 0, sizeof plan);
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &l->alloc, err)) {
            ldr__free(&l->alloc, p, sizeof *p);
            return NULL;
        }
        ldr__pass_place(&plan, &p->pass, l, (size_t)max_tokens, (size_t)max_sequences, NULL);
    }
    p->alloc = l->alloc;
    p->plan_memory = plan.memory;
    p->plan_size = plan.size;
    return p;
}

LDR__DEF void ldr_predictor_free(ldr_predictor *p) {
    ldr_allocator a;
    if (!p) return;
    a = p->alloc;
    ldr__plan_end(p->plan_memory, p->plan_size, &a);
    ldr__free(&a, p, sizeof *p);
}

LDR__DEF ldr_status ldr_predict(ldr_predictor *p, float *scores, const ldr_batch *batch, ldr_error *err) {
    ldr_error local;
    ldr__pass *s;
    const ldr_ladder *l;
    size_t longest, n;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!p || !scores) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_predict: no predictor or no destination");
    s = &p->pass;
    l = s->l;
    if (ldr__batch_check(l->m, batch, &longest, err)) return err->status;
    if (longest > (size_t)ldr__text_positions(l)) return ldr__fail(err, LDR_DATA, LDR_NO_OFFSET, "a sequence of the batch has %U tokens, beside its prompt there are %d positions", (uint64_t)longest, ldr__text_positions(l));
    n = (size_t)batch->offsets[batch->sequences];
    if ((size_t)batch->sequences > s->max_sequences || n > s->max_tokens)
        return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "a batch of %d sequences and %U tokens: the predictor was made for %U and %U", batch->sequences, (uint64_t)n, (uint64_t)s->max_sequences, (uint64_t)s->max_tokens);
    memcpy(s->offsets, batch->offsets, ((size_t)batch->sequences + 1) * sizeof(int32_t));
    memcpy(s->ids, batch->ids, n * sizeof(int32_t));
    if (batch->segments) memcpy(s->segments, batch->segments, n * sizeof(int32_t));
    else memset(s->segments, 0, n * sizeof(int32_t));
    ldr__pass_begin(s, batch->sequences, NULL, 0, 0);
    ldr__pass_backbone(s);
    ldr__head_forward(s);
    memcpy(scores, s->logits, s->row_count * (size_t)l->d.classes * sizeof(float));
    if (l->d.head == LDR_HEAD_CLASSIFY || l->d.head == LDR_HEAD_TOKENS) ldr__softmax_rows(scores, s->row_count, (size_t)l->d.classes);
    return LDR_OK;
}

LDR__DEF ldr_status ldr_evaluate(ldr_ladder *l, const ldr_dataset *d, ldr_metric metric, ldr_score *score, ldr_error *err) {
    ldr_train_desc td;
    ldr_error local;
    ldr_trainer *t;
    ldr_status status;
    memset(&local, 0, sizeof local);
    memset(&td, 0, sizeof td);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    td.metric = metric;
    t = ldr__trainer_new(l, d, NULL, &td, 1, err);
    if (!t) return err->status;
    status = ldr_trainer_evaluate(t, d, score, err);
    ldr_trainer_free(t);
    return status;
}

/* ======================================================================================
   >>ladder-file       Saving, loading, stopping and going on
   --------------------------------------------------------------------------------------
   Both files are safetensors, so every other tool can look into them. Numbers in the metadata
   that must come back exactly are written as the hexadecimal bits of the float or double.
   ====================================================================================== */

/* The configuration of a ladder as metadata: one row a field, used for writing and for reading. */
enum { LDR__FIELD_INT, LDR__FIELD_FLOAT, LDR__FIELD_OPTION };      /* an option may be missing: 0, and is not written then */
static const struct { const char *key; size_t offset; int kind; } ldr__fields[] = {
#define LDR__INT(name)   { "ladder." #name, offsetof(ldr_ladder_desc, name), LDR__FIELD_INT }
#define LDR__FLOAT(name) { "ladder." #name, offsetof(ldr_ladder_desc, name), LDR__FIELD_FLOAT }
#define LDR__OPTION(name) { "ladder." #name, offsetof(ldr_ladder_desc, name), LDR__FIELD_OPTION }
    LDR__INT(method), LDR__INT(rank), LDR__FLOAT(alpha), LDR__INT(targets), LDR__INT(bottleneck), LDR__INT(virtual_tokens), LDR__INT(successors), LDR__INT(tune_biases), LDR__INT(tune_norms), LDR__INT(tune_layers),
    LDR__INT(preset), LDR__INT(reduction), LDR__INT(rung_count), LDR__INT(width), LDR__INT(heads), LDR__INT(ffn), LDR__INT(tap), LDR__INT(gate),
    LDR__FLOAT(gate_init), LDR__FLOAT(gate_temperature), LDR__FLOAT(gate_fixed), LDR__INT(mix), LDR__INT(output), LDR__FLOAT(output_init), LDR__INT(init),
    LDR__INT(importance), LDR__INT(slice_heads), LDR__INT(samples), LDR__FLOAT(dropout), LDR__INT(final_norm), LDR__INT(down_bias), LDR__INT(head), LDR__INT(classes), LDR__INT(pool), LDR__INT(head_hidden), LDR__OPTION(prompt_hidden)
#undef LDR__INT
#undef LDR__FLOAT
#undef LDR__OPTION
};
LDR__STATIC_ASSERT(enums_are_ints, sizeof(ldr_preset) == sizeof(int32_t));

static void ldr__text_hex(ldr__text *t, uint64_t v, int digits) {
    static const char hex[] = "0123456789abcdef";
    while (digits-- > 0) ldr__text_bytes(t, &hex[v >> (4 * digits) & 15], 1);
}

static int ldr__parse_hex(const char *s, int digits, uint64_t *out) {
    uint64_t v = 0;
    int i;
    if (!s || strlen(s) != (size_t)digits) return 0;
    for (i = 0; i < digits; i++) {
        char c = s[i];
        if (!ldr__digit(c) && !(c >= 'a' && c <= 'f')) return 0;
        v = v << 4 | (uint64_t)(ldr__digit(c) ? c - '0' : c - 'a' + 10);
    }
    *out = v;
    return 1;
}

static int ldr__parse_i64(const char *s, int64_t *out) {
    int64_t v = 0;
    int negative;
    if (!s) return 0;
    negative = *s == '-';
    if (negative) s++;
    if (!*s || strlen(s) > 18) return 0;
    for (; *s; s++) {
        if (!ldr__digit(*s)) return 0;
        v = v * 10 + (*s - '0');
    }
    *out = negative ? -v : v;
    return 1;
}

static void ldr__text_escaped(ldr__text *t, const char *s) {
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') ldr__text_bytes(t, "\\", 1);
        if (c < 32) {
            ldr__text_string(t, "\\u");
            ldr__text_hex(t, c, 4);
        } else ldr__text_bytes(t, s, 1);
    }
}

static void ldr__text_json(ldr__text *t, const char *s) {
    ldr__text_bytes(t, "\"", 1);
    ldr__text_escaped(t, s);
    ldr__text_bytes(t, "\"", 1);
}

static void ldr__text_meta(ldr__text *t, const char *key, const char *value) {
    if (t->used && t->data[t->used - 1] != '{') ldr__text_bytes(t, ",", 1);
    ldr__text_json(t, key);
    ldr__text_bytes(t, ":", 1);
    ldr__text_json(t, value);
    t->digest = ldr__digest(ldr__digest(t->digest, key, strlen(key)), value, strlen(value));
}

/* The same digest over the metadata of a file; "checksum" itself is left out. */
static uint64_t ldr__meta_digest(const ldr_weights *w) {
    uint64_t h = 0;
    size_t i;
    for (i = 0; i < w->meta_count; i++)
        if (strcmp(w->metas[i].key, "checksum") != 0) h = ldr__digest(ldr__digest(h, w->metas[i].key, strlen(w->metas[i].key)), w->metas[i].value, strlen(w->metas[i].value));
    return h;
}

static void ldr__meta_i64(ldr__text *t, const char *key, int64_t v) {
    char text[32];
    ldr__format(text, sizeof text, "%I", v);
    ldr__text_meta(t, key, text);
}

static void ldr__meta_hex(ldr__text *t, const char *key, uint64_t v, int digits) {
    char text[20];
    ldr__text hex;
    ldr__text_init(&hex, text, sizeof text);
    ldr__text_hex(&hex, v, digits);
    ldr__text_meta(t, key, text);
}

static void ldr__meta_ladder(ldr__text *t, const ldr_ladder *l) {
    char key[64];
    int32_t i;
    size_t f;
    ldr__text_meta(t, "ladder.version", LADDER_VERSION);
    ldr__meta_hex(t, "backbone.fingerprint", l->fingerprint, 16);
    ldr__text_meta(t, "backbone.family", l->m->family->type);
    for (f = 0; f < sizeof ldr__fields / sizeof ldr__fields[0]; f++) {
        const unsigned char *at = (const unsigned char *)&l->d + ldr__fields[f].offset;
        int32_t v;
        uint32_t bits;
        memcpy(&v, at, 4);
        memcpy(&bits, at, 4);
        if (ldr__fields[f].kind == LDR__FIELD_OPTION && v == 0) continue;
        if (ldr__fields[f].kind != LDR__FIELD_FLOAT) ldr__meta_i64(t, ldr__fields[f].key, v);
        else ldr__meta_hex(t, ldr__fields[f].key, bits, 8);
    }
    ldr__meta_hex(t, "ladder.seed", l->d.seed, 16);
    for (i = 0; i < l->d.rung_count; i++) {
        ldr__format(key, sizeof key, "rung.%d", i);
        ldr__meta_i64(t, key, l->rung_layers[i]);
    }
    for (i = 0; i < l->d.classes; i++)
        if (l->labels[i]) {
            ldr__format(key, sizeof key, "label.%d", i);
            ldr__text_meta(t, key, l->labels[i]);
        }
    for (f = 0; f < l->note_count; f++) {
        char note[LDR__MAX_NOTE + 16];
        ldr__format(note, sizeof note, "note.%s", l->notes[f].key);
        ldr__text_meta(t, note, l->notes[f].value);
    }
}

/* An upper bound of the header's text: an escaped byte takes at most six. */
static size_t ldr__header_bound(const ldr_ladder *l) {
    size_t n = 8192 + (size_t)l->count * 256 + (size_t)l->d.rung_count * 64, i;
    for (i = 0; i < (size_t)l->d.classes; i++) n += l->labels[i] ? 64 + 6 * strlen(l->labels[i]) : 0;
    for (i = 0; i < l->note_count; i++) n += 64 + 6 * (strlen(l->notes[i].key) + strlen(l->notes[i].value));
    return n;
}

/* Floats as little-endian bytes, a block at a time; the digest runs over the same blocks. */
enum { LDR__BLOCK = 1024 };

static size_t ldr__float_block(unsigned char *bytes, const float *v, size_t n) {
    size_t i, take = LDR__MIN(n, (size_t)LDR__BLOCK);
    for (i = 0; i < take; i++) ldr__store_u32(bytes + 4 * i, ldr__bits_from_float(v[i]));
    return take;
}

static uint64_t ldr__floats_digest(uint64_t h, const float *v, size_t n) {
    unsigned char bytes[4 * LDR__BLOCK];
    while (n) {
        size_t take = ldr__float_block(bytes, v, n);
        h = ldr__digest(h, bytes, 4 * take);
        v += take;
        n -= take;
    }
    return h;
}

/* A named array of a file: where its floats lie in memory and how it is called. */
typedef struct ldr__array { const char *name; float *data; size_t rows, columns; } ldr__array;

static ldr__array ldr__ladder_array(const ldr_ladder *l, int32_t i) {
    ldr__array a;
    a.name = l->params[i].name;
    a.data = l->values + l->params[i].offset;
    a.rows = (size_t)l->params[i].rows;
    a.columns = (size_t)l->params[i].columns;
    return a;
}

static void ldr__header_array(ldr__text *t, const ldr__array *a, uint64_t *at) {
    uint64_t end = *at + 4 * (uint64_t)a->rows * a->columns;
    ldr__text_bytes(t, ",", 1);
    ldr__text_json(t, a->name);
    ldr__text_string(t, ":{\"dtype\":\"F32\",\"shape\":[");
    if (a->rows > 1) {
        ldr__text_u64(t, a->rows);
        ldr__text_bytes(t, ",", 1);
    }
    ldr__text_u64(t, a->columns);
    ldr__text_string(t, "],\"data_offsets\":[");
    ldr__text_u64(t, *at);
    ldr__text_bytes(t, ",", 1);
    ldr__text_u64(t, end);
    ldr__text_string(t, "]}");
    *at = end;
}

static void ldr__writer_floats(ldr__writer *w, const float *v, size_t n, ldr_error *err) {
    unsigned char bytes[4 * LDR__BLOCK];
    while (n && !w->status) {
        size_t take = ldr__float_block(bytes, v, n);
        ldr__writer_put(w, bytes, 4 * take, err);
        v += take;
        n -= take;
    }
}

static void ldr__writer_header(ldr__writer *w, ldr__text *t, ldr_error *err) {
    unsigned char length[8];
    while (t->used % 8 && !t->full) ldr__text_bytes(t, " ", 1);      /* data aligned for a mapping */
    if (t->full) w->status = ldr__fail(err, LDR_LIMIT, LDR_NO_OFFSET, "names and metadata are too long: a header of %U bytes is the most that can be read again", (uint64_t)LADDER_MAX_HEADER);
    ldr__store_u64(length, t->used);
    ldr__writer_put(w, length, 8, err);
    ldr__writer_put(w, t->data, t->used, err);
}

static ldr_status ldr__ladder_write(ldr__writer *w, const ldr_ladder *l, ldr_error *err) {
    ldr__text t;
    uint64_t h = 0, at = 0;
    size_t bound = ldr__header_bound(l);
    char *text = (char *)ldr__alloc(&l->alloc, bound);
    int32_t i;
    if (!text) return w->status = ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while saving a ladder");
    for (i = 0; i < l->count; i++) {
        ldr__array a = ldr__ladder_array(l, i);
        h = ldr__floats_digest(h, a.data, a.rows * a.columns);
    }
    ldr__text_init(&t, text, bound);
    ldr__text_string(&t, "{\"__metadata__\":{");
    ldr__text_meta(&t, "format", "ladder");
    ldr__meta_ladder(&t, l);
    ldr__meta_hex(&t, "checksum", ldr__mix64(h ^ t.digest), 16);
    ldr__text_bytes(&t, "}", 1);
    for (i = 0; i < l->count; i++) {
        ldr__array a = ldr__ladder_array(l, i);
        ldr__header_array(&t, &a, &at);
    }
    ldr__text_bytes(&t, "}", 1);
    ldr__writer_header(w, &t, err);
    for (i = 0; i < l->count; i++) {
        ldr__array a = ldr__ladder_array(l, i);
        ldr__writer_floats(w, a.data, a.rows * a.columns, err);
    }
    ldr__free(&l->alloc, text, bound);
    return w->status;
}

LDR__DEF ldr_status ldr_ladder_save_memory(const ldr_ladder *l, void *data, size_t capacity, size_t *size, ldr_error *err) {
    ldr__writer w;
    if (!l || !size) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_save_memory: no ladder, or nowhere to put the size");
    memset(&w, 0, sizeof w);
    w.memory = (unsigned char *)data;
    w.capacity = capacity;
    ldr__ladder_write(&w, l, err);
    *size = w.used;
    return w.status;
}

#ifndef LADDER_NO_STDIO
LDR__DEF ldr_status ldr_ladder_save(const ldr_ladder *l, const char *path, ldr_error *err) {
    ldr__writer w;
    if (!l || !path) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_save: no ladder or no path");
    if (ldr__writer_open(&w, path, err)) return w.status;
    ldr__ladder_write(&w, l, err);
    return ldr__writer_close(&w, err);
}
#endif

/* Reads one array of a file into its place, checking name, type and size. */
static ldr_status ldr__array_read(const ldr_weights *w, const ldr__array *a, ldr_error *err) {
    const ldr_tensor *t = ldr_weights_find(w, a->name);
    uint64_t n = (uint64_t)a->rows * a->columns;
    if (!t) return ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "tensor \"%s\" is missing", a->name);
    if (t->dtype != LDR_F32) return ldr__fail(err, LDR_DTYPE, t->offset, "tensor \"%s\": type %s, expected F32", a->name, ldr_dtype_name(t->dtype));
    if (t->bytes != 4 * n) return ldr__fail(err, LDR_SHAPE, t->offset, "tensor \"%s\": %U values, expected %U", a->name, t->bytes / 4, n);
    ldr_tensor_read(a->data, t, 0, (size_t)n);
    return LDR_OK;
}

static ldr_status ldr__meta_missing(const char *key, ldr_error *err) { return ldr__fail(err, LDR_FORMAT, LDR_NO_OFFSET, "not a ladder file, or a damaged one: metadata \"%s\" is missing or unreadable", key); }

static ldr_status ldr__meta_desc(const ldr_weights *w, ldr_ladder_desc *d, int32_t *rungs, ldr_error *err) {
    char key[64];
    size_t f;
    int32_t i;
    int64_t v;
    uint64_t bits;
    for (f = 0; f < sizeof ldr__fields / sizeof ldr__fields[0]; f++) {
        const char *text = ldr_weights_meta(w, ldr__fields[f].key);
        unsigned char *at = (unsigned char *)d + ldr__fields[f].offset;
        if (ldr__fields[f].kind == LDR__FIELD_OPTION && !text) continue;
        if (ldr__fields[f].kind != LDR__FIELD_FLOAT) {
            int32_t small;
            if (!ldr__parse_i64(text, &v) || v < INT32_MIN || v > INT32_MAX) return ldr__meta_missing(ldr__fields[f].key, err);
            small = (int32_t)v;
            memcpy(at, &small, 4);
        } else {
            uint32_t small;
            if (!ldr__parse_hex(text, 8, &bits)) return ldr__meta_missing(ldr__fields[f].key, err);
            small = (uint32_t)bits;
            memcpy(at, &small, 4);
        }
    }
    if (!ldr__parse_hex(ldr_weights_meta(w, "ladder.seed"), 16, &d->seed)) return ldr__meta_missing("ladder.seed", err);
    if (d->rung_count < 0 || d->rung_count > 1024 || (int)d->preset < 0 || d->preset > LDR_PRESET_HEAD || (int)d->method < 0 || d->method > LDR_METHOD_THESEUS || d->tap < 1 || d->tap > 2 || d->gate < 1 || d->gate > 4 || d->mix < 1 || d->mix > 2 || d->output < 1 || d->output > 3 || d->pool < 1 || d->pool > LDR_POOL_MEAN ||
        !(d->gate_temperature > 0) || !(d->dropout >= 0)) return ldr__meta_missing("ladder", err);
    for (i = 0; i < d->rung_count; i++) {
        ldr__format(key, sizeof key, "rung.%d", i);
        if (!ldr__parse_i64(ldr_weights_meta(w, key), &v) || v < 0 || v > 1024) return ldr__meta_missing(key, err);
        rungs[i] = (int32_t)v;
    }
    /* the stored values are final: keep 0 from meaning "preset" again */
    if (d->dropout == 0) d->dropout = -1;
    if (d->head_hidden == 0) d->head_hidden = -1;
    d->rungs = d->rung_count ? rungs : NULL;
    return LDR_OK;
}

static ldr_status ldr__ladder_read_texts(ldr_ladder *l, const ldr_weights *w, ldr_error *err) {
    int32_t i;
    char key[64];
    for (i = 0; i < l->d.classes; i++) {
        const char *label;
        ldr__format(key, sizeof key, "label.%d", i);
        label = ldr_weights_meta(w, key);
        if (!label) continue;
        l->labels[i] = ldr__copy_text(&l->alloc, label);
        if (!l->labels[i]) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while loading a ladder");
    }
    for (i = 0; i < ldr_weights_meta_count(w); i++) {
        const char *value = NULL, *name = ldr_weights_meta_at(w, i, &value);
        if (strncmp(name, "note.", 5) == 0 && ldr_ladder_note(l, name + 5, value, err)) return err->status;
    }
    return LDR_OK;
}

static ldr_ladder *ldr__ladder_from(const ldr_model *m, const ldr_weights *w, const ldr_allocator *alloc, ldr_error *err) {
    ldr_ladder_desc d;
    ldr_ladder *l = NULL;
    int32_t rungs[1024], i;
    uint64_t held = 0, fingerprint = 0, mine, h = 0, wanted = 0;
    const char *format = ldr_weights_meta(w, "format");
    memset(&d, 0, sizeof d);
    d.alloc = ldr__allocator(alloc);
    if (!format || strcmp(format, "ladder") != 0) ldr__meta_missing("format", err);
    else if (!ldr__parse_hex(ldr_weights_meta(w, "backbone.fingerprint"), 16, &fingerprint)) ldr__meta_missing("backbone.fingerprint", err);
    else if (!ldr__parse_hex(ldr_weights_meta(w, "checksum"), 16, &wanted)) ldr__meta_missing("checksum", err);
    if (err->status) return NULL;
    if (ldr__meta_desc(w, &d, rungs, err)) return NULL;
    mine = ldr_model_fingerprint(m);
    if (mine != fingerprint) {
        const char *family = ldr_weights_meta(w, "backbone.family");
        ldr__fail(err, LDR_MISMATCH, LDR_NO_OFFSET, "this ladder was trained on another backbone (a %s, fingerprint %s); the model given is a %s with other weights", family ? family : "?", ldr_weights_meta(w, "backbone.fingerprint"), m->family->type);
        return NULL;
    }
    for (i = 0; i < ldr_weights_count(w); i++) held += ldr_weights_at(w, i)->bytes / 4;
    l = ldr__ladder_new(m, &d, held, err);
    if (!l) return NULL;
    l->fingerprint = mine;
    if (ldr_weights_count(w) != l->count) ldr__fail(err, LDR_EXTRA, LDR_NO_OFFSET, "%d tensors in the file, the ladder it describes has %d", ldr_weights_count(w), l->count);
    for (i = 0; i < l->count && !err->status; i++) {
        ldr__array a = ldr__ladder_array(l, i);
        if (!ldr__array_read(w, &a, err)) h = ldr__floats_digest(h, a.data, a.rows * a.columns);
    }
    if (!err->status && ldr__mix64(h ^ ldr__meta_digest(w)) != wanted) ldr__fail(err, LDR_CORRUPT, LDR_NO_OFFSET, "the parameters or the metadata do not match their checksum: the file was damaged");
    if (!err->status) ldr__ladder_read_texts(l, w, err);
    if (!err->status) return l;
    ldr_ladder_free(l);
    return NULL;
}

LDR__DEF ldr_ladder *ldr_ladder_load_memory(const ldr_model *m, const void *data, size_t size, const ldr_allocator *alloc, ldr_error *err) {
    ldr_error local;
    ldr_weights *w;
    ldr_ladder *l = NULL;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!m) ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_load_memory: no model");
    w = m ? ldr_weights_open_memory(data, size, alloc ? alloc : &m->alloc, err) : NULL;
    if (w) l = ldr__ladder_from(m, w, alloc, err);
    ldr_weights_close(w);
    return l;
}

#ifndef LADDER_NO_STDIO
LDR__DEF ldr_ladder *ldr_ladder_load(const ldr_model *m, const char *path, const ldr_allocator *alloc, ldr_error *err) {
    ldr_error local;
    ldr_weights *w;
    ldr_ladder *l = NULL;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!m || !path) ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_load: no model or no path");
    w = m && path ? ldr__weights_open_one(path, alloc ? alloc : &m->alloc, err) : NULL;
    if (w) {
        l = ldr__ladder_from(m, w, alloc, err);
        if (!l) ldr__fail_in_file(err, path);
    }
    ldr_weights_close(w);
    return l;
}

/* ---- training state -------------------------------------------------------------------- */

/* What a run is: two runs with the same digest and the same step continue each other. */
static uint64_t ldr__run_digest(const ldr_trainer *t) {
    const ldr_train_desc *d = &t->d;
    const ldr_dataset *sets[2];
    uint64_t h = t->l->fingerprint;
    float f[11];
    int64_t n[11];
    int i;
    f[0] = d->rate; f[1] = d->beta1; f[2] = d->beta2; f[3] = d->epsilon; f[4] = d->momentum; f[5] = d->weight_decay; f[6] = d->clip; f[7] = d->warmup; f[8] = d->label_smoothing; f[9] = d->replace_rate; f[10] = d->replace_until;
    n[0] = d->epochs; n[1] = d->batch; n[2] = d->accumulate; n[3] = d->optimizer; n[4] = d->nesterov; n[5] = d->schedule; n[6] = d->patience; n[7] = d->metric; n[8] = (int64_t)t->l->size; n[9] = (int64_t)(d->seed & INT64_MAX); n[10] = d->replace_schedule;
    h = ldr__floats_digest(h, f, 11);
    for (i = 0; i < 11; i++) h = ldr__mix64(h ^ (uint64_t)n[i]);
    if (t->d.cache && t->d.cache_type != LDR_F32) h = ldr__mix64(h ^ (uint64_t)t->d.cache_type);      /* rounded taps make another run */
    if (t->pass.tap_type != LDR_F32) h = ldr__mix64(h ^ (uint64_t)t->d.tap_type << 8);
    if (t->l->m->compute != LDR_COMPUTE_F32) h = ldr__mix64(h ^ UINT64_C(0x696e7438) ^ (uint64_t)t->l->m->compute);     /* as do those of a rounded backbone */
    if (t->class_weights) h = ldr__floats_digest(h, t->class_weights, (size_t)t->l->d.classes);
    if (d->distil) h = ldr__mix64(h ^ UINT64_C(0x64697374));
    for (i = 0; i < (int)(sizeof ldr__fields / sizeof ldr__fields[0]); i++) {
        uint32_t bits;
        memcpy(&bits, (const unsigned char *)&t->l->d + ldr__fields[i].offset, 4);
        h = ldr__mix64(h ^ bits);
    }
    for (i = 0; i < t->l->d.rung_count; i++) h = ldr__mix64(h ^ (uint64_t)t->l->rung_layers[i]);
    sets[0] = t->train;
    sets[1] = t->dev;
    for (i = 0; i < 2; i++) {
        size_t k, labels;
        if (!sets[i]) continue;
        labels = ldr__per_token(sets[i]->head) ? sets[i]->tokens : sets[i]->count;
        h = ldr__mix64(h ^ (uint64_t)sets[i]->choices);
        if (sets[i]->version) {                /* its examples pass by: what comes next is the caller's to repeat */
            h = ldr__mix64(h ^ (uint64_t)sets[i]->count);
            continue;
        }
        for (k = 0; k < sets[i]->tokens; k++) h = ldr__mix64(h ^ ((uint64_t)(uint32_t)sets[i]->ids[k] << 16) ^ (uint64_t)(uint32_t)sets[i]->segments[k]);
        for (k = 0; k < labels; k++) h = ldr__mix64(h ^ (uint64_t)(uint32_t)sets[i]->labels[k]);
        for (k = 0; k <= sets[i]->count; k++) h = ldr__mix64(h ^ sets[i]->offsets[k]);
        h = ldr__floats_digest(h, sets[i]->values, sets[i]->count);
    }
    return h;
}

static uint64_t ldr__double_bits(double v) {
    uint64_t b;
    memcpy(&b, &v, 8);
    return b;
}

/* The scalars of a trainer, one row each, for writing and reading. */
enum { LDR__STATE_I32, LDR__STATE_I64, LDR__STATE_DOUBLE };
static const struct { const char *key; size_t offset; int kind; } ldr__states[] = {
    { "state.step", offsetof(ldr_trainer, step), LDR__STATE_I64 }, { "state.tokens", offsetof(ldr_trainer, tokens), LDR__STATE_I64 },
    { "state.epoch_done", offsetof(ldr_trainer, epoch_done), LDR__STATE_I32 }, { "state.best_epoch", offsetof(ldr_trainer, best_epoch), LDR__STATE_I32 },
    { "state.best_metric", offsetof(ldr_trainer, best_metric), LDR__STATE_DOUBLE }, { "state.epoch_loss", offsetof(ldr_trainer, epoch_loss), LDR__STATE_DOUBLE },
    { "state.epoch_weight", offsetof(ldr_trainer, epoch_weight), LDR__STATE_DOUBLE }, { "state.last_loss", offsetof(ldr_trainer, last_loss), LDR__STATE_DOUBLE },
    { "state.last_metric", offsetof(ldr_trainer, last_metric), LDR__STATE_DOUBLE }, { "state.last_rate", offsetof(ldr_trainer, last_rate), LDR__STATE_DOUBLE },
    { "state.last_norm", offsetof(ldr_trainer, last_norm), LDR__STATE_DOUBLE }, { "state.last_step_loss", offsetof(ldr_trainer, last_step_loss), LDR__STATE_DOUBLE } };

static int ldr__state_arrays(const ldr_trainer *t, ldr__array *a) {
    int n = 0, i;
    const char *const names[] = { "values", "momentum", "variance", "best" };
    float *const data[] = { t->l->values, t->m, t->v, t->best };
    for (i = 0; i < 4; i++)
        if (data[i]) {
            a[n].name = names[i];
            a[n].data = data[i];
            a[n].rows = 1;
            a[n++].columns = t->l->size;
        }
    return n;
}

LDR__DEF ldr_status ldr_trainer_save(const ldr_trainer *t, const char *path, ldr_error *err) {
    ldr_error local;
    ldr__array a[4];
    ldr__text text;
    ldr__writer w;
    uint64_t h = 0, at = 0;
    int n, i;
    size_t s, bound;
    char *buffer;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!t || !path) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_trainer_save: no trainer or no path");
    bound = ldr__header_bound(t->l);
    buffer = (char *)ldr__alloc(&t->alloc, bound);
    if (!buffer) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while saving a run");
    n = ldr__state_arrays(t, a);
    for (i = 0; i < n; i++) h = ldr__floats_digest(h, a[i].data, a[i].columns);
    ldr__text_init(&text, buffer, bound);
    ldr__text_string(&text, "{\"__metadata__\":{");
    ldr__text_meta(&text, "format", "ladder-run");
    ldr__meta_ladder(&text, t->l);
    ldr__meta_hex(&text, "run", ldr__run_digest(t), 16);
    for (s = 0; s < sizeof ldr__states / sizeof ldr__states[0]; s++) {
        const unsigned char *from = (const unsigned char *)t + ldr__states[s].offset;
        int32_t small;
        int64_t large;
        double real;
        if (ldr__states[s].kind == LDR__STATE_I32) {
            memcpy(&small, from, sizeof small);
            ldr__meta_i64(&text, ldr__states[s].key, small);
        } else if (ldr__states[s].kind == LDR__STATE_I64) {
            memcpy(&large, from, sizeof large);
            ldr__meta_i64(&text, ldr__states[s].key, large);
        } else {
            memcpy(&real, from, sizeof real);
            ldr__meta_hex(&text, ldr__states[s].key, ldr__double_bits(real), 16);
        }
    }
    ldr__meta_hex(&text, "checksum", ldr__mix64(h ^ text.digest), 16);
    ldr__text_bytes(&text, "}", 1);
    for (i = 0; i < n; i++) ldr__header_array(&text, &a[i], &at);
    ldr__text_bytes(&text, "}", 1);
    if (!ldr__writer_open(&w, path, err)) {
        ldr__writer_header(&w, &text, err);
        for (i = 0; i < n; i++) ldr__writer_floats(&w, a[i].data, a[i].columns, err);
        ldr__writer_close(&w, err);
    }
    ldr__free(&t->alloc, buffer, bound);
    return w.status;
}

/* Everything is checked before the first byte of the trainer changes. */
static ldr_status ldr__resume_check(const ldr_trainer *t, const ldr_weights *w, const ldr__array *a, int n, ldr_error *err) {
    const char *format = ldr_weights_meta(w, "format");
    uint64_t run, wanted, h = 0, bits;
    int64_t v;
    int i;
    size_t s;
    if (!format || strcmp(format, "ladder-run") != 0 || !ldr__parse_hex(ldr_weights_meta(w, "run"), 16, &run) || !ldr__parse_hex(ldr_weights_meta(w, "checksum"), 16, &wanted)) return ldr__meta_missing("format", err);
    if (run != ldr__run_digest(t)) return ldr__fail(err, LDR_MISMATCH, LDR_NO_OFFSET, "the saved run had another backbone, ladder, data set or training description");
    for (s = 0; s < sizeof ldr__states / sizeof ldr__states[0]; s++) {
        const char *text = ldr_weights_meta(w, ldr__states[s].key);
        if (ldr__states[s].kind == LDR__STATE_DOUBLE ? !ldr__parse_hex(text, 16, &bits) : !ldr__parse_i64(text, &v) || v < 0 || v > INT64_MAX / 2) return ldr__meta_missing(ldr__states[s].key, err);
    }
    for (i = 0; i < n; i++) {
        const ldr_tensor *x = ldr_weights_find(w, a[i].name);
        size_t at, take;
        if (!x) return ldr__fail(err, LDR_MISSING, LDR_NO_OFFSET, "tensor \"%s\" is missing", a[i].name);
        if (x->dtype != LDR_F32 || x->bytes != 4 * (uint64_t)a[i].columns) return ldr__fail(err, LDR_SHAPE, x->offset, "tensor \"%s\": %U bytes, expected %U", a[i].name, x->bytes, 4 * (uint64_t)a[i].columns);
        for (at = 0; at < a[i].columns; at += take) {
            take = LDR__MIN((size_t)LDR__BLOCK, a[i].columns - at);
            h = ldr__digest(h, (const unsigned char *)x->data + 4 * at, 4 * take);
        }
    }
    return ldr__mix64(h ^ ldr__meta_digest(w)) == wanted ? LDR_OK : ldr__fail(err, LDR_CORRUPT, LDR_NO_OFFSET, "the saved run does not match its checksum: the file was damaged");
}

LDR__DEF ldr_status ldr_trainer_resume(ldr_trainer *t, const char *path, ldr_error *err) {
    ldr_error local;
    ldr__array a[4];
    ldr_weights *w;
    int n, i;
    size_t s;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!t || !path) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_trainer_resume: no trainer or no path");
    w = ldr__weights_open_one(path, &t->alloc, err);
    if (!w) return err->status;
    n = ldr__state_arrays(t, a);
    if (ldr__resume_check(t, w, a, n, err)) ldr__fail_in_file(err, path);
    else {
        for (i = 0; i < n; i++) ldr__array_read(w, &a[i], err);
        for (s = 0; s < sizeof ldr__states / sizeof ldr__states[0]; s++) {
            const char *text = ldr_weights_meta(w, ldr__states[s].key);
            unsigned char *to = (unsigned char *)t + ldr__states[s].offset;
            uint64_t bits = 0;
            int64_t v = 0;
            int32_t small;
            if (ldr__states[s].kind == LDR__STATE_DOUBLE) {
                ldr__parse_hex(text, 16, &bits);
                memcpy(to, &bits, 8);
                continue;
            }
            ldr__parse_i64(text, &v);
            small = (int32_t)v;
            if (ldr__states[s].kind == LDR__STATE_I32) memcpy(to, &small, 4);
            else memcpy(to, &v, 8);
        }
        t->order_epoch = -1;
        t->stopped = t->dev && t->d.patience > 0 && t->epoch_done - t->best_epoch >= t->d.patience;
    }
    ldr_weights_close(w);
    return err->status;
}
#endif /* LADDER_NO_STDIO */

#ifndef LADDER_NO_STDIO
/* ======================================================================================
   >>export            A backbone as its family publishes it
   ====================================================================================== */

#ifndef LADDER_NO_STDIO

/* A float as the machine would store it: not fused into the next operation, not wider than 32 bits. */
static float ldr__rounded(float x) {
    volatile float v = x;
    return v;
}

/* binary16, rounding to nearest even. Below 2^-14 the sum with 0.5 has its last bit at 2^-24, where a half's is. */
static uint32_t ldr__float_to_half(float f) {
    uint32_t sign = ldr__bits_from_float(f) >> 16 & 0x8000u, a = ldr__bits_from_float(f) & 0x7fffffffu;
    if (a > 0x7f800000u) return sign | 0x7e00u;
    if (a >= 0x477ff000u) return sign | 0x7c00u;
    if (a < 0x38800000u) return sign | (ldr__bits_from_float(ldr__rounded(ldr__float_from_bits(a) + 0.5f)) - 0x3f000000u);
    return sign | (a - 0x38000000u + 0x0fffu + (a >> 13 & 1u)) >> 13;
}

/* A tensor of the file: `parts` matrices or vectors of block `layer` from `slot` on side by side (a fused q k v), or an end. */
typedef struct ldr__published { char name[256]; int32_t layer, slot, parts; size_t rows, columns; } ldr__published;      /* of one part */

/* Name of a tensor outside the blocks; 0 when the family, or this model, has none. m without weights: all it should have. */
static int ldr__end_published(char *name, size_t cap, const ldr_model *m, int end) {
    const ldr__family *f = m->family;
    const char *stems[LDR__ENDS], *after = "", *prefix = f->prefix;
    memset((void *)stems, 0, sizeof stems);
    stems[LDR__WORD] = f->word;
    stems[LDR__POSITION] = f->position;
    stems[LDR__SEGMENT] = f->segment;
    stems[LDR__PROJECT] = stems[LDR__PROJECTB] = f->project;
    stems[LDR__EMBED_NORM] = stems[LDR__EMBED_NORMB] = f->embed_norm;
    stems[LDR__FINAL] = f->final_norm;
    stems[LDR__FINALB] = f->norm == LDR_NORM_LAYER ? f->final_norm : NULL;
    stems[LDR__LM_DENSE] = stems[LDR__LM_DENSEB] = f->head_dense;
    stems[LDR__LM_NORM] = stems[LDR__LM_NORMB] = f->head_norm;
    stems[LDR__LM_OUT] = f->head_out;
    stems[LDR__LM_BIAS] = f->head_bias;
    if (end == LDR__PROJECT || end == LDR__EMBED_NORM || end == LDR__FINAL || end == LDR__LM_DENSE || end == LDR__LM_NORM) after = ".weight";
    if (end == LDR__PROJECTB || end == LDR__EMBED_NORMB || end == LDR__FINALB || end == LDR__LM_DENSEB || end == LDR__LM_NORMB) after = ".bias";
    if (end == LDR__LM_DENSE || end == LDR__LM_DENSEB || end == LDR__LM_NORM || end == LDR__LM_NORMB || end == LDR__LM_OUT || end == LDR__LM_BIAS) prefix = "";
    if (!stems[end]) return 0;
    if (m->weights && (end < LDR__END_MATRICES ? !m->ends.m[end].data : !m->ends.v[end])) return 0;
    if (end == LDR__LM_OUT && (m->weights ? ldr__tied(m) : m->tied || f->head_dense)) return 0;
    ldr__format(name, cap, "%s%s%s", prefix, stems[end], after);
    return 1;
}

/* Blocks of the file. l NULL: of a random start. */
static int32_t ldr__published_blocks(const ldr_model *m, const ldr_ladder *l) { return m->family->shared ? 1 : l ? ldr__final_blocks(l) : m->layers; }

/* The next tensor of the file; *at starts at 0. */
static int ldr__published_next(ldr__published *p, const ldr_model *m, const ldr_ladder *l, int32_t *at) {
    const ldr__family *f = m->family;
    int32_t blocks = ldr__published_blocks(m, l);
    for (; *at < LDR__ENDS + blocks * LDR__SLOTS; ++*at) {
        int32_t layer = *at < LDR__ENDS ? -1 : (*at - LDR__ENDS) / LDR__SLOTS, slot = layer < 0 ? *at : (*at - LDR__ENDS) % LDR__SLOTS;
        p->layer = layer;
        p->slot = slot;
        p->parts = 1;
        if (layer < 0) {
            if (!ldr__end_published(p->name, sizeof p->name, m, slot)) continue;
            ldr__end_shape(m, slot, &p->rows, &p->columns);
        } else {
            int fused = f->conv1d && (slot <= LDR__V || (slot >= LDR__QB && slot <= LDR__VB));
            if (!f->slots[slot] || !ldr__slot_size(&m->shape, slot, &p->rows, &p->columns) || (fused && slot != LDR__Q && slot != LDR__QB)) continue;
            if (fused) p->parts = 3;
            ldr__bind_name(p->name, sizeof p->name, f->prefix, f->slots[slot], layer);
        }
        ++*at;
        return 1;
    }
    return 0;
}

static int ldr__published_matrix(const ldr__published *p) { return p->slot < (p->layer < 0 ? (int32_t)LDR__END_MATRICES : (int32_t)LDR__MATRICES); }
static int ldr__published_turned(const ldr_model *m, const ldr__published *p) { return m->family->conv1d && p->layer >= 0 && ldr__published_matrix(p); }

static void ldr__published_header(ldr__text *text, const ldr_model *m, const ldr_ladder *l, ldr_dtype type) {
    ldr__published p;
    uint64_t offset = 0;
    int32_t at = 0;
    ldr__text_string(text, "{\"__metadata__\":{\"format\":\"pt\"}");
    while (ldr__published_next(&p, m, l, &at)) {
        size_t rows = p.rows, columns = p.columns * (size_t)p.parts;
        if (ldr__published_turned(m, &p)) {
            rows = p.columns;
            columns = p.rows * (size_t)p.parts;
        }
        ldr__text_string(text, ",");
        ldr__text_json(text, p.name);
        ldr__text_string(text, ":{\"dtype\":\"");
        ldr__text_string(text, ldr_dtype_name(type));
        ldr__text_string(text, "\",\"shape\":[");
        if (ldr__published_matrix(&p)) {
            ldr__text_u64(text, rows);
            ldr__text_string(text, ",");
        }
        ldr__text_u64(text, columns);
        ldr__text_string(text, "],\"data_offsets\":[");
        ldr__text_u64(text, offset);
        ldr__text_string(text, ",");
        offset += (uint64_t)rows * columns * ldr_dtype_size(type);
        ldr__text_u64(text, offset);
        ldr__text_string(text, "]}");
    }
    ldr__text_string(text, "}");
}

static void ldr__writer_numbers(ldr__writer *w, const float *v, size_t n, ldr_dtype type, ldr_error *err) {
    unsigned char bytes[2];
    size_t i;
    if (type == LDR_F32) {
        ldr__writer_floats(w, v, n, err);
        return;
    }
    for (i = 0; i < n; i++) {
        uint32_t h = type == LDR_BF16 ? ldr__float_to_bf16(v[i]) : ldr__float_to_half(v[i]);
        bytes[0] = (unsigned char)(h & 255u);
        bytes[1] = (unsigned char)(h >> 8);
        ldr__writer_put(w, bytes, 2, err);
    }
}

/* Row r of a part as it is now: loaded or trained, with its low-rank update. l NULL: a random start. */
static void ldr__published_row(float *row, const ldr_model *m, const ldr_ladder *l, const ldr__published *p, int32_t part, size_t r, uint64_t key) {
    int32_t slot = p->slot + part;
    size_t i, k, n;
    if (!l) {
        int norm = p->layer < 0 ? slot == LDR__EMBED_NORM || slot == LDR__FINAL || slot == LDR__LM_NORM : slot == LDR__NORM1 || slot == LDR__NORM2;
        for (i = 0; i < p->columns; i++) row[i] = ldr__published_matrix(p) ? (float)(0.02 * ldr__random_normal(key, r * p->columns + i)) : norm ? 1.0f : 0.0f;
    } else if (p->layer < 0) {
        ldr__ends e = ldr__tuned_ends(l);
        if (ldr__published_matrix(p)) ldr__mat_row(m->kernels, row, &e.m[slot], r, p->columns);
        else memcpy(row, e.v[slot], p->columns * sizeof(float));
    } else {
        ldr__block b = ldr__tuned_block(l, l->successors ? m->layers + p->layer : p->layer);
        if (!ldr__published_matrix(p)) memcpy(row, b.v[slot], p->columns * sizeof(float));
        else {
            ldr__mat_row(m->kernels, row, &b.m[slot], r, p->columns);
            n = (size_t)l->tuned_shape.low_rank;
            for (k = 0; b.v[LDR__LOW_A + slot] && k < n; k++)
                for (i = 0; i < p->columns; i++) row[i] += l->tuned_shape.low_scale * b.v[LDR__LOW_B + slot][r * n + k] * b.v[LDR__LOW_A + slot][k * p->columns + i];
        }
    }
}

/* turned: room for the widest matrix, which Conv1D files hold the other way round. */
static void ldr__published_tensor(ldr__writer *w, const ldr_model *m, const ldr_ladder *l, const ldr__published *p, float *row, float *turned, ldr_dtype type, uint64_t seed, ldr_error *err) {
    size_t r, i, all = p->rows * (size_t)p->parts;
    int32_t part;
    for (part = 0; part < p->parts; part++)
        for (r = 0; r < p->rows && !w->status; r++) {
            ldr__published_row(row, m, l, p, part, r, ldr__stream(seed, LDR__STREAM_INIT, ldr__digest((uint64_t)part, p->name, strlen(p->name))));
            if (ldr__published_turned(m, p)) for (i = 0; i < p->columns; i++) turned[i * all + (size_t)part * p->rows + r] = row[i];
            else ldr__writer_numbers(w, row, p->columns, type, err);
        }
    if (ldr__published_turned(m, p)) ldr__writer_numbers(w, turned, all * p->columns, type, err);
}

static ldr_status ldr__publish(const ldr_model *m, const ldr_ladder *l, const char *path, ldr_dtype type, uint64_t seed, ldr_error *err) {
    ldr__writer w;
    ldr__text text;
    ldr__plan plan;
    ldr__published p;
    size_t widest = 1, largest = 0, bound = 4096;
    char *header = NULL;
    float *row = NULL, *turned = NULL;
    int32_t at;
    int pass;
    for (at = 0; ldr__published_next(&p, m, l, &at);) {
        bound += 512 + strlen(p.name);
        widest = LDR__MAX(widest, p.columns);
        if (ldr__published_turned(m, &p)) largest = LDR__MAX(largest, p.rows * p.columns * (size_t)p.parts);
    }
    memset(&plan, 0, sizeof plan);
    for (pass = 0; pass < 2; pass++) {
        if (pass && ldr__plan_begin(&plan, &m->alloc, err)) return err->status;
        header = (char *)ldr__place(&plan, "header", bound, 1);
        row = ldr__place_floats(&plan, "row", widest);
        turned = ldr__place_floats(&plan, "matrix", largest);
    }
    ldr__text_init(&text, header, bound);
    ldr__published_header(&text, m, l, type);
    if (!ldr__writer_open(&w, path, err)) {
        ldr__writer_header(&w, &text, err);
        for (at = 0; !w.status && ldr__published_next(&p, m, l, &at);) ldr__published_tensor(&w, m, l, &p, row, turned, type, seed, err);
        ldr__writer_close(&w, err);
    }
    ldr__plan_end(plan.memory, plan.size, &m->alloc);
    return w.status;
}

LDR__DEF ldr_status ldr_ladder_export(const ldr_ladder *l, const char *path, ldr_dtype type, ldr_error *err) {
    ldr_error local;
    int32_t i;
    int slot;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!l || !path || (type != LDR_F32 && type != LDR_F16 && type != LDR_BF16)) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_export: no ladder or no path, or a type other than F32, F16 and BF16");
    if (l->d.method == LDR_METHOD_ADAPTER || l->d.method == LDR_METHOD_PROMPT || l->d.method == LDR_METHOD_PREFIX)
        return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "what method %s adds has no place in a %s model: save the ladder file instead", ldr_method_name(l->d.method), l->m->family->type);
    for (i = 0; l->deep && i < ldr__tuned_blocks(l); i++)
        for (slot = 0; slot < LDR__SLOTS; slot++)
            if (l->tuned[i].slot[slot] >= 0 && !l->m->family->slots[slot]) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "a %s model has no name for the trained \"%s\": save the ladder file instead", l->m->family->type, ldr__slot_names[slot]);
    return ldr__publish(l->m, l, path, type, 0, err);
}

LDR__DEF ldr_status ldr_ladder_export_config(const ldr_ladder *l, const void *config, size_t config_size, const char *path, ldr_error *err) {
    const char *text = (const char *)config;
    const ldr_json_node *n;
    ldr_error local;
    ldr_json *j;
    ldr__writer w;
    char number[16];
    int32_t layers;
    memset(&local, 0, sizeof local);
    memset(&w, 0, sizeof w);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!l || !config || !path) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_ladder_export_config: no ladder, configuration or path");
    j = ldr_json_parse(text, config_size, &l->alloc, err);
    if (!j) return err->status;
    w.status = ldr__config_int(j, l->m->family->k_layers, -1, 1, 1024, &layers, err);
    if (!w.status && layers != l->m->layers) w.status = ldr__fail(err, LDR_MISMATCH, LDR_NO_OFFSET, "config.json: \"%s\" is %d, the backbone has %d: it is another model's", l->m->family->k_layers, layers, l->m->layers);
    if (!w.status && !ldr__writer_open(&w, path, err)) {
        n = ldr_json_node_at(j, ldr_json_get(j, 0, l->m->family->k_layers));
        ldr__format(number, sizeof number, "%d", ldr__final_blocks(l));
        ldr__writer_put(&w, text, n->begin, err);
        ldr__writer_put(&w, number, strlen(number), err);
        ldr__writer_put(&w, text + n->end, config_size - n->end, err);
        ldr__writer_close(&w, err);
    }
    ldr_json_free(j);
    return w.status;
}

LDR__DEF ldr_status ldr_model_init(const void *config, size_t config_size, const char *path, uint64_t seed, ldr_error *err) {
    ldr_error local;
    ldr_model *m;
    ldr_status status;
    memset(&local, 0, sizeof local);
    if (!err || err->status) err = &local;      /* an earlier error stays as it is */
    if (!config || !path) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_init: no configuration or no path");
    m = ldr__model_new(NULL, err);
    if (!m) return err->status;
    status = ldr__model_config(m, (const char *)config, config_size, err);
    if (!status) status = ldr__publish(m, NULL, path, LDR_F32, seed, err);
    ldr_model_free(m);
    return status;
}
#endif

/* ======================================================================================
   >>quantise          A backbone in blocks of 8 or 4 bits
   --------------------------------------------------------------------------------------
   The block formats and their rounding are those of ggml's reference quantiser, so the blocks
   of a tensor have the bytes they would have there.
   ====================================================================================== */

/* One block of LDR__QBLOCK values; returns 0 when they are not finite or the scale does not fit a half. */
static int ldr__quantise_block(unsigned char *out, const float *x, ldr_dtype format) {
    float peak = 0, scale, inverse;
    uint32_t half;
    int i;
    for (i = 0; i < LDR__QBLOCK; i++) {
        if (!(fabsf(x[i]) <= FLT_MAX)) return 0;
        if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
    }
    scale = ldr__rounded(format == LDR_Q8_0 ? fabsf(peak) / 127.0f : peak / -8.0f);
    inverse = fabsf(scale) > 1e-37f ? ldr__rounded(1.0f / scale) : 0.0f;       /* less is 0 as a half anyway */
    half = ldr__float_to_half(scale);
    if ((half & 0x7fffu) == 0x7c00u) return 0;
    out[0] = (unsigned char)(half & 255u);
    out[1] = (unsigned char)(half >> 8);
    if (format == LDR_Q8_0) {
        for (i = 0; i < LDR__QBLOCK; i++) out[2 + i] = (unsigned char)((uint32_t)(int32_t)roundf(ldr__rounded(x[i] * inverse)) & 255u);
        return 1;
    }
    for (i = 0; i < LDR__QBLOCK / 2; i++) {
        int32_t low = (int32_t)ldr__rounded(ldr__rounded(x[i] * inverse) + 8.5f), high = (int32_t)ldr__rounded(ldr__rounded(x[i + LDR__QBLOCK / 2] * inverse) + 8.5f);
        out[2 + i] = (unsigned char)(LDR__MIN(low, 15) | LDR__MIN(high, 15) << 4);
    }
    return 1;
}

/* What a tensor of the model becomes. Word embeddings and the output matrix stay at 8 bits: a token meets one row
   of them alone, and little else is left of the file. */
static ldr_dtype ldr__quantised_type(const ldr_model *m, const ldr_tensor *t, ldr_dtype format) {
    int32_t l;
    int slot;
    if (t->dims != 2 || !ldr__dtype_is_float(t->dtype) || t->bytes == 0 || t->shape[1] % LDR__QBLOCK) return t->dtype;
    if (t->data == m->ends.m[LDR__WORD].data || t->data == m->ends.m[LDR__LM_OUT].data) return LDR_Q8_0;
    if (t->data == m->ends.m[LDR__PROJECT].data || t->data == m->ends.m[LDR__LM_DENSE].data) return format;
    for (l = 0; l < (m->family->shared ? 1 : m->layers); l++)
        for (slot = 0; slot < LDR__MATRICES; slot++)
            if (t->data == m->blocks[l].m[slot].data) return format;
    return t->dtype;
}

/* The tensors in the order of the file: the widest elements first, so that all are aligned. */
static const ldr_tensor *ldr__quantised_next(const ldr_model *m, ldr_dtype format, size_t *at, ldr_dtype *type) {
    size_t n = m->weights->count;
    for (; *at < 4 * n; ++*at) {
        const ldr_tensor *t = &m->weights->tensors[*at % n];
        *type = ldr__quantised_type(m, t, format);
        if ((ldr_dtype_block(*type) > 1 ? 1u : ldr_dtype_size(*type)) != (size_t)8 >> *at / n) continue;
        ++*at;
        return t;
    }
    return NULL;
}

static uint64_t ldr__quantised_bytes(const ldr_tensor *t, ldr_dtype type) {
    return type == t->dtype ? t->bytes : t->bytes / ldr_dtype_size(t->dtype) / LDR__QBLOCK * ldr_dtype_size(type);
}

static void ldr__quantised_header(ldr__text *text, const ldr_model *m, ldr_dtype format) {
    const char *as = ldr_weights_meta(m->weights, "format");
    const ldr_tensor *t;
    ldr_dtype type;
    uint64_t offset = 0;
    size_t at;
    int32_t k;
    ldr__text_string(text, "{\"__metadata__\":{");
    if (as) ldr__text_meta(text, "format", as);        /* "pt": other readers ask for it */
    for (at = 0; (t = ldr__quantised_next(m, format, &at, &type)) != NULL;) {
        if (type == t->dtype) continue;
        if (text->data[text->used - 1] != '{') ldr__text_string(text, ",");
        ldr__text_string(text, "\"" LDR__QUANTISED);
        ldr__text_escaped(text, t->name);
        ldr__text_string(text, "\":");
        ldr__text_json(text, ldr_dtype_name(type));
    }
    ldr__text_string(text, "}");
    for (at = 0; (t = ldr__quantised_next(m, format, &at, &type)) != NULL;) {
        ldr__text_string(text, ",");
        ldr__text_json(text, t->name);
        ldr__text_string(text, ":{\"dtype\":\"");
        ldr__text_string(text, ldr_dtype_name(type == t->dtype ? type : LDR_U8));
        ldr__text_string(text, "\",\"shape\":[");
        for (k = 0; k < t->dims; k++) {
            if (k) ldr__text_string(text, ",");
            ldr__text_i64(text, type != t->dtype && k == 1 ? t->shape[1] / LDR__QBLOCK * (int64_t)ldr_dtype_size(type) : t->shape[k]);
        }
        ldr__text_string(text, "],\"data_offsets\":[");
        ldr__text_u64(text, offset);
        ldr__text_string(text, ",");
        offset += ldr__quantised_bytes(t, type);
        ldr__text_u64(text, offset);
        ldr__text_string(text, "]}");
    }
    ldr__text_string(text, "}");
}

static void ldr__quantised_tensor(ldr__writer *w, const ldr_model *m, const ldr_tensor *t, ldr_dtype type, ldr_error *err) {
    enum { TAKE = 32 };                                /* blocks at a time */
    float x[TAKE * LDR__QBLOCK];
    unsigned char out[TAKE * LDR__Q8_0_BYTES];
    size_t blocks = (size_t)(t->bytes / ldr_dtype_size(t->dtype) / LDR__QBLOCK), done, take, i, size = ldr_dtype_size(type);
    char shown[LDR__SHOWN];
    for (done = 0; done < blocks && !w->status; done += take) {
        take = LDR__MIN((size_t)TAKE, blocks - done);
        m->kernels->to_float(x, ldr__element_at(t->data, t->dtype, done * LDR__QBLOCK), t->dtype, take * LDR__QBLOCK);
        for (i = 0; i < take; i++)
            if (!ldr__quantise_block(out + i * size, x + i * LDR__QBLOCK, type)) {
                w->status = ldr__fail(err, LDR_NUMERIC, t->offset + (uint64_t)(done + i) * LDR__QBLOCK * ldr_dtype_size(t->dtype),
                                      "tensor \"%s\": 32 values from here on are not finite or too large for %s blocks", ldr__show(shown, t->name, strlen(t->name)), ldr_dtype_name(type));
                return;
            }
        ldr__writer_put(w, out, take * size, err);
    }
}

LDR__DEF ldr_status ldr_model_quantise(const ldr_model *m, const char *path, ldr_dtype format, ldr_error *err) {
    ldr__writer w;
    ldr__text text;
    ldr_dtype type;
    const ldr_tensor *t;
    uint64_t bound = 4096;
    size_t at, i, changed = 0;
    char *header, shown[LDR__SHOWN];
    if (!m || !path) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_quantise: no model or no path");
    if (format != LDR_Q8_0 && format != LDR_Q4_0) return ldr__fail(err, LDR_ARGUMENT, LDR_NO_OFFSET, "ldr_model_quantise: the format must be LDR_Q8_0 or LDR_Q4_0");
    for (i = 0; i < m->weights->count; i++) {
        t = &m->weights->tensors[i];
        if (ldr_dtype_block(t->dtype) > 1) return ldr__fail(err, LDR_ARGUMENT, t->offset, "tensor \"%s\" is quantised already: start from the float model", ldr__show(shown, t->name, strlen(t->name)));
        changed += ldr__quantised_type(m, t, format) != t->dtype;
        bound += 512 + 12 * (uint64_t)strlen(t->name);
    }
    if (changed == 0) return ldr__fail(err, LDR_UNSUPPORTED, LDR_NO_OFFSET, "nothing to quantise: no matrix of the model has rows of a multiple of 32 elements");
    bound = LDR__MIN(bound + 6 * (uint64_t)strlen(ldr_weights_meta(m->weights, "format") ? ldr_weights_meta(m->weights, "format") : ""), (uint64_t)LADDER_MAX_HEADER);
    header = (char *)ldr__alloc(&m->alloc, (size_t)bound);
    if (!header) return ldr__fail(err, LDR_MEMORY, LDR_NO_OFFSET, "out of memory while quantising a model");
    ldr__text_init(&text, header, (size_t)bound);
    ldr__quantised_header(&text, m, format);
    if (!ldr__writer_open(&w, path, err)) {
        ldr__writer_header(&w, &text, err);
        for (at = 0; !w.status && (t = ldr__quantised_next(m, format, &at, &type)) != NULL;) {
            if (type == t->dtype) ldr__writer_put(&w, t->data, (size_t)t->bytes, err);
            else ldr__quantised_tensor(&w, m, t, type, err);
            if (m->release) ldr__release(m, t->data, (size_t)t->bytes);
        }
        ldr__writer_close(&w, err);
    }
    ldr__free(&m->alloc, header, (size_t)bound);
    return w.status;
}
#endif /* LADDER_NO_STDIO */
#endif /* LADDER_IMPLEMENTATION */

/*
   MIT License

   Copyright (c) 2026 ladder.h authors

   Permission is hereby granted, free of charge, to any person obtaining a copy
   of this software and associated documentation files (the "Software"), to deal
   in the Software without restriction, including without limitation the rights
   to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
   copies of the Software, and to permit persons to whom the Software is
   furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all
   copies or substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
   LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
   SOFTWARE.
*/
