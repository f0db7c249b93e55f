"""Which model, in which precision, with which adapters."""

from dataclasses import dataclass

from swift_lib.arguments.spec import REQUIRED, arg


@dataclass(frozen=True, kw_only=True)
class ModelArguments:
    """Model and adapters."""

    model: str = arg(REQUIRED, "Model: a folder, an s3:// URI or a hub id.")
    model_type: str | None = arg(
        None,
        "Registered model type; needed only where the model's name and config.json fit several.",
        choices="swift_lib.model.mapping:MODEL_MAPPING",
        none_as="",
    )
    model_revision: str | None = arg(None, "Revision of a hub id: branch, tag or commit.", none_as="")
    torch_dtype: str | None = arg(
        None,
        "Precision of the loaded weights; none is what config.json says.",
        choices=("bfloat16", "float16", "float32"),
        none_as="",
    )
    attn_impl: str | None = arg(
        None, "Attention kernel, as transformers names it: sdpa, eager, flash_attention_2 ...", none_as=""
    )
    device_map: str | None = arg(
        None, "Where the weights go: auto, cpu, cuda:0 or a JSON object of module to device.", none_as=""
    )
    max_model_len: int | None = arg(None, "Longest context in tokens; none is what config.json says.", ge=1, none_as=0)
    rope_scaling: str | None = arg(
        None, "Stretch the context to max_model_len: linear, dynamic, yarn or a JSON object.", none_as=""
    )
    pad_token: str | None = arg(
        None, "Pad token for a tokenizer that has none: a token it knows, or eos (its end-of-text token).", none_as=""
    )
    task_type: str | None = arg(
        None,
        "What the model is for; none is what its own files say, seq_cls where num_labels is given, else causal_lm.",
        choices=("causal_lm", "seq_cls", "embedding", "reranker", "generative_reranker", "prm"),
        none_as="",
    )
    num_labels: int | None = arg(None, "Classes of a classifier; 1 predicts a number.", ge=1, none_as=0)
    problem_type: str | None = arg(
        None,
        "What labels are; none follows num_labels and the rows.",
        choices=("regression", "single_label_classification", "multi_label_classification"),
        none_as="",
    )
    adapters: list[str] = arg(
        [], "Adapter folders, in the order in which they are applied; for a server also name=folder."
    )
    trust_remote_code: str | None = arg(
        None, "Allow the model's own Python code, by name and commit: owner/model@commit. Off otherwise.", none_as=""
    )
    load_args: bool = arg(
        True, "Take template, system and the like (and an adapter's base model) from the args.json beside the weights."
    )
    local_files_only: bool = arg(False, "Never ask a hub; a model that is not on disk is an error.")
