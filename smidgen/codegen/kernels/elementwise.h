/* Sum, product and change of scale of integer tensors, element by element. Twin of numerics/elementwise.py.
 * In place is safe where the widths agree. */
#ifndef SMIDGEN_ELEMENTWISE_H
#define SMIDGEN_ELEMENTWISE_H

#include "fixed_point.h"

/* y = sat((a * multiplier_a + b * multiplier_b + offset) >> shift), rounded; two int8 operands stay within 32 bits. */
SMIDGEN_KERNEL void add_q(const void *a, const void *b, void *y, uint32_t count, uint32_t a_bits, uint32_t b_bits,
                          uint32_t y_bits, int32_t multiplier_a, int32_t multiplier_b, int64_t offset, int32_t shift)
{
    for (uint32_t i = 0U; i < count; i++) {
        const int32_t p = load_q(a, i, a_bits);
        const int32_t q = load_q(b, i, b_bits);
        if ((a_bits == 8U) && (b_bits == 8U)) {
            store_q(y, i, rounded_shift_s32((p * multiplier_a) + (q * multiplier_b) + (int32_t)offset, shift), y_bits);
        } else {
            const int64_t sum = ((int64_t)p * multiplier_a) + ((int64_t)q * multiplier_b) + offset;
            store_q(y, i, clamp_s64(rounded_shift_s64(sum, shift), -32768, 32767), y_bits);
        }
    }
}

/* y = sat(zero_y + requantize((a - zero_a)(b - zero_b))). */
SMIDGEN_KERNEL void mul_q(const void *a, const void *b, void *y, uint32_t count, uint32_t a_bits, uint32_t b_bits,
                          uint32_t y_bits, int32_t zero_a, int32_t zero_b, int32_t zero_y, int32_t multiplier,
                          int32_t shift)
{
    for (uint32_t i = 0U; i < count; i++) {
        const int32_t product = (load_q(a, i, a_bits) - zero_a) * (load_q(b, i, b_bits) - zero_b);
        store_q(y, i, requantize(product, multiplier, shift) + zero_y, y_bits);
    }
}

/* y = sat(zero_y + requantize(x - zero_x)). */
SMIDGEN_KERNEL void rescale_q(const void *x, void *y, uint32_t count, uint32_t x_bits, uint32_t y_bits, int32_t zero_x,
                              int32_t zero_y, int32_t multiplier, int32_t shift)
{
    for (uint32_t i = 0U; i < count; i++) {
        store_q(y, i, requantize(load_q(x, i, x_bits) - zero_x, multiplier, shift) + zero_y, y_bits);
    }
}

#endif
