"""The servers of this command: the teacher, and the one that grounds descriptions."""

from grounding.remote.chat_client import API_KEY_VARIABLE, ChatClient, key_of_server
from prepare.describe.asking.teacher_questions import CYCLE, TEACHER
from prepare.describe.describe_settings import DescribeSettings
from prepare.servers.answer_log import AnswerLog
from prepare.servers.asked_servers import AskedServer, AskedServers
from prepare.servers.request_budget import RequestBudget

CYCLE_KEY_VARIABLE = "CYCLE_API_KEY"
"""The key of a server of its own that grounds descriptions: it does not get the teacher's."""


def teacher_servers(settings: DescribeSettings, log: AnswerLog, budget: RequestBudget) -> AskedServers:
    """Return the servers; nothing is sent yet.

    Raises:
        UserError: a key or an address cannot be sent in a request.
    """
    teacher = _server(settings, settings.base_url, API_KEY_VARIABLE, settings.max_new_tokens)
    servers = {TEACHER: teacher, CYCLE: teacher}
    cycle_url, most = settings.cycle.base_url, settings.cycle.max_new_tokens
    if cycle_url is not None:
        servers[CYCLE] = _server(settings, cycle_url, CYCLE_KEY_VARIABLE, most)
    elif most > settings.max_new_tokens:
        servers[CYCLE] = _server(settings, settings.base_url, API_KEY_VARIABLE, most)
    return AskedServers(servers, settings.most_failures, log, budget)


def _server(settings: DescribeSettings, url: str, variable: str, most: int) -> AskedServer:
    client = ChatClient(
        url, key_of_server(variable), timeout=settings.timeout, retries=settings.retries, max_tokens=most
    )
    return AskedServer(client, variable)
