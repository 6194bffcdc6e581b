"""Recipes: which rule decides, names and files, and what is refused."""

from pathlib import Path

import pytest

from smidgen.compression import RECIPES, Recipe, Rule, find_recipe
from smidgen.compression.codecs import Palette, Uniform
from smidgen.errors import ConfigError


def test_the_last_matching_rule_decides() -> None:
    """Rules are read from general to special; without a match the recipe's own precision holds."""
    recipe = Recipe(
        name="mixed",
        rules=(Rule(match="*:linear", activation="int16"), Rule(match="head*", activation="int8")),
    )
    assert recipe.activation_for(["body:linear"]) == "int16"
    assert recipe.activation_for(["head:linear"]) == "int8"
    assert recipe.activation_for(["body:add"]) == "int8"
    assert recipe.activation_for(["body:add", "x:linear"]) == "int16"


def test_scans_have_rules_of_their_own() -> None:
    """The last rule that tells a state decides; rules of activations leave it, and rules of states activations."""
    recipe = Recipe(
        name="mixed",
        scan_state="int16",
        rules=(
            Rule(match="first.*", scan_state="int32"),
            Rule(match="*:selective_scan", activation="int16"),
            Rule(match="second.*", activation="int8", scan_state="int32"),
        ),
    )
    assert recipe.scan_state_for(["first.ssm:selective_scan"]) == "int32"
    assert recipe.scan_state_for(["second.ssm:selective_scan"]) == "int32"
    assert recipe.scan_state_for(["third.ssm:selective_scan"]) == "int16"
    assert recipe.activation_for(["first.ssm:selective_scan"]) == "int16"
    assert recipe.activation_for(["first.ssm:linear"]) == "int8"
    assert {recipe.scan_state for recipe in RECIPES.values()} == {"int32"}


def test_rules_choose_weights_apart_from_activations() -> None:
    """A rule that is silent on one of the two leaves it to the others."""
    rules = (
        Rule(match="*:linear", weight=Uniform(bits=4)),
        Rule(match="head:linear", weight=Palette(), activation="int16"),
        Rule(match="*", activation="int8"),
    )
    recipe = Recipe(name="mixed", weight=Uniform(bits=6), rules=rules)
    assert recipe.weight_for("body:linear") == Uniform(bits=4)
    assert recipe.weight_for("head:linear") == Palette()
    assert recipe.weight_for("body:conv1d") == Uniform(bits=6)
    assert recipe.activation_for(["head:linear"]) == "int8"


def test_labels_match_as_a_whole() -> None:
    """ "*" and "?" are wildcards, everything else is itself, upper and lower case apart."""
    recipe = Recipe(name="r", rules=(Rule(match="layers.?.in_proj:linear", activation="int16"),))
    assert recipe.activation_for(["layers.0.in_proj:linear"]) == "int16"
    assert recipe.activation_for(["layers.10.in_proj:linear"]) == "int8"
    assert recipe.activation_for(["LAYERS.0.in_proj:linear"]) == "int8"


def test_recipes_are_found_by_name_and_pass_through() -> None:
    """The four that are shipped have their own names."""
    assert set(RECIPES) == {"float32", "int8", "int8-pure", "int16"}
    for name, recipe in RECIPES.items():
        assert find_recipe(name) is recipe is find_recipe(recipe)
        assert recipe.name == name
    assert RECIPES["float32"].is_float


