"""One spelling for what people and torch.export write in many: the float graph is rewritten once, after capture."""

from collections.abc import Mapping

import torch
from torch import fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.decompositions import decompositions
from smidgen.compression.rewriting.attention import fuse_attention
from smidgen.compression.rewriting.batch_norm import scale_instead_of_batch_norm
from smidgen.compression.rewriting.channel_scaling import merge_channel_scaling
from smidgen.compression.rewriting.complex_numbers import part_complex_numbers
from smidgen.compression.rewriting.cumulative_attention import fuse_cumulative_attention
from smidgen.compression.rewriting.cumulative_mean import fuse_cumulative_mean
from smidgen.compression.rewriting.fourier import fuse_fourier_convolutions
from smidgen.compression.rewriting.identities import drop_identities
from smidgen.compression.rewriting.linear_attention import fuse_linear_attention
from smidgen.compression.rewriting.lookups import REWRITTEN_LOOKUPS, unify_lookups
from smidgen.compression.rewriting.loops import fuse_selective_scans, roll_loops, unify_scans
from smidgen.compression.rewriting.masked_attention import spell_out_masked_attention
from smidgen.compression.rewriting.masked_softmax import fuse_masked_softmax
from smidgen.compression.rewriting.max_plus import fuse_max_plus
from smidgen.compression.rewriting.norms import fuse_norms
from smidgen.compression.rewriting.picks import unify_picks
from smidgen.compression.rewriting.powers import simplify_powers
from smidgen.compression.rewriting.products import merge_constant_products, unify_products
from smidgen.compression.rewriting.projections import part_projections
from smidgen.compression.rewriting.recurrent_layers import CELLS, LAYERS, part_recurrent_layers
from smidgen.compression.rewriting.reductions import REWRITTEN_REDUCTIONS, unify_reductions
from smidgen.compression.rewriting.rotary import fuse_rotary
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.rewriting.shared_heads import share_heads
from smidgen.compression.rewriting.strided_writes import join_strided_writes

__all__ = ["REWRITTEN", "fuse_selective_scans", "rewrite_by_constants", "rewrite_by_shape", "roll_loops", "unify_scans"]

aten = torch.ops.aten

#: Operators of which nothing is left after the rewriting, and what becomes of them.
REWRITTEN: Mapping[object, str] = {
    **dict.fromkeys(decompositions(), "Taken apart into operators that compile."),
    **REWRITTEN_REDUCTIONS,
    **REWRITTEN_LOOKUPS,
    **dict.fromkeys(
        (aten.complex.default, aten.polar.default, aten.view_as_complex.default, aten.view_as_real.default),
        "Complex numbers are two real ones.",
    ),
    aten.pow.Tensor_Tensor: "An exponent of one element is a number; others by logarithm, for a positive base.",
    aten._native_batch_norm_legit_no_training.default: "At evaluation: part of the weights in front of it, or a "
    "convolution of one tap.",
    **dict.fromkeys(
        (*LAYERS, *CELLS),
        "Any number of layers, one or both directions, with or without biases, from zero, constant or computed states.",
    ),
}


def rewrite_by_shape(graph: fx.Graph) -> bool:
    """Rewrite in place what takes no value to know; return whether anything was."""
    changed = False
    for rewritten in (
        part_recurrent_layers(graph),
        drop_identities(graph),
        merge_constant_products(graph),
        unify_reductions(graph),
        fuse_norms(graph),
        scale_instead_of_batch_norm(graph),
        merge_channel_scaling(graph),
    ):
        changed |= rewritten
    graph.eliminate_dead_code()
    return changed


def rewrite_by_constants(graph: fx.Graph, constants: Constants, batch: BatchAxis) -> bool:
    """Rewrite in place what takes the values of constants to know; return whether anything was."""
    changed = False
    for rewritten in (
        spell_out_masked_attention(graph, constants),
        fuse_attention(graph, constants),
        fuse_linear_attention(graph, constants),
        fuse_cumulative_attention(graph),
        fuse_cumulative_mean(graph, constants),
        fuse_rotary(graph, constants, batch),
        drop_identities(graph, constants),
        fuse_fourier_convolutions(graph, constants),
        part_complex_numbers(graph),
        merge_constant_products(graph),  # those of real and imaginary parts
        join_strided_writes(graph, batch),
        simplify_powers(graph, constants),
        share_heads(graph, batch),
        part_projections(graph, batch),
        unify_products(graph),
        fuse_masked_softmax(graph, constants),
        unify_lookups(graph, constants),
        unify_picks(graph, constants),
        fuse_max_plus(graph, constants),
    ):
        changed |= rewritten
    graph.eliminate_dead_code()
    return changed
