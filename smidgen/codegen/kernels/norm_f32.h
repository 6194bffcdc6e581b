/* RMSNorm and LayerNorm over rows of x (rows, width), float32; gain and bias (width); y may be x.
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

/* y = (x - mean) / sqrt(mean((x - mean)^2) + eps) * gain + bias */
SMIDGEN_KERNEL void layer_norm_f32(const smidgen_f32 *x, const float *gain, const float *bias, smidgen_f32 *y, uint32_t rows,
                                   uint32_t width, float eps)
{
    const float per_element = 1.0f / (float)width;

    for (uint32_t row = 0U; row < rows; ++row) {
        const uint32_t first = row * width;
        float total = 0.0f;
        float power = 0.0f;
        float mean;
        float reciprocal_root;
        for (uint32_t i = 0U; i < width; ++i) {
            total += x[first + i];
        }
        mean = total * per_element;
        for (uint32_t i = 0U; i < width; ++i) {
            const float deviation = x[first + i] - mean;
            power += deviation * deviation;
        }
        reciprocal_root = 1.0f / __builtin_sqrtf((power * per_element) + eps);
        for (uint32_t i = 0U; i < width; ++i) {
            y[first + i] = (((x[first + i] - mean) * reciprocal_root) * gain[i]) + bias[i];
        }
    }
}

#endif
