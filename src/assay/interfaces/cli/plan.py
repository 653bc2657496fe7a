"""`assay plan`."""

from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, count, duration, open_lab, print_json

#: Power below which a design is the largest that was considered, not one that does.
DESIGN_POWER = 0.79


def plan(
    lab: LabArgument = None,
    *,
    budget: Annotated[str, Parameter(help="20m, 2h, 40runs, 1e15flop, 5usd, or several joined by commas.")] = "20m",
    json: Json = False,
) -> None:
    """Say what a budget would buy: runs, proposals, cost, time, and the smallest effect that it could see.

    Figures rest on the lab's own measured speed and noise as soon as there are any, and say so.

    Examples:

        assay plan mylab --budget 20m
        assay plan mylab --budget 200runs --json
    """
    from assay.campaign.plan import plan as make_plan
    from assay.spec.budget import Budget

    facts = make_plan(open_lab(lab), Budget.read(budget))
    if json:
        print_json(facts)
        return
    speed = (
        "measured here" if facts["speed_measured"] else "assumed until a run has been measured; may be off threefold"
    )
    noise = (
        "measured here" if facts["noise_measured"] else "assumed until pairs, or `assay calibrate`, have measured it"
    )
    dropped, promoted = facts["flops_per_dropped_proposal"], facts["flops_per_promotion"]
    hours, needed = facts["core_seconds"] / 3600, facts["threshold"]
    print(f"{facts['lab']}, generation {facts['generation']}, {count(facts['workers'], 'run')} at a time")
    print(f"  time        about {duration(facts['seconds'])}, {hours:.2f} core hours (speed {speed})")
    print(f"  cost        {facts['flops']:.2e} FLOPs, {facts['usd']:.2f} USD for compute at the price in lab.toml")
    print(f"  would run   about {count(facts['runs'], 'run')}: {count(facts['proposals'], 'proposal')}")
    print(
        f"              by {', '.join(facts['researchers'])}, if one in {1 / facts['assumed_success_share']:.0f} holds;"
    )
    print(f"              a dropped one costs {dropped:.1e} FLOPs, a promoted one {promoted:.1e}")
    structural = facts["flops_per_structural_promotion"]
    print(f"              (of architecture or optimiser {structural:.1e}, as the champion is tuned first)")
    for scale in facts["scales"]:
        print(f"  a run at    {scale['name']:10} {scale['flops']:.2e} FLOPs, about {duration(scale['seconds'])}")
    print(f"  could see   with a noise of {facts['noise_percent']:.2f}% a pair ({noise}) and e >= {needed:.0f} needed:")
    for pairs, effect in facts["detectable_percent"].items():
        print(f"              {f'{effect:.2f}% or more' if effect is not None else 'nothing':16} within {pairs}")
    if facts["design"] is not None:
        design = facts["design"]
        most = "" if design["power"] > DESIGN_POWER else f", and then with a power of {100 * design['power']:.0f}% only"
        print(f"  would take  {design['pairs']} pairs to find {design['effect_percent']:.2f}%{most}")
    _print_data(facts["data"])
    if facts["noise_stale"]:
        print(f"  {facts['noise_stale']}")


def _print_data(data: dict[str, Any]) -> None:
    """What choosing text would cost: what is queued, then what a lab's researchers may choose."""
    from assay.interfaces.report.wording import epochs
    from assay.spec.recipe import in_words

    selecting = [each for each in data["options"] if each["selection"] and each["basis"] != "made"]
    if selecting:
        measured = all(each["basis"] == "measured" for each in selecting)
        basis = "speeds measured on this corpus" if measured else "speeds partly assumed"
        print(f"  data work   an estimate ({basis}), for each selection once, within a session's time:")
        by_key: dict[str, list[str]] = {}
        for each in selecting:
            [(key, value)] = each["change"].items()
            by_key.setdefault(key, []).append(f"{value} {_time(each['seconds'])}")
        for key, said in by_key.items():
            print(f"              {key}: {', '.join(said)}")
    if data["champion"] and data["champion"]["basis"] != "made":
        print(f"  data work   the champion's text is yet to be selected: about {_time(data['champion']['seconds'])}")
    for each in data["queued"]:
        takes = {"made": "nothing to make"}.get(each["basis"], f"about {_time(each['seconds'])} of one core")
        reads = f"; times a run reads it: {epochs(each['epochs'])}" if each["epochs"] else ""
        print(f"  data work   {each['id']}, {in_words(each['change'])}: {takes}{reads}")


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
