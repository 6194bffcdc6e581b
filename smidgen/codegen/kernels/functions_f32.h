/* exp, log, tanh, sin and the functions made of them, in float32 without libm; exact division.
 * Twin of numerics/float32/functions.py: the same operations in the same order, so the same bytes on every core when
 * compiled with -ffp-contract=off. Error bounds and the source of the coefficients are stated there.
 * No float is ever converted to an integer, so that any input is defined: a NaN comes out as a NaN. */
#ifndef SMIDGEN_FUNCTIONS_F32_H
#define SMIDGEN_FUNCTIONS_F32_H

#include "exact_float.h"

/* MISRA C:2012 19.2 departure: C99 defines reading another member as reinterpreting the bytes. */
typedef union {
    float value;
    uint32_t bits;
} smidgen_float_bits;

/* 2^(biased_exponent - 127) for 1 to 254. */
SMIDGEN_KERNEL float power_of_two(uint32_t biased_exponent)
{
    smidgen_float_bits power;
    power.bits = biased_exponent << 23;
    return power.value;
}

SMIDGEN_KERNEL float smidgen_clampf(float x, float low, float high)
{
    return (x < low) ? low : ((x > high) ? high : x);
}

/* e^x = 2^n e^r, x = n ln 2 + r, |r| <= ln(2) / 2; adding 1.5 * 2^23 rounds to n and leaves n in the low bits. */
SMIDGEN_KERNEL float smidgen_expf(float x)
{
    const float rounder = 12582912.0f;
    smidgen_float_bits rounded;
    float n;
    float r;
    float power;
    uint32_t biased;
    uint32_t first;

    x = (x < -104.0f) ? -104.0f : x;
    x = (x > 89.0f) ? 89.0f : x;
    rounded.value = (x * 1.44269504f) + rounder;
    n = rounded.value - rounder;
    r = (x - (n * 0.693359375f)) - (n * -2.12194440e-4f);
    power = (r * 1.38145487e-3f) + 8.36874545e-3f;
    power = (power * r) + 4.1668389e-2f;
    power = (power * r) + 1.66665211e-1f;
    power = (power * r) + 4.9999994e-1f;
    power = ((power * (r * r)) + r) + 1.0f;
    biased = rounded.bits - (0x4B400000U - 254U); /* n + 2 * 127, in two factors so that only the last product rounds */
    first = biased >> 1;
    return (power * power_of_two(first)) * power_of_two(biased - first);
}

/* e^x - 1: where no power of two is taken out, the polynomial without its 1 keeps the precision of small results. */
SMIDGEN_KERNEL float smidgen_expm1f(float x)
{
    float p = (x * 1.38145487e-3f) + 8.36874545e-3f;
    p = (p * x) + 4.1668389e-2f;
    p = (p * x) + 1.66665211e-1f;
    p = (p * x) + 4.9999994e-1f;
    return (__builtin_fabsf(x) < 0.34657359f) ? ((p * (x * x)) + x) : (smidgen_expf(x) - 1.0f);
}

/* ln(1 + x) for x in [sqrt(1/2) - 1, 1]. The reciprocal is normal where x / (x + 2) may be subnormal, see smidgen_dividef. */
SMIDGEN_KERNEL float smidgen_log1p_nearf(float x)
{
    const float s = x * (1.0f / (x + 2.0f));
    const float z = s * s;
    float p = (z * 2.80251563e-1f) + 2.79990107e-1f;
    p = (p * z) + 4.00217056e-1f;
    p = (p * z) + 6.66664124e-1f;
    return (s + s) + ((s * z) * p);
}

/* ln x: x = m 2^e with m in [sqrt(1/2), sqrt(2)); 0 gives -infinity, less than 0 a NaN. */
SMIDGEN_KERNEL float smidgen_logf(float x)
{
    const float normal = (x < 1.17549435e-38f) ? (x * 8388608.0f) : x;
    smidgen_float_bits mantissa;
    smidgen_float_bits exponent;
    uint32_t raised;
    float result;

    mantissa.value = normal;
    raised = mantissa.bits + (0x3F800000U - 0x3F3504F3U); /* carries into the exponent from sqrt(2) on */
    mantissa.bits = (raised & 0x007FFFFFU) + 0x3F3504F3U;
    exponent.bits = 0x4B400000U + (raised >> 23); /* 1.5 * 2^23 + e + 127 as a float */
    exponent.value = (exponent.value - 12583039.0f) - ((x < 1.17549435e-38f) ? 23.0f : 0.0f);
    result = smidgen_log1p_nearf(mantissa.value - 1.0f) + (exponent.value * -2.12194440e-4f);
    result = result + (exponent.value * 0.693359375f);
    if (x > 3.40282347e38f) {
        return x; /* infinity */
    }
    return (x > 0.0f) ? result : ((x == 0.0f) ? -__builtin_inff() : __builtin_nanf(""));
}

