"""Tables of text for a terminal, and as Markdown."""

from collections.abc import Sequence

from grounding.errors import printable


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a table with a ruled header, aligned by the width of its characters in a terminal.

    The first column is left-aligned, the others right-aligned; with `numbers=False` all are left-aligned.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for column in range(len(header)):
        table.add_column(justify="right" if numbers and column else "left", no_wrap=True)
    lines = [tuple(printable(cell, keep="") for cell in line) for line in (header, *rows)]
    widths = [max(Text(cell).cell_len for cell in column) for column in zip(*lines, strict=True)]
    for line in (lines[0], ["-" * width for width in widths], *lines[1:]):
        table.add_row(*map(Text, line))
    console = Console(width=sum(widths) + 2 * len(widths), color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; bars in cells are escaped, line breaks become spaces."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
