/* RMSNorm, LayerNorm and GroupNorm on integers: x (instances, spatial, groups, width), gain int16 and bias int32 (groups,
 * width); the elements of one instance and group are normalised together. Rows are instances with one group, and spatial
 * 1. y = sat(((n gain) >> gain_shift) + bias), n = d r in Q30, d the deviation in 25 bits, r the reciprocal root of
 * sum d^2 + epsilon. mean_multiplier 0 leaves the mean in (RMSNorm). Twin of numerics/norm.py. In place is safe. */
#ifndef SMIDGEN_NORM_H
#define SMIDGEN_NORM_H

#include "deviation.h"

SMIDGEN_KERNEL void norm_q(const void *x, const int16_t *gain, const int32_t *bias, void *y, uint32_t instances,
                           uint32_t spatial, uint32_t groups, uint32_t width, uint32_t x_bits, uint32_t y_bits,
                           int32_t zero_x, int32_t gain_shift, int32_t fraction_bits, int64_t epsilon,
                           int32_t mean_multiplier, int32_t mean_shift)
{
    smidgen_deviations of = {x, x_bits, spatial, groups * width, width, zero_x, fraction_bits, 0};

    for (uint32_t instance = 0U; instance < instances; instance++) {
        for (uint32_t group = 0U; group < groups; group++) {
            const uint32_t first = ((instance * spatial * groups) + group) * width;
            center_deviations(&of, first, mean_multiplier, mean_shift);
            const smidgen_scaled root = reciprocal_sqrt((uint64_t)(power_of_deviations(&of, first) + epsilon));
            for (uint32_t run = 0U; run < spatial; run++) {
                for (uint32_t i = 0U; i < width; i++) {
                    const uint32_t at = first + (run * groups * width) + i;
                    const uint32_t channel = (group * width) + i;
                    const int64_t normalised =
                        rounded_shift_s64((int64_t)deviation_at(&of, at) * root.mantissa, root.exponent - 30);
                    const int64_t value =
                        rounded_shift_s64((int64_t)(int32_t)normalised * gain[channel], gain_shift) + bias[channel];
                    store_q(y, at, clamp_s64(value, -32768, 32767), y_bits);
                }
            }
        }
    }
}

#endif
