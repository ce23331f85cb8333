/* What tells the activation: a choice, a config, the code of an archive, or nothing. */
#include "clip/checkpoint/activations.h"

#include "clip/base/files.h"
#include "clip/checkpoint/model.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/support.h"
#include "tests/support/torch_support.h"
#include "tests/support/tower_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONFIG(quick)                                                                                        \
    "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": " quick ",\n"                                       \
    "   \"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, \"image_size\": 32},\n"           \
    "   \"text_cfg\": {\"width\": 128, \"layers\": 3, \"heads\": 2, \"vocab_size\": 718}}}"

/* --- the golden ViT as a TorchScript archive --- */

/* An entry of the module's state: 'name' and its tensor, in the storage with the number `key`. */
static void put_entry(FILE *out, const TensorOut *t, int key) {
    int64_t count = 1, strides[4] = {0};
    for (int d = t->n_dims; d-- > 0;) {
        strides[d] = count;
        count *= t->shape[d];
    }
    fprintf(out, "'%s'<torch._utils _rebuild_tensor_v2>(('storage'<torch HalfStorage>'%d''cpu'#%lld tQ #0 (",
            t->name, key, (long long)count);
    for (int d = 0; d < t->n_dims; d++)
        fprintf(out, "#%lld ", (long long)t->shape[d]);
    fprintf(out, "t(");
    for (int d = 0; d < t->n_dims; d++)
        fprintf(out, "#%lld ", (long long)strides[d]);
    fprintf(out, "t x89" ORDERED_DICT "tR");
}

static void write_script(const char *path, const char *code) {
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(FIXTURES "clip_vit.safetensors");
    Copy *copy = copy_of(file, arena);
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ZipPiece *pieces = ARENA_NEW(arena, ZipPiece, copy->n + 3);
    assert_non_null(pieces);
    fprintf(out, PROTO "<__torch__ CLIP>)x81}(");
    for (int i = 0; i < copy->n; i++) {
        const Tensor *t = tensors_find(file, copy->tensors[i].name);
        assert_int_equal(t->dtype, DTYPE_F16);
        put_entry(out, &copy->tensors[i], i);
        pieces[i] = (ZipPiece){arena_printf(arena, "a/data/%d", i), t->data, t->size};
    }
    fprintf(out, "ub.");
    fclose(out);
    Bytes pickle = pickle_build(text);
    pieces[copy->n] = (ZipPiece){"a/data.pkl", pickle.data, pickle.size};
    pieces[copy->n + 1] = (ZipPiece){"a/version", "3\n", 2};
    pieces[copy->n + 2] = (ZipPiece){"a/code/__torch__/clip.py", code, strlen(code)};
    ZipBuilt zip = zip_build(pieces, copy->n + 3);
    zip_save(path, &zip);
    bytes_free(&pickle);
    free(text);
    tensors_close(file);
    arena_free(arena);
}

static void write_config(void **state, const char *text) {
    scratch_file(in_scratch(state, "open_clip_config.json").text, text, strlen(text));
}

#define QUICK_CODE "def forward(self, x):\n  return torch.mul(x, torch.sigmoid(torch.mul(x, 1.702)))\n"
#define GELU_CODE "def forward(self, x):\n  return torch.gelu(x)\n"

static Clip *open_as(const char *path, ClipActivation activation, Error *err) {
    return clip_open_with(path, &(ClipOptions){.towers = CLIP_BOTH, .activation = activation}, err);
}

static void check_code(void **state, const char *code, Activation want, const char *source) {
    Path path = in_scratch(state, "clip.pt");
    write_script(path.text, code);
    Clip *clip = tower_open(path.text, CLIP_BOTH);
    assert_int_equal(clip->text.activation, want);
    assert_int_equal(clip->vit.activation, want);
    assert_int_equal(clip->assumed, source == NULL);
    assert_int_equal(clip->note == NULL, source != NULL);
    if (source)
        assert_string_equal(clip->activation_source, source);
    clip_free(clip);
}

static void test_code(void **state) {
    check_code(state, GELU_CODE, ACTIVATION_GELU, "its code");
    check_code(state, QUICK_CODE, ACTIVATION_QUICK_GELU, "its code");
    check_code(state, "def forward(self, x):\n  return x\n", ACTIVATION_QUICK_GELU, NULL);
    check_code(state, GELU_CODE QUICK_CODE, ACTIVATION_QUICK_GELU, NULL);
    Error err = {0};
    Path path = in_scratch(state, "clip.pt");
    write_script(path.text, "torch.gelu(x, approximate=\"tanh\")");
    assert_null(open_as(path.text, CLIP_ACTIVATION_AUTO, &err));
    assert_non_null(strstr(err.text, "clip.pt: its code computes GELU by tanh"));
}

/* A config beside an archive counts, and must not contradict its code; a choice goes before both. */
static void test_config(void **state) {
    Error err = {0};
    Path path = in_scratch(state, "clip.pt");
    write_script(path.text, "");
    write_config(state, CONFIG("false"));
    Clip *clip = tower_open(path.text, CLIP_BOTH);
    assert_int_equal(clip->text.activation, ACTIVATION_GELU);
    assert_non_null(strstr(clip->activation_source, "/open_clip_config.json"));
    clip_free(clip);
    write_script(path.text, GELU_CODE);
    clip_free(tower_open(path.text, CLIP_BOTH));
    write_script(path.text, QUICK_CODE);
    assert_null(open_as(path.text, CLIP_ACTIVATION_AUTO, &err));
    assert_non_null(strstr(err.text, "clip.pt: its code computes quick_gelu, but "));
    assert_non_null(
        strstr(err.text, "open_clip_config.json says gelu (--activation or model.activation decides)"));
    clip = open_as(path.text, CLIP_ACTIVATION_QUICK_GELU, &err);
    assert_int_equal(clip->vit.activation, ACTIVATION_QUICK_GELU);
    assert_false(clip->assumed);
    assert_non_null(strstr(clip->note, "quick_gelu, which was asked for, goes before the gelu of "));
    clip_free(clip);
}

static void test_choice(void **state) {
    Error err = {0};
    Path path = in_scratch(state, "clip.pt");
    write_script(path.text, QUICK_CODE);
    Clip *clip = open_as(path.text, CLIP_ACTIVATION_GELU, &err);
    assert_int_equal(clip->text.activation, ACTIVATION_GELU);
    assert_non_null(strstr(clip->note, "gelu, which was asked for, goes before the quick_gelu of its code"));
    clip_free(clip);
}

static void test_names(void **state) {
    (void)state;
    ClipActivation choice;
    for (int i = CLIP_ACTIVATION_AUTO; i <= CLIP_ACTIVATION_GELU; i++) {
        assert_int_equal(clip_activation_from(&choice, clip_activation_name((ClipActivation)i)), 0);
        assert_int_equal(choice, i);
    }
    assert_int_equal(clip_activation_from(&choice, "relu"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_code),
        IN_SCRATCH(test_config),
        IN_SCRATCH(test_choice),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
