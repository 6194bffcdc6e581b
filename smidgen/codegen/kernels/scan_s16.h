/* States of a selective scan in 16 bits, decays in Q28: how those of one channel advance. Twin of numerics/scan_state.py.
 *   t = decay h + drive B, 12 bits finer than h; h = floor(t + dither), saturated; sum = sum + C h, exactly.
 * The dither of a step is a part of one step of h; over time its values fill one evenly, so that nothing is lost on average
 * though h has few bits. What products cut off is given back on average: one such bit. */
#ifndef SMIDGEN_SCAN_S16_H
#define SMIDGEN_SCAN_S16_H

#include "decay.h"
#include "dsp.h"

/* Where a channel stands among its states. */
typedef struct scan_s16_cursor {
    smidgen_s16 *state;
    int32_t drive;
    int32_t offset; /* dither and what products cut off */
    uint32_t kept;  /* the decay of the next state, Q28 */
} scan_s16_cursor;

/* What is added before the cut, given how the steps before went; 2531 / 4096 is near the golden section. A scan with
 * states of 32 bits has no dither. */
SMIDGEN_KERNEL int32_t scan_next_offset(smidgen_s32 *dither)
{
    int32_t offset = 0;
    if (dither != NULL) {
        offset = dither[0] + 1;
        dither[0] = (dither[0] + 2531) & 4095;
    }
    return offset;
}

#if SMIDGEN_HAS_LARGE_BLOCKS

/* The inputs of a step in the order of use: B, B, C, C for four states; behind the decays of two, B, C. */
SMIDGEN_KERNEL void scan_s16_inputs(const smidgen_s16 *B, const smidgen_s16 *C, smidgen_u32 *inputs, uint32_t n, uint32_t each)
{
    for (uint32_t k = 0U; k < (n & ~3U); k += 2U) {
        const uint32_t at = (each != 0U) ? ((2U * k) + 2U) : ((k & ~3U) + ((k / 2U) & 1U));
        __builtin_memcpy(&inputs[at], &B[k], sizeof(inputs[0]));
        __builtin_memcpy(&inputs[at + ((each != 0U) ? 1U : 2U)], &C[k], sizeof(inputs[0]));
    }
}

/* The inner loops are inline assembly, alone in their functions (MISRA C:2012 Dir 4.3): compilers part the loads.
 * One state: half of a register with two of them, the same half of one with B, its decay; `h` takes the next state. */
#define SMIDGEN_SCAN_S16_STATE(h, half, two, b, decay)                                                                 \
    "smlaw" half " " h ", " decay ", " two ", %[offset]\n\t"                                                           \
    "smlaw" half " " h ", %[drive], " b ", " h "\n\t"                                                                  \
    "ssat " h ", %[bits], " h ", asr %[finer]\n\t"
#define SMIDGEN_SCAN_S16_TWO(two, b, first, next, second, after)                                                       \
    SMIDGEN_SCAN_S16_STATE("r6", "b", two, b, first) next SMIDGEN_SCAN_S16_STATE(two, "t", two, b, second) after       \
    "pkhbt " two ", r6, " two ", lsl %[half]\n\t"
#define SMIDGEN_SCAN_S16_READ(two, c) "smlald %[low], %[high], " two ", " c "\n\t"

/* Four states of decays that are powers of one, 2^-4 of which is in at->kept: 25 instructions. */
SMIDGEN_KERNEL const smidgen_u32 *scan_s16_powers(scan_s16_cursor *at, const smidgen_u32 *inputs, uint32_t first, uint32_t sum[2])
{
    __asm__ volatile("ldrd r2, r3, [%[state]]\n\t"
                     "ldr r4, [%[inputs]], #4\n\t"
                     SMIDGEN_SCAN_S16_TWO("r2", "r4", "%[kept]", "umull r5, %[kept], %[kept], %[first]\n\t", "%[kept]",
                                          "umull r5, %[kept], %[kept], %[first]\n\t")
                     "ldr r5, [%[inputs]], #4\n\t"
                     SMIDGEN_SCAN_S16_TWO("r3", "r5", "%[kept]", "umull r4, %[kept], %[kept], %[first]\n\t", "%[kept]",
                                          "umull r4, %[kept], %[kept], %[first]\n\t")
                     "ldmia %[inputs]!, {r4, r5}\n\t"
                     SMIDGEN_SCAN_S16_READ("r2", "r4") SMIDGEN_SCAN_S16_READ("r3", "r5")
                     "strd r2, r3, [%[state]], #8"
                     : [state] "+r"(at->state), [inputs] "+r"(inputs), [kept] "+r"(at->kept), [low] "+r"(sum[0]), [high] "+r"(sum[1])
                     : [drive] "r"(at->drive), [offset] "r"(at->offset), [first] "r"(first), [bits] "i"(16), [finer] "i"(12),
                       [half] "i"(16)
                     : "r2", "r3", "r4", "r5", "r6", "memory");
    return inputs;
}

