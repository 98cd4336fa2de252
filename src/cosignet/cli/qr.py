"""A QR code of a link, for a terminal (ISO/IEC 18004): bytes, level L, versions 1 to 6, mask 0.

Which mask is taken is a matter of taste on a screen; readers accept each.
"""

BYTES_MAX = 134
# Version → codewords of data and of error correction in a block, and how many blocks.
_BLOCKS = {1: (19, 7, 1), 2: (34, 10, 1), 3: (55, 15, 1), 4: (80, 20, 1), 5: (108, 26, 1)} | {
    6: (68, 18, 2)
}
_HEADER_BYTES = 2
_BYTE_MODE = 0b0100
_PADDING = (0xEC, 0x11)
_FORMAT = 0x77C4  # level L, mask 0, with its own correction bits
_FIELD = 0x11D  # x^8 + x^4 + x^3 + x^2 + 1
_BLACK_ON_WHITE, _PLAIN = "\033[30;107m", "\033[0m"

Matrix = list[list[bool]]


def qr_code(text: str) -> Matrix:
    """Return the modules, row by row; True is dark.

    Raises:
        ValueError: the text is longer than BYTES_MAX.
    """
    data = text.encode()
    fitting = [v for v, (of_data, _, n) in _BLOCKS.items() if len(data) + 2 <= of_data * n]
    if not fitting:
        raise ValueError("too long for a code of that size")
    version = fitting[0]
    return _with_bits(_Plan(version), _codewords(data, version))


def terminal_lines(matrix: Matrix, border: int = 2) -> list[str]:
    """Return lines for a terminal of any colours: two rows of modules in each."""
    width = len(matrix) + 2 * border
    side = [False] * border
    rows = [[False] * width] * border
    rows = [*rows, *([*side, *row, *side] for row in matrix), *rows, [False] * width]
    return [
        _BLACK_ON_WHITE + "".join(map(_half, upper, lower)) + _PLAIN
        for upper, lower in zip(rows[0 : width + 1 : 2], rows[1 : width + 1 : 2], strict=False)
    ]


def _half(upper: bool, lower: bool) -> str:
    return " ▄▀█"[2 * upper + lower]


# --- Bytes ----------------------------------------------------------------------------------------


def _codewords(data: bytes, version: int) -> bytes:
    of_data, of_correction, blocks = _BLOCKS[version]
    # Four bits of mode, eight of length, the bytes, and four bits that end them.
    head = (_BYTE_MODE << 8 | len(data)) << 8 * len(data) | int.from_bytes(data, "big")
    whole = (head << 4).to_bytes(len(data) + _HEADER_BYTES, "big")
    room = of_data * blocks - len(whole)
    whole += bytes(_PADDING[at % 2] for at in range(room))
    parts = [whole[at * of_data : (at + 1) * of_data] for at in range(blocks)]
    corrections = [_correction(part, of_correction) for part in parts]
    return _interleaved(parts) + _interleaved(corrections)


def _interleaved(parts: list[bytes]) -> bytes:
    return bytes(byte for column in zip(*parts, strict=True) for byte in column)


def _correction(data: bytes, count: int) -> bytes:
    """Return the remainder of Reed and Solomon's division."""
    divisor = _divisor(count)
    remainder = [0] * count
    for byte in data:
        factor = byte ^ remainder[0]
        shifted = [*remainder[1:], 0]
        remainder = [one ^ _times(part, factor) for one, part in zip(shifted, divisor, strict=True)]
    return bytes(remainder)


def _divisor(count: int) -> list[int]:
    """Return the coefficients of (x − 2^0)…(x − 2^(count−1)), without the leading one."""
    coefficients = [*[0] * (count - 1), 1]
    root = 1
    for _ in range(count):
        following = [*coefficients[1:], 0]
        coefficients = [
            _times(one, root) ^ next_ for one, next_ in zip(coefficients, following, strict=True)
        ]
        root = _times(root, 2)
    return coefficients


def _times(a: int, b: int) -> int:
    product = 0
    for bit in range(7, -1, -1):
        product = product << 1 ^ (product >> 7) * _FIELD
        product ^= (b >> bit & 1) * a
    return product


# --- Modules --------------------------------------------------------------------------------------


class _Plan:
    """What is at the same place in every code of a version."""

    def __init__(self, version: int) -> None:
        self.size = 17 + 4 * version
        self.fixed: dict[tuple[int, int], bool] = {}
        """(row, column) → dark."""
        last = self.size - 1
        for at in range(self.size):
            self.fixed[6, at] = self.fixed[at, 6] = at % 2 == 0
        for row, column in ((3, 3), (3, last - 3), (last - 3, 3)):
            self._square(row, column, reach=4, light=(2, 4))
        if version > 1:
            self._square(last - 6, last - 6, reach=2, light=(1,))
        self._format()

    def _square(self, row: int, column: int, *, reach: int, light: tuple[int, ...]) -> None:
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                place = row + down, column + right
                if all(at in range(self.size) for at in place):
                    self.fixed[place] = max(abs(down), abs(right)) not in light

    def _format(self) -> None:
        last = self.size - 1
        beside = [
            *((n, 8) for n in (0, 1, 2, 3, 4, 5, 7, 8)),
            *((8, n) for n in (7, 5, 4, 3, 2, 1, 0)),
        ]
        across = [*((8, last - n) for n in range(8)), *((last - 6 + n, 8) for n in range(7))]
        for places in (beside, across):
            for bit, place in enumerate(places):
                self.fixed[place] = bool(_FORMAT >> bit & 1)
        self.fixed[last - 7, 8] = True

    def free(self) -> list[tuple[int, int]]:
        """Return the other places in the order in which they are filled: pairs of columns."""
        found: list[tuple[int, int]] = []
        rows = range(self.size)
        for turn, right in enumerate([*range(self.size - 1, 6, -2), 5, 3, 1]):
            for row in rows if turn % 2 else reversed(rows):
                pair = ((row, right), (row, right - 1))
                found += [place for place in pair if place not in self.fixed]
        return found


def _with_bits(plan: _Plan, codewords: bytes) -> Matrix:
    dark = dict(plan.fixed)
    for at, (row, column) in enumerate(plan.free()):
        byte, bit = divmod(at, 8)
        set_ = byte < len(codewords) and bool(codewords[byte] >> (7 - bit) & 1)
        dark[row, column] = set_ != ((row + column) % 2 == 0)  # mask 0
    return [[dark[row, column] for column in range(plan.size)] for row in range(plan.size)]
