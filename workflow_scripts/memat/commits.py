"""Commit ids that pin what comes from a hub. Branches and tags move, so they pin nothing."""

import re

from memat.errors import ModelError
from memat.suggest import shown

FULL = re.compile(r"[0-9a-f]{40}")
BEGINNING = re.compile(r"[0-9a-f]{7,39}")


def commit_fault(revision: object) -> str | None:
    """The fault of a revision that is no commit id, nor the beginning of one."""
    if FULL.fullmatch(str(revision)) or BEGINNING.fullmatch(str(revision)):
        return None
    return (
        f"must be a commit id, 40 digits of 0-9 and a-f, found {shown(revision)}; branches and"
        " tags move"
    )


def beginning_notice(place: str, revision: object) -> str | None:
    """What a user should know of a commit id that is cut short; None for a whole one."""
    if revision is None or not BEGINNING.fullmatch(str(revision)):
        return None
    return (
        f"{place}: {revision} is the beginning of a commit id; the hub is asked for its 40 digits,"
        " so a machine without network needs them written out"
    )


def full_commit(repo: str, revision: str, repo_type: str = "model") -> str:
    """The 40 digits of a commit of a hub repository, looked up in its history where cut short.

    The hub itself takes whole commit ids only. repo_type: "model" or "dataset".
    Raises ModelError(repo, revision): no commit id, no such commit or several, no answer.
    """
    if fault := commit_fault(revision):
        raise ModelError(f"{repo}: revision {fault}")
    if FULL.fullmatch(revision):
        return revision
    from huggingface_hub import HfApi  # only where a hub is used

    try:
        ids = {commit.commit_id for commit in HfApi().list_repo_commits(repo, repo_type=repo_type)}
    except Exception as error:  # of the network, the hub and its validation: no common base
        raise ModelError(
            f"{repo}@{revision}: the hub could not be asked for all 40 digits of this commit"
            f" ({error}); write them out"
        ) from error
    found = [commit for commit in ids if commit.startswith(revision)]
    if len(found) != 1:
        raise ModelError(
            f"{repo}@{revision}: {len(found)} commits of its main branch begin so; write all 40"
            " digits"
        )
    return found[0]
