"""Writes docs/reference/ from the code: `python docs/generate_reference.py`. A test checks that it is up to date."""

import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from assay.interfaces.cli.main import COMMANDS, GROUPS, PACKAGE
from assay.spec.lab import LabConfig
from assay.spec.recipe import Recipe

HERE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate_reference.py; do not edit. -->\n\n"


#: Types whose Python spelling would tell a reader nothing.
KINDS = {"ladder": "list of tables", "search": "list of values, or `{ low, high, log }`, by recipe key"}


def rows(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Table rows `key | type | default | meaning` of a model, nested tables flattened."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        key, kind = prefix + name, field.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            found += rows(kind, key + ".")
            continue
        default = "required" if field.is_required() else show(field.default)
        found.append(f"| `{key}` | {KINDS.get(key) or words(kind)} | {default} | {field.description or ''} |")
    return found


def show(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | dict) and len(repr(value)) > 60:
        return "see below"
    text = str(list(value)) if isinstance(value, tuple) else str(value)
    return f"`{text}`" if text else "empty"


def words(kind: Any) -> str:
    text = str(kind) if not inspect.isclass(kind) else kind.__name__
    for old, new in (
        ("typing.Literal", "one of "),
        ("assay.spec.", ""),
        ("scale.Scale", "Scale"),
        ("search.Range", "Range"),
    ):
        text = text.replace(old, new)
    return text.replace("|", "or").replace("NoneType", "none")


def table(model: type[BaseModel]) -> str:
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows(model)]) + "\n"


def recipe_page() -> str:
    return (
        f"# Recipe\n\n{NOTE}Everything that decides a training run except its seed and scale. Defaults are nanoGPT's "
        "published settings for small models, so the empty recipe is generation 0.\n\n" + table(Recipe)
    )


def lab_page() -> str:
    search = "\n".join(
        f"| `{key}` | {show_space(space)} |" for key, space in LabConfig.model_fields["search"].default.items()
    )
    ladder = "\n".join(
        f"| {scale.name} | {scale.width} | {scale.depth} | {scale.flops:.3g} |"
        for scale in LabConfig.model_fields["ladder"].default
    )
    return (
        f"# lab.toml\n\n{NOTE}`assay init` writes every key with its value. `corpus`, `start`, `ladder`, `seed` and "
        f"`evidence.fdr` are fixed once the campaign has begun.\n\n{table(LabConfig)}\n## The default ladder\n\n"
        f"| name | width | depth | FLOPs a run |\n|---|---|---|---|\n{ladder}\n\n"
        f"## The default search space\n\n| key | values |\n|---|---|\n{search}\n"
    )


def show_space(space: Any) -> str:
    if isinstance(space, tuple):
        return ", ".join(f"`{value}`" for value in space)
    return f"{space.low:g} to {space.high:g}" + (", logarithmic" if space.log else "")


def cli_page() -> str:
    parts = [f"# Command line\n\n{NOTE}Exit codes: 0 done, 1 a check failed, 2 bad input, 130 paused by Ctrl-C.\n"]
    targets = [(name, target) for name, target, _ in COMMANDS]
    targets += [(f"{group} {name}", target) for group, _, members in GROUPS for name, target, _ in members]
    for name, target in targets:
        module, _, attribute = (PACKAGE + target).partition(":")
        doc = inspect.getdoc(getattr(import_module(module), attribute)) or ""
        parts.append(f"## assay {name}\n\n{doc}\n")
    return "\n".join(parts)


PAGES = {"recipe.md": recipe_page, "lab-toml.md": lab_page, "cli.md": cli_page}

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
    sys.exit(0)
