/* torch_file.c: finds the tensors in a PyTorch archive.
 *
 * data.pkl is run by the inert machine of pickle.c. What comes out is walked twice, as a dict of tensors or
 * as modules within modules: once to count the tensors, once to check each against its storage
 * (torch_tensor.c) and to store it. Only then, when nothing is left that could be refused, are strided
 * tensors gathered.
 */
#include "clip/tensors/torch_file.h"

#include "clip/tensors/torch_tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

/* Our own limits. With them, those of pickle_machine.h and those of zip.c, a file that is refused takes
 * less than 64 MiB besides the file itself. */
#define MAX_PICKLE ((size_t)32 << 20) /* bytes */
#define MAX_TENSORS 50000
#define MAX_TEXT ((size_t)4 << 20) /* bytes of names */
#define MAX_NAME 512               /* so that an error has room for the name and for the reason */
#define MAX_DEPTH 64               /* modules within modules */
#define MAX_VISITS 1000000         /* a module may be reached in many ways */

typedef struct {
    TorchStorages storages;
    TensorFile *file;
    Error *err;
    Arena *arena;         /* freed once the file is open */
    const char *prefix;   /* the archive's folder, with its slash */
    TorchTensor *tensors; /* (n_tensors); NULL while they are counted */
    size_t n_tensors, n_text, n_visits;
    char *text;              /* (n_text) the names, NUL-terminated */
    char name[MAX_NAME + 1]; /* of the value that is being looked at */
} Reader;

static int fail_pickle(Reader *reader, const char *reason) {
    return error_set(reader->err, "%s: data.pkl: %s", reader->file->path, reason);
}

/* --- the archive --- */

bool torch_is_file(const FileMap *map) {
    const char *marks[] = {"PK\3\4", "PK\5\6", "\x80\x02\x8a\n"};
    for (int i = 0; i < 3; i++)
        if (map->size >= 4 && memcmp(map->data, marks[i], 4) == 0)
            return true;
    return false;
}

/* The member "PREFIX/name"; NULL when there is none. */
static ZipMember *find_member(Reader *reader, const char *name) {
    char path[600]; /* zip.c has no names of over 512 bytes */
    snprintf(path, sizeof path, "%s%s", reader->prefix, name);
    return zip_find(&reader->storages.zip, path);
}

/* Finds the folder: the one that has a data.pkl. */
static int find_prefix(Reader *reader) {
    const ZipArchive *zip = &reader->storages.zip;
    const char *wanted = "/data.pkl";
    size_t n_wanted = strlen(wanted);
    for (size_t i = 0; i < zip->n_members; i++) {
        const ZipMember *member = &zip->members[i];
        size_t n_folder = member->n_name - n_wanted; /* wraps if the name is too short */
        if (member->n_name <= n_wanted || memcmp(member->name + n_folder, wanted, n_wanted) != 0 ||
            memchr(member->name, '/', n_folder))
            continue;
        if (memchr(member->name, '\0', n_folder))
            return error_set(reader->err, "%s: zip directory: a NUL inside a name", zip->path);
        if (reader->prefix) {
            return error_set(reader->err, "%s: data.pkl: is there twice, in %s and %.*s/", zip->path,
                             reader->prefix, (int)n_folder, member->name);
        }
        reader->prefix = arena_printf(reader->arena, "%.*s/", (int)n_folder, member->name);
        if (!reader->prefix)
            return error_memory(reader->err);
    }
    if (!reader->prefix) {
        return error_set(reader->err, "%s: data.pkl: missing: a zip archive, but not a torch file",
                         zip->path);
    }
    return 0;
}

static int check_version(Reader *reader) {
    ZipMember *member = find_member(reader, "version");
    if (!member)
        member = find_member(reader, ".data/version");
    if (!member)
        return error_set(reader->err, "%s: version: missing", reader->file->path);
    const unsigned char *text = zip_bytes(&reader->storages.zip, member, reader->err);
    if (!text)
        return -1;
    unsigned version = 0;
    size_t n = 0;
    while (n < member->size && n < 3 && text[n] >= '0' && text[n] <= '9')
        version = 10 * version + (text[n++] - '0');
    bool is_clean = n == member->size || (n + 1 == member->size && text[n] == '\n');
    if (n == 0 || !is_clean || version < 1 || version > 10) {
        return error_set(reader->err, "%s: version: \"%.*s\" is not one from 1 to 10", reader->file->path,
                         (int)(member->size < 20 ? member->size : 20), (const char *)text);
    }
    return 0;
}

