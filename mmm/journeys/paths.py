"""Bare channel sequences become codes: each distinct text is split once, in Arrow."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.errors import InputError, name_rows


@dataclass(frozen=True, eq=False)
class CodedPaths:
    """Paths as codes.

    Attributes
    ----------
    channels : tuple of str
        Sorted by code point.
    touch : ndarray of int32, shape (n_touches,)
        Positions in `channels`, path after path.
    start : ndarray of int64, shape (n_distinct + 1,)
        Distinct path ``j`` owns ``touch[start[j]:start[j + 1]]``.
    row : ndarray of int64, shape (n_paths,)
        Which distinct path each row is.
    """

    channels: tuple[str, ...]
    touch: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]

    def spread_out(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return touch and start of every row, instead of every distinct path."""
        lengths = np.diff(self.start)[self.row]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        position = np.repeat(self.start[:-1][self.row] - start[:-1], lengths)
        position += np.arange(len(position))
        return self.touch[position], start

    def added_up(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum weights of rows, shape (n_paths,), by distinct path."""
        sums = np.bincount(self.row, weights, len(self.start) - 1)
        return sums.astype(np.float64, copy=False)


def code_paths(paths: Iterable[str | Sequence[str]], sep: str, reserved: str) -> CodedPaths:
    """Split texts on `sep`, take sequences as they stand, and replace names by codes.

    Parameters
    ----------
    paths : iterable of str or of sequences of str
    sep : str
    reserved : str
        A name that no channel may have.

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
    if not sep:
        raise InputError("sep is empty. Pass the text between two channels, such as ' > '.")
    lists, row_list = _lists(paths, sep)
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    names = lists.flatten().dictionary_encode()
    plain = [unicodedata.normalize("NFC", name).strip() for name in names.dictionary.to_pylist()]
    channels = tuple(sorted(set(plain) - {""}))
    code = {name: i for i, name in enumerate(channels)}
    code_of_name = np.array([code.get(name, -1) for name in plain], dtype=np.int32)
    flat = code_of_name[np.asarray(names.indices)] if len(names) else np.empty(0, np.int32)
    lengths = np.diff(offsets)
    bad = lengths == 0
    bad[np.repeat(np.arange(len(bad)), lengths)[flat < 0]] = True
    _refuse(np.flatnonzero(bad[row_list]), sep)
    if reserved in code:
        taken = np.repeat(np.arange(len(bad)), lengths)[flat == code[reserved]]
        _refuse_reserved(np.flatnonzero(np.isin(row_list, taken)), reserved)
    return CodedPaths(channels, flat, offsets - offsets[0], row_list)


def _lists(paths: Iterable[str | Sequence[str]], sep: str) -> tuple[Any, npt.NDArray[np.int64]]:
    """Return distinct paths as an Arrow list array, and which of them each row is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    given: Any = paths if hasattr(paths, "__array__") else list(paths)
    try:
        is_arrow = isinstance(given, pa.Array | pa.ChunkedArray)
        array = given if is_arrow else pa.array(given, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    except (pa.ArrowException, TypeError, UnicodeEncodeError):
        array = pa.nulls(0)
    is_coded = pa.types.is_dictionary(array.type)
    kind = array.type.value_type if is_coded else array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if array.null_count:
            _refuse(np.flatnonzero(np.asarray(array.is_null())), sep)
        # A category that no row has is no path: texts are coded anew.
        encoded = (array.cast(kind) if is_coded else array).dictionary_encode()
        lists = pc.split_pattern(encoded.dictionary, sep)
        return lists, np.asarray(encoded.indices, dtype=np.int64)
    seen: dict[tuple[str, ...], int] = {}
    rows = [seen.setdefault(names, len(seen)) for names in _sequences(list(given), sep)]
    try:
        return pa.array(list(seen), pa.list_(pa.string())), np.array(rows, dtype=np.int64)
    except UnicodeEncodeError as error:
        raise InputError(
            f"paths hold text that is not valid Unicode ({error}). Correct it."
        ) from error


def _sequences(paths: list[str | Sequence[str]], sep: str) -> list[tuple[str, ...]]:
    sequences: list[tuple[str, ...]] = []
    for path in paths:
        names = path.split(sep) if isinstance(path, str) else path
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
        weights = np.asarray(
            given if hasattr(given, "__array__") else list(given), dtype=np.float64
        )
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
