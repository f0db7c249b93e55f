"""The training loop: steps, optimiser, evaluation, checkpoints."""

from collections.abc import Iterator
from dataclasses import dataclass

from swift_lib.arguments.spec import arg

_WHEN = ("no", "steps", "epoch")


@dataclass(frozen=True, kw_only=True)
class TrainLoopArguments:
    """Training."""

    output_dir: str = arg(
        "output/sft", "Folder for checkpoints, final weights, curves and manifest; refused if it holds something else."
    )
    num_train_epochs: float = arg(1.0, "Passes over the training rows.", gt=0)
    max_steps: int = arg(-1, "Optimiser steps in all; -1 follows num_train_epochs.", ge=-1)
    learning_rate: float | None = arg(
        None, "Peak learning rate; none is 1e-4 for adapters, 1e-5 for full.", gt=0, none_as=0.0
    )
    per_device_train_batch_size: int = arg(1, "Rows in a training batch on each device.", ge=1)
    per_device_eval_batch_size: int = arg(1, "Rows in an evaluation batch on each device.", ge=1)
    gradient_accumulation_steps: int | None = arg(
        None, "Batches per optimiser step; none makes about 16 rows a step.", ge=1, none_as=0
    )
    warmup_ratio: float = arg(0.0, "Share of the steps in which the learning rate rises.", ge=0, le=1)
    lr_scheduler_type: str = arg(
        "cosine", "How the learning rate falls, as transformers names it: cosine, linear, constant ..."
    )
    weight_decay: float = arg(0.1, "Weight decay of AdamW.", ge=0)
    max_grad_norm: float = arg(1.0, "Gradients are clipped to this norm; 0 is no clipping.", ge=0)
    adam_beta2: float = arg(0.95, "Decay of AdamW's second moment.", ge=0, lt=1)
    logging_steps: int = arg(5, "Steps between two logged losses.", ge=1)
    eval_strategy: str | None = arg(
        None,
        "When the validation loss is measured; none follows save_strategy where there is validation data.",
        choices=_WHEN,
        none_as="",
    )
    eval_steps: int | None = arg(None, "Steps between evaluations; none is save_steps.", ge=1, none_as=0)
    save_strategy: str = arg("steps", "When a checkpoint is written.", choices=_WHEN)
    save_steps: int = arg(500, "Steps between checkpoints.", ge=1)
    save_total_limit: int | None = arg(
        None, "Checkpoints kept, the newest and the best; none keeps all.", ge=1, none_as=0
    )
    bf16: bool | None = arg(None, "Train in bfloat16; none follows torch_dtype.", none_as="")
    fp16: bool | None = arg(None, "Train in float16 with loss scaling; none follows torch_dtype.", none_as="")
    gradient_checkpointing: bool = arg(True, "Compute activations twice to save memory.")
    vit_gradient_checkpointing: bool | None = arg(
        None, "The same for the vision tower alone; none follows gradient_checkpointing.", none_as=""
    )
    packing: bool = arg(False, "Train several rows in one sequence, kept apart by their positions; cuts no row.")
    packing_length: int | None = arg(None, "Tokens of a pack; none is max_length.", ge=1, none_as=0)
    packing_strategy: str = arg(
        "binpack", "Fill packs best, or keep the order of the rows.", choices=("binpack", "sequential")
    )
    padding_free: bool = arg(False, "Join the rows of a batch to one sequence instead of padding them.")
    train_dataloader_shuffle: bool = arg(True, "False trains the rows in their order, as dataset_shuffle false does.")
    group_by_length: bool = arg(False, "Put rows of like length into a batch; the order stays random beyond that.")
    dataloader_num_workers: int | None = arg(
        None, "Processes that read rows; none picks by CPU count.", ge=0, none_as=-1
    )
    resume_from_checkpoint: str | None = arg(
        None,
        "Checkpoint folder or s3:// URI to go on from; none goes on from the newest complete one of this run in "
        "output_dir or checkpoint_uri.",
        none_as="",
    )
    resume_only_model: bool = arg(
        False, "Take only the weights of resume_from_checkpoint, and begin anew: optimizer, schedule, data."
    )
    checkpoint_uri: str = arg(
        "",
        "s3:// URI or folder of this run alone, to which complete checkpoints are copied while it trains and where the "
        "next machine finds them; empty is none.",
    )
    checkpoint_grace: float = arg(
        6.0,
        "Seconds after a signal in which the newest checkpoint may still be copied to checkpoint_uri; keep it "
        "below the time that the platform gives.",
        ge=0,
    )
    use_logits_to_keep: bool | None = arg(
        None,
        "Compute logits only where something is trained; none does so wherever the model allows it.",
        none_as="",
    )
    loss_type: str | None = arg(
        None, "Registered loss; none is the cross entropy.", choices="swift_lib.loss.mapping:loss_map", none_as=""
    )
    metric_for_best_model: str | None = arg(
        None, "Metric by which the best checkpoint is chosen; none is the loss.", none_as=""
    )
    load_best_model_at_end: bool = arg(False, "End with the best checkpoint's weights instead of the last.")

    def problems(self) -> Iterator[str]:
        """Combinations that contradict each other."""
        if self.bf16 and self.fp16:
            yield "--bf16: choose one of --bf16 and --fp16"
        if self.packing_length is not None and not self.packing:
            yield "--packing_length: means something with --packing true only"
        if self.resume_only_model and not self.resume_from_checkpoint:
            yield "--resume_only_model: of which checkpoint? Give --resume_from_checkpoint, too"
        if self.group_by_length and self.packing:
            yield "--group_by_length: packs are of one length anyway; leave it out"
        if self.load_best_model_at_end and self.eval_strategy == "no":
            yield "--load_best_model_at_end: needs evaluations, so --eval_strategy must not be no"
        if self.load_best_model_at_end and self.eval_strategy not in (None, self.save_strategy):
            yield "--load_best_model_at_end: --eval_strategy and --save_strategy must be the same"
