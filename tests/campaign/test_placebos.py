"""Placebos, retuning and the error budget in a whole lab: what is shown, what is hidden, and what an alarm stops."""

import json
from typing import Any

import pytest

from assay.campaign.controller import Controller
from assay.campaign.decide import FIRST_PLACEBO, PLACEBO_NUMBERS
from assay.campaign.error_budget import error_budget
from assay.campaign.facts import facts
from assay.campaign.hidden import open_placebos, visible
from assay.campaign.history import Mismatch, OtherRules, read_campaign
from assay.campaign.lab import Lab
from assay.campaign.observe import view_of
from assay.campaign.status import status_of
from assay.campaign.watch import Silent
from assay.execution.simulated import SimulatedExecutor
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.lab import LabConfig
from assay.spec.proposal import RETUNE
from assay.spec.run import Outcome, RunOrder
from assay.store.ledger import Entry
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import EVIDENCE, assay, of_kind, proposal, simulate, simulated

OFTEN = EVIDENCE | {"placebo_rate": 0.99}


def fooled(order: RunOrder) -> Outcome:
    """A measurement that takes other random numbers for a gain, as a bug might."""
    found = simulated(order)
    if not order.run.recipe.stream or found.score is None:
        return found
    return found.model_copy(update={"score": 0.9 * found.score})


