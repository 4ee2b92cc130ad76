"""Draws the letters A to Z in every font below a folder, as images for a training: one subfolder a letter.

    python training/examples/letters.py /usr/share/fonts training/.work/letters

Writes OUT/train and OUT/held-out. A family's styles stay together: every fifth family is held out, so that a classifier which is
trained on these fonts has never seen those of the model. Fonts without Latin letters are left out, and so are styles whose letters
all look like another's.
"""

import argparse
from pathlib import Path
from string import ascii_uppercase

from PIL import Image, ImageDraw, ImageFont

SIZE, SUPERSAMPLE, LETTER = 64, 4, 0.62  # pixels, and the capitals' height as a share of them
HELD_OUT_EVERY = 5


def draw(font: ImageFont.FreeTypeFont, letter: str) -> Image.Image:
    """Black on white, in the middle; a letter that is too wide is made smaller."""
    side = SIZE * SUPERSAMPLE
    left, top, right, bottom = font.getbbox(letter)
    if right - left > 0.9 * side:
        font = font.font_variant(size=font.size * 0.9 * side / (right - left))
        left, top, right, bottom = font.getbbox(letter)
    image = Image.new("L", (side, side), 255)
    ImageDraw.Draw(image).text(((side - left - right) / 2, (side - top - bottom) / 2), letter, fill=0, font=font)
    return image.resize((SIZE, SIZE), Image.Resampling.BOX)


def alphabet(path: Path) -> tuple[str, list[Image.Image]] | None:
    """The font's family and its letters, if it has them all."""
    try:
        font = ImageFont.truetype(path, 200)
        top, bottom = font.getbbox("H")[1::2]
        font = ImageFont.truetype(path, round(200 * LETTER * SIZE * SUPERSAMPLE / (bottom - top)))
        letters = [draw(font, letter) for letter in ascii_uppercase]
    except (OSError, ValueError, ZeroDivisionError):
        return None
    has_all = len({letter.tobytes() for letter in letters}) == len(letters)  # a missing one is the same box
    return (font.getname()[0] or path.stem, letters) if has_all else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fonts", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    paths = sorted(path for path in args.fonts.rglob("*") if path.suffix.lower() in (".ttf", ".otf"))
    seen, families = set(), {}
    for path in paths:
        found = alphabet(path)
        if found and (look := found[1][1].tobytes() + found[1][17].tobytes()) not in seen:  # B and R
            seen.add(look)
            families.setdefault(found[0], []).append((path.stem, found[1]))
    for k, family in enumerate(sorted(families)):
        part = "held-out" if k % HELD_OUT_EVERY == 0 else "train"
        for name, letters in families[family]:
            for letter, image in zip(ascii_uppercase, letters):
                folder = args.out / part / letter
                folder.mkdir(parents=True, exist_ok=True)
                image.save(folder / f"{name}.png")
    print(f"{sum(map(len, families.values()))} of {len(paths)} fonts, {len(families)} families")


if __name__ == "__main__":
    main()
