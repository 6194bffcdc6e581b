/* Softmax and log-softmax of rows of integers, x and y (rows, width). Row maximum, exponentials of the differences,
 * their sum, one reciprocal or one logarithm a row. Twin of numerics/softmax.py. In place is safe where x and y have the
 * same width. */
#ifndef SMIDGEN_SOFTMAX_H
#define SMIDGEN_SOFTMAX_H

#include "exponential.h"
#include "roots.h"

#define SOFTMAX_LOG_ONE 360501479 /* ln(2^31 - 1) in Q24 */

/* e^-difference in Q30 for a difference of two int8: that of its multiple of 16 times that of its rest. */
SMIDGEN_KERNEL int32_t power_s8(const int32_t *powers, int32_t difference)
{
#if SMIDGEN_HAS_DSP
    return rounded_high_product(powers[difference >> 4], powers[16 + (difference & 15)]);
#else
    return multiply_high_rounded(powers[difference >> 4], powers[16 + (difference & 15)]);
#endif
}

/* The largest element of a row. */
SMIDGEN_SHARED int32_t peak_s8(const smidgen_s8 *x, uint32_t width)
{
    int32_t peak = (int32_t)x[0];
    uint32_t i = 0U;
#if SMIDGEN_HAS_DSP
    if (width >= 4U) {
        const smidgen_s8 *next = x;
        uint32_t peaks = load_next(&next); /* of every fourth element, one a byte */
        SMIDGEN_ROLLED
        for (i = 4U; (i + 4U) <= width; i += 4U) {
            peaks = largest_bytes(peaks, load_next(&next));
        }
        peaks = largest_bytes(peaks, peaks >> 16);
        peaks = largest_bytes(peaks, (peaks << 16) | ((peaks >> 8) & 0xFFU));
        peak = (int32_t)(int8_t)(uint8_t)peaks;
    }
    SMIDGEN_ROLLED
#endif
    for (; i < width; i++) {
        peak = (x[i] > peak) ? x[i] : peak;
    }
    return peak;
}

/* Numerators of a row; returns their sum. */
SMIDGEN_SHARED uint64_t powers_s8(const smidgen_s8 *x, const int32_t *powers, smidgen_s32 *numerators, uint32_t width,
                                  int32_t peak)
{
    uint64_t total = 0U;
    for (uint32_t i = 0U; i < width; i++) {
        numerators[i] = power_s8(powers, peak - x[i]);
        total += (uint64_t)(uint32_t)numerators[i];
    }
    return total;
}

/* y = sat(zero_point + numerators factor 2^(-32 - places)), rounded; 1 <= places <= 30. */
SMIDGEN_SHARED void scale_powers_s8(const smidgen_s32 *numerators, smidgen_s8 *y, uint32_t width, int32_t factor,
                                    int32_t places, int32_t zero_point)
{
    const int32_t half = (int32_t)1 << (places - 1);
    for (uint32_t i = 0U; i < width; i++) {
#if SMIDGEN_HAS_DSP
        const int32_t high = add_high_product_of_words(half, numerators[i], factor);
#else
        const int32_t high = half + (int32_t)(((int64_t)numerators[i] * factor) >> 32);
#endif
        y[i] = (int8_t)saturate_s8((high >> places) + zero_point);
    }
}

/* `seen` (seen_rows, width) serves seen_rows rows in turn and is 0 where an element does not count; NULL: all do. A row of
 * which nothing is seen is 0. `powers` are those of int8 x. `numerators` holds a word for every element of a row. */
SMIDGEN_KERNEL void softmax_q(const void *x, const smidgen_s8 *seen, const int32_t *powers, void *y,
                              smidgen_s32 *numerators, uint32_t rows, uint32_t width, uint32_t seen_rows, uint32_t x_bits,
                              uint32_t y_bits, uint32_t narrow, int32_t exponent_multiplier, int32_t exponent_shift,
                              int32_t exponent_limit, int32_t output_multiplier, int32_t output_shift, int32_t zero_point)
{
    SMIDGEN_ROLLED
    for (uint32_t row = 0U; row < rows; row++) {
        const uint32_t first = row * width;
        const smidgen_s8 *const shown = (seen == NULL) ? NULL : &seen[(row % seen_rows) * width];
        int32_t peak = INT32_MIN;
        uint64_t total = 0U;
        if (narrow != 0U) {
            peak = peak_s8(&((const smidgen_s8 *)x)[first], width);
            total = powers_s8(&((const smidgen_s8 *)x)[first], powers, numerators, width, peak);
        } else {
            for (uint32_t i = 0U; i < width; i++) {
                const int32_t value = load_q(x, first + i, x_bits);
                if (((shown == NULL) || (shown[i] != 0)) && (value > peak)) {
                    peak = value;
                }
            }
            for (uint32_t i = 0U; i < width; i++) {
                int32_t numerator = 0;
                if ((shown == NULL) || (shown[i] != 0)) {
                    const int32_t difference = peak - load_q(x, first + i, x_bits);
                    numerator = (x_bits == 8U) ? power_s8(powers, difference)
                                               : exp_negative(difference, exponent_multiplier, exponent_shift, exponent_limit);
                }
                numerators[i] = numerator;
                total += (uint64_t)(uint32_t)numerator;
            }
        }
        const smidgen_scaled inverse = reciprocal((total == 0U) ? (uint64_t)INT32_MAX : total);
        const int64_t factor = rounded_shift_s64((int64_t)inverse.mantissa * output_multiplier, 31); /* below 2^31 */
        const int32_t shift = inverse.exponent - output_shift; /* beyond 62 less than half a step is left */
        if (narrow != 0U) {
            scale_powers_s8(numerators, &((smidgen_s8 *)y)[first], width, (int32_t)factor, shift - 32, zero_point);
        } else {
            for (uint32_t i = 0U; i < width; i++) {
                const int64_t value = (shift > 62) ? 0 : rounded_shift_s64(numerators[i] * factor, shift);
                store_q(y, first + i, clamp_s64(value + zero_point, -32768, 32767), y_bits);
            }
        }
    }
}

SMIDGEN_KERNEL void log_softmax_q(const void *x, void *y, uint32_t rows, uint32_t width, uint32_t x_bits, uint32_t y_bits,
                                  int32_t exponent_multiplier, int32_t exponent_shift, int32_t exponent_limit,
                              int64_t logit_multiplier,
                                  int64_t log_multiplier, int32_t shift, int32_t zero_point)
{
    for (uint32_t row = 0U; row < rows; row++) {
        const uint32_t first = row * width;
        int32_t peak = INT32_MIN;
        uint64_t total = 0U;
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t value = load_q(x, first + i, x_bits);
            peak = (value > peak) ? value : peak;
        }
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t difference = peak - load_q(x, first + i, x_bits);
            total += (uint64_t)(uint32_t)exp_negative(difference, exponent_multiplier, exponent_shift,
                                         exponent_limit);
        }
        const int64_t excess = (int64_t)logarithm(total) - SOFTMAX_LOG_ONE;
        const int64_t log_total = ((excess < 0) ? 0 : excess) * log_multiplier;
        for (uint32_t i = 0U; i < width; i++) {
            const int64_t difference = (int64_t)peak - load_q(x, first + i, x_bits);
            const int64_t below = rounded_shift_s64((difference * logit_multiplier) + log_total, shift);
            store_q(y, first + i, clamp_s64((int64_t)zero_point - below, -32768, 32767), y_bits);
        }
    }
}

#endif
