/* files.c: whole files in, whole files out.
 *
 * Reading maps a file, or copies it into an arena. Writing follows the usual recipe for a file that a crash
 * cannot tear: write a temporary file in the same folder, fsync it, rename it over the target, fsync the
 * folder (rename(2) is atomic within one file system).
 */
#define _GNU_SOURCE /* asprintf */
#include "clip/base/files.h"

#include "clip/base/file_lock.h"
#include "clip/base/mapped_files.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* Bytes of a map. A kernel sets up so many with the one that is touched, if it has them. */
#define FETCHED_TOGETHER ((size_t)64 << 10)

/* --- reading --- */

/* Opens for reading; a folder is refused here, so that every reader reports it in the same words. */
static int open_input(const char *path, int flags, struct stat *info, Error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot open", path);
    int reason = fstat(fd, info) != 0 ? errno : S_ISDIR(info->st_mode) ? EISDIR : 0;
    if (reason != 0) {
        close(fd);
        return error_errno(err, ERROR_INPUT, reason, "%s: cannot open", path);
    }
    return fd;
}

static void write_stamp(char stamp[FILE_STAMP], const struct stat *info) {
    snprintf(stamp, FILE_STAMP, "%lld bytes, %lld.%09ld s, inode %llu", (long long)info->st_size,
             (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec, (unsigned long long)info->st_ino);
}

void file_stamp(char stamp[FILE_STAMP], const char *path) {
    struct stat info;
    stamp[0] = '\0';
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
        write_stamp(stamp, &info);
}

int file_map(FileMap *map, const char *path, Error *err) {
    *map = (FileMap){0};
    struct stat info;
    /* Without O_NONBLOCK a named pipe would wait for a writer. */
    int fd = open_input(path, O_NONBLOCK, &info, err);
    if (fd < 0)
        return -1;
    int result = -1;
    if (!S_ISREG(info.st_mode)) {
        error_set(err, "%s: cannot open: not a regular file", path);
    } else if (info.st_size == 0) {
        result = 0;
    } else {
        size_t size = (size_t)info.st_size;
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            error_errno(err, ERROR_INPUT, errno, "%s: cannot map", path);
        } else if (mapped_files_add(data, size, path, err) < 0) {
            munmap(data, size);
        } else {
            *map = (FileMap){.data = data, .size = size};
            write_stamp(map->stamp, &info);
            result = 0;
        }
    }
    close(fd);
    return result;
}

void file_unmap(FileMap *map) {
    if (map->data) {
        mapped_files_remove(map->data);
        munmap((void *)(uintptr_t)map->data, map->size);
    }
    *map = (FileMap){0};
}

void file_map_fetch(const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size; i += FETCHED_TOGETHER)
        (void)*(const volatile unsigned char *)(data + i);
}

