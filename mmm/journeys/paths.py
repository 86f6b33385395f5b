"""Bare channel sequences become codes: each distinct text is split once, in Arrow."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.errors import InputError, name_rows

# Texts coded at once: what is split off stays in the processor's cache.
PIECE = 2**14
_TIMES = re.compile(r"(.*\S)\s*×\s*([1-9]\d{0,3})\s*")  # a channel several times in a row


@dataclass(frozen=True, eq=False)
class CodedPaths:
    """Paths as codes.

    Attributes
    ----------
    channels : tuple of str
        Sorted by code point.
    touch : ndarray of int32, shape (n_touches,)
        Positions in `channels`, path after path.
    start : ndarray of int64, shape (n_paths + 1,)
        Path ``j`` owns ``touch[start[j]:start[j + 1]]``.
    row : ndarray of int64, shape (n_rows,), or None
        Which path each row given is, where equal rows were merged; None: path ``j`` is row ``j``.
    """

    channels: tuple[str, ...]
    touch: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64] | None

    @property
    def n_rows(self) -> int:
        """Number of rows given."""
        return len(self.start) - 1 if self.row is None else len(self.row)

    def added_up(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum weights of rows, shape (n_rows,), by path."""
        if self.row is None:
            return weights
        sums = np.bincount(self.row, weights, len(self.start) - 1)
        return sums.astype(np.float64, copy=False)


