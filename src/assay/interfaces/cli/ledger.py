"""`assay ledger verify` and `assay ledger budget`."""

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json
from assay.spec.recipe import in_words


def verify(lab: LabArgument = None, *, json: Json = False) -> int:
    """Check the ledger: that no byte of it changed, and that its runs give every decision in it.

    Exit code 1, and the first bad entry by number, if something does not fit.

    Example:

        assay ledger verify mylab
    """
    from assay.campaign.history import Mismatch

    opened = open_lab(lab)
    found = opened.store.verify_ledger()
    problem, bad = found.problem, found.bad_seq
    verdicts = 0
    if bad is None:
        try:
            verdicts = len(opened.campaign(check=True).every_verdict)
        except Mismatch as error:
            problem, bad = error.problem, error.entry
    if json:
        facts = {
            "intact": not problem,
            "entries": found.entries,
            "bad_entry": bad,
            "problem": problem,
            "verdicts": verdicts,
        }
        print_json(facts)
    elif problem:
        print(f"BAD: entry {bad}: {problem}.")
    else:
        given = count(verdicts, "verdict follows", "verdicts follow")
        print(f"Intact: {count(found.entries, 'entry', 'entries')}; {given} from the recorded runs.")
    return 1 if problem else 0


def budget(lab: LabArgument = None, *, json: Json = False) -> None:
    """Show the error budget of the lab's whole life: what each test was granted and spent, and what is left.

    Stopping, restarting and changing lab.toml never give anything back. Placebos use up nothing.

    Examples:

        assay ledger budget mylab
        assay ledger budget mylab --json
    """
    from assay.campaign.error_budget import error_budget, placebo_facts

    campaign = open_lab(lab).campaign()
    facts = error_budget(campaign)
    placebos = placebo_facts(campaign)
    if json:
        print_json({**facts, "placebos": placebos})
        return
    print(facts["promise"])
    print(f"  spent       {100 * facts['share_spent']:.2f}% by {count(facts['tests'], 'test')}; {facts['spending']}")
    print(f"  left        {100 * facts['share_left']:.2f}%, for all tests to come")
    print(f"  promotions  {facts['promotions']} stand; each raises the levels after it")
    needed = f"needs e >= {facts['next_threshold']:.4g}"
    print(f"  next test   #{facts['next_number']} at level {facts['next_level']:.2g}: {needed}")
    if placebos["decided"]:
        seen = f"{placebos['passed']} of {count(placebos['decided'], 'placebo')} passed"
        print(f"  placebos    {seen}: {100 * placebos['low']:.1f}% to {100 * placebos['high']:.1f}% (95%)")
    if facts["list"]:
        print(f"\n  {'test':>5}  {'level':>8}  {'needed':>9}  {'e-value':>9}  {'decision':13}  change, by whom, why")
    for row in facts["list"]:
        e_value = f"{row['e_value']:.3g}" if row["e_value"] is not None else ""
        why = f": {'; '.join(row['reasons'])}" if row["reasons"] else ""
        print(
            f"  {'#' + str(row['number']):>5}  {row['level']:8.2g}  {row['threshold']:9.4g}  {e_value:>9}  "
            f"{row['decision']:13}  {in_words(row['change'])}, {row['author']}{why}"
        )
