"""What to write instead of an operator that has no lowering."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_BY_VALUES = "what it takes depends on values; keep every element and choose with torch.where, or weigh with a softmax"
_BY_INDEX = "its indices are computed from an input; multiply by a one-hot tensor, or slice where they are constants"

#: Name of an operator without namespace and overload -> what to write instead.
_INSTEAD: tuple[tuple[str, str], ...] = (
    (r"sort|topk|kthvalue|median|mode|quantile|argsort|unique\w*", f"{_BY_VALUES}; max, min, mean and argmax compile"),
    (r"nonzero|masked_select", _BY_VALUES),
    (r"index|index_\w+|gather|scatter\w*|take\w*|masked_scatter", _BY_INDEX),
    (r"cumprod|logcumsumexp",
     "carry what you need in an nn.GRU, or in smidgen.models.selective_scan; cumsum, cummax and cummin compile"),
    (r"fft_\w+|_fft_\w+|stft|istft", "multiply by the matrix of the transform: an nn.Linear with fixed weights"),
    (r"conv3d|conv_transpose3d", "a window has two axes at most; merge one with the channels, then nn.Conv2d"),
    (r"upsample\w+|grid_sampler\w*", "repeat steps with expand and reshape, or take strides in nn.Conv1d"),
    (r"embedding_bag", "use nn.Embedding, then a mean over the ids"),
    (r"cond|while_loop|map_impl", "a firmware runs the same operators for every input; choose with torch.where"),
    (r"linalg_\w+|inverse|det|logdet|cholesky\w*|svd|qr|pinverse",
     "solve it before export and keep the result as a buffer"),
    (r"cdist|_cdist_forward|pdist", "expand the square: |a|^2 - 2 a.b + |b|^2, with torch.matmul"),
    (r"fake_quantize_\w+|quantize_\w+|dequantize\w*",
     "give the float model: Smidgen quantises it, and a recipe says how many bits where"),
    (r"bitwise_\w+", "train without it; the firmware's numbers are integers already"),
    (r"copy|index_put\w*", "assign by torch.cat of the parts, or by torch.where"),
    (r"prod|pow|erf\w+|tan|atan\w*|asin|acos|sinh|cosh|\w*gamma\w*",
     "write it with exp, products, sigmoid or tanh; functions of one tensor that follow each other cost one table"),
)  # fmt: skip


def instead_of(name: str, supported: Iterable[str]) -> str:
    """Return what to write instead of an operator, "aten.topk.default"; else the most like it among the supported."""
    base = _base(name)
    for pattern, sentence in _INSTEAD:
        if re.fullmatch(pattern, base):
            return sentence
    near = get_close_matches(base, sorted({_base(other) for other in supported}), n=3, cutoff=0.75)
    return f"like it are {', '.join(near)}" if near else "`smidgen ops` lists what compiles"


def _base(name: str) -> str:
    """Return "relu" for "aten.relu_.default"."""
    return (name.split(".")[1] if "." in name else name).removesuffix("_")
