"""Many runs that ask for one lease at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from contracts.errors import HeldError
from lakehouse.lease import Lease


def holders(lease: Callable[[], Lease], *, runs: int, seconds: float) -> list[str]:
    """Who got it, where every run asks in the same moment and keeps it for so long."""
    held: list[str] = []
    ready = threading.Barrier(runs)

    def take(name: str) -> None:
        ready.wait()
        try:
            with lease().hold(name):
                held.append(name)
                time.sleep(seconds)
        except HeldError:
            pass

    threads = [threading.Thread(target=take, args=(f"run-{n}",)) for n in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return held