static int check_byteorder(Reader *reader) {
    ZipMember *member = find_member(reader, "byteorder");
    if (!member)
        return 0;
    const unsigned char *text = zip_bytes(&reader->storages.zip, member, reader->err);
    if (!text)
        return -1;
    if (member->size != 6 || memcmp(text, "little", 6) != 0) {
        return error_set(reader->err, "%s: byteorder: \"%.*s\" where \"little\" is needed",
                         reader->file->path, (int)(member->size < 20 ? member->size : 20),
                         (const char *)text);
    }
    return 0;
}

static int run_pickle(Reader *reader, PickleValue *root) {
    ZipMember *member = find_member(reader, "data.pkl");
    const char *place = arena_printf(reader->arena, "%s: data.pkl", reader->file->path);
    if (!place)
        return error_memory(reader->err);
    if (member->size > MAX_PICKLE)
        return fail_pickle(reader, "over 32 MiB");
    const unsigned char *bytes = zip_bytes(&reader->storages.zip, member, reader->err);
    return bytes ? pickle_read(root, place, bytes, member->size, reader->arena, reader->err) : -1;
}

/* --- walking --- */

/* Puts a key after the first n_name bytes of the name; *n_whole becomes the length of the whole. */
static int set_name(Reader *reader, size_t n_name, const PickleValue *key, size_t *n_whole) {
    const char *text = key->text;
    size_t n = key->size, n_dot = n_name > 0;
    if (key->type != PICKLE_TEXT)
        return fail_pickle(reader, "a tensor or module whose name is no text");
    if (memchr(text, '\0', n) || u8_check((const uint8_t *)text, n))
        return fail_pickle(reader, "a name with a NUL, or that is not UTF-8");
    if (n > MAX_NAME || n_name + n_dot + n > MAX_NAME)
        return fail_pickle(reader, "a name of over 512 bytes");
    if (n_dot)
        reader->name[n_name] = '.';
    memcpy(reader->name + n_name + n_dot, text, n);
    *n_whole = n_name + n_dot + n;
    reader->name[*n_whole] = '\0';
    return 0;
}

/* Counts or stores the tensor whose name is set. */
static int add_tensor(Reader *reader, const char *name, const PickleItems *arguments) {
    size_t size = strlen(name) + 1;
    if (reader->n_tensors == MAX_TENSORS || reader->n_text + size > MAX_TEXT)
        return fail_pickle(reader, "too many tensors");
    if (reader->tensors) {
        TorchTensor *tensor = &reader->tensors[reader->n_tensors];
        tensor->tensor.name = memcpy(reader->text + reader->n_text, name, size);
        if (torch_tensor_check(&reader->storages, tensor, arguments, reader->err) < 0)
            return -1;
    }
    reader->n_tensors++;
    reader->n_text += size;
    return 0;
}

/* A dict from names to tensors. */
static int walk_dict(Reader *reader, const PickleItems *pairs, const char *strip) {
    for (uint32_t i = 0; i + 1 < pairs->n; i += 2) {
        const PickleValue *value = &pairs->at[i + 1];
        const PickleItems *arguments;
        if (pickle_pairs(value) == pairs)
            return fail_pickle(reader, "a dict that holds itself");
        if (!torch_is_tensor(value))
            continue;
        size_t n_name, n_strip = strlen(strip);
        if (set_name(reader, 0, &pairs->at[i], &n_name) < 0)
            return -1;
        const char *name = reader->name;
        name += strncmp(name, strip, n_strip) == 0 ? n_strip : 0;
        if (torch_tensor_arguments(&reader->storages, name, value, &arguments, reader->err) < 0 ||
            add_tensor(reader, name, arguments) < 0)
            return -1;
    }
    return 0;
}

