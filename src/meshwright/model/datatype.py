"""Column types: DuckDB's names as the one spelling, what ODCS writes for them, and what a table can store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

# Every spelling that a contract may use for a type, in the one that Meshwright writes.
SPELLINGS: Final = {
    "bool": "BOOLEAN",
    "boolean": "BOOLEAN",
    "bit": "BOOLEAN",
    "tinyint": "TINYINT",
    "int8": "TINYINT",
    "byte": "TINYINT",
    "smallint": "SMALLINT",
    "int2": "SMALLINT",
    "int16": "SMALLINT",
    "short": "SMALLINT",
    "int": "INTEGER",
    "int4": "INTEGER",
    "int32": "INTEGER",
    "integer": "INTEGER",
    "mediumint": "INTEGER",
    "serial": "INTEGER",
    "signed": "INTEGER",
    "bigint": "BIGINT",
    "int64": "BIGINT",
    "long": "BIGINT",
    "bigserial": "BIGINT",
    "hugeint": "HUGEINT",
    "int128": "HUGEINT",
    "utinyint": "UTINYINT",
    "uint8": "UTINYINT",
    "usmallint": "USMALLINT",
    "uint16": "USMALLINT",
    "uinteger": "UINTEGER",
    "uint32": "UINTEGER",
    "ubigint": "UBIGINT",
    "uint64": "UBIGINT",
    "uhugeint": "UHUGEINT",
    "float": "FLOAT",
    "float4": "FLOAT",
    "float32": "FLOAT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "double precision": "DOUBLE",
    "float8": "DOUBLE",
    "float64": "DOUBLE",
    "decimal": "DECIMAL",
    "numeric": "DECIMAL",
    "dec": "DECIMAL",
    "number": "DECIMAL",
    "varchar": "VARCHAR",
    "character varying": "VARCHAR",
    "char": "VARCHAR",
    "character": "VARCHAR",
    "bpchar": "VARCHAR",
    "nchar": "VARCHAR",
    "nvarchar": "VARCHAR",
    "nvarchar2": "VARCHAR",
    "varchar2": "VARCHAR",
    "text": "VARCHAR",
    "tinytext": "VARCHAR",
    "mediumtext": "VARCHAR",
    "longtext": "VARCHAR",
    "ntext": "VARCHAR",
    "citext": "VARCHAR",
    "string": "VARCHAR",
    "clob": "VARCHAR",
    "xml": "VARCHAR",
    "enum": "VARCHAR",
    "json": "JSON",
    "jsonb": "JSON",
    "variant": "VARIANT",
    "uuid": "UUID",
    "uniqueidentifier": "UUID",
    "blob": "BLOB",
    "bytea": "BLOB",
    "bytes": "BLOB",
    "binary": "BLOB",
    "varbinary": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "time without time zone": "TIME",
    "timetz": "TIMETZ",
    "time with time zone": "TIMETZ",
    "timestamp": "TIMESTAMP",
    "datetime": "TIMESTAMP",
    "datetime2": "TIMESTAMP",
    "timestamp_ntz": "TIMESTAMP",
    "timestamp_us": "TIMESTAMP",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp_s": "TIMESTAMP_S",
    "timestamp_ms": "TIMESTAMP_MS",
    "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_tz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ltz": "TIMESTAMP WITH TIME ZONE",
    "datetimeoffset": "TIMESTAMP WITH TIME ZONE",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "interval": "INTERVAL",
    "null": "NULL",
    '"null"': "NULL",
    "struct": "STRUCT",
    "row": "STRUCT",
    "record": "STRUCT",
    "list": "LIST",
    "array": "LIST",
    "map": "MAP",
    "union": "UNION",
}

# The type that a table keeps a type's values in, where it is not the type itself.
STORED_AS: Final = {
    "JSON": "VARCHAR",
    "UUID": "VARCHAR",
    "VARIANT": "VARCHAR",
    "TINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "UTINYINT": "INTEGER",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
}
DECIMAL_PRECISION_DEFAULT: Final = (18, 3)
DECIMAL_PRECISION_MAX: Final = 38

# What an ODCS logicalType means when no physicalType is written.
LOGICAL: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
    "enum": "VARCHAR",
}

TOKEN = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|[A-Za-z_][\w$]*|\d+|[(),\[\]<>:]')


@dataclass(frozen=True, slots=True)
class DataType:
    """A column's type. `str()` gives DuckDB's spelling.

    `name` is upper case; `precision` and `scale` belong to DECIMAL; `fields` to STRUCT and UNION (name, type), to LIST
    (one, ""), to MAP (key and value, both ""); `size` to fixed arrays.
    """

    name: str
    precision: int = 0
    scale: int = 0
    fields: tuple[tuple[str, DataType], ...] = ()
    size: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The type that *text* spells, in DuckDB's or a common database's words; lengths are dropped.

        Raises ValueError when the text is no known type.
        """
        reader = _Reader(TOKEN.findall(text), text)
        found = reader.read()
        reader.end()
        return cls(found.name, found.precision, found.scale, found.fields, found.size)

    @property
    def element(self) -> DataType:
        """The type of a list's elements."""
        return self.fields[0][1]

    @property
    def is_nested(self) -> bool:
        """Whether values of this type hold other values."""
        return self.name in {"STRUCT", "LIST", "MAP", "UNION"}

    def __str__(self) -> str:
        match self.name:
            case "DECIMAL":
                return f"DECIMAL({self.precision},{self.scale})"
            case "LIST":
                return f"{self.element}[{self.size or ''}]"
            case "STRUCT" | "UNION":
                inner = ", ".join(f"{quote(name)} {kind}" for name, kind in self.fields)
                return f"{self.name}({inner})"
            case "MAP":
                return f"MAP({self.fields[0][1]}, {self.fields[1][1]})"
            case "NULL":
                return '"NULL"'
            case _:
                return self.name


