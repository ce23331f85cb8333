/* config_values.c: one value of an experiment file, checked against its row of the table (key_read).
 *
 * Numbers are read more strictly than libyaml's users do: decimal only, no nan or inf, nothing behind them;
 * 2e-3 is a number, "16" in quotes is a text.
 */
#include "experiments/config/config_values.h"

#include "clip/base/files.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being read, for messages. */
typedef struct {
    const KeySpec *key;
    const char *section;
    const Node *node;
    Arena *arena;
    Error *err;
} Value;

static int value_error(const Value *value, const char *reason) {
    const char *section = value->section;
    return node_error(value->node, value->err, "%s%s%s: %s", section, *section ? "." : "", value->key->name,
                      reason);
}

/* "'fast' is not a number" */
static int value_is_not(const Value *value, const char *what) {
    char reason[256];
    const char *word = value->key->word;
    snprintf(reason, sizeof reason, "'%.100s' is not %s%s%s%s%s", value->node->text, what,
             word ? " (or '" : "", word ? word : "", word ? "')" : "",
             value->node->quoted ? "; in quotes it is a text" : "");
    return value_error(value, reason);
}

static int out_of_range(const Value *value) {
    const KeySpec *key = value->key;
    char reason[256];
    snprintf(reason, sizeof reason, "%.100s is out of range (%s%.10g to %s%.10g%s%s%s)", value->node->text,
             key->flags & KEY_ABOVE ? "above " : "", key->low, key->flags & KEY_BELOW ? "below " : "",
             key->high, key->word ? ", or '" : "", key->word ? key->word : "", key->word ? "'" : "");
    return value_error(value, reason);
}

static bool in_range(const KeySpec *key, double number) {
    return number >= key->low && number <= key->high && !(key->flags & KEY_ABOVE && number == key->low) &&
           !(key->flags & KEY_BELOW && number == key->high);
}

static size_t span_digits(const char *text) {
    return strspn(text, "0123456789");
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the e. Returns the length, 0 when it is
 * none. */
static size_t span_number(const char *text) {
    const char *at = text + (*text == '+' || *text == '-');
    size_t n_whole = span_digits(at);
    at += n_whole;
    size_t n_fraction = *at == '.' ? span_digits(at + 1) : 0;
    if (n_whole + n_fraction == 0)
        return 0;
    if (*at == '.')
        at += 1 + n_fraction;
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');
        if (span_digits(exponent) == 0)
            return 0;
        at = exponent + span_digits(exponent);
    }
    return (size_t)(at - text);
}

static int read_int(const Value *value, int *out) {
    const char *text = value->node->text;
    const char *digits = text + (*text == '+' || *text == '-');
    bool octal = digits[0] == '0' && digits[1] != '\0'; /* YAML 1.1 and 1.2 disagree on what 010 is */
    if (value->node->quoted || octal || *digits == '\0' || digits[span_digits(digits)] != '\0')
        return value_is_not(value, "a whole number");
    errno = 0;
    long number = strtol(text, NULL, 10);
    if (errno == ERANGE || number < INT_MIN || number > INT_MAX || !in_range(value->key, (double)number))
        return out_of_range(value);
    *out = (int)number;
    return 0;
}

static int read_real(const Value *value, double *out) {
    const char *text = value->node->text;
    size_t length = span_number(text);
    if (value->node->quoted || length == 0 || text[length] != '\0')
        return value_is_not(value, "a number");
    double number = strtod(text, NULL);
    if (!isfinite(number) || !in_range(value->key, number))
        return out_of_range(value);
    *out = number;
    return 0;
}

static int read_bool(const Value *value, int *out) {
    const char *text = value->node->text;
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "True") == 0;
    if (value->node->quoted || (!yes && strcmp(text, "false") != 0 && strcmp(text, "False") != 0))
        return value_is_not(value, "true or false");
    *out = yes;
    return 0;
}

/* A number and a unit; in quotes or not. */
static int read_bytes(const Value *value, size_t *out) {
    static const struct {
        const char *name;
        double size;
    } units[] = {{"", 1},
                 {"B", 1},
                 {"KiB", 1024},
                 {"MiB", 1048576},
                 {"GiB", 1073741824},
                 {"TiB", 1099511627776.0},
                 {"KB", 1e3},
                 {"MB", 1e6},
                 {"GB", 1e9},
                 {"TB", 1e12}};
    const char *text = value->node->text;
    size_t length = span_number(text);
    const char *unit = text + length + strspn(text + length, " ");
    for (size_t i = 0; length > 0 && i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].name) == 0) {
            double bytes = strtod(text, NULL) * units[i].size;
            if (!isfinite(bytes) || !in_range(value->key, bytes))
                return out_of_range(value);
            *out = (size_t)bytes;
            return 0;
        }
    return value_is_not(value, "a size such as 4GiB");
}

