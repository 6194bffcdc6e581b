"""The recordings of your own home: a folder, or one file, of either format that this package reads.

Recordings as `save_recording` and `smidgen data import` write them, or tables of observations as `load_observations`
takes them; not both in one folder, since only the tables of one home agree on its rooms when they are read together.
"""

from pathlib import Path

from smidgen.data.csv_table import read_text
from smidgen.data.observations import load_observations
from smidgen.data.recording import Recording
from smidgen.data.recording_file import FORMAT, load_recording
from smidgen.errors import DataError

ENDINGS = (".csv", ".csv.gz", ".parquet")


def load_own_recordings(path: Path) -> list[Recording]:
    """Return the recordings under a path, in order of their files' names.

    Args: path, a file or a folder; the home of tables of observations is named after the folder that they lie in.
    Raises DataError where there is none, both formats are there, or a file is wrong: with file, line and what to do.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a folder of recordings or a recording, found nothing. Check the path.")
    files = [path] if path.is_file() else sorted(f for f in path.iterdir() if f.name.endswith(ENDINGS))
    if not files:
        raise DataError(
            f"{path}: expected files {', '.join(ENDINGS)}, found none. Write recordings there with `smidgen data "
            "import` or `smidgen data simulate`."
        )
    recordings = [file for file in files if _is_recording(file)]
    if recordings and len(recordings) < len(files):
        table = next(file for file in files if file not in recordings)
        raise DataError(
            f"{path}: {recordings[0].name} is a recording, {table.name} a table of observations. Import the tables "
            "with `smidgen data import`, and keep the formats in folders of their own."
        )
    if recordings:
        return [load_recording(file) for file in recordings]
    return load_observations(files, home=files[0].resolve().parent.name, subject="person")


def _is_recording(file: Path) -> bool:
    return file.suffix != ".parquet" and read_text(file).startswith("#") and FORMAT in read_text(file)[:400]
