/* The linear layer of linear.h whose weights are codes of four bits, its constants in one stream in the order of use, four
 * output rows a..d to a block, two columns to a word: numerics/nibble_blocks.py. No weight is ever unpacked to memory.
 *
 * Integers: the halves of a word are columns, `u_a + 16 u_b + 256 u_c + 4096 w_d`, u = w + 8. For int8 inputs the word
 * itself is multiplied, which sums to all rows at once, then three of its digits where they stand; row d is what is left
 * over, exact modulo 2^32 as the generator has proved |acc_d| < 2^19. For int16 inputs each digit is brought down.
 * Palettes (`pairs` is not NULL): the bytes of a word are rows; a byte numbers the pair of levels of its two columns. */
#ifndef SMIDGEN_LINEAR_NIBBLES_H
#define SMIDGEN_LINEAR_NIBBLES_H

#include "linear_pairs.h"
#include "linear_quads.h"

#if SMIDGEN_HAS_DSP

#define SMIDGEN_NIBBLE_OPERANDS(weight, wide, acc)                                                                     \
    [weight] "+r"(weight), [wide] "+r"(wide), [a] "+r"((acc)[0]), [b] "+r"((acc)[1]), [c] "+r"((acc)[2]), [d] "+r"((acc)[3])

/* Inline assembly, alone in its functions (MISRA C:2012 Dir 4.3), as compilers part the loads and spill.
 * Two columns of four rows, sums of digits where they stand: 8 products in 7 instructions. */
#define SMIDGEN_DIGITS(word, x)                                                                                        \
    "and r6, " word ", #0x000F000F\n\tsmlad %[a], r6, " x ", %[a]\n\t"                                                 \
    "and r6, " word ", #0x00F000F0\n\tsmlad %[b], r6, " x ", %[b]\n\t"                                                 \
    "and r6, " word ", #0x0F000F00\n\tsmlad %[c], r6, " x ", %[c]\n\t"                                                 \
    "smlad %[d], " word ", " x ", %[d]\n\t"

/* The same with digits brought down: 8 products in 8 instructions. */
#define SMIDGEN_LOW_DIGITS(word, x)                                                                                    \
    "and r6, %[mask], " word "\n\tsmlad %[a], r6, " x ", %[a]\n\t"                                                     \
    "and r6, %[mask], " word ", lsr #4\n\tsmlad %[b], r6, " x ", %[b]\n\t"                                             \
    "and r6, %[mask], " word ", lsr #8\n\tsmlad %[c], r6, " x ", %[c]\n\t"                                             \
    "and r6, %[mask], " word ", lsr #12\n\tsmlad %[d], r6, " x ", %[d]\n\t"

/* Four columns of four rows. */
#define SMIDGEN_FOUR_COLUMNS_OF(digits)                                                                                \
    "ldrd r2, r3, [%[weight]], #8\n\tldrd r4, r5, [%[wide]], #8\n\t" digits("r2", "r4") digits("r3", "r5")

/* One row of a palette: its pair of levels by the next byte of codes. */
#define SMIDGEN_LEVELS(acc, x)                                                                                         \
    "ldrb r2, [%[weight]], #1\n\tldr r2, [%[pairs], r2, lsl #2]\n\tsmlad " acc ", r2, " x ", " acc "\n\t"
#define SMIDGEN_FOUR_COLUMNS_OF_LEVELS                                                                                 \
    "ldrd r4, r5, [%[wide]], #8\n\t"                                                                                   \
    SMIDGEN_LEVELS("%[a]", "r4") SMIDGEN_LEVELS("%[b]", "r4") SMIDGEN_LEVELS("%[c]", "r4") SMIDGEN_LEVELS("%[d]", "r4") \
    SMIDGEN_LEVELS("%[a]", "r5") SMIDGEN_LEVELS("%[b]", "r5") SMIDGEN_LEVELS("%[c]", "r5") SMIDGEN_LEVELS("%[d]", "r5")

/* Add `groups` times four columns of a block; return the end of the weights. */
#define SMIDGEN_SUM_NIBBLES(columns, inputs)                                                                           \
    SMIDGEN_ROLLED                                                                                                     \
    for (uint32_t n = groups / 4U; n > 0U; n--) {                                                                      \
        __asm__ volatile(columns columns columns columns                                                               \
                         : SMIDGEN_NIBBLE_OPERANDS(weight, wide, acc)                                                  \
                         : inputs                                                                                      \
                         : "r2", "r3", "r4", "r5", "r6", "memory");                                                    \
    }                                                                                                                  \
    SMIDGEN_ROLLED                                                                                                     \
    for (uint32_t n = groups % 4U; n > 0U; n--) {                                                                      \
        __asm__ volatile(columns                                                                                       \
                         : SMIDGEN_NIBBLE_OPERANDS(weight, wide, acc)                                                  \
                         : inputs                                                                                      \
                         : "r2", "r3", "r4", "r5", "r6", "memory");                                                    \
    }                                                                                                                  \
    return weight

