/* feature_store.c: features by content of image, on shelves by view.
 *
 * Layout of a folder:
 *     FOLDER/<16 digits>/centre.features, s1-v0.features, large-s1-v0.features, ...
 * The digits begin the digest of tower and transform.
 *
 * Layout of a file, in the machine's byte order:
 *     header   96 bytes: "coop features 1\n", the digest of tower, transform and view in 64 digits, "\n",
 * spaces and a last "\n" records  digest of the image (32 bytes), feature (4 E), CRC-32 of the header and of
 * these two (4)
 *
 * Records are only ever appended, a batch at a time, in one write under an exclusive lock (flock). A process
 * that is killed leaves at worst part of a batch; the next to append cuts off a broken last record first.
 * A record is checked against its checksum when it enters the index and when it is used. Several records of
 * one image are alike; the last one counts. The next to append writes a good record over each damaged one. A
 * file with another header is not ours, or damaged, and is begun anew.
 *
 * In memory the selected shelf of a folder is an index: digest -> number of the record. Without a folder all
 * shelves stay in memory, and map digests to the features themselves. So do features that are held back,
 * until they are written.
 */
#include "datasets/features/feature_store.h"

#include "clip/base/checksum.h"
#include "clip/base/clock.h"
#include "clip/base/file_lock.h"
#include "clip/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "coop features 1\n"
#define HEADER_SIZE 96
/* Part of the key of every feature: to be raised when decoding or a transform changes a pixel. */
#define TRANSFORM_VERSION 1
#define INDEX_BLOCK ((size_t)1 << 20)

typedef struct Shelf Shelf;
struct Shelf {
    FeatureView view;
    DigestMap index;  /* image -> number of its record, or (in memory) its feature */
    DigestMap held;   /* image -> its feature that is not written yet */
    const char *path; /* NULL in memory */
    char header[HEADER_SIZE];
    size_t n_indexed; /* records that the index knows */
    size_t *damaged;  /* (n_damaged) their numbers, ascending */
    int n_damaged, damaged_capacity, n_told;
    bool foreign; /* the file has another header */
    Shelf *next;
};

struct FeatureStore {
    Arena *arena, *index_arena; /* the second holds the index of the selected shelf of a folder */
    const FeatureSource *source;
    const char *folder; /* FOLDER/<16 digits>; NULL in memory */
    size_t record_size;
    unsigned char *record; /* (record_size) */
    Shelf *shelves, *shelf;
    int fd; /* of the selected shelf, for reading; -1 when there is no file */
    bool folder_made;
    double hold_seconds, held_since; /* 0: nothing is held back; 0: nothing waits yet */
};

/* --- names --- */

/* What differs from OpenAI's transform; "" if nothing does, so that what was kept before any other was known
 * is found. */
static const char *transform_text(Arena *arena, const Transform *transform) {
    if (transform->fit == FIT_CROP && transform->filter == FILTER_BICUBIC && transform->resize == 0)
        return "";
    return arena_printf(arena, "fit %d resize %d filter %d fill %d\n", transform->fit, transform->resize,
                        transform->filter, transform->fill);
}

/* What a feature depends on, beside the image and the view; floats by their bits. */
static char *tower_text(Arena *arena, const FeatureSource *source) {
    uint32_t bits[6];
    memcpy(bits, source->mean, sizeof source->mean);
    memcpy(bits + 3, source->std, sizeof source->std);
    const char *transform = transform_text(arena, &source->transform);
    return !transform ? NULL
                      : arena_printf(arena,
                                     "model %s\ntransform %d\nsize %d\nfeatures %d\nmean %08x %08x %08x\n"
                                     "std %08x %08x %08x\n%s%s",
                                     source->model_digest, TRANSFORM_VERSION, source->transform.size,
                                     source->embed_dim, bits[0], bits[1], bits[2], bits[3], bits[4], bits[5],
                                     transform, source->upright ? "exif rotate\n" : "");
}

static char *view_text(Arena *arena, FeatureView view) {
    const char *large = view.random == VIEW_LARGE_CROP ? "large-" : "";
    return view.random ? arena_printf(arena, "%ss%" PRIu32 "-v%" PRIu32, large, view.seed, view.view)
                       : arena_strdup(arena, "centre");
}

