"""What every researcher must do, whoever it is (`assay.spec.protocols.Researcher`)."""

from collections.abc import Iterator
from typing import Any

import pytest

from assay.researchers.admissible import admissible
from assay.researchers.create import create
from assay.researchers.random_search import RandomSearch
from assay.spec.lab import ClaudeSettings, LabConfig, ResearcherSettings
from assay.spec.protocols import Researcher, View
from assay.spec.registry import names
from tests.researchers.views import after, candidates, config, promoted, proposal, trial, view
from tests.servers.messages_api import KEY, MessagesServer


class Lab:
    """A researcher and the lab that it proposes for. `now` is the view that the scripted Claude answers about."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = MessagesServer(default=self._answer)
        claude = ClaudeSettings(base_url=self.server.url, retries=0, backoff_seconds=0.0, budget_usd=1000.0)
        self.settings = ResearcherSettings(claude=claude)
        self.now: View | None = None
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        self.researcher: Researcher = create(name, self.config(), lambda _: None, 0.0)

    def config(self, **fields: Any) -> LabConfig:
        return config(researchers=self.settings, **fields)

    def propose(self, now: View, n: int) -> list[Any]:
        self.now = now
        return self.researcher.propose(now, n)

    def _answer(self, _body: dict[str, Any]) -> Any:
        """A model that proposes sensibly, and more than it was asked for."""
        assert self.now is not None
        ideas = [
            {
                "hypothesis": idea.hypothesis,
                "kind": idea.kind,
                "changes": [{"key": key, "value": value} for key, value in idea.change.items()],
                "predicted": idea.predicted.model_dump(),
                "citations": [],
            }
            for idea in RandomSearch().propose(self.now, 6)
        ]
        return {"proposals": ideas}


@pytest.fixture(params=names("researcher"))
def lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    lab = Lab(request.param, monkeypatch)
    with lab.server:
        yield lab


def situations(lab: Lab) -> list[View]:
    """A new lab, one with a history, and one after a promotion."""
    new = view(lab.config())
    past = new
    for change, percent, decision in (
        ({"optimiser.name": "muon"}, 2.0, "supported"),
        ({"data.batch": 6}, -1.0, "refuted"),
        ({"model.mlp": "swiglu"}, 0.1, "inconclusive"),
        ({"optimiser.lr": 0.02}, None, "refuted"),
        ({"model.position": "rope"}, None, None),
    ):
        past = after(past, trial(past, proposal(change), percent, decision))
    return [new, past, promoted(past, proposal({"model.norm": "rmsnorm", "optimiser.name": "muon"}), 2.5)]


def test_proposes_admissible_changes_under_its_own_name(lab: Lab) -> None:
    assert lab.researcher.name.startswith(("strategy:", "model:"))
    for now in situations(lab):
        for n in (1, 4):
            found = lab.propose(now, n)
            assert 1 <= len(found) <= n
            assert len(candidates(now, found)) == len(found)
            for each in found:
                assert admissible(now, each) is None
                assert each.author == lab.researcher.name


def test_same_view_gives_same_proposals(lab: Lab) -> None:
    for now in situations(lab):
        again = View.model_validate_json(now.model_dump_json())
        assert lab.propose(now, 3) == lab.propose(again, 3)


def test_never_repeats_itself_against_one_champion(lab: Lab) -> None:
    now = view(lab.config())
    for seed in range(5):
        now = now.model_copy(update={"seed": seed})
        for each in lab.propose(now, 2):
            assert admissible(now, each) is None
            now = after(now, trial(now, each))


def test_falls_silent_when_the_space_is_exhausted(lab: Lab) -> None:
    space = {"model.position": ("learned", "rope"), "data.batch": (6, 12)}
    now = view(lab.config(search=space))
    for seed in range(10):
        now = now.model_copy(update={"seed": seed})
        found = lab.propose(now, 2)
        if not found:
            break
        now = after(now, *(trial(now, each, 0.0, "inconclusive") for each in found[:1]))
    assert lab.propose(now, 2) == []
    assert len(now.trials) <= 3  # all there is: two values of two fields, less the champion


def test_says_nothing_where_nothing_may_change(lab: Lab) -> None:
    assert lab.propose(view(lab.config(search={"model.position": ("learned",)})), 2) == []
