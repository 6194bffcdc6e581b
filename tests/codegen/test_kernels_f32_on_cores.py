"""The float32 kernels give the bytes of their numpy twins on emulated cores, with a floating-point unit and without."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from kernel_library import assert_same_floats, kernel_files
from numpy.typing import NDArray

from smidgen.codegen.bundle import Layer, Port, Program
from smidgen.numerics import float32
from smidgen.numerics.window import Window
from smidgen.targets import EMULATED_CORES
from smidgen.verification import Emulator, build_image, run_isolated

Floats = NDArray[np.float32]

POOL = 160  # floats of one sample: every operand of every kernel is read from them


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kernel call, with `x` the pool and `y` the output, beside its twin on the same floats."""

    call: str
    shape: tuple[int, ...]
    twin: Callable[[Floats], Floats]


def piece(x: Floats, start: int, *shape: int) -> Floats:
    """Return the floats from `start` on as an array of `shape`."""
    return x[start : start + int(np.prod(shape))].reshape(shape)


CASES = {
    "linear": Case(
        call="linear_f32(x, x + 30, x + 90, y, 3U, 10U, 6U)",
        shape=(3, 6),
        twin=lambda x: float32.linear(piece(x, 0, 3, 10), piece(x, 30, 6, 10), piece(x, 90, 6)),
    ),
    "conv2d": Case(
        call="conv2d_f32(x, x + 40, x + 64, y, "
        "1U, 10U, 1U, 4U, 10U, 1U, 4U, 3U, 1U, 4U, 0U, 1U, 1U, 2U, 1U, 1U, 1U, 2U)",
        shape=(10, 4),
        twin=lambda x: float32.conv2d(
            piece(x, 0, 1, 10, 1, 4), piece(x, 40, 4, 3, 1, 2), piece(x, 64, 4),
            Window(size=(3, 1), dilation=(2, 1), pad_before=(4, 0)), groups=2,
        ).reshape(10, 4),
    ),
    "average_pool": Case(
        call="average_pool_f32(x, y, 1U, 6U, 5U, 6U, 4U, 3U, 3U, 2U, 1U, 0U, 1U, 1U, 1U, 1U, 0U)",
        shape=(6, 4, 3),
        twin=lambda x: float32.average_pool(
            piece(x, 0, 1, 6, 5, 3), Window(size=(3, 2), pad_before=(1, 0), pad_after=(1, 0)), count_padding=False
        )[0],
    ),
    "max_pool": Case(
        call="max_pool_f32(x, y, 1U, 6U, 5U, 6U, 4U, 3U, 3U, 2U, 1U, 0U, 1U, 1U, 1U, 1U)",
        shape=(6, 4, 3),
        twin=lambda x: float32.max_pool(
            piece(x, 0, 1, 6, 5, 3), Window(size=(3, 2), pad_before=(1, 0), pad_after=(1, 0))
        )[0],
    ),
    "rms_norm": Case(
        call="rms_norm_f32(x, x + 60, y, 5U, 12U, 1e-5f)",
        shape=(5, 12),
        twin=lambda x: float32.rms_norm(piece(x, 0, 5, 12), piece(x, 60, 12), eps=1e-5),
    ),
    "layer_norm": Case(
        call="layer_norm_f32(x, x + 60, x + 72, y, 5U, 1U, 1U, 12U, 1e-5f)",
        shape=(5, 12),
        twin=lambda x: float32.layer_norm(piece(x, 0, 5, 12), piece(x, 60, 12), piece(x, 72, 12), eps=1e-5),
    ),
    "group_norm": Case(
        call="layer_norm_f32(x, x + 72, x + 78, y, 2U, 6U, 3U, 2U, 1e-5f)",
        shape=(2, 6, 6),
        twin=lambda x: float32.group_norm(piece(x, 0, 2, 6, 6), piece(x, 72, 6), piece(x, 78, 6), groups=3, eps=1e-5),
    ),
    "second_moment": Case(
        call="second_moment_f32(x, y, 10U, 16U, 1U, 1U, 15.0f)",
        shape=(10,),
        twin=lambda x: float32.second_moment(piece(x, 0, 10, 16), centred=True, root=True, divisor=15.0),
    ),
    "matmul": Case(
        call="matmul_f32(x, x + 60, y, 2U, 5U, 6U, 4U, 30U, 24U, 1U)",
        shape=(2, 5, 4),
        twin=lambda x: float32.matmul(piece(x, 0, 2, 5, 6), piece(x, 60, 2, 4, 6), transposed=True),
    ),
    "max_plus": Case(
        call="max_plus_f32(x, x + 30, y, 3U, 10U, 6U)",
        shape=(3, 6),
        twin=lambda x: float32.max_plus(piece(x, 0, 3, 10), piece(x, 30, 6, 10)),
    ),
    "softmax": Case(
        call="softmax_f32(x, x + 60, y, 6U, 10U, 2U)",
        shape=(3, 2, 10),
        twin=lambda x: float32.softmax(piece(x, 0, 3, 2, 10), seen=piece(x, 60, 2, 10)),
    ),
    "log_softmax": Case(
        call="log_softmax_f32(x, y, 6U, 10U)", shape=(6, 10), twin=lambda x: float32.log_softmax(piece(x, 0, 6, 10))
    ),
    "attention": Case(
        call="attention_f32(x, x + 48, x + 72, x + 84, y, ctx->scratch, "
        "6U, 6U, 2U, 1U, 4U, 2U, 1U, 4U, 0U, 0, 4, 1, -1, 0.5f)",
        shape=(6, 2, 2),
        twin=lambda x: float32.attention(
            piece(x, 0, 1, 6, 2, 4), piece(x, 48, 1, 6, 1, 4), piece(x, 72, 1, 6, 1, 2), scale=0.5, causal=True,
            window=4, offset=0, bias=piece(x, 84, 2, 4),
        )[0],
    ),
    "linear_attention": Case(
        call="fill_q(ctx->scratch, 12U, 0, 32U);\n"
        "    linear_attention_f32(x, x + 30, x + 60, x + 100, y, ctx->scratch, 5U, 2U, 3U, 2U, 0.5f)",
        shape=(5, 2, 2),
        twin=lambda x: float32.linear_attention(
            piece(x, 0, 1, 5, 2, 3), piece(x, 30, 1, 5, 2, 3), piece(x, 60, 1, 5, 2, 2), scale=0.5,
            decay=piece(x, 100, 2),
        )[0],
    ),
    "rotary": Case(
        call="rotary_f32(x, x + 60, x + 70, y, 5U, 2U, 6U, 2U, 1U)",
        shape=(5, 2, 6),
        twin=lambda x: float32.rotary(
            piece(x, 0, 1, 5, 2, 6), piece(x, 60, 1, 5, 1, 2), piece(x, 70, 1, 5, 1, 2), interleaved=True
        )[0],
    ),
    "selective_scan": Case(
        call="fill_q(ctx->scratch, 15U, 0, 32U);\n"
        "    selective_scan_f32(x, x + 30, x + 60, x + 78, x + 96, x + 111, y, ctx->scratch,\n"
        "                       6U, 5U, 5U, 1U, 3U, 3U, 0U)",
        shape=(6, 5),
        twin=lambda x: float32.selective_scan(
            piece(x, 0, 1, 6, 5), piece(x, 30, 1, 6, 5), piece(x, 60, 1, 6, 3), piece(x, 78, 1, 6, 3),
            piece(x, 96, 5, 3), piece(x, 111, 5),
        )[0],
    ),
    "gru": Case(
        call="fill_q(ctx->scratch, 4U, 0, 32U);\n"
        "    gru_f32(x, x + 60, x + 108, y, ctx->scratch, ctx->scratch + 4, 5U, 4U, 0U)",
        shape=(5, 4),
        twin=lambda x: float32.gru(piece(x, 0, 1, 5, 12), piece(x, 60, 12, 4), piece(x, 108, 12))[0],
    ),
    "lstm": Case(
        call="fill_q(ctx->scratch, 6U, 0, 32U); "
        "lstm_f32(x, x + 48, x + 84, y, ctx->scratch, ctx->scratch + 3, ctx->scratch + 6, 4U, 3U, 1U)",
        shape=(4, 3),
        twin=lambda x: float32.lstm(
            piece(x, 0, 1, 4, 12), piece(x, 48, 12, 3), piece(x, 84, 12), reverse=True
        )[0][0],
    ),
    "rnn": Case(
        call="fill_q(ctx->scratch, 4U, 0, 32U); "
        "rnn_f32(x, x + 20, x + 36, y, ctx->scratch, ctx->scratch + 4, 5U, 4U, 0U, 0U)",
        shape=(5, 4),
        twin=lambda x: float32.rnn(piece(x, 0, 1, 5, 4), piece(x, 20, 4, 4), piece(x, 36, 4), relu=False)[0],
    ),
    "mean": Case(
        call="mean_f32(x, y, 5U, 7U, 4U)", shape=(5, 4), twin=lambda x: float32.mean(piece(x, 0, 5, 7, 4), axis=1)
    ),
    "div": Case(
        call="div_f32(x, x + 80, y, 1U, 1U, 1U, 80U, 0U, 0U, 0U, 1U, 0U, 0U, 0U, 1U)",
        shape=(80,),
        twin=lambda x: float32.div(piece(x, 0, 80), piece(x, 80, 80)),
    ),
    **{
        name: Case(call=f"{name}_f32(x, y, {POOL}U)", shape=(POOL,), twin=float32.POINTWISE[name])
        for name in ("exp", "tanh", "sigmoid", "silu", "softplus", "gelu", "gelu_tanh", "relu", "abs", "neg")
    },
}  # fmt: skip


