"""Nothing that was measured is lost, and nothing is decided otherwise, however often the controller dies."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import history, of_kind, proposal, scores, simulate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("seed", "use"), [(1, ["known", "tpe"]), (2, ["tpe"]), (3, ["random"])])
def test_a_controller_killed_at_every_turn_decides_as_an_undisturbed_one(
    lab: MakeLab, seed: int, use: list[str]
) -> None:
    calm, killed = lab(researchers={"use": use}), lab(researchers={"use": use})
    for each in (calm, killed):
        each.store.post("propose", proposal({"optimiser.lr": 1e-3}))
        each.store.post("propose", proposal({"optimiser.lr": 2000.0}))
        each.store.post("propose", proposal({"optimiser.name": "muon"}))
    assert "70 runs" in simulate(calm, "70runs")
    words = [sys.executable, "-m", "tests.campaign.killed", str(killed.folder), "70runs", str(seed)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10
    assert history(killed) == history(calm)
    assert scores(killed) == scores(calm)
    assert of_kind(calm, "promotion")
    assert [body["reason"] for body in of_kind(calm, "refused")], "one proposal lies outside the search space"
    assert killed.store.verify_ledger().bad_seq is None
    assert len(killed.campaign(check=True).verdicts) == len(of_kind(calm, "verdict"))
