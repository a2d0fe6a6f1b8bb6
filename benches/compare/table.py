"""What was measured, round by round, and the Markdown tables that are printed of it."""

import json
from statistics import median


def seconds(value):
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def size(value):
    return f"{value / 1e3:.1f} kB" if value < 1e6 else f"{value / 1e6:.1f} MB"


class Rounds:
    """A number for each round, tool and row, also kept as JSON in `raw`.

    `about` says what was measured; rounds that are added to those of an earlier run must be of the same.
    """

    def __init__(self, raw, about, add=False):
        self.raw, self.about, self.measured = raw, about, []
        if add and raw.exists():
            earlier = json.loads(raw.read_text())
            if earlier["about"] != about:
                raise SystemExit(f"{raw} is of {earlier['about']}, not of {about}; leave out --add, or name another --raw")
            self.measured = earlier["rounds"]

    def __len__(self):
        return len(self.measured)

    def append(self, one):
        """`one` has a dictionary for each tool: the row's name to its number."""
        self.measured.append(one)
        self.raw.write_text(json.dumps({"about": self.about, "rounds": self.measured}, indent=1) + "\n")

    def print(self, units):
        """Medians with the multiple of the first tool's, then what each round took. `units` has each row's unit."""
        names = list(self.measured[0])
        own = names[0]
        counted = "One round" if len(self) == 1 else f"Median of {len(self)} rounds"
        print(f"{counted}; in brackets the multiple of {own}'s.\n")
        self.print_rows(names, units, lambda name, row: self.middle(name, own, row, units[row]))
        if len(self) > 1:
            print("\nEach round:\n")
            self.print_rows(names, units, lambda name, row: ", ".join(map(units[row], self.values(name, row))) or "–")

    def print_rows(self, names, units, cell):
        print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
        for row in units:
            if any(self.values(name, row) for name in names):
                print(f"| {row} | {' | '.join(cell(name, row) for name in names)} |")

    def middle(self, name, own, row, unit):
        values, owns = self.values(name, row), self.values(own, row)
        if not values:
            return "–"
        ratio = f" (×{median(values) / median(owns):.2f})" if name != own and owns and median(owns) else ""
        return unit(median(values)) + ratio

    def values(self, name, row):
        return [one[name][row] for one in self.measured if row in one[name]]
