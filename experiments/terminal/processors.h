/* processors.h: keeps OpenBLAS from starting threads.
 *
 * The program calls OpenBLAS from threads of its own, one product each. But when it is loaded, long before
 * main, OpenBLAS starts a thread for every processor that it sees, and gives each 128 MiB of address space:
 * 8 GiB on 64 processors, for nothing. So it is shown a single one: before any library begins, the process is
 * restricted to the processor that it runs on, and main lifts that again. (The library does nothing of that
 * kind in a program of others: clip/math/blas.h.)
 */
#ifndef EXPERIMENTS_TERMINAL_PROCESSORS_H
#define EXPERIMENTS_TERMINAL_PROCESSORS_H

/* Gives the process back the processors that it was started with. OpenBLAS stays with one thread, also where
 * an environment variable gave it more. */
void processors_show_all(void);

#endif
