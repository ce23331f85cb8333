/* bus_error.h: what becomes of the program when a file that it has mapped is cut (clip/base/mapped_files.h).
 */
#ifndef EXPERIMENTS_TERMINAL_BUS_ERROR_H
#define EXPERIMENTS_TERMINAL_BUS_ERROR_H

/* Installs the handler of SIGBUS: the program ends with the line "FILE: was cut while being read" and with
 * status ERROR_RUN. A SIGBUS that has nothing to do with these files keeps its effect. */
void bus_error_install(void);

#endif
