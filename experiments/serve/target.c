/* target.c: see target.h */
#include "experiments/serve/target.h"

#include <string.h>
#include <unistr.h>

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place: '+' is a space, %41 an A. */
static int decode(char *text, Error *err) {
    char *to = text;
    for (const char *at = text; *at; at++) {
        char c = *at == '+' ? ' ' : *at;
        if (*at == '%') {
            const int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
            if (low < 0)
                return error_set(err, "a '%%' without two hexadecimal digits");
            c = (char)(16 * high + low);
            at += 2;
        }
        if ((unsigned char)c < ' ' || c == 127)
            return error_set(err, "a control character in a value");
        *to++ = c;
    }
    *to = '\0';
    return u8_check((const uint8_t *)text, strlen(text)) ? error_set(err, "a value that is not UTF-8") : 0;
}

static int read_word(Target *target, char *word, Error *err) {
    char *value = strchr(word, '=');
    if (!*word)
        return 0;
    if (target->n == TARGET_WORDS)
        return error_set(err, "more than %d values", TARGET_WORDS);
    if (value)
        *value++ = '\0';
    if (decode(word, err) < 0 || (value && decode(value, err) < 0))
        return -1;
    target->words[target->n].name = word;
    target->words[target->n++].value = value ? value : "";
    return 0;
}

int target_read(Target *target, const char *text, Arena *arena, Error *err) {
    char *path = arena_strdup(arena, text), *rest;
    *target = (Target){.path = path};
    if (!path)
        return error_memory(err);
    if (*path != '/')
        return error_set(err, "a target that does not begin with '/'");
    for (const char *at = path; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 127)
            return error_set(err, "a target with something that is no plain ASCII");
    if (!(rest = strchr(path, '?')))
        return 0;
    *rest++ = '\0';
    while (rest) {
        char *word = rest;
        if ((rest = strchr(rest, '&')))
            *rest++ = '\0';
        if (read_word(target, word, err) < 0)
            return -1;
    }
    return 0;
}

int target_number(uint64_t *number, const char *text, uint64_t most) {
    uint64_t n = 0;
    if (!*text || strlen(text) > 19) /* 10^19 fits */
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        n = 10 * n + (uint64_t)(*text - '0');
    }
    *number = n;
    return n <= most ? 0 : -1;
}
