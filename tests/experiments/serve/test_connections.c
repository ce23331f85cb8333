/* test_connections.c: who is cut off, and when. */
#include "experiments/serve/connections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 4 };

typedef struct {
    int ends[N][2];
    Link *links[N];
    Connections connections;
} World;

static void world_create(World *world) {
    *world = (World){.connections = {.most = N}};
    for (int i = 0; i < N; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world->ends[i]), 0);
        world->links[i] = connections_add(&world->connections, world->ends[i][0], i);
        assert_non_null(world->links[i]);
    }
}

static void world_free(World *world) {
    for (int i = 0; i < N; i++) {
        connections_remove(&world->connections, world->links[i]);
        close(world->ends[i][0]);
        close(world->ends[i][1]);
    }
    assert_int_equal(world->connections.n, 0);
    assert_null(world->connections.first);
    assert_null(world->connections.last);
}

static bool is_cut(const World *world, int i) {
    char byte;
    return recv(world->ends[i][1], &byte, 1, MSG_DONTWAIT) == 0;
}

static void late_ones_are_cut(void **state) {
    (void)state;
    World world;
    world_create(&world);
    link_enter(world.links[1], LINK_WORKS, 1);
    link_enter(world.links[2], LINK_SENDS, 2);
    connections_sweep(&world.connections, RECEIVE_SECONDS);
    for (int i = 0; i < N; i++)
        assert_false(is_cut(&world, i));
    connections_sweep(&world.connections, RECEIVE_SECONDS + 10);
    assert_true(is_cut(&world, 0) && !is_cut(&world, 1) && !is_cut(&world, 2) && is_cut(&world, 3));
    connections_sweep(&world.connections, SEND_SECONDS + 10);
    assert_true(is_cut(&world, 2) && !is_cut(&world, 1));
    world_free(&world);
}

static void who_hangs_up_is_cut(void **state) {
    (void)state;
    World world;
    world_create(&world);
    for (int i = 0; i < N; i++)
        link_enter(world.links[i], i == 3 ? LINK_WORKS : LINK_RECEIVES, 10);
    for (int i = 1; i < N; i++)
        shutdown(world.ends[i][1], SHUT_WR);
    connections_sweep(&world.connections, 10.5);
    assert_false(is_cut(&world, 1));
    assert_int_equal(write(world.ends[0][1], "a", 1), 1);
    connections_sweep(&world.connections, 12);
    assert_true(!is_cut(&world, 0) && is_cut(&world, 1) && is_cut(&world, 2) && !is_cut(&world, 3));
    world_free(&world);
}

/* The one that has waited longest, and never one that is worked for. */
static void room_is_made(void **state) {
    (void)state;
    World world;
    world_create(&world);
    link_enter(world.links[0], LINK_WORKS, 0);
    link_enter(world.links[1], LINK_RECEIVES, 9); /* its second request */
    Link *more = connections_add(&world.connections, -1, 10);
    assert_true(is_cut(&world, 2));
    Link *again = connections_add(&world.connections, -1, 11);
    assert_true(is_cut(&world, 3) && !is_cut(&world, 0) && !is_cut(&world, 1));
    connections_remove(&world.connections, more);
    connections_remove(&world.connections, again);
    connections_remove(&world.connections, NULL);
    link_enter(NULL, LINK_SENDS, 0);
    world_free(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(late_ones_are_cut),
                                       cmocka_unit_test(who_hangs_up_is_cut), cmocka_unit_test(room_is_made)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
