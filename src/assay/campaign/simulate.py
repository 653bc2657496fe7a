"""Whole campaigns on synthetic outcomes: how often given settings err, what they find, and what that costs.

The decisions are those of the same `Decider` and the same gates that live campaigns use, driven as the controller
drives them; only the runs are drawn from a noise model. Nothing is trained, hashed or written.

What counts. A promotion is false if its change does not truly help at both of the scales that promotion claims, the
smallest and the confirmation scale. Effects add up, so the truth about a change does not depend on the champion it is
tried on, and what another learning rate gains does not either. A proposal that was supported against a champion
replaced meanwhile is not promoted; it is proposed once more, as the controller does, and counts as found if it or its
retest is promoted. Every test is brought to its end:
there is no budget.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.campaign.decide import Decider, Key, Need, Result, Test, Variant
from assay.evidence.compare import evidence_of
from assay.evidence.intervals import exact_interval
from assay.governance.gates import apply_gates
from assay.spec.lab import EvidenceSettings, Limits
from assay.spec.verdict import Compared, Decision, Pair, Verdict

#: True effect of a change at each scale of the ladder, in standard deviations of one paired difference.
Effects = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Where scores come from: generation 0's score, less the effects of a recipe's changes, plus two kinds of noise.

    All noise is Gaussian. What a seed does to every recipe cancels in a paired difference, what it does to one recipe
    does not. All tests against one champion see the same noise of the champion's runs at the smallest scale.
    """

    scores: tuple[float, ...] = (2.5, 2.2, 2.0)
    """Generation 0's bits per byte at each scale of the ladder."""
    deviation: float = 0.6
    """Standard deviation of a paired difference, per cent of generation 0's score."""
    shared: float = 1.0
    """Standard deviation of what a seed does to every recipe, per cent of generation 0's score."""
    divergence: float = 0.0
    """Probability that a run diverges, whatever its recipe."""
    structural: bool = False
    """Whether proposals change architecture or optimiser, so that the champion is tuned before they replace it."""
    tuning: tuple[float, ...] = (0.0, 0.0, -1.0, -1.0)
    """True effect of each learning rate that the champion may try, in deviations of a paired difference."""
    vault: float | None = None
    """Probability that the vault confirms a candidate; None: the lab has no vault."""


@dataclass(frozen=True, slots=True)
class SimulatedCampaign:
    """What became of a list of proposals."""

    proposals: tuple[Effects, ...]
    tests: tuple[Test, ...]
    """Every test, retests included and placebos not, in order of registration."""
    proposed: tuple[int, ...]
    """The proposal that each test tried, by its place in `proposals`."""
    promoted: tuple[int, ...]
    """The proposals that were promoted, in order of promotion."""
    runs: tuple[int, ...]
    """Runs started at each scale; one that stopped half-way counts as one, gone on with or not."""
    placebos: tuple[Test, ...] = ()
    """Tests of placebos, which are neither in `tests` nor in `promoted`."""

    @property
    def true(self) -> frozenset[int]:
        """The proposals that help at both scales that promotion claims."""
        return frozenset(i for i, effects in enumerate(self.proposals) if min(effects[:2]) > 0)

    @property
    def false_promotions(self) -> int:
        return sum(proposal not in self.true for proposal in self.promoted)

    @property
    def false_share(self) -> float:
        """False promotions among all promotions; 0 if there is none. Its expectation is the false discovery rate."""
        return self.false_promotions / max(1, len(self.promoted))


def simulate(
    settings: EvidenceSettings,
    proposals: Sequence[Effects],
    rng: np.random.Generator,
    world: World = World(),
    in_flight: int = 2,
) -> SimulatedCampaign:
    """Run one campaign until every proposal, and every retest, has its verdict.

    A placebo that passes is counted, and the campaign goes on as after a person's word. What a lost retuning would
    have proposed is left out: it is a proposal like any other.

    Args:
        settings: caps, levels and the smallest effect worth having, as in `lab.toml`.
        proposals: true effects of each, in the order in which they are proposed.
        rng: source of all noise.
        world: scores and noise.
        in_flight: proposals under test at a time.
    """
    start = "0"
    outcomes = Outcomes(world, rng, start)
    decider = Decider(
        settings, len(world.scores), start, int(rng.integers(2**31)), in_flight,
        lambda test: _judge(decider, test), lambda test: outcomes.variants(test.champion),
    )  # fmt: skip
    decider.vault = world.vault is not None
    waiting = deque(range(len(proposals)))
    proposed: list[int] = []
    promoted: list[int] = []
    while True:
        _submit(decider)
        while decider.vacancies and (decider.retests or waiting):
            if decider.placebo_due:
                candidate = str(decider.next_placebo)
                outcomes.add(candidate, decider.champion, (0.0,) * len(world.scores))
                decider.register_placebo(candidate)
                _submit(decider)
                continue
            proposal = proposed[decider.retests.pop(0).number - 1] if decider.retests else waiting.popleft()
            candidate = str(decider.next_number)
            outcomes.add(candidate, decider.champion, proposals[proposal])
            decider.register(candidate, may_stop_half=True)
            proposed.append(proposal)
            _submit(decider)
        if not decider.outstanding:
            break
        closings = decider.apply(outcomes.of(decider.outstanding[0]))
        for test in decider.pending_vault:
            closings += decider.answer_vault(test.number, rng.random() < (world.vault or 0.0), "vault")
        for closing in closings:
            if closing.promoted:
                promoted.append(proposed[closing.test.number - 1])
    tests = tuple(test for test in decider.tests if not test.placebo)
    placebos = tuple(test for test in decider.tests if test.placebo)
    return SimulatedCampaign(tuple(proposals), tests, tuple(proposed), tuple(promoted), tuple(outcomes.runs), placebos)


