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
    "and r9, " word ", #0x000F000F\n\tsmlad %[a], r9, " x ", %[a]\n\t"                                                 \
    "and r9, " word ", #0x00F000F0\n\tsmlad %[b], r9, " x ", %[b]\n\t"                                                 \
    "and r9, " word ", #0x0F000F00\n\tsmlad %[c], r9, " x ", %[c]\n\t"                                                 \
    "smlad %[d], " word ", " x ", %[d]\n\t"

/* The same with digits brought down: 8 products in 8 instructions. */
#define SMIDGEN_LOW_DIGITS(word, x)                                                                                    \
    "and r6, %[mask], " word "\n\tsmlad %[a], r6, " x ", %[a]\n\t"                                                     \
    "and r6, %[mask], " word ", lsr #4\n\tsmlad %[b], r6, " x ", %[b]\n\t"                                             \
    "and r6, %[mask], " word ", lsr #8\n\tsmlad %[c], r6, " x ", %[c]\n\t"                                             \
    "and r6, %[mask], " word ", lsr #12\n\tsmlad %[d], r6, " x ", %[d]\n\t"

/* Four columns of four rows, and eight. */
#define SMIDGEN_FOUR_COLUMNS_OF(digits)                                                                                \
    "ldrd r2, r3, [%[weight]], #8\n\tldrd r4, r5, [%[wide]], #8\n\t" digits("r2", "r4") digits("r3", "r5")
#define SMIDGEN_EIGHT_COLUMNS_OF(digits)                                                                               \
    "ldmia %[weight]!, {r2, r3, r4, r5}\n\tldrd r6, r8, [%[wide]], #8\n\t" digits("r2", "r6") digits("r3", "r8")       \
    "ldrd r6, r8, [%[wide]], #8\n\t" digits("r4", "r6") digits("r5", "r8")

/* One row of a palette: its pair of levels by the next byte of codes. */
#define SMIDGEN_LEVELS(acc, x)                                                                                         \
    "ldrb r2, [%[weight]], #1\n\tldr r2, [%[pairs], r2, lsl #2]\n\tsmlad " acc ", r2, " x ", " acc "\n\t"
#define SMIDGEN_LEVELS_OF_FOUR(x)                                                                                      \
    SMIDGEN_LEVELS("%[a]", x) SMIDGEN_LEVELS("%[b]", x) SMIDGEN_LEVELS("%[c]", x) SMIDGEN_LEVELS("%[d]", x)
#define SMIDGEN_FOUR_COLUMNS_OF_LEVELS                                                                                 \
    "ldrd r3, r4, [%[wide]], #8\n\t" SMIDGEN_LEVELS_OF_FOUR("r3") SMIDGEN_LEVELS_OF_FOUR("r4")
#define SMIDGEN_EIGHT_COLUMNS_OF_LEVELS                                                                                \
    "ldmia %[wide]!, {r3, r4, r5, r6}\n\t" SMIDGEN_LEVELS_OF_FOUR("r3") SMIDGEN_LEVELS_OF_FOUR("r4")                   \
    SMIDGEN_LEVELS_OF_FOUR("r5") SMIDGEN_LEVELS_OF_FOUR("r6")

/* Add `groups` times four columns of a block; return the end of the weights. */
#define SMIDGEN_SUM_NIBBLES(sixteen, four, inputs, ...)                                                                \
    SMIDGEN_ROLLED                                                                                                     \
    for (uint32_t n = groups / 4U; n > 0U; n--) {                                                                      \
        __asm__ volatile(sixteen : SMIDGEN_NIBBLE_OPERANDS(weight, wide, acc) : inputs : __VA_ARGS__, "memory");       \
    }                                                                                                                  \
    SMIDGEN_ROLLED                                                                                                     \
    for (uint32_t n = groups % 4U; n > 0U; n--) {                                                                      \
        __asm__ volatile(four : SMIDGEN_NIBBLE_OPERANDS(weight, wide, acc) : inputs : __VA_ARGS__, "memory");          \
    }                                                                                                                  \
    return (const uint32_t *)(const void *)weight
#define SMIDGEN_FOUR_TIMES(columns) columns columns columns columns

SMIDGEN_KERNEL const uint32_t *sum_digits(const smidgen_u32 *wide, const uint32_t *weight, uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_EIGHT_COLUMNS_OF(SMIDGEN_DIGITS) SMIDGEN_EIGHT_COLUMNS_OF(SMIDGEN_DIGITS),
                        SMIDGEN_FOUR_COLUMNS_OF(SMIDGEN_DIGITS), , "r2", "r3", "r4", "r5", "r6", "r8", "r9");
}

SMIDGEN_KERNEL const uint32_t *sum_low_digits(const smidgen_u32 *wide, const uint32_t *weight, uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_FOUR_TIMES(SMIDGEN_FOUR_COLUMNS_OF(SMIDGEN_LOW_DIGITS)),
                        SMIDGEN_FOUR_COLUMNS_OF(SMIDGEN_LOW_DIGITS), [mask] "r"(0x000F000FU), "r2", "r3", "r4", "r5", "r6");
}

