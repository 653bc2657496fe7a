"""Secrets of well-known form: keys and tokens whose issuers mark them by a prefix, and private keys.

Forms as their issuers document them; the list of GitHub's secret scanning names most.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator

PLACEHOLDER = "[KEY]"
_LEAST_DIFFERENT = 8  # characters; `xxxx…` and `0000…` are examples

#: A literal that is in every key of a form (the cheap test), and the form.
_FORMS = tuple(
    (literal, re.compile(rb"(?<![A-Za-z0-9_])" + form + rb"(?![A-Za-z0-9_])"))
    for literal, form in (
        (b"AKIA", rb"AKIA[0-9A-Z]{16}"),
        (b"ASIA", rb"ASIA[0-9A-Z]{16}"),
        (b"AIza", rb"AIza[0-9A-Za-z_-]{35}"),
        *((name, name + rb"[A-Za-z0-9]{36}") for name in (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")),
        (b"github_pat_", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
        (b"glpat-", rb"glpat-[A-Za-z0-9_-]{20}"),
        (b"xox", rb"xox[abposr]-[A-Za-z0-9-]{20,250}"),
        (b"k_live_", rb"[sr]k_live_[A-Za-z0-9]{24,247}"),
        (b"sk-", rb"sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{40,250}"),
        (b"hf_", rb"hf_[A-Za-z]{34}"),
        (b"npm_", rb"npm_[A-Za-z0-9]{36}"),
        (b"pypi-", rb"pypi-AgE[A-Za-z0-9_-]{50,250}"),
        (b"SG.", rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
        (b"eyJ", rb"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{20,1000}"),
    )
)
_PRIVATE = re.compile(
    rb"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----[\s\S]{40,20000}?-----END [A-Z ]{10,40}-----"
)


def find_keys(text: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of every key in a text."""
    for literal, form in _FORMS:
        if literal in text:
            for found in form.finditer(text):
                if _real(found[0]):
                    yield found.span()
    if b"PRIVATE KEY" in text:
        for found in _PRIVATE.finditer(text):
            yield found.span()


def _real(key: bytes) -> bool:
    """Whether it is no example. A JSON web token's first part must say how it is signed (RFC 7519)."""
    if key.startswith(b"eyJ"):
        return _signed(key.split(b".")[0])
    # Keys of Hugging Face are of letters alone; of others one without a digit is a word or an address.
    digits = key.startswith(b"hf_") or re.search(rb"\d", key[4:]) is not None
    return digits and len(set(key)) >= _LEAST_DIFFERENT


def _signed(header: bytes) -> bool:
    try:
        said = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(said, dict) and "alg" in said
