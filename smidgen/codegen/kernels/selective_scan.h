/* Selective scan (Gu & Dao 2023, Algorithm 2; Dao & Gu 2024 with heads) on integers: u (steps, d), delta (steps, heads)
 * int16, B, C (steps, groups, n) int16, y (steps, d); goes on from `state`, d * n words, one unit of channel c being
 * 2^state_exponent[c], and leaves the last one. With `reverse` the last step comes first.
 *   decay = 2^-(delta decay_multiplier), h = decay h + (delta u) B, y = sum_n C h + D u, each product rounded.
 * decay_multiplier is (heads, decays): one for each state, or one for all of them, to the power of 1, 2, ... with `chain`.
 * |h| is held at state_limit, so that the sum over n stays below 2^30. Twin of numerics/scan.py. */
#ifndef SMIDGEN_SELECTIVE_SCAN_H
#define SMIDGEN_SELECTIVE_SCAN_H

#include "exponential.h"

SMIDGEN_KERNEL int32_t scan_decay(int32_t delta, int32_t multiplier, int32_t shift)
{
    return exp2_negative(clamp_s32(requantize(delta, multiplier, shift), 0, SMIDGEN_EXPONENT_MAX));
}

SMIDGEN_KERNEL void selective_scan_q(const void *u, const smidgen_s16 *delta, const smidgen_s16 *B, const smidgen_s16 *C,
                                     const int32_t *decay_multiplier, const int32_t *drive_multiplier,
                                     const int32_t *output_multiplier, const int32_t *skip_multiplier, void *y,
                                     smidgen_s32 *state, uint32_t steps, uint32_t d, uint32_t heads, uint32_t groups,
                                     uint32_t n, uint32_t decays, uint32_t chain, uint32_t u_bits, uint32_t y_bits,
                                     int32_t decay_shift, int32_t drive_shift, int32_t output_shift, int32_t state_limit,
                                     int32_t zero_point, uint32_t reverse)
{
    for (uint32_t step = 0U; step < steps; step++) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        int32_t first = 0;
        for (uint32_t c = 0U; c < d; c++) {
            const uint32_t head = c / (d / heads);
            const uint32_t group = (t * groups) + (c / (d / groups));
            const int32_t step_u = load_q(u, (t * d) + c, u_bits);
            const int32_t step_delta = (delta[(t * heads) + head] > 0) ? delta[(t * heads) + head] : 0;
            const int64_t wide_drive = (int64_t)(step_delta * step_u) * drive_multiplier[c];
            const int32_t drive = clamp_s64(rounded_shift_s64(wide_drive, 32 - drive_shift), -INT32_MAX, INT32_MAX);
            int32_t acc = 0;
            if ((decays == 1U) && ((c % (d / heads)) == 0U)) {
                first = scan_decay(step_delta, decay_multiplier[head], decay_shift);
            }
            int32_t decay = first;
            for (uint32_t k = 0U; k < n; k++) {
                const uint32_t i = (c * n) + k;
                if (decays != 1U) {
                    decay = scan_decay(step_delta, decay_multiplier[(head * n) + k], decay_shift);
                } else if ((chain != 0U) && (k > 0U)) {
                    decay = (int32_t)rounded_shift_s64((int64_t)decay * first, 31);
                } else {
                    /* All states of a head share its decay; the first of a chain is the decay itself. */
                }
                const int32_t kept = multiply_high_rounded(state[i] * 2, decay);
                const int32_t added = multiply_high_rounded(drive, (int32_t)B[(group * n) + k] * 65536);
                const int32_t h = clamp_s32(kept + added, -state_limit, state_limit);
                state[i] = h;
                acc += multiply_high_rounded(h, (int32_t)C[(group * n) + k] * 65536);
            }
            const int64_t total =
                ((int64_t)acc * output_multiplier[c]) + ((int64_t)(step_u * 32768) * skip_multiplier[c]);
            const int64_t value = rounded_shift_s64(total, 32 - output_shift) + zero_point;
            store_q(y, (t * d) + c, clamp_s64(value, -32768, 32767), y_bits);
        }
    }
}

#endif
