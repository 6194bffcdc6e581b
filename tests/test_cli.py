"""The command line as a whole: what it answers to wrong words, and the stages one after the other."""

import json
import re
import subprocess
import sys
import time

import pytest
from command_line import smidgen

from smidgen.targets import TARGETS


@pytest.mark.parametrize(("words", "near"), [(("dta", "list"), "data"), (("data", "chek", "x"), "check")])
def test_a_mistyped_verb_is_answered_with_the_nearest(words, near):
    """The status is 2, nothing is on stdout, and the message proposes the verb that was meant."""
    outcome = smidgen(*words)
    assert (outcome.status, outcome.stdout) == (2, "")
    assert f"Did you mean '{near}'?" in outcome.stderr


def test_what_smidgen_refuses_is_one_message_on_stderr(tmp_path):
    """A data error gives status 1 and one line: no traceback, nothing on stdout, brackets not taken for markup."""
    path = tmp_path / "[red]nowhere"
    outcome = smidgen("data", "check", path)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr == f"{path}: expected a recording or a folder of recordings, found nothing. Check the path.\n"


def test_without_a_verb_the_verbs_are_listed():
    """`smidgen` alone explains itself."""
    outcome = smidgen()
    assert outcome.status == 2
    assert all(f" {verb} " in outcome.stdout + outcome.stderr for verb in ("demo", "compile", "verify", "data", "ops"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("demo", "--data", "sfere"), "no data set 'sfere', and no such folder; choose simulated or sphere"),
        (("demo", "--data", "sphere"), "pass --root, e.g. --root ../shared/data"),
        (("demo", "--folds", "9"), "--folds must lie in 1..4, got 9"),
        (("report", "nowhere"), "nowhere"),
        (("compile", "nowhere"), "nowhere: there is no such file or folder; give a .pt2 file"),
        (("compile", "nowhere", "--stream"), "nowhere: there is no such file or folder"),
        (("verify", "nowhere"), "Run `smidgen train nowhere` first"),
        (("train", "nowhere", "--model", "mambo"), "no model 'mambo' is set up for simulated"),
        (("train", "nowhere", "--split", "7"), "simulated has splits 0..3, got 7"),
        (("distill", "student", "--teacher", "nowhere"), "Run `smidgen train nowhere` first"),
        (("distill", "student", "--teacher", "nowhere", "--weight", "2"), "weight must lie in [0, 1], got 2.0"),
    ],
)
def test_wrong_input_is_one_message_and_status_1(words, message, tmp_path, monkeypatch):
    """What a verb is given wrong comes back as one sentence on stderr, with nothing written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMIDGEN_DATA", raising=False)
    outcome = smidgen(*words)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert message in " ".join(outcome.stderr.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_training_continues_and_compiles(tmp_path):
    """A training killed halfway continues with the same command; the run then compiles and verifies."""
    run = tmp_path / "run"
    command = [sys.executable, "-c", "from smidgen.cli import main; main()", "train", str(run), "--model", "gru"]
    first = subprocess.Popen(command)
    checkpoint = run / "training" / "checkpoints" / "last.ckpt"
    while not checkpoint.exists():
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"continued after \d+ whole epochs", second.stdout)
    outcome = smidgen("verify", run)
    assert outcome.status == 0
    assert "bytes of" in outcome.stdout
    assert (run / "build" / "int8-cortex-m4" / "src" / "rooms.c").exists()


def test_targets_are_listed_with_what_they_have():
    """Every target has a row with core, memory, clock and extensions; JSON adds where the figures come from."""
    rows = {
        row.split()[0]: row.split() for row in smidgen("targets").stdout.replace("│", " ").splitlines() if row.strip()
    }
    assert rows["nrf52840"] == ["nrf52840", "cortex-m4", "1024", "KB", "256", "KB", "64", "MHz", "yes", "yes"]
    assert rows["rv32imc"] == ["rv32imc", "rv32imc", "64", "KB", "32", "KB"]
    assert rows["wasm32"] == ["wasm32", "wasm32", "yes"]
    assert set(TARGETS) <= set(rows)
    listed = json.loads(smidgen("targets", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(TARGETS)
    assert all(entry["source"] for entry in listed)
