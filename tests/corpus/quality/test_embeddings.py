"""Classifiers of a model2vec model's embeddings, with the real package on a small model made here."""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from assay.corpus.quality.classifier import Classifier, open_scorer, read_classifier, write_classifier
from assay.corpus.quality.embeddings import MOST_CHARACTERS, Embeddings
from assay.corpus.quality.hashed_words import HASHED_WORDS
from assay.corpus.quality.make import from_good
from assay.corpus.quality.preferences import preferences
from assay.corpus.quality.sample import Drawn
from assay.corpus.texts import Texts
from assay.corpus.views.selection import steps_of
from assay.interfaces.cli import quality
from assay.spec.errors import UserError
from assay.spec.recipe import Data

GOOD, BAD, PLAIN = ("lemma", "theorem", "proof"), ("casino", "bonus", "click"), tuple(f"w{i}" for i in range(40))
WORDS = ("[UNK]", *GOOD, *BAD, *PLAIN)
WIDTH = 16


def vectors() -> np.ndarray:
    """Good words lie on one side and bad ones on the other, so that a word never seen says what its like said."""
    random = np.random.default_rng(0)
    found = random.normal(size=(len(WORDS), WIDTH)).astype(np.float32)
    found[1:4, 0] += 5
    found[4:7, 0] -= 5
    return found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    static = pytest.importorskip("model2vec", reason="the extra model2vec is not installed here").StaticModel
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    static(vectors(), tokenizer, max_length=8).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def drawn(seed: int, marked: tuple[str, ...], count: int = 60) -> list[Drawn]:
    random = np.random.default_rng(seed)
    return [
        Drawn(place, f"{marked[0]}-{place}", "d", " ".join([*random.choice(PLAIN, 20), *random.choice(marked, 2)]))
        for place in range(count)
    ]


def test_rows_are_unit_means_of_all_known_tokens(model: Path) -> None:
    """By hand: more tokens than the model's own limit of eight, unknown ones left out, nothing for no tokens."""
    texts = ["lemma " * 12 + "casino " * 3, "never heard of", "", "proof unheard\nproof click"]
    found = Embeddings(model).matrix(Texts.of(texts)).toarray()
    table = dict(zip(WORDS, vectors(), strict=True))
    for row, words in zip(found, (["lemma"] * 12 + ["casino"] * 3, [], [], ["proof", "proof", "click"]), strict=True):
        mean = np.mean([table[word] for word in words], axis=0) if words else np.zeros(WIDTH)
        np.testing.assert_allclose(row, mean / (np.linalg.norm(mean) or 1), atol=1e-6)


