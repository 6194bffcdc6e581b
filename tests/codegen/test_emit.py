"""Generated C: equal to the reference, the same bytes every time, silent under strict flags, able to test itself."""

import ctypes
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from drawing import graphs
from graph_maker import INT8, INT16, Array, GraphMaker
from graphs import every_float_operator, every_integer_operator, replaced, samples
from hypothesis import given, settings
from kernel_library import kernel_files

from smidgen.codegen import Program, emit
from smidgen.errors import ConfigError, GraphError
from smidgen.ir import Graph, Quantity, interpret
from smidgen.numerics import linear
from smidgen.numerics.quantization import QParams
from smidgen.passes import Placement, check_plan, fold, plan_memory
from smidgen.targets import find_target
from smidgen.verification import STRICT_FLAGS, Comparison, Emulator, HostModel, build_image, compare, run_isolated
from smidgen.verification.zig import build

GRAPHS = {"integer": every_integer_operator(), "float32": every_float_operator()}

HOST = ("-O2", "-mcpu=baseline", "-ffp-contract=off", "-fno-sanitize=all")

every_operator = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


def program_of(graph: Graph) -> Program:
    """Return the C of a graph under its own plan, with sample 5 as the known answer."""
    return emit(graph, plan_memory(graph), known_inputs=[values[5] for values in samples(graph, 6)])


def compare_with_reference(graph: Graph, run: Callable[[list[Array]], list[Array]], n: int = 40) -> Comparison:
    """Compare what `run` computes with the reference on samples with extremes."""
    inputs = samples(graph, n)
    values = interpret(graph, inputs)
    return compare([values[name] for name in graph.outputs], run(inputs), graph.outputs)


def planted(program: Program, file: str, right: str, wrong: str) -> Program:
    """Return the program with one piece of its C replaced."""
    name = f"{program.name}{file}"
    assert program.files[name].count(right) == 1
    return replace(program, files={**program.files, name: program.files[name].replace(right, wrong)})


# ---- equality --------------------------------------------------------------------------------------------------------


@every_operator
@pytest.mark.parametrize("folded", [False, True], ids=["lowered", "folded"])
def test_every_operator_equals_the_reference_on_the_host(graph: Graph, folded: bool) -> None:
    """Every byte of every output, extremes included, and without undefined behaviour."""
    graph = fold(graph) if folded else graph
    program = program_of(graph)
    assert compare_with_reference(graph, HostModel(program).run).mismatched_bytes == 0
    assert compare_with_reference(graph, lambda inputs: run_isolated(program, inputs)).mismatched_bytes == 0


@every_operator
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_every_operator_equals_the_reference_on_emulated_cores(graph: Graph, core: str) -> None:
    """The same bytes with and without DSP extension and floating-point unit; the self-test passes there too."""
    program = program_of(fold(graph))
    emulator = Emulator(build_image(program, find_target(core)), program)
    assert compare_with_reference(graph, emulator.run, n=6).mismatched_bytes == 0
    assert emulator.selftest() == 0


def test_a_program_planned_without_dsp_runs_where_it_is_too() -> None:
    """No kernel of it takes the extension's path, for which it has no memory: the same bytes on a core that has it."""
    m = GraphMaker("plain")
    wide = m.linear(m.linear(m.input("x", 3, 32), 32, INT16), 32)
    coded = [m.linear(wide, 32, INT16, form=form) for form in ("int4", "palette")]
    graph = m.graph(m.linear(m.concat(1, *coded), 32, form="int4"))
    plan = plan_memory(graph, has_dsp=False)
    assert not plan.scratch
    program = emit(graph, plan, known_inputs=[values[5] for values in samples(graph, 6)])
    emulator = Emulator(build_image(program, find_target("cortex-m4")), program)
    assert compare_with_reference(graph, emulator.run, n=6).mismatched_bytes == 0


