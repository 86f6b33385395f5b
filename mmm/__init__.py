"""Which marketing earned the deals, where the next euro should go, which lead to call first."""
