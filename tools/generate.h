/* generate.h: ladder generate, part of tools/ladder.c. Prompts by lines, or (--json) by JSON values, to their
   continuations. */
#ifndef LADDER_GENERATE_H
#define LADDER_GENERATE_H

#include "run.h"

/* How it is answered: the text; {"text":..} a line; not at all, for the text is asked for. */
enum { GENERATE_SHOWN, GENERATE_PREDICTED, GENERATE_KEPT };

typedef struct generation {
  run           *r;
  ldr_session   *session;
  int32_t       *room, *out, made, capacity;      /* out[made], behind room for g->leads      */
  ldr_text       text;
  size_t         shown;                  /* bytes of the text that have been printed         */
  char           before[64];             /* the prompt's end as text, see generate_text      */
  size_t         lead;                   /* its bytes                                        */
  int32_t        leads;                  /* its tokens, in front of g->out                   */
  chat           talk;                   /* --chat                                           */
  jinja_buffer   said;                   /* without --json: the conversation so far          */
  int32_t       *held, held_count;       /* tokens that the session has read                 */
  int32_t        beams, ended;           /* --beams; how many texts have ended               */
  int32_t        min_new, no_repeat, never[16], nevers;   /* see beams_forbid                */
  int64_t        texts, cut;             /* answered; of them sources that were too long     */
  int            mode;
  ldr_session  **sessions;
  float         *scores;
  struct beam_text *now, *next, *done;   /* [beams] each; done: the best first               */
} generation;

enum { GENERATE_LEADS = 4 };             /* a character's bytes may be as many tokens        */

static int generate_tokens(generation *g, int32_t leads) {
  const ldr_tokenizer *t = ldr_model_tokenizer(g->r->model);
  return ldr_tokenizer_decode(t, &g->text, g->out - leads, g->made + leads, 1, &g->r->err) ? EXIT_FAILED : EXIT_DONE;
}

/* Tokens of g->out as text, behind g->lead bytes. What continues a prompt is decoded with the prompt's end before it:
   decoders take away the blank with which a text begins, and this one does not begin there. An answer does. Bytes of
   the answer may change how those before them are read; then it is decoded alone. */
static int generate_text(generation *g) {
  int status = generate_tokens(g, g->leads);
  if (status || !g->leads || (g->text.size >= g->lead && memcmp(g->text.data, g->before, g->lead) == 0)) return status;
  g->shown -= LDR__MIN(g->shown, g->lead);
  g->leads = 0;
  g->lead = 0;
  return generate_tokens(g, 0);
}

/* 1: s[n] ends in bytes that are no character, or not yet. */
static int generate_broken(const char *s, size_t n) { return n >= 3 && memcmp(s + n - 3, "\xef\xbf\xbd", 3) == 0; }

/* Begins an answer to c: nothing is made, and what continues it stands behind c's last whole character. */
static int generate_lead(generation *g, const ldr_encoding *c) {
  const run *r = g->r;
  const char *learned = r->ladder ? ldr_ladder_note_get(r->ladder, "task") : NULL;
  const task_info *task = learned ? find_task(learned) : NULL;
  int32_t n = 0;
  g->lead = g->shown = 0;
  g->leads = g->made = 0;
  if (r->o.chat || g->mode || (task && task->form != FORM_LINES) || ldr_model_encoder(r->model)
      || !ldr_model_tokenizer(r->model))
    return EXIT_DONE;
  do {                                   /* until no character is cut                        */
    if (n == LDR__MIN(c->count, GENERATE_LEADS)) return EXIT_DONE;
    n++;
    memcpy(g->out - n, c->ids + c->count - n, (size_t)n * sizeof *g->out);
    if (generate_tokens(g, n)) return EXIT_FAILED;
  } while (generate_broken(g->text.data, g->text.size));
  if (g->text.size > sizeof g->before) return EXIT_DONE;
  memcpy(g->before, g->text.data, g->text.size);
  g->lead = g->shown = g->text.size;
  g->leads = n;
  return EXIT_DONE;
}

