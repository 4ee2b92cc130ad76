"""Draws images of 64x64, twelve classes that anyone names at sight.

An image is a function of (class, seed) alone. What varies is kept small on purpose (a palette, small shifts, little
rotation): a small model then spends its capacity on shape.
"""

import math

import numpy as np

from .pen import *

SIZE, SUPERSAMPLE = 64, 4
CLASSES = ["star", "heart", "flower", "moon", "house", "tree", "fish", "sun", "face", "cat", "boat", "mushroom"]


def star(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, RED, BLUE, PURPLE)
    spikes = [(1.08 if k % 2 == 0 else 0.5, -math.pi / 2 + k * math.pi / 5) for k in range(10)]
    p.polygon([(r * math.cos(a), 0.06 + r * math.sin(a)) for r, a in spikes], colour)


def heart(p: Pen) -> None:
    colour = p.pick(RED, PINK, PURPLE, ORANGE, BLUE)
    outline = heart_outline()
    p.polygon(outline, colour)
    p.ellipse(-0.5, -0.42, 0.2, 0.12, WHITE, turn=-0.75)


def flower(p: Pen) -> None:
    colour = p.pick(RED, PINK, PURPLE, BLUE, ORANGE)
    p.stroke([(0, -0.3), (0, 1.0)], 0.16, GREEN)
    p.ellipse(-0.34, 0.68, 0.34, 0.16, GREEN, turn=0.5)
    p.ellipse(0.34, 0.68, 0.34, 0.16, GREEN, turn=-0.5)
    for k in range(5):
        a = -math.pi / 2 + k * 2 * math.pi / 5
        p.disc(0.42 * math.cos(a), -0.32 + 0.42 * math.sin(a), 0.32, colour)
    p.disc(0, -0.32, 0.26, YELLOW)


def moon(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, BLUE, PURPLE, GREY)
    outer = arc(0.1, 0, 1.0, 1.0, 0.85, 2 * math.pi - 0.85, steps=60)
    tip_x, tip_y = outer[0]
    r = 0.82
    cx = tip_x - math.sqrt(max(r * r - tip_y * tip_y, 0.0))
    angle = math.atan2(tip_y, tip_x - cx)
    p.polygon(outer + arc(cx, 0, r, r, 2 * math.pi - angle, angle, steps=60), colour)


def house(p: Pen) -> None:
    wall, roof = p.pick((YELLOW, RED), (WHITE, BLUE), (ORANGE, BROWN), (SKY, PURPLE), (PINK, RED))
    p.polygon([(0.36, -0.95), (0.62, -0.95), (0.62, -0.2), (0.36, -0.2)], BROWN)
    p.polygon([(-0.78, -0.15), (0.78, -0.15), (0.78, 1.0), (-0.78, 1.0)], wall)
    p.polygon([(-1.05, -0.1), (0, -1.05), (1.05, -0.1)], roof)
    p.polygon([(-0.58, 0.28), (-0.12, 0.28), (-0.12, 1.0), (-0.58, 1.0)], BROWN)
    p.polygon([(0.16, 0.16), (0.6, 0.16), (0.6, 0.58), (0.16, 0.58)], DARK)


def tree(p: Pen) -> None:
    colour = p.pick(GREEN, DEEP_GREEN, TEAL)
    p.polygon([(-0.16, 0.5), (0.16, 0.5), (0.16, 1.08), (-0.16, 1.08)], BROWN)
    for top, bottom, half in ((-1.1, -0.3, 0.52), (-0.7, 0.22, 0.7), (-0.25, 0.74, 0.88)):
        p.polygon([(-half, bottom), (0, top), (half, bottom)], colour)


def fish(p: Pen) -> None:
    colour, fin = p.pick((ORANGE, RED), (BLUE, SKY), (RED, ORANGE), (TEAL, YELLOW), (PURPLE, PINK))
    p.polygon([(0.45, 0), (1.12, -0.55), (1.12, 0.55)], fin)
    p.polygon([(-0.35, -0.4), (0.15, -0.85), (0.4, -0.3)], fin)
    p.ellipse(-0.2, 0, 0.9, 0.56, colour)
    p.polygon([(-0.12, 0.0), (0.28, -0.16), (0.28, 0.28)], fin)
    p.disc(-0.62, -0.12, 0.2, WHITE)
    p.disc(-0.65, -0.12, 0.1, DARK)


