"""Declared inputs in a TOML file: one table an input, with the fields of `Input`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from smidgen.compression.plan import Input
from smidgen.errors import ConfigError, DataError, GraphError
from smidgen.typed_json import from_json


def read_inputs(path: str | Path) -> Mapping[str, Input]:
    """Return the inputs that a file declares; raise ConfigError, naming the value, for anything else."""
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        inputs = {name: from_json(Input, table, name, exact=True) for name, table in document.items()}
        for declared in inputs.values():
            _ = declared.qparams  # checks type, scale and zero point
    except (OSError, ValueError, DataError, GraphError) as error:
        raise ConfigError(f"{path} does not declare inputs: {error}") from error
    return inputs
