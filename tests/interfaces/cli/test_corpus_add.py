"""Text from files to editions by the real commands: bad input, any number of shards and workers, a document's story."""

import gzip
import json
import random
import shutil
from pathlib import Path

import pytest
import zstandard

from .helpers import assay

WORDS = (
    *("the", "of", "and", "to", "in", "is", "was", "that", "for", "it", "with", "as", "his", "on", "be", "at", "by"),
    *("had", "not", "are", "but", "from", "or", "have", "an", "they", "which"),
)


def prose(seed: int, sentences: int) -> str:
    """Sentences of common words and of some of this text's own."""
    draw = random.Random(seed)
    own = [f"{draw.choice(WORDS)}{draw.choice('bcdfgk')}{draw.choice('aeiou')}rn" for _ in range(40)]
    return " ".join(
        " ".join(draw.choice(WORDS if draw.random() < 0.6 else own) for _ in range(draw.randint(6, 14))).capitalize()
        + "."
        for _ in range(sentences)
    )


def web(path: Path, count: int = 120) -> Path:
    """Prose, some of it twice, some of it nearly so, and lines that no filter keeps."""
    lines = []
    for i in range(count):
        text = prose(i - 3 if i % 10 == 3 else i, 12 + i % 9)
        if i % 10 == 7:
            text = prose(i - 1, 12 + (i - 1) % 9).replace("The", "A", 1) + " End."
        lines.append(json.dumps({"id": f"w{i}", "text": "$$$ 1234 ### | | |" if i % 15 == 8 else text}) + "\n")
    path.write_text("".join(lines))
    return path


@pytest.mark.slow
def test_clean_and_dedup_give_the_same_for_any_number_of_shards_and_workers(fresh: Path, tmp_path: Path) -> None:
    source = web(tmp_path / "web.jsonl")
    found = []
    for shards, workers in ((1, 1), (2, 2), (7, 1), (7, 3)):
        lab = tmp_path / f"{shards}-{workers}"
        shutil.copytree(fresh, lab)
        said = []
        for words in (("add", lab, f"web={source}", "--shards", shards), ("clean", lab), ("dedup", lab)):
            done = assay("corpus", *map(str, words), "--workers", str(workers), "--json")
            assert done.code == 0, done.err
            said.append({**done.json, "seconds": 0, "cpu_seconds": 0})
        newest = lab / "text" / said[-1]["edition"]
        assert len(list((newest / "kept").iterdir())) == shards
        found.append(said)
    assert all(said == found[0] for said in found)
    added, cleaned, deduplicated = found[0]
    assert added["out"]["documents"] == 120
    assert 0 < deduplicated["out"]["documents"] < cleaned["out"]["documents"] < 140
    assert cleaned["removed"]
    assert deduplicated["removed"]


def test_bad_input_is_one_sentence_and_skipped_if_asked(lab: Path, tmp_path: Path) -> None:
    good = web(tmp_path / "good.jsonl", 20).read_text()
    bad = {
        "broken.jsonl": (good + '{"text": "cut', "line 21: broken JSON", "broken JSON"),
        "empty.jsonl": (good + '{"text": " "}\n', "line 21: the record has", "empty"),
        "twice.jsonl": (good + '{"id": "w3", "text": "other"}\n', "line 21: the id 'w3' was given", "duplicate id"),
        "latin.jsonl": (good.encode() + b'{"text": "Gr\xfc\xdfe"}\n', "line 21: not UTF-8 text", "wrong encoding"),
        "short.jsonl.gz": (gzip.compress(good.encode())[:-40], "damaged or cut short", "cut short"),
        "short.jsonl.zst": (zstandard.compress(good.encode() * 100)[:-40], "damaged or cut short", "cut short"),
    }
    for name, (content, expected, kind) in bad.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        before = sorted(path.name for path in (lab / "text").iterdir())
        done = assay("corpus", "add", lab, f"web={tmp_path / name}", "--json")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"assay: {tmp_path / name}")
        assert expected in done.err
        assert len(done.err.splitlines()) == 1
        assert sorted(path.name for path in (lab / "text").iterdir()) == before
        if name != "short.jsonl.zst":  # in which nothing is whole
            facts = assay("corpus", "add", lab, f"{kind.split()[0].lower()}={tmp_path / name}", "--skip-bad", "--json")
            assert facts.json["bad"] == {kind: 1}
    for words, expected in (
        ((), "nothing to add"),
        (("books",), "expected NAME=PATH"),
        (("web=nowhere",), "nowhere: no such file or folder"),
        (("Web=good.jsonl",), "a name should be lower-case letters"),
        ((f"web={tmp_path / 'good.jsonl'}", "--shards", "0"), "give a whole number from 1"),
    ):
        done = assay("corpus", "add", lab, *words)
        assert done.code == 2
        assert expected in done.err.splitlines()[-1]


def test_a_new_lab_has_the_text_that_it_is_made_of(lab: Path, material: Path) -> None:
    text = (material / "verse" / "3.txt").read_text()
    stories = {story["domain"]: story for story in assay("corpus", "show", lab, "3.txt", "--json").json}
    assert set(stories) == {"prose", "verse"}
    assert stories["verse"]["source"] == str(material / "verse")
    assert stories["verse"]["history"][0]["text"] == text[:300]
    assert assay("corpus", "clean", lab).code == 0
    done = assay("corpus", "show", lab, stories["verse"]["hash"][:12])
    assert done.code == 0
    assert "  add        added" in done.out
    assert "  clean      " in done.out
    done = assay("corpus", "show", lab, "nothing")
    assert (done.code, "no document has the id 'nothing'" in done.err) == (2, True)
