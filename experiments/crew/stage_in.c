/* stage_in.c: see stage_in.h */
#define _GNU_SOURCE /* memfd_create */
#include "experiments/crew/stage_in.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/tensors/shards.h"
#include "experiments/crew/crew.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXCHANGE = 2, MOST_MODELS = 1024, MOST_FILES = 1 << 14 };
#define SMALL (16 << 20) /* bytes of a config or a vocabulary, at most */

/* A file of a checkpoint. */
typedef struct {
    int model;
    const char *name;
    const char *path; /* rank 0's */
    size_t size;
} StagedFile;

typedef struct {
    StagedFile *files; /* (n) */
    int n;
    Arena *arena;
} StagedList;

/* --- what there is --- */

static int add_file(StagedList *list, int model, const char *name, const char *path, Error *err) {
    struct stat info;
    for (int i = 0; i < list->n; i++)
        if (list->files[i].model == model && strcmp(list->files[i].name, name) == 0)
            return 0;
    if (stat(path, &info) < 0)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot open", path);
    if (list->n == MOST_FILES)
        return error_set(err, "%s: --stage-in: more than %d files", path, MOST_FILES);
    list->files[list->n++] = (StagedFile){model, name, path, (size_t)info.st_size};
    return 0;
}

static bool is_text(const char *name) {
    static const char *const suffixes[] = {".json", ".txt", ".gz"};
    for (int i = 0; i < 3; i++) {
        const size_t n = strlen(name), m = strlen(suffixes[i]);
        if (n > m && strcmp(name + n - m, suffixes[i]) == 0)
            return true;
    }
    return false;
}

/* Configs and vocabularies: all small texts of the folder, so that none is missing whatever is read. */
static int add_beside(StagedList *list, int model, const char *folder, Error *err) {
    int status = 0;
    DIR *entries = opendir(folder);
    if (!entries)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot open", folder);
    for (const struct dirent *entry; status == 0 && (entry = readdir(entries));) {
        struct stat info;
        const char *name = arena_strdup(list->arena, entry->d_name);
        const char *path = path_join(list->arena, folder, entry->d_name);
        if (!name || !path)
            status = error_memory(err);
        else if (is_text(name) && stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= SMALL)
            status = add_file(list, model, name, path, err);
    }
    closedir(entries);
    return status;
}

/* The stamp, or the shards. */
static int add_shards(StagedList *list, int model, const char **stamp, const char *weights,
                      const char *folder, Error *err) {
    FileMap map;
    ShardIndex index = {0};
    if (file_map(&map, weights, err) < 0)
        return -1;
    const bool is_index = shards_is_index(weights, &map);
    int status = is_index ? shards_read(&index, weights, &map, list->arena, err) : 0;
    *stamp = is_index ? NULL : arena_strdup(list->arena, map.stamp);
    if (!is_index && !*stamp)
        status = error_memory(err);
    for (int i = 0; i < index.n_files && status == 0; i++) {
        const char *name = arena_strdup(list->arena, index.files[i]);
        const char *path = path_join(list->arena, folder, index.files[i]);
        status = !name || !path      ? error_memory(err)
                 : strchr(name, '/') ? error_set(err, "%s: --stage-in: a part in another folder", path)
                                     : add_file(list, model, name, path, err);
    }
    file_unmap(&map);
    return status;
}

