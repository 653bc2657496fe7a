"""The loop's decisions: one pure state machine over registrations and results.

Live campaigns, restarts and simulations all drive this one class. Results are applied in the order in which
their runs were submitted, whatever order they finish in; so the same registrations and results give the same
decisions, however often the controller died in between. It knows recipes only by hash and scales only by
their place in the ladder, and does no input or output.

A proposal's way:

1. *half*: its first run stops half-way; far behind the champion's same-seed run there, it is dropped.
2. *replicate*: pairs at the smallest scale, on seeds that all proposals against one champion share, one pair
   after another until the e-value reaches 1/level, the effect is shown to be too small, success has become
   unlikely, or the pairs are used up. Early dropping can only lose proposals, never promote one.
3. *confirm*: the same at the second scale, on seeds that no run has used before.
4. *tune*, *retune*, for a change of architecture or optimiser only: the champion tries other learning rates at the
   smallest scale, on seeds that it has run already; if the best of them looks better than the champion, the candidate
   must beat it too, on fresh seeds at the second scale.
5. *remeasure*: a fixed number of fresh pairs at the second scale, for a size of the effect that nothing selected.
6. *measure*: a few pairs at the largest scale, for the compute multiplier and the transfer gate.
7. *gates*, and where the lab has one, *vault*: one bit from the sealed set.

Promotion needs the e-value at both scales. The null "no better at one of the two scales" is a union, and the
lesser of two e-values is an e-value for it. All that comes after *confirm* can only turn a promotion into none; a
further condition never raises the error, whatever level it is asked at.

**Placebos.** Now and then the lab slips in a test whose candidate is the champion with other random numbers. It gets
the level that the next test will get, but uses up no number, so that the numbers, levels and proposals of all other
tests are what they would be without it. One that passes both scales ends there and is never promoted.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.evidence.online import level
from assay.evidence.pooling import Pool
from assay.evidence.sequential import (
    ALTERNATIVE,
    CLEAR,
    FUTILE_AT,
    Noise,
    e_value,
    e_value_less,
    e_value_skewed,
    futile,
    moments,
    with_further_runs,
)
from assay.spec.base import sha256_text
from assay.spec.calibration import Stopping
from assay.spec.lab import EvidenceSettings
from assay.spec.verdict import Decision, Stage

#: Version of these rules. Sessions carry it, and a lab keeps to the rules that it was begun with.
RULES = 2
#: Evidence that closes a test as refuted: the effect is below the smallest worth having, at the 5% level.
REFUTE_AT = 20.0
#: Evidence by which a candidate must beat a champion that was tuned as well, at the 5% level.
RETUNE_AT = 20.0
#: Seeds at the smallest scale on which the champion tries each learning rate.
RETUNE_SEEDS = 2
#: No placebo comes before the test of this number, so that a small campaign pays for none.
FIRST_PLACEBO = 5
#: Placebos are numbered from here, apart from the tests that use up the error budget.
PLACEBO_NUMBERS = 100_000

#: What a calibration counts as where tests are told apart by their champion's generation.
CALIBRATION = -1

# A lab's seeds lie in [10⁹·seed, 10⁹·(seed + 1)). The last two tenths are free for audits, calibration and `compare`.
SEEDS_A_TEST = 1_000
RETUNE_BASE = 2 * 10**8
CONFIRM_BASE = 5 * 10**8


class Key(NamedTuple):
    """One run of a campaign: recipe hash, place of the scale in the ladder, seed."""

    recipe: str
    scale: int
    seed: int


class Need(NamedTuple):
    """A run that a test waits for; `half` if it shall stop half-way."""

    key: Key
    half: bool
    number: int


class Result(NamedTuple):
    """What deciding needs to know of a run."""

    status: str
    score: float | None = None
    half_loss: float | None = None
    message: str = ""


class Survey(NamedTuple):
    """How far the wanted pairs of a test's stage have come."""

    seeds: list[int]
    missing: dict[Key, Need]
    """Runs still to come; without any, the test goes on or ends."""
    end: tuple[Decision, str] | None = None
    """Why the test ends here."""


class Variant(NamedTuple):
    """The champion with another learning rate: hash of the recipe, and what differs in words."""

    recipe: str
    label: str


