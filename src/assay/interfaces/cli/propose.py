"""`assay propose`."""

from pathlib import Path

from assay.interfaces.cli.shared import Json, Words, print_json, split_words


def propose(*words: Words, json: Json = False) -> None:
    """Add a proposal from a TOML file to the queue: assay propose [LAB] FILE.

    A running controller takes it as soon as it has room; otherwise the next `assay run` does. An example of a file:

        hypothesis = "Muon learns more from each step than AdamW."
        author = "human:ada"
        [change.optimiser]
        name = "muon"
        [predicted]
        effect = 2.0
        low = 0.0
        high = 4.0

    Examples:

        assay propose mylab idea.toml
        assay propose idea.toml
    """
    from assay.campaign.lab import check_mixture
    from assay.campaign.observe import view_of
    from assay.researchers.admissible import admissible
    from assay.researchers.human import read_proposal
    from assay.spec.errors import UserError
    from assay.spec.recipe import Recipe, changed

    lab, (file,) = split_words(words, ("FILE",), "propose")
    proposal = read_proposal(Path(file))
    campaign = lab.campaign()
    campaign.external = lab.external
    check_mixture(changed(Recipe(), proposal.change), set(lab.corpus().domains), file)
    refusal = admissible(view_of(campaign, lab.corpus()), proposal)
    if refusal is not None:
        raise UserError(f"{file}: {refusal}")
    for waiting in lab.store.letters():
        if waiting.kind == "propose" and waiting.body["change"] == proposal.change:
            raise UserError(f"{file}: this change is in the queue already, as q{waiting.id}")
    letter = lab.store.post("propose", proposal.model_dump(mode="json"))
    if json:
        print_json({"queued": f"q{letter}", "proposal": proposal.model_dump(mode="json")})
        return
    print(f"Queued as q{letter} by {proposal.author}. It is registered, and numbered, when the lab has room for it.")
