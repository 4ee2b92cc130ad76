"""What the drawings are made with: colours, and a pen that places shapes on a canvas."""

import math

import numpy as np
from PIL import Image, ImageDraw

RED, ORANGE, YELLOW, GREEN = (222, 52, 56), (245, 140, 40), (250, 200, 40), (52, 160, 84)
TEAL, BLUE, PURPLE, PINK = (34, 158, 164), (52, 110, 214), (132, 76, 190), (238, 108, 164)
BROWN, DARK, WHITE, GREY = (140, 88, 54), (48, 44, 58), (255, 252, 246), (128, 132, 148)
DEEP_GREEN, SKY = (30, 118, 72), (96, 170, 232)
BACKGROUNDS = [(250, 236, 220), (226, 240, 250), (232, 246, 228), (246, 230, 244), (252, 246, 216), (232, 232, 250)]


class Pen:
    """Draws in shape coordinates: the origin is the shape's middle, one unit its radius, y grows downwards."""

    def __init__(self, canvas: Image.Image, rng: np.random.Generator, tilt: float):
        width = canvas.width
        self.draw = ImageDraw.Draw(canvas)
        self.rng = rng
        self.radius = rng.uniform(0.32, 0.37) * width
        self.x = (0.5 + rng.uniform(-0.03, 0.03)) * width
        self.y = (0.5 + rng.uniform(-0.03, 0.03)) * width
        angle = rng.uniform(-tilt, tilt)
        self.cos, self.sin = math.cos(angle), math.sin(angle)

    def pick(self, *colours):
        return colours[self.rng.integers(len(colours))]

    def place(self, x: float, y: float) -> tuple[float, float]:
        r = self.radius
        return self.x + r * (x * self.cos - y * self.sin), self.y + r * (x * self.sin + y * self.cos)

    def polygon(self, points, colour) -> None:
        self.draw.polygon([self.place(x, y) for x, y in points], fill=colour)

    def ellipse(self, x, y, rx, ry, colour, turn=0.0) -> None:
        self.polygon(arc(x, y, rx, ry, 0, 2 * math.pi, turn), colour)

    def disc(self, x, y, r, colour) -> None:
        self.ellipse(x, y, r, r, colour)

    def stroke(self, points, width, colour) -> None:
        """A thick line with round ends and joints."""
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            length = math.hypot(x1 - x0, y1 - y0)
            nx, ny = -(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
            self.polygon([(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)], colour)
        for x, y in points:
            self.disc(x, y, width / 2, colour)

    def line(self, points, width, colour) -> None:
        """The same, faster, with joints that Pillow draws."""
        placed, half = [self.place(x, y) for x, y in points], self.radius * width / 2
        self.draw.line(placed, fill=colour, width=round(2 * half), joint="curve")
        for x, y in (placed[0], placed[-1]):
            self.draw.ellipse([x - half, y - half, x + half, y + half], fill=colour)

    def shape(self, points, colour, line=0.055) -> None:
        """A polygon with an outline in a darker tone."""
        self.polygon(points, colour)
        self.line([*points, points[0]], line, tone(colour, 0.5))

    def round_shape(self, x, y, rx, ry, colour, turn=0.0, line=0.055) -> None:
        self.shape(arc(x, y, rx, ry, 0, 2 * math.pi, turn, steps=32)[:-1], colour, line)


def tone(colour, factor: float):
    """Darker below 1; above it, the part beyond 1 goes towards white."""
    if factor <= 1:
        return tuple(round(c * factor) for c in colour)
    return tuple(round(c + (255 - c) * (factor - 1)) for c in colour)


def arc(x, y, rx, ry, start, end, turn=0.0, steps=40):
    c, s = math.cos(turn), math.sin(turn)
    points = []
    for a in np.linspace(start, end, steps).tolist():
        u, v = rx * math.cos(a), ry * math.sin(a)
        points.append((x + u * c - v * s, y + u * s + v * c))
    return points


def heart_outline(steps=80):
    points = []
    for a in np.linspace(0, 2 * math.pi, steps):
        x = 16 * math.sin(a) ** 3
        y = 13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)
        points.append((x / 16.5, -(y + 2.5) / 15.5))
    return points


def draw_on_ground(drawer, tilt: float, label: int, seed: int, size: int, supersample: int) -> np.ndarray:
    """One drawing as uint8 [size, size, 3]: drawn larger and box-filtered, which gives clean anti-aliased edges."""
    rng = np.random.default_rng([seed, label])
    width = size * supersample
    ground = np.array(BACKGROUNDS[rng.integers(len(BACKGROUNDS))], np.float64)
    shade = 1 + rng.uniform(0.01, 0.04) * np.linspace(1, -1, width)  # lighter at the top
    rows = np.clip(ground[None] * shade[:, None], 0, 255)  # [width, 3]
    canvas = Image.fromarray(np.repeat(rows[:, None].astype(np.uint8), width, 1))
    drawer(Pen(canvas, rng, tilt))
    return np.asarray(canvas.resize((size, size), Image.BOX))
