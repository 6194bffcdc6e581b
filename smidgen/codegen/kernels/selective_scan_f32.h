/* Selective scan, float32: u, delta, y (steps, d), B, C (steps, n), A (d, n), D (d); goes on from `state`, d * n floats,
 * and leaves the last one. With `reverse` the last step comes first.
 *     h = exp(delta A) h + (delta u) B,    y = sum over n of C h + D u
 * The sum starts from +0, runs over n in order and takes D u last. Twin of numerics/float32/scan.py. */
#ifndef SMIDGEN_SELECTIVE_SCAN_F32_H
#define SMIDGEN_SELECTIVE_SCAN_F32_H

#include "functions_f32.h"

SMIDGEN_KERNEL void selective_scan_f32(const smidgen_f32 *u, const smidgen_f32 *delta, const smidgen_f32 *B,
                                       const smidgen_f32 *C, const float *A, const float *D, smidgen_f32 *y,
                                       smidgen_f32 *state, uint32_t steps, uint32_t d, uint32_t n, uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; ++step) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        for (uint32_t channel = 0U; channel < d; ++channel) {
            const float step_delta = delta[(t * d) + channel];
            const float step_u = u[(t * d) + channel];
            const float drive = step_delta * step_u;
            float acc = 0.0f;
            for (uint32_t i = 0U; i < n; ++i) {
                const uint32_t at = (channel * n) + i;
                const float h = (smidgen_expf(step_delta * A[at]) * state[at]) + (drive * B[(t * n) + i]);
                state[at] = h;
                acc += h * C[(t * n) + i];
            }
            y[(t * d) + channel] = acc + (D[channel] * step_u);
        }
    }
}

#endif
