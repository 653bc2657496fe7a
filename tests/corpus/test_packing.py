"""Best-fit packing: against a plain search through all rows, every token once, hardly any document cut."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.build import build_corpus
from assay.corpus.loader import Batch, Loader
from assay.corpus.packing import Packing, best_fit, pack, packing_of
from assay.corpus.sources import Source
from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at

from .helpers import stream, write_folder
from .test_real_corpora import CORPORA

END = 256


def first_search(lengths: list[int], context: int) -> list[int]:
    """Sizes of rows by best-fit decreasing, as its definition says: each piece looks at every row."""
    room: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [left for left in room if left >= length]
        if fitting:
            room[room.index(min(fitting))] -= length
        else:
            room.append(context - length)
    return sorted(context - left for left in room)


@given(st.integers(1, 40).flatmap(lambda c: st.tuples(st.just(c), st.lists(st.integers(1, c), max_size=80))))
@settings(deadline=None, max_examples=200)
def test_rows_are_those_of_a_search_through_all(case: tuple[int, list[int]]) -> None:
    context, lengths = case
    order, row = best_fit(np.array(lengths, dtype=np.int64), context)
    assert sorted(order.tolist()) == list(range(len(lengths)))
    sizes = Counter[int]()
    for piece, at in zip(order.tolist(), row.tolist(), strict=True):
        sizes[at] += lengths[piece]
    assert sorted(sizes.values()) == first_search(lengths, context)
    assert set(sizes) == set(range(len(sizes)))


documents = st.lists(st.integers(0, 70), min_size=1, max_size=30)


@given(st.lists(documents, min_size=1, max_size=3), st.integers(1, 40), st.booleans())
@settings(deadline=None, max_examples=100)
def test_pieces_are_the_documents_and_few_are_cut(domains: list[list[int]], context: int, open_end: bool) -> None:
    """Pieces of a domain make up its tokens, once each; a document is cut only if no context holds it."""
    rng = np.random.default_rng(0)
    texts = [np.concatenate([[*rng.integers(0, 256, size), END] for size in sizes]) for sizes in domains]
    if open_end:  # text that ends without an end of text, as in a corpus of another make
        texts[0] = np.append(texts[0], 7)
    shards = [[text[: len(text) // 2], text[len(text) // 2 :]] if len(text) > 1 else [text] for text in texts]
    packing = pack(shards, END, context)
    for number, parts in enumerate(shards):
        begin, end = packing.domains_D[number : number + 2]
        rows = packing.rows_R2[begin : end + 1]
        assert (np.diff(rows[:, 1]) <= context).all()
        pieces = packing.pieces_N3[rows[0, 0] : rows[-1, 0]]
        read = Counter((shard, at) for shard, start, length in pieces.tolist() for at in range(start, start + length))
        assert read == Counter((shard, at) for shard, part in enumerate(parts) for at in range(len(part)))
        cuts = [(s, start) for s, start, _ in pieces.tolist() if start and parts[s][start - 1] != END]
        expected = []
        for shard, part in enumerate(parts):
            lengths = [len(each) for each in np.split(part, np.flatnonzero(part == END) + 1)]
            expected += [shard for length in lengths for _ in range((length - 1) // context)]
        assert sorted(shard for shard, _ in cuts) == expected
    flat = packing.flat()
    assert all(np.array_equal(a, b) for a, b in zip(Packing.of_flat(flat), packing, strict=True))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains of documents of very different length, in several shards."""
    tmp = tmp_path_factory.mktemp("corpus")
    folders = [write_folder(tmp / name, count, name, words=words) for name, count, words in
               (("long", 12, 90), ("short", 80, 4))]  # fmt: skip
    return tmp / "c" / build_corpus(tmp / "c", [Source(f.name, str(f)) for f in folders], shard_bytes=8_000).id


def loader(corpus: Path, context: int, seed: int, change: dict[str, Any] | None = None) -> Loader:
    recipe = changed(Recipe(), {"data.packing": "best_fit", "data.context": context, "data.batch": 5, **(change or {})})
    shape = shape_at(recipe, Scale(name="any", width=32, depth=1, flops=1e12), 257)
    return Loader(corpus, recipe.data, shape, seed)


def epoch(batches: Loader, corpus: Path, domain: str) -> list[Batch]:
    """Batches until a domain, the only one drawn, has been read once."""
    found = [batches.next()]
    while batches.counts()[domain].tokens < len(stream(corpus, domain)):
        found.append(batches.next())
    return found


