"""The step `clean`: filters that remove documents and change texts, with thresholds learned in each domain."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.filters.chain import Switches, edit, losses, measure
from assay.corpus.filters.chains import Chains
from assay.corpus.filters.filter import Filter, Rule
from assay.corpus.filters.plan import Plan, Together, Tried
from assay.corpus.filters.switches import switch
from assay.corpus.filters.thresholds import Threshold, best_share, learn, removes
from assay.corpus.steps.columns import Columns
from assay.corpus.steps.step import Batch, Judged, Survey
from assay.corpus.texts import Texts
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError


class Clean:
    """Filters over documents.

    The first survey measures what each edit would take away from each document, which decides where it is on; the
    second every statistic of the edited texts, from which thresholds and verdicts follow. Without edits to learn there
    is only the second.
    """

    name = "clean"

    def __init__(self, settings: Cleaning) -> None:
        self.settings = settings
        self._learns_edits = settings.learn and any(edit.learned for each in self.chains.common for edit in each.edits)
        self.rounds = 2 if self._learns_edits else 1
        _check_thresholds(settings, self.chains.common)

    @cached_property
    def chains(self) -> Chains:
        """The filters with their options."""
        return Chains(self.settings)

    def parameters(self) -> dict[str, Any]:
        read = self.chains.contents()
        return self.settings.model_dump(mode="json") | ({"read": read} if read else {})

    def survey(self, number: int, batch: Batch, plan: Plan | None) -> Survey:
        domains = batch.column("domain")
        names = list(dict.fromkeys(domains))
        code = {name: i for i, name in enumerate(names)}
        found: Survey = {
            "names": np.array(names, np.str_),
            "codes": np.array([code[domain] for domain in domains], np.int32),
            "bytes": batch.texts.sizes.astype(np.int64),
        }
        for filters, rows in self.chains.apart(domains):
            texts = batch.texts.take(rows)
            if number == 0 and self._learns_edits:
                part = _losses(filters, texts)
            else:
                on = self._switches(filters, [domains[int(i)] for i in rows], plan or Plan())
                part = measure(filters, texts, on)
            for name, values in part.items():
                found.setdefault(name, np.zeros(len(domains), values.dtype))[rows] = values
        return found

    def decide(self, number: int, surveys: Iterable[Survey], plan: Plan | None, work: Path) -> Plan:
        first = number == 0 and self._learns_edits
        decided = self._decide_edits(surveys, work) if first else self._decide_rules(surveys, plan or Plan(), work)
        if number == 0:
            _check_domains(self.settings, decided.domains)
        return decided

    def _decide_edits(self, surveys: Iterable[Survey], work: Path) -> Plan:
        """Edits are off where all of them would take too much. Rules, where there are any, have half of the limit."""
        domains, columns = _gathered(surveys, work)
        codes, sizes, filled = columns["codes"], columns["bytes"], columns["filled"]
        plan = Plan(domains, cut=work / "cut.npy")
        cut = np.zeros(len(codes), np.int64)
        for code, domain in enumerate(domains):
            places = np.flatnonzero(codes == code)
            edits = {f"{each.name}.{edit.name}": edit for each in self.chains.of(domain) for edit in each.edits}
            within = [name for name, edit in edits.items() if edit.within]
            limit = self.settings.limit / 2 if self._sharing(domain) else self.settings.limit
            plan.on[domain], shares, cut[places] = switch(
                [name for name, edit in edits.items() if edit.learned and not self.settings.by_hand(domain, name)],
                lambda name, places=places: columns[f"loss {name}"][places].astype(np.int64),
                sizes[places], filled[places], limit, within,
            )  # fmt: skip
            plan.shares[domain] = {name: round(share, 6) for name, share in shares.items()}
        np.save(work / "cut.npy", cut)
        return plan

    def _decide_rules(self, surveys: Iterable[Survey], before: Plan, work: Path) -> Plan:
        """Learn thresholds, and judge every document by them."""
        domains, columns = _gathered(surveys, work)
        codes, sizes = columns["codes"], columns["bytes"]
        cut = np.load(before.cut, mmap_mode="r") if before.cut else np.broadcast_to(np.int64(0), len(codes))
        verdicts, values = np.zeros(len(codes), np.int16), np.full(len(codes), np.nan)
        rules: dict[str, dict[str, Tried]] = {}
        together: dict[str, Together] = {}
        for code, domain in enumerate(domains):
            places = np.flatnonzero(codes == code)
            mine = sizes[places]
            thresholds = self._thresholds(domain, lambda name, at=places: columns[name][at], mine, cut[places])
            by_published = np.zeros(len(places), bool)
            rules[domain] = {}
            for number, (name, statistic, rule) in enumerate(self.chains.rules(domain)):
                measured = columns[statistic][places]
                gone = removes(rule, thresholds[name].value, measured)
                published = removes(rule, None if rule.share else rule.threshold, measured)
                by_published |= published
                rules[domain][name] = Tried(
                    thresholds[name], float(np.mean(published)), int(gone.sum()), int(mine[gone].sum())
                )
                new = gone & (verdicts[places] == 0)
                verdicts[places[new]], values[places[new]] = number + 1, measured[new]
            gone = verdicts[places] > 0
            together[domain] = Together(
                len(places), int(mine.sum()), int(by_published.sum()), int(gone.sum()), int(mine[gone].sum()),
                int(cut[places].sum()),
            )  # fmt: skip
        verdicts_file, values_file = work / "verdicts.npy", work / "values.npy"
        np.save(verdicts_file, verdicts)
        np.save(values_file, values)
        return Plan(domains, before.shares, before.on, before.cut, rules, together, verdicts_file, values_file)

    def _sharing(self, domain: str) -> list[tuple[str, str, Rule]]:
        """The rules that share the limit: those that are learned and have no threshold by hand."""
        if not self.settings.learn:
            return []
        return [
            each for each in self.chains.rules(domain) if each[2].learned and not self.settings.by_hand(domain, each[0])
        ]

    def _thresholds(
        self, domain: str, values: Callable[[str], np.ndarray], sizes: np.ndarray, cut: np.ndarray
    ) -> dict[str, Threshold]:
        """Of every rule of a domain, given the values of its documents by statistic."""
        found: dict[str, Threshold] = {}
        for name, statistic, rule in self.chains.rules(domain):
            if by_hand := self.settings.by_hand(domain, name):
                found[name] = Threshold(by_hand[0], "off" if by_hand[0] is None else "by hand")
            elif rule.share is not None:
                found[name] = best_share(rule, values(statistic), sizes)
            else:
                found[name] = Threshold(rule.threshold, "published")
        if sharing := self._sharing(domain):
            learned = learn(
                [rule for _, _, rule in sharing], lambda i: values(sharing[i][1]), sizes, cut, self.settings.limit
            )
            found |= {name: threshold for (name, _, _), threshold in zip(sharing, learned, strict=True)}
        return found

    def _switches(self, filters: Sequence[Filter], domains: Sequence[str], plan: Plan) -> Switches:
        """By filter, which edits are on for each document of a batch."""
        names = list(dict.fromkeys(domains))
        rows = np.array([names.index(domain) for domain in domains], np.int64)
        return {
            each.name: np.array([
                [plan.switched_on(name, f"{each.name}.{which.name}", which.learned, self.settings)
                 for which in each.edits]
                for name in names
            ], bool).reshape(len(names), len(each.edits))[rows]
            for each in filters
            if each.edits
        }  # fmt: skip

    def apply(self, batch: Batch, plan: Plan) -> Judged:
        assert plan.verdicts is not None
        assert plan.values is not None
        here = slice(batch.first, batch.first + len(batch))
        verdicts = np.load(plan.verdicts, mmap_mode="r")[here]
        values = np.load(plan.values, mmap_mode="r")[here]
        domains = batch.column("domain")
        removed: dict[int, str] = {}
        details: dict[int, str] = {}
        rules = {domain: self.chains.rules(domain) for domain in set(domains)}
        for i in np.flatnonzero(verdicts).tolist():
            name, _, rule = rules[domains[i]][int(verdicts[i]) - 1]
            limit = plan.rules[domains[i]][name].threshold.value
            removed[i] = name
            details[i] = f"{rule.statistic.replace('_', ' ')} {_said(values[i])}, at {rule.side} {_said(limit)}"
        stays = np.flatnonzero(verdicts == 0)
        changed: dict[int, str] = {}
        by: dict[int, tuple[str, ...]] = {}
        taken: dict[int, tuple[int, ...]] = {}
        for filters, rows in self.chains.apart([domains[i] for i in stays.tolist()]):
            numbers = stays[rows]
            on = self._switches(filters, [domains[int(i)] for i in numbers], plan)
            changes = edit(filters, batch.texts.take(numbers), on)
            for place, text in changes.texts.items():
                i = int(numbers[place])
                if not text.strip():
                    removed[i], details[i] = changes.rules[place][0], "nothing is left"
                    continue
                changed[i], by[i], taken[i] = text, changes.rules[place], changes.taken[place]
                if place in changes.details:
                    details[i] = changes.details[place]
        return Judged(removed, changed, by, details, taken)

    def report(self, plan: Plan) -> dict[str, Any]:
        return plan.report(self.chains, self.settings)


def _said(number: float | None) -> str:
    """A number with as many digits as tell something."""
    return "off" if number is None else f"{number:.0f}" if float(number).is_integer() else f"{number:.4g}"


def _losses(filters: Sequence[Filter], texts: Texts) -> Survey:
    """What each learned edit would take from each text, and bytes of lines with something on them."""
    lost, filled = losses(filters, texts)
    return {"filled": filled} | {
        f"loss {each.name}.{which.name}": lost[each.name][:, column]
        for each in filters
        for column, which in enumerate(each.edits)
        if which.learned
    }


def _gathered(surveys: Iterable[Survey], work: Path) -> tuple[list[str], Columns]:
    """The domains in the order in which they were met, and columns of all documents; `codes` are numbers of domains."""
    kinds = {"codes": np.int32, "bytes": np.int64, "filled": np.int64}
    columns = Columns(work, kinds)
    domains: list[str] = []
    for survey in surveys:
        names = survey["names"].tolist()
        domains += [name for name in names if name not in domains]
        known = np.array([domains.index(name) for name in names], np.int32)
        columns.add({**survey, "codes": known[survey["codes"]]})
    return domains, columns


def _check_thresholds(settings: Cleaning, filters: Sequence[Filter]) -> None:
    """Raise `UserError` for a threshold by hand that no rule has."""
    rules = {f"{each.name}.{rule.name}" for each in filters for rule in each.rules}
    edits = {f"{each.name}.{which.name}" for each in filters for which in each.edits}
    for key, value in settings.thresholds.items():
        name = key.rpartition(":")[2]
        if name not in rules | edits:
            raise UserError(
                f"threshold '{key}': no rule is called '{name}'; there are: {', '.join(sorted(rules | edits))}"
            )
        if name in edits and value is not None:
            raise UserError(f"threshold '{key}': '{name}' changes texts and has no threshold; it can only be off")


def _check_domains(settings: Cleaning, domains: Sequence[str]) -> None:
    """Raise `UserError` for a threshold by hand, or an option, of a domain that there is not."""
    for kind, keys in (("threshold", settings.thresholds), ("option", settings.options)):
        for key in keys:
            domain, colon, _ = key.rpartition(":")
            if colon and domain not in domains:
                there = ", ".join(sorted(domains))
                raise UserError(f"{kind} '{key}': no document is of a domain '{domain}'; there are: {there}")
