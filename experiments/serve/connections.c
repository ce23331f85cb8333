/* connections.c: see connections.h */
#include "experiments/serve/connections.h"

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

void connections_sweep(Connections *connections, double now) {
    for (Link *link = connections->first; link; link = link->next) {
        const double most = link->stage == LINK_RECEIVES ? RECEIVE_SECONDS : SEND_SECONDS;
        if (link->stage != LINK_WORKS && now - link->since > most)
            cut(link, now);
    }
}
