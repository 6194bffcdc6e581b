/* States of a selective scan in 32 bits, decays in Q31: how those of one channel advance. Twin of numerics/scan_state.py. */
#ifndef SMIDGEN_SCAN_S32_H
#define SMIDGEN_SCAN_S32_H

#include "decay.h"
#include "dsp.h"

/* Where a channel stands among its states. */
typedef struct scan_cursor {
    smidgen_s32 *state;
    int32_t drive;
    int32_t acc;   /* sum of C h so far */
    uint32_t kept; /* the decay of the next state, Q31 */
} scan_cursor;

/* Advance one state: its decay is kept, its inputs are b and c. */
SMIDGEN_KERNEL void scan_state(scan_cursor *at, int32_t b, int32_t c, uint32_t state_bits)
{
    const int32_t limit = (int32_t)((uint32_t)1U << state_bits);
    const int32_t half = multiply_high_rounded(at->state[0], (int32_t)at->kept) + multiply_high_rounded(at->drive, b * 65536);
    const int32_t h = clamp_s32(half * 2, -limit, limit - 1);
    at->state[0] = h;
    at->state = &at->state[1];
    at->acc += (int32_t)(((int64_t)h * c) >> 16);
}

/* The decay of the next state, a power higher. */
SMIDGEN_KERNEL void scan_next_power(scan_cursor *at, uint32_t first)
{
    at->kept = (uint32_t)(((uint64_t)at->kept * first) >> 31);
}

#if SMIDGEN_HAS_LARGE_BLOCKS

/* The inputs of a step in the order of use: for each two states B << 16, B << 16, and both of C, every `stride` words. */
SMIDGEN_KERNEL void scan_inputs(const smidgen_s16 *B, const smidgen_s16 *C, smidgen_u32 *inputs, uint32_t n, uint32_t stride)
{
    for (uint32_t k = 0U; k < (n & ~3U); k += 2U) {
        uint32_t both;
        __builtin_memcpy(&both, &B[k], sizeof(both));
        inputs[0] = both << 16;
        inputs[1] = both & 0xFFFF0000U;
        __builtin_memcpy(&both, &C[k], sizeof(both));
        inputs[2] = both;
        inputs = &inputs[stride];
    }
}

/* The inner loops are inline assembly, alone in their functions (MISRA C:2012 Dir 4.3): compilers part the loads.
 * One state h with B << 16 in b, the half of r9 that holds C, and its decay; `next` may change the decay and b. */
#define SMIDGEN_SCAN_STATE(h, b, half, decay, next)                                                                    \
    "smmulr " b ", %[drive], " b "\n\t"                                                                                \
    "smmlar " h ", " h ", " decay ", " b "\n\t" next                                                                   \
    "ssat " h ", %[bits], " h ", lsl %[one]\n\t"                                                                           \
    "smlaw" half " %[acc], " h ", r9, %[acc]\n\t"
#define SMIDGEN_SCAN_FOUR(next_r6, next_r8)                                                                            \
    "ldmia %[state], {r2, r3, r4, r5}\n\t"                                                                             \
    "ldmia %[inputs]!, {r6, r8, r9}\n\t"                                                                               \
    SMIDGEN_SCAN_STATE("r2", "r6", "b", "%[kept]", next_r6)                                                            \
    SMIDGEN_SCAN_STATE("r3", "r8", "t", "%[kept]", next_r8)                                                            \
    "ldmia %[inputs]!, {r6, r8, r9}\n\t"                                                                               \
    SMIDGEN_SCAN_STATE("r4", "r6", "b", "%[kept]", next_r6)                                                            \
    SMIDGEN_SCAN_STATE("r5", "r8", "t", "%[kept]", next_r8)                                                            \
    "stmia %[state]!, {r2, r3, r4, r5}\n\t"
