/* Scaled dot-product attention on integers, int8 or int16: q (steps_q, heads, width), k (steps_k, groups, width),
 * v (steps_k, groups, v_width), y (steps_q, heads, v_width); heads / groups heads in a row share keys and values. One row
 * at a time: scores, their maximum, table numerators in Q15, their sum, products with V on the unnormalised numerators, one
 * reciprocal. A row that sees no key is 0. `scores` holds a word for every key that a query sees. `bias`, 0 for none, is in
 * steps of 2^bias_shift scores; INT16_MIN hides a pair. Twin of numerics/attention.py. */
#ifndef SMIDGEN_ATTENTION_H
#define SMIDGEN_ATTENTION_H

#include "attention_span.h"
#include "exponential.h"
#include "roots.h"

#define ATTENTION_ONE 32768U /* of a numerator */
#define ATTENTION_HIDDEN INT32_MIN

/* One score, below 2^30 after the shift; int8 q and k stay within 32 bits and need none. */
SMIDGEN_KERNEL int32_t attention_score(const void *q, uint32_t query, const void *k, uint32_t key, uint32_t width,
                                       uint32_t q_bits, uint32_t k_bits, int32_t prescale)
{
    if (prescale == 0) {
        int32_t acc = 0;
        for (uint32_t d = 0U; d < width; d++) {
            acc += load_q(q, query + d, q_bits) * load_q(k, key + d, k_bits);
        }
        return acc;
    }
    int64_t wide = 0;
    for (uint32_t d = 0U; d < width; d++) {
        wide += (int64_t)load_q(q, query + d, q_bits) * load_q(k, key + d, k_bits);
    }
    return (int32_t)rounded_shift_s64(wide, prescale);
}

/* Turn `count` scores into numerators e^(score - peak); returns their sum, or that of one where no key is seen. */
SMIDGEN_KERNEL uint32_t attention_numerators(smidgen_s32 *scores, uint32_t count, int32_t peak, int32_t multiplier,
                                             int32_t shift, int32_t limit)
{
    uint32_t total = 0U;
    for (uint32_t j = 0U; j < count; j++) {
        int32_t numerator = 0;
        if (scores[j] != ATTENTION_HIDDEN) {
            const int32_t decay = exp_negative(peak - scores[j], multiplier, shift, limit);
            numerator = (int32_t)(((uint32_t)decay + 0x8000U) >> 16);
        }
        scores[j] = numerator;
        total += (uint32_t)numerator;
    }
    return (total == 0U) ? ATTENTION_ONE : total;
}

/* The sum of numerators times values, `pitch` elements apart, below 2^31 after the shift. */
SMIDGEN_KERNEL int64_t attention_values(const smidgen_s32 *numerators, const void *v, uint32_t start, uint32_t pitch,
                                        uint32_t count, uint32_t v_bits, int32_t value_shift)
{
    if (value_shift == 0) {
        int32_t acc = 0;
        for (uint32_t j = 0U; j < count; j++) {
            acc += numerators[j] * load_q(v, start + (j * pitch), v_bits);
        }
        return acc;
    }
    int64_t wide = 0;
    for (uint32_t j = 0U; j < count; j++) {
        wide += (int64_t)numerators[j] * load_q(v, start + (j * pitch), v_bits);
    }
    return rounded_shift_s64(wide, value_shift);
}

SMIDGEN_KERNEL void attention_q(const void *q, const void *k, const void *v, const int16_t *bias, void *y,
                                smidgen_s32 *scores, uint32_t steps_q, uint32_t steps_k, uint32_t heads, uint32_t groups,
                                uint32_t width, uint32_t v_width, uint32_t causal, uint32_t window, uint32_t offset,
                                int32_t bias_origin, int32_t bias_head, int32_t bias_query, int32_t bias_key, uint32_t q_bits, uint32_t k_bits, uint32_t v_bits, uint32_t y_bits,
                                int32_t score_prescale, int32_t score_multiplier, int32_t score_shift, int32_t score_limit,
                                int32_t bias_shift, int32_t value_shift, int32_t output_multiplier, int32_t output_shift,
                                int32_t zero_point)
{
    const attention_strides strides = {bias_origin, bias_head, bias_query, bias_key};

    for (uint32_t i = 0U; i < steps_q; i++) {
        const uint32_t first = attention_first(i + offset, steps_k, window);
        const uint32_t stop = attention_stop(i + offset, steps_k, causal, window);
        const uint32_t count = (stop > first) ? (stop - first) : 0U;
        for (uint32_t h = 0U; h < heads; h++) {
            const uint32_t group = h / (heads / groups);
            int32_t peak = ATTENTION_HIDDEN;
            for (uint32_t j = 0U; j < count; j++) {
                const uint32_t key = ((first + j) * groups) + group;
                const int32_t added = (bias == NULL) ? 0 : bias[attention_bias_at(&strides, h, i, first + j)];
                int32_t score = ATTENTION_HIDDEN;
                if (added != INT16_MIN) {
                    score = attention_score(q, ((i * heads) + h) * width, k, key * width, width, q_bits, k_bits,
                                            score_prescale);
                    score += added * ((int32_t)1 << bias_shift);
                    peak = (score > peak) ? score : peak;
                }
                scores[j] = score;
            }
            const uint32_t total = attention_numerators(scores, count, peak, score_multiplier, score_shift, score_limit);
            const smidgen_scaled inverse = reciprocal(total);
            const int64_t factor =
                rounded_shift_s64((int64_t)inverse.mantissa * output_multiplier, 31); /* below 2^31 */
            for (uint32_t d = 0U; d < v_width; d++) {
                const uint32_t start = (((first * groups) + group) * v_width) + d;
                const int64_t sum = attention_values(scores, v, start, groups * v_width, count, v_bits, value_shift);
                const int64_t value = rounded_shift_s64(sum * factor, inverse.exponent - output_shift) + zero_point;
                store_q(y, (((i * heads) + h) * v_width) + d, clamp_s64(value, -32768, 32767), y_bits);
            }
        }
    }
}

#endif
