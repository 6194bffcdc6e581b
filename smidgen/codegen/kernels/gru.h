/* Gated recurrent unit (Cho et al. 2014, PyTorch's variant) on integers: projected (steps, 3 width) int16, weight
 * (3 width, width) int8 in the order reset, update, candidate, y (steps, width) int16 in Q15. Gate sums are int16 in Q12;
 * `gates` holds 3 width words. Goes on from `hidden` (width) and leaves the last state there. Twin of numerics/gru.py. */
#ifndef SMIDGEN_GRU_H
#define SMIDGEN_GRU_H

#include "table.h"

SMIDGEN_KERNEL void gru_q(const smidgen_s16 *projected, const int8_t *weight, const int32_t *bias,
                          const int32_t *multiplier, const int16_t *sigmoid, const int16_t *tanh_knots, smidgen_s16 *y,
                          smidgen_s16 *hidden, smidgen_s32 *gates, uint32_t steps, uint32_t width, int32_t input_multiplier, int32_t shift)
{
    for (uint32_t t = 0U; t < steps; t++) {
        for (uint32_t g = 0U; g < (3U * width); g++) {
            int32_t acc = bias[g];
            for (uint32_t k = 0U; k < width; k++) {
                acc += (int32_t)weight[(g * width) + k] * (int32_t)hidden[k];
            }
            gates[g] = acc;
        }
        for (uint32_t i = 0U; i < width; i++) {
            const smidgen_s16 *row = &projected[t * 3U * width];
            const uint32_t z = width + i;
            const uint32_t c = (2U * width) + i;
            const int64_t reset_sum =
                ((int64_t)((int32_t)row[i] * 32768) * input_multiplier) + ((int64_t)gates[i] * multiplier[i]);
            const int64_t update_sum =
                ((int64_t)((int32_t)row[z] * 32768) * input_multiplier) + ((int64_t)gates[z] * multiplier[z]);
            const int64_t input_sum = (int64_t)((int32_t)row[c] * 32768) * input_multiplier;
            const int32_t reset =
                interpolate_s16(sigmoid, clamp_s64(rounded_shift_s64(reset_sum, 32 - shift), -32767, 32767), 16U);
            const int32_t update =
                interpolate_s16(sigmoid, clamp_s64(rounded_shift_s64(update_sum, 32 - shift), -32767, 32767), 16U);
            const int32_t recurrent = clamp_s32(requantize(gates[c], multiplier[c], shift), -65535, 65535);
            const int64_t candidate_sum =
                rounded_shift_s64(input_sum, 32 - shift) + rounded_shift_s64((int64_t)reset * recurrent, 15);
            const int32_t candidate = interpolate_s16(tanh_knots, clamp_s64(candidate_sum, -32767, 32767), 16U);
            const int32_t mixed =
                rounded_shift_s32((update * (int32_t)hidden[i]) + ((32768 - update) * candidate), 15);
            store_q(hidden, i, mixed, 16U);
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
