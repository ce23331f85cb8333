/* version.c: which library this is. */
#include "coop/coop.h"

const char *coop_version(void) {
    return COOP_VERSION;
}

int coop_version_number(void) {
    return COOP_VERSION_NUMBER;
}
