/* LSTM layer, float32: projected (steps, 4 width) holds W_i x + b_i, w (4 width, width) and bias (4 width) are the
 * recurrent ones, y (steps, width). `hidden` and `cell` (width) hold the states before the first step and take those after
 * the last; gates is scratch for 4 width floats. Rows: input, forget, cell, output. With `reverse` the last step comes
 * first.
 *     i, f, o = sigmoid(projected + w h + bias),  g = tanh(projected + w h + bias),  c = f c + i g,  h = o tanh(c)
 * Sums as in linear_f32.h. Twin of numerics/float32/lstm.py. */
#ifndef SMIDGEN_LSTM_F32_H
#define SMIDGEN_LSTM_F32_H

#include "functions_f32.h"
#include "linear_f32.h"

SMIDGEN_KERNEL void lstm_f32(const smidgen_f32 *projected, const float *w, const float *bias, smidgen_f32 *y,
                             smidgen_f32 *hidden, smidgen_f32 *cell, smidgen_f32 *gates, uint32_t steps, uint32_t width,
                             uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; ++step) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        const smidgen_f32 *incoming = projected + (t * 4U * width);
        linear_f32(hidden, w, bias, gates, 1U, width, 4U * width);
        for (uint32_t i = 0U; i < width; ++i) {
            const float admit = smidgen_sigmoidf(incoming[i] + gates[i]);
            const float keep = smidgen_sigmoidf(incoming[width + i] + gates[width + i]);
            const float candidate = smidgen_tanhf(incoming[(2U * width) + i] + gates[(2U * width) + i]);
            const float give = smidgen_sigmoidf(incoming[(3U * width) + i] + gates[(3U * width) + i]);
            cell[i] = (keep * cell[i]) + (admit * candidate);
            hidden[i] = give * smidgen_tanhf(cell[i]);
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
