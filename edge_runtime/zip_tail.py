"""The ZIP at the end of a model file, written and taken apart byte for byte.

The standard library reads it; it is written here, so that the packed members of a file that was read can be put
together again, as they are, and compared with what was there: a changed header byte then shows, and a
signature covers the packed bytes whatever version of zlib made them.

References
----------
PKWARE (2012), APPNOTE.TXT: .ZIP file format specification, 6.3.3.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

MANIFEST_NAME, SIGNATURE_NAME = "saelite.json", "saelite.sig"
_LOCAL_HEADER = 30
_VERSION = 20
_MADE_ON_UNIX = 3 << 8 | _VERSION
_DATE = 1 << 5 | 1  # 1 January 1980, where ZIP's calendar starts
_MODE = 0o644 << 16


@dataclass(frozen=True)
class Member:
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
            raise ValueError(f"{self.name} does not fit its checksum")
        return content


def pack(name: str, content: bytes) -> Member:
    """Return a file as a member, deflated where that makes it shorter."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(content) + packer.flush()
    if len(packed) < len(content):
        return Member(name, zipfile.ZIP_DEFLATED, zlib.crc32(content), len(content), packed)
    return Member(name, zipfile.ZIP_STORED, zlib.crc32(content), len(content), content)


def join(members: Iterable[Member]) -> bytes:
    """Return the members as a ZIP: the manifest first, the signature last."""
    files, directory = bytearray(), bytearray()
    ordered = sorted(members, key=_place)
    for member in ordered:
        name = member.name.encode()
        common = (_VERSION, 0, member.method, 0, _DATE, member.crc, len(member.packed), member.size, len(name), 0)
        directory += struct.pack("<4sH5H3L2H3H2L", b"PK\1\2", _MADE_ON_UNIX, *common, 0, 0, 0, _MODE, len(files)) + name
        files += struct.pack("<4s5H3L2H", b"PK\3\4", *common) + name + member.packed
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(ordered), len(ordered), len(directory), len(files), 0)
    return bytes(files + directory + end)


def split(content: bytes) -> tuple[bytes, dict[str, Member]]:
    """Return what stands before a ZIP, and its members.

    Raises
    ------
    zipfile.BadZipFile, ValueError
        If there is no ZIP.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
    start = min((info.header_offset for info in infos), default=len(content))
    members = {}
    for info in infos:
        first = info.header_offset + _LOCAL_HEADER + len(info.filename.encode())
        packed = content[first : first + info.compress_size]
        members[info.filename] = Member(info.filename, info.compress_type, info.CRC, info.file_size, packed)
    return content[:start], members


def _place(member: Member) -> tuple[int, str]:
    return {MANIFEST_NAME: 0, SIGNATURE_NAME: 2}.get(member.name, 1), member.name
