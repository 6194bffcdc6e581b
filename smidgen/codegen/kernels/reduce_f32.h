/* Sum, mean and extremes of x (outer, reduced, inner) along its middle axis, float32 -> y (outer, inner).
 * Twin of numerics/float32/reduction.py. */
#ifndef SMIDGEN_REDUCE_F32_H
#define SMIDGEN_REDUCE_F32_H

#include "functions_f32.h"

/* Sums start from +0 and run in order; one division each. */
SMIDGEN_KERNEL void mean_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t outer, uint32_t reduced, uint32_t inner)
{
    for (uint32_t o = 0U; o < outer; ++o) {
        for (uint32_t i = 0U; i < inner; ++i) {
            float acc = 0.0f;
            for (uint32_t r = 0U; r < reduced; ++r) {
                acc += x[(((o * reduced) + r) * inner) + i];
            }
            y[(o * inner) + i] = smidgen_dividef(acc, (float)reduced);
        }
    }
}

SMIDGEN_KERNEL void sum_along_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t outer, uint32_t reduced, uint32_t inner)
{
    for (uint32_t o = 0U; o < outer; ++o) {
        for (uint32_t i = 0U; i < inner; ++i) {
            float acc = 0.0f;
            for (uint32_t r = 0U; r < reduced; ++r) {
                acc += x[(((o * reduced) + r) * inner) + i];
            }
            y[(o * inner) + i] = acc;
        }
    }
}

/* The largest element along an axis, or the smallest: of equals (-0 and 0) the first; a NaN stays. */
SMIDGEN_KERNEL void extremum_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t outer, uint32_t reduced, uint32_t inner,
                                 uint32_t least)
{
    for (uint32_t o = 0U; o < outer; ++o) {
        for (uint32_t i = 0U; i < inner; ++i) {
            float found = x[(o * reduced * inner) + i];
            for (uint32_t r = 1U; r < reduced; ++r) {
                const float value = x[(((o * reduced) + r) * inner) + i];
                if (((least != 0U) ? (value < found) : (value > found)) || (value != value)) {
                    found = value;
                }
            }
            y[(o * inner) + i] = found;
        }
    }
}

/* The index of the largest element along an axis, or of the smallest; of equals the first, and of NaNs, which are
 * beyond any number. */
SMIDGEN_KERNEL void position_f32(const smidgen_f32 *x, smidgen_s32 *y, uint32_t outer, uint32_t reduced, uint32_t inner,
                                 uint32_t least)
{
    for (uint32_t o = 0U; o < outer; ++o) {
        for (uint32_t i = 0U; i < inner; ++i) {
            float found = x[(o * reduced * inner) + i];
            uint32_t position = 0U;
            for (uint32_t r = 1U; r < reduced; ++r) {
                const float value = x[(((o * reduced) + r) * inner) + i];
                const uint32_t beyond = ((least != 0U) ? (value < found) : (value > found)) ? 1U : 0U;
                if ((found == found) && ((beyond != 0U) || (value != value))) {
                    found = value;
                    position = r;
                }
            }
            y[(o * inner) + i] = (int32_t)position;
        }
    }
}

#endif
