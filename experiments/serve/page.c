/* page.c: see page.h */
#include "experiments/serve/page.h"

#include "datasets/features/digest_map.h"

#include <nettle/base64.h>
#include <string.h>

/* The assembler reads the file. */
__asm__(".section .rodata\n"
        ".globl PAGE\n"
        "PAGE: .incbin \"experiments/serve/page.html\"\n"
        ".byte 0\n"
        ".previous\n");

enum { DIGEST_TEXT = BASE64_ENCODE_RAW_LENGTH(sizeof(Digest)) + 1 };

/* Of what stands between <tag> and </tag>. */
static void digest_element(char out[DIGEST_TEXT], const char *start, const char *end) {
    const char *from = strstr(PAGE, start) + strlen(start), *to = strstr(from, end);
    const Digest digest = digest_of(from, (size_t)(to - from));
    base64_encode_raw(out, sizeof digest, digest.bytes);
    out[DIGEST_TEXT - 1] = '\0';
}

const char *page_policy(Arena *arena, Error *err) {
    char style[DIGEST_TEXT], script[DIGEST_TEXT];
    digest_element(style, "<style>", "</style>");
    digest_element(script, "<script>", "</script>");
    const char *policy = arena_printf(
        arena,
        "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; img-src 'self' blob: data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        style, script);
    if (!policy)
        error_memory(err);
    return policy;
}
