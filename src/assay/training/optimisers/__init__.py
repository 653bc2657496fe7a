"""Optimisers, one a file.

An optimiser is a function `build(model: GPT, settings: spec.recipe.Optimiser, transfer: spec.transfer.Transfer) ->
tuple[torch.optim.Optimizer, ...]` whose parameter groups together hold every parameter once, each group with its peak
learning rate as `lr`. `groups.groups` makes them from the recipe's constants for embeddings, head and vectors and from
what follows from the model's size. Before each step the trainer multiplies every peak by the schedule's factor.
Whatever has to survive a pause lives in `optimizer.state[parameter]` as contiguous tensors of 32-bit floats; the
trainer saves and restores it. Updates must be deterministic. An optimiser that trains at other weights than those to be
judged has a method `evaluation_weights() -> dict[Parameter, Tensor]` beside PyTorch's; a finished run's checkpoint
holds those.

To add one, for example plain momentum:

    # training/optimisers/sgd.py
    import torch
    from assay.spec.transfer import UNCHANGED
    from assay.training.optimisers.groups import HIDDEN, REST, groups

    def build(model, settings, transfer=UNCHANGED):
        parameters = [
            {"params": group["params"], "lr": group["lr"], "momentum": group["betas"][0]}
            for group in groups(model, settings, transfer, (HIDDEN, *REST))
        ]
        return (torch.optim.SGD(parameters),)

then name it in `spec/registry.py`: under `optimiser` as `"sgd": "assay.training.optimisers.sgd:build"`, and under
`optimiser_flops` with the matrix-product FLOPs of its update (`assay.spec.optimiser_flops:elementwise` for none).
"""
