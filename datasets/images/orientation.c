/* orientation.c: see orientation.h
 *
 * Where it stands:
 *     JPEG   APP1 segments: "Exif\0\0" and a TIFF file; "http://ns.adobe.com/xap/1.0/\0" and XMP
 *     PNG    chunk eXIf: a TIFF file; iTXt "XML:com.adobe.xmp", stored: XMP
 *     WebP   RIFF chunk "EXIF": a TIFF file, perhaps behind "Exif\0\0"; "XMP ": XMP
 * In the TIFF file it is tag 0x0112 of the first folder. XMP has tiff:Orientation="6" or
 * <tiff:Orientation>6. Whatever does not add up is as if it were not there.
 */
#include "datasets/images/orientation.h"

#include <stdbool.h>
#include <string.h>

#define ORIENTATION_TAG 0x0112
#define XMP_NAME "http://ns.adobe.com/xap/1.0/"
#define XMP_KEY "tiff:Orientation"

typedef struct {
    const unsigned char *data; /* (size) */
    size_t size;
} Span;

/* What a file says; data NULL where it does not. */
typedef struct {
    Span exif, xmp;
} Metadata;

static uint32_t number(const unsigned char *at, size_t n, bool big) {
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[big ? i : n - 1 - i];
    return value;
}

static bool begins(Span span, const char *text, size_t n) {
    return span.size >= n && memcmp(span.data, text, n) == 0;
}

static Span rest(Span span, size_t n) {
    return (Span){span.data + n, span.size - n};
}

/* --- where it is kept --- */

static void take(Span *kept, Span found) {
    if (!kept->data)
        *kept = found;
}

static void find_in_jpeg(Metadata *out, Span file) {
    for (size_t at = 2; at + 4 <= file.size && file.data[at] == 0xff;) {
        const unsigned char marker = file.data[at + 1];
        const size_t length = number(file.data + at + 2, 2, true);
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        if (marker == 0xda || length < 2 || length > file.size - at - 2)
            return;
        const Span segment = {file.data + at + 4, length - 2};
        if (marker == 0xe1 && begins(segment, "Exif\0\0", 6))
            take(&out->exif, rest(segment, 6));
        else if (marker == 0xe1 && begins(segment, XMP_NAME, sizeof XMP_NAME))
            take(&out->xmp, rest(segment, sizeof XMP_NAME));
        at += 2 + length;
    }
}

/* Both kinds are read before and behind the pixels; the last one counts. */
static void find_in_png(Metadata *out, Span file) {
    static const char xmp[] = "XML:com.adobe.xmp"; /* then: is compressed, method, language, 0, keyword, 0 */
    for (size_t at = 8; at + 12 <= file.size;) {
        const size_t length = number(file.data + at, 4, true);
        const Span chunk = {file.data + at + 8, length};
        if (length > file.size - at - 12)
            return;
        if (memcmp(file.data + at + 4, "eXIf", 4) == 0)
            out->exif = chunk;
        else if (memcmp(file.data + at + 4, "iTXt", 4) == 0 && begins(chunk, xmp, sizeof xmp))
            out->xmp = rest(chunk, sizeof xmp);
        at += length + 12;
    }
}

static void find_in_webp(Metadata *out, Span file) {
    for (size_t at = 12; at + 8 <= file.size;) {
        const size_t length = number(file.data + at + 4, 4, false);
        const Span chunk = {file.data + at + 8, length};
        if (length > file.size - at - 8)
            return;
        if (memcmp(file.data + at, "EXIF", 4) == 0)
            take(&out->exif, begins(chunk, "Exif\0\0", 6) ? rest(chunk, 6) : chunk);
        else if (memcmp(file.data + at, "XMP ", 4) == 0)
            take(&out->xmp, chunk);
        at += 8 + length + length % 2;
    }
}

/* --- what it says --- */

/* 0: nothing. */
static int read_exif(Span exif) {
    if (exif.size < 8 || (!begins(exif, "II*\0", 4) && !begins(exif, "MM\0*", 4)))
        return 0;
    const bool big = exif.data[0] == 'M';
    const size_t folder = number(exif.data + 4, 4, big);
    if (folder > exif.size || exif.size - folder < 2)
        return 0;
    const size_t there = (exif.size - folder - 2) / 12, n = number(exif.data + folder, 2, big);
    for (size_t i = 0; i < n && i < there; i++) {
        const unsigned char *entry = exif.data + folder + 2 + 12 * i;
        const uint32_t type = number(entry + 2, 2, big);
        if (number(entry, 2, big) != ORIENTATION_TAG || number(entry + 4, 4, big) != 1)
            continue;
        return type == 3   ? (int)number(entry + 8, 2, big)
               : type == 1 ? entry[8]
               : type == 4 ? (int)(number(entry + 8, 4, big) & 0xffff)
                           : 0;
    }
    return 0;
}

static int read_xmp(Span xmp) {
    const size_t n = strlen(XMP_KEY);
    for (size_t at = 0; xmp.size >= n + 3 && at <= xmp.size - n - 3; at++) {
        const unsigned char *text = xmp.data + at;
        if (*text != 't' || memcmp(text, XMP_KEY, n) != 0)
            continue;
        const unsigned char *value = text + n + (text[n] == '>' ? 1 : 2);
        if ((text[n] == '>' || (text[n] == '=' && text[n + 1] == '"')) && *value >= '0' && *value <= '9')
            return *value - '0';
    }
    return 0;
}

int image_orientation(const unsigned char *data, size_t size) {
    const Span file = {data, size};
    Metadata found = {0};
    if (begins(file, "\xff\xd8\xff", 3))
        find_in_jpeg(&found, file);
    else if (begins(file, "\x89PNG\r\n\x1a\n", 8))
        find_in_png(&found, file);
    else if (begins(file, "RIFF", 4) && size >= 12 && memcmp(data + 8, "WEBP", 4) == 0)
        find_in_webp(&found, file);
    int value = found.exif.data ? read_exif(found.exif) : 0;
    if (value == 0 && found.xmp.data)
        value = read_xmp(found.xmp);
    return value >= 1 && value <= 8 ? value : 1;
}

/* --- turning --- */

int image_turn(Image *image, int orientation, Arena *arena, Error *err) {
    if (orientation < 2 || orientation > 8)
        return 0;
    const bool swaps = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const ptrdiff_t width = image->width, height = image->height;
    const ptrdiff_t right = from_right ? -3 : 3, down = (from_below ? -3 : 3) * width;
    const unsigned char *first =
        image->rgb + 3 * ((from_below ? (height - 1) * width : 0) + (from_right ? width - 1 : 0));
    const ptrdiff_t across = swaps ? down : right, below = swaps ? right : down;
    const ptrdiff_t new_width = swaps ? height : width, new_height = swaps ? width : height;
    unsigned char *turned = arena_alloc(arena, (size_t)width * (size_t)height, 3);
    if (!turned)
        return error_memory(err);
    unsigned char *to = turned;
    for (ptrdiff_t y = 0; y < new_height; y++)
        for (ptrdiff_t x = 0; x < new_width; x++, to += 3)
            memcpy(to, first + x * across + y * below, 3);
    image->rgb = turned;
    image->width = (int)new_width;
    image->height = (int)new_height;
    return 0;
}