def program() -> Program:
    """One layer a case, all reading the same pool."""
    functions = {name: f"kernels_op_{name}" for name in CASES}
    layers = [
        f"static __attribute__((noinline)) void {functions[name]}(kernels_context *ctx, const float *x, float *y)\n"
        f"{{\n    (void)ctx;\n    {case.call};\n}}\n"
        for name, case in CASES.items()
    ]
    parameters = "kernels_context *ctx, const float *x, " + ", ".join(f"float *{name}_y" for name in CASES)
    calls = "".join(f"    {function}(ctx, x, {name}_y);\n" for name, function in functions.items())
    entry_points = [
        f"int32_t kernels_{name}(kernels_context *ctx)\n{{\n    (void)ctx;\n    return 0;\n}}\n"
        for name in ("init", "reset", "selftest")
    ]
    headers = [f'#include "{name}"' for name in sorted(kernel_files()) if name.endswith("_f32.h")]
    return Program(
        name="kernels",
        files={
            **kernel_files(),
            "kernels.h": "#include <stdint.h>\ntypedef struct {\n    float scratch[32];\n} kernels_context;\n"
            + "".join(f"int32_t kernels_{name}(kernels_context *ctx);\n" for name in ("init", "reset", "selftest"))
            + f"int32_t kernels_invoke({parameters});\n",
            "kernels.c": "\n".join(
                [
                    *headers,
                    '#include "kernels.h"\n',
                    *layers,
                    *entry_points,
                    f"int32_t kernels_invoke({parameters})\n{{\n{calls}    return 0;\n}}\n",
                ]
            ),
        },
        inputs=(Port(name="x", dtype="float32", shape=(POOL,)),),
        outputs=tuple(Port(name=name, dtype="float32", shape=case.shape) for name, case in CASES.items()),
        layers=tuple(Layer(name=name, op=name, function=function, macs=0) for name, function in functions.items()),
        context_bytes=128,
        state_bytes=0,
        arena_bytes=128,
    )


