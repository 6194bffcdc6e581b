/* The norms of norm.h for rows of int8 to int8 where shift is 16, their constants in one stream in the order of use:
 * numerics/norm_stream.py. With a root r of 31 bits, n = r x + offset in 32 bits. Biases are 128 steps up, so that the
 * DSP extension saturates two results at a time without a sign. */
#ifndef SMIDGEN_NORM_ROWS_H
#define SMIDGEN_NORM_ROWS_H

#include "dsp.h"
#include "norm.h"

#if SMIDGEN_HAS_LARGE_BLOCKS

SMIDGEN_KERNEL int32_t add_squares(int32_t sum, uint32_t four, uint32_t minus_zero)
{
    const uint32_t even = add_even_bytes(minus_zero, four);
    const uint32_t odd = add_odd_bytes(minus_zero, four);
    return add_products(add_products(sum, even, even), odd, odd);
}

/* The sum of (x - zero)^2. */
SMIDGEN_SHARED uint32_t row_power_s8(const smidgen_s8 *x, uint32_t width, int32_t zero)
{
    const uint32_t minus_zero = twice(-zero);
    int32_t power = 0;
    SMIDGEN_ROLLED
    for (uint32_t n = width / 8U; n > 0U; n--) {
        power = add_squares(power, load_next(&x), minus_zero);
        power = add_squares(power, load_next(&x), minus_zero);
    }
    SMIDGEN_ROLLED
    for (uint32_t i = 0U; i < (width % 8U); i++) {
        power += (x[i] - zero) * (x[i] - zero);
    }
    return (uint32_t)power;
}

SMIDGEN_SHARED int32_t row_sum_s8(const smidgen_s8 *x, uint32_t width)
{
    uint32_t sum = 0U; /* of x + 128 */
    SMIDGEN_ROLLED
    for (uint32_t n = width / 4U; n > 0U; n--) {
        sum = __builtin_arm_usada8(load_next(&x) ^ 0x80808080U, 0U, sum);
    }
    for (uint32_t i = 0U; i < (width % 4U); i++) {
        sum += (uint32_t)(x[i] + 128);
    }
    return (int32_t)(sum - (128U * width));
}

/* Inline assembly (MISRA C:2012 Dir 4.3), alone in its functions: compilers part the loads and spill. */
#define SMIDGEN_NORM_STORE(first, second, third, fourth)                                                               \
    "pkhtb " first ", " third ", " first ", asr #16\n\t"                                                               \
    "pkhtb " second ", " fourth ", " second ", asr #16\n\t"                                                            \
    "usat16 " first ", #8, " first "\n\t"                                                                              \
    "usat16 " second ", #8, " second "\n\t"                                                                            \
    "orr " first ", " first ", " second ", lsl #8\n\t"                                                                 \
    "eor " first ", " first ", #0x80808080\n\t"                                                                        \
    "str " first ", [%[y]], #4\n\t"                                                                                    \
    "subs %[n], %[n], #1\n\t"                                                                                          \
    "bne 1b"

