"""Is one recipe better than another? Pairs until the answer stands, outside the campaign and its error budget."""

from collections.abc import Callable
from typing import Any

from assay.campaign.facts import evidence_facts
from assay.campaign.lab import Lab
from assay.campaign.matching import Match, matching
from assay.evidence.compare import evidence_of
from assay.evidence.planning import expected_pairs
from assay.evidence.sequential import e_value, e_value_less, moments
from assay.spec.errors import UserError
from assay.spec.protocols import Executor
from assay.spec.recipe import Recipe
from assay.spec.run import Outcome, Run, Seed
from assay.spec.verdict import Pair
from assay.store.ledger import append

#: A single question at the 5% level.
THRESHOLD = 20.0
#: Most pairs that the estimate of what an answer would take looks ahead.
HORIZON = 400


def compare(
    lab: Lab, old: Recipe, new: Recipe, scale: int, cap: int, executor: Executor,
    tick: Callable[[int, Executor], None], match: Match = "flops",
) -> dict[str, Any]:  # fmt: skip
    """Train pairs one after another until e reaches 20 for better, or for worse, or for not worth having.

    Args:
        scale: place in the ladder.
        cap: most pairs.
        tick: called while waiting, with the number of complete pairs.
        match: what both have the same of; the new recipe trains for longer or shorter until that is so.

    Returns:
        Facts: answer (`better`, `worse`, `no worthwhile difference`, `undecided`), evidence, what more it would take.

    Raises:
        UserError: the recipes are the same, or a run failed.
    """
    if old.hash == new.hash:
        raise UserError(f"both recipes are {old.hash}; there is nothing to compare")
    vocab, rung = lab.corpus().vocab, lab.config.ladder[scale]
    means = matching(lab, old, new, rung, vocab, match, executor)

    def run(recipe: Recipe, i: int) -> Run:
        seed = lab.config.seed * 10**9 + 9 * 10**8 + i
        return Run(
            recipe=recipe,
            scale=means.scale if recipe is new else rung,
            seed=Seed(init=seed, data=seed),
            corpus=lab.config.corpus.id,
            trainer=lab.trainer(),
        )

    outcomes: dict[str, Outcome] = {}
    ordered: set[str] = set()

    def order(i: int) -> None:
        for recipe in (old, new):
            wanted = run(recipe, i)
            if wanted.hash not in ordered:
                ordered.add(wanted.hash)
                with lab.store.transaction() as connection:
                    lab.store.put_run(connection, wanted, "running")
                executor.submit(lab.order(wanted, vocab), lab.run_dir(wanted.hash))

    pairs: list[Pair] = []
    scores: list[float] = []
    answer = "undecided"
    for i in range(cap):
        order(i)
        if i == 0 and cap > 1:
            order(1)  # two pairs are needed anyway, and keep more workers busy
        a, b = run(old, i).hash, run(new, i).hash
        while not (a in outcomes and b in outcomes):
            for digest, outcome in executor.poll(0.1):
                outcomes[digest] = outcome
                with lab.store.transaction() as connection:
                    lab.store.put_outcome(connection, digest, outcome)
            tick(len(pairs), executor)
        for digest in (a, b):
            if outcomes[digest].status == "failed":
                raise UserError(f"run {digest} failed: {outcomes[digest].message}")
        base, score = outcomes[a].score, outcomes[b].score
        if base is None:
            raise UserError(f"the old recipe diverges (run {a}), so there is nothing to compare with")
        pairs.append(Pair(seed=i, champion=a, candidate=b, difference=None if score is None else base - score))
        scores.append(base)
        answer = answer_of(pairs, scores, lab.config.evidence.min_effect)
        if answer != "undecided":
            break
    evidence = evidence_of("replicate", rung.name, pairs, scores, THRESHOLD, cap)
    more = pairs_to_answer(evidence.effect, evidence.deviation) if answer == "undecided" else None
    facts = {
        "old": old.hash, "new": new.hash, "scale": rung.name, "match": match, "arms": means.arms, "answer": answer,
        "pairs": len(pairs), "pairs_it_would_take": more, "threshold": THRESHOLD, "evidence": evidence_facts(evidence),
    }  # fmt: skip
    with lab.store.transaction() as connection:
        append(connection, "comparison", facts)
    return facts


def answer_of(pairs: list[Pair], scores: list[float], min_effect: float) -> str:
    """The answer that the pairs give; `min_effect` in per cent of the score."""
    differences = [pair.difference for pair in pairs if pair.difference is not None]
    if len(differences) < len(pairs):
        return "worse"
    n, mean, deviation = moments(differences)
    if e_value(n, mean, deviation) >= THRESHOLD:
        return "better"
    if e_value_less(n, mean, deviation, 0.0) >= THRESHOLD:
        return "worse"
    if e_value_less(n, mean, deviation, min_effect / 100 * sum(scores) / len(scores)) >= THRESHOLD:
        return "no worthwhile difference"
    return "undecided"


def pairs_to_answer(effect: float | None, deviation: float | None) -> int | None:
    """Pairs that an answer would take in all if the effect is as measured; None: more than `HORIZON`, or unknown."""
    if not effect or not deviation:
        return None
    expected = expected_pairs(abs(effect) / deviation, THRESHOLD, HORIZON)
    return round(expected) if 0 < expected < 0.9 * HORIZON else None
