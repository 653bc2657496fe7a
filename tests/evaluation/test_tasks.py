"""Tasks against models whose probabilities are known, by arithmetic on paper."""

import math
from typing import Any

import pytest

from assay.evaluation.reader import Reader
from assay.evaluation.results import by_group, scores
from assay.evaluation.task import Measured, Row
from assay.spec.registry import load
from tests.evaluation.known import uniform, unigram

BITS = math.log2(257)  # what a byte costs where all are equally likely


def measure(name: str, reader: Reader, *rows: dict[str, Any]) -> list[Measured]:
    task = load("evaluation_task", name)()
    return task.measure([task.read(Row(row, "here")) for row in rows], reader)


def pair(good: str, bad: str, paradigm: str = "") -> dict[str, Any]:
    return {"sentence_good": good, "sentence_bad": bad} | ({"paradigm": paradigm} if paradigm else {})


def test_where_all_bytes_are_alike_guesses_are_what_is_left() -> None:
    found = measure("minimal_pairs", uniform(), pair("same size", "size same"), pair("short", "long one"),
                    pair("long one", "short"))  # fmt: skip
    assert [item.values["accuracy"] for item in found] == [0.5, 1, 0]
    assert [item.values["bits_per_byte"] for item in found] == pytest.approx([BITS] * 3, rel=1e-6)
    four = {"query": "Q", "choices": ["ab", "cd", "ef", "ghi"]}
    found = measure("arc", uniform(), four | {"gold": 0}, four | {"gold": 3})
    # "ghi" costs 4 bytes with its space, the others 3; a byte of it 4/3, of the others 3/2.
    assert [list(item.values.values()) for item in found] == [
        pytest.approx([1 / 3, 0, BITS], rel=1e-6), pytest.approx([0, 1, BITS], rel=1e-6)
    ]  # fmt: skip
    assert scores(found)["accuracy"].guessing == 0.25


def test_choices_by_likelihood_and_by_likelihood_per_byte() -> None:
    """p(a) = 1/2, p(b) = 1/4, p(" ") = 1/8: " aaa" costs 6 bits, 2 a byte of "aaa"; " b" costs 5, 5 a byte of "b"."""
    reader = unigram({"a": 0.5, "b": 0.25, " ": 0.125})
    rows: dict[str, dict[str, Any]] = {
        "arc": {"query": "Q", "choices": ["aaa", "b"], "gold": 0},
        "hellaswag": {"ctx": "C", "endings": ["aaa", "b"], "label": "0"},
        "piqa": {"goal": "G", "sol1": "aaa", "sol2": "b", "label": 0},
    }
    for name, row in rows.items():
        assert measure(name, reader, row)[0].values == pytest.approx(
            {"accuracy": 0, "accuracy_per_byte": 1, "bits_per_byte": 6 / 4}, rel=1e-6
        )


def test_a_prompt_is_read_as_documented() -> None:
    """The reader is asked for exactly these texts."""

    class Asked:
        def continuations(self, queries: list[tuple[str, str]]) -> list[Any]:
            self.queries = [tuple(query) for query in queries]
            raise StopIteration

    def asked(name: str, row: dict[str, Any]) -> list[tuple[str, str]]:
        reader = Asked()
        with pytest.raises(StopIteration):
            measure(name, reader, row)  # type: ignore[arg-type]
        return reader.queries

    arc = {"query": "Question: Why?", "choices": ["x", "y"], "gold": 1}
    assert asked("arc", arc) == [("Question: Why?\nAnswer:", " x"), ("Question: Why?\nAnswer:", " y")]
    piqa = {"goal": "Cool it", "sol1": "x", "sol2": "y", "label": 1}
    assert asked("piqa", piqa)[0] == ("Question: Cool it\nAnswer:", " x")
    assert asked("hellaswag", {"ctx": "He", "endings": ["x", "y"], "label": 1})[1] == ("He", " y")
    assert asked("minimal_pairs", pair("Good.", "Bad.")) == [("", "Good."), ("", "Bad.")]
    assert asked("last_word", {"text": "and a  last\tword \n"}) == [("and a ", " last\tword")]


def test_last_words() -> None:
    found = measure("last_word", unigram({"a": 0.5, " ": 0.25}), {"text": "so aa"}, {"text": "so b"})
    assert found[0].values == pytest.approx({"accuracy": 0, "bits": 4}, rel=1e-6)  # " " is not the likeliest
    certain = unigram({" ": 0.5})
    assert measure("last_word", certain, {"text": "x   y"})[0].values["accuracy"] == 0


def test_groups_are_means_of_their_own() -> None:
    found = measure("minimal_pairs", uniform(), pair("aa", "bbb", "two"), pair("aaa", "bb", "two"),
                    pair("a", "bb", "one"))  # fmt: skip
    assert {name: part["accuracy"].value for name, part in by_group(found).items()} == {"one": 1, "two": 0.5}
    assert scores(found)["accuracy"].value == pytest.approx(2 / 3)
    assert by_group([item._replace(group="") for item in found]) == {}


def test_bits_per_byte_are_over_bytes_not_texts() -> None:
    reader = unigram({"a": 0.5, "b": 0.125})
    found = measure("bits_per_byte", reader, {"text": "aaaaaa", "domain": "x"}, {"text": "bb", "domain": "y"})
    assert scores(found)["bits_per_byte"].value == pytest.approx((6 * 1 + 2 * 3) / 8, rel=1e-6)
    assert {name: part["bits_per_byte"].value for name, part in by_group(found).items()} == (
        pytest.approx({"x": 1, "y": 3}, rel=1e-6)
    )


def test_samples_are_texts() -> None:
    found = measure("samples", unigram({"a": 1 - 1e-6}), {"prompt": "Aa"}, {"prompt": ""})
    assert [(item.values, set(item.text)) for item in found] == [({}, {"a"})] * 2
