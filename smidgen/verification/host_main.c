/* A generated program as a process: samples on standard input, outputs on standard output, in the order of the ports.
 * What it does wrong ends this process and no other. Exit status: 0 all samples done, 1 a status that is not 0. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "program.h"

static const size_t input_bytes[PROGRAM_N_INPUTS] = PROGRAM_INPUT_BYTES;
static const size_t output_bytes[PROGRAM_N_OUTPUTS] = PROGRAM_OUTPUT_BYTES;

static program_context context;

int main(void);

/* For trapped undefined behaviour si_addr is the instruction. Printing here is not async-signal-safe; the process is
 * lost either way, and its end is by the same signal. */
static void report_trap(int number, siginfo_t *info, void *machine)
{
    (void)machine;
    (void)fprintf(stderr, "trap %lld\n", (long long)((intptr_t)info->si_addr - (intptr_t)main));
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void check(int32_t status, const char *function)
{
    if (status != 0) {
        (void)fprintf(stderr, "%s returned status %ld\n", function, (long)status);
        exit(1);
    }
}

int main(void)
{
    const struct sigaction action = {.sa_sigaction = report_trap, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGILL, &action, NULL);
    (void)sigaction(SIGTRAP, &action, NULL);

    /* From malloc, so that each array is as aligned as the firmware may assume and no more is known of it. */
    static void *in[PROGRAM_N_INPUTS];
    static void *out[PROGRAM_N_OUTPUTS];
    for (size_t port = 0U; port < PROGRAM_N_INPUTS; port++) {
        in[port] = malloc(input_bytes[port]);
    }
    for (size_t port = 0U; port < PROGRAM_N_OUTPUTS; port++) {
        out[port] = malloc(output_bytes[port]);
    }
    check((int32_t)PROGRAM_INIT(&context), "init");
    for (;;) {
        for (size_t port = 0U; port < PROGRAM_N_INPUTS; port++) {
            if (fread(in[port], 1U, input_bytes[port], stdin) != input_bytes[port]) {
                return 0;
            }
        }
        const int32_t status = (int32_t)PROGRAM_CALL(&context, in, out);
        if (status == PROGRAM_PENDING) {
            continue;
        }
        check(status, PROGRAM_ENTRY);
        for (size_t port = 0U; port < PROGRAM_N_OUTPUTS; port++) {
            (void)fwrite(out[port], 1U, output_bytes[port], stdout);
        }
        (void)fflush(stdout);
    }
}
