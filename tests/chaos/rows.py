"""Every row of the fault table, in the order in which it is shown."""

from tests.chaos import rows_endpoint
from tests.chaos.table import ROWS

__all__ = ["ROWS", "rows_endpoint"]
