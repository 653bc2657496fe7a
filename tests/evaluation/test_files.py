import gzip
import json
from pathlib import Path

import pytest
import zstandard

from assay.evaluation.files import read_file, texts_of
from assay.spec.errors import UserError

PAIRS = [{"sentence_good": f"One sees {i}.", "sentence_bad": f"One see {i}."} for i in range(10)]


def lines(rows: list[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_plain_and_compressed_files_hold_the_same_items(tmp_path: Path, suffix: str) -> None:
    pack = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstandard.compress}[suffix]
    path = tmp_path / f"pairs.{suffix}"
    path.write_bytes(pack(lines(PAIRS[:2]) + b"\n" + lines(PAIRS[2:])))
    found = read_file(path)
    assert found.task == "minimal_pairs"
    assert [item.answers for item in found.items] == [tuple(row.values()) for row in PAIRS]
    assert found.lines == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]


def test_a_limit_takes_items_from_all_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(lines(PAIRS))
    assert read_file(path, limit=4).lines == [1, 3, 6, 8]
    assert read_file(path, limit=4).limit == 4
    assert read_file(path, limit=10).limit is None
    assert len(read_file(path, limit=99).items) == 10
    with pytest.raises(UserError, match="limit 0: evaluate at least one item"):
        read_file(path, limit=0)


ARC = {"query": "Which?", "choices": ["this", "that"], "gold": 1}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (lines([ARC]) + b'{"query": "Which?", "cho\n', r"line 2: broken JSON .* at column 25"),
        (lines([ARC, ARC | {"gold": 2}]), r"line 2: 'gold' should be a whole number from 0 to 1, but is 2"),
        (lines([ARC, ARC | {"gold": True}]), r"line 2: 'gold' should be a whole number from 0 to 1, but is True"),
        (lines([ARC, ARC | {"choices": ["one"]}]), r"line 2: 'choices' should be a list of at least two texts"),
        (lines([ARC, ARC | {"choices": ["one", ""]}]), r"line 2: 'choices' should be text, but is ''"),
        (lines([ARC]) + b"\n" + lines([["no object"]]), r"line 3: expected an object, but found \['no object'\]"),
        (lines([ARC, {"query": "Which?", "gold": 0}]), r"line 2: no field 'choices'; there are: query, gold"),
        (lines([ARC]) + b'{"query": "\xff"}\n', r"line 2: not UTF-8"),
        (lines([{"question": "Which?"}]), r"line 1: no task has these fields \(question\); expected one of minimal"),
        (lines([3]), r"line 1: no task has these fields \(no object\)"),
        (b"\n\n", "empty; expected one JSON object a line"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "arc.jsonl"
    path.write_bytes(data)
    with pytest.raises(UserError, match=rf"^{path}(, |: ){problem}"):
        read_file(path, limit=1)


def test_a_file_cut_short_and_one_that_is_missing_are_named(tmp_path: Path) -> None:
    path = tmp_path / "arc.jsonl.zst"
    path.write_bytes(zstandard.compress(lines([ARC] * 100))[:-9])
    with pytest.raises(UserError, match=r"arc\.jsonl\.zst: damaged or cut short"):
        read_file(path)
    for missing in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UserError, match=f"{missing}: no such file"):
            read_file(missing)


def test_a_task_that_is_named_is_taken_at_its_word(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_bytes(lines([{"text": "It was a dark and stormy night"}]))
    item = read_file(path, "last_word").items[0]
    assert (item.prompt, item.continuation) == ("It was a dark and stormy", " night")
    assert read_file(path, "bits_per_byte").items[0].text == "It was a dark and stormy night"
    with pytest.raises(UserError, match=r"passages\.jsonl, line 1: no field 'choices'; there are: text"):
        read_file(path, "arc")
    with pytest.raises(UserError, match="no task is called 'quiz'; there are: minimal_pairs, arc"):
        read_file(path, "quiz")


def test_texts_of_a_file_are_questions_and_questions_with_answers(tmp_path: Path) -> None:
    path = tmp_path / "quiz.jsonl"
    path.write_text('\n{"query": "Question: Who?", "choices": ["You", "I"], "gold": 0}\n')
    assert texts_of(path) == (["line 2"], [["Who?", "Who? You", "Who? I"]])
    path.write_text('{"text": "alone"}\n')
    assert texts_of(path) == (["line 1"], [["alone"]])  # two tasks read such rows
    path.write_text('{"sentence_good": "Cats sleep.", "sentence_bad": "Cats sleeps."}\n')
    assert texts_of(path) == (["line 1"], [["Cats sleep.", "Cats sleeps."]])
