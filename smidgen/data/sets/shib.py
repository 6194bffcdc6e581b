"""SHIB calibration walks: 8 people, 4 rooms, 4 gateways, one smart home in a box (McConville et al. 2019, Data in
Brief 22, 1044-1051).

`shib_calibration/<participant>-<recording>.csv.gz`: one line a BLE packet heard by one gateway, 5 accelerometer
samples in each; lines of one `seqno` are one packet. Four stays of two minutes, one a room, no way between them.

Traps, and what is done:
- Room and activity are one label: who lies is in the bedroom. An accelerometer tells the room without knowing where it
  is, so recordings come without acceleration unless asked for, and the activity never leaves this module.
- In 10-3 two labels overlap: receptions that stand twice with different labels are dropped, both, and counted.
- Levels above -20 dBm are not plausible and are clipped to it; a packet heard twice by one gateway counts once.
- A gateway that did not hear a packet has no line: NaN.
- All windows of a stay are alike: split by person (`leave_one_out(recordings, by="subject")`), never by window.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import Table, read_table
from smidgen.data.recording import Recording, not_on_map
from smidgen.data.samples import count_gaps
from smidgen.data.sets.folder import find_folder
from smidgen.data.splits import Split
from smidgen.errors import DataError

FOLDER = "shib_calibration"
ROOMS = ("bedroom", "kitchen", "livingroom", "stairs")
GATEWAYS = ("bedroom", "kitchen", "living", "stairs")
ACTIVITIES = {"bedroom": "lying", "kitchen": "walking", "livingroom": "sitting", "stairs": "standing"}
"""The one activity of each room."""

SAMPLES_PER_PACKET = 5
PACKET_S = 0.2
"""What the samples of one packet cover, at 25 Hz."""

LOUDEST_DBM = -20.0
FIXED_TEST = ("8", "10")
"""Participants that test where one fixed split is asked for."""

_SAMPLES = tuple(f"s{sample}{axis}" for sample in range(1, SAMPLES_PER_PACKET + 1) for axis in "xyz")
COLUMNS = ("timestamp", "rssi", "seqno", *_SAMPLES, "gateway", "true_room", "activity")
_NAME = re.compile(r"(\d+)-(\d+)\.csv(?:\.gz)?")


def load_shib(root: Path | str, *, acceleration: bool = False) -> list[Recording]:
    """Return the recordings by participant and number: one row a packet, or five at 25 Hz with acceleration.

    Args: root, the folder that holds `shib_calibration`, or that folder itself; acceleration, whether to keep what
    gives the room away by the scripted activity. Report a score with it only beside the score without.
    Raises DataError with file and line for the first thing that is wrong.
    """
    folder = find_folder(root, FOLDER, holds="1-1.csv.gz", source="github.com/rymc, smart home in a box")
    files = {_numbers(path): path for path in folder.glob("*.csv.gz")}
    return [_load(path, *numbers, acceleration=acceleration) for numbers, path in sorted(files.items())]


def fixed_split(recordings: Sequence[Recording]) -> Split[Recording]:
    """Hold participants 8 and 10 out; DataError where either side would be empty."""
    return _split("participants 8 and 10", recordings, [r.subject in FIXED_TEST for r in recordings], recordings)


def few_calibrations(recordings: Sequence[Recording]) -> Iterator[Split[Recording]]:
    """Yield one split a recording: it alone trains, everybody else tests (the question of the set's paper)."""
    for one in recordings:
        yield _split(
            f"all but {one.subject}, from {one.name}", recordings, [r.subject != one.subject for r in recordings], [one]
        )


def _split(
    name: str, recordings: Sequence[Recording], tests: Sequence[bool], may_train: Sequence[Recording]
) -> Split[Recording]:
    test = tuple(r for r, held_out in zip(recordings, tests, strict=True) if held_out)
    train = tuple(r for r in may_train if r not in test)
    if not (train and test):
        raise DataError(f"{name}: {len(train)} recordings would train and {len(test)} test. Load all recordings.")
    return Split(name=name, train=train, test=test)


def _numbers(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DataError(f"{path}: expected a name like 10-3.csv.gz, participant and recording. Remove the file.")
    return int(match[1]), int(match[2])


def _load(path: Path, participant: int, number: int, *, acceleration: bool) -> Recording:
    table = read_table(path, columns=COLUMNS)
    room = _rooms(table)
    kept = _unambiguous(table)
    packet_s, packet, first_row = _packets(table, kept)
    rssi, clipped, repeated = _levels(table, kept, packet, len(packet_s))
    motion, time_s, rows = None, packet_s, np.arange(len(packet_s))
    if acceleration:
        samples = np.stack([table.numbers(column) for column in _SAMPLES], axis=1)[first_row]
        motion = samples.reshape(-1, 3).astype(np.float32)
        time_s = _sample_times(packet_s)
        rows = np.arange(1, len(packet_s) + 1) * SAMPLES_PER_PACKET - 1  # levels stand with the newest sample
    levels = np.full((len(time_s), len(GATEWAYS)), np.nan, dtype=np.float32)
    levels[rows] = rssi
    return Recording(
        name=f"shib/{participant}-{number}",
        home="shib",
        subject=str(participant),
        time_s=time_s,
        rssi_dbm=levels,
        acceleration_g=motion,
        room=np.repeat(room[first_row], len(time_s) // len(packet_s)),
        rooms=ROOMS,
        access_points=GATEWAYS,
        present=(True,) * len(GATEWAYS),
        counts={
            "rows": len(table),
            "rows_with_two_labels": len(table) - len(kept),
            "packets": len(packet_s),
            "levels_clipped": clipped,
            "levels_repeated": repeated,
            "gaps": count_gaps(packet_s),
        },
    )


def _rooms(table: Table) -> NDArray[np.int16]:
    """Return the room (n,) of each line; refuse one off the map, or whose activity is not the room's."""
    names, activities = table.text("true_room"), table.text("activity")
    for row, (name, activity) in enumerate(zip(names, activities, strict=True)):
        if name not in ROOMS:
            raise DataError(f"{table.at(row)}: {not_on_map(name, ROOMS)}")
        if ACTIVITIES[name] != activity:
            raise DataError(
                f"{table.at(row)}: expected activity {ACTIVITIES[name]!r} in room {name!r}, as in all calibration "
                f"walks, found {activity!r}. This is another edition of the data set."
            )
    return np.array([ROOMS.index(name) for name in names], dtype=np.int16)


def _unambiguous(table: Table) -> NDArray[np.intp]:
    """Return the lines (n,) whose reception stands once; one that stands again, with another label, has no label."""
    receptions = [row[:-2] for row in table.rows]
    count = Counter(receptions)
    return np.array([row for row, reception in enumerate(receptions) if count[reception] == 1], dtype=np.intp)


def _packets(table: Table, kept: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the time of each packet's first reception, the packet of each kept line, and each packet's first line.

    Time counts from PACKET_S before the first packet, as that carries samples of the time before it.
    """
    seconds = np.array([_seconds(table, row) for row in kept.tolist()])
    seqno = table.numbers("seqno")[kept]
    for values, what in ((seconds, "timestamp"), (seqno, "seqno")):
        back = np.flatnonzero(np.diff(values) < 0)
        if len(back):
            row = int(kept[back[0] + 1])
            raise DataError(f"{table.at(row)}: {what} goes backwards. Sort the lines, or fetch the file again.")
    _, first, packet = np.unique(seqno, return_index=True, return_inverse=True)
    return seconds[first] - seconds[0] + PACKET_S, packet, kept[first]


def _seconds(table: Table, row: int) -> float:
    cell = table.rows[row][0]
    try:
        return (datetime.fromisoformat(cell) - datetime(2000, 1, 1)).total_seconds()
    except (ValueError, TypeError):
        raise DataError(
            f"{table.at(row)}: expected a timestamp like 2017-08-07 13:09:34.524300, found {cell!r}. Correct the line."
        ) from None


def _levels(
    table: Table, kept: NDArray[np.intp], packet: NDArray[np.intp], n_packets: int
) -> tuple[NDArray[np.float64], int, int]:
    """Return the first level (packets, gateways) of each, how many were clipped, and how many repeated."""
    rssi = table.numbers("rssi")[kept]
    names = table.text("gateway")
    levels = np.full((n_packets, len(GATEWAYS)), np.nan)
    repeated = 0
    for row, number, level in zip(kept.tolist(), packet.tolist(), rssi.tolist(), strict=True):
        if names[row] not in GATEWAYS:
            raise DataError(f"{table.at(row)}: expected a gateway, {', '.join(GATEWAYS)}; found {names[row]!r}.")
        if not -127.0 <= level <= 0.0:
            raise DataError(f"{table.at(row)}: expected a level of -127..0 dBm in column rssi, found {level:g}.")
        place = (number, GATEWAYS.index(names[row]))
        if np.isnan(levels[place]):
            levels[place] = min(level, LOUDEST_DBM)
        else:
            repeated += 1
    return levels, int((rssi > LOUDEST_DBM).sum()), repeated


def _sample_times(packet_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when the samples (5 a packet) were taken: spread over the time since the packet before, 0.2 s at most."""
    since = np.minimum(np.diff(packet_s, prepend=packet_s[0] - PACKET_S), PACKET_S)
    back = np.arange(SAMPLES_PER_PACKET - 1, -1, -1) / SAMPLES_PER_PACKET
    return (packet_s[:, None] - since[:, None] * back).ravel()
