"""From a lab's newest text to the corpus that it trains on, and to another lab once it has trained."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from assay.corpus.manifest import open_corpus
from assay.spec.lab import LabConfig

from .helpers import assay


def facts(*words: object) -> dict[str, Any]:
    done = assay(*words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text of a domain beyond the lab's own, one document of it a copy."""
    folder = tmp_path_factory.mktemp("text") / "tales"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.txt").write_text(f"Tale {number % 29}: once upon a time, {number % 29} kings. " * 30)
    return folder


@pytest.fixture
def with_text(lab: Path, source: Path) -> Path:
    """A lab with the text that its corpus was built from, and tales."""
    assert assay("corpus", "add", lab, f"tales={source}").code == 0
    return lab


def test_the_lab_trains_on_what_it_tokenised(with_text: Path) -> None:
    found = facts("corpus", "tokenize", with_text, "--tokenizer", "bpe:300")
    assert found["step"] == "tokenize"
    assert found["in"]["documents"] == 50
    assert found["removed"]["exact_duplicate"]["documents"] == 1
    for key in ("documents", "bytes"):
        assert found["out"][key] == found["in"][key] - found["removed"]["exact_duplicate"][key]
        assert sum(domain["out"][key] for domain in found["domains"].values()) == found["out"][key]
    config = LabConfig.from_toml(with_text / "lab.toml")
    assert config.corpus.id == found["corpus"]
    assert config.corpus.score_weights == {"prose": 1.0, "tales": 1.0, "verse": 1.0}
    manifest = open_corpus(with_text / "corpora" / found["corpus"])
    assert manifest.train_tokens() == found["tokens"]
    assert all(fit["changed"] == 0 for fit in found["fit"].values())
    tales = found["fit"]["tales"]
    train = manifest.domains["tales"].train
    assert tales["bytes_per_token"] == pytest.approx(train.bytes / (train.tokens - train.documents), abs=1e-4)
    assert assay("run", with_text, "--budget", "2runs").code == 0
    assert assay("ledger", "verify", with_text).code == 0
    assert found["corpus"] in assay("log", with_text).out


def test_the_same_text_gives_the_corpus_of_init(with_text: Path, material: Path, source: Path, tmp_path: Path) -> None:
    words = [word for name, path in (("prose", material / "prose"), ("verse", material / "verse"), ("tales", source))
             for word in ("--corpus", f"{name}={path}")]  # fmt: skip
    made = facts("init", tmp_path / "direct", *words, "--tokenizer", "bpe:300", "--ladder", material / "ladder.toml")
    assert facts("corpus", "tokenize", with_text, "--tokenizer", "bpe:300")["corpus"] == made["corpus"]


def test_added_documents_alone_are_encoded(with_text: Path, tmp_path: Path) -> None:
    first = facts("corpus", "tokenize", with_text, "--tokenizer", "bpe:300")
    again = facts("corpus", "tokenize", with_text)
    assert (again["corpus"], again["encoded"]["documents"]) == (first["corpus"], 0)
    (tmp_path / "more.jsonl").write_text("".join(json.dumps({"text": f"More {n}. " * 200}) + "\n" for n in range(20)))
    assert assay("corpus", "add", with_text, f"more={tmp_path / 'more.jsonl'}").code == 0
    grown = facts("corpus", "tokenize", with_text)
    assert grown["vocab"] == first["vocab"]
    assert 0 < grown["encoded"]["documents"] <= 20
    assert grown["encoded"]["documents"] + grown["copied"]["documents"] == sum(
        domain.train.documents for domain in open_corpus(with_text / "corpora" / grown["corpus"]).domains.values()
    )


