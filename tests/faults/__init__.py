"""Tables of what goes wrong; `table.py` says how a row is written."""

import pytest

pytest.register_assert_rewrite("tests.faults.table")  # so that a row that fails shows why
