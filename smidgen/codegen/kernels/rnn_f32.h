/* Elman's recurrent layer, float32: projected (steps, width) holds W_i x + b_i, w (width, width) and bias (width) are the
 * recurrent ones, y (steps, width). `hidden` (width) holds the state before the first step and takes that after the last;
 * sums is scratch for width floats. With `reverse` the last step comes first.
 *     h = tanh(projected + w h + bias), or with `relu` max(0, projected + w h + bias)
 * Sums as in linear_f32.h. Twin of numerics/float32/rnn.py. */
#ifndef SMIDGEN_RNN_F32_H
#define SMIDGEN_RNN_F32_H

#include "functions_f32.h"
#include "linear_f32.h"

SMIDGEN_KERNEL void rnn_f32(const smidgen_f32 *projected, const float *w, const float *bias, smidgen_f32 *y,
                            smidgen_f32 *hidden, smidgen_f32 *sums, uint32_t steps, uint32_t width, uint32_t relu,
                            uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; ++step) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        linear_f32(hidden, w, bias, sums, 1U, width, width);
        for (uint32_t i = 0U; i < width; ++i) {
            const float sum = projected[(t * width) + i] + sums[i];
            hidden[i] = (relu != 0U) ? ((sum < 0.0f) ? 0.0f : sum) : smidgen_tanhf(sum);
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
