/* Convolution of conv2d.h where each channel has its own taps: x (images, rows_in, columns_in, channels), y (images,
 * rows_out, columns_out, channels), constants in one stream in the order of use: numerics/depthwise.py. Four channels go
 * together. */
#ifndef SMIDGEN_DEPTHWISE_H
#define SMIDGEN_DEPTHWISE_H

#include "dsp.h"
#include "fixed_point.h"
#include "placed_window.h"

/* Requantise four sums by the multipliers that follow in the stream, and store them; return the end of those. */
SMIDGEN_KERNEL const uint32_t *finish_four(const int32_t acc[4], const uint32_t *multiplier, void *y, uint32_t to,
                                           uint32_t y_bits, int32_t shift, int32_t zero_point)
{
    int32_t scale[4]; /* read before y is written, which the compiler must take for their alias */
    for (uint32_t i = 0U; i < 4U; i++) {
        scale[i] = (int32_t)multiplier[i];
    }
    for (uint32_t i = 0U; i < 4U; i++) {
        store_q(y, to + i, requantize(acc[i], scale[i], shift) + zero_point, y_bits);
    }
    return &multiplier[4];
}

#if SMIDGEN_HAS_DSP

/* Where a tap reads: the address of a frame of the image, or of padding. */
typedef const smidgen_s8 *depthwise_tap;

SMIDGEN_KERNEL depthwise_tap depthwise_frame(const void *x, const void *padding, uint32_t frame, uint32_t frame_bytes)
{
    return (frame == SMIDGEN_PADDING) ? (depthwise_tap)padding : &((depthwise_tap)x)[frame * frame_bytes];
}

/* Inline assembly, alone in its function (MISRA C:2012 Dir 4.3): compilers part the loads. Register x holds the address
 * of a frame, then channels 1 and 3 of it, r3 channels 0 and 2, r4 and r5 the weights. */
#define SMIDGEN_DEPTHWISE_S8(x)                                                                                        \
    "ldr " x ", [" x ", %[at]]\n\t"                                                                                    \
    "ldrd r4, r5, [%[weight]], #8\n\t"                                                                                 \
    "sxtb16 r3, " x "\n\t"                                                                                             \
    "sxtb16 " x ", " x ", ror #8\n\t"                                                                                  \
    "smlabb %[a], r3, r4, %[a]\n\t"                                                                                    \
    "smlabb %[b], " x ", r5, %[b]\n\t"                                                                                 \
    "smlatt %[c], r3, r4, %[c]\n\t"                                                                                    \
    "smlatt %[d], " x ", r5, %[d]\n\t"
#define SMIDGEN_DEPTHWISE_OPERANDS(tap, weight, acc)                                                                   \
    [tap] "+r"(tap), [weight] "+r"(weight), [a] "+r"((acc)[0]), [b] "+r"((acc)[1]), [c] "+r"((acc)[2]), [d] "+r"((acc)[3])

/* Add the taps of four channels from `channel` on; return the end of the weights. Two taps of int8 take 17 instructions,
 * one of int16 nine. */
SMIDGEN_KERNEL const uint32_t *sum_taps(const void *x, const depthwise_tap *tap, const uint32_t *weight, uint32_t taps,
                                        uint32_t channel, uint32_t x_bits, int32_t pad_value, int32_t acc[4])
{
    const uint32_t at = channel * (x_bits / 8U);
    uint32_t left = taps;
    (void)x;
    (void)pad_value;
    while ((x_bits == 8U) && (left >= 2U)) {
        __asm__ volatile("ldrd r2, r6, [%[tap]], #8\n\t" SMIDGEN_DEPTHWISE_S8("r2") SMIDGEN_DEPTHWISE_S8("r6")
                         : SMIDGEN_DEPTHWISE_OPERANDS(tap, weight, acc)
                         : [at] "r"(at)
                         : "r2", "r3", "r4", "r5", "r6", "memory");
        left -= 2U;
    }
    while (left > 0U) {
        if (x_bits == 8U) {
            __asm__ volatile("ldr r2, [%[tap]], #4\n\t" SMIDGEN_DEPTHWISE_S8("r2")
                             : SMIDGEN_DEPTHWISE_OPERANDS(tap, weight, acc)
                             : [at] "r"(at)
                             : "r2", "r3", "r4", "r5", "memory");
        } else {
            __asm__ volatile("ldr r2, [%[tap]], #4\n\t"
                             "ldrd r4, r5, [%[weight]], #8\n\t"
                             "add r2, r2, %[at]\n\t"
                             "ldr r3, [r2]\n\t"
                             "ldr r2, [r2, #4]\n\t"
                             "smlabb %[a], r3, r4, %[a]\n\t"
                             "smlatt %[b], r3, r4, %[b]\n\t"
                             "smlabb %[c], r2, r5, %[c]\n\t"
                             "smlatt %[d], r2, r5, %[d]\n\t"
                             : SMIDGEN_DEPTHWISE_OPERANDS(tap, weight, acc)
                             : [at] "r"(at)
                             : "r2", "r3", "r4", "r5", "memory");
        }
        left--;
    }
    return weight;
}

