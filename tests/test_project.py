"""What holds for the project as a whole: pinned dependencies, direction of imports, light start-up, true documents."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "assay"

# Data flows one way: a package imports only from those before it.
ORDER = (
    "spec",
    "store",
    "corpus",
    "training",
    "evaluation",
    "execution",
    "evidence",
    "researchers",
    "governance",
    "campaign",
    "interfaces",
)
# A trainer reads and writes its run folder and knows nothing else: these are all the packages it may use.
TRAINER_MAY_USE = {"spec", "corpus", "training"}
NOT_FOR_TRAINERS = {
    "aiohttp", "anthropic", "ftplib", "http", "httpx", "httpx2", "huggingface_hub", "openai", "requests", "smtplib",
    "socket", "sqlalchemy", "urllib", "urllib3", "websockets",
}  # fmt: skip

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [
    Requirement(line)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in group
]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
}


# ---------------------------------------------------------------------------------------------- dependencies


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_constraints_pin_every_direct_dependency_to_a_version_that_pyproject_accepts(requirement: Requirement) -> None:
    assert PINS[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_dependencies_page_gives_a_reason_for_every_direct_dependency(requirement: Requirement) -> None:
    rows = [line for line in _lines("docs/dependencies.md") if line.startswith(f"| `{requirement.name}` |")]
    assert len(rows) == 1, f"docs/dependencies.md needs one row that starts with '| `{requirement.name}` |'"


def test_dependencies_page_names_no_package_that_is_not_one_and_the_pinned_versions() -> None:
    rows = [re.match(r"\| `([\w-]+)` \| (\S+) \|", line) for line in _lines("docs/dependencies.md")]
    listed = {canonicalize_name(row[1]): row[2] for row in rows if row}
    assert listed == {(name := canonicalize_name(r.name)): PINS[name] for r in REQUIREMENTS}


def test_constraints_pin_everything_that_the_installed_dependencies_pull_in() -> None:
    """Follows the installed packages' own metadata, so a pin that was forgotten is found."""
    todo = [requirement for requirement in REQUIREMENTS if _installed(requirement.name)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        requirement = todo.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in seen or not (distribution := _installed(requirement.name)):
            continue
        seen.add(key)
        todo += [
            child
            for child in map(Requirement, distribution.requires or ())
            if child.marker is None
            or any(child.marker.evaluate({"extra": extra}) for extra in {"", *requirement.extras})
        ]
    names = {name for name, _ in seen}
    assert len(names) > len(REQUIREMENTS)
    assert not names - PINS.keys()


def test_project_environment_has_the_pinned_versions() -> None:
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not running in the project's own .venv")
    installed = {name: found.version for name in PINS if (found := _installed(name))}
    assert {name: Version(version).public for name, version in installed.items()} == {
        name: PINS[name] for name in installed
    }


# ------------------------------------------------------------------------------------- direction of imports


def test_the_packages_are_those_of_the_order() -> None:
    assert {path.parent.name for path in SOURCE.glob("*/__init__.py")} == set(ORDER)


def test_architecture_page_lists_exactly_the_packages() -> None:
    page = ROOT / "docs" / "architecture.md"
    if not page.exists():
        pytest.skip("docs/architecture.md is not written yet")
    text = page.read_text(encoding="utf-8")
    block = re.search(r"^[ \t]*src/assay/?\s*\n(.*?)^```", text, re.M | re.S)
    assert block, "docs/architecture.md should show the packages in a code block that begins with 'src/assay/'"
    assert re.findall(r"^\W*([a-z_]+)/", block[1], re.M) == list(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_from_those_above_it(package: str) -> None:
    above = set(ORDER[: ORDER.index(package) + 1])
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in _modules(package)
        for module, line, _ in _imports(path)
        if (target := _package(module)) and target not in above
    ]
    assert not wrong


def test_training_uses_no_store_no_campaign_and_no_network() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in _modules("training")
        for module, line, _ in _imports(path)
        if ((target := _package(module)) and target not in TRAINER_MAY_USE)
        or module.partition(".")[0] in NOT_FOR_TRAINERS
    ]
    assert not wrong


def test_only_training_evaluation_and_the_zygote_import_torch() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] not in ("training", "evaluation")
        and path != SOURCE / "execution" / "zygote.py"
        for module, line, at_import_time in _imports(path)
        if at_import_time and re.match(r"torch\b|safetensors\.torch\b", module)
    ]
    assert not wrong


