"""What a user writes in Python: orjson on each line of stdin, and out what the rule finds."""

from __future__ import annotations

import sys

import orjson
from contenders.contender import hit


def main() -> None:
    for line in sys.stdin.buffer:
        if hit(orjson.loads(line)):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
