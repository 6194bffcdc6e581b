/* One step of causal attention, float32: q (heads, width), k (groups, width) and v (groups, v_width) of the present step;
 * `keys` and `values` hold those of the last `window` steps, `count` how many there are. The bias is by distance,
 * `bias_head` elements from one head to the next. Twin of ir/ops/cached_attention.py; see attention_f32.h. */
#ifndef SMIDGEN_CACHED_ATTENTION_F32_H
#define SMIDGEN_CACHED_ATTENTION_F32_H

#include "frame_cache.h"
#include "attention_f32.h"

SMIDGEN_KERNEL void cached_attention_f32(const smidgen_f32 *q, const smidgen_f32 *k, const smidgen_f32 *v,
                                         const float *bias, smidgen_f32 *y, smidgen_f32 *keys, smidgen_f32 *values,
                                         smidgen_s32 *count, smidgen_f32 *scores, uint32_t window, uint32_t heads,
                                         uint32_t groups, uint32_t width, uint32_t v_width, int32_t bias_head, float scale)
{
    const uint32_t steps = cached_frames(count, window);
    const uint32_t absent = window - steps;

    cache_frame(keys, k, window, groups * width, 4U);
    cache_frame(values, v, window, groups * v_width, 4U);
    attention_f32(q, &keys[absent * groups * width], &values[absent * groups * v_width], bias, y, scores, 1U, steps, heads,
                  groups, width, v_width, 1U, window, steps - 1U, (int32_t)(steps - 1U), bias_head, 1, -1, scale);
}

#endif
