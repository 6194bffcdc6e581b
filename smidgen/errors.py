"""Every error Smidgen raises on purpose: what was asked, what was found, where, and what to do next."""

import difflib
from collections.abc import Iterable


def nearest(asked: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known name most like the one asked for, or the list of what there is."""
    names = list(known)
    close = difflib.get_close_matches(asked, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(names)}"


class SmidgenError(Exception):
    """Root of the family: catch this to catch all that Smidgen refuses or finds wrong."""


class ConfigError(SmidgenError):
    """A configuration value is outside its legal range."""


class DataError(SmidgenError):
    """A recording, or a file that should hold one, is missing, malformed or inconsistent."""


class CheckpointError(SmidgenError):
    """A stored run cannot be read back, or belongs to another configuration."""


class ExportError(SmidgenError):
    """torch.export cannot capture the user's module."""


class UnsupportedError(SmidgenError):
    """An operator, shape or type that the compiler does not lower."""


class GraphError(SmidgenError):
    """An integer graph breaks a rule of the specification, or an arithmetic bound cannot be proved."""


class StreamingError(SmidgenError):
    """A model cannot run frame after frame: it looks ahead, or at the whole window; the message names the layer."""


class BudgetError(SmidgenError):
    """The program does not fit the target's RAM or flash."""


class ToolchainError(SmidgenError):
    """The C compiler or the linker failed, or produced something other than what was asked."""


class FirmwareFault(SmidgenError):
    """The emulated or native program touched memory it must not touch, overflowed its stack or did not return."""


class DeliveryError(SmidgenError):
    """A folder cannot take a delivery without a loss, or a delivered folder or a board's log cannot be read."""


class VerificationError(SmidgenError):
    """Two executions that must agree byte for byte do not."""
