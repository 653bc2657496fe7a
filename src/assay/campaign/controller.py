"""The controller: drives proposals, runs and verdicts of one session, and writes every step to the ledger first.

Each step is one transaction: a run's outcome, its metrics, the decisions that follow from it. A controller that
dies between two steps finds, after a restart, either the whole step or nothing of it; runs go on from their
checkpoints, and finished ones are read from their folders.
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from assay.campaign.decide import Key, Need
from assay.campaign.history import Campaign
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.campaign.observe import registration, view_of
from assay.campaign.spending import Purse, check_enough, remaining
from assay.campaign.watch import Snapshot, Watcher
from assay.researchers.admissible import admissible
from assay.researchers.create import create
from assay.researchers.exchange import Exchange
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.proposal import Proposal
from assay.spec.protocols import Executor, Researcher, ResearcherUnavailable
from assay.spec.registry import load
from assay.spec.run import Outcome
from assay.store.ledger import Entry, append

EMBEDDED = ("known", "tpe")


class Ending(Exception):
    """Why a session ends."""


class Controller:
    """One session of a campaign.

    Args:
        lab: an open lab; the caller holds no lock, `run` takes it.
        budget: how much more to spend; None goes on with what an interrupted session had left.
        watcher: shows what happens.
        command: how this session was started, for the lock and the ledger.
        executor: where runs happen; by default the one that `lab.toml` names.
    """

    def __init__(
        self, lab: Lab, budget: Budget | None, watcher: Watcher, command: str = "assay run",
        executor: Executor | None = None,
    ) -> None:  # fmt: skip
        self.lab = lab
        self.asked = budget
        self.watcher = watcher
        self.command = command
        self._executor = executor
        self.started = time.monotonic()
        self._finished: dict[str, Outcome] = {}
        self._closed = ""
        self._silent: set[str] = set()

    def run(self) -> str:
        """Go on until the budget is spent or nobody has anything to propose; returns why it ended.

        Raises:
            UserError: another controller, a broken lab, a budget too small, a researcher that cannot answer.
            KeyboardInterrupt: after pausing every run; the ledger says so.
        """
        with controlling(self.lab.folder, self.command):
            manifest = self.lab.check()
            campaign = self.lab.campaign()
            self._refuse_changes(campaign)
            budget = self.asked or remaining(campaign)
            if budget is None:
                raise UserError("say how much may be spent, for example --budget 20m or --budget 40runs")
            check_enough(campaign, budget, self.lab.workers())
            self.manifest, self.campaign = manifest, campaign
            self.usd_before = self.lab.store.usd_spent()
            self.purse = Purse(budget, self.usd_before)
            self.researchers = self._create_researchers()
            self.started = time.monotonic()
            self._begin(budget)
            executor: Executor = self._executor or load("executor", self.lab.config.execution.executor)(
                workers=self.lab.workers(), weights=self.lab.config.corpus.score_weights
            )
            self.executor = executor
            reason = "an error"
            try:
                self._resubmit()
                while True:
                    self._step()
            except Ending as end:
                reason = str(end)
                return reason
            except KeyboardInterrupt:
                reason = "paused by Ctrl-C"
                raise
            except UserError as error:
                reason = str(error)
                raise
            finally:
                executor.close()
                self._end(reason)

    # A session's begin and end

    def _refuse_changes(self, campaign: Campaign) -> None:
        """What decides comparability is fixed for a lab's life."""
        if campaign.session is None:
            return
        then, now = campaign.config, self.lab.config
        for key in ("corpus", "ladder", "start", "seed"):
            if getattr(then, key) != getattr(now, key):
                raise UserError(
                    f"{self.lab.folder / 'lab.toml'}: [{key}] has changed since the campaign began; results would no "
                    f"longer be comparable. Put it back, or make a new lab with `assay init`"
                )

    def _create_researchers(self) -> dict[str, Researcher]:
        settings = self.lab.config.researchers
        names = list(settings.use)
        if settings.claude.fallback:
            names += [name for name in EMBEDDED if name not in names]
        return {name: create(name, self.lab.config, self._record, self.usd_before) for name in names}

    def _record(self, exchange: Exchange) -> None:
        self.lab.store.put_exchange(exchange.author, exchange.cost_usd, exchange.model_dump(mode="json"))

    def _begin(self, budget: Budget) -> None:
        body = {
            "config": self.lab.config.model_dump(mode="json"),
            "trainer": self.lab.trainer(),
            "budget": budget.model_dump(mode="json"),
            "command": self.command,
        }
        before = set(self.campaign.verdicts)
        with self.lab.store.transaction() as connection:
            self._append(connection, "session", body)
            for number in sorted(set(self.campaign.verdicts) - before):
                self._append_verdict(connection, number)

    def _end(self, reason: str) -> None:
        with self.lab.store.transaction() as connection:
            if reason == "paused by Ctrl-C" or reason == "an error":
                append(connection, "note", {"text": reason})
            else:
                append(connection, "end", {"reason": reason})
            for need in self.campaign.decider.outstanding:
                self.lab.store.set_status(connection, self.campaign.hash_of(need.key), "paused")
        self.watcher.say(f"Session ended: {reason}.")

    def _append(self, connection: Connection, kind: str, body: dict[str, Any]) -> None:
        """Write an entry and let the campaign read it, so that live and replayed history are one."""
        seq = append(connection, kind, body)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.campaign.feed(Entry(seq=seq, time=now, kind=kind, body=body, hash_=""))

    # Steps

    def _resubmit(self) -> None:
        for need in self.campaign.decider.outstanding:
            self._submit(need)

    def _step(self) -> None:
        """Fill the queue, wait for the oldest outstanding run, take its outcome."""
        self._read_inbox()
        self._fill()
        if not self.campaign.decider.outstanding:
            raise Ending(self._closed or "no researcher has anything left to propose")
        need = self.campaign.decider.outstanding[0]
        outcome = self._wait(need)
        if outcome is not None:
            self._take(need, outcome)

    def _fill(self) -> None:
        """Register proposals and start runs for as long as the budget allows."""
        while not self._closed:
            self._start_runs()
            if self._closed or not self._register_one():
                return

    def _start_runs(self) -> None:
        needs = self.campaign.decider.needs()
        allowed: list[Need] = []
        with self.lab.store.transaction() as connection:
            for need in needs:
                self._closed = self._closed or self._refusal(need.key) or ""
                if self._closed:
                    break
                run = self.campaign.run_of(need.key)
                body = {
                    "run": run.hash, "recipe": need.key.recipe, "scale": need.key.scale, "seed": need.key.seed,
                    "half": need.half, "number": need.number,
                }  # fmt: skip
                self.lab.store.put_run(connection, run, "running")
                self._append(connection, "run", body)
                allowed.append(need)
        for need in allowed:
            self._submit(need)

    def _refusal(self, key: Key) -> str | None:
        return self.purse.refusal(self.campaign, key, time.monotonic() - self.started, self.lab.store.usd_spent())

    def _submit(self, need: Need) -> None:
        run = self.campaign.run_of(need.key)
        stop = self.campaign.stop_step(need.key) if need.half else None
        self.executor.submit(self.lab.order(run, self.manifest.vocab, stop), self.lab.run_dir(run.hash))

    def _register_one(self) -> bool:
        """Register the next proposal if the loop has room for one; False if there is none to take."""
        decider = self.campaign.decider
        if not decider.vacancies:
            return False
        if decider.retests:
            old = decider.retests[0]
            proposal = self.campaign.registered[old.number].proposal
            refusal = admissible(view_of(self.campaign, self.manifest), proposal)
            if refusal is None:
                self._register(proposal, retest_of=old.number)
                return True
            decider.retests.pop(0)
            self._refuse(proposal, f"retest of proposal {old.number}: {refusal}")
            return True
        for letter in self.lab.store.letters():
            if letter.kind == "propose":
                return self._take_letter(letter.id, letter.body)
        return self._ask_researchers()

    def _take_letter(self, letter: int, body: dict[str, Any]) -> bool:
        proposal = Proposal.model_validate_json(json.dumps(body))
        refusal = admissible(view_of(self.campaign, self.manifest), proposal)
        with self.lab.store.transaction() as connection:
            self.lab.store.answer(connection, letter, refusal or f"registered as {self.campaign.decider.next_number}")
        if refusal is None:
            self._register(proposal)
        else:
            self._refuse(proposal, refusal)
        return True

    def _ask_researchers(self) -> bool:
        decider = self.campaign.decider
        for name in self.lab.config.researchers.use:
            proposals = self._propose(name, decider.vacancies)
            for proposal in proposals:
                if decider.vacancies and admissible(view_of(self.campaign, self.manifest), proposal) is None:
                    self._register(proposal)
            if proposals:
                return True
        return False

    def _propose(self, name: str, n: int) -> list[Proposal]:
        if name in self._silent:
            return [p for other in self._stand_ins() for p in self.researchers[other].propose(self._view(), n)][:n]
        self.watcher.tick(self._snapshot(f"asking {name} for proposals"))
        try:
            return self.researchers[name].propose(self._view(), n)
        except ResearcherUnavailable as error:
            if not self.lab.config.researchers.claude.fallback:
                raise UserError(
                    f"researcher '{name}' cannot answer: {error} (set fallback = true under [researchers.claude] in "
                    f"lab.toml to go on with the embedded researchers)"
                ) from None
            self._silent.add(name)
            with self.lab.store.transaction() as connection:
                self._append(connection, "note", {"text": f"{name} is unavailable: {error}; going on without it"})
            self.watcher.say(f"{name} is unavailable ({error}); going on with {', '.join(self._stand_ins())}.")
            return self._propose(name, n)

    def _stand_ins(self) -> list[str]:
        return [name for name in EMBEDDED if name in self.researchers and name not in self.lab.config.researchers.use]

    def _view(self) -> Any:
        return view_of(self.campaign, self.manifest, ", ".join(self._budget_words()))

    def _budget_words(self) -> list[str]:
        budget, campaign = self.purse.budget, self.campaign
        words: list[str] = []
        if budget.runs is not None:
            words.append(f"{budget.runs - len(campaign.runs_in_session)} of {budget.runs} runs")
        if budget.flops is not None:
            words.append(f"{budget.flops - campaign.flops_in_session:.2e} of {budget.flops:.2e} FLOPs")
        if budget.seconds is not None:
            left = max(0.0, budget.seconds - (time.monotonic() - self.started))
            words.append(f"{left / 60:.0f} of {budget.seconds / 60:.0f} minutes")
        if budget.usd is not None:
            words.append(f"{budget.usd:.2f} USD in all")
        return words

    def _register(self, proposal: Proposal, retest_of: int | None = None) -> None:
        registered, candidate = registration(self.campaign, proposal, retest_of)
        with self.lab.store.transaction() as connection:
            self.lab.store.put_recipe(connection, candidate)
            self._append(connection, "proposal", {"registered": registered.model_dump(mode="json")})
        change = ", ".join(f"{key} = {value}" for key, value in proposal.change.items())
        self.watcher.say(
            f"#{registered.number} proposed by {proposal.author}: {change} (needs e >= {1 / registered.level:.0f})"
        )

    def _refuse(self, proposal: Proposal, reason: str) -> None:
        with self.lab.store.transaction() as connection:
            self._append(connection, "refused", {"proposal": proposal.model_dump(mode="json"), "reason": reason})
        self.watcher.say(f"Refused a proposal of {proposal.author}: {reason}.")

    def _read_inbox(self) -> None:
        """Cancellations take effect at once; proposals wait for their turn."""
        for letter in self.lab.store.letters():
            if letter.kind == "cancel":
                number = int(letter.body["number"])
                registered = self.campaign.registered.get(number)
                if registered is None or number in self.campaign.verdicts:
                    with self.lab.store.transaction() as connection:
                        self.lab.store.answer(connection, letter.id, f"proposal {number} is not under test")
                    continue
                before = list(self.campaign.decider.outstanding)
                with self.lab.store.transaction() as connection:
                    self._append(
                        connection, "cancel", {"number": number, "reason": f"cancelled by {letter.body['by']}"}
                    )
                    self._append_verdict(connection, number)
                    self.lab.store.answer(connection, letter.id, f"proposal {number} is cancelled")
                    for need in before:
                        if need not in self.campaign.decider.outstanding:
                            digest = self.campaign.hash_of(need.key)
                            self.executor.cancel(digest)
                            self.lab.store.set_status(connection, digest, "cancelled")

    def _append_verdict(self, connection: Connection, number: int) -> None:
        append(connection, "verdict", self.campaign.verdicts[number].model_dump(mode="json"))

    def _wait(self, need: Need) -> Outcome | None:
        """The outcome of a run, or None when something else needs attention first."""
        digest = self.campaign.hash_of(need.key)
        letters_at = time.monotonic() + 1.0
        while digest not in self._finished:
            for finished, outcome in self.executor.poll(0.1):
                self._finished[finished] = outcome
            self.watcher.tick(self._snapshot("training"))
            now = time.monotonic()
            if self.purse.budget.seconds is not None and now - self.started >= self.purse.budget.seconds:
                raise Ending(f"the budget of {self.purse.budget.seconds:.0f} s is spent")
            if now > letters_at:
                letters_at = now + 1.0
                if any(letter.kind == "cancel" for letter in self.lab.store.letters()):
                    return None
        return self._finished.pop(digest)

    def _take(self, need: Need, outcome: Outcome) -> None:
        digest, store = self.campaign.hash_of(need.key), self.lab.store
        generations = len(self.campaign.generations)
        before = set(self.campaign.verdicts)
        with store.transaction() as connection:
            store.put_outcome(connection, digest, outcome)
            if outcome.status != "paused":
                store.put_metrics(connection, digest, read_metrics(self.lab.run_dir(digest)))
            self._append(connection, "result", {"run": digest, "outcome": outcome.model_dump(mode="json")})
            new = [number for number in self.campaign.verdicts if number not in before]
            for number in new:
                self._append_verdict(connection, number)
            for generation in self.campaign.generations[generations:]:
                append(connection, "promotion", generation.model_dump(mode="json"))
        self._announce(need, outcome, new)
        for generation in self.campaign.generations[generations:]:
            certificate = generation.certificate
            assert certificate is not None
            self.watcher.say(
                f"Generation {generation.number}: proposal #{certificate.registered.number} promoted, "
                f"{certificate.effect_percent:+.2f}% bits per byte saved at '{self.campaign.config.ladder[1].name}'."
            )

    def _announce(self, need: Need, outcome: Outcome, verdicts: list[int]) -> None:
        scale = self.campaign.config.ladder[need.key.scale].name
        arm = "champion" if need.key.recipe == self.campaign.registered[need.number].champion else f"#{need.number}"
        what = {"paused": "half-way", "failed": "FAILED", "diverged": "DIVERGED"}.get(outcome.status, "")
        score = f"{outcome.score:.4f} bits per byte" if outcome.score is not None else what
        self.watcher.say(f"run {self.campaign.hash_of(need.key)} {arm} {scale} seed {need.key.seed}: {score}")
        for number in verdicts:
            verdict = self.campaign.verdicts[number]
            self.watcher.say(
                f"#{number} {verdict.decision.upper()}: e = {verdict.e_value:.3g} (needed {verdict.threshold:.3g}); "
                f"{'; '.join(verdict.reasons)}"
            )

    def _snapshot(self, doing: str) -> Snapshot:
        seconds, budget, campaign = time.monotonic() - self.started, self.purse.budget, self.campaign
        shares: list[float] = []
        left: float | None = None
        if budget.seconds is not None:
            shares.append(seconds / budget.seconds)
            left = max(0.0, budget.seconds - seconds)
        if budget.runs is not None:
            shares.append(len(campaign.runs_in_session) / budget.runs)
        if budget.flops is not None:
            shares.append(campaign.flops_in_session / budget.flops)
        if shares and left is None and max(shares) > 0:
            left = seconds * (1 - max(shares)) / max(shares)
        return Snapshot(campaign, self.executor.progress(), seconds, max(shares, default=None), left, doing)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Points of a run's `metrics.jsonl`, one a step; nothing if the trainer wrote none."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    points: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            point = json.loads(line)
            points[int(point["step"])] = point
        except (ValueError, KeyError, TypeError):
            continue  # a last line cut short by a kill
    return [points[step] for step in sorted(points)]
