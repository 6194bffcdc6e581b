/* y[i] = f(a[i], b[i]) for i < count, float32, shapes equal; y may be any operand.
 * Twin of BINARY and select in numerics/float32/elementwise.py. */
#ifndef SMIDGEN_ELEMENTWISE_F32_H
#define SMIDGEN_ELEMENTWISE_F32_H

#include "functions_f32.h"

SMIDGEN_KERNEL void add_f32(const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y, uint32_t count)
{
    for (uint32_t i = 0U; i < count; ++i) {
        y[i] = a[i] + b[i];
    }
}

SMIDGEN_KERNEL void sub_f32(const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y, uint32_t count)
{
    for (uint32_t i = 0U; i < count; ++i) {
        y[i] = a[i] - b[i];
    }
}

SMIDGEN_KERNEL void mul_f32(const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y, uint32_t count)
{
    for (uint32_t i = 0U; i < count; ++i) {
        y[i] = a[i] * b[i];
    }
}

SMIDGEN_KERNEL void div_f32(const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y, uint32_t count)
{
    for (uint32_t i = 0U; i < count; ++i) {
        y[i] = smidgen_dividef(a[i], b[i]);
    }
}

/* a where condition is not 0, else b. */
SMIDGEN_KERNEL void select_f32(const smidgen_f32 *condition, const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y,
                               uint32_t count)
{
    for (uint32_t i = 0U; i < count; ++i) {
        y[i] = (condition[i] != 0.0f) ? a[i] : b[i];
    }
}

#endif
