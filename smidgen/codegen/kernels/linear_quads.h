/* The linear layer of linear.h for int16 inputs, its constants in one stream in the order of use: numerics/row_quads.py.
 * Four output rows go together; a word has four columns of one of them, those that SXTB16 takes out side by side. */
#ifndef SMIDGEN_LINEAR_QUADS_H
#define SMIDGEN_LINEAR_QUADS_H

#include "dsp.h"
#include "fixed_point.h"

#if SMIDGEN_HAS_DSP

/* Inline assembly, alone in its function (MISRA C:2012 Dir 4.3): compilers part the loads and spill. A word of weights
 * is taken apart in place and in a register that is free by then. */
#define SMIDGEN_QUAD_OPERANDS(weight, x, acc)                                                                          \
    [weight] "+r"(weight), [x] "+r"(x), [a] "+r"((acc)[0]), [b] "+r"((acc)[1]), [c] "+r"((acc)[2]), [d] "+r"((acc)[3])
#define SMIDGEN_QUAD_ROW(acc, word, spare)                                                                             \
    "sxtb16 " spare ", " word "\n\t"                                                                                   \
    "sxtb16 " word ", " word ", ror %[byte]\n\t"                                                                       \
    "smlad " acc ", " spare ", r6, " acc "\n\t"                                                                        \
    "smlad " acc ", " word ", r8, " acc "\n\t"

/* Four columns of four rows: 16 products in 18 instructions. */
#define SMIDGEN_QUAD                                                                                                   \
    "ldmia %[weight]!, {r2, r3, r4, r5}\n\t"                                                                           \
    "ldrd r6, r8, [%[x]], #8\n\t"                                                                                      \
    SMIDGEN_QUAD_ROW("%[a]", "r2", "r9")                                                                               \
    SMIDGEN_QUAD_ROW("%[b]", "r3", "r9")                                                                               \
    SMIDGEN_QUAD_ROW("%[c]", "r4", "r9")                                                                               \
    SMIDGEN_QUAD_ROW("%[d]", "r5", "r9")

/* Add `groups` times four columns of four rows; return the end of the weights. */
SMIDGEN_KERNEL const uint32_t *sum_quad(const smidgen_u32 *x, const uint32_t *weight, uint32_t groups, int32_t acc[4])
{
    SMIDGEN_ROLLED
    for (uint32_t n = groups / 4U; n > 0U; n--) {
        __asm__ volatile(SMIDGEN_QUAD SMIDGEN_QUAD SMIDGEN_QUAD SMIDGEN_QUAD
                         : SMIDGEN_QUAD_OPERANDS(weight, x, acc)
                         : [byte] "i"(8)
                         : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "memory");
    }
    SMIDGEN_ROLLED
    for (uint32_t n = groups % 4U; n > 0U; n--) {
        __asm__ volatile(SMIDGEN_QUAD
                         : SMIDGEN_QUAD_OPERANDS(weight, x, acc)
                         : [byte] "i"(8)
                         : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "memory");
    }
    return weight;
}

/* The row from x on where it can be read in words, else its copy, filled up to a multiple of four columns. */
SMIDGEN_SHARED const void *quad_input(const smidgen_s16 *x, smidgen_s16 *scratch, uint32_t in_width)
{
    uint32_t k = 0U;
    if (((in_width % 4U) == 0U) && (is_word_aligned(x) != 0U)) {
        return x;
    }
    while ((k < in_width) || ((k % 4U) != 0U)) {
        scratch[k] = (int16_t)((k < in_width) ? x[k] : 0);
        k++;
    }
    return scratch;
}

SMIDGEN_KERNEL const uint32_t *sum_quad_row(const smidgen_s16 *x, const uint32_t *weight, uint32_t in_width, int32_t acc[4])
{
    return sum_quad((const smidgen_u32 *)(const void *)x, weight, (in_width + 3U) / 4U, acc);
}

#else

SMIDGEN_KERNEL const void *quad_input(const smidgen_s16 *x, smidgen_s16 *scratch, uint32_t in_width)
{
    (void)scratch;
    (void)in_width;
    return x;
}

#if SMIDGEN_HAS_HIGH_SUMS

/* One column of two rows, as inline assembly (MISRA C:2012 Dir 4.3): compilers for a Cortex-M0 keep sums in low registers
 * and spill. `take` brings a byte of a word down with its sign. */
#define SMIDGEN_QUAD_COLUMN(take_a, take_b)                                                                            \
    "ldrsh %[v], [%[end], %[at]]\n\t" take_a "muls %[t], %[v], %[t]\n\tadd %[a], %[t]\n\t"                            \
    take_b "muls %[t], %[v], %[t]\n\tadd %[b], %[t]\n\tadds %[at], %[two]\n\t"
#define SMIDGEN_QUAD_BYTE(word, left) "lsls %[t], " word ", %[" left "]\n\tasrs %[t], %[t], %[top]\n\t"

