"""A dbt project becomes data products: files that a person goes on editing, and a list of what was not carried over."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring import binding_ahead
from meshwright.authoring.adoption import Adoption
from meshwright.authoring.binding_ahead import Pin
from meshwright.authoring.connection_advice import connection_advice
from meshwright.authoring.dbt.changes import Changes
from meshwright.authoring.dbt.contracts import (
    NO_COLUMN,
    cast_to,
    contracted_columns,
    described,
    promises_of,
    write_contract,
)
from meshwright.authoring.dbt.dialects import data_type
from meshwright.authoring.dbt.inputs import Inputs
from meshwright.authoring.dbt.leftovers import leave_others
from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.naming import TableNames
from meshwright.authoring.dbt.ports import commented, output_port
from meshwright.authoring.dbt.products import Arrangement, Home, arrange, identifier
from meshwright.authoring.dbt.surroundings import Neighbourhood, PortSurroundings, upstream_products
from meshwright.authoring.dbt.transformations import Written, write_transformation
from meshwright.authoring.dbt.understanding import DbtImport, Understood, understand
from meshwright.authoring.dbt.unit_tests import written_case
from meshwright.formats import odcs, odps
from meshwright.formats.yaml_text import dump
from meshwright.model.product import InputPort, OutputPort, Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.authoring.dbt.project import DataTest, DbtUnitTest, Relation
    from meshwright.model.contract import Contract
    from meshwright.model.datatype import DataType
    from meshwright.workspace.loading import Workspace

    Columns = Sequence[tuple[str, DataType]]

__all__ = ["DbtImport", "adopt_dbt"]

REPORT: Final = "IMPORTED-{project}.md"
# A folder of the product that nothing reads: what waits there keeps nobody from building the rest.
UNFINISHED: Final = "unfinished"


def adopt_dbt(workspace: Workspace, asked: DbtImport) -> Adoption:
    """The files that make the products of a dbt project in the mesh of *workspace*, and the report. Nothing is written.

    Raises NotFound when there is no project, InvalidInput when it, or what is asked, cannot be understood.
    """
    adoption = Adoption(f"the dbt project in {asked.folder}")
    found = understand(asked, adoption)
    domain = asked.domain or identifier(found.project.name)
    by = asked.by or ("group" if any(model.group for model in found.models) else "folder")
    arrangement = arrange(
        found.project,
        found.models,
        found.reads,
        domain=domain,
        by=by,
        exposed=found.exposed,
        with_steps=asked.with_steps,
    )
    connection = asked.connection or identifier(found.project.adapter or found.dialect)
    declared = workspace.mesh.connection(connection, domain=domain, environment="prod")
    inputs = Inputs(
        found.project, workspace.root, domain, connection, found.dialect, adoption, is_declared=declared is not None
    )
    _Adopting(workspace, asked, found, arrangement, inputs, adoption).run()
    return adoption


@dataclass(slots=True)
class _Adopting:
    workspace: Workspace
    asked: DbtImport
    found: Understood
    arrangement: Arrangement
    inputs: Inputs
    adoption: Adoption
    written: dict[str, Written] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    changes: Changes | None = None
    replaced: dict[str, str] = field(default_factory=dict)
    cases: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return self.arrangement.domain

    @property
    def names(self) -> TableNames:
        return TableNames(self.workspace, self.found, self.arrangement, self.inputs)

    def run(self) -> None:
        by_key = {model.key: model for model in self.found.models}
        for key, home in self.arrangement.homes.items():
            self.written[key] = self._transform(by_key[key], home)
        self.changes = Changes(by_key, self.arrangement.homes, self.found.keys, self.written)
        self.changes.settle()
        tested = {self.found.keys.get((test.model, test.version), "") for test in self.found.project.unit_tests}
        self.replaced = {
            key: step for key, step in self.changes.replaced(self.found.reads).items() if key not in tested
        }
        for product in self.arrangement.products:
            self.files[self._folder(product)] = self._product_files(product)
        columns = self._bind()
        around = Neighbourhood(
            self.found.project,
            self.found.renderer,
            self.found.dialect,
            self.arrangement,
            upstream_products(self.arrangement, self.found.reads),
            self.found.keys,
        )
        singular = around.hosts(self.adoption)
        for key, home in self.arrangement.homes.items():
            model = by_key[key]
            if home.is_port:
                self._promise(model, PortSurroundings(around, home), columns.get(key, ()), singular.get(key, []))
            else:
                self._step(model, home)
        for product in self.arrangement.products:
            self.files[self._folder(product)] = self._product_files(product)
        self._unit_tests()
        for folder, cases in self.cases.items():
            self.files[folder] |= {path: dump(listed) for path, listed in cases.items()}
        leave_others(self.found, self.arrangement, self.adoption, read=set(self.inputs.known))
        self._finish()

    # Transformations.

    def _folder(self, product: str) -> str:
        return f"domains/{self.domain}/{product}"

    def _transform(self, model: Relation, home: Home) -> Written:
        resolve = partial(self.names.table, home)
        return write_transformation(model, self.found.renderer, self.found.dialect, resolve)

    # Columns.

    def _bind(self) -> dict[str, Columns]:
        """The columns of every model: what its query yields, else what dbt's catalog or an enforced contract says."""
        base = self.found.project.root
        pins = {
            one.path: Pin(
                one.path,
                base if one.original else None,
                one.original,
                one.options,
                {name: str(kind) for name, kind in one.columns},
            )
            for one in self.inputs.known.values()
        }
        known = binding_ahead.looked_at(self.workspace, self.domain, pins)
        mesh = binding_ahead.bound(self.workspace, self.files, known)
        columns: dict[str, Columns] = {}
        for key, home in self.arrangement.homes.items():
            product = mesh.products.get(f"{self.domain}.{home.product}")
            found = product.columns.get(home.stem, ()) if product is not None else ()
            columns[key] = found or self._documented(key)
        return columns

    def _documented(self, key: str) -> Columns:
        types = self.found.project.types.get(key, {})
        known = [(name, data_type(kind, self.found.dialect)) for name, kind in types.items()]
        return [(name, kind) for name, kind in known if kind is not None] if all(kind for _, kind in known) else []

    # Contracts.

    def _promise(self, model: Relation, around: PortSurroundings, columns: Columns, singular: list[DataTest]) -> None:
        home = around.home
        address = home.address(self.domain)
        contracted = contracted_columns(model, self.found.dialect) if model.is_contracted else []
        written = self.written[model.key]
        if contracted and columns and not written.problem:
            written.text = cast_to(written.text, columns, contracted)
        if contracted:
            types = {name.lower(): kind for name, kind in contracted}
            columns = [(name, types.get(name.lower(), kind)) for name, kind in columns] or contracted
        if columns:
            promises = promises_of(model, singular, around, self.adoption, columns)
            unknown = [name for name in promises.columns if name not in {column.lower() for column, _ in columns}]
            self._note_unknown(model, unknown)
            self.contracts[model.key] = write_contract(model, home, self.domain, promises, columns)
        else:
            self._without_contract(model, singular)
        self._judge(model, address)

    def _note_unknown(self, model: Relation, unknown: list[str]) -> None:
        for name in unknown:
            self.adoption.left("column", f"{model.name}.{name}", model.place, note=NO_COLUMN)

    def _without_contract(self, model: Relation, singular: list[DataTest]) -> None:
        note = f"the columns of {model.name} are not known, so it has no contract yet"
        action = "run `dbt docs generate`, whose target/catalog.json tells the columns, and import again"
        if self.written[model.key].problem:
            note, action = f"{model.name} is not finished, so it has no contract yet", "write it into the contract then"
        for test in (*model.tests, *(one for column in model.columns for one in column.tests), *singular):
            self.adoption.left("test", described(test), test.place, note=note, action=action)
        if model.columns:
            self.adoption.left("description", f"{model.name} and its columns", model.place, note=note, action=action)

    def _step(self, model: Relation, home: Home) -> None:
        for test in (*model.tests, *(one for column in model.columns for one in column.tests)):
            self.adoption.left(
                "test",
                f"{model.name}: {described(test)}",
                test.place,
                note="it tests a step, and only output ports have contracts",
                action="test it where it is served, or import with --no-steps, which makes every model an output port",
            )
        stem = self.replaced.get(model.key, home.stem)
        self._judge(model, f"{self._folder(home.product)}/transform/{stem}.sql")

    def _judge(self, model: Relation, to: str) -> None:
        """Put the model itself on the list."""
        written = self.written[model.key]
        notes = list(written.notes)
        for hook in ("pre_hook", "post_hook", "pre-hook", "post-hook"):
            if model.config.get(hook):
                self.adoption.left(
                    "hook", f"{hook} of {model.name}", model.place, note="a build runs one query and nothing else"
                )
        if model.name in self.arrangement.renamed:
            notes.append(f"it is called {self.arrangement.renamed[model.name]}")
        if written.problem:
            place = f"{model.path}:{written.line}" if written.line else model.path
            home = self.arrangement.homes[model.key]
            path = f"{self._folder(home.product)}/{self._place(model)}/{home.stem}.sql"
            waits = self._is_waiting(model)
            then = f", then move it to transform/ and declare the port {home.name}" if waits else ""
            self.adoption.left("model", model.name, place, note=written.problem, action=f"finish {path}{then}")
        elif notes:
            self.adoption.changed("model", model.name, model.place, to=to, note="; ".join(notes))
        else:
            self.adoption.carried("model", model.name, model.place, to)

    # Files.

    def _product_files(self, product: str) -> dict[str, str]:
        """The texts of a product's files by path within its folder, as far as they are known yet."""
        files = {}
        ports: list[OutputPort] = []
        for model in self.arrangement.products[product]:
            home, written = self.arrangement.homes[model.key], self.written[model.key]
            if model.key in self.replaced:
                continue
            text = written.text if home.is_port else commented(model, written.text)
            files[f"{self._place(model)}/{home.stem}.sql"] = text
            if self._is_waiting(model):
                continue
            contract = self.contracts.get(model.key)
            if home.is_port:
                ports.append(output_port(model, home, written, contract))
            if contract is not None:
                files[f"contracts/{home.stem}.yaml"] = dump(odcs.write(contract))
        steps = self.changes.steps.get(product, {}) if self.changes is not None else {}
        files |= {f"transform/{name}.sql": text for name, text in steps.items()}
        inputs: tuple[InputPort, ...] = tuple(self.inputs.ports.get(product, {}).values())
        descriptor = Product(
            domain=self.domain,
            name=product,
            descriptor_id=f"{self.domain}.{product}",
            version="0.1.0",
            status="draft",
            folder=self._folder(product),
            title=product.replace("_", " ").capitalize(),
            description=self._purpose(product),
            owner=self.arrangement.owners.get(product, ""),
            input_ports=inputs,
            output_ports=tuple(ports),
        )
        files["product.yaml"] = dump(odps.write(descriptor))
        return files

    def _is_waiting(self, model: Relation) -> bool:
        """Whether *model* is unfinished and can be left aside: nobody reads it, and the product serves something else."""
        if not self.written[model.key].problem or any(model.key in reads for reads in self.found.reads.values()):
            return False
        others = self.arrangement.products[self.arrangement.homes[model.key].product]
        return any(self.arrangement.homes[one.key].is_port and not self.written[one.key].problem for one in others)

    def _place(self, model: Relation) -> str:
        return UNFINISHED if self._is_waiting(model) else "transform"

    def _purpose(self, product: str) -> str:
        group = self.found.project.groups.get(self.arrangement.groups.get(product, ""), {})
        return str(group.get("description") or "")

    def _unit_tests(self) -> None:
        for test in self.found.project.unit_tests:
            key = self.found.keys.get((test.model, test.version), "")
            home = self.arrangement.homes.get(key)
            try:
                self._add_case(test, home if home is None or not self.written[key].problem else None, key)
            except NotRendered as error:
                action = "write it as a case in tests/*.yaml"
                self.adoption.left("unit test", test.name, test.place, note=str(error), action=action)

    def _add_case(self, test: DbtUnitTest, home: Home | None, key: str) -> None:
        if home is None:
            raise NotRendered(f"{test.model} is no model that was carried over")
        name_of = partial(self._name, home, self.written[key].given)
        case = written_case(test, port=home.stem, root=self.found.project.root, name_of=name_of)
        folder = self._folder(home.product)
        self.cases.setdefault(folder, {}).setdefault(f"tests/{home.name}.yaml", []).append(case)
        self.adoption.carried("unit test", test.name, test.place, f"{folder}/tests/{home.name}.yaml")

    def _name(self, home: Home, given: dict[tuple[str, str, str], str], kind: str, name: str, more: str) -> str:
        if (kind, name, more) in given:
            return given[kind, name, more]
        return self.names.table(home, kind, name, more)[0].replace('"', "")

    def _finish(self) -> None:
        for folder, files in self.files.items():
            for path, text in files.items():
                self.adoption.files[posixpath.join(folder, path)] = text
        place = f"domains/{self.domain}"
        if self.domain not in self.workspace.mesh.domains:
            team = self.asked.team or f"{self.domain}_team"
            description = f"Adopted from the dbt project {self.found.project.name}."
            self.adoption.files[f"{place}/domain.yaml"] = dump({"description": description, "team": {"name": team}})
        self.adoption.products = [f"{self.domain}.{product}" for product in self.arrangement.products]
        if self.inputs.tables and not self.inputs.is_declared:
            count = len(set(self.inputs.tables))
            self.adoption.next_steps.append(connection_advice(self.inputs.connection, self.found.dialect, count))
        if any("not installed" in item.note for item in self.adoption.items):
            self.adoption.next_steps.append(
                "run dbt deps in the project and import again, if macros of packages are missed"
            )
        self.adoption.files[f"{place}/{REPORT.format(project=identifier(self.found.project.name))}"] = (
            self.adoption.report()
        )
