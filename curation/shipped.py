"""Where the shipped support task lies: inside an installed wheel, or in the checkout."""

from pathlib import Path

from curation.errors import InputError

HERE = Path(__file__).parent


def support_folder() -> Path:
    """The folder of the shipped support task; InputError naming both places when it is in neither."""
    places = (HERE / "data" / "support", HERE.parent / "data" / "support")
    for place in places:
        if (place / "task.toml").is_file():
            return place
    raise InputError(
        f"the shipped task is missing: looked in {' and '.join(map(str, places))}. Install stillhouse again"
    )
