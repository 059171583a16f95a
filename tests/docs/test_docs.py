from __future__ import annotations

import ast
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest

from cli.main import lake
from cli.reference import command_line_page
from contracts.check import check
from contracts.declarations import BUILT_IN, load_declarations
from contracts.reference import sources_page
from contracts.samples import samples
from ingestion.documents import check_sources
from lakehouse.failpoints import FAILPOINTS
from lakehouse.mappings import load_mapping
from simulator import FAULTS
from transforms.foreign import check_accepted

ROOT = Path(__file__).parents[2]
COOKBOOKS = ROOT / "docs" / "cookbooks"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for p in (ROOT / "docs").rglob("*.md") if "reference" not in p.parts)]
)
TAKES_COMMANDS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(COOKBOOKS.glob("*.md"))]
REJECTS = (
    "contracts/validation.py",
    "transforms/rejected.py",
    "transforms/foreign.py",
    "transforms/unpack.py",
    "pipeline/tables.py",
)

BLOCK = re.compile(r"^```(\w*)(?: title=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> Iterator[str]:
    return (m[3] for m in BLOCK.finditer(path.read_text("utf-8")) if m[1] == language)


def titled(path: Path, title: str) -> str:
    return next(m[3] for m in BLOCK.finditer(path.read_text("utf-8")) if m[2] == title)


def commands(script: str) -> Iterator[list[str]]:
    """The simple commands of a shell script, without redirections' operators and what stands behind them."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, ";"]:
            if not set(token) <= set("();<>|&"):
                words.append(token)
                continue
            if words:
                yield words
            words = []


def understood(arguments: list[str]) -> None:
    """Raise where the command line would refuse the arguments of `lake`; nothing is carried out."""
    command: click.Command = lake
    while isinstance(command, click.Group):
        name, *arguments = arguments
        if name not in command.commands:
            raise click.UsageError(f"no command {name!r} in {command.name}")
        command = command.commands[name]
    command.make_context(command.name, list(arguments))


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def emitted(source: Path) -> Iterator[str]:
    """Words the module gives as error_type: arguments of rejections, values under that key, and the table of violations."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="Rejection" | "Unreadable"), args=[reason, *_]):
                yield from texts([reason])
            case ast.Call(func=ast.Name(id="_give_up"), args=[_, reason, *_]):
                yield from texts([reason])
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                yield from texts(
                    v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "error_type"
                )
            case ast.AnnAssign(target=ast.Name(id="_VIOLATIONS"), value=ast.Tuple(elts=rows)):
                yield from texts(row.elts[1] for row in rows if isinstance(row, ast.Tuple))
            case ast.FunctionDef(name="_violation"):
                yield from texts(ast.walk(node))


def texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    return (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))


def reasons_in_glossary() -> set[str]:
    section = (ROOT / "GLOSSARY.md").read_text("utf-8").partition("## Reasons of quarantine")[2]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize("page", TAKES_COMMANDS, ids=named)
def test_every_command_shown_is_one_the_command_line_takes(page: Path) -> None:
    found = [words for script in blocks(page, "sh") for words in commands(script)]
    for program, *arguments in found:
        if program == "lake":
            understood(arguments)
    assert found


@pytest.mark.parametrize(
    "line", ["lake draw", "lake run --often", "lake quarantine", "lake sql", "lake status extra"]
)
def test_a_command_that_does_not_exist_would_be_seen(line: str) -> None:
    with pytest.raises((click.UsageError, ValueError)):
        understood(line.split()[1:])


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = {
        words[1]
        for page in TAKES_COMMANDS
        for script in blocks(page, "sh")
        for words in commands(script)
        if words[0] == "make"
    }
    assert shown
    assert shown <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 60


def test_the_readme_names_every_cookbook() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text("utf-8")))
    assert {named(page) for page in COOKBOOKS.glob("*.md")} <= linked


def test_the_glossary_has_exactly_the_reasons_the_code_gives() -> None:
    given = {word for source in REJECTS for word in emitted(ROOT / source)}
    assert reasons_in_glossary() == given


