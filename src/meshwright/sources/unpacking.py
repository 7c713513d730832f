"""Source files in a form that the engine opens: zip members extracted, text as UTF-8, Arrow as Parquet.

What is unpacked lies in a folder of its own, named for the source file's path, size, time and inode, and is made whole
under another name first; so it can be kept from one build to the next, and removed at any time.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import shutil
import uuid
import zipfile
import zlib
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, Final

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.sources.excel_files import to_parquet
from meshwright.sources.paths import MEMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHUNK_BYTES: Final = 1 << 20
# A member that says it holds more than this, or unpacks to more than it says, is not extracted.
MEMBER_BYTES_MAX: Final = 100 << 30
# Text packs 3 to 20 times smaller; a bomb a thousand times and more. Small members may well pack better.
RATIO_MAX: Final = 400
RATIO_MATTERS_BYTES: Final = 100 << 20
UTF8: Final = {"utf-8", "utf8", "utf_8"}


def readable(
    root: Path,
    name: str,
    unpacked: Path,
    *,
    format: str,  # noqa: A002 - the standards' word
    encoding: str = "utf-8",
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """A file with the content of *name* that DuckDB reads as *format*: itself where it can, else made in *unpacked*.

    *options* may name a workbook's sheet. Raises InvalidInput for damaged, encrypted or explosive archives, text in another encoding and broken Arrow files;
    Unavailable when reading or writing fails.
    """
    archive, _, member = name.partition(MEMBER)
    path = root / archive
    if member:
        path = _made(unpacked, path, f"member {member}", Path(member).name, lambda new: _extract(path, member, new))
    if format == "arrow":
        source = path
        return _made(
            unpacked, source, "arrow", f"{path.stem}.parquet", lambda new: _arrow_to_parquet(source, new, name)
        )
    if format == "excel":
        book = path
        what = f"sheet {json.dumps({key: options.get(key) for key in ('sheet', 'skip', 'header', 'nulls', 'columns')})}"
        return _made(unpacked, book, what, f"{path.stem}.parquet", lambda new: to_parquet(book, new, options, name))
    if format in {"csv", "json", "ndjson"} and _needs_decoding(path, encoding, format):
        source = path
        stem = path.name.removesuffix(".gz")
        return _made(unpacked, source, f"text {encoding}", stem, lambda new: _to_utf8(source, new, encoding, name))
    return path


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of *path*, unpacked when its name ends in `.gz`."""
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value] # it is one to read from


def _needs_decoding(path: Path, encoding: str, format: str) -> bool:  # noqa: A002
    if encoding.lower() not in UTF8:
        return True
    # The engine skips a byte order mark in CSV, and reads one in JSON as data.
    with open_bytes(path) as stream:
        try:
            return format != "csv" and stream.read(3) == codecs.BOM_UTF8
        except (OSError, EOFError, zlib.error):
            return False


def _made(unpacked: Path, source: Path, what: str, name: str, make: Callable[[Path], None]) -> Path:
    """*name* in a folder of *unpacked* that belongs to this state of *source*; made unless it is there."""
    try:
        stat = source.stat()
        key = f"{source.absolute()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}|{what}"
        folder = unpacked / hashlib.sha256(key.encode()).hexdigest()[:24]
        if (folder / name).exists():
            return folder / name
        new = unpacked / f"new-{uuid.uuid4().hex}"
        new.mkdir(parents=True)
        try:
            make(new / name)
            if not folder.exists():
                new.replace(folder)
        except FileExistsError:
            pass  # another build made the same at the same time
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise Unavailable(f"{source.name}: cannot be unpacked: {error}") from error
    return folder / name


def _extract(archive: Path, member: str, new: Path) -> None:
    """Write one member; its own path is never used as one, so that it can lie nowhere else."""
    where = f"{archive.name}{MEMBER}{member}"
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(member)
            if info.flag_bits & 1:
                raise InvalidInput(f"{where} is encrypted: unpack it and publish the plain file")
            _check_size(info, where)
            with opened.open(info) as stream, new.open("wb") as target:
                written = 0
                while chunk := stream.read(CHUNK_BYTES):
                    written += len(chunk)
                    if written > info.file_size:
                        raise InvalidInput(
                            f"{where} unpacks to more than the {info.file_size} bytes it declares; not read"
                        )
                    target.write(chunk)
    except KeyError as error:
        raise InvalidInput(f"{where}: no such member in the archive") from error
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise InvalidInput(
            f"{where}: the archive is damaged or cut short ({error}); copy or download it again"
        ) from error


def _check_size(info: zipfile.ZipInfo, where: str) -> None:
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > MEMBER_BYTES_MAX:
        raise InvalidInput(f"{where} would unpack to {info.file_size} bytes; the most is {MEMBER_BYTES_MAX}")
    if info.file_size > RATIO_MATTERS_BYTES and ratio > RATIO_MAX:
        raise InvalidInput(f"{where} would unpack to {ratio:.0f} times its size ({info.file_size} bytes): not read")


def _to_utf8(source: Path, new: Path, encoding: str, where: str) -> None:
    try:
        decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding.lower() in UTF8 else encoding)()
    except LookupError as error:
        raise InvalidInput(
            f"{where}: '{encoding}' is no known encoding; write e.g. utf-8, latin-1, cp1252 or utf-16"
        ) from error
    done = 0
    try:
        with open_bytes(source) as stream, new.open("wb") as target:
            while chunk := stream.read(CHUNK_BYTES):
                target.write(decoder.decode(chunk).encode())
                done += len(chunk)
            target.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise InvalidInput(
            f"{where}: not {encoding}: {error} (after about {done} bytes); declare its encoding"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged_gzip(where, error) from error


def check_utf8(path: Path, where: str) -> None:
    """Raise InvalidInput, naming the byte and its offset, when the file is not UTF-8 throughout."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    try:
        with open_bytes(path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                pending = len(decoder.getstate()[0])
                decoder.decode(chunk)
                done += len(chunk)
            pending = len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        offset = done - pending + error.start
        byte = error.object[error.start]
        raise InvalidInput(
            f"{where}: byte 0x{byte:02x} at offset {offset} is not UTF-8; save the file as UTF-8, or declare its encoding (mesh.options encoding: latin-1)"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged_gzip(where, error) from error


def damaged_gzip(where: str, error: Exception) -> InvalidInput:
    """The error for a `.gz` file that ends too soon or is none."""
    return InvalidInput(f"{where}: the gzip data is damaged or cut short ({error}); copy or download it again")


def _arrow_to_parquet(source: Path, new: Path, where: str) -> None:
    """Batch by batch, so that memory does not grow with the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_bytes(source) as stream:
            is_file = stream.read(6) == b"ARROW1"
        with open_bytes(source) as stream:
            reader: Any = pa.ipc.open_file(stream) if is_file else pa.ipc.open_stream(stream)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches)) if is_file else reader
            with pq.ParquetWriter(new, reader.schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{where}: not a whole Arrow file or stream ({error}); write it again") from error
