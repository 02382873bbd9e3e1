"""What Paddle has to be told about a processor before it is imported."""

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def fast_arithmetic(cpu_info: Path = CPU_INFO) -> dict[str, str]:
    """Return the environment variables with which Paddle multiplies matrices at this processor's full speed.

    Paddle brings a version of Intel's MKL that gives processors of other makers its slowest code, SSE2,
    unless MKL_DEBUG_CPU_TYPE=5 says that they know AVX2: the tiny model trains in three fifths of the time.
    """
    try:
        words = cpu_info.read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # not Linux
        return {}
    is_foreign = "GenuineIntel" not in words
    return {"MKL_DEBUG_CPU_TYPE": "5"} if is_foreign and "avx2" in words else {}
