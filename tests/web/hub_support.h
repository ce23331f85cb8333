/* hub_support.h: the Hugging Face hub as nginx serves it: the list of a repository's files, small files at
 * once, large ones by way of another host, all for one token. */
#ifndef TESTS_WEB_HUB_SUPPORT_H
#define TESTS_WEB_HUB_SUPPORT_H

#include "tests/web/web_server.h"

#define HUB_TOKEN "hf_x"
#define HUB_COMMIT "0123456789abcdef0123456789abcdef01234567"

/* For web_start: 401 without the token; large files are at http://localhost:PORT/cdn/OWNER/NAME/FILE. */
extern const char hub_rules[];

typedef struct {
    const char *name, *data;
    size_t size;
    bool large;
    const char *digest; /* another than the right one; NULL: that */
} HubEntry;

/* Puts a repository on the server. */
void hub_put(const WebServer *server, const char *repo, const HubEntry *entries, int n);

/* Only the caches below this folder, and this server, are asked from now on, in this process and its
 * children. */
void hub_environment(const WebServer *server, const char *home);

#endif
