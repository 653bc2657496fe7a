"""`assay recipe show` and `assay recipe diff`."""

from assay.interfaces.cli.shared import Json, Words, print_json
from assay.spec.errors import UserError
from assay.spec.presets import named_recipe, stands_alone
from assay.spec.recipe import Recipe, difference


def _read(words: tuple[str, ...], names: tuple[str, ...], command: str) -> list[Recipe]:
    """Recipes by name. TOML files and presets alone need no lab."""
    from assay.interfaces.cli.shared import split_words

    if len(words) == len(names) and all(stands_alone(word) for word in words):
        return [named_recipe(word) for word in words]
    if not words and names == ("RECIPE",):
        return [Recipe()]
    lab, chosen = split_words(words, names, command)
    return [lab.recipe(name) for name in chosen]


def show(*words: Words, json: Json = False) -> None:
    """Print a recipe as TOML, every field written out: assay recipe show [LAB] RECIPE.

    RECIPE is champion, start, gen2, a recipe's hash, a TOML file, or one of the recipes that come with assay:
    reference, which we recommend for small models, and nanogpt, nanoGPT's defaults, which are also shown without words.

    Examples:

        assay recipe show
        assay recipe show reference
        assay recipe show mylab champion
    """
    (recipe,) = _read(words, ("RECIPE",), "recipe show")
    if json:
        print_json({"hash": recipe.hash, "recipe": recipe.model_dump(mode="json")})
        return
    print(f"# recipe {recipe.hash}\n{recipe.to_toml()}", end="")


def diff(*words: Words, json: Json = False) -> None:
    """Show the fields in which two recipes differ: assay recipe diff [LAB] OLD NEW.

    Examples:

        assay recipe diff mylab start champion
        assay recipe diff nanogpt reference
        assay recipe diff old.toml new.toml
    """
    if len(words) < 2:
        raise UserError("two recipes are expected: assay recipe diff [LAB] OLD NEW")
    old, new = _read(words, ("OLD", "NEW"), "recipe diff")
    changes = difference(old, new)
    if json:
        print_json({"old": old.hash, "new": new.hash, "changes": {k: list(v) for k, v in changes.items()}})
        return
    for key, (a, b) in changes.items():
        print(f"{key}: {a} -> {b}")
    if not changes:
        print(f"No difference: both are {old.hash}.")
