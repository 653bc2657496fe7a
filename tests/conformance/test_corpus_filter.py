"""What every filter of texts must do."""

import json
from typing import Any

import numpy as np
import pytest

from assay.corpus.filters.chain import edit, losses, measure
from assay.corpus.filters.filter import Filter
from assay.corpus.quality.classifier import Classifier, write_classifier
from assay.corpus.quality.hashed_words import BUCKETS
from assay.corpus.texts import Texts
from assay.spec.registry import load, names

NAMES = names("corpus_filter")
TEXTS = [
    "It was the best of times, it was the worst of times.\n\nWe had everything before us, and nothing.",
    "def f(x):\n    return {'a': x}  # TODO\n" * 40,
    "Home\nSign in\n3 likes\nREAD MORE\nAccept all cookies\nThis line is a sentence of its own, and it stays.\n",
    "「こんにちは」と彼は言った。今日は天気がいい。散歩に行こう！" * 20,
    "ذهب الولد إلى المدرسة في الصباح. قرأ الكتاب ثم عاد إلى البيت.\n" * 9,
    "Il était une fois un roi, et sa fille (voir p. 12) ne riait jamais… « Pourquoi ? »\n" * 5,
    "\n\n \t\n", "x", "_", "…", "\u2028\u0085\r\n\r", "👩‍👩‍👧 हिन्दी ١٢٣ \x00\x1f ½ ²", "a" * 5000, "word " * 3000,
    "Call me on +44 20 7946 0958 or write to someone@example.org.", "1 2 3\n4 5 6\n7 8 9\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Of the filters that need some: those that read files."""
    folder = tmp_path_factory.mktemp("filters")
    (folder / "words.txt").write_text("worst\nsigne in\nroi, et sa\n今日\n")
    weights = np.random.default_rng(0).normal(size=BUCKETS).astype(np.float32)
    write_classifier(
        Classifier(weights, np.zeros(1, np.float32), np.array([0, 1]), {"training": {}}), folder / "quality"
    )
    return {
        "listed_words": {"lists": {"any": str(folder / "words.txt")}},
        "quality": {"classifier": str(folder / "quality")},
        "personal_data": {"redact": ["email"], "remove": ["phone"]},
    }


@pytest.fixture(params=NAMES)
def one(request: pytest.FixtureRequest, options: dict[str, dict[str, Any]]) -> Filter:
    if request.param == "language":
        pytest.importorskip("py3langid", reason="py3langid is not installed here yet; run make")
    return load("corpus_filter", request.param).parse(options.get(request.param, {}), "options")


def switches(one: Filter, count: int, on: bool = True) -> dict[str, np.ndarray]:
    return {one.name: np.full((count, len(one.edits)), on)} if one.edits else {}


def observed(one: Filter, texts: list[str]) -> tuple[dict[str, np.ndarray], list[str], dict[int, Any]]:
    given, on = Texts.of(texts), switches(one, len(texts))
    changes = edit([one], given, on)
    return measure([one], given, on), [changes.texts.get(i, text) for i, text in enumerate(texts)], changes.rules


def test_it_is_a_filter_with_a_name_and_something_to_do(one: Filter) -> None:
    assert isinstance(one, Filter)
    assert one.name in NAMES
    assert one.rules or one.edits
    together = [rule.name for rule in one.rules] + [each.name for each in one.edits]
    assert len(set(together)) == len(together)


def test_options_survive_json(one: Filter) -> None:
    kind: Any = type(one)
    assert kind.parse(json.loads(one.model_dump_json()), "options") == one  # pyright: ignore[reportAttributeAccessIssue]


def test_every_rule_has_its_statistic_one_number_a_document(one: Filter) -> None:
    measured, _, _ = observed(one, TEXTS)
    assert {f"{one.name}.{rule.statistic}" for rule in one.rules} <= set(measured)
    for values in measured.values():
        assert values.shape == (len(TEXTS),)
        assert not np.isinf(values).any()


def test_what_it_finds_in_a_document_depends_on_that_document_alone(one: Filter) -> None:
    together = observed(one, TEXTS * 3)
    backwards = observed(one, TEXTS[::-1])
    for i, text in enumerate(TEXTS):
        measured, edited, rules = observed(one, [text])
        for name, values in measured.items():
            np.testing.assert_array_equal(values[0], together[0][name][i], err_msg=f"{name} of {text[:30]!r}")
            np.testing.assert_array_equal(values[0], together[0][name][i + len(TEXTS)])
            np.testing.assert_array_equal(values[0], backwards[0][name][len(TEXTS) - 1 - i])
        assert edited[0] == together[1][i] == backwards[1][len(TEXTS) - 1 - i]
        assert rules.get(0) == together[2].get(i)


def test_no_documents_and_slices_of_a_buffer_are_fine(one: Filter) -> None:
    assert all(len(values) == 0 for values in measure([one], Texts.of([]), switches(one, 0)).values())
    whole = Texts.of(TEXTS)
    part = Texts(whole.data, whole.offsets[2:6])
    for name, values in measure([one], part, switches(one, 3)).items():
        np.testing.assert_array_equal(values, measure([one], Texts.of(TEXTS[2:5]), switches(one, 3))[name])


def test_edits_do_nothing_where_they_are_off_and_say_which_changed_a_text(one: Filter) -> None:
    assert not edit([one], Texts.of(TEXTS), switches(one, len(TEXTS), on=False)).texts
    changes = edit([one], Texts.of(TEXTS), switches(one, len(TEXTS)))
    assert set(changes.rules) == set(changes.texts)
    known = {f"{one.name}.{each.name}" for each in one.edits}
    for i, rules in changes.rules.items():
        assert changes.texts[i] != TEXTS[i]
        assert rules
        assert set(rules) <= known


def test_losses_are_what_an_edit_takes_on_its_own(one: Filter) -> None:
    if not any(each.learned for each in one.edits):
        return
    lost = losses([one], Texts.of(TEXTS))[0][one.name]
    for column, each in enumerate(one.edits):
        if each.learned:
            on = {one.name: np.tile(np.arange(len(one.edits)) == column, (len(TEXTS), 1))}
            changes = edit([one], Texts.of(TEXTS), on)
            for i, text in enumerate(TEXTS):
                taken = len(text.encode()) - len(changes.texts.get(i, text).encode())
                # The break after the last line that stays goes with the lines after it.
                assert taken - 3 <= lost[i, column] <= taken + 3, (each.name, text[:30])
