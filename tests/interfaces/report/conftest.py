"""One simulated campaign for all tests of the report."""

from pathlib import Path
from typing import Any

import pytest

from assay.campaign.facts import facts
from assay.campaign.lab import Lab
from tests.interfaces.report.simulated import LADDER, campaign, make_lab, proposal

#: What a hypothesis from outside may hold.
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&</details>"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab after two sessions: some proposals held, one diverged, one was refused, some are under test."""
    lab = make_lab(tmp_path_factory.mktemp("report"), {"ladder": LADDER})
    muon = {"optimiser.name": "muon"}
    lab.store.post("propose", proposal(1, change=muon, hypothesis=HOSTILE, citations=["https://example.org/paper"]))
    lab.store.post("propose", proposal(2, author="agent:bold", change={"optimiser.lr": 0.015}))
    lab.store.post("propose", proposal(3, author="agent:<b>lost", change={"base_width": 128}))
    lab.store.post("propose", proposal(4, author="model:small", change={"model.tied_embeddings": False}))
    campaign(lab, "100runs")
    campaign(lab, "66runs")
    return lab


@pytest.fixture(scope="session")
def known(lab: Lab) -> dict[str, Any]:
    """The facts of that lab. Tests that change them copy them first."""
    return facts(lab)


@pytest.fixture
def new_lab(tmp_path: Path) -> Lab:
    """A lab in which nothing has happened."""
    return make_lab(tmp_path, {"ladder": LADDER})
