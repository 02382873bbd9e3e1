"""The scanner of answers: boxes as they are written in a text, in every form that models write.

It takes time linear in the length of the text, and never raises. What numbers mean is not its business.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from grounding.answers.descriptions import Note, blank_spans, find_notes
from grounding.answers.forms import (
    BOX_KEYS,
    EMPTY_ANSWER,
    LABEL_ONLY,
    NO_BOX,
    PICTURE_UNCLEAR,
    POINT,
    TRUNCATED,
)
from grounding.answers.nothing_found import says_nothing
from grounding.answers.spellings.json_boxes import JsonReader
from grounding.answers.spellings.plain_characters import Piece, plain_piece, without_wrapping
from grounding.answers.spellings.plain_lines import labels_beside, read_plain_lines
from grounding.answers.spellings.prose_boxes import (
    BOX_TAG,
    TWO_POINTS,
    has_named_boxes,
    has_point,
    is_half_box,
    read_points,
)
from grounding.answers.spellings.said_pictures import (
    PictureSection,
    SaidPictures,
    find_said_pictures,
    picture_of_name,
    without_picture,
)
from grounding.answers.spellings.tagged_boxes import read_tags
from grounding.answers.spellings.written_boxes import Found, SaidPicture, WrittenBox

_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>")
_KEY = "|".join(sorted(BOX_KEYS, key=len, reverse=True)).replace("_", r"[\\]{0,4}[_ -]")
_STRUCTURE = re.compile(
    # A box key in quotes, or the first key of an object.
    rf"""["'“”](?:{_KEY})[\\]{{0,4}}["'“”]|\{{\s{{0,40}}[\\]{{0,4}}["'“][^"'“”{{}}\n]{{1,600}}["'”]\s{{0,9}}:""",
    re.IGNORECASE,
)


_KEY_END = re.compile(r"""["'”]\s{0,9}:""")
"""What follows the key of a JSON object, which can be the name of a picture."""


def scan_answer(text: str, *, thinks: bool = False, about_several: bool = False) -> tuple[Found, ...]:
    """Return what a text holds, in its order: boxes with the places of their parts, and named problems.

    () says, without a problem, that nothing is there.

    `thinks` says that the text begins inside of a thought, whose opening tag is in the prompt. An answer
    `about_several` pictures is read in the parts that its headings make, and its boxes say in which picture
    they are; without it, a heading is text like any other.
    """
    original = text.encode("utf-8", "replace").decode("utf-8")
    bare = without_wrapping(original, thinks=thinks)
    if bare is None:
        return (TRUNCATED,)
    stripped = _SPECIAL_TOKEN.sub("", bare).strip()
    if not stripped:
        return (EMPTY_ANSWER,)
    if says_nothing(stripped):
        return ()
    piece = plain_piece(bare, original)
    if about_several:
        return tuple(_read_sections(piece))
    return tuple(_read(piece)) or (_name_problem(piece.plain),)


def _read_sections(piece: Piece) -> list[Found]:
    """Read the parts of an answer about several pictures, each as an answer of its own."""
    said = find_said_pictures(piece.plain)
    found: list[Found] = []
    for section in said.sections:
        part = slice(section.start, section.end)
        own = Piece(piece.plain[part], piece.original[part], section.start)
        bare = _SPECIAL_TOKEN.sub("", own.plain).strip()
        is_last, is_preface = section is said.sections[-1], section.number is None and len(said.sections) > 1
        if not bare:
            found += [TRUNCATED] if is_last and not is_preface else []
        elif not says_nothing(bare):
            read = _read(own) or [_name_problem(own.plain)]
            if not (is_preface and set(read) <= {NO_BOX, LABEL_ONLY}):
                found += [_in_picture(one, piece.plain, section, said) for one in read]
    return found


def _in_picture(found: Found, plain: str, section: PictureSection, said: SaidPictures) -> Found:
    """Return a box with the picture that its text names; a problem if it names several."""
    if not isinstance(found, WrittenBox):
        return found
    if _KEY_END.match(plain, found.label_span[1]) and picture_of_name(found.label) is not None:
        found = found._replace(label="", label_span=(found.span[0], found.span[0]))
    numbers, heading, own = said.named_beside(found.span[0]), section.number, found.picture
    if numbers and (label := without_picture(found.label)) and label != found.label:
        start, end = found.label_span
        found = found._replace(
            label=label, label_span=(start, max(start, end - len(found.label) + len(label)))
        )
    if own is None:
        numbers |= set() if heading is None else {heading}
        if len(numbers) > 1 or None in numbers:
            return PICTURE_UNCLEAR
        return found._replace(
            picture=next((SaidPicture(number) for number in numbers if number is not None), None)
        )
    if heading is None or own == SaidPicture(heading):
        return found
    if not own.counts_from_1 and heading - own.number in (0, 1):
        return found._replace(picture=SaidPicture(heading))
    return PICTURE_UNCLEAR


def _read(piece: Piece) -> list[Found]:
    """Read a text; one in grounding tokens without its descriptions, which its boxes then get."""
    notes = find_notes(piece)
    if notes and _STRUCTURE.search(piece.plain, 0, notes[0].span[0]) is None:
        return _read_described(piece, notes)
    return _read_plain(piece)


def _read_described(piece: Piece, notes: Sequence[Note]) -> list[Found]:
    bare = replace(piece, plain=blank_spans(piece.plain, [note.span for note in notes]))
    by_place = {piece.offset + note.span[0]: note for note in notes if (note.text or "").strip()}
    found = _read_plain(bare)
    for place, box in enumerate(found):
        if isinstance(box, WrittenBox) and (note := by_place.get(box.span[1])) is not None:
            start, end = note.span
            span = piece.offset + start, piece.offset + end
            found[place] = box._replace(description=note.text, description_span=span)
    is_cut_off = notes[-1].text is None and TRUNCATED not in found[-1:]
    return [*found, TRUNCATED] if is_cut_off else found


def _read_plain(piece: Piece) -> list[Found]:
    """Read a text in the form that it seems to have; if there is nothing in that form, in the others."""
    is_tagged = BOX_TAG.search(piece.plain) is not None or has_named_boxes(piece.plain)
    if _STRUCTURE.search(piece.plain) is None and (is_tagged or TWO_POINTS.search(piece.plain)):
        return read_points(piece)
    if "=" in piece.plain and "<" in piece.plain and (tags := read_tags(piece)):
        return tags
    found, is_cut_off = JsonReader(piece, _read, labels_beside).read()
    if not found and not is_cut_off:
        found = read_points(piece) if TWO_POINTS.search(piece.plain) else read_plain_lines(piece)
    return [*found, TRUNCATED] if is_cut_off and TRUNCATED not in found[-1:] else found


def _name_problem(text: str) -> str:
    """Return the problem of a text in which nothing was found."""
    if is_half_box(text):
        return TRUNCATED
    return POINT if has_point(text) else NO_BOX
