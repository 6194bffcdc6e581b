/* A pointwise function of one tensor by table. int8: 256 entries. int16: 513 knots, linear interpolation, rounded to
 * nearest; or, where it is constant but for a few jumps, its steps. Twin of numerics/tables.py. In place is safe where input and output have the same width. */
#ifndef SMIDGEN_TABLE_H
#define SMIDGEN_TABLE_H

#include "fixed_point.h"

/* The value at q between knots of y_bits bits. */
SMIDGEN_KERNEL int32_t interpolate_s16(const void *knots, int32_t q, uint32_t y_bits)
{
    const uint32_t position = (uint32_t)(q + 32768);
    const int32_t left = load_q(knots, position >> 7, y_bits);
    const int32_t right = load_q(knots, (position >> 7) + 1U, y_bits);
    return rounded_shift_s32((left * 128) + ((right - left) * (int32_t)(position & 127U)), 7);
}

SMIDGEN_KERNEL void table_s8(const smidgen_s8 *x, const void *table, void *y, uint32_t count, uint32_t y_bits)
{
    for (uint32_t i = 0U; i < count; i++) {
        store_q(y, i, load_q(table, (uint32_t)((int32_t)x[i] + 128), y_bits), y_bits);
    }
}

SMIDGEN_KERNEL void table_s16(const smidgen_s16 *x, const void *knots, void *y, uint32_t count, uint32_t y_bits)
{
    for (uint32_t i = 0U; i < count; i++) {
        store_q(y, i, interpolate_s16(knots, x[i], y_bits), y_bits);
    }
}

/* values[i] for the number i of thresholds that x reaches; thresholds rise. */
SMIDGEN_KERNEL void steps_s16(const smidgen_s16 *x, const int16_t *thresholds, const void *values, void *y, uint32_t count,
                              uint32_t n_thresholds, uint32_t y_bits)
{
    for (uint32_t i = 0U; i < count; i++) {
        uint32_t reached = 0U; /* thresholds known to be reached */
        uint32_t end = n_thresholds;
        while (reached < end) {
            const uint32_t middle = (reached + end) / 2U;
            if (x[i] >= thresholds[middle]) {
                reached = middle + 1U;
            } else {
                end = middle;
            }
        }
        store_q(y, i, load_q(values, reached, y_bits), y_bits);
    }
}

#endif