/* The index of the text among "a|b|c"; -1 when it is none of them. */
static int choice_index(const char *choices, const char *text) {
    size_t length = strlen(text);
    int index = 0;
    for (const char *at = choices;; index++) {
        size_t n = strcspn(at, "|");
        if (n == length && strncmp(at, text, n) == 0)
            return index;
        if (at[n] == '\0')
            return -1;
        at += n + 1;
    }
}

static int read_choice(const Value *value, int *out) {
    int index = choice_index(value->key->choices, value->node->text);
    if (index < 0) {
        char reason[256];
        size_t n = (size_t)snprintf(reason, sizeof reason, "'%.100s' is not one of ", value->node->text);
        for (const char *at = value->key->choices; *at && n + 3 < sizeof reason; at++) {
            reason[n++] = *at == '|' ? ',' : *at;
            if (*at == '|')
                reason[n++] = ' ';
        }
        reason[n] = '\0';
        return value_error(value, reason);
    }
    *out = index;
    return 0;
}

static int read_text(const Value *value, const char **out) {
    int index;
    if (value->key->choices && read_choice(value, &index) < 0)
        return -1;
    const char *text = value->node->text;
    if (strcmp(text, "\t") == 0 && !(value->key->flags & KEY_TAB))
        return value_error(value, "a tab alone");
    if (value->key->type == KEY_PATH && *text == '\0')
        return value_error(value, "an empty path");
    *out = value->key->type == KEY_PATH ? path_expand(value->arena, text) : arena_strdup(value->arena, text);
    return *out ? 0 : error_memory(value->err);
}

/* One scalar into out: the element of a list, or (single) the field itself, which differs for bool only. */
static int read_scalar(const Value *value, void *out, bool single) {
    const Node *node = value->node;
    const char *word = value->key->word;
    if (node->kind != NODE_SCALAR)
        return value_error(value, node->kind == NODE_MAP ? "keys where a value is needed"
                                  : single               ? "a list where one value is needed"
                                                         : "a list within the list");
    if (node_is_empty(node))
        return value_error(value, "has no value");
    if (word && !node->quoted && strcmp(node->text, word) == 0)
        return 0; /* the field is zeroed */
    int flag = 0;
    switch (value->key->type) {
    case KEY_INT:
        return read_int(value, out);
    case KEY_REAL:
        return read_real(value, out);
    case KEY_CHOICE:
        return read_choice(value, out);
    case KEY_BYTES:
        return read_bytes(value, out);
    case KEY_BOOL:
        if (read_bool(value, &flag) < 0)
            return -1;
        if (single)
            *(bool *)out = flag;
        else
            *(int *)out = flag;
        return 0;
    default:
        return read_text(value, out);
    }
}

static int read_list(Value *value, void *base) {
    const Node *list = value->node;
    const Node *const *nodes = list->kind == NODE_LIST ? (const Node *const *)list->children : &list;
    int n = list->kind == NODE_LIST ? list->n : 1;
    if (n == 0)
        return value_error(value, "an empty list");
    size_t size = key_size(value->key);
    void *values = arena_alloc(value->arena, (size_t)n, size); /* aligned for any of them */
    if (!values)
        return error_memory(value->err);
    for (int i = 0; i < n; i++) {
        value->node = nodes[i];
        if (read_scalar(value, (char *)values + (size_t)i * size, false) < 0)
            return -1;
    }
    key_set(value->key, base, values, n);
    return 0;
}

int key_read(const KeySpec *key, const char *section, const Node *node, void *base, Arena *arena,
             Error *err) {
    Value value = {key, section, node, arena, err};
    return key->flags & KEY_LIST ? read_list(&value, base)
                                 : read_scalar(&value, (char *)base + key->offset, true);
}

void real_text(char out[40], double number) {
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, 40, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            break;
    }
}

const char *key_value_text(const KeySpec *key, const void *value, Arena *arena) {
    const char *choice = key->choices;
    char number[40];
    switch (key->type) {
    case KEY_REAL:
        if (key->word && *(const double *)value == 0)
            return arena_strdup(arena, key->word);
        real_text(number, *(const double *)value);
        return arena_strdup(arena, number);
    case KEY_INT:
        return key->word && *(const int *)value == 0 ? arena_strdup(arena, key->word)
                                                     : arena_printf(arena, "%d", *(const int *)value);
    case KEY_BOOL:
        return arena_strdup(arena, key_truth(key, value) ? "true" : "false");
    case KEY_CHOICE:
        for (int i = *(const int *)value; i > 0; i--)
            choice = strchr(choice, '|') + 1;
        return arena_printf(arena, "%.*s", (int)strcspn(choice, "|"), choice);
    default:
        return arena_strdup(arena, *(const char *const *)value);
    }
}

int section_defaults(const SectionSpec *section, const Node *map, void *base, Arena *arena, Error *err) {
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        if (!key->fallback || node_find(map, key->name))
            continue;
        Node *node = yaml_parse(key->fallback, strlen(key->fallback), "default", false, arena, err);
        if (!node || key_read(key, section->name, node, base, arena, err) < 0)
            return -1;
    }
    return 0;
}
