/* Linear layer on integers: y[r][o] = sat(zero_point + requantize(bias[o] + sum_k weight[o][k] x[r][k])).
 * x (rows, in), weight (out, in) int8, y (rows, out). The input's zero point is folded into bias; the generator has
 * proved that the accumulator fits. Twin of numerics/linear.py. */
#ifndef SMIDGEN_LINEAR_H
#define SMIDGEN_LINEAR_H

#include "fixed_point.h"

SMIDGEN_KERNEL void linear_q(const void *x, const int8_t *weight, const int32_t *bias, const int32_t *multiplier, void *y,
                             uint32_t rows, uint32_t in_width, uint32_t out_width, uint32_t x_bits, uint32_t y_bits,
                             int32_t shift, int32_t zero_point)
{
    for (uint32_t r = 0U; r < rows; r++) {
        SMIDGEN_ROLLED
        for (uint32_t o = 0U; o < out_width; o++) {
            int32_t acc = bias[o];
            for (uint32_t k = 0U; k < in_width; k++) {
                acc += (int32_t)weight[(o * in_width) + k] * load_q(x, (r * in_width) + k, x_bits);
            }
            store_q(y, (r * out_width) + o, requantize(acc, multiplier[o], shift) + zero_point, y_bits);
        }
    }
}

#endif