class Watching(Silent):
    """Looks at the lab with every line that is said."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.open = 0
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)
        entries = self.lab.store.ledger()
        hidden = open_placebos(entries)
        if not hidden:
            return
        self.open += 1
        campaign = self.lab.campaign()
        seen = json.dumps([entry.body for entry in visible(entries)]) + json.dumps(status_of(self.lab.folder))
        seen += json.dumps(facts(self.lab)["run_list"]) + json.dumps(facts(self.lab)["placebos"])
        seen += view_of(campaign, self.lab.corpus()).model_dump_json()
        for number, recipe in hidden.items():
            assert str(number) not in seen
            assert recipe not in seen
            assert f"#{number}" not in "".join(self.lines)


def test_an_open_placebo_is_seen_nowhere_and_a_closed_one_everywhere(lab: MakeLab) -> None:
    made = lab(evidence=OFTEN, execution={"in_flight": 2})
    watching = Watching(made)
    simulate(made, "150runs", watcher=watching)
    assert watching.open > 3, "or nothing was shown about it"
    campaign = made.campaign(check=True)
    assert campaign.placebo_verdicts
    numbers = [trial.registered.number for trial in view_of(campaign, made.corpus()).trials]
    assert numbers == list(range(1, len(numbers) + 1))  # no gap that a placebo would leave
    assert all(trial.recipe.stream == 0 for trial in view_of(campaign, made.corpus()).trials)
    found = facts(made)["placebos"]
    assert (found["decided"], found["passed"]) == (len(campaign.placebo_verdicts), 0)
    assert found["low"] == 0
    assert found["high"] == pytest.approx(1 - 0.025 ** (1 / found["decided"]))  # Clopper and Pearson, without a hit
    assert min(r.number for r in campaign.placebos.values()) == PLACEBO_NUMBERS + 1
    first = next(i for i, e in enumerate(made.store.ledger()) if e.kind == "placebo")
    assert sum(e.kind == "proposal" for e in made.store.ledger()[:first]) == FIRST_PLACEBO - 1


def test_placebos_change_nothing_for_the_proposals(lab: MakeLab) -> None:
    """Every level is what it would be without them."""
    made = lab(evidence=OFTEN)
    simulate(made, "60runs")
    budget = error_budget(made.campaign())
    assert [row["number"] for row in budget["list"]] == list(range(1, budget["tests"] + 1))
    assert budget["share_spent"] == pytest.approx(sum(row["share"] for row in budget["list"]))
    assert budget["share_left"] == pytest.approx(1 - budget["share_spent"])
    before = budget["share_spent"]
    simulate(made, "60runs")  # another session gives nothing back
    assert error_budget(made.campaign())["share_spent"] > before


def test_a_placebo_that_passes_stops_the_lab_until_a_person_has_looked(lab: MakeLab) -> None:
    made = lab(evidence=OFTEN)
    reason = simulate(made, "300runs", outcome=fooled)
    assert "ALARM: placebo 100001 passed" in reason
    assert of_kind(made, "alarm") == [{"number": 100001}]
    assert all(body["recipe"] != made.campaign().placebos[100001].candidate for body in of_kind(made, "promotion"))
    assert status_of(made.folder)["alarm"] == 100001
    assert facts(made)["placebos"]["passed"] == 1
    with pytest.raises(UserError, match="--after-alarm"):
        simulate(made, "10runs")
    executor = SimulatedExecutor(simulated, workers=2)
    budget = Budget.read("5runs")
    Controller(made, budget, Silent(), executor=executor, after_alarm="the scorer cached").run()
    assert of_kind(made, "acknowledged")[0]["reason"] == "the scorer cached"
    assert made.campaign(check=True).alarm is None
    assert status_of(made.folder)["alarm"] is None
    with pytest.raises(UserError, match="no alarm"):
        Controller(made, budget, Silent(), executor=executor, after_alarm="again").run()


@pytest.mark.parametrize("kind", ["placebo", "alarm", "verdict"])
def test_a_missing_or_forged_entry_of_a_placebo_is_found(lab: MakeLab, kind: str) -> None:
    made = lab(evidence=OFTEN)
    simulate(made, "300runs", outcome=fooled)
    entries = made.store.ledger()
    place = max(i for i, e in enumerate(entries) if e.kind == kind)

    def check(changed: list[Entry]) -> None:
        read_campaign(made.config, made.corpus().vocab, made.store.recipes(), changed, check=True)

    check(entries)
    with pytest.raises(Mismatch):
        check([*entries[:place], *entries[place + 1 :]])
    if kind == "placebo":
        body = json.loads(json.dumps(entries[place].body))
        body["registered"]["level"] *= 10
        with pytest.raises(Mismatch, match="not due"):
            check([*entries[:place], entries[place].model_copy(update={"body": body}), *entries[place + 1 :]])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("vault", {"number": 1, "passed": True}),
        ("audit", {"step": {"dropped": 1, "evidence": [], "reason": "x"}, "recipe": {}}),
        ("alarm", {"number": 100001}),
        ("acknowledged", {"number": 100001, "reason": "x", "by": "human:x"}),
    ],
)
def test_an_entry_that_nothing_led_to_is_found(lab: MakeLab, kind: str, body: dict[str, Any]) -> None:
    made = lab()
    simulate(made, "4runs")
    entries = made.store.ledger()
    forged = Entry(seq=len(entries) + 1, time=entries[-1].time, kind=kind, body=body, hash_="")
    with pytest.raises(Mismatch):
        read_campaign(made.config, made.corpus().vocab, made.store.recipes(), [*entries, forged], check=True)


def test_a_lab_of_other_rules_is_refused_in_one_sentence(lab: MakeLab) -> None:
    made = lab()
    simulate(made, "4runs")
    entries = [
        e.model_copy(update={"body": {k: v for k, v in e.body.items() if k != "rules"}}) if e.kind == "session" else e
        for e in made.store.ledger()
    ]
    with pytest.raises(OtherRules, match="begun with the deciding rules 1"):
        read_campaign(made.config, made.corpus().vocab, made.store.recipes(), entries)


def test_nobody_but_the_lab_draws_other_random_numbers(lab: MakeLab) -> None:
    made = lab()
    made.store.post("propose", proposal({"stream": 7}))
    simulate(made, "4runs")
    assert "'stream' may not change in this lab" in of_kind(made, "refused")[0]["reason"]
    with pytest.raises(UserError, match="'stream'"):
        LabConfig.parse(made.config.model_dump(mode="json") | {"search": {"stream": [0, 1]}}, "lab.toml")


def untuned(order: RunOrder) -> Outcome:
    """A world in which Muon gains 3%, and so does twice the learning rate."""
    found = simulated(order)
    if found.score is None or order.run.recipe.optimiser.lr < 5.9e-4:
        return found
    return found.model_copy(update={"score": found.score * 0.97})


def test_an_untuned_champion_is_tuned_and_its_tuning_proposed(lab: MakeLab) -> None:
    made = lab(researchers={"use": ["random"]}, evidence=EVIDENCE | {"placebo_rate": 0.0}, execution={"in_flight": 1})
    made.store.post("propose", proposal({"optimiser.name": "muon"}))
    simulate(made, "140runs", outcome=untuned)
    campaign = made.campaign(check=True)
    lost = campaign.verdicts[1]
    assert lost.decision == "inconclusive"
    assert "an untuned baseline: the champion with optimiser.lr ×" in lost.reasons[0]
    assert lost.retuning is not None
    assert len(lost.retuning.trials) == 4
    again = next(r for r in campaign.registered.values() if r.proposal.author == RETUNE)
    assert again.retune_of == 1
    assert again.proposal.change.keys() == {"optimiser.lr"}
    assert campaign.verdicts[again.number].decision == "supported"
    assert campaign.generations[1].recipe == again.candidate
    remeasured = campaign.generations[1].certificate
    assert remeasured is not None
    assert remeasured.remeasured is not None
    assert remeasured.remeasured.pairs == campaign.config.evidence.remeasure_pairs


def test_the_command_line_ends_with_one_after_an_alarm_and_shows_the_budget(lab: MakeLab) -> None:
    made = lab(evidence=OFTEN)
    simulate(made, "300runs", outcome=fooled)
    refused = assay("run", made.folder, "--budget", "4runs")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    shown = assay("ledger", "budget", made.folder)
    assert shown.returncode == 0
    assert "At most 5% of promotions are expected to be false" in shown.stdout
    assert "1 of 1 placebo passed" in shown.stdout
    told = json.loads(assay("ledger", "budget", made.folder, "--json").stdout)
    assert told["tests"] == len(told["list"])
    assert "ALARM: placebo 100001" in assay("status", made.folder).stdout
