"""Names of the three images, so that a registry or a digest is set in one place at compile time."""

from swift_lib import __version__
from swift_lib.core import environment


def image(name: str) -> str:
    """The reference of the image `name` (pipeline, train or vllm).

    `SWIFT_IMAGE_<NAME>` gives a whole reference (a digest, best); else `SWIFT_IMAGE_PREFIX` (a registry and path) and
    `SWIFT_IMAGE_TAG` are put around the name. It contains "python" because KFP's local runner warns where it does not.
    """
    whole = environment.get(f"SWIFT_IMAGE_{name.upper()}", "")
    if whole:
        return whole
    prefix = environment.get("SWIFT_IMAGE_PREFIX", "").rstrip("/")
    tag = environment.get("SWIFT_IMAGE_TAG", __version__)
    return f"{prefix + '/' if prefix else ''}swift-{name}-python:{tag}"
