"""Where the money goes: the certified split, its certainty, its calendar, its renewal."""
