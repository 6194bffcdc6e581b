"""Calls of products of two computed matrices."""

import math

from smidgen.codegen.c_text import signed, unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes
from smidgen.ir.ops.matmul import matrix_sizes


def _operands(site: Site) -> list[str]:
    batch = math.prod(site.y.shape[:-2])
    steps = [
        math.prod(x.shape[-2:]) if math.prod(x.shape[:-2]) == batch and batch > 1 else 0 for x in site.x
    ]  # 0: one matrix for all
    arguments = [site.at(x) for x in (*site.x, site.y)]
    m, k, n = matrix_sizes(site.op, site.x)
    return [*arguments, *sizes(batch, m, k, n, *steps), unsigned(bool(site.op.attrs["transposed"]))]


def _matmul(site: Site) -> Call:
    arguments = [
        *_operands(site), *bits(*site.x, site.y), *site.signed("prescale", "multiplier", "shift"),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return call("matmul", "matmul_q", arguments)


def _float_matmul(site: Site) -> Call:
    return call("matmul_f32", "matmul_f32", _operands(site))


INTEGER: Emitters = {"matmul": _matmul}

FLOAT: Emitters = {"matmul": _float_matmul}