def test_every_executor_of_a_lab_is_made_where_its_vault_is_kept_shut() -> None:
    """Whoever made one past `Lab.executor` would start trainings that can read the sealed documents."""
    makers = [path for path in SOURCE.rglob("*.py") if re.search(r'load\("executor"|LocalExecutor\(', path.read_text())]
    assert makers == [SOURCE / "campaign" / "lab.py"]


def test_no_module_of_the_controller_loads_torch_even_through_others() -> None:
    packages = [package for package in ORDER if package not in ("training", "evaluation")]
    modules = [
        _name(path)
        for package in packages
        for path in _modules(package)
        if path.stem not in ("zygote", "__main__") and "migrations" not in path.parts  # Alembic runs migrations itself
    ]
    code = f"import sys, importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\nprint(*sys.modules)"
    assert "torch" not in _python(code).split()


def test_the_trainer_loads_no_store_and_no_client_even_through_others() -> None:
    modules = [_name(path) for path in _modules("training") if path.stem != "__main__"]
    code = f"import sys, importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\nprint(*sys.modules)"
    loaded = _python(code).split()
    assert {_package(name) for name in loaded} - {None} <= TRAINER_MAY_USE
    assert not {"sqlalchemy", "anthropic", "openai", "huggingface_hub"} & set(loaded)


def test_help_answers_without_loading_anything_heavy() -> None:
    code = (
        "import sys\nfrom assay.interfaces.cli.main import main\nsys.argv = ['assay', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('loaded', *sys.modules)"
    )
    help_text, _, loaded = _python(code).rpartition("loaded")
    assert "propose" in help_text
    assert not {"torch", "scipy", "matplotlib", "optuna", "pandas", "anthropic"} & set(loaded.split())


# ---------------------------------------------------------------------------------------------- documents


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))]
)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    path = ROOT / page if (ROOT / page).exists() else ROOT / "docs" / page
    blocks = re.findall(r"```.*?```|`[^`\n]+`", path.read_text(encoding="utf-8"), re.S)
    calls = {call for block in blocks for call in re.findall(r"(?:^\$? ?|`|&& )make((?: [a-z][a-z-]*)+)", block, re.M)}
    for call in sorted(calls):
        done = subprocess.run(["make", "-n", *call.split()], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page}: make{call}: {done.stderr}"


def test_every_path_that_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"\b((?:src|tests|docs|benchmarks)/[\w./-]*\w|constraints\.txt|\.ci/run)", text))
    assert len(paths) > 10
    assert not [path for path in sorted(paths) if not (ROOT / path).exists()]


def test_every_implementation_in_the_registry_is_a_file_in_its_place() -> None:
    code = (
        "from assay.spec.registry import REGISTRY, load, names\n"
        "for kind in REGISTRY:\n    for name in names(kind):\n        assert callable(load(kind, name)), (kind, name)"
    )
    _python(code)


def test_citation_has_the_project_s_version() -> None:
    assert f"version: {PROJECT['version']}" in _lines("CITATION.cff")


# ------------------------------------------------------------------------------------------------ helpers


def _lines(page: str) -> list[str]:
    return (ROOT / page).read_text(encoding="utf-8").splitlines()


def _installed(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _modules(package: str) -> list[Path]:
    return sorted((SOURCE / package).rglob("*.py"))


def _name(path: Path) -> str:
    return ".".join(("assay", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def _package(module: str) -> str | None:
    """The package of assay that a dotted name lies in, if any."""
    parts = module.split(".")
    return parts[1] if parts[0] == "assay" and len(parts) > 1 and parts[1] in ORDER else None


def _imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Dotted name, line, and whether it happens at import time, of every import in a file, functions included."""

    def walk(node: ast.AST, at_import_time: bool) -> Iterator[tuple[str, int, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, at_import_time) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                folder = ["assay", *path.relative_to(SOURCE).parent.parts]
                origin = ".".join([*folder[: len(folder) - node.level + 1], *filter(None, [node.module])])
            yield from ((f"{origin}.{alias.name}", node.lineno, at_import_time) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guarded = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
            yield from walk(child, at_import_time and not inside and not guarded)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), True)
