/* routes.h: which path is answered by what, and on which threads.
 *
 *     /                        the page
 *     /api/about               what is served
 *     /api/search              search_answer.h; POST: with an image
 *     /api/labels/ROW          label_answer.h
 *     /api/thumbnail/ROW       photo_answers.h
 *     /api/photo/ROW
 */
#ifndef EXPERIMENTS_SERVE_ROUTES_H
#define EXPERIMENTS_SERVE_ROUTES_H

#include "experiments/serve/service.h"

/* Those of models take turns; pictures are decoded beside them; the rest costs nothing. */
typedef enum { ROUTE_AT_ONCE, ROUTE_MODEL, ROUTE_PICTURES } RouteKind;

typedef struct {
    RouteKind kind;
    bool posts;   /* a POST may bring an image, too */
    bool is_page; /* answer is NULL */
    void (*answer)(const Service *service, Request *request, uint64_t row);
    uint64_t row;
} Route;

/* False: there is nothing at that path. */
bool route_find(Route *route, const char *path);

#endif
