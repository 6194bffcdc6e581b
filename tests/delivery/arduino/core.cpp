// An Arduino core for boards of QEMU: the serial port and the clock are Arm's semihosting, a long delay ends the run.
#include <Arduino.h>

namespace {

enum Operation : uint32_t { WRITE0 = 0x04, EXIT_EXTENDED = 0x20, ELAPSED = 0x30 };  // semihosting specification, 2.0
const uint32_t APPLICATION_EXIT = 0x20026;

uint32_t semihost(Operation operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void leave(uint32_t status)
{
    const uint32_t arguments[2] = {APPLICATION_EXIT, status};
    for (;;) {
        semihost(EXIT_EXTENDED, arguments);
    }
}

void fault()
{
    leave(255);
}

}  // namespace

extern "C" {

extern uint32_t image_stack_top[], image_data_load[], image_data_start[], image_data_end[], image_bss_start[],
    image_bss_end[];

void qemu_reset(void);

struct Vectors {
    const void *stack_top;
    void (*handlers[5])(void);  // reset, non-maskable, hard, memory, bus
};
extern const Vectors vectors;
__attribute__((section(".boot"), used)) const Vectors vectors = {
    image_stack_top, {qemu_reset, fault, fault, fault, fault}};

unsigned long micros(void)
{
    uint64_t nanoseconds = 0;
    semihost(ELAPSED, &nanoseconds);
    return static_cast<unsigned long>(nanoseconds / 1000);
}

void delay(unsigned long)
{
    leave(0);
}

void delayMicroseconds(unsigned int us)
{
    for (const unsigned long start = micros(); micros() - start < us;) {
    }
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void qemu_reset(void)
{
#ifdef __ARM_FP
    *reinterpret_cast<volatile uint32_t *>(0xE000ED88) = 0xFU << 20;  // CPACR: the floating-point unit is off at reset
    __asm__ volatile("dsb\n isb");
#endif
    const uint32_t *source = image_data_load;
    for (uint32_t *word = image_data_start; word < image_data_end; word++) {
        *word = *source++;
    }
    for (uint32_t *word = image_bss_start; word < image_bss_end; word++) {
        *word = 0;
    }
    setup();
    for (;;) {
        loop();
    }
}

}  // extern "C"

Print Serial;

void Print::begin(unsigned long)
{
}

unsigned Print::print(const char text[])
{
    semihost(WRITE0, text);
    return 0;
}

unsigned Print::println(const char text[])
{
    print(text);
    return print("\r\n");
}
