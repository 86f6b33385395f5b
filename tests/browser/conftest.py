"""Chromium, driven by playwright; without it the tests say so, and in CI they fail."""

import os
import shutil

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def missing(reason):
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI=true asks for it.")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        missing("playwright is not installed (pip install playwright)")
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=next(found, None), args=ARGUMENTS)
        except Error as error:
            missing(f"Chromium does not start ({str(error).splitlines()[0]})")
        yield browser
        browser.close()
