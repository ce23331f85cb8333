/* torch_support.h: files byte by byte, for the tests of what reads zip archives, pickles and torch files. */
#ifndef TESTS_SUPPORT_TORCH_SUPPORT_H
#define TESTS_SUPPORT_TORCH_SUPPORT_H

#include "clip/tensors/tensors.h"
#include "tests/support/scratch.h"

#include <stddef.h>
#include <stdint.h>

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

typedef struct {
    char text[4200];
} Path;

Path in_scratch(void **state, const char *name);

/* --- bytes --- */

/* A zeroed one is empty. */
typedef struct {
    unsigned char *data;
    size_t size, room;
} Bytes;

void bytes_add(Bytes *bytes, const void *data, size_t size);
void bytes_text(Bytes *bytes, const char *text);                /* without its NUL */
void bytes_number(Bytes *bytes, int n, uint64_t value);         /* little-endian */
void bytes_set(Bytes *bytes, size_t at, int n, uint64_t value); /* again and again when n is over 8 */
void bytes_free(Bytes *bytes);

/* --- zip --- */

#define ZIP_MAX 16

typedef struct {
    const char *name;
    const void *data;
    size_t size;
} ZipPiece;

typedef struct {
    Bytes bytes;
    size_t locals[ZIP_MAX],
        entries[ZIP_MAX];  /* of the first ones: where the local headers and the directory's entries are */
    size_t directory, end; /* where these begin */
} ZipBuilt;

/* A correct archive of stored members, with no ZIP64 records. */
ZipBuilt zip_build(const ZipPiece *pieces, int n);

/* --- pickle --- */

/* Bytes of a pickle from a text in which
 *     'abc'        is a BINUNICODE
 *     #-5          is an integer (BININT or, when it is large, LONG1)
 *     <mod name>   is a GLOBAL
 *     xHH          is a byte in hexadecimal
 *     a space      is nothing
 * and all else the opcode that it is: "x80x02 }('a' #1 u." is {'a': 1}. */
Bytes pickle_build(const char *text);

#define PROTO "x80x02"
#define ORDERED_DICT "<collections OrderedDict>)R"
#define STORAGE(type, key, numel) "('storage'<torch " type ">'" key "''cpu'" numel "tQ"
/* sizes and strides: "#3 #4" */
#define TENSOR(type, key, numel, offset, sizes, strides)                                                     \
    "<torch._utils _rebuild_tensor_v2>(" STORAGE(type, key, numel) offset "(" sizes "t(" strides             \
                                                                          "t x89" ORDERED_DICT "tR"
/* An entry of a state dict: two rows of three floats, in a storage of 24 bytes. */
#define TWO_BY_THREE "'w'" TENSOR("FloatStorage", "0", "#6", "#0", "#2 #3", "#3 #1")

/* A pickle of one dict. */
#define DICT(entries) PROTO "}(" entries "u."

/* An archive with this data.pkl, a data/0 of 24 bytes (six floats: 0, 1, ...) and a version. */
ZipBuilt torch_build(const char *pickle);

void zip_save(const char *path, ZipBuilt *zip); /* and frees its bytes */

/* --- opening --- */

TensorFile *open_good(const char *path); /* fails the test when it does not open */

/* Opens the file, which must fail with "PATH: reason", in one line, within a second, and write nothing
 * beside. */
void check_refused(void **state, const char *path, const char *label, const char *reason);

/* The same for archives of these pickles, each of which is refused. */
typedef struct {
    const char *label, *pickle, *reason;
} RefusedPickle;
void check_refused_pickles(void **state, const RefusedPickle *cases, size_t n);

/* Opens the file in a process of its own: unless a sanitizer watches, that takes at most 64 MiB more than the
 * size of the file. */
void check_memory(const char *path);

/* Fails the test unless the file has all tensors of `want`, bit for bit. */
void check_has_tensors(const TensorFile *file, const TensorFile *want);
/* ... and no others. */
void check_same_tensors(const TensorFile *a, const TensorFile *b);

/* From the data of one tensor to that of another: views of one storage, not copied, are where they are in it.
 */
ptrdiff_t tensor_distance(const TensorFile *file, const char *a, const char *b);

#endif