def code_paths(
    paths: Iterable[str | Sequence[str]], sep: str, reserved: str, *, merge: bool = False
) -> CodedPaths:
    """Split texts on `sep`, take sequences as they stand, and replace names by codes.

    Parameters
    ----------
    paths : iterable of str or of sequences of str
    sep : str
    reserved : str
        A name that no channel may have.
    merge : bool, default False
        Whether equal rows become one path.

    Returns
    -------
    CodedPaths

    Raises
    ------
    InputError
        If a path or a name is empty, reserved or no text.

    Examples
    --------
    >>> coded = code_paths(["b > a", ["a > b"]], " > ", "(none)")
    >>> coded.channels, coded.touch.tolist(), coded.start.tolist()
    (('a', 'a > b', 'b'), [2, 0, 1], [0, 2, 3])
    """
    if not (isinstance(sep, str) and sep):
        raise InputError(f"sep is {sep!r}. Pass the text between two channels, such as ' > '.")
    pieces, row = _pieces(paths, sep, merge)
    number: dict[str, int] = {}
    tables, indices = [], []
    counts: list[npt.NDArray[Any]] = [np.zeros(1, dtype=np.int64)]
    for piece in pieces:
        names, index, count = _coded_piece(piece, sep)
        plain = (unicodedata.normalize("NFC", name).strip() for name in names)
        tables.append([number.setdefault(name, len(number)) for name in plain])
        indices.append(index)
        counts.append(count)
    channels = tuple(sorted(number.keys() - {""}))
    position = {name: i for i, name in enumerate(channels)}
    code = np.array([position.get(name, -1) for name in number], dtype=np.int32)
    parts = [code[table][index] for table, index in zip(tables, indices, strict=True) if table]
    touch = np.concatenate(parts) if parts else np.empty(0, np.int32)
    lengths = np.concatenate(counts)
    start = np.cumsum(lengths, dtype=np.int64)

    def rows_with(at_fault: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        path = np.repeat(np.arange(len(start) - 1), lengths[1:])[at_fault]
        return np.unique(path) if row is None else np.flatnonzero(np.isin(row, path))

    if "" in number:
        _refuse(rows_with(touch < 0), sep)
    if reserved in position:
        _refuse_reserved(rows_with(touch == position[reserved]), reserved)
    return CodedPaths(channels, touch, start, row)


def _pieces(
    paths: Iterable[str | Sequence[str]], sep: str, merge: bool
) -> tuple[Iterator[Any], npt.NDArray[np.int64] | None]:
    """Return Arrow arrays of texts or of lists, and, if merged, which of their rows each row is."""
    import pyarrow as pa

    if isinstance(paths, str | bytes | Mapping) or hasattr(paths, "columns"):
        raise InputError(
            f"paths is a {type(paths).__name__}. Pass a list or a column of paths, one a journey, "
            "and their weights apart."
        )
    given: Any = paths if hasattr(paths, "__array__") else list(paths)
    try:
        is_arrow = isinstance(given, pa.Array | pa.ChunkedArray)
        array = given if is_arrow else pa.array(given, from_pandas=True)
    except (pa.ArrowException, TypeError, UnicodeEncodeError):
        array = pa.nulls(0)
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if pa.types.is_string_view(kind):
        array, kind = array.cast(pa.large_string()), pa.large_string()
    row = None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if array.null_count:
            _refuse(np.flatnonzero(np.asarray(array.is_null())), sep)
        # A category that no row has is no path: texts are coded anew.
        array = array.cast(kind) if kind != array.type else array
        if merge:
            encoded = array.dictionary_encode()
            encoded = encoded.combine_chunks() if isinstance(array, pa.ChunkedArray) else encoded
            array, row = encoded.dictionary, numbers(encoded.indices).astype(np.int64)
    else:
        # Lists of a column, which a frame hands over as arrays of its own kind.
        nested = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        rows = _sequences(array.to_pylist() if nested else list(given), sep)
        if merge:
            seen: dict[tuple[str, ...], int] = {}
            row = np.array([seen.setdefault(names, len(seen)) for names in rows], dtype=np.int64)
            rows = list(seen)
        array = _lists(rows)
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    cut = (chunk[i : i + PIECE] for chunk in chunks for i in range(0, len(chunk), PIECE))
    return cut, row


def _coded_piece(piece: Any, sep: str) -> tuple[list[str], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the distinct names of texts or lists, the name of each touch, and touches a path."""
    import pyarrow as pa
    import pyarrow.compute as pc

    are_lists = pa.types.is_list(piece.type)
    lists = piece if are_lists else pc.split_pattern(piece, sep)
    names = lists.flatten().dictionary_encode()
    coded = (
        names.dictionary.to_pylist(),
        numbers(names.indices),
        numbers(pc.list_value_length(lists)),
    )
    return coded if are_lists else _written_out(*coded)


def _repeated(name: str) -> tuple[str, int]:
    """Return a channel and how often it comes in a row: "Email × 2" is Email twice."""
    found = _TIMES.fullmatch(name)
    return (name, 1) if found is None else (found[1], int(found[2]))


def _written_out(
    names: list[str], index: npt.NDArray[Any], count: npt.NDArray[Any]
) -> tuple[list[str], npt.NDArray[Any], npt.NDArray[Any]]:
    """Write out what Google Analytics shortens.

    Examples
    --------
    >>> _written_out(["a", "b × 2"], np.array([1, 0, 0]), np.array([2, 1]))
    (['a', 'b'], array([1, 1, 0, 0]), array([3, 1]))
    """
    if not any("×" in name for name in names):
        return names, index, count
    plain, often = map(list, zip(*map(_repeated, names), strict=True))
    times = np.array(often)[index]
    path = np.repeat(np.arange(len(count)), count)
    added = np.bincount(path, times, len(count)).astype(np.int64)
    return plain, np.repeat(index, times), added


def _lists(rows: list[tuple[str, ...]]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(rows, pa.list_(pa.string()))
    except UnicodeEncodeError as error:
        raise InputError(
            f"paths hold text that is not valid Unicode ({error}). Correct it."
        ) from error


def _split(path: str, sep: str) -> list[str]:
    return [name for part in path.split(sep) for name, n in [_repeated(part)] for _ in range(n)]


def _sequences(paths: list[str | Sequence[str]], sep: str) -> list[tuple[str, ...]]:
    sequences: list[tuple[str, ...]] = []
    for path in paths:
        names: Any = _split(path, sep) if isinstance(path, str) else path
        if hasattr(names, "__array__"):
            names = np.asarray(names, dtype=object).tolist()
        whole = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
        sequences.append(tuple(names) if whole else ())
    _refuse(np.flatnonzero([len(names) == 0 for names in sequences]), sep)
    return sequences


def _refuse(rows: npt.NDArray[np.intp], sep: str) -> None:
    if len(rows):
        raise InputError(
            "paths hold an empty path, or a channel that is no text, in "
            f"{name_rows(rows.tolist())}. "
            f"Drop those rows, or name the channel; sep is {sep!r}."
        )


def _refuse_reserved(rows: npt.NDArray[np.intp], reserved: str) -> None:
    if len(rows):
        raise InputError(
            f"paths hold the channel {reserved!r} in {name_rows(rows.tolist())}, which names the "
            "deals without a touch in every result. Rename it."
        )


def numbers(given: Any) -> npt.NDArray[Any]:
    """Return an array as NumPy; numbers of Arrow without the pandas that Arrow would load.

    Examples
    --------
    >>> import pyarrow as pa
    >>> numbers(pa.chunked_array([[1, 2], [3]])).tolist()
    [1, 2, 3]
    """
    import pyarrow as pa

    if not isinstance(given, pa.Array | pa.ChunkedArray) or given.null_count:
        return np.asarray(given)
    if not (pa.types.is_integer(given.type) or pa.types.is_floating(given.type)):
        return np.asarray(given)
    chunks = given.chunks if isinstance(given, pa.ChunkedArray) else [given]
    parts = [np.from_dlpack(chunk) for chunk in chunks if len(chunk)]
    return np.concatenate(parts) if parts else np.empty(0)


def path_weights(
    name: str, given: Iterable[float] | None, n: int, default: float
) -> npt.NDArray[np.float64]:
    """Return one finite number from 0 on for each of `n` paths.

    Raises
    ------
    InputError
        If there are more or fewer, or one is no such number.

    Examples
    --------
    >>> path_weights("nulls", None, 2, 0.0).tolist()
    [0.0, 0.0]
    """
    if given is None:
        return np.full(n, default)
    try:
        plain = numbers(given) if hasattr(given, "__array__") else list(given)
        weights = np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} holds something that is no number ({error}). Correct it."
        ) from error
    if len(weights) != n:
        raise InputError(f"{name} has {len(weights)} entries for {n} paths. Pass one entry a path.")
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        raise InputError(
            f"{name} is negative, infinite or missing in {name_rows(bad.tolist())}. "
            "Correct or drop those rows."
        )
    return weights


def check_values(conversions: npt.NDArray[np.float64], value: npt.NDArray[np.float64]) -> None:
    """Refuse value without a conversion."""
    odd = np.flatnonzero((value > 0) & (conversions == 0))
    if len(odd):
        raise InputError(
            f"value without a conversion in {name_rows(odd.tolist())}. "
            "Give those rows their conversions, or a value of 0."
        )


def check_squares(
    conversions: npt.NDArray[np.float64],
    value: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
) -> None:
    """Refuse sums of squares that no deals have: V^2 / n <= sum of squares <= V^2.

    Examples
    --------
    >>> check_squares(np.array([2.0]), np.array([30.0]), np.array([500.0]))
    """
    least = np.divide(value**2, conversions, out=np.zeros_like(value), where=conversions > 0)
    slack = 1e-9 * value**2
    odd = np.flatnonzero((squares < least - slack) | (squares > value**2 + slack))
    if len(odd):
        raise InputError(
            f"value_squares in {name_rows(odd.tolist())} cannot be sums of squares of deals that "
            "add up to value. Pass the sum of value * value over the deals of each row."
        )


def squares_of_single(
    conversions: npt.NDArray[np.float64], value: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Return the squared values of rows that hold one deal each; None where one holds several.

    Examples
    --------
    >>> squares_of_single(np.array([1.0, 0.0]), np.array([3.0, 0.0])).tolist()
    [9.0, 0.0]
    """
    if (conversions > 1).any():
        return None
    return np.divide(value**2, conversions, out=np.zeros_like(value), where=conversions > 0)