def test_a_lab_that_has_trained_keeps_its_corpus(used: Path, source: Path, material: Path, tmp_path: Path) -> None:
    lab = tmp_path / "used"
    shutil.copytree(used, lab)
    before = LabConfig.from_toml(lab / "lab.toml").corpus
    assert assay("corpus", "add", lab, f"tales={source}").code == 0
    done = assay("corpus", "tokenize", lab, "--tokenizer", "bpe:300")
    assert done.code == 0, done.err
    assert f"assay init NEW --corpus-from {lab}" in done.out
    assert LabConfig.from_toml(lab / "lab.toml").corpus == before
    new = tmp_path / "new"
    words = ("--tokenizer", "bpe:300", "--ladder", material / "ladder.toml")
    made = facts("init", new, "--corpus-from", lab, *words)
    assert (lab / "corpora" / made["corpus"]).is_dir()
    assert set(made["domains"]) == {"prose", "tales", "verse"}
    assert facts("corpus", "tokenize", new)["encoded"]["documents"] == 0
    done = assay("init", tmp_path / "no", "--corpus-from", lab, "--corpus", "a=b")
    assert (done.code, "cannot go together" in done.err) == (2, True)


def test_what_cannot_be_tokenised(lab: Path, source: Path) -> None:
    shutil.rmtree(lab / "text")
    done = assay("corpus", "tokenize", lab)
    assert done.code == 2
    assert "no text here yet" in done.err
    assert assay("corpus", "add", lab, f"tales={source}").code == 0
    before = (lab / "lab.toml").read_text()
    done = assay("corpus", "tokenize", lab, "--tokenizer", "bpe:5")
    assert (done.code, "from 257 to 65536" in done.err) == (2, True)
    assert (lab / "lab.toml").read_text() == before


def test_a_tokenizer_that_loses_text_is_refused(with_text: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    lossy = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    lossy.normalizer = normalizers.Lowercase()
    lossy.pre_tokenizer = pre_tokenizers.Whitespace()
    lossy.train_from_iterator(["a few words"], trainers.WordPieceTrainer(special_tokens=["[UNK]"]))
    lossy.save(str(tmp_path / "tokenizer.json"))
    done = assay("corpus", "tokenize", with_text, "--tokenizer", tmp_path / "tokenizer.json")
    assert done.code == 2
    assert "this tokenizer loses text" in done.err.splitlines()[-1]


def test_train_and_compare(source: Path, tmp_path: Path) -> None:
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    trained = facts("tokenizer", "train", small, source, "--vocab", "270")
    assert (trained["vocab"], trained["documents"]) == (270, 30)
    assert facts("tokenizer", "train", large, source, "--vocab", "280")["vocab"] == 280
    found = facts("tokenizer", "compare", small, large, "--on", f"tales={source}")
    # The larger goes on where the smaller ends: 256 bytes and the first merges are the same.
    assert found["overlap"] == {"shared": 269, "only_first": 0, "only_second": 10, "jaccard": round(269 / 279, 4)}
    both = found["on"]["tales"]
    assert both["first"]["bytes_per_token"] < both["second"]["bytes_per_token"]
    assert both["first"]["changed"] == both["second"]["changed"] == 0
    assert both["first"]["words"] == sum(len(path.read_text().split()) for path in source.iterdir())
    assert facts("tokenizer", "compare", "bytes", small)["overlap"]["shared"] == 256
    done = assay("tokenizer", "compare", "bytes", "bpe:300")
    assert (done.code, "not trained yet" in done.err) == (2, True)
    done = assay("tokenizer", "train", tmp_path / "t.json", source, "--vocab", "10")
    assert done.err.splitlines()[-1].startswith("assay: --vocab 10: give a number of tokens from 257 to 65536")


def test_compare_tries_the_text_of_a_lab(lab: Path) -> None:
    """Bytes on bytes: a token a byte, of all that the corpus trains on, since it is less than a megabyte."""
    found = facts("tokenizer", "compare", "bytes", lab)["on"]
    domains = open_corpus(lab / "corpora" / LabConfig.from_toml(lab / "lab.toml").corpus.id).domains
    assert set(found) == set(domains)
    for name, domain in domains.items():
        for which in ("first", "second"):
            assert found[name][which]["bytes"] == found[name][which]["tokens"] == domain.train.bytes
            assert found[name][which]["documents"] == domain.train.documents
