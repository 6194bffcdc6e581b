/* Softmax and log-softmax of rows, float32, x and y (rows, width); y may be x. Exponentials of the distances from the
 * largest, their sum in order from +0, one division or one logarithm a row. Twin of numerics/float32/softmax.py. */
#ifndef SMIDGEN_SOFTMAX_F32_H
#define SMIDGEN_SOFTMAX_F32_H

#include "functions_f32.h"

/* `seen` (seen_rows, width) serves seen_rows rows in turn and is 0 where an element does not count; NULL: all do. A row of
 * which nothing is seen is 0. */
SMIDGEN_KERNEL void softmax_f32(const smidgen_f32 *x, const smidgen_f32 *seen, smidgen_f32 *y, uint32_t rows,
                                uint32_t width, uint32_t seen_rows)
{
    for (uint32_t row = 0U; row < rows; ++row) {
        const uint32_t first = row * width;
        const smidgen_f32 *const shown = (seen == NULL) ? NULL : &seen[(row % seen_rows) * width];
        uint32_t count = 0U;
        float largest = 0.0f;
        float total = 0.0f;
        float inverse;
        for (uint32_t i = 0U; i < width; ++i) {
            if ((shown == NULL) || (shown[i] != 0.0f)) {
                largest = ((count == 0U) || (x[first + i] > largest)) ? x[first + i] : largest;
                count++;
            }
        }
        for (uint32_t i = 0U; i < width; ++i) {
            const float weight =
                ((shown == NULL) || (shown[i] != 0.0f)) ? smidgen_expf(x[first + i] - largest) : 0.0f;
            y[first + i] = weight;
            total += weight;
        }
        inverse = (count != 0U) ? (1.0f / total) : 0.0f;
        for (uint32_t i = 0U; i < width; ++i) {
            y[first + i] *= inverse;
        }
    }
}

SMIDGEN_KERNEL void log_softmax_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t rows, uint32_t width)
{
    for (uint32_t row = 0U; row < rows; ++row) {
        const uint32_t first = row * width;
        float largest = x[first];
        float total = 0.0f;
        float log_total;
        for (uint32_t i = 1U; i < width; ++i) {
            largest = (x[first + i] > largest) ? x[first + i] : largest;
        }
        for (uint32_t i = 0U; i < width; ++i) {
            total += smidgen_expf(x[first + i] - largest);
        }
        log_total = smidgen_logf(total);
        for (uint32_t i = 0U; i < width; ++i) {
            y[first + i] = (x[first + i] - largest) - log_total;
        }
    }
}

#endif
