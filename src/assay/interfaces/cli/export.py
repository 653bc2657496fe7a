"""`assay export`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, find_run, print_json
from assay.spec.errors import UserError
from assay.spec.registry import load, names


def export(
    *words: Words,
    format_: Annotated[str, Parameter(name="--format", help=f"One of: {', '.join(names('export_format'))}.")] = "hf",
    out: Annotated[Path | None, Parameter(help="Folder to write; export-FORMAT in the run's if left out.")] = None,
    json: Json = False,
) -> None:
    """Write a trained run in the format of other programs. assay export [LAB] RUN

    A run is named by the beginning of its hash, or by its folder. The format hf is a folder with weights, configuration
    and tokenizer that Hugging Face's transformers loads, as GPT-2, Llama or one of Llama's kin, with equal logits. A
    recipe with an option that none of them has is refused, and the option named.

    Examples:

        assay export mylab 3f2a --format hf --out my-model
        assay export mylab/runs/3f2a9c17be04
    """
    *lab, name = words or ("",)
    if not name or len(lab) > 1:
        raise UserError(f"expected: assay export [LAB] RUN; given: {' '.join(words) or 'nothing'}")
    if format_ not in names("export_format"):
        raise UserError(f"--format {format_} is not known; known are: {', '.join(names('export_format'))}")
    run = find_run(name, Path(lab[0]) if lab else None)
    exported = load("export_format", format_)(run, out or run / f"export-{format_}")
    if json:
        print_json({
            "run": run.name, "format": format_, "family": exported.family, "folder": str(exported.folder),
            "files": list(exported.files),
        })  # fmt: skip
        return
    print(f"{exported.folder}: {', '.join(exported.files)}")
    print(f'  {exported.family}; load it with transformers: AutoModelForCausalLM.from_pretrained("{exported.folder}")')
