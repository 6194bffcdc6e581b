"""Run a compiler, never twice on the same input.

The products of a build lie in a folder named after the hash of everything they are made from, sources and commands
included. A build happens in a scratch folder that is renamed once it is complete, so two processes may build the same
thing at once. The cache may be deleted at any time.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from smidgen.errors import ToolchainError

_MESSAGE_LINES = 12


class Compiler(Protocol):
    """What turns sources in a folder into products beside them."""

    @property
    def version(self) -> str:
        """Name and version: products of another one are not taken for its own."""
        ...

    def run(self, command: Sequence[str], folder: Path) -> None:
        """Run one command in `folder`; raise ToolchainError with the compiler's message when it fails."""
        ...


def build_once(
    compiler: Compiler, sources: Mapping[str, str], commands: Sequence[Sequence[str]], folder: Path | None = None
) -> Path:
    """Run each of `commands` in a folder that holds `sources` (text by relative path); return that folder.

    `folder` takes it instead of the cache. Raises ToolchainError with the compiler's message when a command fails.
    """
    text = json.dumps([compiler.version, sorted(sources.items()), [list(command) for command in commands]])
    products = (folder or cache_folder() / "builds") / hashlib.sha256(text.encode()).hexdigest()[:24]
    if products.is_dir():
        return products
    try:
        products.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{products.name}.", dir=products.parent))
    except OSError as error:
        raise ToolchainError(
            f"cannot build in {products.parent}: {error}; SMIDGEN_CACHE may name another folder"
        ) from error
    try:
        for name, content in sources.items():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).write_text(content, encoding="utf-8")
        for command in commands:
            compiler.run(command, scratch)
        _publish(scratch, products)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return products


def cache_folder() -> Path:
    """Return a writable folder: $SMIDGEN_CACHE, else the user's cache folder, else one among the temporary files."""
    if chosen := os.environ.get("SMIDGEN_CACHE"):
        return Path(chosen)
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smidgen"
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return home
    except (OSError, RuntimeError):  # not writable, or no home at all
        return _private_temporary_folder()


def _private_temporary_folder() -> Path:
    """Return a folder among the temporary files that no other user can have filled: what is in it gets executed."""
    folder = Path(tempfile.gettempdir()) / f"smidgen-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ToolchainError(f"{folder} belongs to another user; set SMIDGEN_CACHE to a folder of your own")
    return folder


def run_compiler(name: str, words: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command line in `folder`; raise ToolchainError with the beginning of what it printed when it fails."""
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        more = [f"... {len(lines) - _MESSAGE_LINES} more lines"] if len(lines) > _MESSAGE_LINES else []
        message = "\n".join([*lines[:_MESSAGE_LINES], *more])
        raise ToolchainError(f"{name} failed with exit status {done.returncode}:\n{message}")


def _publish(scratch: Path, products: Path) -> None:
    """Give the finished folder its name, unless another process was first: its products are the same."""
    try:
        scratch.rename(products)
    except OSError:
        if not products.is_dir():
            raise
