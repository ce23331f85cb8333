/* index_format.h: the bytes of an index of photos, and nothing of what they are for.
 *
 * Layout. Numbers are little-endian; all blocks begin at multiples of 64 bytes.
 *
 *     header     64 bytes, then a text (JSON: what the features are of), padded
 *     segment 0  what one commit added
 *     segment 1  ...
 *
 * A segment:
 *
 *     head       64 bytes: "segment\n", the number of its first entry, how many entries, how many dead,
 *                bytes of names, bytes of the whole segment, checksum of all that
 *     features   (n, E) of unit length in float or bfloat16, contiguous, padded
 *     dead       numbers (8 bytes each) of entries of earlier segments that are no more
 *     records    (n) of 72 bytes: digest of the content (32), size (8), time of the last change in ns (8),
 * place and bytes of the name (8, 4), EXIF orientation (4), checksum of the feature (4), checksum of record
 * and name (4) names      each a path and a zero byte; of a member of a tar file, then its name and a zero
 * byte; padded foot       64 bytes: "the end\n", where the segment begins, its bytes, how many entries and
 * dead there are from the beginning of the file to here, checksums of features, of dead, and of records and
 *                names, with what pads them; checksum of all that
 *
 * A file only grows. All but the foot is on the disk before the foot is written; so a segment with a foot is
 * committed, and whoever dies before leaves a tail without one, which the next writer cuts off. A foot lies
 * in one sector, so it is there or it is not: one that is neither zeros nor right is damaged, and so is
 * anything that is wrong before a good foot. Nothing committed is ever taken for a tail.
 *
 * Entries are numbered from 0 in the order of the file. What changed is dead and added anew. Opening reads
 * heads, feet and dead, 128 bytes for each commit; of the rest each piece is checked when it is used, and all
 * of it by photo_index_check.
 */
#ifndef DATASETS_INDEX_INDEX_FORMAT_H
#define DATASETS_INDEX_INDEX_FORMAT_H

#include "datasets/features/digest_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INDEX_ALIGN = 64, INDEX_PART = 64, INDEX_RECORD = 72, INDEX_VERSION = 1 };

typedef enum { INDEX_FLOAT32, INDEX_BFLOAT16 } IndexNumbers;

typedef struct {
    IndexNumbers numbers;
    uint32_t version, E, text_size, text_sum;
    uint64_t size; /* of header and text, padded */
} IndexHeader;

typedef struct {
    uint64_t first, n, n_dead, names_size, size;
} IndexHead;

typedef struct {
    uint64_t start, size, total, total_dead;
    uint32_t features_sum, dead_sum, records_sum;
} IndexFoot;

typedef struct {
    Digest digest;
    uint64_t size;
    int64_t changed_ns;
    uint64_t name_at;
    uint32_t name_size, orientation, feature_sum, sum;
} IndexRecord;

/* Where the blocks of a segment begin, from its own beginning. */
typedef struct {
    uint64_t features, dead, records, names, foot, size;
} IndexPlaces;

static inline size_t index_number_size(IndexNumbers numbers) {
    return numbers == INDEX_FLOAT32 ? 4 : 2;
}

/* False where a sum would overflow. */
bool index_places(IndexPlaces *places, uint64_t n, uint64_t n_dead, uint64_t names_size, size_t row_size);

/* Each to and from 64 bytes (a record: 72); reading is false for what is no such part, or damaged. */
void index_header_write(unsigned char *out, const IndexHeader *header);
bool index_header_read(IndexHeader *header, const unsigned char *in);
bool index_header_is_ours(const unsigned char *in); /* its first bytes are; the rest may be damaged */
void index_head_write(unsigned char *out, const IndexHead *head);
bool index_head_read(IndexHead *head, const unsigned char *in);
void index_foot_write(unsigned char *out, const IndexFoot *foot);
bool index_foot_read(IndexFoot *foot, const unsigned char *in);
/* The record's checksum is that of its other bytes and the name (name_size). */
void index_record_write(unsigned char *out, const IndexRecord *record, const char *name);
void index_record_read(IndexRecord *record, const unsigned char *in);
uint32_t index_record_sum(const unsigned char *record, const char *name, size_t name_size);
uint64_t index_number_read(const unsigned char *in);
void index_number_write(unsigned char *out, uint64_t number);

#endif
