/* label_inputs.c: see label_inputs.h
 *
 * Two sources can be open: a list, and the folder that it or the command line has named, with all folders on
 * the way down to where its walk has come.
 */
#define _GNU_SOURCE /* memrchr */
#include "experiments/labels/label_inputs.h"

#include "clip/base/files.h"
#include "datasets/lists/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32, MAX_PATH = 1 << 16, LOOK_UP = 100 /* milliseconds */ };

/* A list that is being read: bytes from `at` to `end` of the buffer are not used yet. */
typedef struct {
    int fd; /* -1: none is open */
    const char *name;
    size_t at, end;
    bool ended;
    char bytes[2 * MAX_PATH];
} List;

/* A folder of the walk; its names lie in the arena from the mark on. */
typedef struct {
    char *path;   /* malloc'd */
    dev_t device; /* which folder it is, whatever its path */
    ino_t inode;
    NameList files, folders;
    int file, folder; /* the next ones */
    size_t mark;
} Level;

struct LabelInputs {
    OptionTexts words;
    const char *last_list; /* to read behind the words; NULL: none, or it is open already */
    int word;              /* the next one */
    char separator;
    List list;
    Level levels[MAX_DEPTH];
    int n_levels;
    Arena *arena;
    atomic_bool stopped;
};

/* --- lists --- */

static int open_list(List *list, const char *name, Error *err) {
    const bool is_input = strcmp(name, "-") == 0;
    *list = (List){.name = is_input ? "standard input" : name, .fd = -1};
    list->fd = is_input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    return list->fd < 0 ? error_errno(err, ERROR_INPUT, errno, "%s: cannot open", name) : 0;
}

static void close_list(List *list) {
    if (list->fd > STDIN_FILENO)
        close(list->fd);
    list->fd = -1;
}

/* More bytes, or the end of the list. */
static int read_more(LabelInputs *inputs, Error *err) {
    List *list = &inputs->list;
    struct pollfd ready = {.fd = list->fd, .events = POLLIN};
    memmove(list->bytes, list->bytes + list->at, list->end - list->at);
    list->end -= list->at;
    list->at = 0;
    if (list->end > MAX_PATH)
        return error_set(err, "%s: a path of more than %d bytes", list->name, MAX_PATH);
    while (poll(&ready, 1, LOOK_UP) == 0)
        if (atomic_load(&inputs->stopped)) {
            list->ended = true;
            list->end = 0;
            return 0;
        }
    ssize_t n = read(list->fd, list->bytes + list->end, sizeof list->bytes - list->end);
    if (n < 0 && errno != EINTR)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot read", list->name);
    list->ended = n == 0;
    list->end += n > 0 ? (size_t)n : 0;
    return 0;
}

/* The next path of the list, malloc'd; NULL at its end, or with an error. */
static char *next_line(LabelInputs *inputs, Error *err) {
    List *list = &inputs->list;
    for (;;) {
        const char *start = list->bytes + list->at;
        const char *end = memchr(start, inputs->separator, list->end - list->at);
        if (!end && !list->ended) {
            if (read_more(inputs, err) < 0)
                return NULL;
            continue;
        }
        size_t n = end ? (size_t)(end - start) : list->end - list->at;
        const bool was_last = !end && n == 0;
        list->at += n + (end != NULL);
        if (was_last)
            return NULL;
        n -= n > 0 && inputs->separator == '\n' && start[n - 1] == '\r';
        if (memchr(start, '\0', n)) {
            error_set(err, "%s: a zero byte, where lines are needed (--null is for paths between zero bytes)",
                      list->name);
            return NULL;
        }
        char *path = n > 0 ? strndup(start, n) : NULL;
        if (path)
            return path;
        if (n > 0) {
            error_memory(err);
            return NULL;
        }
    }
}

/* --- folders --- */

/* Two links that lead back would make as many ways as there are subsets of a set. */
static int check_folder(const LabelInputs *inputs, const char *path, const struct stat *info, Error *err) {
    for (int i = 0; i < inputs->n_levels; i++)
        if (inputs->levels[i].device == info->st_dev && inputs->levels[i].inode == info->st_ino)
            return error_set(err, "%s: a link that leads back to %s", path, inputs->levels[i].path);
    if (inputs->n_levels == MAX_DEPTH)
        return error_set(err, "%s: more than %d folders within each other", path, MAX_DEPTH);
    return 0;
}

/* Takes the path over. */
static int enter_folder(LabelInputs *inputs, char *path, Error *err) {
    TextPool pool = {.arena = inputs->arena};
    Level *level = &inputs->levels[inputs->n_levels];
    struct stat info;
    if (stat(path, &info) < 0)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot open", path);
    if (check_folder(inputs, path, &info, err) < 0)
        return -1;
    *level =
        (Level){.path = path, .device = info.st_dev, .inode = info.st_ino, .mark = arena_mark(inputs->arena)};
    if (folder_list(&level->files, path, false, &pool, err) < 0 ||
        folder_list(&level->folders, path, true, &pool, err) < 0) {
        arena_reset(inputs->arena, level->mark);
        return -1;
    }
    inputs->n_levels++;
    return 0;
}

