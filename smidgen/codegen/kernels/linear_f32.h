/* y = x w^T + bias, float32: x (rows, in_width), w (out_width, in_width), bias (out_width), y (rows, out_width).
 * Each sum starts from +0, runs over k = 0, 1, ... and takes the bias last. Twin of numerics/float32/linear.py. */
#ifndef SMIDGEN_LINEAR_F32_H
#define SMIDGEN_LINEAR_F32_H

#include "exact_float.h"

SMIDGEN_KERNEL void linear_f32(const smidgen_f32 *x, const float *w, const float *bias, smidgen_f32 *y, uint32_t rows,
                               uint32_t in_width, uint32_t out_width)
{
    for (uint32_t row = 0U; row < rows; ++row) {
        for (uint32_t o = 0U; o < out_width; ++o) {
            float acc = 0.0f;
            for (uint32_t k = 0U; k < in_width; ++k) {
                acc += x[(row * in_width) + k] * w[(o * in_width) + k];
            }
            y[(row * out_width) + o] = acc + bias[o];
        }
    }
}

#endif