void file_map_rest(const FileMap *map) {
    if (map->data)
        madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

static int read_exactly(int fd, unsigned char *out, size_t size, const char *path, Error *err) {
    size_t used = 0;
    while (used < size) {
        const ssize_t got = read(fd, out + used, size - used);
        if (got < 0 && errno != EINTR)
            return error_errno(err, ERROR_INPUT, errno, "%s: cannot read", path);
        if (got == 0)
            return error_set(err, "%s: was cut while being read", path);
        used += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

unsigned char *file_bytes(const char *path, size_t *size, Arena *arena, Error *err) {
    struct stat info;
    unsigned char *bytes = NULL;
    int fd = open_input(path, O_NONBLOCK, &info, err);
    if (fd < 0)
        return NULL;
    *size = (size_t)info.st_size;
    if (!S_ISREG(info.st_mode))
        error_set(err, "%s: cannot open: not a regular file", path);
    else if (!(bytes = arena_alloc(arena, *size, 1)))
        error_memory(err);
    else if (read_exactly(fd, bytes, *size, path, err) < 0)
        bytes = NULL;
    close(fd);
    return bytes;
}

/* Where text comes from: a descriptor, or zlib on top of one. */
typedef struct {
    const char *path;
    int fd;
    gzFile gz; /* NULL: plain */
} Source;

static int source_fail(Source *source, Error *err) {
    int code = Z_ERRNO;
    if (source->gz)
        gzerror(source->gz, &code);
    switch (code) {
    case Z_MEM_ERROR:
        return error_memory(err);
    case Z_BUF_ERROR:
        return error_set(err, "%s: the gzip data is cut short", source->path);
    case Z_ERRNO:
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot read", source->path);
    default:
        return error_set(err, "%s: the gzip data is corrupt", source->path);
    }
}

/* Up to `size` bytes; 0 at the end, -1 on failure. */
static ssize_t source_read(Source *source, void *out, size_t size) {
    unsigned chunk = size < (1u << 30) ? (unsigned)size : 1u << 30;
    if (source->gz) {
        int got = gzread(source->gz, out, chunk);
        int code = Z_OK;
        gzerror(source->gz, &code);
        /* zlib hands out what it has before it reports a cut, so at the end we ask. */
        return got == 0 && code != Z_OK ? -1 : got;
    }
    ssize_t got;
    do {
        got = read(source->fd, out, chunk);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* All of a source in one malloc'd buffer, which the caller frees; `hint` is the expected size. */
static char *source_read_all(Source *source, size_t hint, size_t max_size, size_t *size, Error *err) {
    size_t used = 0;
    /* One byte more shows that it is too long. */
    size_t limit = max_size < SIZE_MAX ? max_size + 1 : max_size;
    size_t capacity = hint < limit ? hint + 1 : limit;
    char *buffer = malloc(capacity);
    while (buffer) {
        ssize_t got = source_read(source, buffer + used, capacity - used);
        if (got < 0) {
            source_fail(source, err);
            free(buffer);
            return NULL;
        }
        if (got == 0) {
            *size = used;
            return buffer;
        }
        used += (size_t)got;
        if (used > max_size) {
            error_set(err, "%s: too large: over %zu bytes", source->path, max_size);
            free(buffer);
            return NULL;
        }
        if (used == capacity) {
            capacity = capacity < limit / 2 ? capacity * 2 : limit;
            char *grown = realloc(buffer, capacity);
            if (!grown)
                free(buffer);
            buffer = grown;
        }
    }
    error_memory(err);
    return NULL;
}

static char *read_text(const char *path, bool gz, size_t max_size, Arena *arena, size_t *size, Error *err) {
    struct stat info;
    Source source = {.path = path};
    source.fd = open_input(path, 0, &info, err);
    if (source.fd < 0)
        return NULL;
    char *text = NULL, *buffer = NULL;
    size_t used = 0;
    if (gz) {
        source.gz = gzdopen(source.fd, "rb");
        if (!source.gz) {
            error_memory(err);
            goto out;
        }
    }
    /* The size says nothing about a pipe or packed text: those start small and grow. */
    size_t hint = !gz && S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 65535;
    buffer = source_read_all(&source, hint, max_size, &used, err);
    if (!buffer)
        goto out;
    text = arena_alloc(arena, used + 1, 1);
    if (!text) {
        error_memory(err);
        goto out;
    }
    memcpy(text, buffer, used);
    text[used] = '\0';
    if (size)
        *size = used;
out:
    free(buffer);
    if (source.gz)
        gzclose(source.gz);
    else
        close(source.fd);
    return text;
}

char *file_read(const char *path, size_t max_size, Arena *arena, size_t *size, Error *err) {
    return read_text(path, false, max_size, arena, size, err);
}

char *file_read_gz(const char *path, size_t max_size, Arena *arena, size_t *size, Error *err) {
    return read_text(path, true, max_size, arena, size, err);
}

/* --- writing --- */

struct FileWriter {
    int fd;
    int reason;      /* errno of the first failure; 0 if none */
    char *path;      /* as the caller gave it, for errors */
    char *target;    /* the same, links resolved */
    char *temporary; /* beside it */
    char *folder;    /* of both */
    size_t used;     /* bytes in buffer */
    unsigned char buffer[1 << 16];
};

static int write_error(Error *err, const char *path, int reason) {
    return error_errno(err, ERROR_RUN, reason, "%s: cannot write", path);
}

static void writer_free(FileWriter *writer) {
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->path);
    free(writer->target);
    free(writer->temporary);
    free(writer->folder);
    free(writer);
}

/* Keeps the file from those who remove what dead writers have left (stale_files.h), until it is closed; false
 * when one of them was faster. */
static bool hold(int fd) {
    struct stat info;
    return file_try_lock(fd) != FILE_BUSY && fstat(fd, &info) == 0 && info.st_nlink > 0;
}

/* Opens a new file, ".NAME.<16 hexadecimal digits>.tmp". Its mode is 0644 less the umask, which mkstemp
 * cannot give. Returns an errno. */
static int open_temporary(FileWriter *writer) {
    const char *slash = strrchr(writer->target, '/');
    const char *name = slash ? slash + 1 : writer->target;
    int n_folder = (int)(name - writer->target);
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        unsigned long long mark = ((unsigned long long)getpid() << 40) ^
                                  ((unsigned long long)now.tv_sec << 30) ^ (unsigned long long)now.tv_nsec ^
                                  attempt;
        /* 200: with the rest the name stays under the 255 bytes that file systems allow. */
        if (asprintf(&writer->temporary, "%.*s.%.200s.%016llx.tmp", n_folder, writer->target, name, mark) <
            0) {
            writer->temporary = NULL;
            return ENOMEM;
        }
        writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        int reason = writer->fd < 0 ? errno : EEXIST;
        if (writer->fd >= 0 && hold(writer->fd))
            return 0;
        if (writer->fd >= 0)
            close(writer->fd);
        writer->fd = -1;
        free(writer->temporary);
        writer->temporary = NULL;
        if (reason != EEXIST)
            return reason;
    }
    return EEXIST;
}

/* Once the file is there, nothing may be missing to make that last. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

FileWriter *file_create(const char *path, Error *err) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        /* Renaming over /dev/stdout or a pipe would replace the device itself. */
        error_run(err, "%s: cannot write: %s", path,
                  S_ISDIR(info.st_mode) ? strerror(EISDIR) : "not a regular file");
        return NULL;
    }
    FileWriter *writer = calloc(1, sizeof *writer);
    if (!writer) {
        error_memory(err);
        return NULL;
    }
    writer->fd = -1;
    writer->path = strdup(path);
    writer->target = realpath(path, NULL); /* through a link, so that the link stays one */
    if (!writer->target && errno != ENOMEM)
        writer->target = strdup(path);
    writer->folder = writer->target ? folder_of(writer->target) : NULL;
    int reason = !writer->path || !writer->folder ? ENOMEM : open_temporary(writer);
    if (reason != 0) {
        write_error(err, path, reason);
        writer_free(writer);
        return NULL;
    }
    return writer;
}

static int write_all(FileWriter *writer, const unsigned char *data, size_t size) {
    while (size > 0 && writer->reason == 0) {
        ssize_t done = write(writer->fd, data, size);
        if (done > 0) {
            data += done;
            size -= (size_t)done;
        } else if (done == 0 || errno != EINTR) {
            writer->reason = done == 0 ? EIO : errno;
        }
    }
    return writer->reason == 0 ? 0 : -1;
}

static int flush(FileWriter *writer) {
    size_t used = writer->used;
    writer->used = 0;
    return write_all(writer, writer->buffer, used);
}

int file_append(FileWriter *writer, const void *data, size_t size) {
    if (writer->reason != 0)
        return -1;
    if (size > sizeof writer->buffer - writer->used && flush(writer) != 0)
        return -1;
    if (size > sizeof writer->buffer)
        return write_all(writer, data, size);
    if (size > 0) {
        memcpy(writer->buffer + writer->used, data, size);
        writer->used += size;
    }
    return 0;
}

int file_printf(FileWriter *writer, const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0) {
        writer->reason = writer->reason != 0 ? writer->reason : ENOMEM;
        return -1;
    }
    int result = file_append(writer, text, (size_t)size);
    free(text);
    return result;
}

