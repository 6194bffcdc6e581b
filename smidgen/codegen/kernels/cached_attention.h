/* One step of causal attention on integers: q (heads, width), k (groups, width) and v (groups, v_width) of the present
 * step; `keys` and `values` hold those of the last `window` steps, `count` how many there are. The bias is by distance,
 * `bias_head` elements from one head to the next. Twin of ir/ops/cached_attention.py; see attention.h. */
#ifndef SMIDGEN_CACHED_ATTENTION_H
#define SMIDGEN_CACHED_ATTENTION_H

#include "attention.h"
#include "frame_cache.h"

SMIDGEN_KERNEL void cached_attention_q(const void *q, const void *k, const void *v, const int16_t *bias, void *y,
                                       void *keys, void *values, smidgen_s32 *count, smidgen_s32 *scores, uint32_t window,
                                       uint32_t heads, uint32_t groups, uint32_t width, uint32_t v_width, int32_t bias_head,
                                       uint32_t q_bits, uint32_t k_bits, uint32_t v_bits, uint32_t y_bits,
                                       int32_t score_prescale, int32_t score_multiplier, int32_t score_shift,
                                       int32_t score_limit, int32_t bias_shift, int32_t value_shift,
                                       int32_t output_multiplier, int32_t output_shift, int32_t zero_point)
{
    const uint32_t k_size = k_bits / 8U;
    const uint32_t v_size = v_bits / 8U;
    const uint32_t steps = cached_frames(count, window);
    const uint32_t absent = window - steps;

    cache_frame(keys, k, window, groups * width, k_size);
    cache_frame(values, v, window, groups * v_width, v_size);
    attention_q(q, (const uint8_t *)keys + (absent * groups * width * k_size),
                (const uint8_t *)values + (absent * groups * v_width * v_size), bias, y, scores, 1U, steps, heads, groups,
                width, v_width, 1U, window, steps - 1U, (int32_t)(steps - 1U), bias_head, 1, -1, q_bits, k_bits, v_bits,
                y_bits, score_prescale, score_multiplier, score_shift, score_limit, bias_shift, value_shift,
                output_multiplier, output_shift, zero_point);
}

#endif
