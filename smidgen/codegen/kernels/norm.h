/* RMSNorm and LayerNorm on integers, row by row: x (rows, width), gain int16 and bias int32 (width).
 * y = sat(((n gain) >> gain_shift) + bias), n = d r in Q30, d the deviation in 25 bits, r the reciprocal root of
 * sum d^2 + epsilon. mean_multiplier 0 leaves the mean in (RMSNorm). Twin of numerics/norm.py. In place is safe. */
#ifndef SMIDGEN_NORM_H
#define SMIDGEN_NORM_H

#include "roots.h"

SMIDGEN_KERNEL void norm_q(const void *x, const int16_t *gain, const int32_t *bias, void *y, uint32_t rows, uint32_t width,
                           uint32_t x_bits, uint32_t y_bits, int32_t zero_x, int32_t gain_shift, int32_t fraction_bits, int64_t epsilon,
                           int32_t mean_multiplier, int32_t mean_shift)
{
    for (uint32_t r = 0U; r < rows; r++) {
        const uint32_t row = r * width;
        int32_t mean = 0;
        if (mean_multiplier != 0) {
            int32_t total = 0;
            for (uint32_t i = 0U; i < width; i++) {
                total += load_q(x, row + i, x_bits) - zero_x;
            }
            mean = (int32_t)rounded_shift_s64((int64_t)total * mean_multiplier, 32 - mean_shift);
        }
        int64_t power = epsilon;
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t d = ((load_q(x, row + i, x_bits) - zero_x) * (1 << fraction_bits)) - mean;
            power += (int64_t)d * d;
        }
        const smidgen_scaled root = reciprocal_sqrt((uint64_t)power);
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t d = ((load_q(x, row + i, x_bits) - zero_x) * (1 << fraction_bits)) - mean;
            const int64_t normalised = rounded_shift_s64((int64_t)d * root.mantissa, root.exponent - 30);
            const int64_t value = rounded_shift_s64((int64_t)(int32_t)normalised * gain[i], gain_shift) + bias[i];
            store_q(y, row + i, clamp_s64(value, -32768, 32767), y_bits);
        }
    }
}

#endif
