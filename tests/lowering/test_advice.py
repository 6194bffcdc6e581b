"""An operator that does not compile is answered with what to write instead."""

import re

import pytest
import torch

from smidgen.lowering import supported_operators
from smidgen.lowering.advice import _INSTEAD, instead_of

aten = torch.ops.aten


@pytest.mark.parametrize(
    ("operator", "sentence"),
    [
        (aten.topk.default, "choose with torch.where, or weigh with a softmax; max, min, mean and argmax compile"),
        (aten.index_put_.default, "multiply by a one-hot tensor"),
        (aten._fft_r2c.default, "an nn.Linear with fixed weights"),
        (aten.fake_quantize_per_tensor_affine.default, "give the float model: Smidgen quantises it"),
        (aten.linalg_inv.default, "solve it before export and keep the result as a buffer"),
        (aten.cumprod.default, "carry what you need in an nn.GRU"),
    ],
    ids=str,
)
def test_common_operators_have_a_sentence(operator: torch._ops.OpOverload, sentence: str) -> None:
    """By torch's own name, in-place forms included."""
    assert re.search(sentence, instead_of(str(operator), []))


def test_any_other_is_answered_with_what_is_like_it() -> None:
    """Three near names, or the verb that lists all."""
    supported = ["aten.relu6.default", "aten.relu.default", "aten.mean.dim", "aten.gelu.default"]
    assert instead_of("aten.selu_.default", supported) == "like it are relu, gelu"
    assert instead_of("quux", supported_operators()) == "`smidgen ops` lists what compiles"


def test_no_sentence_is_left_over() -> None:
    """A sentence whose operators all compile by now has nobody to read it."""
    supported = {name.split(".")[1] for name in supported_operators() if name.startswith("aten.")}
    names = {schema.name.removeprefix("aten::") for schema in torch._C._jit_get_all_schemas()} - supported
    left_over = [pattern for pattern, _ in _INSTEAD if not any(_fits(part, names) for part in pattern.split("|"))]
    assert left_over == []


def test_every_name_is_one_of_torchs() -> None:
    """Each pattern fits an operator that exists."""
    names = {schema.name.split("::")[1] for schema in torch._C._jit_get_all_schemas()}
    unused = [pattern for pattern, _ in _INSTEAD for part in pattern.split("|") if not _fits(part, names)]
    assert unused == []


def _fits(pattern: str, names: set[str]) -> bool:
    if pattern in ("cond", "while_loop", "map_impl"):  # higher-order operators
        return hasattr(torch.ops.higher_order, pattern)
    return any(re.fullmatch(pattern, name) for name in names)
