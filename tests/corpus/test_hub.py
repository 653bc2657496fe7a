"""Data sets of the Hugging Face Hub: with the extra missing, with a stand-in for it, and with the real one."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.corpus.documents import Source
from assay.corpus.editions.edition import newest_edition
from assay.corpus.ingest import add as module
from assay.corpus.ingest.add import Intake, add
from assay.corpus.sources import read_source
from assay.spec.errors import UserError


def _install(monkeypatch: pytest.MonkeyPatch, rows: Any) -> None:
    """A stand-in with one configuration and one split, whose rows are what `rows()` gives."""
    stream = type("Stream", (), {"__iter__": lambda _: rows()})()
    builder = SimpleNamespace(
        as_streaming_dataset=lambda: {"train": stream},
        config=SimpleNamespace(data_files=None),
        info=SimpleNamespace(splits=None),
    )
    library: Any = ModuleType("datasets")
    library.get_dataset_config_names = lambda _name: ["default"]
    library.get_dataset_default_config_name = lambda _name: "default"
    library.load_dataset_builder = lambda _name, _config: builder
    monkeypatch.setitem(sys.modules, "datasets", library)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'assay\[datasets\]'"):
        list(read_source(Source("x", "hf:org/name")))
    with pytest.raises(UserError, match="hf:ORG/NAME"):
        list(read_source(Source("x", "hf:")))


def test_rows_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second row is asked for only after the first was handed over: nothing is downloaded ahead."""
    asked = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(3):
            asked.append(number)
            yield {"text": f"text {number}", "license": "MIT", "other": 1}

    _install(monkeypatch, rows)
    documents = read_source(Source("x", "hf:org/name"))
    first = next(documents)
    assert asked == [0]
    assert (first.text, first.id, first.source, first.licence) == ("text 0", "org/name:1", "hf:org/name", "MIT")
    assert len(list(documents)) == 2


