"""Compile generated programs: for emulated cores, for WebAssembly, and for this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from smidgen.codegen.bundle import PENDING_STATUS, Port, Program
from smidgen.codegen.optimization import find_optimization
from smidgen.targets import CORES, Core, Target
from smidgen.verification.image import Image, read_image
from smidgen.verification.zig import build

STRICT_FLAGS = (
    "-std=c99",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Werror",
)

# -ffp-contract=off: fused multiply-adds would make float outputs differ between cores.
_CODE_FLAGS = ("-g1", "-ffp-contract=off", "-fno-math-errno", "-I.")
_SECTION_FLAGS = (
    "-fno-sanitize=all",
    "-fno-stack-protector",
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
)
_HOST_FLAGS = (*CORES["host"].zig_flags, "-O2", *_CODE_FLAGS, *STRICT_FLAGS)
_LIBRARY_FLAGS = ("-fno-sanitize=all", "-shared", "-fPIC")

WASM_STACK_BYTES = 16 * 1024  # zig places the stack first in linear memory, so that it overflows out of it


def build_image(program: Program, target: Target, folder: Path | None = None) -> Image:
    """Compile `program` for one core and link it with the boot harness.

    All that its entry points need is linked, compiler helpers included. `folder` takes the products instead of the
    cache. Raises ToolchainError with the compiler's message, or where the C is not what `program` says of it.
    """
    sources = freestanding_sources(program, "harness.c", "image.ld", "memory.ld")
    compile_flags = freestanding_flags(program, target.core.zig_flags)
    features = [f"-DTARGET_HAS_FPU={target.core.has_fpu:d}", f"-DTARGET_HAS_DSP={target.core.has_dsp:d}"]
    roots = [f"-Wl,-u,{program.name}_{entry}" for entry in program.entry_points]
    commands = [
        ["cc", *compile_flags, "-c", f"{program.name}.c", "-o", "model.o"],
        ["cc", *compile_flags, *features, "-c", "harness.c", "-o", "harness.o"],
        [
            "cc",
            *compile_flags,
            "harness.o",
            "model.o",
            "-Wl,-T,image.ld",
            "-L.",
            "-Wl,--gc-sections",
            *roots,
            "-o",
            "image.elf",
        ],
    ]
    products = build(sources, commands, folder)
    return read_image(products / "image.elf", products / "model.o", program, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmModules:
    """Where the WebAssembly of a program lies."""

    program: Path  # the program alone, stripped: what a page would load
    context_bytes: Path  # a module that tells the size of the context


def build_wasm(program: Program, core: Core, folder: Path | None = None) -> WasmModules:
    """Compile `program` to WebAssembly that exports its entry points, its memory and `__heap_base`, and needs nothing.

    `folder` and errors as for `build_image`.
    """
    flags = freestanding_flags(program, core.zig_flags)
    link = ["-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--gc-sections", f"-Wl,-z,stack-size={WASM_STACK_BYTES}"]
    exports = [
        f"-Wl,--export={name}" for name in (*(f"{program.name}_{e}" for e in program.entry_points), "__heap_base")
    ]
    commands = [
        ["cc", *flags, f"{program.name}.c", *link, *exports, "-o", "program.wasm"],
        ["cc", *flags, "context_bytes.c", *link, "-o", "context_bytes.wasm"],
    ]
    products = build(freestanding_sources(program, "context_bytes.c"), commands, folder)
    return WasmModules(program=products / "program.wasm", context_bytes=products / "context_bytes.wasm")


def build_host_object(program: Program, folder: Path | None = None) -> Path:
    """Compile `program` for this machine as for an image, without linking: what its code and constants take."""
    command = ["cc", *_HOST_FLAGS, *_SECTION_FLAGS, "-c", f"{program.name}.c", "-o", "model.o"]
    return build(program.files, [command], folder) / "model.o"


def build_host_library(program: Program, folder: Path | None = None) -> Path:
    """Compile `program` into a shared object of this machine with the entry points of host.c."""
    sources = {**program.files, **_resources("host.c"), "program.h": _program_header(program)}
    command = ["cc", *_HOST_FLAGS, *_LIBRARY_FLAGS, f"{program.name}.c", "host.c", "-o", "host.so"]
    return build(sources, [command], folder) / "host.so"


def build_tracing_library(program: Program, folder: Path | None = None) -> Path:
    """Compile `program` as `build_host_library` does; its functions tell when they are entered, see host_trace.c."""
    sources = {**program.files, **_resources("host.c", "host_trace.c"), "program.h": _program_header(program)}
    flags = [*_HOST_FLAGS, *_LIBRARY_FLAGS, "-finstrument-functions-after-inlining"]
    command = ["cc", *flags, f"{program.name}.c", "host.c", "host_trace.c", "-o", "host.so"]
    return build(sources, [command], folder) / "host.so"


def build_host_executable(program: Program, folder: Path | None = None) -> Path:
    """Compile `program` into an executable of this machine, host_main.c, that undefined behaviour ends with a signal.

    Undefined behaviour is what clang's sanitiser knows: overflow, misalignment, bad shifts, indices beyond arrays of
    known size. zig has no address sanitiser; the emulator's unmapped pages take that part, and gcc's, if installed.
    """
    sources = host_main_sources(program)
    sanitizer = ["-fsanitize=undefined", "-fsanitize-trap=undefined"]
    command = ["cc", *_HOST_FLAGS, *sanitizer, f"{program.name}.c", "host_main.c", "-o", "host"]
    return build(sources, [command], folder) / "host"


def host_main_sources(program: Program) -> dict[str, str]:
    """Return what an executable of this machine is made from: the program and host_main.c."""
    return {**program.files, **_resources("host_main.c"), "program.h": _program_header(program)}


def build_block_counter(folder: Path | None = None) -> Path:
    """Compile the emulator's native hook, block_counter.c, for this machine."""
    command = ["cc", *_HOST_FLAGS, *_LIBRARY_FLAGS, "block_counter.c", "-o", "block_counter.so"]
    return build(_resources("block_counter.c"), [command], folder) / "block_counter.so"


