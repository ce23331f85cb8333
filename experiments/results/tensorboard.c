/* tensorboard.c: see tensorboard.h */
#include "experiments/results/tensorboard.h"

#include <assert.h>
#include <string.h>

enum { MAX_TAG = 64, MAX_EVENT = 128 }; /* an event of one scalar takes 34 bytes beside the tag at most */

/* A short message under construction. */
typedef struct {
    unsigned char bytes[MAX_EVENT];
    size_t size;
} Message;

/* Kinds of fields in protobuf. */
enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static void put(Message *message, const void *data, size_t size) {
    assert(message->size + size <= MAX_EVENT);
    memcpy(message->bytes + message->size, data, size);
    message->size += size;
}

static void put_little_endian(Message *message, uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++)
        put(message, &(unsigned char){(unsigned char)(value >> 8 * i)}, 1);
}

static void put_varint(Message *message, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        put(message, &(unsigned char){(unsigned char)(value | 0x80)}, 1);
    put(message, &(unsigned char){(unsigned char)value}, 1);
}

static void put_key(Message *message, int field, int kind) {
    put_varint(message, (uint64_t)(field << 3 | kind));
}

static void put_bytes(Message *message, int field, const void *data, size_t size) {
    put_key(message, field, LENGTH);
    put_varint(message, size);
    put(message, data, size);
}

static void put_double(Message *message, int field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(message, field, FIXED64);
    put_little_endian(message, bits, 8);
}

static void put_float(Message *message, int field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(message, field, FIXED32);
    put_little_endian(message, bits, 4);
}

/* --- records --- */

uint32_t crc32c(const void *data, size_t size) {
    const unsigned char *at = data;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* A CRC of data that holds CRCs is weak; TensorFlow masks them therefore. */
static uint32_t masked_crc(const void *data, size_t size) {
    uint32_t crc = crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void write_record(FILE *out, const Message *event) {
    Message head = {0}, tail = {0};
    put_little_endian(&head, event->size, 8);
    put_little_endian(&head, masked_crc(head.bytes, 8), 4);
    put_little_endian(&tail, masked_crc(event->bytes, event->size), 4);
    fwrite(head.bytes, 1, head.size, out);
    fwrite(event->bytes, 1, event->size, out);
    fwrite(tail.bytes, 1, tail.size, out);
}

/* Event: wall_time 1, step 2, file_version 3, summary 5; Summary: value 1; its Value: tag 1, simple_value 2.
 */
void tensorboard_begin(FILE *out) {
    static const char version[] = "brain.Event:2";
    Message event = {0};
    put_bytes(&event, 3, version, strlen(version));
    write_record(out, &event);
}

void tensorboard_scalar(FILE *out, const char *tag, int epoch, double value) {
    Message scalar = {0}, summary = {0}, event = {0};
    assert(strlen(tag) <= MAX_TAG);
    put_bytes(&scalar, 1, tag, strlen(tag));
    put_float(&scalar, 2, (float)value);
    put_bytes(&summary, 1, scalar.bytes, scalar.size);
    put_double(&event, 1, epoch);
    put_key(&event, 2, VARINT);
    put_varint(&event, (uint64_t)epoch);
    put_bytes(&event, 5, summary.bytes, summary.size);
    write_record(out, &event);
}
