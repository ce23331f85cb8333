/* support.c: see support.h */
#include "tests/support/support.h"

#include "clip/tensors/tensors_open.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

double relative_error(const float *a, const float *b, size_t n) {
    double difference = 0, reference = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        reference += (double)b[i] * b[i];
    }
    double error = sqrt(difference / reference);
    return reference > 0 && isfinite(error) ? error : INFINITY;
}

void assert_close(const char *what, const float *a, const float *b, size_t n, double tolerance) {
    double error = relative_error(a, b, n);
    if (!(error <= tolerance))
        fail_msg("%s: relative error %.3g over %zu elements where %.3g is allowed", what, error, n,
                 tolerance);
}

void fill_waves(float *x, int rows, int columns, double a, double b) {
    for (int r = 0; r < rows; r++) {
        double square = 0;
        for (int e = 0; e < columns; e++)
            square += pow(sin(a + b * (r * columns + e)), 2);
        for (int e = 0; e < columns; e++)
            x[r * columns + e] = (float)(sin(a + b * (r * columns + e)) / sqrt(square));
    }
}

void fill_normal(float *x, size_t n, double scale, uint32_t seed) {
    Rng rng;
    rng_stream(&rng, seed, STREAM_BENCH, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * rng_normal(&rng));
}

TensorFile *fixture_open(const char *path) {
    Error err = {0};
    TensorFile *file = tensors_open(path, &err);
    if (!file)
        fail_msg("%s", err.text);
    return file;
}

const float *fixture_floats(const TensorFile *file, const char *name, Arena *arena, size_t *count) {
    Error err = {0};
    const Tensor *tensor = tensors_find(file, name);
    if (!tensor)
        fail_msg("%s: no tensor %s", tensors_path(file), name);
    float *values = arena_floats(arena, tensor->count, 1);
    if (!values || tensor_to_float(file, tensor, values, &err) < 0)
        fail_msg("%s", err.text);
    if (count)
        *count = tensor->count;
    return values;
}

const int *fixture_ints(const TensorFile *file, const char *name, Arena *arena, size_t *count) {
    const Tensor *tensor = tensors_find(file, name);
    if (!tensor || tensor->dtype != DTYPE_I32)
        fail_msg("%s: no I32 tensor %s", tensors_path(file), name);
    int *values = ARENA_NEW(arena, int, tensor->count);
    memcpy(values, tensor->data, tensor->size);
    if (count)
        *count = tensor->count;
    return values;
}

char *stream_text(FILE *stream, Arena *arena) {
    assert_int_equal(fflush(stream), 0);
    off_t size = lseek(fileno(stream), 0, SEEK_CUR);
    char *text = ARENA_NEW(arena, char, size + 1);
    assert_true(text && pread(fileno(stream), text, (size_t)size, 0) == size);
    return text;
}

/* As the program does (experiments/terminal/processors.h): tests of what it computes compare bits. */
void openblas_set_num_threads(int n);
__attribute__((constructor)) static void use_one_thread(void) {
    openblas_set_num_threads(1);
}
