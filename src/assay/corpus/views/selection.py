"""What a recipe selects of the training text, and the steps that do it."""

from pathlib import Path
from typing import Any

from assay.corpus.deduplication.bands import Banding
from assay.corpus.deduplication.equal import EqualDocuments
from assay.corpus.deduplication.lines import RepeatedUnits
from assay.corpus.deduplication.near import NearDuplicates
from assay.corpus.deduplication.near_step import RemoveNearDuplicates
from assay.corpus.deduplication.passages import Passages
from assay.corpus.quality.classifier import EMBEDDINGS, FACTS, read_classifier
from assay.corpus.steps.clean import Clean
from assay.corpus.steps.step import Step
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError
from assay.spec.recipe import Data

#: Filters by what data.filters calls them. Frozen: better ones get another name.
FILTERS: dict[str, tuple[str, ...]] = {
    "gopher": ("gopher_quality", "gopher_repetition"),
    "c4": ("c4",),
    "fineweb": ("fineweb",),
    "all": ("gopher_quality", "gopher_repetition", "c4", "fineweb"),
}
#: Of data.dedup = minhash: words of a shingle, and 112 values in 14 bands.
NGRAM, BANDING = 5, Banding(112, 14)
#: Of data.dedup = substring: words that must repeat.
PASSAGE_WORDS = 50


class KeepBest(Clean):
    """Cleaning by a classifier, known by what the classifier is and not by where it lies."""

    def parameters(self) -> dict[str, Any]:
        said = super().parameters()
        folder = Path(said["options"]["quality"].pop("classifier"))
        return said | ({"features": EMBEDDINGS} if (folder / EMBEDDINGS).is_dir() else {})


def steps_of(data: Data, classifiers: Path) -> tuple[Step, ...]:
    """The steps that a recipe asks for, in the order of their use; none: the corpus as it is.

    Args:
        classifiers: folder that holds the classifiers of quality, or is one.

    Raises:
        UserError: the classifier that the recipe names is not there.
    """
    steps: list[Step] = []
    if data.filters != "none":
        cleaning = Cleaning(filters=FILTERS[data.filters], learn=data.filter_limit < 1)
        if cleaning.learn:
            cleaning = cleaning.model_copy(update={"limit": data.filter_limit})
        steps.append(Clean(cleaning))
    match data.dedup:
        case "exact":  # as the corpus was built
            pass
        case "normalised":
            steps.append(EqualDocuments("normalised"))
        case "minhash":
            steps.append(RemoveNearDuplicates(NearDuplicates(data.dedup_similarity, NGRAM, BANDING)))
        case "lines" | "paragraphs":
            steps.append(RepeatedUnits(data.dedup))
        case "substring":
            steps.append(Passages(PASSAGE_WORDS))
    if data.quality_share < 1:
        folder = _classifier(data.quality_model, classifiers)
        options = {"quality": {"classifier": str(folder), "share": data.quality_share}}
        steps.append(KeepBest(Cleaning(filters=("quality",), options=options)))
    return tuple(steps)


def _classifier(name: str, classifiers: Path) -> Path:
    """The folder of a classifier by its hash."""
    if not name:
        raise UserError("data.quality_share is below 1, but data.quality_model names no classifier to say what is best")
    for path in sorted([classifiers / FACTS, *classifiers.glob(f"*/{FACTS}")]):
        if path.is_file() and read_classifier(path.parent).hash == name:
            return path.parent
    raise UserError(
        f"data.quality_model = '{name}': no classifier in {classifiers} has this hash; make one with `assay quality "
        f"train --into {classifiers}`, or name one that is there"
    )
