/* generate.h: ladder generate, part of tools/ladder.c. Prompts by lines, or (--json) by JSON values, to their continuations. */

typedef struct generation {
  run           *r;
  ldr_session   *session;
  int32_t       *out, made, capacity;
  ldr_text       text;
  size_t         shown;                  /* bytes of the text that have been printed         */
  chat           talk;                   /* --chat                                           */
  jinja_buffer   said;                   /* without --json: the conversation so far          */
  int32_t       *held, held_count;       /* tokens that the session has read                 */
} generation;

/* The text so far; a character that is not yet whole waits. */
static int generate_decode(generation *g, int last) {
  const ldr_tokenizer *t = ldr_model_tokenizer(g->r->model);
  size_t n;
  if (ldr_tokenizer_decode(t, &g->text, g->out, g->made, 1, &g->r->err)) return EXIT_FAILED;
  n = g->text.size;
  while (!last && n > g->shown && n >= 3 && memcmp(g->text.data + n - 3, "\xef\xbf\xbd", 3) == 0) n -= 3;
  if (!g->r->o.json && n > g->shown) {
    fwrite(g->text.data + g->shown, 1, n - g->shown, stdout);
    g->shown = n;
    return flush_answers(g->r);
  }
  return EXIT_DONE;
}

static int32_t generate_token(void *user, int32_t id) {
  generation *g = (generation *)user;
  if (id == g->talk.end && g->r->o.chat) return 1;
  g->made++;                             /* it stands in g->out already */
  return interrupted || (!g->r->o.json && !g->r->o.ids && generate_decode(g, 0));
}

static int generate_print(generation *g) {
  int32_t i;
  if (!g->r->o.json && !g->r->o.ids) {
    int status = generate_decode(g, 1);
    putchar('\n');
    return status;
  }
  fputs(g->r->o.json ? "{\"ids\":[" : "", stdout);
  for (i = 0; i < g->made; i++) printf(i ? g->r->o.json ? ",%d" : " %d" : "%d", (int)g->out[i]);
  if (!g->r->o.json) {
    putchar('\n');
    return EXIT_DONE;
  }
  fputs("]", stdout);
  if (ldr_model_tokenizer(g->r->model)) {
    if (ldr_tokenizer_decode(ldr_model_tokenizer(g->r->model), &g->text, g->out, g->made, 1, &g->r->err)) return EXIT_FAILED;
    fputs(",\"text\":", stdout);
    put_bytes(stdout, g->text.data, g->text.size);
  }
  fputs("}\n", stdout);
  return EXIT_DONE;
}

/* Of a conversation that goes on, only what is new is read. */
static int32_t generate_known(generation *g, const ldr_encoding *c) {
  int32_t n = 0;
  while (g->r->o.chat && n < g->held_count && n < c->count - 1 && g->held[n] == c->ids[n]) n++;
  return n;
}

static void generate_hold(generation *g, const ldr_encoding *c) {
  int32_t n = LDR__MIN(ldr_session_length(g->session), g->capacity), read = LDR__MIN(n, c->count);
  memcpy(g->held, c->ids, (size_t)read * sizeof *g->held);
  if (n > read) memcpy(g->held + read, g->out, (size_t)(n - read) * sizeof *g->held);
  g->held_count = n;
}

static int generate_from(generation *g, const ldr_encoding *c) {
  const options *o = &g->r->o;
  ldr_generate_desc d;
  int32_t made = 0, known = generate_known(g, c);
  int status;
  memset(&d, 0, sizeof d);
  d.sampling.temperature = o->temperature;
  d.sampling.top_k = o->top_k;
  d.sampling.top_p = o->top_p;
  d.sampling.min_p = o->min_p;
  d.sampling.repetition = o->repetition;
  d.sampling.seed = o->seed;
  d.most = LDR__MIN(o->most ? o->most : 256, g->capacity);
  d.token = generate_token;
  d.user = g;
  g->made = 0;
  g->shown = 0;
  ldr_session_rewind(g->session, known, NULL);
  if (!c->count) return fail(g->r, LDR_DATA, "a prompt holds no tokens", "");
  if (ldr_generate(g->session, g->out, &made, c->ids + known, c->count - known, &d, &g->r->err)) return EXIT_FAILED;
  generate_hold(g, c);
  status = generate_print(g);
  return status ? status : flush_answers(g->r);
}

static void generate_say(generation *g, const char *role, const char *s, size_t n) {
  jinja_value v = jinja_word(role);
  if (!g->said.used) jinja_put_string(&g->said, "{\"messages\":[");
  else {
    g->said.used -= 2;                     /* "]}"                                          */
    jinja_put_string(&g->said, ",");
  }
  jinja_put_string(&g->said, "{\"role\":");
  jinja_put_quoted(&g->said, &v, 1);
  jinja_put_string(&g->said, ",\"content\":");
  v = jinja_view(s, n);
  jinja_put_quoted(&g->said, &v, 1);
  jinja_put_string(&g->said, "}]}");
}

