/* tokenize.h: ladder tokenize, part of tools/ladder.c. Text to tokens and back, by lines or (--json) by JSON values. */

/* One line to tokens: ids or pieces, or a JSON object with the bytes of the text that each token covers. */
static void print_tokens(const run *r, const ldr_tokenizer *t, const ldr_encoding *e) {
    int32_t i;
    size_t bytes;
    if (!r->o.json) {
        for (i = 0; i < e->count; i++) {
            if (i) putchar(' ');
            if (!r->o.pieces) printf("%d", (int)e->ids[i]);
            else {
                const char *piece = ldr_encoding_piece(t, e, i, &bytes);
                fwrite(piece, 1, bytes, stdout);
            }
        }
        putchar('\n');
        return;
    }
    for (i = 0; i < e->count; i++) printf(i ? ",%d" : "{\"ids\":[%d", (int)e->ids[i]);
    fputs(e->count ? "],\"types\":[" : "{\"ids\":[],\"types\":[", stdout);
    for (i = 0; i < e->count; i++) printf(i ? ",%d" : "%d", (int)e->segments[i]);
    fputs("],\"tokens\":[", stdout);
    for (i = 0; i < e->count; i++) {
        const char *piece = ldr_encoding_piece(t, e, i, &bytes);
        if (i) putchar(',');
        put_bytes(stdout, piece, bytes);
    }
    fputs("],\"offsets\":[", stdout);
    for (i = 0; i < e->count; i++) printf(i ? ",[%d,%d]" : "[%d,%d]", (int)e->begin[i], (int)e->end[i]);
    fputs("]}\n", stdout);
}

/* The string of a node, in `out`, with what it holds of NUL. */
static int json_text(run *r, text *out, const ldr_json *j, int32_t node) {
    ptrdiff_t n = ldr_json_string(NULL, 0, j, node);
    if (n < 0) return fail(r, LDR_DATA, "a line is not a text, nor an object with \"text\" and perhaps \"pair\"", "");
    out->used = 0;
    if (!text_room(out, (size_t)n + 1)) return fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
    ldr_json_string(out->data, (size_t)n + 1, j, node);
    out->used = (size_t)n;
    return EXIT_DONE;
}

static int encode_line(run *r, const ldr_tokenizer *t, ldr_encoding *e, const texts *s) {
    ldr_encode_desc d;
    memset(&d, 0, sizeof d);
    d.max_len = r->o.max_len;
    d.truncate = r->o.truncate == 2 ? LDR_TRUNCATE_ONLY_FIRST : LDR_TRUNCATE_LONGEST_FIRST;
    d.no_special = r->o.no_special;
    if (!d.max_len && t->max_len) {                   /* what the file itself asks for, as its own library does */
        if (t->left) return fail(r, LDR_UNSUPPORTED, "%s: its tokenizer cuts the beginning of long texts; say --max-len, which cuts the end", r->o.model ? r->o.model : r->o.tokenizer);
        d.max_len = t->max_len;
        d.truncate = (ldr_truncate)t->strategy;
    }
    if (ldr_tokenizer_encode_with(t, e, s->first, s->size, s->second, s->size2, &d, &r->err)) return EXIT_FAILED;
    print_tokens(r, t, e);
    return EXIT_DONE;
}

/* A JSON line: a text, or an object of two; *s lies in first and second. */
static int json_texts(run *r, const ldr_json *j, text *first, text *second, texts *s) {
    int object = ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT, status;
    int32_t pair = object ? ldr_json_get(j, 0, "pair") : -1;
    if (object && ldr_json_node_at(j, 0)->count > 1 + (pair >= 0)) return fail(r, LDR_DATA, "a line has a member that is neither \"text\" nor \"pair\"", "");
    if (pair >= 0 && ldr_json_node_at(j, pair)->type == LDR_JSON_NULL) pair = -1;
    status = json_text(r, first, j, object ? ldr_json_get(j, 0, "text") : 0);
    if (!status && pair >= 0) status = json_text(r, second, j, pair);
    s->first = first->data;
    s->size = first->used;
    s->second = pair >= 0 ? second->data : NULL;
    s->size2 = pair >= 0 ? second->used : 0;
    return status;
}

