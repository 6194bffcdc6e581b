/* What every float kernel file starts from: no product and sum may become one fused operation, which rounds once where
 * the reference rounds twice, and no square root of a sum of squares needs the C library's error number. The pragmas count
 * where a build system cannot be told -ffp-contract=off -fno-math-errno. */
#ifndef SMIDGEN_EXACT_FLOAT_H
#define SMIDGEN_EXACT_FLOAT_H

#include "memory.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-math-errno")
#endif

#endif
