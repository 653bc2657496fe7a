"""Sessions of the controller over simulated runs: what they spend, whom they listen to, what they write down."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select, update

from assay.campaign.lab import Lab
from assay.campaign.lock import controlling, holder
from assay.campaign.verdicts import agrees
from assay.campaign.watch import Silent
from assay.execution.simulated import SimulatedExecutor
from assay.interfaces.cli.ledger import verify as verify_command
from assay.researchers.human import read_proposal
from assay.spec.errors import UserError
from assay.spec.run import Outcome, RunOrder
from assay.store.ledger import GENESIS, _digest, verify
from assay.store.schema import ledger, ledger_head
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import START, Stuck, history, make_lab, of_kind, proposal, session, simulate, simulated


class Interrupt(Silent):
    """Presses Ctrl-C when a line says something for the n-th time."""

    def __init__(self, text: str, times: int = 1) -> None:
        self.text, self.left = text, times

    def say(self, line: str) -> None:
        self.left -= self.text in line
        if not self.left:
            self.left -= 1
            raise KeyboardInterrupt


class Act(Silent):
    """Does something once, when a line says something."""

    def __init__(self, text: str, act: Callable[[], Any]) -> None:
        self.text, self.act, self.done = text, act, False

    def say(self, line: str) -> None:
        if self.text in line and not self.done:
            self.done = True
            self.act()


def started(lab: Lab) -> set[str]:
    return {body["run"] for body in of_kind(lab, "run")}


def with_lr(special: float, outcome: Outcome) -> Callable[[RunOrder], Outcome]:
    """Simulated runs, of which those with a certain learning rate have this outcome."""
    return lambda order: outcome if order.run.recipe.optimiser.lr == special else simulated(order)


# Budgets


@pytest.mark.parametrize("runs", [2, 3, 5, 13, 29])
def test_no_more_runs_than_the_budget(lab: MakeLab, runs: int) -> None:
    made = lab()
    assert simulate(made, f"{runs}runs") == f"the budget of {runs} runs is spent"
    assert len(started(made)) == runs
    assert simulate(made, "2runs") == "the budget of 2 runs is spent"
    assert len(started(made)) == runs + 2


@pytest.mark.parametrize("flops", [6.1e8, 1e9, 7.7e9, 2e10])
def test_no_more_compute_than_the_budget(lab: MakeLab, flops: float) -> None:
    made = lab()
    assert "FLOPs is spent" in simulate(made, f"{flops}flop")
    spent = sum(row["flops"] for row in made.store.run_rows())
    assert flops - 2.4e9 < spent <= flops  # the dearest run has 1.2e9


def test_no_more_money_than_the_budget(lab: MakeLab) -> None:
    made = lab(costs={"usd_per_core_hour": 3.6})
    assert simulate(made, "0.05usd") == "the budget of 0.05 USD is spent"
    spent = sum(row["seconds"] for row in made.store.run_rows()) * 3.6 / 3600
    assert 0.03 < spent <= 0.05


def test_runs_that_take_longer_than_thought_do_not_overdraw_the_money(lab: MakeLab) -> None:
    made = lab(costs={"usd_per_core_hour": 3600.0})
    assert session(made, "1usd", Stuck(running=2)) == "the budget of 1.00 USD is spent"
    [begun, ended] = [entry.time for entry in made.store.ledger() if entry.kind in ("session", "end")]
    assert ended > begun
    assert {row["status"] for row in made.store.run_rows()} == {"paused"}


def test_money_is_no_limit_where_nothing_costs_any(lab: MakeLab) -> None:
    made = lab()
    with pytest.raises(UserError, match="usd_per_core_hour"):
        simulate(made, "5usd")
    assert of_kind(made, "session") == []


def test_time_ends_a_session_while_it_waits(lab: MakeLab) -> None:
    made = lab()
    begun = time.monotonic()
    assert session(made, "1s", Stuck()) == "the budget of 1 s is spent"
    assert 1 <= time.monotonic() - begun < 6
    assert {row["status"] for row in made.store.run_rows()} == {"paused"}


@pytest.mark.parametrize(
    ("budget", "named"), [("1runs", "at least 2runs"), ("1e6flop", "give at least"), ("0.001s", "too small")]
)
def test_a_budget_too_small_for_one_pair_is_refused(lab: MakeLab, budget: str, named: str) -> None:
    made = lab()
    with pytest.raises(UserError, match=named):
        simulate(made, budget)
    assert of_kind(made, "session") == []


def test_an_interrupted_session_leaves_what_it_had_not_spent(lab: MakeLab) -> None:
    made = lab(costs={"usd_per_core_hour": 3.6})
    with pytest.raises(KeyboardInterrupt):
        simulate(made, "40runs,1e13flop,1h,3usd", watcher=Interrupt("bits per byte", 10))
    finished = [row for row in made.store.run_rows() if row["score"] is not None or row["flops"]]
    simulate(made, None)
    first, second = (body["budget"] for body in of_kind(made, "session"))
    assert first == {"runs": 40, "seconds": 3600.0, "flops": 1e13, "usd": 3.0}
    assert second["runs"] == 40 - len(finished)
    assert second["flops"] == 1e13 - sum(row["flops"] for row in finished)
    assert second["usd"] == pytest.approx(3 - sum(row["seconds"] for row in finished) * 3.6 / 3600)
    assert 3500 < second["seconds"] < 3600
    assert len(started(made)) == 40


def test_a_session_that_came_to_its_end_leaves_nothing(lab: MakeLab) -> None:
    made = lab()
    simulate(made, "4runs")
    with pytest.raises(UserError, match="say how much may be spent"):
        simulate(made, None)


def test_an_error_leaves_the_rest_of_the_budget(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab()

    def full(*_: Any) -> None:
        raise UserError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedExecutor, "poll", full)
        with pytest.raises(UserError, match="disk is full"):
            simulate(made, "20runs")
    assert "20 runs" in simulate(made, None)
    assert len(started(made)) == 20


# Whom it listens to


def test_proposals_of_people_come_first(lab: MakeLab) -> None:
    made = lab()
    made.store.post("propose", proposal({"optimiser.lr": 1e-3}))
    later = proposal({"optimiser.lr": 2e-3}, author="agent:other")
    simulate(made, "30runs", watcher=Act("INCONCLUSIVE", lambda: made.store.post("propose", later)))
    registered = [body["registered"] for body in of_kind(made, "proposal")]
    assert registered[0]["proposal"]["author"] == "human:ada"
    closed = next(i for i, (kind, _) in enumerate(of_all(made)) if kind == "verdict")
    following = next(body for kind, body in of_all(made)[closed:] if kind == "proposal")
    assert following["registered"]["proposal"]["author"] == "agent:other"
    assert made.store.letters() == []


def of_all(lab: Lab) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.kind, entry.body) for entry in lab.store.ledger()]


def test_the_same_change_is_refused_on_the_same_champion_and_paid_for_again_on_a_new_one(lab: MakeLab) -> None:
    made = lab(researchers={"use": ["known"]}, execution={"in_flight": 1})
    made.store.post("propose", proposal({"schedule.final": 0.0}))
    made.store.post("propose", proposal({"schedule.final": 0.0}, hypothesis="Once more."))
    made.store.post("propose", proposal({"optimiser.name": "muon"}))
    made.store.post("propose", proposal({"schedule.final": 0.0}, hypothesis="On the new one."))
    simulate(made, "60runs")
    [refused] = of_kind(made, "refused")
    assert refused["proposal"]["hypothesis"] == "Once more."
    assert "proposal 1 already tests this recipe against the same champion" in refused["reason"]
    first, muon, again = (body["registered"] for body in of_kind(made, "proposal")[:3])
    assert next(body["recipe"] for body in of_kind(made, "promotion")) == muon["candidate"]
    assert (again["generation"], again["number"]) == (1, 3)
    assert again["level"] < 2 * muon["level"]  # the promotion doubles it, the number lowers it
    assert again["candidate"] != first["candidate"]


def test_a_registered_proposal_stays_as_it_was(lab: MakeLab, tmp_path: Path) -> None:
    made = lab()
    file = tmp_path / "idea.toml"
    file.write_text(
        'hypothesis = "More."\nauthor = "human:ada"\nchange = {"optimiser.lr" = 0.001}\n'
        "[predicted]\neffect = 2.0\nlow = 1.0\nhigh = 3.0\n"
    )
    made.store.post("propose", read_proposal(file).model_dump(mode="json"))

    def edit() -> None:
        file.write_text(file.read_text().replace("2.0", "2.5"))
        with sqlite3.connect(made.folder / "lab.db") as connection:
            connection.execute("UPDATE inbox SET body = replace(body, '2.0', '2.5')")

    simulate(made, "20runs", watcher=Act("#1 proposed", edit))
    registered = of_kind(made, "proposal")[0]["registered"]
    assert registered["proposal"]["predicted"] == {"effect": 2.0, "low": 1.0, "high": 3.0}
    kinds = of_all(made)
    assert kinds.index(("proposal", {"registered": registered})) < min(
        i for i, (kind, _) in enumerate(kinds) if kind == "run"
    )
    assert made.campaign(check=True).registered[1].proposal.predicted.effect == 2.0


def test_a_proposal_is_cancelled_while_nobody_works(lab: MakeLab) -> None:
    made = lab()
    with pytest.raises(KeyboardInterrupt):
        simulate(made, "30runs", watcher=Interrupt("half-way"))
    open_tests = [test.number for test in made.campaign().decider.active]
    assert len(open_tests) == 3
    made.store.post("cancel", {"number": 2, "by": "human:ada"})
    simulate(made, None)
    verdict = next(body for body in of_kind(made, "verdict") if body["number"] == 2)
    assert (verdict["decision"], verdict["reasons"]) == ("inconclusive", ["cancelled by human:ada"])
    session_at = [i for i, (kind, _) in enumerate(of_all(made)) if kind == "session"][1]
    assert all(body["number"] != 2 for kind, body in of_all(made)[session_at:] if kind == "run")
    assert len(of_kind(made, "verdict")) > 1
    made.campaign(check=True)


def test_a_proposal_is_cancelled_while_its_runs_are_under_way(lab: MakeLab) -> None:
    made = lab(researchers={"use": ["known"]}, execution={"in_flight": 1})
    executor = Stuck()
    executor.waited = lambda: made.store.post("cancel", {"number": 1, "by": "human:ada"})
    with pytest.raises(KeyboardInterrupt):
        session(made, "30runs", executor, Interrupt("#2 proposed"))
    [candidate] = [body["run"] for body in of_kind(made, "run") if body["half"]]
    assert executor.cancelled == [candidate]
    statuses = {row["hash"]: row["status"] for row in made.store.run_rows()}
    assert statuses[candidate] == "cancelled"
    assert [letter.answer for letter in made.store.letters(open_only=False)] == ["proposal 1 is cancelled"]
    simulate(made, None)
    made.campaign(check=True)
    assert all(body["run"] != candidate for body in of_kind(made, "result"))


def test_cancelling_what_is_not_under_test_changes_nothing(lab: MakeLab) -> None:
    made = lab()
    for number in (1, 1, 99):
        made.store.post("cancel", {"number": number, "by": "human:ada"})
    simulate(made, "20runs")
    assert of_kind(made, "cancel") == []
    assert {letter.answer for letter in made.store.letters(open_only=False)} == {
        "proposal 1 is not under test", "proposal 99 is not under test",
    }  # fmt: skip


# Runs that go wrong


def test_divergence_refutes(lab: MakeLab) -> None:
    made = lab()
    made.store.post("propose", proposal({"optimiser.lr": 500.0}))
    simulate(made, "30runs", with_lr(500.0, Outcome(status="diverged", flops=1e8, seconds=0.5)))
    verdict = next(body for body in of_kind(made, "verdict") if body["number"] == 1)
    assert verdict["decision"] == "refuted"
    assert "diverged" in verdict["reasons"][0]
    [evidence] = verdict["evidence"]
    assert [pair["difference"] for pair in evidence["pairs"]] == [None]
    assert len(of_kind(made, "verdict")) > 1


def test_a_run_that_fails_leaves_its_proposal_undecided_and_the_campaign_goes_on(lab: MakeLab) -> None:
    made = lab()
    made.store.post("propose", proposal({"optimiser.lr": 500.0}))
    crash = Outcome(status="failed", message="training crashed twice; its log ends:\nout of memory")
    assert "30 runs" in simulate(made, "30runs", with_lr(500.0, crash))
    verdict = next(body for body in of_kind(made, "verdict") if body["number"] == 1)
    failed = next(body["run"] for body in of_kind(made, "result") if body["outcome"]["status"] == "failed")
    assert verdict["decision"] == "inconclusive"
    assert failed in verdict["reasons"][0]
    assert verdict["reasons"][0].endswith("out of memory")
    assert len(of_kind(made, "verdict")) > 1
    made.campaign(check=True)


def test_a_champion_that_always_fails_ends_the_session_with_the_reason(lab: MakeLab) -> None:
    made = lab()
    reason = simulate(made, "60runs", lambda _: Outcome(status="failed", message="crashed twice: exit code 1"))
    assert "exit code 1" in reason
    verdicts = of_kind(made, "verdict")
    assert {body["decision"] for body in verdicts} == {"inconclusive"}
    assert all("exit code 1" in body["reasons"][0] for body in verdicts)
    assert all(any(run in body["reasons"][0] for run in started(made)) for body in verdicts)
    made.campaign(check=True)


def test_a_failure_does_not_give_back_what_its_first_half_cost(lab: MakeLab) -> None:
    made = lab()

    def outcome(order: RunOrder) -> Outcome:
        if order.run.recipe.hash == made.config.start.hash or order.stop_at_step is not None:
            return simulated(order)
        return Outcome(status="failed", message="crashed")

    flops = 3e9
    assert "FLOPs is spent" in simulate(made, f"{flops}flop", outcome)
    half = sum(body["outcome"]["flops"] for body in of_kind(made, "result") if body["outcome"]["status"] == "paused")
    whole = sum(body["outcome"]["flops"] for body in of_kind(made, "result") if body["outcome"]["status"] == "finished")
    assert half > 0
    assert half + whole <= flops


# Another trainer


def test_another_trainer_ends_open_tests_and_shares_no_pair_with_the_first(
    lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lab(execution={"in_flight": 1})
    with pytest.raises(KeyboardInterrupt):
        simulate(made, "60runs", watcher=Interrupt("bits per byte", 11))
    before = made.campaign()
    under_test = {test.number for test in before.decider.active}
    old = before.trainer
    runs_before = started(made)
    assert under_test
    assert before.decider.outstanding
    monkeypatch.setattr("assay.campaign.lab.trainer_identity", lambda *_: "another trainer")
    assert simulate(made, "60runs") == "the budget of 60 runs is spent"
    for number in under_test:
        verdict = next(body for body in of_kind(made, "verdict") if body["number"] == number)
        assert verdict["decision"] == "inconclusive"
        assert old in verdict["reasons"][0]
        assert "another trainer" in verdict["reasons"][0]
    rows = {row["hash"]: row for row in made.store.run_rows()}
    assert {rows[run]["trainer"] for run in started(made) - runs_before} == {"another trainer"}
    assert len(started(made) - runs_before) == 60
    assert {row["status"] for row in rows.values() if row["trainer"] == old} <= {"finished", "paused", "cancelled"}
    pairs = [pair for body in of_kind(made, "verdict") for e in body["evidence"] for pair in e["pairs"]]
    assert all(rows[pair["champion"]]["trainer"] == rows[pair["candidate"]]["trainer"] for pair in pairs)
    assert of_kind(made, "promotion")
    campaign = made.campaign(check=True)
    assert {rows[campaign.hash_of(key)]["trainer"] for key in campaign.outcomes} == {"another trainer"}


@pytest.mark.parametrize("change", [{"seed": 5}, {"start": {"optimiser": {"lr": 1e-3}}}])
def test_what_decides_comparability_cannot_change(lab: MakeLab, change: dict[str, Any]) -> None:
    made = lab()
    simulate(made, "4runs")
    config = made.config.model_dump(mode="json", exclude_none=True)
    (made.folder / "lab.toml").write_text(type(made.config).parse(config | change, "test").to_toml())
    with pytest.raises(UserError, match=next(iter(change))):
        simulate(Lab(made.folder), "4runs")
    assert START["optimiser"] != change.get("start", {}).get("optimiser")


# The lock


def test_a_second_controller_is_told_who_works(lab: MakeLab) -> None:
    made = lab()
    with controlling(made.folder, "assay run"), pytest.raises(UserError, match=r"`assay run` \(process \d+ of"):
        simulate(made, "4runs")
    simulate(made, "4runs")


def test_the_lock_of_a_killed_controller_is_free(lab: MakeLab) -> None:
    made = lab()
    code = (
        "import os, signal, sys; from pathlib import Path; from assay.campaign.lock import controlling\n"
        "with controlling(Path(sys.argv[1]), 'assay run'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(made.folder)], timeout=60)
    assert json.loads((made.folder / "lab.lock").read_text())["command"] == "assay run"
    assert holder(made.folder) is None
    simulate(made, "4runs")


# The ledger


@pytest.fixture(scope="module")
def written(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab after a campaign with every kind of entry; tests change it only inside transactions they roll back."""
    lab = make_lab(tmp_path_factory.mktemp("written") / "lab", corpora)
    lab.store.post("propose", proposal({"optimiser.lr": 2000.0}))
    lab.store.post("propose", proposal({"optimiser.name": "muon"}))
    with pytest.raises(KeyboardInterrupt):
        simulate(lab, "110runs", watcher=Interrupt("half-way"))
    lab.store.post("cancel", {"number": 2, "by": "human:ada"})
    simulate(lab, None)
    kinds = {entry.kind for entry in lab.store.ledger()}
    assert kinds >= {"lab", "session", "proposal", "run", "result", "verdict", "promotion", "refused", "cancel", "end"}
    return lab


