"""What every command takes."""

from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class CommonArguments:
    """Common."""

    seed: int = arg(42, "Seed of everything random.", ge=0)
    external_plugins: list[str] = arg(
        [],
        "Python files imported before arguments are checked; they register models, templates, losses, rewards ...",
        aliases=("custom_register_path",),
    )
    log_level: str = arg(
        "info", "Least important messages that are shown.", choices=("debug", "info", "warning", "error")
    )
    debug: bool = arg(False, "Show the traceback of an error.")


@dataclass(frozen=True, kw_only=True)
class TrackingArguments:
    """Tracking."""

    track_uri: str = arg("", "MLflow tracking URI; empty takes MLFLOW_TRACKING_URI, `none` switches tracking off.")
    track_experiment: str = arg("swift", "MLflow experiment.")
    track_run_key: str = arg(
        "", "Stages with one key share a parent run (a pipeline's run id); empty is a run of its own."
    )
    run_name: str = arg("", "Name shown for the run; empty makes one up.")
