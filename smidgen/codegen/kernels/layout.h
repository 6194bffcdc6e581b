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
    for (uint32_t b = 0U; b < outer; b++) {
        for (uint32_t i = 0U; i < count; i++) {
            copy_element(x, x_start + (b * x_stride) + i, y, y_start + (b * y_stride) + i, size);
        }
    }
}

/* y[i][j][k] = x[i * stride_i + j * stride_j + k * stride_k] for y of shape (ni, nj, nk). */
SMIDGEN_KERNEL void transpose_3d(const void *x, void *y, uint32_t ni, uint32_t nj, uint32_t nk, uint32_t stride_i,
                                 uint32_t stride_j, uint32_t stride_k, uint32_t size)
{
    for (uint32_t i = 0U; i < ni; i++) {
        for (uint32_t j = 0U; j < nj; j++) {
            for (uint32_t k = 0U; k < nk; k++) {
                copy_element(x, (i * stride_i) + (j * stride_j) + (k * stride_k), y, (((i * nj) + j) * nk) + k, size);
            }
        }
    }
}

#endif
