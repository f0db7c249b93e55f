#!/bin/sh
# Build the three images: images/build.sh [pipeline|train|vllm ...] [-- options of the engine's build command]
#
#   ENGINE       docker or podman (found on PATH)
#   BASE_IMAGE   base of all three; BASE_IMAGE=debootstrap makes one (once) where no registry can be reached
#   VARIANT      cpu (default) or cuda: which lock files are installed
#   PREFIX, TAG  name of the result: ${PREFIX}swift-<name>-python:${TAG}
#   TORCH_INDEX  index of the CPU build of torch, where pip finds it in none that it is configured for
#
# A proxy, a mirror or a certificate of your own goes behind `--`, for example:
#   images/build.sh train -- --network host --volume /etc/pip.conf:/etc/pip.conf:ro
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "images: $*" >&2
    exit 1
}

names=
while [ $# -gt 0 ]; do
    name=$1
    shift
    [ "$name" != -- ] || break
    [ -f "images/$name.Containerfile" ] || fail "there is no image $name (options of the engine go behind --)"
    names="$names $name"
done

ENGINE=${ENGINE:-$(command -v docker || command -v podman || true)}
[ -n "$ENGINE" ] || fail "neither docker nor podman is on PATH"
VARIANT=${VARIANT:-cpu}
case $VARIANT in cpu | cuda) ;; *) fail "VARIANT is $VARIANT; it may be cpu or cuda" ;; esac
BASE_IMAGE=${BASE_IMAGE:-docker.io/library/debian:bookworm-slim}
TAG=${TAG:-$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)}
COMMIT=$(git describe --always --abbrev=40 --exclude '*' --dirty 2>/dev/null || true)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ "$BASE_IMAGE" = debootstrap ]; then
    BASE_IMAGE=swift-base:bookworm
    if ! "$ENGINE" image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
        command -v debootstrap >/dev/null || fail "debootstrap is not on PATH"
        debootstrap --variant=minbase bookworm "$scratch/tree" ${DEBIAN_MIRROR:-}
        tar -C "$scratch/tree" -c . | "$ENGINE" import - "$BASE_IMAGE"
        rm -rf "$scratch/tree"
    fi
fi

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

# Only what the images take is handed to the engine: not the environments, the outputs or compiled files of the tree.
mkdir "$scratch/context"
tar -c --exclude __pycache__ locks/*.txt pyproject.toml README.md LICENSE swift_lib | tar -C "$scratch/context" -x

for name in ${names:-pipeline train vllm}; do
    file=$(lock "$name")
    reference="${PREFIX:-}swift-$name-python:$TAG"
    "$ENGINE" build "$@" --file "images/$name.Containerfile" --tag "$reference" \
        --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "LOCK=$file" --build-arg "TORCH=$(torch "$file")" \
        ${TORCH_INDEX:+--build-arg "TORCH_INDEX=$TORCH_INDEX"} \
        --build-arg "COMMIT=$COMMIT" --build-arg "IMAGE=$reference" "$scratch/context"
    echo "images: $reference is built ($VARIANT)"
done
