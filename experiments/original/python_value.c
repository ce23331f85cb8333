/* python_value.c: see python_value.h. Literals are read as ast.literal_eval does, without bytes, sets, dicts
 * and complex numbers: such a text stays a text. */
#include "experiments/original/python_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 20

PyValue py_str(const char *text) {
    return (PyValue){.type = PY_STR, .text = text};
}

PyValue py_int(long long integer) {
    return (PyValue){.type = PY_INT, .integer = integer};
}

/* --- numbers --- */

/* Digits with single underscores between them, copied without these; how many characters were read. */
static size_t copy_digits(char *out, size_t room, const char *at, const char *allowed) {
    size_t n = 0, used = 0;
    while (n + 1 < room && (strchr(allowed, at[used]) ? at[used] != '\0' : false)) {
        out[n++] = at[used++];
        if (at[used] == '_' && at[used + 1] && strchr(allowed, at[used + 1]))
            used++;
    }
    out[n] = '\0';
    return used;
}

#define DIGITS "0123456789"

static bool read_radix(PyValue *value, const char **at) {
    static const struct {
        char letter;
        int base;
        const char *digits;
    } kinds[] = {{'x', 16, "0123456789abcdefABCDEF"}, {'o', 8, "01234567"}, {'b', 2, "01"}};
    const char *text = *at;
    for (size_t i = 0; text[0] == '0' && i < 3; i++)
        if (tolower((unsigned char)text[1]) == kinds[i].letter) {
            char digits[80];
            size_t n = copy_digits(digits, sizeof digits, text + 2, kinds[i].digits);
            errno = 0;
            *value = py_int(strtoll(digits, NULL, kinds[i].base));
            *at = text + 2 + n;
            return n > 0 && errno == 0;
        }
    return false;
}

/* An unsigned number of Python. Integers beyond 64 bits are none. */
static bool read_number(PyValue *value, const char **at) {
    char text[160];
    const char *start = *at;
    if (read_radix(value, at))
        return true;
    *at = start;
    size_t n = 0, used = copy_digits(text, 70, start, DIGITS);
    bool is_float = false, has_digits = used > 0;
    n = strlen(text);
    if (start[used] == '.') {
        char fraction[70];
        size_t more = copy_digits(fraction, sizeof fraction, start + used + 1, DIGITS);
        n += (size_t)snprintf(text + n, sizeof text - n, ".%s", fraction);
        used += 1 + more;
        has_digits |= more > 0;
        is_float = true;
    }
    if (!has_digits)
        return false;
    if (start[used] == 'e' || start[used] == 'E') {
        size_t sign = start[used + 1] == '-' || start[used + 1] == '+';
        char digits[10];
        size_t more = copy_digits(digits, sizeof digits, start + used + 1 + sign, DIGITS);
        if (more == 0)
            return false;
        snprintf(text + n, sizeof text - n, "e%.*s%s", (int)sign, start + used + 1, digits);
        used += 1 + sign + more;
        is_float = true;
    }
    *at = start + used;
    if (is_float) {
        *value = (PyValue){.type = PY_FLOAT, .real = strtod(text, NULL)};
        return true;
    }
    errno = 0;
    *value = py_int(strtoll(text, NULL, 10));
    return errno == 0 && (text[0] != '0' || strspn(text, "0") == strlen(text));
}

/* --- literals --- */

typedef struct {
    const char *at;
    Arena *arena;
    int depth;
} Reader;

static void skip_blanks(Reader *reader) {
    reader->at += strspn(reader->at, " \t\r\n");
}

/* One quoted text, or several side by side, which are one. */
static bool read_text(Reader *reader, PyValue *value) {
    Buffer out = {0};
    while (*reader->at == '\'' || *reader->at == '"') {
        char quote = *reader->at++;
        for (; *reader->at && *reader->at != quote; reader->at++) {
            char c = *reader->at;
            if (c == '\\') {
                static const char from[] = "ntr\\'\"", to[] = "\n\t\r\\'\"";
                const char *found = reader->at[1] ? strchr(from, reader->at[1]) : NULL;
                if (!found) {
                    buffer_free(&out);
                    return false;
                }
                c = to[found - from];
                reader->at++;
            }
            buffer_putc(&out, c);
        }
        if (!*reader->at) {
            buffer_free(&out);
            return false;
        }
        reader->at++;
        skip_blanks(reader);
    }
    *value = py_str(buffer_take(&out, reader->arena));
    return value->text != NULL;
}

static bool read_value(Reader *reader, PyValue *value);

