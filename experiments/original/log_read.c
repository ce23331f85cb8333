/* log_read.c: see log_read.h. Older versions print two decimals, and the total and correct images are told by
 * all, so that the accuracy follows from these. */
#include "experiments/original/log_read.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/base/text_ends.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOG ((size_t)1 << 30)
#define MAX_LOGGED_CLASSES 1000000

/* "2,465" */
static long grouped_number(const char *text) {
    long number = 0;
    for (; (*text >= '0' && *text <= '9') || *text == ','; text++)
        if (*text != ',' && number < 100000000)
            number = number * 10 + (*text - '0');
    return number;
}

/* "* NAME: 12.3%" */
static bool percent(double *value, const char *line, const char *name) {
    char *end;
    if (!starts_with(line, "* ") || !starts_with(line + 2, name) ||
        !starts_with(line + 2 + strlen(name), ": "))
        return false;
    *value = strtod(line + 4 + strlen(name), &end);
    return *end == '%';
}

/* "1 day, 2:03:04" */
static double elapsed(const char *text) {
    int days = 0, hours = 0, minutes = 0, seconds = 0, n = 0;
    if (sscanf(text, "%d day%*[s,] %n", &days, &n) == 1)
        text += n;
    return sscanf(text, "%d:%d:%d", &hours, &minutes, &seconds) == 3
               ? 86400.0 * days + 3600.0 * hours + 60.0 * minutes + seconds
               : NAN;
}

/* "* class: 0 (face)	total: 87	correct: 85	acc: 97.7%"; labels that are left out have no images.
 */
static int read_class(LoggedRun *run, const char *line, int *capacity, Arena *arena, Error *err) {
    const int label = (int)grouped_number(line + strlen("* class: "));
    const char *total = strstr(line, "\ttotal: "), *correct = strstr(line, "\tcorrect: ");
    if (!total || !correct || label < run->n_classes || label >= MAX_LOGGED_CLASSES)
        return 0;
    double *grown = arena_grow(arena, run->per_class, capacity, label + 1, sizeof *grown);
    if (!grown)
        return error_memory(err);
    run->per_class = grown;
    for (; run->n_classes < label; run->n_classes++)
        grown[run->n_classes] = NAN;
    const long n = grouped_number(total + 8);
    grown[run->n_classes++] = n > 0 ? 100.0 * (double)grouped_number(correct + 10) / (double)n : NAN;
    return 0;
}

/* "... loss 1.2034 (1.3021) acc ..." of an epoch line. */
static void read_loss(LoggedRun *run, const char *line) {
    const char *loss = strstr(line, "loss "), *mean = loss ? strchr(loss, '(') : NULL;
    if (mean)
        run->loss = strtod(mean + 1, NULL);
}

static void begin_result(LoggedRun *run) {
    run->accuracy = run->macro_f1 = NAN;
    run->total = run->correct = 0;
    run->n_classes = 0;
}

static int read_line(LoggedRun *run, const char *line, bool *finished, int *capacity, Arena *arena,
                     Error *err) {
    double ignored;
    if (strcmp(line, "Finish training") == 0 ||
        strcmp(line, "Finished training") == 0) /* of the older Dassl */
        *finished = true;
    else if (starts_with(line, "Evaluate on the *") || starts_with(line, "Do evaluation on "))
        run->of_val = strstr(line, "*val*") || strstr(line, "on val set");
    else if (strcmp(line, "=> result") == 0)
        begin_result(run);
    else if (starts_with(line, "* total: "))
        run->total = grouped_number(line + 9);
    else if (starts_with(line, "* correct: "))
        run->correct = grouped_number(line + 11);
    else if (percent(&run->accuracy, line, "accuracy") || percent(&run->macro_f1, line, "macro_f1") ||
             percent(&ignored, line, "error"))
        return 0;
    else if (starts_with(line, "* class: "))
        return read_class(run, line, capacity, arena, err);
    else if (starts_with(line, "Elapsed: "))
        run->seconds = elapsed(line + 9);
    else if (starts_with(line, "epoch ["))
        read_loss(run, line);
    return 0;
}

/* "KEY: VALUE" of the arguments. */
static void read_argument(LoggedRun *run, const char *line) {
    if (starts_with(line, "trainer: "))
        run->trainer = line + 9;
    else if (starts_with(line, "model_dir: "))
        run->model_dir = line + 11;
    else if (strcmp(line, "eval_only: True") == 0)
        run->eval_only = true;
}

/* Cuts the text into lines; NULL at its end. */
static char *next_line(char **at) {
    char *line = *at;
    if (!*line)
        return NULL;
    size_t n = strcspn(line, "\n");
    *at = line + n + (line[n] == '\n');
    line[n] = '\0';
    if (n > 0 && line[n - 1] == '\r')
        line[n - 1] = '\0';
    return line;
}

int log_read(LoggedRun *run, const char *path, Arena *arena, Error *err) {
    size_t size;
    char *text = file_read(path, MAX_LOG, arena, &size, err), *at = text;
    enum { BEFORE, ARGUMENTS, CONFIG, BEHIND } part = BEFORE;
    bool finished = false;
    int number = 0, capacity = 0;
    *run = (LoggedRun){.path = path, .trainer = "", .model_dir = "", .seconds = NAN, .loss = NAN};
    if (!text)
        return -1;
    Buffer config = {0};
    begin_result(run);
    int status = 0;
    for (char *line; status == 0 && (line = next_line(&at));) {
        number++;
        if (strcmp(line, "** Arguments **") == 0)
            part = ARGUMENTS;
        else if (strcmp(line, "** Config **") == 0) {
            part = CONFIG;
            run->config_line = number + 2;
        } else if (part == CONFIG && starts_with(line, "Collecting env info"))
            part = BEHIND;
        else if (part == ARGUMENTS)
            read_argument(run, line);
        else if (part == CONFIG && number >= run->config_line)
            buffer_printf(&config, "%s\n", line);
        else if (part == BEHIND)
            status = read_line(run, line, &finished, &capacity, arena, err);
    }
    run->has_result = run->total > 0 && (finished || run->eval_only);
    run->config = buffer_take(&config, arena);
    if (status == 0 && part != BEHIND)
        status = error_set(err, "%s: no arguments and config, as the original's train.py prints them", path);
    return status < 0 || run->config ? status : error_memory(err);
}
