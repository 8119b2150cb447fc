"""The ZIP at the end of a model file, written and taken apart byte for byte.

Not with `zipfile`, so that the packed members of a file that was read can be put together again, as they are, and
compared with what was there: a changed header byte then shows, and a signature covers the packed bytes whatever
version of zlib made them. Only what is written here is read: no comment, no gap, one member after the other.

References
----------
PKWARE (2012), APPNOTE.TXT: .ZIP file format specification, 6.3.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

MANIFEST_NAME, PARENT_NAME, SIGNATURE_NAME = "saelite.json", "parent.tflite", "saelite.sig"
_LOCAL = struct.Struct("<4s5H3L2H")
_DIRECTORY = struct.Struct("<4sH5H3L2H3H2L")
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\5\6"
_STORED, _DEFLATED = 0, 8
_VERSION = 20
_MADE_ON_UNIX = 3 << 8 | _VERSION
_DATE = 1 << 5 | 1  # 1 January 1980, where ZIP's calendar starts
_MODE = 0o644 << 16


class Member(NamedTuple):
    """One packed file.

    Parameters
    ----------
    name : str
    method : int
        0 stored, 8 deflated.
    crc, size : int
        Of what it unpacks to.
    packed : bytes
    """

    name: str
    method: int
    crc: int
    size: int
    packed: bytes

    def unpack(self) -> bytes:
        """Return the file.

        Raises
        ------
        ValueError
            If it is damaged, or not of the size that its header says.
        """
        content = self.packed
        if self.method:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                # One byte more than it should be tells a bomb from a file.
                content = unpacker.decompress(self.packed, self.size + 1)
            except zlib.error as error:
                raise ValueError(f"{self.name} cannot be unpacked ({error})") from error
        if len(content) != self.size or zlib.crc32(content) != self.crc:
            raise ValueError(f"{self.name} does not match its checksum")
        return content


def pack(name: str, content: bytes) -> Member:
    """Return a file as a member, deflated where that makes it shorter."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(content) + packer.flush()
    if len(packed) < len(content):
        return Member(name, _DEFLATED, zlib.crc32(content), len(content), packed)
    return Member(name, _STORED, zlib.crc32(content), len(content), content)


def is_plain(member: Member) -> bool:
    """Return whether a member is stored as it is, with the header that `pack` gives it."""
    return member == Member(member.name, _STORED, zlib.crc32(member.packed), len(member.packed), member.packed)


def join(members: Iterable[Member]) -> bytes:
    """Return the members as a ZIP: the manifest first, the signature last."""
    files, directory = bytearray(), bytearray()
    ordered = sorted(members, key=_place)
    for member in ordered:
        name = member.name.encode()
        common = (_VERSION, 0, member.method, 0, _DATE, member.crc, len(member.packed), member.size, len(name), 0)
        directory += _DIRECTORY.pack(b"PK\1\2", _MADE_ON_UNIX, *common, 0, 0, 0, _MODE, len(files)) + name
        files += _LOCAL.pack(b"PK\3\4", *common) + name + member.packed
    end = _END.pack(_END_MARK, 0, 0, len(ordered), len(ordered), len(directory), len(files), 0)
    return bytes(files + directory + end)


def split(content: bytes) -> tuple[bytes, dict[str, Member]]:
    """Return what stands before a ZIP, and its members.

    Raises
    ------
    ValueError
        If there is no ZIP as `join` writes it.
    """
    try:
        return _split(content)
    except struct.error as error:
        raise ValueError("its ZIP is cut short") from error


def _split(content: bytes) -> tuple[bytes, dict[str, Member]]:
    mark, *_, count, directory_size, files_size, _ = _END.unpack_from(content, -_END.size)
    place = len(content) - _END.size - directory_size
    start = offset = place - files_size
    if mark != _END_MARK or start < 0:
        raise ValueError("it does not end with a ZIP")
    members = {}
    for _ in range(count):
        entry = _DIRECTORY.unpack_from(content, place)
        method, crc, packed_size, size, name_size = entry[4], *entry[7:11]
        name_at = place + _DIRECTORY.size
        place = name_at + name_size
        name = content[name_at:place].decode()
        first = offset + _LOCAL.size + name_size
        offset = first + packed_size
        members[name] = Member(name, method, crc, size, content[first:offset])
    return content[:start], members


def _place(member: Member) -> tuple[int, str]:
    return {MANIFEST_NAME: 0, SIGNATURE_NAME: 2}.get(member.name, 1), member.name
