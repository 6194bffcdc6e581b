"""Run the command line inside the test, as the console entry does."""

import contextlib
import io
from dataclasses import dataclass
from unittest.mock import patch

from smidgen.cli import main


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str


def smidgen(*words: object) -> Outcome:
    """Return what `smidgen WORDS` prints and exits with."""
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    with (
        patch("sys.argv", ["smidgen", *(str(word) for word in words)]),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Outcome(status, stdout.getvalue(), stderr.getvalue())
