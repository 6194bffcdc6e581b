"""Rules for all tests. Because this file is here, pytest puts its folder on the path: helpers are imported by name."""

from hypothesis import settings

# No deadline: the machine is shared, and the first example of a test may wait for a compiler.
settings.register_profile("smidgen", deadline=None)
settings.load_profile("smidgen")
