"""What two collections have in common, against dictionaries."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.analysis.collection import open_collection
from assay.corpus.analysis.difference import difference
from assay.corpus.analysis.difference_facts import Difference
from assay.corpus.analysis.matching import pair
from assay.corpus.analysis.text_difference import MOST_LINES, text_difference
from assay.corpus.steps.bare import run_bare
from tests.corpus.steps.toy import ToyClean

from .editions import make_editions, records, write


def compare(a: Path, b: Path, work: Path) -> Difference:
    folders = [work / name for name in ("work-a", "work-b")]
    for folder in folders:
        folder.mkdir()
    return difference(open_collection(a, folders[0]), open_collection(b, folders[1]))


@given(st.lists(st.integers(0, 6)), st.lists(st.integers(0, 6)))
def test_pairs_are_those_of_multisets(a: list[int], b: list[int]) -> None:
    i, j = pair(np.array(a, np.uint64), np.array(b, np.uint64))
    assert len(set(i.tolist())) == len(set(j.tolist())) == len(i)
    assert all(a[x] == b[y] for x, y in zip(i.tolist(), j.tolist(), strict=True))
    assert len(i) == (Counter(a) & Counter(b)).total()


def test_added_removed_changed_and_moved_documents_of_bare_files(tmp_path: Path) -> None:
    before = [{"id": f"n{i}", "text": f"This is text number {i}, as it was written."} for i in range(40)]
    after = [dict(row) for row in before if row["id"] not in ("n3", "n4", "n5")]
    for row in after[:6]:
        row["text"] += " Revised."
    after[10]["id"] = "another name"
    after += [{"id": "new", "text": "Something new."}]
    found = compare(write(tmp_path / "a.jsonl", before), write(tmp_path / "b.jsonl", after), tmp_path)
    total = found.total
    assert (total.same.documents, total.moved.documents, total.changed.documents) == (30, 1, 6)
    assert (total.removed.documents, total.added.documents) == (3, 1)
    assert total.changed.after - total.changed.before == 6 * len(" Revised.")
    assert total.added.bytes == len("Something new.")
    assert {each.id for each in found.samples if each.kind == "removed"} == {"n3", "n4", "n5"}
    changed = next(each for each in found.samples if each.kind == "changed")
    assert [line[:2] for line in changed.lines] == ["- ", "+ "]
    assert changed.lines[1] == "+" + changed.lines[0][1:] + " Revised."


def test_records_without_an_id_are_known_by_their_text(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [{"text": f"Text {i}."} for i in (1, 2, 2, 3)])
    b = write(tmp_path / "b.jsonl", [{"text": f"Text {i}."} for i in (3, 2, 4)])
    total = compare(a, b, tmp_path).total
    assert (total.same.documents, total.removed.documents, total.added.documents) == (2, 2, 1)
    assert (total.changed.documents, total.moved.documents) == (0, 0)


def test_a_folder_that_a_step_wrote_tells_which_rule_removed_what(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", records(60))
    account = run_bare(ToyClean(), source, tmp_path / "out")
    found = compare(source, tmp_path / "out", tmp_path)
    [rule] = found.removed_by
    assert (rule.step, rule.rule) == ("clean", "spam")
    assert rule.documents == account.removed["spam"].documents == found.total.removed.documents
    assert {each.rule: each.documents for each in found.changed_by} == {
        name: amount.documents for name, amount in account.changed.items()
    }
    assert found.total.changed.documents == account.changed["spelling.colour"].documents
    back = tmp_path / "back"
    back.mkdir()
    reverse = compare(tmp_path / "out", source, back)
    assert reverse.kept_out_by == found.removed_by
    assert reverse.total.added == found.total.removed


def test_editions_of_a_lab_by_domain_and_rule(tmp_path: Path) -> None:
    first, _, last = make_editions(tmp_path)
    found = compare(first, last, tmp_path)
    removed = {(each.step, each.rule): each.documents for each in found.removed_by}
    spam, exact = removed["clean", "spam"], removed["dedup", "exact"]
    accounts = {step: json.loads((folder / "account.json").read_text()) for step, folder in
                (("clean", first.parent / open_collection(last, tmp_path).steps[1].id), ("dedup", last))}  # fmt: skip
    assert spam == accounts["clean"]["removed"]["spam"]["documents"]
    assert exact == accounts["dedup"]["removed"]["exact"]["documents"]
    assert found.total.removed.documents == spam + exact
    assert set(found.domains) == {"prose", "verse"}
    assert sum(each.removed.documents for each in found.domains.values()) == spam + exact
    assert found.a.bytes - found.b.bytes == (
        found.total.removed.bytes + found.total.changed.before - found.total.changed.after
    )


@given(st.text("ab\n ", max_size=60), st.text("ab\n ", max_size=60))
def test_a_short_difference_shows_lines_of_both(before: str, after: str) -> None:
    lines = text_difference(before, after)
    assert bool(lines) == (before != after)
    assert len(lines) <= MOST_LINES + 1
    for line in lines:
        if line.startswith("- "):
            assert line[2:] in before.splitlines()
        elif line.startswith("+ "):
            assert line[2:] in after.splitlines()


def test_a_difference_far_inside_a_long_line_is_shown() -> None:
    before = "word " * 500
    after = before[:1500] + "changed" + before[1500:]
    gone, come = text_difference(before, after)
    assert "changed" in come
    assert len(come) < 200
    assert len(gone) < 200
