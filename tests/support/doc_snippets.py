"""The snippets of docs/integrations.md, by the name behind their language."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "integrations.md"


def snippets() -> dict[str, str]:
    fence = r"^```python ([\w-]+)\n(.*?)^```$"
    found = re.findall(fence, DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(dict(found)) == len(found)
    return dict(found)
