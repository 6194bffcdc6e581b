"""Published data sets, one module each: what its page says of traps and protocols is enforced here."""

from smidgen.data.sets.movement_aal import load_movement_aal
from smidgen.data.sets.rtt import load_rtt, row_windows
from smidgen.data.sets.shib import load_shib
from smidgen.data.sets.uci_ble import load_uci_ble
from smidgen.data.sets.uci_wifi import load_uci_wifi

__all__ = ["load_movement_aal", "load_rtt", "load_shib", "load_uci_ble", "load_uci_wifi", "row_windows"]
