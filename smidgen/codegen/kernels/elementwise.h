/* Sum, product, quotient, choice and change of scale of integer tensors, element by element, shapes broadcast (walk.h).
 * Twin of numerics/elementwise.py. In place is safe where the first operand has the result's shape and width. */
#ifndef SMIDGEN_ELEMENTWISE_H
#define SMIDGEN_ELEMENTWISE_H

#include "dsp.h"
#include "fixed_point.h"
#include "roots.h"
#include "walk.h"

/* sat((a * multiplier_a + b * multiplier_b + offset) >> shift), rounded; two int8 operands stay within 32 bits. */
SMIDGEN_KERNEL int32_t sum_q(int32_t a, int32_t b, uint32_t narrow, int32_t multiplier_a, int32_t multiplier_b,
                             int64_t offset, int32_t shift)
{
    if (narrow != 0U) {
        return rounded_shift_s32((a * multiplier_a) + (b * multiplier_b) + (int32_t)offset, shift);
    }
    return clamp_s64(rounded_shift_s64(((int64_t)a * multiplier_a) + ((int64_t)b * multiplier_b) + offset, shift), -32768,
                     32767);
}

/* int8 of one shape, in multipliers of 16 fraction bits; `offset` has the half of the rounding. */
SMIDGEN_SHARED void add_s8(const smidgen_s8 *a, const smidgen_s8 *b, smidgen_s8 *y, uint32_t count, int32_t multiplier_a,
                           int32_t multiplier_b, int32_t offset)
{
#if SMIDGEN_HAS_DSP
    const int32_t factor_a = multiplier_a * 256;
    const int32_t factor_b = multiplier_b * 256;
    const int32_t biased = offset + (128 << 16);
    SMIDGEN_ROLLED
    for (uint32_t n = count / 4U; n > 0U; n--) {
        const uint32_t four_a = load_next(&a);
        const uint32_t four_b = load_next(&b);
        const uint32_t even_a = even_bytes_256(four_a);
        const uint32_t odd_a = odd_bytes_256(four_a);
        const uint32_t even_b = even_bytes_256(four_b);
        const uint32_t odd_b = odd_bytes_256(four_b);
        const int32_t sum_0 = add_low_product(add_low_product(biased, factor_a, even_a), factor_b, even_b);
        const int32_t sum_1 = add_low_product(add_low_product(biased, factor_a, odd_a), factor_b, odd_b);
        const int32_t sum_2 = add_high_product(add_high_product(biased, factor_a, even_a), factor_b, even_b);
        const int32_t sum_3 = add_high_product(add_high_product(biased, factor_a, odd_a), factor_b, odd_b);
        store_next(&y, saturate_four(high_halves(sum_0, sum_2), high_halves(sum_1, sum_3)));
    }
    count %= 4U;
    SMIDGEN_ROLLED
#endif
    for (uint32_t i = 0U; i < count; i++) {
        y[i] = (int8_t)saturate_s8(((a[i] * multiplier_a) + (b[i] * multiplier_b) + offset) >> 16);
    }
}

SMIDGEN_KERNEL void add_q(const void *a, const void *b, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl,
                          uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi, uint32_t bj, uint32_t bk,
                          uint32_t bl, uint32_t a_bits, uint32_t b_bits, uint32_t y_bits, int32_t multiplier_a,
                          int32_t multiplier_b, int64_t offset, int32_t shift)
{
    const uint32_t narrow = ((a_bits == 8U) && (b_bits == 8U)) ? 1U : 0U;
    if ((narrow != 0U) && (y_bits == 8U) && (shift == 16) && (SMIDGEN_IS_ONE_RUN)) {
        add_s8((const smidgen_s8 *)a, (const smidgen_s8 *)b, (smidgen_s8 *)y, nl, multiplier_a, multiplier_b,
               (int32_t)offset + (1 << 15));
        return;
    }
    SMIDGEN_WALK_PAIRS(store_q(
        y, to, sum_q(load_q(a, p, a_bits), load_q(b, q, b_bits), narrow, multiplier_a, multiplier_b, offset, shift), y_bits))
}

#if SMIDGEN_HAS_DSP

/* The products of both halves, each scaled and biased, in two halves. */
SMIDGEN_KERNEL uint32_t scaled_products(uint32_t a, uint32_t b, int32_t multiplier, int32_t biased)
{
    return low_halves(add_rounded_product(biased, low_product(a, b), multiplier),
                      add_rounded_product(biased, high_product(a, b), multiplier));
}

#endif

/* int8 of one shape, y = sat(zero_y + floor((a - zero_a)(b - zero_b) multiplier / 2^32 + 1/2)). */
SMIDGEN_SHARED void mul_s8(const smidgen_s8 *a, const smidgen_s8 *b, smidgen_s8 *y, uint32_t count, int32_t zero_a,
                           int32_t zero_b, int32_t zero_y, int32_t multiplier)
{
#if SMIDGEN_HAS_DSP
    const uint32_t minus_a = twice(-zero_a);
    const uint32_t minus_b = twice(-zero_b);
    const int32_t biased = zero_y + 128;
    SMIDGEN_ROLLED
    for (uint32_t n = count / 4U; n > 0U; n--) {
        const uint32_t four_a = load_next(&a);
        const uint32_t four_b = load_next(&b);
        const uint32_t even = scaled_products(add_even_bytes(minus_a, four_a), add_even_bytes(minus_b, four_b), multiplier, biased);
        const uint32_t odd = scaled_products(add_odd_bytes(minus_a, four_a), add_odd_bytes(minus_b, four_b), multiplier, biased);
        store_next(&y, saturate_four(even, odd));
    }
    count %= 4U;
    SMIDGEN_ROLLED
#endif
    for (uint32_t i = 0U; i < count; i++) {
        y[i] = (int8_t)saturate_s8(multiply_high_rounded((a[i] - zero_a) * (b[i] - zero_b), multiplier) + zero_y);
    }
}