#define SMIDGEN_SCAN_TWO_OF_THEIR_OWN                                                                                  \
    "ldrd r2, r3, [%[state]]\n\t"                                                                                      \
    "ldmia %[inputs]!, {r4, r5, r6, r8, r9}\n\t"                                                                       \
    SMIDGEN_SCAN_STATE("r2", "r6", "b", "r4", "")                                                                      \
    SMIDGEN_SCAN_STATE("r3", "r8", "t", "r5", "")                                                                      \
    "strd r2, r3, [%[state]], #8\n\t"

/* Four states of decays that are powers of one: 24 instructions. */
SMIDGEN_KERNEL const smidgen_u32 *scan_powers(scan_cursor *at, const smidgen_u32 *inputs, uint32_t twice_first, uint32_t state_bits)
{
    __asm__ volatile(SMIDGEN_SCAN_FOUR("umull r6, %[kept], %[kept], %[first]\n\t", "umull r8, %[kept], %[kept], %[first]\n\t")
                     : [state] "+r"(at->state), [inputs] "+r"(inputs), [acc] "+r"(at->acc), [kept] "+r"(at->kept)
                     : [drive] "r"(at->drive), [first] "r"(twice_first), [bits] "i"(state_bits + 1U), [one] "i"(1)
                     : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "memory");
    return inputs;
}

/* Four states of one decay: 20 instructions. */
SMIDGEN_KERNEL const smidgen_u32 *scan_equals(scan_cursor *at, const smidgen_u32 *inputs, uint32_t state_bits)
{
    __asm__ volatile(SMIDGEN_SCAN_FOUR("", "")
                     : [state] "+r"(at->state), [inputs] "+r"(inputs), [acc] "+r"(at->acc)
                     : [drive] "r"(at->drive), [kept] "r"(at->kept), [bits] "i"(state_bits + 1U), [one] "i"(1)
                     : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "memory");
    return inputs;
}

/* Four states of decays that stand in front of their inputs: 22 instructions. */
SMIDGEN_KERNEL const smidgen_u32 *scan_each(scan_cursor *at, const smidgen_u32 *inputs, uint32_t state_bits)
{
    __asm__ volatile(SMIDGEN_SCAN_TWO_OF_THEIR_OWN SMIDGEN_SCAN_TWO_OF_THEIR_OWN
                     : [state] "+r"(at->state), [inputs] "+r"(inputs), [acc] "+r"(at->acc)
                     : [drive] "r"(at->drive), [bits] "i"(state_bits + 1U), [one] "i"(1)
                     : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "memory");
    return inputs;
}

#else

SMIDGEN_KERNEL void scan_inputs(const smidgen_s16 *B, const smidgen_s16 *C, smidgen_u32 *inputs, uint32_t n, uint32_t stride)
{
    (void)B;
    (void)C;
    (void)inputs;
    (void)n;
    (void)stride;
}

#endif

/* Words of scratch for two states: their decays, where each state has its own, and their inputs. */
#define SMIDGEN_SCAN_STRIDE(each) (3U + (2U * (each)))

/* Advance the n states of a channel: each by its own decay in scratch, or by at->kept or, with `chain`, its powers. */
SMIDGEN_KERNEL void scan_channel(scan_cursor *at, const smidgen_s16 *B, const smidgen_s16 *C, const smidgen_u32 *scratch,
                                 uint32_t n, uint32_t each, uint32_t chain, uint32_t state_bits)
{
    const uint32_t first = at->kept;
    uint32_t k = 0U;
#if SMIDGEN_HAS_LARGE_BLOCKS
    const smidgen_u32 *next = scratch;
    while ((k + 4U) <= n) {
        next = (each != 0U)    ? scan_each(at, next, state_bits)
               : (chain != 0U) ? scan_powers(at, next, first * 2U, state_bits)
                               : scan_equals(at, next, state_bits);
        k += 4U;
    }
#endif
    while (k < n) {
        at->kept = (each != 0U) ? scratch[((k / 2U) * SMIDGEN_SCAN_STRIDE(1U)) + (k % 2U)] : at->kept;
        scan_state(at, B[k], C[k], state_bits);
        if (chain != 0U) {
            scan_next_power(at, first);
        }
        k++;
    }
}

#endif
