"""Measuring a lab's noise: rounds of runs around the champion, outside the campaign and its error budget."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from assay.campaign.controller import read_metrics
from assay.campaign.estimates import Scores, Spans, estimates
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.campaign.rounds import Place, Plan, make_plan
from assay.campaign.spending import OPTIMISTIC_SPEED
from assay.evaluation.spans import read_span_losses, read_spans
from assay.spec.budget import Budget
from assay.spec.calibration import Calibration
from assay.spec.errors import UserError
from assay.spec.protocols import Executor
from assay.spec.run import Outcome, Run
from assay.spec.scale import shape_at
from assay.store.ledger import append

#: Rounds without a budget, and the fewest that say anything.
ROUNDS, LEAST_ROUNDS = 8, 3
MOST_ROUNDS = 40
_OVER = ("finished", "diverged", "failed")


class Tick(NamedTuple):
    """How far a calibration is, for people to watch; compute in FLOPs, that of earlier calls included."""

    round: int
    runs: int
    flops: float
    expected: float


class _Bench:
    """The runs of a calibration, those that are there already and those under way."""

    def __init__(self, lab: Lab, plan: Plan, executor: Executor, vocab: int) -> None:
        self.lab, self.plan, self.executor, self.vocab = lab, plan, executor, vocab
        self.runs: dict[Place, Run] = {}
        self.hashes: dict[Place, str] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.waiting: dict[str, Run] = {}
        self.known = {row["hash"]: row for row in lab.store.run_rows() if row["status"] in _OVER}
        self.done_flops = self.new_flops = self.new_seconds = 0.0
        self.new_runs = 0

    def cost(self, run: Run) -> float:
        return shape_at(run.recipe, run.scale, self.vocab).flops

    def fresh(self, i: int) -> list[Run]:
        """The runs of a round that are still to be paid for."""
        return [run for _, run in self.plan.round(i) if run.hash not in self.known and run.hash not in self.waiting]

    def order(self, i: int) -> None:
        """Submit a round; runs that are in the store already answer at once."""
        for place, run in self.plan.round(i):
            digest = run.hash
            self.runs[place], self.hashes[place] = run, digest
            if digest in self.known:
                row = self.known[digest]
                self.outcomes[digest] = Outcome(
                    status=row["status"], score=row["score"], flops=row["flops"], seconds=row["seconds"],
                    message=row["message"],
                )  # fmt: skip
                self.done_flops += self.cost(run)
            elif digest not in self.waiting:
                self.waiting[digest] = run
                with self.lab.store.transaction() as connection:
                    self.lab.store.put_run(connection, run, "running")
                self.executor.submit(self.lab.order(run, self.vocab), self.lab.run_dir(digest))

    def poll(self) -> None:
        for digest, outcome in self.executor.poll(0.1):
            run = self.waiting.get(digest)
            if run is None:
                continue
            if outcome.status == "paused":  # by somebody else: it goes on
                self.executor.submit(self.lab.order(run, self.vocab), self.lab.run_dir(digest))
                continue
            with self.lab.store.transaction() as connection:
                self.lab.store.put_outcome(connection, digest, outcome)
                self.lab.store.put_metrics(connection, digest, read_metrics(self.lab.run_dir(digest)))
            self.outcomes[digest] = outcome
            del self.waiting[digest]
            self.done_flops += self.cost(run)
            self.new_flops += self.cost(run)
            self.new_seconds += outcome.seconds
            self.new_runs += 1

    def pause(self) -> None:
        """Note that what was under way is paused; the executor has been closed."""
        with self.lab.store.transaction() as connection:
            for digest in self.waiting:
                self.lab.store.set_status(connection, digest, "paused")

    def scores(self) -> Scores:
        """Score of each place that has one, None where training diverged; runs that failed are left out.

        Raises:
            UserError: the champion itself failed, or diverges.
        """
        found: dict[Place, float | None] = {}
        for place, digest in self.hashes.items():
            outcome = self.outcomes[digest]
            if outcome.status == "failed":
                if place.arm == "champion":
                    raise UserError(f"run {digest} failed: {outcome.message}")
                continue
            found[place] = outcome.score
        mine = [
            score for place, score in found.items() if place.arm == "champion" and place.scale == self.plan.scale.name
        ]
        if sum(score is None for score in mine) > len(mine) / 4:
            raise UserError(
                f"the champion diverges in {sum(score is None for score in mine)} of {len(mine)} runs, so there is no "
                f"steady noise to measure; lower its learning rate first"
            )
        return found


def calibrate(
    lab: Lab, budget: Budget | None, scale: int, executor: Executor, tick: Callable[[Tick, Executor], None]
) -> Calibration:
    """Measure the noise around the champion, and put what was found into the ledger.

    Whole rounds are measured, as many as the budget allows. Runs of an earlier call are not paid for again, so the same
    command goes on where it was interrupted, and with a larger budget adds rounds. The caller closes the executor.

    Args:
        scale: place in the ladder.
        tick: called while waiting.

    Raises:
        UserError: another controller, a broken lab, a budget below the fewest rounds, a champion that cannot be run.
        KeyboardInterrupt: what was under way is marked as paused.
    """
    with controlling(lab.folder, "assay calibrate"):
        manifest, campaign = lab.check(), lab.campaign()
        recipe = campaign.recipes[campaign.decider.champion]
        lab.check_recipe(recipe, lab.config.ladder[scale], "the champion")
        plan = make_plan(
            recipe, lab.config.ladder, scale, sorted(manifest.domains), manifest.vocab, lab.config.seed,
            lab.config.corpus.id, lab.trainer(),
        )  # fmt: skip
        bench = _Bench(lab, plan, executor, manifest.vocab)
        rounds = _rounds(bench, budget)
        try:
            done = _run(bench, budget, rounds, tick)
        finally:
            executor.close()
            if bench.waiting:
                bench.pause()
        found = estimates(
            plan, done, bench.scores(), _spans(lab, bench), lab.config.evidence,
            1 / campaign.decider.next_level(), tuple(dict.fromkeys(bench.hashes.values())),
        )  # fmt: skip
        if campaign.calibration is None or campaign.calibration != found:
            with lab.store.transaction() as connection:
                append(connection, "calibration", {"calibration": found.model_dump(mode="json")})
    return found


def _rounds(bench: _Bench, budget: Budget | None) -> int:
    """The most rounds that a budget in runs, FLOPs or money allows; time is watched on the way."""
    if budget is None:
        return ROUNDS
    price = bench.lab.config.costs.usd_per_core_hour
    if budget.usd is not None and not price:
        raise UserError(
            "a budget in USD is no limit here: set costs.usd_per_core_hour in lab.toml, or say how much time or how "
            "many runs it may take, for example --budget 10m"
        )
    runs = flops = usd = 0.0
    for i in range(MOST_ROUNDS):
        fresh = bench.fresh(i)
        runs += len(fresh)
        flops += sum(bench.cost(run) for run in fresh)
        usd = flops / OPTIMISTIC_SPEED / 3600 * price
        limits = ((budget.runs, runs), (budget.flops, flops), (budget.usd, usd))
        if any(limit is not None and needed > limit for limit, needed in limits):
            if i < LEAST_ROUNDS:
                few = [run for j in range(LEAST_ROUNDS) for run in bench.fresh(j)]
                raise UserError(
                    f"the budget covers {i} of the {LEAST_ROUNDS} rounds that are the fewest to say anything; give at "
                    f"least {len(few)}runs or {1.05 * sum(bench.cost(run) for run in few):.2g}flop"
                )
            return i
    return MOST_ROUNDS


def _run(bench: _Bench, budget: Budget | None, rounds: int, tick: Callable[[Tick, Executor], None]) -> int:
    """Run round after round; returns how many are complete.

    Raises:
        UserError: the time was up before there were enough.
    """
    started, workers = time.monotonic(), bench.lab.workers()
    seconds = budget.seconds if budget else None
    expected = math.fsum(bench.cost(run) for i in range(rounds) for _, run in bench.plan.round(i))
    ordered = 0

    def in_time() -> bool:
        """Whether the next round would end before the time is up, at the speed seen so far."""
        if seconds is None or not bench.new_flops:
            return True
        spent = time.monotonic() - started
        speed = bench.new_flops / spent
        ahead = [*bench.fresh(ordered), *bench.waiting.values()]
        return spent + sum(bench.cost(run) for run in ahead) / speed <= seconds

    while True:
        while ordered < rounds and len(bench.waiting) < 2 * workers and in_time():
            bench.order(ordered)
            ordered += 1
        if not bench.waiting:
            break
        if seconds is not None and time.monotonic() - started > 1.2 * seconds:
            break
        bench.poll()
        tick(Tick(ordered, bench.new_runs, bench.done_flops, expected), bench.executor)
    complete = 0
    for i in range(ordered):
        if any(run.hash in bench.waiting for _, run in bench.plan.round(i)):
            break
        complete = i + 1
    if complete < LEAST_ROUNDS:
        raise UserError(
            f"the time was up after {complete} of the {LEAST_ROUNDS} rounds that are the fewest to say anything; what "
            f"was measured is kept, and the same command goes on with it"
        )
    for i in range(complete, ordered):
        for place, _ in bench.plan.round(i):
            bench.hashes.pop(place, None)
    return complete


def _spans(lab: Lab, bench: _Bench) -> Spans | None:
    """Losses on single spans of the runs at (i, i); None where any is missing."""
    spans = read_spans(lab.corpus_dir)
    weights = lab.config.corpus.score_weights
    sizes = np.array([float(len(span.text.encode())) for span in spans])
    names = sorted({span.domain for span in spans})
    domains = np.array([names.index(span.domain) for span in spans])
    documents = {document: n for n, document in enumerate(dict.fromkeys(span.document for span in spans))}
    whole = np.array([sizes[domains == d].sum() for d in range(len(names))])
    share = np.array([weights.get(name, 0.0) for name in names]) / sum(weights.values())
    factor = share[domains] / (math.log(2) * whole[domains])
    found: dict[Place, np.ndarray] = {}
    names_here = {"champion", *(arm.name for arm in bench.plan.arms)}
    for place, digest in bench.hashes.items():
        here = place.scale == bench.plan.scale.name and place.init == place.data and not place.repeat
        if not (here and place.arm in names_here and bench.outcomes[digest].status == "finished"):
            continue
        nats = read_span_losses(lab.run_dir(digest))
        if nats is None or len(nats) != len(spans):
            return None
        found[place] = nats * factor
    numbers = np.array([documents[span.document] for span in spans])
    return Spans(found, sizes, domains, numbers) if found else None
