"""Which licences a lab's policy refuses, and whether documents keep to it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from assay.corpus.documents import UNKNOWN_LICENCE
from assay.corpus.licences.names import is_known, spdx
from assay.spec.errors import UserError
from assay.spec.lab import LicencePolicy

_TOLD = 3


@dataclass(frozen=True)
class Terms:
    """On what terms documents are taken in.

    Attributes:
        licence: of those that name none; '': unknown.
        policy: which licences they may have.
    """

    licence: str = ""
    policy: LicencePolicy = field(default_factory=LicencePolicy)

    def name(self, found: str) -> str:
        """The licence of a document that came with `found`, by its SPDX name."""
        name = spdx(found)
        return spdx(self.licence) if self.licence and name == UNKNOWN_LICENCE else name


def refusal(policy: LicencePolicy, licence: str) -> str:
    """Why a policy refuses a licence, in a few words; '' if it does not.

    Of licences joined by OR one must do, of those joined by AND every one.
    """
    name = spdx(licence)
    named = _matching(policy.deny, name) or _matching(policy.allow, name)
    if not is_known(name) and not named:
        told = "its licence is not known" if name == UNKNOWN_LICENCE else f"'{name}' is no known licence"
        return told if policy.unknown == "deny" else ""
    return _refusal(policy, name)


def refusals(policy: LicencePolicy, licences: Sequence[str]) -> dict[int, str]:
    """Why a policy refuses documents with these licences, by their places."""
    reasons = {name: refusal(policy, name) for name in set(licences)}
    return {place: reasons[name] for place, name in enumerate(licences) if reasons[name]}


def _refusal(policy: LicencePolicy, name: str) -> str:
    parts = _split(name, "OR")
    if len(parts) > 1:
        reasons = [_refusal(policy, part) for part in parts]
        return "" if "" in reasons else reasons[0]
    parts = _split(name, "AND")
    if len(parts) > 1:
        return next(filter(None, (_refusal(policy, part) for part in parts)), "")
    if name.startswith("(") and name.endswith(")"):
        return _refusal(policy, name[1:-1].strip())
    denied = _matching(policy.deny, name)
    if denied:
        return f"{name} is denied by '{denied}'" if denied != name else f"{name} is denied"
    return "" if not policy.allow or _matching(policy.allow, name) else f"{name} is not among those allowed"


def _split(expression: str, word: str) -> list[str]:
    """The operands of AND or OR outside parentheses."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(rf"[()]| {word} ", expression):
        if match[0] in "()":
            depth += 1 if match[0] == "(" else -1
        elif not depth:
            parts.append(expression[start : match.start()].strip())
            start = match.end()
    return [*parts, expression[start:].strip()]


def _matching(patterns: tuple[str, ...], name: str) -> str:
    """The first pattern that names a licence; '' if none does."""
    for pattern in patterns:
        meant = pattern if "*" in pattern else spdx(pattern)
        if fnmatchcase(name.lower(), meant.lower()):
            return pattern
    return ""


def check_licences(policy: LicencePolicy, files: Sequence[Path], where: str, what: str) -> None:
    """Raise `UserError`, beginning with `where`, if documents of some Parquet files have licences that are refused.

    Args:
        files: with columns `licence`, `domain` and `id`.
        what: they are documents of, for the message.
    """
    if policy == LicencePolicy():
        return
    import pyarrow.parquet as pq  # not for those who only look at a lab

    counts: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    first: dict[str, str] = {}
    for file in files:
        table = pq.read_table(file, columns=["licence", "domain", "id"])
        names = table["licence"].to_pylist()
        for row, reason in refusals(policy, names).items():
            counts[names[row]] += 1
            reasons[names[row]] = reason
            first.setdefault(names[row], f"{table['domain'][row]} {table['id'][row]}")
    if not counts:
        return
    told = [f"{reasons[name]} ({_documents(counts[name])}, such as {first[name]})" for name in sorted(counts)]
    more = f" and {len(told) - _TOLD} more licences" if len(told) > _TOLD else ""
    raise UserError(
        f"{where}: [licences] refuses {_documents(counts.total())} of {what}: {'; '.join(told[:_TOLD])}{more}; take "
        f"them out with `assay corpus licences --apply`, then `assay corpus tokenize`, or change [licences]"
    )


def _documents(number: int) -> str:
    return f"{number} document{'' if number == 1 else 's'}"
