"""What a task asks of a cluster: an accelerator, a node, shared memory, secrets. Harmless on a CPU, ignored locally.

Values are run parameters, so one compiled pipeline serves a laptop, a CPU pool and any GPU pool. Two things stay fixed
at compile time because KFP has no dynamic form of them: the size limit of /dev/shm (a ceiling, not a reservation) and
the environment variable that carries the run's id.
"""

from collections.abc import Mapping
from typing import Any

from kfp import kubernetes

# `infra_*` parameters have no field in a dataclass; their help lives here.
HELP = {
    "infra_accelerator_type": "Resource name of the accelerator, as the node advertises it.",
    "infra_gpus": 'Accelerators for each of train, evaluate, reward_sampling and serve; "0" runs them on the CPU. '
    "Train starts a process for each.",
    "infra_node_selector": "Node labels for those stages, as a JSON object.",
    "infra_tolerations": "Tolerations for those stages, as a JSON list.",
    "infra_s3_secret_name": "Optional secret with the keys access_key, secret_key and endpoint.",
    "infra_hf_secret_name": "Optional secret with the key token for the Hugging Face hub.",
    "infra_mlflow_secret_name": "Optional secret with the keys username and password for MLflow.",
}

SECRETS = {
    "infra_s3_secret_name": {
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "endpoint": "AWS_ENDPOINT_URL",
    },
    "infra_hf_secret_name": {"token": "HF_TOKEN"},
    "infra_mlflow_secret_name": {"username": "MLFLOW_TRACKING_USERNAME", "password": "MLFLOW_TRACKING_PASSWORD"},
}
RUN_ID_ENV = "KFP_RUN_ID"
SHARED_MEMORY = "16Gi"


def common(task: Any, given: Mapping[str, Any]) -> None:
    """What every stage gets: no cache, the run's id, credentials where the secrets exist. `given`: the pipeline's."""
    task.set_caching_options(False)
    # A field path, not a parameter: it is filled by Kubernetes and no placeholder has to be resolved by a local runner.
    kubernetes.use_field_path_as_env(task, RUN_ID_ENV, "metadata.labels['pipeline/runid']")
    for parameter, keys in SECRETS.items():
        kubernetes.use_secret_as_env(task, secret_name=given[parameter], secret_key_to_env=keys, optional=True)


def accelerated(task: Any, given: Mapping[str, Any]) -> None:
    """A stage that uses a GPU where there is one. Counts are text because KFP's driver reads resources as strings."""
    kind, count = given["infra_accelerator_type"], given["infra_gpus"]
    # KFP passes a parameter that only a resource setting names into the task, but not into the group around it.
    task.register_pipeline_channels([kind, count])
    task.set_accelerator_type(kind)
    task.set_accelerator_limit(count)
    kubernetes.add_node_selector_json(task, given["infra_node_selector"])
    kubernetes.add_toleration_json(task, given["infra_tolerations"])
    # The default of 64 MiB ends data workers, NCCL and vLLM.
    kubernetes.empty_dir_mount(
        task, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory", size_limit=SHARED_MEMORY
    )
