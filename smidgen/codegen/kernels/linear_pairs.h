/* The linear layer of linear.h for int8 inputs, its constants in one stream in the order of use: numerics/row_pairs.py.
 * Weights of two output rows share an int16: pair = w_r + 256 w_s. Products with pairs sum to acc_r + 256 acc_s, products
 * with their low bytes to acc_r; the difference is 256 acc_s, exact modulo 2^32 as the generator has proved
 * |acc_s| < 2^23. Four columns of a pair are two words, (0, 2) and (1, 3): the halves in which SXTB16 gives four inputs. */
#ifndef SMIDGEN_LINEAR_PAIRS_H
#define SMIDGEN_LINEAR_PAIRS_H

#include "dsp.h"
#include "fixed_point.h"

/* Sums over one pair of rows: with the pairs themselves, modulo 2^32, and with their low bytes. */
typedef struct pair_sums {
    int32_t both;
    int32_t low;
} pair_sums;

SMIDGEN_KERNEL int32_t high_row_sum(pair_sums sums)
{
    return (int32_t)((uint32_t)sums.both - (uint32_t)sums.low) >> 8;
}

/* Where the block of outputs or rows from `begin` on starts: the last one ends with them, over part of the one before. */
SMIDGEN_KERNEL uint32_t block_start(uint32_t begin, uint32_t block, uint32_t count)
{
    return ((begin + block) > count) ? (count - block) : begin;
}

#if SMIDGEN_HAS_DSP

/* The last four int8 of a row, shifted so that the first of the last group of four columns comes first. */
SMIDGEN_KERNEL uint32_t last_columns(const smidgen_s8 *x, uint32_t in_width)
{
    uint32_t word;
    __builtin_memcpy(&word, &x[in_width - 4U], sizeof(word));
    return word >> (8U * (4U - (in_width % 4U)));
}

SMIDGEN_KERNEL smidgen_u32 *widen_columns(uint32_t word, smidgen_u32 *wide)
{
    wide[0] = even_bytes(word);
    wide[1] = odd_bytes(word);
    return &wide[2];
}

/* Widen a row of at least four int8 to int16: the words (0, 2) and (1, 3) of each four columns. */
SMIDGEN_SHARED void widen_row(const smidgen_s8 *x, smidgen_u32 *wide, uint32_t in_width)
{
    uint32_t word;
    const smidgen_s8 *next = x;
    SMIDGEN_ROLLED
    for (uint32_t n = in_width / 4U; n > 0U; n--) {
        __builtin_memcpy(&word, next, sizeof(word));
        wide = widen_columns(word, wide);
        next = &next[4];
    }
    if ((in_width % 4U) != 0U) {
        (void)widen_columns(last_columns(x, in_width), wide);
    }
}

/* Widen two rows, their words in turn. */
SMIDGEN_SHARED void widen_two_rows(const smidgen_s8 *x, smidgen_u32 *wide, uint32_t in_width)
{
    uint32_t word;
    uint32_t other;
    const smidgen_s8 *next = x;
    SMIDGEN_ROLLED
    for (uint32_t n = in_width / 4U; n > 0U; n--) {
        __builtin_memcpy(&word, next, sizeof(word));
        __builtin_memcpy(&other, &next[in_width], sizeof(other));
        wide = widen_columns(other, widen_columns(word, wide));
        next = &next[4];
    }
    if ((in_width % 4U) != 0U) {
        wide = widen_columns(last_columns(x, in_width), wide);
        (void)widen_columns(last_columns(&x[in_width], in_width), wide);
    }
}

/* The inner loops are inline assembly, alone in their functions (MISRA C:2012 Dir 4.3): compilers part the loads and spill. */
#define SMIDGEN_PAIR_OPERANDS(weight, wide, sums)                                                                      \
    [weight] "+r"(weight), [wide] "+r"(wide), [both_a] "+r"((sums)[0].both), [low_a] "+r"((sums)[0].low),              \
    [both_b] "+r"((sums)[1].both), [low_b] "+r"((sums)[1].low)

