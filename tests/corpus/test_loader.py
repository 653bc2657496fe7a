"""Batches: pure in recipe, seed and state, independent of batch size and workers, in proportion, the right tokens."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.corpus.build import build_corpus
from assay.corpus.loader import Batch, Loader
from assay.corpus.sources import Source
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at

from .helpers import stream, write_folder

NAMES = ("code", "news", "talk")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three domains of different size in many small shards."""
    tmp = tmp_path_factory.mktemp("corpus")
    sources = [
        Source(name, str(write_folder(tmp / name, count, name)))
        for name, count in (("news", 30), ("code", 60), ("talk", 15))
    ]
    return tmp / "c" / build_corpus(tmp / "c", sources, shard_bytes=20_000).id


def loader(corpus: Path, change: dict[str, Any], seed: int = 0, steps: int = 1000, **options: Any) -> Loader:
    """A loader for a run of so many steps at full batch."""
    recipe = changed(Recipe(), {f"data.{key}": value for key, value in change.items()})
    scale = Scale(name="any", width=32, depth=1, flops=1e30)
    one_step = shape_at(recipe, scale, 257).flops_per_step
    shape = shape_at(recipe, scale.model_copy(update={"flops": (steps + 0.5) * one_step}), 257)
    return Loader(corpus, recipe.data, shape, seed, **options)


def take(loader: Loader, count: int) -> list[Batch]:
    return [loader.next() for _ in range(count)]


def same(one: Batch, other: Batch) -> bool:
    return (
        one.state == other.state
        and all(
            (a is b) or np.array_equal(a, b)  # type: ignore[arg-type]
            for a, b in zip(one[:4], other[:4], strict=True)
        )
    )


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**63), st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 300))
def test_windows_are_where_the_counter_says(corpus: Path, seed: int, step: int, batch: int, context: int) -> None:
    """Independently: sequence i reads two numbers at counter value i of Philox, and is a stretch of one stream."""
    change = {"mixture": {"code": 2.0, "news": 1.0}, "batch": batch, "context": context}
    weights = Recipe.model_validate({"data": change}).data.mixture
    assert weights is not None
    streams = [stream(corpus, name) for name in weights]
    state = {"step": step, "sequences": [step * batch, 0], "tokens": [step * batch * context, 0]}
    found = loader(corpus, change, seed, steps=step + 1, state=state).next()
    assert found.tokens.shape == found.targets.shape == (batch, context)
    assert found.tokens.dtype == found.targets.dtype == np.int64
    assert found.documents is None
    for row in range(batch):
        generator = np.random.Generator(np.random.Philox(key=seed, counter=step * batch + row))
        domain = int(generator.random() >= weights["code"])
        start = int(generator.random() * (len(streams[domain]) - context))
        assert found.domains[row] == domain
        window = streams[domain][start : start + context + 1]
        assert found.tokens[row].tolist() == window[:-1].tolist()
        assert found.targets[row].tolist() == window[1:].tolist()


CHANGES = st.fixed_dictionaries(
    {"batch": st.integers(2, 9), "packing": st.sampled_from(["stream", "best_fit"]), "document_mask": st.booleans()},
    optional={
        "mixture": st.just({"talk": 1.0, "news": 2.0}),
        "closing.share": st.sampled_from([0.25, 0.5]),
        "closing.mixture": st.just({"code": 1.0}),
        "reweight": st.sampled_from([0.5, 2.0]),
        "batch_warmup": st.sampled_from([0.3, 0.6]),
    },
)


def losses(batch: Batch, domains: tuple[str, ...]) -> dict[str, float]:
    """A loss of each domain in a batch, of no meaning, but of its tokens alone."""
    return {
        name: 1.0 + float(batch.tokens[batch.domains == number].mean() % 1)
        for number, name in enumerate(domains)
        if (batch.domains == number).any()
    }


