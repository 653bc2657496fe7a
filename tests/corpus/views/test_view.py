"""Views: what some steps leave of a corpus' training text trains as if a corpus had been built from it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.corpus.build import build_corpus
from assay.corpus.loader import Loader
from assay.corpus.manifest import open_corpus
from assay.corpus.sources import Source
from assay.corpus.steps.step import Batch, Judged, Step
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.corpus.views import view as views
from assay.corpus.views.view import make_view, view_cost, view_id
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe
from assay.spec.scale import Scale, shape_at

from ..helpers import rows, stream, write_jsonl
from ..steps.toy import ToyClean, ToyDedup

STEPS = (ToyClean(), ToyDedup())


class Nothing:
    """A step that removes every text."""

    name = "clean"
    rounds = 0

    def parameters(self) -> dict[str, Any]:
        return {"all": True}

    def apply(self, batch: Batch, plan: Any) -> Judged:  # noqa: ARG002
        return Judged(dict.fromkeys(range(len(batch)), "all"))

    def report(self, plan: Any) -> dict[str, Any]:  # noqa: ARG002
        return {}


def texts(domain: str) -> list[str]:
    """Some with spam, some with a word to respell, which makes a few alike."""
    made: list[str] = []
    for number in range(60):
        word = ("spam", "colour", "color", "größe")[number % 4]
        same = number - 1 if number % 8 == 2 else number  # the colour before, once respelt
        made.append(f"{domain} {same if word == 'color' else number} {word} " + "and so it goes on and on. " * 12)
    return made


@pytest.fixture(scope="module", params=["bytes", "bpe:300"])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("views")
    sources: list[Source] = []
    for name in ("news", "talk"):
        records = [{"text": text, "id": f"{name}{number}"} for number, text in enumerate(texts(name))]
        sources.append(Source(name, str(write_jsonl(tmp / f"{name}.jsonl", records))))
    return tmp / "c" / build_corpus(tmp / "c", sources, request.param, span_bytes=4000, shard_bytes=3000).id


def decoded(folder: Path, domain: str) -> list[str]:
    """Training texts in the order of the token stream."""
    manifest, tokenizer = open_corpus(folder), load_tokenizer(folder)
    tokens = stream(folder, domain)
    found: list[str] = []
    begin = 0
    for end in (tokens == manifest.end_of_text).nonzero()[0]:
        found.append(tokenizer.decode(tokens[begin:end]))
        begin = int(end) + 1
    assert begin == len(tokens)
    return found


def expected(texts: Sequence[str]) -> list[str]:
    """The toy steps by hand."""
    left = [text.replace("colour", "color") for text in texts if "spam" not in text]
    return list(dict.fromkeys(left))


def test_a_view_holds_what_the_steps_leave_in_the_order_of_the_corpus(corpus: Path) -> None:
    folder = make_view(corpus, STEPS)
    base, found = open_corpus(corpus), open_corpus(folder)
    before, after = 0, 0
    for domain in base.domains:
        whole = decoded(corpus, domain)
        assert decoded(folder, domain) == expected(whole)
        before, after = before + len(whole), after + len(expected(whole))
        train = found.domains[domain].train
        assert train.documents == len(expected(whole))
        assert train.bytes == sum(len(text.encode()) for text in expected(whole))
        assert train.tokens == len(stream(folder, domain))
    assert before > after
    cost = view_cost(folder)
    assert cost.removed.documents == before - after == sum(cost.rules.values())
    assert set(cost.rules) == {"spam", "exact"}
    assert cost.tokens == found.train_tokens()
    assert cost.left.tokens + cost.removed.tokens == sum(base.train_tokens().values())
    assert cost.cpu_seconds > 0


def test_held_out_text_and_tokenizer_stay_what_they_are(corpus: Path) -> None:
    folder = make_view(corpus, STEPS)
    for name in ("spans.jsonl", "tokenizer.json"):
        assert (corpus / name).exists() == (folder / name).exists()
        if (corpus / name).exists():
            assert (corpus / name).read_bytes() == (folder / name).read_bytes()
    base, found = open_corpus(corpus), open_corpus(folder)
    assert found.vault == base.vault
    assert {n: d.heldout for n, d in found.domains.items()} == {n: d.heldout for n, d in base.domains.items()}
    heldout = [row for row in rows(corpus) if row["split"] == "heldout"]
    assert [row for row in rows(folder) if row["split"] == "heldout"] == heldout


def test_the_table_says_where_each_document_s_tokens_are(corpus: Path) -> None:
    import hashlib

    import numpy as np

    folder, tokenizer = make_view(corpus, STEPS), load_tokenizer(corpus)
    kept = [row for row in rows(folder) if row["split"] == "train"]
    assert kept
    for row in kept:
        shard = np.fromfile(folder / row["shard"], "<u2")
        text = tokenizer.decode(shard[row["offset"] : row["offset"] + row["tokens"] - 1])
        assert hashlib.sha256(text.encode()).hexdigest() == row["hash"]
        assert len(text.encode()) == row["bytes"]


@pytest.mark.parametrize("packing", ["stream", "best_fit"])
def test_a_view_trains_like_a_corpus(corpus: Path, packing: str) -> None:
    recipe = Recipe.model_validate({"data": {"context": 16, "batch": 4, "packing": packing}})
    shape = shape_at(recipe, Scale(name="a", width=32, depth=1, flops=1e9), open_corpus(corpus).vocab)
    loader = Loader(make_view(corpus, STEPS), recipe.data, shape, seed=3)
    tokenizer = load_tokenizer(corpus)
    read = "".join(tokenizer.decode(row) for _ in range(40) for row in loader.next().tokens)
    assert "color" in read
    assert "spam" not in read
    assert "colour" not in read


def test_views_that_begin_alike_share_that_step(corpus: Path) -> None:
    made: list[str] = []

    class Watched(ToyClean):
        def apply(self, batch: Batch, plan: Any) -> Judged:
            made.append("clean")
            return super().apply(batch, plan)

        def parameters(self) -> dict[str, Any]:
            return {"spelling": "watched"}

    one = make_view(corpus, (Watched(),))
    assert made
    made.clear()
    other = make_view(corpus, (Watched(), ToyDedup()))
    assert make_view(corpus, (Watched(),)) == one
    assert made == []
    assert other != one
    assert view_cost(other).cpu_seconds > 0


def test_a_view_is_known_by_corpus_and_parameters(corpus: Path, tmp_path: Path) -> None:
    other = tmp_path / "another"
    assert len({view_id(folder, steps) for folder in (corpus, other) for steps in (STEPS, STEPS[:1], STEPS[1:])}) == 6


def test_nothing_half_made_is_taken_for_a_view(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: tuple[Step, ...] = (ToyDedup(), ToyClean())
    folder = corpus / "views" / view_id(corpus, steps)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(views, "_cost", killed)
        with pytest.raises(KeyboardInterrupt):
            make_view(corpus, steps)
    assert not folder.exists()
    make_view(corpus, steps)
    shard = next((folder / "train").iterdir())
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-2])  # damaged later on
    make_view(corpus, steps)
    assert shard.read_bytes() == whole
    assert [path.name for path in (corpus / "views").iterdir() if path.name.startswith(".")] == []


def test_a_domain_of_which_nothing_is_left(corpus: Path) -> None:
    with pytest.raises(UserError, match="domain 'news' would be left with 0 bytes of training text"):
        make_view(corpus, (Nothing(),))  # type: ignore[arg-type]
    assert not (corpus / "views" / view_id(corpus, (Nothing(),))).exists()  # type: ignore[arg-type]


def test_shards_of_the_corpus_change_nothing(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "news.jsonl", [{"text": text, "id": str(i)} for i, text in enumerate(texts("news"))])
    found: set[tuple[str, str, str]] = set()
    for size in (2_000, 5_000, 1 << 20):
        place = tmp_path / str(size)
        manifest = build_corpus(place, [Source("news", str(path))], span_bytes=1000, shard_bytes=size)
        folder = make_view(place / manifest.id, STEPS)
        found.add((folder.name, view_cost(folder).content, "".join(decoded(folder, "news"))))
    assert len(found) == 1


def test_accounts_of_steps_are_kept(corpus: Path) -> None:
    make_view(corpus, STEPS)
    accounts = [json.loads(path.read_text()) for path in (corpus / "annotations").glob("*/account.json")]
    assert {"clean", "dedup"} <= {account["step"] for account in accounts}
    for account in accounts:
        gone = sum(amount["documents"] for amount in account["removed"].values())
        assert account["in"]["documents"] - account["out"]["documents"] == gone