@settings(max_examples=8)
@given(graph=graphs())
def test_random_graphs_equal_the_reference(graph: Graph) -> None:
    """Branches, views, in-place operators and several outputs."""
    assert compare_with_reference(graph, HostModel(program_of(graph)).run).mismatched_bytes == 0


def test_a_fault_in_a_kernel_is_caught() -> None:
    """Planted: without its rounding constant the product of the kernels' header gives other bytes."""
    graph = GRAPHS["integer"]
    faulty = planted(
        program_of(graph), "_kernels.h", "(((int64_t)a * b) + ((int64_t)1 << 31)) >> 32", "((int64_t)a * b) >> 32"
    )
    comparison = compare_with_reference(graph, HostModel(faulty).run)
    assert comparison.mismatched_bytes > 0
    assert comparison.first is not None


def test_a_fault_in_the_reference_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a reference that truncates where it should round differs from the C."""
    graph = GRAPHS["integer"]
    model = HostModel(program_of(graph))
    monkeypatch.setattr(linear, "requantize", lambda acc, multiplier, shift: (acc * multiplier) >> (32 - shift))
    assert compare_with_reference(graph, model.run).mismatched_bytes > 0


def test_a_fault_in_the_memory_plan_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: two live tensors in the same bytes. emit refuses; emitted all the same, the bytes differ."""
    m = GraphMaker("overlap")
    x = m.input("x", 4, 8)
    a, b = m.linear(x, 8), m.linear(x, 8)
    graph = m.graph(m.linear(m.binary("add", a, b), 2))
    plan = plan_memory(graph)
    plan = replace(plan, placements={**plan.placements, b: plan.placements[a]})
    known = [values[5] for values in samples(graph, 6)]
    with pytest.raises(GraphError, match="or were overwritten"):
        emit(graph, plan, known_inputs=known)
    monkeypatch.setattr(import_module("smidgen.codegen.emit"), "check_plan", lambda graph, plan: None)
    model = HostModel(emit(graph, plan, known_inputs=known))
    assert compare_with_reference(graph, model.run).mismatched_bytes > 0
    assert model.selftest() == 3


# ---- text ------------------------------------------------------------------------------------------------------------


