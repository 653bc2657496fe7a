"""A run as a model of EleutherAI's lm-evaluation-harness; needs the extra `assay[lm-eval]`.

    import lm_eval
    from assay.evaluation.lm_eval_adapter import HarnessModel

    lm_eval.simple_evaluate(HarnessModel(Path("mylab/runs/3f2a9c17be04d581")), tasks=["arc_easy", "piqa"])

The harness brings tasks, prompts and metrics; likelihoods come from the same `Reader` as assay's own, so what it says
of multiple choice is what `assay evaluate` says, where the texts are the same: ties apart, which count for the first
answer there, and prompts that are empty, after which the harness begins an answer with a space.
"""

from pathlib import Path
from typing import Any

from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.evaluation.reader import Query, Reader
from assay.spec.errors import UserError
from assay.training.environment import prepare
from assay.training.restore import load_model

try:
    from lm_eval.api.instance import Instance  # pyright: ignore[reportMissingImports]
    from lm_eval.api.model import LM  # pyright: ignore[reportMissingImports]
except ImportError:
    raise UserError("lm-evaluation-harness is not installed; run: pip install 'assay[lm-eval]'") from None

MOST_TOKENS = 256  # the harness's own default where a task names no number


class HarnessModel(LM):
    """The newest checkpoint of a run. Raises `UserError` where there is none."""

    def __init__(self, run_folder: Path) -> None:
        super().__init__()
        prepare()
        trained = load_model(run_folder)
        tokenizer = load_tokenizer(Path(trained.order.corpus_dir))
        self.reader = Reader(trained.model, tokenizer, trained.order.run.recipe.data.context)

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Log-likelihood (nats) of each continuation after its context, and whether it is the greedy one."""
        answers = self.reader.continuations([_query(*request.args) for request in requests])
        return [(-answer.nats, answer.greedy) for answer in answers]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Log-likelihood (nats) of whole texts, in pieces of a context with as much before each as fits."""
        answers = self.reader.continuations([Query("", request.args[0]) for request in requests])
        return [-answer.nats for answer in answers]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """What the model writes after each context, up to a stop string; the likeliest token unless it is to draw."""
        return [self._write(*request.args) for request in requests]

    def _write(self, context: str, settings: dict[str, Any]) -> str:
        stop = settings.get("until") or []
        temperature = float(settings.get("temperature", 1.0)) if settings.get("do_sample") else 0.0
        most = int(settings.get("max_gen_toks", MOST_TOKENS))
        return next(self.reader.write([context], most, temperature, [stop] if isinstance(stop, str) else stop))


def _query(context: str, continuation: str) -> Query:
    """White space at the end of a context belongs to the word that follows, as in the harness's own models."""
    prompt = context.rstrip()
    return Query(prompt, context[len(prompt) :] + continuation)
