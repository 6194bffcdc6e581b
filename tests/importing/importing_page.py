"""The examples of docs/importing.md: where they run, and the page with what each prints or raises below it.

PYTHONPATH=.:tests python tests/importing/importing_page.py        # writes the page anew
"""

import contextlib
import io
import json
import linecache
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from mamba_reference import FAMILIES, random_model
from pt2_files import PROGRAM, edited_json, free_sizes, rewritten

from smidgen.errors import SmidgenError

PAGE = Path(__file__).resolve().parents[2] / "docs/importing.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n.*?^```$)?", re.DOTALL | re.MULTILINE)

_SIZES = {"d_model": 8, "d_inner": 16, "d_state": 4, "d_conv": 4, "rank": 1}


def filled(page: str) -> str:
    """Return the page with the output of every example made anew; an example without output has no block of text."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        _write_checkpoints(Path(folder))
        os.chdir(folder)
        try:
            return EXAMPLE.sub(_with_output, page)
        finally:
            os.chdir(before)


def _with_output(example: re.Match[str]) -> str:
    torch.manual_seed(0)
    code = example[1]
    if "trap.pt2" in code:
        _write_trap()
    printed = _run(code)
    return f"```python\n{code}```\n" + (f"\n```text\n{printed}```" if printed else "")


def _run(code: str) -> str:
    """Return what an example prints, and the error that ends it, as a person sees them."""
    Path("model.py").write_text(code)
    linecache.checkcache("model.py")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, "model.py", "exec"), {"__name__": "model"})
        except SmidgenError as error:
            print(f"{type(error).__name__}: {error}")
    return printed.getvalue()


def _write_checkpoints(folder: Path) -> None:
    """Write what the page's reader has: checkpoints as the three packages store them."""
    rng = np.random.default_rng(0)
    tied = random_model(rng, FAMILIES["transformers"], vocab=32, **_SIZES)
    stored = {name: value.clone() for name, value in tied.items() if name != "lm_head.weight"}
    (folder / "mamba-transformers").mkdir()
    safetensors.torch.save_file(stored, folder / "mamba-transformers/model.safetensors")
    config = {"model_type": "mamba", "hidden_act": "silu", "layer_norm_epsilon": 1e-6}
    (folder / "mamba-transformers/config.json").write_text(json.dumps(config))
    (folder / "mamba-ssm").mkdir()
    own_head = random_model(rng, FAMILIES["mamba_ssm"], vocab=32, tied=False, **_SIZES)
    torch.save(own_head, folder / "mamba-ssm/pytorch_model.bin")
    blocks = random_model(rng, FAMILIES["mamba.py without head"], **_SIZES)
    larger = {f"encoder.{name}": value for name, value in blocks.items()} | {"head.weight": torch.zeros(5, 8)}
    torch.save({"state_dict": larger, "epoch": 7}, folder / "training.ckpt")


def _write_trap() -> None:
    """Put a file with Python in place of a size beside the page's own."""

    def change(document: object) -> None:
        free_sizes(document)[0]["expr_str"] = "__import__('os').remove('photos')"

    rewritten(Path("model.pt2"), {PROGRAM: edited_json(change)}).rename("trap.pt2")


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
