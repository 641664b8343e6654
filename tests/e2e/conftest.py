"""
End to end: the program as people run it, between real peers.
"""

from collections.abc import AsyncIterator

import pytest

from tests.support import raw


@pytest.fixture(autouse=True)
async def no_client_left_open() -> AsyncIterator[None]:
    yield
    await raw.close_clients()
