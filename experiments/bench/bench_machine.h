/* bench_machine.h: what a measurement was made on. */
#ifndef EXPERIMENTS_BENCH_BENCH_MACHINE_H
#define EXPERIMENTS_BENCH_BENCH_MACHINE_H

#include <jansson.h>

typedef struct {
    char processor[128]; /* its name, as the kernel knows it */
    char features[256];  /* of those that kernels here are chosen by, separated by spaces */
    char kernels[160];   /* "float: AVX-512, 64 columns; bfloat16: AVX-512 BF16; OpenBLAS: SkylakeX" */
    int processors;      /* that this process may use */
} Machine;

void bench_machine(Machine *machine);
/* {"processor": ...}; NULL when memory is out. */
json_t *bench_machine_json(const Machine *machine);

#endif