/* Makes a rename durable. Some file systems cannot sync a folder and say EINVAL: nothing more can be done. */
static int sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int reason = fd < 0 ? errno : 0;
    if (fd < 0)
        return reason == EACCES ? 0 : reason; /* a folder may be writable and not readable */
    reason = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno;
    close(fd);
    return reason;
}

int file_commit(FileWriter *writer, Error *err) {
    flush(writer);
    if (writer->reason == 0 && fsync(writer->fd) != 0 && errno != EINVAL)
        writer->reason = errno;
    /* Still open: its lock is held until it has its name. */
    if (writer->reason == 0 && rename(writer->temporary, writer->target) != 0)
        writer->reason = errno;
    if (writer->reason != 0) {
        write_error(err, writer->path, writer->reason);
        file_discard(writer);
        return -1;
    }
    /* If this fails, the new file is there but may not outlast a crash. */
    int reason = sync_folder(writer->folder);
    if (reason != 0)
        write_error(err, writer->path, reason);
    writer_free(writer);
    return reason == 0 ? 0 : -1;
}

void file_discard(FileWriter *writer) {
    if (writer) {
        unlink(writer->temporary);
        writer_free(writer);
    }
}

int file_write(const char *path, const void *data, size_t size, Error *err) {
    FileWriter *writer = file_create(path, err);
    if (!writer)
        return -1;
    file_append(writer, data, size);
    return file_commit(writer, err);
}

/* --- folders and paths --- */

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool folder_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* An errno; 0 when the folder exists afterwards, whoever made it. */
static int make_folder(const char *path) {
    int reason = mkdir(path, 0777) == 0 ? 0 : errno;
    return reason == 0 || folder_exists(path) ? 0 : reason;
}

int make_folders(const char *path, Error *err) {
    char *copy = strdup(path);
    if (!copy)
        return error_memory(err);
    int reason = 0;
    for (char *at = copy + strspn(copy, "/"); *at != '\0' && reason == 0; at += strspn(at, "/")) {
        at += strcspn(at, "/");
        char old = *at;
        *at = '\0';
        reason = make_folder(copy);
        if (reason != 0)
            error_errno(err, ERROR_RUN, reason, "%s: cannot create the folder", copy);
        *at = old;
    }
    free(copy);
    return reason == 0 ? 0 : -1;
}

/* --- digest --- */

void digest_bytes_until(char out[65], const void *data, size_t size, const atomic_bool *stop) {
    const size_t step = (size_t)1 << 20;
    const unsigned char *bytes = data;
    struct sha256_ctx context;
    unsigned char digest[SHA256_DIGEST_SIZE];
    out[0] = '\0';
    sha256_init(&context);
    for (size_t at = 0; at < size; at += step) {
        if (atomic_load(stop))
            return;
        sha256_update(&context, size - at < step ? size - at : step, bytes + at);
    }
    sha256_digest(&context, sizeof digest, digest);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void digest_bytes(char out[65], const void *data, size_t size) {
    atomic_bool never = false;
    digest_bytes_until(out, data, size, &never);
}
