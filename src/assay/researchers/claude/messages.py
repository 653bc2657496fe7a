"""One request to the Messages API and its answer, through failures of network and server.

Every attempt is recorded as soon as it has ended, without the key, and counted against the budget. What an
attempt that broke off has cost is not known; it counts at its worst case, so that the limit holds.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.researchers.claude.money import cost, worst_case
from assay.researchers.exchange import Exchange, Usage
from assay.spec.lab import ClaudeSettings
from assay.spec.protocols import OutOfMoney, ResearcherUnavailable

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types import Message

KEY = "ANTHROPIC_API_KEY"
OR_WITHOUT = "or go on without Claude: fallback = true in [researchers.claude] of lab.toml"
SHORTEST_SECRET = 8  # characters; a shorter key is a placeholder for a server that needs none
CONNECT_SECONDS = 10.0
LONGEST_PAUSE = 60.0
RETRIED = (408, 409, 429)  # and everything from 500 on
RETRIED_MID_STREAM = ("overloaded_error", "api_error", "rate_limit_error", "timeout_error")
LONGEST_ERROR = 500  # characters


@dataclass(frozen=True)
class Failure:
    """Why there is no answer. `billed`: tokens may have been charged for."""

    reason: str
    retry: bool
    billed: bool
    pause: float | None = None  # seconds that the server asks to wait


def read_key() -> str:
    """The key from the environment. Raises `ResearcherUnavailable` when there is none."""
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise ResearcherUnavailable(f"there is no key for Claude: set {KEY} in the environment, {OR_WITHOUT}")
    return key


class Messages:
    """Requests in one author's name, within one budget. Not for use from several threads at once."""

    def __init__(
        self, settings: ClaudeSettings, author: str, record: Callable[[Exchange], None], spent_usd: float
    ) -> None:
        self.settings = settings
        self.author = author
        self.record = record
        self.spent_usd = spent_usd

    def ask(self, request: dict[str, Any]) -> "Message":
        """The complete answer to a request, after retries with growing pauses.

        Raises:
            ResearcherUnavailable: no key or a wrong one, no money left, or no answer after all retries.
        """
        key, settings = read_key(), self.settings
        failure = None
        with _client(settings, key) as client:
            for attempt in range(settings.retries + 1):
                if failure is not None:
                    pause = min(LONGEST_PAUSE, settings.backoff_seconds * 2 ** (attempt - 1))
                    time.sleep(pause if failure.pause is None else failure.pause)
                outcome = self._attempt(client, request, key)
                if not isinstance(outcome, Failure):
                    return outcome
                failure = outcome
                if not failure.retry:
                    raise ResearcherUnavailable(failure.reason)
                if failure.pause is not None and failure.pause > settings.deadline_seconds:
                    raise ResearcherUnavailable(
                        f"{failure.reason}; it asks to wait {failure.pause:g} s: run again then"
                    )
        assert failure is not None
        times = "1 attempt" if settings.retries == 0 else f"{settings.retries + 1} attempts"
        raise ResearcherUnavailable(
            f"Claude did not answer in {times}, at last because {failure.reason}; run again later, {OR_WITHOUT}"
        )

    def _attempt(self, client: "Anthropic", request: dict[str, Any], key: str) -> "Message | Failure":
        """One attempt, recorded and paid for."""
        settings = self.settings
        body = {**request, "stream": True}
        most = worst_case(settings, json.dumps(body, ensure_ascii=False))
        if self.spent_usd + most > settings.budget_usd:
            raise OutOfMoney(
                f"the money for Claude is used up: ${self.spent_usd:.2f} of ${settings.budget_usd:.2f} is spent, and "
                f"the next request could cost ${most:.2f}; raise budget_usd or lower max_tokens in "
                f"[researchers.claude] of lab.toml, {OR_WITHOUT}"
            )
        began, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        message: Message | None = None
        usage: Usage | None = None
        failure: Failure | None = Failure("it was interrupted", retry=False, billed=True)
        try:
            message, usage, failure = _stream(settings, client, request)
        finally:  # also when a person stops the lab meanwhile
            if failure is not None and not failure.billed:
                price = 0.0
            elif usage is None:
                price = most
            elif failure is None:
                price = cost(settings, usage)
            else:  # it broke off after it had begun: how long it had become is not known
                price = cost(settings, usage.model_copy(update={"output_tokens": settings.max_tokens}))
            self.spent_usd += price
            exchange = Exchange(
                author=self.author,
                time=at,
                seconds=round(time.monotonic() - began, 3),
                request=body,
                response=None if message is None else _without(key, message.to_dict()),
                error="" if failure is None else _without(key, failure.reason),
                usage=usage if failure is None else None,
                cost_usd=price,
            )
            self.record(exchange)
        if failure is not None:
            return replace(failure, reason=exchange.error)
        assert message is not None
        return message


