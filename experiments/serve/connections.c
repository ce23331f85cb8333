/* connections.c: see connections.h */
#include "experiments/serve/connections.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

static void cut(Link *link, double now) {
    shutdown(link->socket, SHUT_RDWR);
    link->since = now; /* once is enough */
}

static void make_room(Connections *connections, double now) {
    Link *oldest = NULL;
    for (Link *link = connections->first; link; link = link->next)
        if (link->stage == LINK_RECEIVES && (!oldest || link->since < oldest->since))
            oldest = link;
    if (oldest)
        cut(oldest, now);
}

Link *connections_add(Connections *connections, int socket, double now) {
    Link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    if (connections->n >= connections->most)
        make_room(connections, now);
    *link = (Link){.previous = connections->last, .socket = socket, .since = now};
    *(link->previous ? &link->previous->next : &connections->first) = link;
    connections->last = link;
    connections->n++;
    return link;
}

void connections_remove(Connections *connections, Link *link) {
    if (!link)
        return;
    *(link->previous ? &link->previous->next : &connections->first) = link->next;
    *(link->next ? &link->next->previous : &connections->last) = link->previous;
    connections->n--;
    free(link);
}

void link_enter(Link *link, LinkStage stage, double now) {
    if (!link)
        return;
    link->stage = stage;
    link->since = now;
}

/* All that he has sent was read, and nothing will follow. */
static bool has_hung_up(const Link *link) {
    char byte;
    return recv(link->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void connections_sweep(Connections *connections, double now) {
    for (Link *link = connections->first; link; link = link->next) {
        const double time = now - link->since;
        if (link->stage == LINK_RECEIVES
                ? time > RECEIVE_SECONDS || (time > HANG_UP_SECONDS && has_hung_up(link))
                : link->stage == LINK_SENDS && time > SEND_SECONDS)
            cut(link, now);
    }
}