def test_a_file_says_the_same_as_a_recipe(tmp_path: Path) -> None:
    """TOML with every key; the file's name is the recipe's where it gives none."""
    path = tmp_path / "mine.toml"
    path.write_text('activation = "int16"\nweight_bits = 4\n[[rules]]\nmatch = "*:add"\nactivation = "int8"\n')
    expected = Recipe(
        name="mine", activation="int16", weight=Uniform(bits=4), rules=(Rule(match="*:add", activation="int8"),)
    )
    assert find_recipe(path) == find_recipe(str(path)) == expected
    path.write_text('extends = "int8-pure"\nscan_state = "int16"\n[[rules]]\nmatch = "a*"\nscan_state = "int32"\n')
    assert find_recipe(path) == Recipe(name="mine", scan_state="int16", rules=(Rule(match="a*", scan_state="int32"),))
    path.write_text('weight = "int4"\n[[rules]]\nmatch = "head:linear"\nweight = "palette16"\n')
    assert find_recipe(path) == Recipe(
        name="mine",
        weight=Uniform(bits=4, fit="least-squares"),
        rules=(Rule(match="head:linear", weight=Palette()),),
    )
    path.write_text("")
    assert find_recipe(path) == Recipe(name="mine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("activation = ", "recipe .*bad.toml cannot be read: Invalid value"),
        ("activation = 'int4'", "recipe bad: activation must be int8, int16 or float32, got 'int4'"),
        ("rules = ['x']", "a rule takes match, and activation, weight or scan_state"),
        ("weight = 'int5'", "unknown weight 'int5'; expected int8, int4, palette16, palette16-normal"),
        ("weight = 4", "unknown weight 4; expected int8, int4, palette16, palette16-normal"),
        (
            "weight = 'int8'\nweight_bits = 6",
            "weight and weight_bits both say how weights are stored; give one of them",
        ),
        ("[[rules]]\nmatch = 'x'\nweight = 'int3'", "unknown weight 'int3'; expected int8, int4, palette16, "),
        ("activations = 'int8'", "unknown key 'activations'; expected activation, extends, name, rules, scan_state, "),
        ("weight_bits = 9", "uniform weights take 2 to 8 bits, got 9"),
        ("weight_bits = '8'", "uniform weights take 2 to 8 bits, got '8'"),
        ("rules = 3", "a rule takes match, and activation, weight or scan_state"),
        ("[[rules]]\nmatch = 'x'", "rule 'x' says nothing; give it an activation, a weight or a scan_state"),
        (
            "[[rules]]\nmatch = 'x'\nactivation = 'int8'\ncolour = 1",
            "a rule takes match, and activation, weight or scan_state",
        ),
        ("[[rules]]\nmatch = 'x'\nscan_state = 'int8'", r"rule 'x': scan_state must be one of \('int32', 'int16'\)"),
        ("scan_state = 'int8'", r"recipe bad: scan_state must be one of \('int32', 'int16'\), got 'int8'"),
        (
            "activation = 'float32'\nscan_state = 'int16'",
            "states of a float32 recipe are float32; leave scan_state out",
        ),
        ("extends = 'float32'\nactivation = 'float32'\nweight = 'int4'", "weights of a float32 recipe are float32"),
        ("[[rules]]\nmatch = 'x'\nactivation = 'float32'", r"rule 'x': activation must be one of \('int8', 'int16'\)"),
        ("[[rules]]\nmatch = 1\nactivation = 'int8'", "a rule's match must be text, got 1"),
        ("activation = 'float32'\n[[rules]]\nmatch = 'x'\nactivation = 'int8'", "a float32 recipe takes no rules"),
        (b"\xff\xfe", "recipe .*bad.toml cannot be read"),
    ],
)
def test_a_file_with_a_mistake_is_refused(content: str | bytes, message: str, tmp_path: Path) -> None:
    """Each mistake is told with the value found and what would be right."""
    path = tmp_path / "bad.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=message):
        find_recipe(path)


def test_a_weight_must_be_a_codec() -> None:
    """In Python a file's name of one is refused when the recipe is made, not where the first layer is encoded."""
    with pytest.raises(ConfigError, match=r"recipe r: weight must be a codec, such as Palette\(\) .*, got 'int4'"):
        Recipe(name="r", weight="int4")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"rule '\*': weight must be a codec, such as Palette\(\) .*, got 4"):
        Rule(match="*", weight=4)  # type: ignore[arg-type]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """A slip of a letter is met with the recipe that was meant; a missing file is told as such."""
    with pytest.raises(ConfigError, match=r"unknown recipe 'int-8'; .*int8"):
        find_recipe("int-8")
    with pytest.raises(ConfigError, match=r"recipe nowhere.toml cannot be read: .*No such file"):
        find_recipe("nowhere.toml")
