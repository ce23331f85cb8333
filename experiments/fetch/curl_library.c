/* curl_library.c: see curl_library.h */
#ifdef HAVE_LIBCURL

#include "experiments/fetch/curl_library.h"

#include "clip/base/loaded_library.h"

int curl_library_load(CurlLibrary *curl, Error *err) {
    const LibraryName name = {"libcurl.so.4", "libcurl4", "7.85"};
    const LibraryFunction functions[] = {
        {"curl_global_init", &curl->global_init},   {"curl_global_cleanup", &curl->global_cleanup},
        {"curl_easy_init", &curl->easy_init},       {"curl_easy_cleanup", &curl->easy_cleanup},
        {"curl_easy_reset", &curl->easy_reset},     {"curl_easy_setopt", &curl->easy_setopt},
        {"curl_easy_perform", &curl->easy_perform}, {"curl_easy_getinfo", &curl->easy_getinfo},
        {"curl_easy_header", &curl->easy_header},   {"curl_easy_strerror", &curl->easy_strerror},
        {"curl_slist_append", &curl->slist_append}, {"curl_slist_free_all", &curl->slist_free_all},
    };
    *curl = (CurlLibrary){0};
    curl->library = library_open(&name, functions, sizeof functions / sizeof *functions, err);
    return curl->library ? 0 : -1;
}

void curl_library_unload(CurlLibrary *curl) {
    library_close(curl->library);
    *curl = (CurlLibrary){0};
}

#endif
