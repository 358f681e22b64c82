"""Another Dagster project that installs this package and holds component files of its own."""

from pathlib import Path

_PYPROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "their_project"\n'
_DEFINITIONS = """
from pathlib import Path
import dagster as dg

@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


def write_project(folder: Path) -> Path:
    """The project `their_project` in a folder; its component files go below `their_project/defs`."""
    (folder / "pyproject.toml").write_text(_PYPROJECT)
    package = folder / "their_project"
    (package / "defs").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(_DEFINITIONS)
    return folder