/* Four channels in 22 instructions, with a bias each. */
SMIDGEN_KERNEL void norm_fours(const smidgen_s8 **x, const int32_t **stream, smidgen_s8 **y, uint32_t n, int32_t root,
                               int32_t offset)
{
    int32_t even;
    int32_t odd;
    __asm__ volatile("1:\n\t"
                     "ldmia %[stream]!, {r4, r5, r6, r8, r9, r10}\n\t"
                     "ldrsb %[even], [%[x]], #1\n\t"
                     "ldrsb %[odd], [%[x]], #1\n\t"
                     "mla %[even], %[even], %[root], %[offset]\n\t"
                     "mla %[odd], %[odd], %[root], %[offset]\n\t"
                     "smlawb r6, %[even], r4, r6\n\t"
                     "smlawt r8, %[odd], r4, r8\n\t"
                     "ldrsb %[even], [%[x]], #1\n\t"
                     "ldrsb %[odd], [%[x]], #1\n\t"
                     "mla %[even], %[even], %[root], %[offset]\n\t"
                     "mla %[odd], %[odd], %[root], %[offset]\n\t"
                     "smlawb r9, %[even], r5, r9\n\t"
                     "smlawt r10, %[odd], r5, r10\n\t" SMIDGEN_NORM_STORE("r6", "r8", "r9", "r10")
                     : [x] "+r"(*x), [stream] "+r"(*stream), [y] "+r"(*y), [n] "+r"(n), [even] "=&r"(even), [odd] "=&r"(odd)
                     : [root] "r"(root), [offset] "r"(offset)
                     : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
}

/* Four channels in 22 instructions, with one bias for all. */
SMIDGEN_KERNEL void norm_fours_one_bias(const smidgen_s8 **x, const int32_t **stream, smidgen_s8 **y, uint32_t n,
                                        int32_t root, int32_t offset, int32_t bias)
{
    __asm__ volatile("1:\n\t"
                     "ldrd r4, r5, [%[stream]], #8\n\t"
                     "ldrsb r6, [%[x]], #1\n\t"
                     "ldrsb r8, [%[x]], #1\n\t"
                     "ldrsb r9, [%[x]], #1\n\t"
                     "ldrsb r10, [%[x]], #1\n\t"
                     "mla r6, r6, %[root], %[offset]\n\t"
                     "mla r8, r8, %[root], %[offset]\n\t"
                     "mla r9, r9, %[root], %[offset]\n\t"
                     "mla r10, r10, %[root], %[offset]\n\t"
                     "smlawb r6, r6, r4, %[bias]\n\t"
                     "smlawt r8, r8, r4, %[bias]\n\t"
                     "smlawb r9, r9, r5, %[bias]\n\t"
                     "smlawt r10, r10, r5, %[bias]\n\t" SMIDGEN_NORM_STORE("r6", "r8", "r9", "r10")
                     : [x] "+r"(*x), [stream] "+r"(*stream), [y] "+r"(*y), [n] "+r"(n)
                     : [root] "r"(root), [offset] "r"(offset), [bias] "r"(bias)
                     : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
}

#else

SMIDGEN_SHARED uint32_t row_power_s8(const smidgen_s8 *x, uint32_t width, int32_t zero)
{
    int32_t power = 0;
    for (uint32_t i = 0U; i < width; i++) {
        power += (x[i] - zero) * (x[i] - zero);
    }
    return (uint32_t)power;
}

SMIDGEN_SHARED int32_t row_sum_s8(const smidgen_s8 *x, uint32_t width)
{
    int32_t sum = 0;
    for (uint32_t i = 0U; i < width; i++) {
        sum += x[i];
    }
    return sum;
}

#endif

/* The last channels, or all of them: `of` constants for each four, two words of gains and their biases, if there are. */
SMIDGEN_KERNEL void norm_channels(const smidgen_s8 *x, const int32_t *stream, smidgen_s8 *y, uint32_t width, int32_t root,
                                  int32_t offset, int32_t bias, uint32_t has_biases)
{
    for (uint32_t i = 0U; i < width; i++) {
        const int32_t *const four = &stream[(i / 4U) * ((has_biases != 0U) ? 6U : 2U)];
        const int32_t pair = four[(i % 4U) / 2U];
        const int32_t gain = ((i % 2U) == 0U) ? (int32_t)(int16_t)(uint16_t)pair : (pair >> 16);
        const int32_t n = (int32_t)(((uint32_t)root * (uint32_t)(int32_t)x[i]) + (uint32_t)offset);
        const int32_t value = multiply_s16_high(n, gain) + ((has_biases != 0U) ? four[2U + (i % 4U)] : bias);
        y[i] = (int8_t)saturate_s8((value >> 16) - 128);
    }
}

/* y = sat(((root x + offset) gain + bias) 2^-16): one row. width >= 4. */
SMIDGEN_SHARED void norm_row_s8(const smidgen_s8 *x, const int32_t *stream, smidgen_s8 *y, uint32_t width, int32_t root,
                                int32_t offset)
{
#if SMIDGEN_HAS_LARGE_BLOCKS
    norm_fours(&x, &stream, &y, width / 4U, root, offset);
    width %= 4U;
#endif
    norm_channels(x, stream, y, width, root, offset, 0, 1U);
}

SMIDGEN_SHARED void norm_row_one_bias_s8(const smidgen_s8 *x, const int32_t *stream, smidgen_s8 *y, uint32_t width,
                                         int32_t root, int32_t offset, int32_t bias)
{
#if SMIDGEN_HAS_LARGE_BLOCKS
    norm_fours_one_bias(&x, &stream, &y, width / 4U, root, offset, bias);
    width %= 4U;
#endif
    norm_channels(x, stream, y, width, root, offset, bias, 0U);
}

/* All rows of x; `bias` stands for all channels where the stream has none. */
SMIDGEN_KERNEL void norm_rows_s8(const smidgen_s8 *x, const int32_t *stream, smidgen_s8 *y, uint32_t rows, uint32_t width,
                                 uint32_t has_biases, int32_t bias, int32_t zero_x, int32_t normalised_bits,
                                 int32_t fraction_bits, int64_t epsilon, int32_t mean_multiplier, int32_t mean_shift)
{
    const int64_t half = ((int64_t)1 << fraction_bits) >> 1;

    SMIDGEN_ROLLED
    for (uint32_t row = 0U; row < rows; row++) {
        int32_t mean = 0;
        uint64_t power = (uint64_t)row_power_s8(x, width, zero_x) << (2 * fraction_bits);
        if (mean_multiplier != 0) { /* sum (d - mean)^2 = sum d^2 + mean (width mean - 2 sum d) */
            const int32_t sum = row_sum_s8(x, width) - ((int32_t)width * zero_x);
            mean = (int32_t)rounded_shift_s64((int64_t)sum * mean_multiplier, 32 - mean_shift);
            power += (uint64_t)(((int64_t)width * mean) - ((int64_t)sum * ((int64_t)2 << fraction_bits))) * (uint64_t)mean;
        }
        const int32_t root = (int32_t)norm_root(power + (uint64_t)epsilon, normalised_bits + fraction_bits, INT32_MAX);
        const int64_t of_mean = (half - ((int64_t)root * mean)) >> fraction_bits;
        const int32_t offset = (int32_t)((uint32_t)of_mean - ((uint32_t)root * (uint32_t)zero_x));
        if (has_biases != 0U) {
            norm_row_s8(x, stream, y, width, root, offset);
        } else {
            norm_row_one_bias_s8(x, stream, y, width, root, offset, bias);
        }
        x = &x[width];
        y = &y[width];
    }
}

#endif
