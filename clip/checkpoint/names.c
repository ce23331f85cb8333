/* names.c: names as tables (names.h).
 *
 * A rule replaces the beginning of OpenAI's name, or all of it; what follows the number of a layer has rules
 * of its own. Sources: openai/CLIP model.py, open_clip model.py, transformers modeling_clip.py.
 */
#include "clip/checkpoint/names.h"

#include "clip/base/text_ends.h"

#include <stdio.h>
#include <string.h>

/* `from` is a beginning when it ends in '.', else a whole name. */
typedef struct {
    const char *from, *to; /* PLACE_THREE: '?' in `to` is q, k, v */
    PlaceForm form;
} Rule;

static const Rule no_rules[] = {{NULL, NULL, PLACE_AS_IS}};

static const Rule custom_text_rules[] = {
    {"token_embedding.", "text.token_embedding.", PLACE_AS_IS},
    {"positional_embedding", "text.positional_embedding", PLACE_AS_IS},
    {"positional_embedding_res", "text.positional_embedding_res", PLACE_AS_IS},
    {"transformer.resblocks.", "text.transformer.resblocks.", PLACE_AS_IS},
    {"ln_final.", "text.ln_final.", PLACE_AS_IS},
    {"text_projection", "text.text_projection", PLACE_AS_IS},
    {NULL, NULL, PLACE_AS_IS}};

