/* Second moments of rows about their mean or about 0, or the roots of them, float32: x (rows, width), y (rows). The mean is
 * the sum times the rounded 1 / width, sums start from +0 and run in order, one division each.
 * Twin of numerics/float32/moment.py. */
#ifndef SMIDGEN_MOMENT_F32_H
#define SMIDGEN_MOMENT_F32_H

#include "functions_f32.h"

SMIDGEN_KERNEL void second_moment_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t rows, uint32_t width,
                                      uint32_t centred, uint32_t root, float divisor)
{
    const float per_element = 1.0f / (float)width;

    for (uint32_t row = 0U; row < rows; ++row) {
        const uint32_t first = row * width;
        float mean = 0.0f;
        float power = 0.0f;
        if (centred != 0U) {
            float total = 0.0f;
            for (uint32_t i = 0U; i < width; ++i) {
                total += x[first + i];
            }
            mean = total * per_element;
        }
        for (uint32_t i = 0U; i < width; ++i) {
            const float deviation = x[first + i] - mean;
            power += deviation * deviation;
        }
        power = smidgen_dividef(power, divisor);
        y[row] = (root != 0U) ? __builtin_sqrtf(power) : power;
    }
}

#endif
