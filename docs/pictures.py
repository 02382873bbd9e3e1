"""`make pictures`: write the pictures of README.md and README.zh.md from a finished `make demo`.

The pictures of pages need chromium and chromedriver (Debian: chromium, chromium-driver).
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grounding.errors import UserError, run_command  # noqa: E402
from grounding.files import read_json  # noqa: E402
from grounding.layout import ANNOTATIONS_FILE  # noqa: E402
from tests.end_to_end.test_app import app  # noqa: E402
from tests.visualize.app import app_browser  # noqa: E402
from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, start  # noqa: E402

DOCS, DATA, DEMO = ROOT / "docs", ROOT / "data" / "demo", ROOT / "checkpoints" / "demo"
WIDTH, HEIGHT = 1400, 900


def main() -> None:
    """Write every picture.

    Raises:
        UserError: the demo has not been run, or there is no browser.
    """
    if not (DEMO / "scores.json").is_file():
        raise UserError(f"{DEMO / 'scores.json'}: no such file: run `make demo` first")
    if not (CHROMIUM and DRIVER):
        raise UserError(MISSING)
    shutil.copyfile(DEMO / "sheet.png", DOCS / "demo.png")
    with tempfile.TemporaryDirectory() as profile:
        driver = start(Path(profile))
        try:
            driver.set_window_size(WIDTH, HEIGHT)
            driver.get((DEMO / "page" / "index.html").as_uri())
            app_browser.wait(driver, lambda found: app_browser.every(found, "img"))
            # The scores are closed, so that the images are in view.
            driver.execute_script(
                "for (const part of document.querySelectorAll('details')) part.open = false"
            )
            save(driver, DOCS / "page.png")
            with app(ROOT) as url:
                app_browser.open_page(driver, url)
                app_browser.upload(
                    driver, DATA / read_json(DATA / ANNOTATIONS_FILE)["images"][0]["file_name"]
                )
                # The second answer shows the usual time: the first one includes the model's warm-up.
                app_browser.press(driver, "#ask-everything")
                app_browser.press(driver, "#ask-everything")
                save(driver, DOCS / "app.png")
        finally:
            driver.quit()


def save(driver: Any, path: Path) -> None:
    """Write what the browser window shows."""
    path.write_bytes(driver.get_screenshot_as_png())
    sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
