"""The structure of the code: files per folder, the longest functions, and names that stand for two things.

python benchmarks/structure.py [CHECKOUT]
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("grounding", "models", "prepare", "train", "infer", "visualize", "chain")
SHARED_STEMS = {"__init__", "__main__", "recipe"}
"""Module names that several folders have on purpose: each package's face, command and recipe schema."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> int:
    """Print the listing of a checkout."""
    if "--help" in sys.argv[1:]:
        print(__doc__)
        return 0
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    print("files per folder")
    for folder, count in sorted(files_per_folder(root).items()):
        print(f"  {count:>3}  {folder}")
    print("longest functions (lines)")
    for lines, where in sorted(function_lengths(root), reverse=True)[:3]:
        print(f"  {lines:>3}  {where}")
    print("longest files (lines)")
    for lines, path in sorted(file_lengths(root), reverse=True)[:3]:
        print(f"  {lines:>3}  {path}")
    print("module names in several folders:", ", ".join(module_homonyms(root)) or "none")
    print("public names in several modules:", ", ".join(public_homonyms(root)) or "none")
    return 0


def modules(root: Path) -> Iterator[Path]:
    """Yield every module of the packages, relative to the checkout."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            yield path.relative_to(root)


def files_per_folder(root: Path) -> Counter[str]:
    """Count the modules of each folder, without __init__.py."""
    return Counter(str(path.parent) for path in modules(root) if path.stem != "__init__")


def function_lengths(root: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of lines of every function, from `def` to its last line, and where it is."""
    for path in modules(root):
        for node in ast.walk(parse(root / path)):
            if isinstance(node, FUNCTIONS):
                yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{path}: {node.name}"


def file_lengths(root: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of lines of every module."""
    for path in modules(root):
        yield len((root / path).read_text(encoding="utf-8").splitlines()), str(path)


def module_homonyms(root: Path) -> list[str]:
    """Return module names that stand in several folders."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules(root):
        if path.stem not in SHARED_STEMS:
            places[path.stem].append(str(path))
    return [f"{stem} ({', '.join(found)})" for stem, found in sorted(places.items()) if len(found) > 1]


def public_homonyms(root: Path) -> list[str]:
    """Return public classes and functions of one name in modules of several folders.

    `main` is every command's. Modules of one folder may share a name: a module can implement a protocol.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules(root):
        for node in parse(root / path).body:
            if isinstance(node, (ast.ClassDef, *FUNCTIONS)) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    return [
        f"{name} ({', '.join(found)})"
        for name, found in sorted(places.items())
        if len({Path(path).parent for path in found}) > 1 and name != "main"
    ]


def parse(path: Path) -> ast.Module:
    """Parse a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
