/* matrices.c: see matrices.h */
#include "clip/checkpoint/matrices.h"

#include "clip/base/minimum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROWS_AHEAD = 4 }; /* how far ahead of the row being read one is fetched */

struct MatrixJob {
    MatrixJob *next;
    MatrixSource source;
    int first, rows;
    PutRows put;
    void *target;
    int first_piece;
};

typedef struct {
    const MatrixJob **jobs; /* (n_jobs) in the order of their pieces */
    int n_jobs;
    float **scratch; /* (threads): the rows of one piece */
    bool *is_bad;    /* (pieces): holds a NaN or Inf */
} Reader;

const float *matrix_in_place(const MatrixSource *source) {
    return source->n_parts == 1 && !source->gamma ? tensor_in_place(source->parts[0]) : NULL;
}

void matrices_add(MatrixQueue *queue, const MatrixSource *source, int first, int rows, PutRows put,
                  void *target) {
    MatrixJob *job = ARENA_NEW(queue->arena, MatrixJob, 1);
    if (!job)
        return;
    *job = (MatrixJob){.source = *source, .first = first, .rows = rows, .put = put, .target = target};
    if (queue->jobs)
        *queue->end = job;
    else
        queue->jobs = job;
    queue->end = &job->next;
    queue->n_jobs++;
}

/* Where number k0 of a row is. */
static const Tensor *find_row(const MatrixSource *source, int row, int k0, size_t *at) {
    const int part_rows = source->rows / source->n_parts;
    *at = (size_t)(row % part_rows) * (size_t)source->columns + (size_t)k0;
    return source->parts[row / part_rows];
}

static void scale_row(const MatrixSource *source, float *out, int row, int count) {
    if (!source->gamma)
        return;
    for (int i = 0; i < count; i++)
        out[i] *= source->gamma[row];
}

/* out (rows, columns); false when one is not finite. */
static bool read_rows(const MatrixSource *source, float *out, int first, int rows) {
    const int columns = source->columns;
    bool finite = true;
    for (int row = first; row < first + rows; row++, out += columns) {
        size_t at;
        const Tensor *tensor = find_row(source, row, 0, &at);
        finite = tensor_elements(tensor, at, (size_t)columns, out) && finite;
        scale_row(source, out, row, columns);
    }
    return finite;
}

static bool check_rows(const MatrixSource *source, int first, int rows) {
    bool finite = true;
    for (int row = first; row < first + rows; row++) {
        size_t at;
        const Tensor *tensor = find_row(source, row, 0, &at);
        finite = tensor_finite(tensor, at, (size_t)source->columns) && finite;
    }
    return finite;
}

/* A piece of a row is too short for the processor to predict where reading goes on. */
static void fetch(const MatrixSource *source, int row, int k0, int count) {
    enum { LINE = 64 };
    size_t at;
    const Tensor *tensor = find_row(source, row, k0, &at);
    const size_t size = dtype_size(tensor->dtype);
    for (size_t i = 0; i < (size_t)count * size; i += LINE)
        __builtin_prefetch(tensor->data + at * size + i, 0, 2);
}

const void *matrix_where(const MatrixSource *source, int row, size_t *bytes) {
    size_t at;
    const Tensor *tensor = find_row(source, row, 0, &at);
    const size_t size = dtype_size(tensor->dtype);
    *bytes = (size_t)source->columns * size;
    return tensor->data + at * size;
}

void matrix_read(const MatrixSource *source, float *out, int first, int rows, int k0, int count) {
    bool finite = true;
    for (int row = first; row < first + rows; row++, out += count) {
        size_t at;
        const Tensor *tensor = find_row(source, row, k0, &at);
        if (row + ROWS_AHEAD < source->rows) /* of the next call, perhaps */
            fetch(source, row + ROWS_AHEAD, k0, count);
        tensor_convert(tensor, at, (size_t)count, out);
        if (source->bad)
            finite = tensor_finite(tensor, at, (size_t)count) && finite;
        scale_row(source, out, row, count);
    }
    if (!finite)
        atomic_store(source->bad, true);
}

/* The job that a piece belongs to. */
static const MatrixJob *find_job(const Reader *reader, int piece) {
    int low = 0, high = reader->n_jobs;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (reader->jobs[middle]->first_piece <= piece)
            low = middle;
        else
            high = middle;
    }
    return reader->jobs[low];
}

static void read_piece(void *context, int piece, int worker) {
    Reader *reader = context;
    const MatrixJob *job = find_job(reader, piece);
    float *rows = reader->scratch[worker];
    const int first = (piece - job->first_piece) * MATRIX_ROWS, n = min_int(MATRIX_ROWS, job->rows - first);
    if (job->put) {
        reader->is_bad[piece] = !read_rows(&job->source, rows, job->first + first, n);
        job->put(job->target, &job->source, rows, first, n);
    } else {
        reader->is_bad[piece] = !check_rows(&job->source, job->first + first, n);
    }
}

/* Converts everything once more, for the message. */
static int explain(const MatrixSource *source, const TensorFile *file, Arena *arena, Error *err) {
    float *values = arena_floats(arena, source->parts[0]->count, 1);
    int result = values ? 0 : error_memory(err);
    for (int i = 0; i < source->n_parts && result == 0; i++)
        result = tensor_to_float(file, source->parts[i], values, err);
    return result;
}

int matrices_read(const MatrixQueue *queue, const TensorFile *file, Pool *pool, Error *err) {
    int n_pieces = 0, result = 0;
    size_t largest = 0;
    Arena *arena = arena_create();
    Reader reader = {.jobs = ARENA_NEW(arena, const MatrixJob *, queue->n_jobs),
                     .scratch = ARENA_NEW(arena, float *, pool_threads(pool))};
    for (MatrixJob *job = queue->jobs; job && !arena_failed(arena); job = job->next) {
        const size_t size = (size_t)min_int(MATRIX_ROWS, job->rows) * (size_t)job->source.columns;
        largest = size > largest ? size : largest;
        job->first_piece = n_pieces;
        n_pieces += (job->rows + MATRIX_ROWS - 1) / MATRIX_ROWS;
        reader.jobs[reader.n_jobs++] = job;
    }
    reader.is_bad = ARENA_NEW(arena, bool, n_pieces);
    for (int i = 0; i < pool_threads(pool) && !arena_failed(arena); i++)
        reader.scratch[i] = arena_floats(arena, largest, 1);
    if (arena_failed(arena)) {
        result = error_memory(err);
        goto out;
    }
    pool_run(pool, n_pieces, read_piece, &reader);
    for (int i = 0; i < n_pieces && result == 0; i++)
        if (reader.is_bad[i])
            result = explain(&find_job(&reader, i)->source, file, arena, err);
out:
    arena_free(arena);
    return result;
}
