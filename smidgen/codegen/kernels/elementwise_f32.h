/* y = f(a, b), float32, shapes broadcast (walk.h); y may be the first operand where that has the result's shape.
 * Twin of BINARY and select in numerics/float32/elementwise.py. */
#ifndef SMIDGEN_ELEMENTWISE_F32_H
#define SMIDGEN_ELEMENTWISE_F32_H

#include "functions_f32.h"
#include "walk.h"

/* MISRA C:2012 Directive 4.9 departure: one walk under many names; `left` and `right` are the elements in `expression`. */
#define SMIDGEN_BINARY_F32(name, expression)                                                                                \
    SMIDGEN_KERNEL void name(const smidgen_f32 *a, const smidgen_f32 *b, smidgen_f32 *y, uint32_t ni, uint32_t nj,          \
                             uint32_t nk, uint32_t nl, uint32_t ai, uint32_t aj, uint32_t ak, uint32_t al, uint32_t bi,     \
                             uint32_t bj, uint32_t bk, uint32_t bl)                                                         \
    {                                                                                                                       \
        SMIDGEN_WALK_PAIRS(const float left = a[p]; const float right = b[q]; y[to] = (expression))                         \
    }

SMIDGEN_BINARY_F32(add_f32, left + right)
SMIDGEN_BINARY_F32(sub_f32, left - right)
SMIDGEN_BINARY_F32(mul_f32, left * right)
SMIDGEN_BINARY_F32(div_f32, smidgen_dividef(left, right))
SMIDGEN_BINARY_F32(maximum_f32, (left > right) ? left : right)
SMIDGEN_BINARY_F32(minimum_f32, (left < right) ? left : right)

/* b where a is not 0, else c. */
SMIDGEN_KERNEL void select_f32(const smidgen_f32 *a, const smidgen_f32 *b, const smidgen_f32 *c, smidgen_f32 *y,
                               uint32_t ni, uint32_t nj, uint32_t nk, uint32_t nl, uint32_t ai, uint32_t aj, uint32_t ak,
                               uint32_t al, uint32_t bi, uint32_t bj, uint32_t bk, uint32_t bl, uint32_t ci, uint32_t cj,
                               uint32_t ck, uint32_t cl)
{
    SMIDGEN_WALK_TRIPLES(y[to] = (a[p] != 0.0f) ? b[q] : c[r])
}

#endif
