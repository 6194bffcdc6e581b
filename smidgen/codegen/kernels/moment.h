/* Second moments of rows of integers about their mean or about 0, or the roots of them: x (rows, width), y (rows).
 * y = sat(zero_y + power multiplier 2^(shift - 31)), power the sum of squared deviations, or its root: variance, standard
 * deviation, Euclidean length, root mean square. Twin of numerics/moment.py. */
#ifndef SMIDGEN_MOMENT_H
#define SMIDGEN_MOMENT_H

#include "deviation.h"

SMIDGEN_KERNEL void second_moment_q(const void *x, void *y, uint32_t rows, uint32_t width, uint32_t root,
                                    uint32_t x_bits, uint32_t y_bits, int32_t zero_x, int32_t zero_y,
                                    int32_t fraction_bits, int32_t mean_multiplier, int32_t mean_shift,
                                    int32_t multiplier, int32_t shift)
{
    smidgen_deviations of = {x, x_bits, 1U, width, width, zero_x, fraction_bits, 0};

    for (uint32_t row = 0U; row < rows; row++) {
        center_deviations(&of, row * width, mean_multiplier, mean_shift);
        const uint64_t power = (uint64_t)power_of_deviations(&of, row * width);
        const int32_t size = bit_length_u64(power);
        const int32_t excess = (size > 31) ? (size - 31) : 0;
        int64_t value = (int64_t)(power >> excess); /* power ~ value 2^-places, 31 bits */
        int32_t places = -excess;
        if (root != 0U) { /* sqrt(p) = p / sqrt(p) */
            const smidgen_scaled inverse = reciprocal_sqrt((power == 0U) ? 1U : power);
            value = rounded_shift_s64(value * inverse.mantissa, 31);
            places = inverse.exponent - excess - 31;
        }
        places += 31 - shift;
        if (places > 62) {
            value = 0; /* all bits are cut off */
            places = 0;
        }
        /* With negative places the value saturates whatever they are. */
        value = rounded_shift_s64(value * multiplier, (places < 0) ? 0 : places);
        store_q(y, row, clamp_s64(value + zero_y, -32768, 32767), y_bits);
    }
}

#endif
