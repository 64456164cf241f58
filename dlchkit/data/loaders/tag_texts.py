"""Make texts of the tags that people gave their photos."""

from collections import Counter
from collections.abc import Sequence

from dlchkit.errors import DataError


def tag_texts(tags: Sequence[Sequence[str]], min_tag_count: int) -> tuple[list[str], str]:
    """Join the tags of each photo that occur in enough photos.

    Parameters
    ----------
    tags : sequence of sequences of str
        Of every photo in the set, whether it will be used or not.
    min_tag_count : int
        In how many photos a tag must occur, 1 or more.

    Returns
    -------
    texts : list of str
        "" where no tag is left.
    note : str
        A line that says how many tags were taken.

    Examples
    --------
    >>> tag_texts([["sea", "canon"], ["sea"], []], 2)
    (['sea', 'sea', ''], 'texts are the 1 of 2 tags that occur in 2 photos or more (min_tag_count)')
    """
    if type(min_tag_count) is not int or min_tag_count < 1:
        raise DataError(f"min_tag_count is {min_tag_count!r}; it is a number of photos, 1 or more")
    count = Counter(tag for row in tags for tag in set(row))
    frequent = {tag for tag, size in count.items() if size >= min_tag_count}
    texts = [" ".join(tag for tag in row if tag in frequent) for row in tags]
    kept = f"{len(frequent):,} of {len(count):,} tags"
    return texts, f"texts are the {kept} that occur in {min_tag_count} photos or more (min_tag_count)"
