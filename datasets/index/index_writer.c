/* index_writer.c: see index_writer.h
 *
 * What waits for the next commit lies in memory as it will lie in the file. A commit writes the head and all
 * blocks, syncs, writes the foot and syncs again: 64 bytes then say that the rest is there.
 */
#define _GNU_SOURCE /* fdatasync */
#include "datasets/index/index_writer.h"

#include "clip/base/buffer.h"
#include "clip/base/checksum.h"
#include "clip/base/file_lock.h"
#include "clip/math/half.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPACT_ROWS = 65536, N_TRIES = 8 };

/* The blocks of a segment that is not written yet. */
typedef struct {
    uint64_t n, n_dead;
    Buffer features, dead, records, names;
} Pending;

struct IndexWriter {
    char *path;
    int fd;
    PhotoIndex *index;
    uint64_t end, n, n_dead, cut; /* of the file as it is now */
    Pending pending;
    unsigned char *row; /* one feature as the file has it */
};

static size_t row_size(const IndexWriter *writer) {
    return (size_t)writer->index->E * index_number_size(writer->index->numbers);
}

static void pending_clear(Pending *pending) {
    buffer_free(&pending->features);
    buffer_free(&pending->dead);
    buffer_free(&pending->records);
    buffer_free(&pending->names);
    *pending = (Pending){0};
}

/* --- opening --- */

static int write_error(const IndexWriter *writer, int reason, Error *err) {
    return error_errno(err, ERROR_RUN, reason, "%s: cannot write", writer->path);
}

