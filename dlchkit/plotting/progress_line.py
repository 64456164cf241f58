"""Progress in a notebook: one line that is updated in place and ends as a summary."""


def progress(what: str):
    """A callback ``(step, steps, detail)`` that keeps one displayed line up to date.

    ``detail`` is a number of seconds or a dict of numbers; steps count from 0.
    """
    from IPython.display import display

    line = display({"text/plain": f"{what}: started"}, raw=True, display_id=True)

    def update(step: int, steps: int, detail) -> None:
        said = ", ".join(f"{name} {value:.2f}" for name, value in detail.items()) if isinstance(detail, dict) else f"{detail:.1f} s"
        line.update({"text/plain": f"{what}: {step + 1} of {steps} ({said})"}, raw=True)

    return update
