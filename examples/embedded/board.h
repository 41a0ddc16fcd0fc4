/* board.h: what main.c needs of a board. start.c has it for the three of this folder; to add one, add a row to its
   table of serial lines and a linker script. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>

int    serial_get(void);                       /* waits for the next byte */
void   serial_put(char c);
size_t heap_used(void);                        /* bytes that malloc has taken at most */
size_t stack_used(void);                       /* bytes that the stack has taken at most, by its paint */
void   board_end(int code);                    /* in qemu: ends it. Elsewhere: stops */

/* Files that lie in flash (flash.S); each ends where NAME_end begins. */
#define FLASH_FILE(name) extern const unsigned char name[], name##_end[]
FLASH_FILE(model_config);
FLASH_FILE(model_weights);
FLASH_FILE(model_vocabulary);
FLASH_FILE(trained_ladder);

#endif
