/* Boots a generated program on an emulated core; the linker script keeps its bytes apart from the program's.
 * The emulator calls harness_reset once, then the program's own functions; on a board nothing calls them. */
#include <stdint.h>

#include "program.h"

#if defined(__ARM_FP) || defined(__riscv_flen)
#define COMPILED_FOR_FPU 1
#else
#define COMPILED_FOR_FPU 0
#endif

#if TARGET_HAS_FPU && !COMPILED_FOR_FPU
#error "the target has an FPU, but the compiler was not told of one: this would be soft float in disguise"
#elif !TARGET_HAS_FPU && COMPILED_FOR_FPU
#error "the target has no FPU, but the compiler was told of one"
#endif
#if TARGET_HAS_DSP && !defined(__ARM_FEATURE_DSP)
#error "the target has the DSP extension, but the compiler was not told of it"
#elif !TARGET_HAS_DSP && defined(__ARM_FEATURE_DSP)
#error "the target has no DSP extension, but the compiler was told of one"
#endif

#if defined(__riscv) && !(defined(__riscv_mul) && defined(__riscv_compressed))
#error "the target has multiplication and compressed instructions, but the compiler was not told of them"
#endif

#define COPROCESSOR_ACCESS_CONTROL (*(volatile uint32_t *)0xE000ED88U)
#define FPU_FULL_ACCESS (0xFU << 20)

extern uint32_t image_stack_top[], image_data_load[], image_data_start[], image_data_end[];
extern uint32_t image_bss_start[], image_bss_end[];

void harness_reset(void);

typedef struct {
    const void *stack_top;
    void (*reset)(void);
} vector_table;

extern const vector_table harness_vectors;
__attribute__((section(".harness.vectors"))) const vector_table harness_vectors = {image_stack_top, harness_reset};

extern const uint32_t harness_context_bytes;
__attribute__((section(".harness.sizes"))) const uint32_t harness_context_bytes = sizeof(program_context);

/* Volatile, so that no loop becomes a call of memcpy or memset, which would count as the program's flash. */
void harness_reset(void)
{
#if TARGET_HAS_FPU && defined(__arm__)
    COPROCESSOR_ACCESS_CONTROL |= FPU_FULL_ACCESS;
#endif
    const uint32_t *load = image_data_load;
    for (volatile uint32_t *data = image_data_start; data < image_data_end; data++) {
        *data = *load++;
    }
    for (volatile uint32_t *bss = image_bss_start; bss < image_bss_end; bss++) {
        *bss = 0U;
    }
}
