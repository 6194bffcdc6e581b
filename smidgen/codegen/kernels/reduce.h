/* Sums, means and extremes of integers over one axis of x (outer, reduced, inner) to y (outer, inner). Twin of
 * numerics/reduction.py. */
#ifndef SMIDGEN_REDUCE_H
#define SMIDGEN_REDUCE_H

#include "roots.h"

/* The ratio of scales, multiplier 2^(shift - 31), over `count`. */
SMIDGEN_KERNEL smidgen_scaled mean_factor(uint32_t count, int32_t multiplier, int32_t shift)
{
    smidgen_scaled factor = reciprocal(count);
    factor.mantissa = (int32_t)rounded_shift_s64((int64_t)factor.mantissa * multiplier, 31);
    factor.exponent -= shift;
    return factor;
}

SMIDGEN_KERNEL void store_mean(void *y, uint32_t i, int32_t total, smidgen_scaled factor, int32_t zero_y, uint32_t y_bits)
{
    const int64_t value = rounded_shift_s64((int64_t)total * factor.mantissa, factor.exponent) + zero_y;
    store_q(y, i, clamp_s64(value, -32768, 32767), y_bits);
}

SMIDGEN_KERNEL void mean_q(const void *x, void *y, uint32_t outer, uint32_t reduced, uint32_t inner, uint32_t x_bits,
                           uint32_t y_bits, int32_t zero_x, int32_t zero_y, int32_t multiplier, int32_t shift)
{
    const smidgen_scaled factor = mean_factor(reduced, multiplier, shift);

    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < inner; i++) {
            int32_t total = 0;
            for (uint32_t r = 0U; r < reduced; r++) {
                total += load_q(x, (((o * reduced) + r) * inner) + i, x_bits) - zero_x;
            }
            store_mean(y, (o * inner) + i, total, factor, zero_y, y_bits);
        }
    }
}

SMIDGEN_KERNEL void sum_along_q(const void *x, void *y, uint32_t outer, uint32_t reduced, uint32_t inner, uint32_t x_bits,
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

/* Which of the elements `first`, first + stride, ... is the largest, or the smallest; of equals the first. */
SMIDGEN_KERNEL uint32_t extreme_of(const void *x, uint32_t first, uint32_t stride, uint32_t count, uint32_t least,
                                   uint32_t bits)
{
    uint32_t best = 0U;
    int32_t found = load_q(x, first, bits);

    for (uint32_t r = 1U; r < count; r++) {
        const int32_t value = load_q(x, first + (r * stride), bits);
        if ((least != 0U) ? (value < found) : (value > found)) {
            best = r;
            found = value;
        }
    }
    return best;
}

/* The largest element along an axis, or the smallest. */
SMIDGEN_KERNEL void extremum_q(const void *x, void *y, uint32_t outer, uint32_t reduced, uint32_t inner, uint32_t least,
                               uint32_t bits)
{
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < inner; i++) {
            const uint32_t first = (o * reduced * inner) + i;
            const uint32_t best = extreme_of(x, first, inner, reduced, least, bits);
            store_q(y, (o * inner) + i, load_q(x, first + (best * inner), bits), bits);
        }
    }
}

/* The index of the largest element along an axis, or of the smallest. */
SMIDGEN_KERNEL void position_q(const void *x, smidgen_s32 *y, uint32_t outer, uint32_t reduced, uint32_t inner,
                               uint32_t least, uint32_t x_bits)
{
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < inner; i++) {
            y[(o * inner) + i] = (int32_t)extreme_of(x, (o * reduced * inner) + i, inner, reduced, least, x_bits);
        }
    }
}

#endif
