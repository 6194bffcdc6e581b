"""Turn what JSON holds into frozen dataclasses by their annotations, and say exactly what does not fit."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from smidgen.errors import DataError

T = TypeVar("T")


def from_json(kind: type[T], value: object, where: str) -> T:
    """Return `value` as the dataclass `kind`; keys that `kind` does not name are left alone.

    Annotations understood: str, int, float (finite), `X | None`, `tuple[X, ...]`, `tuple[X, Y]`, `Mapping[str, X]`
    and dataclasses of these. A field with a default may be absent.

    Raises:
        DataError: the first value that does not fit, by its path in the document, e.g. `pooled[2].ram_bytes`.
    """
    return _read(kind, value, where)  # type: ignore[no-any-return]  # by construction an instance of `kind`


def _read(kind: Any, value: object, where: str) -> Any:
    if is_dataclass(kind):
        return _read_dataclass(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _read(inner, value, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise _misfit("an object", value, where)
        return {str(key): _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    return _read_scalar(kind, value, where)


def _read_dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise _misfit("an object", value, where)
    hints = get_type_hints(kind)
    arguments = {}
    for field in fields(kind):
        if field.name in value:
            arguments[field.name] = _read(hints[field.name], value[field.name], f"{where}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise DataError(f"{where} has no '{field.name}'; it has {', '.join(map(str, value)) or 'nothing'}")
    try:
        return kind(**arguments)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _read_tuple(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _misfit("a list", value, where)
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise _misfit(f"a list of {len(kinds)}", value, where)
    return tuple(
        _read(kind, item, f"{where}[{index}]") for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _read_scalar(kind: type, value: object, where: str) -> Any:
    if kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise _misfit("a finite number", value, where)
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _misfit({int: "a whole number", str: "text"}[kind], value, where)
    return value


def _misfit(expected: str, value: object, where: str) -> DataError:
    found = repr(value)
    return DataError(f"{where}: expected {expected}, found {found if len(found) <= 60 else found[:57] + '...'}")
