"""`assay vault`: what a person and a program are told."""

import json
from pathlib import Path

from tests.interfaces.cli.helpers import assay


def test_status_of_a_fresh_lab_and_of_one_without_a_vault(tmp_path: Path) -> None:
    for name, number in (("large", 40), ("small", 5)):
        (tmp_path / name).mkdir()
        for i in range(number):
            (tmp_path / name / f"{i}.txt").write_text(f"{name} text number {i}: " + "so it goes on " * 200)
        ladder = tmp_path / "ladder.toml"
        ladder.write_text(
            '[[ladder]]\nname = "one"\nwidth = 32\ndepth = 1\nflops = 3e8\n'
            '[[ladder]]\nname = "two"\nwidth = 32\ndepth = 1\nflops = 6e8\n'
        )
        done = assay("init", tmp_path / f"lab-{name}", "--corpus", f"prose={tmp_path / name}", "--ladder", ladder)
        assert done.code == 0, done
        assert ("sealed for confirmations" in done.out) == (name == "large")
    facts = json.loads(assay("vault", "status", tmp_path / "lab-large", "--json").out)
    assert facts["domains"]["prose"]["documents"] >= 2
    assert (facts["queries"], facts["worth_used"], facts["parts"]) == (0, 0.0, 1)
    assert facts["mechanism"] in ("sandbox", "user", "advisory")
    assert bool(facts["reason"]) or facts["mechanism"] == "sandbox"
    said = assay("vault", "status", tmp_path / "lab-large").out
    assert "queries            0, one bit each" in said
    assert "advisory" in assay("vault", "status", tmp_path / "lab-small").out
    refused = assay("vault", "rotate", tmp_path / "lab-large")
    assert refused.code == 2
    assert "make a new lab with fresh text" in refused.err
