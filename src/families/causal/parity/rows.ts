/** [rows, n] of each position -> [rows, positions, n] */
export function joinedByRow(positions: readonly Float32Array[], rows: number): Float32Array {
  const size = positions[0]!.length / rows;
  const joined = new Float32Array(rows * positions.length * size);
  for (const [position, data] of positions.entries())
    for (let row = 0; row < rows; row++)
      joined.set(data.subarray(row * size, (row + 1) * size), (row * positions.length + position) * size);
  return joined;
}
