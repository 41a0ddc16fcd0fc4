#include "../tools/ladder.c"
