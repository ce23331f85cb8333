/* microhttpd.c: see microhttpd.h */
#ifdef HAVE_MICROHTTPD

#include "experiments/serve/microhttpd.h"

#include "clip/base/loaded_library.h"

int microhttpd_load(Microhttpd *mhd, Error *err) {
    const LibraryName name = {"libmicrohttpd.so.12", "libmicrohttpd12", NULL};
    const LibraryFunction functions[] = {
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
    *mhd = (Microhttpd){0};
    mhd->library = library_open(&name, functions, sizeof functions / sizeof *functions, err);
    return mhd->library ? 0 : -1;
}

void microhttpd_unload(Microhttpd *mhd) {
    library_close(mhd->library);
    *mhd = (Microhttpd){0};
}

#endif
