from __future__ import annotations

import mmap
import os
from pathlib import Path

from tests.torture.measured import own_memory

ROLLUP = """\
5558c4b88000-7ffd63f85000 ---p 00000000 00:00 0                          [rollup]
Rss:              104000 kB
Pss:               {pss} kB
Pss_Anon:          81568 kB
Shared_Clean:      12612 kB
Private_Dirty:     81568 kB
Anonymous:         81568 kB
AnonHugePages:         0 kB
"""


def test_memory_is_the_same_however_many_others_use_the_same_libraries() -> None:
    assert own_memory(ROLLUP.format(pss=85_717)) == own_memory(ROLLUP.format(pss=91_678)) == 81_568


def test_memory_that_is_written_to_is_counted() -> None:
    rollup = Path(f"/proc/{os.getpid()}/smaps_rollup")
    before = own_memory(rollup.read_text())
    # Not of what Python has in stock: a process that ran many tests has a lot of that.
    with mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.write(b"x" * (32 << 20))
        assert own_memory(rollup.read_text()) >= before + (30 << 10)
