"""Jobs: results that are read back, refused or made again; calls that run side by side."""

import json
import operator
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from smidgen import jobs
from smidgen.errors import CheckpointError, DataError
from smidgen.jobs import Finished, Task, read_finished, run_side_by_side, write_finished

JOB = {"model": "gru", "seed": 0}


def left(folder):
    finished = Finished(document={"score": 0.5}, arrays={"off/whole": np.arange(4, dtype=np.int16)})
    write_finished(folder, JOB, finished)
    return finished


def test_a_result_is_read_back(tmp_path):
    """Document and arrays are those that were written."""
    written = left(tmp_path)
    read = read_finished(tmp_path, JOB)
    assert read.document["score"] == 0.5
    assert np.array_equal(read.arrays["off/whole"], written.arrays["off/whole"])


def test_a_folder_without_a_result_has_none(tmp_path):
    """Also where a kill came between the arrays and the result."""
    assert read_finished(tmp_path, JOB) is None
    left(tmp_path)
    (tmp_path / "result.json").unlink()
    assert read_finished(tmp_path, JOB) is None


def test_the_result_of_other_sources_is_made_again(tmp_path, monkeypatch):
    """What another version computed does not count as done."""
    left(tmp_path)
    monkeypatch.setattr(jobs, "environment", lambda: {"source": "another"})
    assert read_finished(tmp_path, JOB) is None


def test_the_result_of_another_job_is_refused(tmp_path):
    """Nothing is overwritten; the message names the option that helps."""
    left(tmp_path)
    with pytest.raises(CheckpointError, match=r"another job: seed is 0 there, asked for 1\. Choose another folder"):
        read_finished(tmp_path, {**JOB, "seed": 1})
    assert json.loads((tmp_path / "result.json").read_text())["job"] == JOB


def test_the_result_of_a_job_that_was_asked_less_is_made_again(tmp_path):
    """An older version did not say which recordings; what it said does not contradict."""
    left(tmp_path)
    assert read_finished(tmp_path, {**JOB, "recordings": "a hash"}) is None


@pytest.mark.parametrize(
    ("file", "contents"),
    [
        ("result.json", b"{"),
        ("result.json", b"[]"),
        ("result.json", b'{"job": {}}'),
        ("predictions.safetensors", b""),
        ("predictions.safetensors", b"\xff" * 64),
        ("predictions.safetensors", None),
    ],
)
def test_damaged_results_are_made_again(tmp_path, file, contents):
    """Cut, overwritten or missing: the job is done again and leaves whole files."""
    written = left(tmp_path)
    (tmp_path / file).unlink()
    if contents is not None:
        (tmp_path / file).write_bytes(contents)
    assert read_finished(tmp_path, JOB) is None
    left(tmp_path)
    assert np.array_equal(read_finished(tmp_path, JOB).arrays["off/whole"], written.arrays["off/whole"])


def test_tasks_run_side_by_side_in_the_order_asked(capsys):
    """The slower first one does not come last, and a log has a line a task."""
    tasks = [Task(name="sleeps", function=time.sleep, arguments=(0.2,)),
             Task(name="adds", function=operator.add, arguments=(2, 3))]  # fmt: skip
    assert run_side_by_side(tasks, "test") == [None, 5]
    told = capsys.readouterr().err.splitlines()
    assert {line.split(" ", 1)[1] for line in told} == {"sleeps", "adds"}


def test_the_error_of_a_task_is_raised():
    """As it is, with its message."""
    with pytest.raises(DataError, match="no such recording"):
        run_side_by_side([Task(name="fails", function=_fail, arguments=())], "test")


def _fail():
    raise DataError("no such recording")


def test_workers_end_with_the_process_that_started_them():
    """Killed outright it cannot stop them; they would wait for work for ever, in half a gigabyte each."""
    sleep = "[Task(name='sleep', function=time.sleep, arguments=(600,))] * 2"
    code = f"import time; from smidgen.jobs import Task, run_side_by_side; run_side_by_side({sleep}, 'sleeping')"
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        while len(workers := workers_of(parent.pid)) < 2:
            assert parent.poll() is None
            time.sleep(0.05)
        time.sleep(1.0)  # until both have begun to sleep
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 60
    while any(runs(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers_of(parent):
    """Numbers of the worker processes that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, words = (folder / "status").read_text(), (folder / "cmdline").read_text()
        except OSError:  # gone meanwhile
            continue
        if f"PPid:\t{parent}\n" in status and "spawn_main" in words:
            found.append(int(folder.name))
    return found


def runs(process):
    """Whether a process is there and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