@every_operator
def test_the_same_graph_gives_the_same_bytes(graph: Graph) -> None:
    """Twice in this process, and in another with another hash seed."""
    files = program_of(graph).files
    assert files == program_of(graph).files
    script = (
        "import sys, test_emit as t; "
        "[sys.stdout.write(text) for text in t.program_of(t.GRAPHS[sys.argv[1]]).files.values()]"
    )
    kind = next(kind for kind in GRAPHS if GRAPHS[kind] is graph)
    folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {folders}; {script}", kind],
        env={"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "".join(files.values())


@every_operator
def test_the_text_names_no_place_and_no_time(graph: Graph) -> None:
    """No absolute path, no date, no time, no tab, no line that only a wide screen shows."""
    for name, text in program_of(graph).files.items():
        assert not re.search(r"(?<![\w*/])/(?!\*)\w+/\w", text), name
        assert not re.search(r"__(DATE|TIME|FILE)__|\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", text), name
        assert "\t" not in text
        assert text.endswith("\n")


def test_the_text_reads_as_code() -> None:
    """One function an operator, named after it, with shapes, places and the proved bound above it."""
    graph = GRAPHS["integer"]
    source = program_of(graph).files["integers.c"]
    assert re.search(
        r"/\* linear\.(\d+)   linear   int8 \(6, 8\) -> int16 \(6, 4\)\n"
        r" \* arena \[\d+, \d+\) -> arena \[\d+, \d+\)   \|accumulator\| <= \d+ < 2\^31 \*/\n"
        r"static SMIDGEN_NOINLINE void integers_0+\1_linear_\1\(uint8_t \*arena\)\n",
        source,
    )
    assert source.count("SMIDGEN_NOINLINE") == len(program_of(graph).layers)


def test_the_program_says_what_the_c_has() -> None:
    """Ports, layers with their work, and bytes of context; views are no layers."""
    graph = GRAPHS["integer"]
    program, plan = program_of(graph), plan_memory(graph)
    assert [(p.name, p.dtype, p.shape) for p in program.inputs] == [("x", "int8", (6, 4)), ("wide", "int16", (6, 4))]
    assert [p.name for p in program.outputs] == list(graph.outputs)
    assert {layer.name for layer in program.layers} == {op.name for op in graph.ops} - plan.views
    assert next(layer.macs for layer in program.layers if layer.op == "conv2d") == (3 * 4 * 4) * (3 * 2 * 1)
    assert program.context_bytes == program.arena_bytes == plan.arena_bytes
    for layer in program.layers:
        assert f" {layer.function}(" in program.files["integers.c"]


def test_the_header_tells_how_to_talk_to_it() -> None:
    """Sizes, scales and zero points of every port are macros; a scale is the nearest float32, the double beside it."""
    header = program_of(GRAPHS["integer"]).files["integers.h"]
    for line in (
        "#define INTEGERS_X_SIZE 24U", "#define INTEGERS_X_DIM0 6U", "#define INTEGERS_X_DIM1 4U",
        "#define INTEGERS_X_ZERO_POINT (3)",
    ):  # fmt: skip
        assert line in header
    for port, scale in (("X", INT8.scale), ("WIDE", INT16.scale)):
        literal, exact = re.findall(rf"#define INTEGERS_{port}_SCALE (\S+)f /\* (\S+) \*/", header)[0]
        assert np.float32(scale) == np.float32(literal)
        assert scale == float(exact)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_a_scale_beyond_float32_stays_a_double(scale: float) -> None:
    """A literal that would read back as zero or infinity is never written."""
    m = GraphMaker("tiny")
    x = m.input("x", 4, qparams=QParams(dtype="int8", scale=scale))
    header = program_of(m.graph(m.table(x, INT8))).files["tiny.h"]
    assert f"#define TINY_X_SCALE {scale!r} /* {scale!r} */" in header


def test_the_header_says_what_the_numbers_are() -> None:
    """Axes, unit and description of an input stand in the comment, with nothing in them that ends it."""
    quantity = Quantity(unit="dBm", axes=("time", "access point"), description="127 = not heard */ int x; /*/")
    graph = GRAPHS["integer"]
    graph = replace(graph, tensors={**graph.tensors, "x": replace(graph["x"], quantity=quantity)})
    program = program_of(graph)
    assert (
        f" * In:  x int8 (time=6, access point=4), scale {INT8.scale:.6g} dBm: 127 = not heard * / int x; / * /\n"
        in program.files["integers.h"]
    )
    assert compare_with_reference(graph, HostModel(program).run).mismatched_bytes == 0


def test_the_identity_tells_programs_apart() -> None:
    """The hashes in the header are the program's own; another constant, or another name, changes the model's hash."""
    graph = GRAPHS["integer"]
    program = program_of(graph)
    assert program.identity is not None
    assert f'#define INTEGERS_MODEL_SHA256 "{program.identity.model_sha256}"' in program.files["integers.h"]
    assert f'#define INTEGERS_WEIGHTS_SHA256 "{program.identity.weights_sha256}"' in program.files["integers.h"]
    renamed = program_of(replace(graph, name="others")).identity
    assert renamed is not None
    assert renamed.model_sha256 != program.identity.model_sha256
    assert renamed.weights_sha256 == program.identity.weights_sha256


@every_operator
def test_the_known_answer_is_the_references(graph: Graph) -> None:
    """The identity's CRC is that of what host C gives for the self-test's input, over all outputs in order."""
    program = program_of(graph)
    outputs = HostModel(program).run([values[5:6] for values in samples(graph, 6)])
    assert program.identity is not None
    assert program.identity.known_answer_crc32 == zlib.crc32(b"".join(array.tobytes() for array in outputs))


@pytest.mark.parametrize("name", ["Rooms", "2rooms", "rooms-1", "", "rooms;"])
def test_a_name_that_is_no_c_prefix_is_refused(name: str) -> None:
    """The name becomes symbols and file names."""
    graph = replace(GRAPHS["integer"], name=name)
    with pytest.raises(
        ConfigError, match=rf"the name '{name}' becomes C symbols and file names: use lower-case letters"
    ):
        program_of(graph)


@pytest.mark.parametrize("port", ["signed", "ctx", "new"])
def test_a_port_that_is_a_word_of_c_is_refused(port: str) -> None:
    """A keyword as an argument would not compile; the message names it."""
    m = GraphMaker()
    graph = m.graph(m.table(m.input(port, 4)))
    with pytest.raises(ConfigError, match=f"'{port}' cannot be a parameter of a C function; rename"):
        program_of(graph)


@pytest.mark.parametrize("name", ["a*/ int evil; /*b", "x" * 300, "layers.0.über/läufer", "new\nline", "//"])
def test_an_operator_may_have_any_name(name: str) -> None:
    """A ModuleDict's key may hold anything: it ends no comment and hangs no wrapping."""
    m = GraphMaker()
    graph = m.graph(m.linear(m.input("x", 4), 3))
    graph = replaced(graph, graph.ops[0], name=name)
    assert compare_with_reference(graph, HostModel(program_of(graph)).run).mismatched_bytes == 0


# ---- compilers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", sorted(kernel_files()))
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_a_kernel_compiles_alone(kernel: str, compiler: str, tmp_path: Path) -> None:
    """Each kernel file is C99 by itself, silent under strict flags."""
    sources = {**kernel_files(), "alone.c": f'#include "{kernel}"\ntypedef int not_empty;\n'}
    compile_silently(compiler, sources, ["-c", "alone.c", "-o", "alone.o"], tmp_path)


@every_operator
@pytest.mark.parametrize("optimisation", ["-O0", "-O2", "-Os"])
def test_gcc_compiles_silently(graph: Graph, optimisation: str, tmp_path: Path) -> None:
    """A second compiler finds nothing to warn of either (zig compiles with the same flags for every equality test)."""
    program = program_of(graph)
    compile_silently("gcc", dict(program.files), [optimisation, "-c", f"{program.name}.c", "-o", "model.o"], tmp_path)


@every_operator
def test_the_header_is_cpp_too(graph: Graph) -> None:
    """A C++ program includes it and links the C: names keep C linkage."""
    program = program_of(graph)
    name = program.name
    nulls = ", ".join("nullptr" for _ in program.ports)
    main = f"""#include "{name}.h"
static {name}_context ctx;
int main() {{ return {name}_init(&ctx) + {name}_invoke(nullptr, {nulls}) - {name.upper()}_ERROR_NULL; }}
"""
    strict = ["-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    folder = build(
        {**program.files, "main.cpp": main},
        [
            ["c++", *HOST, *strict, "-c", "main.cpp", "-o", "main.o"],
            ["cc", *HOST, f"{name}.c", "main.o", "-o", "main"],  # by the C driver: no C++ library is needed
        ],
    )
    assert subprocess.run([folder / "main"]).returncode == 0


def compile_silently(compiler: str, sources: dict[str, str], arguments: list[str], folder: Path) -> None:
    """Compile in strict C99; any warning is an error."""
    flags = [*STRICT_FLAGS, "-ffp-contract=off", "-I."]
    if compiler == "zig":
        build(sources, [["cc", *flags, *arguments]])
    else:
        run_gcc(sources, [*flags, *arguments], folder)


def run_gcc(sources: Mapping[str, str], arguments: Sequence[str], folder: Path) -> None:
    """Run gcc in a folder that holds `sources`; it must have nothing to say."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("no gcc on this machine")
    for name, text in sources.items():
        (folder / name).write_text(text)
    done = subprocess.run([gcc, *arguments], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("pragma", [True, False], ids=["as delivered", "without the pragma"])
def test_floats_are_not_contracted_by_a_build_that_is_not_told(pragma: bool, tmp_path: Path) -> None:
    """gcc fuses products and sums unless told otherwise, and an Arduino library cannot tell it: a pragma does.

    Without it the bytes differ, so the test can see the fault.
    """
    if "fma" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("this processor has no fused multiply-add")
    graph = GRAPHS["float32"]
    program = program_of(graph)
    if not pragma:
        program = planted(program, "_kernels.h", '"fp-contract=off", ', "")
    arguments = ["-O2", "-mfma", "-ffp-contract=fast", "-fPIC", "-shared", f"{program.name}.c", "-o", "fused.so"]
    run_gcc(program.files, arguments, tmp_path)
    invoke = getattr(ctypes.CDLL(str(tmp_path / "fused.so")), f"{program.name}_invoke")
    differing = 0
    for sample in range(10):
        inputs = [np.ascontiguousarray(values[sample]) for values in samples(graph, 10)]
        outputs = [np.zeros(graph[name].shape, graph[name].dtype) for name in graph.outputs]
        arrays = (np.zeros(program.context_bytes, np.uint8), *inputs, *outputs)
        assert invoke(*(ctypes.c_void_p(array.ctypes.data) for array in arrays)) == 0
        values = interpret(graph, [array[None] for array in inputs])
        differing += sum(
            values[name][0].tobytes() != output.tobytes() for name, output in zip(graph.outputs, outputs, strict=True)
        )
    assert (differing == 0) == pragma


def test_two_models_live_in_one_image(tmp_path: Path) -> None:
    """Linked together, each still gives its own bytes: no symbol, type or macro of one meets the other's."""
    programs = [program_of(graph) for graph in GRAPHS.values()]
    names = [program.name for program in programs]
    both = "".join(f'#include "{name}.h"\n' for name in names)
    sources = {"both.c": f"{both}typedef int not_empty;\n"}
    for program in programs:
        sources |= program.files
    files = [f"{name}.c" for name in names]
    command = ["cc", *HOST, "-shared", "-fPIC", *STRICT_FLAGS, "both.c", *files]
    library = ctypes.CDLL(str(build(sources, [[*command, "-o", "both.so"]]) / "both.so"))
    contexts = [np.zeros(program.context_bytes + 64, np.uint8) for program in programs]
    for graph, program, context in zip(GRAPHS.values(), programs, contexts, strict=True):
        inputs = [np.ascontiguousarray(values[7]) for values in samples(graph)]
        outputs = [np.zeros(graph[name].shape, graph[name].dtype) for name in graph.outputs]
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (context, *inputs, *outputs)]
        assert getattr(library, f"{program.name}_invoke")(*pointers) == 0
        values = interpret(graph, [array[None] for array in inputs])
        for name, output in zip(graph.outputs, outputs, strict=True):
            assert values[name][0].tobytes() == output.tobytes()
        assert getattr(library, f"{program.name}_selftest")(pointers[0]) == 0


