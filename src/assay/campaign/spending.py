"""What a session may still spend."""

from datetime import datetime

from assay.campaign.decide import Key
from assay.campaign.history import Campaign
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.scale import shape_at

#: FLOPs a second of one core, where nothing was measured yet: few machines are faster on small models.
OPTIMISTIC_SPEED = 5e10


def expected_flops(campaign: Campaign, key: Key) -> float:
    """Compute that a run will take."""
    return shape_at(campaign.recipes[key.recipe], campaign.config.ladder[key.scale], campaign.vocab).flops


class Purse:
    """Hard limits on one session. Runs count when they start, and those that a killed session left behind count
    in the session that finishes them, so that the budgets of all sessions add up to what was finished.

    Args:
        budget: what this session may spend.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    def refusal(self, campaign: Campaign, key: Key, seconds: float, usd: float) -> str | None:
        """Why one more run may not start, or None.

        Args:
            key: the run.
            seconds: since the session began.
            usd: money spent in the session.
        """
        budget = self.budget
        waiting = {need.key for need in campaign.decider.outstanding}
        new = {k for k in (*waiting, key) if k not in campaign.outcomes}
        if budget.runs is not None and len(campaign.runs_in_session) + len(new) > budget.runs:
            return f"the budget of {budget.runs} runs is spent"
        pending = {
            k: expected_flops(campaign, k) - (campaign.outcomes[k].flops if k in campaign.outcomes else 0.0)
            for k in (*waiting, key)
        }
        if budget.flops is not None and campaign.flops_in_session + sum(pending.values()) > budget.flops:
            return f"the budget of {budget.flops:.3g} FLOPs is spent"
        if budget.seconds is not None and seconds >= budget.seconds:
            return f"the budget of {budget.seconds:.0f} s is spent"
        if budget.usd is not None:
            ahead = sum(
                flops / (flops_per_second(campaign, k.scale) or OPTIMISTIC_SPEED) for k, flops in pending.items()
            )
            if usd + core_usd(campaign, ahead) >= budget.usd:
                return f"the budget of {budget.usd:.2f} USD is spent"
        return None


def flops_per_second(campaign: Campaign, scale: int | None = None) -> float | None:
    """Measured compute a second of one worker, evaluation included; None before the first run.

    A scale that has not run yet is as fast as the nearest smaller one that has, which errs on the slow side.
    """
    rates: dict[int, list[float]] = {}
    for key, outcome in campaign.outcomes.items():
        if outcome.status == "finished" and outcome.seconds > 0:
            rates.setdefault(key.scale, []).append(outcome.flops / outcome.seconds)
    if not rates:
        return None
    usable = [s for s in rates if scale is None or s <= scale] or list(rates)
    chosen = rates[max(usable)]
    return sum(chosen) / len(chosen)


def remaining(campaign: Campaign, usd_now: float) -> Budget | None:
    """What an interrupted session had left, possibly nothing; None if the last one came to its end.

    Args:
        usd_now: money spent on language models over the lab's life.
    """
    if not campaign.session_open or campaign.session is None:
        return None
    budget = Budget.model_validate(campaign.session["budget"])
    seconds = None
    if budget.seconds is not None:
        begun, last = (datetime.fromisoformat(t) for t in (campaign.session_time, campaign.last_time))
        seconds = max(0.0, budget.seconds - (last - begun).total_seconds())
    spent = usd_now - campaign.session["usd_before"] + core_usd(campaign, campaign.core_seconds_in_session)
    return Budget(
        runs=None if budget.runs is None else max(0, budget.runs - len(campaign.runs_in_session)),
        seconds=seconds,
        flops=None if budget.flops is None else max(0.0, budget.flops - campaign.flops_in_session),
        usd=None if budget.usd is None else max(0.0, budget.usd - spent),
    )


def core_usd(campaign: Campaign, seconds: float) -> float:
    """Price of so many seconds of one core, US dollars."""
    return campaign.config.costs.usd_per_core_hour * seconds / 3600


def check_limits(campaign: Campaign, budget: Budget) -> None:
    """Raise `UserError` if the budget would never be spent."""
    others = (budget.runs, budget.seconds, budget.flops)
    config = campaign.config
    if config.costs.usd_per_core_hour == 0 and "claude" not in config.researchers.use and set(others) == {None}:
        raise UserError(
            "a budget in USD alone is no limit here, where nothing costs money: set costs.usd_per_core_hour in "
            "lab.toml, or say how much time, how many runs or FLOPs it may take, for example --budget 20m"
        )


def check_enough(campaign: Campaign, budget: Budget, workers: int) -> None:
    """Raise `UserError` if the budget does not cover one pair at the smallest scale."""
    start = campaign.config.start.hash
    pair = 2 * expected_flops(campaign, Key(start, 0, 0))
    if budget.runs is not None and budget.runs < 2:
        raise UserError(f"a budget of {budget.runs} run is too small for one pair; give at least 2runs")
    if budget.flops is not None and budget.flops < pair:
        raise UserError(
            f"a budget of {budget.flops:.3g} FLOPs is too small for one pair, which takes {pair:.3g} at scale "
            f"'{campaign.config.ladder[0].name}'; give at least {1.05 * pair:.2g}flop"
        )
    speed = flops_per_second(campaign, 0) or OPTIMISTIC_SPEED
    seconds = pair / speed / min(2, workers)
    if budget.seconds is not None and budget.seconds < seconds:
        raise UserError(
            f"a budget of {budget.seconds:.2g} s is too small for one pair, which takes about {seconds:.2g} s here"
        )
    price = core_usd(campaign, pair / speed)
    if budget.usd is not None and budget.usd < price:
        raise UserError(f"a budget of {budget.usd} USD is too small for one pair, which costs about {price:.2g} USD")
