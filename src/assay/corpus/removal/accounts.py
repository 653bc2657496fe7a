"""What steps did, once some of the documents are gone as if they had never been there."""

from collections.abc import Iterable
from typing import NamedTuple

from assay.corpus.removal.request import ON_REQUEST
from assay.corpus.removal.trace import Passing, Traced
from assay.corpus.steps.account import Account, Amount, Flow


class Leaving(NamedTuple):
    """A document that leaves an edition. `before`: its bytes in the edition before; None: it came in here."""

    domain: str
    before: int | None
    passing: Passing


def leaving(documents: Iterable[Traced]) -> dict[str, list[Leaving]]:
    """What leaves each edition, by its id."""
    found: dict[str, list[Leaving]] = {}
    for document in documents:
        before: int | None = None
        for passing in document.passings:
            found.setdefault(passing.edition, []).append(Leaving(document.domain, before, passing))
            before = None if passing.removed_by else passing.bytes
    return found


def corrected(account: Account, gone: Iterable[Leaving]) -> Account:
    """The account of a step without some documents.

    Where they came in they are counted, as removed on request; in later steps they are not.
    """
    removed, changed, domains = dict(account.removed), dict(account.changed), dict(account.domains)
    for domain, before, (_, _, size, taken, removed_by) in gone:
        if before is not None and account.step == "add":  # it was there before, which is no matter of what is added
            continue
        into, out = domains[domain].into, domains[domain].out
        now = Amount(documents=1, bytes=size)
        if before is None:
            removed[ON_REQUEST] = removed.get(ON_REQUEST, Amount()) + now
            out -= now
        else:
            into -= Amount(documents=1, bytes=before)
            if removed_by:
                _take(removed, removed_by, now)
            else:
                out -= now
            for rule, number in taken.items():
                _take(changed, rule, Amount(documents=1, bytes=number))
        domains[domain] = Flow.model_validate({"in": into, "out": out})
    domains = {name: flow for name, flow in domains.items() if flow.into.documents}
    return account.model_copy(
        update={
            "into": sum((flow.into for flow in domains.values()), Amount()),
            "out": sum((flow.out for flow in domains.values()), Amount()),
            "removed": removed, "changed": changed, "domains": domains,
        }
    )  # fmt: skip


def _take(amounts: dict[str, Amount], rule: str, amount: Amount) -> None:
    rest = amounts.get(rule, amount) - amount
    if rest.documents:
        amounts[rule] = rest
    else:
        amounts.pop(rule, None)
