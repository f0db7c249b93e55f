"""Score the merged model, and the base beside it, by generation."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Metrics, Model, Output

from components.images import image


@dsl.component(base_image=image("vllm"), packages_to_install=[], install_kfp_package=False)
def evaluate(
    merged: Input[Model],
    results: Output[Artifact],
    report: Output[HTML],
    summary: Output[Metrics],
    eval_dataset: list,
    base_model: str = "",
    model_type: str = "",
    template: str = "",
    system: str = "",
    eval_metrics: list = ["exact_match"],
    eval_limit: int = 0,
    max_new_tokens: int = 0,
    infer_backend: str = "transformers",
    max_batch_size: int = 1,
    seed: int = 42,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
    arguments: dict = {},
) -> None:
    """Ask both models the same prompts with the same seeds and compare their answers."""
    values = dict(locals())
    from swift_lib.pipelines.stage import run_stage

    run_stage("evaluate", values)
