"""Pages in a real browser: fixtures that tests/conftest.py gives to all."""

import shutil
import time

import pytest

_NAMES = ('chromium', 'chromium-browser', 'google-chrome')


def until(page, condition: str, seconds: float = 10) -> None:
  """Waits for a condition in JavaScript.

  Playwright's own waiting evaluates text, which the policy of pages forbids.
  """
  end = time.monotonic() + seconds
  while not page.evaluate(condition):
    assert time.monotonic() < end, f'not within {seconds} s: {condition}'
    page.wait_for_timeout(20)


@pytest.fixture(scope='session')
def browser():
  """A headless Chromium; skips where there is none."""
  playwright = pytest.importorskip(
    'playwright.sync_api', reason='needs Playwright: pip install -e .[test]'
  )
  path = next(filter(None, map(shutil.which, _NAMES)), None)
  if path is None:
    pytest.skip(f'needs a browser: one of {", ".join(_NAMES)} on the PATH')
  with playwright.sync_playwright() as started:
    browser = started.chromium.launch(
      executable_path=path,
      # Containers run as root, in which Chromium's sandbox does not start.
      args=['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
    )
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser):
  """Opens a page from disk; fails on errors and on use of any network."""
  contexts, problems = [], []

  def check_request(request):
    if not request.url.startswith(('file:', 'data:', 'blob:')):
      problems.append(f'network: {request.url}')

  def open_(path, wait=True, **options):
    context = browser.new_context(
      viewport={'width': 1280, 'height': 900}, **options
    )
    contexts.append(context)
    page = context.new_page()
    page.on('request', check_request)
    page.on('pageerror', lambda error: problems.append(f'error: {error}'))
    page.goto(path.resolve().as_uri())
    if wait:
      until(page, "document.documentElement.dataset.ready === 'yes'")
    return page

  yield open_
  for context in contexts:
    context.close()
  assert not problems
