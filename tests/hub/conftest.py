import pytest

from tests.hub import small_city


@pytest.fixture
def city(tmp_path):
    return small_city.build(tmp_path)