class Undo(Exception):
    pass


def tampered(lab: Lab, change: Callable[[Connection], Any]) -> tuple[int | None, str]:
    """What `verify` finds after a change, which is then undone: number of the entry, and why."""
    found: list[tuple[int | None, str]] = []
    with contextlib.suppress(Undo), lab.store.transaction() as connection:
        change(connection)
        verification = verify(connection)
        found.append((verification.bad_seq, verification.problem))
        raise Undo
    return found[0]


def test_an_untouched_ledger_is_intact_and_its_verdicts_are_reproduced(
    written: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_command(written.folder) == 0
    verdicts = of_kind(written, "verdict")
    assert f"Intact: {len(written.store.ledger())} entries; {len(verdicts)} verdicts" in capsys.readouterr().out


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_changed_byte_of_an_entry_is_named(written: Lab, data: st.DataObject) -> None:
    rows = _rows(written)
    seq = data.draw(st.integers(1, len(rows)), label="entry")
    column = data.draw(st.sampled_from(["time", "kind", "body", "previous", "hash"]), label="column")
    old = rows[seq - 1][column].encode()
    place = data.draw(st.integers(0, len(old) - 1), label="place")
    byte = data.draw(st.integers(1, 255).filter(lambda value: value != old[place]), label="byte")
    new = old[:place] + bytes([byte]) + old[place + 1 :]

    def change(connection: Connection) -> None:
        connection.exec_driver_sql(f"UPDATE ledger SET {column} = CAST(? AS TEXT) WHERE seq = ?", (new, seq))

    assert tampered(written, change)[0] == seq


def _rows(lab: Lab) -> list[dict[str, Any]]:
    with lab.store.reading() as connection:
        return [dict(row) for row in connection.execute(select(ledger).order_by(ledger.c.seq)).mappings()]


def test_entries_that_are_renumbered_missing_or_added_are_named(written: Lab) -> None:
    last = len(_rows(written))

    def sql(text: str, *values: Any) -> tuple[int | None, str]:
        return tampered(written, lambda connection: connection.exec_driver_sql(text, values))

    for seq in (1, 2, last // 2, last - 1):
        assert sql("UPDATE ledger SET seq = ? WHERE seq = ?", last + 7, seq)[0] == seq
        assert sql("DELETE FROM ledger WHERE seq = ?", seq)[0] == seq
        for column in ("time", "kind", "body", "previous", "hash"):
            assert sql(f"UPDATE ledger SET {column} = ? WHERE seq = ?", 5, seq)[0] == seq
            assert sql(f"UPDATE ledger SET {column} = ? WHERE seq = ?", b"\xff", seq)[0] == seq
    bad, problem = sql("DELETE FROM ledger WHERE seq = ?", last)
    assert (bad, problem) == (last, "the ledger ends early or its head was changed")
    assert sql("DELETE FROM ledger WHERE seq > ?", last - 5)[0] == last - 4
    assert sql("DELETE FROM ledger")[0] == 1
    assert sql("UPDATE ledger SET seq = -4 WHERE seq = 3")[0] is not None
    assert sql("UPDATE ledger_head SET seq = seq + 1")[0] == last + 1
    assert sql("UPDATE ledger_head SET hash = 'x'")[0] == last + 1
    copied = "INSERT INTO ledger SELECT seq + 1, time, kind, body, hash, hash FROM ledger WHERE seq = ?"
    assert sql(copied, last)[0] == last + 1


def test_a_flipped_bit_in_the_file_is_named(written: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "lab"
    with sqlite3.connect(written.folder / "lab.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(written.folder, folder)
    entry = next(e for e in written.store.ledger() if e.kind == "result" and e.body["outcome"]["score"])
    needle = f'"run":"{entry.body["run"]}"}}'.encode()
    data = bytearray((folder / "lab.db").read_bytes())
    assert data.count(needle) == 1
    data[data.index(needle) + 10] ^= 0x80
    (folder / "lab.db").write_bytes(data)
    assert verify_command(folder) == 1
    assert f"BAD: entry {entry.seq}:" in capsys.readouterr().out


def rehash(connection: Connection) -> None:
    """Make the chain fit again, as a forger would."""
    previous = GENESIS
    for row in connection.execute(select(ledger).order_by(ledger.c.seq)).all():
        digest = _digest(row.seq, row.time, row.kind, row.body, previous)
        connection.execute(update(ledger).where(ledger.c.seq == row.seq).values(previous=previous, hash=digest))
        previous = digest
    connection.execute(update(ledger_head).values(seq=select(func.max(ledger.c.seq)).scalar_subquery(), hash=previous))


def forged(lab: Lab, folder: Path, change: Callable[[Connection], Any]) -> Lab:
    """A copy of a lab whose ledger was changed and hashed anew."""
    with sqlite3.connect(lab.folder / "lab.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(lab.folder, folder)
    copy = Lab(folder)
    with copy.store.transaction() as connection:
        change(connection)
        rehash(connection)
    assert copy.store.verify_ledger().bad_seq is None
    return copy


def edit(seq: int, change: Callable[[dict[str, Any]], Any]) -> Callable[[Connection], Any]:
    def apply(connection: Connection) -> None:
        body = json.loads(connection.execute(select(ledger.c.body).where(ledger.c.seq == seq)).scalar_one())
        change(body)
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        connection.execute(update(ledger).where(ledger.c.seq == seq).values(body=text))

    return apply


def test_forged_scores_are_found_by_replaying_the_decisions(
    written: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every score behind a verdict counts, to its last bits."""
    entries = written.store.ledger()
    behind = {
        pair[arm]
        for body in of_kind(written, "verdict")
        for evidence in body["evidence"]
        for pair in evidence["pairs"]
        for arm in ("champion", "candidate")
    }
    results = [e for e in entries if e.kind == "result" and e.body["run"] in behind and e.body["outcome"]["score"]]
    assert len(results) > 20
    for entry in results[:: len(results) // 8]:
        better = edit(entry.seq, lambda body: body["outcome"].update(score=body["outcome"]["score"] - 1e-12))
        copy = forged(written, tmp_path / f"score{entry.seq}", better)
        assert verify_command(copy.folder) == 1
        told = capsys.readouterr().out
        named = int(told.split("BAD: entry ")[1].split(":")[0])
        assert named > entry.seq
        assert entries[named - 1].kind in ("verdict", "promotion", "run", "proposal")


def test_forged_decisions_are_found(written: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = written.store.ledger()
    verdict = next(e for e in entries if e.kind == "verdict" and e.body["decision"] != "supported")
    promotion = next(e for e in entries if e.kind == "promotion")
    proposed = next(e for e in entries if e.kind == "proposal")
    run = next(e for e in entries if e.kind == "run")

    def drop(seq: int) -> Callable[[Connection], Any]:
        def apply(connection: Connection) -> None:
            connection.execute(ledger.delete().where(ledger.c.seq == seq))
            connection.execute(update(ledger).where(ledger.c.seq > seq).values(seq=-ledger.c.seq + 1))
            connection.execute(update(ledger).where(ledger.c.seq < 0).values(seq=-ledger.c.seq))

        return apply

    forgeries = {
        "decision": (verdict.seq, edit(verdict.seq, lambda body: body.update(decision="supported"))),
        "verdict": (verdict.seq, drop(verdict.seq)),
        "promotion": (promotion.seq, drop(promotion.seq)),
        "effect": (promotion.seq, edit(promotion.seq, lambda body: body["certificate"].update(effect_percent=9.0))),
        "level": (proposed.seq, edit(proposed.seq, lambda body: body["registered"].update(level=0.5))),
        "seed": (run.seq, edit(run.seq, lambda body: body.update(seed=77))),
        "nonsense": (run.seq, edit(run.seq, lambda body: body.pop("recipe"))),
        "proposal": (run.seq - 1, drop(proposed.seq)),
    }
    for name, (seq, change) in forgeries.items():
        copy = forged(written, tmp_path / name, change)
        assert verify_command(copy.folder) == 1, name
        told = capsys.readouterr().out
        assert int(told.split("BAD: entry ")[1].split(":")[0]) <= seq + 5, (name, told)


def test_a_ledger_that_contradicts_itself_is_one_sentence_for_whoever_runs_it(written: Lab, tmp_path: Path) -> None:
    run = next(e for e in written.store.ledger() if e.kind == "run")
    copy = forged(written, tmp_path / "lab", edit(run.seq, lambda body: body.pop("recipe")))
    with pytest.raises(UserError, match=rf"entry {run.seq} of the ledger does not fit"):
        simulate(copy, "4runs")


def test_live_and_replayed_campaigns_are_one(written: Lab) -> None:
    campaign = written.campaign(check=True)
    told = sorted(of_kind(written, "verdict"), key=lambda body: body["number"])
    assert [v.model_dump(mode="json") for _, v in sorted(campaign.every_verdict.items())] == told
    assert [g.model_dump(mode="json") for g in campaign.generations[1:]] == of_kind(written, "promotion")
    assert history(written)


def test_a_queued_proposal_is_withdrawn_once_and_never_registered(lab: MakeLab) -> None:
    made = lab()
    letter = made.store.post("propose", proposal({"optimiser.lr": 6e-4}))
    assert made.store.withdraw(letter, "withdrawn by human:ada")
    assert not made.store.withdraw(letter, "withdrawn by human:ada")
    simulate(made, "12runs")
    authors = {body["registered"]["proposal"]["author"] for body in of_kind(made, "proposal")}
    assert "human:ada" not in authors


def test_verification_forgives_last_digits_and_wording_and_nothing_else(lab: MakeLab) -> None:
    made = lab()
    simulate(made, "40runs")
    found = next(v for v in made.campaign().verdicts.values() if v.evidence[0].effect is not None)
    assert agrees(found, found.model_copy(update={"reasons": ("as an older version put it",)}))
    assert agrees(found, found.model_copy(update={"e_value": found.e_value * (1 + 1e-9)}))
    assert not agrees(found, found.model_copy(update={"e_value": found.e_value * 1.001}))
    other = "refuted" if found.decision != "refuted" else "supported"
    assert not agrees(found, found.model_copy(update={"decision": other}))
    pair = found.evidence[0].pairs[0].model_copy(update={"candidate": "0" * 16})
    evidence = found.evidence[0].model_copy(update={"pairs": (pair, *found.evidence[0].pairs[1:])})
    assert not agrees(found, found.model_copy(update={"evidence": (evidence, *found.evidence[1:])}))
    assert not agrees(None, found)


def test_the_error_rate_is_fixed_once_the_campaign_has_begun(lab: MakeLab) -> None:
    made = lab()
    simulate(made, "8runs")
    text = (made.folder / "lab.toml").read_text()
    assert "fdr = 0.05" in text
    (made.folder / "lab.toml").write_text(text.replace("fdr = 0.05", "fdr = 0.2"))
    with pytest.raises(UserError, match=r"evidence\.fdr"):
        simulate(Lab(made.folder), "8runs")
