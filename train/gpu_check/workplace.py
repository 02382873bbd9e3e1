"""Where the steps work: the folder, the machine, the models, and how commands are started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grounding.files import read_json, write_json
from train.gpu_check.cards import VISIBLE, Machine
from train.gpu_check.finding import StepFailedError
from train.gpu_check.wanted import SMALL_MODEL, GpuCheckSettings

LOG_FILE = "log.txt"
MODELS_FILE = "models.json"
MATERIALS = "materials"
"""The name of the step that draws the data and finds the models."""


class RunPython(Protocol):
    """Starts this Python with words, such as `-m train RECIPE`, and waits for its end."""

    def __call__(self, words: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
        """Append all that it says to the log, and return its exit code.

        Raises:
            StepFailedError: it takes too long.
        """
        ...


@dataclass(frozen=True)
class Workplace:
    """What every step is given."""

    folder: Path
    machine: Machine
    settings: GpuCheckSettings
    run_python: RunPython

    def folder_of(self, step: str) -> Path:
        """Return the folder of a step."""
        return self.folder / step

    def log_of(self, step: str) -> Path:
        """Return the log of a step."""
        return self.folder_of(step) / LOG_FILE

    @property
    def data(self) -> Path:
        """The prepared data set that all steps share."""
        return self.folder_of(MATERIALS) / "data"

    @property
    def model(self) -> Path:
        """The folder of the model that is checked."""
        return Path(read_json(self.folder_of(MATERIALS) / MODELS_FILE)["model"])

    @property
    def taught_model(self) -> Path:
        """The folder of the model whose answers are compared: random weights answer nothing."""
        return Path(read_json(self.folder_of(MATERIALS) / MODELS_FILE)["taught"])

    @property
    def mixture(self) -> Path:
        """The folder of the model with experts."""
        return Path(read_json(self.folder_of(MATERIALS) / MODELS_FILE)["mixture"])

    @property
    def model_name(self) -> str | None:
        """The model's folder or hub id; None stands for the tiny model."""
        return self.settings.model or (SMALL_MODEL if self.machine.has_gpu else None)

    def save_models(self, model: Path, taught: Path, mixture: Path | None) -> None:
        """Remember the folders of the models for the other steps."""
        content = {"model": str(model), "taught": str(taught), "mixture": str(mixture) if mixture else ""}
        write_json(self.folder_of(MATERIALS) / MODELS_FILE, content)

    def run(
        self,
        step: str,
        words: Sequence[str],
        *,
        gpus: int | None = 1,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start this Python with words on the first `gpus` GPUs (None: all) and wait for its end.

        Raises:
            StepFailedError: its exit code is not 0.
        """
        code = self.run_python(words, self.log_of(step), {**(variables or {}), **self.visible(gpus)})
        if code:
            said = last_line(self.log_of(step))
            raise StepFailedError(f"`python {shortened(words)}` ended with exit code {code}: {said}")

    def visible(self, gpus: int | None) -> dict[str, str]:
        """Return the variable that shows a process the first `gpus` cards alone; nothing on a CPU."""
        if gpus is None or not self.machine.has_gpu:
            return {}
        return {VISIBLE: ",".join(self.machine.devices[:gpus])}


def shortened(words: Sequence[str]) -> str:
    """Return the first words of a command, without its keys and the folders of its files."""
    first = [word for word in words if "=" not in word][:3]
    return " ".join(Path(word).name if word.startswith("/") else word for word in first)


def hanging(log: Path) -> StepFailedError:
    """Return the failure of a command that takes too long."""
    return StepFailedError(
        f"a command hangs, and was ended (minutes= allows more); its last: {last_line(log)}"
    )


def last_line(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
