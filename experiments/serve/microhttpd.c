/* microhttpd.c: see microhttpd.h */
#ifdef HAVE_MICROHTTPD

#include "experiments/serve/microhttpd.h"

#include <errno.h>
#include <string.h>

#include <dlfcn.h>

#define LIBRARY "libmicrohttpd.so.12"

int microhttpd_load(Microhttpd *mhd, Error *err) {
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"MHD_start_daemon", &mhd->start_daemon},
        {"MHD_stop_daemon", &mhd->stop_daemon},
        {"MHD_run", &mhd->run},
        {"MHD_get_timeout", &mhd->get_timeout},
        {"MHD_get_daemon_info", &mhd->get_daemon_info},
        {"MHD_get_connection_info", &mhd->get_connection_info},
        {"MHD_get_connection_values", &mhd->get_connection_values},
        {"MHD_suspend_connection", &mhd->suspend_connection},
        {"MHD_resume_connection", &mhd->resume_connection},
        {"MHD_create_response_from_buffer", &mhd->create_response_from_buffer},
        {"MHD_add_response_header", &mhd->add_response_header},
        {"MHD_queue_response", &mhd->queue_response},
        {"MHD_destroy_response", &mhd->destroy_response},
    };
    errno = 0;
    *mhd = (Microhttpd){.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)};
    if (!mhd->library && errno == ENOMEM) /* of which dlerror may have none left to tell */
        return error_memory(err);
    if (!mhd->library)
        return error_run(err, LIBRARY " cannot be loaded (Debian: libmicrohttpd12): %s", dlerror());
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(mhd->library, functions[i].name);
        memcpy(functions[i].place, &function, sizeof function);
        if (!function) {
            microhttpd_unload(mhd);
            return error_run(err, LIBRARY " has no %s", functions[i].name);
        }
    }
    return 0;
}

void microhttpd_unload(Microhttpd *mhd) {
    if (mhd->library)
        dlclose(mhd->library);
    *mhd = (Microhttpd){0};
}

#endif
