"""A recipe says which precision each weight and activation has: another mix is another recipe over the same graph."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from smidgen.compression.codecs import CODECS, Codec, Uniform
from smidgen.errors import ConfigError, nearest

PRECISIONS = ("int8", "int16")
SCAN_STATES = ("int32", "int16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Give what has a matching label another precision: activations, weights, or what scans carry.

    A label is "module.path:op", as reports print it; an activation also carries "feeds:op" for every operator that
    reads it ("feeds:add" is a branch of a residual sum, "feeds:output" leaves the model). A weight has the label of the
    operator that multiplies by it.
    """

    match: str  # with * and ?, e.g. "*.x_proj:linear", "*:add", "feeds:mul"
    activation: str | None = None  # "int8" or "int16"; None: as other rules say
    weight: Codec | None = None  # how the weights of operators that match are stored
    scan_state: str | None = None  # "int32" or "int16", of selective scans that match

    def __post_init__(self) -> None:
        if not isinstance(self.match, str):
            raise ConfigError(f"a rule's match must be text, got {self.match!r}")
        if self.activation is None and self.weight is None and self.scan_state is None:
            raise ConfigError(f"rule {self.match!r} says nothing; give it an activation, a weight or a scan_state")
        if self.activation not in (*PRECISIONS, None):
            raise ConfigError(f"rule {self.match!r}: activation must be one of {PRECISIONS}, got {self.activation!r}")
        if self.scan_state not in (*SCAN_STATES, None):
            raise ConfigError(f"rule {self.match!r}: scan_state must be one of {SCAN_STATES}, got {self.scan_state!r}")
        if self.weight is not None:
            _check_codec(f"rule {self.match!r}", self.weight)

    def matches(self, labels: Iterable[str]) -> bool:
        """True for an activation, a weight or a scan that carries these labels."""
        return any(fnmatchcase(label, self.match) for label in labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Precision by tensor: the last matching rule decides, `activation`, `weight` and `scan_state` where none does."""

    name: str
    activation: str = "int8"  # "int8", "int16" or "float32"; float32 keeps the whole program in floating point
    scan_state: str = "int32"  # what selective scans carry: "int32", or "int16" in half the memory
    weight: Codec = field(default_factory=Uniform)
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"\w[\w.+-]*", self.name):
            raise ConfigError(
                f"a recipe's name becomes part of a folder's: letters, digits, ., - and _; got {self.name!r}"
            )
        if self.activation not in (*PRECISIONS, "float32"):
            raise ConfigError(f"recipe {self.name}: activation must be int8, int16 or float32, got {self.activation!r}")
        if self.scan_state not in SCAN_STATES:
            raise ConfigError(f"recipe {self.name}: scan_state must be one of {SCAN_STATES}, got {self.scan_state!r}")
        if self.is_float and self.scan_state != "int32":
            raise ConfigError(f"recipe {self.name}: states of a float32 recipe are float32; leave scan_state out")
        _check_codec(f"recipe {self.name}", self.weight)
        if self.is_float and self.weight != Uniform():
            raise ConfigError(f"recipe {self.name}: weights of a float32 recipe are float32; leave weight out")
        if self.is_float and self.rules:
            raise ConfigError(f"recipe {self.name}: a float32 recipe takes no rules; remove them or choose int8")

    @property
    def is_float(self) -> bool:
        """True if nothing is quantised."""
        return self.activation == "float32"

    def activation_for(self, labels: Iterable[str]) -> str:
        """Return the precision of the activation that carries these labels."""
        labels = tuple(labels)
        matching = [rule.activation for rule in self.rules if rule.activation is not None and rule.matches(labels)]
        return matching[-1] if matching else self.activation

    def scan_state_for(self, labels: Iterable[str]) -> str:
        """Return the type of what the selective scan that carries these labels takes from step to step."""
        labels = tuple(labels)
        matching = [rule.scan_state for rule in self.rules if rule.scan_state is not None and rule.matches(labels)]
        return matching[-1] if matching else self.scan_state

    def weight_for(self, label: str) -> Codec:
        """Return how the weight of the operator of this label is stored."""
        matching = [rule.weight for rule in self.rules if rule.weight is not None and rule.matches((label,))]
        return matching[-1] if matching else self.weight

    def check_matches(self, activations: Sequence[str], weights: Sequence[str], scans: Sequence[str]) -> None:
        """Raise ConfigError for a rule that changes nothing, as a misspelt one does.

        Args: the labels of all activations of a model, of its weights, of its selective scans. The patterns of the
        built-in recipes are for any model, and may find no activation in one.
        """
        for rule in self.rules:
            for what, said, labels in (
                ("activation", rule.match not in _SIXTEEN_BITS and rule.activation, activations),
                ("weight", rule.weight, weights),
                ("selective scan", rule.scan_state, scans),
            ):
                if said and not rule.matches(labels):
                    raise ConfigError(
                        f"recipe {self.name}: rule {rule.match!r} matches no {what} of the model; "
                        f"{nearest(rule.match, sorted(set(labels)))}"
                    )


def _check_codec(what: str, weight: object) -> None:
    if not isinstance(weight, Codec):
        raise ConfigError(
            f'{what}: weight must be a codec, such as Palette() or CODECS["int4"] of smidgen.compression.codecs, '
            f"got {weight!r}"
        )


#: What is summed, gated, compared or carried through time keeps 16 bits; everything between weights takes 8.
_SIXTEEN_BITS = (
    "*:cat", "*:add", "*:sub", "*:selective_scan", "*:ssd_scan", "*:linear_attention", "*:cumsum", "*:cumulative_mean",
    "*:max_plus", "*:mul", "*:div",
    "feeds:add", "feeds:sub", "feeds:mul", "feeds:div", "feeds:gru",
    "feeds:lstm", "feeds:rnn_tanh", "feeds:rnn_relu", "feeds:selective_scan", "feeds:ssd_scan",
    "feeds:matmul", "feeds:bmm", "feeds:softmax", "feeds:masked_softmax", "feeds:log_softmax",
    "feeds:scaled_dot_product_attention", "feeds:rotary", "feeds:linear_attention", "feeds:max_plus", "feeds:output",
)  # fmt: skip

RECIPES: Mapping[str, Recipe] = {
    "float32": Recipe(name="float32", activation="float32"),
    "int8": Recipe(name="int8", rules=tuple(Rule(match=match, activation="int16") for match in _SIXTEEN_BITS)),
    "int8-pure": Recipe(name="int8-pure"),
    "int16": Recipe(name="int16", activation="int16"),
}


def find_recipe(recipe: str | Path | Recipe) -> Recipe:
    """Return a recipe given itself, its name, or a TOML file; raise ConfigError that says what is known."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, str) and recipe in RECIPES:
        return RECIPES[recipe]
    if not isinstance(recipe, str | Path):
        raise ConfigError(f"a recipe is a Recipe, the name of one or the path of a .toml file, got {recipe!r}")
    path = Path(recipe)
    if path.suffix == ".toml":
        return _read_recipe(path)
    raise ConfigError(f"unknown recipe {str(recipe)!r}; {nearest(str(recipe), RECIPES)}; a .toml file may be named too")


def _read_recipe(path: Path) -> Recipe:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"recipe {path} cannot be read: {error}") from error
    known = {"name", "extends", "activation", "scan_state", "weight", "weight_bits", "rules"}
    unknown = set(document) - known
    if unknown:
        raise ConfigError(f"recipe {path}: unknown key {sorted(unknown)[0]!r}; expected {', '.join(sorted(known))}")
    if {"weight", "weight_bits"} <= set(document):
        raise ConfigError(f"recipe {path}: weight and weight_bits both say how weights are stored; give one of them")
    try:
        rules = tuple(Rule(**_with_codec(path, rule)) for rule in document.get("rules", []))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"recipe {path}: a rule takes match, and activation, weight or scan_state; {error}"
        ) from error
    base = find_recipe(document["extends"]) if "extends" in document else Recipe(name="int8")
    weight = _with_codec(path, document).get("weight", base.weight)
    return Recipe(
        name=document.get("name", path.stem),
        activation=document.get("activation", base.activation),
        scan_state=document.get("scan_state", base.scan_state),
        weight=Uniform(bits=document["weight_bits"]) if "weight_bits" in document else weight,
        rules=(*base.rules, *rules),
    )


def _with_codec(path: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a table of a recipe's file with the codec that `weight` names, where it is given."""
    found = dict(table)
    if "weight" in found:
        name = found["weight"]
        if not isinstance(name, str) or name not in CODECS:
            raise ConfigError(f"recipe {path}: unknown weight {name!r}; expected {', '.join(CODECS)}")
        found["weight"] = CODECS[name]
    return found
