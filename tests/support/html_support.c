/* html_support.c: a strict checker of XML, as much of it as a page here may use. */
#include "tests/support/html_support.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

enum { MAX_DEPTH = 64, MAX_NAME = 32, MAX_ATTRIBUTES = 24 };

typedef struct {
    char stack[MAX_DEPTH][MAX_NAME];
    int depth;
    const char *at, *why;
} Checker;

static bool fault(Checker *checker, const char *why) {
    checker->why = why;
    return false;
}

static bool is_name(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == ':' || c == '_';
}

static bool take_name(Checker *checker, char name[MAX_NAME]) {
    size_t n = 0;
    while (is_name(checker->at[n]))
        n++;
    if (n == 0 || n >= MAX_NAME)
        return fault(checker, "a name is missing or too long");
    memcpy(name, checker->at, n);
    name[n] = '\0';
    checker->at += n;
    return true;
}

static bool take_entity(Checker *checker) {
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&apos;"};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (strncmp(checker->at, entities[i], strlen(entities[i])) == 0) {
            checker->at += strlen(entities[i]);
            return true;
        }
    return fault(checker, "a bare '&'");
}

static bool take_attribute(Checker *checker, char name[MAX_NAME]) {
    if (!take_name(checker, name))
        return false;
    if (*checker->at++ != '=')
        return fault(checker, "an attribute without a value");
    char quote = *checker->at++;
    if (quote != '"' && quote != '\'')
        return fault(checker, "an attribute without quotes");
    while (*checker->at != quote) {
        if (*checker->at == '<' || !*checker->at)
            return fault(checker, "'<' in an attribute");
        if (*checker->at == '&' && !take_entity(checker))
            return false;
        else if (*checker->at != quote)
            checker->at++;
    }
    checker->at++;
    return true;
}

static bool take_attributes(Checker *checker) {
    char names[MAX_ATTRIBUTES][MAX_NAME];
    for (int n = 0;; n++) {
        const char *before = checker->at;
        while (isspace((unsigned char)*checker->at))
            checker->at++;
        if (*checker->at == '>' || *checker->at == '/')
            return true;
        if (checker->at == before || n == MAX_ATTRIBUTES)
            return fault(checker, "attributes that run into each other");
        if (!take_attribute(checker, names[n]))
            return false;
        for (int i = 0; i < n; i++)
            if (strcmp(names[i], names[n]) == 0)
                return fault(checker, "an attribute comes twice");
    }
}

static bool take_tag(Checker *checker) {
    char name[MAX_NAME];
    bool closing = checker->at[1] == '/';
    checker->at += closing ? 2 : 1;
    if (!take_name(checker, name))
        return false;
    if (closing) {
        if (*checker->at++ != '>' || checker->depth == 0 ||
            strcmp(checker->stack[--checker->depth], name) != 0)
            return fault(checker, "a tag is closed that is not the last one");
        return true;
    }
    if (!take_attributes(checker))
        return false;
    bool empty = *checker->at == '/';
    checker->at += empty;
    if (*checker->at++ != '>')
        return fault(checker, "a tag without end");
    if (empty)
        return true;
    if (checker->depth == MAX_DEPTH)
        return fault(checker, "too deep");
    strcpy(checker->stack[checker->depth++], name);
    return true;
}

static bool check(Checker *checker) {
    static const char doctype[] = "<!DOCTYPE html>\n";
    if (strncmp(checker->at, doctype, strlen(doctype)) != 0)
        return fault(checker, "no document type");
    checker->at += strlen(doctype);
    while (*checker->at) {
        if (*checker->at == '<' ? !take_tag(checker) : *checker->at == '&' && !take_entity(checker))
            return false;
        unsigned char c = (unsigned char)*checker->at;
        if (c && c != '<' && c != '&') {
            if (c == '>' || (c < 0x20 && c != '\n' && c != '\t'))
                return fault(checker, "'>' or a control character");
            if (checker->depth == 0 && !isspace(c))
                return fault(checker, "text outside of all tags");
            checker->at++;
        }
    }
    return checker->depth == 0 ? true : fault(checker, "a tag is never closed");
}

const char *html_fault(const char *page, char *out, size_t size) {
    Checker checker = {.at = page};
    if (u8_check((const uint8_t *)page, strlen(page)))
        checker.why = "not UTF-8";
    else if (check(&checker))
        return NULL;
    snprintf(out, size, "%s, before: %.60s", checker.why, checker.at);
    return out;
}