SMIDGEN_KERNEL const uint32_t *sum_levels(const smidgen_u32 *wide, const uint32_t *weight, const uint32_t *pairs,
                                          uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_EIGHT_COLUMNS_OF_LEVELS SMIDGEN_EIGHT_COLUMNS_OF_LEVELS, SMIDGEN_FOUR_COLUMNS_OF_LEVELS,
                        [pairs] "r"(pairs), "r2", "r3", "r4", "r5", "r6");
}

/* The same for two outputs and two rows of x, whose words stand in turn: a pair of levels serves both rows. 16 products in
 * 17 instructions. */
#define SMIDGEN_LEVELS_OF_TWO(byte, of_row, of_other, x, other)                                                        \
    "ldrb r2, [%[weight], #" byte "]\n\tldr r2, [%[pairs], r2, lsl #2]\n\t"                                            \
    "smlad " of_row ", r2, " x ", " of_row "\n\tsmlad " of_other ", r2, " other ", " of_other "\n\t"
#define SMIDGEN_FOUR_COLUMNS_OF_LEVELS_OF_TWO                                                                          \
    "ldmia %[wide]!, {r3, r4, r5, r6}\n\t"                                                                             \
    SMIDGEN_LEVELS_OF_TWO("0", "%[a]", "%[c]", "r3", "r5") SMIDGEN_LEVELS_OF_TWO("1", "%[b]", "%[d]", "r3", "r5")      \
    SMIDGEN_LEVELS_OF_TWO("4", "%[a]", "%[c]", "r4", "r6") SMIDGEN_LEVELS_OF_TWO("5", "%[b]", "%[d]", "r4", "r6")      \
    "adds %[weight], #8\n\t"

/* Two outputs of a block for one row, then for the other; `weight` is their first byte. */
SMIDGEN_KERNEL const uint32_t *sum_levels_of_two(const smidgen_u32 *wide, const uint8_t *weight, const uint32_t *pairs,
                                                 uint32_t groups, int32_t acc[4])
{
    SMIDGEN_SUM_NIBBLES(SMIDGEN_FOUR_TIMES(SMIDGEN_FOUR_COLUMNS_OF_LEVELS_OF_TWO), SMIDGEN_FOUR_COLUMNS_OF_LEVELS_OF_TWO,
                        [pairs] "r"(pairs), "r2", "r3", "r4", "r5", "r6", "cc");
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

/* a - b modulo 2^32. */
SMIDGEN_KERNEL int32_t less(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

/* The four accumulators of a block over a widened row; return the end of its weights. */
SMIDGEN_KERNEL const uint32_t *sum_block(const smidgen_u32 *wide, const uint32_t *block, const uint32_t *pairs,
                                         uint32_t groups, uint32_t x_bits, int32_t offset, int32_t acc[4])
{
    const uint32_t *weight = &block[4];
    for (uint32_t i = 0U; i < 4U; i++) {
        acc[i] = ((pairs == NULL) && (x_bits == 8U)) ? 0 : less((int32_t)block[i], offset);
    }
    if (pairs != NULL) {
        return sum_levels(wide, weight, pairs, groups, acc);
    }
    if (x_bits != 8U) {
        return sum_low_digits(wide, weight, groups, acc);
    }
    weight = sum_digits(wide, weight, groups, acc);
    acc[3] = (less(less(less(acc[3], acc[2]), acc[1]), acc[0]) >> 12) + (int32_t)block[3];
    acc[0] = less(acc[0], offset) + (int32_t)block[0];
    acc[1] = ((acc[1] >> 4) - offset) + (int32_t)block[1];
    acc[2] = ((acc[2] >> 8) - offset) + (int32_t)block[2];
    return weight;
}

/* Palettes: two rows of int8 at a time; scratch has room for both in int16. rows >= 2, in_width, out_width >= 4. */
SMIDGEN_KERNEL void linear_levels(const smidgen_s8 *x, const uint32_t *stream, const uint32_t *pairs, void *y,
                                  smidgen_u32 *wide, uint32_t rows, uint32_t in_width, uint32_t out_width, uint32_t y_bits,
                                  int32_t shift, int32_t zero_point)
{
    const uint32_t groups = (in_width + 3U) / 4U;
    for (uint32_t begin_row = 0U; begin_row < rows; begin_row += 2U) {
        const uint32_t *block = stream;
        const uint32_t r = block_start(begin_row, 2U, rows);
        widen_two_rows(&x[r * in_width], wide, in_width);
        for (uint32_t begin = 0U; begin < out_width; begin += 4U) {
            const uint32_t *multiplier = &block[4U + (2U * groups)];
            for (uint32_t i = 0U; i < 4U; i += 2U) {
                const uint32_t o = (r * out_width) + block_start(begin, 4U, out_width) + i;
                const int32_t factors[2] = {(int32_t)multiplier[i], (int32_t)multiplier[i + 1U]};
                int32_t acc[4] = {(int32_t)block[i], (int32_t)block[i + 1U], (int32_t)block[i], (int32_t)block[i + 1U]};
                (void)sum_levels_of_two(wide, &((const uint8_t *)(const void *)&block[4])[i], pairs, groups, acc);
                store_q(y, o, requantize(acc[0], factors[0], shift) + zero_point, y_bits);
                store_q(y, o + 1U, requantize(acc[1], factors[1], shift) + zero_point, y_bits);
                store_q(y, o + out_width, requantize(acc[2], factors[0], shift) + zero_point, y_bits);
                store_q(y, o + out_width + 1U, requantize(acc[3], factors[1], shift) + zero_point, y_bits);
            }
            block = &multiplier[4];
        }
    }
}

/* Each row of x, four outputs at a time; scratch has room for a row in int16, for two of a palette. in_width, out_width
 * >= 4. */
SMIDGEN_KERNEL void linear_nibbles(const void *x, const uint32_t *stream, const uint32_t *pairs, void *y, void *scratch,
                                   uint32_t rows, uint32_t in_width, uint32_t out_width, uint32_t x_bits, uint32_t y_bits,
                                   int32_t shift, int32_t zero_point)
{
    const uint32_t groups = (in_width + 3U) / 4U;
    if ((pairs != NULL) && (x_bits == 8U) && (rows > 1U)) {
        linear_levels((const smidgen_s8 *)x, stream, pairs, y, (smidgen_u32 *)scratch, rows, in_width, out_width, y_bits,
                      shift, zero_point);
        return;
    }
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
            int32_t acc[4];
            next = sum_block(wide, next, pairs, groups, x_bits, offset, acc);
            for (uint32_t i = 0U; i < 4U; i++) {
                store_q(y, o + i, requantize(acc[i], (int32_t)next[i], shift) + zero_point, y_bits);
            }
            next = &next[4];
        }
    }
}

