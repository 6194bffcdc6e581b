"""Lowering of embeddings; `rewriting` makes them of other look-ups in a constant table."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.lowering.builder import Builder, Rule

aten = torch.ops.aten


def embedding(builder: Builder, node: fx.Node) -> None:
    """aten.embedding(table, ids): ids of whole numbers come as int8, int16 or int32, from an input or an argmax; one
    below 0 means row 0, one beyond the table its last row.
    """
    given = arguments(node)
    table, ids = builder.weight(node, given["weight"], "table"), builder.operand(given["indices"])
    if ids.qparams is not None and (ids.qparams.scale != 1.0 or ids.qparams.zero_point):
        raise builder.unsupported(
            node, f"its ids are real numbers of scale {ids.qparams.scale:g}; give them as an input of whole numbers"
        )
    y = builder.output(node)
    stored = table.astype(np.float32) if y.qparams is None else y.qparams.quantize(table).astype(y.dtype)
    builder.add_op(node, "embedding", [ids], y, {"table": stored})


RULES: Mapping[object, Rule] = {aten.embedding.default: embedding}
