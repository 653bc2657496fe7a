"""Planted text of evaluations is found whatever its case and punctuation, and little else is."""

import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.decontamination.evaluations import HELDOUT, Evaluation, document_key
from assay.corpus.decontamination.step import Decontaminate
from assay.corpus.steps.bare import run_bare
from tests.corpus.decontamination.by_hand import contaminated
from tests.corpus.decontamination.driver import documents, run

VOCABULARY = [a + b + c for a in "bdklmr" for b in "aeiou" for c in ("n", "st", "ck", "")]


def sentence(draw: random.Random, length: int) -> str:
    return " ".join(draw.choices(VOCABULARY, k=length)) + "."


def evaluation(*items: str, name: str = "quiz") -> Evaluation:
    return Evaluation(name, [f"line {i}" for i in range(1, len(items) + 1)], [[item] for item in items])


def disguised(text: str, draw: random.Random) -> str:
    """The same words in another dress: case, punctuation, white space, quotes, accents as separate marks."""
    words = [draw.choice((str.upper, str.title, str.lower))(word.strip(string.punctuation)) for word in text.split()]
    marks = [" ", "  ", "\n", ", ", "; ", " — ", "… “", "\u00a0", ".\t"]
    return "".join(word.replace("e", draw.choice(("e", "é", "e\u0301"))) + draw.choice(marks) for word in words)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(3, 8))
def test_what_is_removed_is_what_a_search_by_hand_finds(seed: int, common: int, n: int) -> None:
    """Over a vocabulary so small that n-grams occur by chance, also as common phrases."""
    draw = random.Random(seed)
    few = ["ba", "ke", "mi", "ro"]
    texts = [" ".join(draw.choices(few, k=draw.randrange(40))) for _ in range(30)]
    items = [" ".join(draw.choices(few, k=draw.randrange(12))) for _ in range(6)]
    step = Decontaminate([evaluation(*items)], common=common, n=n)
    _, judged = run(step, documents(*texts), size=draw.randrange(1, 31))
    assert set(judged.removed) == contaminated(texts, items, common, n)


def test_planted_items_are_found_in_any_dress_and_nothing_else() -> None:
    draw = random.Random(1)
    items = [sentence(draw, draw.randrange(5, 60)) for _ in range(300)]
    texts = ["\n".join(sentence(draw, 12) for _ in range(20)) for _ in range(1200)]
    planted = {}
    for number, item in zip(draw.sample(range(1200), 300), items, strict=True):
        planted[number] = item
        lines = texts[number].split("\n")
        lines.insert(draw.randrange(len(lines)), disguised(item, draw))
        texts[number] = "\n".join(lines)
    plan, judged = run(Decontaminate([evaluation(*items)]), documents(*texts), size=117)
    assert set(judged.removed) == set(planted)
    assert plan.report["evaluations"]["quiz"]["items_found"] == 300


@pytest.mark.parametrize(("wanted", "there"), [
    ("We can't re-read the well-known author's book today", "we cant reread the wellknown authors book today"),
    ("We can't re-read the well-known author's book today", "We can’t re‑read the well‑known author’s book today"),
    ("We can't re-read the well-known author's book today", "WE CAN T RE READ THE WELL KNOWN AUTHOR S BOOK TODAY"),
    ("Où est passée la clé de l'hôtel d'Angoulême ?", "ou est passee la cle de l hotel d angouleme"),
    ("彼は昨日の夜に東京へ行きました", "「彼は 昨日の夜に、東京へ行きました」"),
])  # fmt: skip
def test_apostrophes_hyphens_accents_and_scripts(wanted: str, there: str) -> None:
    _, judged = run(Decontaminate([evaluation(wanted)]), documents(f"Before it. {there} And after.", "Nothing here."))
    assert judged.removed == {0: "quiz"}


def test_a_removed_document_tells_what_was_found_where() -> None:
    item = "the quick brown fox jumps over the lazy dog near the old river bank"
    text = f"Une préface. {item.upper()}! The end."
    _, judged = run(Decontaminate([evaluation("far too short", item)]), documents(text, "other"))
    start = text.encode().index(b"THE QUICK")
    end = start + len(item)
    assert judged.details == {0: f"quiz line 2, bytes {start} to {end}: “{item.upper()}”"}


def test_common_phrases_remove_nothing_and_are_told() -> None:
    draw = random.Random(2)
    phrase = "this software is provided as is without warranty of any kind express or implied by its many authors"
    texts = [f"{sentence(draw, 30)} {phrase} {sentence(draw, 30)}" for _ in range(11)] + [sentence(draw, 60)]
    item = sentence(draw, 25)
    texts[3] += " " + item
    plan, judged = run(Decontaminate([evaluation(f"{phrase} {item}")]), documents(*texts))
    assert judged.removed == {3: "quiz"}
    common = plan.report["common_phrases"]
    assert common["documents_kept"] == 10
    assert [(entry["text"], entry["documents"]) for entry in common["phrases"]] == [(phrase, 11)]
    strict, judged = run(Decontaminate([evaluation(f"{phrase} {item}")], common=11), documents(*texts))
    assert set(judged.removed) == set(range(11))
    assert strict.report["common_phrases"]["phrases"] == []


