"""Proposals from files."""

import re
from pathlib import Path
from typing import Any

import pytest

from assay.researchers import human
from assay.researchers.admissible import admissible
from assay.researchers.human import read_proposal
from assay.spec.errors import UserError
from tests.researchers.views import view

GOOD = """
hypothesis = "Muon learns more from a step."

[change.optimiser]
name = "muon"

[change]
"data.mixture" = {code = 0.5, docs = 0.5}

[predicted]
effect = 2
low = -0.5
high = 5.0
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "idea.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_nested_and_dotted_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    text = GOOD.replace("[change.optimiser]\nname", '[change]\n"optimiser.name"').replace('\n[change]\n"data', '"data')
    dotted = read_proposal(write(tmp_path, text))
    nested = read_proposal(write(tmp_path, GOOD.replace('[change]\n"data.mixture"', "[change.data]\nmixture")))
    assert dotted == nested
    assert nested.change == {"optimiser.name": "muon", "data.mixture": {"code": 0.5, "docs": 0.5}}
    assert nested.author == "human:ada"
    assert nested.kind == "mixed"
    assert nested.citations == ()
    assert admissible(view(), nested) is None


def test_the_documented_example_is_true(tmp_path: Path) -> None:
    documented = re.search(r"For example::\n(.*)    Raises:", human.read_proposal.__doc__ or "", re.DOTALL)
    assert documented
    made = read_proposal(write(tmp_path, "\n".join(line[8:] for line in documented[1].splitlines())))
    assert made.change == {"optimiser.name": "muon", "optimiser.muon_lr": 0.02}
    assert made.author == "agent:my-research-agent"
    assert made.kind == "optimiser"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("hypothesis =", "cost = 3\nhypothesis =", "unknown key 'cost'"),
        ('hypothesis = "Muon learns more from a step."', "", "'hypothesis' is missing"),
        ('hypothesis = "Muon learns more from a step."', 'hypothesis = ""', "'hypothesis' should be a text"),
        ("effect = 2", "", "'predicted.effect' is missing"),
        ("effect = 2", 'effect = "big"', "'predicted.effect' should be a number"),
        ("effect = 2", "effect = 9", "low <= effect <= high"),
        ('name = "muon"', 'name = "sgd"', "no optimiser is called 'sgd'"),
        ('name = "muon"', 'nme = "muon"', "unknown key 'optimiser.nme'"),
        ('name = "muon"', "lr = true", "'optimiser.lr' should be a number"),
        ("hypothesis =", 'kind = "magic"\nhypothesis =', "'magic'"),
        ("hypothesis =", 'author = "ada"\nhypothesis =', "'human:NAME' or 'agent:NAME'"),
        ("hypothesis =", 'author = "strategy:tpe"\nhypothesis =', "'human:NAME' or 'agent:NAME'"),
        ("hypothesis =", "author = 3\nhypothesis =", "'human:NAME' or 'agent:NAME'"),
        ("{code = 0.5, docs = 0.5}", "{code = -0.5, docs = 0.5}", "negative"),
        ("{code = 0.5, docs = 0.5}", "{code = 0, docs = 0}", "zero"),
        ("[predicted]", "[predicted", "not valid TOML"),
        ("= 2", "= nan", "predicted.effect"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in GOOD
    path = write(
        tmp_path,
        GOOD.replace(old, new, 1).replace("[change]\n", "[change.data]\n").replace('"data.mixture"', "mixture"),
    )
    with pytest.raises(UserError) as caught:
        read_proposal(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert named in message
    assert "\n" not in message.replace(str(path), "") or "TOML" in message


@pytest.mark.parametrize(
    ("change", "named"), [("change = 3", "a table"), ("change = {}", "at least one entry"), ("", "missing")]
)
def test_a_change_is_needed(tmp_path: Path, change: str, named: str) -> None:
    text = f'hypothesis = "x"\nkind = "data"\n{change}\npredicted = {{effect = 0.0, low = -1.0, high = 1.0}}'
    with pytest.raises(UserError, match=f"'change'.*{named}"):
        read_proposal(write(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_proposal(tmp_path / "none.toml")


def test_default_author_is_who_is_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "grace")
    fields: dict[str, Any] = read_proposal(
        write(tmp_path, 'hypothesis = "x"\nchange = {data = {batch = 6}}\npredicted = {effect = 0, low = 0, high = 1}')
    ).model_dump()
    assert fields["author"] == "human:grace"
    assert fields["kind"] == "data"