@pytest.mark.parametrize("domain", ["long", "short"])
def test_an_epoch_predicts_every_token_once_from_what_comes_before_it(corpus: Path, domain: str) -> None:
    text, context = stream(corpus, domain), 150
    batches = loader(corpus, context, 3, {"data.mixture": {domain: 1.0}, "data.document_mask": True})
    before = Counter(zip([END, *text[:-1].tolist()], text.tolist(), strict=True))
    rows: list[bytes] = []
    seen = Counter[tuple[int, int]]()
    for batch in epoch(batches, corpus, domain):
        assert batch.documents is not None
        for tokens, targets, numbers in zip(batch.tokens, batch.targets, batch.documents, strict=True):
            rows.append(targets.tobytes())
            real = targets != -100
            assert real[: real.sum()].all()  # padding comes last, and is a document of its own
            assert (tokens[~real] == END).all()
            assert set(numbers[real].tolist()).isdisjoint(numbers[~real].tolist())
            seen.update(zip(tokens[real].tolist(), targets[real].tolist(), strict=True))
            inside = numbers[1:] == numbers[:-1]
            assert (tokens[1:][inside & real[1:]] == targets[:-1][inside & real[1:]]).all()
            assert (np.diff(numbers) >= 0).all()
            # An end of text is the last target of its document.
            assert (numbers[1:][targets[:-1] == END] > numbers[:-1][targets[:-1] == END]).all()
    assert sum(seen.values()) - len(text) < 5 * context  # what of the last batch is of the next epoch
    assert not before - seen
    first = len(set(rows))
    assert first >= len(rows) - 5
    again = [targets.tobytes() for batch in epoch(batches, corpus, domain) for targets in batch.targets]
    assert rows != again  # in another order


def test_domains_are_not_mixed_in_a_row_and_order_does_not_depend_on_the_mixture(corpus: Path) -> None:
    both, alone = loader(corpus, 64, 9), loader(corpus, 64, 9, {"data.mixture": {"long": 1.0}})
    marks = {name: set(name.encode()) for name in ("long", "short")}  # documents say the name in every word
    read = []
    for _ in range(20):
        batch = both.next()
        for domain, targets in zip(batch.domains, batch.targets, strict=True):
            name = both.domains[domain]
            other = ({*marks} - {name}).pop()
            assert not (marks[other] - marks[name] - set(b" gr\xc3\xb6\xc3\x9fer-")) & set(targets.tolist())
            if name == "long":
                read.append(targets)
    expected = np.concatenate([alone.next().targets for _ in range(20)])[: len(read)]
    assert np.array_equal(np.array(read), expected)


def test_seeds_permute_rows(corpus: Path) -> None:
    assert not np.array_equal(loader(corpus, 64, 1).next().tokens, loader(corpus, 64, 2).next().tokens)


def test_the_packing_is_kept_beside_the_corpus_and_made_again_if_damaged(corpus: Path) -> None:
    path = corpus / "packed-48.npy"
    made = packing_of(corpus, 48)
    assert path.exists()
    kept = packing_of(corpus, 48)
    assert isinstance(kept.pieces_N3.base, np.ndarray)
    assert all(np.array_equal(a, b) for a, b in zip(made, kept, strict=True))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"nonsense", whole[:-16], whole[:128]):
        path.write_bytes(damaged)
        assert all(np.array_equal(a, b) for a, b in zip(made, packing_of(corpus, 48), strict=True))
        assert path.read_bytes() == whole
    assert not list(corpus.glob(".tmp-*"))


def test_where_the_file_cannot_be_written_rows_are_made_in_memory(corpus: Path) -> None:
    (corpus / "packed-52.npy").mkdir()
    packing = packing_of(corpus, 52)
    assert packing.rows_R2[-1, 1] == sum(len(stream(corpus, name)) for name in ("long", "short"))
    assert not list(corpus.glob(".tmp-*"))


def test_a_document_mask_of_windows_begins_documents_at_ends_of_text(corpus: Path) -> None:
    batch = loader(corpus, 200, 1, {"data.packing": "stream", "data.document_mask": True}).next()
    assert batch.documents is not None
    for tokens, numbers in zip(batch.tokens.tolist(), batch.documents.tolist(), strict=True):
        for at in range(1, len(tokens)):
            assert numbers[at] == numbers[at - 1] + (tokens[at] == END)


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"real corpora are missing: no folder {CORPORA}")
def test_real_documents_are_cut_far_less_than_by_concatenation(tmp_path: Path) -> None:
    """Questions and answers, mostly shorter than the context: windows cut about every one at the end of a row."""
    context = 2048
    manifest = build_corpus(tmp_path, [Source("qa", str(CORPORA / "qa.jsonl.zst"))])
    text = stream(tmp_path / manifest.id, "qa")
    ends = np.flatnonzero(text == END) + 1
    starts = np.concatenate([[0], ends[:-1]])
    long = (ends - starts) > context
    packing = packing_of(tmp_path / manifest.id, context)
    begun = {start: length for _, start, length in packing.pieces_N3.tolist()}
    cut = [begun[start] != end - start for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    assert cut == long.tolist()  # none but those that no context holds
    concatenated = starts // context != (ends - 1) // context
    assert sum(cut) < 0.5 * concatenated.sum()
    rows = len(packing.rows_R2) - 1
    assert rows < 1.01 * -(-len(text) // context)  # of the fewest rows that could hold the text
