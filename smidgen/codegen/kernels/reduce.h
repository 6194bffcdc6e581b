/* Mean and argmax over one axis of integers: x (outer, reduced, inner), y (outer, inner). Twin of numerics/reduction.py. */
#ifndef SMIDGEN_REDUCE_H
#define SMIDGEN_REDUCE_H

#include "fixed_point.h"

SMIDGEN_KERNEL void mean_q(const void *x, void *y, uint32_t outer, uint32_t reduced, uint32_t inner, uint32_t x_bits,
                           uint32_t y_bits, int32_t zero_x, int32_t zero_y, int32_t multiplier, int32_t shift)
{
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < inner; i++) {
            int32_t total = 0;
            for (uint32_t r = 0U; r < reduced; r++) {
                total += load_q(x, (((o * reduced) + r) * inner) + i, x_bits) - zero_x;
            }
            store_q(y, (o * inner) + i, requantize(total, multiplier, shift) + zero_y, y_bits);
        }
    }
}

/* The index of the first maximum. */
SMIDGEN_KERNEL void argmax_q(const void *x, smidgen_s32 *y, uint32_t outer, uint32_t reduced, uint32_t inner,
                             uint32_t x_bits)
{
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < inner; i++) {
            uint32_t best = 0U;
            for (uint32_t r = 1U; r < reduced; r++) {
                const int32_t value = load_q(x, (((o * reduced) + r) * inner) + i, x_bits);
                if (value > load_q(x, (((o * reduced) + best) * inner) + i, x_bits)) {
                    best = r;
                }
            }
            y[(o * inner) + i] = (int32_t)best;
        }
    }
}

#endif
