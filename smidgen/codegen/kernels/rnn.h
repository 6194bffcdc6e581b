/* Elman's recurrent layer (1990) on integers: projected (steps, width) int16, weight (width, width) int8, y (steps, width)
 * int16; after tanh one step is 2^(hidden_shift - 15), with `relu` the sums are in steps of the state. `hidden` holds the
 * state before the first step and takes that after the last; `sums` is scratch for width words. With `reverse` the last
 * step comes first. Twin of numerics/rnn.py. */
#ifndef SMIDGEN_RNN_H
#define SMIDGEN_RNN_H

#include "gates.h"

SMIDGEN_KERNEL void rnn_q(const smidgen_s16 *projected, const int8_t *weight, const int32_t *bias,
                          const int32_t *multiplier, smidgen_s16 *y, smidgen_s16 *hidden, smidgen_s32 *sums,
                          uint32_t steps, uint32_t width, int32_t input_multiplier, int32_t shift, int32_t hidden_shift,
                          uint32_t relu, uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; step++) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        gate_products(hidden, weight, bias, sums, width, width);
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t incoming = projected[(t * width) + i];
            const int64_t sum = gate_sum(incoming, 32768, input_multiplier, sums[i], multiplier[i], shift);
            const int32_t next = (relu != 0U) ? clamp_s64(sum, 0, 32767) : rounded_shift_s32(tanh_gate(sum), hidden_shift);
            store_q(hidden, i, next, 16U);
            y[(t * width) + i] = hidden[i];
        }
    }
}

#endif
