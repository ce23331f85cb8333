/* microhttpd.h: libmicrohttpd, loaded when it is needed: linked, it and GnuTLS would be loaded at each start
 * of the program, and it would not run where they are missing.
 */
#ifndef EXPERIMENTS_SERVE_MICROHTTPD_H
#define EXPERIMENTS_SERVE_MICROHTTPD_H

#include "clip/base/error.h"

#include <microhttpd.h>

/* Its functions, without "MHD_". */
typedef struct {
    void *library; /* NULL: not loaded */
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_get_connection_info) *get_connection_info;
    __typeof__(MHD_get_connection_values) *get_connection_values;
    __typeof__(MHD_suspend_connection) *suspend_connection;
    __typeof__(MHD_resume_connection) *resume_connection;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
} Microhttpd;

int microhttpd_load(Microhttpd *mhd, Error *err);
void microhttpd_unload(Microhttpd *mhd); /* a zeroed one is fine */

#endif
