"""data.mixture_rule = temperature: small domains are drawn more often than their size, without becoming equal."""

from collections.abc import Mapping

from assay.spec.recipe import Data


class Temperature:
    """q_i ∝ n_i^(1/T): Devlin 2018 (multilingual BERT, T = 1.43), Conneau et al. 2020 (XLM-R, T = 3.3)."""

    epoch_limit = 0.0

    def weights(self, tokens: Mapping[str, int], data: Data) -> dict[str, float]:
        # Relative to the largest, so that no power overflows.
        most = max(tokens.values())
        return {name: (count / most) ** (1 / data.temperature) for name, count in tokens.items()}
