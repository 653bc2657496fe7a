"""What a mixture rule is."""

from collections.abc import Mapping
from typing import Protocol

from assay.spec.recipe import Data


class MixtureRule(Protocol):
    """Weights of domains from their sizes.

    Attributes:
        epoch_limit: the limit on repetition that holds where the recipe gives none; 0: none.
    """

    epoch_limit: float

    def weights(self, tokens: Mapping[str, int], data: Data, /) -> dict[str, float]:
        """Weights, more than zero for every domain that has tokens; they need not add up to one.

        Args:
            tokens: training tokens of each domain.
            data: the recipe's settings.
        """
        ...
