/* split_file.c: split files of the CoOp project.
 *
 * Layout (datasets/oxford_pets.py of github.com/KaiyangZhou/CoOp writes them):
 *   {"train": [["circle/0001.jpg", 0, "circle"], ...], "val": [...], "test": [...]}
 *
 * The three lists are walked here and each entry goes to jansson alone. A tree of the whole file would take
 * some twenty times its size; this way an array of a hundred million numbers costs no more than one entry.
 * Nothing nests below an entry, which also limits the depth. A key other than the three parts is refused, and
 * so is one that comes twice.
 */
#include "datasets/lists/split_file.h"
#include "clip/base/files.h"
#include "clip/base/json.h"
#include "datasets/lists/lists.h"

#include <stdbool.h>
#include <string.h>

#define MAX_ENTRY_BYTES 65536

typedef struct {
    const char *path;
    const char *start;
    const char *at, *end; /* what is left of the text */
    Part part;            /* the entry being read is number `index` of this one */
    int index;
    TextPool pool;
    ClassTable classes;
    ListBuilder parts[N_PARTS];
    int seen[N_PARTS];
} SplitReader;

/* The next character that is no white space, or 0 at the end of the file. */
static char peek(SplitReader *reader) {
    while (reader->at < reader->end && *reader->at && strchr(" \t\r\n", *reader->at))
        reader->at++;
    return reader->at < reader->end ? *reader->at : '\0';
}

static int entry_error(const SplitReader *reader, Error *err, const char *reason) {
    return error_set(err, "%s: %s[%d]: %s", reader->path, part_name(reader->part), reader->index, reason);
}

const char *split_path_fault(const char *path) {
    if (!*path)
        return "empty path";
    if (*path == '/')
        return "absolute path";
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return "path with '..'";
    }
    return NULL;
}

/* The bytes of the entry at reader->at, up to its closing bracket; 0 after an error. */
static size_t entry_size(const SplitReader *reader, Error *err) {
    size_t left = (size_t)(reader->end - reader->at);
    size_t limit = left < MAX_ENTRY_BYTES ? left : MAX_ENTRY_BYTES;
    bool flat = *reader->at == '[', in_string = false;
    for (size_t i = 1; flat && i < limit; i++) {
        char c = reader->at[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && c == ']')
            return i + 1;
        else if (!in_string && strchr("[{}", c) && c)
            flat = false;
    }
    if (!flat)
        entry_error(reader, err, "not [path, label, class name]");
    else if (limit == left)
        entry_error(reader, err, "the file ends here");
    else
        entry_error(reader, err, "an entry of over 65536 bytes");
    return 0;
}

static int put_entry(SplitReader *reader, const json_t *entry, Error *err) {
    const json_t *path = json_array_get(entry, 0), *label = json_array_get(entry, 1);
    const json_t *name = json_array_get(entry, 2);
    if (json_array_size(entry) != 3 || !json_is_string(path) || !json_is_string(name))
        return entry_error(reader, err, "not [path, label, class name]");
    if (!json_is_integer(label))
        return entry_error(reader, err, "the label is no integer");
    const char *fault = split_path_fault(json_string_value(path));
    if (fault)
        return error_set(err, "%s: %s[%d]: %s: '%s'", reader->path, part_name(reader->part), reader->index,
                         fault, json_string_value(path));
    json_int_t value = json_integer_value(label);
    if (class_put(&reader->classes, value, json_string_value(name), &reader->pool, err) < 0)
        return error_prefix(err, "%s: %s[%d]", reader->path, part_name(reader->part), reader->index);
    const char *copy = text_join(&reader->pool, NULL, json_string_value(path));
    if (!copy)
        return error_memory(err);
    return list_push(&reader->parts[reader->part], copy, (int)value, reader->pool.arena, err);
}

static int read_entry(SplitReader *reader, Error *err) {
    size_t size = entry_size(reader, err);
    if (size == 0)
        return -1;
    json_error_t fault;
    json_t *entry = json_read(reader->at, size, &fault);
    if (!entry)
        return json_refuse(err, "%s: %s[%d]: %s", reader->path, part_name(reader->part), reader->index,
                           fault.text);
    int result = put_entry(reader, entry, err);
    json_decref(entry);
    reader->at += size;
    return result;
}

