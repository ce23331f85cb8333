/* command_serve.c: coop serve */
#include "experiments/commands/commands.h"
#include "experiments/labels/find_learned.h"
#include "experiments/serve/host_name.h"
#include "experiments/serve/server.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

static int serve(const ServiceWish *wish, const char *host, int port, Error *err) {
    Service service;
    int result = service_open(&service, wish, err);
    if (result == 0)
        cli_model_print_note(service.model, wish->quiet);
    if (result == 0 && !host_is_loopback(host))
        print_line(stderr, "note: whoever reaches %s can look at these photos; nothing is encrypted", host);
    if (result == 0)
        result = server_run(&service, host, port, err);
    service_close(&service);
    return result;
}

static int run(CommandLine *line, Error *err) {
    const char *host = "127.0.0.1", *learned = NULL;
    int port = 8080;
    ServiceWish wish = {0};
    LearnedWish choice;
    enum { N_OPTIONS = 6 };
    Option options[N_OPTIONS + FIND_LEARNED_OPTIONS] = {
        {"classifier", OPTION_TEXT, &learned, 0, 0, "RUN_DIR|LEARNED",
         "label what is found, too: with what coop classify takes"},
        {"host", OPTION_TEXT, &host, 0, 0, "NAME",
         "where to listen (default 127.0.0.1: for this machine alone)"},
        {"port", OPTION_INT, &port, 0, 65535, "N", "default 8080; 0: a free one"},
        {"template", OPTION_TEXTS, &wish.templates, 0, 0, "TEXT",
         "prompts with {} for the text, averaged (default \"{}\"); may be repeated"},
        {"model", OPTION_TEXT, &wish.weights, 0, 0, "FILE|NAME",
         "the checkpoint (default: where it was when the index was made)"},
        {"vocab", OPTION_TEXT, &wish.vocab, 0, 0, "FILE",
         "its vocabulary (default: as the index has it, or beside the checkpoint)"}};
    find_learned_options(options + N_OPTIONS, &choice);
    const int status = command_parse(line, &command_serve, options, N_OPTIONS + FIND_LEARNED_OPTIONS, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!server_available()) /* says so */
        return server_run(NULL, host, port, err);
    wish.index = line->words.values[0];
    wish.threads = line->common.threads;
    wish.quiet = line->common.quiet;
    if (learned && !(wish.classifier = find_learned(learned, &choice, wish.quiet, line->arena, err)))
        return -1;
    return serve(&wish, host, port, err);
}

const Command command_serve = {
    .name = "serve",
    .usage = "coop serve INDEX [--classifier RUN_DIR|LEARNED] [--host NAME] [--port N]\n"
             "              [--template TEXT] [--model FILE] [--vocab FILE]",
    .summary = "search an index in a browser",
    .help =
        "INDEX is what coop index wrote. The address is printed; Ctrl-C ends it. Nothing is written, and no "
        "file is\n"
        "ever sent but photos of the index, as long as they are what they were when they were indexed.\n"
        "For programs: GET /api/search?q=TEXT&not=TEXT&like=ROW&top=K&fold=COSINE, the same as a POST with "
        "an image;\n"
        "/api/thumbnail/ROW?side=S, /api/photo/ROW, /api/labels/ROW?top=K, /api/about.\n",
    .example = "coop serve photos.index --classifier runs/photos",
    .min_words = 1,
    .max_words = 1,
    .run = run};
