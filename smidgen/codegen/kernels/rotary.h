/* Rotary position embedding on integers: x, y (steps, heads, width); the first 2 pairs channels are turned in pairs, the
 * rest keep their value in the scale of y. cos, sin (steps, pairs) are int16; their sum in a turned channel stays below
 * 32767 * 2 * 32767 < 2^31. In place is safe where the widths agree. Twin of numerics/rotary.py. */
#ifndef SMIDGEN_ROTARY_H
#define SMIDGEN_ROTARY_H

#include "fixed_point.h"

SMIDGEN_KERNEL void rotary_q(const void *x, const smidgen_s16 *cos_table, const smidgen_s16 *sin_table, void *y,
                             uint32_t steps, uint32_t heads, uint32_t width, uint32_t pairs, uint32_t interleaved, uint32_t x_bits,
                             uint32_t y_bits, int32_t zero_x, int32_t zero_y, int32_t table_bits, int32_t multiplier,
                             int32_t shift)
{
    const uint32_t apart = (interleaved != 0U) ? 1U : pairs;
    for (uint32_t t = 0U; t < steps; t++) {
        const smidgen_s16 *const c = &cos_table[t * pairs];
        const smidgen_s16 *const s = &sin_table[t * pairs];
        for (uint32_t h = 0U; h < heads; h++) {
            const uint32_t row = ((t * heads) + h) * width;
            for (uint32_t i = 0U; i < pairs; i++) {
                const uint32_t first = row + ((interleaved != 0U) ? (2U * i) : i);
                const int32_t a = load_q(x, first, x_bits) - zero_x;
                const int32_t b = load_q(x, first + apart, x_bits) - zero_x;
                store_q(y, first, requantize((a * c[i]) - (b * s[i]), multiplier, shift) + zero_y, y_bits);
                store_q(y, first + apart, requantize((b * c[i]) + (a * s[i]), multiplier, shift) + zero_y, y_bits);
            }
            for (uint32_t d = row + (2U * pairs); d < (row + width); d++) {
                const int32_t passed = (load_q(x, d, x_bits) - zero_x) * ((int32_t)1 << table_bits);
                store_q(y, d, requantize(passed, multiplier, shift) + zero_y, y_bits);
            }
        }
    }
}

#endif
