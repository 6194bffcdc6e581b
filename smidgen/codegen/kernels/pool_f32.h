/* Poolings, float32, channels last: x (images, rows_in, columns_in, channels), y (images, rows_out, columns_out,
 * channels). A sequence is an image of one column, its rows are time. Twin of numerics/float32/pooling.py. */
#ifndef SMIDGEN_POOL_F32_H
#define SMIDGEN_POOL_F32_H

#include "functions_f32.h"

/* The mean of each window: its sum by rows, then columns, from +0, and one division by its taps or by its elements. */
SMIDGEN_KERNEL void average_pool_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t images, uint32_t rows_in,
                                     uint32_t columns_in, uint32_t rows_out, uint32_t columns_out, uint32_t channels,
                                     uint32_t tap_rows, uint32_t tap_columns, uint32_t pad_top, uint32_t pad_left,
                                     uint32_t row_stride, uint32_t column_stride, uint32_t row_dilation,
                                     uint32_t column_dilation, uint32_t count_padding)
{
    for (uint32_t position = 0U; position < (images * rows_out * columns_out); ++position) {
        const uint32_t image_row = (position / (rows_out * columns_out)) * rows_in; /* the first of its image */
        const uint32_t first_row = ((position / columns_out) % rows_out) * row_stride;
        const uint32_t first_column = (position % columns_out) * column_stride;
        for (uint32_t c = 0U; c < channels; ++c) {
            float acc = 0.0f;
            uint32_t count = 0U;
            for (uint32_t i = 0U; i < tap_rows; ++i) {
                const uint32_t row = first_row + (i * row_dilation) - pad_top; /* wraps to a large number above */
                for (uint32_t j = 0U; j < tap_columns; ++j) {
                    const uint32_t column = first_column + (j * column_dilation) - pad_left;
                    if ((row < rows_in) && (column < columns_in)) {
                        acc += x[((((image_row + row) * columns_in) + column) * channels) + c];
                        ++count;
                    }
                }
            }
            count = (count_padding != 0U) ? (tap_rows * tap_columns) : count;
            y[(position * channels) + c] = smidgen_dividef(acc, (float)count);
        }
    }
}

/* The largest element of each window, which has at least one inside x; of equals (-0 and 0) the first. */
SMIDGEN_KERNEL void max_pool_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t images, uint32_t rows_in,
                                 uint32_t columns_in, uint32_t rows_out, uint32_t columns_out, uint32_t channels,
                                 uint32_t tap_rows, uint32_t tap_columns, uint32_t pad_top, uint32_t pad_left,
                                 uint32_t row_stride, uint32_t column_stride, uint32_t row_dilation,
                                 uint32_t column_dilation)
{
    for (uint32_t position = 0U; position < (images * rows_out * columns_out); ++position) {
        const uint32_t image_row = (position / (rows_out * columns_out)) * rows_in; /* the first of its image */
        const uint32_t first_row = ((position / columns_out) % rows_out) * row_stride;
        const uint32_t first_column = (position % columns_out) * column_stride;
        for (uint32_t c = 0U; c < channels; ++c) {
            float best = -__builtin_inff();
            for (uint32_t i = 0U; i < tap_rows; ++i) {
                const uint32_t row = first_row + (i * row_dilation) - pad_top; /* wraps to a large number above */
                for (uint32_t j = 0U; j < tap_columns; ++j) {
                    const uint32_t column = first_column + (j * column_dilation) - pad_left;
                    if ((row < rows_in) && (column < columns_in)) {
                        const float value = x[((((image_row + row) * columns_in) + column) * channels) + c];
                        best = ((value > best) || (value != value)) ? value : best; /* a NaN stays */
                    }
                }
            }
            y[(position * channels) + c] = best;
        }
    }
}

#endif