static int add_model(StagedList *list, int number, StagedModel *model, Error *err) {
    Arena *arena = list->arena;
    if (locate_is_name(model->weights))
        return error_set(err, "--stage-in: model %s is a name, or not there; its file or folder is needed",
                         model->weights);
    const char *weights = locate_weights(model->weights, arena, err);
    const char *folder = weights ? path_folder(arena, weights) : NULL;
    const char *name = folder ? path_last(arena, weights) : NULL;
    if (!weights)
        return -1;
    if (!name)
        return error_memory(err);
    if (add_file(list, number, name, weights, err) < 0 || add_beside(list, number, folder, err) < 0 ||
        add_shards(list, number, &model->stamp, weights, folder, err) < 0)
        return -1;
    model->here = folder_exists(model->weights) ? "" : name;
    if (!model->vocab)
        return 0;
    const char *vocab =
        folder_exists(model->vocab) ? locate_vocabulary(model->vocab, arena, err) : model->vocab;
    if (!vocab)
        return -1;
    model->vocab_here = arena_printf(arena, "vocabulary.%s", path_last(arena, vocab));
    return model->vocab_here ? add_file(list, number, model->vocab_here, vocab, err) : error_memory(err);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int find_model(const Staged *staged, const Experiment *experiment) {
    for (int i = 0; i < staged->n; i++)
        if (same_text(staged->models[i].weights, experiment->model.weights) &&
            same_text(staged->models[i].vocab, experiment->model.vocab))
            return i;
    return -1;
}

static int list_models(Staged *staged, StagedList *list, const Study *study, Error *err) {
    staged->models = ARENA_NEW(list->arena, StagedModel, study->n);
    staged->of_experiment = ARENA_NEW(list->arena, int, study->n);
    staged->n_experiments = study->n;
    list->files = ARENA_NEW(list->arena, StagedFile, MOST_FILES);
    if (arena_failed(list->arena))
        return error_memory(err);
    for (int i = 0; i < study->n; i++) {
        const Experiment *experiment = &study->experiments[i];
        const int known = find_model(staged, experiment);
        staged->of_experiment[i] = known < 0 ? staged->n : known;
        if (known >= 0)
            continue;
        staged->models[staged->n] =
            (StagedModel){.weights = experiment->model.weights, .vocab = experiment->model.vocab};
        if (add_model(list, staged->n, &staged->models[staged->n], err) < 0)
            return -1;
        staged->n++;
    }
    return 0;
}

static const char *pack_list(const Staged *staged, const StagedList *list, Buffer *out) {
    parcel_int(out, staged->n);
    for (int i = 0; i < staged->n; i++) {
        parcel_text(out, staged->models[i].weights);
        parcel_text(out, staged->models[i].vocab);
        parcel_text(out, staged->models[i].stamp);
        parcel_text(out, staged->models[i].here);
        parcel_text(out, staged->models[i].vocab_here);
    }
    parcel_int(out, staged->n_experiments);
    parcel_bytes(out, staged->of_experiment, (size_t)staged->n_experiments * sizeof *staged->of_experiment);
    parcel_int(out, list->n);
    for (int i = 0; i < list->n; i++) {
        parcel_int(out, list->files[i].model);
        parcel_text(out, list->files[i].name);
        parcel_int(out, (int64_t)list->files[i].size);
    }
    return buffer_text(out);
}

static int read_list(Staged *staged, StagedList *list, Parcel *in, Error *err) {
    const int64_t n = parcel_read_int(in);
    staged->n = n > 0 && n <= MOST_MODELS ? (int)n : 0;
    staged->models = ARENA_NEW(list->arena, StagedModel, staged->n);
    for (int i = 0; staged->models && i < staged->n; i++) {
        StagedModel *model = &staged->models[i];
        model->weights = parcel_read_text(in);
        model->vocab = parcel_read_text(in);
        model->stamp = parcel_read_text(in);
        model->here = parcel_read_text(in);
        model->vocab_here = parcel_read_text(in);
    }
    const int64_t n_experiments = parcel_read_int(in);
    staged->n_experiments = n_experiments > 0 && n_experiments <= MOST_MODELS ? (int)n_experiments : 0;
    staged->of_experiment = ARENA_NEW(list->arena, int, staged->n_experiments);
    if (staged->of_experiment)
        parcel_read_into(in, staged->of_experiment,
                         (size_t)staged->n_experiments * sizeof *staged->of_experiment);
    const int64_t n_files = parcel_read_int(in);
    list->n = n_files > 0 && n_files <= MOST_FILES ? (int)n_files : 0;
    list->files = ARENA_NEW(list->arena, StagedFile, list->n);
    for (int i = 0; list->files && i < list->n; i++) {
        list->files[i].model = (int)parcel_read_int(in);
        list->files[i].name = parcel_read_text(in);
        list->files[i].size = (size_t)parcel_read_int(in);
    }
    if (arena_failed(list->arena))
        return error_memory(err);
    return in->failed ? error_run(err, "rank 0 has sent a list of files that ends too early") : 0;
}

/* --- the first rank of a machine --- */

/* The first ranks of all machines; this one's place among them, or -1. */
static int find_firsts(RankGroup *ranks, int *firsts, int *n) {
    int own = -1;
    *n = 0;
    for (int rank = 0; rank < ranks_count(ranks); rank++)
        if (ranks_first_there(ranks, rank) == rank) {
            own = rank == ranks_index(ranks) ? *n : own;
            firsts[(*n)++] = rank;
        }
    return own;
}

/* Takes a file's bytes from the rank above in the tree, and gives them to those below. */
static void pass_on(RankGroup *ranks, void *data, size_t size, const int *firsts, int n, int own) {
    const RankBlock above = {firsts[(own > 0 ? own - 1 : 0) / 2], data, size};
    RankBlock below[2];
    int n_below = 0;
    for (int i = 2 * own + 1; i <= 2 * own + 2 && i < n; i++)
        below[n_below++] = (RankBlock){firsts[i], data, size};
    if (own > 0)
        ranks_exchange(ranks, EXCHANGE, NULL, 0, &above, 1);
    ranks_exchange(ranks, EXCHANGE, below, n_below, NULL, 0);
}

static int copy_in(void *data, const StagedFile *file, Error *err) {
    FileMap map;
    if (file_map(&map, file->path, err) < 0)
        return -1;
    const bool same = map.size == file->size;
    if (same && map.size > 0)
        memcpy(data, map.data, map.size);
    file_unmap(&map);
    return same ? 0 : error_set(err, "%s: changed while it was read", file->path);
}

/* A file in memory under its name in the private folder. */
static int make_file(Staged *staged, const StagedFile *file, void **data, Error *err) {
    char path[600], target[80];
    const int fd = memfd_create("coop", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)file->size) < 0) {
        if (fd >= 0)
            close(fd);
        return error_errno(err, ERROR_RUN, errno, "%s: no room in memory", file->name);
    }
    staged->files[staged->n_files++] = fd;
    *data = file->size > 0 ? mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : NULL;
    if (*data == MAP_FAILED)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot map", file->name);
    snprintf(path, sizeof path, "%s/%d", staged->folder.path, file->model);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot make", path);
    snprintf(target, sizeof target, "/proc/%ld/fd/%d", (long)getpid(), fd);
    const size_t used = strlen(path);
    if (snprintf(path + used, sizeof path - used, "/%s", file->name) >= (int)(sizeof path - used) ||
        symlink(target, path) < 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot make", path);
    return 0;
}

