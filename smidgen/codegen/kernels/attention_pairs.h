/* The attention of attention.h on int8 without a bias, two queries at a time on cores with the DSP extension. Rows of two
 * queries stand in turn: their scores (S, 2), a word each, then their numerators, which take the scores' place, a word for
 * two keys. Numerators are negated, so that one fits int16. Its sums are proved to fit 32 bits. */
#ifndef SMIDGEN_ATTENTION_PAIRS_H
#define SMIDGEN_ATTENTION_PAIRS_H

#include "attention.h"
#include "dsp.h"

#if (SMIDGEN_HAS_DSP != 0) && defined(__OPTIMIZE__) /* without, compilers keep registers for themselves */

/* How sums of one row become its outputs, y = sat((sum factor 2^-32 + offset) 2^-places); the assembly knows the order. */
typedef struct {
    int32_t factor;
    int32_t offset;
    int32_t places;
} attention_row;

/* Two queries as the scores read them: four zeros, where sums begin, and how often eight columns come; then of each four
 * columns the even ones of both queries in int16, and the odd ones. */
SMIDGEN_SHARED void widen_queries(const smidgen_s8 *q, uint32_t pitch, smidgen_u32 *wide, uint32_t width)
{
    const smidgen_s8 *other = &q[pitch];
    wide[0] = 0U;
    wide[1] = 0U;
    wide[2] = 0U;
    wide[3] = 0U;
    wide[4] = width / 8U;
    wide = &wide[5];
    for (uint32_t n = width / 4U; n > 0U; n--) {
        const uint32_t first = load_next(&q);
        const uint32_t second = load_next(&other);
        __asm__ volatile("sxtb16 r4, %1\n\t"
                         "sxtb16 r5, %2\n\t"
                         "sxtb16 r6, %1, ror #8\n\t"
                         "sxtb16 r8, %2, ror #8\n\t"
                         "stmia %0!, {r4, r5, r6, r8}"
                         : "+r"(wide)
                         : "r"(first), "r"(second)
                         : "r4", "r5", "r6", "r8", "memory");
    }
}

/* Inline assembly (MISRA C:2012 Dir 4.3), alone in its functions: compilers part the loads and spill.
 * Four columns of two keys for two queries: 16 products in 16 instructions. */
#define SMIDGEN_FOUR_COLUMNS_OF_TWO_KEYS                                                                               \
    "ldr r9, [r11, r12]\n\t"                                                                                           \
    "ldr r8, [r11], #4\n\t"                                                                                            \
    "ldrd r4, r5, [r10], #8\n\t"                                                                                       \
    "sxtb16 r6, r8\n\t"                                                                                                \
    "smlad r0, r6, r4, r0\n\t"                                                                                         \
    "smlad r1, r6, r5, r1\n\t"                                                                                         \
    "sxtb16 r6, r9\n\t"                                                                                                \
    "smlad r2, r6, r4, r2\n\t"                                                                                         \
    "smlad r3, r6, r5, r3\n\t"                                                                                         \
    "ldrd r4, r5, [r10], #8\n\t"                                                                                       \
    "sxtb16 r8, r8, ror #8\n\t"                                                                                        \
    "smlad r0, r8, r4, r0\n\t"                                                                                         \
    "smlad r1, r8, r5, r1\n\t"                                                                                         \
    "sxtb16 r9, r9, ror #8\n\t"                                                                                        \
    "smlad r2, r9, r4, r2\n\t"                                                                                         \
    "smlad r3, r9, r5, r3\n\t"

/* What score_keys works on; the assembly knows the order. */
typedef struct {
    const smidgen_s8 *k;
    uint32_t pitch; /* bytes from a key to the next */
    const smidgen_u32 *q;
    smidgen_s32 *scores;
    const smidgen_s32 *end; /* of the scores: four words for two keys */
    uint32_t step;          /* bytes from the end of a key to that after the next */
} score_arguments;

