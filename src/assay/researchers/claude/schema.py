"""What Claude may answer: a JSON schema made from the lab's search space, and reading such an answer.

The schema keeps to what structured outputs support: every key required, no further keys, no numeric limits
(the prompt states them, `admissible` checks them), and a single union, since each optional key or union makes
the server's grammar larger.
"""

import json
from typing import Any, get_args

from pydantic import Field

from assay.researchers.admissible import domains
from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.proposal import Kind, Prediction, Proposal
from assay.spec.protocols import View
from assay.spec.recipe import flatten, is_by_domain
from assay.spec.search import Range

KINDS = tuple(kind for kind in get_args(Kind) if kind != "placebo")  # placebos are the lab's own controls


class Setting(Frozen):
    """One changed key."""

    key: str
    value: Any


class Idea(Frozen):
    """A proposal as Claude answers it."""

    hypothesis: str
    kind: str
    changes: tuple[Setting, ...] = Field(min_length=1)
    predicted: Prediction
    citations: tuple[str, ...]


class Answer(Frozen):
    """All of an answer."""

    proposals: tuple[Idea, ...]


def answer_schema(view: View) -> dict[str, Any]:
    """JSON schema of an answer. It depends on the lab alone, so that the server's caches hold."""
    texts = {"type": "array", "items": {"type": "string"}}
    keys_by_value: dict[str, list[str]] = {}
    for key in view.config.search:
        keys_by_value.setdefault(json.dumps(_value_schema(view, key)), []).append(key)
    settings = [_object({"key": {"enum": keys}, "value": json.loads(value)}) for value, keys in keys_by_value.items()]
    number = {"type": "number"}
    idea = _object(
        {
            "hypothesis": {"type": "string"},
            "kind": {"enum": list(KINDS)},
            "changes": {"type": "array", "items": {"anyOf": settings}},
            "predicted": _object({"effect": number, "low": number, "high": number}),
            "citations": texts,
        }
    )
    return _object({"proposals": {"type": "array", "items": idea}})


def read_answer(text: str, view: View, author: str) -> list[Proposal]:
    """The proposals of an answer, not yet checked for admissibility.

    Raises:
        UserError: the text is not JSON, or does not fit the schema.
    """
    where = "the answer"
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{where} is not valid JSON: {error}") from None
    ideas = Answer.parse(data, where).proposals
    proposals: list[Proposal] = []
    for number, idea in enumerate(ideas, start=1):
        content = idea.model_dump(mode="json", exclude={"changes"})
        content["change"] = {setting.key: _exact(view, setting) for setting in idea.changes}
        proposals.append(Proposal.parse({**content, "author": author}, f"proposal {number} of {where}"))
    return proposals


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _value_schema(view: View, key: str) -> dict[str, Any]:
    allowed = view.config.search[key]
    if not isinstance(allowed, Range):
        return {"enum": list(allowed)}
    if is_by_domain(key):
        return _object({domain: {"type": "number"} for domain in domains(view)})
    return {"type": "integer" if _whole(view, key) else "number"}


def _whole(view: View, key: str) -> bool:
    return isinstance(flatten(view.champion.model_dump(mode="json")).get(key), int)


def _exact(view: View, setting: Setting) -> Any:
    """The value as the search space writes it: JSON does not tell 4 from 4.0, recipes do."""
    allowed, value = view.config.search.get(setting.key, ()), setting.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(allowed, Range):
        return int(value) if _whole(view, setting.key) and value == int(value) else value
    return next((option for option in allowed if option == value and not isinstance(option, bool)), value)
