/* Rotary position embedding, float32: x, y (steps, heads, width); the first 2 pairs channels are turned in pairs, the rest
 * are copied. cos, sin (steps, pairs). In place is safe. Twin of numerics/float32/rotary.py. */
#ifndef SMIDGEN_ROTARY_F32_H
#define SMIDGEN_ROTARY_F32_H

#include "memory.h"

SMIDGEN_KERNEL void rotary_f32(const smidgen_f32 *x, const smidgen_f32 *cos_table, const smidgen_f32 *sin_table, smidgen_f32 *y,
                               uint32_t steps, uint32_t heads, uint32_t width, uint32_t pairs, uint32_t interleaved)
{
    const uint32_t apart = (interleaved != 0U) ? 1U : pairs;
    for (uint32_t t = 0U; t < steps; ++t) {
        const smidgen_f32 *const c = &cos_table[t * pairs];
        const smidgen_f32 *const s = &sin_table[t * pairs];
        for (uint32_t h = 0U; h < heads; ++h) {
            const uint32_t row = ((t * heads) + h) * width;
            for (uint32_t i = 0U; i < pairs; ++i) {
                const uint32_t first = row + ((interleaved != 0U) ? (2U * i) : i);
                const float a = x[first];
                const float b = x[first + apart];
                y[first] = (a * c[i]) - (b * s[i]);
                y[first + apart] = (b * c[i]) + (a * s[i]);
            }
            for (uint32_t d = row + (2U * pairs); d < (row + width); ++d) {
                y[d] = x[d];
            }
        }
    }
}

#endif
