"""A hand-made program with a numpy twin, and a way to plant faults into its layers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.codegen.bundle import Layer, Port, Program

_FOLDER = Path(__file__).with_name("mixer")
_WEIGHTS = np.array(
    [[1, -2, 3, -4, 5, -6], [7, 8, -9, 10, 11, -12], [0, 1, 0, -1, 0, 1], [127, -127] * 3, [2] * 6], dtype=np.int32
)
_DIVISORS = np.array([3, 5, 1, 100, 7], dtype=np.int32)

Plant = Callable[..., Program]


@pytest.fixture(scope="session")
def mixer() -> Program:
    """Three layers, three inputs and three outputs: with the context, invoke has seven pointers."""
    return Program(
        name="mixer",
        files={path.name: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.iterdir())},
        inputs=(
            Port(name="x", dtype="int8", shape=(6,)),
            Port(name="offset", dtype="int16", shape=(2,)),
            Port(name="gain", dtype="float32", shape=(1,)),
        ),
        outputs=(
            Port(name="y", dtype="int8", shape=(5,)),
            Port(name="energy", dtype="float32", shape=(2,)),
            Port(name="sum", dtype="int32", shape=()),
        ),
        layers=(
            Layer(name="project", op="linear", function="mixer_op_000_project", macs=30),
            Layer(name="scale", op="mul", function="mixer_op_001_scale", macs=5),
            Layer(name="head", op="add", function="mixer_op_002_head", macs=0),
        ),
        context_bytes=40,
        state_bytes=0,
        arena_bytes=40,
    )


@pytest.fixture(scope="session")
def plant(mixer: Program) -> Plant:
    """Return the mixer, or a form of it, with one piece of its C replaced; a layer's name stands for its start."""

    def planted(old: str, new: str, program: Program = mixer) -> Program:
        old = f"/* plant in {old} */" if old in [layer.name for layer in mixer.layers] else old
        source = program.files["mixer.c"]
        assert source.count(old) == 1
        return replace(program, files={**program.files, "mixer.c": source.replace(old, new)})

    return planted


@pytest.fixture(scope="session")
def mixer_samples() -> list[np.ndarray]:
    """40 samples of the mixer's three inputs."""
    rng = np.random.default_rng(7)
    x = rng.integers(-128, 128, (40, 6)).astype(np.int8)
    offset = rng.integers(-300, 300, (40, 2)).astype(np.int16)
    gain = rng.normal(size=(40, 1)).astype(np.float32)
    return [x, offset, gain]


@pytest.fixture(scope="session")
def mixer_outputs(mixer_samples: list[np.ndarray]) -> list[np.ndarray]:
    """What the mixer must answer to its samples, by numpy."""
    x, offset, gain = mixer_samples
    projected = np.trunc((x.astype(np.int32) @ _WEIGHTS.T) / _DIVISORS).astype(np.int32)  # C divides toward zero
    scaled = projected.astype(np.float32) * gain
    energy = np.zeros(len(x), dtype=np.float32)
    for row in range(5):
        energy = energy + scaled[:, row] * scaled[:, row]
    value = np.trunc((scaled.astype(np.int32) + offset[:, [0, 1, 0, 1, 0]]) / _DIVISORS).astype(np.int32)
    y = np.clip(value, -128, 127).astype(np.int8)
    return [y, np.stack([energy, gain[:, 0]], axis=1), value.sum(axis=1, dtype=np.int32)]
