/* Causal attention without a softmax, as a recurrence on integers, int8 or int16: q, k (steps, heads, width), v, y (steps,
 * heads, v_width); goes on from `state` (heads, v_width, width) and leaves the last one. For every head
 *   S = decay S + v k^T, y = S q
 * `decay` is in Q31, 0 for none. Products are shifted, to the left where state_shift is negative, so that |S| stays below
 * 2^30. Twin of numerics/linear_attention.py. */
#ifndef SMIDGEN_LINEAR_ATTENTION_H
#define SMIDGEN_LINEAR_ATTENTION_H

#include "fixed_point.h"

SMIDGEN_KERNEL void linear_attention_q(const void *q, const void *k, const void *v, const int32_t *decay, void *y,
                                       smidgen_s32 *state, uint32_t steps, uint32_t heads, uint32_t width,
                                       uint32_t v_width, uint32_t q_bits, uint32_t k_bits, uint32_t v_bits,
                                       uint32_t y_bits, int32_t state_shift, int32_t output_prescale,
                                       int32_t output_multiplier, int32_t output_shift, int32_t zero_point)
{
    for (uint32_t t = 0U; t < steps; t++) {
        for (uint32_t h = 0U; h < heads; h++) {
            const uint32_t row = ((t * heads) + h) * width;
            for (uint32_t e = 0U; e < v_width; e++) {
                const uint32_t place = (((t * heads) + h) * v_width) + e;
                smidgen_s32 *const memory = &state[((h * v_width) + e) * width];
                const int32_t value = load_q(v, place, v_bits);
                int64_t acc = 0;
                for (uint32_t d = 0U; d < width; d++) {
                    const int32_t kept = (decay == 0) ? memory[d] : multiply_high_rounded(memory[d] * 2, decay[h]);
                    const int32_t product = value * load_q(k, row + d, k_bits);
                    memory[d] = kept + ((state_shift < 0) ? (product * ((int32_t)1 << -state_shift))
                                                          : rounded_shift_s32(product, state_shift));
                    acc += (int64_t)memory[d] * load_q(q, row + d, q_bits);
                }
                acc = rounded_shift_s64(acc, output_prescale) * output_multiplier;
                store_q(y, place, clamp_s64(rounded_shift_s64(acc, output_shift) + zero_point, -32768, 32767), y_bits);
            }
        }
    }
}

#endif
