"""What counts as personal data, and what only looks like it: one pattern and one check a kind.

Patterns are matched at places that `find` has picked out by their bytes, so none is ever run over a whole text.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from assay.corpus.personal import checksums

#: Characters before a number that say what it is.
CONTEXT = 24

_GENERIC_ENDINGS = frozenset(
    re.findall(
        r"\w+",
        "com org net edu gov mil int info biz name pro aero coop museum mobi jobs travel post asia app dev online site "
        "tech store xyz shop blog cloud email company world club live news media group agency services solutions "
        "website space page wiki link one life work london berlin paris tokyo wien africa scot wales law legal bank "
        "health care doctor engineering academy university school science",
    )
)
#: Domains that no address can be in: RFC 6761, RFC 6762.
_RESERVED_DOMAIN = re.compile(r"(?:^|\.)(?:test|invalid|localhost|local)$", re.I)
#: International calling codes: ITU-T E.164, the zones 1 and 7 and what begins with other digits.
_CALLING_CODE = re.compile(
    r"1|7|2(?:0|7|1[1-8]|2\d|3\d|4\d|5[0-8]|6\d|9[01789])|3(?:[0-469]|5\d|7\d|8[0-25-79])|4(?:[013-9]|2[013])|"
    r"5(?:[1-8]|0\d|9\d)|6(?:[0-6]|7[02-9]|8[0-35-9]|9[0-2])|8(?:[1246]|0[08]|5[02356]|8[068])|"
    r"9(?:[0-58]|6\d|7[0-79]|9[234568])"
)
_VERSION_BEFORE = re.compile(
    rb"(?:\b(?:version|release|revision|build|firmware|section|chapter|clause|figure|table|appendix|sec|ver|v|r)"
    rb"|\xc2\xa7|[=<>~^@])[\s.:#]*$",
    re.I,
)
_ADDRESS_BEFORE = re.compile(
    rb"(?:\bips?|ipv4|addr(?:ess(?:es)?)?|host|server|dns|ping|router|gateway|from|\w://)\W{0,3}$", re.I
)
_PHONE_BEFORE = re.compile(
    rb"(?:\btel(?:ephone|efon)?|\bph(?:one)?|\bfax|\bmobile|\bcell|\bcall|\bwhatsapp|\bt\xc3\xa9l(?:\xc3\xa9phone)?)"
    rb"(?: (?:us|me|him|her|number|no|at|on|is))*\.?[:#]? {0,2}(?:\[\d{1,4}\] ?)?(?:\(0\) ?)?$",
    re.I,
)


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    Attributes:
        name: as parameters and reports call it.
        placeholder: what stands in its place: a value of the same form that is nobody's where there is one (so that
            a model still learns the form, as in FineWeb), else the kind's name in brackets.
        pattern: of bytes.
        check: whether a match is one, from the match and up to `CONTEXT` bytes before it.
    """

    name: str
    placeholder: str
    pattern: re.Pattern[bytes]
    check: Callable[[re.Match[bytes], bytes], bool]


def _only_digits(found: re.Match[bytes]) -> str:
    return re.sub(rb"\D", b"", found[0]).decode()


def _email(found: re.Match[bytes], before: bytes) -> bool:
    if before.endswith(b"://"):
        return False  # who logs in, in an address of a repository
    name, domain = found[0].decode().rsplit("@", 1)
    ending = domain.rsplit(".", 1)[1].lower()
    if len(ending) > 2 and ending not in _GENERIC_ENDINGS:
        return False  # a matrix product, A@x.conj
    return not _RESERVED_DOMAIN.search(domain) and name.lower() not in ("git", "hg", "svn") and ".." not in name


def _ipv4(found: re.Match[bytes], before: bytes) -> bool:
    octets = found[0].split(b".")
    if any(int(octet) > 255 or (octet[0] == 48 and len(octet) > 1) for octet in octets):
        return False
    address = ipaddress.IPv4Address(found[0].decode())
    if not address.is_global or address.is_multicast or _VERSION_BEFORE.search(before):
        return False
    # Numbers of sections and versions begin low and stay small; few addresses do.
    likely = int(octets[0]) >= 10 and max(map(int, octets)) >= 32
    return likely or _ADDRESS_BEFORE.search(before) is not None


