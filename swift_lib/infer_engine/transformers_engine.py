"""The engine that runs a model in this process with transformers."""

import logging
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from swift_lib.core.errors import EngineError, SwiftError, TemplateError
from swift_lib.core.progress import Progress
from swift_lib.core.seeding import derive_seed
from swift_lib.core.types import (
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatMessage,
    RequestConfig,
    UsageInfo,
)
from swift_lib.infer_engine.base import (
    ContextLengthError,
    GenerationItem,
    InferEngine,
    UnsupportedOption,
    resolve_max_tokens,
)
from swift_lib.infer_engine.generation import Row, generate_batch, last_run, negative_log_likelihood
from swift_lib.infer_engine.reply import Reply, StopRules
from swift_lib.infer_engine.sampling import Sampling
from swift_lib.infer_engine.tool_calls import split_reply
from swift_lib.merge.in_memory import fold
from swift_lib.merge.kinds import MERGES
from swift_lib.model.loader import get_model_processor
from swift_lib.template.base import with_token_ids
from swift_lib.template.choose import get_template
from swift_lib.template.face import Template
from swift_lib.template.mask import MaxLengthError
from swift_lib.template.tools import parse_tools
from swift_lib.tuner_plugin.calling import load_adapter, merge_with, saved_kind, tuner_of

logger = logging.getLogger(__name__)

_NOT_HERE: dict[str, Any] = {  # field of RequestConfig -> its only value here
    "num_beams": 1,
    "best_of": None,
    "logprobs": False,
    "top_logprobs": None,
    "prompt_logprobs": None,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "structured_outputs_regex": None,
}


_TOKENS = {"input_ids", "attention_mask", "labels", "loss_scale", "position_ids"}


