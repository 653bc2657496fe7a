"""The Claude researcher: proposals by structured output over the Messages API.

`prompt` says what Claude is told, `schema` what it may answer, `messages` carries one request through failures
of network and server, `money` keeps the budget, `researcher` joins them. The `anthropic` package is imported
only when a request is made.
"""

from assay.researchers.claude.researcher import Claude

__all__ = ["Claude"]
