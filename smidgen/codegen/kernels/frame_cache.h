/* The last `window` frames that came, oldest first, in an array that fills from its end: what attention looks back on, or a
 * whole window. Twin of numerics/history.py. */
#ifndef SMIDGEN_FRAME_CACHE_H
#define SMIDGEN_FRAME_CACHE_H

#include "layout.h"

/* Take the present frame in: `frame` elements of `size` bytes (1, 2 or 4), behind all others; the oldest makes room. */
SMIDGEN_KERNEL void cache_frame(void *cache, const void *x, uint32_t window, uint32_t frame, uint32_t size)
{
    const uint32_t unit = (((frame * size) % 4U) == 0U) ? 4U : size; /* whole words where they line up */
    const uint32_t units = (frame * size) / unit;

    copy_blocks(cache, cache, 1U, (window - 1U) * units, units, 0U, 0U, 0U, unit);
    copy_blocks(x, cache, 1U, frame, 0U, 0U, (window - 1U) * frame, 0U, size);
}

/* Count the present frame and return how many the caches hold with it. */
SMIDGEN_KERNEL uint32_t cached_frames(smidgen_s32 *count, uint32_t window)
{
    *count = ((uint32_t)*count < window) ? (*count + 1) : (int32_t)window;
    return (uint32_t)*count;
}

#endif
