/* text_lines.c: see text_lines.h */
#include "datasets/lists/text_lines.h"
#include "clip/base/files.h"
#include "datasets/lists/lists.h"

#include <string.h>

int lines_open(TextLines *lines, const char *path, Arena *arena, Error *err) {
    size_t size;
    *lines = (TextLines){.path = path, .at = file_read(path, MAX_LIST_BYTES, arena, &size, err)};
    if (!lines->at)
        return -1;
    if (memchr(lines->at, '\0', size))
        return error_set(err, "%s: not UTF-8 text (it holds a NUL byte)", path);
    if (strncmp(lines->at, "\xEF\xBB\xBF", 3) == 0) /* a byte order mark */
        lines->at += 3;
    return 0;
}

char *lines_next(TextLines *lines) {
    while (*lines->at) {
        char *line = lines->at;
        size_t n = strcspn(line, "\n");
        lines->at += n + (line[n] != '\0');
        lines->line++;
        line[n] = '\0';
        line += strspn(line, " \t\r");
        n = strlen(line);
        while (n > 0 && strchr(" \t\r", line[n - 1]))
            line[--n] = '\0';
        if (n > 0)
            return line;
    }
    return NULL;
}

char *line_cut(const TextLines *lines, char *line, Error *err) {
    char *name = strchr(line, '\t') ? strchr(line, '\t') : line + strcspn(line, " ");
    if (!*name) {
        error_set(err, "%s: line %d: '%s' has no name behind it", lines->path, lines->line, line);
        return NULL;
    }
    char *end = name;
    name += strspn(name, " \t");
    while (end > line && end[-1] == ' ')
        end--;
    *end = '\0';
    return name;
}
