/* features.h: ladder features, part of tools/ladder.c. Texts or ids to states, by lines or (--json) by JSON values. */
#ifndef LADDER_FEATURES_H
#define LADDER_FEATURES_H

#include "run.h"

static ldr_json *features_file(run *r, ldr__source *s, const char *name) {
  char path[LADDER_MAX_PATH];
  ldr_json *j = NULL;
  memset(s, 0, sizeof *s);
  if (!ldr__path_join(path, sizeof path, r->o.model, name)) return NULL;
  if (!ldr__source_open(s, path, NULL, &r->err)) j = ldr_json_parse((const char *)s->data, s->size, NULL, &r->err);
  if (!j) ldr__fail_in_file(&r->err, path);
  return j;
}

static int features_pooling(run *r, const char *dir, pooling_rule *p) {
  static const struct { const char *key; int32_t mode; } modes[] = {
    { "pooling_mode_cls_token", POOL_CLS },
    { "pooling_mode_mean_tokens", POOL_MEAN },
    { "pooling_mode_max_tokens", POOL_MAX },
    { "pooling_mode_mean_sqrt_len_tokens", POOL_MEAN_SQRT },
    { "pooling_mode_lasttoken", POOL_LAST },
    { "pooling_mode_weightedmean_tokens", POOL_NONE } };
  char name[300];
  ldr__source s;
  ldr_json *j;
  size_t i;
  int32_t asked = 0;
  snprintf(name, sizeof name, "%s/config.json", dir);
  j = features_file(r, &s, name);
  for (i = 0; j && i < sizeof modes / sizeof *modes; i++) {
    const ldr_json_node *n = ldr_json_node_at(j, ldr_json_get(j, 0, modes[i].key));
    if (!n || n->type != LDR_JSON_TRUE) continue;
    p->mode = modes[i].mode;
    asked++;
  }
  ldr_json_free(j);
  ldr__source_close(&s);
  if (j && (asked != 1 || p->mode == POOL_NONE))
    fail(r, LDR_UNSUPPORTED, "%s: exactly one of cls, mean, max, mean_sqrt_len and lasttoken is supported", name);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* --pool model: of its modules a transformer, a pooling and a normalising one are understood. */
static int features_modules(run *r, pooling_rule *p) {
  char path[LADDER_MAX_PATH], type[128], dir[256];
  ldr__source s;
  ldr_json *j;
  int32_t k;
  if (!ldr__path_join(path, sizeof path, r->o.model, "modules.json"))
    return fail(r, LDR_ARGUMENT, "%s: the path is too long", r->o.model);
  if (!ldr__file_exists(path)) {
    if (r->info.task == LDR_TASK_POOLER) return EXIT_DONE;
    return fail(r, LDR_MISSING,
        "%s: neither modules.json nor a pooler says how a text becomes one vector: --pool cls or mean", r->o.model);
  }
  p->mode = POOL_NONE;
  j = features_file(r, &s, "modules.json");
  for (k = j ? ldr_json_node_at(j, 0)->first : -1; k >= 0 && !r->err.status; k = ldr_json_node_at(j, k)->next) {
    const char *kind;
    if (ldr_json_string(type, sizeof type, j, ldr_json_get(j, k, "type")) < 0
        || ldr_json_string(dir, sizeof dir, j, ldr_json_get(j, k, "path")) < 0)
      fail(r, LDR_FORMAT, "%s: each module has a type and a path", path);
    kind = strrchr(type, '.') ? strrchr(type, '.') + 1 : type;
    if (r->err.status || strcmp(kind, "Transformer") == 0) continue;
    if (strcmp(kind, "Pooling") == 0) features_pooling(r, dir, p);
    else if (strcmp(kind, "Normalize") == 0) p->normalise = 1;
    else
      fail(r, LDR_UNSUPPORTED,
          "modules.json: a module \"%s\" is not supported (Transformer, Pooling and Normalize are)", kind);
  }
  ldr_json_free(j);
  ldr__source_close(&s);
  if (!r->err.status && p->mode == POOL_NONE) fail(r, LDR_MISSING, "%s: there is no module that pools", path);
  ldr__path_join(path, sizeof path, r->o.model, "sentence_bert_config.json");
  if (!r->err.status && ldr__file_exists(path) && (j = features_file(r, &s, "sentence_bert_config.json")) != NULL) {
    p->max_len = (int32_t)ldr_json_number(j, ldr_json_get(j, 0, "max_seq_length"), 0);
    ldr_json_free(j);
    ldr__source_close(&s);
  }
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* hidden[n,d] to its first row. */
static void features_pool(const pooling_rule *p, float *hidden, int32_t n, int32_t d) {
  double length = 0;
  int32_t i, k;
  if (p->mode == POOL_LAST) memmove(hidden, hidden + (size_t)(n - 1) * (size_t)d, (size_t)d * sizeof *hidden);
  for (k = 0; k < d; k++) {
    double sum = 0, most = (double)hidden[k];
    for (i = 0; i < n; i++) {
      double v = (double)hidden[(size_t)i * (size_t)d + (size_t)k];
      sum += v;
      most = LDR__MAX(most, v);
    }
    if (p->mode == POOL_MEAN || p->mode == POOL_MEAN_SQRT)
      hidden[k] = (float)(sum / (p->mode == POOL_MEAN ? n : sqrt((double)n)));
    if (p->mode == POOL_MAX) hidden[k] = (float)most;
    length += (double)hidden[k] * (double)hidden[k];
  }
  for (k = 0; p->normalise && k < d; k++) hidden[k] = (float)((double)hidden[k] / LDR__MAX(sqrt(length), 1e-12));
}

static void print_features(const run *r, const ldr_encoding *c, const float *out, int32_t count, int32_t d) {
  int vector = r->o.pool > POOL_NONE;
  int32_t i;
  fputs("{\"ids\":[", stdout);
  for (i = 0; i < c->count; i++) printf(i ? ",%d" : "%d", (int)c->ids[i]);
  fputs(vector ? "],\"vector\":" : r->o.layer == LAYER_LOGITS ? "],\"logits\":[" : "],\"hidden\":[", stdout);
  for (i = 0; i < count; i++) {
    if (i) putchar(',');
    put_floats(stdout, out + (size_t)i * (size_t)d, d);
  }
  fputs(vector ? "}\n" : "]}\n", stdout);
}

/* Scores of the head in the file of hidden[T,d]: out[*count,*width], to be freed. A head for a task comes before that
   for words. */
static float *features_scores(run *r, const float *hidden, const ldr_batch *b, int32_t *count, int32_t *width) {
  const ldr_task task = r->info.task;
  int words = task == LDR_TASK_NONE || (task == LDR_TASK_POOLER && r->o.pool <= POOL_NONE);
  float *out;
  if (!words && (task == LDR_TASK_SEQUENCE || task == LDR_TASK_CHOICE || task == LDR_TASK_POOLER)) *count = 1;
  *width = words ? r->info.vocabulary : r->info.classes;
  out = (float *)malloc((size_t)*count * (size_t)*width * sizeof *out);
  if (!out) fail(r, LDR_MEMORY, "out of memory", "");
  else if (words ? ldr_model_logits(r->model, out, hidden, *count, &r->err)
                 : ldr_model_scores(r->model, out, hidden, b, &r->err)) {
    free(out);
    out = NULL;
  }
  return out;
}

/* decoder: what the decoder of a model with two stacks reads behind the encoder's c; NULL: nothing does. */
static int features_of(run *r, const ldr_encoding *c, const ldr_encoding *decoder) {
  int32_t offsets[2], ends[2] = { 0, 0 }, logits = r->o.layer == LAYER_LOGITS, count = c->count, width = r->info.width;
  const ldr_model *m = r->model;
  ldr_batch batch, source;
  int32_t *ids = NULL, i;
  float *hidden, *out;
  if (ldr_model_encoder(m) && !logits && r->o.stack != STACK_DECODER) m = ldr_model_encoder(m), decoder = NULL;
  if (c->count == 0) {
    puts(r->o.pool > POOL_NONE ? "{\"ids\":[],\"vector\":null}" :
        logits ? "{\"ids\":[],\"logits\":[]}" : "{\"ids\":[],\"hidden\":[]}");
    return EXIT_DONE;
  }
  offsets[0] = 0;
  offsets[1] = c->count;
  memset(&batch, 0, sizeof batch);
  batch.sequences = 1;
  batch.offsets = offsets;
  batch.ids = c->ids;
  batch.segments = c->segments;
  if (ldr_model_encoder(m)) {
    ids = (int32_t *)malloc((size_t)c->count * sizeof *ids);
    if (!ids) return fail(r, LDR_MEMORY, "out of memory", "");
    for (i = 0; i < c->count; i++) ids[i] = i ? c->ids[i - 1] : r->info.start;
    /* a classifier's decoder reads the same text, a token later */
    if (r->info.task == LDR_TASK_SEQUENCE && logits && (!decoder || !decoder->count)) decoder = c;
    else {
      free(ids);
      ids = NULL;
    }
    if (!decoder || !decoder->count)
      return fail(r, LDR_DATA, "the decoder of %s reads ids of its own: {\"ids\":[..],\"decoder_ids\":[..]}",
          r->o.model);
    source = batch;
    ends[1] = count = decoder->count;
    batch.offsets = ends;
    batch.ids = ids ? ids : decoder->ids;
    batch.source = &source;
    c = decoder;
  }
  out = hidden = (float *)malloc((size_t)c->count * (size_t)r->info.width * sizeof *hidden);
  if (!hidden) return fail(r, LDR_MEMORY, "out of memory", "");
  if (ldr_model_hidden(m, hidden, &batch, logits ? -1 : r->o.layer, &r->err)) out = NULL;
  else if (logits || r->pooling.mode == POOL_MODEL) out = features_scores(r, hidden, &batch, &count, &width);
  else if (r->pooling.mode > POOL_NONE) {
    features_pool(&r->pooling, out, count, width);
    count = 1;
  }
  if (out) print_features(r, c, out, count, width);
  if (out != hidden) free(out);
  free(hidden);
  free(ids);
  return out ? flush_answers(r) : EXIT_FAILED;
}

/* A list of whole numbers to *to, which grows. */
static int features_list(run *r, const ldr_json *j, int32_t node, int32_t **to, int32_t *count) {
  const ldr_json_node *list = ldr_json_node_at(j, node);
  int64_t v = -1;
  int32_t k, *grown;
  if (!list || list->type != LDR_JSON_ARRAY)
    return fail(r, LDR_DATA, "\"ids\" and \"types\" are lists of whole numbers", "");
  grown = (int32_t *)realloc(*to, ((size_t)list->count + 1) * sizeof **to);
  if (!grown) return fail(r, LDR_MEMORY, "out of memory", "");
  *to = grown;
  *count = 0;
  for (k = list->first; k >= 0; k = ldr_json_node_at(j, k)->next) {
    if (!ldr__json_integer(j, k, &v) || v > INT32_MAX)
      return fail(r, LDR_DATA, "\"ids\" and \"types\" are lists of whole numbers", "");
    grown[(*count)++] = (int32_t)v;
  }
  return EXIT_DONE;
}

/* {"ids":[..],"types":[..]}: the arrays of c are ours. */
static int features_ids(run *r, const ldr_json *j, ldr_encoding *c, ldr_encoding *decoder) {
  int32_t types = ldr_json_get(j, 0, "types"), n = 0;
  int32_t own = ldr_model_encoder(r->model) ? ldr_json_get(j, 0, "decoder_ids") : -1;
  int status;
  if (ldr_json_node_at(j, 0)->count > 1 + (types >= 0) + (own >= 0))
    return fail(r, LDR_DATA,
        "a line has a member that is none of \"ids\", \"types\" and, for two stacks, \"decoder_ids\"", "");
  status = features_list(r, j, ldr_json_get(j, 0, "ids"), &c->ids, &c->count);
  if (!status && types >= 0) status = features_list(r, j, types, &c->segments, &n);
  if (!status && types >= 0 && n != c->count)
    status = fail(r, LDR_DATA, "\"types\" must be as long as \"ids\"", "");
  if (!status && own >= 0) status = features_list(r, j, own, &decoder->ids, &decoder->count);
  if (!status) status = features_of(r, c, decoder);
  return status;
}

/* A JSON line: a text, an object of one or two, or of ids. */
static int features_json(run *r, const text *line, ldr_encoding *c, text *first, text *second) {
  const ldr_tokenizer *tokenizer = ldr_model_tokenizer(r->model);
  ldr_json *j = ldr_json_parse(line->data, line->used, NULL, &r->err);
  ldr_encoding own, decoder;
  texts s;
  int status;
  if (!j) return EXIT_FAILED;
  memset(&own, 0, sizeof own);
  memset(&decoder, 0, sizeof decoder);
  if (ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT && ldr_json_get(j, 0, "ids") >= 0) {
    status = features_ids(r, j, &own, &decoder);
    free(decoder.ids);
    free(own.ids);
    free(own.segments);
  } else if (!tokenizer)
    status = fail(r, LDR_MISSING, "%s: the model has no vocabulary: give {\"ids\":[..]}", r->o.model);
  else {
    status = json_texts(r, j, first, second, &s);
    if (!status && ldr_tokenizer_encode(tokenizer, c, s.first, s.size, s.second, s.size2, r->max_len, 1, &r->err))
      status = EXIT_FAILED;
    if (!status) status = features_of(r, c, NULL);
  }
  ldr_json_free(j);
  return status;
}

static int features_lines(run *r, text *line, ldr_encoding *c) {
  const ldr_tokenizer *tokenizer = ldr_model_tokenizer(r->model);
  text first = { NULL, 0, 0 }, second = { NULL, 0, 0 };
  int32_t capacity = 0;
  int64_t lines = 0, cut = 0;
  int more, status = EXIT_DONE;
  if (!tokenizer && !r->o.ids && !r->o.json)
    return fail(r, LDR_MISSING, "%s: the model has no vocabulary; --ids reads token ids", r->o.model);
  while (!status && (more = read_line(stdin, line)) != 0) {
    texts t = split_line(line, r->o.pair);
    c->cut = 0;
    if (more < 0) status = fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
    else if (r->o.json) {
      if (line->used) status = features_json(r, line, c, &first, &second);
    } else if (r->o.ids) status = parse_ids(r, line, c, &capacity);
    else if (ldr_tokenizer_encode(tokenizer, c, t.first, t.size, t.second, t.size2, r->max_len, 1, &r->err))
      status = EXIT_FAILED;
    if (!status && !r->o.json) status = features_of(r, c, NULL);
    lines += line->used || !r->o.json;
    cut += c->cut > 0;
  }
  if (!status) tell_cut_texts(cut, lines, r->max_len);
  free(first.data);
  free(second.data);
  return status;
}

/* With --ids the arrays of the encoding are ours: the library frees only what it allocated. */
static int command_features(run *r) {
  text line = { NULL, 0, 0 };
  ldr_encoding c;
  int32_t layers;
  int status = open_model(r);
  memset(&c, 0, sizeof c);
  r->pooling.mode = r->o.pool;
  if (!status && r->o.pool == POOL_MODEL) status = features_modules(r, &r->pooling);
  if (!status) status = choose_max_len(r, r->pooling.max_len ? r->pooling.max_len : r->info.positions);
  layers = r->o.stack == STACK_DECODER || !ldr_model_encoder(r->model) ? r->info.layers :
      ldr_model_info_get(ldr_model_encoder(r->model)).layers;
  if (!status && r->o.stack == STACK_DECODER && !ldr_model_encoder(r->model))
    status = fail(r, LDR_ARGUMENT, "--stack decoder: %s has one stack", r->o.model);
  if (!status && r->o.layer > layers) {
    ldr__fail(&r->err, LDR_ARGUMENT, "--layer %d: the model has %d layers", r->o.layer, layers);
    status = EXIT_FAILED;
  }
  if (!status) status = features_lines(r, &line, &c);
  if (r->o.ids) free(c.ids);
  else ldr_encoding_free(&c);
  free(line.data);
  return status;
}

#endif /* LADDER_FEATURES_H */
