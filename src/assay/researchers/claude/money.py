"""What requests cost, and the most that they can cost."""

from assay.researchers.exchange import Usage
from assay.spec.lab import ClaudeSettings

# The server adds instructions of its own for structured output, billed as input: a few hundred tokens.
SERVER_TOKENS = 2_000


def cost(settings: ClaudeSettings, usage: Usage) -> float:
    """Price of a usage, US dollars."""
    return (
        usage.input_tokens * settings.usd_per_million_input
        + usage.output_tokens * settings.usd_per_million_output
        + usage.cache_read_tokens * settings.usd_per_million_cache_read
        + usage.cache_write_tokens * settings.usd_per_million_cache_write
    ) / 1e6


def worst_case(settings: ClaudeSettings, body: str) -> float:
    """The most that a request can cost, US dollars: a token a byte, all written to the cache, the longest answer.

    A token stands for at least one byte of the body's UTF-8 text, so this is a bound, not an estimate.
    """
    tokens = len(body.encode()) + SERVER_TOKENS
    price = max(settings.usd_per_million_input, settings.usd_per_million_cache_write)
    return (tokens * price + settings.max_tokens * settings.usd_per_million_output) / 1e6