static int read_list(SplitReader *reader, Error *err) {
    if (peek(reader) != '[')
        return error_set(err, "%s: %s: not a list", reader->path, part_name(reader->part));
    reader->at++;
    if (peek(reader) == ']') {
        reader->at++;
        return 0;
    }
    for (reader->index = 0;; reader->index++) {
        if (peek(reader) == '\0' && reader->at == reader->end)
            return entry_error(reader, err, "the file ends here");
        if (read_entry(reader, err) < 0)
            return -1;
        char c = peek(reader);
        if (c == '\0' && reader->at == reader->end)
            return entry_error(reader, err, "the file ends after this entry");
        if (c != ',' && c != ']')
            return entry_error(reader, err, "no ',' or ']' after this entry");
        reader->at++;
        if (c == ']')
            return 0;
    }
}

/* The next key and its colon; sets reader->part. */
static int read_key(SplitReader *reader, Error *err) {
    size_t place = (size_t)(reader->at - reader->start);
    if (peek(reader) != '"')
        return error_set(err, "%s: byte %zu: no key (train, val or test)", reader->path, place);
    const char *key = ++reader->at;
    while (reader->at < reader->end && *reader->at != '"')
        reader->at++;
    size_t n = (size_t)(reader->at - key);
    reader->part = part_find(key, n);
    if (reader->part == N_PARTS || reader->at == reader->end)
        return error_set(err, "%s: byte %zu: unknown key '%.*s' (train, val or test)", reader->path, place,
                         (int)(n < 40 ? n : 40), key);
    if (reader->seen[reader->part]++)
        return error_set(err, "%s: %s: this part comes twice", reader->path, part_name(reader->part));
    reader->at++;
    if (peek(reader) != ':')
        return error_set(err, "%s: %s: no ':' after the key", reader->path, part_name(reader->part));
    reader->at++;
    return 0;
}

static int read_parts(SplitReader *reader, Error *err) {
    if (peek(reader) != '{')
        return error_set(err, "%s: byte %zu: no '{': not a split file", reader->path,
                         (size_t)(reader->at - reader->start));
    do {
        reader->at++;
        peek(reader);
        if (read_key(reader, err) < 0 || read_list(reader, err) < 0)
            return -1;
    } while (peek(reader) == ',');
    if (peek(reader) != '}')
        return error_set(err, "%s: byte %zu: no ',' or '}' after a part", reader->path,
                         (size_t)(reader->at - reader->start));
    reader->at++;
    peek(reader);
    if (reader->at < reader->end)
        return error_set(err, "%s: byte %zu: text after the end", reader->path,
                         (size_t)(reader->at - reader->start));
    for (Part part = 0; part < N_PARTS; part++)
        if (!reader->seen[part])
            return error_set(err, "%s: %s: this part is missing (an empty list will do)", reader->path,
                             part_name(part));
    return class_finish(&reader->classes, reader->path, err);
}

int split_file_read(Dataset *dataset, const char *images, const char *path, Arena *arena, Error *err) {
    FileMap map = {0};
    if (file_map(&map, path, err) < 0)
        return -1;
    if (map.size == 0)
        return error_set(err, "%s: empty file", path);
    const char *text = (const char *)map.data;
    SplitReader reader = {
        .path = path, .start = text, .at = text, .end = text + map.size, .pool = {.arena = arena}};
    int result = read_parts(&reader, err);
    file_unmap(&map);
    if (result)
        return -1;
    dataset->source = arena_strdup(arena, path);
    dataset->root = arena_strdup(arena, images);
    dataset->n_classes = reader.classes.n_classes;
    dataset->class_names = reader.classes.names;
    dataset->train = reader.parts[PART_TRAIN].list;
    dataset->val = reader.parts[PART_VAL].list;
    dataset->test = reader.parts[PART_TEST].list;
    return arena_failed(arena) ? error_memory(err) : 0;
}
