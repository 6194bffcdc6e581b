/* Native hook for Unicorn, called at the start of every block that the emulated core executes. It counts instructions,
 * charges them to the layer that is running, watches the stack pointer and ends a run that goes on for too long.
 * Twin of `_State` in block_counter.py: same fields, same order. */
#include <stdint.h>

enum { NOT_A_BOUNDARY = -1 };
enum { RUNNING = 0, OVER_LIMIT = 1, OUTSIDE_CODE = 2, STACK_OVERFLOW = 3 };

typedef struct {
    uint64_t code_start;          /* address of code[0] */
    uint64_t n_units;             /* the code's size in 16-bit units */
    const uint16_t *code;         /* the code itself */
    const int32_t *boundary;      /* per unit: counter that takes over when a block starts here, or NOT_A_BOUNDARY */
    uint32_t *block_bytes;        /* per unit: size of the block that starts here */
    uint32_t *block_instructions; /* per unit: its instructions */
    uint64_t *executions;         /* per unit: how often it ran */
    uint64_t *jumps;              /* per unit: how often another block than the next in memory followed */
    uint64_t *instructions;       /* per counter: instructions charged to it */
    uint64_t total;               /* instructions of this call */
    uint64_t limit;               /* total at which the call is ended */
    int32_t counter;              /* counter in charge */
    int32_t ending;               /* RUNNING or why the hook ended the call */
    uint64_t previous;            /* unit of the block before; n_units when there is none */
    uint64_t previous_end;        /* address just past it */
    uint32_t lowest_stack;        /* least stack pointer seen at the start of a block */
    uint32_t stack_limit;         /* least that it may be */
    int32_t stack_register;
    uint16_t long_mask;           /* an instruction takes two units where its first & long_mask >= long_least */
    uint16_t long_least;
    int (*read_register)(void *core, int reg, void *value);
    int (*stop)(void *core);
} block_counter;

void count_block(void *core, uint64_t address, uint32_t size, block_counter *state);

static uint32_t count_instructions(const block_counter *state, uint64_t unit, uint32_t n_units)
{
    uint32_t n = 0U;
    for (uint32_t i = 0U; i < n_units; n++) {
        i += ((state->code[unit + i] & state->long_mask) >= state->long_least) ? 2U : 1U;
    }
    return n;
}

static void end_call(void *core, block_counter *state, int32_t ending)
{
    state->ending = ending;
    (void)state->stop(core);
}

void count_block(void *core, uint64_t address, uint32_t size, block_counter *state)
{
    const uint64_t unit = (address - state->code_start) >> 1;
    if (unit >= state->n_units) {
        end_call(core, state, OUTSIDE_CODE);
        return;
    }
    if (state->block_bytes[unit] != size) {
        state->block_bytes[unit] = size;
        state->block_instructions[unit] = count_instructions(state, unit, size / 2U);
    }
    if (state->boundary[unit] != NOT_A_BOUNDARY) {
        state->counter = state->boundary[unit];
    }
    state->executions[unit]++;
    state->instructions[state->counter] += state->block_instructions[unit];
    state->total += state->block_instructions[unit];

    if (address != state->previous_end && state->previous < state->n_units) {
        state->jumps[state->previous]++;
    }
    state->previous = unit;
    state->previous_end = address + size;

    uint32_t stack = 0U;
    (void)state->read_register(core, state->stack_register, &stack);
    if (stack < state->lowest_stack) {
        state->lowest_stack = stack;
    }
    if (stack < state->stack_limit) {
        end_call(core, state, STACK_OVERFLOW);
    } else if (state->total > state->limit) {
        end_call(core, state, OVER_LIMIT);
    }
}