def quote(name: str) -> str:
    """*name* as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """*text* as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


VARCHAR = DataType("VARCHAR")
BIGINT = DataType("BIGINT")


class Unstorable(ValueError):
    """A type that no table column can hold faithfully; the message names the cast that helps."""


def stored(kind: DataType) -> DataType:
    """The type in which a table keeps values of *kind* without losing any.

    JSON, enum, UUID and variant become VARCHAR, fixed arrays lists, unsigned integers the next wider signed type, HUGEINT
    decimal(38,0), seconds and milliseconds microseconds. Raises Unstorable for what has no faithful home.
    """
    if kind.name in UNSTORABLE:
        message = f"{kind} cannot be stored faithfully: {UNSTORABLE[kind.name]}"
        raise Unstorable(message)
    if kind.name in STORED_AS:
        return DataType.parse(STORED_AS[kind.name])
    if kind.is_nested:
        return DataType(kind.name, fields=tuple((field, stored(inner)) for field, inner in kind.fields))
    return kind


UNSTORABLE: Final = {
    "TIMETZ": "its offset would be lost; cast it to TIME, or combine it with a date into TIMESTAMPTZ",
    "TIMESTAMP_NS": "tables keep microseconds; cast it to TIMESTAMP",
    "INTERVAL": "no open table format has intervals; cast it to a number of seconds or to VARCHAR",
    "UNION": "tables have no unions; cast it to a STRUCT or to VARCHAR",
    "NULL": "it has no type; cast it, e.g. CAST(NULL AS VARCHAR)",
    "BIT": "tables have no bit strings; cast it to VARCHAR or BLOB",
}


class _Reader:
    """Reads one type from tokens; DuckDB's grammar for types, plus `array<…>` and `struct<a:int>`."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def fail(self) -> ValueError:
        return ValueError(f"'{self.text}' is not a known type")

    def end(self) -> None:
        if self.at < len(self.tokens) or not self.tokens:
            raise self.fail()

    def read(self) -> DataType:
        words = [self.take().lower()]
        while self.peek().lower() in {"varying", "precision", "with", "without", "time", "zone"}:
            words.append(self.take().lower())
        numbers = self.numbers()
        # TIMESTAMP(3) WITH TIME ZONE writes its precision in the middle.
        while self.peek().lower() in {"with", "without", "time", "zone"}:
            words.append(self.take().lower())
        name = SPELLINGS.get(" ".join(words))
        if name is None:
            raise self.fail()
        kind = self.shape(name, numbers)
        while self.peek() == "[":
            self.take()
            size = int(self.take()) if self.peek().isdecimal() else 0
            if self.take() != "]":
                raise self.fail()
            kind = DataType("LIST", fields=(("", kind),), size=size)
        return kind

    def numbers(self) -> list[int]:
        """`(18, 2)` after a name; empty when the bracket holds types or nothing follows."""
        if self.peek() != "(" or not (self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].isdecimal()):
            if self.tokens[self.at : self.at + 3] == ["(", "max", ")"]:
                self.at += 3
            return []
        self.take()
        found: list[int] = []
        while self.peek() and self.peek() != ")":
            token = self.take()
            if token.isdecimal():
                found.append(int(token))
            elif token != "," and not token.isalpha():  # noqa: S105 - a comma
                raise self.fail()
        if self.take() != ")":
            raise self.fail()
        return found

    def shape(self, name: str, numbers: list[int]) -> DataType:
        if name == "DECIMAL":
            precision, scale = DECIMAL_PRECISION_DEFAULT if not numbers else (numbers[0], (*numbers[1:], 0)[0])
            if not 0 < precision <= DECIMAL_PRECISION_MAX or scale > precision:
                raise self.fail()
            return DataType("DECIMAL", precision, scale)
        if name == "VARCHAR" and self.peek() == "(":
            self.members(named=False)  # ENUM('a', 'b'): the values are not part of the stored type
            return VARCHAR
        if name in {"STRUCT", "UNION"}:
            return DataType(name, fields=self.members(named=True))
        if name == "LIST":
            inner = self.members(named=False) if self.peek() in {"<", "("} else (("", VARCHAR),)
            return DataType("LIST", fields=inner[:1])
        if name == "MAP":
            inner = self.members(named=False)
            if len(inner) != 2:  # noqa: PLR2004 - a key and a value
                raise self.fail()
            return DataType("MAP", fields=inner)
        return DataType(name)

    def members(self, *, named: bool) -> tuple[tuple[str, DataType], ...]:
        closing = {"(": ")", "<": ">"}.get(self.take())
        if closing is None:
            raise self.fail()
        found: list[tuple[str, DataType]] = []
        while self.peek() and self.peek() != closing:
            if self.peek().startswith("'"):
                self.take()
            else:
                name = _unquoted(self.take()) if named else ""
                if named and self.peek() == ":":
                    self.take()
                found.append((name, self.read()))
            if self.peek() == ",":
                self.take()
        if self.take() != closing:
            raise self.fail()
        return tuple(found)


def _unquoted(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token
