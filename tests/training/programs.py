"""Small programs that know nothing of assay, and the trainer.toml of each."""

from pathlib import Path
from typing import Any

from assay.spec.external import External, ExternalTrainer
from assay.spec.run import TrainingResult
from assay.training.main import train
from tests.training.tiny import write_order

#: "Trains" for as many steps as it is told: prints or writes losses that fall from 4 by a hundredth a step.
PROGRAM = """
import json, os, sys
steps, out, seed = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for step in range(1, steps + 1):
    {report}
open(os.path.join(out, "weights"), "w").write(seed)
{end}
"""
PRINTED = "print(f'[{step}] loss={4 - step / 100:.4f}', flush=True)"
REGEX = {"format": "regex", "pattern": r"\[(?P<step>\d+)\] loss=(?P<loss>\S+)"}
SCORED = "import json, sys; print('scoring'); print(json.dumps({'docs': 2.0, 'code': 3.0}))"


def external(folder: Path, report: str = PRINTED, metrics: dict[str, Any] | None = None, end: str = "", **changes: Any):
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(PROGRAM.format(report=report, end=end))
    (folder / "score.py").write_text(SCORED)
    fields = {
        "name": "program",
        "command": ["{python}", "program.py", "{steps}", "{checkpoint_dir}", "{seed}"],
        "metrics": metrics or REGEX,
        "evaluation": {"command": ["{python}", "score.py"]},
    }
    return External(trainer=ExternalTrainer.parse(fields | changes, "trainer.toml"), folder=str(folder))


def run(tmp_path: Path, corpus: Path, **changes: Any) -> TrainingResult:
    order = write_order(tmp_path / "run", corpus, external=external(tmp_path / "own", **changes))
    return train(order)
