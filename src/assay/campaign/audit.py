"""Audits: does every promoted change still help the champion of today? Pure, a fold over the ledger's audit entries.

For each promoted change the champion is compared with itself without that change (leave one out), pair after pair on
seeds that no other run has, at one scale. A last question compares it with generation 0: the drift.

**Error control.** A round with m questions asks each at the threshold m·r(r + 1)/level, r the number of the round. For
each change one of two errors is possible at most, since "no better" and "better by what is worth having" exclude each
other: to say that it holds while it is no better, or that it does not while it is worth having. By the union bound over
questions and rounds (Σ 1/(r(r + 1)) = 1) the chance of any wrong answer in a whole audit is at most the level, whatever
the dependence between questions, which share the champion's runs; and since they are e-values, whenever one looks, so
an audit that ran out of its budget goes on later with the same evidence (e-Bonferroni: Vovk & Wang 2021, "E-values:
Calibration, combination and applications").

**Dropping.** Of the changes that do not hold the least useful one is dropped; the others are asked again, against the
new champion and on fresh seeds, since leave-one-out effects need not add up: of two changes that do the same, each is
useless beside the other, and only one of them should go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from assay.campaign.decide import Key, tried
from assay.campaign.verdicts import agrees
from assay.evidence.compare import evidence_of
from assay.evidence.sequential import e_value_less, moments
from assay.spec.audit import Answer, Answered, AuditRound, AuditVerdict, Question
from assay.spec.base import canonical_json
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe, changed, difference, flatten
from assay.spec.run import Outcome, Run, Seed
from assay.spec.scale import shape_at
from assay.spec.verdict import AuditStep, Evidence, Pair

if TYPE_CHECKING:
    from assay.campaign.history import Campaign

Standing = Literal["begin", "go on", "done"]

#: Audits' seeds begin here in the lab's range; each round has its own.
AUDIT_BASE = 85 * 10**7
ROUNDS_AN_AUDIT = 100
SEEDS_A_ROUND = 1_000
#: Pairs with which no e-value can reach any threshold here, nor an interval have ends; they are trained at once.
FIRST = 4


@dataclass
class Round:
    """A round under way: which pairs are there, and what they say."""

    spec: AuditRound
    scale: int
    worth: float
    """The smallest effect worth having, per cent."""
    base: int
    """First seed."""
    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    hashes: dict[Key, str] = field(default_factory=dict)
    layer: int = 0
    """Seeds that are done with: every open question has its run there, or it was void."""
    pairs: dict[int, list[int]] = field(default_factory=dict)
    """Seeds of each question's pairs, by its generation."""
    answers: dict[int, tuple[Answer, str]] = field(default_factory=dict)
    void: list[str] = field(default_factory=list)
    """Runs of the champion that diverged; their seeds are left out."""
    concluded: bool = False
    """Whether nothing more is to come: every question has its answer, and the ledger says so."""
    closed: bool = False
    """Whether a change was dropped, after which the champion is another."""

    def __post_init__(self) -> None:
        for question in self.spec.questions:
            if question.without is not None:
                self.pairs[question.generation] = []

    @property
    def open(self) -> list[Question]:
        """Questions that wait for more pairs."""
        return [q for q in self.spec.questions if q.without is not None and q.generation not in self.answers]

    @property
    def complete(self) -> bool:
        return not self.open

    def keys(self, layer: int) -> list[Key]:
        """The runs of one seed, the champion's first."""
        recipes = [self.spec.champion, *(q.without for q in self.open if q.without is not None)]
        return [Key(recipe, self.scale, self.base + layer) for recipe in dict.fromkeys(recipes)]

    def needs(self) -> list[Key]:
        """Runs that open questions wait for, in order."""
        layers = range(self.layer, max(self.layer + 1, FIRST)) if self.open else ()
        return [key for layer in layers for key in self.keys(layer) if key not in self.outcomes]

    def take(self, key: Key, digest: str, outcome: Outcome) -> None:
        """Note a run that finished or diverged, and judge every seed that it completes."""
        if not self.base <= key.seed < self.base + SEEDS_A_ROUND or key.scale != self.scale:
            raise ValueError(f"run {digest} is no run of this audit")
        self.outcomes[key], self.hashes[key] = outcome, digest
        while self.open and all(k in self.outcomes for k in self.keys(self.layer)):
            self._judge_layer()

    def _judge_layer(self) -> None:
        seed, questions = self.base + self.layer, self.open
        self.layer += 1
        mine = self.outcomes[Key(self.spec.champion, self.scale, seed)]
        if mine.score is None:
            self.void.append(self.hashes[Key(self.spec.champion, self.scale, seed)])
        for question in questions:
            assert question.without is not None
            key = Key(question.without, self.scale, seed)
            if mine.score is not None:
                self.pairs[question.generation].append(seed)
                if self.outcomes[key].score is None:
                    text = f"without it training diverges (run {self.hashes[key]})"
                    self.answers[question.generation] = ("holds", text)
                    continue
            self._judge(question)

    def _judge(self, question: Question) -> None:
        threshold, generation = self.spec.threshold, question.generation
        evidence, less = self.evidence(question)
        n = len(evidence.pairs)
        if evidence.e_value >= threshold and n >= FIRST:
            self.answers[generation] = ("holds", f"e = {evidence.e_value:.3g} that the champion is better with it")
        elif less >= threshold and n >= FIRST:
            text = f"e = {less:.3g} that it gives less than the {self.worth}% worth having"
            self.answers[generation] = ("does not hold", text)
        elif n >= self.spec.cap:
            self.answers[generation] = ("undecided", f"not decided within {n} pairs")
        elif self.layer >= tried(self.spec.cap):
            text = f"the champion diverged at {len(self.void)} seeds, the last time in run {self.void[-1]}"
            self.answers[generation] = ("undecided", text)

    def evidence(self, question: Question) -> tuple[Evidence, float]:
        """The pairs of a question, and the e-value against "it gives what is worth having"."""
        assert question.without is not None
        pairs: list[Pair] = []
        scores: list[float] = []
        for seed in self.pairs[question.generation]:
            a, b = Key(question.without, self.scale, seed), Key(self.spec.champion, self.scale, seed)
            old, new = self.outcomes[a].score, self.outcomes[b].score
            difference = None if old is None or new is None else old - new
            pairs.append(Pair(seed=seed, champion=self.hashes[a], candidate=self.hashes[b], difference=difference))
            if old is not None:
                scores.append(old)
        found = evidence_of("audit", self.spec.scale, pairs, scores, self.spec.threshold, self.spec.cap)
        measured = [pair.difference for pair in pairs if pair.difference is not None]
        if len(measured) < len(pairs):
            return found, 0.0
        n, mean, sd = moments(measured)
        base = sum(scores) / len(scores) if scores else 0.0
        return found, e_value_less(n, mean, sd, self.worth / 100 * base)

    def verdict(self) -> AuditVerdict:
        """Where the round stands, and what is to be dropped."""
        answers: list[Answered] = []
        for question in self.spec.questions:
            if question.without is None:
                answer: Answer = "cannot be taken back" if question.note else "superseded"
                text = question.note or "later changes replaced all of it; there is nothing to take back"
                answers.append(Answered(generation=question.generation, answer=answer, reasons=(text,)))
                continue
            evidence, less = self.evidence(question)
            answer, text = self.answers.get(question.generation, ("undecided", "not decided within the budget"))
            answers.append(
                Answered(
                    generation=question.generation, answer=answer, evidence=evidence if evidence.pairs else None,
                    e_value=evidence.e_value, e_value_less=less, reasons=(text,),
                )
            )  # fmt: skip
        useless = [a for a in answers if a.answer == "does not hold" and a.generation > 0]
        worst = min(useless, key=_percent, default=None)
        return AuditVerdict(
            audit=self.spec.audit, round=self.spec.round, complete=self.complete, answers=tuple(answers),
            dropped=worst.generation if worst else None,
        )  # fmt: skip


