"""Instruction counts are those that a person counts in the assembly."""

import numpy as np
import pytest

from smidgen.codegen.bundle import Layer, Port, Program
from smidgen.targets import EMULATED_CORES
from smidgen.verification import Emulator, build_image

HEADER = """#include <stdint.h>
typedef int32_t counted_status;
typedef struct { int32_t unused; } counted_context;
counted_status counted_init(counted_context *ctx);
counted_status counted_reset(counted_context *ctx);
counted_status counted_selftest(counted_context *ctx);
counted_status counted_invoke(counted_context *ctx, const int8_t *x, int8_t *y);
"""

# Every core: shared 3, loop 1 + 10 * 2 + 1, calls two times shared. In `skips` one instruction of 32 bits is among
# those of 16, and a branch is not taken or, where a core has such, the condition of an instruction does not hold.
SOURCE = """#include "counted.h"
#define ASSEMBLY __attribute__((noinline, naked, used))
#if defined(__riscv)
#define RETURN "ret"
#define LOOP "li t0, 10\\n 1: addi t0, t0, -1\\n bnez t0, 1b\\n ret"
#define CALL "jal "
#define ENTER "addi sp, sp, -16\\n sw ra, 12(sp)\\n"
#define LEAVE "lw ra, 12(sp)\\n addi sp, sp, 16\\n ret"
#define SKIPS "mul t1, t0, t0\\n li t0, 0\\n bnez t0, 1f\\n nop\\n 1: ret"
#define ZERO "li a0, 0\\n"
#else
#define RETURN "bx lr"
#define LOOP "movs r0, #10\\n 1: subs r0, r0, #1\\n bne 1b\\n bx lr"
#define CALL "bl "
#define ENTER "push {r7, lr}\\n"
#define LEAVE "pop {r7, pc}"
#if __ARM_ARCH_ISA_THUMB == 2
#define SKIPS "ldr.w r1, [sp]\\n cmp r0, r0\\n it ne\\n movne r0, #1\\n bx lr"
#else
#define SKIPS "dmb\\n cmp r0, r0\\n bne 1f\\n nop\\n 1: bx lr"
#endif
#define ZERO "movs r0, #0\\n"
#endif
static ASSEMBLY void shared(void) { __asm__ volatile("nop\\n nop\\n" RETURN); }
static ASSEMBLY void loop(void) { __asm__ volatile(LOOP); }
static ASSEMBLY void calls(void) { __asm__ volatile(ENTER CALL "shared\\n" CALL "shared\\n" LEAVE); }
static ASSEMBLY void skips(void) { __asm__ volatile(SKIPS); }
ASSEMBLY counted_status counted_invoke(counted_context *ctx, const int8_t *x, int8_t *y)
{ __asm__ volatile(ENTER CALL "loop\\n" CALL "calls\\n" CALL "skips\\n" ZERO LEAVE); }
counted_status counted_init(counted_context *ctx) { return counted_reset(ctx); }
counted_status counted_reset(counted_context *ctx) { ctx->unused = 0; return 0; }
counted_status counted_selftest(counted_context *ctx) { return counted_reset(ctx); }
"""
LOOP, SKIPS = 1 + 10 * 2 + 1, 5
FRAME = {"arm": 1 + 1, "riscv": 2 + 3}  # instructions that enter and leave a function that calls
FRAME_BYTES = {"arm": 8, "riscv": 16}


@pytest.fixture(params=EMULATED_CORES.values(), ids=EMULATED_CORES.keys())
def emulator(request: pytest.FixtureRequest) -> Emulator:
    """The counted program on each core."""
    port = Port(name="x", dtype="int8", shape=(1,))
    program = Program(
        name="counted",
        files={"counted.h": HEADER, "counted.c": SOURCE},
        inputs=(port,),
        outputs=(port,),
        layers=tuple(Layer(name=name, op="asm", function=name, macs=0) for name in ("loop", "calls", "skips")),
        context_bytes=4,
        state_bytes=0,
        arena_bytes=0,
    )
    return Emulator(build_image(program, request.param), program)


def test_counts_are_exact_per_layer(emulator: Emulator) -> None:
    """Loops, calls, 32-bit instructions and failed conditions, on each core, as counted by hand."""
    measurement = emulator.measure([np.zeros((3, 1), dtype=np.int8)])
    frame = FRAME[emulator.image.target.core.architecture.value]
    layers = [LOOP, frame + 2 + 2 * 3, SKIPS]
    assert [layer.instructions for layer in measurement.layers] == layers
    assert measurement.instructions == measurement.instructions_min == frame + 4 + sum(layers)


def test_two_decoders_agree(emulator: Emulator) -> None:
    """The native counter, which looks at a few bits, and Capstone, which decodes, see as many instructions."""
    emulator.run([np.zeros((1, 1), dtype=np.int8)])
    counter = emulator.core.counter
    assert counter.weigh(len) == counter.total > 0


def test_jumps_are_counted_by_hand(emulator: Emulator) -> None:
    """3 calls and 3 returns, 2 calls and 2 returns inside, 9 rounds back; the loop's exit falls through."""
    emulator.run([np.zeros((1, 1), dtype=np.int8)])
    assert emulator.core.counter.jumps() == 3 + 3 + 2 + 2 + 9


def test_the_stack_is_exact(emulator: Emulator) -> None:
    """invoke has a frame, and the deepest layer another."""
    frame_bytes = FRAME_BYTES[emulator.image.target.core.architecture.value]
    assert emulator.measure([np.zeros((1, 1), dtype=np.int8)]).stack_bytes == 2 * frame_bytes