/* Four columns of two pairs a and b, which stand in turn, for one row: 16 products in 14 instructions. */
#define SMIDGEN_FOUR_COLUMNS_OF_ROW                                                                                    \
    "ldmia %[weight]!, {r4, r5, r6, r8}\n\t"                                                                           \
    "ldrd r2, r3, [%[wide]], #8\n\t"                                                                                   \
    "smlad %[both_a], r4, r2, %[both_a]\n\t"                                                                           \
    "smlad %[both_b], r6, r2, %[both_b]\n\t"                                                                           \
    "smlad %[both_a], r5, r3, %[both_a]\n\t"                                                                           \
    "smlad %[both_b], r8, r3, %[both_b]\n\t"                                                                           \
    "sxtb16 r4, r4\n\t"                                                                                                \
    "sxtb16 r5, r5\n\t"                                                                                                \
    "sxtb16 r6, r6\n\t"                                                                                                \
    "sxtb16 r8, r8\n\t"                                                                                                \
    "smlad %[low_a], r4, r2, %[low_a]\n\t"                                                                             \
    "smlad %[low_b], r6, r2, %[low_b]\n\t"                                                                             \
    "smlad %[low_a], r5, r3, %[low_a]\n\t"                                                                             \
    "smlad %[low_b], r8, r3, %[low_b]\n\t"

/* Add `groups` times four columns of two pairs for one row; return the end of the weights. groups >= 4. */
SMIDGEN_KERNEL const uint32_t *sum_row(const smidgen_u32 *wide, const uint32_t *weight, uint32_t groups, pair_sums sums[2])
{
    uint32_t n = groups / 4U;
    __asm__ volatile("1:\n\t" SMIDGEN_FOUR_COLUMNS_OF_ROW SMIDGEN_FOUR_COLUMNS_OF_ROW
                     SMIDGEN_FOUR_COLUMNS_OF_ROW SMIDGEN_FOUR_COLUMNS_OF_ROW
                     "subs %[n], %[n], #1\n\t"
                     "bne 1b"
                     : SMIDGEN_PAIR_OPERANDS(weight, wide, sums), [n] "+r"(n)
                     :
                     : "r2", "r3", "r4", "r5", "r6", "r8", "cc", "memory");
    SMIDGEN_ROLLED
    for (n = groups % 4U; n > 0U; n--) {
        __asm__ volatile(SMIDGEN_FOUR_COLUMNS_OF_ROW
                         : SMIDGEN_PAIR_OPERANDS(weight, wide, sums)
                         :
                         : "r2", "r3", "r4", "r5", "r6", "r8", "memory");
    }
    return weight;
}

/* Four columns of one pair for two rows a and b, which stand in turn: 16 products in 12 instructions. */
#define SMIDGEN_FOUR_COLUMNS_OF_TWO_ROWS                                                                               \
    "ldmia %[wide]!, {r4, r5, r6, r8}\n\t"                                                                             \
    "ldrd r2, r3, [%[weight]], #8\n\t"                                                                                 \
    "smlad %[both_a], r2, r4, %[both_a]\n\t"                                                                           \
    "smlad %[both_b], r2, r6, %[both_b]\n\t"                                                                           \
    "smlad %[both_a], r3, r5, %[both_a]\n\t"                                                                           \
    "smlad %[both_b], r3, r8, %[both_b]\n\t"                                                                           \
    "sxtb16 r2, r2\n\t"                                                                                                \
    "sxtb16 r3, r3\n\t"                                                                                                \
    "smlad %[low_a], r2, r4, %[low_a]\n\t"                                                                             \
    "smlad %[low_b], r2, r6, %[low_b]\n\t"                                                                             \
    "smlad %[low_a], r3, r5, %[low_a]\n\t"                                                                             \
    "smlad %[low_b], r3, r8, %[low_b]\n\t"