/* {0: {'momentum_buffer': tensor, ...}, ...} of an optimiser. */
static int walk_state(Reader *reader, const PickleItems *state) {
    for (uint32_t i = 0; i + 1 < state->n; i += 2) {
        const PickleItems *buffers = pickle_pairs(&state->at[i + 1]), *arguments;
        if (state->at[i].type != PICKLE_INT || !buffers || buffers == state)
            continue;
        for (uint32_t j = 0; j + 1 < buffers->n; j += 2) {
            char start[40];
            size_t n_name = (size_t)snprintf(start, sizeof start, "optimizer.%" PRId64, state->at[i].integer);
            memcpy(reader->name, start, n_name);
            if (!torch_is_tensor(&buffers->at[j + 1]))
                continue;
            if (set_name(reader, n_name, &buffers->at[j], &n_name) < 0 ||
                torch_tensor_arguments(&reader->storages, reader->name, &buffers->at[j + 1], &arguments,
                                       reader->err) < 0 ||
                add_tensor(reader, reader->name, arguments) < 0)
                return -1;
        }
    }
    return 0;
}

static bool is_left_out(const char *name) {
    return strcmp(name, "input_resolution") == 0 || strcmp(name, "context_length") == 0 ||
           strcmp(name, "vocab_size") == 0;
}

static const PickleItems *module_pairs(const PickleValue *value) {
    return value->type == PICKLE_OBJECT && value->object->state.type == PICKLE_DICT
               ? value->object->state.items
               : NULL;
}

