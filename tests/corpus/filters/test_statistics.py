"""Distributions of statistics name the documents at their quantiles, however the batches are cut."""

from collections.abc import Sequence

from assay.corpus.filters.gopher_quality import GopherQuality
from assay.corpus.filters.statistics import distributions
from assay.corpus.texts import Texts


class Some:
    """Documents first … of a list."""

    def __init__(self, first: int, rows: Sequence[tuple[str, str]]) -> None:
        self.first = first
        self.texts = Texts.of([text for _, text in rows])
        self._domains = [domain for domain, _ in rows]

    def __len__(self) -> int:
        return len(self._domains)

    def column(self, name: str) -> Sequence[str]:
        assert name == "domain"
        return self._domains


def test_documents_at_quantiles() -> None:
    # Document 2 i of domain a has i words, and 2 i + 1 of domain b has 100 - i; the last of b has none.
    rows = [row for i in range(101) for row in (("a", "word " * i), ("b", "word " * (100 - i)))]
    whole = distributions([Some(0, rows)], [GopherQuality()], (0, 0.25, 0.5, 1))
    words = whole["a"]["gopher_quality.words"]
    assert words.values == (0, 25, 50, 100)
    assert words.documents == (0, 50, 100, 200)
    assert whole["b"]["gopher_quality.words"].documents == (201, 151, 101, 1)
    assert words.count == 101
    assert whole["a"]["gopher_quality.mean_word_length"].count == 100  # unknown where there are no words
    assert set(whole["a"]["gopher_quality.mean_word_length"].documents) == {2}  # the first of equal ones
    cut = [Some(first, rows[first : first + 7]) for first in range(0, len(rows), 7)]
    assert distributions(cut, [GopherQuality()], (0, 0.25, 0.5, 1)) == whole
