/* GRU layer, float32, PyTorch's variant: projected (steps, 3 width) holds W_i x + b_i, w (3 width, width) and bias
 * (3 width) are the recurrent ones, y (steps, width). `hidden` (width) holds the state before the first step and takes
 * that after the last; gates is scratch for 3 width floats. Rows: reset, update, candidate. With `reverse` the last step
 * comes first.
 *     r, z = sigmoid(projected + w h + bias),  n = tanh(projected + r (w h + bias)),  h = n + z (h - n)
 * Sums as in linear_f32.h. Twin of numerics/float32/gru.py. */
#ifndef SMIDGEN_GRU_F32_H
#define SMIDGEN_GRU_F32_H

#include "functions_f32.h"
#include "linear_f32.h"

SMIDGEN_KERNEL void gru_f32(const smidgen_f32 *projected, const float *w, const float *bias, smidgen_f32 *y,
                            smidgen_f32 *hidden, smidgen_f32 *gates, uint32_t steps, uint32_t width, uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; ++step) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        const smidgen_f32 *incoming = projected + (t * 3U * width);
        linear_f32(hidden, w, bias, gates, 1U, width, 3U * width);
        for (uint32_t i = 0U; i < width; ++i) {
            const float reset = smidgen_sigmoidf(incoming[i] + gates[i]);
            const float update = smidgen_sigmoidf(incoming[width + i] + gates[width + i]);
            const float candidate = smidgen_tanhf(incoming[(2U * width) + i] + (reset * gates[(2U * width) + i]));
            hidden[i] = candidate + (update * (hidden[i] - candidate));
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
