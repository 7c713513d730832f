"""Data Contract Specification 0.9 to 1.2, the format of datacontract-cli, as a document of ODCS v3.2.0."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.configs import listed, mapping
from meshwright.formats import odcs
from meshwright.formats.odcs_writing import kept
from meshwright.formats.yaml_text import Places, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.authoring.adoption import Adoption

KEY: Final = "dataContractSpecification"
READABLE: Final = re.compile(r"(0\.9|1\.[0-9])(\.\d+)?\Z")
# Logical type and physical type, by the specification's word. Its `timestamp` has a time zone.
TYPES: Final = {
    **dict.fromkeys(("string", "text", "varchar"), ("string", "VARCHAR")),
    **dict.fromkeys(("int", "integer"), ("integer", "INTEGER")),
    **dict.fromkeys(("long", "bigint"), ("integer", "BIGINT")),
    "float": ("number", "FLOAT"),
    "double": ("number", "DOUBLE"),
    "boolean": ("boolean", "BOOLEAN"),
    **dict.fromkeys(("timestamp", "timestamp_tz"), ("timestamp", "TIMESTAMP WITH TIME ZONE")),
    "timestamp_ntz": ("timestamp", "TIMESTAMP"),
    "date": ("date", "DATE"),
    "time": ("time", "TIME"),
    "bytes": ("string", "BLOB"),
    **dict.fromkeys(("json", "variant"), ("object", "JSON")),
}
NUMBERS: Final = frozenset({"number", "decimal", "numeric"})
RECORDS: Final = frozenset({"object", "record", "struct"})
# Where ODCS has the same under the same name.
OPTIONS: Final = (
    "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
)  # fmt: skip
METRICS: Final = {
    "row_count": "rowCount", "null_values": "nullValues", "missing_values": "missingValues",
    "invalid_values": "invalidValues", "duplicate_values": "duplicateValues",
}  # fmt: skip
RULE_KEYS: Final = frozenset(
    {"id", "name", "description", "type", "metric", "rule", "arguments", "unit", "severity", "dimension", "query", "engine", "implementation", *(
        ["mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween"]
    )}
)  # fmt: skip
DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*\Z")
UNITS: Final = {
    "s": "s", "second": "s", "seconds": "s", "m": "m", "minute": "m", "minutes": "m", "h": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d", "month": "mo", "months": "mo", "y": "y", "year": "y", "years": "y",
}  # fmt: skip


def is_specification(document: Any) -> bool:  # noqa: ANN401 - any document
    """Whether *document* declares itself a Data Contract Specification that can be read here."""
    return isinstance(document, dict) and bool(READABLE.match(str(document.get(KEY, ""))))


def as_odcs(document: dict[str, Any], content: bytes, path: str, adoption: Adoption) -> dict[str, Any]:
    """*document* in ODCS v3.2.0; what it has no place for goes on the list of *adoption*, with its line in *content*."""
    return _Conversion(document, Places(content), path, adoption).run()


@dataclass(slots=True)
class _Conversion:
    document: dict[str, Any]
    places: Places
    path: str
    adoption: Adoption
    seen: set[str] = field(default_factory=set)

    def run(self) -> dict[str, Any]:
        info = self._mapping("info")
        terms = self._mapping("terms")
        self._leave_the_rest()
        description = {
            "purpose": info.get("description"),
            "usage": terms.get("usage"),
            "limitations": terms.get("limitations"),
        }
        return kept(
            {
                "apiVersion": odcs.API_VERSION,
                "kind": odcs.KIND,
                "id": str(self.document.get("id") or self.path),
                "name": info.get("title"),
                "version": str(info.get("version") or "0.1.0"),
                "status": str(info.get("status") or "draft"),
                "description": kept({key: str(value).strip() if value else None for key, value in description.items()}),
                "tags": [str(tag) for tag in listed(self.document.get("tags"))],
                "servers": list(self._servers()),
                "schema": [self._model(name, model) for name, model in self._mapping("models").items()],
                "slaProperties": list(self._service_levels()),
                "support": self._support(info),
                "team": {"name": str(info["owner"])} if info.get("owner") else None,
                "customProperties": [
                    {"property": key, "value": terms[key]} for key in ("billing", "noticePeriod") if terms.get(key)
                ],
            },
            always=("id", "version"),
        )

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self.document.get(key)
        return value if isinstance(value, dict) else {}

    def _left(self, kind: str, name: str, *parts: str | int, note: str, action: str = "") -> None:
        place = f"{self.path}:{self.places.find(pointer(*parts))[0]}"
        self.adoption.left(kind, name, place, note=note, action=action)

    def _leave_the_rest(self) -> None:
        if self.document.get("quality"):
            quality = self.document["quality"]
            kind = str(quality.get("type", "")) if isinstance(quality, dict) else ""
            self._left(
                "quality", f"{kind} checks".strip(), "quality",
                note="they are written for another tool", action="write them as quality rules of the contracts",
            )  # fmt: skip
        if self.document.get("schema"):
            self._left(
                "schema", "embedded schema", "schema", note="only `models` are read", action="import it by itself"
            )
        if self.document.get("examples"):
            self._left(
                "examples",
                "example rows",
                "examples",
                note="a contract speaks of real rows",
                action="use them as given rows in tests/*.yaml",
            )
        if self._mapping("terms").get("policies"):
            self._left(
                "policies", "policies", "terms", "policies", note="links to documents; policies of a mesh are files"
            )

    def _servers(self) -> Iterator[dict[str, Any]]:
        for name, server in self._mapping("servers").items():
            if not isinstance(server, dict):
                continue
            entry = {
                key: value for key, value in server.items() if key not in {"roles", "dataProductId", "outputPortId"}
            }
            made = {"server": name, **entry}
            minimal = {"apiVersion": odcs.API_VERSION, "kind": odcs.KIND, "id": "x", "version": "1.0.0"}
            if odcs.check({**minimal, "servers": [made]}, self.path):
                made = {key: made[key] for key in ("server", "type", "environment", "description") if key in made}
            if odcs.check({**minimal, "servers": [made]}, self.path):
                self._left(
                    "server",
                    name,
                    "servers",
                    name,
                    note="ODCS needs other settings for this type of server",
                    action="add it to the contract's servers",
                )
            else:
                yield made

    def _model(self, name: str, given: Any) -> dict[str, Any]:  # noqa: ANN401 - a value of a document
        model = mapping(given)
        keys = [str(key) for key in listed(model.get("primaryKey"))]
        here: tuple[str | int, ...] = ("models", name)
        fields = mapping(model.get("fields"))
        properties = [self._field(str(key), value, (*here, "fields", key)) for key, value in fields.items()]
        for entry in properties:
            if entry["name"] in keys:
                entry |= {"primaryKey": True, "primaryKeyPosition": keys.index(entry["name"]) + 1}
        self.adoption.carried("model", name, f"{self.path}:{self.places.find(pointer(*here))[0]}")
        return kept(
            {
                "name": name,
                "businessName": model.get("title"),
                "physicalType": "view" if model.get("type") == "view" else "table",
                "description": str(model.get("description") or "").strip(),
                "tags": [str(tag) for tag in listed(model.get("tags"))],
                "properties": properties,
                "quality": list(self._quality(model, here)),
                "customProperties": _custom(model.get("config")),
            },
            always=("name",),
        )

    def _field(self, name: str, given: Any, here: tuple[str | int, ...]) -> dict[str, Any]:  # noqa: ANN401 - a value of a document
        entry = self._resolved(mapping(given), here)
        classification = entry.get("classification")
        tags = [str(tag) for tag in listed(entry.get("tags"))]
        custom = _custom(entry.get("config"))
        if entry.get("pii"):
            custom.append({"property": "pii", "value": True})
        examples = entry.get("examples") or ([entry["example"]] if entry.get("example") is not None else [])
        references = entry.get("references")
        return kept(
            {
                "name": name,
                "businessName": entry.get("title"),
                "description": str(entry.get("description") or "").strip(),
                **self._type(entry, here),
                "required": bool(entry.get("required")),
                "unique": bool(entry.get("unique")),
                "primaryKey": bool(entry.get("primaryKey") or entry.get("primary")),
                "classification": classification,
                "tags": tags,
                "examples": [*examples],
                "enum": [{"value": value} for value in listed(entry.get("enum"))],
                "relationships": [{"type": "foreignKey", "to": str(references)}] if references else [],
                "quality": list(self._quality(entry, here)),
                "customProperties": custom,
            },
            always=("name",),
        )

    def _resolved(self, entry: dict[str, Any], here: tuple[str | int, ...]) -> dict[str, Any]:
        """*entry* with the definition that it refers to; what it says itself wins."""
        reference = str(entry.get("$ref") or entry.get("$$ref") or "")
        if not reference:
            return entry
        name = reference.removeprefix("#/definitions/").replace("/", ".")
        definition = self._mapping("definitions").get(name)
        if not reference.startswith("#/definitions/") or not isinstance(definition, dict) or name in self.seen:
            self._left(
                "definition",
                reference,
                *here,
                note="it is not in the file, and nothing is fetched",
                action="write its type into the contract",
            )
            return entry
        self.seen.add(name)
        found = {**self._resolved(definition, here), **entry}
        self.seen.discard(name)
        return found

    def _type(self, entry: dict[str, Any], here: tuple[str | int, ...]) -> dict[str, Any]:
        word = str(entry.get("type") or "").lower()
        options = {key: entry[key] for key in OPTIONS if entry.get(key) is not None}
        if word in NUMBERS:
            size = f"({entry['precision']},{entry.get('scale', 0)})" if entry.get("precision") else "(38,0)"
            return {"logicalType": "number", "physicalType": f"DECIMAL{size}", "logicalTypeOptions": options}
        if word in RECORDS:
            fields = mapping(entry.get("fields"))
            members = [self._field(str(key), value, (*here, "fields", key)) for key, value in fields.items()]
            return {"logicalType": "object", "properties": members}
        if word == "array":
            items = self._field("", entry.get("items") or {}, (*here, "items"))
            return {"logicalType": "array", "items": {key: value for key, value in items.items() if key != "name"}}
        if word == "map":
            parts = {
                part: self._field("", entry.get(f"{part}s") or {"type": "string"}, here) for part in ("key", "value")
            }
            return {
                "logicalType": "map",
                "map": {
                    part: {key: value for key, value in made.items() if key != "name"} for part, made in parts.items()
                },
            }
        if word not in TYPES:
            self._left(
                "type",
                word or "none",
                *here,
                note="the column's type is not known here; it was taken for text",
                action="correct physicalType in the contract",
            )
        logical, physical = TYPES.get(word, ("string", "VARCHAR"))
        return {"logicalType": logical, "physicalType": physical, "logicalTypeOptions": options}

    def _quality(self, entry: dict[str, Any], here: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
        for at, rule in enumerate(listed(entry.get("quality"))):
            if not isinstance(rule, dict):
                continue
            made = {key: value for key, value in rule.items() if key in RULE_KEYS}
            metric = str(made.pop("rule", None) or made.get("metric") or "")
            if metric:
                made["metric"] = METRICS.get(metric, metric)
                made.setdefault("type", "library")
            made.setdefault("type", "sql" if "query" in made else "text")
            if made["type"] == "custom":
                made.setdefault("engine", "custom")
                made.setdefault("implementation", "")
                engine = str(made["engine"])
                self.adoption.changed(
                    "quality", engine, f"{self.path}:{self.places.find(pointer(*here, 'quality', at))[0]}",
                    note="it is kept in the contract and reported as not run", action="write it as a sql or library rule",
                )  # fmt: skip
            yield made

    def _service_levels(self) -> Iterator[dict[str, Any]]:
        for name, level in self._mapping("servicelevels").items():
            if not isinstance(level, dict):
                continue
            value = next(
                (
                    level[key]
                    for key in ("threshold", "period", "percentage", "interval", "time", "cron")
                    if level.get(key)
                ),
                None,
            )
            if value is None:
                self._left(
                    "service level", name, "servicelevels", name, note="it names no value that ODCS has a place for"
                )
                continue
            element = (
                level.get("timestampField") or level.get("processedTimestampField") or level.get("sourceTimestampField")
            )
            amount, unit = _duration(value) if name in {"freshness", "latency", "retention"} else (value, "")
            yield kept(
                {"property": name, "value": amount, "unit": unit, "element": element}, always=("property", "value")
            )

    def _support(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        contact = info.get("contact") if isinstance(info.get("contact"), dict) else {}
        if not contact:
            return []
        address = contact.get("url") or (f"mailto:{contact['email']}" if contact.get("email") else "")
        return [kept({"channel": str(contact.get("name") or address), "url": address}, always=("channel",))]


def _custom(config: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a value of a document
    pairs = config.items() if isinstance(config, dict) else ()
    return [{"property": str(key), "value": value} for key, value in pairs if not str(key).startswith("mesh.")]


def _duration(value: Any) -> tuple[Any, str]:  # noqa: ANN401 - a value of a document
    """An amount and its unit as ODCS writes them; ISO 8601 (`PT25H`) stays as it is."""
    found = DURATION.match(str(value))
    unit = UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        return value, ""
    return (float(found[1]) if "." in found[1] else int(found[1])), unit
