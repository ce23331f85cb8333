/* json_items.c: see json_items.h */
#include "datasets/captions/json_items.h"

#include "clip/base/files.h"

#include <stdio.h>
#include <string.h>

/* An entry of a picture's captions or a question's answers has some kilobytes. */
#define MAX_ITEM_BYTES ((size_t)1 << 24)

typedef struct {
    const char *path;
    const char *start, *at, *end;
} Text;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next character that is no white space, or 0 at the end. */
static char peek(Text *text) {
    while (text->at < text->end && is_blank(*text->at))
        text->at++;
    return text->at < text->end ? *text->at : '\0';
}

static int fail_at(const Text *text, const char *reason, Error *err) {
    return error_set(err, "%s: byte %zu: %s", text->path, (size_t)(text->at - text->start), reason);
}

/* Steps over a text in quotes; false when the file ends first. */
static bool skip_string(Text *text) {
    for (text->at++; text->at < text->end; text->at++) {
        if (*text->at == '\\')
            text->at++;
        else if (*text->at == '"') {
            text->at++;
            return true;
        }
    }
    text->at = text->end;
    return false;
}

/* Steps over brackets and all that is in them. That they match is for whoever reads them. */
static bool skip_brackets(Text *text) {
    int depth = 0;
    while (text->at < text->end) {
        const char c = *text->at;
        if (c == '"') {
            if (!skip_string(text))
                return false;
            continue;
        }
        text->at++;
        depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        if (depth == 0)
            return true;
    }
    return false;
}

/* Steps over the value that begins at the next character; *size are its bytes, from *value on. */
static int next_value(Text *text, const char **value, size_t *size, Error *err) {
    const char first = peek(text);
    *value = text->at;
    bool whole = true;
    if (first == '{' || first == '[')
        whole = skip_brackets(text);
    else if (first == '"')
        whole = skip_string(text);
    else
        while (text->at < text->end && !is_blank(*text->at) && !strchr(",]}", *text->at))
            text->at++;
    *size = (size_t)(text->at - *value);
    if (!whole || *size == 0) {
        text->at = *value;
        return fail_at(text, !whole ? "the file ends within what begins here" : "no value", err);
    }
    return 0;
}

static int take_value(Text *text, JsonItemFn take, void *context, const char *place, Error *err) {
    const char *value;
    size_t size;
    json_error_t why;
    if (next_value(text, &value, &size, err) < 0)
        return -1;
    if (size > MAX_ITEM_BYTES)
        return error_set(err, "%s: %s: over %zu bytes", text->path, place, MAX_ITEM_BYTES);
    const bool is_scalar = *value != '{' && *value != '[';
    char *whole = NULL, buffer[1024];
    if (is_scalar) { /* jansson reads lists and objects */
        if (size + 3 > sizeof buffer)
            return error_set(err, "%s: %s: a text of over %zu bytes", text->path, place, sizeof buffer - 3);
        whole = buffer;
        snprintf(whole, sizeof buffer, "[%.*s]", (int)size, value);
    }
    json_t *json = is_scalar ? json_read(whole, strlen(whole), &why) : json_read(value, size, &why);
    if (!json)
        return json_refuse(err, "%s: %s: %s", text->path, place, why.text);
    int status = take(context, place, is_scalar ? json_array_get(json, 0) : json, err);
    json_decref(json);
    if (status < 0 && !err->is_memory)
        error_prefix(err, "%s: %s", text->path, place);
    return status;
}

/* Behind an element: true when another follows. */
static int another(Text *text, char close, bool *more, Error *err) {
    const char c = peek(text);
    if (c != ',' && c != close)
        return fail_at(text, close == ']' ? "no ',' or ']' behind an entry" : "no ',' or '}' behind a value",
                       err);
    text->at++;
    *more = c == ',';
    return 0;
}

static int read_list(Text *text, const char *name, JsonItemFn take, void *context, Error *err) {
    char place[96];
    if (peek(text) != '[')
        return error_set(err, "%s: %s: not a list", text->path, name);
    text->at++;
    if (peek(text) == ']') {
        text->at++;
        return 0;
    }
    bool more = true;
    for (long i = 0; more; i++) {
        snprintf(place, sizeof place, "%.60s[%ld]", name, i);
        if (take_value(text, take, context, place, err) < 0 || another(text, ']', &more, err) < 0)
            return -1;
    }
    return 0;
}

/* The next key, and steps over its colon. */
static int next_key(Text *text, char *key, size_t size, Error *err) {
    if (peek(text) != '"')
        return fail_at(text, "no key", err);
    const char *first = text->at + 1;
    if (!skip_string(text))
        return fail_at(text, "the file ends within a key", err);
    snprintf(key, size, "%.*s", (int)(text->at - 1 - first < 60 ? text->at - 1 - first : 60), first);
    if (peek(text) != ':')
        return fail_at(text, "no ':' behind a key", err);
    text->at++;
    return 0;
}