def _percent(answered: Answered) -> float:
    evidence = answered.evidence
    assert evidence is not None
    assert evidence.effect is not None
    assert evidence.champion_score
    return evidence.effect / evidence.champion_score


# What each change is, and the champion without it


class Stack:
    """Which promoted change gave each field of the champion its value.

    For every field that was ever changed: the values that promotions gave it, in order. The champion has the last of
    each; without a change it has the last of those that are left, so that taking back a change that was overwritten
    since takes nothing back.
    """

    def __init__(self, campaign: Campaign) -> None:
        self.start = campaign.recipes[campaign.generations[0].recipe]
        self.values: dict[str, list[tuple[int, Any]]] = {}
        self.standing: list[int] = []
        for before, generation in zip(campaign.generations, campaign.generations[1:], strict=False):
            if generation.audit is not None:
                self._remove(generation.audit.dropped)
                continue
            self.standing.append(generation.number)
            old, new = campaign.recipes[before.recipe], campaign.recipes[generation.recipe]
            for key, (_, value) in difference(old, new).items():
                self.values.setdefault(key, []).append((generation.number, value))

    def _remove(self, number: int) -> None:
        if number not in self.standing:
            raise ValueError(f"generation {number} has no change that stands")
        self.standing.remove(number)
        for key, given in self.values.items():
            self.values[key] = [(who, value) for who, value in given if who != number]

    def change(self, number: int) -> dict[str, Any]:
        """The fields that a promotion set."""
        return {key: value for key, given in self.values.items() for who, value in given if who == number}

    def without(self, number: int) -> Recipe:
        """The champion without one change. Raises `UserError` if there is no such recipe."""
        now = flatten(self.start.model_dump(mode="json"))
        values = {
            key: next((value for who, value in reversed(given) if who != number), now[key])
            for key, given in self.values.items()
        }
        return changed(self.start, values, f"the champion without generation {number}'s change")


