/* Operators that move elements of `size` bytes (1, 2 or 4) without reading their meaning. */
#ifndef SMIDGEN_LAYOUT_H
#define SMIDGEN_LAYOUT_H

#include "memory.h"

SMIDGEN_KERNEL void copy_element(const void *x, uint32_t from, void *y, uint32_t to, uint32_t size)
{
    store_q(y, to, load_q(x, from, 8U * size), 8U * size);
}

/* Copy `outer` blocks of `count` elements; block b starts at x[b * x_stride] and y[b * y_stride]. */
SMIDGEN_KERNEL void copy_blocks(const void *x, void *y, uint32_t outer, uint32_t count, uint32_t x_start, uint32_t x_stride,
                                uint32_t y_start, uint32_t y_stride, uint32_t size)
{
    SMIDGEN_ROLLED
    for (uint32_t b = 0U; b < outer; b++) {
        if ((size == 4U) && (count >= 8U)) {
            copy_words(&((const smidgen_u32 *)x)[x_start + (b * x_stride)], &((smidgen_u32 *)y)[y_start + (b * y_stride)], count);
            continue;
        }
        SMIDGEN_ROLLED
        for (uint32_t i = 0U; i < count; i++) {
            copy_element(x, x_start + (b * x_stride) + i, y, y_start + (b * y_stride) + i, size);
        }
    }
}

/* y[i][j][k][l][m] = x[start + i * step_i + ... + m * step_m] for y of shape (ni, nj, nk, nl, nm); steps may be negative,
 * or 0 for copies. */
SMIDGEN_KERNEL void copy_strided(const void *x, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl, uint32_t nm,
                                 int32_t start, int32_t step_i, int32_t step_j, int32_t step_k, int32_t step_l,
                                 int32_t step_m, uint32_t size)
{
    uint32_t to = 0U;
    for (uint32_t i = 0U; i < ni; i++) {
        for (uint32_t j = 0U; j < nj; j++) {
            for (uint32_t k = 0U; k < nk; k++) {
                for (uint32_t l = 0U; l < nl; l++) {
                    const int32_t row = start + ((int32_t)i * step_i) + ((int32_t)j * step_j) + ((int32_t)k * step_k) +
                                        ((int32_t)l * step_l);
                    for (uint32_t m = 0U; m < nm; m++) {
                        copy_element(x, (uint32_t)(row + ((int32_t)m * step_m)), y, to, size);
                        to++;
                    }
                }
            }
        }
    }
}

/* y[o][i][n] = x[o][indices[i]][n] for x of shape (outer, length, inner) and y of shape (outer, count, inner). */
SMIDGEN_KERNEL void take(const void *x, const int16_t *indices, void *y, uint32_t outer, uint32_t length, uint32_t count,
                         uint32_t inner, uint32_t size)
{
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < count; i++) {
            const int32_t position = indices[i];
            const uint32_t from = ((o * length) + (uint32_t)position) * inner;
            for (uint32_t n = 0U; n < inner; n++) {
                copy_element(x, from + n, y, (((o * count) + i) * inner) + n, size);
            }
        }
    }
}

/* y[o] = `before` times fill, then the `count` elements of x[o], then `after` times fill. */
SMIDGEN_KERNEL void pad_q(const void *x, void *y, uint32_t outer, uint32_t before, uint32_t count, uint32_t after,
                          int32_t fill, uint32_t bits)
{
    const uint32_t row = before + count + after;
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < row; i++) {
            const uint32_t inside = ((i >= before) && (i < (before + count))) ? 1U : 0U;
            store_q(y, (o * row) + i, (inside != 0U) ? load_q(x, (o * count) + (i - before), bits) : fill, bits);
        }
    }
}

SMIDGEN_KERNEL void pad_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t outer, uint32_t before, uint32_t count,
                            uint32_t after, float fill)
{
    const uint32_t row = before + count + after;
    for (uint32_t o = 0U; o < outer; o++) {
        for (uint32_t i = 0U; i < row; i++) {
            const uint32_t inside = ((i >= before) && (i < (before + count))) ? 1U : 0U;
            y[(o * row) + i] = (inside != 0U) ? x[(o * count) + (i - before)] : fill;
        }
    }
}

#endif
