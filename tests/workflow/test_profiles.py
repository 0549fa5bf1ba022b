"""The SLURM profile names rules that exist and asks for what SLURM can give."""

import re

import pytest
import yaml

from workflow.project import REPOSITORY

PROFILE = (REPOSITORY / "profiles/slurm/config.yaml").read_text(encoding="utf-8")
RULES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "rules").glob("*.smk"))
)
BODIES = dict(re.findall(r"^ *rule (\w+):(.*?)(?=^ *rule |\Z)", RULES, re.MULTILINE | re.DOTALL))
# a job holds two processes of Snakemake beside its stage
LEAST_MEMORY_MB = 400


@pytest.fixture
def profile() -> dict:
    return yaml.safe_load(PROFILE)


@pytest.fixture
def gpu_block() -> dict:
    """The part that a user with GPUs takes the comment signs from."""
    block = re.search(r"^# set-resources:\n(?:#   .*\n)+", PROFILE, re.MULTILINE)
    return yaml.safe_load(re.sub("^# ", "", block[0], flags=re.MULTILINE))["set-resources"]


def test_grouped_rules_exist_and_need_no_gpu(profile, gpu_block):
    grouped = [entry.split("=")[0] for entry in profile["groups"]]
    assert not set(grouped) - set(BODIES)
    assert not set(grouped) & set(gpu_block)


def test_no_job_between_two_of_a_group_is_outside_it(unstarted):
    arguments = ("--workflow-profile", "profiles/slurm", "--configfile", "configs/tiny.yaml")
    outcome = unstarted.snakemake("--dry-run", *arguments)
    assert outcome.code == 0, outcome.text


def test_every_stage_that_computes_on_a_device_has_a_gpu_asked_for_in_one_way(gpu_block):
    # an export only adds up weights
    on_device = {name for name, body in BODIES.items() if "compute=LOADING" in body}
    assert set(gpu_block) == on_device - {"export_model", "export_adapter"}
    assert all(len({"gpu", "gres"} & set(asked)) == 1 for asked in gpu_block.values())


def test_retries_are_the_profiles_alone(profile):
    assert profile["retries"] >= 1
    assert not re.search(r"^ *retries:", RULES, re.MULTILINE)


def test_every_job_has_room_for_snakemake_itself(profile):
    asked = [int(number) for number in re.findall(r"mem_mb=growing\((\d+)\)", RULES)]
    assert asked
    assert min(asked) >= LEAST_MEMORY_MB


def test_memory_grows_with_the_attempt(profile):
    assert "attempt" in profile["default-resources"]["mem_mb"]
    asked = re.findall(r"mem_mb=([^,]+),", RULES)
    assert {ask for ask in asked if not re.fullmatch(r"growing\(\d+\)", ask)} == {
        "model_memory",
        "translator_memory",
        'growing(COMPUTE["memory_mb"] * config["tune"]["workers"])',
        "model_memory if SUBJECT_ALIGNMENT else growing(2000)",
    }


def test_status_needs_no_accounting(profile):
    assert (profile["executor"], profile["slurm-status-command"]) == ("slurm", "squeue")
