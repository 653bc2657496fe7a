"""`assay vault`."""

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json, size


def status(lab: LabArgument = None, *, json: Json = False) -> None:
    """Show how much of the sealed set's worth is used up, what keeps it sealed, and when to rotate it.

    A promotion needs a confirmation on documents that no training or proposing process can read. Each question to them
    gives away one bit and is an entry of the ledger. Scores on the sealed set are never shown.

    Examples:

        assay vault status mylab
        assay vault status mylab --json
    """
    from assay.campaign.vault import vault_facts

    facts = vault_facts(open_lab(lab))
    if json:
        print_json(facts)
        return
    found = "" if facts["mechanism"] == "advisory" else "what was tried first does not hold here: "
    reason = f" ({found}{facts['reason']})" if facts["reason"] else ""
    if not facts["commitment"]:
        print(f"No vault: {facts['reason']}.")
        print("Promotions are advisory as far as the sealed set goes.")
        return
    if not facts["parts"]:
        print(f"Vault {facts['commitment'][:16]}: not asked, since {facts['reason']}.")
        print("Promotions are advisory as far as the sealed set goes.")
        return
    print(f"Vault {facts['commitment'][:16]}, part {facts['part'] + 1} of {facts['parts']}")
    kept = {"sandbox": "a sandbox around every run", "user": "another user for every run",
            "advisory": "nothing; certificates say 'advisory'"}[facts["mechanism"]]  # fmt: skip
    print(f"  kept from runs by  {kept}{reason}")
    for name, amount in facts["domains"].items():
        print(f"  {name:18} {count(amount['documents'], 'document')}, {size(amount['bytes'])} sealed")
    if facts["without"]:
        print(f"  nothing sealed of  {', '.join(facts['without'])} (fewer than 20 source documents)")
    unwritten = f", {facts['not_in_ledger']} of them not in the ledger" if facts["not_in_ledger"] else ""
    print(f"  queries            {facts['queries']}, one bit each{unwritten}")
    if facts["queries_in_all"] is None:
        print("  worth used         nothing yet")
    else:
        whole = f"{facts['queries']} of the {facts['queries_in_all']} queries that leave it exact to"
        if not facts["queries_in_all"]:
            whole = "it is too small for one query that leaves it exact to"
        print(f"  worth used         {100 * facts['worth_used']:.0f}%: {whole} "
              f"{facts['smallest_effect_percent']}% of the score")  # fmt: skip
        print(f"  exact to           {facts['deviation_percent']:.3f}% after these queries")
    print(f"  rotate             {facts['rotate']}")


def rotate(lab: LabArgument = None, *, json: Json = False) -> None:
    """Go on with the next part of the sealed set. Large corpora are sealed in up to three parts.

    Examples:

        assay vault rotate mylab
    """
    from assay.campaign.vault import rotate as next_part

    facts = next_part(open_lab(lab))
    if json:
        print_json(facts)
        return
    print(f"Part {facts['part'] + 1} of {facts['parts']} is in use from now on; its worth is whole.")
