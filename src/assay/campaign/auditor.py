"""Carries out an audit: trains what its open questions wait for, and writes every step to the ledger first."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from assay.campaign.audit import Round, next_round, run_of
from assay.campaign.controller import read_metrics
from assay.campaign.decide import Key
from assay.campaign.history import Campaign
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.campaign.spending import OPTIMISTIC_SPEED, check_limits, core_usd, flops_per_second
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.protocols import Executor
from assay.spec.run import Outcome
from assay.spec.scale import shape_at
from assay.store.ledger import Entry, append

#: The scale of confirmation, where certificates claim their gains.
CONFIRMATION = 1


class Progress(NamedTuple):
    """Where an audit stands, for whoever watches."""

    doing: str
    share: float
    """Of the budget, or of the most runs that the round may take."""


class _Spent(Exception):
    """The budget allows no more."""


class Auditor:
    """One call of `assay audit`.

    Args:
        lab: an open lab; `run` takes its lock.
        budget: how much may be spent; None: until every question has its answer or all its pairs.
        scale: place in the ladder.
        tick: called while waiting.
        executor: makes the executor, which is needed only if something is to be trained.
    """

    def __init__(
        self, lab: Lab, budget: Budget | None, scale: int, tick: Callable[[Progress], None],
        executor: Callable[[], Executor],
    ) -> None:  # fmt: skip
        self.lab = lab
        self.budget = budget or Budget()
        self.scale = scale
        self.tick = tick
        self._make_executor = executor
        self._executor: Executor | None = None
        self._waiting: dict[str, Key] = {}
        self.runs = 0
        self.flops = self.core_seconds = 0.0
        self.started = time.monotonic()

    def run(self) -> Campaign:
        """Go on until every question is answered or the budget is spent; returns the campaign as it then stands.

        Raises:
            UserError: another controller, a broken lab, a run that failed.
            KeyboardInterrupt: what was measured is kept, and the next call goes on.
        """
        with controlling(self.lab.folder, "assay audit"):
            manifest = self.lab.check()
            self.vocab = manifest.vocab
            self.campaign = self.lab.campaign()
            if len(self.campaign.generations) == 1:
                return self.campaign
            check_limits(self.campaign, self.budget) if self.budget != Budget() else None
            try:
                while self._round():
                    pass
            finally:
                if self._executor is not None:
                    self._executor.close()
                    with self.lab.store.transaction() as connection:
                        for digest in self._waiting:
                            self.lab.store.set_status(connection, digest, "paused")
            return self.campaign

    def _round(self) -> bool:
        """Work on the round that is due; returns whether another one is."""
        standing, plan = next_round(self.campaign, self.scale, self.lab.trainer())
        if standing == "done":
            return False
        if standing == "begin":
            with self.lab.store.transaction() as connection:
                for question in plan.questions:
                    if question.without is not None:
                        self.lab.store.put_recipe(connection, self.campaign.recipes[question.without])
                self._append(connection, {"step": "begin", "plan": plan.model_dump(mode="json")})
        current, spent = self.campaign.audits[-1], False
        try:
            while current.needs():
                self._submit(current)
                self._wait(current)
        except _Spent:
            spent = True
        verdict = current.verdict()
        with self.lab.store.transaction() as connection:
            self._append(connection, {"step": "verdict", "verdict": verdict.model_dump(mode="json")})
            if verdict.dropped is not None:
                append(connection, "promotion", self.campaign.generations[-1].model_dump(mode="json"))
        return verdict.dropped is not None and not spent

    def _append(self, connection: Connection, body: dict[str, Any]) -> None:
        """Write an entry and let the campaign read it, so that live and replayed history are one."""
        seq = append(connection, "audit", body)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.campaign.feed(Entry(seq=seq, time=now, kind="audit", body=body, hash_=""))

    def _submit(self, current: Round) -> None:
        """Start what is needed, as far as the budget allows; raises `_Spent` if nothing is left to wait for."""
        for key in current.needs():
            run = run_of(self.campaign, current, key)
            if run.hash in self._waiting:
                continue
            if self._refused(key):
                if not self._waiting:
                    raise _Spent
                return
            with self.lab.store.transaction() as connection:
                self.lab.store.put_run(connection, run, "running")
            if self._executor is None:
                self._executor = self._make_executor()
            self._waiting[run.hash] = key
            self.runs += 1
            self._executor.submit(self.lab.order(run, self.vocab), self.lab.run_dir(run.hash))

    def _refused(self, key: Key) -> bool:
        """Whether the budget allows no run more."""
        budget = self.budget
        pending = sum(self._cost(k) for k in (*self._waiting.values(), key))
        ahead = pending / (flops_per_second(self.campaign) or OPTIMISTIC_SPEED)
        return (
            (budget.runs is not None and self.runs >= budget.runs)
            or (budget.flops is not None and self.flops + pending > budget.flops)
            or (budget.seconds is not None and time.monotonic() - self.started >= budget.seconds)
            or (budget.usd is not None and core_usd(self.campaign, self.core_seconds + ahead) >= budget.usd)
        )

    def _cost(self, key: Key) -> float:
        return shape_at(self.campaign.recipes[key.recipe], self.campaign.config.ladder[key.scale], self.vocab).flops

    def _wait(self, current: Round) -> None:
        """Take what finishes until something has."""
        assert self._executor is not None
        while True:
            finished = self._executor.poll(0.1)
            for digest, outcome in finished:
                key = self._waiting.pop(digest, None)
                if key is not None:
                    self._take(digest, key, outcome)
            self.tick(self._progress(current))
            if finished:
                return
            if self.budget.seconds is not None and time.monotonic() - self.started >= self.budget.seconds:
                raise _Spent

    def _take(self, digest: str, key: Key, outcome: Outcome) -> None:
        if outcome.status == "failed":
            raise UserError(f"run {digest} failed: {outcome.message}")
        self.flops += outcome.flops
        self.core_seconds += outcome.seconds
        with self.lab.store.transaction() as connection:
            self.lab.store.put_outcome(connection, digest, outcome)
            self.lab.store.put_metrics(connection, digest, read_metrics(self.lab.run_dir(digest)))
            body = {
                "step": "result", "run": digest, "recipe": key.recipe, "seed": key.seed,
                "outcome": outcome.model_dump(mode="json"),
            }  # fmt: skip
            self._append(connection, body)

    def _progress(self, current: Round) -> Progress:
        budget, asked = self.budget, [q for q in current.spec.questions if q.without is not None]
        pairs = max((len(seeds) for seeds in current.pairs.values()), default=0)
        shares = [pairs / current.spec.cap]
        for amount, limit in (
            (self.runs - len(self._waiting), budget.runs), (time.monotonic() - self.started, budget.seconds),
            (self.flops, budget.flops),
        ):  # fmt: skip
            if limit:
                shares.append(amount / limit)
        doing = (
            f"round {current.spec.round}: {len(asked) - len(current.open)} of {len(asked)} questions answered, "
            f"{pairs} of at most {current.spec.cap} pairs"
        )
        return Progress(doing, min(1.0, max(shares)))
