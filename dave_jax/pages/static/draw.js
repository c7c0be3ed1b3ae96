'use strict';

// Drawings of saliency maps, as dave_jax/media/overlay.py makes them.
(() => {
  const LEVELS = [0.25, 0.5, 0.75];

  // Returns for each of `size` places the four cells that cubic interpolation
  // takes and their weights, with the constants of cv2.INTER_CUBIC.
  const taps = (cells, size) => {
    const indices = new Int32Array(4 * size);
    const weights = new Float32Array(4 * size);
    const a = -0.75;
    for (let k = 0; k < size; k++) {
      const place = (k + 0.5) * cells / size - 0.5;
      const first = Math.floor(place);
      for (let tap = 0; tap < 4; tap++) {
        const x = Math.abs(place - (first - 1 + tap));
        indices[4 * k + tap] = Math.min(cells - 1, Math.max(0, first - 1 + tap));
        weights[4 * k + tap] = x <= 1
          ? ((a + 2) * x - (a + 3)) * x * x + 1
          : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
      }
    }
    return {indices, weights};
  };

  // Enlarges maps [height, width] by a whole factor.
  dave.Enlarger = class {
    constructor(height, width, factor) {
      Object.assign(this, {height, width});
      this.rows = height * factor;
      this.columns = width * factor;
      this.down = taps(height, this.rows);
      this.across = taps(width, this.columns);
      this.wide = new Float32Array(height * this.columns);
      this.large = new Float32Array(this.rows * this.columns);
    }

    // Returns the enlarged map, clipped to low..1; it is overwritten by the
    // next call.
    enlarge(map, low) {
      const {height, width, rows, columns, wide, large} = this;
      const {indices: i, weights: w} = this.across;
      for (let y = 0; y < height; y++) {
        const line = y * width;
        for (let x = 0, k = 0; x < columns; x++, k += 4) {
          wide[y * columns + x] =
            w[k] * map[line + i[k]] + w[k + 1] * map[line + i[k + 1]] +
            w[k + 2] * map[line + i[k + 2]] + w[k + 3] * map[line + i[k + 3]];
        }
      }
      const {indices: j, weights: v} = this.down;
      for (let y = 0, k = 0; y < rows; y++, k += 4) {
        const lines = [j[k], j[k + 1], j[k + 2], j[k + 3]];
        const [p, q, r, s] = lines.map((line) => line * columns);
        for (let x = 0; x < columns; x++) {
          const value = v[k] * wide[p + x] + v[k + 1] * wide[q + x] +
            v[k + 2] * wide[r + x] + v[k + 3] * wide[s + x];
          large[y * columns + x] = value < low ? low : value > 1 ? 1 : value;
        }
      }
      return large;
    }
  };

  const sum = (map) => map.reduce((total, value) => total + value, 0);

  // Returns a map as its height above the mean, where the peak is 1; null for
  // a constant map.
  dave.above = (map) => {
    const mean = sum(map) / map.length;
    const peak = Math.max(...map);
    if (!(peak > mean)) return null;
    return Float32Array.from(map, (value) => (value - mean) / (peak - mean));
  };

  // Returns the difference of two maps that sum to 1, where the peak of the
  // first is 1; null if either is zero.
  dave.difference = (own, other) => {
    const [first, second] = [sum(own), sum(other)];
    if (!first || !second) return null;
    const peak = Math.max(...own) / first;
    return Float32Array.from(own, (value, k) =>
      (value / first - other[k] / second) / peak);
  };

  // Fills an ImageData with the colours of an enlarged map.
  // values: 0 to 1; colours: RGB of 256 levels; opacity: At the peak.
  dave.paintHeat = (image, values, colours, opacity) => {
    const {data} = image;
    for (let k = 0, to = 0; k < values.length; k++, to += 4) {
      const from = 3 * Math.round(255 * values[k]);
      data[to] = colours[from];
      data[to + 1] = colours[from + 1];
      data[to + 2] = colours[from + 2];
      data[to + 3] = Math.round(255 * opacity * Math.sqrt(values[k]));
    }
  };

  // Fills an ImageData with an enlarged difference, -1 to 1: orange for more,
  // blue for less.
  dave.paintDifference = (image, values, opacity) => {
    const {data} = image;
    for (let k = 0, to = 0; k < values.length; k++, to += 4) {
      const more = values[k] > 0;
      data[to] = more ? 255 : 20;
      data[to + 1] = more ? 120 : 110;
      data[to + 2] = more ? 0 : 255;
      data[to + 3] =
        Math.round(255 * opacity * Math.sqrt(Math.abs(values[k])));
    }
  };

  // Draws lines at a quarter, half and three quarters of an enlarged map onto
  // a context whose size is that of the picture (marching squares).
  dave.drawContours = (context, values, rows, columns, colours) => {
    const {width, height} = context.canvas;
    const [across, down] = [width / columns, height / rows];
    context.lineWidth = Math.max(1.5, Math.min(width, height) / 200);
    for (const level of LEVELS) {
      const from = 3 * Math.round(255 * level);
      context.strokeStyle = `rgb(${colours.subarray(from, from + 3)})`;
      context.beginPath();
      for (let y = 0; y + 1 < rows; y++) {
        for (let x = 0; x + 1 < columns; x++) {
          segments(context, values, y * columns + x, columns, level,
            (u, v) => [(x + 0.5 + u) * across, (y + 0.5 + v) * down]);
        }
      }
      context.stroke();
    }
  };

  const segments = (context, values, k, columns, level, place) => {
    const a = values[k] - level;
    const b = values[k + 1] - level;
    const c = values[k + columns + 1] - level;
    const d = values[k + columns] - level;
    const sides = (a > 0) + (b > 0) + (c > 0) + (d > 0);
    if (sides === 0 || sides === 4) return;
    const points = [];
    if (a > 0 !== b > 0) points.push(place(a / (a - b), 0));
    if (b > 0 !== c > 0) points.push(place(1, b / (b - c)));
    if (c > 0 !== d > 0) points.push(place(d / (d - c), 1));
    if (d > 0 !== a > 0) points.push(place(0, a / (a - d)));
    for (let p = 0; p + 1 < points.length; p += 2) {
      context.moveTo(...points[p]);
      context.lineTo(...points[p + 1]);
    }
  };

  // Marks a place: a cross in a circle, visible on dark and bright pictures.
  dave.drawPeak = (context, x, y) => {
    const radius =
      Math.max(6, Math.min(context.canvas.width, context.canvas.height) / 40);
    for (const [colour, thickness] of [['#000', 4], ['#fff', 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = thickness;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.moveTo(x - 1.5 * radius, y);
      context.lineTo(x + 1.5 * radius, y);
      context.moveTo(x, y - 1.5 * radius);
      context.lineTo(x, y + 1.5 * radius);
      context.stroke();
    }
  };
})();
