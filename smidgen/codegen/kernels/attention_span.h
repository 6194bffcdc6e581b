/* Which keys a query sees, and where the bias of a pair stands. A query at step t sees the keys [first, stop): none after
 * t if causal; with a window of w > 0 none farther than w - 1 steps. Twin of numerics/attention_span.py. */
#ifndef SMIDGEN_ATTENTION_SPAN_H
#define SMIDGEN_ATTENTION_SPAN_H

#include "memory.h"

SMIDGEN_KERNEL uint32_t attention_first(uint32_t t, uint32_t steps_k, uint32_t window)
{
    const uint32_t first = ((window != 0U) && (t >= window)) ? ((t - window) + 1U) : 0U;
    return (first < steps_k) ? first : steps_k;
}

SMIDGEN_KERNEL uint32_t attention_stop(uint32_t t, uint32_t steps_k, uint32_t causal, uint32_t window)
{
    const uint32_t stop = (causal != 0U) ? (t + 1U) : ((window != 0U) ? (t + window) : steps_k);
    return (stop < steps_k) ? stop : steps_k;
}

/* Strides of a bias: that of head h, query i and key j is element origin + head h + query i + key j. */
typedef struct {
    int32_t origin;
    int32_t head;
    int32_t query;
    int32_t key;
} attention_strides;

SMIDGEN_KERNEL uint32_t attention_bias_at(const attention_strides *strides, uint32_t h, uint32_t i, uint32_t j)
{
    return (uint32_t)(strides->origin + (strides->head * (int32_t)h) + (strides->query * (int32_t)i) +
                      (strides->key * (int32_t)j));
}

#endif