class TransformersEngine(InferEngine):
    """Batched generation with transformers, one call at a time (calls from several threads wait for each other).

    A reply depends on the request, its options and its seed, not on what else is in the batch, apart from the rounding
    of floating-point sums, which padding changes.
    """

    def __init__(
        self,
        model: str | Path | tuple[Any, Any],
        *,
        adapters: Sequence[str | Path] = (),
        template: Template | str | None = None,
        template_options: Mapping[str, Any] | None = None,
        max_batch_size: int = 1,
        max_model_len: int | None = None,
        model_name: str | None = None,
        strict: bool = True,
        **model_options: Any,
    ) -> None:
        """`model`: a folder or hub id, or a loaded (model, processor) pair. `max_batch_size` 0 or less: no limit.

        `max_model_len`: the context in tokens, by default the model's own. `model_options`: of `get_model_processor`
        (model_type, torch_dtype, device_map, attn_impl ...).
        """
        if isinstance(model, tuple):
            self.model, self.processor = model
        else:
            if model_options.get("device_map") is None and torch.cuda.is_available():
                model_options["device_map"] = "auto"
            self.model, self.processor = get_model_processor(str(model), max_model_len=max_model_len, **model_options)
        for adapter in adapters:
            self.model = _with_adapter(self.model, str(adapter))
        self.model.eval()
        self.template = (
            template
            if isinstance(template, Template)
            else get_template(self.processor, template, **dict(template_options or {}))
        )
        self.tokenizer = self.template.tokenizer
        self.max_batch_size = max_batch_size
        self.max_model_len = max_model_len or _context_length(self.model.config)
        self.model_name = model_name or _base_name(model)
        self.strict = strict
        self.template.register_post_encode_hook(self.model)
        self.rules = stop_rules(self.template, self.model.generation_config.eos_token_id)
        self._lock = threading.Lock()

    # -- answering -------------------------------------------------------------------------------------------------

    def generate(self, items: Sequence[GenerationItem]) -> list[ChatCompletionResponse | SwiftError]:
        """Answer every item; a request's own error is its result."""
        with self._lock:
            self.template.set_mode("transformers")
            jobs: list[list[Row] | SwiftError] = []
            for item in items:
                try:
                    jobs.append(self._rows(item))
                except SwiftError as error:
                    jobs.append(error)
            self._run(
                [(item, rows) for item, rows in zip(items, jobs, strict=True) if not isinstance(rows, SwiftError)]
            )
        return [
            rows if isinstance(rows, SwiftError) else self._response(item, rows)
            for item, rows in zip(items, jobs, strict=True)
        ]

    def _rows(self, item: GenerationItem) -> list[Row]:
        config = item.config
        for name, only in _NOT_HERE.items():
            if getattr(config, name) not in (only, None):
                raise UnsupportedOption(
                    f"{name}={getattr(config, name)!r} is not supported by the transformers engine", fix="leave it out"
                )
        prompt, media = self._encode(item)
        limit = resolve_max_tokens(len(prompt), config.max_tokens, self.max_model_len)
        if limit < 1 or config.n < 1:
            raise EngineError(f"max_tokens ({config.max_tokens}) and n ({config.n}) must be at least 1")
        # With a seed, a request gets the same reply wherever it stands; without one, even its twin gets another.
        root = derive_seed(config.seed, *prompt) if config.seed is not None else secrets.randbits(63)
        rules = self.rules.with_stops(config.stop or [])
        rows = []
        for choice in range(config.n):
            on_text = None
            if item.on_text is not None and not _has_tools(item):  # else `_response` gives it: calls are no text
                on_text = _with_index(item.on_text, choice)
            reply = Reply(self._decode, rules, limit, on_text, whole=self._decode_reply)
            rows.append(Row(prompt, reply, limit, derive_seed(root, choice), media))
        return rows

    def _encode(self, item: GenerationItem) -> tuple[list[int], dict[str, torch.Tensor]]:
        if item.request is not None:
            try:
                encoded = self.template.encode(item.request)
                return list(encoded["input_ids"]), _tensors(encoded)
            except MaxLengthError as error:
                raise ContextLengthError(
                    f"Input length is over max_model_len ({self.max_model_len}): {error.what}", fix=error.fix
                ) from error
        assert item.prompt is not None, "an item has a request or a prompt"
        ids = self.tokenizer(item.prompt)["input_ids"] if isinstance(item.prompt, str) else list(item.prompt)
        if not ids:
            raise EngineError("the prompt is empty")
        size = self.model.get_input_embeddings().num_embeddings
        if not all(isinstance(token, int) and 0 <= token < size for token in ids):
            raise EngineError(f"a prompt of token ids holds something else than 0...{size - 1}")
        return ids, {}

    def _run(self, work: list[tuple[GenerationItem, list[Row]]]) -> None:
        groups: dict[Sampling, list[Row]] = {}
        for item, rows in work:
            groups.setdefault(self._sampling(item.config), []).extend(rows)
        size = (
            self.max_batch_size if self.max_batch_size > 0 else max((len(rows) for rows in groups.values()), default=1)
        )
        total = sum(len(rows) for rows in groups.values())
        with Progress(total, "generate", "replies") as progress:
            for sampling, rows in groups.items():
                for batch in _batches(rows, size):
                    media = self._media([{"input_ids": row.prompt, **row.media} for row in batch])
                    generate_batch(
                        self.model, batch, sampling, pad_id=self._pad_id, stop_ids=self.rules.ids, media=media
                    )
                    progress.update(len(batch))

    def _media(self, rows: Sequence[dict[str, Any]], *, padding_side: str = "left") -> dict[str, torch.Tensor]:
        """What a batch holds beside tokens, their mask and labels; {} for rows without images."""
        if not any(_tensors(row) for row in rows):
            return {}
        template = copy(self.template)
        template.padding_side = padding_side
        return {key: value for key, value in template.data_collator(rows).items() if key not in _TOKENS}

    def _sampling(self, config: RequestConfig) -> Sampling:
        """Complete a request's options from the model's generation config (its absence means: greedy, nothing cut)."""
        own = self.model.generation_config
        default = (own.temperature if own.temperature is not None else 1.0) if own.do_sample else 0.0
        temperature = default if config.temperature is None else config.temperature
        penalty = float(_first(config.repetition_penalty, own.repetition_penalty, 1.0))
        if temperature <= 0:
            return Sampling(repetition_penalty=penalty)
        return Sampling(
            temperature=float(temperature),  # transformers refuses an int
            top_k=int(_first(config.top_k, own.top_k, 0)),
            top_p=float(_first(config.top_p, own.top_p, 1.0)),
            min_p=float(_first(config.min_p, own.min_p, 0.0)),
            repetition_penalty=penalty,
        )

    @property
    def _pad_id(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else min(self.rules.ids, default=0))

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _decode_reply(self, ids: list[int]) -> str:
        return self.template.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _response(self, item: GenerationItem, rows: list[Row]) -> ChatCompletionResponse:
        choices = []
        for index, row in enumerate(rows):
            message = self._message(item, row.reply)
            if item.on_text is not None and _has_tools(item) and message.content:
                item.on_text(index, str(message.content))
            is_call = message.tool_calls and row.reply.finish_reason == "stop"
            reason: Any = "tool_calls" if is_call else row.reply.finish_reason
            choices.append(ChatCompletionResponseChoice(index, message, reason, token_ids=row.reply.ids))
        made = sum(len(row.reply.ids) for row in rows)
        usage = UsageInfo(len(rows[0].prompt), made, len(rows[0].prompt) + made)
        return ChatCompletionResponse(self.model_name, choices, usage, prompt_token_ids=rows[0].prompt)

    @cached_property
    def _agent(self) -> Any:
        """What reads calls; None where the tokenizer's own template wrote the tools and no format is named."""
        try:
            return self.template.agent_template
        except TemplateError:
            return None

    def _message(self, item: GenerationItem, reply: Reply) -> ChatMessage:
        if _has_tools(item):
            assert item.request is not None
            # The marks of calls are control tokens in some vocabularies.
            marked = reply.text(lambda ids: self.template.decode(ids, clean_up_tokenization_spaces=False))
            said, calls = split_reply(marked, self._agent, parse_tools(item.request.tools)) if self._agent else ("", [])
            if calls:
                return ChatMessage(role="assistant", content=said or None, tool_calls=calls)
        return ChatMessage(role="assistant", content=reply.text())

    # -- likelihood ------------------------------------------------------------------------------------------------

    def score(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, int]]:
        """Return, for each row that ends with a reply, the reply's summed -ln p (nats) and its number of tokens."""
        with self._lock:
            self.template.set_mode("train")
            encoded = [self._encode_scored(index, row) for index, row in enumerate(rows)]
            pairs = [(list(one["input_ids"]), last_run(one["labels"])) for one in encoded]
            size = self.max_batch_size if self.max_batch_size > 0 else 8  # logits are large: never all at once
            results: list[tuple[float, int]] = []
            for start in range(0, len(pairs), size):
                media = self._media(encoded[start : start + size], padding_side="right")
                batch = pairs[start : start + size]
                results += negative_log_likelihood(self.model, batch, pad_id=self._pad_id, media=media)
        return results

    def _encode_scored(self, index: int, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return dict(self.template.encode(dict(row)))
        except SwiftError as error:
            raise EngineError(
                f"row {index} cannot be scored: {error.what}", where=error.where, fix=error.fix
            ) from error


PtEngine = TransformersEngine


def _tensors(encoded: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {key: value for key, value in encoded.items() if isinstance(value, torch.Tensor)}


def _batches(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    """Cut rows into batches of similar prompt length, so that little of a batch is padding."""
    ordered = sorted(rows, key=lambda row: len(row.prompt))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _with_adapter(model: Any, folder: str) -> Any:
    """Add an adapter, into the weights where it can be: then the next one may stand on it, and generation costs what
    the base's does."""
    tuned = load_adapter(model, folder)
    kind = saved_kind(folder)[1]
    return fold(tuned, partial(merge_with, tuner_of(folder))) if kind in MERGES else tuned


def _with_index(on_text: Any, choice: int) -> Any:
    return lambda text: on_text(choice, text)


def _has_tools(item: GenerationItem) -> bool:
    return item.request is not None and bool(item.request.tools)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _base_name(model: Any) -> str:
    return "model" if isinstance(model, tuple) else Path(str(model)).name


def _context_length(config: Any) -> int | None:
    text = config.get_text_config()
    length = getattr(text, "max_position_embeddings", None)
    return int(length) if length else None


def stop_rules(template: Template, own: int | list[int] | None) -> StopRules:
    """What ends a reply: end tokens of the model (`own`) and the tokenizer, the template's suffix and stop words."""
    tokenizer = template.tokenizer
    ids = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}
    cut: list[str] = []
    kept: list[str] = []
    suffix = with_token_ids(template.template_meta.suffix[-1:], tokenizer)
    for words, texts in [(suffix, cut), (template.stop_words, kept)]:
        for word in words:
            text = word.strip() if isinstance(word, str) else tokenizer.decode(word)
            tokens = tokenizer.encode(text, add_special_tokens=False) if isinstance(word, str) else word
            if len(tokens) == 1 and (texts is cut or tokens[0] in tokenizer.all_special_ids):
                ids.add(tokens[0])
            elif text:
                texts.append(text)
    return StopRules(frozenset(ids), tuple(cut), tuple(text for text in kept if text not in cut))