/* The scores of pairs of keys, one at least, and two queries. */
SMIDGEN_SHARED void score_keys(score_arguments *arguments)
{
    __asm__ volatile("ldrd r11, r12, [%[arguments]]\n\t"
                     "1:\n\t"
                     "ldr r10, [%[arguments], #8]\n\t"
                     "ldmia r10!, {r0, r1, r2, r3, lr}\n\t"
                     "2:\n\t" SMIDGEN_FOUR_COLUMNS_OF_TWO_KEYS SMIDGEN_FOUR_COLUMNS_OF_TWO_KEYS
                     "subs lr, lr, #1\n\t"
                     "bne 2b\n\t"
                     "ldrd r4, r5, [%[arguments], #12]\n\t"
                     "ldr r6, [%[arguments], #20]\n\t"
                     "stmia r4!, {r0, r1, r2, r3}\n\t"
                     "str r4, [%[arguments], #12]\n\t"
                     "add r11, r11, r6\n\t"
                     "cmp r4, r5\n\t"
                     "bne 1b"
                     :
                     : [arguments] "r"(arguments)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* A score, and step to that of the next key. */
SMIDGEN_KERNEL int32_t load_and_step(smidgen_s32 **scores)
{
    int32_t score;
    __asm__ volatile("ldr %0, [%1], #8" : "=r"(score), "+r"(*scores) : : "memory");
    return score;
}

/* The negative numerator of the next score: exp_negative and exp2_negative of exponential.h, rounded, in 21 instructions.
 * The label `hidden` takes those beyond the limit, and comes back to `weighed`. */
#define SMIDGEN_WEIGH_KEY(hidden, weighed, step)                                                                       \
    "ldr %[t], [%[scores]], #8\n\t"                                                                                    \
    "sub %[t], %[peak], %[t]\n\t"                                                                                      \
    "cmp %[t], %[limit]\n\t"                                                                                           \
    "bgt " hidden "f\n\t"                                                                                              \
    "lsl %[t], %[t], %[count]\n\t"                                                                                     \
    "smmulr %[t], %[t], %[multiplier]\n\t"                                                                             \
    "ubfx %[u], %[t], #17, #7\n\t"                                                                                     \
    "ubfx %[v], %[t], #0, #17\n\t"                                                                                     \
    "ldr %[u], [%[table], %[u], lsl #2]\n\t"                                                                           \
    "mul %[v], %[v], %[ln2]\n\t"                                                                                       \
    "mvn %[w], %[v], lsr #7\n\t"                                                                                       \
    "lsr %[v], %[v], #16\n\t"                                                                                          \
    "mul %[v], %[v], %[v]\n\t"                                                                                         \
    "add %[w], %[w], %[v], lsr #15\n\t"                                                                                \
    "umull %[v], %[u], %[w], %[u]\n\t"                                                                                 \
    "lsr %[t], %[t], #24\n\t"                                                                                          \
    "lsr %[u], %[u], %[t]\n\t"                                                                                         \
    "sub %[u], %[u], #0x8000\n\t"                                                                                      \
    "mvn %[u], %[u], asr #16\n" weighed ":\n\t"                                                                       \
    "strh %[u], [%[weights]], " step "\n\t"                                                                            \
    "sub %[total], %[total], %[u]\n\t"

/* Turn scores, two words apart, into negative numerators of int16, two in each second word; returns the numerators' sum.
 * `keys` is even and not 0. */
SMIDGEN_KERNEL uint32_t weigh_pairs(smidgen_s32 *scores, uint32_t keys, int32_t peak, int32_t multiplier, int32_t shift,
                                    int32_t limit)
{
    uint32_t t;
    uint32_t u;
    uint32_t v;
    uint32_t w;
    uint32_t total = 0U;
    smidgen_s32 *weights = scores;
    uint32_t count = ((keys / 2U - 1U) << 8) | (uint32_t)shift; /* a shift by a register takes its low byte */
    __asm__ volatile("1:\n\t" SMIDGEN_WEIGH_KEY("4", "2", "#2") SMIDGEN_WEIGH_KEY("5", "3", "#6")
                     "subs %[count], %[count], #256\n\t"
                     "bpl 1b\n\t"
                     "b 6f\n"
                     "4:\n\t"
                     "mov %[u], #0\n\t"
                     "b 2b\n"
                     "5:\n\t"
                     "mov %[u], #0\n\t"
                     "b 3b\n"
                     "6:"
                     : [scores] "+r"(scores), [weights] "+r"(weights), [count] "+r"(count), [total] "+r"(total),
                       [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v), [w] "=&r"(w)
                     : [peak] "r"(peak), [limit] "r"(limit), [multiplier] "r"(multiplier),
                       [table] "r"(smidgen_exp2_table), [ln2] "r"(22713)
                     : "cc", "memory");
    return total;
}

/* The score whose numerator is 0. */
SMIDGEN_KERNEL int32_t hidden_score(int32_t peak, int32_t limit)
{
    return (int32_t)((uint32_t)peak - (uint32_t)limit - 1U);
}

/* Turn one row of scores into numerators: `count` >= 2 keys of which [begin, end) are seen. Returns their sum, or that of
 * one where no key is seen. Of an odd count the last key stands beside nothing. `scores` has room for an even count. */
SMIDGEN_SHARED uint32_t weigh_keys(smidgen_s32 *scores, uint32_t count, uint32_t begin, uint32_t end, int32_t multiplier,
                                   int32_t shift, int32_t limit)
{
    smidgen_s32 *next = &scores[2U * begin];
    const uint32_t keys = (count + 1U) & ~1U;
    const uint32_t last = 2U * (count - 1U);
    int32_t peak = scores[2U * ((begin < end) ? begin : 0U)];
    uint32_t total;
    SMIDGEN_ROLLED
    for (uint32_t n = (end - begin) / 2U; n > 0U; n--) {
        const int32_t score = load_and_step(&next);
        const int32_t other = load_and_step(&next);
        peak = (score > peak) ? score : peak;
        peak = (other > peak) ? other : peak;
    }
    if (((end - begin) % 2U) != 0U) {
        peak = (*next > peak) ? *next : peak;
    }
    SMIDGEN_ROLLED
    for (uint32_t j = 0U; j < begin; j++) {
        scores[2U * j] = hidden_score(peak, limit);
    }
    SMIDGEN_ROLLED
    for (uint32_t j = end; j < count; j++) {
        scores[2U * j] = hidden_score(peak, limit);
    }
    if (keys != count) { /* the last key in the second half */
        scores[last + 2U] = scores[last];
        scores[last] = hidden_score(peak, limit);
    }
    total = weigh_pairs(scores, keys, peak, multiplier, shift, limit);
    return (total == 0U) ? ATTENTION_ONE : total;
}

SMIDGEN_SHARED void finish_row(attention_row *row, uint32_t total, int32_t output_multiplier, int32_t output_shift,
                               int32_t zero_point)
{
    const smidgen_scaled inverse = reciprocal(total);
    row->factor = (int32_t)rounded_shift_s64((int64_t)inverse.mantissa * output_multiplier, 31);
    row->places = inverse.exponent - output_shift - 32;
    row->offset = (int32_t)(((2U * (uint32_t)zero_point) + 1U) << (row->places - 1));
}

/* Two keys in two columns, their values at `first` and `second`, for two queries: 8 products in 10 instructions. */
#define SMIDGEN_TWO_KEYS_OF_TWO_COLUMNS(first, second)                                                                 \
    "ldrh %[even], [%[v]" first "]\n\t"                                                                                \
    "ldrh %[odd], [%[v], " second "]\n\t"                                                                              \
    "ldrd r4, r5, [%[weights]], #8\n\t"                                                                                \
    "pkhbt %[odd], %[even], %[odd], lsl #16\n\t"                                                                       \
    "sxtb16 %[even], %[odd]\n\t"                                                                                       \
    "sxtb16 %[odd], %[odd], ror #8\n\t"                                                                                \
    "smlad %[a], %[even], r4, %[a]\n\t"                                                                                \
    "smlad %[b], %[odd], r4, %[b]\n\t"                                                                                 \
    "smlad %[c], %[even], r5, %[c]\n\t"                                                                                \
    "smlad %[d], %[odd], r5, %[d]\n\t"

/* Four keys, `pitch` bytes apart. */
#define SMIDGEN_FOUR_KEYS_OF_TWO_COLUMNS                                                                               \
    SMIDGEN_TWO_KEYS_OF_TWO_COLUMNS("", "%[pitch]")                                                                    \
    SMIDGEN_TWO_KEYS_OF_TWO_COLUMNS(", %[pitch], lsl #1", "%[thrice]")                                                 \
    "add %[v], %[v], %[pitch], lsl #2\n\t"

#define SMIDGEN_COLUMN_OPERANDS                                                                                        \
    [v] "+r"(v), [weights] "+r"(weights), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [even] "=&r"(even),      \
    [odd] "=&r"(odd)

/* Two columns of the outputs of two queries. */
SMIDGEN_KERNEL void value_two_columns(const smidgen_s32 *weights, const smidgen_s8 *v, uint32_t pitch, uint32_t count,
                                      const attention_row rows[2], smidgen_s8 **y, uint32_t y_pitch)
{
    int32_t a = 0;
    int32_t b = 0;
    int32_t c = 0;
    int32_t d = 0;
    uint32_t even;
    uint32_t odd;
    uint32_t n = count / 8U;
    if (n != 0U) {
        __asm__ volatile("1:\n\t" SMIDGEN_FOUR_KEYS_OF_TWO_COLUMNS SMIDGEN_FOUR_KEYS_OF_TWO_COLUMNS
                         "subs %[n], %[n], #1\n\t"
                         "bne 1b"
                         : SMIDGEN_COLUMN_OPERANDS, [n] "+r"(n)
                         : [pitch] "r"(pitch), [thrice] "r"(3U * pitch)
                         : "r4", "r5", "cc", "memory");
    }
    SMIDGEN_ROLLED
    for (n = ((count % 8U) + 1U) / 2U; n > 0U; n--) {
        if ((n == 1U) && ((count % 2U) != 0U)) { /* the last key beside the one before, which has weighed already */
            v = &v[-(int32_t)pitch];
        }
        __asm__ volatile(SMIDGEN_TWO_KEYS_OF_TWO_COLUMNS("", "%[pitch]")
                         : SMIDGEN_COLUMN_OPERANDS
                         : [pitch] "r"(pitch)
                         : "r4", "r5", "memory");
        v = &v[2U * pitch];
    }
    __asm__ volatile("ldmia %[rows], {r4, r5, r6, r8, r9, r10}\n\t"
                     "smmls %[a], %[a], r4, r5\n\t"
                     "smmls %[b], %[b], r4, r5\n\t"
                     "smmls %[c], %[c], r8, r9\n\t"
                     "smmls %[d], %[d], r8, r9\n\t"
                     "asr %[a], %[a], r6\n\t"
                     "asr %[b], %[b], r6\n\t"
                     "asr %[c], %[c], r10\n\t"
                     "asr %[d], %[d], r10\n\t"
                     "ssat %[a], #8, %[a]\n\t"
                     "ssat %[b], #8, %[b]\n\t"
                     "ssat %[c], #8, %[c]\n\t"
                     "ssat %[d], #8, %[d]\n\t"
                     "strb %[c], [%[y], %[pitch]]\n\t"
                     "strb %[a], [%[y]], #1\n\t"
                     "strb %[d], [%[y], %[pitch]]\n\t"
                     "strb %[b], [%[y]], #1"
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [y] "+r"(*y)
                     : [rows] "r"(rows), [pitch] "r"(y_pitch)
                     : "r4", "r5", "r6", "r8", "r9", "r10", "memory");
}

/* All columns of the outputs of two queries. */
SMIDGEN_SHARED void value_columns(const smidgen_s32 *weights, const smidgen_s8 *v, uint32_t pitch, uint32_t count,
                                  const attention_row rows[2], smidgen_s8 *y, uint32_t y_pitch, uint32_t v_width)
{
    const smidgen_s8 *const end = &v[v_width];
    do {
        value_two_columns(weights, v, pitch, count, rows, &y, y_pitch);
        v = &v[2];
    } while (v != end);
}

/* steps_q, steps_k >= 2. `scores` has room for two rows of the keys that two neighbours see, `room` at most, and then for two
 * queries in int16 and five words. */
SMIDGEN_KERNEL void attention_pairs_s8(const smidgen_s8 *q, const smidgen_s8 *k, const smidgen_s8 *v, smidgen_s8 *y,
                                       smidgen_s32 *scores, uint32_t room, uint32_t steps_q, uint32_t steps_k,
                                       uint32_t heads, uint32_t groups, uint32_t width, uint32_t v_width, uint32_t causal,
                                       uint32_t window, uint32_t offset, int32_t score_multiplier, int32_t score_shift,
                                       int32_t score_limit, int32_t output_multiplier, int32_t output_shift,
                                       int32_t zero_point)
{
    smidgen_u32 *const wide = (smidgen_u32 *)&scores[2U * room];
    SMIDGEN_ROLLED
    for (uint32_t pair = 0U; pair < steps_q; pair += 2U) {
        const uint32_t i = ((pair + 2U) > steps_q) ? (steps_q - 2U) : pair;
        uint32_t begin[2];
        uint32_t end[2];
        begin[0] = attention_first(i + offset, steps_k, window);
        begin[1] = attention_first(i + 1U + offset, steps_k, window);
        end[0] = attention_stop(i + offset, steps_k, causal, window);
        end[1] = attention_stop(i + 1U + offset, steps_k, causal, window);
        const uint32_t first = (begin[0] < (steps_k - 2U)) ? begin[0] : (steps_k - 2U);
        const uint32_t count = (end[1] > (first + 2U)) ? (end[1] - first) : 2U;
        SMIDGEN_ROLLED
        for (uint32_t h = 0U; h < heads; h++) {
            attention_row rows[2];
            const uint32_t group = h / (heads / groups);
            const uint32_t y_at = ((i * heads) + h) * v_width;
            widen_queries(&q[((i * heads) + h) * width], heads * width, wide, width);
            score_arguments arguments = {&k[((first * groups) + group) * width], groups * width, wide, scores,
                                         &scores[4U * (count / 2U)], ((2U * groups) - 1U) * width};
            score_keys(&arguments);
            if ((count % 2U) != 0U) { /* the last key with the one before again */
                arguments.k = &k[(((first + count - 2U) * groups) + group) * width];
                arguments.scores = &scores[2U * (count - 2U)];
                arguments.end = &scores[2U * count];
                score_keys(&arguments);
            }
            for (uint32_t r = 0U; r < 2U; r++) {
                const uint32_t total = weigh_keys(&scores[r], count, begin[r] - first, end[r] - first, score_multiplier,
                                                  score_shift, score_limit);
                finish_row(&rows[r], total, output_multiplier, output_shift, zero_point);
            }
            value_columns(scores, &v[((first * groups) + group) * v_width], groups * v_width, count, rows, &y[y_at],
                          heads * v_width, v_width);
        }
    }
}

#else

SMIDGEN_KERNEL void attention_pairs_s8(const smidgen_s8 *q, const smidgen_s8 *k, const smidgen_s8 *v, smidgen_s8 *y,
                                       smidgen_s32 *scores, uint32_t room, uint32_t steps_q, uint32_t steps_k,
                                       uint32_t heads, uint32_t groups, uint32_t width, uint32_t v_width, uint32_t causal,
                                       uint32_t window, uint32_t offset, int32_t score_multiplier, int32_t score_shift,
                                       int32_t score_limit, int32_t output_multiplier, int32_t output_shift,
                                       int32_t zero_point)
{
    (void)room;
    attention_q(q, k, v, NULL, y, scores, steps_q, steps_k, heads, groups, width, v_width, causal, window, offset, 0, 0, 0,
                0, 8U, 8U, 8U, 8U, 0, score_multiplier, score_shift, score_limit, 0, 0, output_multiplier, output_shift,
                zero_point);
}

#endif

#endif