static void leave_folder(LabelInputs *inputs) {
    Level *level = &inputs->levels[--inputs->n_levels];
    arena_reset(inputs->arena, level->mark);
    free(level->path);
}

/* "folder/name", malloc'd; NULL when memory is out. */
static char *join(const char *folder, const char *name) {
    const size_t n = strlen(folder), m = strlen(name);
    const bool slash = n > 0 && folder[n - 1] != '/';
    char *path = malloc(n + slash + m + 1);
    if (!path)
        return NULL;
    memcpy(path, folder, n);
    path[n] = '/';
    memcpy(path + n + slash, name, m + 1);
    return path;
}

/* --- what comes next --- */

/* Which ends all. */
static bool no_memory(StreamInput *input) {
    error_memory(&input->err);
    return true;
}

/* A path that was named, NULL where there was no memory: a folder is gone into, anything else is the next
 * image. Like all of these, true when there is one. */
static bool take_path(LabelInputs *inputs, char *path, StreamInput *input) {
    if (!path)
        return no_memory(input);
    if (folder_exists(path) && enter_folder(inputs, path, &input->err) == 0)
        return false;
    input->path = path;
    return true;
}

/* What cannot be read itself; input->err says why. */
static bool take_fault(const char *name, StreamInput *input) {
    input->path = strdup(name);
    return input->path ? true : no_memory(input);
}

static bool next_of_folder(LabelInputs *inputs, StreamInput *input) {
    Level *level = &inputs->levels[inputs->n_levels - 1];
    const bool is_file = level->file < level->files.n;
    if (!is_file && level->folder == level->folders.n) {
        leave_folder(inputs);
        return false;
    }
    const char *name = is_file ? level->files.names[level->file++] : level->folders.names[level->folder++];
    char *path = join(level->path, name);
    if (!path || !is_file)
        return take_path(inputs, path, input);
    input->path = path;
    input->is_found = true;
    return true;
}

static bool next_of_list(LabelInputs *inputs, StreamInput *input) {
    char *path = next_line(inputs, &input->err);
    if (path)
        return take_path(inputs, path, input);
    close_list(&inputs->list);
    return input->err.kind != ERROR_NONE && take_fault(inputs->list.name, input);
}

static bool next_word(LabelInputs *inputs, StreamInput *input) {
    const char *word = inputs->words.values[inputs->word++];
    if (strcmp(word, "-") != 0)
        return take_path(inputs, strdup(word), input);
    return open_list(&inputs->list, word, &input->err) < 0 && take_fault(word, input);
}

static bool begin_list(LabelInputs *inputs, StreamInput *input) {
    const char *name = inputs->last_list;
    inputs->last_list = NULL;
    return open_list(&inputs->list, name, &input->err) < 0 && take_fault(name, input);
}

void label_inputs_next(void *context, StreamInput *input) {
    LabelInputs *inputs = context;
    bool found = false;
    while (!found && !atomic_load(&inputs->stopped))
        if (inputs->n_levels > 0)
            found = next_of_folder(inputs, input);
        else if (inputs->list.fd >= 0)
            found = next_of_list(inputs, input);
        else if (inputs->word < inputs->words.n)
            found = next_word(inputs, input);
        else if (inputs->last_list)
            found = begin_list(inputs, input);
        else
            return;
}

LabelInputs *label_inputs_open(OptionTexts words, const char *list, bool null, Error *err) {
    LabelInputs *inputs = calloc(1, sizeof *inputs);
    int n_streams = list && strcmp(list, "-") == 0;
    for (int i = 0; i < words.n; i++)
        n_streams += strcmp(words.values[i], "-") == 0;
    if (inputs) {
        inputs->words = words;
        inputs->last_list = list;
        inputs->separator = null ? '\0' : '\n';
        inputs->list.fd = -1;
        inputs->arena = arena_create();
    }
    if (!inputs || !inputs->arena)
        error_memory(err);
    else if (n_streams > 1)
        error_usage(err, "standard input is a list that can be read once");
    else if (words.n == 0 && !list)
        error_usage(err, "no images: files, folders, --list FILE, or - for a list on standard input");
    else if (null && !list && n_streams == 0)
        error_usage(err, "--null is for a list, and there is none");
    else if (list && n_streams == 0 && access(list, R_OK) != 0)
        error_errno(err, ERROR_INPUT, errno, "%s: cannot open", list);
    else
        return inputs;
    label_inputs_close(inputs);
    return NULL;
}

void label_inputs_close(LabelInputs *inputs) {
    if (!inputs)
        return;
    while (inputs->n_levels > 0)
        leave_folder(inputs);
    close_list(&inputs->list);
    arena_free(inputs->arena);
    free(inputs);
}

int label_inputs_count(const LabelInputs *inputs) {
    for (int i = 0; i < inputs->words.n; i++)
        if (strcmp(inputs->words.values[i], "-") == 0 || folder_exists(inputs->words.values[i]))
            return 0;
    return inputs->last_list ? 0 : inputs->words.n;
}

void label_inputs_stop(LabelInputs *inputs) {
    atomic_store(&inputs->stopped, true);
}
