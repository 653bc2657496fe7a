"""What researchers are shown, and how their proposals come in and are registered."""

from assay.campaign.decide import RETUNE_AT, RETUNE_SEEDS, Key
from assay.campaign.history import Campaign
from assay.campaign.retune import structural
from assay.campaign.spending import expected_flops
from assay.corpus.manifest import Manifest
from assay.evidence.planning import expected_pairs
from assay.spec.base import sha256_text
from assay.spec.proposal import Proposal, Registered
from assay.spec.protocols import View
from assay.spec.recipe import Recipe, changed

#: Effect, in deviations of a paired difference, that the registered cost of a proposal reckons with.
TYPICAL_EFFECT = 2.0


def view_of(campaign: Campaign, manifest: Manifest, budget_left: str = "") -> View:
    """Everything that a researcher may know, at this point of the campaign's logical time."""
    champion = campaign.decider.champion
    outcomes = list(campaign.scores_at(champion, 0).values())
    domains = sorted(manifest.domains)
    number = campaign.decider.next_number
    return View(
        config=campaign.config,
        champion=campaign.recipes[champion],
        generation=campaign.decider.generation,
        trials=campaign.trials(),
        generations=tuple(campaign.generations),
        noise=campaign.noise_percent(),
        champion_score=_mean([o.score for o in outcomes if o.score is not None]),
        champion_domains={d: _mean([o.domains[d] for o in outcomes]) or 0.0 for d in domains} if outcomes else {},
        domain_tokens=manifest.train_tokens(),
        selections=campaign.selections,
        flops_spent=campaign.flops_spent,
        budget_left=budget_left,
        seed=int(sha256_text(f"{campaign.config.seed}/{number}")[:8], 16),
        vocab=manifest.vocab,
        external=campaign.external,
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def registration(
    campaign: Campaign, proposal: Proposal, retest_of: int | None = None, retune_of: int | None = None
) -> tuple[Registered, Recipe]:
    """The proposal with its number, its share of the error budget and its cost, and the candidate recipe."""
    decider = campaign.decider
    candidate = changed(campaign.recipes[decider.champion], proposal.change, f"proposal {decider.next_number}")
    level = decider.next_level()
    registered = Registered(
        number=decider.next_number,
        proposal=proposal,
        generation=decider.generation,
        champion=decider.champion,
        candidate=candidate.hash,
        cost_flops=expected_cost(campaign, candidate.hash, candidate, 1 / level, bool(structural(proposal.change))),
        level=level,
        retest_of=retest_of,
        retune_of=retune_of,
    )
    return registered, candidate


def expected_cost(campaign: Campaign, digest: str, candidate: Recipe, threshold: float, retuned: bool = False) -> float:
    """Compute of a test that succeeds at an effect of two deviations: pairs at every stage of the way.

    The champion's runs at the smallest scale are shared with other proposals and not counted.

    Args:
        retuned: whether the champion is tuned first, and the candidate compared with it again.
    """
    campaign.recipes.setdefault(digest, candidate)
    settings, last = campaign.config.evidence, campaign.decider.scales - 1
    replicate = expected_pairs(TYPICAL_EFFECT, threshold, settings.pairs) or settings.screen_pairs
    confirm = expected_pairs(TYPICAL_EFFECT, threshold, settings.confirm_pairs)
    measure = settings.measure_pairs if last > 1 else 0
    tune = settings.retune_trials * RETUNE_SEEDS if retuned else 0
    again = expected_pairs(TYPICAL_EFFECT, RETUNE_AT, settings.confirm_pairs) if tune else 0.0
    each = [expected_flops(campaign, Key(digest, scale, 0)) for scale in range(last + 1)]
    return (
        (replicate + tune) * each[0]
        + 2 * (confirm + again + settings.remeasure_pairs) * each[1]
        + 2 * measure * each[last]
    )
