/* Long short-term memory (Hochreiter & Schmidhuber 1997) on integers: projected (steps, 4 width) int16, weight
 * (4 width, width) int8 in the order input, forget, cell, output, y (steps, width) int16, one step being
 * 2^(hidden_shift - 15), and 2^-cell_bits of the cell. `hidden` and `cell` hold the states before the first step and take
 * those after the last; `gates` is scratch for 4 width words. With `reverse` the last step comes first.
 * Twin of numerics/lstm.py. */
#ifndef SMIDGEN_LSTM_H
#define SMIDGEN_LSTM_H

#include "gates.h"

SMIDGEN_KERNEL void lstm_q(const smidgen_s16 *projected, const int8_t *weight, const int32_t *bias,
                           const int32_t *multiplier, smidgen_s16 *y, smidgen_s16 *hidden, smidgen_s16 *cell,
                           smidgen_s32 *gates, uint32_t steps, uint32_t width, int32_t input_multiplier, int32_t shift,
                           int32_t hidden_shift, int32_t cell_bits, uint32_t reverse)
{
    const int32_t shown_limit = SMIDGEN_SUM_LIMIT >> (16 - cell_bits);

    for (uint32_t step = 0U; step < steps; step++) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        const smidgen_s16 *row = &projected[t * 4U * width];
        gate_products(hidden, weight, bias, gates, 4U * width, width);
        for (uint32_t i = 0U; i < width; i++) {
            const uint32_t f = width + i;
            const uint32_t c = (2U * width) + i;
            const uint32_t o = (3U * width) + i;
            const int32_t admit = sigmoid_gate(gate_sum(row[i], 32768, input_multiplier, gates[i], multiplier[i], shift));
            const int32_t keep = sigmoid_gate(gate_sum(row[f], 32768, input_multiplier, gates[f], multiplier[f], shift));
            const int32_t candidate = tanh_gate(gate_sum(row[c], 65536, input_multiplier, gates[c], multiplier[c], shift));
            const int32_t give = sigmoid_gate(gate_sum(row[o], 32768, input_multiplier, gates[o], multiplier[o], shift));
            const int32_t fresh = rounded_shift_s32(admit * candidate, 15 - cell_bits);
            store_q(cell, i, rounded_shift_s32((keep * cell[i]) + fresh, 15), 16U);
            const int32_t shown = clamp_s32(cell[i], -shown_limit, shown_limit) * ((int32_t)1 << (16 - cell_bits));
            store_q(hidden, i, rounded_shift_s32(give * tanh_gate(shown), 15 + hidden_shift), 16U);
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
