"""Published data sets, one module each: what its page says of traps and protocols is enforced here."""

from smidgen.data.sets.fsdd import load_fsdd
from smidgen.data.sets.movement_aal import load_movement_aal
from smidgen.data.sets.rtt import load_rtt, row_windows
from smidgen.data.sets.shib import load_shib
from smidgen.data.sets.sodindoorloc import load_sodindoorloc
from smidgen.data.sets.sp_sw_har import load_sp_sw_har
from smidgen.data.sets.uci_ble import load_uci_ble
from smidgen.data.sets.uci_wifi import load_uci_wifi
from smidgen.data.sets.uji_ble import load_uji_ble
from smidgen.data.sets.ujiindoorloc import load_ujiindoorloc

__all__ = [
    "load_fsdd",
    "load_movement_aal",
    "load_rtt",
    "load_shib",
    "load_sodindoorloc",
    "load_sp_sw_har",
    "load_uci_ble",
    "load_uci_wifi",
    "load_uji_ble",
    "load_ujiindoorloc",
    "row_windows",
]