static Shelf *shelf_create(FeatureStore *store, FeatureView view) {
    Shelf *shelf = ARENA_NEW(store->arena, Shelf, 1);
    char *name = view_text(store->arena, view), *tower = tower_text(store->arena, store->source);
    if (arena_failed(store->arena))
        return NULL;
    char *text = arena_printf(store->arena, "%sview %s\n", tower, name);
    if (store->folder)
        shelf->path = arena_printf(store->arena, "%s/%s.features", store->folder, name);
    if (arena_failed(store->arena))
        return NULL;
    char digest[65];
    digest_bytes(digest, text, strlen(text));
    memset(shelf->header, ' ', HEADER_SIZE);
    memcpy(shelf->header, MAGIC, strlen(MAGIC));
    memcpy(shelf->header + strlen(MAGIC), digest, 64);
    shelf->header[strlen(MAGIC) + 64] = '\n';
    shelf->header[HEADER_SIZE - 1] = '\n';
    shelf->view = view;
    shelf->index.arena = store->folder ? store->index_arena : store->arena;
    shelf->held.arena = store->arena;
    shelf->next = store->shelves;
    store->shelves = shelf;
    return shelf;
}

/* --- opening --- */

FeatureStore *feature_store_open(const char *folder, const FeatureSource *source, Error *err) {
    FeatureStore *store = calloc(1, sizeof *store);
    if (!store) {
        error_memory(err);
        return NULL;
    }
    store->fd = -1;
    store->source = source;
    store->record_size = sizeof(Digest) + (size_t)source->embed_dim * sizeof(float) + sizeof(uint32_t);
    store->arena = arena_create();
    store->index_arena = arena_create();
    char *text = store->arena && store->index_arena ? tower_text(store->arena, source) : NULL;
    store->record = store->arena ? arena_alloc(store->arena, store->record_size, 1) : NULL;
    if (!text || !store->record) {
        error_memory(err);
        goto fail;
    }
    if (folder) {
        char digest[65];
        digest_bytes(digest, text, strlen(text));
        store->folder = arena_printf(store->arena, "%s/%.16s", folder, digest);
        if (!store->folder) {
            error_memory(err);
            goto fail;
        }
    }
    return store;
fail:
    feature_store_close(store);
    return NULL;
}

/* Forgets what the selected shelf of a folder holds. */
static void drop_index(FeatureStore *store, Shelf *shelf) {
    arena_reset(store->index_arena, 0);
    shelf->index = (DigestMap){.arena = store->index_arena};
    shelf->n_indexed = 0;
}

static void close_file(FeatureStore *store) {
    if (store->fd >= 0) {
        close(store->fd);
        store->fd = -1;
    }
}

void feature_store_close(FeatureStore *store) {
    if (store) {
        close_file(store);
        arena_free(store->index_arena);
        arena_free(store->arena);
        free(store);
    }
}

/* --- reading --- */

/* Bytes read at `offset`, fewer at the end of the file or on an error. */
static size_t read_at(int fd, void *out, size_t size, size_t offset) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static bool header_is_ours(const Shelf *shelf, int fd) {
    char header[HEADER_SIZE];
    return read_at(fd, header, HEADER_SIZE, 0) == HEADER_SIZE &&
           memcmp(header, shelf->header, HEADER_SIZE) == 0;
}

static size_t count_records(const FeatureStore *store, int fd) {
    struct stat info;
    if (fstat(fd, &info) != 0 || info.st_size < HEADER_SIZE)
        return 0;
    return ((size_t)info.st_size - HEADER_SIZE) / store->record_size;
}

static uint32_t record_checksum(const FeatureStore *store, const Shelf *shelf, const unsigned char *record) {
    return checksum(checksum(0, shelf->header, HEADER_SIZE), record, store->record_size - sizeof(uint32_t));
}

static bool is_intact(const FeatureStore *store, const Shelf *shelf, const unsigned char *record) {
    uint32_t stored;
    memcpy(&stored, record + store->record_size - sizeof stored, sizeof stored);
    return stored == record_checksum(store, shelf, record);
}

/* Enters a record into the index, or into the list of damaged ones, where it may be from before. */
static int index_record(const FeatureStore *store, Shelf *shelf, const unsigned char *record, size_t number) {
    if (is_intact(store, shelf, record)) {
        Digest image;
        memcpy(&image, record, sizeof image);
        return digest_map_put(&shelf->index, &image, (DigestValue){.number = number});
    }
    if (shelf->n_damaged > 0 && shelf->damaged[shelf->n_damaged - 1] >= number)
        return 0;
    size_t *damaged = arena_grow(store->arena, shelf->damaged, &shelf->damaged_capacity, shelf->n_damaged + 1,
                                 sizeof *damaged);
    if (!damaged)
        return -1;
    shelf->damaged = damaged;
    damaged[shelf->n_damaged++] = number;
    return 0;
}

