"""pyiceberg's overwrite, made safe for threads."""

from __future__ import annotations

from collections.abc import Callable

from pyiceberg.manifest import ManifestFile
from pyiceberg.table.update.snapshot import (
    _OverwriteFiles,  # the library offers no other way to a producer of one's own
)


class Overwrite(_OverwriteFiles):
    """Looks at each manifest with an evaluator of its own.

    pyiceberg 0.12 shares one between the threads in which it looks for the files to delete, and an evaluator keeps the
    manifest it looks at: one thread then judges by another's bounds, passes over a manifest that has a file, and the
    commit fails for a file that is there.
    """

    def _build_manifest_evaluator(self, spec_id: int) -> Callable[[ManifestFile], bool]:
        build = super()._build_manifest_evaluator

        def judge(manifest: ManifestFile) -> bool:
            return build(spec_id)(manifest)

        return judge
