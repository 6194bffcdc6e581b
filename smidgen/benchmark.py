"""The data a demonstration runs on: which recordings, held out how; simulated homes and the real one alike."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from smidgen.data import Recording, Split, Windows, concatenate, decide, leave_one_out, make_windows, to_frames
from smidgen.data.simulate import simulate_home
from smidgen.data.sphere import load_sphere
from smidgen.errors import ConfigError, DataError
from smidgen.training.metrics import RARE_BELOW
from smidgen.training.presets import Preset, find_preset

SIMULATED_HOMES = 4
SIMULATED_RECORDINGS = 4  # of each home; the last is held out
SIMULATED_SECONDS = 1500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Splits of one data set, each with recordings of one home."""

    name: str  # "simulated" or "sphere"
    splits: tuple[Split[Recording], ...]

    @property
    def preset(self) -> Preset:
        """Window, model sizes and training for this data set."""
        return find_preset(self.name)

    def rare_rooms(self, home: str) -> tuple[str, ...]:
        """Return the rooms of a home that have few decisions over all its held-out recordings."""
        recordings = [recording for split in self.splits for recording in split.test if recording.home == home]
        counts = Counter(room for recording in recordings for room in decide(recording).label.tolist())
        return tuple(name for room, name in enumerate(recordings[0].rooms) if counts[room] < RARE_BELOW)

    def windows(self, recordings: tuple[Recording, ...]) -> Windows:
        """Cut the windows of this data set's preset."""
        frames = (to_frames(recording, step_s=self.preset.step_s) for recording in recordings)
        return concatenate([make_windows(each, length=self.preset.length) for each in frames])


@lru_cache(maxsize=1)
def load_benchmark(name: str, root: Path | None, folds: int | None) -> Benchmark:
    """Load recordings and part them: `sphere` by sequence, `simulated` by home with the last recording held out.

    Args: root, the folder of the real recordings; folds, how many splits at most (None: all).
    Raises ConfigError for an unknown name, DataError for missing recordings.
    """
    if name == "simulated":
        splits = tuple(_simulated_split(number) for number in range(1, SIMULATED_HOMES + 1))
    elif name == "sphere":
        if root is None:
            raise DataError("the real recordings need their folder: pass --root, e.g. --root ../shared/data")
        splits = tuple(leave_one_out(load_sphere(root), by="recording"))
    else:
        raise ConfigError(f"no data set {name!r} to demonstrate on; choose simulated or sphere")
    if folds is not None and not 1 <= folds <= len(splits):
        raise ConfigError(f"{name} has {len(splits)} splits; --folds must lie in 1..{len(splits)}, got {folds}")
    return Benchmark(name=name, splits=splits[:folds])


def _simulated_split(number: int) -> Split[Recording]:
    home = simulate_home(number)
    recordings = tuple(home.record(seed, SIMULATED_SECONDS) for seed in range(SIMULATED_RECORDINGS))
    return Split(name=f"home-{number}", train=recordings[:-1], test=recordings[-1:])
