"""`assay trainer`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, open_lab, print_json


def check(
    file: Annotated[Path, Parameter(help="trainer.toml of the program.")],
    *,
    lab: Annotated[Path | None, Parameter(help="Lab whose corpus, start recipe and sandbox to use.")] = None,
    json: Json = False,
) -> None:
    """Try a trainer.toml out: show the command that a recipe gives, train two steps, and score them.

    Without --lab it reads a small corpus that is made for the occasion. The exit code is 1 where the run fails.

    Examples:

        assay trainer check trainer.toml
        assay trainer check trainer.toml --lab mylab --json
    """
    from assay.campaign.trainer_check import check_trainer
    from assay.spec.external import read_external

    facts = check_trainer(read_external(file), open_lab(lab) if lab is not None else None)
    if json:
        print_json(facts)
        sys.exit(int(facts["status"] != "finished"))
    print(f"{facts['identity']}, in {facts['folder']}")
    if facts["prepare"]:
        print(f"  prepares    {shlex.join(facts['prepare'])}")
    print(f"  trains      {shlex.join(facts['command'])}")
    if facts["config"]:
        print(f"  reading     {facts['config']['path']}")
        for line in facts["config"]["text"].splitlines():
            print(f"                {line}")
    print(f"  a step      {facts['flops_per_step']:.3g} FLOPs")
    print(f"  searchable  {', '.join(facts['searchable']) or 'nothing'}")
    print(f"  a pause     {'goes on from a checkpoint' if facts['pauses'] else 'kills the run, which begins anew'}")
    for line in facts["metrics"]:
        print(f"  reported    {line}")
    if facts["status"] != "finished":
        print(f"  {facts['status'].upper()}  {facts['problem'] or 'the last loss is not a finite number'}")
        sys.exit(1)
    by = "the trainer's own evaluation" if facts["self_scored"] else "assay"
    for domain, value in facts["domains"].items():
        print(f"  scored      {domain:14} {value:.4f} bits per byte, by {by}")
    print(f"Two steps took {facts['seconds']:.1f} s and {facts['memory_mb']:.0f} MB, scoring "
          f"{facts['held_out_bytes']:,} bytes included.")  # fmt: skip
    print(f"Next: `assay init mylab --trainer {file}`.")