def pools() -> Floats:
    """Samples around one, at magnitudes where products, quotients and exponentials are subnormal or huge, and mixed."""
    random = np.random.default_rng(11)
    ordinary = random.normal(size=(20, POOL))
    scaled = random.normal(size=(60, POOL)) * np.exp2(random.integers(-140, 100, (60, 1)))
    sweep = random.uniform(-110.0, 110.0, (40, POOL))
    mixed = random.normal(size=(40, POOL)) * np.exp2(random.integers(-148, 120, (40, POOL)))
    return np.concatenate([ordinary, scaled, sweep, mixed]).astype(np.float32)


@pytest.mark.parametrize("target", EMULATED_CORES)
def test_kernels_on_a_core(target: str) -> None:
    """Each kernel equals its twin bit for bit on each core, subnormal results, roots and quotients included."""
    kernels, samples = program(), pools()
    actual = Emulator(build_image(kernels, EMULATED_CORES[target]), kernels).run([samples])
    for case, outputs in zip(CASES.values(), actual, strict=True):
        assert_same_floats(np.stack([case.twin(sample) for sample in samples]), outputs)


def test_no_input_is_undefined_behaviour() -> None:
    """Infinities and NaNs run through every kernel without undefined behaviour, by clang's sanitiser."""
    samples = pools()
    random = np.random.default_rng(12)
    samples[random.random(samples.shape) < 0.05] = np.nan
    samples[random.random(samples.shape) < 0.05] = np.inf
    samples[random.random(samples.shape) < 0.05] = -np.inf
    outputs = run_isolated(program(), [samples])
    assert all(np.isnan(output).any() for output in outputs)
