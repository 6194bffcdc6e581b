"""The official test sequences of the SPHERE Challenge: half a minute each, without rooms, with the motion sensors.

Layout within test_unlabelled.zip:
    test/00011/acceleration.csv    t, x, y, z, Kitchen_AP, Lounge_AP, Upstairs_AP, Study_AP, as in training
    test/00011/pir.csv             start, end, name, index of each activation; one sensor a room
Nobody says where the person was. A sensor (passive infrared) fires for whoever moves before it: weak evidence.
Glossary: `n` moments, `R` rooms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.archive import read_members
from smidgen.data.csv_table import Table, parse_table
from smidgen.data.recording import UNLABELLED, Recording, not_on_map
from smidgen.data.samples import ACCELERATION, read_samples
from smidgen.data.sphere import ACCESS_POINTS, FOLDER, VISIT_COLUMNS, read_rooms
from smidgen.errors import DataError

ARCHIVE = "test_unlabelled.zip"
LOG = "acceleration.csv"
SENSORS = "pir.csv"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnlabelledSequence:
    """A recording without rooms, and when which room's motion sensor fired."""

    recording: Recording  # every row UNLABELLED
    start_s: NDArray[np.float64]  # (m,) of each activation, on the recording's clock
    end_s: NDArray[np.float64]  # (m,)
    room: NDArray[np.int16]  # (m,) whose sensor

    def fired(self, time_s: NDArray[np.float64], *, hop_s: float) -> NDArray[np.bool_]:
        """Return (n, R) which sensors fired within the hop_s before each time."""
        found = np.zeros((len(time_s), len(self.recording.rooms)), dtype=np.bool_)
        within = (self.start_s[None] < time_s[:, None]) & (self.end_s[None] > time_s[:, None] - hop_s)
        for activation, room in enumerate(self.room):
            found[:, room] |= within[:, activation]
        return found

    @property
    def as_if_labelled(self) -> Recording:
        """The recording as if all of it were in one room, so that every moment of it is a decision to ask about."""
        return replace(self.recording, room=np.zeros_like(self.recording.room))


def load_sphere_unlabelled(root: Path | str) -> list[UnlabelledSequence]:
    """Return the unlabelled sequences in order; those in which nothing was recorded, or heard, are left out.

    Args: root, the folder that holds `sphere_challenge`, or that folder itself.
    Raises DataError with archive, member and line for the first thing that is wrong.
    """
    root = Path(root)
    folder = next((f for f in (root / FOLDER, root) if (f / ARCHIVE).exists()), None)
    if folder is None:
        raise DataError(
            f"{root}: expected {ARCHIVE} with the unlabelled SPHERE sequences, found none. Fetch the data set "
            "(DOI 10.5523/bris.8gccwpx47rav19vk8x4xapcog) and name the folder it lies in."
        )
    path = folder / ARCHIVE
    rooms = read_rooms(folder / "metadata" / "rooms.json")
    members = dict(read_members(path, ending=".csv"))
    logs = [name for name in members if name.endswith(f"/{LOG}")]
    if not logs:
        raise DataError(f"{path}: expected test/NUMBER/{LOG} and so on in the archive, found none. Fetch it again.")
    found = [_sequence(path, name, members, rooms) for name in logs]
    return [sequence for sequence in found if sequence is not None]


def _sequence(path: Path, log: str, members: dict[str, bytes], rooms: tuple[str, ...]) -> UnlabelledSequence | None:
    """Return one sequence, None where its log has no row, or no level in it."""
    columns = tuple(f"{name}_AP" for name in ACCESS_POINTS)
    table = _table(path, log, members[log], ("t", *ACCELERATION, *columns))
    if table is None or not any(any(table.text(column)) for column in columns):
        return None
    samples = read_samples(table, access_points=columns)
    number = log.split("/")[-2]
    heard = np.count_nonzero(~np.isnan(samples.rssi_dbm), axis=0) > 0
    recording = Recording(
        name=f"sphere/unlabelled/{number}",
        home="sphere",
        subject=number,
        time_s=samples.time_s,
        rssi_dbm=samples.rssi_dbm,
        acceleration_g=samples.acceleration_g,
        room=np.full(len(samples.time_s), UNLABELLED, dtype=np.int16),
        rooms=rooms,
        access_points=ACCESS_POINTS,
        present=tuple(bool(each) for each in heard),
        counts=samples.counts,
    )
    sensors = f"{log.removesuffix(LOG)}{SENSORS}"
    if sensors not in members:
        raise DataError(f"{path}: expected {sensors} beside {log} in the archive, found none. Fetch it again.")
    activations = _table(path, sensors, members[sensors], VISIT_COLUMNS)
    if activations is None:
        return UnlabelledSequence(
            recording=recording, start_s=np.zeros(0), end_s=np.zeros(0), room=np.zeros(0, dtype=np.int16)
        )
    return UnlabelledSequence(
        recording=recording,
        start_s=activations.numbers("start"),
        end_s=activations.numbers("end"),
        room=_rooms_of(activations, rooms),
    )


def _table(path: Path, name: str, content: bytes, columns: tuple[str, ...]) -> Table | None:
    """Return a member as a table, None where it has a header and nothing else."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {name}: expected UTF-8 text, found byte {content[error.start]:#04x}.") from None
    if text.rstrip("\n") == ",".join(columns):
        return None
    return parse_table(text, path=path / name, columns=columns)


def _rooms_of(table: Table, rooms: tuple[str, ...]) -> NDArray[np.int16]:
    for row, name in enumerate(table.text("name")):
        if name not in rooms:
            raise DataError(f"{table.at(row)}: {not_on_map(name, rooms)}")
    return np.array([rooms.index(name) for name in table.text("name")], dtype=np.int16)
