"""deploy/deploy.sh and deploy/destroy.sh up to where AWS begins: `npx` writes down what it was asked."""

import os
import subprocess

import pytest
from support.repository import ROOT


@pytest.fixture
def give(tmp_path):
    """Runs a script with an answer: (exit code, what it said, what npx was asked)."""
    asked = tmp_path / "asked"
    for name, text in (
        ("node", "exit 0"),
        ("python", "exit 0"),
        ("npx", f'echo "$*" >> {asked}; exit "${{NPX_EXIT:-0}}"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    def run(*words, answer="", **more):
        done = subprocess.run(
            [ROOT / "deploy" / words[0], *words[1:]],
            input=answer,
            env={
                "PATH": f"{tmp_path}:/usr/bin:/bin",
                "PYTHON_WITH_CDK": str(tmp_path / "python"),
                "TMPDIR": os.fspath(tmp_path),
                **more,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, asked.read_text() if asked.exists() else ""

    return run


@pytest.mark.parametrize("script", ["deploy.sh", "destroy.sh"])
@pytest.mark.parametrize("words", [(), ("staging",)])
def test_an_environment_that_is_none_is_refused_with_the_usage(give, script, words):
    code, said, asked = give(script, *words)

    assert (code, asked) == (2, "")
    assert said.startswith(f"usage: deploy/{script} dev|prod")


@pytest.mark.parametrize("answer", ["", "yes\n", "dev\n"])
def test_nothing_is_taken_down_without_the_name_as_an_answer(give, answer):
    code, said, asked = give("destroy.sh", "prod", answer=answer)

    assert (code, asked) == (1, "")
    assert said.rstrip().endswith("nothing was done")


def test_what_holds_data_stays_and_no_code_is_built_to_take_the_rest_down(give, tmp_path):
    code, said, asked = give("destroy.sh", "prod", answer="prod\n")

    assert code == 0
    assert " destroy " in asked and asked.rstrip().endswith("Footfall-prod-Machine Footfall-prod-Collect")
    assert "Storage" not in asked and "deploy/build" not in asked
    assert "kept: the stack Footfall-prod-Storage" in said
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == [], "its folder is gone"


def test_what_could_not_be_taken_down_is_no_success(give):
    code, said, _ = give("destroy.sh", "prod", answer="prod\n", NPX_EXIT="1")

    assert code == 1
    assert "not all of it was taken down" in said and "kept:" not in said
