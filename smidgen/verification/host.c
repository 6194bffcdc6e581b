/* Batch entry of a generated program in a shared library. Arrays are contiguous, sample after sample. */
#include <stddef.h>
#include <stdint.h>

#include "program.h"

static const size_t input_bytes[PROGRAM_N_INPUTS] = PROGRAM_INPUT_BYTES;
static const size_t output_bytes[PROGRAM_N_OUTPUTS] = PROGRAM_OUTPUT_BYTES;

size_t host_context_bytes(void);
int32_t host_init(program_context *context);
int32_t host_selftest(program_context *context);
size_t host_call_batch(program_context *context, size_t n, const unsigned char *const *inputs,
                       unsigned char *const *outputs, int32_t *statuses);

size_t host_context_bytes(void)
{
    return sizeof(program_context);
}

int32_t host_init(program_context *context)
{
    return (int32_t)PROGRAM_INIT(context);
}

int32_t host_selftest(program_context *context)
{
    return (int32_t)PROGRAM_SELFTEST(context);
}

/* Keep the status of each call, up to the first that is neither 0 nor pending; outputs of calls with status 0 follow each
 * other. Return the number of calls. */
size_t host_call_batch(program_context *context, size_t n, const unsigned char *const *inputs,
                       unsigned char *const *outputs, int32_t *statuses)
{
    const void *in[PROGRAM_N_INPUTS];
    void *out[PROGRAM_N_OUTPUTS];
    size_t answers = 0U;
    for (size_t sample = 0U; sample < n; sample++) {
        for (size_t port = 0U; port < PROGRAM_N_INPUTS; port++) {
            in[port] = inputs[port] + (sample * input_bytes[port]);
        }
        for (size_t port = 0U; port < PROGRAM_N_OUTPUTS; port++) {
            out[port] = outputs[port] + (answers * output_bytes[port]);
        }
        statuses[sample] = (int32_t)PROGRAM_CALL(context, in, out);
        if (statuses[sample] == 0) {
            answers++;
        } else if (statuses[sample] != PROGRAM_PENDING) {
            return sample + 1U;
        }
    }
    return n;
}