def freestanding_flags(program: Program, machine_flags: Sequence[str]) -> list[str]:
    """Return how a program is compiled where there is no C library, for what `machine_flags` name."""
    return [
        *machine_flags,
        find_optimization(program.optimize).flag,
        *_CODE_FLAGS,
        *_SECTION_FLAGS,
        "-Ifreestanding",
        *STRICT_FLAGS,
    ]


def freestanding_sources(program: Program, *resources: str) -> dict[str, str]:
    """Return the program, what it may include where there is no C library, and files of the harness."""
    headers = _resources("freestanding/string.h", "freestanding/math.h", *resources)
    return {**program.files, **headers, "program.h": _program_header(program)}


def _resources(*names: str) -> dict[str, str]:
    package = files("smidgen.verification")
    return {name: package.joinpath(name).read_text(encoding="utf-8") for name in names}


def _program_header(program: Program) -> str:
    """Return program.h: what harness.c, host.c and host_main.c need to know of the program, under fixed names."""
    name = program.name
    arguments = [f"(in)[{i}]" for i in range(len(program.inputs))] + [
        f"(out)[{i}]" for i in range(len(program.outputs))
    ]
    return "\n".join(
        (
            f'#include "{name}.h"',
            f"typedef {name}_context program_context;",
            f"#define PROGRAM_INIT {name}_init",
            f"#define PROGRAM_SELFTEST {name}_selftest",
            f"#define PROGRAM_CALL(context, in, out) {name}_{program.entry}((context), {', '.join(arguments)})",
            f'#define PROGRAM_ENTRY "{program.entry}"',
            f"#define PROGRAM_PENDING {PENDING_STATUS if program.entry == 'step' else -1}",
            f"#define PROGRAM_N_INPUTS {len(program.inputs)}U",
            f"#define PROGRAM_N_OUTPUTS {len(program.outputs)}U",
            f"#define PROGRAM_INPUT_BYTES {_byte_counts(program.inputs)}",
            f"#define PROGRAM_OUTPUT_BYTES {_byte_counts(program.outputs)}",
            "",
        )
    )


def _byte_counts(ports: tuple[Port, ...]) -> str:
    return "{" + ", ".join(f"{port.n_bytes}U" for port in ports) + "}"
