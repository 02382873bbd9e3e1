"""One engine for the members of a suite that load the same model in the same way."""

import dataclasses
import json

from infer.engines.protocol import Engine
from infer.engines.settings import EngineSettings
from infer.runs.predict import EngineOpener


class SharedEngine:
    """Opens engines, and keeps the last: members with the same settings of the engine share it.

    Answers do not depend on it: each batch begins without what the engine keeps of the batch before
    (`infer.runs.question_batches`). The last engine is dropped before another one is loaded.
    """

    def __init__(self, open_engine: EngineOpener) -> None:
        """Take the function that loads a model."""
        self._open = open_engine
        self._key = ""
        self._engine: Engine | None = None

    def __call__(self, settings: EngineSettings) -> Engine:
        """Return the kept engine if it was opened with these settings, else a new one."""
        key = engine_key(settings)
        if self._engine is None or key != self._key:
            self._engine = None
            self._engine, self._key = self._open(settings), key
        return self._engine


def engine_key(settings: EngineSettings) -> str:
    """Return what decides how an engine is loaded and answers, with the labels that its grammar allows."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(EngineSettings)}
    values["yes_no"] = dataclasses.asdict(settings.yes_no)
    return json.dumps([values, settings.answer_labels()], sort_keys=True, default=str)
