/* classifier_file.c: see classifier_file.h. */
#include "coop/classifier_file.h"

#include <string.h>

#define FORMAT "coop-classifier"

bool classifier_file_is_one(const TensorFile *file) {
    const char *format = tensors_metadata(file, "format");
    return format && strcmp(format, FORMAT) == 0;
}

int classifier_file_write(const char *path, const Prompt *head, const ClassifierKind *kind,
                          const TensorOut *tensors, int n_tensors, Error *err) {
    const MetadataOut more[] = {{"kind", kind->name}};
    return prompt_write_as(path, FORMAT, head, tensors, n_tensors, more, 1, err);
}

int classifier_file_read(ClassifierFile *classifier, const TensorFile *file, Arena *arena, Error *err) {
    Prompt *head = &classifier->head;
    *classifier = (ClassifierFile){0};
    if (prompt_read_head(head, file, FORMAT, arena, err) < 0)
        return -1;
    const char *name = tensors_metadata(file, "kind");
    classifier->kind = name ? classifier_kind(name) : NULL;
    if (!classifier->kind)
        return error_set(err, "%s: metadata: kind '%.40s' is not known", tensors_path(file),
                         name ? name : "");
    if (classifier->kind->has_texts && prompt_read_texts(head, file, arena, err) < 0)
        return -1;
    KindInput input = {.n_classes = head->n_classes,
                       .embed_dim = head->embed_dim,
                       .text_features = head->text_features,
                       .logit_scale = head->logit_scale};
    classifier->state = classifier->kind->open(&input, file, arena, err);
    head->embed_dim = input.embed_dim;
    return classifier->state ? 0 : -1;
}
