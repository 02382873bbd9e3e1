"""What transformers makes of the questions, in a Python of its own."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.confidence.box_features import ALTERNATIVES
from infer.engines.protocol import Token, chat_messages
from infer.engines.token_texts import end_within_characters, split_bytes, split_text
from infer.parity.frozen_prompts import AskedPrompt
from infer.parity.seen import SeenAnswer, SeenByEngine, SeenInputs, one_image_token, seen_answer

WORKER = Path(__file__).with_name("torch_worker.py")
SHOWN_LINES = 3


class TorchSide:
    """A process of transformers that answers the questions while Paddle does."""

    name = "transformers"

    def __init__(
        self, python: Path, checkpoint: Path, asked: Sequence[AskedPrompt], folder: Path, **options: Any
    ) -> None:
        """Start the process; `options` are dtype, device, batch_size and max_new_tokens.

        Raises:
            UserError: there is no such Python.
        """
        questions = [
            {
                "images": [str(image.resolve()) for image in each.request.images],
                "messages": chat_messages(each.request),
            }
            for each in asked
        ]
        self.folder, self.count = folder, len(asked)
        job = {
            "checkpoint": str(checkpoint.resolve()),
            "questions": questions,
            "alternatives": ALTERNATIVES,
            **options,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        self.errors = folder / "errors.txt"
        try:
            with self.errors.open("wb") as errors:
                self.process = subprocess.Popen(
                    [python, WORKER, folder], stdout=subprocess.PIPE, stderr=errors, text=True
                )
        except OSError as error:
            raise UserError(
                f"torch_python: {python} cannot be run ({error.strerror}): run make setup-torch, name a "
                "Python with torch and transformers, or leave transformers out with torch_python=null"
            ) from error

    def __enter__(self) -> "TorchSide":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def inputs(self, image_token: int) -> SeenByEngine:
        """Return what goes into the model, as soon as that is known.

        Raises:
            UserError: transformers cannot be imported, or cannot load the checkpoint.
        """
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != "encoded":
            raise self._failure()
        settings = json.loads((self.folder / "settings.json").read_text(encoding="utf-8"))
        answers = (SeenAnswer("", inputs=inputs) for inputs in self._read_inputs(image_token))
        return SeenByEngine(self.name, tuple(answers), settings)

    def first_tokens(self, tokenizer: Any, image_token: int) -> SeenByEngine:
        """Return the first tokens of the answers, after `inputs`.

        Raises:
            UserError: transformers fails.
        """
        return self._answers("first", tokenizer, image_token)

    def answers(self, tokenizer: Any, image_token: int) -> SeenByEngine:
        """Return the whole answers, after `first_tokens`.

        Raises:
            UserError: transformers fails.
        """
        return self._answers("whole", tokenizer, image_token)

    def _answers(self, kind: str, tokenizer: Any, image_token: int) -> SeenByEngine:
        from tqdm import tqdm

        assert self.process.stdout is not None
        with tqdm(total=self.count, unit="prompt", desc=f"{self.name}, {kind}") as bar:
            while (line := self.process.stdout.readline().strip()) != "done":
                if not line:
                    raise self._failure()
                bar.update(int(line) - bar.n)
        settings, answered = (
            json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
            for name in ("settings", kind)
        )
        answers = []
        for answer, inputs in zip(answered, self._read_inputs(image_token), strict=True):
            answers.append(seen_answer(answer["text"], _tokens(answer, tokenizer), None, inputs))
        return SeenByEngine(self.name, tuple(answers), settings)

    def _failure(self) -> UserError:
        code = self.process.wait()
        lines = self.errors.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip()] or [f"exit code {code}"]
        return UserError(
            f"transformers failed: {' / '.join(said[-SHOWN_LINES:])}: run make setup-torch, set "
            "torch_checkpoint=, or leave transformers out with torch_python=null"
        )

    def _read_inputs(self, image_token: int) -> list[SeenInputs]:
        import numpy as np

        read = []
        with np.load(self.folder / "inputs.npz") as arrays:
            for number in range(self.count):
                grids = tuple((rows, columns) for _, rows, columns in arrays[f"grid{number}"].tolist())
                ids = one_image_token(arrays[f"ids{number}"].tolist(), image_token)
                pixels, positions = arrays[f"pixels{number}"], arrays[f"positions{number}"]
                read.append(SeenInputs(ids, grids, pixels, positions))
        return read


def _tokens(answer: dict[str, Any], tokenizer: Any) -> Iterator[Token]:
    """Yield the tokens of an answer, each with the likeliest ones at its place."""
    ids = answer["ids"]
    likely = (
        tuple((tokenizer.decode([other]), logprob) for other, logprob in each)
        for each in answer["alternatives"]
    )
    parts = (split_text(tokenizer, ids), answer["logprobs"], end_within_characters(tokenizer, ids), likely)
    return starmap(Token, zip(*parts, split_bytes(tokenizer, ids), strict=True))
