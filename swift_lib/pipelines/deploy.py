"""`swift deploy`: an OpenAI-compatible server, in the foreground or, for other commands, as a process of its own."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swift_lib.arguments import DeployArguments, as_arguments, load_args, save_args
from swift_lib.core import environment
from swift_lib.core.errors import EngineError, Interrupted
from swift_lib.core.logs import setup_logging
from swift_lib.core.signals import raise_on_signals
from swift_lib.infer_engine.client import InferClient
from swift_lib.infer_engine.process import ServerProcess
from swift_lib.infer_engine.server import OpenAIServer
from swift_lib.infer_engine.vllm_server import VllmServer, find_vllm, free_port
from swift_lib.model.loader import get_processor
from swift_lib.pipelines.engine import (
    build_engine,
    local_model,
    processor_options,
    request_options,
    require_generation,
)
from swift_lib.pipelines.parity import PARITY, require_served

logger = logging.getLogger(__name__)

_API_KEY = "SWIFT_API_KEY"
_ROOT = Path(__file__).resolve().parents[2]  # a child finds the package that we run, installed or not


@dataclass(frozen=True)
class RunningServer:
    """A server that answers. `url` has no path; the API is under `url`/v1."""

    url: str
    engine: str
    model_name: str
    ready_seconds: float
    process: ServerProcess


def deploy_main(args: DeployArguments | Sequence[str] | Mapping[str, Any] | None = None) -> None:
    """Serve until a signal comes."""
    arguments = as_arguments(DeployArguments, args)
    if arguments.engine.infer_backend == "vllm":
        server = _vllm_server(arguments, Path(os.devnull))
        _check_template(arguments)
        variables = environment.child_environment(server.environment)
        os.execvpe(server.command[0], server.command, variables)  # signals and output are vLLM's own from here
    _serve_here(arguments)


def _serve_here(arguments: DeployArguments) -> None:
    deploy = arguments.deploy
    engine = build_engine(arguments)
    options = request_options(arguments, seed=None)
    defaults = {
        name: value
        for name in ("max_tokens", "temperature", "top_k", "top_p", "repetition_penalty", "stop")
        if (value := getattr(options, name)) not in (None, [])
    }
    server = OpenAIServer(
        engine,
        host=deploy.host,
        port=deploy.port,
        model_name=served_name(arguments),
        api_key=_api_key(arguments),
        max_batch_size=arguments.engine.max_batch_size,
        defaults=defaults,
    )
    logger.info("serving %s at %s/v1", server.model.id, server.url)
    try:
        with raise_on_signals():
            server.serve_forever()
    except Interrupted as stopped:
        logger.info("%s", stopped)
    finally:
        server.server_close()


def served_name(arguments: Any) -> str:
    """Return the name that clients ask for."""
    return str(arguments.deploy.served_model_name or Path(arguments.model.model.rstrip("/")).name)


def _api_key(arguments: Any) -> str | None:
    return arguments.deploy.api_key or environment.get(_API_KEY) or None


def _vllm_server(arguments: Any, log_file: Path) -> VllmServer:
    engine, deploy = arguments.engine, arguments.deploy
    if arguments.model.adapters:
        raise EngineError(
            "vLLM is started on full weights here, and adapters are given",
            fix="merge them first (swift export --merge_lora true), or serve with --infer_backend transformers",
        )
    require_generation(arguments)
    return VllmServer(
        local_model(arguments.model.model),
        installation=find_vllm(engine.vllm_python),
        log_file=log_file,
        served_model_name=served_name(arguments),
        host=deploy.host,
        port=deploy.port,
        torch_dtype=arguments.model.torch_dtype,
        max_model_len=engine.vllm_max_model_len or arguments.model.max_model_len,
        gpu_memory_utilization=engine.vllm_gpu_memory_utilization,
        tensor_parallel_size=engine.vllm_tensor_parallel_size,
        enforce_eager=engine.vllm_enforce_eager,
        api_key=_api_key(arguments),
    )


def _check_prompts(args: DeployArguments, url: str) -> None:
    """A server that writes prompts otherwise than the model was trained is not ready; EngineError says where."""
    client = InferClient(base_url=f"{url}/v1", api_key=_api_key(args), model=served_name(args))
    compared = require_served(Path(local_model(args.model.model)), client.tokenise, url)
    logger.info("the server writes %d prompts as the model was trained", compared)


def _check_template(args: DeployArguments) -> None:
    """The same before vLLM takes this process: it will use the chat template in the model's folder."""
    folder = Path(local_model(args.model.model))
    if not (folder / PARITY).is_file():
        return
    processor = get_processor(str(folder), **processor_options(args))
    tokenizer = getattr(processor, "tokenizer", processor)

    def tokenise(body: Mapping[str, Any]) -> list[int]:
        options = dict(body.get("chat_template_kwargs") or {})
        return list(
            tokenizer.apply_chat_template(
                body["messages"], tools=body.get("tools"), add_generation_prompt=True, return_dict=False, **options
            )
        )

    require_served(folder, tokenise, str(folder))


@contextmanager
def run_deploy(args: DeployArguments, *, log_file: Path) -> Iterator[RunningServer]:
    """Start a server as a process of its own, wait until it is ready, and end its process group in any case.

    Raises EngineError where it does not come up within `serve_timeout`, MissingDependency where the backend is vllm and
    no interpreter can import it.
    """
    with tempfile.TemporaryDirectory() as folder:
        if args.engine.infer_backend == "vllm":
            process: Any = _vllm_server(args, log_file)
            url = process.url
        else:
            process, url = _own_server(args, log_file, Path(folder))
        with raise_on_signals(), process:
            logger.info("starting the %s; its output goes to %s", process.name, log_file)
            seconds = process.wait_ready(args.deploy.serve_timeout)
            if args.engine.infer_backend == "vllm":
                _check_prompts(args, url)
            yield RunningServer(url, args.engine.infer_backend, served_name(args), seconds, process)


def _own_server(args: DeployArguments, log_file: Path, folder: Path) -> tuple[ServerProcess, str]:
    port = args.deploy.port or free_port(args.deploy.host)
    save_args(args.replaced(port=port), folder)
    reachable = "127.0.0.1" if args.deploy.host == "0.0.0.0" else args.deploy.host
    url = f"http://{reachable}:{port}"
    added = {"PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), environment.get("PYTHONPATH")]))}
    if key := _api_key(args):
        added[_API_KEY] = key  # args.json holds no secrets
    process = ServerProcess(
        [sys.executable, "-m", "swift_lib.pipelines.deploy", str(folder)],
        health_url=f"{url}/health",
        log_file=log_file,
        environment=added,
        name="transformers server",
    )
    return process, url


if __name__ == "__main__":  # what run_deploy starts: the folder holds args.json
    loaded = load_args(DeployArguments, sys.argv[1])
    setup_logging(loaded.common.log_level)
    deploy_main(loaded)