def sun(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, RED)
    for k in range(8):
        a = k * math.pi / 4
        p.stroke([(r * math.cos(a), r * math.sin(a)) for r in (0.4, 1.04)], 0.2, colour)
    p.disc(0, 0, 0.58, colour)


def face(p: Pen) -> None:
    colour = p.pick(YELLOW, ORANGE, PINK, GREEN, SKY)
    p.disc(0, 0, 1.0, colour)
    p.ellipse(-0.36, -0.25, 0.15, 0.22, DARK)
    p.ellipse(0.36, -0.25, 0.15, 0.22, DARK)
    p.stroke(arc(0, 0.08, 0.55, 0.5, 0.25, math.pi - 0.25, steps=14), 0.16, DARK)


def cat(p: Pen) -> None:
    colour = p.pick(ORANGE, GREY, BROWN, DARK)
    for side in (-1, 1):
        p.polygon([(side * 0.9, -1.0), (side * 0.1, -0.55), (side * 0.88, 0.1)], colour)
        p.polygon([(side * 0.76, -0.76), (side * 0.36, -0.5), (side * 0.76, -0.24)], PINK)
    p.ellipse(0, 0.18, 0.92, 0.76, colour)
    for side in (-1, 1):
        p.ellipse(side * 0.36, 0.0, 0.17, 0.2, (206, 240, 130))
        p.ellipse(side * 0.36, 0.0, 0.07, 0.18, (20, 20, 24))
        for end in (0.16, 0.5):
            p.stroke([(side * 0.5, 0.33), (side * 1.12, end)], 0.1, WHITE if colour == DARK else DARK)
    p.polygon([(-0.13, 0.24), (0.13, 0.24), (0, 0.42)], PINK)


def boat(p: Pen) -> None:
    hull, sail = p.pick((BROWN, RED), (RED, YELLOW), (DARK, ORANGE), (PURPLE, PINK), (GREEN, YELLOW))
    p.polygon([(-0.06, -1.08), (0.06, -1.08), (0.06, 0.5), (-0.06, 0.5)], DARK)
    p.polygon([(0.06, -1.0), (0.06, 0.26), (0.92, 0.26)], sail)
    p.polygon([(-0.06, -0.8), (-0.06, 0.26), (-0.76, 0.26)], sail)
    p.polygon([(-0.98, 0.4), (0.98, 0.4), (0.62, 0.9), (-0.62, 0.9)], hull)
    p.polygon([(-1.1, 0.84), (1.1, 0.84), (1.1, 1.08), (-1.1, 1.08)], BLUE)


def mushroom(p: Pen) -> None:
    colour = p.pick(RED, ORANGE, PURPLE, BLUE, PINK)
    p.polygon([(-0.28, 0.0), (0.28, 0.0), (0.4, 1.0), (-0.4, 1.0)], (236, 214, 178))
    p.polygon(arc(0, 0.12, 1.05, 1.12, math.pi, 2 * math.pi) + arc(0, 0.12, 1.05, 0.16, 0, math.pi), colour)
    for x, y, r in ((-0.52, -0.16, 0.19), (0.04, -0.56, 0.21), (0.54, -0.14, 0.19), (0.02, -0.02, 0.13)):
        p.disc(x, y, r, WHITE)


# What stands on the ground stays upright; the rest tilts a little (radians).
DRAWERS = [(star, 0.12), (heart, 0.1), (flower, 0.05), (moon, 0.12), (house, 0.0), (tree, 0.0),
           (fish, 0.08), (sun, 0.1), (face, 0.08), (cat, 0.05), (boat, 0.0), (mushroom, 0.05)]


def draw(label: int, seed: int) -> np.ndarray:
    """One drawing as uint8 [64, 64, 3]."""
    return draw_on_ground(*DRAWERS[label], label, seed, SIZE, SUPERSAMPLE)
