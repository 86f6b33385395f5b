"""What comes next: bookings, what a target takes, and the work it brings."""

from mmm.funnel.forecast.backtest import Backtest, backtest
from mmm.funnel.forecast.capacity import Effort, sales_workload
from mmm.funnel.forecast.futures import Forecast, forecast
from mmm.funnel.forecast.target import plan_target

__all__ = [
    "Backtest",
    "Effort",
    "Forecast",
    "backtest",
    "forecast",
    "plan_target",
    "sales_workload",
]
