"""Free Spoken Digit Dataset: 6 speakers say 10 digits 50 times each (Jackson et al. 2018, Zenodo, CC BY-SA 4.0).

Layout under the data folder: `fsdd/recordings.zip`, or its files unpacked in `fsdd/recordings/`, each named
`{digit}_{speaker}_{take}.wav`: mono, 16 bit, 8 kHz, silence trimmed, so that durations differ (0.14 to 2.3 s).
The published protocol tests takes 0 to 4 of every speaker and digit. It shares the speakers; the harder one is
`leave_one_out(utterances, by="subject")`.
"""

import io
import re
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.archive import read_members
from smidgen.data.splits import Split
from smidgen.errors import DataError

FOLDER = "fsdd"
SAMPLE_RATE_HZ = 8000
DIGITS = tuple(range(10))
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TAKES = range(50)
TEST_TAKES = range(5)
"""The published split: held out, of every speaker and digit."""

_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
_SOURCE = "Fetch the data set (github.com/Jakobovski/free-spoken-digit-dataset) and name the folder it lies in."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Utterance:
    """One digit, said once."""

    digit: int
    subject: str  # the speaker
    take: int
    samples: NDArray[np.int16]  # (n,) at SAMPLE_RATE_HZ
    home: str = FOLDER  # one collection, as recordings of one home are

    @property
    def name(self) -> str:
        return f"{self.digit}_{self.subject}_{self.take}"


def load_spoken_digits(root: Path | str) -> list[Utterance]:
    """Return all 3,000 utterances, by digit, speaker and take.

    Args: root, the folder that holds `fsdd`, or that folder itself.
    Raises DataError for a missing or unknown file, one that is damaged, or not mono, 16 bit and 8 kHz.
    """
    utterances = {}
    for where, file_name, content in _files(Path(root)):
        utterance = _read(where, file_name, content)
        utterances[utterance.digit, utterance.subject, utterance.take] = utterance
    wanted = list(product(DIGITS, SPEAKERS, TAKES))
    missing = [key for key in wanted if key not in utterances]
    if missing:
        digit, speaker, take = missing[0]
        raise DataError(
            f"{root}: {len(missing)} of {len(wanted)} utterances are missing, the first {digit}_{speaker}_{take}.wav. "
            + _SOURCE
        )
    return [utterances[key] for key in wanted]


def count_spoken_digits(root: Path) -> int:
    """Return how many recordings lie under a data folder, whole or not; 0 where the data set is not here."""
    try:
        return sum(1 for _ in _files(root))
    except DataError:
        return 0


def split_by_take(utterances: Sequence[Utterance], held_out: Iterable[int]) -> Split[Utterance]:
    """Hold some takes of every speaker and digit out: `TEST_TAKES` for the published split.

    Raises DataError where either side would be empty.
    """
    takes = frozenset(held_out)
    name = f"takes {', '.join(map(str, sorted(takes)))}"
    test = tuple(utterance for utterance in utterances if utterance.take in takes)
    if not 0 < len(test) < len(utterances):
        raise DataError(f"holding out {name} leaves {len(utterances) - len(test)} of {len(utterances)} utterances")
    train = tuple(utterance for utterance in utterances if utterance.take not in takes)
    return Split(name=name, train=train, test=test)


def _files(root: Path) -> Iterable[tuple[str, str, bytes]]:
    """Yield where each recording stands, its name and its bytes."""
    folder = next((f for f in (root / FOLDER, root) if (f / "recordings").is_dir() or _archive(f).is_file()), None)
    if folder is None:
        raise DataError(f"{root}: expected {FOLDER}/recordings.zip or {FOLDER}/recordings/, found neither. {_SOURCE}")
    if (folder / "recordings").is_dir():
        for path in sorted((folder / "recordings").glob("*.wav")):
            yield str(path), path.name, path.read_bytes()
        return
    path = _archive(folder)
    for name, content in read_members(path, ending=".wav"):
        yield f"{path}: {name}", Path(name).name, content


def _archive(folder: Path) -> Path:
    return folder / "recordings.zip"


def _read(where: str, file_name: str, content: bytes) -> Utterance:
    """Return one recording, its name and its format checked."""
    match = _NAME.fullmatch(file_name)
    if match is None or match[2] not in SPEAKERS or int(match[3]) not in TAKES:
        raise DataError(
            f"{where}: expected a digit, one of {', '.join(SPEAKERS)} and a take of 0 to {TAKES[-1]}, as in "
            "3_theo_12.wav. Remove the file."
        )
    try:
        with wave.open(io.BytesIO(content)) as recording:
            form = recording.getparams()
            frames = recording.readframes(form.nframes)
    except (wave.Error, EOFError) as error:
        raise DataError(
            f"{where}: expected a WAV recording, found {str(error) or 'a truncated one'}. Fetch it again."
        ) from None
    found = (form.nchannels, 8 * form.sampwidth, form.framerate)
    if found != (1, 16, SAMPLE_RATE_HZ):
        raise DataError(f"{where}: expected 1 channel of 16 bit at {SAMPLE_RATE_HZ} Hz, found {found}. Fetch it again.")
    if not form.nframes or len(frames) != 2 * form.nframes:
        raise DataError(
            f"{where}: expected {form.nframes} samples from its header, found {len(frames) // 2}: the file is "
            "truncated. Fetch it again."
        )
    return Utterance(
        digit=int(match[1]), subject=match[2], take=int(match[3]), samples=np.frombuffer(frames, "<i2").astype(np.int16)
    )
