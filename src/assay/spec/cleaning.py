"""What cleaning a corpus does: which filters, with which options and thresholds."""

from typing import Any, Self

from pydantic import Field, model_validator

from assay.spec.base import Frozen
from assay.spec.registry import names

FILTERS = ("gopher_quality", "gopher_repetition", "c4", "fineweb")


class Cleaning(Frozen):
    """Settings of the step `clean`."""

    filters: tuple[str, ...] = Field(
        default=FILTERS,
        min_length=1,
        description="in the order of their use; each sees the text as those before left it",
    )
    options: dict[str, dict[str, Any]] = Field(
        default={}, description="options of a filter: `FILTER`, or `DOMAIN:FILTER` for those of one domain"
    )
    learn: bool = Field(
        default=True,
        description="relax published thresholds in a domain of which they would remove more than `limit`",
    )
    limit: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="largest share of a domain's documents, and of its bytes, that all rules and edits together may "
        "take, where they are learned",
    )
    thresholds: dict[str, float | None] = Field(
        default={}, description="thresholds by hand: `FILTER.RULE` or `DOMAIN:FILTER.RULE`; null: the rule is off"
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        known = names("corpus_filter")
        for name in self.filters:
            if name not in known:
                raise ValueError(f"no filter is called '{name}'; there are: {', '.join(known)}")
        if len(set(self.filters)) < len(self.filters):
            raise ValueError("a filter is named twice; each is used once")
        for name in self.options:
            if name.rpartition(":")[2] not in self.filters:
                raise ValueError(f"there are options for '{name}', which is not among the filters")
        return self

    def by_hand(self, domain: str, name: str) -> tuple[float | None] | None:
        """The threshold by hand of `FILTER.RULE` in a domain (None within: off); None: there is none."""
        for key in (f"{domain}:{name}", name):
            if key in self.thresholds:
                return (self.thresholds[key],)
        return None
