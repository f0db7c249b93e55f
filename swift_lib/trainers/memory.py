"""How much memory this process takes and may take: the device's where there is one, else what is resident."""

import os
import resource
import sys
from pathlib import Path

import torch

GIB = 1024**3

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def on_device() -> bool:
    """Whether the device's memory is what counts."""
    return torch.cuda.is_available()


def wait_for_device() -> None:
    """Let the device finish what it was told to do, so that the time of it can be taken."""
    if on_device():
        torch.cuda.synchronize()


def peak_bytes() -> int:
    """The most that was taken since the start or the last `reset_peak`: allocated on the device, else resident."""
    if on_device():
        return int(torch.cuda.max_memory_allocated())
    found = _status("VmHWM")
    if found is None:
        found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return found


def current_bytes() -> int:
    """What is taken now; where the system does not tell, the peak."""
    if on_device():
        return int(torch.cuda.memory_allocated())
    found = _status("VmRSS")
    return peak_bytes() if found is None else found


def reset_peak() -> None:
    """Begin a new peak at what is taken now; without effect where the system has no way to."""
    if on_device():
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        _CLEAR.write_text("5")  # proc(5): resets the peak resident set size
    except OSError:
        return


def capacity_bytes() -> int:
    """What this process may take: the device's memory, else the machine's or its container's limit."""
    if on_device():
        return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)
    sizes = [_machine_bytes()]
    for path in _LIMITS:
        text = path.read_text().strip() if path.is_file() else ""
        if text.isdigit():
            sizes.append(int(text))
    return min(sizes)


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _status(name: str) -> int | None:
    """A field of /proc/self/status in bytes; None where there is none."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith(f"{name}:")), None)
    return None if line is None else int(line.split()[1]) * 1024
