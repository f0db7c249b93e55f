"""The main pipeline: preprocess, train, merge_lora, then evaluate, reward_sampling and serve the merged model."""
# ruff: noqa: B006 - KFP reads list and dict defaults from the signature

from kfp import dsl

from components.evaluate.component import evaluate
from components.finish.component import finish
from components.merge_lora.component import merge_lora
from components.preprocess.component import preprocess
from components.reward_sampling.component import reward_sampling
from components.serve.component import serve
from components.train.component import train
from pipelines.naming import values_for
from pipelines.resources import accelerated, common

STAGES = ["preprocess", "train", "merge_lora", "evaluate", "reward_sampling", "serve"]


@dsl.pipeline(name="sft", description="Fine-tune a language model, merge it, evaluate it, sample rewards and serve it.")
def sft(
    base_model: str, data_dataset: list, eval_dataset: list, reward_dataset: list,
    base_model_type: str = "", base_template: str = "", base_system: str = "", base_task_type: str = "",
    base_num_labels: int = 0, base_problem_type: str = "", base_seed: int = 42,
    data_val_dataset: list = [], data_split_dataset_ratio: float = 0.0, data_max_length: int = 0,
    data_truncation_strategy: str = "", data_loss_scale: str = "default", data_max_drop_rate: float = 0.0,
    data_cache_uri: str = "", data_arguments: dict = {},
    train_torch_dtype: str = "", train_loss_type: str = "", train_tuner_type: str = "lora",
    train_target_modules: list = ["all-linear"],
    train_lora_rank: int = 8, train_lora_alpha: float = 32.0, train_lora_dropout: float = 0.05,
    train_num_train_epochs: float = 1.0, train_max_steps: int = -1, train_learning_rate: float = 0.0,
    train_per_device_train_batch_size: int = 1, train_gradient_accumulation_steps: int = 0,
    train_warmup_ratio: float = 0.0, train_lr_scheduler_type: str = "cosine", train_logging_steps: int = 5,
    train_save_steps: int = 500, train_checkpoint_uri: str = "", train_arguments: dict = {},
    merge_max_shard_size: str = "5GB", merge_arguments: dict = {},
    eval_metrics: list = ["exact_match"], eval_limit: int = 0, eval_max_new_tokens: int = 0,
    eval_infer_backend: str = "transformers", eval_max_batch_size: int = 1, eval_arguments: dict = {},
    reward_num_return_sequences: int = 4, reward_funcs: list = ["exact_match"], reward_n_best_to_keep: int = 1,
    reward_max_new_tokens: int = 0, reward_infer_backend: str = "transformers", reward_max_batch_size: int = 1,
    reward_arguments: dict = {},
    serve_questions: list = [], serve_max_tokens: int = 64, serve_timeout: int = 600,
    serve_vllm_gpu_memory_utilization: float = 0.9, serve_vllm_max_model_len: int = 0, serve_arguments: dict = {},
    infra_accelerator_type: str = "nvidia.com/gpu", infra_gpus: str = "0", infra_node_selector: dict = {},
    infra_tolerations: list = [], infra_s3_secret_name: str = "swift-s3", infra_hf_secret_name: str = "swift-hf",
    infra_mlflow_secret_name: str = "swift-mlflow",
    track_uri: str = "", track_experiment: str = "swift", track_run_key: str = "",
) -> None:  # fmt: skip
    """One straight line to the merged model, then three readers of it; `finish` runs whatever happened."""
    given = dict(locals())
    closing = finish(stages=STAGES, track_uri=track_uri, track_experiment=track_experiment, track_run_key=track_run_key)
    common(closing, given)
    with dsl.ExitHandler(closing, name="stages"):
        data = preprocess(**values_for("preprocess", given))
        tuning = train(tokens=data.outputs["tokens"], **values_for("train", given))
        merging = merge_lora(trained=tuning.outputs["trained"], **values_for("merge_lora", given))
        merged = merging.outputs["merged"]
        scores = evaluate(merged=merged, **values_for("evaluate", given))
        rewards = reward_sampling(merged=merged, **values_for("reward_sampling", given))
        serving = serve(merged=merged, **values_for("serve", given))
        for task in (data, tuning, merging, scores, rewards, serving):
            common(task, given)
        for task in (tuning, scores, rewards, serving):
            accelerated(task, given)
