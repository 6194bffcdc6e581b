/* Rounded fixed-point products. Twin of numerics/fixed_point.py, bit for bit.
 * MISRA C:2012 10.1 departure: signed >> must be arithmetic, which the array size proves at compile time. */
#ifndef SMIDGEN_FIXED_POINT_H
#define SMIDGEN_FIXED_POINT_H

#include "memory.h"

typedef char smidgen_signed_shift_is_arithmetic[((-1 >> 1) == -1) ? 1 : -1];

#define SMIDGEN_REQUANTIZED_MAX ((int32_t)1 << 30)

SMIDGEN_KERNEL int32_t clamp_s32(int32_t value, int32_t low, int32_t high)
{
    return (value < low) ? low : ((value > high) ? high : value);
}

SMIDGEN_KERNEL int32_t clamp_s64(int64_t value, int32_t low, int32_t high)
{
    return (value < (int64_t)low) ? low : ((value > (int64_t)high) ? high : (int32_t)value);
}

/* floor(value / 2^shift + 1/2) for shift in [0, 62]. */
SMIDGEN_KERNEL int64_t rounded_shift_s64(int64_t value, int32_t shift)
{
    return (shift > 0) ? ((value + ((int64_t)1 << (shift - 1))) >> shift) : value;
}

SMIDGEN_KERNEL int32_t rounded_shift_s32(int32_t value, int32_t shift)
{
    return (shift > 0) ? ((value + ((int32_t)1 << (shift - 1))) >> shift) : value;
}

/* floor(a * b / 2^32 + 1/2): one SMMULR on cores with the DSP extension. */
SMIDGEN_KERNEL int32_t multiply_high_rounded(int32_t a, int32_t b)
{
    return (int32_t)((((int64_t)a * b) + ((int64_t)1 << 31)) >> 32);
}

/* floor(a * b / 2^16) for an int16 b: one SMULWB on cores with the DSP extension, else two products of 32 bits. */
SMIDGEN_KERNEL int32_t multiply_s16_high(int32_t a, int32_t b)
{
#if defined(__ARM_FEATURE_DSP)
    return (int32_t)(((int64_t)a * b) >> 16);
#else
    return ((a >> 16) * b) + (((int32_t)((uint32_t)a & 0xFFFFU) * b) >> 16);
#endif
}

/* floor(acc * multiplier * 2^(shift - 32) + 1/2), saturated to +-2^30; multiplier >= 0, shift a constant in [-30, 31]. */
SMIDGEN_KERNEL int32_t requantize(int32_t acc, int32_t multiplier, int32_t shift)
{
    if (shift == 0) {
        return multiply_high_rounded(acc, multiplier); /* below 2^30 by itself */
    }
    return clamp_s64(rounded_shift_s64((int64_t)acc * multiplier, 32 - shift), -SMIDGEN_REQUANTIZED_MAX,
                     SMIDGEN_REQUANTIZED_MAX);
}

#endif
