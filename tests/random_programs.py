"""Many small programs in one translation unit, so that a compiler starts once for dozens of random graphs."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import numpy as np
from drawing.inputs import extreme_samples, ordinary_count
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from smidgen.codegen import Program, emit
from smidgen.codegen.bundle import PENDING_STATUS
from smidgen.codegen.c_text import C_TYPES
from smidgen.ir import Graph, graph_text, interpret, interpret_frames
from smidgen.ir.io import graph_sha256
from smidgen.passes import fold, plan_memory
from smidgen.verification import STRICT_FLAGS
from smidgen.verification.batch import pack_samples, unpack_outputs
from smidgen.verification.zig import build

Array = NDArray[Any]
_T = TypeVar("_T")

_TOGETHER = 50  # programs in one translation unit
_MOST_ALONE = 40  # that are compiled one by one while a graph shrinks

#: Undefined behaviour ends the process with a signal: overflow, bad shifts, misalignment, indices beyond arrays.
_FLAGS = [
    "-mcpu=baseline", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fsanitize=undefined",
    "-fsanitize-trap=undefined", *STRICT_FLAGS, "-I.",
]  # fmt: skip

#: A compiler may start within an example, and a graph takes many draws.
QUIET = settings(
    deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A graph, whether it is folded before it is compiled, and which inputs it is run on."""

    graph: Graph
    folded: bool = True
    seed: int = 0

    def key(self) -> tuple[str, bool, int]:
        """Return what tells two trials apart."""
        return graph_sha256(self.graph), self.folded, self.seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One graph with its program, its inputs and what the reference gives before any pass."""

    graph: Graph  # as drawn
    program: Program
    inputs: list[Array]
    expected: list[Array]

    def report(self, found: Sequence[Array]) -> str:
        """Return the graph as text with the outputs that differ, nothing where every byte is the reference's.

        Which of the NaNs a float32 output holds is not promised.
        """
        outputs = zip(self.graph.outputs, self.expected, found, strict=True)
        wrong = [f"{name}: expected {a.tolist()}, got {b.tolist()}" for name, a, b in outputs if not _same(a, b)]
        return "\n".join([graph_text(self.graph), *wrong]) if wrong else ""


def make_case(trial: Trial, index: int = 0, extremes: int = 5) -> Case:
    """Run a graph through the passes and the generator under a name of its own; extreme samples or frames come last."""
    graph = replace(trial.graph, name=f"g{index}")
    n = ordinary_count(graph) + extremes
    if graph.frame_limit is not None:
        n = min(n, graph.frame_limit)
    inputs = extreme_samples(graph, n, trial.seed)
    if graph.is_step:
        answers = interpret_frames(graph, [array[None] for array in inputs])
        expected, known = (
            [answers[name][0] for name in graph.outputs],
            [array[: ordinary_count(graph)] for array in inputs],
        )
    else:
        values = interpret(graph, inputs)
        expected, known = [values[name] for name in graph.outputs], [array[0] for array in inputs]
    final = fold(graph) if trial.folded else graph
    program = emit(final, plan_memory(final), known_inputs=known)
    return Case(graph=graph, program=program, inputs=inputs, expected=expected)


def _same(right: Array, wrong: Array) -> bool:
    if right.dtype != np.float32 or right.shape != wrong.shape:
        return right.tobytes() == wrong.tobytes()
    both = np.isnan(right) & np.isnan(wrong)
    return np.where(both, 0, right).tobytes() == np.where(both, 0, wrong).tobytes()


# ---- many at once ----------------------------------------------------------------------------------------------------


def assert_c_equals_reference(graphs: st.SearchStrategy[Graph], n: int, *, seed: int) -> None:
    """Draw n graphs and fail, with the smallest that does, where the C of one differs from the reference.

    All are drawn before the first is compiled, so that dozens share a translation unit. Where one differs, they are
    drawn once more, and judged by what is known of them by then, so that one can shrink alone.
    """
    trials = st.builds(Trial, graph=graphs, folded=st.booleans(), seed=st.integers(0, 255))
    found = drawn(trials, n, seed=seed)
    reports: dict[tuple[str, bool, int], str] = {}
    for start in range(0, len(found), _TOGETHER):
        part = found[start : start + _TOGETHER]
        reports |= zip((trial.key() for trial in part), _judged(part), strict=True)
    if not any(reports.values()):
        return

    alone = 0

    def judge(trial: Trial) -> None:
        nonlocal alone
        if trial.key() not in reports and alone < _MOST_ALONE:
            alone += 1
            reports[trial.key()] = _judged([trial])[0]
        report = reports.get(trial.key(), "")
        assert not report, report

    _with_each(judge, trials, n, seed)


def drawn(strategy: st.SearchStrategy[_T], n: int, *, seed: int) -> list[_T]:
    """Return n examples, the same ones for the same seed."""
    examples: list[_T] = []
    _with_each(examples.append, strategy, n, seed)
    return examples


def _with_each(use: Callable[[_T], None], strategy: st.SearchStrategy[_T], n: int, seed: int) -> None:
    test = given(example=strategy)(lambda example: use(example))
    settings(QUIET, max_examples=n, phases=[Phase.generate, Phase.shrink])(hypothesis.seed(seed)(test))()


def _judged(trials: Sequence[Trial]) -> list[str]:
    """Return for each trial how it fails, nothing where it does not."""
    try:
        return run_together([make_case(trial, index) for index, trial in enumerate(trials)])
    except Exception as error:  # one cannot be compiled: which?
        if len(trials) > 1:
            return [_judged([trial])[0] for trial in trials]
        return [f"{graph_text(trials[0].graph)}\n{type(error).__name__}: {error}"]


def run_together(cases: Sequence[Case]) -> list[str]:
    """Compile all programs as one executable and run each on its inputs and its self-test; return their reports.

    A program that is ended by a signal, or answers a status that is not 0, is reported too.
    """
    with tempfile.TemporaryDirectory() as folder:  # never built twice, so that the cache would only grow
        sources: dict[str, str] = {"all.c": _together(cases)}
        for case in cases:
            sources.update(case.program.files)
        products = build(sources, [["cc", *_FLAGS, "all.c", "-o", "all"]], Path(folder))
        return [_run(products / "all", index, case) for index, case in enumerate(cases)]


def _run(executable: Path, index: int, case: Case) -> str:
    n, stream = len(case.inputs[0]), pack_samples(case.program, case.inputs)
    done = subprocess.run([executable, str(index), str(n)], input=stream, capture_output=True, timeout=60)
    if done.returncode not in (0, _SELFTEST_FAILED):
        return f"{graph_text(case.graph)}\nended with {done.returncode}"
    report = case.report(unpack_outputs(case.program, n, done.stdout, "the host"))
    return report or (f"{graph_text(case.graph)}\nits self-test fails" if done.returncode else "")


# ---- one translation unit --------------------------------------------------------------------------------------------

_SELFTEST_FAILED = 3


def _together(cases: Sequence[Case]) -> str:
    """Return C that includes every program, reads inputs from stdin and writes outputs to stdout.

    Kernels have include guards, so that programs share them.
    """
    lines = ["#include <stdio.h>", "#include <stdlib.h>"]
    for case in cases:
        lines += _functions_of(case.program)
    for function in ("begin", "run", "check"):
        table = ", ".join(f"{case.program.name}_{function}" for case in cases)
        lines.append(f"static int (*const {function}[])(void) = {{{table}}};")
    lines += [
        "int main(int argc, char **argv)",
        "{",
        "    const int which = (argc > 1) ? atoi(argv[1]) : 0;",
        "    const int n = (argc > 2) ? atoi(argv[2]) : 0;",
        "    if (begin[which]() != 0) {",
        "        return 1;",
        "    }",
        "    for (int i = 0; i < n; i++) {",
        "        const int status = run[which]();",
        f"        if ((status != 0) && (status != {PENDING_STATUS})) {{",
        "            return 2;",
        "        }",
        "    }",
        f"    return (check[which]() == 0) ? 0 : {_SELFTEST_FAILED};",
        "}",
        "",
    ]
    return "\n".join(lines)


def _functions_of(program: Program) -> list[str]:
    """Return a program's code, its context and buffers, and its functions of no arguments: begin, run, check."""
    name = program.name
    ports = [f"{name}_{port.name}" for port in (*program.inputs, *program.outputs)]
    inputs, outputs = ports[: len(program.inputs)], ports[len(program.inputs) :]
    lines = [f'#include "{name}.c"', f"static {name}_context {name}_ctx;"]
    lines += [
        f"static {C_TYPES[port.dtype]} {buffer}[{max(1, prod(port.shape))}];"
        for port, buffer in zip((*program.inputs, *program.outputs), ports, strict=True)
    ]
    lines += [f"static int {name}_run(void)", "{"]
    for buffer in inputs:
        lines += [f"    if (fread({buffer}, sizeof({buffer}), 1U, stdin) != 1U) {{", "        return -2;", "    }"]
    lines += [
        f"    const int status = (int){name}_{program.entry}(&{name}_ctx, {', '.join(ports)});",
        "    if (status == 0) {",
        *(f"        (void)fwrite({buffer}, sizeof({buffer}), 1U, stdout);" for buffer in outputs),
        "    }",
        "    return status;",
        "}",
    ]
    for function, called in (("begin", "init"), ("check", "selftest")):
        lines += [f"static int {name}_{function}(void)", "{", f"    return (int){name}_{called}(&{name}_ctx);", "}"]
    return lines
