/* Walks over operands of unlike shapes: four nested loops over the result, and by how many elements each operand moves
 * along each of them, 0 where it is repeated. The generator merges axes that go together, so that equal shapes are one
 * loop; sizes of 1 vanish at compile time. */
#ifndef SMIDGEN_WALK_H
#define SMIDGEN_WALK_H

#include "memory.h"

/* MISRA C:2012 Directive 4.9 departure: one walk for many kernels. `statement` sees `to`, the element of the result, and
 * `p` and `q`, those of the operands a and b; the kernel has the parameters ni..nl, ai..al and bi..bl. */
#define SMIDGEN_WALK_PAIRS(statement)                                                                                       \
    {                                                                                                                       \
        uint32_t to = 0U;                                                                                                   \
        for (uint32_t i = 0U; i < ni; i++) {                                                                                \
            for (uint32_t j = 0U; j < nj; j++) {                                                                            \
                for (uint32_t k = 0U; k < nk; k++) {                                                                        \
                    const uint32_t row_a = (i * ai) + (j * aj) + (k * ak);                                                  \
                    const uint32_t row_b = (i * bi) + (j * bj) + (k * bk);                                                  \
                    SMIDGEN_ROLLED                                                                                          \
                    for (uint32_t l = 0U; l < nl; l++) {                                                                    \
                        const uint32_t p = row_a + (l * al);                                                                \
                        const uint32_t q = row_b + (l * bl);                                                                \
                        statement;                                                                                          \
                        to++;                                                                                               \
                    }                                                                                                       \
                }                                                                                                           \
            }                                                                                                               \
        }                                                                                                                   \
    }

/* Whether the walk is one run over two operands of the result's shape. */
#define SMIDGEN_IS_ONE_RUN (((ni * nj * nk) == 1U) && (al == 1U) && (bl == 1U))

/* The same for three operands; `r` is the element of c, with the parameters ci..cl. */
#define SMIDGEN_WALK_TRIPLES(statement)                                                                                     \
    {                                                                                                                       \
        uint32_t to = 0U;                                                                                                   \
        for (uint32_t i = 0U; i < ni; i++) {                                                                                \
            for (uint32_t j = 0U; j < nj; j++) {                                                                            \
                for (uint32_t k = 0U; k < nk; k++) {                                                                        \
                    const uint32_t row_a = (i * ai) + (j * aj) + (k * ak);                                                  \
                    const uint32_t row_b = (i * bi) + (j * bj) + (k * bk);                                                  \
                    const uint32_t row_c = (i * ci) + (j * cj) + (k * ck);                                                  \
                    SMIDGEN_ROLLED                                                                                          \
                    for (uint32_t l = 0U; l < nl; l++) {                                                                    \
                        const uint32_t p = row_a + (l * al);                                                                \
                        const uint32_t q = row_b + (l * bl);                                                                \
                        const uint32_t r = row_c + (l * cl);                                                                \
                        statement;                                                                                          \
                        to++;                                                                                               \
                    }                                                                                                       \
                }                                                                                                           \
            }                                                                                                               \
        }                                                                                                                   \
    }

#endif
