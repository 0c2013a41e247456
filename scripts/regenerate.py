"""Write every file that is generated: completions, man page, pictures, the examples.

Run it from a checkout, in an environment with the tool and its `dev` extra, after anything that
these show has changed:

    python -m scripts.regenerate
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from misar_ips.shell.scripts import SCRIPTS
from scripts.man_page import man_page
from scripts.pictures import PICTURES, picture
from scripts.readme import DOCUMENTS, with_examples_run

ROOT = Path(__file__).parent.parent


def generated() -> dict[Path, str]:
    """Return each generated file's path in the repository and what belongs into it."""
    texts = {}
    for path in DOCUMENTS:
        with tempfile.TemporaryDirectory() as folder:
            text = with_examples_run(path.read_text(encoding="utf-8"), Path(folder))
        texts[path.relative_to(ROOT)] = text
    return {
        **{Path("completions", name): script for name, script in SCRIPTS.values()},
        Path("man", "misar-ips.1"): man_page(),
        **{Path("pictures", name): picture(*shown) for name, shown in PICTURES.items()},
        **texts,
    }


def main() -> None:
    """Write what is not as it should be."""
    for path, text in generated().items():
        target = ROOT / path
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {path}")  # noqa: T201 - a script for people


if __name__ == "__main__":
    main()
