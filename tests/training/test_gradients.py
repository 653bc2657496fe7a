"""Norms and clipping agree with PyTorch's own."""

import pytest
import torch

from assay.training import gradients


@pytest.mark.parametrize("limit", [0.0, 0.5, 1e9])
def test_clipping_agrees_with_pytorchs(limit: float) -> None:
    generator = torch.Generator().manual_seed(3)
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in ((5,), (7, 3), (2, 9))]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    mine = [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]
    norm = gradients.norms(mine).norm()
    gradients.clip(mine, norm, limit)
    theirs = torch.nn.utils.clip_grad_norm_(parameters, limit or float("inf"))
    torch.testing.assert_close(norm, theirs)
    for ours, parameter in zip(mine, parameters, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-5, atol=0)
