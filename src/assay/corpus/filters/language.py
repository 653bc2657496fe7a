"""Texts in a language that is wanted, or at least in one."""

from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from assay.corpus.filters.filter import Measuring, Rule
from assay.corpus.filters.parsed import Parsed
from assay.spec.base import Frozen

_NO_LANGUAGE = "zxx"


class Language(Measuring, Frozen):
    """The probability that a text is in one of some languages, or in any.

    A rule about language is a decision and not learned. Where a domain is in another language, name it for that domain:
    `--option language.languages=en --option french:language.languages=fr`. The threshold is FineWeb's (Penedo et al.
    2024, section 3.2).
    """

    languages: tuple[str, ...] = Field(
        default=(),
        description="ISO 639 codes that are wanted, as a list or with commas between them; none: any language",
    )

    name: ClassVar[str] = "language"
    rules: ClassVar[tuple[Rule, ...]] = (Rule("language", "wanted_language", "least", 0.65, learned=False),)

    @field_validator("languages", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return tuple(given.split(",") if isinstance(given, str) else given) if isinstance(given, str | list) else given

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.languages:
            from assay.corpus.languages import known

            for code in self.languages:
                if code not in known():
                    raise ValueError(f"no language has the code '{code}'; there are: {', '.join(sorted(known()))}")
        return self

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        from assay.corpus.languages import detect

        found = detect(parsed.texts)
        if self.languages:
            return {"wanted_language": found.of(self.languages)}
        return {"wanted_language": found.of([code for code in found.known.tolist() if code != _NO_LANGUAGE])}