# ---- self-test -------------------------------------------------------------------------------------------------------


@every_operator
def test_the_selftest_passes(graph: Graph) -> None:
    """Constants and known answer are right as generated."""
    assert HostModel(program_of(graph)).selftest() == 0


@every_operator
def test_the_selftest_sees_a_changed_weight(graph: Graph) -> None:
    """One weight changed in the C: status 2, the constants in flash are damaged."""
    program = program_of(graph)
    weights = program.files[f"{program.name}_weights.h"]
    changed = re.sub(
        r"(_weight\[\d+\] = \{\n +)(-?\d)", lambda found: f"{found[1]}1{found[2].strip('-')}", weights, count=1
    )
    assert changed != weights
    damaged = replace(program, files={**program.files, f"{program.name}_weights.h": changed})
    assert HostModel(damaged).selftest() == 2


def test_answers_that_are_no_numbers_are_refused() -> None:
    """A self-test cannot compare infinity; the output is named, and what to do."""
    m = GraphMaker("endless")
    graph = m.graph(m.pointwise(m.input("x", 2, qparams=None), "log"))
    with pytest.raises(GraphError, match="graph endless: its output t1 is infinite or no number for the known inputs"):
        emit(graph, plan_memory(graph), known_inputs=[np.zeros(2, np.float32)])


