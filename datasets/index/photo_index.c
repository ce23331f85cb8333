/* photo_index.c: see photo_index.h */
#include "datasets/index/photo_index.h"

#include "clip/base/checksum.h"
#include "clip/math/half.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t row_size(const PhotoIndex *index) {
    return (size_t)index->E * index_number_size(index->numbers);
}

/* --- opening --- */

static int damaged(const PhotoIndex *index, uint64_t at, const char *what, Error *err) {
    return error_set(err, "%s: damaged at byte %" PRIu64 ": %s", index->path, at, what);
}

static int read_header(PhotoIndex *index, Error *err) {
    const unsigned char *data = index->map.data;
    IndexHeader header;
    if (index->map.size < INDEX_PART || !index_header_is_ours(data))
        return error_set(err, "%s: no index of photos (coop index makes one)", index->path);
    if (!index_header_read(&header, data))
        return damaged(index, 0, "its header", err);
    if (header.version != INDEX_VERSION)
        return error_set(err, "%s: an index of version %" PRIu32 ", where this program knows %d", index->path,
                         header.version, INDEX_VERSION);
    if (header.size > index->map.size)
        return error_set(err, "%s: cut short within its header", index->path);
    const size_t text = (size_t)header.size - INDEX_PART;
    if (checksum(0, data + INDEX_PART, text) != header.text_sum)
        return damaged(index, INDEX_PART, "the text behind its header", err);
    char *about = ARENA_NEW(index->arena, char, (size_t)header.text_size + 1);
    if (!about)
        return error_memory(err);
    index->about = memcpy(about, data + INDEX_PART, header.text_size);
    index->numbers = header.numbers;
    index->E = (int)header.E;
    index->header_size = index->end = header.size;
    return 0;
}

static bool is_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Whether a commit ended anywhere behind `at`. */
static bool has_foot_behind(const PhotoIndex *index, uint64_t at) {
    IndexFoot foot;
    for (uint64_t i = at; i + INDEX_PART <= index->map.size; i += INDEX_ALIGN)
        if (index_foot_read(&foot, index->map.data + i) && foot.start >= index->header_size &&
            foot.size <= i + INDEX_PART && foot.start == i + INDEX_PART - foot.size)
            return true;
    return false;
}

/* 1: a segment; 0: the tail of an update that is not finished; -1: damage. */
static int read_segment(const PhotoIndex *index, uint64_t at, IndexSegment *segment, Error *err) {
    const unsigned char *start = index->map.data + at;
    const uint64_t left = index->map.size - at;
    IndexHead head;
    IndexPlaces places;
    const bool has_head = left >= INDEX_PART && index_head_read(&head, start) && head.first == index->n &&
                          index_places(&places, head.n, head.n_dead, head.names_size, row_size(index)) &&
                          places.size == head.size;
    if (!has_head)
        return has_foot_behind(index, at) ? damaged(index, at, "the head of a segment", err) : 0;
    if (head.size > left)
        return has_foot_behind(index, at) ? damaged(index, at, "a segment that is too long", err) : 0;
    *segment = (IndexSegment){.first = head.first,
                              .n = head.n,
                              .features = start + places.features,
                              .dead = start + places.dead,
                              .records = start + places.records,
                              .names = (const char *)start + places.names,
                              .n_dead = head.n_dead,
                              .names_size = head.names_size,
                              .start = at};
    const IndexFoot *foot = &segment->foot;
    if (index_foot_read(&segment->foot, start + places.foot) && foot->start == at &&
        foot->size == head.size && foot->total == head.first + head.n &&
        foot->total_dead == index->n_dead + head.n_dead)
        return 1;
    if (is_zero(start + places.foot, INDEX_PART) && !has_foot_behind(index, at))
        return 0;
    return damaged(index, at + places.foot, "the foot of a segment", err);
}

static int read_segments(PhotoIndex *index, Error *err) {
    int capacity = 0;
    while (index->end < index->map.size) {
        IndexSegment segment;
        const int found = read_segment(index, index->end, &segment, err);
        if (found <= 0) {
            index->tail = index->map.size - index->end;
            return found;
        }
        IndexSegment *segments =
            arena_grow(index->arena, index->segments, &capacity, index->n_segments + 1, sizeof *segments);
        if (!segments)
            return error_memory(err);
        index->segments = segments;
        segments[index->n_segments++] = segment;
        index->n = segment.foot.total;
        index->n_dead = segment.foot.total_dead;
        index->end += segment.foot.size;
    }
    return 0;
}

static int read_dead(PhotoIndex *index, Error *err) {
    if (index->n_dead == 0)
        return 0;
    index->dead = arena_alloc(index->arena, (size_t)(index->n / 8 + 1), 1);
    if (!index->dead)
        return error_memory(err);
    for (int s = 0; s < index->n_segments; s++) {
        const IndexSegment *segment = &index->segments[s];
        const size_t bytes = (size_t)(segment->records - segment->dead);
        const uint64_t at = (uint64_t)(segment->dead - index->map.data);
        if (checksum(0, segment->dead, bytes) != segment->foot.dead_sum)
            return damaged(index, at, "which entries are dead", err);
        for (uint64_t i = 0; i < segment->n_dead; i++) {
            const uint64_t number = index_number_read(segment->dead + 8 * i);
            if (number >= segment->first || photo_index_is_dead(index, number))
                return damaged(index, at + 8 * i, "a dead entry that is none of those before it", err);
            index->dead[number / 8] |= (unsigned char)(1 << number % 8);
        }
    }
    return 0;
}

