"""Personal data: placeholders in its place, or documents that hold it away."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from assay.corpus.filters.filter import Edit, Edited, Rule
from assay.corpus.filters.parsed import Parsed
from assay.corpus.personal.find import Finding, find
from assay.corpus.personal.kinds import NAMES, PRESIDIO
from assay.corpus.personal.redact import redact
from assay.spec.base import Frozen

KindName = Literal["email", "phone", "ip", "iban", "card", "ssn", "key", "presidio"]


class PersonalData(Frozen):
    """E-mail addresses, telephone numbers, public IP addresses, IBANs, payment cards, US social security numbers, keys.

    E-mail and IP addresses are replaced by ones of the same form, as in FineWeb (Penedo et al. 2024, section 3.7), all
    else by its kind in brackets. With the extra `presidio`, what it finds beyond that is a kind of its own.
    """

    redact: tuple[KindName, ...] = Field(
        default=("email", "phone", "ip", "iban", "card", "ssn", "key"), description="kinds that are replaced"
    )
    remove: tuple[KindName, ...] = Field(default=(), description="kinds whose documents are removed")
    entities: tuple[str, ...] = Field(
        default=("PERSON", "LOCATION"), min_length=1, description="what presidio looks for, where a kind is `presidio`"
    )
    language: str = Field(default="en", description="of the texts, for presidio")
    model: str = Field(default="en_core_web_lg", description="spaCy's, installed or a folder, for presidio")

    name: ClassVar[str] = "personal_data"

    @model_validator(mode="after")
    def _once(self) -> Self:
        both = set(self.redact) & set(self.remove)
        if "redact" not in self.model_fields_set and both:
            object.__setattr__(self, "redact", tuple(kind for kind in self.redact if kind not in both))
        elif both:
            raise ValueError(f"'{sorted(both)[0]}' is both replaced and a reason to remove the document; choose one")
        if not self.redact and not self.remove:
            raise ValueError("there is nothing to do: name kinds in `redact` or `remove`")
        return self

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(Rule(f"with_{kind}", kind, "most", 0, learned=False) for kind in self.remove)

    @property
    def edits(self) -> tuple[Edit, ...]:
        return tuple(Edit(kind, learned=False) for kind in self.redact)

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        counts = {kind: np.zeros(len(parsed), np.int64) for kind in self.remove}
        for i, found in self._find(parsed).items():
            for each in found:
                if each.kind in counts:
                    counts[each.kind][i] += 1
        return counts

    def edit(self, parsed: Parsed, on: np.ndarray) -> Edited:
        texts: dict[int, bytes] = {}
        details: dict[int, str] = {}
        taken = np.zeros((len(parsed), len(self.redact)), np.int64)
        used = np.zeros((len(parsed), len(self.redact)), bool)
        column = {kind: i for i, kind in enumerate(self.redact)}
        for i, every in self._find(parsed).items():
            found = [each for each in every if each.kind in column and on[i, column[each.kind]]]
            if not found:
                continue
            texts[i] = redact(parsed.texts.bytes(i), found)
            for each in found:
                taken[i, column[each.kind]] += each.end - each.start - len(each.placeholder.encode())
                used[i, column[each.kind]] = True
            details[i] = _counted(found)
        return Edited(texts, taken, used, details)

    def losses(self, parsed: Parsed) -> np.ndarray:
        return np.zeros((len(parsed), len(self.redact)), np.int64)

    def _find(self, parsed: Parsed) -> dict[int, list[Finding]]:
        found = find(parsed.texts)
        if PRESIDIO in (*self.redact, *self.remove):
            for i, text in enumerate(parsed.texts):
                found[i] = self._presidio.add(text, found.get(i, []))
        return found

    @cached_property
    def _presidio(self) -> Any:
        from assay.corpus.personal.presidio import Presidio

        return Presidio(self.language, self.model, self.entities)


def _counted(found: Sequence[Finding]) -> str:
    counts = Counter(each.kind for each in found)
    return ", ".join(f"{counts[kind]} {kind}" for kind in (*NAMES, PRESIDIO) if counts[kind])