/* What stands between brackets, or, with end '\0', at the top: values and commas. */
static bool read_items(Reader *reader, PyValue *value, char end, bool *comma) {
    int capacity = value->n;
    for (skip_blanks(reader); *reader->at != end; skip_blanks(reader)) {
        PyValue *items = arena_grow(reader->arena, value->items, &capacity, value->n + 1, sizeof *items);
        if (!items)
            return false;
        value->items = items;
        if ((value->n > 0 && !*comma) || !read_value(reader, &items[value->n]))
            return false;
        value->n++;
        skip_blanks(reader);
        *comma = *reader->at == ',';
        reader->at += *comma;
        if (!*comma && *reader->at != end)
            return false;
    }
    reader->at += end != '\0';
    return true;
}

static bool read_brackets(Reader *reader, PyValue *value) {
    const bool is_list = *reader->at++ == '[';
    bool comma = false;
    *value = (PyValue){.type = is_list ? PY_LIST : PY_TUPLE};
    if (++reader->depth > MAX_DEPTH || !read_items(reader, value, is_list ? ']' : ')', &comma))
        return false;
    reader->depth--;
    if (!is_list && value->n == 1 && !comma) {
        const PyValue only = value->items[0];
        *value = only;
    }
    return true;
}

static bool read_word(Reader *reader, PyValue *value) {
    static const struct {
        const char *word;
        PyValue value;
    } words[] = {{"None", {.type = PY_NONE}},
                 {"True", {.type = PY_BOOL, .integer = 1}},
                 {"False", {.type = PY_BOOL, .integer = 0}}};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(reader->at, words[i].word, n) == 0 && !isalnum((unsigned char)reader->at[n]) &&
            reader->at[n] != '_') {
            *value = words[i].value;
            reader->at += n;
            return true;
        }
    }
    return false;
}

static bool read_value(Reader *reader, PyValue *value) {
    const char c = *reader->at;
    if (c == '(' || c == '[')
        return read_brackets(reader, value);
    if (c == '\'' || c == '"')
        return read_text(reader, value);
    if (c != '-' && c != '+')
        return read_word(reader, value) || read_number(value, &reader->at);
    reader->at++;
    skip_blanks(reader);
    if (!read_number(value, &reader->at))
        return false;
    if (c == '-') {
        value->integer = -value->integer;
        value->real = -value->real;
    }
    return true;
}

/* "1, 2" is a tuple at the top too. A text that begins with a blank is none of Python's. */
static bool read_literal(PyValue *value, const char *text, Arena *arena) {
    Reader reader = {.at = text, .arena = arena};
    PyValue all = {.type = PY_TUPLE};
    bool comma = false;
    if (*text == '\0' || *text == '\n' || !read_items(&reader, &all, '\0', &comma) || all.n == 0)
        return false;
    *value = all.n == 1 && !comma ? all.items[0] : all;
    return true;
}

PyValue py_decode(const char *text, Arena *arena) {
    PyValue value;
    size_t blanks = strspn(text, " \t"); /* which literal_eval takes away */
    return read_literal(&value, text + blanks, arena) ? value : py_str(text);
}

/* --- YAML --- */

static bool is_one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* PyYAML's floats need a dot, and an exponent a sign. */
static bool is_yaml_float(const char *text) {
    const char *at = text + (*text == '-' || *text == '+');
    size_t before = strspn(at, DIGITS "_");
    at += before;
    if (*at++ != '.')
        return false;
    size_t behind = strspn(at, DIGITS "_");
    at += behind;
    if (before + behind == 0)
        return false;
    if (*at == '\0')
        return true;
    if ((*at != 'e' && *at != 'E') || (at[1] != '-' && at[1] != '+'))
        return false;
    at += 2;
    return *at && strspn(at, DIGITS) == strlen(at);
}

static double yaml_float(const char *text) {
    char plain[100];
    size_t n = 0;
    for (; *text && n + 1 < sizeof plain; text++)
        if (*text != '_')
            plain[n++] = *text;
    plain[n] = '\0';
    return strtod(plain, NULL);
}

/* Decimal, or octal with a zero in front, or 0x and 0b. */
static bool yaml_int(PyValue *value, const char *text) {
    const bool minus = *text == '-';
    const char *at = text + (minus || *text == '+');
    char digits[80];
    size_t used;
    errno = 0;
    if (at[0] == '0' && (at[1] == 'x' || at[1] == 'b')) {
        used = 2 + copy_digits(digits, sizeof digits, at + 2, at[1] == 'x' ? "0123456789abcdefABCDEF" : "01");
        *value = py_int(strtoll(digits, NULL, at[1] == 'x' ? 16 : 2));
        return used > 2 && at[used] == '\0' && errno == 0;
    }
    used = copy_digits(digits, sizeof digits, at, DIGITS);
    if (used == 0 || at[used] ||
        (digits[0] == '0' && digits[1] && strspn(digits, "01234567") != strlen(digits)))
        return false;
    *value = py_int(strtoll(digits, NULL, digits[0] == '0' ? 8 : 10));
    value->integer = minus ? -value->integer : value->integer;
    return errno == 0;
}

