/* index_format.c: see index_format.h */
#include "datasets/index/index_format.h"

#include "clip/base/checksum.h"

#include <string.h>

static const char HEADER_MAGIC[16] = "coop photo index", HEAD_MAGIC[8] = "segment\n",
                  FOOT_MAGIC[8] = "the end\n";
enum { SUMMED = INDEX_PART - 4, RECORD_SUMMED = INDEX_RECORD - 4 };

static void put(unsigned char *out, uint64_t value, int size) {
    for (int i = 0; i < size; i++)
        out[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *in, int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value |= (uint64_t)in[i] << 8 * i;
    return value;
}

uint64_t index_number_read(const unsigned char *in) {
    return get(in, 8);
}

void index_number_write(unsigned char *out, uint64_t number) {
    put(out, number, 8);
}

static void seal(unsigned char *part) {
    put(part + SUMMED, checksum(0, part, SUMMED), 4);
}

static bool is_sealed(const unsigned char *part, const void *magic, size_t size) {
    return memcmp(part, magic, size) == 0 && get(part + SUMMED, 4) == checksum(0, part, SUMMED);
}

/* --- where what lies --- */

/* *at += count * size, rounded up to a multiple of `align`. */
static bool advance(uint64_t *at, uint64_t count, uint64_t size, uint64_t align) {
    uint64_t bytes;
    return !__builtin_mul_overflow(count, size, &bytes) && !__builtin_add_overflow(*at, bytes, at) &&
           !__builtin_add_overflow(*at, align - 1, at) && (*at -= *at % align, *at <= INT64_MAX);
}

bool index_places(IndexPlaces *places, uint64_t n, uint64_t n_dead, uint64_t names_size, size_t row_size) {
    uint64_t at = INDEX_PART;
    places->features = at;
    if (!advance(&at, n, row_size, INDEX_ALIGN))
        return false;
    places->dead = at;
    if (!advance(&at, n_dead, 8, INDEX_ALIGN))
        return false;
    places->records = at;
    if (!advance(&at, n, INDEX_RECORD, 1))
        return false;
    places->names = at;
    if (!advance(&at, names_size, 1, INDEX_ALIGN))
        return false;
    places->foot = at;
    places->size = at + INDEX_PART;
    return true;
}

/* --- parts --- */

void index_header_write(unsigned char *out, const IndexHeader *header) {
    memset(out, 0, INDEX_PART);
    memcpy(out, HEADER_MAGIC, sizeof HEADER_MAGIC);
    put(out + 16, header->version, 4);
    put(out + 20, header->numbers, 4);
    put(out + 24, header->E, 4);
    put(out + 28, header->text_size, 4);
    put(out + 32, header->size, 8);
    put(out + 40, header->text_sum, 4);
    seal(out);
}

bool index_header_is_ours(const unsigned char *in) {
    return memcmp(in, HEADER_MAGIC, sizeof HEADER_MAGIC) == 0;
}

bool index_header_read(IndexHeader *header, const unsigned char *in) {
    *header = (IndexHeader){.version = (uint32_t)get(in + 16, 4),
                            .numbers = (IndexNumbers)get(in + 20, 4),
                            .E = (uint32_t)get(in + 24, 4),
                            .text_size = (uint32_t)get(in + 28, 4),
                            .size = get(in + 32, 8),
                            .text_sum = (uint32_t)get(in + 40, 4)};
    return is_sealed(in, HEADER_MAGIC, sizeof HEADER_MAGIC) && get(in + 20, 4) <= INDEX_BFLOAT16 &&
           header->E > 0 && header->E <= 1 << 20 && header->size % INDEX_ALIGN == 0 &&
           header->size >= INDEX_PART && header->text_size <= header->size - INDEX_PART;
}

void index_head_write(unsigned char *out, const IndexHead *head) {
    memset(out, 0, INDEX_PART);
    memcpy(out, HEAD_MAGIC, sizeof HEAD_MAGIC);
    put(out + 8, head->first, 8);
    put(out + 16, head->n, 8);
    put(out + 24, head->n_dead, 8);
    put(out + 32, head->names_size, 8);
    put(out + 40, head->size, 8);
    seal(out);
}

bool index_head_read(IndexHead *head, const unsigned char *in) {
    *head = (IndexHead){get(in + 8, 8), get(in + 16, 8), get(in + 24, 8), get(in + 32, 8), get(in + 40, 8)};
    return is_sealed(in, HEAD_MAGIC, sizeof HEAD_MAGIC);
}

void index_foot_write(unsigned char *out, const IndexFoot *foot) {
    memset(out, 0, INDEX_PART);
    memcpy(out, FOOT_MAGIC, sizeof FOOT_MAGIC);
    put(out + 8, foot->start, 8);
    put(out + 16, foot->size, 8);
    put(out + 24, foot->total, 8);
    put(out + 32, foot->total_dead, 8);
    put(out + 40, foot->features_sum, 4);
    put(out + 44, foot->dead_sum, 4);
    put(out + 48, foot->records_sum, 4);
    seal(out);
}

bool index_foot_read(IndexFoot *foot, const unsigned char *in) {
    *foot = (IndexFoot){get(in + 8, 8),           get(in + 16, 8),           get(in + 24, 8),
                        get(in + 32, 8),          (uint32_t)get(in + 40, 4), (uint32_t)get(in + 44, 4),
                        (uint32_t)get(in + 48, 4)};
    return is_sealed(in, FOOT_MAGIC, sizeof FOOT_MAGIC);
}

uint32_t index_record_sum(const unsigned char *record, const char *name, size_t name_size) {
    return checksum(checksum(0, record, RECORD_SUMMED), name, name_size);
}

void index_record_write(unsigned char *out, const IndexRecord *record, const char *name) {
    memcpy(out, record->digest.bytes, 32);
    put(out + 32, record->size, 8);
    put(out + 40, (uint64_t)record->changed_ns, 8);
    put(out + 48, record->name_at, 8);
    put(out + 56, record->name_size, 4);
    put(out + 60, record->orientation, 4);
    put(out + 64, record->feature_sum, 4);
    put(out + 68, index_record_sum(out, name, record->name_size), 4);
}

void index_record_read(IndexRecord *record, const unsigned char *in) {
    memcpy(record->digest.bytes, in, 32);
    record->size = get(in + 32, 8);
    record->changed_ns = (int64_t)get(in + 40, 8);
    record->name_at = get(in + 48, 8);
    record->name_size = (uint32_t)get(in + 56, 4);
    record->orientation = (uint32_t)get(in + 60, 4);
    record->feature_sum = (uint32_t)get(in + 64, 4);
    record->sum = (uint32_t)get(in + 68, 4);
}
