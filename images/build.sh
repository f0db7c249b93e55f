#!/bin/sh
# Build the three images: images/build.sh [pipeline|train|vllm ...]
#
#   ENGINE       docker or podman (found on PATH)
#   BASE_IMAGE   base of all three; BASE_IMAGE=debootstrap makes one where no registry can be reached
#   VARIANT      cpu (default) or cuda: which lock files are installed
#   PREFIX, TAG  name of the result: ${PREFIX}swift-<name>-python:${TAG}
#   TORCH_INDEX  index of the CPU build of torch
set -eu
cd "$(dirname "$0")/.."

ENGINE=${ENGINE:-$(command -v docker || command -v podman || true)}
[ -n "$ENGINE" ] || { echo "images: neither docker nor podman is on PATH" >&2; exit 1; }
PYTHON=${PYTHON:-.venv/bin/python}
VARIANT=${VARIANT:-cpu}
BASE_IMAGE=${BASE_IMAGE:-debian:bookworm-slim}
TAG=${TAG:-$("$PYTHON" -c 'import swift_lib; print(swift_lib.__version__)')}
COMMIT=$(git rev-parse HEAD 2>/dev/null || true)

if [ "$BASE_IMAGE" = debootstrap ]; then
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase bookworm "$root/tree" ${DEBIAN_MIRROR:-}
    tar -C "$root/tree" -c . | "$ENGINE" import - swift-base:bookworm
    BASE_IMAGE=swift-base:bookworm
fi

rm -rf dist
"$PYTHON" -m pip wheel --no-deps --wheel-dir dist . >/dev/null

# The lock of an image, and torch where the lock leaves it out.
lock() {
    case "$1-$VARIANT" in
        train-cuda) echo locks/cuda-train.txt ;;
        vllm-cuda) echo locks/cuda-vllm.txt ;;
        *) echo locks/pipeline.txt ;;
    esac
}
torch() {
    case "$1" in
        locks/pipeline.txt) echo "torch==2.13.0" ;;
    esac
}

[ $# -gt 0 ] || set -- pipeline train vllm
for name; do
    [ -f "images/$name.Containerfile" ] || { echo "images: there is no image $name" >&2; exit 1; }
    file=$(lock "$name")
    set -- -f "images/$name.Containerfile" -t "${PREFIX:-}swift-$name-python:$TAG"
    [ -z "${TORCH_INDEX:-}" ] || set -- "$@" --build-arg "TORCH_INDEX=$TORCH_INDEX"
    "$ENGINE" build "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "LOCK=$file" \
        --build-arg "TORCH=$(torch "$file")" --build-arg "COMMIT=$COMMIT" .
done
