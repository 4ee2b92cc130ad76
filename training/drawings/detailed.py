"""Draws the same twelve classes at 128x128, in detail: outlines, shading, eyes.

As in plain.py, an image is a function of (class, seed) alone, and what varies is kept small: colours, position, size, tilt.
"""

import math

import numpy as np

from .pen import *

SIZE, SUPERSAMPLE = 128, 4
CLASSES = ["star", "heart", "flower", "moon", "house", "tree", "fish", "sun", "face", "cat", "boat", "mushroom"]
LINE = 0.055


def polar(r, a, x=0.0, y=0.0):
    return x + r * math.cos(a), y + r * math.sin(a)


def eye(p: Pen, x, y, rx, ry, iris) -> None:
    """White, iris, pupil and a glint."""
    p.round_shape(x, y, rx, ry, WHITE, line=0.04)
    p.ellipse(x, y + 0.02, rx * 0.66, ry * 0.7, iris)
    p.ellipse(x, y + 0.02, rx * 0.36, ry * 0.42, (24, 22, 30))
    p.disc(x - rx * 0.25, y - ry * 0.3, rx * 0.24, WHITE)


def star(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, RED, BLUE, PURPLE)
    points = [polar(1.1 if k % 2 == 0 else 0.5, -math.pi / 2 + k * math.pi / 5, 0, 0.06) for k in range(10)]
    p.shape(points, colour, 0.08)
    for k in range(10):  # every spike has a light and a dark side
        p.polygon([(0, 0.06), points[k], points[(k + 1) % 10]], tone(colour, 1.3 if k % 2 else 0.82))


def heart(p: Pen) -> None:
    colour = p.pick(RED, PINK, PURPLE, ORANGE, BLUE)
    outline = heart_outline()
    p.polygon(outline, tone(colour, 0.82))
    p.polygon([(x * 0.86 - 0.07, y * 0.86 - 0.06) for x, y in outline], colour)
    p.line(outline, 0.07, tone(colour, 0.5))
    p.line(arc(-0.48, -0.38, 0.3, 0.3, math.pi * 0.95, math.pi * 1.5, steps=12), 0.12, WHITE)


def flower(p: Pen) -> None:
    colour = p.pick(RED, PINK, PURPLE, BLUE, ORANGE)
    p.line(arc(0.5, 0.4, 0.5, 0.9, math.pi * 1.15, math.pi * 0.72, steps=14), 0.12, tone(GREEN, 0.6))
    p.line(arc(0.5, 0.4, 0.5, 0.9, math.pi * 1.15, math.pi * 0.72, steps=14), 0.07, GREEN)
    for side, turn in ((-1, 0.55), (1, -0.55)):
        p.round_shape(side * 0.36 + 0.03, 0.74, 0.34, 0.14, GREEN, turn, line=0.045)
        dx, dy = 0.24 * math.cos(turn), 0.24 * math.sin(turn)
        x = side * 0.36 + 0.03
        p.line([(x - dx, 0.74 - dy), (x + dx, 0.74 + dy)], 0.03, tone(GREEN, 0.6))
    for k in range(8):
        a = -math.pi / 2 + (k + 0.5) * math.pi / 4
        x, y = polar(0.44, a, 0, -0.36)
        p.round_shape(x, y, 0.31, 0.18, colour, a, line=0.045)
        p.line([polar(0.3, a, 0, -0.36), polar(0.54, a, 0, -0.36)], 0.04, tone(colour, 0.72))
    p.round_shape(0, -0.36, 0.24, 0.24, YELLOW, line=0.05)
    for k in range(7):
        x, y = polar(0.13 if k else 0.0, k * math.pi / 3, 0, -0.36)
        p.disc(x, y, 0.035, tone(ORANGE, 0.8))


def moon(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, BLUE, PURPLE, GREY)
    outer = arc(-0.08, 0, 1.0, 1.0, 0.85, 2 * math.pi - 0.85, steps=60)
    tip_x, tip_y = outer[0]
    r = 0.84
    cx = tip_x - math.sqrt(r * r - tip_y * tip_y)
    angle = math.atan2(tip_y, tip_x - cx)
    inner = arc(cx, 0, r, r, 2 * math.pi - angle, angle, steps=50)
    p.shape(outer + inner[1:-1], colour, 0.07)
    for x, y, size in ((-0.78, -0.24, 0.13), (-0.66, 0.3, 0.16), (-0.3, 0.72, 0.1), (-0.42, -0.68, 0.09)):
        p.disc(x, y, size, tone(colour, 0.78))
        p.line(arc(x, y, size, size, math.pi * 0.85, math.pi * 1.75, steps=10), 0.035, tone(colour, 0.55))
    for x, y, size in ((0.42, -0.28, 0.2), (0.78, 0.2, 0.14), (0.4, 0.44, 0.1)):
        p.polygon([polar(size if k % 2 == 0 else size * 0.36, k * math.pi / 4 - math.pi / 2, x, y) for k in range(8)], tone(colour, 0.8))


