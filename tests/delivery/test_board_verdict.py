"""A board is judged by what it printed: on this machine for real, and for each way in which a report may differ."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import smidgen
from deliveries import GRAPHS, delivery_of, run_tool, small_graph
from graph_maker import INT16, GraphMaker

from smidgen.delivery import BoardReport, Manifest, judge_board, read_board_log, read_manifest, save_delivery
from smidgen.errors import DeliveryError

DELIVERY = delivery_of(small_graph())
MANIFEST = DELIVERY.manifest(DELIVERY.files())
REPORT = BoardReport(
    name="tiny",
    version="0.1.0",
    model_sha256=MANIFEST.model_sha256,
    weights_sha256=MANIFEST.weights_sha256,
    selftest=0,
    crc32=MANIFEST.known_answer_crc32,
    calls=8,
    ticks_unit="cycles",
    ticks_min=1090,
    ticks_max=1100,
    clock_hz=64_000_000,
)


def printed(report: BoardReport) -> str:
    """Return the lines of a board that reports this."""
    lines = {"smidgen": "1", **{key: getattr(report, key) for key in report.__slots__}, "end": report.name}
    return "".join(f"{key}={value}\n" for key, value in lines.items())


# ---- the whole loop on this machine ----------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_delivered_folder_built_here_agrees(graph: object, tmp_path: Path) -> None:
    """Built by make as delivered, run, its output saved and judged by the verb: status 0, every byte as expected."""
    folder = save_delivery(delivery_of(graph), tmp_path / "delivered")  # type: ignore[arg-type]
    log = tmp_path / "board.txt"
    log.write_text(run_tool("make", ["test"], folder))
    outcome = smidgen("verify", "--log", log, folder)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "the board agrees" in outcome.stdout
    assert "every byte as expected" in outcome.stdout
    verdict = json.loads(smidgen("verify", "--log", log, folder, "--json").stdout)
    assert (verdict["agrees"], verdict["same_bytes"], verdict["cycles_estimate"]) == (True, True, 1000)


def test_answers_of_several_outputs_are_counted_frame_by_frame(tmp_path: Path) -> None:
    """A step program's CRC runs over the outputs of one answer after those of the answer before."""
    m = GraphMaker("pair", is_step=True)
    x = m.input("x", 4)
    hidden = m.running_mean(m.linear(x, 3, INT16), INT16)
    folder = save_delivery(delivery_of(m.graph(hidden, m.linear(hidden, 2), frame_limit=100)), tmp_path / "delivered")
    log = tmp_path / "board.txt"
    log.write_text(run_tool("make", ["test"], folder))
    assert judge_board(read_manifest(folder), read_board_log(log)).same_bytes
    assert read_board_log(log).calls == 8 * 6


def test_a_fault_in_the_c_is_seen_by_its_log(tmp_path: Path) -> None:
    """A kernel that rounds otherwise: the report shows another CRC and a failed self-test, the verb exits with 1."""
    folder = save_delivery(DELIVERY, tmp_path / "delivered")
    kernels = folder / "src/tiny_kernels.h"
    text = kernels.read_text()
    broken = text.replace("(((int64_t)a * b) + ((int64_t)1 << 31)) >> 32", "((int64_t)a * b) >> 32")
    assert broken != text
    kernels.write_text(broken)
    run_tool("make", ["all"], folder)
    done = subprocess.run([folder / "build/tiny_selftest"], capture_output=True, text=True)
    assert done.returncode == 3
    log = tmp_path / "board.txt"
    log.write_text(done.stdout)
    outcome = smidgen("verify", "--log", log, folder)
    assert outcome.status == 1
    assert "the board does NOT agree" in outcome.stdout
    assert "another answer to the known input" in outcome.stdout
    assert f"expected {MANIFEST.known_answer_crc32}" in outcome.stdout
    assert smidgen("verify", "--log", log, folder, "--json").status == 1


def test_the_verb_finds_its_program_among_others(tmp_path: Path) -> None:
    """A board that runs two models prints two reports; each folder is judged by its own."""
    folder = save_delivery(DELIVERY, tmp_path / "delivered")
    log = tmp_path / "board.txt"
    log.write_text(printed(REPORT) + "\n" + printed(replace(REPORT, name="another", crc32="0x00000000")))
    outcome = smidgen("verify", "--log", log, folder)
    assert (outcome.status, "the board agrees" in outcome.stdout) == (0, True)


