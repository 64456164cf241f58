"""Show the progress of a sweep: a line for each finished run, or lines on a terminal that are updated in place."""

import sys
import time


def in_time(seconds: float) -> str:
    """Seconds, minutes or hours, as one says it.

    >>> in_time(34.2), in_time(340), in_time(34_000)
    ('34 s', '6 min', '9.4 h')
    """
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


class LogLines:
    """One line for each finished run: for files, pipes and whoever reads them later.

    Parameters
    ----------
    say : called with each line
    """

    def __init__(self, say):
        self.say = say

    def begin(self, n_runs: int) -> None:
        """So many runs are to do."""
        self.n_runs, self.taken, self.at_work, self.most_at_work = n_runs, [], {}, 1

    def started(self, run, worker: str) -> None:
        """A run is at work; a second call for the same run says that it began again elsewhere."""
        self.at_work[run.folder] = (worker, run.name, time.monotonic())
        self.most_at_work = max(self.most_at_work, len(self.at_work))

    def ended(self, run, outcome: str | None, seconds: float) -> None:
        """A run is done, or failed with ``outcome``."""
        self.at_work.pop(run.folder, None)
        self.taken.append(seconds)
        self.finished(self.line(run, outcome, seconds), outcome)

    def line(self, run, outcome, seconds) -> str:
        result = f"failed after {in_time(seconds)}: {outcome}" if outcome else in_time(seconds)
        left = self.seconds_left()
        return (
            f"[{len(self.taken)}/{self.n_runs}] {run.name}: {result}{f' (about {in_time(left)} left)' if left else ''}"
        )

    def seconds_left(self) -> float:
        """Estimate the time that is left from the mean time of a run; 0 at the end and before the first run is done."""
        to_go, mean, now = self.n_runs - len(self.taken), sum(self.taken) / max(len(self.taken), 1), time.monotonic()
        at_work = [max(mean - (now - since), 0) for _, _, since in self.at_work.values()]
        waiting = to_go - len(at_work)
        longest = mean if waiting > 0 else max(at_work, default=0)  # no worker helps another with a run
        return max((sum(at_work) + mean * waiting) / min(self.most_at_work, max(to_go, 1)), longest)

    def finished(self, line: str, outcome: str | None) -> None:
        self.say(line)

    def tick(self) -> None:
        """Called some times per second while runs are at work."""

    def end(self) -> None:
        """Nothing more will come."""


class LiveLines(LogLines):
    """On a terminal: a line per worker and one for the whole, updated in place; failures stay above them.

    Parameters
    ----------
    stream : the terminal; tqdm knows how to move on it
    """

    EVERY = 1.0  # seconds between two pictures of the same

    def __init__(self, stream=None):
        from tqdm import tqdm

        self.stream, self._tqdm = stream or sys.stdout, tqdm
        super().__init__(lambda line: tqdm.write(line, file=self.stream))
        self.bars, self.drawn = [], 0.0

    def started(self, run, worker):
        super().started(run, worker)
        self.draw()

    def finished(self, line, outcome):
        if outcome:
            self.say(line)
        self.draw()

    def tick(self):
        if time.monotonic() - self.drawn >= self.EVERY:
            self.draw()

    def draw(self) -> None:
        now = time.monotonic()
        at_work = sorted((worker, name, now - since) for worker, name, since in self.at_work.values())
        lines = [f"{worker}: {name} ({in_time(seconds)})" for worker, name, seconds in at_work]
        lines += [""] * (self.most_at_work - len(lines))
        left = self.seconds_left()
        lines.append(f"{len(self.taken)} of {self.n_runs} runs ended{f', about {in_time(left)} left' if left else ''}")
        while len(self.bars) < len(lines):
            self.bars.append(
                self._tqdm(
                    file=self.stream, position=len(self.bars), bar_format="{desc}", leave=False, dynamic_ncols=True
                )
            )
        for bar, line in zip(self.bars, lines, strict=False):
            bar.set_description_str(line)
        self.drawn = now

    def end(self):
        for bar in reversed(self.bars):
            bar.close()
        self.bars = []