@every_operator
def test_the_selftest_sees_another_answer(graph: Graph) -> None:
    """A kernel that computes something else: status 3, the known input gave another output."""
    right, wrong = {
        "integers": (
            "acc += (int32_t)weight[(o * in_width) + k] * load_q",
            "acc -= (int32_t)weight[(o * in_width) + k] * load_q",
        ),
        "floats": ("acc += x[k] * w[k];", "acc -= x[k] * w[k];"),
    }[graph.name]
    assert HostModel(planted(program_of(graph), "_kernels.h", right, wrong)).selftest() == 3


def test_null_pointers_are_answered_and_not_followed() -> None:
    """Every entry point answers status 1 to a null pointer, whichever it is."""
    graph = GRAPHS["integer"]
    program = program_of(graph)
    command = ["cc", *HOST, "-shared", "-fPIC", "integers.c", "-o", "null.so"]
    library = ctypes.CDLL(str(build(program.files, [command]) / "null.so"))
    memory = np.zeros(4096, np.uint8)
    for entry in ("init", "reset"):
        assert getattr(library, f"integers_{entry}")(None) == 1
    assert library.integers_selftest(None) == 1
    count = 1 + len(program.ports)
    for null in range(count):
        pointers = [ctypes.c_void_p(None if i == null else memory.ctypes.data) for i in range(count)]
        assert library.integers_invoke(*pointers) == 1


