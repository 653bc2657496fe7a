"""Near duplicates against brute force, planted copies, and methods that are broken on purpose."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.deduplication.bands import Banding
from assay.corpus.deduplication.near import NearDuplicates
from assay.corpus.deduplication.near_step import RemoveNearDuplicates
from assay.corpus.deduplication.planted import edited
from assay.corpus.texts import Texts

from .driver import run

VOCABULARY = [f"w{i}" for i in range(3000)]
#: Every value a band of its own: any two texts that share a few shingles are compared.
ALL = Banding(permutations=100, bands=100)


def runs(text: str, size: int) -> set[tuple[str, ...]]:
    words = text.lower().split()
    size = min(size, len(words))
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} if words else set()


def exact_jaccard(one: str, other: str, size: int = 5) -> float:
    a, b = runs(one, size), runs(other, size)
    return len(a & b) / len(a | b) if a | b else 0.0


def brute_force(texts: list[str], similarity: float, size: int) -> dict[int, float]:
    """Each text goes that is similar enough to an earlier one that stays; with its greatest similarity to one."""
    kept: list[int] = []
    gone: dict[int, float] = {}
    for number, text in enumerate(texts):
        best = max((exact_jaccard(texts[other], text, size) for other in kept), default=0.0)
        if best >= similarity and runs(text, size):
            gone[number] = best
        else:
            kept.append(number)
    return gone


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), max_size=9),
    st.sampled_from([0.4, 0.6, 0.8, 1.0]),
    st.integers(1, 3),
)
@settings(max_examples=100, deadline=None)
def test_what_goes_is_what_brute_force_says(drawn: list[list[int]], similarity: float, size: int) -> None:
    texts = [" ".join(f"w{word}" for word in words) for words in drawn]
    gone = NearDuplicates(similarity, size, ALL).of(Texts.of(texts)).gone
    expected = brute_force(texts, similarity, size)
    for number, (other, value) in gone.items():
        assert other not in gone
        assert value == pytest.approx(exact_jaccard(texts[other], texts[number], size))
        assert value >= similarity
    # Of many documents with one key not all pairs are compared; of three, or of equal ones, all that matter are.
    if len(texts) <= 3 or similarity == 1.0:
        assert {number: value for number, (_, value) in gone.items()} == pytest.approx(expected)


def planted(count: int, rates: tuple[float, ...], words: int, seed: int = 0) -> tuple[list[str], dict[int, float]]:
    """Random texts, then edited copies of them; the rate of edits by the copy's number."""
    draw, generator = random.Random(seed), np.random.default_rng(seed)
    texts = [" ".join(draw.choice(VOCABULARY) for _ in range(words)) for _ in range(count)]
    copies = [(rate, edited(text, rate, VOCABULARY, generator)) for rate in rates for text in texts]
    return [*texts, *(text for _, text in copies)], {count + i: rate for i, (rate, _) in enumerate(copies)}


def recalls(near: NearDuplicates, texts: list[str], rates: dict[int, float]) -> dict[float, float]:
    gone = near.of(Texts.of(texts)).gone
    found: dict[float, list[bool]] = {}
    for number, rate in rates.items():
        found.setdefault(rate, []).append(number in gone)
    return {rate: float(np.mean(hits)) for rate, hits in found.items()}


def test_recall_and_precision_on_planted_copies() -> None:
    texts, rates = planted(120, (0.0, 0.01, 0.03, 0.05), 300)
    near = NearDuplicates()
    found = recalls(near, texts, rates)
    assert found[0.0] == 1.0
    assert found[0.01] >= 0.99
    assert found[0.03] >= 0.80
    assert found[0.05] >= 0.35
    for number, (other, value) in near.of(Texts.of(texts)).gone.items():
        assert value == pytest.approx(exact_jaccard(texts[other], texts[number]))
        assert value >= near.similarity


def test_at_similarity_of_seven_tenths_only_such_pairs_go() -> None:
    texts, rates = planted(150, (0.02, 0.03, 0.05), 250, seed=1)
    gone = NearDuplicates(similarity=0.7).of(Texts.of(texts)).gone
    assert all(exact_jaccard(texts[number], texts[other]) >= 0.7 for number, (other, _) in gone.items())
    alike = [number for number in rates if exact_jaccard(texts[number], texts[number % 150]) >= 0.7]
    assert sum(number in gone for number in alike) / len(alike) >= 0.85


@pytest.mark.parametrize("broken", [Banding(permutations=8, bands=1), Banding(permutations=112, bands=1)])
def test_a_single_band_is_found_out(broken: Banding) -> None:
    texts, rates = planted(120, (0.0, 0.03), 300)
    found = recalls(NearDuplicates(banding=broken), texts, rates)
    assert found[0.0] == 1.0
    assert found[0.03] < 0.5


def test_chains_do_not_remove_what_is_unlike_the_kept_one(tmp_path: Path) -> None:
    words = VOCABULARY[:200]
    texts = [" ".join(VOCABULARY[1000 + 20 * i : 1000 + 40 * i] + words[20 * i :]) for i in range(6)]
    left, judged, report = run(RemoveNearDuplicates(NearDuplicates(0.6, 5, ALL)), texts, tmp_path)
    kept = [text for text in left if text]
    for number in judged.removed:
        assert max(exact_jaccard(text, texts[number]) for text in kept) >= 0.6
    found = report["minhash"]
    assert found["dropped"]["documents"] == len(judged.removed) > 0
    assert (found["clusters"], found["sizes"], found["kept"]) == (1, {"6": 1}, len(kept))


def test_the_same_for_any_batches(tmp_path: Path) -> None:
    texts, _ = planted(60, (0.0, 0.02, 0.05), 120)
    random.Random(3).shuffle(texts)
    texts[7:7] = ["", "...", "one two", "one two", "---", "One, two!", "", "---"]
    results = [run(RemoveNearDuplicates(), texts, tmp_path, batches) for batches in (1, 2, 7)]
    assert results[0] == results[1] == results[2]
    left, judged, report = results[0]
    assert (judged.removed[10], judged.details[10]) == ("exact", "duplicate of prose:9")
    assert (judged.removed[12], judged.details[12]) == ("minhash", "duplicate of prose:9, Jaccard 1.00")
    assert judged.removed[14] == "exact"  # no words, but the same bytes
    assert left[7:9] == ["", "..."]
    assert left[11] == "---"
    assert report["minhash"]["planted"]["precision"] == 1.0
    assert report["minhash"]["planted"]["edits"]["0.00"]["recall"] == 1.0
