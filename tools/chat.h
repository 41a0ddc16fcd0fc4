/* chat.h: conversations, part of tools/ladder.c: tokenize --chat and generate --chat. A model's own template says how
   messages become text; it lies in chat_template.jinja, in tokenizer_config.json, or in a GGUF file. */

enum { CHAT_TOKENS = 4 };

/* given: the members of an object that a template may ask for beside those of the line ("bos_token": ...). */
typedef struct chat { jinja j; ldr_json *given; char *text; size_t bytes; int32_t end; } chat;

static const char *const chat_tokens[CHAT_TOKENS] = { "bos_token", "eos_token", "unk_token", "pad_token" };

static void chat_close(chat *c) {
    jinja_close(&c->j);
    ldr_json_free(c->given);
    free(c->text);
    memset(c, 0, sizeof *c);
}

static int chat_template(run *r, chat *c, const char *s, size_t n) { return jinja_open(&c->j, s, n, &r->err)
        ? EXIT_FAILED : EXIT_DONE; }

/* 1: a file of that name in the directory is open. */
static int chat_file(ldr__source *s, const char *dir, const char *name) {
    char path[LADDER_MAX_PATH];
    ldr_error none;
    memset(&none, 0, sizeof none);
    memset(s, 0, sizeof *s);
    return ldr__path_join(path, sizeof path, dir, name) && ldr__file_exists(path) &&
            !ldr__source_open(s, path, NULL, &none);
}

/* The string of a node, or of its member "content"; NULL: none. free() it. */
static char *chat_string(const ldr_json *j, int32_t node, size_t *n) {
    ptrdiff_t size;
    char *s;
    const ldr_json_node *k = ldr_json_node_at(j, node);
    if (k && k->type == LDR_JSON_OBJECT) node = ldr_json_get(j, node, "content");
    size = ldr_json_string(NULL, 0, j, node);
    s = size < 0 ? NULL : (char *)malloc((size_t)size + 1);
    if (!s) return NULL;
    ldr_json_string(s, (size_t)size + 1, j, node);
    *n = (size_t)size;
    return s;
}

/* Of several templates the one named "default". */
static int32_t chat_default(const ldr_json *j, int32_t node) {
    const ldr_json_node *list = ldr_json_node_at(j, node);
    int32_t k;
    if (!list || list->type != LDR_JSON_ARRAY) return node;
    for (k = list->first; k >= 0; k = ldr_json_node_at(j, k)->next)
        if (ldr_json_equals(j, ldr_json_get(j, k, "name"), "default")) return ldr_json_get(j, k, "template");
    return -1;
}

/* What tokenizer_config.json says: the template (unless one is open already), the special tokens. */
static int chat_config(run *r, chat *c, const ldr_json *j, jinja_buffer *members) {
    size_t n = 0;
    char *s;
    int i, status = EXIT_DONE;
    for (i = 0; i < CHAT_TOKENS; i++) {
        jinja_value v;
        s = chat_string(j, ldr_json_get(j, 0, chat_tokens[i]), &n);
        if (!s) continue;
        if (members->used > 1) jinja_put_string(members, ",");
        v = jinja_word(chat_tokens[i]);
        jinja_put_quoted(members, &v, 1);
        jinja_put_string(members, ":");
        v = jinja_view(s, n);
        jinja_put_quoted(members, &v, 1);
        free(s);
    }
    s = c->j.count ? NULL : chat_string(j, chat_default(j, ldr_json_get(j, 0, "chat_template")), &n);
    if (s) status = chat_template(r, c, s, n);
    free(s);
    return status;
}

