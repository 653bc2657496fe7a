"""`assay status`."""

from assay.interfaces.cli.shared import Json, LabArgument, count, find_lab, print_json
from assay.spec.recipe import in_words


def status(lab: LabArgument = None, *, json: Json = False) -> None:
    """Show where a lab stands: champion, verdicts, runs, spend, and whether it is running.

    Example:

        assay status mylab --json
    """
    from assay.campaign.status import status_of

    facts = status_of(find_lab(lab))
    if json:
        print_json(facts)
        return
    running = facts["controller"]
    state = f"running since {running['since']} (process {running['pid']})" if running else "not running"
    print(f"{facts['lab']}: {state}")
    print(f"  generation  {facts['generation']} (champion {facts['champion']})")
    counts = ", ".join(f"{n} {name}" for name, n in facts["verdicts"].items()) or "none yet"
    print(f"  verdicts    {counts}")
    if facts["placebos"]["decided"]:
        print(f"  placebos    {facts['placebos']['decided']} tested, {facts['placebos']['passed']} passed")
    for test in facts["under_test"]:
        print(f"  under test  #{test['number']} by {test['author']}: {in_words(test['change'])}")
    for waiting in facts["queued"]:
        print(f"  queued      {waiting['id']} by {waiting['author']}: {in_words(waiting['change'])}")
    print(f"  runs        {', '.join(f'{n} {name}' for name, n in facts['runs'].items()) or 'none yet'}")
    minutes = facts["core_seconds"] / 60
    print(f"  spent       {facts['flops']:.3g} FLOPs, {minutes:.1f} core minutes, {facts['usd']:.2f} USD for models")
    if facts["data_work"]["selections"]:
        work = facts["data_work"]
        made = count(work["selections"], "selection")
        print(f"  data work   {made} of training text, {work['core_seconds']:.1f} s of one core")
    if facts["noise"]:
        known = facts["noise"]
        print(f"  noise       calibrated at '{known['scale']}' by {known['runs']} runs. {known['stale']}".rstrip())
    if facts["alarm"] is not None:
        print(
            f'  ALARM: placebo {facts["alarm"]} passed. Once you know why: `assay run --after-alarm "what was wrong"`.'
        )
    if facts["interrupted"]:
        print("  The last session was interrupted; `assay run` goes on where it stopped.")
