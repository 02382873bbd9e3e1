from pathlib import Path

import pytest

from train.gpu_check.cards import VISIBLE, Machine, find_machine, read_cards, visible_devices

LISTED = """NVIDIA A100-SXM4-80GB, 8.0, 81920 MiB, 550.54.15
NVIDIA H100 80GB HBM3, 9.0, 81559 MiB, 550.54.15
"""


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that lists two cards."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv(VISIBLE, raising=False)
    return program


def test_cards_are_read_from_the_drivers_list() -> None:
    first, second = read_cards(f"{LISTED}No devices were found\n")
    assert (first.capability, first.memory, first.driver) == ((8, 0), 80.0, "550.54.15")
    assert second.name == "NVIDIA H100 80GB HBM3"


def test_a_machine_is_as_good_as_its_least_card(nvidia_smi: Path) -> None:
    machine = find_machine(lambda: 2)
    assert machine.devices == ("0", "1")
    assert machine.capability == (8, 0)
    assert machine.memory == pytest.approx(79.6, abs=0.1)
    assert machine.summary.startswith("2 x NVIDIA A100-SXM4-80GB, 80 GiB, compute capability 8.0")


def test_the_visible_cards_count(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "1")
    machine = find_machine(lambda: 1)
    assert machine.devices == ("1",)
    assert machine.capability == (9, 0)


def test_a_machine_without_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_machine(lambda: 0) == Machine()
    assert not Machine().has_gpu


def test_devices_keep_the_names_that_the_user_gives() -> None:
    assert visible_devices("GPU-5fd4, 3", 2) == ("GPU-5fd4", "3")
    assert visible_devices(None, 2) == ("0", "1")
