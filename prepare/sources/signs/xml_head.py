"""The names of the elements in an XML file, as far as its first bytes tell."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass


@dataclass(frozen=True)
class XmlHead:
    """The name of the outermost element, "" if the file is no XML, and all names inside."""

    root: str = ""
    names: frozenset[str] = frozenset()


def xml_head(head: bytes) -> XmlHead:
    """Return what the first bytes of a file hold; entities are refused, as they can stand for gigabytes."""
    if b"<!ENTITY" in head:
        return XmlHead()
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(["start"])
    names: list[str] = []
    try:
        parser.feed(head)
        for event in parser.read_events():
            names.append(event[1].tag)  # type: ignore[misc, union-attr]
    except (ET.ParseError, ValueError, LookupError):
        pass  # what was read before counts
    return XmlHead(names[0], frozenset(names[1:])) if names else XmlHead()
