"""`assay audit-log` as people call it."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from .helpers import assay
from .test_bad_input import refused

LOG = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\naaa\t1.000\t44.0\tkeep\tbaseline\n"
    "bbb\t0.990\t44.0\tkeep\tlarger \x1b[31mbatch\nccc\t0.995\t44.0\tdiscard\twarm-up\n"
    "ddd\t0.000000\t0.0\tcrash\thuge batch\neee\t0.989\t44.0\tkeep\tdecay\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "results.tsv").write_text(LOG)
    return tmp_path / "results.tsv"


def test_facts_words_and_picture(log: Path, tmp_path: Path) -> None:
    facts = assay("audit-log", log, "--sigma", "0.002", "--json").json
    assert facts["sigma_source"] == "assumption"
    assert [change["name"] for change in facts["changes"]] == ["bbb", "eee"]
    picture = tmp_path / "log.svg"
    said = assay("audit-log", log, "--sigma", "0.002", "--svg", picture)
    assert said.out.startswith("Of 2 kept changes 1 stand beyond noise at 0.05 each; 1 stand when all 3")
    assert "(an assumption)" in said.out
    assert "\x1b" not in said.out
    titles = [element.text or "" for element in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert [title.split(":")[0] for title in titles if ": " in title] == [
        "warm-up",
        "baseline",
        "larger �[31mbatch",
        "decay",
    ]


def test_bad_logs_are_one_sentence(log: Path, tmp_path: Path) -> None:
    refused(assay("audit-log", log), "give --sigma, one run's deviation")
    refused(assay("audit-log", log, "--sigma", "0.1", "--value", "loss"), "there is no column 'loss'")
    refused(assay("audit-log", tmp_path / "none.tsv", "--sigma", "0.1"), "no such file")
    refused(assay("audit-log", log, "--sigma", "much"), "--sigma")
