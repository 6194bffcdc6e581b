"""Which data sets there are, whether they are here, and what is wrong with the recordings under a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from smidgen.data.decisions import decide
from smidgen.data.examples import DBM, Examples
from smidgen.data.recording import UNLABELLED, Recording
from smidgen.data.recording_file import load_recording
from smidgen.data.sets import (
    fsdd,
    movement_aal,
    rtt,
    shib,
    sodindoorloc,
    sp_sw_har,
    uci_ble,
    uci_wifi,
    uji_ble,
    ujiindoorloc,
)
from smidgen.data.sphere import FOLDER, load_sequence, sequence_folders
from smidgen.data.spoken_digits import FOLDER as SPOKEN_DIGITS
from smidgen.data.spoken_digits import count_spoken_digits
from smidgen.errors import DataError

Content = Sequence[Recording] | Examples
"""What a loader returns: recordings with times, or labelled examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A data set by the name that verbs know it under."""

    name: str
    about: str
    count: (
        Callable[[Path], int] | None
    )  # recordings (files, of tables) under the data root, 0: not here; None: no files
    folder: str = ""  # its folder under the data root, where loaders can check it
    loaders: Mapping[str, Callable[[Path], Content]] = field(default_factory=dict)  # by the part's name


def _count_sequences(root: Path) -> int:
    try:
        return len(sequence_folders(root))
    except DataError:
        return 0


def _published(folder: str, about: str, pattern: str, loaders: Mapping[str, Callable[[Path], Content]]) -> DataSet:
    """Return a set that is known by its folder and counted by the files that match a pattern in it."""
    name = folder.replace("_", "-")
    return DataSet(
        name=name,
        about=about,
        count=lambda root: sum(1 for _ in (root / folder).glob(pattern)),
        folder=folder,
        loaders=loaders,
    )


DATA_SETS = (
    DataSet(
        name="simulated",
        about="homes drawn from a seed: 7 rooms, 4 access points",
        count=None,
    ),
    DataSet(
        name="sphere",
        about="a real house, SPHERE Challenge: 9 rooms, 4 access points",
        count=_count_sequences,
    ),
    _published(
        shib.FOLDER,
        "calibration walks of 8 people: 4 rooms, 4 gateways",
        "*.csv.gz",
        {"shib": shib.load_shib},
    ),
    _published(
        movement_aal.FOLDER,
        "will the user change room: 314 short walks, 4 anchors, 3 environments",
        movement_aal.ARCHIVE,
        {"movement-aal": movement_aal.load_movement_aal},
    ),
    _published(
        rtt.FOLDER,
        "walks with two phones in 5 public buildings: zones, 6 to 8 access points, inertial sensors",
        "*/[0-9]*.csv.gz",
        {f"rtt/{scene}": partial(rtt.load_rtt, scene=scene) for scene in rtt.SCENES},
    ),
    _published(
        uji_ble.FOLDER,
        "fingerprints of 22 to 24 beacons by phone and power: 8 zones, an office and a library",
        "rss/*_rss.csv.gz",
        {f"uji-ble/{area}": partial(uji_ble.load_uji_ble, area=area) for area in uji_ble.AREAS},
    ),
    _published(
        uci_wifi.FOLDER,
        "fingerprints of 7 Wi-Fi access points: 4 rooms, nearly solved",
        uci_wifi.FILE,
        {"uci-wifi": uci_wifi.load_uci_wifi},
    ),
    _published(
        uci_ble.FOLDER,
        "fingerprints of 13 beacons in a library: 7 zones",
        uci_ble.FILE,
        {"uci-ble": uci_ble.load_uci_ble},
    ),
    _published(
        ujiindoorloc.FOLDER,
        "fingerprints of 520 Wi-Fi access points: 13 floors, or 735 spaces",
        ujiindoorloc.ARCHIVE,
        {"ujiindoorloc/floor": ujiindoorloc.load_ujiindoorloc},
    ),
    _published(
        sodindoorloc.FOLDER,
        "fingerprints of 46 to 56 Wi-Fi access points in 3 buildings: floors or scenes",
        "*/T*ing_*.csv.gz",
        {
            f"sodindoorloc/{building}": partial(sodindoorloc.load_sodindoorloc, building=building)
            for building in sodindoorloc.BUILDINGS
        },
    ),
    _published(
        sp_sw_har.FOLDER,
        "what 23 people do, by watch or phone: 5 activities, a sequence benchmark",
        "s*.zip",
        {f"sp-sw-har/{device}": partial(sp_sw_har.load_sp_sw_har, device=device) for device in ("watch", "phone")},
    ),
    DataSet(
        name="spoken-digits",
        about="Free Spoken Digit Dataset: 10 digits, 6 speakers, the keyword spotter's benchmark",
        count=count_spoken_digits,
        folder=SPOKEN_DIGITS,
        loaders={"fsdd": fsdd.load_fsdd},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Check:
    """What came of loading one recording or one set of examples: the content, or the problem that prevents it."""

    name: str
    recording: Recording | None = None
    examples: Examples | None = None
    problem: str | None = None

    def record(self) -> dict[str, object]:
        """Return what a person or a machine wants to know, JSON-ready."""
        if self.recording is not None:
            return _about_recording(self.recording)
        if self.examples is not None:
            return _about_examples(self.examples)
        return {"name": self.name, "problem": self.problem}


def _about_recording(r: Recording) -> dict[str, object]:
    seen = np.unique(r.room[r.room != UNLABELLED])
    heard = np.count_nonzero(~np.isnan(r.rssi_dbm), axis=0) / len(r.time_s)
    return {
        "name": r.name,
        "problem": None,
        "duration_s": round(r.duration_s, 3),
        "rooms_visited": [r.rooms[index] for index in seen],
        "heard_share": {
            name: round(float(share), 3) if here else None
            for name, share, here in zip(r.access_points, heard, r.present, strict=True)
        },
        "counts": {**r.counts, **decide(r).counts},
    }


def _about_examples(e: Examples) -> dict[str, object]:
    lengths = [len(steps) for steps in e.values]
    not_heard = sum(int(np.isnan(steps).sum()) for steps in e.values) / (sum(lengths) * len(e.features))
    return {
        "name": e.name,
        "problem": None,
        "examples": len(e),
        "steps": [min(lengths), max(lengths)],
        "unit": e.unit,
        "features": len(e.features),
        "classes": dict(zip(e.classes, np.bincount(e.label, minlength=len(e.classes)).tolist(), strict=True)),
        "groups": len(np.unique(e.group)),
        "not_heard_share": round(not_heard, 3) if e.unit == DBM else None,
        "counts": dict(e.counts),
    }


def check_path(path: Path) -> list[Check]:
    """Load every recording under a path and say for each what it holds or why it cannot be loaded.

    Args: path, a recording file, a folder of them, or the folder of a published data set, under its own name.
    Raises DataError where there is nothing that could be a recording.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a recording or a folder of recordings, found nothing. Check the path.")
    if path.is_file():
        return [_check(path, load_recording)]
    published = next((data_set for data_set in DATA_SETS if data_set.folder == path.resolve().name), None)
    if published:
        return [check for name, load in published.loaders.items() for check in _check_part(path, name, load)]
    files = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
    if files:
        return [_check(file, load_recording) for file in files]
    if not any((folder / "train").is_dir() for folder in (path, path / FOLDER)):
        raise DataError(
            f"{path}: expected recordings (.csv, .csv.gz) or {FOLDER}/train/, found neither. Name a recording, the "
            "folder it lies in, or the folder of a data set (`smidgen data list`)."
        )
    return [_check(folder, load_sequence) for folder in sequence_folders(path)]


def _check(path: Path, load: Callable[[Path], Recording]) -> Check:
    try:
        recording = load(path)
    except DataError as error:
        return Check(name=path.name, problem=str(error))
    return Check(name=recording.name, recording=recording)


def _check_part(path: Path, name: str, load: Callable[[Path], Content]) -> list[Check]:
    try:
        content = load(path)
    except DataError as error:
        return [Check(name=name, problem=str(error))]
    if isinstance(content, Examples):
        return [Check(name=content.name, examples=content)]
    return [Check(name=recording.name, recording=recording) for recording in content]
