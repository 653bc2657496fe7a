"""`assay cancel`."""

from assay.interfaces.cli.shared import Json, Words, print_json, split_words


def cancel(*words: Words, json: Json = False) -> None:
    """Withdraw a proposal: assay cancel [LAB] ID, with the ID that `assay status` shows: 7 under test, q3 in the queue.

    A proposal under test becomes inconclusive; what was measured is kept, and the share of the error budget that it was
    granted stays spent. One that is still queued leaves nothing behind.

    Examples:

        assay cancel mylab 7
        assay cancel mylab q3
    """
    from assay.campaign.lock import holder
    from assay.spec.errors import UserError
    from assay.spec.user import user_name

    lab, (text,) = split_words(words, ("ID",), "cancel")
    if text[:1] == "q" and text[1:].isdigit():
        if not lab.store.withdraw(int(text[1:]), f"withdrawn by human:{user_name()}"):
            raise UserError(f"no proposal {text} is queued; `assay status` lists those that are")
        if json:
            print_json({"proposal": text, "when": "now"})
            return
        print(f"Proposal {text} is withdrawn.")
        return
    number = text.removeprefix("#")
    campaign = lab.campaign()
    if not number.isdigit() or int(number) not in campaign.registered:
        raise UserError(f"no proposal {text}; `assay status` lists those under test by number")
    if int(number) in campaign.verdicts:
        raise UserError(f"proposal {number} has its verdict already: {campaign.verdicts[int(number)].decision}")
    letter = lab.store.post("cancel", {"number": int(number), "by": f"human:{user_name()}"})
    when = "within a second or so" if holder(lab.folder) else "when `assay run` is called next"
    if json:
        print_json({"request": letter, "proposal": int(number), "when": when})
        return
    print(f"Proposal {number} will be cancelled {when}.")
