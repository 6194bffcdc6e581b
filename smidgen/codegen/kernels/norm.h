/* RMSNorm, LayerNorm and GroupNorm on integers: x (instances, spatial, groups, width), gain int16 and bias int32 (groups,
 * width); the elements of one instance and group are normalised together. Rows are instances with one group, and spatial
 * 1. y = sat((((n gain) >> 16) + bias) >> shift), n = d r rounded, d the deviation in 25 bits, r the reciprocal root of
 * sum d^2 + epsilon. mean_multiplier 0 leaves the mean in (RMSNorm). Twin of numerics/norm.py. In place is safe. */
#ifndef SMIDGEN_NORM_H
#define SMIDGEN_NORM_H

#include "deviation.h"

/* 1 / sqrt(power) with `bits` fraction bits, at most `most`. */
SMIDGEN_SHARED int64_t norm_root(uint64_t power, int32_t bits, int64_t most)
{
    const smidgen_scaled root = reciprocal_sqrt(power);
    const int32_t places = root.exponent - bits;
    const uint32_t mantissa = (uint32_t)root.mantissa;
    /* Up to 31 places this is rounded_shift_s64 in 32 bits, and from 32 on 0. */
    const uint32_t narrow = ((places >= 0) && (places < 32)) ? ((mantissa + ((1U << places) >> 1)) >> places) : 0U;
    const int64_t value = (places < 0) ? (int64_t)((uint64_t)mantissa << -places) : (int64_t)narrow;
    return (value < most) ? value : most;
}

SMIDGEN_KERNEL void norm_q(const void *x, const int16_t *gain, const int32_t *bias, void *y, uint32_t instances,
                           uint32_t spatial, uint32_t groups, uint32_t width, uint32_t x_bits, uint32_t y_bits,
                           int32_t zero_x, int32_t normalised_bits, int32_t root_shift, int32_t shift,
                           int32_t fraction_bits, int64_t epsilon, int32_t mean_multiplier, int32_t mean_shift)
{
    smidgen_deviations of = {x, x_bits, spatial, groups * width, width, zero_x, fraction_bits, 0};
    const int64_t most = ((int64_t)1 << (31 + root_shift - fraction_bits)) - 1;

    for (uint32_t instance = 0U; instance < instances; instance++) {
        for (uint32_t group = 0U; group < groups; group++) {
            const uint32_t first = ((instance * spatial * groups) + group) * width;
            center_deviations(&of, first, mean_multiplier, mean_shift);
            const uint64_t power = (uint64_t)(power_of_deviations(&of, first) + epsilon);
            const int64_t root = norm_root(power, normalised_bits + root_shift, most);
            for (uint32_t run = 0U; run < spatial; run++) {
                SMIDGEN_ROLLED
                for (uint32_t i = 0U; i < width; i++) {
                    const uint32_t at = first + (run * groups * width) + i;
                    const uint32_t channel = (group * width) + i;
                    const int32_t n = (int32_t)rounded_shift_s64(deviation_at(&of, at) * root, root_shift);
                    store_q(y, at, (multiply_s16_high(n, gain[channel]) + bias[channel]) >> shift, y_bits);
                }
            }
        }
    }
}

#endif