def _client(settings: ClaudeSettings, key: str) -> "Anthropic":
    import anthropic
    import httpx2  # the HTTP library of `anthropic`, which lets its errors through while a stream is read

    def limit(response: httpx2.Response) -> None:
        response.stream = _limited(response.stream, time.monotonic() + settings.deadline_seconds)

    return anthropic.Anthropic(
        api_key=key,
        base_url=settings.base_url or None,
        timeout=httpx2.Timeout(settings.timeout_seconds, connect=min(CONNECT_SECONDS, settings.timeout_seconds)),
        max_retries=0,  # retried here, where each attempt is recorded and paid for
        http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [limit]}),
    )


def _stream(
    settings: ClaudeSettings, client: "Anthropic", request: dict[str, Any]
) -> "tuple[Message | None, Usage | None, Failure | None]":
    """Send a request and read its stream: message and usage as far as they came, and what went wrong, if anything."""
    import anthropic
    import httpx2

    message: Message | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    try:
        with client.messages.stream(**request) as stream:
            for event in stream:
                if event.type == "message_start":
                    message = stream.current_message_snapshot
                    usage = _usage(message)
        if message is not None and message.stop_reason is not None:
            usage = _usage(message)
        else:
            failure = Failure("the answer ended before it was complete", retry=True, billed=True)
    except anthropic.APIStatusError as error:
        failure = _status_failure(error, settings)
    except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
        cause = error.__cause__ if isinstance(error, anthropic.APIConnectionError) else error
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
            where = settings.base_url or "Anthropic's server"
            failure = Failure(f"{where} cannot be reached: {cause}", retry=True, billed=False)
        elif isinstance(cause, httpx2.TimeoutException):
            failure = Failure(
                f"the answer stalled: nothing for {settings.timeout_seconds:g} s, or not complete after "
                f"{settings.deadline_seconds:g} s",
                retry=True,
                billed=True,
            )
        else:
            failure = Failure(f"the connection broke off: {cause}", retry=True, billed=True)
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        # Raised by the SDK for events that it cannot put together.
        reason = f"the answer is not a stream of the Messages API: {error}"[:LONGEST_ERROR]
        failure = Failure(reason, retry=True, billed=True)
    return message, usage, failure


def _limited(stream: Any, deadline: float) -> Any:
    """A response's stream that times out at the deadline, even while the server keeps sending pings."""
    import httpx2

    class Limited(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in stream:
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the answer took too long")
                yield chunk

        def close(self) -> None:
            stream.close()

    return Limited()


def _status_failure(error: Any, settings: ClaudeSettings) -> Failure:
    """What an error that the server reports means; before the stream (4xx, 5xx) or within it (200)."""
    status, text = error.status_code, str(error.api_message or error)[:LONGEST_ERROR]
    if status == 200:
        return Failure(
            f"the server broke off its answer ({error.type}): {text}", error.type in RETRIED_MID_STREAM, billed=True
        )
    if status == 401:
        return Failure(
            f"the server refuses the key (401): {text}; put a valid key into {KEY}, {OR_WITHOUT}", False, billed=False
        )
    if status == 404:
        sentence = f"the server does not know model '{settings.model}' (404): {text}"
        return Failure(f"{sentence}; set model in [researchers.claude] of lab.toml", False, billed=False)
    retry = (status in RETRIED or status >= 500) and error.response.headers.get("x-should-retry") != "false"
    return Failure(f"the server answers {status}: {text}", retry, billed=False, pause=_pause(error.response.headers))


def _pause(headers: Any) -> float | None:
    """Seconds that a `retry-after` header asks for; a date or nonsense counts as no wish."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _usage(message: "Message") -> Usage:
    usage = message.usage
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_input_tokens or 0,
        cache_write_tokens=usage.cache_creation_input_tokens or 0,
    )


def _without(key: str, data: Any) -> Any:
    """JSON data without the key: a server may repeat what it was sent, but the key must not reach the store."""
    if isinstance(data, str):
        return data.replace(key, "[key]") if len(key) >= SHORTEST_SECRET else data
    if isinstance(data, dict):
        return {name: _without(key, value) for name, value in data.items()}
    return [_without(key, value) for value in data] if isinstance(data, list) else data