def test_row_without_text_and_failing_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, lambda: iter([{"text": "x"}, {"text": None}]))
    with pytest.raises(UserError, match="hf:org/name, row 2: the record has null as its 'text'"):
        list(read_source(Source("x", "hf:org/name")))

    def lost() -> Iterator[dict[str, Any]]:
        yield {"text": "x"}
        raise ConnectionError("Couldn't reach the Hub\nmany more lines")

    _install(monkeypatch, lost)
    with pytest.raises(UserError, match=r"cannot be read after row 1 \(Couldn't reach the Hub\)") as caught:
        list(read_source(Source("x", "hf:org/name")))
    assert "\n" not in str(caught.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data sets in the layout of the Hub, read by the real library: `two` has two configurations, `lines` has none."""
    library = pytest.importorskip("datasets", reason="needs the extra: pip install 'assay[datasets]'")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    head = "---\nconfigs:\n"
    for config, splits in {"en": ("train", "test"), "fr": ("train", "validation")}.items():
        (tmp_path / "two" / config).mkdir(parents=True)
        head += f"- config_name: {config}\n  data_files:\n"
        for split in splits:
            head += f"  - split: {split}\n    path: {config}/{split}.parquet\n"
            rows = [{"text": f"{config} {split} {n}", "id": f"{config}-{split}-{n}", "n": n} for n in range(50)]
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / "two" / config / f"{split}.parquet")
    (tmp_path / "two" / "README.md").write_text(f"{head}---\n")
    (tmp_path / "lines").mkdir()
    records = [{"text": f"text {n} " + "word " * 20} for n in range(300)]
    (tmp_path / "lines" / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "lab").mkdir()
    return tmp_path


def _rows(lab: Path) -> list[dict[str, Any]]:
    edition = newest_edition(lab)
    return [row for shard in edition.manifest.shards for row in pq.read_table(edition.shard(shard.name)).to_pylist()]


def _add(lab: Path, location: str, skip_bad: bool = False) -> dict[str, int]:
    return add(lab, Intake((Source("x", location),), skip_bad=skip_bad))[0].bad


def test_configurations_and_splits(folder: Path) -> None:
    _add(folder / "lab", "hf:two:fr")
    _add(folder / "lab", "hf:two:en:test")
    expected = [f"{name} {n}" for name in ("fr train", "en test") for n in range(50)]
    assert [row["text"] for row in _rows(folder / "lab")] == expected
    last = _rows(folder / "lab")[-1]
    assert (last["source"], last["id"], json.loads(last["extra"])) == ("hf:two:en:test", "en-test-49", {"n": 49})
    for location, problem in {
        "hf:two": "hf:two: the data set has several configurations; name one of en, fr, as in hf:two:en",
        "hf:two:de": "hf:two:de: the data set has no configuration 'de'; name one of en, fr, as in hf:two:en",
        "hf:two:en:dev": "hf:two:en:dev: the data set has no split 'dev'; name one of train, test, as in hf:two:en:tra",
        "hf:lines::test": "hf:lines::test: the data set has no split 'test'; name one of train, as in hf:lines:default",
    }.items():
        with pytest.raises(UserError) as caught:
            _add(folder / "lab", location)
        assert str(caught.value).startswith(problem)


def test_interrupted_it_goes_on_to_the_same_documents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.corpus.steps.lines.BATCH_BYTES", 3000)
    monkeypatch.setattr("assay.corpus.editions.rows.GROUP_BYTES", 2000)
    monkeypatch.setattr(module, "SHARD_BYTES", 6000)
    original, seen = module.rows_of, []

    def stops(*words: Any) -> pa.Table:
        seen.append(words[0].first)
        if len(seen) == 7:
            raise KeyboardInterrupt
        return original(*words)

    monkeypatch.setattr(module, "rows_of", stops)
    with pytest.raises(KeyboardInterrupt):
        _add(folder / "lab", "hf:lines")
    _add(folder / "lab", "hf:lines")
    assert seen[7] > 0, "it should go on after the shards that were finished"
    assert [row["id"] for row in _rows(folder / "lab")] == [f"lines:{n}" for n in range(1, 301)]
    assert [row["text"].split()[1] for row in _rows(folder / "lab")] == [str(n) for n in range(300)]
    # The same again is nothing to do, until a file changes.
    assert add(folder / "lab", Intake((Source("x", "hf:lines"),)))[0].into.documents == 0
    (folder / "lines" / "train.jsonl").write_text('{"text": "new", "id": "new"}\n')
    assert add(folder / "lab", Intake((Source("x", "hf:lines"),)))[0].into.documents == 1


def test_bad_rows_and_files(folder: Path) -> None:
    train = folder / "lines" / "train.jsonl"
    train.write_text('{"text": "one"}\n{"text": null}\n{"text": " "}\n{"text": "four"}\n')
    with pytest.raises(UserError, match="hf:lines, row 2: the record has null as its 'text'"):
        _add(folder / "lab", "hf:lines")
    assert _add(folder / "lab", "hf:lines", skip_bad=True) == {"no text": 1, "empty": 1}
    assert [(row["id"], row["text"]) for row in _rows(folder / "lab")] == [("lines:1", "one"), ("lines:4", "four")]
    train.write_text('{"body": "one"}\n')
    with pytest.raises(UserError, match="hf:lines: no column 'text'; its columns are: body; "):
        _add(folder / "lab", "hf:lines", skip_bad=True)
    # What a damaged file takes with it is not known, so it is never passed over.
    train.write_text('{"text": "one"}\n{"text"\n')
    with pytest.raises(UserError, match=r"hf:lines: cannot be read \(.*JSON.*\); a damaged data set can be downloaded"):
        _add(folder / "lab", "hf:lines", skip_bad=True)
    train.unlink()
    with pytest.raises(UserError, match=r"hf:lines: the data set cannot be opened \(.*\); check its name"):
        _add(folder / "lab", "hf:lines")