SMIDGEN_KERNEL const uint32_t *sum_digits(const smidgen_u32 *wide, const uint32_t *weight, uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_FOUR_COLUMNS_OF(SMIDGEN_DIGITS), );
}

SMIDGEN_KERNEL const uint32_t *sum_low_digits(const smidgen_u32 *wide, const uint32_t *weight, uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_FOUR_COLUMNS_OF(SMIDGEN_LOW_DIGITS), [mask] "r"(0x000F000FU));
}

SMIDGEN_KERNEL const uint32_t *sum_levels(const smidgen_u32 *wide, const uint32_t *weight, const uint32_t *pairs,
                                          uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_FOUR_COLUMNS_OF_LEVELS, [pairs] "r"(pairs));
}

/* Eight times the sum of a row, which digits of w + 8 have too much. */
SMIDGEN_KERNEL int32_t row_offset(const smidgen_u32 *wide, uint32_t groups)
{
    int32_t sum = 0;
    SMIDGEN_ROLLED
    for (uint32_t n = 0U; n < (2U * groups); n += 2U) {
        sum = add_products(sum, wide[n], 0x00010001U);
        sum = add_products(sum, wide[n + 1U], 0x00010001U);
    }
    return (int32_t)((uint32_t)sum * 8U);
}

/* Sums and differences modulo 2^32. */
SMIDGEN_KERNEL int32_t added(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

SMIDGEN_KERNEL int32_t less(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

/* The four accumulators of a block over a widened row without bias; return the end of its weights. */
SMIDGEN_KERNEL const uint32_t *sum_block(const smidgen_u32 *wide, const uint32_t *weight, const uint32_t *pairs,
                                         uint32_t groups, uint32_t x_bits, int32_t offset, int32_t acc[4])
{
    acc[0] = 0;
    acc[1] = 0;
    acc[2] = 0;
    acc[3] = 0;
    if (pairs != NULL) {
        return sum_levels(wide, weight, pairs, groups, acc);
    }
    if (x_bits == 8U) {
        weight = sum_digits(wide, weight, groups, acc);
        acc[3] = less(less(less(acc[3], acc[2]), acc[1]), acc[0]) >> 12;
        acc[0] = less(acc[0], offset);
        acc[1] = (acc[1] >> 4) - offset;
        acc[2] = (acc[2] >> 8) - offset;
    } else {
        weight = sum_low_digits(wide, weight, groups, acc);
        for (uint32_t i = 0U; i < 4U; i++) {
            acc[i] = less(acc[i], offset);
        }
    }
    return weight;
}

/* Each row of x, four outputs at a time; scratch has room for a row in int16. in_width, out_width >= 4. */
SMIDGEN_KERNEL void linear_nibbles(const void *x, const uint32_t *stream, const uint32_t *pairs, void *y, void *scratch,
                                   uint32_t rows, uint32_t in_width, uint32_t out_width, uint32_t x_bits, uint32_t y_bits,
                                   int32_t shift, int32_t zero_point)
{
    const uint32_t groups = (in_width + 3U) / 4U;
    for (uint32_t r = 0U; r < rows; r++) {
        const uint32_t *next = stream;
        const smidgen_u32 *wide = (const smidgen_u32 *)scratch;
        int32_t offset = 0;
        if (x_bits == 8U) {
            widen_row(&((const smidgen_s8 *)x)[r * in_width], (smidgen_u32 *)scratch, in_width);
        } else {
            wide = (const smidgen_u32 *)quad_input(&((const smidgen_s16 *)x)[r * in_width], (smidgen_s16 *)scratch, in_width);
        }
        if (pairs == NULL) {
            offset = row_offset(wide, groups);
        }
        for (uint32_t begin = 0U; begin < out_width; begin += 4U) {
            const uint32_t o = (r * out_width) + block_start(begin, 4U, out_width);
            const uint32_t *bias = next;
            const uint32_t *multiplier;
            int32_t acc[4];
            multiplier = sum_block(wide, &next[4], pairs, groups, x_bits, offset, acc);
            next = &multiplier[4];
            for (uint32_t i = 0U; i < 4U; i++) {
                const int32_t sum = added(acc[i], (int32_t)bias[i]);
                store_q(y, o + i, requantize(sum, (int32_t)multiplier[i], shift) + zero_point, y_bits);
            }
        }
    }
}

#else /* two columns at a time, straight from the stored form */

/* Add the products of a word's two columns with inputs; integers have become two's complement in `word`. */
SMIDGEN_KERNEL void add_digits(uint32_t word, int32_t first, int32_t second, int32_t acc[4])
{
    for (uint32_t i = 0U; i < 4U; i++) {
        acc[i] += ((int32_t)(word << (28U - (4U * i))) >> 28) * first;
        acc[i] += ((int32_t)(word << (12U - (4U * i))) >> 28) * second;
    }
}

SMIDGEN_KERNEL void add_levels(uint32_t word, const uint32_t *pairs, int32_t first, int32_t second, int32_t acc[4])
{
    for (uint32_t i = 0U; i < 4U; i++) {
        const uint32_t pair = pairs[(word >> (8U * i)) & 0xFFU];
        acc[i] += (int32_t)(int16_t)(uint16_t)pair * first;
        acc[i] += ((int32_t)pair >> 16) * second;
    }
}

SMIDGEN_KERNEL void linear_nibbles(const void *x, const uint32_t *stream, const uint32_t *pairs, void *y, void *scratch,
                                   uint32_t rows, uint32_t in_width, uint32_t out_width, uint32_t x_bits, uint32_t y_bits,
                                   int32_t shift, int32_t zero_point)
{
    const uint32_t apart = (x_bits == 8U) ? 2U : 1U; /* of the two columns of a word */
    const uint32_t words = 2U * ((in_width + 3U) / 4U);
    (void)scratch;
    for (uint32_t r = 0U; r < rows; r++) {
        const uint32_t *block = stream;
        for (uint32_t begin = 0U; begin < out_width; begin += 4U) {
            const uint32_t o = (r * out_width) + block_start(begin, 4U, out_width);
            const uint32_t *multiplier = &block[4U + words];
            int32_t acc[4] = {(int32_t)block[0], (int32_t)block[1], (int32_t)block[2], (int32_t)block[3]};
            for (uint32_t n = 0U; n < words; n++) {
                const uint32_t column = (4U * (n / 2U)) + ((n % 2U) * (3U - apart));
                const uint32_t at = (r * in_width) + column;
                const int32_t first = (column < in_width) ? load_q(x, at, x_bits) : 0;
                const int32_t second = ((column + apart) < in_width) ? load_q(x, at + apart, x_bits) : 0;
                if (pairs != NULL) {
                    add_levels(block[4U + n], pairs, first, second, acc);
                } else {
                    add_digits(block[4U + n] ^ ((x_bits == 8U) ? 0x08880888U : 0x88888888U), first, second, acc);
                }
            }
            for (uint32_t i = 0U; i < 4U; i++) {
                store_q(y, o + i, requantize(acc[i], (int32_t)multiplier[i], shift) + zero_point, y_bits);
            }
            block = &multiplier[4];
        }
    }
}

#endif

/* The functions that layers share, by types of input and output and by whether the requantisation has a shift. */
#define SMIDGEN_LINEAR_NIBBLES(ending, x_bits, y_bits, y_shift)                                                        \
    SMIDGEN_SHARED void linear_int4_##ending(const void *x, const void *stream, void *y, void *scratch, uint32_t rows, \
                                             uint32_t in_width, uint32_t out_width, int32_t shift, int32_t zero_point) \
    {                                                                                                                  \
        (void)shift;                                                                                                   \
        linear_nibbles(x, (const uint32_t *)stream, NULL, y, scratch, rows, in_width, out_width, (x_bits), (y_bits),   \
                       (y_shift), zero_point);                                                                         \
    }                                                                                                                  \
    SMIDGEN_SHARED void linear_palette_##ending(const void *x, const void *stream, const void *pairs, void *y,         \
                                                void *scratch, uint32_t rows, uint32_t in_width, uint32_t out_width,   \
                                                int32_t shift, int32_t zero_point)                                     \
    {                                                                                                                  \
        (void)shift;                                                                                                   \
        linear_nibbles(x, (const uint32_t *)stream, (const uint32_t *)pairs, y, scratch, rows, in_width, out_width,    \
                       (x_bits), (y_bits), (y_shift), zero_point);                                                     \
    }

SMIDGEN_LINEAR_NIBBLES(s8_s8, 8U, 8U, 0)
SMIDGEN_LINEAR_NIBBLES(s8_s16, 8U, 16U, 0)
SMIDGEN_LINEAR_NIBBLES(s8_s8_shifted, 8U, 8U, shift)
SMIDGEN_LINEAR_NIBBLES(s8_s16_shifted, 8U, 16U, shift)
SMIDGEN_LINEAR_NIBBLES(s16_s8, 16U, 8U, 0)
SMIDGEN_LINEAR_NIBBLES(s16_s16, 16U, 16U, 0)
SMIDGEN_LINEAR_NIBBLES(s16_s8_shifted, 16U, 8U, shift)
SMIDGEN_LINEAR_NIBBLES(s16_s16_shifted, 16U, 16U, shift)

#endif
