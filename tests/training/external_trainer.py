"""The smallest useful external trainer: plain gradient descent, in its own process, over the folder protocol alone."""

import hashlib
import json
import sys
from pathlib import Path

import safetensors.torch
import torch

from assay.corpus.loader import Loader
from assay.spec.run import RunOrder
from assay.spec.scale import shape_at
from assay.training.model import GPT

STEPS = 20

run_json = Path(sys.argv[1])
order = RunOrder.parse(json.loads(run_json.read_text()), str(run_json))
recipe = order.run.recipe
shape = shape_at(recipe, order.run.scale, order.vocab)
model = GPT(shape, recipe.model, order.run.seed.init)
loader = Loader(Path(order.corpus_dir), recipe.data, shape, order.run.seed.data)
losses = []
for _ in range(STEPS):
    batch = loader.next()
    tokens, targets = torch.from_numpy(batch.tokens), torch.from_numpy(batch.targets)
    loss = torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter -= 0.5 * parameter.grad
            parameter.grad = None
    losses.append(loss.item())

folder = run_json.parent / "checkpoint" / f"step-{STEPS:08d}"
folder.mkdir(parents=True)
files = {"model.safetensors": safetensors.torch.save(model.state_dict()), "state.json": b'{"step": 20}'}
for name, data in files.items():
    (folder / name).write_bytes(data)
sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
(folder / "SHA256SUMS").write_text("".join(sums))
result = {
    "status": "finished", "steps": STEPS, "tokens": STEPS * shape.tokens_per_step,
    "flops": STEPS * shape.flops_per_step, "loss": losses[-1],
}  # fmt: skip
(run_json.parent / "result.json").write_text(json.dumps(result))
