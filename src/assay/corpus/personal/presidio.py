"""Names and other personal data that no pattern finds, by Microsoft's Presidio (the extra `presidio`).

Its models of language are downloaded by their own tools (`python -m spacy download en_core_web_lg`), never by assay.
"""

from collections.abc import Sequence
from typing import Any

from assay.corpus.personal.find import Finding
from assay.corpus.personal.kinds import PRESIDIO
from assay.spec.errors import UserError

_LEAST_SCORE = 0.5


class Presidio:
    """Presidio's analyser for one language.

    Raises:
        UserError: the extra is not installed, or its model of the language is missing.
    """

    def __init__(self, language: str, entities: Sequence[str]) -> None:
        self._language, self._entities = language, list(entities)
        try:
            from presidio_analyzer import AnalyzerEngine
        except ImportError:
            raise UserError("presidio is not installed: pip install 'assay[presidio]'") from None
        try:
            self._engine: Any = AnalyzerEngine(supported_languages=[language])
        except (OSError, ValueError, ImportError, SystemExit) as error:
            raise UserError(
                f"presidio cannot be used for language '{language}' ({error}); its models are installed by "
                f"`python -m spacy download`, see Presidio's documentation"
            ) from None

    def add(self, text: str, found: Sequence[Finding]) -> list[Finding]:
        """What was found in a text and what Presidio finds beside it, in order and without overlaps."""
        seen = self._engine.analyze(
            text=text, entities=self._entities, language=self._language, score_threshold=_LEAST_SCORE
        )
        kept = list(found)
        for each in sorted(seen, key=lambda result: (-result.score, result.start)):
            start = len(text[: each.start].encode())
            end = start + len(text[each.start : each.end].encode())
            if start < end and all(end <= other.start or start >= other.end for other in kept):
                kept.append(Finding(start, end, PRESIDIO, f"[{each.entity_type}]"))
        return sorted(kept)
