"""What comes from outside: exported programs in files, checkpoints of other packages, folders of our own models."""

from smidgen.importing.pt2 import Pt2Summary, inspect_pt2, load_checked_pt2, load_pt2

__all__ = ["Pt2Summary", "inspect_pt2", "load_checked_pt2", "load_pt2"]
