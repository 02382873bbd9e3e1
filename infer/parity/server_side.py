"""What a server answers to the questions, with its count of tokens and its probabilities if it gives them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grounding.errors import UserError
from infer.engines.openai.client import OpenAIEngine
from infer.engines.openai.listed_tokens import NoLogprobsError
from infer.engines.protocol import RawAnswer
from infer.parity.frozen_prompts import AskedPrompt
from infer.parity.parity_settings import ParitySettings
from infer.parity.seen import SeenAnswer, SeenByEngine, seen_answer


def ask_server(settings: ParitySettings, checkpoint: Path, asked: Sequence[AskedPrompt]) -> SeenByEngine:
    """Ask the questions, several at a time.

    Raises:
        UserError: the server cannot be reached, refuses a question, or does not answer with a completion.
    """
    from tqdm import tqdm

    engine = _engine(settings, checkpoint, asked[0])
    with (
        ThreadPoolExecutor(settings.concurrency) as pool,
        tqdm(total=len(asked), unit="prompt", desc="server") as bar,
    ):
        futures = [pool.submit(engine.answer, [each.request]) for each in asked]
        answers = []
        try:
            for future in futures:
                answers.append(_seen(future.result()[0]))
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)
    return SeenByEngine("server", tuple(answers))


def _engine(settings: ParitySettings, checkpoint: Path, first: AskedPrompt) -> OpenAIEngine:
    """Return a client that asks for probabilities, if the server gives them."""
    engine = OpenAIEngine(settings.server_settings(checkpoint, score="mean_logprob"))
    try:
        engine.answer([first.request])
    except UserError as error:
        if not isinstance(error.__cause__, NoLogprobsError):
            raise
        return OpenAIEngine(settings.server_settings(checkpoint, score="none"))
    return engine


def _seen(answer: RawAnswer) -> SeenAnswer:
    return seen_answer(answer.text, answer.tokens, answer.prompt_tokens, problem=answer.problem)