static int end_of_file(Text *text, Error *err) {
    return peek(text) || text->at < text->end ? fail_at(text, "text behind the end", err) : 0;
}

static int read_part(Text *text, const char *key, JsonPart *parts, int n, void *context, Error *err) {
    const char *value;
    size_t size;
    JsonPart *part = NULL;
    for (int i = 0; i < n; i++)
        part = strcmp(parts[i].key, key) == 0 ? &parts[i] : part;
    if (!part)
        return next_value(text, &value, &size, err);
    if (part->seen)
        return error_set(err, "%s: %s: this key comes twice", text->path, key);
    part->seen = true;
    return part->is_list ? read_list(text, key, part->take, context, err)
                         : take_value(text, part->take, context, key, err);
}

static int read_parts(Text *text, JsonPart *parts, int n, void *context, Error *err) {
    char key[64];
    if (peek(text) != '{')
        return fail_at(text, "no '{', where a file of annotations begins", err);
    text->at++;
    bool more = peek(text) != '}';
    text->at += !more;
    while (more)
        if (next_key(text, key, sizeof key, err) < 0 || read_part(text, key, parts, n, context, err) < 0 ||
            another(text, '}', &more, err) < 0)
            return -1;
    if (end_of_file(text, err) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (parts[i].needed && !parts[i].seen)
            return error_set(err, "%s: no '%s'", text->path, parts[i].key);
    return 0;
}

static int open_text(Text *text, FileMap *map, const char *path, Error *err) {
    *map = (FileMap){0};
    if (file_map(map, path, err) < 0)
        return -1;
    if (map->size == 0)
        return error_set(err, "%s: empty file", path);
    const char *start = (const char *)map->data;
    *text = (Text){.path = path, .start = start, .at = start, .end = start + map->size};
    if (map->size >= 3 && memcmp(start, "\xEF\xBB\xBF", 3) == 0)
        text->at += 3;
    return 0;
}

int json_parts_read(const char *path, JsonPart *parts, int n, void *context, Error *err) {
    FileMap map;
    Text text = {0};
    int status = open_text(&text, &map, path, err);
    if (status == 0)
        status = read_parts(&text, parts, n, context, err);
    file_unmap(&map);
    return status;
}

/* An object of objects; or, where another object follows the first, one per line. */
static int read_members(Text *text, JsonItemFn take, void *context, Error *err) {
    char key[64], place[96];
    text->at++;
    bool more = peek(text) != '}';
    text->at += !more;
    while (more) {
        if (next_key(text, key, sizeof key, err) < 0)
            return -1;
        snprintf(place, sizeof place, "entry '%s'", key);
        if (take_value(text, take, context, place, err) < 0 || another(text, '}', &more, err) < 0)
            return -1;
    }
    return end_of_file(text, err);
}

static int read_lines(Text *text, JsonItemFn take, void *context, Error *err) {
    char place[96];
    int line = 1;
    for (const char *counted = text->start; peek(text); counted = text->at) {
        for (const char *c = counted; c < text->at; c++)
            line += *c == '\n';
        snprintf(place, sizeof place, "line %d", line);
        const char *from = text->at;
        if (take_value(text, take, context, place, err) < 0)
            return -1;
        for (const char *c = from; c < text->at; c++)
            line += *c == '\n';
    }
    return end_of_file(text, err);
}

/* Whether the first value of the object at text->at is itself an object. */
static bool holds_objects(Text text) {
    char key[64];
    text.at++;
    if (peek(&text) == '}')
        return true;
    return next_key(&text, key, sizeof key, NULL) == 0 && peek(&text) == '{';
}

int json_items_read(const char *path, JsonItemFn take, void *context, Error *err) {
    FileMap map;
    Text text = {0};
    int status = open_text(&text, &map, path, err);
    if (status == 0) {
        const char first = peek(&text);
        if (first == '[')
            status = read_list(&text, "entry", take, context, err) < 0 ? -1 : end_of_file(&text, err);
        else if (first == '{' && holds_objects(text))
            status = read_members(&text, take, context, err);
        else if (first == '{')
            status = read_lines(&text, take, context, err);
        else
            status = fail_at(&text, "neither '[' nor '{', where a file of entries begins", err);
    }
    file_unmap(&map);
    return status;
}

int json_first(const char *path, Error *err) {
    FileMap map;
    Text text = {0};
    int first = open_text(&text, &map, path, err);
    if (first == 0)
        first = (unsigned char)peek(&text);
    file_unmap(&map);
    return first;
}
