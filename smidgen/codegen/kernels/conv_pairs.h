/* The convolution of conv2d.h of one group for int8 inputs, as the linear layer of linear_pairs.h over what each output
 * reads: its taps are gathered, widened where there is the DSP extension, and then multiplied by two rows of weights at a
 * time. Constants in one stream: numerics/row_pairs.py, with taps before channels. */
#ifndef SMIDGEN_CONV_PAIRS_H
#define SMIDGEN_CONV_PAIRS_H

#include "linear_pairs.h"
#include "placed_window.h"

/* The channels that a tap of an output reads; `position` counts outputs over images. */
SMIDGEN_KERNEL const smidgen_s8 *tap_channels(const smidgen_s8 *x, const smidgen_s8 *padding, const placed_window *window,
                                              uint32_t channels, uint32_t rows_out, uint32_t columns_out, uint32_t position,
                                              uint32_t n)
{
    const uint32_t image = position / (rows_out * columns_out);
    const uint32_t frame = tap_frame(window, (position / columns_out) % rows_out, position % columns_out,
                                     n / window->tap_columns, n % window->tap_columns);
    return (frame == SMIDGEN_PADDING) ? padding
                                      : &x[((image * window->rows_in * window->columns_in) + frame) * channels];
}

#if SMIDGEN_HAS_DSP

/* Widen four channels at a time of one tap, or of the same tap of two outputs in turn. */
SMIDGEN_KERNEL smidgen_u32 *widen_tap(const smidgen_s8 *a, const smidgen_s8 *b, smidgen_u32 *wide, uint32_t channels)
{
    SMIDGEN_ROLLED
    for (uint32_t n = channels / 4U; n > 0U; n--) {
        wide = widen_columns(load_next(&a), wide);
        if (b != NULL) {
            wide = widen_columns(load_next(&b), wide);
        }
    }
    return wide;
}

#endif

/* scratch has room for the taps of two outputs in int16 and, behind them, for channels of padding. channels_in is a multiple
 * of four, and there are 16 weights and more in an output. */
SMIDGEN_KERNEL void conv_pairs(const void *x, const void *stream, void *y, void *scratch, uint32_t images, uint32_t rows_in,
                               uint32_t columns_in, uint32_t channels_in, uint32_t rows_out, uint32_t columns_out,
                               uint32_t channels_out, uint32_t tap_rows, uint32_t tap_columns, uint32_t pad_top,
                               uint32_t pad_left, uint32_t row_stride, uint32_t column_stride, uint32_t row_dilation,
                               uint32_t column_dilation, uint32_t y_bits, int32_t pad_value, int32_t shift,
                               int32_t zero_point)
{
    const placed_window window = {rows_in,  columns_in, tap_rows,      tap_columns,  pad_top,
                                  pad_left, row_stride, column_stride, row_dilation, column_dilation};
    const uint32_t outputs = images * rows_out * columns_out;
    const uint32_t taps = tap_rows * tap_columns;
    const uint32_t in_width = taps * channels_in;
    const uint32_t *const constants = (const uint32_t *)stream;
    smidgen_s8 *const padding = &((smidgen_s8 *)scratch)[((outputs > 1U) ? 4U : 2U) * in_width];
    SMIDGEN_ROLLED
    for (uint32_t c = 0U; c < channels_in; c++) {
        padding[c] = (int8_t)pad_value;
    }
#if SMIDGEN_HAS_DSP
    for (uint32_t begin = 0U; begin < outputs; begin += 2U) {
        const uint32_t position = (outputs > 1U) ? block_start(begin, 2U, outputs) : 0U;
        smidgen_u32 *wide = (smidgen_u32 *)scratch;
        for (uint32_t n = 0U; n < taps; n++) {
            const smidgen_s8 *a =
                tap_channels((const smidgen_s8 *)x, padding, &window, channels_in, rows_out, columns_out, position, n);
            const smidgen_s8 *b = NULL;
            if (outputs > 1U) {
                b = tap_channels((const smidgen_s8 *)x, padding, &window, channels_in, rows_out, columns_out,
                                 position + 1U, n);
            }
            wide = widen_tap(a, b, wide, channels_in);
        }
        if (outputs > 1U) {
            outputs_of_two_rows((const smidgen_u32 *)scratch, constants, y, position * channels_out,
                                (position + 1U) * channels_out, in_width / 4U, channels_out, y_bits, shift, zero_point);
        } else {
            outputs_of_row((const smidgen_u32 *)scratch, constants, y, 0U, in_width / 4U, channels_out, y_bits, shift,
                           zero_point);
        }
    }
#else
    for (uint32_t position = 0U; position < outputs; position++) {
        smidgen_s8 *next = (smidgen_s8 *)scratch;
        for (uint32_t n = 0U; n < taps; n++) {
            copy_bytes(tap_channels((const smidgen_s8 *)x, padding, &window, channels_in, rows_out, columns_out, position, n),
                       next, channels_in);
            next = &next[channels_in];
        }
        outputs_of_blocks((const smidgen_s8 *)scratch, constants, y, position * channels_out, in_width, channels_out,
                          (outputs > 1U) ? 1U : 2U, y_bits, shift, zero_point);
    }
#endif
}

#endif
