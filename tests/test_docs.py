"""What docs/ quote of the code is in the code, and what they show runs."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from smidgen.compression import Input, find_recipe
from smidgen.compression.codecs import Uniform
from smidgen.compression.input_file import read_inputs
from smidgen.evaluation import SENSOR_INPUTS

ROOT = Path(__file__).resolve().parent.parent
LOCALISATION = (ROOT / "docs/localisation.md").read_text(encoding="utf-8")
COMPILING = (ROOT / "docs/compiling.md").read_text(encoding="utf-8")
PAPER_TO_C = (ROOT / "docs/from-paper-to-c.md").read_text(encoding="utf-8")

EXCERPTS = re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", PAPER_TO_C, re.DOTALL | re.MULTILINE)


def block(page, language, begin=""):
    """The page's one block of a language, or the one that begins with these characters."""
    (code,) = re.findall(rf"^```{language}\n({re.escape(begin)}.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return code


@pytest.mark.parametrize(("path", "excerpt"), EXCERPTS, ids=[path for path, _ in EXCERPTS])
def test_every_excerpt_is_in_the_file_that_it_names(path, excerpt):
    """Letter by letter, line by line: code that changes takes the page with it."""
    assert excerpt in (ROOT / path).read_text(encoding="utf-8")


def test_every_block_of_code_in_the_walk_names_its_file():
    """A block that nobody checks could drift; the walk from paper to C has each of its stages."""
    assert len(re.findall(r"^```(?:python|c)$", PAPER_TO_C, re.MULTILINE)) == len(EXCERPTS)
    folders = {path.split("/")[1] for path, _ in EXCERPTS}
    assert folders == {"models", "compression", "numerics", "ir", "lowering", "codegen"}


def test_the_recipe_shown_can_be_read(tmp_path):
    """The TOML file means what the page says of it."""
    path = tmp_path / "mine.toml"
    path.write_text(block(COMPILING, "toml", "name"))
    recipe = find_recipe(path)
    assert (recipe.name, recipe.activation, recipe.weight) == ("mine", "int8", Uniform())
    assert recipe.weight_for("encoder.feedforward.0:linear") == Uniform(bits=4, fit="least-squares")
    conv1d = ("classifier.encoder.layers.0.conv1d:conv1d", "feeds:silu")
    assert [recipe.activation_for(labels) for labels in (conv1d, ("x:linear", "feeds:add"), ("x:linear",))] == [
        "int16", "int16", "int8",
    ]  # fmt: skip


def test_the_inputs_shown_are_those_of_the_sensors():
    """The page declares what the demo declares."""
    names: dict[str, dict[str, Input]] = {}
    exec(block(COMPILING, "python", "from smidgen import Input"), names)
    assert names["inputs"] == SENSOR_INPUTS


def test_the_inputs_in_toml_are_those_in_python(tmp_path):
    """The same declaration for the command line."""
    path = tmp_path / "inputs.toml"
    path.write_text(block(COMPILING, "toml", "[rssi]"))
    assert read_inputs(path) == SENSOR_INPUTS


def test_the_decoder_shown_can_be_built():
    """Transitions of simulated homes, behind a network, as one model of one answer for two frames."""
    names: dict[str, Any] = {}
    exec(block(LOCALISATION, "python", "from smidgen.data"), names)
    frames = (torch.full((1, 8, 4), -70.0), torch.zeros(1, 8, 6))
    assert names["wearable"](*frames).shape == (1, 4, len(names["rooms"]))