/* ln(1 + x) for every x above -1. */
SMIDGEN_KERNEL float smidgen_log1pf(float x)
{
    return ((x > -0.29289321f) && (x < 0.41421356f)) ? smidgen_log1p_nearf(x) : smidgen_logf(x + 1.0f);
}

/* The nearest whole number, halves to even; from 2^23 on every float is whole. */
SMIDGEN_KERNEL float smidgen_rintf(float x)
{
    const float magnitude = __builtin_fabsf(x);
    const float whole = (magnitude + 8388608.0f) - 8388608.0f;
    return (magnitude < 8388608.0f) ? ((x < 0.0f) ? -whole : whole) : x;
}

SMIDGEN_KERNEL float smidgen_floorf(float x)
{
    const float whole = smidgen_rintf(x);
    return (whole > x) ? (whole - 1.0f) : whole;
}

/* sin(x + quarter_turns pi / 2) for |x| up to 8192: x = n pi / 2 + r, then a polynomial in r by the quadrant. */
SMIDGEN_KERNEL float smidgen_sinef(float x, uint32_t quarter_turns)
{
    const float rounder = 12582912.0f;
    smidgen_float_bits rounded;
    float n;
    float r;
    float z;
    float sine;
    float cosine;
    uint32_t quadrant;

    rounded.value = (x * 0.636619772f) + rounder;
    n = rounded.value - rounder;
    r = ((x - (n * 1.5703125f)) - (n * 4.83751297e-4f)) - (n * 7.54953362e-8f);
    r = r - (n * 2.56334407e-12f);
    quadrant = (rounded.bits + quarter_turns) & 3U;
    z = r * r;
    sine = (z * -1.95152959e-4f) + 8.33216087e-3f;
    sine = (sine * z) + -1.66666546e-1f;
    sine = r + ((r * z) * sine);
    cosine = (z * 2.44331571e-5f) + -1.38873162e-3f;
    cosine = (cosine * z) + 4.16666456e-2f;
    cosine = (1.0f - (z * 0.5f)) + ((z * z) * cosine);
    sine = ((quadrant & 1U) != 0U) ? cosine : sine;
    return ((quadrant & 2U) != 0U) ? -sine : sine;
}

SMIDGEN_KERNEL float smidgen_tanhf(float x)
{
    const float magnitude = __builtin_fabsf(x);
    float beyond;

    if (magnitude < 0.625f) {
        const float z = x * x;
        float p = (z * -5.70497988e-3f) + 2.06390806e-2f;
        p = (p * z) + -5.37397116e-2f;
        p = (p * z) + 1.33314416e-1f;
        p = (p * z) + -3.33332807e-1f;
        return x + ((x * z) * p);
    }
    beyond = 1.0f - (2.0f / (smidgen_expf(magnitude + magnitude) + 1.0f));
    return (x < 0.0f) ? -beyond : beyond;
}

SMIDGEN_KERNEL float smidgen_sigmoidf(float x)
{
    const float small = smidgen_expf(-__builtin_fabsf(x));
    const float share = 1.0f / (small + 1.0f);
    return (x < 0.0f) ? (small * share) : share;
}

SMIDGEN_KERNEL float smidgen_softplusf(float x)
{
    return ((x < 0.0f) ? 0.0f : x) + smidgen_log1p_nearf(smidgen_expf(-__builtin_fabsf(x)));
}

