"""`hub demo province`: the platform works when it is told to."""

from __future__ import annotations

import pytest

from demo.story_platform import work
from schemas.errors import RegistrationError


def test_a_platform_with_nothing_to_do_says_so(tmp_path):
    assert [(batch, taken) for batch, taken, _ in work(tmp_path)] == [("", True)]


def test_a_resource_that_does_not_leave_cannot_be_refused(tmp_path):
    with pytest.raises(RegistrationError, match="399002/ZFW03D1"):
        list(work(tmp_path, "000000/none"))
