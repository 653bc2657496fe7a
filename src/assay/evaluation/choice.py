"""Choosing one of several texts by likelihood: multiple choice and minimal pairs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from assay.evaluation.task import Measured, Query, bits_per_byte

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader

#: Costs that differ by less than this share are equal: rounding, which depends on the batch, must not decide.
TIE = 1e-6
MEASURES = ("accuracy", "accuracy_per_byte", "bits_per_byte")


class Choice(NamedTuple):
    """A prompt and its possible answers; each is read as prompt, `between`, answer."""

    prompt: str
    between: str
    answers: tuple[str, ...]
    right: int
    group: str = ""


def measure_choices(items: Sequence[Choice], reader: "Reader", measures: Sequence[str] = MEASURES) -> list[Measured]:
    """Which answer is likeliest, and what the right one costs.

    - `accuracy`: by likelihood (lm-evaluation-harness's `acc`).
    - `accuracy_per_byte`: by likelihood to the power of 1/bytes of the answer, so that short answers are not favoured
      (Brown et al. 2020, "Language Models are Few-Shot Learners", section 2.4, with bytes for tokens; the harness's
      `acc_bytes`, and its `acc_norm`, which counts characters, where an answer is ASCII).
    - `bits_per_byte`: bits for each byte of the right answer, what is between counted in. It moves long before
      accuracy leaves chance (Schaeffer et al. 2023, "Are Emergent Abilities of Large Language Models a Mirage?").

    Among k answers that are equally likely, the right one counts 1/k.
    """
    queries = [Query(item.prompt, item.between + answer) for item in items for answer in item.answers]
    answers = iter(reader.continuations(queries))
    found: list[Measured] = []
    for item in items:
        nats = [next(answers).nats for _ in item.answers]
        sizes = [len(answer.encode()) for answer in item.answers]
        values = {
            "accuracy": share_of_right(nats, item.right),
            "accuracy_per_byte": share_of_right([n / size for n, size in zip(nats, sizes, strict=True)], item.right),
            "bits_per_byte": bits_per_byte(nats[item.right], item.between + item.answers[item.right]),
        }
        found.append(Measured({name: values[name] for name in measures}, item.group, options=len(item.answers)))
    return found


def choice_texts(item: Choice) -> list[str]:
    """The question, without words that only lead to an answer, and followed by each answer; or the sentences."""
    if not item.prompt:
        return list(item.answers)
    question = item.prompt.removeprefix("Question:").removesuffix("Answer:").strip()
    return [question, *(f"{question} {answer}" for answer in item.answers)]


def share_of_right(costs: Sequence[float], right: int) -> float:
    """1 if the right one costs least, 1/k if k cost equally little and it is one of them, else 0."""
    least = min(costs)
    best = [cost - least <= TIE * abs(least) for cost in costs]
    return best[right] / sum(best)