/* A conversation, {"messages":[..]} a line; or what the user says next, and the conversation is kept. */
static int generate_chat(generation *g, const text *line, ldr_encoding *c) {
  run *r = g->r;
  ldr_encode_desc d;
  ldr_json *j;
  int status;
  if (!r->o.json) generate_say(g, "user", line->data, line->used);
  j = r->err.status ? NULL : ldr_json_parse(r->o.json ? line->data : g->said.data, r->o.json ? line->used : g->said.used, NULL, &r->err);
  if (!j) return EXIT_FAILED;
  memset(&d, 0, sizeof d);
  d.no_special = 1;
  status = chat_render(&g->talk, j, &r->err) ? EXIT_FAILED : EXIT_DONE;
  ldr_json_free(j);
  if (!status && ldr_tokenizer_encode_with(ldr_model_tokenizer(r->model), c, g->talk.j.out ? g->talk.j.out : "", g->talk.j.used, NULL, 0, &d, &r->err)) status = EXIT_FAILED;
  if (!status && c->count >= g->capacity) status = fail(r, LDR_LIMIT, "the conversation is longer than the model's positions (or --max-len)", "");
  if (!status) status = generate_from(g, c);
  if (status || r->o.json) return status;
  if (ldr_tokenizer_decode(ldr_model_tokenizer(r->model), &g->text, g->out, g->made, 1, &r->err)) return EXIT_FAILED;
  generate_say(g, "assistant", g->text.data, g->text.size);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* "prompt" or {"ids":[..]}; a text or ids as they are otherwise. */
static int generate_line(generation *g, text *line, ldr_encoding *c, int32_t *ids_room, text *first) {
  run *r = g->r;
  const ldr_tokenizer *t = ldr_model_tokenizer(r->model);
  ldr_encoding own;
  ldr_json *j;
  int status = EXIT_DONE;
  if (r->o.chat) return generate_chat(g, line, c);
  if (!r->o.json) {
    if (r->o.ids) status = parse_ids(r, line, c, ids_room);
    else if (!t) status = fail(r, LDR_MISSING, "%s: the model has no vocabulary; --ids reads and writes token ids", r->o.model);
    else if (ldr_tokenizer_encode(t, c, line->data, line->used, NULL, 0, r->info.positions, 1, &r->err)) status = EXIT_FAILED;
    return status ? status : generate_from(g, c);
  }
  j = ldr_json_parse(line->data, line->used, NULL, &r->err);
  if (!j) return EXIT_FAILED;
  memset(&own, 0, sizeof own);
  if (ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT && ldr_json_get(j, 0, "ids") >= 0 && ldr_json_node_at(j, 0)->count == 1) {
    status = features_list(r, j, ldr_json_get(j, 0, "ids"), &own.ids, &own.count);
    if (!status) status = generate_from(g, &own);
    free(own.ids);
  } else if (ldr_json_node_at(j, 0)->type != LDR_JSON_STRING) status = fail(r, LDR_DATA, "a line is a \"prompt\" or {\"ids\":[..]}", "");
  else if (!t) status = fail(r, LDR_MISSING, "%s: the model has no vocabulary: give {\"ids\":[..]}", r->o.model);
  else {
    status = json_text(r, first, j, 0);
    if (!status && ldr_tokenizer_encode(t, c, first->data, first->used, NULL, 0, r->info.positions, 1, &r->err)) status = EXIT_FAILED;
    if (!status) status = generate_from(g, c);
  }
  ldr_json_free(j);
  return status;
}

static int command_generate(run *r) {
  text line = { NULL, 0, 0 }, first = { NULL, 0, 0 };
  int32_t ids_room = 0;
  ldr_encoding c;
  generation g;
  int more = 0, status = open_model(r);
  memset(&c, 0, sizeof c);
  memset(&g, 0, sizeof g);
  g.r = r;
  if (!status && r->o.ladder) {
    r->ladder = ldr_ladder_load(r->model, r->o.ladder, NULL, &r->err);
    status = r->ladder ? EXIT_DONE : EXIT_FAILED;
  }
  if (!status) status = choose_max_len(r, LDR__MIN(r->info.positions, 4096));
  if (!status) {
    g.capacity = r->max_len;
    g.session = ldr_session_create(r->model, r->ladder, g.capacity, &r->err);
    g.out = (int32_t *)malloc(((size_t)g.capacity + 1) * sizeof *g.out);
    g.held = (int32_t *)malloc(((size_t)g.capacity + 1) * sizeof *g.held);
    if (!g.session) status = EXIT_FAILED;
    else if (!g.out || !g.held) status = fail(r, LDR_MEMORY, "out of memory", "");
  }
  if (!status && r->o.chat && !ldr_model_tokenizer(r->model)) status = fail(r, LDR_MISSING, "%s: the model has no vocabulary", r->o.model);
  if (!status && r->o.chat && chat_open(&g.talk, r->o.chat_template, r->o.model, ldr_model_tokenizer(r->model), 1, &r->err)) status = EXIT_FAILED;
  g.said.j = &g.talk.j;
  signal(SIGINT, on_signal);
  while (!status && !interrupted && (more = read_line(stdin, &line)) > 0)
    if (line.used) status = generate_line(&g, &line, &c, &ids_room, &first);
  if (more < 0) status = fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
  ldr_session_free(g.session);
  ldr_text_free(&g.text);
  if (r->o.ids) free(c.ids);
  else ldr_encoding_free(&c);
  chat_close(&g.talk);
  free(g.said.data);
  free(g.held);
  free(g.out);
  free(line.data);
  free(first.data);
  return status;
}