/* Add `groups` times four columns of one pair for two rows; return the end of the weights. groups >= 4. */
SMIDGEN_KERNEL const uint32_t *sum_two_rows(const smidgen_u32 *wide, const uint32_t *weight, uint32_t groups, pair_sums sums[2])
{
    uint32_t n = groups / 4U;
    __asm__ volatile("1:\n\t" SMIDGEN_FOUR_COLUMNS_OF_TWO_ROWS SMIDGEN_FOUR_COLUMNS_OF_TWO_ROWS
                     SMIDGEN_FOUR_COLUMNS_OF_TWO_ROWS SMIDGEN_FOUR_COLUMNS_OF_TWO_ROWS
                     "subs %[n], %[n], #1\n\t"
                     "bne 1b"
                     : SMIDGEN_PAIR_OPERANDS(weight, wide, sums), [n] "+r"(n)
                     :
                     : "r2", "r3", "r4", "r5", "r6", "r8", "cc", "memory");
    SMIDGEN_ROLLED
    for (n = groups % 4U; n > 0U; n--) {
        __asm__ volatile(SMIDGEN_FOUR_COLUMNS_OF_TWO_ROWS
                         : SMIDGEN_PAIR_OPERANDS(weight, wide, sums)
                         :
                         : "r2", "r3", "r4", "r5", "r6", "r8", "memory");
    }
    return weight;
}

/* The outputs of a widened row, from y[to] on, four at a time. groups, out_width >= 4. */
SMIDGEN_KERNEL void outputs_of_row(const smidgen_u32 *wide, const uint32_t *stream, void *y, uint32_t to, uint32_t groups,
                                   uint32_t out_width, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    for (uint32_t begin = 0U; begin < out_width; begin += 4U) {
        const uint32_t o = to + block_start(begin, 4U, out_width);
        const uint32_t *multiplier;
        pair_sums sums[2];
        sums[0].both = (int32_t)stream[0];
        sums[0].low = (int32_t)stream[0];
        sums[1].both = (int32_t)stream[1];
        sums[1].low = (int32_t)stream[1];
        stream = sum_row(wide, &stream[2], groups, sums);
        sums[0].both = high_row_sum(sums[0]) + (int32_t)stream[0];
        sums[1].both = high_row_sum(sums[1]) + (int32_t)stream[1];
        multiplier = &stream[2];
        stream = &stream[6];
        store_q(y, o, requantize(sums[0].low, (int32_t)multiplier[0], shift) + zero_point, y_bits);
        store_q(y, o + 1U, requantize(sums[0].both, (int32_t)multiplier[1], shift) + zero_point, y_bits);
        store_q(y, o + 2U, requantize(sums[1].low, (int32_t)multiplier[2], shift) + zero_point, y_bits);
        store_q(y, o + 3U, requantize(sums[1].both, (int32_t)multiplier[3], shift) + zero_point, y_bits);
    }
}

/* The outputs of two widened rows, from y[to] and y[to_other] on, two at a time. groups >= 4, out_width >= 2. */
SMIDGEN_KERNEL void outputs_of_two_rows(const smidgen_u32 *wide, const uint32_t *next, void *y, uint32_t to, uint32_t to_other,
                                        uint32_t groups, uint32_t out_width, uint32_t y_bits, int32_t shift,
                                        int32_t zero_point)
{
    for (uint32_t begin = 0U; begin < out_width; begin += 2U) {
        const uint32_t o = block_start(begin, 2U, out_width);
        const int32_t bias = (int32_t)next[0];
        const uint32_t *end;
        int32_t multiplier[2]; /* read before y is written, which the compiler must take for their alias */
        pair_sums sums[2];
        sums[0].both = bias;
        sums[0].low = bias;
        sums[1].both = bias;
        sums[1].low = bias;
        end = sum_two_rows(wide, &next[1], groups, sums);
        next = &end[3];
        multiplier[0] = (int32_t)end[1];
        multiplier[1] = (int32_t)end[2];
        sums[0].both = high_row_sum(sums[0]) + (int32_t)end[0];
        sums[1].both = high_row_sum(sums[1]) + (int32_t)end[0];
        store_q(y, to + o, requantize(sums[0].low, multiplier[0], shift) + zero_point, y_bits);
        store_q(y, to + o + 1U, requantize(sums[0].both, multiplier[1], shift) + zero_point, y_bits);
        store_q(y, to_other + o, requantize(sums[1].low, multiplier[0], shift) + zero_point, y_bits);
        store_q(y, to_other + o + 1U, requantize(sums[1].both, multiplier[1], shift) + zero_point, y_bits);
    }
}

