"""Adapter plus base becomes full weights; full weights pass through."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl
from kfp.dsl import Input, Metrics, Model, Output

from components.images import image


@dsl.component(base_image=image("train"), packages_to_install=[], install_kfp_package=False)
def merge_lora(
    trained: Input[Model],
    merged: Output[Model],
    summary: Output[Metrics],
    model: str,
    model_type: str = "",
    template: str = "",
    max_shard_size: str = "5GB",
    seed: int = 42,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
    arguments: dict = {},
) -> None:
    """Fold a LoRA adapter into its base; always runs, so that a DAG needs no branch over artifacts."""
    values = dict(locals())
    from swift_lib.pipelines.stage import run_stage

    run_stage("merge_lora", values)
