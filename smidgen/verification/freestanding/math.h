/* The part of <math.h> that generated programs may use, for targets without a C library: what is exact by IEEE 754,
 * so equal on every target. Exponentials and the like are not here: the kernels bring their own. */
#ifndef SMIDGEN_FREESTANDING_MATH_H
#define SMIDGEN_FREESTANDING_MATH_H

#define sqrtf(x) __builtin_sqrtf(x)
#define fabsf(x) __builtin_fabsf(x)

#endif
