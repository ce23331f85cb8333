/* curl_library.h: libcurl, loaded when it is needed.
 *
 * Linked, it and the thirty libraries that it brings along would be loaded at each start: `coop --help` took
 * 18 ms in place of 8 (EPYC, Zen 5). So the program asks for it by name when it fetches something, and runs
 * where it is not installed.
 */
#ifndef EXPERIMENTS_FETCH_CURL_LIBRARY_H
#define EXPERIMENTS_FETCH_CURL_LIBRARY_H

#include "clip/base/error.h"

#define CURL_DISABLE_TYPECHECK /* its macros call the functions by their names */
#include <curl/curl.h>

/* Functions of libcurl, without "curl_". */
typedef struct {
    void *library; /* NULL: not loaded */
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_global_cleanup) *global_cleanup;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_perform) *easy_perform;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_header) *easy_header;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
} CurlLibrary;

int curl_library_load(CurlLibrary *curl, Error *err);
void curl_library_unload(CurlLibrary *curl); /* a zeroed one is fine */

#endif
