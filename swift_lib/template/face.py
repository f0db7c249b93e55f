"""`Template`: the small face over the template's data, encoder, mask and collator."""

from collections.abc import Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import Any

import torch

from swift_lib.core.errors import SwiftError, TemplateError
from swift_lib.loss_scale.base import LossScale
from swift_lib.loss_scale.mapping import get_loss_scale
from swift_lib.template import collate, encode, mask, parity, thinking
from swift_lib.template.base import TemplateMeta, with_token_ids
from swift_lib.template.encode import Contexts, Layout, TemplateInputs
from swift_lib.template.mapping import TEMPLATE_MAPPING
from swift_lib.template.tokenise import tokenise

TRAINING_MODES = ("train",)
INFERENCE_MODES = ("transformers", "vllm")


class Template:
    """Encodes conversations for one tokenizer. A subclass may override `_encode`, `_post_encode` and `_data_collator`.

    In training modes rows become input_ids and labels, in inference modes input_ids that end where the answer begins.
    """

    jinja_enable_thinking_key = "enable_thinking"
    non_thinking_prefix_only_after_user = False

    def __init__(
        self,
        processor: Any,
        template_meta: TemplateMeta,
        default_system: str | None = None,
        max_length: int | None = None,
        *,
        truncation_strategy: str | None = "raise",
        agent_template: str | None = None,
        use_chat_template: bool | None = True,
        padding_side: str = "right",
        loss_scale: str | LossScale = "default",
        template_backend: str = "swift",
        response_prefix: str | None = None,
        enable_thinking: bool | None = None,
        preserve_thinking: bool | None = None,
        add_non_thinking_prefix: bool = True,
        keep_last_round: bool = False,
    ) -> None:
        """Attach a template to a tokenizer.

        default_system: replaces the template's own; "" means no system.
        max_length: in tokens; None: what the model declares.
        truncation_strategy: raise or None, delete (these raise MaxLengthError), left, right, or split (only with
            use_chat_template=False).
        use_chat_template: False for plain text, as in pre-training; None is True.
        template_backend: swift, or jinja (the tokenizer's own chat template; inference only).
        keep_last_round: of a conversation with several rounds, keep the last where the template knows only one.
        """
        truncation_strategy = truncation_strategy or "raise"
        use_chat_template = use_chat_template is not False
        _check_choice("truncation_strategy", truncation_strategy, mask.TRUNCATION)
        _check_choice("template_backend", template_backend, ("swift", "jinja"))
        _check_choice("padding_side", padding_side, ("right", "left"))
        if truncation_strategy == "split" and use_chat_template:
            raise TemplateError(
                "truncation_strategy split would cut conversations into pieces without their beginning",
                fix="use it with use_chat_template=False, or choose delete, left or right",
            )
        self.processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.template_meta = template_meta if use_chat_template else template_meta.without_chat()
        self.use_chat_template = use_chat_template
        self.default_system = self.template_meta.default_system if default_system is None else default_system
        info = getattr(processor, "model_info", None)
        self.max_length = max_length if max_length is not None else getattr(info, "max_model_len", None)
        self.truncation_strategy = truncation_strategy
        self.padding_side = padding_side
        self.template_backend = template_backend
        self.keep_last_round = keep_last_round
        self.loss_scale = get_loss_scale(loss_scale) if isinstance(loss_scale, str) else loss_scale
        self.thinking = thinking.ThinkingOptions(
            enable_thinking, preserve_thinking, response_prefix, add_non_thinking_prefix
        )
        self._agent_template = agent_template or template_meta.agent_template
        self.mode = "transformers"
        self.layout = Layout(self.template_meta, self.tokenizer)
        self.suffix_ids = self._join(mask.Run(True, 1.0, list(self.layout.suffix)))
        self.stop_words = self._all_stop_words()

    # Modes

    def set_mode(self, mode: str) -> None:
        """Choose what rows are encoded for: train, or transformers and vllm (inference)."""
        _check_choice("mode", mode, (*TRAINING_MODES, *INFERENCE_MODES))
        self.mode = mode

    @property
    def is_training(self) -> bool:
        """Whether rows are encoded with labels."""
        return self.mode in TRAINING_MODES

    # Encoding

    def encode(self, row: Mapping[str, Any] | Any, return_length: bool = False) -> Any:
        """Encode a row or InferRequest; the row is not changed.

        Training: {"input_ids", "labels"[, "loss_scale"]}, lists of equal length, labels -100 where nothing is trained,
        loss_scale only where some weight is neither 0 nor 1. Inference: {"input_ids"}, the generation prompt included.
        With truncation strategy `split` a list of these. Raises TemplateError for a row that cannot be encoded,
        MaxLengthError for one that is too long.
        """
        encoded = self._finish(self._encode(self.prepare(row)))
        if return_length:
            for part in encoded:
                part["length"] = len(part["input_ids"])
        return encoded if self.truncation_strategy == "split" else encoded[0]

    def encode_batch(self, rows: Sequence[Mapping[str, Any] | Any]) -> list[Any]:
        """Encode many rows at once, tokenising all their texts in one call; a row's error stands in its place."""
        if type(self)._encode is not Template._encode:
            return [self._encode_or_error(row) for row in rows]
        runs: list[list[mask.Run] | SwiftError] = []
        for row in rows:
            try:
                runs.append(self.runs(self.prepare(row)))
            except SwiftError as error:
                runs.append(error)
        tokens = iter(tokenise(self.tokenizer, [run for row in runs if isinstance(row, list) for run in row]))
        results: list[Any] = []
        for row_runs in runs:
            if isinstance(row_runs, SwiftError):
                results.append(row_runs)
                continue
            encoded = mask.label(row_runs, [next(tokens) for _ in row_runs], self.suffix_ids)
            try:
                parts = self._finish(encoded)
            except SwiftError as error:
                results.append(error)
                continue
            results.append(parts if self.truncation_strategy == "split" else parts[0])
        return results

    def _encode_or_error(self, row: Any) -> Any:
        try:
            return self.encode(row)
        except SwiftError as error:
            return error

    def prepare(self, row: Mapping[str, Any] | Any) -> TemplateInputs:
        """Check and normalise a row, with thinking blocks as this template wants them."""
        if encode.has_tools(row):
            raise TemplateError(
                f"the row defines or calls tools, and the tool format {self._agent_template!r} is not built in",
                fix="leave out the `tools` column and the tool messages",
            )
        inputs = encode.parse_row(row)
        self._check_rounds(inputs)
        thinking.rewrite_replies(
            inputs.messages,
            self.template_meta,
            self.thinking,
            inputs.chat_template_kwargs,
            trains_history=self.is_training and self.loss_scale.base_strategy != "last_round",
            only_after_user=self.non_thinking_prefix_only_after_user,
        )
        self._adapt(inputs)
        return inputs

    def _adapt(self, inputs: TemplateInputs) -> None:
        """Change the conversation as the family wants it, in place. For subclasses."""

    def _check_rounds(self, inputs: TemplateInputs) -> None:
        answered = inputs.messages[-1]["content"] is not None
        if self.is_training and not answered:
            raise TemplateError("the row ends without an assistant message to train on")
        if self.template_meta.support_multi_round or len(inputs.messages) <= 2 or self._renders_jinja():
            return
        if not self.keep_last_round:
            name = self.template_meta.template_type
            raise TemplateError(
                f"the row has {len(inputs.messages) // 2} rounds, template {name!r} knows one",
                fix="choose another --template, or give --keep_last_round",
            )
        inputs.messages = inputs.messages[-2:]

    def _encode(self, inputs: TemplateInputs) -> dict[str, Any]:
        """Encode a prepared conversation: input_ids, labels and, where weights are not all 0 or 1, loss_scale."""
        runs = self.runs(inputs)
        return mask.label(runs, tokenise(self.tokenizer, runs), self.suffix_ids)

    def runs(self, inputs: TemplateInputs) -> list[mask.Run]:
        """The texts and weights of a prepared conversation, before tokenising."""
        if self._renders_jinja():
            return [mask.Run(False, 0.0, [self._render_jinja(inputs)])]
        contexts = self._contexts(inputs)
        if not self.is_training:
            return mask.to_runs(contexts)
        return mask.to_runs(contexts, *self.loss_scale(contexts.pieces, contexts.types, inputs.messages))

    def _contexts(self, inputs: TemplateInputs) -> Contexts:
        prefix = thinking.response_prefix(
            self.template_meta, self.thinking, inputs.chat_template_kwargs, self.use_chat_template
        )
        contexts = encode.build_contexts(
            inputs,
            self.layout,
            default_system=self.default_system,
            response_prefix=prefix,
            add_suffix=self.is_training and not self._is_ended(inputs.messages[-1]["content"]),
        )
        if inputs.messages[-1]["content"] is None and not prefix and isinstance(contexts.pieces[-1], str):
            contexts.pieces[-1] = self._end_prompt(contexts.pieces[-1])
        return contexts

    def _end_prompt(self, text: str) -> str:
        """The last text before a generated reply. For subclasses."""
        return text

    def _is_ended(self, reply: str | list[str] | None) -> bool:
        """Whether a reply already brings its own stop word."""
        text = reply[-1] if isinstance(reply, list) else reply
        stops = tuple(word for word in self.stop_words if isinstance(word, str) and word)
        return bool(text) and bool(stops) and str(text).endswith(stops)

    def _finish(self, encoded: dict[str, Any]) -> list[dict[str, Any]]:
        if not self.is_training:
            encoded = {key: value for key, value in encoded.items() if key not in ("labels", "loss_scale")}
        parts = mask.truncate(encoded, self.max_length, self.truncation_strategy)
        return [mask.mask_first(part) for part in parts]

    # The tokenizer's own template

    def _renders_jinja(self) -> bool:
        jinja = self.template_backend == "jinja"
        if jinja and self.is_training:
            raise TemplateError(
                "template_backend jinja does not say which part of the text is a reply", fix="train with backend swift"
            )
        is_dummy = self.template_meta.template_type == "dummy" and self.use_chat_template
        return jinja or (is_dummy and not self.is_training)

    def _render_jinja(self, inputs: TemplateInputs) -> str:
        kwargs = dict(inputs.chat_template_kwargs)
        if self.template_meta.is_thinking or self.thinking.enable_thinking is not None:
            enabled = thinking.is_enabled(self.template_meta, self.thinking, kwargs)
            kwargs[self.jinja_enable_thinking_key] = enabled
        system = inputs.system if inputs.system is not None else self.default_system
        return parity.render_own(self.tokenizer, parity.plain_messages(inputs.messages, system), **kwargs)

    # Text

    def render(self, messages: Sequence[Mapping[str, Any]] | Mapping[str, Any] | Any) -> str:
        """The prompt's text for messages or a row, as generation sees it, whatever the mode."""
        row = {"messages": list(messages)} if isinstance(messages, Sequence) else messages
        asking = copy(self)
        asking.mode = INFERENCE_MODES[0]
        pieces = [piece for run in asking.runs(asking.prepare(row)) for piece in run.pieces]
        return "".join(piece if isinstance(piece, str) else self.tokenizer.decode(piece) for piece in pieces)

    def safe_decode(self, input_ids: Sequence[int] | torch.Tensor, **kwargs: Any) -> str:
        """Decode ids or labels; a run of n masked labels is written `[-100 * n]`."""
        ids = input_ids.tolist() if isinstance(input_ids, torch.Tensor) else list(input_ids)
        texts, start = [], 0
        while start < len(ids):
            masked = ids[start] < 0
            end = start
            while end < len(ids) and (ids[end] < 0) == masked:
                end += 1
            texts.append(f"[-100 * {end - start}]" if masked else self.tokenizer.decode(ids[start:end], **kwargs))
            start = end
        return "".join(texts)

    def decode(self, generated_ids: Sequence[int], *, is_finished: bool = True, **kwargs: Any) -> str:
        """Text of a generated reply, without its end."""
        return self.tokenizer.decode(self.skip_stop_tokens(generated_ids, is_finished=is_finished), **kwargs)

    def skip_stop_tokens(self, generated_ids: Sequence[int], *, is_finished: bool = True) -> list[int]:
        """Drop a final eos, then a final suffix; other stop words stay.

        is_finished=False (streaming): drop a part of the suffix at the end too.
        """
        ids = list(generated_ids)
        if ids and ids[-1] == self.tokenizer.eos_token_id:
            ids.pop()
        stop = self._suffix_stop_ids()
        lengths = [len(stop)] if is_finished else range(len(stop), 0, -1)
        for length in lengths:
            if length and ids[-length:] == stop[:length]:
                return ids[:-length]
        return ids

    def _suffix_stop_ids(self) -> list[int]:
        stop = self.template_meta.suffix_stop
        if not stop:
            return []
        return self._join(mask.Run(True, 1.0, list(with_token_ids([stop], self.tokenizer))))

    def _join(self, run: mask.Run) -> list[int]:
        return tokenise(self.tokenizer, [run])[0]

    def _all_stop_words(self) -> list[str | list[int]]:
        words: list[str | list[int]] = list(self.template_meta.stop_words)
        stop = self.template_meta.suffix_stop
        if stop:
            words += with_token_ids([stop], self.tokenizer)
        words.append(self.tokenizer.eos_token)
        return [word for i, word in enumerate(words) if word and word not in words[:i]]

    # Batches

    def data_collator(
        self, batch: Sequence[dict[str, Any]], *, padding_to: int | None = None
    ) -> dict[str, torch.Tensor]:
        """Pad encoded rows to one batch of int64 tensors (batch, length), loss_scale float32."""
        return self._data_collator(batch, padding_to=padding_to)

    def _data_collator(
        self, batch: Sequence[dict[str, Any]], *, padding_to: int | None = None
    ) -> dict[str, torch.Tensor]:
        side = self.padding_side if self.is_training else "left"
        return collate.collate(
            batch,
            pad_token_id=self._pad_token_id(),
            padding_side=side,
            with_positions=self.is_training and side == "left",
            padding_to=padding_to,
        )

    def _pad_token_id(self) -> int:
        if self.tokenizer.pad_token_id is None:
            raise TemplateError(
                "the tokenizer has no pad token, so rows cannot be put in one batch",
                where=f"tokenizer {getattr(self.tokenizer, 'name_or_path', '')!r}",
                fix="set pad_token in tokenizer_config.json, or give --pad_token",
            )
        return int(self.tokenizer.pad_token_id)

    def _post_encode(self, model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """Change a batch with the model's help right before its forward pass. For subclasses."""
        return inputs

    def register_post_encode_hook(self, model: Any) -> Any:
        """Have `_post_encode` called before each forward pass of the model.

        Returns the handle that removes the hook; None where the class does not override `_post_encode`.
        """
        if type(self)._post_encode is Template._post_encode:
            return None

        def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return args, self._post_encode(module, kwargs)

        return model.register_forward_pre_hook(hook, with_kwargs=True)


def get_template(processor: Any, template_type: str | None = None, **options: Any) -> Template:
    """The template of a processor made by get_processor, or of the named type; options: see Template.__init__."""
    meta = getattr(processor, "model_meta", None)
    name = template_type or (meta.template if meta else None)
    if name is None:
        candidates = meta.candidate_templates if meta else []
        raise TemplateError(
            f"the template cannot be told from the model: {candidates} all fit"
            if candidates
            else "no template is named",
            where=f"model {getattr(getattr(processor, 'model_info', None), 'model_dir', '')!r}",
            fix="give --template",
        )
    template_meta = TEMPLATE_MAPPING[name]
    cls = template_meta.template_cls
    if isinstance(cls, str):
        module, _, attribute = cls.partition(":")
        cls = getattr(import_module(module), attribute)
    return cls(processor, template_meta, **options)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise TemplateError(f"{name} {value!r} is not one of {list(choices)}")
