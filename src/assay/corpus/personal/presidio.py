"""Names and other personal data that no pattern finds, by Microsoft's Presidio (the extra `presidio`).

Presidio would download a missing spaCy model by itself; here it must be installed (`python -m spacy download
en_core_web_lg`) or lie in a folder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.corpus.personal.find import Finding
from assay.corpus.personal.kinds import PRESIDIO
from assay.spec.errors import UserError

_LEAST_SCORE = 0.5


class Presidio:
    """Presidio's analyser for one language.

    Args:
        model: name of an installed spaCy model, or a folder with one.

    Raises:
        UserError: the extra is not installed, or the model is missing.
    """

    def __init__(self, language: str, model: str, entities: Sequence[str]) -> None:
        self._language, self._entities = language, list(entities)
        try:
            import spacy  # pyright: ignore[reportMissingImports]
            from presidio_analyzer import AnalyzerEngine  # pyright: ignore[reportMissingImports]
            from presidio_analyzer.nlp_engine import NlpEngineProvider  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise UserError("presidio is not installed: pip install 'assay[presidio]'") from None
        if not spacy.util.is_package(model) and not Path(model).is_dir():
            raise UserError(
                f"presidio needs the spaCy model '{model}', which is not installed: python -m spacy download {model}, "
                f"or name another with --option personal_data.model=NAME"
            )
        models = [{"lang_code": language, "model_name": model}]
        provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
        self._engine: Any = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=[language])

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
