"""The report in a real browser: headless Chromium, without network."""

import html
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from assay.campaign.lab import Lab
from assay.interfaces.report.page import render, write_report
from assay.interfaces.report.shell import POLICY

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no chromium or chrome is on PATH")


def dump(page: Path, profile: Path) -> str:
    """The document as the browser has it once everything has run."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    done = subprocess.run(
        [str(CHROMIUM), *flags, *quiet, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_browser_shows_the_generation_table_and_a_curve(lab: Lab, known: dict[str, Any], tmp_path: Path) -> None:
    shown = dump(write_report(lab, tmp_path / "report.html"), tmp_path / "profile")
    section = shown[shown.index('<section id="generations"') : shown.index('<section id="charts"')]
    table = section[: section.index("</table>")]
    assert table.count("<tr") == 1 + len(known["generations"])
    curves = shown[shown.index('<figure id="curves"') : shown.index('<figure id="verdicts"')]
    points = re.search(r'<polyline points="([^"]+)"', curves)
    assert points
    assert len(points[1].split()) > 5
    assert re.search(r'<figure id="loss-compute".*?<polyline points=', shown, re.S)
    assert "<script" not in shown
    assert "<title>owned" not in shown


MEASURE = """
<script>
addEventListener("load", () => {
  const said = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument;
    const width = page.documentElement.clientWidth;
    const of = () => page.documentElement.scrollWidth;
    const shut = of();
    for (const part of page.querySelectorAll("details")) part.open = true;
    const painted = [...page.querySelectorAll("svg.frame, .bar")].filter(e => e.getBoundingClientRect().width > 100);
    said.push(`${width} ${shut} ${of()} ${painted.length}`);
  }
  document.querySelector("output").textContent = said.join(";");
});
</script>
"""


def test_nothing_sticks_out_sideways_on_a_phone_or_a_laptop(known: dict[str, Any], tmp_path: Path) -> None:
    sideways(render(known), tmp_path)


def sideways(text: str, folder: Path) -> None:
    """Measures a page, shut and with every detail open, in frames as wide as small and large screens."""
    page = html.escape(text.replace(POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
    widths = (320, 390, 1280)
    frames = "".join(f'<iframe style="width:{w}px;height:800px;border:0" srcdoc="{page}"></iframe>' for w in widths)
    wrapper = folder / "wrapper.html"
    wrapper.write_text(f"<!doctype html><body><output></output>{frames}{MEASURE}", encoding="utf-8")
    found = re.search(r"<output>([^<]+)</output>", dump(wrapper, folder / "profile"))
    assert found, "the page was not measured"
    measured = [[int(number) for number in part.split()] for part in found[1].split(";")]
    assert len(measured) == len(widths)
    for width, (inside, shut, opened, charts) in zip(widths, measured, strict=True):
        assert width - 20 <= inside <= width
        assert (shut, opened) == (inside, inside)
        assert charts > 5
