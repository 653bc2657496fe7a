"""`assay corpus mix`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, open_lab, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.campaign.lab import Lab
    from assay.spec.recipe import Change, Recipe


def mix(
    lab: LabArgument = None,
    *,
    rule: Annotated[str | None, Parameter(help="size, temperature or unimax.")] = None,
    temperature: Annotated[float | None, Parameter(help="Under --rule temperature.")] = None,
    epoch_limit: Annotated[float | None, Parameter(help="Most times that a run reads a domain.")] = None,
    limit: Annotated[
        list[str] | None, Parameter(negative="", help="DOMAIN=EPOCHS, a limit of its own; repeatable.")
    ] = None,
    weight: Annotated[
        list[str] | None, Parameter(negative="", help="DOMAIN=WEIGHT by hand; repeatable; those left out get none.")
    ] = None,
    fitted: Annotated[
        Path | None,
        Parameter(help="What `assay mixture fit --save` or `assay mixture best --json` wrote: its best mixture."),
    ] = None,
    recipe: Annotated[
        str, Parameter(help="What is mixed otherwise: champion, start, a hash, a TOML file.")
    ] = "champion",
    toml: Annotated[bool, Parameter(negative="", help="Print the lines of a recipe instead.")] = False,
    json: Json = False,
) -> None:
    """Show the mixture of a recipe: weight, tokens and epochs of each domain at each scale of the ladder.

    Without options that of the champion; with them what it would be. Weights come from the sizes of domains (--rule),
    from a mixture regression (--fitted) or from you (--weight). Epochs are of the text that the recipe selects.

    Examples:

        assay corpus mix mylab
        assay corpus mix mylab --rule temperature --temperature 2
        assay corpus mix mylab --rule unimax --epoch-limit 4 --toml
        assay corpus mix mylab --weight prose=3 --weight code=1 --limit code=2
    """
    from assay.corpus.repetition import MOST_EPOCHS
    from assay.interfaces.cli.progress import corpus_progress
    from assay.spec.recipe import changed

    ways = {"--rule": rule, "--fitted": fitted, "--weight": weight}
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} both say where weights come from; give one of them")
    opened = open_lab(lab)
    domains = opened.corpus().domains
    base = opened.recipe(recipe)
    change: Change = {}
    if rule:
        change = {"data.mixture_rule": rule, "data.mixture": None}
    elif fitted:
        change = {"data.mixture": _fitted(fitted, list(domains)), "data.mixture_rule": "size"}
    elif weight:
        change = {"data.mixture": _pairs(weight, "--weight", list(domains)), "data.mixture_rule": "size"}
    if temperature is not None:
        change["data.temperature"] = temperature
    if epoch_limit is not None:
        change["data.epoch_limit"] = epoch_limit
    if limit:
        change["data.epoch_limits"] = _pairs(limit, "--limit", list(domains))
    mixed = changed(base, change, "assay corpus mix")
    with corpus_progress(quiet=json or toml) as progress:
        opened.check_recipe(mixed, opened.config.ladder[0], recipe, progress)
    if toml and json:
        raise UserError("--toml prints the lines of a recipe and --json facts; leave one of them away")
    if toml:
        print(_toml(mixed), end="")
        return
    facts = _facts(opened, mixed)
    if json:
        print_json(facts)
        return
    _print(facts)
    worn = {name: row["epochs"] for name, row in facts["scales"][-1]["domains"].items() if row["epochs"] > MOST_EPOCHS}
    if worn:
        said = ", ".join(f"{name} {epochs:.1f} times" for name, epochs in worn.items())
        print(f"note: {facts['scales'][-1]['name']} reads {said}; beyond {MOST_EPOCHS} epochs repeated text teaches "
              f"less and less (Muennighoff et al. 2023); --epoch-limit {MOST_EPOCHS} sets a limit")  # fmt: skip


def _facts(lab: "Lab", recipe: "Recipe") -> dict[str, Any]:
    from assay.corpus.manifest import open_corpus
    from assay.corpus.mixtures.apply import readings
    from assay.spec.scale import shape_at

    manifest, data = open_corpus(lab.text_dir(recipe)), recipe.data
    available = manifest.train_tokens()
    scales: list[dict[str, Any]] = []
    for scale in lab.config.ladder:
        tokens = shape_at(recipe, scale, manifest.vocab).tokens
        rows = {name: row._asdict() for name, row in sorted(readings(data, available, tokens).items())}
        scales.append({"name": scale.name, "tokens": tokens, "domains": rows})
    settings = data.model_dump(mode="json", include=_FIELDS)
    return {"corpus": manifest.id, "recipe": recipe.hash, "data": settings, "available": available, "scales": scales}


_FIELDS = {"mixture", "mixture_rule", "temperature", "epoch_limit", "epoch_limits", "opening", "closing"}


def _print(facts: dict[str, Any]) -> None:
    data = facts["data"]
    how = "hand" if data["mixture"] else str(data["mixture_rule"])
    how += f" {data['temperature']:g}" if how == "temperature" else ""
    print(f"corpus {facts['corpus']}, mixed by {how}")
    available = facts["available"]
    width = max(map(len, available))
    for scale in facts["scales"]:
        print(f"{scale['name']}: {scale['tokens']:,} tokens")
        print(f"  {'':{width}}  {'weight':>7}  {'tokens':>14}  {'of':>14}  {'epochs':>8}")
        for name, row in scale["domains"].items():
            print(f"  {name:{width}}  {row['weight']:7.4f}  {row['tokens']:14,.0f}  {available[name]:14,}  "
                  f"{row['epochs']:8.3f}")  # fmt: skip


def _toml(recipe: "Recipe") -> str:
    """What a recipe says of its mixture, as far as it differs from the default."""
    import tomli_w

    said = recipe.data.model_dump(mode="json", include=_FIELDS, exclude_defaults=True)
    return tomli_w.dumps({"data": said}) if said else "# The default: in proportion to each domain's tokens.\n"


def _pairs(texts: list[str], option: str, domains: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise UserError(f"{option} {text}: expected DOMAIN=NUMBER, for example {option} {domains[0]}=2") from None
        if name not in domains:
            raise UserError(f"{option} names '{name}', but the corpus has only: {', '.join(sorted(domains))}")
    return found


def _fitted(path: Path, domains: list[str]) -> dict[str, float]:
    """The mixture in a file that `assay mixture` wrote, by the corpus' names of its domains."""
    from assay.campaign.lab import check_known
    from assay.evidence.mixtures.best import best_mixture
    from assay.evidence.mixtures.model import combined, load
    from assay.evidence.mixtures.simplex import limits_of
    from assay.spec.base import read_json

    said = read_json(path)
    weights: Any = cast("dict[str, Any]", said).get("mixture") if isinstance(said, dict) else None
    if weights is None:
        model = load(path)
        best, _ = best_mixture(combined(model)[0], model.weights, limits_of(model.domains), model.seed)
        weights = dict(zip(model.domains, best.mixture.tolist(), strict=True))
    if not isinstance(weights, dict) or not all(isinstance(each, int | float) for each in weights.values()):
        raise UserError(f"{path}: 'mixture' should be a table of numbers, as `assay mixture best --json` writes it")
    weights = cast("dict[str, float]", weights)
    # A lab's own table calls the weight of a domain weight/DOMAIN.
    named = {name if name in domains else name.rpartition("/")[2]: name for name in weights}
    check_known(
        (original for name, original in named.items() if name not in domains), set(domains), path, "the mixture"
    )
    return {name: float(weights[original]) for name, original in named.items()}
