"""Start an OpenAI-compatible server on the merged model, ask it questions, measure it, stop it."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl
from kfp.dsl import Artifact, Input, Metrics, Model, Output

from components.images import image


@dsl.component(base_image=image("vllm"), packages_to_install=[], install_kfp_package=False)
def serve(
    merged: Input[Model],
    measurements: Output[Artifact],
    summary: Output[Metrics],
    model_type: str = "",
    template: str = "",
    system: str = "",
    serve_questions: list = [],
    serve_max_tokens: int = 64,
    serve_timeout: int = 600,
    vllm_gpu_memory_utilization: float = 0.9,
    vllm_max_model_len: int = 0,
    seed: int = 42,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
    arguments: dict = {},
) -> None:
    """Prove that the model serves: vLLM up, real questions answered, tokens per second measured."""
    values = dict(locals())
    from swift_lib.pipelines.stage import run_stage

    run_stage("serve", values)
