/* y[i] = f(x[i]) for i < count, float32; y may be x. Truth values are 1.0f and 0.0f.
 * Twin of POINTWISE in numerics/float32/elementwise.py. */
#ifndef SMIDGEN_POINTWISE_F32_H
#define SMIDGEN_POINTWISE_F32_H

#include "functions_f32.h"

/* MISRA C:2012 Directive 4.9 departure: one loop under many names; `value` is the element in `expression`. */
#define SMIDGEN_POINTWISE_F32(name, expression)                                                                             \
    SMIDGEN_KERNEL void name(const smidgen_f32 *x, smidgen_f32 *y, uint32_t count)                                          \
    {                                                                                                                       \
        for (uint32_t i = 0U; i < count; ++i) {                                                                             \
            const float value = x[i];                                                                                       \
            y[i] = (expression);                                                                                            \
        }                                                                                                                   \
    }

SMIDGEN_POINTWISE_F32(relu_f32, (value < 0.0f) ? 0.0f : value)
SMIDGEN_POINTWISE_F32(sigmoid_f32, smidgen_sigmoidf(value))
SMIDGEN_POINTWISE_F32(tanh_f32, smidgen_tanhf(value))
SMIDGEN_POINTWISE_F32(silu_f32, value * smidgen_sigmoidf(value))
SMIDGEN_POINTWISE_F32(gelu_f32, smidgen_geluf(value))
SMIDGEN_POINTWISE_F32(gelu_tanh_f32, smidgen_gelu_tanhf(value))
SMIDGEN_POINTWISE_F32(softplus_f32, smidgen_softplusf(value))
SMIDGEN_POINTWISE_F32(exp_f32, smidgen_expf(value))
SMIDGEN_POINTWISE_F32(neg_f32, -value)
SMIDGEN_POINTWISE_F32(expm1_f32, smidgen_expm1f(value))
SMIDGEN_POINTWISE_F32(log_f32, smidgen_logf(value))
SMIDGEN_POINTWISE_F32(log1p_f32, smidgen_log1pf(value))
SMIDGEN_POINTWISE_F32(sin_f32, smidgen_sinef(value, 0U))
SMIDGEN_POINTWISE_F32(cos_f32, smidgen_sinef(value, 1U))
SMIDGEN_POINTWISE_F32(erf_f32, smidgen_erff(value))
SMIDGEN_POINTWISE_F32(mish_f32, value * smidgen_tanhf(smidgen_softplusf(value)))
SMIDGEN_POINTWISE_F32(floor_f32, smidgen_floorf(value))
SMIDGEN_POINTWISE_F32(round_f32, smidgen_rintf(value))
SMIDGEN_POINTWISE_F32(trunc_f32, (value < 0.0f) ? -smidgen_floorf(-value) : smidgen_floorf(value))
SMIDGEN_POINTWISE_F32(sign_f32, (value > 0.0f) ? 1.0f : ((value < 0.0f) ? -1.0f : value))
SMIDGEN_POINTWISE_F32(square_f32, value * value)
SMIDGEN_POINTWISE_F32(sqrt_f32, __builtin_sqrtf(value))
SMIDGEN_POINTWISE_F32(rsqrt_f32, 1.0f / __builtin_sqrtf(value))
SMIDGEN_POINTWISE_F32(reciprocal_f32, smidgen_dividef(1.0f, value))
SMIDGEN_POINTWISE_F32(softsign_f32, smidgen_dividef(value, 1.0f + __builtin_fabsf(value)))
SMIDGEN_POINTWISE_F32(hardsigmoid_f32, smidgen_clampf(value + 3.0f, 0.0f, 6.0f) * 0.166666667f)
SMIDGEN_POINTWISE_F32(hardswish_f32, value * (smidgen_clampf(value + 3.0f, 0.0f, 6.0f) * 0.166666667f))
SMIDGEN_POINTWISE_F32(abs_f32, __builtin_fabsf(value))
SMIDGEN_POINTWISE_F32(logical_not_f32, (value == 0.0f) ? 1.0f : 0.0f)

/* The same with a second operand, `scalar`. */
#define SMIDGEN_POINTWISE_SCALAR_F32(name, expression)                                                                      \
    SMIDGEN_KERNEL void name(const smidgen_f32 *x, smidgen_f32 *y, uint32_t count, float scalar)                            \
    {                                                                                                                       \
        for (uint32_t i = 0U; i < count; ++i) {                                                                             \
            const float value = x[i];                                                                                       \
            y[i] = (expression);                                                                                            \
        }                                                                                                                   \
    }

SMIDGEN_POINTWISE_SCALAR_F32(leaky_relu_f32, (value < 0.0f) ? (value * scalar) : value)
SMIDGEN_POINTWISE_SCALAR_F32(elu_f32, (value < 0.0f) ? (smidgen_expm1f(value) * scalar) : value)
SMIDGEN_POINTWISE_SCALAR_F32(add_scalar_f32, value + scalar)
SMIDGEN_POINTWISE_SCALAR_F32(mul_scalar_f32, value * scalar)
SMIDGEN_POINTWISE_SCALAR_F32(eq_scalar_f32, (value == scalar) ? 1.0f : 0.0f)
SMIDGEN_POINTWISE_SCALAR_F32(ne_scalar_f32, (value != scalar) ? 1.0f : 0.0f)
SMIDGEN_POINTWISE_SCALAR_F32(lt_scalar_f32, (value < scalar) ? 1.0f : 0.0f)
SMIDGEN_POINTWISE_SCALAR_F32(gt_scalar_f32, (value > scalar) ? 1.0f : 0.0f)

/* x limited to [low, high], low <= high. */
SMIDGEN_KERNEL void clamp_f32(const smidgen_f32 *x, smidgen_f32 *y, uint32_t count, float low, float high)
{
    for (uint32_t i = 0U; i < count; ++i) {
        y[i] = smidgen_clampf(x[i], low, high);
    }
}

#endif