@dataclass
class Test:
    """One registered proposal under test."""

    number: int
    level: float
    champion: str
    candidate: str
    generation: int
    may_stop_half: bool
    placebo: bool = False
    stage: Stage = "half"
    wanted: int = 1
    decision: Decision | None = None
    reasons: tuple[str, ...] = ()
    seeds: dict[Stage, list[int]] = field(default_factory=dict)
    variants: tuple["Variant", ...] = ()
    """What the champion may try before this candidate replaces it."""
    retuned: "Variant | None" = None
    """The best of them, if it looked better than the champion."""
    survey: Survey | None = field(default=None, repr=False, compare=False)
    """Kept until one of its missing runs is there; None: to be made."""

    @property
    def threshold(self) -> float:
        return 1 / self.level


def tried(wanted: int) -> int:
    """How many seeds are tried for so many pairs before the champion counts as too unstable to compare with."""
    return 2 * wanted + 4


class Closing(NamedTuple):
    """A test that came to its end; `promoted` if its candidate is the new champion."""

    test: Test
    promoted: bool


Gates = Callable[[Test], tuple[Decision, tuple[str, ...]]]
Variants = Callable[[Test], tuple[Variant, ...]]


class Decider:
    """State of a campaign as far as decisions go.

    Args:
        settings: caps, levels and the smallest effect worth having.
        scales: how many scales the ladder has, at least two.
        start: hash of generation 0's recipe.
        seed: the lab's seed.
        in_flight: proposals under test at a time.
        gates: judges a test that would be supported; returns its decision and reasons.
        variants: the learning rates that the champion tries before a test's candidate replaces it; none where the
            change is neither of architecture nor of optimiser.
    """

    def __init__(
        self, settings: EvidenceSettings, scales: int, start: str, seed: int, in_flight: int,
        gates: Gates | None = None, variants: Variants | None = None,
    ) -> None:  # fmt: skip
        assert scales >= 2
        self.settings = settings
        self.scales = scales
        self.champions = [start]
        self.seed = seed
        self.in_flight = in_flight
        self.gates = gates
        self.variants = variants
        self.vault = False
        """Whether a promotion needs an answer of the sealed vault."""
        self.calibrated: list[tuple[int, float]] = []
        """Pairs and deviation, in per cent of the score, of each change that a calibration by this trainer measured."""
        self.stopping: Stopping | None = None
        """Caps and bound of futility that a calibration recommends; they only ever end a test sooner."""
        self.promotions = 0
        self.tests: list[Test] = []
        self._numbered: dict[int, Test] = {}
        self._placebos_before: list[int] = []
        self.results: dict[Key, Result] = {}
        self.outstanding: deque[Need] = deque()
        self.retests: list[Test] = []
        self.pools: dict[Stage, Pool] = {"replicate": Pool(), "confirm": Pool()}
        """What closed tests say about the noise of the next one, relative to the score."""
        self.baselines: list[Test] = []
        """Tests that lost to a tuned champion, whose tuning is to be proposed."""

    # What is known

    @property
    def generation(self) -> int:
        return len(self.champions) - 1

    @property
    def champion(self) -> str:
        return self.champions[-1]

    @property
    def active(self) -> list[Test]:
        return [test for test in self.tests[self._first_open :] if test.decision is None]

    _first_open = 0

    def test(self, number: int) -> Test:
        return self._numbered[number]

    @property
    def next_number(self) -> int:
        """Number of the next test that is no placebo."""
        return len(self.tests) - len(self._placebos_before) + 1

    @property
    def next_placebo(self) -> int:
        return PLACEBO_NUMBERS + len(self._placebos_before) + 1

    @property
    def placebo_due(self) -> bool:
        """Whether the lab slips in a placebo now; depends on its seed and the number of tests alone."""
        number = self.next_number
        if number < FIRST_PLACEBO or number in self._placebos_before or not self.vacancies:
            return False
        return int(sha256_text(f"{self.seed}/placebo/{number}")[:13], 16) < self.settings.placebo_rate * 16**13

    @property
    def pending_vault(self) -> list[Test]:
        """Tests that passed all else and wait for the vault's answer."""
        return [test for test in self.active if test.stage == "vault"]

    @property
    def vacancies(self) -> int:
        """How many proposals the loop is ready to take.

        A place is kept for the retest of each open test whose champion has been replaced: otherwise newer proposals,
        begun on the new champion at once, would overtake a good one time and again.
        """
        active = self.active
        stale = sum(test.generation < self.generation and not test.placebo for test in active)
        return max(0, self.in_flight - len(active) - stale)

    def next_level(self) -> float:
        """Error level of the next test: e-LOND with every registration counted and every promotion that stands."""
        return level(self.settings.fdr, self.next_number, self.promotions)

    def seed_of(self, test: Test, stage: Stage, i: int) -> int:
        """Seed of the i-th pair of a stage.

        Replication shares seeds among all proposals against one champion, so that its runs are paid for once;
        a new champion gets new ones, since those that made it champion flatter it. Confirmation's seeds belong
        to one proposal alone, and so do those of the retuned champion and of remeasuring.
        """
        base, half = self.seed * 10**9, SEEDS_A_TEST // 2
        match stage:
            case "confirm":
                return base + CONFIRM_BASE + test.number * SEEDS_A_TEST + i
            case "retune":
                return base + RETUNE_BASE + test.number * SEEDS_A_TEST + i
            case "remeasure":
                return base + RETUNE_BASE + test.number * SEEDS_A_TEST + half + i
            case "measure":
                return base + test.generation * SEEDS_A_TEST + half + i
            case _:
                return base + test.generation * SEEDS_A_TEST + i

    def scale_of(self, stage: Stage) -> int:
        if stage == "measure":
            return self.scales - 1
        return 1 if stage in ("confirm", "retune", "remeasure") else 0

    def baseline_of(self, test: Test, stage: Stage) -> str:
        """Hash of the recipe that the candidate is compared with in a stage."""
        return test.retuned.recipe if stage == "retune" and test.retuned else test.champion

    def differences(self, test: Test, stage: Stage) -> list[float]:
        """Champion minus candidate over the finished pairs of a stage, in order of seeds."""
        scale, baseline = self.scale_of(stage), self.baseline_of(test, stage)
        found: list[float] = []
        for seed in test.seeds.get(stage, []):
            a = self.results[Key(baseline, scale, seed)].score
            b = self.results[Key(test.candidate, scale, seed)].score
            if a is not None and b is not None:
                found.append(a - b)
        return found

    def cap(self, stage: Stage) -> int:
        """Most pairs of a deciding stage."""
        settings, stopping = self.settings, self.stopping
        if stage == "replicate":
            return min(settings.pairs, stopping.pairs) if stopping else settings.pairs
        return min(settings.confirm_pairs, stopping.confirm_pairs) if stopping else settings.confirm_pairs

    def champion_score(self, test: Test, stage: Stage) -> float:
        """Mean score, over the pairs of a stage, of what the candidate is compared with."""
        scale, baseline = self.scale_of(stage), self.baseline_of(test, stage)
        scores = [self.results[Key(baseline, scale, seed)].score or 0.0 for seed in test.seeds[stage]]
        return sum(scores) / len(scores)

    def noise(self) -> Noise | None:
        """What closed tests and a calibration say about a pair's deviation at the smallest scale, over the score."""
        pool = self.pools["replicate"]
        if self.calibrated:
            pool = pool.copy()
            for n, percent in self.calibrated:
                pool.include(CALIBRATION, n, percent / 100)
        return pool.noise()

    # What happens

    def register(self, candidate: str, may_stop_half: bool) -> Test:
        """Take a proposal in; its number and level are those that `next_number` and `next_level` gave."""
        return self._open(Test(
            self.next_number, self.next_level(), self.champion, candidate, self.generation, may_stop_half,
        ))  # fmt: skip

    def register_placebo(self, candidate: str) -> Test:
        """Take a placebo in, at the level of the next test, whose number it leaves alone."""
        test = Test(
            self.next_placebo, self.next_level(), self.champion, candidate, self.generation, True, placebo=True,
        )  # fmt: skip
        self._placebos_before.append(self.next_number)
        return self._open(test)

    def _open(self, test: Test) -> Test:
        if not test.may_stop_half:
            self._replicate(test)
        self.tests.append(test)
        self._numbered[test.number] = test
        return test

    def settle(self) -> list[Closing]:
        """Take tests on that need no run, since all that they ask first was run before; returns what that closed."""
        if any(self._survey(test).end for test in self.active):
            return []  # the champion itself does not train: named as `stuck`, and not spent one test after another on
        return self._advance(None)

    def replace_champion(self, recipe: str) -> None:
        """Make a champion of a recipe from which an audit dropped a promoted change."""
        self.champions.append(recipe)
        self.baselines.clear()
        self.promotions -= 1

    def needs(self) -> list[Need]:
        """Runs that open tests wait for and that were not submitted yet, in order of registration."""
        waiting = {need.key for need in self.outstanding}
        found: list[Need] = []
        for test in self.active:
            for key, need in self._survey(test).missing.items():
                if key not in waiting:
                    waiting.add(key)
                    found.append(need)
        return found

    @property
    def stuck(self) -> str:
        """Why open tests cannot go on although they wait for no run; '' where none is stuck."""
        ends = [self._survey(test).end for test in self.active]
        return next((reason for _, reason in filter(None, ends)), "")

    def submitted(self, need: Need) -> None:
        self.outstanding.append(need)

    def apply(self, result: Result) -> list[Closing]:
        """Take the result of the oldest outstanding run; returns the tests that it brought to an end."""
        need = self.outstanding.popleft()
        self.results[need.key] = result
        return self._advance(need.key)

    def cancel(self, test: Test, reason: str) -> list[Need]:
        """Close a test at a person's wish; returns its outstanding runs, which nobody else waits for."""
        test.decision, test.reasons = "inconclusive", (reason,)
        mine = {test.candidate, *(variant.recipe for variant in test.variants)}
        for other in self.active:
            mine -= {other.candidate, other.champion, *(variant.recipe for variant in other.variants)}
        mine.discard(test.champion)
        dropped = [need for need in self.outstanding if need.key.recipe in mine]
        self.outstanding = deque(need for need in self.outstanding if need.key.recipe not in mine)
        return dropped

    def answer_vault(self, number: int, passed: bool, reason: str) -> list[Closing]:
        """Take the vault's answer to a test that waits for it; returns what that brought to an end.

        Raises:
            ValueError: the test does not wait for one.
        """
        test = self._numbered.get(number)
        if test is None or test.stage != "vault" or test.decision is not None:
            raise ValueError(f"proposal {number} asked nothing of the vault")
        if passed:
            test.decision, test.reasons = "supported", (*test.reasons, reason)
        else:
            test.decision, test.reasons = "inconclusive", (reason, *test.reasons)
        self._skip_closed()
        return [self._closing(test)]

    # How it is decided

    def _survey(self, test: Test) -> Survey:
        if test.survey is None:
            test.survey = self._make_survey(test)
        return test.survey

    def _make_survey(self, test: Test) -> Survey:
        stage, scale = test.stage, self.scale_of(test.stage)
        if stage == "vault":
            return Survey([], {})
        if stage == "tune":
            return self._survey_tuning(test)
        baseline = self.baseline_of(test, stage)
        first = self.seed_of(test, stage, 0)
        seeds = list(test.seeds.get(stage, ()))  # complete pairs, which the stage went on from
        missing: dict[Key, Need] = {}
        failure = ""
        for seed in range(seeds[-1] + 1 if seeds else first, first + tried(test.wanted)):
            champion = Key(baseline, scale, seed)
            base = self.results.get(champion)
            if base is not None and base.status in ("diverged", "failed"):
                failure = base.message if base.status == "failed" else failure
                continue  # chosen by the champion alone, so dropping this seed favours nobody
            candidate = Key(test.candidate, scale, seed)
            new = self.results.get(candidate)
            seeds.append(seed)
            if new is not None and new.status == "diverged":
                return Survey(seeds, {}, ("refuted", f"it diverged at seed {seed} in '{stage}'"))
            if new is not None and new.status == "failed":
                return Survey(seeds, {}, ("inconclusive", f"run {new.message}"))
            if base is None or base.status == "paused":
                missing[champion] = Need(champion, False, test.number)
            if new is None or (new.status == "paused" and stage != "half"):
                missing[candidate] = Need(candidate, stage == "half", test.number)
            if len(seeds) == test.wanted:
                return Survey(seeds, missing)
        reason = f"the champion itself diverged or failed at too many seeds of this scale ({stage})"
        reason += f", at last in run {failure}" if failure else ""
        return Survey(seeds, {}, ("inconclusive", reason))

    def _survey_tuning(self, test: Test) -> Survey:
        seeds = test.seeds["replicate"][:RETUNE_SEEDS]  # where the champion has finished
        missing: dict[Key, Need] = {}
        for variant in test.variants:
            for seed in seeds:
                key = Key(variant.recipe, 0, seed)
                known = self.results.get(key)
                if known is None or known.status == "paused":
                    missing[key] = Need(key, False, test.number)
        return Survey(seeds, missing)

    def _advance(self, key: Key | None) -> list[Closing]:
        """Take every test as far as it goes, now that the run `key` is there."""
        closings: list[Closing] = []
        for test in self.active:
            if test.survey is not None and test.survey.missing and key not in test.survey.missing:
                continue
            test.survey = None
            while test.decision is None and test.stage != "vault":
                seeds, missing, end = self._survey(test)
                if missing:
                    break
                if end is None:
                    test.seeds[test.stage] = seeds
                    self._step(test)
                    test.survey = None
                else:
                    if end[0] == "refuted":
                        test.seeds[test.stage] = seeds
                    self._close(test, *end)
            if test.decision is not None:
                closings.append(self._closing(test))
        self._skip_closed()
        return closings

    def _skip_closed(self) -> None:
        while self._first_open < len(self.tests) and self.tests[self._first_open].decision is not None:
            self._first_open += 1

    def _step(self, test: Test) -> None:
        """All wanted pairs of the stage are there: go on to more pairs, to the next stage, or to an end."""
        settings, stage = self.settings, test.stage
        if stage == "half":
            self._judge_half(test)
            return
        if stage == "tune":
            self._judge_tuning(test)
            return
        if stage in ("remeasure", "measure"):
            self._go_on(test)
            return
        n, mean, deviation = moments(self.differences(test, stage))
        cap = self.cap(stage)
        threshold = RETUNE_AT if stage == "retune" else test.threshold
        reached = e_value(n, mean, deviation) >= threshold
        # Where this lab's differences have a long tail on the worse side, a promotion must also stand corrected for it.
        skewness = self.pools[stage].skewness if stage in self.pools else 0.0
        doubtful = reached and skewness < 0 and e_value_skewed(n, mean, deviation, skewness) < threshold
        if reached and not doubtful:
            if stage == "replicate":
                test.stage, test.wanted = "confirm", min(3, cap)
            else:
                self._go_on(test)
            return
        score = self.champion_score(test, stage)
        worth = settings.min_effect / 100 * score
        known = self.noise() if stage == "replicate" else None
        noise = Noise(known.sd * score, known.degrees) if known else None
        alternative = min(max(ALTERNATIVE, worth / noise.sd), CLEAR) if noise else ALTERNATIVE
        too_small = e_value_less(n, mean, deviation, worth) >= REFUTE_AT
        hopeless = (noise is not None or n >= settings.screen_pairs) and futile(
            n, mean, deviation, threshold, cap, noise, alternative,
            self._corrected(test, n, mean, noise) if noise else None,
            self.stopping.futile_at if self.stopping else FUTILE_AT,
        )  # fmt: skip
        if stage == "retune":
            if too_small or n >= cap or hopeless:
                self._lose_to_baseline(test, n)
            else:
                test.wanted += 1
        elif too_small:
            self._close(test, "refuted", f"its effect is below the {settings.min_effect}% worth having ({stage})")
        elif stage == "replicate" and noise is None and n == settings.screen_pairs and mean <= 0:
            self._close(test, "inconclusive", f"screened out: no better than the champion in the first {n} pairs")
        elif n >= cap:
            why = "; e is high enough, but not once the long tail on the worse side is allowed for" if doubtful else ""
            self._close(test, "inconclusive", f"not decided within the {cap} pairs allowed ({stage}){why}")
        elif hopeless:
            self._close(
                test, "inconclusive",
                f"stopped after {n} pair{'s' if n > 1 else ''}: unlikely to reach e = {threshold:.3g} within {cap} "
                f"pairs ({stage})",
            )  # fmt: skip
        else:
            test.wanted += 1

    def _corrected(self, test: Test, n: int, mean: float, noise: Noise) -> tuple[float, float] | None:
        """The mean of a replication once the champion's further runs are counted in, and the pairs it is worth.

        The arms' correlation follows from the deviation of a difference and that of the champion's own runs, and is
        drawn towards 1, where nothing is corrected, as if by ten more runs that said so.
        """
        seeds = range(self.seed_of(test, "replicate", 0), self.seed_of(test, "replicate", tried(self.settings.pairs)))
        results = [self.results.get(Key(test.champion, 0, seed)) for seed in seeds]
        runs, further, deviation = moments([r.score for r in results if r is not None and r.score is not None])
        if runs <= n or deviation == 0:
            return None
        own = min(1.0, noise.sd**2 / (2 * deviation**2)) * runs / (runs + 10)
        return with_further_runs(n, mean, self.champion_score(test, "replicate"), further, runs, 1 - own)

    def _judge_half(self, test: Test) -> None:
        key = Key(test.champion, 0, test.seeds["half"][0])
        base, new = self.results[key].half_loss, self.results[key._replace(recipe=test.candidate)].half_loss
        limit = 1 + self.settings.screen_stop
        # A trainer may not report it, or not stop half-way; then the finished pairs decide.
        if base is not None and new is not None and new > base * limit:
            self._close(
                test,
                "inconclusive",
                f"screened out: half-way its training loss was {100 * (new / base - 1):.1f}% worse",
            )
        else:
            self._replicate(test)

    def _replicate(self, test: Test) -> None:
        """Begin replication: with one pair where its noise is known, else with those that screening asks for."""
        test.stage, test.wanted = "replicate", 1 if self.noise() else self.settings.screen_pairs

    def _go_on(self, test: Test) -> None:
        """The evidence is there, or a stage after it is done: go to the next stage that applies, or to the end.

        A test whose champion was replaced needs none of them: it will be tested again on the new one.
        """
        settings = self.settings
        if test.placebo:
            test.decision, test.reasons = "supported", (f"a placebo reached {test.threshold:.3g} at both scales",)
            return
        if test.generation < self.generation:
            self._support(test)
            return
        if test.stage == "confirm" and self.variants is not None and settings.retune_trials:
            test.variants = self.variants(test)
            if test.variants:
                test.stage, test.wanted = "tune", 0
                return
        if test.stage in ("confirm", "tune", "retune") and settings.remeasure_pairs:
            test.stage, test.wanted = "remeasure", settings.remeasure_pairs
        elif test.stage != "measure" and settings.measure_pairs and self.scales > 2:
            test.stage, test.wanted = "measure", settings.measure_pairs
        else:
            self._support(test)

    def tuning(self, test: Test) -> list[tuple[Variant, list[float] | None]]:
        """What the champion's other learning rates gained over it, seed by seed; None: one diverged or failed."""
        found: list[tuple[Variant, list[float] | None]] = []
        for variant in test.variants:
            gains: list[float] = []
            for seed in test.seeds.get("tune", ()):
                own = self.results[Key(test.champion, 0, seed)].score
                new = self.results[Key(variant.recipe, 0, seed)].score
                if own is not None and new is not None:
                    gains.append(own - new)
            found.append((variant, gains if len(gains) == len(test.seeds.get("tune", ())) else None))
        return found

    def _judge_tuning(self, test: Test) -> None:
        sums = [(sum(gains), variant) for variant, gains in self.tuning(test) if gains]
        best = max(sums, key=lambda each: each[0], default=None)
        if best is None or best[0] <= 0:
            self._go_on(test)
            return
        test.retuned = best[1]
        test.stage, test.wanted = "retune", self.settings.screen_pairs

    def _lose_to_baseline(self, test: Test, n: int) -> None:
        assert test.retuned is not None
        self._close(
            test, "inconclusive",
            f"an untuned baseline: the champion with {test.retuned.label} does as well, by {n} fresh pairs (retune)",
        )  # fmt: skip
        if test.generation == self.generation:
            self.baselines.append(test)

    def _support(self, test: Test) -> None:
        decision: Decision = "supported"
        reasons: tuple[str, ...] = (f"e-values reached {test.threshold:.3g} at both scales",)
        if self.gates is not None:
            decision, downgrades = self.gates(test)
            reasons = reasons + downgrades if decision == "supported" else downgrades + reasons
        test.reasons = reasons
        if decision == "supported" and self.vault and test.generation == self.generation:
            test.stage = "vault"
        else:
            test.decision = decision

    def _close(self, test: Test, decision: Decision, reason: str) -> None:
        test.decision, test.reasons = decision, (reason,)

    def _closing(self, test: Test) -> Closing:
        for stage, pool in self.pools.items():
            if test.seeds.get(stage) and not test.placebo:
                score = self.champion_score(test, stage)
                pool.add(test.generation, [d / score for d in self.differences(test, stage)])
        if test.decision != "supported" or test.placebo:
            return Closing(test, promoted=False)
        if test.generation == self.generation:
            self.champions.append(test.candidate)
            self.baselines.clear()
            self.promotions += 1
            return Closing(test, promoted=True)
        test.reasons += (f"its champion was replaced meanwhile; it is tested again on generation {self.generation}",)
        self.retests.append(test)
        return Closing(test, promoted=False)
