"""`assay train`."""

from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, open_lab, print_json
from assay.spec.errors import UserError


def train(
    lab: LabArgument = None,
    *,
    recipe: Annotated[
        str, Parameter(help="champion, start, gen2, reference, a recipe's hash or a TOML file.")
    ] = "champion",
    seed: Annotated[int, Parameter(help="Initialisation and data order.")] = 0,
    scale: Annotated[str | None, Parameter(help="A scale of the ladder; the smallest if left out.")] = None,
    json: Json = False,
) -> None:
    """Train one recipe once, watched live, and score it. A run that is finished already is not trained again.

    A terminal shows the loss of each domain as a curve, tokens a second, MFU (the share of the processor's peak of
    matrix products that is used) and the time left; elsewhere a line says so four times a minute.

    Ctrl-C pauses; the same command goes on from the checkpoint.

    Examples:

        assay train mylab
        assay train mylab --recipe champion --seed 3 --scale large
    """
    from assay.campaign.single import train_one
    from assay.interfaces.cli.progress import corpus_progress
    from assay.interfaces.cli.training_screen import training_screen
    from assay.interfaces.report.wording import data_cost

    opened = open_lab(lab)
    names = [rung.name for rung in opened.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed {seed}: give a whole number from 0 to {2**63 - 1}")
    rung = names.index(scale) if scale else 0
    chosen = opened.recipe(recipe)
    opened.check()
    with corpus_progress(quiet=json) as progress:
        opened.check_recipe(chosen, opened.config.ladder[rung], recipe, progress)
    with training_screen(quiet=json) as screen:
        facts = train_one(opened, chosen, rung, seed, screen.tick)
    if json:
        print_json(facts)
        return
    print(f"run {facts['run']}: {facts['status']}")
    if facts["score"] is not None:
        print(f"  score  {facts['score']:.4f} bits per byte")
        for domain, value in facts["domains"].items():
            print(f"    {domain:14} {value:.4f}")
    if facts["read"]:
        read = (f"{name} {drawn['tokens']:,} ({drawn['epochs']:.2f} epochs)" for name, drawn in facts["read"].items())
        print(f"  tokens {', '.join(read)}")
    if facts["data_cost"]:
        print(f"  data   {data_cost(facts['data_cost'])}")
    print(f"  spent  {facts['flops']:.3g} FLOPs, {facts['seconds']:.1f} s, {facts['step_ms']:.1f} ms a step")
    print(f"  files  {facts['folder']}")
