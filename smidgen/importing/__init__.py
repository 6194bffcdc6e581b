"""What comes from outside: exported programs in files, and checkpoints of other packages."""

from smidgen.importing.mamba_checkpoint import load_mamba
from smidgen.importing.pt2 import Pt2Summary, inspect_pt2, load_checked_pt2, load_pt2
from smidgen.importing.state_dict import read_state_dict

__all__ = ["Pt2Summary", "inspect_pt2", "load_checked_pt2", "load_mamba", "load_pt2", "read_state_dict"]
