"""Every kind of operator, by family."""

from collections.abc import Mapping

from smidgen.ir.ops import attention, layout, normalization, pointwise, projections, recurrences, reductions
from smidgen.ir.ops.op_spec import Array, Form, Operands, OpSpec

__all__ = ["OP_SPECS", "Array", "Form", "OpSpec", "Operands"]

OP_SPECS: Mapping[str, OpSpec] = {
    **projections.SPECS,
    **pointwise.SPECS,
    **normalization.SPECS,
    **attention.SPECS,
    **recurrences.SPECS,
    **layout.SPECS,
    **reductions.SPECS,
}