/* A module of TorchScript: its state is a dict of tensors, of modules, and of plain values. */
static int walk_module(Reader *reader, const PickleItems *pairs, size_t n_name, int depth) {
    if (depth > MAX_DEPTH)
        return fail_pickle(reader, "modules nested over 64 deep, or in a circle");
    for (uint32_t i = 0; i + 1 < pairs->n; i += 2) {
        const PickleValue *value = &pairs->at[i + 1];
        const PickleItems *inner = module_pairs(value), *arguments;
        bool is_tensor = torch_is_tensor(value);
        if (++reader->n_visits > MAX_VISITS)
            return fail_pickle(reader, "too many modules");
        if (!is_tensor && !inner)
            continue;
        size_t n_whole;
        if (set_name(reader, n_name, &pairs->at[i], &n_whole) < 0)
            return -1;
        if (!is_tensor) {
            if (walk_module(reader, inner, n_whole, depth + 1) < 0)
                return -1;
        } else if (!is_left_out(reader->name) &&
                   (torch_tensor_arguments(&reader->storages, reader->name, value, &arguments, reader->err) !=
                        0 ||
                    add_tensor(reader, reader->name, arguments) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* --- what the pickle is --- */

/* What is walked, and how. */
typedef struct {
    const char *format;
    const PickleItems *pairs;
    const char *strip;                     /* NULL: modules */
    const PickleValue *epoch, *val_result; /* NULL: none */
    const PickleItems *state;              /* of the optimiser; NULL: none, or not asked for */
} Root;

static bool is_dict(const PickleValue *value) {
    return value->type == PICKLE_DICT ||
           (value->type == PICKLE_OBJECT &&
            pickle_is_global(&value->object->callable, "collections", "OrderedDict"));
}

static int find_root(Reader *reader, const PickleValue *value, Root *root) {
    if (is_dict(value)) {
        const PickleItems *pairs = pickle_pairs(value);
        const PickleValue *inner = pickle_get(pairs, "state_dict"), *epoch = pickle_get(pairs, "epoch");
        const PickleValue *result = pickle_get(pairs, "val_result");
        const PickleValue *optimizer = pickle_get(pairs, "optimizer");
        *root = (Root){.format = "torch state dict", .pairs = pairs, .strip = ""};
        if (inner && is_dict(inner)) {
            root->format = "torch checkpoint";
            root->pairs = pickle_pairs(inner);
            root->strip = "module.";
            root->epoch = epoch && epoch->type == PICKLE_INT ? epoch : NULL;
            root->val_result = result && result->type == PICKLE_FLOAT ? result : NULL;
            if (reader->file->with_optimizer && optimizer && pickle_pairs(optimizer)) {
                const PickleValue *state = pickle_get(pickle_pairs(optimizer), "state");
                root->state = state ? pickle_pairs(state) : NULL;
            }
        }
        return 0;
    }
    if (value->type == PICKLE_OBJECT && value->object->callable.type == PICKLE_GLOBAL) {
        const PickleValue *names = value->object->callable.items->at;
        const PickleItems *pairs = module_pairs(value);
        bool is_script = names[0].size >= 9 && memcmp(names[0].text, "__torch__", 9) == 0;
        if (is_script && pairs) {
            *root = (Root){.format = "torch script", .pairs = pairs};
            return 0;
        }
        return error_set(reader->err,
                         "%s: data.pkl: a pickled %.*s.%.*s: save the model's state_dict() instead",
                         reader->file->path, pickle_shown(&names[0]), names[0].text, pickle_shown(&names[1]),
                         names[1].text);
    }
    return fail_pickle(reader, "neither a dict of tensors nor a TorchScript module");
}

static int walk(Reader *reader, const Root *root) {
    reader->n_tensors = reader->n_text = reader->n_visits = 0;
    if (!root->strip)
        return walk_module(reader, root->pairs, 0, 1);
    if (walk_dict(reader, root->pairs, root->strip) < 0)
        return -1;
    return root->state ? walk_state(reader, root->state) : 0;
}

/* Stores the tensors in the file, in order of offset. */
static int fill_tables(Reader *reader, const Root *root) {
    TensorFile *file = reader->file;
    file->format = root->format;
    file->tensors = ARENA_NEW(file->arena, Tensor, reader->n_tensors);
    file->metadata = ARENA_NEW(file->arena, MetadataOut, 2);
    const char *epoch = root->epoch ? arena_printf(file->arena, "%" PRId64, root->epoch->integer) : NULL;
    const char *result = root->val_result ? arena_printf(file->arena, "%.17g", root->val_result->real) : NULL;
    if (arena_failed(file->arena))
        return error_memory(reader->err);
    if (epoch)
        file->metadata[file->n_metadata++] = (MetadataOut){"epoch", epoch};
    if (result)
        file->metadata[file->n_metadata++] = (MetadataOut){"val_result", result};
    if (torch_tensors_gather(reader->tensors, reader->n_tensors, file, reader->err) < 0)
        return -1;
    file->n_tensors = (int)reader->n_tensors;
    return 0;
}

static int read_archive(Reader *reader) {
    TensorFile *file = reader->file;
    PickleValue value;
    Root root;
    if (zip_open(&reader->storages.zip, file->path, file->map.data, file->map.size, reader->arena,
                 reader->err) < 0 ||
        find_prefix(reader) != 0 || check_version(reader) != 0 || check_byteorder(reader) != 0 ||
        run_pickle(reader, &value) != 0 || find_root(reader, &value, &root) != 0 ||
        torch_storages_init(&reader->storages, reader->prefix, reader->arena, reader->err) < 0 ||
        walk(reader, &root) < 0)
        return -1;
    if (reader->n_tensors == 0)
        return fail_pickle(reader, "no tensors: neither a state dict nor a checkpoint with a \"state_dict\"");
    reader->tensors = ARENA_NEW(reader->arena, TorchTensor, reader->n_tensors);
    reader->text = ARENA_NEW(file->arena, char, reader->n_text);
    if (arena_failed(reader->arena) || arena_failed(file->arena))
        return error_memory(reader->err);
    return walk(reader, &root) < 0 ? -1 : fill_tables(reader, &root);
}

int torch_read(TensorFile *file, Error *err) {
    if (file->map.data[0] == 0x80)
        return error_set(err, "%s: header: pre-1.6 torch format; re-save it with torch >= 1.6", file->path);
    Arena *arena = arena_create();
    Reader *reader = ARENA_NEW(arena, Reader, 1);
    int result = -1;
    if (!reader) {
        error_memory(err);
    } else {
        reader->file = file;
        reader->err = err;
        reader->arena = arena;
        result = read_archive(reader);
    }
    arena_free(arena);
    return result;
}
