/* y = softmax(q k^T * scale) v a head, float32: q, y (steps_q, heads, width), k, v (steps_k, heads, width); scores is
 * scratch for steps_k floats. Causal keeps the keys j <= i of query i and skips the others. Scores sum over channels, the
 * rest over keys, in order from +0; one division a query and head. Twin of numerics/float32/attention.py. */
#ifndef SMIDGEN_ATTENTION_F32_H
#define SMIDGEN_ATTENTION_F32_H

#include "functions_f32.h"

SMIDGEN_KERNEL void attention_f32(const smidgen_f32 *q, const smidgen_f32 *k, const smidgen_f32 *v, smidgen_f32 *y,
                                  smidgen_f32 *scores, uint32_t steps_q, uint32_t steps_k, uint32_t heads, uint32_t width,
                                  float scale, uint32_t causal)
{
    const uint32_t frame = heads * width;

    for (uint32_t i = 0U; i < steps_q; ++i) {
        const uint32_t keys = ((causal != 0U) && (i < steps_k)) ? (i + 1U) : steps_k;
        for (uint32_t head = 0U; head < heads; ++head) {
            const uint32_t first = head * width;
            float largest = 0.0f;
            float total = 0.0f;
            float reciprocal;
            for (uint32_t j = 0U; j < keys; ++j) {
                float score = 0.0f;
                for (uint32_t c = 0U; c < width; ++c) {
                    score += q[(i * frame) + first + c] * k[(j * frame) + first + c];
                }
                score *= scale;
                largest = ((j == 0U) || (score > largest)) ? score : largest;
                scores[j] = score;
            }
            for (uint32_t j = 0U; j < keys; ++j) {
                const float weight = smidgen_expf(scores[j] - largest);
                scores[j] = weight;
                total += weight;
            }
            reciprocal = 1.0f / total;
            for (uint32_t c = 0U; c < width; ++c) {
                float acc = 0.0f;
                for (uint32_t j = 0U; j < keys; ++j) {
                    acc += scores[j] * v[(j * frame) + first + c];
                }
                y[(i * frame) + first + c] = acc * reciprocal;
            }
        }
    }
}

#endif
