/* y = x w^T + bias, float32: x (rows, in_width), w (out_width, in_width), bias (out_width), y (rows, out_width).
 * Each sum starts from +0, runs over k = 0, 1, ... and takes the bias last. Twin of numerics/float32/linear.py. */
#ifndef SMIDGEN_LINEAR_F32_H
#define SMIDGEN_LINEAR_F32_H

#include "exact_float.h"

SMIDGEN_KERNEL float dot_f32(const smidgen_f32 *x, const float *w, float acc, uint32_t count)
{
    for (uint32_t k = 0U; k < count; ++k) {
        acc += x[k] * w[k];
    }
    return acc;
}

#if defined(__ARM_FP) && defined(__thumb2__) && !defined(__SOFTFP__)

/* Inline assembly, alone in its function (MISRA C:2012 Dir 4.3): compilers load one by one. Four columns of two rows, in
 * an order in which no instruction waits for the one before. VMLA would round as these do, in half the instructions, but
 * takes three cycles on a Cortex-M4, and these take one each. */
#define SMIDGEN_F32_ROWS(w_a, a, w_b, b)                                                                               \
    "vldmia " w_a "!, {s4-s7}\n\t"                                                                                     \
    "vldmia " w_b "!, {s8-s11}\n\t"                                                                                    \
    "vmul.f32 s4, s0, s4\n\tvmul.f32 s8, s0, s8\n\tvmul.f32 s5, s1, s5\n\tvmul.f32 s9, s1, s9\n\t"                     \
    "vadd.f32 " a ", " a ", s4\n\tvadd.f32 " b ", " b ", s8\n\t"                                                      \
    "vmul.f32 s6, s2, s6\n\tvmul.f32 s10, s2, s10\n\t"                                                                \
    "vadd.f32 " a ", " a ", s5\n\tvadd.f32 " b ", " b ", s9\n\t"                                                      \
    "vmul.f32 s7, s3, s7\n\tvmul.f32 s11, s3, s11\n\t"                                                                \
    "vadd.f32 " a ", " a ", s6\n\tvadd.f32 " b ", " b ", s10\n\t"                                                     \
    "vadd.f32 " a ", " a ", s7\n\tvadd.f32 " b ", " b ", s11\n\t"

/* Four outputs of one row of x: 16 products in 37 instructions. */
SMIDGEN_KERNEL void dot_four_f32(const smidgen_f32 *x, const float *w, uint32_t in_width, float acc[4])
{
    const float *w_a = w;
    const float *w_b = &w[in_width];
    const float *w_c = &w[2U * in_width];
    const float *w_d = &w[3U * in_width];
    for (uint32_t n = in_width / 4U; n > 0U; --n) {
        __asm__ volatile("vldmia %[x]!, {s0-s3}\n\t"
                         SMIDGEN_F32_ROWS("%[w_a]", "%[a]", "%[w_b]", "%[b]")
                         SMIDGEN_F32_ROWS("%[w_c]", "%[c]", "%[w_d]", "%[d]")
                         : [x] "+r"(x), [w_a] "+r"(w_a), [w_b] "+r"(w_b), [w_c] "+r"(w_c), [w_d] "+r"(w_d),
                           [a] "+t"(acc[0]), [b] "+t"(acc[1]), [c] "+t"(acc[2]), [d] "+t"(acc[3])
                         :
                         : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory");
    }
    acc[0] = dot_f32(x, w_a, acc[0], in_width % 4U);
    acc[1] = dot_f32(x, w_b, acc[1], in_width % 4U);
    acc[2] = dot_f32(x, w_c, acc[2], in_width % 4U);
    acc[3] = dot_f32(x, w_d, acc[3], in_width % 4U);
}

#else

SMIDGEN_KERNEL void dot_four_f32(const smidgen_f32 *x, const float *w, uint32_t in_width, float acc[4])
{
    SMIDGEN_ROLLED
    for (uint32_t o = 0U; o < 4U; ++o) {
        acc[o] = dot_f32(x, &w[o * in_width], acc[o], in_width);
    }
}

#endif

SMIDGEN_KERNEL void linear_f32(const smidgen_f32 *x, const float *w, const float *bias, smidgen_f32 *y, uint32_t rows,
                               uint32_t in_width, uint32_t out_width)
{
    for (uint32_t row = 0U; row < rows; ++row) {
        uint32_t o = 0U;
        while ((o + 4U) <= out_width) {
            float acc[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            dot_four_f32(&x[row * in_width], &w[o * in_width], in_width, acc);
            for (uint32_t i = 0U; i < 4U; ++i) {
                y[(row * out_width) + o + i] = acc[i] + bias[o + i];
            }
            o += 4U;
        }
        while (o < out_width) {
            y[(row * out_width) + o] = dot_f32(&x[row * in_width], &w[o * in_width], 0.0f, in_width) + bias[o];
            ++o;
        }
    }
}

#endif
