"""Windows come from files of numbers in the order and type of the inputs; anything else is refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from smidgen.compression.window_file import read_windows
from smidgen.errors import ConfigError

RSSI = np.arange(24, dtype=np.int8).reshape(4, 3, 2)
MOTION = np.linspace(-1.0, 1.0, 36).reshape(4, 3, 3)
INPUTS = {"motion": torch.float32, "rssi": torch.float32}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two inputs."""
    np.savez(tmp_path / "windows.npz", rssi=RSSI, motion=MOTION)
    return tmp_path / "windows.npz"


def test_arrays_come_in_the_order_and_type_of_the_inputs(path: Path) -> None:
    """Whatever order the file has; integers and double precision become what the model takes."""
    motion, rssi = read_windows(path, INPUTS)
    assert (motion.dtype, rssi.dtype) == (torch.float32, torch.float32)
    assert np.array_equal(motion.numpy(), MOTION.astype(np.float32))
    assert np.array_equal(rssi.numpy(), RSSI)


@pytest.mark.parametrize(
    ("array", "dtype", "expected"),
    [
        (np.ones((2, 3), np.float64), None, torch.float32),
        (np.ones((2, 3), ">f4"), None, torch.float32),
        (np.asfortranarray(np.ones((2, 3), np.float32)), None, torch.float32),
        (np.ones((2, 3), np.uint8), None, torch.int64),
        (np.ones((2, 3), bool), None, torch.bool),
        (np.ones((2, 3), np.int16), torch.int32, torch.int32),
        (np.ones((2, 3), bool), torch.float32, torch.float32),
    ],
)
def test_one_array_is_enough_for_one_input(
    array: np.ndarray, dtype: torch.dtype | None, expected: torch.dtype, tmp_path: Path
) -> None:
    """A .npy holds the only input, whatever its byte order and layout."""
    np.save(tmp_path / "x.npy", array)
    (x,) = read_windows(tmp_path / "x.npy", {"x": dtype})
    assert x.dtype == expected
    assert torch.equal(x, torch.ones(2, 3, dtype=expected))


class _Evil:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (Path.touch, (Path("ran"),))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"rssi": RSSI}, r"holds no array for input 'motion'; it holds rssi"),
        ({}, r"holds no array for input 'motion'; it holds nothing"),
        ({"rssi": RSSI, "motoin": MOTION}, r"an array 'motoin', the model has no such input; did you mean 'motion'\?"),
        ({"rssi": RSSI[:3], "motion": MOTION}, r"number of windows, at least 1; got motion \(4, 3, 3\), rssi \(3,"),
        ({"rssi": RSSI[:0], "motion": MOTION[:0]}, r"at least 1; got motion \(0, 3, 3\)"),
        ({"rssi": np.float64(3), "motion": np.float64(3)}, r"at least 1; got motion \(\)"),
        ({"rssi": np.array([["a"]] * 4), "motion": MOTION}, r"array 'rssi' holds <U1; expected numbers"),
        ({"rssi": RSSI.astype(complex), "motion": MOTION}, r"array 'rssi' holds complex128; expected numbers"),
        ({"rssi": np.array([_Evil()] * 4), "motion": MOTION}, r"is no readable \.npz or \.npy file of numbers \(Obj"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_refused(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, counts and kinds are checked, and a pickled object is never opened."""
    monkeypatch.chdir(tmp_path)
    np.savez("windows.npz", **arrays)
    with pytest.raises(ConfigError, match=message):
        read_windows("windows.npz", INPUTS)
    assert not Path("ran").exists()


def test_fractions_are_no_indices(tmp_path: Path) -> None:
    """Token ids that were saved as floats are not rounded quietly."""
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    with pytest.raises(ConfigError, match=r"holds float64, the input takes torch\.int64; save it as integers"):
        read_windows(tmp_path / "x.npy", {"x": torch.int64})


def test_one_array_is_not_enough_for_two_inputs(tmp_path: Path) -> None:
    """The message shows how to save several."""
    np.save(tmp_path / "x.npy", RSSI)
    with pytest.raises(ConfigError, match=r"holds one array, the model has 2 inputs \(motion, rssi\): save a \.npz"):
        read_windows(tmp_path / "x.npy", INPUTS)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    """Empty, of another kind, or begun like one of ours."""
    (tmp_path / "windows.npz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"is no readable \.npz or \.npy file of numbers"):
        read_windows(tmp_path / "windows.npz", INPUTS)
    with pytest.raises(ConfigError, match=r"no such file; give a \.npz"):
        read_windows(tmp_path / "nowhere.npz", INPUTS)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(part: float, path: Path) -> None:
    """Cut anywhere."""
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ConfigError, match=r"is no readable \.npz"):
        read_windows(path, INPUTS)


def test_a_damaged_member_is_refused(path: Path) -> None:
    """A changed byte in the numbers fails the archive's checksum."""
    content = bytearray(path.read_bytes())
    at = content.index(RSSI.tobytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(ConfigError, match=r"is no readable \.npz"):
        read_windows(path, INPUTS)
