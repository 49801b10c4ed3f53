"""Where the files lie that are no Python: models, pixel, configuration, the runbook. Read, never written.

In a checkout they lie beside the packages. A wheel carries them inside this one (pyproject.toml says which),
because names such as `clients` or `docs` belong to nobody among an environment's packages.
"""

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_A_WHEEL = _PACKAGE / "data"

#: False: this is a checkout, whose own folders may be written, such as dbt's `target`.
IS_INSTALLED = _IN_A_WHEEL.is_dir()
#: The folder of all these files.
DATA = _IN_A_WHEEL if IS_INSTALLED else _PACKAGE.parent
DBT_PROJECT = DATA / "dbt_project"
#: The built scripts, as the collector serves them.
PIXEL = DATA / "pixel" / "dist"

#: Folders of our code: the packages, and the environment that runs them.
CODE = (_PACKAGE.parent, Path(sys.prefix).resolve())
