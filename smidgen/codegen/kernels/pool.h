/* Poolings on integers, channels last: x (images, rows_in, columns_in, channels), y (images, rows_out, columns_out,
 * channels). A sequence is an image of one column, its rows are time. Twin of numerics/pooling.py. */
#ifndef SMIDGEN_POOL_H
#define SMIDGEN_POOL_H

#include "fixed_point.h"

/* The mean of each window: its sum times multiplier[n - 1], n the elements it has inside x; multiplier[0] for all windows
 * where padding counts as elements of 0. The generator has proved that the sum fits. */
SMIDGEN_KERNEL void average_pool_q(const void *x, const int32_t *multiplier, void *y, uint32_t images, uint32_t rows_in,
                                   uint32_t columns_in, uint32_t rows_out, uint32_t columns_out, uint32_t channels,
                                   uint32_t tap_rows, uint32_t tap_columns, uint32_t pad_top, uint32_t pad_left,
                                   uint32_t row_stride, uint32_t column_stride, uint32_t row_dilation,
                                   uint32_t column_dilation, uint32_t count_padding, uint32_t x_bits, uint32_t y_bits,
                                   int32_t zero_x, int32_t zero_y, int32_t shift)
{
    for (uint32_t position = 0U; position < (images * rows_out * columns_out); position++) {
        const uint32_t image_row = (position / (rows_out * columns_out)) * rows_in; /* the first of its image */
        const uint32_t first_row = ((position / columns_out) % rows_out) * row_stride;
        const uint32_t first_column = (position % columns_out) * column_stride;
        for (uint32_t c = 0U; c < channels; c++) {
            int32_t total = 0;
            uint32_t count = 0U;
            for (uint32_t i = 0U; i < tap_rows; i++) {
                const uint32_t row = first_row + (i * row_dilation) - pad_top; /* wraps to a large number above */
                for (uint32_t j = 0U; j < tap_columns; j++) {
                    const uint32_t column = first_column + (j * column_dilation) - pad_left;
                    if ((row < rows_in) && (column < columns_in)) {
                        const uint32_t frame = ((image_row + row) * columns_in) + column;
                        total += load_q(x, (frame * channels) + c, x_bits) - zero_x;
                        count++;
                    }
                }
            }
            const int32_t scale = multiplier[(count_padding != 0U) ? 0U : (count - 1U)];
            store_q(y, (position * channels) + c, requantize(total, scale, shift) + zero_y, y_bits);
        }
    }
}

/* The largest element of each window, which has at least one inside x. */
SMIDGEN_KERNEL void max_pool_q(const void *x, void *y, uint32_t images, uint32_t rows_in, uint32_t columns_in,
                               uint32_t rows_out, uint32_t columns_out, uint32_t channels, uint32_t tap_rows,
                               uint32_t tap_columns, uint32_t pad_top, uint32_t pad_left, uint32_t row_stride,
                               uint32_t column_stride, uint32_t row_dilation, uint32_t column_dilation, uint32_t bits)
{
    for (uint32_t position = 0U; position < (images * rows_out * columns_out); position++) {
        const uint32_t image_row = (position / (rows_out * columns_out)) * rows_in; /* the first of its image */
        const uint32_t first_row = ((position / columns_out) % rows_out) * row_stride;
        const uint32_t first_column = (position % columns_out) * column_stride;
        for (uint32_t c = 0U; c < channels; c++) {
            int32_t best = INT32_MIN;
            for (uint32_t i = 0U; i < tap_rows; i++) {
                const uint32_t row = first_row + (i * row_dilation) - pad_top; /* wraps to a large number above */
                for (uint32_t j = 0U; j < tap_columns; j++) {
                    const uint32_t column = first_column + (j * column_dilation) - pad_left;
                    if ((row < rows_in) && (column < columns_in)) {
                        const uint32_t frame = ((image_row + row) * columns_in) + column;
                        const int32_t value = load_q(x, (frame * channels) + c, bits);
                        best = (value > best) ? value : best;
                    }
                }
            }
            store_q(y, (position * channels) + c, best, bits);
        }
    }
}

#endif
