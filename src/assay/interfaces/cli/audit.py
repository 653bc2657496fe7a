"""`assay audit`."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, interval, open_lab, print_json
from assay.spec.errors import UserError
from assay.spec.recipe import in_words


def audit(
    lab: LabArgument = None,
    *,
    budget: Annotated[
        str | None, Parameter(help="At most this much: 20m, 40runs, 1e15flop, joined by commas; else to the end.")
    ] = None,
    scale: Annotated[str | None, Parameter(help="A scale of the ladder; that of confirmation if left out.")] = None,
    svg: Annotated[Path | None, Parameter(help="Write the picture of the effects to this file.")] = None,
    json: Json = False,
) -> None:
    """Test every promoted change again, and drop what no longer holds.

    The champion is compared with itself without each change, pair after pair on fresh seeds, and with generation 0. A
    change that is shown to give less than evidence.min_effect is taken out by a new generation, the least useful one
    first, and the others are asked again. What the budget leaves undecided stays, and is marked; the next call goes on
    with it. Ctrl-C pauses.

    Examples:

        assay audit mylab
        assay audit mylab --budget 20m --svg audit.svg
        assay audit mylab --budget 40runs --json
    """
    from assay.campaign.audit_facts import audit_facts
    from assay.campaign.auditor import CONFIRMATION, Auditor
    from assay.interfaces.cli.progress import share_progress
    from assay.spec.budget import Budget

    asked = None if budget is None else Budget.read(budget)
    opened = open_lab(lab)
    names = [rung.name for rung in opened.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    rung = names.index(scale) if scale else CONFIRMATION
    with share_progress(quiet=json or not sys.stderr.isatty()) as tick:
        auditor = Auditor(
            opened, asked, rung, tick, opened.executor,
        )  # fmt: skip
        campaign = auditor.run()
    facts = audit_facts(campaign) | {"runs": auditor.runs}
    if svg is not None:
        from assay.interfaces.report.audit import write_picture

        write_picture(facts, svg)
    if json:
        print_json(facts)
    else:
        show(facts)


def show(facts: dict[str, Any]) -> None:
    """Print an audit for a person."""
    if facts["note"]:
        print(f"{facts['note'][0].upper()}{facts['note'][1:]}.")
        return
    print(f"Audit {facts['audit']} of generation {facts['generation']} at '{facts['scale']}': what the champion loses "
          f"without each change.")  # fmt: skip
    width = max(len(_title(row)) for row in facts["changes"])
    print(f"  {'':{width}}  {'effect':>8}  {'95% interval':18}  {'claimed':>8}  pairs  answer")
    for row in facts["changes"]:
        print(
            f"  {_title(row):{width}}  {_percent(row['effect_percent']):>8}  {_interval(row):18}  "
            f"{_percent(row['claimed_percent']):>8}  {row['pairs']:5}  {'DROPPED' if row['dropped'] else row['answer']}"
        )
    for row in facts["changes"]:
        print(f"    generation {row['generation']}: {'; '.join(row['reasons'])}")
    drift = facts["drift"]
    if drift:
        claimed = drift["claimed"]
        told = [f"{name} {_percent(claimed[name])}" for name in ("raw", "remeasured", "shrunken")
                if claimed[name] is not None]  # fmt: skip
        print(f"  All together, against generation 0: {_percent(drift['effect_percent'])} {_interval(drift)} over "
              f"{drift['pairs']} pairs; the certificates' product is {', '.join(told)}.")  # fmt: skip
    print(f"  Any wrong answer in an audit has a chance of {100 * facts['level']:.0f}% at most: here an e-value must "
          f"reach {facts['threshold']:.0f}.")  # fmt: skip
    if len(facts["changes"]) > 1:
        print("  Effects of taking one change back need not add up to that of all together.")
    if not facts["complete"] and facts["current"]:
        print("  The budget ended before every question had its answer; the next `assay audit` goes on.")


def _title(row: dict[str, Any]) -> str:
    return f"generation {row['generation']} (#{row['proposal']}) {in_words(row['change'])}"


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:+.2f}%"


def _interval(row: dict[str, Any]) -> str:
    if row["effect_percent"] is None:
        return ""
    return interval(row["low_percent"], row["high_percent"])
