"""The best documents of each domain, by a classifier of quality."""

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from assay.corpus.filters.filter import Measuring, Rule
from assay.corpus.filters.parsed import Parsed
from assay.corpus.quality.classifier import Scorer, open_scorer
from assay.spec.base import Frozen
from assay.spec.errors import UserError


class Quality(Measuring, Frozen):
    """The score of a classifier that `assay quality train` made, or of a fastText model.

    Scores of different domains do not compare (a classifier also learns what domains look like), so the best share is
    kept of each; `assay quality report` shows what a classifier prefers.
    """

    classifier: str = Field(default="", description="folder of the classifier, or a fastText model (.bin, .ftz)")
    label: str = Field(default="", description="of a fastText model: whose probability is the score")
    share: float = Field(default=0.5, gt=0, le=1, description="of the bytes of each domain that is kept")

    name: ClassVar[str] = "quality"

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (Rule("share", "score", "least", 0, learned=False, share=self.share),)

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        return {"score": self._opened.scores(parsed.texts)}

    @property
    def contents(self) -> str:
        """Hash of the classifier."""
        return self._opened.hash

    @cached_property
    def _opened(self) -> Scorer:
        if not self.classifier:
            raise UserError(
                "filter 'quality' needs a classifier: make one with `assay quality train`, then "
                "--option quality.classifier=FOLDER"
            )
        return open_scorer(Path(self.classifier), self.label)