/* One row of x; scratch has room for it in int16. in_width, out_width >= 4. */
SMIDGEN_KERNEL void linear_row(const smidgen_s8 *x, const uint32_t *stream, void *y, smidgen_u32 *scratch, uint32_t in_width,
                               uint32_t out_width, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    widen_row(x, scratch, in_width);
    outputs_of_row(scratch, stream, y, 0U, (in_width + 3U) / 4U, out_width, y_bits, shift, zero_point);
}

/* Two rows of x at a time; scratch has room for both in int16. rows, out_width >= 2, in_width >= 4. */
SMIDGEN_KERNEL void linear_rows(const smidgen_s8 *x, const uint32_t *stream, void *y, smidgen_u32 *scratch, uint32_t rows,
                                uint32_t in_width, uint32_t out_width, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    for (uint32_t begin_row = 0U; begin_row < rows; begin_row += 2U) {
        const uint32_t r = block_start(begin_row, 2U, rows);
        widen_two_rows(&x[r * in_width], scratch, in_width);
        outputs_of_two_rows(scratch, stream, y, r * out_width, (r + 1U) * out_width, (in_width + 3U) / 4U, out_width,
                            y_bits, shift, zero_point);
    }
}

#else /* one pair of output rows and one row of x at a time, straight from the stored form */

/* Add the products of x with one column of a pair, in the low half of a word. */
SMIDGEN_KERNEL pair_sums add_column(pair_sums sums, uint32_t word, int32_t x)
{
    sums.both = (int32_t)((uint32_t)sums.both + (uint32_t)((int32_t)(int16_t)(uint16_t)word * x));
    sums.low += (int32_t)(int8_t)(uint8_t)word * x;
    return sums;
}

#if SMIDGEN_HAS_HIGH_SUMS

/* Inline assembly, alone in its function (MISRA C:2012 Dir 4.3): compilers for a Cortex-M0 keep sums in low registers and
 * spill. One column of a pair, in the low or the high half of its word, for an input in v. */
#define SMIDGEN_ADD_PRODUCTS(pair, byte, both, low)                                                                    \
    pair "muls %[t], %[v], %[t]\n\tadd " both ", %[t]\n\t" byte "muls %[t], %[v], %[t]\n\tadd " low ", %[t]\n\t"
#define SMIDGEN_LOW_COLUMN(word, both, low)                                                                            \
    SMIDGEN_ADD_PRODUCTS("sxth %[t], " word "\n\t", "sxtb %[t], " word "\n\t", both, low)
#define SMIDGEN_HIGH_COLUMN(word, both, low)                                                                           \
    SMIDGEN_ADD_PRODUCTS("asrs %[t], " word ", #16\n\t", "lsls %[t], " word ", #8\n\tasrs %[t], %[t], #24\n\t", both, low)

/* Four columns of all pairs, in the order 0, 2, 1, 3 in which their words hold them. */
#define SMIDGEN_PAIR_COLUMNS(load_first, load_second, low_column, high_column)                                         \
    ".syntax unified\n\t1:\n\t" load_first "ldrsb %[v], [%[end], %[at]]\n\tadds %[at], #2\n\t" low_column                                 \
    "ldrsb %[v], [%[end], %[at]]\n\tsubs %[at], #1\n\t" high_column load_second                                        \
    "ldrsb %[v], [%[end], %[at]]\n\tadds %[at], #2\n\t" low_column                                                     \
    "ldrsb %[v], [%[end], %[at]]\n\t" high_column "adds %[at], #1\n\tbne 1b"

