/* bench_machine.c: see bench_machine.h */
#include "experiments/bench/bench_machine.h"

#include "clip/base/machine.h"
#include "clip/math/blas.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/strips.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* As /proc/cpuinfo names what the kernels ask for. */
static const char *const FEATURES[] = {"avx2",     "fma",         "f16c",     "avx512f",  "avx512bw",
                                       "avx512vl", "avx512_bf16", "amx_tile", "amx_bf16", "asimd",
                                       "asimdhp",  "bf16",        "sve"};

/* The text behind "key : " in a line. */
static const char *value_of(const char *line, const char *key) {
    const size_t n = strlen(key);
    const char *colon = strncmp(line, key, n) == 0 ? strchr(line + n, ':') : NULL;
    return colon ? colon + 1 + strspn(colon + 1, " \t") : NULL;
}

static bool has_word(const char *text, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += n)
        if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\n' || at[n] == '\0'))
            return true;
    return false;
}

static void read_features(Machine *machine, const char *flags) {
    for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
        if (has_word(flags, FEATURES[i])) {
            const size_t used = strlen(machine->features);
            snprintf(machine->features + used, sizeof machine->features - used, "%s%s", used ? " " : "",
                     FEATURES[i]);
        }
}

static void read_processor(Machine *machine) {
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(machine->processor, sizeof machine->processor, "unknown processor");
    while (file && fgets(line, sizeof line, file) && *line != '\n') { /* the first one's */
        const char *name = value_of(line, "model name"), *flags = value_of(line, "flags");
        if (name)
            snprintf(machine->processor, sizeof machine->processor, "%.*s", (int)strcspn(name, "\n"), name);
        if (flags || (flags = value_of(line, "Features")))
            read_features(machine, flags);
    }
    if (file)
        fclose(file);
}

void bench_machine(Machine *machine) {
    static const char *const bf16[] = {
        [BF16_NONE] = "none", [BF16_AVX512] = "AVX-512 BF16", [BF16_AMX] = "AMX"};
    const int panel = strip_best_panel();
    *machine = (Machine){.processors = machine_threads("")};
    read_processor(machine);
    snprintf(machine->kernels, sizeof machine->kernels, "float: %s; bfloat16: %s; OpenBLAS: %s",
             panel == 64 ? "AVX-512, 64 columns"
             : panel     ? "AVX2, 16 columns"
                         : "OpenBLAS's",
             bf16[bf16_best_kernel()], blas_core());
}

json_t *bench_machine_json(const Machine *machine) {
    return json_pack("{s:s, s:s, s:s, s:i}", "processor", machine->processor, "features", machine->features,
                     "kernels", machine->kernels, "processors", machine->processors);
}