#else /* two columns at a time, straight from the stored form */

/* Add the products of a word's two columns with their inputs. Digits of w + 8 become two's complement. */
SMIDGEN_KERNEL void add_word(uint32_t word, const uint32_t *pairs, int32_t first, int32_t second, uint32_t x_bits,
                             int32_t acc[4])
{
    const uint32_t digits = word ^ ((x_bits == 8U) ? 0x08880888U : 0x88888888U);
    for (uint32_t i = 0U; i < 4U; i++) {
        if (pairs != NULL) {
            const uint32_t pair = pairs[(word >> (8U * i)) & 0xFFU];
            acc[i] += (int32_t)(int16_t)(uint16_t)pair * first;
            acc[i] += ((int32_t)pair >> 16) * second;
        } else {
            acc[i] += ((int32_t)(digits << (28U - (4U * i))) >> 28) * first;
            acc[i] += ((int32_t)(digits << (12U - (4U * i))) >> 28) * second;
        }
    }
}

/* Add up to four columns, from x[at] on: a group is two words. */
SMIDGEN_KERNEL void add_group(const void *x, uint32_t at, uint32_t columns, const uint32_t *group, const uint32_t *pairs,
                              uint32_t x_bits, int32_t acc[4])
{
    const uint32_t second = (x_bits == 8U) ? 2U : 1U; /* column of the first word */
    const int32_t inputs[4] = {load_q(x, at, x_bits), (columns > 1U) ? load_q(x, at + 1U, x_bits) : 0,
                               (columns > 2U) ? load_q(x, at + 2U, x_bits) : 0,
                               (columns > 3U) ? load_q(x, at + 3U, x_bits) : 0};
    add_word(group[0], pairs, inputs[0], inputs[second], x_bits, acc);
    add_word(group[1], pairs, inputs[3U - second], inputs[3], x_bits, acc);
}

SMIDGEN_KERNEL void linear_nibbles(const void *x, const uint32_t *stream, const uint32_t *pairs, void *y, void *scratch,
                                   uint32_t rows, uint32_t in_width, uint32_t out_width, uint32_t x_bits, uint32_t y_bits,
                                   int32_t shift, int32_t zero_point)
{
    const uint32_t whole = in_width & ~3U;
    (void)scratch;
    for (uint32_t r = 0U; r < rows; r++) {
        const uint32_t *block = stream;
        for (uint32_t begin = 0U; begin < out_width; begin += 4U) {
            const uint32_t o = (r * out_width) + block_start(begin, 4U, out_width);
            const uint32_t *group = &block[4];
            int32_t acc[4] = {(int32_t)block[0], (int32_t)block[1], (int32_t)block[2], (int32_t)block[3]};
            for (uint32_t k = 0U; k < whole; k += 4U) {
                add_group(x, (r * in_width) + k, 4U, group, pairs, x_bits, acc);
                group = &group[2];
            }
            if (whole < in_width) {
                add_group(x, (r * in_width) + whole, in_width - whole, group, pairs, x_bits, acc);
                group = &group[2];
            }
            for (uint32_t i = 0U; i < 4U; i++) {
                store_q(y, o + i, requantize(acc[i], (int32_t)group[i], shift) + zero_point, y_bits);
            }
            block = &group[4];
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
