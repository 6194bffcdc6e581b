/* A pointwise function of one tensor by table. int8: 256 entries. int16: 513 knots, linear interpolation, rounded to
 * nearest; or, where it is constant but for a few jumps, its steps. Twin of numerics/tables.py. In place is safe where
 * input and output have the same width. */
#ifndef SMIDGEN_TABLE_H
#define SMIDGEN_TABLE_H

#include "dsp.h"
#include "fixed_point.h"

/* The value at q between knots of y_bits bits. */
SMIDGEN_KERNEL int32_t interpolate_s16(const void *knots, int32_t q, uint32_t y_bits)
{
    const uint32_t position = (uint32_t)(q + 32768);
    const int32_t left = load_q(knots, position >> 7, y_bits);
    const int32_t right = load_q(knots, (position >> 7) + 1U, y_bits);
    return rounded_shift_s32((left * 128) + ((right - left) * (int32_t)(position & 127U)), 7);
}

#if SMIDGEN_HAS_DSP

/* Four entries in one word. */
#define SMIDGEN_FOUR_ENTRIES(word)                                                                                     \
    "ldrsb " word ", [%[x]], #1\n\t"                                                                                   \
    "ldrsb %[b], [%[x]], #1\n\t"                                                                                       \
    "ldrsb %[c], [%[x]], #1\n\t"                                                                                       \
    "ldrsb %[d], [%[x]], #1\n\t"                                                                                       \
    "ldrb " word ", [%[zero], " word "]\n\t"                                                                           \
    "ldrb %[b], [%[zero], %[b]]\n\t"                                                                                   \
    "ldrb %[c], [%[zero], %[c]]\n\t"                                                                                   \
    "ldrb %[d], [%[zero], %[d]]\n\t"                                                                                   \
    "orr " word ", " word ", %[b], lsl #8\n\t"                                                                         \
    "orr " word ", " word ", %[c], lsl #16\n\t"                                                                        \
    "orr " word ", " word ", %[d], lsl #24\n\t"

/* Look up 16 bytes `blocks` times, at least once; y is on a multiple of four. Inline assembly (MISRA C:2012 Dir 4.3)
 * stores four words at once: 47 instructions, where byte by byte 48 and the loop are the least. */
SMIDGEN_KERNEL void look_up_blocks(const smidgen_s8 *x, const uint8_t *zero, smidgen_s8 *y, uint32_t blocks)
{
    uint32_t b;
    uint32_t c;
    uint32_t d;
    __asm__ volatile("1:\n\t" SMIDGEN_FOUR_ENTRIES("r4") SMIDGEN_FOUR_ENTRIES("r5") SMIDGEN_FOUR_ENTRIES("r6")
                     SMIDGEN_FOUR_ENTRIES("r8")
                     "stmia %[y]!, {r4, r5, r6, r8}\n\t"
                     "subs %[blocks], %[blocks], #1\n\t"
                     "bne 1b"
                     : [x] "+r"(x), [y] "+r"(y), [blocks] "+r"(blocks), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d)
                     : [zero] "r"(zero)
                     : "r4", "r5", "r6", "r8", "cc", "memory");
}

/* Bytes to bytes. */
SMIDGEN_SHARED void table_s8_s8(const smidgen_s8 *x, const void *table, smidgen_s8 *y, uint32_t count)
{
    const uint8_t *const zero = &((const uint8_t *)table)[128];
    uint32_t i = 0U;
    if ((count >= 16U) && (is_word_aligned(y) != 0U)) {
        look_up_blocks(x, zero, y, count / 16U);
        i = count & ~15U;
    }
    SMIDGEN_ROLLED
    for (; i < count; i++) {
        y[i] = (int8_t)zero[x[i]];
    }
}

#else

SMIDGEN_SHARED void table_s8_s8(const smidgen_s8 *x, const void *table, smidgen_s8 *y, uint32_t count)
{
    for (uint32_t i = 0U; i < count; i++) {
        y[i] = ((const smidgen_s8 *)table)[(int32_t)x[i] + 128];
    }
}

#endif

SMIDGEN_KERNEL void table_s8(const smidgen_s8 *x, const void *table, void *y, uint32_t count, uint32_t y_bits)
{
    if (y_bits == 8U) {
        table_s8_s8(x, table, (smidgen_s8 *)y, count);
        return;
    }
    SMIDGEN_ROLLED
    for (uint32_t i = 0U; i < count; i++) {
        store_q(y, i, load_q(table, (uint32_t)((int32_t)x[i] + 128), y_bits), y_bits);
    }
}

SMIDGEN_KERNEL void table_s16(const smidgen_s16 *x, const void *knots, void *y, uint32_t count, uint32_t y_bits)
{
    SMIDGEN_ROLLED
    for (uint32_t i = 0U; i < count; i++) {
        store_q(y, i, interpolate_s16(knots, x[i], y_bits), y_bits);
    }
}

/* values[i] for the number i of thresholds that x reaches; thresholds rise. */
SMIDGEN_KERNEL void steps_s16(const smidgen_s16 *x, const int16_t *thresholds, const void *values, void *y, uint32_t count,
                              uint32_t n_thresholds, uint32_t y_bits)
{
    for (uint32_t i = 0U; i < count; i++) {
        uint32_t reached = 0U; /* thresholds known to be reached */
        uint32_t end = n_thresholds;
        while (reached < end) {
            const uint32_t middle = (reached + end) / 2U;
            if (x[i] >= thresholds[middle]) {
                reached = middle + 1U;
            } else {
                end = middle;
            }
        }
        store_q(y, i, load_q(values, reached, y_bits), y_bits);
    }
}

#endif
