"""Open the engine that the settings name."""

from infer.engines.protocol import Engine
from infer.engines.settings import EngineSettings


def open_engine(settings: EngineSettings) -> Engine:
    """Load the model into this process, or prepare the client of a server.

    Raises:
        UserError: a missing or incomplete checkpoint folder, or a GPU is asked for and Paddle has none.
    """
    # Imported here, as Paddle takes seconds and the client one.
    if settings.engine == "openai":
        from infer.engines.openai.client import OpenAIEngine

        return OpenAIEngine(settings)
    from infer.engines.paddle.engine import PaddleEngine

    return PaddleEngine(settings)
