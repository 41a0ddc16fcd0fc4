#include "ladder.h"
#define LADDER_IMPLEMENTATION
#include "ladder.h"
const char *other(void);
int main(void) { return other() != ldr_status_name(LDR_OK); }
