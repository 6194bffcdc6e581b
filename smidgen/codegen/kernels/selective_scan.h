/* Selective scan (Gu & Dao 2023, Algorithm 2; Dao & Gu 2024 with heads) on integers: u (steps, d), delta (steps, heads)
 * int16, B, C (steps, groups, n) int16, y (steps, d); goes on from `state`, d * n of `state_width` 32 or 16 bits, and leaves
 * the last one. With `reverse` the last step comes first.
 *   decay = 2^-(delta decay_multiplier), h = decay h + (delta u) B, y = sum_n C h + D u.
 * decay_multiplier is (told, decays): for each head, or one row for all of them, one for each state, or one for all of
 * them, to the power of 1, 2, ... with `chain`.
 * |h| is held at 2^state_bits, so that the sum over n stays below 2^31. `dither`, a word, goes with states of 16 bits.
 * Twin of numerics/scan.py. */
#ifndef SMIDGEN_SELECTIVE_SCAN_H
#define SMIDGEN_SELECTIVE_SCAN_H

#include "scan_s16.h"
#include "scan_s32.h"

/* product * multiplier * 2^(shift - 32), rounded; where that may leave +-2^30, in steps of 2^shift, and saturated. */
SMIDGEN_KERNEL int32_t scan_drive(int32_t product, int32_t multiplier, int32_t shift)
{
    if (shift > 0) {
        const int32_t limit = SMIDGEN_REQUANTIZED_MAX >> shift;
        return clamp_s32(multiply_high_rounded(product, multiplier), -limit, limit - 1) * (int32_t)((uint32_t)1U << shift);
    }
    return requantize(product, multiplier, shift);
}

/* floor(total * 2^(shift - 32) + 1/2), as far as 16 bits matter; |total| < 2^63 - 2^61. */
SMIDGEN_KERNEL int32_t scan_output(int64_t total, int32_t shift)
{
    const int64_t value = rounded_shift_s64(total, 32 - shift);
    return (shift > 0) ? clamp_s64(value, -65536, 65535) : (int32_t)value;
}

/* `channels` has for each channel the multipliers of its drive, its output and its skip. */
SMIDGEN_KERNEL void selective_scan_q(const void *u, const smidgen_s16 *delta, const smidgen_s16 *B, const smidgen_s16 *C,
                                     const int32_t *decay_multiplier, const int32_t *channels, void *y,
                                     void *state, smidgen_s32 *dither, void *scratch, uint32_t steps, uint32_t d, uint32_t heads,
                                     uint32_t groups, uint32_t n, uint32_t decays, uint32_t told, uint32_t chain, uint32_t u_bits,
                                     uint32_t y_bits, uint32_t fraction_bits, uint32_t product_shift, int32_t drive_shift,
                                     int32_t output_shift, uint32_t state_width, uint32_t state_bits, int32_t zero_point, uint32_t reverse)
{
    const uint32_t each = (decays != 1U) ? 1U : 0U;
    const uint32_t narrow = (state_width == 16U) ? 1U : 0U;
    const uint32_t stride = (narrow != 0U) ? 4U : SMIDGEN_SCAN_STRIDE(each);
    const int32_t *terms = (narrow != 0U) ? smidgen_decay_q28 : smidgen_decay_q31;
    for (uint32_t step = 0U; step < steps; step++) {
        const uint32_t t = (reverse != 0U) ? (steps - 1U - step) : step;
        uint32_t kept = 0U;
        int32_t step_delta = 0;
        scan_cursor at;
        scan_s16_cursor at_s16;
        at.state = (smidgen_s32 *)state;
        at_s16.state = (smidgen_s16 *)state;
        at_s16.offset = (narrow != 0U) ? scan_next_offset(dither) : 0;
        for (uint32_t c = 0U; c < d; c++) {
            const uint32_t group = ((t * groups) + (c / (d / groups))) * n;
            const uint32_t head = c / (d / heads);
            const int32_t *multiplier = &channels[3U * c];
            const int32_t step_u = load_q(u, (t * d) + c, u_bits);
            int32_t drive;
            int64_t total;
            if ((c % (d / groups)) == 0U) {
                if (narrow != 0U) {
                    scan_s16_inputs(&B[group], &C[group], (smidgen_u32 *)scratch, n, each);
                } else {
                    scan_inputs(&B[group], &C[group], &((smidgen_u32 *)scratch)[stride - 3U], n, stride);
                }
            }
            if ((c % (d / heads)) == 0U) {
                const int32_t *rate = &decay_multiplier[(told == 1U) ? 0U : (head * decays)];
                step_delta = delta[(t * heads) + head];
                step_delta = (step_delta > 0) ? step_delta : 0;
                if (each == 0U) {
                    kept = (uint32_t)decay_of(step_delta, rate[0], fraction_bits, terms);
                } else {
                    decays_of(step_delta, rate, (smidgen_s32 *)scratch, n, stride, fraction_bits, terms);
                }
            }
            drive = scan_drive(step_delta * step_u * (int32_t)((uint32_t)1U << product_shift), multiplier[0], drive_shift);
            if (narrow != 0U) {
                at_s16.kept = kept;
                at_s16.drive = drive;
                at.acc = scan_s16_channel(&at_s16, &B[group], &C[group], (const smidgen_u32 *)scratch, n, each, chain);
            } else {
                at.kept = kept;
                at.drive = drive;
                at.acc = (int32_t)(n / 2U);
                scan_channel(&at, &B[group], &C[group], (const smidgen_u32 *)scratch, n, each, chain, state_bits);
            }
            total = ((int64_t)at.acc * multiplier[1]) + ((int64_t)(step_u * 32768) * multiplier[2]);
            store_q(y, (t * d) + c, scan_output(total, output_shift) + zero_point, y_bits);
        }
    }
}

#endif
