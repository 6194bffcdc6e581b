"""What a float graph's nodes are: functions of one tensor, parts of a split layer, names and lines of the user."""

import pytest
import torch
from small_models import Chain, normal
from torch import Tensor, nn

from smidgen.compression import FloatProgram, import_model
from smidgen.compression.structure import arguments, label, module_path, op_name, source_line


@pytest.fixture(scope="module")
def chain() -> FloatProgram:
    """The module with one of everything."""
    return import_model(Chain(), normal(2, 6, 4))


def by_op(program: FloatProgram, name: str) -> list[torch.fx.Node]:
    """Return the nodes of an operator in order."""
    return [node for node in program.nodes if node.op == "call_function" and op_name(node) == name]


def test_a_chain_of_functions_has_one_root(chain: FloatProgram) -> None:
    """Scaling, offset and sigmoid of one tensor are one function of it; only its last node is materialised."""
    scale, gate = by_op(chain, "mul")
    (offset, residual), (sigmoid,) = by_op(chain, "add"), by_op(chain, "sigmoid")
    part = chain.structure.split_parts[by_op(chain, "linear")[0].name][0][0]
    assert [chain.structure.roots[node.name] for node in (scale, offset, sigmoid)] == [part] * 3
    assert not {gate.name, residual.name} & set(chain.structure.roots)
    assert {sigmoid.name, gate.name, residual.name} <= chain.structure.materialised
    assert not {scale.name, offset.name} & chain.structure.materialised


def test_a_layer_that_is_only_split_is_several(chain: FloatProgram) -> None:
    """Both halves are known with their rows; the whole is never materialised."""
    (whole, second) = by_op(chain, "linear")
    parts = chain.structure.split_parts[whole.name]
    assert [(start, stop) for _, start, stop in parts] == [(0, 4), (4, 8)]
    assert whole.name not in chain.structure.materialised
    assert second.name not in chain.structure.split_parts


def test_a_layer_with_another_reader_is_not_split() -> None:
    """If the whole is needed too, the parts are slices of it."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            a, b = y.split([1, 3], dim=-1)
            return torch.cat([b, a, y], dim=-1)

    assert not import_model(Both(), normal(2, 4)).structure.split_parts


def test_names_follow_the_users_modules(chain: FloatProgram) -> None:
    """Path of the module, short name of the operator, and both as the label of reports and recipes."""
    first, second = by_op(chain, "linear")
    assert (module_path(first), op_name(first), label(first)) == ("first", "linear", "first:linear")
    assert label(second) == "second:linear"
    assert label(by_op(chain, "sigmoid")[0]) == ":sigmoid"


def test_a_module_called_twice_is_told_apart() -> None:
    """The second call carries its number, so that two activations never share a label by accident."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(self.layer(x))

    labels = [label(node) for node in by_op(import_model(Twice(), normal(2, 4)), "linear")]
    assert labels == ["layer:linear", "layer@1:linear"]


def test_the_users_line_is_found(chain: FloatProgram) -> None:
    """File, line, function and code of the line that made an operator, not of torch's own files."""
    line = source_line(by_op(chain, "sigmoid")[0])
    assert "small_models.py" in line
    assert "gated = torch.sigmoid(a * 2.0 + 1.0) * b" in line
    assert "small_models.py" in source_line(by_op(chain, "linear")[0])


def test_arguments_have_names_and_defaults() -> None:
    """However a user writes a call, each argument is found by its name in torch's schema."""

    class Written(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.mean(torch.clamp(x, max=2.0), dim=-1, keepdim=True)

    program = import_model(Written(), normal(2, 4))
    (clamp,), (mean,) = by_op(program, "clamp"), by_op(program, "mean")
    assert (arguments(clamp)["min"], arguments(clamp)["max"]) == (None, 2.0)
    given = arguments(mean)
    assert (given["dim"], given["keepdim"], given["dtype"]) == ([-1], True, None)
