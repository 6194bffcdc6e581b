"""What the C generator hands to everything that compiles, runs or packages it: one generated program."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from smidgen.codegen.optimization import find_optimization
from smidgen.errors import ConfigError
from smidgen.ir.clock import EVERY_FRAME, Clock

PORT_ITEM_BYTES: Mapping[str, int] = {"int8": 1, "int16": 2, "int32": 4, "float32": 4}

#: What runs a program: a whole window, or one frame on from the state that the frames before left.
ENTRIES = ("invoke", "step")

#: C has no empty struct.
LEAST_ARENA_BYTES = 4

#: What a step answers when its frame was taken and no output comes with it.
PENDING_STATUS = 4

_C_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output of the firmware: a dense array in C order."""

    name: str
    dtype: str  # one of PORT_ITEM_BYTES
    shape: tuple[int, ...]  # without batch

    def __post_init__(self) -> None:
        if self.dtype not in PORT_ITEM_BYTES:
            raise ConfigError(f"port {self.name!r} has dtype {self.dtype!r}; known: {', '.join(PORT_ITEM_BYTES)}")
        if any(size < 1 for size in self.shape):
            raise ConfigError(f"port {self.name!r} has shape {self.shape}; every size must be at least 1")

    @property
    def n_bytes(self) -> int:
        return prod(self.shape) * PORT_ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a layer's result stands when the layer has run: a tensor of the graph, in the arena or in an output."""

    tensor: str
    region: str  # "arena", "state", or the name of a port
    offset: int  # in bytes
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operator call of the generated C."""

    name: str  # of the source, e.g. "layers.0.in_proj"
    op: str  # e.g. "linear"
    function: str  # C symbol of the static noinline function that runs it, e.g. "rooms_op_003_layers_0_in_proj"
    macs: int  # multiply-accumulates of one call
    result: Place | None = None  # for traces; None: the layer cannot be traced

    def __post_init__(self) -> None:
        if not _C_IDENTIFIER.fullmatch(self.function):
            raise ConfigError(f"layer {self.name!r} names the function {self.function!r}, which is no C identifier")
        if self.macs < 0:
            raise ConfigError(f"layer {self.name!r} has {self.macs} multiply-accumulates; at least 0 is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one program from all others, on paper and on a board."""

    model_sha256: str  # of the graph: structure, constants and names
    weights_sha256: str  # of the constants
    known_answer_crc32: int  # of all outputs, in order, for the self-test's input


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Generated C of one model.

    `<name>.c` is the only translation unit. It defines `<name>_init(ctx)`, `<name>_reset(ctx)`, `<name>_selftest(ctx)`
    and `<name>_<entry>(ctx, inputs..., outputs...)`, each returning a `<name>_status` that is 0 when all went well. A
    program that runs windows is called by `invoke`, one that takes frame after frame and keeps a state by `step`.
    """

    name: str  # C prefix, e.g. "rooms"
    files: Mapping[str, str]  # by file name: "rooms.h", "rooms.c", "rooms_weights.h", "rooms_kernels.h"
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]  # in the order in which a call runs them
    context_bytes: int  # sizeof(<name>_context) is at least this: state and arena
    state_bytes: int
    arena_bytes: int
    entry: str = "invoke"  # one of ENTRIES
    answers: Clock = EVERY_FRAME  # the calls after reset that give outputs; PENDING_STATUS is the answer of the others
    identity: Identity | None = None  # None: written by hand
    optimize: str = "balanced"  # a name of OPTIMIZATIONS: how the compiler is to be called

    def __post_init__(self) -> None:
        if not _C_IDENTIFIER.fullmatch(self.name):
            raise ConfigError(f"program name {self.name!r} is no C identifier")
        missing = [name for name in (f"{self.name}.h", f"{self.name}.c") if name not in self.files]
        if missing:
            raise ConfigError(f"program {self.name} has no {' and no '.join(missing)}; it has {', '.join(self.files)}")
        if self.entry not in ENTRIES:
            raise ConfigError(f"program {self.name} is called by {self.entry!r}; known: {', '.join(ENTRIES)}")
        find_optimization(self.optimize)
        unsafe = [name for name in self.files if "/" in name or "\\" in name or name.startswith(".")]
        if unsafe:
            raise ConfigError(f"program {self.name} has file names that leave its folder: {', '.join(unsafe)}")
        if not self.inputs or not self.outputs:
            raise ConfigError(f"program {self.name} needs at least one input and one output")
        functions = [layer.function for layer in self.layers]
        if len(set(functions)) != len(functions):
            raise ConfigError(f"program {self.name} has two layers with one C function; each needs its own")

    @property
    def arena_member_bytes(self) -> int:
        """Bytes of the context in front of its state: the arena, which C wants to be some bytes at least."""
        return max(self.arena_bytes, LEAST_ARENA_BYTES)

    @property
    def entry_points(self) -> tuple[str, ...]:
        """What the program defines, without its name in front."""
        return ("init", "reset", self.entry, "selftest")

    @property
    def ports(self) -> tuple[Port, ...]:
        """Inputs, then outputs: the order of a call's pointers."""
        return self.inputs + self.outputs