def test_judging_a_board_needs_no_torch(tmp_path: Path) -> None:
    """On the machine beside the board the torch-free half is enough, the command line included."""
    folder = save_delivery(DELIVERY, tmp_path / "delivered")
    log = tmp_path / "board.txt"
    log.write_text(printed(REPORT))
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'lightning', 'sklearn'])); "
        "from smidgen.cli import main; main()"
    )
    words = ["verify", "--log", log, folder]
    done = subprocess.run([sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the board agrees" in done.stdout


# ---- verdicts --------------------------------------------------------------------------------------------------------


def test_cycles_are_held_against_the_estimate() -> None:
    """The slowest invoke counts; the ratio is printed."""
    verdict = judge_board(MANIFEST, REPORT)
    assert verdict.agrees
    assert (verdict.cycles, verdict.cycles_per_estimate) == (1100, 1.1)
    assert "cycles     1,100 measured, estimated 1,000 for cortex-m4: 1.10 times the estimate" in str(verdict)


def test_microseconds_become_cycles_where_the_clock_is_known() -> None:
    """20 us at 64 MHz are about 1280 cycles; without a clock, or where no time passed, nothing is claimed."""
    report = replace(REPORT, ticks_unit="us", ticks_min=19, ticks_max=20)
    assert judge_board(MANIFEST, report).cycles == 1280
    assert "about 1,280 measured" in str(judge_board(MANIFEST, report))
    for silent in (replace(report, clock_hz=0), replace(report, ticks_max=0), replace(REPORT, ticks_max=0)):
        verdict = judge_board(MANIFEST, silent)
        assert (verdict.cycles, verdict.cycles_per_estimate, verdict.agrees) == (None, None, True)
        assert "not measured" in str(verdict)


def test_a_target_without_an_estimate_compares_nothing() -> None:
    """Cores without a cycle model: the time stands alone."""
    manifest = replace(MANIFEST, measurement=replace(MANIFEST.measurement, cycles_estimate=None))
    verdict = judge_board(manifest, REPORT)
    assert (verdict.cycles, verdict.cycles_per_estimate) == (1100, None)
    assert "no estimate was made for cortex-m4" in str(verdict)


@pytest.mark.parametrize(
    ("status", "words"),
    [(2, "damaged constants in flash"), (3, "another answer"), (99, "status 99: not known to this version")],
)
def test_a_failed_selftest_is_no_agreement(status: int, words: str) -> None:
    """Also with the right CRC, and its status is put into words."""
    verdict = judge_board(MANIFEST, replace(REPORT, selftest=status))
    assert not verdict.agrees
    assert words in str(verdict)


def test_integers_must_be_equal_floats_may_round() -> None:
    """Another CRC refutes an integer program; a float program that passes its self-test differs in rounding only."""
    other = replace(REPORT, crc32="0x00000000" if REPORT.crc32 != "0x00000000" else "0x00000001")
    floats: Manifest = replace(MANIFEST, has_float_outputs=True)
    assert not judge_board(MANIFEST, other).agrees
    assert judge_board(floats, other).agrees
    assert "rounds otherwise (-ffp-contract, -ffast-math)" in str(judge_board(floats, other))
    assert not judge_board(floats, replace(other, selftest=3)).agrees


@pytest.mark.parametrize("what", ["name", "model_sha256", "weights_sha256"])
def test_the_log_of_another_program_is_refused(what: str) -> None:
    """Neither right nor wrong: it says nothing about this folder."""
    with pytest.raises(DeliveryError, match=f"the log is of another program: its {what} is "):
        judge_board(MANIFEST, replace(REPORT, **{what: "0" * 64}))


def test_another_version_is_told() -> None:
    """The C of another version may be of the same model; that it is another is worth a line."""
    assert "versions" not in str(judge_board(MANIFEST, REPORT))
    told = str(judge_board(MANIFEST, replace(REPORT, version="0.0.9")))
    assert "the board runs C of smidgen 0.0.9, the folder is of 0.1.0" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--log", "nowhere.txt", "{folder}"), "cannot read the board's log nowhere.txt"),
        (("--log", "{folder}/Makefile", "{folder}"), "holds no report"),
        (("--log", "{folder}/Makefile", "."), "is no delivered folder, it has no manifest.json"),
        (("--log", "x", "{folder}", "--recipe", "int8"), "--recipe does not go with this"),
        (("--log", "x", "{folder}", "--target", "host"), "--target does not go with this"),
    ],
)
def test_wrong_words_are_one_message_and_status_1(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be judged is told on stderr, with nothing on stdout."""
    folder = save_delivery(DELIVERY, tmp_path / "delivered")
    monkeypatch.chdir(tmp_path)
    outcome = smidgen("verify", *(word.format(folder=folder) for word in words))
    assert (outcome.status, outcome.stdout) == (1, "")
    assert message in " ".join(outcome.stderr.split())


def test_the_verb_reads_what_the_function_reads(tmp_path: Path) -> None:
    """A log of the made-up board above gives its report back."""
    folder = save_delivery(DELIVERY, tmp_path / "delivered")
    log = tmp_path / "board.txt"
    log.write_text(printed(REPORT))
    assert read_board_log(log) == REPORT
    assert "1.10 times the estimate" in smidgen("verify", "--log", log, folder).stdout
