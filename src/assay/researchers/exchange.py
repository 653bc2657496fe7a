"""What passed between the lab and a language model, as the store keeps it."""

from typing import Any

from pydantic import Field

from assay.spec.base import Frozen


class Usage(Frozen):
    """Tokens that the provider bills."""

    input_tokens: int = Field(default=0, ge=0, description="neither written to nor read from the cache")
    output_tokens: int = Field(default=0, ge=0, description="the model's thinking included")
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)


class Exchange(Frozen):
    """One request and its answer, or the error that came instead. Never holds a key or a header."""

    author: str = Field(description="model:…")
    time: str = Field(description="when the request was sent, UTC, ISO 8601")
    seconds: float = Field(ge=0)
    request: dict[str, Any] = Field(description="body of the request")
    response: dict[str, Any] | None = Field(default=None, description="the message, as far as it came")
    error: str = Field(default="", description="what went wrong; empty for a complete answer")
    usage: Usage | None = Field(default=None, description="None when the provider has not said")
    cost_usd: float = Field(
        ge=0, description="price of the usage; where that is not known, the most that it can have been"
    )
