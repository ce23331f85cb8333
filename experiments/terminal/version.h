/* version.h: what this program calls itself in results and on pages. */
#ifndef EXPERIMENTS_TERMINAL_VERSION_H
#define EXPERIMENTS_TERMINAL_VERSION_H

/* Counts up when results, or the files that hold them, change. */
#define COOP_VERSION "coop 1.0"

#endif
