"""The campaign as the ledger tells it: a fold over entries that rebuilds every decision.

The controller appends entries and feeds each to this fold at once; a restart feeds it the whole ledger. Since
decisions are recomputed from registrations and results, reading history also checks it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.campaign import audit, retune
from assay.campaign.decide import RULES, Closing, Decider, Key, Need, Result, Test, Variant
from assay.campaign.verdicts import agrees, build_certificate, build_verdict, recomputed
from assay.corpus.mixtures.apply import readings
from assay.evidence.noise import pooled_deviation
from assay.evidence.sequential import moments
from assay.governance.gates import apply_gates
from assay.spec.base import canonical_json, sha256_text
from assay.spec.calibration import Calibration
from assay.spec.data_cost import DataCost, Selected
from assay.spec.errors import UserError
from assay.spec.external import External
from assay.spec.lab import LabConfig
from assay.spec.proposal import PLACEBO, Prediction, Proposal, Registered
from assay.spec.protocols import Trial
from assay.spec.recipe import Recipe, changed, redraws
from assay.spec.run import Outcome, Run, Seed
from assay.spec.scale import Scale, shape_at
from assay.spec.verdict import AuditStep, Decision, Generation, VaultAnswer, Verdict
from assay.store.ledger import Entry


class Mismatch(UserError):
    """The ledger holds something that its own registrations and results do not give.

    Attributes:
        entry: number of the first entry that does not fit.
        problem: why.
    """

    def __init__(self, entry: int, problem: str) -> None:
        super().__init__(f"entry {entry} of the ledger does not fit: {problem}; `assay ledger verify` checks all of it")
        self.entry = entry
        self.problem = problem


class OtherRules(UserError):
    """The lab's sessions decided by other rules than this version of assay does."""


