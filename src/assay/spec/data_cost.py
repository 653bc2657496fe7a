"""What choosing training text cost and took away."""

from pydantic import Field

from assay.spec.base import Frozen


class Amounts(Frozen):
    """So much text."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0


class DataCost(Frozen):
    """Of what a recipe trains on: the view that `data.filters`, `data.dedup` … select, mixed as it says.

    Mixing takes nothing away; its cost is that some text is read more often.
    """

    view: str = Field(description="content hash of corpus and steps; without steps the corpus' id")
    content: str = Field(description="hash of the texts that are left; '': those of the corpus, since nothing went")
    cpu_seconds: float = Field(description="of all processes, to make the view from the corpus")
    removed: Amounts = Field(description="what is less than in the corpus")
    left: Amounts = Field(description="what is to train on")
    rules: dict[str, int] = Field(default={}, description="documents removed, by rule")
    tokens: dict[str, int] = Field(default={}, description="training tokens that are left of each domain")
    epochs: dict[str, dict[str, float]] = Field(
        default={}, description="by scale, how often a run reads what is left of each domain"
    )


class Selected(Frozen):
    """A selection as the ledger holds it: what it cost, or why it cannot be made."""

    selection: str = Field(description="the recipe fields that select, as canonical JSON")
    cost: DataCost | None = None
    refusal: str = Field(default="", description="why no run can train on it")
    seconds: float = Field(default=0.0, description="of one core, spent now; less than the cost where steps were known")
