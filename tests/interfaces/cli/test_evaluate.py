import json
from pathlib import Path

import pytest

from .helpers import assay

PAIRS = [
    {"sentence_good": f"the quick fox serves {n}", "sentence_bad": f"the quick fox {n} serves", "paradigm": "order"}
    for n in ("a dog", "the café", "crème")
]
ARC = [{"query": "What jumps?", "choices": ["the fox", "crème", "naïve café"], "gold": i % 3} for i in range(4)]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "pairs.jsonl", tmp_path / "arc.jsonl"
    for path, rows in zip(paths, (PAIRS, ARC), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths


def runs(lab: Path) -> list[str]:
    """Finished runs, by hash."""
    return [row["run"] for row in assay("runs", lab, "--json").json["runs"]]


def test_one_run_gets_scores_and_two_get_differences(used_lab: Path, files: tuple[Path, Path]) -> None:
    one, two = runs(used_lab)[:2]
    done = assay("evaluate", used_lab, one[:6], "--on", *files, "--json")
    assert (done.code, done.err) == (0, "")
    pairs, arc = done.json["evaluations"]
    assert (pairs["task"], arc["task"], pairs["file"]) == ("minimal_pairs", "arc", "pairs.jsonl")
    score = arc["runs"][0]["scores"]["accuracy"]
    assert (score["items"], score["guessing"]) == (4, pytest.approx(1 / 3))
    assert set(pairs["runs"][0]["groups"]) == {"order"}
    both = assay("evaluate", one, used_lab / "runs" / two, "--on", files[0], "--json", cwd=used_lab).json[
        "evaluations"
    ][0]
    assert [run["run"] for run in both["runs"]] == [one, two]
    found = both["difference"]["groups"]["order"]["bits_per_byte"]
    first, second = (run["scores"]["bits_per_byte"]["value"] for run in both["runs"])
    assert found["value"] == pytest.approx(second - first)
    assert found["low"] < found["value"] < found["high"]
    table = assay("evaluate", used_lab, one, two, "--on", *files)
    assert table.code == 0
    assert f"pairs.jsonl, 3 items: run {two} minus run {one}" in table.out
    assert f"{second - first:+.4f}" in table.out


def test_tables_show_errors_groups_and_guessing(used_lab: Path, files: tuple[Path, Path]) -> None:
    one = runs(used_lab)[0]
    out = assay("evaluate", used_lab / "runs" / one, "--on", *files, "--limit", "2").out
    rows = [line.split() for line in out.splitlines()]
    assert next(row for row in rows if "accuracy" in row)[1:] == ["accuracy", "bits_per_byte"]
    assert [row[0] for row in rows if len(row) > 3 and row[1] == "2"] == ["all", "order", "all"]
    assert ["guessing", "0.5000"] in rows
    assert ["guessing", "0.3333", "0.3333"] in rows


def test_samples_are_shown_beside_each_other(used_lab: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "the quick"}\n{"prompt": ""}\n')
    one, two = runs(used_lab)[:2]
    done = assay("evaluate", used_lab, one, two, "--on", prompts)
    texts = assay("evaluate", used_lab, one, two, "--on", prompts, "--json").json["evaluations"][0]["texts"]
    assert done.out.splitlines() == ["samples on prompts.jsonl, 2 items"] + [
        f"  line {line + 1}, run {run}: {texts[number][line]!r}"
        for line in range(2)
        for number, run in enumerate((one, two))
    ]


def test_scores_are_there_as_a_data_frame(used_lab: Path, files: tuple[Path, Path]) -> None:
    import assay as package

    lab = package.open(used_lab)
    assert lab.evaluations().empty
    one = runs(used_lab)[0]
    value = assay("evaluate", used_lab, one, "--on", files[0], "--json").json["evaluations"][0]["runs"][0]["scores"]
    frame = lab.evaluations().set_index(["run", "task", "group", "measure"])
    assert frame.loc[(one, "minimal_pairs", "", "accuracy"), "value"] == value["accuracy"]["value"]
    assert frame.loc[(one, "minimal_pairs", "order", "bits_per_byte"), "error"] == value["bits_per_byte"]["error"]
    lab.close()


def test_bad_input(used_lab: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    one = runs(used_lab)[0]
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps(ARC[0]) + "\n" + '{"query": "What", "choices": ["a", "b"], "gold": "b"}\n')
    for words, problem in (
        ((one, "--on", broken), f"{broken}, line 2: 'gold' should be a whole number from 0 to 1, but is 'b'"),
        ((one, "--on", tmp_path / "none.jsonl"), "none.jsonl: no such file"),
        ((one, "--on", files[0], "--task", "quiz"), "no task is called 'quiz'; there are: minimal_pairs"),
        ((one, "--on", files[0], "--task", "arc"), "pairs.jsonl, line 1: no field 'choices'"),
        ((one[:3], "--on", files[0]), f"no run is called '{one[:3]}'; name a run's folder, or at least 4 characters"),
        (("--on", files[0]), "0 runs named; expected: assay evaluate [LAB] RUN [RUN2] --on FILE..."),
        ((one, one, one, "--on", files[0]), "3 runs named"),
    ):
        done = assay("evaluate", used_lab, *words)
        assert (done.code, done.out) == (2, ""), problem
        assert problem in done.err
