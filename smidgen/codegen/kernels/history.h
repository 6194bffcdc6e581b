/* What a step reads of the frames before it, in elements of `size` bytes (1, 2 or 4). Twin of numerics/history.py. */
#ifndef SMIDGEN_HISTORY_H
#define SMIDGEN_HISTORY_H

#include "layout.h"

/* y (outer, taps, inner): the frame x (outer, 1, inner) and those `dilation`, 2 dilation, ... frames before it, oldest
 * first. `ring` holds the (taps - 1) dilation frames before x, the oldest at slot `next`; x takes its place. */
SMIDGEN_KERNEL void history(const void *x, void *ring, smidgen_s32 *next, void *y, uint32_t outer, uint32_t taps,
                            uint32_t inner, uint32_t dilation, uint32_t size)
{
    const uint32_t frame = outer * inner;
    const uint32_t span = (taps - 1U) * dilation;
    const uint32_t slot = (uint32_t)*next;

    SMIDGEN_ROLLED
    for (uint32_t tap = 0U; (tap + 1U) < taps; tap++) {
        const uint32_t later = slot + (tap * dilation);
        const uint32_t from = (later < span) ? later : (later - span);
        copy_blocks(ring, y, outer, inner, from * frame, inner, tap * inner, taps * inner, size);
    }
    copy_blocks(x, y, outer, inner, 0U, inner, (taps - 1U) * inner, taps * inner, size);
    copy_blocks(x, ring, 1U, frame, 0U, 0U, slot * frame, 0U, size);
    *next = ((slot + 1U) < span) ? (int32_t)(slot + 1U) : 0;
}

/* y (outer, 1, inner): row `next` of the stored table (outer, rows, inner); the next call gives the next row. */
SMIDGEN_KERNEL void stored_row(const void *table, smidgen_s32 *next, void *y, uint32_t outer, uint32_t rows,
                               uint32_t inner, uint32_t size)
{
    copy_blocks(table, y, outer, inner, (uint32_t)*next * inner, rows * inner, 0U, inner, size);
    (*next)++;
}

#endif
