/* y = softmax(q k^T * scale + bias) v a head, float32: q (steps_q, heads, width), k (steps_k, groups, width),
 * v (steps_k, groups, v_width), y (steps_q, heads, v_width); heads / groups heads in a row share keys and values; scores is
 * scratch, a float for every key that a query sees. `bias` is 0 for none; its lowest finite value hides a pair. A row that
 * sees no key is 0. Scores sum over channels, the rest over keys, in order from +0; one division a query and head. Twin of
 * numerics/float32/attention.py. */
#ifndef SMIDGEN_ATTENTION_F32_H
#define SMIDGEN_ATTENTION_F32_H

#include "attention_span.h"
#include "functions_f32.h"

#define ATTENTION_HIDDEN_F32 (-3.4028235e+38f)
#define ATTENTION_UNSEEN_F32 (-1.0f) /* a weight, which otherwise is not negative */

SMIDGEN_KERNEL void attention_f32(const smidgen_f32 *q, const smidgen_f32 *k, const smidgen_f32 *v, const float *bias,
                                  smidgen_f32 *y, smidgen_f32 *scores, uint32_t steps_q, uint32_t steps_k, uint32_t heads,
                                  uint32_t groups, uint32_t width, uint32_t v_width, uint32_t causal, uint32_t window,
                                  uint32_t offset, int32_t bias_origin, int32_t bias_head, int32_t bias_query, int32_t bias_key, float scale)
{
    const attention_strides strides = {bias_origin, bias_head, bias_query, bias_key};

    for (uint32_t i = 0U; i < steps_q; ++i) {
        const uint32_t first = attention_first(i + offset, steps_k, window);
        const uint32_t stop = attention_stop(i + offset, steps_k, causal, window);
        const uint32_t count = (stop > first) ? (stop - first) : 0U;
        for (uint32_t h = 0U; h < heads; ++h) {
            const uint32_t group = h / (heads / groups);
            const smidgen_f32 *const query = &q[((i * heads) + h) * width];
            uint32_t seen = 0U;
            float largest = 0.0f;
            float total = 0.0f;
            float inverse;
            for (uint32_t j = 0U; j < count; ++j) {
                const smidgen_f32 *const key = &k[(((first + j) * groups) + group) * width];
                const float added = (bias == NULL) ? 0.0f : bias[attention_bias_at(&strides, h, i, first + j)];
                if (added != ATTENTION_HIDDEN_F32) {
                    float score = 0.0f;
                    for (uint32_t c = 0U; c < width; ++c) {
                        score += query[c] * key[c];
                    }
                    score *= scale;
                    score = (bias == NULL) ? score : (score + added);
                    largest = ((seen == 0U) || (score > largest)) ? score : largest;
                    seen = 1U;
                    scores[j] = score;
                }
            }
            for (uint32_t j = 0U; j < count; ++j) {
                const float added = (bias == NULL) ? 0.0f : bias[attention_bias_at(&strides, h, i, first + j)];
                if (added != ATTENTION_HIDDEN_F32) {
                    scores[j] = smidgen_expf(scores[j] - largest);
                    total += scores[j];
                } else {
                    scores[j] = ATTENTION_UNSEEN_F32;
                }
            }
            inverse = (seen != 0U) ? (1.0f / total) : 0.0f;
            for (uint32_t c = 0U; c < v_width; ++c) {
                float acc = 0.0f;
                for (uint32_t j = 0U; j < count; ++j) {
                    if ((bias == NULL) || !(scores[j] < 0.0f)) { /* what is hidden may even be infinite */
                        acc += scores[j] * v[((((first + j) * groups) + group) * v_width) + c];
                    }
                }
                y[(((i * heads) + h) * v_width) + c] = acc * inverse;
            }
        }
    }
}

#endif
