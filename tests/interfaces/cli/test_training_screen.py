"""The view of one training: drawn on a recorded console, in lines, and on a real terminal."""

import io
import math
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay.execution.follow import Follow
from assay.interfaces.cli.training_screen import BINS, Curves, LiveTraining, PlainTraining
from assay.spec.protocols import Progress

STEPS = 400


def row(step: int, domains: int = 2) -> dict[str, Any]:
    loss = 2 + 3 * math.exp(-step / 100)
    return {
        "step": step, "loss": loss, "losses": {f"a-domain-with-a-long-name-{i}": loss + i for i in range(domains)},
        "tokens_per_second": 68_213.4, "mfu": 0.412, "lr": 9.1e-4, "memory_mb": 412.3, "seconds": 0.5 * step,
    }  # fmt: skip


def progress(step: int) -> Progress:
    return Progress(run_hash="3f9c51d20a6b7e84", step=step, steps=STEPS)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("domains", [0, 2, 12])
def test_the_picture_fits_and_says_everything(width: int, domains: int) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    screen = LiveTraining(console)
    screen.tick(progress(300), [row(step, domains) for step in range(1, 301)])
    with console.capture() as capture:
        console.print(screen.draw())
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == 3 + min(domains, 8) + (domains > 8)
    text = "\n".join(lines)
    assert "300/400" in text
    assert "68.2k tokens/s · MFU 41%" in text
    if width >= 80:
        assert "50 s left" in text  # half a second a step
        assert "lr 0.00091 · 412 MB" in text
        curve = next(line for line in lines if line.startswith("all"))
        bars = re.findall("[▁▂▃▄▅▆▇█]", curve)
        assert (bars[0], bars[-1]) == ("█", "▁")
        assert len(bars) == pytest.approx(0.75 * (width - 30), abs=2)  # the rest of the run is still to come
        assert bars == sorted(bars, reverse=True)  # this loss only falls


def test_a_trainer_that_tells_little_is_shown_all_the_same() -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system=None)
    screen = LiveTraining(console)
    screen.tick(progress(0), [])
    screen.tick(progress(2), [{"step": 1}, {"step": 2, "loss": None}])
    with console.capture() as capture:
        console.print(screen.draw())
    assert "2/400" in capture.get()


def test_curves_are_means_over_parts_of_the_run() -> None:
    curves = Curves()
    for step in range(1, 2 * BINS + 1):
        curves.add(step, 2 * BINS, {"all": float(step % 2), "rare": 7.0 if step == 5 else None})
    assert curves.last("all") == 0.5
    assert curves.last("rare") == 7.0
    assert curves.names() == ["all", "rare"]


def test_elsewhere_it_is_lines() -> None:
    out = io.StringIO()
    plain = PlainTraining(seconds=0.0, out=out)
    plain.tick(progress(0), [])
    plain.tick(progress(100), [row(step) for step in range(1, 101)])
    [line] = out.getvalue().splitlines()
    assert line.startswith("step 100 of 400 · loss all 3.1")
    assert "a-domain-with-a-long-name-1 4.1" in line
    assert line.endswith("68.2k tokens/s · MFU 41% · lr 0.00091 · 412 MB · 150 s left") or "2 min left" in line


def test_following_a_file_that_grows_and_is_cut_back(tmp_path: Path) -> None:
    follow = Follow(tmp_path)
    path = tmp_path / "metrics.jsonl"
    assert follow.new() == []
    path.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert [row["step"] for row in follow.new()] == [1, 2]
    with path.open("a") as file:
        file.write('p": 3}\n')
    assert [row["step"] for row in follow.new()] == [3]
    assert follow.new() == []
    path.write_text('{"step": 1}\n')  # a resumed attempt goes back to its checkpoint
    assert follow.new() == []
    with path.open("a") as file:
        file.write('{"step": 2}\n')
    assert [row["step"] for row in follow.new()] == [2]


def test_on_a_real_terminal(lab: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    command = [sys.executable, "-c", "from assay.interfaces.cli.main import main; main()"]
    process = subprocess.Popen(
        [*command, "train", str(lab), "--scale", "three"],
        stdout=subprocess.PIPE, stderr=theirs, env=environment,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux: the other side is closed
            break
        if not data:
            break
        shown += data
    out, _ = process.communicate()
    assert process.returncode == 0
    assert b"bits per byte" in out
    text = shown.decode(errors="replace")
    assert "tokens/s" in text
    plain = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "\n", text).replace("\r", "\n")
    assert max(map(len, plain.split("\n"))) <= 80
