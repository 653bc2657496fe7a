"""The licence policy of lab.toml: shown, refused before training, enforced by a step."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .helpers import assay

Configure = Callable[..., Path]
LICENCES = ("MIT License", "cc by-nc 4.0", "", "Apache 2.0")


@pytest.fixture
def text(lab: Path, tmp_path: Path) -> Path:
    shutil.rmtree(lab / "text")  # of the start
    rows = [{"id": f"d{i}", "text": f"Text {i}. " * 20, "licence": LICENCES[i % 4]} for i in range(40)]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert assay("corpus", "add", lab, f"web={tmp_path / 'web.jsonl'}").code == 0
    return lab


def test_licences_are_shown_by_their_spdx_names(text: Path, configure: Configure) -> None:
    configure(licences={"deny": ["CC-BY-NC-*"]})
    found = assay("corpus", "licences", text, "--json").json["licences"]
    assert {row["licence"]: row["documents"] for row in found} == {
        "MIT": 10, "CC-BY-NC-4.0": 10, "unknown": 10, "Apache-2.0": 10,
    }  # fmt: skip
    assert {row["licence"] for row in found if row["refused"]} == {"CC-BY-NC-4.0"}
    assert "CC-BY-NC-4.0 is denied by 'CC-BY-NC-*'" in assay("corpus", "licences", text).out


def test_a_step_takes_out_what_is_refused_and_says_why(text: Path, configure: Configure) -> None:
    configure(licences={"allow": ["MIT", "CC-BY-*"], "deny": ["CC-BY-NC-*"], "unknown": "deny"})
    facts = assay("corpus", "licences", text, "--apply", "--json").json
    assert (facts["in"]["documents"], facts["out"]["documents"]) == (40, 10)
    assert facts["removed"]["licence"]["documents"] == 30
    again = assay("corpus", "licences", text, "--apply", "--json").json
    assert again["in"] == again["out"] == facts["out"]


@pytest.mark.parametrize("words", [("run", "--budget", "1runs"), ("train",), ("corpus tokenize",)], ids=" ".join)
def test_nothing_trains_on_a_corpus_that_the_policy_refuses(
    text: Path, configure: Configure, words: tuple[str, ...]
) -> None:
    configure(licences={"unknown": "deny"})
    done = assay(*words[0].split(), text, *words[1:])
    assert done.code == 2
    # The corpus was made of text files, which name no licence; the edition is of records, of which some do.
    number, domain = (10, "web") if words == ("corpus tokenize",) else (20, "prose")
    assert f"[licences] refuses {number} documents" in done.err
    assert f"its licence is not known ({number} documents, such as {domain} " in done.err
    assert "assay corpus licences --apply" in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not any((text / "runs").glob("*"))


def test_documents_that_are_refused_do_not_come_in(text: Path, configure: Configure, tmp_path: Path) -> None:
    configure(licences={"allow": ["MIT", "Apache-2.0"], "unknown": "deny"})
    rows = [{"id": f"e{i}", "text": f"Also {i}. " * 20, "licence": LICENCES[i % 4]} for i in range(8)]
    path = tmp_path / "more.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = assay("corpus", "add", text, f"web={path}")
    assert done.code == 2
    assert f"{path}, line 2: [licences] in lab.toml refuses the document" in done.err
    assert "CC-BY-NC-4.0 is not among those allowed" in done.err
    facts = assay("corpus", "add", text, f"web={path}", "--skip-bad", "--json").json
    assert (facts["bad"], facts["out"]["documents"]) == ({"licence": 4}, 4)
    found = assay("corpus", "licences", text, "--json").json["licences"]
    assert {row["licence"]: row["documents"] for row in found}["MIT"] == 12


def test_a_licence_for_those_without_satisfies_a_strict_policy(
    text: Path, configure: Configure, tmp_path: Path
) -> None:
    configure(licences={"unknown": "deny"})
    path = tmp_path / "note.txt"
    path.write_text("A note of some length, under no licence that it names.\n")
    done = assay("corpus", "add", text, f"web={path}")
    assert done.code == 2
    assert "its licence is not known" in done.err
    assert assay("corpus", "add", text, f"web={path}", "--licence", "CC BY 4.0").code == 0
    found = assay("corpus", "licences", text, "--json").json["licences"]
    assert "CC-BY-4.0" in {row["licence"] for row in found}
