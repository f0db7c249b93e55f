"""From arguments to an engine, its options, and the rows to ask it about: what the commands that generate share."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swift_lib.arguments import Command
from swift_lib.core import environment, storage
from swift_lib.core.errors import EngineError, SwiftError
from swift_lib.core.manifest import content_hash
from swift_lib.core.types import ChatCompletionResponseChoice, InferRequest, RequestConfig
from swift_lib.dataset.loader import load_dataset
from swift_lib.infer_engine.mapping import infer_engines
from swift_lib.model.loader import find_model
from swift_lib.model.match import read_model_names
from swift_lib.model.tasks import GENERATING, Task, resolve_task
from swift_lib.pipelines.stage_output import StageOutput

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """One question with its right answer. `row` is the data set's row, answer included."""

    index: int
    row: dict[str, Any]
    prompt: list[dict[str, Any]]
    reference: str

    @property
    def request(self) -> InferRequest:
        """The question as an engine takes it."""
        return InferRequest.of_row(self.prompt, self.row)


def local_model(uri: str) -> str:
    """Return a model that is on disk: a remote folder is fetched, a local path or hub id stays."""
    return str(storage.fetch(uri, environment.cache_home())) if storage.is_remote(uri) else uri


def task_of(args: Any, name: str | None = None) -> Task:
    """The task of the model (or of the model `name`), as asked for or as its files, first the adapter's, say."""
    model = args.model
    folder, config, meta = find_model(
        local_model(name or model.model), model.model_type, revision=model.model_revision,
        local_files_only=model.local_files_only,
    )  # fmt: skip
    saved = read_model_names(folder)
    if model.adapters:
        saved |= _saved_beside(Path(local_model(model.adapters[0].rpartition("=")[2])))
    return resolve_task(meta, config, saved, (model.task_type, model.num_labels, model.problem_type))


def _saved_beside(adapter: Path) -> dict[str, Any]:
    """What the args.json of an adapter says, or of the run that it lies in."""
    return read_model_names(adapter) or read_model_names(adapter.parent)


def require_generation(args: Any, name: str | None = None) -> None:
    """Raise EngineError for a model that writes no text."""
    task_type = task_of(args, name).task_type
    if task_type not in GENERATING:
        raise EngineError(
            f"a model of task {task_type} writes no text, and this command asks it for some",
            where=str(name or args.model.model),
            fix="use swift_lib.pipelines.predict.predict, which gives its scores",
        )


def processor_options(args: Any) -> dict[str, Any]:
    """Return the options of `get_processor` that the arguments give."""
    model = args.model
    given = {
        "model_type": model.model_type,
        "revision": model.model_revision,
        "local_files_only": model.local_files_only,
        "trust_remote_code": model.trust_remote_code,
        "max_model_len": model.max_model_len,
        "pad_token": model.pad_token,
        "task_type": model.task_type,
        "num_labels": model.num_labels,
        "problem_type": model.problem_type,
    }
    return {name: value for name, value in given.items() if value}


def model_options(args: Any) -> dict[str, Any]:
    """Return the options of `get_model_processor` that the arguments give, those of the processor included."""
    model = args.model
    given = {
        "torch_dtype": model.torch_dtype,
        "device_map": model.device_map,
        "attn_impl": model.attn_impl,
        "rope_scaling": model.rope_scaling,
    }
    return processor_options(args) | {name: value for name, value in given.items() if value}


def template_options(args: Any) -> dict[str, Any]:
    """Return the options of `get_template` that the arguments give."""
    template = args.template
    given = {
        "default_system": _system(template.system),
        "max_length": template.max_length,
        "truncation_strategy": template.truncation_strategy,
        "agent_template": template.agent_template,
        "use_chat_template": template.use_chat_template,
        "is_binary_loss_scale": template.is_binary_loss_scale,
        "template_backend": template.template_backend,
        "response_prefix": template.response_prefix,
        "enable_thinking": template.enable_thinking,
        "preserve_thinking": template.preserve_thinking,
        "chat_template_kwargs": template.chat_template_kwargs or None,
        "add_non_thinking_prefix": template.add_non_thinking_prefix,
        "keep_last_round": template.keep_last_round,
        "special_tokens_in_text": template.special_tokens_in_text,
        "max_pixels": template.max_pixels,
        "norm_bbox": template.norm_bbox,
        "step_mark": template.step_mark,
        "padding_side": template.padding_side,
    }
    return {name: value for name, value in given.items() if value is not None}