PhotoIndex *photo_index_open(const char *path, Error *err) {
    Arena *arena = arena_create();
    PhotoIndex *index = ARENA_NEW(arena, PhotoIndex, 1);
    if (!index) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    index->arena = arena;
    index->rows_file = -1;
    index->path = arena_strdup(arena, path);
    if (!index->path)
        error_memory(err);
    else if (file_map(&index->map, path, err) == 0 && read_header(index, err) == 0 &&
             read_segments(index, err) == 0 && read_dead(index, err) == 0)
        return index;
    photo_index_close(index);
    return NULL;
}

void photo_index_close(PhotoIndex *index) {
    if (!index)
        return;
    if (index->rows_file >= 0)
        close(index->rows_file);
    file_unmap(&index->map);
    arena_free(index->arena);
}

void photo_index_read_rows(PhotoIndex *index) {
    char stamp[FILE_STAMP];
    const int file = open(index->path, O_RDONLY | O_CLOEXEC);
    /* after opening: a file that was replaced meanwhile never has the old inode again */
    file_stamp(stamp, index->path);
    if (file >= 0 && strcmp(stamp, index->map.stamp) != 0)
        close(file);
    else
        index->rows_file = file;
}

/* --- entries --- */

static const IndexSegment *segment_of(const PhotoIndex *index, uint64_t number) {
    int low = 0, high = index->n_segments;
    assert(number < index->n);
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (index->segments[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    /* a segment may have no entries, only dead: the last that begins there is the one which has it */
    return &index->segments[low];
}

const unsigned char *photo_index_row(const PhotoIndex *index, uint64_t number) {
    const IndexSegment *segment = segment_of(index, number);
    return segment->features + (number - segment->first) * row_size(index);
}

static int read_entry(const PhotoIndex *index, const IndexSegment *segment, uint64_t number,
                      IndexRecord *record, IndexEntry *entry, Error *err) {
    const unsigned char *at = segment->records + (number - segment->first) * INDEX_RECORD;
    index_record_read(record, at);
    const uint32_t size = record->name_size;
    const bool lies_within =
        size >= 2 && record->name_at <= segment->names_size && size <= segment->names_size - record->name_at;
    const char *name = lies_within ? segment->names + record->name_at : NULL;
    if (!name || name[size - 1] != '\0' || index_record_sum(at, name, size) != record->sum)
        return error_set(err, "%s: damaged at byte %" PRIu64 ": the record of entry %" PRIu64, index->path,
                         (uint64_t)(at - index->map.data), number);
    const size_t path = strlen(name) + 1;
    *entry = (IndexEntry){.path = name,
                          .member = path < size ? name + path : NULL,
                          .digest = record->digest,
                          .size = record->size,
                          .changed_ns = record->changed_ns,
                          .orientation = (int)(record->orientation & 15)};
    return 0;
}

int photo_index_entry(const PhotoIndex *index, uint64_t number, IndexEntry *entry, Error *err) {
    IndexRecord record;
    return read_entry(index, segment_of(index, number), number, &record, entry, err);
}

static int check_feature(const PhotoIndex *index, uint64_t number, const unsigned char *row, Error *err) {
    IndexRecord record;
    IndexEntry entry;
    if (read_entry(index, segment_of(index, number), number, &record, &entry, err) < 0)
        return -1;
    if (checksum(0, row, row_size(index)) == record.feature_sum)
        return 0;
    return error_set(err, "%s: damaged at byte %" PRIu64 ": the feature of entry %" PRIu64 ", %s%s%s",
                     index->path, (uint64_t)(row - index->map.data), number, entry.path,
                     entry.member ? ": " : "", entry.member ? entry.member : "");
}

int photo_index_feature(const PhotoIndex *index, uint64_t number, float *feature, Error *err) {
    const unsigned char *row = photo_index_row(index, number);
    if (check_feature(index, number, row, err) < 0)
        return -1;
    if (index->numbers == INDEX_FLOAT32)
        memcpy(feature, row, row_size(index));
    else
        bfloat16_to_float(feature, row, (size_t)index->E);
    return 0;
}

/* --- all of it --- */

/* Names the entry that is damaged, or, when all are whole, the bytes between them. */
static int find_damage(const PhotoIndex *index, const IndexSegment *segment, Error *err) {
    for (uint64_t i = segment->first; i < segment->first + segment->n; i++)
        if (check_feature(index, i, photo_index_row(index, i), err) < 0)
            return -1;
    return damaged(index, segment->start, "what fills a segment up", err);
}

int photo_index_check(const PhotoIndex *index, int (*stop)(Error *err), Error *err) {
    for (int s = 0; s < index->n_segments; s++) {
        const IndexSegment *segment = &index->segments[s];
        const size_t features = (size_t)(segment->dead - segment->features),
                     dead = (size_t)(segment->records - segment->dead),
                     records = (size_t)(segment->start + segment->foot.size - INDEX_PART) -
                               (size_t)(segment->records - index->map.data);
        if (stop && stop(err) < 0)
            return -1;
        if (checksum(0, segment->dead, dead) != segment->foot.dead_sum)
            return damaged(index, (uint64_t)(segment->dead - index->map.data), "which entries are dead", err);
        if (checksum(0, segment->records, records) != segment->foot.records_sum ||
            checksum(0, segment->features, features) != segment->foot.features_sum)
            return find_damage(index, segment, err);
    }
    return 0;
}
