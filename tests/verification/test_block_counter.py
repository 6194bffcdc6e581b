"""Instruction counts are those that a person counts in the assembly."""

import numpy as np
import pytest

from smidgen.codegen.bundle import Layer, Port, Program
from smidgen.targets import TARGETS
from smidgen.verification import Emulator, build_image

HEADER = """#include <stdint.h>
typedef int32_t counted_status;
typedef struct { int32_t unused; } counted_context;
counted_status counted_init(counted_context *ctx);
counted_status counted_reset(counted_context *ctx);
counted_status counted_selftest(counted_context *ctx);
counted_status counted_invoke(counted_context *ctx, const int8_t *x, int8_t *y);
"""

# Instructions by hand: shared 3, loop 1 + 10 * 2 + 1, calls 4 + 2 * 3, skips 5 (of which one of 32 bits, and one whose
# condition does not hold) or, on a core that has neither, 4; invoke itself 6.
SOURCE = """#include "counted.h"
#define ASSEMBLY __attribute__((noinline, naked, used))
static ASSEMBLY void shared(void) { __asm__ volatile("nop\\n nop\\n bx lr"); }
static ASSEMBLY void loop(void) { __asm__ volatile("movs r0, #10\\n 1: subs r0, r0, #1\\n bne 1b\\n bx lr"); }
static ASSEMBLY void calls(void) { __asm__ volatile("push {r7, lr}\\n bl shared\\n bl shared\\n pop {r7, pc}"); }
#if defined(__ARM_FEATURE_DSP)
static ASSEMBLY void skips(void) { __asm__ volatile("ldr.w r1, [sp]\\n cmp r0, r0\\n it ne\\n movne r0, #1\\n bx lr"); }
#else
static ASSEMBLY void skips(void) { __asm__ volatile("cmp r0, r0\\n bne 1f\\n nop\\n 1: bx lr"); }
#endif
ASSEMBLY counted_status counted_invoke(counted_context *ctx, const int8_t *x, int8_t *y)
{ __asm__ volatile("push {r7, lr}\\n bl loop\\n bl calls\\n bl skips\\n movs r0, #0\\n pop {r7, pc}"); }
counted_status counted_init(counted_context *ctx) { return counted_reset(ctx); }
counted_status counted_reset(counted_context *ctx) { ctx->unused = 0; return 0; }
counted_status counted_selftest(counted_context *ctx) { return counted_reset(ctx); }
"""
LOOP, CALLS, INVOKE = 1 + 10 * 2 + 1, 4 + 2 * 3, 6
SKIPS = {"cortex-m4": 5, "cortex-m0plus": 4}


@pytest.fixture(params=TARGETS.values(), ids=TARGETS.keys())
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
    skips = SKIPS[emulator.image.target.name]
    assert [layer.instructions for layer in measurement.layers] == [LOOP, CALLS, skips]
    assert measurement.instructions == measurement.instructions_min == INVOKE + LOOP + CALLS + skips


def test_two_decoders_agree(emulator: Emulator) -> None:
    """The native counter, which looks at leading bits, and Capstone, which decodes, see as many instructions."""
    emulator.run([np.zeros((1, 1), dtype=np.int8)])
    counter = emulator.core.counter
    assert counter.weigh(len) == counter.total > 0


def test_jumps_are_counted_by_hand(emulator: Emulator) -> None:
    """3 calls and 3 returns, 2 calls and 2 returns inside, 9 rounds back; the loop's exit falls through."""
    emulator.run([np.zeros((1, 1), dtype=np.int8)])
    assert emulator.core.counter.jumps() == 3 + 3 + 2 + 2 + 9


def test_the_stack_is_exact(emulator: Emulator) -> None:
    """invoke pushes two words, and the deepest layer two more."""
    assert emulator.measure([np.zeros((1, 1), dtype=np.int8)]).stack_bytes == 16
