/* label.c: labels images with what was learned.
 *
 *     cc label.c $(pkg-config --cflags --libs coop) -o label
 *     ./label prompt.safetensors photo.jpg another.png
 */
#include <coop.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(const coop_error *error) {
    fprintf(stderr, "%s\n", error->message);
    return error->code == COOP_USAGE ? 2 : 3;
}

/* A line per image, in their order. A bad one is named, and the others are labelled. */
static int label(coop_classifier *classifier, char **paths, int n) {
    coop_image *images = (coop_image *)calloc((size_t)n, sizeof *images);
    coop_label *labels = (coop_label *)calloc((size_t)n, sizeof *labels);
    coop_error *errors = (coop_error *)calloc((size_t)n, sizeof *errors);
    coop_error error;
    int i, status = 4;
    if (images && labels && errors) {
        for (i = 0; i < n; i++)
            images[i] = coop_image_file(paths[i]);
        switch (coop_classify(classifier, images, n, labels, 1, errors, &error)) {
        case COOP_OK:
        case COOP_PARTLY:
            for (i = 0; i < n; i++)
                if (errors[i].code != COOP_OK)
                    fprintf(stderr, "%s\n", errors[i].message);
                else
                    printf("%s  %s %.1f %%\n", paths[i], coop_classifier_name(classifier, labels[i].index),
                           100 * labels[i].probability);
            status = error.code == COOP_OK ? 0 : 1;
            break;
        default:
            status = fail(&error);
        }
    }
    free(errors);
    free(labels);
    free(images);
    return status;
}

int main(int argc, char **argv) {
    coop_classifier *classifier;
    coop_options options;
    coop_error error;
    const char *note;
    int status;
    if (argc < 3) {
        fprintf(stderr, "usage: label LEARNED IMAGE...\n");
        return 2;
    }
    coop_options_init(&options, sizeof options);
    options.images = argc - 2; /* a few are labelled sooner when the library knows */
    if (coop_classifier_open(&classifier, argv[1], &options, &error) != COOP_OK)
        return fail(&error);
    note = coop_model_note(coop_classifier_model(classifier));
    if (note)
        fprintf(stderr, "%s\n", note);
    status = label(classifier, argv + 2, argc - 2);
    coop_classifier_close(classifier);
    return status;
}