static int fill_folder(Staged *staged, const StagedList *list, RankGroup *ranks, Error *err) {
    int *firsts = ARENA_NEW(list->arena, int, ranks_count(ranks)), n;
    staged->files = ARENA_NEW(list->arena, int, list->n);
    if (arena_failed(list->arena))
        return error_memory(err);
    const int own = find_firsts(ranks, firsts, &n);
    if (private_folder_create(&staged->folder, err) < 0)
        return -1;
    for (int i = 0; i < list->n; i++) {
        void *data = NULL;
        const StagedFile *file = &list->files[i];
        int status = make_file(staged, file, &data, err);
        if (status == 0 && file->path)
            status = copy_in(data, file, err);
        if (status < 0)
            return -1;
        pass_on(ranks, data, file->size, firsts, n, own);
        if (data)
            munmap(data, file->size);
    }
    for (int to = 0; to < ranks_count(ranks); to++)
        if (to != ranks_index(ranks) && ranks_first_there(ranks, to) == ranks_index(ranks))
            ranks_send(ranks, to, CREW_STAGED + 1, staged->folder.path, strlen(staged->folder.path));
    return 0;
}

/* --- both sides --- */

int stage_in_give(Staged *staged, const Study *study, RankGroup *ranks, Arena *arena, Error *err) {
    StagedList list = {.arena = arena};
    Buffer out = {0};
    if (list_models(staged, &list, study, err) < 0)
        return -1;
    const char *bytes = pack_list(staged, &list, &out);
    if (!bytes) {
        buffer_free(&out);
        return error_memory(err);
    }
    for (int to = 1; to < ranks_count(ranks); to++)
        ranks_send(ranks, to, CREW_STAGED, bytes, out.size);
    buffer_free(&out);
    Error why;
    if (fill_folder(staged, &list, ranks, &why) < 0)
        ranks_abort(ranks, why.text); /* the others wait in the middle of it */
    return 0;
}

