"""The progress of a training on a progress bar or, without a terminal, in some lines."""

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from train.launch.trainer_log import BEST, BOXES, EVAL_LOSS, KEEP, MEASURED, REWARD, STEP, TOTAL

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

QUIET_SECONDS = 30


class TrainingBar:
    """Shows what the trainer's log says, line by line."""

    def __init__(self, bar: "tqdm[NoReturn]") -> None:
        self.bar = bar
        self.total = 0
        self.shown = time.monotonic()
        self.status = "starting"

    def read(self, text: str) -> None:
        """Show a line of the trainer's log."""
        if found := MEASURED.search(text):
            self._measure(*(int(count.replace(",", "")) for count in found.groups()))
        if found := TOTAL.search(text):
            self.total = int(found[1].replace(",", ""))
            self.bar.unit = "step"
            self.bar.reset(total=self.total)
            self.bar.set_description("training")
        if found := STEP.search(text):
            shown = {"loss": f"{float(found[1]):.4f}"}
            if rewarded := REWARD.search(text):  # the loss of sampled answers says nothing
                shown = {"reward": f"{float(rewarded[1]):.3f}", "F1": f"{float(rewarded[2]):.3f}"}
            self._step(shown, rate=float(found[2]), step=int(found[3]))
        if found := EVAL_LOSS.search(text):
            self._say(f"eval loss {float(found[1]):.4f}")
        if found := BOXES.search(text) or KEEP.search(text) or BEST.search(text):
            self._say(found[0])

    def _measure(self, known: int, total: int) -> None:
        self.status = f"token lengths of {known:,} of {total:,} records"
        if self.bar.total != total:
            self.bar.unit = "record"
            self.bar.reset(total=total)
            self.bar.set_description("token lengths")
        self.bar.update(known - self.bar.n)

    def _step(self, shown: Mapping[str, str], *, rate: float, step: int) -> None:
        values = " ".join(f"{name} {value}" for name, value in shown.items())
        self.status = f"step {step}/{self.total} {values} learning rate {rate:.2e}"
        if not self.bar.disable:
            self.bar.set_postfix({**shown, "lr": f"{rate:.2e}"}, refresh=False)
            self.bar.update(step - self.bar.n)
        elif step == self.total:
            self._say(self.status)

    def tick(self) -> None:
        """Show that time passes: starting takes ten seconds, a large model's first step takes minutes."""
        if not self.bar.disable:
            self.bar.refresh()
        elif time.monotonic() - self.shown >= QUIET_SECONDS:
            self._say(self.status)

    def _say(self, text: str) -> None:
        self.bar.clear()
        log.info("%s", text)
        self.shown = time.monotonic()