def _system(text: str | None) -> str | None:
    if text and text.endswith(".txt") and Path(text).is_file():
        return Path(text).read_text(encoding="utf-8")
    return text


def build_engine(args: Any, *, model: str | None = None, adapters: Sequence[str] | None = None) -> Any:
    """Build the engine that the arguments name, for their model or for another one under the same options."""
    backend = args.engine.infer_backend
    require_generation(args, model)
    if backend not in infer_engines:
        raise EngineError(
            f"this command generates with {', '.join(infer_engines.names())}, not with {backend!r}",
            fix="leave --infer_backend out; for vLLM start `swift deploy --infer_backend vllm`",
        )
    return infer_engines[backend](
        local_model(args.model.model if model is None else model),
        adapters=[local_model(adapter) for adapter in (args.model.adapters if adapters is None else adapters)],
        template=args.template.template,
        template_options=template_options(args),
        max_batch_size=args.engine.max_batch_size,
        strict=False,
        **model_options(args),
    )


def ask(
    engine: Any, requests: Sequence[InferRequest], config: RequestConfig, name: str, *, first: int = 0
) -> list[Any]:
    """Answer all requests, the rows of `name` from number `first` on; EngineError names the row that cannot be."""
    responses = engine.infer(requests, config)
    for index, response in enumerate(responses, first):
        if isinstance(response, SwiftError):
            where = f"row {index} of {name}" + (f", {response.where}" if response.where else "")
            raise EngineError(response.what, where=where, fix=response.fix) from response
    return list(responses)


def request_options(args: Any, **more: Any) -> RequestConfig:
    """Return the generation options that the arguments give, with the command's seed; `more` replaces some."""
    generation = args.generation
    config = RequestConfig(
        max_tokens=generation.max_new_tokens,
        temperature=generation.temperature,
        top_k=generation.top_k,
        top_p=generation.top_p,
        repetition_penalty=generation.repetition_penalty,
        num_beams=generation.num_beams,
        stop=list(generation.stop_words),
        seed=args.common.seed,
    )
    return replace(config, **more)


def read_rows(
    sources: Sequence[str], args: Command, *, limit: int = 0, needs_answer: bool = False
) -> list[dict[str, Any]]:
    """Read rows in the standard form (`messages`, further columns), in the order of the sources; `limit` 0 is all.

    With `needs_answer`, a row that does not end with an assistant message is refused like any other unusable row.
    """
    columns = args.to_flat().get("columns")
    rows, _ = load_dataset(list(sources), columns=columns, needs_answer=needs_answer)
    return [dict(row) for row in (rows[:limit] if limit else rows)]


def note_rows(output: StageOutput, name: str, sources: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Note in the manifest and in tracking which rows the stage used, by the hash of their content."""
    uri, digest = ", ".join(sources), content_hash(json.loads(json.dumps(rows, default=str)))
    output.inputs.append({"name": name, "uri": uri, "rows": len(rows), "digest": digest})
    output.tracker.dataset(name, digest, len(rows), uri, context="evaluation")


def reply_text(engine: Any, choice: ChatCompletionResponseChoice) -> str:
    """A reply as the model wrote it: the calls of tools are part of the text, in the model's own form."""
    if choice.message.tool_calls:
        return str(engine.template.decode(choice.token_ids, skip_special_tokens=True))
    return str(choice.message.content)


def split_answer(row: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Split a row's messages into the question and the last assistant message's text ("" where it ends otherwise)."""
    messages = [dict(message) for message in row["messages"]]
    answer = InferRequest.remove_response(messages)
    return messages, str(answer or "")


def held_out(rows: Sequence[dict[str, Any]]) -> list[Case]:
    """Turn rows that end with an answer into questions."""
    return [Case(index, row, *split_answer(row)) for index, row in enumerate(rows)]
