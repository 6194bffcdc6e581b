/* What all rows so far add up to, of integers x (steps, width): y (steps, width) tells it after each row, and the states go
 * on from the rows before. Twin of numerics/running.py. */
#ifndef SMIDGEN_RUNNING_H
#define SMIDGEN_RUNNING_H

#include "reduce.h"

/* The mean; `count` is the number of rows before. */
SMIDGEN_KERNEL void running_mean_q(const void *x, void *y, smidgen_s32 *totals, smidgen_s32 *count, uint32_t steps,
                                   uint32_t width, uint32_t x_bits, uint32_t y_bits, int32_t zero_x, int32_t zero_y,
                                   int32_t multiplier, int32_t shift)
{
    for (uint32_t t = 0U; t < steps; t++) {
        (*count)++;
        const smidgen_scaled factor = mean_factor((uint32_t)*count, multiplier, shift);
        SMIDGEN_ROLLED
        for (uint32_t i = 0U; i < width; i++) {
            totals[i] += load_q(x, (t * width) + i, x_bits) - zero_x;
            store_mean(y, (t * width) + i, totals[i], factor, zero_y, y_bits);
        }
    }
}

/* The sum, from the zero point. */
SMIDGEN_KERNEL void running_sum_q(const void *x, void *y, smidgen_s32 *totals, uint32_t steps, uint32_t width,
                                  uint32_t x_bits, uint32_t y_bits, int32_t zero_x, int32_t zero_y, int32_t multiplier,
                                  int32_t shift)
{
    for (uint32_t t = 0U; t < steps; t++) {
        SMIDGEN_ROLLED
        for (uint32_t i = 0U; i < width; i++) {
            totals[i] += load_q(x, (t * width) + i, x_bits) - zero_x;
            store_q(y, (t * width) + i, requantize(totals[i], multiplier, shift) + zero_y, y_bits);
        }
    }
}

/* The largest element, or the smallest. */
SMIDGEN_KERNEL void running_extremum_q(const void *x, void *y, void *extremes, uint32_t steps, uint32_t width,
                                       uint32_t least, uint32_t bits)
{
    for (uint32_t t = 0U; t < steps; t++) {
        SMIDGEN_ROLLED
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t value = load_q(x, (t * width) + i, bits);
            const int32_t found = load_q(extremes, i, bits);
            if ((least != 0U) ? (value < found) : (value > found)) {
                store_q(extremes, i, value, bits);
            }
            store_q(y, (t * width) + i, load_q(extremes, i, bits), bits);
        }
    }
}

#endif
