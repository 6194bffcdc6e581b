/* Product of two computed matrices, float32: a (batch, m, k), b (batch, k, n) or, transposed, (batch, n, k), y (batch, m,
 * n). An operand whose batch step is 0 is shared. Sums start from +0 and run over k. Twin of numerics/float32/matmul.py. */
#ifndef SMIDGEN_MATMUL_F32_H
#define SMIDGEN_MATMUL_F32_H

#include "exact_float.h"

SMIDGEN_KERNEL void matmul_f32(const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y, uint32_t batch, uint32_t m,
                               uint32_t k, uint32_t n, uint32_t a_step, uint32_t b_step, uint32_t transposed)
{
    const uint32_t b_row = (transposed != 0U) ? 1U : n;    /* from one k to the next */
    const uint32_t b_column = (transposed != 0U) ? k : 1U; /* from one n to the next */

    for (uint32_t row = 0U; row < (batch * m); ++row) {
        const uint32_t first_a = ((row / m) * a_step) + ((row % m) * k);
        for (uint32_t column = 0U; column < n; ++column) {
            const uint32_t first_b = ((row / m) * b_step) + (column * b_column);
            float acc = 0.0f;
            for (uint32_t i = 0U; i < k; ++i) {
                acc += a[first_a + i] * b[first_b + (i * b_row)];
            }
            y[(row * n) + column] = acc;
        }
    }
}

#endif
