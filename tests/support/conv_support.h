/* conv_support.h: a convolution and its gradients, by their definition. */
#ifndef TESTS_SUPPORT_CONV_SUPPORT_H
#define TESTS_SUPPORT_CONV_SUPPORT_H

#include "clip/conv/trained_conv.h"

/* Calls visit for every product of the convolution: out[at] += w[weight] in[from]. */
typedef void (*ConvVisit)(void *context, size_t at, size_t weight, size_t from);
void conv_visit(ConvShape shape, int n, int side, ConvVisit visit, void *context);

/* Each adds to its first argument, in double. */
void naive_conv(double *out, const float *in, const float *w, ConvShape shape, int n, int side);
void naive_conv_input(double *d_in, const float *d_out, const float *w, ConvShape shape, int n, int side);
void naive_conv_weight(double *d_w, const float *d_out, const float *in, ConvShape shape, int n, int side);

/* A layer of some shape with random numbers in all that goes in; naive results of all that comes out. */
typedef struct {
    ConvShape shape;
    int n, side;
    size_t in_size, out_size, w_size; /* all images */
    float *in, *w, *d_out, *start;    /* start: (in_size) */
    float *out, *d_in, *d_w;          /* d_in: start + the gradient */
} ConvCase;

ConvCase conv_case(ConvShape shape, int n, int side, Arena *arena);

#endif
