"""Licences by their SPDX names."""

import re
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from assay.corpus.documents import UNKNOWN_LICENCE

#: For what is free of copyright and so has no licence (SPDX, "License expressions", user-defined references).
PUBLIC_DOMAIN = "LicenseRef-public-domain"

#: Usual spellings in lower case, with single spaces for all but letters, digits, points and plus signs.
_SPELLINGS = tuple((re.compile(pattern), name) for pattern, name in (
    (r"(the )?(mit|expat|mit expat)( style)?( license)?", "MIT"),
    (r"(the )?apache( software)?( license)?( version| v)? ?2(\.0)?( license)?", "Apache-2.0"),
    (r"(the )?((bsd )?3 clause( bsd)?|bsd ?3( clause)?|(new|modified|revised) bsd)( license)?", "BSD-3-Clause"),
    (r"(the )?((bsd )?2 clause( bsd)?|bsd ?2( clause)?|(simplified|free) ?bsd)( license)?", "BSD-2-Clause"),
    (r"(the )?isc( license)?", "ISC"),
    (r"(the )?(mozilla public license|mpl)( version| v)? ?2(\.0)?", "MPL-2.0"),
    (r"(the )?(eclipse public license|epl)( version| v)? ?2(\.0)?", "EPL-2.0"),
    (r"(the )?(boost software license|bsl)( version| v)? ?1(\.0)?", "BSL-1.0"),
    (r"(the )?(python software foundation|psf)( license)?( version)?( 2(\.0)?)?", "PSF-2.0"),
    (r"(the )?artistic( license)?( version| v)? ?2(\.0)?", "Artistic-2.0"),
    (r"(the )?unlicense(d into the public domain)?", "Unlicense"),
    (r"(open data commons )?(attribution license|odc by)( v?1(\.0)?)?", "ODC-By-1.0"),
    (r"(open data commons )?(open database license|odbl)( v?1(\.0)?)?", "ODbL-1.0"),
    (r"(in the )?public ?domain( dedication| mark)?( 1.0)?|pd|cc publicdomain mark 1.0", PUBLIC_DOMAIN),
    (r"(cc|creative commons) ?(0|zero|publicdomain zero)( universal)?( v?1(\.0)?)?( universal)?", "CC0-1.0"),
))  # fmt: skip
_CREATIVE_COMMONS = re.compile(
    r"(?:cc|creative commons)( .+?)(?: v?(\d\.\d))?(?: (?:international|unported|generic|deed|public|license))*"
)
_PARTS = (
    ("BY", r"by|attribution"), ("NC", r"nc|non ?commercial"), ("SA", r"sa|share ?alike"),
    ("ND", r"nd|no ?deriv(?:atives|s|ative works)?"),
)  # fmt: skip
_GNU = re.compile(
    r"(?:the )?(?:gnu )?(.*?)(?: version)? ?v?(\d(?:\.\d)?)(?: only)?( or (?:any )?(?:later|newer).*|\+)?"
)
_GNU_FAMILIES = (
    (r"affero (?:general public license|gpl)|agpl", "AGPL"),
    (r"(?:lesser|library) (?:general public license|gpl)|lgpl", "LGPL"),
    (r"general public license|gpl", "GPL"),
    (r"free documentation license|gfdl|fdl", "GFDL"),
)
_NOTHING = ("", "unknown", "none", "n a", "other", "null", "not specified", "unspecified", "no license", "?")


@lru_cache(maxsize=10_000)
def spdx(found: str) -> str:
    """The SPDX expression for a licence as people write it; what is not known stays as it is, nothing is `unknown`.

    Public domain, which SPDX has no name for, and Creative Commons licences without a version become references:
    `LicenseRef-public-domain`, `LicenseRef-CC-BY`.
    """
    lower = _without_address(found).lower().replace("licence", "license")
    plain = " ".join(re.sub(r"[^a-z0-9.+]+", " ", lower).split())
    if plain in _NOTHING:
        return UNKNOWN_LICENCE
    name = _spelled(plain)
    if name:
        return name
    try:
        return str(canonicalize_license_expression(found))
    except InvalidLicenseExpression:
        return " ".join(found.split())


def is_known(licence: str) -> bool:
    """Whether that is an SPDX expression."""
    try:
        canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        return False
    return True


def _without_address(found: str) -> str:
    """The part of a web address that names a licence."""
    match = re.fullmatch(r"\s*https?://([^/\s]+)/?(\S*?)/?\s*", found)
    if not match:
        return found
    host, path = match[1], match[2]
    if "creativecommons" in host:
        return "cc " + path.removeprefix("licenses/").replace("/", " ")
    last = re.sub(r"\.(html?|txt|php)$", "", path.rpartition("/")[2])
    return last if "apache" not in host else last.replace("LICENSE", "apache")


def _spelled(plain: str) -> str:
    for pattern, name in _SPELLINGS:
        if pattern.fullmatch(plain):
            return name
    return _creative_commons(plain) or _gnu(plain)


def _creative_commons(plain: str) -> str:
    match = _CREATIVE_COMMONS.fullmatch(plain)
    if not match:
        return ""
    rest, parts = f"{match[1]} ".replace(" license ", " "), []
    for part, pattern in _PARTS:
        rest, times = re.subn(rf" (?:{pattern})(?= )", " ", rest)
        parts += [part] * bool(times)
    if parts[:1] != ["BY"] or rest.strip():
        return ""
    return f"CC-{'-'.join(parts)}-{match[2]}" if match[2] else f"LicenseRef-CC-{'-'.join(parts)}"


def _gnu(plain: str) -> str:
    match = _GNU.fullmatch(plain)
    if not match:
        return ""
    for pattern, family in _GNU_FAMILIES:
        if re.fullmatch(pattern, match[1].strip()):
            version = match[2] if "." in match[2] else f"{match[2]}.0"
            name = f"{family}-{version}-{'or-later' if match[3] else 'only'}"
            return name if is_known(name) else ""
    return ""
