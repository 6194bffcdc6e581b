/* y[o] = the largest of x[i] + scores[o, i], x (rows, width_in) to y (rows, width_out); scores are steps of x, so that
 * sums are exact, and the best is rounded once. |scores| < 2^30. Twin of numerics/max_plus.py. */
#ifndef SMIDGEN_MAX_PLUS_H
#define SMIDGEN_MAX_PLUS_H

#include "fixed_point.h"

SMIDGEN_KERNEL void max_plus_q(const void *x, const int32_t *scores, void *y, uint32_t rows, uint32_t width_in,
                               uint32_t width_out, uint32_t x_bits, uint32_t y_bits, int32_t zero_x, int32_t zero_y,
                               int32_t multiplier, int32_t shift)
{
    for (uint32_t r = 0U; r < rows; r++) {
        for (uint32_t o = 0U; o < width_out; o++) {
            int32_t best = load_q(x, r * width_in, x_bits) + scores[o * width_in];
            for (uint32_t i = 1U; i < width_in; i++) {
                const int32_t sum = load_q(x, (r * width_in) + i, x_bits) + scores[(o * width_in) + i];
                best = (sum > best) ? sum : best;
            }
            store_q(y, (r * width_out) + o, requantize(best - zero_x, multiplier, shift) + zero_y, y_bits);
        }
    }
}

#endif
