/* Batch entry of a generated program in a shared library. Arrays are contiguous, sample after sample. */
#include <stddef.h>
#include <stdint.h>

#include "program.h"

static const size_t input_bytes[PROGRAM_N_INPUTS] = PROGRAM_INPUT_BYTES;
static const size_t output_bytes[PROGRAM_N_OUTPUTS] = PROGRAM_OUTPUT_BYTES;

size_t host_context_bytes(void);
int32_t host_init(program_context *context);
int32_t host_selftest(program_context *context);
int32_t host_invoke_batch(program_context *context, size_t n, const unsigned char *const *inputs,
                          unsigned char *const *outputs, size_t *completed);

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

/* Stop at the first status that is not 0 and return it; completed counts the samples before it. */
int32_t host_invoke_batch(program_context *context, size_t n, const unsigned char *const *inputs,
                          unsigned char *const *outputs, size_t *completed)
{
    const void *in[PROGRAM_N_INPUTS];
    void *out[PROGRAM_N_OUTPUTS];
    for (*completed = 0U; *completed < n; (*completed)++) {
        for (size_t port = 0U; port < PROGRAM_N_INPUTS; port++) {
            in[port] = inputs[port] + (*completed * input_bytes[port]);
        }
        for (size_t port = 0U; port < PROGRAM_N_OUTPUTS; port++) {
            out[port] = outputs[port] + (*completed * output_bytes[port]);
        }
        const int32_t status = (int32_t)PROGRAM_INVOKE(context, in, out);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}
