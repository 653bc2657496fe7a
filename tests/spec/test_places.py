"""Where a key stands in a TOML file, so that a person finds it."""

from pathlib import Path

import pytest

from assay.spec.errors import UserError
from assay.spec.places import place
from assay.spec.recipe import Recipe

TEXT = """\
share = 1

[data]
filters = "gopher"   # share = 2
mixture = { prose = 1, web = 2 }
opening.share = 0.2
[data.closing]
"share" = 0.1
[data.closing.mixture]
prose = 1
web = 3

[[ladder]]
name = "a"
[[ladder]]
name = "b"

[change.data]
dedup = "minhash"
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("share", 1),
        ("data", 3),
        ("data.filters", 4),
        ("data.mixture", 5),
        ("data.mixture.web", 5),
        ("data.opening.share", 6),
        ("data.closing.share", 8),
        ("data.closing.mixture.web", 11),
        ("data.closing.mixture.poems", 9),
        ("ladder.0.name", 14),
        ("ladder.1.name", 16),
        ("data.dedup", 19),  # of a proposal
    ],
)
def test_a_key_s_line_whatever_table_it_stands_in(tmp_path: Path, key: str, line: int) -> None:
    (tmp_path / "a.toml").write_text(TEXT)
    assert place(tmp_path / "a.toml", key) == f"{tmp_path / 'a.toml'}, line {line}"


def test_a_json_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{\n  "mixture": {\n    "web": 1,\n    "books": 2\n  }\n}\n')
    assert place(tmp_path / "a.json", "the mixture.books") == f"{tmp_path / 'a.json'}, line 4"
    assert place(tmp_path / "a.json", "the mixture.poems") == str(tmp_path / "a.json")


def test_what_is_in_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TEXT)
    assert place(tmp_path / "a.toml", "model.mlp") == str(tmp_path / "a.toml")
    assert place(tmp_path / "b.toml", "share") == str(tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('filters = "gofer"', "line 2: key 'data.filters' should be 'none', 'gopher', 'c4', 'fineweb' or 'all'"),
        ("filter_limit = 0", "line 2: key 'data.filter_limit' should be greater than 0, but is 0"),
        ("filter_limit = 2", "line 2: key 'data.filter_limit' should be less than or equal to 1, but is 2"),
        ("filter_limit = nan", "line 2: key 'data.filter_limit' should be a finite number"),
        ("quality_share = 0", "line 2: key 'data.quality_share' should be greater than 0"),
        ('quality_model = "mine"', "line 2: key 'data.quality_model': 'mine' is no hash of a classifier"),
        ('dedup = "fuzzy"', "line 2: key 'data.dedup' should be 'exact', 'normalised', 'minhash'"),
        ("dedup_similarity = 1.5", "line 2: key 'data.dedup_similarity' should be less than or equal to 1"),
        ("mixture = { a = 1, b = -1 }", "line 2: key 'data.mixture': the weight of 'b' is negative (-1.0)"),
        ("mixture = { a = nan }", "line 2: key 'data.mixture.a' should be a finite number"),
        ("mixture = { a = 0 }", "line 2: key 'data.mixture': all weights are zero"),
        ("mixture = {}", "line 2: key 'data.mixture': the mixture is empty"),
        ("epoch_limit = -1", "line 2: key 'data.epoch_limit' should be greater than or equal to 0"),
        ("[data.epoch_limits]\na = 0", "line 3: key 'data.epoch_limits.a' should be greater than 0"),
        ('mixture_rule = "even"', "line 2: key 'data.mixture_rule': no mixture_rule is called 'even'; known are: size"),
        ("[data.closing]\n\nshare = 1.2", "line 4: key 'data.closing.share' should be less than or equal to 1"),
        ("mixtur = { a = 1 }", "line 2: unknown key 'data.mixtur'; remove it or correct its spelling"),
    ],
)
def test_odd_values_of_a_recipe_file(tmp_path: Path, data: str, expected: str) -> None:
    (tmp_path / "r.toml").write_text(f"[data]\n{data}\n")
    with pytest.raises(UserError) as caught:
        Recipe.from_toml(tmp_path / "r.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'r.toml'}, {expected}")
    assert "\n" not in str(caught.value)


def test_weights_need_not_add_up_to_one() -> None:
    recipe = Recipe.model_validate({"data": {"mixture": {"b": 3, "a": 1}}})
    assert recipe.data.mixture == {"a": 0.25, "b": 0.75}
