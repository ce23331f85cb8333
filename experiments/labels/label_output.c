/* label_output.c: see label_output.h */
#include "experiments/labels/label_output.h"

#include "clip/base/json.h"
#include "datasets/lists/csv_fields.h"
#include "experiments/terminal/output.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int label_output_top(const LabelOutput *output) {
    return output->top < output->n_classes ? output->top : output->n_classes;
}

static const char *name_of(const LabelOutput *output, coop_label label) {
    return output->class_names[label.index];
}

/* --- one image: labels NULL where it has none --- */

static void print_text(const LabelOutput *output, const char *path, const coop_label *labels) {
    if (!labels)
        return;
    printf("%-*s", output->width, printable(path, output->arena));
    for (int j = 0; j < label_output_top(output); j++)
        printf("  %s %.1f %%", printable(name_of(output, labels[j]), output->arena),
               100 * labels[j].probability);
    printf("\n");
}

static json_t *json_labels(const LabelOutput *output, const coop_label *labels) {
    json_t *list = json_array();
    int failed = !list;
    for (int j = 0; j < label_output_top(output); j++)
        failed |= json_array_append_new(list, json_pack("{s:s, s:f}", "name", name_of(output, labels[j]),
                                                        "probability", labels[j].probability));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

/* A path that is not UTF-8, which JSON needs, is shown as text shows it. */
static int print_json(const LabelOutput *output, const StreamImage *image, const coop_label *labels,
                      Error *err) {
    char *text = NULL;
    for (int attempt = 0; attempt < 2 && !text; attempt++) {
        const char *path = attempt == 0 ? image->path : printable(image->path, output->arena);
        json_begin();
        json_t *object = labels
                             ? json_pack("{s:s, s:o}", "image", path, "labels", json_labels(output, labels))
                             : json_pack("{s:s, s:s}", "image", path, "error", image->err.text);
        text = object ? json_write(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
        json_decref(object);
    }
    if (!text)
        return json_refuse(err, "%s: a name is not UTF-8, which JSON needs", image->path);
    print_json_line(stdout, text);
    free(text);
    return 0;
}

/* As it is, for programs; fit to be seen on a terminal. */
static void print_field(const LabelOutput *output, const char *text) {
    csv_print(stdout, isatty(STDOUT_FILENO) ? printable(text, output->arena) : text);
}

static void print_csv(const LabelOutput *output, const StreamImage *image, const coop_label *labels) {
    print_field(output, image->path);
    for (int j = 0; j < label_output_top(output); j++) {
        putchar(',');
        if (labels)
            print_field(output, name_of(output, labels[j]));
        putchar(',');
        if (labels)
            printf("%.6f", labels[j].probability);
    }
    putchar(',');
    print_field(output, image->err.text);
    putchar('\n');
}

static int print_image(const LabelOutput *output, const StreamImage *image, const coop_label *labels,
                       Error *err) {
    if (output->format == LABELS_JSON)
        return print_json(output, image, labels, err);
    if (output->format == LABELS_CSV)
        print_csv(output, image, labels);
    else
        print_text(output, image->path, labels);
    return 0;
}

void label_output_begin(const LabelOutput *output) {
    if (output->format != LABELS_CSV)
        return;
    printf("image,label,probability");
    for (int j = 1; j < label_output_top(output); j++)
        printf(",label_%d,probability_%d", j + 1, j + 1);
    printf(",error\n");
}

/* --- many --- */

/* The first image's fault may be all there is to say. */
static void tell_fault(LabelOutput *output, const Error *fault) {
    if (output->n == 1)
        output->held = *fault;
    else
        progress_print(output->progress, "%s", printable(fault->text, output->arena));
}

static void tell_held(LabelOutput *output) {
    if (output->n == 1 && output->held.kind != ERROR_NONE)
        progress_print(output->progress, "%s", printable(output->held.text, output->arena));
}

static int pass_over(LabelOutput *output, const char *path, Error *err) {
    if (output->n_passed++ == 0 && !(output->first_passed = strdup(path)))
        return error_memory(err);
    return 0;
}

static int put_image(LabelOutput *output, const StreamImage *image, const coop_label *labels, int side,
                     Error *err) {
    if (!image->rgb && image->err.kind == ERROR_NONE)
        return pass_over(output, image->path, err);
    if (image->err.kind > ERROR_INPUT) { /* it is not the image: no memory */
        if (err)
            *err = image->err;
        return -1;
    }
    tell_held(output);
    output->n++;
    if (!image->rgb)
        output->n_bad++, tell_fault(output, &image->err);
    if (print_image(output, image, image->rgb ? labels : NULL, err) < 0)
        return -1;
    return output->sheet ? contact_sheet_add(output->sheet, image->path, image->rgb, side,
                                             image->rgb ? labels[0].index : -1,
                                             image->rgb ? labels[0].probability : 0, image->err.text, err)
                         : 0;
}

/* So that a batch stands in columns. */
static void widen(LabelOutput *output, const StreamImage *const *images, int n) {
    for (int i = 0; i < n; i++) {
        const int length = images[i]->rgb ? (int)strlen(printable(images[i]->path, output->arena)) : 0;
        output->width = length > output->width ? length : output->width;
    }
}

int label_output_put(LabelOutput *output, const StreamImage *const *images, int n, const coop_label *labels,
                     int side, Error *err) {
    const size_t mark = arena_mark(output->arena);
    int result = 0;
    if (output->format == LABELS_TEXT)
        widen(output, images, n);
    for (int i = 0; i < n && result == 0; i++) {
        result = put_image(output, images[i], labels, side, err);
        labels += images[i]->rgb ? label_output_top(output) : 0;
    }
    arena_reset(output->arena, mark);
    return result < 0 ? -1 : output_flush(err);
}

int label_output_verdict(const LabelOutput *output, Error *err) {
    if (output->n_bad == 0)
        return 0;
    if (output->n == 1) {
        if (err)
            *err = output->held;
        return -1;
    }
    error_set(err, "%ld of %ld images could not be read", output->n_bad, output->n);
    if (err)
        err->kind = output->n_bad < output->n ? ERROR_PARTLY : ERROR_INPUT;
    return -1;
}

void label_output_free(LabelOutput *output) {
    free(output->first_passed);
    output->first_passed = NULL;
}
