"""Between marketing and sales: grades, rules, what to do next, what comes back."""
