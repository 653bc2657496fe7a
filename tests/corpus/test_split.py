"""The split: by source file, the same whatever the order, with both sides in every domain."""

import math
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.build import build_corpus
from assay.corpus.ingest.add import Intake, add
from assay.corpus.quality.reading import sample_text
from assay.corpus.sources import Source
from assay.corpus.split import choose_heldout, draw
from assay.spec.errors import UserError

from .helpers import rows, write_jsonl


def _draws(groups: set[str]) -> np.ndarray:
    return np.array([draw(group) for group in groups], dtype=np.int64)


@given(st.dictionaries(st.text("abc", min_size=1), st.sets(st.text(), min_size=2, max_size=60), min_size=1, max_size=4))
def test_every_domain_keeps_both_sides(domains: dict[str, set[str]]) -> None:
    drawn = {name: _draws(groups) for name, groups in domains.items()}
    try:
        heldout = set(choose_heldout(drawn).tolist())
    except UserError:
        # Only domains that share groups can be impossible to divide.
        assert sum(map(len, domains.values())) > len(set.union(*domains.values()))
        return
    for draws in drawn.values():
        assert 0 < len(heldout & set(draws.tolist())) < len(draws)


@given(st.sets(st.text(), min_size=2, max_size=80), st.randoms(use_true_random=False))
def test_order_decides_nothing(groups: set[str], shuffler: random.Random) -> None:
    one, other = sorted(groups), sorted(groups)
    shuffler.shuffle(other)
    a = choose_heldout({"x": np.array([draw(g) for g in one], dtype=np.int64)})
    b = choose_heldout({"x": np.array([draw(g) for g in other], dtype=np.int64)})
    assert a.tolist() == b.tolist()


def test_five_per_cent_of_many_groups() -> None:
    count = 40_000
    share = len(choose_heldout({"x": _draws({f"id:{n}" for n in range(count)})})) / count
    assert abs(share - 0.05) < 4 * math.sqrt(0.05 * 0.95 / count)


def test_adding_documents_moves_no_other(tmp_path: Path) -> None:
    """What is held out stays held out when a corpus grows, so that no later corpus trains on it."""

    def sides(count: int) -> dict[str, str]:
        records = [{"id": f"doc{n}", "text": f"text {n} " * 40} for n in range(count)]
        source = Source("x", str(write_jsonl(tmp_path / f"{count}.jsonl", records)))
        folder = tmp_path / "c" / build_corpus(tmp_path / "c", [source]).id
        return {row["id"]: row["split"] for row in rows(folder)}

    small, large = sides(300), sides(600)
    assert len(large) == 600
    assert small == {key: large[key] for key in small}


def test_a_domain_of_one_document_is_drawn_from(tmp_path: Path) -> None:
    """Whoever grades text or weighs a classifier sees it, since it holds nothing that a campaign could be judged by."""
    sources = []
    for domain, count in (("web", 30), ("alone", 1)):
        records = [{"id": f"{domain}{n}", "text": f"{domain} says {n}"} for n in range(count)]
        sources.append(Source(domain, str(write_jsonl(tmp_path / f"{domain}.jsonl", records))))
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "lab.toml").write_text("")
    add(tmp_path / "lab", Intake(tuple(sources)))
    drawn = {each.text for each in sample_text([tmp_path / "lab"], 100).documents}
    judging = choose_heldout({"web": _draws({f"id:web{n}" for n in range(30)})})
    assert len(judging)
    assert "alone says 0" in drawn
    seen = {draw(f"id:web{n}") for n in range(30) if f"web says {n}" in drawn}
    assert seen
    assert not seen & set(judging.tolist())


def test_impossible_split_is_refused() -> None:
    a, b, c = 1 << 40, 1 << 62, (1 << 62) + 1
    pairs = {"x": [a, b], "y": [b, c], "z": [a, c]}  # two colours cannot tell three neighbours apart
    with pytest.raises(UserError, match="cannot be divided"):
        choose_heldout({name: np.array(draws, dtype=np.int64) for name, draws in pairs.items()})


records = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3), st.text("xyz ü", min_size=1, max_size=5)),
    min_size=4,
    max_size=40,
)


@settings(max_examples=12, deadline=None)
@given(records, st.randoms(use_true_random=False))
def test_parts_of_a_document_stay_together_in_any_order(
    parts: list[tuple[str, int, str]], shuffler: random.Random
) -> None:
    """Two domains share documents; text repeats; the order of records must not matter."""
    base = [{"id": f"r:{base}#{part}", "text": f"t{text}" * 400} for base, part, text in parts]
    rest = [{"id": f"s:{n}", "text": f"rest {n} " * 200} for n in range(12)]
    with tempfile.TemporaryDirectory() as name:
        tmp = Path(name)
        built = []
        for turn in range(2):
            folder = tmp / f"turn{turn}"
            folder.mkdir()
            one, other = base[::2] + rest[:6], base[1::2] + rest[6:]
            if turn:
                shuffler.shuffle(one)
                shuffler.shuffle(other)
            sources = [
                Source("one", str(write_jsonl(folder / "one.jsonl", one))),
                Source("other", str(write_jsonl(folder / "other.jsonl", other))),
            ]
            manifest = build_corpus(folder / "c", sources if turn else sources[::-1])
            built.append((manifest, rows(folder / "c" / manifest.id)))
        (first, table), (second, again) = built
        assert first == second
        key = ("id", "domain", "split", "hash", "offset")
        assert [[row[k] for k in key] for row in table] == [[row[k] for k in key] for row in again]
        sides: dict[str, set[str]] = {}
        for row in table:
            sides.setdefault(row["id"].partition("#")[0], set()).add(row["split"])
        assert all(len(side) == 1 for side in sides.values())
        texts = {record["text"] for record in base + rest}
        assert len(table) == len({row["hash"] for row in table}) == len(texts)
        assert first.dropped_duplicates == len(base + rest) - len(texts)
