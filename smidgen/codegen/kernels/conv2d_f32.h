/* Cross-correlation, float32, channels last: x (images, rows_in, columns_in, channels_in), w (channels_out, tap_rows,
 * tap_columns, channels_in / groups), bias (channels_out), y (images, rows_out, columns_out, channels_out). A sequence is
 * an image of one column. Padding, also between elements `spread` apart, is 0 and skipped, which changes no bit of a sum
 * that starts from +0. Sums run over the window's rows, its columns, the channels, and take the bias last.
 * Twin of numerics/float32/convolution.py. */
#ifndef SMIDGEN_CONV2D_F32_H
#define SMIDGEN_CONV2D_F32_H

#include "exact_float.h"

SMIDGEN_KERNEL void conv2d_f32(const smidgen_f32 *x, const float *w, const float *bias, smidgen_f32 *y, uint32_t images,
                               uint32_t rows_in, uint32_t columns_in, uint32_t channels_in, uint32_t rows_out,
                               uint32_t columns_out, uint32_t channels_out, uint32_t tap_rows, uint32_t tap_columns,
                               uint32_t pad_top, uint32_t pad_left, uint32_t row_stride, uint32_t column_stride,
                               uint32_t row_dilation, uint32_t column_dilation, uint32_t row_spread,
                               uint32_t column_spread, uint32_t groups)
{
    const uint32_t group_in = channels_in / groups;
    const uint32_t group_out = channels_out / groups;

    for (uint32_t position = 0U; position < (images * rows_out * columns_out); ++position) {
        const uint32_t image_row = (position / (rows_out * columns_out)) * rows_in; /* the first of its image */
        const uint32_t first_row = ((position / columns_out) % rows_out) * row_stride;
        const uint32_t first_column = (position % columns_out) * column_stride;
        for (uint32_t o = 0U; o < channels_out; ++o) {
            const uint32_t first_channel = (o / group_out) * group_in;
            float acc = 0.0f;
            for (uint32_t i = 0U; i < tap_rows; ++i) {
                const uint32_t row = first_row + (i * row_dilation) - pad_top; /* wraps to a large number above */
                for (uint32_t j = 0U; j < tap_columns; ++j) {
                    const uint32_t column = first_column + (j * column_dilation) - pad_left;
                    if ((row < (rows_in * row_spread)) && ((row % row_spread) == 0U) &&
                        (column < (columns_in * column_spread)) && ((column % column_spread) == 0U)) {
                        const uint32_t frame =
                            (((image_row + (row / row_spread)) * columns_in) + (column / column_spread)) * channels_in;
                        const uint32_t tap = ((((o * tap_rows) + i) * tap_columns) + j) * group_in;
                        for (uint32_t c = 0U; c < group_in; ++c) {
                            acc += x[frame + first_channel + c] * w[tap + c];
                        }
                    }
                }
            }
            y[(position * channels_out) + o] = acc + bias[o];
        }
    }
}

#endif
