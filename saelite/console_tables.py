"""Plain aligned tables, which work with the base install and in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from saelite.plain import plain


def table(rows: Sequence[Sequence[str]], *, header: bool = False) -> str:
    """Return rows as aligned columns; numbers to the right.

    >>> print(table([("sensor", "score"), ("flow", "1.5"), ("pressure", "10")], header=True))
    sensor    score
    --------  -----
    flow        1.5
    pressure     10
    """
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    if header:
        # A heading stands on the side of its column's values.
        sides = rows[1] if len(rows) > 1 else rows[0]
        lines[0] = "  ".join(
            cell.rjust(width) if _is_number(side) else cell.ljust(width)
            for cell, width, side in zip(rows[0], widths, sides, strict=True)
        ).rstrip()
        lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def size(n_bytes: int) -> str:
    """Return a byte count as text, in powers of 1,000.

    >>> size(999), size(12_345), size(3_500_000)
    ('999 B', '12.3 kB', '3.5 MB')
    """
    for limit, unit in ((1e3, "B"), (1e6, "kB"), (1e9, "MB")):
        if n_bytes < limit:
            return f"{n_bytes} B" if unit == "B" else f"{n_bytes / limit * 1e3:.1f} {unit}"
    return f"{n_bytes / 1e9:.1f} GB"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if _is_number(cell) else cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or (cell[:1] == "-" and cell[1:2].isdigit())
