"""What two collections have and have not in common: documents added, removed and changed, by domain, step and rule.

Documents are the same if id, domain and text are; changed, if the text alone is another; moved, if the same text stands
under another id or domain. Records without an id are known by their text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.corpus.analysis.collection import Collection, Removed
from assay.corpus.analysis.difference_facts import ByRule, Change, Changed, Difference, Sample, Side
from assay.corpus.analysis.edition_text import EditionText
from assay.corpus.analysis.excerpts import excerpt
from assay.corpus.analysis.facts import StepFacts
from assay.corpus.analysis.matching import Listed, Pairs, Progress, list_documents, match, unmatched
from assay.corpus.analysis.prints import key_of
from assay.corpus.analysis.sample import draw
from assay.corpus.analysis.sealing import Sealing
from assay.corpus.analysis.text_difference import text_difference
from assay.corpus.steps.account import Amount

#: Samples of each kind in a domain.
SAMPLES = 3
_NO_RULE = ("", "")


def difference(a: Collection, b: Collection, *, seed: int = 0, progress: Progress | None = None) -> Difference:
    """Compare two collections. Memory grows by some bytes a document.

    Args:
        seed: of the samples.

    Raises:
        UserError: documents cannot be read.
    """
    report = progress or _silent
    one, two = list_documents(a, report, "reading the first"), list_documents(b, report, "reading the second")
    if len(one.names) == len(two.names) == 1:  # domains of bare files are their names, which say nothing here
        one = Listed(one.ids, one.ids, one.prints, one.sizes, one.domains, two.names)
        two = Listed(two.ids, two.ids, two.prints, two.sizes, two.domains, two.names)
    matched = match(one, two)
    gone, new = unmatched(one, matched, 0), unmatched(two, matched, 1)
    wanted_a = _choose(one, gone, seed) | _choose(one, matched["changed"][0], seed)
    wanted_b = _choose(two, new, seed) | {
        int(j) for i, j in zip(*matched["changed"], strict=True) if int(i) in wanted_a
    }
    texts_a, texts_b = _fetch(a, wanted_a, report), _fetch(b, wanted_b, report)
    rules_removed, samples_removed = _by_rule(b, one, gone, texts_a)
    rules_added, _ = _by_rule(a, two, new, {})
    changed = [
        Sample(
            id=texts_a[int(i)].id, domain=texts_a[int(i)].domain, excerpt=excerpt(texts_a[int(i)].text), kind="changed",
            lines=tuple(text_difference(texts_a[int(i)].text, texts_b[int(j)].text)),
        )
        for i, j in zip(*matched["changed"], strict=True)
        if int(i) in texts_a and int(j) in texts_b
    ]  # fmt: skip
    added = [
        Sample(id=each.id, domain=each.domain, excerpt=excerpt(each.text), kind="added")
        for number, each in sorted(texts_b.items())
        if number in set(new.tolist())
    ]
    return Difference(
        a=_side(a, one), b=_side(b, two), **_changes(one, two, matched, gone, new), removed_by=rules_removed,
        kept_out_by=rules_added, changed_by=_changed_by(a, b), samples=(*changed, *samples_removed, *added),
    )  # fmt: skip


def _silent(done: int, total: int | None, message: str) -> None:
    pass


def _side(collection: Collection, listed: Listed) -> Side:
    trained = collection.trained_on
    return Side(
        name=collection.name, kind=collection.kind, id=collection.id, root=collection.root, documents=len(listed.keys),
        bytes=int(listed.sizes.sum()), tokens=sum(part.tokens for part in trained.values()) if trained else None,
    )  # fmt: skip


def _changes(one: Listed, two: Listed, matched: dict[str, Pairs], gone: np.ndarray, new: np.ndarray) -> dict:
    names = list(dict.fromkeys((*one.names, *two.names)))

    def change(domain: str | None) -> Change:
        def mine(listed: Listed, places: np.ndarray) -> np.ndarray:
            """Which of some documents are of the domain."""
            if domain is None:
                return np.ones(len(places), bool)
            return np.array([name == domain for name in listed.names], bool)[listed.domains[places]]

        def amount(listed: Listed, places: np.ndarray) -> Amount:
            inside = places[mine(listed, places)]
            return Amount(documents=len(inside), bytes=int(listed.sizes[inside].sum()))

        before, after = matched["changed"]
        inside = mine(one, before)
        return Change(
            same=amount(one, matched["same"][0]),
            moved=amount(one, matched["moved"][0]),
            changed=Changed(
                documents=int(inside.sum()), before=int(one.sizes[before[inside]].sum()),
                after=int(two.sizes[after[inside]].sum()),
            ),
            removed=amount(one, gone),
            added=amount(two, new),
        )  # fmt: skip

    return {"total": change(None), "domains": {name: change(name) for name in sorted(names)}}


def _choose(listed: Listed, places: np.ndarray, seed: int) -> set[int]:
    """A few documents of each domain, drawn by their number; some more than are shown, since some may be hidden."""
    order = places[np.argsort(draw(places, seed), kind="stable")]
    found: set[int] = set()
    for domain in range(len(listed.names)):
        found.update(order[listed.domains[order] == domain][: 2 * SAMPLES].tolist())
    return found


@dataclass(frozen=True)
class _Text:
    domain: str
    id: str
    group: str
    text: str


def _fetch(collection: Collection, wanted: set[int], report: Progress) -> dict[int, _Text]:
    """Some documents by number, without those that are sealed or may become so."""
    found: dict[int, _Text] = {}
    if not wanted:
        return found
    sealing = Sealing(collection.edition if isinstance(collection, EditionText) else None)
    for read in collection.read():
        batch = read.batch
        rows = [row for row in range(len(batch)) if batch.first + row in wanted]
        if rows:
            domains, ids, groups = batch.column("domain"), batch.column("id"), batch.column("group")
            for row in rows:
                text = _Text(domains[row], ids[row], groups[row], batch.texts[row])
                if not sealing.hides(text):
                    found[batch.first + row] = text
        report(read.done, collection.size, "taking samples")
    return found


def _by_rule(
    there: Collection, listed: Listed, alone: np.ndarray, texts: dict[int, _Text]
) -> tuple[tuple[ByRule, ...], list[Sample]]:
    """What removed documents that are only here, as far as the steps of the other side know it, with samples."""
    one_domain = len(listed.names) == 1
    places = {int(listed.keys[i]): int(i) for i in alone}
    said: dict[int, Removed] = {}
    for each in there.removed() if len(alone) else ():
        place = places.get(key_of("" if one_domain else each.domain, each.id))
        if place is not None:
            said[place] = each
    sums: dict[tuple[str, str], list[int]] = {}
    for i in alone.tolist():
        each = said.get(i)
        entry = sums.setdefault((each.step, each.rule) if each else _NO_RULE, [0, 0])
        entry[0] += 1
        entry[1] += int(listed.sizes[i])
    samples: list[Sample] = []
    shown: dict[tuple[str, str], int] = {}
    for i in sorted(texts):
        if i not in set(alone.tolist()):
            continue
        each, text = said.get(i), texts[i]
        place = text.domain, each.rule if each else ""
        shown[place] = shown.get(place, 0) + 1
        if shown[place] <= SAMPLES:
            samples.append(
                Sample(
                    id=text.id, domain=text.domain, excerpt=excerpt(text.text), kind="removed",
                    rule=f"{each.step}: {each.rule}" if each else "", detail=each.detail if each else "",
                )
            )  # fmt: skip
    rows = (ByRule(step=step, rule=rule, documents=n, bytes=size) for (step, rule), (n, size) in sums.items())
    return tuple(sorted(rows, key=lambda row: (-row.documents, row.step, row.rule))), samples


def _changed_by(a: Collection, b: Collection) -> tuple[ByRule, ...]:
    sums: dict[tuple[str, str], Amount] = {}
    for step in _between(a, b):
        for rule, amount in step.account.changed.items():
            place = step.account.step, rule
            sums[place] = sums.get(place, Amount()) + amount
    return tuple(
        ByRule(step=step, rule=rule, documents=amount.documents, bytes=amount.bytes)
        for (step, rule), amount in sorted(sums.items(), key=lambda item: (-item[1].documents, item[0]))
    )


def _between(a: Collection, b: Collection) -> Sequence[StepFacts]:
    """The steps that led from one to the other; none where they are not of one line."""
    ids = [step.id for step in b.steps]
    if a.id and a.id in ids:
        return b.steps[ids.index(a.id) + 1 :]
    if b.kind == "files" and len(b.steps) == len(a.steps) + 1:
        return b.steps[-1:]
    return ()
