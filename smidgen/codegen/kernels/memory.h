/* Access to the arena, and what every kernel file starts from.
 * The arena is one byte array; lives of int8, int16, int32 and float share its bytes at different times. Reads and writes
 * go through types that may alias, so that the optimiser never reorders across such a reuse. */
#ifndef SMIDGEN_MEMORY_H
#define SMIDGEN_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define SMIDGEN_MAY_ALIAS __attribute__((may_alias))
#if defined(SMIDGEN_FOR_SIZE)
#define SMIDGEN_KERNEL static __attribute__((unused)) /* the compiler finds out where a copy takes fewer bytes */
#else
#define SMIDGEN_KERNEL static inline __attribute__((always_inline, unused))
#endif
#else
#error "Smidgen needs a compiler with GNU attributes (GCC, Clang, Arm Compiler 6)"
#endif

/* One operator's function. gcc 12 takes a transpose within the arena for a function without effect, after it has turned
 * both addresses into one, and drops the call: noipa forbids conclusions from a function's body to its calls. */
#if defined(__has_attribute) && !defined(__clang__)
#if __has_attribute(noipa)
#define SMIDGEN_NOINLINE __attribute__((noipa))
#endif
#endif
#ifndef SMIDGEN_NOINLINE
#define SMIDGEN_NOINLINE __attribute__((noinline))
#endif
#define SMIDGEN_SHARED static SMIDGEN_NOINLINE __attribute__((unused)) /* one copy for all calls */

/* Before a loop that gains too little from being unrolled for the code that it would take. */
#if defined(__clang__) && !defined(SMIDGEN_FOR_SPEED)
#define SMIDGEN_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define SMIDGEN_ROLLED
#endif

typedef int8_t SMIDGEN_MAY_ALIAS smidgen_s8;
typedef int16_t SMIDGEN_MAY_ALIAS smidgen_s16;
typedef int32_t SMIDGEN_MAY_ALIAS smidgen_s32;
typedef uint32_t SMIDGEN_MAY_ALIAS smidgen_u32;
typedef float SMIDGEN_MAY_ALIAS smidgen_f32;

/* Typed views of the arena at a byte offset; the generator places every tensor on a multiple of four. */
SMIDGEN_KERNEL smidgen_s8 *arena_s8(uint8_t *arena, uint32_t offset)
{
    return (smidgen_s8 *)(void *)(arena + offset);
}

SMIDGEN_KERNEL smidgen_s16 *arena_s16(uint8_t *arena, uint32_t offset)
{
    return (smidgen_s16 *)(void *)(arena + offset);
}

SMIDGEN_KERNEL smidgen_s32 *arena_s32(uint8_t *arena, uint32_t offset)
{
    return (smidgen_s32 *)(void *)(arena + offset);
}

SMIDGEN_KERNEL smidgen_f32 *arena_f32(uint8_t *arena, uint32_t offset)
{
    return (smidgen_f32 *)(void *)(arena + offset);
}

/* Element i of an integer tensor of `bits` (8, 16 or 32) bits; bits is a constant in every call, so one load remains. */
SMIDGEN_KERNEL int32_t load_q(const void *x, uint32_t i, uint32_t bits)
{
    if (bits == 8U) {
        return (int32_t)((const smidgen_s8 *)x)[i];
    }
    if (bits == 16U) {
        return (int32_t)((const smidgen_s16 *)x)[i];
    }
    return ((const smidgen_s32 *)x)[i];
}

/* The nearest int8: one SSAT on cores that have it. */
SMIDGEN_KERNEL int32_t saturate_s8(int32_t value)
{
#if defined(__ARM_FEATURE_SAT)
    return (int32_t)__builtin_arm_ssat(value, 8);
#else
    return (value < -128) ? -128 : ((value > 127) ? 127 : value);
#endif
}

/* Saturate to the legal activations of `bits` bits (int16 is symmetric) and store. */
SMIDGEN_KERNEL void store_q(void *y, uint32_t i, int32_t value, uint32_t bits)
{
    if (bits == 8U) {
        ((smidgen_s8 *)y)[i] = (int8_t)saturate_s8(value);
    } else if (bits == 16U) {
        ((smidgen_s16 *)y)[i] = (int16_t)((value < -32767) ? -32767 : ((value > 32767) ? 32767 : value));
    } else {
        ((smidgen_s32 *)y)[i] = value;
    }
}

SMIDGEN_SHARED void fill_words(smidgen_u32 *y, uint32_t count, uint32_t word)
{
    SMIDGEN_ROLLED
    for (; count >= 8U; count -= 8U) {
        y[0] = word;
        y[1] = word;
        y[2] = word;
        y[3] = word;
        y[4] = word;
        y[5] = word;
        y[6] = word;
        y[7] = word;
        y = &y[8];
    }
    SMIDGEN_ROLLED
    for (; count > 0U; count--) {
        y[0] = word;
        y = &y[1];
    }
}

/* Copy words from the first on. */
SMIDGEN_SHARED void copy_words(const smidgen_u32 *x, smidgen_u32 *y, uint32_t count)
{
    SMIDGEN_ROLLED
    for (; count >= 4U; count -= 4U) {
        const uint32_t a = x[0];
        const uint32_t b = x[1];
        const uint32_t c = x[2];
        const uint32_t d = x[3];
        y[0] = a;
        y[1] = b;
        y[2] = c;
        y[3] = d;
        x = &x[4];
        y = &y[4];
    }
    SMIDGEN_ROLLED
    for (; count > 0U; count--) {
        y[0] = x[0];
        x = &x[1];
        y = &y[1];
    }
}

/* Set `count` elements of `bits` bits, from a word's boundary on, to one value, as a state begins; a float state begins at
 * 0, which is 0 in 32 bits. */
SMIDGEN_KERNEL void fill_q(void *y, uint32_t count, int32_t value, uint32_t bits)
{
    const uint32_t in_word = 32U / bits;
    const uint32_t word = (bits == 8U)    ? (((uint32_t)value & 0xFFU) * 0x01010101U)
                          : (bits == 16U) ? (((uint32_t)value & 0xFFFFU) * 0x00010001U)
                                          : (uint32_t)value;
    fill_words((smidgen_u32 *)y, count / in_word, word);
    SMIDGEN_ROLLED
    for (uint32_t i = count - (count % in_word); i < count; i++) {
        store_q(y, i, value, bits);
    }
}

SMIDGEN_KERNEL void copy_bytes(const void *x, void *y, uint32_t count)
{
    for (uint32_t i = 0U; i < count; i++) {
        ((smidgen_s8 *)y)[i] = ((const smidgen_s8 *)x)[i];
    }
}

#endif
