/* RMSNorm, LayerNorm and GroupNorm, float32; y may be x.
 * Sums start from +0 and run in order; means are sums times the rounded 1 / width. Twin of numerics/float32/norm.py. */
#ifndef SMIDGEN_NORM_F32_H
#define SMIDGEN_NORM_F32_H

#include "exact_float.h"

/* y = x / sqrt(mean(x^2) + eps) * gain */
SMIDGEN_KERNEL void rms_norm_f32(const smidgen_f32 *x, const float *gain, smidgen_f32 *y, uint32_t rows, uint32_t width,
                                 float eps)
{
    const float per_element = 1.0f / (float)width;

    for (uint32_t row = 0U; row < rows; ++row) {
        const uint32_t first = row * width;
        float power = 0.0f;
        float reciprocal_root;
        for (uint32_t i = 0U; i < width; ++i) {
            power += x[first + i] * x[first + i];
        }
        reciprocal_root = 1.0f / __builtin_sqrtf((power * per_element) + eps);
        for (uint32_t i = 0U; i < width; ++i) {
            y[first + i] = (x[first + i] * reciprocal_root) * gain[i];
        }
    }
}

/* y = (x - mean) / sqrt(mean((x - mean)^2) + eps) * gain + bias, over the elements of each instance and group of x
 * (instances, spatial, groups, width); gain and bias (groups, width). Rows are instances of one group, spatial 1. */
SMIDGEN_KERNEL void layer_norm_f32(const smidgen_f32 *x, const float *gain, const float *bias, smidgen_f32 *y,
                                   uint32_t instances, uint32_t spatial, uint32_t groups, uint32_t width, float eps)
{
    const float per_element = 1.0f / (float)(spatial * width);
    const uint32_t stride = groups * width;

    for (uint32_t part = 0U; part < (instances * groups); ++part) {
        const uint32_t group = part % groups;
        const uint32_t first = (((part / groups) * spatial * groups) + group) * width;
        float total = 0.0f;
        float power = 0.0f;
        float mean;
        float reciprocal_root;
        for (uint32_t run = 0U; run < spatial; ++run) {
            for (uint32_t i = 0U; i < width; ++i) {
                total += x[first + (run * stride) + i];
            }
        }
        mean = total * per_element;
        for (uint32_t run = 0U; run < spatial; ++run) {
            for (uint32_t i = 0U; i < width; ++i) {
                const float deviation = x[first + (run * stride) + i] - mean;
                power += deviation * deviation;
            }
        }
        reciprocal_root = 1.0f / __builtin_sqrtf((power * per_element) + eps);
        for (uint32_t run = 0U; run < spatial; ++run) {
            for (uint32_t i = 0U; i < width; ++i) {
                const uint32_t at = first + (run * stride) + i;
                const uint32_t channel = (group * width) + i;
                y[at] = (((x[at] - mean) * reciprocal_root) * gain[channel]) + bias[channel];
            }
        }
    }
}

#endif
