/* tensorboard.h: the epochs of a training as an event file, which `tensorboard --logdir` draws.
 *
 * Layout: TFRecords, each the length of its data (8 bytes), the masked CRC-32C of these (4), the data, the
 * masked CRC-32C of the data (4), all little-endian. The data is a protobuf Event (tensorflow/core/util/
 * event.proto): the first names the version, the others hold a scalar each. Their wall time is the number of
 * the epoch, so that a resumed training leaves the bytes of one that was never stopped.
 */
#ifndef EXPERIMENTS_RESULTS_TENSORBOARD_H
#define EXPERIMENTS_RESULTS_TENSORBOARD_H

#include <stdint.h>
#include <stdio.h>

/* TensorBoard takes any name that holds "tfevents". */
#define TENSORBOARD_FILE "events.out.tfevents.0.coop"

/* What an event file begins with. Failures show in the stream. */
void tensorboard_begin(FILE *out);
/* One number of one epoch: tag is of at most 64 bytes. */
void tensorboard_scalar(FILE *out, const char *tag, int epoch, double value);

/* CRC-32C (Castagnoli), for the test. */
uint32_t crc32c(const void *data, size_t size);

#endif
