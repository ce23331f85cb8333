/* Where each flavour keeps which tensor. Models and refusals: test_flavours.c, test_model.c. */
#include "clip/checkpoint/names.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *openai, *custom_text, *hugging_face; /* NULL: as in OpenAI */
    PlaceForm form;                                  /* in hugging_face */
} names[] = {
    {"token_embedding.weight", "text.token_embedding.weight", "text_model.embeddings.token_embedding.weight",
     PLACE_AS_IS},
    {"positional_embedding", "text.positional_embedding", "text_model.embeddings.position_embedding.weight",
     PLACE_AS_IS},
    {"transformer.resblocks.0.ln_1.weight", "text.transformer.resblocks.0.ln_1.weight",
     "text_model.encoder.layers.0.layer_norm1.weight", PLACE_AS_IS},
    {"transformer.resblocks.11.attn.in_proj_weight", "text.transformer.resblocks.11.attn.in_proj_weight",
     "text_model.encoder.layers.11.self_attn.q_proj.weight", PLACE_THREE},
    {"transformer.resblocks.2.mlp.c_fc.bias", "text.transformer.resblocks.2.mlp.c_fc.bias",
     "text_model.encoder.layers.2.mlp.fc1.bias", PLACE_AS_IS},
    {"ln_final.bias", "text.ln_final.bias", "text_model.final_layer_norm.bias", PLACE_AS_IS},
    {"text_projection", "text.text_projection", "text_projection.weight", PLACE_TRANSPOSED},
    {"logit_scale", NULL, "logit_scale", PLACE_AS_IS},
    {"visual.conv1.weight", NULL, "vision_model.embeddings.patch_embedding.weight", PLACE_AS_IS},
    {"visual.class_embedding", NULL, "vision_model.embeddings.class_embedding", PLACE_AS_IS},
    {"visual.positional_embedding", NULL, "vision_model.embeddings.position_embedding.weight", PLACE_AS_IS},
    {"visual.ln_pre.weight", NULL, "vision_model.pre_layrnorm.weight", PLACE_AS_IS},
    {"visual.transformer.resblocks.23.attn.in_proj_bias", NULL,
     "vision_model.encoder.layers.23.self_attn.q_proj.bias", PLACE_THREE},
    {"visual.transformer.resblocks.3.attn.out_proj.weight", NULL,
     "vision_model.encoder.layers.3.self_attn.out_proj.weight", PLACE_AS_IS},
    {"visual.transformer.resblocks.3.mlp.c_proj.weight", NULL, "vision_model.encoder.layers.3.mlp.fc2.weight",
     PLACE_AS_IS},
    {"visual.transformer.resblocks.3.ln_2.bias", NULL, "vision_model.encoder.layers.3.layer_norm2.bias",
     PLACE_AS_IS},
    {"visual.ln_post.bias", NULL, "vision_model.post_layernorm.bias", PLACE_AS_IS},
    {"visual.proj", NULL, "visual_projection.weight", PLACE_TRANSPOSED},
    {"visual.layer1.0.downsample.0.weight", NULL, "visual.layer1.0.downsample.0.weight", PLACE_AS_IS},
    {"transformer.resblocks.", "text.transformer.resblocks.", "text_model.encoder.layers.", PLACE_AS_IS},
};

static void test_places(void **state) {
    (void)state;
    const NameScheme openai = {NAMES_OPENAI, ""}, wrapped = {NAMES_OPENAI, "module."};
    const NameScheme custom = {NAMES_OPENCLIP, "module."}, hugging_face = {NAMES_HUGGING_FACE, ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *name = names[i].openai, *text = names[i].custom_text;
        char want[NAME_SIZE];
        Place place = names_place(&openai, name);
        assert_int_equal(place.form, PLACE_AS_IS);
        assert_string_equal(place.names[0], name);
        snprintf(want, sizeof want, "module.%s", name);
        place = names_place(&wrapped, name);
        assert_string_equal(place.names[0], want);
        snprintf(want, sizeof want, "module.%s", text ? text : name);
        place = names_place(&custom, name);
        assert_string_equal(place.names[0], want);
        place = names_place(&hugging_face, name);
        assert_string_equal(place.names[0], names[i].hugging_face);
        assert_int_equal(place.form, names[i].form);
    }
    Place qkv = names_place(&hugging_face, "visual.transformer.resblocks.5.attn.in_proj_weight");
    assert_string_equal(qkv.names[1], "vision_model.encoder.layers.5.self_attn.k_proj.weight");
    assert_string_equal(qkv.names[2], "vision_model.encoder.layers.5.self_attn.v_proj.weight");
    assert_string_equal(names_title(NAMES_HUGGING_FACE), "Hugging Face");
}

/* A file with the one tensor, and what it is found to be. */
static void test_detect(void **state) {
    static const struct {
        const char *tensor;
        bool known;
        NameFlavour flavour;
        const char *prefix;
    } files[] = {
        {"token_embedding.weight", true, NAMES_OPENAI, ""},
        {"visual.conv1.weight", true, NAMES_OPENAI, ""},
        {"module.text_projection", true, NAMES_OPENAI, "module."},
        {"text.token_embedding.weight", true, NAMES_OPENCLIP, ""},
        {"module.text.text_projection", true, NAMES_OPENCLIP, "module."},
        {"text_model.embeddings.token_embedding.weight", true, NAMES_HUGGING_FACE, ""},
        {"clip.vision_model.embeddings.patch_embedding.weight", true, NAMES_HUGGING_FACE, "clip."},
        {"visual_projection.weight", true, NAMES_HUGGING_FACE, ""},
        {"ctx", false, NAMES_OPENAI, ""},
        {"some.token_embedding.weight", false, NAMES_OPENAI, ""},
    };
    char path[512];
    scratch_path(state, "file.safetensors", path, sizeof path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        Error err = {0};
        const float x[2] = {1, 2};
        const TensorOut out = {files[i].tensor, DTYPE_F32, 1, {2}, x};
        assert_int_equal(safetensors_write(path, &out, 1, NULL, 0, &err), 0);
        TensorFile *file = tensors_open(path, &err);
        NameScheme scheme;
        assert_int_equal(names_detect(&scheme, file), files[i].known);
        assert_int_equal(scheme.flavour, files[i].flavour);
        assert_string_equal(scheme.prefix, files[i].prefix);
        assert_int_equal(names_refuse(file, &err), 0);
        assert_int_equal(names_check(&scheme, file, &err), files[i].known ? 0 : -1);
        tensors_close(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test_setup_teardown(test_detect, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
