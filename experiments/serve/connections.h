/* connections.h: who is connected, and for how long he has kept the server waiting.
 *
 * A request must have come, and an answer be taken, within a time that does not grow with every byte: who
 * drips is cut off like who says nothing, and sooner who has hung up in the middle of a request. When there
 * are too many, the one that has waited longest goes.
 */
#ifndef EXPERIMENTS_SERVE_CONNECTIONS_H
#define EXPERIMENTS_SERVE_CONNECTIONS_H

typedef enum { LINK_RECEIVES, LINK_WORKS, LINK_SENDS } LinkStage;
enum { RECEIVE_SECONDS = 30, SEND_SECONDS = 300, HANG_UP_SECONDS = 1 };

typedef struct Link Link;
struct Link {
    Link *previous, *next;
    int socket;
    LinkStage stage;
    double since; /* when the stage began */
};

/* Links in the order in which they came. */
typedef struct {
    Link *first, *last;
    int n, most; /* most: beyond it, one is cut off */
} Connections;

/* NULL: out of memory. */
Link *connections_add(Connections *connections, int socket, double now);
void connections_remove(Connections *connections, Link *link); /* NULL is fine */
void link_enter(Link *link, LinkStage stage, double now);      /* NULL is fine */
/* Ends those that are late: reading from them finds the end from now on. */
void connections_sweep(Connections *connections, double now);

#endif