static PyValue yaml_scalar(const Node *node) {
    static const char *const yes[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const no[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const none[] = {"", "~", "null", "Null", "NULL", NULL};
    PyValue value;
    if (node->quoted)
        return py_str(node->text);
    if (is_one_of(node->text, none))
        return (PyValue){.type = PY_NONE};
    if (is_one_of(node->text, yes) || is_one_of(node->text, no))
        return (PyValue){.type = PY_BOOL, .integer = is_one_of(node->text, yes)};
    if (is_yaml_float(node->text))
        return (PyValue){.type = PY_FLOAT, .real = yaml_float(node->text)};
    return yaml_int(&value, node->text) ? value : py_str(node->text);
}

static int from_yaml(PyValue *value, const Node *node, Arena *arena, Error *err) {
    if (node->kind == NODE_MAP)
        return node_error(node, err, "a map, where a value is needed");
    if (node->kind == NODE_SCALAR) {
        *value = yaml_scalar(node);
        return 0;
    }
    *value = (PyValue){.type = PY_LIST, .items = ARENA_NEW(arena, PyValue, node->n), .n = node->n};
    if (!value->items)
        return error_memory(err);
    for (int i = 0; i < node->n; i++)
        if (from_yaml(&value->items[i], node->children[i], arena, err) < 0)
            return -1;
    return 0;
}

int py_from_yaml(PyValue *value, const Node *node, Arena *arena, Error *err) {
    if (from_yaml(value, node, arena, err) < 0)
        return -1;
    if (value->type == PY_STR)
        *value = py_decode(value->text, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* --- what they are --- */

const char *py_type_name(PyType type) {
    static const char *const names[] = {"NoneType", "bool", "int", "float", "str", "tuple", "list"};
    return names[type];
}

double py_number(const PyValue *value) {
    return value->type == PY_FLOAT ? value->real : (double)value->integer;
}

bool py_truth(const PyValue *value) {
    switch (value->type) {
    case PY_NONE:
        return false;
    case PY_STR:
        return *value->text != '\0';
    case PY_TUPLE:
    case PY_LIST:
        return value->n > 0;
    default:
        return py_number(value) != 0;
    }
}

static bool is_sequence(const PyValue *value) {
    return value->type == PY_TUPLE || value->type == PY_LIST;
}

bool py_equal(const PyValue *a, const PyValue *b) {
    if (is_sequence(a) && is_sequence(b)) {
        for (int i = 0; i < a->n && a->n == b->n; i++)
            if (!py_equal(&a->items[i], &b->items[i]))
                return false;
        return a->n == b->n;
    }
    if (is_sequence(a) || is_sequence(b) || a->type == PY_NONE || b->type == PY_NONE)
        return a->type == b->type;
    if (a->type == PY_STR || b->type == PY_STR)
        return a->type == b->type && strcmp(a->text, b->text) == 0;
    return py_number(a) == py_number(b);
}

/* --- printing --- */

void py_print_float(Buffer *out, double value) {
    char text[40];
    int exponent = 0, digits = 1;
    if (!isfinite(value)) {
        buffer_puts(out, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    for (; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    exponent = atoi(strchr(text, 'e') + 1);
    if (exponent >= -4 && exponent < 16) {
        const int decimals = digits - 1 - exponent;
        buffer_printf(out, "%.*f", decimals > 0 ? decimals : 1, value);
        return;
    }
    buffer_printf(out, "%.*se%c%02d", (int)strcspn(text, "e"), text, exponent < 0 ? '-' : '+', abs(exponent));
}

static void print_quoted(Buffer *out, const char *text) {
    const char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    buffer_putc(out, quote);
    for (; *text; text++) {
        if (*text == quote || *text == '\\')
            buffer_putc(out, '\\');
        if (*text == '\n' || *text == '\t')
            buffer_puts(out, *text == '\n' ? "\\n" : "\\t");
        else
            buffer_putc(out, *text);
    }
    buffer_putc(out, quote);
}

void py_print_repr(Buffer *out, const PyValue *value) {
    switch (value->type) {
    case PY_NONE:
        buffer_puts(out, "None");
        break;
    case PY_BOOL:
        buffer_puts(out, value->integer ? "True" : "False");
        break;
    case PY_INT:
        buffer_printf(out, "%lld", value->integer);
        break;
    case PY_FLOAT:
        py_print_float(out, value->real);
        break;
    case PY_STR:
        print_quoted(out, value->text);
        break;
    default:
        buffer_putc(out, value->type == PY_LIST ? '[' : '(');
        for (int i = 0; i < value->n; i++) {
            buffer_puts(out, i > 0 ? ", " : "");
            py_print_repr(out, &value->items[i]);
        }
        buffer_puts(out, value->type == PY_LIST ? "]" : value->n == 1 ? ",)" : ")");
    }
}

void py_print(Buffer *out, const PyValue *value) {
    if (value->type == PY_STR)
        buffer_puts(out, value->text);
    else
        py_print_repr(out, value);
}
