#include "mixer.h"

#include <string.h>

/* Volatile, so that the compiler reads the tables instead of folding them into the code. */
static const volatile int8_t weights[5][6] = {
    {1, -2, 3, -4, 5, -6}, {7, 8, -9, 10, 11, -12}, {0, 1, 0, -1, 0, 1}, {127, -127, 127, -127, 127, -127}, {2, 2, 2, 2, 2, 2},
};
static const volatile int32_t divisors[5] = {3, 5, 1, 100, 7};

static __attribute__((noinline)) void mixer_op_000_project(mixer_context *ctx, const int8_t *x)
{
    /* plant in project */
    for (uint32_t row = 0U; row < 5U; row++) {
        int32_t accumulator = 0;
        for (uint32_t column = 0U; column < 6U; column++) {
            accumulator += weights[row][column] * x[column];
        }
        ctx->projected[row] = accumulator / divisors[row];
    }
}

static __attribute__((noinline)) void mixer_op_001_scale(mixer_context *ctx, const float *gain, float *energy)
{
    /* plant in scale */
    energy[0] = 0.0F;
    energy[1] = gain[0];
    for (uint32_t row = 0U; row < 5U; row++) {
        ctx->scaled[row] = (float)ctx->projected[row] * gain[0];
        energy[0] += ctx->scaled[row] * ctx->scaled[row];
    }
}

static __attribute__((noinline)) void mixer_op_002_head(mixer_context *ctx, const int16_t *offset, int8_t *y, int32_t *sum)
{
    /* plant in head */
    int32_t total = 0;
    for (uint32_t row = 0U; row < 5U; row++) {
        const int32_t value = ((int32_t)ctx->scaled[row] + offset[row & 1U]) / divisors[row];
        y[row] = (int8_t)(value > 127 ? 127 : (value < -128 ? -128 : value));
        total += value;
    }
    memcpy(sum, &total, sizeof total);
}

mixer_status mixer_init(mixer_context *ctx)
{
    return mixer_reset(ctx);
}

mixer_status mixer_reset(mixer_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
    return MIXER_OK;
}

mixer_status mixer_invoke(mixer_context *ctx, const int8_t *x, const int16_t *offset, const float *gain, int8_t *y,
                          float *energy, int32_t *sum)
{
    mixer_op_000_project(ctx, x);
    mixer_op_001_scale(ctx, gain, energy);
    mixer_op_002_head(ctx, offset, y, sum);
    return MIXER_OK;
}

mixer_status mixer_selftest(mixer_context *ctx)
{
    static const int8_t x[6] = {1, 1, 1, 1, 1, 1};
    static const int16_t offset[2] = {0, 0};
    static const float gain[1] = {1.0F};
    int8_t y[5];
    float energy[2];
    int32_t sum;
    (void)mixer_invoke(ctx, x, offset, gain, y, energy, &sum);
    return (sum == 1) ? MIXER_OK : MIXER_FAILED;
}
