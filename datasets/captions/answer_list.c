/* answer_list.c: see answer_list.h */
#include "datasets/captions/answer_list.h"

#include "clip/base/text_map.h"
#include "datasets/captions/json_items.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/text_lines.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

typedef struct {
    const char *text;
    int n, first; /* how often; which of all that differ */
} Answer;

typedef struct {
    TextPool pool;
    TextMap places;
    Answer *answers; /* (n) in order of appearance */
    int n, capacity;
} Reader;

/* Counts an answer; *is_new tells whether it is. */
static int add(Reader *reader, const char *text, bool *is_new, Error *err) {
    const int *place = text_map_find(&reader->places, text);
    *is_new = !place;
    if (place) {
        reader->answers[*place].n++;
        return 0;
    }
    if (u8_check((const uint8_t *)text, strlen(text)))
        return error_set(err, "the answer is not UTF-8");
    Answer *answers =
        arena_grow(reader->pool.arena, reader->answers, &reader->capacity, reader->n + 1, sizeof *answers);
    const char *copy = text_join(&reader->pool, NULL, text);
    if (!answers || !copy || text_map_put(&reader->places, copy, reader->n) < 0)
        return error_memory(err);
    reader->answers = answers;
    answers[reader->n] = (Answer){copy, 1, reader->n};
    reader->n++;
    return 0;
}

static int take_annotation(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    const char *text = json_string_value(json_object_get(item, "multiple_choice_answer"));
    bool is_new;
    if (!text)
        return error_set(err, "no text 'multiple_choice_answer'");
    return text[strspn(text, " \t\r\n")] ? add(context, text, &is_new, err) : 0;
}

static int compare_counts(const void *a, const void *b) {
    const Answer *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : x->first - y->first;
}

static int read_lines(Reader *reader, const char *path, Error *err) {
    TextLines lines;
    bool is_new = true;
    if (lines_open(&lines, path, reader->pool.arena, err) < 0)
        return -1;
    for (char *line; (line = lines_next(&lines));) {
        if (add(reader, line, &is_new, err) < 0)
            return err->is_memory ? -1 : error_prefix(err, "%s: line %d", path, lines.line);
        if (!is_new)
            return error_set(err, "%s: line %d: '%.60s' stands there twice", path, lines.line, line);
    }
    return 0;
}

static int finish(AnswerList *list, const Reader *reader, int most, Error *err) {
    *list = (AnswerList){.n = reader->n < most ? reader->n : most};
    list->answers = ARENA_NEW(reader->pool.arena, const char *, list->n);
    for (int i = 0; list->answers && i < list->n; i++)
        list->answers[i] = reader->answers[i].text;
    return arena_failed(reader->pool.arena) ? error_memory(err) : 0;
}

int answer_list_read(AnswerList *list, const char *path, int most, Arena *arena, Error *err) {
    Reader reader = {.pool = {.arena = arena}, .places = {.arena = arena}};
    JsonPart parts[] = {{.key = "annotations", .take = take_annotation, .is_list = true, .needed = true}};
    const int first = json_first(path, err);
    if (first < 0)
        return -1;
    if ((first == '{' ? json_parts_read(path, parts, 1, &reader, err) : read_lines(&reader, path, err)) < 0)
        return -1;
    if (reader.n == 0)
        return error_set(err, "%s: no answers", path);
    if (first != '{')
        return finish(list, &reader, INT_MAX, err);
    qsort(reader.answers, (size_t)reader.n, sizeof *reader.answers, compare_counts);
    if (finish(list, &reader, most, err) < 0)
        return -1;
    int taken = 0, all = 0;
    for (int i = 0; i < reader.n; i++) {
        all += reader.answers[i].n;
        taken += i < list->n ? reader.answers[i].n : 0;
    }
    list->n_all = reader.n;
    list->share = (double)taken / all;
    return 0;
}

int answer_list_split(AnswerList *list, const char *text, Arena *arena, Error *err) {
    Reader reader = {.pool = {.arena = arena}, .places = {.arena = arena}};
    char *at = arena_strdup(arena, text);
    bool is_new = true;
    if (!at)
        return error_memory(err);
    for (char *answer; (answer = strsep(&at, ","));) {
        answer += strspn(answer, " \t\r\n");
        for (size_t n = strlen(answer); n > 0 && strchr(" \t\r\n", answer[n - 1]); n--)
            answer[n - 1] = '\0';
        if (*answer && add(&reader, answer, &is_new, err) < 0)
            return -1;
        if (!is_new)
            return error_set(err, "'%.60s' stands there twice", answer);
    }
    return finish(list, &reader, INT_MAX, err);
}
