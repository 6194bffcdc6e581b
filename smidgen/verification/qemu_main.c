/* A generated program on a core under QEMU: samples from the file `samples`, outputs into the file `outputs`, in the
 * order of the ports, by Arm's semihosting. Exit status: 0 all samples done, 1 no file, else the program's status. */
#include <stddef.h>
#include <stdint.h>

#include "program.h"

enum { OPEN = 0x01, WRITE = 0x05, READ = 0x06, EXIT_EXTENDED = 0x20 }; /* Arm's semihosting specification, 2.0 */
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
#define APPLICATION_EXIT 0x20026U

extern uint32_t image_stack_top[];

void harness_reset(void);
void qemu_reset(void);
void qemu_fault(void);

typedef struct {
    const void *stack_top;
    void (*reset)(void);
    void (*faults[4])(void); /* non-maskable, hard, memory, bus */
} boot_vectors;

extern const boot_vectors qemu_vectors;
__attribute__((section(".boot"))) const boot_vectors qemu_vectors = {
    image_stack_top, qemu_reset, {qemu_fault, qemu_fault, qemu_fault, qemu_fault}};

static const size_t input_bytes[PROGRAM_N_INPUTS] = PROGRAM_INPUT_BYTES;
static const size_t output_bytes[PROGRAM_N_OUTPUTS] = PROGRAM_OUTPUT_BYTES;

static program_context context;
static uint64_t pool[PROGRAM_POOL_BYTES / 8U]; /* buffers of all ports, each at a multiple of 8 bytes */

static uint32_t semihost(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t status)
{
    const uint32_t arguments[2] = {APPLICATION_EXIT, status};
    (void)semihost(EXIT_EXTENDED, arguments);
    for (;;) {
    }
}

static uint32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)name, mode, length};
    const uint32_t handle = semihost(OPEN, arguments);
    if (handle == UINT32_MAX) {
        leave(1U);
    }
    return handle;
}

/* Returns how many bytes were not read or written. */
static uint32_t transfer(uint32_t operation, uint32_t handle, const void *bytes, size_t n)
{
    const uint32_t arguments[3] = {handle, (uint32_t)bytes, n};
    return semihost(operation, arguments);
}

static uint64_t *lay_out(uint64_t *next, void **ports, const size_t *bytes, size_t n)
{
    for (size_t port = 0U; port < n; port++) {
        ports[port] = next;
        next += (bytes[port] + 7U) / 8U;
    }
    return next;
}

static void run(void)
{
    void *in[PROGRAM_N_INPUTS];
    void *out[PROGRAM_N_OUTPUTS];
    const uint32_t samples = open_file("samples", 7U, READ_BINARY);
    const uint32_t outputs = open_file("outputs", 7U, WRITE_BINARY);
    (void)lay_out(lay_out(pool, in, input_bytes, PROGRAM_N_INPUTS), out, output_bytes, PROGRAM_N_OUTPUTS);

    int32_t status = (int32_t)PROGRAM_INIT(&context);
    while (status == 0 || status == PROGRAM_PENDING) {
        for (size_t port = 0U; port < PROGRAM_N_INPUTS; port++) {
            if (transfer(READ, samples, in[port], input_bytes[port]) != 0U) {
                leave(0U);
            }
        }
        status = (int32_t)PROGRAM_CALL(&context, in, out);
        for (size_t port = 0U; port < PROGRAM_N_OUTPUTS && status == 0; port++) {
            (void)transfer(WRITE, outputs, out[port], output_bytes[port]);
        }
    }
    leave((uint32_t)status);
}

void qemu_fault(void)
{
    leave(255U);
}

void qemu_reset(void)
{
    harness_reset();
    run();
}
