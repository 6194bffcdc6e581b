"""A `.pt2` file is inspected without running it, loaded whole with trust, or its checked data alone without."""

import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import smidgen
from pt2_files import PROGRAM, SAMPLE_INPUTS, WEIGHTS, Edit, edited_json, exported_file, free_sizes, rewritten
from small_models import Chain, normal
from torch import Tensor, nn

from smidgen.compression import import_model
from smidgen.errors import ExportError, UnsupportedError
from smidgen.importing import inspect_pt2, load_checked_pt2, load_pt2
from smidgen.importing.archive import ARCHIVE_VERSION, SCHEMA_MAJOR
from smidgen.models import MambaConfig, MambaEncoder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torch.export.save writes it."""
    return exported_file(tmp_path_factory.mktemp("files"))


class WithConstants(nn.Module):
    """A tensor made in forward, a buffer that is not saved, an infinite limit, and nested outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.register_buffer("offset", normal(4), persistent=False)

    def forward(self, x: Tensor) -> dict[str, Tensor | tuple[Tensor, Tensor]]:
        y = self.norm(x) * torch.tensor([1.0, 2.0, 3.0, 4.0]) + self.offset
        return {"all": (y, y.reshape(x.shape[0] * 6, 4)), "low": y.clamp(-float("inf"), 0.5)}


@pytest.mark.parametrize("kind", ["chain", "constants", "mamba"])
def test_a_checked_load_gives_what_torch_gives(kind: str, tmp_path: Path) -> None:
    """The same graph, the same tensors, the same results; no hazard is seen in what torch writes."""
    models = {"chain": Chain(), "constants": WithConstants(), "mamba": MambaEncoder(MambaConfig(d_input=4, d_model=4))}
    path = exported_file(tmp_path, models[kind])
    assert inspect_pt2(path).hazards == ()
    checked, whole = load_checked_pt2(path), load_pt2(path, trust=True)
    assert str(checked.graph) == str(whole.graph)
    for tensors, expected in ((checked.state_dict, whole.state_dict), (checked.constants, whole.constants)):
        assert tensors.keys() == expected.keys()
        assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    if kind != "constants":  # its outputs mix batch and steps
        x = normal(3, 6, 4)
        torch.testing.assert_close(import_model(checked, x).run((x,))[0], models[kind].eval()(x))


def test_a_checked_load_keeps_the_users_lines(path: Path) -> None:
    """Errors after import name the line of the model's code, which is text in the archive."""
    nodes = {node.name: node for node in load_checked_pt2(path).graph.nodes}
    assert "small_models.py" in nodes["sigmoid"].meta["stack_trace"]
    assert [name for name, _ in nodes["linear"].meta["nn_module_stack"].values()] == ["", "first"]


def test_inspection_tells_what_is_in_the_file(path: Path) -> None:
    """Inputs with their free sizes by name, operators with counts, the tensors' bytes."""
    summary = inspect_pt2(path)
    batch, *sizes = summary.inputs["x"]
    assert (list(summary.inputs), batch[0], sizes) == (["x"], "s", ["6", "4"])
    assert summary.operators["aten.linear.default"] == 2
    assert (summary.tensors, summary.tensor_bytes) == (4, 4 * (8 * 4 + 8 + 4 * 4 + 4))
    assert summary.torch_version == torch.__version__
    assert "aten.linear.default 2" in str(summary)


def test_the_verb_inspects(path: Path, tmp_path: Path) -> None:
    """`smidgen inspect` prints the same, as JSON for machines; status 1 says that something could run code."""
    shown = smidgen("inspect", path)
    assert (shown.status, shown.stdout) == (0, f"{inspect_pt2(path)}\n")
    assert json.loads(smidgen("inspect", path, "--json").stdout)["operators"]["aten.linear.default"] == 2
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    hostile = smidgen("inspect", rewritten(copy, {"data/weights/model.pt": lambda _: b""}))
    assert hostile.status == 1
    assert "HAZARD data/weights/model.pt is a member that torch would unpickle" in hostile.stdout


def test_the_refusal_says_what_to_do(path: Path) -> None:
    """Trust for one's own file, the checking loader for any other."""
    with pytest.raises(ExportError) as caught:
        load_pt2(path)
    assert str(caught.value) == (
        f"{path}: loading a .pt2 file can run code that it contains. Nothing of the kinds that are known was found in "
        "this one. Pass trust=True (--trust) only for a file of your own. For any other, "
        "smidgen.importing.load_checked_pt2(path) takes the data alone, after checking all of it"
    )


def test_the_versions_are_those_of_torch() -> None:
    """What the reader expects is what the installed torch writes."""
    from torch._export.serde.schema import SCHEMA_VERSION
    from torch.export.pt2_archive.constants import ARCHIVE_VERSION_VALUE

    assert (SCHEMA_VERSION[0], ARCHIVE_VERSION_VALUE) == (SCHEMA_MAJOR, ARCHIVE_VERSION)