def test_only_the_beginning_of_a_long_text_counts(model: Path) -> None:
    begins = "lemma " * (MOST_CHARACTERS // 6 + 1)
    one, two = Embeddings(model).matrix(Texts.of([begins, begins + "casino " * 9])).toarray()
    np.testing.assert_array_equal(one, two)


def test_a_text_does_not_depend_on_its_neighbours(model: Path) -> None:
    texts = [document.text for document in drawn(0, GOOD, 9)] + ["lemma", ""]
    features = Embeddings(model)
    together = features.matrix(Texts.of(texts)).toarray()
    for row, text in zip(together, texts, strict=True):
        np.testing.assert_array_equal(features.matrix(Texts.of([text])).toarray()[0], row)


def test_what_embeddings_know_without_labels(model: Path, tmp_path: Path) -> None:
    """Trained on `lemma` against `casino`, it knows `theorem` from `bonus`, which no hashed word could."""
    classifier, told = from_good(drawn(1, ("lemma",)), drawn(2, ("casino",)), Embeddings(model))
    assert told.in_order > 0.99
    write_classifier(classifier, tmp_path / "made")
    again = open_scorer(tmp_path / "made")
    assert again.hash == classifier.hash
    good = again.scores(Texts.of([document.text for document in drawn(3, ("theorem", "proof"))]))
    bad = again.scores(Texts.of([document.text for document in drawn(4, ("bonus", "click"))]))
    assert (good[:, None] > bad[None, :]).mean() > 0.95
    sent = pickle.loads(pickle.dumps(again))  # as to another process
    assert sent.scores(Texts.of(["proof"])) == again.scores(Texts.of(["proof"]))
    hashed, _ = from_good(drawn(1, ("lemma",)), drawn(2, ("casino",)))
    assert hashed.hash != again.hash


def test_its_words_are_told(model: Path) -> None:
    classifier, _ = from_good(drawn(1, GOOD), drawn(2, BAD), Embeddings(model))
    found = preferences(classifier, [*drawn(5, GOOD, 30), *drawn(6, BAD, 30)])
    assert {gram.text for gram in found.preferred[:3]} == set(GOOD)
    assert {gram.text for gram in found.avoided[:3]} == set(BAD)


def test_the_effect_of_a_token_is_that_of_its_share(model: Path) -> None:
    """Against ranks themselves, where a little of a word is added to long texts of the usual length of mean."""
    features = Embeddings(model)
    weights = np.random.default_rng(1).normal(size=WIDTH)
    base = " ".join(np.random.default_rng(2).choice(PLAIN, 4000))
    batch = Texts.of([base, base + " lemma" * 40])
    grams = features.grams(batch, weights)
    ranks = features.matrix(batch) @ weights
    mean = np.asarray(grams.amounts.toarray())
    toward = (mean[1] - mean[0]) @ grams.effects
    # A mean that grows longer is brought back to length one, which takes off its part along the mean.
    unit = features.matrix(batch).toarray()[0]
    along = (mean[1] - mean[0]) @ (features._vectors() @ unit) / np.linalg.norm(mean[0] @ features._vectors())
    assert ranks[1] - ranks[0] == pytest.approx(toward - along * float(unit @ weights), rel=0.1)


def test_another_model_is_another_classifier(model: Path, tmp_path: Path) -> None:
    classifier, _ = from_good(drawn(1, GOOD), drawn(2, BAD), Embeddings(model))
    write_classifier(classifier, tmp_path / "made")
    path = tmp_path / "made" / "embeddings" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="do not belong together"):
        read_classifier(tmp_path / "made")
    path.unlink()
    with pytest.raises(UserError, match="no model2vec model"):
        read_classifier(tmp_path / "made")
    write_classifier(classifier, tmp_path / "made")
    assert read_classifier(tmp_path / "made").hash == classifier.hash
    plain, _ = from_good(drawn(1, GOOD), drawn(2, BAD))
    write_classifier(plain, tmp_path / "made")
    assert not (tmp_path / "made" / "embeddings").exists()


def test_what_is_no_model(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no such folder"):
        Embeddings(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no model2vec model"):
        Embeddings(tmp_path / "empty")
    (model / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="no model2vec model"):
        Embeddings(model)
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(UserError, match=r"pip install 'assay\[model2vec\]'"):
        Embeddings(model)


def test_a_recipe_may_select_by_it(model: Path, tmp_path: Path) -> None:
    """What a view is made of says that embeddings were seen, and thereby how long it takes; the hash says which."""
    seen = {}
    for name, features in (("embedded", Embeddings(model)), ("hashed", HASHED_WORDS)):
        classifier, _ = from_good(drawn(1, GOOD), drawn(2, BAD), features)
        write_classifier(classifier, tmp_path / name)
        data = Data.parse({"quality_model": classifier.hash, "quality_share": 0.5}, "data")
        (step,) = steps_of(data, tmp_path)
        seen[name] = step.parameters()
    assert seen["embedded"].pop("features") == "embeddings"
    assert seen["embedded"].keys() == seen["hashed"].keys()
    assert seen["embedded"] != seen["hashed"]


def test_from_the_command_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (("good", GOOD), ("rest", BAD)):
        lines = [f'{{"text": "{document.text}"}}\n' for document in drawn(len(name), words)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    made: dict[str, Any] = {"good": [tmp_path / "good.jsonl"], "rest": [tmp_path / "rest.jsonl"]}
    quality.train(into=tmp_path / "made", embeddings=model, **made)
    assert "model2vec embeddings, 16 numbers a text" in capsys.readouterr().out
    quality.report(tmp_path / "made", [tmp_path / "good.jsonl"], html=tmp_path / "page.html")
    assert "lemma" in capsys.readouterr().out
    assert "model2vec embeddings" in (tmp_path / "page.html").read_text()
    assert isinstance(open_scorer(tmp_path / "made"), Classifier)