static int write_at(const IndexWriter *writer, const void *data, size_t size, uint64_t at, Error *err) {
    const unsigned char *bytes = data;
    while (size > 0) {
        const ssize_t n = pwrite(writer->fd, bytes, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return write_error(writer, n < 0 ? errno : EIO, err);
        bytes += n;
        size -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

/* The header and its text, padded; malloc'd, NULL when memory is out. */
static unsigned char *make_header(const IndexKind *kind, size_t *size) {
    const size_t text = strlen(kind->about);
    *size = INDEX_PART + (text + INDEX_ALIGN - 1) / INDEX_ALIGN * INDEX_ALIGN;
    unsigned char *bytes = calloc(*size, 1);
    if (!bytes)
        return NULL;
    memcpy(bytes + INDEX_PART, kind->about, text);
    const IndexHeader header = {.version = INDEX_VERSION,
                                .numbers = kind->numbers,
                                .E = (uint32_t)kind->E,
                                .text_size = (uint32_t)text,
                                .text_sum = checksum(0, bytes + INDEX_PART, *size - INDEX_PART),
                                .size = *size};
    index_header_write(bytes, &header);
    return bytes;
}

/* Whether the file is the beginning of this header and nothing else: new, or of a writer that died at once.
 */
static int is_begun(const IndexWriter *writer, const unsigned char *header, size_t size, bool *begun,
                    Error *err) {
    struct stat info;
    if (fstat(writer->fd, &info) < 0)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot read", writer->path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, "%s: not a regular file", writer->path);
    if ((uint64_t)info.st_size >= size)
        return 0;
    unsigned char *there = malloc(size);
    if (!there)
        return error_memory(err);
    const ssize_t n = pread(writer->fd, there, (size_t)info.st_size, 0);
    *begun = n == info.st_size && memcmp(there, header, (size_t)n) == 0;
    free(there);
    return 0;
}

static int sync_folder_of(const IndexWriter *writer, Error *err) {
    Arena *arena = arena_create();
    const char *folder = path_folder(arena, writer->path);
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const int result = !folder                   ? error_memory(err)
                       : fd < 0 || fsync(fd) < 0 ? write_error(writer, errno, err)
                                                 : 0;
    if (fd >= 0)
        close(fd);
    arena_free(arena);
    return result;
}

static int begin_file(const IndexWriter *writer, const IndexKind *kind, Error *err) {
    size_t size;
    bool begun = false;
    unsigned char *header = make_header(kind, &size);
    int result = header ? is_begun(writer, header, size, &begun, err) : error_memory(err);
    if (result == 0 && begun) {
        result = write_at(writer, header, size, 0, err);
        if (result == 0 && fdatasync(writer->fd) < 0)
            result = write_error(writer, errno, err);
        if (result == 0)
            result = sync_folder_of(writer, err);
    }
    free(header);
    return result;
}

/* Opens and locks the file that has this path now: another writer may just put a compacted one there. */
static int open_locked(IndexWriter *writer, Error *err) {
    for (int i = 0; i < N_TRIES; i++) {
        struct stat here, there;
        writer->fd = open(writer->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (writer->fd < 0)
            return error_errno(err, ERROR_RUN, errno, "%s: cannot open for writing", writer->path);
        const FileLock lock = file_try_lock(writer->fd);
        if (lock == FILE_BUSY)
            return error_run(err, "%s: another program is adding to this index", writer->path);
        if (lock != FILE_LOCKED)
            return error_errno(err, ERROR_RUN, errno,
                               "%s: cannot be locked, and without a lock two programs could write at once",
                               writer->path);
        if (fstat(writer->fd, &here) == 0 && stat(writer->path, &there) == 0 && here.st_ino == there.st_ino &&
            here.st_dev == there.st_dev)
            return 0;
        close(writer->fd);
        writer->fd = -1;
    }
    return error_run(err, "%s: another program keeps replacing this file", writer->path);
}

static int open_index(IndexWriter *writer, const IndexKind *kind, Error *err) {
    if (begin_file(writer, kind, err) < 0 || !(writer->index = photo_index_open(writer->path, err)))
        return -1;
    const PhotoIndex *index = writer->index;
    if (index->numbers != kind->numbers || index->E != kind->E)
        return error_set(err,
                         "%s: an index of %d numbers in %s for each photo, where %d in %s are to be added",
                         writer->path, index->E, index->numbers == INDEX_FLOAT32 ? "float32" : "bfloat16",
                         kind->E, kind->numbers == INDEX_FLOAT32 ? "float32" : "bfloat16");
    writer->end = index->end;
    writer->n = index->n;
    writer->n_dead = index->n_dead;
    writer->cut = index->tail;
    if (index->tail > 0 && ftruncate(writer->fd, (off_t)index->end) < 0)
        return write_error(writer, errno, err);
    writer->row = malloc(row_size(writer));
    return writer->row ? 0 : error_memory(err);
}

IndexWriter *index_writer_open(const char *path, const IndexKind *kind, Error *err) {
    IndexWriter *writer = calloc(1, sizeof *writer);
    if (writer)
        writer->fd = -1;
    if (!writer || !(writer->path = strdup(path)))
        error_memory(err);
    else if (open_locked(writer, err) == 0 && open_index(writer, kind, err) == 0)
        return writer;
    index_writer_close(writer);
    return NULL;
}

void index_writer_close(IndexWriter *writer) {
    if (!writer)
        return;
    pending_clear(&writer->pending);
    photo_index_close(writer->index);
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->row);
    free(writer->path);
    free(writer);
}

const PhotoIndex *index_writer_index(const IndexWriter *writer) {
    return writer->index;
}

uint64_t index_writer_cut(const IndexWriter *writer) {
    return writer->cut;
}

uint64_t index_writer_pending(const IndexWriter *writer) {
    return writer->pending.n + writer->pending.n_dead;
}

/* --- adding --- */

/* The row as the file has it. */
static int add_row(IndexWriter *writer, const IndexEntry *entry, const unsigned char *row, Error *err) {
    Pending *pending = &writer->pending;
    const size_t path = strlen(entry->path) + 1, member = entry->member ? strlen(entry->member) + 1 : 0;
    unsigned char bytes[INDEX_RECORD];
    if (path < 2 || path + member > UINT32_MAX)
        return error_set(err, "%s: a path of %zu bytes", writer->path, path + member);
    const IndexRecord record = {.digest = entry->digest,
                                .size = entry->size,
                                .changed_ns = entry->changed_ns,
                                .name_at = pending->names.size,
                                .name_size = (uint32_t)(path + member),
                                .orientation = (uint32_t)entry->orientation,
                                .feature_sum = checksum(0, row, row_size(writer))};
    buffer_append(&pending->names, entry->path, path);
    if (member > 0)
        buffer_append(&pending->names, entry->member, member);
    buffer_append(&pending->features, row, row_size(writer));
    if (pending->names.failed || pending->features.failed)
        return error_memory(err);
    index_record_write(bytes, &record, pending->names.bytes + record.name_at);
    buffer_append(&pending->records, bytes, sizeof bytes);
    pending->n++;
    return pending->records.failed ? error_memory(err) : 0;
}

int index_writer_add(IndexWriter *writer, const IndexEntry *entry, const float *feature, Error *err) {
    if (writer->index->numbers == INDEX_FLOAT32)
        memcpy(writer->row, feature, row_size(writer));
    else
        float_to_bfloat16(writer->row, feature, (size_t)writer->index->E);
    return add_row(writer, entry, writer->row, err);
}

int index_writer_add_as(IndexWriter *writer, const IndexEntry *entry, uint64_t number, Error *err) {
    return add_row(writer, entry, photo_index_row(writer->index, number), err);
}

int index_writer_remove(IndexWriter *writer, uint64_t number, Error *err) {
    unsigned char bytes[8];
    assert(number < writer->index->n);
    index_number_write(bytes, number);
    buffer_append(&writer->pending.dead, bytes, sizeof bytes);
    writer->pending.n_dead++;
    return writer->pending.dead.failed ? error_memory(err) : 0;
}

/* --- committing --- */

/* Zeros up to a multiple of INDEX_ALIGN, of what begins at `at`. */
static void pad(Buffer *buffer, uint64_t at) {
    static const char zeros[INDEX_ALIGN];
    buffer_append(buffer, zeros, (size_t)((INDEX_ALIGN - (at + buffer->size) % INDEX_ALIGN) % INDEX_ALIGN));
}

/* Pads the blocks, and says what stands before and behind them. */
static int seal(Pending *pending, uint64_t start, uint64_t first, uint64_t n_dead, size_t row,
                IndexPlaces *places, unsigned char head[INDEX_PART], unsigned char foot[INDEX_PART],
                Error *err) {
    const uint64_t names_size = pending->names.size;
    if (!index_places(places, pending->n, pending->n_dead, names_size, row))
        return error_run(err, "an index of more than 2^63 bytes");
    pad(&pending->features, places->features);
    pad(&pending->dead, places->dead);
    pad(&pending->names, places->names);
    if (pending->features.failed || pending->dead.failed || pending->names.failed || pending->records.failed)
        return error_memory(err);
    const IndexHead begins = {first, pending->n, pending->n_dead, names_size, places->size};
    const uint32_t records = checksum(0, pending->records.bytes, pending->records.size);
    const IndexFoot ends = {.start = start,
                            .size = places->size,
                            .total = first + pending->n,
                            .total_dead = n_dead + pending->n_dead,
                            .features_sum = checksum(0, pending->features.bytes, pending->features.size),
                            .dead_sum = checksum(0, pending->dead.bytes, pending->dead.size),
                            .records_sum = checksum(records, pending->names.bytes, pending->names.size)};
    index_head_write(head, &begins);
    index_foot_write(foot, &ends);
    return 0;
}

static int write_segment(IndexWriter *writer, const IndexPlaces *places, const unsigned char *head,
                         const unsigned char *foot, Error *err) {
    const Pending *pending = &writer->pending;
    const uint64_t at = writer->end;
    if (write_at(writer, head, INDEX_PART, at, err) < 0 ||
        write_at(writer, pending->features.bytes, pending->features.size, at + places->features, err) < 0 ||
        write_at(writer, pending->dead.bytes, pending->dead.size, at + places->dead, err) < 0 ||
        write_at(writer, pending->records.bytes, pending->records.size, at + places->records, err) < 0 ||
        write_at(writer, pending->names.bytes, pending->names.size, at + places->names, err) < 0)
        return -1;
    if (fdatasync(writer->fd) < 0)
        return write_error(writer, errno, err);
    if (write_at(writer, foot, INDEX_PART, at + places->foot, err) < 0)
        return -1;
    return fdatasync(writer->fd) < 0 ? write_error(writer, errno, err) : 0;
}

int index_writer_commit(IndexWriter *writer, Error *err) {
    unsigned char head[INDEX_PART], foot[INDEX_PART];
    IndexPlaces places;
    Pending *pending = &writer->pending;
    if (pending->n == 0 && pending->n_dead == 0)
        return 0;
    if (seal(pending, writer->end, writer->n, writer->n_dead, row_size(writer), &places, head, foot, err) < 0)
        return -1;
    if (write_segment(writer, &places, head, foot, err) < 0) {
        if (ftruncate(writer->fd, (off_t)writer->end) < 0)
            return -1; /* the tail stays, and the next writer cuts it off */
        return -1;
    }
    writer->end += places.size;
    writer->n += pending->n;
    writer->n_dead += pending->n_dead;
    pending_clear(pending);
    return 0;
}

/* --- anew --- */

/* Appends what is pending to the new file. */
static int append_segment(IndexWriter *writer, FileWriter *file, uint64_t *at, uint64_t *first, Error *err) {
    unsigned char head[INDEX_PART], foot[INDEX_PART];
    IndexPlaces places;
    Pending *pending = &writer->pending;
    if (pending->n == 0)
        return 0;
    if (seal(pending, *at, *first, 0, row_size(writer), &places, head, foot, err) < 0)
        return -1;
    file_append(file, head, INDEX_PART); /* failure is sticky */
    file_append(file, pending->features.bytes, pending->features.size);
    file_append(file, pending->records.bytes, pending->records.size);
    file_append(file, pending->names.bytes, pending->names.size);
    file_append(file, foot, INDEX_PART);
    *at += places.size;
    *first += pending->n;
    pending_clear(pending);
    return 0;
}

static int append_live(IndexWriter *writer, const PhotoIndex *now, FileWriter *file, float *feature,
                       Error *err) {
    uint64_t at = now->header_size, first = 0;
    file_append(file, now->map.data, (size_t)now->header_size);
    for (uint64_t i = 0; i < now->n; i++) {
        IndexEntry entry;
        if (photo_index_is_dead(now, i))
            continue;
        if (photo_index_feature(now, i, feature, err) < 0 || photo_index_entry(now, i, &entry, err) < 0 ||
            add_row(writer, &entry, photo_index_row(now, i), err) < 0)
            return -1;
        if (writer->pending.n == COMPACT_ROWS && append_segment(writer, file, &at, &first, err) < 0)
            return -1;
    }
    return append_segment(writer, file, &at, &first, err);
}

int index_writer_compact(IndexWriter *writer, Error *err) {
    PhotoIndex *now = photo_index_open(writer->path, err);
    FileWriter *file = now ? file_create(writer->path, err) : NULL;
    float *feature = file ? malloc((size_t)now->E * sizeof *feature) : NULL;
    int result = -1;
    assert(index_writer_pending(writer) == 0);
    if (file && !feature)
        error_memory(err);
    else if (feature)
        result = append_live(writer, now, file, feature, err);
    if (file && result == 0)
        result = file_commit(file, err);
    else
        file_discard(file);
    free(feature);
    photo_index_close(now);
    return result;
}
