/* What all rows so far add up to, of x (steps, width), float32: y (steps, width) tells it after each row, and the states go on
 * from the rows before. Twin of numerics/float32/running.py. */
#ifndef SMIDGEN_RUNNING_F32_H
#define SMIDGEN_RUNNING_F32_H

#include "functions_f32.h"

/* The mean, summed in order; `count` is the number of rows before. */
SMIDGEN_KERNEL void running_mean_f32(const smidgen_f32 *x, smidgen_f32 *y, smidgen_f32 *totals, smidgen_s32 *count,
                                     uint32_t steps, uint32_t width)
{
    for (uint32_t t = 0U; t < steps; ++t) {
        (*count)++;
        for (uint32_t i = 0U; i < width; ++i) {
            totals[i] += x[(t * width) + i];
            y[(t * width) + i] = smidgen_dividef(totals[i], (float)*count);
        }
    }
}

/* The sum, in order. */
SMIDGEN_KERNEL void running_sum_f32(const smidgen_f32 *x, smidgen_f32 *y, smidgen_f32 *totals, uint32_t steps,
                                    uint32_t width)
{
    for (uint32_t t = 0U; t < steps; ++t) {
        for (uint32_t i = 0U; i < width; ++i) {
            totals[i] += x[(t * width) + i];
            y[(t * width) + i] = totals[i];
        }
    }
}

/* The largest element, or the smallest: of equals (-0 and 0) the first; a NaN stays. */
SMIDGEN_KERNEL void running_extremum_f32(const smidgen_f32 *x, smidgen_f32 *y, smidgen_f32 *extremes, uint32_t steps,
                                         uint32_t width, uint32_t least)
{
    for (uint32_t t = 0U; t < steps; ++t) {
        for (uint32_t i = 0U; i < width; ++i) {
            const float value = x[(t * width) + i];
            const float found = extremes[i];
            if (((least != 0U) ? (value < found) : (value > found)) || (value != value)) {
                extremes[i] = value;
            }
            y[(t * width) + i] = extremes[i];
        }
    }
}

#endif