def _ipv6(found: re.Match[bytes], _before: bytes) -> bool:
    try:
        return not found[0].endswith(b":") and ipaddress.IPv6Address(found[0].decode()).is_global
    except ValueError:
        return False


def _phone(found: re.Match[bytes], _before: bytes) -> bool:
    digits = _only_digits(found)
    if found[0].startswith(b"+"):
        decimal = re.fullmatch(rb"\+\d+\.\d+", found[0])
        return not decimal and 8 <= len(digits) <= 15 and bool(_CALLING_CODE.match(digits))
    if digits.startswith("0"):
        return True  # in five pairs, as in France
    area, exchange = digits[-10:-7], digits[-7:-4]
    return area[1] != "9" and area[1:] != "11" and exchange[1:] != "11"


def _named_phone(found: re.Match[bytes], before: bytes) -> bool:
    digits = _only_digits(found)
    return (
        7 <= len(digits) <= 15 and len(set(digits)) > 2
        and _PHONE_BEFORE.search(before) is not None
    )  # fmt: skip


def _card(found: re.Match[bytes], _before: bytes) -> bool:
    return checksums.card(_only_digits(found))


def _social_security(found: re.Match[bytes], before: bytes) -> bool:
    if _PHONE_BEFORE.search(before):
        return False
    return checksums.social_security(_only_digits(found))


def _iban(found: re.Match[bytes], _before: bytes) -> bool:
    return checksums.iban(found[0].replace(b" ", b"").decode())


_OCTETS = rb"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_NUMBER = rb"(?<![\w.,$\xc2\xa3/#-])"  # nothing that makes the digits part of something longer
_BEFORE_PHONE = rb"(?<![\w.,$\xc2\xa3/#)*-])"
#: International, North American, or in pairs as in France.
_PHONE = (
    rb"(?:\+\d{1,4}(?:[ .-]?\(\d{1,4}\))?(?:[ .-]?\d){5,14}"
    rb"|(?:1[ .-])?(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d[-.])[2-9]\d\d[-. ]\d{4}"
    rb"|0[1-9]([ .])\d\d(?:\1\d\d){3})"
)
_PHONE_PLACEHOLDER = "202-555-0100"
_END = rb"(?![\w]|[.,:-]\d)"

EMAIL = Kind(
    "email",
    "email@example.com",
    re.compile(rb"[A-Za-z0-9][A-Za-z0-9.!#$%&'*+=?^_{|}~-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)"
               rb"{1,8}[A-Za-z]{2,24}(?![A-Za-z0-9(])"),
    _email,
)  # fmt: skip
IBAN = Kind("iban", "[IBAN]", re.compile(rb"[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"), _iban)
IPV6 = Kind("ip", "2001:db8::1", re.compile(rb"[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"), _ipv6)
#: Those that are made of digits, in the order in which they are tried.
NUMBERS = (
    Kind(
        "card",
        "[CARD]",
        re.compile(_NUMBER + rb"(?:\d{14,16}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})" + _END),
        _card,
    ),
    Kind("ssn", "[SSN]", re.compile(_NUMBER + rb"\d{3}([- ])\d\d\1\d{4}" + _END), _social_security),
    Kind("ip", "192.0.2.1", re.compile(rb"(?<![\w.])" + _OCTETS + rb"(?!\d|\.\d|\.?[a-zA-Z_-])"), _ipv4),
    Kind("phone", _PHONE_PLACEHOLDER, re.compile(_BEFORE_PHONE + _PHONE + _END), _phone),
    Kind(
        "phone", _PHONE_PLACEHOLDER, re.compile(_BEFORE_PHONE + rb"\(?\d(?:[ .()-]{0,3}\d){6,14}" + _END), _named_phone
    ),
)
NAMES = ("email", "phone", "ip", "iban", "card", "ssn", "key")
#: What only Presidio finds.
PRESIDIO = "presidio"
