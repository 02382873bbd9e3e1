"""Environment variables that Paddle's arithmetic needs on some processors."""

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def fast_arithmetic(cpu_info: Path = CPU_INFO) -> dict[str, str]:
    """Return the environment variables that let Paddle multiply matrices at full speed on this processor.

    Set them before Paddle is imported. Paddle ships a version of Intel's MKL that runs SSE2 code on the
    processors of other makers. With MKL_DEBUG_CPU_TYPE=5 it runs AVX2 code, and the tiny model trains in 60 %
    of the time. Nothing is returned for Intel's processors, and for processors without AVX2.
    """
    try:
        words = cpu_info.read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # not Linux
        return {}
    is_foreign = "GenuineIntel" not in words
    return {"MKL_DEBUG_CPU_TYPE": "5"} if is_foreign and "avx2" in words else {}