static int encode_json(run *r, const ldr_tokenizer *t, ldr_encoding *e, const ldr_json *j, text *first, text *second) {
    texts s;
    int status = json_texts(r, j, first, second, &s);
    return status ? status : encode_line(r, t, e, &s);
}

static int print_decoded(run *r, const ldr_tokenizer *t, ldr_text *out, const int32_t *ids, int32_t count, int json) {
    if (ldr_tokenizer_decode(t, out, ids, count, r->o.no_special, &r->err)) return EXIT_FAILED;
    if (json) {
        fputs("{\"text\":", stdout);
        put_bytes(stdout, out->data, out->size);
        fputs("}\n", stdout);
    } else {
        fwrite(out->data, 1, out->size, stdout);
        putchar('\n');
    }
    return EXIT_DONE;
}

/* [ids] to text. */
static int decode_json(run *r, const ldr_tokenizer *t, ldr_encoding *e, int32_t *capacity, ldr_text *out, const ldr_json *j) {
    const ldr_json_node *list = ldr_json_node_at(j, 0);
    int64_t id = -1;
    int32_t k;
    e->count = 0;
    if (list->type != LDR_JSON_ARRAY) return fail(r, LDR_DATA, "a line to decode is a list of ids: [101,102]", "");
    if (list->count > *capacity) {
        int32_t *ids = (int32_t *)realloc(e->ids, (size_t)list->count * sizeof *ids);
        if (!ids) return fail(r, LDR_MEMORY, "out of memory", "");
        e->ids = ids;
        *capacity = list->count;
    }
    for (k = list->first; k >= 0; k = ldr_json_node_at(j, k)->next) {
        if (!ldr__json_integer(j, k, &id) || id >= ldr_tokenizer_size(t)) return fail(r, LDR_DATA, "an id to decode is none of the tokenizer's", "");
        e->ids[e->count++] = (int32_t)id;
    }
    return print_decoded(r, t, out, e->ids, e->count, 1);
}

static int tokenize_line(run *r, const ldr_tokenizer *t, ldr_encoding *e, int32_t *capacity, text *line, text *first, text *second, ldr_text *out) {
    ldr_json *j;
    texts s;
    int status;
    if (!r->o.json) {
        if (r->o.decode) {
            status = parse_ids(r, line, e, capacity);
            return status ? status : print_decoded(r, t, out, e->ids, e->count, 0);
        }
        s = split_line(line, r->o.pair);
        return encode_line(r, t, e, &s);
    }
    j = ldr_json_parse(line->data, line->used, NULL, &r->err);
    if (!j) return EXIT_FAILED;
    status = r->o.decode ? decode_json(r, t, e, capacity, out, j) : encode_json(r, t, e, j, first, second);
    ldr_json_free(j);
    return status;
}

/* With --decode the ids are ours: the library frees only what it allocated. */
static int command_tokenize(run *r) {
    ldr_tokenizer *t;
    text line = { NULL, 0, 0 }, first = { NULL, 0, 0 }, second = { NULL, 0, 0 };
    ldr_text out;
    ldr_encoding e;
    int32_t capacity = 0;
    int more = 0, status;
    uint64_t lines = 0;
    memset(&e, 0, sizeof e);
    memset(&out, 0, sizeof out);
    t = ldr_tokenizer_load(r->o.model ? r->o.model : r->o.tokenizer, NULL, &r->err);
    status = t ? EXIT_DONE : EXIT_FAILED;
    while (!status && (more = read_line(stdin, &line)) > 0) {
        lines++;
        if (r->o.json && !line.used) continue;
        status = tokenize_line(r, t, &e, &capacity, &line, &first, &second, &out);
        fflush(stdout);
    }
    if (status && t) {
        char message[sizeof r->err.message];
        memcpy(message, r->err.message, sizeof message);
        ldr__format(r->err.message, sizeof r->err.message, "line %U: %s", lines, message);
    }
    if (more < 0) status = fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
    if (r->o.decode) free(e.ids);
    else ldr_encoding_free(&e);
    ldr_text_free(&out);
    ldr_tokenizer_free(t);
    free(line.data);
    free(first.data);
    free(second.data);
    return status;
}
