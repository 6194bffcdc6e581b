/* Gated recurrent unit (Cho et al. 2014, PyTorch's variant) on integers: projected (steps, 3 width) int16, weight
 * (3 width, width) int8 in the order reset, update, candidate, y (steps, width) int16, one step being
 * 2^(hidden_shift - 15). `hidden` holds the state before the first step and takes that after the last; `gates` is scratch
 * for 3 width words. With `reverse` the last step comes first. Twin of numerics/gru.py. */
#ifndef SMIDGEN_GRU_H
#define SMIDGEN_GRU_H

#include "gates.h"

SMIDGEN_KERNEL void gru_q(const smidgen_s16 *projected, const int8_t *weight, const int32_t *bias,
                          const int32_t *multiplier, smidgen_s16 *y, smidgen_s16 *hidden, smidgen_s32 *gates,
                          uint32_t steps, uint32_t width, int32_t input_multiplier, int32_t shift, int32_t hidden_shift,
                          uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; step++) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        const smidgen_s16 *row = &projected[t * 3U * width];
        gate_products(hidden, weight, bias, gates, 3U * width, width);
        for (uint32_t i = 0U; i < width; i++) {
            const uint32_t z = width + i;
            const uint32_t c = (2U * width) + i;
            const int32_t reset = sigmoid_gate(gate_sum(row[i], 32768, input_multiplier, gates[i], multiplier[i], shift));
            const int32_t update = sigmoid_gate(gate_sum(row[z], 32768, input_multiplier, gates[z], multiplier[z], shift));
            const int32_t recurrent = requantize(gates[c], multiplier[c], shift);
            const int64_t incoming = gate_sum(row[c], 65536, input_multiplier, 0, 0, shift);
            const int32_t candidate = tanh_gate(incoming + rounded_shift_s64((int64_t)reset * recurrent, 15));
            const int32_t fresh = rounded_shift_s32((32768 - update) * candidate, hidden_shift);
            store_q(hidden, i, rounded_shift_s32((update * hidden[i]) + fresh, 15), 16U);
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
