/* y[o] = the largest of x[i] + scores[o, i] in float32, x (rows, width_in) to y (rows, width_out): of equals (-0 and 0)
 * the first; a NaN stays. Twin of numerics/float32/max_plus.py. */
#ifndef SMIDGEN_MAX_PLUS_F32_H
#define SMIDGEN_MAX_PLUS_F32_H

#include "memory.h"

SMIDGEN_KERNEL void max_plus_f32(const smidgen_f32 *x, const float *scores, smidgen_f32 *y, uint32_t rows,
                                 uint32_t width_in, uint32_t width_out)
{
    for (uint32_t r = 0U; r < rows; r++) {
        for (uint32_t o = 0U; o < width_out; o++) {
            float best = x[r * width_in] + scores[o * width_in];
            for (uint32_t i = 1U; i < width_in; i++) {
                const float sum = x[(r * width_in) + i] + scores[(o * width_in) + i];
                if ((sum > best) || (sum != sum)) {
                    best = sum;
                }
            }
            y[(r * width_out) + o] = best;
        }
    }
}

#endif
