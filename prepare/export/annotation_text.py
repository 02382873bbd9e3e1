"""JSON and XML as the formats write them."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grounding.errors import UserError


def compact_json(content: Any) -> str:
    """Return JSON on one line, with a line end."""
    return json.dumps(content, ensure_ascii=False) + "\n"


def add_text(parent: ET.Element, **texts: Any) -> None:
    """Add an element with a text for each keyword."""
    for tag, text in texts.items():
        ET.SubElement(parent, tag).text = str(text)


def write_xml(path: Path, root: ET.Element) -> None:
    """Write a document as UTF-8, indented."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.indent(root)
    path.write_bytes(ET.tostring(root, encoding="utf-8") + b"\n")


def check_xml_names(names: Iterable[str], format_name: str) -> None:
    """Check that XML keeps the names of the categories: it has no control characters, and blanks get lost.

    Raises:
        UserError: it would change a name.
    """
    for name in names:
        if _read_back(name) != (name, name):
            raise UserError(
                f"format={format_name}: XML cannot keep the name of the category {name!r}: rename it "
                "(`categories` of the prepare recipe), or choose another format"
            )


def _read_back(name: str) -> tuple[str, str] | None:
    """Return a name as readers find it in an element and in an attribute; None if it makes no XML."""
    element = ET.Element("name", {"value": name})
    element.text = name
    try:
        found = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    except ET.ParseError:
        return None
    return (found.text or "").strip(), found.get("value", "").strip()
