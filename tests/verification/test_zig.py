"""The wheel's compiler is found, or its absence is told."""

import pytest

from smidgen.errors import ToolchainError
from smidgen.verification import zig


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error says what to install."""
    monkeypatch.setattr(zig, "find_spec", lambda _name: None)
    zig.zig_path.cache_clear()
    with pytest.raises(ToolchainError, match="pip install ziglang"):
        zig.zig_path()