def plan_round(campaign: Campaign, audit: int, number: int, scale: int, trainer: str) -> AuditRound:
    """The questions of a round about the champion of now, and what each must reach."""
    stack, config = Stack(campaign), campaign.config
    champion = campaign.generations[-1].recipe
    questions: list[Question] = []
    for generation in stack.standing:
        try:
            recipe = stack.without(generation)
            for rung in config.ladder:
                shape_at(recipe, rung, campaign.vocab)
        except UserError as error:
            questions.append(Question(generation=generation, without=None, note=str(error)))
            continue
        campaign.recipes[recipe.hash] = recipe
        questions.append(Question(generation=generation, without=None if recipe.hash == champion else recipe.hash))
    start = campaign.generations[0].recipe
    if champion != start:
        questions.append(Question(generation=0, without=start))
    asked = sum(question.without is not None for question in questions)
    return AuditRound(
        audit=audit, round=number, generation=len(campaign.generations) - 1, champion=champion,
        scale=config.ladder[scale].name, trainer=trainer,
        threshold=max(1, asked) * number * (number + 1) / config.evidence.fdr, cap=config.evidence.confirm_pairs,
        questions=tuple(questions),
    )  # fmt: skip


# The fold


def next_round(campaign: Campaign, scale: int, trainer: str) -> tuple[Standing, AuditRound]:
    """The round to work on and its plan: one that goes on, one to begin, or the last one where all is said.

    A round is about one champion, scale and trainer; when it ran out of its budget, it goes on. When it dropped a
    change, another round of the same audit asks about the champion that is left. One that has all its answers is not
    repeated: asking until the answer pleases would be no test.
    """
    last = campaign.audits[-1] if campaign.audits else None
    if last is None:
        return "begin", plan_round(campaign, 1, 1, scale, trainer)
    audit, number = last.spec.audit, last.spec.round
    same = last.spec.scale == campaign.config.ladder[scale].name and last.spec.trainer == trainer
    if same and not last.closed and last.spec.champion == campaign.generations[-1].recipe:
        return "done" if last.concluded else "go on", last.spec
    if same and last.closed and last.spec.generation == len(campaign.generations) - 2:
        return "begin", plan_round(campaign, audit, number + 1, scale, trainer)
    return "begin", plan_round(campaign, audit + 1, 1, scale, trainer)


def feed(campaign: Campaign, body: dict[str, Any], check: bool) -> None:
    """Take an audit entry in.

    Raises:
        ValueError: it contradicts the entries before it; with `check`, also where its conclusions are not theirs.
    """
    match body["step"]:
        case "begin":
            _begin(campaign, AuditRound.model_validate_json(canonical_json(body["plan"])))
        case "result":
            current = _current(campaign)
            key = Key(body["recipe"], current.scale, body["seed"])
            run = run_of(campaign, current, key)
            if run.hash != body["run"]:
                raise ValueError(f"run {body['run']} is not the one that its recipe and seed name, {run.hash}")
            outcome = Outcome.model_validate_json(canonical_json(body["outcome"]))
            campaign.flops_spent += outcome.flops
            campaign.core_seconds += outcome.seconds
            current.take(key, run.hash, outcome)
        case "verdict":
            _conclude(campaign, AuditVerdict.model_validate_json(canonical_json(body["verdict"])), check)
        case other:
            raise ValueError(f"an audit has no step '{other}'")


def _begin(campaign: Campaign, told: AuditRound) -> None:
    names = [rung.name for rung in campaign.config.ladder]
    scale = names.index(told.scale)
    standing, planned = next_round(campaign, scale, told.trainer)
    if standing != "begin" or not agrees(planned, told):
        raise ValueError(f"the champion's history does not give the recorded round {told.round} of audit {told.audit}")
    base = campaign.config.seed * 10**9 + AUDIT_BASE
    base += ((told.audit - 1) * ROUNDS_AN_AUDIT + told.round - 1) * SEEDS_A_ROUND
    campaign.audits.append(Round(told, scale, campaign.config.evidence.min_effect, base))


def _conclude(campaign: Campaign, told: AuditVerdict, check: bool) -> None:
    current = _current(campaign)
    found = current.verdict()
    if check and not agrees(found, told):
        raise ValueError(f"the runs do not give the recorded answers of audit {told.audit}, round {told.round}")
    current.concluded = found.complete
    if found.dropped is None:
        return
    current.closed = True
    question = next(q for q in current.spec.questions if q.generation == found.dropped)
    answered = next(a for a in found.answers if a.generation == found.dropped)
    assert question.without is not None
    assert answered.evidence is not None
    step = AuditStep(dropped=found.dropped, evidence=(answered.evidence,), reason=answered.reasons[0])
    campaign.drop(step, campaign.recipes[question.without])


def _current(campaign: Campaign) -> Round:
    if not campaign.audits or campaign.audits[-1].closed:
        raise ValueError("no audit is under way")
    return campaign.audits[-1]


def run_of(campaign: Campaign, current: Round, key: Key) -> Run:
    """The run of an audit that a key names."""
    return Run(
        recipe=campaign.recipes[key.recipe], scale=campaign.config.ladder[key.scale],
        seed=Seed(init=key.seed, data=key.seed), corpus=campaign.config.corpus.id, trainer=current.spec.trainer,
    )  # fmt: skip
