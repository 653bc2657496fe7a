"""Proposals from files: how a person, or another program, takes part."""

from pathlib import Path
from typing import Any

from assay.researchers.history import kind_of
from assay.spec.base import read_toml
from assay.spec.errors import UserError
from assay.spec.proposal import Proposal
from assay.spec.recipe import Recipe, changed, flatten
from assay.spec.user import user_name


def read_proposal(path: Path) -> Proposal:
    """Read the proposal that a TOML file makes, for `assay propose`.

    For example::

        hypothesis = "Muon's orthogonal updates learn more from each step than AdamW's."
        kind = "optimiser"                    # optional: read from the keys of the change
        author = "agent:my-research-agent"    # optional: human:NAME or agent:NAME; human:$USER if absent
        citations = ["Jordan et al. 2024, Muon"]    # optional

        [change.optimiser]                    # or [change] with "optimiser.name" = "muon"
        name = "muon"
        muon_lr = 0.02

        [predicted]                           # reduction of the score in per cent, with an 80% interval
        effect = 2.0
        low = 0.0
        high = 5.0

    Raises:
        UserError: names the file, the key and what was expected.
    """
    data = read_toml(path)
    author = data.setdefault("author", f"human:{user_name()}")
    if not isinstance(author, str) or not author.startswith(("human:", "agent:")) or author.endswith(":"):
        raise UserError(f"{path}: key 'author' should be 'human:NAME' or 'agent:NAME', but is {author!r}")
    change: Any = data.get("change")
    if isinstance(change, dict) and change:
        data["change"] = flatten(change)
        changed(Recipe(), data["change"], path)  # unknown keys and wrong types, while the file is at hand
        data.setdefault("kind", kind_of(data["change"]))
    else:
        data.setdefault("kind", "mixed")  # so that the change is what is found missing
    return Proposal.parse(data, path)
