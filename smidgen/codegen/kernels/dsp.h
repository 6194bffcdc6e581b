/* Arm's DSP extension, where SMIDGEN_HAS_DSP is 1: bytes of a word to halves that SMLAD multiplies two at a time. It is 0
 * too in programs that were planned for a core that lacks the extension (SMIDGEN_WITHOUT_DSP). */
#ifndef SMIDGEN_DSP_H
#define SMIDGEN_DSP_H

#include "memory.h"

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && !defined(SMIDGEN_WITHOUT_DSP)
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

/* Bytes 0 and 2, or 1 and 3, of a word as two int16, times 256. */
SMIDGEN_KERNEL uint32_t even_bytes_256(uint32_t word)
{
    return (word << 8) & 0xFF00FF00U;
}

SMIDGEN_KERNEL uint32_t odd_bytes_256(uint32_t word)
{
    return word & 0xFF00FF00U;
}

/* Bytes 0 and 2, or 1 and 3, of a word added to two int16. */
SMIDGEN_KERNEL uint32_t add_even_bytes(uint32_t halves, uint32_t word)
{
    return (uint32_t)__builtin_arm_sxtab16((int32_t)halves, (int32_t)word);
}

SMIDGEN_KERNEL uint32_t add_odd_bytes(uint32_t halves, uint32_t word)
{
    return (uint32_t)__builtin_arm_sxtab16((int32_t)halves, (int32_t)((word >> 8) | (word << 24)));
}

/* One int16 in both halves. */
SMIDGEN_KERNEL uint32_t twice(int32_t value)
{
    return ((uint32_t)value & 0xFFFFU) * 0x10001U;
}

/* The product of the low, or of the high, halves of two words. */
SMIDGEN_KERNEL int32_t low_product(uint32_t a, uint32_t b)
{
    return (int32_t)(int16_t)(uint16_t)a * (int32_t)(int16_t)(uint16_t)b;
}

SMIDGEN_KERNEL int32_t high_product(uint32_t a, uint32_t b)
{
    return ((int32_t)a >> 16) * ((int32_t)b >> 16);
}

/* sum + the products of the low and of the high halves of two words: one SMLAD. */
SMIDGEN_KERNEL int32_t add_products(int32_t sum, uint32_t a, uint32_t b)
{
    return __builtin_arm_smlad((int32_t)a, (int32_t)b, sum);
}

/* sum + ((factor * half) >> 16) with the low or the high half of `halves`. */
SMIDGEN_KERNEL int32_t add_low_product(int32_t sum, int32_t factor, uint32_t halves)
{
    return __builtin_arm_smlawb(factor, (int32_t)halves, sum);
}

SMIDGEN_KERNEL int32_t add_high_product(int32_t sum, int32_t factor, uint32_t halves)
{
    return __builtin_arm_smlawt(factor, (int32_t)halves, sum);
}

/* The low or the high halves of two words in one. */
SMIDGEN_KERNEL uint32_t low_halves(int32_t first, int32_t second)
{
    return ((uint32_t)first & 0xFFFFU) | ((uint32_t)second << 16);
}

SMIDGEN_KERNEL uint32_t high_halves(int32_t first, int32_t second)
{
    return ((uint32_t)first >> 16) | ((uint32_t)second & 0xFFFF0000U);
}

/* Four int8 in one word from two words of two int16, the values plus 128, saturated. */
SMIDGEN_KERNEL uint32_t saturate_four(uint32_t even, uint32_t odd)
{
    const uint32_t low = (uint32_t)__builtin_arm_usat16((int32_t)even, 8);
    const uint32_t high = (uint32_t)__builtin_arm_usat16((int32_t)odd, 8);
    return (low | (high << 8)) ^ 0x80808080U;
}

/* Load or store a word, on a multiple of four or not, and step to the next: one instruction, where compilers that see
 * the pointers move keep an index and add it. */
SMIDGEN_KERNEL uint32_t load_next(const smidgen_s8 **x)
{
    uint32_t word;
    __asm__ volatile("ldr %0, [%1], #4" : "=r"(word), "+r"(*x) : : "memory");
    return word;
}

SMIDGEN_KERNEL void store_next(smidgen_s8 **y, uint32_t word)
{
    __asm__ volatile("str %1, [%0], #4" : "+r"(*y) : "r"(word) : "memory");
}

/* floor(a * b / 2^32 + 1/2), where compilers that know how `a` came about take it apart. */
SMIDGEN_KERNEL int32_t rounded_high_product(int32_t a, int32_t b)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* sum + floor(a * b / 2^32). */
SMIDGEN_KERNEL int32_t add_high_product_of_words(int32_t sum, int32_t a, int32_t b)
{
    __asm__("smmla %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
}

/* The larger of each two signed bytes. */
SMIDGEN_KERNEL uint32_t largest_bytes(uint32_t a, uint32_t b)
{
    uint32_t largest;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(largest) : "r"(a), "r"(b) : "cc");
    return largest;
}

/* sum + floor(a * b / 2^32 + 1/2). */
SMIDGEN_KERNEL int32_t add_rounded_product(int32_t sum, int32_t a, int32_t b)
{
    __asm__ volatile("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
}

/* LDM, STM, LDRD and STRD fault off a multiple of four, on which the arena's tensors are, but not all of a caller's. */
SMIDGEN_KERNEL uint32_t is_word_aligned(const void *p)
{
    return (((uintptr_t)p % 4U) == 0U) ? 1U : 0U;
}

#else
#define SMIDGEN_HAS_DSP 0
#endif

/* Whether sums of a Cortex-M0 may stand in high registers, which gcc keeps from inline assembly where it saves space. */
#if defined(__ARM_ARCH_6M__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define SMIDGEN_HAS_HIGH_SUMS 1
#else
#define SMIDGEN_HAS_HIGH_SUMS 0
#endif

/* Whether a block of inline assembly may take immediates, which only an optimiser proves constant, and all registers but
 * one: gcc finds no room for what stands around it. */
#if (SMIDGEN_HAS_DSP != 0) && defined(__OPTIMIZE__) && defined(__clang__)
#define SMIDGEN_HAS_LARGE_BLOCKS 1
#else
#define SMIDGEN_HAS_LARGE_BLOCKS 0
#endif

#endif