def house(p: Pen) -> None:
    wall, roof = p.pick((YELLOW, RED), (WHITE, BLUE), (ORANGE, BROWN), (SKY, PURPLE), (PINK, RED))
    p.shape([(0.36, -0.98), (0.64, -0.98), (0.64, -0.2), (0.36, -0.2)], tone(RED, 0.75))
    p.shape([(0.31, -1.04), (0.69, -1.04), (0.69, -0.92), (0.31, -0.92)], GREY, 0.045)
    p.shape([(-0.8, -0.15), (0.8, -0.15), (0.8, 1.0), (-0.8, 1.0)], wall)
    p.polygon([(-0.77, -0.1), (0.77, -0.1), (0.77, 0.1), (-0.77, 0.1)], tone(wall, 0.85))  # the roof's shadow
    p.shape([(-1.1, 0.0), (0, -1.05), (1.1, 0.0)], roof)
    for y in (-0.7, -0.46, -0.22):  # rows of tiles
        half = 1.1 * (y + 1.05) / 1.05 - 0.06
        p.line([(-half, y), (half, y)], 0.035, tone(roof, 0.68))
    p.shape([(-0.58, 1.0), (-0.58, 0.42), *arc(-0.34, 0.42, 0.24, 0.2, math.pi, 2 * math.pi, steps=14), (-0.1, 1.0)], BROWN)
    p.disc(-0.18, 0.68, 0.04, YELLOW)
    p.shape([(0.14, 0.26), (0.62, 0.26), (0.62, 0.7), (0.14, 0.7)], (170, 214, 240))
    p.polygon([(0.17, 0.56), (0.17, 0.36), (0.25, 0.29), (0.44, 0.29)], WHITE)
    p.line([(0.38, 0.27), (0.38, 0.69)], 0.05, DARK)
    p.line([(0.15, 0.48), (0.61, 0.48)], 0.05, DARK)
    p.line([(-1.15, 1.02), (1.15, 1.02)], 0.1, GREEN)


def tree(p: Pen) -> None:
    colour = p.pick(GREEN, DEEP_GREEN, TEAL)
    p.ellipse(0, 1.06, 0.95, 0.1, tone(GREEN, 1.35))
    p.shape([(-0.15, 0.5), (0.15, 0.5), (0.19, 1.06), (-0.19, 1.06)], BROWN)
    p.polygon([(0.04, 0.5), (0.13, 0.5), (0.17, 1.04), (0.06, 1.04)], tone(BROWN, 0.75))
    for top, bottom, half in ((-0.34, 0.76, 0.9), (-0.74, 0.26, 0.72), (-1.12, -0.26, 0.52)):
        teeth = [(half * (1 - k / 4), bottom + (0.09 if k % 2 else 0.0)) for k in range(9)]  # a jagged edge
        p.shape([(0, top), *teeth], colour)
        p.polygon([(0.0, top + 0.1), (half - 0.08, bottom - 0.02), (half * 0.35, bottom - 0.04)], tone(colour, 0.78))
        p.line([(-half * 0.2, top + 0.42), (-half * 0.62, bottom - 0.12)], 0.06, tone(colour, 1.35))


def fish(p: Pen) -> None:
    colour, fin = p.pick((ORANGE, RED), (BLUE, SKY), (RED, ORANGE), (TEAL, YELLOW), (PURPLE, PINK))
    p.shape([(0.5, 0), (1.14, -0.56), (1.0, 0), (1.14, 0.56)], fin)
    for y in (-0.26, 0.0, 0.26):
        p.line([(0.72, y * 0.55), (0.98, y * 1.2)], 0.035, tone(fin, 0.6))
    p.shape([(-0.42, -0.44), (-0.2, -0.8), (0.22, -0.86), (0.42, -0.3)], fin)
    for x in (-0.16, 0.04, 0.22):
        p.line([(x, -0.5), (x + 0.04, -0.72)], 0.035, tone(fin, 0.6))
    p.shape([(-0.2, 0.42), (0.04, 0.78), (0.22, 0.4)], fin)
    p.round_shape(-0.2, 0, 0.9, 0.56, colour)
    p.polygon(arc(-0.2, 0.06, 0.8, 0.46, 0.25, math.pi - 0.25, steps=30), tone(colour, 1.3))
    for x, y in ((-0.02, -0.24), (0.26, -0.16), (0.1, -0.02), (-0.18, -0.02), (-0.02, 0.2), (0.26, 0.14), (0.42, -0.02)):
        p.line(arc(x, y, 0.12, 0.12, -1.2, 1.2, steps=8), 0.04, tone(colour, 0.68))
    p.line(arc(-0.66, 0, 0.34, 0.42, -0.95, 0.95, steps=12), 0.05, tone(colour, 0.5))
    p.shape([(-0.3, 0.08), (0.02, 0.02), (0.0, 0.32)], fin, 0.045)
    eye(p, -0.68, -0.14, 0.16, 0.16, (60, 60, 90))
    p.line(arc(-0.96, 0.06, 0.18, 0.16, 0.3, 1.5, steps=8), 0.05, tone(colour, 0.4))


