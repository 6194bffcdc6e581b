/* One-dimensional convolution on integers, channels last: x (steps_in, channels_in), weight (out, channels_in / groups,
 * taps) int8, y (steps_out, channels_out). Frames before the start or after the end read as the input's zero point.
 * Twin of numerics/linear.py. */
#ifndef SMIDGEN_CONV1D_H
#define SMIDGEN_CONV1D_H

#include "fixed_point.h"

SMIDGEN_KERNEL void conv1d_q(const void *x, const int8_t *weight, const int32_t *bias, const int32_t *multiplier, void *y,
                             uint32_t steps_in, uint32_t channels_in, uint32_t steps_out, uint32_t channels_out,
                             uint32_t taps, uint32_t pad_left, uint32_t stride, uint32_t dilation, uint32_t groups,
                             uint32_t x_bits, uint32_t y_bits, int32_t pad_value, int32_t shift, int32_t zero_point)
{
    const uint32_t group_in = channels_in / groups;
    const uint32_t group_out = channels_out / groups;

    for (uint32_t t = 0U; t < steps_out; t++) {
        for (uint32_t o = 0U; o < channels_out; o++) {
            const uint32_t first_channel = (o / group_out) * group_in;
            int32_t acc = bias[o];
            for (uint32_t j = 0U; j < taps; j++) {
                const uint32_t padded_step = (t * stride) + (j * dilation);
                const uint32_t step = padded_step - pad_left; /* wraps to a large number before the start */
                for (uint32_t c = 0U; c < group_in; c++) {
                    const int32_t value =
                        (step < steps_in) ? load_q(x, (step * channels_in) + first_channel + c, x_bits) : pad_value;
                    acc += (int32_t)weight[(((o * group_in) + c) * taps) + j] * value;
                }
            }
            store_q(y, (t * channels_out) + o, requantize(acc, multiplier[o], shift) + zero_point, y_bits);
        }
    }
}

#endif
