"""The one bridge from the float program to the integer graph."""

from smidgen.lowering.lower import lower, supported_operators

__all__ = ["lower", "supported_operators"]