/* Where this machine's files are. */
static const char *folder_here(Staged *staged, RankGroup *ranks, Arena *arena) {
    RankMessage message;
    const int first = ranks_first_there(ranks, ranks_index(ranks));
    if (first == ranks_index(ranks))
        return staged->folder.path;
    while (!ranks_receive(ranks, &message, first, CREW_STAGED + 1, 1))
        ;
    const char *folder = arena_strdup(arena, message.data);
    free(message.data);
    return folder;
}

static void place_models(Staged *staged, const char *folder, Arena *arena) {
    for (int i = 0; folder && i < staged->n; i++) {
        StagedModel *model = &staged->models[i];
        model->here = *model->here ? arena_printf(arena, "%s/%d/%s", folder, i, model->here)
                                   : arena_printf(arena, "%s/%d", folder, i);
        if (model->vocab_here)
            model->vocab_here = arena_printf(arena, "%s/%d/%s", folder, i, model->vocab_here);
    }
}

bool stage_in_take(Staged *staged, RankGroup *ranks, Arena *arena) {
    RankMessage message;
    StagedList list = {.arena = arena};
    Error err = {0};
    while (!ranks_receive(ranks, &message, 0, CREW_STAGED, 0.2))
        if (ranks_receive(ranks, &message, 0, 0, 0)) {
            free(message.data);
            return false;
        }
    char *bytes = arena_alloc(arena, message.size + 1, 1); /* texts of the list are in it */
    if (bytes)
        memcpy(bytes, message.data, message.size);
    else
        ranks_abort(ranks, "out of memory");
    free(message.data);
    Parcel in = parcel_open(bytes, message.size);
    int status = read_list(staged, &list, &in, &err);
    if (status == 0 && ranks_first_there(ranks, ranks_index(ranks)) == ranks_index(ranks))
        status = fill_folder(staged, &list, ranks, &err);
    if (status < 0)
        ranks_abort(ranks, err.text);
    place_models(staged, folder_here(staged, ranks, arena), arena);
    if (arena_failed(arena))
        ranks_abort(ranks, "out of memory");
    return true;
}

static void use(const StagedModel *model, Experiment *experiment) {
    experiment->model.weights = model->weights;
    experiment->model.vocab = model->vocab;
    experiment->model.weights_here = model->here;
    experiment->model.stamp_here = model->stamp;
    experiment->model.vocab_here = model->vocab_here;
}

void stage_in_use(const Staged *staged, Study *study) {
    for (int i = 0; i < study->n && i < staged->n_experiments; i++) {
        const StagedModel *model = &staged->models[staged->of_experiment[i]];
        use(model, &study->experiments[i]);
        for (int t = 0; t < study->experiments[i].n_targets; t++)
            use(model, &study->experiments[i].targets[t]);
    }
}

void stage_in_close(Staged *staged) {
    for (int i = 0; i < staged->n_files; i++)
        close(staged->files[i]);
    if (staged->folder.path[0] != '\0')
        private_folder_remove(&staged->folder);
    *staged = (Staged){0};
}
