/* features.h: ladder features, part of tools/ladder.c. Texts or ids to states, by lines or (--json) by JSON values. */

static void print_features(const run *r, const ldr_encoding *c, float *hidden, int32_t d) {
    const char *what = r->o.layer == LAYER_LOGITS ? "logits" : "hidden";
    int32_t i, k;
    fputs("{\"ids\":[", stdout);
    for (i = 0; i < c->count; i++) printf(i ? ",%d" : "%d", (int)c->ids[i]);
    if (r->o.pool <= POOL_NONE) {
        printf("],\"%s\":[", what);
        for (i = 0; i < c->count; i++) {
            if (i) putchar(',');
            put_floats(stdout, hidden + (size_t)i * (size_t)d, d);
        }
        fputs("]}\n", stdout);
        return;
    }
    for (k = 0; r->o.pool == POOL_MEAN && k < d; k++) {
        double sum = 0;
        for (i = 0; i < c->count; i++) sum += (double)hidden[(size_t)i * (size_t)d + (size_t)k];
        hidden[k] = (float)(sum / c->count);
    }
    fputs("],\"vector\":", stdout);
    put_floats(stdout, hidden, d);
    fputs("}\n", stdout);
}

/* Scores of the head in the file of hidden[T,d], which is freed. */
static float *features_logits(run *r, float *hidden, int32_t count) {
    float *logits = (float *)malloc((size_t)count * (size_t)r->info.vocabulary * sizeof *logits);
    if (!logits) fail(r, LDR_MEMORY, "out of memory", "");
    else if (ldr_model_logits(r->model, logits, hidden, count, &r->err)) {
        free(logits);
        logits = NULL;
    }
    free(hidden);
    return logits;
}

static int features_of(run *r, const ldr_encoding *c) {
    int32_t offsets[2], logits = r->o.layer == LAYER_LOGITS;
    ldr_batch batch;
    float *hidden;
    int status = EXIT_FAILED;
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
    hidden = (float *)malloc((size_t)c->count * (size_t)r->info.width * sizeof *hidden);
    if (!hidden) return fail(r, LDR_MEMORY, "out of memory", "");
    if (ldr_model_hidden(r->model, hidden, &batch, logits ? -1 : r->o.layer, &r->err)) free(hidden);
    else {
        if (logits) hidden = features_logits(r, hidden, c->count);
        if (hidden) {
            print_features(r, c, hidden, logits ? r->info.vocabulary : r->info.width);
            status = EXIT_DONE;
        }
        free(hidden);
    }
    fflush(stdout);
    return status;
}

/* A list of whole numbers to *to, which grows. */
static int features_list(run *r, const ldr_json *j, int32_t node, int32_t **to, int32_t *count) {
    const ldr_json_node *list = ldr_json_node_at(j, node);
    int64_t v = -1;
    int32_t k, *grown;
    if (!list || list->type != LDR_JSON_ARRAY) return fail(r, LDR_DATA, "\"ids\" and \"types\" are lists of whole numbers", "");
    grown = (int32_t *)realloc(*to, ((size_t)list->count + 1) * sizeof **to);
    if (!grown) return fail(r, LDR_MEMORY, "out of memory", "");
    *to = grown;
    *count = 0;
    for (k = list->first; k >= 0; k = ldr_json_node_at(j, k)->next) {
        if (!ldr__json_integer(j, k, &v) || v > INT32_MAX) return fail(r, LDR_DATA, "\"ids\" and \"types\" are lists of whole numbers", "");
        grown[(*count)++] = (int32_t)v;
    }
    return EXIT_DONE;
}

/* {"ids":[..],"types":[..]}: the arrays of c are ours. */
static int features_ids(run *r, const ldr_json *j, ldr_encoding *c) {
    int32_t types = ldr_json_get(j, 0, "types"), n = 0;
    int status;
    if (ldr_json_node_at(j, 0)->count > 1 + (types >= 0))
        return fail(r, LDR_DATA, "a line has a member that is neither \"ids\" nor \"types\"", "");
    status = features_list(r, j, ldr_json_get(j, 0, "ids"), &c->ids, &c->count);
    if (!status && types >= 0) status = features_list(r, j, types, &c->segments, &n);
    if (!status && types >= 0 && n != c->count)
        status = fail(r, LDR_DATA, "\"types\" must be as long as \"ids\"", "");
    if (!status) status = features_of(r, c);
    return status;
}

/* A JSON line: a text, an object of one or two, or of ids. */
static int features_json(run *r, const text *line, ldr_encoding *c, text *first, text *second) {
    const ldr_tokenizer *tokenizer = ldr_model_tokenizer(r->model);
    ldr_json *j = ldr_json_parse(line->data, line->used, NULL, &r->err);
    ldr_encoding own;
    texts s;
    int status;
    if (!j) return EXIT_FAILED;
    memset(&own, 0, sizeof own);
    if (ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT && ldr_json_get(j, 0, "ids") >= 0) {
        status = features_ids(r, j, &own);
        free(own.ids);
        free(own.segments);
    } else if (!tokenizer) status = fail(r, LDR_MISSING, "%s: the model has no vocabulary: give {\"ids\":[..]}", r->o.model);
    else {
        status = json_texts(r, j, first, second, &s);
        if (!status) status = ldr_tokenizer_encode(tokenizer, c, s.first, s.size, s.second, s.size2, r->max_len, 1, &r->err)
                ? EXIT_FAILED : features_of(r, c);
    }
    ldr_json_free(j);
    return status;
}

static int features_lines(run *r, text *line, ldr_encoding *c) {
    const ldr_tokenizer *tokenizer = ldr_model_tokenizer(r->model);
    text first = { NULL, 0, 0 }, second = { NULL, 0, 0 };
    int32_t capacity = 0;
    int more, status = EXIT_DONE;
    if (!tokenizer && !r->o.ids && !r->o.json) return fail(r, LDR_MISSING, "%s: the model has no vocabulary; --ids reads token ids", r->o.model);
    while (!status && (more = read_line(stdin, line)) != 0) {
        texts t = split_line(line, r->o.pair);
        if (more < 0) status = fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
        else if (r->o.json) {
            if (line->used) status = features_json(r, line, c, &first, &second);
            continue;
        } else if (r->o.ids) status = parse_ids(r, line, c, &capacity);
        else if (ldr_tokenizer_encode(tokenizer, c, t.first, t.size, t.second, t.size2, r->max_len, 1, &r->err)) status = EXIT_FAILED;
        if (!status) status = features_of(r, c);
    }
    free(first.data);
    free(second.data);
    return status;
}

/* With --ids the arrays of the encoding are ours: the library frees only what it allocated. */
static int command_features(run *r) {
    text line = { NULL, 0, 0 };
    ldr_encoding c;
    int status = open_model(r);
    memset(&c, 0, sizeof c);
    if (!status) status = choose_max_len(r, r->info.positions);
    if (!status && r->o.layer > r->info.layers) {
        ldr__fail(&r->err, LDR_ARGUMENT, LDR_NO_OFFSET, "--layer %d: the model has %d layers", r->o.layer, r->info.layers);
        status = EXIT_FAILED;
    }
    if (!status) status = features_lines(r, &line, &c);
    if (r->o.ids) free(c.ids);
    else ldr_encoding_free(&c);
    free(line.data);
    return status;
}
