"""Data sets of the Hugging Face Hub: with the extra missing, with a stand-in for it, and with the real one."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assay.corpus.sources import Source, read_source
from assay.spec.errors import UserError


def _install(monkeypatch: pytest.MonkeyPatch, load_dataset: Any) -> None:
    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'assay\[datasets\]'"):
        list(read_source(Source("x", "hf:org/name")))
    with pytest.raises(UserError, match="hf:ORG/NAME"):
        list(read_source(Source("x", "hf:")))


def test_rows_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second row is asked for only after the first was handed over: nothing is downloaded ahead."""
    asked = []

    def load_dataset(name: str, split: str, streaming: bool) -> Iterator[dict[str, Any]]:
        assert (name, split, streaming) == ("org/name", "train", True)
        for number in range(3):
            asked.append(number)
            yield {"text": f"text {number}", "license": "MIT", "other": 1}

    _install(monkeypatch, load_dataset)
    documents = read_source(Source("x", "hf:org/name"))
    first = next(documents)
    assert asked == [0]
    assert (first.text, first.id, first.source, first.licence) == ("text 0", "org/name:1", "hf:org/name", "MIT")
    assert len(list(documents)) == 2


def test_row_without_text_and_failing_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, lambda *_, **__: iter([{"text": "x"}, {"content": "y"}]))
    with pytest.raises(UserError, match="hf:org/name, row 2: the record has no field 'text'"):
        list(read_source(Source("x", "hf:org/name")))

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the Hub\nmany more lines")

    _install(monkeypatch, unreachable)
    with pytest.raises(UserError, match=r"cannot be read \(Couldn't reach the Hub\); check its name") as caught:
        list(read_source(Source("x", "hf:org/name")))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_real_library_on_a_local_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="needs the extra: pip install 'assay[datasets]'")
    (tmp_path / "org" / "name").mkdir(parents=True)
    records = [{"text": f"text {n}", "id": f"doc#{n}"} for n in range(20)]
    (tmp_path / "org" / "name" / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    monkeypatch.chdir(tmp_path)
    documents = list(read_source(Source("x", "hf:org/name")))
    assert [document.text for document in documents] == [record["text"] for record in records]
    assert {document.group for document in documents} == {"id:doc"}
    with pytest.raises(UserError, match="hf:org/missing: the data set cannot be read"):
        list(read_source(Source("x", "hf:org/missing")))
