"""Compare pages of two checkouts: ``python tests/same_pages.py OLD.md NEW.md OLD.html NEW.html``.

Both checkouts make the pages from one folder of finished runs (``dlchkit results RUNS --page FILE``, ``dlchkit report
RUNS``).
Every number of a row of an old table must stand in the row of that name in a new one. The exit status is 1 where a
number is missing; the missing ones are listed.
"""

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

NUMBER = re.compile(r"(?<![\w.])-?\d*\.\d+%?")


def numbers_in(text: str) -> list[str]:
    """Numbers such as .123 or 12.3%, without a zero before the point, -.000 as .000."""
    found = NUMBER.findall(text.replace("−", "-"))
    return [re.sub(r"^(-?)0\.", r"\1.", number).replace("-.000", ".000") for number in found]


class HtmlTables(HTMLParser):
    """Counts of (row name, number) over all cells of a page's tables."""

    def __init__(self, source: str):
        super().__init__()
        self.found: Counter = Counter()
        self.row = ""
        self.cell = ""
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.row = ""
        if tag in ("td", "th"):
            self.cell = tag
            self.text = ""

    def handle_endtag(self, tag):
        if tag not in ("td", "th") or not self.cell:
            return
        if tag == "th" and not self.row:
            self.row = " ".join(self.text.split())
        self.found.update((self.row, number) for number in numbers_in(self.text))
        self.cell = ""

    def handle_data(self, data):
        if self.cell:
            self.text += data


def markdown_numbers(source: str) -> Counter:
    """Counts of (row name, number) over all lines; the name is "" outside tables."""
    found: Counter = Counter()
    for line in source.splitlines():
        name = line.strip("| ").split("|")[0].strip() if line.startswith("|") else ""
        found.update((name, number) for number in numbers_in(line))
    return found


def missing(title: str, old: Counter, new: Counter) -> int:
    """Print the numbers of the old page that the new one lacks; how many they are."""
    lost = old - new
    print(f"{title}: {old.total()} numbers before, {new.total()} now, {lost.total()} missing")
    for (name, number), times in lost.items():
        print(f"  {name or '(text)'}: {number} x {times}")
    return lost.total()


def main(old_markdown: str, new_markdown: str, old_html: str, new_html: str) -> int:
    """Compare both kinds of page; 1 where a number is missing."""
    old, new = (markdown_numbers(Path(path).read_text(encoding="utf-8")) for path in (old_markdown, new_markdown))
    lost = missing("Markdown", old, new)
    old, new = (HtmlTables(Path(path).read_text(encoding="utf-8")).found for path in (old_html, new_html))
    lost += missing("HTML tables", old, new)
    return min(lost, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
