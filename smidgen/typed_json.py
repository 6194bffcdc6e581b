"""Turn what JSON holds into frozen dataclasses by their annotations, and say exactly what does not fit."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from smidgen.errors import ConfigError, DataError, nearest

T = TypeVar("T")


def from_json(kind: type[T], value: object, where: str, *, exact: bool = False) -> T:
    """Return `value` as the dataclass `kind`; keys that `kind` does not name are left alone, or refused if `exact`.

    Annotations understood: str, int, bool, float (finite), `X | None`, `tuple[X, ...]`, `tuple[X, Y]`,
    `Mapping[str, X]` and dataclasses of these. A field with a default may be absent.

    Raises:
        DataError: the first value that does not fit, by its path in the document, e.g. `pooled[2].ram_bytes`.
    """
    return _Reader(exact=exact).read(kind, value, where)  # type: ignore[no-any-return]  # an instance of `kind`


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    exact: bool

    def read(self, kind: Any, value: object, where: str) -> Any:
        if is_dataclass(kind):
            return self._read_dataclass(kind, value, where)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is UnionType:
            (inner,) = (argument for argument in arguments if argument is not NoneType)
            return None if value is None else self.read(inner, value, where)
        if origin is tuple:
            return self._read_tuple(arguments, value, where)
        if origin is Mapping:
            if not isinstance(value, Mapping):
                raise _misfit("an object", value, where)
            return {str(key): self.read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
        return _read_scalar(kind, value, where)

    def _read_dataclass(self, kind: Any, value: object, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise _misfit("an object", value, where)
        hints, names = get_type_hints(kind), [field.name for field in fields(kind)]
        for key in value if self.exact else ():
            if key not in names:
                raise DataError(f"{where} has no field {key!r}; {nearest(str(key), names)}")
        arguments = {}
        for field in fields(kind):
            if field.name in value:
                arguments[field.name] = self.read(hints[field.name], value[field.name], f"{where}.{field.name}")
            elif field.default is MISSING and field.default_factory is MISSING:
                raise DataError(f"{where} has no '{field.name}'; it has {', '.join(map(str, value)) or 'nothing'}")
        try:
            return kind(**arguments)
        except (ConfigError, DataError) as error:
            raise DataError(f"{where}: {error}") from None

    def _read_tuple(self, kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _misfit("a list", value, where)
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(value) != len(kinds):
            raise _misfit(f"a list of {len(kinds)}", value, where)
        return tuple(
            self.read(kind, item, f"{where}[{index}]")
            for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
        )


def _read_scalar(kind: type, value: object, where: str) -> Any:
    if kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise _misfit("a finite number", value, where)
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise _misfit({int: "a whole number", str: "text", bool: "true or false"}[kind], value, where)
    return value


def _misfit(expected: str, value: object, where: str) -> DataError:
    found = repr(value)
    return DataError(f"{where}: expected {expected}, found {found if len(found) <= 60 else found[:57] + '...'}")
