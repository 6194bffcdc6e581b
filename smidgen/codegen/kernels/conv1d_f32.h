/* One-dimensional cross-correlation, float32: x (steps_in, channels_in), w (channels_out, channels_in / groups, taps),
 * bias (channels_out), y (steps_out, channels_out). Output step t reads the input steps
 * t * stride + tap * dilation - pad_left; those outside x are 0 and skipped, which changes no bit of a sum that starts
 * from +0. Sums run over taps, within a tap over channels, and take the bias last. Twin of numerics/float32/linear.py. */
#ifndef SMIDGEN_CONV1D_F32_H
#define SMIDGEN_CONV1D_F32_H

#include "exact_float.h"

SMIDGEN_KERNEL void conv1d_f32(const smidgen_f32 *x, const float *w, const float *bias, smidgen_f32 *y, uint32_t steps_in,
                               uint32_t channels_in, uint32_t steps_out, uint32_t channels_out, uint32_t taps,
                               uint32_t pad_left, uint32_t stride, uint32_t dilation, uint32_t groups)
{
    const uint32_t group_width = channels_in / groups;
    const uint32_t outputs_per_group = channels_out / groups;

    for (uint32_t t = 0U; t < steps_out; ++t) {
        for (uint32_t o = 0U; o < channels_out; ++o) {
            const uint32_t first_channel = (o / outputs_per_group) * group_width;
            float acc = 0.0f;
            for (uint32_t tap = 0U; tap < taps; ++tap) {
                const uint32_t padded_step = (t * stride) + (tap * dilation);
                if ((padded_step >= pad_left) && ((padded_step - pad_left) < steps_in)) {
                    const uint32_t frame = ((padded_step - pad_left) * channels_in) + first_channel;
                    for (uint32_t c = 0U; c < group_width; ++c) {
                        acc += x[frame + c] * w[(((o * group_width) + c) * taps) + tap];
                    }
                }
            }
            y[(t * channels_out) + o] = acc + bias[o];
        }
    }
}

#endif
