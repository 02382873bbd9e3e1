"""The engine that runs a checkpoint on PaddlePaddle."""

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from random import Random
from typing import Any

from grounding.errors import UserError
from grounding.grammar.answer_grammar import AnswerGrammar
from infer.engines.cut_answers import cut_at_repeat
from infer.engines.paddle.decoding import Decoding, Row, generate
from infer.engines.paddle.devices import choose_device
from infer.engines.paddle.grammar.grammar_guide import TokenGrammar
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from infer.engines.paddle.group import own_part
from infer.engines.paddle.guides import Guide
from infer.engines.paddle.prompt_limit import PromptLimit, bytes_per_token, choose_limit, free_bytes
from infer.engines.paddle.repeat_guide import RepeatGuide
from infer.engines.protocol import RawAnswer, Request, Token, chat_messages
from infer.engines.settings import EngineSettings
from infer.engines.token_texts import end_within_characters, split_text
from models.arithmetic import fast_arithmetic
from models.family import Encoder, Family, LoadOptions, Prompt
from models.libraries import quiet
from models.lookup import family_of_folder, find_family


class PaddleEngine:
    """A loaded model, with its LoRA adapter unmerged if it has one."""

    prompt_limit: PromptLimit | None = None
    """Longer prompts are refused; None lets every prompt through."""

    grammar: TokenGrammar | None = None
    """What the answers are kept within; None lets the model write what it likes."""

    repeat_stop: bool
    """Whether answers end where they begin to repeat themselves."""

    def __init__(self, settings: EngineSettings) -> None:
        """Load tokenizer, image processor and weights.

        At most `batch_size` of the requests given at once are answered in one batch. With `tensor_parallel`
        above 1, this process holds one part of the model, and has joined the others
        (`infer.engines.paddle.group`).

        Raises:
            UserError: a missing or incomplete checkpoint folder, an unsupported model type, or a GPU is
                asked for and Paddle has none, or the tokenizer cannot spell every answer of the grammar.
        """
        checkpoint = settings.resolve_checkpoint()
        assert checkpoint is not None  # the settings check it
        # Paddle reads these at import, and uses one core where OMP_NUM_THREADS is not set.
        for name, value in {"OMP_NUM_THREADS": str(os.cpu_count() or 1), **fast_arithmetic()}.items():
            os.environ.setdefault(name, value)
        with quiet(), redirect_stderr(io.StringIO()):  # a warning about OMP_NUM_THREADS
            import paddle

        device, dtype = choose_device(settings.device), settings.dtype
        paddle.set_device(device)
        if dtype == "auto":
            dtype = "float32" if device == "cpu" else "bfloat16"
        parts = settings.tensor_parallel
        self.family: Family = family_of_folder(checkpoint.model)
        self.encoder: Encoder = self.family.load_encoder(checkpoint.processor)
        options = LoadOptions(dtype, has_gpu=device != "cpu", parts=parts, part=own_part(parts))
        self.model = self.family.load_model(checkpoint.model, checkpoint.adapter, options)
        self.repeat_stop = settings.repeat_stop
        self.decoding = replace(
            _greedy(self.family, self.encoder, settings.max_new_tokens),
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed,
            with_logprobs=settings.with_tokens,
            rows=settings.batch_size,
        )
        if settings.grammar != "none":
            tokenizer = self.encoder.tokenizer
            end_ids = tokenizer.convert_tokens_to_ids(list(self.family.end_tokens))
            answers = AnswerGrammar(settings.grammar, settings.answer_labels())
            self.grammar = TokenGrammar(answers, Vocabulary(tokenizer, end_ids))

    @classmethod
    def from_model(
        cls, model: Any, encoder: Encoder, *, max_new_tokens: int, repeat_stop: bool = True
    ) -> "PaddleEngine":
        """Make a greedy engine over a model that is already loaded and may be in training.

        With tensor parallelism every rank must answer the same requests at the same time.
        """
        engine = cls.__new__(cls)
        engine.family = find_family({"model_type": model.config.model_type})
        engine.model, engine.encoder, engine.repeat_stop = model, encoder, repeat_stop
        engine.decoding = _greedy(engine.family, encoder, max_new_tokens)
        return engine

    def limit_prompts(self, max_prompt_tokens: int | None) -> PromptLimit:
        """Refuse longer prompts from now on; None takes the limit from the model and the free memory.

        Raises:
            UserError: the model has fewer positions.
        """
        import paddle

        config = self.model.config
        weight = next(iter(self.model.parameters()))
        self.prompt_limit = choose_limit(
            max_prompt_tokens,
            positions=config.text_config.max_position_embeddings,
            free=free_bytes("cpu" if paddle.device.get_device() == "cpu" else "gpu"),
            token_bytes=bytes_per_token(self.family.text_shape(config.to_dict()), weight.element_size()),
        )
        return self.prompt_limit

    def encode(self, request: Request) -> Prompt:
        """Encode one request.

        Raises:
            UserError: the image cannot be read, or the prompt is longer than `prompt_limit`.
        """
        if self.prompt_limit is None:
            return self.encoder.encode(request.image, chat_messages(request))
        self.prompt_limit.check_text(request)
        prompt = self.encoder.encode(request.image, chat_messages(request))
        self.prompt_limit.check_prompt(prompt)
        return prompt

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests, in their order.

        Raises:
            UserError: as `encode`, or the template begins a thought, for which a grammar has no place; no
                request is answered then.
        """
        with quiet():
            prompts = [self.encode(request) for request in requests]
            self._check_thoughts(prompts)
            sources = [self.decoding.source(request) for request in requests]
            parts = [slice(None)] if self.prompt_limit is None else self.prompt_limit.split(prompts)
            watches = [self._repeat_guide(prompt) for prompt in prompts]
            guides = [
                [*self._guides(request), *([watch] if watch else [])]
                for request, watch in zip(requests, watches, strict=True)
            ]
            rows = [
                row
                for part in parts
                for row in self.generate(prompts[part], sources[part], requests[part], guides[part])
            ]
        return [self._answer(*one) for one in zip(rows, prompts, watches, strict=True)]

    def _answer(self, row: Row, prompt: Prompt, watch: RepeatGuide | None) -> RawAnswer:
        answer = RawAnswer(
            self._text(row.token_ids),
            is_cut=not row.has_ended,
            tokens=self._tokens(row),
            in_thought=prompt.opens_thought,
            stopped=row.problem,
            prompt_tokens=len(prompt.token_ids),
        )
        return cut_at_repeat(answer, watch.finish() if watch else None)

    def _repeat_guide(self, prompt: Prompt) -> RepeatGuide | None:
        """Return the guide that ends the answer to a prompt where it repeats itself, None if it shall not."""
        if not self.repeat_stop:
            return None
        return RepeatGuide(self.encoder.tokenizer, self.decoding.end_ids, thinks=prompt.opens_thought)

    def generate(
        self,
        prompts: Sequence[Prompt],
        sources: Sequence[Random] = (),
        asked: Sequence[Request] = (),
        guides: Sequence[Sequence[Guide]] = (),
    ) -> list[Row]:
        """Answer encoded prompts; `sources` are the random numbers of each where answers are sampled.

        `asked` are the requests behind the prompts, if they have limits or want alternatives; `guides` steer
        each answer.
        """
        import paddle

        was_training = self.model.training
        self.model.eval()
        try:
            with paddle.no_grad():
                forward = self.family.forward_pass(self.model)
                chosen = sources or [Random(0)] * len(prompts)
                return generate(forward, prompts, chosen, self.decoding, asked, guides)
        finally:
            if was_training:
                self.model.train()

    def _guides(self, request: Request) -> list[Guide]:
        """Return new guides for the answer to a request."""
        if self.grammar is None or request.is_free_form:
            return []
        longest = self.decoding.max_new_tokens
        return [self.grammar.guide(min(longest, request.max_tokens or longest))]

    def _check_thoughts(self, prompts: Sequence[Prompt]) -> None:
        if self.grammar is not None and any(prompt.opens_thought for prompt in prompts):
            raise UserError(
                "grammar: the chat template begins every answer with a thought, for which it has no place: "
                "set grammar=none"
            )

    def _text(self, ids: list[int]) -> str:
        return str(
            self.encoder.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def _tokens(self, row: Row) -> tuple[Token, ...]:
        if not self.decoding.with_logprobs:
            return ()
        texts = split_text(self.encoder.tokenizer, row.token_ids)
        within = end_within_characters(self.encoder.tokenizer, row.token_ids)
        ranked = row.alternatives or [[]] * len(texts)
        return tuple(
            Token(
                text, logprob, is_unfinished, tuple((self._text([other]), value) for other, value in likely)
            )
            for text, logprob, is_unfinished, likely in zip(texts, row.logprobs, within, ranked, strict=True)
        )


def _greedy(family: Family, encoder: Encoder, max_new_tokens: int) -> Decoding:
    tokenizer = encoder.tokenizer
    end_ids = frozenset(tokenizer.convert_tokens_to_ids(list(family.end_tokens)))
    return Decoding(end_ids, tokenizer.pad_token_id, max_new_tokens)
