/* templates.c: the tables of trainers/kgcoop.py, trainers/prograd.py and trainers/tcp.py (see kgcoop.h,
 * prograd.h and tcp.h), where they differ from CoOp's.
 */
#include "coop/prompts/templates.h"

#include <stddef.h>
#include <string.h>

typedef struct {
    const char *dataset, *kgcoop, *prograd, *tcp, *tcp_around;
} Row;

static const Row rows[] = {
    {"oxford_pets", NULL, "a type of pet, a photo of a {}.", NULL, "{}, a type of pet."},
    {"oxford_flowers", NULL, "a type of flower, a photo of a {}.", NULL, "{}, a type of flower."},
    {"fgvc_aircraft", NULL, "a type of aircraft, a photo of a {}.", "a photo of an aircraft {}.",
     "{}, a type of aircraft."},
    {"dtd", "a photo of a {}, a type of texture.", "a texture of {}.", "a photo of a {}, a type of texture.",
     "{} texture."},
    {"stanford_cars", NULL, NULL, NULL, "{}, a type of car"},
    {"food101", NULL, "a type of food, a photo of {}.", "a photo of a {}, a type of food.",
     "{}, a type of food."},
    {"ucf101", NULL, NULL, NULL, "person doing {}."},
};

static const Row *find(const char *dataset) {
    static const Row none = {0};
    for (size_t i = 0; dataset && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].dataset, dataset) == 0)
            return &rows[i];
    return &none;
}

const char *kgcoop_template(const char *dataset) {
    return find(dataset)->kgcoop;
}

const char *prograd_template(const char *dataset) {
    return find(dataset)->prograd;
}

const char *tcp_template(const char *dataset) {
    return find(dataset)->tcp;
}

const char *tcp_around(const char *dataset) {
    const char *around = find(dataset)->tcp_around;
    return around ? around : "{}.";
}
