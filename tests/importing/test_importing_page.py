"""docs/importing.md shows what happens: each example runs, and prints or raises what stands below it."""

import contextlib
import io
import json
import linecache
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from mamba_reference import FAMILIES, random_model
from pt2_files import PROGRAM, edited_json, free_sizes, rewritten

from smidgen.errors import SmidgenError

PAGE = (Path(__file__).resolve().parents[2] / "docs/importing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", PAGE, re.DOTALL | re.MULTILINE)

SIZES = {"d_model": 8, "d_inner": 16, "d_state": 4, "d_conv": 4, "rank": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader of the page stands: with checkpoints as the three packages write them."""
    here = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    tied = {
        name: value.clone()
        for name, value in random_model(rng, FAMILIES["transformers"], vocab=32, **SIZES).items()
        if name != "lm_head.weight"
    }
    (here / "mamba-transformers").mkdir()
    safetensors.torch.save_file(tied, here / "mamba-transformers/model.safetensors")
    config = {"model_type": "mamba", "hidden_act": "silu", "layer_norm_epsilon": 1e-6}
    (here / "mamba-transformers/config.json").write_text(json.dumps(config))
    (here / "mamba-ssm").mkdir()
    own_head = random_model(rng, FAMILIES["mamba_ssm"], vocab=32, tied=False, **SIZES)
    torch.save(own_head, here / "mamba-ssm/pytorch_model.bin")
    blocks = random_model(rng, FAMILIES["mamba.py without head"], **SIZES)
    larger = {f"encoder.{name}": value for name, value in blocks.items()} | {"head.weight": torch.zeros(5, 8)}
    torch.save({"state_dict": larger, "epoch": 7}, here / "training.ckpt")
    return here


def run(code: str, folder: Path) -> str:
    """Return what an example prints, and the error that ends it, as a person sees them."""
    (folder / "model.py").write_text(code)
    linecache.checkcache("model.py")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, "model.py", "exec"), {"__name__": "model"})
        except SmidgenError as error:
            print(f"{type(error).__name__}: {error}")
    return printed.getvalue()


def trap(folder: Path) -> None:
    """Put a file with Python in place of a size beside the page's own."""

    def change(document: object) -> None:
        free_sizes(document)[0]["expr_str"] = "__import__('os').remove('photos')"

    rewritten(folder / "model.pt2", {PROGRAM: edited_json(change)}).rename(folder / "trap.pt2")


def test_every_example_shows_what_it_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, letter by letter."""
    monkeypatch.chdir(folder)
    assert len(EXAMPLES) == PAGE.count("```python")
    for code, shown in EXAMPLES:
        torch.manual_seed(0)
        if "trap.pt2" in code:
            trap(folder)
        assert run(code, folder) == shown