/* The text so far; a character that is not yet whole waits. */
static int generate_decode(generation *g, int last) {
  size_t n;
  if (generate_text(g)) return EXIT_FAILED;
  n = g->text.size;
  /* what was shown may be read otherwise now: whole characters go on */
  while (g->shown < n && ((unsigned char)g->text.data[g->shown] & 0xc0) == 0x80) g->shown++;
  while (!last && n > g->shown && generate_broken(g->text.data, n)) n -= 3;
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
  return interrupted || (!g->mode && !g->r->o.json && !g->r->o.ids && generate_decode(g, 0));
}

static int beams_ends(const ldr_model *m, int32_t id) {
  int32_t i;
  for (i = 0; i < m->end_count; i++) if (m->ends_text[i] == id) return 1;
  return 0;
}

static int generate_print(generation *g) {
  int32_t i;
  if (interrupted && (g->mode || g->r->o.json)) return EXIT_DONE;          /* half an answer is none */
  if (g->mode) {
    if (g->made && beams_ends(g->r->model, g->out[g->made - 1])) g->made--;
    if (generate_text(g)) return EXIT_FAILED;
    if (g->mode == GENERATE_KEPT) return EXIT_DONE;
    fputs("{\"text\":", stdout);
    put_bytes(stdout, g->text.data ? g->text.data : "", g->text.size);
    fputs("}\n", stdout);
    return EXIT_DONE;
  }
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
    if (generate_text(g)) return EXIT_FAILED;
    fputs(",\"text\":", stdout);
    put_bytes(stdout, g->text.data + g->lead, g->text.size - LDR__MIN(g->lead, g->text.size));
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

/* ---- beams, as transformers searches them ------------------------------------------------ */

enum { BEAMS_NO = 1, BEAMS_YES, BEAMS_NEVER };

/* A text that grows, or one that has ended: its tokens and the sum of their log-probabilities, or what that is
   worth. */
typedef struct beam_text { int32_t *ids, count; double score; } beam_text;
typedef struct beam_choice { int32_t beam, id; double score; } beam_choice;

/* Tokens that may never come, of which each is a list of one; longer ones are refused. */
static void beams_never(generation *g, const ldr_json *j, const char *path) {
  const ldr_json_node *list = ldr_json_node_at(j, ldr_json_get(j, 0, "bad_words_ids")), *word;
  double id;
  int32_t k;
  for (k = list && list->type == LDR_JSON_ARRAY ? list->first : -1; k >= 0; k = j->nodes[k].next) {
    word = ldr_json_node_at(j, k);
    id = word->type == LDR_JSON_ARRAY && word->count == 1 ? ldr_json_number(j, word->first, -1) : -1;
    if (g->nevers == 16 || !(id >= 0 && id <= INT32_MAX)) {
      fail(g->r, LDR_UNSUPPORTED,
          "%s: \"bad_words_ids\" can be 16 single tokens here (--greedy takes no notice of them)", path);
      return;
    }
    g->never[g->nevers++] = (int32_t)id;
  }
}

/* What is asked for, and what generation_config.json says of the rest. */
static int beams_defaults(generation *g) {
  run *r = g->r;
  options *o = &r->o;
  char path[LADDER_MAX_PATH];
  const ldr_json_node *stop;
  ldr_json *j;
  ldr__source s;
  g->min_new = o->min_new;
  g->no_repeat = o->no_repeat;
  if (!ldr__path_join(path, sizeof path, o->model, "generation_config.json") || !ldr__file_exists(path))
    return EXIT_DONE;
  j = features_file(r, &s, "generation_config.json");
  if (j) {
    stop = ldr_json_node_at(j, ldr_json_get(j, 0, "early_stopping"));
    if (!o->beams && !o->greedy && ldr_model_encoder(r->model))
      o->beams = (int32_t)LDR__MIN(1024.0, ldr_json_number(j, ldr_json_get(j, 0, "num_beams"), 1));
    if (o->length_penalty == 0) {
      o->length_penalty = (float)ldr_json_number(j, ldr_json_get(j, 0, "length_penalty"), 1);
      if (o->length_penalty < 0) fail(r, LDR_UNSUPPORTED, "%s: a length_penalty below 0 is not supported", path);
      if (o->length_penalty == 0) o->length_penalty = -1;
    }
    if (!o->greedy && ldr_model_encoder(r->model)) {
      double length = ldr_json_number(j, ldr_json_get(j, 0, "min_length"), 0) - 1;
      double fresh = ldr_json_number(j, ldr_json_get(j, 0, "min_new_tokens"), 0);
      double repeat = ldr_json_number(j, ldr_json_get(j, 0, "no_repeat_ngram_size"), 0);
      fresh = LDR__MAX(length, fresh);
      if (!g->min_new && fresh > 0) g->min_new = (int32_t)LDR__MIN(fresh, 1e9);
      if (o->repetition == 0)
        o->repetition = (float)ldr_json_number(j, ldr_json_get(j, 0, "repetition_penalty"), 0);
      if (!g->no_repeat) g->no_repeat = (int32_t)LDR__MIN(1e9, LDR__MAX(0.0, repeat));
      beams_never(g, j, path);
    }
    if (!o->early_stopping && stop) {
      o->early_stopping = BEAMS_NO;
      if (stop->type == LDR_JSON_TRUE) o->early_stopping = BEAMS_YES;
      if (stop->type == LDR_JSON_STRING) o->early_stopping = BEAMS_NEVER;
    }
    ldr_json_free(j);
  }
  ldr__source_close(&s);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

static double beams_worth(const options *o, double score, int32_t length) {
  return score / pow((double)length, (double)(o->length_penalty == 0 ? 1.0f : LDR__MAX(o->length_penalty, 0.0f)));
}

/* What stands in the text (the decoder's own first token, or the prompt, is a part of it) is less likely by
   --repetition: its log-probability z - level, or of one beam its logit. What may not come next has no chance: an end
   before min_new tokens, a run of no_repeat tokens that stands in the text, and some tokens always. The others'
   log-probabilities stay what they are. */
static void beams_forbid(const generation *g, float *z, double level, const beam_text *t, const int32_t *first,
    int32_t firsts) {
  const ldr_model *m = g->r->model;
  const float none = -(float)HUGE_VAL;
  const double by = (double)g->r->o.repetition;
  int32_t v = g->r->info.vocabulary, all = firsts + t->count, n = g->no_repeat, i, k;
#define BEAMS_AT(i) ((i) < firsts ? first[i] : t->ids[(i) - firsts])
  for (i = 0; by > 0 && i < all; i++) {
    double x = (double)z[BEAMS_AT(i)] - level;
    for (k = 0; k < i && BEAMS_AT(k) != BEAMS_AT(i); k++) {}
    if (k == i) z[BEAMS_AT(i)] = (float)(level + (x < 0 ? x * by : x / by));
  }
  for (i = 0; n && i + n <= all; i++) {
    for (k = 0; k < n - 1 && BEAMS_AT(i + k) == BEAMS_AT(all - n + 1 + k); k++) {}
    if (k == n - 1) z[BEAMS_AT(i + n - 1)] = none;
  }
#undef BEAMS_AT
  for (i = 0; t->count < g->min_new && i < m->end_count; i++) if (m->ends_text[i] < v) z[m->ends_text[i]] = none;
  for (i = 0; i < g->nevers; i++) if (g->never[i] >= 0 && g->never[i] < v) z[g->never[i]] = none;
}

/* The likeliest 2n of all that could come next, best first; z[n,V]: scores of each beam's next token. */
static int32_t beams_choose(const generation *g, beam_choice *best, const beam_text *now, int32_t live, int32_t most,
    const int32_t *first, int32_t firsts) {
  const ldr_model *m = g->r->model;
  int32_t v = g->r->info.vocabulary, b, i, k, count = 0;
  int32_t forced = now->count + 1 == most ? m->forced[1] : now->count == 0 ? m->forced[0] : -1;
  for (b = 0; b < live; b++) {
    float *z = g->scores + (size_t)b * (size_t)v;
    double peak = (double)z[ldr__argmax(z, (size_t)v)], sum = 0;
    for (i = 0; i < v; i++) sum += exp((double)z[i] - peak);
    if (forced < 0) beams_forbid(g, z, g->beams > 1 ? peak + log(sum) : 0, &now[b], first, firsts);
    for (i = forced < 0 ? 0 : forced; i < (forced < 0 ? v : forced + 1); i++) {
      beam_choice c;
      if (z[i] == -(float)HUGE_VAL && forced < 0) continue;
      c.beam = b;
      c.id = i;
      c.score = now[b].score + (forced < 0 ? (double)z[i] - peak - log(sum) : 0);
      if (count == 2 * g->beams && !(c.score > best[count - 1].score)) continue;
      for (k = count < 2 * g->beams ? count++ : count - 1; k > 0 && c.score > best[k - 1].score; k--)
        best[k] = best[k - 1];
      best[k] = c;
    }
  }
  return count;
}

/* A text that has ended takes the place of the worst, or of none. */
static void beams_keep(generation *g, const beam_text *t, int32_t id, double worth) {
  int32_t k;
  beam_text *to;
  if (g->ended == g->beams && !(worth > g->done[g->ended - 1].score)) return;
  if (g->ended < g->beams) g->ended++;
  to = &g->done[g->ended - 1];
  memcpy(to->ids, t->ids, (size_t)t->count * sizeof *to->ids);
  to->count = t->count;
  if (id >= 0) to->ids[to->count++] = id;
  to->score = worth;
  for (k = g->ended - 1; k > 0 && g->done[k].score > g->done[k - 1].score; k--) {
    beam_text other = g->done[k];
    g->done[k] = g->done[k - 1];
    g->done[k - 1] = other;
  }
}

/* Each chosen text gets its beginning's session, or a copy of it in one that no other needs, and reads its token. */
static int beams_go_on(generation *g, const beam_choice *next, int32_t live) {
  ldr_session *taken[1024], **s = g->sessions;
  int32_t ids[1024], c, f;
  for (c = 0; c < g->beams; c++) {
    ldr_session *own = s[next[c].beam];
    for (f = 0; f < c && taken[f] != own; f++) {}
    taken[c] = f == c ? own : NULL;
  }
  for (c = 0; c < g->beams; c++) {
    for (f = 0; !taken[c] && f < g->beams; f++) {
      int32_t k;
      for (k = 0; k < g->beams && taken[k] != s[f]; k++) {}
      if (k < g->beams) continue;
      taken[c] = s[f];
      if (ldr_session_copy(s[f], s[next[c].beam], &g->r->err)) return EXIT_FAILED;
    }
  }
  memcpy(s, taken, (size_t)g->beams * sizeof *s);
  for (c = 0; c < live; c++) ids[c] = next[c].id;
  return ldr_session_step(s, live, g->scores, ids, &g->r->err) ? EXIT_FAILED : EXIT_DONE;
}

/* 1: nothing that grows can be better than the worst of what has ended. */
static int beams_done(const generation *g, double best, int32_t length, int32_t most) {
  const options *o = &g->r->o;
  if (g->ended < g->beams) return 0;
  /* one beam is the likeliest token at every step */
  if (o->early_stopping == BEAMS_YES || g->beams == 1) return 1;
  if (o->early_stopping == BEAMS_NEVER && o->length_penalty >= 0) length = most;
  return g->done[g->ended - 1].score >= beams_worth(o, best, length);
}

static int beams_search(generation *g, const ldr_encoding *c, int32_t most) {
  const ldr_model *m = g->r->model;
  beam_text *now = g->now, *next = g->next, *swap;
  beam_choice best[2048], chosen[1024];
  const int32_t *first = ldr_model_encoder(m) ? &m->start : c->ids;
  int32_t firsts = ldr_model_encoder(m) ? 1 : c->count, live = 1, made, i, k, n;
  int status = EXIT_DONE, done = 0;
  g->ended = now[0].count = 0;
  now[0].score = 0;
  if (ldr_model_encoder(m) ? ldr_session_source(g->sessions[0], c->ids, c->count, &g->r->err)
                           : ldr_session_rewind(g->sessions[0], 0, &g->r->err)) return EXIT_FAILED;
  if (ldr_session_read(g->sessions[0], g->scores, first, firsts, &g->r->err)) return EXIT_FAILED;
  for (made = 0; made < most && !done && !status; made++) {
    n = beams_choose(g, best, now, live, most, first, firsts);
    for (i = k = 0; i < n && k < g->beams; i++) {
      const beam_text *from = &now[best[i].beam];
      if (!(best[i].score - best[i].score == 0))
        return fail(g->r, LDR_NUMERIC, "a score of the next token is not finite", "");
      if (beams_ends(m, best[i].id)) {
        if (i < g->beams) beams_keep(g, from, best[i].id, beams_worth(&g->r->o, best[i].score, made + 1));
        continue;
      }
      memcpy(next[k].ids, from->ids, (size_t)made * sizeof *from->ids);
      next[k].ids[made] = best[i].id;
      next[k].count = made + 1;
      next[k].score = best[i].score;
      chosen[k++] = best[i];
    }
    swap = now;
    now = next;
    next = swap;
    live = k;
    done = k == 0 || interrupted || beams_done(g, best[0].score, made + 1, most);
    for (i = k; i < g->beams && k; i++) chosen[i] = chosen[0];
    if (!done && made + 1 < most) status = beams_go_on(g, chosen, live);
  }
  for (i = 0; i < live && !status && !done; i++)
    beams_keep(g, &now[i], -1, beams_worth(&g->r->o, now[i].score, now[i].count));
  if (status || !g->ended)
    return status ? status : fail(g->r, LDR_DATA, "the search was stopped before a text ended", "");
  g->made = g->done[0].count;
  memcpy(g->out, g->done[0].ids, (size_t)g->made * sizeof *g->out);
  status = generate_print(g);
  return status ? status : flush_answers(g->r);
}

static void beams_close(generation *g) {
  int32_t i;
  for (i = 1; g->sessions && i < g->beams; i++)
    ldr_session_free(g->sessions[i] == g->session ? g->sessions[0] : g->sessions[i]);
  for (i = 0; g->now && i < 3 * g->beams; i++) free(g->now[i].ids);
  free(g->sessions);
  free(g->scores);
  free(g->now);
}

/* Tokens of an answer, at most. */
static int32_t generate_most(const run *r) { return r->o.most ? r->o.most : 256; }

static ldr_session *generate_session(const generation *g) {
  ldr_session_desc d;
  memset(&d, 0, sizeof d);
  d.capacity = g->capacity;
  d.kept_type = element_type(g->r->o.kept_type);
  d.rounded = g->r->o.rounded;
  return ldr_session_create(g->r->model, g->r->ladder, &d, &g->r->err);
}

/* Sessions and room for as many texts. */
static int beams_open(generation *g) {
  int32_t i, most = LDR__MIN(generate_most(g->r), g->capacity);
  size_t n = (size_t)g->beams;
  g->sessions = (ldr_session **)calloc(n, sizeof *g->sessions);
  g->scores = (float *)malloc(n * (size_t)g->r->info.vocabulary * sizeof *g->scores);
  g->now = (beam_text *)calloc(3 * n, sizeof *g->now);
  if (!g->sessions || !g->scores || !g->now) return fail(g->r, LDR_MEMORY, "out of memory", "");
  g->next = g->now + n;
  g->done = g->next + n;
  for (i = 0; i < 3 * g->beams; i++) {
    g->now[i].ids = (int32_t *)malloc(((size_t)most + 1) * sizeof *g->now[i].ids);
    if (!g->now[i].ids) return fail(g->r, LDR_MEMORY, "out of memory", "");
  }
  g->sessions[0] = g->session;
  for (i = 1; i < g->beams; i++) {
    g->sessions[i] = generate_session(g);
    if (!g->sessions[i]) return EXIT_FAILED;
  }
  return EXIT_DONE;
}

/* 1: texts are searched here; else ldr_generate makes them. */
static int beams_are(const generation *g) { return g->beams > 1 || g->min_new || g->no_repeat || g->nevers; }

static int generate_from(generation *g, const ldr_encoding *c) {
  const options *o = &g->r->o;
  ldr_generate_desc d;
  int32_t made = 0, known = generate_known(g, c);
  int status;
  memset(&d, 0, sizeof d);
  d.sampling.temperature = LDR__MAX(o->temperature, 0.0f);      /* 0 was said: the likeliest    */
  d.sampling.top_k = o->top_k;
  d.sampling.top_p = o->top_p;
  d.sampling.min_p = o->min_p;
  d.sampling.repetition = o->repetition;
  d.sampling.seed = g->texts ? ldr__mix64(o->seed + (uint64_t)g->texts) : o->seed;      /* equal prompts: other draws */
  d.most = LDR__MIN(generate_most(g->r), g->capacity);
  d.token = generate_token;
  d.user = g;
  if (generate_lead(g, c)) return EXIT_FAILED;
  ldr_session_rewind(g->session, known, NULL);
  if (!c->count && g->mode == GENERATE_PREDICTED)
    return generate_print(g) ? EXIT_FAILED : flush_answers(g->r);      /* an answer a line */
  if (!c->count) return fail(g->r, LDR_DATA, "a prompt holds no tokens", "");
  if (!ldr_model_encoder(g->r->model) && c->count > g->capacity) {
    ldr__fail(&g->r->err, LDR_LIMIT,
        "a prompt of %d tokens leaves no room for an answer: prompt and answer have %d, "
        "the model's positions or --max-len", c->count, g->capacity);
    return EXIT_FAILED;
  }
  g->texts++;
  g->cut += c->cut > 0;
  if (beams_are(g))
    return beams_search(g, c, LDR__MIN(d.most, g->capacity - (ldr_model_encoder(g->r->model) ? 0 : c->count - 1)));
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
  if (r->err.status) return EXIT_FAILED;
  if (r->o.json) j = ldr_json_parse(line->data, line->used, NULL, &r->err);
  else j = ldr_json_parse(g->said.data, g->said.used, NULL, &r->err);
  if (!j) return EXIT_FAILED;
  memset(&d, 0, sizeof d);
  d.no_special = 1;
  status = chat_render(&g->talk, j, &r->err) ? EXIT_FAILED : EXIT_DONE;
  ldr_json_free(j);
  if (!status && ldr_tokenizer_encode_with(ldr_model_tokenizer(r->model), c, g->talk.j.out ? g->talk.j.out : "",
                     g->talk.j.used, NULL, 0, &d, &r->err))
    status = EXIT_FAILED;
  if (!status && c->count >= g->capacity)
    status = fail(r, LDR_LIMIT, "the conversation is longer than the model's positions (or --max-len)", "");
  if (!status) status = generate_from(g, c);
  if (status || r->o.json) return status;
  if (generate_text(g)) return EXIT_FAILED;
  generate_say(g, "assistant", g->text.data, g->text.size);
  return r->err.status ? EXIT_FAILED : EXIT_DONE;
}

/* On a line a source is cut as training cuts it, and a prompt is whole, or refused. */
static int32_t generate_longest(const generation *g) {
  return ldr_model_encoder(g->r->model) ? g->r->max_len : INT32_MAX;
}

/* For generate_open: a decoder's prompt is as long as in training, and the answer stands behind it. */
static int32_t generate_room(const run *r) {
  if (ldr_model_encoder(r->model)) return 0;
  return (int32_t)LDR__MIN((int64_t)r->max_len + generate_most(r), (int64_t)r->info.positions);
}

/* A source or prompt of a task, cut as training cuts it: an encoder's at its end, a decoder's at its beginning, with
   room for an answer behind it. */
static int generate_encode(const generation *g, ldr_encoding *c, const char *source) {
  run *r = g->r;
  const ldr_tokenizer *t = ldr_model_tokenizer(r->model);
  int32_t longest = r->max_len, over;
  if (ldr_tokenizer_encode(t, c, source, strlen(source), NULL, 0, generate_longest(g), 1, &r->err)) return EXIT_FAILED;
  if (ldr_model_encoder(r->model)) return EXIT_DONE;
  longest = LDR__MIN(longest, LDR__MAX(g->capacity - generate_most(r), (g->capacity + 1) / 2));
  over = c->count - longest;
  if (over <= 0) return EXIT_DONE;
  memmove(c->ids, c->ids + over, (size_t)longest * sizeof *c->ids);
  c->count = longest;
  c->cut = over;
  return EXIT_DONE;
}

/* The text of a line of JSON: "text", or an object's one member of these names. -1: neither. */
static int32_t generate_text_node(const ldr_json *j) {
  static const char *const names[] = { "prompt", "source", "text" };
  const ldr_json_node *n = ldr_json_node_at(j, 0);
  int32_t at = n->type == LDR_JSON_STRING ? 0 : -1;
  int object = n->type == LDR_JSON_OBJECT && n->count == 1;
  size_t i;
  for (i = 0; at < 0 && object && i < sizeof names / sizeof *names; i++) at = ldr_json_get(j, 0, names[i]);
  return at >= 0 && ldr_json_node_at(j, at)->type == LDR_JSON_STRING ? at : -1;
}

/* "prompt", {"prompt":..}, {"source":..}, {"text":..} or {"ids":[..]}; a text or ids as they are otherwise. */
static int generate_line(generation *g, text *line, ldr_encoding *c, int32_t *ids_room, text *first) {
  run *r = g->r;
  const ldr_tokenizer *t = ldr_model_tokenizer(r->model);
  ldr_encoding own;
  ldr_json *j;
  int status = EXIT_DONE;
  if (r->o.chat) return generate_chat(g, line, c);
  if (!r->o.json) {
    if (r->o.ids) status = parse_ids(r, line, c, ids_room);
    else if (!t)
      status = fail(r, LDR_MISSING, "%s: the model has no vocabulary; --ids reads and writes token ids", r->o.model);
    else if (ldr_tokenizer_encode(t, c, line->data, line->used, NULL, 0, generate_longest(g), 1, &r->err))
      status = EXIT_FAILED;
    return status ? status : generate_from(g, c);
  }
  j = ldr_json_parse(line->data, line->used, NULL, &r->err);
  if (!j) return EXIT_FAILED;
  memset(&own, 0, sizeof own);
  if (ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT && ldr_json_get(j, 0, "ids") >= 0
      && ldr_json_node_at(j, 0)->count == 1) {
    status = features_list(r, j, ldr_json_get(j, 0, "ids"), &own.ids, &own.count);
    if (!status) status = generate_from(g, &own);
    free(own.ids);
  } else if (generate_text_node(j) < 0)
    status = fail(r, LDR_DATA,
        "a line is a \"prompt\", {\"prompt\":..}, {\"source\":..}, {\"text\":..} or {\"ids\":[..]}", "");
  else if (!t) status = fail(r, LDR_MISSING, "%s: the model has no vocabulary: give {\"ids\":[..]}", r->o.model);
  else {
    status = json_text(r, first, j, generate_text_node(j));
    if (!status && ldr_tokenizer_encode(t, c, first->data, first->used, NULL, 0, generate_longest(g), 1, &r->err))
      status = EXIT_FAILED;
    if (!status) status = generate_from(g, c);
  }
  ldr_json_free(j);
  return status;
}

/* room: for so many tokens of a text; 0: as many as the model takes. */
static int generate_open(generation *g, run *r, int mode, int32_t room) {
  int status = EXIT_DONE;
  memset(g, 0, sizeof *g);
  g->r = r;
  g->mode = mode;
  if (mode && !ldr_model_tokenizer(r->model))
    status = fail(r, LDR_MISSING, "%s: the model has no vocabulary", r->o.model);
  if (!status && !room) status = choose_max_len(r, LDR__MIN(r->info.positions, 4096));
  if (!status) {
    g->capacity = room ? room : r->max_len;
    if (ldr_model_encoder(r->model)) {               /* of the answer alone */
      int32_t answer = LDR__MIN(1 + generate_most(r), r->info.positions);
      g->capacity = LDR__MAX(g->capacity, answer);
    }
    g->session = generate_session(g);
    g->room = (int32_t *)malloc(((size_t)g->capacity + 1 + GENERATE_LEADS) * sizeof *g->room);
    g->out = g->room ? g->room + GENERATE_LEADS : NULL;
    g->held = (int32_t *)malloc(((size_t)g->capacity + 1) * sizeof *g->held);
    if (!g->session) status = EXIT_FAILED;
    else if (!g->out || !g->held) status = fail(r, LDR_MEMORY, "out of memory", "");
  }
  if (!status) status = beams_defaults(g);
  g->beams = LDR__MAX(r->o.beams, 1);
  if (!status && beams_are(g) && (r->o.chat || r->o.temperature > 0))
    status = fail(r, LDR_ARGUMENT,
        "--beams, --min-new, --no-repeat and bad_words_ids go neither with --chat nor with --temperature (if the "
        "model's generation_config.json says them, take them out of it)", "");
  if (!status && beams_are(g)) status = beams_open(g);
  if (!status && r->o.chat && !ldr_model_tokenizer(r->model))
    status = fail(r, LDR_MISSING, "%s: the model has no vocabulary", r->o.model);
  if (!status && r->o.chat
      && chat_open(&g->talk, r->chat_text, r->o.model, ldr_model_tokenizer(r->model), 1, &r->err))
    status = EXIT_FAILED;
  g->said.j = &g->talk.j;
  signal(SIGINT, on_signal);
  return status;
}

static void generate_close(generation *g) {
  beams_close(g);
  ldr_session_free(g->session);
  ldr_text_free(&g->text);
  chat_close(&g->talk);
  free(g->said.data);
  free(g->held);
  free(g->room);
}

/* The lines of f, answered. */
static int generate_lines(run *r, FILE *f, int mode) {
  text line = { NULL, 0, 0 }, first = { NULL, 0, 0 };
  int32_t ids_room = 0;
  ldr_encoding c;
  generation g;
  int more = 0, status = generate_open(&g, r, mode, 0);
  memset(&c, 0, sizeof c);
  while (!status && !interrupted && (more = read_line(f, &line)) > 0) {
    char *tab = mode && !r->o.json && line.used ? (char *)memchr(line.data, '\t', line.used) : NULL;
    if (tab) {                             /* a source; its target is not looked at        */
      *tab = 0;
      line.used = (size_t)(tab - line.data);
    }
    if (line.used || mode == GENERATE_PREDICTED) status = generate_line(&g, &line, &c, &ids_room, &first);
  }
  if (more < 0) status = fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
  if (!status && interrupted && (mode || r->o.json))
    status = fail(r, LDR_DATA, "stopped before every text was answered", "");
  if (!status) tell_cut_texts(g.cut, g.texts, r->max_len);
  generate_close(&g);
  if (r->o.ids) free(c.ids);
  else ldr_encoding_free(&c);
  free(line.data);
  free(first.data);
  return status;
}

/* Where --rounded would change nothing, it is refused. */
static int check_rounded(run *r) {
  const ldr_weights *w = r->model->weights;
  size_t i;
  if (!r->model->kernels->dots_rounded)
    return fail(r, LDR_UNSUPPORTED,
        "--rounded needs an x86 processor with AVX2, and kernels are those of \"%s\" here", r->model->kernels->name);
  for (i = 0; i < w->count && ldr_dtype_block(w->tensors[i].dtype) == 1; i++) {}
  if (i < w->count) return EXIT_DONE;
  return fail(r, LDR_ARGUMENT, "%s: --rounded is for weights in blocks (Q8_0, Q4_0, Q4_K...), and this file has none: "
      "`ladder quantize` makes them", r->o.model);
}

static int command_generate(run *r) {
  int status = open_model(r);
  if (!status && r->o.rounded) status = check_rounded(r);
  if (!status && r->o.ladder) {
    r->ladder = ldr_ladder_load(r->model, r->o.ladder, NULL, &r->err);
    status = r->ladder ? take_ladder(r) : EXIT_FAILED;
  } else if (!status) status = take_template(r);
  return status ? status : generate_lines(r, stdin, GENERATE_SHOWN);
}

static int predict_said(run *r);

/* predict, where the ladder's head is for words. */
static int predict_words(run *r) {
  const options *o = &r->o;
  const char *without = o->more_count ? "a second --ladder"
      : o->columns ? "--columns"
      : o->encoding ? "--encoding"
      : o->submission ? "--submission"
      : o->batch ? "--batch"
      : NULL;
  FILE *f;
  int status;
  if (without)
    return fail(r, LDR_ARGUMENT, "%s: the ladder generates words, for lines of text, and this has no effect there",
        without);
  if (o->file && !o->json && r->task && r->task->form == FORM_TEXTS && !reads_preferences(r->task))
    return predict_said(r);
  if (o->file && !o->json
      && (ldr__ends_with(o->file, ".json") || ldr__ends_with(o->file, ".jsonl") || ldr__ends_with(o->file, ".csv")))
    return fail(r, LDR_ARGUMENT, "%s: a ladder of this task answers lines of text, or with --json \"text\" lines",
        o->file);
  f = o->file ? fopen(o->file, "rb") : stdin;
  if (!f) return fail(r, LDR_IO, "%s: the file cannot be read", r->o.file);
  status = generate_lines(r, f, GENERATE_PREDICTED);
  if (f != stdin) fclose(f);
  return status;
}

#endif /* LADDER_GENERATE_H */
