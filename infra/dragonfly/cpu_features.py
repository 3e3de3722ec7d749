"""The CPU features that Dragonfly's image for arm64 needs.

helio, Dragonfly's library, is compiled for aarch64 with
`-march=armv8.2-a+fp16+rcpc+dotprod+crypto` (its cmake/internal.cmake), and Dragonfly's Makefile
sets another target only for x86-64. GCC may therefore use any of these features, and it compiles
atomic operations to LSE instructions. ARMv8.0 CPUs have no LSE: there Dragonfly exits with SIGILL
before `main` (issue 777 about 0.15.0, with a backtrace; 2479 about 1.17.1; 7904 about 1.37.0).
"""

from collections.abc import Collection

ATOMICS = "atomics"
"""The Large System Extensions (LSE)."""

# The kernel's names (arch/arm64/kernel/cpuinfo.c): those of ARMv8.1, fp16, rcpc, dotprod, crypto.
_REQUIRED = (
    *(ATOMICS, "crc32", "asimdrdm"),
    *("fphp", "asimdhp"),
    "lrcpc",
    "asimddp",
    *("aes", "pmull", "sha1", "sha2"),
)


def list_missing_features(features: Collection[str]) -> list[str]:
    """Return the features that Dragonfly's image needs and an arm64 CPU does not have."""
    return [name for name in _REQUIRED if name not in features]
