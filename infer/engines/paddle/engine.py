"""The engine that runs a checkpoint on PaddlePaddle."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from random import Random
from typing import Any

from grounding.errors import UserError
from infer.engines.box_head_place import find_box_head
from infer.engines.cut_answers import cut_at_repeat
from infer.engines.kept import Kept
from infer.engines.live_answers import Listener
from infer.engines.paddle.boxes.box_judge import AnsweredPrompt, BoxJudge, StatesOfBoxes, read_answered
from infer.engines.paddle.decoding import Decoding, Row, generate
from infer.engines.paddle.devices import choose_device
from infer.engines.paddle.grammar.counted_grammars import CountedGrammars
from infer.engines.paddle.grammar.grammar_guide import TokenGrammar
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from infer.engines.paddle.group import own_part
from infer.engines.paddle.guides import Guide
from infer.engines.paddle.live_guide import LiveGuide
from infer.engines.paddle.prompt_limit import PromptLimit, bytes_per_token, choose_limit, free_bytes
from infer.engines.paddle.reading.image_encoder import ImageEncoder
from infer.engines.paddle.repeat_guide import RepeatGuide
from infer.engines.paddle.row_answer import row_answer
from infer.engines.protocol import RawAnswer, Request, chat_messages
from infer.engines.settings import HEAD, MEGABYTE, EngineSettings
from models.arithmetic import fast_arithmetic
from models.family import EncodedImage, Encoder, Family, LoadOptions, Prompt
from models.libraries import quiet
from models.lookup import family_of_folder, find_family


class PaddleEngine:
    """A loaded model, with its LoRA adapter unmerged if it has one."""

    prompt_limit: PromptLimit | None = None
    """Longer prompts are refused; None lets every prompt through."""

    grammar: TokenGrammar | None = None
    grammars: CountedGrammars | None = None
    """What the answers are kept within; None lets the model write what it likes."""

    judge: BoxJudge | None = None
    """What corrects and scores the boxes of answers; None leaves them as they are written."""

    repeat_stop: bool
    """Whether answers end where they begin to repeat themselves."""

    def __init__(self, settings: EngineSettings) -> None:
        """Load tokenizer, image processor and weights.

        At most `batch_size` of the requests given at once are answered in one batch. With `tensor_parallel`
        above 1, this process holds one part of the model, and has joined the others
        (`infer.engines.paddle.group`).

        Raises:
            UserError: a missing or incomplete checkpoint folder, an unsupported model type, or a GPU is
                asked for and Paddle has none, the tokenizer cannot spell every answer of the grammar, or the
                box head is missing or of another checkpoint.
        """
        checkpoint = settings.resolve_checkpoint()
        assert checkpoint is not None  # the settings check it
        head = find_box_head(settings, checkpoint)
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
        self.shares_images = settings.image_cache_megabytes > 0
        self.kept = Kept(settings.image_cache_megabytes * MEGABYTE)
        self.decoding = replace(
            _greedy(self.family, self.encoder, settings.max_new_tokens),
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed,
            with_logprobs=settings.with_tokens,
            rows=settings.batch_size,
        )
        if head is not None:
            self.judge = BoxJudge(head.tensors(), corrects=settings.boxes == HEAD)
        if settings.grammar != "none":
            tokenizer = self.encoder.tokenizer
            end_ids = tokenizer.convert_tokens_to_ids(list(self.family.end_tokens))
            self.grammars = CountedGrammars(settings, Vocabulary(tokenizer, end_ids))
            self.grammar = self.grammars.of(0)

    @classmethod
    def from_model(
        cls, model: Any, encoder: Encoder, *, max_new_tokens: int, repeat_stop: bool = True
    ) -> "PaddleEngine":
        """Make a greedy engine over a model that is already loaded and may be in training.

        It keeps nothing between calls, as the weights may change. With tensor parallelism every rank must
        answer the same requests at the same time.
        """
        engine = cls.__new__(cls)
        engine.family = find_family({"model_type": model.config.model_type})
        engine.model, engine.encoder, engine.repeat_stop = model, encoder, repeat_stop
        engine.shares_images, engine.kept = True, Kept(0)
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
            free=free_bytes("cpu" if paddle.device.get_device() == "cpu" else "gpu") - self.kept.most_bytes,
            token_bytes=bytes_per_token(self.family.text_shape(config.to_dict()), weight.element_size()),
        )
        return self.prompt_limit

    def encode(self, request: Request) -> Prompt:
        """Encode one request.

        Raises:
            UserError: the image cannot be read, or the prompt is longer than `prompt_limit`.
        """
        return self._encode([request])[0]

    def _encode(self, requests: Sequence[Request]) -> list[Prompt]:
        """Encode requests, each image once."""
        encode_image = self.encoder.encode_image
        if self.shares_images:
            encode_image = ImageEncoder(encode_image, self.kept).encode
        prompts = []
        for request in requests:
            if self.prompt_limit is not None:
                self.prompt_limit.check_text(request)
            shown: list[EncodedImage] = []
            for image in request.images:
                shown.append(encode_image(image))
                if self.prompt_limit is not None:
                    self.prompt_limit.check_images(shown)
            prompts.append(self.encoder.encode(shown, chat_messages(request)))
            if self.prompt_limit is not None:
                self.prompt_limit.check_prompt(prompts[-1])
        return prompts

    def forget(self) -> None:
        """Drop what is kept of earlier images and prompts."""
        self.kept.clear()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests, in their order.

        Raises:
            UserError: as `encode`, or the template begins a thought, for which a grammar has no place; no
                request is answered then.
        """
        return self.answer_live(requests, [None] * len(requests))

    def answer_live(
        self, requests: Sequence[Request], listeners: Sequence[Listener | None]
    ) -> list[RawAnswer]:
        """Answer the requests, and tell each listener the answer's next characters as they are written.

        A listener that raises NobodyListensError ends its answer. An answer can be shorter than what was
        told: where it begins to repeat itself, it is cut.

        Raises:
            UserError: as `answer`; and what a listener raises.
        """
        if self.judge is not None:
            _check_head([request for request in requests if not request.is_free_form])
        with quiet():
            prompts = self._encode(requests)
            self._check_thoughts(prompts)
            watches = list(map(self._repeat_guide, prompts, requests))
            guides = [
                [*self._guides(request), *([watch] if watch else []), *self._telling(listener)]
                for request, watch, listener in zip(requests, watches, listeners, strict=True)
            ]
            rows: dict[int, Row] = {}
            for places in self._parts(prompts, requests):
                asked = [requests[place] for place in places]
                sources = [self.decoding.source(request) for request in asked]
                steering = [guides[place] for place in places]
                found = self.generate([prompts[place] for place in places], sources, asked, steering)
                rows |= zip(places, found, strict=True)
        answers = [
            self._answer(rows[place], prompt, watch)
            for place, (prompt, watch) in enumerate(zip(prompts, watches, strict=True))
        ]
        if self.judge is None:
            return answers
        judged = [place for place, request in enumerate(requests) if not request.is_free_form]
        answered = [
            AnsweredPrompt(prompts[place], rows[place].token_ids, answers[place].text) for place in judged
        ]
        for place, read in zip(judged, self._read(answered), strict=True):
            answers[place] = self.judge.judge(answers[place], read)
        return answers

    def read_boxes(self, requests: Sequence[Request], texts: Sequence[str]) -> list[StatesOfBoxes]:
        """Return the boxes in texts, as if these were the answers to the requests, with their hidden states.

        Raises:
            UserError: as `encode`, or a question shows several pictures.
        """
        _check_head(requests)
        with quiet():
            prompts = self._encode(requests)
        ids = [self.encoder.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
        return self._read([AnsweredPrompt(*each) for each in zip(prompts, ids, texts, strict=True)])

    def _read(self, answered: Sequence[AnsweredPrompt]) -> list[StatesOfBoxes]:
        """Read the boxes of answers, as many answers at a time as are decoded together."""
        import paddle

        forward, step = self.family.forward_pass(self.model), self.decoding.rows or len(answered) or 1
        pad_id, tokenizer = self.decoding.pad_id, self.encoder.tokenizer
        prompts = [item.prompt for item in answered]
        read: list[StatesOfBoxes] = []
        with paddle.no_grad():
            for part in (answered[each] for each in self._split(prompts)):
                for start in range(0, len(part), step):
                    batch = part[start : start + step]
                    read += read_answered(forward, tokenizer, batch, pad_id, self.kept)
        return read

    def _answer(self, row: Row, prompt: Prompt, watch: RepeatGuide | None) -> RawAnswer:
        with_tokens = self.decoding.with_logprobs
        answer = row_answer(row, prompt, self.encoder.tokenizer, with_tokens=with_tokens)
        return cut_at_repeat(answer, watch.finish() if watch else None)

    def _telling(self, listener: Listener | None) -> list[Guide]:
        """Return the guide that tells an answer to its listener, if it has one."""
        if listener is None:
            return []
        return [LiveGuide(self.encoder.tokenizer, self.decoding.end_ids, listener)]

    def _repeat_guide(self, prompt: Prompt, request: Request) -> RepeatGuide | None:
        """Return the guide that ends the answer to a prompt where it repeats itself, None if it shall not."""
        if not self.repeat_stop:
            return None
        return RepeatGuide(
            self.encoder.tokenizer,
            self.decoding.end_ids,
            thinks=prompt.opens_thought,
            about_several=request.is_about_several,
        )

    def _parts(self, prompts: Sequence[Prompt], requests: Sequence[Request]) -> Iterator[list[int]]:
        """Yield the places of requests to decode together: of one temperature, and as memory allows."""
        by_temperature: dict[float | None, list[int]] = {}
        for place, request in enumerate(requests):
            by_temperature.setdefault(request.temperature, []).append(place)
        for places in by_temperature.values():
            yield from (places[part] for part in self._split([prompts[place] for place in places]))

    def _split(self, prompts: Sequence[Prompt]) -> Iterator[slice]:
        """Yield the parts of prompts that memory holds together."""
        if self.prompt_limit is None:
            yield slice(None)
        else:
            yield from self.prompt_limit.split(prompts)

    def generate(
        self,
        prompts: Sequence[Prompt],
        sources: Sequence[Random] = (),
        asked: Sequence[Request] = (),
        guides: Sequence[Sequence[Guide]] = (),
    ) -> list[Row]:
        """Answer encoded prompts; `sources` are the random numbers of each where answers are sampled.

        `asked` are the requests behind the prompts, if they have limits or want alternatives; all are of one
        temperature. `guides` steer each answer.
        """
        import paddle

        decoding = self.decoding
        if asked and asked[0].temperature is not None:
            decoding = replace(decoding, temperature=asked[0].temperature)

        was_training = self.model.training
        self.model.eval()
        try:
            with paddle.no_grad():
                forward = self.family.forward_pass(self.model)
                chosen = sources or [Random(0)] * len(prompts)
                return generate(forward, prompts, chosen, decoding, asked, guides, self.kept)
        finally:
            if was_training:
                self.model.train()

    def _guides(self, request: Request) -> list[Guide]:
        """Return new guides for the answer to a request."""
        if self.grammar is None or request.is_free_form:
            return []
        longest = self.decoding.max_new_tokens
        grammar = self.grammar
        if (request.candidates or request.is_about_several) and self.grammars is not None:
            grammar = self.grammars.of(request.candidates, max(1, request.pictures_asked))
        return [grammar.guide(min(longest, request.max_tokens or longest))]

    def _check_thoughts(self, prompts: Sequence[Prompt]) -> None:
        if self.grammar is not None and any(prompt.opens_thought for prompt in prompts):
            raise UserError(
                "grammar: the chat template begins every answer with a thought, for which it has no place: "
                "set grammar=none"
            )


def _check_head(requests: Sequence[Request]) -> None:
    most = max((len(request.images) for request in requests), default=0)
    if most > 1:
        raise UserError(
            f"a box head reads answers about one picture, and a question has {most}: set boxes=written, and "
            "a score other than head"
        )


def _greedy(family: Family, encoder: Encoder, max_new_tokens: int) -> Decoding:
    tokenizer = encoder.tokenizer
    end_ids = frozenset(tokenizer.convert_tokens_to_ids(list(family.end_tokens)))
    return Decoding(end_ids, tokenizer.pad_token_id, max_new_tokens)
