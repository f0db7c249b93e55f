"""Rows become tokens, once: the dataset artifact that every trainer reads."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl
from kfp.dsl import HTML, Dataset, Metrics, Output

from components.images import image


@dsl.component(base_image=image("pipeline"), packages_to_install=[], install_kfp_package=False)
def preprocess(
    tokens: Output[Dataset],
    preview: Output[HTML],
    summary: Output[Metrics],
    model: str,
    dataset: list,
    val_dataset: list = [],
    eval_dataset: list = [],
    split_dataset_ratio: float = 0.0,
    model_type: str = "",
    template: str = "",
    system: str = "",
    task_type: str = "",
    num_labels: int = 0,
    problem_type: str = "",
    max_length: int = 0,
    truncation_strategy: str = "",
    loss_scale: str = "default",
    max_drop_rate: float = 0.0,
    data_cache_uri: str = "",
    seed: int = 42,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
    arguments: dict = {},
) -> None:
    """Tokenise, mask and validate chat rows; refuse what cannot be trained on."""
    values = dict(locals())
    from swift_lib.pipelines.stage import run_stage

    run_stage("preprocess", values)
