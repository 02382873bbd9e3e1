"""What Paddle is told about a processor."""

from pathlib import Path

import pytest

from models.arithmetic import fast_arithmetic


@pytest.mark.parametrize(
    ("vendor", "flags", "told"),
    [
        ("AuthenticAMD", "sse2 avx avx2", {"MKL_DEBUG_CPU_TYPE": "5"}),
        ("HygonGenuine", "sse2 avx avx2", {"MKL_DEBUG_CPU_TYPE": "5"}),
        ("AuthenticAMD", "sse2 avx", {}),
        ("GenuineIntel", "sse2 avx avx2 avx512f", {}),
    ],
)
def test_only_foreign_processors_with_avx2_are_named(
    tmp_path: Path, vendor: str, flags: str, told: dict[str, str]
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu {flags} sha_ni\n")
    assert fast_arithmetic(info) == told


def test_without_the_file_nothing_is_told(tmp_path: Path) -> None:
    assert fast_arithmetic(tmp_path / "none") == {}
