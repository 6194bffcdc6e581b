"""Tools of the system that are optional: tests that need one are skipped with its name where it is absent."""

import shutil

import pytest


def needs(*tools: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test unless every tool is on PATH."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
