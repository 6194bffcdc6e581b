/* Rows of a table (rows, width) of elements of `size` bytes, by `count` ids: y (count, width). An id below 0 means row 0, one
 * beyond the table its last row. Twin of numerics/embedding.py. */
#ifndef SMIDGEN_EMBEDDING_H
#define SMIDGEN_EMBEDDING_H

#include "layout.h"

SMIDGEN_KERNEL void copy_row(const void *table, int32_t id, void *y, uint32_t place, uint32_t rows, uint32_t width,
                             uint32_t size)
{
    const uint32_t row = (id < 0) ? 0U : (((uint32_t)id < rows) ? (uint32_t)id : (rows - 1U));
    for (uint32_t i = 0U; i < width; i++) {
        copy_element(table, (row * width) + i, y, (place * width) + i, size);
    }
}

SMIDGEN_KERNEL void embedding(const void *ids, const void *table, void *y, uint32_t count, uint32_t rows, uint32_t width,
                              uint32_t id_bits, uint32_t size)
{
    for (uint32_t place = 0U; place < count; place++) {
        copy_row(table, load_q(ids, place, id_bits), y, place, rows, width, size);
    }
}

/* By whole numbers in float32; one that is no number means row 0. */
SMIDGEN_KERNEL void embedding_by_f32(const smidgen_f32 *ids, const void *table, void *y, uint32_t count, uint32_t rows,
                                     uint32_t width, uint32_t size)
{
    const float last = (float)(rows - 1U);
    for (uint32_t place = 0U; place < count; place++) {
        const float id = ids[place];
        const int32_t row = (id > 0.0f) ? (int32_t)((id < last) ? id : last) : 0;
        copy_row(table, row, y, place, rows, width, size);
    }
}

#endif
