/* activations.c: see activations.h */
#include "clip/checkpoint/activations.h"

#include "clip/tensors/torch_code.h"

#include <string.h>

const char *clip_activation_name(ClipActivation choice) {
    static const char *const names[] = {"auto", "quick_gelu", "gelu"};
    return names[choice];
}

int clip_activation_from(ClipActivation *choice, const char *name) {
    for (int i = CLIP_ACTIVATION_AUTO; i <= CLIP_ACTIVATION_GELU; i++)
        if (strcmp(clip_activation_name((ClipActivation)i), name) == 0) {
            *choice = (ClipActivation)i;
            return 0;
        }
    return -1;
}

/* Only QuickGELU calls a sigmoid, and only GELU a gelu. Code that calls both tells nothing. */
static int ask_code(Activations *said, const TensorFile *file, Error *err) {
    enum { SIGMOID, GELU, TANH, N };
    static const char *const calls[N] = {"torch.sigmoid", "torch.gelu", "approximate=\"tanh\""};
    bool found[N];
    *said = (Activations){0};
    if (torch_code_find(file, calls, N, found, err) < 0)
        return -1;
    if (found[TANH])
        return error_set(err,
                         "%s: its code computes GELU by tanh: only QuickGELU and the exact GELU are computed",
                         tensors_path(file));
    if (found[SIGMOID] != found[GELU]) {
        said->source = "its code";
        said->text = said->image = found[GELU] ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU;
    }
    return 0;
}

static bool differ(const Activations *a, const Activations *b, bool is_vit) {
    return a->text != b->text || (is_vit && a->image != b->image);
}

/* The one of both that is not `is`. */
static const char *other_name(const Activations *said, Activation is) {
    return activation_name(said->text != is ? said->text : said->image);
}

int activations_find(Activations *out, const TensorFile *file, const ModelConfig *config, bool is_vit,
                     bool matters, ClipActivation choice, Arena *arena, Error *err) {
    const char *path = tensors_path(file);
    const char *source = config->path ? config->path : config->name;
    const Activations by_config = {
        .source = source, .text = config->text.activation, .image = config->image.activation};
    Activations by_code;
    if (ask_code(&by_code, file, err) < 0)
        return -1;
    *out = by_config.source ? by_config : by_code;
    if (choice != CLIP_ACTIVATION_AUTO) {
        const Activation is = choice == CLIP_ACTIVATION_GELU ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU;
        const Activations said = *out;
        *out = (Activations){.source = "a choice", .text = is, .image = is};
        if (said.source && differ(&said, out, is_vit))
            out->note = arena_printf(arena, "%s: %s, which was asked for, goes before the %s of %s", path,
                                     activation_name(is), other_name(&said, is), said.source);
    } else if (by_config.source && by_code.source && differ(&by_config, &by_code, is_vit)) {
        return error_set(
            err, "%s: its code computes %s, but %s says %s (--activation or model.activation decides)", path,
            activation_name(by_code.text), source, other_name(&by_config, by_code.text));
    } else if (!out->source && matters) {
        out->assumed = true;
        out->note =
            arena_printf(arena, "%s: no config beside it says which activation; QuickGELU is assumed", path);
    }
    return 0;
}