def sun(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, RED)
    for k in range(16):
        a, length = k * math.pi / 8, 1.14 if k % 2 == 0 else 0.92
        p.shape([polar(0.56, a - 0.17), polar(length, a), polar(0.56, a + 0.17)], tone(colour, 1.0 if k % 2 == 0 else 1.3), 0.045)
    p.round_shape(0, 0, 0.6, 0.6, colour, line=0.07)
    p.disc(-0.05, -0.05, 0.47, tone(colour, 1.2))
    p.line(arc(0, 0, 0.44, 0.44, math.pi * 1.05, math.pi * 1.45, steps=10), 0.07, WHITE)


def face(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, PINK, GREEN, SKY)
    p.round_shape(0, 0, 1.0, 1.0, tone(colour, 0.86), line=0.07)
    p.disc(-0.06, -0.06, 0.9, colour)
    p.ellipse(-0.4, -0.62, 0.24, 0.1, tone(colour, 1.6), turn=-0.5)
    for side in (-1, 1):
        eye(p, side * 0.36, -0.2, 0.2, 0.26, (70, 110, 60) if colour != GREEN else (110, 70, 40))
        p.line(arc(side * 0.36, -0.4, 0.24, 0.2, math.pi * 1.2, math.pi * 1.8, steps=8), 0.07, DARK)
        p.ellipse(side * 0.68, 0.22, 0.15, 0.1, tone(RED, 1.35))
    mouth = arc(0, 0.22, 0.52, 0.5, 0, math.pi, steps=24)
    p.polygon(mouth, (120, 30, 44))
    p.polygon([(-0.5, 0.22), (0.5, 0.22), (0.46, 0.36), (-0.46, 0.36)], WHITE)
    p.ellipse(0, 0.62, 0.26, 0.1, (236, 110, 120))
    p.line([*mouth, mouth[0]], 0.06, DARK)


def cat(p: Pen) -> None:
    colour = p.pick(ORANGE, GREY, BROWN, DARK)
    line = (20, 18, 26) if colour == DARK else tone(colour, 0.5)
    for side in (-1, 1):
        p.shape([(side * 0.88, -1.05), (side * 0.14, -0.52), (side * 0.9, 0.08)], colour, 0.07)
        p.polygon([(side * 0.76, -0.8), (side * 0.4, -0.5), (side * 0.74, -0.28)], PINK)
    p.round_shape(0, 0.18, 0.94, 0.78, colour, line=0.07)
    for x, bottom in ((-0.2, -0.3), (0, -0.22), (0.2, -0.3)):
        p.line([(x, -0.5), (x * 0.8, bottom)], 0.08, tone(colour, 0.62) if colour != DARK else GREY)
    for side in (-1, 1):
        p.ellipse(side * 0.17, 0.5, 0.25, 0.2, tone(colour, 1.6) if colour != DARK else (150, 146, 158))
        p.round_shape(side * 0.4, 0.04, 0.21, 0.22, (206, 240, 130), line=0.05)
        p.ellipse(side * 0.4, 0.04, 0.08, 0.2, (20, 20, 24))
        p.disc(side * 0.4 - 0.05, -0.05, 0.055, WHITE)
        for start, end in ((0.42, 0.3), (0.52, 0.52), (0.62, 0.74)):
            p.line([(side * 0.46, start), (side * 1.14, end)], 0.035, (168, 166, 178) if colour == DARK else (40, 34, 40))
        p.line(arc(side * 0.13, 0.5, 0.13, 0.14, 0.1, math.pi - 0.1, steps=10), 0.045, line if colour != DARK else (20, 18, 26))
    p.shape([(-0.13, 0.34), (0.13, 0.34), (0, 0.5)], PINK, 0.04)


