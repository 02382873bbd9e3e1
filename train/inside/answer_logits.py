"""Answers that are known, read by the model in training: what it would have said at each of their tokens."""

from collections.abc import Iterator, Sequence
from typing import Any

from models.family import ForwardPass, Prompt
from train.inside.asked_dataset import AskableModel
from train.inside.inference_mode import inference_mode
from train.keep.keep_prompts import KeepPrompt

TOKENS_AT_ONCE = 16
"""Tokens of each answer that are fed together: their logits over the vocabulary are in memory at a time."""

LONGEST_ANSWER = 256
"""Tokens of an answer that are read at most: the rest says little that these do not."""


class AnsweredPrompts:
    """Reads prompts with answers, some at a time, by the forward pass of inference."""

    def __init__(self, askable: AskableModel, batch_size: int) -> None:
        """Take the model in training."""
        self.askable, self.batch_size = askable, batch_size
        tokenizer = askable.encoder.tokenizer
        self.end_id = int(tokenizer.convert_tokens_to_ids(askable.family.end_tokens[0]))
        self.pad_id = int(tokenizer.pad_token_id)

    def base_answers(self, prompts: Sequence[KeepPrompt], longest: int) -> list[list[int]]:
        """Return the tokens of the prompts' answers; where none is known, the first of the model's own."""
        unknown = [place for place, prompt in enumerate(prompts) if prompt.answer is None]
        answers = {
            place: self.tokens_of(prompt.answer)
            for place, prompt in enumerate(prompts)
            if prompt.answer is not None
        }
        engine = self.askable.engine(longest)
        for start in range(0, len(unknown), self.batch_size):
            places = unknown[start : start + self.batch_size]
            with inference_mode(self.askable.model), self._precision():
                rows = engine.generate([self._encode(prompts[place]) for place in places])
            for place, row in zip(places, rows, strict=True):
                answers[place] = [*row.token_ids, *(row.pending[-1:] if row.has_ended else [])]
        return [answers[place] for place in range(len(prompts))]

    def tokens_of(self, answer: str) -> list[int]:
        """Return an answer's tokens with the one that ends it, cut at the most that are read."""
        ids = self.askable.encoder.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return [*ids, self.end_id][:LONGEST_ANSWER]

    def read(self, prompts: Sequence[KeepPrompt], answers: Sequence[Sequence[int]]) -> Iterator[Any]:
        """Yield for each answer the float32 logits (tokens, vocabulary) from which each token was chosen."""
        import paddle

        for start in range(0, len(prompts), self.batch_size):
            given = answers[start : start + self.batch_size]
            parts: list[list[Any]] = [[] for _ in given]
            for row, _, logits in self._pieces(prompts[start : start + self.batch_size], given):
                parts[row].append(logits)
            for own in parts:
                yield paddle.concat(own)

    def count_ranked(self, prompts: Sequence[KeepPrompt]) -> tuple[int, int]:
        """Return how many tokens of the known answers the model ranks first, and how many there are."""
        import paddle

        first = ranked = 0
        for start in range(0, len(prompts), self.batch_size):
            asked = prompts[start : start + self.batch_size]
            answers = [self.tokens_of(prompt.answer or "") for prompt in asked]
            for row, place, logits in self._pieces(asked, answers):
                wanted = paddle.to_tensor(answers[row][place : place + logits.shape[0]], dtype="int64")
                first += int((logits.argmax(-1) == wanted).sum())
                ranked += logits.shape[0]
        return first, ranked

    def _pieces(
        self, prompts: Sequence[KeepPrompt], answers: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, int, Any]]:
        """Yield what `answer_pieces` does of a batch."""
        import paddle

        with inference_mode(self.askable.model), self._precision(), paddle.no_grad():
            forward = self.askable.family.forward_pass(self.askable.model)
            encoded = [self._encode(prompt) for prompt in prompts]
            yield from answer_pieces(forward, encoded, answers, self.pad_id)

    def _encode(self, prompt: KeepPrompt) -> Prompt:
        return self.askable.encoder.encode(prompt.images, prompt.messages)

    def _precision(self) -> Any:
        return self.askable.trainer.autocast_smart_context_manager()


def answer_pieces(
    forward: ForwardPass, prompts: Sequence[Prompt], answers: Sequence[Sequence[int]], pad_id: int
) -> Iterator[tuple[int, int, Any]]:
    """Yield pieces of answers: the row, the place of the piece's first token, and its logits.

    The logits (tokens, vocabulary), float32, are those from which the tokens were chosen, each after the
    answer's tokens before it. At most `TOKENS_AT_ONCE` of a row are yielded at a time.
    """
    read = forward.read_prompts(prompts, pad_id)
    for row, answer in enumerate(answers):
        if answer:
            yield row, 0, read.logits[row : row + 1]
    longest = max(map(len, answers), default=0) - 1
    for start in range(0, longest, TOKENS_AT_ONCE):
        fed = [list(answer[:-1])[start : start + TOKENS_AT_ONCE] for answer in answers]
        positions = [position + 1 + start for position in read.positions]
        logits = forward.extend(fed, positions, read.cache, every=True)
        for row, tokens in enumerate(fed):
            if tokens:
                yield row, start + 1, logits[row, -len(tokens) :]
