"""Small graphs for tests, operator by operator, without torch: parameters come from random weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.ir import Graph, Op, Tensor, check_graph
from smidgen.ir.graph import Attribute
from smidgen.ir.ops import OP_SPECS
from smidgen.ir.ops.sliding import image_shape
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.numerics import gru, lstm, rnn
from smidgen.numerics.attention import attention_parameters
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.elementwise import add_parameters, divide_parameters, rescale_parameters
from smidgen.numerics.fixed_point import fixed_point
from smidgen.numerics.float32.attention import HIDDEN_BIAS
from smidgen.numerics.linear import accumulator_parameters
from smidgen.numerics.linear_attention import linear_attention_parameters
from smidgen.numerics.matmul import matmul_parameters
from smidgen.numerics.max_plus import max_plus_parameters
from smidgen.numerics.moment import moment_parameters
from smidgen.numerics.nibbles import pack_nibbles
from smidgen.numerics.norm import norm_parameters
from smidgen.numerics.pooling import average_pool_parameters
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import HIDDEN, recurrent_parameters
from smidgen.numerics.reduction import mean_parameters, sum_parameters
from smidgen.numerics.rotary import rotary_parameters
from smidgen.numerics.scan import scan_parameters
from smidgen.numerics.softmax import log_softmax_parameters, softmax_parameters
from smidgen.numerics.tables import table_entries
from smidgen.numerics.window import Window

Array = NDArray[Any]

INT8 = QParams(dtype="int8", scale=2.0**-5, zero_point=3)
SYMMETRIC = QParams(dtype="int8", scale=2.0**-5)
INT16 = QParams(dtype="int16", scale=2.0**-12)
TRUTH = QParams(dtype="int8", scale=1.0)

#: Writes the body of a loop: a maker and the names of its inputs -> next states, what is emitted.
LoopStep = Callable[["GraphMaker", list[str]], tuple[list[str], list[str]]]


class GraphMaker:
    """Adds operators; each method returns the name of its result. Real numbers stay within a few units."""

    def __init__(self, name: str = "tiny", seed: int = 0, *, is_step: bool = False, scope: str = "") -> None:
        """Begin a graph; `scope` stands in front of the names of its ops, as those of a loop's body must have one."""
        self._name, self._scope = name, scope
        self._is_step = is_step
        self._random = np.random.default_rng(seed)
        self._inputs: list[str] = []
        self._ops: list[Op] = []
        self.tensors: dict[str, Tensor] = {}

    def graph(self, *outputs: str, frame_limit: int | None = None) -> Graph:
        """Return the graph, checked."""
        graph = Graph(
            name=self._name, inputs=tuple(self._inputs), outputs=outputs, tensors=self.tensors, ops=tuple(self._ops),
            is_step=self._is_step, frame_limit=frame_limit,
        )  # fmt: skip
        check_graph(graph)
        return graph

    def input(self, name: str, *shape: int, qparams: QParams | None = INT8, dtype: str | None = None) -> str:
        """Add an input, of `dtype` or float32 without `qparams`."""
        self._inputs.append(name)
        return self._tensor(name, shape, qparams, dtype=dtype)

    def constant(self, name: str, *shape: int, qparams: QParams | None = INT8) -> str:
        """Add a constant of random values."""
        real = self._random.normal(size=shape)
        data = real.astype(np.float32) if qparams is None else qparams.quantize(real).astype(qparams.dtype)
        return self._tensor(name, shape, qparams, data)

    def filled(self, name: str, *shape: int, value: int, qparams: QParams = INT8) -> str:
        """Add a constant of one integer."""
        return self._tensor(name, shape, qparams, np.full(shape, value, qparams.dtype))

    def linear(self, x: str, width: int, y: QParams = INT8, *, form: str = "weight") -> str:
        """Add a linear layer along the last axis, its weights stored as a "weight", "int4" or "palette"."""
        shape = (*self.tensors[x].shape[:-1], width)
        return self._product("linear", x, (width, self.tensors[x].shape[-1]), shape, y, form=form)

    def conv1d(
        self, x: str, width: int, *, taps: int = 3, pad: tuple[int, int] = (2, 0), stride: int = 1, dilation: int = 1,
        y: QParams = INT8,
    ) -> str:  # fmt: skip
        """Add a convolution over time of one group."""
        window = Window(
            size=(taps, 1), stride=(stride, 1), dilation=(dilation, 1), pad_before=(pad[0], 0), pad_after=(pad[1], 0)
        )  # fmt: skip
        return self.conv2d(x, width, window, y=y)

    def conv2d(self, x: str, width: int, window: Window, *, groups: int = 1, y: QParams = INT8) -> str:
        """Add a convolution over images or sequences."""
        geometry = {**asdict(window), "groups": groups}
        weight_shape = (width, *geometry.pop("size"), self.tensors[x].shape[-1] // groups)
        return self._product("conv2d", x, weight_shape, self._slid_shape(x, window, width), y, geometry)

    def max_pool(self, x: str, window: Window) -> str:
        """Add the largest element of each window."""
        attrs = without(asdict(window), "input_dilation")
        shape = self._slid_shape(x, window, self.tensors[x].shape[-1])
        return self._layout("max_pool", [x], shape, attrs)

    def average_pool(self, x: str, window: Window, *, count_padding: bool = True, y: QParams = INT8) -> str:
        """Add the mean of each window."""
        source, params = self.tensors[x], {}
        attrs = {**without(asdict(window), "input_dilation"), "count_padding": count_padding}
        if source.qparams:
            taps = window.size[0] * window.size[1]
            p = average_pool_parameters(source.qparams, y, taps=taps, count_padding=count_padding)
            params, attrs["shift"] = integer_arrays(p), p.shift
        shape = self._slid_shape(x, window, source.shape[-1])
        return self._op("average_pool", [x], shape, y if source.qparams else None, params, attrs)

    def _slid_shape(self, x: str, window: Window, channels: int) -> tuple[int, ...]:
        _, rows, columns, _ = image_shape(self.tensors[x].shape)
        sizes = window.output_size(rows, columns)
        shape = self.tensors[x].shape
        return (sizes[0], channels) if len(shape) == 2 else (*shape[:-3], *sizes, channels)

    def table(self, x: str, y: QParams = INT8) -> str:
        """Add tanh as a table."""
        source = self.tensors[x]
        assert source.qparams is not None
        entries = table_entries(np.tanh, source.qparams, y).astype(y.dtype)
        return self._op("table", [x], source.shape, y, {"table": entries})

    def pointwise(self, x: str, function: str, **scalars: float) -> str:
        """Add a float32 function."""
        return self._op("pointwise", [x], self.tensors[x].shape, None, attrs={"function": function, **scalars})

    def binary(self, kind: str, a: str, b: str, y: QParams | None = INT8) -> str:
        """Add add, mul, sub, div, maximum or minimum; shapes are broadcast."""
        p, q = (self.tensors[name].qparams for name in (a, b))
        attrs: dict[str, Attribute] = {}
        if p is None or q is None or y is None:
            y = None
        elif kind == "add":
            attrs = asdict(add_parameters(p, q, y))
        elif kind == "mul":
            multiplier, shift = fixed_point(p.scale * q.scale / y.scale)
            attrs = {"multiplier": int(multiplier[0]), "shift": shift}
        elif kind == "div":
            attrs["multiplier"], attrs["shift"] = divide_parameters(p, q, y)
        return self._op(kind, [a, b], self._broadcast(a, b), y, attrs=attrs)

    def select(self, condition: str, a: str, b: str) -> str:
        """Add a choice by truth values."""
        return self._op("select", [condition, a, b], self._broadcast(condition, a, b), self.tensors[a].qparams)

    def steps(self, x: str, y: QParams = TRUTH) -> str:
        """Add a function that jumps at two values."""
        params = {"thresholds": np.array([-700, 900], np.int16), "values": np.array([1, 0, 1], y.dtype)}
        return self._op("steps", [x], self.tensors[x].shape, y, params)

    def _broadcast(self, *names: str) -> tuple[int, ...]:
        return np.broadcast_shapes(*(self.tensors[name].shape for name in names))

    def rescale(self, x: str, y: QParams) -> str:
        """Add a change of scale."""
        source = self.tensors[x].qparams
        assert source is not None
        multiplier, shift = rescale_parameters(source, y)
        return self._op("rescale", [x], self.tensors[x].shape, y, attrs={"multiplier": multiplier, "shift": shift})

    def norm(self, kind: str, x: str, y: QParams = INT16, *, bias: float | None = None) -> str:
        """Add rms_norm or layer_norm, with a bias for each channel or one for all."""
        source = self.tensors[x]
        width = source.shape[-1]
        gain, biases = self._random.uniform(0.5, 1.5, width), self._random.normal(size=width)
        biases = biases if bias is None else np.full(width, bias)
        if source.is_float:
            params = {"gain": gain.astype(np.float32), "bias": biases.astype(np.float32)}
            form = OP_SPECS[kind].float32
            assert form is not None
            params = {role: params[role] for role in form.params}
            return self._op(kind, [x], source.shape, None, params, {"eps": 1e-5})
        assert source.qparams is not None
        p = norm_parameters(gain, biases, 1e-5, source.qparams, y, centred=kind == "layer_norm")
        params = {"gain": p.gain.astype(np.int16), "bias": p.bias.astype(np.int32)}
        return self._op(kind, [x], source.shape, y, params, integer_attributes(p))

    def attention(
        self, q: str, k: str, v: str, *, causal: bool = True, window: int = 0, offset: int = 0, y: QParams = SYMMETRIC,
        bias: Array | None = None,
    ) -> str:  # fmt: skip
        """Add attention on (T, H, w), (S, G, w), (S, G, u); `bias` is added to the scores, -inf hides a pair."""
        x = [self.tensors[name] for name in (q, k, v)]
        steps, heads, width = x[0].shape
        keys, shape = x[1].shape[0], (steps, heads, x[2].shape[2])
        attrs: dict[str, Attribute] = {"causal": causal, "window": window, "offset": offset}
        if x[0].is_float:
            params = {} if bias is None else {"bias": np.maximum(bias, HIDDEN_BIAS).astype(np.float32)}
            return self._op("attention", [q, k, v], shape, None, params, {**attrs, "scale": 0.5})
        scales = [tensor.qparams for tensor in x if tensor.qparams]
        most_keys = AttentionSpan(causal=causal, window=window, offset=offset).most_keys(steps, keys)
        p = attention_parameters(*scales, y, width=width, keys=most_keys, scale=0.5, bias=bias)
        return self._op(
            "attention", [q, k, v], shape, y, integer_arrays(p, "int16"), {**attrs, **integer_attributes(p)}
        )

    def cached_attention(
        self, q: str, k: str, v: str, *, window: int, y: QParams = SYMMETRIC, bias: Array | None = None
    ) -> str:
        """Add attention of one step to the last `window` of them; `bias` is by distance."""
        x = [self.tensors[name] for name in (q, k, v)]
        _, heads, width = x[0].shape
        shape = (1, heads, x[2].shape[2])
        if x[0].is_float:
            params = {} if bias is None else {"bias": np.maximum(bias, HIDDEN_BIAS).astype(np.float32)}
            return self._op("cached_attention", [q, k, v], shape, None, params, {"window": window, "scale": 0.5})
        scales = [tensor.qparams for tensor in x if tensor.qparams]
        p = attention_parameters(*scales, y, width=width, keys=window, scale=0.5, bias=bias)
        attrs = {"window": window, **integer_attributes(p)}
        return self._op("cached_attention", [q, k, v], shape, y, integer_arrays(p, "int16"), attrs)

    def linear_attention(
        self, q: str, k: str, v: str, *, decay: float | None = 0.875, y: QParams | None = INT16
    ) -> str:  # fmt: skip
        """Add causal attention without a softmax on (T, H, w), (T, H, w), (T, H, u), a decay for the first head."""
        x = [self.tensors[name] for name in (q, k, v)]
        steps, heads, width = x[0].shape
        decays = None if decay is None else decay ** np.arange(1.0, heads + 1.0)
        if x[0].is_float:
            params = {} if decays is None else {"decay": decays.astype(np.float32)}
            return self._op("linear_attention", [q, k, v], x[2].shape, None, params, {"scale": 0.5})
        assert y is not None
        scales = [tensor.qparams for tensor in x if tensor.qparams]
        p = linear_attention_parameters(*scales, y, width=width, steps=steps, scale=0.5, decay=decays)
        return self._op(
            "linear_attention", [q, k, v], x[2].shape, y, integer_arrays(p), integer_attributes(p)
        )  # fmt: skip

    def rotary(self, x: str, *, pairs: int, interleaved: bool = False, y: QParams = INT16) -> str:
        """Add rotary positions on (T, H, w)."""
        source = self.tensors[x]
        angles = np.outer(np.arange(source.shape[0]), 2.0 ** -np.arange(pairs))[:, None]  # (T, 1, p)
        cos, sin = np.cos(angles), np.sin(angles)
        attrs: dict[str, Attribute] = {"interleaved": interleaved}
        if source.qparams is None:
            tables = [self._tensor(f"{role}_{len(self.tensors)}", table.shape, None, table.astype(np.float32))
                      for role, table in (("cos", cos), ("sin", sin))]  # fmt: skip
            return self._op("rotary", [x, *tables], source.shape, None, attrs=attrs)
        p = rotary_parameters(cos, sin, source.qparams, y)
        unit = QParams(dtype="int16", scale=2.0**-p.table_bits)
        tables = [self._tensor(f"{role}_{len(self.tensors)}", table.shape, unit, table.astype(np.int16))
                  for role, table in (("cos", p.cos), ("sin", p.sin))]  # fmt: skip
        return self._op("rotary", [x, *tables], source.shape, y, attrs={**attrs, **integer_attributes(p)})

    def selective_scan(
        self, u: str, delta: str, B: str, C: str, y: QParams | None = INT8, *, groups: int = 1, form: str = "each",
        state: str = "int32",
    ) -> str:  # fmt: skip
        """Add a scan over u (t, d), delta (t, heads), B, C (t, groups * n), with states of the type `state`.

        Each state decays by itself, or all of a head do with `form` "equal", or by "powers" of the first.
        """
        x = [self.tensors[name] for name in (u, delta, B, C)]
        d, heads, n = x[0].shape[1], x[1].shape[1], x[2].shape[1] // groups
        A, D = -self._random.uniform(0.5, 4.0, (heads, n if form == "each" else 1)), self._random.normal(size=d)
        attrs: dict[str, Attribute] = {"groups": groups, "reverse": False}
        if x[0].is_float:
            params = {"A": A.astype(np.float32), "D": D.astype(np.float32)}
            return self._op("selective_scan", [u, delta, B, C], x[0].shape, None, params, attrs)
        named = dict(zip(("u", "delta", "B", "C"), (tensor.qparams for tensor in x), strict=True))
        A = A * (np.arange(1, n + 1) if form == "powers" else np.ones(n))
        p = scan_parameters(A, D, np.full(d, 2.0), **named, y=y, state=state)  # type: ignore[arg-type]
        attrs = {**integer_attributes(p), "chain": p.chain, **attrs}
        return self._op("selective_scan", [u, delta, B, C], x[0].shape, y, integer_arrays(p), attrs)

    def recurrent(
        self, kind: str, x: str, *, first: bool | Sequence[str] = False, last_cell: bool = False, **flags: bool
    ) -> str:  # fmt: skip
        """Add gru, lstm or rnn over projected gates (t, gates * h), from constant states or computed ones."""
        source = self.tensors[x]
        rows = source.shape[1]
        width = rows // {"gru": 3, "lstm": 4, "rnn": 1}[kind]
        real, bias = self._random.normal(size=(rows, width)), self._random.normal(size=rows)
        attrs: dict[str, Attribute] = {"reverse": False, **({"relu": False} if kind == "rnn" else {}), **flags}
        inputs = [x]
        if not isinstance(first, bool):
            inputs += first
        elif first:
            qparams = [None if source.is_float else p for p in ((HIDDEN, INT16) if kind == "lstm" else (HIDDEN,))]
            inputs += [self.constant(f"first_{len(self.tensors)}", width, qparams=p) for p in qparams]
        params: dict[str, Array] = {"weight": real.astype(np.float32), "bias": bias.astype(np.float32)}
        if source.qparams is not None:
            weight, scale = _quantized(real)
            steps = {
                "gru": gru.sum_steps, "lstm": lstm.sum_steps,
                "rnn": lambda width: rnn.sum_steps(width, HIDDEN, relu=bool(attrs["relu"])),
            }[kind](width)  # fmt: skip
            p = recurrent_parameters(
                weight, scale, bias, projected=source.qparams, hidden=HIDDEN, steps=steps, what=kind
            )
            params = {"weight": weight.astype(np.int8), **integer_arrays(p)}
            attrs |= {**integer_attributes(p), "hidden_shift": 0, **({"cell_bits": 12} if kind == "lstm" else {})}
        return self._op(
            kind, inputs, (source.shape[0], width), None if source.is_float else HIDDEN, params, attrs,
            more=[self._tensor(f"{x}_cell", (width,), None if source.is_float else INT16)] if last_cell else [],
        )  # fmt: skip

    def loop(
        self, frames: Sequence[str], step: LoopStep, *, states: Sequence[Tensor], whole: Sequence[str] = (),
        firsts: Mapping[int, str] | None = None, lasts: Sequence[int] = (), reverse: bool = False,
    ) -> list[str]:  # fmt: skip
        """Add a loop along `frames`, (t, ...) each, whose body `step` writes; return what it emits, then last states.

        Args: states, what they look like; whole, read by every step; firsts, by index what is there before the first
        step instead of 0; step, which gets a maker and the names of frames, states and whole tensors, and returns the
        next states and what is emitted.
        """
        inner = self._body(f"{self._name}_body", f"loop.{len(self._ops)}.")
        given = [replace(self.tensors[name], shape=self.tensors[name].shape[1:]) for name in frames]
        given += [*states, *(self.tensors[name] for name in whole)]
        names = [inner.input(f"in{i}", *x.shape, qparams=x.qparams) for i, x in enumerate(given)]
        nexts, emitted = step(inner, names)
        body, count = inner.graph(*nexts, *emitted), self.tensors[frames[0]].shape[0]
        results = [((count, *body[name].shape), body[name].qparams) for name in emitted]
        results += [(states[index].shape, states[index].qparams) for index in lasts]
        more = [self._tensor(f"more{len(self.tensors)}_{i}", *result) for i, result in enumerate(results[1:])]
        first = firsts or {}
        attrs: dict[str, Attribute] = {
            "frames": len(frames), "states": len(states), "firsts": tuple(first), "lasts": tuple(lasts),
            "reverse": reverse,
        }  # fmt: skip
        y = self._op("loop", [*frames, *whole, *first.values()], *results[0], attrs=attrs, more=more, body=body)
        return [y, *more]

    def _body(self, name: str, scope: str) -> "GraphMaker":
        """Begin the body of a loop."""
        return GraphMaker(name, seed=len(self._ops), scope=scope)

    def transpose(self, x: str, *permutation: int) -> str:
        """Add a transposition."""
        shape = tuple(self.tensors[x].shape[axis] for axis in permutation)
        return self._layout("transpose", [x], shape, {"permutation": permutation})

    def reshape(self, x: str, *shape: int) -> str:
        """Add a change of shape."""
        return self._layout("reshape", [x], shape, {"shape": shape})

    def slice(self, x: str, axis: int, start: int, stop: int) -> str:
        """Add a slice."""
        shape = tuple(stop - start if i == axis else size for i, size in enumerate(self.tensors[x].shape))
        return self._layout("slice", [x], shape, {"axis": axis, "start": start, "stop": stop})

    def strided_slice(self, x: str, axis: int, start: int, step: int, count: int) -> str:
        """Add a slice with a step, which may be negative or 0."""
        attrs = {"axis": axis, "start": start, "step": step, "count": count}
        return self._layout("strided_slice", [x], self._along(x, axis, count), attrs)

    def take(self, x: str, axis: int, *indices: int) -> str:
        """Add a choice of positions along an axis."""
        params = {"indices": np.array(indices, np.int16)}
        return self._layout("take", [x], self._along(x, axis, len(indices)), {"axis": axis}, params)

    def pad(self, x: str, axis: int, before: int, after: int, fill: float = 0) -> str:
        """Add copies of one value at both ends of an axis."""
        size = self.tensors[x].shape[axis] + before + after
        attrs: dict[str, Attribute] = {"axis": axis, "before": before, "after": after, "fill": fill}
        return self._layout("pad", [x], self._along(x, axis, size), attrs)

    def concat(self, axis: int, *parts: str) -> str:
        """Add a concatenation of tensors of one scale."""
        shape = list(self.tensors[parts[0]].shape)
        shape[axis] = sum(self.tensors[part].shape[axis] for part in parts)
        return self._layout("concat", parts, tuple(shape), {"axis": axis})

    def mean(self, x: str, axis: int, y: QParams = INT8) -> str:
        """Add a mean over one axis."""
        source = self.tensors[x]
        attrs: dict[str, Attribute] = {"axis": axis}
        if source.qparams:
            attrs["multiplier"], attrs["shift"] = mean_parameters(source.qparams, y, source.shape[axis])
        shape = tuple(size for i, size in enumerate(source.shape) if i != axis)
        return self._op("mean", [x], shape, y if source.qparams else None, attrs=attrs)

    def running_mean(self, x: str, y: QParams = INT8) -> str:
        """Add the mean of all elements so far along the first axis."""
        source = self.tensors[x]
        attrs: dict[str, Attribute] = {}
        if source.qparams:
            attrs["multiplier"], attrs["shift"] = mean_parameters(source.qparams, y, source.shape[0])
        return self._op("running_mean", [x], source.shape, y if source.qparams else None, attrs=attrs)

    def running_sum(self, x: str, y: QParams = INT8) -> str:
        """Add the sum of all elements so far along the first axis."""
        source = self.tensors[x]
        attrs: dict[str, Attribute] = {}
        if source.qparams:
            attrs["multiplier"], attrs["shift"] = sum_parameters(source.qparams, y, source.shape[0])
        return self._op("running_sum", [x], source.shape, y if source.qparams else None, attrs=attrs)

    def running_extreme(self, kind: str, x: str) -> str:
        """Add running_max or running_min along the first axis."""
        return self._layout(kind, [x], self.tensors[x].shape, {})

    def history(self, x: str, axis: int, taps: int, *, dilation: int = 1, initial: float = 0) -> str:
        """Add the frames before the one that comes, for a step."""
        shape = tuple(taps if i == axis else size for i, size in enumerate(self.tensors[x].shape))
        return self._layout(
            "history", [x], shape, {"axis": axis, "taps": taps, "dilation": dilation, "initial": initial}
        )

    def recent(self, x: str, frames: int) -> str:
        """Add the last frames, the one that comes behind the others, for a step."""
        return self._layout("recent", [x], (frames, *self.tensors[x].shape[1:]), {"frames": frames})

    def stored_row(self, table: str, axis: int = 0) -> str:
        """Add the row of a constant whose turn it is, for a step."""
        shape = tuple(1 if i == axis else size for i, size in enumerate(self.tensors[table].shape))
        return self._layout("stored_row", [table], shape, {"axis": axis})

    def sum(self, x: str, axis: int, y: QParams = INT8) -> str:
        """Add a sum over one axis."""
        source = self.tensors[x]
        attrs: dict[str, Attribute] = {"axis": axis}
        if source.qparams:
            attrs["multiplier"], attrs["shift"] = sum_parameters(source.qparams, y, source.shape[axis])
        return self._op("sum", [x], _without_axis(source, axis), y if source.qparams else None, attrs=attrs)

    def extreme(self, kind: str, x: str, axis: int) -> str:
        """Add max or min over one axis."""
        return self._layout(kind, [x], _without_axis(self.tensors[x], axis), {"axis": axis})

    def argmax(self, x: str, axis: int, kind: str = "argmax") -> str:
        """Add the index of the first maximum, or of the first minimum."""
        return self._op(kind, [x], _without_axis(self.tensors[x], axis), None, attrs={"axis": axis}, dtype="int32")

    def matmul(self, a: str, b: str, *, transposed: bool = False, y: QParams = INT16) -> str:
        """Add a product of matrices, b transposed or not; one operand's leading axes may be missing."""
        first, second = self.tensors[a], self.tensors[b]
        leading = max(first.shape[:-2], second.shape[:-2], key=lambda shape: (np.prod(shape), len(shape)))
        shape = (*leading, first.shape[-2], second.shape[-2 if transposed else -1])
        attrs: dict[str, Attribute] = {"transposed": transposed}
        if first.qparams is None or second.qparams is None:
            return self._op("matmul", [a, b], shape, None, attrs=attrs)
        p = matmul_parameters(first.qparams, second.qparams, y, first.shape[-1])
        return self._op("matmul", [a, b], shape, y, attrs={**attrs, **asdict(p)})

    def embedding(self, ids: str, rows: int, width: int, y: QParams = INT8) -> str:
        """Add the rows of a table by their numbers; float32 without `y`."""
        real = self._random.normal(size=(rows, width))
        table = real.astype(np.float32) if y is None else y.quantize(real).astype(y.dtype)
        return self._op("embedding", [ids], (*self.tensors[ids].shape, width), y, {"table": table})

    def softmax(self, x: str, seen: str | None = None, y: QParams = INT16) -> str:
        """Add a softmax of each row, of what `seen` marks alone."""
        source, operands = self.tensors[x], [x] if seen is None else [x, seen]
        attrs = integer_attributes(softmax_parameters(source.qparams, y)) if source.qparams else {}
        return self._op("softmax", operands, source.shape, y if source.qparams else None, attrs=attrs)

    def log_softmax(self, x: str, y: QParams = INT16) -> str:
        """Add the logarithm of a softmax of each row."""
        source = self.tensors[x]
        attrs = integer_attributes(log_softmax_parameters(source.qparams, y)) if source.qparams else {}
        return self._op("log_softmax", [x], source.shape, y if source.qparams else None, attrs=attrs)

    def max_plus(self, x: str, width: int, y: QParams | None = INT16) -> str:
        """Add the best of sums with constant scores along the last axis; float32 without `y`."""
        source = self.tensors[x]
        scores, shape = -self._random.exponential(size=(width, source.shape[-1])), (*source.shape[:-1], width)
        if source.qparams is None or y is None:
            return self._op("max_plus", [x], shape, None, {"scores": scores.astype(np.float32)})
        p = max_plus_parameters(scores, source.qparams, y)
        return self._op("max_plus", [x], shape, y, integer_arrays(p), integer_attributes(p))

    def second_moment(self, x: str, *, centred: bool = True, root: bool = True, y: QParams = INT16) -> str:
        """Add a variance, a standard deviation, or a length of each row."""
        source = self.tensors[x]
        divisor = source.shape[-1] if centred else 1
        attrs: dict[str, Attribute] = {"root": root, "centred": centred, "divisor": float(divisor)}
        if source.qparams is None:
            return self._op("second_moment", [x], source.shape[:-1], None, attrs=attrs)
        p = moment_parameters(source.qparams, y, source.shape[-1], divisor=divisor, centred=centred, root=root)
        return self._op("second_moment", [x], source.shape[:-1], y, attrs={"root": root, **integer_attributes(p)})

    def group_norm(self, x: str, groups: int, *, spatial: int = 1, y: QParams = INT16) -> str:
        """Add a norm of groups of channels over the `spatial` axes before them."""
        source = self.tensors[x]
        width = source.shape[-1]
        gain, bias = self._random.uniform(0.5, 1.5, width), self._random.normal(size=width)
        attrs: dict[str, Attribute] = {"groups": groups, "spatial": spatial}
        if source.qparams is None:
            params = {"gain": gain.astype(np.float32), "bias": bias.astype(np.float32)}
            return self._op("group_norm", [x], source.shape, None, params, {"eps": 1e-5, **attrs})
        count = int(np.prod(source.shape[len(source.shape) - spatial - 1 :])) // groups
        p = norm_parameters(gain, bias, 1e-5, source.qparams, y, centred=True, count=count)
        params = {"gain": p.gain.astype(np.int16), "bias": p.bias.astype(np.int32)}
        return self._op("group_norm", [x], source.shape, y, params, {**integer_attributes(p), **attrs})

    def _product(
        self,
        kind: str,
        x: str,
        weight_shape: tuple[int, ...],
        shape: tuple[int, ...],
        y: QParams,
        geometry: Mapping[str, Attribute] | None = None,
        form: str = "weight",
    ) -> str:
        source = self.tensors[x]
        real = self._random.normal(size=weight_shape) / np.sqrt(np.prod(weight_shape[1:]))
        bias = self._random.normal(size=weight_shape[0]) * 0.5
        if source.is_float:
            params = {"weight": real.astype(np.float32), "bias": bias.astype(np.float32)}
            return self._op(kind, [x], shape, None, params, geometry)
        weight, scale = _quantized(real, 7 if form == "int4" else 127)
        stored: dict[str, Array] = {"weight": weight.astype(np.int8)}
        if form == "int4":
            stored = {"packed": pack_nibbles(weight & 15)}
        elif form == "palette":
            levels = np.sort(self._random.choice(np.arange(-127, 128), 16, replace=False))
            places = np.abs(weight[..., None] - levels).argmin(axis=-1)
            weight, stored = levels[places], {"packed": pack_nibbles(places), "levels": levels.astype(np.int8)}
        assert source.qparams is not None
        p = accumulator_parameters(weight, scale, bias, source.qparams, y, kind)
        params = {**stored, **integer_arrays(p)}
        return self._op(kind, [x], shape, y, params, {**integer_attributes(p), **(geometry or {})})

    def _along(self, x: str, axis: int, size: int) -> tuple[int, ...]:
        """Return the shape of x with another size of one axis."""
        return tuple(size if i == axis else other for i, other in enumerate(self.tensors[x].shape))

    def _layout(
        self, kind: str, x: Sequence[str], shape: tuple[int, ...], attrs: Mapping[str, Attribute],
        params: Mapping[str, Array] | None = None,
    ) -> str:  # fmt: skip
        source = self.tensors[x[0]]
        return self._op(kind, x, shape, source.qparams, params, attrs, dtype=source.dtype)

    def _op(
        self,
        kind: str,
        x: Sequence[str],
        shape: tuple[int, ...],
        qparams: QParams | None,
        params: Mapping[str, Array] | None = None,
        attrs: Mapping[str, Attribute] | None = None,
        dtype: str | None = None,
        more: Sequence[str] = (),
        body: Graph | None = None,
    ) -> str:
        y = self._tensor(f"t{len(self.tensors)}", shape, qparams, dtype=dtype)
        self._ops.append(
            Op(
                name=f"{self._scope}{kind}.{len(self._ops)}", kind=kind, inputs=tuple(x), output=y, params=params or {},
                attrs=attrs or {}, more=tuple(more), body=body,
            )
        )  # fmt: skip
        return y

    def _tensor(
        self, name: str, shape: tuple[int, ...], qparams: QParams | None, data: Array | None = None,
        dtype: str | None = None,
    ) -> str:  # fmt: skip
        chosen = dtype or (qparams.dtype if qparams else "float32")
        self.tensors[name] = Tensor(name=name, shape=shape, dtype=chosen, qparams=qparams, data=data)
        return name


def _quantized(real: NDArray[np.float64], limit: int = 127) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    scale = np.maximum(np.abs(real).reshape(len(real), -1).max(axis=1), 0.05) / limit
    return np.rint(real / scale.reshape(-1, *[1] * (real.ndim - 1))).astype(np.int64), scale


def without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a mapping without one key."""
    return {name: value for name, value in mapping.items() if name != key}


def _without_axis(x: Tensor, axis: int) -> tuple[int, ...]:
    return (*x.shape[:axis], *x.shape[axis + 1 :])
