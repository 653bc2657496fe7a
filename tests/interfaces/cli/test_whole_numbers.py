"""Every option that counts something refuses a fraction, which cyclopts itself would round."""

import typing

import pytest
from cyclopts import CycloptsError

from assay.interfaces.cli.main import COMMANDS, GROUPS, build

PATHS = [(name,) for name, _, _ in COMMANDS] + [(group, name) for group, _, members in GROUPS for name, _, _ in members]


def test_every_command_refuses_fractions() -> None:
    app = build()
    tried = []
    for path in PATHS:
        command = app
        for word in path:
            command = command[word]
        arguments = list(command.assemble_argument_collection(parse_docstring=False))
        needed = [each for each in arguments if each.required]
        for whole in arguments:
            if whole.hint is not int and int not in typing.get_args(whole.hint):
                continue
            others = [f"{each.name}=1" if each.name.startswith("--") else "1" for each in needed if each is not whole]
            for value in ("1.5", "1.0", "2e1", "many"):
                with pytest.raises(CycloptsError) as caught:
                    app.parse_args([*path, *others, f"{whole.name}={value}"], exit_on_error=False, print_error=False)
                said = " ".join(str(caught.value).split())
                assert said == f"Invalid value for {whole.name}: expected a whole number, not '{value}'"
            tried.append((*path, whole.name))
    assert {("train", "--seed"), ("evaluate", "--limit"), ("corpus", "add", "--workers")} <= set(tried)


def test_whole_numbers_are_taken() -> None:
    bound = build().parse_args(["train", "--seed", "-3"], exit_on_error=False, print_error=False)[1]
    assert bound.arguments["seed"] == -3