/* Enters the records that the index does not know yet. */
static int index_records(FeatureStore *store, Shelf *shelf, Error *err) {
    size_t n_records = count_records(store, store->fd), record = store->record_size;
    if (n_records < shelf->n_indexed) { /* someone began the file anew */
        drop_index(store, shelf);
        shelf->n_damaged = shelf->n_told = 0;
    }
    size_t per_block = INDEX_BLOCK / record + 1;
    unsigned char *block = malloc(per_block * record);
    if (!block)
        return error_memory(err);
    int result = 0;
    while (shelf->n_indexed < n_records && result == 0) {
        size_t left = n_records - shelf->n_indexed, n = left < per_block ? left : per_block;
        n = read_at(store->fd, block, n * record, HEADER_SIZE + shelf->n_indexed * record) / record;
        if (n == 0)
            break;
        for (size_t i = 0; i < n && result == 0; i++)
            if (index_record(store, shelf, block + i * record, shelf->n_indexed + i) < 0)
                result = error_memory(err);
        shelf->n_indexed += n;
    }
    free(block);
    return result;
}

int feature_store_select(FeatureStore *store, FeatureView view, Error *err) {
    view = view.random ? view : (FeatureView){0};
    close_file(store);
    Shelf *shelf = store->shelves;
    while (shelf && (shelf->view.random != view.random || shelf->view.seed != view.seed ||
                     shelf->view.view != view.view))
        shelf = shelf->next;
    if (!shelf && (shelf = shelf_create(store, view)) == NULL)
        return error_memory(err);
    if (!shelf->path) {
        store->shelf = shelf;
        return 0;
    }
    if (store->shelf != shelf) {
        if (store->shelf)
            drop_index(store, store->shelf);
        store->shelf = shelf;
    }
    store->fd = open(shelf->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (store->fd >= 0 && header_is_ours(shelf, store->fd))
        return index_records(store, shelf, err);
    struct stat info;
    shelf->foreign |= store->fd >= 0 && fstat(store->fd, &info) == 0 && info.st_size >= HEADER_SIZE;
    close_file(store);
    drop_index(store, shelf);
    return 0;
}

const char *feature_store_damage(FeatureStore *store) {
    Shelf *shelf = store->shelf;
    if (shelf->n_told == shelf->n_damaged + shelf->foreign)
        return NULL;
    shelf->n_told = shelf->n_damaged + shelf->foreign;
    if (shelf->foreign)
        return arena_printf(store->arena, "%s: header: damaged, or of another file; all are encoded anew",
                            shelf->path);
    return arena_printf(store->arena, "%s: %d damaged record%s; what is asked for is encoded anew",
                        shelf->path, shelf->n_damaged, shelf->n_damaged == 1 ? "" : "s");
}

bool feature_store_find(FeatureStore *store, const Digest *image, float *feature) {
    const Shelf *shelf = store->shelf;
    const DigestValue *value = digest_map_find(&shelf->held, image);
    bool in_memory = value || !shelf->path;
    size_t size = (size_t)store->source->embed_dim * sizeof(float);
    if (!value)
        value = digest_map_find(&shelf->index, image);
    if (!value)
        return false;
    if (in_memory) {
        if (feature)
            memcpy(feature, value->pointer, size);
        return true;
    }
    size_t offset = HEADER_SIZE + value->number * store->record_size;
    if (store->fd < 0 || read_at(store->fd, store->record, store->record_size, offset) < store->record_size)
        return false;
    if (!is_intact(store, shelf, store->record) || memcmp(store->record, image, sizeof *image) != 0)
        return false;
    if (feature)
        memcpy(feature, store->record + sizeof *image, size);
    return true;
}

/* --- writing --- */

static int put_in_memory(FeatureStore *store, DigestMap *map, const Digest *images, const float *features,
                         int n, Error *err) {
    size_t E = (size_t)store->source->embed_dim;
    float *kept = arena_floats(store->arena, (size_t)n, E);
    if (arena_failed(store->arena))
        return error_memory(err);
    memcpy(kept, features, (size_t)n * E * sizeof *kept);
    for (int i = 0; i < n; i++)
        if (digest_map_put(map, &images[i], (DigestValue){.pointer = kept + (size_t)i * E}) != 0)
            return error_memory(err);
    return 0;
}

/* Locks the file and makes it end with a whole record, or a fresh header. Gives its size, or -1 with errno.
 */
static off_t prepare_append(const FeatureStore *store, const Shelf *shelf, int fd) {
    struct stat info;
    if (file_lock(fd) == FILE_LOCK_FAILED || fstat(fd, &info) != 0)
        return -1;
    bool ours = header_is_ours(shelf, fd);
    off_t whole = ours ? (off_t)(HEADER_SIZE + count_records(store, fd) * store->record_size) : 0;
    if (info.st_size != whole && ftruncate(fd, whole) != 0)
        return -1;
    if (ours)
        return whole;
    ssize_t n = write(fd, shelf->header, HEADER_SIZE);
    if (n != HEADER_SIZE) {
        errno = n < 0 ? errno : ENOSPC;
        return -1;
    }
    return HEADER_SIZE;
}

/* Writes a good record over those that are damaged, under the lock. If that fails they stay, and are named
 * again. */
static void mend(FeatureStore *store, Shelf *shelf, const unsigned char *record) {
    int fd = open(shelf->path, O_RDWR | O_CLOEXEC); /* what appends would always write at the end */
    bool failed = fd < 0;
    for (int i = 0; i < shelf->n_damaged && !failed; i++) {
        size_t offset = HEADER_SIZE + shelf->damaged[i] * store->record_size;
        if (read_at(fd, store->record, store->record_size, offset) == store->record_size &&
            !is_intact(store, shelf, store->record))
            failed = pwrite(fd, record, store->record_size, (off_t)offset) != (ssize_t)store->record_size;
    }
    if (fd >= 0)
        close(fd);
    if (!failed)
        shelf->n_damaged = 0;
}

/* All of it, or nothing: what a full disk cuts off is taken back. */
static int append(FeatureStore *store, Shelf *shelf, int fd, const unsigned char *data, size_t size) {
    off_t end = prepare_append(store, shelf, fd);
    if (end < 0)
        return -1;
    shelf->foreign = false;
    if (shelf->n_damaged > 0)
        mend(store, shelf, data);
    shelf->n_told = shelf->n_damaged;
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, data + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int reason = n < 0 ? errno : ENOSPC;
            if (ftruncate(fd, end) != 0)
                reason = errno;
            errno = reason;
            return -1;
        }
        done += (size_t)n;
    }
    return 0;
}