/* Add the whole groups of four columns, of which there is one at least, of one or two pairs that stand in turn. */
SMIDGEN_KERNEL void sum_pair_groups(const smidgen_s8 *x, const uint32_t *weight, uint32_t pairs, uint32_t columns,
                                    pair_sums sums[2])
{
    const smidgen_s8 *const end = &x[columns];
    int32_t at = -(int32_t)columns; /* from the end */
    uint32_t word_a;
    int32_t v;
    int32_t t;
    if (pairs == 2U) {
        uint32_t word_b;
        __asm__ volatile(
            SMIDGEN_PAIR_COLUMNS("ldr %[word_a], [%[w]]\n\tldr %[word_b], [%[w], #8]\n\t",
                                 "ldr %[word_a], [%[w], #4]\n\tldr %[word_b], [%[w], #12]\n\tadds %[w], #16\n\t",
                                 SMIDGEN_LOW_COLUMN("%[word_a]", "%[both_a]", "%[low_a]")
                                 SMIDGEN_LOW_COLUMN("%[word_b]", "%[both_b]", "%[low_b]"),
                                 SMIDGEN_HIGH_COLUMN("%[word_a]", "%[both_a]", "%[low_a]")
                                 SMIDGEN_HIGH_COLUMN("%[word_b]", "%[both_b]", "%[low_b]"))
            : [w] "+l"(weight), [at] "+l"(at), [both_a] "+h"(sums[0].both), [low_a] "+h"(sums[0].low),
              [both_b] "+h"(sums[1].both), [low_b] "+h"(sums[1].low), [word_a] "=&l"(word_a), [word_b] "=&l"(word_b),
              [v] "=&l"(v), [t] "=&l"(t)
            : [end] "l"(end)
            : "cc", "memory");
    } else {
        __asm__ volatile(
            SMIDGEN_PAIR_COLUMNS("ldr %[word_a], [%[w]]\n\t", "ldr %[word_a], [%[w], #4]\n\tadds %[w], #8\n\t",
                                 SMIDGEN_LOW_COLUMN("%[word_a]", "%[both_a]", "%[low_a]"),
                                 SMIDGEN_HIGH_COLUMN("%[word_a]", "%[both_a]", "%[low_a]"))
            : [w] "+l"(weight), [at] "+l"(at), [both_a] "+h"(sums[0].both), [low_a] "+h"(sums[0].low),
              [word_a] "=&l"(word_a), [v] "=&l"(v), [t] "=&l"(t)
            : [end] "l"(end)
            : "cc", "memory");
    }
}

#else

SMIDGEN_KERNEL void sum_pair_groups(const smidgen_s8 *x, const uint32_t *weight, uint32_t pairs, uint32_t columns,
                                    pair_sums sums[2])
{
    for (uint32_t p = 0U; p < pairs; p++) {
        const uint32_t *next = &weight[2U * p];
        pair_sums of_pair = sums[p];
        for (uint32_t k = 0U; k < columns; k += 4U) {
            of_pair = add_column(of_pair, next[0], x[k]);
            of_pair = add_column(of_pair, next[0] >> 16, x[k + 2U]);
            of_pair = add_column(of_pair, next[1], x[k + 1U]);
            of_pair = add_column(of_pair, next[1] >> 16, x[k + 3U]);
            next = &next[2U * pairs];
        }
        sums[p] = of_pair;
    }
}

#endif

/* Add the columns of one or two pairs, which stand in turn, for one row. in_width >= 4. */
SMIDGEN_KERNEL void sum_pairs(const smidgen_s8 *x, const uint32_t *weight, uint32_t pairs, uint32_t in_width, pair_sums sums[2])
{
    const uint32_t whole = in_width & ~3U;
    const uint32_t *rest = &weight[(whole / 2U) * pairs];
    sum_pair_groups(x, weight, pairs, whole, sums);
    for (uint32_t p = 0U; p < pairs; p++) {
        for (uint32_t i = 0U; i < (in_width - whole); i++) {
            sums[p] = add_column(sums[p], rest[(2U * p) + (i % 2U)] >> (16U * (i / 2U)), x[whole + i]);
        }
    }
}

