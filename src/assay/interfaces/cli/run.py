"""`assay run`."""

from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json


def run(
    lab: LabArgument = None,
    *,
    budget: Annotated[
        str | None, Parameter(help="How much more: 20m, 2h, 40runs, 1e15flop, 5usd, joined by commas.")
    ] = None,
    after_alarm: Annotated[str, Parameter(help="Go on although a placebo has passed, and say what was wrong.")] = "",
    json: Json = False,
) -> int:
    """Propose changes, test them against the champion, confirm what holds and promote it.

    The budget is a hard limit on what this call adds. Ctrl-C pauses cleanly; the next call goes on where this one
    stopped, also after a crash or `kill -9`. Without --budget it finishes what an interrupted call had left.

    Examples:

        assay run mylab --budget 20m
        assay run mylab --budget 40runs
        assay run mylab --budget 2h,5usd
    """
    from assay.campaign.controller import Controller
    from assay.interfaces.cli.screen import screen
    from assay.spec.budget import Budget

    asked = None if budget is None else Budget.read(budget)
    opened = open_lab(lab)
    with screen(quiet=json) as watcher:
        controller = Controller(opened, asked, watcher, command="assay run", after_alarm=after_alarm.strip())
        reason = controller.run()
    campaign = controller.campaign
    if json:
        from assay.campaign.facts import facts

        print_json({"ended": reason, **facts(opened)})
        return int(controller.alarmed)
    supported = sum(v.decision == "supported" for v in campaign.verdicts.values())
    print(
        f"{count(len(campaign.runs_in_session), 'run')} in this session; "
        f"{count(len(campaign.verdicts), 'verdict')} so far, {supported} supported; generation "
        f"{campaign.decider.generation}."
    )
    print(f"See `assay status {opened.folder.name}`, or `assay report {opened.folder.name} --open`.")
    return int(controller.alarmed)
