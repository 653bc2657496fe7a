"""Campaigns with the Claude researcher, against a loopback server that speaks the Messages API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.campaign.lab import Lab
from assay.spec.errors import UserError
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import assay, of_kind, scores, simulate
from tests.servers import messages_api as api

CHANGES = [
    ("optimiser", {"key": "optimiser.name", "value": "muon"}),
    ("data", {"key": "data.batch", "value": 2}),
    ("schedule", {"key": "schedule.name", "value": "linear"}),
    ("architecture", {"key": "model.norm", "value": "rmsnorm"}),
    ("architecture", {"key": "model.mlp", "value": "relu2"}),
    ("optimiser", {"key": "optimiser.lr", "value": 6e-4}),
]


def idea(kind: str, change: dict[str, Any]) -> dict[str, Any]:
    return {
        "hypothesis": f"{change['key']} matters most.",
        "kind": kind,
        "changes": [change],
        "predicted": {"effect": 2.0, "low": 0.0, "high": 4.0},
        "citations": [],
    }


class Mind:
    """Has one new idea a request until it has no more."""

    def __init__(self) -> None:
        self.left = list(CHANGES)

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        del body
        return {"proposals": [idea(*self.left.pop(0))] if self.left else []}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", api.KEY)


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


def researchers(server: api.MessagesServer | None, use: tuple[str, ...] = ("claude",), **settings: Any) -> dict:
    url = server.url if server else "http://127.0.0.1:9"
    return {"use": list(use), "claude": {"base_url": url, "backoff_seconds": 0.0, "retries": 2, **settings}}


def trouble() -> list[api.Reply]:
    """What a bad day brings: each is followed by an answer that can be used."""
    mind = iter(CHANGES)

    def good() -> api.Reply:
        return api.answer({"proposals": [idea(*next(mind))]})

    details = {"type": "refusal", "category": "frontier_llm", "explanation": "Not this."}
    return [
        api.error(529, "overloaded_error"), api.error(529, "overloaded_error"), good(),
        api.answer("", "refusal", details), good(),
        api.answer('{"proposals": [{"hypothesis": "cut'), good(),
        api.stalled, good(),
    ]  # fmt: skip


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def check_no_key(lab: Lab) -> None:
    found = [path for path, data in files(lab.folder) if api.KEY.encode() in data]
    assert found == []


def notes(lab: Lab) -> list[str]:
    return [body["text"] for body in of_kind(lab, "note")]


@pytest.mark.usefixtures("key")
def test_a_campaign_reaches_verdicts_through_refusals_overload_nonsense_and_a_stalled_stream(lab: MakeLab) -> None:
    with api.MessagesServer(*trouble(), default=Mind()) as server:
        made = lab(researchers=researchers(server, timeout_seconds=0.5))
        assert simulate(made, "140runs") in (
            "no researcher has anything left to propose",
            "the budget of 140 runs is spent",
        )
        sent, keys = server.requests, server.keys
    registered = {body["registered"]["number"]: body["registered"]["proposal"] for body in of_kind(made, "proposal")}
    assert {proposal["author"] for proposal in registered.values()} == {"model:claude-opus-5-5"}
    assert len(registered) >= 4
    decided = of_kind(made, "verdict")
    assert len(decided) >= 4
    muon = next(n for n, p in registered.items() if p["change"] == {"optimiser.name": "muon"})
    assert next(body for body in decided if body["number"] == muon)["decision"] == "supported"
    exchanges = made.store.exchanges()
    assert [exchange["body"]["request"] for exchange in exchanges] == sent
    assert set(keys) == {api.KEY}
    errors = [exchange["body"]["error"] for exchange in exchanges[:9]]
    assert ["529" in error for error in errors[:2]] == [True, True]
    assert "stalled" in errors[7]
    assert exchanges[3]["body"]["response"]["stop_reason"] == "refusal"
    assert all(exchange["cost_usd"] > 0 for exchange in exchanges[2:])
    assert made.store.usd_spent() == pytest.approx(sum(exchange["cost_usd"] for exchange in exchanges))
    assert len(made.campaign(check=True).every_verdict) == len(decided)
    check_no_key(made)


@pytest.mark.slow
@pytest.mark.usefixtures("key")
def test_a_campaign_on_real_runs_keeps_the_key_to_itself(lab: MakeLab) -> None:
    with api.MessagesServer(*trouble(), default=Mind()) as server:
        made = lab(researchers=researchers(server, timeout_seconds=0.5))
        done = assay("run", made.folder, "--budget", "24runs")
        assert done.returncode == 0, done.stderr
        assert len(server.requests) == len(made.store.exchanges()) >= 3
    assert len(scores(made)) >= 10
    assert of_kind(made, "verdict")
    assert api.KEY not in done.stdout + done.stderr
    check_no_key(made)
    report = assay("report", made.folder)
    assert report.returncode == 0, report.stderr
    check_no_key(made)
    assert api.KEY.encode() not in json.dumps(made.store.exchanges()).encode()


@pytest.mark.usefixtures("no_key")
@pytest.mark.parametrize("use", [("claude",), ("known", "claude")])
def test_without_a_key_nothing_is_spent(lab: MakeLab, use: tuple[str, ...]) -> None:
    made = lab(researchers=researchers(None, use))
    done = assay("run", made.folder, "--budget", "10runs")
    assert done.returncode == 2
    assert "ANTHROPIC_API_KEY" in done.stderr
    assert "fallback = true" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [entry.kind for entry in made.store.ledger()] == ["lab"]
    assert made.store.run_rows() == []
    assert not (made.folder / "runs").exists()


@pytest.mark.usefixtures("no_key")
def test_without_a_key_a_lab_may_go_on_with_embedded_researchers(lab: MakeLab) -> None:
    made = lab(researchers=researchers(None, fallback=True))
    simulate(made, "20runs")
    [note] = notes(made)
    assert "claude is unavailable" in note
    assert "ANTHROPIC_API_KEY" in note
    assert {body["registered"]["proposal"]["author"] for body in of_kind(made, "proposal")} == {"strategy:known"}
    assert of_kind(made, "verdict")


def test_a_refused_key_is_one_sentence(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "sk-wrong-0123456789"
    monkeypatch.setenv("ANTHROPIC_API_KEY", wrong)
    with api.MessagesServer() as server:
        made = lab(researchers=researchers(server))
        with pytest.raises(UserError, match=r"refuses the key \(401\).*ANTHROPIC_API_KEY") as error:
            simulate(made, "20runs")
    assert wrong not in str(error.value)
    assert made.store.run_rows() == []
    assert [path for path, data in files(made.folder) if wrong.encode() in data] == []


@pytest.mark.usefixtures("key")
def test_the_labs_money_for_claude_is_never_exceeded(lab: MakeLab) -> None:
    with api.MessagesServer(default=Mind()) as server:
        made = lab(researchers=researchers(server, budget_usd=0.25, max_tokens=4000))
        with pytest.raises(UserError, match="money for Claude is used up"):
            simulate(made, "160runs")
    assert 0 < made.store.usd_spent() <= 0.25
    assert of_kind(made, "proposal")
    assert of_kind(made, "end") == []
    assert "money for Claude is used up" in notes(made)[-1]


@pytest.mark.usefixtures("key")
def test_when_the_money_is_used_up_a_lab_may_go_on_with_embedded_researchers(lab: MakeLab) -> None:
    with api.MessagesServer(default=Mind()) as server:
        made = lab(researchers=researchers(server, budget_usd=0.25, max_tokens=4000, fallback=True))
        assert simulate(made, "300runs") == "the budget of 300 runs is spent"
    assert made.store.usd_spent() <= 0.25
    authors = [body["registered"]["proposal"]["author"] for body in of_kind(made, "proposal")]
    assert authors[0].startswith("model:claude")
    assert authors[-1].startswith("strategy:")
    assert sum("money for Claude is used up" in note for note in notes(made)) == 1


@pytest.mark.usefixtures("key")
def test_a_sessions_money_bounds_requests_and_runs_together(lab: MakeLab) -> None:
    with api.MessagesServer(default=Mind()) as server:
        made = lab(researchers=researchers(server, max_tokens=4000), costs={"usd_per_core_hour": 3.6})
        reason = simulate(made, "0.3usd")
    assert "0.30 USD" in reason
    seconds = sum(row["seconds"] for row in made.store.run_rows())
    assert made.store.usd_spent() > 0
    # What runs in flight will cost is judged by their FLOPs; here each takes 2 s and costs 0.002, whatever its scale.
    assert 0.1 < made.store.usd_spent() + seconds * 3.6 / 3600 <= 0.3 + 2 * 0.002
    assert of_kind(made, "end")
    assert made.campaign().decider.outstanding == type(made.campaign().decider.outstanding)()


@pytest.mark.usefixtures("key")
def test_a_sessions_time_ends_while_claude_is_asked(lab: MakeLab) -> None:
    with api.MessagesServer(api.pinging) as server:
        made = lab(researchers=researchers(server))
        assert simulate(made, "2s") == "the budget of 2 s is spent"
    [exchange] = made.store.exchanges()
    assert "interrupted" in exchange["body"]["error"]
    assert exchange["cost_usd"] > 0


@pytest.mark.usefixtures("key")
def test_an_outage_leaves_the_session_to_be_gone_on_with(lab: MakeLab) -> None:
    busy = [api.error(529, "overloaded_error")] * 3
    with api.MessagesServer(*busy, default=Mind()) as server:
        made = lab(researchers=researchers(server))
        with pytest.raises(UserError, match="did not answer in 3 attempts"):
            simulate(made, "20runs")
        assert simulate(made, None) == "the budget of 20 runs is spent"
    assert of_kind(made, "proposal")


@pytest.mark.usefixtures("key")
def test_a_model_without_ideas_is_not_paid_to_say_so_again_and_again(lab: MakeLab) -> None:
    with api.MessagesServer(default=Mind()) as server:
        made = lab(researchers=researchers(server))
        simulate(made, "200runs")
        # Each answer follows a registration or a verdict: one request a piece of news at the most.
        news = len(of_kind(made, "proposal")) + len(of_kind(made, "verdict")) + 1
        assert len(server.requests) <= news
