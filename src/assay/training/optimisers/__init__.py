"""Optimisers, one a file.

An optimiser is a function `build(model: GPT, settings: spec.recipe.Optimiser) -> tuple[torch.optim.Optimizer, ...]`
whose parameter groups together hold every parameter once, each group with its peak learning rate as `lr`. Before
each step the trainer multiplies every peak by the schedule's factor. Whatever has to survive a pause lives in
`optimizer.state[parameter]` as tensors; the trainer saves and restores it. Updates must be deterministic.

To add one, for example plain momentum:

    # training/optimisers/sgd.py
    def build(model, settings):
        return (torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.beta1),)

then name it in `spec/registry.py`: under `optimiser` as `"sgd": "assay.training.optimisers.sgd:build"`, and under
`optimiser_flops` with the matrix-product FLOPs of its update (`assay.spec.optimiser_flops:elementwise` for none).
"""
