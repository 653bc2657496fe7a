"""The filters that each domain gets: the same for all, with options that may be a domain's own."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from assay.corpus.filters.filter import Filter, Reading, Rule
from assay.spec.base import Frozen
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError
from assay.spec.registry import load


class Chains:
    """Filters in the order of their use, by domain."""

    def __init__(self, settings: Cleaning) -> None:
        self._settings = settings
        for domain in self._domains:
            self._check(domain)

    @cached_property
    def common(self) -> list[Filter]:
        """Those of a domain without options of its own."""
        return [self._make(name, self._settings.options.get(name, {})) for name in self._settings.filters]

    def of(self, domain: str) -> list[Filter]:
        """Those of a domain."""
        return self._own.get(domain, self.common)

    def rules(self, domain: str) -> list[tuple[str, str, Rule]]:
        """Every rule of a domain in the order of use: its name and its statistic's, with the filter's in front."""
        return [
            (f"{one.name}.{rule.name}", f"{one.name}.{rule.statistic}", rule)
            for one in self.of(domain)
            for rule in one.rules
        ]

    def apart(self, domains: Sequence[str]) -> Iterator[tuple[list[Filter], np.ndarray]]:
        """Filters, with the numbers of the documents that they are for.

        Args:
            domains: of each document.
        """
        own = np.array([domain if domain in self._own else "" for domain in domains], np.str_)
        for domain in np.unique(own).tolist():
            yield self.of(domain), np.flatnonzero(own == domain)

    def contents(self) -> dict[str, str]:
        """Hash of what each filter reads, by `FILTER` or `DOMAIN:FILTER`."""
        found = {each.name: each.contents for each in self.common if isinstance(each, Reading)}
        for key in self._settings.options:
            domain, colon, name = key.rpartition(":")
            each = next(each for each in self.of(domain) if each.name == name)
            if colon and isinstance(each, Reading):
                found[key] = each.contents
        return found

    @cached_property
    def _domains(self) -> list[str]:
        """Those with options of their own."""
        return sorted({domain for domain, colon, _ in (key.rpartition(":") for key in self._settings.options) if colon})

    @cached_property
    def _own(self) -> dict[str, list[Filter]]:
        options = self._settings.options
        return {
            domain: [
                self._make(name, {**options.get(name, {}), **options.get(f"{domain}:{name}", {})}, domain)
                for name in self._settings.filters
            ]
            for domain in self._domains
        }

    def _make(self, name: str, options: dict[str, Any], domain: str = "") -> Any:
        kind: type[Frozen] = load("corpus_filter", name)
        return kind.parse(options, f"options of filter '{name}'" + (f" in domain '{domain}'" if domain else ""))

    def _check(self, domain: str) -> None:
        """Raise `UserError` where options of a domain make other rules than all domains have."""
        for one, own in zip(self.common, self.of(domain), strict=True):
            if [each.name for each in (*one.rules, *one.edits)] != [each.name for each in (*own.rules, *own.edits)]:
                raise UserError(
                    f"options of filter '{one.name}' in domain '{domain}' change which rules it has; give these "
                    f"options to all domains, and switch rules off with --threshold {domain}:{one.name}.RULE=off"
                )
