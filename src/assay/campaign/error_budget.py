"""The error budget as people read it: what each test was granted and spent, what is left, and what placebos say."""

from typing import Any

from assay.campaign.history import Campaign
from assay.evidence.intervals import exact_interval
from assay.evidence.online import SPENDING, gamma


def error_budget(campaign: Campaign) -> dict[str, Any]:
    """The budget over the lab's whole life, test by test.

    A test spends its share of the budget when it is registered, whatever becomes of it; its level is that share of
    the rate, times one more than the promotions that stand.
    """
    decider, fdr = campaign.decider, campaign.config.evidence.fdr
    rows = [_row(campaign, number) for number in campaign.registered]
    spent = sum(row["share"] for row in rows)
    level = decider.next_level()
    return {
        "fdr": fdr,
        "spending": SPENDING,
        "promise": (
            f"At most {100 * fdr:g}% of promotions are expected to be false, over the lab's whole life. Under the "
            f"global null, where no proposal is any better, at most {100 * fdr:g}% of labs ever promote anything."
        ),
        "tests": len(rows),
        "promotions": decider.promotions,
        "granted": sum(row["level"] for row in rows),
        "share_spent": spent,
        "share_left": 1 - spent,
        "next_number": decider.next_number,
        "next_level": level,
        "next_threshold": 1 / level,
        "list": rows,
    }


def _row(campaign: Campaign, number: int) -> dict[str, Any]:
    registered, verdict = campaign.registered[number], campaign.verdicts.get(number)
    return {
        "number": number,
        "author": registered.proposal.author,
        "change": registered.proposal.change,
        "time": campaign.times[number],
        "generation": registered.generation,
        "retest_of": registered.retest_of,
        "share": gamma(number),
        "level": registered.level,
        "threshold": 1 / registered.level,
        "e_value": verdict.e_value if verdict else None,
        "decision": verdict.decision if verdict else "under test",
        "reasons": list(verdict.reasons) if verdict else [],
    }


def placebo_facts(campaign: Campaign) -> dict[str, Any]:
    """Placebos that have their verdict, and the rate at which they pass, with its exact 95% interval.

    One that is still under test is not mentioned at all: whoever proposes could see from it what is real.
    """
    told = campaign.placebo_verdicts
    passed = sum(verdict.decision == "supported" for verdict in told.values())
    low, high = exact_interval(passed, len(told))
    return {
        "rate": campaign.config.evidence.placebo_rate,
        "decided": len(told),
        "passed": passed,
        "share": passed / len(told) if told else None,
        "low": low,
        "high": high,
        "alarm": campaign.alarm,
        "acknowledged": list(campaign.acknowledged),
        "list": [
            {
                "number": number,
                "generation": campaign.placebos[number].generation,
                "candidate": campaign.placebos[number].candidate,
                "level": campaign.placebos[number].level,
                "threshold": verdict.threshold,
                "e_value": verdict.e_value,
                "pairs": sum(len(evidence.pairs) for evidence in verdict.evidence),
                "passed": verdict.decision == "supported",
                "reasons": list(verdict.reasons),
                "runs": [run for e in verdict.evidence for pair in e.pairs for run in (pair.champion, pair.candidate)],
            }
            for number, verdict in told.items()
        ],
    }