/* y = sat(zero_y + requantize((a - zero_a)(b - zero_b))). */
SMIDGEN_KERNEL void mul_q(const void *a, const void *b, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl,
                          uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi, uint32_t bj, uint32_t bk,
                          uint32_t bl, uint32_t a_bits, uint32_t b_bits, uint32_t y_bits, int32_t zero_a, int32_t zero_b,
                          int32_t zero_y, int32_t multiplier, int32_t shift)
{
    if ((a_bits == 8U) && (b_bits == 8U) && (y_bits == 8U) && (shift == 0) && (SMIDGEN_IS_ONE_RUN)) {
        mul_s8((const smidgen_s8 *)a, (const smidgen_s8 *)b, (smidgen_s8 *)y, nl, zero_a, zero_b, zero_y, multiplier);
        return;
    }
    SMIDGEN_WALK_PAIRS(store_q(
        y, to,
        requantize((load_q(a, p, a_bits) - zero_a) * (load_q(b, q, b_bits) - zero_b), multiplier, shift) + zero_y, y_bits))
}

/* a / b * multiplier * 2^(shift - 32), rounded, saturated to 17 bits; x / 0 is as large as can be with the sign of x, 0 / 0
 * is 0. |a|, |b| < 2^16. */
SMIDGEN_KERNEL int32_t quotient_q(int32_t a, int32_t b, int32_t multiplier, int32_t shift)
{
    if (b == 0) {
        return (a > 0) ? 65535 : ((a < 0) ? -65535 : 0);
    }
    const smidgen_scaled inverse = reciprocal((uint64_t)(uint32_t)((b < 0) ? -b : b));
    const int64_t factor = rounded_shift_s64((int64_t)inverse.mantissa * multiplier, 31); /* below 2^31 */
    const int64_t product = factor * ((b < 0) ? -a : a);
    return clamp_s64(rounded_shift_s64(product, inverse.exponent + 1 - shift), -65535, 65535);
}

SMIDGEN_KERNEL void div_q(const void *a, const void *b, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl,
                          uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi, uint32_t bj, uint32_t bk,
                          uint32_t bl, uint32_t a_bits, uint32_t b_bits, uint32_t y_bits, int32_t zero_a, int32_t zero_b,
                          int32_t zero_y, int32_t multiplier, int32_t shift)
{
    SMIDGEN_WALK_PAIRS(store_q(
        y, to,
        quotient_q(load_q(a, p, a_bits) - zero_a, load_q(b, q, b_bits) - zero_b, multiplier, shift) + zero_y, y_bits))
}

/* The larger and the smaller of two tensors in one scale. */
SMIDGEN_KERNEL void maximum_q(const void *a, const void *b, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl,
                              uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi, uint32_t bj, uint32_t bk,
                              uint32_t bl, uint32_t bits)
{
    SMIDGEN_WALK_PAIRS(const int32_t left = load_q(a, p, bits); const int32_t right = load_q(b, q, bits);
                       store_q(y, to, (left > right) ? left : right, bits))
}

SMIDGEN_KERNEL void minimum_q(const void *a, const void *b, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl,
                              uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi, uint32_t bj, uint32_t bk,
                              uint32_t bl, uint32_t bits)
{
    SMIDGEN_WALK_PAIRS(const int32_t left = load_q(a, p, bits); const int32_t right = load_q(b, q, bits);
                       store_q(y, to, (left < right) ? left : right, bits))
}

/* b where a is not 0, else c; a is int8 truth values, b, c and y have one scale. */
SMIDGEN_KERNEL void select_q(const void *a, const void *b, const void *c, void *y, uint32_t ni, uint32_t nj, uint32_t nk,
                             uint32_t nl, uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi, uint32_t bj,
                             uint32_t bk, uint32_t bl, uint32_t ci, uint32_t cj, uint32_t ck, uint32_t cl, uint32_t a_bits,
                             uint32_t bits)
{
    SMIDGEN_WALK_TRIPLES(store_q(y, to, (load_q(a, p, a_bits) != 0) ? load_q(b, q, bits) : load_q(c, r, bits), bits))
}

/* y = sat(zero_y + requantize(x - zero_x)). */
SMIDGEN_KERNEL void rescale_q(const void *x, void *y, uint32_t count, uint32_t x_bits, uint32_t y_bits, int32_t zero_x,
                              int32_t zero_y, int32_t multiplier, int32_t shift)
{
    SMIDGEN_ROLLED
    for (uint32_t i = 0U; i < count; i++) {
        store_q(y, i, requantize(load_q(x, i, x_bits) - zero_x, multiplier, shift) + zero_y, y_bits);
    }
}

#endif
