"""The questions of all prompts: looked up in the log, or asked, several prompts at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grounding.remote.chat_client import API_KEY_VARIABLE, ChatClient, key_of_server
from prepare.progress import progress_bar
from prepare.replay.own_server import KEY_VARIABLE, served_checkpoint
from prepare.replay.prompts_read import ReplayPrompt
from prepare.replay.replay_folder import SERVER_LOG, SeenImage
from prepare.replay.replay_question import BASE, ReplayQuestion
from prepare.replay.replay_settings import ReplaySettings
from prepare.servers.answer_log import AnswerLog, LoggedAnswer
from prepare.servers.asked_servers import AskedServer, AskedServers
from prepare.servers.request_budget import BudgetSpentError, RequestBudget


@dataclass(frozen=True)
class SeenPrompt:
    """A prompt that is asked, with its image."""

    prompt: ReplayPrompt
    digest: str
    image: SeenImage | None

    @property
    def group(self) -> str:
        """What must be in one split: an image with all its prompts, or the text."""
        return self.digest or "\n".join((self.prompt.system, *self.prompt.questions))


def ask_prompts(
    checkpoint: str | None,
    asked: Sequence[SeenPrompt],
    identities: Sequence[str],
    settings: ReplaySettings,
    log: AnswerLog,
    budget: RequestBudget,
) -> list[list[LoggedAnswer | None] | None]:
    """Return the answers to each prompt; None in place of one that is missing, or of all without budget.

    `identities` are those of `answering_models`: what is asked is logged under the first.
    """
    known = [_known(item, identities, settings, log) for item in asked]
    if all(answers is not None for answers in known):  # nothing to ask: no model is loaded
        return known
    with _server(checkpoint, settings) as server, ThreadPoolExecutor(settings.concurrency) as pool:
        servers = AskedServers({BASE: server}, settings.most_failures, log, budget)
        futures = [
            pool.submit(_ask, servers, item, identities[0], settings) if found is None else None
            for item, found in zip(asked, known, strict=True)
        ]
        try:
            with progress_bar(len(asked), "asking", "prompt") as progress:
                results = []
                for found, future in zip(known, futures, strict=True):
                    results.append(found if future is None else future.result())
                    progress.update()
                return results
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _known(
    item: SeenPrompt, identities: Sequence[str], settings: ReplaySettings, log: AnswerLog
) -> list[LoggedAnswer | None] | None:
    """Return the answers to a prompt that the log has, None if one is missing."""
    logged = (_logged(item, identity, settings, log) for identity in identities)
    return next((answers for answers in logged if answers is not None), None)


def _logged(
    item: SeenPrompt, identity: str, settings: ReplaySettings, log: AnswerLog
) -> list[LoggedAnswer | None] | None:
    found: list[LoggedAnswer] = []
    for _ in item.prompt.questions:
        texts = tuple(answer.text for answer in found)
        question = ReplayQuestion(item.prompt, texts, item.digest, identity, settings)
        if (answer := log.answers.get(question.key)) is None:
            return None
        found.append(answer)
    return [*found]


def _ask(
    servers: AskedServers, item: SeenPrompt, identity: str, settings: ReplaySettings
) -> list[LoggedAnswer | None] | None:
    found: list[LoggedAnswer | None] = []
    texts: tuple[str, ...] = ()
    for _ in item.prompt.questions:
        question = ReplayQuestion(item.prompt, texts, item.digest, identity, settings)
        try:
            answer = servers.ask(question)
        except BudgetSpentError:
            return None
        found.append(answer)
        if answer is None:
            break
        texts += (answer.text,)
    return found


@contextmanager
def _server(checkpoint: str | None, settings: ReplaySettings) -> Iterator[AskedServer]:
    if checkpoint is None:
        yield _asked_server(settings, str(settings.base_url), key_of_server(), API_KEY_VARIABLE)
        return
    log_file = Path(settings.output_dir).expanduser() / SERVER_LOG
    with served_checkpoint(checkpoint, settings, log_file) as (url, key):
        yield _asked_server(settings, url, key, KEY_VARIABLE)


def _asked_server(settings: ReplaySettings, url: str, key: str, variable: str) -> AskedServer:
    most = settings.max_new_tokens
    client = ChatClient(url, key, timeout=settings.timeout, retries=settings.retries, max_tokens=most)
    return AskedServer(client, variable)
