"""`assay sample`: a run's words."""

from pathlib import Path

import pytest

from .helpers import assay, query


@pytest.fixture(scope="module")
def run(used: Path) -> str:
    return query(used, "SELECT hash FROM runs WHERE status = 'finished' ORDER BY hash")[0][0]


def test_a_run_goes_on_from_a_text(used: Path, run: str) -> None:
    one = assay("sample", used, run[:6], "the quick", "--tokens", "30")
    assert (one.code, one.err) == (0, "")
    assert one.out.startswith("the quick")
    assert len(one.out) > len("the quick") + 5
    same = assay("sample", used / "runs" / run, "the quick", "--tokens", "30")  # by folder, from outside the lab
    assert same.out == one.out
    inside = assay("sample", run, "the quick", "--tokens", "30", "--seed", "5", cwd=used)
    assert inside.out != one.out
    facts = assay("sample", used, run, "the quick", "--tokens", "30", "--count", "2", "--seed", "4", "--json").json
    assert [each["seed"] for each in facts["samples"]] == [4, 5]
    assert "the quick" + facts["samples"][1]["text"] + "\n" == inside.out
    assert facts["run"] == run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["LAB", "RUN"], "expected: assay sample [LAB] RUN TEXT"),
        (["LAB", "nothing", "a"], "no run is called 'nothing'"),
        (["LAB", "RUN", "a", "--tokens", "0"], "--tokens 0: give a whole number of 1 or more"),
        (["LAB", "RUN", "a", "--temperature", "-1"], "--temperature -1.0"),
    ],
)
def test_bad_input_gets_a_sentence(words: list[str], said: str, used: Path, run: str) -> None:
    done = assay("sample", *({"LAB": str(used), "RUN": run}.get(word, word) for word in words))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
