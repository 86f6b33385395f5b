"""The command line: parse, call, print."""

import os
import sys
from typing import Annotated

import typer

from mmm.cli.attribute import attribute
from mmm.cli.check import check
from mmm.cli.diff import diff
from mmm.cli.doctor import doctor
from mmm.cli.experiment import experiment
from mmm.cli.forget import forget
from mmm.cli.init import init
from mmm.cli.mix import mix
from mmm.cli.report import report
from mmm.cli.run import demo, run_command
from mmm.cli.score import score
from mmm.cli.shell import fail, for_shell, leave
from mmm.errors import MmmError

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which marketing earned the deals, from a CRM export and a spend table.",
)


def _say_version(asked: bool) -> None:
    if asked:
        import mmm

        print(f"mmm {mmm.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take what stands before a command."""


app.command(
    help="Run the synthetic company end to end and write its page.\n\nExample: mmm demo --out demo"
)(demo)
app.command(
    help="Look at your files and write a commented mmm.toml: what each file and column is, how "
    "numbers and dates are written. Every guess is marked with its reason, every question left "
    "open.\n\nExample: mmm init crm_export/ --lang it\n\n"
    "Example: mmm init leads.csv deals.xlsx spend.csv --out mmm.toml"
)(init)
app.command(
    "run",
    help="Run your own tables as mmm.toml says.\n\nExample: mmm run mmm.toml --out results",
)(run_command)
app.command(
    help="Read the tables and say what is in them, without running a model.\n\n"
    "Example: mmm check --touches touches.csv --deals deals.csv --locale it\n\n"
    "Example: mmm check mmm.toml"
)(check)
app.command(
    help="Credit closed deals to channels, one row a model and channel.\n\n"
    "Example: mmm attribute --touches touches.csv --deals deals.csv --by account --out credit.csv"
)(attribute)
app.command(
    help="Say what each channel brought, how sure that is, and where to move the budget.\n\n"
    "Reads one row a week or month: a date, the outcome, the spend of each channel. Writes "
    "contributions.csv, response_curves.csv, budget.csv, diagnostics.json and figures.\n\n"
    "Example: mmm mix --data weeks.csv --date week --outcome revenue --channels search,fairs "
    "--controls price --margin 0.4 --out mix\n\n"
    "Example: mmm mix --data weeks.xlsx --date week --outcome deals --margin 900 "
    "--channels search,fairs --total 12000 --out mix\n\n"
    "Example: mmm mix --data regions.csv --date week --outcome revenue --channels search,fairs "
    "--panel region --out mix"
)(mix)

app.command(
    help="Write the brief of a configuration: a page, Markdown for a mail, JSON for a program, "
    "a PDF or a workbook.\n\nExample: mmm report --config mmm.toml --lang it --out brief.html\n\n"
    "Example: mmm report --out board.pdf --edition quarterly\n\n"
    "Example: mmm report --out agenda.html --agenda"
)(report)
app.command(
    help="Say what changed from one run to the next: inputs, versions, settings, figures.\n\n"
    "Example: mmm diff results/2025-05 results/2025-06"
)(diff)
app.command(
    help="Say whether this computer has what mmm needs; ends with 1 where something is to mend."
    "\n\nExample: mmm doctor"
)(doctor)

app.add_typer(
    score,
    name="score",
    help="Which lead to call first: train a model, and score leads with it.\n\n"
    "Example: mmm score train --leads leads.csv --outcome converted --model model\n\n"
    "Example: mmm score run --leads today.csv --model model --to scores.csv",
)

app.add_typer(
    experiment,
    name="experiment",
    help="Pilots: registered before they start, read afterwards, listed.\n\n"
    "Example: mmm experiment list --log experiments.jsonl",
)

app.command(
    help="Take a person out of ledgers, and look for traces in models.\n\n"
    "Example: mmm forget L0042 --also anna@example.com --to hubspot:"
)(forget)


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run the command line: 0 done, 1 unexpected failure, 2 something the user can mend."""
    for name in _THREADS:  # matrices and tables are small: threads would wait for each other
        os.environ.setdefault(name, "1")
    try:
        code = app(standalone_mode=False)  # the code of a typer.Exit, else what a command returns
        leave(code if isinstance(code, int) else 0)
    except MmmError as error:
        with_file = any(argument.endswith(".toml") for argument in sys.argv[1:])
        # Commands whose mmm.toml may go unsaid.
        with_file = with_file or sys.argv[1:2] in (["report"], ["run"])
        fail(2, *[for_shell(line, with_file=with_file) for line in str(error).splitlines()])
    except typer.Exit as done:
        leave(done.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        fail(1, "stopped")
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group of commands, and none of them
            print(error, file=sys.stderr)
            leave(2)
        if hasattr(error, "format_message"):  # what typer says of a wrong option
            fail(2, f"{error.format_message()} Try --help.")
        if type(error).__module__.startswith("mmm") or "--debug" in sys.argv:
            raise
        fail(1, f"unexpected {type(error).__name__}: {error}. This is a bug; please report it.")
