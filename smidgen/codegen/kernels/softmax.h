/* Softmax and log-softmax of rows of integers, x and y (rows, width). Row maximum, exponentials of the differences in Q31,
 * their sum, one reciprocal or one logarithm a row. Twin of numerics/softmax.py. In place is safe where x and y have the
 * same width. */
#ifndef SMIDGEN_SOFTMAX_H
#define SMIDGEN_SOFTMAX_H

#include "exponential.h"
#include "roots.h"

#define SOFTMAX_LOG_ONE 360501479 /* ln(2^31 - 1) in Q24 */

/* `seen` (seen_rows, width) serves seen_rows rows in turn and is 0 where an element does not count; NULL: all do. A row of
 * which nothing is seen is 0. `numerators` holds a word for every element of a row. */
SMIDGEN_KERNEL void softmax_q(const void *x, const smidgen_s8 *seen, void *y, smidgen_s32 *numerators, uint32_t rows,
                              uint32_t width, uint32_t seen_rows, uint32_t x_bits, uint32_t y_bits,
                              int32_t exponent_multiplier, int32_t exponent_shift, int32_t exponent_limit,
                              int32_t output_multiplier,
                              int32_t output_shift, int32_t zero_point)
{
    for (uint32_t row = 0U; row < rows; row++) {
        const uint32_t first = row * width;
        const smidgen_s8 *const shown = (seen == NULL) ? NULL : &seen[(row % seen_rows) * width];
        int32_t peak = INT32_MIN;
        uint64_t total = 0U;
        for (uint32_t i = 0U; i < width; i++) {
            const int32_t value = load_q(x, first + i, x_bits);
            if (((shown == NULL) || (shown[i] != 0)) && (value > peak)) {
                peak = value;
            }
        }
        for (uint32_t i = 0U; i < width; i++) {
            int32_t numerator = 0;
            if ((shown == NULL) || (shown[i] != 0)) {
                numerator = exp_negative(peak - load_q(x, first + i, x_bits), exponent_multiplier, exponent_shift,
                                         exponent_limit);
            }
            numerators[i] = numerator;
            total += (uint64_t)(uint32_t)numerator;
        }
        const smidgen_scaled inverse = reciprocal((total == 0U) ? (uint64_t)INT32_MAX : total);
        const int64_t factor = rounded_shift_s64((int64_t)inverse.mantissa * output_multiplier, 31); /* below 2^31 */
        const int32_t shift = inverse.exponent - output_shift; /* beyond 62 less than half a step is left */
        for (uint32_t i = 0U; i < width; i++) {
            const int64_t value = (shift > 62) ? 0 : rounded_shift_s64(numerators[i] * factor, shift);
            store_q(y, first + i, clamp_s64(value + zero_point, -32768, 32767), y_bits);
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
