"""The step `clean`: filters that remove documents and change texts, with thresholds learned in each domain."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.filters.chain import Switches, edit, losses, measure
from assay.corpus.filters.filter import Filter, Reading, Rule
from assay.corpus.filters.plan import Plan, Tried, named_rules
from assay.corpus.filters.thresholds import Threshold, best_share, learn, removes
from assay.corpus.steps.columns import Columns
from assay.corpus.steps.step import Batch, Judged, Survey
from assay.corpus.texts import Texts
from assay.spec.base import Frozen
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError
from assay.spec.registry import load


class Clean:
    """Filters over documents.

    The first survey measures what each edit would take away from each domain, which decides where it is on; the second
    every statistic of the edited texts, from which thresholds and verdicts follow. Without edits to learn there is only
    the second.
    """

    name = "clean"

    def __init__(self, settings: Cleaning) -> None:
        self.settings = settings
        _check_thresholds(settings, self.filters)
        self._learns_edits = settings.learn and any(edit.learned for each in self.filters for edit in each.edits)
        self.rounds = 2 if self._learns_edits else 1

    @cached_property
    def filters(self) -> list[Filter]:
        """The filters with their options."""
        found = []
        for name in self.settings.filters:
            kind: type[Frozen] = load("corpus_filter", name)
            found.append(kind.parse(self.settings.options.get(name, {}), f"options of filter '{name}'"))
        return found

    @cached_property
    def rules(self) -> list[tuple[str, str, Rule]]:
        """Every rule in the order of use: its name and its statistic's, both with the filter's in front."""
        return named_rules(self.filters)

    def parameters(self) -> dict[str, Any]:
        read = {each.name: each.contents for each in self.filters if isinstance(each, Reading)}
        return self.settings.model_dump(mode="json") | ({"read": read} if read else {})

    def survey(self, number: int, batch: Batch, plan: Plan | None) -> Survey:
        domains = batch.column("domain")
        names = list(dict.fromkeys(domains))
        code = {name: i for i, name in enumerate(names)}
        codes = np.array([code[domain] for domain in domains], np.int32)
        found: Survey = {"names": np.array(names, np.str_), "bytes": batch.texts.sizes.astype(np.int64)}
        if number == 0 and self._learns_edits:
            found["bytes"] = _by_domain(found["bytes"], codes, len(names))
            found["documents"] = np.bincount(codes, minlength=len(names))
            for name, values in losses(self.filters, batch.texts).items():
                found[f"losses {name}"] = _by_domain(values, codes, len(names))
            return found
        switches = self._switches(domains, plan or Plan())
        return {**found, "codes": codes, **measure(self.filters, batch.texts, switches)}

    def decide(self, number: int, surveys: Iterable[Survey], plan: Plan | None, work: Path) -> Plan:
        first = number == 0 and self._learns_edits
        decided = self._decide_edits(surveys) if first else self._decide_rules(surveys, plan or Plan(), work)
        if number == 0:
            _check_domains(self.settings, decided.domains)
        return decided

    def _decide_edits(self, surveys: Iterable[Survey]) -> Plan:
        """Edits are off where they would take away too much of a domain that is large enough to learn from."""
        total: dict[str, int] = {}
        documents: dict[str, int] = {}
        lost: dict[tuple[str, str], np.ndarray] = {}
        for survey in surveys:
            for i, domain in enumerate(survey["names"].tolist()):
                total[domain] = total.get(domain, 0) + int(survey["bytes"][i])
                documents[domain] = documents.get(domain, 0) + int(survey["documents"][i])
                for each in self.filters:
                    if f"losses {each.name}" in survey:
                        lost[domain, each.name] = lost.get((domain, each.name), 0) + survey[f"losses {each.name}"][i]
        plan = Plan(list(total))
        for each in self.filters:
            if any(edit.learned for edit in each.edits):
                shares = [lost[domain, each.name] / max(total[domain], 1) for domain in plan.domains]
                plan.shares[each.name] = np.array(shares).reshape(len(plan.domains), len(each.edits))
                learned = np.array([edit.learned for edit in each.edits])
                few = np.array([documents[domain] * self.settings.most_removed < 1 for domain in plan.domains])
                little = plan.shares[each.name] <= self.settings.most_removed
                plan.switches[each.name] = ~learned | little | few[:, None]
        return plan

    def _decide_rules(self, surveys: Iterable[Survey], before: Plan, work: Path) -> Plan:
        """Learn thresholds, and judge every document by them."""
        columns = Columns(work, dict.fromkeys(["codes"], np.int32) | dict.fromkeys(["bytes"], np.int64))
        domains = list(before.domains)
        for survey in surveys:
            for name in survey["names"].tolist():
                if name not in domains:
                    domains.append(name)
            known = np.array([domains.index(name) for name in survey["names"].tolist()], np.int32)
            columns.add({**survey, "codes": known[survey["codes"]]})
        codes, sizes = columns["codes"], columns["bytes"]
        verdicts, values = np.zeros(len(codes), np.int16), np.full(len(codes), np.nan)
        counts = np.bincount(codes, minlength=len(domains)).tolist()
        rules: dict[str, dict[str, Tried]] = {domain: {} for domain in domains}
        for number, (name, statistic, rule) in enumerate(self.rules):
            measured = columns[statistic]
            for domain, code in zip(domains, range(len(domains)), strict=True):
                places = np.flatnonzero(codes == code)
                mine = measured[places]
                threshold = self._threshold(domain, name, rule, mine, sizes[places])
                gone = places[removes(rule, threshold.value, mine)]
                published = np.count_nonzero(removes(rule, rule.threshold, mine)) / max(len(mine), 1)
                rules[domain][name] = Tried(threshold, float(published), len(gone), int(sizes[gone].sum()))
                new = gone[verdicts[gone] == 0]
                verdicts[new], values[new] = number + 1, measured[new]
        verdicts_file, values_file = work / "verdicts.npy", work / "values.npy"
        np.save(verdicts_file, verdicts)
        np.save(values_file, values)
        switches = {f.name: self._rows(f, before, domains) for f in self.filters if f.edits}
        return Plan(domains, counts, before.shares, switches, rules, verdicts_file, values_file)

    def _threshold(self, domain: str, name: str, rule: Rule, values: np.ndarray, sizes: np.ndarray) -> Threshold:
        for key in (f"{domain}:{name}", name):
            if key in self.settings.thresholds:
                value = self.settings.thresholds[key]
                return Threshold(value, "off" if value is None else "by hand")
        if rule.share is not None:
            return best_share(rule, values, sizes)
        if self.settings.learn:
            return learn(rule, values, self.settings.most_removed)
        return Threshold(rule.threshold, "published")

    def _rows(self, each: Filter, plan: Plan, domains: Sequence[str]) -> np.ndarray:
        """(domains, edits) bool: which edits of a filter are on; all where nothing was learned or said."""
        rows = np.ones((len(domains), len(each.edits)), bool)
        if each.name in plan.switches:
            rows[: len(plan.domains)] = plan.switches[each.name]
        for row, domain in enumerate(domains):
            for column, which in enumerate(each.edits):
                for key in (f"{each.name}.{which.name}", f"{domain}:{each.name}.{which.name}"):
                    if key in self.settings.thresholds:
                        rows[row, column] = False
        return rows

    def _switches(self, domains: Sequence[str], plan: Plan) -> Switches:
        """By filter, which edits are on for each document of a batch."""
        names = list(plan.domains) + [name for name in dict.fromkeys(domains) if name not in plan.domains]
        rows = np.array([names.index(domain) for domain in domains], np.int64)
        return {each.name: self._rows(each, plan, names)[rows] for each in self.filters if each.edits}

    def apply(self, batch: Batch, plan: Plan) -> Judged:
        assert plan.verdicts is not None
        assert plan.values is not None
        here = slice(batch.first, batch.first + len(batch))
        verdicts = np.load(plan.verdicts, mmap_mode="r")[here]
        values = np.load(plan.values, mmap_mode="r")[here]
        domains = batch.column("domain")
        removed: dict[int, str] = {}
        details: dict[int, str] = {}
        for i in np.flatnonzero(verdicts).tolist():
            name, _, rule = self.rules[int(verdicts[i]) - 1]
            removed[i] = name
            limit = plan.rules[domains[i]][name].threshold.value
            details[i] = f"{rule.statistic.replace('_', ' ')} {_said(values[i])}, at {rule.side} {_said(limit)}"
        stays = np.flatnonzero(verdicts == 0)
        on = self._switches([domains[i] for i in stays.tolist()], plan)
        changes = edit(self.filters, _some(batch.texts, stays), on)
        changed: dict[int, str] = {}
        rules: dict[int, tuple[str, ...]] = {}
        taken: dict[int, tuple[int, ...]] = {}
        for place, text in changes.texts.items():
            i = int(stays[place])
            if not text.strip():
                removed[i], details[i] = changes.rules[place][0], "nothing is left"
                continue
            changed[i], rules[i], taken[i] = text, changes.rules[place], changes.taken[place]
            if place in changes.details:
                details[i] = changes.details[place]
        return Judged(removed, changed, rules, details, taken)

    def report(self, plan: Plan) -> dict[str, Any]:
        return plan.report(self.filters, self.settings)


def _said(number: float | None) -> str:
    """A number with as many digits as tell something."""
    return "off" if number is None else f"{number:.0f}" if float(number).is_integer() else f"{number:.4g}"


def _some(texts: Texts, rows: np.ndarray) -> Texts:
    """Some of the texts."""
    parts = [texts.bytes(i) for i in rows.tolist()]
    bounds = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)
    return Texts(np.frombuffer(b"".join(parts), np.uint8), bounds)


def _by_domain(values: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """(count, …) sums of rows by the code of their domain."""
    sums = np.zeros((count, *values.shape[1:]), np.int64)
    np.add.at(sums, codes, values)
    return sums


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
    """Raise `UserError` for a threshold by hand of a domain that there is not."""
    for key in settings.thresholds:
        domain, colon, _ = key.rpartition(":")
        if colon and domain not in domains:
            there = ", ".join(sorted(domains))
            raise UserError(f"threshold '{key}': no document is of a domain '{domain}'; there are: {there}")
