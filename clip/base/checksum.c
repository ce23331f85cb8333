/* checksum.c: see checksum.h */
#include "clip/base/checksum.h"

#include "clip/base/files.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>

uint32_t checksum(uint32_t before, const void *data, size_t size) {
    return size > 0 ? libdeflate_crc32(before, data, size) : before; /* NULL would begin anew */
}

void checksum_text(char out[CHECKSUM_TEXT], uint32_t sum) {
    snprintf(out, CHECKSUM_TEXT, "%08" PRIx32, sum);
}

int checksum_file(char out[CHECKSUM_TEXT], const char *path, Error *err) {
    FileMap map;
    if (file_map(&map, path, err) < 0)
        return -1;
    checksum_text(out, checksum(0, map.data, map.size));
    file_unmap(&map);
    return 0;
}
