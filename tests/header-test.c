#define LADDER_IMPLEMENTATION
#include "ladder.h"
int main(void) { return ldr_status_name(LDR_OK)[0] != 'L'; }
