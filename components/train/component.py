"""Supervised fine-tuning on the token dataset: an adapter or full weights."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from components.images import image


@dsl.component(base_image=image("train"), packages_to_install=[], install_kfp_package=False)
def train(
    tokens: Input[Dataset],
    trained: Output[Model],
    curves: Output[HTML],
    summary: Output[Metrics],
    model: str,
    model_type: str = "",
    template: str = "",
    system: str = "",
    task_type: str = "",
    num_labels: int = 0,
    problem_type: str = "",
    torch_dtype: str = "",
    loss_type: str = "",
    tuner_type: str = "lora",
    target_modules: list = ["all-linear"],
    lora_rank: int = 8,
    lora_alpha: float = 32.0,
    lora_dropout: float = 0.05,
    num_train_epochs: float = 1.0,
    max_steps: int = -1,
    learning_rate: float = 0.0,
    per_device_train_batch_size: int = 1,
    gradient_accumulation_steps: int = 0,
    warmup_ratio: float = 0.0,
    lr_scheduler_type: str = "cosine",
    logging_steps: int = 5,
    save_steps: int = 500,
    checkpoint_uri: str = "",
    seed: int = 42,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
    arguments: dict = {},
) -> None:
    """Fine-tune a base model with LoRA or with all its parameters."""
    values = dict(locals())
    from swift_lib.pipelines.stage import run_stage

    run_stage("train", values)
