"""Files of labels that outlive a kill, samples that depend on the text alone, and classifiers on disk."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.quality.classifier import FACTS, WEIGHTS, Classifier, best_share, read_classifier, write_classifier
from assay.corpus.quality.hashed_words import BUCKETS
from assay.corpus.quality.labels import EXCERPT, Excerpt, Label, LabelFile, excerpt_of, read_labels
from assay.corpus.quality.make import from_good, from_labels, in_order
from assay.corpus.quality.preferences import preferences
from assay.corpus.quality.reading import sample_text
from assay.corpus.quality.sample import Drawn
from assay.corpus.texts import Texts
from assay.spec.errors import UserError


def label(i: int, grade: int = 3, author: str = "human:ann", **fields: str) -> Label:
    return Label(**{"id": f"d{i}", "domain": "web", "text": f"text {i}", "grade": grade, "author": author, **fields})


def test_labels_outlive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    file = LabelFile(tmp_path / "labels.jsonl")
    for i in range(3):
        file.add(label(i, grade=i))
    with (tmp_path / "labels.jsonl").open("ab") as torn:
        torn.write(b'{"id": "d3", "text": "half a li')
    again = LabelFile(tmp_path / "labels.jsonl")
    assert [each.grade for each in again.labels] == [0, 1, 2]
    again.add(label(3))
    assert len(read_labels(tmp_path / "labels.jsonl")) == 4
    excerpts = [Excerpt(id=f"d{i}", domain="web", text=f"text {i}") for i in range(6)]
    assert [each.id for each in again.missing(excerpts, "human:ann")] == ["d4", "d5"]
    assert len(again.missing(excerpts, "human:bob")) == 6


def test_taking_back(tmp_path: Path) -> None:
    file = LabelFile(tmp_path / "labels.jsonl")
    for i in range(2):
        file.add(label(i))
    assert file.take_back() == label(1)
    file.add(label(1, grade=5))
    assert [each.grade for each in read_labels(tmp_path / "labels.jsonl")] == [3, 5]


@pytest.mark.parametrize(("line", "named"), [
    ('{"id": "a"}', "line 2: not a label"), ("nonsense", "line 2"),
    (label(1).model_dump_json().replace('"grade":3', '"grade":6'), "grade"),
    (label(1, rubric="0123456789ab").model_dump_json(), "another rubric"),
])  # fmt: skip
def test_bad_labels(tmp_path: Path, line: str, named: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(f"{label(0).model_dump_json()}\n{line}\n")
    with pytest.raises(UserError, match=named):
        read_labels(path)


@given(st.text(st.sampled_from("ab \n"), min_size=1, max_size=3 * EXCERPT))
def test_excerpts_are_short_parts_of_the_text(text: str) -> None:
    excerpt = excerpt_of(text)
    assert len(excerpt) <= EXCERPT + 5
    assert all(part in text for part in excerpt.split("\n[…]\n"))
    assert excerpt == text or len(text) > EXCERPT


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text, "id": f"{path.stem}-{text[:12]}"}) + "\n" for text in texts))
    return path


def test_a_sample_does_not_depend_on_order_or_size(tmp_path: Path) -> None:
    texts = [f"document number {i} of some length" for i in range(300)]
    (tmp_path / "other").mkdir()
    one = sample_text([write(tmp_path / "web.jsonl", texts)], 20)
    two = sample_text([write(tmp_path / "other" / "web.jsonl", random.Random(1).sample(texts, 300))], 40)
    assert one.seen == {"web": 300}
    assert [each.text for each in two.documents][:20] == [each.text for each in one.documents]
    assert sample_text([tmp_path / "web.jsonl"], 20, seed=1).documents[0].text != one.documents[0].text


def words(seed: int, n: int, own: str) -> list[Drawn]:
    draw = random.Random(seed)
    return [
        Drawn(
            i, f"{own}{i}", own, " ".join(draw.choices([f"w{k}" for k in range(80)], k=40) + [own] * draw.randint(1, 4))
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return from_good(words(0, 60, "lemma"), words(1, 60, "casino"))[0]


def test_trusted_text_against_the_rest(classifier: Classifier) -> None:
    fresh = Texts.of([each.text for each in words(5, 50, "lemma") + words(6, 50, "casino")])
    scores = classifier.scores(fresh)
    assert ((scores > 0.5) == (np.arange(100) < 50)).mean() > 0.95
    shown = preferences(classifier, words(5, 50, "lemma") + words(6, 50, "casino"))
    assert shown.preferred[0].text == "lemma"
    assert shown.avoided[0].text == "casino"
    by_domain = {each.domain: each for each in shown.domains}
    assert by_domain["lemma"].mean > by_domain["casino"].mean
    assert by_domain["lemma"].kept > 0.9
    for each in shown.domains:
        assert [sample.score for sample in each.samples] == sorted(sample.score for sample in each.samples)


def test_classifier_on_disk(classifier: Classifier, tmp_path: Path) -> None:
    write_classifier(classifier, tmp_path / "quality")
    again = read_classifier(tmp_path / "quality")
    batch = Texts.of([each.text for each in words(5, 5, "lemma")])
    np.testing.assert_array_equal(again.scores(batch), classifier.scores(batch))
    assert again.hash == classifier.hash
    assert {path.name for path in (tmp_path / "quality").iterdir()} == {WEIGHTS, FACTS}


def test_damaged_classifiers(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no classifier"):
        read_classifier(tmp_path)
    write_classifier(classifier, tmp_path)
    content = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(content[:-100])
    with pytest.raises(UserError, match="damaged"):
        read_classifier(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(content[:-4] + b"\0\0\0\1")
    with pytest.raises(UserError, match="do not belong together"):
        read_classifier(tmp_path)


def test_the_mean_of_several_authors_counts() -> None:
    texts = [each.text for each in words(0, 30, "lemma") + words(1, 30, "casino")]
    labels = [
        label(i, grade=grade, author=author, text=text)
        for i, text in enumerate(texts)
        for author, grade in (("human:a", 5 if i < 30 else 1), ("human:b", 3 if i < 30 else 1))
    ]
    classifier, told = from_labels(labels)
    assert told.grades == {"1": 30, "4": 30}
    assert told.authors == {"human:a": 60, "human:b": 60}
    assert classifier.levels.tolist() == [1, 4]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=20), st.floats(0.01, 1))
def test_the_best_share(documents: list[tuple[int, int]], share: float) -> None:
    """One by one from the best, earlier ones first, until there is enough."""
    scores, sizes = np.array([s for s, _ in documents], float), np.array([n for _, n in documents])
    kept, total = set(), 0
    for place in sorted(range(len(documents)), key=lambda i: (-scores[i], i)):
        if total >= share * sizes.sum():
            break
        kept.add(place)
        total += sizes[place]
    assert set(np.flatnonzero(best_share(scores, sizes, share)).tolist()) == kept


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=2, max_size=25))
def test_pairs_in_order(both: list[tuple[int, int]]) -> None:
    pairs = [(a, b) for a in both for b in both if a[1] < b[1]]
    if pairs:
        right = sum(1.0 if a[0] < b[0] else 0.5 * (a[0] == b[0]) for a, b in pairs) / len(pairs)
        assert in_order(*map(np.array, zip(*both, strict=True))) == pytest.approx(right)


def test_weights_are_of_all_buckets(classifier: Classifier) -> None:
    assert classifier.weights.shape == (BUCKETS,)
    assert classifier.weights.dtype == np.float32