def test_no_other_module_gives_reasons() -> None:
    rooms = ("contracts", "ingestion", "lakehouse", "pipeline", "transforms")
    others = {p for room in rooms for p in (ROOT / room).glob("*.py")} - {ROOT / name for name in REJECTS}
    assert {named(p): words for p in others if (words := set(emitted(p)))} == {}


def test_the_glossary_has_every_reason_that_samples_and_faults_meet() -> None:
    declarations = load_declarations()
    met = {
        s.error_type
        for event in declarations.events.values()
        for version in event.versions
        for s in samples(declarations, version)
    }
    met |= {fault.error_type for fault in FAULTS}
    assert met - {None} <= reasons_in_glossary()


def test_the_architecture_has_exactly_the_commit_points_of_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.partition("Commit points")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z.]+)` \|", table, re.MULTILINE)) == set(FAILPOINTS)


def test_the_modules_of_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    modules = re.findall(r"\*\*([a-z_]+/[a-z_]+)\*\*", text)
    assert modules
    assert [m for m in modules if not (ROOT / f"{m}.py").is_file()] == []


def test_an_event_is_added_by_following_the_cookbook(tmp_path: Path) -> None:
    for name in ("envelope.yaml", "shapes.yaml", "enrichments.yaml"):
        shutil.copy(BUILT_IN / name, tmp_path / name)
    for name in ("events", "tables"):
        shutil.copytree(BUILT_IN / name, tmp_path / name)
    file = "events/gift_card_issued/v1.yaml"
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(titled(COOKBOOKS / "add-an-event.md", f"my-contracts/{file}"), "utf-8")
    declarations = load_declarations(tmp_path)
    assert check(declarations) > check(load_declarations())
    assert "gift_card_issued" in declarations.curated


def test_a_field_is_added_by_following_the_cookbook(tmp_path: Path) -> None:
    shutil.copytree(BUILT_IN, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py"))
    path = tmp_path / "events/stock_counted/v1.yaml"
    entry = next(blocks(COOKBOOKS / "add-a-field.md", "yaml"))
    path.write_text(path.read_text("utf-8").rstrip("\n") + "\n" + entry, "utf-8")
    declarations = load_declarations(tmp_path)
    check(declarations)
    assert "counting_device" in {f.name for f in declarations.curated["stock_counted"]}


def test_the_mapping_of_the_cookbook_fits_its_contract(tmp_path: Path) -> None:
    path = tmp_path / "receipts.yaml"
    path.write_text(titled(COOKBOOKS / "load-a-file.md", "receipts.yaml"), "utf-8")
    assert [s.event_type for s in load_mapping(path, load_declarations()).sections] == ["sale_completed"]


def test_the_page_of_sources_names_every_family() -> None:
    families = re.findall(
        r"^\| \[`\w+`\]\(#\w+\) \| ([^|]+) \|", sources_page(load_declarations()), re.MULTILINE
    )
    demanded = {"Shopify", "Stripe", "Segment", "Snowplow", "Debezium", "WMS", "ERP", "Finance", "AWS DMS"}
    assert demanded | {"Google Analytics 4", "Amazon DynamoDB", "Amazon Neptune"} <= set(families)


def test_a_source_is_declared_by_following_the_cookbook(tmp_path: Path) -> None:
    shutil.copytree(BUILT_IN, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py"))
    text = titled(COOKBOOKS / "take-in-a-source.md", "my-contracts/sources/till.yaml")
    (tmp_path / "sources/till.yaml").write_text(text, "utf-8")
    declarations = load_declarations(tmp_path)
    check_sources(declarations)
    check_accepted(declarations)
    assert declarations.source("till").event_types == ("payment_refunded",)


def test_the_page_of_the_command_line_has_every_command() -> None:
    page = command_line_page()
    assert {f"lake {name}" for name in lake.commands} <= set(re.findall(r"^## (.+)$", page, re.MULTILINE))
    assert "lake quarantine show" in page
