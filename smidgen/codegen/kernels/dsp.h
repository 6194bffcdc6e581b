/* Arm's DSP extension, where SMIDGEN_HAS_DSP is 1: bytes of a word to halves that SMLAD multiplies two at a time. */
#ifndef SMIDGEN_DSP_H
#define SMIDGEN_DSP_H

#include "memory.h"

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
#define SMIDGEN_HAS_DSP 1

/* Bytes 0 and 2 of a word as two int16. */
SMIDGEN_KERNEL uint32_t even_bytes(uint32_t word)
{
    return (uint32_t)__builtin_arm_sxtb16((int32_t)word);
}

/* Bytes 1 and 3 of a word as two int16. */
SMIDGEN_KERNEL uint32_t odd_bytes(uint32_t word)
{
    return (uint32_t)__builtin_arm_sxtb16((int32_t)((word >> 8) | (word << 24)));
}

#else
#define SMIDGEN_HAS_DSP 0
#endif

#endif
