/* interrupt.h: how long loops learn of Ctrl-C and kill.
 *
 * The first SIGINT or SIGTERM sets a flag; loops look at it, save their state and return. A second one,
 * half a second later or more, ends the program at once. The flag and its time are the one mutable global of
 * the program: a signal handler can reach nothing else.
 */
#ifndef EXPERIMENTS_TERMINAL_INTERRUPT_H
#define EXPERIMENTS_TERMINAL_INTERRUPT_H

#include "clip/base/error.h"

#include <stdbool.h>

void interrupt_install(void);
int interrupt_signal(void); /* the signal that came, or 0 */

/* As if that signal had come: it did to another process of the same work. One that comes here is the first
 * nevertheless. */
void interrupt_ask(int signal);

/* -1 with ERROR_SIGNAL when a signal came, else 0. */
int interrupt_check(Error *err);
int interrupt_stop(void *context, Error *err); /* the same for a pool (clip/base/parallel.h) */

#endif