/* Probability that a standard normal exceeds x >= 0. */
SMIDGEN_KERNEL float smidgen_normal_tailf(float x)
{
    const float t = 1.0f / ((x * 0.32f) + 1.0f);
    float p = (t * 4.63056192e-2f) + -2.4344781e-1f;
    p = (p * t) + 4.13665622e-1f;
    p = (p * t) + -1.71962023e-1f;
    p = (p * t) + 2.21815363e-1f;
    p = (p * t) + 1.03693135e-1f;
    p = (p * t) + 1.29930109e-1f;
    return smidgen_expf((x * x) * -0.5f) * (t * p);
}

/* erf(x): a Taylor polynomial near 0, where the tail would cancel. */
SMIDGEN_KERNEL float smidgen_erff(float x)
{
    const float magnitude = __builtin_fabsf(x);
    float beyond;

    if (magnitude < 0.5f) {
        const float z = x * x;
        float p = (z * 1.20553329e-4f) + -8.54832727e-4f;
        p = (p * z) + 5.22397762e-3f;
        p = (p * z) + -2.68661706e-2f;
        p = (p * z) + 1.12837917e-1f;
        p = (p * z) + -3.76126389e-1f;
        return (x * 1.12837917f) + ((x * z) * p);
    }
    beyond = 1.0f - (2.0f * smidgen_normal_tailf(magnitude * 1.41421356f));
    return (x < 0.0f) ? -beyond : beyond;
}

SMIDGEN_KERNEL float smidgen_geluf(float x)
{
    const float tail = smidgen_normal_tailf(__builtin_fabsf(x));
    return x * ((x < 0.0f) ? tail : (1.0f - tail));
}

SMIDGEN_KERNEL float smidgen_gelu_tanhf(float x)
{
    const float cube = x * (x * x);
    return x * smidgen_sigmoidf((x + (cube * 0.044715f)) * 1.59576912f);
}

/* Correct a quotient a / b that a software division cut off instead of rounding, which compiler-rt's does where the
 * result is subnormal: the quotient found, or the next one away from zero, is right. |a| is compared with |b| times the
 * midpoint of the two; significands are integers below 2^24, so all is exact. A rounded quotient is left as it is. */
SMIDGEN_KERNEL float round_subnormal_quotient(float a, float b, float found)
{
    smidgen_float_bits numerator;
    smidgen_float_bits denominator;
    smidgen_float_bits quotient;
    uint32_t numerator_exponent;
    uint32_t denominator_exponent;
    uint32_t numerator_significand;

    numerator.value = __builtin_fabsf(a);
    denominator.value = __builtin_fabsf(b);
    quotient.value = found;
    numerator_exponent = numerator.bits >> 23;
    denominator_exponent = denominator.bits >> 23;
    /* With a subnormal or zero b no quotient is subnormal; an infinite b, or a = 0, gives an exact 0. */
    if (((quotient.bits & 0x7F800000U) != 0U) || (numerator.bits == 0U) || (denominator_exponent == 0xFFU)) {
        return found;
    }
    numerator_significand = numerator.bits & 0x007FFFFFU;
    if (numerator_exponent == 0U) {
        numerator_exponent = 1U;
    } else {
        numerator_significand |= 0x00800000U;
    }
    /* |a| > |b| * midpoint  where  numerator << (numerator_exponent + 150 - denominator_exponent) > denominator * (2 q + 1);
     * the right side is at least 2^23, which a negative shift leaves out of reach. */
    if ((numerator_exponent + 150U) >= denominator_exponent) {
        const uint32_t steps = quotient.bits & 0x007FFFFFU;
        const uint32_t denominator_significand = (denominator.bits & 0x007FFFFFU) | 0x00800000U;
        const uint64_t middle = (uint64_t)denominator_significand * ((2U * steps) + 1U);
        const uint64_t reached = (uint64_t)numerator_significand << (numerator_exponent + 150U - denominator_exponent);
        if ((reached > middle) || ((reached == middle) && ((steps & 1U) != 0U))) {
            quotient.bits += 1U;
        }
    }
    return quotient.value;
}

/* a / b as IEEE 754 rounds it, on cores without a floating-point unit too. */
SMIDGEN_KERNEL float smidgen_dividef(float a, float b)
{
#if (defined(__arm__) && !defined(__ARM_FP)) || (defined(__riscv) && !defined(__riscv_flen))
    return round_subnormal_quotient(a, b, a / b);
#else
    return a / b;
#endif
}

#endif
