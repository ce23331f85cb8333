/* html_entities.h: the named character references of HTML (https://html.spec.whatwg.org, "named character
 * references"). */
#ifndef CLIP_TEXT_HTML_ENTITIES_H
#define CLIP_TEXT_HTML_ENTITIES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;       /* without '&' and ';' */
    uint32_t first, second; /* the code points it stands for; second is 0 if there is only one */
    int bare;               /* whether the ';' may be left out */
} HtmlEntity;

#define HTML_ENTITY_MAX_NAME 31

/* The entity called name[0..size), NULL when there is none. */
const HtmlEntity *html_entity_find(const char *name, size_t size);

#endif
