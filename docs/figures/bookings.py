"""What may be booked in the months to come?

Simulated futures: rates, values, new leads and what becomes of each are all drawn.
"""

from mmm import datasets
from mmm.funnel import forecast
from mmm.funnel.plots import plot_fan

future = forecast(datasets.load("leads"), datasets.load("deals"), months=6, n_draws=500)
figure = plot_fan(future.to_frame(), title="Bookings a month", level=future.level).figure
