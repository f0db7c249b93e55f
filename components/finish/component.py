"""The exit task of every DAG: were all outputs written, and close the tracking run."""

from kfp import dsl
from kfp.dsl import Artifact, Output, PipelineTaskFinalStatus

from components.images import image


@dsl.component(base_image=image("pipeline"), packages_to_install=[], install_kfp_package=False)
def finish(
    report: Output[Artifact],
    status: PipelineTaskFinalStatus,
    stages: list,
    track_uri: str = "",
    track_experiment: str = "swift",
    track_run_key: str = "",
) -> None:
    """Check each stage's outputs against its manifest and close the parent run, whatever happened."""
    values = dict(locals())
    from swift_lib.pipelines.finish import run_finish

    run_finish(values)
