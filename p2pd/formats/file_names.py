"""Names of a torrent's files that are not those in the torrent: what users and other programs gave.

Of a torrent only the names change; where its bytes lie in the piece space does not. What is kept is
what differs from the torrent: rows of a file's index and the parts of its path, and before these
one of an empty index with the top name, if that is another one for all files. Of a torrent whose
files may not be known yet the first row can have `LAYOUT` for an index, and then one of LAYOUTS.
"""

from __future__ import annotations

from typing import Iterable, Sequence

from p2pd.base.errors import FormatError
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.safe_paths import MAX_PATH_DEPTH, Path, path_key, safe_component

Names = tuple[tuple[str, ...], ...]

LAYOUT = "*"
ORIGINAL, SUBFOLDER, NO_SUBFOLDER = "original", "subfolder", "no_subfolder"
LAYOUTS = (ORIGINAL, SUBFOLDER, NO_SUBFOLDER)
"""As the torrent has it; a single file in a folder, too; several files in none of their own."""

PART = ".part"
"""What stands behind the name of a file that is not complete."""


def layout_of(metainfo: Metainfo, names: Names) -> FileLayout:
    """A torrent's layout with the names that are kept. Raises FormatError if they make no sense."""
    return with_names(FileLayout.of(metainfo), names)


def with_names(layout: FileLayout, names: Names) -> FileLayout:
    """A layout as it is in the torrent, with these names. Raises FormatError, as `layout_of`."""
    if not names:
        return layout
    paths = [file.path for file in layout.files]
    for number, *parts in names:
        if number == LAYOUT and len(parts) == 1 and parts[0] in LAYOUTS:
            paths = [_laid_out(path, parts[0]) for path in paths]
        elif not number and len(parts) == 1:
            paths = [(parts[0], *path[1:]) for path in paths]
        elif number.isdecimal() and len(number) < 10 and int(number) < len(paths) and parts:
            paths[int(number)] = tuple(parts)
        else:
            raise FormatError("the names of its files make no sense")
    renamed = layout.with_paths(paths)
    _check(names, renamed)
    return renamed


def wanted_names(name: str, content_layout: str) -> Names:
    """What is to be kept of a torrent that is added under another name, or laid out otherwise.

    Where files have no folder of their own it has no name on the disk. Raises FormatError.
    """
    if name and safe_component(name) != name:
        raise FormatError(f"{name!r} cannot be the name of a file")
    rows: list[tuple[str, ...]] = []
    if content_layout != ORIGINAL:
        rows.append((LAYOUT, content_layout))
    if name and content_layout != NO_SUBFOLDER:
        rows.append(("", name))
    return tuple(rows)


def _laid_out(path: Path, content_layout: str) -> Path:
    if content_layout == SUBFOLDER and len(path) == 1:
        stem, _, extension = path[0].rpartition(".")
        return (safe_component(stem if stem.strip(". ") else extension), *path)
    if content_layout == NO_SUBFOLDER and len(path) > 1:
        return path[1:]
    return path


def names_between(original: FileLayout, renamed: FileLayout) -> Names:
    """What is to be kept of a layout with other names."""
    before = [file.path for file in original.files]
    rows: list[tuple[str, ...]] = []
    tops = {file.path[0] for file in renamed.files if not file.pad}
    if len(tops) == 1 and tops != {path[0] for path in before}:
        top = tops.pop()
        rows.append(("", top))
        before = [(top, *path[1:]) for path in before]
    for index, (old, file) in enumerate(zip(before, renamed.files, strict=True)):
        if old != file.path and not file.pad:
            rows.append((str(index), *file.path))
    return tuple(rows)


def names_given(layout: FileLayout, paths: Sequence[str]) -> Names:
    """What is to be kept where the files that users see have these paths; empty: as in the torrent.

    Raises FormatError.
    """
    wanted = iter(paths)
    after = []
    for file in layout.files:
        given = "" if file.pad else next(wanted, None)
        if given is None:
            raise FormatError("there are fewer names than files")
        after.append(tuple(given.split("/")) if given else file.path)
    if next(wanted, None) is not None:
        raise FormatError("there are more names than files")
    names = names_between(layout, layout.with_paths(after))
    with_names(layout, names)
    return names


def top_name(layout: FileLayout, otherwise: str) -> str:
    """What all files are or lie in; `otherwise`, if they lie in several folders."""
    tops = {file.path[0] for file in layout.files if not file.pad}
    return tops.pop() if len(tops) == 1 else otherwise


def renamed(layout: FileLayout, path: str, name: str) -> FileLayout:
    """The layout with another name for one file, or for one folder and so for all that is in it.

    `path` is as clients see it, with the top folder. Raises FormatError, in words for a user.
    """
    parts = tuple(path.split("/"))
    if safe_component(name) != name:
        raise FormatError(f"{name!r} cannot be the name of a file")
    depth, target = len(parts), (*parts[:-1], name)
    inside = [file.path[:depth] == parts for file in layout.files]
    if not any(here for here, file in zip(inside, layout.files, strict=True) if not file.pad):
        raise FormatError(f"the torrent has neither a file nor a folder {path!r}")
    key = path_key(target)
    for here, file in zip(inside, layout.files, strict=True):
        partial = (*file.path[:-1], file.path[-1] + PART)
        if here or file.pad:
            continue
        if key in (path_key(file.path[:depth]), path_key(partial)):
            raise FormatError(f"{'/'.join(target)!r} is in the torrent already")
    return layout.with_paths(
        (*target, *file.path[depth:]) if here else file.path
        for here, file in zip(inside, layout.files, strict=True)
    )


def partial_paths(layout: FileLayout) -> dict[int, Path]:
    """For each file the path that it has until it is complete.

    None for what holds nothing, and where the name would be too long or another file's.
    """
    taken = {path_key(file.path[:depth]) for file in layout.files if not file.pad
             for depth in range(1, len(file.path) + 1)}  # fmt: skip
    found = {}
    for index, file in enumerate(layout.files):
        if file.pad or not file.length or file.symlink is not None:
            continue
        path = (*file.path[:-1], file.path[-1] + PART)
        if safe_component(path[-1]) == path[-1] and path_key(path) not in taken:
            found[index] = path
    return found


def _check(names: Names, layout: FileLayout) -> None:
    """Whether these names are safe, and no two files meet. Raises FormatError."""
    for number, *parts in names:
        if number == LAYOUT:
            continue
        if len(parts) > MAX_PATH_DEPTH or any(safe_component(part) != part for part in parts):
            raise FormatError("the names of its files are not safe")
    if not _distinct(path_key(file.path) for file in layout.files if not file.pad):
        raise FormatError("two of its files have one name")


def _distinct(keys: Iterable[Sequence[str]]) -> bool:
    files, folders = set[Sequence[str]](), set[Sequence[str]]()
    for key in keys:
        if key in files:
            return False
        files.add(key)
        folders.update(key[:depth] for depth in range(1, len(key)))
    return not files & folders