def test_constants_are_stored_once() -> None:
    """Operators that share a table share its bytes of flash."""
    m = GraphMaker()
    graph = m.graph(m.table(m.table(m.input("x", 4), INT8), INT8))
    weights = program_of(graph).files["tiny_weights.h"]
    assert len(re.findall(r"static const int8_t tiny_table_\w+\[256\]", weights)) == 1


def test_an_input_may_be_read_in_part_and_another_not_at_all() -> None:
    """A view into the caller's buffer and a port without a reader compile and compute."""
    m = GraphMaker()
    x = m.input("x", 8, 4)
    m.input("unused", 3)
    graph = m.graph(m.table(m.slice(x, 0, 4, 8)))
    plan = plan_memory(graph)
    assert Placement(region="x", offset=16) in plan.placements.values()
    assert compare_with_reference(graph, HostModel(program_of(graph)).run).mismatched_bytes == 0


def test_large_outputs_of_the_selftest_stand_in_the_arena() -> None:
    """Not on the stack: where nothing that the last ops read is overwritten, and no byte more than these need."""
    m = GraphMaker("wide")
    wide = m.linear(m.linear(m.input("x", 16, 8), 64), 32)
    graph = m.graph(m.linear(wide, 16))
    plan, program = plan_memory(graph), program_of(graph)
    (offset,) = plan.known_outputs.values()
    assert f"arena_s8(ctx->arena.bytes, {offset}U)" in program.files["wide.c"]
    emulator = Emulator(build_image(program, find_target("cortex-m4")), program)
    assert emulator.measure([value[:2] for value in samples(graph, 4)]).stack_bytes <= 256
    with pytest.raises(GraphError, match="overwrites its operand"):
        check_plan(graph, replace(plan, known_outputs={graph.outputs[0]: plan.placements[wide].offset}))


def test_small_outputs_of_the_selftest_are_local() -> None:
    """Up to 32 bytes: a model whose last op reads little would pay for them in arena."""
    m = GraphMaker("wide")
    plan = plan_memory(m.graph(m.linear(m.input("x", 4, 8), 8)))
    assert not plan.known_outputs
