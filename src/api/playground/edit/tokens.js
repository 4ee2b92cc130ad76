// Which tokens an edit draws again: the server's rule (src/model/edit.ts), so that the page can show it while the user paints.

/** The grid of a model's tokens and its size in pixels; undefined if the model cannot edit images. */
export function gridOf({ can_edit: canEdit, image_width: width, image_height: height, token_width, token_height }) {
  return canEdit ? { width, height, columns: width / token_width, rows: height / token_height } : undefined;
}

/**
 * The tokens that a mask touches, and `rings` of neighbours around them, the diagonal ones too. `mask` is
 * [grid.height, grid.width] in pixels. Returns [grid.rows, grid.columns]; 1: masked.
 */
export function maskedTokens(mask, grid, rings) {
  const { width, height, columns, rows } = grid;
  const masked = new Uint8Array(rows * columns);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (mask[y * width + x])
        masked[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)] = 1;
  const grown = new Uint8Array(masked.length);
  for (const [token, isMasked] of masked.entries()) {
    if (!isMasked) continue;
    const [row, column] = [Math.floor(token / columns), token % columns];
    for (let r = Math.max(0, row - rings); r <= Math.min(rows - 1, row + rings); r++)
      for (let c = Math.max(0, column - rings); c <= Math.min(columns - 1, column + rings); c++)
        grown[r * columns + c] = 1;
  }
  return grown;
}

/** How many of the masked tokens are drawn again: the share that `strength` asks for, at least one. */
export function sampledCount(masked, strength) {
  const count = masked.reduce((sum, isMasked) => sum + isMasked, 0);
  return Math.max(Math.min(1, count), Math.round(strength * count));
}

/**
 * Where image and window lie in the canvas, in pixels. The window is what the model draws: it has the model's size, and lies
 * at the edge that `extend` (`{side, tokens}`) moves outwards.
 */
export function layOut(source, grid, { side, tokens }) {
  const isAcross = side === "left" || side === "right";
  const pixels = tokens * (isAcross ? grid.width / grid.columns : grid.height / grid.rows);
  const width = source.width + (isAcross ? pixels : 0);
  const height = source.height + (isAcross ? 0 : pixels);
  return {
    width,
    height,
    image: { left: side === "left" ? pixels : 0, top: side === "top" ? pixels : 0 },
    window: {
      left: side === "right" ? width - grid.width : 0,
      top: side === "bottom" ? height - grid.height : 0,
    },
  };
}

/** The window's mask, [grid.height, grid.width]: what is painted on the image, and everything beside the image. */
export function windowMask(mask, grid, { image, window }) {
  const [left, top] = [window.left - image.left, window.top - image.top];
  return Uint8Array.from({ length: grid.width * grid.height }, (_, i) => {
    const [x, y] = [left + (i % grid.width), top + Math.floor(i / grid.width)];
    const isInside = x >= 0 && x < mask.width && y >= 0 && y < mask.height;
    return isInside ? mask.data[y * mask.width + x] : 1;
  });
}
