/* parcel.c: see parcel.h */
#include "experiments/ranks/parcel.h"

#include "clip/base/files.h"

#include <string.h>
#include <unistd.h>

void parcel_int(Buffer *out, int64_t number) {
    buffer_append(out, &number, sizeof number);
}

void parcel_bytes(Buffer *out, const void *data, size_t size) {
    parcel_int(out, (int64_t)size);
    buffer_append(out, data, size);
}

/* With the NUL behind it; none for no text. */
void parcel_text(Buffer *out, const char *text) {
    parcel_bytes(out, text ? text : "", text ? strlen(text) + 1 : 0);
}

void parcel_error(Buffer *out, const Error *err) {
    parcel_bytes(out, err, sizeof *err);
}

void parcel_send(RankGroup *ranks, int first, int last, int kind, Buffer *out) {
    const char *bytes = buffer_text(out);
    if (!bytes)
        ranks_abort(ranks, "out of memory");
    for (int to = first; to <= last; to++)
        ranks_send(ranks, to, kind, bytes, out->size);
    buffer_free(out);
}

Parcel parcel_open(const char *data, size_t size) {
    return (Parcel){.at = data, .end = data + size};
}

static const char *take(Parcel *in, size_t size) {
    const char *at = in->at;
    if (in->failed || (size_t)(in->end - at) < size) {
        in->failed = true;
        return NULL;
    }
    in->at += size;
    return at;
}

int64_t parcel_read_int(Parcel *in) {
    int64_t number = 0;
    const char *at = take(in, sizeof number);
    if (at)
        memcpy(&number, at, sizeof number);
    return number;
}

const char *parcel_read_bytes(Parcel *in, size_t *size) {
    *size = (size_t)parcel_read_int(in);
    const char *at = take(in, *size);
    *size = at ? *size : 0;
    return at;
}

const char *parcel_read_text(Parcel *in) {
    size_t size;
    const char *text = parcel_read_bytes(in, &size);
    return size > 0 && text[size - 1] == '\0' ? text : NULL;
}

void parcel_read_into(Parcel *in, void *out, size_t size) {
    size_t found;
    const char *data = parcel_read_bytes(in, &found);
    in->failed |= found != size;
    if (in->failed)
        memset(out, 0, size);
    else if (size > 0)
        memcpy(out, data, size);
}

void parcel_read_error(Parcel *in, Error *err) {
    parcel_read_into(in, err, sizeof *err);
}

/* --- the files of a folder --- */

static int pack_file(Buffer *out, const char *folder, const char *name, Arena *arena, Error *err) {
    size_t size;
    const char *path = path_join(arena, folder, name);
    if (!path)
        return error_memory(err);
    if (!file_exists(path))
        return 0;
    const unsigned char *data = file_bytes(path, &size, arena, err);
    if (!data)
        return -1;
    parcel_text(out, name);
    parcel_bytes(out, data, size);
    return out->failed ? error_memory(err) : 0;
}

int parcel_files(Buffer *out, const char *folder, const char *const *names, Error *err) {
    int status = 0;
    for (int i = 0; folder && names[i] && status == 0; i++) {
        Arena *arena = arena_create();
        status = arena ? pack_file(out, folder, names[i], arena, err) : error_memory(err);
        arena_free(arena);
    }
    parcel_text(out, NULL);
    return status;
}

static int write_one(const char *folder, const char *name, const void *data, size_t size, Arena *arena,
                     Error *err) {
    const char *path = path_join(arena, folder, name);
    return path ? file_write(path, data, size, err) : error_memory(err);
}

static int find_name(const char *const *names, const char *name) {
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int read_files(Parcel *in, const char *folder, const char *const *names, Arena *arena, Error *err) {
    uint64_t come = 0;
    for (const char *name; (name = parcel_read_text(in));) {
        size_t size;
        const void *data = parcel_read_bytes(in, &size);
        const int index = find_name(names, name);
        if (in->failed || index < 0)
            return error_run(err, "%s: a rank has sent files that are not those of a point", folder);
        come |= (uint64_t)1 << index;
        if (write_one(folder, name, data, size, arena, err) < 0)
            return -1;
    }
    for (int i = 0; names[i]; i++) {
        const char *path = path_join(arena, folder, names[i]);
        if (!path)
            return error_memory(err);
        if (!(come >> i & 1))
            unlink(path);
    }
    return 0;
}

int parcel_read_files(Parcel *in, const char *folder, const char *const *names, Error *err) {
    if (make_folders(folder, err) < 0)
        return -1;
    Arena *arena = arena_create();
    int status = arena ? read_files(in, folder, names, arena, err) : error_memory(err);
    arena_free(arena);
    return status;
}
