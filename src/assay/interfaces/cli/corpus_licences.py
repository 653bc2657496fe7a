"""`assay corpus licences`."""

from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, Workers, count, open_lab, print_json, size


def licences(
    lab: LabArgument = None,
    *,
    apply: Annotated[
        bool, Parameter(negative="", help="Make an edition without the documents that [licences] refuses.")
    ] = False,
    workers: Workers = 1,
    json: Json = False,
) -> None:
    """Show the licences of a lab's text, and which of them [licences] in lab.toml refuses.

    `allow` and `deny` name licences by SPDX, in any usual spelling; * stands for anything. `unknown = "deny"` refuses
    text whose licence is missing or not known. No run begins on a corpus with documents that are refused.

    Examples:

        assay corpus licences mylab
        assay corpus licences mylab --apply
    """
    from assay.corpus.editions.edition import newest_edition
    from assay.corpus.licences.step import KeepLicensed
    from assay.corpus.licences.table import licence_table
    from assay.corpus.steps.lab import run_in_lab
    from assay.interfaces.cli.corpus_account import print_account
    from assay.interfaces.cli.progress import corpus_progress

    opened = open_lab(lab)
    policy = opened.config.licences
    rows = licence_table(newest_edition(opened.folder), policy)
    facts: dict[str, Any] = {"policy": policy.model_dump(mode="json"), "licences": rows}
    if not apply:
        if json:
            print_json(facts)
            return
        width = max((len(row["licence"]) for row in rows), default=0)
        for row in rows:
            amount = f"{count(row['documents'], 'document'):>16}  {size(row['bytes']):>10}"
            domains = ", ".join(row["domains"])
            refused = f"  refused: {row['refused']}" if row["refused"] else ""
            print(f"{row['licence']:{width}}  {amount}  {domains}{refused}")
        if any(row["refused"] for row in rows):
            print("`assay corpus licences --apply` makes an edition without what is refused.")
        return
    with corpus_progress(quiet=json) as progress:
        account, edition = run_in_lab(KeepLicensed(policy), opened.folder, workers=workers, progress=progress)
    if json:
        print_json({**account.model_dump(by_alias=True), "edition": edition, **facts})
        return
    print_account(account)
    print(f"Edition {edition} is the newest one.")
