/* Selective scan, float32: u, y (steps, d), delta (steps, heads), B, C (steps, groups, n), A (heads, decays) with one rate
 * for each state or one for all, D (d); goes on from `state`, d * n floats, and leaves the last one. With `reverse` the
 * last step comes first.
 *     h = exp(delta A) h + (delta u) B,    y = sum over n of C h + D u
 * The sum starts from +0, runs over n in order and takes D u last. Twin of numerics/float32/scan.py. */
#ifndef SMIDGEN_SELECTIVE_SCAN_F32_H
#define SMIDGEN_SELECTIVE_SCAN_F32_H

#include "functions_f32.h"

SMIDGEN_KERNEL void selective_scan_f32(const smidgen_f32 *u, const smidgen_f32 *delta, const smidgen_f32 *B,
                                       const smidgen_f32 *C, const float *A, const float *D, smidgen_f32 *y,
                                       smidgen_f32 *state, uint32_t steps, uint32_t d, uint32_t heads, uint32_t groups,
                                       uint32_t n, uint32_t decays, uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; ++step) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        float decay = 0.0f;
        for (uint32_t channel = 0U; channel < d; ++channel) {
            const uint32_t head = channel / (d / heads);
            const uint32_t group = (t * groups) + (channel / (d / groups));
            const float step_delta = delta[(t * heads) + head];
            const float step_u = u[(t * d) + channel];
            const float drive = step_delta * step_u;
            float acc = 0.0f;
            if ((decays == 1U) && ((channel % (d / heads)) == 0U)) {
                decay = smidgen_expf(step_delta * A[head]);
            }
            for (uint32_t i = 0U; i < n; ++i) {
                const uint32_t at = (channel * n) + i;
                if (decays != 1U) {
                    decay = smidgen_expf(step_delta * A[(head * n) + i]);
                }
                const float h = (decay * state[at]) + (drive * B[(group * n) + i]);
                state[at] = h;
                acc += h * C[(group * n) + i];
            }
            y[(t * d) + channel] = acc + (D[channel] * step_u);
        }
    }
}

#endif
