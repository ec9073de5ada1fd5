"""Every row of the fault table, in the order in which it is shown."""

from tests.chaos import (
    rows_absence,
    rows_chain,
    rows_commands,
    rows_disk,
    rows_endpoint,
    rows_models,
    rows_orders,
    rows_process,
    rows_setup,
    rows_several,
    rows_spam,
    rows_standby,
    rows_transactions,
)
from tests.chaos.table import ROWS

__all__ = [
    "ROWS",
    "rows_absence",
    "rows_chain",
    "rows_commands",
    "rows_disk",
    "rows_endpoint",
    "rows_models",
    "rows_orders",
    "rows_process",
    "rows_setup",
    "rows_several",
    "rows_spam",
    "rows_standby",
    "rows_transactions",
]
