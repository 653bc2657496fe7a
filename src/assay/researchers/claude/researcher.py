"""Asking Claude, checking what it answers, and asking once more."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from assay.researchers.admissible import admissible
from assay.researchers.claude.messages import OR_WITHOUT, Messages
from assay.researchers.claude.prompt import fenced, request_body
from assay.researchers.claude.schema import read_answer
from assay.researchers.exchange import Exchange
from assay.spec.errors import UserError
from assay.spec.lab import ClaudeSettings
from assay.spec.proposal import Proposal
from assay.spec.protocols import ResearcherUnavailable, View
from assay.spec.recipe import changed

if TYPE_CHECKING:
    from anthropic.types import Message

LONGEST_QUOTE = 4_000  # characters of a bad answer that Claude is shown again


class Bad(Exception):
    """An answer that cannot be used. `note` is what Claude is told when it is asked once more."""

    def __init__(self, reason: str, note: str = "") -> None:
        super().__init__(reason)
        self.note = note


class Refused(Bad):
    """A well-formed answer of which no proposal is admissible."""


class Claude:
    """Proposals by a Claude model, within `budget_usd` over the lab's whole life.

    Args:
        settings: `[researchers.claude]` of lab.toml.
        record: stores an exchange; called once for every attempt, right after it.
        spent_usd: what the lab has spent on this researcher before.
    """

    def __init__(self, settings: ClaudeSettings, record: Callable[[Exchange], None], spent_usd: float) -> None:
        self.name = f"model:{settings.model}"
        self._settings = settings
        self._messages = Messages(settings, self.name, record, spent_usd)

    def propose(self, view: View, n: int) -> list[Proposal]:
        """At most `n` admissible proposals; what is not admissible is left out.

        An answer of which nothing can be used is asked for once more, with the reason. When the second has only
        inadmissible proposals, Claude has nothing to say; otherwise it cannot answer.

        Raises:
            ResearcherUnavailable: no key, no money, no server, or no usable answer.
        """
        note = ""
        for last in (False, True):
            message = self._messages.ask(request_body(self._settings, view, n, note))
            try:
                return _usable(message, view, self.name)[:n]
            except Bad as bad:
                if last and isinstance(bad, Refused):
                    return []
                if last:
                    raise ResearcherUnavailable(f"Claude gave no usable answer twice: {bad}") from None
                note = bad.note
        raise AssertionError("the loop returns or raises")


def _usable(message: "Message", view: View, author: str) -> list[Proposal]:
    """The admissible proposals of an answer; an empty answer has none. Raises `Bad`."""
    text = "".join(block.text for block in message.content if block.type == "text")
    if message.stop_reason == "refusal":
        details = message.stop_details
        why = [part for part in (details.category, details.explanation) if part] if details else []
        raise Bad(
            f"it declined to ({': '.join(why) or 'no reason given'}); choose another model in [researchers.claude] of "
            f"lab.toml, {OR_WITHOUT}"
        )
    if message.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        raise Bad(
            "it was cut off; raise max_tokens in [researchers.claude] of lab.toml",
            "Your last answer was cut off before its end. Think less and answer with a single short proposal.",
        )
    try:
        proposals = read_answer(text, view, author)
    except UserError as error:
        raise Bad(str(error), _again(text, [str(error)])) from None
    found: dict[str, Proposal] = {}
    reasons: list[str] = []
    for proposal in proposals:
        reason = admissible(view, proposal)
        if reason is None:
            found.setdefault(changed(view.champion, proposal.change).hash, proposal)
        else:
            reasons.append(f"{json.dumps(proposal.change, ensure_ascii=False)}: {reason}")
    if reasons and not found:
        raise Refused("; ".join(reasons), _again(text, reasons))
    return list(found.values())


def _again(text: str, reasons: list[str]) -> str:
    return (
        "Your last answer could not be used. It and the reasons:\n"
        f"{fenced({'answer': text[:LONGEST_QUOTE], 'reasons': reasons})}\n\n"
        "Answer again, without these mistakes."
    )
