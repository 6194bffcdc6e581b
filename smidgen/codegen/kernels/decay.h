/* 2^-(delta rate), the decay of a recurrence, by a polynomial of degree four. Twin of numerics/decay.py. */
#ifndef SMIDGEN_DECAY_H
#define SMIDGEN_DECAY_H

#include "dsp.h"
#include "fixed_point.h"

/* 2^-(g + 1/2) for -1/2 <= g < 1/2, from the highest power down, in Q31 and in Q28; last what makes a part of an octave g,
 * in Q32. The functions below take either, and give decays with as many fraction bits. */
static const int32_t smidgen_decay_q31[6] = {15683023, -84817603, 364524447, -1052523180, 1518508556, INT32_MIN};
static const int32_t smidgen_decay_q28[6] = {1960378, -10602200, 45565556, -131565397, 189813569, INT32_MIN};

#if SMIDGEN_HAS_LARGE_BLOCKS

/* Inline assembly, alone in its functions (MISRA C:2012 Dir 4.3): compilers do not see that terms stay in registers, and
 * part SMMULR where they know how a factor came about. Register x holds a multiplier, then the decay of delta * 2^-16;
 * r4 and r5 are the part of an octave and the polynomial. */
#define SMIDGEN_DECAY(x, t0, t1, t2, t3, t4, half)                                                                     \
    "smmulr " x ", %[delta], " x "\n\t"                                                                                \
    "eor r4, " half ", " x ", lsl %[left]\n\t"                                                                         \
    "usat " x ", %[most], " x ", asr %[bits]\n\t"                                                                           \
    "smmlar r5, " t0 ", r4, " t1 "\n\t"                                                                                \
    "smmlar r5, r5, r4, " t2 "\n\t"                                                                                    \
    "smmlar r5, r5, r4, " t3 "\n\t"                                                                                    \
    "smmlar r5, r5, r4, " t4 "\n\t"                                                                                    \
    "lsr " x ", r5, " x "\n\t"

/* 2^-(delta multiplier / 2^(16 + fraction_bits)) for delta in 0..32767 and multiplier >= 0. */
SMIDGEN_KERNEL int32_t decay_of(int32_t delta, int32_t multiplier, uint32_t fraction_bits, const int32_t *terms)
{
    __asm__("ldmia %[terms], {r2, r3, r6, r8, r9, r10}\n\t" SMIDGEN_DECAY("%[x]", "r2", "r3", "r6", "r8", "r9", "r10")
            : [x] "+&r"(multiplier)
            : [delta] "r"((uint32_t)delta << 16), [terms] "r"(terms), [most] "i"(5), [bits] "i"(fraction_bits),
              [left] "i"(32U - fraction_bits)
            : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10");
    return multiplier;
}

/* The decays of one delta by n multipliers, two by two; a pair begins `stride` words after the one before. */
SMIDGEN_KERNEL void decays_of(int32_t delta, const int32_t *multiplier, smidgen_s32 *decays, uint32_t n, uint32_t stride,
                              uint32_t fraction_bits, const int32_t *terms)
{
    int32_t term[6];
    __asm__("" : "+r"(terms)); /* loads, as constants each would take two instructions */
    for (uint32_t i = 0U; i < 6U; i++) {
        term[i] = terms[i];
    }
    for (uint32_t k = 0U; k < (n / 2U); k++) {
        __asm__ volatile("ldrd r2, r3, [%[multiplier]], #8\n\t"
                         SMIDGEN_DECAY("r2", "%[t0]", "%[t1]", "%[t2]", "%[t3]", "%[t4]", "%[half]")
                         SMIDGEN_DECAY("r3", "%[t0]", "%[t1]", "%[t2]", "%[t3]", "%[t4]", "%[half]")
                         "strd r2, r3, [%[decays]], %[stride]"
                         : [multiplier] "+r"(multiplier), [decays] "+r"(decays)
                         : [delta] "r"((uint32_t)delta << 16), [t0] "r"(term[0]), [t1] "r"(term[1]),
                           [t2] "r"(term[2]), [t3] "r"(term[3]), [t4] "r"(term[4]), [half] "r"(term[5]),
                           [stride] "i"(4U * stride), [most] "i"(5), [bits] "i"(fraction_bits), [left] "i"(32U - fraction_bits)
                         : "r2", "r3", "r4", "r5", "memory");
    }
    if ((n % 2U) != 0U) {
        decays[0] = decay_of(delta, multiplier[0], fraction_bits, terms);
    }
}

#else

SMIDGEN_KERNEL int32_t decay_of(int32_t delta, int32_t multiplier, uint32_t fraction_bits, const int32_t *terms)
{
    const uint32_t exponent = (uint32_t)multiply_high_rounded(delta * 65536, multiplier);
    const uint32_t octaves = exponent >> fraction_bits;
    const int32_t g = (int32_t)((exponent << (32U - fraction_bits)) ^ 0x80000000U); /* part of an octave - 1/2, Q32 */
    int32_t value = terms[0];
    for (uint32_t i = 1U; i < 5U; i++) {
        value = multiply_high_rounded(value, g) + terms[i];
    }
    return (int32_t)((uint32_t)value >> ((octaves > 31U) ? 31U : octaves));
}

SMIDGEN_KERNEL void decays_of(int32_t delta, const int32_t *multiplier, smidgen_s32 *decays, uint32_t n, uint32_t stride,
                              uint32_t fraction_bits, const int32_t *terms)
{
    for (uint32_t k = 0U; k < n; k++) {
        decays[((k / 2U) * stride) + (k % 2U)] = decay_of(delta, multiplier[k], fraction_bits, terms);
    }
}

#endif

#endif
