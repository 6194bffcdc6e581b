"""What one byte of signal strength means, everywhere: in recordings, in networks and in the firmware made of them.

A BLE controller reports int8 dBm, -127 to 20, and 127 where it has none (Bluetooth Core 5.4, Vol 4 Part E,
7.7.65.2). Other stacks fill what they did not hear with -120, -127 or -128. So a byte counts as heard only where a
receiver could have heard it, and every other byte, 127 or not, says "not heard":

    byte         -128 .. -111      -110 .. -30       -29 .. 20              21 .. 127
    means         not heard        heard, level    heard, as if -30 dBm     not heard
"""

NOT_HEARD_DBM = 127
"""What we write for an access point that heard nothing, as BLE controllers report it."""

FAINTEST_DBM = -110
"""No receiver of 1 Mbit/s BLE hears below: the most sensitive reach -98 to -105 dBm."""

SATURATED_DBM = -30
"""From here on readings tell no distance: the wearable lies on the access point, or its receiver is overdriven."""

LOUDEST_DBM = 20
"""The largest level that a controller can report."""

HEARD_DBM = (FAINTEST_DBM, LOUDEST_DBM)
"""Bytes in this range, both ends included, are levels; all others say that nothing was heard."""
