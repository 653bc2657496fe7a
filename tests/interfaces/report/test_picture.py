"""Pictures are complete SVG documents in which text from files stays text."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from assay.interfaces.report import plot
from assay.interfaces.report.picture import Panel, band, picture, write_picture
from assay.spec.errors import UserError

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str = "How to read it. " * 20) -> ElementTree.Element:
    marks = [
        plot.marker(0, 50, 50, "run <1>", class_="mark good"),
        plot.curves(plot.polyline([(0, 0), (100, 100)], "all"), band([(0, 1, 2), (100, 3, 4)], "band", class_="band")),
    ]
    panel = Panel(marks, [(0, "0"), (100, "1")], [(50, "3.28")], "runs & seeds", "loss", [("a", "good", 0)])
    return ElementTree.fromstring(picture("a <b>", text, [panel, panel]))


def test_a_picture_is_a_document_of_its_own() -> None:
    root = drawn()
    assert root.tag == f"{SVG}svg"
    said = [element.text for element in root.iter(f"{SVG}text")]
    assert said[0] == "a <b>"
    assert said.count("runs & seeds") == said.count("loss") == 2
    assert all(len(line or "") <= 110 for line in said)


def test_everything_lies_inside_its_frame() -> None:
    root = drawn()
    height = float(root.attrib["height"])
    frames = [e for e in root.iter(f"{SVG}svg") if "height" in e.attrib and float(e.attrib["height"]) > 100]
    assert len(frames) == 3
    for frame in frames[1:]:
        assert float(frame.attrib["y"]) + float(frame.attrib["height"]) < height


def test_a_picture_replaces_a_picture_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("<svg>old</svg>")
    write_picture(path, "<svg>new</svg>\n")
    assert path.read_text() == "<svg>new</svg>\n"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="is a folder"):
        write_picture(tmp_path, "new")
    path.write_text("the text that a command reads")
    with pytest.raises(UserError, match="exists and is no picture"):
        write_picture(path, "<svg>new</svg>\n")
    with pytest.raises(UserError, match="there is no folder"):
        write_picture(tmp_path / "none" / "a.svg", "new")