def set_in(*keys: str, value: object) -> Edit:
    """Return the edit that sets one entry of a JSON document."""

    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return edited_json(change)


DAMAGE: dict[str, tuple[dict[str, Edit], str]] = {
    "other archive version": ({"archive_version": lambda _: b"7"}, "archive version '7', expected '0'. Export the mod"),
    "other format": ({"archive_format": lambda _: b"zip"}, r"is a zip archive but no \.pt2 file of torch 2\.13"),
    "other schema": (
        {PROGRAM: set_in("schema_version", "major", value=7)}, r"program schema 7, written by torch 2\.\S+; expected 8"
    ),
    "big-endian": ({"byteorder": lambda _: b"big"}, "its tensors are not little-endian"),
    "no JSON": ({PROGRAM: lambda data: data[:-1]}, "models/model.json is not JSON"),
    "deep JSON": ({PROGRAM: lambda _: b"[" * 100_000}, "models/model.json is not JSON"),
    "a JSON list": ({PROGRAM: lambda _: b"[]"}, "models/model.json must hold a JSON object, found list"),
    "no table of weights": ({WEIGHTS: lambda _: b"{}"}, "model_weights_config.json has no table of tensors"),
    "two programs": ({"models/other.json": lambda _: b"{}"}, "expected one program, .*, found also models/other.json"),
    "no graph": ({PROGRAM: set_in("graph_module", value={})}, r"model.json is no program of torch.export \(KeyError"),
}  # fmt: skip