class Campaign:
    """Everything decided so far.

    Args:
        config: the lab's configuration now; sessions in the ledger carry the one of their time.
        vocab: size of the corpus' vocabulary.
        recipes: every recipe of the store by hash.
    """

    def __init__(self, config: LabConfig, vocab: int, recipes: dict[str, Recipe]) -> None:
        self.config = config
        self.vocab = vocab
        self.recipes = {**recipes, config.start.hash: config.start}
        self.trainer = ""
        self.decider = Decider(
            config.evidence, len(config.ladder), config.start.hash, config.seed, config.execution.in_flight,
            self._judge_gates, self._variants,
        )  # fmt: skip
        self.registered: dict[int, Registered] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.placebos: dict[int, Registered] = {}
        self.placebo_verdicts: dict[int, Verdict] = {}
        self.alarm: int | None = None
        """Number of the placebo that passed and that nobody has looked into yet."""
        self.alarms_raised = 0
        self.acknowledged: list[dict[str, Any]] = []
        self.vault_answers: dict[int, VaultAnswer] = {}
        self.audits: list[audit.Round] = []
        self.calibration: Calibration | None = None
        self.external: External | None = None
        """The trainer, if it is another program; for those who propose, no part of what was decided."""
        self.generations: list[Generation] = [Generation(number=0, recipe=config.start.hash)]
        self.outcomes: dict[Key, Outcome] = {}
        self.hashes: dict[Key, str] = {}
        self.times: dict[int, str] = {}
        self.session: dict[str, Any] | None = None
        self.session_time = ""
        self.session_open = False
        self.runs_in_session: set[str] = set()
        self.flops_in_session = 0.0
        self.core_seconds_in_session = 0.0
        self.flops_spent = 0.0
        self.core_seconds = 0.0
        self.selections: dict[str, Selected] = {}
        self.whole: DataCost | None = None
        """Of the corpus as it is; None in sessions that did not say it yet."""
        self.refusals: list[dict[str, Any]] = []
        self.last_time = ""

    # Names

    def run_of(self, key: Key) -> Run:
        return Run(
            recipe=self.recipes[key.recipe], scale=self.config.ladder[key.scale],
            seed=Seed(init=key.seed, data=key.seed), corpus=self.config.corpus.id, trainer=self.trainer,
        )  # fmt: skip

    def hash_of(self, key: Key) -> str:
        """Hash of a campaign's run; fixed once it was submitted."""
        if key not in self.hashes:
            return self.run_of(key).hash
        return self.hashes[key]

    def stop_step(self, key: Key) -> int:
        """The step at which a half run stops."""
        return max(1, shape_at(self.recipes[key.recipe], self.config.ladder[key.scale], self.vocab).steps // 2)

    # The fold

    def feed(self, entry: Entry, check: bool = False) -> None:
        """Take one entry in.

        Raises:
            Mismatch: the entry contradicts those before it; with `check`, also where a decision is not the fold's.
        """
        try:
            self._feed(entry, check)
        except OtherRules:
            raise
        except (LookupError, TypeError, ValueError) as error:
            problem = str(error) if type(error) in (ValueError, UserError) else f"{type(error).__name__}: {error}"
            raise Mismatch(entry.seq, problem) from error

    def _feed(self, entry: Entry, check: bool) -> None:
        body = entry.body
        if entry.kind not in ("comparison", "calibration"):  # which go on beside a session, or long after it
            self.last_time = entry.time
        match entry.kind:
            case "session":
                self.begin_session(body, entry.time)
            case "end":
                self.session_open = False
            case "proposal":
                self.register(Registered.model_validate_json(canonical_json(body["registered"])), entry.time)
            case "placebo":
                self.register_placebo(Registered.model_validate_json(canonical_json(body["registered"])), entry.time)
            case "run":
                need = Need(Key(body["recipe"], body["scale"], body["seed"]), body["half"], body["number"])
                if check and need not in self.decider.needs():
                    raise ValueError(f"no open proposal needed run {body['run']}")
                self.submit(need, body["run"])
            case "result":
                self.take(Outcome.model_validate_json(canonical_json(body["outcome"])))
            case "verdict" | "promotion" if check:
                self._check(entry)
            case "refused":
                self.refusals.append({**body, "time": entry.time})
                self._forget_retest(body["retest_of"])
                self._forget_baseline(body.get("retune_of"))
            case "cancel":
                self.cancel(body["number"], body["reason"])
            case "vault":
                self.answer_vault(VaultAnswer.model_validate_json(canonical_json(body)))
            case "audit":
                audit.feed(self, body, check)
            case "calibration":
                self.calibration = Calibration.model_validate_json(canonical_json(body["calibration"]))
                self._reckon_with_calibration()
            case "selection":
                self.take_selection(Selected.model_validate_json(canonical_json(body)))
            case "alarm":
                if body["number"] != self.alarm:
                    raise ValueError(f"no placebo {body['number']} has passed")
                self.alarms_raised += 1
            case "acknowledged":
                if body["number"] != self.alarm:
                    raise ValueError(f"there was no alarm of placebo {body['number']} to acknowledge")
                self.acknowledged.append({**body, "time": entry.time})
                self.alarm = None
            case _:
                pass

    def begin_session(self, body: dict[str, Any], time: str) -> None:
        rules = body.get("rules", 1)
        if rules != RULES:
            raise OtherRules(
                f"this lab was begun with the deciding rules {rules}, and this version of assay decides by rules "
                f"{RULES}: go on with the version that made it, or make a new lab with `assay init`"
            )
        self.config = LabConfig.parse(body["config"], "the ledger")
        self.decider.settings = self.config.evidence
        self.decider.in_flight = self.config.execution.in_flight
        if self.trainer and self.trainer != body["trainer"]:
            self._trainer_changed(body["trainer"])
        self.trainer = body["trainer"]
        self._reckon_with_calibration()
        self.decider.vault = bool(body.get("vault"))
        self.whole = DataCost.parse(body["text"], "the ledger") if "text" in body else None
        self.session, self.session_time, self.session_open = body, time, True
        self.runs_in_session, self.flops_in_session, self.core_seconds_in_session = set(), 0.0, 0.0

    def _reckon_with_calibration(self) -> None:
        """Give the decider what it may reckon with: what was measured by the present trainer."""
        known = self.calibration
        fits = known is not None and known.trainer == self.trainer
        self.decider.calibrated = known.groups(self.config.ladder[0].name) if known and fits else []
        design = known.design if known and fits and known.scale == self.config.ladder[0].name else None
        self.decider.stopping = design.cheapest if design else None

    def _trainer_changed(self, new: str) -> None:
        """Compared runs never cross trainers: open tests end, their runs are forgotten, champions train anew."""
        for test in self.decider.active:
            self.decider.cancel(test, f"the trainer changed from '{self.trainer}' to '{new}' while it was tested")
            self._close(Closing(test, promoted=False))
        self.decider.outstanding.clear()
        self.decider.results.clear()
        self.outcomes.clear()
        self.hashes.clear()

    def register(self, registered: Registered, time: str) -> Test:
        test = self.decider.register(registered.candidate, not redraws(registered.proposal.change))
        if (test.number, test.level) != (registered.number, registered.level):
            raise ValueError(f"proposal {registered.number} should be number {test.number} at level {test.level:.3g}")
        self._forget_retest(registered.retest_of)
        self._forget_baseline(registered.retune_of)
        self.registered[registered.number] = registered
        self.times[registered.number] = time
        for closing in self.decider.settle():
            self._close(closing)
        return test

    def register_placebo(self, registered: Registered, time: str) -> Test:
        if not self.decider.placebo_due or registered != self.next_placebo():
            raise ValueError(f"placebo {registered.number} was not due")
        test = self.decider.register_placebo(registered.candidate)
        self.placebos[registered.number] = registered
        self.times[registered.number] = time
        return test

    def next_placebo(self) -> Registered:
        """The placebo that the lab slips in when one is due: the champion with other random numbers."""
        decider, number = self.decider, self.decider.next_placebo
        stream = 1 + int(sha256_text(f"{self.config.seed}/stream/{number}")[:7], 16)
        candidate = changed(self.recipes[decider.champion], {"stream": stream}, "a placebo")
        self.recipes[candidate.hash] = candidate
        proposal = Proposal(
            hypothesis="This recipe does better than the champion.", kind="placebo", change={"stream": stream},
            predicted=Prediction(effect=0.0, low=0.0, high=0.0), author=PLACEBO,
        )  # fmt: skip
        return Registered(
            number=number, proposal=proposal, generation=decider.generation, champion=decider.champion,
            candidate=candidate.hash, cost_flops=0.0, level=decider.next_level(),
        )  # fmt: skip

    def retuned_proposal(self) -> tuple[int, Proposal] | None:
        """The next proposal to give the champion a better learning rate, and the number of the test that found it."""
        if not self.decider.baselines:
            return None
        test = self.decider.baselines[0]
        assert test.retuned is not None
        retuning = self.verdicts[test.number].retuning
        assert retuning is not None
        gain = next(trial.effect_percent for trial in retuning.trials if trial.recipe == test.retuned.recipe)
        tuned, champion = self.recipes[test.retuned.recipe], self.recipes[test.champion]
        return test.number, retune.proposal(champion, test.retuned, tuned, test.number, gain or 0.0)

    def _forget_baseline(self, number: int | None) -> None:
        self.decider.baselines = [test for test in self.decider.baselines if test.number != number]

    def _variants(self, test: Test) -> tuple[Variant, ...]:
        """Learning rates for the champion to try: as many as this generation tried changes of the same kind."""
        keys = retune.structural(self.registered[test.number].proposal.change)
        if not keys:
            return ()
        family = sum(
            r.generation == test.generation and bool(keys & retune.structural(r.proposal.change))
            for r in self.registered.values()
        )
        trials = max(self.config.evidence.retune_trials, family)
        made = retune.recipes(self.recipes[test.champion], trials, self.config.search)
        self.recipes.update({recipe.hash: recipe for _, recipe in made})
        return tuple(variant for variant, _ in made)

    def _forget_retest(self, number: int | None) -> None:
        self.decider.retests = [test for test in self.decider.retests if test.number != number]

    def submit(self, need: Need, digest: str) -> None:
        self.hashes[need.key] = digest
        self.decider.submitted(need)

    def take(self, outcome: Outcome) -> list[Closing]:
        """Apply the outcome of the oldest outstanding run; returns what it closed."""
        need = self.decider.outstanding[0]
        before = self.outcomes.get(need.key)
        # A run that failed says nothing of what it has cost; what its first half had is not given back.
        flops = max(0.0, outcome.flops - (before.flops if before else 0.0))
        seconds = max(0.0, outcome.seconds - (before.seconds if before else 0.0))
        self.runs_in_session |= {self.hashes[need.key]} if before is None else set()
        self.flops_in_session += flops
        self.flops_spent += flops
        self.core_seconds_in_session += seconds
        self.core_seconds += seconds
        self.outcomes[need.key] = outcome
        message = f"{self.hashes[need.key]} failed: {outcome.message}"
        closings = self.decider.apply(Result(outcome.status, outcome.score, outcome.half_loss, message))
        for closing in closings:
            self._close(closing)
        return closings

    def take_selection(self, selected: Selected) -> None:
        """Note what a selection of training text cost; the time counts in the session as that of runs does."""
        self.selections[selected.selection] = selected
        self.core_seconds_in_session += selected.seconds
        self.core_seconds += selected.seconds

    def data_cost(self, recipe: str) -> DataCost | None:
        """What the text of a recipe cost, with how often runs read it; None where it takes all of it as it comes."""
        data = self.recipes[recipe].data
        known = self.selections.get(data.selection())
        cost = known.cost if known else self.whole if data.mixes() and not data.selection() else None
        if cost is None:
            return None
        epochs = epochs_of(self.recipes[recipe], cost.tokens, self.config.ladder, self.vocab)
        return cost.model_copy(update={"epochs": epochs})

    def cancel(self, number: int, reason: str) -> list[Need]:
        test = self.decider.test(number)
        dropped = self.decider.cancel(test, reason)
        self._close(Closing(test, promoted=False))
        return dropped

    def answer_vault(self, answer: VaultAnswer) -> list[Closing]:
        """Take the vault's answer to a test that passed all else."""
        if answer.query != len(self.vault_answers) + 1:
            raise ValueError(f"question {len(self.vault_answers) + 1} to the vault is counted as {answer.query}")
        said = "the sealed set confirms it" if answer.passed else "the sealed set does not confirm it"
        said += f" (advisory: {answer.note})" if answer.advisory else ""
        self.vault_answers[answer.number] = answer
        closings = self.decider.answer_vault(answer.number, answer.passed, said)
        for closing in closings:
            self._close(closing)
        return closings

    def drop(self, step: AuditStep, recipe: Recipe) -> Generation:
        """Make a champion of the recipe from which a change that no longer holds was dropped.

        Raises:
            ValueError: the dropped generation is none that was promoted, or was dropped before, or the evidence is not
                what its own pairs give.
        """
        promoted = {g.number for g in self.generations if g.certificate is not None}
        dropped = {g.audit.dropped for g in self.generations if g.audit is not None}
        if step.dropped not in promoted - dropped:
            raise ValueError(f"generation {step.dropped} is no promoted change that still stands")
        for evidence in step.evidence:
            if not agrees(recomputed(evidence), evidence):
                raise ValueError(f"the pairs do not give the recorded evidence against generation {step.dropped}")
        self.recipes[recipe.hash] = recipe
        self.decider.replace_champion(recipe.hash)
        self.generations.append(Generation(number=len(self.generations), recipe=recipe.hash, audit=step))
        return self.generations[-1]

    @property
    def every_verdict(self) -> dict[int, Verdict]:
        """Verdicts on proposals and on placebos."""
        return {**self.verdicts, **self.placebo_verdicts}

    def hidden_recipes(self) -> set[str]:
        """Recipes of placebos under test, which nobody is shown."""
        return {r.candidate for number, r in self.placebos.items() if number not in self.placebo_verdicts}

    def registration_of(self, number: int) -> Registered:
        """What was registered under a number, be it a placebo."""
        return self.registered.get(number) or self.placebos[number]

    def _close(self, closing: Closing) -> None:
        test = closing.test
        verdict = build_verdict(self, test)
        if test.placebo:
            self.placebo_verdicts[test.number] = verdict
            self.alarm = test.number if test.decision == "supported" else self.alarm
            return
        self.verdicts[test.number] = verdict
        if closing.promoted:
            self.generations.append(
                Generation(
                    number=len(self.generations), recipe=test.candidate, certificate=build_certificate(self, test)
                )
            )

    def _check(self, entry: Entry) -> None:
        if entry.kind == "verdict":
            told = Verdict.model_validate_json(canonical_json(entry.body))
            if not agrees(self.every_verdict.get(told.number), told):
                raise ValueError(f"the runs do not give the recorded verdict on proposal {told.number}")
        else:
            told = Generation.model_validate_json(canonical_json(entry.body))
            if told.number >= len(self.generations) or not agrees(self.generations[told.number], told):
                raise ValueError(f"the runs do not give the recorded generation {told.number}")

    def _judge_gates(self, test: Test) -> tuple[Decision, tuple[str, ...]]:
        draft = build_verdict(self, test, decision="supported", reasons=("before the gates",))
        judged = apply_gates(draft, self.facts(test))
        return judged.decision, judged.reasons[len(draft.reasons) :]  # what the draft says, the verdict says again

    def facts(self, test: Test) -> dict[str, Any]:
        """What gates may look at: measured step time and memory of the candidate, and the limits."""
        mine = [outcome for key, outcome in self.outcomes.items() if key.recipe == test.candidate]
        return {
            "limits": self.config.limits,
            "step_ms": max((o.step_ms for o in mine), default=0.0),
            "memory_mb": max((o.memory_mb for o in mine), default=0.0),
        }

    # What researchers may know

    def trials(self) -> tuple[Trial, ...]:
        return tuple(
            Trial(
                registered=r,
                recipe=self.recipes[r.candidate],
                verdict=self.verdicts.get(number),
                data_cost=self.data_cost(r.candidate),
            )
            for number, r in self.registered.items()
        )

    def noise_percent(self) -> float | None:
        """Pooled deviation of paired differences at the smallest scale, per cent of the score; None while unknown.

        A calibration's pairs count as those of tests do, and those of open tests as soon as there are two of them.
        """
        decider = self.decider
        groups: list[tuple[float, float]] = [
            (1 + decider.pools["replicate"].degrees, 100 * decider.pools["replicate"].size)
        ]
        for test in decider.active:
            if test.seeds.get("replicate") and not test.placebo:
                n, _, deviation = moments(decider.differences(test, "replicate"))
                groups.append((n, 100 * deviation / decider.champion_score(test, "replicate")))
        known = self.calibration
        if known is not None and known.trainer == (self.trainer or known.trainer):
            groups += known.groups(self.config.ladder[0].name)
        return pooled_deviation(groups)

    def scores_at(self, recipe: str, scale: int) -> dict[int, Outcome]:
        """Finished outcomes of a recipe at a scale by seed."""
        return {
            key.seed: outcome
            for key, outcome in self.outcomes.items()
            if key.recipe == recipe and key.scale == scale and outcome.status == "finished"
        }


def epochs_of(
    recipe: Recipe, tokens: Mapping[str, int], ladder: Sequence[Scale], vocab: int
) -> dict[str, dict[str, float]]:
    """How often runs read each domain, by scale.

    Args:
        tokens: training tokens of each domain that there are.
    """
    return {
        scale.name: {
            name: round(read.epochs, 6)
            for name, read in readings(recipe.data, tokens, shape_at(recipe, scale, vocab).tokens).items()
        }
        for scale in ladder
    }


def read_campaign(
    config: LabConfig, vocab: int, recipes: dict[str, Recipe], entries: list[Entry], check: bool = False
) -> Campaign:
    """Rebuild the campaign from its ledger.

    Raises:
        Mismatch: the ledger contradicts itself; with `check`, also where a decision in it differs or is missing.
    """
    first = next((e.body["config"] for e in entries if e.kind == "session"), None)
    campaign = Campaign(LabConfig.parse(first, "the ledger") if first else config, vocab, recipes)
    told: set[int] = set()
    generations = 0
    for entry in entries:
        if check and entry.kind not in ("verdict", "promotion", "alarm"):
            _check_told(campaign, told, generations, entry.seq)
        campaign.feed(entry, check)
        told |= {entry.body["number"]} if entry.kind == "verdict" else set()
        generations += entry.kind == "promotion"
    if check and entries:
        _check_told(campaign, told, generations, entries[-1].seq + 1)
    if not first:
        campaign.config = config
    return campaign


def _check_told(campaign: Campaign, told: set[int], generations: int, seq: int) -> None:
    """Decisions follow at once what gave them; raises `Mismatch` where entry `seq` is another one."""
    missing = campaign.every_verdict.keys() - told
    if missing:
        raise Mismatch(seq, f"the verdict on proposal {min(missing)}, which the runs give, is missing before it")
    if campaign.alarms_raised != sum(v.decision == "supported" for v in campaign.placebo_verdicts.values()):
        raise Mismatch(seq, "the alarm of a placebo that passed is missing before it")
    if generations != len(campaign.generations) - 1:
        raise Mismatch(seq, f"generation {len(campaign.generations) - 1}, which the runs give, is missing before it")
