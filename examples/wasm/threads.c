/* The part of OpenMP that ladder.h needs, for the page with threads: one pragma, `parallel for` with num_threads,
   schedule(dynamic, 1) and if. clang makes a function of the loop's body and calls what stands here.

   The page starts the threads: each is a worker with the same module and the same memory (thread.js), which calls
   thread_wait on a stack of its own and never comes back. Which thread runs can be told from the stack it runs on.
   A loop is open until the first thread finds no iteration left. The others join an open loop; one that wakes too late
   finds it closed, and nobody waits for it: a machine with other work to do costs little. Only the first starts loops.
   Nothing in a loop allocates, prints or sets errno: the C library below is one for a single thread. */
#include <omp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(#name))) name
#define LOAD(from) __atomic_load_n(from, __ATOMIC_SEQ_CST)
#define ADD(to, n) __atomic_add_fetch(to, n, __ATOMIC_SEQ_CST)

enum { MOST = 16, STACK = 1 << 18, DEEP = 4, OPEN = 1 << 16, TRIES = 2000, ARGS = 16 };

typedef struct { int64_t next, last; } loop;
typedef struct { void (*run)(void); int32_t count; void *args[ARGS]; } body;

static struct {
  char   *stacks;
  int32_t more;                                /* threads beside the first */
  int32_t round;                               /* changes with every loop: what sleepers wait for */
  int32_t sleepers, waiting;                   /* of the others; of the first, at the end of a loop */
  int32_t inside;                              /* threads in the loop beside the first, and OPEN */
  int32_t asked, wanted;                       /* threads the next loop is for, and this one */
  int32_t failed;
  int     busy;
  body    body;
  loop    loop;
} team;

/* Loops that a thread runs alone, one inside another. */
static struct { loop own[DEEP]; int deep, inside; } threads[MOST];

static int32_t self(void) {
  char here;
  size_t at = (size_t)((uintptr_t)&here - (uintptr_t)team.stacks) / STACK;
  return at < (size_t)team.more ? (int32_t)at + 1 : 0;
}

/* As OpenMP has it: inside a loop that it runs alone a thread is the first. */
int omp_get_thread_num(void) {
  int32_t me = self();
  return threads[me].deep ? 0 : me;
}
int omp_get_max_threads(void) { return team.more + 1; }

/* Loops follow one another closely: look some times before lying down. */
static void wait_while(int32_t *at, int32_t value, int32_t *sleepers) {
  int i;
  for (i = 0; i < TRIES; i++) if (LOAD(at) != value) return;
  ADD(sleepers, 1);
  __builtin_wasm_memory_atomic_wait32(at, value, -1);
  ADD(sleepers, -1);
}

static void wake(int32_t *at) { __builtin_wasm_memory_atomic_notify(at, MOST); }

