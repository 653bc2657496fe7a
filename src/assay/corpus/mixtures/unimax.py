"""data.mixture_rule = unimax: domains as even as limits on repetition allow."""

from collections.abc import Mapping

from assay.corpus.repetition import MOST_EPOCHS
from assay.spec.recipe import Data


class UniMax:
    """UniMax (Chung et al. 2023, "UniMax: Fairer and more Effective Language Sampling", algorithm 1).

    The paper deals the budget of tokens out evenly, beginning with the smallest domain, and gives none more than N
    epochs. That is: even weights, under the limits that `corpus.mixtures.apply` keeps for every rule.
    """

    epoch_limit = float(MOST_EPOCHS)

    def weights(self, tokens: Mapping[str, int], _data: Data) -> dict[str, float]:
        return {name: 1.0 for name, count in tokens.items() if count}
