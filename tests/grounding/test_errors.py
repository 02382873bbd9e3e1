import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import PrintableFormatter, UserError, print_result, printable, run_command

ROOT = Path(__file__).parents[2]
FOLDERS = ("grounding", "prepare", "models", "train", "infer", "visualize")
WRITES = re.compile(r"(?<![\w.])print\(|sys\.std(out|err)\.write\(|basicConfig\(")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("red square", "red square"),
        ("红色 方块\u3000é", "红色 方块\u3000é"),
        ("a\x1b[2Jb\x9b1m\x07", r"a\x1b[2Jb\x9b1m\x07"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("a\rb\x7f\x08", r"a\rb\x7f\x08"),
        ("\ud800\u2028", r"\ud800\u2028"),
        ("a\n\tb", "a\n\tb"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_control_characters_are_escaped_and_words_are_not(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text, keep="") == shown.replace("\n", r"\n").replace("\t", r"\t")


def fail_with(text: str) -> Callable[[], None]:
    def command() -> None:
        raise UserError(text)

    return command


def test_errors_results_and_messages_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(fail_with("\x1b]0;title\x07: no\n  such file\u202e")) == 2
    print_result("cat\x1b[2J\nbox")
    record = logging.makeLogRecord({"msg": "%s", "args": ("\x1b[1A",), "levelno": logging.INFO})
    assert PrintableFormatter("%(message)s").format(record) == r"\x1b[1A"
    shown = capsys.readouterr()
    assert shown.err == "error: \\x1b]0;title\\x07: no such file\\u202e\n"
    assert shown.out == "cat\\x1b[2J\nbox\n"


def test_logging_escapes_in_a_process_of_its_own() -> None:
    words = "from grounding.errors import *; start_logging(); import logging; logging.info('a\\x1b[2J')"
    shown = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True)
    assert (shown.stdout, shown.stderr) == ("", "a\\x1b[2J\n")


def test_nothing_else_writes_to_a_terminal() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if WRITES.search(path.read_text(encoding="utf-8"))
    }
    # shard_processes.py repeats what commands of ours have said, which is escaped. torch_worker.py tells its
    # progress to the process that started it.
    assert writers == {
        "grounding/errors.py",
        "infer/runs/shard_processes.py",
        "infer/parity/sides/torch_worker.py",
    }
