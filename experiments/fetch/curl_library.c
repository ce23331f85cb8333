/* curl_library.c: see curl_library.h */
#ifdef HAVE_LIBCURL

#include "experiments/fetch/curl_library.h"

#include <errno.h>
#include <string.h>

#include <dlfcn.h>

#define LIBRARY "libcurl.so.4"

int curl_library_load(CurlLibrary *curl, Error *err) {
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"curl_global_init", &curl->global_init},   {"curl_global_cleanup", &curl->global_cleanup},
        {"curl_easy_init", &curl->easy_init},       {"curl_easy_cleanup", &curl->easy_cleanup},
        {"curl_easy_reset", &curl->easy_reset},     {"curl_easy_setopt", &curl->easy_setopt},
        {"curl_easy_perform", &curl->easy_perform}, {"curl_easy_getinfo", &curl->easy_getinfo},
        {"curl_easy_header", &curl->easy_header},   {"curl_easy_strerror", &curl->easy_strerror},
        {"curl_slist_append", &curl->slist_append}, {"curl_slist_free_all", &curl->slist_free_all},
    };
    errno = 0;
    *curl = (CurlLibrary){.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)};
    if (!curl->library && errno == ENOMEM) /* of which dlerror may have none left to tell */
        return error_memory(err);
    if (!curl->library)
        return error_run(err, LIBRARY " cannot be loaded (Debian: libcurl4): %s", dlerror());
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(curl->library, functions[i].name);
        memcpy(functions[i].place, &function, sizeof function);
        if (!function) {
            curl_library_unload(curl);
            return error_run(err, LIBRARY " has no %s: it is older than 7.85", functions[i].name);
        }
    }
    return 0;
}

void curl_library_unload(CurlLibrary *curl) {
    if (curl->library)
        dlclose(curl->library);
    *curl = (CurlLibrary){0};
}

#endif
