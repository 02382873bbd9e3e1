"""The READMEs say the same: headings, commands, pictures, links and figures. SECURITY.md names real keys."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = (ROOT / name for name in ("README.md", "README.zh.md"))
PLACEHOLDERS = {"路径": "PATH", "文件夹": "FOLDER"}


def structure(page: Path) -> dict[str, list[str]]:
    text = page.read_text(encoding="utf-8")
    for chinese, english in PLACEHOLDERS.items():
        text = text.replace(chinese, english)
    commands = re.findall(r"^ {4}((?:make|python) .*?)(?:\s{2,}#.*|\s+->.*)?$", text, re.MULTILINE)
    return {
        "headings": re.findall(r"^#+", text, re.MULTILINE),
        "commands": [command.strip() for command in commands],
        "files": re.findall(r"^ {4}([\w.]+/?) {2,}\S", text, re.MULTILINE),
        "quoted": sorted(set(re.findall(r"`((?:make|python) [^`]+)`", text))),
        "targets": re.findall(r"\]\(([^)]+)\)", text),
        "figures": re.findall(r"\d+(?:[.,]\d+)* %|\d\.\d{3}", text),
    }


def test_the_readmes_say_the_same() -> None:
    english, chinese = structure(ENGLISH), structure(CHINESE)
    for kind, found in english.items():
        if kind == "targets":
            continue  # each links to the other
        assert found, kind
        assert chinese[kind] == found, kind
    assert set(english["targets"]) ^ set(chinese["targets"]) == {"README.md", "README.zh.md"}


@pytest.mark.parametrize(
    "page", [ENGLISH, CHINESE, *sorted(ROOT.glob("[a-z]*/*.md"))], ids=lambda path: path.name
)
def test_what_a_page_links_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def limits() -> dict[str, list[str]]:
    """Return the keys that SECURITY.md's table of limits names for each command."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)`[^|]*\| ([^|]+) \|$", text, re.MULTILINE)
    return {command: re.findall(r"`([a-z_.]+)`", keys) for command, keys in rows}


@pytest.mark.parametrize("command", ["infer", "infer.serve", "infer.serve_masks", "visualize.app", "prepare"])
def test_the_limits_of_security_md_are_keys_of_the_command(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    offered = re.findall(r"^\s+([a-z_.]+)=", shown, re.MULTILINE)
    assert limits()[command]
    assert [key for key in limits()[command] if key not in offered] == []
    if command in ("infer.serve", "infer.serve_masks", "visualize.app"):
        bounds = [key for key in offered if re.search(r"^max_|_(megabytes|seconds)$", key)]
        assert [key for key in bounds if key not in limits()[command]] == []
