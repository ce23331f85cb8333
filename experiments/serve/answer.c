/* answer.c: see answer.h */
#include "experiments/serve/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char JSON[] = "application/json";
static const char NO_MEMORY[] = "{\"error\":\"out of memory\",\"status\":503}\n";

static int out_of_memory(Request *request) {
    request->answer = (Answer){503, JSON, NO_MEMORY, sizeof NO_MEMORY - 1, NULL};
    return -1;
}

static int write_json(Request *request, int status, json_t *value) {
    char *text = value && !json_ran_out() ? json_write(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    char *copy = text ? arena_printf(request->arena, "%s\n", text) : NULL;
    json_decref(value);
    free(text);
    if (!copy)
        return out_of_memory(request);
    request->answer = (Answer){status, JSON, copy, strlen(copy), NULL};
    return status < 400 ? 0 : -1;
}

/* A name in it may be no UTF-8: then every byte beyond ASCII is left out. */
static int refuse(Request *request, int status, const char *message) {
    char plain[1024];
    snprintf(plain, sizeof plain, "%s", message);
    json_begin();
    json_t *value = json_pack("{s:s, s:i}", "error", plain, "status", status);
    if (!value && !json_ran_out()) {
        for (char *at = plain; *at; at++)
            *at = (unsigned char)*at < 127 ? *at : '?';
        value = json_pack("{s:s, s:i}", "error", plain, "status", status);
    }
    return write_json(request, status, value);
}

int answer_refuse(Request *request, int status, const char *format, ...) {
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return refuse(request, status, message);
}

int answer_fail(Request *request, int status, const Error *err) {
    if (err->is_memory)
        return out_of_memory(request);
    return refuse(request, err->kind == ERROR_SIGNAL ? 503 : status,
                  err->kind == ERROR_SIGNAL ? "the server ends" : err->text);
}

int answer_json(Request *request, json_t *value) {
    return write_json(request, 200, value);
}

const char *request_value(const Request *request, const char *name) {
    const Target *target = &request->target;
    for (int i = target->n - 1; i >= 0; i--)
        if (strcmp(target->words[i].name, name) == 0)
            return target->words[i].value;
    return NULL;
}

int request_check_names(Request *request, const char *known) {
    char padded[64];
    for (int i = 0; i < request->target.n; i++) {
        const char *name = request->target.words[i].name;
        const int n = snprintf(padded, sizeof padded, " %s ", name);
        if (strchr(name, ' ') || n >= (int)sizeof padded || !strstr(known, padded))
            return answer_refuse(request, 400, "'%s' is none of the values that this takes:%s", name, known);
    }
    return 0;
}

int request_number(Request *request, int *number, const char *name, int least, int most) {
    const char *text = request_value(request, name);
    uint64_t value;
    if (!text)
        return 0;
    if (target_number(&value, text, (uint64_t)most) < 0 || value < (uint64_t)least)
        return answer_refuse(request, 400, "%s=%s: a number from %d to %d is needed", name, text, least,
                             most);
    *number = (int)value;
    return 0;
}