def boat(p: Pen) -> None:
    hull, sail = p.pick((BROWN, RED), (RED, YELLOW), (DARK, ORANGE), (PURPLE, PINK), (GREEN, YELLOW))
    p.shape([(-0.05, -1.1), (0.05, -1.1), (0.05, 0.5), (-0.05, 0.5)], BROWN, 0.04)
    p.shape([(0.05, -1.1), (0.44, -0.98), (0.05, -0.86)], tone(hull, 1.2), 0.04)
    p.shape([(0.12, -0.76), (0.12, 0.28), (0.94, 0.28), *arc(0.12, 0.28, 0.82, 1.04, -0.25, -1.3, steps=12)], sail)
    p.shape([(-0.12, -0.86), *arc(-0.12, 0.28, 0.66, 1.14, math.pi * 1.42, math.pi * 1.08, steps=12), (-0.78, 0.28), (-0.12, 0.28)], WHITE)
    for y in (-0.3, 0.0):
        p.line([(0.16, y), (0.12 + 0.82 * math.sqrt(1 - ((0.28 - y) / 1.04) ** 2) - 0.08, y)], 0.04, tone(sail, 0.7))
        p.line([(-0.16, y), (-0.12 - 0.66 * math.sqrt(1 - ((0.28 - y) / 1.14) ** 2) + 0.08, y)], 0.04, sail)
    p.shape([(-1.0, 0.42), (1.0, 0.42), (0.66, 0.94), (-0.66, 0.94)], hull)
    p.polygon([(-0.9, 0.52), (0.9, 0.52), (0.84, 0.61), (-0.84, 0.61)], WHITE)
    for x in (-0.4, 0.0, 0.4):
        p.round_shape(x, 0.74, 0.07, 0.07, SKY, line=0.04)
    crest = [(-1.15 + 0.0575 * k, 0.95 + 0.07 * math.sin(k * math.pi / 4)) for k in range(41)]
    p.polygon([*crest, (1.15, 1.16), (-1.15, 1.16)], BLUE)
    p.line(crest, 0.05, tone(BLUE, 1.6))


def mushroom(p: Pen) -> None:
    colour = p.pick(RED, ORANGE, PURPLE, BLUE, PINK)
    stem = (236, 214, 178)
    p.ellipse(0, 1.02, 0.9, 0.12, tone(GREEN, 1.35))
    p.shape([(-0.26, 0.0), (0.26, 0.0), (0.3, 0.6), (0.42, 1.02), (-0.42, 1.02), (-0.3, 0.6)], stem)
    p.polygon([(0.08, 0.1), (0.24, 0.1), (0.27, 0.6), (0.38, 0.99), (0.18, 0.99)], tone(stem, 0.82))
    p.shape([(-0.36, 0.5), (-0.24, 0.28), (0.24, 0.28), (0.36, 0.5), (0.18, 0.44), (0, 0.52), (-0.18, 0.44)], tone(stem, 1.5), 0.04)
    p.round_shape(0, 0.14, 0.86, 0.17, tone(stem, 0.8))
    for k in range(-4, 5):
        p.line([(k * 0.06, 0.06), (k * 0.19, 0.14 + 0.15 * math.sqrt(1 - (k * 0.19 / 0.87) ** 2))], 0.03, tone(stem, 0.5))
    p.shape(arc(0, 0.12, 1.08, 1.16, math.pi, 2 * math.pi) + arc(0, 0.12, 1.08, 0.1, 2 * math.pi, math.pi)[1:-1], colour, 0.065)
    p.polygon(arc(0, 0.1, 1.02, 1.08, -1.05, -0.05, steps=20) + [(0.7, 0.0)], tone(colour, 0.8))
    for x, y, rx, ry in ((-0.62, -0.22, 0.17, 0.2), (-0.12, -0.34, 0.22, 0.21), (0.5, -0.36, 0.19, 0.21), (0.16, -0.8, 0.19, 0.13), (-0.4, -0.68, 0.12, 0.1), (0.8, -0.06, 0.11, 0.13)):
        p.round_shape(x, y, rx, ry, WHITE, line=0.04)
    for x in (-0.7, -0.56, 0.58, 0.72):
        p.line([(x, 1.06), (x + 0.05, 0.84)], 0.05, GREEN)


# What stands on the ground stays upright; the rest tilts a little (radians).
DRAWERS = [(star, 0.12), (heart, 0.1), (flower, 0.05), (moon, 0.12), (house, 0.0), (tree, 0.0),
           (fish, 0.08), (sun, 0.1), (face, 0.08), (cat, 0.05), (boat, 0.0), (mushroom, 0.05)]


def draw(label: int, seed: int) -> np.ndarray:
    """One drawing as uint8 [128, 128, 3]."""
    return draw_on_ground(*DRAWERS[label], label, seed, SIZE, SUPERSAMPLE)
