"""Loops over time whose bodies are drawn too."""

from collections.abc import Callable

from graph_maker import GraphMaker

from drawing.sketch import Generator, Sketch
from smidgen.ir import Tensor


def loop_of(add_operators: Callable[[Sketch], None]) -> Generator:
    """Return the generator of loops whose steps consist of what `add_operators` adds to their bodies."""

    def loop(s: Sketch, kind: str, x: str) -> str:
        x = s.ranked(x, 2, 3)
        frames = [x, x] if s.chance() else [x]
        states = [_state(s, x) for _ in range(s.whole(0, 2))]
        whole = [s.drawn_constant(x, s.whole(1, 4))] if s.chance() else []
        firsts = {i: _first(s, x, state) for i, state in enumerate(states) if s.chance()}
        lasts = [i for i in range(len(states)) if s.chance()]

        def step(body: GraphMaker, names: list[str]) -> tuple[list[str], list[str]]:
            assert isinstance(body, Sketch)
            add_operators(body)
            computed = [name for name in reversed(body.tensors) if _can_be_carried(body.tensors[name], s.tensors[x])]
            nexts = [body.shaped(body.rescaled_like(computed[0], state), *state.shape) for state in states]
            emitted = computed[: body.whole(1, 2)]
            return [body.copied(name) for name in nexts], [body.copied(name) for name in emitted]

        return s.loop(
            frames, step, states=states, whole=whole, firsts=firsts, lasts=lasts, reverse=not s.is_step and s.chance()
        )[0]

    return loop


def _state(s: Sketch, x: str) -> Tensor:
    source = s.tensors[x]
    qparams = None if source.is_float else s.qparams()
    shape = s.one_of((), (s.whole(1, 4),), source.shape[1:])
    return Tensor(name="", shape=shape, dtype=qparams.dtype if qparams else "float32", qparams=qparams)


def _first(s: Sketch, x: str, state: Tensor) -> str:
    """Return a state to begin from: a constant, as steps need one, or what is computed of x."""
    if s.is_step or s.chance():
        return s.constant(f"first_{len(s.tensors)}", *state.shape, qparams=state.qparams)
    return s.shaped(s.rescaled_like(x, state), *state.shape)


def _can_be_carried(tensor: Tensor, like: Tensor) -> bool:
    return tensor.is_float == like.is_float and tensor.dtype != "int32" and tensor.data is None
