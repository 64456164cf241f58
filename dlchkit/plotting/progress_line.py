"""Show progress in a notebook: one line that is updated in place and ends as a summary."""

from collections.abc import Callable, Mapping


def show_progress(what: str) -> Callable[[int, int, float | Mapping[str, float]], None]:
    """Display one line and return a callback that keeps it up to date.

    Parameters
    ----------
    what : str
        what is in progress, the first words of the line

    Returns
    -------
    callable
        takes ``(step, steps, detail)``: steps count from 0; the detail is a number of
        seconds, or named numbers such as losses

    Examples
    --------
    ``make_image_encoder("small", pairs, source, on_epoch=show_progress("image network"))``
    """
    from IPython.display import DisplayHandle  # here, so that scripts do not need IPython

    line = DisplayHandle()
    line.display({"text/plain": f"{what}: started"}, raw=True)

    def update(step: int, steps: int, detail: float | Mapping[str, float]) -> None:
        if isinstance(detail, Mapping):
            numbers = ", ".join(f"{name} {value:.2f}" for name, value in detail.items())
        else:
            numbers = f"{detail:.1f} s"
        line.update({"text/plain": f"{what}: {step + 1} of {steps} ({numbers})"}, raw=True)

    return update
