"""Sample answers, score them with reward functions, keep all with scores and select the best."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from components.images import image


@dsl.component(base_image=image("vllm"), packages_to_install=[], install_kfp_package=False)
def reward_sampling(
    merged: Input[Model],
    samples: Output[Dataset],
    report: Output[HTML],
    summary: Output[Metrics],
    dataset: list,
    model_type: str = "",
    template: str = "",
    system: str = "",
    num_return_sequences: int = 4,
    reward_funcs: list = ["exact_match"],
    n_best_to_keep: int = 1,
    max_new_tokens: int = 0,
    infer_backend: str = "transformers",
    max_batch_size: int = 1,
    seed: int = 42,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
    arguments: dict = {},
) -> None:
    """Sample several answers a prompt and score each of them."""
    values = dict(locals())
    from swift_lib.pipelines.stage import run_stage

    run_stage("reward_sampling", values)