@pytest.mark.parametrize("load", [load_checked_pt2, lambda path: load_pt2(path, trust=True)], ids=["checked", "trust"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_has_its_own_message(kind: str, load: Callable[[Path], object], path: Path, tmp_path: Path) -> None:
    """Each way a file can be wrong is told before torch sees the file, with trust as without."""
    edits, message = DAMAGE[kind]
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    with pytest.raises(ExportError, match=message):
        load(rewritten(copy, edits))


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_file_cut_short_is_refused(keep: float, path: Path, tmp_path: Path) -> None:
    """Anywhere."""
    cut, content = tmp_path / "cut.pt2", path.read_bytes()
    cut.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(ExportError, match=r"cut\.pt2 is no readable \.pt2 file: .* It is damaged or cut short"):
        load_pt2(cut, trust=True)


def test_a_changed_byte_is_found(path: Path, tmp_path: Path) -> None:
    """The archive's checksums are checked over every member."""
    content = bytearray(path.read_bytes())
    content[content.index(b"aten.sigmoid")] ^= 1
    changed = tmp_path / "changed.pt2"
    changed.write_bytes(content)
    with pytest.raises(ExportError, match="Bad CRC-32"):
        load_pt2(changed, trust=True)


def test_other_files_are_told_apart(path: Path, tmp_path: Path) -> None:
    """A checkpoint of torch.save, a missing file, and members that are compressed."""
    checkpoint = tmp_path / "checkpoint.pt2"
    torch.save({"weight": normal(3)}, checkpoint)
    with pytest.raises(
        ExportError, match=r"is a checkpoint of torch\.save or TorchScript, no \.pt2 file; load it into"
    ):
        inspect_pt2(checkpoint)
    with pytest.raises(ExportError, match="there is no such file"):
        inspect_pt2(tmp_path / "nowhere.pt2")
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    with pytest.raises(ExportError, match="its members are compressed or doubled"):
        inspect_pt2(rewritten(copy, {}, compress=True))


def test_a_program_that_torch_refuses_is_one_error(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Trusted, checked and yet impossible: torch's reason in one sentence, no log, no second attempt."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    missing = rewritten(copy, {PROGRAM: lambda data: data.replace(b"aten.sigmoid.default", b"aten.sigmoid.nothing")})
    with pytest.raises(ExportError, match=r"torch \S+ cannot load this program: .*sigmoid"):
        load_pt2(missing, trust=True)
    assert capsys.readouterr() == ("", "")
    assert caplog.text == ""


HAZARDS: dict[str, tuple[Callable[[Any], object], str]] = {
    "function of a module": (
        lambda document: document["graph_module"]["graph"]["nodes"][0].update(target="torch.os.system"),
        r"nodes\[0\].target: 'torch.os.system' is no tensor operator; torch would call it",
    ),
    "operator on files": (
        lambda document: document["graph_module"]["graph"]["nodes"][0].update(
            target="torch.ops.aten.from_file.default"
        ),
        "'torch.ops.aten.from_file.default' is no tensor operator",
    ),
    "guard": (
        lambda document: document["guards_code"].append("__import__('os').system('true') == 0"),
        r"guards_code\[0\]: .* is no comparison of sizes; torch would compile it as Python",
    ),
    "huge size": (
        lambda document: free_sizes(document)[0].update(expr_str="Pow(Integer(10), Integer(10000000000))"),
        "'Pow.* is no arithmetic on sizes",
    ),
    "text elsewhere": (lambda document: document.update(note="hello"), "note: 'hello' is no text that torch writes"),
}


@pytest.mark.parametrize("kind", HAZARDS)
def test_what_torch_does_not_write_is_a_hazard(kind: str, path: Path, tmp_path: Path) -> None:
    """Also where torch 2.13 itself would object, or only later would run it."""
    change, message = HAZARDS[kind]
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    with pytest.raises(ExportError, match=message):
        load_checked_pt2(rewritten(copy, {PROGRAM: edited_json(change)}))


def stored(*members: tuple[str, bytes]) -> bytes:
    """Return a zip archive of these members, doubled ones included."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of doubled names
        for name, data in members:
            archive.writestr(name, data)
    return content.getvalue()


#: os.system by its name on the stack, hidden behind harmless names: torch.save writes no such thing.
HIDDEN_CALL = (
    pickle.PROTO + b"\x04" + b"\x8c\x02os\x94" + b"0" + b"\x8c\x06system\x94" + b"0"
    + b"\x8c\x0bcollections0\x8c\x0bOrderedDict0" + b"h\x00h\x01\x93."
)  # fmt: skip
HIDDEN_PICKLES = {
    "name on the stack": (stored(("model/data.pkl", HIDDEN_CALL)), "data.pkl calls STACK_GLOBAL"),
    "upper case": (stored(("model/DATA.PKL", HIDDEN_CALL)), "DATA.PKL calls STACK_GLOBAL"),
    "doubled": (stored(("model/data.pkl", HIDDEN_CALL), ("model/data.pkl", b"N.")), "has doubled members"),
    "doubled in another case": (stored(("model/DATA.PKL", HIDDEN_CALL), ("model/data.pkl", b"N.")), "doubled"),
}


@pytest.mark.parametrize("kind", HIDDEN_PICKLES)
def test_a_call_does_not_hide_in_a_pickle(kind: str, path: Path, tmp_path: Path) -> None:
    """Inspection reads example inputs as torch would: members in any case, names from anywhere."""
    inputs, message = HIDDEN_PICKLES[kind]
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    (found,) = inspect_pt2(rewritten(copy, {SAMPLE_INPUTS: lambda _: inputs})).hazards
    assert message in found


def test_a_hostile_file_does_not_drive_the_terminal(path: Path, tmp_path: Path) -> None:
    """Texts of the file that do not print are shown as escapes."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    clear = edited_json(lambda document: document.update(torch_version="\x1b[2J"))
    shown = str(inspect_pt2(rewritten(copy, {PROGRAM: clear})))
    assert "\x1b" not in shown
    assert r"exported by torch \x1b[2J" in shown


def test_a_tensor_that_claims_more_than_is_stored_is_refused(path: Path, tmp_path: Path) -> None:
    """torch would reserve the memory that the file asks for."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    sizes = [{"as_int": 10**9}, {"as_int": 10**9}]
    claim = set_in("config", "first.weight", "tensor_meta", "sizes", value=sizes)
    edited = rewritten(copy, {WEIGHTS: claim, "data/weights/weight_0": lambda _: b""})
    with pytest.raises(ExportError, match=r"first\.weight claims sizes \[1000000000, 1000000000\], and 0 B are stored"):
        load_checked_pt2(edited)


def test_members_that_share_bytes_are_refused(path: Path, tmp_path: Path) -> None:
    """A small file whose table of contents names one large member again and again would fill the memory."""
    content = bytearray(stored(("model/a", b"x" * 4096), ("model/b", b"y")))
    start = content.index(b"PK\x01\x02")  # the first entry of the table of contents
    second = content.index(b"PK\x01\x02", start + 4)
    length, name_length = second - start, len("model/a")
    entry = content[start:second]
    entry[46 : 46 + name_length] = b"model/b"
    content[second : second + length] = entry
    copy = tmp_path / path.name
    copy.write_bytes(content)
    with pytest.raises(ExportError, match=r"is no readable \.pt2 file"):
        load_checked_pt2(copy)


def test_a_checked_load_takes_only_what_compiles(tmp_path: Path) -> None:
    """An operator that Smidgen has no rule for is not loaded at all."""

    class Unknown(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.svdvals(x)

    with pytest.raises(UnsupportedError, match=r"operator aten\.linalg_svdvals\.default has no lowering"):
        load_checked_pt2(exported_file(tmp_path, Unknown()))