static const Rule hugging_face_rules[] = {
    {"token_embedding.", "text_model.embeddings.token_embedding.", PLACE_AS_IS},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight", PLACE_AS_IS},
    {"transformer.resblocks.", "text_model.encoder.layers.", PLACE_AS_IS},
    {"ln_final.", "text_model.final_layer_norm.", PLACE_AS_IS},
    {"text_projection", "text_projection.weight", PLACE_TRANSPOSED},
    {"visual.conv1.", "vision_model.embeddings.patch_embedding.", PLACE_AS_IS},
    {"visual.class_embedding", "vision_model.embeddings.class_embedding", PLACE_AS_IS},
    {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight", PLACE_AS_IS},
    {"visual.ln_pre.", "vision_model.pre_layrnorm.", PLACE_AS_IS}, /* sic */
    {"visual.transformer.resblocks.", "vision_model.encoder.layers.", PLACE_AS_IS},
    {"visual.ln_post.", "vision_model.post_layernorm.", PLACE_AS_IS},
    {"visual.proj", "visual_projection.weight", PLACE_TRANSPOSED},
    {NULL, NULL, PLACE_AS_IS}};

/* Of what follows "resblocks.N." */
static const Rule hugging_face_layer_rules[] = {
    {"ln_1.", "layer_norm1.", PLACE_AS_IS},
    {"attn.in_proj_weight", "self_attn.?_proj.weight", PLACE_THREE},
    {"attn.in_proj_bias", "self_attn.?_proj.bias", PLACE_THREE},
    {"attn.out_proj.", "self_attn.out_proj.", PLACE_AS_IS},
    {"ln_2.", "layer_norm2.", PLACE_AS_IS},
    {"mlp.c_fc.", "mlp.fc1.", PLACE_AS_IS},
    {"mlp.c_proj.", "mlp.fc2.", PLACE_AS_IS},
    {NULL, NULL, PLACE_AS_IS}};

typedef struct {
    const char *title;
    const Rule *rules, *layer_rules;
    const char *signs[4]; /* any of these tensors, by OpenAI's names, shows the flavour */
} Flavour;

static const Flavour flavours[] = {
    [NAMES_OPENAI] = {"OpenAI",
                      no_rules,
                      no_rules,
                      {"token_embedding.weight", "text_projection", "visual.conv1.weight"}},
    [NAMES_OPENCLIP] = {"OpenCLIP",
                        custom_text_rules,
                        no_rules,
                        {"token_embedding.weight", "text_projection"}},
    [NAMES_HUGGING_FACE] = {"Hugging Face",
                            hugging_face_rules,
                            hugging_face_layer_rules,
                            {"token_embedding.weight", "visual.conv1.weight", "visual.proj"}},
};

/* What wrappers put in front of every name: DataParallel, torch.compile, a model that contains a CLIP. */
static const char *const prefixes[] = {
    "", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "clip.", "clip_model."};
enum { N_PREFIXES = sizeof prefixes / sizeof *prefixes };

const char *names_title(NameFlavour flavour) {
    return flavours[flavour].title;
}

/* --- from OpenAI's name to the file's --- */

static const Rule *find_rule(const Rule *rules, const char *name) {
    for (; rules->from; rules++)
        if (rules->from[strlen(rules->from) - 1] == '.' ? starts_with(name, rules->from)
                                                        : strcmp(name, rules->from) == 0)
            return rules;
    return NULL;
}

/* What follows the number of a layer; NULL for a name without one. */
static const char *layer_part(const char *name) {
    const char *at = strstr(name, "resblocks.");
    if (!at)
        return NULL;
    at += strlen("resblocks.");
    size_t digits = strspn(at, "0123456789");
    return digits > 0 && at[digits] == '.' ? at + digits + 1 : NULL;
}

Place names_place(const NameScheme *scheme, const char *openai_name) {
    const Flavour *flavour = &flavours[scheme->flavour];
    const char *part = layer_part(openai_name), *tail = openai_name;
    int n_head = part ? (int)(part - openai_name) : (int)strlen(openai_name);
    char head[NAME_SIZE];
    snprintf(head, sizeof head, "%.*s", n_head, openai_name);
    const Rule *rule = find_rule(flavour->rules, head);
    const Rule *inner = part ? find_rule(flavour->layer_rules, part) : NULL;
    tail = head + (rule ? strlen(rule->from) : 0);
    Place place = {.form = inner ? inner->form : rule ? rule->form : PLACE_AS_IS};
    for (int i = 0; i < (place.form == PLACE_THREE ? 3 : 1); i++) {
        char *out = place.names[i];
        snprintf(out, NAME_SIZE, "%s%s%s%s%s", scheme->prefix, rule ? rule->to : "", tail,
                 inner  ? inner->to
                 : part ? part
                        : "",
                 inner ? part + strlen(inner->from) : "");
        char *letter = place.form == PLACE_THREE ? strchr(out, '?') : NULL;
        if (letter)
            *letter = "qkv"[i];
    }
    return place;
}

/* --- which flavour a file has --- */

bool names_detect(NameScheme *scheme, const TensorFile *file) {
    static const NameFlavour order[] = {NAMES_OPENCLIP, NAMES_HUGGING_FACE, NAMES_OPENAI};
    for (int p = 0; p < N_PREFIXES; p++)
        for (int f = 0; f < 3; f++) {
            *scheme = (NameScheme){order[f], prefixes[p]};
            for (const char *const *sign = flavours[order[f]].signs; *sign; sign++)
                if (tensors_find(file, names_place(scheme, *sign).names[0]))
                    return true;
        }
    *scheme = (NameScheme){NAMES_OPENAI, ""};
    return false;
}

/* --- what is refused --- */

typedef struct {
    const char *beginning, *except, *reason;
} Refusal;

#define NO_PROJECTION                                                                                        \
    "a tower without its projection (CLIPTextModel, CLIPVisionModel), which features in the space of "       \
    "images "                                                                                                \
    "and texts need"

static const Refusal refusals[] = {
    {"text_decoder.", NULL, "a CoCa model: its decoder and pooling are not CLIP's"},
    {"visual.trunk.attn_pool.", NULL, "a SigLIP model, or another that pools by attention: not a CLIP"},
    {"visual.trunk.", NULL,
     "an image tower of timm (ConvNeXt, SigLIP, EVA, ...): only CLIP's own ViT and ResNet are read"},
    {"visual.blocks.", NULL, "an image tower of EVA-CLIP: only CLIP's own ViT and ResNet are read"},
    {"visual.attn_pool", NULL, "pooling by attention, as in CoCa, where CLIP reads the class token"},
    {"text.cls_emb", NULL,
     "a class token at the end of the text, as in CoCa, where CLIP reads the end-of-text token"},
    {"text.transformer.", "text.transformer.resblocks.",
     "a text tower of Hugging Face (BERT, RoBERTa, T5, ...): only CLIP's own is read"},
    {"text_model.roberta.", NULL, "a RoBERTa text tower (AltCLIP): only CLIP's own is read"},
    {"text_model.encoder.layer.", NULL, "a BERT text tower (Chinese-CLIP): only CLIP's own is read"},
    {"text_model.head.", NULL, "a SigLIP model: not a CLIP"},
    {"vision_model.head.", NULL, "a SigLIP model: not a CLIP"},
    {"text_projection.bias", NULL, "a text projection with a bias, which CLIP has not"},
    {"text.text_projection.", NULL,
     "a text projection that is a linear layer, with a bias, which CLIP has not"},
    {"text_model.embeddings.word_embeddings.", NULL,
     "a BERT text tower (Chinese-CLIP): only CLIP's own is read"},
    {"image_encoder.model.", NULL, "a MobileCLIP model: not a CLIP"},
    {"embeddings.", NULL, NO_PROJECTION},
    {"owlvit.", NULL, "an OWL-ViT model, which finds objects: not a CLIP"},
    {"owlv2.", NULL, "an OWLv2 model, which finds objects: not a CLIP"},
    {"class_head.", NULL, "an OWL-ViT model, which finds objects: not a CLIP"},
    {"prompts_generator.", NULL, "an X-CLIP model, which takes videos: not a CLIP"},
    {"prompts_visual_", NULL, "an X-CLIP model, which takes videos: not a CLIP"},
    {"mit.", NULL, "an X-CLIP model, which takes videos: not a CLIP"},
    {"decoder.", NULL, "a CLIPSeg model, which segments images: not a CLIP"},
    {"classifier.", NULL, "an image classifier (CLIPForImageClassification): not a CLIP"},
};

typedef enum { OF_BOTH, OF_VIT, OF_RESNET } KnownTower;

/* All that is read, in OpenAI's terms: whole names, and beginnings that end in '.', behind which
 * checkpoint_layers looks. */
static const struct {
    const char *name;
    KnownTower tower;
} known[] = {
    {"token_embedding.weight", OF_BOTH},
    {"positional_embedding", OF_BOTH},
    {"positional_embedding_res", OF_BOTH}, /* Long-CLIP */
    {"transformer.resblocks.", OF_BOTH},
    {"ln_final.weight", OF_BOTH},
    {"ln_final.bias", OF_BOTH},
    {"text_projection", OF_BOTH},
    {"logit_scale", OF_BOTH},
    {"visual.conv1.weight", OF_BOTH},
    {"visual.class_embedding", OF_VIT},
    {"visual.positional_embedding", OF_VIT},
    {"visual.ln_pre.weight", OF_VIT},
    {"visual.ln_pre.bias", OF_VIT},
    {"visual.transformer.resblocks.", OF_VIT},
    {"visual.ln_post.weight", OF_VIT},
    {"visual.ln_post.bias", OF_VIT},
    {"visual.proj", OF_VIT},
    {"visual.conv2.weight", OF_RESNET},
    {"visual.conv3.weight", OF_RESNET},
    {"visual.layer1.", OF_RESNET},
    {"visual.layer2.", OF_RESNET},
    {"visual.layer3.", OF_RESNET},
    {"visual.layer4.", OF_RESNET},
    {"visual.attnpool.positional_embedding", OF_RESNET},
    {"visual.attnpool.q_proj.weight", OF_RESNET},
    {"visual.attnpool.q_proj.bias", OF_RESNET},
    {"visual.attnpool.k_proj.weight", OF_RESNET},
    {"visual.attnpool.k_proj.bias", OF_RESNET},
    {"visual.attnpool.v_proj.weight", OF_RESNET},
    {"visual.attnpool.v_proj.bias", OF_RESNET},
    {"visual.attnpool.c_proj.weight", OF_RESNET},
    {"visual.attnpool.c_proj.bias", OF_RESNET},
};
enum { N_KNOWN = sizeof known / sizeof *known };

/* Of the three norms of a ResNet's stem. */
static const char *const norm_parts[] = {"weight", "bias", "running_mean", "running_var"};

/* What no feature depends on, by the end of the name: numbers that follow from the shapes, and counters. */
static const char *const harmless_ends[] = {"position_ids", "attn_mask", "num_batches_tracked"};

/* The same by the whole name, behind a wrapper's prefix. A bias of the logits is the same for all classes. */
static const char *const harmless_names[] = {
    "logit_bias", "input_resolution", "context_length", "vocab_size", "epoch", "step", "global_step"};

/* The state of a training. */
static const char *const harmless_beginnings[] = {"optimizer.", "optimizer_state.", "scheduler.",
                                                  "lr_scheduler.", "scaler."};

/* The name after the longest known prefix. */
static const char *bare(const char *name) {
    size_t longest = 0;
    for (int p = 1; p < N_PREFIXES; p++)
        if (starts_with(name, prefixes[p]) && strlen(prefixes[p]) > longest)
            longest = strlen(prefixes[p]);
    return name + longest;
}

static int refuse(const TensorFile *file, const Tensor *tensor, const char *reason, Error *err) {
    return error_set(err, "%s: tensor %s: not supported: %s", tensors_path(file), tensor->name, reason);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_harmless(const char *name) {
    const char *own = bare(name);
    for (size_t i = 0; i < COUNT(harmless_ends); i++)
        if (ends_with(name, harmless_ends[i]))
            return true;
    for (size_t i = 0; i < COUNT(harmless_names); i++)
        if (strcmp(own, harmless_names[i]) == 0)
            return true;
    for (size_t i = 0; i < COUNT(harmless_beginnings); i++)
        if (starts_with(own, harmless_beginnings[i]))
            return true;
    return false;
}

/* "visual.bn1.weight" and the like */
static bool is_stem_norm(const NameScheme *scheme, const char *name) {
    char want[NAME_SIZE];
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < COUNT(norm_parts); k++) {
            snprintf(want, sizeof want, "%svisual.bn%d.%s", scheme->prefix, i + 1, norm_parts[k]);
            if (strcmp(name, want) == 0)
                return true;
        }
    return false;
}

static bool is_known(const char *name, const Place *places, KnownTower tower) {
    for (int i = 0; i < N_KNOWN; i++) {
        const char *place = places[i].names[0];
        if ((known[i].tower == OF_BOTH || known[i].tower == tower) &&
            (place[strlen(place) - 1] == '.' ? starts_with(name, place) : strcmp(name, place) == 0))
            return true;
    }
    return false;
}

bool names_has_tower(const NameScheme *scheme, const TensorFile *file, bool image) {
    const char *name = image ? "visual.conv1.weight" : "token_embedding.weight";
    return scheme->flavour != NAMES_HUGGING_FACE || tensors_find(file, names_place(scheme, name).names[0]);
}

bool names_is_resnet(const NameScheme *scheme, const TensorFile *file) {
    return !tensors_find(file, names_place(scheme, "visual.proj").names[0]) &&
           (tensors_find(file, names_place(scheme, "visual.layer1.0.conv1.weight").names[0]) ||
            tensors_find(file, names_place(scheme, "visual.attnpool.positional_embedding").names[0]));
}

bool names_is_visual(const char *name) {
    const char *own = bare(name);
    return starts_with(own, "visual.") || starts_with(own, "vision_model.") ||
           starts_with(own, "visual_projection.");
}

int names_refuse(const TensorFile *file, Error *err) {
    for (size_t r = 0; r < COUNT(refusals); r++) {
        const Refusal *refusal = &refusals[r];
        for (int i = 0; i < tensors_count(file); i++) {
            const char *name = bare(tensors_at(file, i)->name);
            if (starts_with(name, refusal->beginning) &&
                !(refusal->except && starts_with(name, refusal->except)))
                return refuse(file, tensors_at(file, i), refusal->reason, err);
        }
    }
    return 0;
}

static int check_projection(const NameScheme *scheme, const TensorFile *file, bool image, Error *err) {
    const Place place = names_place(scheme, image ? "visual.proj" : "text_projection");
    return scheme->flavour != NAMES_HUGGING_FACE || !names_has_tower(scheme, file, image) ||
                   tensors_find(file, place.names[0])
               ? 0
               : error_set(err, "%s: tensor %s: missing: " NO_PROJECTION, tensors_path(file), place.names[0]);
}

int names_check_projections(const NameScheme *scheme, const TensorFile *file, Error *err) {
    return check_projection(scheme, file, false, err) < 0 ? -1 : check_projection(scheme, file, true, err);
}

int names_check(const NameScheme *scheme, const TensorFile *file, Error *err) {
    const KnownTower tower = names_is_resnet(scheme, file) ? OF_RESNET : OF_VIT;
    Place places[N_KNOWN];
    for (int i = 0; i < N_KNOWN; i++)
        places[i] = names_place(scheme, known[i].name);
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        if (!is_known(tensor->name, places, tower) && !is_harmless(tensor->name) &&
            !(tower == OF_RESNET && is_stem_norm(scheme, tensor->name)))
            return refuse(file, tensor, "CLIP has no such weight", err);
    }
    return 0;
}