/* A call through a pointer must name as many arguments as the function has. */
#define LIST1(one) one(0)
#define LIST2(one) LIST1(one), one(1)
#define LIST3(one) LIST2(one), one(2)
#define LIST4(one) LIST3(one), one(3)
#define LIST5(one) LIST4(one), one(4)
#define LIST6(one) LIST5(one), one(5)
#define LIST7(one) LIST6(one), one(6)
#define LIST8(one) LIST7(one), one(7)
#define LIST9(one) LIST8(one), one(8)
#define LIST10(one) LIST9(one), one(9)
#define LIST11(one) LIST10(one), one(10)
#define LIST12(one) LIST11(one), one(11)
#define LIST13(one) LIST12(one), one(12)
#define LIST14(one) LIST13(one), one(13)
#define LIST15(one) LIST14(one), one(14)
#define LIST16(one) LIST15(one), one(15)
#define TYPE(i) void *
#define VALUE(i) b->args[i]
#define CALL(n) \
  case n: ((void (*)(int32_t *, int32_t *, LIST##n(TYPE)))b->run)(&me, &zero, LIST##n(VALUE)); break;

static void call(const body *b, int32_t me) {
  int32_t zero = 0;
  switch (b->count) {
    CALL(1) CALL(2) CALL(3) CALL(4) CALL(5) CALL(6) CALL(7) CALL(8)
    CALL(9) CALL(10) CALL(11) CALL(12) CALL(13) CALL(14) CALL(15) CALL(16)
    default: __builtin_trap();
  }
}

/* ---- what the page calls ------------------------------------------------------------------ */

/* First of all: how many threads there will be beside the first. Their stacks, one after the other; NULL: no memory. */
char *EXPORT(threads_begin)(int32_t more) {
  team.stacks = (char *)malloc((size_t)more * STACK);
  team.more = team.stacks ? more < MOST ? more : MOST - 1 : 0;
  return team.stacks;
}

int32_t EXPORT(threads_stack)(void) { return STACK; }

static int join(int32_t me) {
  int32_t n = LOAD(&team.inside);
  while ((n & OPEN) && !threads[me].inside)
    threads[me].inside = __atomic_compare_exchange_n(&team.inside, &n, n + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return threads[me].inside;
}

static void leave(int32_t me) {
  if (!threads[me].inside) return;
  threads[me].inside = 0;
  if (!ADD(&team.inside, -1) && LOAD(&team.waiting)) wake(&team.inside);
}

void EXPORT(thread_wait)(void) {
  const int32_t me = self();
  for (;;) {
    int32_t round = LOAD(&team.round);
    if (join(me)) {
      if (me < team.wanted) call(&team.body, me);
      leave(me);
    }
    wait_while(&team.round, round, &team.sleepers);
  }
}

/* A thread was thrown out, perhaps out of a loop, whose results must not be used. */
void EXPORT(thread_failed)(void) {
  __atomic_store_n(&team.failed, 1, __ATOMIC_SEQ_CST);
  leave(self());
}

/* ---- what clang calls --------------------------------------------------------------------- */

typedef struct place place;                    /* in the source; nobody asks */

int32_t __kmpc_global_thread_num(place *at) {
  (void)at;
  return self();
}

void __kmpc_push_num_threads(place *at, int32_t me, int32_t count) {
  (void)at;
  if (!me) team.asked = count;
}

void __kmpc_serialized_parallel(place *at, int32_t me) {
  (void)at;
  if (threads[me].deep == DEEP) __builtin_trap();
  threads[me].own[threads[me].deep++].next = 0;
}

void __kmpc_end_serialized_parallel(place *at, int32_t me) {
  (void)at;
  threads[me].deep--;
}

static void together(const body *b) {
  team.busy = 1;
  team.body = *b;
  team.wanted = team.asked;
  team.loop.next = 0;
  __atomic_store_n(&team.inside, OPEN, __ATOMIC_SEQ_CST);
  ADD(&team.round, 1);
  if (LOAD(&team.sleepers)) wake(&team.round);
  call(b, 0);
  ADD(&team.inside, -OPEN);
  for (;;) {
    int32_t n = LOAD(&team.inside);
    if (!n) break;
    wait_while(&team.inside, n, &team.waiting);
  }
  team.busy = 0;
  if (LOAD(&team.failed)) __builtin_trap();
}

void __kmpc_fork_call(place *at, int32_t count, void (*run)(void), ...) {
  const int32_t me = self();
  body b = { 0 };
  va_list list;
  if (count > ARGS) __builtin_trap();
  b.run = run;
  b.count = count;
  va_start(list, run);
  for (int32_t i = 0; i < count; i++) b.args[i] = va_arg(list, void *);
  va_end(list);
  if (!me && !team.busy && !threads[me].deep) {
    together(&b);
    return;
  }
  __kmpc_serialized_parallel(at, me);
  call(&b, me);
  __kmpc_end_serialized_parallel(at, me);
}

static loop *of(int32_t me) { return threads[me].deep ? &threads[me].own[threads[me].deep - 1] : &team.loop; }

/* Every thread of a loop says the same. ladder.h's loops begin at 0 and go by ones. */
void __kmpc_dispatch_init_8(place *at, int32_t me, int32_t how, int64_t first, int64_t last, int64_t by,
                            int64_t chunk) {
  (void)at, (void)how;
  if (first != 0 || by != 1 || chunk != 1) __builtin_trap();
  __atomic_store_n(&of(me)->last, last, __ATOMIC_SEQ_CST);
}

int32_t __kmpc_dispatch_next_8(place *at, int32_t me, int32_t *is_last, int64_t *first, int64_t *last, int64_t *by) {
  loop *l = of(me);
  int64_t i = ADD(&l->next, 1) - 1;
  (void)at;
  if (i > LOAD(&l->last)) return 0;
  *is_last = i == LOAD(&l->last);
  *first = *last = i;
  *by = 1;
  return 1;
}

void __kmpc_dispatch_deinit(place *at, int32_t me) { (void)at, (void)me; }   /* clang 19 and later */
