"""Sampling: pure in (seed, step), independent of batch size, in the right proportions, the right tokens."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.corpus.build import build_corpus
from assay.corpus.loader import Batches
from assay.corpus.sources import Source
from assay.spec.errors import UserError

from .helpers import stream, write_folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three domains of different size in many small shards."""
    tmp = tmp_path_factory.mktemp("corpus")
    sources = [
        Source(name, str(write_folder(tmp / name, count, name)))
        for name, count in (("news", 30), ("code", 60), ("talk", 15))
    ]
    return tmp / "c" / build_corpus(tmp / "c", sources, shard_bytes=7_000).id


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**63), st.integers(0, 10**9), st.integers(1, 30), st.integers(1, 300))
def test_windows_are_stretches_of_one_stream(corpus: Path, seed: int, step: int, batch: int, context: int) -> None:
    batches = Batches(corpus, {"news": 1.0, "code": 2.0}, context, batch, seed)
    x, y = batches.batch_at(step)
    assert x.shape == y.shape == (batch, context)
    assert x.dtype == y.dtype == np.int64
    streams = {name: stream(corpus, name) for name in ("news", "code")}
    domain_B, start_B = batches.draw(step)
    for row, (domain, start) in enumerate(zip(domain_B, start_B, strict=True)):
        window = streams[batches.domains[domain]][start : start + context + 1]
        assert x[row].tolist() == window[:-1].tolist()
        assert y[row].tolist() == window[1:].tolist()


def test_resume_is_exact(corpus: Path) -> None:
    """A loader made anew at any step goes on as the first one would have, whatever was asked before."""
    whole = Batches(corpus, None, 32, 6, 11)
    expected = [whole.batch_at(step) for step in range(40)]
    for step in (39, 0, 17):
        x, y = Batches(corpus, None, 32, 6, 11).batch_at(step)
        assert np.array_equal(x, expected[step][0])
        assert np.array_equal(y, expected[step][1])
    x, _ = whole.batch_at(3)
    x[:] = 0  # what a caller does to a batch changes no later one
    assert np.array_equal(whole.batch_at(3)[0], expected[3][0])


@given(st.integers(1, 24), st.integers(1, 24))
@settings(deadline=None, max_examples=30)
def test_order_of_sequences_does_not_depend_on_batch_size(corpus: Path, one: int, other: int) -> None:
    def order(batch: int) -> np.ndarray:
        batches = Batches(corpus, None, 16, batch, 5)
        return np.concatenate([batches.batch_at(step)[0] for step in range(-(-100 // batch))])[:100]

    assert np.array_equal(order(one), order(other))


def test_seeds_differ(corpus: Path) -> None:
    first = {Batches(corpus, None, 16, 8, seed).batch_at(0)[0].tobytes() for seed in range(50)}
    assert len(first) == 50


@pytest.mark.parametrize("mixture", [None, {"news": 0.2, "code": 0.5, "talk": 0.3}, {"talk": 3.0, "news": 1.0}])
def test_domains_come_in_proportion(corpus: Path, mixture: dict[str, float] | None) -> None:
    batches = Batches(corpus, mixture, 16, 1000, 1)
    drawn = np.concatenate([batches.draw(step)[0] for step in range(100)])
    weights = mixture or {name: float(len(stream(corpus, name))) for name in ("news", "code", "talk")}
    assert set(batches.domains) == set(weights)
    expected = np.array([weights[name] for name in batches.domains])
    counts = np.bincount(drawn, minlength=len(expected))
    assert stats.chisquare(counts, expected / expected.sum() * len(drawn)).pvalue > 1e-4


def test_places_are_uniform_and_reach_both_ends(corpus: Path) -> None:
    length, context = len(stream(corpus, "talk")), 16
    batches = Batches(corpus, {"talk": 1.0}, context, 2000, 1)
    starts = np.concatenate([batches.draw(step)[1] for step in range(200)])
    assert starts.min() == 0
    assert starts.max() == length - context - 1
    counts = np.histogram(starts, bins=20, range=(0, length - context))[0]
    assert stats.chisquare(counts).pvalue > 1e-4


def test_shortest_possible_domain(corpus: Path) -> None:
    length = len(stream(corpus, "talk"))
    x, y = Batches(corpus, {"talk": 1.0}, length - 1, 2, 0).batch_at(0)
    assert x[1].tolist() == stream(corpus, "talk")[:-1].tolist()
    assert y[1].tolist() == stream(corpus, "talk")[1:].tolist()
    with pytest.raises(UserError, match=f"domain 'talk' has {length} training tokens, too few for data.context"):
        Batches(corpus, {"talk": 1.0}, length, 2, 0)
    Batches(corpus, {"talk": 0.0, "code": 1.0}, length, 2, 0)


def test_unknown_domain_lists_the_known(corpus: Path) -> None:
    with pytest.raises(UserError, match=r"names domain 'prose', which corpus .* lacks; it has: code, news, talk"):
        Batches(corpus, {"prose": 1.0}, 16, 2, 0)
