"""The whole extension surface: one group of entry points.

    [project.entry-points."lexel.methods"]
    mymerge = "my_package.mymerge:MyMerge"

The name is what a pipeline says, and the name of the file too where `repr` is `stage_text`. The class is a tokenizer
(`tokenize`), a selector (`plan`) or a step (`__call__`); `lexel.testing` has the contract that it stands under.
Names come from metadata; code is loaded when a pipeline first uses it, never to list it. Methods of lexel win over
a plug-in of the same name. `LEXEL_PLUGINS=0` turns all of them off.
"""

from importlib.metadata import EntryPoint, entry_points

from lexel.settings import settings

GROUP = "lexel.methods"


def plugins() -> dict[str, EntryPoint]:
    """Third-party methods by name, not loaded. Scanning the metadata takes about 40 ms: ask only when needed."""
    if not settings().plugins:
        return {}
    return {point.name: point for point in entry_points(group=GROUP)}
