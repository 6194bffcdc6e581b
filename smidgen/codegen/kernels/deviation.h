/* Deviations of integers from their mean, or from 0, in 25 bits, and the sum of their squares: `runs` runs of `width`
 * elements that begin `stride` elements apart. Twin of numerics/deviation.py. */
#ifndef SMIDGEN_DEVIATION_H
#define SMIDGEN_DEVIATION_H

#include "roots.h"

typedef struct {
    const void *x;
    uint32_t bits;
    uint32_t runs;
    uint32_t stride;
    uint32_t width;
    int32_t zero;
    int32_t fraction_bits;
    int32_t mean; /* of the elements, in the units of their deviations */
} smidgen_deviations;

SMIDGEN_KERNEL int32_t deviation_at(const smidgen_deviations *of, uint32_t i)
{
    return ((load_q(of->x, i, of->bits) - of->zero) * (1 << of->fraction_bits)) - of->mean;
}

/* Take the mean of the elements from `first` on out of their deviations; multiplier 0 leaves it in. */
SMIDGEN_KERNEL void center_deviations(smidgen_deviations *of, uint32_t first, int32_t multiplier, int32_t shift)
{
    int32_t total = 0;

    of->mean = 0;
    if (multiplier != 0) {
        for (uint32_t run = 0U; run < of->runs; run++) {
            SMIDGEN_ROLLED
            for (uint32_t i = 0U; i < of->width; i++) {
                total += load_q(of->x, first + (run * of->stride) + i, of->bits) - of->zero;
            }
        }
        of->mean = (int32_t)rounded_shift_s64((int64_t)total * multiplier, 32 - shift);
    }
}

/* The sum of squared deviations of the elements from `first` on, below 2^62 as the generator has proved. */
SMIDGEN_KERNEL int64_t power_of_deviations(const smidgen_deviations *of, uint32_t first)
{
    int64_t power = 0;

    for (uint32_t run = 0U; run < of->runs; run++) {
        SMIDGEN_ROLLED
        for (uint32_t i = 0U; i < of->width; i++) {
            const int32_t d = deviation_at(of, first + (run * of->stride) + i);
            power += (int64_t)d * d;
        }
    }
    return power;
}

#endif
