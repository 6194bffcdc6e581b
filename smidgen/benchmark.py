"""The data a study runs on: which recordings, held out how; simulated homes, the real one and your own alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import overload

from smidgen.data import Recording, Split, Windows, concatenate, decide, leave_one_out, make_windows, to_frames
from smidgen.data.own_recordings import load_own_recordings
from smidgen.data.simulate import simulate_home
from smidgen.data.sphere import load_sphere
from smidgen.errors import ConfigError, DataError
from smidgen.training.metrics import RARE_BELOW
from smidgen.training.presets import Preset, find_preset

HOMES = {"simulated": "simulated homes", "sphere": "the SPHERE home", "own": "your own recordings"}
"""What a benchmark is called in titles, by its name."""

SIMULATED_HOMES = 4
SIMULATED_RECORDINGS = 4  # of each home; the last is held out
SIMULATED_SECONDS = 1500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Splits of one data set, each with recordings of one home."""

    name: str  # "simulated", "sphere" or "own"
    homes: tuple[str, ...]  # of each split
    splits: Sequence[Split[Recording]]

    @property
    def preset(self) -> Preset:
        """Window, model sizes and training for this data set."""
        return find_preset(self.name)

    def rare_rooms(self, home: str) -> tuple[str, ...]:
        """Return the rooms of a home that have few decisions over all its held-out recordings."""
        same_home = (index for index, other in enumerate(self.homes) if other == home)
        recordings = [recording for index in same_home for recording in self.splits[index].test]
        counts = Counter(room for recording in recordings for room in decide(recording).label.tolist())
        return tuple(name for room, name in enumerate(recordings[0].rooms) if counts[room] < RARE_BELOW)

    def windows(self, recordings: tuple[Recording, ...]) -> Windows:
        """Cut the windows of this data set's preset."""
        frames = (to_frames(recording, step_s=self.preset.step_s) for recording in recordings)
        return concatenate([make_windows(each, length=self.preset.length) for each in frames])


@lru_cache(maxsize=1)
def load_benchmark(name: str, root: Path | None, folds: int | None) -> Benchmark:
    """Load recordings and part them: `sphere` by sequence, `simulated` by home with the last recording held out.

    Args: name, one of these, or the path of your own recordings, which are parted by recording within their home;
    root, the folder of the SPHERE recordings; folds, how many splits at most (None: all).
    Raises ConfigError for an unknown name or number of folds, DataError for missing recordings.
    """
    if name == "simulated":
        numbers = range(1, _checked_folds(name, folds, SIMULATED_HOMES) + 1)
        homes = tuple(f"simulated/home-{number}" for number in numbers)
        return Benchmark(name=name, homes=homes, splits=_SimulatedSplits(numbers))
    if name == "sphere":
        if root is None:
            raise DataError("the real recordings need their folder: pass --root, e.g. --root ../shared/data")
        recordings = load_sphere(root)
    elif Path(name).exists():
        recordings = load_own_recordings(Path(name))
    else:
        raise ConfigError(
            f"no data set {name!r}, and no such folder; choose simulated or sphere, or the path of your own recordings"
        )
    splits = tuple(split for home in _by_home(recordings) for split in leave_one_out(home, by="recording"))
    splits = splits[: _checked_folds(name, folds, len(splits))]
    homes = tuple(split.test[0].home for split in splits)
    return Benchmark(name="sphere" if name == "sphere" else "own", homes=homes, splits=splits)


def _by_home(recordings: Sequence[Recording]) -> list[list[Recording]]:
    homes = dict.fromkeys(recording.home for recording in recordings)
    return [[recording for recording in recordings if recording.home == home] for home in homes]


def _checked_folds(name: str, folds: int | None, there_are: int) -> int:
    if folds is not None and not 1 <= folds <= there_are:
        raise ConfigError(f"{name} has {there_are} splits; --folds must lie in 1..{there_are}, got {folds}")
    return there_are if folds is None else folds


class _SimulatedSplits(Sequence[Split[Recording]]):
    """The homes by number; one is simulated when it is first asked for."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Split[Recording]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Split[Recording]]: ...

    def __getitem__(self, index: int | slice) -> Split[Recording] | Sequence[Split[Recording]]:
        if isinstance(index, slice):
            return _SimulatedSplits(self._numbers[index])
        return _simulated_split(self._numbers[index])


@cache
def _simulated_split(number: int) -> Split[Recording]:
    home = simulate_home(number)
    recordings = tuple(home.record(seed, SIMULATED_SECONDS) for seed in range(SIMULATED_RECORDINGS))
    return Split(name=f"home-{number}", train=recordings[:-1], test=recordings[-1:])
