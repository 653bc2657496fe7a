"""`assay cancel`."""

from assay.interfaces.cli.shared import Json, Words, print_json, split_words


def cancel(*words: Words, json: Json = False) -> None:
    """Withdraw a proposal under test: assay cancel [LAB] ID, with the number that `assay status` shows.

    Its verdict becomes inconclusive, what was measured is kept, and the share of the error budget that it was granted
    stays spent.

    Examples:

        assay cancel mylab 7
        assay cancel 7
    """
    from assay.campaign.lock import holder
    from assay.spec.errors import UserError
    from assay.spec.user import user_name

    lab, (text,) = split_words(words, ("ID",), "cancel")
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
