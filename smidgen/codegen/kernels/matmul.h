/* Product of two computed matrices of symmetric integers: a (batch, m, k), b (batch, k, n) or, transposed, (batch, n, k),
 * y (batch, m, n). An operand whose batch step is 0 is shared. y = sat(zero_point + requantize(sum >> prescale)); with
 * prescale 0 the generator has proved that the sum fits 32 bits. Twin of numerics/matmul.py. */
#ifndef SMIDGEN_MATMUL_H
#define SMIDGEN_MATMUL_H

#include "fixed_point.h"

SMIDGEN_KERNEL void matmul_q(const void *a, const void *b, void *y, uint32_t batch, uint32_t m, uint32_t k, uint32_t n,
                             uint32_t a_step, uint32_t b_step, uint32_t transposed, uint32_t a_bits, uint32_t b_bits,
                             uint32_t y_bits, int32_t prescale, int32_t multiplier, int32_t shift, int32_t zero_point)
{
    const uint32_t b_row = (transposed != 0U) ? 1U : n;    /* from one k to the next */
    const uint32_t b_column = (transposed != 0U) ? k : 1U; /* from one n to the next */

    for (uint32_t row = 0U; row < (batch * m); row++) {
        const uint32_t first_a = ((row / m) * a_step) + ((row % m) * k);
        for (uint32_t column = 0U; column < n; column++) {
            const uint32_t first_b = ((row / m) * b_step) + (column * b_column);
            int32_t sum = 0;
            if (prescale == 0) {
                for (uint32_t i = 0U; i < k; i++) {
                    sum += load_q(a, first_a + i, a_bits) * load_q(b, first_b + (i * b_row), b_bits);
                }
            } else {
                int64_t acc = 0;
                for (uint32_t i = 0U; i < k; i++) {
                    acc += (int64_t)load_q(a, first_a + i, a_bits) * load_q(b, first_b + (i * b_row), b_bits);
                }
                sum = (int32_t)rounded_shift_s64(acc, prescale);
            }
            store_q(y, (row * n) + column, requantize(sum, multiplier, shift) + zero_point, y_bits);
        }
    }
}

#endif
