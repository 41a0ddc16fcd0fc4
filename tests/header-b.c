#include "ladder.h"
#include "ladder.h"
const char *other(void);
const char *other(void) { return ldr_status_name(LDR_OK); }
