"""What a server answers to the questions, with its count of tokens and its probabilities if it gives them."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from infer.engines.openai.client import NoProbabilitiesError, OpenAIEngine
from infer.engines.protocol import RawAnswer, Request
from infer.parity.frozen_prompts import AskedPrompt
from infer.parity.parity_settings import ParitySettings
from infer.parity.score_stage import with_alternatives
from infer.parity.seen import SeenAnswer, SeenByEngine, seen_answer

log = logging.getLogger(__name__)


def ask_server(settings: ParitySettings, checkpoint: Path, asked: Sequence[AskedPrompt]) -> SeenByEngine:
    """Ask the questions, several at a time.

    Raises:
        UserError: the server cannot be reached, refuses a question, or does not answer with a completion.
    """
    from tqdm import tqdm

    engine, change = _engine(settings, checkpoint, asked[0].request)
    with (
        ThreadPoolExecutor(settings.concurrency) as pool,
        tqdm(total=len(asked), unit="prompt", desc="server") as bar,
    ):
        futures = [pool.submit(engine.answer, [change(each.request)]) for each in asked]
        answers = []
        try:
            for future in futures:
                answers.append(_seen(future.result()[0]))
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)
    return SeenByEngine("server", tuple(answers))


def _engine(
    settings: ParitySettings, checkpoint: Path, first: Request
) -> tuple[OpenAIEngine, Callable[[Request], Request]]:
    """Return a client that asks for probabilities, and how it asks: with what the server gives of them."""
    for score, change in (("mean_logprob", with_alternatives), ("mean_logprob", replace)):
        engine = OpenAIEngine(settings.server_settings(checkpoint, score))
        try:
            engine.answer([change(first)])
        except NoProbabilitiesError as error:
            log.warning("%s", error)
        else:
            return engine, change
    return OpenAIEngine(settings.server_settings(checkpoint, score="none")), replace


def _seen(answer: RawAnswer) -> SeenAnswer:
    return seen_answer(answer.text, answer.tokens, answer.prompt_tokens, problem=answer.problem)
