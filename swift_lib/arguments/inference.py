"""Generating text: sampling options, the engine, what to do with the answers."""

from collections.abc import Iterator
from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class GenerationArguments:
    """Generation."""

    max_new_tokens: int | None = arg(None, "Longest reply in tokens; none fills the context.", ge=1, none_as=0)
    temperature: float | None = arg(
        None, "Randomness, 0 is greedy; none is the model's generation_config.json.", ge=0, none_as=-1.0
    )
    top_k: int | None = arg(None, "Draw from the k likeliest tokens; 0 is all.", ge=0, none_as=-1)
    top_p: float | None = arg(
        None, "Draw from the likeliest tokens that together have this probability.", gt=0, le=1, none_as=0.0
    )
    repetition_penalty: float | None = arg(
        None, "Above 1 makes tokens that were used already less likely.", gt=0, none_as=0.0
    )
    num_beams: int = arg(1, "Beams of beam search; 1 is none.", ge=1)
    stop_words: list[str] = arg([], "Texts that end a reply, besides the template's own.")
    stream: bool | None = arg(
        None, "Show a reply while it is written; none does so in a conversation only.", none_as=""
    )

    def problems(self) -> Iterator[str]:
        """Combinations that contradict each other."""
        if self.stream and self.num_beams > 1:
            yield "--stream: beam search knows its reply only at the end; use --num_beams 1"


@dataclass(frozen=True, kw_only=True)
class EngineArguments:
    """Inference engine."""

    infer_backend: str = arg(
        "transformers",
        "Engine that generates.",
        choices=("transformers", "vllm"),
        renamed_values={"pt": "transformers"},
    )
    max_batch_size: int = arg(
        1, "Prompts generated together by the transformers engine; 0 or -1 is all at once.", ge=-1
    )
    vllm_gpu_memory_utilization: float = arg(0.9, "Share of GPU memory that vLLM takes.", gt=0, le=1)
    vllm_tensor_parallel_size: int = arg(1, "GPUs that vLLM spreads each layer over.", ge=1)
    vllm_max_model_len: int | None = arg(None, "Longest context of vLLM; none is the model's.", ge=1, none_as=0)
    vllm_enforce_eager: bool = arg(False, "vLLM without CUDA graphs: starts sooner, runs slower.")
    vllm_python: str = arg(
        "", "Python that has vLLM, where it lives in an environment of its own; empty looks for one."
    )


@dataclass(frozen=True, kw_only=True)
class InferOptions:
    """Batch inference."""

    output_dir: str = arg("output/infer", "Folder for the answers of batch inference.")
    result_path: str | None = arg(None, "JSON Lines file for the answers instead of the one in output_dir.", none_as="")
    val_dataset_sample: int | None = arg(None, "Answer only this many rows of val_dataset.", ge=1, none_as=0)
    write_batch_size: int = arg(1000, "Answers written at a time; -1 writes them all at the end.", ge=-1)
