/* Reciprocal and reciprocal square root of positive integers by Newton's method. Twin of numerics/exponential.py. */
#ifndef SMIDGEN_ROOTS_H
#define SMIDGEN_ROOTS_H

#include "fixed_point.h"

/* A positive real number mantissa * 2^-exponent. */
typedef struct {
    int32_t mantissa;
    int32_t exponent;
} smidgen_scaled;

/* Number of significant bits, 0 for 0. */
SMIDGEN_KERNEL int32_t bit_length_u64(uint64_t value)
{
    return (value == 0U) ? 0 : (64 - __builtin_clzll(value));
}

SMIDGEN_KERNEL uint32_t multiply_high_u32(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* 1 / value for 0 < value < 2^62, mantissa in [2^30, 2^31); relative error below 2^-28. */
SMIDGEN_KERNEL smidgen_scaled reciprocal(uint64_t value)
{
    smidgen_scaled result;
    const int32_t size = bit_length_u64(value);
    const uint32_t a = (uint32_t)((size > 32) ? (value >> (size - 32)) : (value << (32 - size))); /* Q32 in [0.5, 1) */
    uint32_t y = 3031741620U - multiply_high_u32(2021161080U, a);                               /* Q30: 48/17 - 32/17 a */
    for (uint32_t i = 0U; i < 3U; i++) {
        y = (uint32_t)(((uint64_t)y * ((2U << 30) - multiply_high_u32(a, y))) >> 30); /* y (2 - a y) */
    }
    result.mantissa = (y > 0x7FFFFFFFU) ? 0x7FFFFFFF : (int32_t)y;
    result.exponent = size + 30;
    return result;
}

/* 1 / sqrt(value) for 0 < value < 2^62, mantissa in [2^30, 2^31); relative error below 2^-27. */
SMIDGEN_KERNEL smidgen_scaled reciprocal_sqrt(uint64_t value)
{
    smidgen_scaled result;
    const int32_t half = (bit_length_u64(value) + 1) >> 1; /* value = a 4^half with a in [0.25, 1) */
    const int32_t shift = 32 - (2 * half);
    const uint32_t a = (uint32_t)((shift >= 0) ? (value << shift) : (value >> -shift)); /* Q32 */
    uint32_t y = 2425393296U - multiply_high_u32(1395864371U, a);                       /* Q30: 2.2588 - 1.3 a */
    for (uint32_t i = 0U; i < 4U; i++) {
        const uint32_t square = multiply_high_u32(y, y); /* Q28, and so is the next product */
        y = (uint32_t)(((uint64_t)y * ((3U << 28) - multiply_high_u32(a, square))) >> 29);
    }
    result.mantissa = (y > 0x7FFFFFFFU) ? 0x7FFFFFFF : (int32_t)y;
    result.exponent = half + 30;
    return result;
}

#endif
