"""Builds a wheel whose hot path is compiled to C, when EXEAT_COMPILE is set; otherwise the wheel is plain Python.

The modules listed in pyproject.toml are those that every request passes through. mypyc translates them as they stand
(they are typed strictly already), and the compiled modules go into the wheel beside their sources.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's hook: adds the compiled modules to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a temporary copy and name the results; an editable install is never compiled."""
        if version != "standard" or not os.environ.get("EXEAT_COMPILE"):  # noqa: TID251 - not part of the program
            return
        root = Path(self.root)
        self._folder = Path(tempfile.mkdtemp(prefix="exeat-compile-"))
        shutil.copytree(root / "src" / "exeat", self._folder / "exeat", ignore=shutil.ignore_patterns("__pycache__"))
        built = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-m", "mypyc", *self.config["modules"]],
            cwd=self._folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if built.returncode:
            last_words = (built.stdout + built.stderr)[-3000:]
            raise SystemExit(f"mypyc failed; it needs a C compiler and Python's headers.\n{last_words}")
        libraries = [*self._folder.glob("*.so"), *self._folder.glob("exeat/**/*.so")]
        build_data["force_include"].update({str(path): str(path.relative_to(self._folder)) for path in libraries})
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the copy."""
        folder = getattr(self, "_folder", None)
        if folder is not None:
            shutil.rmtree(folder)
