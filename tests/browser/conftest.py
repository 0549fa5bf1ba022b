"""One browser for the tests of a file; without one they are skipped, and say so."""

import pytest

from browser.chromium import Chromium, find_chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if find_chromium() is None:
        pytest.skip("no Chromium here: `envs/debian.sh chromium` installs it")
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()