/* Four states of one decay: 20 instructions. */
SMIDGEN_KERNEL const smidgen_u32 *scan_s16_equals(scan_s16_cursor *at, const smidgen_u32 *inputs, uint32_t sum[2])
{
    __asm__ volatile("ldrd r2, r3, [%[state]]\n\t"
                     "ldmia %[inputs]!, {r4, r5}\n\t"
                     SMIDGEN_SCAN_S16_TWO("r2", "r4", "%[kept]", "", "%[kept]", "")
                     SMIDGEN_SCAN_S16_TWO("r3", "r5", "%[kept]", "", "%[kept]", "")
                     "ldmia %[inputs]!, {r4, r5}\n\t"
                     SMIDGEN_SCAN_S16_READ("r2", "r4") SMIDGEN_SCAN_S16_READ("r3", "r5")
                     "strd r2, r3, [%[state]], #8"
                     : [state] "+r"(at->state), [inputs] "+r"(inputs), [low] "+r"(sum[0]), [high] "+r"(sum[1])
                     : [drive] "r"(at->drive), [offset] "r"(at->offset), [kept] "r"(at->kept), [bits] "i"(16), [finer] "i"(12),
                       [half] "i"(16)
                     : "r2", "r3", "r4", "r5", "r6", "memory");
    return inputs;
}

/* Four states of decays that stand in front of their inputs: 20 instructions. */
SMIDGEN_KERNEL const smidgen_u32 *scan_s16_each(scan_s16_cursor *at, const smidgen_u32 *inputs, uint32_t sum[2])
{
    __asm__ volatile("ldrd r2, r3, [%[state]]\n\t"
                     "ldmia %[inputs]!, {r4, r5, r8, r9}\n\t"
                     SMIDGEN_SCAN_S16_TWO("r2", "r8", "r4", "", "r5", "")
                     SMIDGEN_SCAN_S16_READ("r2", "r9")
                     "ldmia %[inputs]!, {r4, r5, r8, r9}\n\t"
                     SMIDGEN_SCAN_S16_TWO("r3", "r8", "r4", "", "r5", "")
                     SMIDGEN_SCAN_S16_READ("r3", "r9")
                     "strd r2, r3, [%[state]], #8"
                     : [state] "+r"(at->state), [inputs] "+r"(inputs), [low] "+r"(sum[0]), [high] "+r"(sum[1])
                     : [drive] "r"(at->drive), [offset] "r"(at->offset), [bits] "i"(16), [finer] "i"(12), [half] "i"(16)
                     : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "memory");
    return inputs;
}

#else

SMIDGEN_KERNEL void scan_s16_inputs(const smidgen_s16 *B, const smidgen_s16 *C, smidgen_u32 *inputs, uint32_t n, uint32_t each)
{
    (void)B;
    (void)C;
    (void)inputs;
    (void)n;
    (void)each;
}

#endif

/* Advance the n states of a channel, as scan_channel does, and return their sum of C h, in steps of the power of two that
 * n reaches. Pairs of states are words where n is even. */
SMIDGEN_KERNEL int32_t scan_s16_channel(scan_s16_cursor *at, const smidgen_s16 *B, const smidgen_s16 *C,
                                        const smidgen_u32 *scratch, uint32_t n, uint32_t each, uint32_t chain)
{
    const uint32_t dropped = (n > 1U) ? (32U - (uint32_t)__builtin_clz(n - 1U)) : 0U;
    const uint32_t first = at->kept;
    int64_t sum = (dropped > 0U) ? (int64_t)(((uint64_t)1U << dropped) / 2U) : 0;
    uint32_t k = 0U;
#if SMIDGEN_HAS_LARGE_BLOCKS
    if ((n % 2U) == 0U) {
        const smidgen_u32 *next = scratch;
        uint32_t words[2] = {(uint32_t)sum, 0U};
        while ((k + 4U) <= n) {
            next = (each != 0U)    ? scan_s16_each(at, next, words)
                   : (chain != 0U) ? scan_s16_powers(at, next, first * 16U, words)
                                   : scan_s16_equals(at, next, words);
            k += 4U;
        }
        sum = (int64_t)(((uint64_t)words[1] << 32) | words[0]);
    }
#endif
    while (k < n) {
        const uint32_t kept = (each != 0U) ? scratch[(4U * (k / 2U)) + (k % 2U)] : at->kept;
        const int32_t reached = multiply_s16_high((int32_t)kept, at->state[0]) + multiply_s16_high(at->drive, B[k]) + at->offset;
        const int32_t h = clamp_s32(reached >> 12, -32768, 32767);
        at->state[0] = (int16_t)h;
        at->state = &at->state[1];
        sum += h * C[k];
        if (chain != 0U) {
            at->kept = (uint32_t)(((uint64_t)kept * first) >> 28);
        }
        k++;
    }
    return (int32_t)(sum >> dropped);
}

#endif
