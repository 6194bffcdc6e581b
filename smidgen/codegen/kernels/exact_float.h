/* What every float kernel file starts from: no product and sum may become one fused operation, which rounds once where
 * the reference rounds twice. The pragma counts where a build system cannot be told -ffp-contract=off. */
#ifndef SMIDGEN_EXACT_FLOAT_H
#define SMIDGEN_EXACT_FLOAT_H

#include "memory.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

#endif
