"""The zig compiler of the `ziglang` wheel: clang and lld for every target, with no system toolchain."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from smidgen.errors import ToolchainError
from smidgen.verification.build_cache import build_once, cache_folder, run_compiler


def build(sources: Mapping[str, str], commands: Sequence[Sequence[str]], folder: Path | None = None) -> Path:
    """Run zig with each of `commands`, unless that was done before; arguments and errors as for `build_once`."""
    return build_once(_Zig(), sources, commands, folder)


class _Zig:
    @property
    def version(self) -> str:
        return zig_version()

    def run(self, command: Sequence[str], folder: Path) -> None:
        zig_cache = str(cache_folder().absolute() / "zig")
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": zig_cache, "ZIG_LOCAL_CACHE_DIR": zig_cache}
        run_compiler(f"zig {command[0]}", [zig_path(), *command], folder, environment)


@cache
def zig_version() -> str:
    """Return the version of the wheel; raise ToolchainError where it is not installed."""
    zig_path()
    return f"zig {version('ziglang')}"


@cache
def zig_path() -> Path:
    """Return the wheel's compiler, which is called directly: `python -m ziglang` would start Python once more."""
    found = find_spec("ziglang")
    if found is None or found.origin is None:
        raise ToolchainError("the C compiler is missing: no package ziglang in this environment; pip install ziglang")
    return Path(found.origin).with_name("zig")