@given(CHANGES, st.lists(st.integers(1, 3), min_size=1, max_size=5), st.integers(0, 19))
@settings(deadline=None, max_examples=25)
def test_resume_is_exact_with_any_number_of_workers(
    corpus: Path, change: dict[str, Any], worlds: list[int], at: int
) -> None:
    """From any batch's state, read back from JSON, the rows of all workers together are the lone worker's."""
    change = {"context": 32, **change}
    lone = loader(corpus, change, 11, 20)
    whole: list[Batch] = []
    state = None
    for _ in range(20):
        batch = lone.next()
        whole.append(batch._replace(state=lone.observe(losses(batch, lone.domains))))
    state = json.loads(json.dumps(whole[at - 1].state)) if at else None
    for world, expected in zip(worlds, whole[at:], strict=False):
        world = min(world, max(1, change["batch"] // 4) if "batch_warmup" in change else change["batch"])
        workers = [loader(corpus, change, 11, 20, state=state, rank=rank, world=world) for rank in range(world)]
        parts = [each.next() for each in workers]
        documents = [part.documents for part in parts if part.documents is not None]
        joined = Batch(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.targets for part in parts]),
            np.concatenate([part.domains for part in parts]),
            np.concatenate(documents) if documents else None,
            workers[0].observe(losses(expected, lone.domains)),
        )
        assert same(expected, joined)
        assert len({json.dumps(part.state) for part in parts}) == 1
        state = json.loads(json.dumps(joined.state))


def test_a_batch_belongs_to_its_caller(corpus: Path) -> None:
    one, other = loader(corpus, {}), loader(corpus, {})
    for _ in range(3):
        batch, expected = one.next(), other.next()
        assert same(batch, expected)
        batch.tokens[:] = 0
        batch.targets[:] = 0
        batch.domains[:] = 0
        batch.state["sequences"].clear()
        batch.state.clear()


