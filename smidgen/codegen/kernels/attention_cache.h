/* Keys or values of the steps that a query may look back on: the last `window` of them, oldest first, in an array that
 * fills from its end. */
#ifndef SMIDGEN_ATTENTION_CACHE_H
#define SMIDGEN_ATTENTION_CACHE_H

#include "layout.h"

/* Take the present step in: `frame` elements of `size` bytes (1, 2 or 4), behind all others; the oldest makes room. */
SMIDGEN_KERNEL void cache_frame(void *cache, const void *x, uint32_t window, uint32_t frame, uint32_t size)
{
    const uint32_t unit = (((frame * size) % 4U) == 0U) ? 4U : size; /* whole words where they line up */
    const uint32_t units = (frame * size) / unit;

    copy_blocks(cache, cache, 1U, (window - 1U) * units, units, 0U, 0U, 0U, unit);
    copy_blocks(x, cache, 1U, frame, 0U, 0U, (window - 1U) * frame, 0U, size);
}

/* Count the present step and return how many steps the caches hold with it. */
SMIDGEN_KERNEL uint32_t cache_steps(smidgen_s32 *count, uint32_t window)
{
    *count = ((uint32_t)*count < window) ? (*count + 1) : (int32_t)window;
    return (uint32_t)*count;
}

#endif
