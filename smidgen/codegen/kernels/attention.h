/* Scaled dot-product attention on integers, int8 or int16: q (steps_q, heads, width), k and v (steps_k, heads, width),
 * y (steps_q, heads, width). One row at a time: scores, their maximum, table numerators in Q15, their sum, products with
 * V on the unnormalised numerators, one reciprocal. `scores` holds steps_k words. Twin of numerics/attention.py. */
#ifndef SMIDGEN_ATTENTION_H
#define SMIDGEN_ATTENTION_H

#include "exponential.h"
#include "roots.h"

SMIDGEN_KERNEL void attention_q(const void *q, const void *k, const void *v, void *y, smidgen_s32 *scores,
                                uint32_t steps_q, uint32_t steps_k, uint32_t heads, uint32_t width, uint32_t causal,
                                uint32_t q_bits, uint32_t k_bits, uint32_t v_bits, uint32_t y_bits, int32_t score_prescale,
                                int32_t score_multiplier, int32_t score_shift, int32_t score_limit, int32_t value_shift,
                                int32_t output_multiplier, int32_t output_shift, int32_t zero_point)
{
    for (uint32_t i = 0U; i < steps_q; i++) {
        const uint32_t keys = ((causal != 0U) && (i < steps_k)) ? (i + 1U) : steps_k;
        for (uint32_t h = 0U; h < heads; h++) {
            const uint32_t query = ((i * heads) + h) * width;
            int32_t peak = INT32_MIN;
            for (uint32_t j = 0U; j < keys; j++) {
                const uint32_t key = ((j * heads) + h) * width;
                int32_t score = 0;
                if (score_prescale == 0) {
                    for (uint32_t d = 0U; d < width; d++) {
                        score += load_q(q, query + d, q_bits) * load_q(k, key + d, k_bits);
                    }
                } else {
                    int64_t acc = 0;
                    for (uint32_t d = 0U; d < width; d++) {
                        acc += (int64_t)load_q(q, query + d, q_bits) * load_q(k, key + d, k_bits);
                    }
                    score = (int32_t)rounded_shift_s64(acc, score_prescale);
                }
                scores[j] = score;
                peak = (score > peak) ? score : peak;
            }
            uint32_t total = 0U;
            for (uint32_t j = 0U; j < keys; j++) {
                const int32_t difference = clamp_s32(peak - scores[j], 0, score_limit);
                const int32_t exponent = requantize(difference, score_multiplier, score_shift);
                const int32_t decay = exp2_negative(clamp_s32(exponent, 0, SMIDGEN_EXPONENT_MAX));
                const int32_t numerator = (int32_t)(((uint32_t)decay + 0x8000U) >> 16);
                scores[j] = numerator;
                total += (uint32_t)numerator;
            }
            const smidgen_scaled inverse = reciprocal(total);
            const int64_t factor =
                rounded_shift_s64((int64_t)inverse.mantissa * output_multiplier, 31); /* below 2^31 */
            for (uint32_t d = 0U; d < width; d++) {
                int64_t sum = 0;
                if (value_shift == 0) {
                    int32_t acc = 0;
                    for (uint32_t j = 0U; j < keys; j++) {
                        acc += scores[j] * load_q(v, (((j * heads) + h) * width) + d, v_bits);
                    }
                    sum = acc;
                } else {
                    for (uint32_t j = 0U; j < keys; j++) {
                        sum += (int64_t)scores[j] * load_q(v, (((j * heads) + h) * width) + d, v_bits);
                    }
                    sum = rounded_shift_s64(sum, value_shift);
                }
                const int64_t value = rounded_shift_s64(sum * factor, inverse.exponent - output_shift) + zero_point;
                store_q(y, query + d, clamp_s64(value, -32768, 32767), y_bits);
            }
        }
    }
}

#endif