/* The outputs of a row, from y[to] on, against blocks of `pairs` pairs. */
SMIDGEN_KERNEL void outputs_of_blocks(const smidgen_s8 *x, const uint32_t *block, void *y, uint32_t to, uint32_t in_width,
                                      uint32_t out_width, uint32_t pairs, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    const uint32_t weight_words = 2U * pairs * ((in_width + 3U) / 4U);
    for (uint32_t begin = 0U; begin < out_width; begin += 2U * pairs) {
        const uint32_t first = to + block_start(begin, 2U * pairs, out_width);
        const uint32_t *end = &block[pairs + weight_words];
        pair_sums sums[2] = {{(int32_t)block[0], (int32_t)block[0]}, {(int32_t)block[pairs - 1U], (int32_t)block[pairs - 1U]}};
        sum_pairs(x, &block[pairs], pairs, in_width, sums);
        for (uint32_t p = 0U; p < pairs; p++) {
            const uint32_t o = first + (2U * p);
            const int32_t high = high_row_sum(sums[p]) + (int32_t)end[p];
            store_q(y, o, requantize(sums[p].low, (int32_t)end[pairs + (2U * p)], shift) + zero_point, y_bits);
            store_q(y, o + 1U, requantize(high, (int32_t)end[pairs + (2U * p) + 1U], shift) + zero_point, y_bits);
        }
        block = &end[3U * pairs];
    }
}

SMIDGEN_KERNEL void linear_row(const smidgen_s8 *x, const uint32_t *stream, void *y, smidgen_u32 *scratch, uint32_t in_width,
                               uint32_t out_width, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    (void)scratch;
    outputs_of_blocks(x, stream, y, 0U, in_width, out_width, 2U, y_bits, shift, zero_point);
}

SMIDGEN_KERNEL void linear_rows(const smidgen_s8 *x, const uint32_t *stream, void *y, smidgen_u32 *scratch, uint32_t rows,
                                uint32_t in_width, uint32_t out_width, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    (void)scratch;
    for (uint32_t r = 0U; r < rows; r++) {
        outputs_of_blocks(&x[r * in_width], stream, y, r * out_width, in_width, out_width, 1U, y_bits, shift, zero_point);
    }
}

#endif

/* The functions that layers share, by type of output and by whether the requantisation has a shift: the macro's first
 * parameter ends their names. */
#define SMIDGEN_LINEAR_PAIRS(ending, y_bits, y_shift)                                                                  \
    SMIDGEN_SHARED void linear_row_##ending(const void *x, const void *stream, void *y, void *scratch, uint32_t in_width,\
                                            uint32_t out_width, int32_t shift, int32_t zero_point)                     \
    {                                                                                                                  \
        (void)shift;                                                                                                   \
        linear_row((const smidgen_s8 *)x, (const uint32_t *)stream, y, (smidgen_u32 *)scratch, in_width, out_width,    \
                   (y_bits), (y_shift), zero_point);                                                                   \
    }                                                                                                                  \
    SMIDGEN_SHARED void linear_rows_##ending(const void *x, const void *stream, void *y, void *scratch, uint32_t rows, \
                                             uint32_t in_width, uint32_t out_width, int32_t shift, int32_t zero_point) \
    {                                                                                                                  \
        (void)shift;                                                                                                   \
        linear_rows((const smidgen_s8 *)x, (const uint32_t *)stream, y, (smidgen_u32 *)scratch, rows, in_width,        \
                    out_width, (y_bits), (y_shift), zero_point);                                                       \
    }

SMIDGEN_LINEAR_PAIRS(s8, 8U, 0)
SMIDGEN_LINEAR_PAIRS(s16, 16U, 0)
SMIDGEN_LINEAR_PAIRS(s8_shifted, 8U, shift)
SMIDGEN_LINEAR_PAIRS(s16_shifted, 16U, shift)

#endif
