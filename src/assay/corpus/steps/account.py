"""Documents and bytes that went in and came out of a step, by rule and by domain."""

from typing import Any

from pydantic import Field

from assay.spec.base import Frozen


class Amount(Frozen):
    """So many documents, so many bytes of UTF-8."""

    documents: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(documents=self.documents + other.documents, bytes=self.bytes + other.bytes)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(documents=self.documents - other.documents, bytes=self.bytes - other.bytes)


class Flow(Frozen):
    """What went in and what came out."""

    into: Amount = Field(default=Amount(), serialization_alias="in", validation_alias="in")
    out: Amount = Amount()


class Files(Frozen):
    """So many files, and the first of them."""

    files: int
    names: tuple[str, ...] = Field(description="of the first few, within their folder")


class Account(Flow):
    """What a step did. `in` less what `removed` counts, with `changed`'s difference, is `out`."""

    step: str
    removed: dict[str, Amount] = Field(
        default={}, description="by rule; each document counts under the first that removes it"
    )
    changed: dict[str, Amount] = Field(
        default={}, description="by rule; documents it changed, and bytes it took away (added: negative)"
    )
    domains: dict[str, Flow] = Field(default={}, description="by domain")
    bad: dict[str, int] = Field(
        default={}, description="records passed over with --skip-bad, by what is wrong with them"
    )
    other_files: dict[str, Files] = Field(
        default={}, description="files of a folder that hold no text that can be read, by kind: `.pdf`, `empty`"
    )
    report: dict[str, Any] = Field(default={}, description="what the step learned and decided")
    seconds: float = Field(default=0.0, description="wall-clock time")
    cpu_seconds: float = Field(default=0.0, description="of all processes")
