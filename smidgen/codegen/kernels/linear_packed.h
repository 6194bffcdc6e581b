/* The linear layer of linear.h whose weights are codes of four bits, two in a byte: numerics/nibbles.py. `levels` says what
 * the sixteen codes stand for. For layers that are too small for the blocks of linear_nibbles.h, or sums too large. */
#ifndef SMIDGEN_LINEAR_PACKED_H
#define SMIDGEN_LINEAR_PACKED_H

#include "fixed_point.h"

SMIDGEN_KERNEL void linear_packed_q(const void *x, const uint8_t *packed, const int8_t *levels, const int32_t *bias,
                                    const int32_t *multiplier, void *y, uint32_t rows, uint32_t in_width, uint32_t out_width,
                                    uint32_t x_bits, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    const uint32_t row_bytes = (in_width + 1U) / 2U;
    for (uint32_t r = 0U; r < rows; r++) {
        for (uint32_t o = 0U; o < out_width; o++) {
            int32_t acc = bias[o];
            for (uint32_t k = 0U; k < in_width; k++) {
                const uint32_t code = ((uint32_t)packed[(o * row_bytes) + (k / 2U)] >> (4U * (k % 2U))) & 15U;
                acc += (int32_t)levels[code] * load_q(x, (r * in_width) + k, x_bits);
            }
            store_q(y, (r * out_width) + o, requantize(acc, multiplier[o], shift) + zero_point, y_bits);
        }
    }
}

#endif
