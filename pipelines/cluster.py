"""A run on a KFP installation, through its client."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift_lib.core import environment
from swift_lib.core.errors import PipelineError

ENDPOINT_VARIABLES = ("KF_PIPELINES_ENDPOINT", "KFP_ENDPOINT")


def endpoint() -> tuple[str, str]:
    """The endpoint and the name of the variable that gives it; two empty strings without one."""
    for name in ENDPOINT_VARIABLES:
        if value := environment.get(name):
            return value, name
    return "", ""


def submit(package: Path, arguments: Mapping[str, Any], *, run_id: str, experiment: str, service_account: str) -> str:
    """Start a run of the compiled pipeline, without KFP's cache (it keys on a URI's text); the address of its page."""
    host, _ = endpoint()
    # The client's import takes most of a second and its constructor asks the server, so both come last.
    import kfp
    import kfp_server_api
    import urllib3

    try:
        client = kfp.Client(
            host=host,
            namespace=environment.get("KFP_NAMESPACE", "kubeflow"),
            existing_token=environment.get("KFP_TOKEN") or None,
        )
        started = client.create_run_from_pipeline_package(
            str(package),
            arguments=dict(arguments),
            run_name=run_id,
            experiment_name=experiment,
            enable_caching=False,
            service_account=service_account or None,
        )
    except (kfp_server_api.ApiException, urllib3.exceptions.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise PipelineError(
            f"KFP did not take the run: {' '.join(str(error).split())[:600]}",
            where=host,
            fix="check the endpoint and its credentials, for instance with kubectl port-forward",
        ) from error
    return f"{environment.get('KF_PIPELINES_UI_ENDPOINT', host).rstrip('/')}/#/runs/details/{started.run_id}"