static int chat_gguf(run *r, chat *c, const char *path, const ldr_tokenizer *t, jinja_buffer *members) {
    static const char *const keys[CHAT_TOKENS] = { "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
            "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.padding_token_id" };
    ldr_weights *w = ldr_weights_open(path, NULL, &r->err);
    const char *s = ldr_weights_meta(w, "tokenizer.chat_template");
    int i, status = w ? EXIT_DONE : EXIT_FAILED;
    if (s && !c->j.count) status = chat_template(r, c, s, strlen(s));
    for (i = 0; w && i < CHAT_TOKENS; i++) {
        const char *id = ldr_weights_meta(w, keys[i]), *piece = id ? ldr_tokenizer_piece(t,
                (int32_t)strtol(id, NULL, 10)) : NULL;
        jinja_value v;
        if (!piece) continue;
        if (members->used > 1) jinja_put_string(members, ",");
        v = jinja_word(chat_tokens[i]);
        jinja_put_quoted(members, &v, 1);
        jinja_put_string(members, ":");
        v = jinja_word(piece);
        jinja_put_quoted(members, &v, 1);
    }
    ldr_weights_close(w);
    return status;
}

/* From --template FILE, and from what lies beside the tokenizer (path NULL: nothing does). answer: the text ends where
   the model's answer begins, unless a line says otherwise. */
static int chat_open(run *r, chat *c, const char *path, const ldr_tokenizer *t, int answer) {
    jinja_buffer members = { NULL, NULL, 0, 0 };
    ldr__source s;
    int status = EXIT_DONE;
    memset(c, 0, sizeof *c);
    c->end = -1;
    c->j.err = &r->err;
    members.j = &c->j;
    if (r->o.chat_template) {
        memset(&s, 0, sizeof s);
        if (ldr__source_open(&s, r->o.chat_template, NULL, &r->err)) return EXIT_FAILED;
        status = chat_template(r, c, (const char *)s.data, s.size);
        ldr__source_close(&s);
    } else if (path && chat_file(&s, path, "chat_template.jinja")) {
        status = chat_template(r, c, (const char *)s.data, s.size);
        ldr__source_close(&s);
    }
    jinja_put_string(&members, "{");
    if (!status && path && chat_file(&s, path, "tokenizer_config.json")) {
        ldr_json *j = ldr_json_parse((const char *)s.data, s.size, NULL, &r->err);
        status = j ? chat_config(r, c, j, &members) : EXIT_FAILED;
        ldr_json_free(j);
        ldr__source_close(&s);
    } else if (!status && path && t && ldr__ends_with(path, ".gguf")) status = chat_gguf(r, c, path, t, &members);
    if (answer) jinja_put_string(&members, members.used > 1 ? ",\"add_generation_prompt\":true"
            : "\"add_generation_prompt\":true");
    jinja_put_string(&members, "}");
    if (!status && !c->j.count) status = fail(r, LDR_MISSING, "%s has no chat template: --template FILE gives one",
            path ? path : "the tokenizer");
    c->text = members.data;
    if (!status) c->given = ldr_json_parse(members.data, members.used, NULL, &r->err);
    if (c->given && t) {
        size_t n = 0;
        char *end = chat_string(c->given, ldr_json_get(c->given, 0, "eos_token"), &n);
        if (end) c->end = ldr_tokenizer_find(t, end);
        free(end);
    }
    return status || !c->given ? EXIT_FAILED : EXIT_DONE;
}

/* A conversation's text into c->j.out: the line's members, over what the tokenizer's files give. */
static int chat_render(run *r, chat *c, const ldr_json *j) {
    if (ldr_json_node_at(j, 0)->type != LDR_JSON_OBJECT || ldr_json_get(j, 0, "messages") < 0)
        return fail(r, LDR_DATA, "a line is {\"messages\":[{\"role\":..,\"content\":..}, ..]}", "");
    return jinja_render(&c->j, c->given, 0, j, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

/* 1: the token lies in what the model itself is to say. */
static int chat_assistant(const chat *c, const ldr_encoding *e, int32_t i) {
    size_t k;
    for (k = 0; k < c->j.span_count; k++)
        if (e->begin[i] < e->end[i] && (size_t)e->begin[i] < c->j.spans[k].end &&
                (size_t)e->end[i] > c->j.spans[k].begin) return 1;
    return 0;
}
