"""`Template`: the small face over the template's data, encoder, mask and collator."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import torch

from swift_lib.core.errors import SwiftError, TemplateError
from swift_lib.loss_scale.base import LossScale
from swift_lib.loss_scale.mapping import get_loss_scale
from swift_lib.template import agent, batch, collate, decoding, encode, groups, mask, parity, steps, tasks, thinking
from swift_lib.template.assemble import finish
from swift_lib.template.base import TemplateMeta
from swift_lib.template.control import Guard
from swift_lib.template.encode import Contexts
from swift_lib.template.hooks import TemplateHooks
from swift_lib.template.inputs import MARK, TemplateInputs, parse_row
from swift_lib.template.layout import Layout
from swift_lib.template.opening import Opening
from swift_lib.template.packed import collate_packed
from swift_lib.template.rounds import only_round, to_rounds
from swift_lib.template.tags import TagFiller
from swift_lib.template.tokenise import tokenise
from swift_lib.template.weights import Weigher, on_or_off

_CHOICES: dict[str, Sequence[str]] = {
    "truncation_strategy": mask.TRUNCATION,
    "template_backend": ("swift", "jinja"),
    "padding_side": ("right", "left"),
    "special_tokens_in_text": ("text", "control", "refuse"),
    "task_type": tasks.TASK_TYPES,
    "norm_bbox": ("norm1000", "none"),
}


class Template(TemplateHooks):
    """Encodes conversations for one tokenizer. A subclass may override `_encode`, `_data_collator` and what
    `TemplateHooks` has.

    In training modes rows become input_ids and labels, in inference modes input_ids that end where the answer begins.

    default_system: replaces the template's own; "" means no system.
    max_length: in tokens; None: what the model declares.
    truncation_strategy: raise or None, delete (these raise MaxLengthError), left, right, or split (only with
        use_chat_template=False).
    agent_template: name of the format of tools and calls; None: the template's own.
    use_chat_template: False for plain text, as in pre-training; None is True.
    padding_free: a batch is one row, its rows one after the other, with position_ids instead of padding.
    is_binary_loss_scale: True leaves weights out: what has one is trained, and counts 1.
    template_backend: swift, or jinja (the tokenizer's own chat template; inference only).
    keep_last_round: of a conversation with several rounds, keep the last where the template knows only one.
    special_tokens_in_text: what a control token typed in a message is: text, control, or a reason to refuse the row.
    task_type: what the model is trained for; None: as the model's info says, else causal_lm.
    remove_unused_columns: False hands further columns of a row on, under `_extra_kwargs`.
    chat_template_kwargs: for every row; a row's own of the same name come first.
    step_mark: ends each step of a reply where steps are judged (task_type prm); None: as the class says.
    max_pixels: larger images are made smaller first. norm_bbox: none or norm1000; None: as the class says.
    """

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
        padding_free: bool = False,
        loss_scale: str | LossScale = "default",
        is_binary_loss_scale: bool | None = None,
        template_backend: str = "swift",
        response_prefix: str | None = None,
        enable_thinking: bool | None = None,
        preserve_thinking: bool | None = None,
        add_non_thinking_prefix: bool = True,
        keep_last_round: bool = False,
        special_tokens_in_text: str = "text",
        task_type: str | None = None,
        remove_unused_columns: bool = True,
        max_pixels: int | None = None,
        norm_bbox: str | None = None,
        step_mark: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Attach a template to a tokenizer."""
        info = getattr(processor, "model_info", None)
        self.processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.use_chat_template = use_chat_template is not False
        self.template_meta = template_meta if self.use_chat_template else template_meta.without_chat()
        self.default_system = self.template_meta.default_system if default_system is None else default_system
        self.max_length = max_length if max_length is not None else getattr(info, "max_model_len", None)
        self.task_type: str = task_type or getattr(info, "task_type", None) or "causal_lm"
        self.truncation_strategy = truncation_strategy or "raise"
        self.padding_side, self.padding_free = padding_side, padding_free
        self.template_backend, self.keep_last_round = template_backend, keep_last_round
        self.special_tokens_in_text = special_tokens_in_text
        self.remove_unused_columns = remove_unused_columns
        self.max_pixels, self.norm_bbox = max_pixels, norm_bbox or type(self).norm_bbox
        self.step_mark = step_mark or type(self).step_mark
        self.chat_template_kwargs = dict(chat_template_kwargs or {})
        self.loss_scale = get_loss_scale(loss_scale) if isinstance(loss_scale, str) else loss_scale
        self._weigh = Weigher(self.loss_scale, is_binary=bool(is_binary_loss_scale))
        self.thinking = thinking.ThinkingOptions(
            enable_thinking, preserve_thinking, response_prefix, add_non_thinking_prefix
        )
        self._agent_template = agent_template or template_meta.agent_template
        self.mode = tasks.INFERENCE_MODES[0]
        self.sampler: Any = groups.Sampler(self.max_positive_samples, self.max_negative_samples)
        self._check_options()
        self.layout = Layout(self.template_meta, self.tokenizer)
        self.stop_words = self.layout.stop_words
        self.opening = Opening(self.layout, self.tokenizer, self.default_system)

    @cached_property
    def guard(self) -> Guard:
        """What is done with control tokens in messages."""
        control, stops = self.layout.control, self.layout.stop_texts
        calls = agent.call_tokens(self.agent_template, control) if self._agent_template else []
        own = self.layout.thought_tokens.union(self.reply_tokens, calls).difference(stops)
        own |= {self.step_mark} if self.judges_steps else set()
        return Guard(control, refuse=self.special_tokens_in_text == "refuse", own=own, stops=stops)

    def _check_options(self) -> None:
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        if self.truncation_strategy == "split" and self.use_chat_template:
            raise TemplateError(
                "truncation_strategy split would cut conversations into pieces without their beginning",
                fix="use it with use_chat_template=False, or choose delete, left or right",
            )
        if self.padding_free and self.support_padding_free is False:
            raise TemplateError(f"template {self.template_meta.template_type!r} cannot do without padding")

    # Modes

    def set_mode(self, mode: str) -> None:
        """Choose what rows are encoded for: train, rlhf, kto, gkd (training), or transformers (pt), vllm, lmdeploy,
        sglang (inference).
        """
        mode = tasks.MODE_NAMES.get(mode, mode)
        _check_choice("mode", mode, (*tasks.TRAINING_MODES, *tasks.INFERENCE_MODES))
        self.mode = mode

    @property
    def is_training(self) -> bool:
        """Whether rows are encoded with labels."""
        return self.mode in tasks.TRAINING_MODES

    @property
    def judges_steps(self) -> bool:
        """Whether rows are encoded with a label at the end of each step of a reply."""
        return self.is_training and self.task_type == "prm"

    @property
    def ending_ids(self) -> list[int]:
        """The ids that end a trained reply and are trained with it; none where only marks of steps are."""
        return [] if self.task_type == "prm" else self.layout.suffix_ids

    # Encoding

    def encode(self, row: Mapping[str, Any] | Any, return_length: bool = False) -> Any:
        """Encode a row or InferRequest; the row is not changed.

        Training: {"input_ids", "labels"[, "loss_scale"]}, lists of equal length, labels -100 where nothing is trained,
        loss_scale only where some weight is neither 0 nor 1. Inference: {"input_ids"}, the generation prompt included.
        Other modes and tasks than train and causal_lm: `assemble.assemble`. With truncation strategy `split` a list of
        these. Raises TemplateError for a row that cannot be encoded, MaxLengthError for one that is too long.
        """
        return finish(self, row, self._encode_parts(self.split(row)), return_length=return_length)

    def encode_batch(self, rows: Sequence[Mapping[str, Any] | Any]) -> list[Any]:
        """Encode many rows at once, tokenising all their texts in one call; a row's error stands in its place."""
        encoded = zip(rows, self.encode_parts(rows), strict=True)
        return [
            parts if isinstance(parts, SwiftError) else batch.or_error(finish, self, row, parts)
            for row, parts in encoded
        ]

    def encode_parts(self, rows: Sequence[Mapping[str, Any] | Any]) -> list[list[tasks.Part] | SwiftError]:
        """The conversations of each row, encoded but not cut; a row's error stands in its place."""
        split = [batch.or_error(self.split, row) for row in rows]
        if type(self)._encode is Template._encode:
            return batch.encode_parts(self, split)
        return [
            parts if isinstance(parts, SwiftError) else batch.or_error(self._encode_parts, parts) for parts in split
        ]

    def split(self, row: Mapping[str, Any] | Any) -> list[tasks.Part]:
        """The conversations that a row stands for in this mode and task, not encoded yet."""
        return tasks.split_row(row, self.mode, self.task_type)

    def _encode_parts(self, parts: list[tasks.Part]) -> list[tasks.Part]:
        for part in parts:
            part.inputs = self.prepare(part.row)
            part.encoded = self._encode(part.inputs)
        return parts

    def prepare(self, row: Mapping[str, Any] | Any) -> TemplateInputs:
        """Check and normalise a row: rounds, tools in the system text, thinking blocks as this template wants them."""
        try:
            return self._prepared(parse_row(row))
        except RecursionError as error:
            raise TemplateError("the row's tools or messages are nested too deeply") from error

    def _prepared(self, inputs: TemplateInputs) -> TemplateInputs:
        inputs.chat_template_kwargs = {**self.chat_template_kwargs, **inputs.chat_template_kwargs}
        inputs.refuse_media_but(self.kinds_read)
        if self.special_tokens_in_text != "control":
            self.guard.conversation(inputs)
        if parity.uses_own_template(self):
            return inputs
        inputs.messages = to_rounds(inputs.messages, lambda: self.agent_template)
        self._prepare_media(inputs)
        if self.is_training and self.task_type in tasks.TOKEN_LABELLED and inputs.messages[-1]["content"] is None:
            raise TemplateError("the row ends without an assistant message to train on")
        if not self.template_meta.support_multi_round:
            inputs.messages = only_round(inputs.messages, self.template_meta.template_type, self.keep_last_round)
        if self.judges_steps:
            steps.end_steps(inputs.messages, self.step_mark)
        self._read_options(inputs)
        thinking.rewrite_replies(
            inputs.messages,
            self.template_meta,
            self.thinking,
            inputs.chat_template_kwargs,
            trains_history=self.is_training and self.loss_scale.base_strategy != "last_round",
            only_after_user=self.non_thinking_prefix_only_after_user,
            answer=self._earlier_answer,
        )
        if inputs.tools:
            agent.describe(inputs, self.agent_template, self.default_system)
        self._adapt(inputs)
        return inputs

    @cached_property
    def agent_template(self) -> Any:
        """The agent format: how tools, calls and results are written."""
        return agent.agent_format(self._agent_template, self.template_meta)

    def _encode(self, inputs: TemplateInputs) -> dict[str, Any]:
        """Encode a prepared conversation: input_ids, labels, loss_scale where weights are not all 0 or 1, and the
        tensors that its media have become (pixel_values ...).
        """
        runs = self.runs(inputs)
        tokens = tokenise(self.tokenizer, [run.pieces for run in runs], self.layout.control, self.opening)
        return {**mask.join(runs, tokens, self.ending_ids).as_lists(), **inputs.media_tensors}

    def runs(self, inputs: TemplateInputs) -> list[mask.Run]:
        """The texts and weights of a prepared conversation, before tokenising."""
        if parity.uses_own_template(self):
            return [mask.Run(False, 0.0, [parity.render_conversation(self, inputs)])]
        contexts = self._contexts(inputs)
        if self.is_training and self.task_type in tasks.TOKEN_LABELLED:
            pieces, weights = (
                steps.marked(contexts, self.step_mark) if self.judges_steps else self._weigh(contexts, inputs.messages)
            )
            if self.mode in tasks.PAIRED_MODES:
                inputs.lost_fractions = sum(weight not in (0.0, 1.0) for weight in weights)
                weights = on_or_off(weights)
            runs = mask.to_runs(contexts, pieces, weights)
        else:
            runs = mask.to_runs(contexts)
        if inputs.images or inputs.videos or inputs.audios or inputs.objects:
            filler = TagFiller(self, inputs)
            for run in runs:
                run.pieces = filler.fill(run.pieces)
        return runs

    def _contexts(self, inputs: TemplateInputs) -> Contexts:
        prefix = ""
        if inputs.messages[-1]["content"] is None:
            prefix = thinking.response_prefix(
                self.template_meta, self.thinking, inputs.chat_template_kwargs, self.use_chat_template
            )
        contexts = encode.build_contexts(
            inputs,
            self.layout,
            default_system=self.default_system,
            response_prefix=prefix,
            add_suffix=self._adds_suffix(inputs),
        )
        if type(self)._end_prompt is not TemplateHooks._end_prompt:
            encode.edit_prompts(contexts, self._end_prompt, to_answer=inputs.messages[-1]["content"] is None)
        return contexts

    def _adds_suffix(self, inputs: TemplateInputs) -> bool:
        """Whether the last reply is ended: the row's add_eos, else in training and where it is not continued."""
        chosen = inputs.chat_template_kwargs.get("add_eos")
        if isinstance(chosen, bool):
            return chosen
        ends = self.is_training or self.task_type != "causal_lm"
        return ends and not self.layout.is_ended(inputs.messages[-1]["content"])

    # Text

    def render(self, messages: Sequence[Mapping[str, Any]] | Mapping[str, Any] | Any) -> str:
        """The prompt's text for messages or a row, as generation sees it, whatever the mode."""
        row = {"messages": list(messages)} if isinstance(messages, Sequence) else messages
        asking = copy(self)
        asking.mode = tasks.INFERENCE_MODES[0]
        pieces = [piece for run in asking.runs(asking.prepare(row)) for piece in run.pieces]
        text = "".join(piece if isinstance(piece, str) else self.tokenizer.decode(piece) for piece in pieces)
        return text.replace(MARK, "")

    def safe_decode(self, input_ids: Sequence[int] | torch.Tensor, **kwargs: Any) -> str:
        """Decode ids or labels; a run of n masked labels is written `[-100 * n]`."""
        ids = input_ids.tolist() if isinstance(input_ids, torch.Tensor) else list(input_ids)
        return decoding.masked_text(self.tokenizer, ids, **kwargs)

    def decode(self, generated_ids: Sequence[int], *, is_finished: bool = True, **kwargs: Any) -> str:
        """Text of a generated reply, without its end."""
        return self.tokenizer.decode(self.skip_stop_tokens(generated_ids, is_finished=is_finished), **kwargs)

    def skip_stop_tokens(self, generated_ids: Sequence[int], *, is_finished: bool = True) -> list[int]:
        """Drop a final eos, then a final suffix; other stop words stay.

        is_finished=False (streaming): drop a part of the suffix at the end too.
        """
        return decoding.without_end(
            generated_ids, eos=self.tokenizer.eos_token_id, stop=self.layout.stop_ids, is_finished=is_finished
        )

    @cached_property
    def placeholder_ids(self) -> frozenset[int]:
        """Ids of `placeholder_tokens`, which truncation leaves in place."""
        names = self.placeholder_tokens
        return frozenset(i if isinstance(i, int) else self.tokenizer.convert_tokens_to_ids(i) for i in names)

    # Batches

    def data_collator(
        self, batch: Sequence[dict[str, Any]], *, padding_to: int | None = None
    ) -> dict[str, torch.Tensor]:
        """Pad encoded rows to one batch of int64 tensors (batch, length), loss_scale float32.

        rlhf: all chosen rows, then all rejected ones. kto: keys prefixed `completion_` and, where every row has a
        rejected reply, `KL_completion_`. Embeddings and rerankers: see `groups`. With padding_free one row, without
        attention_mask. With remove_unused_columns=False also, as lists, the rows' channels and further columns.
        """
        return self._data_collator(batch, padding_to=padding_to)

    def _data_collator(
        self, batch: Sequence[dict[str, Any]], *, padding_to: int | None = None
    ) -> dict[str, torch.Tensor]:
        def pad(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
            if self.padding_free:
                return self._with_media(collate_packed(rows), rows)
            side = self.padding_side if self.is_training else "left"
            pad_id, left = collate.pad_id(self.tokenizer), self.is_training and side == "left"
            padded = collate.collate(
                rows, pad_token_id=pad_id, padding_side=side, with_positions=left, padding_to=padding_to
            )
            return self._with_media(padded, rows)

        collated = groups.collate_groups(batch, self, pad) if self.is_training else pad(batch)
        return collated if self.remove_unused_columns else {**collated, **collate.kept_columns(batch)}


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise TemplateError(f"{name} {value!r} is not one of {list(choices)}")
