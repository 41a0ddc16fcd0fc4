/* library.c: the implementation, once. */
#define LADDER_IMPLEMENTATION
#include "../../ladder.h"
