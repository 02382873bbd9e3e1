"""Characters of UTF-8, byte by byte."""

from grounding.answers.spellings.plain_characters import in_plain_characters


def sequence_length(lead: int) -> int:
    """Return the bytes of a character by its first byte; 0 for a byte that begins none."""
    if lead < 0x80:
        return 1
    return 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 0


def is_beginning(spelled: bytes) -> bool:
    """Tell whether bytes begin a character."""
    try:
        spelled.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


_SPECIAL = frozenset(
    chr(point).encode()[:end]
    for point in range(0x80, 0x10000)
    if not 0xD800 <= point < 0xE000
    if chr(point).isspace() or chr(point) in "“”◁" or in_plain_characters(chr(point)) != chr(point)
    for end in (1, 2)
)


def representative(spelled: bytes) -> bytes:
    """Return bytes in place of those of an unfinished character, the same for all that go on alike.

    Characters that the reader has rules for keep their own.
    """
    if spelled in _SPECIAL or spelled[0] in (0xE0, 0xED, 0xF0, 0xF4):
        return spelled
    plain = {2: b"\xc3", 3: b"\xe5", 4: b"\xf1"}[sequence_length(spelled[0])]
    return plain + b"\xaa" * (len(spelled) - 1)