def test_the_review_begins_with_what_is_likeliest_to_be_chance() -> None:
    draw = random.Random(3)
    usual, rare = "the the the the the", "xylem quartz zephyr fjord vortex"
    texts = [" ".join(["the"] * 4 + [sentence(draw, 40)]) for _ in range(50)]
    texts += [f"{rare} {sentence(draw, 9)}", f"{sentence(draw, 9)} {usual}"]
    plan, _ = run(Decontaminate([evaluation(rare, usual)]), documents(*texts))
    first, second = plan.report["review"]
    assert (first["text"], second["text"]) == (usual, rare)
    assert first["bits"] < second["bits"]


def test_spans_are_cut_with_their_sentences() -> None:
    item = "the quick brown fox jumps over the lazy dog near the old river bank"
    before, after = "First words stay. " * 20, " Last words stay." * 20
    text = f"{before}He said that {item} at noon.{after}"
    _, judged = run(Decontaminate([evaluation(item)], remove="span"), documents(text, item))
    assert judged.texts == {0: f"{before}{after[1:]}"}
    assert judged.changed == {0: ("quiz",)}
    assert judged.removed == {1: "quiz"}  # nothing would be left


def test_held_out_documents_are_not_compared_with_held_out_text() -> None:
    text = "It was a bright cold day in the valley and all the clocks of the town were striking at once"
    own = frozenset({document_key("prose", "0")})
    given = documents(f"{text}. More.", f"{text}. Else.")
    heldout, quiz = evaluation(text, name=HELDOUT), evaluation(text)
    assert run(Decontaminate([heldout], own=own), given)[1].removed == {1: HELDOUT}
    assert run(Decontaminate([heldout]), given)[1].removed == {0: HELDOUT, 1: HELDOUT}
    assert run(Decontaminate([quiz, heldout], own=own), given)[1].removed == {0: "quiz", 1: "quiz"}


def test_counts_by_evaluation_and_domain() -> None:
    draw = random.Random(4)
    a, b = sentence(draw, 20), sentence(draw, 20)
    given = documents(a, f"{a} {b}", b, "nothing of either")
    given[2]["domain"] = "code"
    plan, _ = run(Decontaminate([evaluation(a, "tiny", name="a"), evaluation(b, name="b")]), given, size=1)
    found = plan.report["evaluations"]
    assert {name: found[name]["domains"] for name in found} == {"a": {"prose": 2}, "b": {"code": 1, "prose": 1}}
    assert found["a"]["bytes"] == len(a) + len(f"{a} {b}")
    assert (found["a"]["items"], found["a"]["items_found"], found["a"]["too_short"]) == (2, 1, 1)


def test_a_document_of_one_endless_word_and_empty_input() -> None:
    step = Decontaminate([evaluation("one two three four five six")])
    given = documents("x" * 3_000_000 + " one two three four five six " + "漢" * 300_000)
    assert set(run(step, given)[1].removed) == {0}
    assert run(step, [])[1].removed == {}
    assert run(Decontaminate([evaluation("short")]), given)[1].removed == {}


@pytest.mark.parametrize("files", [2, 7])
def test_any_number_of_files_and_workers_gives_the_same(tmp_path: Path, files: int) -> None:
    draw = random.Random(6)
    phrase, items = sentence(draw, 20), [sentence(draw, 15) for _ in range(20)]
    texts = [sentence(draw, 60) + (f" {phrase}" if i % 5 == 0 else "") for i in range(70)]
    for i, item in zip(draw.sample(range(70), 20), items, strict=True):
        texts[i] += " " + item.upper()
    lines = [json.dumps({"id": str(i), "text": text, "domain": "prose"}) + "\n" for i, text in enumerate(texts)]

    def kept(folder: Path, count: int, workers: int) -> list[str]:
        folder.mkdir()
        for part in range(count):
            piece = lines[part * 70 // count : (part + 1) * 70 // count]
            (folder / f"{part}.jsonl").write_text("".join(piece))
        step = Decontaminate([evaluation(phrase, *items)])
        account = run_bare(step, folder, folder.with_suffix(".out.jsonl"), workers=workers)
        assert account.removed["quiz"].documents == 20
        report = {name: value for name, value in account.report.items() if name != "seconds"}
        return [folder.with_suffix(".out.jsonl").read_text(), json.dumps(report)]

    one = kept(tmp_path / "one", 1, 1)
    assert kept(tmp_path / "several", files, 1) == one
    assert kept(tmp_path / "parallel", files, 3) == one
