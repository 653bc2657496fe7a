"""Licences as people write them, and what a policy makes of them."""

import json
from itertools import product
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression

from assay.corpus.licences.names import is_known, spdx
from assay.corpus.licences.policy import refusal
from assay.spec.errors import UserError
from assay.spec.lab import LicencePolicy


@pytest.mark.parametrize(("written", "name"), [
    ("MIT", "MIT"), ("mit", "MIT"), ("The MIT License", "MIT"), ("MIT licence", "MIT"), ("Expat", "MIT"),
    ("https://opensource.org/licenses/MIT", "MIT"),
    ("Apache 2.0", "Apache-2.0"), ("apache-2.0", "Apache-2.0"), ("Apache License, Version 2.0", "Apache-2.0"),
    ("apache2", "Apache-2.0"), ("http://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
    ("BSD 3-Clause", "BSD-3-Clause"), ("3-clause BSD license", "BSD-3-Clause"), ("New BSD License", "BSD-3-Clause"),
    ("BSD-2-Clause", "BSD-2-Clause"), ("Simplified BSD", "BSD-2-Clause"),
    ("GPLv3", "GPL-3.0-only"), ("GPL v2+", "GPL-2.0-or-later"), ("GNU GPL 2 or later", "GPL-2.0-or-later"),
    ("GNU General Public License v3", "GPL-3.0-only"), ("GPL-3.0-or-later", "GPL-3.0-or-later"),
    ("GNU Lesser General Public License version 2.1", "LGPL-2.1-only"), ("AGPLv3", "AGPL-3.0-only"),
    ("https://www.gnu.org/licenses/gpl-3.0.html", "GPL-3.0-only"), ("GFDL-1.2", "GFDL-1.2-only"),
    ("GNU Free Documentation License 1.3", "GFDL-1.3-only"),
    ("CC BY 4.0", "CC-BY-4.0"), ("cc-by-sa-3.0", "CC-BY-SA-3.0"), ("CC BY-NC-SA 4.0 International", "CC-BY-NC-SA-4.0"),
    ("Creative Commons Attribution 4.0 International License", "CC-BY-4.0"),
    ("Creative Commons Attribution-ShareAlike 3.0 Unported", "CC-BY-SA-3.0"),
    ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", "CC-BY-NC-ND-4.0"),
    ("https://creativecommons.org/licenses/by-nc/2.0/", "CC-BY-NC-2.0"), ("CC-BY", "LicenseRef-CC-BY"),
    ("CC0", "CC0-1.0"), ("CC0 1.0 Universal", "CC0-1.0"), ("Creative Commons Zero v1.0 Universal", "CC0-1.0"),
    ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
    ("public domain", "LicenseRef-public-domain"), ("Public Domain Mark 1.0", "LicenseRef-public-domain"),
    ("https://creativecommons.org/publicdomain/mark/1.0/", "LicenseRef-public-domain"),
    ("MPL 2.0", "MPL-2.0"), ("The Unlicense", "Unlicense"), ("ODC-BY", "ODC-By-1.0"), ("odbl", "ODbL-1.0"),
    ("mit or apache-2.0", "MIT OR Apache-2.0"), ("PSF-2.0", "PSF-2.0"), ("ISC License", "ISC"),
    ("", "unknown"), ("Unknown", "unknown"), ("n/a", "unknown"), ("other", "unknown"),
    ("My own  terms", "My own terms"), ("BSD", "BSD"), ("all rights reserved", "all rights reserved"),
])  # fmt: skip
def test_usual_spellings_have_one_name(written: str, name: str) -> None:
    assert spdx(written) == name
    assert spdx(name) == name
    if is_known(name):
        assert canonicalize_license_expression(name) == name  # an oracle that knows SPDX's list


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.5", "3.0", "4.0"])
def test_every_creative_commons_licence_in_every_spelling(version: str) -> None:
    words = {"by": "Attribution", "nc": "NonCommercial", "sa": "ShareAlike", "nd": "NoDerivatives"}
    for parts in (("by",), ("by", "nc"), ("by", "sa"), ("by", "nd"), ("by", "nc", "sa"), ("by", "nc", "nd")):
        name = f"CC-{'-'.join(parts).upper()}-{version}"
        for written in (
            f"cc-{'-'.join(parts)}-{version}", f"CC {'-'.join(parts).upper()} {version}",
            f"Creative Commons {'-'.join(words[part] for part in parts)} {version} License",
            f"http://creativecommons.org/licenses/{'-'.join(parts)}/{version}/",
        ):  # fmt: skip
            assert spdx(written) == name, written


STRICT = LicencePolicy(allow=("MIT", "apache 2.0", "CC-BY-*"), deny=("CC-BY-NC-*",), unknown="deny")


@pytest.mark.parametrize(("licence", "why"), [
    ("MIT License", ""), ("Apache-2.0", ""), ("CC BY 4.0", ""),
    ("CC-BY-NC-4.0", "CC-BY-NC-4.0 is denied by 'CC-BY-NC-*'"),
    ("GPL-3.0-only", "GPL-3.0-only is not among those allowed"),
    ("GPL-3.0-only OR MIT", ""), ("MIT AND GPL-3.0-only", "GPL-3.0-only is not among those allowed"),
    ("MIT AND (GPL-3.0-only OR Apache-2.0)", ""),
    ("", "its licence is not known"), ("my terms", "'my terms' is no known licence"),
])  # fmt: skip
def test_a_strict_policy(licence: str, why: str) -> None:
    assert refusal(STRICT, licence) == why


def test_policies_without_lists_and_with_names_of_ones_own() -> None:
    for licence in ("", "MIT", "my terms", "CC-BY-NC-4.0"):
        assert refusal(LicencePolicy(), licence) == ""
    assert refusal(LicencePolicy(unknown="deny", allow=("My terms",)), "my terms") == ""
    assert refusal(LicencePolicy(deny=("my terms",)), "My terms") != ""
    assert refusal(LicencePolicy(unknown="allow", allow=("MIT",)), "") == ""


def test_or_and_and_are_what_logic_says() -> None:
    fine = {"MIT": True, "ISC": True, "Zlib": False}
    policy = LicencePolicy(deny=("Zlib",))
    for a, b, c in product(fine, repeat=3):
        assert (refusal(policy, f"{a} OR {b} AND {c}") == "") == (fine[a] or (fine[b] and fine[c]))
        assert (refusal(policy, f"({a} OR {b}) AND {c}") == "") == ((fine[a] or fine[b]) and fine[c])


def test_a_policy_in_a_file_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    for text, said in (('unknown = "maybe"', "unknown"), ('allow = [""]', "not empty"), ("forbid = []", "forbid")):
        (tmp_path / "p.toml").write_text(text)
        with pytest.raises(UserError, match=said):
            LicencePolicy.from_toml(tmp_path / "p.toml")
    assert json.loads(LicencePolicy().model_dump_json()) == {"allow": [], "deny": [], "unknown": "allow"}
