"""``quarterdeck audit …``: verify the audit log, prove an entry, take the log away, leave a checkpoint."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from pydantic import SecretStr

from app.cli.common import DataDir, operator, settings_of, with_database
from app.config import Settings
from app.errors import StartupProblem
from app.seals.damage import Problem
from app.seals.keys import Keys, PublicKeys, of_settings, of_texts

cli = typer.Typer(help="The audit log: is it as it was written?", no_args_is_help=True, rich_markup_mode=None)
Out = Annotated[Path | None, typer.Option("--out", help="The file to write. Unset: standard output.")]
TypedKeys = Annotated[list[str] | None, typer.Option("--key", help="A public key to believe; may be given often.")]
_MOST_SHOWN = 50
_TOLD_EVERY = 100_000


@cli.command()
def verify(
    file: Annotated[Path | None, typer.Option(help="An exported file to look at; needs no database.")] = None,
    key: TypedKeys = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint that was kept elsewhere.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Look at the whole log, or at an exported file, and name what does not fit. Ends with 1 when there is anything."""
    typed = _typed(key or [])
    if file is not None:
        _verify_file(file, typed or _kept(settings_of(data_dir=data_dir)).public)
    else:
        _verify_log(settings_of(data_dir=data_dir), typed, [checkpoint] if checkpoint else [])


@cli.command()
def prove(
    entry: Annotated[int, typer.Argument(help="The number of the entry.")], out: Out = None, data_dir: DataDir = None
) -> None:
    """Write a file that shows of one entry that it is sealed as it is."""
    from app.services import seals

    made: list[bytes] = []

    async def act(_full: Settings) -> None:
        made.append(await seals.prove(operator(), entry))

    with_database(settings_of(data_dir=data_dir), act)
    with _opened(out) as target:
        target.write(made[0])


@cli.command()
def export(out: Out = None, data_dir: DataDir = None) -> None:
    """Write all entries to a file (JSON lines) that proves itself. The log tells of it."""
    from app.services import seals

    async def act(full: Settings) -> None:
        with _opened(out) as target:
            await seals.export(operator(), target, of_settings(full).signer)

    with_database(settings_of(data_dir=data_dir), act)


@cli.command(name="checkpoint")
def leave_checkpoint(out: Out = None, data_dir: DataDir = None) -> None:
    """Seal what waits, and write a signed mark of how long the log is, to be kept where nobody can change it."""
    from app.seals import checkpoints
    from app.worker.sealer import Sealer

    made: list[str] = []

    async def act(full: Settings) -> None:
        sealer = Sealer(full)
        await sealer.seal()
        if (mark := await sealer.mark()) is None and not (sealer.folder / checkpoints.LATEST).exists():
            raise StartupProblem("There is nothing to tell of: the log is empty.")
        made.append((mark or checkpoints.read(sealer.folder / checkpoints.LATEST)).as_text())

    with_database(settings_of(data_dir=data_dir), act)
    with _opened(out) as target:
        target.write(made[0].encode())


@cli.command(name="keys")
def show_keys(data_dir: DataDir = None) -> None:
    """Print the public keys of the seals: all that anybody needs to verify them."""
    for name, public in _kept(settings_of(data_dir=data_dir)).public.items():
        typer.echo(f"{public.public_bytes_raw().hex()}  {name}")


def _verify_file(path: Path, keys: PublicKeys) -> None:
    from app.seals import reading

    try:
        report = reading.verify(path, keys)
    except OSError as problem:
        raise StartupProblem(f"{path} cannot be read: {problem.strerror}.", exit_code=2) from problem
    whole = "A key of ours signed that these are all." if report.is_whole else "Nobody signed that these are all."
    waiting = f" {report.waiting:,} of them were not sealed yet." if report.waiting else ""
    entries, seals = _counted(report.entries, "entry", "entries"), _counted(report.seals, "seal", "seals")
    _conclude(f"{entries}, {seals}. {whole}{waiting}", report.problems)


def _verify_log(settings: Settings, typed: PublicKeys, besides: Sequence[Path]) -> None:
    from app.seals import checkpoints

    paths = [*checkpoints.kept(settings.data_dir / "checkpoints"), *besides]
    try:
        outside = [checkpoints.read(path) for path in paths]
    except checkpoints.Unreadable as problem:
        raise StartupProblem(str(problem), exit_code=2) from problem
    found: list[Problem] = []
    told: list[str] = []

    async def act(full: Settings) -> None:
        keys = {**of_settings(full).public, **typed}
        told.append(await _look(keys, found))
        found.extend(await _compare(keys, outside))

    with_database(settings, act)
    _conclude(f"{told[0]}, and {_counted(len(outside), 'checkpoint', 'checkpoints')}.", found)


async def _look(keys: PublicKeys, found: list[Problem]) -> str:
    """Look at everything, add what is wrong to ``found``, and say how much there was."""
    from app.seals import verifying

    entries = seals = shown = newest = 0
    async for looked in verifying.whole(keys):
        found.extend(looked.problems)
        entries, newest = entries + looked.entries, max(newest, looked.up_to or 0)
        seals = seals if looked.last is None else looked.last + 1
        if entries >= shown + _TOLD_EVERY:
            shown = entries
            typer.echo(f"{entries:,} entries …", err=True)
    return f"{_counted(entries, 'entry', 'entries')} in {_counted(seals, 'seal', 'seals')}, up to entry {newest}"


async def _compare(keys: PublicKeys, outside: Sequence[Any]) -> list[Problem]:
    from app.database import keeping
    from app.seals import checkpoints, guards

    async with keeping("audit log: verify") as work:
        connection = await work.raw()
        return [*await checkpoints.compared(connection, outside, keys), *await guards.compared_in(connection)]


def _counted(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _conclude(sentence: str, problems: Sequence[Problem]) -> None:
    typer.echo(sentence)
    for problem in problems[:_MOST_SHOWN]:
        typer.echo(problem.sentence)
    if len(problems) > _MOST_SHOWN:
        typer.echo(f"… and {len(problems) - _MOST_SHOWN:,} more.")
    typer.echo("Something does not fit: see above." if problems else "Everything fits.")
    raise typer.Exit(1 if problems else 0)


def _typed(keys: Sequence[str]) -> PublicKeys:
    try:
        return of_texts(keys)
    except ValueError as problem:
        raise StartupProblem(str(problem), exit_code=2) from problem


def _kept(settings: Settings) -> Keys:
    """The keys of this machine. None is made: a new one would verify nothing."""
    path = settings.data_dir / "secrets" / "seal_key"
    if settings.seal_key is None and path.exists():
        settings = settings.model_copy(update={"seal_key": SecretStr(path.read_text(encoding="utf-8"))})
    try:
        keys = of_settings(settings)
    except ValueError as problem:
        raise StartupProblem(f"QUARTERDECK_SEAL_KEY cannot be used: {problem}", exit_code=2) from problem
    if not keys.public:
        raise StartupProblem(f"There is no key in {path.parent}. Give a public one with --key.", exit_code=2)
    return keys


@contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        return
    try:
        with out.open("wb") as file:
            yield file
    except OSError as problem:
        raise StartupProblem(f"{out} cannot be written: {problem.strerror}.", exit_code=2) from problem
