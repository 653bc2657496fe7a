"""Weight averaging: the uniform mean of the weights after each step of a run's last part.

Averaging the end of a run removes much of what the last batches did to the weights, as a lower learning rate would, and
with it part of the difference between runs that differ by chance alone (Izmailov et al. 2018, "Averaging Weights Leads
to Wider Optima and Better Generalization"; Kaddour 2022, "Stop Wasting My Time! Saving Days of ImageNet and BERT
Training with Latest Weight Averaging"). It is a pass over the weights a step, element-wise work that a scale's
FLOPs leave out as they leave out the optimiser's; the time shows in the step time.
"""

import torch
from torch import Tensor

from assay.spec.recipe import Schedule


def average_start(steps: int, schedule: Schedule) -> int:
    """Steps that are done before the first one that is averaged; `steps` where averaging is off."""
    return steps - (max(1, round(schedule.average * steps)) if schedule.average else 0)


class Average:
    """A running mean over named tensors.

    Args:
        weights: the tensors of the model itself; they change with every step.
        count: how many steps are in `mean` already.
        mean: their mean; None where there is none yet.
    """

    def __init__(self, weights: dict[str, Tensor], count: int = 0, mean: dict[str, Tensor] | None = None) -> None:
        assert (mean is None) == (count == 0), "a mean of no steps"
        self._weights = weights
        self.count = count
        self._mean = mean or {}

    @torch.no_grad()
    def add(self) -> None:
        """Take the weights as they are now into the mean: mean + (weights − mean) / count."""
        self.count += 1
        if self.count == 1:
            self._mean = {name: weight.detach().clone() for name, weight in self._weights.items()}
        else:
            for name, weight in self._weights.items():
                self._mean[name].lerp_(weight, 1.0 / self.count)

    def tensors(self) -> dict[str, Tensor]:
        return self._mean
