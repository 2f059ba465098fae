"""Lists of names of any length, Tracee's own among them."""

from __future__ import annotations

import random

from illshell.signatures.illegitimate_shell.names import WEB_SERVERS


def many_names(count: int) -> list[str]:
    """Give ``count`` different names of 4 to 15 letters, as many of Tracee's first as fit."""
    rng = random.Random(count)
    names = dict.fromkeys(WEB_SERVERS[:count])
    while len(names) < count:
        letters = (chr(97 + rng.getrandbits(8) % 26) for _ in range(4 + rng.getrandbits(8) % 12))
        names["".join(letters)] = None
    return list(names)