@given(st.integers(1, 24), st.integers(1, 24))
@settings(deadline=None, max_examples=15)
def test_order_of_sequences_does_not_depend_on_batch_size(corpus: Path, one: int, other: int) -> None:
    def order(batch: int) -> np.ndarray:
        batches = take(loader(corpus, {"context": 16, "batch": batch}, 5), -(-100 // batch))
        return np.concatenate([each.tokens for each in batches])[:100]

    assert np.array_equal(order(one), order(other))


@given(st.integers(4, 20), st.floats(0.1, 0.9), st.sampled_from(["stream", "best_fit"]))
@settings(deadline=None, max_examples=15)
def test_batch_warmup_reads_the_same_sequences_in_smaller_batches(
    corpus: Path, batch: int, warmup: float, packing: str
) -> None:
    change = {"context": 16, "batch": batch, "packing": packing}
    plain, warm = loader(corpus, change, 5, 20), loader(corpus, change | {"batch_warmup": warmup}, 5, 20)
    rows = np.concatenate([each.tokens for each in take(plain, 20)])
    first = warm.next().tokens
    assert len(first) == batch // 4
    while len(first) < 20 * batch - batch:
        first = np.concatenate([first, warm.next().tokens])
    assert np.array_equal(rows[: len(first)], first[: len(rows)])


@pytest.mark.parametrize("packing", ["stream", "best_fit"])
def test_counts_are_of_the_targets_read(corpus: Path, packing: str) -> None:
    batches = loader(corpus, {"context": 200, "batch": 7, "packing": packing})
    tokens: dict[str, int] = dict.fromkeys(NAMES, 0)
    for batch in take(batches, 30):
        for domain, targets in zip(batch.domains, batch.targets, strict=True):
            tokens[NAMES[domain]] += int((targets != -100).sum())
    counts = batches.counts()
    assert {name: count.tokens for name, count in counts.items()} == tokens
    for name, count in counts.items():
        assert count.epochs == pytest.approx(tokens[name] / len(stream(corpus, name)))


def test_more_workers_than_sequences_are_refused(corpus: Path) -> None:
    with pytest.raises(UserError, match=r"a step of 2 sequences cannot be shared by 3 workers; make data.batch larger"):
        loader(corpus, {"batch": 8, "batch_warmup": 0.5}, world=3)
    loader(corpus, {"batch": 3}, world=3)


def test_seeds_differ(corpus: Path) -> None:
    first = {loader(corpus, {"context": 16, "batch": 8}, seed).next().tokens.tobytes() for seed in range(30)}
    assert len(first) == 30


def chance(drawn: np.ndarray, weights: dict[str, float], domains: tuple[str, ...]) -> float:
    """Probability of counts at least as far from the weights, given that they are right."""
    assert set(domains) >= {name for name, weight in weights.items() if weight}
    expected = np.array([weights.get(name, 0.0) for name in domains])
    counts = np.bincount(drawn, minlength=len(domains))
    assert not counts[expected == 0].any()
    used = expected > 0
    if used.sum() == 1:
        return 1.0
    return float(stats.chisquare(counts[used], (expected / expected.sum() * len(drawn))[used]).pvalue)


@pytest.mark.parametrize("mixture", [None, {"news": 0.2, "code": 0.5, "talk": 0.3}, {"talk": 3.0, "news": 1.0}])
def test_domains_come_in_proportion(corpus: Path, mixture: dict[str, float] | None) -> None:
    batches = loader(corpus, {"mixture": mixture, "context": 16, "batch": 1000}, 1)
    drawn = np.concatenate([batches.next().domains for _ in range(100)])
    weights = mixture or {name: float(len(stream(corpus, name))) for name in NAMES}
    assert chance(drawn, weights, batches.domains) > 1e-4


def test_stages_have_their_own_mixtures(corpus: Path) -> None:
    """Each is drawn from in its share of the sequences; domains of other stages are left alone."""
    mixtures = {"opening.mixture": {"talk": 1.0}, "mixture": {"news": 1.0, "code": 3.0},
                "closing.mixture": {"code": 1.0, "talk": 1.0}}  # fmt: skip
    batches = loader(
        corpus, {"opening.share": 0.1, "closing.share": 0.3, "context": 16, "batch": 1000, **mixtures}, 1, 50
    )
    drawn = np.concatenate([batch.domains for batch in take(batches, 50)])
    assert batches.domains == NAMES
    for mixture, (begin, end) in zip(mixtures.values(), pairwise((0, 5000, 35000, 50000)), strict=True):
        assert chance(drawn[begin:end], mixture, batches.domains) > 1e-4


def test_runs_that_differ_in_mixture_read_alike_where_they_can(corpus: Path) -> None:
    """Where both draw the same domain, they read the same place; a stage of another mixture changes nothing before."""
    sizes = {"context": 16, "batch": 50}
    plain = take(loader(corpus, {**sizes, "mixture": {"news": 0.5, "code": 0.5}}, 3, 40), 40)
    other = take(loader(corpus, {**sizes, "mixture": {"news": 0.4, "code": 0.6}}, 3, 40), 40)
    alike = [
        np.array_equal(a.tokens[row], b.tokens[row])
        for a, b in zip(plain, other, strict=True)
        for row in range(50)
        if a.domains[row] == b.domains[row]
    ]
    assert len(alike) > 1500
    assert all(alike)
    closing = {"closing.share": 0.25, "closing.mixture": {"news": 1.0}}
    annealed = take(loader(corpus, {**sizes, "mixture": {"news": 0.5, "code": 0.5}, **closing}, 3, 40), 40)
    assert [np.array_equal(a.tokens, b.tokens) for a, b in zip(plain, annealed, strict=True)][:30] == [True] * 30
    assert {annealed[-1].domains.max()} == {1}


def test_places_are_uniform_and_reach_both_ends(corpus: Path) -> None:
    text, context = stream(corpus, "talk"), 64
    every = {text[start : start + context].tobytes(): start for start in range(len(text) - context)}
    assert len(every) == len(text) - context  # so that a window tells its place
    batches = loader(corpus, {"mixture": {"talk": 1.0}, "context": context, "batch": 500}, 1)
    windows = (window for _ in range(400) for window in batches.next().tokens.astype("<u2"))
    starts = np.array([every[window.tobytes()] for window in windows])
    assert starts.min() == 0
    assert starts.max() == len(text) - context - 1
    counts = np.histogram(starts, bins=20, range=(0, len(text) - context))[0]
    assert stats.chisquare(counts).pvalue > 1e-4


def test_shortest_possible_domain(corpus: Path) -> None:
    length = len(stream(corpus, "talk"))
    batch = loader(corpus, {"mixture": {"talk": 1.0}, "context": length - 1, "batch": 2}).next()
    assert batch.tokens[1].tolist() == stream(corpus, "talk")[:-1].tolist()
    assert batch.targets[1].tolist() == stream(corpus, "talk")[1:].tolist()
    with pytest.raises(UserError, match=f"domain 'talk' has {length} training tokens, too few for data.context"):
        loader(corpus, {"mixture": {"talk": 1.0}, "context": length, "batch": 2})
    loader(corpus, {"mixture": {"talk": 0.0, "code": 1.0}, "context": length, "batch": 2})


@pytest.mark.parametrize("field", ["mixture", "opening.mixture", "closing.mixture"])
def test_unknown_domain_names_the_field_and_lists_the_known(corpus: Path, field: str) -> None:
    with pytest.raises(UserError, match=rf"^data\.{field} names domain 'prose', .* lacks; it has: code, news, talk"):
        loader(corpus, {field: {"prose": 1.0}})
