/* A hand-made program in the form of the generated ones: three layers, three inputs, three outputs. */
#ifndef MIXER_H
#define MIXER_H

#include <stdint.h>

typedef enum { MIXER_OK = 0, MIXER_FAILED = 3 } mixer_status;

typedef struct mixer_context {
    int32_t projected[5];
    float scaled[5];
} mixer_context;

mixer_status mixer_init(mixer_context *ctx);
mixer_status mixer_reset(mixer_context *ctx);
mixer_status mixer_selftest(mixer_context *ctx);
mixer_status mixer_invoke(mixer_context *ctx, const int8_t *x, const int16_t *offset, const float *gain, int8_t *y,
                          float *energy, int32_t *sum);

#endif
