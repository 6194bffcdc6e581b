"""float32 arithmetic that gives the same bytes in numpy, on this machine and on a microcontroller.

One module a family of operators; the twin of function f is codegen/kernels' f_f32. Arrays carry a leading batch axis.
"""

from smidgen.numerics.float32.attention import attention
from smidgen.numerics.float32.convolution import conv2d
from smidgen.numerics.float32.elementwise import (
    BINARY,
    POINTWISE,
    abs,
    add,
    add_scalar,
    clamp,
    div,
    eq_scalar,
    gt_scalar,
    logical_not,
    lt_scalar,
    mul,
    mul_scalar,
    ne_scalar,
    neg,
    relu,
    select,
    sub,
)
from smidgen.numerics.float32.functions import exp, gelu, gelu_tanh, log1p, normal_tail, sigmoid, silu, softplus, tanh
from smidgen.numerics.float32.gru import gru
from smidgen.numerics.float32.linear import linear
from smidgen.numerics.float32.norm import layer_norm, rms_norm
from smidgen.numerics.float32.pooling import average_pool, max_pool
from smidgen.numerics.float32.reduction import argmax, mean, running_mean
from smidgen.numerics.float32.rotary import rotary
from smidgen.numerics.float32.scan import selective_scan

__all__ = [
    "BINARY",
    "POINTWISE",
    "abs",
    "add",
    "add_scalar",
    "argmax",
    "attention",
    "average_pool",
    "clamp",
    "conv2d",
    "div",
    "eq_scalar",
    "exp",
    "gelu",
    "gelu_tanh",
    "gru",
    "gt_scalar",
    "layer_norm",
    "linear",
    "log1p",
    "logical_not",
    "lt_scalar",
    "max_pool",
    "mean",
    "mul",
    "mul_scalar",
    "ne_scalar",
    "neg",
    "normal_tail",
    "relu",
    "rms_norm",
    "rotary",
    "running_mean",
    "select",
    "selective_scan",
    "sigmoid",
    "silu",
    "softplus",
    "sub",
    "tanh",
]
