"""The one bridge from the float program to the integer graph."""

from smidgen.lowering.lower import lower, operator_table, supported_operators
from smidgen.lowering.supported import SupportedOperator

__all__ = ["SupportedOperator", "lower", "operator_table", "supported_operators"]