#else

/* Where a tap reads: the first element of a frame, counted from that of the image on, or SMIDGEN_PADDING. */
typedef smidgen_u32 depthwise_tap;

SMIDGEN_KERNEL depthwise_tap depthwise_frame(const void *x, const void *padding, uint32_t frame, uint32_t frame_elements)
{
    (void)x;
    (void)padding;
    return (frame == SMIDGEN_PADDING) ? SMIDGEN_PADDING : (frame * frame_elements);
}

/* Add the taps of four channels from `channel` on; return the end of the weights. */
SMIDGEN_KERNEL const uint32_t *sum_taps(const void *x, const depthwise_tap *tap, const uint32_t *weight, uint32_t taps,
                                        uint32_t channel, uint32_t x_bits, int32_t pad_value, int32_t acc[4])
{
    for (uint32_t n = 0U; n < taps; n++) {
        int32_t v[4] = {pad_value, pad_value, pad_value, pad_value};
        if (tap[n] != SMIDGEN_PADDING) {
            for (uint32_t i = 0U; i < 4U; i++) {
                v[i] = load_q(x, tap[n] + channel + i, x_bits);
            }
        }
        acc[0] += (int32_t)(int16_t)(uint16_t)weight[0] * v[0];
        acc[3] += ((int32_t)weight[1] >> 16) * v[3];
        if (x_bits == 8U) {
            acc[1] += (int32_t)(int16_t)(uint16_t)weight[1] * v[1];
            acc[2] += ((int32_t)weight[0] >> 16) * v[2];
        } else {
            acc[1] += ((int32_t)weight[0] >> 16) * v[1];
            acc[2] += (int32_t)(int16_t)(uint16_t)weight[1] * v[2];
        }
        weight = &weight[2];
    }
    return weight;
}

#endif

/* scratch has room for the taps of an output and, behind them, for a frame. channels >= 4. */
SMIDGEN_KERNEL void depthwise_q(const void *x, const int32_t *stream, void *y, void *scratch, uint32_t images,
                                uint32_t rows_in, uint32_t columns_in, uint32_t channels, uint32_t rows_out,
                                uint32_t columns_out, uint32_t tap_rows, uint32_t tap_columns, uint32_t pad_top,
                                uint32_t pad_left, uint32_t row_stride, uint32_t column_stride, uint32_t row_dilation,
                                uint32_t column_dilation, uint32_t x_bits, uint32_t y_bits, int32_t pad_value, int32_t shift,
                                int32_t zero_point)
{
    const placed_window window = {rows_in,  columns_in, tap_rows,      tap_columns,  pad_top,
                                  pad_left, row_stride, column_stride, row_dilation, column_dilation};
    const uint32_t taps = tap_rows * tap_columns;
    const uint32_t frame_size = channels * ((SMIDGEN_HAS_DSP != 0) ? (x_bits / 8U) : 1U);
    depthwise_tap *const tap = (depthwise_tap *)scratch;
    void *const padding = (void *)&((smidgen_s8 *)scratch)[4U * taps];
    uint32_t to = 0U;
    if (SMIDGEN_HAS_DSP != 0) {
        SMIDGEN_ROLLED
        for (uint32_t c = 0U; c < channels; c++) {
            store_q(padding, c, pad_value, x_bits);
        }
    }
    for (uint32_t image = 0U; image < images; image++) {
        const smidgen_s8 *const first = &((const smidgen_s8 *)x)[image * rows_in * columns_in * channels * (x_bits / 8U)];
        for (uint32_t position = 0U; position < (rows_out * columns_out); position++) {
            const uint32_t *next = (const uint32_t *)stream;
            for (uint32_t n = 0U; n < taps; n++) {
                const uint32_t frame = tap_frame(&window, position / columns_out, position % columns_out, n / tap_columns,
                                                 n % tap_columns);
                tap[n] = depthwise_frame(first, padding, frame, frame_size);
            }
            for (uint32_t begin = 0U; begin < channels; begin += 4U) {
                const uint32_t c = ((begin + 4U) > channels) ? (channels - 4U) : begin;
                int32_t acc[4];
                for (uint32_t i = 0U; i < 4U; i++) {
                    acc[i] = (int32_t)next[i];
                }
                next = sum_taps(first, tap, &next[4], taps, c, x_bits, pad_value, acc);
                next = finish_four(acc, next, y, to + c, y_bits, shift, zero_point);
            }
            to += channels;
        }
    }
}

#endif
