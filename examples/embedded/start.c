/* start.c: from reset to main, the serial line, the heap, the paint on the stack. For ARM's Cortex-M and for RISC-V.
   Ran in qemu only; what real parts need beside (clocks, pins) stands where it goes. */
#include "board.h"
#include <stdint.h>

int main(void);

extern unsigned char data_load[], data_start[], data_end[], bss_start[], bss_end[], heap_start[], stack_bottom[],
    stack_top[];

/* ---- the serial line: a row a board ------------------------------------------------------ */

/* A bit of one register says that a byte came, one of another that there is room for the next. `full`: the latter says
   that there is none. */
typedef struct line {
  uintptr_t base;
  unsigned  in, in_ready, ready, out, out_ready, room, full;
  struct { uintptr_t at; uint32_t value; } setup[6];
} line;

#if defined(BOARD_AN500)              /* CMSDK UART */
static const line serial = { 0x40004000u, 0, 4, 2, 0, 4, 1, 1, { { 0x40004010u, 16 }, { 0x40004008u, 3 } } };
#elif defined(BOARD_F405)             /* USART1 on PA9, PA10: clocks, pins, 115200 baud of the 16 MHz after reset */
static const line serial = { 0x40011000u, 4, 0, 0x20, 4, 0, 0x80, 0, { { 0x40023830u, 1 }, { 0x40023844u, 0x10 },
    { 0x40020024u, 0x770 }, { 0x40020000u, 0xa8280000u }, { 0x40011008u, 139 }, { 0x4001100cu, 0x200c } } };
#elif defined(BOARD_VIRT)             /* 16550 */
static const line serial = { 0x10000000u, 0, 5, 1, 0, 5, 0x20, 0, { { 0, 0 } } };
#else
  #error "define one of BOARD_AN500, BOARD_F405, BOARD_VIRT"
#endif

#ifdef BOARD_VIRT
typedef volatile uint8_t serial_register;
#else
typedef volatile uint32_t serial_register;
#endif

static serial_register *at(unsigned offset) { return (serial_register *)(serial.base + offset); }

static void serial_begin(void) {
  unsigned i;
  for (i = 0; i < sizeof serial.setup / sizeof *serial.setup && serial.setup[i].at; i++)
    *(volatile uint32_t *)serial.setup[i].at = serial.setup[i].value;
}

int serial_get(void) {
  while (!(*at(serial.in_ready) & serial.ready)) {}
  return (int)(*at(serial.in) & 255u);
}

void serial_put(char c) {
  while (!(*at(serial.out_ready) & serial.room) != (serial.full != 0)) {}
  *at(serial.out) = (unsigned char)c;
}

/* ---- the end ------------------------------------------------------------------------------ */

void board_end(int code) {
#ifdef __riscv
  *(volatile uint32_t *)0x100000u = code ? (uint32_t)code << 16 | 0x3333u : 0x5555u;    /* qemu's "test" device */
#else
  /* Semihosting, SYS_EXIT_EXTENDED: qemu and debuggers understand it, a part alone stops at it. */
  static uint32_t block[2];
  register uint32_t r0 __asm__("r0") = 0x20;
  register uint32_t *r1 __asm__("r1") = block;
  block[0] = 0x20026u;
  block[1] = (uint32_t)code;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
#endif
  for (;;) {}
}

static void fault(void) {
  const char *s = "fault\n";
  while (*s) serial_put(*s++);
  board_end(125);
}

/* ---- heap and stack ------------------------------------------------------------------------ */

static unsigned char *heap_top = heap_start;
void *sbrk(ptrdiff_t size);
void *_sbrk(ptrdiff_t size);

void *sbrk(ptrdiff_t size) {
  unsigned char *old = heap_top;
  if (size > stack_bottom - heap_top) return (void *)-1;
  heap_top += size;
  return old;
}

void *_sbrk(ptrdiff_t size) { return sbrk(size); }

size_t heap_used(void) { return (size_t)(heap_top - heap_start); }

enum { PAINT = 0x5a };

size_t stack_used(void) {
  const unsigned char *p = stack_bottom;
  while (p < stack_top && *p == PAINT) p++;
  return (size_t)(stack_top - p);
}

/* ---- from reset to main ---------------------------------------------------------------------- */

void start(void);
void start(void) {
  unsigned char *p;
  const uintptr_t here = (uintptr_t)__builtin_frame_address(0) - 128;      /* this function's own few words are above */
#ifndef __riscv
  *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20;      /* the floating point unit, before any of its registers is used */
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
  for (p = stack_bottom; (uintptr_t)p < here; p++) *(volatile unsigned char *)p = PAINT;
  for (p = data_start; p < data_end; p++) *p = data_load[p - data_start];
  for (p = bss_start; p < bss_end; p++) *(volatile unsigned char *)p = 0;
  serial_begin();
  board_end(main());
}

#ifdef __riscv
/* tp points at the storage of the one thread, which is the beginning of .bss. */
__asm__(".section .start, \"ax\"\n.global reset\nreset:\n"
        "  .option push\n  .option norelax\n  la gp, __global_pointer$\n  .option pop\n"
        "  la sp, stack_top\n  la tp, bss_start\n  la t0, trap\n  csrw mtvec, t0\n"
        "  li t0, 0x2000\n  csrs mstatus, t0\n  call start\n"
        ".balign 4\ntrap:\n  call trapped\n.text\n");
void trapped(void);
void trapped(void) { fault(); }
#else
void reset(void);
void reset(void) { start(); }
__attribute__((section(".start"), used)) static void (*const vectors[16])(void) = {
  (void (*)(void))(uintptr_t)stack_top, reset, fault, fault, fault, fault, fault, NULL, NULL, NULL, NULL, fault, fault, NULL,
  fault, fault };
#endif
