/* Causal attention without a softmax, as a recurrence, float32: q, k (steps, heads, width), v, y (steps, heads, v_width);
 * goes on from `state` (heads, v_width, width) and leaves the last one. For every head S = decay S + v k^T,
 * y = scale (S q); `decay` is 0 for none. Sums run over channels in order from +0. Twin of
 * numerics/float32/linear_attention.py. */
#ifndef SMIDGEN_LINEAR_ATTENTION_F32_H
#define SMIDGEN_LINEAR_ATTENTION_F32_H

#include "memory.h"

SMIDGEN_KERNEL void linear_attention_f32(const smidgen_f32 *q, const smidgen_f32 *k, const smidgen_f32 *v,
                                         const float *decay, smidgen_f32 *y, smidgen_f32 *state, uint32_t steps,
                                         uint32_t heads, uint32_t width, uint32_t v_width, float scale)
{
    for (uint32_t t = 0U; t < steps; ++t) {
        for (uint32_t h = 0U; h < heads; ++h) {
            const uint32_t row = ((t * heads) + h) * width;
            for (uint32_t e = 0U; e < v_width; ++e) {
                const uint32_t place = (((t * heads) + h) * v_width) + e;
                smidgen_f32 *const memory = &state[((h * v_width) + e) * width];
                const float value = v[place];
                float acc = 0.0f;
                for (uint32_t d = 0U; d < width; ++d) {
                    const float kept = (decay == 0) ? memory[d] : (memory[d] * decay[h]);
                    memory[d] = kept + (value * k[row + d]);
                    acc += memory[d] * q[row + d];
                }
                y[place] = acc * scale;
            }
        }
    }
}

#endif
