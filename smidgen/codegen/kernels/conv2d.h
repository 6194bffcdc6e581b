/* Convolution on integers, channels last: x (images, rows_in, columns_in, channels_in), weight (channels_out, tap_rows,
 * tap_columns, channels_in / groups) int8, y (images, rows_out, columns_out, channels_out). A sequence is an image of one
 * column, its rows are time. Outside the input, and between its elements where they stand `spread` apart (a transposed
 * convolution), padding reads as the input's zero point. Twin of numerics/convolution.py. */
#ifndef SMIDGEN_CONV2D_H
#define SMIDGEN_CONV2D_H

#include "fixed_point.h"

SMIDGEN_KERNEL void conv2d_q(const void *x, const int8_t *weight, const int32_t *bias, const int32_t *multiplier, void *y,
                             uint32_t images, uint32_t rows_in, uint32_t columns_in, uint32_t channels_in,
                             uint32_t rows_out, uint32_t columns_out, uint32_t channels_out, uint32_t tap_rows,
                             uint32_t tap_columns, uint32_t pad_top, uint32_t pad_left, uint32_t row_stride,
                             uint32_t column_stride, uint32_t row_dilation, uint32_t column_dilation,
                             uint32_t row_spread, uint32_t column_spread, uint32_t groups, uint32_t x_bits,
                             uint32_t y_bits, int32_t pad_value, int32_t shift, int32_t zero_point)
{
    const uint32_t group_in = channels_in / groups;
    const uint32_t group_out = channels_out / groups;

    for (uint32_t position = 0U; position < (images * rows_out * columns_out); position++) {
        const uint32_t image_row = (position / (rows_out * columns_out)) * rows_in; /* the first of its image */
        const uint32_t first_row = ((position / columns_out) % rows_out) * row_stride;
        const uint32_t first_column = (position % columns_out) * column_stride;
        for (uint32_t o = 0U; o < channels_out; o++) {
            const uint32_t first_channel = (o / group_out) * group_in;
            uint32_t w = o * tap_rows * tap_columns * group_in;
            int32_t acc = bias[o];
            for (uint32_t i = 0U; i < tap_rows; i++) {
                const uint32_t row = first_row + (i * row_dilation) - pad_top; /* wraps to a large number above */
                for (uint32_t j = 0U; j < tap_columns; j++) {
                    const uint32_t column = first_column + (j * column_dilation) - pad_left;
                    const uint32_t inside = ((row < (rows_in * row_spread)) && ((row % row_spread) == 0U) &&
                                             (column < (columns_in * column_spread)) && ((column % column_spread) == 0U))
                                                ? 1U
                                                : 0U;
                    const uint32_t frame =
                        (((image_row + (row / row_spread)) * columns_in) + (column / column_spread)) * channels_in;
                    for (uint32_t c = 0U; c < group_in; c++) {
                        const int32_t value = (inside != 0U) ? load_q(x, frame + first_channel + c, x_bits) : pad_value;
                        acc += (int32_t)weight[w] * value;
                        w++;
                    }
                }
            }
            store_q(y, (position * channels_out) + o, requantize(acc, multiplier[o], shift) + zero_point, y_bits);
        }
    }
}

#endif
