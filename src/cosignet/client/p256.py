"""ECDSA on P-256 with SHA-256 (FIPS 186-5, section 6.4.2), verified only: no secret is here."""

import hashlib
from typing import TypeAlias

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

_Point: TypeAlias = tuple[int, int, int]
"""Jacobian coordinates (X, Y, Z) with x = X/Z², y = Y/Z³; Z = 0 is the point at infinity."""
_INFINITY: _Point = (1, 1, 0)


def is_on_curve(x: int, y: int) -> bool:
    """Whether these are the coordinates of a point of the curve."""
    return x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0


def signature_fits(x: int, y: int, r: int, s: int, data: bytes) -> bool:
    """Whether (r, s) signs `data` for the key (x, y), a point of the curve."""
    if not (0 < r < _N and 0 < s < _N):
        return False
    inverse = pow(s, -1, _N)
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    sum_ = _add(_times(digest * inverse % _N, (*_BASE, 1)), _times(r * inverse % _N, (x, y, 1)))
    if sum_[2] == 0:
        return False
    return sum_[0] * pow(sum_[2], -2, _P) % _P % _N == r


def _double(p: _Point) -> _Point:
    x, y, z = p
    if not z or not y:
        return _INFINITY
    delta, gamma = z * z % _P, y * y % _P
    beta, alpha = x * gamma % _P, 3 * (x - delta) * (x + delta) % _P
    new_x = (alpha * alpha - 8 * beta) % _P
    new_z = ((y + z) ** 2 - gamma - delta) % _P
    return new_x, (alpha * (4 * beta - new_x) - 8 * gamma * gamma) % _P, new_z


def _add(p: _Point, q: _Point) -> _Point:
    if not p[2] or not q[2]:
        return q if not p[2] else p
    z1, z2 = p[2] * p[2] % _P, q[2] * q[2] % _P
    u1, u2 = p[0] * z2 % _P, q[0] * z1 % _P
    s1, s2 = p[1] * q[2] * z2 % _P, q[1] * p[2] * z1 % _P
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    if not h:
        return _INFINITY if r else _double(p)
    h2 = h * h % _P
    h3, v = h * h2 % _P, u1 * h2 % _P
    x = (r * r - h3 - 2 * v) % _P
    return x, (r * (v - x) - s1 * h3) % _P, h * p[2] * q[2] % _P


def _times(scalar: int, point: _Point) -> _Point:
    result = _INFINITY
    for bit in f"{scalar:b}":
        result = _double(result)
        if bit == "1":
            result = _add(result, point)
    return result
