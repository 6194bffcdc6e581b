"""Look-ups in tables mean the same in PyTorch and lowered: by token ids, by computed ids, in every spelling."""

import pytest
import torch
from causal_graphs import assert_steps_equal_windows, causal
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import nn
from torch.nn import functional as F

from smidgen.compression import Input
from smidgen.errors import UnsupportedError
from smidgen.ir import interpret

IDS = torch.randint(0, 11, (32, 6), generator=torch.Generator().manual_seed(0))
FLOORS = {"float32": 120.0, "int8-pure": 30.0, "int16": 70.0}
LAYERS = {
    "tokens": nn.Embedding(11, 4, padding_idx=0), "positions": nn.Embedding(9, 4),
    "table": nn.Parameter(normal(11, 2, 3)), "column": nn.Parameter(normal(11)),
}  # fmt: skip


def test_look_ups_by_token_ids() -> None:
    """Embeddings, indexing, one-hot vectors; positions are constants."""
    assert_equal_everywhere(
        {
            "embedding": lambda m, ids: m.tokens(ids),
            "with positions": lambda m, ids: m.tokens(ids) + m.positions(torch.arange(ids.shape[1])),
            "of one id": lambda m, ids: m.tokens(ids[:, 0]),
            "scaled": lambda m, ids: m.tokens(ids) * 2.0,
            "index": lambda m, ids: m.tokens.weight[ids],
            "index of matrices": lambda m, ids: m.table[ids],
            "index of numbers": lambda m, ids: m.column[ids],
            "one-hot": lambda m, ids: F.one_hot(ids, 11).float() * 0.5,
        },
        (IDS,), FLOORS, **LAYERS,
    )  # fmt: skip


def test_ids_may_be_numbers_too() -> None:
    """Padding is found by its id: the same input is looked up and compared."""
    assert_equal_everywhere(
        {
            "pooling": lambda m, ids: (m.tokens(ids) * (ids != 0)[..., None]).sum(1),
            "attention": lambda m, ids: (
                m.tokens(ids) * m.tokens(ids).mean(-1, keepdim=True).masked_fill((ids == 0)[..., None], -1e9).softmax(1)
            ).sum(1),
        },
        (IDS,), FLOORS, **LAYERS,
    )  # fmt: skip


def test_look_ups_by_an_argmax() -> None:
    """Ids that the model computes, and returns; whole numbers in int8 keep the best where it was."""
    x = torch.randint(-100, 100, (32, 6, 11), generator=torch.Generator().manual_seed(1)).float()
    x.scatter_(2, IDS[..., None], 127.0)
    assert_equal_everywhere(
        {"best": lambda m, x: m.tokens(x.argmax(-1)), "index": lambda m, x: x.argmax(-1)}, (x,), FLOORS, **LAYERS
    )  # fmt: skip


@pytest.mark.parametrize("recipe", ["int8", "float32"])
def test_ids_beyond_the_table_mean_its_ends(recipe: str) -> None:
    """PyTorch raises; a firmware takes the first row for an id below 0, and the last for one beyond."""
    rungs = lowered(Functions({"tokens": lambda m, ids: m.tokens(ids)}, LAYERS), (IDS,), recipe)
    (name,) = rungs.graph.outputs
    found, ends = (
        interpret(rungs.graph, [ids.numpy().astype("int32")])[name]
        for ids in (IDS * 40 - 100, (IDS * 40 - 100).clamp(0, 10))
    )
    assert found.tobytes() == ends.tobytes()


@pytest.mark.parametrize("recipe", ["int8", "int16", "float32"])
def test_token_models_stream(recipe: str) -> None:
    """A step takes one id; positions of a table are told step by step, up to its end."""
    model = Functions({"y": lambda m, ids: m.tokens(ids).cumsum(1) + m.positions(torch.arange(6))}, LAYERS)
    assert_steps_equal_windows(causal(lowered(model, (IDS,), recipe).graph), range(1, 7))


def test_steps_picked_by_computed_positions() -> None:
    """The last step that is there, by its number or by its length; several steps; of one sample only its own."""
    x, last = normal(32, 6, 4, seed=3), torch.arange(32) % 6
    assert_equal_everywhere(
        {
            "index": lambda m, x, last: x[torch.arange(x.shape[0]), last],
            "gather": lambda m, x, last: x.gather(1, last.view(-1, 1, 1).expand(-1, 1, 4)).squeeze(1),
            "two steps": lambda m, x, last: x.gather(
                1, torch.stack([last, last * 0 + 1], 1)[:, :, None].expand(-1, -1, 4)
            ),
            "of images": lambda m, x, last: x.view(-1, 6, 2, 2)[torch.arange(x.shape[0]), last],
            "by length": lambda m, x, last: x[torch.arange(x.shape[0]), (torch.arange(6) <= last[:, None]).sum(1) - 1],
        },
        (x, last), {"float32": 120.0, "int8-pure": 30.0, "int16": 70.0},
    )  # fmt: skip


def test_ids_may_be_made_of_real_numbers() -> None:
    """Levels of a signal choose rows: fractions are cut off, ids shifted and clamped, one by one."""
    x = torch.randint(0, 90, (32, 6), generator=torch.Generator().manual_seed(2)) / 8.0 - 1.03
    assert_equal_everywhere(
        {
            "levels": lambda m, x: m.tokens(x.clamp(0.0, 10.0).long()),
            "clamped": lambda m, x: m.tokens((x * 2.0).int().clamp(0, 10)),
            "shifted": lambda m, x: m.tokens(x.clamp(0.0, 8.0).long() + 2),
        },
        (x,), {"float32": 120.0, "int16": 70.0}, **LAYERS,
    )  # fmt: skip


def test_ids_in_steps_of_a_fraction_are_refused() -> None:
    """Declared so by the user, where ids are compared too."""
    model = Functions({"y": lambda m, ids: m.tokens(ids) * (ids != 0)[..., None]}, LAYERS)
    with pytest.raises(
        UnsupportedError, match=r"its ids are real numbers of scale 0.5; give them as an input of whole"
    ):
        lowered(model, (IDS,), "int8", {"inputs_0": Input(dtype="int8", scale=0.5)})
