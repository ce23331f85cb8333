/* host_name.h: which Host a request may name.
 *
 * A page of the web can let its own name point to this machine, and then read what it asks for as if it were
 * its own (DNS rebinding). So a name counts only when it is known; an address is none that anyone can rebind.
 */
#ifndef EXPERIMENTS_SERVE_HOST_NAME_H
#define EXPERIMENTS_SERVE_HOST_NAME_H

#include <stdbool.h>

/* The value of the header, "localhost:8080"; given is what --host says. The port does not matter: it may be
 * forwarded. */
bool host_name_is_known(const char *value, const char *given);

/* Whether only this machine reaches what listens there. */
bool host_is_loopback(const char *given);

#endif
