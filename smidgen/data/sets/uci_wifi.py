"""UCI Wireless Indoor Localization: levels of 7 Wi-Fi access points in 4 rooms (Bhatt 2017, DOI 10.24432/C51880).

`uci_wifi_localization/wifi_localization.txt`: 2,000 lines without header, 7 levels in dBm and the room 1..4, tabs
between. Nearly solved: a smoke test. Lines are sorted by room and neighbours were measured together, so shuffled folds
are optimistic; the protocol takes contiguous fifths of each room.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smidgen.data.csv_table import read_text
from smidgen.data.examples import DBM, Examples
from smidgen.data.number_table import parse_numbers
from smidgen.data.protocols import ContiguousFolds
from smidgen.data.sets.folder import find_folder
from smidgen.errors import DataError

FOLDER = "uci_wifi_localization"
FILE = "wifi_localization.txt"
ACCESS_POINTS = tuple(f"AP{number}" for number in range(1, 8))
ROOMS = ("room 1", "room 2", "room 3", "room 4")
ROWS = 2000
"""Lines of the published file, which has no checksum of its own: fewer mean that it was cut."""

PROTOCOLS = {"contiguous-fifths": ContiguousFolds(n=5)}


def load_uci_wifi(root: Path | str) -> Examples:
    """Return the fingerprints, in the order of the file.

    Args: root, the folder that holds `uci_wifi_localization`, or that folder itself.
    Raises DataError for a missing or cut file, a malformed line, an unknown room, or rooms that are not in order.
    """
    path = find_folder(root, FOLDER, holds=FILE, source="DOI 10.24432/C51880") / FILE
    rows = parse_numbers(read_text(path), path=path, columns=(*ACCESS_POINTS, "room"), header=False, delimiter="\t")
    if len(rows) != ROWS:
        raise DataError(f"{path}: expected {ROWS} lines, found {len(rows)}. The file is cut or joined: fetch it again.")
    room = rows[:, -1] - 1
    unknown = np.flatnonzero(~np.isin(room, np.arange(len(ROOMS))))
    if len(unknown):
        raise DataError(f"{path}:{unknown[0] + 1}: expected a room 1..{len(ROOMS)}, found {room[unknown[0]] + 1:g}.")
    back = np.flatnonzero(np.diff(room) < 0)
    if len(back):
        raise DataError(
            f"{path}:{back[0] + 2}: expected the rooms in order, found room {room[back[0] + 1] + 1:g} after "
            f"{room[back[0]] + 1:g}. The file was shuffled, so that neighbours in time cannot be kept together: fetch "
            "the original."
        )
    return Examples(
        name=FOLDER,
        unit=DBM,
        features=ACCESS_POINTS,
        values=list(rows[:, None, :-1].astype(np.float32)),
        classes=ROOMS,
        label=room.astype(np.int16),
        group=np.arange(len(rows)).astype(np.str_),
        counts={"rows": len(rows)},
    )
