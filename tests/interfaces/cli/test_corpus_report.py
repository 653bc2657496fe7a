"""`assay corpus report` and `assay corpus diff` from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from tests.corpus.analysis.editions import make_editions, records, write

from .helpers import assay

#: Scales and a recipe for a corpus of some kilobytes.
SMALL = "".join(
    f'[[ladder]]\nname = "{name}"\nwidth = 32\ndepth = 1\nflops = {flops}\n\n'
    for name, flops in (("one", 3e7), ("two", 6e7), ("three", 1.2e8))
)
START = "[data]\ncontext = 16\nbatch = 4\n"


def test_report_on_bare_files_is_a_page_or_facts(tmp_path: Path) -> None:
    source = write(tmp_path / "text.jsonl", records(40))
    done = assay("corpus", "report", source, cwd=tmp_path)
    assert done.code == 0
    page = (tmp_path / "corpus.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    facts = assay("corpus", "report", source, "--json").json
    assert facts["totals"]["documents"] == 40
    assert facts["losses"] is None
    assert facts["no_losses"]
    elsewhere = tmp_path / "elsewhere.html"
    assert assay("corpus", "report", source, "--out", elsewhere).code == 0
    assert elsewhere.read_text(encoding="utf-8") == page


def test_report_on_an_edition_and_on_a_lab_with_and_without_text(tmp_path: Path) -> None:
    folders = make_editions(tmp_path)
    (tmp_path / "ladder.toml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "start.toml").write_text(START, encoding="utf-8")
    made = assay(
        "init", tmp_path / "lab2", "--ladder", tmp_path / "ladder.toml", "--recipe", tmp_path / "start.toml",
        "--corpus", f"prose={tmp_path / 'prose.jsonl'}", "--corpus", f"verse={tmp_path / 'verse.jsonl'}", "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    assert assay("corpus", "report", tmp_path / "lab2", "--json").json["kind"] == "edition"
    shutil.rmtree(tmp_path / "lab2" / "text")  # as in a lab that was made before labs kept their text
    facts = assay("corpus", "report", tmp_path / "lab2", "--json").json
    assert facts["kind"] == "corpus"
    assert facts["tokens"] == sum(domain["tokens"] for domain in facts["domains"])
    assert "no finished run" in facts["no_losses"]
    (folders[0].parent).rename(tmp_path / "lab2" / "text")
    facts = assay("corpus", "report", tmp_path / "lab2", "--json").json
    assert facts["kind"] == "edition"
    assert [step["account"]["step"] for step in facts["steps"]] == ["add", "clean", "dedup"]
    assert facts["steps"][1]["account"]["in"]["documents"] == 121
    assert facts["tokens"] > 0
    assert assay("corpus", "report", tmp_path / "lab2").code == 0
    assert (tmp_path / "lab2" / "corpus.html").is_file()
    done = assay("corpus", "diff", tmp_path / "lab2", folders[0].name[:8], folders[2].name[:8], "--json")
    assert done.json["total"]["removed"]["documents"] == 121 - facts["totals"]["documents"]
    [corpus] = (tmp_path / "lab2" / "corpora").glob("[0-9a-f]*")
    both = assay("corpus", "diff", folders[0].name[:8], corpus.name[:8], "--json", cwd=tmp_path / "lab2")
    assert both.code == 0, both.err
    assert both.json["b"]["kind"] == "corpus"
    assert both.json["total"]["added"]["documents"] == 0


def test_a_lab_with_a_trained_champion_shows_what_it_finds_hard(used_lab: Path) -> None:
    losses = assay("corpus", "report", used_lab, "--json").json["losses"]
    rows = assay("runs", used_lab, "--json").json
    assert losses["run"] in json.dumps(rows)
    assert set(losses["domains"]) == {"prose", "verse"}
    hardest, easiest = ([each["bits_per_byte"] for each in losses[end]] for end in ("hardest", "easiest"))
    assert hardest == sorted(hardest, reverse=True)
    assert easiest == sorted(easiest)
    assert easiest[-1] <= hardest[-1]
    for sides in losses["domains"].values():
        assert all(easiest[0] <= value <= hardest[0] for value in sides.values())


def test_diff_says_what_changed_in_words(tmp_path: Path) -> None:
    rows = records(30)
    a = write(tmp_path / "a.jsonl", rows)
    b = write(
        tmp_path / "b.jsonl", [{**rows[1], "text": "All new \x1b[31m."}, *rows[2:], {"id": "n", "text": "Newest."}]
    )
    done = assay("corpus", "diff", a, b)
    assert done.code == 0
    assert done.out.splitlines()[4].split()[:6] == ["all", "28", "0", "1", "1", "1"]
    assert "+ All new" in done.out
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "missing.jsonl"), "missing.jsonl: no such file"),
        (("report", "text.jsonl", "--out", "nowhere/page.html"), "nowhere/page.html: the report cannot be written"),
        (("report",), "no lab here"),
        (("diff", "text.jsonl"), "not enough given"),
        (("diff", "text.jsonl", "missing"), "missing: no such file or folder"),
        (("diff", "a", "b", "c", "d"), "too much given"),
        (("report", "bad.jsonl"), "bad.jsonl, line 2: broken JSON"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    write(tmp_path / "text.jsonl", records(5))
    (tmp_path / "bad.jsonl").write_text('{"text": "fine"}\n{"text"\n', encoding="utf-8")
    done = assay("corpus", *words, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