/* The record of a feature (E): see Layout. */
static void fill_record(const FeatureStore *store, const Shelf *shelf, unsigned char *record,
                        const Digest *image, const float *feature) {
    memcpy(record, image, sizeof *image);
    memcpy(record + sizeof *image, feature, (size_t)store->source->embed_dim * sizeof *feature);
    uint32_t crc = record_checksum(store, shelf, record);
    memcpy(record + store->record_size - sizeof crc, &crc, sizeof crc);
}

static int write_records(FeatureStore *store, Shelf *shelf, const unsigned char *data, size_t n, Error *err) {
    if (!store->folder_made && make_folders(store->folder, err) < 0)
        return -1;
    store->folder_made = true;
    int result = 0;
    int fd = open(shelf->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || append(store, shelf, fd, data, n * store->record_size) != 0)
        result = error_run(err, "%s: cannot write: %s", shelf->path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return result;
}

static int save_shelf(FeatureStore *store, Shelf *shelf, Error *err) {
    size_t n = 0;
    if (shelf->held.count == 0)
        return 0;
    unsigned char *data = calloc(shelf->held.count, store->record_size);
    if (!data)
        return error_memory(err);
    for (size_t i = 0; i < shelf->held.capacity; i++) {
        const DigestSlot *slot = &shelf->held.slots[i];
        if (slot->used)
            fill_record(store, shelf, data + n++ * store->record_size, &slot->key, slot->value.pointer);
    }
    int result = write_records(store, shelf, data, n, err);
    free(data);
    return result;
}

void feature_store_hold(FeatureStore *store, double seconds) {
    store->hold_seconds = store->folder ? seconds : 0;
}

/* What was held stays in memory as well: the index of the selected shelf learns of it at the next select. */
int feature_store_save(FeatureStore *store, Error *err) {
    if (store->held_since > 0) {
        for (Shelf *shelf = store->shelves; shelf; shelf = shelf->next)
            if (save_shelf(store, shelf, err) < 0)
                return -1;
    }
    store->hold_seconds = store->held_since = 0;
    return 0;
}

static int hold(FeatureStore *store, const Digest *images, const float *features, int n, Error *err) {
    const double now = clock_seconds();
    if (put_in_memory(store, &store->shelf->held, images, features, n, err) < 0)
        return -1;
    if (store->held_since <= 0)
        store->held_since = now;
    return now - store->held_since < store->hold_seconds ? 0 : feature_store_save(store, err);
}

int feature_store_add(FeatureStore *store, const Digest *images, const float *features, int n, Error *err) {
    Shelf *shelf = store->shelf;
    if (!shelf->path)
        return put_in_memory(store, &shelf->index, images, features, n, err);
    if (store->hold_seconds > 0)
        return hold(store, images, features, n, err);
    size_t E = (size_t)store->source->embed_dim;
    unsigned char *data = calloc((size_t)n, store->record_size);
    if (!data)
        return error_memory(err);
    for (size_t i = 0; i < (size_t)n; i++)
        fill_record(store, shelf, data + i * store->record_size, &images[i], features + i * E);
    int result = write_records(store, shelf, data, (size_t)n, err);
    free(data);
    return result;
}
