"""What every evaluation task must do. A new task joins with one line in the registry and rows of its format here."""

from typing import Any

import numpy as np
import pytest

from assay.corpus.tokenizers.bytes import Bytes
from assay.evaluation.files import detect
from assay.evaluation.reader import Reader
from assay.evaluation.task import Row, Task
from assay.spec.errors import UserError
from assay.spec.registry import load, names
from assay.spec.scale import shape_at
from assay.training.model import GPT
from tests.training.tiny import TINY, recipe, text

#: Rows of each format. Some are longer than the model's context of 16 bytes, some answers are.
ROWS: dict[str, list[dict[str, Any]]] = {
    "minimal_pairs": [
        {"sentence_good": text(i, 1 + i), "sentence_bad": text(90 + i, 1 + i), "paradigm": "ab"[i % 2]}
        for i in range(5)
    ],
    "arc": [{"query": text(i, 2 * i + 1), "choices": [text(50 * i + j, 1 + j) for j in range(4)], "gold": i}
            for i in range(4)],
    "hellaswag": [{"ctx": text(i, i + 1), "endings": [text(70 + i + j, 3) for j in range(3)], "label": i % 3}
                  for i in range(5)],
    "piqa": [{"goal": text(i, i + 1), "sol1": text(30 + i, 4), "sol2": text(40 + i, 4), "label": i % 2}
             for i in range(5)],
    "last_word": [{"text": text(i, 2 + 3 * i)} for i in range(5)],
    "bits_per_byte": [{"text": text(i, 1 + 5 * i), "domain": "ab"[i % 2]} for i in range(5)],
    "samples": [{"prompt": text(i, i)} for i in range(3)],
}  # fmt: skip
NAMES = names("evaluation_task")
#: Tasks that differ in what they do, not in their rows.
SAME_FIELDS = {"last_word", "bits_per_byte"}


def task(name: str) -> Task:
    return load("evaluation_task", name)()


def read(name: str) -> list[Any]:
    return [task(name).read(Row(row, "rows.jsonl, line 3")) for row in ROWS[name]]


@pytest.fixture(scope="module")
def model() -> GPT:
    """Larger weights than at initialisation, so that what is before matters."""
    chosen = recipe()
    model = GPT(shape_at(chosen, TINY, 257), chosen.model, seed=3)
    for weight in model.parameters():
        if weight.ndim > 1:
            weight.data.mul_(15)
    return model.eval()


def reader(model: GPT, tokens_at_once: int = 256) -> Reader:
    return Reader(model, Bytes(), context=16, tokens_at_once=tokens_at_once)


def test_every_task_has_rows_here() -> None:
    assert set(ROWS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_format_is_known_by_its_fields(name: str) -> None:
    for row in ROWS[name]:
        assert set(task(name).fields) <= set(row)
        if name in SAME_FIELDS:
            with pytest.raises(UserError, match=r"last_word and bits_per_byte; say which with --task"):
                detect(row, "rows.jsonl, line 1")
        else:
            assert detect(row, "rows.jsonl, line 1") == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("broken", [None, 7, [], ["one"], "\ud800 x", {"a": 1}], ids=repr)
def test_a_broken_field_is_named_with_its_line(name: str, broken: Any) -> None:
    for field in task(name).fields:
        row = ROWS[name][0] | {field: broken}
        with pytest.raises(UserError, match=rf"rows\.jsonl, line 3: '{field}' should be "):
            task(name).read(Row(row, "rows.jsonl, line 3"))
        del row[field]
        with pytest.raises(UserError, match=rf"rows\.jsonl, line 3: no field '{field}'; there are: "):
            task(name).read(Row(row, "rows.jsonl, line 3"))


@pytest.mark.parametrize("name", NAMES)
def test_every_item_has_the_same_finite_measures(name: str, model: GPT) -> None:
    found = task(name).measure(read(name), reader(model))
    assert len(found) == len(ROWS[name])
    assert len({tuple(measured.values) for measured in found}) == 1
    for measured in found:
        assert np.isfinite([*measured.values.values(), measured.weight]).all()
        assert all(0 <= value <= 1 for key, value in measured.values.items() if key.startswith("accuracy"))
        assert measured.values or isinstance(measured.text, str)


@pytest.mark.parametrize("name", NAMES)
def test_neither_batches_nor_other_items_matter(name: str, model: GPT) -> None:
    items = read(name)
    together = task(name).measure(items, reader(model, 4096))
    one_by_one = task(name).measure(items, reader(model, 1))
    backwards = task(name).measure(items[::-1], reader(model, 64))[::-1]
    alone = [task(name).measure([item], reader(model))[0] for item in items]
    others = [one_by_one] if name == "samples" else [one_by_one, backwards, alone]  # a sample's seed is its place
    for other in others:
        for one, two in zip(together, other, strict=True):
            assert one._replace(values={}) == two._replace(values={})
            assert one.values == pytest.approx(two.values, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_its_texts_hold_every_word_that_a_model_is_asked_for(name: str) -> None:
    """But for words that only lead to an answer."""
    for row, item in zip(ROWS[name], read(name), strict=True):
        told = " ".join(task(name).texts(item))
        for field in task(name).fields:
            for value in row[field] if isinstance(row[field], list) else [row[field]]:
                assert not isinstance(value, str) or value.strip() in told