def _submit(decider: Decider) -> None:
    for need in decider.needs():
        decider.submitted(need)


class Outcomes:
    """Draws what runs bring; the same run always brings the same."""

    def __init__(self, world: World, rng: np.random.Generator, start: str) -> None:
        self.world = world
        self.rng = rng
        self.expected: dict[str, list[float]] = {start: list(world.scores)}
        self.seeds: dict[tuple[int, int], float] = {}
        self.known: dict[Key, Result] = {}
        self.runs = [0] * len(world.scores)

    def add(self, candidate: str, champion: str, effects: Effects) -> None:
        """The recipe that a change with these effects makes of a champion."""
        unit = self.world.deviation / 100
        self.expected[candidate] = [
            expected - effect * unit * score
            for expected, effect, score in zip(self.expected[champion], effects, self.world.scores, strict=True)
        ]

    def variants(self, champion: str) -> tuple[Variant, ...]:
        """The champion with other learning rates, as a structural change finds them before it."""
        if not self.world.structural:
            return ()
        found: list[Variant] = []
        for place, effect in enumerate(self.world.tuning):
            name = f"{champion}/{place}"
            if name not in self.expected:
                self.add(name, champion, (effect,) * len(self.world.scores))
            found.append(Variant(name, f"rate {place}"))
        return tuple(found)

    def of(self, need: Need) -> Result:
        result = self.known.get(need.key)
        if result is None:
            result = self.known[need.key] = self._draw(need.key)
            self.runs[need.key.scale] += 1
        return Result("paused", half_loss=result.half_loss) if need.half and result.half_loss else result

    def _draw(self, key: Key) -> Result:
        world, gauss = self.world, self.rng.standard_normal
        if world.divergence and self.rng.random() < world.divergence:
            return Result("diverged")
        place = key.scale, key.seed
        if place not in self.seeds:
            self.seeds[place] = world.shared * gauss()
        own = world.deviation / math.sqrt(2) * gauss()
        score = self.expected[key.recipe][key.scale] + world.scores[key.scale] * (self.seeds[place] + own) / 100
        # Only the ratio of half-way losses counts; here the order half-way is the order at the end.
        return Result("finished", score, half_loss=1.2 * score)


def _judge(decider: Decider, test: Test) -> tuple[Decision, tuple[str, ...]]:
    """The gates' judgement, with every run within the lab's limits."""
    stages: tuple[Compared, ...] = ("replicate", "confirm", "retune", "remeasure", "measure")
    evidence = tuple(
        evidence_of(
            stage, str(decider.scale_of(stage)),
            [
                Pair(seed=seed, champion=test.champion, candidate=test.candidate, difference=difference)
                for seed, difference in zip(test.seeds[stage], decider.differences(test, stage), strict=True)
            ],
            [], test.threshold, len(test.seeds[stage]),
        )
        for stage in stages
        if stage in test.seeds
    )  # fmt: skip
    draft = Verdict(
        number=test.number, decision="supported", e_value=min(e.e_value for e in evidence[:2]),
        threshold=test.threshold, evidence=evidence, reasons=("before the gates",),
    )  # fmt: skip
    judged = apply_gates(draft, {"limits": Limits(), "step_ms": 0.0, "memory_mb": 0.0})
    return judged.decision, judged.reasons[1:]


def random_proposals(
    rng: np.random.Generator, number: int, true_share: float, effect: float, scales: int = 3
) -> list[Effects]:
    """Proposals of which each truly helps with probability `true_share`, by the same `effect` at every scale."""
    return [(effect,) * scales if rng.random() < true_share else (0.0,) * scales for _ in range(number)]


@dataclass(frozen=True, slots=True)
class Characteristics:
    """Operating characteristics, estimated from simulated campaigns. Intervals hold with 99% confidence."""

    campaigns: int
    erring: float
    """Share of campaigns that promoted at least one false change."""
    erring_low: float
    erring_high: float
    false_discovery_rate: float
    """Mean share of false promotions among a campaign's promotions."""
    power: float | None
    """Share of the true effects that were promoted, over all campaigns; None if there were none."""
    runs: tuple[float, ...]
    """Mean number of runs of a campaign at each scale."""


def characteristics(campaigns: Sequence[SimulatedCampaign]) -> Characteristics:
    """Summarise at least one simulated campaign."""
    number = len(campaigns)
    erring = sum(campaign.false_promotions > 0 for campaign in campaigns)
    low, high = exact_interval(erring, number, 0.99)
    true = sum(len(campaign.true) for campaign in campaigns)
    found = sum(len(campaign.promoted) - campaign.false_promotions for campaign in campaigns)
    return Characteristics(
        campaigns=number,
        erring=erring / number,
        erring_low=low,
        erring_high=high,
        false_discovery_rate=math.fsum(campaign.false_share for campaign in campaigns) / number,
        power=found / true if true else None,
        runs=tuple(float(runs) for runs in np.mean([campaign.runs for campaign in campaigns], axis=0)),
    )
