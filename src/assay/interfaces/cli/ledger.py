"""`assay ledger verify`."""

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json


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
