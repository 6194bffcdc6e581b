/* Where a window over rows and columns reads: tap (i, j) of output (row, column) is at row * stride + i * dilation - pad. */
#ifndef SMIDGEN_PLACED_WINDOW_H
#define SMIDGEN_PLACED_WINDOW_H

#include "memory.h"

/* What tap_frame gives for a tap outside the image. */
#define SMIDGEN_PADDING 0xFFFFFFFFU

typedef struct placed_window {
    uint32_t rows_in;
    uint32_t columns_in;
    uint32_t tap_rows;
    uint32_t tap_columns;
    uint32_t pad_top;
    uint32_t pad_left;
    uint32_t row_stride;
    uint32_t column_stride;
    uint32_t row_dilation;
    uint32_t column_dilation;
} placed_window;

/* The frame, counted from the first of the image on, that tap (i, j) of an output reads, or SMIDGEN_PADDING. */
SMIDGEN_KERNEL uint32_t tap_frame(const placed_window *w, uint32_t row_out, uint32_t column_out, uint32_t i, uint32_t j)
{
    /* Above and left of the image these wrap to large numbers. */
    const uint32_t row = ((row_out * w->row_stride) + (i * w->row_dilation)) - w->pad_top;
    const uint32_t column = ((column_out * w->column_stride) + (j * w->column_dilation)) - w->pad_left;
    return ((row < w->rows_in) && (column < w->columns_in)) ? ((row * w->columns_in) + column) : SMIDGEN_PADDING;
}

#endif
