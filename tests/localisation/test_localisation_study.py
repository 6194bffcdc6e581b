"""The study from recordings to page and firmware: whole on a tiny home, after a kill, and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import smidgen

from smidgen.benchmark import load_benchmark
from smidgen.data import save_recording
from smidgen.data.simulate import simulate_home
from smidgen.errors import ConfigError
from smidgen.localisation import CONTESTANTS, StudyConfig
from smidgen.localisation.study import plan

MODELS = "gru-stream-4s,extra-trees-on-4-windows"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Two simulated days of six minutes each."""
    folder = tmp_path_factory.mktemp("own")
    for day in range(2):
        save_recording(simulate_home(1).record(day, 360.0), folder / f"day-{day}.csv.gz")
    return folder


@pytest.mark.slow
def test_recordings_become_a_page_and_firmware(home, tmp_path):
    """Every entry stands on stdout, nothing differs, the firmware is there and passed its self-test on two cores."""
    out = tmp_path / "run"
    outcome = smidgen("localise", "--data", home, "--out", out, "--seeds", 1, "--models", MODELS, "--json")
    assert outcome.status == 0
    entries = json.loads(outcome.stdout)
    programs = [entry for entry in entries if entry["ram_bytes"] is not None]
    assert {entry["recipe"] for entry in programs} >= {"int8", "float32"}
    assert all(entry["mismatched_bytes"] == 0 and entry["n_compared"] > 300 for entry in programs)
    assert {entry["role"] for entry in entries} == {"student", "baseline"}
    page = (out / "localisation.html").read_text()
    assert "gru-stream-4s" in page
    study = json.loads((out / "localisation.json").read_text())
    assert set(study["delivered"]["instructions"]) == {"cortex-m4", "cortex-m0plus"}
    for core in study["delivered"]["instructions"]:
        assert json.loads((out / "firmware" / core / "manifest.json").read_text())["target"] == core
        assert (out / "firmware" / core / "src" / "rooms.c").exists()


@pytest.mark.slow
def test_a_killed_study_continues(home, tmp_path):
    """What was done when it was killed is read back: its files are as old as before."""
    out = tmp_path / "run"
    words = ["localise", "--data", str(home), "--out", str(out), "--seeds", "1", "--models", MODELS, "--json"]
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL); from smidgen.cli import main; main()"
    first = subprocess.Popen([sys.executable, "-c", code, *words], start_new_session=True)
    try:
        while not (done := sorted(out.glob("jobs/*/*/seed-0/result.json"))):
            assert first.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(first.pid, signal.SIGKILL)  # with its workers, in the middle of whatever they write
        first.wait()
    written = {path: path.stat().st_mtime_ns for path in done}
    assert smidgen(*words).status == 0
    assert {path: path.stat().st_mtime_ns for path in done} == written
    assert len(list(out.glob("jobs/*/*/seed-0/result.json"))) == 4


def test_jobs_are_planned_seed_by_seed():
    """Every contestant has its first seed before any has its second; what a seed does not change runs once."""
    config = StudyConfig(seeds=2)
    jobs = plan(config, load_benchmark("simulated", None, 1))
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    assert len({job.folder for job in jobs}) == len(jobs)
    once = [name for name in CONTESTANTS if CONTESTANTS[name].most_seeds == 1]
    assert once
    assert [job.contestant for job in jobs if job.seed == 1] == [name for name in CONTESTANTS if name not in once]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "sfere"), "no data set 'sfere', and no such folder; choose simulated or sphere"),
        (("--data", "sphere"), "pass --root, e.g. --root ../shared/data"),
        (("--folds", "9"), "--folds must lie in 1..4, got 9"),
        (("--models", "gru-strem"), "nobody called 'gru-strem' competes; did you mean 'gru-stream'?"),
        (("--quick", "--folds", "2"), "leave --folds out, or --quick"),
    ],
)
def test_wrong_input_is_one_message_and_status_1(words, message, tmp_path, monkeypatch):
    """What the verb is given wrong comes back as one sentence on stderr, with nothing written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMIDGEN_DATA", raising=False)
    outcome = smidgen("localise", *words)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert message in " ".join(outcome.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_single_recording_cannot_be_held_out(home, tmp_path):
    """Nothing would be left to learn from: the message says what to add."""
    only = tmp_path / "home"
    only.mkdir()
    shutil.copy(home / "day-0.csv.gz", only)
    outcome = smidgen("localise", "--data", only, "--out", tmp_path / "run")
    assert outcome.status == 1
    assert "cannot hold one recording out" in " ".join(outcome.stderr.split())


def test_a_study_of_nobody_is_refused():
    """Seeds and contestants are counted when the study is made."""
    with pytest.raises(ConfigError, match="at least 1 seed, got 0"):
        StudyConfig(seeds=0)
    with pytest.raises(ConfigError, match="a study needs a contestant"):
        StudyConfig(contestants=())