/* Add the whole groups of four columns, of which there is one at least, of two rows from words w[0] and w[1] on. */
SMIDGEN_KERNEL void sum_quad_groups(const smidgen_s16 *x, const uint32_t *w, uint32_t columns, int32_t acc[2])
{
    const smidgen_s16 *const end = &x[columns];
    int32_t at = -2 * (int32_t)columns; /* bytes from the end */
    uint32_t word_a;
    uint32_t word_b;
    int32_t v;
    int32_t t;
    __asm__ volatile(".syntax unified\n\t1:\n\t"
                     "ldr %[word_a], [%[w]]\n\t"
                     "ldr %[word_b], [%[w], %[word]]\n\t"
                     "adds %[w], %[block]\n\t"
                     SMIDGEN_QUAD_COLUMN("sxtb %[t], %[word_a]\n\t", "sxtb %[t], %[word_b]\n\t")
                     SMIDGEN_QUAD_COLUMN(SMIDGEN_QUAD_BYTE("%[word_a]", "byte"), SMIDGEN_QUAD_BYTE("%[word_b]", "byte"))
                     SMIDGEN_QUAD_COLUMN(SMIDGEN_QUAD_BYTE("%[word_a]", "half"), SMIDGEN_QUAD_BYTE("%[word_b]", "half"))
                     SMIDGEN_QUAD_COLUMN("asrs %[t], %[word_a], %[top]\n\t", "asrs %[t], %[word_b], %[top]\n\t")
                     "bne 1b"
                     : [w] "+l"(w), [at] "+l"(at), [a] "+h"(acc[0]), [b] "+h"(acc[1]), [word_a] "=&l"(word_a),
                       [word_b] "=&l"(word_b), [v] "=&l"(v), [t] "=&l"(t)
                     : [end] "l"(end), [word] "i"(4), [block] "i"(16), [two] "i"(2), [byte] "i"(8), [half] "i"(16),
                       [top] "i"(24)
                     : "cc", "memory");
}

#else

SMIDGEN_KERNEL void sum_quad_groups(const smidgen_s16 *x, const uint32_t *w, uint32_t columns, int32_t acc[2])
{
    SMIDGEN_ROLLED
    for (uint32_t row = 0U; row < 2U; row++) {
        const int8_t *bytes = (const int8_t *)&w[row];
        int32_t sum = acc[row];
        for (uint32_t k = 0U; k < columns; k += 4U) {
            sum += (int32_t)bytes[4U * k] * x[k];
            sum += (int32_t)bytes[(4U * k) + 2U] * x[k + 1U];
            sum += (int32_t)bytes[(4U * k) + 1U] * x[k + 2U];
            sum += (int32_t)bytes[(4U * k) + 3U] * x[k + 3U];
        }
        acc[row] = sum;
    }
}

#endif

/* Add the columns of four rows, two rows at a time; return the end of the weights. in_width >= 4. */
SMIDGEN_KERNEL const uint32_t *sum_quad_row(const smidgen_s16 *x, const uint32_t *weight, uint32_t in_width, int32_t acc[4])
{
    const uint32_t whole = in_width & ~3U;
    sum_quad_groups(x, weight, whole, &acc[0]);
    sum_quad_groups(x, &weight[2], whole, &acc[2]);
    for (uint32_t row = 0U; row < 4U; row++) {
        const int8_t *bytes = (const int8_t *)&weight[whole + row];
        for (uint32_t k = 0U; k < (in_width - whole); k++) {
            acc[row] += (int32_t)bytes[(k == 1U) ? 2U : (k / 2U)] * x[whole + k];
        }
    }
    return &weight[4U * ((in_width + 3U) / 4U)];
}

#endif

/* Each row of x, four outputs at a time; scratch has room for a row. out_width >= 4. */
SMIDGEN_KERNEL void linear_quads(const smidgen_s16 *x, const uint32_t *stream, void *y, smidgen_s16 *scratch, uint32_t rows,
                                 uint32_t in_width, uint32_t out_width, uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    for (uint32_t r = 0U; r < rows; r++) {
        const uint32_t *next = stream;
        const smidgen_s16 *row = (const smidgen_s16 *)quad_input(&x[r * in_width], scratch, in_width);
        for (uint32_t begin = 0U; begin < out_width; begin += 4U) {
            const uint32_t o = (r * out_width) + (((begin + 4U) > out_width) ? (out_width - 4U) : begin);
            int32_t acc[4];
            acc[0] = (int32_t)next[0];
            acc[1] = (int32_t)next[1];
            acc[2] = (int32_t)next[2];
            acc[3] = (int32_t)next[3];
            next = sum_quad_row(row, &next[4], in_width, acc);
            store_q(y, o, requantize(acc[0], (int32_t)next[0], shift) + zero_point, y_bits);
            store_q(y, o + 1U, requantize(acc[1], (int32_t)next[1], shift) + zero_point, y_bits);
            store_q(y, o + 2U, requantize(acc[2], (int32_t)next[2], shift) + zero_point, y_bits);
            store_q(y, o + 3U, requantize(acc[3], (int32_t)next[3], shift) + zero_point, y_bits);
            next = &next[4];
        }
    }
}

/* The functions that layers share, by type of output and by whether the requantisation has a shift. */
#define SMIDGEN_LINEAR_QUADS(ending, y_bits, y_shift)                                                                  \
    SMIDGEN_SHARED void linear_quads_##ending(const void *x, const void *stream, void *y, void *scratch, uint32_t rows,\
                                              uint32_t in_width, uint32_t out_width, int32_t shift, int32_t zero_point)\
    {                                                                                                                  \
        (void)shift;                                                                                                   \
        linear_quads((const smidgen_s16 *)x, (const uint32_t *)stream, y, (smidgen_s16 *)scratch, rows, in_width,      \
                     out_width, (y_bits), (y_shift), zero_point);                                                      \
    }

SMIDGEN_LINEAR_QUADS(s8, 8U, 0)
SMIDGEN_LINEAR_QUADS(s16, 16U, 0)
SMIDGEN_LINEAR_QUADS(s8_shifted, 8U, shift)
SMIDGEN_LINEAR_QUADS(s16_shifted, 16U, shift)

#endif
